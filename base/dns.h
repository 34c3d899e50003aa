/* base/dns.h -- asynchronous MX, A, AAAA (and any other) look-ups through libunbound, DNSSEC
 * validated when the resolver's answers allow. The only includer of unbound.h. */
#ifndef BASE_DNS_H
#define BASE_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/loop.h"

struct dns;
struct dns_ask;

enum dns_type { DNS_A = 1, DNS_PTR = 12, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28, DNS_TLSA = 52 };
enum dns_status {
    DNS_FOUND,     /* at least one record */
    DNS_NODATA,    /* the name exists, not with this type */
    DNS_NXDOMAIN,  /* no such name */
    DNS_TEMPORARY, /* time-out, SERVFAIL: ask again later */
    DNS_BOGUS,     /* DNSSEC validation failed: treat as temporary, never use */
};
struct dns_rr {
    uint16_t pref;    /* MX preference */
    char name[256];   /* MX exchange or PTR name, without the final dot; "" is the root: null MX */
    uint8_t addr[16]; /* A: the first 4 bytes; AAAA: 16 */
    struct cur data;  /* raw rdata, borrowed for the callback */
};
struct dns_reply {
    enum dns_status status;
    bool secure;             /* validated by DNSSEC */
    const struct dns_rr *rr; /* MX: by preference */
    size_t n;                /* at most 64 are given */
    uint32_t ttl;
    char canon[256]; /* the name after CNAMEs, as asked when none */
};
typedef void dns_fn(const struct dns_reply *r, void *arg); /* exactly once, unless cancelled */

struct dns_set {
    const char *const *forward; /* "addr" or "addr@port"; NULL-terminated; NULL: the system's */
    const char *const *local;   /* test data, "name. IN A 127.0.0.1"; NULL: none. With local data */
    /* nothing is ever asked outside: other names do not exist. A name */
    /* under "tempfail.test" fails for a time. */
    const char *trust_anchor_file; /* NULL: none, nothing is validated */
};
/* The resolver itself is created by the first look-up, so an idle daemon stays small. */
struct dns *dns_new(struct loop *l, const struct dns_set *set);
void dns_free(struct dns **d); /* open look-ups are cancelled without callback */
/* The callback never runs inside this call. */
struct dns_ask *dns_query(struct dns *d, const char *name, enum dns_type type, dns_fn *fn,
                          void *arg);
void dns_cancel(struct dns_ask **ask); /* clears the pointer; NULL inside is fine */

#endif
