/* gateway/smtp/mx.h -- where mail for a domain goes: MX records in order of preference (random
 * within one; the IPv6 and IPv4 addresses of a host in turns), A and AAAA when there is none (RFC
 * 5321 5.1), null MX (RFC 7505), address literals, or a host and port given by configuration (no MX
 * then). */
#ifndef GATEWAY_SMTP_MX_H
#define GATEWAY_SMTP_MX_H

#include "base/dns.h"
#include "gateway/smtp/client.h"

#define MX_TARGETS_MAX 20u

struct mx_ask;
struct mx_set {
    struct loop *loop;
    struct dns *dns;
    uint16_t port; /* for MX targets: 25; another in tests */
    bool (*is_self)(void *arg,
                    const struct smtp_target *t); /* our own address: loop; may be NULL */
    void *arg;
    bool dane; /* look for TLSA records where DNSSEC vouches for the way there (RFC 7672) */
};
/* Exactly one callback, never inside mx_find: targets (n > 0), or n 0 with why: permanent for a
 * null MX (556 5.1.10), an unknown domain (550 5.1.2), exchanges without addresses (550 5.4.4) or
 * MX that leads to ourselves only (554 5.4.6); temporary for DNS trouble (451 4.4.3). The ask is
 * gone after the callback; mx_cancel from within it does no harm. At most MX_TARGETS_MAX targets;
 * targets and their tlsa are lent for the call. With `dane` a host whose TLSA records cannot be had
 * though its zone is signed is none (451 4.7.5). */
typedef void mx_fn(void *arg, const struct smtp_target *targets, size_t n, const struct why *w);
/* domain: a mail domain, or an address literal "[192.0.2.1]", "[IPv6:2001:db8::1]". */
struct mx_ask *mx_find(const struct mx_set *set, const char *domain, mx_fn *fn, void *arg);
/* host: name, address or [v6]; port 0: 25. Only addresses are looked up; is_self is not asked, and
 * a name that does not exist is a temporary failure (451 4.4.4): configuration is mended while mail
 * waits. */
struct mx_ask *mx_host(const struct mx_set *set, const char *host, uint16_t port, mx_fn *fn,
                       void *arg);
void mx_cancel(struct mx_ask **ask);

#endif
