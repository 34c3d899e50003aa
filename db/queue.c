/* db/queue.c -- reading the durable queue: see queue.h */
#include "db/queue.h"

#include <sqlite3.h>

#include "base/text.h"
#include "db/change.h"
#include "db/spool.h"

#define MESSAGE_COLUMNS                                                                            \
    "id, origin, from_door, to_door, form, accepted, size, origin_sender, sender, subject, ret,"   \
    " utf8, envid, head"

static struct message *message_from(struct sqlite3_stmt *st)
{
    struct message *m = message_new();
    m->id = (msg_id)sqlite3_column_int64(st, 0);
    m->origin = (msg_id)sqlite3_column_int64(st, 1);
    m->from = (enum door)sqlite3_column_int(st, 2);
    m->to = (enum door)sqlite3_column_int(st, 3);
    m->form = (enum body_form)sqlite3_column_int(st, 4);
    m->accepted.us = sqlite3_column_int64(st, 5);
    m->size = (uint64_t)sqlite3_column_int64(st, 6);
    m->origin_sender = arena_str(m->arena, db_col_str(st, 7));
    m->sender = arena_str(m->arena, db_col_str(st, 8));
    m->subject = arena_str(m->arena, db_col_str(st, 9));
    m->ret = (enum ret)sqlite3_column_int(st, 10);
    m->utf8 = sqlite3_column_int(st, 11) != 0;
    m->envid = arena_str(m->arena, db_col_str(st, 12));
    m->head = arena_str(m->arena, db_col_str(st, 13));
    return m;
}

static void rcpt_from(struct message *m, struct sqlite3_stmt *st)
{
    struct rcpt *r = message_add_rcpt(m, db_col_str(st, 5), db_col_str(st, 6));
    r->n = (unsigned)sqlite3_column_int64(st, 0);
    r->state = (enum rcpt_state)sqlite3_column_int(st, 1);
    r->due.us = sqlite3_column_int64(st, 2);
    r->tries = (unsigned)sqlite3_column_int64(st, 3);
    r->warned = sqlite3_column_int(st, 4) != 0;
    r->original = arena_str(m->arena, db_col_str(st, 7));
    r->reason = arena_str(m->arena, db_col_str(st, 8));
    r->notify = (unsigned)sqlite3_column_int(st, 9);
    r->orcpt = arena_str(m->arena, db_col_str(st, 10));
}

static int load_rcpts(struct db *d, struct message *m, struct why *w)
{
    struct sqlite3_stmt *st =
        db_stmt(d,
                "SELECT n, state, due, tries, warned, addr, dest, original, reason, notify,"
                " orcpt FROM rcpt WHERE msg = ? ORDER BY n",
                w);
    if (st == NULL)
        return (int)w->err;
    sqlite3_bind_int64(st, 1, (int64_t)m->id);
    int rc;
    while ((rc = db_step(st, w)) > 0)
        rcpt_from(m, st);
    db_done(st);
    if (rc == OK && arena_full(m->arena))
        rc = why_set(w, E_LIMIT, 0, NULL, "message " MSG_ID_FMT " has too many recipients to load",
                     MSG_ID_ARG(m->id));
    return rc;
}

/* The current row of st as a message with its recipients; NULL with *w. */
static struct message *load(struct db *d, struct sqlite3_stmt *st, struct why *w)
{
    struct message *m = message_from(st);
    if (load_rcpts(d, m, w) < 0)
        message_free(&m);
    return m;
}

static int load_id(struct db *d, msg_id id, struct message **m, struct why *w)
{
    *m = NULL;
    struct sqlite3_stmt *st = db_stmt(d, "SELECT " MESSAGE_COLUMNS " FROM message WHERE id = ?", w);
    if (st == NULL)
        return (int)w->err;
    sqlite3_bind_int64(st, 1, (int64_t)id);
    int rc = db_step(st, w);
    if (rc > 0)
        *m = load(d, st, w);
    else if (rc == 0)
        why_set(w, E_ABSENT, 0, NULL, "there is no message " MSG_ID_FMT " in the queue",
                MSG_ID_ARG(id));
    db_done(st);
    return *m != NULL ? OK : (int)w->err;
}

int queue_load(struct db *d, msg_id id, struct message **m, struct why *w)
{
    return load_id(d, id, m, w);
}

static struct queue_row row_from(struct sqlite3_stmt *st)
{
    return (struct queue_row){.at = {.due = {sqlite3_column_int64(st, 0)},
                                     .msg = (msg_id)sqlite3_column_int64(st, 1),
                                     .n = (uint32_t)sqlite3_column_int64(st, 2)},
                              .door = (enum door)sqlite3_column_int(st, 3),
                              .dest = db_col_str(st, 4)};
}

int queue_walk(struct db *d, struct queue_at after, struct queue_at upto, size_t max,
               int (*fn)(void *arg, const struct queue_row *row), void *arg, struct why *w)
{
    struct sqlite3_stmt *st =
        db_stmt(d,
                "SELECT due, msg, n, door, dest FROM rcpt WHERE state = 0"
                " AND (due, msg, n) > (?1, ?2, ?3) AND (due, msg, n) <= (?4, ?5, ?6)"
                " ORDER BY due, msg, n LIMIT ?7",
                w);
    if (st == NULL)
        return (int)w->err;
    const struct queue_at *ends[] = {&after, &upto};
    for (int i = 0; i < 2; i++) {
        sqlite3_bind_int64(st, 3 * i + 1, ends[i]->due.us);
        sqlite3_bind_int64(st, 3 * i + 2, (int64_t)ends[i]->msg);
        sqlite3_bind_int64(st, 3 * i + 3, ends[i]->n);
    }
    sqlite3_bind_int64(st, 7, (int64_t)max);
    int rc, n = 0, stop = 0;
    while (stop == 0 && (rc = db_step(st, w)) > 0) {
        struct queue_row row = row_from(st);
        n++;
        stop = fn(arg, &row);
    }
    db_done(st);
    if (stop < 0)
        return stop;
    return stop == 0 && rc < 0 ? rc : n;
}

bool queue_next_due(struct db *d, struct wall after, struct wall *due)
{
    struct why w;
    struct sqlite3_stmt *st =
        db_stmt(d, "SELECT due FROM rcpt WHERE state = 0 AND due > ? ORDER BY due LIMIT 1", &w);
    if (st == NULL)
        return false;
    sqlite3_bind_int64(st, 1, after.us);
    bool found = db_step(st, &w) > 0;
    if (found)
        due->us = sqlite3_column_int64(st, 0);
    db_done(st);
    return found;
}

static bool matches(const struct message *m, struct str pattern)
{
    if (pattern.n == 0 || text_glob(pattern, m->sender) || text_glob(pattern, m->origin_sender))
        return true;
    for (size_t i = 0; i < m->nrcpt; i++)
        if (text_glob(pattern, m->rcpt[i].addr) || text_glob(pattern, m->rcpt[i].dest) ||
            text_glob(pattern, m->rcpt[i].original))
            return true;
    return false;
}

static int walk_rows(struct db *d, struct sqlite3_stmt *st, struct str pattern, queue_fn *fn,
                     void *arg, struct why *w)
{
    int rc;
    while ((rc = db_step(st, w)) > 0) {
        struct message *m = load(d, st, w);
        if (m == NULL) {
            rc = (int)w->err;
            break;
        }
        if (!matches(m, pattern))
            message_free(&m);
        else if (fn(arg, m) != 0)
            break;
    }
    db_done(st);
    return rc < 0 ? rc : OK;
}

int queue_list(struct db *d, struct str pattern, queue_fn *fn, void *arg, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(d, "SELECT " MESSAGE_COLUMNS " FROM message ORDER BY id", w);
    if (st == NULL)
        return (int)w->err;
    return walk_rows(d, st, pattern, fn, arg, w);
}

int queue_family(struct db *d, msg_id id, queue_fn *fn, void *arg, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(d,
                                      "SELECT " MESSAGE_COLUMNS " FROM message WHERE id = ?1"
                                      " UNION ALL SELECT " MESSAGE_COLUMNS
                                      " FROM message WHERE origin = ?1 AND origin <> id ORDER BY 1",
                                      w);
    if (st == NULL)
        return (int)w->err;
    sqlite3_bind_int64(st, 1, (int64_t)id);
    return walk_rows(d, st, (struct str){NULL, 0}, fn, arg, w);
}

int queue_companions(struct db *d, const struct message *m, msg_id *ids, size_t max, struct why *w)
{
    if (m->nrcpt == 0)
        return 0;
    struct sqlite3_stmt *st = db_stmt(
        d,
        "SELECT rcpt.msg FROM rcpt JOIN message ON message.id = rcpt.msg WHERE rcpt.state = 0"
        " AND rcpt.due = ?1 AND rcpt.door = 0 AND rcpt.tries = ?2 AND rcpt.addr = ?3"
        " AND message.origin_sender = ?4 AND message.form = ?5 ORDER BY rcpt.msg LIMIT ?6",
        w);
    if (st == NULL)
        return (int)w->err;
    sqlite3_bind_int64(st, 1, m->rcpt[0].due.us);
    sqlite3_bind_int64(st, 2, m->rcpt[0].tries);
    db_bind_str(st, 3, m->rcpt[0].addr);
    db_bind_str(st, 4, m->origin_sender);
    sqlite3_bind_int(st, 5, BODY_DECK);
    sqlite3_bind_int64(st, 6, (int64_t)max);
    int rc, n = 0;
    while ((rc = db_step(st, w)) > 0)
        ids[n++] = (msg_id)sqlite3_column_int64(st, 0);
    db_done(st);
    return rc < 0 ? rc : n;
}

struct body *queue_body(struct db *d, struct store *s, msg_id id, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(d, "SELECT file, size, body FROM message WHERE id = ?", w);
    if (st == NULL)
        return NULL;
    sqlite3_bind_int64(st, 1, (int64_t)id);
    struct body *b = NULL;
    int rc = db_step(st, w);
    if (rc > 0 && sqlite3_column_type(st, 0) != SQLITE_NULL) {
        b = spool_load(store_spool(s), (uint64_t)sqlite3_column_int64(st, 0),
                       (uint64_t)sqlite3_column_int64(st, 1), w);
    } else if (rc > 0) {
        const void *p = sqlite3_column_blob(st, 2);
        b = body_of(cur_of(p, (size_t)sqlite3_column_bytes(st, 2)));
    } else if (rc == 0) {
        why_set(w, E_ABSENT, 0, NULL, "there is no message " MSG_ID_FMT " in the queue",
                MSG_ID_ARG(id));
    }
    db_done(st);
    return b;
}

int queue_get(struct db *d, struct store *s, msg_id id, struct message **m, struct why *w)
{
    int rc = load_id(d, id, m, w);
    if (rc < 0)
        return rc;
    (*m)->body = queue_body(d, s, id, w);
    if ((*m)->body != NULL)
        return OK;
    message_free(m);
    return (int)w->err;
}
