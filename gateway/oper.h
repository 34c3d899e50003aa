/* gateway/oper.h -- commands by interactive message: SMSG to SMTP at LOCAL, njegate smsg. The
 * commands of RSCS are gateway/rscscmd.h. */
#ifndef GATEWAY_OPER_H
#define GATEWAY_OPER_H

#include "gateway/gate.h"

typedef void oper_reply_fn(void *arg, struct str line);

/* A command of gateway/oper.def from USER at NODE; privileged ones need SMSGAUTHLIST. */
void oper_smsg(struct gate *g, struct str user, struct str node, struct str text, oper_reply_fn *fn,
               void *arg);
/* Is USER at NODE in SMSGAUTHLIST? (NODE "": the control socket, yes.) */
bool oper_privileged(const struct gate *g, struct str user, struct str node);

#endif
