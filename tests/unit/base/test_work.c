/* tests/unit/base/test_work.c -- jobs beside the loop: where they run, in which order, how they
 * end. */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/work.h"
#include "unit/unit.h"

#define LIGHT 100u

static struct loop *loop;
static struct work *work;
static pthread_t here;
static char trace[4096]; /* whose done came, in order; '-' behind a name: it did not run */

struct job {
    struct work_job job;
    const char *name;
    sem_t *begun, *go; /* NULL: neither told nor waited for */
    bool ran_here;
    int value;
    struct job *then;
};

static void set_up(void)
{
    loop = loop_new();
    here = pthread_self();
    trace[0] = '\0';
}

static void tear_down(void)
{
    work_free(&work);
    work_free(&work); /* nothing is there any more: fine */
    loop_free(&loop);
}

static void run(void *arg)
{
    struct job *j = arg;
    if (j->begun != NULL)
        sem_post(j->begun);
    if (j->go != NULL)
        sem_wait(j->go);
    j->ran_here = pthread_equal(pthread_self(), here);
    j->value++;
}

static void give(struct job *j, const char *name, uint64_t size);

static void done(void *arg, bool ran)
{
    struct job *j = arg;
    size_t n = strlen(trace);
    ck_assert(pthread_equal(pthread_self(), here));
    snprintf(trace + n, sizeof trace - n, "%s%s ", j->name, ran ? "" : "-");
    if (j->then != NULL)
        give(j->then, "then", 1);
}

static void give(struct job *j, const char *name, uint64_t size)
{
    j->name = name;
    j->job.run = run;
    j->job.done = done;
    j->job.arg = j;
    j->job.size = size;
    work_give(work, &j->job);
}

static void finish(void)
{
    while (work_left(work) > 0)
        (void)loop_turn(loop, true);
}

START_TEST(a_job_runs_elsewhere_and_ends_here)
{
    struct job a = {0};
    work = work_new(loop, 1, LIGHT, 1);
    give(&a, "a", 1);
    ck_assert_str_eq(trace, "");
    ck_assert_uint_eq(work_left(work), 1);
    finish();
    ck_assert_str_eq(trace, "a ");
    ck_assert(!a.ran_here);
    ck_assert_int_eq(a.value, 1);
    give(&a, "a", 1); /* it may be given again */
    finish();
    ck_assert_int_eq(a.value, 2);
}
END_TEST

START_TEST(one_thread_keeps_the_order)
{
    enum { N = 200 };
    static struct job j[N];
    static char name[N][12];
    char want[4096] = "";
    memset(j, 0, sizeof j);
    work = work_new(loop, 1, LIGHT, 1);
    for (int i = 0; i < N; i++) {
        snprintf(name[i], sizeof name[i], "%d", i);
        snprintf(want + strlen(want), sizeof want - strlen(want), "%d ", i);
        give(&j[i], name[i], (uint64_t)i);
    }
    finish();
    ck_assert_str_eq(trace, want);
}
END_TEST

/* Two large jobs have one thread; a small one passes both. */
START_TEST(small_jobs_pass_large_ones)
{
    sem_t begun, go;
    struct job a = {.begun = &begun, .go = &go}, b = {.go = &go}, c = {0};
    sem_init(&begun, 0, 0);
    sem_init(&go, 0, 0);
    work = work_new(loop, 2, LIGHT, 1);
    give(&a, "a", LIGHT + 1);
    give(&b, "b", LIGHT + 1);
    sem_wait(&begun);
    give(&c, "c", LIGHT);
    while (trace[0] == '\0')
        (void)loop_turn(loop, true);
    ck_assert_str_eq(trace, "c ");
    ck_assert_int_eq(b.value, 0);
    sem_post(&go);
    sem_post(&go);
    finish();
    ck_assert_str_eq(trace, "c a b ");
    sem_destroy(&begun);
    sem_destroy(&go);
}
END_TEST

/* A thread that is done with a large job does not begin a small one beside another. */
START_TEST(small_jobs_run_one_by_one)
{
    sem_t begun, large, small;
    struct job a = {.begun = &begun, .go = &large}, b = {.begun = &begun, .go = &small}, c = {0};
    sem_init(&begun, 0, 0);
    sem_init(&large, 0, 0);
    sem_init(&small, 0, 0);
    work = work_new(loop, 2, LIGHT, 1);
    give(&a, "a", LIGHT + 1);
    sem_wait(&begun);
    give(&b, "b", LIGHT);
    sem_wait(&begun);
    give(&c, "c", LIGHT);
    sem_post(&large);
    while (trace[0] == '\0') /* with a over, its thread has looked for another */
        (void)loop_turn(loop, true);
    ck_assert(work_withdraw(work, &c.job));
    give(&c, "c", 1);
    sem_post(&small);
    finish();
    ck_assert_str_eq(trace, "a b c ");
    sem_destroy(&begun);
    sem_destroy(&large);
    sem_destroy(&small);
}
END_TEST

/* So many at once as were asked for. */
START_TEST(small_jobs_run_together)
{
    sem_t begun, go;
    struct job a = {.begun = &begun, .go = &go}, b = {.begun = &begun, .go = &go};
    sem_init(&begun, 0, 0);
    sem_init(&go, 0, 0);
    work = work_new(loop, 2, LIGHT, 2);
    give(&a, "a", LIGHT);
    give(&b, "b", LIGHT);
    sem_wait(&begun);
    sem_wait(&begun);
    sem_post(&go);
    sem_post(&go);
    finish();
    ck_assert_int_eq(a.value + b.value, 2);
    sem_destroy(&begun);
    sem_destroy(&go);
}
END_TEST

/* And keep their order among themselves. */
START_TEST(what_is_soon_passes_what_waits)
{
    sem_t begun, go;
    struct job a = {.begun = &begun, .go = &go}, b = {0}, c = {0}, d = {0}, e = {0};
    sem_init(&begun, 0, 0);
    sem_init(&go, 0, 0);
    c.job.soon = d.job.soon = true;
    work = work_new(loop, 1, LIGHT, 1);
    give(&a, "a", 1);
    sem_wait(&begun);
    give(&b, "b", 1);
    give(&c, "c", 1);
    give(&d, "d", 1);
    give(&e, "e", 1);
    sem_post(&go);
    finish();
    ck_assert_str_eq(trace, "a c d b e ");
    sem_destroy(&begun);
    sem_destroy(&go);
}
END_TEST

START_TEST(the_end_waits_for_what_runs)
{
    sem_t begun, go;
    struct job more = {0}, a = {.begun = &begun, .go = &go, .then = &more}, b = {0};
    sem_init(&begun, 0, 0);
    sem_init(&go, 0, 0);
    work = work_new(loop, 1, LIGHT, 1);
    give(&a, "a", 1);
    give(&b, "b", 1);
    sem_wait(&begun);
    sem_post(&go);
    struct work *w = work;
    work_free(&w);
    /* b may have begun behind a, before the end was asked for */
    ck_assert_int_eq(a.value, 1);
    ck_assert_str_eq(trace, b.value == 1 ? "a b then- " : "a b- then- ");
    ck_assert_int_eq(more.value, 0);
    work = NULL;
    sem_destroy(&begun);
    sem_destroy(&go);
}
END_TEST

START_TEST(a_job_can_be_withdrawn_before_it_begins)
{
    sem_t begun, go;
    struct job a = {.begun = &begun, .go = &go}, b = {0}, c = {0};
    sem_init(&begun, 0, 0);
    sem_init(&go, 0, 0);
    work = work_new(loop, 1, LIGHT, 1);
    ck_assert(!work_withdraw(work, &b.job)); /* never given */
    give(&a, "a", 1);
    give(&b, "b", 1);
    give(&c, "c", 1);
    sem_wait(&begun);
    ck_assert(!work_withdraw(work, &a.job)); /* too late */
    ck_assert(work_withdraw(work, &b.job));
    ck_assert(!work_withdraw(work, &b.job));
    ck_assert_uint_eq(work_left(work), 2);
    sem_post(&go);
    finish();
    ck_assert_str_eq(trace, "a c ");
    ck_assert_int_eq(b.value, 0);
    sem_destroy(&begun);
    sem_destroy(&go);
}
END_TEST

static Suite *test_work_suite(void)
{
    Suite *s = suite_create("work");
    TCase *t = tcase_create("work");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_job_runs_elsewhere_and_ends_here);
    tcase_add_test(t, one_thread_keeps_the_order);
    tcase_add_test(t, small_jobs_pass_large_ones);
    tcase_add_test(t, small_jobs_run_one_by_one);
    tcase_add_test(t, small_jobs_run_together);
    tcase_add_test(t, what_is_soon_passes_what_waits);
    tcase_add_test(t, the_end_waits_for_what_runs);
    tcase_add_test(t, a_job_can_be_withdrawn_before_it_begins);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_work_suite)
