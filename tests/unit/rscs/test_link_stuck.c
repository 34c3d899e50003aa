/* tests/unit/rscs/test_link_stuck.c -- a peer that goes on talking but leaves a file where it is:
 * the link is restarted after transfer_ms, with the reason; a slow transfer is none of that. And
 * names in small letters, and links that dial only when told to. */
#include "unit/rscs/node.h"
#include "unit/rscs/scene.h"
#include "unit/unit.h"

#define LIMIT_S 600

static void up(void)
{
    struct link_conf c = node_conf("NODEA", "NODEB");
    c.transfer_ms = LIMIT_S * 1000;
    begin(c);
    peer_up_called(&p);
}

/* The peer says it is alive, every ten seconds. */
static void chat(int seconds)
{
    for (int i = 0; i < seconds && strcmp(state(), "up") == 0; i += 10) {
        clock_step(10000);
        peer_bytes(&p, "\0\0\0\x0C\0\0\0\0\0\0\0\0", 12);
        turns(loop);
    }
}

static void restarted(const char *why)
{
    chat(30);
    ck_assert_str_eq(state(), "waiting");
    reason_has(why);
}

static void ask_one(void)
{
    node_queue(&n, DECK_SYSOUT, 2, 81);
    link_kick(n.link);
    turns(loop);
}

START_TEST(a_request_never_answered)
{
    up();
    ask_one();
    chat(LIMIT_S - 10);
    ck_assert_str_eq(state(), "up");
    log_reset(&n);
    restarted("NODEB has not answered the request for a file for 60");
    log_has(&n, "sent 0 temp: ");
    end();
}
END_TEST

START_TEST(complete_never_comes)
{
    up();
    ask_one();
    chat(LIMIT_S - 20);
    peer_block(&p, "A0 99 00 00");
    peer_seen(&p);
    chat(LIMIT_S - 20);
    ck_assert_str_eq(state(), "up");
    restarted("NODEB has not confirmed the end of a file for 60");
    end();
}
END_TEST

START_TEST(a_stream_stopped_for_ever)
{
    up();
    ask_one();
    peer_block_as(&p, 0x80, 0x8F, 0x8E, 0, "A0 99 00 00"); /* not on SYSOUT 1 */
    chat(LIMIT_S - 20);
    ck_assert_str_eq(state(), "up");
    restarted("NODEB has not let us send on a file begun for 60");
    end();
}
END_TEST

START_TEST(a_file_begun_and_left)
{
    up();
    peer_block(&p, "90 99 00 00");
    chat(LIMIT_S - 20);
    ck_assert_str_eq(state(), "up");
    log_reset(&n);
    restarted("NODEB has not sent more of a file it began for 60");
    log_has(&n, "abort 99");
    end();
}
END_TEST

/* A record now and then is progress, in either direction; our own slowness is not the peer's. */
START_TEST(slow_is_not_stuck)
{
    struct buf deck;
    struct deck_item item;
    struct why w;
    up();
    buf_init(&deck, 1 << 20);
    deck_make(&deck, DECK_SYSOUT, 1, 3, 81);
    struct cur c = buf_cur(&deck);
    n.hold_done = true;
    peer_block(&p, "90 99 00 00");
    cur_skip(&c, 1);
    for (int i = 0; deck_next(&c, &item, &w) > 0; i++) {
        struct buf out;
        chat(LIMIT_S - 20);
        for (unsigned k = 0; (item.srcb & 0xF0) >= 0xC0; k++) {
            buf_init(&out, 1000);
            bool more = header_segment(item.data, k, &out);
            if (more)
                peer_record(&p, 0x99, item.srcb, buf_cur(&out));
            buf_done(&out);
            if (!more)
                break;
        }
        if ((item.srcb & 0xF0) < 0xC0)
            peer_record(&p, 0x99, item.srcb, item.data);
    }
    peer_block(&p, "99 80 00 00");
    log_has(&n, "end 99\n");
    chat(3 * LIMIT_S);
    ck_assert_str_eq(state(), "up");
    node_done(&n);
    buf_done(&deck);
    end();
}
END_TEST

/* An idle link has no timer but its keep-alive's and the dead time's. */
START_TEST(idle_is_not_stuck)
{
    up();
    chat(10 * LIMIT_S);
    ck_assert_str_eq(state(), "up");
    ask_one();
    peer_block(&p, "A0 99 00 00");
    peer_block(&p, "C0 99 00 00");
    chat(10 * LIMIT_S);
    ck_assert_str_eq(state(), "up");
    end();
}
END_TEST

START_TEST(small_letters_in_names)
{
    begin(node_conf("NODEA", "NODEB"));
    link_start(n.link);
    peer_call(&p);
    peer_control(&p, "01 2D");
    peer_seen(&p);
    /* I of "nodeb" in small letters */
    peer_block(&p, "F0 C9 29 95 96 84 85 82 40 40 40 01 00000000 0000 2000 4040404040404040 "
                   "4040404040404040 00 00000000");
    ck_assert_str_eq(state(), "up");
    end();
}
END_TEST

START_TEST(dials_when_told)
{
    begin(node_conf("NODEA", "NODEB"));
    link_start(n.link);
    clock_step(3600000);
    turns(loop);
    ck_assert_int_eq(n.dials, 0);
    ck_assert_str_eq(state(), "waiting");
    link_dials(n.link, true);
    link_start(n.link);
    turns(loop);
    ck_assert_int_eq(n.dials, 1);
    end();
}
END_TEST

static Suite *stuck_suite(void)
{
    Suite *s = suite_create("link_stuck");
    TCase *t = tcase_create("dialogues");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_request_never_answered);
    tcase_add_test(t, complete_never_comes);
    tcase_add_test(t, a_stream_stopped_for_ever);
    tcase_add_test(t, a_file_begun_and_left);
    tcase_add_test(t, slow_is_not_stuck);
    tcase_add_test(t, idle_is_not_stuck);
    tcase_add_test(t, small_letters_in_names);
    tcase_add_test(t, dials_when_told);
    suite_add_tcase(s, t);
    return s;
}
UNIT(stuck_suite)
