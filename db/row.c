/* db/row.c -- the common part of the directory's row modules: see row.h */
#include "db/row.h"

#include <sqlite3.h>
#include <string.h>

#include "base/idn.h"
#include "db/history.h"
#include "db/memo.h"

/* --- keys --- */

static char fold(char c, char from, char to)
{
    return c >= from && c <= to ? (char)(c ^ ('a' ^ 'A')) : c;
}

bool row_upper(struct row_key *k, struct str s, size_t most)
{
    if (s.n > most || s.n > sizeof k->text)
        return false;
    for (size_t i = 0; i < s.n; i++)
        k->text[i] = fold(s.p[i], 'a', 'z');
    k->s = (struct str){k->text, s.n};
    return true;
}

bool row_mailbox(struct row_key *k, struct str mailbox)
{
    if (mailbox.n == 0 || !idn_fold(mailbox, k->text, sizeof k->text))
        return false;
    k->s = str_of(k->text);
    return true;
}

bool row_mailbox_once(struct row_key *k, const struct row_key *now)
{
    if (!idn_unfold(now->s, k->text, sizeof k->text))
        return false;
    k->s = str_of(k->text);
    return true;
}

/* --- rows that are remembered --- */

#define KEY_MOST 800u
#define VALUE_MOST 8192u

/* The query's tag and the keys, NUL between them; "" when it is none to remember. */
static struct str memo_key(char *to, const struct row_query *q, const struct str *key, size_t nkey)
{
    size_t n = 0;
    to[n++] = q->tag;
    for (size_t i = 0; i < nkey; i++) {
        if (n + key[i].n + 1 > KEY_MOST)
            return STR("");
        memcpy(to + n, key[i].p, key[i].n);
        n += key[i].n;
        to[n++] = '\0';
    }
    return (struct str){to, n};
}

/* A remembered row: of each column the number, or the length and the text with its NUL. */
static void unpack(struct str value, const char *cells, struct arena *a, struct cell *cell)
{
    const char *p = value.p; /* lent, for a query without texts */
    if (a != NULL) {
        char *copy = arena_alloc(a, value.n);
        if (copy == NULL)
            return;
        p = memcpy(copy, value.p, value.n);
    }
    for (; *cells != '\0'; cells++, cell++) {
        int64_t number;
        memcpy(&number, p, sizeof number);
        p += sizeof number;
        *cell = (struct cell){.number = number};
        if (*cells == 't') {
            cell->text = (struct str){p, (size_t)number};
            p += number + 1;
        }
    }
}

static size_t packed_size(const char *cells, const struct cell *cell)
{
    size_t n = 0;
    for (; *cells != '\0'; cells++, cell++)
        n += sizeof cell->number + (*cells == 't' ? cell->text.n + 1 : 0);
    return n;
}

static void remember(struct memo *m, struct str key, const char *cells, const struct cell *cell)
{
    char value[VALUE_MOST], *p = value;
    if (packed_size(cells, cell) > sizeof value)
        return;
    for (; *cells != '\0'; cells++, cell++) {
        int64_t number = *cells == 't' ? (int64_t)cell->text.n : cell->number;
        memcpy(p, &number, sizeof number);
        p += sizeof number;
        if (*cells != 't')
            continue;
        if (cell->text.n > 0)
            memcpy(p, cell->text.p, cell->text.n);
        p[cell->text.n] = '\0';
        p += cell->text.n + 1;
    }
    memo_put(m, key, (struct str){value, (size_t)(p - value)});
}

static void read_cells(struct sqlite3_stmt *st, const char *cells, struct cell *cell)
{
    for (int i = 0; cells[i] != '\0'; i++)
        cell[i] = cells[i] == 't' ? cell_text(db_col_str(st, i))
                                  : cell_number(sqlite3_column_int64(st, i));
}

static int ask(struct db *d, const struct row_query *q, const struct str *key, size_t nkey,
               struct arena *a, struct cell *cell, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(d, q->sql, w);
    if (st == NULL)
        return (int)w->err;
    for (size_t i = 0; i < nkey; i++)
        db_bind_str(st, (int)i + 1, key[i]);
    int rc = db_step(st, w);
    if (rc > 0) {
        read_cells(st, q->cells, cell);
        for (size_t i = 0; q->cells[i] != '\0'; i++)
            if (q->cells[i] == 't')
                cell[i].text = arena_str(a, cell[i].text);
    }
    db_done(st);
    return rc;
}

int row_find(struct db *d, const struct row_query *q, const struct str *key, size_t nkey,
             bool keep_absent, struct arena *a, struct cell *cell, struct why *w)
{
    char text[KEY_MOST];
    struct str value, known = STR("");
    struct memo *m = q->tag != 0 ? db_memo(d) : NULL;
    if (m != NULL)
        known = memo_key(text, q, key, nkey);
    if (known.n > 0 && memo_get(m, known, &value) > 0) {
        if (value.n > 0)
            unpack(value, q->cells, a, cell);
        return value.n > 0;
    }
    int rc = ask(d, q, key, nkey, a, cell, w);
    if (known.n > 0 && rc > 0)
        remember(m, known, q->cells, cell);
    else if (known.n > 0 && rc == 0 && keep_absent)
        memo_put(m, known, STR(""));
    return rc;
}

/* --- walks and writes --- */

int row_each(struct db *d, const struct row_query *q, row_fn *fn, void *arg, struct why *w)
{
    struct cell cell[ROW_CELLS];
    struct sqlite3_stmt *st = db_stmt(d, q->sql, w);
    if (st == NULL)
        return (int)w->err;
    int rc;
    while ((rc = db_step(st, w)) > 0) {
        read_cells(st, q->cells, cell);
        if (fn(arg, cell) != 0)
            break;
    }
    db_done(st);
    return rc < 0 ? rc : OK;
}

int row_run(struct db *d, const char *sql, const char *cells, const struct cell *value,
            int *changed, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(d, sql, w);
    if (st == NULL)
        return (int)w->err;
    for (int i = 0; cells[i] != '\0'; i++)
        if (cells[i] == 't')
            db_bind_str(st, i + 1, value[i].text);
        else
            sqlite3_bind_int64(st, i + 1, value[i].number);
    int rc = db_step(st, w);
    db_done(st);
    if (changed != NULL)
        *changed = sqlite3_changes(db_handle(d));
    return rc < 0 ? rc : OK;
}

int row_settle(struct db *d, int rc, struct why *w)
{
    if (rc == OK)
        rc = db_commit(d, w);
    if (rc < 0)
        db_rollback(d);
    return rc;
}

int row_alone(struct db *d, struct str who, int (*fn)(struct db *d, const void *row, struct why *w),
              const void *row, struct why *w)
{
    int rc = db_begin(d, w);
    if (rc < 0)
        return rc;
    rc = history_begin(d, who, 0, w);
    if (rc == OK)
        rc = fn(d, row, w);
    if (rc == OK)
        rc = history_end(d, w);
    return row_settle(d, rc, w);
}
