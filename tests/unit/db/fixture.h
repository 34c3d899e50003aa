/* tests/unit/db/fixture.h -- a store in a folder of its own, and short ways to use it. */
#ifndef TESTS_DB_FIXTURE_H
#define TESTS_DB_FIXTURE_H

#include "base/loop.h"
#include "db/store.h"

struct fix {
    struct loop *loop;
    struct store *store;
    struct db *reader;
    char dir[300], path[320], spool[320];
    size_t inline_max;
    unsigned troubles; /* how often the store told of trouble, and the last of it */
    struct why trouble;
};

void fix_paths(struct fix *f, const char *dir);
void fix_open(struct fix *f); /* in a fresh folder, or again in the one it has */
/* What the store counts beside its tables is what they hold; fix_close looks, too. */
void fix_tally(struct fix *f);
int fix_try(struct fix *f, struct why *w);
void fix_close(struct fix *f); /* store and loop */

/* Commit with a callback and turn the loop until it is told; OK or the error. */
int fix_commit(struct fix *f, struct change **c, struct why *w);
void fix_durable(struct fix *f, struct change **c); /* the test fails when it is not */
void fix_turns(struct fix *f, unsigned n);

/* A body of n bytes that depends on the number, and its check. */
struct body *fix_body(struct fix *f, msg_id id, size_t n);
void fix_check_body(struct body *b, msg_id id, size_t n);
/* A message with that body and nrcpt recipients "user<i>@<id>.example", due at id microseconds. */
struct message *fix_message(struct fix *f, msg_id id, size_t n, size_t nrcpt);
/* Add such a message and wait until it is durable. */
void fix_add(struct fix *f, msg_id id, size_t n, size_t nrcpt);
bool fix_has(struct fix *f, msg_id id);
unsigned fix_files(const char *folder, const char *sub); /* entries of a folder */
unsigned fix_count_sql(struct fix *f, const char *sql);
/* Rows of the journal, wherever they are. */
#define FIX_JOURNAL_ROWS                                                                           \
    "SELECT (SELECT count(*) FROM journal) + (SELECT ifnull(sum(n), 0) FROM jot)"
void fix_settle(struct fix *f); /* the journal's rows to their places; the store is closed */

#endif
