/* db/tally.c -- see tally.h */
#include "db/tally.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"

struct slot { /* n 0: free or given up; dest NULL: free and never used */
    char *dest;
    size_t len;
    int64_t n;
};
struct tally {
    pthread_mutex_t lock;
    struct slot *slot;
    size_t size, used; /* slots, a power of two; with a dest */
    int64_t messages;
};

struct line {
    size_t at, len; /* in bytes */
    int n;
};
struct tally_log {
    struct line *line;
    size_t line_space;
    char *bytes;
    size_t byte_space;
};

struct tally *tally_new(void)
{
    struct tally *t = mem_new(sizeof *t);
    t->size = 64;
    t->slot = mem_new(t->size * sizeof *t->slot);
    pthread_mutex_init(&t->lock, NULL);
    return t;
}

void tally_free(struct tally **t)
{
    if (*t == NULL)
        return;
    for (size_t i = 0; i < (*t)->size; i++)
        free((*t)->slot[i].dest);
    pthread_mutex_destroy(&(*t)->lock);
    free((*t)->slot);
    free(*t);
    *t = NULL;
}

static struct slot *slot_of(struct tally *t, const char *dest, size_t len)
{
    uint64_t hash = str_hash((struct str){dest, len});
    for (size_t at = (size_t)hash & (t->size - 1);; at = (at + 1) & (t->size - 1)) {
        struct slot *s = &t->slot[at];
        if (s->dest == NULL || (s->len == len && memcmp(s->dest, dest, len) == 0))
            return s;
    }
}

/* Twice as large, or as large as before without the destinations that nothing waits for. */
static void make_room(struct tally *t)
{
    struct slot *old = t->slot;
    size_t size = t->size, live = 0;
    for (size_t i = 0; i < size; i++)
        live += old[i].n != 0;
    t->size = live * 4 > size ? size * 2 : size;
    t->slot = mem_new(t->size * sizeof *t->slot);
    t->used = live;
    for (size_t i = 0; i < size; i++) {
        if (old[i].n != 0)
            *slot_of(t, old[i].dest, old[i].len) = old[i];
        else
            free(old[i].dest);
    }
    free(old);
}

static void add(struct tally *t, const char *dest, size_t len, int64_t n)
{
    struct slot *s = slot_of(t, dest, len);
    if (s->dest == NULL && (t->used + 1) * 2 > t->size) {
        make_room(t);
        s = slot_of(t, dest, len);
    }
    if (s->dest == NULL) {
        *s = (struct slot){.dest = mem_copy(dest, len), .len = len};
        t->used++;
    }
    s->n += n;
}

int tally_load(struct tally *t, struct db *d, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(d, "SELECT msg, dest FROM rcpt", w);
    if (st == NULL)
        return (int)w->err;
    int rc;
    int64_t last = -1;
    pthread_mutex_lock(&t->lock);
    while ((rc = db_step(st, w)) > 0) {
        struct str dest = db_col_str(st, 1);
        int64_t msg = sqlite3_column_int64(st, 0);
        t->messages += msg != last; /* the table is in order of messages */
        last = msg;
        add(t, dest.p, dest.n, 1);
    }
    pthread_mutex_unlock(&t->lock);
    db_done(st);
    return rc;
}

uint64_t tally_messages(struct tally *t)
{
    pthread_mutex_lock(&t->lock);
    int64_t n = t->messages;
    pthread_mutex_unlock(&t->lock);
    return n > 0 ? (uint64_t)n : 0;
}

void tally_each(struct tally *t, void (*fn)(void *arg, struct str dest, uint64_t n), void *arg)
{
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < t->size; i++)
        if (t->slot[i].n > 0)
            fn(arg, (struct str){t->slot[i].dest, t->slot[i].len}, (uint64_t)t->slot[i].n);
    pthread_mutex_unlock(&t->lock);
}

struct tally_log *tally_log_new(void)
{
    return mem_new(sizeof(struct tally_log));
}

void tally_log_free(struct tally_log **l)
{
    if (*l == NULL)
        return;
    free((*l)->line);
    free((*l)->bytes);
    free(*l);
    *l = NULL;
}

void tally_log_add(struct tally_log *l, struct tally_mark *m, struct str dest, int n)
{
    if (m->lines == l->line_space) {
        l->line_space = l->line_space == 0 ? 64 : l->line_space * 2;
        l->line = mem_grow(l->line, l->line_space, sizeof *l->line);
    }
    if (dest.n > l->byte_space - m->bytes) {
        l->byte_space = (l->byte_space + dest.n) * 2 + 1024;
        l->bytes = mem_grow(l->bytes, l->byte_space, 1);
    }
    if (dest.n > 0)
        memcpy(l->bytes + m->bytes, dest.p, dest.n);
    l->line[m->lines++] = (struct line){m->bytes, dest.n, n};
    m->bytes += dest.n;
}

void tally_settle(struct tally *t, struct tally_log *l, struct tally_mark *m)
{
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < m->lines; i++)
        add(t, l->line[i].len > 0 ? l->bytes + l->line[i].at : "", l->line[i].len, l->line[i].n);
    t->messages += m->messages;
    pthread_mutex_unlock(&t->lock);
    *m = (struct tally_mark){0};
}
