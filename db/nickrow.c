/* db/nickrow.c -- rows of the nickname table: see nickrow.h */
#include "db/nickrow.h"

#include <ctype.h>
#include <sqlite3.h>
#include <string.h>

#include "base/text.h"

#define NICK_MOST 8
#define MAILBOX_MOST 320 /* RFC 5321 4.5.3.1: 64 + 1 + 255 */
#define COLUMNS "nick, mailbox, name, owner, automatic, preferred, changed, by"

/* A key in the form the table keeps: nickname in upper case, or mailbox with its domain in lower.
 */
struct key {
    char text[MAILBOX_MOST];
    size_t n;
};

static struct str key_str(const struct key *k)
{
    return (struct str){k->text, k->n};
}

static bool nick_key(struct key *k, struct str nick)
{
    if (nick.n == 0 || nick.n > NICK_MOST)
        return false;
    for (k->n = 0; k->n < nick.n; k->n++)
        k->text[k->n] = (char)toupper((unsigned char)nick.p[k->n]);
    return true;
}

static bool mailbox_key(struct key *k, struct str mailbox)
{
    if (mailbox.n == 0 || mailbox.n > sizeof k->text)
        return false;
    memcpy(k->text, mailbox.p, mailbox.n);
    k->n = mailbox.n;
    ptrdiff_t at = str_find_last(mailbox, '@');
    for (size_t i = at < 0 ? mailbox.n : (size_t)at; i < mailbox.n; i++)
        k->text[i] = (char)tolower((unsigned char)k->text[i]);
    return true;
}

static struct nick_row row_of(struct sqlite3_stmt *st)
{
    return (struct nick_row){.nick = db_col_str(st, 0),
                             .mailbox = db_col_str(st, 1),
                             .name = db_col_str(st, 2),
                             .owner = db_col_str(st, 3),
                             .automatic = sqlite3_column_int(st, 4) != 0,
                             .preferred = sqlite3_column_int(st, 5) != 0,
                             .changed = {sqlite3_column_int64(st, 6)},
                             .by = db_col_str(st, 7)};
}

/* The row st stands on, copied; 1, 0 when there is none, or negative. Ends st. */
static int take_row(struct sqlite3_stmt *st, struct arena *a, struct nick_row *row, struct why *w)
{
    int rc = db_step(st, w);
    if (rc > 0) {
        struct nick_row r = row_of(st);
        *row = r;
        row->nick = arena_str(a, r.nick);
        row->mailbox = arena_str(a, r.mailbox);
        row->name = arena_str(a, r.name);
        row->owner = arena_str(a, r.owner);
        row->by = arena_str(a, r.by);
    }
    db_done(st);
    return rc;
}

static int no_nick(struct str nick, struct why *w)
{
    return why_set(w, E_ABSENT, 0, NULL, "there is no nickname %.*s", STR_ARG(nick));
}

int nickrow_get(struct db *d, struct str nick, struct arena *a, struct nick_row *row, struct why *w)
{
    struct key k;
    if (!nick_key(&k, nick))
        return no_nick(nick, w);
    struct sqlite3_stmt *st = db_stmt(d, "SELECT " COLUMNS " FROM nick WHERE nick = ?", w);
    if (st == NULL)
        return (int)w->err;
    db_bind_str(st, 1, key_str(&k));
    int rc = take_row(st, a, row, w);
    return rc > 0 ? OK : rc == 0 ? no_nick(key_str(&k), w) : rc;
}

int nickrow_of_mailbox(struct db *d, struct str mailbox, struct arena *a, struct nick_row *row,
                       struct why *w)
{
    struct key k = {.n = 0};
    int rc = 0;
    if (mailbox_key(&k, mailbox)) {
        struct sqlite3_stmt *st = db_stmt(d,
                                          "SELECT " COLUMNS " FROM nick WHERE mailbox = ? ORDER BY"
                                          " preferred DESC, automatic, nick LIMIT 1",
                                          w);
        if (st == NULL)
            return (int)w->err;
        db_bind_str(st, 1, key_str(&k));
        rc = take_row(st, a, row, w);
    }
    if (rc == 0)
        return why_set(w, E_ABSENT, 0, NULL, "no nickname stands for %.*s", STR_ARG(mailbox));
    return rc > 0 ? OK : rc;
}

/* --- writing ---------------------------------------------------------------------------------- */

static int keys(const struct nick_row *row, struct key *nick, struct key *mailbox, struct why *w)
{
    if (!nick_key(nick, row->nick))
        return why_set(w, E_SYNTAX, 0, NULL, "a nickname has 1 to 8 characters, not '%.*s'",
                       STR_ARG(row->nick));
    if (!mailbox_key(mailbox, row->mailbox))
        return why_set(w, E_SYNTAX, 0, NULL, "a mailbox has 1 to %d characters", MAILBOX_MOST);
    return OK;
}

static void bind_row(struct sqlite3_stmt *st, const struct nick_row *row, const struct key *nick,
                     const struct key *mailbox)
{
    db_bind_str(st, 1, key_str(nick));
    db_bind_str(st, 2, key_str(mailbox));
    db_bind_str(st, 3, row->name);
    db_bind_str(st, 4, row->owner);
    sqlite3_bind_int(st, 5, row->automatic);
    sqlite3_bind_int(st, 6, row->preferred);
    sqlite3_bind_int64(st, 7, row->changed.us != 0 ? row->changed.us : wall_now().us);
    db_bind_str(st, 8, row->by);
}

/* One mailbox has one preferred nickname: the latest so marked. */
static int unprefer_others(struct db *d, const struct key *nick, const struct key *mailbox,
                           struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(
        d, "UPDATE nick SET preferred = 0 WHERE mailbox = ? AND nick <> ? AND preferred", w);
    if (st == NULL)
        return (int)w->err;
    db_bind_str(st, 1, key_str(mailbox));
    db_bind_str(st, 2, key_str(nick));
    int rc = db_step(st, w);
    db_done(st);
    return rc;
}

int nickrow_insert(struct db *d, const struct nick_row *row, struct why *w)
{
    struct key nick, mailbox;
    int rc = keys(row, &nick, &mailbox, w);
    if (rc < 0)
        return rc;
    struct sqlite3_stmt *st =
        db_stmt(d, "INSERT INTO nick (" COLUMNS ") VALUES (?,?,?,?,?,?,?,?)", w);
    if (st == NULL)
        return (int)w->err;
    bind_row(st, row, &nick, &mailbox);
    rc = db_step(st, w);
    db_done(st);
    if (rc == E_DENIED)
        return why_set(w, E_DENIED, 0, NULL, "the nickname %.*s exists already",
                       STR_ARG(key_str(&nick)));
    return rc == OK && row->preferred ? unprefer_others(d, &nick, &mailbox, w) : rc;
}

static int update(struct db *d, const struct nick_row *row, struct why *w)
{
    struct key nick, mailbox;
    int rc = keys(row, &nick, &mailbox, w);
    if (rc < 0)
        return rc;
    struct sqlite3_stmt *st =
        db_stmt(d,
                "UPDATE nick SET mailbox = ?2, name = ?3, owner = ?4, automatic = ?5,"
                " preferred = ?6, changed = ?7, by = ?8 WHERE nick = ?1",
                w);
    if (st == NULL)
        return (int)w->err;
    bind_row(st, row, &nick, &mailbox);
    rc = db_step(st, w);
    db_done(st);
    if (rc == OK && sqlite3_changes(db_handle(d)) == 0)
        return no_nick(key_str(&nick), w);
    return rc == OK && row->preferred ? unprefer_others(d, &nick, &mailbox, w) : rc;
}

static int delete_row(struct db *d, const struct nick_row *row, struct why *w)
{
    struct key nick;
    if (!nick_key(&nick, row->nick))
        return no_nick(row->nick, w);
    struct sqlite3_stmt *st = db_stmt(d, "DELETE FROM nick WHERE nick = ?", w);
    if (st == NULL)
        return (int)w->err;
    db_bind_str(st, 1, key_str(&nick));
    int rc = db_step(st, w);
    db_done(st);
    if (rc == OK && sqlite3_changes(db_handle(d)) == 0)
        return no_nick(key_str(&nick), w);
    return rc;
}

int nickrow_edit(struct db *d, enum nick_edit edit, const struct nick_row *row, struct str owner,
                 struct why *w)
{
    if (edit == NICK_ADD)
        return nickrow_insert(d, row, w);
    struct nick_row now;
    struct arena *a = arena_new(65536);
    int rc = nickrow_get(d, row->nick, a, &now, w);
    if (rc == OK && owner.n > 0 && !str_eq_nocase(now.owner, owner))
        rc = why_set(w, E_DENIED, 0, NULL, "the nickname %.*s belongs to %.*s", STR_ARG(now.nick),
                     STR_ARG(now.owner.n > 0 ? now.owner : STR("nobody")));
    else if (rc == OK && edit == NICK_DELETE)
        rc = delete_row(d, row, w);
    else if (rc == OK) {
        now.mailbox = row->mailbox;
        now.name = row->name.n > 0 ? row->name : now.name;
        now.automatic = false;
        now.changed = row->changed;
        now.by = row->by;
        rc = update(d, &now, w);
    }
    arena_free(&a);
    return rc;
}

/* BEGIN IMMEDIATE waits up to 5 s for another writer (db.c's busy timeout). */
static int alone(struct db *d, int (*fn)(struct db *, const struct nick_row *, struct why *),
                 const struct nick_row *row, struct why *w)
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

int nickrow_add(struct db *d, const struct nick_row *row, struct why *w)
{
    return alone(d, nickrow_insert, row, w);
}

int nickrow_change(struct db *d, const struct nick_row *row, struct why *w)
{
    return alone(d, update, row, w);
}

int nickrow_delete(struct db *d, struct str nick, struct why *w)
{
    struct nick_row row = {.nick = nick};
    return alone(d, delete_row, &row, w);
}

/* --- walking ---------------------------------------------------------------------------------- */

int nickrow_each(struct db *d, struct str pattern, int (*fn)(void *arg, const struct nick_row *r),
                 void *arg, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(d, "SELECT " COLUMNS " FROM nick ORDER BY nick", w);
    if (st == NULL)
        return (int)w->err;
    int rc;
    while ((rc = db_step(st, w)) > 0) {
        struct nick_row r = row_of(st);
        if (pattern.n > 0 && !text_glob(pattern, r.nick) && !text_glob(pattern, r.mailbox))
            continue;
        if (fn(arg, &r) != 0)
            break;
    }
    db_done(st);
    return rc < 0 ? rc : OK;
}

unsigned nickrow_last_auto(struct db *d, struct str prefix)
{
    struct key k;
    struct why w;
    struct sqlite3_stmt *st =
        db_stmt(d,
                "SELECT max(CAST(substr(nick, length(?1) + 1) AS INTEGER)) FROM nick WHERE"
                " automatic AND nick > ?1 AND nick < ?1 || ':' AND"
                " substr(nick, length(?1) + 1) NOT GLOB '*[^0-9]*'",
                &w);
    if (st == NULL || !nick_key(&k, prefix))
        return 0;
    db_bind_str(st, 1, key_str(&k));
    unsigned last = db_step(st, &w) > 0 ? (unsigned)sqlite3_column_int64(st, 0) : 0;
    db_done(st);
    return last;
}
