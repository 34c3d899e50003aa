/* db/history.h -- who changed what in the directory, and when: nicknames, aliases, the security
 * table, restrictions, access. Triggers of the tables write it (db/schema_2.sql), whoever changes
 * them; it holds the last 100,000 changes, and JOURNALAGE bounds their age. What the gateway itself
 * adds for unknown correspondents is not in it. */
#ifndef DB_HISTORY_H
#define DB_HISTORY_H

#include "base/clock.h"
#include "db/db.h"

#define HISTORY_IMPORT_ROOM 10000 /* rows of one import that are listed one by one */

struct history_row {
    struct wall at;
    struct str table;    /* "nick", "alias", "secure", "restrict", "access" */
    struct str name;     /* NICK, USER@NODE, USERID@ADDRESS; "*": of an import */
    struct str action;   /* "add", "change", "delete", "import" */
    struct str was, now; /* the row as a person reads it, "" none; of an import: what it did */
    struct str by;
};
/* Inside a transaction: its changes are this person's. room: at most so many of them are listed (0:
 * all). Ends with history_end, before the commit. */
int history_begin(struct db *d, struct str who, unsigned room, struct why *w) MUST_CHECK;
int history_end(struct db *d, struct why *w) MUST_CHECK;
/* One row for a file taken into a table ("" all tables), and the end. */
int history_end_import(struct db *d, struct str table, struct str what, struct str who,
                       struct why *w) MUST_CHECK;
/* All in order of time. table "" all; name: a pattern with '*', "" all. Not 0 from fn ends the
 * walk.
 */
typedef int history_fn(void *arg, const struct history_row *r);
int history_each(struct db *d, struct str table, struct str name, history_fn *fn, void *arg,
                 struct why *w) MUST_CHECK;
/* The latest changes of exactly this name, in order of time. */
int history_of(struct db *d, struct str table, struct str name, unsigned most, history_fn *fn,
               void *arg, struct why *w) MUST_CHECK;
/* Drop up to `most` rows from before; how many it dropped. */
int history_prune(struct db *d, struct wall before, int most, struct why *w) MUST_CHECK;

#endif
