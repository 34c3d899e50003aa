/* cli/setup.c -- njegate's verbs for setting up and moving: a first configuration, backup,
 * restore, check. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aliases/addr.h"
#include "base/mem.h"
#include "db/backup.h"
#include "cli/cli.h"
#include "gateway/smtp/syntax.h"

#define SERVICE_USER "njegate"
#define ANSWER_MAX 300

/* --- backup, restore, check --- */

static int tell_sum(const struct cli *c, const struct backup_sum *sum)
{
    static const struct column columns[] = {{"messages", COL_NUMBER},
                                            {"reader_files", COL_NUMBER},
                                            {"large_bodies", COL_NUMBER},
                                            {"large_bytes", COL_NUMBER}};
    struct table *t = table_new(columns, sizeof columns / sizeof columns[0]);
    table_number(t, (int64_t)sum->messages);
    table_number(t, (int64_t)sum->files);
    table_number(t, (int64_t)sum->bodies);
    table_number(t, (int64_t)sum->bytes);
    table_print(t, stdout, c->json, true);
    table_free(&t);
    return CLI_DONE;
}

int cli_backup(struct cli *c)
{
    struct db *d;
    struct why w;
    struct backup_sum sum;
    int status = cli_db(c, DB_READ, &d);
    if (status != CLI_DONE)
        return status;
    int v = backup_write(d, c->conf->spooldir.p, c->word[1], &sum, &w);
    db_close(&d);
    return v < 0 ? cli_failed(&w) : tell_sum(c, &sum);
}

int cli_restore(struct cli *c)
{
    struct why w;
    struct backup_sum sum;
    int status = cli_conf(c);
    if (status != CLI_DONE)
        return status;
    if (backup_restore(c->word[1], c->conf->database.p, c->conf->spooldir.p, c->replace, &sum, &w) <
        0)
        return cli_failed(&w);
    return tell_sum(c, &sum);
}

int cli_check(struct cli *c)
{
    struct db *d;
    struct why w;
    struct backup_sum sum;
    if (c->nword > 1)
        return backup_check(c->word[1], &sum, &w) < 0 ? cli_failed(&w) : tell_sum(c, &sum);
    int status = cli_db(c, DB_READ, &d);
    if (status != CLI_DONE)
        return status;
    int v = backup_check_live(d, c->conf->spooldir.p, &sum, &w);
    db_close(&d);
    return v < 0 ? cli_failed(&w) : tell_sum(c, &sum);
}

/* --- a first configuration --- */

/* What is asked; each answer is a C string, "" when there is none. */
struct answers {
    char node[ANSWER_MAX], domain[ANSWER_MAX], neighbour[ANSWER_MAX], smarthost[ANSWER_MAX];
};

static const char *bad_node(const char *text)
{
    return addr_userid_ok(str_of(text)) ? NULL : "a node name has 1 to 8 letters, digits, $ # @";
}

static const char *bad_domain(const char *text)
{
    struct str s = str_of(text);
    if (smtp_domain_ok(s) && str_find(s, '.') > 0)
        return NULL;
    return "a full name is needed, such as gw.example.com";
}

/* HOST or HOST:PORT; an address of IPv6 in brackets. */
static const char *bad_host(const char *text)
{
    struct str s = str_of(text);
    ptrdiff_t colon = str_find_last(s, ':');
    uint64_t port;
    if (colon > 0 && s.p[s.n - 1] != ']') {
        if (!str_number(str_sub(s, (size_t)colon + 1, s.n), 65535, &port) || port == 0)
            return "a port is a number from 1 to 65535";
        s = str_sub(s, 0, (size_t)colon);
    }
    return s.n > 0 && str_find(s, ' ') < 0 ? NULL : "HOST or HOST:PORT is needed";
}

static const char *bad_neighbour(const char *text)
{
    char node[ANSWER_MAX];
    str_copy(node, sizeof node, str_of(text));
    char *equals = strchr(node, '=');
    if (equals != NULL)
        *equals = '\0';
    const char *wrong = bad_node(node);
    return wrong == NULL && equals != NULL ? bad_host(equals + 1) : wrong;
}

static const struct question {
    const char *option, *text;
    size_t field;
    bool needed;
    const char *(*wrong)(const char *text);
} questions[] = {
    {"--node", "Our NJE node name, as the neighbours know it", offsetof(struct answers, node), true,
     bad_node},
    {"--domain", "Our full name on the Internet; people write to user%node@it",
     offsetof(struct answers, domain), true, bad_domain},
    {"--neighbour",
     "The neighbour node, NODE=HOST or NODE=HOST:PORT; NODE alone: it calls us; empty: none",
     offsetof(struct answers, neighbour), false, bad_neighbour},
    {"--smarthost", "The host that takes our Internet mail, HOST or HOST:PORT; empty: by MX",
     offsetof(struct answers, smarthost), false, bad_host},
};
#define NQUESTIONS (sizeof questions / sizeof questions[0])

static char *field_of(struct answers *a, const struct question *q)
{
    return (char *)a + q->field;
}

/* From the options: what is wrong with the first bad one is the error. */
static int take_flags(struct answers *a, const char *const given[])
{
    for (size_t i = 0; i < NQUESTIONS; i++) {
        const struct question *q = &questions[i];
        const char *text = given[i] != NULL ? given[i] : "";
        if (text[0] == '\0' && q->needed)
            return cli_error(CLI_USAGE, "init: %s is needed", q->option);
        if (strlen(text) >= ANSWER_MAX)
            return cli_error(CLI_USAGE, "init %s: too long", q->option);
        const char *wrong = text[0] != '\0' ? q->wrong(text) : NULL;
        if (wrong != NULL)
            return cli_error(CLI_REFUSED, "init %s %s: %s", q->option, text, wrong);
        str_copy(field_of(a, q), ANSWER_MAX, str_of(text));
    }
    return CLI_DONE;
}

static void guess(struct answers *a)
{
    char name[256] = "";
    if (gethostname(name, sizeof name - 1) == 0 && bad_domain(name) == NULL)
        str_copy(a->domain, sizeof a->domain, str_of(name));
    str_copy(a->node, sizeof a->node, STR("NJEGATE"));
}

/* Asked again until it is right; false at the end of the input. */
static bool ask(struct answers *a, const struct question *q)
{
    char line[ANSWER_MAX + 2];
    char *field = field_of(a, q);
    while (true) {
        printf("%s%s%s%s: ", q->text, field[0] != '\0' ? " [" : "", field,
               field[0] != '\0' ? "]" : "");
        fflush(stdout);
        if (fgets(line, sizeof line, stdin) == NULL)
            return false;
        struct str answer = str_trim(str_of(line));
        if (answer.n == 0 && (field[0] != '\0' || !q->needed))
            return true;
        line[(size_t)(answer.p - line) + answer.n] = '\0';
        const char *wrong = answer.n < ANSWER_MAX ? q->wrong(answer.p) : "too long";
        if (wrong == NULL) {
            str_copy(field, ANSWER_MAX, answer);
            return true;
        }
        printf("%s\n", wrong);
    }
}

static int take_answers(struct answers *a)
{
    guess(a);
    for (size_t i = 0; i < NQUESTIONS; i++)
        if (!ask(a, &questions[i]))
            return cli_error(CLI_REFUSED, "init: the input ended before all was answered");
    return CLI_DONE;
}

static void put_neighbour(FILE *f, char *neighbour)
{
    if (neighbour[0] == '\0') {
        fputs("; no neighbour yet: LINKDEFINE, PARM and ROUTE make one\n", f);
        return;
    }
    char *host = strchr(neighbour, '='), *colon = NULL;
    if (host != NULL) {
        *host++ = '\0';
        colon = strrchr(host, ':');
        if (colon != NULL && host[strlen(host) - 1] != ']')
            *colon++ = '\0';
        else
            colon = NULL;
    }
    for (char *p = neighbour; *p != '\0'; p++)
        *p = ascii_upper(*p);
    fprintf(f, "LINKDEFINE  %s TYPE TCPNJE NODE %s%s\n", neighbour, neighbour,
            host != NULL ? " AST" : "");
    if (host != NULL)
        fprintf(f, "PARM        %s HOST=%s PORT=%s\n", neighbour, host,
                colon != NULL ? colon : "175");
    fprintf(f, "ROUTE       * TO %-16s  ; all other nodes lie behind it\n", neighbour);
}

static void put_statements(FILE *f, struct answers *a)
{
    fputs("; njegate.conf, begun by `njegate init`; njegate.conf(5) describes every statement.\n"
          "; `njegate config check` reads it without starting anything.\n\n",
          f);
    fprintf(f, "LOCAL       %s\nHOSTNAME    %s\n", a->node, a->domain);
    fputs("GATEWAY                           ; carry mail between the Internet and the NJE "
          "network\nLISTENSMTP  25\nLISTENNJE   175\n\n",
          f);
    put_neighbour(f, a->neighbour);
    if (a->smarthost[0] != '\0')
        fprintf(f, "\nSMARTHOST   %s\n", a->smarthost);
    else
        fputs("\n; Internet mail leaves by MX; SMARTHOST would send it all to one host\n", f);
    fputs("\nLOCALUSER   OPERATOR              ; a user of our own node: njegate reader list\n"
          "POSTMASTER  OPERATOR\n",
          f);
    if (getpwnam(SERVICE_USER) != NULL)
        fputs("USER        " SERVICE_USER "\n", f);
}

/* Passwords of links may come to stand in it: not for everybody's eyes. */
static void guard(int fd)
{
    const struct group *gr = getgrnam(SERVICE_USER);
    if (geteuid() == 0 && gr != NULL && fchown(fd, 0, gr->gr_gid) == 0 && fchmod(fd, 0640) == 0)
        return;
    if (fchmod(fd, 0600) != 0)
        cli_error(CLI_INTERNAL, "init: %s", strerror(errno));
}

/* Written beside, read as the daemon would, and only then given its name. */
static int write_conf(const char *path, struct answers *a, bool replace)
{
    size_t size = strlen(path) + sizeof ".new";
    char *part = mem_new(size);
    (void)snprintf(part, size, "%s.new", path);
    FILE *f = fopen(part, "we");
    int status = CLI_DONE;
    if (f == NULL) {
        status = cli_error(CLI_REFUSED, "cannot write %s: %s", part, strerror(errno));
        free(part);
        return status;
    }
    put_statements(f, a);
    guard(fileno(f));
    bool written = fflush(f) == 0 && fsync(fileno(f)) == 0;
    struct conf *c = NULL;
    if (fclose(f) != 0 || !written)
        status = cli_error(CLI_INTERNAL, "cannot write %s: %s", part, strerror(errno));
    else if ((c = conf_load(part, conf_report_stderr, NULL)) == NULL)
        status = cli_error(CLI_REFUSED, "init: these answers make no configuration");
    else if (replace ? rename(part, path) != 0 : link(part, path) != 0)
        status = cli_error(CLI_REFUSED, "%s: %s", path,
                           errno == EEXIST ? "exists; --replace writes it anew" : strerror(errno));
    conf_free(&c);
    unlink(part);
    free(part);
    return status;
}

static int make_folder_of(const char *path)
{
    char *folder = mem_dup(path), *slash = strrchr(folder, '/');
    int status = CLI_DONE;
    if (slash != NULL && slash != folder) {
        *slash = '\0';
        if (mkdir(folder, 0755) != 0 && errno != EEXIST)
            status =
                cli_error(CLI_REFUSED, "cannot make the folder %s: %s", folder, strerror(errno));
    }
    free(folder);
    return status;
}

int cli_init(struct cli *c)
{
    struct answers a = {.node = ""};
    const char *const given[] = {c->node, c->domain, c->neighbour, c->smarthost};
    bool flags =
        c->node != NULL || c->domain != NULL || c->neighbour != NULL || c->smarthost != NULL;
    /* Before anything is asked: all answers would be for nothing. */
    if (!c->replace && access(c->config, F_OK) == 0)
        return cli_error(CLI_REFUSED, "%s: exists; --replace writes it anew", c->config);
    int status = make_folder_of(c->config);
    if (status == CLI_DONE)
        status = flags ? take_flags(&a, given) : take_answers(&a);
    if (status == CLI_DONE)
        status = write_conf(c->config, &a, c->replace);
    if (status == CLI_DONE && !c->json)
        printf("%s is written. Look at it, then: njegate config check; systemctl enable --now "
               "njegate\n",
               c->config);
    return status;
}
