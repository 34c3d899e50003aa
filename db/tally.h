/* db/tally.h -- how many recipients wait for each destination, kept beside the tables so that a
 * glance at a long queue costs nothing. Internal to db/ (store.h shows it).
 *
 * The writer notes what each operation does in a log that is rolled back as its transaction is, and
 * after the COMMIT adds the log to the tally; the loop's thread reads it. The tally has a lock of
 * its own. */
#ifndef DB_TALLY_H
#define DB_TALLY_H

#include "db/db.h"

struct tally;
struct tally *tally_new(void);
void tally_free(struct tally **t);
/* Count the tables, once at the start: reads all of rcpt. */
int tally_load(struct tally *t, struct db *d, struct why *w) MUST_CHECK;
uint64_t tally_messages(struct tally *t);
/* Each destination with something waiting, in no order; fn may not call back. */
void tally_each(struct tally *t, void (*fn)(void *arg, struct str dest, uint64_t n), void *arg);

struct tally_log; /* lines, and the bytes they name */
/* How far the log is valid: copied and put back to roll back. A zeroed one is an empty log. */
struct tally_mark {
    size_t lines, bytes;
    int64_t messages;
};
struct tally_log *tally_log_new(void);
void tally_log_free(struct tally_log **l);
void tally_log_add(struct tally_log *l, struct tally_mark *m, struct str dest, int n);
/* Add the log to the tally and empty it. */
void tally_settle(struct tally *t, struct tally_log *l, struct tally_mark *m);

#endif
