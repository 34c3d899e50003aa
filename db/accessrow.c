/* db/accessrow.c -- rows of the access table: see accessrow.h */
#include "db/accessrow.h"

#include "db/row.h"

int accessrow_allowed(struct db *d, struct str user, struct str node, struct why *w)
{
    static const struct row_query query = {"SELECT allowed FROM access WHERE user IN (?1, '*')"
                                           " AND node IN (?2, '*')"
                                           " ORDER BY node = '*', user = '*' LIMIT 1",
                                           "n", 'c'};
    struct row_key u, n;
    struct cell allowed;
    if (!row_upper(&u, user, ROW_MAILBOX_MAX) || !row_upper(&n, node, ROW_MAILBOX_MAX))
        return 1;
    const struct str key[] = {u.s, n.s};
    int rc = row_find(d, &query, key, 2, true, NULL, &allowed, w);
    return rc > 0 ? allowed.number != 0 : rc == 0 ? 1 : rc;
}

struct walk {
    int (*fn)(void *arg, const struct access_row *r);
    void *arg;
};

static int one(void *arg, const struct cell *c)
{
    const struct walk *walk = arg;
    const struct access_row r = {.user = c[0].text,
                                 .node = c[1].text,
                                 .allowed = c[2].number != 0,
                                 .changed = {c[3].number},
                                 .by = c[4].text};
    return walk->fn(walk->arg, &r);
}

int accessrow_each(struct db *d, int (*fn)(void *arg, const struct access_row *r), void *arg,
                   struct why *w)
{
    static const struct row_query query = {
        "SELECT user, node, allowed, changed, by FROM access ORDER BY user, node", "ttnnt", 0};
    struct walk walk = {fn, arg};
    return row_each(d, &query, one, &walk, w);
}

int accessrow_put(struct db *d, const struct access_row *row, struct why *w)
{
    const struct cell cell[] = {cell_text(row->user), cell_text(row->node),
                                cell_number(row->allowed), cell_time(row->changed),
                                cell_text(row->by)};
    return row_run(d,
                   "INSERT INTO access (user, node, allowed, changed, by) VALUES (upper(?1),"
                   " upper(?2), ?3, ?4, ?5) ON CONFLICT (user, node) DO UPDATE SET"
                   " allowed = ?3, changed = ?4, by = ?5",
                   "ttnnt", cell, NULL, w);
}

static int put(struct db *d, const void *row, struct why *w)
{
    return accessrow_put(d, row, w);
}

int accessrow_set(struct db *d, const struct access_row *row, struct why *w)
{
    return row_alone(d, row->by, put, row, w);
}
