/* gateway/smtpin.h -- the SMTP door: listeners and what its sessions ask (gateway/smtp/server): who
 * a recipient is, and taking the mail. */
#ifndef GATEWAY_SMTPIN_H
#define GATEWAY_SMTPIN_H

#include "gateway/gate/gate.h"

struct smtpin;
/* Open the ports of LISTENSMTP; sessions begin after smtpin_start. *out is to be freed also on
 * failure. */
int smtpin_listen(struct smtpin **out, struct gate *g, struct why *w) MUST_CHECK;
void smtpin_start(struct smtpin *s);  /* the store is open now */
void smtpin_reload(struct smtpin *s); /* limits and times of the configuration as it is now */
void smtpin_drain(struct smtpin *s);  /* closes the ports; open transactions go on */
unsigned smtpin_sessions(const struct smtpin *s);
size_t smtpin_undecided(const struct smtpin *s); /* mails whose verdict is not given yet */
void smtpin_free(struct smtpin **s);

#endif
