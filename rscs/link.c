/* rscs/link.c -- see link.h; this file: the machine */
#include "rscs/link.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "rscs/link_priv.h"

#define ENQ_MOST 10u /* SOH ENQ sent before we stop believing SYN NAK */

const char *link_state_name(enum link_state s)
{
    static const char *const names[] = {
        [LINK_STOPPED] = "stopped",   [LINK_WAITING] = "waiting", [LINK_DIALLING] = "dialling",
        [LINK_OPENING] = "opening",   [LINK_SIGNON] = "signon",   [LINK_UP] = "up",
        [LINK_DRAINING] = "draining",
    };
    return names[s];
}

bool link_is_up(const struct link *k)
{
    return k->s != NULL && (k->state == LINK_UP || k->state == LINK_DRAINING);
}

/* --- states --- */

static void set_state(struct link *k, enum link_state s, const struct why *w)
{
    k->state = s;
    k->since = wall_now();
    if (w != NULL)
        str_copy(k->reason, sizeof k->reason, str_of(w->text));
    else if (s == LINK_UP)
        k->reason[0] = '\0';
    k->ops.state(k->arg, s, w);
}

static void on_retry(void *arg)
{
    struct link *k = arg;
    link_enter(k);
    link_step(k, LINK_EV_RETRY, NULL);
    link_leave(k);
}

/* Twice the interval each time, and a quarter of it by chance, so that a hundred links that went
 * down together do not come back in one moment. After a collision (NAK 3) chance must be the larger
 * part, or both sides would dial together for ever. */
static void arm_retry(struct link *k)
{
    int64_t base = k->retry_ms;
    uint32_t spread = (uint32_t)(k->collision ? base + base / 2 : base / 4);
    int64_t from = k->collision ? base / 4 : base;
    k->collision = false;
    k->retry_ms = base * 2 < k->conf.retry_max_ms ? base * 2 : k->conf.retry_max_ms;
    loop_arm(k->loop, &k->phase, from + (int64_t)arc4random_uniform(spread + 1), on_retry, k);
}

static void on_late(void *arg)
{
    struct link *k = arg;
    static const char *const what[] = {
        [LINK_DIALLING] = "no TCP connection to",
        [LINK_OPENING] = "the OPEN exchange was not completed by",
        [LINK_SIGNON] = "the sign-on was not completed by",
    };
    struct why w = {0};
    why_set(&w, E_TEMP, 0, NULL, "%s %s within %lld seconds", what[k->state], k->them,
            (long long)(k->conf.signon_ms / 1000));
    link_enter(k);
    link_step(k, LINK_EV_LATE, &w);
    link_leave(k);
}

static void on_dead(void *arg)
{
    struct link *k = arg;
    int64_t silent = mono_ms(k->heard, mono_now());
    if (silent < k->conf.dead_ms) {
        loop_arm(k->loop, &k->dead, k->conf.dead_ms - silent, on_dead, k);
        return;
    }
    struct why w = {0};
    why_set(&w, E_GONE, 0, NULL, "nothing heard from %s for %lld seconds", k->them,
            (long long)(silent / 1000));
    link_enter(k);
    link_step(k, LINK_EV_SILENT, &w);
    link_leave(k);
}

static void on_keepalive(void *arg)
{
    struct link *k = arg;
    int64_t silent = mono_ms(k->spoke, mono_now());
    bool due = silent >= k->conf.keepalive_ms;
    loop_arm(k->loop, &k->keepalive, k->conf.keepalive_ms - (due ? 0 : silent), on_keepalive, k);
    if (due) {
        link_enter(k);
        line_alive(k);
        link_leave(k);
    }
}

/* Any byte counts as life (on_dead), but who only talks must not keep our streams for ever. */
static bool stuck(struct link *k)
{
    struct why w = {0};
    const char *in = NULL, *out = NULL;
    int64_t in_ms = in_stuck(k, &in), out_ms = out_stuck(k, &out);
    int64_t ms = in_ms > out_ms ? in_ms : out_ms;
    if (k->conf.transfer_ms <= 0 || ms < k->conf.transfer_ms)
        return false;
    why_set(&w, E_GONE, 0, NULL, "%s has not %s for %lld seconds", k->them,
            in_ms > out_ms ? in : out, (long long)(ms / 1000));
    link_step(k, LINK_EV_STUCK, &w);
    return true;
}

void link_tick(void *arg)
{
    struct link *k = arg;
    link_enter(k);
    unsigned gen = k->gen;
    bool more = !stuck(k) && out_tick(k);
    if (k->gen == gen && (more || in_count(k) > 0))
        out_watch(k);
    link_leave(k);
}

static void disarm(struct link *k)
{
    loop_disarm(k->loop, &k->phase);
    loop_disarm(k->loop, &k->keepalive);
    loop_disarm(k->loop, &k->dead);
    loop_disarm(k->loop, &k->flush);
    loop_disarm(k->loop, &k->streams);
}

/* The connection ends, for whatever cause. Its files go first, then the state changes: a callback
 * may already have moved the link on when we come back. */
static void hang_up(struct link *k, enum link_state next, bool polite, const struct why *w)
{
    struct why reason = *w;
    if (next == LINK_WAITING && k->state == LINK_DRAINING)
        next = LINK_STOPPED;
    if (k->state == LINK_SIGNON && k->i_sent) /* was it our offer that he did not like? */
        k->no_offer = !k->no_offer;
    unsigned gen = ++k->gen;
    disarm(k);
    if (k->s != NULL && polite) {
        line_flush(k);
        stream_finish(&k->s);
    } else if (k->s != NULL) {
        stream_free(&k->s);
    }
    in_lost(k, &reason);
    out_lost(k, &reason);
    if (k->gen != gen)
        return;
    set_state(k, next, &reason);
    if (k->gen == gen && next == LINK_WAITING && k->conf.dial)
        arm_retry(k);
}

/* --- connections --- */

static void lost(struct link *k, enum stream_event ev)
{
    struct why w = {0};
    if (ev == STREAM_FAIL)
        w = *stream_why(k->s);
    else if (ev == STREAM_TIMEOUT)
        why_set(&w, E_GONE, 0, NULL, "the connection to %s timed out", k->them);
    else if (k->state == LINK_OPENING && k->primary)
        why_set(&w, E_GONE, 0, NULL, "%s closed the connection instead of answering our OPEN",
                k->them);
    else
        why_set(&w, E_GONE, 0, NULL, "%s closed the connection", k->them);
    link_step(k, LINK_EV_LOST, &w);
}

static void on_stream(struct stream *s, enum stream_event ev, void *arg)
{
    struct link *k = arg;
    if (s != k->s)
        return;
    link_enter(k);
    unsigned gen = k->gen;
    switch (ev) {
    case STREAM_OPEN:
    case STREAM_SECURE: /* whichever the owner's dial passes on first */
        if (k->state == LINK_DIALLING)
            link_step(k, LINK_EV_CONNECTED, NULL);
        break;
    case STREAM_DATA:
        k->heard = mono_now();
        line_input(k);
        break;
    case STREAM_DRAINED: /* link_leave goes on producing */
        break;
    case STREAM_EOF:
        line_input(k);
        if (k->gen == gen)
            lost(k, ev);
        break;
    case STREAM_TIMEOUT:
    case STREAM_FAIL:
        lost(k, ev);
        break;
    }
    link_leave(k);
}

static void begin(struct link *k, bool primary)
{
    k->primary = primary;
    k->i_sent = k->ahead = false;
    k->enqs = 0;
    k->heard = k->spoke = mono_now();
    line_reset(k);
    out_reset(k);
    loop_arm(k->loop, &k->phase, k->conf.signon_ms, on_late, k);
}

static void dial(struct link *k)
{
    struct why w = {0};
    unsigned gen = k->gen;
    loop_disarm(k->loop, &k->phase);
    struct stream *s = k->ops.dial(k->arg, on_stream, k, &w);
    if (k->gen != gen) {
        stream_free(&s);
    } else if (s == NULL) {
        set_state(k, LINK_WAITING, &w);
        if (k->gen == gen)
            arm_retry(k);
    } else {
        k->s = s;
        begin(k, true);
        set_state(k, LINK_DIALLING, NULL);
    }
}

static void up(struct link *k)
{
    loop_disarm(k->loop, &k->phase);
    k->retry_ms = k->conf.retry_ms;
    if (k->conf.keepalive_ms > 0)
        loop_arm(k->loop, &k->keepalive, k->conf.keepalive_ms, on_keepalive, k);
    if (k->conf.dead_ms > 0)
        loop_arm(k->loop, &k->dead, k->conf.dead_ms, on_dead, k);
    set_state(k, LINK_UP, NULL);
}

/* --- the machine: a function for each state, an event in each case --- */

/* What ends a connection in any state that has one; anything not foreseen there does too. */
static void step_end(struct link *k, enum link_event ev, const struct why *w)
{
    static const char *const what[] = {
        [LINK_EV_ACK] = "an ACK record",
        [LINK_EV_ENQ] = "SOH ENQ: it starts the line anew",
        [LINK_EV_YOU_ENQ] = "NAK",
        [LINK_EV_I] = "a sign-on record (I)",
        [LINK_EV_J] = "a sign-on record (J)",
    };
    struct why mine = {0};
    switch (ev) {
    case LINK_EV_START:
    case LINK_EV_CONNECTED:
    case LINK_EV_ACK0: /* any number of them at any time: NJE38 repeats its own */
        break;
    case LINK_EV_DRAIN:
    case LINK_EV_STOP:
        hang_up(k, LINK_STOPPED, false, w);
        break;
    case LINK_EV_LATE:
    case LINK_EV_SILENT:
    case LINK_EV_STUCK:
    case LINK_EV_LOST:
        hang_up(k, LINK_WAITING, k->farewell, w);
        break;
    case LINK_EV_SIGNOFF:
        why_set(&mine, E_GONE, 0, NULL, "%s signed off", k->them);
        hang_up(k, LINK_WAITING, false, &mine);
        break;
    default:
        why_set(&mine, E_SYNTAX, 0, NULL, "%s sent %s while the link was %s", k->them,
                what[ev] != NULL ? what[ev] : "something else", link_state_name(k->state));
        line_show(&mine, k->at);
        hang_up(k, LINK_WAITING, false, &mine);
    }
}

static void step_idle(struct link *k, enum link_event ev, const struct why *w)
{
    switch (ev) {
    case LINK_EV_START:
        k->retry_ms = k->conf.retry_ms;
        if (k->state == LINK_STOPPED) {
            k->one_stream = k->no_offer = false;
            if (!k->conf.dial)
                set_state(k, LINK_WAITING, NULL);
        }
        if (k->conf.dial)
            dial(k);
        break;
    case LINK_EV_RETRY:
        dial(k);
        break;
    case LINK_EV_ACCEPTED:
        begin(k, false);
        set_state(k, LINK_OPENING, NULL);
        break;
    case LINK_EV_STOP:
    case LINK_EV_DRAIN:
        k->gen++;
        disarm(k);
        set_state(k, LINK_STOPPED, w);
        break;
    default:
        break; /* there is no connection anything else could come from */
    }
}

static void step_opening(struct link *k, enum link_event ev, const struct why *w)
{
    bool called = k->state == LINK_OPENING && !k->primary;
    if (k->state == LINK_DIALLING && ev == LINK_EV_CONNECTED) {
        signon_open(k);
        loop_arm(k->loop, &k->phase, k->conf.signon_ms, on_late, k);
        set_state(k, LINK_OPENING, NULL);
    } else if ((ev == LINK_EV_ACK && !called) || (ev == LINK_EV_YOU_ENQ && called)) {
        k->primary = true;
        signon_enq(k);
        set_state(k, LINK_SIGNON, NULL);
    } else if (ev == LINK_EV_ENQ && called) {
        signon_ack0(k);
        set_state(k, LINK_SIGNON, NULL);
    } else {
        step_end(k, ev, w);
    }
}

static void signed_on(struct link *k, enum link_event ev)
{
    struct why w = {0};
    if (signon_check(k, &w) < 0) {
        signon_off(k);
        hang_up(k, LINK_WAITING, true, &w);
        return;
    }
    if (ev == LINK_EV_I)
        signon_send(k, SIGNON_J);
    else
        signon_ack0(k);
    up(k);
}

static void step_signon(struct link *k, enum link_event ev, const struct why *w)
{
    if (ev == LINK_EV_ENQ) {
        signon_ack0(k);
    } else if (ev == LINK_EV_YOU_ENQ && !k->i_sent && k->enqs < ENQ_MOST) {
        k->primary = true;
        signon_enq(k);
    } else if (ev == LINK_EV_ACK0 && k->primary && !k->i_sent) {
        k->i_sent = true;
        signon_send(k, SIGNON_I);
    } else if (ev == LINK_EV_I || (ev == LINK_EV_J && k->i_sent)) {
        signed_on(k, ev);
    } else {
        step_end(k, ev, w);
    }
}

static void step_up(struct link *k, enum link_event ev, const struct why *w)
{
    struct why done = {0};
    switch (ev) {
    case LINK_EV_STOP:
        out_replies(k); /* what is safe here need not be sent again */
        signon_off(k);
        hang_up(k, LINK_STOPPED, true, w);
        break;
    case LINK_EV_DRAIN:
        set_state(k, LINK_DRAINING, w);
        break;
    case LINK_EV_QUIET:
        why_set(&done, E_GONE, 0, NULL, "drained");
        signon_off(k);
        hang_up(k, LINK_STOPPED, true, &done);
        break;
    default:
        step_end(k, ev, w);
    }
}

void link_step(struct link *k, enum link_event ev, const struct why *w)
{
    switch (k->state) {
    case LINK_STOPPED:
    case LINK_WAITING:
        step_idle(k, ev, w);
        break;
    case LINK_DIALLING:
    case LINK_OPENING:
        step_opening(k, ev, w);
        break;
    case LINK_SIGNON:
        step_signon(k, ev, w);
        break;
    case LINK_UP:
    case LINK_DRAINING:
        step_up(k, ev, w);
        break;
    }
}

/* --- turns --- */

void link_enter(struct link *k)
{
    k->depth++;
}

void link_leave(struct link *k)
{
    if (k->depth == 1) {
        if (link_is_up(k))
            out_pump(k);
        if (link_is_up(k) && k->state == LINK_DRAINING && in_count(k) == 0 && out_count(k) == 0 &&
            k->nmessages == 0 && k->replies.n == 0)
            link_step(k, LINK_EV_QUIET, NULL);
        if (k->s != NULL)
            line_flush(k);
    }
    k->depth--;
}

static void on_flush(void *arg)
{
    struct link *k = arg;
    link_enter(k);
    if (k->in_paused)
        line_input(k);
    link_leave(k);
}

/* The owner gave cause to send something. He may do so many times in a turn, and from a barrier: it
 * is gathered and sent together in the next one. */
void link_later(struct link *k)
{
    if (k->depth == 0 && link_is_up(k) && k->flush.slot == 0)
        loop_arm(k->loop, &k->flush, 0, on_flush, k);
}

void link_wake(struct link *k, int64_t ms)
{
    if (k->flush.slot == 0 || k->flush.at.us > mono_in(ms).us)
        loop_arm(k->loop, &k->flush, ms, on_flush, k);
}

/* --- what the owner calls --- */

static void or_default(int64_t *value, int64_t by_default)
{
    if (*value <= 0)
        *value = by_default;
}

static void defaults(struct link_conf *c)
{
    if (c->bufsize == 0)
        c->bufsize = 8192;
    if (c->bufsize < LINK_BUFSIZE_SMALL)
        c->bufsize = LINK_BUFSIZE_SMALL;
    if (c->bufsize > 32000) /* UnixNJE keeps it in a signed 16-bit number */
        c->bufsize = 32000;
    if (c->streams == 0)
        c->streams = 1;
    if (c->streams > LINK_STREAMS)
        c->streams = LINK_STREAMS;
    or_default(&c->retry_ms, 5000);
    or_default(&c->retry_max_ms, 900000);
    or_default(&c->signon_ms, 60000);
    if (c->retry_max_ms < c->retry_ms)
        c->retry_max_ms = c->retry_ms;
    if (c->file_max == 0)
        c->file_max = SIZE_MAX;
}

struct link *link_new(struct loop *l, const struct link_conf *conf, const struct link_ops *ops,
                      void *arg)
{
    struct link *k = mem_new(sizeof *k);
    k->loop = l;
    k->conf = *conf;
    k->ops = *ops;
    k->arg = arg;
    defaults(&k->conf);
    (void)ebc_name_text(&k->conf.them, k->them);
    k->since = wall_now();
    k->retry_ms = k->conf.retry_ms;
    buf_init(&k->scratch, WIRE_RECORD_MAX);
    buf_init(&k->out, LINK_OUT_MAX + 4 * (size_t)LINK_TTB_MAX);
    buf_init(&k->replies, 2 * (size_t)LINK_REPLIES);
    buf_init(&k->messages, LINK_MESSAGES * (size_t)256);
    buf_init(&k->segment, 512);
    in_init(k);
    return k;
}

void link_free(struct link **kp)
{
    struct link *k = *kp;
    if (k == NULL)
        return;
    *kp = NULL;
    struct why w = {0};
    why_set(&w, E_GONE, 0, NULL, "the link to %s is no longer defined", k->them);
    k->gen++;
    k->depth++; /* whatever the callbacks ask for now is not begun any more */
    k->state = LINK_STOPPED;
    disarm(k);
    stream_free(&k->s);
    in_lost(k, &w);
    out_lost(k, &w);
    disarm(k);
    for (unsigned i = 0; i < 2 * LINK_STREAMS; i++)
        buf_done(&k->in[i].header);
    buf_done(&k->scratch);
    buf_done(&k->out);
    buf_done(&k->replies);
    buf_done(&k->messages);
    buf_done(&k->segment);
    free(k);
}

void link_start(struct link *k)
{
    link_enter(k);
    link_step(k, LINK_EV_START, NULL);
    link_leave(k);
}

void link_dials(struct link *k, bool dial)
{
    k->conf.dial = dial;
}

void link_stop(struct link *k, const char *reason)
{
    struct why w = {0};
    why_set(&w, E_GONE, 0, NULL, "%s", reason);
    link_enter(k);
    link_step(k, LINK_EV_STOP, &w);
    link_leave(k);
}

void link_drain(struct link *k)
{
    struct why w = {0};
    why_set(&w, E_GONE, 0, NULL, "drained");
    link_enter(k);
    link_step(k, LINK_EV_DRAIN, &w);
    link_leave(k);
}

/* Why a caller may not have this link now; 0: he may. */
static uint8_t refusal(struct link *k)
{
    if (k->state == LINK_UP && k->s != NULL && k->conf.dead_ms > 0 &&
        mono_ms(k->heard, mono_now()) >= k->conf.dead_ms) {
        struct why w = {0};
        why_set(&w, E_GONE, 0, NULL, "%s was silent for %lld seconds and has called again", k->them,
                (long long)(k->conf.dead_ms / 1000));
        link_step(k, LINK_EV_SILENT, &w);
    }
    switch (k->state) {
    case LINK_STOPPED:
        return 1;
    case LINK_WAITING:
        return 0;
    case LINK_DIALLING:
        return 3;
    case LINK_OPENING:
        return k->primary ? 3 : 2;
    default:
        return 2;
    }
}

void link_accept(struct link *k, struct stream **s, const struct wire_ctl *open)
{
    link_enter(k);
    uint8_t nak = refusal(k);
    signon_reply(*s, open, nak);
    if (nak != 0) {
        stream_finish(s);
        /* The caller thinks the old connection is gone. If his system has forgotten it, the answer
         * to these bytes is a reset, and he gets in the next time. */
        if (link_is_up(k))
            line_alive(k);
    } else {
        k->s = *s;
        *s = NULL;
        k->stat.bytes_in += WIRE_CTL_SIZE;
        k->stat.bytes_out += WIRE_CTL_SIZE;
        stream_owner(k->s, on_stream, k);
        link_step(k, LINK_EV_ACCEPTED, NULL);
    }
    link_leave(k);
}

void link_kick(struct link *k)
{
    k->dry = false;
    link_later(k);
}

bool link_message(struct link *k, const struct nmr *m)
{
    if (!link_is_up(k) || k->nmessages >= LINK_MESSAGES)
        return false;
    size_t hole = buf_hole16(&k->messages);
    nmr_put(&k->messages, m);
    buf_fill16(&k->messages, hole, k->messages.n - hole - 2);
    k->nmessages++;
    link_later(k);
    return true;
}

enum link_state link_state_of(const struct link *k)
{
    return k->state;
}

void link_stat(const struct link *k, struct link_stat *st)
{
    *st = k->stat;
    st->since = k->since;
    st->bufsize = link_is_up(k) ? k->bufsize : 0;
    st->streams = (uint8_t)out_usable(k);
    st->ahead = link_is_up(k) && k->ahead;
    st->open_in = in_count(k);
    st->open_out = out_count(k);
    str_copy(st->reason, sizeof st->reason, str_of(k->reason));
}
