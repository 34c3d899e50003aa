/* rscs/ebcdic.h -- EBCDIC code pages, by table, and NJE names. The one file that converts between
 * EBCDIC and UTF-8. Substitutions are counted, never silent.
 * Tables: generated facts of IBM code pages (CDRA); 037 and 1047 first. */
#ifndef RSCS_EBCDIC_H
#define RSCS_EBCDIC_H

#include "base/bytes.h"

/* A node or user name as on the wire: EBCDIC, upper case, padded with X'40' to 8. */
struct nje_name {
    uint8_t e[8];
};

struct ebc_page;
/* "037", "37", "IBM-1047", "CP1047"...; NULL when unknown. */
const struct ebc_page *ebc_page(struct str name);
const struct ebc_page *ebc_page_default(void); /* 037 */
const char *ebc_page_name(const struct ebc_page *page);

/* 1-8 characters of A-Z 0-9 $ # @ _ - + : (lower case is folded); false when text is no such name.
 */
bool ebc_name(struct nje_name *name, struct str text) MUST_CHECK;
/* Cut to 8, anything not of the set becomes '?'; for names we only show. Empty gives blanks. */
struct nje_name ebc_name_of(struct str text);
struct str ebc_name_text(const struct nje_name *name, char out[9]);
bool ebc_name_empty(const struct nje_name *name);                     /* blanks or nulls */
bool ebc_name_eq(const struct nje_name *a, const struct nje_name *b); /* nulls count as blanks */
void ebc_name_get(struct cur *c, struct nje_name *name); /* 8 bytes; nulls become blanks */

/* Bytes to UTF-8, appended. Every byte has a character: X'15' (NL) and X'25' (LF) are U+0085 and
 * U+000A and back. Inside a record both are controls, not line ends: who makes lines of records (or
 * records of lines) decides about them and about tabs, see rscs/punch.h. */
void ebc_to_utf8(struct buf *out, const struct ebc_page *page, struct cur bytes);
/* UTF-8 to bytes, appended; a character not in the page is replaced by the page's nearest (quotes,
 * dashes, ellipsis, letters without their accent, a no-break space by a blank...) or X'6F' '?', and
 * invisible ones are left out. A letter followed by its combining accent is one character. Answers
 * the number of characters replaced or left out. */
size_t ebc_from_utf8(struct buf *out, const struct ebc_page *page, struct str text);

#endif
