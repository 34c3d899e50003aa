/* operator/asked.c -- see asked.h */
#include "operator/asked.h"

#include "gateway/gate/admit.h"
#include "operator/dim.h"
#include "operator/oper.h"
#include "operator/rscscmd.h"

struct asking {
    struct nje *nje;
    struct str user, node;
};

static void answer(void *arg, struct str line)
{
    const struct asking *as = arg;
    nje_reply(as->nje, as->user, as->node, line);
}

static void answer_dim(struct gate *g, struct str user, struct str node, struct str line)
{
    nje_reply(g->nje, user, node, line);
}

static bool to_reader(struct gate *g, const struct nje_asked *q)
{
    return nje_tell(g->nje, q->user, q->node, q->to_user, g->conf->local, q->text);
}

void asked_by_message(struct gate *g, const struct nje_asked *q)
{
    struct asking as = {g->nje, q->user, q->node};
    const struct oper_asker by = {q->user, q->node, q->link};
    if (q->command) {
        rscscmd_run(g, &by, q->text, answer, &as);
    } else if (q->user.n == 0 || (q->text.n > 0 && q->text.p[0] == '*')) {
        /* A notice of another system, or RSCS's comment: an answer would be answered again. */
        (void)to_reader(g, q);
    } else if (str_is(q->to_user, "DIM")) {
        dim_command(g, &by, q->text, answer_dim);
    } else if (admit_is_mailer(q->to_user)) {
        oper_smsg(g, &by, q->text, answer, &as);
    } else if (!to_reader(g, q)) {
        dim_absent(g, q->user, q->node, q->to_user, q->to_node, answer_dim);
    }
}
