/* db/secrow.c -- rows of the security table: see secrow.h */
#include "db/secrow.h"

#include <stdio.h>

#include "db/history.h"
#include "db/row.h"

#define COLUMNS "user, node, nick, primary_nick, primary_mbox, changed, by"
#define CELLS "tttnnnt"
#define NICK_MOST 80u /* longer ones are in no table */

static struct sec_row row_of(const struct cell *c)
{
    return (struct sec_row){.user = c[0].text,
                            .node = c[1].text,
                            .nick = c[2].text,
                            .primary_nick = c[3].number != 0,
                            .primary_mbox = c[4].number != 0,
                            .changed = {c[5].number},
                            .by = c[6].text};
}

/* --- looking --- */

/* Keys are folded here, so that callers need not. 0 also for what is too long to be there. */
static int look(struct db *d, const struct row_query *q, const struct str *given, size_t n,
                struct arena *a, struct cell *cell, struct why *w)
{
    struct row_key folded[3];
    struct str key[3];
    for (size_t i = 0; i < n; i++) {
        if (!row_upper(&folded[i], given[i], NICK_MOST))
            return 0;
        key[i] = folded[i].s;
    }
    return row_find(d, q, key, n, true, a, cell, w);
}

int secrow_registered(struct db *d, struct str user, struct str node, struct why *w)
{
    static const struct row_query query = {
        "SELECT 1 FROM secure WHERE user = ? AND node = ? LIMIT 1", "n", 's'};
    const struct str key[] = {user, node};
    struct cell there;
    return look(d, &query, key, 2, NULL, &there, w);
}

int secrow_has_nick(struct db *d, struct str user, struct str node, struct str nick, struct why *w)
{
    static const struct row_query query = {
        "SELECT 1 FROM secure WHERE user = ? AND node = ? AND nick = ?", "n", 'h'};
    const struct str key[] = {user, node, nick};
    struct cell there;
    return look(d, &query, key, 3, NULL, &there, w);
}

int secrow_of_nick(struct db *d, struct str nick, struct arena *a, struct sec_row *row,
                   unsigned *count, struct why *w)
{
    static const struct row_query query = {
        "SELECT " COLUMNS ", (SELECT count(*) FROM (SELECT 1 FROM secure WHERE nick = ?1 LIMIT 2))"
        " FROM secure WHERE nick = ?1 AND nick <> '' ORDER BY primary_nick DESC LIMIT 1",
        CELLS "n", 'k'};
    struct cell cell[ROW_CELLS];
    int rc = look(d, &query, &nick, 1, a, cell, w);
    *count = rc > 0 ? (unsigned)cell[7].number : 0;
    if (rc == 0)
        return why_set(w, E_ABSENT, 0, NULL, "the security table has no nickname %.*s",
                       STR_ARG(str_sub(nick, 0, 80)));
    if (rc > 0)
        *row = row_of(cell);
    return rc > 0 ? OK : rc;
}

int secrow_primary_mbox(struct db *d, struct str user, struct str node, struct arena *a,
                        struct sec_row *row, struct why *w)
{
    static const struct row_query query = {
        "SELECT " COLUMNS " FROM secure WHERE user = ? AND node = ? AND primary_mbox", CELLS, 'p'};
    const struct str key[] = {user, node};
    struct cell cell[ROW_CELLS];
    int rc = look(d, &query, key, 2, a, cell, w);
    if (rc == 0)
        return why_set(w, E_ABSENT, 0, NULL, "%.*s at %.*s has no primary mailbox name",
                       STR_ARG(user), STR_ARG(node));
    if (rc > 0)
        *row = row_of(cell);
    return rc > 0 ? OK : rc;
}

struct walk {
    int (*fn)(void *arg, const struct sec_row *r);
    void *arg;
};

static int one(void *arg, const struct cell *cell)
{
    const struct walk *walk = arg;
    struct sec_row r = row_of(cell);
    return walk->fn(walk->arg, &r);
}

int secrow_each(struct db *d, int (*fn)(void *arg, const struct sec_row *r), void *arg,
                struct why *w)
{
    static const struct row_query query = {
        "SELECT " COLUMNS " FROM secure ORDER BY user, node, nick", CELLS, 0};
    struct walk walk = {fn, arg};
    return row_each(d, &query, one, &walk, w);
}

/* --- writing --- */

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

static int put(struct db *d, const void *given, struct why *w)
{
    const struct sec_row *row = given;
    const struct cell cell[] = {cell_text(row->user),
                                cell_text(row->node),
                                cell_text(row->nick),
                                cell_number(row->primary_nick),
                                cell_number(row->primary_mbox),
                                cell_time(row->changed),
                                cell_text(row->by)};
    int rc =
        row_run(d,
                "INSERT INTO secure (" COLUMNS ") VALUES (upper(?1), upper(?2), ?3, ?4, ?5, ?6, ?7)"
                " ON CONFLICT (user, node, nick) DO UPDATE SET nick = ?3, primary_nick = ?4,"
                " primary_mbox = ?5, changed = ?6, by = ?7",
                CELLS, cell, NULL, w);
    return rc == E_DENIED ? conflict(d, row, w) : rc;
}

static int drop(struct db *d, const void *given, struct why *w)
{
    const struct sec_row *row = given;
    const struct cell cell[] = {cell_text(row->user), cell_text(row->node), cell_text(row->nick)};
    int changed, rc = row_run(d,
                              "DELETE FROM secure WHERE user = upper(?1) AND"
                              " node = upper(?2) AND (?3 = '' OR nick = ?3)",
                              "ttt", cell, &changed, w);
    if (rc == OK && changed == 0)
        return why_set(w, E_ABSENT, 0, NULL, "%.*s at %.*s%s%.*s is not in the security table",
                       STR_ARG(row->user), STR_ARG(row->node),
                       row->nick.n > 0 ? " with the nickname " : "", STR_ARG(row->nick));
    return rc;
}

/* --- files --- */

#define PROGRESS_STEP 10000u

/* cells: "ttt" the keys, "tttnn" with the flags. */
static int for_each(struct db *d, const char *sql, const char *cells, const struct sec_row *row,
                    size_t n, struct why *w)
{
    int rc = OK;
    for (size_t i = 0; rc == OK && i < n; i++) {
        const struct cell cell[] = {cell_text(row[i].user), cell_text(row[i].node),
                                    cell_text(row[i].nick), cell_number(row[i].primary_nick),
                                    cell_number(row[i].primary_mbox)};
        rc = row_run(d, sql, cells, cell, NULL, w);
    }
    return rc;
}

/* What the file does not have goes; the others stay, so that the history tells what became
 * different. */
static int drop_others(struct db *d, const struct sec_row *row, size_t n, struct why *w)
{
    int rc = row_run(d,
                     "CREATE TEMP TABLE IF NOT EXISTS secure_keep (user, node, nick COLLATE NOCASE,"
                     " PRIMARY KEY (user, node, nick)) WITHOUT ROWID",
                     "", NULL, NULL, w);
    if (rc == OK)
        rc = for_each(d, "INSERT OR IGNORE INTO temp.secure_keep VALUES (upper(?), upper(?), ?)",
                      "ttt", row, n, w);
    if (rc == OK)
        rc = row_run(d,
                     "DELETE FROM secure WHERE NOT EXISTS (SELECT 1 FROM temp.secure_keep k WHERE"
                     " k.user = secure.user AND k.node = secure.node AND k.nick = secure.nick)",
                     "", NULL, NULL, w);
    if (rc == OK)
        rc = row_run(d, "DELETE FROM temp.secure_keep", "", NULL, NULL, w);
    return rc;
}

/* Rows that come again lose their flags first: a Y that moves from one to another is no conflict.
 */
static int import(struct db *d, const struct sec_row *row, size_t n, const struct secrow_how *how,
                  size_t *bad, struct why *w)
{
    int rc = how->replace ? drop_others(d, row, n, w) : OK;
    if (rc == OK)
        rc = for_each(d,
                      "UPDATE secure SET primary_nick = 0, primary_mbox = 0 WHERE user = upper(?1)"
                      " AND node = upper(?2) AND nick = ?3"
                      " AND (primary_nick > ?4 OR primary_mbox > ?5)",
                      "tttnn", row, n, w);
    for (size_t i = 0; rc == OK && i < n; i++) {
        *bad = i;
        rc = put(d, &row[i], w);
        if (how->progress != NULL && (i + 1) % PROGRESS_STEP == 0)
            how->progress(i + 1);
    }
    return rc;
}

int secrow_import(struct db *d, const struct sec_row *row, size_t n, const struct secrow_how *how,
                  size_t *bad, struct why *w)
{
    char what[ROW_MAILBOX_MAX];
    int rc = db_begin(d, w);
    *bad = 0;
    if (rc < 0)
        return rc;
    snprintf(what, sizeof what, "%zu rows of %.*s%s", n, STR_ARG(str_sub(how->source, 0, 200)),
             how->replace ? ", in place of the table" : "");
    rc = history_begin(d, how->by, HISTORY_IMPORT_ROOM, w);
    if (rc == OK)
        rc = import(d, row, n, how, bad, w);
    if (rc == OK)
        rc = history_end_import(d, STR("secure"), str_of(what), how->by, w);
    return row_settle(d, rc, w);
}

/* --- one row --- */

int secrow_put(struct db *d, const struct sec_row *row, struct why *w)
{
    return row_alone(d, row->by, put, row, w);
}

int secrow_delete(struct db *d, struct str user, struct str node, struct str nick, struct str by,
                  struct why *w)
{
    struct sec_row row = {.user = user, .node = node, .nick = nick};
    return row_alone(d, by, drop, &row, w);
}
