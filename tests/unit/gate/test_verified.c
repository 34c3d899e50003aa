/* tests/unit/gate/test_verified.c -- what is said about a sender, by the results in a header. */
#include "gateway/gate/filter.h"
#include "gateway/gate/verified.h"
#include "unit/unit.h"

#define AR "Authentication-Results: gw.example.com"

struct verified_case {
    const char *header, *says;
};
static const struct verified_case cases[] = {
    {"", "not known"},
    {AR "; dkim=pass header.d=a.example", "yes (a.example: DKIM)"},
    {AR ";\r\n\tdkim=pass (2048-bit key; unprotected) header.d=a.example header.i=@a.example\r\n",
     "yes (a.example: DKIM)"},
    {AR " 1; spf=pass smtp.mailfrom=joe@mail.a.example; dkim=none", "yes (a.example: SPF)"},
    {AR "; dmarc=pass (p=reject dis=none) header.from=a.example; spf=fail",
     "yes (a.example: DMARC)"},
    {AR "; dkim=pass header.d=evil.example", "no (nothing vouches for it)"},
    {AR "; dkim=pass header.d=xa.example", "no (nothing vouches for it)"},
    {AR "; dkim=pass header.d=example", "no (nothing vouches for it)"},
    {AR "; dkim=fail header.d=a.example; dkim=pass header.d=a.example", "yes (a.example: DKIM)"},
    {AR "; dmarc=fail header.from=a.example; spf=pass smtp.mailfrom=a.example", "NO (DMARC fail)"},
    {AR "; none", "not known"},
    {AR "; dkim=fail reason=\"x; dkim=pass header.d=a.example\" header.d=a.example",
     "no (nothing vouches for it)"},
    {AR "; dkim=fail (x; dkim=pass header.d=a.example) header.d=a.example",
     "no (nothing vouches for it)"},
    {"Authentication-Results: mx.other.example; dkim=pass header.d=a.example", "not known"},
    {"Authentication-Results: gw.example.com.evil.example; dkim=pass header.d=a.example",
     "not known"},
    {"Authentication-Results: (gw) ALT.example ; dkim=pass header.d=a.example",
     "yes (a.example: DKIM)"},
    {"Received-SPF: pass (good) receiver=gw.example.com; envelope-from=\"joe@a.example\";",
     "yes (a.example: SPF)"},
    {"Received-SPF: pass receiver=other.example; envelope-from=joe@a.example;", "not known"},
    {"Received-SPF: pass receiver=gw.example.com; envelope-from=joe@b.example;",
     "no (nothing vouches for it)"},
};

START_TEST(test_verified)
{
    const struct verified_case *c = &cases[_i];
    struct str alt[] = {STR("alt.example")};
    struct gate g = {.names = {.hostname = STR("gw.example.com"), .alt = alt, .nalt = 1}};
    struct arena *a = arena_new(1 << 20);
    struct hdr h;
    struct why w;
    struct str text = arena_printf(a, "%s\r\nSubject: x\r\n\r\n", c->header);
    if (c->header[0] == '\0')
        text = STR("Subject: x\r\n\r\n");
    ck_assert_int_eq(hdr_parse(a, text, &h, &w), 0);
    struct str says = verified_text(&g, a, &h, STR("a.example"));
    ck_assert_msg(str_eq(says, str_of(c->says)), "%s: %.*s, not %s", c->header, STR_ARG(says),
                  c->says);
    arena_free(&a);
}
END_TEST

static Suite *test_verified_suite(void)
{
    Suite *s = suite_create("verified");
    TCase *t = tcase_create("verified");
    tcase_add_loop_test(t, test_verified, 0, sizeof cases / sizeof cases[0]);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_verified_suite)
