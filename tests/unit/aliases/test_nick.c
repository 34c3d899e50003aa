/* tests/unit/aliases/test_nick.c -- nicknames in a real store: automatic ones before, at and after
 * their commit, beside another process that edits the table. */
#include "aliases/nick.h"

#include <stdio.h>
#include <string.h>

#include "unit/unit.h"

static struct loop *loop;
static struct store *store;
static struct nicks *nicks;
static struct arena *arena;
static struct db *other; /* njegate's own connection */
static int open_commits;
static bool refused;

static void setup(void)
{
    static char path[400], spool[400];
    struct why w = {.text = ""};
    const char *dir = unit_tmp();
    snprintf(path, sizeof path, "%s/db", dir);
    snprintf(spool, sizeof spool, "%s/spool", dir);
    loop = loop_new();
    struct store_set set = {.loop = loop, .path = path, .spooldir = spool};
    ck_assert_msg(store_open(&store, &set, &w) == 0, "%s", w.text);
    ck_assert_msg(db_open(&other, path, DB_WRITE, &w) == 0, "%s", w.text);
    nicks = nicks_new(store);
    arena = arena_new(16u << 20);
}

static void teardown(void)
{
    nicks_free(&nicks);
    ck_assert_ptr_null(nicks);
    nicks_free(&nicks);
    db_close(&other);
    store_close(&store);
    loop_free(&loop);
    arena_free(&arena);
}

static void committed(void *arg, const struct why *w)
{
    (void)arg;
    open_commits--;
    refused = refused || w != NULL;
}

static void give(struct change **c)
{
    open_commits++;
    change_commit(c, committed, NULL);
}

/* Until all that was given is durable; all of it must be. */
static void durable(void)
{
    while (open_commits > 0)
        (void)loop_turn(loop, true);
    ck_assert(!refused);
}

static struct nick_row nick_made(const char *mailbox, const char *name, struct change *c)
{
    struct nick_row row;
    struct why w;
    memset(&row, 0xA5, sizeof row);
    memset(&w, 0xA5, sizeof w);
    int rc = nick_for(nicks, str_of(mailbox), str_of(name), c, arena, &row, &w);
    ck_assert_msg(rc == 0, "%s: %s", mailbox, w.text);
    ck_assert_int_eq((unsigned char)w.text[0], 0xA5); /* untouched by success */
    return row;
}

#define IS(got, want) ck_assert_msg(str_eq(got, STR(want)), "got '%.*s'", STR_ARG(got))

static struct str mailbox_of(struct nicks *n, const char *nick)
{
    struct nick_row row;
    struct why w;
    return nick_mailbox(n, str_of(nick), arena, &row, &w) == 0 ? row.mailbox : STR("none");
}

static struct str name_of(struct nicks *n, const char *mailbox)
{
    struct nick_row row;
    struct why w;
    return nick_of(n, str_of(mailbox), arena, &row, &w) == 0 ? row.nick : STR("none");
}

static void add_by_hand(const char *nick, const char *mailbox)
{
    struct why w = {.text = ""};
    struct nick_row row = {.nick = str_of(nick), .mailbox = str_of(mailbox), .by = STR("root")};
    ck_assert_msg(nickrow_add(other, &row, &w) == 0, "%s", w.text);
}

START_TEST(seen_at_once_and_later)
{
    struct change *c = change_new(store);
    struct nick_row row = nick_made("Steve@Example.COM", "Steve Hayes", c);
    IS(row.nick, "QSM01");
    IS(row.mailbox, "Steve@example.com");
    IS(row.name, "Steve Hayes");
    ck_assert(row.automatic && !row.preferred);
    IS(mailbox_of(nicks, "qsm01"), "Steve@example.com");
    IS(name_of(nicks, "Steve@EXAMPLE.com"), "QSM01");
    IS(name_of(nicks, "steve@example.com"), "none"); /* the local part by case */
    give(&c);
    durable();
    struct nicks *fresh = nicks_new(store); /* knows only what is durable */
    IS(mailbox_of(fresh, "QSM01"), "Steve@example.com");
    IS(name_of(fresh, "Steve@example.com"), "QSM01");
    nicks_free(&fresh);
    IS(name_of(nicks, "Steve@example.com"), "QSM01");
    c = change_new(store);
    IS(nick_made("steve@example.com", "", c).nick, "QSM02");
    change_drop(&c);
}
END_TEST

/* One mailbox in a burst of messages, each its own change: one nickname, and every change is taken.
 */
START_TEST(burst)
{
    for (int i = 0; i < 50; i++) {
        struct change *c = change_new(store);
        IS(nick_made("a@example.com", "", c).nick, "QSM01");
        IS(nick_made("A@example.com", "", c).nick, "QSM02");
        IS(nick_made("a@example.com", "", c).nick, "QSM01");
        give(&c);
        if (i % 10 == 9)
            durable();
        else
            (void)loop_turn(loop, false);
    }
    durable();
    IS(mailbox_of(nicks, "QSM03"), "none");
}
END_TEST

START_TEST(dropped_change)
{
    clock_fake(true);
    struct change *c = change_new(store);
    IS(nick_made("a@example.com", "", c).nick, "QSM01");
    change_drop(&c);
    clock_step(20000);
    c = change_new(store); /* the message is tried again: this change brings the row */
    IS(nick_made("a@example.com", "", c).nick, "QSM01");
    give(&c);
    clock_fake(false);
    durable();
    struct nicks *fresh = nicks_new(store);
    IS(mailbox_of(fresh, "QSM01"), "a@example.com");
    nicks_free(&fresh);
}
END_TEST

/* Nobody asked again: what was never written is forgotten. */
START_TEST(dropped_and_forgotten)
{
    clock_fake(true);
    struct change *c = change_new(store);
    IS(nick_made("a@example.com", "", c).nick, "QSM01");
    change_drop(&c);
    clock_step(59000);
    IS(mailbox_of(nicks, "QSM01"), "a@example.com");
    clock_step(2000);
    IS(mailbox_of(nicks, "QSM01"), "none");
    clock_fake(false);
}
END_TEST

START_TEST(edited_by_njegate)
{
    struct why w;
    struct change *c = change_new(store);
    IS(nick_made("a@example.com", "", c).nick, "QSM01");
    IS(nick_made("b@example.com", "", c).nick, "QSM02");
    IS(nick_made("c@example.com", "", c).nick, "QSM03");
    give(&c);
    durable();
    for (int i = 0; i < 3; i++) /* the overlay has seen them arrive */
        IS(mailbox_of(nicks, "QSM01"), "a@example.com");
    ck_assert_int_eq(nickrow_delete(other, STR("QSM01"), STR("tester"), &w), 0);
    IS(mailbox_of(nicks, "QSM01"), "none");
    IS(name_of(nicks, "a@example.com"), "none");
    struct nick_row row = {
        .nick = STR("QSM02"), .mailbox = STR("new@example.com"), .by = STR("root")};
    ck_assert_int_eq(nickrow_change(other, &row, &w), 0);
    IS(mailbox_of(nicks, "QSM02"), "new@example.com");
    IS(name_of(nicks, "b@example.com"), "none");
    add_by_hand("CHARLY", "c@example.com"); /* by hand wins over automatic */
    IS(name_of(nicks, "c@example.com"), "CHARLY");
    c = change_new(store);
    IS(nick_made("c@example.com", "", c).nick, "CHARLY");
    IS(nick_made("a@example.com", "", c).nick, "QSM04"); /* not 01: notes may still name that */
    give(&c);
    durable();
}
END_TEST

/* Two digits, growing to five; what is live is passed over; after the last number the free ones. */
START_TEST(numbers)
{
    struct change *c = change_new(store);
    static const char *const live[] = {"QSM99", "QSM01", "QSM02"};
    for (size_t i = 0; i < 3; i++) {
        char box[40];
        snprintf(box, sizeof box, "live%zu@example.com", i);
        struct nick_row row = {.nick = str_of(live[i]), .mailbox = str_of(box), .automatic = true};
        change_nick(c, &row);
    }
    give(&c);
    durable();
    c = change_new(store);
    IS(nick_made("a@example.com", "", c).nick, "QSM100");
    struct nick_row last = {
        .nick = STR("QSM99998"), .mailbox = STR("z@example.com"), .automatic = true};
    change_nick(c, &last);
    give(&c);
    durable();
    nicks_free(&nicks);
    nicks = nicks_new(store); /* as after a restart */
    c = change_new(store);
    IS(nick_made("b@example.com", "", c).nick, "QSM99999");
    IS(nick_made("c@example.com", "", c).nick, "QSM03");
    IS(nick_made("d@example.com", "", c).nick, "QSM04");
    give(&c);
    durable();
}
END_TEST

START_TEST(all_numbers_used)
{
    struct change *c = change_new(store);
    for (unsigned i = 1; i <= 99999; i++) {
        char nick[12], box[40];
        snprintf(nick, sizeof nick, "QSM%02u", i);
        snprintf(box, sizeof box, "u%u@example.com", i);
        struct nick_row row = {.nick = str_of(nick), .mailbox = str_of(box), .automatic = true};
        change_nick(c, &row);
    }
    give(&c);
    durable();
    struct nick_row row;
    struct why w;
    c = change_new(store);
    IS(nick_made("u500@example.com", "", c).nick, "QSM500");
    clock_fake(true);
    for (int i = 0; i < 1000; i++) { /* the search is not made for each message */
        ck_assert_int_eq(nick_for(nicks, STR("a@example.com"), STR(""), c, arena, &row, &w),
                         E_LIMIT);
        ck_assert_ptr_nonnull(strstr(w.text, "QSM99999"));
    }
    ck_assert_int_eq(nickrow_delete(other, STR("QSM70000"), STR("tester"), &w), 0);
    clock_step(60000);
    IS(nick_made("a@example.com", "", c).nick, "QSM70000");
    clock_fake(false);
    change_drop(&c);
}
END_TEST

/* More names than the overlay holds, none durable: all different. */
START_TEST(many_at_once)
{
    struct change *c = change_new(store);
    char box[40], want[12];
    for (unsigned i = 1; i <= 3000; i++) {
        snprintf(box, sizeof box, "u%u@example.com", i);
        snprintf(want, sizeof want, "QSM%02u", i);
        struct nick_row row = nick_made(box, "", c);
        ck_assert_msg(str_is(row.nick, want), "%s is %.*s", box, STR_ARG(row.nick));
    }
    give(&c);
    durable();
    IS(mailbox_of(nicks, "QSM2999"), "u2999@example.com");
}
END_TEST

START_TEST(long_words)
{
    char text[400];
    memset(text, 'a', sizeof text);
    memcpy(text + sizeof text - 5, "@x.y", 5);
    struct change *c = change_new(store);
    struct nick_row row;
    struct why w;
    ck_assert_int_eq(nick_for(nicks, str_of(text), STR(""), c, arena, &row, &w), E_LIMIT);
    ck_assert_int_eq(nick_for(nicks, STR(""), STR(""), c, arena, &row, &w), E_LIMIT);
    memset(text, 'n', 127);
    memcpy(text + 127, "\xC3\xA4tail", 7);
    row = nick_made("a@example.com", text, c);
    ck_assert_uint_eq(row.name.n, 127); /* not half a character */
    change_drop(&c);
}
END_TEST

START_TEST(legal_words)
{
    static const struct {
        const char *word;
        int rc;
    } row[] = {{"STEVE", 0},
               {"a", 0},
               {"x$#@_-+:", 0},
               {"ABCDEFGH", 0},
               {"ABCDEFGHI", E_SYNTAX},
               {"", E_SYNTAX},
               {"A B", E_SYNTAX},
               {"A.B", E_SYNTAX},
               {"smtp", E_DENIED},
               {"DIM", E_DENIED},
               {"Mailer", E_DENIED},
               {"BSMTP", E_DENIED},
               {"qsm7", E_DENIED},
               {"QSM12345", E_DENIED},
               {"QSM", 0},
               {"QSMX1", 0}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct why w;
        ck_assert_msg(nick_check(str_of(row[i].word), &w) == row[i].rc, "%s", row[i].word);
    }
    struct nick_row r;
    struct why w;
    ck_assert_int_eq(nick_mailbox(nicks, STR("first.last"), arena, &r, &w), E_ABSENT);
    ck_assert_int_eq(nick_mailbox(nicks, STR("NOBODY"), arena, &r, &w), E_ABSENT);
    ck_assert_int_eq(nick_of(nicks, STR("no@where"), arena, &r, &w), E_ABSENT);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *s = suite_create("aliases/nick");
    TCase *t = tcase_create("nick");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, seen_at_once_and_later);
    tcase_add_test(t, burst);
    tcase_add_test(t, dropped_change);
    tcase_add_test(t, dropped_and_forgotten);
    tcase_add_test(t, edited_by_njegate);
    tcase_add_test(t, numbers);
    tcase_add_test(t, all_numbers_used);
    tcase_add_test(t, many_at_once);
    tcase_add_test(t, long_words);
    tcase_add_test(t, legal_words);
    suite_add_tcase(s, t);
    return s;
}
UNIT(make_suite)
