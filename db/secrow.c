/* db/secrow.c -- rows of the security table: see secrow.h */
#include "db/secrow.h"

#include <sqlite3.h>

#define COLUMNS "user, node, nick, primary_nick, primary_mbox, changed, by"

static struct sec_row row_of(struct sqlite3_stmt *st)
{
    return (struct sec_row){.user = db_col_str(st, 0),
                            .node = db_col_str(st, 1),
                            .nick = db_col_str(st, 2),
                            .primary_nick = sqlite3_column_int(st, 3) != 0,
                            .primary_mbox = sqlite3_column_int(st, 4) != 0,
                            .changed = {sqlite3_column_int64(st, 5)},
                            .by = db_col_str(st, 6)};
}

static void copy_row(struct sqlite3_stmt *st, struct arena *a, struct sec_row *row)
{
    struct sec_row r = row_of(st);
    *row = r;
    row->user = arena_str(a, r.user);
    row->node = arena_str(a, r.node);
    row->nick = arena_str(a, r.nick);
    row->by = arena_str(a, r.by);
}

static int run(struct sqlite3_stmt *st, struct why *w)
{
    int rc = db_step(st, w);
    db_done(st);
    return rc < 0 ? rc : OK;
}

/* --- looking ---------------------------------------------------------------------------------- */

/* SQL folds the look-ups' case, so that callers need not. */
static int is_there(struct sqlite3_stmt *st, struct why *w)
{
    int rc = db_step(st, w);
    db_done(st);
    return rc;
}

int secrow_registered(struct db *d, struct str user, struct str node, struct why *w)
{
    struct sqlite3_stmt *st =
        db_stmt(d, "SELECT 1 FROM secure WHERE user = upper(?) AND node = upper(?) LIMIT 1", w);
    if (st == NULL)
        return (int)w->err;
    db_bind_str(st, 1, user);
    db_bind_str(st, 2, node);
    return is_there(st, w);
}

int secrow_has_nick(struct db *d, struct str user, struct str node, struct str nick, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(
        d, "SELECT 1 FROM secure WHERE user = upper(?) AND node = upper(?) AND nick = ?", w);
    if (st == NULL)
        return (int)w->err;
    db_bind_str(st, 1, user);
    db_bind_str(st, 2, node);
    db_bind_str(st, 3, nick);
    return is_there(st, w);
}

int secrow_of_nick(struct db *d, struct str nick, struct arena *a, struct sec_row *row,
                   unsigned *count, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(d,
                                      "SELECT " COLUMNS " FROM secure WHERE nick = ? AND nick <> ''"
                                      " ORDER BY primary_nick DESC LIMIT 2",
                                      w);
    if (st == NULL)
        return (int)w->err;
    db_bind_str(st, 1, nick);
    int rc;
    *count = 0;
    while ((rc = db_step(st, w)) > 0)
        if ((*count)++ == 0)
            copy_row(st, a, row);
    db_done(st);
    if (rc == OK && *count == 0)
        return why_set(w, E_ABSENT, 0, NULL, "the security table has no nickname %.*s",
                       STR_ARG(str_sub(nick, 0, 80)));
    return rc;
}

int secrow_primary_mbox(struct db *d, struct str user, struct str node, struct arena *a,
                        struct sec_row *row, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(d,
                                      "SELECT " COLUMNS " FROM secure WHERE user = upper(?)"
                                      " AND node = upper(?) AND primary_mbox",
                                      w);
    if (st == NULL)
        return (int)w->err;
    db_bind_str(st, 1, user);
    db_bind_str(st, 2, node);
    int rc = db_step(st, w);
    if (rc > 0)
        copy_row(st, a, row);
    db_done(st);
    if (rc == 0)
        return why_set(w, E_ABSENT, 0, NULL, "%.*s at %.*s has no primary mailbox name",
                       STR_ARG(user), STR_ARG(node));
    return rc > 0 ? OK : rc;
}

int secrow_each(struct db *d, int (*fn)(void *arg, const struct sec_row *r), void *arg,
                struct why *w)
{
    struct sqlite3_stmt *st =
        db_stmt(d, "SELECT " COLUMNS " FROM secure ORDER BY user, node, nick", w);
    if (st == NULL)
        return (int)w->err;
    int rc;
    while ((rc = db_step(st, w)) > 0) {
        struct sec_row r = row_of(st);
        if (fn(arg, &r) != 0)
            break;
    }
    db_done(st);
    return rc < 0 ? rc : OK;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Which row is primary already? Asked only to name it; the indexes are what decides. */
static int conflict(struct db *d, const struct sec_row *row, struct why *w)
{
    struct sec_row other;
    struct why none;
    unsigned count;
    int rc = E_DENIED;
    struct arena *a = arena_new(65536);
    if (row->primary_mbox && secrow_primary_mbox(d, row->user, row->node, a, &other, &none) == OK &&
        !str_eq_nocase(other.nick, row->nick))
        rc = why_set(w, E_DENIED, 0, NULL,
                     "%.*s at %.*s has the primary mailbox name %.*s already; only one may be",
                     STR_ARG(row->user), STR_ARG(row->node), STR_ARG(other.nick));
    else if (row->primary_nick && secrow_of_nick(d, row->nick, a, &other, &count, &none) == OK)
        rc = why_set(w, E_DENIED, 0, NULL,
                     "the nickname %.*s leads to %.*s at %.*s already; only one row may be primary",
                     STR_ARG(row->nick), STR_ARG(other.user), STR_ARG(other.node));
    arena_free(&a);
    return rc;
}

static int put(struct db *d, const struct sec_row *row, struct why *w)
{
    struct sqlite3_stmt *st =
        db_stmt(d,
                "INSERT INTO secure (" COLUMNS ") VALUES (upper(?1), upper(?2), ?3, ?4, ?5, ?6, ?7)"
                " ON CONFLICT (user, node, nick) DO UPDATE SET nick = ?3, primary_nick = ?4,"
                " primary_mbox = ?5, changed = ?6, by = ?7",
                w);
    if (st == NULL)
        return (int)w->err;
    db_bind_str(st, 1, row->user);
    db_bind_str(st, 2, row->node);
    db_bind_str(st, 3, row->nick);
    sqlite3_bind_int(st, 4, row->primary_nick);
    sqlite3_bind_int(st, 5, row->primary_mbox);
    sqlite3_bind_int64(st, 6, row->changed.us != 0 ? row->changed.us : wall_now().us);
    db_bind_str(st, 7, row->by);
    int rc = run(st, w);
    return rc == E_DENIED ? conflict(d, row, w) : rc;
}

static int drop(struct db *d, struct str user, struct str node, struct str nick, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(d,
                                      "DELETE FROM secure WHERE user = upper(?1) AND"
                                      " node = upper(?2) AND (?3 = '' OR nick = ?3)",
                                      w);
    if (st == NULL)
        return (int)w->err;
    db_bind_str(st, 1, user);
    db_bind_str(st, 2, node);
    db_bind_str(st, 3, nick);
    return run(st, w);
}

static int drop_existing(struct db *d, const struct sec_row *row, struct why *w)
{
    struct sqlite3_stmt *st =
        db_stmt(d, "DELETE FROM secure WHERE user = upper(?) AND node = upper(?) AND nick = ?", w);
    if (st == NULL)
        return (int)w->err;
    db_bind_str(st, 1, row->user);
    db_bind_str(st, 2, row->node);
    db_bind_str(st, 3, row->nick);
    return run(st, w);
}

/* Rows that come again go first: a Y that moves from one to another is no conflict. */
static int import(struct db *d, const struct sec_row *row, size_t n, bool replace, size_t *bad,
                  struct why *w)
{
    int rc = OK;
    struct sqlite3_stmt *st = replace ? db_stmt(d, "DELETE FROM secure", w) : NULL;
    if (replace && st == NULL)
        return (int)w->err;
    if (replace)
        rc = run(st, w);
    for (size_t i = 0; rc == OK && !replace && i < n; i++)
        rc = drop_existing(d, &row[i], w);
    for (size_t i = 0; rc == OK && i < n; i++) {
        *bad = i;
        rc = put(d, &row[i], w);
    }
    return rc;
}

/* The end of a transaction of our own: all or nothing. */
static int settle(struct db *d, int rc, struct why *w)
{
    if (rc == OK)
        rc = db_commit(d, w);
    if (rc < 0)
        db_rollback(d);
    return rc;
}

int secrow_put(struct db *d, const struct sec_row *row, struct why *w)
{
    int rc = db_begin(d, w);
    return rc < 0 ? rc : settle(d, put(d, row, w), w);
}

int secrow_import(struct db *d, const struct sec_row *row, size_t n, bool replace, size_t *bad,
                  struct why *w)
{
    int rc = db_begin(d, w);
    *bad = 0;
    return rc < 0 ? rc : settle(d, import(d, row, n, replace, bad, w), w);
}

int secrow_delete(struct db *d, struct str user, struct str node, struct str nick, struct why *w)
{
    int rc = db_begin(d, w);
    if (rc < 0)
        return rc;
    rc = drop(d, user, node, nick, w);
    if (rc == OK && sqlite3_changes(db_handle(d)) == 0)
        rc = why_set(w, E_ABSENT, 0, NULL, "%.*s at %.*s%s%.*s is not in the security table",
                     STR_ARG(user), STR_ARG(node), nick.n > 0 ? " with the nickname " : "",
                     STR_ARG(nick));
    return settle(d, rc, w);
}
