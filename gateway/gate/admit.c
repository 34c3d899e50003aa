/* gateway/gate/admit.c -- what an address means here, and whether its sender may use it. */
#include "gateway/gate/admit.h"

#include <stdarg.h>

#include "aliases/nicklist.h"
#include "base/idn.h"
#include "base/text.h"
#include "db/accessrow.h"
#include "gateway/gate/snadsgate.h"
#include "security/sectab.h"

bool admit_is_local_node(const struct gate *g, struct str node)
{
    return str_eq_nocase(node, g->conf->local);
}

bool admit_is_mailer(struct str user)
{
    return str_is(user, "SMTP") || str_is(user, "MAILER") || str_is(user, "BSMTP");
}

/* One address being looked up. */
struct question {
    struct gate *g;
    struct asker by;
    bool mail; /* of mail from outside ourselves: SECURE and RESTRICT ask who receives it */
    struct arena *arena;
    struct admitted *out;
    struct buf *steps; /* NULL: nobody wants to know */
    unsigned depth;    /* tables that led from one to another so far */
    bool in_list;
};
#define DEPTH_MOST 8u

static void step(struct question *q, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void step(struct question *q, const char *fmt, ...)
{
    va_list ap;
    if (q->steps == NULL)
        return;
    va_start(ap, fmt);
    buf_vprintf(q->steps, fmt, ap);
    va_end(ap);
    buf_u8(q->steps, '\n');
}

static int judge(struct question *q, enum policy_target target, struct why *w)
{
    struct policy_facts f = {.source = q->by.source,
                             .target = target,
                             .gateway = q->g->conf->gateway,
                             .neighbour_is_local = q->by.source == FROM_LOCAL,
                             .recipient = q->out->original};
    return policy_rcpt(&f, w);
}

static void set_net(struct question *q, struct str mailbox)
{
    q->out->to = DOOR_SMTP;
    q->out->mailbox = mailbox;
}

static void set_local(struct question *q, const struct conf_user *u)
{
    q->out->to = DOOR_LOCAL;
    q->out->user = u->userid;
    q->out->node = q->g->conf->local;
    q->out->forward = u->mailbox;
}

/* --- the tables of who may --- */

int admit_restricted(struct gate *g, struct str user, struct str node, struct arena *a,
                     struct restrict_row *row, struct why *w)
{
    const struct restrict_row *best = NULL;
    int most = 0;
    for (size_t i = 0; i < g->conf->nrestricted; i++) {
        const struct restrict_row *r = &g->conf->restricted[i];
        int fit = restrictrow_fits(r->user, r->node, user, node);
        if (fit > most)
            most = fit, best = r;
    }
    struct restrict_row found;
    int rc = restrictrow_find(store_reader(g->store), user, node, a, &found, w);
    if (rc < 0)
        return rc;
    if (rc > 0 && restrictrow_fits(found.user, found.node, user, node) > most)
        best = &found;
    if (best != NULL)
        *row = *best;
    return best != NULL;
}

/* Registered, and not restricted? name is what the refusal calls him. */
static int check_user(struct gate *g, struct str user, struct str node, bool restricts,
                      struct arena *a, struct why *w)
{
    struct restrict_row row;
    struct policy_user who = {.secure = g->conf->secure, .user = arena_join(a, user, '@', node)};
    int rc = restricts ? admit_restricted(g, user, node, a, &row, w) : 0;
    who.restricted = rc > 0;
    if (rc >= 0 && who.secure) {
        rc = secrow_registered(store_reader(g->store), user, node, w);
        who.registered = rc > 0;
    }
    return rc < 0 ? rc : policy_user(&who, w);
}

int admit_sender(struct gate *g, struct str user, struct str node, struct why *w)
{
    struct arena *a = arena_new(4096);
    int rc = check_user(g, user, node, false, a, w);
    arena_free(&a);
    return rc;
}

int admit_access(struct gate *g, struct str user, struct str node, struct why *w)
{
    int rc = accessrow_allowed(store_reader(g->store), user, node, w);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    return why_set(w, E_DENIED, 550, "5.7.1", "%.*s at %.*s may not use the nickname service",
                   STR_ARG(user), STR_ARG(node));
}

static int check_receiver(struct question *q, struct str user, struct str node, struct why *w)
{
    if (!q->mail)
        return 0;
    int rc = check_user(q->g, user, node, true, q->arena, w);
    if (q->g->conf->secure || rc < 0)
        step(q, "may %.*s at %.*s receive mail (SECURE, RESTRICT): %s", STR_ARG(user),
             STR_ARG(node), rc < 0 ? "no" : "yes");
    return rc;
}

void admit_copy(struct arena *a, struct admitted *to, const struct admitted *from)
{
    *to = *from;
    to->user = arena_str(a, from->user);
    to->node = arena_str(a, from->node);
    to->mailbox = arena_str(a, from->mailbox);
    to->forward = arena_str(a, from->forward);
    to->original = arena_str(a, from->original);
    to->orcpt = arena_str(a, from->orcpt);
    to->more = NULL; /* those of a list stand beside it */
    to->nmore = 0;
}

/* --- lists written out --- */

unsigned admit_without_success(unsigned notify)
{
    unsigned left = notify & ~NOTIFY_SUCCESS;
    return notify != 0 && left == 0 ? NOTIFY_NEVER : left;
}

static bool same(const struct admitted *a, const struct admitted *b)
{
    if (a->to != b->to)
        return false;
    return a->to == DOOR_SMTP ? str_eq(a->mailbox, b->mailbox)
                              : str_eq(a->user, b->user) && str_eq(a->node, b->node);
}

static bool stands_there(const struct admitted *rcpt, size_t n, const struct admitted *member)
{
    for (size_t i = 0; i < n; i++)
        if (!rcpt[i].list && same(&rcpt[i], member))
            return true;
    return false;
}

size_t admit_write_out(struct arena *a, const struct admitted *rcpt, size_t n,
                       const struct admitted **out)
{
    size_t all = n, k = 0;
    for (size_t i = 0; i < n; i++)
        all += rcpt[i].nmore;
    *out = rcpt;
    if (all == n) /* there is no list */
        return n;
    struct admitted *flat = arena_alloc(a, (all + 1) * sizeof *flat);
    *out = flat;
    for (size_t i = 0; i < n && flat != NULL; i++) {
        if (!rcpt[i].list) {
            flat[k++] = rcpt[i];
            continue;
        }
        for (size_t m = 0; m < rcpt[i].nmore; m++) {
            if (stands_there(rcpt, n, &rcpt[i].more[m]))
                continue;
            flat[k] = rcpt[i].more[m];
            flat[k].notify = admit_without_success(rcpt[i].notify);
            flat[k++].orcpt = rcpt[i].orcpt;
        }
    }
    return k;
}

/* --- the tables of who is meant --- */

static int find_user(struct question *q, struct str user, struct str node, struct why *w);

/* postmaster and abuse are always taken: POSTMASTER names who reads them, else the first local
 * user. */
static int find_postmaster(struct question *q, struct why *w)
{
    const struct conf *c = q->g->conf;
    struct str who = c->postmaster;
    ptrdiff_t at = str_find_last(who, '@');
    const struct conf_user *u = at < 0 ? conf_user_of(c, who) : NULL;
    if (u == NULL && who.n == 0 && c->nuser > 0)
        u = &c->user[0];
    step(q, "postmaster and abuse: read by %.*s (POSTMASTER, else the first LOCALUSER)",
         STR_ARG(u != NULL ? u->userid : who));
    if (u != NULL) {
        set_local(q, u);
        return 0;
    }
    if (at > 0) {
        struct question inner = *q;
        inner.by.source = FROM_LOCAL;
        inner.mail = false; /* he is reached also by those who are not registered */
        return find_user(&inner, str_sub(who, 0, (size_t)at), str_sub(who, (size_t)at + 1, who.n),
                         w);
    }
    return why_set(w, E_TEMP, 451, "4.3.5",
                   "Nobody reads mail for postmaster here yet: POSTMASTER is not configured");
}

/* A name of the security table. 1 found, 0 it is none, or the refusal. */
static int find_secure(struct question *q, struct str name, struct why *w)
{
    struct sec_row row;
    struct why said;
    const struct conf *c = q->g->conf;
    int rc =
        sectab_inbound(store_reader(q->g->store), name, c->secure_strict, q->arena, &row, &said);
    if (rc == E_ABSENT) {
        step(q, "security table: no nickname %.*s", STR_ARG(name));
        return 0;
    }
    if (rc == E_DENIED) {
        step(q, "security table: %s%s", said.text, c->secure_strict ? " (STRICT)" : "");
        struct policy_user who = {.secure = true, .user = name};
        return policy_user(&who, w);
    }
    if (rc < 0) {
        *w = said;
        return rc;
    }
    step(q, "security table: the nickname %.*s is %.*s at %.*s (%s)", STR_ARG(name),
         STR_ARG(row.user), STR_ARG(row.node),
         row.primary_nick ? "primary_nick=Y" : "its only row");
    rc = find_user(q, row.user, row.node, w);
    return rc < 0 ? rc : 1;
}

static int find_local(struct question *q, const struct conf_user *u, struct why *w)
{
    step(q, "local users: %.*s", STR_ARG(u->userid));
    int v = check_receiver(q, u->userid, q->g->conf->local, w);
    if (v == 0)
        v = judge(q, TO_LOCAL_USER, w);
    if (v == 0)
        set_local(q, u);
    return v;
}

static int find_address(struct question *q, struct str address, struct why *w);

/* A nickname that stands for several: each of them a question of its own. One that has no answer
 * refuses the whole, and says which. */
static int find_list(struct question *q, const struct nick_row *row, struct why *w)
{
    struct str *address = arena_alloc(q->arena, NICKLIST_MOST * sizeof *address);
    if (q->in_list || address == NULL)
        return why_set(w, E_DENIED, 550, "5.4.6",
                       "%.*s is a list: in another list its nickname stands alone",
                       STR_ARG(row->nick));
    int n = nicklist_expand(q->g->nicks, row, q->arena, address, NICKLIST_MOST, w);
    if (n <= 0)
        return n < 0 ? n
                     : why_set(w, E_ABSENT, 550, "5.1.1", "the list %.*s is empty",
                               STR_ARG(row->nick));
    struct admitted *all = arena_alloc(q->arena, (size_t)n * sizeof *all);
    for (int i = 0; all != NULL && i < n; i++) {
        struct question inner = *q;
        inner.in_list = true;
        inner.out = &all[i];
        all[i] = (struct admitted){.original = address[i]};
        int rc = find_address(&inner, address[i], w);
        if (rc < 0)
            return rc;
    }
    if (arena_full(q->arena))
        return why_set(w, E_LIMIT, 452, "4.5.3", "The list %.*s is too large", STR_ARG(row->nick));
    struct str original = q->out->original;
    *q->out = all[0];
    q->out->original = original;
    q->out->list = q->out->nick = true;
    q->out->more = all;
    q->out->nmore = (size_t)n;
    return 0;
}

static int find_nick(struct question *q, struct str user, struct why *w)
{
    struct nick_row row;
    struct why absent;
    int found = nick_mailbox(q->g->nicks, arena_upper(q->arena, user), q->arena, &row, &absent);
    if (found < 0 && absent.err != E_ABSENT) {
        *w = absent;
        return found;
    }
    if (found == 0)
        step(q, "nicknames: %.*s is %s%.*s", STR_ARG(row.nick), row.members.n > 0 ? "a list: " : "",
             STR_ARG(row.members.n > 0 ? row.members : row.mailbox));
    else
        step(q, "nicknames: no %.*s", STR_ARG(user));
    int v = judge(q, found == 0 ? TO_NICKNAME : TO_UNKNOWN_USER, w);
    if (v == 0 && row.members.n > 0)
        return find_list(q, &row, w);
    if (v == 0)
        set_net(q, row.mailbox);
    q->out->nick = v == 0;
    return v;
}

/* One of our own names: a local user, a nickname (which is an Internet mailbox). */
static int find_own(struct question *q, struct str user, struct why *w)
{
    const struct conf_user *u = conf_user_of(q->g->conf, user);
    if (u != NULL)
        return find_local(q, u, w);
    step(q, "local users: no %.*s", STR_ARG(user));
    return find_nick(q, user, w);
}

/* name@gateway: postmaster, a name of the security table (SECURE), one of our own names. */
static int find_bare(struct question *q, struct str name, struct why *w)
{
    if (str_is(name, "postmaster") || str_is(name, "abuse"))
        return find_postmaster(q, w);
    int v = q->g->conf->secure ? find_secure(q, name, w) : 0;
    if (v != 0)
        return v < 0 ? v : 0;
    v = find_own(q, name, w);
    if (v == E_ABSENT && q->g->conf->secure) {
        struct policy_user who = {.secure = true, .user = name};
        return policy_user(&who, w);
    }
    return v;
}

static int find_mailbox(struct question *q, struct str local, struct str domain, struct why *w);

/* The SNADS alias tables, for a recipient from NJE. 1 found, 0 not theirs, or the refusal. */
static int find_alias(struct question *q, struct str user, struct str node, struct why *w)
{
    struct str mailbox;
    struct snads_world s = snadsgate_world(q->g);
    int rc = snads_outbound(&s, q->by.user, user, node, q->arena, &mailbox, w);
    if (rc > 0)
        step(q, "aliases: %.*s %.*s is %.*s", STR_ARG(user), STR_ARG(node), STR_ARG(mailbox));
    else if (rc < 0)
        step(q, "aliases: %s", w->text);
    if (rc <= 0)
        return rc;
    int v = judge(q, TO_NICKNAME, w);
    if (v == 0)
        set_net(q, mailbox);
    return v < 0 ? v : 1;
}

static int find_user(struct question *q, struct str user, struct str node, struct why *w)
{
    struct gate *g = q->g;
    if (q->out->original.n == 0)
        q->out->original = arena_join(q->arena, user, '@', node);
    if (++q->depth > DEPTH_MOST)
        return why_set(w, E_DENIED, 550, "5.4.6", "%.*s at %.*s: the tables lead in a circle",
                       STR_ARG(user), STR_ARG(node));
    if (str_find(node, '.') >= 0)
        return find_mailbox(q, user, node, w);
    int alias = find_alias(q, user, node, w);
    if (alias != 0)
        return alias < 0 ? alias : 0;
    if (admit_is_local_node(g, node) || str_eq_nocase(node, g->conf->dim_node))
        return find_own(q, user, w);
    struct nje_name name;
    if (!addr_userid_ok(user) || !ebc_name(&name, node))
        return why_set(w, E_ABSENT, 550, "5.1.1",
                       "%.*s at %.*s: a user and node have 1 to 8 characters", STR_ARG(user),
                       STR_ARG(node));
    user = arena_upper(q->arena, user);
    node = arena_upper(q->arena, node);
    const char *link = routes_link(g->routes, &name);
    /* Who is not registered learns nothing of the nodes there are. */
    int v = check_receiver(q, user, node, w);
    if (v < 0)
        return v;
    step(q, "routes: node %.*s %s%s", STR_ARG(node), link != NULL ? "by link " : "has none",
         link != NULL ? link : "");
    v = judge(q, link != NULL ? TO_NJE_USER : TO_UNKNOWN_NODE, w);
    if (v == 0) {
        q->out->to = DOOR_NJE;
        q->out->user = user;
        q->out->node = node;
    }
    return v;
}

/* A mailbox of ours that is a SNADS user by his alias or by the delimiter. 1 found, 0 not, or the
 * refusal. */
static int find_snads(struct question *q, struct str local, struct str domain, struct why *w)
{
    struct str user, address;
    struct snads_world s = snadsgate_world(q->g);
    if (str_is(local, "postmaster") || str_is(local, "abuse"))
        return 0;
    int rc = snads_inbound(&s, local, domain, q->arena, &user, &address, w);
    if (rc <= 0)
        return rc;
    step(q, "SNADS: %.*s is user ID %.*s, address %.*s", STR_ARG(local), STR_ARG(user),
         STR_ARG(address));
    rc = find_user(q, user, address, w);
    return rc < 0 ? rc : 1;
}

static int find_mailbox(struct question *q, struct str local, struct str domain, struct why *w)
{
    const struct addr_names *names = &q->g->names;
    if (domain.n == 0 && q->by.source == FROM_INTERNET && !str_is(local, "postmaster"))
        return why_set(w, E_SYNTAX, 550, "5.1.3", "%.*s: a domain is needed after the user",
                       STR_ARG(local));
    if (domain.n == 0)
        return find_bare(q, local, w);
    /* From NJE a "domain" may be a node's bare name. */
    if (q->by.source != FROM_INTERNET && str_find(domain, '.') < 0 &&
        !addr_is_ours(names, domain) && addr_userid_ok(domain))
        return find_user(q, local, domain, w);
    int alias = find_snads(q, local, domain, w);
    if (alias != 0)
        return alias < 0 ? alias : 0;
    struct addr addr = addr_read(q->arena, names, local, domain, w);
    switch (addr.kind) {
    case ADDR_BARE:
        step(q, "address: %.*s is one of our own names", STR_ARG(addr.user));
        return find_bare(q, addr.user, w);
    case ADDR_NJE:
        step(q, "address: user %.*s at node %.*s", STR_ARG(addr.user), STR_ARG(addr.node));
        return find_user(q, addr.user, addr.node, w);
    case ADDR_NET: {
        step(q, "address: Internet mailbox %.*s", STR_ARG(addr.mailbox));
        int v = judge(q, TO_INTERNET, w);
        if (v == 0)
            set_net(q, addr.mailbox);
        return v;
    }
    case ADDR_BAD:
        break;
    }
    return w->err;
}

static int find_address(struct question *q, struct str address, struct why *w)
{
    ptrdiff_t at = str_find_last(address, '@');
    return find_user(q, str_sub(address, 0, (size_t)at),
                     str_sub(address, (size_t)at + 1, address.n), w);
}

int admit_user(struct gate *g, struct asker by, struct str user, struct str node, struct arena *a,
               struct admitted *out, struct why *w)
{
    struct question q = {.g = g, .by = by, .arena = a, .out = out};
    return find_user(&q, user, node, w);
}

int admit_explain(struct gate *g, struct asker by, struct str local, struct str domain,
                  struct arena *a, struct admitted *out, struct buf *steps, struct why *w)
{
    struct question q = {
        .g = g, .by = by, .mail = by.source != FROM_LOCAL, .arena = a, .out = out, .steps = steps};
    *out = (struct admitted){.original = domain.n > 0 ? arena_join(a, local, '@', domain)
                                                      : arena_str(a, local)};
    char ascii[IDN_MAX];
    if (!text_is_ascii(domain) && idn_ascii(domain, ascii)) { /* our names are in A-labels */
        struct str own = str_of(ascii);
        if (addr_is_ours(&g->names, own))
            domain = arena_str(a, own);
    }
    return find_mailbox(&q, local, domain, w);
}

int admit_mailbox(struct gate *g, struct asker by, struct str local, struct str domain,
                  struct arena *a, struct admitted *out, struct why *w)
{
    return admit_explain(g, by, local, domain, a, out, NULL, w);
}

/* --- the way back --- */

struct str admit_internet(struct gate *g, struct arena *a, struct str user, struct str node)
{
    struct sec_row row;
    struct why w;
    if (g->conf->secure && sectab_outbound(store_reader(g->store), user, node, a, &row, &w) == 0)
        return arena_printf(a, "%.*s@%.*s", STR_ARG(row.nick), STR_ARG(g->names.hostname));
    if (admit_is_local_node(g, node)) {
        const struct conf_user *u = conf_user_of(g->conf, user);
        if (u != NULL && u->mailbox.n > 0)
            return u->mailbox;
    }
    struct snads_world s = snadsgate_world(g);
    struct str form = snads_sender(&s, a, user, node);
    if (form.n > 0)
        return form;
    return addr_internet(a, &g->names, user, node);
}

bool admit_owner(struct gate *g, struct arena *a, struct str local, struct str domain,
                 struct str *user, struct str *node)
{
    struct why w;
    struct sec_row row;
    struct addr addr = addr_read(a, &g->names, local, domain, &w);
    bool bare = addr.kind == ADDR_BARE;
    struct snads_world s = snadsgate_world(g);
    if (snads_inbound(&s, local, domain, a, user, node, &w) > 0)
        return true;
    if (bare && g->conf->secure &&
        sectab_inbound(store_reader(g->store), addr.user, g->conf->secure_strict, a, &row, &w) ==
            0) {
        *user = row.user;
        *node = row.node;
    } else if (bare && conf_user_of(g->conf, addr.user) != NULL) {
        *user = arena_upper(a, addr.user);
        *node = g->conf->local;
    } else if (addr.kind == ADDR_NJE) {
        *user = addr.user;
        *node = addr.node;
    } else {
        return false;
    }
    return true;
}

void admit_nje_view(struct gate *g, struct arena *a, struct str local, struct str domain,
                    struct str *user, struct str *node, bool *nick)
{
    struct why w;
    struct nick_row row;
    *nick = false;
    if (admit_owner(g, a, local, domain, user, node))
        return;
    struct addr addr = addr_read(a, &g->names, local, domain, &w);
    *user = addr.kind == ADDR_BARE ? addr.user : local;
    *node = domain;
    struct alias_row alias;
    if (addr.kind == ADDR_NET && aliasrow_of_mailbox(store_reader(g->store), STR(""), addr.mailbox,
                                                     false, a, &alias, &w) == 0) {
        *user = alias.userid;
        *node = alias.address;
        *nick = true;
    } else if (addr.kind == ADDR_NET && nick_of(g->nicks, addr.mailbox, a, &row, &w) == 0) {
        *user = row.nick;
        *node = g->conf->dim_node;
        *nick = true;
    }
}
