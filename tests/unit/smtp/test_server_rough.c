/* tests/unit/smtp/test_server_rough.c -- the SMTP server: clients that do not read, sessions and
 * servers that die, large content */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "unit/smtp/served.h"
#include "unit/unit.h"

/* A client that sends and never reads is not served without end, and loses nothing when it reads.
 */
START_TEST(test_unread_replies)
{
    enum { N = 200000 };
    struct buf all;
    size_t sent = 0;
    buf_init(&all, 1 << 21);
    for (int i = 0; i < N; i++)
        buf_z(&all, "NOOP\r\n");
    w.set.max_junk = N;
    served_start();
    served_settle();
    for (int idle = 0; idle < 3 && sent < all.n;) {
        ssize_t k = send(w.fd, all.p + sent, all.n - sent, MSG_DONTWAIT);
        idle = k < 0 ? idle + 1 : 0;
        sent += k > 0 ? (size_t)k : 0;
        while (loop_turn(w.loop, false))
            ;
    }
    ck_assert_uint_lt(sent, all.n); /* it was held up */
    buf_reset(&w.got);
    served_send(all.p + sent, all.n - sent);
    for (int i = 0; i < 1000; i++)
        served_settle();
    ck_assert_uint_eq(w.got.n % 14, 0);
    ck_assert_uint_eq(w.got.n / 14, N);
    buf_done(&all);
    served_stop();
}
END_TEST

static void send_mail(void)
{
    static const char text[] =
        "EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nHello\r\n.\r\n";
    served_settle();
    served_send(text, sizeof text - 1);
    served_settle();
}

static const char one_mail[] = "a@b > c@d\n| Hello\n";

START_TEST(test_session_dies_before_verdict)
{
    served_start();
    w.verdicts = HOLD;
    send_mail();
    ck_assert_uint_eq(w.nheld, 1);
    struct linger hard = {1, 0};
    (void)setsockopt(w.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    served_hang_up();
    served_settle();
    ck_assert_ptr_nonnull(w.held[0]);
    served_verdicts();
    served_settle();
    ck_assert_str_eq(buf_cstr(&w.mails), one_mail);
    ck_assert_uint_eq(smtpd_sessions(w.d), 0);
    served_stop();
}
END_TEST

/* A session that ends while the owner is asked about it takes the question with it. */
START_TEST(test_server_dies_at_gate)
{
    static const char *const until[] = {"", "HELO c\r\n", "HELO c\r\nMAIL FROM:<a@b>\r\n"};
    for (size_t i = 0; i < 3; i++) {
        w.slow_gate = true;
        served_start();
        served_settle();
        served_send(until[i], strlen(until[i]));
        served_settle();
        served_send("RSET\r\nHELO c\r\n", 14);
        while (w.asked == NULL)
            ck_assert(loop_turn(w.loop, false));
        smtpd_free(&w.d);
        ck_assert_ptr_null(w.asked);
        served_stop();
    }
}
END_TEST

START_TEST(test_server_dies_before_verdict)
{
    served_start();
    w.verdicts = HOLD;
    send_mail();
    int first = w.fd;
    w.fd = served_pair();
    send_mail();
    ck_assert_uint_eq(w.nheld, 2);
    struct smtpd_mail *two[2] = {w.held[0], w.held[1]};
    served_stop();
    close(first);
    ck_assert_ptr_null(two[0]->session);
    ck_assert_ptr_null(two[1]->session);
    w.nheld = 2;
    served_verdicts();
    ck_assert_str_eq(buf_cstr(&w.mails), "a@b > c@d\n| Hello\na@b > c@d\n| Hello\n");
}
END_TEST

/* Large content goes through whole, in any pieces; too large is refused when it ends. */
START_TEST(test_large)
{
    enum { LINES = 40000 };
    struct buf all, want;
    served_start();
    served_settle();
    buf_init(&all, 1 << 24);
    buf_init(&want, 1 << 24);
    buf_z(&want, "a@b > c@d\n");
    buf_z(&all, "EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
    for (int i = 0; i < LINES; i++) {
        const char *dot = i % 7 == 0 ? "." : "";
        buf_printf(&all, "%s%sLine %d of a long message%s\r\n", dot, dot, i,
                   i % 3 == 0 ? " and more" : "");
        buf_printf(&want, "| %sLine %d of a long message%s\n", dot, i,
                   i % 3 == 0 ? " and more" : "");
    }
    buf_printf(&all, "%0100000d\r\n", 0); /* one line of 100 kB */
    buf_printf(&want, "| %0100000d\n", 0);
    buf_z(&all, ".\r\nQUIT\r\n");
    served_send(all.p, all.n);
    served_settle();
    ck_assert(str_eq(buf_text(&want), buf_text(&w.mails)));
    ck_assert_uint_eq(smtpd_sessions(w.d), 0);
    buf_done(&all);
    buf_done(&want);
    served_stop();
}
END_TEST

static Suite *test_server_rough_suite(void)
{
    Suite *s = suite_create("server_rough");
    TCase *t = tcase_create("server_rough");
    tcase_add_checked_fixture(t, served_set_up, served_tear_down);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, test_unread_replies);
    tcase_add_test(t, test_session_dies_before_verdict);
    tcase_add_test(t, test_server_dies_at_gate);
    tcase_add_test(t, test_server_dies_before_verdict);
    tcase_add_test(t, test_large);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_server_rough_suite)
