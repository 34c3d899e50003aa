/* db/trace.h -- the index of the journal by address. Internal to db/.
 *
 * A row of the table `trace` is one number: the bucket of 65536 messages, 23 bits of the address's
 * hash, and the message within its bucket; a search looks into each bucket once, and the journal's
 * text decides. A new row touches a page of its own, for the hash is anything: so they are written
 * many at a time (db/jot.h). */
#ifndef DB_TRACE_H
#define DB_TRACE_H

#include "db/db.h"
#include "db/message.h"

/* The rows for each address in a journal row's text ("from=a@b to=<c@d>"), at most 64. */
void trace_keys(msg_id id, struct str text, void (*fn)(void *arg, int64_t key), void *arg);
/* Is one of them that address, but for ASCII case? Given as trace_address answers it. */
bool trace_names(struct str text, struct str address);
/* The address in a word like key=<address>, as it is kept; "" when there is none. */
struct str trace_address(struct str word);
/* The messages from `first` to `last` that may concern the address, in order of their numbers. */
int trace_find(struct db *d, struct str address, msg_id first, msg_id last,
               int (*fn)(void *arg, msg_id id), void *arg, struct why *w) MUST_CHECK;
/* Drop at most `most` rows of buckets that end before message `first`: how many. */
int trace_prune(struct db *d, msg_id first, int most, struct why *w) MUST_CHECK;

#endif
