/* db/idmap.c -- open addressing with linear probing; removal closes the gap, so no tombstones. */
#include "db/idmap.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SIZE_FIRST 64u
#define SIZE_KEPT 4096u

struct idmap_slot {
    uint64_t id, value;
};

/* Numbers come in series: the multiplier (2^64 / golden ratio) spreads them. */
static size_t home(const struct idmap *m, uint64_t id)
{
    return (size_t)((id * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (m->size - 1);
}

static size_t place(const struct idmap *m, uint64_t id)
{
    size_t i = home(m, id);
    while (m->slot[i].id != 0 && m->slot[i].id != id)
        i = (i + 1) & (m->size - 1);
    return i;
}

static void widen(struct idmap *m)
{
    struct idmap old = *m;
    m->size = old.size == 0 ? SIZE_FIRST : old.size * 2;
    m->slot = mem_new(m->size * sizeof *m->slot);
    for (size_t i = 0; i < old.size; i++)
        if (old.slot[i].id != 0)
            m->slot[place(m, old.slot[i].id)] = old.slot[i];
    free(old.slot);
}

void idmap_put(struct idmap *m, uint64_t id, uint64_t value)
{
    if (m->n * 2 >= m->size)
        widen(m);
    struct idmap_slot *s = &m->slot[place(m, id)];
    if (s->id == 0)
        m->n++;
    *s = (struct idmap_slot){.id = id, .value = value};
}

uint64_t idmap_get(const struct idmap *m, uint64_t id)
{
    return m->n == 0 ? 0 : m->slot[place(m, id)].value;
}

void idmap_drop(struct idmap *m, uint64_t id)
{
    if (m->n == 0)
        return;
    size_t gap = place(m, id), mask = m->size - 1;
    if (m->slot[gap].id == 0)
        return;
    m->n--;
    /* An entry further on moves into the gap when its home is not between the gap and itself. */
    for (size_t i = (gap + 1) & mask; m->slot[i].id != 0; i = (i + 1) & mask) {
        size_t from_home = (i - home(m, m->slot[i].id)) & mask;
        if (from_home >= ((i - gap) & mask)) {
            m->slot[gap] = m->slot[i];
            gap = i;
        }
    }
    m->slot[gap] = (struct idmap_slot){0};
}

bool idmap_each(const struct idmap *m, size_t *at, uint64_t *id, uint64_t *value)
{
    while (*at < m->size) {
        const struct idmap_slot *s = &m->slot[(*at)++];
        if (s->id == 0)
            continue;
        *id = s->id;
        *value = s->value;
        return true;
    }
    return false;
}

void idmap_clear(struct idmap *m)
{
    if (m->size > SIZE_KEPT)
        idmap_done(m);
    else if (m->n > 0)
        memset(m->slot, 0, m->size * sizeof *m->slot);
    m->n = 0;
}

void idmap_done(struct idmap *m)
{
    free(m->slot);
    *m = (struct idmap){0};
}
