/* gateway/smtp/verbs.c -- the commands of an SMTP session, by their table */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/smtp/session.h"

#define REFUSED_PER_ERROR 5u /* so many refused recipients weigh as one wrong command */

#define IN(state) (1u << SMTPD_##state)
#define GREETED (IN(READY) | IN(MAIL))
#define ANY_TIME (IN(START) | GREETED)
#define IN_CLEAR (1u << 31) /* also before a TLS that is demanded */

enum argument { ARG_NONE, ARG_MAY, ARG_MUST };

struct verb {
    const char *name;
    void (*run)(struct smtpd_session *s, struct str rest);
    unsigned states; /* where it may be given, and IN_CLEAR */
    enum argument argument;
    bool junk;         /* leads nowhere by itself: only so many between two mails */
    const char *usage; /* for HELP and for a wrong argument; NULL: not offered */
};

/* --- HELO, EHLO --- */

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
        smtpd_wrong(s, 501, "", "That is no host name");
        return false;
    }
    free(s->helo);
    s->helo = mem_copy(name.p, name.n);
    s->helo_status = RDNS_UNASKED;
    s->esmtp = esmtp;
    smtpd_tx_free(&s->tx); /* RFC 5321 4.1.4: as RSET */
    smtpd_set_state(s, SMTPD_READY);
    return true;
}

static void do_helo(struct smtpd_session *s, struct str rest)
{
    if (hello(s, rest, false))
        smtpd_ask(s, SMTPD_AT_HELO);
}

/* NULL when TLS is not to be had (any more): there is no certificate, or it is on already. */
static struct ssl_ctx_st *tls_of(const struct smtpd_session *s)
{
    return stream_is_secure(s->stream) || s->door->no_tls ? NULL
                                                          : tls_context(s->d->set.tls, TLS_SMTP_IN);
}

static void do_ehlo(struct smtpd_session *s, struct str rest)
{
    if (hello(s, rest, true))
        smtpd_ask(s, SMTPD_AT_HELO);
}

static void offer(struct smtpd_session *s)
{
    const struct smtpd_set *set = &s->d->set;
    struct buf b;
    buf_init(&b, 1024);
    buf_printf(&b, "%s\nSIZE %llu\n8BITMIME\nPIPELINING\nCHUNKING\nBINARYMIME\nDSN\nSMTPUTF8",
               s->d->hostname, (unsigned long long)set->max_size);
    if (smtpd_offers_login(s))
        buf_z(&b, "\nAUTH PLAIN LOGIN");
    buf_z(&b, "\nLIMITS");
    if (s->counted && set->max_messages > 0)
        buf_printf(&b, " MAILMAX=%llu", (unsigned long long)set->max_messages);
    buf_printf(&b, " RCPTMAX=%u", set->max_rcpt);
    if (!smtp_disallowed(set->disallow, STR("HELP")))
        buf_z(&b, "\nHELP");
    if (tls_of(s) != NULL)
        buf_z(&b, "\nSTARTTLS");
    buf_z(&b, "\nENHANCEDSTATUSCODES");
    smtpd_say(s, 250, "", buf_text(&b));
    buf_done(&b);
}

void smtpd_finish_helo(struct smtpd_session *s, const struct why *w)
{
    if (w != NULL) {
        s->errors++;
        smtpd_refuse(s, w);
        free(s->helo);
        s->helo = NULL;
        smtpd_set_state(s, SMTPD_START);
    } else if (s->esmtp) {
        offer(s);
    } else {
        smtpd_say(s, 250, "", str_of(s->d->hostname));
    }
}

/* May this session begin another mail? Else it has been told; true. */
static bool enough(struct smtpd_session *s)
{
    const struct smtpd_set *set = &s->d->set;
    struct why w;
    if (s->door->submission && !s->authed) {
        smtpd_wrong(s, 530, "5.7.0", "Authentication required");
        return true;
    }
    if (!s->counted)
        return false;
    if ((set->max_messages > 0 && s->messages >= set->max_messages) ||
        (set->max_bytes > 0 && s->bytes > set->max_bytes)) {
        smtpd_hang_up(s, "limit", "4.7.0", "takes no more mail in this session, connect again");
        return true;
    }
    if (!smtpd_over(s, SMTPD_BYTES) && smtpd_may(s, SMTPD_MESSAGES))
        return false;
    why_set(&w, E_LIMIT, 451, "4.7.1", "Too much mail from your address lately, try again later");
    smtpd_refuse(s, &w);
    return true;
}

static void do_mail(struct smtpd_session *s, struct str rest)
{
    struct smtpd *d = s->d;
    struct why w;
    if (d->draining) {
        smtpd_hang_up(s, "limit", "4.3.2", "is shutting down, try again later");
        return;
    }
    if (s->tx != NULL) {
        smtpd_wrong(s, 503, "5.5.1", "Sender already specified; RSET begins anew");
        return;
    }
    if (enough(s))
        return;
    struct smtpd_tx *tx = smtpd_tx_new(s);
    int rc = smtp_parse_mail(rest, false, tx->m.arena, &tx->m.sender, &tx->m.params, &w);
    if (rc == 0 && tx->m.params.auth && !s->door->submission)
        rc = why_set(&w, E_SYNTAX, 555, "5.5.4", "Parameter AUTH is not supported");
    if (rc == 0 && tx->m.params.size > d->set.max_size)
        rc = why_set(&w, E_LIMIT, 552, "5.3.4", "Message too large: %llu octets allowed",
                     (unsigned long long)d->set.max_size);
    if (rc == 0)
        rc = d->ops.mail(d->arg, &tx->m, &w);
    if (rc < 0) {
        s->errors++;
        smtpd_refuse(s, &w);
        smtpd_tx_free(&tx);
        return;
    }
    s->tx = tx;
    smtpd_ask(s, SMTPD_AT_MAIL);
}

void smtpd_finish_mail(struct smtpd_session *s, const struct why *w)
{
    if (w != NULL) {
        s->errors++;
        smtpd_refuse(s, w);
        smtpd_tx_free(&s->tx);
        return;
    }
    s->messages++;
    smtpd_set_state(s, SMTPD_MAIL);
    smtpd_say(s, 250, "2.1.0", STR("Sender OK"));
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

/* Parse in the scratch arena, keep in the transaction's: wrong commands cost it nothing. Negative:
 * no address is there; 1: the one there is refused. */
static int take_rcpt(struct smtpd_session *s, struct str rest, struct why *w)
{
    struct smtpd_tx *tx = s->tx;
    struct smtp_path path;
    struct smtp_rcpt_params params;
    arena_reset(s->d->scratch);
    if (smtp_parse_rcpt(rest, false, tx->m.params.utf8, s->d->scratch, &path, &params, w) < 0) {
        s->errors++;
        return E_SYNTAX;
    }
    struct smtpd_rcpt *r = next_rcpt(tx);
    r->params = params;
    r->params.orcpt = arena_str(tx->m.arena, params.orcpt);
    r->path = path;
    r->path.local = arena_str(tx->m.arena, path.local);
    r->path.domain = arena_str(tx->m.arena, path.domain);
    r->path.text = arena_str(tx->m.arena, path.text);
    int rc = s->d->ops.rcpt(s->d->arg, &tx->m, r, w);
    if (rc == 0 && arena_full(tx->m.arena))
        rc = why_set(w, E_LIMIT, 452, "4.3.1", "This transaction uses too much memory");
    return rc < 0 ? 1 : 0;
}

/* He is no recipient of ours, and filters that want to may know. */
static void refuse_rcpt(struct smtpd_session *s, const struct why *w)
{
    s->tx->why = *w;
    smtpd_ask(s, SMTPD_AT_REFUSED);
}

void smtpd_finish_refused(struct smtpd_session *s, const struct why *w)
{
    (void)w; /* 421 was said by finish */
    count_refused(s);
    s->tx->refused++;
    smtpd_refuse(s, &s->tx->why);
}

void smtpd_finish_rcpt(struct smtpd_session *s, const struct why *w)
{
    struct smtpd_tx *tx = s->tx;
    if (w != NULL) {
        count_refused(s);
        tx->refused++;
        smtpd_refuse(s, w);
        return;
    }
    tx->m.nrcpt++;
    smtpd_say(s, 250, "2.1.5", STR("Recipient OK"));
}

static bool may_rcpt(struct smtpd_session *s, struct why *w)
{
    const struct smtpd_set *set = &s->d->set;
    if (s->counted && set->max_recipients > 0 && s->recipients >= set->max_recipients)
        return why_set(w, E_LIMIT, 452, "4.5.3", "Too many recipients in this session"), false;
    if (!smtpd_may(s, SMTPD_RECIPIENTS))
        return why_set(w, E_LIMIT, 452, "4.7.1",
                       "Too many recipients from your address lately, try again later"),
               false;
    s->recipients++;
    return true;
}

static void do_rcpt(struct smtpd_session *s, struct str rest)
{
    struct why w;
    struct smtpd_tx *tx = s->tx;
    int rc;
    if (tx == NULL) {
        smtpd_wrong(s, 503, "5.5.1", "Sender must be specified before recipients");
    } else if (tx->chunks) {
        smtpd_wrong(s, 503, "5.5.1", "Content has begun with BDAT; no more recipients");
    } else if (tx->m.nrcpt >= s->d->set.max_rcpt) {
        why_set(&w, E_LIMIT, 452, "4.5.3", "Too many recipients: %u allowed in one message",
                s->d->set.max_rcpt);
        smtpd_say_why(s, &w);
        if (tx->refused++ == 0)
            smtpd_event(s, "limit", &w);
    } else if (!may_rcpt(s, &w)) {
        tx->refused++;
        smtpd_refuse(s, &w);
    } else if ((rc = take_rcpt(s, rest, &w)) < 0) {
        tx->refused++;
        smtpd_refuse(s, &w);
    } else if (rc > 0) {
        refuse_rcpt(s, &w);
    } else {
        smtpd_ask(s, SMTPD_AT_RCPT);
    }
}

static void do_data(struct smtpd_session *s, struct str rest)
{
    struct smtpd_tx *tx = s->tx;
    (void)rest;
    if (tx == NULL) {
        smtpd_wrong(s, 503, "5.5.1", "No sender specified");
    } else if (tx->chunks) {
        smtpd_wrong(s, 503, "5.5.1", "Content has begun with BDAT and ends with BDAT LAST");
    } else if (tx->m.params.binary) {
        smtpd_wrong(s, 503, "5.5.1", "BODY=BINARYMIME comes with BDAT");
    } else if (tx->m.nrcpt == 0 && tx->refused > 0) {
        smtpd_wrong(s, 554, "5.5.1", "No valid recipients");
    } else if (tx->m.nrcpt == 0) {
        smtpd_wrong(s, 503, "5.5.1", "No recipient specified");
    } else {
        smtpd_ask(s, SMTPD_AT_DATA);
    }
}

void smtpd_finish_data(struct smtpd_session *s, const struct why *w)
{
    struct smtpd_tx *tx = s->tx;
    if (tx->chunks) {
        smtpd_begin_chunks(s, w);
    } else if (w != NULL) {
        smtpd_refuse(
            s, w); /* RFC 5321 4.1.1.4 leaves the transaction as it is: RSET or QUIT follows */
    } else {
        smtpd_begin_content(tx);
        smtpd_set_state(s, SMTPD_DATA);
        smtpd_say(s, 354, "", STR("End data with <CR><LF>.<CR><LF>"));
    }
}

/* --- the other verbs --- */

static void do_rset(struct smtpd_session *s, struct str rest)
{
    (void)rest;
    if (s->tx != NULL)
        smtpd_end_tx(s);
    smtpd_say(s, 250, "2.0.0", STR("OK"));
}

static void do_noop(struct smtpd_session *s, struct str rest)
{
    (void)rest;
    smtpd_say(s, 250, "2.0.0", STR("OK"));
}

static void do_vrfy(struct smtpd_session *s, struct str rest)
{
    (void)rest;
    smtpd_say(s, 252, "2.5.2", STR("Addresses are not verified here; RCPT tells"));
}

static void do_quit(struct smtpd_session *s, struct str rest)
{
    (void)rest;
    struct buf b;
    buf_init(&b, 512);
    buf_printf(&b, "%s closing connection", s->d->hostname);
    smtpd_say(s, 221, "2.0.0", buf_text(&b));
    buf_done(&b);
    smtpd_set_state(s, SMTPD_OVER);
}

static void do_not(struct smtpd_session *s, struct str rest)
{
    (void)rest;
    smtpd_wrong(s, 502, "5.5.1", "This command is not implemented here");
}

/* RFC 3207 4. What the client sent behind the command is discarded by stream_secure, unread: it
 * came in the clear, from anybody. */
static void do_starttls(struct smtpd_session *s, struct str rest)
{
    struct why w;
    struct ssl_ctx_st *ctx = tls_of(s);
    if (stream_is_secure(s->stream)) {
        smtpd_wrong(s, 503, "5.5.1", "TLS is on already");
    } else if (ctx == NULL) {
        do_not(s, rest);
    } else if (rest.n > 0) {
        smtpd_wrong(s, 501, "5.5.4", "Syntax: STARTTLS");
    } else if (s->tx != NULL) {
        smtpd_wrong(s, 503, "5.5.1", "Not within a mail; RSET ends it");
    } else {
        smtpd_say(s, 220, "2.0.0", STR("Ready to start TLS"));
        smtpd_set_state(s, SMTPD_TLS);
        if (stream_secure(s->stream, ctx, true, NULL, &w) < 0) {
            smtpd_event(s, "closed", &w);
            smtpd_set_state(s, SMTPD_OVER); /* 220 is said: nothing else can be */
        }
    }
}

static void do_http(struct smtpd_session *s, struct str rest)
{
    (void)rest;
    smtpd_hang_up(s, "refused", "4.7.0", "speaks SMTP, not HTTP");
}

static void do_help(struct smtpd_session *s, struct str rest);

static const struct verb verbs[] = {
    {"HELO", do_helo, ANY_TIME, ARG_MUST, true, "HELO host"},
    {"EHLO", do_ehlo, ANY_TIME | IN_CLEAR, ARG_MUST, true, "EHLO host"},
    {"MAIL", do_mail, GREETED, ARG_MUST, false,
     "MAIL FROM:<address> [SIZE=octets] [BODY=7BIT|8BITMIME|BINARYMIME]"},
    {"RCPT", do_rcpt, GREETED, ARG_MUST, false, "RCPT TO:<address>"},
    {"DATA", do_data, GREETED, ARG_NONE, false, "DATA"},
    {"BDAT", smtpd_bdat, ANY_TIME | IN_CLEAR, ARG_MAY, false, "BDAT octets [LAST]"},
    {"RSET", do_rset, ANY_TIME, ARG_NONE, true, "RSET"},
    {"NOOP", do_noop, ANY_TIME | IN_CLEAR, ARG_MAY, true, "NOOP"},
    {"VRFY", do_vrfy, ANY_TIME, ARG_MUST, true, "VRFY address"},
    {"HELP", do_help, ANY_TIME, ARG_MAY, true, "HELP"},
    {"QUIT", do_quit, ANY_TIME | IN_CLEAR, ARG_NONE, false, "QUIT"},
    {"EXPN", do_not, ANY_TIME, ARG_MAY, true, NULL},
    {"SEND", do_not, ANY_TIME, ARG_MAY, false, NULL},
    {"SOML", do_not, ANY_TIME, ARG_MAY, false, NULL},
    {"SAML", do_not, ANY_TIME, ARG_MAY, false, NULL},
    {"TURN", do_not, ANY_TIME, ARG_MAY, false, NULL},
    {"ETRN", do_not, ANY_TIME, ARG_MAY, false, NULL},
    {"AUTH", smtpd_do_auth, ANY_TIME | IN_CLEAR, ARG_MAY, false, NULL},
    {"STARTTLS", do_starttls, ANY_TIME | IN_CLEAR, ARG_MAY, false, NULL},
    /* A browser made to talk to us: nothing it sends after this may be read as commands. */
    {"GET", do_http, ANY_TIME | IN_CLEAR, ARG_MAY, false, NULL},
    {"HEAD", do_http, ANY_TIME | IN_CLEAR, ARG_MAY, false, NULL},
    {"POST", do_http, ANY_TIME | IN_CLEAR, ARG_MAY, false, NULL},
    {"PUT", do_http, ANY_TIME | IN_CLEAR, ARG_MAY, false, NULL},
    {"DELETE", do_http, ANY_TIME | IN_CLEAR, ARG_MAY, false, NULL},
    {"OPTIONS", do_http, ANY_TIME | IN_CLEAR, ARG_MAY, false, NULL},
    {"TRACE", do_http, ANY_TIME | IN_CLEAR, ARG_MAY, false, NULL},
    {"PATCH", do_http, ANY_TIME | IN_CLEAR, ARG_MAY, false, NULL},
    {"PRI", do_http, ANY_TIME | IN_CLEAR, ARG_MAY, false, NULL},
    {"CONNECT", do_http, ANY_TIME | IN_CLEAR, ARG_MAY, false, NULL},
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
    smtpd_say(s, 214, "2.0.0", buf_text(&b));
    buf_done(&b);
}

void smtpd_finish_unknown(struct smtpd_session *s, const struct why *w)
{
    if (w == NULL) {
        smtpd_wrong(s, 500, "5.5.2", "Command not recognized; HELP lists those taken here");
    } else {
        s->errors++;
        smtpd_refuse(s, w);
    }
}

static void unknown(struct smtpd_session *s, struct str line)
{
    s->d->unknown = line;
    smtpd_ask(s, SMTPD_AT_UNKNOWN);
    s->d->unknown = STR("");
}

static const struct verb *find_verb(struct str name)
{
    for (size_t i = 0; i < NVERBS; i++)
        if (str_is(name, verbs[i].name))
            return &verbs[i];
    return NULL;
}

void smtpd_command(struct smtpd_session *s, struct str line)
{
    struct str name, rest;
    struct why w;
    smtp_verb(line, &name, &rest);
    smtpd_debug(s, "smtp-command", line);
    const struct verb *v = find_verb(name);
    if (s->counted && s->tx == NULL && mono_ms(s->born, mono_now()) > s->d->set.session_ms) {
        smtpd_hang_up(s, "limit", "4.4.2", "ends sessions of this length, connect again");
    } else if (s->shut && (v == NULL || v->run != do_quit)) {
        smtpd_wrong(s, 503, "5.5.1", "There is no service for you here; QUIT");
    } else if (v == NULL) {
        unknown(s, line);
    } else if (smtp_disallowed(s->d->set.disallow, name)) {
        do_not(s, rest);
    } else if (s->door->must_tls && !stream_is_secure(s->stream) && (v->states & IN_CLEAR) == 0) {
        smtpd_wrong(s, 530, "5.7.0", "Must issue a STARTTLS command first"); /* RFC 3207 4 */
    } else if ((v->states & 1u << s->state) == 0) {
        smtpd_wrong(s, 503, "5.5.1", "Say HELO or EHLO first");
    } else if (v->argument == ARG_NONE ? rest.n > 0 : v->argument == ARG_MUST && rest.n == 0) {
        why_set(&w, E_SYNTAX, 501, "5.5.4", "Syntax: %s", v->usage);
        smtpd_wrong(s, 501, "5.5.4", w.text);
    } else {
        if (v->junk && ++s->junk > s->d->set.max_junk)
            s->errors++;
        v->run(s, rest);
    }
}
