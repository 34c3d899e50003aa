/* gateway/smtp/session.c -- the SMTP session machine: input, replies, content, verdicts */
#include "gateway/smtp/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "gateway/smtp/proxy.h"

#define PROXY_MS 10000    /* a balancer has its header at hand */
#define OUTPUT_MAX 65536u /* replies a client may leave unread before it is not served further */

/* --- replies --- */

void smtpd_set_state(struct smtpd_session *s, enum smtpd_state state)
{
    s->state = state;
}

/* DEBUG shows the talk; what signs somebody on is not for the log. */
void smtpd_debug(const struct smtpd_session *s, const char *who, struct str text)
{
    char at[64];
    struct str line, shown = str_starts_nocase(text, "AUTH") ? STR("AUTH ...") : text;
    if (!log_wants(LOG_DEBUG))
        return;
    while (str_line(&shown, &line))
        log_event(LOG_DEBUG, 0, who, "peer=%s line=%s",
                  endpoint_text(stream_peer(s->stream), true, at), log_quote(line));
}

void smtpd_say(struct smtpd_session *s, int code, const char *enh, struct str text)
{
    struct buf *b = &s->d->reply;
    buf_reset(b);
    smtp_put_reply(b, code, enh, text);
    smtpd_debug(s, "smtp-reply", buf_text(b));
    stream_puts(s->stream, buf_text(b));
}

void smtpd_say_why(struct smtpd_session *s, const struct why *w)
{
    struct buf *b = &s->d->reply;
    buf_reset(b);
    smtp_put_why(b, w);
    smtpd_debug(s, "smtp-reply", buf_text(b));
    stream_puts(s->stream, buf_text(b));
}

void smtpd_hang_up(struct smtpd_session *s, const char *event, const char *enh, const char *text)
{
    struct why w;
    why_set(&w, E_LIMIT, 421, enh, "%s %s", s->d->hostname, text);
    smtpd_say_why(s, &w);
    smtpd_event(s, event, &w);
    smtpd_set_state(s, SMTPD_OVER);
}

void smtpd_wrong(struct smtpd_session *s, int code, const char *enh, const char *text)
{
    smtpd_say(s, code, enh, str_of(text));
    s->errors++;
}

void smtpd_refuse(struct smtpd_session *s, const struct why *w)
{
    smtpd_say_why(s, w);
    smtpd_event(s, "refused", w);
}

/* --- what the owner is asked before an answer --- */

static void finish_connect(struct smtpd_session *s, const struct why *w);

/* The answer is here: w NULL is yes. 421 ends the session wherever it is said. */
static void finish(struct smtpd_session *s, enum smtpd_stage stage, const struct why *w)
{
    static void (*const next[])(struct smtpd_session *, const struct why *) = {
        [SMTPD_AT_CONNECT] = finish_connect,       [SMTPD_AT_HELO] = smtpd_finish_helo,
        [SMTPD_AT_MAIL] = smtpd_finish_mail,       [SMTPD_AT_RCPT] = smtpd_finish_rcpt,
        [SMTPD_AT_DATA] = smtpd_finish_data,       [SMTPD_AT_REFUSED] = smtpd_finish_refused,
        [SMTPD_AT_UNKNOWN] = smtpd_finish_unknown, [SMTPD_AT_LOGIN] = smtpd_finish_login,
    };
    if (w != NULL && why_smtp(w) == 421) {
        smtpd_refuse(s, w);
        smtpd_set_state(s, SMTPD_OVER);
    } else {
        next[stage](s, w);
    }
}

/* Everything is fine so far: what does the owner say? */
void smtpd_ask(struct smtpd_session *s, enum smtpd_stage stage)
{
    struct why w;
    smtpd_asked(s, stage, s->d->ops.gate != NULL ? s->d->ops.gate(s->d->arg, s, stage, &w) : 0, &w);
}

void smtpd_asked(struct smtpd_session *s, enum smtpd_stage stage, int v, const struct why *w)
{
    if (v == SMTPD_LATER) {
        s->asked = stage;
        s->back = s->state;
        smtpd_set_state(s, SMTPD_ASK);
    } else {
        finish(s, stage, v < 0 ? w : NULL);
    }
}

static void answered(struct smtpd_session *s)
{
    const struct why *w = s->answer;
    s->answer = NULL;
    smtpd_set_state(s, s->back);
    stream_timeout(s->stream, smtpd_idle(s));
    finish(s, s->asked, w);
}

/* --- input --- */

/* What a client says first tells what it is: a letter begins every command, so binary noise (a TLS
 * hello) is no mail client. An empty line may be a person. */
static bool nonsense(char first)
{
    char c = (char)(first | 0x20);
    return (c < 'a' || c > 'z') && first != '\r' && first != '\n';
}

/* Has what comes in taken too long on the whole? A line has the time of a silence; content besides
 * as long as it takes at the least rate. */
static bool dribbles(struct smtpd_session *s, uint64_t octets)
{
    int64_t ms = s->d->set.idle_ms;
    if (s->since.us == 0)
        s->since = mono_now();
    if (octets > 0)
        ms += (int64_t)(octets / s->d->set.least_rate) * 1000;
    if (mono_ms(s->since, mono_now()) <= ms)
        return false;
    smtpd_hang_up(s, "limit", "4.4.2", "has waited too long for you, closing connection");
    return true;
}

/* A command line that has not ended: swallowed when it is longer than any may be. The last octet
 * stays, for it may be the CR of the end. */
static bool wait_for_line(struct smtpd_session *s, size_t left)
{
    if (s->overlong || left >= s->d->set.max_line) {
        s->overlong = true;
        stream_take(s->stream, left - 1);
    }
    return dribbles(s, 0);
}

static bool take_line(struct smtpd_session *s)
{
    char line[SMTP_COMMAND_MAX];
    struct cur in = stream_in(s->stream);
    struct str t = cur_str(&in);
    if (t.n == 0)
        return false;
    if (s->fresh && nonsense(t.p[0])) {
        smtpd_hang_up(s, "refused", "4.7.0", "speaks SMTP; this is not");
        return true;
    }
    s->fresh = false;
    ptrdiff_t lf = str_find(t, '\n');
    if (lf < 0)
        return wait_for_line(s, t.n);
    size_t n = (size_t)lf + 1;
    bool crlf = n > 1 && t.p[n - 2] == '\r', tail = s->bare;
    bool overlong = s->overlong || n > s->d->set.max_line;
    struct str text = {line, overlong || !crlf ? 0 : n - 2};
    memcpy(line, t.p, text.n);
    stream_take(s->stream, n); /* t is gone */
    s->since.us = 0;
    s->overlong = false;
    s->bare = !crlf;
    if (tail && crlf)
        return true; /* RFC 5321 2.3.8: what follows a bare LF belongs to the line refused already
                      */
    if (overlong)
        smtpd_wrong(s, 500, "5.5.2", "Command line too long");
    else if (!crlf)
        smtpd_wrong(s, 500, "5.5.2", "Lines must end in CRLF, not in a bare LF");
    else if (str_find(text, '\r') >= 0 || str_find(text, '\0') >= 0)
        smtpd_wrong(s, 500, "5.5.2", "Bare CR or NUL in a command line");
    else if (s->state == SMTPD_LOGIN)
        smtpd_login_line(s, text);
    else
        smtpd_command(s, text);
    explicit_bzero(line, text.n); /* it may have been a password */
    return true;
}

/* To the body. The first failure stays; what comes after is only swallowed. */
static void keep_content(struct smtpd_tx *tx, struct cur piece)
{
    if (cur_left(&piece) == 0 || tx->failed)
        return;
    if (body_write(tx->m.content, piece.p, cur_left(&piece), &tx->why) == 0)
        return;
    tx->failed = true;
    body_writer_drop(&tx->m.content);
    if (tx->why.err == E_LIMIT)
        why_set(&tx->why, E_LIMIT, 552, "5.3.4", "Message too large: %llu octets allowed",
                (unsigned long long)tx->d->set.max_size);
}

void smtpd_begin_content(struct smtpd_tx *tx)
{
    const struct smtpd *d = tx->d;
    struct str front = d->ops.begin != NULL ? d->ops.begin(d->arg, &tx->m) : STR("");
    tx->m.content = body_writer_new(d->set.store);
    if (tx->m.passing)
        body_writer_passing(tx->m.content);
    tx->m.front = front.n;
    body_writer_limit(tx->m.content, d->set.max_size + front.n);
    keep_content(tx, cur_of_str(front));
}

void smtpd_write_content(struct smtpd_tx *tx, const struct buf *b)
{
    keep_content(tx, buf_cur(b));
}

void smtpd_end_tx(struct smtpd_session *s)
{
    smtpd_tx_free(&s->tx);
    smtpd_set_state(s, SMTPD_READY);
}

void smtpd_end_content(struct smtpd_session *s)
{
    struct smtpd_tx *tx = s->tx;
    s->since.us = 0;
    if (tx->undot.broken) {
        tx->failed = true;
        why_set(&tx->why, E_SYNTAX, 550, "5.5.2",
                "Bare CR, bare LF or NUL in message; lines must end in CRLF");
    }
    if (tx->failed) {
        smtpd_refuse(s, &tx->why);
        smtpd_end_tx(s);
        return;
    }
    smtpd_set_state(s, SMTPD_WAIT);
    smtpd_tx_hand(tx);
    s->d->ops.data(s->d->arg, &tx->m);
}

void smtpd_content_came(struct smtpd_session *s, size_t n)
{
    s->bytes += n;
    smtpd_count(s, SMTPD_BYTES, n);
    if (s->tx != NULL)
        s->tx->taken += n;
}

bool smtpd_chunk_dribbles(struct smtpd_session *s)
{
    return dribbles(s, s->tx != NULL ? s->tx->taken : s->chunk - s->chunk_left);
}

static bool take_content(struct smtpd_session *s)
{
    struct buf *out = &s->d->content;
    struct cur in = stream_in(s->stream);
    size_t left = cur_left(&in), n = left < SMTPD_CHUNK ? left : SMTPD_CHUNK;
    if (n == 0)
        return false;
    struct cur piece = cur_sub(&in, n);
    buf_reset(out);
    int rc = smtp_undot(&s->tx->undot, &piece, out);
    smtpd_write_content(s->tx, out);
    n -= cur_left(&piece); /* what is behind the end are commands */
    stream_take(s->stream, n);
    smtpd_content_came(s, n);
    if (rc != 0)
        smtpd_end_content(s);
    else if (dribbles(s, s->tx->taken))
        return true;
    else if (s->tx->taken > s->d->set.max_size + SMTPD_SWALLOW_MAX)
        smtpd_hang_up(s, "limit", "4.3.4", "reads no more of this message, it is too large");
    return true;
}

static bool take_verdict(struct smtpd_session *s)
{
    struct smtpd_tx *tx = s->tx;
    if (!tx->decided)
        return false;
    if (tx->failed) {
        smtpd_refuse(s, &tx->why);
    } else {
        struct buf *b = &s->d->reply;
        buf_reset(b);
        buf_printf(b, "250 2.0.0 Queued as " MSG_ID_FMT "\r\n", MSG_ID_ARG(tx->id));
        stream_puts(s->stream, buf_text(b));
        s->errors = s->counted_errors = s->junk = 0;
    }
    stream_timeout(s->stream, smtpd_idle(s));
    smtpd_end_tx(s);
    return true;
}

/* --- the machine --- */

/* The client has gone. What it began and did not end is dropped. */
static void gone(struct smtpd_session *s)
{
    struct why w;
    if (s->tx != NULL && s->state != SMTPD_WAIT) {
        why_set(&w, E_GONE, 0, NULL, "The client has gone before the end of its message");
        smtpd_event(s, "closed", &w);
    } else if (s->state == SMTPD_TLS) {
        smtpd_event(s, "closed", stream_why(s->stream));
    }
    smtpd_set_state(s, SMTPD_OVER);
}

/* Who does not read replies is not served further until he does (STREAM_DRAINED). */
static bool unread_replies(const struct smtpd_session *s)
{
    return stream_queued(s->stream) > OUTPUT_MAX;
}

/* RFC 5321 4.3.1: a client waits for the greeting. Who does not is seldom a mail server. */
static void early_talker(struct smtpd_session *s)
{
    struct why w;
    why_set(&w, E_DENIED, 554, "5.5.0", "%s: you spoke before the greeting", s->d->hostname);
    smtpd_refuse(s, &w);
    smtpd_set_state(s, SMTPD_OVER);
}

/* RFC 5321 3.1: 554 instead of 220, then 503 to all but QUIT, and 421 to come again. Nobody who is
 * told so needs long. */
static void refuse_connection(struct smtpd_session *s, const struct why *w)
{
    struct why greeting;
    bool later = why_smtp(w) < 500;
    (void)why_set(&greeting, w->err, later ? 421 : 554, why_enh(w), "%s", w->text);
    smtpd_refuse(s, &greeting);
    s->shut = true;
    stream_timeout(s->stream, s->d->set.idle_ms / 10);
    smtpd_set_state(s, later ? SMTPD_OVER : SMTPD_START);
}

static void finish_connect(struct smtpd_session *s, const struct why *w)
{
    struct cur in = stream_in(s->stream);
    struct buf *b = &s->d->reply;
    if (w != NULL) {
        refuse_connection(s, w);
        return;
    }
    if (s->counted && cur_left(&in) > 0) {
        early_talker(s); /* while the owner was asked */
        return;
    }
    buf_reset(b);
    buf_printf(b, "220 %s ESMTP njegate\r\n", s->d->hostname);
    stream_puts(s->stream, buf_text(b));
    stream_timeout(s->stream, smtpd_idle(s));
    smtpd_set_state(s, SMTPD_START);
}

/* The session ends here and nowhere else; queued replies still go out. */
static void over(struct smtpd_session *s)
{
    if (s->stream != NULL)
        stream_finish(&s->stream);
    smtpd_session_free(s);
}

/* --- the beginning: PROXY header, TLS, admission, pause --- */

static void on_pause(void *arg)
{
    smtpd_session_step(arg, SMTPD_IN_TIMER);
}

/* The client is here. Whom we do not trust is greeted after the pause. */
static void arrive(struct smtpd_session *s)
{
    smtpd_set_state(s, SMTPD_PAUSE);
    if (s->d->ops.arrived != NULL)
        s->d->ops.arrived(s->d->arg, s);
    if (s->counted)
        loop_arm(s->d->set.loop, &s->pause, s->d->set.greet_ms > 0 ? s->d->set.greet_ms : 1,
                 on_pause, s);
    else
        smtpd_ask(s, SMTPD_AT_CONNECT);
}

/* We know who the client is. */
static void begin(struct smtpd_session *s)
{
    struct why w;
    struct ssl_ctx_st *ctx = s->door->tls ? tls_context(s->d->set.tls, TLS_SMTP_IN) : NULL;
    if (smtpd_admit(s, &w) < 0) {
        if (!s->door->tls)
            smtpd_say_why(s, &w);
        smtpd_event(s, "limit", &w);
        smtpd_set_state(s, SMTPD_OVER);
    } else if (s->door->tls) {
        s->in_tls = true;
        smtpd_set_state(s, SMTPD_TLS);
        stream_timeout(s->stream, smtpd_idle(s));
        if (ctx == NULL)
            why_set(&w, E_TEMP, 0, NULL, "TLS is asked for, and there is no certificate");
        if (ctx == NULL || stream_secure(s->stream, ctx, true, NULL, &w) < 0) {
            smtpd_event(s, "closed", &w);
            smtpd_set_state(s, SMTPD_OVER);
        }
    } else {
        arrive(s);
    }
}

static bool take_proxy(struct smtpd_session *s)
{
    struct cur in = stream_in(s->stream);
    struct why w;
    int n = proxy_read(cur_str(&in), &s->peer, &s->local, &w);
    if (n < 0) {
        smtpd_event(s, "refused", &w); /* no client of ours: nothing is said */
        smtpd_set_state(s, SMTPD_OVER);
        return true;
    }
    stream_take(s->stream, (size_t)n);
    if (n > 0)
        begin(s);
    return n > 0;
}

void smtpd_session_start(struct smtpd_session *s)
{
    s->busy = true;
    if (s->door->proxy) {
        smtpd_set_state(s, SMTPD_PROXY);
        stream_timeout(s->stream, PROXY_MS);
    } else {
        begin(s);
    }
    s->busy = false;
    if (s->state == SMTPD_OVER)
        over(s);
}

/* RFC 3207 4.2: as if the client had just come; what it said in the clear is forgotten. */
static void secured(struct smtpd_session *s)
{
    if (s->in_tls) {
        s->in_tls = false;
        arrive(s);
        return;
    }
    free(s->helo);
    s->helo = NULL;
    s->esmtp = s->overlong = s->bare = false;
    s->fresh = true;
    stream_timeout(s->stream, smtpd_idle(s));
    smtpd_set_state(s, SMTPD_START);
}

/* One piece of input or a verdict; false when there is none to go on with. */
static bool advance(struct smtpd_session *s)
{
    struct cur in;
    if (s->slow)
        return false;
    switch (s->state) {
    case SMTPD_PROXY:
        return take_proxy(s);
    case SMTPD_PAUSE:
        in = stream_in(s->stream);
        if (cur_left(&in) > 0)
            early_talker(s);
        return cur_left(&in) > 0;
    case SMTPD_START:
    case SMTPD_READY:
    case SMTPD_MAIL:
    case SMTPD_LOGIN:
        return !unread_replies(s) && take_line(s);
    case SMTPD_DATA:
        return !unread_replies(s) && take_content(s);
    case SMTPD_BDAT:
        return !unread_replies(s) && smtpd_take_chunk(s);
    case SMTPD_WAIT:
        return take_verdict(s);
    case SMTPD_ASK:
    case SMTPD_TLS: /* nothing said now was said to us */
    case SMTPD_OVER:
        break;
    }
    return false;
}

/* Errors are counted for the client as well; who makes many is answered slowly, then not at all. */
static void look_at_errors(struct smtpd_session *s)
{
    const struct smtpd_set *set = &s->d->set;
    if (s->state == SMTPD_OVER || s->errors <= s->counted_errors)
        return;
    smtpd_count(s, SMTPD_ERRORS, s->errors - s->counted_errors);
    s->counted_errors = s->errors;
    if (s->errors >= set->max_errors || smtpd_over(s, SMTPD_ERRORS)) {
        smtpd_hang_up(s, "limit", "4.7.0", "has had too many errors from you, closing connection");
    } else if (s->counted && set->tarpit_ms > 0 && s->errors * 2 >= set->max_errors) {
        s->slow = true;
        loop_arm(set->loop, &s->pause, set->tarpit_ms, on_pause, s);
    }
}

static void go_on(struct smtpd_session *s)
{
    while (advance(s))
        look_at_errors(s);
    if (s->d->draining && (s->state == SMTPD_PROXY || s->state == SMTPD_PAUSE ||
                           s->state == SMTPD_START || s->state == SMTPD_READY))
        smtpd_hang_up(s, "closed", "4.3.2", "is shutting down, try again later");
    else if (s->eof && s->state != SMTPD_WAIT && s->state != SMTPD_ASK && s->state != SMTPD_OVER &&
             !s->slow && !unread_replies(s))
        gone(s);
}

void smtpd_session_step(struct smtpd_session *s, enum smtpd_input in)
{
    if (s->busy)
        return; /* a verdict given inside ops->data: go_on sees it */
    s->busy = true;
    switch (in) {
    case SMTPD_IN_TIMER:
        if (s->slow)
            s->slow = false;
        else
            smtpd_ask(s, SMTPD_AT_CONNECT);
        go_on(s);
        break;
    case SMTPD_IN_ANSWER:
        answered(s);
        look_at_errors(s);
        go_on(s);
        break;
    case SMTPD_IN_SECURE:
        secured(s);
        go_on(s);
        break;
    case SMTPD_IN_TIMEOUT:
        /* While the owner decides the client rightly says nothing. */
        if (s->state != SMTPD_WAIT && s->state != SMTPD_ASK)
            smtpd_hang_up(s, "closed", "4.4.2", "has waited too long for you, closing connection");
        break;
    case SMTPD_IN_FAIL:
        gone(s);
        stream_free(&s->stream); /* nothing can be sent any more */
        break;
    case SMTPD_IN_EOF:
        s->eof = true;
        go_on(s);
        break;
    case SMTPD_IN_DATA:
    case SMTPD_IN_VERDICT:
    case SMTPD_IN_DRAIN:
        go_on(s);
        break;
    }
    s->busy = false;
    if (s->state == SMTPD_OVER)
        over(s);
}
