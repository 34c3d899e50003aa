/* base/tlsio.c -- TLS over a non-blocking descriptor. */
#include "base/tlsio.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

static bool is_address(const char *name)
{
    uint8_t address[16];
    return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

/* SNI carries host names only (RFC 6066 3); the certificate is compared with either kind. */
static bool expect_name(SSL *tls, const char *name)
{
    char host[256];
    struct str n = str_of(name);
    if (n.n > 0 && n.p[n.n - 1] == '.')
        n.n--;
    if (n.n >= sizeof host)
        return false;
    str_copy(host, sizeof host, n);
    if (is_address(host))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), host) == 1;
    return SSL_set_tlsext_host_name(tls, host) == 1 && SSL_set1_host(tls, host) == 1;
}

int tlsio_new(struct ssl_st **out, struct ssl_ctx_st *ctx, int fd, bool server, const char *name,
              struct why *w)
{
    ERR_clear_error();
    SSL *tls = SSL_new(ctx);
    if (tls == NULL || SSL_set_fd(tls, fd) != 1) {
        SSL_free(tls);
        return why_set(w, E_TEMP, 454, "4.7.0", "TLS not available: OpenSSL has no memory");
    }
    /* Renegotiation is how a peer makes us work for nothing (and TLS 1.3 has none); a peer that
     * closes without close_notify has closed: SMTP and NJE mark their ends themselves. */
    (void)SSL_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    (void)SSL_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
    if (server) {
        SSL_set_accept_state(tls);
    } else {
        SSL_set_connect_state(tls);
        if (name != NULL && !expect_name(tls, name)) {
            SSL_free(tls);
            return why_set(w, E_SYNTAX, 0, NULL,
                           "TLS cannot be begun with \"%.100s\": no host name", name);
        }
    }
    *out = tls;
    return OK;
}

int tlsio_dane(struct ssl_st *tls, const char *name, const char *also, const struct stream_tlsa *rr,
               size_t n, struct why *w)
{
    int usable = 0;
    ERR_clear_error();
    if (SSL_dane_enable(tls, name) <= 0 || (also[0] != '\0' && SSL_add1_host(tls, also) != 1)) {
        ERR_clear_error();
        return why_set(w, E_TEMP, 454, "4.7.5", "DANE cannot be begun with \"%.100s\"", name);
    }
    /* RFC 7672 3.1.1: a DANE-EE record names the key itself, the certificate's names say nothing.
     */
    (void)SSL_dane_set_flags(tls, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
    for (size_t i = 0; i < n; i++)
        usable += SSL_dane_tlsa_add(tls, rr[i].usage, rr[i].selector, rr[i].matching, rr[i].data,
                                    rr[i].n) > 0;
    if (usable == 0)
        SSL_set_verify(tls, SSL_VERIFY_NONE, NULL);
    ERR_clear_error();
    return usable;
}

void tlsio_free(struct ssl_st **tls)
{
    SSL_free(*tls);
    *tls = NULL;
}

/* What is wrong with a certificate, for a person. name: whose it should be, NULL unknown. */
static int distrust(long verdict, const char *what, const char *name, struct why *w)
{
    bool other =
        verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH;
    return why_set(w, E_TEMP, 0, "4.7.5", "%sthe certificate of %s is not trusted: %s", what,
                   name != NULL ? name : "the peer",
                   other ? "it does not name it" : X509_verify_cert_error_string(verdict));
}

static void distrust_handshake(SSL *tls, const char *what, struct why *w)
{
    char prefix[64];
    char *address = X509_VERIFY_PARAM_get1_ip_asc(SSL_get0_param(tls));
    const char *host = X509_VERIFY_PARAM_get0_host(SSL_get0_param(tls), 0);
    (void)snprintf(prefix, sizeof prefix, "%s: ", what);
    (void)distrust(SSL_get_verify_result(tls), prefix, host != NULL ? host : address, w);
    OPENSSL_free(address);
}

static int broken(SSL *tls, const char *what, int error, int saved_errno, struct why *w)
{
    unsigned long e = ERR_peek_error();
    if (ERR_GET_REASON(e) == SSL_R_CERTIFICATE_VERIFY_FAILED &&
        SSL_get_verify_result(tls) != X509_V_OK)
        distrust_handshake(tls, what, w);
    else if (e != 0)
        (void)why_set(w, E_TEMP, 0, "4.7.5", "%s: %s", what,
                      ERR_reason_error_string(e) != NULL ? ERR_reason_error_string(e) : "unknown");
    else if (error == SSL_ERROR_ZERO_RETURN || saved_errno == 0)
        (void)why_set(w, E_GONE, 0, NULL, "%s: the peer closed the connection", what);
    else
        (void)why_set(w, E_GONE, 0, NULL, "%s: %s", what, strerror(saved_errno));
    ERR_clear_error();
    return TLSIO_BROKEN;
}

/* The outcome of an SSL call that did nothing. */
static int outcome(SSL *tls, int r, const char *what, struct why *w)
{
    int saved_errno = errno;
    int error = SSL_get_error(tls, r);
    if (error == SSL_ERROR_WANT_READ)
        return TLSIO_WANT_READ;
    if (error == SSL_ERROR_WANT_WRITE)
        return TLSIO_WANT_WRITE;
    return broken(tls, what, error, saved_errno, w);
}

int tlsio_handshake(struct ssl_st *tls, struct why *w)
{
    ERR_clear_error();
    errno = 0;
    int r = SSL_do_handshake(tls);
    return r == 1 ? 1 : outcome(tls, r, "TLS handshake failed", w);
}

ssize_t tlsio_read(struct ssl_st *tls, void *to, size_t n, struct why *w)
{
    ERR_clear_error();
    errno = 0;
    int r = SSL_read(tls, to, n > INT_MAX ? INT_MAX : (int)n);
    if (r > 0)
        return r;
    if (SSL_get_error(tls, r) == SSL_ERROR_ZERO_RETURN)
        return 0;
    return outcome(tls, r, "TLS connection broken", w);
}

ssize_t tlsio_write(struct ssl_st *tls, const void *p, size_t n, struct why *w)
{
    ERR_clear_error();
    errno = 0;
    int r = SSL_write(tls, p, n > INT_MAX ? INT_MAX : (int)n);
    return r > 0 ? r : outcome(tls, r, "TLS connection broken", w);
}

bool tlsio_pending(const struct ssl_st *tls)
{
    return SSL_pending(tls) > 0;
}

void tlsio_bye(struct ssl_st *tls)
{
    ERR_clear_error();
    (void)SSL_shutdown(tls);
    ERR_clear_error();
}

int tlsio_check_peer(const struct ssl_st *tls, const char *name, struct why *w)
{
    X509 *x = SSL_get0_peer_certificate(tls);
    long verdict = SSL_get_verify_result(tls);
    if (x == NULL)
        return why_set(w, E_DENIED, 0, "4.7.5", "%s shows no certificate",
                       name != NULL ? name : "the peer");
    if (verdict == X509_V_OK && name != NULL) {
        bool ok = is_address(name) ? X509_check_ip_asc(x, name, 0) == 1
                                   : X509_check_host(x, name, 0, 0, NULL) == 1;
        verdict = ok ? X509_V_OK : X509_V_ERR_HOSTNAME_MISMATCH;
    }
    ERR_clear_error();
    return verdict == X509_V_OK ? OK : distrust(verdict, "", name, w);
}

void tlsio_facts(const struct ssl_st *tls, char *out, size_t size)
{
    (void)snprintf(out, size, "%s %s", SSL_get_version(tls), SSL_get_cipher_name(tls));
}
