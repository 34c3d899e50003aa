/* cli/sts.c -- njegate sts: the policies of MTA-STS that are known. */
#include "db/stsrow.h"

#include "base/text.h"
#include "cli/cli.h"
#include "gateway/smtp/stspolicy.h"

static const struct column columns[] = {{"domain", COL_TEXT},  {"mode", COL_TEXT},
                                        {"hosts", COL_TEXT},   {"id", COL_TEXT},
                                        {"fetched", COL_TIME}, {"until", COL_TIME}};
struct listing {
    struct table *table;
    struct str pattern;
};

static int cells(void *arg, const struct sts_row *r)
{
    struct listing *l = arg;
    struct sts_policy p;
    struct buf hosts;
    struct why w;
    if (!text_glob(l->pattern, r->domain))
        return 0;
    bool good = sts_parse(r->policy, &p, &w) == 0;
    bool over = r->until.us <= wall_now().us;
    buf_init(&hosts, STS_TEXT_MAX);
    for (size_t i = 0; good && i < p.nmx; i++)
        buf_printf(&hosts, "%s%.*s", i > 0 ? " " : "", STR_ARG(p.mx[i]));
    table_text(l->table, r->domain);
    table_text(l->table, over   ? STR("over")
                         : good ? str_of(sts_mode_name(p.mode))
                                : STR("unreadable"));
    table_text(l->table, buf_text(&hosts));
    table_text(l->table, r->id);
    table_time(l->table, wall_s(r->fetched));
    table_time(l->table, wall_s(r->until));
    buf_done(&hosts);
    return 0;
}

/* sts list [PATTERN] */
int cli_sts_list(struct cli *c)
{
    struct listing l = {.pattern = c->nword > 2 ? str_of(c->word[2]) : STR("*")};
    struct db *d;
    struct why w;
    int status = cli_db(c, DB_CREATE, &d);
    if (status != CLI_DONE)
        return status;
    l.table = table_new(columns, sizeof columns / sizeof *columns);
    if (stsrow_each(d, cells, &l, &w) < 0)
        status = cli_error(CLI_INTERNAL, "%s", w.text);
    else
        table_print(l.table, stdout, c->json, false);
    table_free(&l.table);
    db_close(&d);
    return status;
}
