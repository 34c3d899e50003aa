/* tests/unit/db/test_store.c -- changes: durable together, in order, refused alone, cancelled out.
 */
#include <stdio.h>
#include <string.h>

#include "db/journal.h"
#include "db/nickrow.h"
#include "db/queue.h"
#include "db/readerrow.h"
#include "fixture.h"
#include "unit/unit.h"

#define SMALL 2000u
#define LARGE 200000u

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

static struct message *get(msg_id id)
{
    struct message *m = NULL;
    struct why w = {.text = "?"};
    ck_assert_msg(queue_get(f.reader, f.store, id, &m, &w) == OK, "%s", w.text);
    return m;
}

START_TEST(keeps_every_field)
{
    struct message *m = fix_message(&f, 7, SMALL, 2);
    m->origin = 5;
    struct rcpt *r = &m->rcpt[1];
    r->state = RCPT_HELD_ORIGIN;
    r->tries = 3;
    r->warned = true;
    r->original = STR("As Written@x");
    r->notify = NOTIFY_SUCCESS | NOTIFY_DELAY;
    r->orcpt = STR("rfc822;as written@x");
    m->ret = RET_HDRS;
    m->envid = STR("QQ+1");
    m->utf8 = true;
    r->reason = STR("450 not now");
    struct change *c = change_new(f.store);
    change_add(c, m);
    message_free(&m);
    fix_durable(&f, &c);
    m = get(7);
    ck_assert_uint_eq(m->origin, 5);
    ck_assert_int_eq(m->from, DOOR_SMTP);
    ck_assert_int_eq(m->to, DOOR_NJE);
    ck_assert_int_eq(m->form, BODY_DECK);
    ck_assert_int_eq(m->accepted.us, 1000007);
    ck_assert(str_is(m->origin_sender, "from7@example.com"));
    ck_assert(str_is(m->sender, "SMTP@VM1"));
    ck_assert(str_is(m->subject, "a subject"));
    ck_assert(str_is(m->head, "Subject: a subject\n"));
    ck_assert_uint_eq(m->size, SMALL);
    fix_check_body(m->body, 7, SMALL);
    ck_assert_uint_eq(m->nrcpt, 2);
    ck_assert_int_eq(m->rcpt[0].state, RCPT_READY);
    ck_assert_int_eq(m->rcpt[0].due.us, 7);
    r = &m->rcpt[1];
    ck_assert_uint_eq(r->n, 1);
    ck_assert_int_eq(r->state, RCPT_HELD_ORIGIN);
    ck_assert_uint_eq(r->tries, 3);
    ck_assert(r->warned);
    ck_assert(str_is(r->addr, "user1@7.example"));
    ck_assert(str_is(r->dest, "LINK1"));
    ck_assert(str_eq(r->original, STR("As Written@x")));
    ck_assert_uint_eq(r->notify, NOTIFY_SUCCESS | NOTIFY_DELAY);
    ck_assert(str_eq(r->orcpt, STR("rfc822;as written@x")));
    ck_assert(m->ret == RET_HDRS && m->utf8 && str_eq(m->envid, STR("QQ+1")));
    ck_assert(str_is(r->reason, "450 not now"));
    message_free(&m);
}
END_TEST

START_TEST(replaces_input_by_outputs)
{
    fix_add(&f, 10, LARGE, 1);
    struct change *c = change_new(f.store);
    change_remove(c, 10);
    struct message *same = fix_message(&f, 10, SMALL, 1), *further = fix_message(&f, 11, LARGE, 2);
    further->origin = 10;
    change_add(c, same);
    change_add(c, further);
    fix_durable(&f, &c);
    message_free(&same);
    message_free(&further);
    struct message *m = get(10);
    fix_check_body(m->body, 10, SMALL);
    message_free(&m);
    m = get(11);
    fix_check_body(m->body, 11, LARGE);
    message_free(&m);
    fix_close(&f);
    fix_open(&f);
    ck_assert_uint_eq(store_queued(f.store), 2);
    ck_assert_uint_eq(fix_files(f.spool, "body"), 1);
}
END_TEST

START_TEST(goes_with_its_last_recipient)
{
    fix_add(&f, 3, SMALL, 3);
    unsigned order[] = {2, 0, 1};
    for (size_t i = 0; i < 3; i++) {
        ck_assert(fix_has(&f, 3));
        struct change *c = change_new(f.store);
        change_rcpt_done(c, 3, order[i]);
        change_rcpt_done(c, 3, order[i]); /* settled twice is settled once */
        fix_durable(&f, &c);
    }
    ck_assert(!fix_has(&f, 3));
    ck_assert_uint_eq(fix_count_sql(&f, "SELECT count(*) FROM rcpt"), 0);
}
END_TEST

START_TEST(changes_a_recipient)
{
    fix_add(&f, 4, SMALL, 2);
    struct rcpt r = {
        .n = 1, .state = RCPT_HELD, .due = {99}, .tries = 2, .warned = true, .reason = STR("busy")};
    struct change *c = change_new(f.store);
    change_rcpt(c, 4, &r);
    change_rcpt(c, 12345, &r); /* deleted meanwhile: nothing to change */
    fix_durable(&f, &c);
    struct message *m = get(4);
    ck_assert_int_eq(m->rcpt[0].state, RCPT_READY);
    ck_assert_int_eq(m->rcpt[1].state, RCPT_HELD);
    ck_assert_int_eq(m->rcpt[1].due.us, 99);
    ck_assert_uint_eq(m->rcpt[1].tries, 2);
    ck_assert(m->rcpt[1].warned);
    ck_assert(str_is(m->rcpt[1].reason, "busy"));
    ck_assert(str_is(m->rcpt[1].addr, "user1@4.example"));
    message_free(&m);
}
END_TEST

START_TEST(retries_and_states)
{
    static const char *const dest[] = {"LINK1", "LINK2", "one.example", "Two.Example"};
    int64_t later = wall_now().us + 1000 * US_PER_S;
    struct change *c = change_new(f.store);
    for (msg_id i = 0; i < 4; i++) {
        struct message *m = fix_message(&f, i + 1, 10, 1);
        m->to = i < 2 ? DOOR_NJE : DOOR_SMTP;
        m->rcpt[0].dest = str_of(dest[i]);
        m->rcpt[0].due.us = later;
        change_add(c, m);
        message_free(&m);
    }
    fix_durable(&f, &c);
    c = change_new(f.store);
    change_retry(c, DOOR_SMTP, STR("*.example"));
    change_retry(c, DOOR_NJE, STR("LINK2"));
    change_state(c, 3, RCPT_HELD);
    fix_durable(&f, &c);
    for (msg_id i = 0; i < 4; i++) {
        struct message *m = get(i + 1);
        ck_assert_int_eq(m->rcpt[0].due.us == later, i == 0);
        ck_assert_int_eq(m->rcpt[0].state, i == 2 ? RCPT_HELD : RCPT_READY);
        message_free(&m);
    }
    c = change_new(f.store);
    change_state(c, 3, RCPT_READY);
    change_retry(c, DOOR_NONE, STR("*"));
    fix_durable(&f, &c);
    struct wall now = wall_now();
    ck_assert(!queue_next_due(f.reader, now, &now));
}
END_TEST

struct order {
    unsigned told[8], n;
};
struct order_arg {
    struct order *o;
    unsigned who;
    bool refused;
    struct why why;
};

static void on_order(void *arg, const struct why *w)
{
    struct order_arg *a = arg;
    a->o->told[a->o->n++] = a->who;
    a->refused = w != NULL;
    if (w != NULL)
        a->why = *w;
}

/* A nickname that stands for another mailbox already is refused. */
static struct nick_row nick(const char *name, const char *mailbox)
{
    return (struct nick_row){.nick = str_of(name),
                             .mailbox = str_of(mailbox),
                             .name = STR(""),
                             .owner = STR(""),
                             .by = STR("test")};
}

START_TEST(a_refused_change_harms_no_other)
{
    struct order o = {.n = 0};
    struct order_arg a[4];
    for (unsigned i = 0; i < 4; i++) {
        a[i] = (struct order_arg){.o = &o, .who = i};
        struct change *c = change_new(f.store);
        struct message *m = fix_message(&f, 20 + i, i % 2 ? SMALL : LARGE, 1);
        change_add(c, m);
        message_free(&m);
        static const char *const name[] = {"N0", "N1", "n1", "N3"};
        struct nick_row row = nick(name[i], i == 2 ? "other@b.example" : "a@b.example");
        change_nick(c, &row);
        change_commit(&c, on_order, &a[i]);
    }
    ck_assert_uint_eq(store_pending(f.store), 4);
    while (o.n < 4)
        loop_turn(f.loop, true);
    ck_assert_uint_eq(store_pending(f.store), 0);
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_uint_eq(o.told[i], i);
        ck_assert_int_eq(a[i].refused, i == 2);
        ck_assert_int_eq(fix_has(&f, 20 + i), i != 2);
    }
    ck_assert_int_eq(a[2].why.err, E_DENIED);
    ck_assert_str_eq(a[2].why.text, "the nickname N1 exists already");
    fix_close(&f);
    fix_open(&f);
    ck_assert_uint_eq(fix_files(f.spool, "body"), 1); /* of 20; that of 22 has no row */
}
END_TEST

/* What one change of the batch adds another removes; one in between is refused, so that the batch
 * is done again one by one. The answer must be the same. */
START_TEST(cancels_out_within_a_batch)
{
    struct order o = {.n = 0};
    struct order_arg a = {.o = &o};
    for (unsigned refused = 0; refused < 2; refused++) {
        msg_id id = 30 + refused * 10;
        struct change *c = change_new(f.store);
        for (msg_id i = id; i < id + 4; i++) {
            struct message *m = fix_message(&f, i, i == id ? LARGE : SMALL, i == id + 2 ? 2 : 1);
            change_add(c, m);
            message_free(&m);
            change_journal(c, i, "accepted", "x");
        }
        change_commit(&c, on_order, &a);
        c = change_new(f.store);
        struct nick_row row = nick("SAME", refused ? "x@b.example" : "a@b.example");
        change_nick(c, &row);
        change_commit(&c, on_order, &a);
        c = change_new(f.store);
        change_remove(c, id);
        change_rcpt_done(c, id + 1, 0);
        change_rcpt_done(c, id + 2, 0);
        change_rcpt_done(c, id + 3, 9); /* not one of its recipients */
        change_commit(&c, on_order, &a);
        while (o.n < 3 * (refused + 1))
            loop_turn(f.loop, true);
        ck_assert(!fix_has(&f, id));
        ck_assert(!fix_has(&f, id + 1));
        ck_assert(fix_has(&f, id + 2));
        ck_assert(fix_has(&f, id + 3));
    }
    ck_assert_uint_eq(fix_count_sql(&f, FIX_JOURNAL_ROWS), 8);
    ck_assert_uint_eq(fix_count_sql(&f, "SELECT count(*) FROM rcpt"), 4);
    fix_close(&f);
    fix_open(&f);
    ck_assert_uint_eq(fix_files(f.spool, "body") + fix_files(f.spool, "tmp"), 0);
    ck_assert_uint_eq(store_next_id(f.store), 44);
}
END_TEST

START_TEST(refuses_what_is_no_message)
{
    struct message *m = fix_message(&f, 8, SMALL, 0);
    struct change *c = change_new(f.store);
    change_add(c, m);
    struct why w;
    ck_assert_int_eq(fix_commit(&f, &c, &w), E_PERM);
    message_free(&m);
    m = fix_message(&f, 0, SMALL, 1);
    c = change_new(f.store);
    change_add(c, m);
    ck_assert_int_eq(fix_commit(&f, &c, &w), E_PERM);
    message_free(&m);
}
END_TEST

START_TEST(lazy_changes_wait_for_company)
{
    clock_fake(true);
    struct change *c = change_new(f.store);
    change_journal(c, 1, "late", "x");
    change_commit(&c, NULL, NULL);
    for (int i = 0; i < 20; i++)
        loop_turn(f.loop, false);
    ck_assert_uint_eq(store_pending(f.store), 1);
    clock_step(50);
    while (store_pending(f.store) > 0)
        loop_turn(f.loop, true);
    c = change_new(f.store);
    change_journal(c, 1, "later", "y");
    change_commit(&c, NULL, NULL);
    c = change_new(f.store);
    change_journal(c, 1, "urgent", "z");
    fix_durable(&f, &c); /* takes the lazy one along, no clock needed */
    ck_assert_uint_eq(store_pending(f.store), 0);
    ck_assert_uint_eq(fix_count_sql(&f, FIX_JOURNAL_ROWS), 3);
    struct order o = {.n = 0};
    struct order_arg a = {.o = &o, .refused = true};
    c = change_new(f.store);
    change_journal(c, 1, "patient", "p");
    change_patient(c);
    change_commit(&c, on_order, &a);
    for (int i = 0; i < 20; i++)
        loop_turn(f.loop, false);
    ck_assert_uint_eq(o.n, 0);
    clock_step(50);
    while (o.n == 0)
        loop_turn(f.loop, true);
    ck_assert(!a.refused);
    clock_fake(false);
}
END_TEST

START_TEST(closing_commits_what_was_given)
{
    struct order o = {.n = 0};
    struct order_arg a = {.o = &o, .refused = true};
    struct change *c = change_new(f.store);
    change_journal(c, 1, "lazy", "x");
    change_commit(&c, NULL, NULL);
    c = change_new(f.store);
    struct message *m = fix_message(&f, 2, LARGE, 1);
    change_add(c, m);
    message_free(&m);
    change_commit(&c, on_order, &a);
    store_close(&f.store);
    ck_assert_uint_eq(o.n, 1);
    ck_assert(!a.refused);
    fix_open(&f);
    ck_assert(fix_has(&f, 2));
    ck_assert_uint_eq(fix_count_sql(&f, FIX_JOURNAL_ROWS), 1);
}
END_TEST

struct giver {
    struct order_arg second;
    bool given;
};

static void give_more(void *arg, const struct why *w)
{
    struct giver *g = arg;
    (void)w;
    struct change *c = change_new(f.store);
    change_journal(c, 1, "more", "x");
    change_commit(&c, on_order, &g->second);
    g->given = true;
}

START_TEST(a_callback_may_give_changes)
{
    struct order o = {.n = 0};
    struct giver g = {.second = {.o = &o, .refused = true}};
    struct change *c = change_new(f.store);
    change_journal(c, 1, "first", "x");
    change_commit(&c, give_more, &g);
    while (o.n == 0)
        loop_turn(f.loop, true);
    ck_assert(!g.second.refused);
    /* The same while closing: the writer has gone, so the second is told so. */
    g.second.refused = g.given = false;
    c = change_new(f.store);
    change_journal(c, 1, "first", "x");
    change_commit(&c, give_more, &g);
    struct store *s = f.store; /* give_more needs f.store until the end */
    store_close(&s);
    f.store = NULL;
    ck_assert(g.given && g.second.refused);
    ck_assert_int_eq(g.second.why.err, E_TEMP);
    ck_assert_uint_eq(o.n, 2);
    fix_open(&f);
}
END_TEST

START_TEST(numbers_are_never_given_twice)
{
    ck_assert_uint_eq(store_next_id(f.store), 1);
    ck_assert_uint_eq(store_next_id(f.store), 2);
    /* Row without journal, removed again: only the counter remembers it. */
    struct message *m = fix_message(&f, 5, SMALL, 1);
    struct change *c = change_new(f.store);
    change_add(c, m);
    message_free(&m);
    fix_durable(&f, &c);
    c = change_new(f.store);
    change_remove(c, 5);
    fix_durable(&f, &c);
    fix_close(&f);
    fix_open(&f);
    ck_assert_uint_eq(store_next_id(f.store), 6);
    c = change_new(f.store);
    change_journal(c, 9, "event", "of a message that was never a row");
    fix_durable(&f, &c);
    fix_close(&f);
    fix_open(&f);
    ck_assert_uint_eq(store_next_id(f.store), 10);
}
END_TEST

START_TEST(remembers_what_was_seen)
{
    struct wall now = wall_now(), later = {now.us + 60 * US_PER_S}, past = {now.us - 1};
    ck_assert(!store_seen(f.store, STR("a")));
    struct change *c = change_new(f.store);
    change_seen(c, STR("a"), later);
    change_seen(c, STR("old"), past);
    struct change *dropped = change_new(f.store);
    change_seen(dropped, STR("dropped"), later);
    change_drop(&dropped);
    struct order o = {.n = 0};
    struct order_arg arg = {.o = &o};
    change_commit(&c, on_order, &arg);
    ck_assert(store_seen(f.store, STR("a"))); /* not yet durable */
    ck_assert(store_seen(f.store, STR("old")));
    ck_assert(!store_seen(f.store, STR("dropped")));
    while (o.n == 0)
        loop_turn(f.loop, true);
    ck_assert(store_seen(f.store, STR("a")));
    ck_assert(!store_seen(f.store, STR("old")));
    c = change_new(f.store); /* again, shorter: the longer holds */
    change_seen(c, STR("a"), past);
    fix_durable(&f, &c);
    fix_close(&f);
    fix_open(&f);
    ck_assert(store_seen(f.store, STR("a")));
    ck_assert(!store_seen(f.store, STR("b")));
}
END_TEST

START_TEST(one_process_at_a_time)
{
    struct fix second = {.loop = NULL};
    fix_paths(&second, f.dir);
    struct why w;
    ck_assert_int_eq(fix_try(&second, &w), E_DENIED);
    ck_assert_ptr_null(second.store);
    ck_assert(strstr(w.text, "another njegated") != NULL);
    loop_free(&second.loop);
    fix_add(&f, 1, SMALL, 1); /* the first is unharmed */
}
END_TEST

START_TEST(sweeps_orphans_at_start)
{
    fix_add(&f, 1, LARGE, 1);
    fix_close(&f);
    char path[600];
    const char *names[] = {"tmp/0000000009", "tmp/what", "body/0000000077", "body/README"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", f.spool, names[i]);
        FILE *file = fopen(path, "w");
        fputs("x", file);
        fclose(file);
    }
    fix_open(&f);
    ck_assert_uint_eq(fix_files(f.spool, "tmp"), 0);
    ck_assert_uint_eq(fix_files(f.spool, "body"), 2); /* the row's, and a name not ours */
    struct message *m = get(1);
    fix_check_body(m->body, 1, LARGE);
    message_free(&m);
}
END_TEST

START_TEST(many_changes_all_arrive)
{
    struct order_arg a[8];
    struct order o = {.n = 0};
    enum { N = 3000 };
    for (unsigned i = 0; i < N; i++) {
        struct change *c = change_new(f.store);
        struct message *m = fix_message(&f, 100 + i, i % 500 == 0 ? LARGE : i % 97, 1 + i % 3);
        change_add(c, m);
        message_free(&m);
        if (i >= 10)
            change_remove(c, 100 + i - 10);
        change_commit(&c, NULL, NULL);
        if (i % 40 == 0)
            loop_turn(f.loop, false);
    }
    a[0] = (struct order_arg){.o = &o, .refused = true};
    struct change *c = change_new(f.store);
    change_journal(c, 1, "end", "x");
    change_commit(&c, on_order, &a[0]);
    while (o.n == 0)
        loop_turn(f.loop, true);
    ck_assert_uint_eq(store_pending(f.store), 0);
    ck_assert_uint_eq(store_queued(f.store), 10);
    ck_assert_uint_eq(fix_count_sql(&f, "SELECT count(*) FROM message"), 10);
    for (unsigned i = N - 10; i < N; i++)
        ck_assert(fix_has(&f, 100 + i));
}
END_TEST

static Suite *store_suite(void)
{
    Suite *s = suite_create("store");
    TCase *t = tcase_create("store");
    tcase_add_checked_fixture(t, open_fix, close_fix);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, keeps_every_field);
    tcase_add_test(t, replaces_input_by_outputs);
    tcase_add_test(t, goes_with_its_last_recipient);
    tcase_add_test(t, changes_a_recipient);
    tcase_add_test(t, retries_and_states);
    tcase_add_test(t, a_refused_change_harms_no_other);
    tcase_add_test(t, cancels_out_within_a_batch);
    tcase_add_test(t, refuses_what_is_no_message);
    tcase_add_test(t, lazy_changes_wait_for_company);
    tcase_add_test(t, closing_commits_what_was_given);
    tcase_add_test(t, a_callback_may_give_changes);
    tcase_add_test(t, numbers_are_never_given_twice);
    tcase_add_test(t, remembers_what_was_seen);
    tcase_add_test(t, one_process_at_a_time);
    tcase_add_test(t, sweeps_orphans_at_start);
    tcase_add_test(t, many_changes_all_arrive);
    suite_add_tcase(s, t);
    return s;
}

UNIT(store_suite)
