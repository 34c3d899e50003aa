/* tests/unit/rscs/test_header.c -- rscs/header: headers in and out, segments, TOD clock. */
#include <stdlib.h>
#include <string.h>

#include "rscs/header.h"
#include "unit/unit.h"

static struct nje_name name(const char *text)
{
    return ebc_name_of(str_of(text));
}

static void check_name(struct nje_name got, const char *want)
{
    char text[9];
    ck_assert_str_eq(ebc_name_text(&got, text).p, want);
}

static struct njh sample_njh(void)
{
    return (struct njh){.job_id = 1234,
                        .job_class = 0xC1,
                        .msg_class = 0xC2,
                        .flags = 0x0C,
                        .priority = 7,
                        .hops = 3,
                        .job_name = name("RSCS1234"),
                        .user = name("ALICE"),
                        .origin_node = name("NODEA"),
                        .origin_user = name("ALICE"),
                        .exec_node = name("EXECN"),
                        .exec_user = name("EXECU"),
                        .print_node = name("PRTN"),
                        .print_user = name("PRTU"),
                        .punch_node = name("PUNN"),
                        .punch_user = name("PUNU"),
                        .form = name("STD"),
                        .entry_tod = UINT64_C(0xE39E2A3F00000000),
                        .records = 77,
                        .programmer = name("PGMR")};
}

static struct dsh sample_dsh(void)
{
    struct dsh d = {.node = name("NODEB"),
                    .user = name("BOB"),
                    .proc = name("ROOT"),
                    .step = name("MAIL"),
                    .dsno = 1,
                    .class = 0xD4,
                    .flags = 0x40,
                    .recfm = 0x80,
                    .lrecl = 80,
                    .copies = 2,
                    .form = name("QUMAIL"),
                    .flags2 = 0x40,
                    .records = 14,
                    .device = 0x82,
                    .priority_rscs = 50};
    memset(d.fn, 0x40, sizeof d.fn);
    memset(d.ft, 0x40, sizeof d.ft);
    memset(d.dist, 0x40, sizeof d.dist);
    memcpy(d.fn, "\xC1\xC2\xC3\xC4\xC5\xC6\xC7\xC8\xC9\xD1", 10);
    memcpy(d.ft, "\xD4\xC1\xC9\xD3", 4);
    memcpy(d.dist, "\xE2\xE8\xE2", 3);
    return d;
}

START_TEST(njh_there_and_back)
{
    struct njh h = sample_njh(), got;
    struct buf b;
    struct why w;
    buf_init(&b, 1000);
    njh_put(&b, &h);
    ck_assert_uint_eq(b.n, 204);
    memset(&got, 0xEE, sizeof got);
    ck_assert_int_eq(njh_get(buf_cur(&b), &got, &w), OK);
    ck_assert_uint_eq(got.job_id, 1234);
    ck_assert_uint_eq(got.job_class, 0xC1);
    ck_assert_uint_eq(got.msg_class, 0xC2);
    ck_assert_uint_eq(got.flags, 0x0C);
    ck_assert_uint_eq(got.priority, 7);
    ck_assert_uint_eq(got.hops, 3);
    check_name(got.job_name, "RSCS1234");
    check_name(got.user, "ALICE");
    check_name(got.origin_node, "NODEA");
    check_name(got.origin_user, "ALICE");
    check_name(got.exec_node, "EXECN");
    check_name(got.exec_user, "EXECU");
    check_name(got.print_node, "PRTN");
    check_name(got.print_user, "PRTU");
    check_name(got.punch_node, "PUNN");
    check_name(got.punch_user, "PUNU");
    check_name(got.form, "STD");
    check_name(got.programmer, "PGMR");
    ck_assert_uint_eq(got.entry_tod, h.entry_tod);
    ck_assert_uint_eq(got.records, 77);
    buf_done(&b);
}
END_TEST

/* Fields at the offsets of the manual, from the header's start. */
START_TEST(njh_offsets)
{
    struct njh h = sample_njh();
    struct buf b;
    buf_init(&b, 1000);
    njh_put(&b, &h);
    static const struct {
        size_t at;
        const char *bytes;
        size_t n;
    } t[] = {
        {0, "\x00\xCC\x00\x00\x00\xC8\x00\x00", 8},
        {8, "\x04\xD2\xC1\xC2\x0C\x07\x01\x01\x00\x00\x00\x03", 12},
        {20, "\x40\x40\x40\x40\x40\x40\x40\x40\xD9\xE2\xC3\xE2\xF1\xF2\xF3\xF4", 16},
        {36, "\xC1\xD3\xC9\xC3\xC5\x40\x40\x40\x40\x40", 10},
        {60, "\xE3\x9E\x2A\x3F\x00\x00\x00\x00\xD5\xD6\xC4\xC5\xC1", 13},
        {76, "\xC1\xD3", 2},
        {84, "\xC5\xE7\xC5\xC3\xD5", 5},
        {100, "\xD7\xD9\xE3\xD5", 4},
        {116, "\xD7\xE4\xD5\xD5", 4},
        {132, "\xE2\xE3\xC4\x40\x40\x40\x40\x40\x00\x00\x00\x00", 12},
        {156, "\xD7\xC7\xD4\xD9", 4},
        {176, "\x40\x40\x40\x40", 4},
        {200, "\x00\x00\x00\x4D", 4},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++)
        ck_assert_msg(memcmp(b.p + t[i].at, t[i].bytes, t[i].n) == 0, "offset %zu", t[i].at);
    buf_done(&b);
}
END_TEST

START_TEST(dsh_there_and_back)
{
    struct dsh h = sample_dsh(), got;
    struct buf b;
    struct why w;
    buf_init(&b, 1000);
    dsh_put(&b, &h);
    ck_assert_uint_eq(b.n, 296);
    memset(&got, 0xEE, sizeof got);
    ck_assert_int_eq(dsh_get(buf_cur(&b), &got, &w), OK);
    check_name(got.node, "NODEB");
    check_name(got.user, "BOB");
    check_name(got.proc, "ROOT");
    check_name(got.step, "MAIL");
    ck_assert_uint_eq(got.dsno, 1);
    ck_assert_uint_eq(got.class, 0xD4);
    ck_assert_uint_eq(got.flags, 0x40);
    ck_assert_uint_eq(got.recfm, 0x80);
    ck_assert_uint_eq(got.lrecl, 80);
    ck_assert_uint_eq(got.copies, 2);
    check_name(got.form, "QUMAIL");
    ck_assert_uint_eq(got.flags2, 0x40);
    ck_assert_uint_eq(got.records, 14);
    ck_assert(got.rscs);
    ck_assert_mem_eq(got.fn, h.fn, 12);
    ck_assert_mem_eq(got.ft, h.ft, 12);
    ck_assert_mem_eq(got.dist, h.dist, 8);
    ck_assert_uint_eq(got.device, 0x82);
    ck_assert_uint_eq(got.priority_rscs, 50);
    buf_done(&b);
}
END_TEST

START_TEST(dsh_offsets)
{
    struct dsh h = sample_dsh();
    struct buf b;
    buf_init(&b, 1000);
    dsh_put(&b, &h);
    static const struct {
        size_t at;
        const char *bytes;
        size_t n;
    } t[] = {
        {0, "\x01\x28\x00\x00\x00\x70\x00\x00", 8},
        {16, "\xC2\xD6\xC2", 3},
        {48, "\x00\x01\x00\xD4\x00\x00\x00\x0E\x40\x80\x00\x50\x02\x00\x00\x00", 16},
        {64, "\xD8\xE4", 2},
        {88, "\xC2\xD6\xC2\x40", 4},
        {96, "\x00\x00\x00\x00\x00\x00\x00\x00\x40\x00\x00\x00\x40\x40", 14},
        {116, "\x00\xB4\x87\x00\x00\xD4\x82\x00\xE2\xE8\xE2\x40", 12},
        {132, "\xC1\xC2\xC3", 3},
        {144, "\xD4\xC1\xC9\xD3", 4},
        {156, "\x00\x32\x02\x01", 4},
        {160,
         "\xD5\xD6\xC4\xC5\xC2\x40\x40\x40\x40\xC2\xD6\xC2\x40\x40\x40\x40\x40\x40\xF5\xF0\x40\x40",
         22},
        {292, "\x40\x40\x40\x40", 4},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++)
        ck_assert_msg(memcmp(b.p + t[i].at, t[i].bytes, t[i].n) == 0, "offset %zu", t[i].at);
    /* A print file names no external writer. */
    h.flags2 = 0x80;
    buf_reset(&b);
    dsh_put(&b, &h);
    ck_assert_mem_eq(b.p + 88, "\0\0\0\0\0\0\0\0", 8);
    buf_done(&b);
}
END_TEST

START_TEST(njt_there_and_back)
{
    struct buf b;
    struct why w;
    uint32_t records = 0;
    buf_init(&b, 1000);
    njt_put(&b, 99, 0x1122334455667788, 0x99AABBCCDDEEFF00);
    ck_assert_uint_eq(b.n, 48);
    ck_assert_mem_eq(b.p, "\x00\x30\x00\x00\x00\x2C\x00\x00\x00\xC1\x00\x00\x11\x22", 14);
    ck_assert_mem_eq(b.p + 20, "\x99\xAA", 2);
    ck_assert_mem_eq(b.p + 32, "\x00\x00\x00\x63\x00\x00\x00\x63", 8);
    ck_assert_int_eq(njt_get(buf_cur(&b), &records, &w), OK);
    ck_assert_uint_eq(records, 99);
    memset(b.p + 36, 0, 4); /* JES2 counts lines */
    b.p[35] = 5;
    ck_assert_int_eq(njt_get(buf_cur(&b), &records, &w), OK);
    ck_assert_uint_eq(records, 5);
    buf_done(&b);
}
END_TEST

/* Any truncation is refused, and nothing is written then. */
START_TEST(truncations)
{
    struct njh h = sample_njh(), gn;
    struct dsh d = sample_dsh(), gd;
    struct buf b[3];
    struct why w;
    for (size_t i = 0; i < 3; i++)
        buf_init(&b[i], 1000);
    njh_put(&b[0], &h);
    dsh_put(&b[1], &d);
    njt_put(&b[2], 1, 0, 0);
    for (size_t i = 0; i < 3; i++)
        for (size_t n = 0; n < b[i].n; n++) {
            uint8_t *mem = malloc(n > 0 ? n : 1);
            memcpy(mem, b[i].p, n);
            struct cur c = cur_of(mem, n);
            uint32_t records = 0xEEEEEEEE;
            memset(&gn, 0xEE, sizeof gn);
            memset(&gd, 0xEE, sizeof gd);
            /* The DSH is whole at the end of its general section. */
            int want = i == 1 && n == 116 ? OK : E_SYNTAX;
            int got = i == 0   ? njh_get(c, &gn, &w)
                      : i == 1 ? dsh_get(c, &gd, &w)
                               : njt_get(c, &records, &w);
            ck_assert_msg(got == want, "header %zu cut to %zu: %d", i, n, got);
            ck_assert_uint_eq(gn.priority, 0xEE);
            ck_assert(gd.copies == (want == OK ? 2 : 0xEE));
            ck_assert_uint_eq(records, 0xEEEEEEEE);
            free(mem);
        }
    for (size_t i = 0; i < 3; i++)
        buf_done(&b[i]);
}
END_TEST

static void put_section(struct buf *b, uint16_t n, uint8_t type, uint8_t modifier, uint8_t fill)
{
    buf_be16(b, n);
    buf_u8(b, type);
    buf_u8(b, modifier);
    buf_fill(b, fill, n - 4u);
}

/* Unknown sections before and behind; the general section may be shorter or longer than ours. */
START_TEST(other_peoples_sections)
{
    struct buf b;
    struct why w;
    struct dsh d;
    struct njh h;
    buf_init(&b, 2000);
    buf_be32(&b, 0);
    put_section(&b, 12, 0x84, 0, 0xC1);
    put_section(&b, 20, 0x00, 0x40, 0xC1); /* record characteristics: no general section */
    put_section(&b, 104, 0x00, 0, 0xC2);   /* NETSERV's */
    put_section(&b, 44, 0x87, 0, 0xC3);    /* RSCS without tag */
    put_section(&b, 4, 0xC0, 0, 0);
    ck_assert_int_eq(dsh_get(buf_cur(&b), &d, &w), OK);
    check_name(d.node, "BBBBBBBB");
    check_name(d.form, "BBBBBBBB");
    ck_assert_uint_eq(d.flags2, 0xC2);
    ck_assert(d.rscs);
    ck_assert_uint_eq(d.fn[11], 0xC3);
    /* A JES2 job header: longer general section, others follow. */
    buf_reset(&b);
    buf_be32(&b, 0);
    put_section(&b, 212, 0x00, 0, 0xC4);
    put_section(&b, 52, 0x84, 0, 0);
    ck_assert_int_eq(njh_get(buf_cur(&b), &h, &w), OK);
    check_name(h.origin_node, "DDDDDDDD");
    ck_assert_uint_eq(h.records, 0xC4C4C4C4);
    /* Least: up to the origin user. */
    buf_reset(&b);
    buf_be32(&b, 0);
    put_section(&b, 80, 0x00, 0, 0xC5);
    ck_assert_int_eq(njh_get(buf_cur(&b), &h, &w), OK);
    check_name(h.origin_user, "EEEEEEEE");
    ck_assert(ebc_name_empty(&h.exec_node));
    ck_assert_uint_eq(h.records, 0);
    buf_reset(&b);
    buf_be32(&b, 0);
    put_section(&b, 79, 0x00, 0, 0xC5);
    ck_assert_int_eq(njh_get(buf_cur(&b), &h, &w), E_SYNTAX);
    ck_assert_str_eq(w.text, "the job header (NJH) has no general section of at least 80 bytes");
    buf_done(&b);
}
END_TEST

START_TEST(sections_that_lie)
{
    static const struct {
        const char *bytes;
        size_t n;
    } t[] = {
        {"\0\x08\0\0", 4},              /* no section at all */
        {"\0\0\0\0\0\0\0\0", 8},        /* a section of length 0 would never end */
        {"\0\0\0\0\0\3\0\0", 8},        /* shorter than its head */
        {"\0\0\0\0\xFF\xFF\0\0xx", 10}, /* longer than the header */
        {"\0\0\0\0\0\4\xC0\0\0\1", 10}, /* a rest */
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct njh h;
        struct dsh d;
        uint32_t records;
        struct why w;
        struct cur c = cur_of(t[i].bytes, t[i].n);
        ck_assert_int_eq(njh_get(c, &h, &w), E_SYNTAX);
        ck_assert_int_eq(dsh_get(c, &d, &w), E_SYNTAX);
        ck_assert_int_eq(njt_get(c, &records, &w), E_SYNTAX);
    }
}
END_TEST

START_TEST(fall_backs)
{
    struct njh h = sample_njh();
    struct dsh d = sample_dsh();
    struct buf b;
    struct why w;
    buf_init(&b, 1000);
    memset(&h.origin_user, 0, sizeof h.origin_user);
    njh_put(&b, &h);
    ck_assert_int_eq(njh_get(buf_cur(&b), &h, &w), OK);
    check_name(h.origin_user, "ALICE");
    /* Blank user: the external writer. No RSCS section: the general section's names. */
    buf_reset(&b);
    dsh_put(&b, &d);
    memset(b.p + 16, 0, 8);
    ck_assert_int_eq(dsh_get(cur_of(b.p, 116), &d, &w), OK);
    check_name(d.user, "BOB");
    ck_assert(!d.rscs);
    ck_assert_mem_eq(d.fn, "\xD9\xD6\xD6\xE3\x40\x40\x40\x40\x40\x40\x40\x40", 12);
    ck_assert_mem_eq(d.ft, "\xD4\xC1\xC9\xD3\x40\x40\x40\x40\x40\x40\x40\x40", 12);
    ck_assert_mem_eq(d.dist, "\x40\x40\x40\x40\x40\x40\x40\x40", 8);
    buf_done(&b);
}
END_TEST

START_TEST(hop_count)
{
    struct njh h = sample_njh();
    struct buf b;
    struct why w;
    buf_init(&b, 1000);
    njh_put(&b, &h);
    ck_assert(njh_set_hops(b.p, b.n, 0x0102));
    ck_assert_mem_eq(b.p + 18, "\x01\x02", 2);
    ck_assert_int_eq(njh_get(buf_cur(&b), &h, &w), OK);
    ck_assert_uint_eq(h.hops, 0x0102);
    ck_assert(!njh_set_hops(b.p, 100, 1));
    ck_assert(!njh_set_hops(b.p, 3, 1));
    buf_done(&b);
}
END_TEST

START_TEST(another_destination)
{
    struct dsh d = sample_dsh(), got;
    struct nje_name node = name("NODEZ"), user = name("ZOE");
    struct buf b;
    struct why w;
    buf_init(&b, 1000);
    dsh_put(&b, &d);
    ck_assert(dsh_set_destination(b.p, b.n, &node, &user));
    ck_assert_int_eq(dsh_get(buf_cur(&b), &got, &w), OK);
    check_name(got.node, "NODEZ");
    check_name(got.user, "ZOE");
    check_name(got.form, "QUMAIL");
    ck_assert_mem_eq(b.p + 88, user.e, 8); /* the external writer is the user */
    ck_assert(!dsh_set_destination(b.p, 50, &node, &user));
    /* A general section that ends before the external writer has nothing else changed. */
    buf_reset(&b);
    buf_be32(&b, 0);
    put_section(&b, 60, 0x00, 0, 0xC2);
    put_section(&b, 44, 0x87, 0, 0xC3);
    ck_assert(dsh_set_destination(b.p, b.n, &node, &user));
    ck_assert_mem_eq(b.p + 8, node.e, 8);
    ck_assert_mem_eq(b.p + 16, user.e, 8);
    for (size_t i = 24; i < 64; i++)
        ck_assert_uint_eq(b.p[i], 0xC2);
    for (size_t i = 68; i < b.n; i++)
        ck_assert_uint_eq(b.p[i], 0xC3);
    buf_done(&b);
}
END_TEST

START_TEST(segments)
{
    for (size_t n = 8; n < 1400; n += n < 520 ? 1 : 97) {
        struct buf whole, segment, joined;
        struct why w;
        buf_init(&whole, 2000);
        buf_init(&segment, 300);
        buf_init(&joined, HEADER_MAX);
        buf_be16(&whole, (uint16_t)n);
        buf_be16(&whole, 0);
        for (size_t i = 4; i < n; i++)
            buf_u8(&whole, (uint8_t)(i * 7));
        unsigned count = (unsigned)((n - 4 + 251) / 252), k = 0;
        for (; header_segment(buf_cur(&whole), k, &segment); k++) {
            ck_assert_uint_le(segment.n, 256);
            ck_assert_uint_eq(segment.p[0] << 8 | segment.p[1], segment.n);
            ck_assert_uint_eq(segment.p[3], k + 1 < count ? 0x80 | k : k);
            ck_assert_int_eq(header_join(&joined, buf_cur(&segment), &w), k + 1 == count ? 1 : 0);
        }
        ck_assert_uint_eq(k, count);
        ck_assert(str_eq(buf_text(&whole), buf_text(&joined)));
        buf_done(&whole);
        buf_done(&segment);
        buf_done(&joined);
    }
}
END_TEST

START_TEST(segments_out_of_order)
{
    static const struct {
        const char *bytes[3];
        size_t n[3];
        int want[3];
    } t[] = {
        {{"\0\x0C\0\x01xxxxxxxx"}, {12}, {E_SYNTAX}},
        {{"\0\x0C\0\x80xxxxxxxx", "\0\x0C\0\x02xxxxxxxx"}, {12, 12}, {0, E_SYNTAX}},
        {{"\0\x0C\0\x80xxxxxxxx", "\0\x0C\0\x80xxxxxxxx"}, {12, 12}, {0, E_SYNTAX}},
        {{"\0\x0C\0\x80xxxxxxxx", "\0\x05\0\x81y", "\0\x04\0\x02"}, {12, 5, 4}, {0, 0, 1}},
        {{"\0\x0C\0", NULL}, {3}, {E_SYNTAX}},
        {{"", NULL}, {0}, {E_SYNTAX}},
        {{"\0\x04\0\x00", NULL}, {4}, {E_SYNTAX}},
        {{"\0\x08\0\x00xxxxxxxx", NULL}, {12}, {1}}, /* the rest is fill */
        {{"\xFF\xFF\0\x00xxxxxxxx", NULL}, {12}, {1}},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct buf joined;
        struct why w;
        buf_init(&joined, HEADER_MAX);
        for (size_t k = 0; k < 3 && t[i].bytes[k] != NULL; k++)
            ck_assert_msg(header_join(&joined, cur_of(t[i].bytes[k], t[i].n[k]), &w) ==
                              t[i].want[k],
                          "row %zu segment %zu", i, k);
        if (i == 3)
            ck_assert_mem_eq(joined.p, "\0\x0D\0\0xxxxxxxxy", 13);
        if (i == 7)
            ck_assert_uint_eq(joined.n, 8);
        buf_done(&joined);
    }
}
END_TEST

START_TEST(a_header_too_long)
{
    struct buf segment, joined;
    struct why w;
    buf_init(&segment, 300);
    buf_init(&joined, 2 * HEADER_MAX);
    int got = 0;
    unsigned k = 0;
    for (; got == 0 && k < 128; k++) {
        buf_reset(&segment);
        buf_be16(&segment, 256);
        buf_u8(&segment, 0);
        buf_u8(&segment, (uint8_t)(0x80 | k));
        buf_fill(&segment, 1, 252);
        got = header_join(&joined, buf_cur(&segment), &w);
    }
    ck_assert_int_eq(got, E_LIMIT);
    ck_assert_uint_eq(k, 33);
    ck_assert_uint_le(joined.n, HEADER_MAX);
    buf_done(&segment);
    buf_done(&joined);
}
END_TEST

START_TEST(tod_clock)
{
    static const struct {
        int64_t s;
        uint64_t tod;
    } t[] = {
        {0, UINT64_C(2208988800000000) << 12},
        {1767323045, UINT64_C(3976311845000000) << 12}, /* 2026-01-02 03:04:05 */
        {2400000000, UINT64_C(4608988800000000) << 12}, /* 2046: it has wrapped */
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct wall wall = {t[i].s * US_PER_S + 7 * (i > 0)};
        uint64_t tod = t[i].tod + (i > 0 ? 7 << 12 : 0);
        ck_assert_uint_eq(tod_of_wall(wall), tod);
        if (i > 0)
            ck_assert_int_eq(tod_wall(tod).us, wall.us);
    }
    ck_assert_int_eq(tod_wall(0).us, 0);
    /* What UnixNJE wrote at 21:23:26 on 2026-11-21: hours fast, as it does. */
    ck_assert_int_eq(wall_s(tod_wall(UINT64_C(0xE39E2A3F00000000))), 1795306449);
}
END_TEST

static Suite *test_header_suite(void)
{
    Suite *s = suite_create("header");
    TCase *t = tcase_create("all");
    tcase_add_test(t, njh_there_and_back);
    tcase_add_test(t, njh_offsets);
    tcase_add_test(t, dsh_there_and_back);
    tcase_add_test(t, dsh_offsets);
    tcase_add_test(t, njt_there_and_back);
    tcase_add_test(t, truncations);
    tcase_add_test(t, other_peoples_sections);
    tcase_add_test(t, sections_that_lie);
    tcase_add_test(t, fall_backs);
    tcase_add_test(t, hop_count);
    tcase_add_test(t, another_destination);
    tcase_add_test(t, segments);
    tcase_add_test(t, segments_out_of_order);
    tcase_add_test(t, a_header_too_long);
    tcase_add_test(t, tod_clock);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_header_suite)
