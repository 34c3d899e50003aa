/* gateway/config/headrules.c -- the header rules of a configuration, and what their keywords mean
 * here. */
#include "gateway/config/headrules.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "db/nickrow.h"
#include "gateway/config/conf_private.h"
#include "security/sectab.h"

/* --- statements --- */

void parse_rewrite(struct conf_reader *r, struct str rest)
{
    struct str word = str_word(&rest), print = str_word(&rest);
    if (str_is(word, "NO") && print.n == 0) {
        r->c->rewrite_off = true;
    } else if (str_is(word, "YES") &&
               (print.n == 0 || str_is(print, "PRINT") || str_is(print, "NOPRINT"))) {
        r->c->rewrite_off = false;
        r->c->rewrite_print = str_is(print, "PRINT");
    } else {
        conf_error(r, "REWRITE822HEADER: the form is YES [PRINT|NOPRINT] or NO");
    }
}

int headrules_read(const char *path, struct buf *text, struct why *w)
{
    char piece[4096];
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return why_errno(w, path);
    buf_init(text, RULES_TEXT_MAX);
    for (size_t n = fread(piece, 1, sizeof piece, f); n > 0; n = fread(piece, 1, sizeof piece, f))
        buf_add(text, piece, n);
    bool failed = ferror(f) != 0;
    fclose(f);
    int v = failed ? why_set(w, E_IO, 0, NULL, "cannot read %s", path)
            : text->over
                ? why_set(w, E_LIMIT, 0, NULL, "%s is larger than %u bytes", path, RULES_TEXT_MAX)
                : 0;
    if (v < 0)
        buf_done(text);
    return v;
}

struct rules_env headrules_env(const struct conf *c)
{
    ptrdiff_t dot = str_find(c->hostname, '.');
    struct str after = dot < 0 ? STR("") : str_sub(c->hostname, (size_t)dot + 1, c->hostname.n);
    return (struct rules_env){.host = c->hostname,
                              .domain = c->domain_origin.n > 0 ? c->domain_origin : after,
                              .node = c->local,
                              .rscs_domain = c->rscs_domain,
                              .alt_rscs_domain = c->alt_rscs_domain,
                              .alt_host = c->alt_host,
                              .nalt_host = c->nalt_host,
                              .secure = c->secure};
}

static void rule_error(void *arg, unsigned line, const char *text)
{
    struct conf_reader *r = arg;
    r->line = line;
    conf_error(r, "%s", text);
}

/* The rules are a part of the configuration: their errors are its errors, in their own file. */
void finish_rules(struct conf_reader *r)
{
    struct conf *c = r->c;
    struct rules_env env = headrules_env(c);
    struct why w;
    struct buf text;
    if (c->rewrite_off && c->rules_path.n > 0)
        conf_warn(r, "RULES %.*s is not read: REWRITE822HEADER NO", STR_ARG(c->rules_path));
    if (c->rewrite_off)
        return;
    if (c->rules_path.n == 0) {
        c->rules = rules_parse(&env, str_of(rules_default(env.secure)), NULL, NULL, &w);
        return;
    }
    if (headrules_read(c->rules_path.p, &text, &w) < 0) {
        conf_error(r, "RULES: %s", w.text);
        return;
    }
    const char *file = r->file;
    unsigned line = r->line;
    r->file = c->rules_path.p;
    c->rules = rules_parse(&env, buf_text(&text), rule_error, r, &w);
    r->file = file;
    r->line = line;
    buf_done(&text);
}

void headrules_print(const struct conf *c)
{
    struct buf text;
    struct str line, rest;
    if (!c->rewrite_print || c->rules == NULL)
        return;
    buf_init(&text, 4 * RULES_TEXT_MAX);
    rules_print(c->rules, &text);
    rest = buf_text(&text);
    while (str_line(&rest, &line))
        log_event(LOG_INFO, 0, "rule", "text=%s", log_quote(line));
    buf_done(&text);
}

/* --- keywords --- */

static bool is_our_host(const struct conf *c, struct str name)
{
    struct rules_env env = headrules_env(c);
    ptrdiff_t dot = str_find(c->hostname, '.');
    for (size_t i = 0; i < env.nalt_host; i++)
        if (str_eq_nocase(env.alt_host[i], name))
            return true;
    return str_eq_nocase(name, env.rscs_domain) || str_eq_nocase(name, env.alt_rscs_domain) ||
           str_eq_nocase(name, dot < 0 ? c->hostname : str_sub(c->hostname, 0, (size_t)dot));
}

/* AnyRSCSHostName: the nodes the configuration names; what only a ROUTE with * covers is one unless
 * it is a name of ours on the Internet. */
static bool is_node(void *arg, struct str name)
{
    const struct conf *c = ((struct headrules *)arg)->conf;
    bool covered = false;
    if (str_eq_nocase(name, c->local) || str_eq_nocase(name, c->dim_node) ||
        conf_node_of(c, name) != NULL)
        return true;
    for (size_t i = 0; i < c->nlink; i++)
        if (str_eq_nocase(c->link[i].node, name))
            return true;
    for (size_t i = 0; i < c->nroute; i++) {
        struct str pattern = c->route[i].pattern;
        if (str_eq_nocase(pattern, name))
            return true;
        bool star = pattern.n > 0 && pattern.p[pattern.n - 1] == '*';
        covered = covered || (star && name.n >= pattern.n - 1 &&
                              str_eq_nocase(str_sub(pattern, 0, pattern.n - 1),
                                            str_sub(name, 0, pattern.n - 1)));
    }
    return covered && addr_userid_ok(name) && !is_our_host(c, name);
}

static bool sec_nick(void *arg, struct str user, struct str node, struct str *nick)
{
    struct headrules *h = arg;
    struct sec_row row;
    struct why w;
    if (!h->conf->secure || h->db == NULL || user.n > 8 || node.n > 8 ||
        sectab_outbound(h->db, arena_upper(h->arena, user), arena_upper(h->arena, node), h->arena,
                        &row, &w) < 0)
        return false;
    *nick = row.nick;
    return true;
}

static bool addr_of(void *arg, struct str nick, struct str *user, struct str *node)
{
    struct headrules *h = arg;
    struct sec_row row;
    struct why w;
    if (!h->conf->secure || h->db == NULL || nick.n > SECTAB_NICK_MAX ||
        sectab_inbound(h->db, nick, h->conf->secure_strict, h->arena, &row, &w) < 0)
        return false;
    *user = row.user;
    *node = row.node;
    return true;
}

/* The node in "node" or "node.RSCSDOMAIN". */
static struct str node_in(const struct conf *c, struct str domain)
{
    ptrdiff_t dot = str_find(domain, '.');
    struct str net = dot < 0 ? STR("") : str_sub(domain, (size_t)dot + 1, domain.n);
    if (dot < 0)
        return domain;
    return str_eq_nocase(net, c->rscs_domain) || str_eq_nocase(net, c->alt_rscs_domain)
               ? str_sub(domain, 0, (size_t)dot)
               : STR("");
}

/* Under SECURE a registered user has one address outside, also where it was written user%node@us:
 * the rules know him as user@node only. */
static bool secure_mailbox(struct headrules *h, struct str local, struct str domain,
                           struct str *mailbox)
{
    const struct conf *c = h->conf;
    struct addr_names names = conf_names(c);
    struct str nick;
    struct why w;
    if (!c->secure || str_find(local, '%') < 0)
        return false;
    struct addr a = addr_read(h->arena, &names, local, domain, &w);
    if (a.kind != ADDR_NJE || !sec_nick(h, a.user, a.node, &nick))
        return false;
    *mailbox = arena_printf(h->arena, "%.*s@%.*s", STR_ARG(nick), STR_ARG(c->hostname));
    return true;
}

/* --- SNADS aliases, asked by the configuration alone --- */

static bool is_scheme(void *arg, struct str node)
{
    const struct conf_node *n = conf_node_of(arg, node);
    return n != NULL && n->snads;
}

static bool is_routed(void *arg, struct str node)
{
    const struct conf *c = arg;
    for (size_t i = 0; i < c->nlink; i++)
        if (str_eq_nocase(c->link[i].node, node))
            return true;
    for (size_t i = 0; i < c->nroute; i++)
        if (text_glob(c->route[i].pattern, node))
            return true;
    return false;
}

static bool is_user(void *arg, struct str user)
{
    return conf_user_of(arg, user) != NULL;
}

/* The mailbox an alias of the sender's or the system's table gives, or the SNADS form of a user. */
static bool snads_mailbox(struct headrules *h, struct str user, struct str node,
                          struct str *mailbox)
{
    struct addr_names names = conf_names(h->conf);
    struct why w;
    struct snads_world s = {.d = h->db,
                            .set = &h->conf->snads,
                            .names = &names,
                            .is_scheme = is_scheme,
                            .is_routed = is_routed,
                            .is_user = is_user,
                            .arg = (void *)(uintptr_t)h->conf};
    if (snads_outbound(&s, h->asker, user, node, h->arena, mailbox, &w) > 0)
        return true;
    *mailbox = snads_sender(&s, h->arena, user, node);
    return mailbox->n > 0;
}

/* A LOCALUSER's MBOX, a nickname and an alias are whole Internet addresses; no rule could make a
 * better one. */
static bool own_mailbox(void *arg, struct str local, struct str domain, struct str *mailbox)
{
    struct headrules *h = arg;
    struct str node = node_in(h->conf, domain), nick;
    struct nick_row row;
    struct why w;
    if (secure_mailbox(h, local, domain, mailbox))
        return true;
    if (local.n == 0 || local.n > 8 || node.n == 0 || sec_nick(h, local, node, &nick))
        return false;
    if (str_eq_nocase(node, h->conf->local)) {
        const struct conf_user *u = conf_user_of(h->conf, local);
        if (u != NULL) {
            *mailbox = u->mailbox;
            return u->mailbox.n > 0;
        }
    }
    if (!str_eq_nocase(node, h->conf->dim_node) || h->db == NULL ||
        nickrow_get(h->db, arena_upper(h->arena, local), h->arena, &row, &w) < 0 ||
        row.mailbox.n == 0)
        return h->db != NULL &&
               snads_mailbox(h, arena_upper(h->arena, local), arena_upper(h->arena, node), mailbox);
    *mailbox = row.mailbox;
    return true;
}

struct rules_ask headrules_ask(struct headrules *h)
{
    return (struct rules_ask){.arg = h,
                              .is_node = is_node,
                              .nick_of = sec_nick,
                              .addr_of = addr_of,
                              .mailbox = own_mailbox};
}
