/* db/journal.c -- reading what happened to messages: see journal.h */
#include "db/journal.h"

#include <sqlite3.h>

static int walk(struct sqlite3_stmt *st, int (*fn)(void *arg, const struct journal_row *r),
                void *arg, struct why *w)
{
    int rc;
    while ((rc = db_step(st, w)) > 0) {
        struct journal_row r = {.id = (msg_id)sqlite3_column_int64(st, 0),
                                .at = {sqlite3_column_int64(st, 1)},
                                .event = db_col_str(st, 2),
                                .text = db_col_str(st, 3)};
        if (fn(arg, &r) != 0)
            break;
    }
    db_done(st);
    return rc < 0 ? rc : OK;
}

int journal_of(struct db *d, msg_id id, int (*fn)(void *arg, const struct journal_row *r),
               void *arg, struct why *w)
{
    struct sqlite3_stmt *st =
        db_stmt(d, "SELECT msg, at, event, text FROM journal WHERE msg = ? ORDER BY at", w);
    if (st == NULL)
        return (int)w->err;
    sqlite3_bind_int64(st, 1, (int64_t)id);
    return walk(st, fn, arg, w);
}

/* instr, not LIKE: an address may hold % and _. SQLite's lower() folds ASCII only. */
int journal_search(struct db *d, struct str address,
                   int (*fn)(void *arg, const struct journal_row *r), void *arg, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(
        d,
        "SELECT msg, at, event, text FROM journal WHERE msg IN (SELECT msg FROM journal WHERE"
        " instr(lower(text), lower(?)) > 0) ORDER BY msg, at",
        w);
    if (st == NULL)
        return (int)w->err;
    db_bind_str(st, 1, address);
    return walk(st, fn, arg, w);
}
