/* base/text.c -- UTF-8, base64, xtext, globs, log quoting, charset conversion. */
#include "base/text.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define REPLACEMENT 0xfffdu

/* Length of the well-formed sequence at the start of s (RFC 3629 4), 0 when there is none. */
static size_t sequence(struct str s, uint32_t *rune)
{
    const uint8_t *p = (const uint8_t *)s.p;
    uint8_t c = p[0];
    if (c < 0x80) {
        *rune = c;
        return 1;
    }
    size_t n = c >= 0xc2 && c <= 0xdf ? 2 : (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
    if (n == 0 || n > s.n)
        return 0;
    uint32_t v = c & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        v = v << 6 | (p[i] & 0x3fu);
    }
    if ((n == 3 && (v < 0x800 || (v >= 0xd800 && v <= 0xdfff))) ||
        (n == 4 && (v < 0x10000 || v > 0x10ffff)))
        return 0;
    *rune = v;
    return n;
}

/* How many bytes at the start are ASCII; eight words at a time, for bodies of megabytes. */
static size_t ascii_run(struct str s)
{
    size_t i = 0;
    for (uint64_t w[8]; i + sizeof w <= s.n; i += sizeof w) {
        uint64_t all = 0;
        memcpy(w, s.p + i, sizeof w);
        for (size_t k = 0; k < sizeof w / sizeof *w; k++)
            all |= w[k];
        if ((all & UINT64_C(0x8080808080808080)) != 0)
            break;
    }
    while (i < s.n && (uint8_t)s.p[i] < 0x80)
        i++;
    return i;
}

/* How many bytes at the start are well-formed UTF-8. */
static size_t utf8_run(struct str s)
{
    size_t at = 0;
    while (at < s.n) {
        at += ascii_run(str_sub(s, at, s.n));
        uint32_t rune;
        size_t n = at < s.n ? sequence(str_sub(s, at, s.n), &rune) : 0;
        if (n == 0)
            break;
        at += n;
    }
    return at;
}

bool text_is_utf8(struct str s)
{
    return utf8_run(s) == s.n;
}

bool text_is_ascii(struct str s)
{
    return ascii_run(s) == s.n;
}

uint32_t text_rune(struct str *s)
{
    uint32_t rune = REPLACEMENT;
    size_t n = sequence(*s, &rune);
    *s = str_sub(*s, n == 0 ? 1 : n, s->n);
    return rune;
}

void text_put_rune(struct buf *b, uint32_t rune)
{
    if (rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff))
        rune = REPLACEMENT;
    uint8_t out[4];
    size_t n = rune < 0x80 ? 1 : rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (rune & 0x3f));
        rune >>= 6;
    }
    static const uint8_t lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    out[0] = (uint8_t)(lead[n] | rune);
    buf_add(b, out, n);
}

struct range {
    uint32_t from, to;
};

static bool within(const struct range *r, size_t n, uint32_t rune)
{
    for (size_t i = 0; i < n; i++)
        if (rune >= r[i].from && rune <= r[i].to)
            return true;
    return false;
}

/* The blocks that matter for a mail page: combining marks and format characters; East Asian Wide.
 */
static const struct range zero_wide[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd},   {0x05bf, 0x05bf},   {0x05c1, 0x05c2},
    {0x05c4, 0x05c5}, {0x05c7, 0x05c7}, {0x0610, 0x061a},   {0x064b, 0x065f},   {0x0670, 0x0670},
    {0x06d6, 0x06dc}, {0x06df, 0x06e4}, {0x06e7, 0x06e8},   {0x06ea, 0x06ed},   {0x0e31, 0x0e31},
    {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e}, {0x1ab0, 0x1aff},   {0x1dc0, 0x1dff},   {0x200b, 0x200f},
    {0x202a, 0x202e}, {0x2060, 0x2064}, {0x20d0, 0x20ff},   {0x3099, 0x309a},   {0xfe00, 0xfe0f},
    {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}, {0xe0001, 0xe007f}, {0xe0100, 0xe01ef},
};
static const struct range two_wide[] = {
    {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},
    {0x4e00, 0x9fff},   {0xa000, 0xa4cf},   {0xa960, 0xa97f},   {0xac00, 0xd7a3},
    {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
    {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x2fffd},
    {0x30000, 0x3fffd},
};

size_t text_columns(struct str s)
{
    size_t columns = 0;
    for (;;) {
        size_t plain = ascii_run(s);
        columns += plain;
        s = str_sub(s, plain, s.n);
        if (s.n == 0)
            break;
        uint32_t rune = text_rune(&s);
        if (rune < 0x300)
            columns++;
        else if (within(zero_wide, sizeof zero_wide / sizeof *zero_wide, rune))
            continue;
        else
            columns += within(two_wide, sizeof two_wide / sizeof *two_wide, rune) ? 2 : 1;
    }
    return columns;
}

static const char b64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void text_b64(struct buf *b, struct cur bytes)
{
    while (cur_left(&bytes) > 0) {
        size_t n = cur_left(&bytes) < 3 ? cur_left(&bytes) : 3;
        uint8_t in[3] = {0};
        cur_copy(&bytes, in, n);
        uint32_t v = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        char out[4] = {b64_digits[v >> 18], b64_digits[v >> 12 & 63],
                       n > 1 ? b64_digits[v >> 6 & 63] : '=', n > 2 ? b64_digits[v & 63] : '='};
        buf_add(b, out, sizeof out);
    }
}

static int b64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Undo what a failed decoding wrote. */
static int give_up(struct buf *b, size_t start)
{
    buf_trim(b, start);
    return E_SYNTAX;
}

int text_unb64(struct buf *b, struct str s)
{
    size_t start = b->n, digits = 0, pads = 0;
    uint32_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            continue;
        int d = b64_value(c);
        if (c == '=')
            pads++;
        else if (d < 0 || pads > 0)
            return give_up(b, start);
        v = v << 6 | (uint32_t)(d < 0 ? 0 : d);
        if (++digits % 4 != 0)
            continue;
        if (pads > 2)
            return give_up(b, start);
        uint8_t out[3] = {(uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
        buf_add(b, out, 3 - pads);
    }
    if (digits % 4 != 0 || pads > 2)
        return give_up(b, start);
    return b->over ? E_LIMIT : OK;
}

static const char hex_digits[] = "0123456789ABCDEF";

void text_xtext(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = (uint8_t)s.p[i];
        if (c > 0x20 && c < 0x7f && c != '+' && c != '=') {
            buf_u8(b, c);
        } else {
            char out[3] = {'+', hex_digits[c >> 4], hex_digits[c & 15]};
            buf_add(b, out, sizeof out);
        }
    }
}

int text_unxtext(struct buf *b, struct str s)
{
    size_t start = b->n;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = (uint8_t)s.p[i];
        if (c <= 0x20 || c >= 0x7f || c == '=')
            return give_up(b, start);
        if (c != '+') {
            buf_u8(b, c);
            continue;
        }
        int high = s.n - i > 2 ? ascii_hex(s.p[i + 1]) : -1;
        int low = high >= 0 ? ascii_hex(s.p[i + 2]) : -1;
        if (low < 0)
            return give_up(b, start);
        buf_u8(b, (uint8_t)(high << 4 | low));
        i += 2;
    }
    return b->over ? E_LIMIT : OK;
}

/* On a mismatch only the last star need take one more character: time is the product of the two
 * lengths at worst, whatever pattern a peer brings. */
bool text_glob(struct str pattern, struct str s)
{
    size_t p = 0, i = 0, star = SIZE_MAX, from = 0;
    while (i < s.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            from = i;
        } else if (p < pattern.n && ascii_lower(pattern.p[p]) == ascii_lower(s.p[i])) {
            p++;
            i++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            i = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}

static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7f || s.p[i] == '"' || s.p[i] == '\\')
            return false;
    return s.n > 0;
}

void text_quote(struct buf *b, struct str s)
{
    if (is_plain(s)) {
        buf_str(b, s);
        return;
    }
    buf_u8(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = (uint8_t)s.p[i];
        if (c < 0x20 || c >= 0x7f) {
            char out[4] = {'\\', 'x', hex_digits[c >> 4], hex_digits[c & 15]};
            buf_add(b, out, sizeof out);
        } else if (c == '"' || c == '\\') {
            char out[2] = {'\\', (char)c};
            buf_add(b, out, sizeof out);
        } else {
            buf_u8(b, c);
        }
    }
    buf_u8(b, '"');
}

/* Labels as mail carries them, and what the bytes under them really are: senders say us-ascii or
 * iso-8859-1 for the Windows page, the Korean, Chinese and Japanese names mean the vendors'
 * supersets, and -8-i and -8-e differ from iso-8859-8 in direction only (RFC 1556). */
static const struct charset_alias {
    const char *label, *real;
} charset_aliases[] = {
    {"us-ascii", "guess"},
    {"ascii", "guess"},
    {"ansi_x3.4-1968", "guess"},
    {"ansi_x3.4-1986", "guess"},
    {"iso646-us", "guess"},
    {"x-unknown", "guess"},
    {"unknown", "guess"},
    {"unknown-8bit", "guess"},
    {"x-user-defined", "guess"},
    {"default", "guess"},
    {"8bit", "guess"},
    {"none", "guess"},
    {"utf8", "utf-8"},
    {"x-utf-8", "utf-8"},
    {"unicode-1-1-utf-8", "utf-8"},
    {"cp65001", "utf-8"},
    {"utf7", "utf-7"},
    {"x-utf-7", "utf-7"},
    {"unicode-1-1-utf-7", "utf-7"},
    {"iso-8859-1", "windows-1252"},
    {"iso8859-1", "windows-1252"},
    {"iso_8859-1", "windows-1252"},
    {"8859-1", "windows-1252"},
    {"latin1", "windows-1252"},
    {"latin-1", "windows-1252"},
    {"cp-1252", "windows-1252"},
    {"x-cp1252", "windows-1252"},
    {"x-ansi", "windows-1252"},
    {"ansi", "windows-1252"},
    {"windows1252", "windows-1252"},
    {"x-cp1250", "windows-1250"},
    {"x-cp1251", "windows-1251"},
    {"win-1251", "windows-1251"},
    {"iso-8859-8-i", "iso-8859-8"},
    {"iso-8859-8-e", "iso-8859-8"},
    {"iso-8859-6-i", "iso-8859-6"},
    {"iso-8859-6-e", "iso-8859-6"},
    {"cp-437", "cp437"},
    {"cp-850", "cp850"},
    {"cp-852", "cp852"},
    {"cp-866", "cp866"},
    {"x-cp866", "cp866"},
    {"x-mac-roman", "macintosh"},
    {"x-mac-ce", "mac-centraleurope"},
    {"x-mac-cyrillic", "mac-cyrillic"},
    {"ks_c_5601-1987", "uhc"},
    {"ks_c_5601", "uhc"},
    {"ksc5601", "uhc"},
    {"euc-kr", "uhc"},
    {"cp949", "uhc"},
    {"x-windows-949", "uhc"},
    {"windows-949", "uhc"},
    {"gb2312", "gb18030"},
    {"gb_2312-80", "gb18030"},
    {"gbk", "gb18030"},
    {"x-gbk", "gb18030"},
    {"cp936", "gb18030"},
    {"x-x-big5", "big5-hkscs"},
    {"x-big5", "big5-hkscs"},
    {"big5", "big5-hkscs"},
    {"shift_jis", "cp932"},
    {"shift-jis", "cp932"},
    {"x-sjis", "cp932"},
    {"sjis", "cp932"},
    {"ms_kanji", "cp932"},
    {"windows-31j", "cp932"},
    {"x-euc-jp", "euc-jp"},
    {"tis-620", "cp874"},
    {"windows-874", "cp874"},
    {"iso-8859-11", "cp874"},
};

/* The alias's meaning or the label itself, as a C string for iconv_open; false for what cannot be a
 * charset name: glibc gives '/' and ',' a meaning of their own. */
static bool charset_name(struct str label, char name[64])
{
    for (size_t i = 0; i < sizeof charset_aliases / sizeof *charset_aliases; i++) {
        if (str_is(label, charset_aliases[i].label)) {
            str_copy(name, 64, str_of(charset_aliases[i].real));
            return true;
        }
    }
    for (size_t i = 0; i < label.n; i++) {
        char c = ascii_lower(label.p[i]);
        if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && strchr("-_.:+()", c) == NULL)
            return false;
    }
    str_copy(name, 64, label);
    return label.n > 0 && label.n < 64 && label.p[0] != '\0';
}

/* A sequence that has begun at the end and may yet become whole: its length. */
static size_t unfinished(struct str s)
{
    for (size_t n = 1; n <= 3 && n <= s.n; n++) {
        uint8_t c = (uint8_t)s.p[s.n - n];
        if ((c & 0xc0) == 0x80)
            continue;
        size_t want = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc2 ? 2 : 1;
        return n < want ? n : 0;
    }
    return 0;
}

/* UTF-8 as it is, each byte that is not of a well-formed sequence as U+FFFD. Answers how many. */
static size_t copy_utf8(struct buf *b, struct str s)
{
    size_t bad = 0;
    while (s.n > 0) {
        size_t n = utf8_run(s);
        buf_add(b, s.p, n);
        s = str_sub(s, n, s.n);
        if (s.n > 0) {
            text_put_rune(b, REPLACEMENT);
            s = str_sub(s, 1, s.n);
            bad++;
        }
    }
    return bad;
}

/* Bytes to leave out after a malformed character: the code unit, else the rest is out of step. */
static size_t code_unit(const char *name)
{
    struct str n = str_of(name);
    if (str_starts_nocase(n, "utf-16") || str_starts_nocase(n, "utf16") ||
        str_starts_nocase(n, "ucs-2") || str_starts_nocase(n, "iso-10646-ucs-2"))
        return 2;
    if (str_starts_nocase(n, "utf-32") || str_starts_nocase(n, "utf32") ||
        str_starts_nocase(n, "ucs-4") || str_starts_nocase(n, "iso-10646-ucs-4"))
        return 4;
    return 1;
}

/* As much of *s as can be converted; all of it when it is the end. */
static size_t convert(struct buf *b, iconv_t cd, struct str *s, size_t unit, bool end)
{
    char *in = (char *)(uintptr_t)s->p; /* iconv's prototype lacks the const it keeps */
    size_t left = s->n, bad = 0;
    while (!b->over) {
        char out[4096];
        char *to = out;
        size_t room = sizeof out;
        bool last = left == 0; /* then a shift state or a held-back character is asked for */
        if (last && !end)
            break;
        size_t r = last ? iconv(cd, NULL, NULL, &to, &room) : iconv(cd, &in, &left, &to, &room);
        int e = r == (size_t)-1 ? errno : 0;
        buf_add(b, out, sizeof out - room);
        if (e == E2BIG)
            continue;
        if (last || (e == EINVAL && !end))
            break;
        if (e != 0) {
            size_t skip = e == EINVAL || left < unit ? left : unit;
            text_put_rune(b, REPLACEMENT);
            bad++;
            in += skip;
            left -= skip;
        }
    }
    *s = str_sub(*s, s->n - left, left);
    return bad;
}

bool text_is_guessed(const char *charset)
{
    char name[64];
    struct str label = str_trim(str_of(charset));
    return label.n == 0 || (charset_name(label, name) && strcmp(name, "guess") == 0);
}

int text_to_utf8(struct buf *b, const char *charset, struct cur bytes, size_t *replaced,
                 struct why *w)
{
    struct str s = cur_str(&bytes), label = str_trim(str_of(charset));
    char name[64];
    if (label.n == 0)
        label = STR("us-ascii");
    if (!charset_name(label, name))
        return why_set(w, E_ABSENT, 0, NULL, "unknown character set \"%.60s\"", charset);
    /* An honest us-ascii; 8-bit bytes under it are UTF-8 if they can be, else the Windows page. */
    if (strcmp(name, "guess") == 0)
        str_copy(name, sizeof name, text_is_utf8(s) ? STR("utf-8") : STR("windows-1252"));

    size_t bad;
    if (str_is(str_of(name), "utf-8")) {
        bad = copy_utf8(b, s);
    } else {
        iconv_t cd = iconv_open("UTF-8", name);
        if (cd == (iconv_t)-1)
            return why_set(w, E_ABSENT, 0, NULL, "unknown character set \"%.60s\"", charset);
        bad = convert(b, cd, &s, code_unit(name), true);
        (void)iconv_close(cd);
    }
    if (replaced != NULL)
        *replaced = bad;
    if (b->over)
        return why_set(w, E_LIMIT, 0, NULL, "text of more than %zu bytes after conversion from %s",
                       b->max, name);
    return OK;
}

struct text_flow {
    iconv_t cd; /* (iconv_t)-1: UTF-8 */
    size_t unit;
    struct buf held; /* of the pieces before: a character that is not whole */
};

struct text_flow *text_flow_new(const char *charset)
{
    char name[64];
    iconv_t cd = (iconv_t)-1;
    if (!charset_name(str_trim(str_of(charset)), name) || strcmp(name, "guess") == 0)
        return NULL;
    if (!str_is(str_of(name), "utf-8") && (cd = iconv_open("UTF-8", name)) == (iconv_t)-1)
        return NULL;
    struct text_flow *f = mem_new(sizeof *f);
    f->cd = cd;
    f->unit = code_unit(name);
    buf_init(&f->held, SIZE_MAX / 4);
    return f;
}

/* Answers the malformed characters of *s; what cannot be said yet is left in it. */
static size_t flow(const struct text_flow *f, struct buf *b, struct str *s, bool last)
{
    if (f->cd != (iconv_t)-1)
        return convert(b, f->cd, s, f->unit, last);
    size_t n = s->n - (last ? 0 : unfinished(*s)), bad = copy_utf8(b, str_sub(*s, 0, n));
    *s = str_sub(*s, n, s->n);
    return bad;
}

size_t text_flow_put(struct text_flow *f, struct buf *b, struct cur bytes, bool last)
{
    struct str s = cur_str(&bytes);
    if (f->held.n > 0) {
        buf_str(&f->held, s);
        s = buf_text(&f->held);
    }
    size_t bad = flow(f, b, &s, last);
    struct buf rest;
    buf_init(&rest, SIZE_MAX / 4);
    buf_str(&rest, s);
    buf_done(&f->held);
    f->held = rest;
    return bad;
}

void text_flow_free(struct text_flow **f)
{
    if (*f == NULL)
        return;
    if ((*f)->cd != (iconv_t)-1)
        (void)iconv_close((*f)->cd);
    buf_done(&(*f)->held);
    free(*f);
    *f = NULL;
}

struct text_iconv {
    iconv_t cd;
};

struct text_iconv *text_iconv_open(const char *to, const char *from)
{
    iconv_t cd = iconv_open(to, from);
    if (cd == (iconv_t)-1)
        return NULL;
    struct text_iconv *c = mem_new(sizeof *c);
    c->cd = cd;
    return c;
}

size_t text_iconv_put(struct text_iconv *c, struct buf *out, struct str s)
{
    char *in = (char *)(uintptr_t)s.p; /* iconv's prototype lacks the const it keeps */
    size_t left = s.n;
    for (bool more = left > 0; more && !out->over;) {
        char part[1024];
        char *to = part;
        size_t room = sizeof part;
        size_t r = iconv(c->cd, &in, &left, &to, &room);
        more = r == (size_t)-1 && errno == E2BIG;
        buf_add(out, part, sizeof part - room);
    }
    return s.n - left;
}

void text_iconv_end(struct text_iconv *c, struct buf *out)
{
    char part[16];
    char *to = part;
    size_t room = sizeof part;
    (void)iconv(c->cd, NULL, NULL, &to, &room);
    buf_add(out, part, sizeof part - room);
}

void text_iconv_close(struct text_iconv **c)
{
    if (*c == NULL)
        return;
    (void)iconv_close((*c)->cd);
    free(*c);
    *c = NULL;
}
