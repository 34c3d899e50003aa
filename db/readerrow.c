/* db/readerrow.c -- files in local readers: see readerrow.h */
#include "db/readerrow.h"

#include <sqlite3.h>

#include "db/apply.h"
#include "db/spool.h"

#define COLUMNS "number, user, origin, fn, ft, class, records, date, kind"

static struct reader_row row_of(struct sqlite3_stmt *st)
{
    return (struct reader_row){.number = (uint64_t)sqlite3_column_int64(st, 0),
                               .user = db_col_str(st, 1),
                               .from = db_col_str(st, 2),
                               .fn = db_col_str(st, 3),
                               .ft = db_col_str(st, 4),
                               .class = (char)sqlite3_column_int(st, 5),
                               .records = (uint32_t)sqlite3_column_int64(st, 6),
                               .date = {sqlite3_column_int64(st, 7)},
                               .kind = db_col_str(st, 8)};
}

int readerrow_each(struct db *d, struct str user, int (*fn)(void *arg, const struct reader_row *r),
                   void *arg, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(d,
                                      "SELECT " COLUMNS " FROM reader WHERE ?1 = '' OR"
                                      " user = ?1 COLLATE NOCASE ORDER BY number",
                                      w);
    if (st == NULL)
        return (int)w->err;
    db_bind_str(st, 1, user);
    int rc;
    while ((rc = db_step(st, w)) > 0) {
        struct reader_row r = row_of(st);
        if (fn(arg, &r) != 0)
            break;
    }
    db_done(st);
    return rc < 0 ? rc : OK;
}

static int absent(uint64_t number, struct why *w)
{
    return why_set(w, E_ABSENT, 0, NULL, "there is no reader file %llu",
                   (unsigned long long)number);
}

static struct body *deck_of(struct sqlite3_stmt *st, const char *spooldir, struct why *w)
{
    if (sqlite3_column_type(st, 9) != SQLITE_NULL)
        return spool_read(spooldir, (uint64_t)sqlite3_column_int64(st, 9),
                          (uint64_t)sqlite3_column_int64(st, 10), w);
    const void *p = sqlite3_column_blob(st, 11);
    return body_of(cur_of(p, (size_t)sqlite3_column_bytes(st, 11)));
}

int readerrow_get(struct db *d, const char *spooldir, uint64_t number, struct arena *a,
                  struct reader_row *row, struct body **deck, struct why *w)
{
    *deck = NULL;
    struct sqlite3_stmt *st =
        db_stmt(d, "SELECT " COLUMNS ", file, size, deck FROM reader WHERE number = ?", w);
    if (st == NULL)
        return (int)w->err;
    sqlite3_bind_int64(st, 1, (int64_t)number);
    int rc = db_step(st, w);
    if (rc > 0) {
        struct reader_row r = row_of(st);
        *row = r;
        row->user = arena_str(a, r.user);
        row->from = arena_str(a, r.from);
        row->fn = arena_str(a, r.fn);
        row->ft = arena_str(a, r.ft);
        row->kind = arena_str(a, r.kind);
        *deck = deck_of(st, spooldir, w);
        rc = *deck != NULL ? OK : (int)w->err;
    } else if (rc == 0) {
        rc = absent(number, w);
    }
    db_done(st);
    return rc;
}

static int delete_row(struct db *d, uint64_t number, uint64_t *file, struct why *w)
{
    struct sqlite3_stmt *st =
        db_stmt(d, "DELETE FROM reader WHERE number = ? RETURNING ifnull(file, 0)", w);
    if (st == NULL)
        return (int)w->err;
    sqlite3_bind_int64(st, 1, (int64_t)number);
    int rc = db_step(st, w);
    if (rc > 0)
        *file = (uint64_t)sqlite3_column_int64(st, 0);
    else if (rc == 0)
        rc = absent(number, w);
    db_done(st);
    return rc < 0 ? rc : OK;
}

int readerrow_purge(struct db *d, const char *spooldir, uint64_t number, struct why *w)
{
    int rc = db_begin(d, w);
    if (rc < 0)
        return rc;
    uint64_t file = 0;
    rc = delete_row(d, number, &file, w);
    if (rc == OK && file != 0) {
        rc = apply_file_named(d, file, w);
        if (rc > 0) /* a row of the queue shares it */
            file = 0;
    }
    if (rc >= 0)
        rc = db_commit(d, w);
    if (rc < 0) {
        db_rollback(d);
        return rc;
    }
    if (file != 0)
        spool_unlink(spooldir, file);
    return OK;
}
