/* gateway/batchout.h -- mail for a DESTINATION ... BATCHSMTP=mailbox: its recipients there get it
 * in one mail to that mailbox, as a batch with its envelope (application/batch-SMTP, RFC 2442). */
#ifndef GATEWAY_BATCHOUT_H
#define GATEWAY_BATCHOUT_H

#include "gateway/intake.h"

#define BATCHOUT_RCPTS 100u /* in one batch: what RFC 821 4.5.3 lets one count on */

/* One batch: all recipients are for the same mailbox. Borrowed from the mail and its configuration.
 */
struct batchout {
    struct str mailbox;           /* where it goes */
    const struct admitted **rcpt; /* in the arena given */
    size_t nrcpt;
    struct body *body; /* the mail that holds it, once batchout_make has made it */
};
/* The mailbox that takes mail for this one as a batch, "" none. */
struct str batchout_of(const struct conf *c, struct str mailbox);
/* The Internet mailbox of an admitted recipient: his own, or the one he is forwarded to; "" none.
 */
struct str batchout_mailbox(const struct admitted *r);
/* NOTIFY_ bits of the mail to it: of a copy that a local user has forwarded, success is told where
 * his reader has the mail. */
unsigned batchout_notify(const struct admitted *r);
/* Sort the recipients of m who are meant into batches: how many, 0 none. E_LIMIT: the arena is
 * full. */
int batchout_sort(const struct conf *c, struct arena *a, const struct mail *m,
                  struct batchout **list, struct why *w) MUST_CHECK;
/* Write the mail that holds the batch; may be called in a work thread. Its body is the caller's to
 * free. */
int batchout_make(const struct conf *c, struct store *s, const struct mail *m, msg_id id,
                  struct batchout *b, struct why *w) MUST_CHECK;
/* Its recipient row: one stands for all, so that it is sent once. Success is for the other side to
 * tell, the batch says who asked. */
void batchout_row(const struct batchout *b, struct message *out);

#endif
