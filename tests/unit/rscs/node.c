/* tests/unit/rscs/node.c -- see node.h */
#include "unit/rscs/node.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rscs/nmr.h"

struct nje_name name_of(const char *z)
{
    return ebc_name_of(str_of(z));
}

static const char *text_of(const struct nje_name *name)
{
    static char ring[8][9];
    static unsigned at;
    return ebc_name_text(name, ring[at++ % 8]).p;
}

void turns(struct loop *l)
{
    for (int quiet = 0; quiet < 3;)
        quiet = loop_turn(l, false) ? 0 : quiet + 1;
}

/* --- the owner --- */

static void tell(struct node *n, const char *what)
{
    if (n->hook != NULL)
        n->hook(n, what);
}

static struct stream *op_dial(void *arg, stream_fn *fn, void *fn_arg, struct why *w)
{
    struct node *n = arg;
    n->dials++;
    if (n->no_dial) {
        why_set(w, E_TEMP, 0, NULL, "no route today");
        return NULL;
    }
    int fd[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    n->peer_fd = fd[1];
    n->dialled = stream_new(n->loop, fd[0], fn, fn_arg);
    n->fn = fn;
    n->fn_arg = fn_arg;
    tell(n, "dial");
    return n->dialled;
}

void node_connected(struct node *n)
{
    struct stream *s = n->dialled;
    n->dialled = NULL;
    if (s != NULL)
        n->fn(s, STREAM_OPEN, n->fn_arg);
}

static int op_open(void *arg, struct link_in *in, struct why *w)
{
    struct node *n = arg;
    buf_printf(&n->log, "open %02X\n", in->rcb);
    tell(n, "open");
    if (n->refuse_open > 0) {
        n->refuse_open--;
        return why_set(w, E_TEMP, 0, NULL, "no room");
    }
    struct buf *b = calloc(1, sizeof *b);
    buf_init(b, SIZE_MAX / 2);
    deck_begin(b, in->rcb & 1 ? DECK_SYSOUT : DECK_SYSIN);
    in->user = b;
    n->nrecords = 0;
    return 0;
}

static int op_record(void *arg, struct link_in *in, uint8_t srcb, struct cur data, struct why *w)
{
    struct node *n = arg;
    if (!n->quiet)
        buf_printf(&n->log, "record %02X %02X/%zu\n", in->rcb, srcb, cur_left(&data));
    if (++n->nrecords == n->fail_record)
        return why_set(w, E_IO, 0, NULL, "disk full");
    deck_add(in->user, srcb, data);
    tell(n, "record");
    return 0;
}

static void finish_in(struct node *n, struct link_in *in)
{
    ck_assert_int_lt(n->nin, FILES_MAX);
    n->in[n->nin++] = in->user;
    link_in_done(n->link, in);
}

static void op_end(void *arg, struct link_in *in)
{
    struct node *n = arg;
    buf_printf(&n->log, "end %02X\n", in->rcb);
    tell(n, "end");
    ck_assert_int_lt(n->ndone, HELD_MAX);
    if (n->hold_done)
        n->done[n->ndone++] = in;
    else
        finish_in(n, in);
}

void node_done(struct node *n)
{
    for (int i = 0; i < n->ndone; i++)
        finish_in(n, n->done[i]);
    n->ndone = 0;
}

static void op_abort(void *arg, struct link_in *in, const struct why *w)
{
    struct node *n = arg;
    buf_printf(&n->log, "abort %02X: %s\n", in->rcb, w->text);
    n->aborted++;
    for (int i = 0; i < n->ndone; i++)
        if (n->done[i] == in)
            n->done[i--] = n->done[--n->ndone];
    buf_done(in->user);
    free(in->user);
    in->user = NULL;
    tell(n, "abort");
}

static void op_odd(void *arg, const struct why *w)
{
    struct node *n = arg;
    buf_printf(&n->log, "odd: %s\n", w->text);
    tell(n, "odd");
}

static bool op_next(void *arg, struct link_out *out)
{
    struct node *n = arg;
    tell(n, "next");
    int i;
    if (n->nagain > 0) {
        i = n->again[0];
        memmove(n->again, n->again + 1, (size_t)--n->nagain * sizeof *n->again);
    } else if (n->next < n->ndecks) {
        i = n->next++;
    } else {
        return false;
    }
    out->ref = &n->deck[i];
    out->deck = buf_cur(&n->deck[i]);
    return true;
}

static void op_sent(void *arg, void *ref, const struct why *w)
{
    struct node *n = arg;
    int i = (int)((struct buf *)ref - n->deck);
    buf_printf(&n->log, "sent %d %s%s\n", i,
               w == NULL        ? "ok"
               : why_is_temp(w) ? "temp: "
                                : "perm: ",
               w == NULL ? "" : w->text);
    *(w == NULL ? &n->sent_ok : &n->sent_why) += 1;
    if (w != NULL && n->retry)
        n->again[n->nagain++] = i;
    tell(n, "sent");
}

static void op_passed(void *arg, void *ref, struct cur part)
{
    struct node *n = arg;
    const struct buf *deck = ref;
    ck_assert(part.p >= deck->p && part.end <= deck->p + deck->n);
    n->passed += cur_left(&part);
    n->passed_most = cur_left(&part) > n->passed_most ? cur_left(&part) : n->passed_most;
}

static bool op_ready(void *arg, void *ref, struct cur part)
{
    struct node *n = arg;
    const struct buf *deck = ref;
    ck_assert(part.p >= deck->p && part.end <= deck->p + deck->n);
    return deck != &n->deck[0] || n->absent == 0 || n->absent-- == 0;
}

static void op_message(void *arg, const struct nmr *m)
{
    struct node *n = arg;
    struct buf text;
    buf_init(&text, 1000);
    nmr_text(m, ebc_page_default(), &text);
    buf_printf(&n->log, "%s %s: %s\n", m->command ? "command" : "message", text_of(&m->to_user),
               buf_cstr(&text));
    buf_done(&text);
    tell(n, "message");
}

static void op_state(void *arg, enum link_state s, const struct why *w)
{
    struct node *n = arg;
    buf_printf(&n->log, "%s%s%s\n", link_state_name(s), w != NULL ? ": " : "",
               w != NULL ? w->text : "");
    tell(n, link_state_name(s));
}

struct link_conf node_conf(const char *us, const char *them)
{
    struct link_conf c = {
        .us = name_of(us),
        .them = name_of(them),
        .bufsize = 8192,
        .streams = 7,
        .line_password = name_of(""),
        .node_password = name_of(""),
        .retry_ms = 5000,
        .retry_max_ms = 900000,
        .signon_ms = 30000,
        .file_max = 1 << 20,
    };
    str_copy(c.name, sizeof c.name, str_of(them));
    return c;
}

void node_init(struct node *n, struct loop *l, const struct link_conf *conf)
{
    static const struct link_ops ops = {
        .dial = op_dial,
        .file_open = op_open,
        .file_record = op_record,
        .file_end = op_end,
        .file_abort = op_abort,
        .next_file = op_next,
        .sent = op_sent,
        .passed = op_passed,
        .ready = op_ready,
        .message = op_message,
        .odd = op_odd,
        .state = op_state,
    };
    memset(n, 0, sizeof *n);
    n->loop = l;
    n->peer_fd = -1;
    buf_init(&n->log, 10 << 20);
    n->link = link_new(l, conf, &ops, n);
}

void node_free(struct node *n)
{
    link_free(&n->link);
    for (int i = 0; i < n->ndecks; i++)
        buf_done(&n->deck[i]);
    for (int i = 0; i < n->nin; i++) {
        buf_done(n->in[i]);
        free(n->in[i]);
    }
    buf_done(&n->log);
}

void deck_make(struct buf *b, uint8_t kind, unsigned id, unsigned cards, unsigned size)
{
    struct buf head;
    struct njh njh = {.job_id = (uint16_t)id, .job_name = name_of("RSCS0001")};
    struct dsh dsh = {.node = name_of("NODEB"), .user = name_of("BOB"), .flags2 = 0x40};
    memset(dsh.fn, 0x40, sizeof dsh.fn);
    memset(dsh.ft, 0x40, sizeof dsh.ft);
    buf_init(&head, 1000);
    deck_begin(b, kind);
    njh_put(&head, &njh);
    deck_add(b, SRCB_NJH, buf_cur(&head));
    buf_reset(&head);
    if (kind == DECK_SYSOUT) {
        dsh_put(&head, &dsh);
        deck_add(b, SRCB_DSH, buf_cur(&head));
    }
    uint8_t card[300];
    for (unsigned i = 0; i < cards; i++) {
        for (unsigned j = 0; j < size; j++)
            card[j] = (uint8_t)(id * 31 + i * 7 + j * (j & 3));
        card[0] = (uint8_t)(size - 1);
        deck_add(b, SRCB_DATA, cur_of(card, size));
    }
    buf_reset(&head);
    njt_put(&head, cards, 0, 0);
    deck_add(b, SRCB_NJT, buf_cur(&head));
    buf_done(&head);
}

int node_queue(struct node *n, uint8_t kind, unsigned cards, unsigned size)
{
    int i = n->ndecks++;
    ck_assert_int_lt(i, FILES_MAX);
    buf_init(&n->deck[i], SIZE_MAX / 2);
    deck_make(&n->deck[i], kind, (unsigned)i, cards, size);
    return i;
}

void log_reset(struct node *n)
{
    buf_reset(&n->log);
}

void log_expect(struct node *n, const char *text)
{
    ck_assert_msg(str_eq(buf_text(&n->log), str_of(text)), "owner told\n%s---\nexpected\n%s",
                  buf_cstr(&n->log), text);
    buf_reset(&n->log);
}

void log_has(struct node *n, const char *text)
{
    ck_assert_msg(strstr(buf_cstr(&n->log), text) != NULL, "owner told\n%s---\nwithout\n%s",
                  buf_cstr(&n->log), text);
}

/* --- the peer --- */

void peer_init(struct peer *p, struct node *n)
{
    memset(p, 0, sizeof *p);
    p->n = n;
    p->fd = -1;
    buf_init(&p->rx, SIZE_MAX / 2);
    buf_init(&p->seen, SIZE_MAX / 2);
}

void peer_close(struct peer *p)
{
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
}

void peer_free(struct peer *p)
{
    peer_close(p);
    buf_done(&p->rx);
    buf_done(&p->seen);
}

void peer_attach(struct peer *p, int fd)
{
    peer_close(p);
    p->fd = fd;
    p->ctl = true;
    p->closed = false;
    p->bcb = BCB_RESET;
    buf_reset(&p->rx);
}

/* The link's answer may fill the socket, so what it writes is taken meanwhile. */
static void take(struct peer *p)
{
    uint8_t bytes[65536];
    for (;;) {
        ssize_t n = p->fd < 0 ? 0 : recv(p->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n <= 0) {
            if (p->fd >= 0 && (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)))
                p->closed = true;
            return;
        }
        buf_add(&p->rx, bytes, (size_t)n);
    }
}

void peer_settle(struct peer *p)
{
    for (int quiet = 0; quiet < 3;) {
        size_t had = p->rx.n;
        bool ran = loop_turn(p->n->loop, false);
        take(p);
        quiet = ran || p->rx.n != had ? 0 : quiet + 1;
    }
}

void peer_bytes(struct peer *p, const void *bytes, size_t n)
{
    const uint8_t *at = bytes;
    while (n > 0) {
        ssize_t put = send(p->fd, at, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
            return; /* the link has closed: what it said is in the transcript */
        if (put > 0) {
            at += put;
            n -= (size_t)put;
        }
        loop_turn(p->n->loop, false);
        take(p);
    }
}

void peer_ttr(struct peer *p, uint8_t flags, const void *data, size_t n)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    size_t ttb = wire_ttb_begin(&b), ttr = wire_ttr_begin(&b, flags);
    buf_add(&b, data, n);
    wire_ttr_end(&b, ttr);
    wire_ttb_end(&b, ttb);
    peer_bytes(p, b.p, b.n);
    buf_done(&b);
}

static void add_hex(struct buf *b, const char *hex)
{
    for (const char *h = hex; *h != '\0'; h++) {
        if (*h == ' ')
            continue;
        char two[3] = {h[0], h[1], 0};
        buf_u8(b, (uint8_t)strtoul(two, NULL, 16));
        h++;
    }
}

void peer_control(struct peer *p, const char *hex)
{
    struct buf b;
    buf_init(&b, 1000);
    add_hex(&b, hex);
    peer_ttr(p, 0, b.p, b.n);
    buf_done(&b);
}

void peer_ctl(struct peer *p, enum wire_ctl_type type, const char *rhost, const char *ohost,
              uint8_t reason)
{
    const struct wire_ctl ctl = {.type = type,
                                 .rhost = name_of(rhost),
                                 .ohost = name_of(ohost),
                                 .rip = 0x0A000001,
                                 .oip = 0x0A000002,
                                 .reason = reason};
    struct buf b;
    buf_init(&b, 100);
    wire_ctl_put(&b, &ctl);
    peer_bytes(p, b.p, b.n);
    buf_done(&b);
}

static uint8_t next_bcb(struct peer *p)
{
    uint8_t bcb = p->bcb;
    p->bcb = bcb >= BCB_RESET ? BCB_NORMAL : (uint8_t)(BCB_NORMAL | ((bcb + 1) & 15));
    return bcb;
}

static void block_of(struct peer *p, uint8_t bcb, const uint8_t fcs[2], uint8_t flags,
                     const struct buf *records)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    wire_block_begin(&b, bcb, fcs);
    buf_add(&b, records->p, records->n);
    peer_ttr(p, flags, b.p, b.n);
    buf_done(&b);
}

void peer_block_as(struct peer *p, uint8_t bcb, uint8_t fcs1, uint8_t fcs2, uint8_t flags,
                   const char *hex)
{
    const uint8_t fcs[2] = {fcs1, fcs2};
    struct buf b;
    buf_init(&b, 1 << 20);
    add_hex(&b, hex);
    block_of(p, bcb, fcs, flags, &b);
    buf_done(&b);
}

void peer_block(struct peer *p, const char *hex)
{
    peer_block_as(p, next_bcb(p), 0x8F, 0xCF, 0, hex);
}

void peer_record(struct peer *p, uint8_t rcb, uint8_t srcb, struct cur data)
{
    static const uint8_t fcs[2] = {0x8F, 0xCF};
    struct buf b;
    buf_init(&b, 1 << 20);
    wire_record_put(&b, rcb, srcb, data);
    buf_u8(&b, 0);
    block_of(p, next_bcb(p), fcs, 0, &b);
    buf_done(&b);
}

void peer_signon(struct peer *p, uint8_t srcb, const char *node, uint16_t bufsize)
{
    static const uint8_t fcs[2] = {0x8F, 0xCF};
    const struct wire_signon s = {.srcb = srcb,
                                  .node = name_of(node),
                                  .member = 1,
                                  .event = srcb == SIGNON_J ? UINT32_MAX : 0,
                                  .bufsize = bufsize,
                                  .features = p->features,
                                  .line_password = name_of(""),
                                  .node_password = name_of("")};
    struct buf b;
    buf_init(&b, 1000);
    wire_signon_put(&b, &s);
    block_of(p, next_bcb(p), fcs, 0, &b);
    buf_done(&b);
}

void peer_file(struct peer *p, uint8_t rcb, struct cur deck)
{
    struct deck_item item;
    struct why w;
    struct buf segment;
    buf_init(&segment, 1000);
    cur_skip(&deck, 1);
    while (deck_next(&deck, &item, &w) > 0) {
        bool head = (item.srcb & 0xF0) >= 0xC0;
        for (unsigned i = 0; head && header_segment(item.data, i, &segment); i++)
            peer_record(p, rcb, item.srcb, buf_cur(&segment));
        if (!head)
            peer_record(p, rcb, item.srcb, item.data);
    }
    peer_record(p, rcb, SRCB_DATA, cur_of(NULL, 0));
    buf_done(&segment);
}

/* --- the transcript --- */

static void say_message(struct buf *out, struct cur data)
{
    struct nmr m;
    struct why w;
    struct buf text;
    buf_init(&text, 1000);
    ck_assert_int_eq(nmr_get(data, &m, &w), 0);
    nmr_text(&m, ebc_page_default(), &text);
    if (m.command)
        buf_printf(out, " cmd(%s)", buf_cstr(&text));
    else
        buf_printf(out, " msg(%s %s)", text_of(&m.to_user), buf_cstr(&text));
    buf_done(&text);
}

static void say_record(struct buf *out, const struct wire_record *rec)
{
    struct wire_signon s;
    struct why w;
    if (rec->rcb == RCB_GENERAL && rec->srcb == SIGNOFF_B) {
        buf_printf(out, " B");
    } else if (rec->rcb == RCB_GENERAL) {
        ck_assert_int_eq(wire_signon_get(rec->data, &s, &w), 0);
        buf_printf(out, " %c %s %u", s.srcb == SIGNON_I ? 'I' : 'J', text_of(&s.node), s.bufsize);
        if (s.features != 0)
            buf_printf(out, " %08X", s.features);
    } else if (rec->rcb == RCB_NMR) {
        say_message(out, rec->data);
    } else {
        buf_printf(out, " %02X-%02X", rec->rcb, rec->srcb);
        if (wire_rcb_is_stream(rec->rcb))
            buf_printf(out, "/%zu", cur_left(&rec->data));
    }
}

static void say_block(struct buf *out, const struct wire_block *blk)
{
    struct buf scratch;
    struct wire_record rec;
    struct why w;
    struct cur records = blk->records;
    int r;
    ck_assert_int_eq(blk->fcs[0], 0x8F);
    ck_assert_int_eq(blk->fcs[1], 0xCF);
    buf_init(&scratch, WIRE_RECORD_MAX);
    buf_printf(out, "%02X", blk->bcb);
    while ((r = wire_record_get(&records, &scratch, &rec, &w)) > 0)
        say_record(out, &rec);
    ck_assert_msg(r == 0, "a block of ours cannot be read: %s", w.text);
    buf_printf(out, "\n");
    buf_done(&scratch);
}

static void say_ttb(struct peer *p, struct cur ttrs)
{
    static const char *const what[] = {[WIRE_K_SOH_ENQ] = "ENQ\n",
                                       [WIRE_K_ACK0] = "ACK0\n",
                                       [WIRE_K_NAK] = "NAK\n",
                                       [WIRE_K_SYN_NAK] = "SYN NAK\n"};
    uint8_t flags;
    struct cur data;
    struct wire_block blk;
    struct why w;
    int r, n = 0;
    for (; (r = wire_ttr(&ttrs, &flags, &data, &w)) > 0; n++) {
        if (cur_left(&data) > p->block_most)
            p->block_most = cur_left(&data);
        ck_assert_int_eq(wire_block_get(data, &blk, &w), 0);
        ck_assert(blk.kind == WIRE_K_BLOCK || cur_left(&data) == 2);
        if ((flags & WIRE_TTR_FAST_OPEN) != 0)
            buf_z(&p->seen, "fast ");
        if (blk.kind == WIRE_K_BLOCK)
            say_block(&p->seen, &blk);
        else
            buf_z(&p->seen, what[blk.kind]);
    }
    ck_assert_int_eq(r, 0);
    if (n == 0)
        buf_printf(&p->seen, "empty\n");
}

static bool say_ctl(struct peer *p)
{
    static const char *const types[] = {"OPEN", "ACK", "NAK"};
    struct wire_ctl ctl;
    struct why w;
    struct cur in = buf_cur(&p->rx);
    if (p->rx.n < WIRE_CTL_SIZE)
        return false;
    ck_assert_int_eq(wire_ctl_get(&in, &ctl, &w), 0);
    buf_printf(&p->seen, "%s %s %s %u\n", types[ctl.type], text_of(&ctl.rhost), text_of(&ctl.ohost),
               ctl.reason);
    buf_take(&p->rx, WIRE_CTL_SIZE);
    p->ctl = false;
    return true;
}

static void decode(struct peer *p)
{
    struct why w;
    size_t size;
    struct cur ttrs;
    if (p->ctl && !say_ctl(p))
        return;
    size_t at = 0;
    while (wire_ttb(cur_of(p->rx.p + at, p->rx.n - at), &size, &ttrs, &w) > 0) {
        if (size > p->ttb_most)
            p->ttb_most = size;
        say_ttb(p, ttrs);
        at += size;
    }
    buf_take(&p->rx, at);
}

const char *peer_seen(struct peer *p)
{
    static char text[1 << 20];
    peer_settle(p);
    decode(p);
    if (p->closed) {
        buf_printf(&p->seen, "closed\n");
        peer_close(p);
        p->closed = false;
    }
    str_copy(text, sizeof text, buf_text(&p->seen));
    buf_reset(&p->seen);
    return text;
}

void peer_expect(struct peer *p, const char *text)
{
    const char *seen = peer_seen(p);
    ck_assert_msg(strcmp(seen, text) == 0, "on the wire\n%s---\nexpected\n%s---\nowner told\n%s",
                  seen, text, buf_cstr(&p->n->log));
}

/* --- usual beginnings --- */

void peer_call(struct peer *p)
{
    int fd[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    peer_attach(p, fd[1]);
    struct stream *s = stream_new(p->n->loop, fd[0], NULL, NULL);
    const struct wire_ctl open = {.type = WIRE_OPEN,
                                  .rhost = name_of("NODEB"),
                                  .ohost = name_of("NODEA"),
                                  .rip = 1,
                                  .oip = 2};
    link_accept(p->n->link, &s, &open);
    ck_assert_ptr_null(s);
}

void peer_up_caller(struct peer *p)
{
    link_start(p->n->link);
    peer_attach(p, p->n->peer_fd);
    node_connected(p->n);
    peer_expect(p, "OPEN NODEA NODEB 0\n");
    peer_ctl(p, WIRE_ACK, "NODEB", "NODEA", 0);
    peer_expect(p, "ENQ\n");
    peer_control(p, "10 70");
    peer_expect(p, "A0 I NODEA 8192\n");
    peer_signon(p, SIGNON_J, "NODEB", 8192);
    peer_expect(p, "ACK0\n");
    log_has(p->n, "up\n");
    log_reset(p->n);
}

void peer_up_called(struct peer *p)
{
    link_start(p->n->link);
    peer_call(p);
    peer_expect(p, "ACK NODEA NODEB 0\n");
    peer_control(p, "01 2D");
    peer_expect(p, "ACK0\n");
    peer_signon(p, SIGNON_I, "NODEB", 8192);
    peer_expect(p, "A0 J NODEA 8192\n");
    log_has(p->n, "up\n");
    log_reset(p->n);
}
