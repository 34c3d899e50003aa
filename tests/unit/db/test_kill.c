/* tests/unit/db/test_kill.c -- a process killed at its Nth write, sync, rename or unlink. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "power.h"
#include "script.h"
#include "unit/unit.h"

#define CHANGES 50u
#define STRIDE 5u

static int tell_fd;

static void tell(unsigned change)
{
    if (write(tell_fd, &change, sizeof change) != (ssize_t)sizeof change)
        _exit(3);
}

/* The victim: a whole life, killed at a step; its steps are told at the end of a full life. */
static void live(const char *dir, unsigned lot, unsigned at)
{
    struct fix f = {.inline_max = SCRIPT_INLINE};
    struct script s;
    fix_paths(&f, dir);
    power_install();
    power_reset();
    power_kill(at);
    fix_open(&f);
    script_begin(&s, &f, lot);
    s.on_durable = tell;
    script_run(&s, CHANGES);
    fix_close(&f);
    tell(1000000 + power_steps());
    _exit(0);
}

/* Greatest change told durable; *steps when it lived to its end. */
static unsigned run_and_kill(const char *dir, unsigned lot, unsigned at, unsigned *steps)
{
    int fd[2];
    ck_assert_int_eq(pipe(fd), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        close(fd[0]);
        tell_fd = fd[1];
        live(dir, lot, at);
    }
    close(fd[1]);
    unsigned sure = 0, got;
    *steps = 0;
    while (read(fd[0], &got, sizeof got) == (ssize_t)sizeof got) {
        if (got > 1000000)
            *steps = got - 1000000;
        else
            sure = got > sure ? got : sure;
    }
    close(fd[0]);
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    ck_assert_msg(killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0), "status %x", status);
    return sure;
}

START_TEST(kills)
{
    unsigned lot = 4711, steps, ignored, killed = 0;
    ck_assert_uint_eq(run_and_kill(unit_tmp(), lot, 0, &steps), CHANGES);
    ck_assert_uint_gt(steps, 100);
    for (unsigned at = 1; at < steps; at += STRIDE) {
        struct fix f = {.inline_max = SCRIPT_INLINE};
        fix_paths(&f, unit_tmp());
        unsigned sure = run_and_kill(f.dir, lot, at, &ignored);
        killed += ignored == 0;
        fix_open(&f);
        unsigned p = script_durable(&f);
        ck_assert_msg(p >= sure && p <= CHANGES,
                      "killed at step %u: %u changes were told durable, %u are there", at, sure, p);
        script_check(&f, lot, p, true);
        fix_close(&f);
    }
    ck_assert_uint_gt(killed, 10);
}
END_TEST

static Suite *kill_suite(void)
{
    Suite *s = suite_create("kill");
    TCase *t = tcase_create("kill");
    tcase_set_timeout(t, 240);
    tcase_add_test(t, kills);
    suite_add_tcase(s, t);
    return s;
}

UNIT(kill_suite)
