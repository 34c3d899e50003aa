/* tests/unit/rscs/test_link_in.c -- incoming files against a hand-played peer: the good course, and
 * each way in which a sender or the owner can leave it */
#include <stdio.h>
#include <stdlib.h>

#include "unit/rscs/node.h"
#include "unit/rscs/scene.h"
#include "unit/unit.h"

static struct buf deck;

static void up(void)
{
    begin(node_conf("NODEA", "NODEB"));
    peer_up_called(&p);
    buf_init(&deck, 1 << 20);
    deck_make(&deck, DECK_SYSOUT, 1, 3, 81);
}

static void down(void)
{
    buf_done(&deck);
    end();
}

/* The file came byte for byte as the deck has it. */
static void same(int i, const struct buf *want)
{
    ck_assert_int_gt(n.nin, i);
    ck_assert(str_eq(buf_text(n.in[i]), buf_text(want)));
}

/* The parts of the deck as segments of records, by name. */
static struct cur part(uint8_t srcb, unsigned segment)
{
    static struct buf out;
    struct deck_item item;
    struct why w;
    struct cur c = buf_cur(&deck);
    cur_skip(&c, 1);
    while (deck_next(&c, &item, &w) > 0)
        if (item.srcb == srcb)
            break;
    if ((srcb & 0xF0) < 0xC0)
        return item.data;
    buf_done(&out);
    buf_init(&out, 1000);
    ck_assert(header_segment(item.data, segment, &out));
    return buf_cur(&out);
}

static void send_part(uint8_t rcb, uint8_t srcb, unsigned segment)
{
    peer_record(&p, rcb, srcb, part(srcb, segment));
}

static void send_headers(uint8_t rcb)
{
    send_part(rcb, SRCB_NJH, 0);
    send_part(rcb, SRCB_DSH, 0);
    send_part(rcb, SRCB_DSH, 1);
}

START_TEST(a_file_comes)
{
    up();
    peer_block(&p, "90 99 00 00");
    peer_expect(&p, "80 A0-99\n");
    peer_file(&p, 0x99, buf_cur(&deck));
    peer_expect(&p, "81 C0-99\n");
    log_expect(&n, "open 99\nrecord 99 C0/204\nrecord 99 E0/296\nrecord 99 80/81\nrecord 99 80/81\n"
                   "record 99 80/81\nrecord 99 D0/48\nend 99\n");
    same(0, &deck);
    struct link_stat st;
    link_stat(n.link, &st);
    ck_assert_uint_eq(st.files_in, 1);
    ck_assert_uint_eq(st.open_in, 0);
    down();
}
END_TEST

START_TEST(complete_is_said_only_when_done)
{
    up();
    n.hold_done = true;
    peer_block(&p, "90 99 00 00");
    peer_file(&p, 0x99, buf_cur(&deck));
    peer_expect(&p, "80 A0-99\n");
    struct link_stat st;
    link_stat(n.link, &st);
    ck_assert_uint_eq(st.open_in, 1);
    node_done(&n);
    peer_expect(&p, "81 C0-99\n");
    down();
}
END_TEST

START_TEST(asked_again_before_done)
{
    up();
    n.hold_done = true;
    peer_block(&p, "90 99 00 00");
    peer_file(&p, 0x99, buf_cur(&deck));
    peer_block(&p, "90 99 00 00"); /* UnixNJE does not wait for C0 */
    peer_expect(&p, "80 A0-99\n");
    peer_block(&p, "90 99 00 00"); /* but once is enough */
    peer_expect(&p, "81 B0-99\n");
    node_done(&n);
    peer_expect(&p, "82 C0-99\n83 A0-99\n");
    peer_file(&p, 0x99, buf_cur(&deck));
    peer_expect(&p, "");
    node_done(&n);
    peer_expect(&p, "84 C0-99\n");
    ck_assert_int_eq(n.nin, 2);
    down();
}
END_TEST

START_TEST(request_on_an_open_stream)
{
    up();
    peer_block(&p, "90 99 00 00");
    send_headers(0x99);
    peer_block(&p, "90 99 00 00");
    peer_expect(&p, "80 A0-99\n81 B0-99\n"); /* and the first goes on */
    send_part(0x99, 0x80, 0);
    send_part(0x99, SRCB_NJT, 0);
    peer_block(&p, "99 80 00 00");
    peer_expect(&p, "82 C0-99\n");
    down();
}
END_TEST

START_TEST(no_such_stream)
{
    up();
    peer_block(&p, "90 89 00 00");
    peer_block(&p, "90 9A 00 00");
    peer_block(&p, "90 00 00 00");
    peer_expect(&p, "80 B0-89\n81 B0-9A\n82 B0-00\n");
    log_expect(&n, "odd: NODEB sent a request for a stream that cannot be: 90 89 00 00\n"
                   "odd: NODEB sent a request for a stream that cannot be: 90 9A 00 00\n"
                   "odd: NODEB sent a request for a stream that cannot be: 90 00 00 00\n");
    down();
}
END_TEST

START_TEST(owner_refuses)
{
    up();
    n.refuse_open = 1;
    peer_block(&p, "90 99 00 00");
    peer_expect(&p, "80 B0-99\n");
    peer_block(&p, "90 99 00 00");
    peer_expect(&p, "81 A0-99\n");
    down();
}
END_TEST

START_TEST(fast_open)
{
    up();
    peer_block_as(&p, 0x80, 0x8F, 0xCF, WIRE_TTR_FAST_OPEN, "90 99 00 00");
    p.bcb = 0x81;
    peer_expect(&p, ""); /* no permission */
    peer_file(&p, 0x99, buf_cur(&deck));
    peer_expect(&p, "80 C0-99\n");
    same(0, &deck);
    down();
}
END_TEST

START_TEST(fast_open_refused)
{
    up();
    n.refuse_open = 1;
    peer_block_as(&p, 0x80, 0x8F, 0xCF, WIRE_TTR_FAST_OPEN, "90 99 00 00");
    p.bcb = 0x81;
    peer_file(&p, 0x99, buf_cur(&deck)); /* swallowed to its end */
    peer_expect(&p, "80 B0-99\n");
    log_expect(&n, "open 99\n");
    peer_block(&p, "90 99 00 00");
    peer_file(&p, 0x99, buf_cur(&deck));
    peer_expect(&p, "81 A0-99\n82 C0-99\n");
    down();
}
END_TEST

START_TEST(everything_in_one_block)
{
    struct buf b;
    static const uint8_t fcs[2] = {0x8F, 0xCF};
    up();
    peer_block(&p, "90 99 00 00");
    buf_init(&b, 10000);
    wire_block_begin(&b, 0x81, fcs);
    p.bcb = 0x82;
    wire_record_put(&b, 0x99, SRCB_NJH, part(SRCB_NJH, 0));
    wire_record_put(&b, 0x99, SRCB_DSH, part(SRCB_DSH, 0));
    wire_record_put(&b, 0x99, SRCB_DSH, part(SRCB_DSH, 1));
    wire_record_put(&b, 0x99, 0x80, part(0x80, 0));
    wire_record_put(&b, 0x99, SRCB_NJT, part(SRCB_NJT, 0));
    wire_record_put(&b, 0x99, 0x00, cur_of(NULL, 0)); /* NJElib: SRCB 00 at the end */
    peer_ttr(&p, 0, b.p, b.n);                        /* and no closing 00 */
    peer_expect(&p, "80 A0-99\n81 C0-99\n");
    ck_assert_int_eq(n.nin, 1);
    buf_done(&b);
    down();
}
END_TEST

START_TEST(all_streams_at_once)
{
    up();
    for (unsigned i = 0; i < 14; i++) {
        uint8_t rcb = (uint8_t)(0x98 + 0x10 * (i / 2) + (i & 1));
        char hex[20];
        snprintf(hex, sizeof hex, "90 %02X 00 00", rcb);
        peer_block(&p, hex);
    }
    peer_seen(&p);
    for (unsigned i = 0; i < 14; i++)
        send_part((uint8_t)(0x98 + 0x10 * (i / 2) + (i & 1)), SRCB_NJH, 0);
    struct link_stat st;
    link_stat(n.link, &st);
    ck_assert_uint_eq(st.open_in, 14);
    peer_close(&p);
    turns(loop);
    ck_assert_int_eq(n.aborted, 14);
    down();
}
END_TEST

START_TEST(sysin_has_no_data_set_header)
{
    struct buf job;
    up();
    buf_init(&job, 10000);
    deck_make(&job, DECK_SYSIN, 2, 4, 81);
    peer_block(&p, "90 98 00 00");
    peer_file(&p, 0x98, buf_cur(&job));
    peer_expect(&p, "80 A0-98\n81 C0-98\n");
    same(0, &job);
    buf_done(&job);
    down();
}
END_TEST

START_TEST(two_data_set_headers)
{
    up();
    peer_block(&p, "90 99 00 00");
    send_headers(0x99);
    send_part(0x99, 0x80, 0);
    send_part(0x99, SRCB_DSH, 0);
    send_part(0x99, SRCB_DSH, 1);
    send_part(0x99, 0x80, 0);
    send_part(0x99, SRCB_NJT, 0);
    peer_block(&p, "99 80 00 00");
    peer_expect(&p, "80 A0-99\n81 C0-99\n");
    log_expect(&n,
               "open 99\nrecord 99 C0/204\nrecord 99 E0/296\nrecord 99 80/81\nrecord 99 E0/296\n"
               "record 99 80/81\nrecord 99 D0/48\nend 99\n");
    down();
}
END_TEST

START_TEST(spanned_and_unknown_records_pass)
{
    up();
    peer_block(&p, "90 99 00 00");
    send_headers(0x99);
    peer_block(&p, "99 88 C4 02 01 00 C1 00 99 84 C2 01 C2 00 99 8C C2 01 C3 00 00");
    peer_block(&p, "99 F0 C2 01 C2 00 00");
    peer_block(&p, "99 90 C3 02 09 C1 00 99 A0 C3 02 40 C1 00 99 B0 C2 01 C1 00 00");
    send_part(0x99, SRCB_NJT, 0);
    peer_block(&p, "99 80 00 00");
    peer_expect(&p, "80 A0-99\n81 C0-99\n");
    log_expect(&n,
               "open 99\nrecord 99 C0/204\nrecord 99 E0/296\nrecord 99 88/4\nrecord 99 84/2\n"
               "record 99 8C/2\nrecord 99 F0/2\nrecord 99 90/3\nrecord 99 A0/3\nrecord 99 B0/2\n"
               "record 99 D0/48\nend 99\n");
    down();
}
END_TEST

START_TEST(an_empty_file_is_a_file)
{
    up();
    peer_block(&p, "90 99 00 00");
    send_headers(0x99);
    send_part(0x99, SRCB_NJT, 0);
    peer_block(&p, "99 80 00 00");
    peer_expect(&p, "80 A0-99\n81 C0-99\n");
    down();
}
END_TEST

START_TEST(sender_breaks_off)
{
    up();
    peer_block(&p, "90 99 00 00");
    send_headers(0x99);
    peer_block(&p, "99 80 40 00");
    peer_expect(&p, "80 A0-99\n81 C0-99\n");
    log_has(&n, "abort 99: NODEB broke off the file\n");
    peer_block(&p, "99 80 00 00"); /* some end it as well */
    peer_expect(&p, "");
    peer_block(&p, "90 99 00 00");
    peer_file(&p, 0x99, buf_cur(&deck));
    peer_expect(&p, "82 A0-99\n83 C0-99\n");
    ck_assert_int_eq(n.nin, 1);
    down();
}
END_TEST

START_TEST(owner_cancels_in_the_middle)
{
    up();
    n.fail_record = 4;
    peer_block(&p, "90 99 00 00");
    peer_expect(&p, "80 A0-99\n");
    send_headers(0x99);
    send_part(0x99, 0x80, 0);
    peer_expect(&p, "");
    send_part(0x99, 0x80, 0);
    peer_expect(&p, "81 B0-99\n");
    log_has(&n, "abort 99: disk full\n");
    log_reset(&n);
    send_part(0x99, 0x80, 0); /* under way already */
    send_part(0x99, SRCB_NJT, 0);
    peer_block(&p, "99 80 00 00");
    peer_expect(&p, "");
    log_expect(&n, "");
    n.fail_record = 0;
    peer_block(&p, "90 99 00 00");
    peer_file(&p, 0x99, buf_cur(&deck));
    peer_expect(&p, "82 A0-99\n83 C0-99\n");
    down();
}
END_TEST

/* UnixNJE may ask for the next file without ending the cancelled one. */
START_TEST(asked_again_while_swallowing)
{
    up();
    n.fail_record = 1;
    peer_block(&p, "90 99 00 00");
    send_headers(0x99);
    peer_expect(&p, "80 A0-99\n81 B0-99\n");
    n.fail_record = 0;
    peer_block(&p, "90 99 00 00");
    peer_file(&p, 0x99, buf_cur(&deck));
    peer_expect(&p, "82 A0-99\n83 C0-99\n");
    same(0, &deck);
    down();
}
END_TEST

START_TEST(records_never_asked_for)
{
    up();
    send_headers(0x99);
    send_part(0x99, 0x80, 0);
    peer_block(&p, "99 80 00 00");
    peer_expect(&p, "80 B0-99\n"); /* said once */
    peer_block(&p, "A9 80 00 00");
    peer_block(&p, "A9 80 40 00");
    peer_expect(&p, "");
    struct str log = buf_text(&n.log), line;
    ck_assert(str_line(&log, &line));
    ck_assert(str_starts_nocase(
        line, "odd: NODEB sent a record of a file it never asked to send: 99 C0 "));
    ck_assert_uint_eq(log.n, 0); /* said once */
    down();
}
END_TEST

/* Records out of order, in letters: N D d x T are NJH, DSH (both segments), first segment of DSH
 * only, second only, data, NJT; . is the end of file. */
static const struct {
    const char *order, *why;
} orders[] = {
    {"x", "data comes before its job header"},
    {"D", "does not begin with its job header"},
    {"T", "does not begin with its job header"},
    {"Nx", "data comes before its data set header"},
    {"NN", "second job header"},
    {"NDxN", "second job header"},
    {"Ndx", "a header's next segment was due"},
    {"Nd.", "ended without its job trailer"},
    {"NdT", "before the one before is complete"},
    {"Nc", "segment 1 came where 0 was due"},
    {"Ndcx", NULL},
    {"Ndd", "segment 0 came where 1 was due"},
    {"NDxTx", "behind the job trailer"},
    {"NDxTT", "behind the job trailer"},
    {"NDxTD", "behind the job trailer"},
    {"NDx.", "ended without its job trailer"},
    {"ND.", "ended without its job trailer"},
    {"N.", "ended without its job trailer"},
    {".", "ended without its job trailer"},
};

static void send_order(const char *order)
{
    for (; *order != '\0'; order++)
        switch (*order) {
        case 'N':
            send_part(0x99, SRCB_NJH, 0);
            break;
        case 'D':
            send_part(0x99, SRCB_DSH, 0);
            send_part(0x99, SRCB_DSH, 1);
            break;
        case 'd':
            send_part(0x99, SRCB_DSH, 0);
            break;
        case 'c':
            send_part(0x99, SRCB_DSH, 1);
            break;
        case 'x':
            send_part(0x99, 0x80, 0);
            break;
        case 'T':
            send_part(0x99, SRCB_NJT, 0);
            break;
        default:
            peer_block(&p, "99 80 00 00");
        }
}

START_TEST(out_of_order)
{
    up();
    peer_block(&p, "90 99 00 00");
    send_order(orders[_i].order);
    if (orders[_i].why == NULL) {
        peer_expect(&p, "80 A0-99\n");
    } else {
        peer_expect(&p, "80 A0-99\n81 B0-99\n");
        log_has(&n, "abort 99: ");
        log_has(&n, orders[_i].why);
    }
    peer_block(&p, "90 A9 00 00"); /* the link is as well as before */
    peer_file(&p, 0xA9, buf_cur(&deck));
    const char *seen = peer_seen(&p);
    ck_assert_ptr_nonnull(strstr(seen, "A0-A9"));
    ck_assert_ptr_nonnull(strstr(seen, "C0-A9"));
    down();
}
END_TEST

START_TEST(a_file_too_large)
{
    struct link_conf c = node_conf("NODEA", "NODEB");
    c.file_max = 2000;
    begin(c);
    peer_up_called(&p);
    buf_init(&deck, 1 << 20);
    deck_make(&deck, DECK_SYSOUT, 1, 30, 81);
    peer_block(&p, "90 99 00 00");
    peer_file(&p, 0x99, buf_cur(&deck));
    peer_expect(&p, "80 A0-99\n81 B0-99\n");
    log_has(&n, "abort 99: the file is larger than the 2000 bytes allowed\n");
    down();
}
END_TEST

START_TEST(a_header_without_end)
{
    up();
    peer_block(&p, "90 99 00 00");
    uint8_t segment[256] = {1, 0, 0, 0};
    for (unsigned i = 0; i < 40; i++) {
        segment[3] = (uint8_t)(0x80 | i);
        peer_record(&p, 0x99, SRCB_NJH, cur_of(segment, sizeof segment));
    }
    peer_expect(&p, "80 A0-99\n81 B0-99\n");
    log_has(&n, "a header longer than");
    down();
}
END_TEST

START_TEST(lost_in_each_state)
{
    up();
    n.hold_done = true;
    peer_block(&p, "90 99 00 00");
    peer_file(&p, 0x99, buf_cur(&deck)); /* whole, not done */
    peer_block(&p, "90 A9 00 00");
    send_headers(0xA9);            /* in the middle */
    peer_block(&p, "90 B9 00 00"); /* permitted */
    send_headers(0xC9);            /* never asked for */
    peer_seen(&p);
    log_reset(&n);
    peer_close(&p);
    turns(loop);
    log_expect(&n, "abort 99: NODEB closed the connection\nabort A9: NODEB closed the connection\n"
                   "abort B9: NODEB closed the connection\nwaiting: NODEB closed the connection\n");
    ck_assert_int_eq(n.ndone, 0);
    down();
}
END_TEST

START_TEST(drain_lets_open_files_end)
{
    up();
    n.hold_done = true;
    peer_block(&p, "90 99 00 00");
    send_headers(0x99);
    peer_expect(&p, "80 A0-99\n");
    link_drain(n.link);
    peer_block(&p, "90 A9 00 00");
    peer_expect(&p, "81 B0-A9\n");
    send_part(0x99, 0x80, 0);
    send_part(0x99, SRCB_NJT, 0);
    peer_block(&p, "99 80 00 00");
    peer_expect(&p, "");
    node_done(&n);
    peer_expect(&p, "82 C0-99\n83 B\nclosed\n");
    ck_assert_str_eq(state(), "stopped");
    down();
}
END_TEST

START_TEST(what_is_safe_is_said_before_a_stop)
{
    up();
    n.hold_done = true;
    peer_block(&p, "90 99 00 00");
    peer_file(&p, 0x99, buf_cur(&deck));
    peer_expect(&p, "80 A0-99\n");
    node_done(&n);
    link_stop(n.link, "by operator");
    peer_expect(&p, "81 C0-99\n82 B\nclosed\n");
    down();
}
END_TEST

START_TEST(freed_with_files_open)
{
    up();
    peer_block(&p, "90 99 00 00");
    send_headers(0x99);
    node_queue(&n, DECK_SYSOUT, 1, 10);
    link_kick(n.link);
    peer_seen(&p);
    log_reset(&n);
    link_free(&n.link);
    log_expect(&n, "abort 99: the link to NODEB is no longer defined\n"
                   "sent 0 temp: the link to NODEB is no longer defined\n");
    peer_expect(&p, "closed\n");
    down();
}
END_TEST

static Suite *link_in_suite(void)
{
    Suite *s = suite_create("link_in");
    TCase *t = tcase_create("dialogues");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_file_comes);
    tcase_add_test(t, complete_is_said_only_when_done);
    tcase_add_test(t, asked_again_before_done);
    tcase_add_test(t, request_on_an_open_stream);
    tcase_add_test(t, no_such_stream);
    tcase_add_test(t, owner_refuses);
    tcase_add_test(t, fast_open);
    tcase_add_test(t, fast_open_refused);
    tcase_add_test(t, everything_in_one_block);
    tcase_add_test(t, all_streams_at_once);
    tcase_add_test(t, sysin_has_no_data_set_header);
    tcase_add_test(t, two_data_set_headers);
    tcase_add_test(t, spanned_and_unknown_records_pass);
    tcase_add_test(t, an_empty_file_is_a_file);
    tcase_add_test(t, sender_breaks_off);
    tcase_add_test(t, owner_cancels_in_the_middle);
    tcase_add_test(t, asked_again_while_swallowing);
    tcase_add_test(t, records_never_asked_for);
    tcase_add_loop_test(t, out_of_order, 0, sizeof orders / sizeof *orders);
    tcase_add_test(t, a_file_too_large);
    tcase_add_test(t, a_header_without_end);
    tcase_add_test(t, lost_in_each_state);
    tcase_add_test(t, drain_lets_open_files_end);
    tcase_add_test(t, what_is_safe_is_said_before_a_stop);
    tcase_add_test(t, freed_with_files_open);
    suite_add_tcase(s, t);
    return s;
}
UNIT(link_in_suite)
