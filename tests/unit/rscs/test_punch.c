/* tests/unit/rscs/test_punch.c -- rscs/punch: text on cards and back. */
#include <stdlib.h>
#include <string.h>

#include "rscs/punch.h"
#include "unit/unit.h"

START_TEST(cards_to_lines)
{
    static const struct {
        const char *page, *card;
        size_t n;
        const char *want;
    } t[] = {
        {"037", "", 0, ""},
        {"037", "\xC8\x89", 2, "Hi"},
        {"037", "\xC8\x89\x40\x40\x40\x00\x40", 7, "Hi"},
        {"037", "\x40\x40", 2, ""},
        {"037", "\x40\x40\xC8", 3, "  H"},
        {"037", "\xC1\x05\xC2", 3, "A\tB"},
        {"037", "\xC1\x15\xC2\x25\xC3\x0D\xC4\x00\xC5\xFF\xC6", 11, "A B C D E F"},
        {"037", "\xBA\xBB\x5F", 3, "[]\u00AC"},
        {"1047", "\xAD\xBD\x5F", 3, "[]^"},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct buf line;
        uint8_t *mem = malloc(t[i].n + 1);
        memcpy(mem, t[i].card, t[i].n);
        buf_init(&line, 100);
        buf_z(&line, ">");
        punch_line(&line, cur_of(mem, t[i].n), ebc_page(str_of(t[i].page)));
        ck_assert_str_eq(buf_cstr(&line) + 1, t[i].want);
        buf_done(&line);
        free(mem);
    }
}
END_TEST

/* A control is a blank wherever it stands, and nothing else is. */
START_TEST(controls_anywhere)
{
    for (unsigned i = 0; i < 256 * 20; i++) {
        uint8_t card[21], e = (uint8_t)(i / 20);
        struct buf line, want;
        memset(card, 0x81, sizeof card);
        card[i % 20] = e;
        buf_init(&line, 100);
        buf_init(&want, 100);
        punch_line(&line, cur_of(card, sizeof card), ebc_page_default());
        card[i % 20] = (e < 0x40 && e != 0x05) || e == 0xFF ? 0x40 : e;
        ebc_to_utf8(&want, ebc_page_default(), cur_of(card, sizeof card));
        ck_assert_msg(str_eq(buf_text(&line), buf_text(&want)), "X'%02X' at %u", e, i % 20);
        buf_done(&line);
        buf_done(&want);
    }
}
END_TEST

/* NETDATA records may be long: every byte of one comes through. */
START_TEST(a_long_record)
{
    struct buf record, line;
    buf_init(&record, 70000);
    buf_init(&line, 70000);
    buf_fill(&record, 0x81, 65535);
    punch_line(&line, buf_cur(&record), ebc_page_default());
    ck_assert_uint_eq(line.n, 65535);
    for (size_t i = 0; i < line.n; i++)
        ck_assert_uint_eq(line.p[i], 'a');
    buf_done(&record);
    buf_done(&line);
}
END_TEST

/* Cards are collected as text, each ended by '|'. */
static void collect(void *arg, struct cur bytes)
{
    struct buf *b = arg;
    ck_assert_uint_eq(cur_left(&bytes), CARD_SIZE);
    punch_line(b, bytes, ebc_page_default());
    buf_u8(b, '|');
}

#define A10 "aaaaaaaaaa"
#define A80 A10 A10 A10 A10 A10 A10 A10 A10

START_TEST(lines_to_cards)
{
    static const struct {
        const char *line, *want;
        size_t replaced;
    } t[] = {
        {"", "|", 0},
        {"   ", "|", 0},
        {"one", "one|", 0},
        {A80, A80 "|", 0},
        {A80 "b", A80 "|b|", 0},
        {A80 A80, A80 "|" A80 "|", 0},
        {A80 "   ", A80 "|", 0},
        {"a\tb", "a       b|", 0},
        {"1234567\tb", "1234567 b|", 0},
        {"12345678\tb", "12345678        b|", 0},
        {A10 A10 A10 A10 A10 A10 A10 "1234567\tb", A10 A10 A10 A10 A10 A10 A10 "1234567|b|", 0},
        {"a\x01"
         "b\r\nc\x7F"
         "d",
         "a b  c d|", 4},
        {"new\fpage", "newpage|", 1},
        {"caf\u00E9 \u201Cq\u201D", "caf\u00E9 \"q\"|", 2},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct buf b;
        buf_init(&b, 1000);
        size_t replaced = punch_text(str_of(t[i].line), ebc_page_default(), collect, &b);
        ck_assert_str_eq(buf_cstr(&b), t[i].want);
        ck_assert_msg(replaced == t[i].replaced, "row %zu: %zu replaced", i, replaced);
        buf_done(&b);
    }
}
END_TEST

START_TEST(read_cards)
{
    static const struct {
        const char *card, *fn, *ft; /* NULL: none */
    } t[] = {
        {":READ  PROFILE  EXEC     A1 ALICE 01/02/93", "PROFILE", "EXEC"},
        {":READ  LONGNAME LONGTYPE B", "LONGNAME", "LONGTYPE"},
        {":READ A B", "A", "B"},
        {":READ A", NULL, NULL},
        {":READ", NULL, NULL},
        {":READX A B", NULL, NULL},
        {":READ  NINECHARS EXEC", NULL, NULL},
        {":READ  FN NINECHARS", NULL, NULL},
        {"READ  A B", NULL, NULL},
        {" :READ  A B", NULL, NULL},
        {"", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct buf b;
        struct nje_name fn, ft;
        char text[9];
        buf_init(&b, 200);
        (void)ebc_from_utf8(&b, ebc_page_default(), str_of(t[i].card));
        memset(&fn, 0xEE, sizeof fn);
        for (size_t pad = 0; pad < 2; pad++) {
            bool found = punch_read_card(buf_cur(&b), &fn, &ft);
            ck_assert_msg(found == (t[i].fn != NULL), "'%s'", t[i].card);
            if (found) {
                ck_assert_str_eq(ebc_name_text(&fn, text).p, t[i].fn);
                ck_assert_str_eq(ebc_name_text(&ft, text).p, t[i].ft);
            } else {
                ck_assert_uint_eq(fn.e[0], 0xEE);
            }
            buf_fill(&b, 0x40, 80 - b.n);
        }
        buf_done(&b);
    }
}
END_TEST

/* Byte by byte, without a look at what stands beside it. */
static void plain_line(struct buf *line, const uint8_t *e, size_t n, const struct ebc_page *page)
{
    while (n > 0 && (e[n - 1] == 0x40 || e[n - 1] == 0))
        n--;
    for (size_t i = 0; i < n; i++) {
        bool control = e[i] != 0x05 && (e[i] < 0x40 || e[i] == 0xFF);
        uint8_t shown = control ? 0x40 : e[i];
        ebc_to_utf8(line, page, cur_of(&shown, 1));
    }
}

/* Eight bytes at a time are the same as one by one: any page, length, and place of what is not
 * ASCII. */
START_TEST(lines_of_any_length)
{
    static const char *const names[] = {"037", "1047", "273", "875", "1025"};
    uint32_t seed = 1;
    for (size_t round = 0; round < 20000; round++) {
        const struct ebc_page *page = ebc_page(str_of(names[round % 5]));
        uint8_t e[700];
        size_t n = round % 100 == 0 ? 600 + round % 90 : round % 41;
        unsigned odd = round % 7; /* of 64 bytes */
        for (size_t i = 0; i < n; i++) {
            seed = seed * 1664525u + 1013904223u;
            e[i] = seed >> 26 < odd ? (uint8_t)(seed >> 8) : (uint8_t)(0xC1 + (seed >> 12) % 9);
        }
        struct buf line, want;
        buf_init(&line, round % 2 == 0 ? 10000 : 3 * n); /* hardly room */
        buf_init(&want, 10000);
        punch_line(&line, cur_of(e, n), page);
        plain_line(&want, e, n, page);
        ck_assert_uint_eq(line.n, want.n);
        ck_assert(str_eq(buf_text(&line), buf_text(&want)));
        buf_done(&line);
        buf_done(&want);
    }
}
END_TEST

static Suite *test_punch_suite(void)
{
    Suite *s = suite_create("punch");
    TCase *t = tcase_create("all");
    tcase_add_test(t, cards_to_lines);
    tcase_add_test(t, controls_anywhere);
    tcase_add_test(t, a_long_record);
    tcase_add_test(t, lines_to_cards);
    tcase_add_test(t, read_cards);
    tcase_add_test(t, lines_of_any_length);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_punch_suite)
