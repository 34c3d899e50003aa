/* tests/unit/base/test_idn.c -- domain names beyond ASCII. */
#include <string.h>

#include "base/idn.h"
#include "unit/unit.h"

static void is(const char *domain, const char *want)
{
    char out[IDN_MAX];
    bool ok = idn_ascii(str_of(domain), out);
    ck_assert_msg(ok == (want != NULL), "%s: %d", domain, ok);
    ck_assert_str_eq(out, want != NULL ? want : "");
}

START_TEST(names)
{
    is("example.org", "example.org");
    is("MIXED.Example.org", "MIXED.Example.org");
    is("a_b.example", "a_b.example");
    is("[192.0.2.1]", "[192.0.2.1]");
    is("", "");
    is("m\xc3\xbcnchen.example", "xn--mnchen-3ya.example");
    is("M\xc3\x9cNCHEN.Example", "xn--mnchen-3ya.example");
    is("mu\xcc\x88nchen.example", "xn--mnchen-3ya.example"); /* not composed */
    is("stra\xc3\x9f"
       "e.example",
       "xn--strae-oqa.example");
    is("\xe4\xbe\x8b\xe3\x81\x88.\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88", "xn--r8jz45g.xn--zckzah");
    is("b\xc3\xbc\x63her..example", NULL); /* a label that is empty */
    is(".b\xc3\xbc\x63her.example", NULL);
    is("b\xc3\xbc\x63her.example.", "xn--bcher-kva.example."); /* the root's */
    is("\xff\xfe.example", NULL);
    is("\xe2\x80\xae\xc3\xbc.example", NULL); /* a direction mark */
}
END_TEST

START_TEST(too_long)
{
    char z[1200], out[IDN_MAX];
    memset(z, 'a', sizeof z);
    ck_assert(!idn_ascii((struct str){z, 256}, out));
    memcpy(z, "\xc3\xbc", 2);
    ck_assert(!idn_ascii((struct str){z, 70}, out));
    ck_assert(!idn_ascii((struct str){z, 1200}, out));
    ck_assert(!idn_ascii((struct str){"a\0b", 3}, out));
}
END_TEST

START_TEST(mailboxes)
{
    char out[512], small[8];
    ck_assert(idn_mailbox(STR("j\xc3\xb6@m\xc3\xbcnchen.example"), out, sizeof out));
    ck_assert_str_eq(out, "j\xc3\xb6@xn--mnchen-3ya.example");
    ck_assert(idn_mailbox(STR("\"a@b\"@x.example"), out, sizeof out));
    ck_assert_str_eq(out, "\"a@b\"@x.example");
    ck_assert(!idn_mailbox(STR("joe@example.org"), small, sizeof small));
}
END_TEST

static void folds(const char *mailbox, const char *want)
{
    char out[64];
    ck_assert(idn_fold(str_of(mailbox), out, sizeof out));
    ck_assert_str_eq(out, want);
}

START_TEST(kept_and_compared)
{
    char out[64], small[20];
    folds("Bob@B\xc3\x9c\x63her.Example", "Bob@xn--bcher-kva.example");
    folds("Bob@XN--bcher-kva.Example", "Bob@xn--bcher-kva.example");
    folds("J\xc3\xb6@X.example", "J\xc3\xb6@x.example");
    folds("@A,@b:X@C.d", "@A,@b:X@c.d");
    folds("NoDomain", "NoDomain");
    folds("B@\xe2\x80\xae\xc3\xbc.Example", "B@\xe2\x80\xae\xc3\xbc.example");
    ck_assert(!idn_fold(STR("bob@twenty.characters"), small, sizeof small));
    ck_assert(!idn_fold((struct str){"a\0b@c", 5}, out, sizeof out));
    ck_assert_str_eq(out, "");
    ck_assert(idn_unfold(STR("Bob@xn--bcher-kva.example"), out, sizeof out));
    ck_assert_str_eq(out, "Bob@b\xc3\xbc\x63her.example");
    ck_assert(!idn_unfold(STR("Bob@bcher.example"), out, sizeof out));
    ck_assert(!idn_unfold(STR("xn--bcher-kva.example"), out, sizeof out));
    ck_assert(!idn_unfold(STR("bob@xn--bcher-kva.ex"), small, sizeof small));
    ck_assert_str_eq(small, "");
}
END_TEST

static Suite *test_idn_suite(void)
{
    Suite *s = suite_create("idn");
    TCase *t = tcase_create("idn");
    tcase_add_test(t, names);
    tcase_add_test(t, too_long);
    tcase_add_test(t, mailboxes);
    tcase_add_test(t, kept_and_compared);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_idn_suite)
