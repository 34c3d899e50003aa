/* tests/unit/rscs/test_link_ahead.c -- files that do not wait for the X'C0' of those before them:
 * who may send so, whose each answer is, what is kept until it comes, and how much may wait */
#include <stdio.h>

#include "unit/rscs/node.h"
#include "unit/rscs/scene.h"
#include "unit/unit.h"

#define I_SAYS 0x0000D5C7u
#define J_SAYS 0x0000D5D1u

static struct link_conf ahead_conf(uint8_t streams)
{
    struct link_conf c = node_conf("NODEA", "NODEB");
    c.ahead = true;
    c.streams = streams;
    return c;
}

static void up_with(struct link_conf c)
{
    begin(c);
    p.features = I_SAYS;
    link_start(n.link);
    peer_call(&p);
    peer_control(&p, "01 2D");
    peer_signon(&p, SIGNON_I, "NODEB", 8192);
    peer_expect(&p, "ACK NODEA NODEB 0\nACK0\nA0 J NODEA 8192 0000D5D1\n");
    log_reset(&n);
}

static void up(uint8_t streams)
{
    up_with(ahead_conf(streams));
}

static void queue(unsigned files)
{
    for (unsigned i = 0; i < files; i++)
        node_queue(&n, DECK_SYSOUT, 1, 20);
    link_kick(n.link);
    turns(loop);
}

/* How often it stands in what came over the wire since the last look. */
static int count(const char *seen, const char *what)
{
    int found = 0;
    for (const char *at = seen; (at = strstr(at, what)) != NULL; at++)
        found++;
    return found;
}

static bool is_ahead(void)
{
    struct link_stat st;
    link_stat(n.link, &st);
    return st.ahead;
}

/* --- the sign-on --- */

static const struct {
    bool we;
    uint32_t theirs;
    bool agreed;
} offers[] = {
    {true, I_SAYS, true},
    {true, 0x15000000u | I_SAYS, true}, /* IBM's own features beside it */
    {true, 0, false},
    {true, 0x15000000u, false},
    {true, J_SAYS, false}, /* not what an I says */
    {true, 0xFFFFFFFFu, false},
    {false, I_SAYS, false},
};

START_TEST(called_it_answers_an_offer)
{
    struct link_conf c = ahead_conf(7);
    c.ahead = offers[_i].we;
    begin(c);
    link_start(n.link);
    peer_call(&p);
    peer_control(&p, "01 2D");
    peer_seen(&p);
    p.features = offers[_i].theirs;
    peer_signon(&p, SIGNON_I, "NODEB", 8192);
    peer_expect(&p, offers[_i].agreed ? "A0 J NODEA 8192 0000D5D1\n" : "A0 J NODEA 8192\n");
    ck_assert_str_eq(state(), "up");
    ck_assert(is_ahead() == offers[_i].agreed);
    end();
}
END_TEST

static void call(const char *i_record)
{
    peer_attach(&p, n.peer_fd);
    node_connected(&n);
    peer_seen(&p);
    peer_ctl(&p, WIRE_ACK, "NODEB", "NODEA", 0);
    peer_seen(&p);
    peer_control(&p, "10 70");
    peer_expect(&p, i_record);
}

static const struct {
    bool we;
    uint32_t theirs;
    bool agreed;
} answers[] = {
    {true, J_SAYS, true}, {true, 0, false},       {true, I_SAYS, false}, /* our own bytes back */
    {false, 0, false},    {false, J_SAYS, false},
};

START_TEST(calling_it_makes_an_offer)
{
    struct link_conf c = ahead_conf(7);
    c.dial = true;
    c.ahead = answers[_i].we;
    begin(c);
    link_start(n.link);
    call(c.ahead ? "A0 I NODEA 8192 0000D5C7\n" : "A0 I NODEA 8192\n");
    p.features = answers[_i].theirs;
    peer_signon(&p, SIGNON_J, "NODEB", 8192);
    turns(loop);
    ck_assert_str_eq(state(), "up");
    ck_assert(is_ahead() == answers[_i].agreed);
    end();
}
END_TEST

/* Somebody may not like bytes he does not know: the next call goes without them. */
START_TEST(the_offer_is_left_out_after_a_failure)
{
    struct link_conf c = ahead_conf(7);
    c.dial = true;
    begin(c);
    link_start(n.link);
    call("A0 I NODEA 8192 0000D5C7\n");
    peer_close(&p);
    turns(loop);
    clock_step(10000);
    turns(loop);
    call("A0 I NODEA 8192\n");
    peer_signon(&p, SIGNON_J, "NODEB", 8192);
    turns(loop);
    ck_assert_str_eq(state(), "up");
    ck_assert(!is_ahead());
    end();
}
END_TEST

/* --- out --- */

START_TEST(files_follow_each_other)
{
    up(1);
    queue(3);
    const char *seen = peer_seen(&p);
    ck_assert_int_eq(count(seen, "fast "), 3); /* and nobody waited for a permission */
    ck_assert_int_eq(count(seen, " 90-99\n"), 3);
    ck_assert_int_eq(count(seen, " 99-C0/204\n"), 3);
    ck_assert_int_eq(count(seen, " 99-80/20\n"), 3);
    ck_assert_int_eq(count(seen, " 99-80/0\n"), 3);
    struct link_stat st;
    link_stat(n.link, &st);
    ck_assert_uint_eq(st.open_out, 3);
    log_expect(&n, "");
    peer_block(&p, "C0 99 00 00");
    turns(loop);
    log_expect(&n, "sent 0 ok\n");
    peer_block(&p, "C0 99 00 00");
    peer_block(&p, "C0 99 00 00");
    turns(loop);
    log_expect(&n, "sent 1 ok\nsent 2 ok\n");
    link_stat(n.link, &st);
    ck_assert_uint_eq(st.open_out, 0);
    ck_assert_uint_eq(st.files_out, 3);
    peer_block(&p, "C0 99 00 00"); /* for nothing */
    turns(loop);
    log_expect(&n, "");
    ck_assert_str_eq(state(), "up");
    end();
}
END_TEST

START_TEST(so_many_wait_and_no_more)
{
    up(2);
    queue(100);
    ck_assert_int_eq(count(peer_seen(&p), "fast "), 64);
    peer_block(&p, "C0 A9 00 00");
    peer_block(&p, "C0 A9 00 00");
    ck_assert_int_eq(count(peer_seen(&p), " 90-A9\n"), 2);
    end();
}
END_TEST

/* 512 KiB in all; of a large file 64. */
START_TEST(so_much_waits_and_no_more)
{
    up(1);
    for (int i = 0; i < 30; i++)
        node_queue(&n, DECK_SYSOUT, 1200, 81);
    link_kick(n.link);
    ck_assert_int_eq(count(peer_seen(&p), "-80/0\n"), 8);
    peer_block(&p, "C0 99 00 00");
    ck_assert_int_eq(count(peer_seen(&p), "-80/0\n"), 1);
    end();
}
END_TEST

START_TEST(an_answer_is_for_the_oldest)
{
    up(1);
    n.retry = true;
    queue(3);
    peer_seen(&p);
    peer_block(&p, "C0 99 00 00");
    peer_block(&p, "B0 99 00 00");
    peer_expect(&p, ""); /* and the stream rests */
    log_expect(&n, "sent 0 ok\nsent 1 temp: NODEB gave the file back after its end: no reason "
                   "given\n");
    peer_block(&p, "C0 99 00 00");
    peer_expect(&p, "");
    log_expect(&n, "sent 2 ok\n");
    for (int i = 0; i < 14; i++) {
        clock_step(5001);
        turns(loop);
    }
    ck_assert_int_eq(count(peer_seen(&p), "fast "), 1); /* the one given back */
    end();
}
END_TEST

/* Jobs and files share a stream, but each kind is answered by itself. */
START_TEST(jobs_and_files)
{
    up(1);
    node_queue(&n, DECK_SYSOUT, 1, 10);
    node_queue(&n, DECK_SYSIN, 1, 10);
    node_queue(&n, DECK_SYSOUT, 1, 10);
    link_kick(n.link);
    ck_assert_int_eq(count(peer_seen(&p), "fast "), 3);
    peer_block(&p, "C0 98 00 00");
    turns(loop);
    log_expect(&n, "sent 1 ok\n");
    peer_block(&p, "C0 99 00 00");
    peer_block(&p, "C0 99 00 00");
    turns(loop);
    log_expect(&n, "sent 0 ok\nsent 2 ok\n");
    end();
}
END_TEST

START_TEST(broken_off_while_it_goes)
{
    up(1);
    node_queue(&n, DECK_SYSOUT, 1, 10);
    node_queue(&n, DECK_SYSOUT, 90000, 81);
    link_kick(n.link);
    turns(loop);
    peer_block(&p, "C0 99 00 00");
    peer_block(&p, "B0 99 00 00");
    turns(loop);
    log_expect(&n, "sent 0 ok\nsent 1 temp: NODEB broke off the file: no reason given\n");
    end();
}
END_TEST

/* So the oldest is offered first when the owner puts each before those he has. */
START_TEST(lost_they_all_go_back)
{
    up(1);
    node_queue(&n, DECK_SYSOUT, 1, 10);
    node_queue(&n, DECK_SYSOUT, 1, 10);
    node_queue(&n, DECK_SYSOUT, 90000, 81);
    link_kick(n.link);
    turns(loop);
    peer_close(&p);
    turns(loop);
    const char *told = buf_cstr(&n.log), *last = strstr(told, "sent 0 temp: ");
    ck_assert_ptr_nonnull(last);
    ck_assert(last > strstr(told, "sent 1 temp: "));
    ck_assert(strstr(told, "sent 1 temp: ") > strstr(told, "sent 2 temp: "));
    struct link_stat st;
    link_stat(n.link, &st);
    ck_assert_uint_eq(st.open_out, 0);
    end();
}
END_TEST

START_TEST(an_end_never_confirmed)
{
    struct link_conf c = ahead_conf(1);
    c.transfer_ms = 60000;
    up_with(c);
    queue(3);
    for (int i = 0; i < 11; i++) {
        clock_step(5001);
        peer_control(&p, "");
        turns(loop);
    }
    ck_assert_str_eq(state(), "up");
    for (int i = 0; i < 3; i++) {
        clock_step(5001);
        turns(loop);
    }
    log_has(&n, "NODEB has not confirmed the end of a file for 6");
    ck_assert_int_eq(n.sent_why, 3);
    end();
}
END_TEST

START_TEST(drained_when_all_are_confirmed)
{
    up(1);
    queue(2);
    peer_seen(&p);
    link_drain(n.link);
    peer_block(&p, "C0 99 00 00");
    turns(loop);
    ck_assert_str_eq(state(), "draining");
    peer_block(&p, "C0 99 00 00");
    turns(loop);
    ck_assert_str_eq(state(), "stopped");
    log_has(&n, "sent 1 ok\n");
    end();
}
END_TEST

/* --- in --- */

static struct buf deck;

static void send_file(const char *request, uint8_t rcb)
{
    peer_block_as(&p, BCB_BYPASS, 0x8F, 0xCF, WIRE_TTR_FAST_OPEN, request);
    peer_file(&p, rcb, buf_cur(&deck));
}

static void up_in(unsigned cards)
{
    up(7);
    buf_init(&deck, 1 << 20);
    deck_make(&deck, DECK_SYSOUT, 1, cards, 81);
    n.hold_done = true;
    n.quiet = true;
}

static void down(void)
{
    buf_done(&deck);
    end();
}

/* The owner makes the ith of those he has safe. */
static void safe(int i)
{
    n.in[n.nin++] = n.done[i]->user;
    link_in_done(n.link, n.done[i]);
    n.done[i] = NULL;
}

START_TEST(answers_keep_their_order)
{
    up_in(1);
    for (int i = 0; i < 3; i++)
        send_file("90 99 00 00", 0x99);
    turns(loop);
    ck_assert_int_eq(n.ndone, 3);
    peer_expect(&p, "");
    safe(2);
    safe(1);
    peer_expect(&p, "");
    safe(0);
    peer_expect(&p, "80 C0-99\n81 C0-99\n82 C0-99\n");
    n.ndone = 0;
    down();
}
END_TEST

/* B0 would be taken for the answer to a file before it. */
START_TEST(a_refusal_waits_for_its_turn)
{
    up_in(1);
    send_file("90 99 00 00", 0x99);
    n.refuse_open = 1;
    send_file("90 99 00 00", 0x99);
    n.fail_record = 3;
    send_file("90 99 00 00", 0x99);
    n.fail_record = 0;
    send_file("90 99 00 00", 0x99);
    peer_expect(&p, "");
    ck_assert_int_eq(n.ndone, 2);
    ck_assert_int_eq(n.aborted, 1);
    safe(1);
    peer_expect(&p, "");
    safe(0);
    peer_expect(&p, "80 C0-99\n81 B0-99\n82 B0-99\n83 C0-99\n");
    n.ndone = 0;
    down();
}
END_TEST

START_TEST(lost_before_they_were_safe)
{
    up_in(1);
    for (int i = 0; i < 3; i++)
        send_file("90 99 00 00", 0x99);
    send_file("90 A9 00 00", 0xA9);
    turns(loop);
    safe(1); /* but its answer waits for the first */
    n.done[1] = n.done[--n.ndone];
    peer_close(&p);
    turns(loop);
    ck_assert_int_eq(n.aborted, 3);
    ck_assert_int_eq(n.ndone, 0);
    struct link_stat st;
    link_stat(n.link, &st);
    ck_assert_uint_eq(st.open_in, 0);
    down();
}
END_TEST

static void flood(int files)
{
    for (int i = 0; i < files; i++)
        send_file("90 99 00 00", 0x99);
    turns(loop);
}

/* Who sends more than may wait is not listened to, and nothing of it is lost. */
START_TEST(a_flood_waits)
{
    static const struct {
        unsigned cards;
        int whole;
        unsigned open;
    } floods[] = {
        {0, 511, 512}, /* and one begun */
        {800, 16, 16}, /* of 64 KiB that count */
    };
    up_in(floods[_i].cards);
    struct link_stat st;
    flood(floods[_i].whole);
    ck_assert_int_eq(n.ndone, floods[_i].whole);
    peer_block_as(&p, BCB_BYPASS, 0x8F, 0xCF, WIRE_TTR_FAST_OPEN, "90 A9 00 00");
    peer_block_as(&p, BCB_BYPASS, 0x8F, 0xCF, WIRE_TTR_FAST_OPEN, "90 B9 00 00");
    turns(loop);
    link_stat(n.link, &st);
    ck_assert_uint_eq(st.open_in, floods[_i].open);
    node_done(&n);
    turns(loop);
    link_stat(n.link, &st);
    ck_assert_uint_eq(st.open_in, 2);
    ck_assert_int_eq(count(peer_seen(&p), "C0-99"), floods[_i].whole);
    down();
}
END_TEST

/* The plain manner is as it was: A0 only behind C0. */
START_TEST(not_agreed_they_wait)
{
    begin(ahead_conf(1));
    peer_up_called(&p);
    queue(2);
    peer_expect(&p, "80 90-99\n");
    end();
}
END_TEST

static Suite *link_ahead_suite(void)
{
    Suite *s = suite_create("link_ahead");
    TCase *t = tcase_create("ahead");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, called_it_answers_an_offer, 0, sizeof offers / sizeof offers[0]);
    tcase_add_loop_test(t, calling_it_makes_an_offer, 0, sizeof answers / sizeof answers[0]);
    tcase_add_test(t, the_offer_is_left_out_after_a_failure);
    tcase_add_test(t, files_follow_each_other);
    tcase_add_test(t, so_many_wait_and_no_more);
    tcase_add_test(t, so_much_waits_and_no_more);
    tcase_add_test(t, an_answer_is_for_the_oldest);
    tcase_add_test(t, jobs_and_files);
    tcase_add_test(t, broken_off_while_it_goes);
    tcase_add_test(t, lost_they_all_go_back);
    tcase_add_test(t, an_end_never_confirmed);
    tcase_add_test(t, drained_when_all_are_confirmed);
    tcase_add_test(t, answers_keep_their_order);
    tcase_add_test(t, a_refusal_waits_for_its_turn);
    tcase_add_test(t, lost_before_they_were_safe);
    tcase_add_loop_test(t, a_flood_waits, 0, 2);
    tcase_add_test(t, not_agreed_they_wait);
    suite_add_tcase(s, t);
    return s;
}
UNIT(link_ahead_suite)
