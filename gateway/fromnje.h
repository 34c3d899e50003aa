/* gateway/fromnje.h -- a file from the NJE side becomes mail: a NOTE or any file to a nickname, a
 * NOTE with Internet recipients or batch SMTP to the gateway's own userids. What cannot be taken
 * comes back to its origin with a reason, in the same intake. */
#ifndef GATEWAY_FROMNJE_H
#define GATEWAY_FROMNJE_H

#include "gateway/file/njefile.h"
#include "gateway/intake.h"

/* What a file leads to is added to the intake: mails, notices, returned files. Negative only when
 * nothing could be done (our disk, our limits): the file must not be acknowledged as taken then, or
 * be returned whole. */
int fromnje_mailer(struct gate *g, struct intake *in, struct body *deck, enum policy_source source,
                   struct why *w) MUST_CHECK; /* to SMTP, MAILER, BSMTP at LOCAL */
int fromnje_mailbox(struct gate *g, struct intake *in, struct body *deck, enum policy_source source,
                    const struct admitted *to, struct why *w) MUST_CHECK; /* to a nickname */
/* A large file is taken apart in a work thread before it is given to one of the functions here:
 * fn(arg, v, w) follows on a later turn, v negative: it was not, the gateway stops. Then it is the
 * caller's, to free or to give to the intake (intake_set_read) of the file's. */
struct fromnje_read;
struct fromnje_read *fromnje_read_apart(struct gate *g, struct body *deck,
                                        void (*fn)(void *arg, int v, const struct why *w),
                                        void *arg);
void fromnje_read_free(struct fromnje_read **r);
/* To a name at DIMNODE that nobody has: mail when the note itself says who is meant (a temporary
 * nickname), else it goes back for that reason. */
int fromnje_unknown(struct gate *g, struct intake *in, struct body *deck, enum policy_source source,
                    const struct why *reason, struct why *w) MUST_CHECK;
/* The deck itself goes back to its origin, and a one-line message says why; one that is on its way
 * back already is held. */
int fromnje_return(struct gate *g, struct intake *in, struct body *deck, const struct why *reason,
                   struct why *w) MUST_CHECK;
/* Is it a file that another node returns, and may it go home? It bears its first origin, which does
 * not lie behind that node; no where a name of ours would make it mail in the name of another. */
bool fromnje_goes_home(struct gate *g, const struct njefile_in *f);
bool fromnje_way_back(const struct gate *g, struct str node); /* do we know where the node is? */

#endif
