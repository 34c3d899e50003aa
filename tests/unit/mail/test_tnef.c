/* tests/unit/mail/test_tnef.c -- winmail.dat and messages signed as a whole. The streams are the
 * fuzz target's seeds. */
#include <stdlib.h>
#include <string.h>

#include "gateway/mail/mime.h"
#include "gateway/mail/tnef.h"
#include "unit/unit.h"

static struct arena *a;

static void setup(void)
{
    a = arena_new(64u << 20);
}

static void teardown(void)
{
    arena_free(&a);
}

static struct str file(const char *path)
{
    size_t n;
    char *p = unit_file(path, &n);
    struct str s = arena_str(a, (struct str){p, n});
    free(p);
    return s;
}

static struct mime_text read_mail(const char *path)
{
    struct mime_text m;
    struct why w = {.text = ""};
    ck_assert_msg(mime_read(a, file(path), &m, &w) == 0, "%s", w.text);
    return m;
}

START_TEST(whole_stream)
{
    struct tnef t;
    ck_assert(tnef_read(a, file("tests/fuzz/seeds/tnef/full"), &t));
    static const struct {
        enum tnef_kind kind;
        const char *name, *type, *content;
    } want[] = {
        {TNEF_TEXT, "", "",
         "Gr\xC3\xBC\xC3\x9F"
         "e from Outlook"},
        {TNEF_RTF, "", "", "{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"},
        {TNEF_FILE, "Long n\xC3\xA4me.xls", "application/vnd.ms-excel", NULL},
        {TNEF_FILE, "small.txt", "", "text in a file\r\n"},
        {TNEF_TEXT, "", "", "inner body"},
        {TNEF_FILE, "deep.bin", "", NULL},
    };
    ck_assert_uint_eq(t.n, 6);
    for (size_t i = 0; i < 6; i++) {
        ck_assert_int_eq(t.item[i].kind, want[i].kind);
        ck_assert(str_eq(t.item[i].name, str_of(want[i].name)));
        ck_assert(str_eq(t.item[i].type, str_of(want[i].type)));
        ck_assert_msg(want[i].content == NULL || str_eq(t.item[i].content, str_of(want[i].content)),
                      "%.*s", STR_ARG(t.item[i].content));
    }
    ck_assert_uint_eq(t.item[2].content.n, 256);
    ck_assert_mem_eq(t.item[5].content.p, "\0\1\2\3", 4);
}
END_TEST

/* One bit less, or another one anywhere: nothing is used of it, or its texts differ; never a look
 * past the end. */
START_TEST(broken_streams)
{
    struct str s = file("tests/fuzz/seeds/tnef/full");
    for (size_t n = 0; n < s.n; n++) {
        struct tnef t;
        char *exact = malloc(n + 1);
        memcpy(exact, s.p, n);
        if (tnef_read(a, (struct str){exact, n}, &t)) /* cut between two attributes */
            ck_assert_uint_lt(t.n, 7);
        free(exact);
    }
    for (size_t i = 0; i < 8 * s.n; i += 3) {
        struct tnef t;
        char *exact = malloc(s.n);
        memcpy(exact, s.p, s.n);
        exact[i / 8] ^= (char)(1 << i % 8);
        (void)tnef_read(a, (struct str){exact, s.n}, &t);
        free(exact);
        arena_reset(a);
        s = file("tests/fuzz/seeds/tnef/full");
    }
}
END_TEST

START_TEST(mail_with_winmail)
{
    struct mime_text m = read_mail("tests/corpus/tnef.eml");
    const char *own = memmem(m.text.p, m.text.n,
                             "Gr\xC3\xBC\xC3\x9F"
                             "e from Outlook\n",
                             21);
    const char *inner = memmem(m.text.p, m.text.n, "inner body\n", 11);
    ck_assert_msg(own == m.text.p && inner > own, "%.*s", STR_ARG(m.text));
    ck_assert_uint_eq(m.nparts, 3);
    ck_assert(str_eq(m.part[0].name, STR("Long n\xC3\xA4me.xls")) && m.part[0].size == 256);
    ck_assert(str_eq(m.part[0].type, STR("application/vnd.ms-excel")));
    ck_assert(str_eq(m.part[1].name, STR("small.txt")));
    ck_assert(str_eq(m.part[2].content, ((struct str){"\0\1\2\3", 4})));
    struct why w;
    ck_assert(mime_read(a, STR("Content-Type: application/ms-tnef; name=winmail.dat\n\nno such"),
                        &m, &w) == 0);
    ck_assert(m.nparts == 1 && str_eq(m.part[0].name, STR("winmail.dat")));
}
END_TEST

START_TEST(signed_as_a_whole)
{
    struct mime_text m = read_mail("tests/corpus/opaque.eml");
    ck_assert_msg(
        str_eq(m.text, STR("Signed as a whole.\n\n[signed message, S/MIME, not verified]\n")),
        "%.*s", STR_ARG(m.text));
    ck_assert_uint_eq(m.nparts, 1);
    ck_assert(str_eq(m.part[0].name, STR("inside.bin")) && m.part[0].size == 4);
    m = read_mail("tests/corpus/sealed.eml");
    ck_assert_msg(str_eq(m.text, STR("[encrypted message, cannot be shown]\n")), "%.*s",
                  STR_ARG(m.text));
    ck_assert(m.nparts == 1 && str_eq(m.part[0].name, STR("smime.p7m")));
}
END_TEST

static Suite *tnef_suite(void)
{
    Suite *s = suite_create("tnef");
    TCase *t = tcase_create("tnef");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, whole_stream);
    tcase_add_test(t, broken_streams);
    tcase_add_test(t, mail_with_winmail);
    tcase_add_test(t, signed_as_a_whole);
    suite_add_tcase(s, t);
    return s;
}
UNIT(tnef_suite)
