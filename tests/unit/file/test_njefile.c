/* tests/unit/file/test_njefile.c -- gateway/file/njefile with code pages: '@' that moves, records
 * of double-byte text. */
#include <iconv.h>
#include <stdio.h>
#include <string.h>

#include "gateway/file/atsign.h"
#include "gateway/file/njefile.h"
#include "unit/unit.h"

static const struct ebc_page *page(const char *name)
{
    const struct ebc_page *p = ebc_page(str_of(name));
    ck_assert_msg(p != NULL, "page %s", name);
    return p;
}

/* The lines are written as a program does that knows one '@' only, X'7C'; `~` is the page's own. */
static void put_line(struct buf *b, const struct ebc_page *p, struct str line)
{
    (void)ebc_from_utf8(b, p, line);
    for (size_t i = 0; i < b->n; i++) {
        uint8_t tilde;
        struct buf t;
        buf_init(&t, 4);
        (void)ebc_from_utf8(&t, p, STR("~"));
        tilde = t.p[0];
        buf_done(&t);
        if (b->p[i] == ebc_at_sign(p))
            b->p[i] = EBC_AT;
        else if (b->p[i] == tilde)
            b->p[i] = ebc_at_sign(p);
    }
}

/* What X'7C' is in text of these pages. */
#define S "\u00A7" /* 273 */

static const struct {
    const char *name, *text, *want;
} at_cases[] = {
    {"a note",
     "Date: 1 Feb 1995, 15:49:33 CET\nFrom: Hans Mei@er       HANS at VMA\n"
     "To: bob@host.example, ann~host.example\ncc:\n     carl@host.example\n"
     "Subject: BGB@433\n   and a@b\n\nan a@b.example in text\n",
     "Date: 1 Feb 1995, 15:49:33 CET\nFrom: Hans Mei@er       HANS at VMA\n"
     "To: bob@host.example, ann@host.example\ncc:\n     carl@host.example\n"
     "Subject: BGB" S "433\n   and a" S "b\n\nan a" S "b.example in text\n"},
    {"a batch",
     "HELO VMA\nMAIL FROM:<hans@vma.example>\nRCPT TO:<bob@[10.0.0.1]>\nDATA\n"
     "From: \"Hans @ Meier\"@vma.example\nTo: bob@host.example\nSubject: x@y\nReply-To: a-@b\n\n"
     "To: not@here\n.\nMAIL FROM:<x@y>\nDATA\nTo: ann@host.example\n\na@b\n.\nQUIT\n",
     "HELO VMA\nMAIL FROM:<hans@vma.example>\nRCPT TO:<bob@[10.0.0.1]>\nDATA\n"
     "From: \"Hans " S " Meier\"@vma.example\nTo: bob@host.example\nSubject: x" S "y\n"
     "Reply-To: a-@b\n\n"
     "To: not" S "here\n.\nMAIL FROM:<x@y>\nDATA\nTo: ann@host.example\n\na" S "b\n.\nQUIT\n"},
    {"blank lines before a note's header", "\n\nTo: bob@host.example\n\nTo: a@b\n",
     "\n\nTo: bob@host.example\n\nTo: a" S "b\n"},
    {"a nickname", "To: joe at VMA\n.JOE = joe@host.example\n\n.JOE = a@b\n",
     "To: joe at VMA\n.JOE = joe@host.example\n\n.JOE = a" S "b\n"},
    {"only text", "Nach BGB@433 gilt\nTo: a@b\n", "Nach BGB" S "433 gilt\nTo: a" S "b\n"},
    {"no address", "To: @ 5, @7, a @b, 8@\n", "To: " S " 5, " S "7, a " S "b, 8" S "\n"},
};

START_TEST(at_signs_of_headers)
{
    for (size_t i = 0; i < sizeof at_cases / sizeof *at_cases; i++) {
        struct buf out;
        struct atsign at;
        struct str text = str_of(at_cases[i].text), line;
        buf_init(&out, 2000);
        atsign_begin(&at, page("273"), STR(""));
        while (str_line(&text, &line)) {
            struct buf record;
            buf_init(&record, 200);
            put_line(&record, page("273"), line);
            atsign_line(&at, &out, buf_cur(&record));
            buf_u8(&out, '\n');
            buf_done(&record);
        }
        ck_assert_msg(strcmp(buf_cstr(&out), at_cases[i].want) == 0, "%s:\n%s", at_cases[i].name,
                      buf_cstr(&out));
        buf_done(&out);
    }
}
END_TEST

START_TEST(at_signs_left_alone)
{
    static const char *const names[] = {"037", "1047", "500", "1140", "285"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct buf out;
        struct atsign at;
        buf_init(&out, 100);
        atsign_begin(&at, page(names[i]), STR(""));
        atsign_line(&at, &out, cur_of("\xE3\xD6\x7A\x40\x81\x7C\x82", 7));
        atsign_line(&at, &out, cur_of("\x81\x7C\x82\x40", 4));
        ck_assert_str_eq(buf_cstr(&out), "TO: a@ba@b");
        buf_done(&out);
    }
}
END_TEST

/* ATSIGN: a terminal without @ writes another character, here a cent sign. */
START_TEST(a_further_at_sign)
{
    struct buf out, record;
    struct atsign at;
    static const char *const lines[][2] = {{"To: bob\xC2\xA2host.example", "To: bob@host.example"},
                                           {"Cc: ann@host.example", "Cc: ann@host.example"},
                                           {"", ""},
                                           {"5\xC2\xA2"
                                            "6 for all",
                                            "5\xC2\xA2"
                                            "6 for all"}};
    buf_init(&out, 2000);
    atsign_begin(&at, page("037"), STR("\xC2\xA2"));
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        buf_init(&record, 200);
        buf_reset(&out);
        put_line(&record, page("037"), str_of(lines[i][0]));
        atsign_line(&at, &out, buf_cur(&record));
        ck_assert_str_eq(buf_cstr(&out), lines[i][1]);
        buf_done(&record);
    }
    buf_done(&out);
}
END_TEST

static struct njefile_spec spec_of(const char *name, enum file_format format)
{
    return (struct njefile_spec){
        .from_user = STR("MAILER"),
        .from_node = STR("GATE"),
        .to_user = STR("HANS"),
        .to_node = STR("VMA"),
        .fn = STR("HANS"),
        .ft = STR("NOTE"),
        .form = STR("STD"),
        .class = 'A',
        .format = format,
        .page = page(name),
        .id = 7,
    };
}

/* Write text for a node of that page and read it as a node of another. */
static void there_and_back(struct store *s, const char *to, const char *from,
                           enum file_format format, struct str text, struct buf *got,
                           uint32_t *lrecl)
{
    struct njefile_spec spec = spec_of(to, format);
    struct njefile_out out;
    struct njefile_in in;
    struct why w;
    struct arena *a = arena_new(8u << 20);
    ck_assert_msg(njefile_text(s, &spec, text, 1u << 20, &out, &w) == 0, "%s", w.text);
    ck_assert_msg(njefile_read(a, body_cur(out.deck, &w), page(from), STR(""), &in, &w) == 0, "%s",
                  w.text);
    ck_assert_uint_eq(in.nitem, 1);
    ck_assert(in.item[0].text);
    buf_reset(got);
    buf_str(got, in.item[0].content);
    *lrecl = in.item[0].fact.lrecl;
    body_free(&out.deck);
    arena_free(&a);
}

static struct store *open_store(struct loop *loop)
{
    struct store *s;
    struct why w;
    char path[400];
    const char *dir = unit_tmp();
    (void)snprintf(path, sizeof path, "%s/db", dir);
    struct store_set set = {.loop = loop, .path = path, .spooldir = dir};
    ck_assert_msg(store_open(&s, &set, &w) == 0, "%s", w.text);
    return s;
}

#define KANJI "\u65E5\u672C\u8A9E"

START_TEST(files_there_and_back)
{
    static const char *const texts[] = {
        "To: hans@host.example\n\nplain [x] {y}\n",
        "To: a@b.example\n\n" KANJI " and " KANJI "\n\n\u65E5\u3000\nend\n",
    };
    static const char *const pages[] = {"037", "273", "1047", "939", "930"};
    iconv_t cd = iconv_open("UTF-8", "IBM939");
    bool doubles = cd != (iconv_t)-1;
    struct loop *loop = loop_new();
    struct store *s = open_store(loop);
    struct buf got;
    uint32_t lrecl;
    buf_init(&got, 1000);
    for (size_t i = 0; i < sizeof pages / sizeof *pages && (i < 3 || doubles); i++)
        for (size_t k = 0; k < (i < 3 ? 1 : 2); k++) {
            there_and_back(s, pages[i], pages[i], FORMAT_NETDATA, str_of(texts[k]), &got, &lrecl);
            ck_assert_str_eq(buf_cstr(&got), texts[k]);
            ck_assert_uint_eq(lrecl, 80);
            there_and_back(s, pages[i], pages[i], FORMAT_PUNCH, str_of(texts[k]), &got, &lrecl);
            ck_assert_str_eq(buf_cstr(&got), texts[k]);
        }
    buf_done(&got);
    store_close(&s);
    loop_free(&loop);
    if (doubles)
        iconv_close(cd);
}
END_TEST

/* A line longer than a record: cut between pairs, and the record length told is true. */
START_TEST(long_double_lines)
{
    iconv_t cd = iconv_open("UTF-8", "IBM939");
    if (cd == (iconv_t)-1)
        return;
    struct loop *loop = loop_new();
    struct store *s = open_store(loop);
    for (size_t lead = 0; lead < 3; lead++) {
        struct buf text, got;
        uint32_t lrecl;
        buf_init(&text, 200000);
        buf_init(&got, 200000);
        buf_fill(&text, 'x', lead);
        for (size_t i = 0; i < 8000; i++)
            buf_z(&text, KANJI);
        there_and_back(s, "939", "939", FORMAT_NETDATA, buf_text(&text), &got, &lrecl);
        size_t k = 0; /* only line ends are new */
        for (size_t i = 0; i < got.n; i++)
            if (got.p[i] != '\n')
                got.p[k++] = got.p[i];
        ck_assert_uint_eq(got.n - k, 2);
        ck_assert(str_eq((struct str){(char *)got.p, k}, buf_text(&text)));
        ck_assert_uint_ge(lrecl, 31998);
        ck_assert_uint_le(lrecl, 32000);
        /* Of each letter and sign UTF-8 makes less than a page with shifts. */
        buf_reset(&text);
        for (size_t i = 0; i < 100; i++)
            buf_z(&text, "a\u03B1");
        there_and_back(s, "939", "939", FORMAT_NETDATA, buf_text(&text), &got, &lrecl);
        ck_assert_uint_eq(lrecl, 500);
        buf_done(&text);
        buf_done(&got);
    }
    store_close(&s);
    loop_free(&loop);
    iconv_close(cd);
}
END_TEST

/* --- texts that come in pieces */

struct cut_text {
    struct str text;
    size_t size, at;
    char piece[70000]; /* overwritten by the next, as a decoder's room is */
};

static int next_cut(void *arg, bool first, struct cur *piece, struct why *w)
{
    struct cut_text *c = arg;
    (void)w;
    c->at = first ? 0 : c->at;
    struct str s = str_sub(c->text, c->at, c->size);
    memset(c->piece, '!', sizeof c->piece);
    if (s.n > 0)
        memcpy(c->piece, s.p, s.n);
    c->at += s.n;
    *piece = cur_of(c->piece, s.n);
    return s.n > 0;
}

static void add_lines(struct buf *b, size_t times)
{
    for (size_t i = 0; i < times; i++)
        buf_printf(b, "%zu line\n\n%sshorter\r\n  \u00FC\n", i, i % 3 == 0 ? "tab\t" : "");
}

static size_t lines(struct str text)
{
    struct str line;
    size_t n = 0;
    while (str_line(&text, &line))
        n++;
    return n;
}

/* The deck is the same however the text is cut: few lines and many, lines without end, no end. */
START_TEST(texts_in_pieces)
{
    static const size_t sizes[] = {1, 2, 3, 7, 100, 4096, 65536, 70000};
    static struct cut_text cut;
    struct loop *loop = loop_new();
    struct store *s = open_store(loop);
    struct buf text;
    struct why w;
    size_t most = _i == 3 ? 64u << 20 : 8u << 20;
    buf_init(&text, 4 << 20);
    if (_i == 0)
        add_lines(&text, 20);
    for (size_t i = 0; _i == 1 && i < 45000; i++) /* more than one line may have */
        buf_z(&text, "\u00E4\u20AC!");
    if (_i >= 2) /* more than is held, too */
        add_lines(&text, _i == 2 ? 20000 : 90000);
    buf_z(&text, "the end");
    for (int format = FORMAT_NETDATA; format <= FORMAT_PUNCH; format++) {
        struct njefile_spec spec = spec_of("1140", (enum file_format)format);
        struct njefile_out want, got;
        ck_assert_int_eq(njefile_text(s, &spec, buf_text(&text), most, &want, &w), 0);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            if (text.n / sizes[i] > (_i == 3 ? 1000 : 500000))
                continue;
            cut.text = buf_text(&text), cut.size = sizes[i];
            struct njefile_source from = {.arg = &cut, .size = text.n, .next = next_cut};
            ck_assert_int_eq(njefile_lines(s, &spec, &from, most, &got, &w), 0);
            struct cur a = body_cur(want.deck, &w), b = body_cur(got.deck, &w);
            ck_assert_msg(str_eq(cur_str(&a), cur_str(&b)), "pieces of %zu", sizes[i]);
            ck_assert_uint_eq(got.records, want.records);
            ck_assert_uint_eq(got.replaced, want.replaced);
            body_free(&got.deck);
        }
        struct njefile_in in;
        struct arena *a = arena_new(256u << 20);
        ck_assert_int_eq(njefile_read(a, body_cur(want.deck, &w), spec.page, STR(""), &in, &w), 0);
        ck_assert_uint_eq(in.nitem, 1);
        if (_i != 1 && format == FORMAT_NETDATA)
            ck_assert_uint_eq(in.item[0].fact.records, lines(buf_text(&text)));
        arena_free(&a);
        body_free(&want.deck);
    }
    buf_done(&text);
    store_close(&s);
    loop_free(&loop);
}
END_TEST

/* A limit that is passed is told in the middle, and a source that fails, too. */
static int fails(void *arg, bool first, struct cur *piece, struct why *w)
{
    if (!first)
        return why_set(w, E_IO, 451, "4.3.0", "gone");
    *piece = *(const struct cur *)arg;
    return 1;
}

/* One null, or more than one control in twenty, wherever it stands. */
START_TEST(text_or_not)
{
    for (size_t i = 0; i < 19 * 19; i++) {
        uint8_t record[20];
        size_t one = i / 19, other = i % 19;
        memset(record, 0x81, sizeof record);
        record[one] = record[other] = 0x3F;
        ck_assert_msg(njefile_looks_text(ebc_page_default(), cur_of(record, sizeof record)) ==
                          (one == other),
                      "%zu", i);
        record[one] = record[other] = 0x40;
        ck_assert(njefile_looks_text(ebc_page_default(), cur_of(record, sizeof record)));
        record[one] = 0;
        ck_assert_msg(!njefile_looks_text(ebc_page_default(), cur_of(record, sizeof record)), "%zu",
                      i);
    }
}
END_TEST

/* Small files whose every byte could be printed. */
static const struct {
    const char *page, *bytes;
    size_t n;
    bool text;
} small_files[] = {
    {"037", "", 0, true},
    {"037", "\x40\x40", 2, true},
    {"037", "\x00\x00\x00", 3, false},
    {"037", "\xc1\x00\x00", 3, true},
    {"037", "hello", 5, false}, /* ASCII */
    {"037", "Hello", 5, false},
    {"037", "HELLO", 5, false},
    {"037", "abcdefghijklmnopqrstuvwxyz", 26, false},
    {"500", "abcdefghijklmnopqrstuvwxyz", 26, false},
    {"273", "SomeWords", 9, false},
    {"037", "\x88\x85\x93\x93\x96", 5, true}, /* EBCDIC */
    {"037", "\xf1", 1, true},
    {"037", "\x60\x60\x60\x60", 4, true},         /* a rule */
    {"037", "\x61\x61", 2, true},                 /* two slashes */
    {"037", "\x5c\x5c\x5c", 3, true},             /* stars */
    {"037", "\x95\x45\x83\x85", 4, true},         /* an accent in a word */
    {"875", "\x41\x42\x43\x44", 4, true},         /* capitals of Greek */
    {"1025", "\x77\x78\x80\x8a", 4, true},        /* Cyrillic */
    {"037", "\xff\xff\xff\xff\x81", 5, false},    /* no characters */
    {"930", "\x0e\x45\x66\x48\xe7\x0f", 6, true}, /* double bytes */
};

START_TEST(small_text_or_not)
{
    const struct ebc_page *page = ebc_page(str_of(small_files[_i].page));
    if (page == NULL)
        return;
    ck_assert_msg(njefile_looks_text(page, cur_of(small_files[_i].bytes, small_files[_i].n)) ==
                      small_files[_i].text,
                  "%d: %.*s", _i, (int)small_files[_i].n, small_files[_i].bytes);
}
END_TEST

START_TEST(texts_that_cannot_be)
{
    struct loop *loop = loop_new();
    struct store *s = open_store(loop);
    struct buf text;
    struct why w;
    buf_init(&text, 4 << 20);
    add_lines(&text, 30000);
    for (int format = FORMAT_NETDATA; format <= FORMAT_PUNCH; format++) {
        struct njefile_spec spec = spec_of("037", (enum file_format)format);
        struct njefile_out out;
        struct cur whole = buf_cur(&text);
        struct njefile_source from = {.arg = &whole, .size = text.n, .next = fails};
        ck_assert_int_eq(njefile_text(s, &spec, buf_text(&text), 400000, &out, &w), E_LIMIT);
        ck_assert_ptr_null(out.deck);
        ck_assert_int_eq(njefile_lines(s, &spec, &from, 64u << 20, &out, &w), E_IO);
        ck_assert_ptr_null(out.deck);
    }
    buf_done(&text);
    store_close(&s);
    loop_free(&loop);
}
END_TEST

static Suite *njefile_suite(void)
{
    Suite *s = suite_create("njefile");
    TCase *t = tcase_create("pages");
    tcase_add_test(t, at_signs_of_headers);
    tcase_add_test(t, at_signs_left_alone);
    tcase_add_test(t, a_further_at_sign);
    tcase_add_test(t, files_there_and_back);
    tcase_add_test(t, long_double_lines);
    tcase_add_loop_test(t, texts_in_pieces, 0, 4);
    tcase_add_test(t, text_or_not);
    tcase_add_loop_test(t, small_text_or_not, 0, (int)(sizeof small_files / sizeof *small_files));
    tcase_add_test(t, texts_that_cannot_be);
    suite_add_tcase(s, t);
    return s;
}
UNIT(njefile_suite)
