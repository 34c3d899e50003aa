/* gateway/smtp/params.h -- MAIL and RCPT with their parameters: SIZE (RFC 1870), BODY (6152, 3030),
 * SMTPUTF8 (6531), RET, ENVID, NOTIFY and ORCPT (3461), AUTH (4954). Pure codec. */
#ifndef GATEWAY_SMTP_PARAMS_H
#define GATEWAY_SMTP_PARAMS_H

#include "db/message.h"
#include "gateway/smtp/syntax.h"

#define SMTP_ENVID_MAX 100u /* RFC 3461 4.4 */
#define SMTP_ORCPT_MAX 500u /* 4.2 */

struct smtp_mail_params {
    uint64_t size; /* 0: not given */
    bool eightbit; /* BODY=8BITMIME */
    bool binary;   /* BODY=BINARYMIME */
    bool utf8;     /* SMTPUTF8 */
    bool auth;     /* AUTH= stood there; who it names is not believed */
    enum ret ret;
    struct str envid; /* decoded; "" not given */
};
struct smtp_rcpt_params {
    unsigned notify;  /* NOTIFY_ bits of db/message.h, 0 not given; NEVER stands alone */
    struct str orcpt; /* "rfc822;user@host", the address decoded; "" not given */
};

/* "FROM:<path> params", "TO:<path> params". Strings go to the arena. batch: as smtp_parse_path;
 * parameters that are unknown or bad are passed over. *w holds the reply: that of the path, 501
 * 5.5.4 for a bad value or one given twice, 555 5.5.4 for an unknown parameter, 553 5.6.7 for a
 * sender beyond ASCII without SMTPUTF8. */
int smtp_parse_mail(struct str rest, bool batch, struct arena *a, struct smtp_path *path,
                    struct smtp_mail_params *p, struct why *w) MUST_CHECK;
/* utf8: the transaction's SMTPUTF8; without it a recipient beyond ASCII is refused (553 5.6.7). */
int smtp_parse_rcpt(struct str rest, bool batch, bool utf8, struct arena *a, struct smtp_path *path,
                    struct smtp_rcpt_params *p, struct why *w) MUST_CHECK;

/* Append " RET=HDRS ENVID=x", " NOTIFY=FAILURE ORCPT=rfc822;x" as far as they are given (RFC 3461).
 */
void smtp_put_mail_dsn(struct buf *b, enum ret ret, struct str envid);
void smtp_put_rcpt_dsn(struct buf *b, unsigned notify, struct str orcpt);

#endif
