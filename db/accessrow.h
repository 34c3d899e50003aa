/* db/accessrow.h -- rows of the access table: who may use the nickname service (commands to DIM,
 * mail to nicknames). user or node may be "*"; upper case. Without a row everybody may. */
#ifndef DB_ACCESSROW_H
#define DB_ACCESSROW_H

#include "base/arena.h"
#include "base/clock.h"
#include "db/db.h"

struct access_row {
    struct str user, node;
    bool allowed;
    struct wall changed; /* us 0 on writing: now */
    struct str by;
};
/* A new row, or a new verdict for the one there is. Own transaction. */
int accessrow_set(struct db *d, const struct access_row *row, struct why *w) MUST_CHECK;
/* The same inside the caller's transaction; for the store. */
int accessrow_put(struct db *d, const struct access_row *row, struct why *w) MUST_CHECK;
int accessrow_each(struct db *d, int (*fn)(void *arg, const struct access_row *r), void *arg,
                   struct why *w) MUST_CHECK;
/* 1 he may, 0 he may not, negative when the database cannot tell. His own row wins over "*" at his
 * node, that over he at "*", that over "*" at "*". */
int accessrow_allowed(struct db *d, struct str user, struct str node, struct why *w) MUST_CHECK;

#endif
