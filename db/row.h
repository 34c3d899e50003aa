/* db/row.h -- what the modules of the directory's tables share: keys in the form the tables keep,
 * one row by its keys (remembered on a connection that does so), walks, writes, a transaction of
 * one's own. For the modules of db/. */
#ifndef DB_ROW_H
#define DB_ROW_H

#include "base/arena.h"
#include "base/clock.h"
#include "db/db.h"

#define ROW_CELLS 10u        /* most columns of a query */
#define ROW_MAILBOX_MAX 320u /* RFC 5321 4.5.3.1: 64 + 1 + 255 */

/* A key as a table keeps it. */
struct row_key {
    char text[ROW_MAILBOX_MAX + 1];
    struct str s;
};
/* Upper case; a mailbox has its domain in lower case and A-labels and its local part as it is
 * (base/idn.h). False when it is longer than most (than ROW_MAILBOX_MAX, or empty). */
bool row_upper(struct row_key *k, struct str s, size_t most);
bool row_mailbox(struct row_key *k, struct str mailbox);
/* The mailbox as rows have it that were written when U-labels were kept. False when it is the same.
 */
bool row_mailbox_once(struct row_key *k, const struct row_key *now);

/* A column's value: text, or a number. */
struct cell {
    struct str text;
    int64_t number;
};
struct row_query {
    const char *sql;   /* a literal; its parameters are texts */
    const char *cells; /* a letter a column: 't' text, 'n' number */
    char tag;          /* under which its rows are remembered, each query its own; 0: never */
};
/* The first row. 1, 0 none, negative. Texts are in the arena (NULL: there are none). keep_absent:
 * that there is none may be remembered, too (not where the gateway itself makes rows: db_refresh
 * does not tell of them).
 */
int row_find(struct db *d, const struct row_query *q, const struct str *key, size_t nkey,
             bool keep_absent, struct arena *a, struct cell *cell, struct why *w) MUST_CHECK;
/* Every row; texts are lent during the call. Not 0 from fn ends the walk. */
typedef int row_fn(void *arg, const struct cell *cell);
int row_each(struct db *d, const struct row_query *q, row_fn *fn, void *arg,
             struct why *w) MUST_CHECK;
/* A statement that answers no rows; values as `cells` says. *changed (may be NULL): how many rows
 * it touched. */
int row_run(struct db *d, const char *sql, const char *cells, const struct cell *value,
            int *changed, struct why *w) MUST_CHECK;
/* One change in a transaction of its own, in this person's name ("": the row's own `by`); waits up
 * to 5 s for another writer (db.c). */
int row_alone(struct db *d, struct str who, int (*fn)(struct db *d, const void *row, struct why *w),
              const void *row, struct why *w) MUST_CHECK;
/* The end of a transaction begun with db_begin: committed when rc is OK. Answers the error. */
int row_settle(struct db *d, int rc, struct why *w) MUST_CHECK;

static inline struct cell cell_text(struct str s)
{
    return (struct cell){.text = s};
}
static inline struct cell cell_number(int64_t n)
{
    return (struct cell){.number = n};
}
/* When a row was changed: 0 stands for now. */
static inline struct cell cell_time(struct wall t)
{
    return cell_number(t.us != 0 ? t.us : wall_now().us);
}

#endif
