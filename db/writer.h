/* db/writer.h -- the thread that makes changes durable, batch by batch. Internal to db/.
 *
 * All calls come from the loop's thread. docs/QUEUE.md tells the steps. */
#ifndef DB_WRITER_H
#define DB_WRITER_H

#include "db/apply.h"
#include "db/spool.h"

struct writer;

struct writer_set {
    struct db *db; /* the thread's own */
    struct spool *spool;
    struct apply apply;
    int wake_fd; /* an eventfd: written when something is done */
    struct tally *tally;
    struct writer_keep {
        int64_t journal_us;     /* keep the journal of a settled message so long, */
        uint64_t journal_bytes; /* and no more than about this; 0: any length */
    } keep;
};
struct writer_news {
    struct change_list done; /* durable or refused, in the order they were given */
    size_t kept;             /* waiting for a second attempt */
    bool failed;             /* a batch failed since the last news: why */
    struct why why;
};

int writer_start(struct writer **out, const struct writer_set *set, struct why *w) MUST_CHECK;
void writer_give(struct writer *wr, struct change_list *l);          /* empties l */
void writer_keep(struct writer *wr, const struct writer_keep *keep); /* from now on */
void writer_retry(struct writer *wr);                                /* the kept ones, now */
void writer_news(struct writer *wr, struct writer_news *n);
/* Commits what was given, tries the kept ones once more and joins; *n gets all that is left, the
 * kept ones refused. The connection and the spool stay the caller's. */
void writer_stop(struct writer **wr, struct writer_news *n);

#endif
