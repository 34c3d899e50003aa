/* tests/unit/smtp/test_mx.c -- where mail for a domain goes, from DNS data kept here. */
#include "gateway/smtp/mx.h"

#include <stdio.h>
#include <string.h>

#include "unit/unit.h"

static const char *const zone[] = {
    "plain.test. IN MX 10 a.test.",
    "a.test. IN A 192.0.2.1",
    "b.test. IN A 192.0.2.2",
    "b.test. IN AAAA 2001:db8::2",
    "c.test. IN AAAA 2001:db8::3",
    "order.test. IN MX 30 c.test.",
    "order.test. IN MX 10 a.test.",
    "order.test. IN MX 20 b.test.",
    "equal.test. IN MX 10 a.test.",
    "equal.test. IN MX 10 c.test.",
    "equal.test. IN MX 5 d.test.",
    "d.test. IN A 192.0.2.4",
    "implicit.test. IN A 192.0.2.5",
    "implicit.test. IN AAAA 2001:db8::5",
    "null.test. IN MX 0 .",
    "nullish.test. IN MX 0 .",
    "nullish.test. IN MX 10 a.test.",
    "text.test. IN TXT \"no mail here\"",
    "dead.test. IN MX 10 nowhere.test.",
    "dead.test. IN MX 20 text.test.",
    "half.test. IN MX 10 nowhere.test.",
    "half.test. IN MX 20 a.test.",
    "soft.test. IN MX 10 x.tempfail.test.",
    "softhalf.test. IN MX 10 x.tempfail.test.",
    "softhalf.test. IN MX 20 a.test.",
    "twice.test. IN MX 10 a.test.",
    "twice.test. IN MX 20 same.test.",
    "twice.test. IN MX 30 b.test.",
    "same.test. IN A 192.0.2.1",
    "we1.test. IN MX 10 a.test.",
    "we1.test. IN MX 20 self.test.",
    "we1.test. IN MX 20 b.test.",
    "we1.test. IN MX 30 c.test.",
    "we2.test. IN MX 10 self.test.",
    "we2.test. IN MX 20 a.test.",
    "we3.test. IN MX 10 a.test.",
    "we3.test. IN MX 10 self.test.",
    "we4.test. IN MX 10 nowhere.test.",
    "we4.test. IN MX 20 self.test.",
    "we5.test. IN MX 10 x.tempfail.test.",
    "we5.test. IN MX 20 self.test.",
    "self.test. IN A 192.0.2.99",
    "nobody.test. IN MX 10 zero.test.",
    "zero.test. IN A 0.0.0.0",
    "zero.test. IN A 0.1.2.3",
    "zero.test. IN A 224.0.0.1",
    "zero.test. IN A 255.255.255.255",
    "zero.test. IN AAAA ::",
    "zero.test. IN AAAA ::ffff:192.0.2.1",
    "zero.test. IN AAAA ::192.0.2.1",
    "zero.test. IN AAAA ff02::1",
    "somebody.test. IN A 0.0.0.0",
    "somebody.test. IN A 127.0.0.2",
    "somebody.test. IN AAAA ::",
    "somebody.test. IN AAAA ::1",
    NULL,
};

static struct loop *loop;
static struct dns *dns;
static struct mx_ask *ask;
static char got[2000];
static int calls;
static bool cancel_inside;

static bool is_self(void *arg, const struct smtp_target *t)
{
    char addr[64];
    ck_assert_ptr_eq(arg, &loop);
    return strcmp(endpoint_text(&t->at, false, addr), "192.0.2.99") == 0;
}

static void on_targets(void *arg, const struct smtp_target *t, size_t n, const struct why *w)
{
    size_t at = 0;
    calls++;
    ck_assert_ptr_eq(arg, got);
    ck_assert_int_eq(n == 0, w != NULL);
    ck_assert_uint_le(n, MX_TARGETS_MAX);
    got[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        char addr[64];
        at += (size_t)snprintf(got + at, sizeof got - at, "%s=%s ", t[i].name,
                               endpoint_text(&t[i].at, true, addr));
    }
    if (n == 0)
        snprintf(got, sizeof got, "%c%d/%s %s", why_is_temp(w) ? 't' : 'p', why_smtp(w), why_enh(w),
                 w->text);
    if (cancel_inside)
        mx_cancel(&ask);
    ck_assert(!cancel_inside || ask == NULL);
    ask = NULL;
}

static void setup(void)
{
    struct dns_set set = {.local = zone};
    loop = loop_new();
    dns = dns_new(loop, &set);
}

static void teardown(void)
{
    dns_free(&dns);
    loop_free(&loop);
}

static const char *answer(void)
{
    int before = calls;
    while (calls == before)
        (void)loop_turn(loop, true);
    ck_assert_int_eq(calls, before + 1);
    return got;
}

static struct mx_set settings(bool self)
{
    return (struct mx_set){
        .loop = loop, .dns = dns, .port = 2525, .is_self = self ? is_self : NULL, .arg = &loop};
}

static const char *find(const char *domain)
{
    struct mx_set set = settings(true);
    ask = mx_find(&set, domain, on_targets, got);
    return answer();
}

START_TEST(domains)
{
    static const struct {
        const char *domain, *want;
    } c[] = {
        {"plain.test", "a.test=192.0.2.1:2525 "},
        {"PLAIN.test", "a.test=192.0.2.1:2525 "},
        {"order.test", "a.test=192.0.2.1:2525 b.test=[2001:db8::2]:2525 b.test=192.0.2.2:2525 "
                       "c.test=[2001:db8::3]:2525 "},
        {"implicit.test", "implicit.test=[2001:db8::5]:2525 implicit.test=192.0.2.5:2525 "},
        {"null.test", "p556/5.1.10 'null.test' accepts no mail (null MX)"},
        {"nullish.test", "a.test=192.0.2.1:2525 "},
        {"nosuch.test", "p550/5.1.2 Host 'nosuch.test' unknown"},
        {"text.test", "p550/5.1.2 Host 'text.test' unknown"},
        {"tempfail.test", "t451/4.4.3 cannot look up 'tempfail.test' now: the name service fails"},
        {"dead.test", "p550/5.4.4 no mail exchanger of 'dead.test' has an address (nowhere.test)"},
        {"half.test", "a.test=192.0.2.1:2525 "},
        {"soft.test", "t451/4.4.3 cannot look up the addresses of 'x.tempfail.test' now"},
        {"softhalf.test", "a.test=192.0.2.1:2525 "},
        {"twice.test", "a.test=192.0.2.1:2525 b.test=[2001:db8::2]:2525 b.test=192.0.2.2:2525 "},
        {"we1.test", "a.test=192.0.2.1:2525 "},
        {"we2.test", "p554/5.4.6 mail for 'we2.test' loops back to this host: it is its own best "
                     "mail exchanger"},
        {"we3.test", "p554/5.4.6 mail for 'we3.test' loops back to this host: it is its own best "
                     "mail exchanger"},
        {"we4.test", "p550/5.4.4 no mail exchanger of 'we4.test' has an address (nowhere.test)"},
        {"we5.test", "t451/4.4.3 cannot look up the addresses of 'x.tempfail.test' now"},
        {"self.test", "p554/5.4.6 mail for 'self.test' loops back to this host: it is its own best "
                      "mail exchanger"},
        {"nobody.test", "p550/5.4.4 no mail exchanger of 'nobody.test' has an address (zero.test)"},
        {"zero.test", "p550/5.1.2 Host 'zero.test' unknown"},
        {"somebody.test", "somebody.test=[::1]:2525 somebody.test=127.0.0.2:2525 "},
        {"[0.0.0.0]", "p550/5.1.2 '[0.0.0.0]' is no mail domain and no address"},
        {"[IPv6:::]", "p550/5.1.2 '[IPv6:::]' is no mail domain and no address"},
        {"[192.0.2.7]", "[192.0.2.7]=192.0.2.7:2525 "},
        {"[IPv6:2001:db8::7]", "[IPv6:2001:db8::7]=[2001:db8::7]:2525 "},
        {"[192.0.2.99]", "p554/5.4.6 mail for '[192.0.2.99]' loops back to this host"},
        {"[192.0.2.700]", "p550/5.1.2 '[192.0.2.700]' is no mail domain and no address"},
        {"[]", "p550/5.1.2 '[]' is no mail domain and no address"},
        {"", "p550/5.1.2 '' is no mail domain and no address"},
        {"192.0.2.7", "p550/5.1.2 Host '192.0.2.7' unknown"},
    };
    for (size_t i = 0; i < sizeof c / sizeof *c; i++)
        ck_assert_msg(strcmp(find(c[i].domain), c[i].want) == 0, "%s: got %s, want %s", c[i].domain,
                      got, c[i].want);
}
END_TEST

START_TEST(self_is_not_asked_without_a_judge)
{
    struct mx_set set = settings(false);
    ask = mx_find(&set, "we2.test", on_targets, got);
    ck_assert_str_eq(answer(), "self.test=192.0.2.99:2525 a.test=192.0.2.1:2525 ");
    set.port = 0;
    ask = mx_find(&set, "plain.test", on_targets, got);
    ck_assert_str_eq(answer(), "a.test=192.0.2.1:25 ");
}
END_TEST

/* Equal preferences share the load: both orders are seen, the better one always comes first. */
START_TEST(equals_are_shuffled)
{
    int first_a = 0, first_c = 0;
    for (int i = 0; i < 200; i++) {
        find("equal.test");
        ck_assert_msg(strncmp(got, "d.test=", 7) == 0, "%s", got);
        first_a += strstr(got, "a.test") < strstr(got, "c.test");
        first_c += strstr(got, "a.test") > strstr(got, "c.test");
    }
    ck_assert_msg(first_a > 50 && first_c > 50, "%d %d", first_a, first_c);
}
END_TEST

START_TEST(hosts_of_the_configuration)
{
    static const struct {
        const char *host;
        uint16_t port;
        const char *want;
    } c[] = {
        {"b.test", 587, "b.test=[2001:db8::2]:587 b.test=192.0.2.2:587 "},
        {"b.test", 0, "b.test=[2001:db8::2]:25 b.test=192.0.2.2:25 "},
        {"self.test", 0, "self.test=192.0.2.99:25 "}, /* our words are taken */
        {"plain.test", 25,
         "t451/4.4.4 Host 'plain.test', named in the configuration, unknown"}, /* no MX */
        {"nosuch.test", 25, "t451/4.4.4 Host 'nosuch.test', named in the configuration, unknown"},
        {"x.tempfail.test", 25, "t451/4.4.3 cannot look up the addresses of 'x.tempfail.test' now"},
        {"127.0.0.1", 2500, "127.0.0.1=127.0.0.1:2500 "},
        {"[127.0.0.1]", 2500, "[127.0.0.1]=127.0.0.1:2500 "},
        {"::1", 2500, "::1=[::1]:2500 "},
        {"[::1]", 2500, "[::1]=[::1]:2500 "},
        {"[IPv6:::1]", 2500, "[IPv6:::1]=[::1]:2500 "},
    };
    struct mx_set set = settings(true);
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        ask = mx_host(&set, c[i].host, c[i].port, on_targets, got);
        ck_assert_msg(strcmp(answer(), c[i].want) == 0, "%s: got %s, want %s", c[i].host, got,
                      c[i].want);
    }
}
END_TEST

/* Far more exchanges and addresses than we try. */
START_TEST(bounded)
{
    static char text[400][64];
    static const char *local[401];
    for (int i = 0; i < 40; i++) {
        snprintf(text[i], 64, "many.test. IN MX %d h%d.test.", i, i);
        for (int j = 0; j < 9; j++)
            snprintf(text[40 + i * 9 + j], 64, "h%d.test. IN A 10.0.%d.%d", i, i, j);
    }
    for (int i = 0; i < 400; i++)
        local[i] = text[i];
    struct dns_set set = {.local = local};
    dns_free(&dns);
    dns = dns_new(loop, &set);
    find("many.test");
    size_t n = 0;
    for (const char *p = got; (p = strchr(p, '=')) != NULL; p++)
        n++;
    ck_assert_uint_eq(n, MX_TARGETS_MAX);
    ck_assert_msg(strncmp(got, "h0.test=10.0.0.", 15) == 0 && strstr(got, "h2.test=") != NULL, "%s",
                  got);
}
END_TEST

START_TEST(cancelled)
{
    struct mx_set set = settings(true);
    static const char *const name[] = {"order.test", "[192.0.2.7]", "nosuch.test", "tempfail.test"};
    for (size_t i = 0; i < 4; i++) {
        for (int turns = 0; turns < 6; turns++) { /* before, between and at the look-ups */
            int before = calls;
            ask = mx_find(&set, name[i], on_targets, got);
            ck_assert_int_eq(calls, before);
            for (int k = 0; k < turns && calls == before; k++)
                (void)loop_turn(loop, true);
            if (calls > before)
                continue; /* it is gone already */
            mx_cancel(&ask);
            ck_assert_ptr_null(ask);
            for (int k = 0; k < 20; k++)
                (void)loop_turn(loop, false);
            ck_assert_int_eq(calls, before);
        }
    }
    mx_cancel(&ask);
    cancel_inside = true;
    find("plain.test");
    find("[192.0.2.7]");
    cancel_inside = false;
}
END_TEST

static Suite *make_suite(void)
{
    Suite *s = suite_create("smtp/mx");
    TCase *t = tcase_create("mx");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, domains);
    tcase_add_test(t, self_is_not_asked_without_a_judge);
    tcase_add_test(t, equals_are_shuffled);
    tcase_add_test(t, hosts_of_the_configuration);
    tcase_add_test(t, bounded);
    tcase_add_test(t, cancelled);
    suite_add_tcase(s, t);
    return s;
}
UNIT(make_suite)
