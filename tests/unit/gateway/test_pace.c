/* tests/unit/gateway/test_pace.c -- long answers come a screen at a time, bounded. */
#include <stdio.h>
#include <string.h>

#include "gateway/pace.h"
#include "unit/unit.h"

struct heard {
    unsigned n, other;
    char last[100];
};

static void hear(void *arg, struct str user, struct str node, struct str line)
{
    struct heard *h = arg;
    ck_assert(str_is(node, "MVSA"));
    *(str_is(user, "BOB") ? &h->n : &h->other) += 1;
    str_copy(h->last, sizeof h->last, line);
}

static void pass(struct loop *l, int64_t ms)
{
    clock_step(ms);
    while (loop_turn(l, false))
        continue;
}

START_TEST(a_screen_at_a_time)
{
    clock_fake(true);
    struct loop *l = loop_new();
    struct heard h = {0};
    struct pace *p = pace_new(l, hear, &h);
    char line[40];
    for (unsigned i = 1; i <= 50; i++) {
        snprintf(line, sizeof line, "line %u", i);
        pace_say(p, STR("BOB"), STR("MVSA"), str_of(line));
    }
    pace_say(p, STR("ANN"), STR("MVSA"), STR("hers"));
    ck_assert(h.n == PACE_LINES && h.other == 1);
    pass(l, PACE_MS + 1);
    ck_assert_uint_eq(h.n, 2 * PACE_LINES);
    ck_assert_str_eq(h.last, "line 40");
    pace_say(p, STR("BOB"), STR("MVSA"), STR("the next answer")); /* does not overtake */
    pass(l, PACE_MS + 1);
    ck_assert_uint_eq(h.n, 51);
    ck_assert_str_eq(h.last, "the next answer");
    pass(l, PACE_MS + 1);
    pass(l, PACE_MS + 1); /* forgotten: a fresh screen */
    for (unsigned i = 0; i < PACE_LINES; i++)
        pace_say(p, STR("bob"), STR("MVSA"), STR("x"));
    ck_assert_uint_eq(h.n + h.other, 52 + PACE_LINES);
    pace_free(&p);
    loop_free(&l);
    clock_fake(false);
}
END_TEST

START_TEST(bounded)
{
    clock_fake(true);
    struct loop *l = loop_new();
    struct heard h = {0};
    struct pace *p = pace_new(l, hear, &h);
    for (unsigned i = 0; i < PACE_LINES + PACE_KEPT + 7; i++)
        pace_say(p, STR("BOB"), STR("MVSA"), STR("x"));
    for (unsigned i = 0; i < PACE_KEPT / PACE_LINES + 3; i++)
        pass(l, PACE_MS + 1);
    ck_assert_uint_eq(h.n, PACE_LINES + PACE_KEPT + 1);
    ck_assert_str_eq(h.last, "and 7 more lines");
    for (unsigned i = 0; i < PACE_USERS + 10; i++) {
        char user[9];
        snprintf(user, sizeof user, "U%u", i);
        pace_say(p, str_of(user), STR("MVSA"), STR("x"));
    }
    ck_assert_uint_eq(h.other, PACE_USERS + 10);
    pace_free(&p); /* with users still there */
    loop_free(&l);
    clock_fake(false);
}
END_TEST

static Suite *pace_suite(void)
{
    Suite *s = suite_create("pace");
    TCase *t = tcase_create("pace");
    tcase_add_test(t, a_screen_at_a_time);
    tcase_add_test(t, bounded);
    suite_add_tcase(s, t);
    return s;
}
UNIT(pace_suite)
