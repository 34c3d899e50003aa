/* tests/unit/base/test_tls.c -- TLS on streams, with certificates made here. */
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/stream.h"
#include "unit/unit.h"

/* One side of the conversation. */
struct side {
    struct stream *s;
    char trace[200];
    char input[300000];
    size_t n;
    bool starttls; /* a server that answers "STARTTLS" with "220" and TLS */
};

static struct loop *loop;
static struct side us, them;
static SSL_CTX *server_ctx, *client_ctx;

static void on_event(struct stream *s, enum stream_event ev, void *arg)
{
    static const char letter[] = "OSDdTEF";
    struct side *side = arg;
    size_t n = strlen(side->trace);
    /* Runs of D and d say nothing here. */
    bool counts = n + 1 < sizeof side->trace && ev != STREAM_DRAINED &&
                  (ev != STREAM_DATA || n == 0 || side->trace[n - 1] != 'D');
    if (counts)
        side->trace[n] = letter[ev];
    if (ev != STREAM_DATA)
        return;
    struct cur c = stream_in(s);
    size_t take = cur_left(&c);
    ck_assert_uint_le(side->n + take, sizeof side->input);
    cur_copy(&c, side->input + side->n, take);
    side->n += take;
    struct why w;
    if (side->starttls && side->n >= 8 && memcmp(side->input, "STARTTLS", 8) == 0) {
        side->starttls = false;
        side->n = 0;
        stream_puts(s, STR("220"));
        ck_assert_int_eq(stream_secure(s, server_ctx, true, NULL, &w), OK);
    } else {
        stream_take(s, take);
    }
}

static X509 *self_signed(EVP_PKEY *key, const char *names)
{
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -86400);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_set_pubkey(x, key);
    X509_NAME *name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"test", -1, -1, 0);
    X509_set_issuer_name(x, name);
    X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    ck_assert_ptr_nonnull(san);
    X509_add_ext(x, san, -1);
    X509_EXTENSION_free(san);
    ck_assert_int_gt(X509_sign(x, key, EVP_sha256()), 0);
    return x;
}

static void set_up(void)
{
    int fd[2];
    clock_fake(true);
    loop = loop_new();
    memset(&us, 0, sizeof us);
    memset(&them, 0, sizeof them);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    us.s = stream_new(loop, fd[0], on_event, &us);
    them.s = stream_new(loop, fd[1], on_event, &them);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = self_signed(key, "DNS:mx.example,IP:192.0.2.1");
    server_ctx = SSL_CTX_new(TLS_server_method());
    client_ctx = SSL_CTX_new(TLS_client_method());
    ck_assert_int_eq(SSL_CTX_use_certificate(server_ctx, cert), 1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey(server_ctx, key), 1);
    ck_assert_int_eq(X509_STORE_add_cert(SSL_CTX_get_cert_store(client_ctx), cert), 1);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void tear_down(void)
{
    stream_free(&us.s);
    stream_free(&them.s);
    loop_free(&loop);
    SSL_CTX_free(server_ctx);
    SSL_CTX_free(client_ctx);
    clock_fake(false);
}

static void settle(void)
{
    for (int quiet = 0; quiet < 3;)
        quiet = loop_turn(loop, false) ? 0 : quiet + 1;
}

static void secure_both(const char *name)
{
    struct why w;
    ck_assert_int_eq(stream_secure(us.s, client_ctx, false, name, &w), OK);
    ck_assert_int_eq(stream_secure(them.s, server_ctx, true, NULL, &w), OK);
    settle();
}

START_TEST(handshake_and_talk)
{
    ck_assert_str_eq(stream_tls_facts(us.s), "");
    secure_both(NULL);
    ck_assert_str_eq(us.trace, "S");
    ck_assert_str_eq(them.trace, "S");
    ck_assert(stream_is_secure(us.s) && stream_is_secure(them.s));
    ck_assert_ptr_nonnull(strstr(stream_tls_facts(us.s), "TLSv1.3 TLS_"));
    stream_puts(us.s, STR("hello"));
    settle();
    ck_assert_uint_eq(them.n, 5);
    stream_puts(them.s, STR("bye"));
    stream_finish(&them.s);
    settle();
    ck_assert_uint_eq(us.n, 3);
    ck_assert_str_eq(us.trace, "SDE");
    stream_finish(&us.s);
    settle();
}
END_TEST

START_TEST(tls_1_2_as_well)
{
    SSL_CTX_set_max_proto_version(client_ctx, TLS1_2_VERSION);
    secure_both("mx.example");
    ck_assert_str_eq(us.trace, "S");
    ck_assert_ptr_nonnull(strstr(stream_tls_facts(them.s), "TLSv1.2 "));
}
END_TEST

/* More than the socket takes, more than a record, more than the read limit. */
START_TEST(bulk_under_backpressure)
{
    static char big[250000];
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)(i % 249);
    secure_both(NULL);
    stream_limit(them.s, 5000);
    stream_put(us.s, big, sizeof big);
    stream_hold(them.s, true);
    settle();
    ck_assert_uint_eq(them.n, 0);
    stream_hold(them.s, false);
    settle();
    ck_assert_uint_eq(them.n, sizeof big);
    ck_assert_int_eq(memcmp(them.input, big, sizeof big), 0);
    ck_assert_uint_eq(stream_queued(us.s), 0);
}
END_TEST

/* One record larger than the limit: what OpenSSL keeps back no descriptor event announces. */
static void keep(struct stream *s, enum stream_event ev, void *arg)
{
    (void)s;
    if (ev == STREAM_DATA)
        *(int *)arg += 1;
}

START_TEST(input_inside_openssl_is_not_forgotten)
{
    int events = 0;
    secure_both(NULL);
    stream_limit(them.s, 100);
    stream_owner(them.s, keep, &events);
    char text[1000];
    memset(text, 'r', sizeof text);
    stream_put(us.s, text, sizeof text);
    settle();
    for (size_t got = 0; got < sizeof text;) {
        struct cur c = stream_in(them.s);
        size_t n = cur_left(&c);
        ck_assert_uint_gt(n, 0);
        ck_assert_uint_le(n, 100);
        got += n;
        stream_take(them.s, n);
        settle();
    }
    ck_assert_int_ge(events, 10);
}
END_TEST

START_TEST(starttls_discards_what_was_slipped_in)
{
    them.starttls = true;
    stream_puts(us.s, STR("STARTTLS\r\nMAIL FROM:<evil>"));
    settle();
    ck_assert_uint_eq(us.n, 3);
    ck_assert_int_eq(memcmp(us.input, "220", 3), 0);
    struct cur c = stream_in(them.s);
    ck_assert_uint_eq(cur_left(&c), 0);
    struct why w;
    ck_assert_int_eq(stream_secure(us.s, client_ctx, false, "mx.example", &w), OK);
    stream_puts(us.s, STR("EHLO")); /* put before the handshake is done: goes inside TLS */
    settle();
    ck_assert_str_eq(us.trace, "DS");
    ck_assert_uint_eq(them.n, 4);
    ck_assert_int_eq(memcmp(them.input, "EHLO", 4), 0);
}
END_TEST

START_TEST(plain_output_goes_before_the_handshake)
{
    static char big[300000]; /* more than the socket takes at once */
    memset(big, 'p', sizeof big);
    struct why w;
    stream_hold(us.s, true);
    stream_put(them.s, big, sizeof big - 1000);
    ck_assert_int_eq(stream_secure(them.s, server_ctx, true, NULL, &w), OK);
    stream_puts(them.s, STR("inside"));
    settle();
    stream_hold(us.s, false);
    settle();
    ck_assert_uint_eq(us.n, sizeof big - 1000);
    us.n = 0;
    ck_assert_int_eq(stream_secure(us.s, client_ctx, false, NULL, &w), OK);
    settle();
    ck_assert_uint_eq(us.n, 6);
    ck_assert_int_eq(memcmp(us.input, "inside", 6), 0);
}
END_TEST

static const struct {
    const char *name, *complaint; /* NULL: taken */
} names[] = {
    {"mx.example", NULL},         {"MX.example.", NULL},
    {"192.0.2.1", NULL},          {"other.example", "not trusted"},
    {"192.0.2.2", "not trusted"},
};

START_TEST(certificates_are_compared_with_the_name)
{
    SSL_CTX_set_verify(client_ctx, SSL_VERIFY_PEER, NULL);
    secure_both(names[_i].name);
    if (names[_i].complaint == NULL) {
        ck_assert_str_eq(us.trace, "S");
        return;
    }
    ck_assert_str_eq(us.trace, "F");
    ck_assert_ptr_nonnull(strstr(stream_why(us.s)->text, names[_i].complaint));
    ck_assert_str_eq(why_enh(stream_why(us.s)), "4.7.5");
    ck_assert(strchr(them.trace, 'F') != NULL || strchr(them.trace, 'E') != NULL);
}
END_TEST

START_TEST(unknown_issuers_fail_when_verified)
{
    SSL_CTX_set_verify(client_ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_store(client_ctx, X509_STORE_new());
    secure_both("mx.example");
    ck_assert_str_eq(us.trace, "F");
    ck_assert_ptr_nonnull(strstr(stream_why(us.s)->text, "self-signed"));
}
END_TEST

START_TEST(a_peer_that_speaks_no_tls)
{
    struct why w;
    ck_assert_int_eq(stream_secure(us.s, client_ctx, false, NULL, &w), OK);
    settle();
    stream_puts(them.s, STR("220 what did you say?\r\n"));
    settle();
    ck_assert_str_eq(us.trace, "F");
    ck_assert_ptr_nonnull(strstr(stream_why(us.s)->text, "TLS handshake failed: "));
}
END_TEST

START_TEST(a_peer_that_goes_during_the_handshake)
{
    struct why w;
    ck_assert_int_eq(stream_secure(us.s, client_ctx, false, NULL, &w), OK);
    settle();
    stream_free(&them.s);
    settle();
    ck_assert_str_eq(us.trace, "F");
    ck_assert_int_eq(stream_why(us.s)->err, E_GONE);
    ck_assert_int_lt(stream_secure(us.s, client_ctx, false, NULL, &w), 0);
}
END_TEST

START_TEST(a_handshake_times_out)
{
    struct why w;
    stream_timeout(us.s, 1000);
    ck_assert_int_eq(stream_secure(us.s, client_ctx, false, NULL, &w), OK);
    settle();
    clock_step(1000);
    settle();
    ck_assert_str_eq(us.trace, "T");
}
END_TEST

START_TEST(freed_or_finished_during_the_handshake)
{
    struct why w;
    ck_assert_int_eq(stream_secure(us.s, client_ctx, false, NULL, &w), OK);
    if (_i == 1) { /* the hello is under way, and not to be taken for a command */
        stream_hold(them.s, true);
        settle();
        stream_hold(them.s, false);
    }
    stream_puts(us.s, STR("last"));
    stream_finish(&us.s);
    ck_assert_int_eq(stream_secure(them.s, server_ctx, true, NULL, &w), OK);
    if (_i == 2)
        stream_free(&them.s);
    settle();
    if (_i != 2)
        ck_assert_str_eq(them.trace, "SDE");
    clock_step(30000);
    settle();
}
END_TEST

START_TEST(a_name_that_is_none_is_refused)
{
    char name[400];
    struct why w;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    ck_assert_int_eq(stream_secure(us.s, client_ctx, false, name, &w), E_SYNTAX);
    secure_both(NULL); /* the stream is as before */
    ck_assert_str_eq(us.trace, "S");
}
END_TEST

static Suite *test_tls_suite(void)
{
    Suite *s = suite_create("tls");
    TCase *t = tcase_create("tls");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, handshake_and_talk);
    tcase_add_test(t, tls_1_2_as_well);
    tcase_add_test(t, bulk_under_backpressure);
    tcase_add_test(t, input_inside_openssl_is_not_forgotten);
    tcase_add_test(t, starttls_discards_what_was_slipped_in);
    tcase_add_test(t, plain_output_goes_before_the_handshake);
    tcase_add_loop_test(t, certificates_are_compared_with_the_name, 0,
                        sizeof names / sizeof *names);
    tcase_add_test(t, unknown_issuers_fail_when_verified);
    tcase_add_test(t, a_peer_that_speaks_no_tls);
    tcase_add_test(t, a_peer_that_goes_during_the_handshake);
    tcase_add_test(t, a_handshake_times_out);
    tcase_add_loop_test(t, freed_or_finished_during_the_handshake, 0, 3);
    tcase_add_test(t, a_name_that_is_none_is_refused);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_tls_suite)
