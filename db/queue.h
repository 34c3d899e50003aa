/* db/queue.h -- reading the durable queue: what is due, lists, one message. Writing is db/store.h.
 */
#ifndef DB_QUEUE_H
#define DB_QUEUE_H

#include "db/db.h"
#include "db/message.h"
#include "db/store.h"

typedef int queue_fn(void *arg, struct message *m); /* takes m; non-zero stops the walk */

/* Messages with a READY recipient due at or before `now`, oldest due first, at most max, bodies not
 * loaded. skip: ids already in hand (may be NULL). */
int queue_due(struct db *d, struct wall now, size_t max, bool (*skip)(void *arg, msg_id id),
              queue_fn *fn, void *arg, struct why *w) MUST_CHECK;
/* Time of the earliest due READY recipient; false when none. */
bool queue_next_due(struct db *d, struct wall after, struct wall *due);
/* All messages whose recipient, destination or sender matches the pattern ("" all), by id. */
int queue_list(struct db *d, struct str pattern, queue_fn *fn, void *arg, struct why *w) MUST_CHECK;
/* One row by its id, with its body; E_ABSENT. */
int queue_get(struct db *d, struct store *s, msg_id id, struct message **m,
              struct why *w) MUST_CHECK;
/* Every row whose id or origin is `id`. */
int queue_family(struct db *d, msg_id id, queue_fn *fn, void *arg, struct why *w) MUST_CHECK;
/* The body of a queued message (memory or file). */
struct body *queue_body(struct db *d, struct store *s, msg_id id, struct why *w);

#endif
