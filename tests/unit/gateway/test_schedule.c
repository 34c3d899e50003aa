/* tests/unit/gateway/test_schedule.c -- when mail is tried again, in virtual time: four days pass
 * in a moment. */
#include <stdio.h>

#include "base/clock.h"
#include "db/message.h"
#include "gateway/clockwatch.h"
#include "gateway/metrics.h"
#include "gateway/relay.h"
#include "unit/unit.h"

#define MINUTE (60 * US_PER_S)
#define DAY (24 * 60 * MINUTE)

static struct conf conf;
static struct gate gate = {.conf = &conf};
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
    while (!relay_too_old(&gate, m, to)) {
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
        ck_assert(!relay_too_old(&gate, m, to));
    ck_assert(relay_too_old(&gate, m, to));
}
END_TEST

/* Old, but hardly tried: the machine was off, or its clock was set while nobody looked. */
START_TEST(old_and_hardly_tried)
{
    clock_step(30 * DAY / 1000);
    for (to->tries = 0; to->tries < 4; to->tries++)
        ck_assert(!relay_too_old(&gate, m, to));
    ck_assert(relay_too_old(&gate, m, to));
    conf.retry_age = 0; /* never kept */
    to->tries = 1;
    ck_assert(relay_too_old(&gate, m, to));
}
END_TEST

/* Six days forward: no older by it, and four days later returned. Set right again: the same. */
START_TEST(a_clock_set_forward)
{
    char path[300], spool[300];
    struct why w = {.text = "?"};
    snprintf(path, sizeof path, "%s/clock.db", unit_tmp());
    snprintf(spool, sizeof spool, "%s/clock.spool", unit_tmp());
    gate.loop = loop_new();
    struct store_set set = {.loop = gate.loop, .path = path, .spooldir = spool};
    ck_assert_msg(store_open(&gate.store, &set, &w) == OK, "%s", w.text);
    gate.metrics = metrics_new(&gate);
    gate.relay = relay_new(&gate);
    gate.clock = clockwatch_new(&gate);
    to->tries = 50;
    clock_step(DAY / 1000);
    clock_set(6 * DAY / 1000);
    ck_assert(!relay_too_old(&gate, m, to));
    ck_assert_int_eq(relay_age_us(&gate, m), DAY);
    struct message *later = message_new();
    later->accepted = wall_now();
    clock_step(2 * DAY / 1000);
    ck_assert_int_eq(relay_age_us(&gate, m), 3 * DAY);
    ck_assert_int_eq(relay_age_us(&gate, later), 2 * DAY);
    message_free(&later);
    clock_set(3 * DAY / 1000);
    clock_set(-8 * DAY / 1000);
    ck_assert_int_eq(relay_age_us(&gate, m), 3 * DAY);
    ck_assert(!relay_too_old(&gate, m, to));
    clock_step(DAY / 1000);
    ck_assert(relay_too_old(&gate, m, to));
    clockwatch_free(&gate.clock);
    metrics_free(&gate.metrics);
    relay_stop(gate.relay);
    store_close(&gate.store);
    relay_free(&gate.relay);
    loop_free(&gate.loop);
}
END_TEST

static Suite *test_schedule_suite(void)
{
    Suite *s = suite_create("schedule");
    TCase *t = tcase_create("schedule");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, four_days);
    tcase_add_test(t, old_and_hardly_tried);
    tcase_add_test(t, a_clock_set_forward);
    tcase_add_test(t, short_intervals);
    tcase_add_test(t, counted);
    suite_add_tcase(s, t);
    return s;
}

UNIT(test_schedule_suite)
