/* base/stream.h -- a buffered non-blocking TCP or TLS stream with seven events and one callback.
 *
 * Input is bounded: a stream stops reading while `limit` unread bytes wait. Output is queued and
 * written at the end of the turn (one write for all replies of a turn). Nothing is sent or received
 * inside stream_put. From within a callback every call here is allowed, stream_free included. */
#ifndef BASE_STREAM_H
#define BASE_STREAM_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/loop.h"

struct stream;
struct ssl_ctx_st; /* OpenSSL's SSL_CTX, made by security/tls */

enum stream_event {
    STREAM_OPEN,    /* an outgoing connection stands */
    STREAM_SECURE,  /* the TLS handshake is done */
    STREAM_DATA,    /* new input; look at stream_in */
    STREAM_DRAINED, /* all output has gone to the kernel; never from within stream_put */
    STREAM_TIMEOUT, /* the time of stream_timeout passed without input (or without connection) */
    STREAM_EOF,     /* the peer has closed its side; unread input may be left */
    STREAM_FAIL,    /* broken: stream_why tells */
};
typedef void stream_fn(struct stream *s, enum stream_event ev, void *arg);

union endpoint {
    struct sockaddr any;
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
};

struct stream *stream_new(struct loop *l, int fd, stream_fn *fn, void *arg); /* takes fd */
/* Starts connecting; STREAM_OPEN or STREAM_FAIL follows in a later turn. from: local address or
 * NULL. */
struct stream *stream_connect(struct loop *l, const union endpoint *to, const union endpoint *from,
                              stream_fn *fn, void *arg);
/* To a socket in the file system; NULL with *w when nobody listens there. STREAM_OPEN follows. */
struct stream *stream_connect_unix(struct loop *l, const char *path, stream_fn *fn, void *arg,
                                   struct why *w);
void stream_free(struct stream **s); /* closes at once; unsent output is lost; clears the pointer */
/* Flush what is queued, close, free: the caller's pointer is cleared and no event comes any more.
 * Gives up after 30 s. */
void stream_finish(struct stream **s);
/* Hand over to another callback; it gets STREAM_DATA for input not yet taken. */
void stream_owner(struct stream *s, stream_fn *fn, void *arg);

/* Unread input, contiguous; borrowed until the next call on s or the return to the loop. */
struct cur stream_in(struct stream *s);
void stream_take(struct stream *s, size_t n);      /* n bytes of it are used */
void stream_limit(struct stream *s, size_t bytes); /* default 64 KiB */
void stream_put(struct stream *s, const void *p, size_t n);
/* What is to go out is appended to that buffer, where it would else be copied; then
 * stream_put_end. NULL: it would go nowhere. */
struct buf *stream_put_begin(struct stream *s);
void stream_put_end(struct stream *s);
void stream_puts(struct stream *s, struct str t);
void stream_printf(struct stream *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
size_t stream_queued(const struct stream *s); /* output not yet taken by the kernel, bytes */
void stream_flush(struct stream *s);          /* write now instead of at the end of the turn */
/* Stop or resume reading: backpressure. When reading resumes with unread input, STREAM_DATA comes
 * again. */
void stream_hold(struct stream *s, bool hold);
/* STREAM_TIMEOUT once after this much silence; restarted by input, by output the peer takes after
 * its window was full, by this call and by the end of a hold (a held stream is silent by our doing
 * and never times out). 0: none. */
void stream_timeout(struct stream *s, int64_t ms);
const struct why *stream_why(const struct stream *s);
const union endpoint *stream_peer(const struct stream *s);
const union endpoint *stream_local(const struct stream *s);
/* Who is at the other end of a socket in the file system; false for any other kind. */
bool stream_peer_uid(const struct stream *s, uid_t *uid);

/* Begin TLS on an open stream; input already read is discarded (RFC 3207 4.2). name: the peer's
 * name for SNI and, when the context verifies, for the certificate; NULL on the server side. */
int stream_secure(struct stream *s, struct ssl_ctx_st *ctx, bool server, const char *name,
                  struct why *w) MUST_CHECK;
/* A DANE record (RFC 6698 2.1). */
struct stream_tlsa {
    uint8_t usage, selector, matching;
    uint8_t *data;
    size_t n;
};
/* Right behind stream_secure with a context that verifies by DANE: the certificate must match one
 * of these and, unless its own key is named, be for name or also ("" none). Answers how many could
 * be used; with 0 any certificate will do. */
int stream_dane(struct stream *s, const char *name, const char *also, const struct stream_tlsa *rr,
                size_t n, struct why *w) MUST_CHECK;
bool stream_is_secure(const struct stream *s);
/* Has the peer shown a certificate that the context trusts, and does it name this host or address
 * (NULL: any)? For contexts that ask for one but go on without. */
int stream_check_peer(const struct stream *s, const char *name, struct why *w) MUST_CHECK;
/* "TLSv1.3 TLS_AES_256_GCM_SHA384", "" without TLS. */
const char *stream_tls_facts(const struct stream *s);

/* Listening sockets. The callback takes fd. */
struct listener;
typedef void listen_fn(void *arg, int fd, const union endpoint *peer);
int listener_new(struct listener **out, struct loop *l, const union endpoint *at, listen_fn *fn,
                 void *arg, struct why *w) MUST_CHECK;
/* The same on a socket that already listens (systemd socket activation); takes fd. */
struct listener *listener_of_fd(struct loop *l, int fd, listen_fn *fn, void *arg);
/* At a path (at most 107 bytes) with this mode. A socket file nobody listens on is replaced; one
 * that a process answers on, or a file of another kind, is refused. listener_free removes the file.
 */
int listener_unix(struct listener **out, struct loop *l, const char *path, mode_t mode,
                  listen_fn *fn, void *arg, struct why *w) MUST_CHECK;
void listener_free(struct listener **ln);
uint16_t listener_port(const struct listener *ln);
void listener_pause(struct listener *ln, bool pause); /* stop accepting for a while */

/* "addr:port", "[v6]:port" or "port" (any address) to an endpoint; port 0 allowed. */
int endpoint_parse(union endpoint *e, struct str text, uint16_t default_port,
                   struct why *w) MUST_CHECK;
socklen_t endpoint_len(const union endpoint *e);
uint16_t endpoint_port(const union endpoint *e);
void endpoint_set_port(union endpoint *e, uint16_t port);
/* "192.0.2.1" or "2001:db8::1"; with_port: "192.0.2.1:25", "[2001:db8::1]:25". buf of 64. */
const char *endpoint_text(const union endpoint *e, bool with_port, char out[64]);

#endif
