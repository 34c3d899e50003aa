/* gateway/njetls.c -- see njetls.h */
#include "gateway/njetls.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"

#define HANDSHAKE_MS 30000
#define CALLERS_MAX 64u /* connections whose OPEN has not come */

/* A connection that came in. It has a port of its own, so that the search for its link knows whose
 * certificate it is about. */
struct caller {
    struct caller *next;
    struct njetls *all;
    struct stream *s;  /* until its handshake is done; then the port's, only to be looked at */
    struct port *port; /* NULL before */
    struct timer timer;
    union endpoint peer;
};
struct njetls {
    struct njetls_set set;
    struct caller *caller;
    unsigned ncaller;
};

/* --- dialled --- */

static void on_dialled(struct stream *s, enum stream_event ev, void *arg)
{
    struct njetls_call *call = arg;
    struct why w;
    if (ev == STREAM_OPEN && stream_secure(s, call->ctx, false, call->host, &w) == 0)
        return;
    if (ev == STREAM_OPEN) { /* no host name, or no memory */
        log_event(LOG_WARN, 0, "link", "host=%s reason=%s", log_quote(str_of(call->host)),
                  log_quote(str_of(w.text)));
        ev = STREAM_FAIL;
    }
    if (ev == STREAM_SECURE)
        stream_owner(s, call->fn, call->arg);
    call->fn(s, ev, call->arg);
}

struct stream *njetls_dial(struct njetls_call *call, struct loop *l, const union endpoint *at,
                           const struct tls *tls, enum link_tls how, const char *host,
                           stream_fn *fn, void *arg)
{
    *call = (struct njetls_call){
        .ctx = tls_context(tls, how == LINK_TLS_VERIFY ? TLS_NJE_VERIFY : TLS_NJE_OUT),
        .host = host,
        .fn = fn,
        .arg = arg};
    return stream_connect(l, at, NULL, on_dialled, call);
}

/* --- callers --- */

int njetls_fits(enum link_tls how, const char *host, const struct stream *s, struct why *w)
{
    if (how == LINK_TLS_NO)
        return 0;
    if (s == NULL)
        return why_set(w, E_DENIED, 0, NULL, "it is used with TLS only (PARM TLS)");
    return how == LINK_TLS_YES ? 0 : stream_check_peer(s, host[0] != '\0' ? host : NULL, w);
}

static void caller_free(struct caller *c)
{
    struct njetls *n = c->all;
    struct caller **p = &n->caller;
    while (*p != c)
        p = &(*p)->next;
    *p = c->next;
    n->ncaller--;
    loop_disarm(n->set.loop, &c->timer);
    if (c->port == NULL)
        stream_free(&c->s);
    port_free(&c->port);
    free(c);
}

static void caller_over(void *arg)
{
    caller_free(arg);
}

/* Its port calls this, and goes with it: later. */
static void caller_done(struct caller *c)
{
    loop_arm(c->all->set.loop, &c->timer, 0, caller_over, c);
}

static struct link *find(void *arg, const struct nje_name *rhost, const struct nje_name *ohost)
{
    struct caller *c = arg;
    (void)ohost;
    caller_done(c);
    return c->all->set.find(c->all->set.arg, rhost, c->s);
}

static void refused(void *arg, const union endpoint *peer, const struct why *w)
{
    struct caller *c = arg;
    caller_done(c);
    c->all->set.refused(c->all->set.arg, peer, w);
}

static void lost(struct caller *c, const struct why *w)
{
    c->all->set.refused(c->all->set.arg, &c->peer, w);
    caller_free(c);
}

static void late(void *arg)
{
    struct why w;
    why_set(&w, E_TEMP, 0, NULL, "no TLS handshake within %d seconds", HANDSHAKE_MS / 1000);
    lost(arg, &w);
}

static void on_caller(struct stream *s, enum stream_event ev, void *arg)
{
    struct caller *c = arg;
    const struct njetls_set *set = &c->all->set;
    if (ev == STREAM_FAIL) {
        struct why w = *stream_why(s);
        lost(c, &w);
    } else if (ev == STREAM_SECURE) {
        struct port_set ps = {.loop = set->loop,
                              .us = set->us,
                              .max_waiting = 1,
                              .find = find,
                              .refused = refused,
                              .arg = c};
        loop_disarm(set->loop, &c->timer);
        c->port = port_new(&ps);
        port_take(c->port, s);
    }
}

void njetls_take(struct njetls *n, int fd, const union endpoint *peer)
{
    struct why w;
    struct caller *c = mem_new(sizeof *c);
    struct ssl_ctx_st *ctx = tls_context(n->set.tls, TLS_NJE_IN);
    *c = (struct caller){.next = n->caller, .all = n, .peer = *peer};
    c->s = stream_new(n->set.loop, fd, on_caller, c);
    n->caller = c;
    int v = 0;
    if (++n->ncaller > CALLERS_MAX)
        v = why_set(&w, E_LIMIT, 0, NULL, "%u connections wait for their OPEN already",
                    CALLERS_MAX);
    else if (ctx == NULL)
        v = why_set(&w, E_TEMP, 0, NULL, "a call with TLS, but there is no certificate (TLSCERT)");
    else
        v = stream_secure(c->s, ctx, true, NULL, &w);
    if (v < 0)
        lost(c, &w);
    else
        loop_arm(n->set.loop, &c->timer, HANDSHAKE_MS, late, c);
}

struct njetls *njetls_new(const struct njetls_set *set)
{
    struct njetls *n = mem_new(sizeof *n);
    n->set = *set;
    return n;
}

void njetls_free(struct njetls **np)
{
    struct njetls *n = *np;
    if (n == NULL)
        return;
    *np = NULL;
    while (n->caller != NULL)
        caller_free(n->caller);
    free(n);
}
