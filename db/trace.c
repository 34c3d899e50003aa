/* db/trace.c -- see trace.h */
#include "db/trace.h"

#include <sqlite3.h>

#define HASH_BITS 23
#define LOW_BITS 16
#define YOUNG (INT64_C(1) << 62)
#define TOKENS_MOST 64
#define ADDRESS_MOST 400u

static int64_t bucket_start(uint64_t bucket)
{
    return (int64_t)(bucket << (HASH_BITS + LOW_BITS));
}

static int64_t young_key(msg_id id, uint64_t hash)
{
    return YOUNG | (int64_t)(id << HASH_BITS | hash);
}

/* Without ASCII case. */
static uint64_t hash_of(struct str s)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < s.n; i++) {
        h = (h ^ (uint8_t)ascii_lower(s.p[i])) * 1099511628211u;
    }
    return (h >> 20) & ((1u << HASH_BITS) - 1);
}

/* The address in a word like key=<address>, "" when it holds none. */
struct str trace_address(struct str word)
{
    size_t k = 0;
    while (k < word.n && word.p[k] >= 'a' && word.p[k] <= 'z')
        k++;
    if (k > 0 && k < word.n && word.p[k] == '=')
        word = str_sub(word, k + 1, word.n);
    while (word.n > 0 && (*word.p == '<' || *word.p == '(' || *word.p == '['))
        word = str_sub(word, 1, word.n);
    for (char c; word.n > 0; word.n--) {
        c = word.p[word.n - 1];
        if (c != '>' && c != ')' && c != ']' && c != ',' && c != ';' && c != ':' && c != '.')
            break;
    }
    ptrdiff_t at = str_find_last(word, '@');
    bool ok = at > 0 && (size_t)at + 1 < word.n && word.n <= ADDRESS_MOST;
    return ok ? word : str_sub(word, 0, 0);
}

int trace_text(struct db *d, msg_id id, struct str text, struct why *w)
{
    struct str word;
    uint64_t last = UINT64_MAX;
    int keys = 0;
    for (int n = 0; n < TOKENS_MOST && (word = str_word(&text)).n > 0; n++) {
        struct str address = trace_address(word);
        uint64_t hash = hash_of(address);
        if (address.n == 0 || hash == last)
            continue;
        last = hash;
        struct sqlite3_stmt *st = db_stmt(d, "INSERT OR IGNORE INTO trace (key) VALUES (?)", w);
        if (st == NULL)
            return (int)w->err;
        sqlite3_bind_int64(st, 1, young_key(id, hash));
        int rc = db_step(st, w);
        db_done(st);
        if (rc < 0)
            return rc;
        keys++;
    }
    return keys;
}

int trace_young(struct db *d, uint64_t *n, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(d, "SELECT count(*) FROM trace WHERE key >= ?", w);
    if (st == NULL)
        return (int)w->err;
    sqlite3_bind_int64(st, 1, YOUNG);
    int rc = db_step(st, w);
    *n = rc > 0 ? (uint64_t)sqlite3_column_int64(st, 0) : 0;
    db_done(st);
    return rc < 0 ? rc : OK;
}

/* One statement with two bounds: how many rows it changed. */
static int between(struct db *d, const char *sql, int64_t first, int64_t last, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(d, sql, w);
    if (st == NULL)
        return (int)w->err;
    sqlite3_bind_int64(st, 1, first);
    sqlite3_bind_int64(st, 2, last);
    int rc = db_step(st, w);
    db_done(st);
    return rc < 0 ? rc : sqlite3_changes(db_handle(d));
}

/* In the order of their places: each leaf is written once. */
int trace_settle(struct db *d, int most, struct why *w)
{
    int64_t end = 0;
    struct sqlite3_stmt *st = db_stmt(
        d, "SELECT max(key) FROM (SELECT key FROM trace WHERE key >= ? ORDER BY key LIMIT ?)", w);
    if (st == NULL)
        return (int)w->err;
    sqlite3_bind_int64(st, 1, YOUNG);
    sqlite3_bind_int(st, 2, most);
    int rc = db_step(st, w);
    if (rc > 0)
        end = sqlite3_column_int64(st, 0);
    db_done(st);
    if (rc <= 0 || end == 0)
        return rc < 0 ? rc : 0;
    rc = between(d,
                 "INSERT OR IGNORE INTO trace SELECT (id >> 16 << 39) + (hash << 16) + (id & 65535)"
                 " FROM (SELECT key >> 23 & 549755813887 AS id, key & 8388607 AS hash FROM trace"
                 " WHERE key BETWEEN ?1 AND ?2) ORDER BY 1",
                 YOUNG, end, w);
    return rc < 0 ? rc : between(d, "DELETE FROM trace WHERE key BETWEEN ?1 AND ?2", YOUNG, end, w);
}

/* The messages with a young key of that hash, one after the other; 0 when there is none left. */
static int next_young(struct sqlite3_stmt *st, msg_id *id, struct why *w)
{
    int rc = db_step(st, w);
    *id = rc > 0 ? (msg_id)sqlite3_column_int64(st, 0) : 0;
    return rc < 0 ? rc : OK;
}

struct finding {
    struct sqlite3_stmt *young;
    msg_id next; /* young one, 0 none */
    int (*fn)(void *arg, msg_id id);
    void *arg;
};

/* Tell of the young ones before message `before`; that one itself is told of by another key. */
static int tell_young(struct finding *f, msg_id before, int *stop, struct why *w)
{
    int rc = OK;
    while (rc == OK && *stop == 0 && f->next != 0 && f->next <= before) {
        if (f->next < before)
            *stop = f->fn(f->arg, f->next);
        rc = next_young(f->young, &f->next, w);
    }
    return rc;
}

static int find_settled(struct db *d, int64_t hash, msg_id first, msg_id last, struct finding *f,
                        int *stop, struct why *w)
{
    struct sqlite3_stmt *st =
        db_stmt(d, "SELECT key FROM trace WHERE key BETWEEN ? AND ? ORDER BY key", w);
    if (st == NULL)
        return (int)w->err;
    int64_t low = (1 << LOW_BITS) - 1;
    int rc = OK;
    for (uint64_t b = first >> LOW_BITS; b <= last >> LOW_BITS && rc == OK && *stop == 0; b++) {
        sqlite3_bind_int64(st, 1, bucket_start(b) + (hash << LOW_BITS));
        sqlite3_bind_int64(st, 2, bucket_start(b) + (hash << LOW_BITS) + low);
        while (*stop == 0 && (rc = db_step(st, w)) > 0) {
            msg_id id = b << LOW_BITS | (uint64_t)(sqlite3_column_int64(st, 0) & low);
            if (id >= first && id <= last)
                rc = tell_young(f, id, stop, w);
            if (id >= first && id <= last && rc == OK && *stop == 0)
                *stop = f->fn(f->arg, id);
            if (rc < 0)
                break;
        }
        sqlite3_reset(st);
    }
    db_done(st);
    return rc < 0 ? rc : OK;
}

int trace_find(struct db *d, struct str address, msg_id first, msg_id last,
               int (*fn)(void *arg, msg_id id), void *arg, struct why *w)
{
    struct str plain = trace_address(address);
    uint64_t hash = hash_of(plain.n > 0 ? plain : address);
    struct finding f = {.fn = fn, .arg = arg};
    f.young =
        db_stmt(d,
                "SELECT DISTINCT key >> 23 & 549755813887 FROM trace WHERE key BETWEEN ? AND ?"
                " AND key & 8388607 = ? ORDER BY 1",
                w);
    if (f.young == NULL)
        return (int)w->err;
    sqlite3_bind_int64(f.young, 1, young_key(first, 0));
    sqlite3_bind_int64(f.young, 2, young_key(last + 1, 0) - 1);
    sqlite3_bind_int64(f.young, 3, (int64_t)hash);
    int stop = 0, rc = next_young(f.young, &f.next, w);
    if (rc == OK)
        rc = find_settled(d, (int64_t)hash, first, last, &f, &stop, w);
    if (rc == OK)
        rc = tell_young(&f, last + 1, &stop, w);
    db_done(f.young);
    return rc;
}

int trace_prune(struct db *d, msg_id first, int most, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(
        d,
        "DELETE FROM trace WHERE key IN (SELECT key FROM trace WHERE key < ?1 OR key BETWEEN ?3 AND"
        " ?4 LIMIT ?2)",
        w);
    if (st == NULL)
        return (int)w->err;
    sqlite3_bind_int64(st, 1, bucket_start(first >> LOW_BITS));
    sqlite3_bind_int(st, 2, most);
    sqlite3_bind_int64(st, 3, YOUNG);
    sqlite3_bind_int64(st, 4, young_key(first, 0) - 1);
    int rc = db_step(st, w);
    db_done(st);
    return rc < 0 ? rc : sqlite3_changes(db_handle(d));
}
