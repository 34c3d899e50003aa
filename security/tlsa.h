/* security/tlsa.h -- what a mail host's certificate must match by its TLSA records (DANE, RFC 6698,
 * RFC 7672). Only records from a validated answer may be put here. */
#ifndef SECURITY_TLSA_H
#define SECURITY_TLSA_H

#include "base/stream.h"

#define TLSA_MAX 16u

/* Shared by those who hold it; constant once it has been given away. */
struct tlsa {
    unsigned refs;
    char base[256];   /* the TLSA base domain: SNI, and a name the certificate may have */
    char domain[256]; /* another: the mail domain itself; "" none */
    struct stream_tlsa rr[TLSA_MAX];
    size_t n; /* usable ones; 0: encrypt, whoever it is (RFC 7672 2.2) */
};

struct tlsa *tlsa_new(const char *base, const char *domain);
/* One record's rdata. Kept when usable for SMTP: DANE-TA(2) and DANE-EE(3), Cert(0) and SPKI(1),
 * Full(0), SHA2-256(1) and SHA2-512(2), of the right length (RFC 7672 3.1). Whether it was kept. */
bool tlsa_add(struct tlsa *t, struct cur rdata);
struct tlsa *tlsa_ref(struct tlsa *t); /* NULL is fine */
void tlsa_drop(struct tlsa **t);

#endif
