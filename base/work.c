/* base/work.c -- jobs beside the loop's thread. */
#include "base/work.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

#define NICE 10

TAILQ_HEAD(jobs, work_job);

struct thread {
    struct work *w;
    pthread_t id;
    bool any; /* it takes jobs of every size */
};
struct work {
    /* The loop's thread's alone. */
    struct watch *watch;
    struct thread *thread;
    unsigned nthread, most; /* running, wanted */
    size_t left;
    uint64_t light;
    unsigned at_once;
    int wake_fd;          /* eventfd: a job is over */
    pthread_mutex_t lock; /* guards what follows, and the state of every job given */
    pthread_cond_t given;
    struct jobs waiting, over;
    unsigned lights; /* light jobs that run */
    bool closing;
};

/* --- the threads --- */

static bool is_light(const struct work *w, const struct work_job *j)
{
    return j->size <= w->light;
}

static struct work_job *next_job(struct work *w, bool any)
{
    struct work_job *j = TAILQ_FIRST(&w->waiting);
    while (j != NULL && !(is_light(w, j) ? w->lights < w->at_once : any))
        j = TAILQ_NEXT(j, link);
    if (j != NULL) {
        TAILQ_REMOVE(&w->waiting, j, link);
        j->state = WORK_RUNNING;
        w->lights += is_light(w, j);
    }
    return j;
}

/* Called with the lock, as is_over. */
static void add_waiting(struct work *w, struct work_job *j)
{
    struct work_job *at = TAILQ_FIRST(&w->waiting);
    while (j->soon && at != NULL && at->soon)
        at = TAILQ_NEXT(at, link);
    if (j->soon && at != NULL)
        TAILQ_INSERT_BEFORE(at, j, link);
    else
        TAILQ_INSERT_TAIL(&w->waiting, j, link);
}

static void is_over(struct work *w, struct work_job *j)
{
    uint64_t one = 1;
    bool first = TAILQ_EMPTY(&w->over);
    j->state = WORK_OVER;
    TAILQ_INSERT_TAIL(&w->over, j, link);
    /* An eventfd refuses only when its counter is full, and then the loop is awake anyway. */
    if (first && write(w->wake_fd, &one, sizeof one) < 0 && errno != EAGAIN)
        log_die("work: the loop cannot be woken");
}

/* The loop goes first, and whoever takes what was made before: without that the queue grows while
 * the machine is busy making what is to go into it. */
static void *work_on(void *arg)
{
    struct thread *t = arg;
    struct work *w = t->w;
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    (void)pthread_mutex_lock(&w->lock);
    while (!w->closing) {
        struct work_job *j = next_job(w, t->any);
        if (j == NULL) {
            (void)pthread_cond_wait(&w->given, &w->lock);
            continue;
        }
        (void)pthread_mutex_unlock(&w->lock);
        j->run(j->arg);
        (void)pthread_mutex_lock(&w->lock);
        w->lights -= is_light(w, j);
        is_over(w, j);
    }
    (void)pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* --- the loop's side --- */

static struct work_job *take_over(struct work *w)
{
    (void)pthread_mutex_lock(&w->lock);
    struct work_job *j = TAILQ_FIRST(&w->over);
    if (j != NULL) {
        TAILQ_REMOVE(&w->over, j, link);
        j->state = WORK_NONE;
    }
    (void)pthread_mutex_unlock(&w->lock);
    return j;
}

static void tell(struct work *w, struct work_job *j, bool ran)
{
    w->left--;
    j->done(j->arg, ran); /* it may be gone now */
}

/* Only those that are over now: a `done` that gives another job does not keep the turn going. */
static void on_over(void *arg, unsigned events)
{
    struct work *w = arg;
    struct work_job *j;
    struct jobs now = TAILQ_HEAD_INITIALIZER(now);
    uint64_t count;
    (void)events;
    if (read(w->wake_fd, &count, sizeof count) < 0 && errno != EAGAIN && errno != EINTR)
        log_die("work: the eventfd cannot be read");
    while ((j = take_over(w)) != NULL)
        TAILQ_INSERT_TAIL(&now, j, link);
    while ((j = TAILQ_FIRST(&now)) != NULL) {
        TAILQ_REMOVE(&now, j, link);
        tell(w, j, true);
    }
}

struct work *work_new(struct loop *l, unsigned threads, uint64_t light, unsigned at_once)
{
    struct work *w = mem_new(sizeof *w);
    w->most = threads;
    w->light = light;
    w->at_once = at_once;
    w->thread = mem_new(threads * sizeof *w->thread);
    TAILQ_INIT(&w->waiting);
    TAILQ_INIT(&w->over);
    w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (w->wake_fd < 0 || pthread_mutex_init(&w->lock, NULL) != 0 ||
        pthread_cond_init(&w->given, NULL) != 0)
        log_die("work_new: no work threads can be had");
    w->watch = loop_watch(l, w->wake_fd, LOOP_READ, on_over, w);
    return w;
}

/* Signals are the loop's. */
static void launch(struct work *w)
{
    sigset_t all, before;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (w->nthread < w->most) {
        struct thread *t = &w->thread[w->nthread];
        *t = (struct thread){.w = w, .any = w->nthread == 0};
        if (pthread_create(&t->id, NULL, work_on, t) != 0)
            break; /* those there are do it; the next job tries again */
        w->nthread++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void work_give(struct work *w, struct work_job *j)
{
    bool alone;
    if (!w->closing) /* by us alone: it can be read without the lock */
        launch(w);
    alone = w->nthread == 0 && !w->closing;
    w->left++;
    if (alone)
        j->run(j->arg);
    (void)pthread_mutex_lock(&w->lock);
    if (alone) {
        is_over(w, j);
    } else {
        j->state = WORK_WAITING;
        add_waiting(w, j);
        if (is_light(w, j))
            (void)pthread_cond_signal(&w->given);
        else /* one that takes only light ones may be woken */
            (void)pthread_cond_broadcast(&w->given);
    }
    (void)pthread_mutex_unlock(&w->lock);
}

bool work_withdraw(struct work *w, struct work_job *j)
{
    (void)pthread_mutex_lock(&w->lock);
    bool waits = j->state == WORK_WAITING;
    if (waits) {
        TAILQ_REMOVE(&w->waiting, j, link);
        j->state = WORK_NONE;
        w->left--;
    }
    (void)pthread_mutex_unlock(&w->lock);
    return waits;
}

size_t work_left(const struct work *w)
{
    return w->left;
}

void work_free(struct work **wp)
{
    struct work *w = *wp;
    struct work_job *j;
    if (w == NULL)
        return;
    *wp = NULL;
    (void)pthread_mutex_lock(&w->lock);
    w->closing = true;
    (void)pthread_cond_broadcast(&w->given);
    (void)pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < w->nthread; i++)
        (void)pthread_join(w->thread[i].id, NULL);
    while ((j = take_over(w)) != NULL)
        tell(w, j, true);
    while ((j = TAILQ_FIRST(&w->waiting)) != NULL) {
        TAILQ_REMOVE(&w->waiting, j, link);
        j->state = WORK_NONE;
        tell(w, j, false);
    }
    loop_unwatch(&w->watch);
    (void)close(w->wake_fd);
    (void)pthread_cond_destroy(&w->given);
    (void)pthread_mutex_destroy(&w->lock);
    free(w->thread);
    free(w);
}
