/* base/work.h -- work that would keep the loop's thread too long, done in a few threads beside it.
 *
 * A job is a value: from work_give until its `done` everything that `run` touches belongs to the
 * job alone (or is shared in a way made for threads, as bodies are). `run` may not call the loop,
 * the log or anything else of the loop's thread; it leaves its result in the job. `done` runs on
 * the loop's thread on a later turn, where the result becomes something.
 *
 * Jobs begin in the order they were given, `soon` ones before the others. Of the threads only the
 * first takes jobs larger than `light`, so that a few large jobs do not hold up the small ones; of
 * those no more than `at_once` run together, so that a small machine has a processor left for the
 * loop. Threads begin with the first job and stay. */
#ifndef BASE_WORK_H
#define BASE_WORK_H

#include <stddef.h>
#include <sys/queue.h>

#include "base/loop.h"

struct work;

/* Embedded in its owner, which lives until `done`; zero-initialised. */
struct work_job {
    TAILQ_ENTRY(work_job) link; /* these two are the work's */
    enum work_state { WORK_NONE, WORK_WAITING, WORK_RUNNING, WORK_OVER } state;
    void (*run)(void *arg);            /* in a work thread */
    void (*done)(void *arg, bool ran); /* ran false: the work was closed before its turn */
    void *arg;
    uint64_t size; /* how much there is to do, in the measure of `light` */
    bool soon;     /* before those that wait: it goes on with what fills memory already */
};

/* threads, at_once: 1 or more. When not a single thread can be had, jobs run in the loop's. */
struct work *work_new(struct loop *l, unsigned threads, uint64_t light, unsigned at_once);
/* Waits for the jobs that run; every job given hears its `done` before the return. Not from within
 * a `done`. */
void work_free(struct work **w);
void work_give(struct work *w, struct work_job *j);
/* Take a job back that has not begun: true, and its `done` is not called. */
bool work_withdraw(struct work *w, struct work_job *j);
size_t work_left(const struct work *w); /* jobs given whose `done` has not been called */

#endif
