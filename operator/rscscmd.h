/* operator/rscscmd.h -- the commands other nodes may give ours (NMR commands), answered in the
 * manner of RSCS: one message a line, without sender user, so that nothing answers an answer. */
#ifndef OPERATOR_RSCSCMD_H
#define OPERATOR_RSCSCMD_H

#include "operator/oper.h"

/* A command of operator/rscscmd.def. Every one is answered, but MSG and CMD that went their way.
 * who->user "": a console; nothing it leads to goes back over who->link. */
void rscscmd_run(struct gate *g, const struct oper_asker *who, struct str text, oper_reply_fn *fn,
                 void *arg);

/* Files queued for each link of g->conf, in its order; the caller frees. */
uint64_t *rscscmd_queued(struct gate *g);

#endif
