/* gateway/batchin.h -- a mail from the Internet that is a batch (application/batch-SMTP, RFC 2442):
 * to SMTP, MAILER or BSMTP at one of our names, from whom BATCHSMTP allows it. The mails in it are
 * taken as they would be in a session with that client, and what was wrong is mailed to its sender.
 * Filters see the batch, not the mails in it. */
#ifndef GATEWAY_BATCHIN_H
#define GATEWAY_BATCHIN_H

#include "gateway/intake.h"
#include "gateway/smtp/syntax.h"

#define BATCHIN_MAX (16u << 20) /* octets of a batch: the loop's thread reads it */

/* The client that sent it. */
struct batchin_client {
    const union endpoint *peer;
    struct str login; /* who signed on, "" nobody */
};
/* Is this recipient the gateway itself, and may the client send it batches? Else he is an ordinary
 * address. */
bool batchin_meant(const struct gate *g, const struct batchin_client *by,
                   const struct smtp_path *rcpt);
/* Take the mails of a batch into the intake. `outer` is the mail that holds it, for the sender and
 * the content. Negative: the mail is to be refused, for it is no batch, or one we cannot read. */
int batchin_take(struct gate *g, struct intake *in, const struct batchin_client *by,
                 const struct mail *outer, struct why *w) MUST_CHECK;

#endif
