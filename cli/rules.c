/* cli/rules.c -- njegate rules: a rules file checked, a header line explained. */
#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"
#include "gateway/config/headrules.h"

/* --- check --- */

static void print_error(void *arg, unsigned line, const char *text)
{
    fprintf(stderr, "%s:%u: %s\n", (const char *)arg, line, text);
}

static void print_count(struct cli *c, const struct rules *r)
{
    static const struct column columns[] = {
        {"file", COL_TEXT}, {"rules", COL_NUMBER}, {"ignored", COL_NUMBER}};
    size_t ignored, n = rules_count(r, &ignored);
    struct table *t = table_new(columns, 3);
    table_text(t, str_of(c->word[2]));
    table_number(t, (int64_t)n);
    table_number(t, (int64_t)ignored);
    if (c->json)
        table_print(t, stdout, true, true);
    else if (ignored > 0)
        printf("%s: %zu rules, %zu of them not in force (a keyword has no value)\n", c->word[2], n,
               ignored);
    else
        printf("%s: %zu rules\n", c->word[2], n);
    table_free(&t);
}

int cli_rules_check(struct cli *c)
{
    struct buf text;
    struct why w;
    int status = cli_conf(c);
    if (status != CLI_DONE)
        return status;
    if (headrules_read(c->word[2], &text, &w) < 0)
        return cli_error(CLI_REFUSED, "%s", w.text);
    struct rules_env env = headrules_env(c->conf);
    struct rules *r = rules_parse(&env, buf_text(&text), print_error, c->word[2], &w);
    buf_done(&text);
    if (r == NULL)
        return CLI_REFUSED;
    print_count(c, r);
    rules_free(&r);
    return CLI_DONE;
}

/* --- explain --- */

struct explained {
    struct table *table; /* NULL: for people, lines at once */
    struct arena *arena;
    struct str address; /* the one before */
};

static void show_try(void *arg, struct str address, unsigned line, struct str rule, bool matched,
                     struct str result)
{
    struct explained *e = arg;
    if (line == 0)
        rule = STR("an Internet address of its own (LOCALUSER MBOX, nickname, alias)");
    if (e->table != NULL) {
        table_text(e->table, address);
        table_number(e->table, line);
        table_text(e->table, rule);
        table_bool(e->table, matched);
        table_text(e->table, result);
        return;
    }
    if (!str_eq(address, e->address)) {
        printf("%.*s\n", STR_ARG(address));
        e->address = arena_str(e->arena, address);
    }
    if (line > 0)
        printf("  line %u: ", line);
    else
        printf("  ");
    printf("%.*s: %s%.*s\n", STR_ARG(rule), matched ? "gives " : "no", STR_ARG(result));
}

/* The last line, and the last object, is the field as it leaves. */
static void show_result(struct explained *e, struct str field, struct str value, bool changed)
{
    struct str whole =
        arena_printf(e->arena, "%.*s: %.*s", STR_ARG(field), STR_ARG(str_trim(value)));
    if (e->table == NULL) {
        printf("%.*s\n", STR_ARG(whole));
        return;
    }
    table_text(e->table, field);
    table_number(e->table, 0);
    table_text(e->table, STR("result"));
    table_bool(e->table, changed);
    table_text(e->table, whole);
}

static void explain(struct cli *c, struct explained *e, struct db *d, struct str field,
                    struct str value)
{
    struct headrules about = {.conf = c->conf, .db = d, .arena = e->arena};
    struct rules_ask ask = headrules_ask(&about);
    struct rules_use use = {.rules = c->conf->rules,
                            .ask = &ask,
                            .origin = c->conf->local,
                            .trace = show_try,
                            .trace_arg = e};
    struct buf out;
    struct why w;
    buf_init(&out, RULES_FIELD_MAX);
    int v = 0;
    if (use.rules == NULL)
        cli_error(CLI_DONE, "REWRITE822HEADER NO: no header is rewritten");
    else if (!rules_covers(use.rules, field))
        cli_error(CLI_DONE, "%.*s is in no rule's fields", STR_ARG(field));
    else
        v = rules_field(&use, field, value, &out, &w);
    if (v < 0)
        cli_error(CLI_DONE, "left alone: %s", w.text);
    show_result(e, field, v > 0 ? buf_text(&out) : value, v > 0);
    buf_done(&out);
}

int cli_rules_explain(struct cli *c)
{
    static const struct column columns[] = {{"address", COL_TEXT},
                                            {"line", COL_NUMBER},
                                            {"rule", COL_TEXT},
                                            {"matched", COL_BOOL},
                                            {"result", COL_TEXT}};
    struct str text = str_of(c->word[2]);
    ptrdiff_t colon = str_find(text, ':');
    struct db *d = NULL;
    struct why w;
    int status = cli_conf(c);
    if (status != CLI_DONE)
        return status;
    if (colon <= 0)
        return cli_error(CLI_USAGE, "\"%s\" is no header line: write it as 'From: text'",
                         c->word[2]);
    /* Nicknames and the security table, when there is a database. */
    if (access(c->conf->database.p, F_OK) == 0 && db_open(&d, c->conf->database.p, DB_READ, &w) < 0)
        return cli_error(CLI_INTERNAL, "%s", w.text);
    struct explained e = {.table = c->json ? table_new(columns, 5) : NULL,
                          .arena = arena_new(16u << 20)};
    explain(c, &e, d, str_trim(str_sub(text, 0, (size_t)colon)),
            str_trim(str_sub(text, (size_t)colon + 1, text.n)));
    if (e.table != NULL)
        table_print(e.table, stdout, true, false);
    table_free(&e.table);
    arena_free(&e.arena);
    if (d != NULL)
        db_close(&d);
    return CLI_DONE;
}
