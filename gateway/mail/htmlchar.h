/* gateway/mail/htmlchar.h -- the characters of a web page: its charset, its character references.
 * Pure. */
#ifndef GATEWAY_MAIL_HTMLCHAR_H
#define GATEWAY_MAIL_HTMLCHAR_H

#include "base/arena.h"
#include "base/bytes.h"

/* Put the page into an empty buffer as UTF-8, without NUL bytes. charset NULL: a byte order mark,
 * the page's <meta>, or a guess tells; so does an unknown one. */
void htmlchar_convert(struct buf *utf8, struct str html, const char *charset);
/* The text with its character references undone (HTML Living Standard 13.2.5.72), in the arena when
 * it has any, else itself. Unknown references stay as they are; an attribute's value keeps those
 * without a semicolon before a letter, digit or '=', for they are part of an address. */
struct str htmlchar_undo(struct arena *a, struct str s, bool attribute);

#endif
