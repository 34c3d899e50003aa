/* tests/unit/operator/test_ctl.c -- frames of the control socket. */
#include <string.h>

#include "operator/ctl.h"
#include "unit/unit.h"

START_TEST(round_trip_and_every_cut)
{
    const struct str words[] = {STR("note"), STR(""), STR("two words\n"), {"\0bin\xff", 5}};
    struct buf b;
    buf_init(&b, 1000);
    ctl_put(&b, words, 4);
    for (size_t cut = 0; cut <= b.n; cut++) {
        struct arena *a = arena_new(10000);
        struct str *word;
        size_t n, used;
        struct why w;
        int v = ctl_get(cur_of(b.p, cut), a, &word, &n, &used, &w);
        ck_assert_int_eq(v, cut == b.n);
        if (v == 1) {
            ck_assert_uint_eq(n, 4);
            ck_assert_uint_eq(used, b.n);
            for (int i = 0; i < 4; i++)
                ck_assert(str_eq(word[i], words[i]));
        }
        arena_free(&a);
    }
    buf_done(&b);
}
END_TEST

START_TEST(lies_are_refused)
{
    static const struct {
        const char *bytes;
        size_t n;
    } bad[] = {
        {"\xff\xff\xff\xff", 4},     /* too large */
        {"\0\0\0\0", 4},             /* no word at all */
        {"\0\0\0\x04\0\0\0\x09", 8}, /* a word longer than the frame */
        {"\0\0\0\x06\0\0\0\x01"
         "a\0",
         10}, /* bytes behind the last word */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct arena *a = arena_new(10000);
        struct str *word;
        size_t n, used;
        struct why w;
        ck_assert_int_lt(ctl_get(cur_of(bad[i].bytes, bad[i].n), a, &word, &n, &used, &w), 0);
        arena_free(&a);
    }
}
END_TEST

static Suite *ctl_suite(void)
{
    Suite *s = suite_create("ctl");
    TCase *t = tcase_create("frames");
    tcase_add_test(t, round_trip_and_every_cut);
    tcase_add_test(t, lies_are_refused);
    suite_add_tcase(s, t);
    return s;
}
UNIT(ctl_suite)
