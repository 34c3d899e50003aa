/* tests/unit/cli/test_screen.c -- what a terminal of any width and height is shown. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/screen.h"
#include "unit/unit.h"

static char *shown;

static const char *show(const char *text, unsigned columns, unsigned rows)
{
    size_t n;
    free(shown);
    FILE *f = open_memstream(&shown, &n);
    ck_assert_ptr_nonnull(f);
    screen_put(f, str_of(text), columns, rows);
    (void)fclose(f);
    return shown;
}

START_TEST(folds_at_blanks)
{
    ck_assert_str_eq(show("node       GATE\nqueued     12\n", 15, 0),
                     "node       GATE\nqueued     12\n");
    ck_assert_str_eq(show("node       GATE and more of it\nx\n", 16, 0),
                     "node GATE and\n  more of it\nx\n");
    ck_assert_str_eq(show("a longer.word.than.fits.in.a.line\n", 12, 0),
                     "a\n  longer.wor\n  d.than.fit\n  s.in.a.lin\n  e\n");
    ck_assert_str_eq(show("any length at all, nobody's terminal\n", 0, 0),
                     "any length at all, nobody's terminal\n");
    ck_assert_str_eq(show("", 80, 24), "");
}
END_TEST

/* Wide characters take two columns, and none is cut. */
START_TEST(counts_columns)
{
    ck_assert_str_eq(show("\u6f22\u5b57\u6f22\u5b57\u6f22\u5b57\n", 11, 0),
                     "\u6f22\u5b57\u6f22\u5b57\u6f22\n  \u5b57\n");
    ck_assert_str_eq(
        show("\u00e4\u00f6\u00fc\u00e4\u00f6\u00fc\u00e4\u00f6\u00fc\u00e4\u00f6\n", 11, 0),
        "\u00e4\u00f6\u00fc\u00e4\u00f6\u00fc\u00e4\u00f6\u00fc\u00e4\u00f6\n");
}
END_TEST

START_TEST(keeps_to_the_rows)
{
    static const char five[] = "1\n2\n3\n4\n5\n";
    ck_assert_str_eq(show(five, 80, 6), five); /* and the cursor in the sixth */
    ck_assert_str_eq(show(five, 80, 5), "1\n2\n3\nand 2 more lines\n");
    ck_assert_str_eq(show("1 and what follows\n2\n3\n", 10, 4),
                     "1 and what\n  follows\nand 2 more lines\n");
    ck_assert_str_eq(show(five, 80, 1), "and 5 more lines\n");
}
END_TEST

static void tear_down(void)
{
    free(shown);
    shown = NULL;
}

static Suite *screen_suite(void)
{
    Suite *s = suite_create("cli/screen");
    TCase *t = tcase_create("screen");
    tcase_add_checked_fixture(t, NULL, tear_down);
    tcase_add_test(t, folds_at_blanks);
    tcase_add_test(t, counts_columns);
    tcase_add_test(t, keeps_to_the_rows);
    suite_add_tcase(s, t);
    return s;
}
UNIT(screen_suite)
