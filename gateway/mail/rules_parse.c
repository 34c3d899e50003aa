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

/* --- errors ----------------------------------------------------------------------------------- */

static void error(struct parser *p, unsigned line, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void error(struct parser *p, unsigned line, const char *fmt, ...)
{
    char text[300];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (p->errors == 0)
        why_set(p->w, E_SYNTAX, 0, NULL, "line %u: %s", line, text);
    if (p->errors++ < ERRORS_MAX && p->report != NULL)
        p->report(p->arg, line, text);
}

/* --- tokens ----------------------------------------------------------------------------------- */

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
        p->tok.text = cut(p, 1);
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
    return p->tok.kind == T_SIGN && p->tok.text.p[0] == c;
}

static bool at_word(const struct parser *p, const char *word)
{
    return p->tok.kind == T_WORD && str_is(p->tok.text, word);
}

/* After an error: behind the statement's semicolon. */
static void skip_statement(struct parser *p)
{
    while (p->tok.kind != T_END && !at_sign(p, ';'))
        next(p);
    if (p->tok.kind != T_END)
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

/* --- field definitions ------------------------------------------------------------------------ */

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
    while (p->tok.kind == T_STRING || p->tok.kind == T_WORD || at_sign(p, '+') ||
           at_sign(p, '-')) {
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
    static const char twice[] = "the alias %.*s is defined twice";
    if (old == &p->rules->alias[0] && old->name.p == default_fields[0])
        error(p, line, twice, STR_ARG(set->name));
    else if (old != NULL && old != &p->rules->alias[0])
        error(p, line, twice, STR_ARG(set->name));
    else if (old == NULL && p->rules->nalias == RULES_ALIASES_MAX)
        error(p, line, "more than %u aliases", RULES_ALIASES_MAX);
    else if (old != NULL)
        *old = *set;
    else
        p->rules->alias[p->rules->nalias++] = *set;
}
