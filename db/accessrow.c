/* db/accessrow.c -- rows of the access table: see accessrow.h */
#include "db/accessrow.h"

#include <sqlite3.h>

int accessrow_allowed(struct db *d, struct str user, struct str node, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(d,
                                      "SELECT allowed FROM access WHERE user IN (upper(?1), '*')"
                                      " AND node IN (upper(?2), '*')"
                                      " ORDER BY node = '*', user = '*' LIMIT 1",
                                      w);
    if (st == NULL)
        return (int)w->err;
    db_bind_str(st, 1, user);
    db_bind_str(st, 2, node);
    int rc = db_step(st, w);
    int allowed = rc > 0 ? sqlite3_column_int(st, 0) != 0 : 1;
    db_done(st);
    return rc < 0 ? rc : allowed;
}

int accessrow_each(struct db *d, int (*fn)(void *arg, const struct access_row *r), void *arg,
                   struct why *w)
{
    struct sqlite3_stmt *st =
        db_stmt(d, "SELECT user, node, allowed, changed, by FROM access ORDER BY user, node", w);
    if (st == NULL)
        return (int)w->err;
    int rc;
    while ((rc = db_step(st, w)) > 0) {
        struct access_row r = {.user = db_col_str(st, 0),
                               .node = db_col_str(st, 1),
                               .allowed = sqlite3_column_int(st, 2) != 0,
                               .changed = {sqlite3_column_int64(st, 3)},
                               .by = db_col_str(st, 4)};
        if (fn(arg, &r) != 0)
            break;
    }
    db_done(st);
    return rc < 0 ? rc : OK;
}

int accessrow_put(struct db *d, const struct access_row *row, struct why *w)
{
    struct sqlite3_stmt *st =
        db_stmt(d,
                "INSERT OR REPLACE INTO access (user, node, allowed, changed, by) VALUES (upper(?),"
                " upper(?), ?, ?, ?)",
                w);
    if (st == NULL)
        return (int)w->err;
    db_bind_str(st, 1, row->user);
    db_bind_str(st, 2, row->node);
    sqlite3_bind_int(st, 3, row->allowed);
    sqlite3_bind_int64(st, 4, row->changed.us != 0 ? row->changed.us : wall_now().us);
    db_bind_str(st, 5, row->by);
    int rc = db_step(st, w);
    db_done(st);
    return rc < 0 ? rc : OK;
}

int accessrow_set(struct db *d, const struct access_row *row, struct why *w)
{
    int rc = db_begin(d, w);
    if (rc < 0)
        return rc;
    rc = accessrow_put(d, row, w);
    if (rc == OK)
        rc = db_commit(d, w);
    if (rc < 0)
        db_rollback(d);
    return rc;
}
