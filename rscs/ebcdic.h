/* rscs/ebcdic.h -- EBCDIC code pages and NJE names. The one door between EBCDIC and UTF-8.
 * Substitutions are counted, never silent. The charts are in rscs/pages.c. */
#ifndef RSCS_EBCDIC_H
#define RSCS_EBCDIC_H

#include "base/bytes.h"

/* A node or user name as on the wire: EBCDIC, upper case, padded with X'40' to 8. */
struct nje_name {
    uint8_t e[8];
};

struct ebc_page;
/* "037", "37", "IBM-1047", "CP1047", "CCSID00924", "EBCDIC-273", "EBCDIC-CP-DK"...; NULL when
 * unknown, or for a double-byte page whose conversion the C library here does not have. */
const struct ebc_page *ebc_page(struct str name);
const struct ebc_page *ebc_page_default(void); /* 037 */
const char *ebc_page_name(const struct ebc_page *page);
/* Does the page have double-byte characters between SO X'0E' and SI X'0F' (930 933 935 937 939)? */
bool ebc_page_double(const struct ebc_page *page);
/* Where the page has its '@': X'7C' in most; X'B5' in 273, X'80' in 277... */
uint8_t ebc_at_sign(const struct ebc_page *page);
#define EBC_AT 0x7Cu /* and what programs that know no pages take for it */

/* 1-8 characters of A-Z 0-9 $ # @ _ - + : (lower case is folded); false when text is no such name.
 */
bool ebc_name(struct nje_name *name, struct str text) MUST_CHECK;
/* Cut to 8, anything not of the set becomes '?'; for names we only show. Empty gives blanks. */
struct nje_name ebc_name_of(struct str text);
struct str ebc_name_text(const struct nje_name *name, char out[9]);
bool ebc_name_empty(const struct nje_name *name); /* blanks or nulls */
/* Nulls count as blanks, small letters as capitals. */
bool ebc_name_eq(const struct nje_name *a, const struct nje_name *b);
void ebc_name_get(struct cur *c, struct nje_name *name); /* 8 bytes; nulls become blanks */

/* Bytes to UTF-8, appended. A byte for which the page has no character is U+FFFD; X'15' (NL) and
 * X'25' (LF) are U+0085 and U+000A and back. Inside a record both are controls, not line ends: who
 * makes lines of records (or records of lines) decides about them and about tabs, see rscs/punch.h.
 * For a double-byte page `bytes` is a whole record: it begins shifted in, an SO left open ends with
 * it, half a pair is U+FFFD and an SI too many nothing. */
void ebc_to_utf8(struct buf *out, const struct ebc_page *page, struct cur bytes);
/* The same for a single-byte page of what is one line to be read: each byte ebc_as_shown. */
void ebc_line_to_utf8(struct buf *out, const struct ebc_page *page, struct cur bytes);
/* EBCDIC keeps its controls in one place, whatever the page: below X'40', and X'FF'. */
bool ebc_is_control(uint8_t e);
/* A control in a record ends no line and says nothing to a reader of mail: it is a blank. A tab
 * stays one. */
uint8_t ebc_as_shown(uint8_t e);
/* UTF-8 to bytes, appended; a character not in the page is replaced by the page's nearest (quotes,
 * dashes, ellipsis, letters without their accent, a no-break space by a blank...) or X'6F' '?', and
 * invisible ones are left out. A letter followed by its combining accent is one character. Answers
 * the number of characters replaced or left out. On a double-byte page the bytes end shifted in. */
size_t ebc_from_utf8(struct buf *out, const struct ebc_page *page, struct str text);

/* Cut a line, as ebc_from_utf8() writes it, into records of at most `max` bytes (4 and more). On a
 * double-byte page SO and SI count as one each, a pair is never split, and a record that ends
 * between SO and SI gets an SI, the next an SO. */
struct ebc_cut {
    const struct ebc_page *page;
    struct cur rest;
    bool first;   /* nothing is cut yet */
    bool shifted; /* the rest begins between SO and SI */
    struct buf record;
};
void ebc_cut_begin(struct ebc_cut *k, const struct ebc_page *page, struct cur line);
/* False at the end; an empty line is one empty record. The record is valid until the next call. */
bool ebc_cut_next(struct ebc_cut *k, size_t max, struct cur *record);
void ebc_cut_end(struct ebc_cut *k);

#endif
