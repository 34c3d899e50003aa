/* tests/unit/db/test_history.c -- who changed what of the directory: every table, every way to
 * write; what an import leaves; bounds; a database of version 1 with rows in it. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "db/accessrow.h"
#include "db/aliasrow.h"
#include "db/history.h"
#include "db/nickfile.h"
#include "db/nickrow.h"
#include "db/restrictrow.h"
#include "db/row.h"
#include "db/secrow.h"
#include "schema_sql.h"
#include "unit/db/fixture.h"
#include "unit/unit.h"

static struct fix f;
static struct why w;
static char said[65536];
static size_t nsaid;

static void setup(void)
{
    f = (struct fix){0};
    fix_open(&f);
}

static void teardown(void)
{
    fix_close(&f);
}

static int say(void *arg, const struct history_row *r)
{
    (void)arg;
    ck_assert_int_gt(r->at.us, 1700000000000000);
    ck_assert_int_le(r->at.us, wall_now().us + 1000000);
    nsaid++;
    size_t n = strlen(said);
    snprintf(said + n, sizeof said - n, "%.*s %.*s %.*s [%.*s] [%.*s] %.*s\n", STR_ARG(r->table),
             STR_ARG(r->name), STR_ARG(r->action), STR_ARG(r->was), STR_ARG(r->now),
             STR_ARG(r->by));
    return 0;
}

static const char *history(const char *table, const char *name)
{
    said[0] = '\0';
    nsaid = 0;
    ck_assert_int_eq(history_each(f.reader, str_of(table), str_of(name), say, NULL, &w), OK);
    return said;
}

#define DO(call) ck_assert_msg((call) == OK, "%s", w.text)

static void nick(const char *mailbox, const char *by, bool change)
{
    struct nick_row row = {.nick = STR("STEVE"),
                           .mailbox = str_of(mailbox),
                           .name = STR("Steve Hayes"),
                           .owner = STR("BOB@MVSA"),
                           .preferred = true,
                           .by = str_of(by)};
    DO(change ? nickrow_change(f.reader, &row, &w) : nickrow_add(f.reader, &row, &w));
}

START_TEST(nicknames)
{
    nick("a@x.org", "ann", false);
    nick("b@x.org", "ben", true);
    nick("b@x.org", "carl", true); /* nothing became different */
    DO(nickrow_delete(f.reader, STR("steve"), STR("dora"), &w));
    ck_assert_str_eq(history("nick", "st*"),
                     "nick STEVE add [] [a@x.org name: Steve Hayes owner: BOB@MVSA] ann\n"
                     "nick STEVE change [a@x.org name: Steve Hayes owner: BOB@MVSA]"
                     " [b@x.org name: Steve Hayes owner: BOB@MVSA] ben\n"
                     "nick STEVE delete [b@x.org name: Steve Hayes owner: BOB@MVSA] [] dora\n");
    ck_assert_str_eq(history("nick", "X*"), "");
    ck_assert_str_eq(history("alias", ""), "");
    ck_assert_int_eq(nickrow_delete(f.reader, STR("STEVE"), STR("dora"), &w), E_ABSENT);
    history("", "");
    ck_assert_uint_eq(nsaid, 3);
    ck_assert_uint_eq(fix_count_sql(&f, "SELECT count(*) FROM acting WHERE who = '' AND at = 0"
                                        " AND room IS NULL"),
                      1);
}
END_TEST

static void by_message(enum nick_edit what, const char *mailbox, const char *by)
{
    struct nick_row row = {.nick = STR("ANNE"), .mailbox = str_of(mailbox), .by = str_of(by)};
    row.preferred = what == NICK_ADD;
    struct change *c = change_new(f.store);
    change_nick_edit(c, (int)what, &row, STR(""));
    fix_durable(&f, &c);
}

static void automatic(const char *name)
{
    struct nick_row row = {
        .nick = str_of(name), .mailbox = STR("q@x.org"), .automatic = true, .by = STR("automatic")};
    struct change *c = change_new(f.store);
    change_nick(c, &row);
    fix_durable(&f, &c);
}

/* What users ask by message goes through the writer; what the gateway makes itself is not told. */
START_TEST(nicknames_by_message)
{
    automatic("QSM01");
    by_message(NICK_ADD, "a@x.org", "BOB@MVSA");
    by_message(NICK_SET, "b@x.org", "CHIEF@MVSA");
    by_message(NICK_DELETE, "", "CAROL@MVSA");
    struct access_row denied = {.user = STR("EVE"), .node = STR("MVSA"), .by = STR("CHIEF@MVSA")};
    struct change *c = change_new(f.store);
    change_access(c, &denied);
    fix_durable(&f, &c);
    ck_assert_str_eq(history("", ""), "nick ANNE add [] [a@x.org] BOB@MVSA\n"
                                      "nick ANNE change [a@x.org] [b@x.org] CHIEF@MVSA\n"
                                      "nick ANNE delete [b@x.org] [] CAROL@MVSA\n"
                                      "access EVE@MVSA add [] [denied] CHIEF@MVSA\n");
    DO(nickrow_delete(f.reader, STR("QSM01"), STR("root"), &w));
    ck_assert_str_eq(history("nick", "QSM*"),
                     "nick QSM01 delete [automatic q@x.org (not preferred)] [] root\n");
}
END_TEST

START_TEST(every_other_table)
{
    struct access_row may = {.user = STR("EVE"), .node = STR("*"), .allowed = true, .by = STR("a")};
    DO(accessrow_set(f.reader, &may, &w));
    may.allowed = false, may.by = STR("b");
    DO(accessrow_set(f.reader, &may, &w));
    struct sec_row sec = {.user = STR("U"), .node = STR("N"), .nick = STR("Fred"), .by = STR("a")};
    DO(secrow_put(f.reader, &sec, &w));
    sec.primary_mbox = true, sec.by = STR("b");
    DO(secrow_put(f.reader, &sec, &w));
    DO(secrow_delete(f.reader, STR("U"), STR("N"), STR(""), STR("c"), &w));
    struct restrict_row no = {.user = STR("U"),
                              .node = STR("*"),
                              .action = RESTRICT_TRANSFER,
                              .transfer = STR("OPER"),
                              .by = STR("a")};
    DO(restrictrow_add(f.reader, &no, &w));
    DO(restrictrow_delete(f.reader, STR("U"), STR("*"), STR("b"), &w));
    struct alias_row alias = {.owner = STR("BOB@MVSA"),
                              .userid = STR("CRAB"),
                              .address = STR("REEF"),
                              .mailbox = STR("c@x.org"),
                              .by = STR("a")};
    DO(aliasrow_add(f.reader, &alias, &w));
    alias.by = STR("b");
    DO(aliasrow_delete(f.reader, &alias, &w));
    ck_assert_str_eq(history("", ""), "access EVE@* add [] [allowed] a\n"
                                      "access EVE@* change [allowed] [denied] b\n"
                                      "secure U@N add [] [Fred N N] a\n"
                                      "secure U@N change [Fred N N] [Fred N Y] b\n"
                                      "secure U@N delete [Fred N Y] [] c\n"
                                      "restrict U@* add [] [TRANSFERTO OPER] a\n"
                                      "restrict U@* delete [TRANSFERTO OPER] [] b\n"
                                      "alias CRAB@REEF add [] [c@x.org personal: BOB@MVSA] a\n"
                                      "alias CRAB@REEF delete [c@x.org personal: BOB@MVSA] [] b\n");
    ck_assert_str_eq(history("restrict", "*@N"), "");
}
END_TEST

/* An import tells what became different, and itself; a change that fails leaves nothing. */
START_TEST(imports)
{
    struct sec_row old[] = {
        {.user = STR("A"), .node = STR("N"), .nick = STR("X"), .primary_nick = true},
        {.user = STR("B"), .node = STR("N")}};
    struct sec_row new[] = {old[0], {.user = STR("C"), .node = STR("N")}};
    struct secrow_how how = {.replace = true, .source = STR("sectable"), .by = STR("ann")};
    size_t bad;
    DO(secrow_import(f.reader, old, 2, &how, &bad, &w));
    DO(secrow_import(f.reader, new, 2, &how, &bad, &w));
    static const char both[] =
        "secure A@N add [] [X Y N] ann\n"
        "secure B@N add [] [registered] ann\n"
        "secure * import [] [2 rows of sectable, in place of the table] ann\n"
        "secure B@N delete [registered] [] ann\n"
        "secure C@N add [] [registered] ann\n"
        "secure * import [] [2 rows of sectable, in place of the table] ann\n";
    ck_assert_str_eq(history("", ""), both);
    new[1] = (struct sec_row){.user = STR("D"), .node = STR("N"), .nick = STR("X")};
    new[1].primary_nick = true;
    how.replace = false;
    ck_assert_int_eq(secrow_import(f.reader, new, 2, &how, &bad, &w), E_DENIED);
    ck_assert_str_eq(history("", ""), both);
}
END_TEST

/* A large import does not push out what was there. */
START_TEST(a_large_import_has_an_end)
{
    nick("a@x.org", "ann", false);
    DO(db_begin(f.reader, &w));
    DO(history_begin(f.reader, STR("ben"), 3, &w));
    for (int i = 0; i < 10; i++) {
        char name[16];
        snprintf(name, sizeof name, "N%d", i);
        struct nick_row row = {.nick = str_of(name), .mailbox = STR("n@x.org"), .by = STR("ben")};
        DO(nickfile_put(f.reader, &row, STR(""), false, &w));
    }
    DO(history_end_import(f.reader, STR("nick"), STR("10 nicknames"), STR("ben"), &w));
    DO(db_commit(f.reader, &w));
    history("", "");
    ck_assert_uint_eq(nsaid, 1 + 3 + 1);
    ck_assert(strstr(said, "nick * import [] [10 nicknames] ben\n") != NULL);
    nick("b@x.org", "ann", true);
    history("nick", "STEVE"); /* and the next change is told again */
    ck_assert_uint_eq(nsaid, 2);
}
END_TEST

START_TEST(bounded_by_number_and_age)
{
    nick("a@x.org", "ann", false);
    DO(db_begin(f.reader, &w));
    DO(row_run(f.reader, "UPDATE history SET id = 1, at = 1", "", NULL, NULL, &w));
    DO(row_run(f.reader,
               "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 100005)"
               " INSERT INTO history (id, at, kind, name, action, was, now, by)"
               " SELECT i, i, 'nick', 'N', 'add', '', '', 'x' FROM n",
               "", NULL, NULL, &w));
    DO(db_commit(f.reader, &w));
    ck_assert_uint_eq(fix_count_sql(&f, "SELECT min(id) FROM history"), 6);
    ck_assert_uint_eq(fix_count_sql(&f, "SELECT count(*) FROM history"), 100000);
    ck_assert_int_eq(history_prune(f.reader, (struct wall){11}, 500, &w), 5);
    ck_assert_int_eq(history_prune(f.reader, (struct wall){2000}, 500, &w), 500);
    ck_assert_uint_eq(fix_count_sql(&f, "SELECT min(at) FROM history"), 511);
}
END_TEST

START_TEST(the_latest_of_one_name)
{
    for (int i = 0; i < 30; i++) {
        char box[20];
        snprintf(box, sizeof box, "m%d@x.org", i);
        nick(box, "ann", i > 0);
    }
    said[0] = '\0';
    nsaid = 0;
    DO(history_of(f.reader, STR("nick"), STR("STEVE"), 2, say, NULL, &w));
    ck_assert_uint_eq(nsaid, 2);
    ck_assert(strstr(said, "[m28@x.org") < strstr(said, "[m29@x.org"));
    ck_assert(strstr(said, "[m29@x.org") != NULL && strstr(said, "[m26@x.org") == NULL);
}
END_TEST

/* An installed database of version 1 keeps all it has. */
START_TEST(version_1_is_brought_up)
{
    static const char *const old[] = {schema_sql};
    char path[400];
    struct db *d;
    snprintf(path, sizeof path, "%s/v1.db", unit_tmp());
    ck_assert_msg(db_open_steps(&d, path, DB_CREATE, old, 1, &w) == OK, "%s", w.text);
    static const char *const rows[] = {
        "INSERT INTO nick VALUES ('FRED', 'f@x.org', 'Fred', '', 0, 1, 7, 'ann', '', '')",
        "INSERT INTO alias VALUES ('', 'REEF', 'CRAB', 'c@x.org', 0, 7, 'ann')",
        "INSERT INTO secure VALUES ('U', 'N', 'Fred', 1, 0, 7, 'ann')",
        "INSERT INTO restriction VALUES ('U', 'N', 1, '', 7, 'ann')",
        "INSERT INTO access VALUES ('U', 'N', 0, 7, 'ann')",
        "INSERT INTO journal VALUES (1, 7, 'accepted', 'from=x')"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        DO(row_run(d, rows[i], "", NULL, NULL, &w));
    db_close(&d);
    ck_assert_msg(db_open(&d, path, DB_WRITE, &w) == OK, "%s", w.text);
    struct db *mine = f.reader;
    f.reader = d;
    ck_assert_str_eq(history("", ""), "");
    DO(nickrow_delete(d, STR("FRED"), STR("ben"), &w));
    DO(secrow_delete(d, STR("U"), STR("N"), STR(""), STR("ben"), &w));
    DO(restrictrow_delete(d, STR("U"), STR("N"), STR("ben"), &w));
    struct alias_row crab = {.userid = STR("CRAB"), .address = STR("REEF"), .by = STR("ben")};
    DO(aliasrow_delete(d, &crab, &w));
    ck_assert_int_eq(accessrow_allowed(d, STR("U"), STR("N"), &w), 0);
    ck_assert_str_eq(history("", ""), "nick FRED delete [f@x.org name: Fred] [] ben\n"
                                      "secure U@N delete [Fred Y N] [] ben\n"
                                      "restrict U@N delete [PURGE] [] ben\n"
                                      "alias CRAB@REEF delete [c@x.org] [] ben\n");
    f.reader = mine;
    db_close(&d);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *s = suite_create("db/history");
    TCase *t = tcase_create("history");
    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, nicknames);
    tcase_add_test(t, nicknames_by_message);
    tcase_add_test(t, every_other_table);
    tcase_add_test(t, imports);
    tcase_add_test(t, a_large_import_has_an_end);
    tcase_add_test(t, bounded_by_number_and_age);
    tcase_add_test(t, the_latest_of_one_name);
    tcase_add_test(t, version_1_is_brought_up);
    suite_add_tcase(s, t);
    return s;
}
UNIT(make_suite)
