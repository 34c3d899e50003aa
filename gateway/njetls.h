/* gateway/njetls.h -- NJE within TLS from the first byte: what we dial, and what calls at a
 * listener with TLS until its OPEN has come. */
#ifndef GATEWAY_NJETLS_H
#define GATEWAY_NJETLS_H

#include "gateway/config/conf.h"
#include "rscs/port.h"
#include "security/tls.h"

/* A dialled connection, part of its link's owner. */
struct njetls_call {
    struct ssl_ctx_st *ctx;
    const char *host;
    stream_fn *fn; /* the link's: hears of the connection when TLS stands, and of every failure */
    void *arg;
};
/* Dial for a link with PARM TLS (rscs/link.h: dial). call and host stay until the link's stream is
 * freed. */
struct stream *njetls_dial(struct njetls_call *call, struct loop *l, const union endpoint *at,
                           const struct tls *tls, enum link_tls how, const char *host,
                           stream_fn *fn, void *arg);

/* May a link of this kind be used over the connection that came in? s NULL: it has no TLS. host:
 * whom a caller's certificate must name, "" anybody trusted. */
int njetls_fits(enum link_tls how, const char *host, const struct stream *s,
                struct why *w) MUST_CHECK;

struct njetls;
struct njetls_set {
    struct loop *loop;
    const struct tls *tls;
    struct nje_name us;
    /* The link for a caller's node name, NULL none; s: the connection, only to be looked at. */
    struct link *(*find)(void *arg, const struct nje_name *rhost, const struct stream *s);
    port_refused_fn *refused;
    void *arg;
};
struct njetls *njetls_new(const struct njetls_set *set);
void njetls_free(struct njetls **n);
void njetls_take(struct njetls *n, int fd, const union endpoint *peer); /* takes fd */

#endif
