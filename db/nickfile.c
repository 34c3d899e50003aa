/* db/nickfile.c -- nickname rows with the tags of a NAMES file. */
#include "db/nickfile.h"

#include "db/row.h"

static bool same_mailbox(struct str a, struct str b)
{
    struct row_key x, y;
    return a.n == 0 || b.n == 0 ? a.n == b.n
                                : row_mailbox(&x, a) && row_mailbox(&y, b) && str_eq(x.s, y.s);
}

static int may_put(struct db *d, const struct nick_row *row, bool replace, struct why *w)
{
    struct nick_row there;
    struct why said;
    struct arena *a = arena_new(65536);
    int rc = nickrow_get(d, row->nick, a, &there, &said);
    if (rc == OK && !replace &&
        (!same_mailbox(there.mailbox, row->mailbox) || !str_eq(there.members, row->members)))
        rc = why_set(w, E_DENIED, 0, NULL,
                     "the nickname %.*s exists already: it is %.*s (--replace)", STR_ARG(row->nick),
                     STR_ARG(there.mailbox.n > 0 ? there.mailbox : there.members));
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
    struct row_key box;
    struct str mailbox = row_mailbox(&box, row->mailbox) ? box.s : row->mailbox;
    const struct cell cell[] = {cell_text(row->nick),        cell_text(mailbox),
                                cell_text(row->name),        cell_text(row->owner),
                                cell_number(row->preferred), cell_time(row->changed),
                                cell_text(row->by),          cell_text(tags),
                                cell_text(row->members)};
    return row_run(
        d,
        "INSERT INTO nick (nick, mailbox, name, owner, automatic, preferred, changed, by, tags,"
        " members) VALUES (?,?,?,?,0,?,?,?,?,?) ON CONFLICT (nick) DO UPDATE SET"
        " mailbox = excluded.mailbox, name = excluded.name, owner = excluded.owner, automatic = 0,"
        " changed = excluded.changed, by = excluded.by, tags = excluded.tags,"
        " members = excluded.members",
        "ttttnnttt", cell, NULL, w);
}

struct walk {
    int (*fn)(void *arg, const struct nick_row *r, struct str tags);
    void *arg;
};

static int one(void *arg, const struct cell *c)
{
    const struct walk *walk = arg;
    const struct nick_row r = {.nick = c[0].text,
                               .mailbox = c[1].text,
                               .name = c[2].text,
                               .owner = c[3].text,
                               .automatic = c[4].number != 0,
                               .members = c[6].text};
    return walk->fn(walk->arg, &r, c[5].text);
}

int nickfile_each(struct db *d, int (*fn)(void *arg, const struct nick_row *r, struct str tags),
                  void *arg, struct why *w)
{
    static const struct row_query query = {
        "SELECT nick, mailbox, name, owner, automatic, tags, members FROM nick ORDER BY nick",
        "ttttntt", 0};
    struct walk walk = {fn, arg};
    return row_each(d, &query, one, &walk, w);
}
