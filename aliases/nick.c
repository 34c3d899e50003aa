/* aliases/nick.c -- nicknames from the database, and automatic ones made here.
 *
 * A reader sees a row only after its commit, so what was made a moment ago is kept in an overlay
 * until its row shows. The overlay never wins over the database: njegate may have changed or
 * deleted the row since. A change that was to bring a row may have been dropped; then the next one
 * that hands out the nickname brings it. */
#include "aliases/nick.h"

#include <stdlib.h>

#include "aliases/addr.h"
#include "base/mem.h"

#define PREFIX "QSM"
#define NUMBER_MAX 99999u /* five digits: the name stays in eight characters */
#define OVERLAY_MAX 1024u
#define SWEEP_STEP 2u      /* rows looked for in the database by each call */
#define STALE_MS 60000     /* a row not seen for so long, with nothing pending, was dropped */
#define SAME_MS 10000      /* no change is built for so long */
#define FULL_MS 60000      /* all numbers used: do not search again for so long */
#define NAME_MAX_NICK 128u /* octets of a real name kept */
#define MAILBOX_MAX_NICK 320u

struct made {
    struct arena *arena; /* owns the row's strings */
    struct nick_row row;
    const struct change *change; /* that brings it; compared, never used */
    struct mono since;           /* it was given to that change */
};
struct nicks {
    struct store *store;
    struct made made[OVERLAY_MAX];
    unsigned nmade, sweep_at;
    unsigned last; /* number given last */
    bool counted;  /* last was read from the database */
    struct mono full_until;
};

struct nicks *nicks_new(struct store *s)
{
    struct nicks *n = mem_new(sizeof *n);
    n->store = s;
    return n;
}

void nicks_free(struct nicks **n)
{
    if (*n == NULL)
        return;
    for (unsigned i = 0; i < (*n)->nmade; i++)
        arena_free(&(*n)->made[i].arena);
    free(*n);
    *n = NULL;
}

/* --- rows --- */

static struct nick_row row_copy(struct arena *a, const struct nick_row *r)
{
    struct nick_row row = *r;
    row.nick = arena_str(a, r->nick);
    row.mailbox = arena_str(a, r->mailbox);
    row.name = arena_str(a, r->name);
    row.owner = arena_str(a, r->owner);
    row.by = arena_str(a, r->by);
    row.members = arena_str(a, r->members);
    return row;
}

/* Cut between characters. */
static struct str shortened(struct str name)
{
    size_t n = name.n;
    if (n <= NAME_MAX_NICK)
        return name;
    n = NAME_MAX_NICK;
    while (n > 0 && ((uint8_t)name.p[n] & 0xC0) == 0x80)
        n--;
    return str_sub(name, 0, n);
}

/* --- the overlay --- */

static void forget(struct nicks *n, unsigned i)
{
    arena_free(&n->made[i].arena);
    n->made[i] = n->made[--n->nmade];
}

/* Has the row arrived in the database, or is it never to come? */
static bool is_over(struct nicks *n, const struct made *m)
{
    struct arena *a = arena_new(4096);
    struct nick_row row;
    struct why w;
    bool seen = nickrow_get(store_reader(n->store), m->row.nick, a, &row, &w) == 0;
    arena_free(&a);
    return seen || (store_pending(n->store) == 0 && mono_ms(m->since, mono_now()) > STALE_MS);
}

static void sweep(struct nicks *n)
{
    for (unsigned k = 0; k < SWEEP_STEP && n->nmade > 0; k++) {
        unsigned i = n->sweep_at % n->nmade;
        if (is_over(n, &n->made[i]))
            forget(n, i);
        else
            n->sweep_at = i + 1;
    }
}

static const struct nick_row *overlay_nick(const struct nicks *n, struct str nick)
{
    for (unsigned i = 0; i < n->nmade; i++)
        if (str_eq_nocase(n->made[i].row.nick, nick))
            return &n->made[i].row;
    return NULL;
}

static struct made *made_for(struct nicks *n, struct str mailbox)
{
    for (unsigned i = 0; i < n->nmade; i++)
        if (str_eq(n->made[i].row.mailbox, mailbox))
            return &n->made[i];
    return NULL;
}

static const struct nick_row *overlay_mailbox(struct nicks *n, struct str mailbox)
{
    const struct made *m = made_for(n, mailbox);
    return m != NULL ? &m->row : NULL;
}

/* The row goes with this change. Twice the same row would have the second change refused. */
static void give(struct made *m, struct change *c)
{
    change_nick(c, &m->row);
    m->change = c;
    m->since = mono_now();
}

/* Was the change that had the row dropped? Then nothing given waits and yet the row does not show.
 */
static bool is_lost(const struct nicks *n, const struct made *m, const struct change *c)
{
    bool same = m->change == c && mono_ms(m->since, mono_now()) < SAME_MS;
    return store_pending(n->store) == 0 && !same;
}

static struct made *remember(struct nicks *n, const struct nick_row *row)
{
    if (n->nmade ==
        OVERLAY_MAX) /* more than the store lets wait: the oldest place has long arrived */
        forget(n, n->sweep_at++ % OVERLAY_MAX);
    struct made *m = &n->made[n->nmade++];
    m->arena = arena_new(4096);
    m->row = row_copy(m->arena, row);
    return m;
}

/* --- look-ups --- */

int nick_check(struct str nick, struct why *w)
{
    struct str shown = str_sub(nick, 0, 40);
    if (!addr_userid_ok(nick))
        return why_set(w, E_SYNTAX, 0, NULL,
                       "'%.*s' cannot be a nickname: it takes 1 to 8 of A-Z 0-9 $ # @ _ - + :",
                       STR_ARG(shown));
    if (addr_reserved(nick))
        return why_set(w, E_DENIED, 0, NULL, "'%.*s' is reserved and cannot be a nickname",
                       STR_ARG(shown));
    return 0;
}

/* What the database answered, unless it is E_ABSENT and the overlay knows better. */
static int overlaid(int rc, const struct why *said, const struct nick_row *made, struct arena *a,
                    struct nick_row *row, struct why *w)
{
    if (rc == E_ABSENT && made != NULL) {
        *row = row_copy(a, made);
        return 0;
    }
    if (rc < 0)
        *w = *said;
    return rc;
}

int nick_mailbox(struct nicks *n, struct str nick, struct arena *a, struct nick_row *row,
                 struct why *w)
{
    if (!addr_userid_ok(nick))
        return why_set(w, E_ABSENT, 0, NULL, "There is no nickname '%.*s'",
                       STR_ARG(str_sub(nick, 0, 40)));
    struct why said;
    sweep(n);
    int rc = nickrow_get(store_reader(n->store), arena_upper(a, nick), a, row, &said);
    return overlaid(rc, &said, overlay_nick(n, nick), a, row, w);
}

int nick_of(struct nicks *n, struct str mailbox, struct arena *a, struct nick_row *row,
            struct why *w)
{
    struct why said;
    struct str key = addr_fold_domain(a, mailbox);
    sweep(n);
    int rc = nickrow_of_mailbox(store_reader(n->store), key, a, row, &said);
    return overlaid(rc, &said, overlay_mailbox(n, key), a, row, w);
}

/* --- new numbers --- */

/* 1 free, 0 in use, negative when the database cannot tell. */
static int number_free(struct nicks *n, unsigned number, struct arena *a, struct str *nick,
                       struct why *w)
{
    struct nick_row row;
    struct why absent;
    *nick = arena_printf(a, PREFIX "%02u", number);
    int rc = nickrow_get(store_reader(n->store), *nick, a, &row, &absent);
    if (rc == 0 || (rc == E_ABSENT && overlay_nick(n, *nick) != NULL))
        return 0;
    if (rc == E_ABSENT)
        return 1;
    *w = absent;
    return rc;
}

/* The number after the last one given; after 99999 those that were deleted come again. */
static int next_number(struct nicks *n, struct arena *a, struct str *nick, struct why *w)
{
    if (!n->counted)
        n->last = nickrow_last_auto(store_reader(n->store), STR(PREFIX));
    n->counted = true;
    struct mono now = mono_now();
    struct arena *tmp = arena_new(65536);
    int rc = 0;
    for (unsigned tried = 0; rc == 0 && tried < NUMBER_MAX && now.us >= n->full_until.us; tried++) {
        n->last = n->last >= NUMBER_MAX ? 1 : n->last + 1;
        struct str word;
        arena_reset(tmp);
        rc = number_free(n, n->last, tmp, &word, w);
        if (rc == 1)
            *nick = arena_str(a, word);
    }
    arena_free(&tmp);
    if (rc != 0)
        return rc;
    if (now.us >= n->full_until.us)
        n->full_until = mono_in(FULL_MS);
    return why_set(w, E_LIMIT, 452, "4.3.1",
                   "All automatic nicknames up to %s%u are in use: delete some", PREFIX,
                   NUMBER_MAX);
}

static int make(struct nicks *n, struct str key, struct str name, struct change *c, struct arena *a,
                struct nick_row *row, struct why *w)
{
    *row = (struct nick_row){.mailbox = key,
                             .name = arena_str(a, shortened(name)),
                             .owner = STR(""),
                             .automatic = true,
                             .changed = wall_now(),
                             .by = STR("automatic")};
    if (key.n == 0 || key.n > MAILBOX_MAX_NICK || arena_full(a))
        return why_set(w, E_LIMIT, 0, NULL, "A mailbox of %zu characters cannot have a nickname",
                       key.n);
    int rc = next_number(n, a, &row->nick, w);
    if (rc < 0)
        return rc;
    give(remember(n, row), c);
    return 0;
}

int nick_for(struct nicks *n, struct str mailbox, struct str name, struct change *c,
             struct arena *a, struct nick_row *row, struct why *w)
{
    struct why said;
    struct str key = addr_fold_domain(a, mailbox);
    sweep(n);
    int rc = nickrow_of_mailbox(store_reader(n->store), key, a, row, &said);
    if (rc != E_ABSENT)
        return overlaid(rc, &said, NULL, a, row, w);
    struct made *made = made_for(n, key);
    if (made == NULL)
        return make(n, key, name, c, a, row, w);
    if (is_lost(n, made, c))
        give(made, c);
    *row = row_copy(a, &made->row);
    return 0;
}
