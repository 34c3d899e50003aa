/* tests/unit/db/test_backup.c -- a backup holds rows and bodies of one moment, whatever goes on;
 * what is damaged is not restored; a database that is gone is not made anew. */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/backup.h"
#include "db/queue.h"
#include "db/readerrow.h"
#include "fixture.h"
#include "unit/unit.h"

#define LARGE 200000

static char file[420];

static struct backup_sum must_back_up(struct fix *f)
{
    struct backup_sum sum;
    struct why w = {.text = "?"};
    struct db *d;
    ck_assert_msg(db_open(&d, f->path, DB_READ, &w) == OK, "%s", w.text);
    ck_assert_msg(backup_write(d, f->spool, file, &sum, &w) == OK, "%s", w.text);
    db_close(&d);
    return sum;
}

static void some_mail(struct fix *f)
{
    *f = (struct fix){.inline_max = 4096};
    fix_open(f);
    snprintf(file, sizeof file, "%s/backup", f->dir);
    fix_add(f, 1, 500, 1);
    fix_add(f, 2, LARGE, 2);
    fix_add(f, 3, LARGE + 1, 1);
}

static void has_mail(struct fix *f, msg_id id, size_t n)
{
    struct message *m;
    struct why w = {.text = "?"};
    ck_assert_msg(queue_get(f->reader, f->store, id, &m, &w) == OK, "%s", w.text);
    fix_check_body(m->body, id, n);
    message_free(&m);
}

static int restore(struct fix *f, bool replace, struct why *w)
{
    struct backup_sum sum;
    return backup_restore(file, f->path, f->spool, replace, &sum, w);
}

START_TEST(whole_and_back)
{
    struct fix f;
    some_mail(&f);
    struct backup_sum sum = must_back_up(&f);
    ck_assert_uint_eq(sum.messages, 3);
    ck_assert_uint_eq(sum.bodies, 2);
    ck_assert_uint_eq(sum.bytes, 2 * LARGE + 1);
    ck_assert_uint_eq(fix_files(f.spool, "tmp"), 0); /* nothing is held any more */
    struct stat st;
    ck_assert_int_eq(stat(file, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);

    struct change *c = change_new(f.store);
    change_remove(c, 2);
    change_remove(c, 3);
    fix_durable(&f, &c);
    fix_add(&f, 4, 100, 1);
    struct why w = {.text = "?"};
    ck_assert_int_eq(restore(&f, true, &w), E_DENIED); /* a daemon works there */
    fix_close(&f);
    ck_assert_int_eq(restore(&f, false, &w), E_DENIED);
    ck_assert_msg(strstr(w.text, "--replace") != NULL, "%s", w.text);
    ck_assert_msg(restore(&f, true, &w) == OK, "%s", w.text);
    fix_open(&f);
    has_mail(&f, 1, 500);
    has_mail(&f, 2, LARGE);
    has_mail(&f, 3, LARGE + 1);
    ck_assert(!fix_has(&f, 4));
    ck_assert_uint_eq(
        fix_count_sql(&f, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'backup%'"), 0);
    ck_assert_uint_eq(fix_files(f.spool, "body"), 2);
    fix_close(&f);
}
END_TEST

START_TEST(to_a_new_place)
{
    struct fix f, g = {.inline_max = 4096};
    some_mail(&f);
    must_back_up(&f);
    fix_close(&f);
    fix_paths(&g, unit_tmp());
    struct why w = {.text = "?"};
    ck_assert_msg(restore(&g, false, &w) == OK, "%s", w.text);
    fix_open(&g);
    has_mail(&g, 2, LARGE);
    ck_assert_uint_ge(store_next_id(g.store), 4);
    fix_close(&g);
}
END_TEST

START_TEST(a_backup_is_no_live_database)
{
    struct fix f;
    some_mail(&f);
    must_back_up(&f);
    struct db *d;
    struct why w = {.text = "?"};
    ck_assert_int_eq(db_open(&d, file, DB_WRITE, &w), E_PERM);
    ck_assert_msg(strstr(w.text, "njegate restore") != NULL, "%s", w.text);
    fix_close(&f);
}
END_TEST

static void sql(const char *path, const char *text)
{
    struct sqlite3 *h;
    ck_assert_int_eq(sqlite3_open(path, &h), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(h, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(h);
}

START_TEST(what_is_not_whole_is_refused)
{
    static const char *const spoil[] = {
        "DELETE FROM backup_body WHERE n = (SELECT min(n) FROM backup_body)",
        "UPDATE backup_body SET bytes = substr(bytes, 2) WHERE n = 1",
        "DROP TABLE backup_body",
        "PRAGMA user_version = 99",
    };
    for (size_t i = 0; i < sizeof spoil / sizeof spoil[0]; i++) {
        struct fix f;
        struct backup_sum sum;
        struct why w = {.text = "?"};
        some_mail(&f);
        must_back_up(&f);
        fix_close(&f);
        ck_assert_int_eq(backup_check(file, &sum, &w), OK);
        sql(file, spoil[i]);
        ck_assert_int_eq(backup_check(file, &sum, &w), E_PERM);
        ck_assert_int_eq(restore(&f, true, &w), E_PERM);
        fix_open(&f); /* the queue that was there is untouched */
        has_mail(&f, 3, LARGE + 1);
        fix_close(&f);
    }
}
END_TEST

START_TEST(a_body_that_is_gone_is_said)
{
    struct fix f;
    struct backup_sum sum;
    struct why w = {.text = "?"};
    char body[500];
    some_mail(&f);
    struct db *d;
    ck_assert_int_eq(db_open(&d, f.path, DB_READ, &w), OK);
    ck_assert_msg(backup_check_live(d, f.spool, &sum, &w) == OK, "%s", w.text);
    snprintf(body, sizeof body, "%s/body/%010u", f.spool,
             fix_count_sql(&f, "SELECT min(file) FROM message"));
    ck_assert_int_eq(truncate(body, 10), 0);
    ck_assert_int_eq(backup_check_live(d, f.spool, &sum, &w), E_PERM);
    ck_assert_msg(strstr(w.text, "10 bytes") != NULL, "%s", w.text);
    ck_assert_int_lt(backup_write(d, f.spool, file, &sum, &w), 0);
    ck_assert_int_eq(unlink(body), 0);
    ck_assert_int_lt(backup_write(d, f.spool, file, &sum, &w), 0);
    ck_assert_msg(strstr(w.text, "is not there") != NULL, "%s", w.text);
    ck_assert_int_lt(backup_check_live(d, f.spool, &sum, &w), 0);
    ck_assert_int_ne(access(file, F_OK), 0); /* nothing that passes for a backup */
    ck_assert_uint_eq(fix_files(f.spool, "tmp"), 0);
    db_close(&d);
    fix_close(&f);
}
END_TEST

/* While mail comes and goes: every backup is whole, and no body is kept longer than it must. */
START_TEST(while_the_queue_moves)
{
    struct fix f;
    some_mail(&f);
    for (msg_id id = 10; id < 60; id++) {
        fix_add(&f, id, LARGE, 1);
        struct change *c = change_new(f.store);
        if (id > 12)
            change_remove(c, id - 3);
        change_commit(&c, NULL, NULL); /* on its way while the backup is made */
        if (id % 10 == 0) {
            struct backup_sum sum, again;
            struct why w = {.text = "?"};
            sum = must_back_up(&f);
            ck_assert_msg(backup_check(file, &again, &w) == OK, "%s", w.text);
            ck_assert_uint_eq(sum.bodies, again.bodies);
            ck_assert_uint_eq(sum.messages, again.messages);
        }
        fix_turns(&f, 1);
    }
    fix_close(&f);
    ck_assert_uint_eq(fix_files(f.spool, "tmp"), 0);
}
END_TEST

START_TEST(a_lost_database_is_not_made_anew)
{
    struct fix f;
    struct why w = {.text = "?"};
    some_mail(&f);
    must_back_up(&f);
    fix_close(&f);
    char lost[430];
    snprintf(lost, sizeof lost, "%s.lost", f.path);
    for (int empty = 0; empty < 2; empty++) {
        ck_assert_int_eq(rename(f.path, lost), 0);
        if (empty)
            close(open(f.path, O_CREAT | O_WRONLY, 0600));
        ck_assert_int_eq(fix_try(&f, &w), E_PERM);
        ck_assert_msg(strstr(w.text, "is gone") != NULL, "%s", w.text);
        ck_assert_uint_eq(fix_files(f.spool, "body"), 2);
        ck_assert_int_eq(rename(lost, f.path), 0);
    }
    ck_assert_int_eq(unlink(f.path), 0);
    ck_assert_msg(restore(&f, false, &w) == OK, "%s", w.text);
    fix_open(&f);
    has_mail(&f, 2, LARGE);
    fix_close(&f);
}
END_TEST

static Suite *backup_suite(void)
{
    Suite *s = suite_create("backup");
    TCase *t = tcase_create("backup");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, whole_and_back);
    tcase_add_test(t, to_a_new_place);
    tcase_add_test(t, a_backup_is_no_live_database);
    tcase_add_test(t, what_is_not_whole_is_refused);
    tcase_add_test(t, a_body_that_is_gone_is_said);
    tcase_add_test(t, while_the_queue_moves);
    tcase_add_test(t, a_lost_database_is_not_made_anew);
    suite_add_tcase(s, t);
    return s;
}

UNIT(backup_suite)
