/* db/aliasrow.h -- rows of the alias tables (SNADS): a user ID and address, and the mailbox they
 * stand for. One system table, and personal tables that add to or override it. User IDs and
 * addresses are upper case here; a mailbox keeps its local part's case, its domain is folded. */
#ifndef DB_ALIASROW_H
#define DB_ALIASROW_H

#include "base/arena.h"
#include "base/clock.h"
#include "db/db.h"

struct alias_row {
    struct str owner;   /* "USER@NODE" whose personal alias it is; "": the system's */
    struct str userid;  /* 1-8, or "*ANY" */
    struct str address; /* 1-8, or "*ANY" */
    struct str mailbox; /* local@domain, or a source route "@host,@host:local@domain" */
    bool automatic;
    struct wall changed; /* 0: now */
    struct str by;
};
/* The row of exactly these names, "*ANY" being a name like any other. E_ABSENT when there is none.
 * Strings are copied into the arena. */
int aliasrow_get(struct db *d, const struct alias_row *key, struct arena *a, struct alias_row *row,
                 struct why *w) MUST_CHECK;
/* The same without a word on what is not there: 1, 0 or negative. keep_absent: that it is not there
 * may be remembered (db/row.h), for it is no name that automatic registration gives. */
int aliasrow_find(struct db *d, const struct alias_row *key, bool keep_absent, struct arena *a,
                  struct alias_row *row, struct why *w) MUST_CHECK;
/* The row of a mailbox, never one of *ANY: made by hand before automatic. any_case: the local part
 * may differ in case, the same case is preferred. E_ABSENT. */
int aliasrow_of_mailbox(struct db *d, struct str owner, struct str mailbox, bool any_case,
                        struct arena *a, struct alias_row *row, struct why *w) MUST_CHECK;
int aliasrow_find_mailbox(struct db *d, struct str owner, struct str mailbox, bool any_case,
                          struct arena *a, struct alias_row *row, struct why *w) MUST_CHECK;
/* Does the system table, or that of this owner, know the address with any user ID? 1, 0 or
 * negative.
 */
int aliasrow_has_address(struct db *d, struct str owner, struct str address,
                         struct why *w) MUST_CHECK;
/* E_DENIED when it exists already; E_ABSENT. Own transaction each. */
int aliasrow_add(struct db *d, const struct alias_row *row, struct why *w) MUST_CHECK;
/* key->by: who deletes it. */
int aliasrow_delete(struct db *d, const struct alias_row *key, struct why *w) MUST_CHECK;
/* As aliasrow_add, inside the caller's transaction; for the store. The same row twice is one row:
 * then ALIASROW_THERE. */
#define ALIASROW_THERE 1
int aliasrow_insert(struct db *d, const struct alias_row *row, struct why *w) MUST_CHECK;
/* By owner, address, user ID. Not 0 from fn ends the walk. */
int aliasrow_each(struct db *d, int (*fn)(void *arg, const struct alias_row *r), void *arg,
                  struct why *w) MUST_CHECK;
/* Largest number of the automatic rows `prefix`nn at this address, 0 when none. */
unsigned aliasrow_last_auto(struct db *d, struct str prefix, struct str address);

#endif
