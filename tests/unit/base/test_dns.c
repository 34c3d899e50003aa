/* tests/unit/base/test_dns.c -- look-ups on local data; nothing leaves the machine. */
#include <string.h>

#include "base/dns.h"
#include "unit/unit.h"

static struct loop *loop;
static struct dns *dns;
static struct {
    int calls;
    enum dns_status status;
    bool secure;
    size_t n;
    struct dns_rr rr[8];
    char canon[256];
    uint32_t ttl;
} got;

static void set_up(void)
{
    static const char *const local[] = {
        "many.test. 3600 IN MX 20 b.many.test.",
        "many.test. 3600 IN MX 5 a.many.test.",
        "many.test. 3600 IN MX 100 c.many.test.",
        "back.test. 3600 IN MX 100 c.many.test.",
        "back.test. 3600 IN MX 5 a.many.test.",
        "back.test. 3600 IN MX 20 b.many.test.",
        "null.test. IN MX 0 .",
        "host.test. IN A 192.0.2.7",
        "host.test. IN AAAA 2001:db8::7",
        "only4.test. IN A 192.0.2.8",
        "text.test. IN TXT \"hello\"",
        "7.2.0.192.in-addr.arpa. IN PTR host.test.",
        NULL,
    };
    struct dns_set set = {.local = local};
    loop = loop_new();
    dns = dns_new(loop, &set);
    memset(&got, 0, sizeof got);
}

static void tear_down(void)
{
    dns_free(&dns);
    loop_free(&loop);
}

static void on_reply(const struct dns_reply *r, void *arg)
{
    (void)arg;
    got.calls++;
    got.status = r->status;
    got.secure = r->secure;
    got.n = r->n;
    got.ttl = r->ttl;
    memcpy(got.canon, r->canon, sizeof got.canon);
    for (size_t i = 0; i < r->n && i < 8; i++)
        got.rr[i] = r->rr[i];
}

static void ask(const char *name, enum dns_type type)
{
    int before = got.calls;
    (void)dns_query(dns, name, type, on_reply, NULL);
    ck_assert_int_eq(got.calls, before); /* never inside the call */
    while (got.calls == before)
        (void)loop_turn(loop, true);
    ck_assert_int_eq(got.calls, before + 1);
}

START_TEST(mx_by_preference)
{
    static const char *const names[] = {"many.test", "back.test"};
    ask(names[_i], DNS_MX);
    ck_assert_int_eq(got.status, DNS_FOUND);
    ck_assert_uint_eq(got.n, 3);
    static const char *const want[] = {"a.many.test", "b.many.test", "c.many.test"};
    static const uint16_t pref[] = {5, 20, 100};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_str_eq(got.rr[i].name, want[i]);
        ck_assert_uint_eq(got.rr[i].pref, pref[i]);
    }
    ck_assert_uint_eq(got.ttl, 3600);
    ck_assert_str_eq(got.canon, names[_i]);
    ck_assert(!got.secure);
}
END_TEST

START_TEST(null_mx)
{
    ask("null.test.", DNS_MX);
    ck_assert_int_eq(got.status, DNS_FOUND);
    ck_assert_uint_eq(got.n, 1);
    ck_assert_str_eq(got.rr[0].name, "");
}
END_TEST

START_TEST(addresses_and_names)
{
    ask("host.test", DNS_A);
    ck_assert_int_eq(got.status, DNS_FOUND);
    ck_assert_int_eq(memcmp(got.rr[0].addr, "\xc0\0\x02\x07", 4), 0);
    ask("HOST.test", DNS_AAAA);
    ck_assert_int_eq(memcmp(got.rr[0].addr, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07", 16), 0);
    ask("7.2.0.192.in-addr.arpa", DNS_PTR);
    ck_assert_str_eq(got.rr[0].name, "host.test");
    ask("text.test", DNS_TXT);
    ck_assert_uint_eq(got.n, 1);
}
END_TEST

START_TEST(what_is_not_there)
{
    ask("only4.test", DNS_AAAA);
    ck_assert_int_eq(got.status, DNS_NODATA);
    ck_assert_uint_eq(got.n, 0);
    ask("nowhere.test", DNS_MX);
    ck_assert_int_eq(got.status, DNS_NXDOMAIN);
    ask("www.example.com", DNS_A);
    ck_assert_int_eq(got.status, DNS_NXDOMAIN);
    ask("a..b", DNS_A);
    ck_assert_int_eq(got.status, DNS_NXDOMAIN);
    ask("Tempfail.test", DNS_MX);
    ck_assert_int_eq(got.status, DNS_TEMPORARY);
    ask("x.tempfail.test.", DNS_A);
    ck_assert_int_eq(got.status, DNS_TEMPORARY);
    ask("nottempfail.test", DNS_A);
    ck_assert_int_eq(got.status, DNS_NXDOMAIN);
}
END_TEST

START_TEST(cancelled_is_silent)
{
    struct dns_ask *a = dns_query(dns, "host.test", DNS_A, on_reply, NULL);
    struct dns_ask *b = dns_query(dns, "x.tempfail.test", DNS_A, on_reply, NULL);
    dns_cancel(&a);
    dns_cancel(&b);
    ck_assert_ptr_null(a);
    dns_cancel(&a);
    ask("only4.test", DNS_A); /* its one call is the only one */
    ck_assert_int_eq(got.rr[0].addr[3], 8);
}
END_TEST

START_TEST(open_ones_end_with_the_resolver)
{
    (void)dns_query(dns, "host.test", DNS_A, on_reply, NULL);
    (void)dns_query(dns, "x.tempfail.test", DNS_A, on_reply, NULL);
    dns_free(&dns);
    (void)loop_turn(loop, false);
    ck_assert_int_eq(got.calls, 0);
}
END_TEST

static struct dns_ask *self;

static void on_reply_free_all(const struct dns_reply *r, void *arg)
{
    on_reply(r, arg);
    dns_cancel(&self); /* a pointer the owner has not cleared yet */
    dns_free(&dns);
}

START_TEST(freed_in_a_callback)
{
    self = dns_query(dns, "a.tempfail.test", DNS_A, on_reply_free_all, NULL);
    (void)dns_query(dns, "b.tempfail.test", DNS_A, on_reply_free_all, NULL);
    while (got.calls == 0)
        (void)loop_turn(loop, true);
    (void)loop_turn(loop, false);
    ck_assert_int_eq(got.calls, 1);
    ck_assert_ptr_null(dns);
}
END_TEST

static void on_reply_ask_again(const struct dns_reply *r, void *arg)
{
    on_reply(r, arg);
    if (got.calls < 3)
        (void)dns_query(dns, got.calls == 1 ? "host.test" : "z.tempfail.test", DNS_A,
                        on_reply_ask_again, NULL);
}

START_TEST(asked_in_a_callback)
{
    (void)dns_query(dns, "y.tempfail.test", DNS_A, on_reply_ask_again, NULL);
    while (got.calls < 3)
        (void)loop_turn(loop, true);
    ck_assert_int_eq(got.status, DNS_TEMPORARY);
}
END_TEST

START_TEST(a_set_that_cannot_be_is_temporary)
{
    static const char *const forward[] = {"not an address", NULL};
    struct dns_set set = {.forward = forward};
    dns_free(&dns);
    dns = dns_new(loop, &set);
    ask("host.test", DNS_A);
    ck_assert_int_eq(got.status, DNS_TEMPORARY);
}
END_TEST

static Suite *test_dns_suite(void)
{
    Suite *s = suite_create("dns");
    TCase *t = tcase_create("dns");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, mx_by_preference, 0, 2);
    tcase_add_test(t, null_mx);
    tcase_add_test(t, addresses_and_names);
    tcase_add_test(t, what_is_not_there);
    tcase_add_test(t, cancelled_is_silent);
    tcase_add_test(t, open_ones_end_with_the_resolver);
    tcase_add_test(t, freed_in_a_callback);
    tcase_add_test(t, asked_in_a_callback);
    tcase_add_test(t, a_set_that_cannot_be_is_temporary);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_dns_suite)
