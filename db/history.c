/* db/history.c -- the history of the directory's changes: see history.h */
#include "db/history.h"

#include <sqlite3.h>

#include "base/text.h"
#include "db/row.h"

int history_begin(struct db *d, struct str who, unsigned room, struct why *w)
{
    const struct cell cell[] = {cell_text(who), cell_number(wall_now().us), cell_number(room)};
    return row_run(d, "UPDATE acting SET who = ?, at = ?, room = nullif(?, 0)", "tnn", cell, NULL,
                   w);
}

int history_end(struct db *d, struct why *w)
{
    return row_run(d, "UPDATE acting SET who = '', at = 0, room = NULL", "", NULL, NULL, w);
}

int history_end_import(struct db *d, struct str table, struct str what, struct str who,
                       struct why *w)
{
    const struct cell cell[] = {cell_number(wall_now().us), cell_text(table), cell_text(what),
                                cell_text(who)};
    int rc = row_run(d,
                     "INSERT INTO history (at, kind, name, action, was, now, by)"
                     " VALUES (?, ?, '*', 'import', '', ?, ?)",
                     "nttt", cell, NULL, w);
    return rc < 0 ? rc : history_end(d, w);
}

/* --- reading --- */

static int walk(struct sqlite3_stmt *st, struct str name, history_fn *fn, void *arg, struct why *w)
{
    int rc;
    while ((rc = db_step(st, w)) > 0) {
        const struct history_row r = {.at = {sqlite3_column_int64(st, 0)},
                                      .table = db_col_str(st, 1),
                                      .name = db_col_str(st, 2),
                                      .action = db_col_str(st, 3),
                                      .was = db_col_str(st, 4),
                                      .now = db_col_str(st, 5),
                                      .by = db_col_str(st, 6)};
        if ((name.n == 0 || text_glob(name, r.name)) && fn(arg, &r) != 0)
            break;
    }
    db_done(st);
    return rc < 0 ? rc : OK;
}

int history_each(struct db *d, struct str table, struct str name, history_fn *fn, void *arg,
                 struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(d,
                                      "SELECT at, kind, name, action, was, now, by FROM history"
                                      " WHERE ?1 IN ('', kind) ORDER BY id",
                                      w);
    if (st == NULL)
        return (int)w->err;
    db_bind_str(st, 1, table);
    return walk(st, name, fn, arg, w);
}

int history_of(struct db *d, struct str table, struct str name, unsigned most, history_fn *fn,
               void *arg, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(d,
                                      "SELECT at, kind, name, action, was, now, by FROM"
                                      " (SELECT * FROM history WHERE kind = ? AND name = ?"
                                      " ORDER BY id DESC LIMIT ?) ORDER BY id",
                                      w);
    if (st == NULL)
        return (int)w->err;
    db_bind_str(st, 1, table);
    db_bind_str(st, 2, name);
    sqlite3_bind_int64(st, 3, most);
    return walk(st, STR(""), fn, arg, w);
}

int history_prune(struct db *d, struct wall before, int most, struct why *w)
{
    const struct cell cell[] = {cell_number(most), cell_number(before.us)};
    int dropped, rc = row_run(d,
                              "DELETE FROM history WHERE id IN"
                              " (SELECT id FROM history ORDER BY id LIMIT ?) AND at < ?",
                              "nn", cell, &dropped, w);
    return rc < 0 ? rc : dropped;
}
