/* gateway/gate/admit.h -- the one admission decision for every door: what an address means here
 * (aliases/, routes, local users) and whether this sender may use it (security/policy). */
#ifndef GATEWAY_GATE_ADMIT_H
#define GATEWAY_GATE_ADMIT_H

#include "db/message.h"
#include "db/restrictrow.h"
#include "gateway/gate/gate.h"
#include "security/policy.h"

/* Where a recipient is. Strings are in the caller's arena. */
struct admitted {
    enum door to;    /* DOOR_LOCAL: a reader of ours; DOOR_NJE; DOOR_SMTP */
    struct str user; /* upper case, LOCAL and NJE */
    struct str node;
    struct str mailbox;  /* SMTP */
    struct str forward;  /* LOCAL: a mailbox that gets a copy (LOCALUSER MBOX=), "" none */
    bool nick;           /* SMTP: found through a nickname (the access table counts) */
    struct str original; /* as the sender wrote it */
    unsigned notify;     /* NOTIFY_ bits, and ORCPT: the door's to fill (RFC 3461) */
    struct str orcpt;
    bool batch; /* the gateway itself: the mail is a batch for it (gateway/batchin.h) */
    bool list;  /* a nickname for several: `more` are all of them; of itself it has what the first
                  has */
    const struct admitted *more;
    size_t nmore;
};
/* Lists written out: all recipients in *out, in the arena; how many, 0 when it is full. Members
 * have what their list was given of NOTIFY but SUCCESS, and its ORCPT: a list is a
 * multiple-recipient alias, whose success is that it was expanded (RFC 3461 5.2.7). Nobody who
 * stands there by himself gets the mail by a list again. */
size_t admit_write_out(struct arena *a, const struct admitted *rcpt, size_t n,
                       const struct admitted **out);
/* One of them with all he has in the arena. */
void admit_copy(struct arena *a, struct admitted *to, const struct admitted *from);
/* Of a recipient whose success is told elsewhere: NOTIFY_ bits without it. */
unsigned admit_without_success(unsigned notify);
/* Who wants to know. */
struct asker {
    enum policy_source source;
    struct str user; /* "USER@NODE" whose personal aliases count, "" nobody */
};
/* A mailbox (local part, domain) as written on SMTP, in a batch or in a note. domain "" is
 * postmaster only from the Internet, any of our names from NJE. 0, or the refusal. */
int admit_mailbox(struct gate *g, struct asker by, struct str local, struct str domain,
                  struct arena *a, struct admitted *out, struct why *w) MUST_CHECK;
/* USER at NODE, from the NJE side: a local user, a nickname at DIMNODE, another node's user; a node
 * with a period is an Internet host. *out holds `original` already. */
int admit_user(struct gate *g, struct asker by, struct str user, struct str node, struct arena *a,
               struct admitted *out, struct why *w) MUST_CHECK;
/* As admit_mailbox, each table asked and what it said as a line in *steps (njegate resolve). */
int admit_explain(struct gate *g, struct asker by, struct str local, struct str domain,
                  struct arena *a, struct admitted *out, struct buf *steps,
                  struct why *w) MUST_CHECK;
/* May this NJE user send mail through the gateway: under SECURE only who is registered. 0, E_DENIED
 * or the database's trouble. */
int admit_sender(struct gate *g, struct str user, struct str node, struct why *w) MUST_CHECK;
/* Does RESTRICT name him, in the configuration or the table? 1 and what to do with his files, 0 no,
 * negative. The entry that fits best counts, the configuration's before the table's. */
int admit_restricted(struct gate *g, struct str user, struct str node, struct arena *a,
                     struct restrict_row *row, struct why *w) MUST_CHECK;
/* May he use nicknames (njegate access)? 0, E_DENIED or the database's trouble. */
int admit_access(struct gate *g, struct str user, struct str node, struct why *w) MUST_CHECK;
/* The NJE user a mailbox of ours stands for; false when it is none of ours or nobody's. */
bool admit_owner(struct gate *g, struct arena *a, struct str local, struct str domain,
                 struct str *user, struct str *node);
/* The Internet address of an NJE user: under SECURE his primary nickname, else his MBOX when he is
 * a local user who has one, else the form of his node. */
struct str admit_internet(struct gate *g, struct arena *a, struct str user, struct str node);
/* The address as an NJE user sees it: "USER" at NODE, nickname at DIMNODE when known, else local
 * part at host. Makes no nickname. nick tells that user is a nickname. */
void admit_nje_view(struct gate *g, struct arena *a, struct str local, struct str domain,
                    struct str *user, struct str *node, bool *nick);
bool admit_is_local_node(const struct gate *g, struct str node); /* LOCAL */
bool admit_is_mailer(struct str user);                           /* SMTP, MAILER, BSMTP */
#endif
