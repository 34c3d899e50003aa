/* cli/secure.c -- njegate's verbs on who may: the security table, RESTRICT, the access
 * list. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "aliases/addr.h"
#include "db/accessrow.h"
#include "db/restrictrow.h"
#include "cli/cli.h"
#include "rscs/route.h"
#include "security/sectab.h"

#define FILE_MAX (64u << 20) /* 100 000 rows are 4 MiB */

/* Print and free the table unless reading it failed. */
static int print(struct cli *c, struct table *t, int v, const struct why *w)
{
    if (v >= 0)
        table_print(t, stdout, c->json, false);
    table_free(&t);
    return v < 0 ? cli_failed(w) : CLI_DONE;
}

/* "USER@NODE" with "*" for either when wild. */
static bool split_user(struct arena *a, struct str text, bool wild, struct str *user,
                       struct str *node)
{
    ptrdiff_t at = str_find_last(text, '@');
    if (at <= 0)
        return false;
    *user = arena_upper(a, str_sub(text, 0, (size_t)at));
    *node = arena_upper(a, str_sub(text, (size_t)at + 1, text.n));
    return ((wild && str_is(*user, "*")) || addr_userid_ok(*user)) &&
           ((wild && str_is(*node, "*")) || addr_userid_ok(*node));
}

/* --- the security table --- */

static int secure_cells(void *arg, const struct sec_row *r)
{
    struct table *t = arg;
    table_text(t, r->user);
    table_text(t, r->node);
    table_text(t, r->nick);
    table_bool(t, r->primary_nick);
    table_bool(t, r->primary_mbox);
    return 0;
}

int cli_secure_list(struct cli *c)
{
    static const struct column columns[] = {{"user", COL_TEXT},
                                            {"node", COL_TEXT},
                                            {"nick", COL_TEXT},
                                            {"primary_nick", COL_BOOL},
                                            {"primary_mbox", COL_BOOL}};
    struct db *d;
    struct why w;
    int status = cli_db(c, DB_CREATE, &d);
    if (status != CLI_DONE)
        return status;
    struct table *t = table_new(columns, 5);
    int v = secrow_each(d, secure_cells, t, &w);
    db_close(&d);
    return print(c, t, v, &w);
}

static bool has_route(const struct conf *conf, struct str node)
{
    struct nje_name name;
    struct why w;
    struct routes *routes = routes_new();
    for (size_t i = 0; i < conf->nroute; i++)
        (void)!routes_add(routes, conf->route[i].pattern, conf->route[i].link, &w);
    for (size_t i = 0; i < conf->nlink; i++)
        (void)!routes_add(routes, conf->link[i].node, conf->link[i].name, &w);
    bool has = str_eq_nocase(node, conf->local) ||
               (ebc_name(&name, node) && routes_link(routes, &name) != NULL);
    routes_free(&routes);
    return has;
}

void cli_warn_node(const struct conf *conf, struct str node)
{
    if (!has_route(conf, node))
        fprintf(stderr, "njegate: warning: there is no route to node %.*s\n", STR_ARG(node));
}

static int flag(struct str text, const char *what, bool *yes)
{
    *yes = str_is(text, "Y");
    if (*yes || str_is(text, "N"))
        return CLI_DONE;
    return cli_error(CLI_REFUSED, "%s is \"%.*s\": it must be Y or N", what, STR_ARG(text));
}

int cli_secure_add(struct cli *c)
{
    struct db *d;
    struct why w;
    char who[64];
    if (c->nword == 5 || c->nword == 6)
        return cli_error(CLI_USAGE, "NICK and its two flags go together: secure add USER NODE "
                                    "[NICK Y|N Y|N]");
    struct arena *a = arena_new(65536);
    struct sec_row row = {.user = arena_upper(a, cli_word(c, 2)),
                          .node = arena_upper(a, cli_word(c, 3)),
                          .nick = cli_word(c, 4),
                          .by = str_of(cli_who(who))};
    int status = CLI_DONE;
    if (row.nick.n > 0)
        status = flag(cli_word(c, 5), "primary_nick", &row.primary_nick);
    if (status == CLI_DONE && row.nick.n > 0)
        status = flag(cli_word(c, 6), "primary_mbox", &row.primary_mbox);
    if (status == CLI_DONE && sectab_check(&row, &w) < 0)
        status = cli_failed(&w);
    if (status == CLI_DONE)
        status = cli_db(c, DB_CREATE, &d);
    if (status == CLI_DONE) {
        cli_warn_node(c->conf, row.node);
        if (secrow_put(d, &row, &w) < 0)
            status = cli_failed(&w);
        db_close(&d);
    }
    arena_free(&a);
    return status;
}

int cli_secure_delete(struct cli *c)
{
    struct db *d;
    struct why w;
    int status = cli_db(c, DB_CREATE, &d);
    if (status != CLI_DONE)
        return status;
    char who[64];
    if (secrow_delete(d, cli_word(c, 2), cli_word(c, 3), cli_word(c, 4), str_of(cli_who(who)), &w) <
        0)
        status = cli_failed(&w);
    db_close(&d);
    return status;
}

static void tell_problem(void *arg, unsigned line, const char *text)
{
    const char *path = arg;
    if (line > 0)
        fprintf(stderr, "njegate: %s:%u: %s\n", path, line, text);
    else
        fprintf(stderr, "njegate: %s: %s\n", path, text);
}

static int read_file(const char *path, struct buf *text)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    if (f == NULL)
        return cli_error(CLI_REFUSED, "cannot read %s: %s", path, strerror(errno));
    char piece[65536];
    for (size_t n; (n = fread(piece, 1, sizeof piece, f)) > 0;)
        buf_add(text, piece, n);
    bool bad = ferror(f) != 0;
    int number = errno;
    if (f != stdin)
        fclose(f);
    if (bad)
        return cli_error(CLI_REFUSED, "cannot read %s: %s", path, strerror(number));
    if (text->over)
        return cli_error(CLI_REFUSED, "%s is larger than %u bytes", path, FILE_MAX);
    return CLI_DONE;
}

/* Read and check c->word[2]; every problem is printed. */
static int read_table(struct cli *c, struct arena *a, struct sectab *t)
{
    struct buf text;
    buf_init(&text, FILE_MAX);
    int status = read_file(c->word[2], &text);
    if (status == CLI_DONE &&
        sectab_read(a, arena_str(a, buf_text(&text)), t, tell_problem, c->word[2]) > 0)
        status = CLI_REFUSED;
    buf_done(&text);
    return status;
}

int cli_secure_check(struct cli *c)
{
    struct sectab t;
    struct arena *a = arena_new(SIZE_MAX / 4);
    int status = read_table(c, a, &t);
    if (status == CLI_DONE && !c->json)
        printf("%s: %zu records, all good\n", c->word[2], t.n);
    arena_free(&a);
    return status;
}

static void show_progress(size_t rows)
{
    fprintf(stderr, "\r%zu rows", rows);
}

int cli_secure_import(struct cli *c)
{
    struct db *d;
    struct why w;
    struct sectab t;
    char who[64];
    size_t bad;
    struct arena *a = arena_new(SIZE_MAX / 4);
    int status = read_table(c, a, &t);
    for (size_t i = 0; status == CLI_DONE && i < t.n; i++)
        t.row[i].by = str_of(cli_who(who));
    if (status == CLI_DONE)
        status = cli_db(c, DB_CREATE, &d);
    if (status == CLI_DONE) {
        bool terminal = isatty(STDERR_FILENO) != 0;
        const struct secrow_how how = {.replace = c->replace,
                                       .source = cli_word(c, 2),
                                       .by = str_of(cli_who(who)),
                                       .progress = terminal ? show_progress : NULL};
        int rc = secrow_import(d, t.row, t.n, &how, &bad, &w);
        if (terminal)
            fputs("\r\033[K", stderr);
        if (rc < 0)
            status = w.err == E_DENIED ? cli_error(CLI_REFUSED, "%s:%u: %s; nothing was changed",
                                                   c->word[2], t.line[bad], w.text)
                                       : cli_failed(&w);
        db_close(&d);
    }
    arena_free(&a);
    return status;
}

static int export_row(void *arg, const struct sec_row *row)
{
    struct buf line;
    buf_init(&line, 1024);
    sectab_write(&line, row);
    fwrite(line.p, 1, line.n, arg);
    buf_done(&line);
    return 0;
}

int cli_secure_export(struct cli *c)
{
    struct db *d;
    struct why w;
    int status = cli_db(c, DB_CREATE, &d);
    if (status != CLI_DONE)
        return status;
    puts("* userid         node     nickname primary_nick? primary_mbox?");
    if (secrow_each(d, export_row, stdout, &w) < 0)
        status = cli_failed(&w);
    db_close(&d);
    return status;
}

/* --- RESTRICT --- */

static void restrict_row_cells(struct table *t, const struct restrict_row *r)
{
    table_text(t, str_of(restrictrow_name(r->action)));
    table_text(t, r->transfer);
    table_text(t, r->user);
    table_text(t, r->node);
}

static int restrict_cells(void *arg, const struct restrict_row *r)
{
    restrict_row_cells(arg, r);
    return 0;
}

/* The table's entries, and those of the configuration before them: all that hold. */
int cli_restrict_list(struct cli *c)
{
    static const struct column columns[] = {
        {"action", COL_TEXT}, {"transfer", COL_TEXT}, {"user", COL_TEXT}, {"node", COL_TEXT}};
    struct db *d;
    struct why w;
    int status = cli_db(c, DB_CREATE, &d);
    if (status != CLI_DONE)
        return status;
    struct table *t = table_new(columns, 4);
    for (size_t i = 0; i < c->conf->nrestricted; i++)
        restrict_row_cells(t, &c->conf->restricted[i]);
    int v = restrictrow_each(d, restrict_cells, t, &w);
    db_close(&d);
    return print(c, t, v, &w);
}

static int read_action(struct cli *c, struct arena *a, struct restrict_row *row)
{
    struct why w;
    struct str action = cli_word(c, 2), rest = action, name;
    bool has_target = str_split(&rest, ':', &name) && rest.p != NULL;
    if (str_is(action, "PURGE"))
        row->action = RESTRICT_PURGE;
    else if (str_is(action, "RETURN"))
        row->action = RESTRICT_RETURN;
    else if (has_target && (str_is(name, "TRANSFERTO") || str_is(name, "TRANSFER")))
        row->action = RESTRICT_TRANSFER;
    else
        return cli_error(CLI_REFUSED, "\"%.*s\": must be PURGE, RETURN or TRANSFERTO:USER",
                         STR_ARG(action));
    if (row->action == RESTRICT_TRANSFER) {
        row->transfer = arena_upper(a, rest);
        if (conf_transfer(c->conf, row->transfer, &w) < 0)
            return cli_failed(&w);
    }
    return CLI_DONE;
}

int cli_restrict_add(struct cli *c)
{
    struct db *d;
    struct why w;
    char who[64];
    struct restrict_row row = {.by = str_of(cli_who(who))};
    int status = cli_conf(c);
    if (status != CLI_DONE)
        return status;
    struct arena *a = arena_new(65536);
    status = read_action(c, a, &row);
    if (status == CLI_DONE && !split_user(a, cli_word(c, 3), true, &row.user, &row.node))
        status = cli_error(CLI_REFUSED, "\"%s\" is not USER@NODE (or *@NODE, USER@*)", c->word[3]);
    if (status == CLI_DONE)
        status = cli_db(c, DB_CREATE, &d);
    if (status == CLI_DONE) {
        if (restrictrow_add(d, &row, &w) < 0)
            status = cli_failed(&w);
        db_close(&d);
    }
    arena_free(&a);
    return status;
}

int cli_restrict_delete(struct cli *c)
{
    struct db *d;
    struct why w;
    struct str user, node;
    struct arena *a = arena_new(65536);
    int status = CLI_DONE;
    if (!split_user(a, cli_word(c, 2), true, &user, &node))
        status = cli_error(CLI_REFUSED, "\"%s\" is not USER@NODE (or *@NODE, USER@*)", c->word[2]);
    if (status == CLI_DONE)
        status = cli_db(c, DB_CREATE, &d);
    if (status == CLI_DONE) {
        char who[64];
        if (restrictrow_delete(d, user, node, str_of(cli_who(who)), &w) < 0)
            status = cli_failed(&w);
        db_close(&d);
    }
    arena_free(&a);
    return status;
}

/* --- the access list --- */

static int access_cells(void *arg, const struct access_row *r)
{
    struct table *t = arg;
    table_text(t, r->user);
    table_text(t, r->node);
    table_bool(t, r->allowed);
    return 0;
}

int cli_access_list(struct cli *c)
{
    static const struct column columns[] = {
        {"user", COL_TEXT}, {"node", COL_TEXT}, {"allowed", COL_BOOL}};
    struct db *d;
    struct why w;
    int status = cli_db(c, DB_CREATE, &d);
    if (status != CLI_DONE)
        return status;
    struct table *t = table_new(columns, 3);
    int v = accessrow_each(d, access_cells, t, &w);
    db_close(&d);
    return print(c, t, v, &w);
}

int cli_access_set(struct cli *c)
{
    struct db *d;
    struct why w;
    char who[64];
    struct arena *a = arena_new(65536);
    struct access_row row = {.allowed = str_is(cli_word(c, 1), "allow"),
                             .by = str_of(cli_who(who))};
    int status = CLI_DONE;
    if (!split_user(a, cli_word(c, 2), true, &row.user, &row.node))
        status = cli_error(CLI_REFUSED, "\"%s\" is not USER@NODE (or *@NODE, USER@*)", c->word[2]);
    if (status == CLI_DONE)
        status = cli_db(c, DB_CREATE, &d);
    if (status == CLI_DONE) {
        if (accessrow_set(d, &row, &w) < 0)
            status = cli_failed(&w);
        db_close(&d);
    }
    arena_free(&a);
    return status;
}
