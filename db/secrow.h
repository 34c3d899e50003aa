/* db/secrow.h -- rows of the security table: a registered NJE user, and with nick a name he has on
 * the Internet side. Users and nodes are upper case here; a nickname keeps its case and is compared
 * without. For each nickname one row at most is primary_nick, for each user at node one at most
 * primary_mbox: also when two administrators write at once. What a name may hold is judged by
 * security/sectab.h. */
#ifndef DB_SECROW_H
#define DB_SECROW_H

#include "base/arena.h"
#include "base/clock.h"
#include "db/db.h"

struct sec_row {
    struct str user, node;
    struct str nick; /* "": registered without a name */
    bool primary_nick, primary_mbox;
    struct wall changed; /* us 0 on writing: now */
    struct str by;
};
/* A new row, or new flags for the one with that user, node and nick. E_DENIED names the row that is
 * primary already. Own transaction. */
int secrow_put(struct db *d, const struct sec_row *row, struct why *w) MUST_CHECK;
/* nick "": every row of the pair. E_ABSENT when there is none. Own transaction. */
int secrow_delete(struct db *d, struct str user, struct str node, struct str nick, struct str by,
                  struct why *w) MUST_CHECK;
struct secrow_how {
    bool replace;                  /* the table is exactly these rows; else they are added */
    struct str source;             /* where they came from, for the history */
    struct str by;                 /* who imports */
    void (*progress)(size_t rows); /* each 10,000 rows, may be NULL */
};
/* All rows or none. *bad is the row refused. Own transaction. */
int secrow_import(struct db *d, const struct sec_row *row, size_t n, const struct secrow_how *how,
                  size_t *bad, struct why *w) MUST_CHECK;
/* Rows in order of user, node and nick, lent during the call; fn answers other than 0 to stop. */
int secrow_each(struct db *d, int (*fn)(void *arg, const struct sec_row *r), void *arg,
                struct why *w) MUST_CHECK;
/* 1 registered, 0 not, negative when the database cannot tell. Any case. */
int secrow_registered(struct db *d, struct str user, struct str node, struct why *w) MUST_CHECK;
/* The row a nickname leads to: its primary_nick one, else any; *count of its rows (up to 2).
 * E_ABSENT when there is none. Strings are copied into the arena. */
int secrow_of_nick(struct db *d, struct str nick, struct arena *a, struct sec_row *row,
                   unsigned *count, struct why *w) MUST_CHECK;
/* The pair's primary_mbox row; E_ABSENT. */
int secrow_primary_mbox(struct db *d, struct str user, struct str node, struct arena *a,
                        struct sec_row *row, struct why *w) MUST_CHECK;
/* 1 when the pair has a row with this nickname, 0 not, negative. */
int secrow_has_nick(struct db *d, struct str user, struct str node, struct str nick,
                    struct why *w) MUST_CHECK;

#endif
