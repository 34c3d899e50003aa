/* tests/unit/db/test_rows.c -- nicknames and reader files. */
#include <stdio.h>
#include <string.h>

#include "db/aliasrow.h"
#include "db/nickfile.h"
#include "db/nickrow.h"
#include "db/queue.h"
#include "db/readerrow.h"
#include "db/row.h"
#include "fixture.h"
#include "unit/unit.h"

static struct fix f;
static struct arena *a;

static void open_fix(void)
{
    memset(&f, 0, sizeof f);
    fix_open(&f);
    a = arena_new(1 << 20);
}

static void close_fix(void)
{
    arena_free(&a);
    fix_close(&f);
}

static struct nick_row row(const char *nick, const char *mailbox)
{
    return (struct nick_row){.nick = str_of(nick),
                             .mailbox = str_of(mailbox),
                             .name = STR("A Name"),
                             .owner = STR("MAINT@VM1"),
                             .by = STR("OP@VM1"),
                             .changed = {77}};
}

static void add(const char *nick, const char *mailbox, bool automatic, bool preferred)
{
    struct nick_row r = row(nick, mailbox);
    struct why w = {.text = "?"};
    r.automatic = automatic;
    r.preferred = preferred;
    ck_assert_msg(nickrow_add(f.reader, &r, &w) == OK, "%s", w.text);
}

static const char *reverse(const char *mailbox)
{
    static char nick[16];
    struct nick_row r;
    struct why w;
    int rc = nickrow_of_mailbox(f.reader, str_of(mailbox), a, &r, &w);
    if (rc == E_ABSENT)
        return "none";
    ck_assert_int_eq(rc, OK);
    str_copy(nick, sizeof nick, r.nick);
    return nick;
}

START_TEST(nick_fields)
{
    struct nick_row r;
    struct why w;
    memset(&r, 0x55, sizeof r);
    ck_assert_int_eq(nickrow_get(f.reader, STR("BOB"), a, &r, &w), E_ABSENT);
    ck_assert_str_eq(w.text, "there is no nickname BOB");
    add("bob", "Bob.B@Example.COM", false, true);
    ck_assert_int_eq(nickrow_get(f.reader, STR("bOb"), a, &r, &w), OK);
    ck_assert(str_eq(r.nick, STR("BOB")));
    ck_assert(str_eq(r.mailbox, STR("Bob.B@example.com")));
    ck_assert(str_eq(r.name, STR("A Name")));
    ck_assert(str_eq(r.owner, STR("MAINT@VM1")));
    ck_assert(str_eq(r.by, STR("OP@VM1")));
    ck_assert(!r.automatic && r.preferred);
    ck_assert_int_eq(r.changed.us, 77);
    struct nick_row again = row("BOB", "x@y");
    ck_assert_int_eq(nickrow_add(f.reader, &again, &w), E_DENIED);
    ck_assert_str_eq(w.text, "the nickname BOB exists already");
}
END_TEST

START_TEST(nick_bad_keys)
{
    static char longest[400];
    memset(longest, 'x', sizeof longest - 1);
    struct nick_row c[] = {row("", "a@b"), row("NINECHARS", "a@b"), row("OK", ""),
                           row("OK", longest)};
    struct why w;
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(nickrow_add(f.reader, &c[i], &w), E_SYNTAX);
        ck_assert_int_eq(nickrow_change(f.reader, &c[i], &w), E_SYNTAX);
    }
    struct nick_row r;
    ck_assert_int_eq(nickrow_get(f.reader, STR("NINECHARS"), a, &r, &w), E_ABSENT);
    ck_assert_int_eq(nickrow_of_mailbox(f.reader, str_of(longest), a, &r, &w), E_ABSENT);
    ck_assert_int_eq(nickrow_delete(f.reader, STR(""), STR("tester"), &w), E_ABSENT);
}
END_TEST

START_TEST(nick_change_and_delete)
{
    struct why w;
    struct nick_row r = row("bob", "new@B.example");
    ck_assert_int_eq(nickrow_change(f.reader, &r, &w), E_ABSENT);
    ck_assert_int_eq(nickrow_delete(f.reader, STR("bob"), STR("tester"), &w), E_ABSENT);
    add("BOB", "old@b.example", false, false);
    ck_assert_int_eq(nickrow_change(f.reader, &r, &w), OK);
    ck_assert_str_eq(reverse("old@b.example"), "none");
    ck_assert_str_eq(reverse("new@b.example"), "BOB");
    ck_assert_int_eq(nickrow_delete(f.reader, STR("bob"), STR("tester"), &w), OK);
    ck_assert_str_eq(reverse("new@b.example"), "none");
}
END_TEST

START_TEST(nick_reverse_order)
{
    add("QSM01", "x@b.example", true, false);
    ck_assert_str_eq(reverse("x@B.EXAMPLE"), "QSM01");
    ck_assert_str_eq(reverse("X@b.example"), "none"); /* the local part by case */
    add("ZED", "x@b.example", false, false);
    ck_assert_str_eq(reverse("x@b.example"), "ZED"); /* made by hand before automatic */
    add("YAN", "x@b.example", false, true);
    add("ABE", "x@b.example", false, false);
    ck_assert_str_eq(reverse("x@b.example"), "YAN"); /* preferred before all */
    add("ZOE", "x@b.example", false, true);
    ck_assert_str_eq(reverse("x@b.example"), "ZOE"); /* the later one */
    ck_assert_uint_eq(fix_count_sql(&f, "SELECT count(*) FROM nick WHERE preferred"), 1);
    ck_assert_str_eq(reverse("\"odd@x\"@b.example"), "none");
    add("ODD", "\"Odd@X\"@B.example", false, false);
    ck_assert_str_eq(reverse("\"Odd@X\"@b.EXAMPLE"), "ODD");
}
END_TEST

static int names(void *arg, const struct nick_row *r)
{
    buf_printf(arg, "%.*s ", STR_ARG(r->nick));
    return str_is(r->nick, "STOP");
}

#define U_LABEL "b\xc3\xbc\x63her.example"
#define A_LABEL "xn--bcher-kva.example"

static void run(const char *sql)
{
    struct why w;
    ck_assert_int_eq(row_run(f.reader, sql, "", NULL, NULL, &w), OK);
}

/* One mailbox, however its domain is spelt; also where a row is from the time of U-labels. */
START_TEST(nick_domains)
{
    struct nick_row r = row("FILE", "f@" U_LABEL);
    struct why w;
    add("BOB", "bob@B\xc3\x9c\x63her.example", false, true);
    ck_assert_int_eq(nickrow_get(f.reader, STR("BOB"), a, &r, &w), OK);
    ck_assert(str_is(r.mailbox, "bob@" A_LABEL));
    ck_assert_str_eq(reverse("bob@" U_LABEL), "BOB");
    ck_assert_str_eq(reverse("bob@" A_LABEL), "BOB");
    add("OLD", "old@x", false, true);
    run("UPDATE nick SET mailbox = 'old@" U_LABEL "' WHERE nick = 'OLD'");
    ck_assert_str_eq(reverse("old@" U_LABEL), "OLD");
    ck_assert_str_eq(reverse("old@" A_LABEL), "OLD");
    ck_assert_str_eq(reverse("new@" A_LABEL), "none");
    r = row("OLD", "old@" A_LABEL); /* the same as is there, no reason to refuse it */
    r.members = STR("");
    ck_assert_int_eq(nickfile_put(f.reader, &r, STR(""), false, &w), OK);
    r.mailbox = STR("new@" U_LABEL);
    ck_assert_int_eq(nickfile_put(f.reader, &r, STR(""), false, &w), E_DENIED);
    ck_assert_int_eq(nickfile_put(f.reader, &r, STR(""), true, &w), OK);
    ck_assert_str_eq(reverse("new@" A_LABEL), "OLD");
    ck_assert_int_eq(nickrow_get(f.reader, STR("OLD"), a, &r, &w), OK);
    ck_assert(str_is(r.mailbox, "new@" A_LABEL));
}
END_TEST

static const char *alias_of(const char *mailbox, bool any_case)
{
    static char userid[16];
    struct alias_row r;
    struct why w;
    int rc = aliasrow_find_mailbox(f.reader, STR(""), str_of(mailbox), any_case, a, &r, &w);
    ck_assert_int_ge(rc, 0);
    str_copy(userid, sizeof userid, rc > 0 ? r.userid : STR("none"));
    return userid;
}

START_TEST(alias_domains)
{
    struct alias_row r = {
        .userid = STR("bob"), .address = STR("MVS"), .mailbox = STR("Bob@" U_LABEL)};
    struct why w;
    ck_assert_int_eq(aliasrow_add(f.reader, &r, &w), OK);
    r.userid = STR("old");
    r.mailbox = STR("old@x");
    ck_assert_int_eq(aliasrow_add(f.reader, &r, &w), OK);
    run("UPDATE alias SET mailbox = 'Old@" U_LABEL "' WHERE userid = 'OLD'");
    ck_assert_str_eq(alias_of("Bob@" U_LABEL, false), "BOB");
    ck_assert_str_eq(alias_of("Bob@" A_LABEL, false), "BOB");
    ck_assert_str_eq(alias_of("bob@" A_LABEL, false), "none");
    ck_assert_str_eq(alias_of("bob@" A_LABEL, true), "BOB");
    ck_assert_str_eq(alias_of("Old@" U_LABEL, false), "OLD");
    ck_assert_str_eq(alias_of("Old@" A_LABEL, false), "OLD");
    ck_assert_str_eq(alias_of("old@" A_LABEL, true), "OLD");
}
END_TEST

START_TEST(nick_lists)
{
    add("BOB", "b@x.example", false, false);
    add("ANN", "a@y.example", false, false);
    add("STOP", "s@x.example", false, false);
    add("TOM", "t@x.example", false, false);
    static const struct {
        const char *pattern, *want;
    } c[] = {{"", "ANN BOB STOP "},        {"*", "ANN BOB STOP "}, {"b*", "BOB "},
             {"*@X.example", "BOB STOP "}, {"t*", "TOM "},         {"none", ""}};
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        struct buf text;
        struct why w;
        buf_init(&text, 100);
        ck_assert_int_eq(nickrow_each(f.reader, str_of(c[i].pattern), names, &text, &w), OK);
        ck_assert_str_eq(buf_cstr(&text), c[i].want);
        buf_done(&text);
    }
}
END_TEST

START_TEST(nick_last_auto)
{
    ck_assert_uint_eq(nickrow_last_auto(f.reader, STR("QSM")), 0);
    add("QSM07", "a@b", true, false);
    add("QSM112", "b@b", true, false);
    add("QSM99", "c@b", true, false);
    add("QSM900", "d@b", false, false); /* by hand */
    add("QSM9X", "e@b", true, false);
    add("QSN500", "f@b", true, false);
    add("QS600", "g@b", true, false);
    ck_assert_uint_eq(nickrow_last_auto(f.reader, STR("QSM")), 112);
    ck_assert_uint_eq(nickrow_last_auto(f.reader, STR("qsm")), 112);
    ck_assert_uint_eq(nickrow_last_auto(f.reader, STR("QSMRMTAD1")), 0);
}
END_TEST

/* The loop's thread and another program both write: each waits for the other. */
START_TEST(nick_beside_the_writer)
{
    struct db *d;
    struct why w = {.text = "?"};
    ck_assert_int_eq(db_open(&d, f.path, DB_WRITE, &w), OK);
    for (unsigned i = 0; i < 200; i++) {
        struct change *c = change_new(f.store);
        change_journal(c, i, "e", "x");
        change_commit(&c, NULL, NULL);
        char nick[9];
        snprintf(nick, sizeof nick, "N%u", i);
        struct nick_row r = row(nick, "a@b");
        ck_assert_msg(nickrow_add(i % 2 ? d : f.reader, &r, &w) == OK, "%s", w.text);
        loop_turn(f.loop, false);
    }
    db_close(&d);
    struct change *c = change_new(f.store);
    struct nick_row r = row("AUTO", "a@b");
    change_nick(c, &r);
    fix_durable(&f, &c);
    ck_assert_uint_eq(fix_count_sql(&f, "SELECT count(*) FROM nick"), 201);
    ck_assert_uint_eq(fix_count_sql(&f, FIX_JOURNAL_ROWS), 200);
}
END_TEST

static void reader_add(const char *user, const char *fn, size_t n)
{
    struct change *c = change_new(f.store);
    struct reader_row r = {.user = str_of(user),
                           .from = STR("A@B"),
                           .fn = str_of(fn),
                           .ft = STR("DATA"),
                           .class = 'M',
                           .records = 4000000000u,
                           .date = {123456},
                           .kind = STR("NOTE")};
    struct body *b = fix_body(&f, n, n);
    change_reader(c, &r, b);
    body_free(&b);
    fix_durable(&f, &c);
}

static int files(void *arg, const struct reader_row *r)
{
    buf_printf(arg, "%u:%.*s ", (unsigned)r->number, STR_ARG(r->fn));
    return 0;
}

static const char *reader_list(const char *user)
{
    static char text[200];
    struct buf all;
    struct why w;
    buf_init(&all, sizeof text);
    ck_assert_int_eq(readerrow_each(f.reader, str_of(user), files, &all, &w), OK);
    str_copy(text, sizeof text, buf_text(&all));
    buf_done(&all);
    return text;
}

START_TEST(reader_files)
{
    reader_add("ANN", "ONE", 30);
    reader_add("BOB", "TWO", 100000);
    reader_add("ANN", "THREE", 0);
    ck_assert_str_eq(reader_list(""), "1:ONE 2:TWO 3:THREE ");
    ck_assert_str_eq(reader_list("ann"), "1:ONE 3:THREE ");
    ck_assert_str_eq(reader_list("TOM"), "");
    for (unsigned i = 1; i <= 3; i++) {
        struct reader_row r;
        struct body *b;
        struct why w = {.text = "?"};
        memset(&r, 0x55, sizeof r);
        ck_assert_msg(readerrow_get(f.reader, f.spool, i, a, &r, &b, &w) == OK, "%s", w.text);
        size_t n = i == 1 ? 30 : i == 2 ? 100000 : 0;
        fix_check_body(b, n, n);
        body_free(&b);
        ck_assert_uint_eq(r.number, i);
        ck_assert(str_is(r.user, i == 2 ? "BOB" : "ANN"));
        ck_assert(str_is(r.from, "A@B"));
        ck_assert(str_is(r.ft, "DATA"));
        ck_assert(str_is(r.kind, "NOTE"));
        ck_assert_int_eq(r.class, 'M');
        ck_assert_uint_eq(r.records, 4000000000u);
        ck_assert_int_eq(r.date.us, 123456);
    }
}
END_TEST

START_TEST(reader_purge)
{
    reader_add("ANN", "ONE", 100000);
    reader_add("ANN", "TWO", 100000);
    struct why w = {.text = "?"};
    ck_assert_uint_eq(fix_files(f.spool, "body"), 2);
    ck_assert_msg(readerrow_purge(f.reader, f.spool, 2, &w) == OK, "%s", w.text);
    ck_assert_uint_eq(fix_files(f.spool, "body"), 1);
    ck_assert_int_eq(readerrow_purge(f.reader, f.spool, 2, &w), E_ABSENT);
    ck_assert_str_eq(w.text, "there is no reader file 2");
    struct reader_row r;
    struct body *b = (struct body *)1;
    ck_assert_int_eq(readerrow_get(f.reader, f.spool, 2, a, &r, &b, &w), E_ABSENT);
    ck_assert_ptr_null(b);
    fix_close(&f);
    fix_open(&f);
    reader_add("ANN", "NEXT", 1); /* number 2 is not given again */
    ck_assert_str_eq(reader_list(""), "1:ONE 3:NEXT ");
}
END_TEST

static Suite *rows_suite(void)
{
    Suite *s = suite_create("rows");
    TCase *t = tcase_create("rows");
    tcase_add_checked_fixture(t, open_fix, close_fix);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, nick_fields);
    tcase_add_test(t, nick_bad_keys);
    tcase_add_test(t, nick_change_and_delete);
    tcase_add_test(t, nick_reverse_order);
    tcase_add_test(t, nick_lists);
    tcase_add_test(t, nick_domains);
    tcase_add_test(t, alias_domains);
    tcase_add_test(t, nick_last_auto);
    tcase_add_test(t, nick_beside_the_writer);
    tcase_add_test(t, reader_files);
    tcase_add_test(t, reader_purge);
    suite_add_tcase(s, t);
    return s;
}

UNIT(rows_suite)
