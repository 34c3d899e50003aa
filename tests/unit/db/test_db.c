/* tests/unit/db/test_db.c -- opening: what is ours, what is refused and left alone; versions. */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "unit/unit.h"

static char path[400];

static void fresh(void)
{
    snprintf(path, sizeof path, "%s/t.db", unit_tmp());
}

static void make(const char *sql)
{
    struct sqlite3 *h;
    ck_assert_int_eq(sqlite3_open(path, &h), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(h, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(h);
}

static struct db *must_open(enum db_mode mode)
{
    struct db *d;
    struct why w = {.text = "?"};
    ck_assert_msg(db_open(&d, path, mode, &w) == OK, "%s", w.text);
    return d;
}

static void must_refuse(enum db_mode mode, const char *words)
{
    struct db *d = (struct db *)1;
    struct why w = {.err = OK};
    ck_assert_int_eq(db_open(&d, path, mode, &w), E_PERM);
    ck_assert_ptr_null(d);
    ck_assert_int_eq(w.err, E_PERM);
    ck_assert_msg(strstr(w.text, words) != NULL && strstr(w.text, path) != NULL, "%s", w.text);
}

static size_t slurp(char *p, size_t size)
{
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, p, size);
    close(fd);
    return n > 0 ? (size_t)n : 0;
}

START_TEST(modes)
{
    fresh();
    must_refuse(DB_READ, "No such file");
    must_refuse(DB_WRITE, "No such file");
    struct db *d = must_open(DB_CREATE);
    ck_assert_str_eq(db_path(d), path);
    struct stat mode;
    ck_assert_int_eq(stat(path, &mode), 0);
    ck_assert_uint_eq(mode.st_mode & 0777, 0600);
    struct db *second = must_open(DB_READ), *third = must_open(DB_WRITE);
    struct why w;
    struct sqlite3_stmt *st = db_stmt(second, "DELETE FROM seen", &w);
    ck_assert_int_lt(db_step(st, &w), 0); /* readers do not write */
    db_done(st);
    ck_assert_int_eq(db_begin(third, &w), OK);
    ck_assert_int_eq(db_commit(third, &w), OK);
    db_close(&second);
    db_close(&third);
    db_close(&d);
    db_close(&d); /* NULL is fine */
    d = must_open(DB_CREATE);
    db_close(&d);
}
END_TEST

START_TEST(refuses_and_leaves_alone)
{
    static const struct {
        const char *sql, *words;
    } c[] = {
        {"CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)", "not one of njegate's"},
        {"PRAGMA application_id = 99", "not one of njegate's"},
        {"PRAGMA user_version = 3", "not one of njegate's"},
        {"PRAGMA application_id = 0x4e4a4567; PRAGMA user_version = 99; CREATE TABLE x (y)",
         "newer njegate (schema 99"},
    };
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        fresh();
        make(c[i].sql);
        char before[9000], after[9000];
        size_t n = slurp(before, sizeof before);
        must_refuse(DB_READ, c[i].words);
        must_refuse(DB_WRITE, c[i].words);
        must_refuse(DB_CREATE, c[i].words);
        ck_assert_uint_eq(slurp(after, sizeof after), n);
        ck_assert(memcmp(before, after, n) == 0);
    }
}
END_TEST

START_TEST(refuses_the_empty_but_to_create)
{
    fresh();
    make("VACUUM");
    close(open(path, O_CREAT | O_RDWR, 0600));
    must_refuse(DB_READ, "empty");
    must_refuse(DB_WRITE, "empty");
    struct db *d = must_open(DB_CREATE);
    db_close(&d);
}
END_TEST

static void overwrite(off_t at, const char *text, size_t times)
{
    int fd = open(path, O_RDWR);
    for (size_t i = 0; i < times; i++)
        ck_assert_int_gt(pwrite(fd, text, strlen(text), at + (off_t)(i * strlen(text))), 0);
    close(fd);
}

START_TEST(refuses_the_damaged)
{
    fresh();
    struct db *d = must_open(DB_CREATE);
    db_close(&d);
    overwrite(4096, "garbage ", 300); /* somewhere in the tables */
    must_refuse(DB_WRITE, "damaged");
    must_refuse(DB_CREATE, "damaged");
    overwrite(0, "this is no header at all", 10);
    must_refuse(DB_READ, "damaged");
    must_refuse(DB_CREATE, "damaged");
}
END_TEST

START_TEST(refuses_a_cut_file)
{
    fresh();
    struct db *d = must_open(DB_CREATE);
    db_close(&d);
    ck_assert_int_eq(truncate(path, 2 * 4096 + 10), 0);
    must_refuse(DB_CREATE, "damaged");
}
END_TEST

START_TEST(says_why_it_cannot_open)
{
    snprintf(path, sizeof path, "%s/no/such/folder/t.db", unit_tmp());
    must_refuse(DB_CREATE, "No such file");
    must_refuse(DB_READ, "No such file");
}
END_TEST

START_TEST(statements_are_kept_and_text_is_bound)
{
    fresh();
    struct db *d = must_open(DB_CREATE);
    struct why w;
    static const char sql[] = "SELECT ?1, ?2";
    struct sqlite3_stmt *st = db_stmt(d, sql, &w);
    ck_assert_ptr_nonnull(st);
    struct str odd = {"a\0b'--\xc3\xa4", 8}, none = {NULL, 0};
    db_bind_str(st, 1, odd);
    db_bind_str(st, 2, none);
    ck_assert_int_eq(db_step(st, &w), 1);
    ck_assert(str_eq(db_col_str(st, 0), odd));
    ck_assert_uint_eq(db_col_str(st, 1).n, 0);
    ck_assert_int_eq(sqlite3_column_type(st, 1), SQLITE_TEXT); /* empty, not NULL */
    ck_assert_int_eq(db_step(st, &w), 0);
    db_done(st);
    ck_assert_ptr_eq(db_stmt(d, sql, &w), st);
    ck_assert_ptr_null(db_stmt(d, "SELECT x FROM nowhere", &w));
    ck_assert_msg(strstr(w.text, "nowhere") != NULL, "%s", w.text);
    db_close(&d);
}
END_TEST

START_TEST(transactions)
{
    fresh();
    struct db *d = must_open(DB_CREATE);
    struct why w;
    struct sqlite3_stmt *st = db_stmt(d, "INSERT INTO counter (name, value) VALUES ('x', 1)", &w);
    ck_assert_int_eq(db_begin(d, &w), OK);
    ck_assert_int_eq(db_step(st, &w), 0);
    db_done(st);
    db_rollback(d);
    db_rollback(d); /* nothing to do is fine */
    ck_assert_int_eq(db_begin(d, &w), OK);
    ck_assert_int_eq(db_step(st, &w), 0); /* so it was rolled back */
    db_done(st);
    ck_assert_int_eq(db_step(st, &w), E_DENIED);
    db_done(st);
    ck_assert_int_eq(db_commit(d, &w), OK);
    db_close(&d);
}
END_TEST

/* --- versions: what a later njegate does with the tables of an older one */

static const char first[] = "CREATE TABLE a (x TEXT NOT NULL); INSERT INTO a VALUES ('old');";
static const char second[] = "ALTER TABLE a ADD COLUMN y INTEGER NOT NULL DEFAULT 7;";
static const char third[] = "CREATE TABLE b (z TEXT); INSERT INTO b SELECT x || y FROM a;";
static const char broken[] = "CREATE TABLE c (z TEXT); INSERT INTO nowhere VALUES (1);";

static int open_as(struct db **d, enum db_mode mode, const char *const *step, int n, struct why *w)
{
    return db_open_steps(d, path, mode, step, n, w);
}

static void version_is(int want, const char *sql, const char *answer)
{
    struct sqlite3 *h;
    struct sqlite3_stmt *st;
    ck_assert_int_eq(sqlite3_open(path, &h), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(h, "PRAGMA user_version", -1, &st, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(st), SQLITE_ROW);
    ck_assert_int_eq(sqlite3_column_int(st, 0), want);
    sqlite3_finalize(st);
    if (sql != NULL) {
        ck_assert_int_eq(sqlite3_prepare_v2(h, sql, -1, &st, NULL), SQLITE_OK);
        ck_assert_int_eq(sqlite3_step(st), SQLITE_ROW);
        ck_assert_str_eq((const char *)sqlite3_column_text(st, 0), answer);
        sqlite3_finalize(st);
    }
    sqlite3_close(h);
}

START_TEST(older_versions_are_brought_up)
{
    static const char *const steps[] = {first, second, third};
    for (int from = 1; from <= 3; from++) {
        struct db *d;
        struct why w = {.text = "?"};
        fresh();
        ck_assert_msg(open_as(&d, DB_CREATE, steps, from, &w) == OK, "%s", w.text);
        db_close(&d);
        version_is(from, NULL, NULL);
        /* Reading alone changes nothing. */
        ck_assert_msg(open_as(&d, DB_READ, steps, 3, &w) == OK, "%s", w.text);
        db_close(&d);
        version_is(from, NULL, NULL);
        ck_assert_msg(open_as(&d, DB_WRITE, steps, 3, &w) == OK, "%s", w.text);
        db_close(&d);
        version_is(3, "SELECT z FROM b", "old7");
    }
}
END_TEST

START_TEST(a_failing_step_leaves_the_old_version)
{
    static const char *const steps[] = {first, second, broken};
    struct db *d;
    struct why w = {.text = "?"};
    fresh();
    ck_assert_int_eq(open_as(&d, DB_CREATE, steps, 1, &w), OK);
    db_close(&d);
    ck_assert_int_lt(open_as(&d, DB_WRITE, steps, 3, &w), 0);
    ck_assert_msg(strstr(w.text, "nowhere") != NULL, "%s", w.text);
    version_is(1, "SELECT count(*) FROM pragma_table_info('a')", "1");
    version_is(1, "SELECT count(*) FROM sqlite_schema WHERE name = 'c'", "0");
}
END_TEST

START_TEST(a_newer_version_is_refused)
{
    static const char *const steps[] = {first, second, third};
    struct db *d;
    struct why w = {.text = "?"};
    fresh();
    ck_assert_int_eq(open_as(&d, DB_CREATE, steps, 3, &w), OK);
    db_close(&d);
    static const enum db_mode modes_[] = {DB_READ, DB_WRITE, DB_CREATE};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(open_as(&d, modes_[i], steps, 2, &w), E_PERM);
        ck_assert_msg(strstr(w.text, "newer njegate (schema 3; this one knows up to 2)") != NULL &&
                          strstr(w.text, "restore a backup") != NULL,
                      "%s", w.text);
    }
    version_is(3, "SELECT z FROM b", "old7");
}
END_TEST

/* Over CHECK_PAGES not all is walked: a small table still is, and so is the length of the file. */
static struct db *large(void)
{
    fresh();
    struct db *d = must_open(DB_CREATE);
    db_close(&d);
    make("INSERT INTO reader (user, origin, fn, ft, class, records, date, kind, size, deck)"
         " SELECT 'U', 'O', 'F', 'T', 65, 1, 1, 'mail', 1, zeroblob(72000000);"
         "INSERT INTO nick (nick, mailbox, name, owner, automatic, preferred, changed, by)"
         " SELECT 'N1', 'a@b.example', 'x', '', 0, 0, 0, ''");
    return must_open(DB_WRITE);
}

START_TEST(large_ones_are_looked_at_where_it_is_quick)
{
    struct stat st;
    struct why w;
    struct db *d = large();
    db_close(&d);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_gt(st.st_size, 70000000);
    ck_assert_int_eq(truncate(path, st.st_size - 3 * 4096), 0);
    must_refuse(DB_WRITE, "damaged");
    d = large();
    struct sqlite3_stmt *root =
        db_stmt(d, "SELECT rootpage FROM sqlite_schema WHERE name = 'nick'", &w);
    ck_assert_int_eq(db_step(root, &w), 1);
    off_t at = (off_t)(sqlite3_column_int64(root, 0) - 1) * 4096;
    db_done(root);
    db_close(&d);
    overwrite(at, "garbage ", 500);
    must_refuse(DB_WRITE, "damaged");
}
END_TEST

static Suite *db_suite(void)
{
    Suite *s = suite_create("db");
    TCase *t = tcase_create("db");
    tcase_add_test(t, modes);
    tcase_add_test(t, refuses_and_leaves_alone);
    tcase_add_test(t, refuses_the_empty_but_to_create);
    tcase_add_test(t, refuses_the_damaged);
    tcase_add_test(t, refuses_a_cut_file);
    tcase_add_test(t, says_why_it_cannot_open);
    tcase_add_test(t, statements_are_kept_and_text_is_bound);
    tcase_add_test(t, transactions);
    tcase_add_test(t, older_versions_are_brought_up);
    tcase_add_test(t, a_failing_step_leaves_the_old_version);
    tcase_add_test(t, a_newer_version_is_refused);
    tcase_add_test(t, large_ones_are_looked_at_where_it_is_quick);
    suite_add_tcase(s, t);
    return s;
}

UNIT(db_suite)
