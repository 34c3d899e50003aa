/* db/aliasrow.c -- rows of the alias tables: see aliasrow.h */
#include "db/aliasrow.h"

#include <ctype.h>
#include <sqlite3.h>
#include <string.h>

#define NAME_MOST 8
#define OWNER_MOST 17 /* USER@NODE */
#define MAILBOX_MOST 320
#define COLUMNS "owner, userid, address, mailbox, automatic, changed, by"

/* The names of a row in the form the table keeps. */
struct key {
    char owner[OWNER_MOST], userid[NAME_MOST], address[NAME_MOST], mailbox[MAILBOX_MOST];
    struct str owner_s, userid_s, address_s, mailbox_s;
};

static bool upper(char *to, size_t size, struct str s, struct str *out)
{
    if (s.n > size)
        return false;
    for (size_t i = 0; i < s.n; i++)
        to[i] = (char)toupper((unsigned char)s.p[i]);
    *out = (struct str){to, s.n};
    return true;
}

/* The domain is folded, the local part is not. */
static bool mailbox_key(struct key *k, struct str mailbox)
{
    if (mailbox.n == 0 || mailbox.n > sizeof k->mailbox)
        return false;
    ptrdiff_t at = str_find_last(mailbox, '@');
    for (size_t i = 0; i < mailbox.n; i++)
        k->mailbox[i] =
            at >= 0 && i > (size_t)at ? (char)tolower((unsigned char)mailbox.p[i]) : mailbox.p[i];
    k->mailbox_s = (struct str){k->mailbox, mailbox.n};
    return true;
}

static bool names_key(struct key *k, const struct alias_row *row)
{
    return row->userid.n > 0 && row->address.n > 0 &&
           upper(k->owner, sizeof k->owner, row->owner, &k->owner_s) &&
           upper(k->userid, sizeof k->userid, row->userid, &k->userid_s) &&
           upper(k->address, sizeof k->address, row->address, &k->address_s);
}

static struct alias_row row_of(struct sqlite3_stmt *st)
{
    return (struct alias_row){.owner = db_col_str(st, 0),
                              .userid = db_col_str(st, 1),
                              .address = db_col_str(st, 2),
                              .mailbox = db_col_str(st, 3),
                              .automatic = sqlite3_column_int(st, 4) != 0,
                              .changed = {sqlite3_column_int64(st, 5)},
                              .by = db_col_str(st, 6)};
}

/* The row st stands on, copied; 1, 0 when there is none, or negative. Ends st. */
static int take_row(struct sqlite3_stmt *st, struct arena *a, struct alias_row *row, struct why *w)
{
    int rc = db_step(st, w);
    if (rc > 0) {
        struct alias_row r = row_of(st);
        *row = r;
        row->owner = arena_str(a, r.owner);
        row->userid = arena_str(a, r.userid);
        row->address = arena_str(a, r.address);
        row->mailbox = arena_str(a, r.mailbox);
        row->by = arena_str(a, r.by);
    }
    db_done(st);
    return rc;
}

static int no_row(const struct alias_row *key, struct why *w)
{
    return why_set(w, E_ABSENT, 0, NULL, "there is no %s%.*s%salias for %.*s %.*s",
                   key->owner.n > 0 ? "personal " : "", STR_ARG(key->owner),
                   key->owner.n > 0 ? "'s " : "", STR_ARG(key->userid), STR_ARG(key->address));
}

static void bind_names(struct sqlite3_stmt *st, const struct key *k)
{
    db_bind_str(st, 1, k->owner_s);
    db_bind_str(st, 2, k->userid_s);
    db_bind_str(st, 3, k->address_s);
}

int aliasrow_get(struct db *d, const struct alias_row *key, struct arena *a, struct alias_row *row,
                 struct why *w)
{
    struct key k;
    if (!names_key(&k, key))
        return no_row(key, w);
    struct sqlite3_stmt *st = db_stmt(
        d, "SELECT " COLUMNS " FROM alias WHERE owner = ? AND userid = ? AND address = ?", w);
    if (st == NULL)
        return (int)w->err;
    bind_names(st, &k);
    int rc = take_row(st, a, row, w);
    return rc > 0 ? OK : rc == 0 ? no_row(key, w) : rc;
}

int aliasrow_of_mailbox(struct db *d, struct str owner, struct str mailbox, bool any_case,
                        struct arena *a, struct alias_row *row, struct why *w)
{
    struct key k;
    int rc = 0;
    if (mailbox_key(&k, mailbox) && upper(k.owner, sizeof k.owner, owner, &k.owner_s)) {
        /* The index compares without case; whoever cares for it takes the rows of the same case. */
        struct sqlite3_stmt *st = db_stmt(
            d,
            "SELECT " COLUMNS " FROM alias WHERE mailbox = ?1 COLLATE NOCASE AND owner = ?2"
            " AND userid <> '*ANY' AND (?3 OR mailbox = ?1 COLLATE BINARY)"
            " ORDER BY mailbox = ?1 COLLATE BINARY DESC, automatic, userid, address LIMIT 1",
            w);
        if (st == NULL)
            return (int)w->err;
        db_bind_str(st, 1, k.mailbox_s);
        db_bind_str(st, 2, k.owner_s);
        sqlite3_bind_int(st, 3, any_case);
        rc = take_row(st, a, row, w);
    }
    if (rc == 0)
        return why_set(w, E_ABSENT, 0, NULL, "no alias stands for %.*s", STR_ARG(mailbox));
    return rc > 0 ? OK : rc;
}

int aliasrow_has_address(struct db *d, struct str owner, struct str address, struct why *w)
{
    struct key k;
    if (!upper(k.address, sizeof k.address, address, &k.address_s) ||
        !upper(k.owner, sizeof k.owner, owner, &k.owner_s))
        return 0;
    struct sqlite3_stmt *st =
        db_stmt(d, "SELECT 1 FROM alias WHERE owner IN ('', ?) AND address = ? LIMIT 1", w);
    if (st == NULL)
        return (int)w->err;
    db_bind_str(st, 1, k.owner_s);
    db_bind_str(st, 2, k.address_s);
    int rc = db_step(st, w);
    db_done(st);
    return rc;
}

/* --- writing ---------------------------------------------------------------------------------- */

static int insert_row(struct db *d, const struct alias_row *row, const struct key *k, struct why *w)
{
    struct sqlite3_stmt *st =
        db_stmt(d, "INSERT INTO alias (" COLUMNS ") VALUES (?,?,?,?,?,?,?)", w);
    if (st == NULL)
        return (int)w->err;
    bind_names(st, k);
    db_bind_str(st, 4, k->mailbox_s);
    sqlite3_bind_int(st, 5, row->automatic);
    sqlite3_bind_int64(st, 6, row->changed.us != 0 ? row->changed.us : wall_now().us);
    db_bind_str(st, 7, row->by);
    int rc = db_step(st, w);
    db_done(st);
    return rc;
}

int aliasrow_insert(struct db *d, const struct alias_row *row, struct why *w)
{
    struct key k;
    if (!names_key(&k, row) || !mailbox_key(&k, row->mailbox))
        return why_set(w, E_SYNTAX, 0, NULL,
                       "an alias is a user ID and an address of 1 to 8 characters and a mailbox of "
                       "1 to %d",
                       MAILBOX_MOST);
    int rc = insert_row(d, row, &k, w);
    if (rc != E_DENIED)
        return rc;
    struct why absent;
    struct alias_row there;
    struct arena *a = arena_new(65536);
    if (aliasrow_get(d, row, a, &there, &absent) < 0)
        rc = E_DENIED;
    else if (str_eq(there.mailbox, k.mailbox_s) && there.automatic == row->automatic)
        rc = OK;
    else
        rc = why_set(w, E_DENIED, 0, NULL, "the alias %.*s %.*s exists already: it is %.*s",
                     STR_ARG(k.userid_s), STR_ARG(k.address_s), STR_ARG(there.mailbox));
    arena_free(&a);
    return rc;
}

static int add_new(struct db *d, const struct alias_row *row, struct why *w)
{
    struct key k;
    int rc = aliasrow_insert(d, row, w);
    if (rc < 0 || sqlite3_changes(db_handle(d)) > 0 || !names_key(&k, row))
        return rc;
    return why_set(w, E_DENIED, 0, NULL, "the alias %.*s %.*s exists already", STR_ARG(k.userid_s),
                   STR_ARG(k.address_s));
}

static int delete_row(struct db *d, const struct alias_row *key, struct why *w)
{
    struct key k;
    if (!names_key(&k, key))
        return no_row(key, w);
    struct sqlite3_stmt *st =
        db_stmt(d, "DELETE FROM alias WHERE owner = ? AND userid = ? AND address = ?", w);
    if (st == NULL)
        return (int)w->err;
    bind_names(st, &k);
    int rc = db_step(st, w);
    db_done(st);
    return rc == OK && sqlite3_changes(db_handle(d)) == 0 ? no_row(key, w) : rc;
}

static int alone(struct db *d, int (*fn)(struct db *, const struct alias_row *, struct why *),
                 const struct alias_row *row, struct why *w)
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

int aliasrow_add(struct db *d, const struct alias_row *row, struct why *w)
{
    return alone(d, add_new, row, w);
}

int aliasrow_delete(struct db *d, const struct alias_row *key, struct why *w)
{
    return alone(d, delete_row, key, w);
}

/* --- walking ---------------------------------------------------------------------------------- */

int aliasrow_each(struct db *d, int (*fn)(void *arg, const struct alias_row *r), void *arg,
                  struct why *w)
{
    struct sqlite3_stmt *st =
        db_stmt(d, "SELECT " COLUMNS " FROM alias ORDER BY owner, address, userid", w);
    if (st == NULL)
        return (int)w->err;
    int rc;
    while ((rc = db_step(st, w)) > 0) {
        struct alias_row r = row_of(st);
        if (fn(arg, &r) != 0)
            break;
    }
    db_done(st);
    return rc < 0 ? rc : OK;
}

unsigned aliasrow_last_auto(struct db *d, struct str prefix, struct str address)
{
    struct key k;
    struct why w;
    struct sqlite3_stmt *st =
        db_stmt(d,
                "SELECT max(CAST(substr(userid, length(?1) + 1) AS INTEGER)) FROM alias WHERE"
                " owner = '' AND address = ?2 AND userid > ?1 AND userid < ?1 || ':' AND"
                " substr(userid, length(?1) + 1) NOT GLOB '*[^0-9]*'",
                &w);
    if (st == NULL || !upper(k.userid, sizeof k.userid, prefix, &k.userid_s) ||
        !upper(k.address, sizeof k.address, address, &k.address_s))
        return 0;
    db_bind_str(st, 1, k.userid_s);
    db_bind_str(st, 2, k.address_s);
    unsigned last = db_step(st, &w) > 0 ? (unsigned)sqlite3_column_int64(st, 0) : 0;
    db_done(st);
    return last;
}
