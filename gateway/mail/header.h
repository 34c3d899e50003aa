/* gateway/mail/header.h -- the header block of an RFC 5322 message: fields in order, unfolding,
 * address lists, RFC 2047 words, writing with folding. Dates are in date.h. Pure. */
#ifndef GATEWAY_MAIL_HEADER_H
#define GATEWAY_MAIL_HEADER_H

#include "base/arena.h"
#include "base/bytes.h"
#include "gateway/mail/date.h"

#define HDR_FIELDS_MAX 1000u
#define HDR_BYTES_MAX 262144u

struct hdr_field {
    struct str name;  /* as written */
    struct str value; /* unfolded: CRLF removed, trimmed; raw bytes otherwise */
};
struct hdr {
    struct hdr_field *field;
    size_t n;
    size_t size; /* bytes of the block with its blank line */
    struct arena *arena;
};
/* Split a message (LF or CRLF lines) into fields up to the blank line or the first line that is no
 * field. E_LIMIT past the maxima. Missing header: n 0, size 0. */
int hdr_parse(struct arena *a, struct str message, struct hdr *h, struct why *w) MUST_CHECK;
/* nth (0..) field of that name without case; NULL when there is none. */
const struct hdr_field *hdr_get(const struct hdr *h, const char *name, unsigned nth);
struct str hdr_value(const struct hdr *h, const char *name); /* first one's value, "" when absent */

struct hdr_addr {
    struct str name;    /* display name, decoded to UTF-8, unquoted; "" none */
    struct str local;   /* unquoted */
    struct str domain;  /* "" when there was none */
    struct str mailbox; /* local@domain, quoted where needed */
};
/* Every mailbox of an address list (groups are opened, comments dropped, at most max). Malformed
 * pieces are skipped and counted in the result's sign: answers how many were stored. */
size_t hdr_addrs(struct arena *a, struct str value, struct hdr_addr *out, size_t max);
/* RFC 2047 words to UTF-8; unknown charsets stay as they are; raw 8-bit that is no UTF-8 is read as
 * windows-1252. */
struct str hdr_decode(struct arena *a, struct str value);
/* Append text as it may be shown in one line: C0 and C1 controls and Unicode's line separators
 * become blanks, malformed UTF-8 becomes U+FFFD. */
void hdr_clean(struct buf *b, struct str utf8);
/* UTF-8 to an unstructured value: RFC 2047 words where it is not ASCII. Controls become blanks. */
struct str hdr_encode(struct arena *a, struct str utf8);
/* "Name" <local@domain>, or local@domain; name encoded or quoted as needed. */
struct str hdr_mailbox(struct arena *a, struct str name, struct str mailbox);
/* The same for a mail that not every host takes when it holds more than ASCII: a domain that
 * does has A-labels; an address whose local part does is shown in the name of an empty group (RFC
 * 6857 3.1), for it is no address there. */
struct str hdr_mailbox_ascii(struct arena *a, struct str name, struct str mailbox);
/* Append "Name: value CRLF", folded at blanks to 78 columns. Value can hold no line break: they
 * become blanks, so no value can forge a field. */
void hdr_put(struct buf *b, const char *name, struct str value);

/* The value of Message-ID in a mail, "" when it has none: one look, nothing is parsed or unfolded
 * but a value that begins on the next line. */
struct str hdr_message_id(struct str mail);

#endif
