/* tests/unit/rscs/test_link.c -- the link machine against a hand-played peer, in virtual time:
 * opening and sign-on (docs/NJE.md) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "unit/rscs/node.h"
#include "unit/rscs/scene.h"
#include "unit/unit.h"

/* Up to where the link has sent its SOH ENQ. */
static void dial_to_enq(void)
{
    link_start(n.link);
    peer_attach(&p, n.peer_fd);
    node_connected(&n);
    peer_expect(&p, "OPEN NODEA NODEB 0\n");
    peer_ctl(&p, WIRE_ACK, "NODEB", "NODEA", 0);
    peer_expect(&p, "ENQ\n");
}

static void call_to_ack0(void)
{
    link_start(n.link);
    peer_call(&p);
    peer_expect(&p, "ACK NODEA NODEB 0\n");
    peer_control(&p, "01 2D");
    peer_expect(&p, "ACK0\n");
}

/* --- opening --- */

START_TEST(caller_waits_for_each_answer)
{
    begin(dialling());
    link_start(n.link);
    log_expect(&n, "dialling\n");
    peer_attach(&p, n.peer_fd);
    peer_expect(&p, "");
    node_connected(&n);
    peer_expect(&p, "OPEN NODEA NODEB 0\n"); /* and nothing behind it */
    clock_step(5000);
    peer_expect(&p, "");
    peer_ctl(&p, WIRE_ACK, "NODEB", "NODEA", 0);
    peer_expect(&p, "ENQ\n");
    peer_control(&p, "10 70");
    peer_expect(&p, "A0 I NODEA 8192\n");
    peer_expect(&p, "");
    peer_signon(&p, SIGNON_J, "NODEB", 4096);
    peer_expect(&p, "ACK0\n");
    log_expect(&n, "opening\nsignon\nup\n");
    struct link_stat st;
    link_stat(n.link, &st);
    ck_assert_uint_eq(st.bufsize, 4096);
    ck_assert_uint_eq(st.streams, 7);
    end();
}
END_TEST

START_TEST(called_side_is_silent_until_asked)
{
    begin(node_conf("NODEA", "NODEB"));
    link_start(n.link);
    log_expect(&n, "waiting\n");
    peer_call(&p);
    peer_expect(&p, "ACK NODEA NODEB 0\n");
    clock_step(5000);
    peer_expect(&p, "");
    peer_control(&p, "01 2D");
    peer_expect(&p, "ACK0\n");
    peer_signon(&p, SIGNON_I, "NODEB", 8192);
    peer_expect(&p, "A0 J NODEA 8192\n");
    log_expect(&n, "opening\nsignon\nup\n");
    node_queue(&n, DECK_SYSOUT, 1, 10);
    link_kick(n.link);
    peer_expect(&p, "80 90-99\n"); /* the reset block has taken no number */
    end();
}
END_TEST

START_TEST(control_record_swaps_names_and_addresses)
{
    begin(node_conf("NODEA", "NODEB"));
    link_start(n.link);
    peer_call(&p);
    uint8_t got[64];
    turns(loop);
    ck_assert_int_eq(read(p.fd, got, sizeof got), 33);
    struct cur c = cur_of(got, 33);
    struct wire_ctl ctl;
    struct why w;
    ck_assert_int_eq(wire_ctl_get(&c, &ctl, &w), 0);
    ck_assert_int_eq(ctl.type, WIRE_ACK);
    ck_assert_uint_eq(ctl.rip, 2);
    ck_assert_uint_eq(ctl.oip, 1);
    ck_assert_uint_eq(ctl.reason, 0);
    end();
}
END_TEST

static const struct {
    uint8_t reason;
    const char *text;
} naks[] = {{1, "no link to NODEA"},
            {2, "takes the link for active"},
            {3, "dialling us at the same moment"},
            {4, "for now"},
            {77, "unknown reason 77"}};

START_TEST(nak_is_told_and_tried_again)
{
    begin(dialling());
    link_start(n.link);
    peer_attach(&p, n.peer_fd);
    node_connected(&n);
    peer_expect(&p, "OPEN NODEA NODEB 0\n");
    peer_ctl(&p, WIRE_NAK, "NODEB", "RUBBISH", naks[_i].reason);
    peer_expect(&p, "closed\n");
    ck_assert_str_eq(state(), "waiting");
    reason_has(naks[_i].text);
    ck_assert_int_eq(n.dials, 1);
    clock_step(9000); /* 5 s and a quarter at most; after NAK 3 up to 8.75 s */
    turns(loop);
    ck_assert_int_eq(n.dials, 2);
    end();
}
END_TEST

START_TEST(nonsense_for_an_answer)
{
    begin(dialling());
    link_start(n.link);
    peer_attach(&p, n.peer_fd);
    node_connected(&n);
    peer_expect(&p, "OPEN NODEA NODEB 0\n");
    peer_bytes(&p, "220 mail.example ESMTP ready to serve\r\n", 39);
    peer_expect(&p, "closed\n");
    reason_has("no NJE control record");
    end();
}
END_TEST

START_TEST(open_for_an_open)
{
    begin(dialling());
    link_start(n.link);
    peer_attach(&p, n.peer_fd);
    node_connected(&n);
    peer_expect(&p, "OPEN NODEA NODEB 0\n");
    peer_ctl(&p, WIRE_OPEN, "NODEB", "NODEA", 0);
    peer_expect(&p, "closed\n");
    reason_has("with an OPEN");
    end();
}
END_TEST

START_TEST(closed_instead_of_an_answer)
{
    begin(dialling());
    link_start(n.link);
    peer_attach(&p, n.peer_fd);
    node_connected(&n);
    peer_expect(&p, "OPEN NODEA NODEB 0\n");
    peer_close(&p);
    turns(loop);
    reason_has("instead of answering our OPEN");
    ck_assert_str_eq(state(), "waiting");
    end();
}
END_TEST

/* Who calls meanwhile gets the reason of NAK that fits, and what goes on goes on. */
START_TEST(callers_are_refused)
{
    struct peer other;
    begin(dialling());
    peer_init(&other, &n);
    peer_call(&other);
    peer_expect(&other, "NAK NODEA NODEB 1\nclosed\n"); /* stopped */
    link_start(n.link);
    peer_attach(&p, n.peer_fd);
    peer_call(&other);
    peer_expect(&other, "NAK NODEA NODEB 3\nclosed\n"); /* dialling */
    node_connected(&n);
    peer_expect(&p, "OPEN NODEA NODEB 0\n");
    peer_call(&other);
    peer_expect(&other, "NAK NODEA NODEB 3\nclosed\n"); /* our OPEN is out */
    peer_ctl(&p, WIRE_ACK, "NODEB", "NODEA", 0);
    peer_expect(&p, "ENQ\n");
    peer_call(&other);
    peer_expect(&other, "NAK NODEA NODEB 2\nclosed\n"); /* signing on */
    peer_control(&p, "10 70");
    peer_signon(&p, SIGNON_J, "NODEB", 8192);
    peer_expect(&p, "A0 I NODEA 8192\nACK0\n");
    peer_call(&other);
    peer_expect(&other, "NAK NODEA NODEB 2\nclosed\n"); /* up */
    peer_expect(&p, "empty\n");                         /* asks whether the old one lives */
    ck_assert_str_eq(state(), "up");
    peer_free(&other);
    end();
}
END_TEST

START_TEST(a_silent_link_is_replaced)
{
    struct link_conf c = node_conf("NODEA", "NODEB");
    struct peer other;
    c.dead_ms = 60000;
    begin(c);
    peer_init(&other, &n);
    peer_up_called(&p);
    clock_step(59000);
    peer_call(&other);
    peer_expect(&other, "NAK NODEA NODEB 2\nclosed\n");
    peer_expect(&p, "empty\n");
    clock_step(1000); /* the dead timer has not run yet: no turn between */
    peer_call(&other);
    peer_expect(&p, "closed\n");
    peer_expect(&other, "ACK NODEA NODEB 0\n");
    ck_assert_str_eq(state(), "opening");
    peer_free(&other);
    end();
}
END_TEST

START_TEST(a_caller_is_taken_while_waiting_to_dial)
{
    begin(dialling());
    n.no_dial = true;
    link_start(n.link);
    log_expect(&n, "waiting: no route today\n");
    peer_call(&p);
    peer_expect(&p, "ACK NODEA NODEB 0\n");
    clock_step(20000);
    turns(loop);
    ck_assert_int_eq(n.dials, 1); /* the retry timer is off */
    end();
}
END_TEST

START_TEST(early_bytes_behind_the_open)
{
    begin(node_conf("NODEA", "NODEB"));
    link_start(n.link);
    int fd[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    peer_attach(&p, fd[1]);
    static const uint8_t enq[] = {0, 0, 0, 18, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0x2D, 0, 0, 0, 0};
    ck_assert_int_eq(write(fd[1], enq, sizeof enq), sizeof enq);
    struct stream *s = stream_new(loop, fd[0], NULL, NULL);
    turns(loop);
    const struct wire_ctl open = {.rhost = name_of("NODEB"), .ohost = name_of("NODEA")};
    link_accept(n.link, &s, &open);
    peer_expect(&p, "ACK NODEA NODEB 0\nACK0\n");
    end();
}
END_TEST

/* --- sign-on --- */

START_TEST(any_number_of_ack0)
{
    begin(dialling());
    dial_to_enq();
    peer_control(&p, "10 70 FF"); /* UnixNJE: with a pad */
    peer_control(&p, "10 70");    /* NJE38: twice at once, and again every 3 seconds */
    peer_expect(&p, "A0 I NODEA 8192\n");
    peer_control(&p, "10 70");
    peer_signon(&p, SIGNON_J, "NODEB", 8192);
    peer_control(&p, "10 70");
    peer_expect(&p, "ACK0\n");
    peer_control(&p, "10 70");
    ck_assert_str_eq(state(), "up");
    peer_expect(&p, "");
    end();
}
END_TEST

START_TEST(ack0_from_the_caller)
{
    begin(node_conf("NODEA", "NODEB"));
    link_start(n.link);
    peer_call(&p);
    peer_control(&p, "10 70");
    peer_control(&p, "01 2D FF");
    peer_control(&p, "10 70");
    peer_expect(&p, "ACK NODEA NODEB 0\nACK0\n");
    peer_signon(&p, SIGNON_I, "NODEB", 8192);
    peer_control(&p, "10 70");
    peer_expect(&p, "A0 J NODEA 8192\n");
    ck_assert_str_eq(state(), "up");
    end();
}
END_TEST

START_TEST(syn_nak_turns_the_roles)
{
    begin(node_conf("NODEA", "NODEB"));
    link_start(n.link);
    peer_call(&p);
    peer_control(&p, "32 3D");
    peer_expect(&p, "ACK NODEA NODEB 0\nENQ\n");
    peer_control(&p, "10 70");
    peer_expect(&p, "A0 I NODEA 8192\n");
    peer_signon(&p, SIGNON_J, "NODEB", 8192);
    peer_expect(&p, "ACK0\n");
    ck_assert_str_eq(state(), "up");
    end();
}
END_TEST

START_TEST(syn_nak_is_not_obeyed_for_ever)
{
    begin(dialling());
    dial_to_enq();
    for (int i = 0; i < 9; i++) {
        peer_control(&p, "32 3D");
        peer_expect(&p, "ENQ\n");
    }
    peer_control(&p, "32 3D");
    peer_expect(&p, "closed\n");
    end();
}
END_TEST

/* RSCS, NJElib: SOH ENQ again when the ACK0 is late. */
START_TEST(enq_repeated)
{
    begin(node_conf("NODEA", "NODEB"));
    call_to_ack0();
    peer_control(&p, "01 2D");
    peer_expect(&p, "ACK0\n");
    peer_signon(&p, SIGNON_I, "NODEB", 8192);
    peer_expect(&p, "A0 J NODEA 8192\n");
    end();
}
END_TEST

/* The I record as bytes, in the forms the peers give it. */
static const char *const good_i[] = {
    /* UnixNJE: length byte 25, 41 bytes, no closing 00 */
    "F0 C9 25 D5D6C4C5C2404040 01 00000000 0000 2000 4040404040404040 4040404040404040 00 00000000",
    /* NJElib: 29, closing 00; event and features set */
    "F0 C9 29 D5D6C4C5C2404040 01 00000000 0064 2000 4040404040404040 4040404040404040 00 15000000 "
    "00",
    /* old: 37 bytes without features */
    "F0 C9 25 D5D6C4C5C2404040 01 00000000 0000 2000 4040404040404040 4040404040404040 00",
    /* names and passwords filled with nulls, trailing DLE ETB */
    "F0 C9 29 D5D6C4C5C2000000 01 00000000 0000 2000 0000000000000000 0000000000000000 00 00000000 "
    "1026",
};

START_TEST(forms_of_the_i_record)
{
    begin(node_conf("NODEA", "NODEB"));
    call_to_ack0();
    peer_block_as(&p, _i & 1 ? 0x80 : 0xA0, 0x8F, 0xCF, 0, good_i[_i]); /* NJElib starts with 80 */
    peer_expect(&p, "A0 J NODEA 8192\n");
    peer_block_as(&p, _i & 1 ? 0x81 : 0x80, 0x8F, 0xCF, 0, "90 99 00 00");
    peer_expect(&p, "80 A0-99\n");
    end();
}
END_TEST

static const struct {
    uint16_t offer, agreed;
} sizes[] = {{8192, 8192}, {1012, 1012}, {400, 400},     {300, 300},     {299, 400},
             {0, 400},     {100, 400},   {0x8000, 8192}, {0xFFFF, 8192}, {8193, 8192}};

START_TEST(buffer_size_is_the_smaller)
{
    struct link_stat st;
    char want[40];
    begin(node_conf("NODEA", "NODEB"));
    call_to_ack0();
    peer_signon(&p, SIGNON_I, "NODEB", sizes[_i].offer);
    snprintf(want, sizeof want, "A0 J NODEA %u\n", sizes[_i].agreed);
    peer_expect(&p, want);
    link_stat(n.link, &st);
    ck_assert_uint_eq(st.bufsize, sizes[_i].agreed);
    end();
}
END_TEST

START_TEST(wrong_node_is_refused)
{
    begin(node_conf("NODEA", "NODEB"));
    call_to_ack0();
    peer_signon(&p, SIGNON_I, "NODEX", 8192);
    peer_expect(&p, "A0 B\nclosed\n");
    reason_has("the node that signs on is NODEX, this link is for NODEB");
    ck_assert_str_eq(state(), "waiting");
    end();
}
END_TEST

START_TEST(wrong_node_is_refused_by_the_caller)
{
    begin(dialling());
    dial_to_enq();
    peer_control(&p, "10 70");
    peer_signon(&p, SIGNON_J, "NODEX", 8192);
    peer_expect(&p, "A0 I NODEA 8192\n80 B\nclosed\n");
    end();
}
END_TEST

static const struct {
    const char *line, *node;   /* demanded */
    const char *gline, *gnode; /* given, as EBCDIC hex */
    const char *why;           /* NULL: taken */
} passwords[] = {
    {"", "", "4040404040404040", "D7C1E2E240404040", NULL}, /* none demanded */
    {"PASS", "", "D7C1E2E240404040", "4040404040404040", NULL},
    {"PASS", "", "D7C1E2E200000000", "4040404040404040", NULL},
    {"PASS", "", "D7C1E2E340404040", "4040404040404040", "a wrong line password"},
    {"PASS", "", "4040404040404040", "4040404040404040", "no line password"},
    {"PASS", "", "0000000000000000", "4040404040404040", "no line password"},
    {"", "PASS", "4040404040404040", "D7C1E2E240404040", NULL},
    {"", "PASS", "D7C1E2E240404040", "D7C1E240404040E2", "a wrong node password"},
    {"PASS", "PASS", "D7C1E2E240404040", "4040404040404040", "no node password"},
};

START_TEST(passwords_are_demanded)
{
    struct link_conf c = node_conf("NODEA", "NODEB");
    char i[300];
    c.line_password = name_of(passwords[_i].line);
    c.node_password = name_of(passwords[_i].node);
    begin(c);
    call_to_ack0();
    snprintf(i, sizeof i, "F0 C9 29 D5D6C4C5C2404040 01 00000000 0000 2000 %s %s 00 00000000",
             passwords[_i].gline, passwords[_i].gnode);
    peer_block(&p, i);
    if (passwords[_i].why != NULL) {
        peer_expect(&p, "A0 B\nclosed\n");
        reason_has(passwords[_i].why);
    } else {
        peer_expect(&p, "A0 J NODEA 8192\n");
    }
    end();
}
END_TEST

START_TEST(passwords_are_sent)
{
    struct link_conf c = dialling();
    c.line_password = name_of("LINEPASS");
    c.node_password = name_of("NODEPASS");
    begin(c);
    dial_to_enq();
    peer_control(&p, "10 70");
    peer_settle(&p);
    ck_assert_uint_eq(p.rx.n, 8 + 4 + 5 + 41 + 4);
    struct wire_signon s;
    struct why w;
    ck_assert_int_eq(wire_signon_get(cur_of(p.rx.p + 17, 41), &s, &w), 0);
    ck_assert(ebc_name_eq(&s.line_password, &c.line_password));
    ck_assert(ebc_name_eq(&s.node_password, &c.node_password));
    ck_assert_uint_eq(s.event, 0);
    ck_assert_uint_eq(s.features, 0);
    end();
}
END_TEST

/* What may not come while signing on, and the words for it. */
static const struct {
    bool caller;
    const char *ttr, *why;
} bad_signon[] = {
    {false, "3D", "answered with NAK"},
    {true, "3D", "answered with NAK"},
    {true,
     "10 02 A0 8F CF F0 D1 29 D5D6C4C5C2404040 01 00000000 0000 2000"
     "4040404040404040 4040404040404040 00",
     "sign-on record (J) while the link was signon"}, /* before our I */
    {false, "10 02 A0 8F CF 90 99 00 00", "before the sign-on was complete"},
    {false, "10 02 A0 8F CF F0 C9 29 D5D6", "shorter than 37 bytes"},
    {false, "10 02 A0 8F CF F0 C2", "signed off"},
    {false, "10 02 A0", "ends inside its prefix"},
    {false, "10 03", "no known control"},
    {false, "10 02 B0 8F CF 00", "block control byte"},
};

START_TEST(nonsense_while_signing_on)
{
    begin(bad_signon[_i].caller ? dialling() : node_conf("NODEA", "NODEB"));
    if (bad_signon[_i].caller)
        dial_to_enq();
    else
        call_to_ack0();
    peer_control(&p, bad_signon[_i].ttr);
    peer_expect(&p, "closed\n");
    reason_has(bad_signon[_i].why);
    end();
}
END_TEST

START_TEST(data_block_before_enq)
{
    begin(node_conf("NODEA", "NODEB"));
    link_start(n.link);
    peer_call(&p);
    peer_expect(&p, "ACK NODEA NODEB 0\n");
    peer_signon(&p, SIGNON_I, "NODEB", 8192);
    peer_expect(&p, "closed\n");
    reason_has("without SOH ENQ");
    end();
}
END_TEST

/* Each stage is cut when it takes longer than signon_ms, with its own words. */
START_TEST(a_peer_that_stalls_is_cut)
{
    static const char *const why[] = {"no TCP connection to NODEB within 30 seconds",
                                      "OPEN exchange was not completed by NODEB",
                                      "sign-on was not completed by NODEB"};
    begin(dialling());
    link_start(n.link);
    peer_attach(&p, n.peer_fd);
    if (_i > 0)
        node_connected(&n);
    if (_i > 1)
        peer_ctl(&p, WIRE_ACK, "NODEB", "NODEA", 0);
    peer_seen(&p);
    clock_step(29000);
    peer_expect(&p, "");
    clock_step(1001);
    peer_expect(&p, "closed\n");
    reason_has(why[_i]);
    ck_assert_str_eq(state(), "waiting");
    end();
}
END_TEST

START_TEST(a_caller_that_stalls_is_cut)
{
    begin(node_conf("NODEA", "NODEB"));
    link_start(n.link);
    peer_call(&p);
    peer_expect(&p, "ACK NODEA NODEB 0\n");
    clock_step(30001);
    peer_expect(&p, "closed\n");
    end();
}
END_TEST

/* JES2's records and unknown ones of the family are let pass. */
START_TEST(records_klmn_are_ignored)
{
    begin(node_conf("NODEA", "NODEB"));
    peer_up_called(&p);
    peer_block(&p, "F0 D3 09 FFFFFFFF 00C8");
    peer_block(&p, "F0 D2 29 00");
    peer_block(&p, "F0 D4 1B D5D6C4C5C2404040 01 D5D6C4C5C3404040 01 00000000 0000");
    peer_block(&p, "F0 D5 1B D5D6C4C5C2404040 01 D5D6C4C5C3404040 01 00000000 0000");
    peer_block(&p, "F0 99 00");
    peer_block(&p, "90 99 00 00");
    peer_expect(&p, "80 A0-99\n");
    const char *told = strstr(buf_cstr(&n.log), "odd: "); /* of the last alone */
    ck_assert_ptr_nonnull(told);
    ck_assert_ptr_nonnull(strstr(told, "nobody knows: F0 99 00"));
    ck_assert_ptr_null(strstr(told + 1, "odd: "));
    end();
}
END_TEST

static Suite *link_suite(void)
{
    Suite *s = suite_create("link");
    TCase *t = tcase_create("dialogues");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, caller_waits_for_each_answer);
    tcase_add_test(t, called_side_is_silent_until_asked);
    tcase_add_test(t, control_record_swaps_names_and_addresses);
    tcase_add_loop_test(t, nak_is_told_and_tried_again, 0, 5);
    tcase_add_test(t, nonsense_for_an_answer);
    tcase_add_test(t, open_for_an_open);
    tcase_add_test(t, closed_instead_of_an_answer);
    tcase_add_test(t, callers_are_refused);
    tcase_add_test(t, a_silent_link_is_replaced);
    tcase_add_test(t, a_caller_is_taken_while_waiting_to_dial);
    tcase_add_test(t, early_bytes_behind_the_open);
    tcase_add_test(t, any_number_of_ack0);
    tcase_add_test(t, ack0_from_the_caller);
    tcase_add_test(t, syn_nak_turns_the_roles);
    tcase_add_test(t, syn_nak_is_not_obeyed_for_ever);
    tcase_add_test(t, enq_repeated);
    tcase_add_loop_test(t, forms_of_the_i_record, 0, 4);
    tcase_add_loop_test(t, buffer_size_is_the_smaller, 0, sizeof sizes / sizeof *sizes);
    tcase_add_test(t, wrong_node_is_refused);
    tcase_add_test(t, wrong_node_is_refused_by_the_caller);
    tcase_add_loop_test(t, passwords_are_demanded, 0, sizeof passwords / sizeof *passwords);
    tcase_add_test(t, passwords_are_sent);
    tcase_add_loop_test(t, nonsense_while_signing_on, 0, sizeof bad_signon / sizeof *bad_signon);
    tcase_add_test(t, data_block_before_enq);
    tcase_add_loop_test(t, a_peer_that_stalls_is_cut, 0, 3);
    tcase_add_test(t, a_caller_that_stalls_is_cut);
    tcase_add_test(t, records_klmn_are_ignored);
    suite_add_tcase(s, t);
    return s;
}
UNIT(link_suite)
