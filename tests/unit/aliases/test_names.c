/* tests/unit/aliases/test_names.c -- NAMES files: syntax, code pages, lists, and that what is
 * written reads the same. */
#include "aliases/names.h"

#include <stdio.h>
#include <string.h>

#include "unit/unit.h"

static struct arena *arena;

static void setup(void)
{
    arena = arena_new(16u << 20);
}

static void teardown(void)
{
    arena_free(&arena);
}

/* "nick{tag=value|tag=value}..." of all entries, or "!why". */
static const char *shown(const char *text)
{
    struct names_file f;
    struct why w;
    struct buf b;
    buf_init(&b, 1u << 20);
    memset(&f, 0xA5, sizeof f);
    if (names_read(arena, str_of(text), &f, &w) < 0) {
        buf_printf(&b, "!%s", w.text);
    } else {
        for (size_t i = 0; i < f.nentry; i++) {
            buf_u8(&b, '{');
            for (size_t k = 0; k < f.entry[i].ntag; k++)
                buf_printf(&b, "%s%.*s=%.*s", k > 0 ? "|" : "", STR_ARG(f.entry[i].tag[k].tag),
                           STR_ARG(f.entry[i].tag[k].value));
            buf_u8(&b, '}');
        }
    }
    const char *out = arena_cstr(arena, buf_text(&b));
    buf_done(&b);
    return out;
}

static const struct {
    const char *text, *want;
} rows[] = {
    {"", ""},
    {":nick.FRED :userid.FRED :node.VMA", "{nick=FRED|userid=FRED|node=VMA}"},
    {":NICK.fred :UserID.FRED", "{nick=fred|userid=FRED}"},
    /* a new entry starts at :nick. only; other tags may stand in column 1 */
    {":nick.A\n:site.Here\n:nick.B\n:site.There\n", "{nick=A|site=Here}{nick=B|site=There}"},
    {":nick.A\r\n   :name.X\r\n", "{nick=A|name=X}"},
    {":nick.A   :name.Fred Smith  \n      of the Sea\n", "{nick=A|name=Fred Smith of the Sea}"},
    {":nick.A :name.\n   Fred\n", "{nick=A|name=Fred}"},
    {":nick.A\n   more :x.1\n", "{nick=A more|x=1}"},
    /* a colon without a blank before it, or without a tag behind, is data */
    {":nick.A :net.a:b.c :x.y", "{nick=A|net=a:b.c|x=y}"},
    {":nick.A :name.smile :) and : dot. :x.y", "{nick=A|name=smile :) and : dot.|x=y}"},
    {":nick.A :mailer.MAILER@CMR001 BSMTP 3 :netsoft.RSCS V2",
     "{nick=A|mailer=MAILER@CMR001 BSMTP 3|netsoft=RSCS V2}"},
    {":nick.A :mailer. :alias. :x.1", "{nick=A|mailer=|alias=|x=1}"},
    {":nick.A :mailer.:alias.:x.1", "{nick=A|mailer=|alias=|x=1}"},
    {":tech-mailbox.x",
     "!line 1: \":tech-mailbox.\" before the first \":nick.\": this is no NAMES file"},
    {":*.A comment\n* another\n:nick.A :*.third :x.1\n*:nick.B\n", "{nick=A|x=1}"},
    {"\n\n:nick.A\n\n\n :x.1\n\n", "{nick=A|x=1}"},
    {":nick.A :unknown.kept :phone.1;2", "{nick=A|unknown=kept|phone=1;2}"},
    {"Dear Sir,\n", "!line 1: text before the first \":nick.\": this is no NAMES file"},
    {"\n<xml/>\n", "!line 2: text before the first \":nick.\": this is no NAMES file"},
};

START_TEST(reading)
{
    ck_assert_str_eq(shown(rows[_i].text), rows[_i].want);
}
END_TEST

START_TEST(limits)
{
    struct buf b;
    buf_init(&b, 1u << 20);
    buf_z(&b, ":nick.A");
    for (int i = 0; i < 300; i++)
        buf_z(&b, " :x.1");
    ck_assert_str_eq(shown(buf_cstr(&b)), "!line 1: the file has too many entries or tags");
    buf_done(&b);
}
END_TEST

static const struct {
    const char *bytes;
    size_t n;
    const char *want;
} texts[] = {
    {":nick.A\r\n\x1Agarbage\x01", 18, ":nick.A\r\n"},
    {"Ren\x82", 4, "Ren\xC3\xA9"},     /* code page 850 */
    {"Ren\xC3\xA9", 5, "Ren\xC3\xA9"}, /* UTF-8 already */
    {"a\nb\n\x01", 5, "!line 3: X'01' is no text: this is no NAMES file"},
    {"a\0b", 3, "!line 1: X'00' is no text: this is no NAMES file"},
    {"\x7F"
     "ELF",
     4, "!line 1: X'7F' is no text: this is no NAMES file"},
    {"\xC3\xC6\xC6\x40", 4, "\xE2\x94\x9C\xC3\xA3\xC3\xA3@"}, /* any bytes are some text there */
};

START_TEST(code_pages)
{
    struct buf b;
    struct why w;
    char got[500];
    buf_init(&b, 4096);
    if (names_text(&b, cur_of(texts[_i].bytes, texts[_i].n), &w) < 0)
        snprintf(got, sizeof got, "!%s", w.text);
    else
        snprintf(got, sizeof got, "%s", buf_cstr(&b));
    buf_done(&b);
    ck_assert_str_eq(got, texts[_i].want);
}
END_TEST

static const char lists[] =
    ":nick.FRED :userid.fred :node.a.example\n"
    ":nick.BOB :userid.BOB@VMB\n"
    ":nick.BOTH :list.FRED bob\n"
    ":nick.DEEP :userid.own :node.b.example :list.BOTH x@c.example carl at vmd "
    "FRED\n"
    ":nick.LOOP :list.FRED LOOP2\n:nick.LOOP2 :list.LOOP\n"
    ":nick.SELF :list.SELF\n"
    ":nick.LOST :list.FRED NOBODY\n"
    ":nick.CUT :list.carl at\n"
    ":nick.NONE :name.x\n";

static const struct {
    const char *nick, *want;
} expansions[] = {
    {"fred", "fred@a.example"},
    {"BOB", "BOB@VMB"},
    {"BOTH", "fred@a.example BOB@VMB"},
    {"DEEP", "own@b.example fred@a.example BOB@VMB x@c.example carl@vmd"}, /* FRED once */
    {"LOOP", "!the list LOOP holds itself"},
    {"LOOP2", "!the list LOOP2 holds itself"},
    {"SELF", "!the list SELF holds itself"},
    {"LOST", "!the member NOBODY is no nickname of the file"},
    {"CUT", "!carl AT: the node is missing"},
    {"NONE", ""},
    {"WHO", "!there is no WHO in the file"},
};

START_TEST(lists_expanded)
{
    struct names_file f;
    struct why w;
    struct str out[10];
    char got[600] = "";
    ck_assert_int_eq(names_read(arena, str_of(lists), &f, &w), 0);
    int n = names_expand(arena, &f, str_of(expansions[_i].nick), out, 10, &w);
    if (n < 0)
        snprintf(got, sizeof got, "!%s", w.text);
    for (int i = 0; i < n; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%.*s", i > 0 ? " " : "",
                 STR_ARG(out[i]));
    ck_assert_str_eq(got, expansions[_i].want);
}
END_TEST

START_TEST(list_limits)
{
    struct names_file f;
    struct why w;
    struct str out[1];
    struct buf b;
    ck_assert_int_eq(names_read(arena, str_of(lists), &f, &w), 0);
    ck_assert_int_eq(names_expand(arena, &f, STR("BOTH"), out, 1, &w), E_LIMIT);
    buf_init(&b, 1u << 20);
    for (int i = 0; i < 40; i++)
        buf_printf(&b, ":nick.L%d :list.L%d\n", i, i + 1);
    buf_z(&b, ":nick.L40 :userid.x@y\n");
    ck_assert_int_eq(names_read(arena, buf_text(&b), &f, &w), 0);
    ck_assert_int_eq(names_expand(arena, &f, STR("L0"), out, 1, &w), E_LIMIT);
    ck_assert_int_eq(names_expand(arena, &f, STR("L30"), out, 1, &w), 1);
    buf_done(&b);
}
END_TEST

/* What is written reads the same, whatever the values hold; long entries go over lines. */
START_TEST(written_reads_same)
{
    static const struct names_parts parts[] = {
        {.nick = {"FRED", 4}, .user = {"Fred", 4}, .node = {"a.example", 9}},
        {.nick = {"LONGNICK", 8},
         .user = {"a.very.long.user.name.that.goes.on.and.on.and.on", 48},
         .node = {"a.very.long.host.name.that.goes.on.and.on.example", 49},
         .name = {"Somebody with a name of many words, and : a colon", 49},
         .owner = {"OWNER@NODE", 10},
         .tags = {":phone.1 2 3 :addr.Street 5;Town :mailer. :x.y", 46}},
    };
    struct buf b;
    struct names_file f;
    struct why w;
    buf_init(&b, 4096);
    names_put(&b, &parts[0]);
    names_put(&b, &parts[1]);
    ck_assert_int_eq(names_read(arena, buf_text(&b), &f, &w), 0);
    ck_assert_uint_eq(f.nentry, 2);
    const struct names_entry *e = names_find(&f, STR("longnick"));
    ck_assert(str_eq(names_value(e, "userid"), parts[1].user));
    ck_assert(str_eq(names_value(e, "node"), parts[1].node));
    ck_assert(str_eq(names_value(e, "name"), parts[1].name));
    ck_assert(str_eq(names_value(e, "owner"), parts[1].owner));
    ck_assert(str_eq(names_tags(arena, e), STR(":phone.1 2 3 :addr.Street 5;Town :x.y")));
    buf_done(&b);
}
END_TEST

/* A name cannot forge a tag or a line. */
START_TEST(no_forged_tags)
{
    struct names_parts p = {.nick = STR("A"),
                            .name = STR(":node.evil x :owner.B@C\n:nick.ROOT y"),
                            .tags = STR("not a tag :x.1\n:nick.ROOT :userid.r")};
    struct buf b;
    buf_init(&b, 4096);
    names_put(&b, &p);
    const char *text = shown(buf_cstr(&b));
    ck_assert_msg(strncmp(text, "{nick=A|name=node.evil x owner.B@C nick.ROOT y|x=1", 50) == 0,
                  "%s", text);
    buf_done(&b);
}
END_TEST

static Suite *test_names_suite(void)
{
    Suite *s = suite_create("aliases/names");
    TCase *t = tcase_create("names");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, reading, 0, (int)(sizeof rows / sizeof rows[0]));
    tcase_add_test(t, limits);
    tcase_add_loop_test(t, code_pages, 0, (int)(sizeof texts / sizeof texts[0]));
    tcase_add_loop_test(t, lists_expanded, 0, (int)(sizeof expansions / sizeof expansions[0]));
    tcase_add_test(t, list_limits);
    tcase_add_test(t, written_reads_same);
    tcase_add_test(t, no_forged_tags);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_names_suite)
