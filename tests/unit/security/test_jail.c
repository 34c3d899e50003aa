/* tests/unit/security/test_jail.c -- what is given up stays given up. Each test goes into the jail
 * in a child of its own (Check forks; the jail cannot be left). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "security/jail.h"
#include "unit/unit.h"

static char inside[300], outside[300], readonly[300];

static void make_file(const char *folder, const char *name)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "text", 4), 4);
    close(fd);
}

static void folders(void)
{
    const char *top = unit_tmp();
    snprintf(inside, sizeof inside, "%s/inside", top);
    snprintf(outside, sizeof outside, "%s/outside", top);
    snprintf(readonly, sizeof readonly, "%s/readonly", top);
    const char *const all[] = {inside, outside, readonly};
    for (size_t i = 0; i < 3; i++) {
        mkdir(all[i], 0700);
        make_file(all[i], "file");
    }
}

static int try_open(const char *folder, const char *name, int flags)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, flags, 0600), no = errno;
    if (fd >= 0)
        close(fd);
    return fd >= 0 ? 0 : no;
}

/* Runs in a child: the temporary folder must be removable afterwards. */
static int in_jail(void)
{
    char from[400], to[400];
    struct why w = {0};
    const struct jail_path paths[] = {
        {inside, true}, {readonly, false}, {"/no/such/folder", true}, {"/dev/null", true}};
    int v = jail_confine(paths, sizeof paths / sizeof paths[0], &w);
    if (v == 0)
        return strncmp(w.text, "Landlock", 8) == 0 ? 77 : 1;
    if (v != 1)
        return 2;
    snprintf(from, sizeof from, "%s/new", inside);
    if (try_open(inside, "new", O_RDWR | O_CREAT) != 0 || try_open(inside, "file", O_RDWR) != 0)
        return 3;
    if (try_open(outside, "file", O_RDONLY) != EACCES ||
        try_open(outside, "new", O_WRONLY | O_CREAT) != EACCES)
        return 4;
    if (try_open(readonly, "file", O_RDONLY) != 0 || try_open(readonly, "file", O_RDWR) != EACCES)
        return 5;
    /* Sealing a body moves it from one folder to another. */
    snprintf(to, sizeof to, "%s/sub", inside);
    if (mkdir(to, 0700) != 0)
        return 6;
    snprintf(to, sizeof to, "%s/sub/new", inside);
    if (rename(from, to) != 0 || unlink(to) != 0)
        return 7;
    if (try_open("/dev", "null", O_RDWR) != 0)
        return 8;
    execl("/bin/true", "true", (char *)NULL);
    return errno == EACCES ? 0 : 9;
}

/* What fn answers in a process of its own. */
static int child(int (*fn)(void))
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(fn());
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

START_TEST(only_its_own_files)
{
    struct why w;
    folders();
    ck_assert_int_eq(jail_strip(&w), OK);
    int v = child(in_jail);
    ck_assert_msg(v == 0 || v == 77, "step %d", v);
}
END_TEST

static int stripped(void)
{
    struct why w;
    struct rlimit core;
    char status[8192] = "";
    if (setgid(65534) != 0 || setuid(65534) != 0)
        return 77;
    if (jail_strip(&w) != OK)
        return 1;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return 2;
    if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_max != 0)
        return 3;
    int fd = open("/proc/self/status", O_RDONLY);
    if (fd >= 0 && read(fd, status, sizeof status - 1) > 0 &&
        (strstr(status, "CapEff:\t0000000000000000") == NULL ||
         strstr(status, "CapPrm:\t0000000000000000") == NULL))
        return 4;
    return jail_strip(&w) == OK ? 0 : 5; /* twice does no harm */
}

START_TEST(privileges_are_gone)
{
    int v = child(stripped);
    ck_assert_msg(v == 0 || v == 77, "step %d", v);
}
END_TEST

static int descriptors(void)
{
    struct rlimit few = {64, 256};
    if (setrlimit(RLIMIT_NOFILE, &few) != 0)
        return 77;
    if (jail_descriptors(32) != 64 || jail_descriptors(128) != 128)
        return 1;
    uint64_t most = jail_descriptors(100000);
    return most == 256 || most == 100000 ? 0 : 2; /* root may raise the hard limit */
}

START_TEST(as_many_descriptors_as_may_be)
{
    int v = child(descriptors);
    ck_assert_msg(v == 0 || v == 77, "step %d", v);
}
END_TEST

static Suite *jail_suite(void)
{
    Suite *s = suite_create("jail");
    TCase *t = tcase_create("jail");
    tcase_add_test(t, only_its_own_files);
    tcase_add_test(t, privileges_are_gone);
    tcase_add_test(t, as_many_descriptors_as_may_be);
    suite_add_tcase(s, t);
    return s;
}
UNIT(jail_suite)
