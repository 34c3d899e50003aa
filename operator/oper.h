/* operator/oper.h -- commands by interactive message: SMSG to SMTP at LOCAL, njegate smsg. The
 * commands of RSCS are operator/rscscmd.h. */
#ifndef OPERATOR_OPER_H
#define OPERATOR_OPER_H

#include "gateway/gate/gate.h"

/* Where the lines of an answer go. */
typedef void oper_reply_fn(void *arg, struct str line);
struct oper_reply {
    oper_reply_fn *fn;
    void *arg;
};
/* A line of an answer, of at most 239 octets. */
void oper_say(const struct oper_reply *to, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Who gave a command. */
struct oper_asker {
    struct str user, node; /* node "": the control socket, whose permissions are the check */
    const char *link;      /* the message came over that link; "": it was made here */
};
/* A command of operator/oper.def, its words parted by blanks or commas. Privileged ones need
 * SMSGAUTHLIST, and a message over the link behind which the asker's node lies. */
void oper_smsg(struct gate *g, const struct oper_asker *who, struct str text, oper_reply_fn *fn,
               void *arg);
/* Is he in SMSGAUTHLIST, and did he ask over the link behind which his node lies? (NODE "": the
 * control socket, yes.) */
bool oper_privileged(const struct gate *g, const struct oper_asker *who);

#endif
