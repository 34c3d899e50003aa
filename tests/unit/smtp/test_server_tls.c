/* tests/unit/smtp/test_server_tls.c -- STARTTLS of the server: offered when it can be had, nothing
 * from before it counts behind it. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/smtp/server.h"
#include "unit/cert.h"
#include "unit/unit.h"

static struct loop *loop;
static struct store *store;
static struct smtpd *d;
static struct tls *tls;
static struct stream *us; /* the client */
static bool is_open;
static char got[20000], facts[200], told[500];
static size_t ngot, mails;

static int on_mail(void *arg, struct smtpd_mail *m, struct why *w)
{
    (void)arg, (void)w;
    mails++;
    (void)snprintf(facts, sizeof facts, "%s", m->tls);
    return 0;
}

static int on_rcpt(void *arg, struct smtpd_mail *m, struct smtpd_rcpt *r, struct why *w)
{
    (void)arg, (void)m, (void)r, (void)w;
    return 0;
}

static void on_data(void *arg, struct smtpd_mail *m)
{
    (void)arg;
    smtpd_verdict(m, 7, NULL);
}

static void on_note(void *arg, const union endpoint *peer, const char *event, const struct why *w)
{
    (void)arg, (void)peer;
    (void)snprintf(told, sizeof told, "%s: %s", event, w != NULL ? w->text : "");
}

static const struct smtpd_ops ops = {
    .mail = on_mail, .rcpt = on_rcpt, .data = on_data, .event = on_note};

static void on_client(struct stream *s, enum stream_event ev, void *arg)
{
    (void)arg;
    struct cur in = stream_in(s);
    size_t n = cur_left(&in);
    ck_assert_uint_lt(ngot + n, sizeof got);
    cur_copy(&in, got + ngot, n);
    ngot += n;
    got[ngot] = '\0';
    stream_take(s, n);
    if (ev == STREAM_EOF || ev == STREAM_FAIL)
        is_open = false;
}

static void settle(void)
{
    for (int quiet = 0; quiet < 3;)
        quiet = loop_turn(loop, false) ? 0 : quiet + 1;
}

static const struct smtpd_door *door; /* NULL: an ordinary one */

static void call(void)
{
    int fd[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    us = stream_new(loop, fd[0], on_client, NULL);
    is_open = true;
    smtpd_take(d, stream_new(loop, fd[1], NULL, NULL), door);
    settle();
}

static void set_up(void)
{
    struct why w = {0};
    char path[400];
    const char *dir = unit_tmp();
    clock_fake(true);
    loop = loop_new();
    (void)snprintf(path, sizeof path, "%s/db", dir);
    struct store_set set = {.loop = loop, .path = path, .spooldir = dir};
    ck_assert_msg(store_open(&store, &set, &w) == 0, "%s", w.text);
    struct cert c = cert_make(dir, "mx", "DNS:mx.example", 30);
    tls = tls_new();
    ck_assert_int_eq(tls_load(tls, &(struct tls_files){.cert = c.cert, .key = c.key}, &w), 0);
    struct smtpd_set s = {.loop = loop, .store = store, .hostname = "gw.example", .tls = tls};
    d = smtpd_new(&s, &ops, NULL);
    ngot = mails = 0;
    facts[0] = told[0] = got[0] = '\0';
    call();
}

static void tear_down(void)
{
    stream_free(&us);
    smtpd_free(&d);
    store_close(&store);
    tls_free(&tls);
    settle();
    loop_free(&loop);
    clock_fake(false);
}

/* Send, and have exactly this (its beginning) for an answer; "" none. */
static void say(const char *text, const char *want)
{
    ngot = 0;
    got[0] = '\0';
    stream_puts(us, str_of(text));
    settle();
    ck_assert_msg(strncmp(got, want, strlen(want)) == 0 && (want[0] != '\0' || ngot == 0),
                  "to '%s' it says '%s', not '%s'", text, got, want);
}

static void handshake(void)
{
    struct why w;
    ck_assert_int_eq(stream_secure(us, tls_context(tls, TLS_SMTP_OUT), false, NULL, &w), 0);
    settle();
    ck_assert(stream_is_secure(us));
}

START_TEST(a_mail_inside)
{
    say("EHLO c.example\r\n", "250-gw.example\r\n");
    ck_assert_ptr_nonnull(strstr(got, "250-STARTTLS\r\n"));
    say("STARTTLS\r\n", "220 2.0.0 ");
    handshake();
    say("MAIL FROM:<a@b.example>\r\n", "503 5.5.1 Say HELO or EHLO first");
    say("EHLO c.example\r\n", "250-gw.example\r\n");
    ck_assert_ptr_null(strstr(got, "STARTTLS"));
    say("STARTTLS\r\n", "503 5.5.1 TLS is on already");
    say("MAIL FROM:<a@b.example>\r\nRCPT TO:<c@gw.example>\r\nDATA\r\n", "250 ");
    ck_assert_int_eq(strncmp(facts, "TLSv1.3 TLS_", 12), 0);
    say("Subject: x\r\n\r\ny\r\n.\r\n", "250 2.0.0 Queued as ");
    say("QUIT\r\n", "221 ");
    ck_assert(!is_open);
}
END_TEST

/* What is sent behind STARTTLS in the clear, in the same write: neither executed nor kept. */
static const char *const slipped[] = {
    "MAIL FROM:<evil@b.example>\r\n",
    "EHLO evil\r\nMAIL FROM:<evil@b.example>\r\nRCPT TO:<c@gw.example>\r\nDATA\r\nevil\r\n.\r\n",
    "RSET\r\nNOOP\r\nQUIT\r\n",
    "MAIL FROM:<evil@b.exam", /* a line begun in the clear is not ended inside */
    "bare\nMAIL FROM:<evil@b.example>\r\n",
    "\r\n",
    "x",
};

START_TEST(nothing_slips_through)
{
    char text[400];
    say("EHLO c.example\r\n", "250-");
    (void)snprintf(text, sizeof text, "STARTTLS\r\n%s", slipped[_i]);
    say(text, "220 2.0.0 ");
    ck_assert_ptr_null(strstr(got + 4, "\r\n2")); /* one answer, not two */
    ck_assert_ptr_null(strstr(got + 4, "\r\n5"));
    handshake();
    say("NOOP\r\n", "250 2.0.0 OK\r\n");
    ck_assert_str_eq(got, "250 2.0.0 OK\r\n");
    say("ple>\r\n", "500 ");
    say("RCPT TO:<c@gw.example>\r\n", "503 ");
    say("EHLO c.example\r\n", "250-");
    say("DATA\r\n", "503 5.5.1 No sender specified");
    ck_assert_uint_eq(mails, 0);
}
END_TEST

/* A line that was too long, or ended in a bare LF, in the clear does not reach inside either. */
START_TEST(half_lines_before)
{
    say("EHLO c.example\r\n", "250-");
    say("NOOP\n", "500 ");
    say("STARTTLS\r\n", ""); /* belongs to the line refused already */
    say("STARTTLS\r\n", "220 ");
    handshake();
    say("NOOP\r\n", "250 ");
}
END_TEST

START_TEST(where_it_may_be_said)
{
    say("STARTTLS now\r\nNOOP\r\n", "501 5.5.4 Syntax: STARTTLS\r\n250 2.0.0 OK\r\n");
    say("EHLO c.example\r\n", "250-");
    say("MAIL FROM:<a@b.example>\r\n", "250 ");
    say("STARTTLS\r\n", "503 5.5.1 Not within a mail");
    say("RSET\r\n", "250 ");
    say("HELP\r\n", "214");
    ck_assert_ptr_nonnull(strstr(got, "STARTTLS\r\n"));
    say("STARTTLS\r\n", "220 ");
    handshake();
    say("HELP\r\n", "214");
    ck_assert_ptr_null(strstr(got, "STARTTLS"));
}
END_TEST

/* RFC 3207 4: before TLS all but these hear 530. A chunk is still no command. */
START_TEST(where_it_is_demanded)
{
    static const struct smtpd_door sealed = {.must_tls = true};
    static const char *const no[] = {"HELO c.example\r\n",
                                     "MAIL FROM:<a@b.example>\r\n",
                                     "RCPT TO:<c@gw.example>\r\n",
                                     "DATA\r\n",
                                     "VRFY c\r\n",
                                     "RSET\r\n",
                                     "HELP\r\n"};
    stream_free(&us);
    door = &sealed;
    call();
    door = NULL;
    say("EHLO c.example\r\n", "250-");
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        say(no[i], "530 5.7.0 Must issue a STARTTLS command first\r\n");
    say("BDAT 6 LAST\r\nQUIT\r\n", "503 ");
    say("NOOP\r\n", "250 ");
    say("STARTTLS\r\n", "220 ");
    handshake();
    say("EHLO c.example\r\n", "250-");
    say("MAIL FROM:<a@b.example>\r\n", "250 ");
    stream_free(&us);
    door = &sealed;
    call();
    door = NULL;
    say("QUIT\r\n", "221 ");
}
END_TEST

/* The certificate is taken away by a reload: it is not offered any more, and what stands stays. */
START_TEST(no_certificate)
{
    struct why w = {0};
    say("EHLO c.example\r\n", "250-");
    if (_i == 1) {
        say("STARTTLS\r\n", "220 ");
        handshake();
    }
    ck_assert_int_eq(tls_load(tls, &(struct tls_files){.cert = NULL}, &w), 0);
    say("EHLO c.example\r\n", "250-gw.example\r\n");
    ck_assert_ptr_null(strstr(got, "STARTTLS"));
    say("STARTTLS\r\n", _i == 1 ? "503 5.5.1 TLS is on" : "502 5.5.1 ");
    say("HELP\r\n", "214");
    ck_assert_ptr_null(strstr(got, "STARTTLS"));
}
END_TEST

START_TEST(a_handshake_that_does_not_come)
{
    say("STARTTLS\r\n", "220 ");
    if (_i == 0) {
        say("MAIL FROM:<a@b.example>\r\n", ""); /* not TLS */
        ck_assert(!is_open);
        ck_assert_ptr_nonnull(strstr(told, "closed: TLS handshake failed: "));
    } else if (_i == 1) {
        stream_free(&us);
        settle();
        ck_assert_ptr_nonnull(strstr(told, "closed: TLS handshake failed: "));
    } else if (_i == 2) {
        clock_step(300000);
        settle();
        ck_assert_ptr_nonnull(strstr(told, "has waited too long"));
        clock_step(30000); /* the 421 could only go inside */
        settle();
    } else {
        smtpd_drain(d);
        settle();
        ck_assert_uint_eq(smtpd_sessions(d), 1);
        handshake();
        ck_assert_ptr_nonnull(strstr(got, "421 4.3.2 "));
    }
    ck_assert_uint_eq(smtpd_sessions(d), 0);
    ck_assert_uint_eq(mails, 0);
}
END_TEST

static Suite *test_server_tls_suite(void)
{
    Suite *s = suite_create("server_tls");
    TCase *t = tcase_create("tls");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_mail_inside);
    tcase_add_loop_test(t, nothing_slips_through, 0, sizeof slipped / sizeof *slipped);
    tcase_add_test(t, half_lines_before);
    tcase_add_test(t, where_it_may_be_said);
    tcase_add_test(t, where_it_is_demanded);
    tcase_add_loop_test(t, no_certificate, 0, 2);
    tcase_add_loop_test(t, a_handshake_that_does_not_come, 0, 4);
    suite_add_tcase(s, t);
    return s;
}

UNIT(test_server_tls_suite)
