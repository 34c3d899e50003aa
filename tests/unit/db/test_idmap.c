/* tests/unit/db/test_idmap.c -- the hash table against an array that cannot be wrong. */
#include <stdlib.h>

#include "db/idmap.h"
#include "unit/unit.h"

#define RANGE 300u

/* Numbers in a row hardly collide in this table; those drawn by lot do. Removal is where clusters
 * go wrong. */
START_TEST(agrees_with_an_array)
{
    static uint64_t id[RANGE], want[RANGE];
    struct idmap m = {0};
    size_t n = 0;
    srand(7);
    for (unsigned i = 0; i < RANGE; i++)
        id[i] = _i == 0 ? i + 1 : (uint64_t)rand() << 33 ^ (uint64_t)rand() << 5 ^ (i + 1);
    for (unsigned step = 0; step < 60000; step++) {
        unsigned i = (unsigned)rand() % RANGE, probe = (unsigned)rand() % RANGE;
        if (rand() % 9 < 4) {
            n += want[i] == 0;
            want[i] = step + 1;
            idmap_put(&m, id[i], step + 1);
        } else {
            n -= want[i] != 0;
            want[i] = 0;
            idmap_drop(&m, id[i]);
        }
        ck_assert_uint_eq(idmap_get(&m, id[probe]), want[probe]);
        ck_assert_uint_eq(m.n, n);
    }
    size_t at = 0, met = 0;
    for (uint64_t key, value; idmap_each(&m, &at, &key, &value); met++)
        ck_assert_uint_eq(value, idmap_get(&m, key));
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
    tcase_add_loop_test(t, agrees_with_an_array, 0, 2);
    tcase_add_test(t, forgets_a_large_table);
    suite_add_tcase(s, t);
    return s;
}

UNIT(idmap_suite)
