/* gateway/admit.h -- the one admission decision for every door: what an address means here
 * (aliases/, routes, local users) and whether this sender may use it (security/policy). */
#ifndef GATEWAY_ADMIT_H
#define GATEWAY_ADMIT_H

#include "db/message.h"
#include "gateway/gate.h"
#include "security/policy.h"

/* Where a recipient is. Strings are in the caller's arena. */
struct admitted {
    enum door to;    /* DOOR_LOCAL: a reader of ours; DOOR_NJE; DOOR_SMTP */
    struct str user; /* upper case, LOCAL and NJE */
    struct str node;
    struct str mailbox;  /* SMTP */
    struct str forward;  /* LOCAL: a mailbox that gets a copy (LOCALUSER MBOX=), "" none */
    struct str original; /* as the sender wrote it */
};
/* A mailbox (local part, domain) as written on SMTP, in a batch or in a note. domain "" is
 * postmaster only from the Internet, any of our names from NJE. 0, or the refusal. */
int admit_mailbox(struct gate *g, enum policy_source source, struct str local, struct str domain,
                  struct arena *a, struct admitted *out, struct why *w) MUST_CHECK;
/* USER at NODE, from the NJE side: a local user, a nickname at DIMNODE, another node's user; a node
 * with a period is an Internet host. */
int admit_user(struct gate *g, enum policy_source source, struct str user, struct str node,
               struct arena *a, struct admitted *out, struct why *w) MUST_CHECK;
/* The Internet address of an NJE user (of his MBOX when he is a local user who has one). */
struct str admit_internet(struct gate *g, struct arena *a, struct str user, struct str node);
/* The address as an NJE user sees it: "USER" at NODE, nickname at DIMNODE when known, else local
 * part at host. Makes no nickname. nick tells that user is a nickname. */
void admit_nje_view(struct gate *g, struct arena *a, struct str local, struct str domain,
                    struct str *user, struct str *node, bool *nick);
bool admit_is_local_node(const struct gate *g, struct str node); /* LOCAL */
bool admit_is_mailer(struct str user);                           /* SMTP, MAILER, BSMTP */
#endif
