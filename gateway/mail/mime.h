/* gateway/mail/mime.h -- MIME through GMime: the text a person should read, the parts that become
 * files, and messages built from text. The only includer of gmime. */
#ifndef GATEWAY_MAIL_MIME_H
#define GATEWAY_MAIL_MIME_H

#include "base/arena.h"
#include "base/bytes.h"

/* The readable text of a message as UTF-8 with LF lines: best alternative, charset decoded,
 * quoted-printable and base64 undone, format=flowed joined; HTML only: its plain rendering. Parts
 * that are not text are named in a line each at the end ("[attachment report.pdf, application/pdf,
 * 48123 bytes]") and listed in parts. E_LIMIT when nesting or part count pass the limits (depth 50,
 * 1000 parts). */
struct mime_part {
    struct str type;    /* "application/pdf" */
    struct str name;    /* file name, decoded, "" none */
    struct str content; /* decoded bytes, in the arena */
    bool text;          /* text/...: content is UTF-8 */
};
struct mime_text {
    struct str text;
    struct mime_part *part; /* attachments in order */
    size_t nparts;
    size_t replaced; /* characters that could not be decoded */
};
int mime_read(struct arena *a, struct str message, struct mime_text *out, struct why *w) MUST_CHECK;

/* Append the MIME fields and body for a UTF-8 text (LF lines) to a message whose other fields stand
 * in b already: MIME-Version, Content-Type, Content-Transfer-Encoding, blank line, body with CRLF;
 * 7-bit only: quoted-printable when it is not plain ASCII or has lines over 998. Attachments make
 * it multipart/mixed. */
struct mime_file {
    struct str name;
    struct str type; /* "" application/octet-stream */
    struct cur content;
    bool text; /* UTF-8 text: text/plain with charset */
};
void mime_put_text(struct buf *b, struct str text, const struct mime_file *file, size_t nfiles,
                   struct str boundary_seed);

#endif
