/* gateway/filternje.h -- mail from NJE is shown to the filters of that door before it is queued for
 * the Internet: to be signed, or refused. The mails of one file wait in its intake for all the
 * verdicts; the file is acknowledged when they are in and what came of them is durable. While the
 * filters cannot decide, the file itself is kept and sorted anew later.
 *
 * Our own reports are shown to the filters that asked for them in the same way. They wait for
 * nobody: while the filters cannot decide they go as they are. */
#ifndef GATEWAY_FILTERNJE_H
#define GATEWAY_FILTERNJE_H

#include "gateway/intake.h"

struct filternje;
struct filternje_mail {
    const struct mail *mail; /* copied, the body held; our Received is its first field */
    struct str user, node;   /* the file's origin, who hears of refusals */
    struct str facts;        /* about the file, for the journal */
    const char *report;      /* NULL, or one of ours: what it says ("failed"), */
    msg_id about;            /* of this message */
};
/* Take the mail at once, with its journal rows. */
int filternje_take(struct gate *g, struct intake *in, const struct filternje_mail *m,
                   struct why *w) MUST_CHECK;
/* Keep it, and its body, for filternje_run; *list is made with the first. */
int filternje_add(struct filternje **list, const struct filternje_mail *m,
                  struct why *w) MUST_CHECK;
void filternje_free(struct filternje **list);
/* Ask, and take the mails into the intake, or tell their sender. Takes the list. fn: now or later;
 * w not NULL: nothing can be decided now. */
void filternje_run(struct filternje **list, struct gate *g, struct intake *in, intake_fn *fn,
                   void *arg);

#endif
