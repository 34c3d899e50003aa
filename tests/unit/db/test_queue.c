/* tests/unit/db/test_queue.c -- what is due, lists, families, the journal. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "db/apply.h"
#include "db/journal.h"
#include "db/queue.h"
#include "schema_sql.h"
#include "fixture.h"
#include "unit/unit.h"

static struct fix f;

static void open_fix(void)
{
    memset(&f, 0, sizeof f);
    fix_open(&f);
}

static void close_fix(void)
{
    fix_close(&f);
}

struct got {
    char text[400];
    size_t stop_after, n;
};

static int collect(void *arg, struct message *m)
{
    struct got *g = arg;
    char one[32];
    snprintf(one, sizeof one, "%u/%zu ", (unsigned)m->id, m->nrcpt);
    strncat(g->text, one, sizeof g->text - strlen(g->text) - 1);
    ck_assert_ptr_null(m->body);
    message_free(&m);
    return ++g->n == g->stop_after;
}

static void put(msg_id id, msg_id origin, int64_t due, size_t nrcpt)
{
    struct change *c = change_new(f.store);
    struct message *m = fix_message(&f, id, 50, nrcpt);
    m->origin = origin;
    for (size_t i = 0; i < nrcpt; i++)
        m->rcpt[i].due.us = due + (int64_t)i;
    change_add(c, m);
    message_free(&m);
    fix_durable(&f, &c);
}

struct shown {
    char text[400];
    size_t stop_after, n;
    struct queue_at last;
};

static int show(void *arg, const struct queue_row *row)
{
    struct shown *g = arg;
    char one[64];
    snprintf(one, sizeof one, "%u.%u@%d ", (unsigned)row->at.msg, row->at.n, (int)row->at.due.us);
    strncat(g->text, one, sizeof g->text - strlen(g->text) - 1);
    g->last = row->at;
    ck_assert(row->door == DOOR_NJE && row->dest.n > 0);
    return ++g->n == g->stop_after;
}

static const char *due(struct queue_at from, int64_t to, size_t max, size_t stop)
{
    static struct shown g;
    g = (struct shown){.stop_after = stop};
    struct why w = {.text = "?"};
    struct queue_at upto = {{to}, INT64_MAX, UINT32_MAX};
    int n = queue_walk(f.reader, from, upto, max, show, &g, &w);
    ck_assert_msg(n == (int)g.n, "%s", w.text);
    return g.text;
}

START_TEST(due_rows)
{
    struct queue_at all = {.msg = 0};
    put(1, 1, 500, 1);
    put(2, 2, 100, 3);
    put(3, 3, 300, 1);
    put(4, 4, 300, 1);
    put(5, 5, 900, 1);
    ck_assert_str_eq(due(all, 99, 10, 0), "");
    ck_assert_str_eq(due(all, 100, 10, 0), "2.0@100 ");
    ck_assert_str_eq(due(all, 899, 10, 0), "2.0@100 2.1@101 2.2@102 3.0@300 4.0@300 1.0@500 ");
    ck_assert_str_eq(due(all, 899, 2, 0), "2.0@100 2.1@101 ");
    ck_assert_str_eq(due(all, 899, 10, 4), "2.0@100 2.1@101 2.2@102 3.0@300 ");
    struct queue_at behind = {{300}, 3, 0}, before = {{300}, 2, UINT32_MAX};
    ck_assert_str_eq(due(behind, 900, 10, 0), "4.0@300 1.0@500 5.0@900 ");
    ck_assert_str_eq(due(before, 900, 10, 1), "3.0@300 ");
    struct rcpt held = {.n = 0, .state = RCPT_HELD, .due = {1}};
    struct change *c = change_new(f.store);
    change_rcpt(c, 3, &held);
    fix_durable(&f, &c);
    ck_assert_str_eq(due(before, 899, 10, 0), "4.0@300 1.0@500 ");
    struct message *m;
    struct why w;
    ck_assert_int_eq(queue_load(f.reader, 2, &m, &w), OK);
    ck_assert(m->nrcpt == 3 && m->body == NULL);
    message_free(&m);
    ck_assert_int_eq(queue_load(f.reader, 77, &m, &w), E_ABSENT);
}
END_TEST

START_TEST(next_due)
{
    struct wall at, from = {0};
    ck_assert(!queue_next_due(f.reader, from, &at));
    put(1, 1, 500, 1);
    put(2, 2, 700, 1);
    ck_assert(queue_next_due(f.reader, from, &at));
    ck_assert_int_eq(at.us, 500);
    from.us = 500;
    ck_assert(queue_next_due(f.reader, from, &at));
    ck_assert_int_eq(at.us, 700);
    from.us = 700;
    ck_assert(!queue_next_due(f.reader, from, &at));
}
END_TEST

static const char *list(const char *pattern)
{
    static struct got g;
    g = (struct got){.n = 0};
    struct why w = {.text = "?"};
    ck_assert_msg(queue_list(f.reader, str_of(pattern), collect, &g, &w) == OK, "%s", w.text);
    return g.text;
}

static void put_unsorted(msg_id id, const char *from, const char *to, int64_t due, unsigned tries,
                         enum rcpt_state state)
{
    struct change *c = change_new(f.store);
    struct message *m = fix_message(&f, id, 50, 0);
    m->to = DOOR_NONE;
    m->form = BODY_DECK;
    m->origin_sender = str_of(from);
    struct rcpt *r = message_add_rcpt(m, str_of(to), STR("GATE"));
    r->due.us = due;
    r->tries = tries;
    r->state = state;
    change_add(c, m);
    message_free(&m);
    fix_durable(&f, &c);
}

/* Those of the same sender to the same recipient at the same time, and no other. */
START_TEST(companions)
{
    struct message *m;
    struct why w;
    msg_id ids[4];
    put_unsorted(5, "BOB@MVSA", "ANNE@GATE", 1000, 0, RCPT_READY);
    put_unsorted(3, "BOB@MVSA", "ANNE@GATE", 1000, 0, RCPT_READY);
    put_unsorted(6, "CAROL@MVSA", "ANNE@GATE", 1000, 0, RCPT_READY);
    put_unsorted(7, "BOB@MVSA", "CARL@GATE", 1000, 0, RCPT_READY);
    put_unsorted(8, "BOB@MVSA", "ANNE@GATE", 1001, 0, RCPT_READY);
    put_unsorted(9, "BOB@MVSA", "ANNE@GATE", 1000, 1, RCPT_READY);
    put_unsorted(10, "BOB@MVSA", "ANNE@GATE", 1000, 0, RCPT_HELD);
    put(11, 11, 1000, 1);
    put_unsorted(12, "BOB@MVSA", "ANNE@GATE", 1000, 0, RCPT_READY);
    struct db *reader = store_reader(f.store);
    ck_assert_int_eq(queue_load(reader, 5, &m, &w), OK);
    ck_assert_int_eq(queue_companions(reader, m, ids, 4, &w), 3);
    ck_assert_uint_eq(ids[0], 3);
    ck_assert_uint_eq(ids[1], 5);
    ck_assert_uint_eq(ids[2], 12);
    ck_assert_int_eq(queue_companions(reader, m, ids, 2, &w), 2);
    message_free(&m);
}
END_TEST

START_TEST(lists)
{
    put(12, 12, 1, 1);
    put(3, 3, 1, 2);
    ck_assert_uint_eq(store_queued(f.store), 2);
    ck_assert_str_eq(list(""), "3/2 12/1 ");
    ck_assert_str_eq(list("*@12.EXAMPLE"), "12/1 ");
    ck_assert_str_eq(list("user1@3.example"), "3/2 ");
    ck_assert_str_eq(list("link1"), "3/2 12/1 ");        /* destination */
    ck_assert_str_eq(list("from3@example.com"), "3/2 "); /* sender in its own world */
    ck_assert_str_eq(list("smtp@vm1"), "3/2 12/1 ");     /* return path */
    ck_assert_str_eq(list("nobody"), "");
    struct got g = {.stop_after = 1};
    struct why w;
    ck_assert_int_eq(queue_list(f.reader, STR(""), collect, &g, &w), OK);
    ck_assert_str_eq(g.text, "3/2 ");
}
END_TEST

START_TEST(families)
{
    put(5, 5, 1, 1);
    put(6, 5, 1, 1);
    put(7, 7, 1, 1);
    put(8, 5, 1, 2);
    static const struct {
        msg_id id;
        const char *rows;
    } c[] = {{5, "5/1 6/1 8/2 "}, {6, "6/1 "}, {7, "7/1 "}, {9, ""}};
    for (size_t i = 0; i < 4; i++) {
        struct got g = {.n = 0};
        struct why w;
        ck_assert_int_eq(queue_family(f.reader, c[i].id, collect, &g, &w), OK);
        ck_assert_str_eq(g.text, c[i].rows);
    }
}
END_TEST

START_TEST(absent)
{
    struct message *m = (struct message *)1;
    struct why w;
    ck_assert_int_eq(queue_get(f.reader, f.store, 77, &m, &w), E_ABSENT);
    ck_assert_ptr_null(m);
    ck_assert_str_eq(w.text, "there is no message 00000077 in the queue");
    ck_assert_ptr_null(queue_body(f.reader, f.store, 77, &w));
    ck_assert_int_eq(w.err, E_ABSENT);
    ck_assert_uint_eq(store_queued(f.store), 0);
}
END_TEST

START_TEST(many_recipients)
{
    enum { N = 3000 };
    put(1, 1, 1, N);
    struct got g = {.n = 0};
    struct why w;
    ck_assert_int_eq(queue_list(f.reader, STR(""), collect, &g, &w), OK);
    ck_assert_str_eq(g.text, "1/3000 ");
    struct message *m;
    ck_assert_int_eq(queue_load(f.reader, 1, &m, &w), OK);
    ck_assert_uint_eq(m->nrcpt, N);
    message_free(&m);
}
END_TEST

static int rows(void *arg, const struct journal_row *r)
{
    struct got *g = arg;
    char one[100];
    snprintf(one, sizeof one, "%u:%.*s:%.*s ", (unsigned)r->id, STR_ARG(r->event),
             r->text.n > 20 ? 20 : (int)r->text.n, r->text.p);
    strncat(g->text, one, sizeof g->text - strlen(g->text) - 1);
    return ++g->n == g->stop_after;
}

START_TEST(journal_rows)
{
    struct change *c = change_new(f.store);
    char event[] = "one";
    change_journal(c, 1, event, "to=<%s>", "Some.One@x.example");
    memset(event, 'X', 3); /* it was copied */
    change_journal(c, 1, "two", "50%% done");
    change_journal(c, 2, "one", "to=<b_c@x.example>");
    static char longer[3000];
    memset(longer, 'y', sizeof longer - 1);
    change_journal(c, 3, "long", "%s", longer);
    fix_durable(&f, &c);
    c = change_new(f.store);
    change_journal(c, 1, "three", "%s", "");
    fix_durable(&f, &c);
    struct why w;
    struct got g = {.n = 0};
    ck_assert_int_eq(journal_of(f.reader, 1, rows, &g, &w), OK);
    ck_assert_str_eq(g.text, "1:one:to=<Some.One@x.examp 1:two:50% done 1:three: ");
    g = (struct got){.stop_after = 1};
    ck_assert_int_eq(journal_of(f.reader, 1, rows, &g, &w), OK);
    ck_assert_uint_eq(g.n, 1);
    g = (struct got){.n = 0};
    ck_assert_int_eq(journal_search(f.reader, STR("<SOME.one@X.example>"), rows, &g, &w), OK);
    ck_assert_uint_eq(g.n, 3); /* every row of that message */
    g = (struct got){.n = 0};
    ck_assert_int_eq(journal_search(f.reader, STR("b%c@x.example"), rows, &g, &w), OK);
    ck_assert_uint_eq(g.n, 0);
    ck_assert_int_eq(journal_search(f.reader, STR("b_c@x.example"), rows, &g, &w), OK);
    ck_assert_str_eq(g.text, "2:one:to=<b_c@x.example> ");
    fix_close(&f);
    fix_settle(&f);
    fix_open(&f);
    ck_assert_uint_eq(fix_count_sql(&f, "SELECT length(text) FROM journal WHERE msg = 3"), 2999);
}
END_TEST

/* The clock stands or was set back: stamps still differ and rows keep their order. */
START_TEST(journal_with_a_standing_clock)
{
    clock_fake(true);
    for (unsigned round = 0; round < 2; round++) {
        struct change *c = change_new(f.store);
        for (unsigned i = 0; i < 3; i++)
            change_journal(c, 1, "e", "%u", round * 3 + i);
        fix_durable(&f, &c);
        fix_close(&f);
        fix_open(&f);
    }
    clock_fake(false);
    for (unsigned settled = 0; settled < 2; settled++) {
        ck_assert_uint_eq(fix_count_sql(&f, FIX_JOURNAL_ROWS), 6);
        struct got g = {.n = 0};
        struct why w;
        ck_assert_int_eq(journal_of(f.reader, 1, rows, &g, &w), OK);
        ck_assert_uint_eq(g.n, 6);
        fix_close(&f);
        fix_settle(&f);
        fix_open(&f);
    }
}
END_TEST

START_TEST(prunes_the_old)
{
    fix_add(&f, 1, 10, 1); /* still queued: keeps its journal */
    struct change *c = change_new(f.store);
    for (unsigned i = 2; i < 1200; i++)
        change_journal(c, i, "e", "old");
    struct wall past = {wall_now().us - 1};
    for (unsigned i = 0; i < 3; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%u", i);
        change_seen(c, str_of(key), past);
    }
    struct wall later = {past.us + 60 * US_PER_S};
    change_seen(c, STR("kept"), later);
    fix_durable(&f, &c);
    struct wall between = store_stamp(f.store); /* stamps may be ahead of the clock */
    c = change_new(f.store);
    change_journal(c, 1200, "e", "new");
    change_journal(c, 5, "e", "new"); /* its last row counts */
    fix_durable(&f, &c);
    store_close(&f.store);
    fix_settle(&f);
    struct db *d;
    struct apply a;
    msg_id next;
    struct why w = {.text = "?"};
    ck_assert_int_eq(db_open(&d, f.path, DB_WRITE, &w), OK);
    ck_assert_int_eq(apply_start(&a, d, &next, &w), OK);
    int rc, rounds = 0;
    while ((rc = apply_prune(&a, between, 0, wall_now(), &w)) > 0)
        ck_assert_int_lt(++rounds, 20);
    ck_assert_msg(rc == OK, "%s", w.text);
    db_close(&d);
    fix_open(&f);
    ck_assert_uint_eq(fix_count_sql(&f, "SELECT count(*) FROM journal"), 1 + 2 + 1);
    ck_assert_uint_eq(fix_count_sql(&f, "SELECT count(*) FROM seen"), 1);
    store_close(&f.store);
    /* The last row of the greatest number goes; the number is remembered. */
    struct wall end = {wall_now().us + 1};
    ck_assert_int_eq(db_open(&d, f.path, DB_WRITE, &w), OK);
    ck_assert_int_eq(apply_start(&a, d, &next, &w), OK);
    ck_assert_int_eq(apply_prune(&a, end, 0, end, &w), 0);
    db_close(&d);
    fix_open(&f);
    ck_assert_uint_eq(fix_count_sql(&f, "SELECT count(*) FROM journal"), 1);
    ck_assert_uint_eq(store_next_id(f.store), 1201);
}
END_TEST

/* By size: the oldest go until about so much is left; what is still queued stays and does not
 * hold up the others. */
START_TEST(prunes_by_size)
{
    for (unsigned i = 1; i <= 600; i++)
        fix_add(&f, i, 10, 1);
    struct change *c = change_new(f.store);
    for (unsigned i = 601; i <= 3000; i++)
        change_journal(c, i, "e", "from=<someone@host%u.example> padded to seventy bytes ........",
                       i);
    fix_durable(&f, &c);
    fix_close(&f);
    fix_settle(&f);
    struct db *d;
    struct apply a;
    msg_id next;
    struct why w = {.text = "?"};
    struct wall past = {1};
    ck_assert_int_eq(db_open(&d, f.path, DB_WRITE, &w), OK);
    ck_assert_int_eq(apply_start(&a, d, &next, &w), OK);
    int rc, rounds = 0;
    while ((rc = apply_prune(&a, past, 100000, wall_now(), &w)) > 0)
        ck_assert_int_lt(++rounds, 60);
    ck_assert_msg(rc == OK, "%s", w.text);
    db_close(&d);
    fix_open(&f);
    unsigned bytes =
        fix_count_sql(&f, "SELECT sum(length(event) + length(text) + 20) FROM journal");
    ck_assert_msg(bytes > 30000 && bytes < 150000, "%u", bytes);
    ck_assert_uint_eq(fix_count_sql(&f, "SELECT count(*) FROM journal WHERE msg <= 600"), 600);
    ck_assert_uint_eq(fix_count_sql(&f, "SELECT count(*) FROM journal WHERE msg = 3000"), 1);
}
END_TEST

struct found {
    unsigned n;
    msg_id last;
    bool disorder;
};

static int count_found(void *arg, const struct journal_row *r)
{
    struct found *k = arg;
    k->n++;
    k->disorder = k->disorder || r->id < k->last;
    k->last = r->id;
    return 0;
}

/* Every spelling, addresses side by side; messages in order, each once. */
static void ask_for_addresses(struct db *d)
{
    static const struct {
        const char *ask;
        unsigned rows;
    } asks[] = {{"ann@a.example", 13},
                {"ANN@A.EXAMPLE", 13},
                {"<bob@b.example>", 13},
                {"bob@mvsa", 13},
                {"nn@a.example", 0},
                {"5.a=b@a.example", 3},
                {"<70000.A=b@a.example>", 2},
                {"nobody", 0},
                {"@", 0},
                {"", 0}};
    struct why w;
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        struct found k = {0};
        ck_assert_int_eq(journal_search(d, str_of(asks[i].ask), count_found, &k, &w), OK);
        ck_assert_msg(k.n == asks[i].rows && !k.disorder, "%s: %u", asks[i].ask, k.n);
    }
}

#define YOUNG "SELECT ifnull(sum(n), 0) FROM jot"

static void journal_far(const msg_id *far, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct change *c = change_new(f.store);
        change_journal(c, far[i], "accepted",
                       "from=Ann@A.example via=smtp msgid=<%llu.a=b@a.example> to=<bob@b.example>",
                       (unsigned long long)far[i]);
        change_journal(c, far[i], "delivered", "to=BOB@MVSA via=MVSA");
        fix_durable(&f, &c);
    }
}

/* The index by address, over many buckets: while its rows are young, some of them settled, all, and
 * with a young row of a message that has settled ones; and it goes when its journal goes. */
START_TEST(traces_addresses)
{
    const msg_id far[] = {5, 70000, 200000, 65535, 65536, 131071};
    journal_far(far, 6);
    struct change *c = change_new(f.store);
    change_journal(c, 5, "warned", "to=bob@mvsa");
    fix_durable(&f, &c);
    ask_for_addresses(f.reader);
    ck_assert_uint_eq(fix_count_sql(&f, YOUNG), 6 * 2 + 1);
    fix_close(&f);
    struct db *d;
    struct apply a;
    msg_id next;
    struct why w;
    ck_assert_int_eq(db_open(&d, f.path, DB_WRITE, &w), OK);
    ck_assert_int_eq(apply_start(&a, d, &next, &w), OK);
    ck_assert_uint_eq(next, 200001);
    ck_assert_uint_eq(a.young, 6 * 2 + 1);
    for (unsigned left = 6 * 2 + 1; left > 0; left = left > 4 ? left - 4 : 0) {
        ck_assert_int_eq(apply_settle(&a, 3, &w), OK); /* jots are settled whole: four rows */
        ck_assert_uint_eq(a.young, left > 4 ? left - 4 : 0);
        ask_for_addresses(d);
    }
    db_close(&d);
    fix_open(&f);
    ck_assert_uint_eq(fix_count_sql(&f, YOUNG), 0);
    c = change_new(f.store);
    change_journal(c, 65536, "deferred", "to=bob@mvsa");
    fix_durable(&f, &c);
    struct found k = {0};
    ck_assert_int_eq(journal_search(f.reader, STR("bob@mvsa"), count_found, &k, &w), OK);
    ck_assert_msg(k.n == 14 && !k.disorder, "%u", k.n);
    ck_assert_uint_eq(fix_count_sql(&f, "SELECT count(*) FROM trace"), 6 * 4);
    fix_close(&f);
    fix_settle(&f);
    ck_assert_int_eq(db_open(&d, f.path, DB_WRITE, &w), OK);
    ck_assert_int_eq(apply_start(&a, d, &next, &w), OK);
    struct wall end = {wall_now().us + 1};
    while (apply_prune(&a, end, 0, end, &w) > 0)
        continue;
    db_close(&d);
    fix_open(&f);
    ck_assert_uint_eq(fix_count_sql(&f, "SELECT count(*) FROM journal"), 0);
    ck_assert_uint_le(fix_count_sql(&f, "SELECT count(*) FROM trace"), 4); /* the last bucket */
    ck_assert_uint_le(fix_count_sql(&f, "SELECT count(*) FROM journal_hour"), 1);
}
END_TEST

#define HOUR (3600 * US_PER_S)
#define MS INT64_C(1000)

/* The clock moves on to that time. */
static void journal_at(int64_t at, msg_id id)
{
    clock_step((at - wall_now().us) / MS);
    struct change *c = change_new(f.store);
    change_journal(c, id, "e", "x");
    fix_durable(&f, &c);
}

static unsigned in_range(int64_t from, int64_t to)
{
    struct found k = {0};
    struct why w = {.text = "?"};
    ck_assert_msg(
        journal_range(f.reader, (struct wall){from}, (struct wall){to}, count_found, &k, &w) == OK,
        "%s", w.text);
    ck_assert(!k.disorder);
    return k.n;
}

/* By time: all rows of the messages of that time and of no other, young or in their places. */
START_TEST(reads_a_stretch_of_time)
{
    clock_fake(true);
    const int64_t h = (wall_now().us / HOUR + 1) * HOUR;
    journal_at(h + 1 * MS, 1);
    journal_at(h + 2 * MS, 5000); /* another bucket */
    journal_at(h + HOUR, 2);
    journal_at(h + 50 * HOUR, 1); /* the old one, again */
    for (unsigned round = 0; round < 3; round++) {
        ck_assert_uint_eq(in_range(h, h + HOUR), 3); /* 1 twice, 5000 */
        ck_assert_uint_eq(in_range(h + HOUR, h + 2 * HOUR), 1);
        ck_assert_uint_eq(in_range(h + 50 * HOUR, h + 50 * HOUR + MS), 2);
        ck_assert_uint_eq(in_range(h + 50 * HOUR + MS, h + 51 * HOUR), round == 2);
        ck_assert_uint_eq(in_range(0, h + 2 * MS), 2);
        ck_assert_uint_eq(in_range(0, INT64_MAX), 4 + (round == 2));
        if (round < 2) {
            fix_close(&f);
            fix_settle(&f);
            fix_open(&f);
        }
        if (round == 1)
            journal_at(h + 50 * HOUR + MS, 6000); /* a young one among settled ones */
    }
    clock_fake(false);
}
END_TEST

/* An installed database of version 2, with rows of its index where that version wrote them. */
START_TEST(version_2_is_brought_up)
{
    static const char *const old[] = {schema_sql, schema_2_sql};
    static const char *const rows_2[] = {
        "INSERT INTO journal VALUES (70000, 7, 'accepted', 'from=ann@a.example')",
        "INSERT INTO journal VALUES (70000, 7200000000, 'delivered', 'to=BOB@MVSA')",
        /* as it was written: 1 << 62 | number << 23 | hash of ann@a.example */
        "INSERT INTO trace VALUES ((1 << 62) | (70000 << 23) | 0x4f134)"};
    char path[400];
    struct db *d;
    struct why w = {.text = "?"};
    snprintf(path, sizeof path, "%s/v2.db", unit_tmp());
    ck_assert_msg(db_open_steps(&d, path, DB_CREATE, old, 2, &w) == OK, "%s", w.text);
    for (size_t i = 0; i < 3; i++) {
        char *error = NULL;
        ck_assert_msg(sqlite3_exec(db_handle(d), rows_2[i], NULL, NULL, &error) == SQLITE_OK, "%s",
                      error);
    }
    db_close(&d);
    /* Read before it is brought up: what has no index is read through. */
    ck_assert_msg(db_open(&d, path, DB_READ, &w) == OK, "%s", w.text);
    struct found k = {0};
    ck_assert_int_eq(journal_of(d, 70000, count_found, &k, &w), OK);
    ck_assert_uint_eq(k.n, 2);
    k = (struct found){0};
    ck_assert_int_eq(journal_range(d, (struct wall){0}, (struct wall){8}, count_found, &k, &w), OK);
    ck_assert_uint_eq(k.n, 2);
    db_close(&d);
    ck_assert_msg(db_open(&d, path, DB_WRITE, &w) == OK, "%s", w.text);
    k = (struct found){0};
    ck_assert_int_eq(journal_search(d, STR("ann@a.example"), count_found, &k, &w), OK);
    ck_assert_uint_eq(k.n, 2);
    k = (struct found){0};
    ck_assert_int_eq(
        journal_range(d, (struct wall){7200000000}, (struct wall){7200000001}, count_found, &k, &w),
        OK);
    ck_assert_uint_eq(k.n, 2);
    db_close(&d);
}
END_TEST

static Suite *queue_suite(void)
{
    Suite *s = suite_create("queue");
    TCase *t = tcase_create("queue");
    tcase_add_checked_fixture(t, open_fix, close_fix);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, due_rows);
    tcase_add_test(t, next_due);
    tcase_add_test(t, prunes_by_size);
    tcase_add_test(t, traces_addresses);
    tcase_add_test(t, reads_a_stretch_of_time);
    tcase_add_test(t, version_2_is_brought_up);
    tcase_add_test(t, companions);
    tcase_add_test(t, lists);
    tcase_add_test(t, families);
    tcase_add_test(t, absent);
    tcase_add_test(t, many_recipients);
    tcase_add_test(t, journal_rows);
    tcase_add_test(t, journal_with_a_standing_clock);
    tcase_add_test(t, prunes_the_old);
    suite_add_tcase(s, t);
    return s;
}

UNIT(queue_suite)
