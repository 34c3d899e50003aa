/* tests/unit/security/test_tlsa.c -- which TLSA records are usable for SMTP. */
#include "security/tlsa.h"

#include <string.h>

#include "unit/unit.h"

static const struct {
    uint8_t usage, selector, matching;
    size_t n;
    bool usable;
} rows[] = {
    {3, 1, 1, 32, true},    {2, 0, 1, 32, true},  {2, 1, 1, 32, true},    {3, 0, 2, 64, true},
    {3, 1, 0, 300, true},   {0, 1, 1, 32, false}, {1, 1, 1, 32, false},   {4, 1, 1, 32, false},
    {255, 1, 1, 32, false}, {3, 2, 1, 32, false}, {3, 1, 3, 32, false},   {3, 1, 1, 31, false},
    {3, 1, 2, 32, false},   {3, 1, 0, 0, false},  {3, 1, 0, 9000, false},
};

START_TEST(usable)
{
    static uint8_t rdata[9100];
    memset(rdata, 0xA5, sizeof rdata);
    rdata[0] = rows[_i].usage, rdata[1] = rows[_i].selector, rdata[2] = rows[_i].matching;
    struct tlsa *t = tlsa_new("mx.example", "example");
    ck_assert(tlsa_add(t, cur_of(rdata, 3 + rows[_i].n)) == rows[_i].usable);
    ck_assert_uint_eq(t->n, rows[_i].usable);
    if (rows[_i].usable)
        ck_assert(t->rr[0].n == rows[_i].n && t->rr[0].data[0] == 0xA5);
    tlsa_drop(&t);
    ck_assert_ptr_null(t);
}
END_TEST

START_TEST(cut_and_many)
{
    static const uint8_t rdata[35] = {3, 1, 1};
    struct tlsa *t = tlsa_new("mx.example", ""), *same = tlsa_ref(t);
    for (size_t n = 0; n < sizeof rdata; n++)
        ck_assert(!tlsa_add(t, cur_of(rdata, n)));
    for (size_t i = 0; i < TLSA_MAX + 3; i++)
        (void)tlsa_add(t, cur_of(rdata, sizeof rdata));
    ck_assert_uint_eq(t->n, TLSA_MAX);
    tlsa_drop(&t);
    ck_assert_uint_eq(same->refs, 1);
    tlsa_drop(&same);
    ck_assert_ptr_null(tlsa_ref(NULL));
}
END_TEST

static Suite *test_tlsa_suite(void)
{
    Suite *s = suite_create("tlsa");
    TCase *t = tcase_create("records");
    tcase_add_loop_test(t, usable, 0, sizeof rows / sizeof *rows);
    tcase_add_test(t, cut_and_many);
    suite_add_tcase(s, t);
    return s;
}

UNIT(test_tlsa_suite)
