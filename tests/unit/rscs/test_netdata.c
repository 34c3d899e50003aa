/* tests/unit/rscs/test_netdata.c -- rscs/netdata: transmissions in and out, in any pieces. */
#include <stdlib.h>
#include <string.h>

#include "unit/rscs/made.h"
#include "unit/unit.h"

/* --- reading */

START_TEST(a_cms_note)
{
    struct made m;
    made_init(&m);
    inmr01(&m);
    inmr02(&m, 1);
    text(&m, 0x1028, "INMCOPY");
    number(&m, 0x003C, 0x4000, 2);
    number(&m, 0x0042, 80, 8);
    number(&m, 0x0049, 0x4002, 2);
    number(&m, 0x102C, 0, 4);
    unit(&m, 0x0028, NULL, 0);
    text(&m, 0x9999, "unknown");
    end(&m);
    simple(&m, "INMR03");
    data(&m, "Date: 13 November 93, 22:52:42 CET");
    data(&m, "From: user at node");
    data(&m, " ");
    data(&m, "");
    simple(&m, "INMR06");
    buf_fill(&m.b, 0, 30);
    check_all(&m, "file NODEA(ALICE) to NODEB(BOB) '' INMCOPY 4002 4000 lrecl=80 size=0 "
                  "at=20261121212327 note\n"
                  "34 'Date: 13 November 93, 22:52:42 CET'\n"
                  "18 'From: user at node'\n"
                  "1 ' '\n"
                  "0 ''\n"
                  "end\n");
    made_done(&m);
}
END_TEST

START_TEST(a_message_and_a_data_set)
{
    static const char *const dsn[] = {"SYS1", "MACLIB", "X"};
    struct made m;
    made_init(&m);
    inmr01(&m);
    inmr02(&m, 1);
    text(&m, 0x1028, "INMCOPY");
    unit(&m, 0x0028, NULL, 0);
    number(&m, 0x0049, 0x5000, 2);
    number(&m, 0x0042, 251, 4);
    end(&m);
    inmr02(&m, 2);
    text(&m, 0x1028, "IEBCOPY");
    number(&m, 0x003C, 0x0200, 2);
    number(&m, 0x0049, 0x9000, 2);
    number(&m, 0x0042, 80, 4);
    unit(&m, 0x0002, dsn, 3);
    end(&m);
    inmr02(&m, 2);
    text(&m, 0x1028, "INMCOPY");
    number(&m, 0x003C, 0x4000, 2);
    number(&m, 0x0049, 0x4802, 2);
    number(&m, 0x0042, 32756, 2);
    end(&m);
    simple(&m, "INMR03");
    data(&m, "the message");
    simple(&m, "INMR04");
    simple(&m, "INMR03");
    data(&m, "unloaded");
    simple(&m, "INMR06");
    check_all(
        &m, "file NODEA(ALICE) to NODEB(BOB) '' INMCOPY 5000 0000 lrecl=251 size=0 "
            "at=20261121212327 note\n"
            "11 'the message'\n"
            "file NODEA(ALICE) to NODEB(BOB) 'SYS1.MACLIB.X' IEBCOPY 4802 0200 lrecl=32756 size=0 "
            "at=20261121212327\n"
            "8 'unloaded'\n"
            "end\n");
    made_done(&m);
}
END_TEST

/* INMR02 03 data, 02 03 data: the number may be used again once its file has begun. */
START_TEST(one_file_after_the_other)
{
    struct made m;
    made_init(&m);
    inmr01(&m);
    for (int i = 0; i < 2; i++) {
        inmr02(&m, 1);
        text(&m, 0x0002, i == 0 ? "ONE" : "TWO");
        end(&m);
        simple(&m, "INMR03");
        data(&m, "x");
    }
    simple(&m, "INMR06");
    check_all(
        &m,
        "file NODEA(ALICE) to NODEB(BOB) 'ONE'  0000 0000 lrecl=0 size=0 at=20261121212327\n1 'x'\n"
        "file NODEA(ALICE) to NODEB(BOB) 'TWO'  0000 0000 lrecl=0 size=0 at=20261121212327\n1 'x'\n"
        "end\n");
    made_done(&m);
}
END_TEST

/* XMIT370 packs a block of fixed records into one; only those are split. */
START_TEST(blocks_are_split)
{
    static const struct {
        uint16_t recfm;
        uint32_t lrecl;
        const char *want;
    } t[] = {
        {0x9000, 3, "3 'abc'\n3 'def'\n2 'gh'\n3 'ijk'\n"},
        {0x8000, 4, "4 'abcd'\n4 'efgh'\n3 'ijk'\n"},
        {0x8000, 0, "8 'abcdefgh'\n3 'ijk'\n"},
        {0x8000, 8, "8 'abcdefgh'\n3 'ijk'\n"},
        {0x4000, 3, "8 'abcdefgh'\n3 'ijk'\n"},
        {0xC000, 3, "8 'abcdefgh'\n3 'ijk'\n"},
        {0x0002, 3, "8 'abcdefgh'\n3 'ijk'\n"},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct made m;
        struct buf want;
        made_init(&m);
        buf_init(&want, 1000);
        inmr01(&m);
        inmr02(&m, 1);
        number(&m, 0x0049, t[i].recfm, 2);
        number(&m, 0x0042, t[i].lrecl, 3);
        end(&m);
        simple(&m, "INMR03");
        data(&m, "abcdefgh");
        data(&m, "ijk");
        simple(&m, "INMR06");
        buf_printf(&want,
                   "file NODEA(ALICE) to NODEB(BOB) ''  %04X 0000 lrecl=%u size=0 "
                   "at=20261121212327\n%send\n",
                   t[i].recfm, t[i].lrecl, t[i].want);
        check_all(&m, buf_cstr(&want));
        buf_done(&want);
        made_done(&m);
    }
}
END_TEST

START_TEST(records_in_segments)
{
    struct made m;
    made_init(&m);
    inmr01(&m);
    inmr02(&m, 1);
    end(&m);
    begin(&m, "INMR03"); /* a control record in two segments */
    segment(&m, 0xA0, m.record.p, 4);
    segment(&m, 0x60, m.record.p + 4, m.record.n - 4);
    segment(&m, 0x80, "\x81\x82", 2);
    segment(&m, 0x10, "", 0); /* a record number: of no use */
    segment(&m, 0x00, "\x83", 1);
    segment(&m, 0x00, "", 0);
    segment(&m, 0x40, "\x84", 1);
    segment(&m, 0xD0, "\x81\x82\x83", 3);
    segment(&m, 0xC0, "\x85", 1);
    simple(&m, "INMR06");
    check_all(&m, "file NODEA(ALICE) to NODEB(BOB) ''  0000 0000 lrecl=0 size=0 at=20261121212327\n"
                  "4 'abcd'\n1 'e'\nend\n");
    made_done(&m);
}
END_TEST

START_TEST(an_acknowledgement)
{
    static const char *const dsn[] = {"A", "PROFILE", "EXEC"};
    struct made m;
    made_init(&m);
    inmr01(&m);
    begin(&m, "INMR07");
    text(&m, 0x1024, "19931113225242123456");
    unit(&m, 0x0002, dsn, 3);
    text(&m, 0x1026, "MARK1");
    text(&m, 0x1027, "DELETED");
    end(&m);
    simple(&m, "INMR06");
    check_all(&m, "file NODEA(ALICE) to NODEB(BOB) 'A.PROFILE.EXEC'  0000 0000 lrecl=0 size=0 "
                  "at=19931113225242123456 ack mark=MARK1 error=DELETED\nend\n");
    made_done(&m);
}
END_TEST

START_TEST(asking_for_an_acknowledgement)
{
    for (int mark = 0; mark < 2; mark++) {
        struct made m;
        made_init(&m);
        begin(&m, "INMR01");
        if (mark)
            text(&m, 0x1026, "MARK1");
        else
            unit(&m, 0x1026, NULL, 0);
        end(&m);
        inmr02(&m, 1);
        end(&m);
        simple(&m, "INMR03");
        check(&m, mark ? "file () to () ''  0000 0000 lrecl=0 size=0 at= wanted mark=MARK1\n"
                       : "file () to () ''  0000 0000 lrecl=0 size=0 at= wanted\n");
        made_done(&m);
    }
}
END_TEST

/* A name must not carry a line end into somebody's header, nor grow without end. */
START_TEST(hostile_names)
{
    struct made m;
    made_init(&m);
    inmr01(&m);
    inmr02(&m, 1);
    buf_add(&m.record, "\x00\x02\x00\x01\x00\x05\xC1\x0D\x25\x00\xC2", 11);
    number(&m, 0x0042, 1, 9); /* no number has nine bytes */
    end(&m);
    simple(&m, "INMR03");
    check(&m,
          "file NODEA(ALICE) to NODEB(BOB) 'A???B'  0000 0000 lrecl=0 size=0 at=20261121212327\n");
    made_done(&m);

    struct arena *a = arena_new(1 << 20);
    struct nd_reader *r = nd_reader_new(a);
    struct nd_file f;
    struct cur record;
    struct why w;
    made_init(&m);
    inmr01(&m);
    for (int k = 0; k < 40; k++) {
        inmr02(&m, 1);
        buf_be16(&m.record, 0x0002);
        buf_be16(&m.record, 20);
        for (int i = 0; i < 20; i++)
            buf_add(&m.record, "\x00\x08\xC1\xC1\xC1\xC1\xC1\xC1\xC1\xC1", 10);
        end(&m);
    }
    simple(&m, "INMR03");
    struct cur in = buf_cur(&m.b);
    ck_assert_int_eq(nd_reader_next(r, &in, &f, &record, &w), ND_FILE);
    ck_assert_uint_eq(f.dsname.n, 20 * 9 - 1);
    arena_free(&a);
    made_done(&m);
}
END_TEST

static void start_file(struct made *m)
{
    inmr01(m);
    inmr02(m, 1);
    end(m);
    simple(m, "INMR03");
}

#define FILE_LINE "file NODEA(ALICE) to NODEB(BOB) ''  0000 0000 lrecl=0 size=0 at=20261121212327\n"

START_TEST(malformed)
{
    struct made m;
    made_init(&m);
    simple(&m, "INMR02");
    check(&m, "error -1 NETDATA: it begins with INMR02, not INMR01\n");
    buf_reset(&m.b);
    data(&m, "x");
    check(&m, "error -1 NETDATA: data before INMR03\n");
    buf_reset(&m.b);
    inmr01(&m);
    inmr01(&m);
    check(&m, "error -1 NETDATA: a second INMR01 in one transmission\n");
    buf_reset(&m.b);
    inmr01(&m);
    simple(&m, "INMR03");
    check(&m, "error -1 NETDATA: INMR03 without its INMR02\n");
    buf_reset(&m.b);
    inmr01(&m);
    simple(&m, "INMR02");
    check(&m, "error -1 NETDATA: INMR02 without file number\n");
    buf_reset(&m.b);
    inmr01(&m);
    simple(&m, "XYZ999");
    check(&m, "error -1 NETDATA: a control record that is no INMR0n\n");
    buf_reset(&m.b);
    inmr01(&m);
    simple(&m, "INMR");
    check(&m, "error -1 NETDATA: a control record that is no INMR0n\n");
    buf_reset(&m.b);
    start_file(&m);
    buf_u8(&m.b, 0);
    check(&m, FILE_LINE "error -1 NETDATA: a segment of length 0 before the end (INMR06)\n");
    buf_reset(&m.b);
    start_file(&m);
    segment(&m, 0x40, "x", 1);
    check(&m, FILE_LINE "error -1 NETDATA: a record without its first segment\n");
    buf_reset(&m.b);
    start_file(&m);
    segment(&m, 0x80, "x", 1);
    segment(&m, 0xC0, "y", 1);
    check(&m, FILE_LINE "error -1 NETDATA: a record begins inside another\n");
    made_done(&m);
}
END_TEST

/* Text units that run out: every cut of a control record but those between units. */
START_TEST(text_units_cut)
{
    static const char *const dsn[] = {"ONE", "TWO"};
    struct made m;
    struct buf out;
    made_init(&m);
    buf_init(&out, 10000);
    inmr02(&m, 1);
    size_t good[3] = {m.record.n, 0, 0};
    unit(&m, 0x0002, dsn, 2);
    good[1] = m.record.n;
    number(&m, 0x0042, 80, 4);
    good[2] = m.record.n;
    struct buf whole = m.record;
    buf_init(&m.record, 1000);
    for (size_t n = good[0]; n <= good[2]; n++) {
        buf_reset(&m.b);
        inmr01(&m);
        segment(&m, 0xE0, whole.p, n);
        buf_reset(&out);
        struct str input = buf_text(&m.b);
        read_pieces(NULL, &input, 1, &out);
        bool clean = n == good[0] || n == good[1] || n == good[2];
        ck_assert_msg((out.n == 0) == clean, "cut to %zu: %s", n, buf_cstr(&out));
    }
    buf_done(&whole);
    buf_done(&out);
    made_done(&m);
}
END_TEST

START_TEST(broken_for_good)
{
    struct made m;
    struct arena *a = arena_new(1 << 20);
    struct nd_reader *r = nd_reader_new(a);
    struct nd_file f;
    struct cur record;
    struct why w;
    made_init(&m);
    simple(&m, "INMR06");
    struct cur in = buf_cur(&m.b);
    ck_assert_int_eq(nd_reader_next(r, &in, &f, &record, &w), E_SYNTAX);
    buf_reset(&m.b);
    start_file(&m);
    in = buf_cur(&m.b);
    ck_assert_int_eq(nd_reader_next(r, &in, &f, &record, &w), E_SYNTAX);
    ck_assert_str_eq(w.text, "NETDATA: the transmission is broken");
    arena_free(&a);
    made_done(&m);
}
END_TEST

/* 65535 bytes a record, 16 files, and no more than the arena has. */
START_TEST(limits)
{
    struct made m;
    struct buf out;
    uint8_t bytes[253];
    buf_init(&out, 1 << 20);
    memset(bytes, 0x81, sizeof bytes);
    for (size_t extra = 0; extra < 2; extra++) {
        made_init(&m);
        start_file(&m);
        size_t left = 65535 + extra;
        for (uint8_t flags = 0x80; left > 0; flags = 0) {
            size_t n = left < 253 ? left : 253;
            left -= n;
            segment(&m, left > 0 ? flags : 0x40, bytes, n);
        }
        struct str input = buf_text(&m.b);
        buf_reset(&out);
        read_pieces(NULL, &input, 1, &out);
        const char *said = strchr(buf_cstr(&out), '\n') + 1;
        if (extra == 0)
            ck_assert_int_eq(strncmp(said, "65535 'aaaa", 11), 0);
        else
            ck_assert_str_eq(said, "error -2 NETDATA: a record longer than 65535 bytes\n");
        size_t small = 20000;
        buf_reset(&out);
        read_pieces(&small, &input, 1, &out);
        said = strchr(buf_cstr(&out), '\n') + 1;
        ck_assert_str_eq(said, "error -2 NETDATA: no space left to join a record\n");
        made_done(&m);
    }
    made_init(&m);
    inmr01(&m);
    for (uint32_t i = 0; i < 17; i++) {
        inmr02(&m, i);
        end(&m);
    }
    check(&m, "error -2 NETDATA: more than 16 files in one transmission\n");
    made_done(&m);
    made_init(&m);
    inmr01(&m);
    for (int i = 0; i < 2000; i++) {
        inmr02(&m, 1);
        text(&m, 0x1028, "A UTILITY WITH A RATHER LONG NAME, SO THAT IT TAKES SPACE");
        end(&m);
    }
    size_t small = 20000;
    struct str input = buf_text(&m.b);
    buf_reset(&out);
    read_pieces(&small, &input, 1, &out);
    ck_assert_str_eq(buf_cstr(&out), "error -2 NETDATA: its control records are too large\n");
    made_done(&m);
    struct arena *a = arena_new(1000);
    ck_assert_ptr_null(nd_reader_new(a));
    arena_free(&a);
    buf_done(&out);
}
END_TEST

/* A record in one segment of the input is lent from there, not copied. */
START_TEST(records_are_lent)
{
    struct made m;
    struct arena *a = arena_new(1 << 20);
    struct nd_reader *r = nd_reader_new(a);
    struct nd_file f;
    struct cur record;
    struct why w;
    made_init(&m);
    start_file(&m);
    size_t at = m.b.n + 2;
    data(&m, "lent");
    struct cur in = buf_cur(&m.b);
    ck_assert_int_eq(nd_reader_next(r, &in, &f, &record, &w), ND_FILE);
    ck_assert_int_eq(nd_reader_next(r, &in, &f, &record, &w), ND_RECORD);
    ck_assert_ptr_eq(record.p, m.b.p + at);
    ck_assert_uint_eq(cur_left(&record), 4);
    arena_free(&a);
    made_done(&m);
}
END_TEST

START_TEST(looks)
{
    struct made m;
    made_init(&m);
    inmr01(&m);
    ck_assert(nd_looks(buf_cur(&m.b)));
    for (size_t n = 0; n < 8; n++)
        ck_assert(!nd_looks(cur_of(m.b.p, n)));
    ck_assert(nd_looks(cur_of(m.b.p, 8)));
    m.b.p[1] = 0xA0; /* first of several segments */
    ck_assert(nd_looks(buf_cur(&m.b)));
    m.b.p[1] = 0xC0;
    ck_assert(!nd_looks(buf_cur(&m.b)));
    m.b.p[1] = 0xE0;
    m.b.p[7] = 0xF2;
    ck_assert(!nd_looks(buf_cur(&m.b)));
    made_done(&m);
}
END_TEST

/* --- writing, with the reader as oracle */

static struct nd_file sample(void)
{
    return (struct nd_file){.from_node = name("NODEA"),
                            .from_user = name("ALICE"),
                            .to_node = name("NODEB"),
                            .to_user = name("BOB"),
                            .dsname = STR("A.PROFILE.EXEC"),
                            .recfm = ND_RECFM_V | ND_RECFM_SHORT,
                            .lrecl = 132,
                            .size = 4711};
}

static const struct wall now = {1767323045 * US_PER_S}; /* 2026-01-02 03:04:05 */

static void check_buf(struct buf *b, const char *want)
{
    struct made m = {.b = *b};
    check_all(&m, want);
}

START_TEST(written_and_read)
{
    struct nd_file f = sample();
    struct buf b, e;
    buf_init(&b, 10000);
    buf_init(&e, 100);
    nd_begin(&b, &f, now);
    (void)ebc_from_utf8(&e, ebc_page_default(), STR("one line"));
    nd_record(&b, buf_cur(&e));
    nd_record(&b, cur_of("", 0));
    nd_end(&b);
    buf_fill(&b, 0, 80 - b.n % 80);
    check_buf(
        &b,
        "file NODEA(ALICE) to NODEB(BOB) 'A.PROFILE.EXEC' INMCOPY 4002 4000 lrecl=132 size=4711 "
        "at=20260102030405\n8 'one line'\n1 ' '\nend\n");
    ck_assert(nd_looks(buf_cur(&b)));
    buf_reset(&b);
    f.note = true;
    f.ack_wanted = true;
    f.size = UINT64_C(0x123456789A);
    f.lrecl = 70000;
    nd_begin(&b, &f, now);
    nd_end(&b);
    check_buf(&b,
              "file NODEA(ALICE) to NODEB(BOB) '' INMCOPY 4002 4000 lrecl=70000 size=78187493530 "
              "at=20260102030405 note wanted\nend\n");
    buf_reset(&b);
    f = sample();
    f.ack_wanted = true;
    f.ack = STR("MARK7");
    nd_begin(&b, &f, now);
    nd_end(&b);
    check_buf(
        &b,
        "file NODEA(ALICE) to NODEB(BOB) 'A.PROFILE.EXEC' INMCOPY 4002 4000 lrecl=132 size=4711 "
        "at=20260102030405 wanted mark=MARK7\nend\n");
    buf_done(&b);
    buf_done(&e);
}
END_TEST

/* The bytes of the first control records, as the field sends them. */
START_TEST(written_bytes)
{
    struct nd_file f = sample();
    struct buf b;
    static const uint8_t fmt[] = {0x10, 0x2D, 0x00, 0x01, 0x00, 0x01, 0xF1};
    static const uint8_t numf[] = {0x10, 0x2F, 0x00, 0x01, 0x00, 0x02, 0x00, 0x01};
    static const uint8_t dsn[] = {0x00, 0x02, 0x00, 0x03, 0x00, 0x01, 0xC1, 0x00, 0x07, 0xD7};
    static const uint8_t term[] = {0x00, 0x28, 0x00, 0x00};
    buf_init(&b, 10000);
    nd_begin(&b, &f, now);
    ck_assert_mem_eq(
        b.p + 1,
        "\xE0\xC9\xD5\xD4\xD9\xF0\xF1\x00\x42\x00\x01\x00\x02\x00\x50\x10\x11\x00\x01\x00\x05\xD5",
        22);
    ck_assert_ptr_nonnull(memmem(b.p, b.n, fmt, sizeof fmt));
    ck_assert_ptr_nonnull(memmem(b.p, b.n, numf, sizeof numf));
    ck_assert_ptr_nonnull(memmem(b.p, b.n, dsn, sizeof dsn));
    ck_assert_ptr_null(memmem(b.p, b.n, term, sizeof term));
    f.note = true;
    buf_reset(&b);
    nd_begin(&b, &f, now);
    ck_assert_ptr_nonnull(memmem(b.p, b.n, term, sizeof term));
    ck_assert_ptr_null(memmem(b.p, b.n, fmt, sizeof fmt));
    ck_assert_ptr_null(memmem(b.p, b.n, dsn, 6));
    buf_reset(&b);
    nd_end(&b);
    ck_assert_uint_eq(b.n, 8);
    ck_assert_mem_eq(b.p, "\x08\xE0\xC9\xD5\xD4\xD9\xF0\xF6", 8);
    buf_done(&b);
}
END_TEST

/* A control record of several segments says so in each of them. */
START_TEST(long_control_records)
{
    struct nd_file f = sample();
    struct buf b, want;
    buf_init(&b, 10000);
    buf_init(&want, 10000);
    f.dsname = STR(
        "A2345678.B2345678.C2345678.D2345678.E2345678.F2345678.G2345678.H2345678.I2345678.J2345678."
        "K2345678.L2345678.M2345678.N2345678.O2345678.P2345678.Q2345678.R2345678.S2345678."
        "T2345678");
    nd_begin(&b, &f, now);
    nd_end(&b);
    const uint8_t *second = b.p + b.p[0]; /* INMR02 */
    ck_assert_mem_eq(second, "\xFF\xA0\xC9\xD5\xD4\xD9\xF0\xF2", 8);
    ck_assert_uint_eq(second[256], 0x60);
    buf_printf(&want,
               "file NODEA(ALICE) to NODEB(BOB) '%.*s' INMCOPY 4002 4000 lrecl=132 size=4711 "
               "at=20260102030405\nend\n",
               STR_ARG(f.dsname));
    check_buf(&b, buf_cstr(&want));
    buf_done(&b);
    buf_done(&want);
}
END_TEST

START_TEST(records_of_any_length)
{
    for (size_t n = 1; n < 1100; n += n < 10 || n % 253 > 248 || n % 253 < 4 ? 1 : 50) {
        struct nd_file f = sample(), got;
        struct buf b, data_;
        struct arena *a = arena_new(1 << 20);
        struct nd_reader *r = nd_reader_new(a);
        struct cur record;
        struct why w;
        buf_init(&b, 10000);
        buf_init(&data_, 10000);
        for (size_t i = 0; i < n; i++)
            buf_u8(&data_, (uint8_t)(i * 13));
        nd_begin(&b, &f, now);
        size_t head = b.n;
        nd_record(&b, buf_cur(&data_));
        ck_assert_uint_eq(b.n - head, n + 2 * ((n + 252) / 253));
        struct cur in = buf_cur(&b);
        ck_assert_int_eq(nd_reader_next(r, &in, &got, &record, &w), ND_FILE);
        ck_assert_int_eq(nd_reader_next(r, &in, &got, &record, &w), ND_RECORD);
        ck_assert(str_eq(cur_str(&record), buf_text(&data_)));
        ck_assert(cur_end(&in));
        arena_free(&a);
        buf_done(&b);
        buf_done(&data_);
    }
}
END_TEST

START_TEST(acknowledgement_written)
{
    struct nd_file f = sample();
    struct buf b;
    buf_init(&b, 10000);
    f.stamp = STR("20261121212327");
    f.ack_wanted = true;
    f.ack = STR("MARK7");
    nd_ack(&b, &f, now);
    check_buf(&b, "file NODEA(ALICE) to NODEB(BOB) 'A.PROFILE.EXEC'  0000 0000 lrecl=0 size=0 "
                  "at=20261121212327 ack "
                  "mark=MARK7\nend\n");
    buf_reset(&b);
    f.note = true;
    f.ack = STR("");
    f.error = STR("DELETED");
    nd_ack(&b, &f, now);
    check_buf(
        &b,
        "file NODEA(ALICE) to NODEB(BOB) ''  0000 0000 lrecl=0 size=0 at=20261121212327 note ack "
        "error=DELETED\nend\n");
    buf_done(&b);
}
END_TEST

static Suite *test_netdata_suite(void)
{
    Suite *s = suite_create("netdata");
    TCase *t = tcase_create("all");
    tcase_add_test(t, a_cms_note);
    tcase_add_test(t, a_message_and_a_data_set);
    tcase_add_test(t, one_file_after_the_other);
    tcase_add_test(t, blocks_are_split);
    tcase_add_test(t, records_in_segments);
    tcase_add_test(t, an_acknowledgement);
    tcase_add_test(t, asking_for_an_acknowledgement);
    tcase_add_test(t, hostile_names);
    tcase_add_test(t, malformed);
    tcase_add_test(t, text_units_cut);
    tcase_add_test(t, broken_for_good);
    tcase_add_test(t, limits);
    tcase_add_test(t, records_are_lent);
    tcase_add_test(t, looks);
    tcase_add_test(t, written_and_read);
    tcase_add_test(t, written_bytes);
    tcase_add_test(t, long_control_records);
    tcase_add_test(t, records_of_any_length);
    tcase_add_test(t, acknowledgement_written);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_netdata_suite)
