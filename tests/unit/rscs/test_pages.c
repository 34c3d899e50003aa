/* tests/unit/rscs/test_pages.c -- rscs/pages: every page against iconv and, where it is installed,
 * ICU, with the differences named; replacements, '@', double-byte pages and their records. */
#include <fcntl.h>
#include <iconv.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "rscs/punch.h"
#include "unit/unit.h"

static const char *const single[] = {
    "037",  "1047", "500",  "273",  "277",  "278",  "280",  "284",  "285",  "297",  "871",  "924",
    "1140", "1141", "1142", "1143", "1144", "1145", "1146", "1147", "1148", "1149", "870",  "1153",
    "1026", "1112", "1122", "1025", "1154", "875",  "290",  "420",  "424",  "1130", "1132", "1160",
};
static const char *const doubles[] = {"930", "933", "935", "937", "939"};
#define N(a) (sizeof(a) / sizeof *(a))

static const struct ebc_page *page(const char *name)
{
    const struct ebc_page *p = ebc_page(str_of(name));
    ck_assert_msg(p != NULL, "page %s", name);
    return p;
}

/* A double-byte page; NULL where the C library has none of them. */
static const struct ebc_page *double_page(const char *name)
{
    iconv_t cd = iconv_open("UTF-8", "IBM930");
    if (cd == (iconv_t)-1)
        return NULL;
    iconv_close(cd);
    return page(name);
}

static uint32_t rune_of(const char *name, unsigned e)
{
    uint8_t byte = (uint8_t)e;
    struct buf b;
    buf_init(&b, 8);
    ebc_to_utf8(&b, page(name), cur_of(&byte, 1));
    struct str s = buf_text(&b);
    ck_assert_msg(s.n > 0, "page %s X'%02X' is nothing", name, e);
    uint32_t rune = text_rune(&s);
    ck_assert_uint_eq(s.n, 0);
    buf_done(&b);
    return rune;
}

/* Where the others differ from the registry, or from what mail uses: see the head of pages.c. */
struct difference {
    const char *page;
    unsigned e;
    uint32_t theirs, ours;
};

static bool is_named(const struct difference *d, size_t n, const char *name, unsigned e,
                     uint32_t theirs, uint32_t ours)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(d[i].page, name) == 0 && d[i].e == e)
            return d[i].theirs == theirs && d[i].ours == ours;
    return false;
}

START_TEST(charts_against_iconv)
{
    static const struct difference named[] = {
        {"278", 0x71, 0xC9, '\\'},     {"278", 0xE0, '\\', 0xC9},   {"285", 0xA1, 0x203E, 0xAF},
        {"871", 0x4A, 0xFE, 0xDE},     {"871", 0xC0, 0xDE, 0xFE},   {"1026", 0x9D, 0x2DB, 0xB8},
        {"1026", 0xBC, 0x2014, 0xAF},  {"870", 0xB0, 0xB7, 0x2D9},  {"875", 0x6A, 0xFFFD, '|'},
        {"875", 0x74, 0x2207, 0xA0},   {"875", 0xDD, 0xB7, 0x387},  {"1132", 0x70, 'k', 0x20AD},
        {"424", 0x78, 0x21D4, 0x2017}, {"424", 0x8F, 0xFFFD, 0xB1},
    };
    for (size_t i = 0; i < N(single); i++) {
        char theirs_name[16];
        (void)snprintf(theirs_name, sizeof theirs_name, "IBM%s", single[i]);
        iconv_t cd = iconv_open("UTF-8", theirs_name);
        /* glibc's 290 is not the page of that number: full-width Katakana, no small letters. */
        if (cd == (iconv_t)-1)
            continue;
        bool other = strcmp(single[i], "290") == 0;
        for (unsigned e = 0; e < 256 && !other; e++) {
            char in[1] = {(char)e}, out[8], *from = in, *to = out;
            size_t nin = 1, nout = sizeof out;
            uint32_t theirs = 0xFFFD, ours = rune_of(single[i], e);
            if (iconv(cd, &from, &nin, &to, &nout) != (size_t)-1) {
                struct str s = {out, sizeof out - nout};
                theirs = text_rune(&s);
            }
            if (theirs != ours)
                ck_assert_msg(is_named(named, N(named), single[i], e, theirs, ours),
                              "page %s X'%02X': iconv U+%04X, we U+%04X", single[i], e, theirs,
                              ours);
        }
        iconv_close(cd);
    }
}
END_TEST

/* In the child: ICU's converter on the two pipes. */
static void run_uconv(const char *name, int in, int out)
{
    char from[16];
    (void)snprintf(from, sizeof from, "ibm-%s", strcmp(name, "037") == 0 ? "37" : name);
    int null = open("/dev/null", O_WRONLY);
    if (dup2(in, 0) == 0 && dup2(out, 1) == 1 && dup2(null, 2) == 2)
        execlp("uconv", "uconv", "-f", from, "-t", "UTF-16BE", "--from-callback", "substitute",
               (char *)NULL);
    _exit(127);
}

/* Answers the code units of UTF-16 that ICU makes of a few bytes, 0 when it is not there or does
 * not know the page. */
static size_t icu(const char *name, const uint8_t *bytes, size_t n, uint8_t *out, size_t max)
{
    int to[2], from[2], status = 0;
    ck_assert_int_eq(pipe2(to, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(from, O_CLOEXEC), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        run_uconv(name, to[0], from[1]);
    close(to[0]);
    close(from[1]);
    (void)signal(SIGPIPE, SIG_IGN); /* it may be gone already */
    (void)!write(to[1], bytes, n);
    close(to[1]);
    size_t got = 0;
    for (ssize_t k; (k = read(from[0], out + got, max - got)) > 0;)
        got += (size_t)k;
    close(from[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? got / 2 : 0;
}

START_TEST(charts_against_icu)
{
    static const struct difference named[] = {
        {"1026", 0x9A, 0x20BA, 0xAA},
        {"420", 0x45, 0x200B, 0xFFFD},
        {"424", 0xB3, 0x2022, 0xB7},
        {"424", 0xBC, 0x203E, 0xAF},
    };
    uint8_t all[256], out[1024];
    for (unsigned e = 0; e < 256; e++)
        all[e] = (uint8_t)e;
    for (size_t i = 0; i < N(single); i++) {
        size_t n = icu(single[i], all, 256, out, sizeof out);
        if (n == 0) /* no uconv; and ICU does not carry 924 */
            continue;
        ck_assert_uint_eq(n, 256);
        for (unsigned e = 0; e < 256; e++) {
            uint32_t theirs = (uint32_t)out[2 * e] << 8 | out[2 * e + 1];
            uint32_t ours = rune_of(single[i], e);
            if (theirs != ours)
                ck_assert_msg(is_named(named, N(named), single[i], e, theirs, ours),
                              "page %s X'%02X': ICU U+%04X, we U+%04X", single[i], e, theirs, ours);
        }
    }
}
END_TEST

START_TEST(every_byte_goes_there_and_back)
{
    for (size_t i = 0; i < N(single); i++)
        for (unsigned e = 0; e < 256; e++) {
            uint8_t byte = (uint8_t)e;
            uint32_t rune = rune_of(single[i], e);
            struct buf text, back;
            buf_init(&text, 8);
            buf_init(&back, 8);
            ebc_to_utf8(&text, page(single[i]), cur_of(&byte, 1));
            size_t replaced = ebc_from_utf8(&back, page(single[i]), buf_text(&text));
            bool lost = rune == 0xA0 || rune == 0xAD || rune == 0xFFFD;
            bool same = back.n == 1 && back.p[0] == byte;
            if (strcmp(single[i], "1160") == 0 && rune >= 0xE48 && rune <= 0xE4B && !lost)
                same = back.n == 1 && rune_of("1160", back.p[0]) == rune; /* they stand twice */
            ck_assert_msg(lost ? !same && replaced == 1 : same && replaced == 0,
                          "page %s X'%02X' U+%04X: %zu bytes, X'%02X'", single[i], e, rune, back.n,
                          back.n > 0 ? back.p[0] : 0);
            buf_done(&text);
            buf_done(&back);
        }
}
END_TEST

/* All of Latin-1 is in the country pages, all but one character in their euro versions. */
START_TEST(complete_pages)
{
    for (size_t i = 0; i < 22; i++) {
        unsigned seen = 0;
        for (unsigned e = 0; e < 256; e++)
            seen += rune_of(single[i], e) < 256;
        unsigned want = strcmp(single[i], "924") == 0 ? 248 : i < 12 ? 256 : 255;
        ck_assert_msg(seen == want, "page %s: %u", single[i], seen);
    }
}
END_TEST

START_TEST(characters_that_move)
{
    static const struct {
        const char *page;
        uint8_t e[15]; /* of the text below */
    } t[] = {
        {"037", "\x7C\x7B\x5B\x5A\x4F\xBA\xBB\xC0\xD0\xE0\xB0\xA1\x79\x5F\x4A"},
        {"1140", "\x7C\x7B\x5B\x5A\x4F\xBA\xBB\xC0\xD0\xE0\xB0\xA1\x79\x5F\x4A"},
        {"1047", "\x7C\x7B\x5B\x5A\x4F\xAD\xBD\xC0\xD0\xE0\x5F\xA1\x79\xB0\x4A"},
        {"924", "\x7C\x7B\x5B\x5A\x4F\xAD\xBD\xC0\xD0\xE0\x5F\xA1\x79\xBA\xB0"},
        {"500", "\x7C\x7B\x5B\x4F\xBB\x4A\x5A\xC0\xD0\xE0\x5F\xA1\x79\xBA\xB0"},
        {"273", "\xB5\x7B\x5B\x4F\xBB\x63\xFC\x43\xDC\xEC\x5F\x59\x79\xBA\xB0"},
        {"1141", "\xB5\x7B\x5B\x4F\xBB\x63\xFC\x43\xDC\xEC\x5F\x59\x79\xBA\xB0"},
        {"277", "\x80\x4A\x67\x4F\xBB\x9E\x9F\x9C\x47\xE0\x5F\xDC\x79\xBA\xB0"},
        {"278", "\xEC\x63\x67\x4F\xBB\xB5\x9F\x43\x47\x71\x5F\xDC\x51\xBA\xB0"},
        {"1143", "\xEC\x63\x67\x4F\xBB\xB5\x9F\x43\x47\x71\x5F\xDC\x51\xBA\xB0"},
        {"280", "\xB5\xB1\x5B\x4F\xBB\x90\x51\x44\x54\x48\x5F\x58\xDD\xBA\xB0"},
        {"284", "\x7C\x69\x5B\xBB\x4F\x4A\x5A\xC0\xD0\xE0\xBA\xBD\x79\x5F\xB0"},
        {"285", "\x7C\x7B\x4A\x5A\x4F\xB1\xBB\xC0\xD0\xE0\xBA\xBC\x79\x5F\xB0"},
        {"297", "\x44\xB1\x5B\x4F\xBB\x90\xB5\x51\x54\x48\x5F\xBD\xA0\xBA\xB0"},
        {"871", "\xAC\x7B\x5B\x4F\xBB\xAE\x9E\x8E\x9C\xBE\xEC\xCC\x8C\xBA\xB0"},
        {"1026", "\xAE\xEC\xAD\x4F\xBB\x68\xAC\x48\x8C\xDC\x5F\xCC\x8D\xBA\xB0"},
    };
    for (size_t i = 0; i < N(t); i++) {
        struct buf b;
        buf_init(&b, 32);
        ck_assert_uint_eq(ebc_from_utf8(&b, page(t[i].page), STR("@#$!|[]{}\\^~`\u00AC\u00A2")), 0);
        ck_assert_uint_eq(b.n, 15);
        for (size_t k = 0; k < 15; k++)
            ck_assert_msg(b.p[k] == t[i].e[k], "page %s, character %zu: X'%02X'", t[i].page, k,
                          b.p[k]);
        ck_assert_uint_eq(ebc_at_sign(page(t[i].page)), t[i].e[0]);
        buf_done(&b);
    }
}
END_TEST

START_TEST(new_characters)
{
    static const struct {
        const char *page, *text;
        uint8_t e;
    } t[] = {
        {"1140", "\u20AC", 0x9F}, {"1142", "\u20AC", 0x5A}, {"1143", "\u20AC", 0x5A},
        {"924", "\u20AC", 0x9F},  {"924", "\u0160", 0x6A},  {"924", "\u0161", 0xBB},
        {"924", "\u017D", 0xBE},  {"924", "\u017E", 0x9D},  {"924", "\u0152", 0xB7},
        {"924", "\u0153", 0xB8},  {"924", "\u0178", 0xB9},  {"924", "\u00DD", 0x4A},
        {"870", "\u0141", 0xBA},  {"1025", "\u0416", 0xBF}, {"875", "\u03A9", 0x65},
    };
    for (size_t i = 0; i < N(t); i++) {
        struct buf b;
        buf_init(&b, 8);
        ck_assert_uint_eq(ebc_from_utf8(&b, page(t[i].page), str_of(t[i].text)), 0);
        ck_assert_msg(b.n == 1, "page %s %s", t[i].page, t[i].text);
        if (i < 13)
            ck_assert_msg(b.p[0] == t[i].e, "page %s %s: X'%02X'", t[i].page, t[i].text, b.p[0]);
        buf_done(&b);
    }
}
END_TEST

/* What a text reads like after the way through a page that lacks something. */
START_TEST(nearest_writing)
{
    static const struct {
        const char *page, *text, *want;
        size_t replaced;
    } t[] = {
        {"1140", "\u20AC \u00A4", "\u20AC ?", 1},
        {"273", "\u20AC [x] \u2026", "EUR [x] ...", 2},
        {"924", "\u00BC \u00A6 \u00B4 \u0160", "1/4 | ' \u0160", 3},
        {"875", "caf\u00E9 \u00DF \u00C6 \u03B1", "cafe ss AE \u03B1", 3},
        {"1025", "na\u00EFve \u2122 \u00F8", "naive (TM) o", 3},
        {"870", "\u0141\u00F3d\u017A ni\u00F1o", "\u0141\u00F3d\u017A nino", 1},
        {"420", "[x]", "?x?", 2},
        {"1026", "\u011F\u015F\u0131 \u00DE", "\u011F\u015F\u0131 Th", 1},
        {"1025", "\u2103", "oC", 1},
    };
    for (size_t i = 0; i < N(t); i++) {
        struct buf e, back;
        buf_init(&e, 100);
        buf_init(&back, 300);
        size_t replaced = ebc_from_utf8(&e, page(t[i].page), str_of(t[i].text));
        ebc_to_utf8(&back, page(t[i].page), buf_cur(&e));
        ck_assert_str_eq(buf_cstr(&back), t[i].want);
        ck_assert_msg(replaced == t[i].replaced, "'%s': %zu replaced", t[i].text, replaced);
        buf_done(&e);
        buf_done(&back);
    }
}
END_TEST

/* --- double-byte pages --- */

START_TEST(double_bytes)
{
    static const struct {
        const char *page, *text, *e;
    } t[] = {
        {"930", "\u65E5\u672C\u8A9E", "\x0E\x45\x62\x45\x66\x48\xE7\x0F"},
        {"939", "\u65E5\u672C\u8A9E", "\x0E\x45\x62\x45\x66\x48\xE7\x0F"},
        {"930", "ab", "\x62\x63"},
        {"939", "ab", "\x81\x82"},
        {"939", "a\u65E5b\u672C", "\x81\x0E\x45\x62\x0F\x82\x0E\x45\x66\x0F"},
        {"939", "\u65E5\u3000", "\x0E\x45\x62\x40\x40\x0F"},
        {"933", "\uD55C A", "\x0E\xD0\x65\x0F\x40\xC1"},
        {"935", "\u4E2D@", "\x0E\x5B\xCF\x0F\x7C"},
        {"937", "\u4E2D", "\x0E\x4C\x84\x0F"},
        {"939", "a\u65E5~\\", "\x81\x0E\x45\x62\x0F\xA1\xE0"},
        {"930", "~\\\u65E5", "\xA0\xB2\x0E\x45\x62\x0F"},
        {"939", "", ""},
    };
    for (size_t i = 0; i < N(t); i++) {
        const struct ebc_page *p = double_page(t[i].page);
        if (p == NULL)
            return;
        struct buf e, back;
        buf_init(&e, 100);
        buf_init(&back, 100);
        ck_assert(ebc_page_double(p));
        ck_assert_uint_eq(ebc_at_sign(p), 0x7C);
        ck_assert_uint_eq(ebc_from_utf8(&e, p, str_of(t[i].text)), 0);
        ck_assert_msg(e.n == strlen(t[i].e) && (e.n == 0 || memcmp(e.p, t[i].e, e.n) == 0),
                      "page %s %s", t[i].page, t[i].text);
        ebc_to_utf8(&back, p, buf_cur(&e));
        ck_assert_str_eq(buf_cstr(&back), t[i].text);
        buf_done(&e);
        buf_done(&back);
    }
    ck_assert(!ebc_page_double(ebc_page_default()));
}
END_TEST

/* Rows of pairs, first byte by first byte, each pair between SO and SI and with a line end behind
 * it. */
#define PAIRS_A_ROW 190u /* second bytes X'41' to X'FE' */
static size_t put_rows(uint8_t *to, unsigned first, unsigned rows)
{
    size_t n = 0;
    for (unsigned a = first; a < first + rows; a++)
        for (unsigned b = 0x41; b <= 0xFE; b++) {
            const uint8_t unit[] = {0x0E, (uint8_t)a, (uint8_t)b, 0x0F, 0x25};
            memcpy(to + n, unit, sizeof unit);
            n += sizeof unit;
        }
    return n;
}

/* What ICU has for a pair, the next in *at (big-endian UTF-16 up to the line end). */
static uint32_t next_of_icu(const uint8_t **at, const uint8_t *end)
{
    uint32_t rune = 0;
    while (end - *at >= 2) {
        uint32_t unit = (uint32_t)(*at)[0] << 8 | (*at)[1];
        *at += 2;
        if (unit == 0x0A)
            break;
        bool low = (unit & 0xFC00) == 0xDC00;
        rune = low ? 0x10000 + ((rune & 0x3FF) << 10) + (unit & 0x3FF) : unit;
    }
    return rune;
}

/* One pair: what ICU has we have, and it comes back as a pair that means the same. */
static bool check_pair(const char *name, const struct ebc_page *p, unsigned a, unsigned b,
                       uint32_t theirs)
{
    const uint8_t e[] = {0x0E, (uint8_t)a, (uint8_t)b, 0x0F};
    struct buf text, back, again;
    buf_init(&text, 16);
    buf_init(&back, 16);
    buf_init(&again, 16);
    ebc_to_utf8(&text, p, cur_of(e, sizeof e));
    struct str s = buf_text(&text);
    uint32_t ours = text_rune(&s);
    ck_assert_msg(ours == theirs && s.n == 0, "page %s X'%02X%02X': ICU U+%04X, we U+%04X", name, a,
                  b, theirs, ours);
    if (ours != 0xFFFD) {
        ck_assert_uint_eq(ebc_from_utf8(&back, p, buf_text(&text)), 0);
        ebc_to_utf8(&again, p, buf_cur(&back));
        ck_assert_msg(str_eq(buf_text(&again), buf_text(&text)),
                      "page %s X'%02X%02X' does not come back", name, a, b);
    }
    buf_done(&text);
    buf_done(&back);
    buf_done(&again);
    return ours != 0xFFFD;
}

#define ROWS 19u /* at once: less than a pipe holds, both ways */
START_TEST(double_charts_against_icu)
{
    static const unsigned known[] = {11634, 10756, 9355, 20263, 11634}; /* without X'4040' */
    static uint8_t in[ROWS * PAIRS_A_ROW * 5], out[65536];
    const char *name = doubles[_i];
    const struct ebc_page *p = double_page(name);
    unsigned defined = 0;
    for (unsigned first = 0x41; p != NULL && first < 0xFF; first += ROWS) {
        size_t n = icu(name, in, put_rows(in, first, ROWS), out, sizeof out);
        if (n == 0) /* no uconv */
            return;
        const uint8_t *at = out, *end = out + 2 * n;
        for (unsigned a = first; a < first + ROWS && a < 0xFF; a++)
            for (unsigned b = 0x41; b <= 0xFE; b++)
                defined += check_pair(name, p, a, b, next_of_icu(&at, end));
    }
    if (p != NULL)
        ck_assert_uint_eq(defined, known[_i]);
}
END_TEST

/* All printable ASCII, and '@' where the gateway looks for it, are in each of these pages. */
START_TEST(double_pages_have_ascii)
{
    for (size_t i = 0; i < N(doubles); i++) {
        const struct ebc_page *p = double_page(doubles[i]);
        for (char c = ' '; p != NULL && c <= '~'; c++) {
            struct buf e, back;
            buf_init(&e, 8);
            buf_init(&back, 8);
            ck_assert_uint_eq(ebc_from_utf8(&e, p, (struct str){&c, 1}), 0);
            ebc_to_utf8(&back, p, buf_cur(&e));
            ck_assert_msg(back.n == 1 && back.p[0] == (uint8_t)c, "page %s '%c'", doubles[i], c);
            buf_done(&e);
            buf_done(&back);
        }
    }
}
END_TEST

START_TEST(double_nearest_writing)
{
    static const struct {
        const char *text, *want;
        size_t replaced;
    } t[] = {
        {"\u65E5\u00A0\u672C", "\u65E5 \u672C", 1},
        {"so\u00ADft", "soft", 1},
        {"\u65E5\U0001F600\u672C", "\u65E5?\u672C", 1},
        {"\u65E5\u0141\u672C", "\u65E5L\u672C", 1},
        {"a\x0E"
         "b\x0F"
         "c",
         "a b c", 2},
        {"\uFFFD", "?", 1},
        {"bad \xFF\xE6\x97", "bad ???", 3},
        {"\u65E5\xE6", "\u65E5?", 1},
    };
    const struct ebc_page *p = double_page("939");
    for (size_t i = 0; p != NULL && i < N(t); i++) {
        struct buf e, back;
        buf_init(&e, 100);
        buf_init(&back, 100);
        size_t replaced = ebc_from_utf8(&e, p, str_of(t[i].text));
        ebc_to_utf8(&back, p, buf_cur(&e));
        ck_assert_str_eq(buf_cstr(&back), t[i].want);
        ck_assert_msg(replaced == t[i].replaced, "row %zu: %zu replaced", i, replaced);
        buf_done(&e);
        buf_done(&back);
    }
}
END_TEST

/* Records as they come: cut by programs that know nothing of pairs. */
START_TEST(double_records)
{
    static const struct {
        const char *e;
        size_t n;
        const char *want;
    } t[] = {
        {"\x0E\x45\x62\x45\x66", 5, "\u65E5\u672C"},                   /* no SI */
        {"\x0E\x45\x62\x45", 4, "\u65E5\uFFFD"},                       /* half a pair */
        {"\x0E\x45\x62\x45\x0F\xC1", 6, "\u65E5\uFFFDA"},              /* and SI */
        {"\x0F\xC1\x0F\xC2", 4, "AB"},                                 /* SI alone */
        {"\x0E\x45\x62\x0E\x45\x66\x0F", 7, "\u65E5\u672C"},           /* SO twice */
        {"\x0E\x0F\xC1", 3, "A"},                                      /* nothing between */
        {"\x0E\x45\x62\x01\x02\x45\x66\x0F", 8, "\u65E5\uFFFD\u672C"}, /* no such pair */
        {"\x0E\x45\x62\x0F\x40\x40\x00", 7, "\u65E5"},                 /* trailing blanks */
        {"\x0E\x45\x62\x40\x40\x0F\x40", 7, "\u65E5\u3000"},           /* a double blank */
        {"\x0E\x45\x62\x40\x40", 5, "\u65E5\u3000"},                   /* and no SI */
        {"\xC1\x05\xC2\x25\x15\xC3", 6, "A\tB  C"},                    /* controls */
        {"\x40\x40", 2, ""},
        {"", 0, ""},
    };
    const struct ebc_page *p = double_page("939");
    for (size_t i = 0; p != NULL && i < N(t); i++) {
        struct buf line;
        uint8_t *mem = malloc(t[i].n + 1);
        memcpy(mem, t[i].e, t[i].n);
        buf_init(&line, 100);
        punch_line(&line, cur_of(mem, t[i].n), p);
        ck_assert_msg(strcmp(buf_cstr(&line), t[i].want) == 0, "row %zu: %s", i, buf_cstr(&line));
        buf_done(&line);
        free(mem);
    }
}
END_TEST

/* Shifted in at both ends, pairs whole. */
static void assert_closed(struct cur record)
{
    bool shifted = false;
    while (cur_left(&record) > 0) {
        uint8_t e = cur_u8(&record);
        if (e == 0x0E || e == 0x0F) {
            ck_assert(shifted == (e == 0x0F));
            shifted = !shifted;
        } else if (shifted) {
            ck_assert_uint_gt(cur_left(&record), 0);
            e = cur_u8(&record);
            ck_assert(e != 0x0E && e != 0x0F);
        }
    }
    ck_assert(!shifted);
}

static const char *const mixed[] = {
    "",
    "plain text only, longer than most widths here",
    "\u65E5",
    "\u65E5\u672C\u8A9E\u65E5\u672C\u8A9E\u65E5\u672C\u8A9E\u65E5\u672C\u8A9E",
    "a\u65E5b\u672Cc\u8A9Ed\u65E5e\u672Cf\u8A9E",
    "abc\u65E5\u672C\u8A9Edefg\u65E5\u672C\u8A9Ehi\u3000\u3000j\u65E5",
};

START_TEST(records_are_cut_between_pairs)
{
    const struct ebc_page *p = double_page("939");
    for (size_t i = 0; p != NULL && i < N(mixed); i++)
        for (size_t max = 0; max < 40; max++) {
            struct buf e, back;
            struct ebc_cut k;
            struct cur record;
            size_t records = 0;
            buf_init(&e, 200);
            buf_init(&back, 200);
            ck_assert_uint_eq(ebc_from_utf8(&e, p, str_of(mixed[i])), 0);
            ebc_cut_begin(&k, p, buf_cur(&e));
            while (ebc_cut_next(&k, max, &record)) {
                ck_assert_uint_le(cur_left(&record), max < 4 ? 4 : max);
                ck_assert(records == 0 || cur_left(&record) > 0);
                ck_assert_uint_lt(records++, 100);
                assert_closed(record);
                ebc_to_utf8(&back, p, record);
            }
            ebc_cut_end(&k);
            ck_assert_str_eq(buf_cstr(&back), mixed[i]);
            ck_assert_uint_gt(records, 0);
            if (max > 4)
                ck_assert_msg(records <= 1 + 2 * e.n / (max - 3), "%zu at %zu", records, max);
            buf_done(&e);
            buf_done(&back);
        }
}
END_TEST

START_TEST(single_records_are_cut_anywhere)
{
    struct ebc_cut k;
    struct cur record;
    ebc_cut_begin(&k, ebc_page_default(), cur_of("\x81\x0E\x82\x83\x84\x85\x86", 7));
    ck_assert(ebc_cut_next(&k, 5, &record));
    ck_assert_uint_eq(cur_left(&record), 5);
    ck_assert(ebc_cut_next(&k, 5, &record));
    ck_assert_uint_eq(cur_left(&record), 2);
    ck_assert(!ebc_cut_next(&k, 5, &record));
    ebc_cut_end(&k);
    ebc_cut_begin(&k, ebc_page_default(), cur_of("", 0));
    ck_assert(ebc_cut_next(&k, 5, &record));
    ck_assert_uint_eq(cur_left(&record), 0);
    ck_assert(!ebc_cut_next(&k, 5, &record));
    ebc_cut_end(&k);
}
END_TEST

struct cards {
    const struct ebc_page *page;
    struct buf text;
    size_t n;
};

static void collect(void *arg, struct cur card)
{
    struct cards *c = arg;
    ck_assert_uint_eq(cur_left(&card), CARD_SIZE);
    assert_closed(card);
    punch_line(&c->text, card, c->page);
    c->n++;
}

START_TEST(double_bytes_on_cards)
{
    const struct ebc_page *p = double_page("939");
    for (size_t lead = 0; p != NULL && lead < 90; lead++) {
        struct buf line;
        struct cards c = {.page = p};
        buf_init(&line, 1000);
        buf_init(&c.text, 1000);
        buf_fill(&line, 'x', lead);
        for (size_t i = 0; i < 60; i++)
            buf_z(&line, i % 20 == 13 ? "\u3000" : "\u65E5");
        ck_assert_uint_eq(punch_text(buf_text(&line), p, collect, &c), 0);
        ck_assert_str_eq(buf_cstr(&c.text), buf_cstr(&line));
        ck_assert_msg(c.n == (lead + 122 + 79) / 80 || c.n == (lead + 122 + 79) / 80 + 1,
                      "%zu cards", c.n);
        buf_done(&line);
        buf_done(&c.text);
    }
    /* A tab stays outside the pairs: X'05' may be half of one. */
    if (p != NULL) {
        struct cards c = {.page = p};
        buf_init(&c.text, 1000);
        ck_assert_uint_eq(punch_text(STR("a\t\u65E5\x01 "), p, collect, &c), 1);
        ck_assert_str_eq(buf_cstr(&c.text), "a       \u65E5");
        buf_done(&c.text);
    }
}
END_TEST

START_TEST(double_pages_in_a_full_buf)
{
    const struct ebc_page *p = double_page("939");
    for (size_t max = 0; p != NULL && max < 10; max++) {
        struct buf b;
        buf_init(&b, max);
        (void)ebc_from_utf8(&b, p, STR("\u65E5\u672C\u8A9E \U0001F600\u65E5\u2026"));
        ck_assert(b.over);
        ck_assert_uint_le(b.n, max);
        buf_reset(&b);
        ebc_to_utf8(&b, p, cur_of("\x0E\x45\x62\x01\x02\x45\x66\x45\x62\x0F", 10));
        ck_assert(b.over);
        buf_done(&b);
    }
}
END_TEST

static Suite *test_pages_suite(void)
{
    Suite *s = suite_create("pages");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, charts_against_iconv);
    tcase_add_test(t, charts_against_icu);
    tcase_add_test(t, every_byte_goes_there_and_back);
    tcase_add_test(t, complete_pages);
    tcase_add_test(t, characters_that_move);
    tcase_add_test(t, new_characters);
    tcase_add_test(t, nearest_writing);
    tcase_add_test(t, double_bytes);
    tcase_add_loop_test(t, double_charts_against_icu, 0, N(doubles));
    tcase_add_test(t, double_pages_have_ascii);
    tcase_add_test(t, double_nearest_writing);
    tcase_add_test(t, double_records);
    tcase_add_test(t, records_are_cut_between_pairs);
    tcase_add_test(t, single_records_are_cut_anywhere);
    tcase_add_test(t, double_bytes_on_cards);
    tcase_add_test(t, double_pages_in_a_full_buf);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_pages_suite)
