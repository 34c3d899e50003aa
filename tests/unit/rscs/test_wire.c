/* tests/unit/rscs/test_wire.c -- rscs/wire: framing, blocks, records, compression, sign-on. */
#include <stdlib.h>
#include <string.h>

#include "rscs/wire.h"
#include "unit/feed.h"
#include "unit/unit.h"

/* Bytes on the heap in their exact size, so that ASan sees a read past the end. */
static struct cur exact(const void *p, size_t n, void **mem)
{
    *mem = malloc(n > 0 ? n : 1);
    memcpy(*mem, p, n);
    return cur_of(*mem, n);
}

static struct nje_name name(const char *text)
{
    return ebc_name_of(str_of(text));
}

static void check_name(struct nje_name got, const char *want)
{
    char text[9];
    ck_assert_str_eq(ebc_name_text(&got, text).p, want);
}

/* --- control records */

START_TEST(control_record)
{
    struct why w;
    struct wire_ctl ctl = {.type = WIRE_NAK,
                           .rhost = name("NODEB"),
                           .ohost = name("NODEA"),
                           .rip = 0x7F000001,
                           .oip = 0x7F000003,
                           .reason = 2};
    struct buf b;
    buf_init(&b, 100);
    wire_ctl_put(&b, &ctl);
    ck_assert_uint_eq(b.n, WIRE_CTL_SIZE);
    static const uint8_t want[33] = {0xD5, 0xC1, 0xD2, 0x40, 0x40, 0x40, 0x40, 0x40, 0xD5,
                                     0xD6, 0xC4, 0xC5, 0xC2, 0x40, 0x40, 0x40, 0x7F, 0,
                                     0,    1,    0xD5, 0xD6, 0xC4, 0xC5, 0xC1, 0x40, 0x40,
                                     0x40, 0x7F, 0,    0,    3,    2};
    ck_assert_mem_eq(b.p, want, sizeof want);
    for (size_t n = 0; n <= sizeof want; n++) {
        void *mem;
        struct cur c = exact(want, n, &mem);
        struct wire_ctl got;
        memset(&got, 0xEE, sizeof got);
        int err = wire_ctl_get(&c, &got, &w);
        if (n < sizeof want) {
            ck_assert_int_eq(err, E_SYNTAX);
            ck_assert_uint_eq(got.reason, 0xEE);
        } else {
            ck_assert_int_eq(err, OK);
            ck_assert_int_eq(got.type, WIRE_NAK);
            check_name(got.rhost, "NODEB");
            check_name(got.ohost, "NODEA");
            ck_assert_uint_eq(got.rip, 0x7F000001);
            ck_assert_uint_eq(got.oip, 0x7F000003);
            ck_assert_uint_eq(got.reason, 2);
        }
        free(mem);
    }
    buf_done(&b);
}
END_TEST

START_TEST(control_record_of_no_type)
{
    uint8_t hello[33] = {0xC8, 0xC5, 0xD3, 0xD3, 0xD6, 0x40, 0x40, 0x40};
    struct cur c = cur_of(hello, sizeof hello);
    struct wire_ctl got;
    struct why w;
    ck_assert_int_eq(wire_ctl_get(&c, &got, &w), E_SYNTAX);
    ck_assert_str_eq(w.text,
                     "this is no NJE control record: its type is 'HELLO', not OPEN, ACK or NAK");
}
END_TEST

/* --- framing */

START_TEST(ttb_sizes)
{
    static const struct {
        const char *bytes;
        size_t n;
        int want;
        size_t size, ttrs;
    } t[] = {
        {"", 0, 0, 0, 0},
        {"\0\0\0", 3, 0, 0, 0},
        {"\0\0\0\x0C", 4, 0, 0, 0},
        {"\0\0\0\x0C\0\0\0\0\0\0\0", 11, 0, 0, 0},
        {"\0\0\0\x0C\0\0\0\0\0\0\0\0", 12, 1, 12, 4},
        {"\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\0", 16, 1, 16, 8},
        {"\0\0\0\x0C\0\0\0\0\0\0\0\0more", 16, 1, 12, 4},
        {"\0\0\0\0", 4, E_SYNTAX, 0, 0},
        {"\0\0\0\x07", 4, E_SYNTAX, 0, 0},
        {"\0\0\0\x0B", 4, E_SYNTAX, 0, 0},
        {"\0\0\x80\x00", 4, 0, 0, 0},
        {"\0\0\x80\x01", 4, E_LIMIT, 0, 0},
        {"\0\0\xFF\xFF", 4, E_LIMIT, 0, 0},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        void *mem;
        size_t size = 999;
        struct cur ttrs = {0}, in = exact(t[i].bytes, t[i].n, &mem);
        struct why w;
        ck_assert_msg(wire_ttb(in, &size, &ttrs, &w) == t[i].want, "row %zu", i);
        ck_assert_uint_eq(size, t[i].want == 1 ? t[i].size : 999);
        ck_assert_uint_eq(cur_left(&ttrs), t[i].ttrs);
        free(mem);
    }
}
END_TEST

START_TEST(framing_there_and_back)
{
    struct buf b;
    struct why w;
    buf_init(&b, 1000);
    size_t ttb = wire_ttb_begin(&b);
    for (unsigned i = 0; i < 3; i++) {
        size_t ttr = wire_ttr_begin(&b, i == 1 ? WIRE_TTR_FAST_OPEN : 0);
        buf_fill(&b, (uint8_t)i, 10 * i + 1);
        wire_ttr_end(&b, ttr);
    }
    wire_ttb_end(&b, ttb);
    wire_ttb_empty(&b);
    ck_assert_uint_eq(b.n, 8 + 3 * 4 + 1 + 11 + 21 + 4 + 12);
    size_t size = 0;
    struct cur ttrs, data;
    uint8_t flags = 0xEE;
    ck_assert_int_eq(wire_ttb(buf_cur(&b), &size, &ttrs, &w), 1);
    ck_assert_uint_eq(size, b.n - 12);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(wire_ttr(&ttrs, &flags, &data, &w), 1);
        ck_assert_uint_eq(flags, i == 1 ? 0x80 : 0);
        ck_assert_uint_eq(cur_left(&data), 10 * i + 1);
        ck_assert_uint_eq(data.p[0], i);
    }
    ck_assert_int_eq(wire_ttr(&ttrs, &flags, &data, &w), 0);
    ck_assert_int_eq(wire_ttr(&ttrs, &flags, &data, &w), 0);
    buf_take(&b, size);
    ck_assert_mem_eq(b.p, "\0\0\0\x0C\0\0\0\0\0\0\0\0", 12);
    buf_done(&b);
}
END_TEST

START_TEST(ttr_that_does_not_fit)
{
    static const struct {
        const char *bytes;
        size_t n;
        int want;
    } t[] = {
        {"", 0, 0},
        {"\0\0\0\0", 4, 0},
        {"\0\0\0\0junk", 8, 0},
        {"\0\0\0", 3, E_SYNTAX},
        {"\0", 1, E_SYNTAX},
        {"\0\0\0\x01", 4, E_SYNTAX},
        {"\0\0\0\x03xx", 6, E_SYNTAX},
        {"\0\0\0\x02xx", 6, 1},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        void *mem;
        uint8_t flags;
        struct cur data, c = exact(t[i].bytes, t[i].n, &mem);
        struct why w;
        ck_assert_msg(wire_ttr(&c, &flags, &data, &w) == t[i].want, "row %zu", i);
        free(mem);
    }
}
END_TEST

/* --- blocks */

START_TEST(block_kinds)
{
    static const struct {
        const char *bytes;
        size_t n;
        int err;
        enum wire_kind kind;
        size_t records;
    } t[] = {
        {"", 0, OK, WIRE_K_EMPTY, 0},
        {"\x32\x32", 2, OK, WIRE_K_EMPTY, 0},
        {"\x01\x2D", 2, OK, WIRE_K_SOH_ENQ, 0},
        {"\x01\x2D\xFF", 3, OK, WIRE_K_SOH_ENQ, 0},
        {"\x32\x01\x2D", 3, OK, WIRE_K_SOH_ENQ, 0},
        {"\x10\x70", 2, OK, WIRE_K_ACK0, 0},
        {"\x10\x70\xFF", 3, OK, WIRE_K_ACK0, 0},
        {"\x3D", 1, OK, WIRE_K_NAK, 0},
        {"\x3D\xFF", 2, OK, WIRE_K_NAK, 0},
        {"\x32\x3D", 2, OK, WIRE_K_SYN_NAK, 0},
        {"\x10\x02\x80\x8F\xCF\x00", 6, OK, WIRE_K_BLOCK, 1},
        {"\x32\x32\x10\x02\xA0\x8F\xCF\x00", 8, OK, WIRE_K_BLOCK, 1},
        {"\x10\x02\x9F\x8F\xCF", 5, OK, WIRE_K_BLOCK, 0},
        {"\x10\x02\xAF\x8F\xCF\xF0\xC2", 7, OK, WIRE_K_BLOCK, 2},
        {"\x10\x02\x80\x8F\xCF\x00\x10\x26", 8, OK, WIRE_K_BLOCK, 1},
        {"\x10\x02\x80\x8F\xCF\x10\x26", 7, OK, WIRE_K_BLOCK, 0},
        {"\x10\x02\xB0\x8F\xCF\x00", 6, E_SYNTAX, 0, 0},
        {"\x10\x02\x7F\x8F\xCF\x00", 6, E_SYNTAX, 0, 0},
        {"\x10\x02\x80\x8F", 4, E_SYNTAX, 0, 0},
        {"\x10\x02", 2, E_SYNTAX, 0, 0},
        {"\x10", 1, E_SYNTAX, 0, 0},
        {"\x01", 1, E_SYNTAX, 0, 0},
        {"\x01\x2D\x00", 3, E_SYNTAX, 0, 0},
        {"\x10\x70junk", 6, E_SYNTAX, 0, 0},
        {"\x02\x80\x8F\xCF\x00", 5, E_SYNTAX, 0, 0},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        void *mem;
        struct wire_block blk;
        struct why w;
        memset(&blk, 0xEE, sizeof blk);
        ck_assert_msg(wire_block_get(exact(t[i].bytes, t[i].n, &mem), &blk, &w) == t[i].err,
                      "row %zu", i);
        if (t[i].err == OK) {
            ck_assert_msg(blk.kind == t[i].kind, "row %zu: kind %d", i, (int)blk.kind);
            ck_assert_msg(cur_left(&blk.records) == t[i].records, "row %zu", i);
        }
        free(mem);
    }
}
END_TEST

START_TEST(block_prefix)
{
    static const uint8_t fcs[2] = {0xCF, 0xC0};
    struct buf b;
    struct wire_block blk;
    struct why w;
    buf_init(&b, 100);
    wire_block_begin(&b, BCB_NORMAL | 7, fcs);
    wire_block_end(&b);
    ck_assert_uint_eq(b.n, 6);
    ck_assert_int_eq(wire_block_get(buf_cur(&b), &blk, &w), OK);
    ck_assert_uint_eq(blk.bcb, 0x87);
    ck_assert_mem_eq(blk.fcs, fcs, 2);
    buf_done(&b);
}
END_TEST

START_TEST(stream_numbers)
{
    ck_assert_uint_eq(wire_rcb_sysout(1), 0x99);
    ck_assert_uint_eq(wire_rcb_sysout(7), 0xF9);
    for (unsigned rcb = 0; rcb < 256; rcb++) {
        bool stream = rcb >= 0x90 && ((rcb & 15) == 8 || (rcb & 15) == 9);
        ck_assert_msg(wire_rcb_is_stream((uint8_t)rcb) == stream, "X'%02X'", rcb);
        if (stream)
            ck_assert_uint_eq(wire_rcb_stream((uint8_t)rcb), (rcb >> 4) - 8);
    }
}
END_TEST

/* --- records */

struct row {
    const char *bytes;
    size_t n;
    int want;
    uint8_t rcb, srcb;
    const char *data;
    size_t ndata;
    bool eof, abort;
};

static void check_record(const struct row *t)
{
    void *mem;
    struct cur c = exact(t->bytes, t->n, &mem);
    struct buf scratch;
    struct wire_record rec;
    struct why w;
    memset(&rec, 0xEE, sizeof rec);
    buf_init(&scratch, WIRE_RECORD_MAX);
    buf_z(&scratch, "old");
    int got = wire_record_get(&c, &scratch, &rec, &w);
    ck_assert_msg(got == t->want, "X'%02X%02X' of %zu: %d", (uint8_t)t->bytes[0],
                  (uint8_t)t->bytes[1], t->n, got);
    if (got == 1) {
        ck_assert_uint_eq(rec.rcb, t->rcb);
        ck_assert_uint_eq(rec.srcb, t->srcb);
        ck_assert_uint_eq(cur_left(&rec.data), t->ndata);
        if (t->ndata > 0)
            ck_assert_mem_eq(rec.data.p, t->data, t->ndata);
        ck_assert_int_eq(rec.eof, t->eof);
        ck_assert_int_eq(rec.abort, t->abort);
    }
    if (got == 0)
        ck_assert(!cur_bad(&c) && cur_left(&c) == 0);
    buf_done(&scratch);
    free(mem);
}

START_TEST(records)
{
    static const struct row t[] = {
        {"", 0, 0, 0, 0, "", 0, false, false},
        {"\x00", 1, 0, 0, 0, "", 0, false, false},
        {"\x00junk", 5, 0, 0, 0, "", 0, false, false},
        {"\x90\x99\x00", 3, 1, 0x90, 0x99, "", 0, false, false},
        {"\xC0\x99", 2, 1, 0xC0, 0x99, "", 0, false, false},
        {"\xE0\x05", 2, 1, 0xE0, 0x05, "", 0, false, false},
        {"\xB0\x99\xC2\x04\x00\x00", 6, 1, 0xB0, 0x99, "\x04\x00", 2, false, false},
        {"\x99\x80\x00", 3, 1, 0x99, 0x80, "", 0, true, false},
        {"\x98\x00\x00", 3, 1, 0x98, 0x00, "", 0, true, false},
        {"\x99\x80\x40", 3, 1, 0x99, 0x80, "", 0, false, true},
        {"\x99\x80\xC2xy\x40", 6, 1, 0x99, 0x80, "", 0, false, true},
        {"\x9A\x80\x00", 3, 1, 0x9A, 0x80, "", 0, false, false},
        {"\x99\x80\xC3"
         "abc\x82\xA3z\x00",
         10, 1, 0x99, 0x80, "abc\x40\x40zzz", 8, false, false},
        {"\x99\x80\xC0\x80\xA0q\xC1y\x00", 9, 1, 0x99, 0x80, "y", 1, false, false},
        {"\xA9\x80\x9F\x00", 4, 1, 0xA9, 0x80,
         "\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40\x40"
         "\x40\x40\x40\x40"
         "\x40\x40\x40\x40\x40",
         31, false, false},
        {"\xF0\xC2", 2, 1, 0xF0, 0xC2, "\xF0\xC2", 2, false, false},
        {"\xF0\xC2\xFF", 3, 1, 0xF0, 0xC2, "\xF0\xC2\xFF", 3, false, false},
        /* cut anywhere, and bytes that are no SCB */
        {"\x99", 1, E_SYNTAX, 0, 0, "", 0, false, false},
        {"\xF0", 1, E_SYNTAX, 0, 0, "", 0, false, false},
        {"\x99\x80", 2, E_SYNTAX, 0, 0, "", 0, false, false},
        {"\x9A\x80", 2, E_SYNTAX, 0, 0, "", 0, false, false},
        {"\x99\x80\xC3"
         "ab",
         5, E_SYNTAX, 0, 0, "", 0, false, false},
        {"\x99\x80\xC3"
         "abc",
         6, E_SYNTAX, 0, 0, "", 0, false, false},
        {"\x99\x80\xA3", 3, E_SYNTAX, 0, 0, "", 0, false, false},
        {"\x99\x80\x83", 3, E_SYNTAX, 0, 0, "", 0, false, false},
        {"\x99\x80\x01\x00", 4, E_SYNTAX, 0, 0, "", 0, false, false},
        {"\x99\x80\x7F\x00", 4, E_SYNTAX, 0, 0, "", 0, false, false},
        {"\x99\x80\x41\x00", 4, E_SYNTAX, 0, 0, "", 0, false, false},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++)
        check_record(&t[i]);
}
END_TEST

START_TEST(a_record_too_long)
{
    struct buf b, scratch;
    struct wire_record rec;
    struct why w;
    buf_init(&b, 10000);
    buf_init(&scratch, 310);
    for (size_t n = 10; n <= 11; n++) {
        buf_reset(&b);
        buf_add(&b, "\x99\x80", 2);
        for (size_t i = 0; i < n; i++)
            buf_add(&b, "\xBFx", 2);
        buf_u8(&b, 0);
        struct cur c = buf_cur(&b);
        int err = wire_record_get(&c, &scratch, &rec, &w);
        ck_assert_int_eq(err, n == 10 ? 1 : E_LIMIT);
        if (err == 1)
            ck_assert_uint_eq(cur_left(&rec.data), 310);
    }
    ck_assert_str_eq(w.text, "a record of 341 bytes; the most accepted is 310");
    buf_done(&b);
    buf_done(&scratch);
}
END_TEST

/* As RSCS writes: two blanks, three of another byte, pieces of 31 and 63. */
START_TEST(compression)
{
    static const struct {
        const char *data;
        size_t n;
        const char *want;
        size_t nwant;
    } t[] = {
        {"", 0, "\x00", 1},
        {"a", 1,
         "\xC1"
         "a\x00",
         3},
        {"\x40", 1, "\xC1\x40\x00", 3},
        {"\x40\x40", 2, "\x82\x00", 2},
        {"aa", 2,
         "\xC2"
         "aa\x00",
         4},
        {"aaa", 3,
         "\xA3"
         "a\x00",
         3},
        {"ab\x40\x40"
         "cddd",
         8,
         "\xC2"
         "ab\x82\xC1"
         "c\xA3"
         "d\x00",
         9},
        {"aab\x40"
         "cc",
         6,
         "\xC6"
         "aab\x40"
         "cc\x00",
         8},
        {"0123456789012\x40\x40", 15,
         "\xCD"
         "0123456789012\x82\x00",
         16},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        void *mem;
        struct buf b;
        buf_init(&b, 100);
        wire_record_put(&b, 0x99, 0x80, exact(t[i].data, t[i].n, &mem));
        ck_assert_msg(b.n == t[i].nwant + 2, "row %zu: %zu bytes", i, b.n);
        ck_assert_mem_eq(b.p, "\x99\x80", 2);
        ck_assert_mem_eq(b.p + 2, t[i].want, t[i].nwant);
        buf_done(&b);
        free(mem);
    }
    struct buf b, data;
    buf_init(&b, 100);
    buf_init(&data, 200);
    buf_fill(&data, 0x40, 65);
    wire_record_put(&b, 0x99, 0x80, buf_cur(&data));
    ck_assert_mem_eq(b.p, "\x99\x80\x9F\x9F\x83\x00", 6);
    buf_reset(&b);
    buf_fill(&data, 'x', 33); /* 65 blanks, 31 and 2 of x */
    wire_record_put(&b, 0x99, 0x80, buf_cur(&data));
    ck_assert_mem_eq(b.p, "\x99\x80\x9F\x9F\x83\xBFx\xC2xx\x00", 11);
    buf_done(&b);
    buf_done(&data);
}
END_TEST

/* A run is seen wherever it begins: one literal, the run, the rest. */
START_TEST(runs_anywhere)
{
    uint8_t data[64];
    for (size_t n = 2; n < 60; n++)
        for (size_t at = 0; at + 2 <= n; at++) {
            struct buf b;
            for (size_t i = 0; i < n; i++)
                data[i] = (uint8_t)(0x81 + i);
            data[at] = data[at + 1] = 0x40;
            buf_init(&b, 100);
            wire_record_put(&b, 0x99, 0x80, cur_of(data, n));
            size_t want = 3 + 1 + (at > 0 ? at + 1 : 0) + (at + 2 < n ? n - at - 1 : 0);
            ck_assert_msg(b.n == want, "blanks at %zu of %zu: %zu bytes for %zu", at, n, b.n, want);
            buf_done(&b);
        }
}
END_TEST

/* Whatever is written is read back, and takes no more than wire_record_bound promised. */
START_TEST(compression_there_and_back)
{
    struct buf b, scratch;
    uint32_t seed = 12345;
    buf_init(&b, 100000);
    buf_init(&scratch, WIRE_RECORD_MAX);
    for (unsigned round = 0; round < 4000; round++) {
        size_t n = round < 300 ? round : (seed >> 8) % (round % 100 == 0 ? WIRE_RECORD_MAX : 700);
        uint8_t *data = malloc(n + 1);
        unsigned kinds = 1 + round % 5;
        for (size_t i = 0; i < n; i++) {
            seed = seed * 1664525 + 1013904223;
            bool repeat = i > 0 && (seed >> 16) % 8 >= kinds;
            data[i] = repeat ? data[i - 1] : (seed >> 24) % 3 == 0 ? 0x40 : (uint8_t)(seed >> 20);
        }
        buf_reset(&b);
        wire_record_put(&b, 0x99, 0x80, cur_of(data, n));
        ck_assert_uint_le(b.n, wire_record_bound(n));
        struct cur c = buf_cur(&b);
        struct wire_record rec;
        struct why w;
        ck_assert_int_eq(wire_record_get(&c, &scratch, &rec, &w), 1);
        ck_assert(cur_end(&c));
        ck_assert_uint_eq(cur_left(&rec.data), n);
        if (n > 0)
            ck_assert_mem_eq(rec.data.p, data, n);
        free(data);
    }
    buf_done(&b);
    buf_done(&scratch);
}
END_TEST

/* --- sign-on */

START_TEST(signon)
{
    struct wire_signon s = {.srcb = SIGNON_J,
                            .node = name("NODEA"),
                            .member = 1,
                            .event = 0xFFFFFFFF,
                            .resistance = 300,
                            .bufsize = 8192,
                            .line_password = name("LPASS"),
                            .node_password = name(""),
                            .flags = 0x10,
                            .features = 0x10000000};
    struct buf b;
    struct why w;
    buf_init(&b, 100);
    wire_signon_put(&b, &s);
    ck_assert_uint_eq(b.n, 41);
    ck_assert_mem_eq(
        b.p, "\xF0\xD1\x29\xD5\xD6\xC4\xC5\xC1\x40\x40\x40\x01\xFF\xFF\xFF\xFF\x01\x2C\x20\x00",
        20);
    for (size_t n = 0; n <= 41; n++) {
        void *mem;
        struct wire_signon got;
        memset(&got, 0xEE, sizeof got);
        int err = wire_signon_get(exact(b.p, n, &mem), &got, &w);
        ck_assert_int_eq(err, n < 37 ? E_SYNTAX : OK);
        if (err == OK) {
            ck_assert_uint_eq(got.srcb, SIGNON_J);
            check_name(got.node, "NODEA");
            ck_assert_uint_eq(got.member, 1);
            ck_assert_uint_eq(got.event, 0xFFFFFFFF);
            ck_assert_uint_eq(got.resistance, 300);
            ck_assert_uint_eq(got.bufsize, 8192);
            check_name(got.line_password, "LPASS");
            ck_assert(ebc_name_empty(&got.node_password));
            ck_assert_uint_eq(got.flags, 0x10);
            ck_assert_uint_eq(got.features, n == 41 ? 0x10000000 : 0);
        } else {
            ck_assert_uint_eq(got.member, 0xEE);
        }
        free(mem);
    }
    b.p[1] = SIGNON_L;
    struct wire_signon got;
    ck_assert_int_eq(wire_signon_get(buf_cur(&b), &got, &w), E_SYNTAX);
    buf_reset(&b);
    wire_signoff_put(&b);
    ck_assert_uint_eq(b.n, 2);
    ck_assert_mem_eq(b.p, "\xF0\xC2", 2);
    buf_done(&b);
}
END_TEST

/* --- the whole, in pieces */

/* What a receiver with a growing input buffer makes of the pieces. */
static void receive(void *arg, const struct str *piece, size_t n, struct buf *out)
{
    struct buf in, scratch;
    struct why w;
    (void)arg;
    buf_init(&in, 10000);
    buf_init(&scratch, WIRE_RECORD_MAX);
    for (size_t i = 0; i < n; i++) {
        buf_str(&in, piece[i]);
        size_t size = 0;
        struct cur ttrs, data;
        while (wire_ttb(buf_cur(&in), &size, &ttrs, &w) == 1) {
            uint8_t flags;
            while (wire_ttr(&ttrs, &flags, &data, &w) == 1) {
                struct wire_block blk;
                struct wire_record rec;
                ck_assert_int_eq(wire_block_get(data, &blk, &w), OK);
                buf_printf(out, "block %02X\n", blk.bcb);
                while (wire_record_get(&blk.records, &scratch, &rec, &w) == 1)
                    buf_printf(out, "%02X%02X %.*s\n", rec.rcb, rec.srcb,
                               STR_ARG(cur_str(&rec.data)));
            }
            buf_take(&in, size);
        }
    }
    buf_done(&in);
    buf_done(&scratch);
}

START_TEST(in_pieces)
{
    static const uint8_t fcs[2] = {0x8F, 0xCF};
    struct buf b;
    buf_init(&b, 10000);
    for (uint8_t i = 0; i < 3; i++) {
        size_t ttb = wire_ttb_begin(&b);
        for (uint8_t k = 0; k < 2; k++) {
            size_t ttr = wire_ttr_begin(&b, 0);
            wire_block_begin(&b, (uint8_t)(BCB_NORMAL | (2 * i + k)), fcs);
            wire_record_put(&b, 0x99, 0x80, cur_of_str(STR("one  two     three")));
            wire_record_put(&b, 0x99, 0x80, cur_of_str(STR("")));
            wire_block_end(&b);
            wire_ttr_end(&b, ttr);
        }
        wire_ttb_end(&b, ttb);
        wire_ttb_empty(&b);
    }
    struct buf whole;
    struct str input = buf_text(&b);
    buf_init(&whole, 10000);
    receive(NULL, &input, 1, &whole);
    ck_assert_uint_gt(whole.n, 200);
    feed_all(receive, NULL, input, 0);
    buf_done(&whole);
    buf_done(&b);
}
END_TEST

static Suite *test_wire_suite(void)
{
    Suite *s = suite_create("wire");
    TCase *t = tcase_create("all");
    tcase_add_test(t, control_record);
    tcase_add_test(t, control_record_of_no_type);
    tcase_add_test(t, ttb_sizes);
    tcase_add_test(t, framing_there_and_back);
    tcase_add_test(t, ttr_that_does_not_fit);
    tcase_add_test(t, block_kinds);
    tcase_add_test(t, block_prefix);
    tcase_add_test(t, stream_numbers);
    tcase_add_test(t, records);
    tcase_add_test(t, a_record_too_long);
    tcase_add_test(t, compression);
    tcase_add_test(t, runs_anywhere);
    tcase_add_test(t, compression_there_and_back);
    tcase_add_test(t, signon);
    tcase_add_test(t, in_pieces);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_wire_suite)
