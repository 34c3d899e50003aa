/* base/text.h -- UTF-8 and the small encodings of mail; charset conversion through iconv (the only
 * includer of iconv.h). */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/bytes.h"

bool text_is_utf8(struct str s); /* well-formed, no surrogates, no overlong forms (RFC 3629) */
bool text_is_ascii(struct str s);
/* Next code point off *s; a malformed byte answers U+FFFD and is taken alone. *s must not be empty.
 */
uint32_t text_rune(struct str *s);
void text_put_rune(struct buf *b, uint32_t rune);
size_t text_columns(struct str s); /* code points; combining marks count 0, East Asian wide 2 */

void text_b64(struct buf *b, struct cur bytes);         /* one line, no breaks */
int text_unb64(struct buf *b, struct str s) MUST_CHECK; /* white space ignored; E_SYNTAX */
void text_xtext(struct buf *b, struct str s);           /* RFC 3461 4 */
int text_unxtext(struct buf *b, struct str s) MUST_CHECK;
/* Convert bytes in the named charset to UTF-8. An unknown name is an error; malformed bytes become
 * U+FFFD and are counted in *replaced (may be NULL). */
int text_to_utf8(struct buf *b, const char *charset, struct cur bytes, size_t *replaced,
                 struct why *w) MUST_CHECK;
/* The same for bytes that come in pieces, cut anywhere: what all pieces append together is what one
 * would. NULL for an unknown name. */
struct text_flow;
struct text_flow *text_flow_new(const char *charset);
/* Answers how many malformed characters there were; last: nothing more comes. */
size_t text_flow_put(struct text_flow *f, struct buf *b, struct cur bytes, bool last);
void text_flow_free(struct text_flow **f);
/* Does the label say nothing that can be relied on (us-ascii and the like)? Then text_to_utf8 takes
 * the bytes for UTF-8 when all of them can be that, else for windows-1252; who has them in pieces
 * must look at all of them first. */
bool text_is_guessed(const char *charset);
/* The same door for code pages with shift states, whose caller knows what to do about a character
 * that does not exist: a conversion takes text piece by piece, keeps its shift state from one to
 * the next, and stops where it cannot go on. */
struct text_iconv;
/* NULL when this C library does not have both; text_iconv_close() sets *c to NULL. */
struct text_iconv *text_iconv_open(const char *to, const char *from);
/* Append what s becomes; answers the bytes taken: s.n, or fewer up to a character that cannot be
 * converted. */
size_t text_iconv_put(struct text_iconv *c, struct buf *out, struct str s);
void text_iconv_end(struct text_iconv *c, struct buf *out); /* back to the initial shift state */
void text_iconv_close(struct text_iconv **c);
/* '*' matches any run of characters, without ASCII case. */
bool text_glob(struct str pattern, struct str s);
/* Print s for a log value: quoted when it holds blanks or quotes, controls and 8-bit as \xNN. */
void text_quote(struct buf *b, struct str s);

#endif
