/* db/restrictrow.c -- rows of the RESTRICT table: see restrictrow.h */
#include "db/restrictrow.h"

#include <sqlite3.h>

#define COLUMNS "user, node, action, transfer, changed, by"

static struct restrict_row row_of(struct sqlite3_stmt *st)
{
    return (struct restrict_row){.user = db_col_str(st, 0),
                                 .node = db_col_str(st, 1),
                                 .action = (enum restrict_action)sqlite3_column_int(st, 2),
                                 .transfer = db_col_str(st, 3),
                                 .changed = {sqlite3_column_int64(st, 4)},
                                 .by = db_col_str(st, 5)};
}

const char *restrictrow_name(enum restrict_action action)
{
    static const char *const names[] = {"", "PURGE", "RETURN", "TRANSFERTO"};
    return action >= RESTRICT_PURGE && action <= RESTRICT_TRANSFER ? names[action] : "";
}

int restrictrow_fits(struct str row_user, struct str row_node, struct str user, struct str node)
{
    bool any_user = str_is(row_user, "*"), any_node = str_is(row_node, "*");
    if ((!any_user && !str_eq_nocase(row_user, user)) ||
        (!any_node && !str_eq_nocase(row_node, node)))
        return 0;
    return 1 + (any_user ? 0 : 1) + (any_node ? 0 : 2);
}

int restrictrow_find(struct db *d, struct str user, struct str node, struct arena *a,
                     struct restrict_row *row, struct why *w)
{
    struct sqlite3_stmt *st =
        db_stmt(d,
                "SELECT " COLUMNS " FROM restriction WHERE user IN (upper(?1), '*') AND"
                " node IN (upper(?2), '*') ORDER BY node = '*', user = '*' LIMIT 1",
                w);
    if (st == NULL)
        return (int)w->err;
    db_bind_str(st, 1, user);
    db_bind_str(st, 2, node);
    int rc = db_step(st, w);
    if (rc > 0) {
        struct restrict_row r = row_of(st);
        *row = r;
        row->user = arena_str(a, r.user);
        row->node = arena_str(a, r.node);
        row->transfer = arena_str(a, r.transfer);
        row->by = arena_str(a, r.by);
    }
    db_done(st);
    return rc;
}

int restrictrow_each(struct db *d, int (*fn)(void *arg, const struct restrict_row *r), void *arg,
                     struct why *w)
{
    struct sqlite3_stmt *st =
        db_stmt(d, "SELECT " COLUMNS " FROM restriction ORDER BY user, node", w);
    if (st == NULL)
        return (int)w->err;
    int rc;
    while ((rc = db_step(st, w)) > 0) {
        struct restrict_row r = row_of(st);
        if (fn(arg, &r) != 0)
            break;
    }
    db_done(st);
    return rc < 0 ? rc : OK;
}

static int run(struct sqlite3_stmt *st, struct why *w)
{
    int rc = db_step(st, w);
    db_done(st);
    return rc < 0 ? rc : OK;
}

static int add(struct db *d, const struct restrict_row *row, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(
        d, "INSERT INTO restriction (" COLUMNS ") VALUES (upper(?), upper(?), ?, ?, ?, ?)", w);
    if (st == NULL)
        return (int)w->err;
    db_bind_str(st, 1, row->user);
    db_bind_str(st, 2, row->node);
    sqlite3_bind_int(st, 3, (int)row->action);
    db_bind_str(st, 4, row->transfer);
    sqlite3_bind_int64(st, 5, row->changed.us != 0 ? row->changed.us : wall_now().us);
    db_bind_str(st, 6, row->by);
    int rc = run(st, w);
    return rc == E_DENIED ? why_set(w, E_DENIED, 0, NULL, "%.*s@%.*s is restricted already",
                                    STR_ARG(row->user), STR_ARG(row->node))
                          : rc;
}

static int drop(struct db *d, const struct restrict_row *row, struct why *w)
{
    struct sqlite3_stmt *st =
        db_stmt(d, "DELETE FROM restriction WHERE user = upper(?) AND node = upper(?)", w);
    if (st == NULL)
        return (int)w->err;
    db_bind_str(st, 1, row->user);
    db_bind_str(st, 2, row->node);
    int rc = run(st, w);
    if (rc == OK && sqlite3_changes(db_handle(d)) == 0)
        return why_set(w, E_ABSENT, 0, NULL, "%.*s@%.*s is not in the table of restricted users",
                       STR_ARG(row->user), STR_ARG(row->node));
    return rc;
}

static int alone(struct db *d, int (*fn)(struct db *, const struct restrict_row *, struct why *),
                 const struct restrict_row *row, struct why *w)
{
    int rc = db_begin(d, w);
    if (rc < 0)
        return rc;
    rc = fn(d, row, w);
    if (rc == OK)
        rc = db_commit(d, w);
    if (rc < 0)
        db_rollback(d);
    return rc;
}

int restrictrow_add(struct db *d, const struct restrict_row *row, struct why *w)
{
    return alone(d, add, row, w);
}

int restrictrow_delete(struct db *d, struct str user, struct str node, struct why *w)
{
    struct restrict_row row = {.user = user, .node = node};
    return alone(d, drop, &row, w);
}
