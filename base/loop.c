/* base/loop.c -- the event loop: libevent for descriptors and signals, our own timers. */
#include "base/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop_private.h"
#include "base/mem.h"

struct call {
    void (*fn)(void *arg);
    void *arg;
};

/* Timers of the same instant run in the order they were armed: seq. */
struct heap_place {
    struct timer *t;
    uint64_t seq;
};

struct post {
    struct post *next;
    struct call call;
};

struct on_signal {
    struct on_signal *next;
    struct loop *loop;
    struct event ev;
    struct call call;
};

struct watch {
    struct loop *loop;
    struct event readable, writable;
    void (*fn)(void *arg, unsigned events);
    void *arg;
    unsigned events;
};

struct loop {
    struct event_base *base;
    struct event tick; /* wakes libevent for the first of our timers */
    bool ran, stop;

    struct heap_place *heap;
    size_t timers, heap_size;
    uint64_t seq;

    struct call *barrier;
    size_t barriers;
    struct on_signal *signals;

    const struct loop_part *part;
    void *part_state;

    int post_fd; /* eventfd: other threads wake us through it */
    struct watch *post_watch;
    pthread_mutex_t post_lock; /* guards the list below */
    struct post *post_first, **post_last;
};

static void run(struct loop *l, struct call c)
{
    l->ran = true;
    c.fn(c.arg);
}

/* --- timers: a binary heap, earliest first; timer.slot is the place + 1 --- */

static bool earlier(const struct heap_place *a, const struct heap_place *b)
{
    return a->t->at.us != b->t->at.us ? a->t->at.us < b->t->at.us : a->seq < b->seq;
}

static void place(struct loop *l, size_t i, struct heap_place p)
{
    l->heap[i] = p;
    p.t->slot = (int)i + 1;
}

static void sift_up(struct loop *l, size_t i, struct heap_place p)
{
    for (size_t up; i > 0; i = up) {
        up = (i - 1) / 2;
        if (!earlier(&p, &l->heap[up]))
            break;
        place(l, i, l->heap[up]);
    }
    place(l, i, p);
}

static void sift_down(struct loop *l, size_t i, struct heap_place p)
{
    for (size_t down; (down = 2 * i + 1) < l->timers; i = down) {
        if (down + 1 < l->timers && earlier(&l->heap[down + 1], &l->heap[down]))
            down++;
        if (!earlier(&l->heap[down], &p))
            break;
        place(l, i, l->heap[down]);
    }
    place(l, i, p);
}

void loop_arm(struct loop *l, struct timer *t, int64_t ms, void (*fn)(void *), void *arg)
{
    loop_disarm(l, t);
    if (l->timers == l->heap_size) {
        l->heap_size = l->heap_size == 0 ? 16 : l->heap_size * 2;
        l->heap = mem_grow(l->heap, l->heap_size, sizeof *l->heap);
    }
    t->at = mono_in(ms < 0 ? 0 : ms);
    t->fn = fn;
    t->arg = arg;
    l->timers++;
    sift_up(l, l->timers - 1, (struct heap_place){t, l->seq++});
}

void loop_disarm(struct loop *l, struct timer *t)
{
    if (t->slot == 0)
        return;
    size_t i = (size_t)t->slot - 1;
    struct heap_place last = l->heap[--l->timers];
    t->slot = 0;
    if (last.t == t)
        return;
    if (i > 0 && earlier(&last, &l->heap[(i - 1) / 2]))
        sift_up(l, i, last);
    else
        sift_down(l, i, last);
}

/* A timer that arms itself again for now waits for the next turn: only those armed before run. */
static void run_timers(struct loop *l)
{
    if (l->timers == 0)
        return;
    int64_t now = mono_now().us;
    uint64_t before = l->seq;
    while (l->timers > 0 && l->heap[0].t->at.us <= now && l->heap[0].seq < before) {
        struct timer *t = l->heap[0].t;
        loop_disarm(l, t);
        run(l, (struct call){t->fn, t->arg});
    }
}

/* --- descriptors --- */

static void on_descriptor(evutil_socket_t fd, short what, void *arg)
{
    struct watch *w = arg;
    (void)fd;
    w->loop->ran = true;
    w->fn(w->arg, (what & EV_READ ? LOOP_READ : 0) | (what & EV_WRITE ? LOOP_WRITE : 0));
}

struct watch *loop_watch(struct loop *l, int fd, unsigned events,
                         void (*fn)(void *arg, unsigned events), void *arg)
{
    struct watch *w = mem_new(sizeof *w);
    w->loop = l;
    w->fn = fn;
    w->arg = arg;
    /* These fail only for a descriptor or base that is none of ours. */
    if (event_assign(&w->readable, l->base, fd, EV_READ | EV_PERSIST, on_descriptor, w) != 0 ||
        event_assign(&w->writable, l->base, fd, EV_WRITE | EV_PERSIST, on_descriptor, w) != 0)
        log_die("loop_watch: bad descriptor %d", fd);
    loop_want(w, events);
    return w;
}

static void switch_event(struct event *ev, bool on)
{
    if ((on ? event_add(ev, NULL) : event_del(ev)) != 0)
        log_die("loop_want: descriptor %d cannot be watched", (int)event_get_fd(ev));
}

void loop_want(struct watch *w, unsigned events)
{
    unsigned change = w->events ^ events;
    w->events = events;
    if ((change & LOOP_READ) != 0)
        switch_event(&w->readable, (events & LOOP_READ) != 0);
    if ((change & LOOP_WRITE) != 0)
        switch_event(&w->writable, (events & LOOP_WRITE) != 0);
}

void loop_unwatch(struct watch **w)
{
    if (*w == NULL)
        return;
    loop_want(*w, 0);
    free(*w);
    *w = NULL;
}

/* --- signals, posts, barriers --- */

static void on_signal(evutil_socket_t signo, short what, void *arg)
{
    struct on_signal *s = arg;
    (void)signo, (void)what;
    run(s->loop, s->call);
}

void loop_signal(struct loop *l, int signo, void (*fn)(void *), void *arg)
{
    struct on_signal *s = mem_new(sizeof *s);
    s->loop = l;
    s->call = (struct call){fn, arg};
    s->next = l->signals;
    l->signals = s;
    if (event_assign(&s->ev, l->base, signo, EV_SIGNAL | EV_PERSIST, on_signal, s) != 0 ||
        event_add(&s->ev, NULL) != 0)
        log_die("loop_signal: signal %d cannot be caught", signo);
}

void loop_barrier(struct loop *l, void (*fn)(void *), void *arg)
{
    l->barrier = mem_grow(l->barrier, l->barriers + 1, sizeof *l->barrier);
    l->barrier[l->barriers++] = (struct call){fn, arg};
}

void loop_post(struct loop *l, void (*fn)(void *), void *arg)
{
    struct post *p = mem_new(sizeof *p);
    p->call = (struct call){fn, arg};
    (void)pthread_mutex_lock(&l->post_lock);
    bool first = l->post_first == NULL;
    *l->post_last = p;
    l->post_last = &p->next;
    (void)pthread_mutex_unlock(&l->post_lock);
    uint64_t one = 1;
    /* An eventfd refuses only when its counter is full, and then the loop is awake anyway. */
    if (first && write(l->post_fd, &one, sizeof one) < 0 && errno != EAGAIN)
        log_die("loop_post: the loop cannot be woken");
}

static struct post *take_posts(struct loop *l)
{
    (void)pthread_mutex_lock(&l->post_lock);
    struct post *p = l->post_first;
    l->post_first = NULL;
    l->post_last = &l->post_first;
    (void)pthread_mutex_unlock(&l->post_lock);
    return p;
}

static void on_post(void *arg, unsigned events)
{
    struct loop *l = arg;
    (void)events;
    uint64_t count;
    if (read(l->post_fd, &count, sizeof count) < 0 && errno != EAGAIN && errno != EINTR)
        log_die("loop: the eventfd cannot be read");
    for (struct post *p = take_posts(l), *next; p != NULL; p = next) {
        next = p->next;
        struct call c = p->call;
        free(p);
        run(l, c);
    }
}

/* --- the turn --- */

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg; /* run_timers follows */
}

/* Arm the tick for the first timer; true when that is due already. With the clock stopped no real
 * time is waited for: only clock_step makes a timer due. */
static bool timer_due(struct loop *l)
{
    if (l->timers == 0) {
        if (evtimer_pending(&l->tick, NULL))
            (void)evtimer_del(&l->tick);
        return false;
    }
    int64_t left = l->heap[0].t->at.us - mono_now().us;
    if (left <= 0)
        return true;
    if (!clock_is_fake()) {
        struct timeval tv = {left / US_PER_S, left % US_PER_S};
        (void)evtimer_add(&l->tick, &tv);
    }
    return false;
}

static void run_barriers(struct loop *l)
{
    for (size_t i = 0; i < l->barriers; i++)
        l->barrier[i].fn(l->barrier[i].arg);
}

static int turn(struct loop *l, bool wait)
{
    l->ran = l->part != NULL && l->part->start(l->part_state);
    bool now = l->ran || !wait;
    if (timer_due(l))
        now = true;
    int r = event_base_loop(l->base, EVLOOP_ONCE | (now ? EVLOOP_NONBLOCK : 0));
    run_timers(l);
    run_barriers(l);
    /* What the flush made its owners do is a change of this turn as well. */
    if (l->part != NULL && l->part->flush(l->part_state)) {
        l->ran = true;
        run_barriers(l);
    }
    return r;
}

bool loop_turn(struct loop *l, bool wait)
{
    (void)turn(l, wait);
    return l->ran;
}

int loop_run(struct loop *l, struct why *w)
{
    while (!l->stop)
        if (turn(l, true) < 0)
            return why_set(w, E_TEMP, 0, NULL, "the event loop cannot wait for events");
    l->stop = false;
    return OK;
}

void loop_stop(struct loop *l)
{
    l->stop = true;
}

void loop_attach(struct loop *l, const struct loop_part *part, void *state)
{
    l->part = part;
    l->part_state = state;
}

void *loop_attached(const struct loop *l)
{
    return l->part_state;
}

static struct event_base *new_base(void)
{
    /* One thread touches the base (posts come through the eventfd), so it needs no locks. The
     * coarse clock is fine: our timers are compared with base/clock, and are seconds. */
    struct event_config *c = event_config_new();
    if (c == NULL || event_config_set_flag(c, EVENT_BASE_FLAG_NOLOCK) != 0 ||
        event_config_set_flag(c, EVENT_BASE_FLAG_IGNORE_ENV) != 0)
        log_die("loop_new: libevent has no configuration");
    struct event_base *base = event_base_new_with_config(c);
    event_config_free(c);
    return base;
}

struct loop *loop_new(void)
{
    struct loop *l = mem_new(sizeof *l);
    /* A peer that has gone is an error of the write, never a signal; TLS writes without
     * MSG_NOSIGNAL. */
    (void)signal(SIGPIPE, SIG_IGN);
    l->base = new_base();
    l->post_last = &l->post_first;
    l->post_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (l->base == NULL || l->post_fd < 0 || pthread_mutex_init(&l->post_lock, NULL) != 0 ||
        evtimer_assign(&l->tick, l->base, on_tick, NULL) != 0)
        log_die("loop_new: no event loop can be made");
    l->post_watch = loop_watch(l, l->post_fd, LOOP_READ, on_post, l);
    return l;
}

void loop_free(struct loop **lp)
{
    struct loop *l = *lp;
    if (l == NULL)
        return;
    if (l->part != NULL)
        l->part->done(l->part_state);
    for (struct post *p = take_posts(l), *next; p != NULL; p = next) {
        next = p->next;
        free(p);
    }
    for (struct on_signal *s = l->signals, *next; s != NULL; s = next) {
        next = s->next;
        (void)event_del(&s->ev);
        free(s);
    }
    (void)evtimer_del(&l->tick);
    loop_unwatch(&l->post_watch);
    (void)close(l->post_fd);
    (void)pthread_mutex_destroy(&l->post_lock);
    event_base_free(l->base);
    free(l->heap);
    free(l->barrier);
    free(l);
    *lp = NULL;
}
