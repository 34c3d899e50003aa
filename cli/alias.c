/* cli/alias.c -- njegate's verbs on names that come and go in files: SNADS aliases,
 * nicknames as CMS NAMES files, all tables as XML. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aliases/addr.h"
#include "aliases/names.h"
#include "aliases/nicklist.h"
#include "aliases/snads.h"
#include "base/mem.h"
#include "db/history.h"
#include "db/nickfile.h"
#include "db/tablexml.h"
#include "cli/cli.h"
#include "gateway/smtp/syntax.h"

#define FILE_MOST (256u << 20) /* a million entries are some 80 MiB */
#define PROGRESS_STEP 50000u

/* --- aliases --- */

static const struct column alias_columns[] = {
    {"userid", COL_TEXT}, {"address", COL_TEXT}, {"mailbox", COL_TEXT}, {"personal", COL_TEXT},
    {"auto", COL_BOOL},   {"changed", COL_TIME}, {"by", COL_TEXT}};

static int alias_cells(void *arg, const struct alias_row *r)
{
    struct table *t = arg;
    table_text(t, r->userid);
    table_text(t, r->address);
    table_text(t, r->mailbox);
    table_text(t, r->owner);
    table_bool(t, r->automatic);
    table_time(t, wall_s(r->changed));
    table_text(t, r->by);
    return 0;
}

int cli_alias_list(struct cli *c)
{
    struct db *d;
    struct why w;
    int status = cli_db(c, DB_CREATE, &d);
    if (status != CLI_DONE)
        return status;
    struct table *t = table_new(alias_columns, 7);
    if (aliasrow_each(d, alias_cells, t, &w) < 0)
        status = cli_failed(&w);
    else
        table_print(t, stdout, c->json, false);
    table_free(&t);
    db_close(&d);
    return status;
}

/* add USERID ADDRESS MAILBOX, delete USERID ADDRESS */
static int alias_put(struct cli *c, bool add)
{
    struct db *d;
    struct why w;
    char who[64];
    struct arena *a = arena_new(65536);
    struct alias_row row = {.owner = str_of(c->personal),
                            .userid = str_of(c->word[2]),
                            .address = str_of(c->word[3]),
                            .mailbox = add ? str_of(c->word[4]) : STR(""),
                            .by = str_of(cli_who(who))};
    int status = cli_db(c, DB_CREATE, &d);
    if (status == CLI_DONE) {
        int v = add ? snads_check(a, &row, &w) : 0;
        if (v == 0)
            v = add ? aliasrow_add(d, &row, &w) : aliasrow_delete(d, &row, &w);
        if (v < 0)
            status = cli_failed(&w);
        db_close(&d);
    }
    arena_free(&a);
    return status;
}

int cli_alias_add(struct cli *c)
{
    return alias_put(c, true);
}

int cli_alias_delete(struct cli *c)
{
    return alias_put(c, false);
}

int cli_alias_register(struct cli *c)
{
    struct db *d;
    struct why w;
    char who[64];
    struct smtp_path box;
    struct alias_row row;
    int status = cli_conf(c);
    if (status != CLI_DONE)
        return status;
    if (c->conf->snads.address.n == 0)
        return cli_error(CLI_REFUSED,
                         "SNADSADDRESS is not configured: there is no address to register at");
    struct arena *a = arena_new(65536);
    if (smtp_parse_mailbox(str_of(c->word[2]), a, &box, &w) < 0 || box.domain.n == 0) {
        status = cli_error(CLI_REFUSED, "\"%s\" is no mailbox: user@host.domain", c->word[2]);
    } else if ((status = cli_db(c, DB_CREATE, &d)) == CLI_DONE) {
        struct table *t = table_new(alias_columns, 7);
        struct str key = addr_mailbox_key(a, box.local, box.domain);
        if (snads_register_now(d, &c->conf->snads, key, str_of(cli_who(who)), a, &row, &w) < 0) {
            status = cli_failed(&w);
        } else if (c->json) {
            alias_cells(t, &row);
            table_print(t, stdout, true, true);
        } else {
            printf("%.*s %.*s\n", STR_ARG(row.userid), STR_ARG(row.address));
        }
        table_free(&t);
        db_close(&d);
    }
    arena_free(&a);
    return status;
}

/* --- NAMES files --- */

/* The whole of a file that is not larger than it should be. */
static int read_file(const char *path, struct buf *out)
{
    char part[65536];
    size_t n;
    FILE *f = fopen(path, "rbe");
    if (f == NULL)
        return cli_error(CLI_REFUSED, "%s: %s", path, strerror(errno));
    while (!out->over && (n = fread(part, 1, sizeof part, f)) > 0)
        buf_add(out, part, n);
    bool bad = ferror(f) != 0;
    fclose(f);
    if (bad)
        return cli_error(CLI_REFUSED, "%s: it cannot be read", path);
    if (out->over)
        return cli_error(CLI_REFUSED, "%s is larger than %zu bytes", path, out->max);
    return CLI_DONE;
}

struct nick_import {
    struct cli *c;
    const char *path;
    struct db *d;
    struct names_file file;
    struct arena *arena;
    struct str by;
    size_t taken, left, bad;
};

static void bad_entry(struct nick_import *im, unsigned line, const char *text)
{
    im->bad++;
    fprintf(stderr, "%s:%u: %s\n", im->path, line, text);
}

static void left_out(struct nick_import *im, const struct names_entry *e, const char *text)
{
    im->left++;
    fprintf(stderr, "%s:%u: %.*s is left out: %s\n", im->path, e->line,
            STR_ARG(str_sub(names_value(e, "nick"), 0, 40)), text);
}

/* The faults of a list are seen now, not when somebody writes to it. */
static bool list_ok(struct nick_import *im, const struct names_entry *e, struct str members)
{
    struct why w;
    struct arena *a = arena_new(16u << 20);
    struct str *member = arena_alloc(a, NICKLIST_MOST * sizeof *member);
    int n = names_expand(a, &im->file, names_value(e, "nick"), member, NICKLIST_MOST, &w);
    if (n >= 0 && members.n > NICKLIST_TEXT)
        n = why_set(&w, E_LIMIT, 0, NULL, "the list is longer than %u characters", NICKLIST_TEXT);
    if (n < 0)
        bad_entry(im, e->line, w.text);
    arena_free(&a);
    return n >= 0;
}

static void put_entry(struct nick_import *im, const struct names_entry *e, struct str mailbox)
{
    struct why w;
    struct nick_row row = {.mailbox = mailbox,
                           .members = names_members(im->arena, &im->file, e),
                           .name = names_value(e, "name"),
                           .preferred = true,
                           .by = im->by,
                           .changed = wall_now()};
    row.nick = arena_upper(im->arena, names_value(e, "nick"));
    row.owner = arena_upper(im->arena, names_value(e, "owner"));
    bool dim_is_local = str_eq_nocase(im->c->conf->dim_node, im->c->conf->local);
    if (row.members.n > 0 && !list_ok(im, e, row.members))
        return;
    if (nick_check(row.nick, &w) < 0)
        bad_entry(im, e->line, w.text);
    else if (dim_is_local && conf_user_of(im->c->conf, row.nick) != NULL)
        bad_entry(im, e->line, "the name is a LOCALUSER, and DIMNODE is our own node");
    else if (nickfile_put(im->d, &row, names_tags(im->arena, e), im->c->replace, &w) < 0)
        bad_entry(im, e->line, w.text);
    else
        im->taken++;
}

static void take_entry(struct nick_import *im, const struct names_entry *e)
{
    struct str user, node, text;
    struct smtp_path box;
    struct why w;
    bool list = names_value(e, "list").n > 0;
    if (!names_address(e, &user, &node)) {
        if (list)
            put_entry(im, e, STR(""));
        else
            left_out(im, e, "it has no :userid. and :node.");
        return;
    }
    if (str_find(node, '.') < 0 && !list) {
        left_out(im, e, "an NJE user needs no nickname here");
        return;
    }
    text = addr_mailbox_key(im->arena, user, node);
    if (smtp_parse_mailbox(text, im->arena, &box, &w) < 0 || box.domain.n == 0)
        bad_entry(im, e->line, ":userid. and :node. make no mailbox");
    else
        put_entry(im, e, text);
}

static int by_nick(const void *a, const void *b)
{
    const struct names_entry *const *x = a, *const *y = b;
    struct str p = names_value(*x, "nick"), q = names_value(*y, "nick");
    int v = strncasecmp(p.p, q.p, p.n < q.n ? p.n : q.n);
    if (v != 0 || p.n != q.n)
        return v != 0 ? v : p.n < q.n ? -1 : 1;
    return (*x)->line < (*y)->line ? -1 : (*x)->line > (*y)->line;
}

static void find_twins(struct nick_import *im)
{
    size_t n = im->file.nentry;
    const struct names_entry **e = mem_new((n + 1) * sizeof(void *));
    for (size_t i = 0; i < n; i++)
        e[i] = &im->file.entry[i];
    qsort(e, n, sizeof(void *), by_nick);
    for (size_t i = 1; i < n; i++)
        if (str_eq_nocase(names_value(e[i - 1], "nick"), names_value(e[i], "nick")))
            bad_entry(im, e[i]->line, "the nickname is in the file twice");
    free(e);
}

/* All of the file in one transaction, or nothing of it. */
static int take_file(struct nick_import *im)
{
    struct why w;
    if (db_begin(im->d, &w) < 0)
        return cli_failed(&w);
    int rc = history_begin(im->d, im->by, HISTORY_IMPORT_ROOM, &w);
    if (rc == OK)
        find_twins(im);
    bool terminal = isatty(STDERR_FILENO) != 0;
    for (size_t i = 0; rc == OK && i < im->file.nentry; i++) {
        if (terminal && (i + 1) % PROGRESS_STEP == 0)
            fprintf(stderr, "\r%zu entries", i + 1);
        take_entry(im, &im->file.entry[i]);
    }
    if (terminal)
        fputs("\r\033[K", stderr);
    if (im->bad > 0) {
        db_rollback(im->d);
        return cli_error(CLI_REFUSED, "%s has %zu problem%s: nothing was changed", im->path,
                         im->bad, im->bad == 1 ? "" : "s");
    }
    struct str what = arena_printf(im->arena, "%zu nicknames of %.200s%s", im->taken, im->path,
                                   im->c->replace ? ", in place of those there" : "");
    if (rc == OK)
        rc = history_end_import(im->d, STR("nick"), what, im->by, &w);
    if (rc == OK)
        rc = db_commit(im->d, &w);
    if (rc < 0) {
        db_rollback(im->d);
        return cli_failed(&w);
    }
    printf("%zu nicknames taken, %zu entries left out\n", im->taken, im->left);
    return CLI_DONE;
}

int cli_nick_import(struct cli *c)
{
    char who[64];
    struct buf bytes, text;
    struct why w;
    struct nick_import im = {.c = c, .path = c->word[2], .by = str_of(cli_who(who))};
    buf_init(&bytes, FILE_MOST);
    buf_init(&text, 2 * (size_t)FILE_MOST);
    im.arena = arena_new(SIZE_MAX / 4);
    int status = read_file(im.path, &bytes);
    if (status == CLI_DONE && (names_text(&text, buf_cur(&bytes), &w) < 0 ||
                               names_read(im.arena, buf_text(&text), &im.file, &w) < 0))
        status = cli_error(CLI_REFUSED, "%s: %s", im.path, w.text);
    if (status == CLI_DONE)
        status = cli_db(c, DB_CREATE, &im.d);
    if (status == CLI_DONE)
        status = take_file(&im);
    db_close(&im.d);
    arena_free(&im.arena);
    buf_done(&text);
    buf_done(&bytes);
    return status;
}

static int names_line(void *arg, const struct nick_row *r, struct str tags)
{
    struct buf *b = arg;
    ptrdiff_t at = str_find_last(r->mailbox, '@');
    struct names_parts p = {.nick = r->nick,
                            .user = str_sub(r->mailbox, 0, at < 0 ? 0 : (size_t)at),
                            .node = str_sub(r->mailbox, (size_t)(at + 1), SIZE_MAX),
                            .name = r->name,
                            .owner = r->owner,
                            .list = r->members,
                            .tags = tags};
    names_put(b, &p);
    bool good = fwrite(b->p, 1, b->n, stdout) == b->n;
    buf_reset(b);
    return good ? 0 : -1;
}

int cli_nick_export(struct cli *c)
{
    struct db *d;
    struct why w;
    struct buf b;
    int status = cli_db(c, DB_CREATE, &d);
    if (status != CLI_DONE)
        return status;
    buf_init(&b, 1u << 20);
    if (nickfile_each(d, names_line, &b, &w) < 0)
        status = cli_failed(&w);
    else if (fflush(stdout) != 0 || ferror(stdout))
        status = cli_error(CLI_INTERNAL, "the nicknames cannot be written: %s", strerror(errno));
    buf_done(&b);
    db_close(&d);
    return status;
}

/* --- all tables --- */

static int write_tables(struct db *d, FILE *f, const char *path)
{
    size_t rows, replaced;
    struct why w;
    if (tablexml_export(d, f, &rows, &replaced, &w) < 0)
        return cli_failed(&w);
    if (fsync(fileno(f)) != 0 && errno != EINVAL)
        return cli_error(CLI_INTERNAL, "%s: %s", path, strerror(errno));
    if (replaced > 0)
        fprintf(stderr, "njegate: %zu characters that XML cannot hold became U+FFFD\n", replaced);
    printf("%zu rows written to %s\n", rows, path);
    return CLI_DONE;
}

/* The name appears when all is written: half a file must not pass for the tables. */
int cli_table_export(struct cli *c)
{
    struct db *d;
    const char *path = c->word[2];
    char part[4096];
    int status = cli_db(c, DB_READ, &d);
    if (status != CLI_DONE)
        return status;
    int n = snprintf(part, sizeof part, "%s.part", path);
    int fd = n < (int)sizeof part ? open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (f == NULL) {
        status = cli_error(CLI_REFUSED, "%s: %s", path, strerror(errno));
    } else {
        status = write_tables(d, f, path);
        bool closed = fclose(f) == 0;
        if (status == CLI_DONE && (!closed || rename(part, path) != 0))
            status = cli_error(CLI_REFUSED, "%s: %s", path, strerror(errno));
        if (status != CLI_DONE)
            unlink(part);
    }
    db_close(&d);
    return status;
}

static void table_problem(void *arg, long line, const char *text)
{
    const struct cli *c = arg;
    if (line > 0)
        fprintf(stderr, "%s:%ld: %s\n", c->word[2], line, text);
    else
        fprintf(stderr, "%s: %s\n", c->word[2], text);
}

static void table_progress(void *arg, size_t rows)
{
    (void)arg;
    fprintf(stderr, "\r%zu rows", rows);
}

/* What the schema cannot say of a row. */
static int table_check(void *arg, const char *element, struct str (*value)(void *, const char *),
                       void *row, struct why *w)
{
    (void)arg;
    if (strcmp(element, "nick") == 0 && value(row, "mailbox").n == 0 && value(row, "list").n == 0)
        return why_set(w, E_SYNTAX, 0, NULL, "nick: a mailbox or a list is missing");
    if (strcmp(element, "nick") == 0 && !str_is(value(row, "auto"), "yes"))
        return nick_check(value(row, "nick"), w);
    if (strcmp(element, "alias") != 0)
        return 0;
    struct arena *a = arena_new(65536);
    struct alias_row alias = {.owner = value(row, "personal"),
                              .userid = value(row, "userid"),
                              .address = value(row, "address"),
                              .mailbox = value(row, "mailbox")};
    int rc = snads_check(a, &alias, w);
    arena_free(&a);
    return rc;
}

int cli_table_import(struct cli *c)
{
    struct db *d;
    struct why w;
    char who[64];
    size_t rows;
    bool terminal = isatty(STDERR_FILENO) != 0;
    struct tablexml_how how = {.replace = c->replace,
                               .by = str_of(cli_who(who)),
                               .report = table_problem,
                               .check = table_check,
                               .progress = terminal ? table_progress : NULL,
                               .arg = c};
    int status = cli_db(c, DB_CREATE, &d);
    if (status != CLI_DONE)
        return status;
    int rc = tablexml_import(d, c->word[2], &how, &rows, &w);
    if (terminal)
        fputs("\r\033[K", stderr);
    if (rc < 0)
        status = cli_failed(&w);
    else
        printf("%zu rows taken\n", rows);
    db_close(&d);
    return status;
}
