/* db/jot.c -- see jot.h. A packed row: message number and microseconds (8 octets each), length of
 * the event (1), of the text (4), both. */
#include "db/jot.h"

#include <sqlite3.h>
#include <stdlib.h>

#include "base/mem.h"
#include "db/trace.h"

#define EVENT_MOST 255u
#define JOTS_MOST (1u << 30) /* octets: more than the writer ever leaves */
#define US_PER_HOUR (3600 * US_PER_S)
/* Rows of one message in one microsecond: more than this many is no clock. */
#define SAME_STAMP_MOST 1000

/* --- writing --- */

static void pack(struct buf *b, const struct op *o)
{
    struct str event = str_sub(o->journal.event, 0, EVENT_MOST);
    buf_be64(b, o->id);
    buf_be64(b, (uint64_t)o->journal.at.us);
    buf_u8(b, (uint8_t)event.n);
    buf_be32(b, (uint32_t)o->journal.text.n);
    buf_str(b, event);
    buf_str(b, o->journal.text);
}

static int insert(struct db *d, const struct buf *rows, msg_id top, int n, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(d, "INSERT INTO jot (top, n, rows) VALUES (?, ?, ?)", w);
    if (st == NULL)
        return (int)w->err;
    sqlite3_bind_int64(st, 1, (int64_t)top);
    sqlite3_bind_int(st, 2, n);
    sqlite3_bind_blob64(st, 3, rows->p, rows->n, SQLITE_STATIC);
    int rc = db_step(st, w);
    db_done(st);
    return rc < 0 ? rc : n;
}

int jot_write(struct db *d, const struct change_list *l, msg_id *top, struct why *w)
{
    struct buf rows;
    msg_id greatest = 0;
    int n = 0;
    buf_init(&rows, JOTS_MOST);
    for (const struct change *c = l->first; c != NULL; c = c->next)
        for (const struct op *o = c->first; c->verdict == CHANGE_WAITS && o != NULL; o = o->next)
            if (o->kind == OP_JOURNAL) {
                pack(&rows, o);
                greatest = o->id > greatest ? o->id : greatest;
                n++;
            }
    int rc = n > 0 ? insert(d, &rows, greatest, n, w) : 0;
    buf_done(&rows);
    if (rc > 0 && greatest > *top)
        *top = greatest;
    return rc;
}

/* --- reading --- */

/* 1 when the table is there, 0 in a database of an earlier version. */
static int has_jots(struct db *d, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(d, "SELECT 1 FROM sqlite_schema WHERE name = 'jot'", w);
    if (st == NULL)
        return (int)w->err;
    int rc = db_step(st, w);
    db_done(st);
    return rc;
}

int jot_count(struct db *d, uint64_t *n, msg_id *top, struct why *w)
{
    return db_pair(d, "SELECT ifnull(sum(n), 0), ifnull(max(top), 0) FROM jot", n, top, w);
}

static int by_message(const void *a, const void *b)
{
    const struct journal_row *x = a, *y = b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return x->at.us < y->at.us ? -1 : x->at.us > y->at.us;
}

static void unpack(struct jots *j, size_t rows)
{
    struct cur c = buf_cur(&j->bytes);
    j->row = mem_grow(NULL, rows > 0 ? rows : 1, sizeof *j->row);
    while (j->n < rows && cur_left(&c) > 0) {
        struct journal_row r = {.id = cur_be64(&c), .at = {(int64_t)cur_be64(&c)}};
        size_t event = cur_u8(&c), text = cur_be32(&c);
        struct cur e = cur_sub(&c, event), t = cur_sub(&c, text);
        if (cur_bad(&c))
            return; /* a damaged jot: what is before it */
        r.event = cur_str(&e);
        r.text = cur_str(&t);
        j->row[j->n++] = r;
    }
    qsort(j->row, j->n, sizeof *j->row, by_message);
}

int jots_read(struct db *d, uint64_t most, struct jots *j, struct why *w)
{
    *j = (struct jots){.n = 0};
    buf_init(&j->bytes, JOTS_MOST);
    int rc = has_jots(d, w);
    if (rc <= 0)
        return rc;
    struct sqlite3_stmt *st = db_stmt(d, "SELECT id, n, rows FROM jot ORDER BY id", w);
    if (st == NULL)
        return (int)w->err;
    size_t rows = 0;
    while (rows < most && (rc = db_step(st, w)) > 0) {
        j->last = sqlite3_column_int64(st, 0);
        rows += (size_t)sqlite3_column_int64(st, 1);
        buf_add(&j->bytes, sqlite3_column_blob(st, 2), (size_t)sqlite3_column_bytes(st, 2));
    }
    db_done(st);
    if (rc >= 0)
        unpack(j, rows);
    return rc < 0 ? rc : OK;
}

void jots_done(struct jots *j)
{
    buf_done(&j->bytes);
    free(j->row);
    *j = (struct jots){.n = 0};
}

const struct journal_row *jots_of(const struct jots *j, msg_id id, size_t *n)
{
    size_t low = 0, high = j->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (j->row[mid].id < id)
            low = mid + 1;
        else
            high = mid;
    }
    for (high = low; high < j->n && j->row[high].id == id; high++)
        continue;
    *n = high - low;
    return j->n > 0 ? j->row + low : NULL;
}

/* --- to their places --- */

struct keys {
    int64_t *key;
    size_t n, space;
};

static void keys_add(struct keys *k, int64_t key)
{
    if (k->n == k->space) {
        k->space = k->space == 0 ? 1024 : k->space * 2;
        k->key = mem_grow(k->key, k->space, sizeof *k->key);
    }
    k->key[k->n++] = key;
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* In order, so that each leaf is written once; each once. */
static void keys_sort(struct keys *k)
{
    size_t n = 0;
    if (k->n > 0)
        qsort(k->key, k->n, sizeof *k->key, by_number);
    for (size_t i = 0; i < k->n; i++)
        if (i == 0 || k->key[i] != k->key[i - 1])
            k->key[n++] = k->key[i];
    k->n = n;
}

/* Stamps are unique while the store runs; after a step of the clock one may fall on an older row of
 * the same message: then the next free microsecond. */
static int put_row(struct sqlite3_stmt *st, const struct journal_row *r, struct why *w)
{
    int rc = E_DENIED;
    for (int i = 0; rc == E_DENIED && i < SAME_STAMP_MOST; i++) {
        sqlite3_bind_int64(st, 1, (int64_t)r->id);
        sqlite3_bind_int64(st, 2, r->at.us + i);
        db_bind_str(st, 3, r->event);
        db_bind_str(st, 4, r->text);
        rc = db_step(st, w);
        sqlite3_reset(st);
    }
    return rc;
}

static void add_key(void *arg, int64_t key)
{
    keys_add(arg, key);
}

static int put_rows(struct db *d, const struct jots *j, struct keys *traces, struct keys *hours,
                    struct why *w)
{
    struct sqlite3_stmt *st =
        db_stmt(d, "INSERT INTO journal (msg, at, event, text) VALUES (?,?,?,?)", w);
    int rc = st != NULL ? OK : (int)w->err;
    for (size_t i = 0; rc >= 0 && i < j->n; i++) {
        const struct journal_row *r = &j->row[i];
        rc = put_row(st, r, w);
        trace_keys(r->id, r->text, add_key, traces);
        int64_t key = r->at.us / US_PER_HOUR << 35 | (int64_t)(r->id >> JOURNAL_BUCKET_BITS);
        if (hours->n == 0 || hours->key[hours->n - 1] != key)
            keys_add(hours, key);
    }
    if (st != NULL)
        db_done(st);
    return rc < 0 ? rc : OK;
}

/* sql takes one number, or two: a key's upper part and its lower 35 bits. */
static int put_keys(struct db *d, const char *sql, struct keys *k, bool two, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(d, sql, w);
    int rc = st != NULL ? OK : (int)w->err;
    keys_sort(k);
    for (size_t i = 0; rc >= 0 && i < k->n; i++) {
        sqlite3_bind_int64(st, 1, two ? k->key[i] >> 35 : k->key[i]);
        if (two)
            sqlite3_bind_int64(st, 2, k->key[i] & ((INT64_C(1) << 35) - 1));
        rc = db_step(st, w);
        sqlite3_reset(st);
    }
    if (st != NULL)
        db_done(st);
    return rc < 0 ? rc : OK;
}

static int drop(struct db *d, int64_t last, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(d, "DELETE FROM jot WHERE id <= ?", w);
    if (st == NULL)
        return (int)w->err;
    sqlite3_bind_int64(st, 1, last);
    int rc = db_step(st, w);
    db_done(st);
    return rc;
}

int jot_settle(struct db *d, uint64_t most, struct why *w)
{
    struct jots j;
    struct keys traces = {.n = 0}, hours = {.n = 0};
    int rc = jots_read(d, most, &j, w);
    if (rc == OK)
        rc = put_rows(d, &j, &traces, &hours, w);
    if (rc == OK)
        rc = put_keys(d, "INSERT OR IGNORE INTO trace (key) VALUES (?)", &traces, false, w);
    if (rc == OK)
        rc = put_keys(d, "INSERT OR IGNORE INTO journal_hour (hour, bucket) VALUES (?, ?)", &hours,
                      true, w);
    if (rc == OK)
        rc = drop(d, j.last, w);
    if (rc == OK)
        rc = (int)j.n;
    free(traces.key);
    free(hours.key);
    jots_done(&j);
    return rc;
}
