/* tests/unit/rscs/test_ebcdic.c -- rscs/ebcdic: tables against iconv, names, replacements. */
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#include "rscs/ebcdic.h"
#include "unit/unit.h"

static const struct ebc_page *page(const char *name)
{
    const struct ebc_page *p = ebc_page(str_of(name));
    ck_assert_msg(p != NULL, "page %s", name);
    return p;
}

START_TEST(pages_by_name)
{
    static const struct {
        const char *name, *want;
    } t[] = {
        {"037", "037"},
        {"37", "037"},
        {"IBM-037", "037"},
        {"ibm037", "037"},
        {"cp1047", "1047"},
        {"CP_1047", "1047"},
        {"IBM-1047", "1047"},
        {"1047", "1047"},
        {"", NULL},
        {"IBM-", NULL},
        {"38", NULL},
        {"0x37", NULL},
        {"IBM-CP037", NULL},
        {"latin1", NULL},
        {"-37", NULL},
        {"99999999999", NULL},
        {"273", "273"},
        {"EBCDIC-273", "273"},
        {"IBM00924", "924"},
        {"CCSID01140", "1140"},
        {"csIBM500", "500"},
        {"x-IBM1149", "1149"},
        {"ebcdic-cp-dk", "277"},
        {"IBM4711", NULL},
        {"EBCDIC-US", NULL},
        {"EBCDIC-UK", NULL},
        {"838", NULL},
        {"EBCDIC-CP-", NULL},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        const struct ebc_page *p = ebc_page(str_of(t[i].name));
        ck_assert_pstr_eq(p != NULL ? ebc_page_name(p) : NULL, t[i].want);
    }
    ck_assert_str_eq(ebc_page_name(ebc_page_default()), "037");
}
END_TEST

/* The tables must be those of the registry: glibc has them from there, too. */
START_TEST(tables_are_iconvs)
{
    static const char *const names[][2] = {{"037", "IBM037"}, {"1047", "IBM1047"}};
    for (size_t i = 0; i < 2; i++) {
        iconv_t cd = iconv_open("UTF-8", names[i][1]);
        if (cd == (iconv_t)-1) /* a libc without its tables */
            continue;
        for (int e = 0; e < 256; e++) {
            char in[1] = {(char)e}, want[8], *from = in, *to = want;
            size_t nin = 1, nout = sizeof want;
            ck_assert_uint_eq(iconv(cd, &from, &nin, &to, &nout), 0);
            struct buf got;
            buf_init(&got, 100);
            ebc_to_utf8(&got, page(names[i][0]), cur_of(in, 1));
            ck_assert_msg(got.n == sizeof want - nout && memcmp(got.p, want, got.n) == 0,
                          "page %s X'%02X'", names[i][0], e);
            buf_done(&got);
        }
        iconv_close(cd);
    }
}
END_TEST

START_TEST(every_byte_goes_there_and_back)
{
    static const char *const names[] = {"037", "1047"};
    for (size_t i = 0; i < 2; i++)
        for (unsigned e = 0; e < 256; e++) {
            uint8_t byte = (uint8_t)e;
            struct buf text, back;
            buf_init(&text, 100);
            buf_init(&back, 100);
            ebc_to_utf8(&text, page(names[i]), cur_of(&byte, 1));
            size_t replaced = ebc_from_utf8(&back, page(names[i]), buf_text(&text));
            if (e == 0x41) { /* no-break space: a blank */
                ck_assert_uint_eq(replaced, 1);
                ck_assert_uint_eq(back.p[0], 0x40);
            } else if (e == 0xCA) { /* soft hyphen: nothing */
                ck_assert_uint_eq(replaced, 1);
                ck_assert_uint_eq(back.n, 0);
            } else {
                ck_assert_uint_eq(replaced, 0);
                ck_assert_msg(back.n == 1 && back.p[0] == byte, "page %s X'%02X'", names[i], e);
            }
            buf_done(&text);
            buf_done(&back);
        }
}
END_TEST

START_TEST(characters_that_move)
{
    static const struct {
        const char *page, *text;
        uint8_t e;
    } t[] = {
        {"037", "[", 0xBA},      {"037", "]", 0xBB},       {"037", "^", 0xB0},
        {"037", "\u00AC", 0x5F}, {"1047", "[", 0xAD},      {"1047", "]", 0xBD},
        {"1047", "^", 0x5F},     {"1047", "\u00AC", 0xB0}, {"037", "@", 0x7C},
        {"037", "#", 0x7B},      {"037", "$", 0x5B},       {"037", "!", 0x5A},
        {"037", "|", 0x4F},      {"037", "{", 0xC0},       {"037", "}", 0xD0},
        {"037", "\\", 0xE0},     {"037", "~", 0xA1},       {"037", "`", 0x79},
        {"037", "\u00A2", 0x4A}, {"037", "\n", 0x25},      {"037", "\xC2\x85", 0x15},
        {"1047", "\n", 0x25},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct buf b;
        buf_init(&b, 10);
        ck_assert_uint_eq(ebc_from_utf8(&b, page(t[i].page), str_of(t[i].text)), 0);
        ck_assert_uint_eq(b.n, 1);
        ck_assert_msg(b.p[0] == t[i].e, "page %s '%s': X'%02X'", t[i].page, t[i].text, b.p[0]);
        buf_done(&b);
    }
}
END_TEST

/* What a text reads like after the way through page 037, and how many characters that cost. */
START_TEST(nearest_writing)
{
    static const struct {
        const char *text, *want;
        size_t replaced;
    } t[] = {
        {"plain", "plain", 0},
        {"", "", 0},
        {"Zo\u00EB", "Zo\u00EB", 0},
        {"\u201Cquoted\u201D \u2018it\u2019s\u2019 \u201Elow\u201A", "\"quoted\" 'it's' \"low'", 7},
        {"a \u2013 b \u2014 c \u2212 d", "a - b -- c - d", 3},
        {"wait\u2026", "wait...", 1},
        {"\u2022 one", "* one", 1},
        {"x \u2192 y", "x -> y", 1},
        {"Brand\u2122", "Brand(TM)", 1},
        {"5 \u20AC", "5 EUR", 1},
        {"\uFB01ne o\uFB00er \u0153uvre", "fine offer oeuvre", 3},
        {"no\u00A0break", "no break", 1},
        {"ze\u200Bro wi\uFEFFdth", "zero width", 2},
        {"so\u00ADft", "soft", 1},
        {"\u0141\u00F3d\u017A", "L\u00F3dz", 2},
        {"Dvo\u0159\u00E1k \u0160koda \u0117 \u1EBF", "Dvor\u00E1k Skoda e e", 4},
        {"\u65E5\u672C", "??", 2},
        {"\U0001F600!", "?!", 1},
        {"\u2764\uFE0F", "?", 2},
        {"\uFF21\uFF22\uFF0E", "AB.", 3},
        {"\uFFFD", "?", 1},
        {"caf\x65\u0301 e\u0328", "caf\u00E9 e",
         1}, /* composed; e with ogonek is not in the page */
        {"\u0301x", "x", 1},
        {"o\u0308\u0301", "\u00F6", 1},
        {"bad \xFF\xC3", "bad ??", 2},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct buf e, back;
        buf_init(&e, 1000);
        buf_init(&back, 1000);
        size_t replaced = ebc_from_utf8(&e, ebc_page_default(), str_of(t[i].text));
        ebc_to_utf8(&back, ebc_page_default(), buf_cur(&e));
        ck_assert_str_eq(buf_cstr(&back), t[i].want);
        ck_assert_msg(replaced == t[i].replaced, "'%s': %zu replaced", t[i].text, replaced);
        buf_done(&e);
        buf_done(&back);
    }
}
END_TEST

/* The fast paths against one character at a time, over every place of a boundary. */
START_TEST(long_texts)
{
    enum { N = 1600 };
    char text[2 * N];
    for (size_t at = 0; at < 1100; at += at < 20 || (at > 500 && at < 530) ? 1 : 37) {
        size_t n = 0;
        for (size_t i = 0; i < N; i++) {
            if (i == at || i == at + 3) {
                text[n++] = '\xC3';
                text[n++] = '\xA9';
            } else {
                text[n++] = (char)('a' + i % 26);
            }
        }
        struct buf e, one, back;
        buf_init(&e, 4 * N);
        buf_init(&one, 4 * N);
        buf_init(&back, 4 * N);
        ck_assert_uint_eq(ebc_from_utf8(&e, page("1047"), (struct str){text, n}), 0);
        for (size_t i = 0; i < n; i += (uint8_t)text[i] == 0xC3 ? 2 : 1)
            (void)ebc_from_utf8(&one, page("1047"),
                                (struct str){text + i, (uint8_t)text[i] == 0xC3 ? 2 : 1});
        ck_assert(str_eq(buf_text(&e), buf_text(&one)));
        ebc_to_utf8(&back, page("1047"), buf_cur(&e));
        ck_assert(str_eq(buf_text(&back), (struct str){text, n}));
        buf_done(&e);
        buf_done(&one);
        buf_done(&back);
    }
}
END_TEST

START_TEST(names)
{
    static const struct {
        const char *text, *want; /* NULL: no name */
    } t[] = {
        {"NODEA", "NODEA"}, {"alice", "ALICE"},  {"A", "A"},    {"#$@_-+:9", "#$@_-+:9"},
        {"", NULL},         {"NINECHARS", NULL}, {"A B", NULL}, {"A.B", NULL},
        {"A*", NULL},       {"\xC3\xA9", NULL},  {"A ", NULL},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct nje_name name;
        char text[9];
        memset(&name, 0xEE, sizeof name);
        bool good = ebc_name(&name, str_of(t[i].text));
        ck_assert_msg(good == (t[i].want != NULL), "'%s'", t[i].text);
        if (good)
            ck_assert_str_eq(ebc_name_text(&name, text).p, t[i].want);
        else
            ck_assert_uint_eq(name.e[0], 0xEE); /* untouched */
    }
    struct nje_name national;
    ck_assert(ebc_name(&national, STR("#@$")));
    ck_assert_mem_eq(national.e, "\x7B\x7C\x5B\x40\x40\x40\x40\x40", 8);
    struct str with_nul = {"A\0B", 3};
    ck_assert(!ebc_name(&national, with_nul));
}
END_TEST

START_TEST(names_for_show)
{
    static const struct {
        const char *text, *want;
    } t[] = {
        {"", ""},
        {"a.b c", "A?B?C"},
        {"LONGERTHAN8", "LONGERTH"},
        {"\xC3\xA9t\xC3\xA9", "?T?"},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        char text[9];
        struct nje_name name = ebc_name_of(str_of(t[i].text));
        ck_assert_str_eq(ebc_name_text(&name, text).p, t[i].want);
    }
    /* Bytes of a peer are shown as page 037 has them, never as controls or beyond ASCII. */
    struct nje_name odd = {{0xC1, 0x15, 0x4B, 0xFF, 0x51, 0xC2, 0x40, 0x00}};
    char text[9];
    struct str shown = ebc_name_text(&odd, text);
    ck_assert_uint_eq(shown.n, 6);
    ck_assert_str_eq(text, "A?.??B");
}
END_TEST

START_TEST(nulls_are_blanks)
{
    struct nje_name a = {{0xC1, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40}};
    struct nje_name b = {{0xC1, 0, 0, 0, 0, 0, 0, 0}}, c = {{0}}, got;
    ck_assert(ebc_name_eq(&a, &b));
    ck_assert(!ebc_name_eq(&a, &c));
    ck_assert(ebc_name_empty(&c));
    ck_assert(!ebc_name_empty(&b));
    struct cur cur = cur_of(b.e, 8);
    ebc_name_get(&cur, &got);
    ck_assert_mem_eq(got.e, a.e, 8);
    ck_assert(cur_end(&cur));
    ebc_name_get(&cur, &got);
    ck_assert(cur_bad(&cur));
    ck_assert(ebc_name_empty(&got));
}
END_TEST

START_TEST(a_full_buf)
{
    struct buf b;
    buf_init(&b, 4);
    ck_assert_uint_eq(ebc_from_utf8(&b, ebc_page_default(), STR("abc\u2026e\u0301")), 1);
    ck_assert(b.over);
    ck_assert_uint_le(b.n, 4);
    buf_done(&b);
}
END_TEST

static Suite *test_ebcdic_suite(void)
{
    Suite *s = suite_create("ebcdic");
    TCase *t = tcase_create("all");
    tcase_add_test(t, pages_by_name);
    tcase_add_test(t, tables_are_iconvs);
    tcase_add_test(t, every_byte_goes_there_and_back);
    tcase_add_test(t, characters_that_move);
    tcase_add_test(t, nearest_writing);
    tcase_add_test(t, long_texts);
    tcase_add_test(t, names);
    tcase_add_test(t, names_for_show);
    tcase_add_test(t, nulls_are_blanks);
    tcase_add_test(t, a_full_buf);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_ebcdic_suite)
