/* cli/live.c -- njegate's verbs that ask the running daemon over its control socket. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/screen.h"
#include "operator/ctl.h"

#define INPUT_MAX (200u << 20)

static int reach(struct cli *c, int *fd)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int status = cli_conf(c);
    if (status != CLI_DONE)
        return status;
    if (c->conf->control.n >= sizeof at.sun_path)
        return cli_error(CLI_REFUSED, "CONTROL %.*s: the path is longer than %zu bytes",
                         STR_ARG(c->conf->control), sizeof at.sun_path - 1);
    memcpy(at.sun_path, c->conf->control.p, c->conf->control.n);
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd < 0 || connect(*fd, (const struct sockaddr *)&at, sizeof at) != 0) {
        status = cli_error(CLI_NO_DAEMON, "the daemon does not answer at %s: %s", at.sun_path,
                           strerror(errno));
        if (*fd >= 0)
            close(*fd);
        return status;
    }
    return CLI_DONE;
}

static bool send_all(int fd, const struct buf *b)
{
    for (size_t sent = 0; sent < b->n;) {
        ssize_t n = send(fd, b->p + sent, b->n - sent, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        sent += (size_t)n;
    }
    return true;
}

static int receive(int fd, struct cli_answer *a, struct str **word, size_t *n)
{
    struct buf in;
    struct why w;
    size_t used;
    uint8_t piece[65536];
    buf_init(&in, CTL_FRAME_MAX + 4);
    int v = 0;
    while (v == 0) {
        ssize_t got = recv(fd, piece, sizeof piece, 0);
        if (got <= 0)
            break;
        buf_add(&in, piece, (size_t)got);
        v = ctl_get(buf_cur(&in), a->arena, word, n, &used, &w);
    }
    for (size_t i = 0; v == 1 && i < *n; i++)
        (*word)[i] = arena_str(a->arena, (*word)[i]);
    buf_done(&in);
    return v == 1 ? CLI_DONE : cli_error(CLI_NO_DAEMON, "the daemon broke off without an answer");
}

int cli_ask(struct cli *c, const struct str *word, size_t n, struct cli_answer *a)
{
    int fd = -1;
    struct str *got;
    size_t ngot = 0;
    *a = (struct cli_answer){0};
    int status = reach(c, &fd);
    if (status != CLI_DONE)
        return status;
    struct buf frame;
    buf_init(&frame, CTL_FRAME_MAX);
    ctl_put(&frame, word, n);
    a->arena = arena_new(SIZE_MAX / 4);
    if (frame.over)
        status = cli_error(CLI_REFUSED, "the request is larger than %u bytes", CTL_FRAME_MAX);
    else if (!send_all(fd, &frame))
        status = cli_error(CLI_NO_DAEMON, "the daemon broke off: %s", strerror(errno));
    else
        status = receive(fd, a, &got, &ngot);
    buf_done(&frame);
    close(fd);
    if (status == CLI_DONE && ngot < 2)
        status = cli_error(CLI_INTERNAL, "the daemon's answer makes no sense");
    if (status != CLI_DONE)
        return status;
    status = (int)strtol(got[0].p, NULL, 10);
    if (status != CLI_DONE)
        return cli_error(status, "%.*s", STR_ARG(got[1]));
    a->cell = got + 2;
    a->ncell = ngot - 2;
    return CLI_DONE;
}

void cli_answer_free(struct cli_answer *a)
{
    arena_free(&a->arena);
}

static int order(struct cli *c, const struct str *word, size_t n)
{
    struct cli_answer a;
    int status = cli_ask(c, word, n, &a);
    cli_answer_free(&a);
    return status;
}

int cli_order(struct cli *c)
{
    struct str *word = mem_new((size_t)c->nword * sizeof *word);
    for (int i = 0; i < c->nword; i++)
        word[i] = str_of(c->word[i]);
    int status = order(c, word, (size_t)c->nword);
    free(word);
    return status;
}

int cli_queue_act(struct cli *c)
{
    return cli_order(c);
}

/* Ask and print the answer as a table of these columns. */
static int show(struct cli *c, const struct str *word, size_t n, const struct column *columns,
                size_t ncolumns)
{
    struct cli_answer a;
    int status = cli_ask(c, word, n, &a);
    if (status == CLI_DONE) {
        struct table *t = table_new(columns, ncolumns);
        for (size_t i = 0; i < a.ncell; i++)
            table_text(t, a.cell[i]);
        table_print(t, stdout, c->json, false);
        table_free(&t);
    }
    cli_answer_free(&a);
    return status;
}

int cli_link_list(struct cli *c)
{
    static const struct column columns[] = {
        {"link", COL_TEXT},        {"node", COL_TEXT},        {"state", COL_TEXT},
        {"since", COL_TIME},       {"limit", COL_NUMBER},     {"streams", COL_NUMBER},
        {"files_in", COL_NUMBER},  {"files_out", COL_NUMBER}, {"bytes_in", COL_NUMBER},
        {"bytes_out", COL_NUMBER}, {"queued", COL_NUMBER},    {"reason", COL_TEXT}};
    struct str word[] = {STR("link"), STR("list")};
    return show(c, word, 2, columns, 12);
}

/* On a terminal no line is broken by it, and one that is watched shows as much as it has room for.
 */
static void print_status(const struct cli *c, const struct table *t)
{
    unsigned columns, rows;
    char *text = NULL;
    size_t n = 0;
    if (c->json || !screen_size(STDOUT_FILENO, &columns, &rows)) {
        table_print(t, stdout, c->json, true);
        return;
    }
    FILE *f = open_memstream(&text, &n);
    if (f == NULL)
        return;
    table_print(t, f, false, true);
    if (fclose(f) == 0) {
        if (c->watch)
            fputs("\033[H\033[2J", stdout); /* home, clear */
        screen_put(stdout, (struct str){text, n}, columns, c->watch ? rows : 0);
    }
    free(text);
}

/* Pairs of key and value: lines for people, one object for programs. */
static int show_status(struct cli *c)
{
    struct cli_answer a;
    struct str word = STR("status");
    int status = cli_ask(c, &word, 1, &a);
    if (status == CLI_DONE && a.ncell >= 2) {
        size_t n = a.ncell / 2;
        struct column *columns = mem_new(n * sizeof *columns);
        struct table *t = table_new(columns, n);
        for (size_t i = 0; i < n; i++) {
            columns[i] = (struct column){a.cell[2 * i].p, COL_TEXT};
            table_text(t, a.cell[2 * i + 1]);
        }
        print_status(c, t);
        table_free(&t);
        free(columns);
    }
    cli_answer_free(&a);
    return status;
}

int cli_status(struct cli *c)
{
    const struct timespec pace = {.tv_sec = 2};
    int status = show_status(c);
    while (c->watch && status == CLI_DONE) {
        if (fflush(stdout) != 0)
            return CLI_DONE; /* who watched has gone */
        nanosleep(&pace, NULL);
        if (!isatty(STDOUT_FILENO))
            fputc('\n', stdout);
        status = show_status(c);
    }
    return status;
}

int cli_smsg(struct cli *c)
{
    struct cli_answer a;
    struct str word[] = {STR("smsg"), str_of(c->word[1])};
    int status = cli_ask(c, word, 2, &a);
    for (size_t i = 0; status == CLI_DONE && i < a.ncell; i++)
        printf("%.*s\n", STR_ARG(a.cell[i]));
    cli_answer_free(&a);
    return status;
}

static int read_all(FILE *f, const char *what, struct buf *b)
{
    char piece[65536];
    buf_init(b, INPUT_MAX);
    for (size_t n = fread(piece, 1, sizeof piece, f); n > 0; n = fread(piece, 1, sizeof piece, f))
        buf_add(b, piece, n);
    if (ferror(f) != 0)
        return cli_error(CLI_REFUSED, "cannot read %s: %s", what, strerror(errno));
    if (b->over)
        return cli_error(CLI_REFUSED, "%s is larger than %u bytes", what, INPUT_MAX);
    return CLI_DONE;
}

int cli_note(struct cli *c)
{
    struct buf text;
    int status = read_all(stdin, "standard input", &text);
    if (status == CLI_DONE) {
        struct str word[] = {STR("note"), str_of(c->word[1]),
                             str_of(c->from != NULL ? c->from : ""),
                             str_of(c->subject != NULL ? c->subject : ""), buf_text(&text)};
        status = order(c, word, 5);
    }
    buf_done(&text);
    return status;
}

/* report.txt: REPORT TXT, as CMS names files. */
static void cms_name(const char *path, char fn[9], char ft[9])
{
    const char *base = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
    const char *dot = strrchr(base, '.');
    char *out[2] = {fn, ft};
    const char *from[2] = {base, dot != NULL ? dot + 1 : ""};
    for (int k = 0; k < 2; k++) {
        size_t n = 0;
        for (const char *p = from[k]; *p != '\0' && n < 8 && (k == 1 || p != dot); p++) {
            char ch = ascii_upper(*p);
            if ((ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
                strchr("$#@+-_", ch) != NULL)
                out[k][n++] = ch;
        }
        out[k][n] = '\0';
    }
    if (fn[0] == '\0')
        memcpy(fn, "FILE", 5);
    if (ft[0] == '\0')
        memcpy(ft, "DATA", 5);
}

int cli_sendfile(struct cli *c)
{
    struct buf content;
    char fn[9], ft[9];
    FILE *f = fopen(c->word[1], "rb");
    if (f == NULL)
        return cli_error(CLI_REFUSED, "cannot read %s: %s", c->word[1], strerror(errno));
    int status = read_all(f, c->word[1], &content);
    fclose(f);
    cms_name(c->word[1], fn, ft);
    if (status == CLI_DONE) {
        struct str word[] = {
            STR("sendfile"),   str_of(c->word[2]), str_of(c->from != NULL ? c->from : ""),
            str_of(fn),        str_of(ft),         str_of(c->punch ? "PUNCH" : "NETDATA"),
            buf_text(&content)};
        status = order(c, word, 7);
    }
    buf_done(&content);
    return status;
}

int cli_tell(struct cli *c)
{
    struct buf text;
    buf_init(&text, 65536);
    for (int i = 2; i < c->nword; i++) {
        if (i > 2)
            buf_u8(&text, ' ');
        buf_z(&text, c->word[i]);
    }
    struct str word[] = {STR("tell"), str_of(c->word[1]), str_of(c->from != NULL ? c->from : ""),
                         buf_text(&text)};
    int status = order(c, word, 4);
    buf_done(&text);
    return status;
}

int cli_shutdown(struct cli *c)
{
    return cli_order(c);
}

/* The daemon answers with its own tables, so that its answer is the one mail gets. */
int cli_resolve(struct cli *c)
{
    static const struct column columns[] = {{"step", COL_TEXT}, {"text", COL_TEXT}};
    struct str word[] = {STR("resolve"), str_of(c->word[1])};
    return show(c, word, 2, columns, 2);
}
