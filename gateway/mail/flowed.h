/* gateway/mail/flowed.h -- format=flowed text (RFC 3676) as paragraphs. Pure. */
#ifndef GATEWAY_MAIL_FLOWED_H
#define GATEWAY_MAIL_FLOWED_H

#include "base/bytes.h"

/* Append UTF-8 text (LF lines) with its flowed lines joined to one line a paragraph, the stuffed
 * blank removed, quoting written as "> " for each level. delsp: the blank that marks a flowed line
 * is no part of the text. The signature line "-- " stays what it is. */
void flowed_join(struct buf *b, struct str text, bool delsp);

#endif
