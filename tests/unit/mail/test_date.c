/* tests/unit/mail/test_date.c -- dates of mail and notes, zones. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/mail/date.h"
#include "unit/unit.h"

#define N(table) (int)(sizeof table / sizeof *table)

static const struct {
    const char *text;
    int64_t s;
    int offset;
    const char *zone;
} dates[] = {
    {"Wed, 8 Feb 1995 15:15:46 -0500", 792274546, -300, "-0500"},
    {"Wed, 8 Feb 95 15:15:46 EST", 792274546, -300, "EST"},
    {" Wed, 8 Feb 95 15:20:34 -0500", 792274834, -300, "-0500"},
    {"8 February 1995, 15:49:33 EST", 792276573, -300, "EST"},
    {"8 February 95, 15:20:34 EST", 792274834, -300, "EST"},
    {"13 November 93, 22:52:42 CET", 753227562, 60, "CET"},
    {"02/08/95 15:49:33", 792258573, 0, ""},
    {"Wed Feb  8 15:15:46 EST 1995", 792274546, -300, "EST"},
    {"8 Feb 1995 15:15 +0000", 792256500, 0, "+0000"},
    {"(c,o(m)) Wed (x), 8 (y) Feb 1995 20:15:46 +0530 (IST)", 792254746, 330, "+0530"},
    {"1 Jan 1970 00:00:00 GMT", 0, 0, "GMT"},
    {"31 Dec 1969 23:59:59 GMT", -1, 0, "GMT"},
    {"29 Feb 2000 00:00:00 UT", 951782400, 0, "UT"},
    {"1 Mar 00 00:00:00 Z", 951868800, 0, "Z"},
    {"31 Dec 49 12:00:00 GMT", 2524564800, 0, "GMT"},
    {"31 Dec 50 12:00:00 GMT", -599659200, 0, "GMT"},
    {"1 Jan 105 00:00:00 GMT", 1104537600, 0, "GMT"},
    {"1 Jan 2005 00:00:00 XYZ", 1104537600, 0, "XYZ"},
    {"30 Jun 2015 23:59:60 GMT", 1435708800, 0, "GMT"},
    {"Mittwoch, 8 Feb 1995 15:15:46 MEZ", 792252946, 60, "MEZ"},
};

START_TEST(reads)
{
    struct wall t = {-7};
    int offset = -7;
    struct str zone = STR("poison");
    ck_assert(date_parse(str_of(dates[_i].text), &t, &offset, &zone) == OK);
    ck_assert_int_eq(wall_s(t), dates[_i].s);
    ck_assert_int_eq(offset, dates[_i].offset);
    ck_assert(str_eq(zone, str_of(dates[_i].zone)));
}
END_TEST

static const char *const bad[] = {
    "",
    "tomorrow",
    "8 February 1995",
    "15:49:33",
    "31 February 1995 15:49:33 EST x:y",
    "0 Feb 1995 15:49:33 EST",
    "32 Jan 1995 15:49:33 EST",
    "31 Apr 1995 15:49:33 EST",
    "8 Feb 1995 24:00:00 EST",
    "8 Feb 1995 23:60:00 EST",
    "8 Feb 1995 23:59:61 EST",
    "8 Feb 1899 23:59:00 EST",
    "8 Feb 12345 23:59:00 EST",
    "13/08/95 15:49:33",
    "8 Feb 1995 1:2:3:4 EST",
    "8 Feb 1995 15:xx:33 EST",
    "((((((((",
};

START_TEST(refuses)
{
    struct wall t = {-7};
    int offset = -7;
    ck_assert(date_parse(str_of(bad[_i]), &t, &offset, NULL) == E_SYNTAX);
    ck_assert_int_eq(t.us, -7); /* nothing is touched */
    ck_assert_int_eq(offset, -7);
}
END_TEST

/* Every day of four centuries and then some, against libc's own calendar. */
START_TEST(agrees_with_libc)
{
    struct buf b;
    buf_init(&b, 128);
    for (int64_t day = -25000; day < 110000; day += 13) {
        time_t s = (time_t)(day * 86400 + (day & 1023) * 77);
        struct tm tm;
        gmtime_r(&s, &tm);
        char want[64];
        strftime(want, sizeof want, "%a, %e %b %Y %H:%M:%S +0000", &tm);
        if (want[5] == ' ')
            memmove(want + 5, want + 6, strlen(want + 5)); /* no blank before a one-digit day */
        buf_reset(&b);
        date_put(&b, (struct wall){s * US_PER_S}, 0);
        ck_assert_str_eq(buf_cstr(&b), want);
        struct wall back;
        int offset;
        if (tm.tm_year >= 0 && date_parse(buf_text(&b), &back, &offset, NULL) == OK)
            ck_assert_int_eq(wall_s(back), s);
    }
    buf_done(&b);
}
END_TEST

START_TEST(writes_offsets)
{
    struct buf b;
    buf_init(&b, 128);
    date_put(&b, (struct wall){INT64_C(792274546) * US_PER_S}, -300);
    buf_z(&b, "|");
    date_put(&b, (struct wall){INT64_C(792274546) * US_PER_S}, 345);
    ck_assert_str_eq(buf_cstr(&b), "Wed, 8 Feb 1995 15:15:46 -0500|Thu, 9 Feb 1995 02:00:46 +0545");
    buf_done(&b);
}
END_TEST

static const struct {
    int offset;
    const char *local;
    int local_offset;
    const char *name;
} names[] = {
    {-300, "", 0, "EST"},     {-300, "CDT", -300, "CDT"}, /* our own zone's name, when it is the
                                                             same time */
    {-300, "CET", 60, "EST"}, {60, "CET", 60, "CET"},     {60, "EST", -300, NULL},
    {0, NULL, 0, "GMT"},      {330, "", 0, NULL},         {-480, "", 0, "PST"},
};

START_TEST(zones_by_name)
{
    const char *got = zone_name(names[_i].offset, names[_i].local, names[_i].local_offset);
    if (names[_i].name == NULL)
        ck_assert_ptr_null(got);
    else
        ck_assert_str_eq(got, names[_i].name);
}
END_TEST

START_TEST(zones_by_offset)
{
    int m = -7;
    ck_assert(zone_offset(STR("EST"), &m) && m == -300);
    ck_assert(zone_offset(STR("cest"), &m) && m == 120);
    ck_assert(zone_offset(STR("JST"), &m) && m == 540);
    ck_assert(zone_offset(STR("+0530"), &m) && m == 330);
    ck_assert(zone_offset(STR("-0030"), &m) && m == -30);
    m = -7;
    ck_assert(!zone_offset(STR("XYZ"), &m) && !zone_offset(STR("+9900"), &m));
    ck_assert(!zone_offset(STR("+0160"), &m) && !zone_offset(STR(""), &m));
    ck_assert(!zone_offset(STR("+053"), &m) && m == -7);
}
END_TEST

START_TEST(local_zone)
{
    char name[8] = "poison";
    int offset = -7;
    setenv("TZ", "EST5EDT", 1);
    tzset();
    zone_local((struct wall){INT64_C(792274546) * US_PER_S}, &offset, name);
    ck_assert_str_eq(name, "EST");
    ck_assert_int_eq(offset, -300);
    setenv("TZ", "<+0330>-3:30", 1);
    tzset();
    zone_local((struct wall){0}, &offset, name);
    ck_assert_str_eq(name, "");
    ck_assert_int_eq(offset, 210);
}
END_TEST

static Suite *test_date_suite(void)
{
    Suite *s = suite_create("date");
    TCase *t = tcase_create("date");
    tcase_add_loop_test(t, reads, 0, N(dates));
    tcase_add_loop_test(t, refuses, 0, N(bad));
    tcase_add_test(t, agrees_with_libc);
    tcase_add_test(t, writes_offsets);
    tcase_add_loop_test(t, zones_by_name, 0, N(names));
    tcase_add_test(t, zones_by_offset);
    tcase_add_test(t, local_zone);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_date_suite)
