/* tests/unit/operator/test_metrics.c -- samples, rates and delays in stopped time; requests of the
 * pages; the text of both. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/metrics.h"
#include "gateway/nje.h"
#include "operator/page.h"
#include "operator/web.h"
#include "unit/feed.h"
#include "unit/unit.h"

static struct conf conf;
static struct gate g;
static char path[300], spool[300];

static void open_gate(void)
{
    struct why w = {.text = "?"};
    snprintf(path, sizeof path, "%s/metrics.db", unit_tmp());
    snprintf(spool, sizeof spool, "%s/spool", unit_tmp());
    conf = (struct conf){.local = STR("GATE"), .database = str_of(path), .spooldir = str_of(spool)};
    g = (struct gate){.loop = loop_new(), .conf = &conf, .routes = routes_new()};
    g.names.hostname = STR("a<b>&\"c");
    struct store_set set = {.loop = g.loop, .path = path, .spooldir = spool};
    ck_assert_msg(store_open(&g.store, &set, &w) == 0, "%s", w.text);
    clock_fake(true);
    g.nje = nje_new(&g);
    g.started = wall_now();
    g.metrics = metrics_new(&g);
}

static void close_gate(void)
{
    metrics_free(&g.metrics);
    nje_stop(g.nje);
    store_close(&g.store);
    nje_free(&g.nje);
    routes_free(&g.routes);
    loop_free(&g.loop);
    clock_fake(false);
}

/* So many samples pass, with so many mails in each. */
static void pass(unsigned samples, unsigned mails)
{
    for (unsigned i = 0; i < samples; i++) {
        g.stat.from_smtp += mails;
        g.stat.to_nje += mails / 2;
        clock_step(METRICS_SAMPLE_S * 1000);
        while (loop_turn(g.loop, false))
            continue;
    }
}

START_TEST(rates_of_the_last_minute_and_hour)
{
    struct metrics_rates r = metrics_rates(&g);
    ck_assert_uint_eq(r.taken_minute + r.taken_hour, 0);
    pass(3, 10); /* half a minute: what there is */
    r = metrics_rates(&g);
    ck_assert(r.taken_minute == 30 && r.taken_hour == 30 && r.delivered_minute == 15);
    pass(357, 0);
    r = metrics_rates(&g);
    ck_assert(r.taken_minute == 0);
    pass(METRICS_SAMPLES, 2); /* what is older than an hour is forgotten */
    r = metrics_rates(&g);
    ck_assert_msg(r.taken_minute == 10 && r.taken_hour == (METRICS_SAMPLES - 1) * 2, "%llu %llu",
                  (unsigned long long)r.taken_minute, (unsigned long long)r.taken_hour);
    ck_assert_ptr_null(metrics_sample(g.metrics, METRICS_SAMPLES));
}
END_TEST

START_TEST(delays_and_troubles)
{
    ck_assert_int_lt(metrics_delay_ms(g.metrics, 50), 0);
    struct wall now = wall_now();
    for (int i = 0; i < 100; i++)
        metrics_delivered(&g, (struct wall){now.us - i * 1000});
    ck_assert_int_eq(metrics_delay_ms(g.metrics, 50), 50);
    ck_assert_int_eq(metrics_delay_ms(g.metrics, 95), 95);
    ck_assert_int_eq(metrics_delay_ms(g.metrics, 100), 99);
    metrics_delivered(&g, (struct wall){now.us + 5 * US_PER_S}); /* the clock was set back */
    for (unsigned i = 0; i < METRICS_RECENT; i++)
        metrics_delivered(&g, now);
    ck_assert_int_eq(metrics_delay_ms(g.metrics, 100), 0);
    for (unsigned i = 1; i <= METRICS_TROUBLES + 3; i++)
        metrics_trouble(&g, i, "put off", STR("bob@b.example"), "450 later");
    ck_assert_uint_eq(metrics_last(g.metrics, 0)->id, METRICS_TROUBLES + 3);
    ck_assert_str_eq(metrics_last(g.metrics, 0)->text, "bob@b.example: 450 later");
    ck_assert_ptr_null(metrics_last(g.metrics, METRICS_TROUBLES));
    struct buf b;
    buf_init(&b, 1 << 20);
    metrics_text(&g, &b);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&b), "delay_seconds_bucket{le=\"0.05\"} 552\n"));
    ck_assert_ptr_nonnull(strstr(buf_cstr(&b), "delay_seconds_bucket{le=\"0.1\"} 601\n"));
    ck_assert_ptr_nonnull(strstr(buf_cstr(&b), "delay_seconds_count 601\n"));
    buf_done(&b);
}
END_TEST

START_TEST(page_with_a_long_history)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    pass(3 * METRICS_SAMPLES, 7);
    page_status(&g, &b);
    const char *text = buf_cstr(&b);
    ck_assert_ptr_nonnull(strstr(text, "a&lt;b&gt;&amp;&quot;c"));
    ck_assert_ptr_null(strstr(text, "a<b"));
    const char *points = strstr(text, "points=\"");
    ck_assert_ptr_nonnull(points);
    unsigned n = 0;
    for (const char *p = points + 8; *p != '"'; p++)
        n += *p == ',';
    ck_assert_uint_eq(n, 60);
    /* 42 mails a minute, the chart's top is 50; now: the five samples since the last whole one. */
    ck_assert_ptr_nonnull(strstr(points, "45.0,24.4 "));
    ck_assert_ptr_nonnull(strstr(points, " 550.0,"));
    buf_done(&b);
}
END_TEST

static const struct {
    const char *text;
    int whole, status;
    bool head;
    enum web_page page;
} requests[] = {
    {"", 0, 431, false, WEB_STATUS},
    {"GET / HTTP/1.1\r\nHost: x\r\n", 0, 431, false, WEB_STATUS},
    {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1, 200, false, WEB_STATUS},
    {"GET / HTTP/1.0\n\n", 1, 200, false, WEB_STATUS},
    {"HEAD /metrics?a=b HTTP/1.1\r\n\r\n", 1, 200, true, WEB_METRICS},
    {"GET /metrics/ HTTP/1.1\r\n\r\n", 1, 404, false, WEB_STATUS},
    {"GET /../etc/passwd HTTP/1.1\r\n\r\n", 1, 404, false, WEB_STATUS},
    {"get / HTTP/1.1\r\n\r\n", 1, 405, false, WEB_STATUS},
    {"DELETE / HTTP/1.1\r\n\r\n", 1, 405, false, WEB_STATUS},
    {"GET http://x/ HTTP/1.1\r\n\r\n", 1, 400, false, WEB_STATUS},
    {"GET / HTTP/3.0\r\n\r\n", 1, 505, false, WEB_STATUS},
    {"GET /\r\n\r\n", 1, 400, false, WEB_STATUS},
    {"\r\n\r\n", 1, 400, false, WEB_STATUS},
};

START_TEST(heads_of_requests)
{
    struct web_request r;
    struct str text = str_of(requests[_i].text);
    ck_assert_int_eq(web_request(cur_of_str(text), &r), requests[_i].whole);
    ck_assert_int_eq(r.status, requests[_i].status);
    if (r.status == 200)
        ck_assert(r.head == requests[_i].head && r.page == requests[_i].page);
    /* Nothing is decided before the whole head is there. */
    for (size_t n = 0; n + 2 < text.n && requests[_i].whole == 1; n++)
        if (web_request(cur_of_str(str_sub(text, 0, n)), &r) != 0)
            ck_assert_ptr_nonnull(memmem(text.p, n, "\n\r\n", 3));
    char large[WEB_REQUEST_MAX];
    memset(large, 'x', sizeof large);
    ck_assert_int_eq(web_request(cur_of(large, sizeof large), &r), 1);
    ck_assert_int_eq(r.status, 431);
}
END_TEST

static Suite *metrics_suite(void)
{
    Suite *s = suite_create("metrics");
    TCase *t = tcase_create("metrics");
    tcase_add_checked_fixture(t, open_gate, close_gate);
    tcase_add_test(t, rates_of_the_last_minute_and_hour);
    tcase_add_test(t, delays_and_troubles);
    tcase_add_test(t, page_with_a_long_history);
    tcase_add_loop_test(t, heads_of_requests, 0, (int)(sizeof requests / sizeof *requests));
    suite_add_tcase(s, t);
    return s;
}
UNIT(metrics_suite)
