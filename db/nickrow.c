/* db/nickrow.c -- rows of the nickname table: see nickrow.h */
#include "db/nickrow.h"

#include "base/text.h"
#include "db/history.h"
#include "db/row.h"

#define NICK_MOST 8
#define COLUMNS "nick, mailbox, name, owner, automatic, preferred, changed, by, members"
#define CELLS "ttttnnntt"

static struct nick_row row_of(const struct cell *c)
{
    return (struct nick_row){.nick = c[0].text,
                             .mailbox = c[1].text,
                             .name = c[2].text,
                             .owner = c[3].text,
                             .automatic = c[4].number != 0,
                             .preferred = c[5].number != 0,
                             .changed = {c[6].number},
                             .by = c[7].text,
                             .members = c[8].text};
}

static bool nick_key(struct row_key *k, struct str nick)
{
    return nick.n > 0 && row_upper(k, nick, NICK_MOST);
}

/* The gateway makes QSMnn itself. */
static bool may_be_made(struct str nick)
{
    return str_starts_nocase(nick, "QSM");
}

static int no_nick(struct str nick, struct why *w)
{
    return why_set(w, E_ABSENT, 0, NULL, "there is no nickname %.*s", STR_ARG(nick));
}

int nickrow_get(struct db *d, struct str nick, struct arena *a, struct nick_row *row, struct why *w)
{
    static const struct row_query query = {"SELECT " COLUMNS " FROM nick WHERE nick = ?", CELLS,
                                           'n'};
    struct row_key k;
    struct cell cell[ROW_CELLS];
    if (!nick_key(&k, nick))
        return no_nick(nick, w);
    int rc = row_find(d, &query, &k.s, 1, !may_be_made(k.s), a, cell, w);
    if (rc > 0)
        *row = row_of(cell);
    return rc > 0 ? OK : rc == 0 ? no_nick(k.s, w) : rc;
}

int nickrow_of_mailbox(struct db *d, struct str mailbox, struct arena *a, struct nick_row *row,
                       struct why *w)
{
    static const struct row_query query = {"SELECT " COLUMNS " FROM nick WHERE mailbox = ? ORDER BY"
                                           " preferred DESC, automatic, nick LIMIT 1",
                                           CELLS, 'm'};
    struct row_key k, once;
    struct cell cell[ROW_CELLS];
    bool ok = row_mailbox(&k, mailbox);
    int rc = ok ? row_find(d, &query, &k.s, 1, false, a, cell, w) : 0;
    if (rc == 0 && ok && row_mailbox_once(&once, &k))
        rc = row_find(d, &query, &once.s, 1, false, a, cell, w);
    if (rc == 0)
        return why_set(w, E_ABSENT, 0, NULL, "no nickname stands for %.*s", STR_ARG(mailbox));
    if (rc > 0)
        *row = row_of(cell);
    return rc > 0 ? OK : rc;
}

/* --- writing --- */

static int keys(const struct nick_row *row, struct row_key *nick, struct row_key *mailbox,
                struct why *w)
{
    mailbox->s = STR("");
    if (!nick_key(nick, row->nick))
        return why_set(w, E_SYNTAX, 0, NULL, "a nickname has 1 to 8 characters, not '%.*s'",
                       STR_ARG(row->nick));
    if ((row->mailbox.n > 0 || row->members.n == 0) && !row_mailbox(mailbox, row->mailbox))
        return why_set(w, E_SYNTAX, 0, NULL, "a mailbox has 1 to %u characters", ROW_MAILBOX_MAX);
    return OK;
}

static void fill(struct cell *cell, const struct nick_row *row, const struct row_key *nick,
                 const struct row_key *mailbox)
{
    cell[0] = cell_text(nick->s);
    cell[1] = cell_text(mailbox->s);
    cell[2] = cell_text(row->name);
    cell[3] = cell_text(row->owner);
    cell[4] = cell_number(row->automatic);
    cell[5] = cell_number(row->preferred);
    cell[6] = cell_time(row->changed);
    cell[7] = cell_text(row->by);
    cell[8] = cell_text(row->members);
}

/* One mailbox has one preferred nickname: the latest so marked. */
static int unprefer_others(struct db *d, const struct row_key *nick, const struct row_key *mailbox,
                           struct why *w)
{
    const struct cell cell[] = {cell_text(mailbox->s), cell_text(nick->s)};
    return row_run(d, "UPDATE nick SET preferred = 0 WHERE mailbox = ? AND nick <> ? AND preferred",
                   "tt", cell, NULL, w);
}

int nickrow_insert(struct db *d, const struct nick_row *row, struct why *w)
{
    struct row_key nick, mailbox;
    struct cell cell[ROW_CELLS];
    int rc = keys(row, &nick, &mailbox, w);
    if (rc < 0)
        return rc;
    fill(cell, row, &nick, &mailbox);
    rc = row_run(d, "INSERT INTO nick (" COLUMNS ") VALUES (?,?,?,?,?,?,?,?,?)", CELLS, cell, NULL,
                 w);
    if (rc == E_DENIED)
        return why_set(w, E_DENIED, 0, NULL, "the nickname %.*s exists already", STR_ARG(nick.s));
    return rc == OK && row->preferred ? unprefer_others(d, &nick, &mailbox, w) : rc;
}

int nickrow_update(struct db *d, const struct nick_row *row, struct why *w)
{
    struct row_key nick, mailbox;
    struct cell cell[ROW_CELLS];
    int changed, rc = keys(row, &nick, &mailbox, w);
    if (rc < 0)
        return rc;
    fill(cell, row, &nick, &mailbox);
    rc = row_run(d,
                 "UPDATE nick SET mailbox = ?2, name = ?3, owner = ?4, automatic = ?5,"
                 " preferred = ?6, changed = ?7, by = ?8, members = ?9 WHERE nick = ?1",
                 CELLS, cell, &changed, w);
    if (rc == OK && changed == 0)
        return no_nick(nick.s, w);
    return rc == OK && row->preferred ? unprefer_others(d, &nick, &mailbox, w) : rc;
}

static int delete_row(struct db *d, const struct nick_row *row, struct why *w)
{
    struct row_key nick;
    int changed;
    if (!nick_key(&nick, row->nick))
        return no_nick(row->nick, w);
    const struct cell cell = cell_text(nick.s);
    int rc = row_run(d, "DELETE FROM nick WHERE nick = ?", "t", &cell, &changed, w);
    return rc == OK && changed == 0 ? no_nick(nick.s, w) : rc;
}

static int edit_row(struct db *d, enum nick_edit edit, const struct nick_row *row, struct str owner,
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
        now.members = STR("");
        now.name = row->name.n > 0 ? row->name : now.name;
        now.automatic = false;
        now.changed = row->changed;
        now.by = row->by;
        rc = nickrow_update(d, &now, w);
    }
    arena_free(&a);
    return rc;
}

int nickrow_edit(struct db *d, enum nick_edit edit, const struct nick_row *row, struct str owner,
                 struct why *w)
{
    int rc = history_begin(d, row->by, 0, w);
    if (rc == OK)
        rc = edit_row(d, edit, row, owner, w);
    return rc == OK ? history_end(d, w) : rc;
}

static int insert_one(struct db *d, const void *row, struct why *w)
{
    return nickrow_insert(d, row, w);
}

static int update_one(struct db *d, const void *row, struct why *w)
{
    return nickrow_update(d, row, w);
}

static int delete_one(struct db *d, const void *row, struct why *w)
{
    return delete_row(d, row, w);
}

int nickrow_add(struct db *d, const struct nick_row *row, struct why *w)
{
    return row_alone(d, row->by, insert_one, row, w);
}

int nickrow_change(struct db *d, const struct nick_row *row, struct why *w)
{
    return row_alone(d, row->by, update_one, row, w);
}

int nickrow_delete(struct db *d, struct str nick, struct str by, struct why *w)
{
    struct nick_row row = {.nick = nick};
    return row_alone(d, by, delete_one, &row, w);
}

/* --- walking --- */

struct walk {
    struct str pattern;
    int (*fn)(void *arg, const struct nick_row *r);
    void *arg;
};

static int matching(void *arg, const struct cell *cell)
{
    const struct walk *walk = arg;
    struct nick_row r = row_of(cell);
    struct str p = walk->pattern;
    bool fits = p.n == 0 || text_glob(p, r.nick) || text_glob(p, r.mailbox);
    return fits ? walk->fn(walk->arg, &r) : 0;
}

int nickrow_each(struct db *d, struct str pattern, int (*fn)(void *arg, const struct nick_row *r),
                 void *arg, struct why *w)
{
    static const struct row_query query = {"SELECT " COLUMNS " FROM nick ORDER BY nick", CELLS, 0};
    struct row_key k;
    struct walk walk = {row_mailbox(&k, pattern) ? k.s : pattern, fn, arg};
    return row_each(d, &query, matching, &walk, w);
}

unsigned nickrow_last_auto(struct db *d, struct str prefix)
{
    static const struct row_query query = {
        "SELECT max(CAST(substr(nick, length(?1) + 1) AS INTEGER)) FROM nick WHERE"
        " automatic AND nick > ?1 AND nick < ?1 || ':' AND"
        " substr(nick, length(?1) + 1) NOT GLOB '*[^0-9]*'",
        "n", 0};
    struct row_key k;
    struct cell last = {.number = 0};
    struct why w;
    struct arena *a = arena_new(4096);
    if (!nick_key(&k, prefix) || row_find(d, &query, &k.s, 1, false, a, &last, &w) < 0)
        last.number = 0;
    arena_free(&a);
    return (unsigned)last.number;
}
