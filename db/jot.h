/* db/jot.h -- the journal's youngest rows. Internal to db/.
 *
 * A row of the journal in its place touches a page of the table and one of its index for each
 * address in it: more than the message itself. So a commit writes all it has to tell as one row of
 * the table `jot`, packed, and rows are taken to their places many at a time, in the order of those
 * places. Who reads the journal reads the jots with it. */
#ifndef DB_JOT_H
#define DB_JOT_H

#include "db/change.h"
#include "db/journal.h"

/* The rows of all changes that wait, as one row: how many; *top becomes the greatest message number
 * among them, or stays. */
int jot_write(struct db *d, const struct change_list *l, msg_id *top, struct why *w) MUST_CHECK;
/* How many rows are in jots, and the greatest message number among them (0 none). */
int jot_count(struct db *d, uint64_t *n, msg_id *top, struct why *w) MUST_CHECK;
/* Take the oldest jots to their places, so many that they hold `most` rows or a few more: how many
 * rows it were. Within the caller's transaction. */
int jot_settle(struct db *d, uint64_t most, struct why *w) MUST_CHECK;

/* Rows by message and time; their texts lie in bytes. */
struct jots {
    struct buf bytes;
    struct journal_row *row;
    size_t n;
    int64_t last; /* id of the last jot */
};
/* The oldest jots up to `most` rows or a few more. A database of version 2 has none. jots_done in
 * any case. */
int jots_read(struct db *d, uint64_t most, struct jots *j, struct why *w) MUST_CHECK;
void jots_done(struct jots *j);
/* The rows of one message: the first, and how many. */
const struct journal_row *jots_of(const struct jots *j, msg_id id, size_t *n);

#endif
