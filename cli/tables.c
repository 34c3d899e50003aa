/* cli/tables.c -- njegate's verbs on the database: queue, journal, readers. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/idn.h"
#include "base/mem.h"
#include "base/text.h"
#include "db/journal.h"
#include "db/queue.h"
#include "db/readerrow.h"
#include "cli/cli.h"
#include "gateway/file/njefile.h"

int cli_error(int status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("njegate: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    return status;
}

int cli_conf(struct cli *c)
{
    if (c->conf == NULL)
        c->conf = conf_load(c->config, conf_report_stderr, NULL);
    return c->conf != NULL
               ? CLI_DONE
               : cli_error(CLI_REFUSED, "the configuration %s cannot be used", c->config);
}

int cli_db(struct cli *c, enum db_mode mode, struct db **d)
{
    struct why w;
    int status = cli_conf(c);
    if (status != CLI_DONE)
        return status;
    if (db_open(d, c->conf->database.p, mode, &w) < 0)
        return cli_error(w.err == E_ABSENT ? CLI_REFUSED : CLI_INTERNAL, "%s", w.text);
    return CLI_DONE;
}

const char *cli_who(char out[64])
{
    const struct passwd *pw = getpwuid(getuid());
    snprintf(out, 64, "%s", pw != NULL ? pw->pw_name : "unknown");
    return out;
}

int cli_failed(const struct why *w)
{
    return cli_error(w->err == E_IO || w->err == E_TEMP ? CLI_INTERNAL : CLI_REFUSED, "%s",
                     w->text);
}

struct str cli_word(const struct cli *c, int i)
{
    return i < c->nword ? str_of(c->word[i]) : STR("");
}

static int finish(struct cli *c, struct table *t, bool one)
{
    table_print(t, stdout, c->json, one);
    table_free(&t);
    return CLI_DONE;
}

/* --- queue --- */

static const struct column queue_columns[] = {
    {"id", COL_TEXT},   {"state", COL_TEXT},       {"from_net", COL_TEXT}, {"from", COL_TEXT},
    {"to", COL_TEXT},   {"destination", COL_TEXT}, {"size", COL_NUMBER},   {"queued", COL_TIME},
    {"next", COL_TIME}, {"tries", COL_NUMBER},     {"reason", COL_TEXT}};

static const char *state_name(const struct rcpt *r)
{
    if (r->state == RCPT_HELD)
        return "held";
    if (r->state == RCPT_HELD_ORIGIN)
        return "held-origin";
    return r->tries > 0 ? "deferred" : "ready";
}

static int queue_cells(void *arg, struct message *m)
{
    static const char *const nets[] = {"", "smtp", "nje", "local"};
    struct table *t = arg;
    char id[24];
    snprintf(id, sizeof id, MSG_ID_FMT, MSG_ID_ARG(m->id));
    for (size_t i = 0; i < m->nrcpt; i++) {
        const struct rcpt *r = &m->rcpt[i];
        table_text(t, str_of(id));
        table_text(t, str_of(state_name(r)));
        table_text(t, str_of(m->from <= DOOR_LOCAL ? nets[m->from] : ""));
        table_text(t, m->origin_sender);
        table_text(t, r->addr);
        table_text(t, r->dest);
        table_number(t, (int64_t)m->size);
        table_time(t, wall_s(m->accepted));
        table_time(t, r->state == RCPT_READY ? wall_s(r->due) : 0);
        table_number(t, r->tries);
        table_text(t, r->reason);
    }
    message_free(&m);
    return 0;
}

int cli_queue_list(struct cli *c)
{
    struct db *d;
    struct why w;
    int status = cli_db(c, DB_READ, &d);
    if (status != CLI_DONE)
        return status;
    struct table *t = table_new(queue_columns, 11);
    int v = queue_list(d, str_of(c->to != NULL ? c->to : ""), queue_cells, t, &w);
    db_close(&d);
    if (v < 0) {
        table_free(&t);
        return cli_failed(&w);
    }
    return finish(c, t, false);
}

int cli_queue_show(struct cli *c)
{
    struct db *d;
    struct why w;
    uint64_t id;
    if (!str_number(str_of(c->word[2]), UINT64_MAX, &id))
        return cli_error(CLI_REFUSED, "\"%s\" is not a message number", c->word[2]);
    int status = cli_db(c, DB_READ, &d);
    if (status != CLI_DONE)
        return status;
    struct table *t = table_new(queue_columns, 11);
    int v = queue_family(d, id, queue_cells, t, &w);
    db_close(&d);
    if (v < 0 || table_rows(t) == 0) {
        table_free(&t);
        return v < 0 ? cli_failed(&w)
                     : cli_error(CLI_REFUSED, "no message %s in the queue", c->word[2]);
    }
    return finish(c, t, table_rows(t) == 1);
}

/* --- journal --- */

static const struct column trace_columns[] = {
    {"id", COL_TEXT}, {"time", COL_TIME}, {"event", COL_TEXT}, {"text", COL_TEXT}};

static int trace_cells(void *arg, const struct journal_row *r)
{
    struct table *t = arg;
    char id[24];
    snprintf(id, sizeof id, MSG_ID_FMT, MSG_ID_ARG(r->id));
    table_text(t, str_of(id));
    table_time(t, wall_s(r->at));
    table_text(t, r->event);
    table_text(t, r->text);
    return 0;
}

/* A domain beyond ASCII came in U-labels or in A-labels: both are meant. */
static int search_journal(struct db *d, struct str address, struct table *t, struct why *w)
{
    char z[1024];
    int v = journal_search(d, address, trace_cells, t, w);
    bool other = text_is_ascii(address) ? idn_unfold(address, z, sizeof z)
                                        : idn_mailbox(address, z, sizeof z);
    return v < 0 || !other || str_eq(str_of(z), address)
               ? v
               : journal_search(d, str_of(z), trace_cells, t, w);
}

int cli_trace(struct cli *c)
{
    struct db *d;
    struct why w;
    uint64_t id;
    int status = cli_db(c, DB_READ, &d);
    if (status != CLI_DONE)
        return status;
    struct table *t = table_new(trace_columns, 4);
    int v = str_number(str_of(c->word[1]), UINT64_MAX, &id)
                ? journal_of(d, id, trace_cells, t, &w)
                : search_journal(d, str_of(c->word[1]), t, &w);
    db_close(&d);
    if (v < 0 || table_rows(t) == 0) {
        table_free(&t);
        return v < 0 ? cli_failed(&w)
                     : cli_error(CLI_REFUSED, "nothing is known of %s", c->word[1]);
    }
    return finish(c, t, false);
}

/* --- readers --- */

static const struct column reader_columns[] = {
    {"id", COL_NUMBER},      {"user", COL_TEXT},  {"fn", COL_TEXT},
    {"ft", COL_TEXT},        {"class", COL_TEXT}, {"from", COL_TEXT},
    {"records", COL_NUMBER}, {"date", COL_TIME},  {"kind", COL_TEXT}};

static int reader_cells(void *arg, const struct reader_row *r)
{
    struct table *t = arg;
    table_number(t, (int64_t)r->number);
    table_text(t, r->user);
    table_text(t, r->fn);
    table_text(t, r->ft);
    table_text(t, (struct str){&r->class, 1});
    table_text(t, r->from);
    table_number(t, r->records);
    table_time(t, wall_s(r->date));
    table_text(t, r->kind);
    return 0;
}

int cli_reader_list(struct cli *c)
{
    struct db *d;
    struct why w;
    int status = cli_db(c, DB_READ, &d);
    if (status != CLI_DONE)
        return status;
    struct arena *a = arena_new(4096);
    struct table *t = table_new(reader_columns, 9);
    int v = readerrow_each(d, c->nword > 2 ? arena_upper(a, str_of(c->word[2])) : STR(""),
                           reader_cells, t, &w);
    arena_free(&a);
    db_close(&d);
    if (v < 0) {
        table_free(&t);
        return cli_failed(&w);
    }
    return finish(c, t, false);
}

/* Open a reader file: its row and its contents. */
static int reader_open(struct cli *c, struct arena *a, struct reader_row *row,
                       struct njefile_in *in)
{
    struct db *d;
    struct why w;
    uint64_t number;
    struct body *deck = NULL;
    if (!str_number(str_of(c->word[2]), INT64_MAX, &number))
        return cli_error(CLI_REFUSED, "\"%s\" is not a file number", c->word[2]);
    int status = cli_db(c, DB_READ, &d);
    if (status != CLI_DONE)
        return status;
    int v = readerrow_get(d, c->conf->spooldir.p, number, a, row, &deck, &w);
    if (v == 0) {
        struct cur bytes = body_cur(deck, &w);
        v = cur_left(&bytes) > 0 ? njefile_read_headers(a, bytes, in, &w) : w.err;
        if (v == 0)
            v = njefile_read(a, bytes,
                             conf_page_here(c->conf, row->user, in->from_user, in->from_node),
                             STR(""), in, &w);
    }
    body_free(&deck);
    db_close(&d);
    if (v < 0)
        return w.err == E_ABSENT
                   ? cli_error(CLI_REFUSED, "there is no file %s in a reader", c->word[2])
                   : cli_failed(&w);
    return CLI_DONE;
}

int cli_reader_show(struct cli *c)
{
    struct reader_row row;
    struct njefile_in in;
    struct arena *a = arena_new(SIZE_MAX / 4);
    int status = reader_open(c, a, &row, &in);
    if (status == CLI_DONE && c->json) {
        struct table *t = table_new(reader_columns, 9);
        reader_cells(t, &row);
        finish(c, t, true);
    } else if (status == CLI_DONE) {
        for (size_t i = 0; i < in.nitem; i++) {
            if (in.item[i].text)
                fwrite(in.item[i].content.p, 1, in.item[i].content.n, stdout);
            else
                printf("[%.*s: %zu bytes, not text; njegate reader receive %s writes them]\n",
                       STR_ARG(in.item[i].name), in.item[i].content.n, c->word[2]);
        }
    }
    arena_free(&a);
    return status;
}

/* FN.FT in lower case, nothing that could leave the folder. */
static void file_name(struct str name, const char *dir, char *out, size_t size)
{
    char base[128];
    size_t n = 0;
    for (size_t i = 0; i < name.n && n + 1 < sizeof base; i++) {
        char ch = ascii_lower(name.p[i]);
        bool bad = ch == '/' || (unsigned char)ch < ' ' || (n == 0 && ch == '.');
        base[n++] = bad ? '_' : ch;
    }
    base[n] = '\0';
    snprintf(out, size, "%s/%s", dir, n > 0 ? base : "file");
}

static int write_item(const char *dir, const struct njefile_item *item)
{
    char path[4096];
    file_name(item->name, dir, path, sizeof path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return cli_error(CLI_REFUSED, "cannot create %s: %s", path, strerror(errno));
    struct str left = item->content;
    while (left.n > 0) {
        ssize_t n = write(fd, left.p, left.n);
        if (n <= 0) {
            close(fd);
            return cli_error(CLI_INTERNAL, "cannot write %s: %s", path, strerror(errno));
        }
        left = str_sub(left, (size_t)n, left.n);
    }
    if (close(fd) != 0)
        return cli_error(CLI_INTERNAL, "cannot write %s: %s", path, strerror(errno));
    printf("%s\n", path);
    return CLI_DONE;
}

static int purge(struct cli *c)
{
    struct db *d;
    struct why w;
    uint64_t number;
    if (!str_number(str_of(c->word[2]), INT64_MAX, &number))
        return cli_error(CLI_REFUSED, "\"%s\" is not a file number", c->word[2]);
    int status = cli_db(c, DB_WRITE, &d);
    if (status != CLI_DONE)
        return status;
    if (readerrow_purge(d, c->conf->spooldir.p, number, &w) < 0)
        status = w.err == E_ABSENT
                     ? cli_error(CLI_REFUSED, "there is no file %s in a reader", c->word[2])
                     : cli_failed(&w);
    db_close(&d);
    return status;
}

/* Its sender asked to hear of it (INMFACK). The file was received whether he can be told or not. */
static void acknowledge(struct cli *c, struct arena *a, const struct reader_row *row,
                        const struct njefile_in *in)
{
    struct cli_answer answer;
    struct str word[] = {
        STR("receipt"),
        arena_printf(a, "%.*s@%.*s", STR_ARG(in->from_user), STR_ARG(in->from_node)),
        row->user,
        in->nd_stamp,
        in->nd_dsname,
        in->nd_ack};
    if (cli_ask(c, word, sizeof word / sizeof word[0], &answer) == CLI_DONE) {
        printf("acknowledged to %.*s\n", STR_ARG(word[1]));
        cli_answer_free(&answer);
    } else {
        fprintf(stderr, "njegate: %.*s asked for an acknowledgement and gets none\n",
                STR_ARG(word[1]));
    }
}

/* The file leaves the reader only when all of it is on disk here. */
int cli_reader_receive(struct cli *c)
{
    struct reader_row row;
    struct njefile_in in;
    struct arena *a = arena_new(SIZE_MAX / 4);
    int status = reader_open(c, a, &row, &in);
    for (size_t i = 0; status == CLI_DONE && i < in.nitem; i++)
        status = write_item(c->nword > 3 ? c->word[3] : ".", &in.item[i]);
    if (status == CLI_DONE)
        status = purge(c);
    if (status == CLI_DONE && in.receipt)
        acknowledge(c, a, &row, &in);
    arena_free(&a);
    return status;
}

int cli_reader_purge(struct cli *c)
{
    return purge(c);
}

/* --- the rest --- */

int cli_config_check(struct cli *c)
{
    if (c->nword > 2)
        c->config = c->word[2];
    c->conf = conf_load(c->config, conf_report_stderr, NULL);
    return c->conf != NULL ? CLI_DONE : CLI_REFUSED;
}

int cli_config_show(struct cli *c)
{
    struct buf out;
    int status = cli_conf(c);
    if (status != CLI_DONE)
        return status;
    buf_init(&out, 16u << 20);
    conf_show(c->conf, &out);
    if (c->json) {
        static const struct column columns[] = {{"file", COL_TEXT}, {"statements", COL_TEXT}};
        struct table *t = table_new(columns, 2);
        table_text(t, c->conf->path);
        table_text(t, buf_text(&out));
        finish(c, t, true);
    } else {
        fwrite(out.p, 1, out.n, stdout);
    }
    buf_done(&out);
    return CLI_DONE;
}

/* Every statement the configuration knows, from the table that reads it. */
int cli_config_statements(struct cli *c)
{
    static const struct column columns[] = {
        {"statement", COL_TEXT}, {"form", COL_TEXT}, {"change", COL_TEXT}, {"what", COL_TEXT}};
    struct table *t = table_new(columns, 4);
    const char *name, *form;
    struct buf what;
    buf_init(&what, 1u << 16);
    for (size_t i = 0; conf_row(i, &name, &form, &what); i++) {
        table_text(t, str_of(name));
        table_text(t, str_of(form));
        table_text(t, conf_needs_restart(name) ? STR("restart") : STR("reload"));
        table_text(t, buf_text(&what));
    }
    buf_done(&what);
    return finish(c, t, false);
}
