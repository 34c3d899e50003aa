/* gateway/mail/mime.h -- MIME through GMime: the text a person should read, the parts that become
 * files, and messages built from text. The only includer of gmime. */
#ifndef GATEWAY_MAIL_MIME_H
#define GATEWAY_MAIL_MIME_H

#include "base/arena.h"
#include "base/bytes.h"
#include "gateway/mail/plain.h"
#include "gateway/mail/transfer.h"

/* The readable text of a message as UTF-8 with LF lines: best alternative, charset decoded,
 * transfer encodings undone, format=flowed joined; HTML only: its plain rendering. Parts that are
 * no text are in part, what they are called is for the caller to say. E_LIMIT when nesting or part
 * count pass the limits (depth 50, 1000 parts). */
struct mime_part {
    struct str type;    /* "application/pdf" */
    struct str name;    /* file name, decoded, "" none */
    bool text;          /* content is UTF-8 with LF lines */
    uint64_t size;      /* of the content */
    struct str content; /* in the arena; of a large file "": mime_pieces_next */
    struct str raw;     /* a large file as the message has it: borrowed from the message */
    enum mime_coding coding;
    const char *charset;              /* of a large text */
    struct str nje_file, nje_records; /* X-NJE-File and X-NJE-Records, "" absent */
};
/* Pieces of a part's content: begin once (again: from its start), then next until it answers false.
 * The piece is valid until the next call. */
struct mime_pieces {
    const struct mime_part *part;
    struct transfer transfer;
    struct plain_flow flow; /* of a large text */
    struct buf room, text;
    struct str rest;
    size_t replaced; /* characters of a large text that could not be read, so far */
    bool flows, ended;
};
void mime_pieces_begin(struct mime_pieces *p, const struct mime_part *part);
bool mime_pieces_next(struct mime_pieces *p, struct cur *piece);
void mime_pieces_done(struct mime_pieces *p);

struct mime_text {
    struct str text;
    struct mime_part *part; /* attachments in order */
    size_t nparts;
    unsigned pictures; /* embedded ones that are neither shown nor among the parts */
    size_t replaced;   /* characters that could not be decoded */
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
    bool text;                        /* UTF-8 text: text/plain with charset */
    struct str nje_file, nje_records; /* values of X-NJE-File, X-NJE-Records; "" none */
};
void mime_put_text(struct buf *b, struct str text, const struct mime_file *file, size_t nfiles,
                   struct str boundary_seed);

/* The mail for a host that takes no 8-bit text (RFC 6152 3): its parts in quoted-printable or
 * base64, added to out. E_PERM when it stays beyond ASCII, in its header or in what is signed as it
 * stands (multipart/signed: RFC 1847 2.1), or does not fit. */
int mime_7bit(struct str mail, struct buf *out) MUST_CHECK;

#endif
