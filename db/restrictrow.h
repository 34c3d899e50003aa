/* db/restrictrow.h -- rows of the RESTRICT table: users who may neither send nor receive mail
 * through the gateway, and what becomes of files they send. user or node may be "*"; upper case. */
#ifndef DB_RESTRICTROW_H
#define DB_RESTRICTROW_H

#include "base/arena.h"
#include "base/clock.h"
#include "db/db.h"

enum restrict_action { RESTRICT_NONE, RESTRICT_PURGE, RESTRICT_RETURN, RESTRICT_TRANSFER };
struct restrict_row {
    struct str user, node;
    enum restrict_action action;
    struct str transfer; /* TRANSFER: "USER" of ours or "USER@NODE"; else "" */
    struct wall changed; /* us 0 on writing: now */
    struct str by;
};
/* E_DENIED when the user is restricted already. Own transaction. */
int restrictrow_add(struct db *d, const struct restrict_row *row, struct why *w) MUST_CHECK;
int restrictrow_delete(struct db *d, struct str user, struct str node, struct str by,
                       struct why *w) MUST_CHECK;
int restrictrow_each(struct db *d, int (*fn)(void *arg, const struct restrict_row *r), void *arg,
                     struct why *w) MUST_CHECK;
/* The row that holds for user at node: his own, else "*" at his node, else he at "*", else "*" at
 * "*". 1 found, 0 none, negative. Strings are copied into the arena. */
int restrictrow_find(struct db *d, struct str user, struct str node, struct arena *a,
                     struct restrict_row *row, struct why *w) MUST_CHECK;
/* How well a row (of the table or of the configuration) fits user at node: 0 not, 1 "*" at "*", 2
 * he at "*", 3 "*" at his node, 4 himself. */
int restrictrow_fits(struct str row_user, struct str row_node, struct str user, struct str node);
const char *restrictrow_name(enum restrict_action action); /* "PURGE", "RETURN", "TRANSFERTO" */

#endif
