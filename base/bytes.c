/* base/bytes.c -- borrowed text, the reader over bytes, the growing writer. */
#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_of(const char *z)
{
    return z == NULL ? STR("") : (struct str){z, strlen(z)};
}

int ascii_hex(char digit)
{
    char c = ascii_lower(digit);
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

uint64_t str_hash(struct str s)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (uint8_t)s.p[i]) * 1099511628211u;
    return h;
}

bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_eq_nocase(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
            return false;
    return true;
}

bool str_is(struct str a, const char *z)
{
    return str_eq_nocase(a, str_of(z));
}

bool str_starts_nocase(struct str s, const char *z)
{
    struct str start = str_of(z);
    return s.n >= start.n && str_eq_nocase(str_sub(s, 0, start.n), start);
}

bool str_ends_nocase(struct str s, const char *z)
{
    struct str end = str_of(z);
    return s.n >= end.n && str_eq_nocase(str_sub(s, s.n - end.n, end.n), end);
}

bool str_is_short(struct str s, const char *z, size_t least)
{
    struct str whole = str_of(z);
    return s.n >= least && s.n <= whole.n && str_eq_nocase(s, str_sub(whole, 0, s.n));
}

struct str str_trim_right(struct str s)
{
    while (s.n > 0 && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

struct str str_trim(struct str s)
{
    while (s.n > 0 && is_space(s.p[0])) {
        s.p++;
        s.n--;
    }
    return str_trim_right(s);
}

struct str str_sub(struct str s, size_t from, size_t n)
{
    if (from > s.n)
        from = s.n;
    if (n > s.n - from)
        n = s.n - from;
    return s.p == NULL ? (struct str){NULL, 0} : (struct str){s.p + from, n};
}

ptrdiff_t str_find(struct str s, char c)
{
    const char *at = s.n == 0 ? NULL : memchr(s.p, c, s.n);
    return at == NULL ? -1 : at - s.p;
}

ptrdiff_t str_find_last(struct str s, char c)
{
    const char *at = s.n == 0 ? NULL : memrchr(s.p, c, s.n);
    return at == NULL ? -1 : at - s.p;
}

struct str str_word(struct str *rest)
{
    size_t from = 0;
    while (from < rest->n && (rest->p[from] == ' ' || rest->p[from] == '\t'))
        from++;
    size_t to = from;
    while (to < rest->n && rest->p[to] != ' ' && rest->p[to] != '\t')
        to++;
    struct str word = str_sub(*rest, from, to - from);
    *rest = str_sub(*rest, to, rest->n);
    return word;
}

/* The end of a text is remembered as a NULL pointer: "a," has the pieces "a" and "", "" has one. */
bool str_split(struct str *rest, char sep, struct str *piece)
{
    if (rest->p == NULL)
        return false;
    ptrdiff_t at = str_find(*rest, sep);
    if (at < 0) {
        *piece = *rest;
        *rest = (struct str){NULL, 0};
        return true;
    }
    *piece = str_sub(*rest, 0, (size_t)at);
    *rest = str_sub(*rest, (size_t)at + 1, rest->n);
    return true;
}

bool str_line(struct str *rest, struct str *line)
{
    if (rest->n == 0)
        return false;
    ptrdiff_t at = str_find(*rest, '\n');
    size_t n = at < 0 ? rest->n : (size_t)at;
    *line = str_sub(*rest, 0, n);
    *rest = str_sub(*rest, at < 0 ? n : n + 1, rest->n);
    if (at >= 0 && line->n > 0 && line->p[line->n - 1] == '\r')
        line->n--;
    return true;
}

bool str_number(struct str s, uint64_t max, uint64_t *value)
{
    uint64_t v = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(s.p[i] - '0');
        if (v > (UINT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    if (v > max)
        return false;
    *value = v;
    return true;
}

void str_copy(char *to, size_t size, struct str s)
{
    if (size == 0)
        return;
    size_t n = s.n < size ? s.n : size - 1;
    if (n > 0)
        memcpy(to, s.p, n);
    to[n] = '\0';
}

struct cur cur_of(const void *p, size_t n)
{
    static const uint8_t nothing;
    const uint8_t *b = p == NULL ? &nothing : p;
    return (struct cur){b, p == NULL ? b : b + n};
}

struct cur cur_of_str(struct str s)
{
    return cur_of(s.p, s.n);
}

size_t cur_left(const struct cur *c)
{
    return (size_t)(c->end - c->p);
}

/* Where a bad reader stands. */
static const uint8_t nowhere;

bool cur_bad(const struct cur *c)
{
    return c->p == &nowhere;
}

void cur_spoil(struct cur *c)
{
    c->p = c->end = &nowhere;
}

/* Take n bytes, or NULL and the reader bad and empty from now on. */
static const uint8_t *take(struct cur *c, size_t n)
{
    if (cur_left(c) < n || cur_bad(c)) {
        cur_spoil(c);
        return NULL;
    }
    const uint8_t *p = c->p;
    c->p += n;
    return p;
}

static uint64_t big_endian(struct cur *c, size_t n)
{
    const uint8_t *p = take(c, n);
    uint64_t v = 0;
    for (size_t i = 0; p != NULL && i < n; i++)
        v = v << 8 | p[i];
    return v;
}

uint8_t cur_u8(struct cur *c)
{
    const uint8_t *p = take(c, 1);
    return p != NULL ? *p : 0;
}

uint16_t cur_be16(struct cur *c)
{
    return (uint16_t)big_endian(c, 2);
}

uint32_t cur_be32(struct cur *c)
{
    const uint8_t *p = take(c, 4);
    return p != NULL ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

uint64_t cur_be64(struct cur *c)
{
    return big_endian(c, 8);
}

uint8_t cur_peek(const struct cur *c)
{
    return c->p == c->end ? 0 : *c->p;
}

struct cur cur_sub(struct cur *c, size_t n)
{
    const uint8_t *p = take(c, n);
    return p == NULL ? *c : (struct cur){p, p + n};
}

void cur_skip(struct cur *c, size_t n)
{
    (void)take(c, n);
}

void cur_copy(struct cur *c, void *to, size_t n)
{
    const uint8_t *p = take(c, n);
    if (n == 0)
        return;
    if (p == NULL)
        memset(to, 0, n);
    else
        memcpy(to, p, n);
}

bool cur_end(const struct cur *c)
{
    return c->p == c->end && !cur_bad(c);
}

struct str cur_str(const struct cur *c)
{
    return (struct str){(const char *)c->p, cur_left(c)};
}

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_done(struct buf *b)
{
    free(b->p);
    *b = (struct buf){.max = b->max};
}

void buf_reset(struct buf *b)
{
    b->n = 0;
    b->over = false;
}

/* Space for `need` bytes in all; a peer may have sized it, so no memory means over, not abort. */
static bool space(struct buf *b, size_t need)
{
    if (need <= b->cap)
        return true;
    size_t cap = b->cap < 32 ? 64 : b->cap > SIZE_MAX / 2 ? need : b->cap * 2;
    if (cap < need)
        cap = need;
    if (cap > b->max && need <= b->max)
        cap = b->max;
    uint8_t *p = realloc(b->p, cap);
    if (p == NULL) {
        b->over = true;
        return false;
    }
    b->p = p;
    b->cap = cap;
    return true;
}

/* n new bytes at the end to be filled by the caller, or NULL. */
static uint8_t *extend(struct buf *b, size_t n)
{
    if (b->over || n > b->max - b->n) {
        b->over = true;
        return NULL;
    }
    if (!space(b, b->n + n))
        return NULL;
    uint8_t *p = b->p + b->n;
    b->n += n;
    return p;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
    if (n == 0)
        return;
    uint8_t *to = extend(b, n);
    if (to != NULL)
        memcpy(to, p, n);
}

void buf_str(struct buf *b, struct str s)
{
    buf_add(b, s.p, s.n);
}

void buf_z(struct buf *b, const char *z)
{
    buf_add(b, z, strlen(z));
}

void buf_u8(struct buf *b, uint8_t v)
{
    uint8_t *to = extend(b, 1);
    if (to != NULL)
        *to = v;
}

void buf_fill(struct buf *b, uint8_t v, size_t n)
{
    if (n == 0)
        return;
    uint8_t *to = extend(b, n);
    if (to != NULL)
        memset(to, v, n);
}

static void put_big_endian(struct buf *b, uint64_t v, size_t n)
{
    uint8_t *to = extend(b, n);
    for (size_t i = n; to != NULL && i > 0; i--) {
        to[i - 1] = (uint8_t)v;
        v >>= 8;
    }
}

void buf_be16(struct buf *b, uint16_t v)
{
    put_big_endian(b, v, 2);
}

void buf_be32(struct buf *b, uint32_t v)
{
    put_big_endian(b, v, 4);
}

void buf_be64(struct buf *b, uint64_t v)
{
    put_big_endian(b, v, 8);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    char small[256];
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    if (n < 0) {
        b->over = true;
    } else if ((size_t)n < sizeof small) {
        buf_add(b, small, (size_t)n);
    } else if (!b->over && (size_t)n <= b->max - b->n && space(b, b->n + (size_t)n + 1)) {
        /* One byte more than counted, for the NUL that vsnprintf insists on. */
        (void)vsnprintf((char *)b->p + b->n, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    } else {
        b->over = true;
    }
    va_end(again);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

uint8_t *buf_room(struct buf *b, size_t n)
{
    bool fits = !b->over && n <= b->max - b->n && space(b, b->n + n);
    return fits ? b->p + b->n : NULL;
}

void buf_wrote(struct buf *b, size_t n)
{
    b->n += n;
}

void buf_crlf(struct buf *b)
{
    uint8_t *to = extend(b, 2);
    if (to != NULL)
        to[0] = '\r', to[1] = '\n';
}

void buf_crlf_lines(struct buf *b, struct str text)
{
    struct str line;
    while (str_line(&text, &line)) {
        buf_str(b, line);
        buf_crlf(b);
    }
}

void buf_take(struct buf *b, size_t n)
{
    if (n >= b->n) {
        b->n = 0;
        return;
    }
    memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}

void buf_trim(struct buf *b, size_t n)
{
    if (n < b->n)
        b->n = n;
}

size_t buf_hole16(struct buf *b)
{
    size_t at = b->n;
    buf_be16(b, 0);
    return at;
}

void buf_fill16(struct buf *b, size_t hole, size_t value)
{
    if (value > UINT16_MAX)
        b->over = true;
    if (b->n < 2 || hole > b->n - 2)
        return;
    b->p[hole] = (uint8_t)(value >> 8);
    b->p[hole + 1] = (uint8_t)value;
}

struct str buf_text(const struct buf *b)
{
    return b->n == 0 ? STR("") : (struct str){(const char *)b->p, b->n};
}

struct cur buf_cur(const struct buf *b)
{
    return cur_of(b->p, b->n);
}

const char *buf_cstr(struct buf *b)
{
    if (b->n == 0 || !space(b, b->n + 1))
        return "";
    b->p[b->n] = '\0';
    return (const char *)b->p;
}
