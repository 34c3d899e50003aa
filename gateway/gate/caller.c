/* gateway/gate/caller.c -- look-ups about SMTP clients, and what follows from them. */
#include "gateway/gate/caller.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "gateway/gate/filter.h"
#include "gateway/smtp/syntax.h"

#define RESOLVES_MS 20000 /* HELOCHECK RESOLVES, before the client is told to come again */

/* A session while look-ups about it are under way. */
struct caller {
    struct gate *g;
    struct smtpd_session *s;
    struct rdns *client, *helo;
    struct timer wait;
    bool waiting; /* the session waits for us, at stage */
    enum smtpd_stage stage;
    enum rdns_status helo_status;
};

static void caller_free(struct caller *c)
{
    *smtpd_user(c->s, SMTPD_CALLER) = NULL;
    loop_disarm(c->g->loop, &c->wait);
    rdns_free(&c->client);
    rdns_free(&c->helo);
    free(c);
}

static struct caller *caller_of(struct gate *g, struct smtpd_session *s)
{
    void **place = smtpd_user(s, SMTPD_CALLER);
    if (*place == NULL) {
        struct caller *c = mem_new(sizeof *c);
        c->g = g;
        c->s = s;
        *place = c;
    }
    return *place;
}

/* --- HELO --- */

static bool own_name(const struct gate *g, struct str name)
{
    bool own = str_eq_nocase(name, g->names.hostname);
    for (size_t i = 0; i < g->names.nalt; i++)
        own = own || str_eq_nocase(name, g->names.alt[i]);
    return own;
}

/* What can be said of the name without asking anybody. */
static int judge_name(const struct gate *g, const struct smtpd_facts *f, struct why *w)
{
    union endpoint literal;
    unsigned checks = g->conf->helo_check;
    struct str name = f->helo;
    bool is_literal = rdns_literal(name, &literal);
    if (name.n > 1 && name.p[name.n - 1] == '.')
        name.n--;
    if ((checks & HELO_SYNTAX) != 0 && !smtp_domain_ok(name))
        return why_set(w, E_DENIED, 501, "5.5.2",
                       "That is neither a host name nor an address in brackets");
    if ((checks & HELO_OWNNAME) != 0 && !rdns_same_address(f->peer, f->local) &&
        (own_name(g, name) || (is_literal && rdns_same_address(&literal, f->local))))
        return why_set(w, E_DENIED, 550, "5.7.1", "That is me, not you");
    return 0;
}

static int judge_look_up(const struct caller *c, struct why *w)
{
    if ((c->g->conf->helo_check & HELO_RESOLVES) == 0)
        return 0;
    if (c->helo_status == RDNS_NONE)
        return why_set(w, E_DENIED, 550, "5.7.1", "Your host name does not exist in the DNS");
    if (c->helo_status == RDNS_FAILED)
        return why_set(w, E_TEMP, 451, "4.4.3",
                       "Your host name cannot be looked up just now, try again later");
    return 0;
}

/* --- waiting --- */

static int go_on(struct caller *c, enum smtpd_stage stage, struct why *w)
{
    int v = stage == SMTPD_AT_HELO ? judge_look_up(c, w) : 0;
    return v < 0 ? v : filter_gate(c->g->filters, c->s, stage, w);
}

/* What the session waited for is here, or the time is over. */
static void resume(struct caller *c)
{
    struct why w;
    struct smtpd_session *s = c->s;
    c->waiting = false;
    loop_disarm(c->g->loop, &c->wait);
    int v = go_on(c, c->stage, &w);
    if (c->client == NULL && c->helo == NULL)
        caller_free(c);
    if (v != SMTPD_LATER)
        smtpd_answer(s, v < 0 ? &w : NULL);
}

static void on_client(void *arg, const struct rdns_result *r)
{
    struct caller *c = arg;
    smtpd_know_client(c->s, r);
    rdns_free(&c->client); /* r with it */
    if (c->waiting && c->stage == SMTPD_AT_CONNECT)
        resume(c);
    else if (!c->waiting && c->helo == NULL)
        caller_free(c);
}

static void know_helo(struct caller *c, enum rdns_status status)
{
    rdns_free(&c->helo);
    c->helo_status = status;
    if (c->g->conf->verify_client != VERIFY_NO)
        smtpd_know_helo(c->s, status);
}

static void on_helo(void *arg, const struct rdns_result *r)
{
    struct caller *c = arg;
    know_helo(c, r->status);
    resume(c);
}

static void on_time(void *arg)
{
    struct caller *c = arg;
    struct rdns_result r = {.status = RDNS_FAILED};
    if (c->stage == SMTPD_AT_HELO)
        know_helo(c, RDNS_FAILED);
    else
        smtpd_know_client(c->s, &r); /* until it comes after all */
    resume(c);
}

static int wait_for(struct caller *c, enum smtpd_stage stage, int64_t ms)
{
    c->waiting = true;
    c->stage = stage;
    loop_arm(c->g->loop, &c->wait, ms, on_time, c);
    return SMTPD_LATER;
}

/* --- the session's side --- */

static bool is_loopback(const union endpoint *e)
{
    static const union endpoint six = {
        .in6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT}};
    return (e->any.sa_family == AF_INET && ntohl(e->in4.sin_addr.s_addr) >> 24 == 127) ||
           rdns_same_address(e, &six);
}

void caller_came(struct gate *g, struct smtpd_session *s)
{
    struct smtpd_facts f;
    smtpd_facts(s, &f);
    if (f.trusted && is_loopback(f.peer)) {
        static const struct rdns_result local = {
            .status = RDNS_CONFIRMED, .name = "localhost", .ptr = "localhost"};
        smtpd_know_client(s, &local);
    } else if (g->conf->client_lookup > 0 &&
               (f.peer->any.sa_family == AF_INET || f.peer->any.sa_family == AF_INET6)) {
        struct caller *c = caller_of(g, s);
        c->client = rdns_client(g->dns, f.peer, on_client, c);
    }
}

static int at_helo(struct gate *g, struct smtpd_session *s, struct why *w)
{
    struct smtpd_facts f;
    union endpoint literal;
    smtpd_facts(s, &f);
    bool verify = g->conf->verify_client != VERIFY_NO && !f.trusted;
    bool judged = !f.trusted && !f.submission;
    bool resolves = judged && (g->conf->helo_check & HELO_RESOLVES) != 0;
    int v = judged ? judge_name(g, &f, w) : 0;
    if (v < 0)
        return v;
    if (rdns_literal(f.helo, &literal)) {
        if (verify)
            smtpd_know_helo(s, rdns_same_address(&literal, f.peer) ? RDNS_CONFIRMED : RDNS_OTHER);
    } else if (verify || resolves) {
        struct caller *c = caller_of(g, s);
        c->helo_status = RDNS_UNASKED;
        c->helo = rdns_helo(g->dns, f.helo, f.peer, on_helo, c);
        return wait_for(c, SMTPD_AT_HELO,
                        resolves                     ? RESOLVES_MS
                        : g->conf->client_lookup > 0 ? g->conf->client_lookup * 1000
                                                     : 3000);
    }
    return filter_gate(g->filters, s, SMTPD_AT_HELO, w);
}

int caller_gate(struct gate *g, struct smtpd_session *s, enum smtpd_stage stage, struct why *w)
{
    struct caller *c = *smtpd_user(s, SMTPD_CALLER);
    if (stage == SMTPD_AT_CONNECT && c != NULL && c->client != NULL)
        return wait_for(c, stage, g->conf->client_lookup * 1000);
    if (stage == SMTPD_AT_HELO)
        return at_helo(g, s, w);
    return filter_gate(g->filters, s, stage, w);
}

void caller_gone(struct smtpd_session *s)
{
    struct caller *c = *smtpd_user(s, SMTPD_CALLER);
    if (c != NULL)
        caller_free(c);
}
