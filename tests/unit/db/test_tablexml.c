/* tests/unit/db/test_tablexml.c -- the tables as XML and back: round trip, merge and replace, every
 * kind of bad document, and that nothing is changed by one. */
#include "db/tablexml.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db/secrow.h"
#include "power.h"
#include "unit/unit.h"

static char path[400], xml[420], out[420];
static struct db *d;
static char told[4000];
static unsigned problems;
static size_t rows;

static void report(void *arg, long line, const char *text)
{
    (void)arg;
    size_t n = strlen(told);
    snprintf(told + n, sizeof told - n, "%ld: %s\n", line, text);
    problems++;
}

/* The further check of the tests: nobody is called NOBODY. */
static int check(void *arg, const char *element, struct str (*value)(void *row, const char *name),
                 void *row, struct why *w)
{
    (void)arg;
    if (strcmp(element, "nick") == 0 && str_is(value(row, "nick"), "NOBODY"))
        return why_set(w, E_DENIED, 0, NULL, "NOBODY cannot be");
    return 0;
}

static void setup(void)
{
    struct why w = {.text = ""};
    const char *dir = unit_tmp();
    snprintf(path, sizeof path, "%s/db", dir);
    snprintf(xml, sizeof xml, "%s/in.xml", dir);
    snprintf(out, sizeof out, "%s/out.xml", dir);
    ck_assert_msg(db_open(&d, path, DB_CREATE, &w) == 0, "%s", w.text);
    told[0] = '\0';
    problems = 0;
}

static void teardown(void)
{
    db_close(&d);
}

static void sql(const char *text)
{
    char *why = NULL;
    ck_assert_msg(sqlite3_exec(db_handle(d), text, NULL, NULL, &why) == SQLITE_OK, "%s", why);
}

static int count(const char *text)
{
    struct sqlite3_stmt *st;
    ck_assert_int_eq(sqlite3_prepare_v2(db_handle(d), text, -1, &st, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(st), SQLITE_ROW);
    int n = sqlite3_column_int(st, 0);
    sqlite3_finalize(st);
    return n;
}

static void write_file(const char *text, size_t n)
{
    FILE *f = fopen(xml, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(text, 1, n, f), n);
    fclose(f);
}

static int import(const char *file, bool replace, struct why *w)
{
    struct tablexml_how how = {
        .replace = replace, .by = STR("tester"), .report = report, .check = check};
    *w = (struct why){.text = ""};
    return tablexml_import(d, file, &how, &rows, w);
}

static int import_text(const char *text, bool replace, struct why *w)
{
    write_file(text, strlen(text));
    return import(xml, replace, w);
}

#define DOC(rows)                                                                                  \
    "<?xml version=\"1.0\"?>\n<njegate-tables version=\"1\">\n" rows "</njegate-tables>\n"

static char *export_all(size_t *replaced)
{
    struct why w = {.text = ""};
    FILE *f = fopen(out, "wb");
    ck_assert_msg(tablexml_export(d, f, &rows, replaced, &w) == 0, "%s", w.text);
    fclose(f);
    return unit_file(out, NULL);
}

static void fill(void)
{
    sql("INSERT INTO nick VALUES ('FRED','Fred.S@example.org','Fred \"&\" <S>\tx' || char(10) || "
        "'\xC3\xA9','A@B',0,1,1700000000123456,'root',':phone.1 2','');"
        "INSERT INTO nick VALUES ('QSM01','x@y.example','','',1,0,0,'automatic','',''),"
        "('ALL','','','A@B',0,0,2,'root','','FRED x@y.example');"
        "INSERT INTO access VALUES ('*','VMA',0,5,'root'),('U1','VMA',1,6,'root');"
        "INSERT INTO secure VALUES "
        "('U1','N1','Thomas',1,0,7,'root'),('U1','N1','martin',0,1,8,'root'),"
        "('U2','N2','',0,0,9,'root');"
        "INSERT INTO restriction VALUES ('*','BAD',1,'',1,'a'),('B','*',2,'',2,'a'),"
        "('C','D',3,'OP@N',3,'a');"
        "INSERT INTO alias VALUES ('','REEF','*ANY','*@reef.example',0,1,'r'),"
        "('O@G','REEF','CRAB','@a,@b:Crab@reef.example',0,1,'r'),"
        "('','QSMRMTAD','QSM01','steve@example.org',1,2,'automatic');");
}

START_TEST(round_trip)
{
    size_t replaced;
    struct why w;
    fill();
    char *first = export_all(&replaced);
    ck_assert_uint_eq(rows, 14);
    ck_assert_uint_eq(replaced, 0);
    sql("DELETE FROM nick; DELETE FROM access; DELETE FROM secure; DELETE FROM restriction;"
        "DELETE FROM alias; INSERT INTO nick VALUES ('GONE','g@g.example','','',0,0,1,'r','','')");
    ck_assert_msg(import(out, _i == 1, &w) == 0, "%s\n%s", w.text, told);
    ck_assert_uint_eq(rows, 14);
    ck_assert_int_eq(count("SELECT count(*) FROM nick WHERE nick = 'GONE'"), _i == 1 ? 0 : 1);
    sql("DELETE FROM nick WHERE nick = 'GONE'");
    char *again = export_all(&replaced);
    ck_assert_str_eq(first, again);
    free(first);
    free(again);
}
END_TEST

START_TEST(merge_changes)
{
    struct why w;
    fill();
    ck_assert_msg(
        import_text(DOC("<nick nick=\"fred\" mailbox=\"Other@EXAMPLE.org\"/>\n"
                        "<nick nick=\"anne\" mailbox=\"anne@B\xc3\xbc\x63her.example\"/>\n"
                        "<alias userid=\"*any\" address=\"reef\" mailbox=\"*@New.example\"/>"
                        "<secure user=\"u3\" node=\"n3\"/>"),
                    false, &w) == 0,
        "%s\n%s", w.text, told);
    ck_assert_int_eq(count("SELECT count(*) FROM nick"), 4);
    ck_assert_int_eq(
        count("SELECT count(*) FROM nick WHERE mailbox = 'anne@xn--bcher-kva.example'"), 1);
    ck_assert_int_eq(count("SELECT count(*) FROM nick WHERE nick = 'FRED' AND by = 'tester' AND"
                           " changed > 1700000000123456 AND mailbox = 'Other@example.org'"),
                     1);
    ck_assert_int_eq(count("SELECT count(*) FROM alias WHERE mailbox = '*@new.example'"), 1);
    ck_assert_int_eq(count("SELECT count(*) FROM alias"), 3);
    ck_assert_int_eq(count("SELECT count(*) FROM secure WHERE user = 'U3' AND nick = ''"), 1);
}
END_TEST

START_TEST(what_xml_cannot_hold)
{
    size_t replaced;
    struct why w;
    sql("INSERT INTO nick VALUES ('A','a@b.example','x' || char(1) || 'y' || CAST(x'EF41FF' AS "
        "TEXT) ||"
        " char(65534) || '\xEF\xBF\xBD','',0,0,1,'r','','')");
    char *text = export_all(&replaced);
    ck_assert_uint_eq(replaced, 4); /* 01, EF, FF, FFFE; a U+FFFD that is there stays */
    ck_assert_msg(import(out, true, &w) == 0, "%s\n%s", w.text, told);
    free(text);
}
END_TEST

static const struct {
    const char *text; /* the document */
    const char *told; /* part of what is told, or of the reason */
} bad[] = {
    {"", "0 problem"},
    {"not xml", "1: "},
    {DOC("<nick nick=\"A\"/>\n"), "3: nick: mailbox is missing: user@host.domain"},
    {DOC("<nick nick=\"A\" mailbox=\"a@b\"/>\n\n<nick mailbox=\"a@b\"/>\n"), "5: "},
    {DOC("<nick nick=\"TOOLONGNAME\" mailbox=\"a@b\"/>\n"), "3: "},
    {DOC("<nick nick=\"A B\" mailbox=\"a@b\"/>\n"), "3: "},
    {DOC("<nick nick=\"A\" mailbox=\"nobody\"/>\n"),
     "3: nick: mailbox=\"nobody\" must be user@host.domain"},
    {DOC("<nick nick=\"A\" mailbox=\"a@b c\"/>\n"), "3: "},
    {DOC("<nick nick=\"A\" mailbox=\"a@b\" auto=\"maybe\"/>\n"), "3: "},
    {DOC("<nick nick=\"A\" mailbox=\"a@b\" owner=\"A@\"/>\n"), "3: "},
    {DOC("<nick nick=\"A\" mailbox=\"a@b\" changed=\"2026-13-01T00:00:00Z\"/>\n"), "3: "},
    {DOC("<nick nick=\"A\" mailbox=\"a@b\" changed=\"yesterday\"/>\n"), "3: "},
    {DOC("<nick nick=\"A\" mailbox=\"a@b\" colour=\"red\"/>\n"), "3: "},
    {DOC("<nick nick=\"A\" mailbox=\"a@b\">text</nick>\n"), "3: "},
    {DOC("<nick nick=\"NOBODY\" mailbox=\"a@b\"/>\n"), "3: NOBODY cannot be"},
    {DOC("<nick nick=\"A\" mailbox=\"a@b\"/>\n<nick nick=\"a\" mailbox=\"c@d\"/>\n"),
     "4: nick a: given twice"},
    {DOC("<secure user=\"A\" node=\"N\" nick=\"t.d\"/>\n"), "3: "},
    {DOC("<secure user=\"A\" node=\"N\" nick=\"x\"/>\n<secure user=\"A\" node=\"N\" "
         "nick=\"X\"/>\n"),
     "4: secure A N X: given twice"},
    {DOC("<secure user=\"A\" node=\"N\" nick=\"x\" primary_nick=\"yes\"/>\n"
         "<secure user=\"B\" node=\"N\" nick=\"X\" primary_nick=\"yes\"/>\n"),
     "4: secure B N X: given twice, or a second primary row"},
    {DOC("<secure user=\"A\" node=\"N\" nick=\"x\" primary_mbox=\"yes\"/>\n"
         "<secure user=\"A\" node=\"N\" nick=\"y\" primary_mbox=\"yes\"/>\n"),
     "4: secure A N y: given twice, or a second primary row"},
    {DOC("<restrict user=\"A\" node=\"N\" action=\"burn\"/>\n"), "3: "},
    {DOC("<restrict user=\"A\" node=\"N\" action=\"transfer\" transfer=\"A@B C\"/>\n"), "3: "},
    {DOC("<access user=\"\" node=\"N\" allowed=\"yes\"/>\n"), "3: "},
    {DOC("<table/>\n"), "3: "},
    {"<njegate-tables version=\"2\"></njegate-tables>", "1: "},
    {"<other version=\"1\"/>", "1: "},
    {"<njegate-tables version=\"1\"><nick nick=\"A\" mailbox=\"a@b\"/>", "1: "}, /* half a file */
    {"<njegate-tables version=\"1\"><nick nick=\"A\" mailb", "1: "},
    {"<?xml version=\"1.0\"?><!DOCTYPE njegate-tables><njegate-tables version=\"1\"/>", "DOCTYPE"},
    {"<!DOCTYPE t [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>"
     "<njegate-tables version=\"1\"><nick nick=\"A\" mailbox=\"a@b\" name=\"&#38;x;\"/>"
     "</njegate-tables>",
     "DOCTYPE"},
    {"<!DOCTYPE t [<!ENTITY % x SYSTEM \"file:///etc/passwd\"> %x;]><njegate-tables "
     "version=\"1\"/>",
     "DOCTYPE"},
    {"<!DOCTYPE t SYSTEM \"http://127.0.0.1:9/x.dtd\"><njegate-tables version=\"1\"/>", "DOCTYPE"},
    {"<!DOCTYPE t [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">"
     "<!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]><njegate-tables version=\"1\">"
     "<nick nick=\"A\" mailbox=\"a@b\" name=\"&c;\"/></njegate-tables>",
     "DOCTYPE"},
    {DOC("<nick nick=\"A\" mailbox=\"a@b\" name=\"&unknown;\"/>\n"), "3: "},
    {DOC("<nick nick=\"A\" mailbox=\"a@b\" name=\"\xFF\"/>\n"), "3: "},
    {DOC("<nick nick=\"A\" mailbox=\"a@b\" name=\"&#1;\"/>\n"), "3: "},
};

START_TEST(refused_whole)
{
    struct why w;
    size_t replaced;
    fill();
    char *before = export_all(&replaced);
    ck_assert_msg(import_text(bad[_i].text, true, &w) < 0, "taken: %s", bad[_i].text);
    ck_assert_msg(_i == 0 || strstr(told, bad[_i].told) != NULL ||
                      strstr(w.text, bad[_i].told) != NULL,
                  "%s\ntold %sreason %s", bad[_i].text, told, w.text);
    ck_assert_uint_gt(strlen(w.text), 10);
    char *after = export_all(&replaced);
    ck_assert_str_eq(before, after);
    free(before);
    free(after);
}
END_TEST

/* Every problem is told, not only the first; and not without end. */
START_TEST(all_problems)
{
    struct why w;
    ck_assert_int_eq(import_text(DOC("<nick nick=\"A\" mailbox=\"a@b\"/>\n"
                                     "<nick nick=\"TOOLONGNAME\" mailbox=\"a@b\"/>\n"
                                     "<nick nick=\"NOBODY\" mailbox=\"a@b\"/>\n"
                                     "<nick nick=\"A\" mailbox=\"a@b\"/>\n"),
                                 false, &w),
                     E_SYNTAX);
    ck_assert_msg(strstr(told, "4: ") && strstr(told, "5: ") && strstr(told, "6: "), "%s", told);
    ck_assert_msg(strstr(w.text, "nothing was changed") != NULL, "%s", w.text);
    struct buf many;
    buf_init(&many, 1 << 20);
    buf_z(&many, "<njegate-tables version=\"1\">\n");
    for (int i = 0; i < 1000; i++)
        buf_z(&many, "<nick nick=\"NOBODY\" mailbox=\"a@b\"/>\n");
    buf_z(&many, "</njegate-tables>\n");
    problems = 0;
    ck_assert_int_eq(import_text(buf_cstr(&many), false, &w), E_SYNTAX);
    ck_assert_uint_le(problems, 102);
    buf_done(&many);
}
END_TEST

START_TEST(no_file)
{
    struct why w;
    ck_assert_int_eq(import("/nonexistent/x.xml", false, &w), E_ABSENT);
    ck_assert_int_eq(import("/", false, &w), E_DENIED);
    ck_assert_str_eq(w.text, "/ is not a file");
    write_file("", 0);
    ck_assert_int_eq(truncate(xml, (1LL << 30) + 1), 0);
    ck_assert_int_eq(import(xml, false, &w), E_LIMIT);
}
END_TEST

/* A merge that would make two primaries with a row already there. */
START_TEST(collides_with_database)
{
    struct why w;
    fill();
    const char *text =
        DOC("<nick nick=\"NEW\" mailbox=\"a@b\"/>\n"
            "<secure user=\"U9\" node=\"N9\" nick=\"THOMAS\" primary_nick=\"yes\"/>\n");
    ck_assert_int_eq(import_text(text, false, &w), E_DENIED);
    ck_assert_msg(strstr(w.text, "<secure>") != NULL, "%s", w.text);
    ck_assert_int_eq(count("SELECT count(*) FROM nick WHERE nick = 'NEW'"), 0);
    ck_assert_int_eq(import_text(text, true, &w), 0);
    ck_assert_int_eq(count("SELECT count(*) FROM secure"), 1);
}
END_TEST

/* The same document twice in one process: nothing of the first import is left over. */
START_TEST(twice)
{
    struct why w;
    const char *text = DOC("<nick nick=\"A\" mailbox=\"a@b\"/>\n");
    ck_assert_int_eq(import_text(text, false, &w), 0);
    ck_assert_int_eq(import_text(DOC("<nick nick=\"A\"/>\n"), false, &w), E_SYNTAX);
    ck_assert_int_eq(import_text(text, false, &w), 0);
    ck_assert_uint_eq(rows, 1);
}
END_TEST

START_TEST(schema_is_documented)
{
    struct buf b;
    size_t n;
    buf_init(&b, 1u << 20);
    tablexml_schema(&b);
    char *text = unit_file("docs/njegate-tables.rng", &n);
    ck_assert_msg(n == b.n && memcmp(text, b.p, n) == 0,
                  "docs/njegate-tables.rng is not the schema that is built in; it is now:\n%s",
                  buf_cstr(&b));
    buf_done(&b);
    free(text);
}
END_TEST

/* What an import of each kind makes of the tables that fill() has filled. */
static int import_kind(int kind)
{
    struct why w;
    size_t bad_row;
    struct sec_row row[200];
    char user[200][16];
    if (kind == 0)
        return import(xml, true, &w);
    for (int i = 0; i < 200; i++) {
        snprintf(user[i], sizeof user[i], "S%d", i);
        row[i] = (struct sec_row){.user = str_of(user[i]), .node = STR("N"), .by = STR("t")};
    }
    return secrow_import(d, row, 200, &(struct secrow_how){.replace = true}, &bad_row, &w);
}

/* Old is 0, new 1, anything else the test's failure. */
static int which(int kind)
{
    int nicks = count("SELECT count(*) FROM nick"), aliases = count("SELECT count(*) FROM alias");
    int users = count("SELECT count(*) FROM secure");
    if (nicks == 3 && aliases == 3 && users == 3)
        return 0;
    ck_assert_msg(kind == 0 ? nicks == 400 && aliases == 0 && users == 0
                            : nicks == 3 && aliases == 3 && users == 200,
                  "%d nicknames, %d aliases, %d users", nicks, aliases, users);
    return 1;
}

static bool import_and_die(int kind, unsigned at)
{
    int status;
    struct why w;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        power_install();
        power_reset();
        power_kill(at);
        _exit(db_open(&d, path, DB_WRITE, &w) == 0 && import_kind(kind) == 0 ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    ck_assert_msg(killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0), "status %x", status);
    return killed;
}

/* Killed before each of its writes and syncs an import leaves the old tables or the new ones. */
START_TEST(killed)
{
    struct why w;
    struct buf many;
    unsigned at = 0, old = 0, new = 0;
    fill();
    buf_init(&many, 1 << 20);
    buf_z(&many, "<njegate-tables version=\"1\">\n");
    for (int i = 0; i < 400; i++)
        buf_printf(&many, "<nick nick=\"N%d\" mailbox=\"n%d@b.example\"/>\n", i, i);
    buf_z(&many, "</njegate-tables>\n");
    write_file(buf_cstr(&many), many.n);
    buf_done(&many);
    db_close(&d);
    for (bool dies = true; dies;) {
        dies = import_and_die(_i, ++at);
        ck_assert_int_eq(db_open(&d, path, DB_WRITE, &w), 0);
        bool is_new = which(_i) == 1;
        old += !is_new, new += is_new;
        if (is_new) {
            sql("DELETE FROM nick; DELETE FROM access; DELETE FROM secure;"
                "DELETE FROM restriction; DELETE FROM alias;");
            fill();
        }
        db_close(&d);
    }
    ck_assert_msg(old > 10 && new > 0, "died %u times, %u old, %u new", at, old, new);
    ck_assert_int_eq(db_open(&d, path, DB_WRITE, &w), 0);
}
END_TEST

static Suite *test_tablexml_suite(void)
{
    Suite *s = suite_create("db/tablexml");
    TCase *t = tcase_create("tablexml");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, round_trip, 0, 2);
    tcase_add_test(t, merge_changes);
    tcase_add_test(t, what_xml_cannot_hold);
    tcase_add_loop_test(t, refused_whole, 0, (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(t, all_problems);
    tcase_add_test(t, no_file);
    tcase_add_test(t, collides_with_database);
    tcase_add_test(t, twice);
    tcase_add_test(t, schema_is_documented);
    tcase_set_timeout(t, 240);
    tcase_add_loop_test(t, killed, 0, 2);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_tablexml_suite)
