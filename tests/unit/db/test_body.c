/* tests/unit/db/test_body.c -- bodies in memory and in files, who holds them, when files go. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/disk.h"
#include "db/queue.h"
#include "db/spool.h"
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
    disk_set(NULL);
}

START_TEST(sizes_around_the_limit)
{
    static const size_t size[] = {0, 1, 4095, 4096, 4097, 65535, 65536, 65537, 131072, 300001};
    for (size_t i = 0; i < sizeof size / sizeof size[0]; i++) {
        struct body *b = fix_body(&f, i, size[i]);
        ck_assert_uint_eq(fix_files(f.spool, "tmp"), size[i] > 65536 ? 1 : 0);
        fix_check_body(b, i, size[i]);
        fix_check_body(b, i, size[i]); /* the second time too */
        body_free(&b);
        ck_assert_ptr_null(b);
        /* The writer thread unlinks with its next batch. */
        struct change *c = change_new(f.store);
        change_journal(c, 1, "tick", "x");
        fix_durable(&f, &c);
        store_close(&f.store);
        ck_assert_uint_eq(fix_files(f.spool, "tmp"), 0);
        fix_open(&f);
    }
}
END_TEST

START_TEST(own_limit_for_small)
{
    f.inline_max = 100;
    store_close(&f.store);
    fix_open(&f);
    struct body *a = fix_body(&f, 1, 100), *b = fix_body(&f, 2, 101);
    ck_assert_uint_eq(fix_files(f.spool, "tmp"), 1);
    fix_check_body(a, 1, 100);
    fix_check_body(b, 2, 101);
    body_free(&a);
    body_free(&b);
}
END_TEST

START_TEST(limit_is_sticky)
{
    struct body_writer *bw = body_writer_new(f.store);
    struct why w = {.err = OK};
    body_writer_limit(bw, 10);
    ck_assert_int_eq(body_write(bw, "0123456", 7, &w), OK);
    ck_assert_int_eq(w.err, OK);
    ck_assert_int_eq(body_write(bw, "7890", 4, &w), E_LIMIT);
    ck_assert(strstr(w.text, "10 bytes") != NULL);
    ck_assert_uint_eq(body_writer_size(bw), 7);
    w = (struct why){.err = OK};
    ck_assert_int_eq(body_write(bw, "", 0, &w), E_LIMIT);
    ck_assert_int_eq(w.err, E_LIMIT);
    w = (struct why){.err = OK};
    ck_assert_ptr_null(body_writer_end(&bw, &w));
    ck_assert_ptr_null(bw);
    ck_assert_int_eq(w.err, E_LIMIT);
    body_writer_drop(&bw); /* NULL is fine */
    bw = body_writer_new(f.store);
    body_writer_limit(bw, 10);
    ck_assert_int_eq(body_write(bw, "0123456789", 10, &w), OK);
    body_writer_drop(&bw);
}
END_TEST

static unsigned writes_left;

static ssize_t full_write(int fd, const void *p, size_t n)
{
    if (writes_left-- > 0)
        return write(fd, p, n > 1000 ? 1000 : n); /* short writes are carried on */
    errno = ENOSPC;
    return -1;
}

START_TEST(a_full_disk_is_told)
{
    static struct disk d;
    d = disk_system;
    d.write = full_write;
    writes_left = 70;
    disk_set(&d);
    struct body_writer *bw = body_writer_new(f.store);
    struct why w = {.err = OK};
    static char piece[30000];
    int rc = OK;
    unsigned pieces = 0;
    for (; rc == OK && pieces < 20; pieces++)
        rc = body_write(bw, piece, sizeof piece, &w);
    ck_assert_int_eq(rc, E_IO);
    ck_assert_int_eq(w.smtp, 452);
    ck_assert_str_eq(w.enh, "4.3.1");
    ck_assert(strstr(w.text, "No space left") != NULL);
    ck_assert_uint_gt(pieces, 2); /* 65536 bytes went by 1000 each */
    ck_assert_ptr_null(body_writer_end(&bw, &w));
    store_close(&f.store);
    ck_assert_uint_eq(fix_files(f.spool, "tmp"), 0);
    fix_open(&f);
}
END_TEST

START_TEST(short_writes_lose_nothing)
{
    static struct disk d;
    d = disk_system;
    d.write = full_write;
    writes_left = 100000;
    disk_set(&d);
    struct body *b = fix_body(&f, 3, 250000);
    fix_check_body(b, 3, 250000);
    body_free(&b);
}
END_TEST

/* However much comes at once, and behind whatever was gathered. */
START_TEST(large_pieces)
{
    static const size_t pieces[] = {100, 3u << 20, 65536, 65535, 1, 131072, 70000, 1u << 20};
    static struct disk d;
    size_t at = 0;
    struct why w = {.text = "?"};
    struct body *model = fix_body(&f, 9, 5 << 20);
    struct cur all = body_cur(model, &w);
    struct body_writer *bw = body_writer_new(f.store);
    d = disk_system;
    d.write = full_write;
    writes_left = 100000;
    disk_set(&d);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; at += pieces[i++])
        ck_assert_msg(body_write(bw, all.p + at, pieces[i], &w) == OK, "%s", w.text);
    struct body *b = body_writer_end(&bw, &w);
    ck_assert_msg(b != NULL, "%s", w.text);
    fix_check_body(b, 9, at);
    body_free(&b);
    body_free(&model);
}
END_TEST

static off_t begun;

static int count_begin(int fd, off_t from, off_t n)
{
    struct stat st;
    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert_int_eq(from, begun); /* piece by piece, and only what is there */
    ck_assert_int_le(from + n, st.st_size);
    begun += n;
    return 0;
}

START_TEST(a_large_one_sets_out_early)
{
    static struct disk d;
    d = disk_system;
    d.begin = count_begin;
    disk_set(&d);
    struct body *b = fix_body(&f, 3, 200000);
    body_free(&b);
    store_close(&f.store);
    ck_assert_int_eq(begun, 0); /* not worth it */
    fix_open(&f);
    b = fix_body(&f, 3, 5 << 20);
    body_free(&b); /* before all of it has begun, perhaps */
    store_close(&f.store);
    ck_assert_int_gt(begun, 4 << 20);
    ck_assert_uint_eq(fix_files(f.spool, "tmp"), 0);
    fix_open(&f);
}
END_TEST

/* But not one that will hardly stay. */
START_TEST(a_passing_one_does_not)
{
    static struct disk d;
    static char piece[1 << 20];
    struct why w = {.text = "?"};
    d = disk_system;
    d.begin = count_begin;
    disk_set(&d);
    begun = 0;
    struct body_writer *bw = body_writer_new(f.store);
    body_writer_passing(bw);
    for (size_t i = 0; i < 15; i++)
        ck_assert_msg(body_write(bw, piece, sizeof piece, &w) == OK, "%s", w.text);
    ck_assert_uint_eq(fix_files(f.spool, "tmp"), 1);
    struct body *b = body_writer_end(&bw, &w);
    body_free(&b);
    store_close(&f.store);
    ck_assert_int_eq(begun, 0);
    fix_open(&f);
    bw = body_writer_new(f.store);
    body_writer_passing(bw);
    for (size_t i = 0; i < 40; i++) /* when it is as large as this, so that a commit is not late */
        ck_assert_msg(body_write(bw, piece, sizeof piece, &w) == OK, "%s", w.text);
    body_writer_drop(&bw);
    store_close(&f.store);
    ck_assert_int_ge(begun, 16 << 20);
    ck_assert_uint_eq(fix_files(f.spool, "tmp"), 0);
    fix_open(&f);
}
END_TEST

#define LENT (3u << 19)

static uint8_t many[LENT + 1];

/* n bytes that will hardly stay. */
static struct body *passing(uint8_t byte, size_t n)
{
    struct why w = {.text = "?"};
    struct body_writer *bw = body_writer_new(f.store);
    body_writer_passing(bw);
    memset(many, byte, sizeof many);
    for (size_t at = 0, piece; at < n; at += piece) {
        piece = n - at < 70001 ? n - at : 70001;
        ck_assert_msg(body_write(bw, many + at, piece, &w) == OK, "%s", w.text);
    }
    struct body *b = body_writer_end(&bw, &w);
    ck_assert_msg(b != NULL, "%s", w.text);
    return b;
}

static void check_passing(struct body *b, uint8_t byte, size_t n)
{
    struct why w;
    struct cur c = body_cur(b, &w);
    memset(many, byte, sizeof many);
    ck_assert_uint_eq(cur_left(&c), n);
    ck_assert_int_eq(memcmp(c.p, many, n), 0);
}

/* Some of middling size may be in memory, and others when they have gone. */
START_TEST(a_passing_one_needs_no_file)
{
    enum { MOST = 24 };
    struct body *b[MOST + 4];
    for (size_t i = 0; i < MOST + 4; i++) {
        b[i] = passing((uint8_t)i, i % 2 == 0 ? 65537 : LENT);
        ck_assert_int_eq(b[i]->file == 0, i < MOST);
        check_passing(b[i], (uint8_t)i, i % 2 == 0 ? 65537 : LENT);
    }
    for (size_t i = 0; i < MOST + 4; i++)
        body_free(&b[i]);
    for (size_t i = 0; i < MOST; i++)
        b[i] = passing((uint8_t)i, LENT);
    ck_assert_uint_eq(b[MOST - 1]->file, 0);
    b[MOST] = passing(MOST, LENT + 1); /* whoever grows beyond it gives its place back */
    ck_assert_uint_ne(b[MOST]->file, 0);
    body_free(&b[0]);
    b[MOST + 1] = passing(MOST + 1, LENT + 1);
    b[0] = passing(0, LENT);
    ck_assert_uint_ne(b[MOST + 1]->file, 0);
    ck_assert_uint_eq(b[0]->file, 0);
    store_close(&f.store); /* they outlive it */
    for (size_t i = 0; i < MOST + 2; i++) {
        check_passing(b[i], (uint8_t)i, i < MOST ? LENT : LENT + 1);
        body_free(&b[i]);
    }
    fix_open(&f);
}
END_TEST

static void write_in_place(struct body_writer *bw, size_t n, bool there)
{
    struct why w = {.text = "?"};
    uint8_t *to = body_room(bw, n);
    uint64_t at = body_writer_size(bw);
    ck_assert_int_eq(to != NULL, there);
    for (size_t i = 0; i < n; i++)
        many[at + i] = (uint8_t)(at + i / 7);
    if (to != NULL) {
        memcpy(to, many + at, n);
        body_wrote(bw, n);
    } else {
        ck_assert_msg(body_write(bw, many + at, n, &w) == OK, "%s", w.text);
    }
    ck_assert_uint_eq(body_writer_size(bw), at + n);
}

/* Small pieces are written where they are gathered, in memory and on the way to a file. */
START_TEST(written_in_place)
{
    struct why w = {.text = "?"};
    for (int pass = 0; pass < 2; pass++) {
        struct body_writer *bw = body_writer_new(f.store);
        write_in_place(bw, 100, false); /* nothing to write to yet */
        write_in_place(bw, 100, true);
        write_in_place(bw, 5000, false);
        if (pass == 0)
            body_writer_passing(bw);
        write_in_place(bw, 200000, pass == 0);
        write_in_place(bw, 70000, pass == 0);
        while (body_writer_size(bw) < 1000000) {
            uint8_t *to = body_room(bw, 999);
            write_in_place(bw, 999, to != NULL);
        }
        uint64_t n = body_writer_size(bw);
        body_writer_limit(bw, n + 10);
        ck_assert_ptr_null(body_room(bw, 11)); /* body_write tells why */
        ck_assert_int_lt(body_write(bw, many, 11, &w), 0);
        ck_assert_ptr_null(body_room(bw, 1)); /* and that sticks */
        body_writer_drop(&bw);
    }
    struct body_writer *bw = body_writer_new(f.store);
    while (body_writer_size(bw) < 300000)
        write_in_place(bw, 64, body_room(bw, 64) != NULL);
    uint64_t n = body_writer_size(bw);
    struct body *b = body_writer_end(&bw, &w);
    struct cur c = body_cur(b, &w);
    ck_assert_uint_eq(cur_left(&c), n);
    ck_assert_int_eq(memcmp(c.p, many, n), 0);
    body_free(&b);
}
END_TEST

/* When it stays all the same, it does so in a file as any other. */
START_TEST(a_passing_one_may_stay)
{
    struct message *m = fix_message(&f, 1, 10, 1), *got;
    struct change *c = change_new(f.store);
    struct why w = {.text = "?"};
    body_free(&m->body);
    m->body = passing(1, 200000);
    change_add(c, m);
    check_passing(m->body, 1, 200000);
    fix_durable(&f, &c);
    message_free(&m);
    ck_assert_uint_eq(fix_files(f.spool, "body"), 1);
    fix_close(&f);
    fix_open(&f);
    ck_assert_msg(queue_get(f.reader, f.store, 1, &got, &w) == OK, "%s", w.text);
    check_passing(got->body, 1, 200000);
    message_free(&got);
}
END_TEST

static atomic_uint synced;

static int count_sync(int fd, int folder)
{
    synced += folder == 0;
    return disk_system.sync(fd, folder);
}

/* A flush of the disk is dear. */
START_TEST(what_was_synced_is_not_synced_again)
{
    static struct disk d;
    struct change *c = change_new(f.store);
    struct why w = {.text = "?"};
    d = disk_system;
    d.sync = count_sync;
    disk_set(&d);
    for (uint64_t id = 1; id <= 4; id++) {
        struct message *m = fix_message(&f, id, 200000, 1);
        if (id < 4)
            ck_assert_msg(body_sync(m->body, &w) == OK, "%s", w.text);
        ck_assert_uint_eq(synced, id < 4 ? id : 3);
        change_add(c, m);
        message_free(&m);
    }
    fix_durable(&f, &c);
    ck_assert_uint_eq(synced, 4);
    ck_assert_uint_eq(fix_files(f.spool, "body"), 4);
}
END_TEST

static int no_open(const char *path, int flags, mode_t mode);

START_TEST(a_passing_one_that_cannot_stay_is_told)
{
    static struct disk d;
    struct message *m = fix_message(&f, 1, 10, 1);
    struct change *c = change_new(f.store);
    struct why w;
    body_free(&m->body);
    m->body = passing(1, 200000);
    d = disk_system;
    d.open = no_open;
    disk_set(&d);
    change_add(c, m);
    ck_assert_int_lt(fix_commit(&f, &c, &w), 0);
    ck_assert_int_eq(w.smtp, 452);
    message_free(&m);
    disk_set(NULL);
    ck_assert(!fix_has(&f, 1));
}
END_TEST

static int no_open(const char *path, int flags, mode_t mode)
{
    (void)path, (void)flags, (void)mode;
    errno = EMFILE;
    return -1;
}

START_TEST(no_descriptor_is_told)
{
    static struct disk d;
    d = disk_system;
    d.open = no_open;
    disk_set(&d);
    struct body_writer *bw = body_writer_new(f.store);
    struct why w;
    static char piece[70000];
    ck_assert_int_lt(body_write(bw, piece, sizeof piece, &w), 0);
    ck_assert_int_eq(w.smtp, 452);
    body_writer_drop(&bw);
}
END_TEST

START_TEST(memory_bodies)
{
    char text[] = "some text";
    struct body *b = body_of(cur_of(text, strlen(text))), *other = body_hold(b);
    text[0] = 'X'; /* it was copied */
    body_free(&b);
    struct why w;
    struct cur c = body_cur(other, &w);
    ck_assert(str_is(cur_str(&c), "some text"));
    ck_assert_uint_eq(body_size(other), 9);
    body_free(&other);
    body_free(&other);
    b = body_of(cur_of(NULL, 0));
    c = body_cur(b, &w);
    ck_assert_uint_eq(cur_left(&c), 0);
    body_free(&b);
}
END_TEST

START_TEST(a_held_body_outlives_its_row_and_store)
{
    fix_add(&f, 1, 200000, 1);
    struct why w;
    struct body *a = queue_body(f.reader, f.store, 1, &w),
                *b = queue_body(f.reader, f.store, 1, &w);
    ck_assert_ptr_eq(a, b); /* one file, one body */
    body_free(&b);
    struct change *c = change_new(f.store);
    change_remove(c, 1);
    fix_durable(&f, &c);
    fix_check_body(a, 1, 200000);
    ck_assert_uint_eq(fix_files(f.spool, "body"), 1);
    store_close(&f.store);
    fix_check_body(a, 1, 200000);
    body_free(&a);
    ck_assert_uint_eq(fix_files(f.spool, "body"), 0);
    fix_open(&f);
}
END_TEST

/* What the system has forgotten is fetched while we do something else. */
START_TEST(ready_or_being_fetched)
{
    struct why w;
    char path[600];
    fix_add(&f, 1, 3 << 20, 1);
    store_close(&f.store);
    snprintf(path, sizeof path, "%s/body/%010d", f.spool, 1);
    int fd = open(path, O_RDONLY);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fsync(fd), 0);
    ck_assert_int_eq(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    uint8_t *map = mmap(NULL, 3 << 20, PROT_READ, MAP_SHARED, fd, 0);
    ck_assert_ptr_ne(map, MAP_FAILED);
    unsigned char there = 1;
    ck_assert_int_eq(mincore(map + (2 << 20), 1, &there), 0);
    munmap(map, 3 << 20);
    close(fd);
    fix_open(&f);
    struct body *b = queue_body(f.reader, f.store, 1, &w), *small = body_of(cur_of("x", 1));
    struct cur all = body_cur(b, &w), part = cur_of(all.p + (2 << 20) + 5, 70000);
    if ((there & 1) == 0) /* not on every file system */
        ck_assert(!body_ready(b, part));
    while (!body_ready(b, part))
        sched_yield();
    while (!body_ready(b, cur_of(all.p + (3 << 20) - 9, 9)))
        sched_yield();
    fix_check_body(b, 1, 3 << 20);
    ck_assert(body_ready(small, body_cur(small, &w)));
    body_free(&b);
    body_free(&small);
}
END_TEST

/* The output may have the bytes of the input: the file stays as long as one row names it. */
START_TEST(rows_may_share_a_file)
{
    fix_add(&f, 1, 200000, 1);
    struct why w;
    struct change *c = change_new(f.store);
    struct message *m = fix_message(&f, 2, 10, 1);
    body_free(&m->body);
    m->body = queue_body(f.reader, f.store, 1, &w);
    change_add(c, m);
    message_free(&m);
    change_remove(c, 1);
    fix_durable(&f, &c);
    store_close(&f.store);
    fix_open(&f);
    struct body *b = queue_body(f.reader, f.store, 2, &w);
    fix_check_body(b, 1, 200000);
    body_free(&b);
    c = change_new(f.store);
    change_remove(c, 2);
    fix_durable(&f, &c);
    store_close(&f.store);
    ck_assert_uint_eq(fix_files(f.spool, "body"), 0);
    fix_open(&f);
}
END_TEST

START_TEST(a_missing_or_cut_file_is_told)
{
    fix_add(&f, 1, 200000, 1);
    fix_close(&f);
    char path[600];
    snprintf(path, sizeof path, "%s/body/0000000001", f.spool);
    ck_assert_int_eq(truncate(path, 199999), 0);
    fix_open(&f);
    struct why w;
    ck_assert_ptr_null(queue_body(f.reader, f.store, 1, &w));
    ck_assert_int_eq(w.err, E_IO);
    ck_assert_msg(strstr(w.text, "199999 bytes") != NULL, "%s", w.text);
    ck_assert_int_eq(unlink(path), 0);
    struct message *m;
    ck_assert_int_eq(queue_get(f.reader, f.store, 1, &m, &w), E_IO);
    ck_assert_ptr_null(m);
    ck_assert(strstr(w.text, "No such file") != NULL);
}
END_TEST

static Suite *body_suite(void)
{
    Suite *s = suite_create("body");
    TCase *t = tcase_create("body");
    tcase_add_checked_fixture(t, open_fix, close_fix);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, sizes_around_the_limit);
    tcase_add_test(t, own_limit_for_small);
    tcase_add_test(t, limit_is_sticky);
    tcase_add_test(t, a_full_disk_is_told);
    tcase_add_test(t, short_writes_lose_nothing);
    tcase_add_test(t, large_pieces);
    tcase_add_test(t, a_large_one_sets_out_early);
    tcase_add_test(t, a_passing_one_does_not);
    tcase_add_test(t, a_passing_one_needs_no_file);
    tcase_add_test(t, written_in_place);
    tcase_add_test(t, a_passing_one_may_stay);
    tcase_add_test(t, a_passing_one_that_cannot_stay_is_told);
    tcase_add_test(t, what_was_synced_is_not_synced_again);
    tcase_add_test(t, no_descriptor_is_told);
    tcase_add_test(t, memory_bodies);
    tcase_add_test(t, a_held_body_outlives_its_row_and_store);
    tcase_add_test(t, ready_or_being_fetched);
    tcase_add_test(t, rows_may_share_a_file);
    tcase_add_test(t, a_missing_or_cut_file_is_told);
    suite_add_tcase(s, t);
    return s;
}

UNIT(body_suite)
