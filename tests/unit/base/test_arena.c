/* tests/unit/base/test_arena.c -- memory by region, and the clock of tests. */
#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "unit/unit.h"

/* One assertion each, not one a byte: Check writes a message for every one. */
static bool all_are(const uint8_t *p, size_t n, uint8_t v)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != v)
            return false;
    return true;
}

START_TEST(gives_zeroed_aligned_memory_of_its_own)
{
    struct arena *a = arena_new(1 << 20);
    uint8_t *given[300];
    size_t size[300];
    for (size_t i = 0; i < 300; i++) {
        size[i] = i * 7 % 1999 + 1;
        given[i] = arena_alloc(a, size[i]);
        ck_assert_uint_eq((uintptr_t)given[i] % alignof(max_align_t), 0);
        ck_assert(all_are(given[i], size[i], 0));
        memset(given[i], (int)(i & 0xff), size[i]);
    }
    for (size_t i = 0; i < 300; i++)
        ck_assert(all_are(given[i], size[i], (uint8_t)i));
    ck_assert(!arena_full(a));
    arena_reset(a);
    ck_assert_uint_eq(arena_used(a), 0);
    uint8_t *again = arena_alloc(a, 500);
    ck_assert(all_are(again, 500, 0));
    arena_free(&a);
    ck_assert_ptr_null(a);
    arena_free(&a);
}
END_TEST

START_TEST(texts)
{
    struct arena *a = arena_new(10000);
    struct str s = arena_str(a, STR("hello"));
    ck_assert(str_eq(s, STR("hello")));
    ck_assert_int_eq(s.p[5], 0);
    ck_assert_str_eq(arena_cstr(a, STR("")), "");
    s = arena_printf(a, "%0300d|%s", 7, "end");
    ck_assert_uint_eq(s.n, 304);
    ck_assert(str_ends_nocase(s, "7|end"));
    ck_assert(str_eq(arena_upper(a, STR("az{`AZ \xc3\xa9")), STR("AZ{`AZ \xc3\xa9")));
    ck_assert(str_eq(arena_lower(a, STR("AZ[@az \xc3\x89")), STR("az[@az \xc3\x89")));
    arena_free(&a);
}
END_TEST

START_TEST(past_the_limit_it_is_full_and_still_answers)
{
    struct arena *a = arena_new(4000);
    struct str kept = arena_str(a, STR("kept"));
    for (int i = 0; i < 1000; i++) {
        char *p = arena_alloc(a, (size_t)(i % 40 + 1) * 100);
        ck_assert_ptr_nonnull(p);
        memset(p, 'x', (size_t)(i % 40 + 1) * 100);
    }
    ck_assert(arena_full(a));
    ck_assert_uint_le(arena_used(a), 4000);
    ck_assert(str_eq(kept, STR("kept"))); /* what was given before is untouched */
    arena_reset(a);
    ck_assert(!arena_full(a));
    ck_assert_ptr_nonnull(arena_alloc(a, 4000));
    ck_assert(!arena_full(a));
    ck_assert_ptr_null(arena_alloc(a, 4001));
    ck_assert(arena_full(a));
    arena_free(&a);
}
END_TEST

START_TEST(a_text_of_more_than_the_limit_is_empty)
{
    static char big[5000];
    memset(big, 'b', sizeof big);
    struct arena *a = arena_new(1000);
    struct str s = arena_str(a, (struct str){big, sizeof big});
    ck_assert_uint_eq(s.n, 0);
    ck_assert_str_eq(arena_cstr(a, (struct str){big, sizeof big}), "");
    s = arena_printf(a, "%.*s", (int)sizeof big, big);
    ck_assert_uint_eq(s.n, 0);
    ck_assert(arena_full(a));
    arena_free(&a);
    a = arena_new(0);
    ck_assert_str_eq(arena_cstr(a, STR("x")), "");
    ck_assert_ptr_null(arena_alloc(a, 1));
    arena_free(&a);
}
END_TEST

static struct buf text_of(const char *z)
{
    struct buf b;
    buf_init(&b, 10000);
    buf_z(&b, z);
    return b;
}

START_TEST(takes_the_memory_of_a_buffer)
{
    struct arena *a = arena_new(1000);
    struct buf b = text_of("first"), c = text_of(""), d = text_of("");
    struct str first = arena_keep(a, &b), none = arena_keep(a, &c);
    ck_assert_ptr_null(b.p);
    ck_assert(str_eq(first, STR("first")));
    ck_assert_str_eq(first.p, "first");
    ck_assert_str_eq(none.p, "");
    buf_z(&b, "again"); /* it can be used again */
    ck_assert(str_eq(arena_keep(a, &b), STR("again")));
    buf_fill(&d, 'x', 1500);
    ck_assert_uint_eq(arena_keep(a, &d).n, 0); /* more than it may hold */
    ck_assert_ptr_null(d.p);
    ck_assert(arena_full(a));
    ck_assert(str_eq(first, STR("first")));
    arena_reset(a);
    buf_fill(&b, 'y', 600);
    ck_assert_uint_eq(arena_keep(a, &b).n, 600);
    ck_assert_uint_gt(arena_used(a), 600); /* it counts */
    ck_assert(!arena_full(a));
    buf_fill(&b, 'z', 600);
    (void)arena_keep(a, &b);
    ck_assert_ptr_null(b.p);
    ck_assert(arena_full(a));
    arena_free(&a);
}
END_TEST

START_TEST(the_clock_stops_and_steps)
{
    clock_fake(true);
    struct mono m = mono_now();
    ck_assert_int_eq(m.us, US_PER_S);
    ck_assert_int_eq(wall_s(wall_now()), 1767323045);
    clock_step(1500);
    ck_assert_int_eq(mono_ms(m, mono_now()), 1500);
    ck_assert_int_eq(wall_now().us, 1767323045 * US_PER_S + 1500000);
    ck_assert_int_eq(mono_ms(mono_now(), mono_in(250)), 250);
    ck_assert_int_eq(wall_s((struct wall){-1}), -1);
    ck_assert_int_eq(wall_s((struct wall){-US_PER_S}), -1);
    clock_fake(false);
    ck_assert(!clock_is_fake());
    ck_assert_int_gt(wall_s(wall_now()), 1700000000);
    m = mono_now();
    ck_assert_int_ge(mono_now().us, m.us);
}
END_TEST

static Suite *test_arena_suite(void)
{
    Suite *s = suite_create("arena");
    TCase *t = tcase_create("arena and clock");
    tcase_add_test(t, gives_zeroed_aligned_memory_of_its_own);
    tcase_add_test(t, texts);
    tcase_add_test(t, past_the_limit_it_is_full_and_still_answers);
    tcase_add_test(t, a_text_of_more_than_the_limit_is_empty);
    tcase_add_test(t, takes_the_memory_of_a_buffer);
    tcase_add_test(t, the_clock_stops_and_steps);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_arena_suite)
