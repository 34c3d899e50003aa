/* tests/unit/db/test_idmap.c -- the hash table against an array that cannot be wrong. */
#include <stdlib.h>
#include <string.h>

#include "db/idmap.h"
#include "unit/unit.h"

#define RANGE 300u

START_TEST(agrees_with_an_array)
{
    static uint64_t want[RANGE];
    struct idmap m = {0};
    size_t n = 0;
    memset(want, 0, sizeof want);
    srand(7);
    for (unsigned step = 0; step < 60000; step++) {
        /* Spread and crowded numbers: clusters are where removal goes wrong. */
        unsigned i = 1 + (unsigned)rand() % (RANGE - 1);
        uint64_t id = step < 30000 ? i : (uint64_t)i << 32;
        if (step == 30000) {
            idmap_clear(&m);
            memset(want, 0, sizeof want);
            n = 0;
        }
        if (rand() % 3 > 0) {
            n += want[i] == 0;
            want[i] = step + 1;
            idmap_put(&m, id, step + 1);
        } else {
            n -= want[i] != 0;
            want[i] = 0;
            idmap_drop(&m, id);
        }
        unsigned probe = 1 + (unsigned)rand() % (RANGE - 1);
        uint64_t probe_id = step < 30000 ? probe : (uint64_t)probe << 32;
        ck_assert_uint_eq(idmap_get(&m, probe_id), want[probe]);
        ck_assert_uint_eq(m.n, n);
    }
    size_t at = 0, met = 0;
    for (uint64_t id, value; idmap_each(&m, &at, &id, &value); met++)
        ck_assert_uint_eq(value, want[id >> 32]);
    ck_assert_uint_eq(met, n);
    idmap_done(&m);
    ck_assert_uint_eq(idmap_get(&m, 1), 0);
    idmap_drop(&m, 1);
    idmap_clear(&m);
}
END_TEST

START_TEST(forgets_a_large_table)
{
    struct idmap m = {0};
    for (uint64_t i = 1; i < 10000; i++)
        idmap_put(&m, i, i);
    idmap_clear(&m);
    ck_assert_uint_eq(m.size, 0);
    ck_assert_uint_eq(idmap_get(&m, 5), 0);
    idmap_put(&m, 5, 6);
    ck_assert_uint_eq(idmap_get(&m, 5), 6);
    idmap_done(&m);
}
END_TEST

static Suite *idmap_suite(void)
{
    Suite *s = suite_create("idmap");
    TCase *t = tcase_create("idmap");
    tcase_add_test(t, agrees_with_an_array);
    tcase_add_test(t, forgets_a_large_table);
    suite_add_tcase(s, t);
    return s;
}

UNIT(idmap_suite)
