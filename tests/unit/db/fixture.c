/* tests/unit/db/fixture.c -- see fixture.h */
#include "fixture.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/apply.h"
#include "db/queue.h"
#include "unit/unit.h"

static void on_trouble(void *arg, const struct why *w)
{
    struct fix *f = arg;
    f->troubles++;
    f->trouble = *w;
}

void fix_paths(struct fix *f, const char *dir)
{
    snprintf(f->dir, sizeof f->dir, "%s", dir);
    snprintf(f->path, sizeof f->path, "%s/njegate.db", dir);
    snprintf(f->spool, sizeof f->spool, "%s/spool", dir);
}

int fix_try(struct fix *f, struct why *w)
{
    if (f->dir[0] == '\0')
        fix_paths(f, unit_tmp());
    if (f->loop == NULL)
        f->loop = loop_new();
    struct store_set set = {.loop = f->loop,
                            .path = f->path,
                            .spooldir = f->spool,
                            .keep = {.inline_max = f->inline_max},
                            .trouble = on_trouble,
                            .trouble_arg = f};
    int rc = store_open(&f->store, &set, w);
    f->reader = rc == OK ? store_reader(f->store) : NULL;
    return rc;
}

void fix_open(struct fix *f)
{
    struct why w = {.text = "?"};
    ck_assert_msg(fix_try(f, &w) == OK, "%s", w.text);
}

struct counted {
    struct fix *f;
    unsigned destinations;
};

static void compare(void *arg, struct str dest, uint64_t n)
{
    struct counted *k = arg;
    char sql[400];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM rcpt WHERE dest = '%.*s'", STR_ARG(dest));
    k->destinations++;
    ck_assert_msg(fix_count_sql(k->f, sql) == n, "%.*s: %llu", STR_ARG(dest),
                  (unsigned long long)n);
}

void fix_tally(struct fix *f)
{
    struct counted k = {f, 0};
    ck_assert_uint_eq(store_queued(f->store), fix_count_sql(f, "SELECT count(*) FROM message"));
    store_queued_each(f->store, compare, &k);
    ck_assert_uint_eq(k.destinations, fix_count_sql(f, "SELECT count(DISTINCT dest) FROM rcpt"));
}

void fix_close(struct fix *f)
{
    if (f->store != NULL && store_pending(f->store) == 0)
        fix_tally(f);
    store_close(&f->store);
    loop_free(&f->loop);
}

struct told {
    bool told;
    struct why why;
};

static void on_told(void *arg, const struct why *w)
{
    struct told *t = arg;
    t->told = true;
    if (w != NULL)
        t->why = *w;
}

int fix_commit(struct fix *f, struct change **c, struct why *w)
{
    struct told t = {false, {.err = OK}};
    change_commit(c, on_told, &t);
    ck_assert_ptr_null(*c);
    ck_assert(!t.told);
    while (!t.told)
        loop_turn(f->loop, true);
    if (w != NULL)
        *w = t.why;
    return (int)t.why.err;
}

void fix_durable(struct fix *f, struct change **c)
{
    struct why w;
    ck_assert_msg(fix_commit(f, c, &w) == OK, "%s", w.text);
}

void fix_turns(struct fix *f, unsigned n)
{
    while (n-- > 0)
        loop_turn(f->loop, true);
}

static uint8_t byte_at(msg_id id, size_t i)
{
    return (uint8_t)(id * 131 + i * 7 + i / 251);
}

struct body *fix_body(struct fix *f, msg_id id, size_t n)
{
    struct body_writer *bw = body_writer_new(f->store);
    struct why w = {.text = "?"};
    for (size_t i = 0; i < n;) {
        uint8_t piece[1000];
        size_t k = 0;
        for (; k < sizeof piece && i < n; k++, i++)
            piece[k] = byte_at(id, i);
        ck_assert_msg(body_write(bw, piece, k, &w) == OK, "%s", w.text);
    }
    struct body *b = body_writer_end(&bw, &w);
    ck_assert_msg(b != NULL, "%s", w.text);
    return b;
}

void fix_check_body(struct body *b, msg_id id, size_t n)
{
    struct why w = {.err = OK};
    ck_assert_uint_eq(body_size(b), n);
    struct cur c = body_cur(b, &w);
    ck_assert_msg(w.err == OK, "%s", w.text);
    ck_assert_uint_eq(cur_left(&c), n);
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(c.p[i] == byte_at(id, i), "body of %u differs at %zu", (unsigned)id, i);
}

struct message *fix_message(struct fix *f, msg_id id, size_t n, size_t nrcpt)
{
    struct message *m = message_new();
    m->id = m->origin = id;
    m->from = DOOR_SMTP;
    m->to = DOOR_NJE;
    m->form = BODY_DECK;
    m->origin_sender = arena_printf(m->arena, "from%u@example.com", (unsigned)id);
    m->sender = STR("SMTP@VM1");
    m->subject = STR("a subject");
    m->head = STR("Subject: a subject\n");
    m->accepted.us = 1000000 + (int64_t)id;
    m->body = fix_body(f, id, n);
    for (size_t i = 0; i < nrcpt; i++) {
        struct str addr = arena_printf(m->arena, "user%u@%u.example", (unsigned)i, (unsigned)id);
        message_add_rcpt(m, addr, STR("LINK1"))->due.us = (int64_t)id;
    }
    return m;
}

void fix_add(struct fix *f, msg_id id, size_t n, size_t nrcpt)
{
    struct change *c = change_new(f->store);
    struct message *m = fix_message(f, id, n, nrcpt);
    change_add(c, m);
    message_free(&m);
    change_journal(c, id, "accepted", "size=%zu", n);
    fix_durable(f, &c);
}

bool fix_has(struct fix *f, msg_id id)
{
    struct message *m = NULL;
    struct why w;
    int rc = queue_get(f->reader, f->store, id, &m, &w);
    ck_assert_msg(rc == OK || rc == E_ABSENT, "%s", w.text);
    message_free(&m);
    return rc == OK;
}

unsigned fix_files(const char *folder, const char *sub)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, sub);
    DIR *d = opendir(path);
    ck_assert_msg(d != NULL, "%s", path);
    unsigned n = 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

unsigned fix_count_sql(struct fix *f, const char *sql)
{
    struct sqlite3_stmt *st;
    int rc = sqlite3_prepare_v2(db_handle(f->reader), sql, -1, &st, NULL);
    ck_assert_msg(rc == SQLITE_OK, "%s", sqlite3_errmsg(db_handle(f->reader)));
    ck_assert_int_eq(sqlite3_step(st), SQLITE_ROW);
    unsigned n = (unsigned)sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return n;
}

void fix_settle(struct fix *f)
{
    struct db *d;
    struct apply a;
    msg_id next;
    struct why w = {.text = "?"};
    ck_assert_msg(db_open(&d, f->path, DB_WRITE, &w) == OK, "%s", w.text);
    ck_assert_msg(apply_start(&a, d, &next, &w) == OK, "%s", w.text);
    ck_assert_msg(apply_settle(&a, UINT64_MAX, &w) == OK, "%s", w.text);
    db_close(&d);
}
