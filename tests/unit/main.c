/* tests/unit/main.c -- runs the registered suites, each test in its own process under a time limit.
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/unit.h"

#define SUITES_MAX 64

static Suite *(*suites[SUITES_MAX])(void);
static int nsuites;
static char tmp_root[256];
static int tmp_count;

void unit_register(Suite *(*make)(void))
{
    if (nsuites < SUITES_MAX)
        suites[nsuites++] = make;
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

const char *unit_tmp(void)
{
    static char path[300];
    snprintf(path, sizeof path, "%s/%d-%d", tmp_root, (int)getpid(), tmp_count++);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    return path;
}

char *unit_file(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "cannot open %s", path);
    char *p = malloc(1 << 20);
    size_t got = fread(p, 1, (1 << 20) - 1, f);
    fclose(f);
    p[got] = '\0';
    if (n != NULL)
        *n = got;
    return p;
}

int main(int argc, char **argv)
{
    const char *base = getenv("TMPDIR");
    snprintf(tmp_root, sizeof tmp_root, "%s/njegate-unit-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(tmp_root) == NULL) {
        perror(tmp_root);
        return 2;
    }
    /* A limit against hanging, not a measure: busy machines with sanitizers are slow. */
    (void)setenv("CK_DEFAULT_TIMEOUT", "60", 0);
    SRunner *r = srunner_create(NULL);
    for (int i = 0; i < nsuites; i++)
        srunner_add_suite(r, suites[i]());
    srunner_set_fork_status(r, getenv("CK_FORK") != NULL ? srunner_fork_status(r) : CK_FORK);
    srunner_run(r, NULL, argc > 1 ? argv[1] : NULL, CK_NORMAL);
    int failed = srunner_ntests_failed(r), run = srunner_ntests_run(r);
    const char *name = strrchr(argv[0], '/');
    printf("%s: %d passed, %d failed\n", name != NULL ? name + 1 : argv[0], run - failed, failed);
    srunner_free(r);
    nftw(tmp_root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return failed != 0 || run == 0;
}
