/* base/stream.c -- buffered non-blocking streams: one callback, output written once a turn. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/stream_private.h"
#include "base/tlsio.h"

#define TLS_RECORD 16384       /* a read of this many may have more behind it */
#define FINISH_MS 30000        /* stream_finish: for the output to go out */
#define LINGER_MS 5000         /* and then for the peer to close */
#define LINGER_MOST (1u << 20) /* bytes it may still send meanwhile */

static void on_timer(void *arg);

/* --- bookkeeping --- */

void stream_mark_dirty(struct stream *s)
{
    if (s->dirty || s->phase >= LINGER)
        return;
    s->dirty = true;
    TAILQ_INSERT_TAIL(&s->all->dirty, s, dirty_link);
    s->all->ndirty++;
}

static void unmark_dirty(struct stream *s)
{
    if (!s->dirty)
        return;
    s->dirty = false;
    TAILQ_REMOVE(&s->all->dirty, s, dirty_link);
    s->all->ndirty--;
}

void stream_kick(struct stream *s)
{
    if (s->kicked)
        return;
    s->kicked = true;
    TAILQ_INSERT_TAIL(&s->all->kicked, s, kick_link);
    s->all->nkicked++;
}

static void unkick(struct stream *s)
{
    if (!s->kicked)
        return;
    s->kicked = false;
    TAILQ_REMOVE(&s->all->kicked, s, kick_link);
    s->all->nkicked--;
}

static size_t unread(const struct stream *s)
{
    return s->in.n - s->in_at + s->fresh.n;
}

static bool may_read(const struct stream *s)
{
    return !s->held && !s->eof && unread(s) < s->limit;
}

/* The descriptor events that the state asks for. */
static unsigned wanted(const struct stream *s)
{
    unsigned write = s->write_blocked ? LOOP_WRITE : 0;
    switch (s->phase) {
    case CONNECTING:
        return s->fd >= 0 && !s->unsaid_open && !s->unsaid_fail ? LOOP_WRITE : 0;
    case HANDSHAKE:
        return write | (s->plain_left == 0 ? LOOP_READ : 0);
    case OPEN:
        return write | (may_read(s) ? LOOP_READ : 0);
    case LINGER:
        return LOOP_READ;
    case FAILED:
    case DEAD:
        break;
    }
    return 0;
}

/* While the owner is called its changes of mind are only counted at the end. */
void stream_update_wants(struct stream *s)
{
    if (s->calling || s->watch == NULL)
        return;
    loop_want(s->watch, wanted(s));
    if (s->phase == OPEN && s->tls != NULL && may_read(s) && tlsio_pending(s->tls))
        stream_kick(s);
}

static void fire(struct stream *s, enum stream_event ev)
{
    if (s->fn == NULL)
        return;
    bool nested = s->calling;
    s->calling = true;
    s->all->called = true;
    s->fn(s, ev, s->arg);
    s->calling = nested;
    if (s->phase != DEAD)
        stream_update_wants(s);
}

/* Take the stream off everything; its memory stays until the end of the turn, for the callers of
 * its callback still look at it. */
static void kill(struct stream *s)
{
    unmark_dirty(s);
    unkick(s);
    loop_disarm(s->loop, &s->timer);
    loop_unwatch(&s->watch);
    if (s->tls != NULL)
        tlsio_free(&s->tls);
    if (s->fd >= 0)
        (void)close(s->fd);
    s->fd = -1;
    s->fn = NULL;
    s->phase = DEAD;
    if (s->finishing)
        LIST_REMOVE(s, life_link);
    LIST_INSERT_HEAD(&s->all->dead, s, life_link);
}

static void reap(struct streams *all)
{
    for (struct stream *s; (s = LIST_FIRST(&all->dead)) != NULL;) {
        LIST_REMOVE(s, life_link);
        buf_done(&s->in);
        buf_done(&s->out);
        free(s->facts);
        free(s->why);
        free(s);
    }
}

struct why *stream_why_of(struct stream *s)
{
    if (s->why == NULL)
        s->why = mem_new(sizeof *s->why);
    return s->why;
}

/* Broken, *s->why is filled. A stream that its owner has finished just goes. */
static void fail(struct stream *s)
{
    if (s->finishing) {
        kill(s);
        return;
    }
    s->phase = FAILED;
    unmark_dirty(s);
    loop_disarm(s->loop, &s->timer);
    loop_unwatch(&s->watch);
    fire(s, STREAM_FAIL);
}

/* The same where the owner may not be called now. */
void stream_fail_later(struct stream *s)
{
    s->unsaid_fail = true;
    s->write_blocked = false;
    stream_kick(s);
}

void stream_restart_timer(struct stream *s)
{
    if (s->timeout_ms <= 0 || s->held || s->phase >= LINGER)
        return;
    s->deadline = mono_in(s->timeout_ms);
    if (s->timer.slot == 0 || s->timer.at.us > s->deadline.us)
        loop_arm(s->loop, &s->timer, s->timeout_ms, on_timer, s);
}

/* --- output --- */

static void linger(struct stream *s)
{
    s->eof = s->eof || s->write_broken;
    if (s->eof || s->phase != OPEN) {
        kill(s);
        return;
    }
    /* Closing with unread input would reset the connection and could take our last reply with it:
     * shut our side and let the peer close first. */
    if (s->tls != NULL)
        tlsio_bye(s->tls);
    (void)shutdown(s->fd, SHUT_WR);
    s->phase = LINGER;
    s->write_blocked = false;
    loop_arm(s->loop, &s->timer, LINGER_MS, on_timer, s);
    stream_update_wants(s);
}

static void linger_read(struct stream *s)
{
    ssize_t n = recv(s->fd, s->all->scratch, sizeof s->all->scratch, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        s->lingered += (size_t)n;
    if (n <= 0 || s->lingered > LINGER_MOST)
        kill(s);
}

/* A write that failed; *w is filled. When the peer has reset, what it said before is still to be
 * read: an SMTP server that closes on us has told why. */
static void write_failed(struct stream *s)
{
    bool reset = s->tls == NULL && (errno == EPIPE || errno == ECONNRESET);
    buf_done(&s->out);
    s->out_at = s->plain_left = 0;
    s->write_blocked = false;
    s->write_broken = true;
    if (!reset || !may_read(s) || s->finishing)
        stream_fail_later(s);
}

static ssize_t write_once(struct stream *s)
{
    const uint8_t *p = s->out.p + s->out_at;
    size_t n = stream_queued(s);
    if (s->tls != NULL && s->plain_left == 0)
        return tlsio_write(s->tls, p, n, stream_why_of(s));
    ssize_t r = send(s->fd, p, s->plain_left > 0 ? s->plain_left : n, MSG_NOSIGNAL);
    if (r >= 0)
        return r;
    if (errno == EAGAIN || errno == EINTR)
        return TLSIO_WANT_WRITE;
    int e = errno;
    (void)why_errno(stream_why_of(s), "connection broken");
    s->why->err = E_GONE;
    errno = e;
    return TLSIO_BROKEN;
}

/* Write what the kernel takes. Nobody is called. */
static void write_some(struct stream *s)
{
    bool ready = s->phase == OPEN || (s->phase == HANDSHAKE && s->plain_left > 0);
    s->write_blocked = false;
    while (ready && stream_queued(s) > 0) {
        ssize_t r = write_once(s);
        if (r == TLSIO_BROKEN) {
            write_failed(s);
            return;
        }
        if (r <= 0) { /* TLS that waits for input will find it: reading is on */
            s->write_blocked = r != TLSIO_WANT_READ;
            break;
        }
        s->out_at += (size_t)r;
        if (s->plain_left > 0) {
            s->plain_left -= (size_t)r;
            ready = s->plain_left > 0 || s->phase == OPEN;
        }
    }
    if (stream_queued(s) == 0) {
        buf_done(&s->out);
        s->out_at = 0;
    }
    stream_update_wants(s);
}

/* After writing outside stream_put: tell that all is out. */
static void after_write(struct stream *s)
{
    if (s->phase == HANDSHAKE && s->plain_left == 0 && !s->unsaid_fail)
        stream_kick(s); /* begin, or go on, with TLS */
    if (s->phase != OPEN || stream_queued(s) > 0 || s->unsaid_fail)
        return;
    if (s->finishing) {
        linger(s);
    } else if (s->unsaid_drain && !s->write_broken) {
        s->unsaid_drain = false;
        fire(s, STREAM_DRAINED);
    }
}

/* --- input --- */

static void input_end(struct stream *s)
{
    s->eof = true;
    if (s->write_broken) {
        fail(s);
        return;
    }
    fire(s, STREAM_EOF);
}

/* Up to n bytes into the scratch space; as tlsio_read. */
static ssize_t read_once(struct stream *s, size_t n)
{
    if (s->tls != NULL) {
        size_t got = 0;
        ssize_t r;
        do {
            r = tlsio_read(s->tls, s->all->scratch + got, n - got, stream_why_of(s));
            got += r > 0 ? (size_t)r : 0;
        } while (r > 0 && got < n && (r == TLS_RECORD || tlsio_pending(s->tls)));
        /* An end or a failure behind these bytes shows itself again. */
        return got > 0 ? (ssize_t)got : r;
    }
    ssize_t r = recv(s->fd, s->all->scratch, n, 0);
    if (r >= 0)
        return r;
    if (errno == EAGAIN || errno == EINTR)
        return TLSIO_WANT_READ;
    if (!s->write_broken) {
        (void)why_errno(stream_why_of(s), "connection broken");
        s->why->err = E_GONE;
    }
    return TLSIO_BROKEN;
}

/* n bytes in the scratch space are input. With nothing before them they stay there while the owner
 * is called: mostly he takes them all. */
static void new_input(struct stream *s, size_t n)
{
    if (unread(s) == 0) {
        s->fresh = (struct str){(const char *)s->all->scratch, n};
        return;
    }
    if (s->in_at > 0) {
        buf_take(&s->in, s->in_at);
        s->in_at = 0;
    }
    buf_add(&s->in, s->all->scratch, n);
}

/* The scratch space is for others again. */
static void keep_fresh(struct stream *s)
{
    struct str rest = s->fresh;
    s->fresh = STR("");
    if (rest.n > 0 && s->phase != DEAD)
        buf_str(&s->in, rest);
}

static bool input_fits(struct stream *s)
{
    if (!s->in.over || s->phase > OPEN)
        return true;
    (void)why_set(stream_why_of(s), E_TEMP, 421, "4.3.2", "no memory for input");
    fail(s);
    return false;
}

static void read_some(struct stream *s)
{
    if (s->phase != OPEN || !may_read(s))
        return;
    size_t room = s->limit - unread(s);
    ssize_t r = read_once(s, room < STREAM_READ_MOST ? room : STREAM_READ_MOST);
    if (r == TLSIO_BROKEN) {
        fail(s);
    } else if (r == TLSIO_WANT_WRITE) {
        s->write_blocked = true;
        stream_update_wants(s);
    } else if (r == 0) {
        input_end(s);
    } else if (r > 0 && !s->finishing) {
        new_input(s, (size_t)r);
        stream_restart_timer(s);
        if (!input_fits(s))
            return;
        fire(s, STREAM_DATA);
        keep_fresh(s);
        (void)input_fits(s);
    }
}

/* --- becoming open --- */

static void opened(struct stream *s)
{
    s->phase = OPEN;
    if (stream_queued(s) > 0)
        stream_mark_dirty(s);
    stream_restart_timer(s);
    fire(s, STREAM_OPEN);
}

static void connect_done(struct stream *s)
{
    int e = 0;
    socklen_t n = sizeof e;
    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &e, &n) != 0)
        e = errno;
    if (e == 0) {
        opened(s);
        return;
    }
    char at[64];
    errno = e;
    (void)why_errno(stream_why_of(s), "cannot connect");
    why_prefix(s->why, "%s", endpoint_text(&s->peer, true, at));
    fail(s);
}

static void handshake(struct stream *s)
{
    int r = tlsio_handshake(s->tls, stream_why_of(s));
    if (r == TLSIO_BROKEN) {
        fail(s);
        return;
    }
    s->write_blocked = r == TLSIO_WANT_WRITE;
    if (r != 1) {
        stream_update_wants(s);
        return;
    }
    char facts[128];
    tlsio_facts(s->tls, facts, sizeof facts);
    s->facts = mem_dup(facts);
    s->phase = OPEN;
    if (stream_queued(s) > 0 || s->finishing)
        stream_mark_dirty(s);
    stream_restart_timer(s);
    fire(s, STREAM_SECURE);
    /* Data may have come in one segment with the end of the handshake. */
    if (s->phase == OPEN)
        stream_update_wants(s);
}

/* --- events --- */

/* An open stream, or one whose plain output has to go before TLS begins. TLS may want the one
 * direction for the other, so it gets both tries. */
static void serve_data(struct stream *s, unsigned events)
{
    if ((events & LOOP_WRITE) != 0)
        s->write_blocked = false;
    if ((events & LOOP_READ) != 0 || s->tls != NULL)
        read_some(s);
    if (s->phase <= OPEN && stream_queued(s) > 0 && !s->write_blocked) {
        stream_restart_timer(s); /* a peer that takes what waited for it is not silent */
        write_some(s);
        after_write(s);
    } else if (s->phase <= OPEN) {
        stream_update_wants(s);
    }
}

void stream_on_event(void *arg, unsigned events)
{
    struct stream *s = arg;
    if (s->phase == CONNECTING) {
        connect_done(s);
    } else if (s->phase == LINGER) {
        linger_read(s);
    } else if (s->phase == HANDSHAKE && s->plain_left == 0) {
        handshake(s);
    } else {
        serve_data(s, events);
    }
}

static void on_timer(void *arg)
{
    struct stream *s = arg;
    if (s->finishing) {
        kill(s);
        return;
    }
    int64_t left = mono_ms(mono_now(), s->deadline);
    if (s->deadline.us > mono_now().us)
        loop_arm(s->loop, &s->timer, left > 0 ? left : 1, on_timer, s);
    else
        fire(s, STREAM_TIMEOUT);
}

/* What waited for a turn of its own. */
static void serve_kick(struct stream *s)
{
    if (s->unsaid_fail) {
        s->unsaid_fail = false;
        fail(s);
    } else if (s->unsaid_open) {
        s->unsaid_open = false;
        opened(s);
    } else if (s->phase == HANDSHAKE && s->plain_left == 0) {
        handshake(s);
    } else if (s->phase == OPEN) {
        bool tell = s->unsaid_data && unread(s) > 0 && !s->held;
        s->unsaid_data = false;
        if (tell)
            fire(s, STREAM_DATA);
        if (s->phase == OPEN && s->tls != NULL && tlsio_pending(s->tls))
            read_some(s);
    }
}

static bool start(void *state)
{
    struct streams *all = state;
    all->called = false;
    for (size_t n = all->nkicked; n > 0 && all->nkicked > 0; n--) {
        struct stream *s = TAILQ_FIRST(&all->kicked);
        unkick(s);
        serve_kick(s);
    }
    return all->called || all->ndirty > 0 || all->nkicked > 0;
}

/* Only those dirty now: what DRAINED makes them put is for the next turn, so that a fast peer does
 * not keep us here. */
static bool flush(void *state)
{
    struct streams *all = state;
    all->called = false;
    for (size_t n = all->ndirty; n > 0 && all->ndirty > 0; n--) {
        struct stream *s = TAILQ_FIRST(&all->dirty);
        unmark_dirty(s);
        if (!s->write_blocked)
            write_some(s);
        after_write(s);
    }
    reap(all);
    return all->called;
}

static void done(void *state)
{
    struct streams *all = state;
    for (struct stream *s; (s = LIST_FIRST(&all->finishing)) != NULL;)
        kill(s);
    reap(all);
    free(all);
}

const struct loop_part stream_part = {.start = start, .flush = flush, .done = done};

/* --- what owners do --- */

void stream_free(struct stream **sp)
{
    struct stream *s = *sp;
    *sp = NULL;
    if (s != NULL)
        kill(s);
}

void stream_finish(struct stream **sp)
{
    struct stream *s = *sp;
    *sp = NULL;
    if (s == NULL)
        return;
    if ((s->phase != OPEN && s->phase != HANDSHAKE) || s->unsaid_fail || s->write_broken) {
        kill(s);
        return;
    }
    s->fn = NULL;
    s->finishing = true;
    s->held = true; /* what the peer says now matters only when lingering */
    LIST_INSERT_HEAD(&s->all->finishing, s, life_link);
    loop_arm(s->loop, &s->timer, FINISH_MS, on_timer, s);
    stream_mark_dirty(s);
    stream_update_wants(s);
}

void stream_owner(struct stream *s, stream_fn *fn, void *arg)
{
    s->fn = fn;
    s->arg = arg;
    if (unread(s) > 0) {
        s->unsaid_data = true;
        stream_kick(s);
    }
}

struct cur stream_in(struct stream *s)
{
    if (s->fresh.n > 0)
        return cur_of_str(s->fresh);
    return unread(s) == 0 ? cur_of(NULL, 0) : cur_of(s->in.p + s->in_at, unread(s));
}

void stream_take(struct stream *s, size_t n)
{
    n = n < unread(s) ? n : unread(s);
    if (s->fresh.n > 0)
        s->fresh = str_sub(s->fresh, n, s->fresh.n);
    else
        s->in_at += n;
    if (unread(s) == 0) { /* an idle stream holds no buffer */
        buf_done(&s->in);
        s->in_at = 0;
    }
    stream_update_wants(s);
}

void stream_limit(struct stream *s, size_t bytes)
{
    s->limit = bytes;
    stream_update_wants(s);
}

/* Room for more output; false when it would go nowhere. */
static bool may_put(struct stream *s)
{
    if (s->phase >= LINGER || s->write_broken || s->unsaid_fail)
        return false;
    if (s->out_at > 0 && s->out_at >= s->out.n / 2) {
        buf_take(&s->out, s->out_at);
        s->out_at = 0;
    }
    return true;
}

static void after_put(struct stream *s)
{
    if (s->out.over) {
        (void)why_set(stream_why_of(s), E_TEMP, 421, "4.3.2", "no memory for output");
        stream_fail_later(s);
        return;
    }
    s->unsaid_drain = true;
    /* While the kernel's buffer is full the descriptor's event is waited for. */
    if (s->phase == OPEN && !s->write_blocked)
        stream_mark_dirty(s);
}

void stream_put(struct stream *s, const void *p, size_t n)
{
    if (n == 0 || !may_put(s))
        return;
    buf_add(&s->out, p, n);
    after_put(s);
}

struct buf *stream_put_begin(struct stream *s)
{
    return may_put(s) ? &s->out : NULL;
}

void stream_put_end(struct stream *s)
{
    if (stream_queued(s) > 0 || s->out.over)
        after_put(s);
}

void stream_puts(struct stream *s, struct str t)
{
    stream_put(s, t.p, t.n);
}

void stream_printf(struct stream *s, const char *fmt, ...)
{
    if (!may_put(s))
        return;
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&s->out, fmt, ap);
    va_end(ap);
    after_put(s);
}

size_t stream_queued(const struct stream *s)
{
    return s->out.n - s->out_at;
}

void stream_flush(struct stream *s)
{
    if (s->phase == OPEN && stream_queued(s) > 0 && !s->write_blocked)
        write_some(s); /* DRAINED is told at the end of the turn, the stream being dirty */
}

void stream_hold(struct stream *s, bool hold)
{
    if (s->held == hold)
        return;
    s->held = hold;
    if (hold) {
        loop_disarm(s->loop, &s->timer);
    } else {
        stream_restart_timer(s);
        if (unread(s) > 0) {
            s->unsaid_data = true;
            stream_kick(s);
        }
    }
    stream_update_wants(s);
}

void stream_timeout(struct stream *s, int64_t ms)
{
    s->timeout_ms = ms;
    loop_disarm(s->loop, &s->timer);
    stream_restart_timer(s);
}

const struct why *stream_why(const struct stream *s)
{
    static const struct why none;
    return s->why != NULL ? s->why : &none;
}
