/* tests/unit/rscs/test_link_pair.c -- two links of ours back to back: many files of many sizes, a
 * connection cut at every byte, recorded sessions bent in every way, both dialling at once */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "unit/rscs/node.h"
#include "unit/unit.h"

static struct loop *loop;
static struct node a, b;
static struct port *port_a, *port_b;

/* Between the two, when a test wants to count or cut. */
static struct {
    bool on;
    int to_a, to_b;
    size_t left; /* bytes until the cut */
    size_t passed;
    struct buf *record_a; /* what a said, or NULL */
} proxy;

static struct link *find(void *arg, const struct nje_name *rhost, const struct nje_name *ohost)
{
    struct node *n = arg;
    (void)rhost, (void)ohost;
    return n->link;
}

static void refused(void *arg, const union endpoint *peer, const struct why *w)
{
    struct node *n = arg;
    (void)peer;
    buf_printf(&n->log, "refused: %s\n", w->text);
}

static struct port *port_of(struct node *n, const char *us)
{
    const struct port_set set = {
        .loop = loop, .us = name_of(us), .find = find, .refused = refused, .arg = n};
    return port_new(&set);
}

static bool ahead; /* both send files ahead */

static void begin(struct link_conf *ca, struct link_conf *cb)
{
    ca->ahead = cb->ahead = ahead;
    clock_fake(true);
    loop = loop_new();
    node_init(&a, loop, ca);
    node_init(&b, loop, cb);
    a.quiet = b.quiet = true;
    a.retry = b.retry = true;
    port_a = port_of(&a, "NODEA");
    port_b = port_of(&b, "NODEB");
    memset(&proxy, 0, sizeof proxy);
    proxy.to_a = proxy.to_b = -1;
    proxy.left = SIZE_MAX;
}

static void begin_usual(void)
{
    struct link_conf ca = node_conf("NODEA", "NODEB"), cb = node_conf("NODEB", "NODEA");
    ca.dial = true;
    begin(&ca, &cb);
}

static void hang_up(void)
{
    if (proxy.to_a >= 0)
        close(proxy.to_a);
    if (proxy.to_b >= 0)
        close(proxy.to_b);
    proxy.to_a = proxy.to_b = -1;
}

static void end(void)
{
    hang_up();
    port_free(&port_a);
    port_free(&port_b);
    node_free(&a);
    node_free(&b);
    loop_free(&loop);
    clock_fake(false);
}

/* What `from` has dialled reaches the other's port. */
static void connect_dialled(struct node *from, struct port *to)
{
    int fd[2], far = from->peer_fd;
    if (from->dialled == NULL)
        return;
    if (proxy.on) {
        hang_up();
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
        proxy.to_a = from->peer_fd;
        proxy.to_b = fd[0];
        far = fd[1];
    }
    port_take(to, stream_new(loop, far, NULL, NULL));
    node_connected(from);
}

static bool pass(int from, int to, struct buf *record)
{
    static uint8_t bytes[65536];
    size_t most = proxy.left < sizeof bytes ? proxy.left : sizeof bytes;
    ssize_t n = from < 0 || most == 0 ? 0 : recv(from, bytes, most, MSG_DONTWAIT);
    if (n <= 0)
        return false;
    if (record != NULL)
        buf_add(record, bytes, (size_t)n);
    proxy.left -= (size_t)n;
    proxy.passed += (size_t)n;
    ck_assert_int_eq(send(to, bytes, (size_t)n, MSG_NOSIGNAL), n);
    return true;
}

static void run(void)
{
    for (int quiet = 0; quiet < 3;) {
        bool ran = loop_turn(loop, false);
        connect_dialled(&a, port_b);
        connect_dialled(&b, port_a);
        ran |= pass(proxy.to_a, proxy.to_b, proxy.record_a);
        ran |= pass(proxy.to_b, proxy.to_a, NULL);
        if (proxy.on && proxy.left == 0)
            hang_up();
        quiet = ran ? 0 : quiet + 1;
    }
}

static int number_of(const struct buf *deck)
{
    struct njh njh;
    struct dsh dsh;
    struct why w;
    ck_assert_int_ge(deck_headers(buf_cur(deck), &njh, &dsh, &w), 0);
    return njh.job_id;
}

/* Each file that came is one of those queued, byte for byte; seen counts how often. */
static void check_files(const struct node *from, const struct node *to, int *seen)
{
    memset(seen, 0, FILES_MAX * sizeof *seen);
    for (int i = 0; i < to->nin; i++) {
        int k = number_of(to->in[i]);
        ck_assert_int_lt(k, from->ndecks);
        ck_assert_msg(str_eq(buf_text(to->in[i]), buf_text(&from->deck[k])),
                      "file %d came differently", k);
        seen[k]++;
    }
}

static void all_once(const struct node *from, const struct node *to)
{
    static int seen[FILES_MAX];
    check_files(from, to, seen);
    for (int i = 0; i < from->ndecks; i++)
        ck_assert_msg(seen[i] == 1, "file %d came %d times", i, seen[i]);
    ck_assert_int_eq(from->sent_ok, from->ndecks);
}

static void start(void)
{
    link_start(b.link);
    link_start(a.link);
    run();
    ck_assert_int_eq(link_state_of(a.link), LINK_UP);
    ck_assert_int_eq(link_state_of(b.link), LINK_UP);
}

static void queue_sizes(struct node *n, int files)
{
    static const unsigned cards[] = {1, 2, 3, 7, 100, 101, 102, 1, 5, 3000, 1, 1, 33, 64};
    static const unsigned sizes[] = {2, 81, 256, 64, 65, 31, 33, 1, 255, 81, 127};
    for (int i = 0; i < files; i++)
        node_queue(n, i % 5 == 4 ? DECK_SYSIN : DECK_SYSOUT, cards[i % 14], sizes[i % 11]);
    link_kick(n->link);
}

START_TEST(many_files_both_ways)
{
    ahead = _i;
    begin_usual();
    start();
    queue_sizes(&a, 308);
    queue_sizes(&b, 308);
    run();
    all_once(&a, &b);
    all_once(&b, &a);
    struct link_stat sa, sb;
    link_stat(a.link, &sa);
    link_stat(b.link, &sb);
    ck_assert_uint_eq(sa.bytes_out, sb.bytes_in);
    ck_assert_uint_eq(sb.bytes_out, sa.bytes_in);
    ck_assert_uint_eq(sa.files_out, 308);
    ck_assert_uint_eq(sb.files_in, 308);
    end();
}
END_TEST

START_TEST(small_buffers_and_one_stream)
{
    ahead = _i;
    struct link_conf ca = node_conf("NODEA", "NODEB"), cb = node_conf("NODEB", "NODEA");
    ca.dial = true;
    ca.bufsize = 400;
    ca.streams = 1;
    cb.streams = 3;
    begin(&ca, &cb);
    start();
    queue_sizes(&a, 60);
    queue_sizes(&b, 60);
    run();
    all_once(&a, &b);
    all_once(&b, &a);
    end();
}
END_TEST

START_TEST(thousands_of_small_files)
{
    ahead = _i;
    begin_usual();
    start();
    for (int i = 0; i < 4000; i++)
        node_queue(&a, DECK_SYSOUT, 3, 81);
    link_kick(a.link);
    run();
    all_once(&a, &b);
    end();
}
END_TEST

/* Deferred completion, as the gateway's commit does it at the end of each turn. */
static void barrier(void *arg)
{
    node_done(arg);
}

START_TEST(done_in_a_barrier)
{
    ahead = _i;
    begin_usual();
    a.hold_done = b.hold_done = true;
    loop_barrier(loop, barrier, &a);
    loop_barrier(loop, barrier, &b);
    start();
    queue_sizes(&a, 100);
    queue_sizes(&b, 100);
    run();
    all_once(&a, &b);
    all_once(&b, &a);
    end();
}
END_TEST

/* Spanned pieces, print records and what nobody knows travel as they stand. */
START_TEST(strange_records_travel)
{
    static const uint8_t srcbs[] = {0x88, 0x84, 0x8C, 0x90, 0xA0, 0xB0, 0xF0, 0x98, 0xA4, 0x10};
    uint8_t bytes[256];
    struct njh njh = {.job_id = 0};
    struct dsh dsh = {.flags2 = 0x40};
    struct buf head, *d = &a.deck[0];
    begin_usual();
    start();
    buf_init(&head, 1000);
    buf_init(d, 100000);
    a.ndecks = 1;
    deck_begin(d, DECK_SYSOUT);
    njh_put(&head, &njh);
    deck_add(d, SRCB_NJH, buf_cur(&head));
    buf_reset(&head);
    dsh_put(&head, &dsh);
    for (unsigned i = 0; i < sizeof srcbs; i++) {
        memset(bytes, (int)(i * 40), sizeof bytes);
        if (i % 4 == 0)
            deck_add(d, SRCB_DSH, buf_cur(&head));
        deck_add(d, srcbs[i], cur_of(bytes, 1 + i * 28));
    }
    buf_reset(&head);
    njt_put(&head, 3, 0, 0);
    deck_add(d, SRCB_NJT, buf_cur(&head));
    link_kick(a.link);
    run();
    all_once(&a, &b);
    buf_done(&head);
    end();
}
END_TEST

/* --- cuts --- */

static void queue_small(void)
{
    node_queue(&a, DECK_SYSOUT, 1, 2);
    node_queue(&a, DECK_SYSOUT, 2, 81);
    node_queue(&b, DECK_SYSOUT, 1, 81);
    node_queue(&b, DECK_SYSIN, 1, 10);
}

static void cut_at(size_t at, size_t *whole)
{
    static int seen_b[FILES_MAX], seen_a[FILES_MAX];
    begin_usual();
    proxy.on = true;
    proxy.left = at;
    queue_small();
    link_start(b.link);
    link_start(a.link);
    run();
    *whole = proxy.passed;
    /* What was confirmed has come; nothing has come in part or twice. */
    check_files(&a, &b, seen_b);
    check_files(&b, &a, seen_a);
    for (int i = 0; i < 2; i++)
        ck_assert_msg(seen_b[i] <= 1 && seen_a[i] <= 1, "cut at %zu: twice on one connection", at);
    ck_assert_int_le(a.sent_ok, b.nin);
    ck_assert_int_le(b.sent_ok, a.nin);
    struct link_stat st;
    link_stat(b.link, &st);
    ck_assert_uint_eq(st.open_in + st.open_out, 0);
    /* And after reconnection everything is there. */
    proxy.left = SIZE_MAX;
    for (int i = 0; i < 3 && (a.sent_ok < 2 || b.sent_ok < 2); i++) {
        clock_step(20000);
        run();
    }
    check_files(&a, &b, seen_b);
    check_files(&b, &a, seen_a);
    for (int i = 0; i < 2; i++)
        ck_assert_msg(seen_b[i] >= 1 && seen_a[i] >= 1, "cut at %zu: file %d is missing", at, i);
    ck_assert_int_eq(a.sent_ok, 2);
    ck_assert_int_eq(b.sent_ok, 2);
    end();
}

START_TEST(cut_at_every_byte)
{
    size_t whole = 0, used;
    cut_at(SIZE_MAX, &whole);
    ck_assert_uint_gt(whole, 1000);
    for (size_t at = (size_t)_i; at < whole; at += 4)
        cut_at(at, &used);
}
END_TEST

/* Six files each way over one stream, all on their way or waiting for their X'C0' together: the
 * owner makes them safe some turns later, the younger of two first. */
static int delay;

static void late(void *arg)
{
    struct node *n = arg;
    if (n->ndone == 0 || ++delay % 3 != 0)
        return;
    for (int i = 0; i + 1 < n->ndone; i += 2) {
        struct link_in *swap = n->done[i];
        n->done[i] = n->done[i + 1];
        n->done[i + 1] = swap;
    }
    node_done(n);
}

static void begin_ahead(void)
{
    struct link_conf ca = node_conf("NODEA", "NODEB"), cb = node_conf("NODEB", "NODEA");
    ahead = true;
    ca.dial = true;
    ca.streams = cb.streams = 1;
    begin(&ca, &cb);
    a.hold_done = b.hold_done = true;
    loop_barrier(loop, late, &a);
    loop_barrier(loop, late, &b);
    proxy.on = true;
    for (int i = 0; i < 6; i++) {
        node_queue(&a, i == 3 ? DECK_SYSIN : DECK_SYSOUT, 1, 2);
        node_queue(&b, i == 2 ? DECK_SYSIN : DECK_SYSOUT, 1, 2);
    }
}

/* What one says is confirmed, the other has; and nobody has it twice of one connection. */
static void confirmed_is_there(const struct node *from, const struct node *to, size_t at)
{
    static int seen[FILES_MAX];
    check_files(from, to, seen);
    for (int i = 0; i < from->ndecks; i++) {
        char line[32];
        snprintf(line, sizeof line, "sent %d ok", i);
        bool ok = strstr(buf_cstr((struct buf *)&from->log), line) != NULL;
        ck_assert_msg(seen[i] <= 1, "cut at %zu: file %d twice on one connection", at, i);
        ck_assert_msg(!ok || seen[i] == 1, "cut at %zu: file %d confirmed, but lost", at, i);
    }
}

static void run_late(void)
{
    for (int i = 0; i < 5; i++) {
        run();
        loop_turn(loop, false);
    }
}

static void ahead_cut_at(size_t at, size_t *whole)
{
    static int seen[FILES_MAX];
    struct link_stat st;
    begin_ahead();
    proxy.left = at;
    link_start(b.link);
    link_start(a.link);
    run_late();
    *whole = proxy.passed;
    confirmed_is_there(&a, &b, at);
    confirmed_is_there(&b, &a, at);
    link_stat(b.link, &st);
    ck_assert_uint_eq(st.open_in + st.open_out, 0);
    proxy.left = SIZE_MAX;
    for (int i = 0; i < 3 && (a.sent_ok < 6 || b.sent_ok < 6); i++) {
        clock_step(20000);
        run_late();
    }
    ck_assert_int_eq(a.sent_ok, 6);
    ck_assert_int_eq(b.sent_ok, 6);
    check_files(&a, &b, seen);
    for (int i = 0; i < 6; i++)
        ck_assert_msg(seen[i] >= 1, "cut at %zu: file %d is missing", at, i);
    check_files(&b, &a, seen);
    for (int i = 0; i < 6; i++)
        ck_assert_msg(seen[i] >= 1, "cut at %zu: file %d is missing", at, i);
    end();
}

START_TEST(ahead_cut_at_every_byte)
{
    size_t whole = 0, used;
    ahead_cut_at(SIZE_MAX, &whole);
    ck_assert_uint_gt(whole, 2500);
    for (size_t at = (size_t)_i; at < whole; at += 4)
        ahead_cut_at(at, &used);
}
END_TEST

/* --- bent sessions --- */

/* All that a says in a session with files and messages, split into pieces: the OPEN and the TTBs.
 */
static struct cur pieces[64];
static int npieces;
static struct buf session;

static void record_session(void)
{
    begin_usual();
    proxy.on = true;
    buf_init(&session, 1 << 20);
    proxy.record_a = &session;
    node_queue(&a, DECK_SYSOUT, 2, 30);
    node_queue(&a, DECK_SYSIN, 1, 30);
    start();
    struct nmr m = {.to_user = name_of("BOB"), .from_user = name_of("ALICE")};
    nmr_set_text(&m, ebc_page_default(), STR("HELLO"));
    ck_assert(link_message(a.link, &m));
    run();
    link_stop(a.link, "done");
    run();
    ck_assert_int_eq(b.nin, 2);
    end();
    struct cur c = buf_cur(&session);
    npieces = 0;
    pieces[npieces++] = cur_sub(&c, WIRE_CTL_SIZE);
    while (cur_left(&c) > 0) {
        size_t size = 0;
        struct cur ttrs;
        struct why w;
        ck_assert_int_eq(wire_ttb(c, &size, &ttrs, &w), 1);
        ck_assert_int_lt(npieces, 64);
        pieces[npieces++] = cur_sub(&c, size);
    }
    ck_assert_int_gt(npieces, 6);
}

/* With BCBs that are not checked, so that what is bent reaches the streams. */
static void unnumber(struct cur piece)
{
    uint8_t *q = session.p + (piece.p - session.p), *stop = q + cur_left(&piece);
    for (q += 8; q + 4 < stop;) {
        size_t n = (size_t)(q[2] << 8 | q[3]);
        if (n > 5 && q[4] == 0x10 && q[5] == 0x02)
            q[6] = 0x90;
        q += 4 + n;
    }
}

/* Headers may have been bent inside, but they stand where they belong. */
static void whole_deck(const struct buf *deck)
{
    struct cur c = buf_cur(deck);
    struct deck_item item = {0};
    struct why w;
    uint8_t kind, first = 0;
    int r;
    ck_assert_int_eq(deck_kind(&c, &kind, &w), 0);
    while ((r = deck_next(&c, &item, &w)) > 0)
        first = first == 0 ? item.srcb : first;
    ck_assert_int_eq(r, 0);
    ck_assert_uint_eq(first, SRCB_NJH);
    ck_assert_uint_eq(item.srcb, SRCB_NJT);
}

/* Give the bytes to a fresh link of b's and see that it ends clean, whatever they were. */
static void play(const struct cur *list, int n)
{
    struct link_stat st;
    begin_usual();
    link_start(b.link);
    int fd[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    port_take(port_b, stream_new(loop, fd[0], NULL, NULL));
    for (int i = 0; i < n; i++) {
        uint8_t answer[8192];
        if (send(fd[1], list[i].p, cur_left(&list[i]), MSG_NOSIGNAL) < 0)
            break;
        turns(loop);
        (void)!recv(fd[1], answer, sizeof answer, MSG_DONTWAIT);
    }
    close(fd[1]);
    turns(loop);
    clock_step(31000);
    turns(loop);
    link_stat(b.link, &st);
    ck_assert_uint_eq(st.open_in + st.open_out, 0);
    ck_assert_int_eq(link_state_of(b.link), LINK_WAITING);
    for (int i = 0; i < b.nin; i++)
        whole_deck(b.in[i]);
    end();
}

START_TEST(pieces_dropped_doubled_exchanged)
{
    ahead = _i;
    struct cur list[65];
    record_session();
    for (int with_numbers = 1; with_numbers >= 0; with_numbers--) {
        for (int i = 0; i < npieces; i++) {
            int n = 0;
            for (int k = 0; k < npieces; k++) /* without piece i */
                if (k != i)
                    list[n++] = pieces[k];
            play(list, n);
            n = 0;
            for (int k = 0; k < npieces; k++) { /* piece i twice */
                list[n++] = pieces[k];
                if (k == i)
                    list[n++] = pieces[k];
            }
            play(list, n);
            for (int j = i + 1; j < npieces; j++) { /* i and j exchanged */
                memcpy(list, pieces, sizeof pieces);
                list[i] = pieces[j];
                list[j] = pieces[i];
                play(list, npieces);
            }
        }
        for (int i = 1; i < npieces; i++)
            unnumber(pieces[i]);
    }
    buf_done(&session);
}
END_TEST

START_TEST(pieces_cut_short)
{
    struct cur list[64];
    ahead = _i % 2 != 0;
    record_session();
    for (int i = 0; i < npieces; i++)
        for (size_t n = (size_t)_i; n < cur_left(&pieces[i]); n += 4) {
            memcpy(list, pieces, sizeof pieces);
            list[i].end = list[i].p + n;
            play(list, npieces);
        }
    buf_done(&session);
}
END_TEST

/* Every byte of the session takes a few other values. */
START_TEST(bytes_changed)
{
    static const uint8_t change[] = {0x01, 0x80, 0x40, 0xFF};
    ahead = _i % 2 != 0;
    record_session();
    for (int i = 1; i < npieces; i++)
        unnumber(pieces[i]);
    for (size_t at = 0; at < session.n; at++) {
        session.p[at] ^= change[_i];
        int k = 0;
        while (k + 1 < npieces && pieces[k + 1].p <= session.p + at)
            k++;
        play(pieces, npieces);
        session.p[at] ^= change[_i];
    }
    buf_done(&session);
}
END_TEST

/* --- both dial --- */

START_TEST(both_dial_at_once)
{
    struct link_conf ca = node_conf("NODEA", "NODEB"), cb = node_conf("NODEB", "NODEA");
    ca.dial = cb.dial = true;
    begin(&ca, &cb);
    link_start(a.link);
    link_start(b.link);
    run();
    ck_assert_str_eq(link_state_name(link_state_of(a.link)), "waiting"); /* NAK 3 both ways */
    ck_assert_str_eq(link_state_name(link_state_of(b.link)), "waiting");
    for (int i = 0; i < 10000 && link_state_of(a.link) != LINK_UP; i++) {
        clock_step(10);
        run();
    }
    ck_assert_int_eq(link_state_of(a.link), LINK_UP);
    ck_assert_int_eq(link_state_of(b.link), LINK_UP);
    node_queue(&a, DECK_SYSOUT, 1, 10);
    link_kick(a.link);
    run();
    all_once(&a, &b);
    end();
}
END_TEST

/* Over real sockets, with the machine's own dial. */
static void on_accept(void *arg, int fd, const union endpoint *peer)
{
    (void)peer;
    port_take(arg, stream_new(loop, fd, NULL, NULL));
}

static struct stream *tcp_dial(void *arg, stream_fn *fn, void *fn_arg, struct why *w)
{
    (void)w;
    return stream_connect(loop, arg, NULL, fn, fn_arg);
}

static struct {
    enum link_state state;
    char why[400];
} told;

static void tcp_state(void *arg, enum link_state s, const struct why *w)
{
    (void)arg;
    told.state = s;
    if (w != NULL)
        str_copy(told.why, sizeof told.why, str_of(w->text));
}

static bool no_file(void *arg, struct link_out *out)
{
    (void)arg, (void)out;
    return false;
}

START_TEST(over_tcp)
{
    struct link_conf ca = node_conf("NODEA", "NODEB"), cb = node_conf("NODEB", "NODEA");
    struct link_ops ops = {.dial = tcp_dial, .state = tcp_state, .next_file = no_file};
    union endpoint at = {.in4 = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}}};
    struct listener *ln = NULL;
    struct why w;
    cb.signon_ms = ca.signon_ms = 600000;
    begin(&ca, &cb);
    clock_fake(false);
    ck_assert_int_eq(listener_new(&ln, loop, &at, on_accept, port_b, &w), 0);
    endpoint_set_port(&at, listener_port(ln));
    ca.dial = true;
    struct link *k = link_new(loop, &ca, &ops, &at);
    link_start(b.link);
    link_start(k);
    while (told.state != LINK_UP && told.why[0] == '\0')
        loop_turn(loop, true);
    ck_assert_int_eq(told.state, LINK_UP);
    listener_free(&ln);
    link_stop(k, "enough");
    while (link_state_of(b.link) == LINK_UP)
        loop_turn(loop, true);
    log_has(&b, "waiting: NODEA signed off\n");
    told.why[0] = '\0';
    link_start(k); /* nobody listens there any more */
    while (told.why[0] == '\0')
        loop_turn(loop, true);
    ck_assert_ptr_nonnull(strstr(told.why, "refused"));
    ck_assert_int_eq(told.state, LINK_WAITING);
    link_free(&k);
    end();
}
END_TEST

static Suite *link_pair_suite(void)
{
    Suite *s = suite_create("link_pair");
    TCase *t = tcase_create("pairs");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, many_files_both_ways, 0, 2);
    tcase_add_loop_test(t, small_buffers_and_one_stream, 0, 2);
    tcase_add_loop_test(t, thousands_of_small_files, 0, 2);
    tcase_add_loop_test(t, done_in_a_barrier, 0, 2);
    tcase_add_test(t, strange_records_travel);
    tcase_add_loop_test(t, cut_at_every_byte, 0, 4);
    tcase_add_loop_test(t, ahead_cut_at_every_byte, 0, 4);
    tcase_add_loop_test(t, pieces_dropped_doubled_exchanged, 0, 2);
    tcase_add_loop_test(t, pieces_cut_short, 0, 4);
    tcase_add_loop_test(t, bytes_changed, 0, 4);
    tcase_add_test(t, both_dial_at_once);
    tcase_add_test(t, over_tcp);
    suite_add_tcase(s, t);
    return s;
}
UNIT(link_pair_suite)
