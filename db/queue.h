/* db/queue.h -- reading the durable queue: what is due, lists, one message. Writing is db/store.h.
 */
#ifndef DB_QUEUE_H
#define DB_QUEUE_H

#include "db/db.h"
#include "db/message.h"
#include "db/store.h"

typedef int queue_fn(void *arg, struct message *m); /* takes m; non-zero stops the walk */

/* A place in the order in which READY recipients are due; zero is before all. */
struct queue_at {
    struct wall due;
    msg_id msg;
    uint32_t n;
};
struct queue_row {
    struct queue_at at;
    enum door door;  /* of the message: where to */
    struct str dest; /* lent for the call */
};
/* READY recipients behind `after` up to `upto`, in order, at most max; not 0 from fn ends the walk,
 * negative is a failure with *w. Answers how many were shown. Looks into one index only. */
int queue_walk(struct db *d, struct queue_at after, struct queue_at upto, size_t max,
               int (*fn)(void *arg, const struct queue_row *row), void *arg,
               struct why *w) MUST_CHECK;
/* One message without its body; E_ABSENT. */
int queue_load(struct db *d, msg_id id, struct message **m, struct why *w) MUST_CHECK;
/* Time of the earliest due READY recipient; false when none. */
bool queue_next_due(struct db *d, struct wall after, struct wall *due);
/* All messages whose recipient, destination or sender matches the pattern ("" all), by id. */
int queue_list(struct db *d, struct str pattern, queue_fn *fn, void *arg, struct why *w) MUST_CHECK;
/* One row by its id, with its body; E_ABSENT. */
int queue_get(struct db *d, struct store *s, msg_id id, struct message **m,
              struct why *w) MUST_CHECK;
/* Every row whose id or origin is `id`. */
int queue_family(struct db *d, msg_id id, queue_fn *fn, void *arg, struct why *w) MUST_CHECK;
/* The files not sorted yet (DOOR_NONE) that are READY, of the same sender for the same recipient,
 * due at the same microsecond after as many tries as m, which is one of them: by id, at most max.
 * Answers how many. */
int queue_companions(struct db *d, const struct message *m, msg_id *ids, size_t max,
                     struct why *w) MUST_CHECK;
/* The body of a queued message (memory or file). */
struct body *queue_body(struct db *d, struct store *s, msg_id id, struct why *w);

#endif
