/* tests/unit/smtp/test_limits.c -- the ledger of clients, and the header of load balancers */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "gateway/smtp/limits.h"
#include "gateway/smtp/proxy.h"
#include "unit/unit.h"

static const uint8_t one[16] = {1}, two[16] = {2};

START_TEST(test_rate)
{
    struct ledger *l = ledger_new(10);
    struct smtpd_rate r = {3, 60000};
    struct mono now = {1000000000};
    for (int i = 0; i < 3; i++)
        ck_assert(ledger_take(l, one, SMTPD_MESSAGES, r, now));
    ck_assert(!ledger_take(l, one, SMTPD_MESSAGES, r, now));
    ck_assert(ledger_take(l, two, SMTPD_MESSAGES, r, now));
    ck_assert(ledger_take(l, one, SMTPD_RECIPIENTS, r, now));
    now.us += 19999000; /* a third of the time allows one more */
    ck_assert(!ledger_take(l, one, SMTPD_MESSAGES, r, now));
    now.us += 1001000;
    ck_assert(ledger_take(l, one, SMTPD_MESSAGES, r, now));
    ck_assert(!ledger_take(l, one, SMTPD_MESSAGES, r, now));
    now.us += 3600000000;
    for (int i = 0; i < 3; i++)
        ck_assert(ledger_take(l, one, SMTPD_MESSAGES, r, now));
    ck_assert(!ledger_take(l, one, SMTPD_MESSAGES, r, now));
    ck_assert(ledger_take(l, one, SMTPD_MESSAGES, (struct smtpd_rate){0, 0}, now));
    ledger_free(&l);
}
END_TEST

START_TEST(test_over)
{
    struct ledger *l = ledger_new(10);
    struct smtpd_rate r = {1000, 10000};
    struct mono now = {5};
    ck_assert(!ledger_over(l, one, SMTPD_BYTES, r, now));
    ledger_add(l, one, SMTPD_BYTES, 1000, r, now);
    ck_assert(!ledger_over(l, one, SMTPD_BYTES, r, now));
    ledger_add(l, one, SMTPD_BYTES, 1, r, now);
    ck_assert(ledger_over(l, one, SMTPD_BYTES, r, now));
    ledger_add(l, one, SMTPD_BYTES, UINT64_MAX, r, now); /* not for ever */
    now.us += 10000001;
    ck_assert(!ledger_over(l, one, SMTPD_BYTES, r, now));
    ledger_free(&l);
}
END_TEST

START_TEST(test_bounded)
{
    struct ledger *l = ledger_new(100);
    struct smtpd_rate r = {1, 1000};
    struct mono now = {0};
    uint8_t client[16] = {0};
    ck_assert(ledger_take(l, one, SMTPD_ERRORS, r, now));
    for (unsigned i = 0; i < 1000; i++) {
        client[1] = (uint8_t)(i >> 8), client[2] = (uint8_t)i, client[3] = 1;
        ck_assert(ledger_take(l, client, SMTPD_ERRORS, r, now));
        ck_assert(!ledger_take(l, client, SMTPD_ERRORS, r, now));
    }
    ck_assert_uint_eq(ledger_clients(l), 100);
    ck_assert(ledger_take(l, one, SMTPD_ERRORS, r, now)); /* forgotten */
    ledger_free(&l);
}
END_TEST

#define MARK "\r\n\r\n\0\r\nQUIT\n"
static const struct {
    struct str in;
    const char *peer; /* NULL: no header; "": it stays */
} headers[] = {
    {STR("PROXY TCP4 192.0.2.1 198.51.100.2 4711 25\r\n"), "192.0.2.1:4711 198.51.100.2:25"},
    {STR("PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n"), "[2001:db8::1]:1 [2001:db8::2]:65535"},
    {STR("PROXY UNKNOWN\r\n"), ""},
    {STR("PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n"), ""},
    {STR(MARK "\x21\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\2\x12\x67\0\x19"),
     "192.0.2.1:4711 198.51.100.2:25"},
    {STR(MARK "\x21\x11\0\x0f\xc0\0\2\1\xc6\x33\x64\2\x12\x67\0\x19\4\0\0"),
     "192.0.2.1:4711 198.51.100.2:25"},
    {STR(MARK "\x21\x21\0\x24\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0"
              "\0\0\2"
              "\0\1\xff\xff"),
     "[2001:db8::1]:1 [2001:db8::2]:65535"},
    {STR(MARK "\x20\0\0\0"), ""},
    {STR(MARK "\x21\x31\0\2xx"), ""}, /* a socket in the file system */
    {STR("PROXY TCP4 192.0.2.1 198.51.100.2 4711 65536\r\n"), NULL},
    {STR("PROXY TCP4 192.0.2.1 198.51.100.2 4711\r\n"), NULL},
    {STR("PROXY TCP4 192.0.2.1 198.51.100.2 4711 25 x\r\n"), NULL},
    {STR("PROXY TCP4  192.0.2.1 198.51.100.2 4711 25\r\n"), NULL},
    {STR("PROXY TCP4 192.0.2.1 ::1 4711 25\r\n"), NULL},
    {STR("PROXY TCP4 192.0.2.1 198.51.100.2 4711 25\n"), NULL},
    {STR("proxy UNKNOWN\r\n"), NULL},
    {STR("EHLO c\r\n"), NULL},
    {STR("\r\n"), NULL},
    {STR(MARK "\x31\x11\0\0"), NULL},
    {STR(MARK "\x22\x11\0\0"), NULL},
    {STR(MARK "\x21\x11\0\x0b\xc0\0\2\1\xc6\x33\x64\2\x12\x67\0"), NULL},
    {STR(MARK "\x21\x11\xff\xff"), NULL},
};

START_TEST(test_proxy)
{
    struct str in = headers[_i].in;
    struct why w;
    union endpoint peer = {.in4 = {.sin_family = AF_INET}}, local = peer;
    char a[64], b[64], got[160] = "";
    int rc = 0;
    for (size_t n = 0; n <= in.n && rc == 0; n++) { /* byte by byte */
        rc = proxy_read(str_sub(in, 0, n), &peer, &local, &w);
        if (rc > 0)
            ck_assert_uint_eq((size_t)rc, in.n);
    }
    if (headers[_i].peer == NULL) {
        ck_assert(rc < 0 || (rc == 0 && in.n < 4));
        return;
    }
    ck_assert_int_eq(rc, (int)in.n);
    snprintf(got, sizeof got, "%s %s", endpoint_text(&peer, true, a),
             endpoint_text(&local, true, b));
    ck_assert_str_eq(got, headers[_i].peer[0] != '\0' ? headers[_i].peer : "0.0.0.0:0 0.0.0.0:0");
}
END_TEST

START_TEST(test_proxy_endless)
{
    char line[200];
    struct why w;
    union endpoint peer, local;
    memset(line, 'x', sizeof line);
    memcpy(line, "PROXY ", 6);
    ck_assert_int_eq(proxy_read((struct str){line, 106}, &peer, &local, &w), 0);
    ck_assert_int_lt(proxy_read((struct str){line, 107}, &peer, &local, &w), 0);
}
END_TEST

static Suite *test_limits_suite(void)
{
    Suite *s = suite_create("limits");
    TCase *t = tcase_create("limits");
    tcase_add_test(t, test_rate);
    tcase_add_test(t, test_over);
    tcase_add_test(t, test_bounded);
    tcase_add_loop_test(t, test_proxy, 0, sizeof headers / sizeof *headers);
    tcase_add_test(t, test_proxy_endless);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_limits_suite)
