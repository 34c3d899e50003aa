/* operator/dim.h -- the nickname service (RSCS DIM) as its users have it: commands by interactive
 * message to DIM at DIMNODE. General users add nicknames, unless DIMNODE is CLOSED, and change or
 * delete their own; who is in SMSGAUTHLIST, and asks over the link behind which his node lies, may
 * do all; `access deny` keeps a user out. */
#ifndef OPERATOR_DIM_H
#define OPERATOR_DIM_H

#include "operator/oper.h"

/* Answers go here, one line each, now or when the change is durable. */
typedef void dim_reply_fn(struct gate *g, struct str user, struct str node, struct str line);
void dim_command(struct gate *g, const struct oper_asker *who, struct str text,
                 dim_reply_fn *reply);
/* Tell user at node why his message did not get to somebody who is no user here: he is not logged
 * on, or a mailbox outside behind a nickname or alias. */
void dim_absent(struct gate *g, struct str user, struct str node, struct str to_user,
                struct str to_node, dim_reply_fn *reply);

#endif
