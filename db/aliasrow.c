/* db/aliasrow.c -- rows of the alias tables: see aliasrow.h */
#include "db/aliasrow.h"

#include "db/row.h"

#define NAME_MOST 8
#define OWNER_MOST 17 /* USER@NODE */
#define COLUMNS "owner, userid, address, mailbox, automatic, changed, by"
#define CELLS "ttttnnt"

/* The names of a row in the form the table keeps, in the order of COLUMNS. */
struct names {
    struct row_key owner, userid, address;
    struct str key[3];
};

static bool names_of(struct names *n, const struct alias_row *row)
{
    if (row->userid.n == 0 || row->address.n == 0 ||
        !row_upper(&n->owner, row->owner, OWNER_MOST) ||
        !row_upper(&n->userid, row->userid, NAME_MOST) ||
        !row_upper(&n->address, row->address, NAME_MOST))
        return false;
    n->key[0] = n->owner.s, n->key[1] = n->userid.s, n->key[2] = n->address.s;
    return true;
}

static struct alias_row row_of(const struct cell *c)
{
    return (struct alias_row){.owner = c[0].text,
                              .userid = c[1].text,
                              .address = c[2].text,
                              .mailbox = c[3].text,
                              .automatic = c[4].number != 0,
                              .changed = {c[5].number},
                              .by = c[6].text};
}

static int no_row(const struct alias_row *key, struct why *w)
{
    return why_set(w, E_ABSENT, 0, NULL, "there is no %s%.*s%salias for %.*s %.*s",
                   key->owner.n > 0 ? "personal " : "", STR_ARG(key->owner),
                   key->owner.n > 0 ? "'s " : "", STR_ARG(key->userid), STR_ARG(key->address));
}

/* The gateway makes such user IDs itself: up to three letters, then two to five digits. */
static bool may_be_made(struct str userid)
{
    size_t digits = 0;
    while (digits < userid.n && userid.p[userid.n - 1 - digits] >= '0' &&
           userid.p[userid.n - 1 - digits] <= '9')
        digits++;
    return digits >= 2 && digits <= 5 && userid.n - digits <= 3;
}

int aliasrow_find(struct db *d, const struct alias_row *key, bool keep_absent, struct arena *a,
                  struct alias_row *row, struct why *w)
{
    static const struct row_query query = {
        "SELECT " COLUMNS " FROM alias WHERE owner = ? AND userid = ? AND address = ?", CELLS, 'a'};
    struct names n;
    struct cell cell[ROW_CELLS];
    if (!names_of(&n, key))
        return 0;
    int rc = row_find(d, &query, n.key, 3, keep_absent, a, cell, w);
    if (rc > 0)
        *row = row_of(cell);
    return rc;
}

int aliasrow_get(struct db *d, const struct alias_row *key, struct arena *a, struct alias_row *row,
                 struct why *w)
{
    int rc = aliasrow_find(d, key, !may_be_made(key->userid), a, row, w);
    return rc > 0 ? OK : rc == 0 ? no_row(key, w) : rc;
}

int aliasrow_find_mailbox(struct db *d, struct str owner, struct str mailbox, bool any_case,
                          struct arena *a, struct alias_row *row, struct why *w)
{
    /* The index compares without case; whoever cares for it takes the rows of the same case. */
    static const struct row_query same_case = {
        "SELECT " COLUMNS " FROM alias WHERE mailbox = ?1 COLLATE NOCASE AND owner = ?2"
        " AND userid <> '*ANY' AND mailbox = ?1 COLLATE BINARY"
        " ORDER BY automatic, userid, address LIMIT 1",
        CELLS, 'x'};
    static const struct row_query query = {
        "SELECT " COLUMNS " FROM alias WHERE mailbox = ?1 COLLATE NOCASE AND owner = ?2"
        " AND userid <> '*ANY' ORDER BY mailbox = ?1 COLLATE BINARY DESC, automatic, userid,"
        " address LIMIT 1",
        CELLS, 'y'};
    struct row_key box, once, who;
    struct cell cell[ROW_CELLS];
    int rc = 0;
    if (row_mailbox(&box, mailbox) && row_upper(&who, owner, OWNER_MOST)) {
        struct str key[] = {box.s, who.s};
        const struct row_query *q = any_case ? &query : &same_case;
        rc = row_find(d, q, key, 2, any_case, a, cell, w);
        if (rc == 0 && row_mailbox_once(&once, &box)) {
            key[0] = once.s;
            rc = row_find(d, q, key, 2, any_case, a, cell, w);
        }
    }
    if (rc > 0)
        *row = row_of(cell);
    return rc;
}

int aliasrow_of_mailbox(struct db *d, struct str owner, struct str mailbox, bool any_case,
                        struct arena *a, struct alias_row *row, struct why *w)
{
    int rc = aliasrow_find_mailbox(d, owner, mailbox, any_case, a, row, w);
    if (rc == 0)
        return why_set(w, E_ABSENT, 0, NULL, "no alias stands for %.*s", STR_ARG(mailbox));
    return rc > 0 ? OK : rc;
}

int aliasrow_has_address(struct db *d, struct str owner, struct str address, struct why *w)
{
    static const struct row_query query = {
        "SELECT 1 FROM alias WHERE owner IN ('', ?) AND address = ? LIMIT 1", "n", 'd'};
    struct row_key who, where;
    struct cell there;
    if (!row_upper(&where, address, NAME_MOST) || !row_upper(&who, owner, OWNER_MOST))
        return 0;
    const struct str key[] = {who.s, where.s};
    return row_find(d, &query, key, 2, false, NULL, &there, w);
}

/* --- writing --- */

int aliasrow_insert(struct db *d, const struct alias_row *row, struct why *w)
{
    struct names n;
    struct row_key box;
    if (!names_of(&n, row) || !row_mailbox(&box, row->mailbox))
        return why_set(w, E_SYNTAX, 0, NULL,
                       "an alias is a user ID and an address of 1 to 8 characters and a mailbox of "
                       "1 to %u",
                       ROW_MAILBOX_MAX);
    const struct cell cell[] = {cell_text(n.owner.s),        cell_text(n.userid.s),
                                cell_text(n.address.s),      cell_text(box.s),
                                cell_number(row->automatic), cell_time(row->changed),
                                cell_text(row->by)};
    int rc =
        row_run(d, "INSERT INTO alias (" COLUMNS ") VALUES (?,?,?,?,?,?,?)", CELLS, cell, NULL, w);
    if (rc != E_DENIED)
        return rc;
    struct why absent;
    struct alias_row there = {0};
    struct arena *a = arena_new(65536);
    if (aliasrow_get(d, row, a, &there, &absent) < 0)
        rc = E_DENIED;
    else if (str_eq(there.mailbox, box.s) && there.automatic == row->automatic)
        rc = ALIASROW_THERE;
    else
        rc = why_set(w, E_DENIED, 0, NULL, "the alias %.*s %.*s exists already: it is %.*s",
                     STR_ARG(n.userid.s), STR_ARG(n.address.s), STR_ARG(there.mailbox));
    arena_free(&a);
    return rc;
}

static int add_new(struct db *d, const void *given, struct why *w)
{
    const struct alias_row *row = given;
    int rc = aliasrow_insert(d, row, w);
    if (rc != ALIASROW_THERE)
        return rc;
    return why_set(w, E_DENIED, 0, NULL, "the alias %.*s %.*s exists already", STR_ARG(row->userid),
                   STR_ARG(row->address));
}

static int delete_row(struct db *d, const void *given, struct why *w)
{
    const struct alias_row *key = given;
    struct names n;
    int changed;
    if (!names_of(&n, key))
        return no_row(key, w);
    const struct cell cell[] = {cell_text(n.key[0]), cell_text(n.key[1]), cell_text(n.key[2])};
    int rc = row_run(d, "DELETE FROM alias WHERE owner = ? AND userid = ? AND address = ?", "ttt",
                     cell, &changed, w);
    return rc == OK && changed == 0 ? no_row(key, w) : rc;
}

int aliasrow_add(struct db *d, const struct alias_row *row, struct why *w)
{
    return row_alone(d, row->by, add_new, row, w);
}

int aliasrow_delete(struct db *d, const struct alias_row *key, struct why *w)
{
    return row_alone(d, key->by, delete_row, key, w);
}

/* --- walking --- */

struct walk {
    int (*fn)(void *arg, const struct alias_row *r);
    void *arg;
};

static int one(void *arg, const struct cell *cell)
{
    const struct walk *walk = arg;
    struct alias_row r = row_of(cell);
    return walk->fn(walk->arg, &r);
}

int aliasrow_each(struct db *d, int (*fn)(void *arg, const struct alias_row *r), void *arg,
                  struct why *w)
{
    static const struct row_query query = {
        "SELECT " COLUMNS " FROM alias ORDER BY owner, address, userid", CELLS, 0};
    struct walk walk = {fn, arg};
    return row_each(d, &query, one, &walk, w);
}

unsigned aliasrow_last_auto(struct db *d, struct str prefix, struct str address)
{
    static const struct row_query query = {
        "SELECT max(CAST(substr(userid, length(?1) + 1) AS INTEGER)) FROM alias WHERE"
        " owner = '' AND address = ?2 AND userid > ?1 AND userid < ?1 || ':' AND"
        " substr(userid, length(?1) + 1) NOT GLOB '*[^0-9]*'",
        "n", 0};
    struct row_key id, where;
    struct cell last = {.number = 0};
    struct why w;
    struct arena *a = arena_new(4096);
    if (row_upper(&id, prefix, NAME_MOST) && row_upper(&where, address, NAME_MOST)) {
        const struct str key[] = {id.s, where.s};
        if (row_find(d, &query, key, 2, false, a, &last, &w) < 0)
            last.number = 0;
    }
    arena_free(&a);
    return (unsigned)last.number;
}
