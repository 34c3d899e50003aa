/* security/tls.h -- the TLS contexts of the gateway: who shows which certificate to whom, and who
 * is checked. TLS 1.2 and 1.3 only. */
#ifndef SECURITY_TLS_H
#define SECURITY_TLS_H

#include <stdbool.h>

#include "base/why.h"

struct tls;
struct ssl_ctx_st; /* OpenSSL's SSL_CTX, for stream_secure */

/* PEM files; NULL or "": none. cert holds our certificate and those between it and its root, key
 * its private key. ca: who is trusted to sign others' certificates, none: the system's. */
struct tls_files {
    const char *cert, *key, *ca;
};
enum tls_use {
    TLS_SMTP_IN,     /* STARTTLS of our server: clients are not asked for certificates */
    TLS_SMTP_OUT,    /* STARTTLS of our client, opportunistic: any certificate will do */
    TLS_SMTP_LOOK,   /* any will do, and stream_check_peer tells if it is good */
    TLS_SMTP_VERIFY, /* the same where the server's certificate must be good and name the host */
    TLS_SMTP_DANE,   /* and where it must match what stream_dane is given */
    TLS_NJE_IN,     /* a caller is asked for a certificate; stream_check_peer tells if it is good */
    TLS_NJE_OUT,    /* any certificate will do; ours is shown */
    TLS_NJE_VERIFY, /* the neighbour's certificate must be good and name the host dialled */
    TLS_USES
};

struct tls *tls_new(void); /* without any certificate: only connections we make */
void tls_free(struct tls **t);
/* Read the files; who is trusted only when that file is another, or has changed. All or nothing:
 * when one of them is bad what was loaded before stays in force. Streams that stand keep what they
 * began with. Errors name the file. */
int tls_load(struct tls *t, const struct tls_files *files, struct why *w) MUST_CHECK;
bool tls_has_certificate(const struct tls *t);
/* Borrowed until the next tls_load; NULL for the ways in while there is no certificate. t NULL: no
 * TLS at all. */
struct ssl_ctx_st *tls_context(const struct tls *t, enum tls_use use);
/* Of our certificate, for the log: "CN=mx.example until=2027-01-31T00:00:00Z", " (expired)" behind
 * it when it is; "" without. */
const char *tls_facts(const struct tls *t);

#endif
