/* aliases/snads.c -- the look-ups of the SNADS scheme, in the order of the OS/400 SMTP gateway. */
#include "aliases/snads.h"

#include <string.h>

#define MAILBOX_MAX 254u /* RFC 5321 4.5.3.1.3 without the <> */
#define ROUTE_HOSTS_MAX 8u

static bool is_host(const struct addr_names *names, struct str domain)
{
    bool ours = str_eq_nocase(domain, names->hostname);
    for (size_t i = 0; i < names->nalt; i++)
        ours = ours || str_eq_nocase(domain, names->alt[i]);
    return ours;
}

/* "local@domain" or "@a,@b:local@domain" apart. */
static bool split_mailbox(struct str mailbox, struct str *route, struct str *local,
                          struct str *domain)
{
    *route = STR("");
    ptrdiff_t colon = mailbox.n > 0 && mailbox.p[0] == '@' ? str_find(mailbox, ':') : -1;
    if (colon > 0) {
        *route = str_sub(mailbox, 0, (size_t)colon);
        mailbox = str_sub(mailbox, (size_t)colon + 1, mailbox.n);
    }
    ptrdiff_t at = str_find_last(mailbox, '@');
    if (at <= 0 || (size_t)at + 1 == mailbox.n)
        return false;
    *local = str_sub(mailbox, 0, (size_t)at);
    *domain = str_sub(mailbox, (size_t)at + 1, mailbox.n);
    return true;
}

static bool is_ours(const struct snads_world *s, struct str mailbox)
{
    struct str route, local, domain;
    return split_mailbox(mailbox, &route, &local, &domain) && route.n == 0 &&
           addr_is_ours(s->names, domain);
}

/* --- inbound --- */

/* 1 found, 0 not, negative. */
static int by_alias(const struct snads_world *s, struct str local, struct str domain,
                    struct arena *a, struct str *user, struct str *address, struct why *w)
{
    struct alias_row row;
    struct str mailbox = addr_mailbox_key(a, local, domain);
    int rc = aliasrow_find_mailbox(s->d, STR(""), mailbox, true, a, &row, w);
    if (rc > 0) {
        *user = row.userid;
        *address = row.address;
    }
    return rc;
}

/* The alias under the name the mail was sent to, or under our first name. */
static int whole_alias(const struct snads_world *s, struct str local, struct str domain,
                       struct arena *a, struct str *user, struct str *address, struct why *w)
{
    int rc = by_alias(s, local, domain, a, user, address, w);
    if (rc != 0 || str_eq_nocase(domain, s->names->hostname) || !is_host(s->names, domain))
        return rc;
    return by_alias(s, local, s->names->hostname, a, user, address, w);
}

/* `userid?address`; the last delimiter counts where a user ID may hold one. */
static bool by_delimiter(const struct snads_world *s, struct str local, struct arena *a,
                         struct str *user, struct str *address)
{
    ptrdiff_t at = str_find_last(local, s->set->delimiter);
    if (at <= 0)
        return false;
    struct str u = str_sub(local, 0, (size_t)at), d = str_sub(local, (size_t)at + 1, local.n);
    if (!addr_userid_ok(u) || !addr_userid_ok(d))
        return false;
    *user = arena_upper(a, u);
    *address = arena_upper(a, d);
    return true;
}

/* What stands behind % is dropped: the alias, the delimiter form, else a user of our own node. */
static int without_route(const struct snads_world *s, struct str local, struct str domain,
                         struct arena *a, struct str *user, struct str *address, struct why *w)
{
    int rc = whole_alias(s, local, domain, a, user, address, w);
    if (rc != 0 || by_delimiter(s, local, a, user, address))
        return rc < 0 ? rc : 1;
    if (!addr_userid_ok(local))
        return 0;
    *user = arena_upper(a, local);
    *address = s->names->local_node;
    return 1;
}

/* `local%node` with a SNADS node: we route to it when there is a link, else the node is ignored.
 * All other nodes have the %-form of aliases/addr.h. */
static int by_percent(const struct snads_world *s, struct str local, struct str domain,
                      struct arena *a, struct str *user, struct str *address, struct why *w)
{
    ptrdiff_t at = str_find_last(local, '%');
    struct str node = at > 0 ? str_sub(local, (size_t)at + 1, local.n) : STR("");
    if (!addr_userid_ok(node) || !s->is_scheme(s->arg, node))
        return 0;
    local = str_sub(local, 0, (size_t)at);
    if (!s->is_routed(s->arg, node))
        return without_route(s, local, domain, a, user, address, w);
    if (by_delimiter(s, local, a, user, address))
        return 1; /* user and address are the name; the node is only the way to it */
    if (!addr_userid_ok(local))
        return 0;
    *user = arena_upper(a, local);
    *address = arena_upper(a, node);
    return 1;
}

int snads_inbound(const struct snads_world *s, struct str local, struct str domain, struct arena *a,
                  struct str *user, struct str *address, struct why *w)
{
    if (local.n == 0 || !addr_is_ours(s->names, domain))
        return 0;
    int rc = whole_alias(s, local, domain, a, user, address, w);
    if (rc != 0 || s->set->address.n == 0 || !is_host(s->names, domain) ||
        s->is_user(s->arg, local))
        return rc;
    if (str_find(local, '%') >= 0)
        return by_percent(s, local, domain, a, user, address, w);
    return by_delimiter(s, local, a, user, address);
}

/* --- outbound --- */

/* A host without a domain: the mail router takes it, else it is in our own domain. */
static struct str to_host(const struct snads_world *s, struct arena *a, struct str local,
                          struct str host)
{
    if (str_find(host, '.') >= 0)
        return addr_mailbox_key(a, local, host);
    if (s->set->router.n > 0)
        return addr_mailbox_key(
            a, arena_printf(a, "%.*s%%%.*s", STR_ARG(local), STR_ARG(arena_lower(a, host))),
            s->set->router);
    ptrdiff_t dot = str_find(s->names->hostname, '.');
    struct str domain = dot < 0 ? STR("") : str_sub(s->names->hostname, (size_t)dot, SIZE_MAX);
    return addr_mailbox_key(a, local, arena_printf(a, "%.*s%.*s", STR_ARG(host), STR_ARG(domain)));
}

/* "@a,@b:x@c" goes to a as x%c%b@a (RFC 1123 5.2.19: what a source route became). */
static struct str by_route(struct arena *a, struct str route, struct str local, struct str domain)
{
    struct str host[ROUTE_HOSTS_MAX], piece;
    size_t n = 0;
    while (n < ROUTE_HOSTS_MAX && str_split(&route, ',', &piece))
        host[n++] = str_sub(piece, 1, piece.n);
    struct str left = arena_printf(a, "%.*s%%%.*s", STR_ARG(local), STR_ARG(domain));
    while (n > 1) {
        n--;
        left = arena_printf(a, "%.*s%%%.*s", STR_ARG(left), STR_ARG(host[n]));
    }
    return addr_mailbox_key(a, left, host[0]);
}

/* The mailbox a row means for this user: "*" is his user ID, as the host's first part the address.
 */
static struct str filled(const struct snads_world *s, const struct alias_row *row, struct str user,
                         struct str address, struct arena *a)
{
    struct str route, local, domain;
    if (!split_mailbox(row->mailbox, &route, &local, &domain))
        return STR("");
    if (str_is(local, "*"))
        local = arena_lower(a, user);
    if (domain.p[0] == '*')
        domain = arena_printf(a, "%.*s%.*s", STR_ARG(arena_lower(a, address)),
                              STR_ARG(str_sub(domain, 1, domain.n)));
    return route.n > 0 ? by_route(a, route, local, domain) : to_host(s, a, local, domain);
}

/* Alias rows of our own names are for the other direction; one of *ANY that comes back to us would
 * send a mail in circles. */
static int taken(const struct snads_world *s, const struct alias_row *row, struct str user,
                 struct str address, struct arena *a, struct str *mailbox, struct why *w)
{
    bool any = str_is(row->userid, "*ANY");
    if (!any && is_ours(s, row->mailbox))
        return 0;
    *mailbox = filled(s, row, user, address, a);
    if (mailbox->n == 0 || mailbox->n > MAILBOX_MAX)
        return why_set(w, E_PERM, 550, "5.1.3", "%.*s at %.*s: its alias %.*s makes no mailbox",
                       STR_ARG(user), STR_ARG(address), STR_ARG(row->mailbox));
    if (is_ours(s, *mailbox))
        return why_set(w, E_DENIED, 550, "5.4.6",
                       "%.*s at %.*s: the alias for *ANY %.*s leads back to this gateway",
                       STR_ARG(user), STR_ARG(address), STR_ARG(row->address));
    return 1;
}

int snads_outbound(const struct snads_world *s, struct str sender, struct str user,
                   struct str address, struct arena *a, struct str *mailbox, struct why *w)
{
    bool ours = s->set->address.n > 0 && str_eq_nocase(address, s->set->address);
    bool routed = s->is_routed(s->arg, address) || str_eq_nocase(address, s->names->local_node) ||
                  str_eq_nocase(address, s->names->dim_node);
    const struct alias_row keys[] = {
        {.owner = sender, .userid = user, .address = address},
        {.userid = user, .address = address},
        {.userid = STR("*ANY"), .address = address},
        {.userid = STR("*ANY"), .address = STR("*ANY")},
    };
    size_t n = routed || ours ? 3 : 4;
    for (size_t i = sender.n > 0 ? 0 : 1; i < n; i++) {
        struct alias_row row;
        int rc = aliasrow_find(s->d, &keys[i], !ours, a, &row, w);
        if (rc > 0)
            rc = taken(s, &row, user, address, a, mailbox, w);
        if (rc != 0)
            return rc;
    }
    if (!ours || routed)
        return 0;
    return why_set(w, E_ABSENT, 550, "5.1.1",
                   "%.*s at %.*s is not registered: there is no alias of that name", STR_ARG(user),
                   STR_ARG(address));
}

bool snads_takes(const struct snads_world *s, struct str sender, struct str node)
{
    struct why w;
    if (s->set->address.n > 0 && str_eq_nocase(node, s->set->address))
        return true;
    return aliasrow_has_address(s->d, sender, node, &w) > 0 ||
           aliasrow_has_address(s->d, STR(""), STR("*ANY"), &w) > 0;
}

/* --- senders --- */

struct str snads_sender(const struct snads_world *s, struct arena *a, struct str user,
                        struct str node)
{
    struct alias_row row, key = {.userid = user, .address = node};
    struct why w;
    if (aliasrow_get(s->d, &key, a, &row, &w) == 0 && is_ours(s, row.mailbox))
        return row.mailbox;
    if (s->set->address.n == 0 || !s->is_scheme(s->arg, node))
        return STR("");
    struct str local =
        arena_printf(a, "%.*s%c%.*s", STR_ARG(user), s->set->delimiter, STR_ARG(node));
    return addr_mailbox_key(a, local, s->names->hostname);
}

/* --- what an administrator gives --- */

static bool host_ok(struct str host, bool generic)
{
    static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    if (generic && host.n > 0 && host.p[0] == '*')
        host = str_sub(host, 1, host.n);
    else if (host.n == 0 || host.p[0] == '.')
        return false;
    for (size_t i = 0; i < host.n; i++)
        if (host.p[i] == '\0' || strchr(set, host.p[i]) == NULL)
            return false;
    return host.n == 0 || host.p[host.n - 1] != '.';
}

static bool route_ok(struct str route)
{
    struct str piece;
    size_t n = 0;
    while (route.n > 0 && str_split(&route, ',', &piece))
        if (++n > ROUTE_HOSTS_MAX || piece.n < 2 || piece.p[0] != '@' ||
            !host_ok(str_sub(piece, 1, piece.n), false))
            return false;
    return true;
}

static bool local_ok(struct str local)
{
    for (size_t i = 0; i < local.n; i++)
        if ((unsigned char)local.p[i] <= ' ' || local.p[i] == 0x7F)
            return false;
    return local.n <= 64;
}

static int bad_mailbox(const struct alias_row *row, bool any, struct why *w)
{
    return why_set(w, E_SYNTAX, 0, NULL,
                   any ? "\"%.*s\" is no mailbox for *ANY: write *@host.domain"
                       : "\"%.*s\" is no mailbox: user@host.domain or @host,@host:user@host.domain",
                   STR_ARG(str_sub(row->mailbox, 0, 80)));
}

static int check_names(const struct alias_row *row, struct why *w)
{
    bool any = str_is(row->userid, "*ANY");
    ptrdiff_t at = str_find_last(row->owner, '@');
    if (!any && !addr_userid_ok(row->userid))
        return why_set(w, E_SYNTAX, 0, NULL, "\"%.*s\" is no user ID: 1 to 8 characters, or *ANY",
                       STR_ARG(str_sub(row->userid, 0, 40)));
    if (!addr_userid_ok(row->address) && !(any && str_is(row->address, "*ANY")))
        return why_set(w, E_SYNTAX, 0, NULL, "\"%.*s\" is no address: 1 to 8 characters%s",
                       STR_ARG(str_sub(row->address, 0, 40)),
                       str_is(row->address, "*ANY") ? "; *ANY goes with *ANY only" : "");
    if (row->owner.n > 0 && any)
        return why_set(w, E_DENIED, 0, NULL, "*ANY is for the system's table, not a personal one");
    if (row->owner.n > 0 && (at <= 0 || !addr_userid_ok(str_sub(row->owner, 0, (size_t)at)) ||
                             !addr_userid_ok(str_sub(row->owner, (size_t)at + 1, SIZE_MAX))))
        return why_set(w, E_SYNTAX, 0, NULL, "\"%.*s\" is no NJE user: USER@NODE",
                       STR_ARG(str_sub(row->owner, 0, 40)));
    return 0;
}

int snads_check(struct arena *a, struct alias_row *row, struct why *w)
{
    struct str route, local, domain;
    bool any = str_is(row->userid, "*ANY");
    struct str mailbox = addr_fold_domain(a, row->mailbox);
    int rc = check_names(row, w);
    if (rc < 0)
        return rc;
    if (mailbox.n > MAILBOX_MAX || !split_mailbox(mailbox, &route, &local, &domain) ||
        !route_ok(route) || !local_ok(local) || !host_ok(domain, any) ||
        str_is(local, "*") != any || (any && route.n > 0))
        return bad_mailbox(row, any, w);
    row->userid = arena_upper(a, row->userid);
    row->address = arena_upper(a, row->address);
    row->owner = arena_upper(a, row->owner);
    row->mailbox = arena_printf(a, "%.*s%s%.*s@%.*s", STR_ARG(route), route.n > 0 ? ":" : "",
                                STR_ARG(local), STR_ARG(domain));
    return 0;
}
