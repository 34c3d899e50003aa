/* aliases/snads_auto.c -- automatic registration: QSMnn at QSMRMTAD for unknown correspondents.
 *
 * A reader sees a row only after its commit, so what was made is kept until its row shows. Whoever
 * needs it before that puts it into his change again: the same row twice is one row, and so a
 * change that was dropped loses nothing. */
#include <stdlib.h>

#include "aliases/addr.h"
#include "aliases/snads.h"
#include "base/mem.h"

#define NUMBER_MAX 99999u
#define MADE_MAX 256u
#define MAILBOX_MAX 320u
#define FULL_MS 60000 /* all numbers used: do not search again for so long */

struct made {
    struct arena *arena; /* owns the row's strings */
    struct alias_row row;
};
struct snads {
    struct store *store;
    struct made made[MADE_MAX];
    unsigned nmade, last;
    bool counted; /* last was read from the database */
    struct mono full_until;
};

struct snads *snads_new(struct store *s)
{
    struct snads *n = mem_new(sizeof *n);
    n->store = s;
    return n;
}

void snads_free(struct snads **n)
{
    if (*n == NULL)
        return;
    for (unsigned i = 0; i < (*n)->nmade; i++)
        arena_free(&(*n)->made[i].arena);
    free(*n);
    *n = NULL;
}

static struct alias_row row_copy(struct arena *a, const struct alias_row *r)
{
    return (struct alias_row){.owner = STR(""),
                              .userid = arena_str(a, r->userid),
                              .address = arena_str(a, r->address),
                              .mailbox = arena_str(a, r->mailbox),
                              .automatic = r->automatic,
                              .changed = r->changed,
                              .by = arena_str(a, r->by)};
}

static const struct alias_row *made_for(const struct snads *n, struct str mailbox)
{
    for (unsigned i = 0; i < n->nmade; i++)
        if (str_eq(n->made[i].row.mailbox, mailbox))
            return &n->made[i].row;
    return NULL;
}

static bool made_name(const struct snads *n, struct str userid, struct str address)
{
    for (unsigned i = 0; n != NULL && i < n->nmade; i++)
        if (str_eq(n->made[i].row.userid, userid) && str_eq(n->made[i].row.address, address))
            return true;
    return false;
}

static void forget(struct snads *n, unsigned i)
{
    arena_free(&n->made[i].arena);
    n->made[i] = n->made[--n->nmade];
}

/* Make room: what the database shows by now, or else the oldest. */
static void sweep(struct snads *n)
{
    struct arena *a = arena_new(65536);
    for (unsigned i = n->nmade; i-- > 0;) {
        struct alias_row row;
        struct why w;
        arena_reset(a);
        if (aliasrow_get(store_reader(n->store), &n->made[i].row, a, &row, &w) == 0)
            forget(n, i);
    }
    arena_free(&a);
    if (n->nmade == MADE_MAX)
        forget(n, 0);
}

static void remember(struct snads *n, const struct alias_row *row)
{
    if (n->nmade == MADE_MAX)
        sweep(n);
    struct made *m = &n->made[n->nmade++];
    m->arena = arena_new(4096);
    m->row = row_copy(m->arena, row);
}

/* The number after the last one given; after 99999 those that were deleted come again. n NULL: only
 * the database counts. */
static int next_userid(const struct snads *n, struct db *d, const struct snads_set *set,
                       unsigned *last, struct arena *a, struct str *userid, struct why *w)
{
    struct arena *tmp = arena_new(65536);
    int rc = OK;
    for (unsigned tried = 0; rc == OK && tried < NUMBER_MAX; tried++) {
        struct alias_row row;
        *last = *last >= NUMBER_MAX ? 1 : *last + 1;
        arena_reset(tmp);
        struct alias_row key = {.userid =
                                    arena_printf(tmp, "%.*s%02u", STR_ARG(set->prefix), *last),
                                .address = set->address};
        struct why why;
        rc = aliasrow_get(d, &key, tmp, &row, &why);
        if (rc == E_ABSENT && made_name(n, key.userid, key.address)) {
            rc = OK;
        } else if (rc == E_ABSENT) {
            *userid = arena_str(a, key.userid);
        } else if (rc < 0) {
            *w = why;
        }
    }
    arena_free(&tmp);
    if (rc == OK)
        return why_set(
            w, E_LIMIT, 452, "4.3.1",
            "All automatic user IDs up to %.*s%u at %.*s are in use: delete some aliases",
            STR_ARG(set->prefix), NUMBER_MAX, STR_ARG(set->address));
    return rc == E_ABSENT ? OK : rc;
}

/* OK when the database has it, E_ABSENT, or an error. */
static int known(struct db *d, struct str key, struct arena *a, struct alias_row *row,
                 struct why *w)
{
    if (key.n == 0 || key.n > MAILBOX_MAX)
        return why_set(w, E_LIMIT, 0, NULL, "A mailbox of %zu characters cannot have an alias",
                       key.n);
    return aliasrow_of_mailbox(d, STR(""), key, false, a, row, w);
}

static struct alias_row new_row(const struct snads_set *set, struct str mailbox, struct str by)
{
    return (struct alias_row){.owner = STR(""),
                              .address = set->address,
                              .mailbox = mailbox,
                              .automatic = true,
                              .changed = wall_now(),
                              .by = by};
}

static int make(struct snads *n, const struct snads_set *set, struct str key, struct arena *a,
                struct alias_row *row, struct why *w)
{
    struct db *d = store_reader(n->store);
    struct mono now = mono_now();
    if (!n->counted)
        n->last = aliasrow_last_auto(d, set->prefix, set->address);
    n->counted = true;
    if (now.us < n->full_until.us)
        return why_set(w, E_LIMIT, 452, "4.3.1", "All automatic user IDs are in use");
    *row = new_row(set, key, STR("automatic"));
    int rc = next_userid(n, d, set, &n->last, a, &row->userid, w);
    if (rc == E_LIMIT)
        n->full_until = mono_in(FULL_MS);
    if (rc == OK)
        remember(n, row);
    return rc;
}

int snads_register(struct snads *n, const struct snads_set *set, struct str mailbox,
                   struct change *c, struct arena *a, struct alias_row *row, struct why *w)
{
    struct why said;
    struct str key = addr_fold_domain(a, mailbox);
    int rc = known(store_reader(n->store), key, a, row, &said);
    if (rc != E_ABSENT || set->address.n == 0 || !set->autoadd) {
        if (rc < 0)
            *w = said;
        return rc;
    }
    const struct alias_row *made = made_for(n, key);
    if (made != NULL)
        *row = row_copy(a, made);
    else if ((rc = make(n, set, key, a, row, w)) < 0)
        return rc;
    change_alias(c, row);
    return OK;
}

int snads_register_now(struct db *d, const struct snads_set *set, struct str mailbox, struct str by,
                       struct arena *a, struct alias_row *row, struct why *w)
{
    struct str key = addr_fold_domain(a, mailbox);
    int rc = db_begin(d, w);
    if (rc < 0)
        return rc;
    rc = known(d, key, a, row, w);
    if (rc == E_ABSENT) {
        unsigned last = aliasrow_last_auto(d, set->prefix, set->address);
        *row = new_row(set, key, by);
        rc = next_userid(NULL, d, set, &last, a, &row->userid, w);
        if (rc == OK)
            rc = aliasrow_insert(d, row, w);
    }
    if (rc == OK)
        rc = db_commit(d, w);
    if (rc < 0)
        db_rollback(d);
    return rc;
}
