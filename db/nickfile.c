/* db/nickfile.c -- nickname rows with the tags of a NAMES file. */
#include "db/nickfile.h"

#include <sqlite3.h>

static int may_put(struct db *d, const struct nick_row *row, bool replace, struct why *w)
{
    struct nick_row there;
    struct why said;
    struct arena *a = arena_new(65536);
    int rc = nickrow_get(d, row->nick, a, &there, &said);
    if (rc == OK && !replace && !str_eq(there.mailbox, row->mailbox))
        rc = why_set(w, E_DENIED, 0, NULL,
                     "the nickname %.*s exists already: it is %.*s (--replace)", STR_ARG(row->nick),
                     STR_ARG(there.mailbox));
    else if (rc == E_ABSENT)
        rc = OK;
    else if (rc < 0)
        *w = said;
    arena_free(&a);
    return rc;
}

int nickfile_put(struct db *d, const struct nick_row *row, struct str tags, bool replace,
                 struct why *w)
{
    int rc = may_put(d, row, replace, w);
    if (rc < 0)
        return rc;
    struct sqlite3_stmt *st = db_stmt(
        d,
        "INSERT INTO nick (nick, mailbox, name, owner, automatic, preferred, changed, by, tags)"
        " VALUES (?,?,?,?,0,?,?,?,?) ON CONFLICT (nick) DO UPDATE SET mailbox = excluded.mailbox,"
        " name = excluded.name, owner = excluded.owner, automatic = 0, changed = excluded.changed,"
        " by = excluded.by, tags = excluded.tags",
        w);
    if (st == NULL)
        return (int)w->err;
    db_bind_str(st, 1, row->nick);
    db_bind_str(st, 2, row->mailbox);
    db_bind_str(st, 3, row->name);
    db_bind_str(st, 4, row->owner);
    sqlite3_bind_int(st, 5, row->preferred);
    sqlite3_bind_int64(st, 6, row->changed.us != 0 ? row->changed.us : wall_now().us);
    db_bind_str(st, 7, row->by);
    db_bind_str(st, 8, tags);
    rc = db_step(st, w);
    db_done(st);
    return rc;
}

int nickfile_each(struct db *d, int (*fn)(void *arg, const struct nick_row *r, struct str tags),
                  void *arg, struct why *w)
{
    struct sqlite3_stmt *st =
        db_stmt(d, "SELECT nick, mailbox, name, owner, automatic, tags FROM nick ORDER BY nick", w);
    if (st == NULL)
        return (int)w->err;
    int rc;
    while ((rc = db_step(st, w)) > 0) {
        struct nick_row r = {.nick = db_col_str(st, 0),
                             .mailbox = db_col_str(st, 1),
                             .name = db_col_str(st, 2),
                             .owner = db_col_str(st, 3),
                             .automatic = sqlite3_column_int(st, 4) != 0};
        if (fn(arg, &r, db_col_str(st, 5)) != 0)
            break;
    }
    db_done(st);
    return rc < 0 ? rc : OK;
}
