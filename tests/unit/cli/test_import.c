/* tests/unit/cli/test_import.c -- imports by the command line, killed before each of their writes,
 * syncs, renames: the tables, and their history, are the old ones or the new ones. */
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "unit/db/power.h"
#include "unit/unit.h"

#define MANY 300

static char dir[300], conf[400], base[400], file[400];

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}

static void setup(void)
{
    snprintf(dir, sizeof dir, "%s", unit_tmp());
    snprintf(conf, sizeof conf, "%s/njegate.conf", dir);
    snprintf(base, sizeof base, "%s/db", dir);
    snprintf(file, sizeof file, "%s/file", dir);
    put(conf, "LOCAL GATE\nHOSTNAME gate\nDOMAINORIGIN example.test\nDATABASE db\nCONTROL control\n"
              "SNADSADDRESS QSMRMTAD\nLISTENNJE 127.0.0.1:175\n");
}

/* The verb as its administrator gives it; the exit status. */
static int verb(cli_fn *fn, int n, char **word)
{
    struct cli c = {.config = conf, .word = word, .nword = n, .replace = true};
    int status = fn(&c);
    conf_free(&c.conf);
    return status;
}

static int ask(const char *sql)
{
    struct db *d;
    struct why w = {.text = "?"};
    struct sqlite3_stmt *st;
    ck_assert_msg(db_open(&d, base, DB_WRITE, &w) == 0, "%s", w.text);
    ck_assert_int_eq(sqlite3_prepare_v2(db_handle(d), sql, -1, &st, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(st), SQLITE_ROW);
    int value = sqlite3_column_int(st, 0);
    sqlite3_finalize(st);
    db_close(&d);
    return value;
}

/* --- the files --- */

static void names_entry(FILE *f, int i)
{
    fprintf(f, ":nick.N%d :userid.n%d :node.b.example :name.New %d\n", i, i, i);
}

static void names_end(FILE *f)
{
    fputs(":nick.ALL :list.N0 N1 N2\n", f);
}

static void table_entry(FILE *f, int i)
{
    fprintf(f, "%s<alias userid=\"U%d\" address=\"REEF\" mailbox=\"u%d@b.example\"/>\n",
            i == 0 ? "<njegate-tables version=\"1\">\n" : "", i, i);
}

static void table_end(FILE *f)
{
    fputs("</njegate-tables>\n", f);
}

static void secure_entry(FILE *f, int i)
{
    fprintf(f, "  S%d N NICK%d Y Y\n", i, i);
}

static void nothing(FILE *f)
{
    fputs("* the end\n", f);
}

static const struct kind {
    const char *name, *verb, *action;
    cli_fn *fn;
    void (*entry)(FILE *f, int i), (*end)(FILE *f);
    const char *count; /* 1 before, `rows` after */
    int rows;
    const char *undo;
} kinds[] = {
    {"nick import (NAMES)", "nick", "import", cli_nick_import, names_entry, names_end,
     "SELECT count(*) FROM nick", MANY + 2, "DELETE FROM nick WHERE nick <> 'OLD'"},
    {"table import (XML; SNADS aliases)", "table", "import", cli_table_import, table_entry,
     table_end, "SELECT count(*) FROM alias", MANY, "DELETE FROM alias; DELETE FROM nick"},
    {"secure import", "secure", "import", cli_secure_import, secure_entry, nothing,
     "SELECT count(*) FROM secure", MANY, "DELETE FROM secure"},
};

static void old_tables(const struct kind *k)
{
    struct db *d;
    struct why w;
    char sql[400];
    snprintf(
        sql, sizeof sql,
        "%s; DELETE FROM history;"
        "INSERT OR REPLACE INTO nick (nick, mailbox, name, owner, automatic, preferred, changed,"
        " by) VALUES ('OLD', 'o@x', '', '', 0, 1, 1, 'x');"
        "INSERT OR REPLACE INTO alias VALUES ('', 'REEF', 'OLD', 'o@x', 0, 1, 'x');"
        "INSERT OR REPLACE INTO secure VALUES ('OLD', 'N', '', 0, 0, 1, 'x');"
        "DELETE FROM history",
        k->undo);
    ck_assert_int_eq(db_open(&d, base, DB_CREATE, &w), 0);
    char *why = NULL;
    ck_assert_msg(sqlite3_exec(db_handle(d), sql, NULL, NULL, &why) == SQLITE_OK, "%s", why);
    db_close(&d);
}

static bool import_and_die(const struct kind *k, unsigned at)
{
    int status;
    char *word[] = {(char *)k->verb, (char *)k->action, file};
    fflush(NULL);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, STDOUT_FILENO);
        power_install();
        power_reset();
        power_kill(at);
        _exit(verb(k->fn, 3, word));
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    ck_assert_msg(killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0), "%s: status %x",
                  k->name, status);
    return killed;
}

START_TEST(killed)
{
    const struct kind *k = &kinds[_i];
    unsigned at = 0, old = 0, new = 0;
    FILE *f = fopen(file, "w");
    for (int i = 0; i < MANY; i++)
        k->entry(f, i);
    k->end(f);
    fclose(f);
    old_tables(k);
    for (bool dies = true; dies;) {
        dies = import_and_die(k, ++at);
        int rows = ask(k->count), told = ask("SELECT count(*) FROM history");
        int whole = ask("SELECT count(*) FROM history WHERE action = 'import'");
        ck_assert_msg((rows == 1 && told == 0) || (rows == k->rows && told > MANY && whole == 1),
                      "%s killed at step %u: %d rows, %d of history", k->name, at, rows, told);
        old += rows == 1, new += rows != 1;
        ck_assert_msg(dies || rows != 1, "%s: it ended and did nothing", k->name);
        if (rows != 1)
            old_tables(k);
    }
    ck_assert_msg(old > 5 && new > 0, "%s: died %u times, %u old, %u new", k->name, at, old, new);
}
END_TEST

static Suite *import_suite(void)
{
    Suite *s = suite_create("cli/import");
    TCase *t = tcase_create("import");
    tcase_set_timeout(t, 240);
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_loop_test(t, killed, 0, (int)(sizeof kinds / sizeof *kinds));
    suite_add_tcase(s, t);
    return s;
}

UNIT(import_suite)
