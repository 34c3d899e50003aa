/* tests/unit/base/test_log.c -- event lines. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "unit/unit.h"

static int reader;

static void open_pipe(void)
{
    int fd[2];
    ck_assert_int_eq(pipe2(fd, O_NONBLOCK | O_CLOEXEC), 0);
    reader = fd[0];
    clock_fake(true);
    log_open(fd[1], LOG_INFO);
}

static const char *written(void)
{
    static char text[100000];
    size_t n = 0;
    for (ssize_t r; (r = read(reader, text + n, sizeof text - 1 - n)) > 0;)
        n += (size_t)r;
    text[n] = '\0';
    return text;
}

START_TEST(lines_are_gathered_until_flush)
{
    log_event(LOG_INFO, 12, "accepted", "from=<%s> size=%d", "a@b.example", 2048);
    log_event(LOG_DEBUG, 0, "unwanted", "x=1");
    ck_assert(!log_wants(LOG_DEBUG));
    clock_step(1234);
    log_event(LOG_INFO, 0, "start", "%s", "");
    ck_assert_str_eq(written(), "");
    log_flush(NULL);
    ck_assert_str_eq(written(),
                     "2026-01-02T03:04:05.000Z info id=00000012 event=accepted from=<a@b.example> "
                     "size=2048\n2026-01-02T03:04:06.234Z info event=start \n");
    log_flush(NULL);
    ck_assert_str_eq(written(), "");
}
END_TEST

START_TEST(warnings_go_out_at_once_with_what_waited)
{
    log_event(LOG_INFO, 0, "one", "a=1");
    log_event(LOG_WARN, 0, "two", "b=2");
    const char *s = written();
    ck_assert_ptr_nonnull(strstr(s, "info event=one a=1\n"));
    ck_assert_ptr_nonnull(strstr(s, "warn event=two b=2\n"));
}
END_TEST

START_TEST(nobody_forges_a_line)
{
    log_event(LOG_ERROR, 0, "bad", "text=%s", "x\n2026 info event=forged");
    const char *s = written();
    ck_assert_ptr_eq(strchr(s, '\n'), s + strlen(s) - 1);
    ck_assert_str_eq(log_quote(STR("a b\n")), "\"a b\\x0A\"");
}
END_TEST

START_TEST(long_lines_and_values_are_cut)
{
    static char big[20000];
    memset(big, 'y', sizeof big - 1);
    log_event(LOG_WARN, 0, "long", "v=%s", big);
    const char *s = written();
    ck_assert_uint_le(strlen(s), 8192);
    ck_assert_uint_gt(strlen(s), 8000);
    ck_assert_int_eq(s[strlen(s) - 1], '\n');
    big[3] = ' ';
    const char *q = log_quote(str_of(big));
    ck_assert_uint_lt(strlen(q), 512);
    ck_assert_str_eq(q + strlen(q) - 4, "...\"");
}
END_TEST

START_TEST(eight_quotes_in_one_line)
{
    const char *q[8];
    for (int i = 0; i < 8; i++) {
        char s[] = {(char)('a' + i), ' ', 'z', '\0'};
        q[i] = log_quote(str_of(s));
    }
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(q[i][1], 'a' + i);
}
END_TEST

START_TEST(a_sleeping_reader_loses_lines_but_is_told)
{
    for (int i = 0; i < 4000; i++)
        log_event(LOG_INFO, 0, "much", "line=%d filler=%060d", i, i);
    (void)written();
    log_event(LOG_WARN, 0, "after", "x=1");
    bool told = false;
    for (const char *s = written(); *s != '\0'; s = written()) {
        told |= strstr(s, "warn event=log-lost lines=") != NULL;
        log_flush(NULL);
    }
    ck_assert(told);
}
END_TEST

START_TEST(bugs_end_the_process)
{
    log_open(STDERR_FILENO, LOG_ERROR);
    if (freopen("/dev/null", "w", stderr) == NULL)
        return;
    log_die("cannot be: %d", 1);
}
END_TEST

static Suite *test_log_suite(void)
{
    Suite *s = suite_create("log");
    TCase *t = tcase_create("log");
    tcase_add_checked_fixture(t, open_pipe, NULL);
    tcase_add_test(t, lines_are_gathered_until_flush);
    tcase_add_test(t, warnings_go_out_at_once_with_what_waited);
    tcase_add_test(t, nobody_forges_a_line);
    tcase_add_test(t, long_lines_and_values_are_cut);
    tcase_add_test(t, eight_quotes_in_one_line);
    tcase_add_test(t, a_sleeping_reader_loses_lines_but_is_told);
    tcase_add_test_raise_signal(t, bugs_end_the_process, SIGABRT);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_log_suite)
