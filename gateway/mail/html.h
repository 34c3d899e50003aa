/* gateway/mail/html.h -- HTML to text that a person reads on an 80-column screen. Pure. */
#ifndef GATEWAY_MAIL_HTML_H
#define GATEWAY_MAIL_HTML_H

#include "base/bytes.h"

/* Append the readable text of a page as UTF-8 with LF lines of at most `width` columns (0: 78);
 * only long words and preformatted lines pass it. charset: of the bytes, from the MIME header;
 * NULL: a byte order mark, the page's own <meta>, or a guess tells. What a browser hides stays
 * hidden; links are numbered and listed at the end; nothing is ever fetched. E_LIMIT when the text
 * does not fit in the buffer; nesting deeper than 200 and tables wider than 60 columns are
 * flattened, not refused. Takes time linear in the page; the memory
 * beside page and text is bounded. */
int html_to_text(struct buf *utf8, struct str html, const char *charset, unsigned width,
                 struct why *w) MUST_CHECK;

#endif
