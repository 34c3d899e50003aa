/* db/journal.h -- what happened to a message: one row an event. */
#ifndef DB_JOURNAL_H
#define DB_JOURNAL_H

#include "db/db.h"
#include "db/message.h"

/* The journal's hours (db/schema_3.sql) know a message by this part of its number. */
#define JOURNAL_BUCKET_BITS 12

struct journal_row {
    msg_id id;
    struct wall at;
    struct str event, text;
};
/* Rows of one message, oldest first. */
int journal_of(struct db *d, msg_id id, int (*fn)(void *arg, const struct journal_row *r),
               void *arg, struct why *w) MUST_CHECK;
/* Rows of messages with a row that names the address or message id (without ASCII case, with or
 * without <>), by message, oldest first. By an index: the journal may be long. */
int journal_search(struct db *d, struct str address,
                   int (*fn)(void *arg, const struct journal_row *r), void *arg,
                   struct why *w) MUST_CHECK;
/* All rows of the messages to which something happened from `from` to before `to`, by message,
 * oldest first. Reads what happened in those hours, and holds no more than one message of it. */
int journal_range(struct db *d, struct wall from, struct wall to,
                  int (*fn)(void *arg, const struct journal_row *r), void *arg,
                  struct why *w) MUST_CHECK;

#endif
