/* aliases/addr.c -- reads and writes the address forms of the gateway, both ways. */
#include "aliases/addr.h"

#include <string.h>

#include "base/idn.h"

#define NAME_MAX_NJE 8u
#define MAILBOX_MAX 254u /* RFC 5321 4.5.3.1.3 without the <> */
#define MAILBOX_ROOM 4096u

static bool alnum(uint8_t ch)
{
    return (ch >= '0' && ch <= '9') || (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z');
}

bool addr_userid_ok(struct str s)
{
    if (s.n < 1 || s.n > NAME_MAX_NJE)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t ch = (uint8_t)s.p[i];
        if (!alnum(ch) && (ch == 0 || strchr("$#@_-+:", ch) == NULL))
            return false;
    }
    return true;
}

bool addr_reserved(struct str userid)
{
    static const char *const word[] = {"SMTP", "MAILER", "BSMTP", "DIM", "POSTMASTER"};
    for (size_t i = 0; i < sizeof word / sizeof *word; i++)
        if (str_is(userid, word[i]))
            return true;
    if (userid.n < 4 || !str_starts_nocase(userid, "QSM"))
        return false;
    for (size_t i = 3; i < userid.n; i++)
        if (userid.p[i] < '0' || userid.p[i] > '9')
            return false;
    return true;
}

/* --- the Internet form --- */

/* Can the local part stand without quotes (RFC 5321 4.1.2 Dot-string)? */
static bool dot_string(struct str s)
{
    uint8_t before = '.';
    for (size_t i = 0; i < s.n; i++) {
        uint8_t ch = (uint8_t)s.p[i];
        if (ch == '.'
                ? before == '.'
                : ch < 0x80 && !alnum(ch) && (ch == 0 || strchr("!#$%&'*+-/=?^_`{|}~", ch) == NULL))
            return false;
        before = ch;
    }
    return before != '.';
}

static struct str quoted(struct arena *a, struct str s)
{
    if (dot_string(s))
        return s;
    struct buf b;
    buf_init(&b, 2 * MAILBOX_MAX + 2);
    buf_u8(&b, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            buf_u8(&b, '\\');
        buf_u8(&b, (uint8_t)s.p[i]);
    }
    buf_u8(&b, '"');
    struct str text = arena_str(a, buf_text(&b));
    buf_done(&b);
    return text;
}

struct str addr_mailbox_key(struct arena *a, struct str local, struct str domain)
{
    struct str left = quoted(a, local);
    return addr_fold_domain(a, arena_join(a, left, '@', domain));
}

struct str addr_domain(struct str mailbox)
{
    ptrdiff_t at = str_find_last(mailbox, '@');
    return at < 0 ? STR("") : str_sub(mailbox, (size_t)at + 1, mailbox.n);
}

struct str addr_fold_domain(struct arena *a, struct str mailbox)
{
    char z[MAILBOX_ROOM];
    return arena_str(a, idn_fold(mailbox, z, sizeof z) ? str_of(z) : mailbox);
}

/* NJE names may hold characters that no host name has. */
static bool label_ok(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!alnum((uint8_t)s.p[i]) && (s.p[i] != '-' || i == 0 || i == s.n - 1))
            return false;
    return s.n > 0;
}

struct str addr_internet(struct arena *a, const struct addr_names *names, struct str user,
                         struct str node)
{
    struct str host = names->hostname, net = names->rscs_domain, local;
    if (str_eq_nocase(node, names->local_node)) {
        local = quoted(a, user);
        return arena_printf(a, "%.*s@%.*s", STR_ARG(local), STR_ARG(host));
    }
    if (str_find(net, '.') >= 0 && label_ok(node)) {
        local = quoted(a, user);
        return arena_printf(a, "%.*s@%.*s.%.*s", STR_ARG(local), STR_ARG(node), STR_ARG(net));
    }
    local = arena_printf(a, "%.*s%%%.*s%s%.*s", STR_ARG(user), STR_ARG(node), net.n > 0 ? "." : "",
                         STR_ARG(net));
    local = quoted(a, local);
    return arena_printf(a, "%.*s@%.*s", STR_ARG(local), STR_ARG(host));
}

/* --- reading --- */

static bool is_gateway(const struct addr_names *names, struct str domain)
{
    if (str_eq_nocase(domain, names->hostname))
        return true;
    for (size_t i = 0; i < names->nalt; i++)
        if (str_eq_nocase(domain, names->alt[i]))
            return true;
    return false;
}

static bool is_net(struct str domain, struct str net)
{
    return net.n > 0 && str_eq_nocase(domain, net);
}

/* "node.NET": the node, else empty. */
static struct str node_under(struct str domain, struct str net)
{
    if (net.n == 0 || domain.n <= net.n + 1 || domain.p[domain.n - net.n - 1] != '.' ||
        !str_eq_nocase(str_sub(domain, domain.n - net.n, net.n), net))
        return STR("");
    return str_sub(domain, 0, domain.n - net.n - 1);
}

static struct str node_of(const struct addr_names *names, struct str domain)
{
    struct str node = node_under(domain, names->rscs_domain);
    return node.n > 0 ? node : node_under(domain, names->alt_rscs_domain);
}

bool addr_is_ours(const struct addr_names *names, struct str domain)
{
    return is_gateway(names, domain) || is_net(domain, names->rscs_domain) ||
           is_net(domain, names->alt_rscs_domain) || node_of(names, domain).n > 0;
}

static struct addr bad(struct why *w, const char *enh, const char *what, struct str name)
{
    why_set(w, E_ABSENT, 550, enh, "'%.*s' %s", STR_ARG(str_sub(name, 0, 80)), what);
    return (struct addr){.kind = ADDR_BAD};
}

static struct addr at_node(struct arena *a, struct str user, struct str node, struct why *w)
{
    if (!addr_userid_ok(node))
        return bad(w, "5.1.1",
                   "cannot be the name of an NJE node (1 to 8 of A-Z 0-9 $ # @ _ - + :)", node);
    if (!addr_userid_ok(user))
        return bad(w, "5.1.1",
                   "cannot be the name of an NJE user (1 to 8 of A-Z 0-9 $ # @ _ - + :)", user);
    return (struct addr){
        .kind = ADDR_NJE, .user = arena_upper(a, user), .node = arena_upper(a, node)};
}

static struct addr elsewhere(struct arena *a, struct str local, struct str domain, struct why *w)
{
    struct addr r = {.kind = ADDR_NET, .mailbox = addr_mailbox_key(a, local, domain)};
    if (local.n == 0 || r.mailbox.n > MAILBOX_MAX)
        return bad(w, "5.1.3", local.n == 0 ? "has no user before it" : "is too long", domain);
    return r;
}

static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((uint8_t)s.p[i] < ' ' || s.p[i] == 0x7F)
            return true;
    return false;
}

/* The part behind the right-most % becomes the domain, as if it had been written with an @. */
static bool unfold(struct str *local, struct str *domain)
{
    ptrdiff_t at = str_find_last(*local, '%');
    if (at < 0)
        return false;
    *domain = str_sub(*local, (size_t)at + 1, local->n);
    *local = str_sub(*local, 0, (size_t)at);
    return true;
}

struct addr addr_read(struct arena *a, const struct addr_names *names, struct str local,
                      struct str domain, struct why *w)
{
    if (has_control(local) || has_control(domain))
        return bad(w, "5.1.3", "holds control characters", local);
    if (domain.n > 0 && domain.p[domain.n - 1] == '.')
        domain.n--; /* the root's dot means the same name */
    bool folded = false;
    if (domain.n == 0)
        return (struct addr){.kind = ADDR_BARE, .user = arena_str(a, local)};
    for (;; folded = true) {
        struct str node = node_of(names, domain);
        if (folded && node.n == 0 && str_find(domain, '.') < 0)
            node = domain; /* behind a % a name without dots is a node */
        bool gateway = is_gateway(names, domain);
        if (gateway || (node.n > 0 && str_eq_nocase(node, names->local_node))) {
            if (unfold(&local, &domain))
                continue;
            return gateway ? (struct addr){.kind = ADDR_BARE, .user = arena_str(a, local)}
                           : at_node(a, local, node, w);
        }
        if (is_net(domain, names->rscs_domain) || is_net(domain, names->alt_rscs_domain))
            return bad(w, "5.1.2", "is the NJE network, not a node in it: write user@node.network",
                       domain);
        if (node.n > 0 || domain.n == 0)
            return at_node(a, local, node, w);
        return elsewhere(a, local, domain, w);
    }
}
