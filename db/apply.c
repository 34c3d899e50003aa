/* db/apply.c -- the writing SQL of the queue, one function an operation. */
#include "db/apply.h"

#include <sqlite3.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "db/history.h"
#include "db/jot.h"
#include "db/spool.h"
#include "db/trace.h"

#define PRUNE_ROUND 500
#define HISTORY_DAYS 60

/* Run a statement that answers no rows. */
static int run(struct sqlite3_stmt *st, struct why *w)
{
    int rc = db_step(st, w);
    db_done(st);
    return rc < 0 ? rc : OK;
}

static int one(struct db *d, const char *sql, uint64_t *value, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(d, sql, w);
    if (st == NULL)
        return (int)w->err;
    int rc = db_step(st, w);
    if (rc > 0)
        *value = (uint64_t)sqlite3_column_int64(st, 0);
    db_done(st);
    return rc < 0 ? rc : OK;
}

int apply_start(struct apply *a, struct db *d, msg_id *next, struct why *w)
{
    *a = (struct apply){.d = d};
    uint64_t id = 0, origin = 0, top = 0;
    int rc = one(d, "SELECT ifnull(max(id), 0) FROM message", &id, w);
    if (rc == OK)
        rc = one(d, "SELECT ifnull(max(origin), 0) FROM message WHERE origin <> id", &origin, w);
    if (rc == OK)
        rc = one(d,
                 "SELECT max(ifnull((SELECT max(msg) FROM journal), 0),"
                 " ifnull((SELECT value FROM counter WHERE name = 'message'), 0))",
                 &a->safe, w);
    if (rc == OK)
        rc = one(d,
                 "SELECT max(ifnull((SELECT max(number) FROM reader), 0),"
                 " ifnull((SELECT value FROM counter WHERE name = 'reader'), 0))",
                 &a->reader, w);
    if (rc == OK)
        rc = jot_count(d, &a->young, &top, w);
    if (top > a->safe)
        a->safe = top;
    msg_id most = id > origin ? id : origin;
    *next = (most > a->safe ? most : a->safe) + 1;
    return rc;
}

/* A small body goes into its row, a sealed one by the number of its file. */
static void bind_body(struct sqlite3_stmt *st, int file, int bytes, const struct body *b)
{
    if (b->file != 0)
        sqlite3_bind_int64(st, file, (int64_t)b->file);
    else
        sqlite3_bind_blob64(st, bytes, b->bytes != NULL ? b->bytes : (const void *)"", b->size,
                            SQLITE_STATIC);
}

static void bind_message(struct sqlite3_stmt *st, const struct message *m)
{
    sqlite3_bind_int64(st, 1, (int64_t)m->id);
    sqlite3_bind_int64(st, 2, (int64_t)m->origin);
    sqlite3_bind_int(st, 3, (int)m->from);
    sqlite3_bind_int(st, 4, (int)m->to);
    sqlite3_bind_int(st, 5, (int)m->form);
    sqlite3_bind_int64(st, 6, m->accepted.us);
    sqlite3_bind_int64(st, 7, (int64_t)m->body->size);
    bind_body(st, 8, 16, m->body);
    db_bind_str(st, 9, m->origin_sender);
    db_bind_str(st, 10, m->sender);
    db_bind_str(st, 11, m->subject);
    sqlite3_bind_int(st, 12, (int)m->ret);
    sqlite3_bind_int(st, 13, m->utf8);
    db_bind_str(st, 14, m->envid);
    db_bind_str(st, 15, m->head);
}

static int add_rcpt(struct sqlite3_stmt *st, const struct message *m, const struct rcpt *r,
                    struct why *w)
{
    sqlite3_bind_int64(st, 1, (int64_t)m->id);
    sqlite3_bind_int64(st, 2, r->n);
    sqlite3_bind_int(st, 3, (int)r->state);
    sqlite3_bind_int64(st, 4, r->due.us);
    sqlite3_bind_int64(st, 5, r->tries);
    sqlite3_bind_int(st, 6, r->warned);
    db_bind_str(st, 7, r->addr);
    db_bind_str(st, 8, r->dest);
    db_bind_str(st, 9, r->original);
    db_bind_str(st, 10, r->reason);
    sqlite3_bind_int(st, 11, (int)r->notify);
    db_bind_str(st, 12, r->orcpt);
    sqlite3_bind_int(st, 13, (int)m->to);
    return run(st, w);
}

static int add(struct apply *a, const struct op *o, struct why *w)
{
    const struct message *m = o->add;
    struct sqlite3_stmt *st =
        db_stmt(a->d,
                "INSERT INTO message (id, origin, from_door, to_door, form, accepted, size, file,"
                " origin_sender, sender, subject, ret, utf8, envid, head, body)"
                " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                w);
    if (st == NULL)
        return (int)w->err;
    bind_message(st, m);
    int rc = run(st, w);
    if (rc < 0)
        return rc;
    st = db_stmt(a->d,
                 "INSERT INTO rcpt (msg, n, state, due, tries, warned, addr, dest, original,"
                 " reason, notify, orcpt, door) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
                 w);
    if (st == NULL)
        return (int)w->err;
    for (size_t i = 0; rc == OK && i < m->nrcpt; i++) {
        rc = add_rcpt(st, m, &m->rcpt[i], w);
        tally_log_add(a->log, &a->mark, m->rcpt[i].dest, 1);
    }
    a->mark.messages++;
    return rc;
}

static int by_id(struct apply *a, const char *sql, msg_id id, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(a->d, sql, w);
    if (st == NULL)
        return (int)w->err;
    sqlite3_bind_int64(st, 1, (int64_t)id);
    return run(st, w);
}

/* A deletion of recipients that answers their destinations. */
static int drop_rcpts(struct apply *a, struct sqlite3_stmt *st, struct why *w)
{
    int rc;
    while ((rc = db_step(st, w)) > 0)
        tally_log_add(a->log, &a->mark, db_col_str(st, 0), -1);
    db_done(st);
    return rc;
}

static int remove_message(struct apply *a, const struct op *o, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(a->d, "DELETE FROM rcpt WHERE msg = ? RETURNING dest", w);
    if (st == NULL)
        return (int)w->err;
    sqlite3_bind_int64(st, 1, (int64_t)o->id);
    int rc = drop_rcpts(a, st, w);
    if (rc == OK)
        rc = by_id(a, "DELETE FROM message WHERE id = ?", o->id, w);
    if (rc == OK)
        a->mark.messages -= sqlite3_changes(db_handle(a->d));
    return rc;
}

static int rcpt_done(struct apply *a, const struct op *o, struct why *w)
{
    struct sqlite3_stmt *st =
        db_stmt(a->d, "DELETE FROM rcpt WHERE msg = ? AND n = ? RETURNING dest", w);
    if (st == NULL)
        return (int)w->err;
    sqlite3_bind_int64(st, 1, (int64_t)o->id);
    sqlite3_bind_int64(st, 2, o->n);
    int rc = drop_rcpts(a, st, w);
    if (rc == OK)
        rc = by_id(a,
                   "DELETE FROM message WHERE id = ?1 AND"
                   " NOT EXISTS (SELECT 1 FROM rcpt WHERE msg = ?1)",
                   o->id, w);
    if (rc == OK)
        a->mark.messages -= sqlite3_changes(db_handle(a->d));
    return rc;
}

static int rcpt_update(struct apply *a, const struct op *o, struct why *w)
{
    struct sqlite3_stmt *st =
        db_stmt(a->d,
                "UPDATE rcpt SET state = ?3, due = ?4, tries = ?5, warned = ?6, reason = ?7"
                " WHERE msg = ?1 AND n = ?2",
                w);
    if (st == NULL)
        return (int)w->err;
    sqlite3_bind_int64(st, 1, (int64_t)o->id);
    sqlite3_bind_int64(st, 2, o->rcpt->n);
    sqlite3_bind_int(st, 3, (int)o->rcpt->state);
    sqlite3_bind_int64(st, 4, o->rcpt->due.us);
    sqlite3_bind_int64(st, 5, o->rcpt->tries);
    sqlite3_bind_int(st, 6, o->rcpt->warned);
    db_bind_str(st, 7, o->rcpt->reason);
    return run(st, w);
}

static int reader_file(struct apply *a, const struct op *o, struct why *w)
{
    const struct reader_row *r = &o->reader->row;
    struct sqlite3_stmt *st =
        db_stmt(a->d,
                "INSERT INTO reader (number, user, origin, fn, ft, class, records, date, kind,"
                " size, file, deck) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
                w);
    if (st == NULL)
        return (int)w->err;
    sqlite3_bind_int64(st, 1, (int64_t)++a->reader);
    a->reader_moved = true;
    db_bind_str(st, 2, r->user);
    db_bind_str(st, 3, r->from);
    db_bind_str(st, 4, r->fn);
    db_bind_str(st, 5, r->ft);
    sqlite3_bind_int(st, 6, (unsigned char)r->class);
    sqlite3_bind_int64(st, 7, r->records);
    sqlite3_bind_int64(st, 8, r->date.us);
    db_bind_str(st, 9, r->kind);
    sqlite3_bind_int64(st, 10, (int64_t)o->reader->body->size);
    bind_body(st, 11, 12, o->reader->body);
    return run(st, w);
}

static int seen(struct apply *a, const struct op *o, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(a->d,
                                      "INSERT INTO seen (key, until) VALUES (?1, ?2)"
                                      " ON CONFLICT (key) DO UPDATE SET until = max(until, ?2)",
                                      w);
    if (st == NULL)
        return (int)w->err;
    db_bind_str(st, 1, o->seen.key);
    sqlite3_bind_int64(st, 2, o->seen.until.us);
    return run(st, w);
}

struct pair {
    int64_t msg, n;
};
struct pairs {
    struct pair *pair;
    size_t n;
};

static void pairs_add(struct pairs *p, int64_t msg, int64_t n)
{
    if ((p->n & (p->n - 1)) == 0)
        p->pair = mem_grow(p->pair, p->n == 0 ? 1 : p->n * 2, sizeof *p->pair);
    p->pair[p->n++] = (struct pair){msg, n};
}

/* The pattern is ours, not SQL's: the rows are few (what is put off), so they are looked at one by
 * one. */
static int retry(struct apply *a, const struct op *o, struct why *w)
{
    struct sqlite3_stmt *rows =
        db_stmt(a->d,
                "SELECT r.msg, r.n, r.dest FROM rcpt r JOIN message m ON m.id = r.msg"
                " WHERE r.state = 0 AND r.due > ?1 AND (?2 = 0 OR m.to_door = ?2)",
                w);
    struct sqlite3_stmt *st =
        rows != NULL ? db_stmt(a->d, "UPDATE rcpt SET due = ?3 WHERE msg = ?1 AND n = ?2", w)
                     : NULL;
    if (st == NULL)
        return (int)w->err;
    int64_t now = wall_now().us;
    sqlite3_bind_int64(rows, 1, now);
    sqlite3_bind_int(rows, 2, (int)o->retry.to);
    struct pairs found = {0};
    int rc;
    while ((rc = db_step(rows, w)) > 0)
        if (text_glob(o->retry.pattern, db_col_str(rows, 2)))
            pairs_add(&found, sqlite3_column_int64(rows, 0), sqlite3_column_int64(rows, 1));
    db_done(rows);
    for (size_t i = 0; rc == OK && i < found.n; i++) {
        sqlite3_bind_int64(st, 1, found.pair[i].msg);
        sqlite3_bind_int64(st, 2, found.pair[i].n);
        sqlite3_bind_int64(st, 3, now);
        rc = run(st, w);
    }
    free(found.pair);
    return rc;
}

static int set_state(struct apply *a, const struct op *o, struct why *w)
{
    struct sqlite3_stmt *st =
        db_stmt(a->d, "UPDATE rcpt SET state = ?2, due = ?3 WHERE msg = ?1", w);
    if (st == NULL)
        return (int)w->err;
    sqlite3_bind_int64(st, 1, (int64_t)o->id);
    sqlite3_bind_int(st, 2, (int)o->state);
    sqlite3_bind_int64(st, 3, wall_now().us);
    return run(st, w);
}

/* Two changes of one turn may both have met a new correspondent: the second finds the row made. */
static int add_nick(struct apply *a, const struct op *o, struct why *w)
{
    int rc = nickrow_insert(a->d, o->nick, w);
    if (rc != E_DENIED)
        return rc;
    struct why absent;
    struct nick_row row;
    struct arena *there = arena_new(65536);
    if (nickrow_get(a->d, o->nick->nick, there, &row, &absent) == OK &&
        str_eq(row.mailbox, o->nick->mailbox))
        rc = OK;
    arena_free(&there);
    return rc;
}

static int apply_op(struct apply *a, const struct op *o, struct why *w)
{
    if (o->kind == OP_ADD && o->id > a->top)
        a->top = o->id;
    if (o->cancelled)
        return OK;
    switch (o->kind) {
    case OP_ADD:
        return add(a, o, w);
    case OP_REMOVE:
        return remove_message(a, o, w);
    case OP_RCPT_DONE:
        return rcpt_done(a, o, w);
    case OP_RCPT:
        return rcpt_update(a, o, w);
    case OP_JOURNAL:
        return OK; /* apply_end */
    case OP_NICK:
        return add_nick(a, o, w);
    case OP_NICK_EDIT:
        return nickrow_edit(a->d, o->nick_edit->edit, &o->nick_edit->row, o->nick_edit->owner, w);
    case OP_ACCESS:
        return accessrow_put(a->d, o->access, w);
    case OP_ALIAS:
        return aliasrow_insert(a->d, o->alias, w) < 0 ? (int)w->err : OK;
    case OP_READER:
        return reader_file(a, o, w);
    case OP_RETRY:
        return retry(a, o, w);
    case OP_STATE:
        return set_state(a, o, w);
    case OP_THREAD:
        return threadrow_put(a->d, o->thread, w);
    case OP_STS:
        return stsrow_put(a->d, o->sts, w);
    case OP_SEEN:
        break;
    }
    return seen(a, o, w);
}

int apply_change(struct apply *a, const struct change *c, struct why *w)
{
    int rc = OK;
    for (const struct op *o = c->first; rc == OK && o != NULL; o = o->next)
        rc = apply_op(a, o, w);
    return rc;
}

static int counter(struct apply *a, struct str name, uint64_t value, struct why *w)
{
    struct sqlite3_stmt *st =
        db_stmt(a->d, "INSERT OR REPLACE INTO counter (name, value) VALUES (?, ?)", w);
    if (st == NULL)
        return (int)w->err;
    db_bind_str(st, 1, name);
    sqlite3_bind_int64(st, 2, (int64_t)value);
    return run(st, w);
}

int apply_end(struct apply *a, const struct change_list *l, struct why *w)
{
    int rc = jot_write(a->d, l, &a->safe, w);
    if (rc < 0)
        return rc;
    a->young += (uint64_t)rc;
    rc = OK;
    if (a->top > a->safe) {
        rc = counter(a, STR("message"), a->top, w);
        if (rc == OK)
            a->safe = a->top;
    }
    if (rc == OK && a->reader_moved)
        rc = counter(a, STR("reader"), a->reader, w);
    a->reader_moved = false;
    return rc;
}

int apply_file_named(struct db *d, uint64_t file, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(d,
                                      "SELECT 1 FROM message WHERE file = ?1 UNION ALL "
                                      "SELECT 1 FROM reader WHERE file = ?1",
                                      w);
    if (st == NULL)
        return (int)w->err;
    sqlite3_bind_int64(st, 1, (int64_t)file);
    int rc = db_step(st, w);
    db_done(st);
    return rc;
}

/* --- dropping what is old --- */

/* A stretch of the journal's oldest messages. */
struct stretch {
    msg_id id[PRUNE_ROUND];
    bool old[PRUNE_ROUND];
    size_t n;
    uint64_t bytes; /* of their rows, about */
};

/* Messages are numbered in order of time, so the oldest journal rows are those of the least
 * numbers. One still in the queue keeps its journal. */
static int read_stretch(struct apply *a, struct wall before, struct stretch *s, struct why *w)
{
    struct sqlite3_stmt *st =
        db_stmt(a->d,
                "SELECT msg, max(at), sum(length(event) + length(text) + 20) FROM journal"
                " WHERE msg > ? GROUP BY msg ORDER BY msg LIMIT ?",
                w);
    if (st == NULL)
        return (int)w->err;
    sqlite3_bind_int64(st, 1, (int64_t)a->pruned);
    sqlite3_bind_int(st, 2, PRUNE_ROUND);
    int rc;
    while ((rc = db_step(st, w)) > 0 && s->n < PRUNE_ROUND) {
        s->id[s->n] = (msg_id)sqlite3_column_int64(st, 0);
        s->old[s->n++] = sqlite3_column_int64(st, 1) < before.us;
        s->bytes += (uint64_t)sqlite3_column_int64(st, 2);
    }
    db_done(st);
    return rc < 0 ? rc : OK;
}

/* Is the journal longer than it may be? Judged by what its oldest stretch takes for each number. */
static bool too_long(const struct apply *a, const struct stretch *s, uint64_t bytes)
{
    if (bytes == 0 || s->n == 0)
        return false;
    uint64_t numbers = s->id[s->n - 1] - s->id[0] + 1, all = a->safe - s->id[0] + 1;
    return s->bytes / numbers * all > bytes;
}

static int prune_message(struct apply *a, msg_id id, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(
        a->d,
        "DELETE FROM journal WHERE msg = ?1 AND NOT EXISTS (SELECT 1 FROM message WHERE id = ?1)"
        " AND NOT EXISTS (SELECT 1 FROM message WHERE origin = ?1 AND origin <> id)",
        w);
    if (st == NULL)
        return (int)w->err;
    sqlite3_bind_int64(st, 1, (int64_t)id);
    return run(st, w);
}

/* 1 when the next stretch may hold more. Those that stay because they are queued are passed over:
 * the next round begins behind them, and the one after the last at the start again. */
static int prune_journal(struct apply *a, struct wall before, uint64_t bytes, struct why *w)
{
    struct stretch s = {.n = 0};
    int rc = read_stretch(a, before, &s, w);
    bool all = rc == OK && too_long(a, &s, bytes), any = false;
    for (size_t i = 0; rc == OK && i < s.n; i++) {
        if (s.old[i] || all)
            rc = prune_message(a, s.id[i], w);
        any = any || s.old[i] || all;
    }
    if (rc < 0)
        return rc;
    a->pruned = any && s.n == PRUNE_ROUND ? s.id[s.n - 1] : 0;
    if (s.n > 0 && a->pruned > 0)
        return 1;
    uint64_t first = a->safe + 1;
    rc = one(a->d, "SELECT min(msg) FROM journal", &first, w);
    first = first > 0 ? first : a->safe;
    if (rc == OK)
        rc = by_id(a, "DELETE FROM journal_hour WHERE bucket < ?1 >> 12", first, w);
    return rc < 0 ? rc : trace_prune(a->d, first, PRUNE_ROUND, w) == PRUNE_ROUND;
}

static int prune_seen(struct apply *a, struct wall now, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(
        a->d, "DELETE FROM seen WHERE key IN (SELECT key FROM seen WHERE until < ?1 LIMIT ?2)", w);
    if (st == NULL)
        return (int)w->err;
    sqlite3_bind_int64(st, 1, now.us);
    sqlite3_bind_int(st, 2, PRUNE_ROUND);
    int rc = run(st, w);
    return rc < 0 ? rc : sqlite3_changes(db_handle(a->d));
}

int apply_settle(struct apply *a, uint64_t most, struct why *w)
{
    int rc = db_begin(a->d, w);
    if (rc < 0)
        return rc;
    int n = jot_settle(a->d, most, w);
    rc = n < 0 ? n : db_commit(a->d, w);
    if (rc < 0)
        db_rollback(a->d);
    else
        a->young = (uint64_t)n < most ? 0 : a->young - (uint64_t)n;
    return rc;
}

int apply_prune(struct apply *a, struct wall before, uint64_t bytes, struct wall now, struct why *w)
{
    int rc = db_begin(a->d, w), rows = 0, keys = 0, threads = 0, changes = 0, policies = 0;
    struct wall kept = {now.us - HISTORY_DAYS * 86400 * US_PER_S}; /* there is no journal */
    if (rc < 0)
        return rc;
    if (a->safe > 0) /* the journal may have been the last to know the greatest number */
        rc = counter(a, STR("message"), a->safe, w);
    if (rc == OK)
        rc = rows = prune_journal(a, before, bytes, w);
    if (rc >= 0)
        rc = keys = prune_seen(a, now, w);
    if (rc >= 0)
        rc = threads = threadrow_prune(a->d, now, PRUNE_ROUND, w);
    if (rc >= 0)
        rc = changes = history_prune(a->d, before.us < now.us ? before : kept, PRUNE_ROUND, w);
    if (rc >= 0)
        rc = policies = stsrow_prune(a->d, now, PRUNE_ROUND, w);
    if (rc >= 0)
        rc = db_commit(a->d, w);
    if (rc < 0) {
        db_rollback(a->d);
        return rc;
    }
    return rows > 0 || keys == PRUNE_ROUND || threads == PRUNE_ROUND || changes == PRUNE_ROUND ||
           policies == PRUNE_ROUND;
}
