/* tests/unit/file/test_files.c -- files that cross Internet mail: what is told of them, the
 * records they get back, names, print files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/file/filefact.h"
#include "gateway/file/njefile.h"
#include "gateway/file/partfile.h"
#include "gateway/file/printfile.h"
#include "unit/unit.h"

static struct arena *a;

static void setup(void)
{
    a = arena_new(64u << 20);
}

static void teardown(void)
{
    arena_free(&a);
}

/* --- facts --- */

static const char *const bad_facts[] = {
    "",
    "name=X.Y",
    "name=X.Y; recfm=Q; form=text",
    "name=X.Y; recfm=FV; form=text",
    "name=X Y; recfm=F; form=text",
    "name=X.Y; recfm=F; lrecl=65536; form=text",
    "name=X.Y; recfm=F; records=-1; form=text",
    "name=../etc; recfm=F; form=text",
    "name=X.Y; recfm=F; lrecl=80",
    "name=; recfm=F; form=text",
    "recfm=F; form=text",
    "name=X.Y; recfm=; form=text",
    "name=X.Y recfm=F form=text",
    "name=ABCDEFGHIJABCDEFGHIJABCDEFGHIJABCDEFGHIJABCDEFGHIJABCDEF; recfm=F; form=text",
};

START_TEST(facts_there_and_back)
{
    static const enum filefact_form forms[] = {FACT_TEXT, FACT_BYTES, FACT_NETDATA};
    static const uint16_t recfms[] = {ND_RECFM_F, ND_RECFM_V, ND_RECFM_U, ND_RECFM_F | ND_RECFM_ASA,
                                      ND_RECFM_V | ND_RECFM_MACHINE};
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 5; k++) {
            struct filefact in = {.name = STR("HERC01.LIB(MEMBER)"),
                                  .recfm = recfms[k],
                                  .lrecl = 255,
                                  .records = 4000000000u,
                                  .form = forms[i],
                                  .shown = k % 2 == 0},
                            got;
            struct buf b;
            buf_init(&b, 1000);
            filefact_put(&b, &in);
            ck_assert_msg(filefact_read(a, buf_text(&b), STR("1*2 3"), &got), "%s", buf_cstr(&b));
            ck_assert(str_eq(got.name, in.name) && str_eq(got.lengths, STR("1*2 3")));
            ck_assert(got.recfm == in.recfm && got.lrecl == in.lrecl && got.shown == in.shown);
            ck_assert(got.records == in.records && got.form == in.form);
            buf_done(&b);
        }
    for (size_t i = 0; i < sizeof bad_facts / sizeof *bad_facts; i++) {
        struct filefact f;
        ck_assert_msg(!filefact_read(a, str_of(bad_facts[i]), STR(""), &f), "%s", bad_facts[i]);
    }
}
END_TEST

START_TEST(runs_there_and_back)
{
    static const uint32_t values[] = {80, 80, 80, 0, 0, 12, 65535, 65535, 1};
    struct runs r;
    runs_begin(&r);
    for (size_t i = 0; i < 9; i++)
        runs_add(&r, values[i]);
    struct str text = runs_end(&r);
    ck_assert_str_eq(buf_cstr(&r.text), "80*3 0*2 12 65535*2 1");
    struct runs_reader rd = runs_read(text);
    for (size_t i = 0; i < 9; i++)
        ck_assert_uint_eq(runs_next(&rd), values[i]);
    ck_assert(!rd.bad && runs_next(&rd) == 0 && rd.bad);
    static const char *const bad[] = {"x", "1*", "*2", "1*0", "65536", "1*2*3", "-1", "1**2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        rd = runs_read(str_of(bad[i]));
        ck_assert_msg(runs_next(&rd) == 0 && rd.bad, "%s", bad[i]);
    }
    runs_done(&r);
}
END_TEST

/* --- records there and back --- */

static struct store *store;
static struct loop *loop;

static void open_store(void)
{
    struct why w;
    char path[400];
    const char *dir = unit_tmp();
    loop = loop_new();
    (void)snprintf(path, sizeof path, "%s/db", dir);
    struct store_set set = {.loop = loop, .path = path, .spooldir = dir};
    ck_assert_msg(store_open(&store, &set, &w) == 0, "%s", w.text);
}

static void close_store(void)
{
    store_close(&store);
    loop_free(&loop);
}

static struct njefile_spec spec_of(const struct filefact *fact)
{
    return (struct njefile_spec){.from_user = STR("A"),
                                 .from_node = STR("GATE"),
                                 .to_user = STR("B"),
                                 .to_node = STR("VMA"),
                                 .fn = STR("FN"),
                                 .ft = STR("FT"),
                                 .form = STR("STD"),
                                 .class = 'A',
                                 .format = FORMAT_NETDATA,
                                 .page = ebc_page_default(),
                                 .fact = fact,
                                 .id = 7};
}

static struct buf records_of(struct cur deck)
{
    struct buf cards, out;
    struct why w;
    struct nd_reader *nd = nd_reader_new(a);
    struct nd_file f;
    struct cur record;
    int what;
    buf_init(&cards, 64u << 20);
    buf_init(&out, 64u << 20);
    ck_assert_msg(njefile_cards(deck, &cards, &w) == 0, "%s", w.text);
    struct cur in = buf_cur(&cards);
    while ((what = nd_reader_next(nd, &in, &f, &record, &w)) != ND_END) {
        ck_assert_int_gt(what, ND_MORE);
        if (what == ND_FILE)
            buf_printf(&out, "%x %u;", f.recfm & (ND_RECFM_U | ND_RECFM_ASA | ND_RECFM_MACHINE),
                       f.lrecl);
        if (what == ND_RECORD) {
            buf_be32(&out, (uint32_t)cur_left(&record));
            buf_add(&out, record.p, cur_left(&record));
        }
    }
    buf_done(&cards);
    return out;
}

/* A NETDATA file of these EBCDIC records, as somebody else sends it. */
static struct body *sent(uint16_t recfm, uint32_t lrecl, const struct str *record, size_t n)
{
    struct nd_file f = {.from_node = ebc_name_of(STR("VMA")),
                        .from_user = ebc_name_of(STR("X")),
                        .to_node = ebc_name_of(STR("GATE")),
                        .to_user = ebc_name_of(STR("Y")),
                        .dsname = STR("A.FN.FT"),
                        .utility = STR("INMCOPY"),
                        .recfm = recfm,
                        .dsorg = 0x4000,
                        .lrecl = lrecl};
    struct buf cards, deck;
    struct deck_file d = {.from_node = f.from_node,
                          .from_user = f.from_user,
                          .to_node = f.to_node,
                          .to_user = f.to_user,
                          .spool_id = 1,
                          .class = 'A',
                          .fn = STR("FN"),
                          .ft = STR("FT"),
                          .form = STR("STD"),
                          .records = 1};
    buf_init(&cards, 64u << 20);
    buf_init(&deck, 80u << 20);
    nd_begin(&cards, &f, (struct wall){1});
    for (size_t i = 0; i < n; i++)
        nd_record(&cards, cur_of_str(record[i]));
    nd_end(&cards);
    buf_fill(&cards, 0, (80 - cards.n % 80) % 80);
    deck_file_begin(&deck, &d);
    struct cur rest = buf_cur(&cards);
    while (cur_left(&rest) > 0)
        deck_card(&deck, cur_sub(&rest, 80));
    deck_file_end(&deck, &d);
    struct body *b = body_of(buf_cur(&deck));
    buf_done(&cards);
    buf_done(&deck);
    return b;
}

/* Read, written again by what was told of it, the same records as before? */
static void crosses(struct body *deck, enum filefact_form want, bool text)
{
    struct njefile_in in;
    struct njefile_out out = {0};
    struct why w;
    struct buf before = records_of(body_cur(deck, &w));
    ck_assert_msg(njefile_read(a, body_cur(deck, &w), ebc_page_default(), STR(""), &in, &w) == 0,
                  "%s", w.text);
    ck_assert_uint_eq(in.nitem, 1);
    ck_assert_int_eq(in.item[0].fact.form, want);
    ck_assert(in.item[0].text == text);
    struct njefile_spec spec = spec_of(&in.item[0].fact);
    if (in.item[0].text)
        ck_assert(njefile_text(store, &spec, in.item[0].content, 64u << 20, &out, &w) == 0);
    else
        ck_assert(
            njefile_bytes(store, &spec, cur_of_str(in.item[0].content), 64u << 20, &out, &w) == 0);
    struct buf after = records_of(body_cur(out.deck, &w));
    ck_assert_uint_eq(before.n, after.n);
    ck_assert(memcmp(before.p, after.p, before.n) == 0);
    buf_done(&before);
    buf_done(&after);
    body_free(&out.deck);
    body_free(&deck);
}

#define E(text) STR(text)
#define ABC "\xC1\x82\xC3"

START_TEST(records_cross)
{
    static const struct str lines[] = {
        E(ABC), E("\x40"), E(ABC "\x40\x40\x40"), E("\x40\x40" ABC), E("\x05" ABC), E(ABC)};
    static const struct str fixed[] = {E(ABC "\x40\x40"), E("\x40\x40\x40\x40\x40"),
                                       E("\x40\x40" ABC)};
    static const struct str bytes[] = {E("\x00\x01\x02"), E("\x00"), E("\x15\x25\x0D"),
                                       E("\x00\x00"), E(ABC "\x00" ABC)};
    static const struct str control[] = {E(ABC), E(ABC ABC ABC ABC ABC ABC ABC "\x25" ABC)};
    open_store();
    crosses(sent(ND_RECFM_V, 255, lines, 6), FACT_TEXT, true);
    crosses(sent(ND_RECFM_V, 255, lines, 1), FACT_TEXT, true);
    crosses(sent(ND_RECFM_F, 5, fixed, 3), FACT_TEXT, true);
    crosses(sent(ND_RECFM_V, 8192, bytes, 5), FACT_BYTES, false);
    crosses(sent(ND_RECFM_F, 3, bytes, 1), FACT_BYTES, false);
    /* What text cannot tell is not claimed. */
    struct body *deck = sent(ND_RECFM_V, 255, control, 2);
    struct njefile_in in;
    struct why w;
    ck_assert(njefile_read(a, body_cur(deck, &w), ebc_page_default(), STR(""), &in, &w) == 0);
    ck_assert(in.item[0].text && in.item[0].fact.form == FACT_NONE);
    body_free(&deck);
    close_store();
}
END_TEST

/* What does not fit what came is not believed: nothing is lost or made up. */
START_TEST(wrong_facts)
{
    struct filefact wrong[] = {
        {.name = STR("X.Y"),
         .recfm = ND_RECFM_V,
         .lrecl = 80,
         .records = 2,
         .form = FACT_BYTES,
         .lengths = STR("4 5")},
        {.name = STR("X.Y"),
         .recfm = ND_RECFM_V,
         .lrecl = 80,
         .records = 2,
         .form = FACT_BYTES,
         .lengths = STR("5 5 5")},
        {.name = STR("X.Y"),
         .recfm = ND_RECFM_V,
         .lrecl = 80,
         .records = 4000000000u,
         .form = FACT_BYTES,
         .lengths = STR("0*4000000000")},
        {.name = STR("X.Y"), .recfm = ND_RECFM_F, .lrecl = 80, .records = 9, .form = FACT_TEXT},
    };
    open_store();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct njefile_spec spec = spec_of(&wrong[i]);
        struct njefile_out out;
        struct njefile_in in;
        struct why w;
        ck_assert(njefile_bytes(store, &spec,
                                cur_of("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09", 10), 1u << 20,
                                &out, &w) == 0);
        ck_assert(njefile_read(a, body_cur(out.deck, &w), ebc_page_default(), STR(""), &in, &w) ==
                  0);
        ck_assert_uint_eq(in.item[0].content.n, 10);
        ck_assert_uint_eq(in.item[0].fact.records, 1);
        body_free(&out.deck);
    }
    close_store();
}
END_TEST

struct pattern {
    uint64_t at, size;
    uint8_t room[50000];
};

static int next_of_pattern(void *arg, bool first, struct cur *piece, struct why *w)
{
    struct pattern *p = arg;
    (void)w;
    p->at = first ? 0 : p->at;
    size_t n = p->size - p->at < sizeof p->room ? (size_t)(p->size - p->at) : sizeof p->room;
    for (size_t i = 0; i < n; i++)
        p->room[i] = (uint8_t)((p->at + i) * 31 >> 3 | 1);
    p->at += n;
    *piece = cur_of(p->room, n);
    return n > 0;
}

/* Files that are held, and ones that are made twice, down to the byte where that begins. */
START_TEST(streams_of_any_size)
{
    static const size_t sizes[] = {0, 1, 100, 8192, 70000, 250000, 262144, 300000, 5000000};
    static struct pattern p;
    open_store();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct njefile_spec spec = spec_of(NULL);
        struct njefile_out out;
        struct njefile_in in;
        struct why w;
        p = (struct pattern){.size = sizes[i]};
        struct njefile_source from = {.arg = &p, .size = sizes[i], .next = next_of_pattern};
        ck_assert_msg(njefile_stream(store, &spec, &from, 64u << 20, &out, &w) == 0, "%s", w.text);
        ck_assert(njefile_read(a, body_cur(out.deck, &w), ebc_page_default(), STR(""), &in, &w) ==
                  0);
        ck_assert_uint_eq(in.item[0].content.n, sizes[i]);
        for (size_t k = 0; k < sizes[i]; k++)
            ck_assert_uint_eq((uint8_t)in.item[0].content.p[k], (uint8_t)(k * 31 >> 3 | 1));
        struct buf cards;
        buf_init(&cards, 64u << 20);
        ck_assert(njefile_cards(body_cur(out.deck, &w), &cards, &w) == 0);
        ck_assert_uint_eq(cards.n, (size_t)out.records * 80);
        ck_assert_uint_eq(in.njh.records, out.records);
        buf_done(&cards);
        body_free(&out.deck);
        arena_reset(a);
        if (sizes[i] > 1000)
            ck_assert_int_eq(njefile_stream(store, &spec, &from, 1000, &out, &w), E_LIMIT);
    }
    close_store();
}
END_TEST

/* --- names --- */

static const struct {
    const char *name, *type, *fact, *fn, *ft;
} names[] = {
    {"Report 2026 final.pdf", "application/pdf", "", "REPORT20", "PDF"},
    {"C:\\tmp\\a/b/\xc3\xbc"
     "bersicht.tar.gz",
     "x/y", "", "UBERSICH", "TARGZ"},
    {"", "application/pdf", "", "ATT00003", "PDF"},
    {".profile", "x/y", "", "ATT00004", "DATA"},
    {"\xd0\x9f\xd1\x80", "text/html", "", "ATT00005", "HTML"},
    {"profile.exec", "x/y", "", "PROFILE", "DATA"},
    {"Profile.data", "x/y", "", "PROFILE1", "DATA"},
    {"x.bin", "x/y", "name=SYSTEM.NETID; recfm=F; lrecl=80; records=0; form=bytes", "SYSTEM",
     "NETID"},
    {"x.bin", "x/y", "name=HERC.LIB.COBOL(PAY); recfm=F; lrecl=80; records=0; form=bytes", "PAY",
     "COBOL"},
    {"x.bin", "x/y", "name=GO.EXEC; recfm=V; lrecl=80; records=0; form=text", "GO", "DATA"},
    {"x.bin", "x/y", "name=; recfm=V; form=text", "X", "BIN"},
    {"x.bin", "x/y", "name=N.T; recfm=V; lrecl=1; form=netdata", "X1", "BIN"}, /* it is none */
    {"/home/a\\b\\Plan.doc", "x/y", "", "PLAN", "DOC"},
};

START_TEST(names_of_files)
{
    struct mime_part part[sizeof names / sizeof *names];
    struct conf c = {.nunsafe_type = 0};
    size_t n = sizeof names / sizeof *names, got;
    for (size_t i = 0; i < n; i++)
        part[i] = (struct mime_part){.name = str_of(names[i].name),
                                     .type = str_of(names[i].type),
                                     .content = STR("xyz"),
                                     .size = 3,
                                     .nje_file = str_of(names[i].fact)};
    struct mime_text m = {.part = part, .nparts = n};
    struct partfile *f = partfile_all(a, &c, &m, &got);
    ck_assert_uint_eq(got, n);
    for (size_t i = 0; i < n; i++) {
        ck_assert_msg(str_eq(f[i].fn, str_of(names[i].fn)), "%zu: %.*s", i, STR_ARG(f[i].fn));
        ck_assert_msg(str_eq(f[i].ft, str_of(names[i].ft)), "%zu: %.*s", i, STR_ARG(f[i].ft));
    }
    ck_assert(str_eq(f[9].fact.name, STR("GO.DATA")));
    /* Renaming may make two of one name, and of hundreds of one name each gets his own. */
    static struct mime_part many[300];
    many[0] = (struct mime_part){.name = STR("x.exec"), .type = STR("a/b")};
    many[1] = (struct mime_part){.name = STR("x.data"), .type = STR("a/b")};
    for (size_t i = 2; i < 300; i++)
        many[i] = (struct mime_part){.name = STR("samename.bin"), .type = STR("a/b")};
    m = (struct mime_text){.part = many, .nparts = 300};
    f = partfile_all(a, &c, &m, &got);
    for (size_t i = 0; i < got; i++)
        for (size_t k = 0; k < i; k++)
            ck_assert_msg(!str_eq(f[i].fn, f[k].fn) || !str_eq(f[i].ft, f[k].ft), "%zu %zu", i, k);
    m = (struct mime_text){.part = part, .nparts = n};
    struct str none = STR("NONE");
    c.unsafe_type = &none, c.nunsafe_type = 1;
    f = partfile_all(a, &c, &m, &got);
    ck_assert(str_eq(f[5].ft, STR("EXEC")));
}
END_TEST

/* What is shown only is no file when the exact one follows. */
START_TEST(shown_and_exact)
{
    struct mime_part part[] = {
        {.name = STR("A.LISTING"),
         .text = true,
         .content = STR("x\n"),
         .size = 2,
         .nje_file = STR("name=A.LISTING; recfm=V; lrecl=133; form=text; shown=yes")},
        {.name = STR("A.LISTING.xmi"),
         .content = STR("xyz"),
         .size = 3,
         .nje_file = STR("name=A.LISTING; recfm=V; lrecl=133; records=1; form=bytes"),
         .nje_records = STR("3")},
    };
    struct mime_text m = {.part = part, .nparts = 2};
    struct conf c = {.nunsafe_type = 0};
    size_t n;
    struct partfile *f = partfile_all(a, &c, &m, &n);
    ck_assert_uint_eq(n, 1);
    ck_assert(f[0].part == &part[1] && str_eq(f[0].ft, STR("LISTING")));
    m.nparts = 1;
    (void)partfile_all(a, &c, &m, &n);
    ck_assert_uint_eq(n, 1);
}
END_TEST

/* --- print files --- */

static const struct {
    uint8_t control;
    const char *text;
} machine[] = {{0x8B, ""},         {0x09, "\xC1\x82"}, {0x11, "\xC3"}, {0x01, "\xC4\x6D"},
               {0x09, "\x6D\xC5"}, {0x0B, ""},         {0x89, "\xC6"}, {0x09, "\xC7"}},
  asa[] = {{0xF1, "\xC1\x82"},     {0x40, "\xC3"}, {0xF0, "\xC4"},
           {0x4E, "\x40\x6D\xC5"}, {0x60, "\xC6"}, {0xF1, "\xC7"}};

START_TEST(print_files)
{
    struct print p;
    struct buf out;
    buf_init(&out, 1000);
    print_begin(&p, ebc_page_default());
    for (size_t i = 0; i < sizeof machine / sizeof *machine; i++)
        print_record(&p, &out, machine[i].control, cur_of_str(str_of(machine[i].text)));
    print_end(&p, &out);
    ck_assert_str_eq(buf_cstr(&out), "Ab\nC\n\nDE\n\nF\n\fG\n");
    buf_reset(&out);
    print_begin(&p, ebc_page_default());
    for (size_t i = 0; i < sizeof asa / sizeof *asa; i++)
        print_record(&p, &out, asa[i].control, cur_of_str(str_of(asa[i].text)));
    print_end(&p, &out);
    ck_assert_str_eq(buf_cstr(&out), "Ab\nC\n\nD_E\n\n\nF\n\fG\n");
    buf_done(&out);
}
END_TEST

static Suite *files_suite(void)
{
    Suite *s = suite_create("files");
    TCase *t = tcase_create("files");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, facts_there_and_back);
    tcase_add_test(t, runs_there_and_back);
    tcase_add_test(t, records_cross);
    tcase_add_test(t, wrong_facts);
    tcase_add_test(t, streams_of_any_size);
    tcase_add_test(t, names_of_files);
    tcase_add_test(t, shown_and_exact);
    tcase_add_test(t, print_files);
    suite_add_tcase(s, t);
    return s;
}
UNIT(files_suite)
