/* base/bytes.h -- every wire byte is read through `cur` and written through `buf`.
 *
 * str  borrowed text, UTF-8 unless its owner says otherwise; not NUL-terminated.
 * cur  reader over borrowed bytes; sticky: after a read past the end `bad` is set and every later
 *      read answers 0 or empty. Decode a whole record, then test once.
 * buf  growing writer with a maximum given at birth; sticky: a piece that does not fit is dropped
 *      whole, `over` is set and every later piece is dropped as well. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/why.h"

struct str {
    const char *p;
    size_t n;
};

#define STR(lit) ((struct str){"" lit, sizeof(lit) - 1})
#define STR_ARG(s) (int)(s).n, (s).p != NULL ? (s).p : "" /* for "%.*s" */

struct str str_of(const char *z); /* NULL gives the empty str */
/* Of the 26 letters; anything else as it is. */
static inline char ascii_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}
static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}
int ascii_hex(char digit);       /* its value, -1: none of 0-9 A-F a-f */
uint64_t str_hash(struct str s); /* FNV-1a: for tables of our own, not against somebody's malice */
bool str_eq(struct str a, struct str b);
bool str_eq_nocase(struct str a, struct str b); /* ASCII case only */
bool str_is(struct str a, const char *z);       /* without ASCII case */
bool str_starts_nocase(struct str s, const char *z);
bool str_ends_nocase(struct str s, const char *z);
/* Is it z cut short, or whole: its first letters, at least so many? Without ASCII case. */
bool str_is_short(struct str s, const char *z, size_t least);
struct str str_trim(struct str s);                       /* blanks, tabs, CR, LF at both ends */
struct str str_trim_right(struct str s);                 /* the same at the right end */
struct str str_sub(struct str s, size_t from, size_t n); /* clamped to s */
ptrdiff_t str_find(struct str s, char c);                /* index of the first, -1 none */
ptrdiff_t str_find_last(struct str s, char c);
/* Take the next word (blanks and tabs separate) off *rest; empty when none is left. */
struct str str_word(struct str *rest);
/* Take the text up to the separator off *rest, the separator removed; false when *rest is used up
 * (its pointer is NULL then): "a," has the pieces "a" and "", the empty text has one empty piece.
 */
bool str_split(struct str *rest, char sep, struct str *piece);
/* Take the next line off *rest, ended by LF or CRLF or the end of text; false when *rest is used
 * up. */
bool str_line(struct str *rest, struct str *line);
bool str_number(struct str s, uint64_t max, uint64_t *value) MUST_CHECK; /* decimal digits only */
/* Copy into a char array of size, cut to fit, always terminated. */
void str_copy(char *to, size_t size, struct str s);

/* Two words and no more, that it passes in registers: it goes by value through every reader. */
struct cur {
    const uint8_t *p, *end;
};

struct cur cur_of(const void *p, size_t n);
struct cur cur_of_str(struct str s);
size_t cur_left(const struct cur *c);
uint8_t cur_u8(struct cur *c);
uint16_t cur_be16(struct cur *c);
uint32_t cur_be32(struct cur *c);
uint64_t cur_be64(struct cur *c);
uint8_t
cur_peek(const struct cur *c); /* next byte without taking it; 0 at the end, never sets bad */
struct cur cur_sub(struct cur *c,
                   size_t n); /* take n bytes as a child; a bad empty child when short */
void cur_skip(struct cur *c, size_t n);
void cur_copy(struct cur *c, void *to, size_t n); /* zero-filled when short */
bool cur_end(const struct cur *c);                /* no error and nothing left */
bool cur_bad(const struct cur *c);                /* more was taken than there was */
void cur_spoil(struct cur *c);                    /* bad and empty from now on */
struct str cur_str(const struct cur *c);          /* what is left, as text */

struct buf {
    uint8_t *p;
    size_t n, cap, max;
    bool over;
};

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);  /* frees; the buf may be initialised again */
void buf_reset(struct buf *b); /* empty, space kept, over cleared */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, struct str s);
void buf_z(struct buf *b, const char *z);
void buf_u8(struct buf *b, uint8_t v);
void buf_fill(struct buf *b, uint8_t v, size_t n);
void buf_be16(struct buf *b, uint16_t v);
void buf_be32(struct buf *b, uint32_t v);
void buf_be64(struct buf *b, uint64_t v);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
/* Room for n bytes at the end, for the caller to write; buf_wrote tells how many of them he did.
 * NULL: there is no more room than that (b is not over). For what would be made elsewhere and
 * copied. */
uint8_t *buf_room(struct buf *b, size_t n);
void buf_wrote(struct buf *b, size_t n);
void buf_crlf(struct buf *b);
void buf_crlf_lines(struct buf *b, struct str text); /* its lines, each ended by CRLF */
void buf_take(struct buf *b, size_t n);              /* drop n bytes from the front */
void buf_trim(struct buf *b, size_t n);              /* shorten to n bytes */
size_t buf_hole16(struct buf *b);                    /* reserve a 2-byte length field; its place */
void buf_fill16(struct buf *b, size_t hole, size_t value);
struct str buf_text(const struct buf *b); /* borrowed until the next change */
struct cur buf_cur(const struct buf *b);
/* Terminate (not counted in n) and lend as a C string, "" when empty; stops at a NUL inside. */
const char *buf_cstr(struct buf *b);

#endif
