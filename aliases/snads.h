/* aliases/snads.h -- the SNADS scheme (OS/400): a user ID and an address, carried as user at node,
 * stand for a mailbox and back by the alias tables; unknown correspondents are registered as
 * QSMnn at QSMRMTAD. */
#ifndef ALIASES_SNADS_H
#define ALIASES_SNADS_H

#include "aliases/addr.h"
#include "db/aliasrow.h"
#include "db/store.h"

#define SNADS_DELIMITERS "?=.&$#/+_-*\"" /* CHGSMTPA USRIDDELIM */

/* SNADSADDRESS as configured; borrowed. */
struct snads_set {
    struct str address; /* "": not coded; aliases still hold, the delimiter form does not */
    struct str prefix;  /* of automatic user IDs, 1-3 characters: "QSM" */
    struct str router;  /* host that takes mail for hosts without a domain, "" none */
    char delimiter;     /* between user ID and address in a mailbox */
    bool autoadd;
};
/* What the look-ups stand on; borrowed for the call. */
struct snads_world {
    struct db *d; /* the read connection */
    const struct snads_set *set;
    const struct addr_names *names;
    bool (*is_scheme)(void *arg, struct str node); /* NODE ... SCHEME=SNADS */
    bool (*is_routed)(void *arg, struct str node); /* is there a link to it */
    bool (*is_user)(void *arg, struct str user);   /* a local user of ours */
    void *arg;
};

/* Recipient from the Internet: 1 when the mailbox is *user at *address by an alias, by the
 * delimiter or by the %-rule of SNADS nodes; 0 when the forms of aliases/addr.h hold; negative on
 * an error. */
int snads_inbound(const struct snads_world *s, struct str local, struct str domain, struct arena *a,
                  struct str *user, struct str *address, struct why *w) MUST_CHECK;
/* Recipient from NJE: 1 and the mailbox when the alias tables have user at address: the sender's
 * own
 * ("USER@NODE", "" none), the system's, *ANY address, *ANY *ANY (not for nodes that have a link). 0
 * when they do not. E_ABSENT 550 for an address that is ours and a user ID that is not. */
int snads_outbound(const struct snads_world *s, struct str sender, struct str user,
                   struct str address, struct arena *a, struct str *mailbox,
                   struct why *w) MUST_CHECK;
/* The Internet form of a sender: his system alias, else with a SNADS node `userid?address@host`,
 * else "" (the form of aliases/addr.h). */
struct str snads_sender(const struct snads_world *s, struct arena *a, struct str user,
                        struct str node);
/* Is a node without a link one that the alias tables (the system's, the sender's) speak for? */
bool snads_takes(const struct snads_world *s, struct str sender, struct str node);
/* Check and fold what an administrator gives as an alias; row->owner may be "". E_SYNTAX, E_DENIED.
 */
int snads_check(struct arena *a, struct alias_row *row, struct why *w) MUST_CHECK;

/* Automatic registration: the part with memory. */
struct snads;
struct snads *snads_new(struct store *s);
void snads_free(struct snads **n);
/* A sender's mailbox to its row in the system table (never *ANY). Without one: with AUTOADD a new
 * row QSMnn at the address, added to *c, else E_ABSENT. E_LIMIT when 99,999 are in use. */
int snads_register(struct snads *n, const struct snads_set *set, struct str mailbox,
                   struct change *c, struct arena *a, struct alias_row *row,
                   struct why *w) MUST_CHECK;
/* The same by hand, on njegate's own connection and in its own transaction, AUTOADD or not. */
int snads_register_now(struct db *d, const struct snads_set *set, struct str mailbox, struct str by,
                       struct arena *a, struct alias_row *row, struct why *w) MUST_CHECK;

#endif
