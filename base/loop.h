/* base/loop.h -- the event loop over libevent: descriptors, timers, signals, work posted from
 * another thread, and the barrier functions that run once a turn.
 *
 * One loop, one thread: every call but loop_post comes from the loop's thread. A turn is: wait for
 * events (or timers), run their callbacks, run the barriers in the order they were registered.
 * What a turn changes is made durable, written and logged by the barriers, once for all of it.
 * Timers run on base/clock, so that clock_step moves them in tests. */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/why.h"

struct loop;
struct watch;

#define LOOP_READ 1u
#define LOOP_WRITE 2u

/* Embedded in its owner, zero-initialised; armed at most once at a time (arming again moves it). */
struct timer {
    struct mono at;
    void (*fn)(void *arg);
    void *arg;
    int slot; /* the loop's: place in the heap + 1, 0 when not armed */
};

struct loop *loop_new(void);
void loop_free(struct loop **l);
int loop_run(struct loop *l, struct why *w) MUST_CHECK; /* until loop_stop */
void loop_stop(struct loop *l);
/* One turn. wait false: only what is ready. Answers whether anything ran. For tests and tools. */
bool loop_turn(struct loop *l, bool wait);

/* Level-triggered watch on fd, events LOOP_READ|LOOP_WRITE; the callback gets those ready. */
struct watch *loop_watch(struct loop *l, int fd, unsigned events,
                         void (*fn)(void *arg, unsigned events), void *arg);
void loop_want(struct watch *w, unsigned events);
void loop_unwatch(struct watch **w);

void loop_arm(struct loop *l, struct timer *t, int64_t ms, void (*fn)(void *), void *arg);
void loop_disarm(struct loop *l, struct timer *t); /* a timer not armed is fine */

void loop_signal(struct loop *l, int signo, void (*fn)(void *), void *arg);
void loop_barrier(struct loop *l, void (*fn)(void *), void *arg);
/* Run fn(arg) in the loop's thread in its next turn. The only call other threads may make. */
void loop_post(struct loop *l, void (*fn)(void *), void *arg);

#endif
