/* gateway/origin.h -- may the NJE user a file comes from send mail through the gateway: RESTRICT
 * and SECURE at the NJE door, and what becomes of his file when he may not. docs/SECURITY.md. */
#ifndef GATEWAY_ORIGIN_H
#define GATEWAY_ORIGIN_H

#include "gateway/file/njefile.h"
#include "gateway/intake.h"

/* 1: he may. 0: he may not, and the file is done with in the intake: purged, returned, transferred,
 * or answered with the memo. Negative: nothing could be done. */
int origin_check(struct gate *g, struct intake *in, struct body *deck, enum policy_source source,
                 const struct njefile_in *file, struct why *w) MUST_CHECK;
/* Only whether he may; false also when the tables cannot be read. */
bool origin_may(struct gate *g, struct str user, struct str node);

#endif
