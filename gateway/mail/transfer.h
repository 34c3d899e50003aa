/* gateway/mail/transfer.h -- transfer encodings undone and made: base64 and quoted-printable (RFC
 * 2045 6.7, 6.8), uuencode and xxencode. Bytes may come in any pieces; nothing malformed is an
 * error: what cannot be meant is passed over (base64, uu) or stays as it stands
 * (quoted-printable). Pure. */
#ifndef GATEWAY_MAIL_TRANSFER_H
#define GATEWAY_MAIL_TRANSFER_H

#include "base/bytes.h"

enum mime_coding { MIME_PLAIN, MIME_QP, MIME_BASE64, MIME_UU, MIME_XX };

struct transfer {
    enum mime_coding coding;
    uint32_t bits; /* base64: of an unfinished group */
    unsigned nbits;
    char held[80]; /* quoted-printable: blanks and an escape not yet decided; uu: a line */
    size_t nheld;
    bool begun, ended; /* uu: between "begin" and "end" */
    bool lost;         /* uu: the line is longer than any can be */
};
void transfer_begin(struct transfer *t, enum mime_coding coding);
void transfer_put(struct transfer *t, struct str in, struct buf *out);
void transfer_end(struct transfer *t, struct buf *out);

/* Append lines "begin 644 name" to "end" (LF), with ` for zero bits; name cleaned of blanks and
 * controls. coding is MIME_UU or MIME_XX. */
void transfer_encode(struct buf *out, enum mime_coding coding, struct str name, struct cur bytes);
/* The bytes that the first character of such a line counts; false when it is none of its alphabet.
 */
bool transfer_count(enum mime_coding coding, char c, unsigned *bytes);

#endif
