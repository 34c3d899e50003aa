/* tests/unit/rscs/test_link_out.c -- outgoing files against a hand-played peer: the good course,
 * refusals, peers with one stream, peers that do not read, decks that cannot be sent */
#include <stdlib.h>

#include "unit/rscs/node.h"
#include "unit/rscs/scene.h"
#include "unit/unit.h"

static void up_with(struct link_conf c, uint16_t bufsize)
{
    begin(c);
    link_start(n.link);
    peer_call(&p);
    peer_control(&p, "01 2D");
    peer_signon(&p, SIGNON_I, "NODEB", bufsize);
    peer_seen(&p);
    log_reset(&n);
}

static void up(void)
{
    up_with(node_conf("NODEA", "NODEB"), 8192);
}

static void kick(void)
{
    link_kick(n.link);
    turns(loop);
}

static void queue(unsigned files)
{
    for (unsigned i = 0; i < files; i++)
        node_queue(&n, DECK_SYSOUT, 2, 81);
    kick();
}

START_TEST(a_file_goes)
{
    up();
    queue(1);
    peer_expect(&p, "80 90-99\n");
    clock_step(15000);
    peer_expect(&p, ""); /* nothing before the permission */
    peer_block(&p, "A0 99 00 00");
    peer_expect(&p, "81 99-C0/204\n82 99-E0/256\n83 99-E0/44\n84 99-80/81 99-80/81\n85 99-D0/48\n"
                    "86 99-80/0\n");
    log_expect(&n, "");
    peer_block(&p, "C0 99 00 00");
    peer_expect(&p, "");
    log_expect(&n, "sent 0 ok\n");
    struct link_stat st;
    link_stat(n.link, &st);
    ck_assert_uint_eq(st.files_out, 1);
    ck_assert_uint_eq(st.open_out, 0);
    end();
}
END_TEST

START_TEST(the_next_is_asked_with_the_complete)
{
    struct link_conf c = node_conf("NODEA", "NODEB");
    c.streams = 1;
    up_with(c, 8192);
    queue(3);
    for (int i = 0; i < 3; i++) {
        const char *seen = peer_seen(&p);
        ck_assert_ptr_nonnull(strstr(seen, "90-99\n"));
        ck_assert_ptr_null(strstr(seen, "A9"));
        peer_block(&p, "A0 99 00 00");
        peer_block(&p, "C0 99 00 00");
    }
    peer_seen(&p);
    log_expect(&n, "sent 0 ok\nsent 1 ok\nsent 2 ok\n");
    end();
}
END_TEST

START_TEST(streams_interleave)
{
    up();
    node_queue(&n, DECK_SYSOUT, 300, 81);
    node_queue(&n, DECK_SYSOUT, 300, 81);
    kick();
    peer_expect(&p, "80 90-99\n81 90-A9\n");
    peer_block_as(&p, 0x80, 0xCF, 0xCF, 0, "A0 A9 00 00"); /* both begin together */
    p.bcb = 0x81;
    peer_block(&p, "A0 99 00 00");
    const char *seen = peer_seen(&p);
    const char *a = strstr(seen, " A9-80/81"), *a_end = strstr(seen, " A9-80/0");
    const char *b = strstr(seen, " 99-80/81"), *b_end = strstr(seen, " 99-80/0");
    ck_assert(a != NULL && b != NULL && a_end != NULL && b_end != NULL);
    ck_assert(a < b_end && b < a_end);
    ck_assert_uint_le(p.ttb_most, 8192);
    ck_assert_uint_le(p.block_most, 8192);
    ck_assert_uint_ge(p.block_most, 7000);
    peer_block(&p, "C0 A9 00 00");
    peer_block(&p, "C0 99 00 00");
    turns(loop);
    log_expect(&n, "sent 1 ok\nsent 0 ok\n");
    end();
}
END_TEST

/* A peer's small buffer bounds our blocks; several go in one TTB. */
START_TEST(blocks_keep_to_the_agreed_size)
{
    static const uint16_t sizes[] = {300, 400, 1012, 1024, 8192};
    up_with(node_conf("NODEA", "NODEB"), sizes[_i]);
    node_queue(&n, DECK_SYSOUT, 200, 256);
    kick();
    peer_block(&p, "A0 99 00 00");
    peer_seen(&p);
    ck_assert_uint_le(p.block_most, sizes[_i]);
    ck_assert_uint_gt(p.block_most, sizes[_i] - 270u);
    ck_assert_uint_le(p.ttb_most, 8192);
    ck_assert_uint_gt(p.ttb_most, 7500);
    peer_block(&p, "C0 99 00 00");
    turns(loop);
    log_expect(&n, "sent 0 ok\n");
    end();
}
END_TEST

START_TEST(a_job_goes_on_the_sysin_stream)
{
    up();
    node_queue(&n, DECK_SYSIN, 1, 10);
    kick();
    peer_expect(&p, "80 90-98\n");
    peer_block(&p, "A0 99 00 00"); /* of another stream: not ours */
    peer_expect(&p, "");
    peer_block(&p, "A0 98 00 00");
    peer_expect(&p, "81 98-C0/204\n82 98-80/10\n83 98-D0/48\n84 98-80/0\n");
    end();
}
END_TEST

/* UnixNJE drops the link over a file without data. */
START_TEST(an_empty_file_gets_a_blank_record)
{
    up();
    node_queue(&n, DECK_SYSOUT, 0, 10);
    kick();
    peer_block(&p, "A0 99 00 00");
    peer_expect(&p, "80 90-99\n81 99-C0/204\n82 99-E0/256\n83 99-E0/44\n84 99-80/2\n85 99-D0/48\n"
                    "86 99-80/0\n");
    end();
}
END_TEST

static const struct {
    const char *record, *why;
} refusals[] = {
    {"B0 99 00 00", "NODEB does not take the file: no reason given"},
    {"B0 99 C2 C1 08 00 00", "it is shutting down"},
    {"B0 99 C3 C2 0C 08 00 00", "the stream is drained"},
    {"B0 99 C3 C2 10 0C 00 00", "no spool space"},
    {"B0 99 C3 C2 18 33 00 00", "a protocol error"},
    {"B0 99 C3 C2 77 33 00 00", "a reason we do not know"},
    {"B0 99 C1 C2 00 00", "no reason given"},
    {"B0 99", "no reason given"},
};

START_TEST(a_request_refused)
{
    up();
    queue(1);
    peer_expect(&p, "80 90-99\n");
    peer_block(&p, refusals[_i].record);
    peer_expect(&p, "");
    log_has(&n, "sent 0 temp: ");
    log_has(&n, refusals[_i].why);
    end();
}
END_TEST

START_TEST(refused_streams_rest_a_minute)
{
    struct link_conf c = node_conf("NODEA", "NODEB");
    c.streams = 2;
    up_with(c, 8192);
    n.retry = true;
    queue(1);
    peer_expect(&p, "80 90-99\n");
    peer_block(&p, "B0 99 00 00");
    peer_expect(&p, "81 90-A9\n"); /* offered again on the other stream */
    peer_block(&p, "B0 A9 00 00");
    peer_expect(&p, "");
    clock_step(59000);
    peer_expect(&p, "");
    for (int i = 0; i < 2; i++) { /* the look every five seconds */
        clock_step(5001);
        turns(loop);
    }
    peer_expect(&p, "82 90-99\n");
    peer_block(&p, "A0 99 00 00");
    peer_block(&p, "C0 99 00 00");
    turns(loop);
    ck_assert_int_eq(n.sent_ok, 1);
    end();
}
END_TEST

START_TEST(ready_ends_the_rest)
{
    struct link_conf c = node_conf("NODEA", "NODEB");
    c.streams = 1;
    up_with(c, 8192);
    n.retry = true;
    queue(1);
    peer_expect(&p, "80 90-99\n");
    peer_block(&p, "B0 99 00 00");
    peer_expect(&p, "");
    peer_block(&p, "D0 99 00 00");
    peer_expect(&p, "81 90-99\n");
    end();
}
END_TEST

START_TEST(cancelled_in_the_middle)
{
    up();
    node_queue(&n, DECK_SYSOUT, 8000, 81);
    queue(1);
    peer_block(&p, "A0 99 00 00");
    turns(loop); /* the socket is full before the file is out */
    struct link_stat st;
    link_stat(n.link, &st);
    ck_assert_uint_eq(st.open_out, 2);
    peer_block(&p, "B0 99 00 00");
    const char *seen = peer_seen(&p);
    log_has(&n, "sent 0 temp: NODEB broke off the file: no reason given\n");
    ck_assert_ptr_null(strstr(seen, "99-80/0\n")); /* no end of file: it is over */
    ck_assert_ptr_null(strstr(seen, "99-D0"));
    end();
}
END_TEST

START_TEST(given_back_after_its_end)
{
    up();
    queue(1);
    peer_block(&p, "A0 99 00 00");
    peer_seen(&p);
    peer_block(&p, "B0 99 00 00");
    turns(loop);
    log_expect(&n, "sent 0 temp: NODEB gave the file back after its end: no reason given\n");
    end();
}
END_TEST

START_TEST(complete_before_the_end)
{
    up();
    node_queue(&n, DECK_SYSOUT, 8000, 81);
    kick();
    peer_block(&p, "A0 99 00 00");
    turns(loop);
    peer_block(&p, "C0 99 00 00");
    peer_seen(&p);
    reason_has("confirms a file before its end was sent");
    log_has(&n, "sent 0 temp: ");
    end();
}
END_TEST

START_TEST(answers_to_nothing_are_ignored)
{
    up();
    peer_block(&p, "A0 99 00 00");
    peer_block(&p, "B0 99 00 00");
    peer_block(&p, "C0 99 00 00");
    peer_block(&p, "D0 99 00 00");
    peer_block(&p, "A0 77 00 00");
    peer_block(&p, "C0 00 00 00");
    peer_expect(&p, "");
    ck_assert_str_eq(state(), "up");
    queue(1);
    peer_block(&p, "C0 99 00 00"); /* before the permission */
    peer_expect(&p, "80 90-99\n");
    log_expect(&n, "");
    end();
}
END_TEST

START_TEST(lost_in_each_state)
{
    up();
    node_queue(&n, DECK_SYSOUT, 1, 10);
    node_queue(&n, DECK_SYSOUT, 9000, 81);
    node_queue(&n, DECK_SYSOUT, 1, 10);
    kick();
    peer_block(&p, "A0 99 00 00"); /* its end is out */
    peer_block(&p, "A0 A9 00 00"); /* on its way */
    turns(loop);
    peer_close(&p);
    turns(loop);
    ck_assert_int_eq(n.sent_why, 3);
    log_has(&n, "sent 0 temp: ");
    log_has(&n, "sent 1 temp: ");
    log_has(&n, "sent 2 temp: ");
    end();
}
END_TEST

/* NJE38: one stream; a request on another gets no answer at all. */
START_TEST(a_peer_with_one_stream)
{
    struct link_stat st;
    up();
    n.retry = true;
    queue(4);
    peer_expect(&p, "80 90-99\n81 90-A9\n"); /* no more than one is tried beside the first */
    peer_block(&p, "A0 99 00 00");
    peer_seen(&p);
    clock_step(19000);
    turns(loop);
    peer_block(&p, "C0 99 00 00");
    peer_expect(&p, "88 90-99\n"); /* the first stream goes on meanwhile */
    for (int i = 0; i < 2; i++) {
        clock_step(5001);
        turns(loop);
    }
    log_expect(&n, "sent 0 ok\nsent 1 temp: NODEB does not answer requests on stream 2\n");
    link_stat(n.link, &st);
    ck_assert_uint_eq(st.streams, 1);
    for (int i = 0; i < 3; i++) {
        peer_block(&p, "A0 99 00 00");
        peer_block(&p, "C0 99 00 00");
        const char *seen = peer_seen(&p);
        ck_assert_ptr_null(strstr(seen, "A9"));
    }
    ck_assert_int_eq(n.sent_ok, 4);
    peer_block(&p, "A0 A9 00 00"); /* too late to be of use */
    peer_expect(&p, "");
    peer_close(&p); /* learned for the next connection */
    turns(loop);
    peer_up_called(&p);
    queue(2);
    peer_expect(&p, "80 90-99\n");
    end();
}
END_TEST

START_TEST(a_peer_with_many_streams_keeps_them)
{
    struct link_stat st;
    up();
    queue(7);
    peer_expect(&p, "80 90-99\n81 90-A9\n");
    peer_block(&p, "A0 A9 00 00");
    const char *seen = peer_seen(&p);
    ck_assert_ptr_nonnull(strstr(seen, "90-F9\n")); /* now all of them */
    for (int i = 0; i < 5; i++) {
        clock_step(5001);
        turns(loop);
    }
    link_stat(n.link, &st);
    ck_assert_uint_eq(st.streams, 1); /* but those without an answer are left alone */
    ck_assert_int_eq(n.sent_why, 6);
    peer_close(&p);
    turns(loop);
    peer_up_called(&p);
    link_stat(n.link, &st);
    ck_assert_uint_eq(st.streams, 7); /* for this connection only */
    end();
}
END_TEST

START_TEST(no_answer_at_all_is_waited_for)
{
    up();
    queue(1);
    for (int i = 0; i < 50; i++) {
        clock_step(5001);
        turns(loop);
    }
    log_expect(&n, "");
    peer_block(&p, "A0 99 00 00");
    const char *seen = peer_seen(&p);
    ck_assert_ptr_nonnull(strstr(seen, "99-C0"));
    end();
}
END_TEST

/* A large file may lie in mapped memory: what was gone through is told piece by piece. */
START_TEST(a_large_file_is_passed_in_pieces)
{
    up();
    int i = node_queue(&n, DECK_SYSOUT, 60000, 81);
    size_t size = n.deck[i].n;
    kick();
    ck_assert_uint_ge(n.passed + (1 << 20), size); /* checked whole before it is offered */
    n.passed = 0;
    peer_block(&p, "A0 99 00 00");
    for (int turn = 0; turn < 1000 && strstr(peer_seen(&p), "99-80/0\n") == NULL; turn++)
        turns(loop);
    ck_assert_uint_ge(n.passed + (1 << 20), size);
    ck_assert_uint_le(n.passed, size);
    ck_assert_uint_le(n.passed_most, 3u << 20);
    peer_block(&p, "C0 99 00 00");
    turns(loop);
    ck_assert_int_eq(n.sent_ok, 1);
    end();
}
END_TEST

/* Five megabytes are looked at before they are offered: the link, and the loop, go on meanwhile. */
START_TEST(a_large_deck_is_checked_piece_by_piece)
{
    up();
    size_t size = n.deck[node_queue(&n, DECK_SYSOUT, 60000, 81)].n;
    node_queue(&n, DECK_SYSOUT, 1, 10);
    link_kick(n.link);
    loop_turn(loop, false);
    ck_assert_uint_le(n.passed, size / 10);
    struct nmr m = {.to_user = name_of("BOB"), .from_user = name_of("ALICE")};
    nmr_set_text(&m, ebc_page_default(), STR("HELLO"));
    ck_assert(link_message(n.link, &m));
    peer_expect(&p, "80 90-A9\n81 msg(BOB HELLO)\n82 90-99\n");
    end();
}
END_TEST

/* Also when a stream before it has become free, and there is nothing for that. */
START_TEST(a_large_deck_behind_a_free_stream)
{
    up();
    node_queue(&n, DECK_SYSOUT, 1, 10);
    kick();
    peer_expect(&p, "80 90-99\n");
    peer_block(&p, "A0 99 00 00");
    turns(loop);
    ck_assert_ptr_nonnull(strstr(peer_seen(&p), "99-80/0\n"));
    node_queue(&n, DECK_SYSOUT, 60000, 81);
    link_kick(n.link);
    loop_turn(loop, false); /* on the second stream */
    peer_block(&p, "C0 99 00 00");
    for (int turn = 0; turn < 100; turn++)
        turns(loop);
    ck_assert_int_eq(n.sent_ok, 1);
    ck_assert_ptr_nonnull(strstr(peer_seen(&p), "90-A9\n"));
    end();
}
END_TEST

START_TEST(lost_while_a_deck_is_checked)
{
    up();
    node_queue(&n, DECK_SYSOUT, 60000, 81);
    link_kick(n.link);
    loop_turn(loop, false);
    peer_block(&p, "B0 99 00 00"); /* of nothing: he cannot know of it */
    link_stop(n.link, "enough");
    turns(loop);
    log_has(&n, "sent 0 temp: enough\n");
    ck_assert_int_eq(n.sent_why, 1);
    end();
}
END_TEST

/* Its bytes are on a disk: others go first, and nobody waits for it but itself. */
START_TEST(a_deck_not_in_memory)
{
    up();
    n.absent = 3;
    queue(2);
    peer_expect(&p, "80 90-A9\n");
    for (int i = 0; i < 3; i++) {
        clock_step(2);
        turns(loop);
    }
    peer_expect(&p, "81 90-99\n");
    n.absent = 2; /* gone again when it is sent */
    peer_block(&p, "A0 99 00 00");
    peer_expect(&p, "");
    for (int i = 0; i < 3; i++) {
        clock_step(2);
        turns(loop);
    }
    ck_assert_ptr_nonnull(strstr(peer_seen(&p), "99-80/0\n"));
    end();
}
END_TEST

START_TEST(a_deck_that_does_not_stay_in_memory)
{
    up();
    n.absent = 1000000;
    queue(1);
    for (int i = 0; i < 2001; i++) {
        clock_step(2);
        turns(loop);
    }
    peer_expect(&p, "80 90-99\n"); /* it is sent all the same */
    end();
}
END_TEST

START_TEST(a_peer_that_does_not_read)
{
    up();
    node_queue(&n, DECK_SYSOUT, 60000, 81);
    kick();
    peer_block(&p, "A0 99 00 00");
    turns(loop);
    turns(loop);
    struct link_stat st;
    link_stat(n.link, &st);
    ck_assert_uint_lt(st.bytes_out, 2000000); /* not the whole five megabytes */
    peer_seen(&p);
    peer_block(&p, "C0 99 00 00");
    turns(loop);
    log_expect(&n, "sent 0 ok\n");
    end();
}
END_TEST

static void bad_deck(unsigned i, struct buf *b)
{
    struct buf good;
    struct deck_item item;
    struct why w;
    uint8_t big[1000] = {0};
    buf_init(&good, 100000);
    deck_make(&good, DECK_SYSOUT, 1, 1, 81);
    struct cur c = buf_cur(&good);
    cur_skip(&c, 1);
    if (i != 0)
        deck_begin(b, i == 1 ? 0x55 : DECK_SYSOUT);
    while (deck_next(&c, &item, &w) > 0) {
        bool njh = item.srcb == SRCB_NJH, njt = item.srcb == SRCB_NJT;
        if ((njh && i == 2) || (njt && i == 3))
            continue;
        if (njt && i == 4)
            deck_add(b, SRCB_DATA, cur_of(NULL, 0));
        if (njt && i == 5)
            deck_add(b, SRCB_DATA, cur_of(big, sizeof big));
        if (njt && i == 6)
            deck_add(b, SRCB_NJH, item.data);
        if (njt && i == 7)
            deck_add(b, SRCB_DSH, cur_of(big, 4));
        deck_add(b, item.srcb, item.data);
        if (njt && i == 8)
            deck_add(b, SRCB_DATA, cur_of(big, 10));
        if (njt && i == 9)
            buf_trim(b, b->n - 5);
    }
    buf_done(&good);
}

START_TEST(decks_that_cannot_be_sent)
{
    up_with(node_conf("NODEA", "NODEB"), 1000);
    buf_init(&n.deck[n.ndecks], 100000);
    bad_deck((unsigned)_i, &n.deck[n.ndecks++]);
    queue(1);
    peer_expect(&p, "80 90-99\n"); /* of the good one that follows */
    log_has(&n, "sent 0 perm: ");
    ck_assert_int_eq(n.sent_why, 1);
    end();
}
END_TEST

START_TEST(drain_sends_no_more)
{
    up();
    queue(1);
    peer_expect(&p, "80 90-99\n");
    link_drain(n.link);
    queue(1);
    peer_block(&p, "A0 99 00 00");
    peer_seen(&p);
    peer_block(&p, "C0 99 00 00");
    peer_expect(&p, "87 B\nclosed\n");
    log_expect(&n, "draining: drained\nsent 0 ok\nstopped: drained\n");
    end();
}
END_TEST

static Suite *link_out_suite(void)
{
    Suite *s = suite_create("link_out");
    TCase *t = tcase_create("dialogues");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_file_goes);
    tcase_add_test(t, the_next_is_asked_with_the_complete);
    tcase_add_test(t, streams_interleave);
    tcase_add_loop_test(t, blocks_keep_to_the_agreed_size, 0, 5);
    tcase_add_test(t, a_job_goes_on_the_sysin_stream);
    tcase_add_test(t, an_empty_file_gets_a_blank_record);
    tcase_add_loop_test(t, a_request_refused, 0, sizeof refusals / sizeof *refusals);
    tcase_add_test(t, refused_streams_rest_a_minute);
    tcase_add_test(t, ready_ends_the_rest);
    tcase_add_test(t, cancelled_in_the_middle);
    tcase_add_test(t, given_back_after_its_end);
    tcase_add_test(t, complete_before_the_end);
    tcase_add_test(t, answers_to_nothing_are_ignored);
    tcase_add_test(t, lost_in_each_state);
    tcase_add_test(t, a_peer_with_one_stream);
    tcase_add_test(t, a_peer_with_many_streams_keeps_them);
    tcase_add_test(t, no_answer_at_all_is_waited_for);
    tcase_add_test(t, a_large_file_is_passed_in_pieces);
    tcase_add_test(t, a_large_deck_is_checked_piece_by_piece);
    tcase_add_test(t, a_large_deck_behind_a_free_stream);
    tcase_add_test(t, lost_while_a_deck_is_checked);
    tcase_add_test(t, a_deck_not_in_memory);
    tcase_add_test(t, a_deck_that_does_not_stay_in_memory);
    tcase_add_test(t, a_peer_that_does_not_read);
    tcase_add_loop_test(t, decks_that_cannot_be_sent, 0, 10);
    tcase_add_test(t, drain_sends_no_more);
    suite_add_tcase(s, t);
    return s;
}
UNIT(link_out_suite)
