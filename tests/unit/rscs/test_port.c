/* tests/unit/rscs/test_port.c -- the passive side: who gets in, who is refused and with what words
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit/rscs/node.h"
#include "unit/rscs/scene.h"
#include "unit/unit.h"

static struct port *port;
static struct buf refusals;

static struct link *find(void *arg, const struct nje_name *rhost, const struct nje_name *ohost)
{
    struct nje_name b = name_of("NODEB");
    (void)arg, (void)ohost;
    return ebc_name_eq(rhost, &b) ? n.link : NULL;
}

static void refused(void *arg, const union endpoint *peer, const struct why *w)
{
    (void)arg, (void)peer;
    buf_printf(&refusals, "%s\n", w->text);
}

static void open_port(void)
{
    begin(node_conf("NODEA", "NODEB"));
    const struct port_set set = {.loop = loop,
                                 .us = name_of("NODEA"),
                                 .open_ms = 10000,
                                 .max_waiting = 3,
                                 .find = find,
                                 .refused = refused};
    port = port_new(&set);
    buf_init(&refusals, 100000);
}

static void close_port(void)
{
    port_free(&port);
    buf_done(&refusals);
    end();
}

static void call(struct peer *q)
{
    int fd[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    peer_attach(q, fd[1]);
    port_take(port, stream_new(loop, fd[0], NULL, NULL));
}

static void refused_with(const char *text)
{
    ck_assert_msg(strstr(buf_cstr(&refusals), text) != NULL, "refused with '%s', not '%s'",
                  buf_cstr(&refusals), text);
    buf_reset(&refusals);
}

START_TEST(a_known_node_gets_its_link)
{
    open_port();
    link_start(n.link);
    call(&p);
    peer_expect(&p, "");
    peer_ctl(&p, WIRE_OPEN, "NODEB", "NODEA", 0);
    peer_expect(&p, "ACK NODEA NODEB 0\n");
    peer_control(&p, "01 2D");
    peer_expect(&p, "ACK0\n");
    clock_step(20000); /* the port's time limit is over with the OPEN */
    peer_signon(&p, SIGNON_I, "NODEB", 8192);
    peer_expect(&p, "A0 J NODEA 8192\n");
    ck_assert_str_eq(buf_cstr(&refusals), "");
    close_port();
}
END_TEST

START_TEST(byte_by_byte_and_all_at_once)
{
    static const struct wire_ctl open = {.type = WIRE_OPEN};
    struct wire_ctl ctl = open;
    struct buf all;
    open_port();
    link_start(n.link);
    ctl.rhost = name_of("NODEB");
    ctl.ohost = name_of("NODEA");
    buf_init(&all, 1000);
    wire_ctl_put(&all, &ctl);
    buf_add(&all, "\0\0\0\x12\0\0\0\0\0\0\0\x02\x01\x2D\0\0\0\0", 18);
    for (size_t cut = 0; cut < all.n; cut++) {
        call(&p);
        peer_bytes(&p, all.p, cut);
        turns(loop);
        peer_bytes(&p, all.p + cut, all.n - cut);
        peer_expect(&p, "ACK NODEA NODEB 0\nACK0\n");
        peer_close(&p);
        turns(loop);
    }
    buf_done(&all);
    close_port();
}
END_TEST

static const struct {
    enum wire_ctl_type type;
    const char *rhost, *ohost, *why;
} bad[] = {
    {WIRE_OPEN, "NODEX", "NODEA", "node NODEX calls, but no link is defined for it"},
    {WIRE_OPEN, "NODEB", "NODEX", "NODEB calls for node NODEX, but this is NODEA"},
    {WIRE_ACK, "NODEB", "NODEA", "began with an ACK or NAK"},
    {WIRE_NAK, "NODEB", "NODEA", "began with an ACK or NAK"},
};

START_TEST(others_get_nak_1)
{
    open_port();
    link_start(n.link);
    call(&p);
    peer_ctl(&p, bad[_i].type, bad[_i].rhost, bad[_i].ohost, 0);
    char want[50];
    snprintf(want, sizeof want, "NAK NODEA %s 1\nclosed\n", bad[_i].rhost);
    peer_expect(&p, want);
    refused_with(bad[_i].why);
    ck_assert_str_eq(state(), "waiting");
    close_port();
}
END_TEST

static const struct {
    const char *bytes;
    const char *why;
} nonsense[] = {
    {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "ASCII text, of another protocol"},
    {"EHLO client.example.com with a long name\r\n", "ASCII text"},
    {"\x16\x03\x01\x02\x01\x01\x01\x01\xfc\x03\x03\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"
     "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01",
     "looks like TLS"},
    {"\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f"
     "\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f",
     "no NJE control record"},
};

START_TEST(other_protocols)
{
    open_port();
    call(&p);
    peer_bytes(&p, nonsense[_i].bytes, strlen(nonsense[_i].bytes));
    const char *seen = peer_seen(&p);
    ck_assert_ptr_nonnull(strstr(seen, "NAK NODEA"));
    refused_with(nonsense[_i].why);
    close_port();
}
END_TEST

START_TEST(the_limit_is_for_the_whole_open)
{
    open_port();
    call(&p);
    for (int i = 0; i < 9; i++) { /* a byte now and then does not prolong it */
        peer_bytes(&p, "\xD6", 1);
        clock_step(1000);
        turns(loop);
    }
    ck_assert_str_eq(buf_cstr(&refusals), "");
    clock_step(1001);
    peer_expect(&p, "closed\n");
    refused_with("no OPEN record within 10 seconds");
    close_port();
}
END_TEST

START_TEST(closed_too_early)
{
    open_port();
    call(&p);
    peer_bytes(&p, "\xD6\xD7\xC5\xD5", 4);
    peer_close(&p);
    turns(loop);
    refused_with("closed after 4 of the 33 bytes of an OPEN");
    close_port();
}
END_TEST

START_TEST(so_many_may_wait)
{
    struct peer q[5];
    open_port();
    for (int i = 0; i < 5; i++) {
        peer_init(&q[i], &n);
        call(&q[i]);
    }
    for (int i = 0; i < 5; i++)
        peer_expect(&q[i], i < 3 ? "" : "closed\n");
    refused_with("3 connections wait for their OPEN already");
    peer_close(&q[1]); /* and when one goes another may come */
    turns(loop);
    call(&q[4]);
    peer_expect(&q[4], "");
    port_free(&port); /* with callers waiting */
    for (int i = 0; i < 5; i++) {
        if (i != 1 && i != 3)
            peer_expect(&q[i], "closed\n");
        peer_free(&q[i]);
    }
    close_port();
}
END_TEST

START_TEST(a_stopped_link_is_told)
{
    open_port();
    call(&p);
    peer_ctl(&p, WIRE_OPEN, "NODEB", "NODEA", 0);
    peer_expect(&p, "NAK NODEA NODEB 1\nclosed\n");
    refused_with("node NODEB calls, but its link is stopped");
    close_port();
}
END_TEST

static Suite *port_suite(void)
{
    Suite *s = suite_create("port");
    TCase *t = tcase_create("callers");
    tcase_add_test(t, a_known_node_gets_its_link);
    tcase_add_test(t, byte_by_byte_and_all_at_once);
    tcase_add_loop_test(t, others_get_nak_1, 0, 4);
    tcase_add_loop_test(t, other_protocols, 0, 4);
    tcase_add_test(t, the_limit_is_for_the_whole_open);
    tcase_add_test(t, closed_too_early);
    tcase_add_test(t, so_many_may_wait);
    tcase_add_test(t, a_stopped_link_is_told);
    suite_add_tcase(s, t);
    return s;
}
UNIT(port_suite)
