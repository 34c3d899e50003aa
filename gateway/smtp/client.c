/* gateway/smtp/client.c -- the client's machine: the state names the reply that is awaited. */
#include "gateway/smtp/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/smtp/client_private.h"

#define PIECE 65536u       /* content is dotted and queued in pieces of this */
#define QUEUE_MOST 262144u /* and no more than about this waits for the kernel */
#define OUT_MOST (2u * PIECE + 4096u)
#define COMMANDS_MOST 32768u /* commands gathered before they go to the stream */
#define ADDRESS_ARENA 4096u

static void try_target(struct smtpc *c);
static void ask(struct smtpc *c);
static bool send_envelope(struct smtpc *c);

/* --- life --------------------------------------------------------------------------------------
 */

static void enter(struct smtpc *c)
{
    c->depth++;
}

static void leave(struct smtpc *c)
{
    if (--c->depth > 0 || !c->dead)
        return;
    loop_disarm(c->set.loop, &c->timer);
    if (c->s != NULL)
        stream_free(&c->s);
    smtp_reply_done(&c->reply);
    buf_done(&c->out);
    arena_free(&c->arena);
    free(c->fate);
    free(c->targets);
    free(c);
}

static void on_timer(void *arg);

/* The only place that changes the state. Not the stream's time-out: that starts again with each
 * byte, and a server that drips must not hold us for ever. */
static void await(struct smtpc *c, enum state next)
{
    c->state = next;
    loop_arm(c->set.loop, &c->timer, smtpc_time(c), on_timer, c);
}

/* The end: closed() runs from the loop, so that no caller finds its client gone under its feet. */
static void over(struct smtpc *c, const struct why *w)
{
    if (c->s != NULL)
        stream_free(&c->s);
    c->has_why = w != NULL;
    if (w != NULL && w != &c->why)
        c->why = *w;
    await(c, OVER);
}

/* --- verdicts ----------------------------------------------------------------------------------
 */

/* The reply just read, as a reason in the server's own words. */
static void server_why(const struct smtpc *c, struct why *w)
{
    struct smtp_reply const *r = &c->reply;
    smtp_reply_why(r, w);
    if (r->code < 400)
        why_prefix(w, "host %s", c->peer);
    else
        why_set(w, w->err, w->smtp, w->enh, "host %s said: %d %s%s%s", c->peer, r->code, r->enh,
                r->enh[0] != '\0' ? " " : "", w->text);
}

static void tell(struct smtpc *c, size_t i, const struct why *w)
{
    c->fate[i] = TOLD;
    c->ops->rcpt(c->arg, c, c->job.ref, i, w);
}

/* All that have no verdict yet. */
static void tell_rest(struct smtpc *c, const struct why *w)
{
    for (size_t i = 0; i < c->job.nrcpt; i++)
        if (c->fate[i] != TOLD)
            tell(c, i, w);
}

static void job_done(struct smtpc *c)
{
    if (!c->active)
        return;
    c->active = false;
    c->ops->done(c->arg, c, c->job.ref);
}

/* --- losing a connection -----------------------------------------------------------------------
 */

/* Servers close idle connections when they like. When that crosses our next message, nothing of it
 * was taken and another connection will do; no more than one, for that has answered nothing yet. */
static bool is_stale(const struct smtpc *c)
{
    return c->active && c->answered > 0 && (c->state == RSET || c->state == MAIL);
}

/* The connection is of no more use, whatever state it is in. */
static void lose(struct smtpc *c, const struct why *w)
{
    if (c->s != NULL)
        stream_free(&c->s);
    if (smtpc_may_go_plain(c, w)) {
        c->plain = true;
        try_target(c);
        return;
    }
    if (c->state <= HANDSHAKE) {
        c->why = *w;
        c->target++;
        c->plain = false;
        try_target(c);
        return;
    }
    if (is_stale(c)) {
        c->target = 0;
        c->plain = false;
        try_target(c);
        return;
    }
    bool peace = c->answered > 0 || c->state == IDLE || c->state == QUIT;
    if (c->active) {
        tell_rest(c, w);
        job_done(c);
    }
    if (!c->dead)
        over(c, peace ? NULL : w);
}

static void lose_gone(struct smtpc *c, const char *how)
{
    struct why w;
    why_set(&w, E_GONE, 0, NULL, "connection to %s lost while waiting for the %s: %s", c->peer,
            smtpc_awaited(c), how);
    lose(c, &w);
}

/* The server speaks, but not what it should. */
static void lose_confused(struct smtpc *c, const char *what)
{
    struct why w;
    why_set(&w, E_TEMP, 451, "4.5.0", "host %s does not keep to the protocol (%s): %s", c->peer,
            smtpc_awaited(c), what);
    lose(c, &w);
}

static void lose_refused(struct smtpc *c)
{
    struct why w;
    server_why(c, &w);
    lose(c, &w);
}

/* --- connecting --------------------------------------------------------------------------------
 */

static void on_stream(struct stream *s, enum stream_event ev, void *arg);

static void no_target(struct smtpc *c)
{
    if (c->ntargets == 0)
        why_set(&c->why, E_TEMP, 451, "4.4.4", "there is no host to send to");
    if (c->active) {
        struct why w = c->why;
        tell_rest(c, &w);
        job_done(c);
    }
    if (!c->dead)
        over(c, &c->why);
}

static void forget_extensions(struct smtpc *c)
{
    c->pipelining = c->eightbit = c->size_known = c->starttls = false;
    c->size_max = 0;
}

static void try_target(struct smtpc *c)
{
    if (c->target >= c->ntargets) {
        no_target(c);
        return;
    }
    const struct smtp_target *t = &c->targets[c->target];
    char addr[64];
    snprintf(c->peer, sizeof c->peer, "%s[%s]:%u", t->name, endpoint_text(&t->at, false, addr),
             endpoint_port(&t->at));
    smtp_reply_done(&c->reply);
    smtp_reply_init(&c->reply);
    c->answered = 0;
    c->need_rset = c->secure = false;
    forget_extensions(c);
    c->connection++;
    await(c, CONNECT);
    const union endpoint *from = c->set.from;
    if (from != NULL && from->any.sa_family != t->at.any.sa_family)
        from = NULL;
    c->s = stream_connect(c->set.loop, &t->at, from, on_stream, c);
}

static void command(struct smtpc *c, enum state next, const char *verb, const char *rest)
{
    stream_puts(c->s, str_of(verb));
    stream_puts(c->s, str_of(rest));
    stream_put(c->s, "\r\n", 2);
    await(c, next);
}

static void leave_target(struct smtpc *c, const struct why *w)
{
    stream_puts(c->s, STR("QUIT\r\n"));
    stream_finish(&c->s);
    lose(c, w);
}

/* A target that will not serve us is left politely. Its 5xx is about the host, not about the mail,
 * so it is temporary: another day or another target may do (RFC 5321 3.1 leaves it to us). */
static void refuse_target(struct smtpc *c)
{
    struct why w;
    server_why(c, &w);
    why_set(&w, E_TEMP, 451, "4.4.0", "%s", w.text);
    leave_target(c, &w);
}

/* The server is ready for mail. */
static void ready(struct smtpc *c)
{
    bool retry = c->active;
    if (!(retry && send_envelope(c)) && !c->dead)
        ask(c);
}

/* What the server sent behind its 220, in the clear, is discarded by stream_secure. */
static void starttls_reply(struct smtpc *c)
{
    struct why w;
    if (c->reply.code != 220 && c->set.tls_policy == SMTPC_TLS_REQUIRED) {
        server_why(c, &w);
        smtpc_tls_why(c, w.text, &w);
        leave_target(c, &w);
    } else if (c->reply.code != 220) {
        ready(c);
    } else if (stream_secure(c->s, tls_context(c->set.tls, TLS_SMTP_OUT), false,
                             c->targets[c->target].name, &w) < 0) {
        smtpc_tls_why(c, w.text, &w);
        lose(c, &w);
    } else {
        await(c, HANDSHAKE);
    }
}

/* RFC 3207 4.2: what was said in the clear is forgotten on both sides. */
static void secured(struct smtpc *c)
{
    c->secure = true;
    forget_extensions(c);
    command(c, EHLO, "EHLO ", c->helo);
}

static void greeting_reply(struct smtpc *c)
{
    if (c->reply.code / 100 == 2)
        command(c, EHLO, "EHLO ", c->helo);
    else
        refuse_target(c);
}

static void helo_reply(struct smtpc *c)
{
    struct str text = buf_text(&c->reply.text), line;
    if (c->state == EHLO && c->reply.code / 100 == 5) {
        command(c, HELO, "HELO ", c->helo);
        return;
    }
    if (c->reply.code / 100 != 2) {
        refuse_target(c);
        return;
    }
    (void)str_line(&text, &line); /* the host's name and greetings */
    while (c->state == EHLO && str_line(&text, &line))
        smtpc_learn(c, line);
    struct why w;
    int v = smtpc_wants_tls(c, &w);
    if (v < 0)
        leave_target(c, &w);
    else if (v > 0)
        command(c, STARTTLS, "STARTTLS", "");
    else
        ready(c);
}

/* --- the envelope ------------------------------------------------------------------------------
 */

static int check_address(struct smtpc *c, struct str address, struct why *w)
{
    struct smtp_path path;
    for (size_t i = 0; i < address.n; i++)
        if ((uint8_t)address.p[i] > 0x7F)
            return why_set(w, E_PERM, 553, "5.6.7",
                           "'%.*s' is beyond ASCII: SMTPUTF8 is not supported",
                           STR_ARG(str_sub(address, 0, 100)));
    arena_reset(c->arena);
    return smtp_parse_mailbox(address, c->arena, &path, w);
}

/* Can the message as a whole go to this server? */
static int check_message(struct smtpc *c, struct why *w)
{
    size_t size = cur_left(&c->job.content);
    if (c->size_max > 0 && size > c->size_max)
        return why_set(w, E_PERM, 552, "5.3.4",
                       "the message of %zu bytes is larger than host %s takes (%llu bytes)", size,
                       c->peer, (unsigned long long)c->size_max);
    if (c->job.eightbit && !c->eightbit)
        return why_set(w, E_PERM, 554, "5.6.3",
                       "the message holds 8-bit text, which host %s does not take", c->peer);
    return c->job.sender.n == 0 ? 0 : check_address(c, c->job.sender, w);
}

/* Verdicts of what cannot be sent at all; whether a recipient is left. */
static bool weed(struct smtpc *c)
{
    struct why w;
    size_t left = 0;
    if (check_message(c, &w) < 0) {
        tell_rest(c, &w);
        return false;
    }
    for (size_t i = 0; i < c->job.nrcpt && !c->dead; i++) {
        if (c->fate[i] == WAITING && check_address(c, c->job.rcpt[i], &w) < 0)
            tell(c, i, &w);
        else
            left += c->fate[i] == WAITING;
    }
    return left > 0;
}

static size_t next_waiting(const struct smtpc *c, size_t from)
{
    while (from < c->job.nrcpt && c->fate[from] != WAITING)
        from++;
    return from;
}

static void flush(struct smtpc *c)
{
    stream_puts(c->s, buf_text(&c->out));
    buf_reset(&c->out);
}

static void put_mail(struct smtpc *c)
{
    buf_z(&c->out, "MAIL FROM:<");
    buf_str(&c->out, c->job.sender);
    buf_u8(&c->out, '>');
    if (c->size_known)
        buf_printf(&c->out, " SIZE=%zu", cur_left(&c->job.content));
    if (c->job.eightbit && c->eightbit)
        buf_z(&c->out, " BODY=8BITMIME");
    buf_add(&c->out, "\r\n", 2);
}

static void put_rcpt(struct smtpc *c, size_t i)
{
    buf_z(&c->out, "RCPT TO:<");
    buf_str(&c->out, c->job.rcpt[i]);
    buf_add(&c->out, ">\r\n", 3);
    if (c->out.n > COMMANDS_MOST)
        flush(c);
}

/* With PIPELINING (RFC 2920) the whole envelope and DATA go in one write; the last message's RSET,
 * when it needs one, before them. Else one command for each reply. False: the message is settled
 * unsent. */
static bool send_envelope(struct smtpc *c)
{
    if (!weed(c)) {
        job_done(c);
        return false;
    }
    bool rset = c->need_rset;
    c->mail_ok = c->need_rset = false;
    c->ntaken = c->queued = 0;
    c->at = next_waiting(c, 0);
    if (rset)
        buf_z(&c->out, "RSET\r\n");
    if (!rset || c->pipelining)
        put_mail(c);
    for (size_t i = c->at; c->pipelining && i < c->job.nrcpt; i = next_waiting(c, i + 1))
        put_rcpt(c, i);
    if (c->pipelining)
        buf_z(&c->out, "DATA\r\n");
    flush(c);
    await(c, rset ? RSET : MAIL);
    return true;
}

static void begin(struct smtpc *c, const struct smtpc_job *job)
{
    c->job = *job;
    c->active = true;
    if (job->nrcpt > c->fates) {
        c->fate = mem_grow(c->fate, job->nrcpt, 1);
        c->fates = job->nrcpt;
    }
    if (job->nrcpt > 0)
        memset(c->fate, WAITING, job->nrcpt);
}

static bool enough(const struct smtpc *c)
{
    return c->quitting || c->answered >= c->set.max_messages;
}

/* Between messages. A loop, for any number of messages may be settled without being sent. */
static void ask(struct smtpc *c)
{
    while (!c->dead) {
        struct smtpc_job job = {.ref = NULL};
        c->state = ASK;
        bool more = !enough(c) && c->ops->next(c->arg, c, &job);
        if (c->dead)
            return;
        if (!more) {
            if (enough(c))
                command(c, QUIT, "QUIT", "");
            else
                await(c, IDLE);
            return;
        }
        begin(c, &job);
        if (send_envelope(c))
            return;
    }
}

/* --- replies of a transaction ------------------------------------------------------------------
 */

/* The message has its answers: on to the next, in the same turn. */
static void message_over(struct smtpc *c)
{
    c->answered++;
    job_done(c);
    if (c->dead)
        return;
    c->state = ASK;
    struct cur in = stream_in(c->s);
    if (cur_left(&in) > 0) /* else it would be taken for answers to what we send next */
        lose_confused(c, "it says more than it was asked");
    else
        ask(c);
}

static void rset_reply(struct smtpc *c)
{
    if (c->reply.code / 100 != 2) {
        lose_refused(c);
        return;
    }
    if (!c->pipelining) {
        put_mail(c);
        flush(c);
    }
    await(c, MAIL);
}

static void mail_reply(struct smtpc *c)
{
    c->mail_ok = c->reply.code / 100 == 2;
    if (!c->mail_ok)
        server_why(c, &c->refused);
    if (!c->mail_ok && !c->pipelining) {
        tell_rest(c, &c->refused);
        message_over(c);
        return;
    }
    if (!c->pipelining) {
        put_rcpt(c, c->at);
        flush(c);
    }
    await(c, RCPT);
}

/* RFC 5321 4.5.3.1.10: 552 to RCPT without further words once meant too many recipients. */
static void rcpt_why(struct smtpc *c, struct why *w)
{
    server_why(c, w);
    if (c->reply.code == 552 && c->reply.enh[0] == '\0')
        why_set(w, E_TEMP, 452, "4.5.3", "%s", w->text);
}

static void rcpt_reply(struct smtpc *c)
{
    struct why w;
    if (c->mail_ok && c->reply.code / 100 == 2) {
        c->fate[c->at] = TAKEN;
        c->ntaken++;
    } else if (c->mail_ok) {
        rcpt_why(c, &w);
        tell(c, c->at, &w);
        if (c->dead)
            return;
    }
    c->at = next_waiting(c, c->at + 1);
    bool last = c->at >= c->job.nrcpt;
    if (!c->pipelining && last && c->ntaken == 0) {
        c->need_rset = true;
        message_over(c);
        return;
    }
    if (!c->pipelining && last)
        buf_z(&c->out, "DATA\r\n");
    else if (!c->pipelining)
        put_rcpt(c, c->at);
    flush(c);
    await(c, last ? DATA : RCPT);
}

static void send_content(struct smtpc *c)
{
    enum state next = CONTENT;
    while (next == CONTENT && stream_queued(c->s) < QUEUE_MOST) {
        size_t n = cur_left(&c->left);
        struct cur piece = cur_sub(&c->left, n < PIECE ? n : PIECE);
        smtp_dot(&c->dot, cur_str(&piece), &c->out);
        if (cur_left(&c->left) == 0) {
            smtp_dot_end(&c->dot, &c->out);
            next = DOT;
        }
        flush(c);
    }
    c->queued = stream_queued(c->s);
    await(c, next);
}

static void data_reply(struct smtpc *c)
{
    struct why w;
    if (!c->mail_ok) {
        tell_rest(c, &c->refused);
    } else if (c->reply.code != 354) {
        server_why(c, &w);
        tell_rest(c, &w);
    }
    if (c->dead)
        return;
    if (c->reply.code != 354) {
        c->need_rset = c->mail_ok; /* a transaction without data may still be open */
        message_over(c);
    } else if (c->mail_ok && c->ntaken > 0) {
        c->left = c->job.content;
        c->dot = (struct smtp_dot){.state = 0};
        send_content(c);
    } else { /* RFC 2920 3.1: no recipient, and yet it waits for content */
        stream_puts(c->s, STR(".\r\n"));
        c->queued = stream_queued(c->s);
        await(c, DOT);
    }
}

/* An answer while we still send: a refusal is one, then the connection is of no use (RFC
 * 5321 4.1.1.4 has no other way to stop the content). */
static void early_reply(struct smtpc *c)
{
    struct why w;
    if (c->reply.code < 400) {
        lose_confused(c, "it answers before the message has ended");
        return;
    }
    server_why(c, &w);
    c->answered++;
    lose(c, &w);
}

static void dot_reply(struct smtpc *c)
{
    struct why w;
    bool ok = c->reply.code / 100 == 2;
    if (stream_queued(c->s) > 0) {
        early_reply(c);
        return;
    }
    if (!ok)
        server_why(c, &w);
    tell_rest(c, ok ? NULL : &w);
    if (!c->dead)
        message_over(c);
}

static void idle_reply(struct smtpc *c)
{
    lose_refused(c); /* "421 idle for too long", or noise */
}

static void quit_reply(struct smtpc *c)
{
    over(c, NULL);
}

static void handle_reply(struct smtpc *c)
{
    static void (*const handle[])(struct smtpc *) = {
        [GREETING] = greeting_reply, [EHLO] = helo_reply,
        [HELO] = helo_reply,         [STARTTLS] = starttls_reply,
        [HANDSHAKE] = NULL,          [IDLE] = idle_reply,
        [RSET] = rset_reply,         [MAIL] = mail_reply,
        [RCPT] = rcpt_reply,         [DATA] = data_reply,
        [CONTENT] = early_reply,     [DOT] = dot_reply,
        [QUIT] = quit_reply,         [OVER] = NULL};
    int code = c->reply.code, kind = code / 100;
    bool transaction = c->state >= RSET && c->state <= DATA;
    if (code == 421 && c->state != QUIT)
        lose_refused(c);
    else if (transaction && kind == 3 && !(c->state == DATA && code == 354))
        lose_confused(c, "a 3xx reply where none belongs");
    else if (c->state == DATA && kind == 2)
        lose_confused(c, "it accepts DATA without 354");
    else if (handle[c->state] != NULL)
        handle[c->state](c);
}

/* --- events ------------------------------------------------------------------------------------
 */

/* Take one line: 1 the reply is complete, 0 another line belongs to it, negative: no line, or the
 * connection was lost over it. */
static int read_line(struct smtpc *c)
{
    struct cur in = stream_in(c->s);
    struct str text = cur_str(&in);
    ptrdiff_t lf = str_find(str_sub(text, 0, SMTP_REPLY_MAX), '\n');
    struct why w;
    if (lf < 0 && text.n < SMTP_REPLY_MAX)
        return E_ABSENT;
    int rc = lf < 0 ? why_set(&w, E_LIMIT, 0, NULL, "a reply line is too long")
                    : smtp_reply_line(&c->reply, str_trim_right(str_sub(text, 0, (size_t)lf)), &w);
    if (rc < 0)
        lose_confused(c, w.text);
    else
        stream_take(c->s, (size_t)lf + 1);
    return rc;
}

static void pump(struct smtpc *c)
{
    while (c->s != NULL && !c->dead) {
        int rc = read_line(c);
        if (rc < 0)
            return;
        if (rc == 0)
            continue;
        handle_reply(c);
        struct buf text = c->reply.text;
        buf_reset(&text);
        c->reply = (struct smtp_reply){.text = text};
    }
}

static void drained(struct smtpc *c)
{
    if (c->state == CONTENT) {
        send_content(c);
    } else if (c->state == DOT) {
        c->queued = 0;
        await(c, DOT);
    }
}

static void connect_failed(struct smtpc *c, const struct why *cause)
{
    struct why w;
    why_set(&w, E_TEMP, 451, "4.4.1", "cannot connect to %s: %s", c->peer, cause->text);
    lose(c, &w);
}

static void handshake_failed(struct smtpc *c, const struct why *cause)
{
    struct why w;
    smtpc_tls_why(c, cause->text, &w);
    lose(c, &w);
}

static void on_stream(struct stream *s, enum stream_event ev, void *arg)
{
    struct smtpc *c = arg;
    unsigned connection = c->connection;
    enter(c);
    if (ev == STREAM_OPEN)
        await(c, GREETING);
    else if (ev == STREAM_SECURE)
        secured(c);
    else if (ev == STREAM_FAIL && c->state == HANDSHAKE)
        handshake_failed(c, stream_why(s));
    else if (ev == STREAM_FAIL && c->state == CONNECT)
        connect_failed(c, stream_why(s));
    else if (ev == STREAM_DRAINED)
        drained(c);
    else
        pump(c); /* the last words before the end count */
    bool same = c->s != NULL && c->connection == connection && !c->dead;
    if (same && ev == STREAM_EOF)
        lose_gone(c, "the host closed it");
    else if (same && ev == STREAM_FAIL)
        lose_gone(c, stream_why(s)->text);
    leave(c);
}

static void late(struct smtpc *c)
{
    struct why w;
    size_t queued = c->state == CONTENT || c->state == DOT ? stream_queued(c->s) : 0;
    if (queued > 0 && queued < c->queued) { /* slow, but it moves */
        c->queued = queued;
        await(c, c->state);
        return;
    }
    why_set(&w, E_TEMP, 451, c->state == CONNECT ? "4.4.1" : "4.4.2",
            "host %s: no %s within %lld s", c->peer, smtpc_awaited(c),
            (long long)(smtpc_time(c) / 1000));
    lose(c, &w);
}

static void on_timer(void *arg)
{
    struct smtpc *c = arg;
    enter(c);
    if (c->state == OVER) {
        c->ops->closed(c->arg, c, c->has_why ? &c->why : NULL);
        c->dead = true;
    } else if (c->state == IDLE) {
        command(c, QUIT, "QUIT", "");
    } else if (c->state == QUIT) {
        over(c, NULL);
    } else {
        late(c);
    }
    leave(c);
}

/* --- the owner's calls -------------------------------------------------------------------------
 */

struct smtpc *smtpc_new(const struct smtpc_set *set, const struct smtp_target *targets,
                        size_t ntargets, const struct smtpc_ops *ops, void *arg)
{
    struct smtpc *c = mem_new(sizeof *c);
    c->set = *set;
    smtpc_defaults(&c->set);
    str_copy(c->helo, sizeof c->helo, str_of(set->helo));
    c->ops = ops;
    c->arg = arg;
    if (ntargets > 0) {
        c->targets = mem_grow(NULL, ntargets, sizeof *targets);
        memcpy(c->targets, targets, ntargets * sizeof *targets);
    }
    c->ntargets = ntargets;
    c->arena = arena_new(ADDRESS_ARENA);
    smtp_reply_init(&c->reply);
    buf_init(&c->out, OUT_MOST);
    try_target(c);
    return c;
}

void smtpc_kick(struct smtpc *c)
{
    enter(c);
    if (c->state == IDLE)
        ask(c);
    leave(c);
}

bool smtpc_idle(const struct smtpc *c)
{
    return c->state == IDLE;
}

const char *smtpc_peer(const struct smtpc *c)
{
    return c->peer;
}

void smtpc_quit(struct smtpc *c)
{
    c->quitting = true;
    if (c->state == IDLE)
        command(c, QUIT, "QUIT", "");
    else if (c->state <= HANDSHAKE && !c->active)
        over(c, NULL);
}

void smtpc_free(struct smtpc **cp)
{
    struct smtpc *c = *cp;
    *cp = NULL;
    if (c == NULL || c->dead)
        return;
    enter(c);
    c->dead = true;
    if (c->active) {
        struct why w;
        why_set(&w, E_GONE, 0, NULL, "the connection to %s was closed here", c->peer);
        tell_rest(c, &w);
        job_done(c);
    }
    leave(c);
}
