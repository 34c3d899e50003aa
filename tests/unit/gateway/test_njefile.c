/* tests/unit/gateway/test_njefile.c -- text and bytes into decks and back, as NETDATA and as cards.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/loop.h"
#include "gateway/njefile.h"
#include "unit/unit.h"

struct fixture {
    struct loop *loop;
    struct store *store;
    struct arena *arena;
};

static struct fixture set_up(void)
{
    struct fixture f = {.loop = loop_new(), .arena = arena_new(256u << 20)};
    char path[400];
    struct why w;
    const char *folder = unit_tmp();
    snprintf(path, sizeof path, "%s/db", folder);
    struct store_set set = {.loop = f.loop, .path = path, .spooldir = folder};
    ck_assert_msg(store_open(&f.store, &set, &w) == 0, "%s", w.text);
    return f;
}

static void tear_down(struct fixture *f)
{
    store_close(&f->store);
    arena_free(&f->arena);
    loop_free(&f->loop);
}

static struct njefile_spec spec_of(enum file_format format, bool note)
{
    return (struct njefile_spec){.from_user = STR("QSM01"),
                                 .from_node = STR("GATE"),
                                 .to_user = STR("HAYES"),
                                 .to_node = STR("VMHOST"),
                                 .fn = STR("REPORT"),
                                 .ft = STR("TXT"),
                                 .form = STR("STD"),
                                 .class = 'A',
                                 .format = format,
                                 .note = note,
                                 .page = ebc_page_default(),
                                 .id = 41,
                                 .now = wall_now()};
}

static struct njefile_in read_back(struct fixture *f, struct njefile_out *out)
{
    struct njefile_in in;
    struct why w;
    int v = njefile_read(f->arena, body_cur(out->deck, &w), ebc_page_default(), &in, &w);
    ck_assert_msg(v == 0, "%s", w.text);
    body_free(&out->deck);
    return in;
}

static void text_case(enum file_format format, bool note, const char *text, const char *want)
{
    struct fixture f = set_up();
    struct njefile_out out;
    struct why w;
    struct njefile_spec spec = spec_of(format, note);
    ck_assert_int_eq(njefile_text(f.store, &spec, str_of(text), 1u << 20, &out, &w), 0);
    struct njefile_in in = read_back(&f, &out);
    ck_assert_uint_eq(in.nitem, 1);
    ck_assert(in.netdata == (format == FORMAT_NETDATA));
    ck_assert(in.item[0].note == note && in.item[0].text);
    ck_assert(str_eq(in.item[0].content, str_of(want)));
    ck_assert(str_eq(in.from_user, STR("QSM01")) && str_eq(in.to_node, STR("VMHOST")));
    ck_assert(str_eq(in.fn, STR("REPORT")) && str_eq(in.ft, STR("TXT")));
    if (!note)
        ck_assert(str_eq(in.item[0].name, STR("REPORT.TXT")));
    tear_down(&f);
}

START_TEST(text_survives)
{
    static const char text[] = "one\n\ncaf\xc3\xa9 [x] {y}\n    indented\n";
    text_case(FORMAT_NETDATA, true, text, text);
    text_case(FORMAT_NETDATA, false, text, text);
    text_case(FORMAT_PUNCH, false, text, text);
    text_case(FORMAT_NETDATA, false, "no newline at the end", "no newline at the end\n");
    text_case(FORMAT_PUNCH, false, "", "\n"); /* a file always has a record */
}
END_TEST

START_TEST(a_long_line_is_cut_not_lost)
{
    char text[200], want[202];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    snprintf(want, sizeof want, "%s\n", text);
    text_case(FORMAT_NETDATA, false, text, want);
    struct fixture f = set_up();
    struct njefile_out out;
    struct why w;
    struct njefile_spec spec = spec_of(FORMAT_PUNCH, false);
    ck_assert_int_eq(njefile_text(f.store, &spec, str_of(text), 1u << 20, &out, &w), 0);
    ck_assert_uint_eq(out.records, 3);
    tear_down(&f);
    body_free(&out.deck);
}
END_TEST

START_TEST(bytes_survive_bit_for_bit)
{
    static const size_t sizes[] = {1, 79, 80, 253, 254, 8191, 8192, 8193, 100000};
    struct fixture f = set_up();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t n = sizes[i];
        uint8_t *bytes = malloc(n);
        for (size_t k = 0; k < n; k++)
            bytes[k] = (uint8_t)(k * 7 + (k >> 8));
        bytes[n - 1] = 0; /* a null or a blank at the end is no filler */
        struct njefile_out out;
        struct why w;
        struct njefile_spec spec = spec_of(FORMAT_NETDATA, false);
        ck_assert_int_eq(njefile_bytes(f.store, &spec, cur_of(bytes, n), 16u << 20, &out, &w), 0);
        struct njefile_in in = read_back(&f, &out);
        ck_assert_uint_eq(in.nitem, 1);
        if (n > 100)
            ck_assert(!in.item[0].text);
        if (!in.item[0].text)
            ck_assert(in.item[0].content.n == n && memcmp(in.item[0].content.p, bytes, n) == 0);
        free(bytes);
    }
    tear_down(&f);
}
END_TEST

START_TEST(a_limit_is_kept)
{
    struct fixture f = set_up();
    struct njefile_out out;
    struct why w;
    struct njefile_spec spec = spec_of(FORMAT_NETDATA, false);
    uint8_t bytes[4096] = {1};
    ck_assert_int_eq(njefile_bytes(f.store, &spec, cur_of(bytes, sizeof bytes), 1000, &out, &w),
                     E_LIMIT);
    tear_down(&f);
}
END_TEST

START_TEST(copies_change_only_what_is_asked)
{
    struct fixture f = set_up();
    struct njefile_out out;
    struct why w;
    struct njefile_spec spec = spec_of(FORMAT_NETDATA, false);
    ck_assert_int_eq(njefile_text(f.store, &spec, STR("x\n"), 1u << 20, &out, &w), 0);
    struct njefile_edit edit = {
        .set_hops = true, .hops = 3, .to_user = STR("BACK"), .to_node = STR("HOME")};
    struct body *copy;
    ck_assert_int_eq(njefile_copy(f.store, body_cur(out.deck, &w), &edit, &copy, &w), 0);
    ck_assert_uint_eq(body_size(copy), body_size(out.deck));
    struct njefile_in in;
    ck_assert_int_eq(njefile_read(f.arena, body_cur(copy, &w), ebc_page_default(), &in, &w), 0);
    ck_assert_uint_eq(in.njh.hops, 3);
    ck_assert(str_eq(in.to_user, STR("BACK")) && str_eq(in.to_node, STR("HOME")));
    ck_assert(str_eq(in.from_user, STR("QSM01")));
    ck_assert(str_eq(in.item[0].content, STR("x\n")));
    body_free(&copy);
    body_free(&out.deck);
    tear_down(&f);
}
END_TEST

/* Every cut of a deck is refused or read, never read past (ASan watches). */
START_TEST(every_cut_is_survived)
{
    struct fixture f = set_up();
    struct njefile_out out;
    struct why w;
    struct njefile_spec spec = spec_of(FORMAT_NETDATA, true);
    ck_assert_int_eq(njefile_text(f.store, &spec, STR("some\ntext\n"), 1u << 20, &out, &w), 0);
    struct cur whole = body_cur(out.deck, &w);
    size_t n = cur_left(&whole);
    for (size_t cut = 0; cut < n; cut++) {
        uint8_t *exact = malloc(cut + 1);
        memcpy(exact, whole.p, cut);
        struct arena *a = arena_new(8u << 20);
        struct njefile_in in;
        /* What is read must be the whole text: its end mark may stand before the trailer. */
        if (njefile_read(a, cur_of(exact, cut), ebc_page_default(), &in, &w) == 0)
            ck_assert(in.nitem == 0 ||
                      (in.nitem == 1 && str_eq(in.item[0].content, STR("some\ntext\n"))));
        arena_free(&a);
        free(exact);
    }
    body_free(&out.deck);
    tear_down(&f);
}
END_TEST

static Suite *njefile_suite(void)
{
    Suite *s = suite_create("njefile");
    TCase *t = tcase_create("njefile");
    tcase_add_test(t, text_survives);
    tcase_add_test(t, a_long_line_is_cut_not_lost);
    tcase_add_test(t, bytes_survive_bit_for_bit);
    tcase_add_test(t, a_limit_is_kept);
    tcase_add_test(t, copies_change_only_what_is_asked);
    tcase_add_test(t, every_cut_is_survived);
    suite_add_tcase(s, t);
    return s;
}
UNIT(njefile_suite)
