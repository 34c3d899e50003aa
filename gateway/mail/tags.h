/* gateway/mail/tags.h -- HTML as bytes, before or instead of its parser: its charset, whether the
 * parser can be trusted with it, and its text without any understanding. Pure. */
#ifndef GATEWAY_MAIL_TAGS_H
#define GATEWAY_MAIL_TAGS_H

#include "base/bytes.h"
#include "gateway/mail/fill.h"

#define TAGS_PAGE_MAX ((size_t)4 << 20) /* larger pages are only stripped of tags */

/* Put the page into an empty buffer as UTF-8, without NUL bytes, which end it for the parser, and
 * with the colons of tags' prefixes as hyphens. charset NULL: a byte order mark, the page's <meta>,
 * or a guess tells; so does an unknown one. */
void tags_convert(struct buf *utf8, struct str html, const char *charset);
/* The parser compares each attribute of a tag with each: a page could buy hours with one tag. False
 * for such pages and for those over TAGS_PAGE_MAX. */
bool tags_tame(struct str html);
/* Text without tags, lines where blocks were; script, style and comments left out. Linear. */
void tags_strip(struct fill *f, struct str html);

#endif
