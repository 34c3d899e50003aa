/* tests/unit/smtp/test_server_limits.c -- the SMTP server: how many sessions, who is greeted when,
 * fair shares */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "unit/smtp/served.h"
#include "unit/unit.h"

START_TEST(test_sessions_in_all)
{
    int fd[3];
    w.set.max_sessions = 2;
    served_start();
    for (int i = 0; i < 3; i++)
        fd[i] = i == 0 ? w.fd : served_pair();
    w.fd = -1;
    served_expect(fd[0], "220 gw.example ESMTP njegate\r\n");
    served_expect(fd[1], "220 ");
    served_expect(fd[2], "421 4.3.2 gw.example has too many sessions");
    ck_assert_uint_eq(smtpd_sessions(w.d), 2);
    ck_assert_uint_eq(w.events, 1);
    close(fd[0]);
    served_settle();
    ck_assert_uint_eq(smtpd_sessions(w.d), 1);
    fd[0] = served_pair();
    served_expect(fd[0], "220 ");
    for (int i = 0; i < 3; i++)
        close(fd[i]);
    served_stop();
}
END_TEST

static void taken(void *arg, int fd, const union endpoint *peer)
{
    (void)arg, (void)peer;
    smtpd_take(w.d, stream_new(w.loop, fd, NULL, NULL), NULL);
}

static int connect_from(const struct listener *ln, uint32_t from)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(listener_port(ln))};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(from)};
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&own, sizeof own), 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    while (loop_turn(w.loop, false))
        ;
    return fd;
}

static int connect_to(const struct listener *ln)
{
    return connect_from(ln, INADDR_LOOPBACK);
}

static struct listener *listen_here(void)
{
    struct listener *ln;
    union endpoint at;
    struct why why;
    ck_assert_int_eq(endpoint_parse(&at, STR("127.0.0.1:0"), 0, &why), 0);
    ck_assert_int_eq(listener_new(&ln, w.loop, &at, taken, NULL, &why), 0);
    return ln;
}

/* Loopback counts as any client once it is not trusted. */
START_TEST(test_sessions_per_client)
{
    int fd[4];
    w.set.max_per_client = 2;
    served_start();
    struct listener *ln = listen_here();
    w.distrust = true;
    for (int i = 0; i < 3; i++)
        fd[i] = connect_to(ln);
    clock_step(1);
    served_expect(fd[0], "220 ");
    served_expect(fd[1], "220 ");
    served_expect(fd[2], "421 4.7.0 gw.example: too many sessions from your address (2 allowed)");
    close(fd[0]);
    served_settle();
    fd[0] = connect_to(ln);
    clock_step(1);
    served_expect(fd[0], "220 ");
    w.distrust = false;
    fd[3] = connect_to(ln);
    served_expect(fd[3], "220 ");
    for (int i = 0; i < 4; i++)
        close(fd[i]);
    listener_free(&ln);
    served_stop();
}
END_TEST

/* While most sessions are taken one client has a tenth of its share, and a tenth of the time to be
 * silent: others are served. */
START_TEST(test_fair_shares)
{
    enum { MOST = 16, SHARE = 12 };
    int fd[SHARE], more, other;
    w.set.max_sessions = MOST;
    w.set.max_per_client = SHARE;
    w.set.idle_ms = 100000;
    w.distrust = true;
    served_start();
    struct listener *ln = listen_here();
    for (int i = 0; i < SHARE - 1; i++) /* the last makes it three quarters, with w.fd */
        fd[i] = connect_to(ln);
    clock_step(1);
    for (int i = 0; i < SHARE - 2; i++)
        served_expect(fd[i], "220 ");
    served_expect(fd[SHARE - 2],
                  "421 4.7.0 gw.example: too many sessions from your address (1 allowed)");
    other = connect_from(ln, INADDR_LOOPBACK + 1);
    clock_step(1);
    served_expect(other, "220 ");
    clock_step(9000);
    ck_assert_int_eq(send(other, "NOOP\r\n", 6, 0), 6);
    served_expect(other, "250 ");
    clock_step(1500);
    served_settle();
    ck_assert_uint_eq(smtpd_sessions(w.d),
                      MOST / 2); /* those silent for 10 s went, as many as needed */
    ck_assert_int_eq(send(other, "NOOP\r\n", 6, 0), 6);
    served_expect(other, "250 ");
    more = connect_to(ln); /* there is room again */
    clock_step(1);
    served_expect(more, "220 ");
    for (int i = 0; i < SHARE - 1; i++)
        close(fd[i]);
    close(more);
    close(other);
    listener_free(&ln);
    served_stop();
}
END_TEST

/* The last sixteenth of the sessions is for those we trust. */
START_TEST(test_room_for_the_trusted)
{
    int fd[17];
    w.set.max_sessions = 16;
    w.set.max_per_client = 1000;
    served_start();
    w.distrust = true;
    for (int i = 0; i < 15; i++)
        fd[i] = served_pair();
    clock_step(1);
    for (int i = 0; i < 14; i++)
        served_expect(fd[i], "220 ");
    served_expect(fd[14], "421 4.3.2 gw.example has too many sessions");
    w.distrust = false;
    fd[15] = served_pair();
    served_expect(fd[15], "220 ");
    for (int i = 0; i < 16; i++)
        close(fd[i]);
    served_stop();
}
END_TEST

START_TEST(test_early_talker)
{
    w.set.greet_ms = 5000;
    served_start();
    w.distrust = true;
    int early = served_pair(), patient = served_pair();
    clock_step(4999);
    served_settle();
    ck_assert_int_eq(send(early, "EHLO x\r\n", 8, 0), 8);
    served_expect(early, "554 5.5.0 gw.example: you spoke before the greeting\r\n");
    served_expect(patient, "");
    clock_step(1);
    served_expect(patient, "220 ");
    close(early);
    close(patient);
    served_settle();
    ck_assert_uint_eq(smtpd_sessions(w.d), 1);
    served_stop();
}
END_TEST

START_TEST(test_pause_ends)
{
    served_start();
    w.distrust = true;
    w.set.greet_ms = 5000;
    int fd = served_pair();
    close(fd); /* goes before the greeting */
    fd = served_pair();
    smtpd_drain(w.d); /* the server stops before it */
    served_expect(fd, "421 4.3.2 ");
    ck_assert_uint_eq(smtpd_sessions(w.d), 0);
    int late = served_pair();
    served_expect(late, "421 4.3.2 gw.example is shutting down");
    close(fd);
    close(late);
    served_stop();
}
END_TEST

static Suite *test_server_limits_suite(void)
{
    Suite *s = suite_create("server_limits");
    TCase *t = tcase_create("server_limits");
    tcase_add_checked_fixture(t, served_set_up, served_tear_down);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, test_sessions_in_all);
    tcase_add_test(t, test_sessions_per_client);
    tcase_add_test(t, test_fair_shares);
    tcase_add_test(t, test_room_for_the_trusted);
    tcase_add_test(t, test_early_talker);
    tcase_add_test(t, test_pause_ends);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_server_limits_suite)
