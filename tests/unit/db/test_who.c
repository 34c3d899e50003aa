/* tests/unit/db/test_who.c -- the tables of who may: registered, restricted, denied; nicknames
 * edited by their owners through the store. */
#include <string.h>

#include "db/accessrow.h"
#include "db/nickrow.h"
#include "db/restrictrow.h"
#include "db/secrow.h"
#include "unit/db/fixture.h"
#include "unit/unit.h"

static struct fix f;
static struct arena *a;

static void setup(void)
{
    f = (struct fix){0};
    fix_open(&f);
    a = arena_new(16u << 20);
}

static void teardown(void)
{
    arena_free(&a);
    fix_close(&f);
}

static struct sec_row sec(const char *user, const char *nick, bool primary_nick, bool primary_mbox)
{
    return (struct sec_row){.user = str_of(user),
                            .node = STR("N"),
                            .nick = str_of(nick),
                            .primary_nick = primary_nick,
                            .primary_mbox = primary_mbox,
                            .by = STR("test")};
}

static int put(const char *user, const char *nick, bool primary_nick, bool primary_mbox,
               struct why *w)
{
    struct sec_row row = sec(user, nick, primary_nick, primary_mbox);
    return secrow_put(f.reader, &row, w);
}

START_TEST(one_primary_each)
{
    struct why w = {.text = ""};
    ck_assert_int_eq(put("a", "Fred", true, true, &w), OK);
    ck_assert_int_eq(put("B", "fred", true, false, &w), E_DENIED);
    ck_assert_str_eq(w.text,
                     "the nickname fred leads to A at N already; only one row may be primary");
    ck_assert_int_eq(put("A", "OTHER", false, true, &w), E_DENIED);
    ck_assert_str_eq(w.text, "A at N has the primary mailbox name Fred already; only one may be");
    ck_assert_int_eq(put("B", "FRED", false, true, &w), OK);
    ck_assert_int_eq(put("A", "FRED", false, false, &w), OK); /* the same row: new flags */
    ck_assert_int_eq(put("B", "FRED", true, true, &w), OK);
    ck_assert_uint_eq(fix_count_sql(&f, "SELECT count(*) FROM secure"), 2);
    ck_assert_int_eq(secrow_delete(f.reader, STR("a"), STR("n"), STR("Nobody"), STR("tester"), &w),
                     E_ABSENT);
    ck_assert_int_eq(secrow_delete(f.reader, STR("a"), STR("n"), STR(""), STR("tester"), &w), OK);
    ck_assert_int_eq(secrow_registered(f.reader, STR("A"), STR("N"), &w), 0);
    ck_assert_int_eq(secrow_registered(f.reader, STR("b"), STR("n"), &w), 1);
    ck_assert_int_eq(secrow_has_nick(f.reader, STR("b"), STR("n"), STR("fReD"), &w), 1);
    ck_assert_int_eq(secrow_has_nick(f.reader, STR("b"), STR("n"), STR("fRe"), &w), 0);
}
END_TEST

/* A primary flag may move from one row to another; a refused row leaves everything as it was. */
START_TEST(import_is_whole)
{
    struct why w = {.text = ""};
    size_t bad = 77;
    struct sec_row first[] = {sec("A", "X", true, true), sec("B", "X", false, false)};
    ck_assert_int_eq(
        secrow_import(f.reader, first, 2, &(struct secrow_how){.replace = false}, &bad, &w), OK);
    struct sec_row moved[] = {sec("B", "X", true, false), sec("A", "X", false, true)};
    ck_assert_int_eq(
        secrow_import(f.reader, moved, 2, &(struct secrow_how){.replace = false}, &bad, &w), OK);
    struct sec_row clash[] = {sec("C", "", false, false), sec("D", "X", true, false)};
    ck_assert_int_eq(
        secrow_import(f.reader, clash, 2, &(struct secrow_how){.replace = false}, &bad, &w),
        E_DENIED);
    ck_assert_uint_eq(bad, 1);
    ck_assert_uint_eq(fix_count_sql(&f, "SELECT count(*) FROM secure"), 2);
    ck_assert_int_eq(
        secrow_import(f.reader, clash, 2, &(struct secrow_how){.replace = true}, &bad, &w), OK);
    ck_assert_uint_eq(fix_count_sql(&f, "SELECT count(*) FROM secure WHERE user IN ('C','D')"), 2);
    ck_assert_uint_eq(fix_count_sql(&f, "SELECT count(*) FROM secure"), 2);
}
END_TEST

static void restrict_him(const char *user, const char *node, enum restrict_action action)
{
    struct why w = {.text = ""};
    struct restrict_row row = {.user = str_of(user), .node = str_of(node), .action = action};
    ck_assert_msg(restrictrow_add(f.reader, &row, &w) == OK, "%s", w.text);
    ck_assert_int_eq(restrictrow_add(f.reader, &row, &w), E_DENIED);
}

static const struct {
    const char *user, *node;
    enum restrict_action want;
} fits[] = {
    {"u", "n", RESTRICT_PURGE},    {"OTHER", "N", RESTRICT_RETURN}, {"U", "M", RESTRICT_TRANSFER},
    {"OTHER", "M", RESTRICT_NONE}, {"*", "M", RESTRICT_NONE},
};

START_TEST(the_best_fit_counts)
{
    struct why w;
    struct restrict_row row = {.action = RESTRICT_NONE};
    restrict_him("u", "*", RESTRICT_TRANSFER);
    restrict_him("*", "n", RESTRICT_RETURN);
    restrict_him("U", "N", RESTRICT_PURGE);
    int rc = restrictrow_find(f.reader, str_of(fits[_i].user), str_of(fits[_i].node), a, &row, &w);
    ck_assert_int_eq(rc, fits[_i].want != RESTRICT_NONE);
    ck_assert_int_eq(row.action, fits[_i].want);
    /* The same order as for entries of the configuration. */
    int own = restrictrow_fits(STR("U"), STR("N"), STR("u"), STR("n"));
    int at_node = restrictrow_fits(STR("*"), STR("N"), STR("u"), STR("n"));
    int anywhere = restrictrow_fits(STR("U"), STR("*"), STR("u"), STR("n"));
    int all = restrictrow_fits(STR("*"), STR("*"), STR("u"), STR("n"));
    ck_assert(own > at_node && at_node > anywhere && anywhere > all && all > 0);
    ck_assert_int_eq(restrictrow_fits(STR("U"), STR("M"), STR("u"), STR("n")), 0);
    ck_assert_int_eq(restrictrow_delete(f.reader, STR("U"), STR("n"), STR("tester"), &w), OK);
    ck_assert_int_eq(restrictrow_delete(f.reader, STR("U"), STR("n"), STR("tester"), &w), E_ABSENT);
    ck_assert_int_eq(restrictrow_find(f.reader, STR("u"), STR("n"), a, &row, &w), 1);
    ck_assert_int_eq(row.action, RESTRICT_RETURN); /* his node's before his own anywhere */
}
END_TEST

static void set_access(const char *user, const char *node, bool allowed)
{
    struct access_row row = {.user = str_of(user), .node = str_of(node), .allowed = allowed};
    struct change *c = change_new(f.store);
    change_access(c, &row);
    fix_durable(&f, &c);
}

START_TEST(access_by_the_best_fit)
{
    struct why w;
    ck_assert_int_eq(accessrow_allowed(f.reader, STR("U"), STR("N"), &w), 1);
    set_access("*", "n", false);
    ck_assert_int_eq(accessrow_allowed(f.reader, STR("U"), STR("N"), &w), 0);
    ck_assert_int_eq(accessrow_allowed(f.reader, STR("U"), STR("M"), &w), 1);
    set_access("u", "n", true);
    ck_assert_int_eq(accessrow_allowed(f.reader, STR("U"), STR("N"), &w), 1);
    set_access("u", "n", false);
    ck_assert_int_eq(accessrow_allowed(f.reader, STR("U"), STR("N"), &w), 0);
    ck_assert_uint_eq(fix_count_sql(&f, "SELECT count(*) FROM access"), 2);
}
END_TEST

static int edit(enum nick_edit what, const char *nick, const char *mailbox, const char *owner,
                struct why *w)
{
    struct nick_row row = {.nick = str_of(nick),
                           .mailbox = str_of(mailbox),
                           .owner = STR("BOB@N"),
                           .by = STR("tester")};
    struct change *c = change_new(f.store);
    change_nick_edit(c, (int)what, &row, str_of(owner));
    return fix_commit(&f, &c, w);
}

START_TEST(only_its_owner_edits)
{
    struct why w = {.text = ""};
    struct nick_row row;
    ck_assert_int_eq(edit(NICK_ADD, "STEVE", "s@x.org", "BOB@N", &w), OK);
    ck_assert_int_eq(edit(NICK_ADD, "STEVE", "t@x.org", "BOB@N", &w), E_DENIED);
    ck_assert_int_eq(edit(NICK_SET, "STEVE", "t@x.org", "CAROL@N", &w), E_DENIED);
    ck_assert_str_eq(w.text, "the nickname STEVE belongs to BOB@N");
    ck_assert_int_eq(edit(NICK_DELETE, "STEVE", "", "CAROL@N", &w), E_DENIED);
    ck_assert_int_eq(edit(NICK_SET, "NOBODY", "t@x.org", "BOB@N", &w), E_ABSENT);
    ck_assert_int_eq(edit(NICK_SET, "steve", "t@x.org", "bob@n", &w), OK);
    ck_assert_int_eq(nickrow_get(f.reader, STR("STEVE"), a, &row, &w), OK);
    ck_assert(str_eq(row.mailbox, STR("t@x.org")) && str_eq(row.owner, STR("BOB@N")) &&
              str_eq(row.by, STR("tester")));
    ck_assert_int_eq(edit(NICK_SET, "STEVE", "u@x.org", "", &w), OK); /* a privileged user */
    ck_assert_int_eq(edit(NICK_DELETE, "STEVE", "", "BOB@N", &w), OK);
    ck_assert_int_eq(nickrow_get(f.reader, STR("STEVE"), a, &row, &w), E_ABSENT);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *s = suite_create("db/who");
    TCase *t = tcase_create("who");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, one_primary_each);
    tcase_add_test(t, import_is_whole);
    tcase_add_loop_test(t, the_best_fit_counts, 0, sizeof fits / sizeof *fits);
    tcase_add_test(t, access_by_the_best_fit);
    tcase_add_test(t, only_its_owner_edits);
    suite_add_tcase(s, t);
    return s;
}
UNIT(make_suite)
