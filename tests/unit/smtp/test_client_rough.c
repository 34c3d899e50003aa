/* tests/unit/smtp/test_client_rough.c -- the client with messages that cannot be sent, hostile and
 * slow servers, time-outs, and owners that quit or free it at any moment. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "unit/smtp/script.h"
#include "unit/unit.h"

/* --- what cannot be sent here --- */

START_TEST(size_and_eight_bits)
{
    char big[1002];
    memset(big, 'x', sizeof big);
    struct world w;
    world_init(&w);
    world_add(&w, "a", "me@gw.example", three, 3, "text\r\n");
    w.jobs[0].content = cur_of(big, 1001);
    world_add(&w, "b", "me@gw.example", joe, 1, "text\r\n");
    w.jobs[1].eightbit = true;
    world_add(&w, "c", "", joe, 1, "text\r\n");
    w.jobs[2].content = cur_of(big, 1000);
    w.script[0] = PIPE "< MAIL FROM:<> SIZE=1000\r\nbatch\n< RCPT\n< DATA\n> 250 ok\n> 250 ok\n> "
                       "354 ok\n<. -\n> 250 ok\n" BYE;
    world_start(&w);
    world_settle(&w);
    clock_step(5000);
    world_settle(&w);
    world_wants(&w,
                "a0:p552/5.3.4 a1:p552/5.3.4 a2:p552/5.3.4 adone b0:p554/5.6.3 bdone c0:ok cdone "
                "closed:peace");
    ck_assert_uint_eq(w.conn[0].total, 1002); /* with the CRLF it lacked */
    world_done(&w);

    world_init(&w); /* SIZE without a number, or 0: no limit told; 8BITMIME offered */
    world_add(&w, "a", "me@gw.example", joe, 1, "text\r\n");
    w.jobs[0].content = cur_of(big, 1001);
    w.jobs[0].eightbit = true;
    w.script[0] = GREET "> 250-mx\n> 250-8BITMIME\n> 250 SIZE\n< MAIL FROM:<me@gw.example> "
                        "SIZE=1001 BODY=8BITMIME\r\n"
                        "> 250 ok\n< RCPT\n> 250 ok\n< DATA\n> 354 go\n<. -\n> 250 ok\n" BYE;
    world_start(&w);
    world_settle(&w);
    world_wants(&w, "a0:ok adone");
    world_done(&w);
}
END_TEST

START_TEST(bad_addresses_are_not_sent)
{
    static const struct str rcpt[] = {{"a@x.example>\r\nRCPT TO:<b@x.example", 34},
                                      {"j\xC3\xBCrgen@x.example", 17},
                                      {"good@x.example", 14},
                                      {"", 0},
                                      {"a b@x.example", 13},
                                      {"\"a b\"@x.example", 15}};
    struct world w;
    world_init(&w);
    world_add(&w, "a", "me@gw.example", rcpt, 6, "text\r\n");
    world_add(&w, "b", "me@gw\r\n.example", joe, 1, "text\r\n");
    world_add(&w, "c", "me@gw.example", rcpt, 2, "text\r\n");
    world_add(&w, "d", "me@gw.example", NULL, 0, "text\r\n");
    world_add(&w, "e", "me@gw.example", joe, 1, "text\r\n");
    w.script[0] = PIPE "< MAIL\nbatch\n< RCPT TO:<good@x.example>\r\n< RCPT TO:<\"a "
                       "b\"@x.example>\r\n< DATA\nnone\n> 250 ok\n"
                       "> 250 ok\n> 550 no\n> 354 go\n<. text\n> 250 ok\n" ONE_OK BYE;
    world_start(&w);
    world_settle(&w);
    world_wants(&w,
                "a0:p501/5.1.3 a1:p553/5.6.7 a3:p501/5.1.3 a4:p501/5.1.3 a5:p550/5.0.0 a2:ok adone "
                "b0:p501/5.1.3 bdone c0:p501/5.1.3 c1:p553/5.6.7 cdone ddone e0:ok edone");
    world_done(&w);
}
END_TEST

/* 50,000 messages that cannot be sent do not pile up on the stack. */
static bool next_huge(void *arg, struct smtpc *c, struct smtpc_job *job)
{
    struct world *w = arg;
    (void)c;
    if (w->given++ >= 50000)
        return false;
    *job = (struct smtpc_job){
        .ref = "x", .sender = STR("a@b.example"), .rcpt = joe, .nrcpt = 1, .eightbit = true};
    return true;
}
static void count_verdict(void *arg, struct smtpc *c, void *ref, size_t index,
                          const struct why *why)
{
    struct world *w = arg;
    (void)c, (void)ref, (void)index;
    ck_assert_ptr_nonnull(why);
    w->verdicts++;
}
static void count_done(void *arg, struct smtpc *c, void *ref)
{
    (void)arg, (void)c, (void)ref;
}

START_TEST(many_unsendable)
{
    static const struct smtpc_ops huge = {next_huge,  NULL,         count_verdict,
                                          count_done, world_closed, NULL};
    struct world w;
    world_init(&w);
    w.script[0] = PIPE BYE;
    struct smtpc_set set = {.loop = w.loop, .helo = "gw.example"};
    w.c = smtpc_new(&set, w.targets, 1, &huge, &w);
    world_settle(&w);
    ck_assert_uint_eq(w.verdicts, 50000);
    ck_assert(smtpc_idle(w.c));
    world_done(&w);
}
END_TEST

START_TEST(dots_are_doubled)
{
    struct world w;
    world_init(&w);
    world_add(&w, "a", "me@gw.example", joe, 1, ".\r\n..\r\nx.\r\n.end");
    w.script[0] = PIPE "< MAIL\n< RCPT\n< DATA\n> 250 ok\n> 250 ok\n> 354 go\n< ..\r\n< ...\r\n< "
                       "x.\r\n< ..end\r\n< .\r\nnone\n> 250 ok\n";
    world_start(&w);
    world_settle(&w);
    world_wants(&w, "a0:ok adone");
    world_done(&w);
}
END_TEST

/* --- hostile servers --- */

static void serve_raw(struct world *w, const char *upto, const char *bytes, size_t n)
{
    w->script[0] = upto;
    world_run(w, 1);
    if (w->c == NULL || w->conn[0].s == NULL)
        return;
    stream_put(w->conn[0].s, bytes, n);
    world_settle(w);
}

START_TEST(reply_line_too_long)
{
    static char noise[200000];
    memset(noise, '2', sizeof noise);
    struct world w;
    world_init(&w);
    serve_raw(&w, PIPE ONE_ENVELOPE, noise, sizeof noise);
    world_wants(&w, "a0:t451/4.5.0 adone closed:why");
    ck_assert_ptr_nonnull(strstr(w.why, "too long"));
    world_done(&w);
}
END_TEST

START_TEST(reply_without_end)
{
    static char noise[200000];
    for (size_t i = 0; i + 8 <= sizeof noise; i += 8)
        memcpy(noise + i, "250-xy\r\n", 8);
    struct world w;
    world_init(&w);
    serve_raw(&w, PIPE ONE_ENVELOPE, noise, sizeof noise);
    world_wants(&w, "a0:t451/4.5.0 adone closed:why");
    world_done(&w);
}
END_TEST

START_TEST(binary_reply)
{
    struct world w;
    world_init(&w);
    serve_raw(&w, PIPE ONE_ENVELOPE, "25\0 ok\r\n\xFF\xFE\r\n", 12);
    world_wants(&w, "a0:t451/4.5.0 adone closed:why");
    world_done(&w);
}
END_TEST

/* Text of a reply cannot forge lines in our log or notices. */
START_TEST(controls_in_text)
{
    struct world w;
    world_init(&w);
    serve_raw(&w, "", "554 a\033[1m\001b\rc\r\n", 16);
    world_wants(&w, "closed:why");
    for (const char *p = w.why; *p != '\0'; p++)
        ck_assert_uint_ge((unsigned char)*p, 0x20);
    world_done(&w);
}
END_TEST

/* More replies than questions: what is left over is no answer to the next message. */
START_TEST(answers_not_asked_for)
{
    struct world w;
    world_init(&w);
    world_add(&w, "b", "me@gw.example", joe, 1, "text\r\n");
    w.script[0] = PIPE ONE_OK "> 250 and\n> 250 more\n> 354 of\n> 250 this\n";
    world_run(&w, 1);
    world_wants(&w, "b0:ok bdone closed:peace");
    ck_assert_uint_eq(w.given, 1);
    world_done(&w);
}
END_TEST

/* A server that says 250 to content it has not seen does not get to lose it. */
START_TEST(answer_before_the_end)
{
    static char big[4u << 20];
    memset(big, 'x', sizeof big);
    for (size_t i = 60; i + 2 < sizeof big; i += 62)
        memcpy(big + i, "\r\n", 2);
    static const struct {
        const char *reply, *log;
    } c[] = {
        {"hold\n> 250 took it\n", "a0:t451/4.5.0 adone closed:why"},
        {"hold\n> 552 5.3.4 too big\n", "a0:p552/5.3.4 adone closed:peace"},
        {"hold\n> 421 4.3.2 down\n", "a0:t421/4.3.2 adone closed:why"},
    };
    for (size_t i = 0; i < 3; i++) {
        char script[1000];
        snprintf(script, sizeof script, "%s%s",
                 GREET "> 250 mx\n< MAIL\n> 250 ok\n< RCPT\n> 250 ok\n< DATA\n> 354 go\n",
                 c[i].reply);
        struct world w;
        world_init(&w);
        world_add(&w, "a", "me@gw.example", joe, 1, "");
        w.jobs[0].content = cur_of(big, sizeof big);
        w.script[0] = script;
        world_start(&w);
        world_settle(&w);
        world_wants(&w, "");
        server_step(&w.conn[0]); /* goes on behind hold, without reading */
        world_settle(&w);
        world_wants(&w, c[i].log);
        world_done(&w);
    }
}
END_TEST

/* A server that says anything at any time: one verdict a recipient, done(), closed(), whatever it
 * says. */
static void babble(char *script, size_t size, unsigned seed)
{
    static const char *const say[] = {"> 250 ok\n",    "> 250 ok\n",  "> 250 ok\n",
                                      "> 354 go\n",    "> 354 go\n",  "> 550 5.1.1 no\n",
                                      "> 451 later\n", "> 421 end\n", "> 250-more\n",
                                      "> 220 hi\n",    "> x\n",       "< \n",
                                      "< \n",          "< \n",        "<. -\n",
                                      "close\n"};
    size_t n = (size_t)snprintf(script, size, "%s", seed % 2 == 0 ? PIPE : PLAIN);
    for (int i = 0; i < 60; i++) {
        seed = seed * 1103515245u + 12345u;
        n += (size_t)snprintf(script + n, size - n, "%s", say[(seed >> 16) % 16]);
    }
}

START_TEST(babbling)
{
    for (unsigned seed = 0; seed < 400; seed++) {
        char script[CONNS_MAX][1200];
        struct world w;
        world_init(&w);
        for (unsigned i = 0; i < CONNS_MAX; i++) {
            babble(script[i], sizeof script[i], seed * 8 + i);
            w.script[i] = script[i];
        }
        world_add(&w, "x", "me@gw.example", three, 3, "text\r\n.\r\n");
        world_add(&w, "y", "", joe, 1, "text\r\n");
        world_run(&w, 2);
        for (int i = 0; i < 40 && w.c != NULL; i++) {
            clock_step(600000);
            world_settle(&w);
        }
        ck_assert_msg(w.c == NULL && w.closed == 1, "seed %u: never closed", seed);
        size_t want = w.given == 0 ? 0 : w.given + 2;
        ck_assert_msg(w.verdicts == want, "seed %u: %zu verdicts for %zu messages", seed,
                      w.verdicts, w.given);
        world_done(&w);
    }
}
END_TEST

/* --- large content, time --- */

/* 16 MiB through a server that reads a little now and then: slow is not dead. */
START_TEST(slow_but_moving)
{
    size_t n = 16u << 20;
    char *big = malloc(n);
    memset(big, 'x', n);
    for (size_t i = 0; i + 64 <= n; i += 64)
        memcpy(big + i, "..\r\n", 4);
    struct world w;
    world_init(&w);
    world_add(&w, "a", "me@gw.example", joe, 1, "");
    w.jobs[0].content = cur_of(big, n);
    w.script[0] = GREET
        "> 250 mx\n< MAIL\n> 250 ok\n< RCPT\n> 250 ok\n< DATA\n> 354 go\nhold\n<. -\n> 250 ok\n";
    world_start(&w);
    world_settle(&w);
    for (int i = 0; i < 10; i++) {
        clock_step(170000);
        stream_hold(w.conn[0].s, false);
        for (int k = 0; k < 12; k++)
            (void)loop_turn(w.loop, false);
        stream_hold(w.conn[0].s, true);
        world_settle(&w);
        ck_assert_msg(w.c != NULL, "%d: %s", i, w.why);
    }
    stream_hold(w.conn[0].s, false);
    world_settle(&w);
    world_wants(&w, "a0:ok adone");
    ck_assert_uint_eq(w.conn[0].total, n + 2);
    world_done(&w);
    free(big);
}
END_TEST

START_TEST(stuck_content)
{
    size_t n = 16u << 20;
    char *big = malloc(n);
    memset(big, 'x', n);
    struct world w;
    world_init(&w);
    world_add(&w, "a", "me@gw.example", joe, 1, "");
    w.jobs[0].content = cur_of(big, n);
    w.script[0] = GREET
        "> 250 mx\n< MAIL\n> 250 ok\n< RCPT\n> 250 ok\n< DATA\n> 354 go\nhold\n<. -\n> 250 ok\n";
    world_start(&w);
    world_settle(&w);
    clock_step(179999);
    world_settle(&w);
    world_wants(&w, "");
    for (int i = 0; i < 3; i++) { /* the first time-out may still see progress made before */
        clock_step(180000);
        world_settle(&w);
    }
    world_wants(&w, "a0:t451/4.4.2 adone closed:why");
    ck_assert_ptr_nonnull(strstr(w.why, "180 s"));
    world_done(&w);
    free(big);
}
END_TEST

/* Each wait has its own time, and partial input does not stretch it. */
START_TEST(time_outs)
{
    static const struct {
        const char *script;
        int64_t ms;
        const char *log, *word;
    } c[] = {
        {"", 300000, "closed:why", "no greeting within 300 s"},
        {GREET, 300000, "closed:why", "no answer to EHLO within 300 s"},
        {GREET "> 500 no\n", 300000, "closed:why", "no answer to HELO"},
        {PIPE, 300000, "a0:t451/4.4.2 adone closed:why", "no answer to MAIL"},
        {PIPE "< MAIL\n> 250 ok\n", 300000, "a0:t451/4.4.2 adone closed:why", "no answer to RCPT"},
        {PIPE "< MAIL\n> 250 ok\n> 250 ok\n", 120000, "a0:t451/4.4.2 adone closed:why",
         "no answer to DATA"},
        {PIPE "< MAIL\n> 250 ok\n> 250 ok\n> 354 ok\n", 600000, "a0:t451/4.4.2 adone closed:why",
         "no answer to the end of the message within 600 s"},
    };
    struct world w;
    world_init(&w);
    w.script[0] = c[_i].script;
    world_run(&w, 1);
    clock_step(c[_i].ms - 2);
    world_settle(&w);
    stream_put(w.conn[0].s, "25", 2); /* it drips */
    world_settle(&w);
    clock_step(1);
    world_settle(&w);
    world_wants(&w, "");
    clock_step(1);
    world_settle(&w);
    world_wants(&w, c[_i].log);
    ck_assert_msg(strstr(w.why, c[_i].word) != NULL, "%s", w.why);
    world_done(&w);
}
END_TEST

/* A listening socket whose queue is full takes no further connection and refuses none. */
static union endpoint deaf_endpoint(int fds[4], sa_family_t family)
{
    union endpoint at = {.any.sa_family = family};
    socklen_t n = sizeof at.in4;
    if (family == AF_INET)
        at.in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        at.in6.sin6_addr = in6addr_loopback, n = sizeof at.in6;
    for (int i = 0; i < 4; i++)
        fds[i] = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (bind(fds[0], &at.any, n) < 0 && family == AF_INET6) {
        at.any.sa_family = AF_UNSPEC; /* no IPv6 on this machine */
        return at;
    }
    ck_assert_int_eq(listen(fds[0], 0), 0);
    ck_assert_int_eq(getsockname(fds[0], &at.any, &n), 0);
    for (int i = 1; i < 4; i++)
        (void)connect(fds[i], &at.any, n);
    return at;
}

START_TEST(connect_time_out)
{
    struct world w;
    int fds[4];
    world_init(&w);
    w.script[0] = SERVE;
    w.targets[0].at = deaf_endpoint(fds, AF_INET);
    world_run(&w, 2);
    clock_step(29999);
    world_settle(&w);
    world_wants(&w, "");
    clock_step(1);
    world_settle(&w);
    world_wants(&w, "a0:ok adone");
    world_done(&w);
    for (int i = 0; i < 4; i++)
        close(fds[i]);
}
END_TEST

static void again(struct world *w)
{
    clock_step(5000); /* the idle connection ends */
    world_settle(w);
    w->njobs = w->given = 0;
    buf_reset(&w->log);
    world_run(w, w->ntargets);
}

/* IPv6 that leads nowhere costs one message five seconds, the next ones nothing for ten minutes. */
START_TEST(a_family_that_fails)
{
    struct world w;
    int fds[4];
    world_init(&w);
    for (size_t i = 0; i < 4; i++)
        w.script[i] = SERVE;
    w.targets[2] = w.targets[1];
    w.targets[1] = w.targets[0];
    w.targets[0].at = deaf_endpoint(fds, AF_INET6);
    if (w.targets[0].at.any.sa_family == AF_INET6) {
        world_run(&w, 3);
        clock_step(4999);
        world_settle(&w);
        world_wants(&w, "");
        clock_step(1);
        world_settle(&w);
        world_wants(&w, "a0:ok adone");
        again(&w);
        world_wants(&w, "a0:ok adone");
        /* another host's only address is not passed by */
        snprintf(w.targets[0].name, sizeof w.targets[0].name, "other.example");
        again(&w);
        world_wants(&w, "");
        clock_step(30000);
        world_settle(&w);
        world_wants(&w, "a0:ok adone");
        /* later IPv6 has its turn again */
        snprintf(w.targets[0].name, sizeof w.targets[0].name, "%s", w.targets[1].name);
        clock_step(600000);
        again(&w);
        world_wants(&w, "");
    }
    world_done(&w);
    for (int i = 0; i < 4; i++)
        close(fds[i]);
}
END_TEST

START_TEST(quit_is_not_waited_for_long)
{
    struct world w;
    world_init(&w);
    w.script[0] = PIPE ONE_OK "< QUIT\n";
    world_run(&w, 1);
    smtpc_quit(w.c);
    world_settle(&w);
    ck_assert_uint_eq(w.conn[0].script.n, 0);
    world_wants(&w, "a0:ok adone");
    clock_step(5000);
    world_settle(&w);
    world_wants(&w, "a0:ok adone closed:peace");
    world_done(&w);
}
END_TEST

/* --- quit and free at any time --- */

/* After n turns; the message under way, if any, is finished first. */
static void quit_after(int turns, bool do_free)
{
    struct world w;
    world_init(&w);
    world_add(&w, "a", "me@gw.example", three, 3, "text\r\n");
    world_add(&w, "b", "me@gw.example", joe, 1, "text\r\n");
    w.script[0] =
        PIPE THREE_ENVELOPE "> 250 ok\n> 250 ok\n> 550 no\n> 250 ok\n> 354 go\n<. text\n> 250 ok\n";
    w.script[1] = "";
    world_start(&w);
    for (int i = 0; i < turns; i++)
        (void)loop_turn(w.loop, false);
    size_t given = w.given;
    if (do_free)
        smtpc_free(&w.c);
    else if (w.c != NULL)
        smtpc_quit(w.c);
    ck_assert_int_eq(w.closed, 0);
    for (int i = 0; i < 4; i++) {
        world_settle(&w);
        clock_step(600000);
    }
    world_settle(&w);
    ck_assert_uint_eq(w.given, given);
    ck_assert_int_eq(w.closed, do_free ? 0 : 1);
    ck_assert_uint_eq(w.verdicts, (given > 0 ? 3 : 0) + (given > 1 ? 1 : 0));
    world_done(&w);
}

START_TEST(quit_at_any_turn)
{
    for (int turns = 0; turns < 30; turns++) {
        quit_after(turns, false);
        quit_after(turns, true);
    }
}
END_TEST

START_TEST(free_within_a_verdict)
{
    for (size_t at = 1; at <= 4; at++) {
        struct world w;
        world_init(&w);
        w.free_at = at;
        static const struct str some[] = {
            {"bad", 3}, {"r1@a.example", 12}, {"r2@a.example", 12}, {"r3@a.example", 12}};
        world_add(&w, "a", "me@gw.example", some, 4, "text\r\n");
        w.script[0] = PIPE "< MAIL\n< RCPT\n< RCPT\n< RCPT\n< DATA\n> 250 ok\n> 550 no\n> 250 "
                           "ok\n> 250 ok\n> 354 go\n<. text\n> 250 ok\n";
        world_start(&w);
        world_settle(&w);
        ck_assert_ptr_null(w.c);
        ck_assert_uint_eq(w.verdicts, 4);
        ck_assert_int_eq(w.closed, 0);
        world_done(&w);
    }
}
END_TEST

START_TEST(quit_within_next)
{
    struct world w;
    world_init(&w);
    w.quit_in_next = true;
    world_add(&w, "b", "me@gw.example", joe, 1, "text\r\n");
    w.script[0] = SERVE;
    world_run(&w, 1);
    world_wants(&w, "b0:ok bdone closed:peace");
    ck_assert_uint_eq(w.conn[0].script.n, 0);
    world_done(&w);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *s = suite_create("smtp/client rough");
    TCase *t = tcase_create("client");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, size_and_eight_bits);
    tcase_add_test(t, bad_addresses_are_not_sent);
    tcase_add_test(t, many_unsendable);
    tcase_add_test(t, dots_are_doubled);
    tcase_add_test(t, reply_line_too_long);
    tcase_add_test(t, reply_without_end);
    tcase_add_test(t, binary_reply);
    tcase_add_test(t, controls_in_text);
    tcase_add_test(t, answers_not_asked_for);
    tcase_add_test(t, answer_before_the_end);
    tcase_add_test(t, babbling);
    tcase_add_test(t, slow_but_moving);
    tcase_add_test(t, stuck_content);
    tcase_add_loop_test(t, time_outs, 0, 7);
    tcase_add_test(t, connect_time_out);
    tcase_add_test(t, a_family_that_fails);
    tcase_add_test(t, quit_is_not_waited_for_long);
    tcase_add_test(t, quit_at_any_turn);
    tcase_add_test(t, free_within_a_verdict);
    tcase_add_test(t, quit_within_next);
    suite_add_tcase(s, t);
    return s;
}
UNIT(make_suite)
