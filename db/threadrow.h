/* db/threadrow.h -- which mail an NJE user was given, so that his reply can say what it answers: a
 * NOTE carries no Message-ID, the gateway remembers it. One row a user, correspondent and subject,
 * the newest; at most THREADS_MAX, each THREAD_DAYS old at most (apply_prune). */
#ifndef DB_THREADROW_H
#define DB_THREADROW_H

#include "base/arena.h"
#include "base/clock.h"
#include "db/db.h"

#define THREADS_MAX 100000u
#define THREAD_DAYS 90
#define THREAD_TEXT_MAX 998u /* bytes of each text: longer ones are not kept */

struct thread_row {
    struct str who;        /* "USER@NODE" */
    struct str peer;       /* mailbox that his reply will go to */
    struct str subject;    /* threadrow_subject */
    struct str message_id; /* with its <> */
    struct str refs;       /* References of that mail, "" none; message_id not in it */
    struct wall at;
};
/* What is left of a subject without its "Re:", "AW:", "Fwd:" and blanks at the ends; *reply: there
 * was one that marks a reply. */
struct str threadrow_subject(struct str subject, bool *reply);
int threadrow_put(struct db *d, const struct thread_row *row, struct why *w) MUST_CHECK;
/* 1 found, 0 not, negative. */
int threadrow_find(struct db *d, struct str who, struct str peer, struct str subject,
                   struct arena *a, struct thread_row *row, struct why *w) MUST_CHECK;
/* Drop up to `most` rows that are older than THREAD_DAYS or too many. How many, or negative. */
int threadrow_prune(struct db *d, struct wall now, int most, struct why *w) MUST_CHECK;

#endif
