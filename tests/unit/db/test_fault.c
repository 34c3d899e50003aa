/* tests/unit/db/test_fault.c -- the disk fails: changes fail cleanly, later ones succeed, and
 * nothing that was told durable is gone. */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "power.h"
#include "db/queue.h"
#include "script.h"
#include "unit/unit.h"

#define MESSAGES 40u
#define LAZY_EVERY 5u   /* given without callback: must arrive in the end */
#define REMOVE_EVERY 3u /* takes an earlier message along */

enum fate { UNTOLD, DURABLE, REFUSED };
struct life {
    struct fix f;
    enum fate fate[MESSAGES + 1];
    unsigned removes[MESSAGES + 1]; /* number of the message its change removes */
    unsigned refused, told;
};
struct token {
    struct life *l;
    unsigned id;
};

static size_t size_of(unsigned id)
{
    return id % 2 == 0 ? SCRIPT_INLINE + 500 : 700;
}

static void on_told(void *arg, const struct why *w)
{
    struct token *t = arg;
    t->l->told++;
    t->l->fate[t->id] = w == NULL ? DURABLE : REFUSED;
    if (w != NULL) {
        t->l->refused++;
        ck_assert_int_eq(w->err, E_TEMP);
        ck_assert_int_eq(w->smtp, 452);
        ck_assert_str_eq(w->enh, "4.3.1");
        ck_assert_uint_gt(strlen(w->text), 10);
    } else {
        power_mark(t->id);
    }
    free(t);
}

/* A body that may fail to be written: NULL then. */
static struct body *try_body(struct life *l, unsigned id)
{
    static uint8_t bytes[SCRIPT_INLINE + 500];
    struct body *good = fix_body(&l->f, id, 100);
    struct why w;
    struct cur c = body_cur(good, &w);
    struct body_writer *bw = body_writer_new(l->f.store);
    for (size_t i = 0; i < size_of(id); i++)
        bytes[i] = c.p[i % 100];
    body_free(&good);
    if (body_write(bw, bytes, size_of(id), &w) < 0) {
        ck_assert_int_eq(w.smtp, 452);
        body_writer_drop(&bw);
        return NULL;
    }
    return body_writer_end(&bw, &w);
}

static void give(struct life *l, unsigned id)
{
    struct message *m = fix_message(&l->f, id, 100, 1);
    struct body *b = try_body(l, id);
    if (b == NULL) {
        l->fate[id] = REFUSED;
        l->refused++;
        message_free(&m);
        return;
    }
    body_free(&m->body);
    m->body = b;
    struct change *c = change_new(l->f.store);
    change_add(c, m);
    message_free(&m);
    if (id % REMOVE_EVERY == 0 && l->fate[id - 2] == DURABLE) {
        l->removes[id] = id - 2;
        change_remove(c, id - 2);
    }
    if (id % LAZY_EVERY == 0) {
        l->fate[id] = DURABLE; /* in the end */
        change_commit(&c, NULL, NULL);
        return;
    }
    struct token *t = malloc(sizeof *t);
    *t = (struct token){l, id};
    change_commit(&c, on_told, t);
}

static void check_rows(struct life *l)
{
    bool gone[MESSAGES + 1] = {false};
    for (unsigned id = 1; id <= MESSAGES; id++)
        if (l->fate[id] == DURABLE && l->removes[id] != 0)
            gone[l->removes[id]] = true;
    for (unsigned id = 1; id <= MESSAGES; id++) {
        bool want = l->fate[id] == DURABLE && !gone[id];
        ck_assert_msg(fix_has(&l->f, id) == want, "message %u should%s be there", id,
                      want ? "" : " not");
    }
}

static unsigned files_named(struct life *l)
{
    return fix_count_sql(&l->f, "SELECT count(*) FROM message WHERE file IS NOT NULL");
}

static void run(struct life *l, unsigned from, unsigned count, int no)
{
    memset(l, 0, sizeof *l);
    l->f.inline_max = SCRIPT_INLINE;
    power_install();
    power_reset();
    fix_open(&l->f);
    power_reset();
    power_fail(from, count, no);
    for (unsigned id = 1; id <= MESSAGES; id++) {
        give(l, id);
        if (id % 4 != 0)
            fix_turns(&l->f, 1);
    }
}

static void end(struct life *l)
{
    power_fail(0, 0, 0); /* the disk is well again */
    struct change *c = change_new(l->f.store);
    change_journal(c, 5000, "well", "again");
    fix_durable(&l->f, &c);
    ck_assert_uint_eq(store_pending(l->f.store), 0); /* the kept ones went before it */
    check_rows(l);
    fix_close(&l->f);
    power_reset();
    fix_open(&l->f);
    check_rows(l);
    ck_assert_uint_eq(fix_files(l->f.spool, "body"), files_named(l));
    ck_assert_uint_eq(fix_files(l->f.spool, "tmp"), 0);
    fix_close(&l->f);
}

START_TEST(failing_steps)
{
    static const unsigned count[] = {1, 4, 1000000};
    int no = _i % 2 == 0 ? ENOSPC : EIO;
    struct life l;
    run(&l, 0, 0, 0);
    unsigned steps = power_steps(), refused = 0, troubles = 0;
    ck_assert_uint_eq(l.refused, 0);
    end(&l);
    ck_assert_uint_gt(steps, 60);
    for (unsigned from = 1 + (unsigned)_i; from < steps; from += 11) {
        run(&l, from, count[from % 3], no);
        end(&l);
        refused += l.refused;
        troubles += l.f.troubles;
    }
    ck_assert_uint_gt(refused, 20);
    ck_assert_uint_gt(troubles, 5);
}
END_TEST

START_TEST(kept_changes_are_tried_again_by_the_clock)
{
    struct life l;
    memset(&l, 0, sizeof l);
    power_install();
    fix_open(&l.f);
    clock_fake(true);
    power_reset();
    power_fail(1, 1000000, ENOSPC);
    struct change *c = change_new(l.f.store);
    change_journal(c, 1, "kept", "x");
    change_commit(&c, NULL, NULL);
    clock_step(50);
    while (l.f.troubles == 0)
        loop_turn(l.f.loop, true);
    ck_assert(strstr(l.f.trouble.text, "is full") != NULL);
    clock_step(1000);
    while (l.f.troubles == 1)
        loop_turn(l.f.loop, true);
    ck_assert_uint_eq(store_pending(l.f.store), 1);
    power_fail(0, 0, 0);
    clock_step(1000);
    while (store_pending(l.f.store) > 0)
        loop_turn(l.f.loop, true);
    ck_assert_uint_eq(fix_count_sql(&l.f, FIX_JOURNAL_ROWS), 1);
    clock_fake(false);
    fix_close(&l.f);
}
END_TEST

START_TEST(closing_on_a_broken_disk_ends)
{
    struct life l;
    memset(&l, 0, sizeof l);
    power_install();
    fix_open(&l.f);
    power_reset();
    power_fail(1, 1000000, EIO);
    struct change *c = change_new(l.f.store);
    change_journal(c, 1, "lost", "x");
    change_commit(&c, NULL, NULL);
    store_close(&l.f.store);
    ck_assert_uint_ge(l.f.troubles, 1); /* somebody is told that it is lost */
    ck_assert_msg(strstr(l.f.trouble.text, "njegate.db") != NULL, "%s", l.f.trouble.text);
    loop_free(&l.f.loop);
}
END_TEST

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

/* After a failed sync what was told to have failed may be on the disk or not; but a row without its
 * body may not, nor may what was told durable be missing. */
static void check_cut(const struct life *l, size_t point, unsigned variant, const char *dir)
{
    struct fix g = {.inline_max = SCRIPT_INLINE};
    fix_paths(&g, dir);
    ck_assert_int_eq(mkdir(dir, 0700), 0);
    power_image(point, variant, dir);
    fix_open(&g);
    bool told[MESSAGES + 1] = {false}, maybe_gone[MESSAGES + 1] = {false};
    for (unsigned id = 1; id <= MESSAGES; id++)
        maybe_gone[l->removes[id]] = true;
    power_marks_before(point, told, MESSAGES);
    for (unsigned id = 1; id <= MESSAGES; id++) {
        bool there = fix_has(&g, id); /* loads the body */
        ck_assert_msg(there || !told[id] || maybe_gone[id], "point %zu: message %u is lost", point,
                      id);
    }
    fix_close(&g);
    ck_assert_int_eq(nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

START_TEST(power_cut_after_a_failed_sync)
{
    struct life l;
    memset(&l, 0, sizeof l);
    l.f.inline_max = SCRIPT_INLINE;
    power_install();
    fix_open(&l.f);
    store_close(&l.f.store);
    power_record(l.f.dir);
    power_reset();
    fix_open(&l.f);
    power_reset();
    power_fail(20 + 3 * (unsigned)_i, 1 + (unsigned)_i % 4, EIO);
    for (unsigned id = 1; id <= MESSAGES / 2; id++) {
        give(&l, id);
        fix_turns(&l.f, 1);
    }
    end(&l);
    power_stop();
    char dir[400];
    snprintf(dir, sizeof dir, "%s/cut", l.f.dir);
    for (size_t point = 0; point <= power_points(); point++)
        if (power_worth(point))
            check_cut(&l, point, (unsigned)point % 5, dir);
}
END_TEST

/* --- directed --- */

static struct fix d;

static void open_recorded(void)
{
    memset(&d, 0, sizeof d);
    d.inline_max = SCRIPT_INLINE;
    power_install();
    fix_open(&d);
    store_close(&d.store);
    power_record(d.dir);
    power_reset();
    fix_open(&d);
    clock_fake(true);
}

static struct change *adds(msg_id id, size_t n)
{
    struct change *c = change_new(d.store);
    struct message *m = fix_message(&d, id, n, 1);
    change_add(c, m);
    message_free(&m);
    return c;
}

static void until_trouble(unsigned n)
{
    clock_step(1000);
    while (d.troubles < n)
        loop_turn(d.loop, true);
}

/* Every row of every image has its body. Answers in how many of them message 1 is there. */
static unsigned check_images(unsigned variants, size_t from)
{
    char dir[400];
    unsigned there = 0;
    snprintf(dir, sizeof dir, "%s/cut", d.dir);
    for (size_t point = from; point <= power_points(); point++) {
        for (unsigned v = 0; v < variants && power_worth(point); v++) {
            struct fix g = {.inline_max = SCRIPT_INLINE};
            fix_paths(&g, dir);
            ck_assert_int_eq(mkdir(dir, 0700), 0);
            power_image(point, v, dir);
            fix_open(&g);
            there += fix_has(&g, 1);
            fix_close(&g);
            ck_assert_int_eq(nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
        }
    }
    return there;
}

/* A second sync that succeeds says nothing of the bytes the first one lost: they are written again.
 */
START_TEST(a_body_is_written_again_after_a_failed_sync)
{
    open_recorded();
    power_fail_sync("spool/tmp/", 1);
    struct change *c = adds(1, SCRIPT_INLINE + 1000);
    change_commit(&c, NULL, NULL);
    until_trouble(1);
    ck_assert(!fix_has(&d, 1));
    c = adds(2, 10);
    fix_durable(&d, &c);
    ck_assert(fix_has(&d, 1));
    size_t after = power_points();
    clock_fake(false);
    fix_close(&d);
    power_stop();
    ck_assert_uint_gt(check_images(1, after), 0);
}
END_TEST

/* The same when the sync that failed was one ahead of the commit; it is told. */
START_TEST(a_body_is_synced_ahead)
{
    struct why w;
    open_recorded();
    power_fail_sync("spool/tmp/", 1);
    struct change *c = change_new(d.store);
    struct message *m = fix_message(&d, 1, SCRIPT_INLINE + 1000, 1);
    ck_assert_int_eq(body_sync(m->body, &w), E_TEMP);
    change_add(c, m);
    message_free(&m);
    fix_durable(&d, &c);
    ck_assert(fix_has(&d, 1));
    size_t after = power_points();
    m = fix_message(&d, 2, SCRIPT_INLINE + 1000, 1);
    ck_assert_int_eq(body_sync(m->body, &w), OK);
    ck_assert_int_eq(body_sync(m->body, &w), OK);
    message_free(&m);
    clock_fake(false);
    fix_close(&d);
    power_stop();
    ck_assert_uint_gt(check_images(1, after), 0);
}
END_TEST

/* The WAL's sync failed, its frames may be there all the same: the body file must not go before the
 * next commit has written over them. */
START_TEST(a_body_stays_after_a_failed_commit)
{
    open_recorded();
    struct change *c = adds(2, 10);
    fix_durable(&d, &c); /* so that the failing sync is not that of the WAL's header */
    size_t before = power_points();
    power_fail_sync("-wal", 1);
    c = adds(1, SCRIPT_INLINE + 1000);
    struct why w;
    ck_assert_int_eq(fix_commit(&d, &c, &w), E_TEMP);
    ck_assert(!fix_has(&d, 1));
    ck_assert_int_eq(d.troubles, 1);
    clock_fake(false);
    fix_close(&d);
    power_stop();
    ck_assert_uint_gt(check_images(2, before), 0); /* in some images it is there, with its body */
}
END_TEST

START_TEST(nothing_overtakes_a_kept_change)
{
    open_recorded();
    power_fail_sync("-wal", 2);
    struct change *c = adds(1, 100);
    change_commit(&c, NULL, NULL);
    until_trouble(1);
    c = change_new(d.store);
    change_remove(c, 1);
    struct why w;
    ck_assert_int_eq(fix_commit(&d, &c, &w), E_TEMP);
    c = adds(2, 100);
    fix_durable(&d, &c);
    ck_assert(fix_has(&d, 1));
    clock_fake(false);
    fix_close(&d);
    power_stop();
}
END_TEST

/* A body that cannot be sealed: alone with its change when that is told, else all that follows. */
START_TEST(order_holds_when_a_body_fails)
{
    open_recorded();
    power_fail_sync("spool/tmp/", 1);
    struct change *c = adds(1, SCRIPT_INLINE + 1000);
    change_commit(&c, NULL, NULL);
    c = change_new(d.store);
    change_remove(c, 1);
    change_journal(c, 1, "removed", "x");
    struct why w;
    int rc = fix_commit(&d, &c, &w); /* cancelled together: the body need not be sealed */
    ck_assert_msg(rc == OK, "%s", w.text);
    ck_assert(!fix_has(&d, 1));
    c = adds(3, SCRIPT_INLINE + 1000);
    change_commit(&c, NULL, NULL);
    c = change_new(d.store);
    struct rcpt r = {.n = 0, .tries = 9};
    change_rcpt(c, 3, &r);
    ck_assert_int_eq(fix_commit(&d, &c, &w), E_TEMP);
    c = adds(4, 10);
    fix_durable(&d, &c);
    struct message *m = NULL;
    ck_assert_int_eq(queue_get(d.reader, d.store, 3, &m, &w), OK);
    ck_assert_uint_eq(m->rcpt[0].tries, 0);
    message_free(&m);
    clock_fake(false);
    fix_close(&d);
    power_stop();
}
END_TEST

static Suite *fault_suite(void)
{
    Suite *s = suite_create("fault");
    TCase *t = tcase_create("fault");
    tcase_set_timeout(t, 240);
    tcase_add_loop_test(t, failing_steps, 0, 2);
    tcase_add_test(t, kept_changes_are_tried_again_by_the_clock);
    tcase_add_test(t, closing_on_a_broken_disk_ends);
    tcase_add_loop_test(t, power_cut_after_a_failed_sync, 0, 8);
    tcase_add_test(t, a_body_is_written_again_after_a_failed_sync);
    tcase_add_test(t, a_body_is_synced_ahead);
    tcase_add_test(t, a_body_stays_after_a_failed_commit);
    tcase_add_test(t, nothing_overtakes_a_kept_change);
    tcase_add_test(t, order_holds_when_a_body_fails);
    suite_add_tcase(s, t);
    return s;
}

UNIT(fault_suite)
