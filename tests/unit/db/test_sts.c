/* tests/unit/db/test_sts.c -- the policies of MTA-STS that are kept: the row, that there are never
 * too many, and a database of version 1 that gets their table. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "db/stsrow.h"
#include "schema_sql.h"
#include "unit/unit.h"

static char path[400];

static struct db *open_db(void)
{
    struct db *d = NULL;
    struct why w;
    ck_assert_msg(db_open(&d, path, DB_CREATE, &w) == OK, "%s", w.text);
    return d;
}

static void put(struct db *d, const char *domain, const char *policy, int64_t until)
{
    struct why w;
    struct sts_row row = {str_of(domain), STR("id1"), str_of(policy), {5}, {until}};
    ck_assert_msg(stsrow_put(d, &row, &w) == OK, "%s", w.text);
}

static const char *find(struct db *d, const char *domain)
{
    static char got[400];
    struct arena *a = arena_new(65536);
    struct sts_row row;
    struct why w;
    int rc = stsrow_find(d, str_of(domain), a, &row, &w);
    got[0] = '\0';
    ck_assert_int_ge(rc, 0);
    if (rc > 0)
        snprintf(got, sizeof got, "%.*s %.*s %.*s %lld %lld", STR_ARG(row.domain), STR_ARG(row.id),
                 STR_ARG(row.policy), (long long)row.fetched.us, (long long)row.until.us);
    arena_free(&a);
    return got;
}

static void set_up(void)
{
    snprintf(path, sizeof path, "%s/db", unit_tmp());
}

START_TEST(kept_by_domain)
{
    struct db *d = open_db();
    ck_assert_str_eq(find(d, "a.test"), "");
    put(d, "A.Test", "old", 10);
    put(d, "a.test", "new", 20);
    put(d, "b.test", "other", 30);
    ck_assert_str_eq(find(d, "a.TEST"), "a.test id1 new 5 20");
    ck_assert_str_eq(find(d, "b.test"), "b.test id1 other 5 30");
    put(d, "", "nobody's", 10);
    ck_assert_str_eq(find(d, ""), "");
    db_close(&d);
}
END_TEST

static int count(void *arg, const struct sts_row *row)
{
    (void)row;
    ++*(unsigned *)arg;
    return 0;
}

START_TEST(old_and_too_many_go)
{
    struct db *d = open_db();
    struct why w;
    unsigned n = 0;
    char name[40];
    ck_assert_int_eq(db_begin(d, &w), OK);
    for (int i = 0; i < (int)STS_ROWS_MAX + 30; i++) {
        snprintf(name, sizeof name, "d%d.test", i);
        put(d, name, "x", 1000 + i);
    }
    ck_assert_int_eq(db_commit(d, &w), OK);
    ck_assert_int_eq(stsrow_prune(d, (struct wall){1010}, 25, &w),
                     25); /* 10 are over, 20 too many */
    ck_assert_int_eq(stsrow_prune(d, (struct wall){1010}, 25, &w), 5);
    ck_assert_int_eq(stsrow_prune(d, (struct wall){1010}, 25, &w), 0);
    ck_assert_int_eq(stsrow_prune(d, (struct wall){1040}, 25, &w), 10);
    ck_assert_int_eq(stsrow_each(d, count, &n, &w), OK);
    ck_assert_uint_eq(n, STS_ROWS_MAX - 10);
    ck_assert_str_eq(find(d, "d39.test"), "");
    ck_assert_str_eq(find(d, "d40.test"), "d40.test id1 x 5 1040");
    db_close(&d);
}
END_TEST

/* An installed database: its rows stay, its tables are those of a new one. */
START_TEST(version_1_is_brought_here)
{
    struct sqlite3 *h;
    ck_assert_int_eq(sqlite3_open(path, &h), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(h, schema_sql, NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(
        sqlite3_exec(h,
                     "PRAGMA application_id = 0x4e4a4567; PRAGMA user_version = 1;"
                     "INSERT INTO nick (nick, mailbox, name, owner, automatic, preferred, changed,"
                     " by) VALUES ('N1', 'a@b.example', 'x', '', 0, 0, 0, '');"
                     "INSERT INTO message VALUES (7, 7, 1, 1, 0, 1, 2, NULL, 's', 's', 't', 0, 0,"
                     " '', 'h', 'bb');"
                     "INSERT INTO rcpt VALUES (7, 0, 0, 1, 0, 0, 'a@b', 'b', '', '', 0, '', 1)",
                     NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(h);
    struct db *d = open_db();
    put(d, "a.test", "p", 9);
    ck_assert_str_eq(find(d, "a.test"), "a.test id1 p 5 9");
    static const char *const sql[] = {
        "SELECT nick FROM nick WHERE nick = 'N1'",
        "SELECT body FROM message WHERE id = 7",
        "SELECT addr FROM rcpt WHERE msg = 7",
        "SELECT 1 FROM pragma_user_version WHERE user_version = 3",
    };
    struct why w;
    for (size_t i = 0; i < 4; i++) {
        struct sqlite3_stmt *st = db_stmt(d, sql[i], &w);
        ck_assert_msg(st != NULL && db_step(st, &w) > 0, "%s", sql[i]);
        db_done(st);
    }
    db_close(&d);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *s = suite_create("db/sts");
    TCase *t = tcase_create("sts");
    tcase_add_checked_fixture(t, set_up, NULL);
    tcase_add_test(t, kept_by_domain);
    tcase_add_test(t, old_and_too_many_go);
    tcase_add_test(t, version_1_is_brought_here);
    suite_add_tcase(s, t);
    return s;
}
UNIT(make_suite)
