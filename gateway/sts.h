/* gateway/sts.h -- MTA-STS (RFC 8461): the policies of mail domains we send to, kept in the
 * database, learned beside the deliveries. A mail never waits for a policy that is not known yet.
 */
#ifndef GATEWAY_STS_H
#define GATEWAY_STS_H

#include "base/arena.h"
#include "gateway/gate/gate.h"
#include "gateway/smtp/stspolicy.h"

struct sts;
struct sts *sts_new(struct gate *g);
void sts_close(struct sts *s); /* before the store is: nothing is learned any more */
void sts_free(struct sts **s);
/* The policy in force for this domain: STS_NONE, also when none is known or MTASTS is NO. *p is
 * filled else, its texts in the arena. Looks beside, not more often than every five minutes a
 * domain, whether there is another one. */
enum sts_mode sts_find(struct sts *s, struct str domain, struct arena *a, struct sts_policy *p);

#endif
