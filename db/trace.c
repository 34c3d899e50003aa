/* db/trace.c -- see trace.h */
#include "db/trace.h"

#include <sqlite3.h>

#define HASH_BITS 23
#define LOW_BITS 16
#define TOKENS_MOST 64
#define ADDRESS_MOST 400u

static int64_t bucket_start(uint64_t bucket)
{
    return (int64_t)(bucket << (HASH_BITS + LOW_BITS));
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

void trace_keys(msg_id id, struct str text, void (*fn)(void *arg, int64_t key), void *arg)
{
    struct str word;
    for (int n = 0; n < TOKENS_MOST && (word = str_word(&text)).n > 0; n++) {
        struct str address = trace_address(word);
        if (address.n > 0)
            fn(arg, bucket_start(id >> LOW_BITS) + (int64_t)(hash_of(address) << LOW_BITS) +
                        (int64_t)(id & ((1u << LOW_BITS) - 1)));
    }
}

bool trace_names(struct str text, struct str address)
{
    struct str word;
    for (int n = 0; n < TOKENS_MOST && (word = str_word(&text)).n > 0; n++)
        if (word.n >= address.n && address.n > 0 && str_eq_nocase(trace_address(word), address))
            return true;
    return false;
}

int trace_find(struct db *d, struct str address, msg_id first, msg_id last,
               int (*fn)(void *arg, msg_id id), void *arg, struct why *w)
{
    struct str plain = trace_address(address);
    int64_t hash = (int64_t)hash_of(plain.n > 0 ? plain : address);
    struct sqlite3_stmt *st =
        db_stmt(d, "SELECT key FROM trace WHERE key BETWEEN ? AND ? ORDER BY key", w);
    if (st == NULL)
        return (int)w->err;
    int64_t low = (1 << LOW_BITS) - 1;
    int rc = OK, stop = 0;
    for (uint64_t b = first >> LOW_BITS; b <= last >> LOW_BITS && rc == OK && stop == 0; b++) {
        sqlite3_bind_int64(st, 1, bucket_start(b) + (hash << LOW_BITS));
        sqlite3_bind_int64(st, 2, bucket_start(b) + (hash << LOW_BITS) + low);
        while (stop == 0 && (rc = db_step(st, w)) > 0) {
            msg_id id = b << LOW_BITS | (uint64_t)(sqlite3_column_int64(st, 0) & low);
            if (id >= first && id <= last)
                stop = fn(arg, id);
        }
        sqlite3_reset(st);
    }
    db_done(st);
    return rc < 0 ? rc : OK;
}

int trace_prune(struct db *d, msg_id first, int most, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(
        d, "DELETE FROM trace WHERE key IN (SELECT key FROM trace WHERE key < ?1 LIMIT ?2)", w);
    if (st == NULL)
        return (int)w->err;
    sqlite3_bind_int64(st, 1, bucket_start(first >> LOW_BITS));
    sqlite3_bind_int(st, 2, most);
    int rc = db_step(st, w);
    db_done(st);
    return rc < 0 ? rc : sqlite3_changes(db_handle(d));
}
