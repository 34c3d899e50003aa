/* tests/unit/rscs/test_captures.c -- recorded links of UnixNJE, NJElib and a prober: every byte of
 * each direction is decoded and told as text, and must be what tests/golden/nje/NN.txt says. After
 * a change that is meant, run with NJE_GOLDEN=write and read the difference. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "rscs/deck.h"
#include "rscs/netdata.h"
#include "rscs/nmr.h"
#include "rscs/punch.h"
#include "rscs/wire.h"
#include "unit/unit.h"

#define FOLDER "tests/golden/nje/"

/* One direction of a connection. */
struct side {
    struct buf *out;
    struct buf scratch, header;
    struct buf deck[16]; /* by stream, SYSIN and SYSOUT apart */
};

static const char *text_of(const struct nje_name *name)
{
    static char ring[16][9];
    static unsigned next;
    return ebc_name_text(name, ring[next++ % 16]).p;
}

static void say_bytes(struct buf *out, const uint8_t *p, size_t n)
{
    struct buf b;
    buf_init(&b, 100000);
    punch_line(&b, cur_of(p, n), ebc_page_default());
    buf_str(out, buf_text(&b));
    buf_done(&b);
}

static void say_ctl(struct side *s, const struct wire_ctl *c)
{
    static const char *const types[] = {"OPEN", "ACK", "NAK"};
    buf_printf(s->out, "%s from %s %08X to %s %08X reason %u\n", types[c->type], text_of(&c->rhost),
               c->rip, text_of(&c->ohost), c->oip, c->reason);
}

static void say_signon(struct side *s, const struct wire_record *rec)
{
    struct wire_signon so;
    struct why w;
    if (wire_signon_get(rec->data, &so, &w) < 0) {
        buf_printf(s->out, "  F0 %02X, %zu bytes\n", rec->srcb, cur_left(&rec->data));
        return;
    }
    buf_printf(s->out,
               "  F0 %02X node %s member %u event %08X resistance %u buffer %u passwords '%s' '%s' "
               "%02X %08X\n",
               so.srcb, text_of(&so.node), so.member, so.event, so.resistance, so.bufsize,
               text_of(&so.line_password), text_of(&so.node_password), so.flags, so.features);
}

static void say_nmr(struct side *s, struct cur record)
{
    struct nmr m;
    struct why w;
    ck_assert_msg(nmr_get(record, &m, &w) == OK, "%s", w.text);
    buf_printf(s->out, "  NMR %s %s(%s) to %s(%s): ", m.command ? "command" : "message",
               text_of(&m.from_node), text_of(&m.from_user), text_of(&m.to_node),
               text_of(&m.to_user));
    nmr_text(&m, ebc_page_default(), s->out);
    buf_z(s->out, "\n");
}

/* --- files */

static void say_headers(struct side *s, struct cur deck)
{
    struct njh n;
    struct dsh d;
    struct why w;
    ck_assert_msg(deck_headers(deck, &n, &d, &w) == OK, "%s", w.text);
    buf_printf(s->out,
               "  = job %u %s class %02X %02X flags %02X hops %u from %s(%s) exec %s(%s) punch "
               "%s(%s) at %016llX\n",
               n.job_id, text_of(&n.job_name), n.job_class, n.msg_class, n.flags, n.hops,
               text_of(&n.origin_node), text_of(&n.origin_user), text_of(&n.exec_node),
               text_of(&n.exec_user), text_of(&n.punch_node), text_of(&n.punch_user),
               (unsigned long long)n.entry_tod);
    buf_printf(s->out,
               "  = to %s(%s) class %02X form '%s' recfm %02X lrecl %u records %u flags %02X "
               "device %02X%s name '",
               text_of(&d.node), text_of(&d.user), d.class, text_of(&d.form), d.recfm, d.lrecl,
               d.records, d.flags2, d.device, d.rscs ? "" : " no RSCS");
    say_bytes(s->out, d.fn, sizeof d.fn);
    buf_z(s->out, " ");
    say_bytes(s->out, d.ft, sizeof d.ft);
    buf_z(s->out, "' dist '");
    say_bytes(s->out, d.dist, sizeof d.dist);
    buf_z(s->out, "'\n");
}

static void say_nd_file(struct side *s, const struct nd_file *f)
{
    buf_printf(s->out,
               "  = NETDATA %s(%s) to %s(%s) '%.*s' %.*s recfm %04X dsorg %04X lrecl %u size %llu "
               "at %.*s%s%s\n",
               text_of(&f->from_node), text_of(&f->from_user), text_of(&f->to_node),
               text_of(&f->to_user), STR_ARG(f->dsname), STR_ARG(f->utility), f->recfm, f->dsorg,
               f->lrecl, (unsigned long long)f->size, STR_ARG(f->stamp), f->note ? " note" : "",
               f->ack_wanted ? " ack wanted" : "");
}

/* Cards are given to the reader as they come; answers whether the transmission was complete. */
static bool say_netdata(struct side *s, struct deck_reader *cards, struct arena *a)
{
    struct nd_reader *r = nd_reader_new(a);
    struct why w;
    uint8_t cc;
    bool ended = false;
    int more;
    while ((more = deck_reader_next(cards, &cc, &w)) == 1) {
        struct cur in = cards->data, record;
        struct nd_file f;
        for (int item = ND_END; item != ND_MORE || cur_left(&in) > 0;) {
            item = nd_reader_next(r, &in, &f, &record, &w);
            ck_assert_msg(item >= 0, "%s", w.text);
            if (item == ND_FILE)
                say_nd_file(s, &f);
            if (item == ND_RECORD) {
                buf_printf(s->out, "  + %zu ", cur_left(&record));
                say_bytes(s->out, record.p, cur_left(&record));
                buf_z(s->out, "\n");
            }
            ended = ended || item == ND_END;
        }
    }
    ck_assert_int_eq(more, 0);
    return ended;
}

static void say_cards(struct side *s, struct deck_reader *cards)
{
    struct why w;
    uint8_t cc;
    int more;
    while ((more = deck_reader_next(cards, &cc, &w)) == 1) {
        buf_printf(s->out, "  | %02X %zu ", cc, cur_left(&cards->data));
        say_bytes(s->out, cards->data.p, cur_left(&cards->data));
        buf_z(s->out, "\n");
    }
    ck_assert_msg(more == 0, "%s", w.text);
}

static void say_file(struct side *s, struct cur deck)
{
    struct deck_reader r;
    struct why w;
    uint8_t cc;
    say_headers(s, deck);
    ck_assert_int_eq(deck_reader_init(&r, deck, &w), OK);
    bool netdata = deck_reader_next(&r, &cc, &w) == 1 && nd_looks(r.data);
    deck_reader_done(&r);
    ck_assert_int_eq(deck_reader_init(&r, deck, &w), OK);
    if (netdata) {
        struct arena *a = arena_new(1 << 20);
        ck_assert(say_netdata(s, &r, a));
        arena_free(&a);
    } else {
        say_cards(s, &r);
    }
    deck_reader_done(&r);
}

/* --- streams */

static void take_header(struct side *s, struct buf *deck, const struct wire_record *rec)
{
    struct why w;
    int whole = header_join(&s->header, rec->data, &w);
    ck_assert_msg(whole >= 0, "%s", w.text);
    buf_printf(s->out, " header %02X, %zu bytes%s\n", rec->srcb, cur_left(&rec->data),
               whole == 1 ? "" : ", more");
    if (whole == 0)
        return;
    if (rec->srcb == SRCB_NJT) {
        uint32_t records = 0;
        ck_assert_msg(njt_get(buf_cur(&s->header), &records, &w) == OK, "%s", w.text);
        buf_printf(s->out, "  = trailer: %u records\n", records);
    }
    deck_add(deck, rec->srcb, buf_cur(&s->header));
    buf_reset(&s->header);
}

static void take_stream(struct side *s, const struct wire_record *rec)
{
    struct buf *deck = &s->deck[2 * wire_rcb_stream(rec->rcb) + (rec->rcb & 1)];
    buf_printf(s->out, "  %02X %02X", rec->rcb, rec->srcb);
    if (deck->n == 0)
        deck_begin(deck, rec->rcb & 1 ? DECK_SYSOUT : DECK_SYSIN);
    if (rec->abort) {
        buf_z(s->out, " abort\n");
        buf_reset(deck);
    } else if (rec->eof) {
        buf_z(s->out, " end of file\n");
        say_file(s, buf_cur(deck));
        buf_reset(deck);
    } else if (rec->srcb >= SRCB_NJH) {
        take_header(s, deck, rec);
    } else {
        buf_printf(s->out, " %zu bytes\n", cur_left(&rec->data));
        deck_add(deck, rec->srcb, rec->data);
    }
}

static void take_block(struct side *s, struct wire_block *blk)
{
    struct wire_record rec;
    struct why w;
    int more;
    buf_printf(s->out, " block %02X %02X%02X\n", blk->bcb, blk->fcs[0], blk->fcs[1]);
    while ((more = wire_record_get(&blk->records, &s->scratch, &rec, &w)) == 1) {
        if (rec.rcb == RCB_GENERAL)
            say_signon(s, &rec);
        else if (rec.rcb == RCB_NMR)
            say_nmr(s, rec.data);
        else if (wire_rcb_is_stream(rec.rcb))
            take_stream(s, &rec);
        else
            buf_printf(s->out, "  %02X %02X, %zu bytes\n", rec.rcb, rec.srcb, cur_left(&rec.data));
    }
    ck_assert_msg(more == 0, "%s", w.text);
}

static void take_ttb(struct side *s, struct cur ttrs, size_t size)
{
    static const char *const kinds[] = {"SOH ENQ", "DLE ACK0", "NAK", "SYN NAK", NULL, "empty"};
    struct cur data;
    struct why w;
    uint8_t flags = 0;
    int more;
    buf_printf(s->out, "TTB %zu\n", size);
    while ((more = wire_ttr(&ttrs, &flags, &data, &w)) == 1) {
        struct wire_block blk;
        ck_assert_msg(wire_block_get(data, &blk, &w) == OK, "%s", w.text);
        if (flags != 0)
            buf_printf(s->out, " TTR flags %02X\n", flags);
        if (blk.kind == WIRE_K_BLOCK)
            take_block(s, &blk);
        else
            buf_printf(s->out, " %s\n", kinds[blk.kind]);
    }
    ck_assert_msg(more == 0, "%s", w.text);
    ck_assert_msg(cur_left(&ttrs) == 0, "bytes behind the closing TTR");
}

/* All of one direction: control records up to the first TTB, which begins with a null. */
static void take_side(struct side *s, struct cur in)
{
    struct why w;
    while (cur_left(&in) > 0) {
        if (cur_peek(&in) != 0) {
            struct wire_ctl ctl;
            struct cur c = cur_sub(&in, WIRE_CTL_SIZE);
            if (wire_ctl_get(&c, &ctl, &w) == OK)
                say_ctl(s, &ctl);
            else
                buf_printf(s->out, "refused: %s\n", w.text);
            ck_assert(!cur_bad(&in));
            continue;
        }
        size_t size = 0;
        struct cur ttrs;
        ck_assert_msg(wire_ttb(in, &size, &ttrs, &w) == 1, "no whole TTB, %zu bytes left",
                      cur_left(&in));
        take_ttb(s, ttrs, size);
        cur_skip(&in, size);
    }
}

static void tell(struct buf *out, const char *stem, const char *side)
{
    char path[300];
    size_t n = 0;
    struct side s = {.out = out};
    snprintf(path, sizeof path, "%s.%s.bin", stem, side);
    char *bytes = unit_file(path, &n);
    void *exact = malloc(n > 0 ? n : 1); /* so that ASan sees a read past the end */
    memcpy(exact, bytes, n);
    free(bytes);
    buf_init(&s.scratch, WIRE_RECORD_MAX);
    buf_init(&s.header, HEADER_MAX);
    for (size_t i = 0; i < 16; i++)
        buf_init(&s.deck[i], 1 << 20);
    buf_printf(out, "--- %s\n", side);
    take_side(&s, cur_of(exact, n));
    buf_done(&s.scratch);
    buf_done(&s.header);
    for (size_t i = 0; i < 16; i++)
        buf_done(&s.deck[i]);
    free(exact);
}

/* Line by line, so that a failure names the first that differs. */
static void compare(const char *path, struct str got)
{
    size_t n = 0;
    char *file = unit_file(path, &n);
    struct str want = {file, n}, a, b;
    for (unsigned line = 1;; line++) {
        bool more_a = str_line(&want, &a), more_b = str_line(&got, &b);
        if (!more_a && !more_b)
            break;
        ck_assert_msg(more_a && more_b && str_eq(a, b), "%s:%u\n wanted: %.*s\n    got: %.*s", path,
                      line, STR_ARG(more_a ? a : STR("")), STR_ARG(more_b ? b : STR("")));
    }
    free(file);
}

static void check_capture(const char *idx)
{
    char stem[300], path[310];
    struct buf out;
    snprintf(stem, sizeof stem, "%.*s", (int)(strlen(idx) - 4), idx);
    snprintf(path, sizeof path, "%s.txt", stem);
    buf_init(&out, 1 << 20);
    tell(&out, stem, "c2s");
    tell(&out, stem, "s2c");
    ck_assert(!out.over);
    const char *mode = getenv("NJE_GOLDEN");
    if (mode != NULL && strcmp(mode, "write") == 0) {
        FILE *f = fopen(path, "wb");
        ck_assert_ptr_nonnull(f);
        ck_assert_uint_eq(fwrite(out.p, 1, out.n, f), out.n);
        ck_assert_int_eq(fclose(f), 0);
    }
    compare(path, buf_text(&out));
    buf_done(&out);
}

START_TEST(every_capture)
{
    glob_t g;
    ck_assert_int_eq(glob(FOLDER "*.idx", 0, NULL, &g), 0);
    ck_assert_uint_eq(g.gl_pathc, 27);
    for (size_t i = 0; i < g.gl_pathc; i++)
        check_capture(g.gl_pathv[i]);
    globfree(&g);
}
END_TEST

static Suite *test_captures_suite(void)
{
    Suite *s = suite_create("captures");
    TCase *t = tcase_create("all");
    tcase_add_test(t, every_capture);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_captures_suite)
