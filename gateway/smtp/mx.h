/* gateway/smtp/mx.h -- where mail for a domain goes: MX records in order of preference (random within one),
 * A and AAAA when there is none (RFC 5321 5.1), null MX (RFC 7505), address literals, or a host and port
 * given by configuration (no MX then). */
#ifndef GATEWAY_SMTP_MX_H
#define GATEWAY_SMTP_MX_H

#include "base/dns.h"
#include "gateway/smtp/client.h"

#define MX_TARGETS_MAX 20u

struct mx_ask;
struct mx_set {
    struct loop *loop;
    struct dns *dns;
    uint16_t port;                       /* for MX targets: 25; another in tests */
    bool (*is_self)(void *arg, const struct smtp_target *t); /* our own address: loop; may be NULL */
    void *arg;
};
/* Exactly one callback, never inside mx_find: targets (n > 0), or n 0 with why: permanent for a null MX,
 * an unknown domain or MX that leads to ourselves only; temporary for DNS trouble. */
typedef void mx_fn(void *arg, const struct smtp_target *targets, size_t n, const struct why *w);
struct mx_ask *mx_find(const struct mx_set *set, const char *domain, mx_fn *fn, void *arg);
/* host: name, address or [v6]; port 0: 25. Only addresses are looked up. */
struct mx_ask *mx_host(const struct mx_set *set, const char *host, uint16_t port, mx_fn *fn, void *arg);
void mx_cancel(struct mx_ask **ask);

#endif
