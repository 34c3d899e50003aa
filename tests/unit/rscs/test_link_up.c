/* tests/unit/rscs/test_link_up.c -- a link that is up: frames, the block sequence, keep-alive,
 * messages, flow control, sign-off, reconnection, and callbacks that call back */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "unit/rscs/node.h"
#include "unit/rscs/scene.h"
#include "unit/unit.h"

/* --- frames and blocks --- */

static const struct {
    const char *ttr, *why;
} bad_up[] = {
    {"01 2D", "starts the line anew"},
    {"32 3D", "sent NAK while the link was up"},
    {"10 02 80 8F CF F0 C9 29 D5D6C4C5C2404040 01 00000000 0000 2000 4040404040404040"
     "4040404040404040 00 00000000",
     "sign-on record (I) while the link was up"},
    {"10 02 80 8F CF F0 D1 29 D5D6C4C5C2404040 01 00000000 0000 2000 4040404040404040"
     "4040404040404040 00 00000000",
     "sign-on record (J) while the link was up"},
    {"10 02 80 8F CF F0 C2 FF", "signed off"},
    {"10 02 80 8F CF F0 C2 00 00", "signed off"},
    {"10 02 80 8F CF 97 80 C1 40 00", "unknown record control byte X'97': 97 80 C1 40 00"},
    {"10 02 80 8F CF E0 05 00 00", "block out of sequence"},
    {"10 02 80 8F CF 9A 80 C5 40", "cannot be read"},
    {"10 02 80 8F CF 99 80 55 00", "string control byte X'55'"},
    {"10 02 80 8F CF 99", "cannot be read"},
};

START_TEST(what_ends_a_link)
{
    begin(dialling());
    peer_up_caller(&p);
    peer_control(&p, bad_up[_i].ttr);
    peer_expect(&p, "closed\n");
    reason_has(bad_up[_i].why);
    ck_assert_str_eq(state(), "waiting");
    clock_step(7000);
    turns(loop);
    ck_assert_int_eq(n.dials, 2);
    end();
}
END_TEST

static const struct {
    const char *bytes, *why;
} bad_frames[] = {
    {"0000 0007 00000000", "TTB) of 7 bytes"},
    {"0000 0000 00000000", "TTB) of 0 bytes"},
    {"0000 FFFF 00000000", "most accepted"},
    {"0000 0010 00000000 0000 0010 00000000", "are left in its transmission block"},
    {"0000 000D 00000000 0000 0001 10", "no known control"},
};

START_TEST(frames_that_cannot_be)
{
    begin(node_conf("NODEA", "NODEB"));
    peer_up_called(&p);
    for (const char *h = bad_frames[_i].bytes; *h != '\0'; h++) {
        char two[3] = {h[0], h[1], 0};
        if (*h == ' ')
            continue;
        uint8_t b = (uint8_t)strtoul(two, NULL, 16);
        peer_bytes(&p, &b, 1);
        h++;
    }
    peer_expect(&p, "closed\n");
    reason_has(bad_frames[_i].why);
    end();
}
END_TEST

START_TEST(block_sequence)
{
    begin(node_conf("NODEA", "NODEB"));
    peer_up_called(&p);
    peer_block_as(&p, 0x80, 0x8F, 0xCF, 0, "00"); /* a null block counts */
    peer_block_as(&p, 0x81, 0x8F, 0xCF, 0, "90 99 00 00");
    peer_expect(&p, "80 A0-99\n");
    peer_block_as(&p, 0x81, 0x8F, 0xCF, 0, "90 A9 00 00"); /* a duplicate is dropped in silence */
    peer_expect(&p, "");
    peer_block_as(&p, 0x93, 0x8F, 0xCF, 0, "90 B9 00 00"); /* not to be checked */
    peer_expect(&p, "81 A0-B9\n");
    peer_block_as(&p, 0xA7, 0x8F, 0xCF, 0, "90 C9 00 00"); /* a reset at any time */
    peer_block_as(&p, 0x87, 0x8F, 0xCF, 0, "90 D9 00 00"); /* the reset took no number */
    peer_expect(&p, "82 A0-C9\n83 A0-D9\n");
    for (int i = 8; i < 35; i++)
        peer_block_as(&p, (uint8_t)(0x80 | (i & 15)), 0x8F, 0xCF, 0, "00");
    peer_expect(&p, "");
    ck_assert_str_eq(state(), "up");
    peer_block_as(&p, 0x85, 0x8F, 0xCF, 0, "90 E9 00 00"); /* 3 was due */
    peer_expect(&p, "84 E0-03\nclosed\n");
    reason_has("sent block 5 where block 3 was due");
    end();
}
END_TEST

START_TEST(nothing_precedes_the_first_block)
{
    begin(node_conf("NODEA", "NODEB"));
    peer_up_called(&p);
    peer_block_as(&p, 0x8F, 0x8F, 0xCF, 0, "00"); /* no duplicate: only the reset came before */
    peer_expect(&p, "80 E0-00\nclosed\n");
    end();
}
END_TEST

START_TEST(our_numbers_go_round)
{
    char want[40];
    begin(node_conf("NODEA", "NODEB"));
    peer_up_called(&p);
    n.refuse_open = 99;
    for (int i = 0; i < 40; i++) {
        peer_block(&p, "90 99 00 00");
        snprintf(want, sizeof want, "%02X B0-99\n", 0x80 | (i & 15));
        peer_expect(&p, want);
    }
    end();
}
END_TEST

START_TEST(empty_ttbs_are_alive)
{
    static const uint8_t empty[] = {0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t nje38[] = {0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    struct link_conf c = node_conf("NODEA", "NODEB");
    c.dead_ms = 60000;
    begin(c);
    peer_up_called(&p);
    for (int i = 0; i < 10; i++) {
        clock_step(50000);
        peer_bytes(&p, i & 1 ? empty : nje38, i & 1 ? sizeof empty : sizeof nje38);
        turns(loop);
    }
    ck_assert_str_eq(state(), "up");
    clock_step(59900);
    turns(loop);
    ck_assert_str_eq(state(), "up");
    clock_step(200);
    turns(loop);
    ck_assert_str_eq(state(), "waiting");
    reason_has("nothing heard from NODEB for 60 seconds");
    end();
}
END_TEST

START_TEST(keepalive_only_when_silent)
{
    struct link_conf c = node_conf("NODEA", "NODEB");
    c.keepalive_ms = 30000;
    begin(c);
    peer_up_called(&p);
    clock_step(20000);
    peer_block(&p, "90 99 00 00");
    peer_expect(&p, "80 A0-99\n");
    clock_step(29000); /* 49 s since the sign-on, 29 since we spoke */
    peer_expect(&p, "");
    clock_step(1000);
    peer_expect(&p, "empty\n");
    clock_step(30000);
    peer_expect(&p, "empty\n");
    link_stop(n.link, "by operator");
    peer_expect(&p, "81 B\nclosed\n");
    clock_step(90000);
    peer_expect(&p, "");
    end();
}
END_TEST

START_TEST(leading_syn_and_several_blocks_in_a_ttb)
{
    begin(node_conf("NODEA", "NODEB"));
    peer_up_called(&p);
    struct buf b;
    buf_init(&b, 1000);
    size_t ttb = wire_ttb_begin(&b), ttr = wire_ttr_begin(&b, 0);
    buf_add(&b, "\x32\x32\x10\x02\x80\x8F\xCF\x90\x99\x00\x00", 11);
    wire_ttr_end(&b, ttr);
    ttr = wire_ttr_begin(&b, 0);
    buf_add(&b, "\x10\x02\x81\x8F\xCF\x90\xA9\x00\x10\x26", 10);
    wire_ttr_end(&b, ttr);
    wire_ttb_end(&b, ttb);
    peer_bytes(&p, b.p, b.n);
    peer_expect(&p, "80 A0-99\n81 A0-A9\n");
    buf_done(&b);
    end();
}
END_TEST

START_TEST(one_byte_at_a_time)
{
    begin(node_conf("NODEA", "NODEB"));
    peer_up_called(&p);
    static const uint8_t bytes[] = {0,    0,    0,    25,   0,    0,    0, 0, 0, 0, 0, 9, 0x10,
                                    0x02, 0x80, 0x8F, 0xCF, 0x90, 0x99, 0, 0, 0, 0, 0, 0};
    for (size_t i = 0; i < sizeof bytes; i++) {
        peer_expect(&p, "");
        peer_bytes(&p, bytes + i, 1);
    }
    peer_expect(&p, "80 A0-99\n");
    end();
}
END_TEST

/* --- messages --- */

static struct nmr message(const char *text)
{
    struct nmr m = {.from_node = name_of("NODEA"),
                    .from_user = name_of(""),
                    .to_node = name_of("NODEB"),
                    .to_user = name_of("BOB")};
    nmr_set_text(&m, ebc_page_default(), str_of(text));
    return m;
}

START_TEST(messages_share_a_block)
{
    struct nmr m = message("HELLO");
    begin(node_conf("NODEA", "NODEB"));
    ck_assert(!link_message(n.link, &m)); /* not up */
    peer_up_called(&p);
    ck_assert(link_message(n.link, &m));
    m = message("AGAIN");
    ck_assert(link_message(n.link, &m));
    peer_expect(&p, "80 msg(BOB HELLO) msg(BOB AGAIN)\n");
    struct link_stat st;
    link_stat(n.link, &st);
    ck_assert_uint_eq(st.messages_out, 2);
    end();
}
END_TEST

START_TEST(messages_are_bounded)
{
    struct nmr m =
        message("0123456789012345678901234567890123456789012345678901234567890123456789");
    begin(node_conf("NODEA", "NODEB"));
    peer_up_called(&p);
    for (int i = 0; i < 1000; i++)
        ck_assert(link_message(n.link, &m));
    ck_assert(!link_message(n.link, &m));
    const char *seen = peer_seen(&p);
    int count = 0;
    for (const char *at = seen; (at = strstr(at, "msg(")) != NULL; at++)
        count++;
    ck_assert_int_eq(count, 1000);
    ck_assert_uint_le(p.block_most, 8192);
    ck_assert_uint_le(p.ttb_most, 8192);
    ck_assert(link_message(n.link, &m));
    end();
}
END_TEST

START_TEST(messages_come)
{
    begin(node_conf("NODEA", "NODEB"));
    peer_up_called(&p);
    struct buf b;
    struct nmr m = message("HI ALICE");
    m.to_user = name_of("ALICE");
    buf_init(&b, 1000);
    nmr_put(&b, &m);
    peer_record(&p, RCB_NMR, 0x80, buf_cur(&b));
    peer_block(&p, "9A 80 C3 40 40 40 00 00"); /* one that cannot be read is not worth the link */
    peer_record(&p, RCB_NMR, 0x00, buf_cur(&b));
    peer_expect(&p, "");
    log_expect(&n,
               "message ALICE: HI ALICE\n"
               "odd: NODEB sent a nodal message record (NMR) shorter than 30 bytes: 9A 80 C3 40 40 "
               "40 00 00\nmessage ALICE: HI ALICE\n");
    struct link_stat st;
    link_stat(n.link, &st);
    ck_assert_uint_eq(st.messages_in, 2);
    buf_done(&b);
    end();
}
END_TEST

/* --- flow control --- */

START_TEST(wait_a_bit_stops_everything)
{
    struct nmr m = message("HELLO");
    begin(node_conf("NODEA", "NODEB"));
    peer_up_called(&p);
    peer_block_as(&p, 0x80, 0xCF, 0xCF, 0, "90 99 00 00");
    ck_assert(link_message(n.link, &m));
    node_queue(&n, DECK_SYSOUT, 1, 10);
    link_kick(n.link);
    peer_expect(&p, "");
    peer_block_as(&p, 0x81, 0x8F, 0xCF, 0, "00"); /* a null block releases */
    peer_expect(&p, "80 A0-99\n81 msg(BOB HELLO)\n82 90-99\n");
    end();
}
END_TEST

START_TEST(stream_bits)
{
    struct nmr m = message("HELLO");
    begin(node_conf("NODEA", "NODEB"));
    peer_up_called(&p);
    node_queue(&n, DECK_SYSOUT, 1, 10);
    link_kick(n.link);
    peer_expect(&p, "80 90-99\n");
    peer_block_as(&p, 0x80, 0x8F, 0x8E, 0, "A0 99 00 00"); /* no console, no SYSOUT 1 */
    ck_assert(link_message(n.link, &m));
    peer_expect(&p, "");
    peer_block_as(&p, 0x81, 0x8F, 0xCE, 0, "00");
    peer_expect(&p, "81 msg(BOB HELLO)\n");
    peer_block_as(&p, 0x82, 0x00, 0x00, 0, "00"); /* no FCS at all: nothing changes */
    peer_expect(&p, "");
    peer_block_as(&p, 0x83, 0x80, 0x81, 0, "00"); /* only SYSOUT 1 */
    const char *seen = peer_seen(&p);
    ck_assert_ptr_nonnull(strstr(seen, "82 99-C0/204\n"));
    end();
}
END_TEST

/* A peer that leaves the bytes empty has no flow control; it is not one that stops everything. */
/* Each stream has its bit (IBM SA32-0988, "FCS"): the one that is off holds its stream alone. */
START_TEST(each_stream_has_its_bit)
{
    static const uint8_t sysout[7][2] = {{0, 1}, {0, 2}, {0, 4}, {0, 8}, {1, 0}, {2, 0}, {4, 0}};
    static const uint8_t sysin[7][2] = {{8, 0}, {4, 0}, {2, 0}, {1, 0}, {0, 8}, {0, 4}, {0, 2}};
    struct link_conf c = node_conf("NODEA", "NODEB");
    bool job = _i >= 7;
    uint8_t off = (uint8_t)(_i % 7), first = job ? 0x98 : 0x99;
    c.streams = 7;
    begin(c);
    peer_up_called(&p);
    for (int i = 0; i < 7; i++)
        node_queue(&n, job ? DECK_SYSIN : DECK_SYSOUT, 1, 10);
    link_kick(n.link);
    turns(loop);
    for (uint8_t i = 0; i < 7; i++) {
        char permit[20];
        snprintf(permit, sizeof permit, "A0 %02X 00 00", first + 0x10 * i);
        peer_block_as(&p, 0x90, 0x80, 0xC0, 0, permit); /* nothing may go yet */
    }
    ck_assert_ptr_null(strstr(peer_seen(&p), "-C0/"));
    const uint8_t *bit = job ? sysin[off] : sysout[off];
    peer_block_as(&p, 0x90, (uint8_t)(0x8F & ~bit[0]), (uint8_t)(0xCF & ~bit[1]), 0, "00");
    const char *seen = peer_seen(&p);
    for (uint8_t i = 0; i < 7; i++) {
        char header[20];
        snprintf(header, sizeof header, " %02X-C0/", first + 0x10 * i);
        ck_assert_msg((strstr(seen, header) == NULL) == (i == off), "bit of %u, stream %u: %s",
                      off + 1u, i + 1u, seen);
    }
    end();
}
END_TEST

START_TEST(no_flow_control_at_all)
{
    begin(node_conf("NODEA", "NODEB"));
    peer_up_called(&p);
    node_queue(&n, DECK_SYSOUT, 1, 10);
    link_kick(n.link);
    peer_expect(&p, "80 90-99\n");
    peer_block_as(&p, 0x80, 0x00, 0x00, 0, "A0 99 00 00");
    const char *seen = peer_seen(&p);
    ck_assert_ptr_nonnull(strstr(seen, "99-80/0\n"));
    end();
}
END_TEST

START_TEST(answers_not_taken_are_bounded)
{
    begin(node_conf("NODEA", "NODEB"));
    peer_up_called(&p);
    n.refuse_open = 1 << 20;
    peer_block_as(&p, 0x80, 0xCF, 0xCF, 0, "00"); /* it waits, and asks and asks */
    struct buf b;
    buf_init(&b, 20000);
    for (int i = 0; i < 4000; i++)
        buf_add(&b, "\x90\x99\x00", 3);
    static const uint8_t fcs[2] = {0xCF, 0xCF};
    for (int i = 1; i < 4; i++) {
        struct buf block;
        buf_init(&block, 20000);
        wire_block_begin(&block, (uint8_t)(0x80 | i), fcs);
        buf_add(&block, b.p, b.n);
        peer_ttr(&p, 0, block.p, block.n);
        buf_done(&block);
    }
    peer_expect(&p, "closed\n");
    reason_has("does not take our answers");
    buf_done(&b);
    end();
}
END_TEST

/* --- ending and coming back --- */

START_TEST(stop_signs_off)
{
    begin(dialling());
    peer_up_caller(&p);
    link_stop(n.link, "by operator");
    log_expect(&n, "stopped: by operator\n");
    peer_expect(&p, "80 B\nclosed\n");
    clock_step(10000000);
    turns(loop);
    ck_assert_int_eq(n.dials, 1);
    reason_has("by operator");
    link_start(n.link);
    ck_assert_int_eq(n.dials, 2);
    end();
}
END_TEST

START_TEST(drain_without_files)
{
    begin(dialling());
    peer_up_caller(&p);
    link_drain(n.link);
    peer_expect(&p, "80 B\nclosed\n");
    log_expect(&n, "draining: drained\nstopped: drained\n");
    end();
}
END_TEST

START_TEST(drain_while_waiting)
{
    begin(node_conf("NODEA", "NODEB"));
    link_start(n.link);
    link_drain(n.link);
    ck_assert_str_eq(state(), "stopped");
    end();
}
END_TEST

START_TEST(intervals_double)
{
    struct link_conf c = dialling();
    c.retry_max_ms = 40000;
    begin(c);
    n.no_dial = true;
    link_start(n.link);
    static const int least[] = {5, 10, 20, 40, 40, 40};
    for (int i = 0; i < 6; i++) {
        ck_assert_int_eq(n.dials, i + 1);
        clock_step(least[i] * 1000 - 1);
        turns(loop);
        ck_assert_int_eq(n.dials, i + 1);
        clock_step(least[i] * 250 + 2);
        turns(loop);
    }
    ck_assert_int_eq(n.dials, 7);
    n.no_dial = false; /* being up once begins anew with the first interval */
    clock_step(50001);
    turns(loop);
    peer_attach(&p, n.peer_fd);
    node_connected(&n);
    peer_ctl(&p, WIRE_ACK, "NODEB", "NODEA", 0);
    peer_control(&p, "10 70");
    peer_signon(&p, SIGNON_J, "NODEB", 8192);
    peer_expect(&p, "OPEN NODEA NODEB 0\nENQ\nA0 I NODEA 8192\nACK0\n");
    peer_close(&p);
    turns(loop);
    reason_has("closed the connection");
    clock_step(6251);
    turns(loop);
    ck_assert_int_eq(n.dials, 9);
    end();
}
END_TEST

/* Two that dial each other must not meet NAK 3 again and again in step: a quarter to seven quarters
 * of the interval, by chance. */
static int64_t collide(void)
{
    begin(dialling());
    link_start(n.link);
    peer_attach(&p, n.peer_fd);
    node_connected(&n);
    peer_ctl(&p, WIRE_NAK, "NODEB", "NODEA", 3);
    peer_seen(&p);
    n.no_dial = true;
    int64_t ms = 0;
    for (; n.dials == 1 && ms < 10000; ms += 50) {
        clock_step(50);
        turns(loop);
    }
    return ms;
}

START_TEST(a_collision_is_left_to_chance)
{
    int64_t least = 10000, most = 0;
    for (int i = 0; i < 30; i++) {
        int64_t ms = collide();
        least = ms < least ? ms : least;
        most = ms > most ? ms : most;
        end();
    }
    ck_assert_int_ge(least, 1250);
    ck_assert_int_lt(least, 5000);
    ck_assert_int_gt(most, 5000);
    ck_assert_int_le(most, 8800);
}
END_TEST

/* Only the try after the collision is left to chance. */
START_TEST(a_collision_is_forgotten)
{
    for (int i = 0; i < 15; i++) {
        collide();
        ck_assert_int_eq(n.dials, 2);
        clock_step(9900); /* ten seconds at least, now */
        turns(loop);
        ck_assert_int_eq(n.dials, 2);
        end();
    }
}
END_TEST

START_TEST(lost_while_draining)
{
    begin(dialling());
    peer_up_caller(&p);
    peer_block(&p, "90 99 00 00");
    link_drain(n.link);
    peer_expect(&p, "80 A0-99\n");
    peer_close(&p);
    turns(loop);
    ck_assert_str_eq(state(), "stopped");
    clock_step(1000000);
    turns(loop);
    ck_assert_int_eq(n.dials, 1);
    end();
}
END_TEST

START_TEST(a_refused_tcp_connection_is_told)
{
    struct link_conf c = dialling();
    begin(c);
    n.no_dial = true;
    link_start(n.link);
    log_expect(&n, "waiting: no route today\n");
    ck_assert_str_eq(state(), "waiting");
    end();
}
END_TEST

/* --- callbacks that call back --- */

static const char *stop_at;

static void stop_there(struct node *node, const char *what)
{
    if (stop_at == NULL || strcmp(what, stop_at) != 0)
        return;
    stop_at = NULL;
    link_stop(node->link, "from a callback");
}

static const char *const callbacks[] = {"dial", "dialling", "opening", "signon",
                                        "up",   "open",     "record",  "end",
                                        "next", "message",  "abort",   "sent"};

START_TEST(stop_from_each_callback)
{
    struct buf deck, m;
    struct nmr hi = message("HI");
    begin(dialling());
    n.hook = stop_there;
    stop_at = callbacks[_i];
    n.hold_done = true;
    node_queue(&n, DECK_SYSOUT, 3, 80);
    link_start(n.link);
    peer_attach(&p, n.peer_fd);
    if (link_state_of(n.link) == LINK_DIALLING)
        node_connected(&n);
    peer_ctl(&p, WIRE_ACK, "NODEB", "NODEA", 0);
    peer_control(&p, "10 70");
    peer_signon(&p, SIGNON_J, "NODEB", 8192);
    buf_init(&deck, 100000);
    deck_make(&deck, DECK_SYSOUT, 1, 3, 80);
    buf_init(&m, 1000);
    nmr_put(&m, &hi);
    peer_block(&p, "90 99 00 00");
    peer_block(&p, "90 A9 00 00");
    peer_record(&p, RCB_NMR, 0x80, buf_cur(&m));
    peer_file(&p, 0x99, buf_cur(&deck));
    peer_block(&p, "A9 80 40 00"); /* the sender's abort */
    peer_block(&p, "B0 99 00 00"); /* and our file is refused */
    turns(loop);
    ck_assert_ptr_null(stop_at);
    ck_assert_str_eq(state(), "stopped");
    clock_step(100000000);
    turns(loop);
    ck_assert_int_eq(n.dials, 1);
    if (strcmp(callbacks[_i], "open") == 0)
        ck_assert_int_eq(n.aborted, 1); /* permitted in the moment it ended */
    struct link_stat st;
    link_stat(n.link, &st);
    ck_assert_uint_eq(st.open_in + st.open_out, 0);
    buf_done(&deck);
    buf_done(&m);
    end();
}
END_TEST

/* The connection goes, and the owner stops the link while he is told so. */
START_TEST(stop_while_being_lost)
{
    static const char *const at[] = {"abort", "sent", "waiting"};
    begin(dialling());
    n.hook = stop_there;
    peer_up_caller(&p);
    node_queue(&n, DECK_SYSOUT, 3, 80);
    link_kick(n.link);
    peer_block(&p, "90 99 00 00");
    peer_block(&p, "90 A9 00 00");
    turns(loop);
    stop_at = at[_i];
    peer_close(&p);
    turns(loop);
    ck_assert_ptr_null(stop_at);
    ck_assert_str_eq(state(), "stopped");
    ck_assert_int_eq(n.aborted, 2);
    ck_assert_int_eq(n.sent_why, 1);
    clock_step(100000000);
    turns(loop);
    ck_assert_int_eq(n.dials, 1);
    end();
}
END_TEST

static Suite *link_up_suite(void)
{
    Suite *s = suite_create("link_up");
    TCase *t = tcase_create("dialogues");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, what_ends_a_link, 0, sizeof bad_up / sizeof *bad_up);
    tcase_add_loop_test(t, frames_that_cannot_be, 0, sizeof bad_frames / sizeof *bad_frames);
    tcase_add_test(t, block_sequence);
    tcase_add_test(t, nothing_precedes_the_first_block);
    tcase_add_test(t, our_numbers_go_round);
    tcase_add_test(t, empty_ttbs_are_alive);
    tcase_add_test(t, keepalive_only_when_silent);
    tcase_add_test(t, leading_syn_and_several_blocks_in_a_ttb);
    tcase_add_test(t, one_byte_at_a_time);
    tcase_add_test(t, messages_share_a_block);
    tcase_add_test(t, messages_are_bounded);
    tcase_add_test(t, messages_come);
    tcase_add_test(t, wait_a_bit_stops_everything);
    tcase_add_test(t, stream_bits);
    tcase_add_loop_test(t, each_stream_has_its_bit, 0, 14);
    tcase_add_test(t, no_flow_control_at_all);
    tcase_add_test(t, answers_not_taken_are_bounded);
    tcase_add_test(t, stop_signs_off);
    tcase_add_test(t, drain_without_files);
    tcase_add_test(t, drain_while_waiting);
    tcase_add_test(t, intervals_double);
    tcase_add_test(t, a_collision_is_left_to_chance);
    tcase_add_test(t, a_collision_is_forgotten);
    tcase_add_test(t, lost_while_draining);
    tcase_add_loop_test(t, stop_while_being_lost, 0, 3);
    tcase_add_test(t, a_refused_tcp_connection_is_told);
    tcase_add_loop_test(t, stop_from_each_callback, 0, sizeof callbacks / sizeof *callbacks);
    suite_add_tcase(s, t);
    return s;
}
UNIT(link_up_suite)
