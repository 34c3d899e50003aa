/* tests/unit/base/test_bytes.c -- str, cur, buf. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "unit/unit.h"

static void same(struct str got, const char *want)
{
    ck_assert_msg(str_eq(got, str_of(want)), "got \"%.*s\", want \"%s\"", STR_ARG(got), want);
}

START_TEST(hex_digits)
{
    for (int c = 0; c < 256; c++) {
        static const char digits[] = "0123456789ABCDEF0123456789abcdef";
        const char *at = c != 0 ? strchr(digits, c) : NULL;
        ck_assert_int_eq(ascii_hex((char)c), at == NULL ? -1 : (int)((at - digits) % 16));
    }
}
END_TEST

START_TEST(comparisons)
{
    ck_assert(str_eq(STR("Ab"), STR("Ab")));
    ck_assert(!str_eq(STR("Ab"), STR("ab")));
    ck_assert(str_eq(str_of(NULL), STR("")));
    ck_assert(str_eq((struct str){NULL, 0}, STR("")));
    ck_assert(str_eq_nocase(STR("QuIt"), STR("qUiT")));
    ck_assert(!str_eq_nocase(STR("quit"), STR("quits")));
    ck_assert(!str_eq_nocase(STR("[a"), STR("{a"))); /* 0x20 apart, but no letters */
    ck_assert(str_is(STR("HELO"), "helo"));
    ck_assert(str_starts_nocase(STR("MAIL FROM:<a>"), "mail from:"));
    ck_assert(!str_starts_nocase(STR("MAI"), "mail"));
    ck_assert(str_ends_nocase(STR("a.EXAMPLE"), ".example"));
    ck_assert(!str_ends_nocase(STR("ple"), ".example"));
}
END_TEST

START_TEST(trimming_and_parts)
{
    same(str_trim(STR(" \t a b \r\n")), "a b");
    same(str_trim(STR(" \r\n\t ")), "");
    same(str_trim_right(STR(" a \r\n")), " a");
    same(str_sub(STR("abcdef"), 2, 3), "cde");
    same(str_sub(STR("abc"), 1, SIZE_MAX), "bc");
    same(str_sub(STR("abc"), 7, 1), "");
    same(str_sub(str_of(NULL), 1, 1), "");
    ck_assert_int_eq(str_find(STR("a.b.c"), '.'), 1);
    ck_assert_int_eq(str_find_last(STR("a.b.c"), '.'), 3);
    ck_assert_int_eq(str_find(STR(""), '.'), -1);
    ck_assert_int_eq(str_find_last((struct str){NULL, 0}, '.'), -1);
}
END_TEST

START_TEST(words)
{
    struct str rest = STR("  one\ttwo  three ");
    same(str_word(&rest), "one");
    same(str_word(&rest), "two");
    same(str_word(&rest), "three");
    same(str_word(&rest), "");
    same(str_word(&rest), "");
}
END_TEST

START_TEST(split)
{
    static const struct {
        const char *text;
        int n;
        const char *want[4];
    } cases[] = {{"a,b", 2, {"a", "b"}}, {"a,", 2, {"a", ""}}, {",", 2, {"", ""}},
                 {"", 1, {""}},          {"abc", 1, {"abc"}},  {"a,,c", 3, {"a", "", "c"}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str rest = str_of(cases[i].text), piece = STR("poison");
        int n = 0;
        while (str_split(&rest, ',', &piece))
            same(piece, cases[i].want[n++]);
        ck_assert_int_eq(n, cases[i].n);
        ck_assert(!str_split(&rest, ',', &piece));
    }
}
END_TEST

START_TEST(lines)
{
    static const struct {
        const char *text;
        int n;
        const char *want[4];
    } cases[] = {
        {"a\r\nb\n", 2, {"a", "b"}},   {"a", 1, {"a"}},     {"", 0, {""}},          {"\n", 1, {""}},
        {"a\n\nb", 3, {"a", "", "b"}}, {"a\r", 1, {"a\r"}}, {"a\rb\n", 1, {"a\rb"}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str rest = str_of(cases[i].text), line = STR("poison");
        int n = 0;
        while (str_line(&rest, &line))
            same(line, cases[i].want[n++]);
        ck_assert_int_eq(n, cases[i].n);
    }
}
END_TEST

START_TEST(numbers)
{
    static const struct {
        const char *text;
        uint64_t max;
        bool good;
        uint64_t want;
    } cases[] = {
        {"0", 9, true, 0},
        {"007", 9, true, 7},
        {"9", 9, true, 9},
        {"10", 9, false, 0},
        {"", 9, false, 0},
        {"1a", 99, false, 0},
        {"-1", 99, false, 0},
        {" 1", 99, false, 0},
        {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, false, 0},
        {"99999999999999999999999", UINT64_MAX, false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t v = 4711;
        ck_assert(str_number(str_of(cases[i].text), cases[i].max, &v) == cases[i].good);
        ck_assert_uint_eq(v, cases[i].good ? cases[i].want : 4711);
    }
}
END_TEST

START_TEST(copies_are_cut_and_ended)
{
    char to[4] = {'z', 'z', 'z', 'z'};
    str_copy(to, sizeof to, STR("abcdef"));
    ck_assert_str_eq(to, "abc");
    str_copy(to, sizeof to, str_of(NULL));
    ck_assert_str_eq(to, "");
    str_copy(to, sizeof to, STR("ab"));
    ck_assert_str_eq(to, "ab");
    char *p = mem_copy("a\0b", 3);
    ck_assert_int_eq(memcmp(p, "a\0b", 4), 0);
    free(p);
}
END_TEST

START_TEST(reading)
{
    static const uint8_t bytes[] = {1, 2,    3,    4,    5,    6,    7,    8,
                                    9, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0xfa, 0xf9};
    struct cur c = cur_of(bytes, sizeof bytes);
    ck_assert_uint_eq(cur_peek(&c), 1);
    ck_assert_uint_eq(cur_u8(&c), 1);
    ck_assert_uint_eq(cur_be16(&c), 0x0203);
    ck_assert_uint_eq(cur_be32(&c), 0x04050607);
    struct cur sub = cur_sub(&c, 1);
    ck_assert_uint_eq(cur_u8(&sub), 8);
    ck_assert(cur_end(&sub));
    ck_assert_uint_eq(cur_be64(&c), UINT64_C(0x09fffefdfcfbfaf9));
    ck_assert(cur_end(&c));
    ck_assert_uint_eq(cur_peek(&c), 0);
    ck_assert(!cur_bad(&c));
}
END_TEST

START_TEST(reading_past_the_end_sticks)
{
    static const uint8_t bytes[] = {1, 2, 3};
    struct cur c = cur_of(bytes, sizeof bytes);
    ck_assert_uint_eq(cur_be32(&c), 0);
    ck_assert(cur_bad(&c));
    /* The three bytes are gone as well: a half-read record has no rest. */
    ck_assert_uint_eq(cur_u8(&c), 0);
    ck_assert_uint_eq(cur_left(&c), 0);
    ck_assert(!cur_end(&c));
    struct cur sub = cur_sub(&c, 0);
    ck_assert(cur_bad(&sub));

    c = cur_of(bytes, sizeof bytes);
    char out[4] = {9, 9, 9, 9};
    cur_copy(&c, out, 4);
    ck_assert(cur_bad(&c));
    ck_assert_int_eq(memcmp(out, "\0\0\0\0", 4), 0);

    c = cur_of(bytes, sizeof bytes);
    cur_skip(&c, SIZE_MAX);
    ck_assert(cur_bad(&c));

    c = cur_of(NULL, 0);
    ck_assert(cur_end(&c));
    ck_assert_uint_eq(cur_u8(&c), 0);
    ck_assert(cur_bad(&c));
}
END_TEST

START_TEST(writing)
{
    struct buf b;
    buf_init(&b, 1000);
    ck_assert_str_eq(buf_cstr(&b), "");
    size_t hole = buf_hole16(&b);
    buf_u8(&b, 1);
    buf_be16(&b, 0x0203);
    buf_be32(&b, 0x04050607);
    buf_be64(&b, UINT64_C(0x08090a0b0c0d0e0f));
    buf_fill(&b, 0x40, 3);
    buf_z(&b, "xy");
    buf_str(&b, STR("z"));
    buf_fill16(&b, hole, b.n);
    static const char want[] =
        "\0\x17\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f@@@xyz";
    ck_assert_uint_eq(b.n, sizeof want - 1);
    ck_assert_int_eq(memcmp(b.p, want, b.n), 0);
    ck_assert(!b.over);
    buf_take(&b, 17);
    same(buf_text(&b), "@@@xyz");
    buf_trim(&b, 4);
    ck_assert_str_eq(buf_cstr(&b), "@@@x");
    ck_assert_uint_eq(b.n, 4);
    buf_take(&b, 100);
    ck_assert_uint_eq(b.n, 0);
    buf_done(&b);
}
END_TEST

START_TEST(writing_past_the_maximum_sticks)
{
    struct buf b;
    buf_init(&b, 4);
    buf_z(&b, "abc");
    buf_be16(&b, 0x6465); /* does not fit, not even its first byte */
    ck_assert(b.over);
    buf_u8(&b, 'd'); /* would fit, but a hole in the middle of a record is no record */
    same(buf_text(&b), "abc");
    buf_reset(&b);
    ck_assert(!b.over);
    buf_z(&b, "wxyz");
    ck_assert(!b.over);
    ck_assert_str_eq(buf_cstr(&b), "wxyz");
    buf_printf(&b, "%d", 1);
    ck_assert(b.over);
    buf_reset(&b);
    buf_fill16(&b, 0, 1); /* no hole there */
    ck_assert_uint_eq(b.n, 0);
    buf_be16(&b, 0);
    buf_fill16(&b, 0, 65536);
    ck_assert(b.over);
    buf_done(&b);
}
END_TEST

START_TEST(writing_in_place)
{
    struct buf b;
    buf_init(&b, 8);
    uint8_t *to = buf_room(&b, 8);
    ck_assert_ptr_nonnull(to);
    ck_assert_uint_eq(b.n, 0);
    memcpy(to, "abcxyz", 6);
    buf_wrote(&b, 3);
    same(buf_text(&b), "abc");
    ck_assert_ptr_null(buf_room(&b, 6)); /* and that is no failure */
    ck_assert(!b.over);
    buf_crlf(&b);
    same(buf_text(&b), "abc\r\n");
    ck_assert_ptr_eq(buf_room(&b, 3), b.p + 5);
    buf_z(&b, "more");
    ck_assert(b.over);
    ck_assert_ptr_null(buf_room(&b, 1));
    buf_crlf(&b);
    same(buf_text(&b), "abc\r\n");
    buf_done(&b);
}
END_TEST

START_TEST(printing_of_every_length)
{
    char text[600];
    for (size_t n = 0; n < sizeof text; n += n < 250 || n > 260 ? 7 : 1) {
        memset(text, 'q', n);
        text[n] = '\0';
        struct buf b;
        buf_init(&b, n + 1);
        buf_printf(&b, "<%s", text);
        ck_assert(!b.over);
        ck_assert_uint_eq(b.n, n + 1);
        ck_assert_str_eq(buf_cstr(&b) + 1, text);
        buf_done(&b);
        buf_init(&b, n);
        buf_printf(&b, "<%s", text);
        ck_assert(b.over);
        ck_assert_uint_eq(b.n, 0);
        buf_done(&b);
    }
}
END_TEST

static Suite *test_bytes_suite(void)
{
    Suite *s = suite_create("bytes");
    TCase *t = tcase_create("bytes");
    tcase_add_test(t, hex_digits);
    tcase_add_test(t, comparisons);
    tcase_add_test(t, trimming_and_parts);
    tcase_add_test(t, words);
    tcase_add_test(t, split);
    tcase_add_test(t, lines);
    tcase_add_test(t, numbers);
    tcase_add_test(t, copies_are_cut_and_ended);
    tcase_add_test(t, reading);
    tcase_add_test(t, reading_past_the_end_sticks);
    tcase_add_test(t, writing);
    tcase_add_test(t, writing_past_the_maximum_sticks);
    tcase_add_test(t, writing_in_place);
    tcase_add_test(t, printing_of_every_length);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_bytes_suite)
