/* tests/unit/rscs/test_nmr.c -- rscs/nmr: messages and commands. */
#include <stdlib.h>
#include <string.h>

#include "rscs/nmr.h"
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

static void check_text(const struct nmr *m, const char *want)
{
    struct buf b;
    buf_init(&b, 1000);
    nmr_text(m, ebc_page_default(), &b);
    ck_assert_str_eq(buf_cstr(&b), want);
    buf_done(&b);
}

static struct nmr message(const char *from, const char *to, const char *text)
{
    struct nmr m = {.from_node = name("NODEA"),
                    .to_node = name("NODEB"),
                    .from_user = name(from),
                    .to_user = name(to)};
    nmr_set_text(&m, ebc_page_default(), str_of(text));
    return m;
}

START_TEST(there_and_back)
{
    static const struct {
        bool command;
        const char *from, *to, *text;
        uint8_t flags, type, length;
    } t[] = {
        {false, "ALICE", "BOB", "hello bob", 0x20, 0x0C, 17},
        {false, "", "BOB", "from the node itself", 0x20, 0x04, 20},
        {false, "ALICE", "", "to the operator", 0x20, 0x0C, 23},
        {false, "ALICE", "BOB", "", 0x20, 0x0C, 8},
        {true, "ALICE", "", "QUERY SYSTEM", 0xA0, 0x00, 12},
        {true, "", "", "CPQ TIME", 0xA0, 0x00, 8},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct nmr m = message(t[i].from, t[i].to, t[i].text), got;
        struct buf b;
        struct why w;
        m.command = t[i].command;
        buf_init(&b, 300);
        nmr_put(&b, &m);
        ck_assert_uint_eq(b.n, 30u + t[i].length);
        ck_assert_uint_eq(b.p[0], t[i].flags);
        ck_assert_uint_eq(b.p[1], 0x77);
        ck_assert_uint_eq(b.p[2], t[i].type);
        ck_assert_uint_eq(b.p[3], t[i].length);
        for (size_t n = 0; n <= b.n; n++) {
            uint8_t *mem = malloc(n > 0 ? n : 1);
            memcpy(mem, b.p, n);
            memset(&got, 0xEE, sizeof got);
            int err = nmr_get(cur_of(mem, n), &got, &w);
            ck_assert_int_eq(err, n < b.n ? E_SYNTAX : OK);
            if (n < b.n)
                ck_assert_uint_eq(got.text[0], 0xEE);
            free(mem);
        }
        ck_assert_int_eq(got.command, t[i].command);
        check_name(got.from_node, "NODEA");
        check_name(got.to_node, "NODEB");
        check_name(got.from_user, t[i].from);
        check_name(got.to_user, t[i].to);
        check_text(&got, t[i].text);
        buf_done(&b);
    }
}
END_TEST

/* A record made by hand: flags, type, NMROUT, text. */
static int get(struct nmr *m, uint8_t flags, uint8_t type, const char *out, const char *text,
               struct why *w)
{
    struct buf b;
    struct nje_name node = name("NODEX"), user = name(out);
    buf_init(&b, 400);
    struct buf body;
    buf_init(&body, 300);
    (void)ebc_from_utf8(&body, ebc_page_default(), str_of(text));
    const uint8_t head[4] = {flags, 0x77, type, (uint8_t)body.n};
    buf_add(&b, head, 4);
    buf_add(&b, node.e, 8);
    buf_u8(&b, 1);
    buf_add(&b, user.e, 8);
    buf_add(&b, node.e, 8);
    buf_u8(&b, 1);
    buf_add(&b, body.p, body.n);
    buf_z(&b, "padding");
    memset(m, 0xEE, sizeof *m);
    int err = nmr_get(buf_cur(&b), m, w);
    buf_done(&b);
    buf_done(&body);
    return err;
}

START_TEST(other_peoples_records)
{
    static const struct {
        uint8_t flags, type;
        const char *text;
        const char *from, *to, *want;
    } t[] = {
        {0x20, 0x0C, "ALICE   hi", "ALICE", "OUT", "hi"},
        {0x20, 0x04, "ALICE   hi", "", "OUT", "ALICE   hi"},
        {0x20, 0x08, "12.00.00ALICE   stamped", "ALICE", "OUT", "stamped"}, /* IBM: a stamp first */
        {0x20, 0x00, "12:34:56stamped", "", "OUT", "stamped"},
        {0x20, 0x00, "no stamp and no user", "", "OUT", "no stamp and no user"}, /* NJElib */
        {0x20, 0x00, "12.00.0", "", "OUT", "12.00.0"},
        {0x20, 0x08, "ALICE   no stamp", "ALICE", "OUT", "no stamp"},
        {0x10, 0x04, "to a console", "", "", "to a console"},
        {0xA0, 0x00, "CPQ TIME", "OUT", "", "CPQ TIME"},
        {0x90, 0x00, "CPQ TIME", "", "", "CPQ TIME"}, /* from a console: NJElib */
        {0xA0, 0x00, "12.00.00", "OUT", "", "12.00.00"},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct nmr m;
        struct why w;
        ck_assert_int_eq(get(&m, t[i].flags, t[i].type, "OUT", t[i].text, &w), OK);
        check_name(m.from_user, t[i].from);
        check_name(m.to_user, t[i].to);
        check_text(&m, t[i].want);
    }
    struct nmr m;
    struct why w;
    ck_assert_int_eq(get(&m, 0x20, 0x0C, "OUT", "ALICE", &w), E_SYNTAX);
    ck_assert_str_eq(w.text, "a nodal message record (NMR) too short for its sender's name");
    ck_assert_int_eq(get(&m, 0x20, 0x08, "OUT", "12.00.00ALICE", &w), E_SYNTAX);
}
END_TEST

START_TEST(long_text_is_cut)
{
    static const size_t lengths[] = {119, 120, 121, 200, 256, 257, 400};
    char text[401];
    memset(text, 'x', 400);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t n = lengths[i], sent = n < NMR_TEXT_MAX ? n : NMR_TEXT_MAX;
        struct nmr m = message("ALICE", "BOB", ""), got;
        struct buf b;
        struct why w;
        nmr_set_text(&m, ebc_page_default(), (struct str){text, n});
        ck_assert_uint_eq(m.ntext, n < 256 ? n : 256);
        buf_init(&b, 300);
        nmr_put(&b, &m);
        ck_assert_uint_eq(b.n, 30 + 8 + sent);
        ck_assert_int_eq(nmr_get(buf_cur(&b), &got, &w), OK);
        ck_assert_uint_eq(got.ntext, sent);
        buf_done(&b);
    }
}
END_TEST

/* A command cannot be split: it may be longer, as no sender's name precedes it. */
START_TEST(long_commands)
{
    static const size_t lengths[] = {120, 139, 140, 141, 256};
    char text[257];
    memset(text, 'x', 256);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t n = lengths[i], sent = n < NMR_COMMAND_MAX ? n : NMR_COMMAND_MAX;
        struct nmr m = message("ALICE", "BOB", ""), got;
        struct buf b;
        struct why w;
        m.command = true;
        nmr_set_text(&m, ebc_page_default(), (struct str){text, n});
        buf_init(&b, 300);
        nmr_put(&b, &m);
        ck_assert_uint_eq(b.p[3], sent); /* what UnixNJE has room for: 140 */
        ck_assert_int_eq(nmr_get(buf_cur(&b), &got, &w), OK);
        ck_assert_uint_eq(got.ntext, sent);
        buf_done(&b);
    }
}
END_TEST

/* The text is in the writer's page; shifts of a double-byte page stay whole, even when it is cut.
 */
START_TEST(text_in_pages)
{
    const struct ebc_page *german = ebc_page(STR("273")), *japan = ebc_page(STR("939"));
    struct nmr m = message("A", "B", "");
    struct buf b;
    buf_init(&b, 2000);
    nmr_set_text(&m, german, STR("Grüße @"));
    ck_assert_mem_eq(m.text, "\xC7\x99\xD0\xA1\x85\x40\xB5", 7);
    nmr_text(&m, german, &b);
    ck_assert(str_is(buf_text(&b), "Grüße @"));
    if (japan != NULL) {
        char kanji[601];
        for (int i = 0; i < 200; i++)
            memcpy(kanji + 3 * i, "日", 3);
        buf_reset(&b);
        nmr_set_text(&m, japan, STR("ab日本cd"));
        nmr_text(&m, japan, &b);
        ck_assert(str_is(buf_text(&b), "ab日本cd"));
        nmr_set_text(&m, japan, (struct str){kanji, 600});
        ck_assert_uint_eq(m.ntext, 256);
        ck_assert_uint_eq(m.text[0], 0x0E);
        ck_assert_uint_eq(m.text[255], 0x0F);
    }
    buf_done(&b);
}
END_TEST

/* Nobody's terminal gets controls from us, no log gets them from a peer. */
START_TEST(controls_become_blanks)
{
    struct nmr m = message("A", "B", "a\tb\nc\x1B[d\xC2\x85 \u201Cq\u201D");
    check_text(&m, "a b c [d  \"q\"");
    memcpy(m.text, "\xC1\x15\x25\x0D\xFF\x00\xC2", 7);
    m.ntext = 7;
    check_text(&m, "A     B");
    memcpy(m.text, "\xC1\x40\x40\x00", 4);
    m.ntext = 4;
    check_text(&m, "A");
    m.ntext = 0;
    check_text(&m, "");
}
END_TEST

static Suite *test_nmr_suite(void)
{
    Suite *s = suite_create("nmr");
    TCase *t = tcase_create("all");
    tcase_add_test(t, there_and_back);
    tcase_add_test(t, other_peoples_records);
    tcase_add_test(t, long_text_is_cut);
    tcase_add_test(t, long_commands);
    tcase_add_test(t, text_in_pages);
    tcase_add_test(t, controls_become_blanks);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_nmr_suite)
