/* tests/unit/gateway/test_schedule.c -- when mail is tried again, in virtual time: four days pass
 * in a moment. */
#include "base/clock.h"
#include "db/message.h"
#include "gateway/relay.h"
#include "unit/unit.h"

#define MINUTE (60 * US_PER_S)
#define DAY (24 * 60 * MINUTE)

static struct conf conf;
static struct message *m;
static struct rcpt *to;

static void set_up(void)
{
    clock_fake(true);
    conf = (struct conf){.retry_int = 20, .retry_age = 4};
    m = message_new();
    m->accepted = wall_now();
    to = message_add_rcpt(m, STR("a@b.example"), STR("b.example"));
}

static void tear_down(void)
{
    message_free(&m);
    clock_fake(false);
}

/* 5, 10, 20, 20 ... minutes, a tenth more or less, no two hosts in step. */
START_TEST(four_days)
{
    int64_t last = 0;
    bool differ = false;
    unsigned tries = 0;
    while (!relay_too_old(&conf, m, to)) {
        int64_t plain = (++tries == 1 ? 5 : tries == 2 ? 10 : 20) * MINUTE;
        int64_t wait = relay_backoff_us(&conf, tries);
        ck_assert_msg(wait >= plain - plain / 10 && wait <= plain + plain / 10, "%u: %lld", tries,
                      (long long)wait);
        differ = differ || (tries > 3 && wait != last);
        last = wait;
        to->tries = tries;
        clock_step(wait / 1000);
    }
    int64_t age = wall_now().us - m->accepted.us;
    ck_assert(differ);
    ck_assert(age >= 4 * DAY && age < 4 * DAY + 22 * MINUTE);
    ck_assert_msg(tries > 4 * 24 * 60 / 22 && tries < 4 * 24 * 60 / 18, "%u", tries);
}
END_TEST

START_TEST(short_intervals)
{
    conf.retry_int = 2; /* the smaller of 5 minutes and RETRYINT, from the first */
    for (unsigned i = 1; i < 10; i++) {
        int64_t wait = relay_backoff_us(&conf, i);
        ck_assert(wait >= 2 * MINUTE - 12 * US_PER_S && wait <= 2 * MINUTE + 12 * US_PER_S);
    }
    conf.retry_int = 0;
    ck_assert(relay_backoff_us(&conf, 1) > 0);
}
END_TEST

START_TEST(counted)
{
    conf.temp_retries = 3;
    for (to->tries = 0; to->tries < 3; to->tries++)
        ck_assert(!relay_too_old(&conf, m, to));
    ck_assert(relay_too_old(&conf, m, to));
}
END_TEST

static Suite *test_schedule_suite(void)
{
    Suite *s = suite_create("schedule");
    TCase *t = tcase_create("schedule");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, four_days);
    tcase_add_test(t, short_intervals);
    tcase_add_test(t, counted);
    suite_add_tcase(s, t);
    return s;
}

UNIT(test_schedule_suite)
