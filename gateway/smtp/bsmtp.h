/* gateway/smtp/bsmtp.h -- batch SMTP: the client side of a session written to a file (IBM SMTP, RFC
 * 2442 without MIME). Reads lines, gives mails, writes the replies each command would have got. */
#ifndef GATEWAY_SMTP_BSMTP_H
#define GATEWAY_SMTP_BSMTP_H

#include "gateway/smtp/params.h"

/* Is this the first line of a batch? HELO, EHLO, TICK, VERB or MAIL, in any case. */
bool bsmtp_looks(struct str first_line);

struct bsmtp_mail {
    struct smtp_path sender;
    struct smtp_path *rcpt;
    void **rcpt_user; /* what ops->rcpt left for each */
    struct smtp_mail_params params;
    struct smtp_rcpt_params *rcpt_params; /* of each */
    size_t nrcpt;
    struct str
        content; /* CRLF lines, dots removed; a missing blank line after the header not added */
    struct str tick;
};
struct bsmtp_ops {
    /* 0, or negative with *w: code and text of the reply. */
    int (*sender)(void *arg, const struct smtp_path *p, struct why *w); /* 0 accept */
    int (*rcpt)(void *arg, const struct smtp_path *p, void **user, struct why *w);
    int (*mail)(void *arg, const struct bsmtp_mail *m, struct why *w); /* end of data: 0 queued */
    /* VRFY and EXPN: where mail to that address goes, a line each (LF). May be NULL. */
    int (*who)(void *arg, const struct smtp_path *p, struct buf *lines, struct why *w);
    /* QUEU: what waits, a line for each destination (LF); with DATE also since when. May be NULL.
     */
    void (*queues)(void *arg, bool date, struct buf *lines);
};
struct bsmtp_set {
    const char *hostname;
    uint64_t max_size;  /* octets of one mail, 0: 104857600 */
    unsigned max_rcpt;  /* per mail, 0: 1000 */
    unsigned max_mails; /* per file, 0: 1000 */
    unsigned disallow;  /* DISALLOWCMD: SMTP_NO_... */
    unsigned
        columns; /* of a record; a command that fills one may be cut. 0: records of any length */
    bool strict; /* RFC 2442: paths in <>, SMTPUTF8, and bad parameters are errors, as in a session
                  */
};
/* One batch, from its first record to its end. hostname is copied. A refused MAIL, RCPT or DATA
 * costs that mail (or recipient) only: the file is read on with its next MAIL. The content of a
 * refused DATA is passed over. */
struct bsmtp;
struct bsmtp *bsmtp_new(const struct bsmtp_set *set, const struct bsmtp_ops *ops, void *arg);
void bsmtp_line(struct bsmtp *b,
                struct str line); /* one record without line end, trailing blanks cut */
/* End of file: ends a mail whose dot is missing. Lines given afterwards, or after QUIT, are not
 * read. */
void bsmtp_end(struct bsmtp *b);
bool bsmtp_verbose(const struct bsmtp *b);    /* VERB ON was given: replies are wanted */
unsigned bsmtp_errors(const struct bsmtp *b); /* commands answered 4xx or 5xx */
/* Each command as read, then its replies; LF lines, at most 64 KiB. Borrowed until the next call.
 */
struct str bsmtp_report(const struct bsmtp *b);
struct str bsmtp_sender(const struct bsmtp *b); /* last valid MAIL FROM, "" when none */
void bsmtp_free(struct bsmtp **b);
/* One mail to be written as a batch. */
struct bsmtp_out {
    const char *helo;
    struct str sender; /* as are recipients: without <> */
    const struct str *rcpt;
    size_t nrcpt;
    struct str content; /* CRLF or LF lines */
    /* EHLO, SIZE, BODY, SMTPUTF8 and what these hold of RFC 3461 (RFC 2442: its processor takes
     * them). Else HELO and no parameter, as mailers of NJE nodes expect. */
    bool extended, utf8;
    enum ret ret;
    struct str envid;
    const struct smtp_rcpt_params *rcpt_params; /* of each; NULL none */
};
/* HELO to QUIT: calls line() for each line, without line end, dots doubled. The line is borrowed
 * for the call. */
void bsmtp_write(const struct bsmtp_out *out, void (*line)(void *arg, struct str line), void *arg);

#endif
