/* db/restrictrow.c -- rows of the RESTRICT table: see restrictrow.h */
#include "db/restrictrow.h"

#include "db/row.h"

#define COLUMNS "user, node, action, transfer, changed, by"
#define CELLS "ttntnt"

static struct restrict_row row_of(const struct cell *c)
{
    return (struct restrict_row){.user = c[0].text,
                                 .node = c[1].text,
                                 .action = (enum restrict_action)c[2].number,
                                 .transfer = c[3].text,
                                 .changed = {c[4].number},
                                 .by = c[5].text};
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
    static const struct row_query query = {"SELECT " COLUMNS
                                           " FROM restriction WHERE user IN (?1, '*') AND"
                                           " node IN (?2, '*') ORDER BY node = '*', user = '*'"
                                           " LIMIT 1",
                                           CELLS, 'r'};
    struct row_key u, n;
    struct cell cell[ROW_CELLS];
    if (!row_upper(&u, user, ROW_MAILBOX_MAX) || !row_upper(&n, node, ROW_MAILBOX_MAX))
        return 0;
    const struct str key[] = {u.s, n.s};
    int rc = row_find(d, &query, key, 2, true, a, cell, w);
    if (rc > 0)
        *row = row_of(cell);
    return rc;
}

struct walk {
    int (*fn)(void *arg, const struct restrict_row *r);
    void *arg;
};

static int one(void *arg, const struct cell *cell)
{
    const struct walk *walk = arg;
    struct restrict_row r = row_of(cell);
    return walk->fn(walk->arg, &r);
}

int restrictrow_each(struct db *d, int (*fn)(void *arg, const struct restrict_row *r), void *arg,
                     struct why *w)
{
    static const struct row_query query = {
        "SELECT " COLUMNS " FROM restriction ORDER BY user, node", CELLS, 0};
    struct walk walk = {fn, arg};
    return row_each(d, &query, one, &walk, w);
}

static int add(struct db *d, const void *given, struct why *w)
{
    const struct restrict_row *row = given;
    const struct cell cell[] = {cell_text(row->user),          cell_text(row->node),
                                cell_number((int)row->action), cell_text(row->transfer),
                                cell_time(row->changed),       cell_text(row->by)};
    int rc =
        row_run(d, "INSERT INTO restriction (" COLUMNS ") VALUES (upper(?), upper(?), ?, ?, ?, ?)",
                CELLS, cell, NULL, w);
    return rc == E_DENIED ? why_set(w, E_DENIED, 0, NULL, "%.*s@%.*s is restricted already",
                                    STR_ARG(row->user), STR_ARG(row->node))
                          : rc;
}

static int drop(struct db *d, const void *given, struct why *w)
{
    const struct restrict_row *row = given;
    const struct cell cell[] = {cell_text(row->user), cell_text(row->node)};
    int changed,
        rc = row_run(d, "DELETE FROM restriction WHERE user = upper(?) AND node = upper(?)", "tt",
                     cell, &changed, w);
    if (rc == OK && changed == 0)
        return why_set(w, E_ABSENT, 0, NULL, "%.*s@%.*s is not in the table of restricted users",
                       STR_ARG(row->user), STR_ARG(row->node));
    return rc;
}

int restrictrow_add(struct db *d, const struct restrict_row *row, struct why *w)
{
    return row_alone(d, row->by, add, row, w);
}

int restrictrow_delete(struct db *d, struct str user, struct str node, struct str by, struct why *w)
{
    struct restrict_row row = {.user = user, .node = node};
    return row_alone(d, by, drop, &row, w);
}
