/* gateway/smtp/session.c -- the SMTP session machine: commands by their table, content, verdicts */
#include "gateway/smtp/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define OUTPUT_MAX 65536u    /* replies a client may leave unread before it is not served further */
#define REFUSED_PER_ERROR 5u /* so many refused recipients weigh as one wrong command */

#define IN(state) (1u << SMTPD_##state)
#define GREETED (IN(READY) | IN(MAIL))
#define ANY_TIME (IN(START) | GREETED)

enum argument { ARG_NONE, ARG_MAY, ARG_MUST };

struct verb {
    const char *name;
    void (*run)(struct smtpd_session *s, struct str rest);
    unsigned states; /* where it may be given */
    enum argument argument;
    const char *usage; /* for HELP and for a wrong argument; NULL: not offered */
};

/* --- replies --------------------------------------------------------------- */

/* The only place that writes the state. */
static void set_state(struct smtpd_session *s, enum smtpd_state state)
{
    s->state = state;
}

static void say(struct smtpd_session *s, int code, const char *enh, struct str text)
{
    struct buf *b = &s->d->reply;
    buf_reset(b);
    smtp_put_reply(b, code, enh, text);
    stream_puts(s->stream, buf_text(b));
}

static void say_why(struct smtpd_session *s, const struct why *w)
{
    struct buf *b = &s->d->reply;
    buf_reset(b);
    smtp_put_why(b, w);
    stream_puts(s->stream, buf_text(b));
}

/* 421 and the end of the session, noted for the log. */
static void hang_up(struct smtpd_session *s, const char *event, const char *enh, const char *text)
{
    struct why w;
    why_set(&w, E_LIMIT, 421, enh, "%s %s", s->d->hostname, text);
    say_why(s, &w);
    smtpd_event(s, event, &w);
    set_state(s, SMTPD_OVER);
}

/* A command the client should not have given. */
static void wrong(struct smtpd_session *s, int code, const char *enh, const char *text)
{
    say(s, code, enh, str_of(text));
    s->errors++;
}

static void refuse(struct smtpd_session *s, const struct why *w)
{
    say_why(s, w);
    smtpd_event(s, "refused", w);
}

/* --- what the owner is asked before an answer ------------------------------ */

static void finish_connect(struct smtpd_session *s, const struct why *w);
static void finish_helo(struct smtpd_session *s, const struct why *w);
static void finish_mail(struct smtpd_session *s, const struct why *w);
static void finish_rcpt(struct smtpd_session *s, const struct why *w);
static void finish_data(struct smtpd_session *s, const struct why *w);

/* The answer is here: w NULL is yes. 421 ends the session wherever it is said. */
static void finish(struct smtpd_session *s, enum smtpd_stage stage, const struct why *w)
{
    static void (*const next[])(struct smtpd_session *, const struct why *) = {
        [SMTPD_AT_CONNECT] = finish_connect, [SMTPD_AT_HELO] = finish_helo,
        [SMTPD_AT_MAIL] = finish_mail,       [SMTPD_AT_RCPT] = finish_rcpt,
        [SMTPD_AT_DATA] = finish_data,
    };
    if (w != NULL && (why_smtp(w) == 421 || stage == SMTPD_AT_CONNECT)) {
        refuse(s, w);
        set_state(s, SMTPD_OVER);
    } else {
        next[stage](s, w);
    }
}

/* Everything is fine so far: what does the owner say? */
static void ask(struct smtpd_session *s, enum smtpd_stage stage)
{
    struct why w;
    int v = s->d->ops.gate != NULL ? s->d->ops.gate(s->d->arg, s, stage, &w) : 0;
    if (v == SMTPD_LATER) {
        s->asked = stage;
        s->back = s->state;
        set_state(s, SMTPD_ASK);
    } else {
        finish(s, stage, v < 0 ? &w : NULL);
    }
}

static void answered(struct smtpd_session *s)
{
    const struct why *w = s->answer;
    s->answer = NULL;
    set_state(s, s->back);
    stream_timeout(s->stream, s->d->set.idle_ms);
    finish(s, s->asked, w);
}

/* --- verbs ----------------------------------------------------------------- */

/* What a client calls itself goes into the trace field: printable, and nothing that would end it
 * there. */
static bool helo_ok(struct str name)
{
    if (name.n == 0 || name.n > SMTP_DOMAIN_MAX)
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || name.p[i] >= 0x7F || strchr("()<>\\\",;", name.p[i]) != NULL)
            return false;
    return true;
}

static bool hello(struct smtpd_session *s, struct str rest, bool esmtp)
{
    struct str name = str_word(&rest);
    if (!helo_ok(name)) {
        wrong(s, 501, "", "That is no host name");
        return false;
    }
    free(s->helo);
    s->helo = mem_copy(name.p, name.n);
    s->esmtp = esmtp;
    smtpd_tx_free(&s->tx); /* RFC 5321 4.1.4: as RSET */
    set_state(s, SMTPD_READY);
    return true;
}

static void do_helo(struct smtpd_session *s, struct str rest)
{
    if (hello(s, rest, false))
        ask(s, SMTPD_AT_HELO);
}

/* NULL when TLS is not to be had (any more): there is no certificate, or it is on already. */
static struct ssl_ctx_st *tls_of(const struct smtpd_session *s)
{
    return stream_is_secure(s->stream) ? NULL : tls_context(s->d->set.tls, TLS_SMTP_IN);
}

static void do_ehlo(struct smtpd_session *s, struct str rest)
{
    if (hello(s, rest, true))
        ask(s, SMTPD_AT_HELO);
}

static void offer(struct smtpd_session *s)
{
    struct buf b;
    buf_init(&b, 512);
    buf_printf(&b, "%s\n8BITMIME\nSIZE %llu\nPIPELINING\nENHANCEDSTATUSCODES%s", s->d->hostname,
               (unsigned long long)s->d->set.max_size,
               smtp_disallowed(s->d->set.disallow, STR("HELP")) ? "" : "\nHELP");
    if (tls_of(s) != NULL)
        buf_z(&b, "\nSTARTTLS");
    say(s, 250, "", buf_text(&b));
    buf_done(&b);
}

static void finish_helo(struct smtpd_session *s, const struct why *w)
{
    if (w != NULL) {
        s->errors++;
        refuse(s, w);
        free(s->helo);
        s->helo = NULL;
        set_state(s, SMTPD_START);
    } else if (s->esmtp) {
        offer(s);
    } else {
        say(s, 250, "", str_of(s->d->hostname));
    }
}

static void do_mail(struct smtpd_session *s, struct str rest)
{
    struct smtpd *d = s->d;
    struct why w;
    if (d->draining) {
        hang_up(s, "limit", "4.3.2", "is shutting down, try again later");
        return;
    }
    if (s->tx != NULL) {
        wrong(s, 503, "5.5.1", "Sender already specified; RSET begins anew");
        return;
    }
    struct smtpd_tx *tx = smtpd_tx_new(s);
    int rc = smtp_parse_mail(rest, false, tx->m.arena, &tx->m.sender, &tx->m.params, &w);
    if (rc == 0 && tx->m.params.size > d->set.max_size)
        rc = why_set(&w, E_LIMIT, 552, "5.3.4", "Message too large: %llu octets allowed",
                     (unsigned long long)d->set.max_size);
    if (rc == 0)
        rc = d->ops.mail(d->arg, &tx->m, &w);
    if (rc < 0) {
        s->errors++;
        refuse(s, &w);
        smtpd_tx_free(&tx);
        return;
    }
    s->tx = tx;
    ask(s, SMTPD_AT_MAIL);
}

static void finish_mail(struct smtpd_session *s, const struct why *w)
{
    if (w != NULL) {
        s->errors++;
        refuse(s, w);
        smtpd_tx_free(&s->tx);
        return;
    }
    set_state(s, SMTPD_MAIL);
    say(s, 250, "2.1.0", STR("Sender OK"));
}

/* The place of the next recipient; those before may move. */
static struct smtpd_rcpt *next_rcpt(struct smtpd_tx *tx)
{
    if (tx->m.nrcpt == tx->rcpt_cap) {
        tx->rcpt_cap = tx->rcpt_cap == 0 ? 4 : 2 * tx->rcpt_cap;
        tx->m.rcpt = mem_grow(tx->m.rcpt, tx->rcpt_cap, sizeof(*tx->m.rcpt));
    }
    struct smtpd_rcpt *r = &tx->m.rcpt[tx->m.nrcpt];
    *r = (struct smtpd_rcpt){.user = NULL};
    return r;
}

static void count_refused(struct smtpd_session *s)
{
    if (++s->refused % REFUSED_PER_ERROR == 0)
        s->errors++; /* a list may hold stale names; who guesses names is stopped */
}

/* Parse in the scratch arena, keep in the transaction's: wrong commands cost it nothing. */
static int take_rcpt(struct smtpd_session *s, struct str rest, struct why *w)
{
    struct smtpd_tx *tx = s->tx;
    struct smtp_path path;
    struct smtp_rcpt_params params;
    arena_reset(s->d->scratch);
    if (smtp_parse_rcpt(rest, false, s->d->scratch, &path, &params, w) < 0) {
        s->errors++;
        return E_SYNTAX;
    }
    struct smtpd_rcpt *r = next_rcpt(tx);
    r->params = params;
    r->path = (struct smtp_path){
        .local = arena_str(tx->m.arena, path.local),
        .domain = arena_str(tx->m.arena, path.domain),
        .text = arena_str(tx->m.arena, path.text),
        .route = path.route,
    };
    int rc = s->d->ops.rcpt(s->d->arg, &tx->m, r, w);
    if (rc == 0 && arena_full(tx->m.arena))
        rc = why_set(w, E_LIMIT, 452, "4.3.1", "This transaction uses too much memory");
    if (rc < 0)
        count_refused(s);
    return rc;
}

static void finish_rcpt(struct smtpd_session *s, const struct why *w)
{
    struct smtpd_tx *tx = s->tx;
    if (w != NULL) {
        count_refused(s);
        tx->refused++;
        refuse(s, w);
        return;
    }
    tx->m.nrcpt++;
    say(s, 250, "2.1.5", STR("Recipient OK"));
}

static void do_rcpt(struct smtpd_session *s, struct str rest)
{
    struct why w;
    struct smtpd_tx *tx = s->tx;
    if (tx == NULL) {
        wrong(s, 503, "5.5.1", "Sender must be specified before recipients");
    } else if (tx->m.nrcpt >= s->d->set.max_rcpt) {
        why_set(&w, E_LIMIT, 452, "4.5.3", "Too many recipients: %u allowed in one message",
                s->d->set.max_rcpt);
        say_why(s, &w);
        if (tx->refused++ == 0)
            smtpd_event(s, "limit", &w);
    } else if (take_rcpt(s, rest, &w) < 0) {
        tx->refused++;
        refuse(s, &w);
    } else {
        ask(s, SMTPD_AT_RCPT);
    }
}

static void do_data(struct smtpd_session *s, struct str rest)
{
    struct smtpd_tx *tx = s->tx;
    (void)rest;
    if (tx == NULL) {
        wrong(s, 503, "5.5.1", "No sender specified");
    } else if (tx->m.nrcpt == 0 && tx->refused > 0) {
        wrong(s, 554, "5.5.1", "No valid recipients");
    } else if (tx->m.nrcpt == 0) {
        wrong(s, 503, "5.5.1", "No recipient specified");
    } else {
        ask(s, SMTPD_AT_DATA);
    }
}

static void finish_data(struct smtpd_session *s, const struct why *w)
{
    struct smtpd_tx *tx = s->tx;
    if (w != NULL) {
        refuse(s, w);
        return; /* RFC 5321 4.1.1.4 leaves the transaction as it is: RSET or QUIT follows */
    }
    tx->m.content = body_writer_new(s->d->set.store);
    body_writer_limit(tx->m.content, s->d->set.max_size);
    set_state(s, SMTPD_DATA);
    say(s, 354, "", STR("End data with <CR><LF>.<CR><LF>"));
}

static void end_tx(struct smtpd_session *s)
{
    smtpd_tx_free(&s->tx);
    set_state(s, SMTPD_READY);
}

static void do_rset(struct smtpd_session *s, struct str rest)
{
    (void)rest;
    if (s->tx != NULL)
        end_tx(s);
    say(s, 250, "2.0.0", STR("OK"));
}

static void do_noop(struct smtpd_session *s, struct str rest)
{
    (void)rest;
    say(s, 250, "2.0.0", STR("OK"));
}

static void do_vrfy(struct smtpd_session *s, struct str rest)
{
    (void)rest;
    say(s, 252, "2.5.2", STR("Addresses are not verified here; RCPT tells"));
}

static void do_quit(struct smtpd_session *s, struct str rest)
{
    (void)rest;
    struct buf b;
    buf_init(&b, 512);
    buf_printf(&b, "%s closing connection", s->d->hostname);
    say(s, 221, "2.0.0", buf_text(&b));
    buf_done(&b);
    set_state(s, SMTPD_OVER);
}

static void do_not(struct smtpd_session *s, struct str rest)
{
    (void)rest;
    wrong(s, 502, "5.5.1", "This command is not implemented here");
}

/* RFC 3207 4. What the client sent behind the command is discarded by stream_secure, unread: it
 * came in the clear, from anybody. */
static void do_starttls(struct smtpd_session *s, struct str rest)
{
    struct why w;
    struct ssl_ctx_st *ctx = tls_of(s);
    if (stream_is_secure(s->stream)) {
        wrong(s, 503, "5.5.1", "TLS is on already");
    } else if (ctx == NULL) {
        do_not(s, rest);
    } else if (rest.n > 0) {
        wrong(s, 501, "5.5.4", "Syntax: STARTTLS");
    } else if (s->tx != NULL) {
        wrong(s, 503, "5.5.1", "Not within a mail; RSET ends it");
    } else {
        say(s, 220, "2.0.0", STR("Ready to start TLS"));
        set_state(s, SMTPD_TLS);
        if (stream_secure(s->stream, ctx, true, NULL, &w) < 0) {
            smtpd_event(s, "closed", &w);
            set_state(s, SMTPD_OVER); /* 220 is said: nothing else can be */
        }
    }
}

static void do_http(struct smtpd_session *s, struct str rest)
{
    (void)rest;
    hang_up(s, "refused", "4.7.0", "speaks SMTP, not HTTP");
}

static void do_help(struct smtpd_session *s, struct str rest);

static const struct verb verbs[] = {
    {"HELO", do_helo, ANY_TIME, ARG_MUST, "HELO host"},
    {"EHLO", do_ehlo, ANY_TIME, ARG_MUST, "EHLO host"},
    {"MAIL", do_mail, GREETED, ARG_MUST, "MAIL FROM:<address> [SIZE=octets] [BODY=8BITMIME]"},
    {"RCPT", do_rcpt, GREETED, ARG_MUST, "RCPT TO:<address>"},
    {"DATA", do_data, GREETED, ARG_NONE, "DATA"},
    {"RSET", do_rset, ANY_TIME, ARG_NONE, "RSET"},
    {"NOOP", do_noop, ANY_TIME, ARG_MAY, "NOOP"},
    {"VRFY", do_vrfy, ANY_TIME, ARG_MUST, "VRFY address"},
    {"HELP", do_help, ANY_TIME, ARG_MAY, "HELP"},
    {"QUIT", do_quit, ANY_TIME, ARG_NONE, "QUIT"},
    {"EXPN", do_not, ANY_TIME, ARG_MAY, NULL},
    {"SEND", do_not, ANY_TIME, ARG_MAY, NULL},
    {"SOML", do_not, ANY_TIME, ARG_MAY, NULL},
    {"SAML", do_not, ANY_TIME, ARG_MAY, NULL},
    {"TURN", do_not, ANY_TIME, ARG_MAY, NULL},
    {"ETRN", do_not, ANY_TIME, ARG_MAY, NULL},
    {"AUTH", do_not, ANY_TIME, ARG_MAY, NULL},
    {"BDAT", do_not, ANY_TIME, ARG_MAY, NULL},
    {"STARTTLS", do_starttls, ANY_TIME, ARG_MAY, NULL},
    /* A browser made to talk to us: nothing it sends after this may be read as commands. */
    {"GET", do_http, ANY_TIME, ARG_MAY, NULL},
    {"HEAD", do_http, ANY_TIME, ARG_MAY, NULL},
    {"POST", do_http, ANY_TIME, ARG_MAY, NULL},
    {"PUT", do_http, ANY_TIME, ARG_MAY, NULL},
    {"DELETE", do_http, ANY_TIME, ARG_MAY, NULL},
    {"OPTIONS", do_http, ANY_TIME, ARG_MAY, NULL},
    {"TRACE", do_http, ANY_TIME, ARG_MAY, NULL},
    {"PATCH", do_http, ANY_TIME, ARG_MAY, NULL},
    {"PRI", do_http, ANY_TIME, ARG_MAY, NULL},
    {"CONNECT", do_http, ANY_TIME, ARG_MAY, NULL},
};
#define NVERBS (sizeof(verbs) / sizeof(verbs[0]))

static void do_help(struct smtpd_session *s, struct str rest)
{
    struct buf b;
    (void)rest;
    buf_init(&b, 1024);
    buf_z(&b, "Commands taken here:");
    for (size_t i = 0; i < NVERBS; i++)
        if (verbs[i].usage != NULL && !smtp_disallowed(s->d->set.disallow, str_of(verbs[i].name)))
            buf_printf(&b, "\n  %s", verbs[i].usage);
    if (tls_of(s) != NULL)
        buf_z(&b, "\n  STARTTLS");
    say(s, 214, "2.0.0", buf_text(&b));
    buf_done(&b);
}

static const struct verb *find_verb(struct str name)
{
    for (size_t i = 0; i < NVERBS; i++)
        if (str_is(name, verbs[i].name))
            return &verbs[i];
    return NULL;
}

static void command(struct smtpd_session *s, struct str line)
{
    struct str name, rest;
    struct why w;
    smtp_verb(line, &name, &rest);
    const struct verb *v = find_verb(name);
    if (v == NULL) {
        wrong(s, 500, "5.5.2", "Command not recognized; HELP lists those taken here");
    } else if (smtp_disallowed(s->d->set.disallow, name)) {
        do_not(s, rest);
    } else if ((v->states & 1u << s->state) == 0) {
        wrong(s, 503, "5.5.1", "Say HELO or EHLO first");
    } else if (v->argument == ARG_NONE ? rest.n > 0 : v->argument == ARG_MUST && rest.n == 0) {
        why_set(&w, E_SYNTAX, 501, "5.5.4", "Syntax: %s", v->usage);
        wrong(s, 501, "5.5.4", w.text);
    } else {
        v->run(s, rest);
    }
}

/* --- input ----------------------------------------------------------------- */

/* What a client says first tells what it is: a letter begins every command, so binary noise (a TLS
 * hello) is no mail client. An empty line may be a person. */
static bool nonsense(char first)
{
    char c = (char)(first | 0x20);
    return (c < 'a' || c > 'z') && first != '\r' && first != '\n';
}

/* A command line that has not ended: swallowed when it is longer than any may be. The last octet
 * stays, for it may be the CR of the end. */
static bool wait_for_line(struct smtpd_session *s, size_t left)
{
    if (s->overlong || left >= SMTP_LINE_MAX) {
        s->overlong = true;
        stream_take(s->stream, left - 1);
    }
    return false;
}

static bool take_line(struct smtpd_session *s)
{
    char line[SMTP_LINE_MAX];
    struct cur in = stream_in(s->stream);
    struct str t = cur_str(&in);
    if (t.n == 0)
        return false;
    if (s->fresh && nonsense(t.p[0])) {
        hang_up(s, "refused", "4.7.0", "speaks SMTP; this is not");
        return true;
    }
    s->fresh = false;
    ptrdiff_t lf = str_find(t, '\n');
    if (lf < 0)
        return wait_for_line(s, t.n);
    size_t n = (size_t)lf + 1;
    bool crlf = n > 1 && t.p[n - 2] == '\r', tail = s->bare;
    bool overlong = s->overlong || n > SMTP_LINE_MAX;
    struct str text = {line, overlong || !crlf ? 0 : n - 2};
    memcpy(line, t.p, text.n);
    stream_take(s->stream, n); /* t is gone */
    s->overlong = false;
    s->bare = !crlf;
    if (tail && crlf)
        return true; /* RFC 5321 2.3.8: what follows a bare LF belongs to the line refused already
                      */
    if (overlong)
        wrong(s, 500, "5.5.2", "Command line too long");
    else if (!crlf)
        wrong(s, 500, "5.5.2", "Lines must end in CRLF, not in a bare LF");
    else if (str_find(text, '\r') >= 0 || str_find(text, '\0') >= 0)
        wrong(s, 500, "5.5.2", "Bare CR or NUL in a command line");
    else
        command(s, text);
    return true;
}

/* Content from the chunk to the body. The first failure stays; what comes after is only swallowed.
 */
static void write_content(struct smtpd_tx *tx, const struct buf *b)
{
    if (b->n == 0 || tx->failed)
        return;
    if (body_write(tx->m.content, b->p, b->n, &tx->why) == 0)
        return;
    tx->failed = true;
    body_writer_drop(&tx->m.content);
    if (tx->why.err == E_LIMIT)
        why_set(&tx->why, E_LIMIT, 552, "5.3.4", "Message too large: %llu octets allowed",
                (unsigned long long)tx->d->set.max_size);
}

static void end_content(struct smtpd_session *s)
{
    struct smtpd_tx *tx = s->tx;
    if (tx->undot.broken) {
        tx->failed = true;
        why_set(&tx->why, E_SYNTAX, 550, "5.5.2",
                "Bare CR or LF in message; lines must end in CRLF");
    }
    if (tx->failed) {
        refuse(s, &tx->why);
        end_tx(s);
        return;
    }
    set_state(s, SMTPD_WAIT);
    smtpd_tx_hand(tx);
    s->d->ops.data(s->d->arg, &tx->m);
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
    write_content(s->tx, out);
    stream_take(s->stream, n - cur_left(&piece));
    if (rc != 0)
        end_content(s);
    return true;
}

static bool take_verdict(struct smtpd_session *s)
{
    struct smtpd_tx *tx = s->tx;
    if (!tx->decided)
        return false;
    if (tx->failed) {
        refuse(s, &tx->why);
    } else {
        struct buf *b = &s->d->reply;
        buf_reset(b);
        buf_printf(b, "250 2.0.0 Queued as " MSG_ID_FMT "\r\n", MSG_ID_ARG(tx->id));
        stream_puts(s->stream, buf_text(b));
        s->errors = 0;
    }
    stream_timeout(s->stream, s->d->set.idle_ms);
    end_tx(s);
    return true;
}

/* --- the machine ----------------------------------------------------------- */

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
    set_state(s, SMTPD_OVER);
}

/* Who does not read replies is not served further until he does (STREAM_DRAINED). */
static bool unread_replies(const struct smtpd_session *s)
{
    return stream_queued(s->stream) > OUTPUT_MAX;
}

static void finish_connect(struct smtpd_session *s, const struct why *w)
{
    (void)w; /* a no is said by finish */
    struct buf *b = &s->d->reply;
    buf_reset(b);
    buf_printf(b, "220 %s ESMTP njegate\r\n", s->d->hostname);
    stream_puts(s->stream, buf_text(b));
    stream_timeout(s->stream, s->d->set.idle_ms);
    set_state(s, SMTPD_START);
}

/* RFC 3207 4.2: as if the client had just come; what it said in the clear is forgotten. */
static void secured(struct smtpd_session *s)
{
    free(s->helo);
    s->helo = NULL;
    s->esmtp = s->overlong = s->bare = false;
    s->fresh = true;
    stream_timeout(s->stream, s->d->set.idle_ms);
    set_state(s, SMTPD_START);
}

/* RFC 5321 4.3.1: a client waits for the greeting. Who does not is seldom a mail server. */
static void early_talker(struct smtpd_session *s)
{
    struct why w;
    why_set(&w, E_DENIED, 554, "5.5.0", "%s: you spoke before the greeting", s->d->hostname);
    refuse(s, &w);
    set_state(s, SMTPD_OVER);
}

/* One piece of input or a verdict; false when there is none to go on with. */
static bool advance(struct smtpd_session *s)
{
    struct cur in;
    switch (s->state) {
    case SMTPD_PAUSE:
        in = stream_in(s->stream);
        if (cur_left(&in) > 0)
            early_talker(s);
        return cur_left(&in) > 0;
    case SMTPD_START:
    case SMTPD_READY:
    case SMTPD_MAIL:
        return !unread_replies(s) && take_line(s);
    case SMTPD_DATA:
        return !unread_replies(s) && take_content(s);
    case SMTPD_WAIT:
        return take_verdict(s);
    case SMTPD_ASK:
    case SMTPD_TLS: /* nothing said now was said to us */
    case SMTPD_OVER:
        break;
    }
    return false;
}

static void go_on(struct smtpd_session *s)
{
    while (advance(s))
        if (s->errors >= s->d->set.max_errors && s->state != SMTPD_OVER)
            hang_up(s, "limit", "4.7.0", "has had too many errors from you, closing connection");
    if (s->d->draining &&
        (s->state == SMTPD_PAUSE || s->state == SMTPD_START || s->state == SMTPD_READY))
        hang_up(s, "closed", "4.3.2", "is shutting down, try again later");
    else if (s->eof && s->state != SMTPD_WAIT && s->state != SMTPD_ASK && s->state != SMTPD_OVER &&
             !unread_replies(s))
        gone(s);
}

/* The session ends here and nowhere else; queued replies still go out. */
static void over(struct smtpd_session *s)
{
    if (s->stream != NULL)
        stream_finish(&s->stream);
    smtpd_session_free(s);
}

void smtpd_session_step(struct smtpd_session *s, enum smtpd_input in)
{
    if (s->busy)
        return; /* a verdict given inside ops->data: go_on sees it */
    s->busy = true;
    switch (in) {
    case SMTPD_IN_GREET:
        ask(s, SMTPD_AT_CONNECT);
        go_on(s);
        break;
    case SMTPD_IN_ANSWER:
        answered(s);
        go_on(s);
        break;
    case SMTPD_IN_SECURE:
        secured(s);
        go_on(s);
        break;
    case SMTPD_IN_TIMEOUT:
        /* While the owner decides the client rightly says nothing. */
        if (s->state != SMTPD_WAIT && s->state != SMTPD_ASK)
            hang_up(s, "closed", "4.4.2", "has waited too long for you, closing connection");
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

static void on_pause(void *arg)
{
    smtpd_session_step(arg, SMTPD_IN_GREET);
}

void smtpd_session_start(struct smtpd_session *s)
{
    set_state(s, SMTPD_PAUSE);
    if (s->counted)
        loop_arm(s->d->set.loop, &s->pause, s->d->set.greet_ms > 0 ? s->d->set.greet_ms : 1,
                 on_pause, s);
    else
        smtpd_session_step(s, SMTPD_IN_GREET);
}
