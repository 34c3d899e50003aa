/* tests/fuzz/fuzz_link.c -- a whole link, both roles: byte 0 is the role and the owner's mood, byte
 * 1 how the rest, the peer's bytes, is cut into turns. Whatever comes, every file ends and the link
 * comes to rest. Seeds: recorded sessions. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "rscs/deck.h"
#include "rscs/port.h"

#define DONE_MAX 512

static struct {
    struct loop *loop;
    struct link *link;
    struct link_in *done[DONE_MAX];
    unsigned ndone, open, out, asked;
    uint8_t mood; /* 01 we dial, 02 refuse some files, 04 cancel some, 08 done later, 10 drain, 20
                     ahead */
    int far;      /* the peer's end */
    struct stream *near;
    stream_fn *fn;
    void *fn_arg;
    struct buf deck;
} t;

static void expect(bool good)
{
    if (!good)
        abort();
}

static struct stream *dial(void *arg, stream_fn *fn, void *fn_arg, struct why *w)
{
    int fd[2];
    (void)arg;
    if (t.far >= 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) != 0) {
        why_set(w, E_TEMP, 0, NULL, "once is enough");
        return NULL;
    }
    t.far = fd[1];
    t.fn = fn;
    t.fn_arg = fn_arg;
    t.near = stream_new(t.loop, fd[0], fn, fn_arg);
    return t.near;
}

static int file_open(void *arg, struct link_in *in, struct why *w)
{
    (void)arg;
    if ((t.mood & 2) != 0 && ++t.asked % 3 == 0)
        return why_set(w, E_TEMP, 0, NULL, "not now");
    t.open++;
    in->user = &t;
    return 0;
}

static int file_record(void *arg, struct link_in *in, uint8_t srcb, struct cur data, struct why *w)
{
    (void)arg, (void)srcb;
    expect(in->user == &t && cur_left(&data) > 0 && !cur_bad(&data));
    if ((t.mood & 4) != 0 && ++t.asked % 5 == 0)
        return why_set(w, E_IO, 0, NULL, "disk full");
    return 0;
}

static void all_done(void)
{
    while (t.ndone > 0) {
        t.open--;
        link_in_done(t.link, t.done[--t.ndone]);
    }
}

static void file_end(void *arg, struct link_in *in)
{
    (void)arg;
    expect(t.ndone < DONE_MAX);
    t.done[t.ndone++] = in;
    if ((t.mood & 8) == 0)
        all_done();
}

static void file_abort(void *arg, struct link_in *in, const struct why *w)
{
    (void)arg;
    expect(t.open > 0 && w->text[0] != '\0');
    t.open--;
    for (unsigned i = 0; i < t.ndone; i++)
        if (t.done[i] == in)
            t.done[i--] = t.done[--t.ndone];
}

static bool next_file(void *arg, struct link_out *out)
{
    (void)arg;
    if (t.asked > 40)
        return false;
    t.asked++;
    t.out++;
    *out = (struct link_out){.ref = &t, .deck = buf_cur(&t.deck)};
    return true;
}

static void sent(void *arg, void *ref, const struct why *w)
{
    (void)arg, (void)w;
    expect(ref == &t && t.out > 0);
    t.out--;
}

static void message(void *arg, const struct nmr *m)
{
    (void)arg;
    if (m->ntext % 2 == 0)
        (void)!link_message(t.link, m);
}

static void odd(void *arg, const struct why *w)
{
    (void)arg;
    expect(w->text[0] != '\0');
}

static void state(void *arg, enum link_state s, const struct why *w)
{
    (void)arg, (void)w;
    if (s == LINK_UP && (t.mood & 0x10) != 0)
        link_drain(t.link);
}

static struct link *find(void *arg, const struct nje_name *rhost, const struct nje_name *ohost)
{
    (void)arg, (void)rhost, (void)ohost;
    return t.link;
}

static void refused(void *arg, const union endpoint *peer, const struct why *w)
{
    (void)arg, (void)peer, (void)w;
}

static void make_deck(void)
{
    if (t.deck.n > 0)
        return;
    const struct deck_file f = {.from_node = ebc_name_of(STR("NODEA")),
                                .from_user = ebc_name_of(STR("ALICE")),
                                .to_node = ebc_name_of(STR("NODEB")),
                                .to_user = ebc_name_of(STR("BOB")),
                                .fn = STR("A"),
                                .ft = STR("B"),
                                .form = STR("STD"),
                                .records = 200};
    buf_init(&t.deck, 1 << 20);
    deck_file_begin(&t.deck, &f);
    for (int i = 0; i < 200; i++)
        deck_card(&t.deck, cur_of("\xC1\xC2\xC3\xC4", 4));
    deck_file_end(&t.deck, &f);
}

static void turns(void)
{
    uint8_t sink[65536];
    for (int i = 0; i < 50 && loop_turn(t.loop, false); i++)
        (void)!recv(t.far, sink, sizeof sink, MSG_DONTWAIT);
    if (t.ndone > 7)
        all_done();
}

static void feed(const uint8_t *p, size_t n, size_t piece)
{
    while (n > 0) {
        size_t most = n < piece ? n : piece;
        ssize_t put = send(t.far, p, most, MSG_NOSIGNAL | MSG_DONTWAIT);
        turns();
        if (put <= 0)
            return;
        p += put;
        n -= (size_t)put;
    }
}

static struct link_conf conf(bool dials)
{
    struct link_conf c = {.us = ebc_name_of(dials ? STR("NODEA") : STR("NODEB")),
                          .them = ebc_name_of(dials ? STR("NODEB") : STR("NODEA")),
                          .bufsize = 1024,
                          .streams = 7,
                          .line_password = ebc_name_of(STR("")),
                          .node_password = ebc_name_of(STR("")),
                          .dial = dials,
                          .keepalive_ms = 5000,
                          .dead_ms = 60000,
                          .transfer_ms = 40000,
                          .signon_ms = 30000,
                          .file_max = 20000,
                          .ahead = (t.mood & 0x20) != 0};
    return c;
}

static void session(const uint8_t *data, size_t size, struct port *port)
{
    link_start(t.link);
    if ((t.mood & 1) != 0) {
        t.fn(t.near, STREAM_OPEN, t.fn_arg);
    } else {
        int fd[2];
        expect(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == 0);
        t.far = fd[1];
        port_take(port, stream_new(t.loop, fd[0], NULL, NULL));
    }
    feed(data + 2, size - 2, data[1] == 0 ? 32768 : data[1]);
    for (int i = 0; i < 6; i++) {
        clock_step(i < 3 ? 5000 : 40000);
        turns();
    }
    close(t.far);
    turns();
    all_done();
    turns();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct link_ops ops = {.dial = dial,
                                        .file_open = file_open,
                                        .file_record = file_record,
                                        .file_end = file_end,
                                        .file_abort = file_abort,
                                        .next_file = next_file,
                                        .sent = sent,
                                        .message = message,
                                        .odd = odd,
                                        .state = state};
    if (size < 2)
        return 0;
    clock_fake(true);
    make_deck();
    t.mood = data[0];
    t.far = -1;
    t.ndone = t.open = t.out = t.asked = 0;
    t.loop = loop_new();
    struct link_conf c = conf((t.mood & 1) != 0);
    const struct port_set set = {.loop = t.loop, .us = c.us, .find = find, .refused = refused};
    t.link = link_new(t.loop, &c, &ops, NULL);
    struct port *port = port_new(&set);
    session(data, size, port);
    struct link_stat st;
    link_stat(t.link, &st);
    expect(st.open_in == 0 && st.open_out == 0 && t.open == 0 && t.out == 0);
    link_free(&t.link);
    port_free(&port);
    loop_free(&t.loop);
    return 0;
}
