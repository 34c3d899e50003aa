/* db/journal.c -- reading what happened to messages: see journal.h */
#include "db/journal.h"

#include <sqlite3.h>

#include "db/trace.h"

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

static int range(struct db *d, msg_id *first, msg_id *last, struct why *w)
{
    struct sqlite3_stmt *st =
        db_stmt(d, "SELECT (SELECT min(msg) FROM journal), (SELECT max(msg) FROM journal)", w);
    if (st == NULL)
        return (int)w->err;
    int rc = db_step(st, w);
    if (rc > 0) {
        *first = (msg_id)sqlite3_column_int64(st, 0);
        *last = (msg_id)sqlite3_column_int64(st, 1);
    }
    db_done(st);
    return rc < 0 ? rc : OK;
}

struct search {
    struct db *d;
    struct str address;
    int (*fn)(void *arg, const struct journal_row *r);
    void *arg;
    struct why *w;
    int rc;
};

/* The index names a few messages too many: the text decides. instr, not LIKE: an address may hold %
 * and _. SQLite's lower() folds ASCII only. */
static int look(void *arg, msg_id id)
{
    struct search *s = arg;
    struct sqlite3_stmt *st = db_stmt(
        s->d, "SELECT 1 FROM journal WHERE msg = ?1 AND instr(lower(text), lower(?2)) > 0 LIMIT 1",
        s->w);
    if (st == NULL)
        return s->rc = (int)s->w->err;
    sqlite3_bind_int64(st, 1, (int64_t)id);
    db_bind_str(st, 2, s->address);
    s->rc = db_step(st, s->w);
    db_done(st);
    if (s->rc > 0)
        s->rc = journal_of(s->d, id, s->fn, s->arg, s->w);
    return s->rc;
}

int journal_search(struct db *d, struct str address,
                   int (*fn)(void *arg, const struct journal_row *r), void *arg, struct why *w)
{
    msg_id first = 0, last = 0;
    struct str plain = trace_address(address);
    struct search s = {d, plain.n > 0 ? plain : address, fn, arg, w, OK};
    int rc = range(d, &first, &last, w);
    if (rc == OK && last > 0)
        rc = trace_find(d, s.address, first, last, look, &s, w);
    return rc < 0 ? rc : s.rc;
}

int journal_range(struct db *d, struct wall from, struct wall to,
                  int (*fn)(void *arg, const struct journal_row *r), void *arg, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(
        d,
        "SELECT j.msg, j.at, j.event, j.text FROM journal j WHERE j.msg IN (SELECT msg FROM journal"
        " WHERE at >= ?1 AND at < ?2) ORDER BY j.msg, j.at",
        w);
    if (st == NULL)
        return (int)w->err;
    sqlite3_bind_int64(st, 1, from.us);
    sqlite3_bind_int64(st, 2, to.us);
    return walk(st, fn, arg, w);
}
