/* gateway/smtp/client_state.c -- what a state of the client waits for, what a server offers, what
 * the TLS policy says. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "gateway/smtp/params.h"
#include "gateway/smtp/client_private.h"

#define QUIT_MS 5000          /* the answer to QUIT is a courtesy */
#define FAMILY_MS 5000        /* to connect, where the other family of the same host is next */
#define FAMILY_LAST_MS 600000 /* how long one that failed is tried last */

void smtpc_defaults(struct smtpc_set *set)
{
    struct {
        int64_t *at, value;
    } const row[] = {{&set->connect_ms, 30000}, {&set->command_ms, 300000},
                     {&set->data_ms, 120000},   {&set->block_ms, 180000},
                     {&set->dot_ms, 600000},    {&set->linger_ms, 5000}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (*row[i].at == 0)
            *row[i].at = row[i].value;
    if (set->max_messages == 0)
        set->max_messages = 1000;
}

/* --- IPv6 and IPv4 --- */

static bool same_host_otherwise(const struct smtp_target *a, const struct smtp_target *b)
{
    return a->at.any.sa_family != b->at.any.sa_family && a->path[0] == '\0' && b->path[0] == '\0' &&
           strcmp(a->name, b->name) == 0;
}

static struct mono *last_until(struct smtp_families *f, const struct smtp_target *t)
{
    return t->at.any.sa_family == AF_INET6 ? &f->six_last : &f->four_last;
}

/* Insertion by steps between neighbours: the order within a family stays, and no target passes one
 * of another host. */
void smtpc_order_families(struct smtpc *c)
{
    struct smtp_families *f = c->set.families;
    for (size_t i = 1; f != NULL && i < c->ntargets; i++) {
        for (size_t j = i; j > 0 && same_host_otherwise(&c->targets[j - 1], &c->targets[j]); j--) {
            if (last_until(f, &c->targets[j - 1])->us <= mono_now().us)
                break;
            struct smtp_target t = c->targets[j];
            c->targets[j] = c->targets[j - 1];
            c->targets[j - 1] = t;
        }
    }
}

void smtpc_connected(struct smtpc *c)
{
    struct smtp_families *f = c->set.families;
    const struct smtp_target *t = &c->targets[c->target];
    if (f == NULL || t->path[0] != '\0')
        return;
    last_until(f, t)->us = 0;
    if (c->unreached && c->target > 0 && same_host_otherwise(t - 1, t))
        *last_until(f, t - 1) = mono_in(FAMILY_LAST_MS);
}

static int64_t connect_time(const struct smtpc *c)
{
    const struct smtp_target *t = &c->targets[c->target];
    bool other = c->target + 1 < c->ntargets && same_host_otherwise(t, t + 1);
    return other && c->set.connect_ms > FAMILY_MS ? FAMILY_MS : c->set.connect_ms;
}

/* RFC 5321 4.5.3.2 */
int64_t smtpc_time(const struct smtpc *c)
{
    switch (c->state) {
    case CONNECT:
        return connect_time(c);
    case IDLE:
        return c->set.linger_ms;
    case DATA:
        return c->set.data_ms;
    case CONTENT:
        return c->set.block_ms;
    case DOT:
        return c->queued > 0 ? c->set.block_ms : c->set.dot_ms;
    case QUIT:
        return QUIT_MS;
    case ASK:
    case OVER:
        return 0;
    default:
        return c->set.command_ms;
    }
}

const char *smtpc_awaited(const struct smtpc *c)
{
    static const char *const word[] = {[CONNECT] = "connection",
                                       [GREETING] = "greeting",
                                       [EHLO] = "answer to EHLO",
                                       [HELO] = "answer to HELO",
                                       [STARTTLS] = "answer to STARTTLS",
                                       [HANDSHAKE] = "TLS handshake",
                                       [AUTH] = "answer to AUTH",
                                       [ASK] = "next message",
                                       [IDLE] = "next message",
                                       [RSET] = "answer to RSET",
                                       [MAIL] = "answer to MAIL",
                                       [RCPT] = "answer to RCPT",
                                       [DATA] = "answer to DATA",
                                       [CONTENT] = "sending of the message",
                                       [DOT] = "answer to the end of the message",
                                       [QUIT] = "answer to QUIT",
                                       [OVER] = "end"};
    return word[c->state];
}

/* RFC 9422 4: a number behind the name, of no more than six digits. */
static void learn_limits(struct smtpc *c, struct str words)
{
    uint64_t n;
    for (struct str word = str_word(&words), name; word.n > 0; word = str_word(&words)) {
        if (!str_split(&word, '=', &name) || !str_number(word, 999999, &n))
            continue;
        if (str_is(name, "MAILMAX"))
            c->mail_max = (unsigned)n;
        else if (str_is(name, "RCPTMAX"))
            c->rcpt_max = (unsigned)n;
        else if (str_is(name, "RCPTDOMAINMAX"))
            c->domain_max = (unsigned)n;
    }
}

void smtpc_learn(struct smtpc *c, struct str line)
{
    struct str word = str_word(&line);
    if (str_is(word, "PIPELINING"))
        c->pipelining = true;
    else if (str_is(word, "8BITMIME"))
        c->eightbit = true;
    else if (str_is(word, "STARTTLS"))
        c->starttls = true;
    else if (str_is(word, "DSN"))
        c->dsn = true;
    else if (str_is(word, "SMTPUTF8"))
        c->smtputf8 = true;
    else if (str_is(word, "LIMITS"))
        learn_limits(c, line);
    else if (str_is(word, "AUTH"))
        c->mechanisms |= smtp_auth_offered(line);
    else if (str_starts_nocase(word, "AUTH=")) /* as before RFC 2554 */
        c->mechanisms |= smtp_auth_offered(str_sub(word, 5, word.n)) | smtp_auth_offered(line);
    else if (str_is(word, "SIZE")) {
        c->size_known = true;
        if (!str_number(str_word(&line), UINT64_MAX, &c->size_max))
            c->size_max = 0;
    }
}

/* --- DSN: RFC 3461 --- */

bool smtpc_eightbit(const struct smtpc *c)
{
    return c->eightbit;
}

bool smtpc_dsn(const struct smtpc *c)
{
    return c->dsn;
}

void smtpc_put_envelope_notify(struct smtpc *c)
{
    if (c->dsn)
        smtp_put_mail_dsn(&c->out, c->job.ret, c->job.envid);
}

void smtpc_put_notify(struct smtpc *c, size_t i)
{
    if (c->dsn && c->job.notify != NULL)
        smtp_put_rcpt_dsn(&c->out, c->job.notify[i].notify, c->job.notify[i].orcpt);
}

/* --- TLS --- */

enum smtpc_tls smtpc_need(const struct smtpc *c)
{
    const struct tlsa *tlsa = c->targets[c->target].tlsa;
    if (c->set.tls_policy == SMTPC_TLS_NO || tlsa == NULL)
        return c->set.tls_policy;
    if (tlsa->n > 0)
        return SMTPC_TLS_DANE;
    return c->set.tls_policy > SMTPC_TLS_ENCRYPT ? c->set.tls_policy : SMTPC_TLS_ENCRYPT;
}

static enum tls_use use_of(const struct smtpc *c)
{
    enum smtpc_tls need = smtpc_need(c);
    if (need == SMTPC_TLS_DANE)
        return TLS_SMTP_DANE;
    if (need == SMTPC_TLS_VERIFY || need == SMTPC_TLS_STS)
        return TLS_SMTP_VERIFY;
    return c->set.look ? TLS_SMTP_LOOK : TLS_SMTP_OUT;
}

void smtpc_look(struct smtpc *c)
{
    const struct smtp_target *t = &c->targets[c->target];
    enum smtpc_tls need = smtpc_need(c);
    struct why w;
    if (!c->set.look || (need != SMTPC_TLS_MAY && need != SMTPC_TLS_ENCRYPT))
        return;
    if (!c->secure)
        (void)why_set(&w, E_TEMP, 451, "4.7.4", "host %s %s", c->peer,
                      c->plain ? "fails at TLS" : "does not offer TLS");
    else if (stream_check_peer(c->s, t->name, &w) == 0)
        return;
    c->ops->weak(c->arg, c, &w);
}

int smtpc_wants_tls(const struct smtpc *c, struct why *w)
{
    enum smtpc_tls need = smtpc_need(c);
    const struct tlsa *tlsa = c->targets[c->target].tlsa;
    if (need == SMTPC_TLS_DANE && (tlsa == NULL || tlsa->n == 0))
        return why_set(w, E_TEMP, 451, "4.7.4",
                       "DANE is required, but host %s has no TLSA records%s", c->peer,
                       tlsa != NULL ? " that can be used" : "");
    if (c->secure || need == SMTPC_TLS_NO)
        return 0;
    if (c->starttls && !c->plain && tls_context(c->set.tls, use_of(c)) != NULL)
        return 1;
    if (need == SMTPC_TLS_MAY)
        return 0;
    return why_set(w, E_TEMP, 451, "4.7.4", "TLS is required%s, but host %s does not offer it",
                   need == SMTPC_TLS_STS ? " (MTA-STS)" : "", c->peer);
}

int smtpc_begin_tls(struct smtpc *c, struct why *w)
{
    const struct smtp_target *t = &c->targets[c->target];
    bool dane = smtpc_need(c) == SMTPC_TLS_DANE;
    struct ssl_ctx_st *ctx = tls_context(c->set.tls, use_of(c));
    int v = stream_secure(c->s, ctx, false, dane ? t->tlsa->base : t->name, w);
    if (v == 0 && dane)
        v = stream_dane(c->s, t->tlsa->base, t->tlsa->domain, t->tlsa->rr, t->tlsa->n, w);
    return v < 0 ? v : 0;
}

void smtpc_note_tls(struct smtpc *c)
{
    static const char *const word[] = {[SMTPC_TLS_NO] = "",
                                       [SMTPC_TLS_MAY] = "unverified",
                                       [SMTPC_TLS_ENCRYPT] = "unverified",
                                       [SMTPC_TLS_STS] = "mta-sts",
                                       [SMTPC_TLS_VERIFY] = "verified",
                                       [SMTPC_TLS_DANE] = "dane"};
    (void)snprintf(c->tls_facts, sizeof c->tls_facts, "%s %s", stream_tls_facts(c->s),
                   word[smtpc_need(c)]);
}

bool smtpc_is_here(const struct smtp_target *t)
{
    if (t->path[0] != '\0')
        return true;
    if (t->at.any.sa_family == AF_INET)
        return (ntohl(t->at.in4.sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
    return t->at.any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&t->at.in6.sin6_addr);
}

/* A handshake that is refused in TLS 1.3 shows itself only when the server closes, behind our EHLO.
 */
bool smtpc_may_go_plain(const struct smtpc *c, const struct why *w)
{
    bool failed = c->state == STARTTLS || c->state == HANDSHAKE ||
                  (c->state == EHLO && c->secure && w->err == E_GONE);
    return failed && smtpc_need(c) == SMTPC_TLS_MAY && !c->plain;
}

void smtpc_tls_why(const struct smtpc *c, const char *what, struct why *w)
{
    why_set(w, E_TEMP, 454, "4.7.5", "no TLS with host %s%s: %s", c->peer,
            smtpc_need(c) == SMTPC_TLS_STS ? " (MTA-STS)" : "", what);
}
