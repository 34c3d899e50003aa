/* security/tls.c -- TLS contexts, loaded all or not at all. */
#include "security/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/mem.h"

/* Forward secrecy and authenticated encryption only (RFC 9325 4.2); TLS 1.3 has nothing else. A
 * peer that cannot do it speaks in the clear to an opportunistic server, so SMTP_OUT takes what
 * OpenSSL thinks good: any of it is better than none. */
#define MODERN "ECDHE+AESGCM:ECDHE+CHACHA20"
#define FACTS_SIZE 320

/* By these a file is the one it was: device, number, size, seconds and nanoseconds of its time. */
struct mark {
    int64_t of[5];
};
struct tls {
    SSL_CTX *ctx[TLS_USES];
    X509_STORE *trusted; /* of TLSCA, or the system's: of all contexts */
    char *ca;
    struct mark seen[2]; /* what it was read from: the file; of the system's also the folder */
    bool has_certificate;
    char facts[FACTS_SIZE];
};

static const struct kind {
    bool server;
    bool certificate; /* ours is shown */
    bool trust;       /* the other's is checked */
    bool must;        /* and has to be good */
    bool dane;
    const char *ciphers;
} kinds[TLS_USES] = {
    [TLS_SMTP_IN] = {.server = true, .certificate = true, .ciphers = MODERN},
    [TLS_SMTP_OUT] = {.ciphers = NULL},
    [TLS_SMTP_LOOK] = {.trust = true, .ciphers = NULL},
    [TLS_SMTP_VERIFY] = {.trust = true, .must = true, .ciphers = NULL},
    [TLS_SMTP_DANE] = {.dane = true, .ciphers = NULL},
    [TLS_NJE_IN] = {.server = true, .certificate = true, .trust = true, .ciphers = MODERN},
    [TLS_NJE_OUT] = {.certificate = true, .ciphers = MODERN},
    [TLS_NJE_VERIFY] = {.certificate = true, .trust = true, .must = true, .ciphers = MODERN},
};

struct tls *tls_new(void)
{
    struct tls *t = mem_new(sizeof *t);
    struct why w;
    (void)!tls_load(t, &(struct tls_files){.cert = NULL}, &w);
    return t;
}

static void drop(struct tls *t)
{
    for (size_t i = 0; i < TLS_USES; i++)
        SSL_CTX_free(t->ctx[i]);
    X509_STORE_free(t->trusted);
    free(t->ca);
}

void tls_free(struct tls **t)
{
    if (*t == NULL)
        return;
    drop(*t);
    free(*t);
    *t = NULL;
}

/* OpenSSL's reason, or the system's when it could not open the file. */
static int bad(struct why *w, const char *what, const char *path)
{
    unsigned long e = ERR_peek_last_error();
    const char *text = ERR_reason_error_string(e);
    if (ERR_SYSTEM_ERROR(ERR_peek_error()))
        text = strerror(ERR_GET_REASON(ERR_peek_error()));
    (void)why_set(w, E_PERM, 0, NULL, "%s %s: %s", what, path, text != NULL ? text : "unusable");
    ERR_clear_error();
    return w->err;
}

/* A pass phrase would have to be typed by somebody who is not here. */
static int no_phrase(char *to, int size, int writing, void *arg)
{
    (void)to, (void)size, (void)writing, (void)arg;
    return 0;
}

/* OpenSSL looks for itself; the verdict is asked for later (stream_check_peer). */
static int note_only(int ok, X509_STORE_CTX *store)
{
    (void)ok, (void)store;
    return 1;
}

static int load_certificate(SSL_CTX *ctx, const struct tls_files *f, struct why *w)
{
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(ctx, f->cert) != 1)
        return bad(w, "TLSCERT", f->cert);
    ERR_clear_error();
    bool read = SSL_CTX_use_PrivateKey_file(ctx, f->key, SSL_FILETYPE_PEM) == 1;
    if (!read && ERR_GET_REASON(ERR_peek_last_error()) != X509_R_KEY_VALUES_MISMATCH)
        return bad(w, "TLSKEY", f->key);
    if (!read || SSL_CTX_check_private_key(ctx) != 1) { /* the latter: a key of another kind */
        ERR_clear_error();
        return why_set(w, E_PERM, 0, NULL, "TLSKEY %s is not the key of TLSCERT %s", f->key,
                       f->cert);
    }
    return OK;
}

static struct mark mark_of(const char *path)
{
    struct stat st;
    if (path == NULL || stat(path, &st) != 0)
        return (struct mark){{0}};
    return (struct mark){{(int64_t)st.st_dev, (int64_t)st.st_ino, (int64_t)st.st_size,
                          (int64_t)st.st_mtim.tv_sec, (int64_t)st.st_mtim.tv_nsec}};
}

static const char *from_env(const char *name, const char *plain)
{
    const char *path = secure_getenv(name);
    return path != NULL ? path : plain;
}

/* The system's certificates take longer to read than all else of a reload: they are read again only
 * when they have changed. */
static int read_trust(struct tls *t, const struct tls *old, const struct tls_files *f,
                      struct why *w)
{
    bool system = f->ca == NULL || f->ca[0] == '\0';
    t->ca = mem_dup(system ? "" : f->ca);
    t->seen[0] = mark_of(
        system ? from_env(X509_get_default_cert_file_env(), X509_get_default_cert_file()) : f->ca);
    if (system)
        t->seen[1] =
            mark_of(from_env(X509_get_default_cert_dir_env(), X509_get_default_cert_dir()));
    if (old->trusted != NULL && strcmp(old->ca, t->ca) == 0 &&
        memcmp(old->seen, t->seen, sizeof t->seen) == 0 && X509_STORE_up_ref(old->trusted) == 1) {
        t->trusted = old->trusted;
        return OK;
    }
    t->trusted = X509_STORE_new();
    if (t->trusted == NULL)
        return why_set(w, E_TEMP, 0, NULL, "OpenSSL cannot make a store of certificates");
    ERR_clear_error();
    if (system)
        (void)X509_STORE_set_default_paths(t->trusted);
    else if (X509_STORE_load_file(t->trusted, f->ca) != 1)
        return bad(w, "TLSCA", f->ca);
    return OK;
}

static int make(SSL_CTX **out, const struct kind *k, const struct tls_files *f, X509_STORE *trusted,
                struct why *w)
{
    SSL_CTX *ctx = SSL_CTX_new(k->server ? TLS_server_method() : TLS_client_method());
    int v = OK;
    *out = ctx;
    if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
        (k->ciphers != NULL && SSL_CTX_set_cipher_list(ctx, k->ciphers) != 1))
        return why_set(w, E_TEMP, 0, NULL, "OpenSSL cannot make a TLS context");
    /* No resumption: mail hosts talk rarely, and tickets are keys to keep. */
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                       SSL_OP_NO_COMPRESSION);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_num_tickets(ctx, 0);
    SSL_CTX_set_default_passwd_cb(ctx, no_phrase);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    if (k->certificate && f->cert != NULL && f->cert[0] != '\0')
        v = load_certificate(ctx, f, w);
    if (k->dane && SSL_CTX_dane_enable(ctx) != 1)
        return why_set(w, E_TEMP, 0, NULL, "OpenSSL cannot check DANE records");
    if (k->dane)
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    if (k->trust) {
        SSL_CTX_set1_cert_store(ctx, trusted);
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, k->must ? NULL : note_only);
    }
    return v;
}

static void put_facts(struct tls *t)
{
    char name[200] = "", until[40] = "?";
    struct tm tm;
    X509 *x = SSL_CTX_get0_certificate(t->ctx[TLS_SMTP_IN]);
    if (x == NULL)
        return;
    BIO *b = BIO_new(BIO_s_mem());
    if (b != NULL && X509_NAME_print_ex(b, X509_get_subject_name(x), 0, XN_FLAG_RFC2253) >= 0) {
        int n = BIO_read(b, name, sizeof name - 1);
        name[n > 0 ? n : 0] = '\0';
    }
    BIO_free(b);
    if (ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) == 1)
        (void)strftime(until, sizeof until, "%Y-%m-%dT%H:%M:%SZ", &tm);
    time_t now = (time_t)(wall_now().us / US_PER_S);
    bool expired = X509_cmp_time(X509_get0_notAfter(x), &now) < 0;
    (void)snprintf(t->facts, sizeof t->facts, "%s until=%s%s", name, until,
                   expired ? " (expired)" : "");
}

int tls_load(struct tls *t, const struct tls_files *files, struct why *w)
{
    struct tls fresh = {.has_certificate = files->cert != NULL && files->cert[0] != '\0'};
    int v = read_trust(&fresh, t, files, w);
    for (size_t i = 0; i < TLS_USES && v == OK; i++)
        v = make(&fresh.ctx[i], &kinds[i], files, fresh.trusted, w);
    if (v < 0) {
        drop(&fresh);
        return v;
    }
    put_facts(&fresh);
    drop(t);
    *t = fresh;
    return OK;
}

bool tls_has_certificate(const struct tls *t)
{
    return t != NULL && t->has_certificate;
}

struct ssl_ctx_st *tls_context(const struct tls *t, enum tls_use use)
{
    if (t == NULL || (kinds[use].server && !t->has_certificate))
        return NULL;
    return t->ctx[use];
}

const char *tls_facts(const struct tls *t)
{
    return t != NULL ? t->facts : "";
}
