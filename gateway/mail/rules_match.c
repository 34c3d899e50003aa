/* gateway/mail/rules_match.c -- tries the rules on one address and writes the result. */
#include <string.h>

#include "gateway/mail/rules_private.h"

#define STEPS_MAX 20000u /* tries to match one address, over all rules */

struct match {
    const struct rules *rules;
    const struct rules_ask *ask;
    const struct rule *rule;
    struct str text;
    const bool *inside; /* per byte: a part may not end before it (quotes, brackets); NULL: none */
    struct str bound[RULES_SLOTS];
    bool is_bound[RULES_SLOTS];
    struct str nick, user, node; /* of the last Secure keyword that matched */
    unsigned steps;
};

static bool same_start(struct str s, struct str with, bool nocase)
{
    if (with.n > s.n)
        return false;
    s.n = with.n;
    return nocase ? str_eq_nocase(s, with) : memcmp(s.p, with.p, with.n) == 0;
}

static bool may_end(const struct match *m, size_t at)
{
    return m->inside == NULL || at == m->text.n || !m->inside[at];
}

/* The first place from `at` where what stands before element i can end; past the text: none.
 * Looking at the element behind it saves most of the tries. */
static size_t next_end(const struct match *m, size_t i, size_t at)
{
    if (i == m->rule->nleft)
        return at <= m->text.n ? m->text.n : SIZE_MAX;
    const struct elem *e = &m->rule->left[i];
    for (; at < m->text.n; at++) {
        if (!may_end(m, at))
            continue;
        if (e->kind != EL_TEXT || m->text.p[at] == e->text.p[0] ||
            (e->nocase && ascii_lower(m->text.p[at]) == ascii_lower(e->text.p[0])))
            return at;
    }
    return SIZE_MAX;
}

/* "Any host name containing a period"; a domain literal is as good a name. */
static bool is_domain(struct str s)
{
    if (s.n > 2 && s.p[0] == '[')
        return s.p[s.n - 1] == ']';
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || strchr("@<>()[]\",;:\\", s.p[i]) != NULL)
            return false;
    return s.p[0] != '.' && str_find(s, '.') > 0;
}

static bool is_nick_addr(struct match *m, struct str s)
{
    ptrdiff_t at = str_find_last(s, '@');
    if (at <= 0 || (size_t)at + 1 == s.n || m->ask == NULL || m->ask->nick_of == NULL)
        return false;
    m->user = str_sub(s, 0, (size_t)at);
    m->node = str_sub(s, (size_t)at + 1, s.n);
    return m->ask->nick_of(m->ask->arg, m->user, m->node, &m->nick);
}

static bool is_nick_name(struct match *m, struct str s)
{
    return str_find(s, '@') < 0 && m->ask != NULL && m->ask->addr_of != NULL &&
           m->ask->addr_of(m->ask->arg, s, &m->user, &m->node);
}

static bool is_alt_host(const struct rules *r, struct str s)
{
    for (size_t i = 0; i < r->nalt_host; i++)
        if (str_eq_nocase(r->alt_host[i], s))
            return true;
    return false;
}

static bool fits(struct match *m, const struct elem *e, struct str s)
{
    switch (e->kind) {
    case EL_TEXT:
    case EL_WILD:
        return true;
    case EL_NODE:
        return s.n <= 8 && str_find(s, '.') < 0 && str_find(s, '@') < 0 && m->ask != NULL &&
               m->ask->is_node != NULL && m->ask->is_node(m->ask->arg, s);
    case EL_DOMAIN:
        return is_domain(s);
    case EL_ALT:
        return is_alt_host(m->rules, s);
    case EL_NICK_ADDR:
        return is_nick_addr(m, s);
    case EL_NICK_NAME:
        return is_nick_name(m, s);
    }
    return false;
}

/* Elements i.. against the text from `at`: shortest first, with back-tracking. */
static bool match_from(struct match *m, size_t i, size_t at)
{
    if (i == m->rule->nleft)
        return at == m->text.n;
    const struct elem *e = &m->rule->left[i];
    struct str rest = str_sub(m->text, at, m->text.n);
    if (m->steps++ >= STEPS_MAX)
        return false;
    if (e->kind == EL_TEXT)
        return same_start(rest, e->text, e->nocase) && may_end(m, at + e->text.n) &&
               match_from(m, i + 1, at + e->text.n);
    if (m->is_bound[e->slot]) { /* a wildcard's second place: the same text again */
        struct str again = m->bound[e->slot];
        return same_start(rest, again, true) && may_end(m, at + again.n) &&
               match_from(m, i + 1, at + again.n);
    }
    for (size_t end = next_end(m, i + 1, at + 1); end != SIZE_MAX;
         end = next_end(m, i + 1, end + 1)) {
        struct str piece = str_sub(m->text, at, end - at);
        if (m->steps++ >= STEPS_MAX)
            return false;
        m->bound[e->slot] = piece;
        m->is_bound[e->slot] = true;
        bool good = fits(m, e, piece) && match_from(m, i + 1, end);
        if (good)
            return true;
        m->is_bound[e->slot] = false;
    }
    return false;
}

/* Most rules end in a host: its last letters tell that a rule cannot match. */
static bool may_match(const struct rule *rule, struct str text)
{
    if (text.n < rule->least)
        return false;
    const struct elem *last = &rule->left[rule->nleft - 1];
    return last->kind != EL_TEXT ||
           same_start(str_sub(text, text.n - last->text.n, last->text.n), last->text, last->nocase);
}

static bool match_rule(struct match *m, const struct rule *rule)
{
    if (!may_match(rule, m->text))
        return false;
    m->rule = rule;
    memset(m->is_bound, 0, sizeof m->is_bound);
    return match_from(m, 0, 0);
}

static void put_result(const struct match *m, struct buf *out)
{
    const struct rule *rule = m->rule;
    for (size_t i = 0; i < rule->nright; i++) {
        const struct elem *e = &rule->right[i];
        if (e->kind == EL_TEXT) {
            buf_str(out, e->text);
        } else if (e->kind == EL_NICK_NAME && !rule->nick_is_left) {
            buf_str(out, m->nick);
        } else if (e->kind == EL_NICK_ADDR && rule->nick_is_left) {
            buf_str(out, m->user);
            buf_u8(out, '@');
            buf_str(out, m->node);
        } else {
            buf_str(out, m->bound[e->slot]);
        }
    }
}

/* A part may end neither in a quoted string nor in a domain literal. True when there is any. */
static bool mark_inside(struct str s, bool *inside)
{
    bool any = false;
    char closes = 0;
    for (size_t i = 0; i < s.n; i++) {
        inside[i] = closes != 0;
        if (closes == 0 && (s.p[i] == '"' || s.p[i] == '[')) {
            closes = s.p[i] == '"' ? '"' : ']';
            any = true;
        } else if (closes != 0 && s.p[i] == '\\' && i + 1 < s.n) {
            inside[++i] = true;
        } else if (s.p[i] == closes) {
            closes = 0;
        }
    }
    return any;
}

/* Where the local part of a result ends: its last @ outside quotes; 0 none. */
static size_t local_end(struct str s, const bool *inside)
{
    for (size_t i = s.n; i > 0; i--)
        if (s.p[i - 1] == '@' && !inside[i - 1])
            return i - 1;
    return 0;
}

/* Does a quoted string touch an atom ("a b"%node)? RFC 5322 3.4.1 has no such local part. */
static bool quotes_touch(struct str local, const bool *inside)
{
    for (size_t i = 0; i < local.n; i++) {
        if (local.p[i] != '"')
            continue;
        if (!inside[i] && i > 0 && local.p[i - 1] != '.')
            return true;
        if (inside[i] && i + 1 < local.n && !inside[i + 1] && local.p[i + 1] != '.')
            return true;
    }
    return false;
}

/* "a b"%node@host is written "a b%node"@host. */
static void join_quotes(struct buf *out, size_t start)
{
    bool inside[2 * RULES_ADDRESS_MAX];
    char text[2 * RULES_ADDRESS_MAX];
    struct str s = str_sub(buf_text(out), start, out->n);
    if (out->over || s.n >= sizeof inside || (s.n > 0 && s.p[0] == '<') || !mark_inside(s, inside))
        return;
    size_t n = local_end(s, inside);
    if (n == 0 || !quotes_touch(str_sub(s, 0, n), inside))
        return;
    memcpy(text, s.p, s.n);
    size_t size = s.n;
    buf_trim(out, start);
    buf_u8(out, '"');
    for (size_t i = 0; i < n; i++) {
        bool pair = text[i] == '\\' && i + 1 < n;
        if (pair || text[i] != '"')
            buf_u8(out, (uint8_t)text[i]);
        if (pair)
            buf_u8(out, (uint8_t)text[++i]);
    }
    buf_u8(out, '"');
    buf_add(out, text + n, size - n);
}

static void tell(const struct rules_use *u, struct str address, unsigned line, struct str rule,
                 bool matched, struct str result)
{
    if (u->trace != NULL)
        u->trace(u->trace_arg, address, line, rule, matched, result);
}

/* The answer that stands above all rules. */
static bool own_mailbox(const struct rules_use *u, struct str address, struct buf *out)
{
    ptrdiff_t at = str_find_last(address, '@');
    struct str mailbox;
    if (at <= 0 || u->ask == NULL || u->ask->mailbox == NULL ||
        !u->ask->mailbox(u->ask->arg, str_sub(address, 0, (size_t)at),
                         str_sub(address, (size_t)at + 1, address.n), &mailbox))
        return false;
    buf_str(out, mailbox);
    tell(u, address, 0, STR(""), true, mailbox);
    return true;
}

int rules_apply(const struct rules_use *u, const bool *in, struct str address, struct buf *out,
                struct why *w)
{
    bool inside[RULES_ADDRESS_MAX];
    struct match m = {.rules = u->rules, .ask = u->ask, .text = address};
    size_t start = out->n;
    if (address.n == 0)
        return 0;
    if (address.n > RULES_ADDRESS_MAX)
        return why_set(w, E_LIMIT, 0, NULL, "an address is longer than %u bytes",
                       RULES_ADDRESS_MAX);
    if (own_mailbox(u, address, out))
        return 1;
    if (mark_inside(address, inside))
        m.inside = inside;
    for (size_t i = 0; i < u->rules->nrule; i++) {
        const struct rule *rule = &u->rules->rule[i];
        if (rule->ignored != NULL || !in[rule->alias])
            continue;
        bool good = match_rule(&m, rule);
        if (m.steps >= STEPS_MAX)
            return why_set(w, E_LIMIT, 0, NULL,
                           "the rule of line %u has too many ways to match %.*s", rule->line,
                           STR_ARG(str_sub(address, 0, 80)));
        if (good) {
            put_result(&m, out);
            if (m.inside != NULL)
                join_quotes(out, start);
        }
        tell(u, address, rule->line, rule->source, good,
             good ? str_sub(buf_text(out), start, out->n) : STR(""));
        if (good)
            return 1;
    }
    return 0;
}
