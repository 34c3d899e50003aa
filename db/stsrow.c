/* db/stsrow.c -- see stsrow.h */
#include "db/stsrow.h"

#include "db/row.h"

#define DOMAIN_MAX 255u

static bool lower(struct row_key *k, struct str s)
{
    if (s.n == 0 || s.n > DOMAIN_MAX)
        return false;
    for (size_t i = 0; i < s.n; i++)
        k->text[i] = ascii_lower(s.p[i]);
    k->s = (struct str){k->text, s.n};
    return true;
}

int stsrow_put(struct db *d, const struct sts_row *row, struct why *w)
{
    struct row_key k;
    if (!lower(&k, row->domain))
        return OK;
    const struct cell value[] = {cell_text(k.s), cell_text(row->id), cell_text(row->policy),
                                 cell_number(row->fetched.us), cell_number(row->until.us)};
    return row_run(d,
                   "INSERT OR REPLACE INTO sts (domain, id, policy, fetched, until)"
                   " VALUES (?,?,?,?,?)",
                   "tttnn", value, NULL, w);
}

static struct sts_row row_of(const struct cell *cell)
{
    return (struct sts_row){.domain = cell[0].text,
                            .id = cell[1].text,
                            .policy = cell[2].text,
                            .fetched = {cell[3].number},
                            .until = {cell[4].number}};
}

int stsrow_find(struct db *d, struct str domain, struct arena *a, struct sts_row *row,
                struct why *w)
{
    static const struct row_query query = {
        "SELECT domain, id, policy, fetched, until FROM sts WHERE domain = ?1", "tttnn", 0};
    struct row_key k;
    struct cell cell[ROW_CELLS];
    if (!lower(&k, domain))
        return 0;
    int rc = row_find(d, &query, &k.s, 1, false, a, cell, w);
    if (rc > 0)
        *row = row_of(cell);
    return rc;
}

struct each {
    int (*fn)(void *arg, const struct sts_row *row);
    void *arg;
};

static int one(void *arg, const struct cell *cell)
{
    struct each *e = arg;
    struct sts_row row = row_of(cell);
    return e->fn(e->arg, &row);
}

int stsrow_each(struct db *d, int (*fn)(void *arg, const struct sts_row *row), void *arg,
                struct why *w)
{
    static const struct row_query query = {
        "SELECT domain, id, policy, fetched, until FROM sts ORDER BY domain", "tttnn", 0};
    struct each e = {fn, arg};
    return row_each(d, &query, one, &e, w);
}

int stsrow_prune(struct db *d, struct wall now, int most, struct why *w)
{
    const struct cell value[] = {cell_number(now.us), cell_number(most), cell_number(STS_ROWS_MAX)};
    int changed = 0;
    int rc = row_run(d,
                     "DELETE FROM sts WHERE domain IN (SELECT domain FROM sts ORDER BY until LIMIT"
                     " max((SELECT count(*) FROM (SELECT 1 FROM sts WHERE until < ?1 LIMIT ?2)),"
                     " min(?2, (SELECT count(*) FROM sts) - ?3)))",
                     "nnn", value, &changed, w);
    return rc < 0 ? rc : changed;
}
