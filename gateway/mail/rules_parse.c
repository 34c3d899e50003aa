/* gateway/mail/rules_parse.c -- reads the SMTP RULES language (docs/REWRITE.md). */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "gateway/mail/rules_private.h"

#define ERRORS_MAX 50u
#define IF_DEPTH 32u

enum token_kind { T_END, T_WORD, T_STRING, T_ARROW, T_SIGN, T_BAD };
struct token {
    enum token_kind kind;
    struct str text; /* a string's without its quotes; T_SIGN: one character */
    bool nocase;     /* T_STRING: in single quotes */
    unsigned line;
};

/* An IF that is open. */
struct frame {
    unsigned line;
    bool outer; /* was the text around it in force? */
    bool truth;
    bool other; /* its ELSE has been read */
};

struct parser {
    struct rules *rules;
    const struct rules_env *env;
    rules_report_fn *report;
    void *arg;
    struct why *w;
    unsigned errors;
    struct str rest;
    unsigned line;
    struct token tok;
    bool quiet; /* looking ahead: what is wrong will be read again */
    struct frame frame[IF_DEPTH];
    size_t depth;
};

enum keyword_id {
    KW_ALT_DOMAIN,
    KW_ALT_HOST,
    KW_ANY_DOMAIN,
    KW_ANY_NODE,
    KW_DOMAIN,
    KW_NODE,
    KW_NICK_ADDR,
    KW_NICK_NAME,
    KW_SHORT_HOST,
    KW_HOST,
    KW_HOST_DOMAIN,
};
static const struct keyword {
    const char *vm, *mvs;
    enum keyword_id id;
    enum elem_kind kind; /* EL_TEXT: one value */
} keywords[] = {
    {"AltRSCSDomain", "AltNJEDomain", KW_ALT_DOMAIN, EL_TEXT},
    {"AltTCPHostName", NULL, KW_ALT_HOST, EL_ALT},
    {"AnyDomainName", NULL, KW_ANY_DOMAIN, EL_DOMAIN},
    {"AnyRSCSHostName", "AnyNJEHostName", KW_ANY_NODE, EL_NODE},
    {"RSCSDomain", "NJEDomain", KW_DOMAIN, EL_TEXT},
    {"RSCSHostName", "NJEHostName", KW_NODE, EL_TEXT},
    {"SecureNickAddr", NULL, KW_NICK_ADDR, EL_NICK_ADDR},
    {"SecureNickName", NULL, KW_NICK_NAME, EL_NICK_NAME},
    {"ShortTCPHostName", NULL, KW_SHORT_HOST, EL_TEXT},
    {"TCPHostName", NULL, KW_HOST, EL_TEXT},
    {"TCPHostNameDomain", NULL, KW_HOST_DOMAIN, EL_TEXT},
};
#define NKEYWORDS (sizeof keywords / sizeof keywords[0])

static const struct keyword *keyword_named(struct str word)
{
    for (size_t i = 0; i < NKEYWORDS; i++)
        if (str_is(word, keywords[i].vm) ||
            (keywords[i].mvs != NULL && str_is(word, keywords[i].mvs)))
            return &keywords[i];
    return NULL;
}

static struct str short_host(struct str host)
{
    ptrdiff_t dot = str_find(host, '.');
    return dot < 0 ? host : str_sub(host, 0, (size_t)dot);
}

static struct str keyword_value(const struct rules_env *env, const struct keyword *k)
{
    switch (k->id) {
    case KW_ALT_DOMAIN:
        return env->alt_rscs_domain;
    case KW_DOMAIN:
        return env->rscs_domain;
    case KW_NODE:
        return env->node;
    case KW_SHORT_HOST:
        return short_host(env->host);
    case KW_HOST:
        return env->host;
    case KW_HOST_DOMAIN:
        return env->domain;
    default:
        return STR("");
    }
}

/* A keyword without a value makes its rules void, it is no error: one file serves many systems. */
static bool keyword_null(const struct rules_env *env, const struct keyword *k)
{
    if (k->id == KW_ALT_HOST)
        return env->nalt_host == 0;
    if (k->id == KW_NICK_ADDR || k->id == KW_NICK_NAME)
        return !env->secure;
    return k->kind == EL_TEXT && keyword_value(env, k).n == 0;
}

static bool is_reserved(struct str word)
{
    static const char *const words[] = {"IF", "THEN", "ELSE", "ENDIF", "NOT", "CONTAINS"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (str_is(word, words[i]))
            return true;
    return keyword_named(word) != NULL;
}

/* --- errors --- */

static void error(struct parser *p, unsigned line, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void error(struct parser *p, unsigned line, const char *fmt, ...)
{
    char text[300];
    va_list ap;
    if (p->quiet)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (p->errors == 0)
        why_set(p->w, E_SYNTAX, 0, NULL, "line %u: %s", line, text);
    if (p->errors++ < ERRORS_MAX && p->report != NULL)
        p->report(p->arg, line, text);
}

/* --- tokens --- */

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static void skip_space(struct parser *p)
{
    while (p->rest.n > 0) {
        char c = p->rest.p[0];
        if (c == '-' && p->rest.n > 1 && p->rest.p[1] == '-') {
            ptrdiff_t end = str_find(p->rest, '\n');
            p->rest = str_sub(p->rest, end < 0 ? p->rest.n : (size_t)end, p->rest.n);
        } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f') {
            p->line += c == '\n';
            p->rest = str_sub(p->rest, 1, p->rest.n);
        } else {
            return;
        }
    }
}

static struct str cut(struct parser *p, size_t n)
{
    struct str s = str_sub(p->rest, 0, n);
    p->rest = str_sub(p->rest, n, p->rest.n);
    return s;
}

static void next_string(struct parser *p)
{
    char quote = p->rest.p[0];
    size_t n = 1;
    while (n < p->rest.n && p->rest.p[n] != quote && p->rest.p[n] != '\n' && p->rest.p[n] != '\r')
        n++;
    p->tok.nocase = quote == '\'';
    if (n < p->rest.n && p->rest.p[n] == quote) {
        p->tok.kind = T_STRING;
        p->tok.text = str_sub(cut(p, n + 1), 1, n - 1);
    } else {
        p->tok.kind = T_BAD;
        p->tok.text = cut(p, n);
        error(p, p->line, "the string %.*s has no closing quote on its line",
              STR_ARG(str_sub(p->tok.text, 0, 40)));
    }
}

static void next(struct parser *p)
{
    skip_space(p);
    p->tok = (struct token){.kind = T_END, .line = p->line};
    if (p->rest.n == 0)
        return;
    char c = p->rest.p[0];
    size_t n = 0;
    if (c == '\'' || c == '"') {
        next_string(p);
    } else if (is_word_char(c)) {
        while (n < p->rest.n && is_word_char(p->rest.p[n]))
            n++;
        p->tok.kind = T_WORD;
        p->tok.text = cut(p, n);
    } else if (c == '=' && p->rest.n > 1 && p->rest.p[1] == '>') {
        p->tok.kind = T_ARROW;
        p->tok.text = cut(p, 2);
    } else if (c == '=' || c == ':' || c == ';' || c == '+' || c == '-') {
        p->tok.kind = T_SIGN;
        p->tok.text = cut(p, c == '-' && p->rest.n > 1 && p->rest.p[1] == '>' ? 2 : 1);
    } else {
        p->tok.kind = T_BAD;
        p->tok.text = cut(p, 1);
        if (c > ' ' && c < 0x7f)
            error(p, p->line, "'%c' means nothing outside a string", c);
        else
            error(p, p->line, "a byte X'%02X' means nothing here", (unsigned char)c);
    }
}

static bool at_sign(const struct parser *p, char c)
{
    return p->tok.kind == T_SIGN && p->tok.text.n == 1 && p->tok.text.p[0] == c;
}

static bool at_word(const struct parser *p, const char *word)
{
    return p->tok.kind == T_WORD && str_is(p->tok.text, word);
}

static bool at_frame(const struct parser *p)
{
    return at_word(p, "IF") || at_word(p, "ELSE") || at_word(p, "ENDIF");
}

/* Behind the statement's semicolon; when that is missing, before the next word that frames rules.
 */
static void skip_statement(struct parser *p)
{
    while (p->tok.kind != T_END && !at_sign(p, ';') && !at_frame(p))
        next(p);
    if (at_sign(p, ';'))
        next(p);
}

/* What stands there, for an error's words. */
static struct str seen(const struct parser *p)
{
    return p->tok.kind == T_END ? STR("the end of the file") : str_sub(p->tok.text, 0, 40);
}

static void expected(struct parser *p, const char *what)
{
    if (p->tok.kind != T_BAD) /* the token has been complained about */
        error(p, p->tok.line, "%s is expected before \"%.*s\"", what, STR_ARG(seen(p)));
    skip_statement(p);
}

/* --- field definitions --- */

static const char *const default_fields[] = {
    "Bcc",           "Cc",          "From",   "Reply-To", "Resent-From", "Resent-Reply-To",
    "Resent-Sender", "Return-Path", "Sender", "To"};

bool rules_in_set(const struct field_set *set, struct str field)
{
    for (size_t i = 0; i < set->n; i++)
        if (str_eq_nocase(set->field[i], field))
            return true;
    return false;
}

static struct field_set *alias_named(struct rules *r, struct str name)
{
    for (size_t i = 0; i < r->nalias; i++)
        if (str_eq_nocase(r->alias[i].name, name))
            return &r->alias[i];
    return NULL;
}

static void set_add(struct parser *p, struct field_set *set, struct str field)
{
    if (rules_in_set(set, field))
        return;
    if (set->n == RULES_NAMES_MAX)
        error(p, p->tok.line, "more than %u fields in one alias", RULES_NAMES_MAX);
    else
        set->field[set->n++] = field;
}

static void set_remove(struct field_set *set, struct str field)
{
    size_t kept = 0;
    for (size_t i = 0; i < set->n; i++)
        if (!str_eq_nocase(set->field[i], field))
            set->field[kept++] = set->field[i];
    set->n = kept;
}

static void set_combine(struct parser *p, struct field_set *set, const struct field_set *with,
                        bool minus)
{
    for (size_t i = 0; i < with->n; i++) {
        if (minus)
            set_remove(set, with->field[i]);
        else
            set_add(p, set, with->field[i]);
    }
}

static void set_new(struct parser *p, struct field_set *set, struct str name)
{
    set->name = arena_str(p->rules->arena, name);
    set->field = arena_alloc(p->rules->arena, RULES_NAMES_MAX * sizeof *set->field);
    set->n = 0;
}

/* One operand of an alias's expression: a field's name or an alias defined above. */
static bool operand(struct parser *p, struct field_set *set, bool minus)
{
    if (p->tok.kind == T_STRING) {
        struct str name = str_trim(p->tok.text);
        if (name.n == 0 || str_find(name, ':') >= 0 || str_find(name, ' ') >= 0) {
            error(p, p->tok.line, "'%.*s' is no field name (written without its colon)",
                  STR_ARG(str_sub(name, 0, 40)));
            return false;
        }
        struct str field = arena_str(p->rules->arena, name);
        struct field_set one = {.field = &field, .n = 1};
        set_combine(p, set, &one, minus);
    } else if (p->tok.kind == T_WORD) {
        const struct field_set *with = alias_named(p->rules, p->tok.text);
        if (with == NULL) {
            error(p, p->tok.line, "there is no alias %.*s above; field names stand in quotes",
                  STR_ARG(str_sub(p->tok.text, 0, 40)));
            return false;
        }
        set_combine(p, set, with, minus);
    }
    next(p);
    return true;
}

/* alias = 'Name' Alias + 'Name' - 'Name' ; read from left to right. */
static bool alias_expression(struct parser *p, struct field_set *set)
{
    bool minus = false, want = true; /* want: an operand must follow */
    while (p->tok.kind == T_STRING || p->tok.kind == T_WORD || at_sign(p, '+') || at_sign(p, '-')) {
        if (p->tok.kind == T_SIGN) {
            if (want)
                break;
            minus = at_sign(p, '-');
            want = true;
            next(p);
        } else {
            if (!operand(p, set, minus))
                return false;
            minus = want = false;
        }
    }
    if (!want && at_sign(p, ';'))
        return true;
    if (p->tok.kind != T_BAD)
        error(p, p->tok.line, "%s is expected before \"%.*s\"",
              want ? "a field name or an alias" : "a semicolon", STR_ARG(seen(p)));
    return false;
}

static void alias_store(struct parser *p, const struct field_set *set, unsigned line)
{
    struct field_set *old = alias_named(p->rules, set->name);
    if (old != NULL && old->defined)
        error(p, line, "the alias %.*s is defined twice", STR_ARG(set->name));
    else if (old == NULL && p->rules->nalias == RULES_ALIASES_MAX)
        error(p, line, "more than %u aliases", RULES_ALIASES_MAX);
    else
        *(old != NULL ? old : &p->rules->alias[p->rules->nalias++]) = *set;
}

static void field_statement(struct parser *p)
{
    unsigned line = p->tok.line;
    struct str name = p->tok.text;
    struct field_set set = {.defined = true};
    if (p->tok.kind != T_WORD) {
        expected(p, "the name of an alias");
        return;
    }
    if (is_reserved(name)) {
        error(p, line, "%.*s is a word of the language, no alias can have its name", STR_ARG(name));
        next(p);
        skip_statement(p);
        return;
    }
    next(p);
    if (!at_sign(p, '=')) {
        expected(p, "\"=\"");
        return;
    }
    next(p);
    set_new(p, &set, str_sub(name, 0, 80));
    if (alias_expression(p, &set))
        alias_store(p, &set, line);
    skip_statement(p);
}

/* --- patterns --- */

/* A rule while it is read. */
struct draft {
    struct rule rule;
    struct elem left[RULES_ELEMS_MAX], right[RULES_ELEMS_MAX];
    unsigned slots;
    bool wrong;
};

static void wrong(struct draft *d)
{
    d->wrong = true;
}

static struct elem *add_elem(struct parser *p, struct draft *d, bool right, enum elem_kind kind)
{
    static struct elem none;
    size_t *n = right ? &d->rule.nright : &d->rule.nleft;
    if (*n == RULES_ELEMS_MAX) {
        if (!d->wrong)
            error(p, p->tok.line, "more than %u parts on one side of a rule", RULES_ELEMS_MAX);
        wrong(d);
        return &none;
    }
    struct elem *e = right ? &d->right[*n] : &d->left[*n];
    *e = (struct elem){.kind = kind};
    ++*n;
    return e;
}

/* Adjacent texts that compare alike become one. */
static void add_text(struct parser *p, struct draft *d, bool right, struct str text, bool nocase)
{
    size_t n = right ? d->rule.nright : d->rule.nleft;
    struct elem *last = n > 0 ? &(right ? d->right : d->left)[n - 1] : NULL;
    if (text.n == 0)
        return;
    if (last != NULL && last->kind == EL_TEXT && last->nocase == nocase &&
        last->text.n + text.n <= RULES_ADDRESS_MAX) {
        last->text = arena_printf(p->rules->arena, "%.*s%.*s", STR_ARG(last->text), STR_ARG(text));
        return;
    }
    struct elem *e = add_elem(p, d, right, EL_TEXT);
    e->text = arena_str(p->rules->arena, text);
    e->nocase = nocase;
}

static bool is_run(const struct elem *e)
{
    return e->kind == EL_WILD || e->kind == EL_DOMAIN;
}

static void new_slot(struct parser *p, struct draft *d, struct elem *e)
{
    if (d->slots == RULES_SLOTS) {
        error(p, p->tok.line, "more than %u different parts on the left", RULES_SLOTS);
        wrong(d);
        return;
    }
    e->slot = d->slots++;
}

/* What one cannot tell the end of may not stand beside another such thing. */
static void check_beside(struct parser *p, struct draft *d)
{
    size_t n = d->rule.nleft;
    if (n < 2 || d->wrong || !is_run(&d->left[n - 1]) || !is_run(&d->left[n - 2]))
        return;
    error(p, p->tok.line,
          "%.*s directly follows another wildcard: nothing tells where the first one ends",
          STR_ARG(p->tok.text));
    wrong(d);
}

static void left_wild(struct parser *p, struct draft *d)
{
    struct elem *e = add_elem(p, d, false, EL_WILD);
    e->text = p->tok.text;
    for (size_t i = 0; i + 1 < d->rule.nleft; i++)
        if (d->left[i].kind == EL_WILD && str_eq_nocase(d->left[i].text, e->text)) {
            e->slot = d->left[i].slot; /* the same name means the same text */
            check_beside(p, d);
            return;
        }
    new_slot(p, d, e);
    check_beside(p, d);
}

static size_t count_left(const struct draft *d, enum elem_kind kind, struct elem *found)
{
    size_t n = 0;
    for (size_t i = 0; i < d->rule.nleft; i++)
        if (d->left[i].kind == kind) {
            *found = d->left[i];
            n++;
        }
    return n;
}

static void right_wild(struct parser *p, struct draft *d)
{
    for (size_t i = 0; i < d->rule.nleft; i++)
        if (d->left[i].kind == EL_WILD && str_eq_nocase(d->left[i].text, p->tok.text)) {
            *add_elem(p, d, true, EL_WILD) = d->left[i];
            return;
        }
    error(p, p->tok.line, "%.*s is unbound: it stands on the right only", STR_ARG(p->tok.text));
    wrong(d);
}

/* A keyword with many values on the right: the left must say which, once. The two Secure ones tell
 * each other. */
static void right_many(struct parser *p, struct draft *d, const struct keyword *k)
{
    struct elem found = {.kind = k->kind}, other;
    size_t n = count_left(d, k->kind, &found);
    if (k->kind == EL_NICK_ADDR)
        n += count_left(d, EL_NICK_NAME, n > 0 ? &other : &found);
    else if (k->kind == EL_NICK_NAME)
        n += count_left(d, EL_NICK_ADDR, n > 0 ? &other : &found);
    if (n == 1) {
        struct elem *e = add_elem(p, d, true, k->kind);
        e->slot = found.slot;
        d->rule.nick_is_left = d->rule.nick_is_left || found.kind == EL_NICK_NAME;
        return;
    }
    error(p, p->tok.line,
          n == 0 ? "%.*s is unbound: it has many values and does not stand on the left"
                 : "%.*s is ambiguous: it has many values and stands on the left more than once",
          STR_ARG(p->tok.text));
    wrong(d);
}

static void keyword(struct parser *p, struct draft *d, bool right, const struct keyword *k)
{
    if (keyword_null(p->env, k) && d->rule.ignored == NULL)
        d->rule.ignored = k->vm;
    if (k->kind == EL_TEXT) {
        add_text(p, d, right, keyword_value(p->env, k), true);
    } else if (right) {
        right_many(p, d, k);
    } else {
        new_slot(p, d, add_elem(p, d, false, k->kind));
        check_beside(p, d);
    }
}

/* One part of a pattern; false when the token is none. */
static bool part(struct parser *p, struct draft *d, bool right)
{
    const struct keyword *k = p->tok.kind == T_WORD ? keyword_named(p->tok.text) : NULL;
    if (p->tok.kind == T_STRING)
        add_text(p, d, right, p->tok.text, p->tok.nocase);
    else if (k != NULL)
        keyword(p, d, right, k);
    else if (p->tok.kind != T_WORD || is_reserved(p->tok.text))
        return false;
    else if (right)
        right_wild(p, d);
    else
        left_wild(p, d);
    return true;
}

static void put_token(struct buf *b, const struct token *t)
{
    const char *quote = t->kind != T_STRING ? "" : t->nocase ? "'" : "\"";
    if (b->n > 0)
        buf_u8(b, ' ');
    buf_printf(b, "%s%.*s%s", quote, STR_ARG(t->text), quote);
}

/* Parts up to what is none; their words go to *source. */
static void side(struct parser *p, struct draft *d, bool right, struct buf *source)
{
    while (part(p, d, right)) {
        put_token(source, &p->tok);
        next(p);
    }
}

static void store(struct parser *p, struct draft *d, struct buf *source)
{
    struct rules *r = p->rules;
    struct rule *rule = &d->rule;
    if (r->nrule == RULES_MAX) {
        error(p, rule->line, "more than %u rules", RULES_MAX);
        return;
    }
    rule->source = arena_str(r->arena, buf_text(source));
    rule->left = arena_alloc(r->arena, (rule->nleft + 1) * sizeof *rule->left);
    rule->right = arena_alloc(r->arena, (rule->nright + 1) * sizeof *rule->right);
    for (size_t i = 0; i < rule->nleft; i++) {
        rule->left[i] = d->left[i];
        rule->least += d->left[i].kind == EL_TEXT ? d->left[i].text.n : 1;
    }
    for (size_t i = 0; i < rule->nright; i++)
        rule->right[i] = d->right[i];
    r->rule = mem_grow(r->rule, r->nrule + 1, sizeof *r->rule);
    r->rule[r->nrule++] = *rule;
}

/* The alias before a colon, which is already behind us. */
static void rule_alias(struct parser *p, struct draft *d, const struct token *name)
{
    struct field_set *set = alias_named(p->rules, name->text);
    if (set == NULL) {
        error(p, name->line, "there is no alias %.*s in the Field Definition Section",
              STR_ARG(str_sub(name->text, 0, 40)));
        wrong(d);
        return;
    }
    d->rule.alias = (size_t)(set - p->rules->alias);
}

/* Is a colon behind the word that stands here? Both are taken when it is. */
static bool take_alias(struct parser *p)
{
    struct token tok = p->tok;
    struct str rest = p->rest;
    unsigned line = p->line;
    p->quiet = true;
    next(p);
    p->quiet = false;
    if (at_sign(p, ':')) {
        next(p);
        return true;
    }
    p->tok = tok, p->rest = rest, p->line = line;
    return false;
}

static void left_side(struct parser *p, struct draft *d, struct buf *source)
{
    struct token first = p->tok;
    if (first.kind == T_WORD && take_alias(p)) {
        rule_alias(p, d, &first);
        put_token(source, &first);
        buf_z(source, " :");
    }
    side(p, d, false, source);
}

static void finish_rule(struct parser *p, struct draft *d, bool active, struct buf *source)
{
    bool null = d->rule.ignored != NULL || d->wrong;
    if (d->rule.nleft == 0 && !null)
        error(p, d->rule.line, "nothing stands on the left of the rule");
    else if (d->rule.nright == 0 && !null)
        error(p, d->rule.line, "nothing stands on the right of the rule");
    else if (active && !d->wrong)
        store(p, d, source);
    skip_statement(p);
}

static void rule_statement(struct parser *p, bool active)
{
    struct draft d = {.rule = {.line = p->tok.line}};
    struct buf source;
    buf_init(&source, 8192);
    left_side(p, &d, &source);
    if (p->tok.kind == T_ARROW) {
        put_token(&source, &p->tok);
        next(p);
        side(p, &d, true, &source);
        if (at_sign(p, ';'))
            finish_rule(p, &d, active, &source);
        else
            expected(p, "a semicolon");
    } else {
        expected(p, p->tok.kind == T_SIGN && str_is(p->tok.text, "->")
                        ? "\"=>\" (\"->\" is no arrow of a rule)"
                        : "\"=>\"");
    }
    buf_done(&source);
}

/* --- conditions --- */

static bool in_force(const struct parser *p)
{
    if (p->depth == 0)
        return true;
    const struct frame *f = &p->frame[p->depth - 1];
    return f->outer && f->truth != f->other;
}

static bool same_text(struct str a, struct str b, bool nocase)
{
    return nocase ? str_eq_nocase(a, b) : str_eq(a, b);
}

static bool contains(struct str hay, struct str needle, bool nocase)
{
    for (size_t i = 0; i + needle.n <= hay.n; i++)
        if (same_text(str_sub(hay, i, needle.n), needle, nocase))
            return true;
    return false;
}

/* keyword [NOT] = 'string' | keyword [NOT] CONTAINS 'string', then THEN. */
static bool condition(struct parser *p, bool *truth)
{
    const struct keyword *k = p->tok.kind == T_WORD ? keyword_named(p->tok.text) : NULL;
    if (k == NULL || k->kind != EL_TEXT) {
        if (p->tok.kind != T_BAD)
            error(p, p->tok.line,
                  k != NULL ? "%.*s has many values, IF cannot ask for it"
                            : "IF must ask for a keyword, not for \"%.*s\"",
                  STR_ARG(seen(p)));
        return false;
    }
    next(p);
    bool negated = at_word(p, "NOT");
    if (negated)
        next(p);
    bool has = at_word(p, "CONTAINS");
    if (!has && !at_sign(p, '=')) {
        error(p, p->tok.line, "= or CONTAINS is expected before \"%.*s\"", STR_ARG(seen(p)));
        return false;
    }
    next(p);
    struct token with = p->tok;
    if (with.kind != T_STRING) {
        error(p, p->tok.line, "a string is expected before \"%.*s\"", STR_ARG(seen(p)));
        return false;
    }
    next(p);
    if (!at_word(p, "THEN")) {
        error(p, p->tok.line, "THEN is expected before \"%.*s\"", STR_ARG(seen(p)));
        return false;
    }
    struct str value = keyword_value(p->env, k);
    *truth = (has ? contains(value, with.text, with.nocase)
                  : same_text(value, with.text, with.nocase)) != negated;
    return true;
}

/* A condition that cannot be read opens its IF all the same, so that its ENDIF fits. */
static void if_word(struct parser *p)
{
    struct frame f = {.line = p->tok.line, .outer = in_force(p)};
    next(p);
    if (!condition(p, &f.truth))
        while (p->tok.kind != T_END && !at_word(p, "THEN") && !at_sign(p, ';'))
            next(p);
    next(p);
    if (p->depth == IF_DEPTH)
        error(p, f.line, "IF is nested deeper than %u", IF_DEPTH);
    else
        p->frame[p->depth++] = f;
}

static void else_word(struct parser *p)
{
    if (p->depth == 0)
        error(p, p->tok.line, "ELSE without IF");
    else if (p->frame[p->depth - 1].other)
        error(p, p->tok.line, "a second ELSE for the IF of line %u", p->frame[p->depth - 1].line);
    else
        p->frame[p->depth - 1].other = true;
    next(p);
}

static void endif_word(struct parser *p)
{
    if (p->depth == 0)
        error(p, p->tok.line, "ENDIF without IF");
    else
        p->depth--;
    next(p);
}

/* --- the file --- */

/* "Field Definition Section", "Rule Definition Section": taken when it stands here. */
static bool heading(struct parser *p, const char *first)
{
    struct token tok = p->tok;
    struct str rest = p->rest;
    unsigned line = p->line;
    bool good = at_word(p, first);
    p->quiet = true;
    if (good) {
        next(p);
        good = at_word(p, "DEFINITION");
    }
    if (good) {
        next(p);
        good = at_word(p, "SECTION");
    }
    p->quiet = false;
    if (good)
        next(p);
    else
        p->tok = tok, p->rest = rest, p->line = line;
    return good;
}

static void rule_section(struct parser *p)
{
    while (p->tok.kind != T_END) {
        if (at_word(p, "IF"))
            if_word(p);
        else if (at_word(p, "ELSE"))
            else_word(p);
        else if (at_word(p, "ENDIF"))
            endif_word(p);
        else if (at_sign(p, ';'))
            next(p);
        else
            rule_statement(p, in_force(p));
    }
    for (; p->depth > 0; p->depth--)
        error(p, p->frame[p->depth - 1].line, "this IF has no ENDIF");
}

static void file(struct parser *p)
{
    next(p);
    if (heading(p, "FIELD")) {
        while (p->tok.kind != T_END) {
            if (heading(p, "RULE")) {
                rule_section(p);
                return;
            }
            if (at_sign(p, ';'))
                next(p);
            else
                field_statement(p);
        }
        error(p, p->line, "there is no Rule Definition Section");
    } else if (heading(p, "RULE")) {
        rule_section(p);
    } else {
        error(p, p->tok.line,
              "the file must begin with \"Field Definition Section\" or \"Rule Definition "
              "Section\"");
    }
}

static struct rules *new_rules(const struct rules_env *env)
{
    struct rules *r = mem_new(sizeof *r);
    r->arena = arena_new(64u << 20);
    size_t n = sizeof default_fields / sizeof default_fields[0];
    struct field_set *set = &r->alias[r->nalias++];
    *set = (struct field_set){.name = STR("DefaultFields"), .n = n};
    set->field = arena_alloc(r->arena, n * sizeof *set->field);
    for (size_t i = 0; i < n; i++)
        set->field[i] = str_of(default_fields[i]);
    r->alt_host = arena_alloc(r->arena, (env->nalt_host + 1) * sizeof *r->alt_host);
    for (size_t i = 0; i < env->nalt_host; i++)
        r->alt_host[r->nalt_host++] = arena_str(r->arena, env->alt_host[i]);
    return r;
}

struct rules *rules_parse(const struct rules_env *env, struct str text, rules_report_fn *report,
                          void *arg, struct why *w)
{
    struct parser p = {.rules = new_rules(env),
                       .env = env,
                       .report = report,
                       .arg = arg,
                       .w = w,
                       .rest = text,
                       .line = 1};
    if (text.n > RULES_TEXT_MAX)
        error(&p, 1, "the file is larger than %u bytes", RULES_TEXT_MAX);
    else
        file(&p);
    if (arena_full(p.rules->arena))
        error(&p, p.line, "the rules need too much memory");
    if (p.errors > 0)
        rules_free(&p.rules);
    return p.rules;
}

void rules_free(struct rules **r)
{
    if (*r == NULL)
        return;
    arena_free(&(*r)->arena);
    free((*r)->rule);
    free(*r);
    *r = NULL;
}
