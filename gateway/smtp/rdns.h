/* gateway/smtp/rdns.h -- what the DNS says of an SMTP client: the name of its address that leads
 * back to it (PTR, then A or AAAA: RFC 1912 2.1), and whether the name it gives at HELO leads to it
 * (RFC 5321 4.1.4). Asynchronous; bounded in look-ups, not in time: that is its owner's. */
#ifndef GATEWAY_SMTP_RDNS_H
#define GATEWAY_SMTP_RDNS_H

#include "base/dns.h"
#include "base/stream.h"

#define RDNS_NAMES_MAX 5 /* of an address are tried, in the order they come */

enum rdns_status {
    RDNS_UNASKED,
    RDNS_CONFIRMED, /* name and address lead to each other; HELO: the name leads to the address */
    RDNS_NONE,      /* no such name; an address without a name */
    RDNS_OTHER,     /* it leads elsewhere */
    RDNS_FAILED,    /* name servers did not answer */
};
struct rdns_result {
    enum rdns_status status;
    char name[256]; /* of an address: the one that leads back, "" none */
    char ptr[256];  /* the first one of its PTR, whether or not; "" none */
};
typedef void rdns_fn(void *arg, const struct rdns_result *r); /* once, never inside the call */

struct rdns;
/* The names of an address; IPv4 within IPv6 as IPv4. */
struct rdns *rdns_client(struct dns *d, const union endpoint *addr, rdns_fn *fn, void *arg);
/* A name given at HELO, no literal. RDNS_OTHER: it exists (A, AAAA or MX). */
struct rdns *rdns_helo(struct dns *d, struct str helo, const union endpoint *addr, rdns_fn *fn,
                       void *arg);
void rdns_free(struct rdns **r); /* at any time; no callback any more */

/* The address that is written "[192.0.2.1]" or "[IPv6:2001:db8::1]" (RFC 5321 4.1.3); false when it
 * is none. */
bool rdns_literal(struct str text, union endpoint *out);
bool rdns_same_address(const union endpoint *a, const union endpoint *b);

#endif
