/* tests/unit/base/test_loop.c -- timers in virtual time, descriptors, posts, signals, barriers. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/loop.h"
#include "unit/unit.h"

static struct loop *loop;
static char trace[4096]; /* what ran, in order */

static void set_up(void)
{
    clock_fake(true);
    loop = loop_new();
    trace[0] = '\0';
}

static void tear_down(void)
{
    loop_free(&loop);
    clock_fake(false);
}

static void note(void *arg)
{
    size_t n = strlen(trace);
    snprintf(trace + n, sizeof trace - n, "%s ", (const char *)arg);
}

START_TEST(timers_run_when_due_in_order)
{
    struct timer a = {0}, b = {0}, c = {0}, d = {0};
    loop_arm(loop, &a, 300, note, "a");
    loop_arm(loop, &b, 100, note, "b");
    loop_arm(loop, &c, 200, note, "c");
    loop_arm(loop, &d, 100, note, "d"); /* the same instant: as armed */
    ck_assert(!loop_turn(loop, false));
    clock_step(99);
    ck_assert(!loop_turn(loop, false));
    clock_step(1);
    ck_assert(loop_turn(loop, false));
    ck_assert_str_eq(trace, "b d ");
    ck_assert_int_eq(b.slot, 0);
    loop_disarm(loop, &c);
    loop_disarm(loop, &c);
    loop_arm(loop, &a, 1000, note, "late");
    clock_step(500);
    ck_assert(!loop_turn(loop, false));
    clock_step(500);
    ck_assert(loop_turn(loop, true)); /* due: does not wait */
    ck_assert_str_eq(trace, "b d late ");
}
END_TEST

/* Against a plain sorted list: many timers, some disarmed, some moved. */
START_TEST(the_heap_keeps_order)
{
    enum { N = 500 };
    static struct timer t[N];
    static char name[N][12];
    int64_t due[N];
    srand(1);
    for (int i = 0; i < N; i++) {
        snprintf(name[i], sizeof name[i], "%d", i);
        due[i] = rand() % 1000;
        loop_arm(loop, &t[i], due[i], note, name[i]);
    }
    for (int i = 0; i < N; i += 3) {
        due[i] = i % 2 == 0 ? -1 : rand() % 1000;
        if (due[i] < 0)
            loop_disarm(loop, &t[i]);
        else
            loop_arm(loop, &t[i], due[i], note, name[i]);
    }
    for (int64_t now = 0; now < 1000; now++) {
        trace[0] = '\0';
        (void)loop_turn(loop, false);
        int want = 0, ran = 0;
        for (int i = 0; i < N; i++)
            want += due[i] == now;
        for (const char *s = trace; *s != '\0'; s++)
            ran += *s == ' ';
        ck_assert_int_eq(ran, want);
        clock_step(1);
    }
}
END_TEST

static struct timer again;

static void rearm(void *arg)
{
    note(arg);
    loop_arm(loop, &again, 0, rearm, arg);
}

START_TEST(a_timer_for_now_waits_for_the_next_turn)
{
    struct timer other = {0};
    loop_arm(loop, &again, 0, rearm, "x");
    loop_arm(loop, &other, 0, note, "y");
    (void)loop_turn(loop, false);
    ck_assert_str_eq(trace, "x y ");
    (void)loop_turn(loop, false);
    ck_assert_str_eq(trace, "x y x ");
    loop_disarm(loop, &again);
}
END_TEST

static struct timer first, second;

static void disarm_second(void *arg)
{
    note(arg);
    loop_disarm(loop, &second);
}

START_TEST(a_timer_disarmed_by_another_does_not_run)
{
    loop_arm(loop, &first, 10, disarm_second, "first");
    loop_arm(loop, &second, 10, note, "second");
    clock_step(10);
    (void)loop_turn(loop, false);
    ck_assert_str_eq(trace, "first ");
}
END_TEST

START_TEST(real_time_passes_as_well)
{
    struct timer t = {0};
    clock_fake(false);
    struct mono start = mono_now();
    loop_arm(loop, &t, 20, note, "t");
    while (trace[0] == '\0')
        (void)loop_turn(loop, true);
    ck_assert_int_ge(mono_ms(start, mono_now()), 20);
}
END_TEST

static struct watch *watch;
static unsigned seen;

static void on_fd(void *arg, unsigned events)
{
    seen |= events;
    note(arg);
}

static void on_fd_unwatch(void *arg, unsigned events)
{
    on_fd(arg, events);
    loop_unwatch(&watch);
}

START_TEST(descriptors)
{
    int fd[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    watch = loop_watch(loop, fd[0], LOOP_READ, on_fd, "r");
    ck_assert(!loop_turn(loop, false));
    ck_assert_int_eq(write(fd[1], "x", 1), 1);
    ck_assert(loop_turn(loop, true));
    ck_assert(loop_turn(loop, true)); /* level-triggered: it is still there */
    ck_assert_uint_eq(seen, LOOP_READ);
    loop_want(watch, 0);
    ck_assert(!loop_turn(loop, false));
    loop_want(watch, LOOP_WRITE | LOOP_READ);
    ck_assert(loop_turn(loop, true));
    ck_assert_uint_eq(seen, LOOP_READ | LOOP_WRITE);
    loop_unwatch(&watch);
    ck_assert_ptr_null(watch);
    loop_unwatch(&watch);
    /* Both directions are ready and the first callback takes the watch away. */
    trace[0] = '\0';
    watch = loop_watch(loop, fd[0], LOOP_READ | LOOP_WRITE, on_fd_unwatch, "once");
    (void)loop_turn(loop, true);
    ck_assert_str_eq(trace, "once ");
    close(fd[0]);
    close(fd[1]);
}
END_TEST

START_TEST(barriers_follow_the_callbacks)
{
    struct timer t = {0};
    loop_barrier(loop, note, "commit");
    loop_barrier(loop, note, "log");
    loop_arm(loop, &t, 5, note, "work");
    clock_step(5);
    ck_assert(loop_turn(loop, false));
    ck_assert_str_eq(trace, "work commit log ");
    ck_assert(!loop_turn(loop, false)); /* barriers alone are nothing */
}
END_TEST

static void post_more(void *arg)
{
    note(arg);
    loop_post(loop, note, "more");
}

static void *other_thread(void *arg)
{
    (void)arg;
    for (int i = 0; i < 100; i++)
        loop_post(loop, note, "p");
    return NULL;
}

START_TEST(posts_run_in_a_later_turn)
{
    loop_post(loop, post_more, "one");
    loop_post(loop, note, "two");
    ck_assert_str_eq(trace, "");
    (void)loop_turn(loop, true);
    ck_assert_str_eq(trace, "one two ");
    (void)loop_turn(loop, true);
    ck_assert_str_eq(trace, "one two more ");
    pthread_t thread;
    trace[0] = '\0';
    ck_assert_int_eq(pthread_create(&thread, NULL, other_thread, NULL), 0);
    while (strlen(trace) < 200)
        (void)loop_turn(loop, true);
    pthread_join(thread, NULL);
    loop_post(loop, note, "never run, freed with the loop");
}
END_TEST

static void stop(void *arg)
{
    note(arg);
    loop_stop(loop);
}

START_TEST(signals_and_run)
{
    struct why w;
    loop_signal(loop, SIGUSR1, stop, "usr1");
    loop_signal(loop, SIGHUP, note, "hup");
    raise(SIGHUP);
    raise(SIGUSR1);
    ck_assert_int_eq(loop_run(loop, &w), OK);
    ck_assert_ptr_nonnull(strstr(trace, "usr1"));
    ck_assert_ptr_nonnull(strstr(trace, "hup"));
    loop_stop(loop); /* before it runs */
    ck_assert_int_eq(loop_run(loop, &w), OK);
    /* A broken pipe is an error, not the end. */
    int fd[2];
    ck_assert_int_eq(pipe(fd), 0);
    close(fd[0]);
    ck_assert_int_eq(write(fd[1], "x", 1), -1);
    close(fd[1]);
}
END_TEST

static Suite *test_loop_suite(void)
{
    Suite *s = suite_create("loop");
    TCase *t = tcase_create("loop");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, timers_run_when_due_in_order);
    tcase_add_test(t, the_heap_keeps_order);
    tcase_add_test(t, a_timer_for_now_waits_for_the_next_turn);
    tcase_add_test(t, a_timer_disarmed_by_another_does_not_run);
    tcase_add_test(t, real_time_passes_as_well);
    tcase_add_test(t, descriptors);
    tcase_add_test(t, barriers_follow_the_callbacks);
    tcase_add_test(t, posts_run_in_a_later_turn);
    tcase_add_test(t, signals_and_run);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_loop_suite)
