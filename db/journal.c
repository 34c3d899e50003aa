/* db/journal.c -- reading what happened to messages: see journal.h. The youngest rows are read
 * first, then the others, in one transaction: rows taken to their places meanwhile stay where they
 * were seen. */
#include "db/journal.h"

#include <sqlite3.h>
#include <stdlib.h>

#include "base/mem.h"
#include "db/jot.h"
#include "db/trace.h"

#define US_PER_HOUR (3600 * US_PER_S)

typedef int row_fn(void *arg, const struct journal_row *r);

struct telling {
    struct db *d;
    row_fn *fn;
    void *arg;
    struct why *w;
    struct jots jots;
    msg_id *young; /* messages of the jots that are asked for, in order */
    size_t nyoung, at;
    struct str address;
    bool over; /* fn wants no more */
};

static int begin(struct telling *t, struct db *d, row_fn *fn, void *arg, struct why *w)
{
    *t = (struct telling){.d = d, .fn = fn, .arg = arg, .w = w};
    int rc = db_snapshot(d, w);
    return rc < 0 ? rc : jots_read(d, UINT64_MAX, &t->jots, w);
}

static int end(struct telling *t, int rc)
{
    jots_done(&t->jots);
    free(t->young);
    db_rollback(t->d);
    return rc < 0 ? rc : OK;
}

static void tell(struct telling *t, const struct journal_row *r)
{
    if (!t->over)
        t->over = t->fn(t->arg, r) != 0;
}

/* Its rows in their places and its young ones, by time. */
static int tell_message(struct telling *t, msg_id id)
{
    size_t n, i = 0;
    const struct journal_row *young = jots_of(&t->jots, id, &n);
    struct sqlite3_stmt *st =
        db_stmt(t->d, "SELECT msg, at, event, text FROM journal WHERE msg = ? ORDER BY at", t->w);
    if (st == NULL)
        return (int)t->w->err;
    sqlite3_bind_int64(st, 1, (int64_t)id);
    int rc = OK;
    while (!t->over && (rc = db_step(st, t->w)) > 0) {
        struct journal_row r = {.id = id,
                                .at = {sqlite3_column_int64(st, 1)},
                                .event = db_col_str(st, 2),
                                .text = db_col_str(st, 3)};
        while (i < n && young[i].at.us < r.at.us)
            tell(t, &young[i++]);
        tell(t, &r);
    }
    db_done(st);
    while (i < n)
        tell(t, &young[i++]);
    return rc < 0 ? rc : OK;
}

int journal_of(struct db *d, msg_id id, row_fn *fn, void *arg, struct why *w)
{
    struct telling t;
    int rc = begin(&t, d, fn, arg, w);
    return end(&t, rc == OK ? tell_message(&t, id) : rc);
}

/* --- several messages: those of the index and the young ones, in order --- */

/* Rows of one message lie side by side. */
static void add_young(struct telling *t, msg_id id)
{
    if (t->nyoung > 0 && t->young[t->nyoung - 1] == id)
        return;
    if (t->young == NULL)
        t->young = mem_grow(NULL, t->jots.n, sizeof *t->young);
    t->young[t->nyoung++] = id;
}

static int tell_young(struct telling *t, msg_id before)
{
    int rc = OK;
    while (rc == OK && !t->over && t->at < t->nyoung && t->young[t->at] < before)
        rc = tell_message(t, t->young[t->at++]);
    return rc;
}

static int tell_next(struct telling *t, msg_id id)
{
    int rc = tell_young(t, id);
    if (t->at < t->nyoung && t->young[t->at] == id)
        t->at++;
    return rc == OK && !t->over ? tell_message(t, id) : rc;
}

static int range(struct db *d, msg_id *first, msg_id *last, struct why *w)
{
    return db_pair(d, "SELECT (SELECT min(msg) FROM journal), (SELECT max(msg) FROM journal)",
                   first, last, w);
}

/* The index names a few messages too many: the text decides. instr, not LIKE: an address may hold %
 * and _. SQLite's lower() folds ASCII only. */
static int look(void *arg, msg_id id)
{
    struct telling *t = arg;
    struct sqlite3_stmt *st = db_stmt(
        t->d, "SELECT 1 FROM journal WHERE msg = ?1 AND instr(lower(text), lower(?2)) > 0 LIMIT 1",
        t->w);
    if (st == NULL)
        return (int)t->w->err;
    sqlite3_bind_int64(st, 1, (int64_t)id);
    db_bind_str(st, 2, t->address);
    int rc = db_step(st, t->w);
    db_done(st);
    if (rc > 0)
        rc = tell_next(t, id);
    return rc < 0 ? rc : t->over;
}

int journal_search(struct db *d, struct str address, row_fn *fn, void *arg, struct why *w)
{
    struct telling t;
    msg_id first = 0, last = 0;
    struct str plain = trace_address(address);
    int rc = begin(&t, d, fn, arg, w);
    t.address = plain.n > 0 ? plain : address;
    for (size_t i = 0; rc == OK && i < t.jots.n; i++)
        if (trace_names(t.jots.row[i].text, t.address))
            add_young(&t, t.jots.row[i].id);
    if (rc == OK)
        rc = range(d, &first, &last, w);
    if (rc == OK && last > 0)
        rc = trace_find(d, t.address, first, last, look, &t, w);
    if (rc == OK)
        rc = tell_young(&t, UINT64_MAX);
    return end(&t, rc);
}

/* --- a stretch of time --- */

/* Messages of one bucket to which something happened then. */
static int tell_bucket(struct telling *t, msg_id first, struct wall from, struct wall to)
{
    struct sqlite3_stmt *st = db_stmt(t->d,
                                      "SELECT DISTINCT msg FROM journal WHERE msg BETWEEN ?1 AND ?2"
                                      " AND at >= ?3 AND at < ?4 ORDER BY msg",
                                      t->w);
    if (st == NULL)
        return (int)t->w->err;
    sqlite3_bind_int64(st, 1, (int64_t)first);
    sqlite3_bind_int64(st, 2, (int64_t)(first + (1u << JOURNAL_BUCKET_BITS) - 1));
    sqlite3_bind_int64(st, 3, from.us);
    sqlite3_bind_int64(st, 4, to.us);
    int rc = OK;
    while (!t->over && (rc = db_step(st, t->w)) > 0)
        if ((rc = tell_next(t, (msg_id)sqlite3_column_int64(st, 0))) < 0)
            break;
    db_done(st);
    return rc < 0 ? rc : OK;
}

/* The buckets of those hours; of a database of version 2, which had no hours, all there are. */
static struct sqlite3_stmt *buckets(struct telling *t, struct wall from, struct wall to)
{
    struct why none;
    struct sqlite3_stmt *st = db_stmt(
        t->d,
        "SELECT DISTINCT bucket FROM journal_hour WHERE hour BETWEEN ?1 AND ?2 ORDER BY bucket",
        &none);
    if (st == NULL)
        return db_stmt(t->d, "SELECT DISTINCT msg >> 12 FROM journal ORDER BY 1", t->w);
    sqlite3_bind_int64(st, 1, from.us / US_PER_HOUR);
    sqlite3_bind_int64(st, 2, to.us / US_PER_HOUR);
    return st;
}

int journal_range(struct db *d, struct wall from, struct wall to, row_fn *fn, void *arg,
                  struct why *w)
{
    struct telling t;
    int rc = begin(&t, d, fn, arg, w);
    for (size_t i = 0; rc == OK && i < t.jots.n; i++)
        if (t.jots.row[i].at.us >= from.us && t.jots.row[i].at.us < to.us)
            add_young(&t, t.jots.row[i].id);
    struct sqlite3_stmt *st = rc == OK ? buckets(&t, from, to) : NULL;
    if (rc == OK && st == NULL)
        rc = (int)w->err;
    while (rc == OK && !t.over && (rc = db_step(st, w)) > 0)
        rc = tell_bucket(&t, (msg_id)sqlite3_column_int64(st, 0) << JOURNAL_BUCKET_BITS, from, to);
    if (st != NULL)
        db_done(st);
    if (rc == OK)
        rc = tell_young(&t, UINT64_MAX);
    return end(&t, rc);
}
