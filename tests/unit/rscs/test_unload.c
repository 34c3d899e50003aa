/* tests/unit/rscs/test_unload.c -- rscs/unload: partitioned data sets made by hand, in each record
 * format, bent in each byte; real ones where they are at hand. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rscs/netdata.h"
#include "rscs/unload.h"
#include "unit/feed.h"
#include "unit/unit.h"

#define TRACKS 4u
#define CYL 100u
#define HEAD 13u

static struct buf record[16];
static size_t nrecord;
static struct buf got;

static struct buf *next(void)
{
    buf_init(&record[nrecord], 40000);
    return &record[nrecord++];
}

static void begin(uint8_t recfm, uint16_t lrecl)
{
    nrecord = 0;
    buf_init(&got, 1 << 20);
    struct buf *b = next();
    buf_be32(b, 0x00CA6D0F);
    buf_be16(b, 0x0200);
    buf_be16(b, 800);
    buf_be16(b, lrecl);
    buf_u8(b, recfm);
    buf_fill(b, 0, 15);
    buf_be16(b, 15); /* tracks a cylinder */
    buf_fill(b, 0, 24);
    b = next();
    buf_fill(b, 0, 16);
    for (unsigned i = 0; i < 2; i++) { /* two extents, the second elsewhere */
        buf_fill(b, 0, 6);
        buf_be16(b, (uint16_t)(CYL + 50 * i));
        buf_be16(b, HEAD);
        buf_be32(b, 0);
        buf_be16(b, TRACKS);
    }
    buf_fill(b, 0, 14 * 16 + 4);
}

static void end(void)
{
    while (nrecord > 0)
        buf_done(&record[--nrecord]);
    buf_done(&got);
}

/* A block as it lay on the track `track` of the data set. */
static void block(struct buf *b, unsigned track, uint8_t r, const void *data, size_t n)
{
    unsigned x = track / TRACKS, in = HEAD + track % TRACKS;
    buf_u8(b, 0);
    buf_u8(b, (uint8_t)x);
    buf_be16(b, 0);
    buf_be16(b, (uint16_t)(CYL + 50 * x + in / 15));
    buf_be16(b, (uint16_t)(in % 15));
    buf_u8(b, r);
    buf_u8(b, 0);
    buf_be16(b, (uint16_t)n);
    buf_add(b, data, n);
}

static void name(struct buf *b, const char *text, unsigned track, uint8_t r, uint8_t flags)
{
    struct nje_name n = ebc_name_of(str_of(text));
    buf_add(b, n.e, 8);
    buf_be16(b, (uint16_t)track);
    buf_u8(b, r);
    buf_u8(b, flags);
    buf_fill(b, 0x11, 2 * (size_t)(flags & 0x1F));
}

/* FIRST on track 0; SECOND, alias DEUX, on track 5, in the other extent; EMPTY behind it. */
static void directory(void)
{
    struct buf *b = next(), entries;
    buf_init(&entries, 256);
    name(&entries, "DEUX", 5, 1, 0x80);
    name(&entries, "EMPTY", 5, 3, 0);
    name(&entries, "FIRST", 0, 2, 15);
    name(&entries, "SECOND", 5, 1, 0);
    buf_fill(&entries, 0xFF, 8);
    buf_fill(&entries, 0, 4);
    buf_fill(b, 0, 9);
    buf_u8(b, 8);
    buf_be16(b, 256);
    buf_fill(b, 0xFF, 8);
    buf_be16(b, (uint16_t)(entries.n + 2));
    buf_add(b, entries.p, entries.n);
    buf_fill(b, 0, 254 - entries.n);
    block(b, 0, 0, "", 0);
    buf_done(&entries);
}

/* All that comes out: "name+aliases:" and each record in brackets, EBCDIC letters as ASCII. */
static int walk(struct why *w)
{
    struct arena *a = arena_new(1 << 20);
    struct unload *u = unload_new(a);
    int what = UNLOAD_MORE;
    buf_reset(&got);
    for (size_t i = 0; i < nrecord && what >= 0; i++) {
        struct unload_member m;
        struct cur data;
        uint8_t *exact = malloc(record[i].n + 1);
        memcpy(exact, record[i].p, record[i].n);
        unload_give(u, cur_of(exact, record[i].n));
        while ((what = unload_next(u, &m, &data, w)) > 0) {
            struct nje_name n;
            char text[9];
            memcpy(n.e, m.name, 8);
            if (what == UNLOAD_MEMBER) {
                buf_printf(&got, "%s+%u:", ebc_name_text(&n, text).p, m.aliases);
                continue;
            }
            buf_z(&got, "[");
            ebc_to_utf8(&got, ebc_page_default(), data);
            buf_z(&got, "]");
        }
        free(exact);
    }
    arena_free(&a);
    return what;
}

static void gives(const char *want)
{
    struct why w = {.text = ""};
    ck_assert_msg(walk(&w) == UNLOAD_MORE, "%s", w.text);
    ck_assert_msg(str_is(buf_text(&got), want), "%.*s", STR_ARG(buf_text(&got)));
}

START_TEST(fixed_records)
{
    begin(0x90, 3);
    directory();
    struct buf *b = next();
    block(b, 0, 2, "\xC1\xC2\xC3\xC4\xC5\xC6", 6);
    block(b, 0, 3, "\xC7\xC8\xC9", 3);
    b = next(); /* the end of a member may be in another record */
    block(b, 0, 4, "", 0);
    block(b, 5, 1, "\xD1\xD2\xD3", 3);
    block(b, 5, 2, "", 0);
    block(b, 5, 3, "", 0);
    gives("FIRST+0:[ABC][DEF][GHI]SECOND+1:[JKL]EMPTY+0:");
    end();
}
END_TEST

/* In any order on the disk, out of place, and in none that the directory knows. */
START_TEST(found_by_their_place)
{
    begin(0x90, 3);
    directory();
    struct buf *b = next();
    block(b, 5, 1, "\xD1\xD2\xD3", 3);
    block(b, 5, 2, "", 0);
    block(b, 0, 2, "\xC1\xC2\xC3", 3);
    block(b, 0, 3, "", 0);
    block(b, 7, 7, "\xC9\xC9\xC9", 3);
    block(b, 7, 8, "", 0);
    gives("SECOND+1:[JKL]FIRST+0:[ABC]EMPTY+0:[III]");
    b = next();
    block(b, 9, 9, "\xC9\xC9\xC9", 3);
    struct why w;
    ck_assert_int_eq(walk(&w), E_SYNTAX);
    ck_assert_ptr_nonnull(strstr(w.text, "in no directory entry"));
    end();
}
END_TEST

START_TEST(variable_records)
{
    begin(0x50, 255);
    directory();
    struct buf *b = next();
    block(b, 0, 2, "\0\x0F\0\0\0\x06\0\0\xC1\xC2\0\x05\0\0\xC3", 15);
    block(b, 0, 3, "", 0);
    gives("FIRST+0:[AB][C]");
    b = next();
    block(b, 5, 1, "\0\x0F\0\0\0\x03\0\0\xC1\xC2\0\x05\0\0\xC3", 15);
    struct why w;
    ck_assert_int_eq(walk(&w), E_SYNTAX);
    end();
}
END_TEST

START_TEST(undefined_records)
{
    begin(0xC0, 0);
    directory();
    struct buf *b = next();
    block(b, 0, 2, "\xC1\xC2\xC3\xC4", 4);
    block(b, 0, 3, "\xC5", 1);
    gives("FIRST+0:[ABCD][E]");
    end();
}
END_TEST

/* Cut anywhere, any byte changed: an answer, never a read outside. */
START_TEST(cut_and_bent)
{
    struct why w;
    begin(0x90, 3);
    directory();
    struct buf *b = next();
    block(b, 0, 2, "\xC1\xC2\xC3\xC4\xC5\xC6", 6);
    block(b, 0, 3, "", 0);
    for (size_t i = 0; i < 4; i++) {
        size_t whole = record[i].n;
        for (size_t n = 0; n < whole; n++) {
            record[i].n = n;
            (void)!walk(&w);
        }
        record[i].n = whole;
        for (size_t at = 0; at < whole; at++) {
            uint8_t old = record[i].p[at];
            for (unsigned v = 0; v < 4; v++) {
                record[i].p[at] = (uint8_t)(v < 2 ? v * 0xFFu : old + (v == 2 ? 1u : 0x80u));
                (void)!walk(&w);
            }
            record[i].p[at] = old;
        }
    }
    ck_assert_int_eq(walk(&w), UNLOAD_MORE);
    end();
}
END_TEST

/* FNV-1a over all records of a member. */
static const struct {
    const char *path;
    struct {
        const char *name;
        size_t bytes;
        uint64_t hash;
    } member[2];
} samples[] = {
    {"../shared/samples/xmi/sysgen-cutil00-help.xmi",
     {{"CUTIL00", 13920, 0x005C1181D70BDD69}, {"CCUTIL00", 4000, 0xF58E60E1DE59F3F7}}},
    {"../shared/samples/xmi/mfxmi-test_pds_msg.xmi",
     {{"TESTING", 160, 0xAE8892EC8DFDE36C}, {"Z15IMG", 100000, 0xAC715F033A3F8C1F}}},
};

START_TEST(real_ones)
{
    static uint8_t bytes[1 << 18];
    FILE *f = fopen(samples[_i].path, "rb");
    if (f == NULL)
        return; /* not at hand */
    size_t n = fread(bytes, 1, sizeof bytes, f), size[2] = {0}, met = 0;
    uint64_t hash[2] = {0};
    fclose(f);
    struct arena *a = arena_new(1 << 22);
    struct nd_reader *r = nd_reader_new(a);
    struct unload *u = NULL;
    struct cur in = cur_of(bytes, n), rec, data;
    struct nd_file file;
    struct unload_member m;
    struct why w = {.text = ""};
    int what;
    while ((what = nd_reader_next(r, &in, &file, &rec, &w)) > 0 && what != ND_END) {
        if (what == ND_FILE)
            u = str_is(file.utility, "IEBCOPY") ? unload_new(a) : NULL;
        if (what == ND_FILE || u == NULL)
            continue;
        unload_give(u, rec);
        while ((what = unload_next(u, &m, &data, &w)) > 0) {
            if (what == UNLOAD_MEMBER) {
                struct nje_name name8 = ebc_name_of(str_of(samples[_i].member[met].name));
                ck_assert_mem_eq(m.name, name8.e, 8);
                hash[met++] = 14695981039346656037u;
                continue;
            }
            size[met - 1] += cur_left(&data);
            while (cur_left(&data) > 0)
                hash[met - 1] = (hash[met - 1] ^ cur_u8(&data)) * 1099511628211u;
        }
        ck_assert_msg(what == UNLOAD_MORE, "%s", w.text);
    }
    ck_assert_int_eq(what, ND_END);
    ck_assert_uint_eq(met, 2);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_uint_eq(size[i], samples[_i].member[i].bytes);
        ck_assert_uint_eq(hash[i], samples[_i].member[i].hash);
    }
    arena_free(&a);
}
END_TEST

static Suite *unload_suite(void)
{
    Suite *s = suite_create("unload");
    TCase *t = tcase_create("all");
    tcase_add_test(t, fixed_records);
    tcase_add_test(t, found_by_their_place);
    tcase_add_test(t, variable_records);
    tcase_add_test(t, undefined_records);
    tcase_add_test(t, cut_and_bent);
    tcase_add_loop_test(t, real_ones, 0, sizeof samples / sizeof samples[0]);
    suite_add_tcase(s, t);
    return s;
}
UNIT(unload_suite)
