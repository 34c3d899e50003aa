/* tests/unit/db/test_thread.c -- who was given which mail: the row, and that there are never too
 * many. */
#include <stdio.h>

#include "db/threadrow.h"
#include "unit/unit.h"

static const struct {
    const char *in, *want;
    bool reply;
} subjects[] = {
    {"The plan", "The plan", false},
    {"Re: The plan ", "The plan", true},
    {"RE: AW:  Fwd: x", "x", true},
    {"Fwd: x", "x", false},
    {"Re:", "", true},
    {"", "", false},
    {"Regarding x", "Regarding x", false},
};

START_TEST(subject_without_marks)
{
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        bool reply;
        struct str got = threadrow_subject(str_of(subjects[i].in), &reply);
        ck_assert_msg(str_eq(got, str_of(subjects[i].want)), "%s", subjects[i].in);
        ck_assert(reply == subjects[i].reply);
    }
}
END_TEST

static struct db *open_db(void)
{
    struct db *d = NULL;
    struct why w;
    char path[400];
    (void)snprintf(path, sizeof path, "%s/db", unit_tmp());
    ck_assert_msg(db_open(&d, path, DB_CREATE, &w) == OK, "%s", w.text);
    return d;
}

static void put(struct db *d, const char *who, const char *id, int64_t at)
{
    struct why w;
    struct thread_row row = {.who = str_of(who),
                             .peer = STR("ann@Example.org"),
                             .subject = STR("s"),
                             .message_id = str_of(id),
                             .at = {at}};
    ck_assert_msg(threadrow_put(d, &row, &w) == OK, "%s", w.text);
}

START_TEST(newest_row_found)
{
    struct db *d = open_db();
    struct arena *a = arena_new(100000);
    struct thread_row row;
    struct why w;
    put(d, "BOB@MVSA", "<1@x>", 1);
    put(d, "BOB@MVSA", "<2@x>", 2);
    ck_assert_int_eq(
        threadrow_find(d, STR("bob@mvsa"), STR("ann@example.ORG"), STR("s"), a, &row, &w), 1);
    ck_assert(str_eq(row.message_id, STR("<2@x>")));
    ck_assert_int_eq(
        threadrow_find(d, STR("BOB@MVSA"), STR("ann@example.org"), STR("t"), a, &row, &w), 0);
    ck_assert_int_eq(
        threadrow_find(d, STR("BOB@MVSB"), STR("ann@example.org"), STR("s"), a, &row, &w), 0);
    arena_free(&a);
    db_close(&d);
}
END_TEST

START_TEST(old_rows_go)
{
    static const int64_t day = 86400ll * 1000000;
    struct db *d = open_db();
    struct arena *a = arena_new(100000);
    struct thread_row row;
    struct why w;
    for (int i = 0; i < 10; i++) {
        char who[20];
        (void)snprintf(who, sizeof who, "U%d@MVSA", i);
        put(d, who, "<1@x>", i * day * 30);
    }
    ck_assert_int_eq(threadrow_prune(d, (struct wall){9 * 30 * day}, 2, &w), 2);
    ck_assert_int_eq(threadrow_prune(d, (struct wall){9 * 30 * day}, 100, &w), 4);
    ck_assert_int_eq(threadrow_prune(d, (struct wall){9 * 30 * day}, 100, &w), 0);
    ck_assert_int_eq(
        threadrow_find(d, STR("U6@MVSA"), STR("ann@example.org"), STR("s"), a, &row, &w), 1);
    ck_assert_int_eq(
        threadrow_find(d, STR("U5@MVSA"), STR("ann@example.org"), STR("s"), a, &row, &w), 0);
    arena_free(&a);
    db_close(&d);
}
END_TEST

static Suite *thread_suite(void)
{
    Suite *s = suite_create("thread");
    TCase *t = tcase_create("rows");
    tcase_add_test(t, subject_without_marks);
    tcase_add_test(t, newest_row_found);
    tcase_add_test(t, old_rows_go);
    suite_add_tcase(s, t);
    return s;
}
UNIT(thread_suite)
