/* tests/unit/base/test_stream.c -- streams over socketpairs and loopback, in virtual time. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/stream.h"
#include "unit/unit.h"

static struct loop *loop;
static struct stream *s;
static int far; /* the other end, plain */
static char trace[4096];
static char input[200000];
static size_t ninput;
static size_t take_most; /* of the input in one event */

static void on_event(struct stream *me, enum stream_event ev, void *arg)
{
    static const char letter[] = "OSDdTEF";
    size_t n = strlen(trace);
    if (n + 2 < sizeof trace) {
        trace[n] = letter[ev];
        trace[n + 1] = '\0';
    }
    ck_assert_str_eq(arg, "arg");
    if (ev == STREAM_DATA) {
        struct cur c = stream_in(me);
        size_t take = cur_left(&c) < take_most ? cur_left(&c) : take_most;
        ck_assert_uint_le(ninput + take, sizeof input);
        cur_copy(&c, input + ninput, take);
        ninput += take;
        stream_take(me, take);
    }
}

static void set_up(void)
{
    int fd[2];
    clock_fake(true);
    loop = loop_new();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    far = fd[1];
    s = stream_new(loop, fd[0], on_event, "arg");
    trace[0] = '\0';
    ninput = 0;
    take_most = SIZE_MAX;
}

static void tear_down(void)
{
    stream_free(&s);
    if (far >= 0)
        close(far);
    loop_free(&loop);
    clock_fake(false);
}

static void turns(int n)
{
    while (n-- > 0)
        (void)loop_turn(loop, false);
}

static void far_write(const char *z)
{
    ck_assert_int_eq(write(far, z, strlen(z)), (ssize_t)strlen(z));
}

/* All that has come to the far end. */
static const char *far_read(void)
{
    static char text[100000];
    ssize_t n = read(far, text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static bool far_at_end(void)
{
    char c;
    return read(far, &c, 1) == 0;
}

START_TEST(data_in_and_out)
{
    far_write("hello");
    turns(2);
    ck_assert_str_eq(trace, "D");
    ck_assert_uint_eq(ninput, 5);
    ck_assert_int_eq(memcmp(input, "hello", 5), 0);
    stream_put(s, "a", 1);
    buf_u8(stream_put_begin(s), 'b');
    stream_put_end(s);
    stream_printf(s, "%d", 42);
    stream_puts(s, STR("c"));
    ck_assert_uint_eq(stream_queued(s), 5);
    ck_assert_str_eq(far_read(), ""); /* nothing is sent inside put */
    ck_assert_str_eq(trace, "D");
    turns(1);
    ck_assert_str_eq(far_read(), "ab42c");
    ck_assert_uint_eq(stream_queued(s), 0);
    ck_assert_str_eq(trace, "Dd");
    turns(3);
    ck_assert_str_eq(trace, "Dd"); /* DRAINED once */
    stream_put(s, "now", 3);
    stream_flush(s);
    ck_assert_str_eq(far_read(), "now");
    ck_assert_str_eq(trace, "Dd");
    turns(1);
    ck_assert_str_eq(trace, "Ddd");
}
END_TEST

START_TEST(unread_input_stays_and_grows)
{
    take_most = 0;
    far_write("one");
    turns(1);
    far_write("two");
    turns(1);
    ck_assert_str_eq(trace, "DD");
    struct cur c = stream_in(s);
    ck_assert(str_eq(cur_str(&c), STR("onetwo")));
    stream_take(s, 2);
    c = stream_in(s);
    ck_assert(str_eq(cur_str(&c), STR("etwo")));
    far_write("!");
    turns(1);
    c = stream_in(s);
    ck_assert(str_eq(cur_str(&c), STR("etwo!")));
    stream_take(s, 100);
    c = stream_in(s);
    ck_assert_uint_eq(cur_left(&c), 0);
}
END_TEST

START_TEST(the_limit_stops_reading)
{
    take_most = 0;
    stream_limit(s, 10);
    far_write("0123456789abcdef");
    turns(5);
    ck_assert_str_eq(trace, "D");
    struct cur c = stream_in(s);
    ck_assert_uint_eq(cur_left(&c), 10);
    stream_take(s, 4);
    turns(3);
    c = stream_in(s);
    ck_assert(str_eq(cur_str(&c), STR("456789abcd")));
    stream_limit(s, 100);
    turns(3);
    c = stream_in(s);
    ck_assert(str_eq(cur_str(&c), STR("456789abcdef")));
}
END_TEST

START_TEST(hold_stops_reading_and_its_end_tells_again)
{
    take_most = 1;
    far_write("ab");
    turns(1);
    ck_assert_str_eq(trace, "D");
    stream_hold(s, true);
    far_write("cd");
    turns(3);
    ck_assert_str_eq(trace, "D");
    take_most = SIZE_MAX;
    stream_hold(s, false);
    ck_assert_str_eq(trace, "D"); /* not inside the call */
    turns(2);
    ck_assert_uint_eq(ninput, 4);
    ck_assert_int_eq(memcmp(input, "abcd", 4), 0);
    stream_hold(s, true);
    stream_hold(s, false);
    trace[0] = '\0';
    turns(2);
    ck_assert_str_eq(trace, ""); /* nothing unread: nothing to tell */
}
END_TEST

START_TEST(the_peer_closes)
{
    far_write("last");
    close(far);
    far = -1;
    turns(4);
    ck_assert_str_eq(trace, "DE");
    ck_assert_uint_eq(ninput, 4);
    stream_put(s, "too late", 8);
    turns(4);
    ck_assert_str_eq(trace, "DEF");
    ck_assert_int_eq(stream_why(s)->err, E_GONE);
    ck_assert(stream_why(s)->text[0] != '\0');
    stream_put(s, "x", 1); /* into the void */
    ck_assert_ptr_null(stream_put_begin(s));
    turns(2);
    ck_assert_str_eq(trace, "DEF");
    ck_assert_uint_eq(stream_queued(s), 0);
}
END_TEST

START_TEST(half_closed_peers_still_get_their_answer)
{
    far_write("question");
    shutdown(far, SHUT_WR);
    turns(3);
    ck_assert_str_eq(trace, "DE");
    stream_put(s, "answer", 6);
    stream_finish(&s);
    ck_assert_ptr_null(s);
    turns(2);
    ck_assert_str_eq(far_read(), "answer");
    ck_assert(far_at_end());
    ck_assert_str_eq(trace, "DE");
}
END_TEST

/* A socket's buffer filled: the rest waits, DRAINED comes after all of it. */
START_TEST(output_waits_for_the_peer)
{
    static char big[3000000];
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)(i % 251);
    stream_put(s, big, sizeof big / 2);
    turns(3);
    ck_assert_uint_gt(stream_queued(s), 0);
    stream_put(s, big + sizeof big / 2, sizeof big / 2);
    ck_assert_str_eq(trace, "");
    size_t got = 0;
    while (got < sizeof big) {
        char part[50000];
        ssize_t n = read(far, part, sizeof part);
        if (n > 0)
            ck_assert_int_eq(memcmp(part, big + got, (size_t)n), 0);
        got += n > 0 ? (size_t)n : 0;
        turns(1);
    }
    turns(1);
    ck_assert_uint_eq(stream_queued(s), 0);
    ck_assert_str_eq(trace, "d");
    turns(3);
    ck_assert_str_eq(trace, "d");
}
END_TEST

START_TEST(drained_is_told_once_after_a_flush_that_got_stuck)
{
    static char big[300000];
    stream_put(s, big, sizeof big);
    stream_flush(s);
    ck_assert_uint_gt(stream_queued(s), 0);
    while (read(far, big, sizeof big) > 0)
        continue;
    turns(1); /* writable again, and still listed for the end of the turn */
    ck_assert_uint_eq(stream_queued(s), 0);
    ck_assert_str_eq(trace, "d");
}
END_TEST

START_TEST(silence_times_out_in_virtual_time)
{
    stream_timeout(s, 1000);
    clock_step(999);
    turns(1);
    ck_assert_str_eq(trace, "");
    far_write("x"); /* restarts it */
    turns(1);
    clock_step(999);
    turns(2);
    ck_assert_str_eq(trace, "D");
    clock_step(1);
    turns(2);
    ck_assert_str_eq(trace, "DT");
    clock_step(100000);
    turns(2);
    ck_assert_str_eq(trace, "DT"); /* once a silence */
    far_write("y");
    turns(1);
    clock_step(1000);
    turns(1);
    ck_assert_str_eq(trace, "DTDT");
    stream_timeout(s, 5000);
    stream_timeout(s, 50); /* sooner than before */
    clock_step(50);
    turns(1);
    ck_assert_str_eq(trace, "DTDTT");
    stream_timeout(s, 10);
    stream_timeout(s, 0);
    clock_step(10);
    turns(1);
    ck_assert_str_eq(trace, "DTDTT");
}
END_TEST

START_TEST(a_held_stream_does_not_time_out)
{
    stream_timeout(s, 1000);
    stream_hold(s, true);
    clock_step(5000);
    turns(2);
    stream_timeout(s, 1000); /* nor with a time set meanwhile */
    clock_step(5000);
    turns(2);
    ck_assert_str_eq(trace, "");
    stream_hold(s, false);
    clock_step(999);
    turns(1);
    ck_assert_str_eq(trace, "");
    clock_step(1);
    turns(1);
    ck_assert_str_eq(trace, "T");
}
END_TEST

static void free_at_once(struct stream *me, enum stream_event ev, void *arg)
{
    (void)ev;
    ck_assert_ptr_eq(me, s);
    *(int *)arg += 1;
    stream_put(me, "lost", 4);
    stream_free(&s);
    ck_assert_ptr_null(s);
}

START_TEST(freed_in_any_callback)
{
    int calls = 0;
    stream_owner(s, free_at_once, &calls);
    switch (_i) {
    case 0:
        far_write("data");
        break;
    case 1:
        shutdown(far, SHUT_WR);
        break;
    case 2:
        stream_timeout(s, 10);
        clock_step(10);
        break;
    case 3:
        stream_put(s, "x", 1);
        break;
    case 4: /* readable and writable in one turn */
        stream_put(s, "x", 1);
        far_write("data");
        break;
    case 5: {
        int bad = dup(far);
        close(far);
        far = bad;
        shutdown(far, SHUT_RDWR);
        stream_put(s, "x", 1);
        break;
    }
    default:
        break;
    }
    turns(4);
    ck_assert_int_eq(calls, 1);
    char c;
    if (_i == 0) {
        ck_assert_int_eq(read(far, &c, 1) <= 0, 1); /* closed; the output is lost */
        ck_assert_int_ne(errno, EAGAIN);
    }
}
END_TEST

static void finish_with_bye(struct stream *me, enum stream_event ev, void *arg)
{
    (void)ev, (void)arg;
    stream_put(me, "bye", 3);
    stream_finish(&s);
}

START_TEST(finish_flushes_then_closes)
{
    stream_owner(s, finish_with_bye, NULL);
    far_write("quit");
    turns(2);
    ck_assert_str_eq(far_read(), "bye");
    ck_assert(far_at_end());
    far_write("more"); /* no SIGPIPE, no reset: our side waits for the peer to close */
    turns(2);
    far_write("more");
    close(far);
    far = -1;
    turns(2);
}
END_TEST

START_TEST(finish_gives_up_in_time)
{
    static char big[3000000];
    stream_put(s, big, sizeof big);
    stream_finish(&s);
    turns(3);
    clock_step(29999);
    turns(2);
    ck_assert_int_gt(send(far, "x", 1, MSG_NOSIGNAL), 0);
    clock_step(1);
    turns(2);
    ck_assert_int_eq(send(far, "x", 1, MSG_NOSIGNAL), -1);
    ck_assert_str_eq(trace, "");
}
END_TEST

START_TEST(finish_does_not_wait_long_for_the_peer)
{
    stream_finish(&s);
    turns(2);
    ck_assert(far_at_end());
    clock_step(5000);
    turns(2);
    ck_assert_int_eq(send(far, "x", 1, MSG_NOSIGNAL), -1);
}
END_TEST

START_TEST(an_open_finish_goes_with_the_loop)
{
    static char big[3000000];
    stream_put(s, big, sizeof big);
    stream_finish(&s);
    turns(1); /* LeakSanitizer looks after the rest */
}
END_TEST

START_TEST(a_new_owner_is_told_of_unread_input)
{
    take_most = 0;
    far_write("first words");
    turns(1);
    ck_assert_str_eq(trace, "D");
    take_most = SIZE_MAX;
    stream_owner(s, on_event, "arg");
    turns(1);
    ck_assert_str_eq(trace, "DD");
    ck_assert_uint_eq(ninput, 11);
}
END_TEST

static int barrier_runs;

static void reply_in_barrier(void *arg)
{
    if (barrier_runs++ == 0)
        stream_puts(s, str_of(arg));
}

START_TEST(what_a_barrier_puts_goes_out_in_the_same_turn)
{
    barrier_runs = 0;
    loop_barrier(loop, reply_in_barrier, "250 committed");
    turns(1);
    ck_assert_str_eq(far_read(), "250 committed");
}
END_TEST

static void put_again(struct stream *me, enum stream_event ev, void *arg)
{
    if (ev == STREAM_DRAINED && (*(int *)arg)++ < 5)
        stream_put(me, "z", 1);
}

static bool changed, committed;

static void change_when_drained(struct stream *me, enum stream_event ev, void *arg)
{
    (void)me, (void)arg;
    changed |= ev == STREAM_DRAINED;
}

static void commit(void *arg)
{
    (void)arg;
    committed |= changed;
}

START_TEST(what_drained_changes_is_committed_in_the_same_turn)
{
    changed = committed = false;
    loop_barrier(loop, commit, NULL);
    stream_owner(s, change_when_drained, NULL);
    stream_put(s, "x", 1);
    turns(1);
    ck_assert(changed);
    ck_assert(committed);
}
END_TEST

START_TEST(drained_may_put_more)
{
    int drained = 0;
    stream_owner(s, put_again, &drained);
    stream_put(s, "a", 1);
    while (loop_turn(loop, false))
        continue;
    ck_assert_int_eq(drained, 6);
    ck_assert_str_eq(far_read(), "azzzzz");
}
END_TEST

/* --- TCP --- */

static struct listener *ln;
static struct stream *server;
static int accepted;
static char peer_text[64];

static void on_server(struct stream *me, enum stream_event ev, void *arg)
{
    (void)arg;
    if (ev == STREAM_DATA) { /* echo */
        struct cur c = stream_in(me);
        stream_puts(me, cur_str(&c));
        stream_take(me, cur_left(&c));
    } else if (ev == STREAM_EOF) {
        stream_finish(&server);
    }
}

static void on_accept(void *arg, int fd, const union endpoint *peer)
{
    (void)arg;
    accepted++;
    (void)endpoint_text(peer, true, peer_text);
    if (server == NULL)
        server = stream_new(loop, fd, on_server, NULL);
    else
        close(fd);
}

static union endpoint listen_on(const char *where)
{
    union endpoint at;
    struct why w;
    ck_assert_int_eq(endpoint_parse(&at, str_of(where), 0, &w), OK);
    int r = listener_new(&ln, loop, &at, on_accept, NULL, &w);
    ck_assert_msg(r == OK, "%s", w.text);
    endpoint_set_port(&at, listener_port(ln));
    accepted = 0;
    server = NULL;
    return at;
}

static void until(const char *want)
{
    while (strcmp(trace, want) != 0)
        (void)loop_turn(loop, true);
}

static void talk_tcp(const char *where)
{
    union endpoint at = listen_on(where);
    char text[64];
    stream_free(&s);
    s = stream_connect(loop, &at, NULL, on_event, "arg");
    stream_put(s, "early", 5); /* goes out once open */
    ck_assert_str_eq(trace, "");
    until("OdD");
    ck_assert_int_eq(memcmp(input, "early", 5), 0);
    ck_assert_str_eq(endpoint_text(stream_local(s), true, text), peer_text);
    ck_assert_uint_eq(endpoint_port(stream_peer(s)), endpoint_port(&at));
    ck_assert_uint_eq(endpoint_port(stream_local(server)), endpoint_port(&at));
    uid_t uid;
    ck_assert(!stream_peer_uid(s, &uid));
    stream_finish(&s);
    while (server != NULL)
        (void)loop_turn(loop, true);
    turns(2);
    listener_free(&ln);
}

START_TEST(tcp_over_ipv4)
{
    talk_tcp("127.0.0.1:0");
}
END_TEST

START_TEST(tcp_over_ipv6)
{
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool there = fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0;
    if (fd >= 0)
        close(fd);
    if (there) /* containers often have none */
        talk_tcp("[::1]:0");
}
END_TEST

START_TEST(refused_connections_fail_later)
{
    union endpoint at = listen_on("127.0.0.1:0");
    listener_free(&ln);
    stream_free(&s);
    s = stream_connect(loop, &at, NULL, on_event, "arg");
    ck_assert_str_eq(trace, "");
    until("F");
    ck_assert_int_eq(stream_why(s)->err, E_TEMP);
    ck_assert_ptr_nonnull(strstr(stream_why(s)->text, "127.0.0.1:"));
    ck_assert_ptr_nonnull(strstr(stream_why(s)->text, "refused"));
}
END_TEST

START_TEST(an_address_that_is_not_ours_fails_later)
{
    union endpoint at = listen_on("127.0.0.1:0"), from;
    struct why w;
    ck_assert_int_eq(endpoint_parse(&from, STR("192.0.2.1:0"), 0, &w), OK);
    stream_free(&s);
    s = stream_connect(loop, &at, &from, on_event, "arg");
    ck_assert_str_eq(trace, "");
    turns(2);
    ck_assert_str_eq(trace, "F");
    ck_assert_ptr_nonnull(strstr(stream_why(s)->text, "192.0.2.1"));
    listener_free(&ln);
}
END_TEST

/* The peer says why and resets while we are still sending: its words are read before FAIL. */
START_TEST(last_words_before_a_reset_are_read)
{
    union endpoint at = listen_on("127.0.0.1:0");
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, &at.any, endpoint_len(&at)), 0);
    stream_free(&s);
    while (server == NULL)
        (void)loop_turn(loop, true);
    s = server;
    server = NULL;
    stream_owner(s, on_event, "arg");
    ck_assert_int_eq(write(fd, "421 too busy\r\n", 14), 14);
    struct linger reset = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
    stream_put(s, "DATA...", 7);
    stream_flush(s);
    for (int i = 0; i < 1000 && strchr(trace, 'F') == NULL; i++)
        (void)loop_turn(loop, true);
    ck_assert_str_eq(trace, "DF");
    ck_assert_int_eq(memcmp(input, "421 too busy\r\n", 14), 0);
    listener_free(&ln);
}
END_TEST

START_TEST(a_paused_listener_takes_nobody)
{
    union endpoint at = listen_on("127.0.0.1:0");
    listener_pause(ln, true);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, &at.any, endpoint_len(&at)), 0);
    turns(5);
    ck_assert_int_eq(accepted, 0);
    listener_pause(ln, false);
    while (accepted == 0)
        (void)loop_turn(loop, true);
    stream_free(&server);
    close(fd);
    listener_free(&ln);
}
END_TEST

static void on_accept_end(void *arg, int fd, const union endpoint *peer)
{
    (void)arg, (void)peer;
    close(fd);
    accepted++;
    listener_free(&ln);
}

START_TEST(a_listener_freed_in_its_callback)
{
    union endpoint at = listen_on("127.0.0.1:0");
    struct why w;
    listener_free(&ln);
    ck_assert_int_eq(listener_new(&ln, loop, &at, on_accept_end, NULL, &w), OK);
    int fd[2];
    for (int i = 0; i < 2; i++) {
        fd[i] = socket(AF_INET, SOCK_STREAM, 0);
        ck_assert_int_eq(connect(fd[i], &at.any, endpoint_len(&at)), 0);
    }
    while (accepted == 0)
        (void)loop_turn(loop, true);
    turns(2);
    ck_assert_int_eq(accepted, 1);
    ck_assert_ptr_null(ln);
    close(fd[0]);
    close(fd[1]);
}
END_TEST

START_TEST(without_descriptors_a_listener_rests)
{
    union endpoint at = listen_on("127.0.0.1:0");
    struct rlimit few = {64, 64};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    int client = socket(AF_INET, SOCK_STREAM, 0), hoard[64], n = 0;
    ck_assert_int_eq(connect(client, &at.any, endpoint_len(&at)), 0);
    while (n < 64 && (hoard[n] = dup(client)) >= 0)
        n++;
    ck_assert_int_lt(n, 64);
    int busy = 0;
    for (int i = 0; i < 50; i++)
        busy += loop_turn(loop, false);
    ck_assert_int_eq(busy, 1); /* one try, not one a turn */
    while (n > 0)
        close(hoard[--n]);
    turns(5);
    ck_assert_int_eq(accepted, 0);
    clock_step(1000);
    while (accepted == 0)
        (void)loop_turn(loop, true);
    stream_free(&server);
    close(client);
    listener_free(&ln);
}
END_TEST

/* --- sockets in the file system --- */

START_TEST(file_system_sockets)
{
    char path[400];
    struct why w;
    snprintf(path, sizeof path, "%s/control", unit_tmp());
    accepted = 0;
    server = NULL;
    ck_assert_int_eq(listener_unix(&ln, loop, path, 0600, on_accept, NULL, &w), OK);
    struct listener *second = NULL;
    ck_assert_int_lt(listener_unix(&second, loop, path, 0600, on_accept, NULL, &w), 0);
    ck_assert_ptr_nonnull(strstr(w.text, "another process listens here"));
    stream_free(&s);
    turns(1); /* the probe of the second listener has come and gone */
    stream_free(&server);
    s = stream_connect_unix(loop, path, on_event, "arg", &w);
    ck_assert_ptr_nonnull(s);
    stream_puts(s, STR("echo"));
    until("OdD");
    uid_t uid = 4711;
    ck_assert(stream_peer_uid(server, &uid));
    ck_assert_uint_eq(uid, getuid());
    char text[64];
    ck_assert_str_eq(endpoint_text(stream_peer(server), true, text), "local");
    stream_free(&server);
    stream_free(&s);
    listener_free(&ln);
    ck_assert_int_ne(access(path, F_OK), 0);
    ck_assert_ptr_null(stream_connect_unix(loop, path, on_event, "arg", &w));
}
END_TEST

START_TEST(file_system_sockets_left_over_and_impossible)
{
    char path[400];
    struct why w;
    snprintf(path, sizeof path, "%s/control", unit_tmp());
    ck_assert_int_eq(listener_unix(&ln, loop, path, 0600, on_accept, NULL, &w), OK);
    char moved[410];
    snprintf(moved, sizeof moved, "%s.old", path);
    ck_assert_int_eq(rename(path, moved), 0); /* listener_free will not find it: as after a crash */
    listener_free(&ln);
    ck_assert_int_eq(rename(moved, path), 0);
    int r = listener_unix(&ln, loop, path, 0600, on_accept, NULL, &w);
    ck_assert_msg(r == OK, "%s", w.text);
    listener_free(&ln);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    close(fd);
    ck_assert_int_eq(listener_unix(&ln, loop, path, 0600, on_accept, NULL, &w), E_PERM);
    ck_assert_ptr_nonnull(strstr(w.text, "not a socket"));
    char deep[200];
    memset(deep, 'd', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    ck_assert_int_eq(listener_unix(&ln, loop, deep, 0600, on_accept, NULL, &w), E_LIMIT);
    ck_assert_ptr_null(stream_connect_unix(loop, deep, on_event, "arg", &w));
    ck_assert_int_eq(w.err, E_LIMIT);
}
END_TEST

/* --- endpoints --- */

static const struct {
    const char *text, *want; /* NULL: refused */
} endpoints[] = {
    {"192.0.2.1:25", "192.0.2.1:25"},
    {"192.0.2.1", "192.0.2.1:99"},
    {" 25 ", "0.0.0.0:25"},
    {"*:25", "0.0.0.0:25"},
    {"*", "0.0.0.0:99"},
    {":25", "0.0.0.0:25"},
    {"[2001:db8::1]:25", "[2001:db8::1]:25"},
    {"[2001:db8::1]", "[2001:db8::1]:99"},
    {"2001:db8::1", "[2001:db8::1]:99"},
    {"::", "[::]:99"},
    {"[::]:0", "[::]:0"},
    {"0", "0.0.0.0:0"},
    {"", NULL},
    {"65536", NULL},
    {"192.0.2.1:65536", NULL},
    {"192.0.2.1:", NULL},
    {"192.0.2.256:25", NULL},
    {"host.example:25", NULL},
    {"[192.0.2.1]:25", NULL},
    {"[2001:db8::1", NULL},
    {"[2001:db8::1]x", NULL},
    {"[2001:db8::1]:x", NULL},
    {"1:2:3", NULL},
    {"[]:25", NULL},
};

START_TEST(endpoint_texts)
{
    union endpoint e;
    struct why w = {0};
    char text[64];
    memset(&e, 0xa5, sizeof e);
    int r = endpoint_parse(&e, str_of(endpoints[_i].text), 99, &w);
    if (endpoints[_i].want == NULL) {
        ck_assert_msg(r == E_SYNTAX, "\"%s\" was taken", endpoints[_i].text);
        ck_assert_ptr_nonnull(strstr(w.text, endpoints[_i].text));
        return;
    }
    ck_assert_msg(r == OK, "%s", w.text);
    ck_assert_str_eq(endpoint_text(&e, true, text), endpoints[_i].want);
    union endpoint again;
    ck_assert_int_eq(endpoint_parse(&again, str_of(text), 1, &w), OK);
    ck_assert_int_eq(memcmp(&e, &again, endpoint_len(&e)), 0);
    ck_assert_ptr_null(strchr(endpoint_text(&e, false, text), '['));
}
END_TEST

static Suite *test_stream_suite(void)
{
    Suite *suite = suite_create("stream");
    TCase *t = tcase_create("stream");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, data_in_and_out);
    tcase_add_test(t, unread_input_stays_and_grows);
    tcase_add_test(t, the_limit_stops_reading);
    tcase_add_test(t, hold_stops_reading_and_its_end_tells_again);
    tcase_add_test(t, the_peer_closes);
    tcase_add_test(t, half_closed_peers_still_get_their_answer);
    tcase_add_test(t, output_waits_for_the_peer);
    tcase_add_test(t, silence_times_out_in_virtual_time);
    tcase_add_test(t, a_held_stream_does_not_time_out);
    tcase_add_loop_test(t, freed_in_any_callback, 0, 6);
    tcase_add_test(t, finish_flushes_then_closes);
    tcase_add_test(t, finish_gives_up_in_time);
    tcase_add_test(t, finish_does_not_wait_long_for_the_peer);
    tcase_add_test(t, an_open_finish_goes_with_the_loop);
    tcase_add_test(t, a_new_owner_is_told_of_unread_input);
    tcase_add_test(t, what_a_barrier_puts_goes_out_in_the_same_turn);
    tcase_add_test(t, what_drained_changes_is_committed_in_the_same_turn);
    tcase_add_test(t, drained_may_put_more);
    tcase_add_test(t, drained_is_told_once_after_a_flush_that_got_stuck);
    tcase_add_test(t, tcp_over_ipv4);
    tcase_add_test(t, tcp_over_ipv6);
    tcase_add_test(t, refused_connections_fail_later);
    tcase_add_test(t, an_address_that_is_not_ours_fails_later);
    tcase_add_test(t, last_words_before_a_reset_are_read);
    tcase_add_test(t, a_paused_listener_takes_nobody);
    tcase_add_test(t, a_listener_freed_in_its_callback);
    tcase_add_test(t, without_descriptors_a_listener_rests);
    tcase_add_test(t, file_system_sockets);
    tcase_add_test(t, file_system_sockets_left_over_and_impossible);
    tcase_add_loop_test(t, endpoint_texts, 0, sizeof endpoints / sizeof *endpoints);
    suite_add_tcase(suite, t);
    return suite;
}
UNIT(test_stream_suite)
