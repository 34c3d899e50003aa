/* tests/unit/security/test_sectab.c -- the security table: the file's checks, and the worked tables
 * of the manual's example in both directions, strict too. */
#include "security/sectab.h"

#include <stdio.h>
#include <string.h>

#include "unit/unit.h"

static struct db *db;
static struct arena *arena;
static struct buf said;

static void setup(void)
{
    static char path[400];
    struct why w;
    snprintf(path, sizeof path, "%s/db", unit_tmp());
    ck_assert(db_open(&db, path, DB_CREATE, &w) == 0);
    arena = arena_new(64u << 20);
    buf_init(&said, 65536);
}

static void teardown(void)
{
    db_close(&db);
    arena_free(&arena);
    buf_done(&said);
}

static void hear(void *arg, unsigned line, const char *text)
{
    (void)arg;
    buf_printf(&said, "%u: %s\n", line, text);
}

static void load(const char *text)
{
    struct sectab t;
    struct why w = {.text = ""};
    size_t bad;
    ck_assert_msg(sectab_read(arena, str_of(text), &t, hear, NULL) == 0, "%s", buf_cstr(&said));
    ck_assert_msg(secrow_import(db, t.row, t.n, &(struct secrow_how){.replace = true}, &bad, &w) ==
                      0,
                  "%s", w.text);
}

static const char seed[] = "* the table of the manual\n"
                           "  DEBULOIS       MLVFSC1  FRED0 Y N\n"
                           "  DEBULOIS       MLVFSC5  FRED1 N Y\n"
                           "\n"
                           "  TCPMAINT       MLVFSC5  TCP0  N N\n"
                           "  debulois       mlvfsc1  TCP1  y Y\n";
static const char spoof2[] = "MYUSER  JES2NODE  THOMAS   N Y\n"
                             "SYSPROG JES2NODE  THOMAS   Y N\n"
                             "SYSPROG JES2NODE  MARTIN   Y Y\n";

/* "USER NODE" each nickname leads to; "-" refused, "?" unknown. */
static const struct {
    const char *table, *nick, *loose, *strict;
} inbound[] = {
    {seed, "FRED0", "DEBULOIS MLVFSC1", "DEBULOIS MLVFSC1"},
    {seed, "FRED1", "DEBULOIS MLVFSC5", "-"},
    {seed, "TCP0", "TCPMAINT MLVFSC5", "-"},
    {seed, "tcp1", "DEBULOIS MLVFSC1", "DEBULOIS MLVFSC1"},
    {seed, "DEBULOIS", "?", "?"},
    {seed, "", "?", "?"},
    {spoof2, "thomas", "SYSPROG JES2NODE", "SYSPROG JES2NODE"},
    {spoof2, "MARTIN", "SYSPROG JES2NODE", "SYSPROG JES2NODE"},
    {"A N X N N\nB N X N N\nC N\n", "x", "-", "-"},
    {"A N X N N\nB N Y N N\nC N\n", "x", "A N", "-"},
};

static const char *led_to(const char *nick, bool strict)
{
    static char text[40];
    static struct why w; /* its text is lent to the caller */
    struct sec_row row = {.user = STR("poison"), .node = STR("poison")};
    int rc = sectab_inbound(db, str_of(nick), strict, arena, &row, &w);
    if (rc < 0)
        return rc == E_ABSENT ? "?" : rc == E_DENIED ? "-" : w.text;
    snprintf(text, sizeof text, "%.*s %.*s", STR_ARG(row.user), STR_ARG(row.node));
    return text;
}

START_TEST(to_nje)
{
    load(inbound[_i].table);
    ck_assert_str_eq(led_to(inbound[_i].nick, false), inbound[_i].loose);
    ck_assert_str_eq(led_to(inbound[_i].nick, true), inbound[_i].strict);
}
END_TEST

/* The name each user has outside: "" registered without one, NULL not registered. */
static const struct {
    const char *table, *user, *node, *nick;
} outbound[] = {
    {seed, "DEBULOIS", "MLVFSC1", "TCP1"},
    {seed, "debulois", "mlvfsc5", "FRED1"},
    {seed, "TCPMAINT", "MLVFSC5", ""},
    {seed, "TCPMAINT", "MLVFSC1", NULL},
    {spoof2, "MYUSER", "JES2NODE", "THOMAS"},
    {spoof2, "SYSPROG", "JES2NODE", "MARTIN"},
    {"A N X N N\nC N\n", "C", "N", ""},
    {"A N X N N\nC N\n", "D", "N", NULL},
    {"A N MixedCase N Y\n", "A", "N", "MixedCase"},
};

START_TEST(to_internet)
{
    struct sec_row row = {.nick = STR("poison")};
    struct why w = {.text = "untouched"};
    struct str user = str_of(outbound[_i].user), node = str_of(outbound[_i].node);
    load(outbound[_i].table);
    ck_assert_int_eq(secrow_registered(db, user, node, &w), outbound[_i].nick != NULL);
    ck_assert_str_eq(w.text, "untouched");
    int rc = sectab_outbound(db, user, node, arena, &row, &w);
    if (outbound[_i].nick == NULL || outbound[_i].nick[0] == '\0') {
        ck_assert_int_eq(rc, E_ABSENT);
    } else {
        ck_assert_int_eq(rc, 0);
        ck_assert_str_eq(arena_cstr(arena, row.nick), outbound[_i].nick);
    }
}
END_TEST

static const struct {
    const char *text, *want;
} bad[] = {
    {"A\n", "1: a node is missing after the userid \"A\"\n"},
    {"* x\nNINECHARS N\n", "2: the userid \"NINECHARS\" is not 1 to 8 of A-Z 0-9 $ # @ _ - + :\n"},
    {"A NINECHARS\n", "1: the node \"NINECHARS\" is not 1 to 8 of A-Z 0-9 $ # @ _ - + :\n"},
    {"A N X Y\n", "1: nickname, primary_nick? and primary_mbox? go together: all three or none\n"},
    {"A N X\n", "1: nickname, primary_nick? and primary_mbox? go together: all three or none\n"},
    {"A N X Y Q\n", "1: \"Q\" must be Y or N\n"},
    {"A N X 1 Y\n", "1: \"1\" must be Y or N\n"},
    {"A N X Y N Y\n", "1: more than five words: \"Y\" is too much\n"},
    {"A N F.L Y N\n", "1: the nickname \"F.L\" holds a forbidden character (.): none of "
                      "<>()[]\\.,;:@\"%! nor blanks\n"},
    {"\nA N X Y N\nB N x Y N\n", "3: B N x: a primary_nick=Y row of this nickname is in line 2\n"},
    {"A N X N Y\nB N Y N Y\nA N Z N Y\n",
     "3: A N Z: a primary_mbox=Y row of this user is in line 1\n"},
    {"A N X N N\na n x Y Y\n", "2: A N x: the same record is in line 1\n"},
    {"A N\nA N\n", "2: A N : the same record is in line 1\n"},
    {"\xc1\xc2\x40\xd5\n",
     "0: the file is not text (a table still in EBCDIC must be converted first)\n"},
    {"A\nB\n", "1: a node is missing after the userid \"A\"\n"
               "2: a node is missing after the userid \"B\"\n"},
};

START_TEST(refused)
{
    struct sectab t;
    ck_assert_uint_gt(sectab_read(arena, str_of(bad[_i].text), &t, hear, NULL), 0);
    ck_assert_str_eq(buf_cstr(&said), bad[_i].want);
    ck_assert_uint_gt(sectab_read(arena, str_of(bad[_i].text), &t, NULL, NULL), 0);
}
END_TEST

START_TEST(forbidden_characters)
{
    for (unsigned c = 1; c < 256; c++) {
        char nick[3] = {'A', (char)c, '\0'};
        struct sec_row row = {.user = STR("U"), .node = STR("N"), .nick = str_of(nick)};
        struct why w;
        bool good = c > ' ' && c < 127 && strchr("<>()[]\\.,;:@\"%!", (int)c) == NULL;
        ck_assert_msg((sectab_check(&row, &w) == 0) == good, "character %u", c);
    }
    char longest[66];
    memset(longest, 'X', sizeof longest);
    struct sec_row row = {.user = STR("U"), .node = STR("N"), .nick = {longest, 64}};
    struct why w;
    ck_assert_int_eq(sectab_check(&row, &w), 0);
    row.nick.n = 65;
    ck_assert_int_eq(sectab_check(&row, &w), E_SYNTAX);
    row = (struct sec_row){.user = STR("U"), .node = STR("N"), .primary_mbox = true};
    ck_assert_int_eq(sectab_check(&row, &w), E_SYNTAX);
}
END_TEST

START_TEST(long_lines)
{
    char line[300];
    struct sectab t;
    memset(line, ' ', sizeof line);
    memcpy(line, "A N", 3);
    line[254] = 'X', line[255] = '\0'; /* 255 characters: a nickname without its flags */
    sectab_read(arena, str_of(line), &t, hear, NULL);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&said), "go together"));
    buf_reset(&said);
    line[254] = ' ', line[255] = 'X', line[256] = '\0';
    sectab_read(arena, str_of(line), &t, hear, NULL);
    ck_assert_str_eq(buf_cstr(&said), "1: the line is longer than 255 characters\n");
}
END_TEST

static int write_row(void *arg, const struct sec_row *row)
{
    sectab_write(arg, row);
    return 0;
}

/* What is exported reads back as the same table. */
START_TEST(out_and_in)
{
    struct why w;
    struct buf one, two;
    buf_init(&one, 65536);
    buf_init(&two, 65536);
    load("LONGUSER LONGNODE longer-than-eight-characters N Y\nA N\nB N X Y N\n");
    ck_assert_int_eq(secrow_each(db, write_row, &one, &w), 0);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&one), "longer-than-eight-characters N Y\n"));
    load(arena_cstr(arena, buf_text(&one)));
    ck_assert_int_eq(secrow_each(db, write_row, &two, &w), 0);
    ck_assert_str_eq(buf_cstr(&one), buf_cstr(&two));
    buf_done(&one);
    buf_done(&two);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *s = suite_create("security/sectab");
    TCase *t = tcase_create("sectab");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, to_nje, 0, sizeof inbound / sizeof *inbound);
    tcase_add_loop_test(t, to_internet, 0, sizeof outbound / sizeof *outbound);
    tcase_add_loop_test(t, refused, 0, sizeof bad / sizeof *bad);
    tcase_add_test(t, forbidden_characters);
    tcase_add_test(t, long_lines);
    tcase_add_test(t, out_and_in);
    suite_add_tcase(s, t);
    return s;
}
UNIT(make_suite)
