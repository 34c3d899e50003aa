/* gateway/mail/rewrite.c -- finds the addresses of a header field and puts what the rules make of
 * them in their places. RFC 5322 3.4 with the obsolete forms of 4.4 (routes, blanks around dots).
 */
#include "gateway/mail/rewrite.h"

#include <string.h>

#include "gateway/mail/rules_private.h"

/* What stands where in an addr-spec; FORM_BAD cannot become one any more. */
enum form { FORM_NONE, FORM_WORD, FORM_LITERAL, FORM_DOT, FORM_AT, FORM_BAD };

struct spec {
    size_t start, end; /* in the value, 0 0: nothing yet */
    size_t n;          /* bytes in walk.text, SIZE_MAX: did not fit */
    enum form form;    /* of the last token */
    bool at;           /* an @ has been seen */
};

struct walk {
    const struct rules_use *use;
    const bool *in; /* per alias: does it hold this field? */
    struct str s;
    size_t i;
    size_t copied; /* s up to here is in *out */
    struct buf *out, result;
    bool changed;
    char text[RULES_ADDRESS_MAX + 1 + 8]; /* the address at hand; room for the origin's node */
    struct why *w;
};

static int malformed(struct walk *k, const char *what)
{
    return why_set(k->w, E_SYNTAX, 0, NULL, "%s, at \"%.*s\"", what,
                   STR_ARG(str_sub(k->s, k->i, 40)));
}

static char peek(const struct walk *k)
{
    return k->i < k->s.n ? k->s.p[k->i] : '\0';
}

/* --- tokens --- */

/* A line break must fold: a blank follows it. Anything else would begin another field. */
static bool folds(struct str s, size_t i)
{
    if (s.p[i] == '\r' && i + 1 < s.n && s.p[i + 1] == '\n')
        i++;
    return s.p[i] == '\n' && (i + 1 == s.n || s.p[i + 1] == ' ' || s.p[i + 1] == '\t');
}

static bool is_break(char c)
{
    return c == '\r' || c == '\n';
}

static int skip_comment(struct walk *k)
{
    size_t depth = 0;
    for (size_t i = k->i; i < k->s.n; i++) {
        char c = k->s.p[i];
        if (is_break(c) && !folds(k->s, i))
            break;
        if (c == '\\')
            i++;
        else if (c == '(')
            depth++;
        else if (c == ')' && --depth == 0) {
            k->i = i + 1;
            return 0;
        }
    }
    return malformed(k, "a comment does not end");
}

/* Blanks, folds and comments. */
static int skip_gap(struct walk *k)
{
    int v = 0;
    while (v == 0 && k->i < k->s.n) {
        char c = k->s.p[k->i];
        if (c == ' ' || c == '\t' || (is_break(c) && folds(k->s, k->i)))
            k->i += c == '\r' ? 2 : 1;
        else if (c == '(')
            v = skip_comment(k);
        else
            break;
    }
    return v;
}

static int skip_delimited(struct walk *k, char closes, const char *what)
{
    for (size_t i = k->i + 1; i < k->s.n; i++) {
        if (is_break(k->s.p[i]) && !folds(k->s, i))
            break;
        if (k->s.p[i] == '\\')
            i++;
        else if (k->s.p[i] == closes) {
            k->i = i + 1;
            return 0;
        }
    }
    return malformed(k, what);
}

static bool is_atom_char(char c)
{
    return (unsigned char)c > ' ' && c != 0x7f && strchr("()<>[]:;@\\,.\"", c) == NULL;
}

/* One token of an address or phrase: dot, @, atom, quoted string, domain literal. */
static int take_token(struct walk *k, enum form *form)
{
    char c = peek(k);
    *form = c == '.' ? FORM_DOT : c == '@' ? FORM_AT : FORM_WORD;
    if (*form != FORM_WORD) {
        k->i++;
        return 0;
    }
    if (c == '"')
        return skip_delimited(k, '"', "a quoted string does not end");
    if (c == '[') {
        *form = FORM_LITERAL;
        return skip_delimited(k, ']', "a domain literal does not end");
    }
    size_t from = k->i;
    while (k->i < k->s.n && is_atom_char(k->s.p[k->i]))
        k->i++;
    return k->i > from ? 0 : malformed(k, "no address can hold this");
}

/* --- one addr-spec --- */

static void spec_text(struct walk *k, struct spec *p, struct str piece)
{
    if (p->n == SIZE_MAX || piece.n > RULES_ADDRESS_MAX - p->n) {
        p->n = SIZE_MAX;
        return;
    }
    memcpy(k->text + p->n, piece.p, piece.n);
    p->n += piece.n;
}

/* Word and joint must alternate: atoms side by side are words of a phrase. A literal is the whole
 * domain. */
static bool may_follow(const struct spec *p, enum form form)
{
    switch (form) {
    case FORM_WORD:
        return p->form == FORM_NONE || p->form == FORM_DOT || p->form == FORM_AT;
    case FORM_LITERAL:
        return p->form == FORM_AT;
    case FORM_DOT:
        return p->form == FORM_WORD;
    default:
        return p->form == FORM_WORD && !p->at; /* @ */
    }
}

static int spec_take(struct walk *k, struct spec *p)
{
    size_t from = k->i;
    enum form form;
    int v = take_token(k, &form);
    if (v < 0)
        return v;
    if (!may_follow(p, form))
        form = FORM_BAD;
    p->form = form;
    p->at = p->at || form == FORM_AT;
    if (p->end == 0)
        p->start = from;
    p->end = k->i;
    spec_text(k, p, str_sub(k->s, from, k->i - from));
    return 0;
}

/* A bare user is one of the sender's node. Those with % or ! are paths of other networks. */
static bool complete(struct walk *k, struct spec *p)
{
    struct str bare = {k->text, p->n}, node = k->use->origin;
    if (p->at || node.n == 0 || node.n > 8 || str_find(bare, '%') >= 0 ||
        str_find(bare, '!') >= 0 || p->n + 1 + node.n >= sizeof k->text)
        return false;
    k->text[p->n++] = '@';
    memcpy(k->text + p->n, node.p, node.n);
    p->n += node.n;
    return true;
}

/* What stands in <> already needs no other pair. A rule that writes a route goes behind the route
 * that is there. */
static void put_changed(struct walk *k, const struct spec *p, bool angle, struct str route,
                        struct str result)
{
    size_t upto = p->start;
    if (angle && result.n > 2 && result.p[0] == '<' && result.p[result.n - 1] == '>')
        result = str_sub(result, 1, result.n - 2);
    bool join = route.n > 0 && result.p[0] == '@';
    if (join)
        upto = (size_t)(route.p - k->s.p) + route.n - 1; /* without its colon */
    buf_str(k->out, str_sub(k->s, k->copied, upto - k->copied));
    buf_z(k->out, join ? "," : "");
    buf_str(k->out, result);
    k->copied = p->end;
    k->changed = true;
}

/* Comments from within an address that was replaced follow it. */
static void keep_comments(struct walk *k, const struct spec *p)
{
    struct walk inner = *k;
    enum form form;
    int v = 0;
    for (inner.i = p->start; v == 0 && inner.i < p->end;) {
        size_t from = inner.i;
        char c = peek(&inner);
        if (c == '(') {
            v = skip_comment(&inner);
            buf_u8(k->out, ' ');
            buf_str(k->out, str_sub(k->s, from, inner.i - from));
        } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            inner.i++;
        } else {
            v = take_token(&inner, &form);
        }
    }
}

/* The address has been read: put what the rules make of it. angle: in <>, behind a route or "". */
static int spec_done(struct walk *k, struct spec *p, bool angle, struct str route)
{
    bool root = p->form == FORM_DOT && p->at; /* "host.example.": the same name */
    if (p->form != FORM_WORD && p->form != FORM_LITERAL && !root)
        return malformed(k, "an address is incomplete or is not one address");
    if (p->n == SIZE_MAX)
        return why_set(k->w, E_LIMIT, 0, NULL, "an address is longer than %u bytes",
                       RULES_ADDRESS_MAX);
    bool gaps = p->n != p->end - p->start, completed = complete(k, p);
    struct str address = {k->text, p->n};
    buf_reset(&k->result);
    int v = rules_apply(k->use, k->in, address, &k->result, k->w);
    if (v <= 0)
        return v;
    struct str result = buf_text(&k->result);
    if (k->result.over || result.n == 0)
        return why_set(k->w, E_LIMIT, 0, NULL, "a rewritten address is empty or too long");
    if (completed || !str_eq(result, address)) {
        put_changed(k, p, angle, route, result);
        if (gaps)
            keep_comments(k, p);
    }
    return 0;
}

/* --- addresses --- */

/* RFC 5322 4.4: "@one,@two:" before the address; it stays. */
static int take_route(struct walk *k, struct str *route)
{
    size_t from = k->i;
    *route = STR("");
    if (peek(k) != '@')
        return 0;
    while (peek(k) != ':') {
        enum form form;
        int v = 0;
        if (k->i >= k->s.n)
            return malformed(k, "a route does not end");
        if (peek(k) == ',')
            k->i++;
        else
            v = take_token(k, &form);
        if (v == 0)
            v = skip_gap(k);
        if (v < 0)
            return v;
    }
    k->i++;
    *route = str_sub(k->s, from, k->i - from);
    return 0;
}

static int take_spec(struct walk *k, struct spec *p, const char *ends)
{
    int v = skip_gap(k);
    while (v == 0 && k->i < k->s.n && strchr(ends, peek(k)) == NULL) {
        v = spec_take(k, p);
        if (v == 0)
            v = skip_gap(k);
    }
    return v;
}

static int angle_address(struct walk *k)
{
    struct spec p = {0};
    struct str route;
    k->i++;
    int v = skip_gap(k);
    if (v == 0)
        v = take_route(k, &route);
    if (v == 0)
        v = take_spec(k, &p, ">");
    if (v < 0)
        return v;
    if (peek(k) != '>')
        return malformed(k, "a < has no >");
    if (p.end > 0 || route.n > 0) /* "<>" is nobody (Return-Path) */
        v = spec_done(k, &p, true, route);
    k->i++;
    return v < 0 ? v : skip_gap(k);
}

/* One element of the list, up to its comma, the group's semicolon or the end. */
static int element(struct walk *k, bool *group)
{
    struct spec p = {0};
    int v = take_spec(k, &p, "<:,;");
    if (v < 0)
        return v;
    char c = peek(k);
    if (c == '<') {
        v = angle_address(k);
    } else if (c == ':') {
        if (*group || p.end == 0)
            return malformed(k, "a colon that names no group");
        *group = true;
        k->i++;
        return element(k, group);
    } else if (p.end > 0) {
        v = spec_done(k, &p, false, STR(""));
    }
    return v;
}

static int list(struct walk *k)
{
    bool group = false;
    while (k->i <= k->s.n) {
        int v = element(k, &group);
        if (v < 0)
            return v;
        if (k->i == k->s.n)
            break;
        char c = peek(k);
        if (c == ';' && group)
            group = false;
        else if (c != ',')
            return malformed(k, c == ';' ? "a semicolon that ends no group"
                                         : "something follows an address");
        k->i++;
    }
    return group ? malformed(k, "a group does not end") : 0;
}

static bool aliases_of(const struct rules *r, struct str field, bool *in)
{
    bool any = false;
    for (size_t i = 0; i < r->nalias; i++) {
        in[i] = rules_in_set(&r->alias[i], field);
        any = any || in[i];
    }
    return any;
}

bool rules_covers(const struct rules *r, struct str field)
{
    bool in[RULES_ALIASES_MAX];
    if (!aliases_of(r, field, in))
        return false;
    for (size_t i = 0; i < r->nrule; i++)
        if (in[r->rule[i].alias])
            return true;
    return false;
}

int rules_address(const struct rules_use *u, struct str field, struct str address, struct buf *out,
                  struct why *w)
{
    bool in[RULES_ALIASES_MAX];
    if (!aliases_of(u->rules, field, in))
        return 0;
    return rules_apply(u, in, address, out, w);
}

int rules_field(const struct rules_use *u, struct str field, struct str value, struct buf *out,
                struct why *w)
{
    bool in[RULES_ALIASES_MAX];
    size_t start = out->n;
    if (!aliases_of(u->rules, field, in)) {
        buf_str(out, value);
        return 0;
    }
    struct walk k = {.use = u, .in = in, .s = value, .out = out, .w = w};
    buf_init(&k.result, RULES_FIELD_MAX);
    int v = list(&k);
    buf_done(&k.result);
    if (v == 0) {
        buf_str(out, str_sub(value, k.copied, value.n));
        v = k.changed;
    }
    if (v >= 0 && (out->over || out->n - start > RULES_FIELD_MAX))
        v = why_set(w, E_LIMIT, 0, NULL, "the rewritten field is longer than %u bytes",
                    RULES_FIELD_MAX);
    if (v < 0 && !out->over)
        buf_trim(out, start);
    return v;
}

size_t rules_count(const struct rules *r, size_t *ignored)
{
    size_t n = 0;
    for (size_t i = 0; i < r->nrule; i++)
        n += r->rule[i].ignored != NULL;
    if (ignored != NULL)
        *ignored = n;
    return r->nrule;
}

void rules_print(const struct rules *r, struct buf *out)
{
    for (size_t i = 0; i < r->nalias; i++) {
        buf_printf(out, "%.*s =", STR_ARG(r->alias[i].name));
        for (size_t k = 0; k < r->alias[i].n; k++)
            buf_printf(out, " '%.*s'", STR_ARG(r->alias[i].field[k]));
        buf_z(out, ";\n");
    }
    for (size_t i = 0; i < r->nrule; i++) {
        const struct rule *rule = &r->rule[i];
        buf_printf(out, "%u: %.*s;", rule->line, STR_ARG(rule->source));
        if (rule->ignored != NULL)
            buf_printf(out, " -- not in force: %s has no value", rule->ignored);
        buf_u8(out, '\n');
    }
}
