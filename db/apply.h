/* db/apply.h -- a change's operations as SQL, inside the transaction of the caller. Internal to
 * db/. */
#ifndef DB_APPLY_H
#define DB_APPLY_H

#include "db/change.h"
#include "db/tally.h"

struct apply {
    struct db *d;
    struct tally_log *log; /* what the transaction does to the queue's length, */
    struct tally_mark mark;
    msg_id pruned;   /* where the next round over the journal begins */
    msg_id top;      /* greatest number added in this transaction */
    msg_id safe;     /* greatest number the journal or the counter remembers */
    uint64_t young;  /* rows of the journal that are not in their places (db/jot.h) */
    uint64_t reader; /* number last given to a file in a reader */
    bool reader_moved;
};
/* Reads where the numbers stand; *next is the first message number never durable anywhere. */
int apply_start(struct apply *a, struct db *d, msg_id *next, struct why *w) MUST_CHECK;
/* E_TEMP and E_IO: the disk; anything else concerns this change alone. */
int apply_change(struct apply *a, const struct change *c, struct why *w) MUST_CHECK;
/* Before each COMMIT: what the journal is told by these changes, and the numbers that rows may soon
 * forget. */
int apply_end(struct apply *a, const struct change_list *l, struct why *w) MUST_CHECK;
/* Does a row name this body file? 1, 0 or negative. */
int apply_file_named(struct db *d, uint64_t file, struct why *w) MUST_CHECK;
/* Take so many young rows, or a few more, to their places. Its own transaction. */
int apply_settle(struct apply *a, uint64_t most, struct why *w) MUST_CHECK;
/* Drop some journal rows of messages settled before `before`, or, while the journal is longer than
 * about `bytes` (0: however long), of the oldest; and keys of `seen` that ran out: 1 when there may
 * be more to drop, 0 when not. Its own transaction. */
int apply_prune(struct apply *a, struct wall before, uint64_t bytes, struct wall now,
                struct why *w) MUST_CHECK;

#endif
