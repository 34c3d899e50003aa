/* tests/unit/rscs/test_deck.c -- rscs/deck: files at rest, by record, and over the wire and back.
 */
#include <stdlib.h>
#include <string.h>

#include "rscs/deck.h"
#include "rscs/wire.h"
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

static void check_field(const uint8_t *p, size_t n, const char *want)
{
    struct buf b;
    buf_init(&b, 100);
    ebc_to_utf8(&b, ebc_page_default(), cur_of(p, n));
    ck_assert_msg(str_eq(str_trim_right(buf_text(&b)), str_of(want)), "'%.*s' for '%s'",
                  STR_ARG(buf_text(&b)), want);
    buf_done(&b);
}

static struct deck_file sample(void)
{
    return (struct deck_file){.from_node = name("NODEA"),
                              .from_user = name("ALICE"),
                              .to_node = name("NODEB"),
                              .to_user = name("BOB"),
                              .spool_id = 42,
                              .entered = {1767323045 * US_PER_S},
                              .class = 'm',
                              .fn = STR("LONGFILENAME"),
                              .ft = STR("mail"),
                              .form = STR("QUMAIL"),
                              .records = 3};
}

/* Three cards of our own. */
static void sample_deck(struct buf *b)
{
    struct deck_file f = sample();
    uint8_t card[80];
    deck_file_begin(b, &f);
    memset(card, 0x40, sizeof card);
    card[0] = 0xC1;
    deck_card(b, cur_of(card, sizeof card));
    deck_card(b, cur_of(card, 0));
    memset(card, 0xC2, sizeof card);
    deck_card(b, cur_of(card, sizeof card));
    deck_file_end(b, &f);
}

START_TEST(a_file_of_ours)
{
    struct buf b;
    struct njh njh;
    struct dsh dsh;
    struct why w;
    buf_init(&b, 10000);
    sample_deck(&b);
    ck_assert_int_eq(deck_headers(buf_cur(&b), &njh, &dsh, &w), OK);
    ck_assert_uint_eq(njh.job_id, 42);
    check_name(njh.job_name, "RSCS0042");
    ck_assert_uint_eq(njh.job_class, 0xD4);
    ck_assert_uint_eq(njh.flags, 0x0C);
    ck_assert_uint_eq(njh.priority, 7);
    check_name(njh.origin_node, "NODEA");
    check_name(njh.origin_user, "ALICE");
    check_name(njh.exec_node, "NODEA");
    check_name(njh.exec_user, "ALICE");
    check_name(njh.punch_node, "NODEB");
    check_name(njh.punch_user, "BOB");
    ck_assert_int_eq(wall_s(tod_wall(njh.entry_tod)), 1767323045);
    check_name(dsh.node, "NODEB");
    check_name(dsh.user, "BOB");
    check_name(dsh.proc, "LONGFILE");
    check_name(dsh.step, "MAIL");
    check_name(dsh.form, "QUMAIL");
    ck_assert_uint_eq(dsh.class, 0xD4);
    ck_assert_uint_eq(dsh.recfm, 0x80);
    ck_assert_uint_eq(dsh.lrecl, 80);
    ck_assert_uint_eq(dsh.flags2, 0x40);
    ck_assert_uint_eq(dsh.device, 0x82);
    ck_assert_uint_eq(dsh.records, 3);
    check_field(dsh.fn, 12, "LONGFILENAME");
    check_field(dsh.ft, 12, "MAIL");
    check_field(dsh.dist, 8, "SYSTEM");
    buf_done(&b);
}
END_TEST

START_TEST(items)
{
    static const uint8_t want[] = {0xC0, 0xE0, 0x80, 0x80, 0x80, 0xD0};
    static const size_t sizes[] = {204, 296, 2, 2, 81, 48};
    struct buf b;
    struct deck_item item;
    struct why w;
    uint8_t kind = 0;
    buf_init(&b, 10000);
    sample_deck(&b);
    struct cur c = buf_cur(&b);
    ck_assert_int_eq(deck_kind(&c, &kind, &w), OK);
    ck_assert_uint_eq(kind, DECK_SYSOUT);
    for (size_t i = 0; i < 6; i++) {
        ck_assert_int_eq(deck_next(&c, &item, &w), 1);
        ck_assert_uint_eq(item.srcb, want[i]);
        ck_assert_uint_eq(cur_left(&item.data), sizes[i]);
        if (i == 2)
            ck_assert_mem_eq(item.data.p, "\x50\xC1", 2);
        if (i == 3) /* an empty string would be the end of file */
            ck_assert_mem_eq(item.data.p, "\x50\x40", 2);
        if (i == 5) {
            uint32_t records = 0;
            ck_assert_int_eq(njt_get(item.data, &records, &w), OK);
            ck_assert_uint_eq(records, 3);
        }
    }
    ck_assert_int_eq(deck_next(&c, &item, &w), 0);
    uint8_t head[4];
    deck_item_head(head, 0x90, 0x012345);
    ck_assert_mem_eq(head, "\x90\x01\x23\x45", 4);
    buf_done(&b);
}
END_TEST

START_TEST(a_card_too_long)
{
    struct buf b;
    uint8_t card[90];
    buf_init(&b, 1000);
    memset(card, 0xC3, sizeof card);
    deck_card(&b, cur_of(card, sizeof card));
    ck_assert_uint_eq(b.n, 4 + 1 + 80);
    buf_done(&b);
}
END_TEST

/* Every cut of a deck ends clean at an item's end, else with E_SYNTAX. */
START_TEST(truncations)
{
    struct buf b;
    buf_init(&b, 10000);
    sample_deck(&b);
    size_t ends[] = {1, 205 + 4, 505 + 4, 511 + 4, 517 + 4, 602 + 4, b.n};
    for (size_t n = 0; n <= b.n; n++) {
        uint8_t *mem = malloc(n > 0 ? n : 1), cc;
        memcpy(mem, b.p, n);
        struct deck_reader r;
        struct why w;
        bool clean = false;
        for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
            clean = clean || n == ends[i];
        int err = deck_reader_init(&r, cur_of(mem, n), &w);
        while (err >= 0 && (err = deck_reader_next(&r, &cc, &w)) == 1)
            ;
        ck_assert_msg(err == (clean ? 0 : E_SYNTAX), "cut to %zu: %d", n, err);
        deck_reader_done(&r);
        struct njh njh;
        struct dsh dsh;
        ck_assert_int_eq(deck_headers(cur_of(mem, n), &njh, &dsh, &w), n < ends[2] ? E_SYNTAX : OK);
        free(mem);
    }
    buf_done(&b);
}
END_TEST

START_TEST(headers_missing)
{
    struct buf b, h;
    struct why w;
    struct njh njh = {.job_name = name("JOBNAME"),
                      .job_class = 0xC1,
                      .exec_node = name("NODEX"),
                      .exec_user = name("XU"),
                      .origin_node = name("NODEA")};
    struct dsh dsh = {0};
    struct njh gn;
    struct dsh gd;
    buf_init(&b, 10000);
    buf_init(&h, 1000);
    deck_begin(&b, DECK_SYSOUT);
    ck_assert_int_eq(deck_headers(buf_cur(&b), &gn, &gd, &w), E_SYNTAX);
    ck_assert_str_eq(w.text, "the file has no job header (NJH)");
    njh_put(&h, &njh);
    deck_add(&b, SRCB_NJH, buf_cur(&h));
    ck_assert_int_eq(deck_headers(buf_cur(&b), &gn, &gd, &w), E_SYNTAX);
    ck_assert_str_eq(w.text, "the file has no data set header (DSH)");
    /* A job needs none: it goes where it executes. */
    b.p[0] = DECK_SYSIN;
    ck_assert_int_eq(deck_headers(buf_cur(&b), &gn, &gd, &w), OK);
    check_name(gd.node, "NODEX");
    check_name(gd.user, "XU");
    check_field(gd.fn, 12, "JOBNAME");
    check_field(gd.ft, 12, "OUTPUT");
    /* A file without any name gets the job's. */
    b.p[0] = DECK_SYSOUT;
    dsh.node = name("NODEB");
    buf_reset(&h);
    dsh_put(&h, &dsh);
    deck_add(&b, SRCB_DSH, buf_cur(&h));
    deck_add(&b, SRCB_DSH, cur_of("junk", 4)); /* a second one is not looked at */
    ck_assert_int_eq(deck_headers(buf_cur(&b), &gn, &gd, &w), OK);
    check_name(gd.node, "NODEB");
    check_field(gd.fn, 12, "JOBNAME");
    check_field(gd.ft, 12, "OUTPUT");
    b.p[0] = 0x42;
    ck_assert_int_eq(deck_headers(buf_cur(&b), &gn, &gd, &w), E_SYNTAX);
    buf_done(&b);
    buf_done(&h);
}
END_TEST

/* --- data records */

static void add(struct buf *b, uint8_t srcb, const char *bytes, size_t n)
{
    deck_add(b, srcb, cur_of(bytes, n));
}

START_TEST(data_records)
{
    static const struct {
        uint8_t srcb;
        const char *bytes;
        size_t n;
        int want; /* 1 or an error */
        uint8_t cc;
        const char *text;
        size_t ntext;
    } t[] = {
        {0x80,
         "\x03"
         "abc",
         4, 1, 0, "abc", 3},
        {0x80,
         "\x05"
         "abc",
         4, 1, 0, "abc\x40\x40", 5},
        {0x80,
         "\x02"
         "abc",
         4, 1, 0, "abc", 3}, /* a length that counts too little */
        {0x80, "\x00", 1, 1, 0, "", 0},
        {0x80, "\x02", 1, 1, 0, "\x40\x40", 2},
        {0x90,
         "\x05\x09"
         "abc",
         5, 1, 0x09, "abc\x40", 4},
        {0xA0,
         "\x04\xF1"
         "abc",
         5, 1, 0xF1, "abc", 3},
        {0x90, "\x00\x09", 2, 1, 0x09, "", 0},
        {0xB0,
         "\x03"
         "abc",
         4, 1, 0, "abc", 3},
        {0x80, "", 0, E_SYNTAX, 0, "", 0},
        {0x90, "\x05", 1, E_SYNTAX, 0, "", 0},
        {0x00,
         "\x03"
         "abc",
         4, E_SYNTAX, 0, "", 0},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct buf b;
        struct deck_reader r;
        struct why w;
        uint8_t cc = 0xEE;
        buf_init(&b, 1000);
        deck_begin(&b, DECK_SYSOUT);
        add(&b, 0xF0, "reserved", 8);
        add(&b, t[i].srcb, t[i].bytes, t[i].n);
        ck_assert_int_eq(deck_reader_init(&r, buf_cur(&b), &w), OK);
        ck_assert_msg(deck_reader_next(&r, &cc, &w) == t[i].want, "row %zu", i);
        if (t[i].want == 1) {
            ck_assert_uint_eq(cc, t[i].cc);
            ck_assert_uint_eq(cur_left(&r.data), t[i].ntext);
            if (t[i].ntext > 0)
                ck_assert_mem_eq(r.data.p, t[i].text, t[i].ntext);
            ck_assert_int_eq(deck_reader_next(&r, &cc, &w), 0);
        }
        deck_reader_done(&r);
        buf_done(&b);
    }
}
END_TEST

START_TEST(spanned_records)
{
    static const struct {
        struct {
            uint8_t srcb;
            const char *bytes;
            size_t n;
        } piece[4];
        int want;
        uint8_t cc;
        const char *text;
    } t[] = {
        {{{0x88,
           "\x05\x00\x09"
           "abc",
           6},
          {0x84,
           "\x03"
           "def",
           4},
          {0x8C,
           "\x03"
           "ghi",
           4}},
         1,
         0,
         "abcdefghi"},
        {{{0x88,
           "\x05\x00\x06"
           "abc",
           6},
          {0x8C,
           "\x03"
           "def",
           4}},
         1,
         0,
         "abcdef"},
        /* blanks cut from a piece, and from the whole */
        {{{0x88,
           "\x05\x00\x06"
           "a",
           4},
          {0x8C,
           "\x02"
           "d",
           2}},
         1,
         0,
         "a\x40\x40"
         "d\x40\x40"},
        {{{0x98,
           "\x06\x00\x06\xF1"
           "abc",
           7},
          {0x9C,
           "\x02"
           "de",
           3}},
         1,
         0xF1,
         "abcde"},
        /* total said less than there is */
        {{{0x88,
           "\x05\x00\x05"
           "abc",
           6},
          {0x8C,
           "\x03"
           "def",
           4}},
         E_SYNTAX,
         0,
         NULL},
        /* broken off, out of order, another form within */
        {{{0x88,
           "\x05\x00\x09"
           "abc",
           6}},
         E_SYNTAX,
         0,
         NULL},
        {{{0x88,
           "\x05\x00\x09"
           "abc",
           6},
          {0x80,
           "\x03"
           "def",
           4}},
         E_SYNTAX,
         0,
         NULL},
        {{{0x88,
           "\x05\x00\x09"
           "abc",
           6},
          {0x9C,
           "\x03"
           "def",
           4}},
         E_SYNTAX,
         0,
         NULL},
        {{{0x88,
           "\x05\x00\x09"
           "abc",
           6},
          {0x88,
           "\x05\x00\x09"
           "def",
           6}},
         E_SYNTAX,
         0,
         NULL},
        {{{0x88,
           "\x05\x00\x09"
           "abc",
           6},
          {0x8C, "", 0}},
         E_SYNTAX,
         0,
         NULL},
        {{{0x84,
           "\x03"
           "abc",
           4}},
         E_SYNTAX,
         0,
         NULL},
        {{{0x8C,
           "\x03"
           "abc",
           4}},
         E_SYNTAX,
         0,
         NULL},
        {{{0x88, "\x05\x00", 2}}, E_SYNTAX, 0, NULL},
        {{{0x98, "\x05\x00\x09", 3}}, E_SYNTAX, 0, NULL},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct buf b;
        struct deck_reader r;
        struct why w;
        uint8_t cc = 0xEE;
        buf_init(&b, 1000);
        deck_begin(&b, DECK_SYSOUT);
        for (size_t k = 0; t[i].piece[k].bytes != NULL && k < 4; k++)
            add(&b, t[i].piece[k].srcb, t[i].piece[k].bytes, t[i].piece[k].n);
        ck_assert_int_eq(deck_reader_init(&r, buf_cur(&b), &w), OK);
        ck_assert_msg(deck_reader_next(&r, &cc, &w) == t[i].want, "row %zu", i);
        if (t[i].want == 1) {
            ck_assert_uint_eq(cc, t[i].cc);
            ck_assert_msg(str_eq(cur_str(&r.data), str_of(t[i].text)), "row %zu: '%.*s'", i,
                          STR_ARG(cur_str(&r.data)));
            ck_assert_int_eq(deck_reader_next(&r, &cc, &w), 0);
        }
        deck_reader_done(&r);
        buf_done(&b);
    }
}
END_TEST

/* A spanned record as large as may be, and one byte more. */
START_TEST(the_longest_spanned_record)
{
    for (size_t extra = 0; extra < 2; extra++) {
        struct buf b, piece;
        struct deck_reader r;
        struct why w;
        uint8_t cc;
        size_t total = 32760 + extra, left = total - 253;
        buf_init(&b, 40000);
        buf_init(&piece, 300);
        deck_begin(&b, DECK_SYSOUT);
        buf_u8(&piece, 255);
        buf_be16(&piece, (uint16_t)total);
        buf_fill(&piece, 'x', 253);
        deck_add(&b, 0x88, buf_cur(&piece));
        while (left > 0) {
            size_t n = left < 255 ? left : 255;
            left -= n;
            buf_reset(&piece);
            buf_u8(&piece, (uint8_t)n);
            buf_fill(&piece, 'x', n);
            deck_add(&b, left > 0 ? 0x84 : 0x8C, buf_cur(&piece));
        }
        ck_assert_int_eq(deck_reader_init(&r, buf_cur(&b), &w), OK);
        ck_assert_int_eq(deck_reader_next(&r, &cc, &w), extra == 0 ? 1 : E_LIMIT);
        if (extra == 0)
            ck_assert_uint_eq(cur_left(&r.data), 32760);
        deck_reader_done(&r);
        buf_done(&b);
        buf_done(&piece);
    }
}
END_TEST

/* A record no link would pass, for a deck is read from disk. */
START_TEST(an_item_too_long)
{
    struct buf b, data;
    struct deck_reader r;
    struct why w;
    uint8_t cc;
    static const uint8_t srcb[] = {0x80, 0x88};
    buf_init(&data, 70000);
    buf_fill(&data, 0, 65000);
    for (size_t i = 0; i < 2; i++) {
        buf_init(&b, 200000);
        deck_begin(&b, DECK_SYSOUT);
        deck_add(&b, srcb[i], buf_cur(&data));
        add(&b, 0x8C, "\x01x", 2);
        ck_assert_int_eq(deck_reader_init(&r, buf_cur(&b), &w), OK);
        ck_assert_int_eq(deck_reader_next(&r, &cc, &w), E_LIMIT);
        deck_reader_done(&r);
        buf_done(&b);
    }
    buf_done(&data);
}
END_TEST

/* --- over the wire and back */

/* A sender's work, one block a record. */
static void send_deck(struct buf *wire, struct cur deck)
{
    static const uint8_t fcs[2] = {0x8F, 0xCF};
    uint8_t kind = 0, count = 0;
    struct deck_item item;
    struct why w;
    struct buf segment;
    buf_init(&segment, 300);
    ck_assert_int_eq(deck_kind(&deck, &kind, &w), OK);
    size_t ttb = wire_ttb_begin(wire);
    while (deck_next(&deck, &item, &w) == 1) {
        bool header = item.srcb >= SRCB_NJH;
        for (unsigned k = 0; header ? header_segment(item.data, k, &segment) : k == 0; k++) {
            size_t ttr = wire_ttr_begin(wire, 0);
            wire_block_begin(wire, (uint8_t)(BCB_NORMAL | (count++ & 15)), fcs);
            wire_record_put(wire, kind, item.srcb, header ? buf_cur(&segment) : item.data);
            wire_block_end(wire);
            wire_ttr_end(wire, ttr);
        }
    }
    wire_ttb_end(wire, ttb);
    buf_done(&segment);
}

/* A receiver's. */
static void receive_deck(struct buf *deck, struct cur wire)
{
    struct buf scratch, header;
    struct cur ttrs, data;
    struct wire_block blk;
    struct wire_record rec;
    struct why w;
    size_t size = 0;
    uint8_t flags;
    buf_init(&scratch, WIRE_RECORD_MAX);
    buf_init(&header, HEADER_MAX);
    ck_assert_int_eq(wire_ttb(wire, &size, &ttrs, &w), 1);
    while (wire_ttr(&ttrs, &flags, &data, &w) == 1) {
        ck_assert_int_eq(wire_block_get(data, &blk, &w), OK);
        while (wire_record_get(&blk.records, &scratch, &rec, &w) == 1) {
            if (deck->n == 0)
                deck_begin(deck, rec.rcb);
            if (rec.srcb < SRCB_NJH) {
                deck_add(deck, rec.srcb, rec.data);
                continue;
            }
            int whole = header_join(&header, rec.data, &w);
            ck_assert_int_ge(whole, 0);
            if (whole == 1) {
                deck_add(deck, rec.srcb, buf_cur(&header));
                buf_reset(&header);
            }
        }
    }
    buf_done(&scratch);
    buf_done(&header);
}

START_TEST(over_the_wire)
{
    struct buf deck, wire, back;
    buf_init(&deck, 10000);
    buf_init(&wire, 10000);
    buf_init(&back, 10000);
    sample_deck(&deck);
    send_deck(&wire, buf_cur(&deck));
    receive_deck(&back, buf_cur(&wire));
    ck_assert(str_eq(buf_text(&deck), buf_text(&back)));
    buf_done(&deck);
    buf_done(&wire);
    buf_done(&back);
}
END_TEST

static Suite *test_deck_suite(void)
{
    Suite *s = suite_create("deck");
    TCase *t = tcase_create("all");
    tcase_add_test(t, a_file_of_ours);
    tcase_add_test(t, items);
    tcase_add_test(t, a_card_too_long);
    tcase_add_test(t, truncations);
    tcase_add_test(t, headers_missing);
    tcase_add_test(t, data_records);
    tcase_add_test(t, spanned_records);
    tcase_add_test(t, the_longest_spanned_record);
    tcase_add_test(t, an_item_too_long);
    tcase_add_test(t, over_the_wire);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_deck_suite)
