/* tests/unit/base/test_why.c -- the failure value. */
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "base/why.h"
#include "unit/unit.h"

START_TEST(fills_and_answers_the_class)
{
    struct why w;
    memset(&w, 0xa5, sizeof w);
    ck_assert_int_eq(why_set(&w, E_ABSENT, 0, NULL, "no user %s here", "BOB"), E_ABSENT);
    ck_assert_int_eq(w.err, E_ABSENT);
    ck_assert_int_eq(w.smtp, 0);
    ck_assert_str_eq(w.enh, "");
    ck_assert_str_eq(w.text, "no user BOB here");
}
END_TEST

static const struct {
    enum err err;
    int smtp;
    const char *enh;
    int want_smtp;
    const char *want_enh;
    bool temp;
} codes[] = {
    {E_SYNTAX, 0, NULL, 501, "5.5.2", false},  {E_LIMIT, 0, NULL, 552, "5.3.4", false},
    {E_DENIED, 0, NULL, 550, "5.7.1", false},  {E_ABSENT, 0, NULL, 550, "5.1.1", false},
    {E_TEMP, 0, NULL, 451, "4.3.0", true},     {E_PERM, 0, NULL, 554, "5.0.0", false},
    {E_IO, 0, NULL, 451, "4.3.0", true},       {E_GONE, 0, NULL, 421, "4.4.2", true},
    {E_TEMP, 421, NULL, 421, "4.3.0", true},   {E_PERM, 450, "4.2.0", 450, "4.2.0", true},
    {E_ABSENT, 450, NULL, 450, "4.0.0", true}, /* never 450 with 5.1.1 */
    {E_TEMP, 553, NULL, 553, "5.0.0", false},  {E_DENIED, 0, "4.7.1", 450, "4.7.1", true},
    {E_TEMP, 0, "5.7.0", 554, "5.7.0", false}, {OK, 0, NULL, 250, "2.0.0", false},
};

START_TEST(reply_codes_agree_with_the_class)
{
    struct why w;
    (void)why_set(&w, codes[_i].err, codes[_i].smtp, codes[_i].enh, "x");
    ck_assert_int_eq(why_smtp(&w), codes[_i].want_smtp);
    ck_assert_str_eq(why_enh(&w), codes[_i].want_enh);
    ck_assert(why_is_temp(&w) == codes[_i].temp);
}
END_TEST

static const struct {
    const char *text, *want;
} texts[] = {
    {"a\r\nMAIL FROM:<x>", "a  MAIL FROM:<x>"},
    {"tab\there\x7f", "tab here "},
    {"c1 \xc2\x85 next line", "c1   next line"},
    {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
    {"raw \xfc byte", "raw ? byte"},
    {"replaced \xef\xbf\xbd stays", "replaced \xef\xbf\xbd stays"},
};

START_TEST(text_is_one_line_of_utf8)
{
    struct why w;
    (void)why_set(&w, E_PERM, 0, NULL, "%s", texts[_i].text);
    ck_assert_str_eq(w.text, texts[_i].want);
}
END_TEST

START_TEST(long_text_is_cut_between_characters)
{
    for (size_t lead = 0; lead < 4; lead++) {
        char long_text[1000] = "";
        memset(long_text, 'x', lead);
        for (size_t n = lead; n + 3 < sizeof long_text; n += 3)
            memcpy(long_text + n, "\xe2\x82\xac", 4);
        struct why w;
        (void)why_set(&w, E_PERM, 0, NULL, "%s", long_text);
        ck_assert_uint_lt(strlen(w.text), sizeof w.text);
        ck_assert_uint_gt(strlen(w.text), sizeof w.text - 5);
        ck_assert_ptr_eq(strchr(w.text, '?'), NULL);
        ck_assert(text_is_utf8(str_of(w.text)));
    }
}
END_TEST

START_TEST(own_text_may_be_an_argument)
{
    struct why w;
    (void)why_set(&w, E_TEMP, 450, "4.1.1", "inner");
    ck_assert_int_eq(why_set(&w, E_PERM, w.smtp, w.enh, "outer %s", w.text), E_PERM);
    ck_assert_str_eq(w.text, "outer inner");
    ck_assert_str_eq(w.enh, "4.1.1");
    why_prefix(&w, "host %s", "h.example");
    ck_assert_str_eq(w.text, "host h.example: outer inner");
    ck_assert_int_eq(w.smtp, 450);
}
END_TEST

START_TEST(prefix_keeps_within_the_size)
{
    struct why w;
    char big[sizeof w.text * 2];
    memset(big, 'p', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    (void)why_set(&w, E_TEMP, 0, NULL, "%s", big);
    why_prefix(&w, "%s", big);
    ck_assert_uint_eq(strlen(w.text), sizeof w.text - 1);
}
END_TEST

START_TEST(errno_tells_passing_from_lasting)
{
    static const struct {
        int e;
        enum err want;
    } cases[] = {{EINTR, E_TEMP},  {ENOSPC, E_TEMP},       {EMFILE, E_TEMP},
                 {EACCES, E_PERM}, {ECONNREFUSED, E_TEMP}, {ENOENT, E_PERM}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct why w;
        errno = cases[i].e;
        ck_assert_int_eq(why_errno(&w, "/some/file"), cases[i].want);
        ck_assert(strncmp(w.text, "/some/file: ", 12) == 0);
        ck_assert(strstr(w.text, strerror(cases[i].e)) != NULL);
    }
}
END_TEST

static Suite *test_why_suite(void)
{
    Suite *s = suite_create("why");
    TCase *t = tcase_create("why");
    tcase_add_test(t, fills_and_answers_the_class);
    tcase_add_loop_test(t, reply_codes_agree_with_the_class, 0, sizeof codes / sizeof *codes);
    tcase_add_loop_test(t, text_is_one_line_of_utf8, 0, sizeof texts / sizeof *texts);
    tcase_add_test(t, long_text_is_cut_between_characters);
    tcase_add_test(t, own_text_may_be_an_argument);
    tcase_add_test(t, prefix_keeps_within_the_size);
    tcase_add_test(t, errno_tells_passing_from_lasting);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_why_suite)
