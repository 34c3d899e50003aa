/* tests/unit/smtp/test_sts.c -- MTA-STS on paper (RFC 8461 3 and 4.1), and the answer of a server
 * that has a policy. */
#include <stdio.h>
#include <string.h>

#include "gateway/smtp/httpsget.h"
#include "gateway/smtp/stspolicy.h"
#include "unit/unit.h"

static int record(const char *const *pieces, size_t n, char id[STS_ID_MAX + 1])
{
    struct buf b;
    buf_init(&b, 5000);
    for (size_t i = 0; i < n; i++) {
        buf_u8(&b, (uint8_t)strlen(pieces[i]));
        buf_z(&b, pieces[i]);
    }
    int rc = sts_record(buf_cur(&b), id);
    buf_done(&b);
    return rc;
}

START_TEST(records)
{
    static const struct {
        const char *text;
        int rc;
        const char *id;
    } c[] = {
        {"v=STSv1; id=20160831085700Z;", 1, "20160831085700Z"},
        {"v=STSv1;id=a", 1, "a"},
        {"v=STSv1 ; x=y; id=1; id=2", 1, "1"},
        {"v=STSv1; id=12345678901234567890123456789012", 1, "12345678901234567890123456789012"},
        {"v=STSv1; id=123456789012345678901234567890123", -1, ""},
        {"v=STSv1; id=", -1, ""},
        {"v=STSv1; id=a-b", -1, ""},
        {"v=STSv1;", -1, ""},
        {"v=STSv1", -1, ""},
        {"v=STSv2; id=1", 0, ""},
        {" v=STSv1; id=1", 0, ""},
        {"v=spf1 -all", 0, ""},
        {"", 0, ""},
    };
    char id[STS_ID_MAX + 1];
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        int rc = record(&c[i].text, 1, id);
        ck_assert_msg((rc > 0) - (rc < 0) == c[i].rc && strcmp(id, c[i].id) == 0, "%s: %d %s",
                      c[i].text, rc, id);
    }
    static const char *const pieces[] = {"v=STSv1; i", "d=2016", "0831;"};
    ck_assert_int_eq(record(pieces, 3, id), 1);
    ck_assert_str_eq(id, "20160831");
    ck_assert_int_eq(sts_record(cur_of("\x20v=STSv1; id=1", 13), id), 0); /* cut off */
}
END_TEST

#define GOOD "version: STSv1\nmode: enforce\nmax_age: 604800\nmx: a.test\n"

START_TEST(policies)
{
    static const struct {
        const char *text, *want;
    } c[] = {
        {"version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\n"
         "max_age: 604800\r\n",
         "enforce 604800 mail.example.com *.example.net "},
        {"max_age:1\n\nmx:a\nversion:STSv1\nmode:testing", "testing 1 a "},
        {"version: STSv1\nmode: none\nmax_age: 86400\n", "none 86400 "},
        {GOOD "mode: none\nmax_age: 5\nversion: STSv9\nnew: thing\n", "enforce 604800 a.test "},
        {"version: STSv1\nmode: none\nmax_age: 9999999999\n", "none 31557600 "},
        {"version: STSv1\nmode: none\nmax_age: 99999999999\n", "! max_age: 99999999999"},
        {"version: STSv1\nmode: none\nmax_age: -1\n", "! max_age: -1"},
        {"version: STSv2\nmode: none\nmax_age: 1\n", "! version: STSv2"},
        {"version: STSv1\nmode: Enforce\nmax_age: 1\n", "! mode: Enforce"},
        {"mode: none\nmax_age: 1\n", "! no version"},
        {"version: STSv1\nmax_age: 1\n", "! no mode"},
        {"version: STSv1\nmode: none\n", "! no max_age"},
        {"version: STSv1\nmode: enforce\nmax_age: 1\n", "! no mx"},
        {GOOD "mx: *\n", "! mx: *"},
        {GOOD "mx: a.*.test\n", "! mx: a.*.test"},
        {GOOD "mx: a..test\n", "! mx: a..test"},
        {GOOD "mx:\n", "! mx: "},
        {GOOD "mx: a b\n", "! mx: a b"},
        {"<html>\n", "! a line without a colon"},
        {"", "! no version"},
    };
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        struct sts_policy p;
        struct why w;
        char got[600];
        if (sts_parse(str_of(c[i].text), &p, &w) < 0) {
            snprintf(got, sizeof got, "! %s", w.text);
        } else {
            size_t at = (size_t)snprintf(got, sizeof got, "%s %lld ", sts_mode_name(p.mode),
                                         (long long)p.max_age_s);
            for (size_t k = 0; k < p.nmx; k++)
                at += (size_t)snprintf(got + at, sizeof got - at, "%.*s ", STR_ARG(p.mx[k]));
        }
        ck_assert_msg(strcmp(got, c[i].want) == 0, "%s: got %s, want %s", c[i].text, got,
                      c[i].want);
    }
}
END_TEST

START_TEST(too_many_hosts)
{
    struct sts_policy p;
    struct why w;
    struct buf b;
    buf_init(&b, 10000);
    buf_z(&b, GOOD);
    for (unsigned i = 1; i < STS_MX_MAX; i++)
        buf_printf(&b, "mx: h%u.test\n", i);
    ck_assert_int_eq(sts_parse(buf_text(&b), &p, &w), 0);
    ck_assert_uint_eq(p.nmx, STS_MX_MAX);
    buf_z(&b, "mx: more.test\n");
    ck_assert_int_lt(sts_parse(buf_text(&b), &p, &w), 0);
    buf_done(&b);
}
END_TEST

START_TEST(hosts)
{
    static const struct {
        const char *host;
        bool fits;
    } c[] = {
        {"mail.example.com", true},
        {"MAIL.Example.Com", true},
        {"mail.example.com.", true},
        {"example.com", false},
        {"x.mail.example.com", false},
        {"a.example.net", true},
        {"a.b.example.net", false},
        {"example.net", false},
        {".example.net", false},
        {"aexample.net", false},
        {"", false},
        {"dot.test", true},
        {"*.example.net", true},
    };
    struct sts_policy p;
    struct why w;
    ck_assert_int_eq(
        sts_parse(STR("version: STSv1\nmode: enforce\nmax_age: 1\nmx: mail.example.com\n"
                      "mx: *.Example.net\nmx: dot.test.\n"),
                  &p, &w),
        0);
    for (size_t i = 0; i < sizeof c / sizeof *c; i++)
        ck_assert_msg(sts_allows(&p, c[i].host) == c[i].fits, "%s", c[i].host);
}
END_TEST

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"

/* "+text" the whole text, "." more must come, "!why". */
static const char *reply(struct str in, bool eof)
{
    static char got[300];
    struct buf body;
    struct why w;
    buf_init(&body, 40);
    int rc = https_reply(in, eof, &body, &w);
    if (rc > 0)
        snprintf(got, sizeof got, "+%.*s", STR_ARG(buf_text(&body)));
    else
        snprintf(got, sizeof got, rc == 0 ? "." : "!%s", w.text);
    buf_done(&body);
    return got;
}

START_TEST(replies)
{
    static const struct {
        const char *in, *want; /* of the whole, at its end */
        bool early;            /* it is known without the end */
    } c[] = {
        {OK_HEAD "Content-Length: 5\r\n\r\nhello", "+hello", true},
        {OK_HEAD "Content-Length: 5\r\n\r\nhello and more", "+hello", true},
        {OK_HEAD "content-length: 6\r\n\r\nhello", "!the answer breaks off", false},
        {OK_HEAD "\r\nhello", "+hello", false},
        {OK_HEAD "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", "+hello",
         true},
        {OK_HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nl", "!the answer breaks off",
         false},
        {OK_HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n", "!a bad chunk", true},
        {OK_HEAD "Transfer-Encoding: chunked\r\n\r\n-1\r\nhello\r\n", "!a bad chunk", true},
        {OK_HEAD "Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n", "!a bad chunk", true},
        {OK_HEAD "Transfer-Encoding: chunked\r\n\r\nffffffff\r\n", "!the answer is too long", true},
        {OK_HEAD "Transfer-Encoding: gzip\r\n\r\n", "!Transfer-Encoding gzip", true},
        {OK_HEAD "Content-Length: 41\r\n\r\n", "!the answer is too long", true},
        {OK_HEAD "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", "!a bad Content-Length", true},
        {OK_HEAD "Content-Length: x\r\n\r\n", "!a bad Content-Length", true},
        {"HTTP/1.1 301 Moved\r\nLocation: https://b.test/\r\n\r\n", "!the answer is 301", true},
        {"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nhello", "!the answer is not text/plain",
         true},
        {"HTTP/1.1 200 OK\r\n\r\nhello", "!the answer is not text/plain", true},
        {"HTTP/2 200\r\n\r\n", "!the answer is not HTTP/1", true},
        {"220 mx.test ESMTP\r\n\r\n", "!the answer is not HTTP/1", true},
        {"", "!the answer breaks off", false},
    };
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        struct str in = str_of(c[i].in);
        ck_assert_msg(strcmp(reply(in, true), c[i].want) == 0, "%s: %s", c[i].in, reply(in, true));
        ck_assert_msg(strcmp(reply(in, false), c[i].early ? c[i].want : ".") == 0, "%s: %s",
                      c[i].in, reply(in, false));
    }
    static char big[20000];
    memset(big, 'x', sizeof big);
    ck_assert_str_eq(reply((struct str){big, sizeof big}, false), "!the answer is too long");
    memcpy(big, OK_HEAD "\r\n", sizeof(OK_HEAD "\r\n") - 1);
    ck_assert_str_eq(reply((struct str){big, sizeof(OK_HEAD "\r\n") + 50}, false),
                     "!the answer is too long");
}
END_TEST

static Suite *make_suite(void)
{
    Suite *s = suite_create("smtp/sts");
    TCase *t = tcase_create("sts");
    tcase_add_test(t, records);
    tcase_add_test(t, policies);
    tcase_add_test(t, too_many_hosts);
    tcase_add_test(t, hosts);
    tcase_add_test(t, replies);
    suite_add_tcase(s, t);
    return s;
}
UNIT(make_suite)
