/* gateway/admit.c -- what an address means here, and whether its sender may use it. */
#include "gateway/admit.h"

bool admit_is_local_node(const struct gate *g, struct str node)
{
    return str_eq_nocase(node, g->conf->local);
}

bool admit_is_mailer(struct str user)
{
    return str_is(user, "SMTP") || str_is(user, "MAILER") || str_is(user, "BSMTP");
}

static int judge(struct gate *g, enum policy_source source, enum policy_target target,
                 struct str recipient, struct why *w)
{
    struct policy_facts f = {.source = source,
                             .target = target,
                             .gateway = g->conf->gateway,
                             .neighbour_is_local = source == FROM_LOCAL,
                             .recipient = recipient};
    return policy_rcpt(&f, w);
}

static void set_net(struct admitted *out, struct str mailbox)
{
    out->to = DOOR_SMTP;
    out->mailbox = mailbox;
}

static void set_local(struct gate *g, struct admitted *out, const struct conf_user *u)
{
    out->to = DOOR_LOCAL;
    out->user = u->userid;
    out->node = g->conf->local;
    out->forward = u->mailbox;
}

static struct str upper(struct arena *a, struct str s)
{
    char *p = arena_cstr(a, s);
    for (size_t i = 0; i < s.n; i++)
        if (p[i] >= 'a' && p[i] <= 'z')
            p[i] = (char)(p[i] - 'a' + 'A');
    return (struct str){p, s.n};
}

/* postmaster and abuse are always taken: POSTMASTER names who reads them, else the first local
 * user. */
static int admit_postmaster(struct gate *g, struct arena *a, struct admitted *out, struct why *w)
{
    struct str who = g->conf->postmaster;
    ptrdiff_t at = str_find_last(who, '@');
    const struct conf_user *u = at < 0 ? conf_user_of(g->conf, who) : NULL;
    if (u == NULL && who.n == 0 && g->conf->nuser > 0)
        u = &g->conf->user[0];
    if (u != NULL) {
        set_local(g, out, u);
        return 0;
    }
    if (at > 0) {
        struct str user = str_sub(who, 0, (size_t)at), host = str_sub(who, (size_t)at + 1, who.n);
        return admit_user(g, FROM_LOCAL, user, host, a, out, w);
    }
    return why_set(w, E_TEMP, 451, "4.3.5",
                   "Nobody reads mail for postmaster here yet: POSTMASTER is not configured");
}

/* One of our own bare names: a local user, postmaster, or a nickname (which is an Internet
 * mailbox). */
static int admit_bare(struct gate *g, enum policy_source source, struct str user, struct arena *a,
                      struct admitted *out, struct why *w)
{
    if (str_is(user, "postmaster") || str_is(user, "abuse"))
        return admit_postmaster(g, a, out, w);
    const struct conf_user *u = conf_user_of(g->conf, user);
    if (u != NULL) {
        int v = judge(g, source, TO_LOCAL_USER, out->original, w);
        if (v == 0)
            set_local(g, out, u);
        return v;
    }
    struct nick_row row;
    struct why absent;
    int found = nick_mailbox(g->nicks, upper(a, user), a, &row, &absent);
    if (found < 0 && absent.err != E_ABSENT) {
        *w = absent;
        return found;
    }
    int v = judge(g, source, found == 0 ? TO_NICKNAME : TO_UNKNOWN_USER, out->original, w);
    if (v == 0)
        set_net(out, row.mailbox);
    return v;
}

int admit_user(struct gate *g, enum policy_source source, struct str user, struct str node,
               struct arena *a, struct admitted *out, struct why *w)
{
    if (out->original.n == 0)
        out->original = arena_printf(a, "%.*s@%.*s", STR_ARG(user), STR_ARG(node));
    if (str_find(node, '.') >= 0)
        return admit_mailbox(g, source, user, node, a, out, w);
    if (admit_is_local_node(g, node) || str_eq_nocase(node, g->conf->dim_node))
        return admit_bare(g, source, user, a, out, w);
    struct nje_name name;
    if (!addr_userid_ok(user) || !ebc_name(&name, node))
        return why_set(w, E_ABSENT, 550, "5.1.1",
                       "%.*s at %.*s: a user and node have 1 to 8 characters", STR_ARG(user),
                       STR_ARG(node));
    bool known = routes_link(g->routes, &name) != NULL;
    int v = judge(g, source, known ? TO_NJE_USER : TO_UNKNOWN_NODE, out->original, w);
    if (v == 0) {
        out->to = DOOR_NJE;
        out->user = upper(a, user);
        out->node = upper(a, node);
    }
    return v;
}

int admit_mailbox(struct gate *g, enum policy_source source, struct str local, struct str domain,
                  struct arena *a, struct admitted *out, struct why *w)
{
    *out = (struct admitted){
        .original = domain.n > 0 ? arena_printf(a, "%.*s@%.*s", STR_ARG(local), STR_ARG(domain))
                                 : arena_str(a, local)};
    if (domain.n == 0 && source == FROM_INTERNET && !str_is(local, "postmaster"))
        return why_set(w, E_SYNTAX, 550, "5.1.3", "%.*s: a domain is needed after the user",
                       STR_ARG(local));
    if (domain.n == 0)
        return admit_bare(g, source, local, a, out, w);
    /* From NJE a "domain" may be a node's bare name. */
    if (source != FROM_INTERNET && str_find(domain, '.') < 0 && !addr_is_ours(&g->names, domain) &&
        addr_userid_ok(domain))
        return admit_user(g, source, local, domain, a, out, w);
    struct addr addr = addr_read(a, &g->names, local, domain, w);
    switch (addr.kind) {
    case ADDR_BARE:
        return admit_bare(g, source, addr.user, a, out, w);
    case ADDR_NJE:
        return admit_user(g, source, addr.user, addr.node, a, out, w);
    case ADDR_NET: {
        int v = judge(g, source, TO_INTERNET, out->original, w);
        if (v == 0)
            set_net(out, addr.mailbox);
        return v;
    }
    case ADDR_BAD:
        break;
    }
    return w->err;
}

struct str admit_internet(struct gate *g, struct arena *a, struct str user, struct str node)
{
    if (admit_is_local_node(g, node)) {
        const struct conf_user *u = conf_user_of(g->conf, user);
        if (u != NULL && u->mailbox.n > 0)
            return u->mailbox;
    }
    return addr_internet(a, &g->names, user, node);
}

void admit_nje_view(struct gate *g, struct arena *a, struct str local, struct str domain,
                    struct str *user, struct str *node, bool *nick)
{
    struct why w;
    struct addr addr = addr_read(a, &g->names, local, domain, &w);
    *nick = false;
    *user = local;
    *node = domain;
    if (addr.kind == ADDR_NJE) {
        *user = addr.user;
        *node = addr.node;
    } else if (addr.kind == ADDR_BARE) {
        *user = conf_user_of(g->conf, addr.user) != NULL ? upper(a, addr.user) : addr.user;
        *node = conf_user_of(g->conf, addr.user) != NULL ? g->conf->local : domain;
    } else if (addr.kind == ADDR_NET) {
        struct nick_row row;
        if (nick_of(g->nicks, addr.mailbox, a, &row, &w) == 0) {
            *user = row.nick;
            *node = g->conf->dim_node;
            *nick = true;
        }
    }
}
