/* cli/history.c -- njegate history: who changed what of the directory, and when. */
#include "db/history.h"

#include <string.h>

#include "cli/cli.h"

static const struct column columns[] = {
    {"time", COL_TIME}, {"table", COL_TEXT}, {"name", COL_TEXT}, {"action", COL_TEXT},
    {"was", COL_TEXT},  {"now", COL_TEXT},   {"by", COL_TEXT}};

static int cells(void *arg, const struct history_row *r)
{
    struct table *t = arg;
    table_time(t, wall_s(r->at));
    table_text(t, r->table);
    table_text(t, r->name);
    table_text(t, r->action);
    table_text(t, r->was);
    table_text(t, r->now);
    table_text(t, r->by.n > 0 ? r->by : STR("?"));
    return 0;
}

/* history [TABLE [NAME]] */
int cli_history(struct cli *c)
{
    static const char *const tables[] = {"nick", "alias", "secure", "restrict", "access"};
    struct str table = c->nword > 1 ? str_of(c->word[1]) : STR("");
    struct str name = c->nword > 2 ? str_of(c->word[2]) : STR("");
    bool known = table.n == 0;
    struct db *d;
    struct why w;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        known = known || strcmp(tables[i], table.p) == 0;
    if (!known)
        return cli_error(CLI_REFUSED, "\"%s\" is no table: nick, alias, secure, restrict or access",
                         table.p);
    int status = cli_db(c, DB_CREATE, &d);
    if (status != CLI_DONE)
        return status;
    struct table *t = table_new(columns, sizeof columns / sizeof *columns);
    if (history_each(d, table, name, cells, t, &w) < 0)
        status = cli_error(CLI_INTERNAL, "%s", w.text);
    else
        table_print(t, stdout, c->json, false);
    table_free(&t);
    db_close(&d);
    return status;
}
