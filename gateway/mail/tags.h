/* gateway/mail/tags.h -- HTML as bytes, before or instead of its parser: its charset, whether the
 * parser can be trusted with it, and its text without any understanding. Pure. */
#ifndef GATEWAY_MAIL_TAGS_H
#define GATEWAY_MAIL_TAGS_H

#include "base/bytes.h"
#include "gateway/mail/fill.h"

/* Put the page into an empty buffer as UTF-8, without NUL bytes, which end it for the parser.
 * charset NULL: a byte order mark, the page's <meta>, or a guess tells; so does an unknown one. */
void tags_convert(struct buf *utf8, struct str html, const char *charset);
/* Append the page in a form that leaves its parser no work but the tree: tags with only the
 * attributes that matter, each once, its value quoted; no comments, declarations, scripts, styles
 * or name prefixes; a '<' that begins no tag escaped. The parser compares each attribute of a tag
 * with each other: as it comes, a page could buy hours with one tag. Linear. */
void tags_clean(struct buf *out, struct str utf8);
/* The text of a clean page without any understanding: no tags, lines where blocks were. Linear. */
void tags_strip(struct fill *f, struct str clean);

#endif
