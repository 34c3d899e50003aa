/* rscs/unload.c -- see unload.h */
#include "rscs/unload.h"

#include <stdlib.h>
#include <string.h>

#define EXTENTS 16u
#define RECFM_F 0x80u
#define RECFM_V 0x40u
#define ALIAS 0x80u
#define USER_WORDS 0x1Fu

enum state { COPYR1, COPYR2, DIRECTORY, MEMBERS };
struct extent {
    uint32_t cyl, head, tracks;
};
struct entry {
    uint8_t name[8];
    uint32_t ttr;
    bool alias, done;
};
struct unload {
    enum state state;
    uint8_t recfm;
    uint16_t lrecl;
    uint32_t tracks_cyl;
    struct extent extent[EXTENTS];
    struct entry *entry; /* by ttr, once the directory is read */
    size_t nentry;
    bool directory_ended; /* its last name was met */
    bool within;          /* a member's blocks come */
    struct cur given;     /* blocks not yet looked at */
    struct cur block;     /* data of the block under way */
    struct arena *arena;
};

static int bad(struct why *w, const char *what)
{
    return why_set(w, E_SYNTAX, 0, NULL, "The unloaded data set is malformed: %s", what);
}

bool unload_looks(struct cur first)
{
    cur_skip(&first, 1);
    uint32_t mark = cur_be32(&first) >> 8;
    return !cur_bad(&first) && mark == 0xCA6D0F;
}

struct unload *unload_new(struct arena *a)
{
    struct unload *u = arena_alloc(a, sizeof *u);
    if (u == NULL)
        return NULL;
    *u = (struct unload){.arena = a};
    u->entry = arena_alloc(a, UNLOAD_MEMBERS_MAX * sizeof *u->entry);
    return u->entry != NULL ? u : NULL;
}

void unload_format(const struct unload *u, uint16_t *recfm, uint32_t *lrecl)
{
    *recfm = (uint16_t)((u->recfm & 0xF6u) << 8); /* the carriage control bits lie alike */
    *lrecl = u->lrecl;
}

void unload_give(struct unload *u, struct cur record)
{
    u->given = record;
    u->block = cur_of(NULL, 0);
}

static int copyr1(struct unload *u, struct why *w)
{
    struct cur c = u->given;
    if (!unload_looks(c))
        return bad(w, "it does not begin with COPYR1");
    cur_skip(&c, 8);
    u->lrecl = cur_be16(&c);
    u->recfm = cur_u8(&c);
    cur_skip(&c, 15);
    u->tracks_cyl = cur_be16(&c);
    return cur_bad(&c) ? bad(w, "COPYR1 is too short") : OK;
}

static int copyr2(struct unload *u, struct why *w)
{
    struct cur c = u->given;
    cur_skip(&c, 16);
    for (size_t i = 0; i < EXTENTS; i++) {
        cur_skip(&c, 6);
        u->extent[i].cyl = cur_be16(&c);
        u->extent[i].head = cur_be16(&c);
        cur_skip(&c, 4);
        u->extent[i].tracks = cur_be16(&c);
    }
    return cur_bad(&c) ? bad(w, "COPYR2 is too short") : OK;
}

struct block {
    uint8_t extent, record;
    uint32_t cyl, head;
    size_t n;
    struct cur data;
};

/* 1 a block, 0 none is left. */
static int next_block(struct unload *u, struct block *b, struct why *w)
{
    struct cur *c = &u->given;
    if (cur_left(c) == 0)
        return 0;
    cur_skip(c, 1);
    b->extent = cur_u8(c);
    cur_skip(c, 2);
    b->cyl = cur_be16(c);
    b->head = cur_be16(c);
    b->record = cur_u8(c);
    uint8_t key = cur_u8(c);
    b->n = cur_be16(c);
    cur_skip(c, key);
    b->data = cur_sub(c, b->n);
    return cur_bad(c) ? bad(w, "a block is cut short") : 1;
}

static uint32_t ttr_get(struct cur *c)
{
    uint32_t high = cur_be16(c);
    return high << 8 | cur_u8(c);
}

static int directory_block(struct unload *u, struct cur data, struct why *w)
{
    static const uint8_t last[8] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    size_t used = cur_be16(&data);
    if (used < 2 || cur_bad(&data))
        return bad(w, "a directory block is empty");
    struct cur c = cur_sub(&data, used - 2);
    while (!cur_bad(&c) && cur_left(&c) > 0 && !u->directory_ended) {
        struct entry e = {.done = false};
        cur_copy(&c, e.name, sizeof e.name);
        e.ttr = ttr_get(&c);
        uint8_t flags = cur_u8(&c);
        e.alias = (flags & ALIAS) != 0;
        u->directory_ended = memcmp(e.name, last, sizeof last) == 0;
        cur_skip(&c, 2 * (size_t)(flags & USER_WORDS));
        if (cur_bad(&c) || u->directory_ended)
            break;
        if (u->nentry == UNLOAD_MEMBERS_MAX)
            return why_set(w, E_LIMIT, 552, "5.3.4", "The data set has more than %u members",
                           UNLOAD_MEMBERS_MAX);
        u->entry[u->nentry++] = e;
    }
    return cur_bad(&c) ? bad(w, "a directory entry is cut short") : OK;
}

static int by_ttr(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->ttr != y->ttr)
        return x->ttr < y->ttr ? -1 : 1;
    return (int)x->alias - (int)y->alias; /* the member before its aliases */
}

/* Directory blocks end with one of length 0. */
static int directory(struct unload *u, struct why *w)
{
    struct block b;
    int v;
    while ((v = next_block(u, &b, w)) > 0) {
        if (b.n > 0) {
            if ((v = directory_block(u, b.data, w)) < 0)
                return v;
            continue;
        }
        qsort(u->entry, u->nentry, sizeof *u->entry, by_ttr);
        u->state = MEMBERS;
        break;
    }
    return v < 0 ? v : OK;
}

/* Where on its tracks the block lay, as the directory counts. */
static uint32_t ttr_of(const struct unload *u, const struct block *b)
{
    uint32_t track = 0;
    for (size_t i = 0; i < b->extent && i < EXTENTS; i++)
        track += u->extent[i].tracks;
    const struct extent *x = &u->extent[b->extent % EXTENTS];
    track += (b->cyl - x->cyl) * u->tracks_cyl + b->head - x->head;
    return track << 8 | b->record;
}

/* The member whose first block this is; where the place is in no entry (a data set without tracks)
 * the next in their order. */
static struct entry *member_at(struct unload *u, const struct block *b)
{
    uint32_t ttr = ttr_of(u, b);
    struct entry *next = NULL;
    for (size_t i = 0; i < u->nentry; i++) {
        if (u->entry[i].done)
            continue;
        if (u->entry[i].ttr == ttr)
            return &u->entry[i];
        if (next == NULL)
            next = &u->entry[i];
    }
    return next;
}

static int begin_member(struct unload *u, const struct block *b, struct unload_member *m,
                        struct why *w)
{
    struct entry *e = member_at(u, b);
    if (e == NULL)
        return bad(w, "a member is in no directory entry");
    uint32_t ttr = e->ttr;
    memcpy(m->name, e->name, sizeof m->name);
    m->aliases = 0;
    e->done = true;
    while (++e < u->entry + u->nentry && e->ttr == ttr) {
        e->done = true;
        m->aliases++;
    }
    return UNLOAD_MEMBER;
}

static int next_record(struct unload *u, struct cur *record, struct why *w)
{
    size_t left = cur_left(&u->block), n = left;
    if ((u->recfm & (RECFM_F | RECFM_V)) == RECFM_F && u->lrecl > 0 && u->lrecl < left)
        n = u->lrecl;
    if ((u->recfm & (RECFM_F | RECFM_V)) == RECFM_V) {
        n = cur_be16(&u->block);
        cur_skip(&u->block, 2);
        if (n < 4)
            return bad(w, "a record descriptor is under 4");
        n -= 4;
    }
    *record = cur_sub(&u->block, n);
    return cur_bad(&u->block) ? bad(w, "a record does not fit its block") : UNLOAD_RECORD;
}

/* A block of V records begins with its own length. */
static void open_block(struct unload *u, struct cur data)
{
    u->block = data;
    if ((u->recfm & (RECFM_F | RECFM_V)) == RECFM_V)
        cur_skip(&u->block, 4);
}

static int member_blocks(struct unload *u, struct unload_member *m, struct cur *record,
                         struct why *w)
{
    struct block b;
    int v;
    if (cur_left(&u->block) > 0)
        return next_record(u, record, w);
    while ((v = next_block(u, &b, w)) > 0) {
        bool was = u->within;
        u->within = b.n > 0;
        if (b.n > 0)
            open_block(u, b.data);
        if (!was)
            return begin_member(u, &b, m, w); /* with length 0: one without records */
        if (cur_left(&u->block) > 0)
            return next_record(u, record, w);
    }
    return v < 0 ? v : UNLOAD_MORE;
}

int unload_next(struct unload *u, struct unload_member *m, struct cur *record, struct why *w)
{
    int v = OK;
    if (u->state == MEMBERS)
        return member_blocks(u, m, record, w);
    if (cur_left(&u->given) == 0)
        return UNLOAD_MORE;
    switch (u->state) {
    case COPYR1:
        v = copyr1(u, w);
        u->state = COPYR2;
        u->given = cur_of(NULL, 0);
        break;
    case COPYR2:
        v = copyr2(u, w);
        u->state = DIRECTORY;
        u->given = cur_of(NULL, 0);
        break;
    case DIRECTORY:
    case MEMBERS:
        v = directory(u, w);
        break;
    }
    if (v < 0)
        return v;
    return u->state == MEMBERS ? member_blocks(u, m, record, w) : UNLOAD_MORE;
}
