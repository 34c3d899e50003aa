/* gateway/mail/htmlchar.c -- the characters of a web page. */
#include "gateway/mail/htmlchar.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define HEAD_SCAN 2048u /* bytes in which a page names its charset */
#define NAME_MOST 16u   /* of a reference */

/* --- charset --- */

/* The charset a page claims for itself in its first bytes; "" none. */
static struct str claimed_charset(struct str html)
{
    struct str head = str_sub(html, 0, HEAD_SCAN);
    if (str_starts_nocase(head, "\xef\xbb\xbf"))
        return STR("utf-8");
    if (head.n > 1 && memcmp(head.p, "\xff\xfe", 2) == 0)
        return STR("utf-16le");
    if (head.n > 1 && memcmp(head.p, "\xfe\xff", 2) == 0)
        return STR("utf-16be");
    for (size_t i = 0; i < head.n; i++) {
        struct str rest = str_sub(head, i, head.n);
        if (!str_starts_nocase(rest, "charset"))
            continue;
        size_t at = strlen("charset");
        while (at < rest.n && strchr("= \"'", rest.p[at]) != NULL && rest.p[at] != '\0')
            at++;
        size_t n = 0;
        while (at + n < rest.n && strchr(" \"'/>;", rest.p[at + n]) == NULL)
            n++;
        struct str name = str_sub(rest, at, n);
        /* A page read so far as ASCII cannot be UTF-16, whatever its <meta> says. */
        return str_starts_nocase(name, "utf-16") ? STR("") : name;
    }
    return STR("");
}

void htmlchar_convert(struct buf *utf8, struct str html, const char *charset)
{
    struct why ignored;
    char label[64];
    str_copy(label, sizeof label, charset != NULL ? str_of(charset) : claimed_charset(html));
    if (label[0] == '\0' || text_to_utf8(utf8, label, cur_of_str(html), NULL, &ignored) != OK) {
        buf_reset(utf8);
        if (text_to_utf8(utf8, "us-ascii", cur_of_str(html), NULL, &ignored) != OK)
            buf_reset(utf8);
    }
    const uint8_t *nul = utf8->n > 0 ? memchr(utf8->p, '\0', utf8->n) : NULL;
    size_t n = nul != NULL ? (size_t)(nul - utf8->p) : utf8->n;
    for (size_t i = n; i < utf8->n; i++)
        if (utf8->p[i] != '\0')
            utf8->p[n++] = utf8->p[i];
    buf_trim(utf8, n);
}

/* --- character references --- */

struct named {
    char name[NAME_MOST + 1];
    bool legacy;
    uint16_t rune;
};

static const struct named names[] = {
#define NAMED(name, rune) {#name, false, rune},
#define LEGACY(name, rune) {#name, true, rune},
#include "gateway/mail/charref.def"
#undef NAMED
#undef LEGACY
};

static int by_name(const void *key, const void *item)
{
    const struct str *k = key;
    const struct named *at = item;
    size_t n = strlen(at->name);
    int d = memcmp(k->p, at->name, k->n < n ? k->n : n);
    return d != 0 ? d : (int)k->n - (int)n;
}

static const struct named *find(struct str name)
{
    return bsearch(&name, names, sizeof names / sizeof *names, sizeof *names, by_name);
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* Numbers of the Windows page are meant as that, 0x80 to 0x9f being controls. */
static uint32_t as_meant(uint32_t r)
{
    static const uint16_t windows[32] = {
        0x20ac, 0x81,   0x201a, 0x192,  0x201e, 0x2026, 0x2020, 0x2021, 0x2c6,  0x2030, 0x160,
        0x2039, 0x152,  0x8d,   0x17d,  0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
        0x2013, 0x2014, 0x2dc,  0x2122, 0x161,  0x203a, 0x153,  0x9d,   0x17e,  0x178};
    if (r >= 0x80 && r <= 0x9f)
        return windows[r - 0x80];
    return r == 0 || r > 0x10ffff || (r >= 0xd800 && r <= 0xdfff) ? 0xfffd : r;
}

/* "#228", "#xE4" at the start of s: how many bytes, and the character; 0 none. */
static size_t numbered(struct str s, uint32_t *rune)
{
    bool hex = s.n > 1 && (s.p[1] | 0x20) == 'x';
    size_t from = hex ? 2 : 1, i = from;
    uint32_t r = 0;
    for (; i < s.n; i++) {
        char c = s.p[i], low = (char)(c | 0x20);
        bool digit = c >= '0' && c <= '9', letter = hex && low >= 'a' && low <= 'f';
        if (!digit && !letter)
            break;
        uint32_t one = (uint32_t)(digit ? c - '0' : low - 'a' + 10);
        r = r > 0x10ffff ? r : r * (hex ? 16u : 10u) + one;
    }
    *rune = as_meant(r);
    return i > from ? i + (i < s.n && s.p[i] == ';') : 0;
}

/* The reference behind an '&': how many bytes, and the character; 0 none. */
static size_t reference(struct str s, bool attribute, uint32_t *rune)
{
    if (s.n > 0 && s.p[0] == '#')
        return numbered(s, rune);
    size_t n = 0;
    while (n < s.n && n < NAME_MOST && is_alnum(s.p[n]))
        n++;
    if (n < s.n && s.p[n] == ';') {
        const struct named *whole = find(str_sub(s, 0, n));
        *rune = whole != NULL ? whole->rune : 0;
        if (whole != NULL)
            return n + 1;
    }
    for (; n >= 2; n--) { /* the longest that may stand without a semicolon */
        const struct named *part = find(str_sub(s, 0, n));
        if (part == NULL || !part->legacy)
            continue;
        if (attribute && n < s.n && (is_alnum(s.p[n]) || s.p[n] == '='))
            return 0;
        *rune = part->rune;
        return n;
    }
    return 0;
}

struct str htmlchar_undo(struct arena *a, struct str s, bool attribute)
{
    ptrdiff_t amp = str_find(s, '&');
    if (amp < 0)
        return s;
    /* No reference is shorter than its character. */
    struct buf out;
    buf_init(&out, s.n);
    while (amp >= 0) {
        uint32_t rune = '&';
        buf_str(&out, str_sub(s, 0, (size_t)amp));
        s = str_sub(s, (size_t)amp + 1, s.n);
        size_t n = reference(s, attribute, &rune);
        text_put_rune(&out, n > 0 ? rune : '&');
        s = str_sub(s, n, s.n);
        amp = str_find(s, '&');
    }
    buf_str(&out, s);
    struct str text = arena_str(a, buf_text(&out));
    buf_done(&out);
    return text;
}
