/* tests/unit/security/test_tls.c -- contexts: files good and bad, reload, who is trusted, what is
 * spoken. */
#include "security/tls.h"

#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/stream.h"
#include "unit/cert.h"
#include "unit/unit.h"

static const char *folder;
static struct loop *loop;
static struct tls *server, *client;
static struct cert ours, theirs;

/* One connection: what came of the handshake on each side. */
struct end {
    struct stream *s;
    enum stream_event last;
    bool any;
};
static struct end in, out;

static void on_end(struct stream *s, enum stream_event ev, void *arg)
{
    struct end *e = arg;
    (void)s;
    if (ev == STREAM_SECURE || (ev == STREAM_FAIL && !e->any)) {
        e->last = ev;
        e->any = true;
    }
}

static void settle(void)
{
    for (int quiet = 0; quiet < 3;)
        quiet = loop_turn(loop, false) ? 0 : quiet + 1;
}

static void set_up(void)
{
    int fd[2];
    clock_fake(true);
    folder = unit_tmp();
    loop = loop_new();
    server = tls_new();
    client = tls_new();
    ours = cert_make(folder, "ours", "DNS:mx.example,DNS:*.wild.example,IP:192.0.2.1", 30);
    theirs = cert_make(folder, "theirs", "DNS:vm1.example", 30);
    in = out = (struct end){.any = false};
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    in.s = stream_new(loop, fd[0], on_end, &in);
    out.s = stream_new(loop, fd[1], on_end, &out);
}

static void tear_down(void)
{
    stream_free(&in.s);
    stream_free(&out.s);
    tls_free(&server);
    tls_free(&client);
    loop_free(&loop);
    clock_fake(false);
}

static void load(struct tls *t, const struct cert *c, const char *ca)
{
    struct why w = {0};
    struct tls_files f = {
        .cert = c != NULL ? c->cert : NULL, .key = c != NULL ? c->key : NULL, .ca = ca};
    ck_assert_msg(tls_load(t, &f, &w) == OK, "%s", w.text);
}

static void connect_both(enum tls_use a, enum tls_use b, const char *name)
{
    struct why w = {0};
    ck_assert_msg(stream_secure(in.s, tls_context(server, a), true, NULL, &w) == OK, "%s", w.text);
    ck_assert_msg(stream_secure(out.s, tls_context(client, b), false, name, &w) == OK, "%s",
                  w.text);
    settle();
}

START_TEST(nothing_loaded)
{
    ck_assert(!tls_has_certificate(server) && !tls_has_certificate(NULL));
    ck_assert_ptr_null(tls_context(server, TLS_SMTP_IN));
    ck_assert_ptr_null(tls_context(server, TLS_NJE_IN));
    ck_assert_ptr_nonnull(tls_context(server, TLS_SMTP_OUT));
    ck_assert_ptr_nonnull(tls_context(server, TLS_NJE_OUT));
    ck_assert_ptr_nonnull(tls_context(server, TLS_NJE_VERIFY));
    for (enum tls_use u = 0; u < TLS_USES; u++)
        ck_assert_ptr_null(tls_context(NULL, u));
    ck_assert_str_eq(tls_facts(server), "");
    ck_assert_str_eq(tls_facts(NULL), "");
}
END_TEST

START_TEST(facts_of_the_certificate)
{
    load(server, &ours, NULL);
    ck_assert(tls_has_certificate(server));
    ck_assert_ptr_nonnull(tls_context(server, TLS_SMTP_IN));
    ck_assert_int_eq(strncmp(tls_facts(server), "CN=mx.example until=20", 22), 0);
    ck_assert_ptr_null(strstr(tls_facts(server), "expired"));
    clock_fake(false); /* OpenSSL's day is today */
    struct cert old = cert_make(folder, "old", "DNS:mx.example", -2);
    load(server, &old, NULL); /* it may be all there is, and opportunistic clients do not look */
    ck_assert_ptr_nonnull(strstr(tls_facts(server), " (expired)"));
}
END_TEST

/* Each bad set is refused with the file's name, and what was loaded stays. */
static const struct {
    const char *cert, *key, *ca, *want;
} bad[] = {
    {"missing.pem", "ours.key", NULL, "TLSCERT %s/missing.pem: No such file or directory"},
    {"ours.pem", "missing.key", NULL, "TLSKEY %s/missing.key: No such file or directory"},
    {"ours.pem", "theirs.key", NULL, "TLSKEY %s/theirs.key is not the key of TLSCERT"},
    {"ours.pem", "rsa.key", NULL, "TLSKEY %s/rsa.key is not the key of TLSCERT"},
    {"ours.pem", "phrase.key", NULL, "TLSKEY %s/phrase.key: "},
    {"noise.pem", "ours.key", NULL, "TLSCERT %s/noise.pem: "},
    {"ours.key", "ours.key", NULL, "TLSCERT %s/ours.key: "},
    {"ours.pem", "noise.pem", NULL, "TLSKEY %s/noise.pem: "},
    {"ours.pem", "ours.key", "noise.pem", "TLSCA %s/noise.pem: "},
    {"ours.pem", "ours.key", "missing.pem", "TLSCA %s/missing.pem: "},
};

static const char *path_of(char *to, size_t size, const char *file)
{
    if (file == NULL)
        return NULL;
    (void)snprintf(to, size, "%s/%s", folder, file);
    return to;
}

static void write_others(void)
{
    char path[300];
    FILE *f = fopen(path_of(path, sizeof path, "noise.pem"), "w");
    (void)fputs("-----BEGIN CERTIFICATE-----\nnoise\n", f);
    (void)fclose(f);
    EVP_PKEY *rsa = EVP_RSA_gen(2048);
    f = fopen(path_of(path, sizeof path, "rsa.key"), "w");
    ck_assert_int_eq(PEM_write_PrivateKey(f, rsa, NULL, NULL, 0, NULL, NULL), 1);
    (void)fclose(f);
    f = fopen(path_of(path, sizeof path, "phrase.key"), "w");
    ck_assert_int_eq(
        PEM_write_PrivateKey(f, rsa, EVP_aes_128_cbc(), (const uint8_t *)"secret", 6, NULL, NULL),
        1);
    (void)fclose(f);
    EVP_PKEY_free(rsa);
}

START_TEST(bad_files_leave_the_good_in_force)
{
    struct why w = {0};
    char cert[300], key[300], ca[300], want[500], before[400];
    write_others();
    load(server, &ours, NULL);
    (void)snprintf(before, sizeof before, "%s", tls_facts(server));
    struct ssl_ctx_st *ctx = tls_context(server, TLS_SMTP_IN);
    struct tls_files f = {.cert = path_of(cert, sizeof cert, bad[_i].cert),
                          .key = path_of(key, sizeof key, bad[_i].key),
                          .ca = path_of(ca, sizeof ca, bad[_i].ca)};
    ck_assert_int_lt(tls_load(server, &f, &w), 0);
    (void)snprintf(want, sizeof want, bad[_i].want, folder);
    ck_assert_msg(strncmp(w.text, want, strlen(want)) == 0, "'%s', not '%s'", w.text, want);
    ck_assert_ptr_eq(tls_context(server, TLS_SMTP_IN), ctx);
    ck_assert_str_eq(tls_facts(server), before);
    load(client, NULL, ours.cert);
    connect_both(TLS_NJE_IN, TLS_NJE_VERIFY, "mx.example");
    ck_assert(out.last == STREAM_SECURE && in.last == STREAM_SECURE);
}
END_TEST

START_TEST(reload_changes_new_connections_only)
{
    struct why w = {0};
    load(server, &ours, NULL);
    load(client, NULL, theirs.cert);
    ck_assert_int_eq(stream_secure(in.s, tls_context(server, TLS_NJE_IN), true, NULL, &w), OK);
    load(server, &theirs, NULL); /* the handshake under way goes on with what it has */
    ck_assert_int_eq(
        stream_secure(out.s, tls_context(client, TLS_NJE_VERIFY), false, "vm1.example", &w), OK);
    settle();
    ck_assert_int_eq(out.last, STREAM_FAIL);
    ck_assert_ptr_nonnull(strstr(stream_why(out.s)->text, "the certificate of vm1.example is not"));
    tear_down();
    set_up();
    load(server, &ours, NULL);
    load(server, &theirs, NULL);
    load(client, NULL, theirs.cert);
    connect_both(TLS_NJE_IN, TLS_NJE_VERIFY, "vm1.example");
    ck_assert(out.any && out.last == STREAM_SECURE);
}
END_TEST

static X509_STORE *trusted(const struct tls *t, enum tls_use use)
{
    return SSL_CTX_get_cert_store(tls_context(t, use));
}

static void copy_file(const char *from, const char *to)
{
    char bytes[8192];
    FILE *f = fopen(from, "r");
    ck_assert_ptr_nonnull(f);
    size_t n = fread(bytes, 1, sizeof bytes, f);
    (void)fclose(f);
    f = fopen(to, "w");
    ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
    (void)fclose(f);
}

/* Of TLSCA, and of the system: one store for all, read again only when it has changed. */
START_TEST(who_is_trusted_is_read_once)
{
    char ca[300];
    path_of(ca, sizeof ca, "ca.pem");
    copy_file(theirs.cert, ca);
    load(server, &ours, NULL);
    X509_STORE *first = trusted(server, TLS_NJE_VERIFY);
    ck_assert_ptr_eq(trusted(server, TLS_SMTP_VERIFY), first);
    ck_assert_ptr_eq(trusted(server, TLS_NJE_IN), first);
    load(server, &theirs, NULL);
    ck_assert_ptr_eq(trusted(server, TLS_NJE_VERIFY), first);
    load(client, NULL, ca);
    first = trusted(client, TLS_NJE_VERIFY);
    ck_assert_ptr_ne(first, trusted(server, TLS_NJE_VERIFY));
    load(client, NULL, ca);
    ck_assert_ptr_eq(trusted(client, TLS_NJE_VERIFY), first);
    copy_file(ours.cert, ca); /* the same file, another content */
    X509_STORE_up_ref(first); /* its address is not given again */
    load(client, NULL, ca);
    ck_assert_ptr_ne(trusted(client, TLS_NJE_VERIFY), first);
    X509_STORE_free(first);
    load(server, &ours, NULL);
    connect_both(TLS_NJE_IN, TLS_NJE_VERIFY, "mx.example");
    ck_assert(out.last == STREAM_SECURE && in.last == STREAM_SECURE);
}
END_TEST

/* Who trusts whose certificate under which name. */
static const struct {
    enum tls_use use;
    const char *name;
    bool trust;       /* the client has the server's certificate as TLSCA */
    const char *want; /* NULL: secure */
} outs[] = {
    {TLS_SMTP_OUT, "other.example", false, NULL},
    {TLS_NJE_OUT, "other.example", false, NULL},
    {TLS_NJE_VERIFY, "mx.example", true, NULL},
    {TLS_NJE_VERIFY, "MX.Example.", true, NULL},
    {TLS_NJE_VERIFY, "a.wild.example", true, NULL},
    {TLS_NJE_VERIFY, "192.0.2.1", true, NULL},
    {TLS_NJE_VERIFY, "mx.example", false, "the certificate of mx.example is not trusted: self"},
    {TLS_NJE_VERIFY, "vm1.example", true,
     "the certificate of vm1.example is not trusted: it does not name it"},
    {TLS_NJE_VERIFY, "192.0.2.2", true,
     "the certificate of 192.0.2.2 is not trusted: it does not name it"},
    {TLS_NJE_VERIFY, "a.b.wild.example", true, "it does not name it"},
};

START_TEST(who_is_trusted)
{
    load(server, &ours, NULL);
    load(client, NULL, outs[_i].trust ? ours.cert : theirs.cert);
    connect_both(TLS_NJE_IN, outs[_i].use, outs[_i].name);
    ck_assert(out.any);
    if (outs[_i].want == NULL) {
        ck_assert_msg(out.last == STREAM_SECURE, "%s", stream_why(out.s)->text);
        return;
    }
    ck_assert_int_eq(out.last, STREAM_FAIL);
    ck_assert_msg(strstr(stream_why(out.s)->text, outs[_i].want) != NULL, "%s",
                  stream_why(out.s)->text);
    ck_assert_str_eq(why_enh(stream_why(out.s)), "4.7.5");
}
END_TEST

START_TEST(an_expired_certificate)
{
    struct cert old = cert_make(folder, "old", "DNS:mx.example", -2);
    load(server, &old, NULL);
    load(client, NULL, old.cert);
    connect_both(TLS_NJE_IN, TLS_NJE_VERIFY, "mx.example");
    ck_assert_int_eq(out.last, STREAM_FAIL);
    ck_assert_ptr_nonnull(strstr(stream_why(out.s)->text, "expired"));
}
END_TEST

/* The server's look at a caller: the connection stands in every case. */
static const struct {
    bool shows, trusted;
    const char *name, *want; /* NULL: good */
} callers[] = {
    {true, true, NULL, NULL},
    {true, true, "vm1.example", NULL},
    {true, true, "vm2.example", "the certificate of vm2.example is not trusted: it does not name"},
    {true, true, "192.0.2.9", "the certificate of 192.0.2.9 is not trusted: it does not name it"},
    {true, false, NULL, "the certificate of the peer is not trusted: self"},
    {true, false, "vm1.example", "the certificate of vm1.example is not trusted: self"},
    {false, true, "vm1.example", "vm1.example shows no certificate"},
};

START_TEST(callers_are_looked_at)
{
    struct why w = {0};
    load(server, &ours, callers[_i].trusted ? theirs.cert : ours.cert);
    load(client, callers[_i].shows ? &theirs : NULL, NULL);
    ck_assert_int_lt(stream_check_peer(in.s, NULL, &w), 0);
    ck_assert_str_eq(w.text, "the connection has no TLS");
    connect_both(TLS_NJE_IN, TLS_NJE_OUT, "mx.example");
    ck_assert(in.last == STREAM_SECURE && out.last == STREAM_SECURE);
    int v = stream_check_peer(in.s, callers[_i].name, &w);
    if (callers[_i].want == NULL)
        ck_assert_msg(v == OK, "%s", w.text);
    else
        ck_assert_msg(v < 0 && strstr(w.text, callers[_i].want) != NULL, "%s", w.text);
}
END_TEST

START_TEST(smtp_asks_nobody_for_a_certificate)
{
    struct why w = {0};
    load(server, &ours, theirs.cert);
    load(client, &theirs, NULL);
    connect_both(TLS_SMTP_IN, TLS_NJE_OUT, NULL);
    ck_assert_int_eq(in.last, STREAM_SECURE);
    ck_assert_int_lt(stream_check_peer(in.s, NULL, &w), 0);
    ck_assert_str_eq(w.text, "the peer shows no certificate");
}
END_TEST

/* What is spoken: a client of its own that can do only this. */
static const struct {
    int version;
    const char *ciphers; /* of TLS 1.2 */
    bool ok;
} spoken[] = {
    {TLS1_3_VERSION, NULL, true},
    {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", true},
    {TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305", true},
    {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA", false},
    {TLS1_1_VERSION, "DEFAULT@SECLEVEL=0", false},
    {TLS1_VERSION, "DEFAULT@SECLEVEL=0", false},
};

START_TEST(only_modern_tls_is_spoken)
{
    struct why w = {0};
    load(server, &ours, NULL);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    ck_assert_int_eq(SSL_CTX_set_min_proto_version(ctx, spoken[_i].version), 1);
    ck_assert_int_eq(SSL_CTX_set_max_proto_version(ctx, spoken[_i].version), 1);
    if (spoken[_i].ciphers != NULL)
        ck_assert_int_eq(SSL_CTX_set_cipher_list(ctx, spoken[_i].ciphers), 1);
    ck_assert_int_eq(stream_secure(in.s, tls_context(server, TLS_SMTP_IN), true, NULL, &w), OK);
    ck_assert_int_eq(stream_secure(out.s, ctx, false, NULL, &w), OK);
    SSL_CTX_free(ctx);
    settle();
    ck_assert_int_eq(in.last, spoken[_i].ok ? STREAM_SECURE : STREAM_FAIL);
}
END_TEST

static Suite *test_security_tls_suite(void)
{
    Suite *s = suite_create("security/tls");
    TCase *t = tcase_create("tls");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, nothing_loaded);
    tcase_add_test(t, facts_of_the_certificate);
    tcase_add_loop_test(t, bad_files_leave_the_good_in_force, 0, sizeof bad / sizeof *bad);
    tcase_add_test(t, reload_changes_new_connections_only);
    tcase_add_test(t, who_is_trusted_is_read_once);
    tcase_add_loop_test(t, who_is_trusted, 0, sizeof outs / sizeof *outs);
    tcase_add_test(t, an_expired_certificate);
    tcase_add_loop_test(t, callers_are_looked_at, 0, sizeof callers / sizeof *callers);
    tcase_add_test(t, smtp_asks_nobody_for_a_certificate);
    tcase_add_loop_test(t, only_modern_tls_is_spoken, 0, sizeof spoken / sizeof *spoken);
    suite_add_tcase(s, t);
    return s;
}

UNIT(test_security_tls_suite)
