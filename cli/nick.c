/* cli/nick.c -- njegate nick: nicknames, and those that are lists. */
#include <stdio.h>
#include <string.h>

#include "aliases/addr.h"
#include "aliases/nicklist.h"
#include "base/text.h"
#include "cli/cli.h"
#include "db/history.h"
#include "gateway/smtp/syntax.h"

/* --- looking --- */

static const struct column nick_columns[] = {
    {"nick", COL_TEXT}, {"mailbox", COL_TEXT}, {"name", COL_TEXT}, {"owner", COL_TEXT},
    {"auto", COL_BOOL}, {"changed", COL_TIME}, {"by", COL_TEXT},   {"list", COL_TEXT}};
#define NCOLUMNS (sizeof nick_columns / sizeof *nick_columns)

static int nick_cells(void *arg, const struct nick_row *r)
{
    struct table *t = arg;
    table_text(t, r->nick);
    table_text(t, r->mailbox);
    table_text(t, r->name);
    table_text(t, r->owner);
    table_bool(t, r->automatic);
    table_time(t, wall_s(r->changed));
    table_text(t, r->by);
    table_text(t, r->members);
    return 0;
}

int cli_nick_list(struct cli *c)
{
    struct db *d;
    struct why w;
    int status = cli_db(c, DB_CREATE, &d);
    if (status != CLI_DONE)
        return status;
    struct table *t = table_new(nick_columns, NCOLUMNS);
    if (nickrow_each(d, c->nword > 2 ? cli_word(c, 2) : STR("*"), nick_cells, t, &w) < 0)
        status = cli_failed(&w);
    db_close(&d);
    if (status == CLI_DONE)
        table_print(t, stdout, c->json, false);
    table_free(&t);
    return status;
}

int cli_nick_show(struct cli *c)
{
    struct db *d;
    struct why w;
    struct nick_row row;
    int status = cli_db(c, DB_CREATE, &d);
    if (status != CLI_DONE)
        return status;
    struct arena *a = arena_new(65536);
    if (nickrow_get(d, arena_upper(a, str_of(c->word[2])), a, &row, &w) < 0) {
        status = w.err == E_ABSENT ? cli_error(CLI_REFUSED, "there is no nickname %s", c->word[2])
                                   : cli_failed(&w);
    } else {
        struct table *t = table_new(nick_columns, NCOLUMNS);
        nick_cells(t, &row);
        table_print(t, stdout, c->json, true);
        table_free(&t);
    }
    db_close(&d);
    arena_free(&a);
    return status;
}

/* --- what is given --- */

/* "USER@NODE", both of an NJE name's form. */
static bool is_nje_user(struct str s)
{
    ptrdiff_t at = str_find_last(s, '@');
    return at > 0 && addr_userid_ok(str_sub(s, 0, (size_t)at)) &&
           addr_userid_ok(str_sub(s, (size_t)at + 1, s.n));
}

/* A name the gateway itself or one of its users has can be no nickname. */
static int check_nick(struct cli *c, struct str nick)
{
    struct why w;
    if (nick_check(nick, &w) < 0)
        return cli_failed(&w);
    if (str_eq_nocase(c->conf->dim_node, c->conf->local) && conf_user_of(c->conf, nick) != NULL)
        return cli_error(
            CLI_REFUSED,
            "%.*s is a LOCALUSER, and DIMNODE is our own node: a name can be only one of them",
            STR_ARG(nick));
    return CLI_DONE;
}

/* An address outside. A nickname for an address of our own would send mail in a circle. */
static int read_mailbox(struct cli *c, struct arena *a, struct str word, struct str *mailbox)
{
    struct addr_names names = conf_names(c->conf);
    struct smtp_path box;
    struct why w;
    bool ok = smtp_parse_mailbox(word, a, &box, &w) == 0 && box.domain.n > 0;
    struct str key = ok ? addr_mailbox_key(a, box.local, box.domain) : STR("");
    if (!ok || !text_is_ascii(addr_domain(key)))
        return cli_error(CLI_REFUSED, "\"%.*s\" is no mailbox: user@host.domain", STR_ARG(word));
    if (addr_is_ours(&names, addr_domain(key)))
        return cli_error(CLI_REFUSED,
                         "%.*s is an address of this gateway; a nickname stands for one elsewhere",
                         STR_ARG(box.text));
    *mailbox = key;
    return CLI_DONE;
}

/* A member as the row keeps it: a nickname, user@host.domain or USER@NODE. NICK at DIMNODE is the
 * nickname. */
static int read_member(struct cli *c, struct arena *a, struct str word, struct buf *out)
{
    struct str node, user, member = arena_upper(a, word);
    ptrdiff_t at = str_find_last(word, '@');
    int status = CLI_DONE;
    if (at >= 0 && str_find(str_sub(word, (size_t)at, word.n), '.') >= 0) {
        status = read_mailbox(c, a, word, &member);
    } else if (at >= 0 && !is_nje_user(word)) {
        status =
            cli_error(CLI_REFUSED, "\"%.*s\" is no member: NICK, user@host.domain or USER@NODE",
                      STR_ARG(word));
    } else if (at >= 0) {
        user = str_sub(member, 0, (size_t)at);
        node = str_sub(member, (size_t)at + 1, member.n);
        if (str_eq_nocase(node, c->conf->dim_node) && conf_user_of(c->conf, user) == NULL)
            member = user;
        else
            cli_warn_node(c->conf, node);
    }
    if (status == CLI_DONE)
        buf_printf(out, "%s%.*s", out->n > 0 ? " " : "", STR_ARG(member));
    return status;
}

/* --list: members with commas or blanks between. */
static int read_members(struct cli *c, struct arena *a, struct str *members)
{
    char *text = arena_cstr(a, str_of(c->list));
    struct buf out;
    int status = CLI_DONE;
    for (char *p = text; *p != '\0'; p++)
        *p = *p == ',' ? ' ' : *p;
    struct str rest = str_of(text), word;
    buf_init(&out, NICKLIST_TEXT);
    while (status == CLI_DONE && (word = str_word(&rest)).n > 0)
        status = read_member(c, a, word, &out);
    if (status == CLI_DONE && out.over)
        status = cli_error(CLI_REFUSED, "the list is longer than %u characters", NICKLIST_TEXT);
    if (status == CLI_DONE && out.n == 0)
        status = cli_error(CLI_REFUSED, "--list names nobody: NICK, user@host.domain or USER@NODE "
                                        "with commas between");
    *members = arena_str(a, buf_text(&out));
    buf_done(&out);
    return status;
}

static int read_row(struct cli *c, struct arena *a, struct nick_row *row)
{
    int status = check_nick(c, row->nick);
    if (status == CLI_DONE && c->owner != NULL && c->owner[0] != '\0' &&
        !is_nje_user(str_of(c->owner)))
        status = cli_error(CLI_REFUSED, "--owner \"%s\" is not USER@NODE", c->owner);
    if (status == CLI_DONE && c->nword > 3)
        status = read_mailbox(c, a, str_of(c->word[3]), &row->mailbox);
    if (status == CLI_DONE && c->list != NULL)
        status = read_members(c, a, &row->members);
    return status;
}

/* --- changing --- */

/* What is not said stays as it was. */
static void fill(const struct cli *c, struct arena *a, const struct nick_row *old,
                 struct nick_row *row)
{
    row->name = c->name != NULL ? str_of(c->name) : old->name;
    row->owner = c->owner != NULL ? arena_upper(a, str_of(c->owner)) : old->owner;
    if (c->nword <= 3 && c->list == NULL) {
        row->mailbox = old->mailbox;
        row->members = old->members;
    }
}

/* In one transaction, so that two lists that would hold each other never both come to be. */
static int put(struct cli *c, struct db *d, bool change, struct arena *a, struct nick_row *row)
{
    struct nick_row old = {.nick = row->nick};
    struct why w;
    if (db_begin(d, &w) < 0)
        return cli_failed(&w);
    int rc = history_begin(d, row->by, 0, &w);
    if (rc == OK && change)
        rc = nickrow_get(d, row->nick, a, &old, &w);
    if (rc == OK)
        fill(c, a, &old, row);
    if (rc == OK && row->members.n > 0)
        rc = nicklist_check(d, row, &w);
    if (rc == OK)
        rc = change ? nickrow_update(d, row, &w) : nickrow_insert(d, row, &w);
    if (rc == OK)
        rc = history_end(d, &w);
    if (rc == OK)
        rc = db_commit(d, &w);
    if (rc < 0)
        db_rollback(d);
    return rc < 0 ? cli_failed(&w) : CLI_DONE;
}

static int nick_put(struct cli *c, bool change)
{
    struct db *d;
    char who[64];
    bool said = c->nword > 3 || c->list != NULL;
    if (!said && !(change && (c->name != NULL || c->owner != NULL)))
        return cli_error(CLI_USAGE, "nick %s %s: say a MAILBOX or --list MEMBER,...", c->word[1],
                         c->word[2]);
    if (c->nword > 3 && c->list != NULL)
        return cli_error(CLI_USAGE, "a MAILBOX or --list MEMBER,..., not both");
    struct arena *a = arena_new(1u << 20);
    struct nick_row row = {.nick = arena_upper(a, str_of(c->word[2])),
                           .changed = wall_now(),
                           .by = str_of(cli_who(who)),
                           .preferred = true};
    int status = cli_db(c, DB_CREATE, &d);
    if (status == CLI_DONE) {
        status = read_row(c, a, &row);
        if (status == CLI_DONE)
            status = put(c, d, change, a, &row);
        db_close(&d);
    }
    arena_free(&a);
    return status;
}

int cli_nick_add(struct cli *c)
{
    return nick_put(c, false);
}

int cli_nick_change(struct cli *c)
{
    return nick_put(c, true);
}

/* --- deleting --- */

/* Mail to a list that names nobody is refused: worth a word. */
static int warn_list(void *arg, const struct nick_row *r)
{
    const struct str *gone = arg;
    struct str members = r->members, word;
    while ((word = str_word(&members)).n > 0)
        if (str_eq_nocase(word, *gone)) {
            fprintf(stderr,
                    "njegate: warning: the list %.*s names %.*s; mail to it is refused now\n",
                    STR_ARG(r->nick), STR_ARG(*gone));
            break;
        }
    return 0;
}

int cli_nick_delete(struct cli *c)
{
    struct db *d;
    struct why w;
    char who[64];
    int status = cli_db(c, DB_CREATE, &d);
    if (status != CLI_DONE)
        return status;
    struct arena *a = arena_new(4096);
    struct str nick = arena_upper(a, str_of(c->word[2]));
    if (nickrow_delete(d, nick, str_of(cli_who(who)), &w) < 0 ||
        nickrow_each(d, STR("*"), warn_list, &nick, &w) < 0)
        status = cli_failed(&w);
    arena_free(&a);
    db_close(&d);
    return status;
}
