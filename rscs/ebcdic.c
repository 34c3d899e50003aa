/* rscs/ebcdic.c -- see ebcdic.h
 *
 * Conversion by the charts of pages.c, one byte a character, and NJE names. Double-byte pages go to
 * pages_double.c.
 */
#include "rscs/ebcdic.h"

#include <endian.h>
#include <string.h>

#include "base/text.h"
#include "rscs/pages.h"

#define CHUNK 512u

/* Latin-1 to byte. Pages without such a table get one made in `made`, '?' where they have nothing:
 * a fraction of a microsecond for a line. */
static const uint8_t *from_latin1(const struct ebc_page *page, uint8_t made[256])
{
    if (page->from != NULL)
        return page->from;
    memset(made, EBC_QUESTION, 256);
    for (size_t e = 256; e-- > 0;)
        if (page->to[e] < 256)
            made[page->to[e]] = (uint8_t)e;
    return made;
}

uint8_t ebc_at_sign(const struct ebc_page *page)
{
    for (size_t e = 0; page->to != NULL && e < 256; e++)
        if (page->to[e] == '@')
            return (uint8_t)e;
    return EBC_AT;
}

/* --- names ---------------------------------------------------------------------------------------
 * NJE compares bytes; # @ $ are the national characters X'7B' X'7C' X'5B' whatever the page shows.
 */

static bool name_char(char c, uint8_t *e)
{
    c = ascii_upper(c);
    bool good = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                (c != '\0' && strchr("$#@_-+:", c) != NULL);
    *e = good ? ebc_page_default()->from[(uint8_t)c] : EBC_QUESTION;
    return good;
}

bool ebc_name(struct nje_name *name, struct str text)
{
    if (text.n == 0 || text.n > sizeof name->e)
        return false;
    struct nje_name made;
    memset(made.e, EBC_BLANK, sizeof made.e);
    for (size_t i = 0; i < text.n; i++)
        if (!name_char(text.p[i], &made.e[i]))
            return false;
    *name = made;
    return true;
}

struct nje_name ebc_name_of(struct str text)
{
    struct nje_name name;
    memset(name.e, EBC_BLANK, sizeof name.e);
    for (size_t n = 0; text.n > 0 && n < sizeof name.e; n++) {
        uint32_t rune = text_rune(&text);
        (void)name_char(rune < 0x80 ? (char)rune : '?', &name.e[n]);
    }
    return name;
}

struct str ebc_name_text(const struct nje_name *name, char out[9])
{
    size_t n = 0;
    for (size_t i = 0; i < sizeof name->e; i++) {
        uint16_t rune = name->e[i] == 0 ? ' ' : ebc_page_default()->to[name->e[i]];
        out[i] = rune >= 0x20 && rune < 0x7F ? (char)rune : '?';
        if (out[i] != ' ')
            n = i + 1;
    }
    out[n] = '\0';
    return (struct str){out, n};
}

bool ebc_name_empty(const struct nje_name *name)
{
    for (size_t i = 0; i < sizeof name->e; i++)
        if (name->e[i] != 0 && name->e[i] != EBC_BLANK)
            return false;
    return true;
}

/* a-i j-r s-z have their capitals X'40' above in every page. */
static uint8_t fold(uint8_t e)
{
    bool small = (e >= 0x81 && e <= 0x89) || (e >= 0x91 && e <= 0x99) || (e >= 0xA2 && e <= 0xA9);
    return e == 0 ? EBC_BLANK : (uint8_t)(small ? e + 0x40 : e);
}

bool ebc_name_eq(const struct nje_name *a, const struct nje_name *b)
{
    for (size_t i = 0; i < sizeof a->e; i++) {
        if (fold(a->e[i]) != fold(b->e[i]))
            return false;
    }
    return true;
}

void ebc_name_get(struct cur *c, struct nje_name *name)
{
    cur_copy(c, name->e, sizeof name->e);
    for (size_t i = 0; i < sizeof name->e; i++)
        if (name->e[i] == 0)
            name->e[i] = EBC_BLANK;
}

/* --- bytes to text --- */

/* Tables hold only the basic plane, so three bytes are the most. */
static size_t put_utf8(uint8_t *out, uint16_t rune)
{
    if (rune < 0x80) {
        out[0] = (uint8_t)rune;
        return 1;
    }
    if (rune < 0x800) {
        out[0] = (uint8_t)(0xC0 | rune >> 6);
        out[1] = (uint8_t)(0x80 | (rune & 0x3F));
        return 2;
    }
    out[0] = (uint8_t)(0xE0 | rune >> 12);
    out[1] = (uint8_t)(0x80 | (rune >> 6 & 0x3F));
    out[2] = (uint8_t)(0x80 | (rune & 0x3F));
    return 3;
}

/* Eight bytes by a table of pages_ascii. */
static uint64_t eight(const uint8_t *ascii, const uint8_t *p)
{
    return (uint64_t)ascii[p[0]] | (uint64_t)ascii[p[1]] << 8 | (uint64_t)ascii[p[2]] << 16 |
           (uint64_t)ascii[p[3]] << 24 | (uint64_t)ascii[p[4]] << 32 | (uint64_t)ascii[p[5]] << 40 |
           (uint64_t)ascii[p[6]] << 48 | (uint64_t)ascii[p[7]] << 56;
}

static bool put_eight(uint8_t *text, const uint8_t *ascii, const uint8_t *p)
{
    uint64_t v = eight(ascii, p);
    if ((v & UINT64_C(0x8080808080808080)) != 0)
        return false;
    v = htole64(v);
    memcpy(text, &v, sizeof v);
    return true;
}

/* How many bytes at the start became ASCII: the common case of mail, eight at a time, the last
 * eight together with some of those before. */
static size_t put_ascii_run(uint8_t *text, const uint8_t *ascii, const uint8_t *p, size_t n)
{
    size_t i = 0;
    while (i + 8 <= n && put_eight(text + i, ascii, p + i))
        i += 8;
    bool rest = i < n && i + 8 > n && n >= 8;
    return rest && put_eight(text + n - 8, ascii, p + n - 8) ? n : i;
}

static void to_utf8(struct buf *out, const struct ebc_page *page, struct cur bytes, bool line)
{
    const uint8_t *ascii = pages_ascii(page, line);
    while (cur_left(&bytes) > 0) {
        size_t n = cur_left(&bytes) < CHUNK ? cur_left(&bytes) : CHUNK, used = 0, i = 0;
        struct cur part = cur_sub(&bytes, n);
        uint8_t made[CHUNK * 3], *room = buf_room(out, 3 * n), *text = room != NULL ? room : made;
        while (i < n) {
            size_t run = put_ascii_run(text + used, ascii, part.p + i, n - i);
            i += run, used += run;
            for (size_t stop = i + 8 < n ? i + 8 : n; i < stop; i++)
                used += put_utf8(text + used, page->to[line ? ebc_as_shown(part.p[i]) : part.p[i]]);
        }
        if (room != NULL)
            buf_wrote(out, used);
        else
            buf_add(out, made, used);
    }
}

void ebc_to_utf8(struct buf *out, const struct ebc_page *page, struct cur bytes)
{
    if (page->to == NULL)
        double_to_utf8(out, page, bytes);
    else
        to_utf8(out, page, bytes, false);
}

void ebc_line_to_utf8(struct buf *out, const struct ebc_page *page, struct cur bytes)
{
    to_utf8(out, page, bytes, true);
}

/* --- text to bytes --- */

/* Nearest writing of what a page does not have, in Latin-1 and, for what Latin-1 itself has, in
 * ASCII: Greek, Cyrillic and Latin-9 pages miss some of it. "" drops the character. The
 * no-break space becomes a blank because X'41' shows as one but breaks REXX words. */
struct fold {
    uint16_t rune;
    const char *to;
};
/* clang-format off */
static const struct fold folds[] = {
    {0x00a0, " "}, {0x00a1, "!"}, {0x00a2, "c"}, {0x00a3, "GBP"}, {0x00a5, "JPY"}, {0x00a6, "|"},
    {0x00a8, "\""}, {0x00a9, "(C)"}, {0x00ab, "<<"}, {0x00ad, ""}, {0x00ae, "(R)"}, {0x00af, "-"},
    {0x00b0, "o"}, {0x00b1, "+/-"}, {0x00b2, "2"}, {0x00b3, "3"}, {0x00b4, "'"}, {0x00b5, "u"},
    {0x00b7, "."}, {0x00b8, ","}, {0x00b9, "1"}, {0x00bb, ">>"}, {0x00bc, "1/4"}, {0x00bd, "1/2"},
    {0x00be, "3/4"}, {0x00bf, "?"}, {0x00c6, "AE"}, {0x00d7, "x"}, {0x00de, "Th"}, {0x00df, "ss"},
    {0x00e6, "ae"}, {0x00f7, "/"}, {0x00fe, "th"}, {0x0132, "IJ"}, {0x0133, "ij"}, {0x0149, "'n"}, {0x0152, "OE"},
    {0x0153, "oe"}, {0x01c4, "DZ"}, {0x01c5, "Dz"}, {0x01c6, "dz"}, {0x01c7, "LJ"},
    {0x01c8, "Lj"}, {0x01c9, "lj"}, {0x01ca, "NJ"}, {0x01cb, "Nj"}, {0x01cc, "nj"},
    {0x01f1, "DZ"}, {0x01f2, "Dz"}, {0x01f3, "dz"}, {0x02b9, "'"}, {0x02ba, "\""}, {0x02bb, "'"},
    {0x02bc, "'"}, {0x02bd, "'"}, {0x02c6, "^"}, {0x02c8, "'"}, {0x02cb, "`"}, {0x02da, "\xb0"},
    {0x02dc, "~"}, {0x034f, ""}, {0x037e, ";"}, {0x03bc, "\xb5"}, {0x061c, ""}, {0x180e, ""},
    {0x1e9e, "SS"}, {0x2000, " "}, {0x2001, " "}, {0x2002, " "}, {0x2003, " "}, {0x2004, " "},
    {0x2005, " "}, {0x2006, " "}, {0x2007, " "}, {0x2008, " "}, {0x2009, " "}, {0x200a, " "},
    {0x200b, ""}, {0x200c, ""}, {0x200d, ""}, {0x200e, ""}, {0x200f, ""}, {0x2010, "-"},
    {0x2011, "-"}, {0x2012, "-"}, {0x2013, "-"}, {0x2014, "--"}, {0x2015, "--"}, {0x2016, "||"},
    {0x2017, "_"}, {0x2018, "'"}, {0x2019, "'"}, {0x201a, "'"}, {0x201b, "'"}, {0x201c, "\""},
    {0x201d, "\""}, {0x201e, "\""}, {0x201f, "\""}, {0x2020, "+"}, {0x2021, "++"}, {0x2022, "*"},
    {0x2023, ">"}, {0x2024, "."}, {0x2025, ".."}, {0x2026, "..."}, {0x2027, "\xb7"},
    {0x2028, " "}, {0x2029, " "}, {0x202a, ""}, {0x202b, ""}, {0x202c, ""}, {0x202d, ""},
    {0x202e, ""}, {0x202f, " "}, {0x2030, "o/oo"}, {0x2032, "'"}, {0x2033, "\""}, {0x2034, "'''"},
    {0x2035, "`"}, {0x2039, "<"}, {0x203a, ">"}, {0x203b, "*"}, {0x203c, "!!"}, {0x203e, "\xaf"},
    {0x2043, "-"}, {0x2044, "/"}, {0x2047, "?\?"}, {0x2048, "?!"}, {0x2049, "!?"}, {0x204e, "*"},
    {0x205f, " "}, {0x2060, ""}, {0x2061, ""}, {0x2062, ""}, {0x2063, ""}, {0x2064, ""},
    {0x2066, ""}, {0x2067, ""}, {0x2068, ""}, {0x2069, ""}, {0x2070, "0"}, {0x2071, "i"},
    {0x2074, "4"}, {0x2075, "5"}, {0x2076, "6"}, {0x2077, "7"}, {0x2078, "8"}, {0x2079, "9"},
    {0x207a, "+"}, {0x207b, "-"}, {0x207c, "="}, {0x207d, "("}, {0x207e, ")"}, {0x207f, "n"},
    {0x2080, "0"}, {0x2081, "1"}, {0x2082, "2"}, {0x2083, "3"}, {0x2084, "4"}, {0x2085, "5"},
    {0x2086, "6"}, {0x2087, "7"}, {0x2088, "8"}, {0x2089, "9"}, {0x208a, "+"}, {0x208b, "-"},
    {0x208c, "="}, {0x208d, "("}, {0x208e, ")"}, {0x20a4, "\xa3"}, {0x20ac, "EUR"},
    {0x20b9, "INR"}, {0x20bd, "RUB"}, {0x20bf, "BTC"}, {0x2103, "\xb0" "C"}, {0x2109, "\xb0" "F"},
    {0x2116, "No"}, {0x2117, "(P)"}, {0x2120, "(SM)"}, {0x2122, "(TM)"}, {0x2126, "Ohm"},
    {0x212a, "K"}, {0x212b, "\xc5"}, {0x2153, "1/3"}, {0x2154, "2/3"}, {0x215b, "1/8"},
    {0x215c, "3/8"}, {0x215d, "5/8"}, {0x215e, "7/8"}, {0x2160, "I"}, {0x2161, "II"},
    {0x2162, "III"}, {0x2163, "IV"}, {0x2164, "V"}, {0x2165, "VI"}, {0x2166, "VII"},
    {0x2167, "VIII"}, {0x2168, "IX"}, {0x2169, "X"}, {0x216a, "XI"}, {0x216b, "XII"},
    {0x2190, "<-"}, {0x2191, "^"}, {0x2192, "->"}, {0x2193, "v"}, {0x2194, "<->"}, {0x21d0, "<="},
    {0x21d2, "=>"}, {0x21d4, "<=>"}, {0x2212, "-"}, {0x2215, "/"}, {0x2216, "\\"}, {0x2217, "*"},
    {0x2218, "\xb0"}, {0x2219, "\xb7"}, {0x2223, "|"}, {0x2227, "^"}, {0x2236, ":"},
    {0x223c, "~"}, {0x2248, "~="}, {0x2260, "/="}, {0x2261, "=="}, {0x2264, "<="}, {0x2265, ">="},
    {0x226a, "\xab"}, {0x226b, "\xbb"}, {0x22c5, "\xb7"}, {0x2500, "-"}, {0x2502, "|"},
    {0x250c, "+"}, {0x2510, "+"}, {0x2514, "+"}, {0x2518, "+"}, {0x251c, "+"}, {0x2524, "+"},
    {0x252c, "+"}, {0x2534, "+"}, {0x253c, "+"}, {0x2550, "="}, {0x2551, "|"}, {0x25a0, "*"},
    {0x25aa, "*"}, {0x25b6, ">"}, {0x25ba, ">"}, {0x25cb, "o"}, {0x25cf, "*"}, {0x25e6, "o"},
    {0x2605, "*"}, {0x2610, "[ ]"}, {0x2611, "[x]"}, {0x2612, "[x]"}, {0x2639, ":-("},
    {0x263a, ":-)"}, {0x2713, "v"}, {0x2714, "v"}, {0x2717, "x"}, {0x2718, "x"}, {0x2794, "->"},
    {0x279c, "->"}, {0x27a1, "->"}, {0x2b05, "<-"}, {0x2b06, "^"}, {0x2b07, "v"}, {0x3000, " "},
    {0x3001, ","}, {0x3002, "."}, {0xfb00, "ff"}, {0xfb01, "fi"}, {0xfb02, "fl"}, {0xfb03, "ffi"},
    {0xfb04, "ffl"}, {0xfb05, "st"}, {0xfb06, "st"}, {0xfeff, ""}, {0xff0e, "."}, {0xfffd, "?"},
};

/* Letters without their accent, one a code point; '.' where there is none. */
static const char letters_00c0[] = "AAAAAA.CEEEEIIIIDNOOOOO.OUUUUY..aaaaaa.ceeeeiiiidnooooo.ouuuuy.y";
static const char letters_0100[] =
    "AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIi..JjKkkLlLlLlLlLlNnNnNn.NnOoOo"
    "Oo..RrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzs";
static const char letters_0180[] =
    "bB....OCcDD...EEEFfGG.IIKkl.MNnOOo..Pp...S..TtTUu.VYyZz......................AaI"
    "iOoUuUuUuUuUueAaAa....GgKkOoOo..j...Gg..NnAa....AaAaEeEeIiIiOoOoRrRrUuUuSsTt..Hh"
    "Nd..ZzAaEeOoOoOoOoYylntj..ACcLTsz..BU.EeJjQqRrYy";
static const char letters_1e00[] =
    "AaBbBbBbCcDdDdDdDdDdEeEeEeEeEeFfGgHhHhHhHhHhIiIiKkKkKkLlLlLlLlMmMmMmNnNnNnNnOoOo"
    "OoOoPpPpRrRrRrRrSsSsSsSsSsTtTtTtTtUuUuUuUuUuVvVvWwWwWwWwWwXxXxYyZzZzZzhtwyasss.."
    "AaAaAaAaAaAaAaAaAaAaAaAaEeEeEeEeEeEeEeEeIiIiOoOoOoOoOoOoOoOoOoOoOoOoUuUuUuUuUuUu"
    "UuYyYyYyYy....Yy";

/* Letter, combining mark less U+0300, and the Latin-1 letter they make (what NFC would answer). */
static const struct { char letter; uint8_t mark, rune; } composed[] = {
    {'A', 0x00, 0xc0}, {'A', 0x01, 0xc1}, {'A', 0x02, 0xc2}, {'A', 0x03, 0xc3}, {'A', 0x08, 0xc4},
    {'A', 0x0a, 0xc5}, {'C', 0x27, 0xc7}, {'E', 0x00, 0xc8}, {'E', 0x01, 0xc9}, {'E', 0x02, 0xca},
    {'E', 0x08, 0xcb}, {'I', 0x00, 0xcc}, {'I', 0x01, 0xcd}, {'I', 0x02, 0xce}, {'I', 0x08, 0xcf},
    {'N', 0x03, 0xd1}, {'O', 0x00, 0xd2}, {'O', 0x01, 0xd3}, {'O', 0x02, 0xd4}, {'O', 0x03, 0xd5},
    {'O', 0x08, 0xd6}, {'U', 0x00, 0xd9}, {'U', 0x01, 0xda}, {'U', 0x02, 0xdb}, {'U', 0x08, 0xdc},
    {'Y', 0x01, 0xdd}, {'a', 0x00, 0xe0}, {'a', 0x01, 0xe1}, {'a', 0x02, 0xe2}, {'a', 0x03, 0xe3},
    {'a', 0x08, 0xe4}, {'a', 0x0a, 0xe5}, {'c', 0x27, 0xe7}, {'e', 0x00, 0xe8}, {'e', 0x01, 0xe9},
    {'e', 0x02, 0xea}, {'e', 0x08, 0xeb}, {'i', 0x00, 0xec}, {'i', 0x01, 0xed}, {'i', 0x02, 0xee},
    {'i', 0x08, 0xef}, {'n', 0x03, 0xf1}, {'o', 0x00, 0xf2}, {'o', 0x01, 0xf3}, {'o', 0x02, 0xf4},
    {'o', 0x03, 0xf5}, {'o', 0x08, 0xf6}, {'u', 0x00, 0xf9}, {'u', 0x01, 0xfa}, {'u', 0x02, 0xfb},
    {'u', 0x08, 0xfc}, {'y', 0x01, 0xfd}, {'y', 0x08, 0xff},
};
/* clang-format on */

static const char *fold_of(uint32_t rune)
{
    size_t low = 0, high = sizeof folds / sizeof *folds;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (folds[mid].rune == rune)
            return folds[mid].to;
        if (folds[mid].rune < rune)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

/* The plain letter, or '.' */
static char letter_of(uint32_t rune)
{
    if (rune >= 0xC0 && rune <= 0xFF)
        return letters_00c0[rune - 0xC0];
    if (rune >= 0x100 && rune <= 0x17F)
        return letters_0100[rune - 0x100];
    if (rune >= 0x180 && rune <= 0x24F)
        return letters_0180[rune - 0x180];
    if (rune >= 0x1E00 && rune <= 0x1EFF)
        return letters_1e00[rune - 0x1E00];
    if (rune >= 0xFF01 && rune <= 0xFF5E) /* full-width forms of ASCII */
        return (char)(rune - 0xFEE0);
    return '.';
}

static bool is_invisible(uint32_t rune)
{
    return (rune >= 0x300 && rune <= 0x36F) ||   /* combining marks */
           (rune >= 0xFE00 && rune <= 0xFE0F) || /* variation selectors */
           (rune >= 0x1F3FB && rune <= 0x1F3FF); /* skin tones */
}

const char *pages_nearest(uint32_t rune, char one[2])
{
    const char *to = fold_of(rune);
    char letter = letter_of(rune);
    if (to != NULL)
        return to;
    one[0] = letter;
    one[1] = '\0';
    return letter != '.' ? one : is_invisible(rune) ? "" : NULL;
}

/* A page and its way back from Latin-1. */
struct way {
    const struct ebc_page *page;
    const uint8_t *from;
};

static bool page_byte(const struct way *way, uint32_t rune, uint8_t *byte)
{
    const uint16_t *to = way->page->to;
    if (rune < 0x100) {
        *byte = way->from[rune];
        return to[*byte] == rune;
    }
    for (size_t e = 0; e < 256 && rune != EBC_NONE; e++)
        if (to[e] == rune) {
            *byte = (uint8_t)e;
            return true;
        }
    return false;
}

static void put_latin1(struct buf *out, const struct way *way, const char *text)
{
    for (; *text != '\0'; text++) {
        uint8_t byte = 0, c = (uint8_t)*text;
        char one[2];
        const char *ascii = NULL;
        if (page_byte(way, c, &byte))
            buf_u8(out, byte);
        else if (c >= 0x80 && (ascii = pages_nearest(c, one)) != NULL)
            put_latin1(out, way, ascii); /* ASCII: the end of it */
        else
            buf_u8(out, EBC_QUESTION);
    }
}

static void put_nearest(struct buf *out, const struct way *way, uint32_t rune)
{
    char one[2];
    const char *to = pages_nearest(rune, one);
    put_latin1(out, way, to != NULL ? to : "?");
}

/* A combining mark after an ASCII letter already written: make it one character of the page. */
static bool compose(struct buf *out, const struct way *way, uint32_t letter, uint32_t mark)
{
    for (size_t i = 0; i < sizeof composed / sizeof *composed; i++) {
        uint8_t byte = 0;
        if ((uint8_t)composed[i].letter == letter && composed[i].mark + 0x300u == mark &&
            page_byte(way, composed[i].rune, &byte)) {
            buf_trim(out, out->n > 0 ? out->n - 1 : 0);
            buf_u8(out, byte);
            return true;
        }
    }
    return false;
}

static size_t ascii_run(struct str s)
{
    size_t n = 0;
    for (; n + 8 <= s.n; n += 8) {
        uint64_t eight;
        memcpy(&eight, s.p + n, sizeof eight);
        if ((eight & UINT64_C(0x8080808080808080)) != 0)
            break;
    }
    while (n < s.n && (uint8_t)s.p[n] < 0x80)
        n++;
    return n;
}

static void put_ascii(struct buf *out, const uint8_t *from, struct str s)
{
    uint8_t bytes[CHUNK];
    while (s.n > 0) {
        size_t n = s.n < CHUNK ? s.n : CHUNK;
        for (size_t i = 0; i < n; i++)
            bytes[i] = from[(uint8_t)s.p[i]];
        buf_add(out, bytes, n);
        s = (struct str){s.p + n, s.n - n};
    }
}

/* Characters of ASCII that became '?': a few old pages lack brackets and braces. */
static size_t lost_ascii(const uint8_t *from, struct str s)
{
    size_t lost = 0;
    for (size_t i = 0; i < s.n; i++)
        lost += from[(uint8_t)s.p[i]] == EBC_QUESTION && s.p[i] != '?';
    return lost;
}

size_t ebc_from_utf8(struct buf *out, const struct ebc_page *page, struct str text)
{
    if (page->to == NULL)
        return double_from_utf8(out, page, text);
    uint8_t made[256];
    const uint8_t *from = from_latin1(page, made);
    const struct way way = {page, from};
    size_t replaced = 0;
    uint32_t last = 0; /* the character just written, when it was ASCII */
    while (text.n > 0) {
        size_t run = ascii_run(text);
        if (run > 0) {
            put_ascii(out, from, str_sub(text, 0, run));
            if (page->from == NULL)
                replaced += lost_ascii(from, str_sub(text, 0, run));
            last = (uint8_t)text.p[run - 1];
            text = (struct str){text.p + run, text.n - run};
            continue;
        }
        uint32_t rune = text_rune(&text);
        uint8_t byte = 0;
        if (rune != 0xA0 && rune != 0xAD && page_byte(&way, rune, &byte)) {
            buf_u8(out, byte);
        } else if (!compose(out, &way, last, rune)) {
            put_nearest(out, &way, rune);
            replaced++;
        }
        last = 0;
    }
    return replaced;
}
