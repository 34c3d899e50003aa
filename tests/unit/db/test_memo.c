/* tests/unit/db/test_memo.c -- what a connection remembers: the table itself against a plain list,
 * its limits, and that a change of each directory table by another connection is seen after a
 * refresh, also where there was nothing before. */
#include "db/memo.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "db/accessrow.h"
#include "db/aliasrow.h"
#include "db/nickrow.h"
#include "db/restrictrow.h"
#include "db/secrow.h"
#include "unit/unit.h"

static struct str word(char to[64], const char *what, unsigned n)
{
    return (struct str){to, (size_t)snprintf(to, 64, "%s%u", what, n)};
}

START_TEST(keeps_all)
{
    char k[64], v[64];
    struct str value;
    struct memo *m = memo_new(64u << 20, 100000);
    for (unsigned i = 0; i < 100000; i++)
        memo_put(m, word(k, "key", i), i % 7 == 0 ? STR("") : word(v, "value", i));
    ck_assert_uint_eq(memo_count(m), 100000);
    for (unsigned i = 0; i < 100000; i++) {
        ck_assert_int_eq(memo_get(m, word(k, "key", i), &value), 1);
        ck_assert(str_eq(value, i % 7 == 0 ? STR("") : word(v, "value", i)));
        ck_assert_int_eq(memo_get(m, word(k, "kez", i), &value), 0);
    }
    ck_assert_uint_lt(memo_bytes(m) / memo_count(m), 80);
    memo_clear(m);
    ck_assert_int_eq(memo_get(m, STR("key1"), &value), 0);
    memo_free(&m);
}
END_TEST

START_TEST(limits)
{
    char k[64];
    static char large[20000];
    struct str value;
    struct memo *m = memo_new(4u << 20, 1000);
    for (unsigned i = 0; i < 150000; i++) {
        memo_put(m, word(k, "k", i), STR("some value of some length"));
        ck_assert_uint_le(memo_bytes(m), 4u << 20);
        ck_assert_int_eq(memo_get(m, word(k, "k", i), &value), 1);
    }
    memo_clear(m);
    for (unsigned i = 0; i < 5000; i++)
        memo_put(m, word(k, "k", i), STR(""));
    ck_assert_uint_le(memo_count(m), 1000);
    memo_put(m, STR("large"), (struct str){large, sizeof large});
    ck_assert_int_eq(memo_get(m, STR("large"), &value), 0);
    memo_put(m, (struct str){large, 2000}, STR("x"));
    ck_assert_int_eq(memo_get(m, (struct str){large, 2000}, &value), 0);
    memo_free(&m);
}
END_TEST

/* --- a connection that remembers --- */

static struct db *reader, *other;
static struct arena *arena;

static void setup(void)
{
    static char path[400];
    struct why w = {.text = ""};
    snprintf(path, sizeof path, "%s/db", unit_tmp());
    ck_assert_msg(db_open(&reader, path, DB_CREATE, &w) == 0, "%s", w.text);
    ck_assert_msg(db_open(&other, path, DB_WRITE, &w) == 0, "%s", w.text);
    db_remember(reader, 16u << 20);
    arena = arena_new(16u << 20);
}

static void teardown(void)
{
    db_close(&reader);
    db_close(&other);
    arena_free(&arena);
}

static void sql(const char *text)
{
    char *why = NULL;
    ck_assert_msg(sqlite3_exec(db_handle(other), text, NULL, NULL, &why) == SQLITE_OK, "%s", why);
}

/* What each look-up says, as one text. */
static const char *ask(void)
{
    static char text[400];
    struct why w;
    struct nick_row n = {.mailbox = STR("-")}, r = {.nick = STR("-")};
    struct alias_row a = {.mailbox = STR("-")}, b = {.userid = STR("-")},
                     key = {.userid = STR("U"), .address = STR("A")};
    struct sec_row s = {.user = STR("-")}, p = {.nick = STR("-")};
    struct restrict_row t = {.node = STR("-")};
    unsigned count;
    (void)!nickrow_get(reader, STR("n"), arena, &n, &w);
    (void)!nickrow_of_mailbox(reader, STR("m@h.example"), arena, &r, &w);
    (void)!aliasrow_get(reader, &key, arena, &a, &w);
    (void)!aliasrow_of_mailbox(reader, STR(""), STR("m@h.example"), true, arena, &b, &w);
    (void)!secrow_of_nick(reader, STR("Nick"), arena, &s, &count, &w);
    (void)!secrow_primary_mbox(reader, STR("u"), STR("n"), arena, &p, &w);
    int found = restrictrow_find(reader, STR("u"), STR("n"), arena, &t, &w);
    snprintf(text, sizeof text, "%.*s %.*s %.*s %.*s %.*s %u %.*s %d %d%.*s %d %d",
             STR_ARG(n.mailbox), STR_ARG(r.nick), STR_ARG(a.mailbox), STR_ARG(b.userid),
             STR_ARG(s.user), count, STR_ARG(p.nick),
             secrow_registered(reader, STR("u"), STR("n"), &w), found, STR_ARG(t.node),
             accessrow_allowed(reader, STR("u"), STR("n"), &w),
             aliasrow_has_address(reader, STR(""), STR("a"), &w));
    return text;
}

static const char *const nothing = "- - - - - 0 - 0 0- 1 0";
/* A row of each table, what is said then; and how it goes again. */
static const struct {
    const char *add, *said, *away;
} change[] = {
    {"INSERT INTO nick VALUES ('N','m@h.example','','',0,0,1,'r','','')",
     "m@h.example N - - - 0 - 0 0- 1 0", "DELETE FROM nick"},
    {"INSERT INTO alias VALUES ('','A','U','m@h.example',0,1,'r')",
     "- - m@h.example U - 0 - 0 0- 1 1", "DELETE FROM alias"},
    {"INSERT INTO secure VALUES ('U','N','nick',1,1,1,'r')", "- - - - U 1 nick 1 0- 1 0",
     "DELETE FROM secure"},
    {"INSERT INTO secure VALUES ('U','N','nick',1,0,1,'r'), ('V','N','nick',0,0,1,'r')",
     "- - - - U 2 - 1 0- 1 0", "DELETE FROM secure"},
    {"INSERT INTO restriction VALUES ('*','N',1,'',1,'r')", "- - - - - 0 - 0 1N 1 0",
     "DELETE FROM restriction"},
    {"INSERT INTO access VALUES ('U','N',0,1,'r')", "- - - - - 0 - 0 0- 0 0",
     "UPDATE access SET allowed = 1"},
};

START_TEST(seen_after_a_refresh)
{
    db_refresh(reader);
    ck_assert_str_eq(ask(), nothing);
    ck_assert_str_eq(ask(), nothing);
    sql(change[_i].add);
    db_refresh(reader);
    ck_assert_str_eq(ask(), change[_i].said);
    sql(change[_i].away);
    ck_assert_str_eq(ask(), change[_i].said); /* it remembers */
    db_refresh(reader);
    ck_assert_str_eq(ask(), nothing);
}
END_TEST

/* Rows that the gateway makes for correspondents are no change, and are seen all the same. */
START_TEST(automatic_rows)
{
    struct why w;
    struct nick_row n;
    struct alias_row a, key = {.userid = STR("QSM07"), .address = STR("QSMRMTAD")};
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(nickrow_get(reader, STR("QSM07"), arena, &n, &w), E_ABSENT);
        ck_assert_int_eq(nickrow_of_mailbox(reader, STR("m@h.example"), arena, &n, &w), E_ABSENT);
        ck_assert_int_eq(aliasrow_get(reader, &key, arena, &a, &w), E_ABSENT);
        ck_assert_int_eq(
            aliasrow_of_mailbox(reader, STR(""), STR("m@h.example"), false, arena, &a, &w),
            E_ABSENT);
    }
    sql("INSERT INTO nick VALUES ('QSM07','m@h.example','','',1,0,1,'automatic','','');"
        "INSERT INTO alias VALUES ('','QSMRMTAD','QSM07','m@h.example',1,1,'automatic')");
    ck_assert_int_eq(nickrow_get(reader, STR("QSM07"), arena, &n, &w), 0);
    ck_assert_int_eq(nickrow_of_mailbox(reader, STR("m@h.example"), arena, &n, &w), 0);
    ck_assert_int_eq(aliasrow_get(reader, &key, arena, &a, &w), 0);
    ck_assert_int_eq(aliasrow_of_mailbox(reader, STR(""), STR("m@h.example"), false, arena, &a, &w),
                     0);
}
END_TEST

static Suite *memo_suite(void)
{
    Suite *s = suite_create("db/memo");
    TCase *t = tcase_create("table");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, keeps_all);
    tcase_add_test(t, limits);
    suite_add_tcase(s, t);
    t = tcase_create("connection");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, seen_after_a_refresh, 0, (int)(sizeof change / sizeof change[0]));
    tcase_add_test(t, automatic_rows);
    suite_add_tcase(s, t);
    return s;
}
UNIT(memo_suite)
