/* gateway/gather.h -- WAITFILES: the files that an NJE user sends to one nickname or alias in short
 * succession become one mail. Each is a row of the queue as it came until the mail is durable; the
 * change that adds the mail removes them all. */
#ifndef GATEWAY_GATHER_H
#define GATEWAY_GATHER_H

#include "gateway/file/njefile.h"
#include "gateway/intake.h"

#define GATHER_MOST 50u /* files of one mail */

struct gather;

struct gather *gather_new(struct gate *g);
void gather_free(struct gather **x);
/* Let a file that just came wait for those that follow it: all are due when the first of them is.
 * After a restart a new group begins. */
void gather_keep(struct gather *x, struct intake *in, struct body *deck,
                 const struct njefile_in *file);
/* The rows are due: into the intake with them, in place of the rows. row: the first of them.
 * Negative: they cannot be one mail; each is to be sorted alone then. */
int gather_join(struct gate *g, struct intake *in, const struct message *row, const msg_id *rows,
                size_t n, struct why *w) MUST_CHECK;

#endif
