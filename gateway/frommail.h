/* gateway/frommail.h -- a mail becomes files for an NJE user: the note (or RFC 822 text, or batch
 * SMTP, by node), then each attachment as a NETDATA file of its own.
 *
 * frommail_new finds out on the loop's thread all that the tables know; from then on frommail_count
 * and frommail_file may be called from one other thread, until it has ended. */
#ifndef GATEWAY_FROMMAIL_H
#define GATEWAY_FROMMAIL_H

#include "gateway/file/njefile.h"
#include "gateway/intake.h"

struct frommail;

/* Read the mail once for all its recipients. A sender without nickname is given one (its row goes
 * into the change). The mail must stay until frommail_free. */
struct frommail *frommail_new(struct gate *g, const struct mail *m, struct change *c,
                              struct why *w);
void frommail_free(struct frommail **f);
/* Remember what this recipient is given, for his reply. */
void frommail_remember(struct frommail *f, const struct admitted *to, struct change *c);
struct str frommail_subject(const struct frommail *f);
struct str
frommail_head(const struct frommail *f); /* the header block, for notices, at most 8 KiB */
size_t frommail_count(const struct frommail *f,
                      const struct admitted *to); /* files for this user */
/* Whose file it becomes and where that goes: the user himself, or the MAILER. */
void frommail_way(const struct frommail *f, const struct admitted *to, struct admitted *way);
/* The k-th file (from 0) for a recipient, under spool id `id`. The result's deck is the caller's.
 */
int frommail_file(struct frommail *f, const struct admitted *to, size_t k, msg_id id,
                  struct njefile_out *out, struct reader_row *row, struct why *w) MUST_CHECK;

#endif
