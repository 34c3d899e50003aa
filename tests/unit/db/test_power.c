/* tests/unit/db/test_power.c -- the power goes at each point of a store's life: docs/QUEUE.md
 * holds. */
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

#include "power.h"
#include "script.h"
#include "unit/unit.h"

#define CHANGES 60u
#define LOTS 2 /* different scripts */

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

/* The state after the cut is that after the first p changes, and all that were told are among them.
 */
static void check_cut(size_t point, unsigned variant, unsigned lot, const char *dir)
{
    struct fix g = {.inline_max = SCRIPT_INLINE};
    fix_paths(&g, dir);
    ck_assert_int_eq(mkdir(dir, 0700), 0);
    power_image(point, variant, g.dir);
    fix_open(&g);
    unsigned p = script_durable(&g), sure = power_marked(point);
    ck_assert_msg(p >= sure && p <= CHANGES,
                  "point %zu variant %u: %u changes were told durable, %u are there", point,
                  variant, sure, p);
    script_check(&g, lot, p, true);
    if (variant == 0) { /* and it goes on working */
        fix_add(&g, 3999, 100, 1);
        ck_assert(fix_has(&g, 3999));
    }
    fix_close(&g);
    ck_assert_int_eq(nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

START_TEST(power_cuts)
{
    unsigned lot = (unsigned)_i * 7919 + 5;
    struct fix f = {.inline_max = SCRIPT_INLINE};
    power_install();
    fix_open(&f); /* make the tables, then everything so far is durable */
    store_close(&f.store);
    power_record(f.dir);
    fix_open(&f);
    struct script s;
    script_begin(&s, &f, lot);
    s.on_durable = power_mark;
    script_run(&s, CHANGES);
    ck_assert_uint_eq(s.refused, 0);
    script_check(&f, lot, CHANGES, false);
    fix_close(&f);
    power_stop();
    unsigned cuts = 0;
    char dir[320];
    snprintf(dir, sizeof dir, "%s/cut", f.dir);
    for (size_t point = 0; point <= power_points(); point++) {
        if (!power_worth(point))
            continue;
        check_cut(point, 0, lot, dir);
        check_cut(point, 1, lot, dir);
        check_cut(point, 2 + (unsigned)point % 97, lot, dir);
        cuts++;
    }
    ck_assert_uint_gt(cuts, 50);
}
END_TEST

static Suite *power_suite(void)
{
    Suite *s = suite_create("power");
    TCase *t = tcase_create("power");
    tcase_set_timeout(t, 240);
    tcase_add_loop_test(t, power_cuts, 0, LOTS);
    suite_add_tcase(s, t);
    return s;
}

UNIT(power_suite)
