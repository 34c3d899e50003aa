/* gateway/mail/relabel.h -- a MIME message whose 8-bit text crosses a code page. Text that stands
 * in a message as 8-bit characters of some charset (RFC 2045 2.8) becomes UTF-8, which the code
 * page can be made from, and its label says so; what is no text becomes base64. All else stays as
 * it is, octet for octet. Pure. */
#ifndef GATEWAY_MAIL_RELABEL_H
#define GATEWAY_MAIL_RELABEL_H

#include "base/arena.h"
#include "base/bytes.h"

/* was_utf8: it comes out of a code page, so that all of it is UTF-8 already, whatever the labels
 * say, and only they are corrected. Appends to out; a message that is ASCII is appended as it is.
 * E_LIMIT as mime_read; then nothing useful stands in out. */
int relabel_put(struct arena *a, struct str message, bool was_utf8, struct buf *out,
                struct why *w) MUST_CHECK;

#endif
