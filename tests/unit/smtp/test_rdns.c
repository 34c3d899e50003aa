/* tests/unit/smtp/test_rdns.c -- names of clients, on local DNS data. */
#include <arpa/inet.h>
#include <string.h>

#include "gateway/smtp/rdns.h"
#include "unit/unit.h"

static struct loop *loop;
static struct dns *dns;
static struct rdns *look;
static struct rdns_result got;
static int calls;

static void set_up(void)
{
    static const char *const local[] = {
        "7.2.0.192.in-addr.arpa. IN PTR mx.test.",
        "mx.test. IN A 192.0.2.7",
        "mx.test. IN AAAA 2001:db8::7",
        "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. IN PTR mx.test.",
        "8.2.0.192.in-addr.arpa. IN PTR mx.test.",
        "9.2.0.192.in-addr.arpa. IN PTR lost.test.",
        "10.2.0.192.in-addr.arpa. IN PTR x.tempfail.test.",
        "11.2.0.192.in-addr.arpa. IN PTR a\\(b.test.",
        "mail.test. IN MX 5 mx.test.",
        "six.test. IN AAAA 2001:db8::9",
        NULL,
    };
    struct dns_set set = {.local = local};
    loop = loop_new();
    dns = dns_new(loop, &set);
    memset(&got, 0, sizeof got);
    calls = 0;
}

static void tear_down(void)
{
    rdns_free(&look);
    dns_free(&dns);
    loop_free(&loop);
}

static void on_result(void *arg, const struct rdns_result *r)
{
    (void)arg;
    got = *r;
    calls++;
    rdns_free(&look);
}

static union endpoint address(const char *text)
{
    union endpoint e;
    struct why w;
    ck_assert_int_eq(endpoint_parse(&e, str_of(text), 25, &w), 0);
    return e;
}

static void wait(void)
{
    ck_assert_int_eq(calls, 0); /* never inside the call */
    while (calls == 0)
        (void)loop_turn(loop, true);
    ck_assert_int_eq(calls, 1);
    calls = 0;
}

static void client(const char *addr, enum rdns_status status, const char *name, const char *ptr)
{
    union endpoint e = address(addr);
    look = rdns_client(dns, &e, on_result, NULL);
    wait();
    ck_assert_msg(got.status == status, "%s: status %d, not %d", addr, got.status, status);
    ck_assert_str_eq(got.name, name);
    ck_assert_str_eq(got.ptr, ptr);
}

START_TEST(names_of_addresses)
{
    client("192.0.2.7", RDNS_CONFIRMED, "mx.test", "mx.test");
    client("[2001:db8::7]", RDNS_CONFIRMED, "mx.test", "mx.test");
    client("[::ffff:192.0.2.7]", RDNS_CONFIRMED, "mx.test", "mx.test");
    client("192.0.2.6", RDNS_NONE, "", "");
    client("192.0.2.8", RDNS_OTHER, "", "mx.test");
    client("192.0.2.9", RDNS_OTHER, "", "lost.test");
    client("192.0.2.10", RDNS_FAILED, "", "x.tempfail.test");
    client("192.0.2.11", RDNS_NONE, "", "");
}
END_TEST

static void helo(const char *name, enum rdns_status status)
{
    union endpoint e = address("192.0.2.7");
    look = rdns_helo(dns, str_of(name), &e, on_result, NULL);
    wait();
    ck_assert_msg(got.status == status, "%s: status %d, not %d", name, got.status, status);
}

START_TEST(names_at_helo)
{
    helo("mx.test", RDNS_CONFIRMED);
    helo("six.test", RDNS_OTHER);
    helo("mail.test", RDNS_OTHER);
    helo("nowhere.test", RDNS_NONE);
    helo("x.tempfail.test", RDNS_FAILED);
}
END_TEST

START_TEST(let_go_half_way)
{
    union endpoint e = address("192.0.2.7");
    look = rdns_client(dns, &e, on_result, NULL);
    rdns_free(&look);
    ck_assert_ptr_null(look);
    for (int i = 0; i < 20; i++)
        (void)loop_turn(loop, false);
    ck_assert_int_eq(calls, 0);
}
END_TEST

START_TEST(literals)
{
    union endpoint e, want = address("192.0.2.7"), mapped = address("[::ffff:192.0.2.7]");
    ck_assert(rdns_literal(STR("[192.0.2.7]"), &e) && rdns_same_address(&e, &want));
    ck_assert(rdns_literal(STR("[IPv6:::ffff:192.0.2.7]"), &e) && rdns_same_address(&e, &want));
    ck_assert(rdns_same_address(&mapped, &want));
    ck_assert(!rdns_literal(STR("192.0.2.7"), &e));
    ck_assert(!rdns_literal(STR("[192.0.2]"), &e));
    ck_assert(!rdns_literal(STR("[IPv6:zz]"), &e));
    ck_assert(!rdns_literal(STR("[]"), &e));
    want = address("[2001:db8::7]");
    ck_assert(!rdns_same_address(&mapped, &want));
}
END_TEST

static Suite *test_rdns_suite(void)
{
    Suite *s = suite_create("rdns");
    TCase *t = tcase_create("rdns");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, names_of_addresses);
    tcase_add_test(t, names_at_helo);
    tcase_add_test(t, let_go_half_way);
    tcase_add_test(t, literals);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_rdns_suite)
