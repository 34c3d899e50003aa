/* gateway/mail/plain.h -- the bytes of a text part as text, and files that hide in it. Pure. */
#ifndef GATEWAY_MAIL_PLAIN_H
#define GATEWAY_MAIL_PLAIN_H

#include "base/bytes.h"
#include "gateway/mail/transfer.h"

/* Append bytes of that charset as UTF-8 with LF lines, NUL left out. charset "" or unknown:
 * guessed, UTF-8 or windows-1252. *replaced grows by the characters that could not be read. */
void plain_put(struct buf *b, struct str bytes, struct str charset, size_t *replaced);
/* More than one control character in twenty, or a NUL (but for charsets of wide units): no text,
 * whatever its label says. */
bool plain_is_binary(struct str bytes, struct str charset);

/* A uuencoded or xxencoded file in a text, as mail had them before MIME. */
struct plain_uu {
    enum mime_coding coding; /* MIME_UU or MIME_XX */
    size_t start, end;       /* of its lines in the text, "begin" to "end" */
    struct str name;
    struct str data; /* the lines between, with the empty one */
};
/* The next one at or after `from`, a line's start; false when there is none. */
bool plain_find_uu(struct str text, size_t from, struct plain_uu *out);

#endif
