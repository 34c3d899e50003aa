/* base/tlsio.h -- TLS over a non-blocking descriptor, for base/stream.c only. */
#ifndef BASE_TLSIO_H
#define BASE_TLSIO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/stream.h"
#include "base/why.h"

struct ssl_st;     /* OpenSSL's SSL */
struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

/* Instead of a count, when nothing could be done. */
enum tlsio {
    TLSIO_WANT_READ = -1,
    TLSIO_WANT_WRITE = -2,
    TLSIO_BROKEN = -3, /* *w tells */
};

/* name: see stream_secure. The descriptor stays the caller's. */
int tlsio_new(struct ssl_st **out, struct ssl_ctx_st *ctx, int fd, bool server, const char *name,
              struct why *w) MUST_CHECK;
/* See stream_dane. */
int tlsio_dane(struct ssl_st *tls, const char *name, const char *also, const struct stream_tlsa *rr,
               size_t n, struct why *w) MUST_CHECK;
void tlsio_free(struct ssl_st **tls);
int tlsio_handshake(struct ssl_st *tls, struct why *w) MUST_CHECK; /* 1 when done */
/* Bytes read, 0 at the peer's end. */
ssize_t tlsio_read(struct ssl_st *tls, void *to, size_t n, struct why *w) MUST_CHECK;
ssize_t tlsio_write(struct ssl_st *tls, const void *p, size_t n, struct why *w) MUST_CHECK;
bool tlsio_pending(const struct ssl_st *tls); /* input that no descriptor event will announce */
void tlsio_bye(struct ssl_st *tls);           /* say close_notify, as far as the kernel takes it */
/* See stream_check_peer. */
int tlsio_check_peer(const struct ssl_st *tls, const char *name, struct why *w) MUST_CHECK;
void tlsio_facts(const struct ssl_st *tls, char *out, size_t size);

#endif
