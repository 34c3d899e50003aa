/* gateway/smtp/client.c -- the client's machine: the state names the reply that is awaited. */
#include "gateway/smtp/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/smtp/client_private.h"

#define OUT_MOST (2u * SMTPC_PIECE + 4096u)
#define ADDRESS_ARENA 4096u
#define PASSED_MOST 2u /* targets that may put one message off before it waits */

static void try_target(struct smtpc *c);

/* --- life --- */

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
    smtp_auth_free(&c->auth);
    for (size_t i = 0; i < c->ntargets; i++)
        tlsa_drop(&c->targets[i].tlsa);
    free(c->targets);
    free(c);
}

static void on_timer(void *arg);

/* The only place that changes the state. Not the stream's time-out: that starts again with each
 * byte, and a server that drips must not hold us for ever. */
void smtpc_await(struct smtpc *c, enum state next)
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
    smtpc_await(c, OVER);
}

/* --- verdicts --- */

/* The reply just read, as a reason in the server's own words. */
void smtpc_server_why(const struct smtpc *c, struct why *w)
{
    struct smtp_reply const *r = &c->reply;
    smtp_reply_why(r, w);
    if (r->code < 400)
        why_prefix(w, "host %s", c->peer);
    else
        why_set(w, w->err, w->smtp, w->enh, "host %s said: %d %s%s%s", c->peer, r->code, r->enh,
                r->enh[0] != '\0' ? " " : "", w->text);
}

void smtpc_tell(struct smtpc *c, size_t i, const struct why *w)
{
    c->fate[i] = TOLD;
    c->ops->rcpt(c->arg, c, c->job.ref, i, w);
}

/* All that have no verdict yet. */
void smtpc_tell_rest(struct smtpc *c, const struct why *w)
{
    for (size_t i = 0; i < c->job.nrcpt; i++)
        if (c->fate[i] != TOLD)
            smtpc_tell(c, i, c->fate[i] == PUT_OFF ? &c->put_off : w);
}

void smtpc_job_done(struct smtpc *c)
{
    if (!c->active)
        return;
    c->active = false;
    c->ops->done(c->arg, c, c->job.ref);
}

/* --- losing a connection --- */

/* Servers close idle connections when they like. When that crosses our next message, nothing of it
 * was taken and another connection will do; no more than one, for that has answered nothing yet. */
static bool is_stale(const struct smtpc *c)
{
    return c->active && c->answered > 0 && (c->state == RSET || c->state == MAIL);
}

/* RFC 5321 5.1: the targets in order, until one takes the message. Once its content is under way
 * nobody knows what became of it, so it waits for its next turn. */
bool smtpc_may_pass_on(const struct smtpc *c)
{
    bool undecided = false;
    for (size_t i = 0; c->active && i < c->job.nrcpt; i++)
        undecided = undecided || c->fate[i] != TOLD;
    return undecided && c->answered == 0 && c->state >= MAIL && c->state <= DATA &&
           c->target + 1 < c->ntargets && c->passed < PASSED_MOST;
}

/* To the next one with whoever has no verdict yet. */
static void next_target(struct smtpc *c)
{
    for (size_t i = 0; i < c->job.nrcpt; i++)
        if (c->fate[i] != TOLD)
            c->fate[i] = WAITING;
    c->passed++;
    c->target++;
    c->plain = c->unreached = false;
    try_target(c);
}

/* The connection is of no more use, whatever state it is in. */
void smtpc_lose(struct smtpc *c, const struct why *w)
{
    if (c->s != NULL)
        stream_free(&c->s);
    if (smtpc_may_go_plain(c, w)) {
        c->plain = true;
        try_target(c);
        return;
    }
    if (c->state < ASK) {
        c->why = *w;
        c->unreached = c->state == CONNECT;
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
    if (smtpc_may_pass_on(c)) {
        c->why = *w;
        next_target(c);
        return;
    }
    bool peace = c->answered > 0 || c->state == IDLE || c->state == QUIT;
    if (c->active) {
        smtpc_tell_rest(c, w);
        smtpc_job_done(c);
    }
    if (!c->dead)
        over(c, peace ? NULL : w);
}

static void lose_gone(struct smtpc *c, const char *how)
{
    struct why w;
    why_set(&w, E_GONE, 0, NULL, "connection to %s lost while waiting for the %s: %s", c->peer,
            smtpc_awaited(c), how);
    smtpc_lose(c, &w);
}

/* The server speaks, but not what it should. */
void smtpc_lose_confused(struct smtpc *c, const char *what)
{
    struct why w;
    why_set(&w, E_TEMP, 451, "4.5.0", "host %s does not keep to the protocol (%s): %s", c->peer,
            smtpc_awaited(c), what);
    smtpc_lose(c, &w);
}

void smtpc_lose_refused(struct smtpc *c)
{
    struct why w;
    smtpc_server_why(c, &w);
    smtpc_lose(c, &w);
}

/* --- connecting --- */

static void on_stream(struct stream *s, enum stream_event ev, void *arg);

static void no_target(struct smtpc *c)
{
    if (c->ntargets == 0)
        why_set(&c->why, E_TEMP, 451, "4.4.4", "there is no host to send to");
    if (c->active) {
        struct why w = c->why;
        smtpc_tell_rest(c, &w);
        smtpc_job_done(c);
    }
    if (!c->dead)
        over(c, &c->why);
}

static void forget_extensions(struct smtpc *c)
{
    c->pipelining = c->eightbit = c->size_known = c->starttls = c->smtputf8 = c->dsn = false;
    c->size_max = 0;
    c->mechanisms = c->mail_max = c->rcpt_max = c->domain_max = 0;
}

/* A socket nobody listens on is known at once; the next target takes its turn from here. */
static void connect_unix(struct smtpc *c, const char *path)
{
    struct why cause, w;
    c->s = stream_connect_unix(c->set.loop, path, on_stream, c, &cause);
    if (c->s != NULL)
        return;
    why_set(&w, E_TEMP, 451, "4.4.1", "cannot connect: %s", cause.text);
    smtpc_lose(c, &w);
}

static void try_target(struct smtpc *c)
{
    if (c->target >= c->ntargets) {
        no_target(c);
        return;
    }
    const struct smtp_target *t = &c->targets[c->target];
    char addr[64];
    if (t->path[0] != '\0')
        snprintf(c->peer, sizeof c->peer, "%s", t->path);
    else
        snprintf(c->peer, sizeof c->peer, "%s[%s]:%u", t->name, endpoint_text(&t->at, false, addr),
                 endpoint_port(&t->at));
    smtp_reply_done(&c->reply);
    smtp_reply_init(&c->reply);
    c->answered = 0;
    c->need_rset = c->secure = c->signed_on = false;
    c->tls_facts[0] = '\0';
    smtp_auth_free(&c->auth);
    forget_extensions(c);
    c->connection++;
    smtpc_await(c, CONNECT);
    const union endpoint *from = c->set.from;
    if (from != NULL && from->any.sa_family != t->at.any.sa_family)
        from = NULL;
    if (t->path[0] == '\0')
        c->s = stream_connect(c->set.loop, &t->at, from, on_stream, c);
    else
        connect_unix(c, t->path);
}

void smtpc_command(struct smtpc *c, enum state next, const char *verb, const char *rest)
{
    stream_puts(c->s, str_of(verb));
    stream_puts(c->s, str_of(rest));
    stream_put(c->s, "\r\n", 2);
    smtpc_await(c, next);
}

static void part(struct smtpc *c)
{
    stream_puts(c->s, STR("QUIT\r\n"));
    stream_finish(&c->s);
}

void smtpc_leave_target(struct smtpc *c, const struct why *w)
{
    part(c);
    smtpc_lose(c, w);
}

void smtpc_pass_on(struct smtpc *c, const struct why *w)
{
    part(c);
    c->why = *w;
    next_target(c);
}

static void sign_on(struct smtpc *c);

/* A target that will not serve us is left politely. Its 5xx is about the host, not about the mail,
 * so it is temporary: another day or another target may do (RFC 5321 3.1 leaves it to us). */
static void refuse_target(struct smtpc *c)
{
    struct why w;
    smtpc_server_why(c, &w);
    why_set(&w, E_TEMP, 451, "4.4.0", "%s", w.text);
    smtpc_leave_target(c, &w);
}

/* The server is ready for mail. */
static void ready(struct smtpc *c)
{
    bool retry = c->active;
    if (retry && c->ops->fit != NULL)
        c->ops->fit(c->arg, c, &c->job);
    if (!(retry && smtpc_send_envelope(c)) && !c->dead)
        smtpc_ask(c);
}

/* --- signing on --- */

static void leave_unsigned(struct smtpc *c, const char *what)
{
    struct why w;
    why_set(&w, E_TEMP, 454, "4.7.0", "cannot sign on at host %s: %s", c->peer, what);
    smtpc_leave_target(c, &w);
}

/* Words of ours for the mechanism. Base64 of what the library makes: no CR or LF can be in it. */
static void auth_line(struct smtpc *c, const char *verb)
{
    stream_puts(c->s, str_of(verb));
    stream_puts(c->s, buf_text(&c->out));
    stream_put(c->s, "\r\n", 2);
    buf_reset(&c->out);
    smtpc_await(c, AUTH);
}

static void sign_on(struct smtpc *c)
{
    struct why w;
    if (c->set.user == NULL || c->signed_on) {
        ready(c);
        return;
    }
    const struct smtp_target *t = &c->targets[c->target];
    struct smtp_auth_set set = {.user = c->set.user,
                                .password = c->set.password,
                                .host = t->name,
                                .offered = c->mechanisms,
                                .sealed = c->secure || smtpc_is_here(t)};
    c->auth = smtp_auth_new(&set, &c->out, &w);
    if (c->auth == NULL)
        leave_unsigned(c, w.text);
    else
        auth_line(c, "AUTH ");
}

static void auth_reply(struct smtpc *c)
{
    struct why w;
    int code = c->reply.code;
    if (code == 334 && smtp_auth_step(c->auth, buf_text(&c->reply.text), &c->out, &w) == 0) {
        auth_line(c, "");
    } else if (code == 334) {
        stream_puts(c->s, STR("*\r\n"));
        leave_unsigned(c, w.text);
    } else if (code / 100 != 2) {
        smtpc_server_why(c, &w);
        leave_unsigned(c, w.text);
    } else if (smtp_auth_end(c->auth, &w) < 0) {
        leave_unsigned(c, w.text);
    } else {
        smtp_auth_free(&c->auth);
        c->signed_on = true;
        ready(c);
    }
}

/* What the server sent behind its 220, in the clear, is discarded by stream_secure. */
static void starttls_reply(struct smtpc *c)
{
    struct why w;
    if (c->reply.code != 220 && smtpc_need(c) != SMTPC_TLS_MAY) {
        smtpc_server_why(c, &w);
        smtpc_tls_why(c, w.text, &w);
        smtpc_leave_target(c, &w);
    } else if (c->reply.code != 220) {
        sign_on(c);
    } else if (smtpc_begin_tls(c, &w) < 0) {
        smtpc_tls_why(c, w.text, &w);
        smtpc_lose(c, &w);
    } else {
        smtpc_await(c, HANDSHAKE);
    }
}

static void hello(struct smtpc *c)
{
    smtpc_command(c, EHLO, c->set.lmtp ? "LHLO " : "EHLO ", c->helo);
}

/* RFC 3207 4.2: what was said in the clear is forgotten on both sides. */
static void secured(struct smtpc *c)
{
    c->secure = true;
    smtpc_note_tls(c);
    smtpc_look(c);
    forget_extensions(c);
    hello(c);
}

static void greeting_reply(struct smtpc *c)
{
    if (c->reply.code / 100 == 2)
        hello(c);
    else
        refuse_target(c);
}

static void helo_reply(struct smtpc *c)
{
    struct str text = buf_text(&c->reply.text), line;
    if (c->state == EHLO && c->reply.code / 100 == 5 && !c->set.lmtp && !c->secure) {
        smtpc_command(c, HELO, "HELO ", c->helo);
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
        smtpc_leave_target(c, &w);
    else if (v > 0)
        smtpc_command(c, STARTTLS, "STARTTLS", "");
    else {
        if (!c->secure)
            smtpc_look(c);
        sign_on(c);
    }
}

static void idle_reply(struct smtpc *c)
{
    smtpc_lose_refused(c); /* "421 idle for too long", or noise */
}

static void quit_reply(struct smtpc *c)
{
    over(c, NULL);
}

static void handle_reply(struct smtpc *c)
{
    static void (*const handle[])(struct smtpc *) = {
        [GREETING] = greeting_reply, [EHLO] = helo_reply,       [HELO] = helo_reply,
        [STARTTLS] = starttls_reply, [HANDSHAKE] = NULL,        [AUTH] = auth_reply,
        [IDLE] = idle_reply,         [RSET] = smtpc_rset_reply, [MAIL] = smtpc_mail_reply,
        [RCPT] = smtpc_rcpt_reply,   [DATA] = smtpc_data_reply, [CONTENT] = smtpc_early_reply,
        [DOT] = smtpc_dot_reply,     [QUIT] = quit_reply,       [OVER] = NULL};
    int code = c->reply.code, kind = code / 100;
    bool transaction = c->state >= RSET && c->state <= DATA;
    if (code == 421 && c->state != QUIT)
        smtpc_lose_refused(c);
    else if (transaction && kind == 3 && !(c->state == DATA && code == 354))
        smtpc_lose_confused(c, "a 3xx reply where none belongs");
    else if (c->state == DATA && kind == 2)
        smtpc_lose_confused(c, "it accepts DATA without 354");
    else if (handle[c->state] != NULL)
        handle[c->state](c);
}

/* --- events --- */

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
        smtpc_lose_confused(c, w.text);
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
        smtpc_send_content(c);
    } else if (c->state == DOT) {
        c->queued = 0;
        smtpc_await(c, DOT);
    }
}

static void connect_failed(struct smtpc *c, const struct why *cause)
{
    struct why w;
    why_set(&w, E_TEMP, 451, "4.4.1", "cannot connect to %s: %s", c->peer, cause->text);
    smtpc_lose(c, &w);
}

static void handshake_failed(struct smtpc *c, const struct why *cause)
{
    struct why w;
    smtpc_tls_why(c, cause->text, &w);
    smtpc_lose(c, &w);
}

static void on_stream(struct stream *s, enum stream_event ev, void *arg)
{
    struct smtpc *c = arg;
    unsigned connection = c->connection;
    enter(c);
    if (ev == STREAM_OPEN) {
        smtpc_connected(c);
        smtpc_await(c, GREETING);
    } else if (ev == STREAM_SECURE)
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
        smtpc_await(c, c->state);
        return;
    }
    why_set(&w, E_TEMP, 451, c->state == CONNECT ? "4.4.1" : "4.4.2",
            "host %s: no %s within %lld s", c->peer, smtpc_awaited(c),
            (long long)(smtpc_time(c) / 1000));
    smtpc_lose(c, &w);
}

static void on_timer(void *arg)
{
    struct smtpc *c = arg;
    enter(c);
    if (c->state == OVER) {
        c->ops->closed(c->arg, c, c->has_why ? &c->why : NULL);
        c->dead = true;
    } else if (c->state == IDLE) {
        smtpc_command(c, QUIT, "QUIT", "");
    } else if (c->state == QUIT) {
        over(c, NULL);
    } else {
        late(c);
    }
    leave(c);
}

/* --- the owner's calls --- */

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
        for (size_t i = 0; i < ntargets; i++)
            tlsa_ref(c->targets[i].tlsa);
    }
    c->ntargets = ntargets;
    smtpc_order_families(c);
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
        smtpc_ask(c);
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

const char *smtpc_tls_facts(const struct smtpc *c)
{
    return c->tls_facts;
}

void smtpc_quit(struct smtpc *c)
{
    c->quitting = true;
    if (c->state == IDLE)
        smtpc_command(c, QUIT, "QUIT", "");
    else if (c->state < ASK && !c->active)
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
        smtpc_tell_rest(c, &w);
        smtpc_job_done(c);
    }
    leave(c);
}
