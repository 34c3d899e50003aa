/* gateway/smtp/syntax.h -- the language of SMTP, shared by the server, the client and batch SMTP:
 * command lines, paths, replies, dot transparency. RFC 5321 4.1. Parameters are in
 * gateway/smtp/params.h. Pure codec. */
#ifndef GATEWAY_SMTP_SYNTAX_H
#define GATEWAY_SMTP_SYNTAX_H

#include "base/arena.h"
#include "base/bytes.h"

#define SMTP_LINE_MAX 2048u     /* a command line with CRLF */
#define SMTP_COMMAND_MAX 12288u /* the longest LIMIT COMMAND allows; AUTH: RFC 4954 4 */
#define SMTP_REPLY_MAX 4096u    /* a reply line we read */
#define SMTP_PATH_MAX 256u
#define SMTP_LOCAL_MAX                                                                             \
    253u /* RFC 5321 4.5.3.1.1 asks for 64 at least; reply addresses in use are longer */
#define SMTP_DOMAIN_MAX 255u

struct smtp_path {
    struct str local;  /* unquoted */
    struct str domain; /* "" for postmaster without domain; "[192.0.2.1]" literals keep brackets */
    struct str text;   /* local@domain again, quoted where needed, without <>; "" the null path */
    bool route;        /* a source route stood before it (it is dropped) */
    bool utf8;         /* it is beyond ASCII: SMTPUTF8 */
};
/* The commands that DISALLOWCMD switches off, as IBM numbers them. */
enum { SMTP_NO_VERB = 1, SMTP_NO_QUEU = 2, SMTP_NO_HELP = 4, SMTP_NO_VRFY = 8, SMTP_NO_EXPN = 16 };
bool smtp_disallowed(unsigned disallow, struct str verb);

/* Split "VERB rest"; verb empty for an empty line. */
void smtp_verb(struct str line, struct str *verb, struct str *rest);
/* word ("FROM:" or "TO:"), the path, then what is left of the line. Strings go to the arena, params
 * stays in rest. Spaces after the colon are tolerated (they are in wide use). batch: a path without
 * <> and the characters $ and # of node names in a domain are tolerated too (batch SMTP); it is
 * ASCII. *w holds the reply: 501 with 5.1.7 or 5.1.3, 553. */
int smtp_parse_path(struct str rest, const char *word, bool batch, struct arena *a,
                    struct smtp_path *path, struct str *params, struct why *w) MUST_CHECK;
/* A bare mailbox "local@domain" (quoted local parts, address literals), no source route; UTF-8 as
 * RFC 6531 allows. */
int smtp_parse_mailbox(struct str text, struct arena *a, struct smtp_path *path,
                       struct why *w) MUST_CHECK;
/* A domain name (letters, digits, hyphens, underscores) or an address literal in brackets. */
bool smtp_domain_ok(struct str domain);

/* One reply, of one or many lines, appended ("250-...CRLF250 ...CRLF"); enh may be "". Text may
 * hold LF to separate lines. */
void smtp_put_reply(struct buf *b, int code, const char *enh, struct str text);
void smtp_put_why(struct buf *b, const struct why *w);
/* Reading replies: feed lines without CRLF; 1 the reply is complete, 0 more lines follow, negative
 * no reply line. Texts are joined with LF into text (capped). */
struct smtp_reply {
    int code;
    char enh[12];
    struct buf text;
    unsigned lines;
};
void smtp_reply_init(struct smtp_reply *r);
void smtp_reply_done(struct smtp_reply *r);
int smtp_reply_line(struct smtp_reply *r, struct str line, struct why *w) MUST_CHECK;
void smtp_reply_why(const struct smtp_reply *r, struct why *w); /* a failure reply as a why */

/* Dot transparency, incremental; a zero state is the start of data. Reads from *in up to the end of
 * data; content goes to out with CRLF lines, at most 2 octets more than were read. 1: CRLF.CRLF was
 * seen, *in stands behind it. 0: all of *in is used, more must come. E_SYNTAX: the end was seen, as
 * with 1, but a bare CR, bare LF or NUL was met before it, so the message must be refused. From
 * there on `broken` is set and nothing more is written, yet only CRLF.CRLF ends the data. */
struct smtp_undot {
    uint8_t state;
    bool broken;
};
int smtp_undot(struct smtp_undot *u, struct cur *in, struct buf *out) MUST_CHECK;
/* The same for content that comes by its length (BDAT, RFC 3030) and is no BINARYMIME: lines must
 * end in CRLF. All of *in is used; E_SYNTAX from the first bare CR, bare LF or NUL on, when nothing
 * more is written. smtp_chunk_end adds what the last line lacks of its CRLF. */
int smtp_chunk(struct smtp_undot *u, struct cur *in, struct buf *out) MUST_CHECK;
int smtp_chunk_end(struct smtp_undot *u, struct buf *out) MUST_CHECK;
/* Write content with dots doubled; state carries over calls, smtp_dot_end writes what is missing of
 * CRLF and the final ".CRLF". A bare CR or LF in the content goes out as CRLF, so that no content
 * can be taken for an end of data. At most 2 octets leave for each one given, and one more. */
struct smtp_dot {
    uint8_t state;
};
void smtp_dot(struct smtp_dot *d, struct str in, struct buf *out);
void smtp_dot_end(struct smtp_dot *d, struct buf *out);

#endif
