/* tests/unit/unit.h -- the unit tests' frame: each test_*.c registers its suite; one runner a
 * folder. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <check.h>

void unit_register(Suite *(*make)(void));
/* UNIT(test_bytes_suite): the function makes the suite. */
#define UNIT(make)                                                                                 \
    __attribute__((constructor)) static void register_##make(void)                                 \
    {                                                                                              \
        unit_register(make);                                                                       \
    }

/* A fresh folder under $TMPDIR, removed by unit_tmp_clean or at the end of the runner. */
const char *unit_tmp(void);
/* Text of a file under the source tree, NUL-terminated; the test fails when it is absent. */
char *unit_file(const char *path, size_t *n);

#endif
