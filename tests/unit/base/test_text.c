/* tests/unit/base/test_text.c -- UTF-8, base64, xtext, globs, quoting, character sets. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "unit/unit.h"

static void same(const struct buf *b, const char *want)
{
    struct str s = buf_text(b);
    ck_assert_msg(str_eq(s, str_of(want)), "got \"%.*s\", want \"%s\"", STR_ARG(s), want);
}

/* RFC 3629 section 4, and the classics of malformed input. */
static const struct {
    const char *s;
    bool good;
} utf8[] = {
    {"", true},
    {"plain ascii of more than eight bytes", true},
    {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", true},
    {"\xef\xbf\xbf\xf4\x8f\xbf\xbf", true}, /* U+FFFF, U+10FFFF */
    {"\xed\x9f\xbf\xee\x80\x80", true},     /* around the surrogates */
    {"\x80", false},
    {"ascii then \xbf", false},
    {"\xc0\x80", false},         /* overlong NUL */
    {"\xc1\xbf", false},         /* overlong DEL */
    {"\xe0\x9f\xbf", false},     /* overlong */
    {"\xf0\x8f\xbf\xbf", false}, /* overlong */
    {"\xed\xa0\x80", false},     /* surrogate */
    {"\xed\xbf\xbf", false},
    {"\xf4\x90\x80\x80", false}, /* U+110000 */
    {"\xf5\x80\x80\x80", false},
    {"\xff", false},
    {"\xc3", false},
    {"\xe2\x82", false},
    {"\xe2\x28\xa1", false},
    {"\xf0\x9f\x98", false},
};

START_TEST(well_formed_utf8)
{
    /* An exact copy, so that ASan sees a look past the end. */
    size_t n = strlen(utf8[_i].s);
    char *exact = malloc(n + 1);
    memcpy(exact, utf8[_i].s, n);
    char *tight = realloc(exact, n > 0 ? n : 1);
    ck_assert(text_is_utf8((struct str){tight, n}) == utf8[_i].good);
    bool replaced = false;
    for (struct str s = {tight, n}; s.n > 0;)
        replaced |= text_rune(&s) == 0xfffd;
    ck_assert(replaced == !utf8[_i].good);
    free(tight);
}
END_TEST

START_TEST(every_rune_comes_back)
{
    struct buf b;
    buf_init(&b, 16);
    for (uint32_t r = 0; r <= 0x10ffff; r += r < 0x11000 ? 1 : 61) {
        buf_reset(&b);
        text_put_rune(&b, r);
        bool surrogate = r >= 0xd800 && r <= 0xdfff;
        struct str s = buf_text(&b);
        /* One message for a failure, none for a million successes: Check writes each to a pipe. */
        bool good = text_is_utf8(s) && text_rune(&s) == (surrogate ? 0xfffd : r) && s.n == 0;
        if (!good)
            ck_abort_msg("U+%04X does not come back", r);
    }
    buf_reset(&b);
    text_put_rune(&b, 0x110000);
    same(&b, "\xef\xbf\xbd");
    buf_done(&b);
}
END_TEST

START_TEST(ascii_at_every_length)
{
    char s[40];
    memset(s, 'a', sizeof s);
    for (size_t n = 0; n < sizeof s; n++) {
        ck_assert(text_is_ascii((struct str){s, n}));
        for (size_t at = 0; at < n; at++) {
            s[at] = (char)0x80;
            ck_assert(!text_is_ascii((struct str){s, n}));
            s[at] = 'a';
        }
    }
}
END_TEST

START_TEST(columns)
{
    ck_assert_uint_eq(text_columns(STR("abc")), 3);
    ck_assert_uint_eq(text_columns(STR("a\xcc\x88")), 1); /* a, combining diaeresis */
    ck_assert_uint_eq(text_columns(STR("\xe6\xbc\xa2\xe5\xad\x97")), 4); /* two CJK */
    ck_assert_uint_eq(text_columns(STR("\xf0\x9f\x98\x80")), 2);
    ck_assert_uint_eq(text_columns(STR("\xe2\x80\x8b")), 0); /* zero width space */
    ck_assert_uint_eq(text_columns(STR("\xff\xfe")), 2);
}
END_TEST

START_TEST(base64)
{
    static const char *const pairs[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xff\xfe\xfd", "//79"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct buf b;
        buf_init(&b, 100);
        text_b64(&b, cur_of(pairs[i][0], strlen(pairs[i][0])));
        same(&b, pairs[i][1]);
        buf_reset(&b);
        ck_assert_int_eq(text_unb64(&b, str_of(pairs[i][1])), OK);
        same(&b, pairs[i][0]);
        buf_done(&b);
    }
    static const char *const bad[] = {
        "Z", "Zg", "Zg=", "Zg===", "=Zg=", "Zg==Zg==", "Zm9*", "====", "Z==="};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct buf b;
        buf_init(&b, 100);
        buf_z(&b, "before");
        ck_assert_msg(text_unb64(&b, str_of(bad[i])) == E_SYNTAX, "%s was taken", bad[i]);
        same(&b, "before");
        buf_done(&b);
    }
    struct buf b;
    buf_init(&b, 4);
    ck_assert_int_eq(text_unb64(&b, STR(" Zm\r\n9v\t")), OK);
    same(&b, "foo");
    ck_assert_int_eq(text_unb64(&b, STR("Zm9v")), E_LIMIT);
    buf_done(&b);
}
END_TEST

START_TEST(xtext)
{
    struct buf b, back;
    buf_init(&b, 4096);
    buf_init(&back, 4096);
    char all[256];
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    text_xtext(&b, (struct str){all, sizeof all});
    for (size_t i = 0; i < b.n; i++)
        ck_assert(b.p[i] > 0x20 && b.p[i] < 0x7f && b.p[i] != '=');
    ck_assert_int_eq(text_unxtext(&back, buf_text(&b)), OK);
    ck_assert(str_eq(buf_text(&back), (struct str){all, sizeof all}));
    buf_reset(&b);
    text_xtext(&b, STR("a+b=c d"));
    same(&b, "a+2Bb+3Dc+20d");
    static const char *const bad[] = {"+", "+2", "+2G", "a=b", "a b", "+-1", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        buf_reset(&b);
        ck_assert_msg(text_unxtext(&b, str_of(bad[i])) == E_SYNTAX, "%s was taken", bad[i]);
        ck_assert_uint_eq(b.n, 0);
    }
    buf_done(&b);
    buf_done(&back);
}
END_TEST

static const struct {
    const char *pattern, *s;
    bool match;
} globs[] = {
    {"", "", true},
    {"", "a", false},
    {"*", "", true},
    {"*", "abc", true},
    {"a*c", "abbc", true},
    {"a*c", "abcd", false},
    {"*@B.example", "x@b.EXAMPLE", true},
    {"a**b", "ab", true},
    {"*ab*ab", "ababab", true},
    {"*aab", "aaaab", true},
    {"abc", "ABC", true},
    {"abc", "ab", false},
    {"ab", "abc", false},
    {"*.example", "example", false},
    {"a?c", "abc", false},
};

START_TEST(glob)
{
    ck_assert(text_glob(str_of(globs[_i].pattern), str_of(globs[_i].s)) == globs[_i].match);
}
END_TEST

START_TEST(quote)
{
    static const char *const pairs[][2] = {
        {"plain<a@b.example>", "plain<a@b.example>"},
        {"", "\"\""},
        {"two words", "\"two words\""},
        {"a\"b\\", "\"a\\\"b\\\\\""},
        {"line\r\nforged", "\"line\\x0D\\x0Aforged\""},
        {"\xc3\xa4\x7f", "\"\\xC3\\xA4\\x7F\""},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct buf b;
        buf_init(&b, 100);
        text_quote(&b, str_of(pairs[i][0]));
        same(&b, pairs[i][1]);
        buf_done(&b);
    }
}
END_TEST

static const struct {
    const char *charset, *in;
    size_t n;
    const char *want;
    size_t bad;
} sets[] = {
    {"us-ascii", "abc", 3, "abc", 0},
    {"us-ascii", "don\x92t", 5, "don\xe2\x80\x99t", 0},
    {"US-ASCII", "gr\xc3\xbc\xc3\x9f", 6, "gr\xc3\xbc\xc3\x9f", 0},
    {"", "\xe4", 1, "\xc3\xa4", 0},
    {NULL, "\xe4", 1, "\xc3\xa4", 0},
    {"x-unknown", "\x80", 1, "\xe2\x82\xac", 0},
    {"utf8",
     "a\xff"
     "b\xe2\x82",
     5,
     "a\xef\xbf\xbd"
     "b\xef\xbf\xbd\xef\xbf\xbd",
     3},
    {"UTF-8", "\xc3\xa4", 2, "\xc3\xa4", 0},
    {"iso-8859-1", "\xe4\x93", 2, "\xc3\xa4\xe2\x80\x9c", 0},
    {"iso-8859-15", "\xa4", 1, "\xe2\x82\xac", 0},
    {"ISO-8859-8-I", "\xe0", 1, "\xd7\x90", 0},
    {"ks_c_5601-1987", "\xb0\xa1", 2, "\xea\xb0\x80", 0},
    {"gb2312", "\xc4\xe3", 2, "\xe4\xbd\xa0", 0},
    {"shift_jis", "\x93\xfa", 2, "\xe6\x97\xa5", 0},
    {"iso-2022-jp", "\x1b$BF|\x1b(B", 8, "\xe6\x97\xa5", 0},
    {"cp-850", "\x84", 1, "\xc3\xa4", 0},
    {"unicode-1-1-utf-7", "+AOQ-", 5, "\xc3\xa4", 0},
    {"koi8-r", "\xc1", 1, "\xd0\xb0", 0},
    {"windows-1252", "a\x81z", 3, "a\xef\xbf\xbdz", 1},
    {"utf-16le", "\xe4\0\0\xdcz\0", 6, "\xc3\xa4\xef\xbf\xbdz", 1}, /* a lone surrogate */
    {"utf-16be", "\0a\0", 3, "a\xef\xbf\xbd", 1},
    {"euc-jp", "\xc6", 1, "\xef\xbf\xbd", 1},
};

START_TEST(charsets)
{
    struct buf b;
    struct why w = {0};
    size_t bad = 4711;
    buf_init(&b, 1000);
    int r = text_to_utf8(&b, sets[_i].charset, cur_of(sets[_i].in, sets[_i].n), &bad, &w);
    ck_assert_msg(r == OK, "%s: %s", sets[_i].charset, w.text);
    same(&b, sets[_i].want);
    ck_assert_uint_eq(bad, sets[_i].bad);
    buf_done(&b);
}
END_TEST

/* In pieces of every size, and in two cut anywhere, it is the same. */
START_TEST(charsets_in_pieces)
{
    struct str in = {sets[_i].in, sets[_i].n};
    if (text_is_guessed(sets[_i].charset)) {
        ck_assert_ptr_null(text_flow_new(sets[_i].charset));
        return;
    }
    for (size_t size = 1; size <= in.n; size++)
        for (size_t first = 0; first < in.n; first++) {
            struct text_flow *f = text_flow_new(sets[_i].charset);
            struct buf b;
            buf_init(&b, 1000);
            ck_assert_ptr_nonnull(f);
            size_t bad = text_flow_put(f, &b, cur_of(in.p, first), false);
            for (size_t at = first; at < in.n; at += size)
                bad += text_flow_put(f, &b, cur_of_str(str_sub(in, at, size)), at + size >= in.n);
            same(&b, sets[_i].want);
            ck_assert_uint_eq(bad, sets[_i].bad);
            buf_done(&b);
            text_flow_free(&f);
        }
}
END_TEST

START_TEST(charsets_that_are_none)
{
    static const char *const names[] = {
        "no-such-set",
        "UTF-8//IGNORE",
        "../../etc/passwd",
        "a,b",
        "\xc3\xa4",
        "a-name-much-longer-than-any-character-set-has-ever-had-in-its-life-so-far"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct buf b;
        struct why w = {0};
        buf_init(&b, 1000);
        ck_assert_int_eq(text_to_utf8(&b, names[i], cur_of("x", 1), NULL, &w), E_ABSENT);
        ck_assert(strstr(w.text, "unknown character set") != NULL);
        ck_assert_uint_eq(b.n, 0);
        buf_done(&b);
    }
}
END_TEST

START_TEST(conversion_is_bounded_and_crosses_blocks)
{
    size_t n = 20000;
    char *in = malloc(n);
    memset(in, 0xe4, n);
    struct buf b;
    struct why w = {0};
    buf_init(&b, 1 << 20);
    ck_assert_int_eq(text_to_utf8(&b, "iso-8859-15", cur_of(in, n), NULL, &w), OK);
    ck_assert_uint_eq(b.n, 2 * n);
    size_t right = 0;
    for (size_t i = 0; i < b.n; i += 2)
        right += memcmp(b.p + i, "\xc3\xa4", 2) == 0;
    ck_assert_uint_eq(right, n);
    buf_done(&b);
    buf_init(&b, 30000);
    ck_assert_int_eq(text_to_utf8(&b, "iso-8859-15", cur_of(in, n), NULL, &w), E_LIMIT);
    ck_assert_int_eq(w.err, E_LIMIT);
    buf_done(&b);
    free(in);
}
END_TEST

/* The shift state lives from piece to piece, and what cannot be converted is left to the caller. */
START_TEST(conversion_piece_by_piece)
{
    struct text_iconv *c = text_iconv_open("ISO-2022-JP", "UTF-8");
    struct buf b;
    ck_assert_ptr_null(text_iconv_open("no-such-charset", "UTF-8"));
    ck_assert_ptr_null(text_iconv_open("UTF-8", "no-such-charset"));
    if (c == NULL) /* a libc without its tables */
        return;
    buf_init(&b, 100);
    ck_assert_uint_eq(text_iconv_put(c, &b, STR("a\u65E5")), 4);
    ck_assert_uint_eq(text_iconv_put(c, &b, STR("")), 0);
    ck_assert_uint_eq(text_iconv_put(c, &b, STR("\u672C\U0001F600x")), 3);
    ck_assert_uint_eq(text_iconv_put(c, &b, STR("\u8A9E\xE6")), 3);
    text_iconv_end(c, &b);
    ck_assert_uint_eq(text_iconv_put(c, &b, STR("z")), 1);
    ck_assert_str_eq(buf_cstr(&b), "a\x1B$BF|K\\8l\x1B(Bz");
    text_iconv_close(&c);
    ck_assert_ptr_null(c);
    text_iconv_close(&c);
    buf_done(&b);
    /* More than the door's own space, and more than the buf's. */
    struct buf longer;
    buf_init(&longer, 5000);
    buf_init(&b, 4000);
    buf_fill(&longer, 'x', 5000);
    c = text_iconv_open("UTF-16BE", "UTF-8");
    ck_assert_uint_eq(text_iconv_put(c, &b, str_sub(buf_text(&longer), 0, 2000)), 2000);
    ck_assert_uint_eq(b.n, 4000);
    ck_assert(!b.over);
    (void)text_iconv_put(c, &b, buf_text(&longer));
    ck_assert(b.over);
    text_iconv_close(&c);
    buf_done(&longer);
    buf_done(&b);
}
END_TEST

static Suite *test_text_suite(void)
{
    Suite *s = suite_create("text");
    TCase *t = tcase_create("text");
    tcase_add_loop_test(t, well_formed_utf8, 0, sizeof utf8 / sizeof *utf8);
    tcase_add_test(t, every_rune_comes_back);
    tcase_add_test(t, ascii_at_every_length);
    tcase_add_test(t, columns);
    tcase_add_test(t, base64);
    tcase_add_test(t, xtext);
    tcase_add_loop_test(t, glob, 0, sizeof globs / sizeof *globs);
    tcase_add_test(t, quote);
    tcase_add_loop_test(t, charsets, 0, sizeof sets / sizeof *sets);
    tcase_add_loop_test(t, charsets_in_pieces, 0, sizeof sets / sizeof *sets);
    tcase_add_test(t, charsets_that_are_none);
    tcase_add_test(t, conversion_is_bounded_and_crosses_blocks);
    tcase_add_test(t, conversion_piece_by_piece);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_text_suite)
