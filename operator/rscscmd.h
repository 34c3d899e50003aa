/* operator/rscscmd.h -- the commands other nodes may give ours (NMR commands), answered in the
 * manner of RSCS: one message a line, without sender user, so that nothing answers an answer. */
#ifndef OPERATOR_RSCSCMD_H
#define OPERATOR_RSCSCMD_H

#include "gateway/gate/gate.h"

/* Who gave the command, and the link it came over: nothing it leads to goes back over that one. */
struct rscscmd_asker {
    struct str user, node; /* user "": a console */
    const char *link;
};
typedef void rscscmd_reply_fn(void *arg, struct str line);

/* A command of operator/rscscmd.def. Every one is answered, but MSG and CMD that went their way. */
void rscscmd_run(struct gate *g, const struct rscscmd_asker *who, struct str text,
                 rscscmd_reply_fn *fn, void *arg);

/* Files queued for each link of g->conf, in its order; the caller frees. */
uint64_t *rscscmd_queued(struct gate *g);

#endif
