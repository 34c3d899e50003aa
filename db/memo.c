/* db/memo.c -- a hash table in shards. Slots are eight octets, records lie in chunks: a million
 * entries are few and large pieces of memory, and no step moves more than one shard's slots. */
#include "db/memo.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"

#define SHARDS 256u
#define SLOTS_FIRST 16u
#define CHUNK_FIRST 16384u
#define CHUNK ((size_t)1 << 20)
#define UNIT 8u
#define CHUNK_UNITS (CHUNK / UNIT)
#define CHUNKS_MOST 32768u /* what 32 bits can count in units */
#define KEY_MOST 1000u
#define VALUE_MOST 16000u

struct slot {
    uint32_t check; /* upper half of the hash */
    uint32_t at;    /* record's place in units, from 1; 0: empty */
};
struct shard {
    struct slot *slot;
    uint32_t n, size; /* size: a power of two, 0 none */
};
struct record {
    uint16_t key, value; /* lengths; the octets follow */
};
struct memo {
    struct shard shard[SHARDS];
    uint8_t **chunk;
    size_t nchunk, used, last; /* of the last chunk: octets used, its size */
    size_t most, bytes, count, absent, absent_most;
    uint64_t seed[2];
};

struct memo *memo_new(size_t most, size_t absent_most)
{
    struct memo *m = mem_new(sizeof *m);
    m->most = most;
    m->absent_most = absent_most;
    m->bytes = sizeof *m;
    /* Peers choose keys: without a secret they could choose ones that all fall together. */
    if (getrandom(m->seed, sizeof m->seed, 0) != (ssize_t)sizeof m->seed)
        m->seed[0] = (uint64_t)(uintptr_t)m;
    m->seed[0] |= 1;
    return m;
}

void memo_clear(struct memo *m)
{
    for (size_t i = 0; i < SHARDS; i++)
        free(m->shard[i].slot);
    memset(m->shard, 0, sizeof m->shard);
    for (size_t i = 0; i < m->nchunk; i++)
        free(m->chunk[i]);
    free(m->chunk);
    m->chunk = NULL;
    m->nchunk = m->used = m->last = m->count = m->absent = 0;
    m->bytes = sizeof *m;
}

void memo_free(struct memo **m)
{
    if (*m == NULL)
        return;
    memo_clear(*m);
    free(*m);
    *m = NULL;
}

size_t memo_count(const struct memo *m)
{
    return m->count;
}

size_t memo_bytes(const struct memo *m)
{
    return m->bytes;
}

/* --- finding --- */

static uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 p = (unsigned __int128)a * b;
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static uint64_t hash(const struct memo *m, struct str key)
{
    uint64_t h = m->seed[0] ^ key.n, word;
    size_t i = 0;
    for (; i + 8 <= key.n; i += 8) {
        memcpy(&word, key.p + i, 8);
        h = mix(h ^ word, 0x9E3779B97F4A7C15u ^ m->seed[1]);
    }
    word = 0;
    memcpy(&word, key.p + i, key.n - i);
    return mix(h ^ word, 0xD6E8FEB86659FD93u ^ m->seed[1]);
}

static struct record *record_at(const struct memo *m, uint32_t at)
{
    size_t unit = at - 1;
    return (struct record *)(void *)(m->chunk[unit / CHUNK_UNITS] + unit % CHUNK_UNITS * UNIT);
}

static const char *octets(const struct record *r)
{
    return (const char *)(r + 1);
}

int memo_get(const struct memo *m, struct str key, struct str *value)
{
    uint64_t h = hash(m, key);
    const struct shard *s = &m->shard[h % SHARDS];
    uint32_t check = (uint32_t)(h >> 32), i = (uint32_t)(h >> 8);
    if (s->size == 0 || key.n > KEY_MOST)
        return 0;
    for (;; i++) {
        const struct slot *slot = &s->slot[i & (s->size - 1)];
        if (slot->at == 0)
            return 0;
        if (slot->check != check)
            continue;
        const struct record *r = record_at(m, slot->at);
        if (r->key != key.n || memcmp(octets(r), key.p, key.n) != 0)
            continue;
        *value = (struct str){octets(r) + r->key, r->value};
        return 1;
    }
}

/* --- keeping --- */

static void place(struct shard *s, struct slot slot, uint32_t i)
{
    while (s->slot[i & (s->size - 1)].at != 0)
        i++;
    s->slot[i & (s->size - 1)] = slot;
}

/* Up to three quarters of the slots are taken. */
static void make_room(struct memo *m, struct shard *s)
{
    if (s->n + 1 <= s->size / 4 * 3)
        return;
    struct shard old = *s;
    s->size = old.size == 0 ? SLOTS_FIRST : old.size * 2;
    s->slot = mem_new(s->size * sizeof *s->slot);
    m->bytes += (s->size - old.size) * sizeof *s->slot;
    for (uint32_t i = 0; i < old.size; i++) {
        if (old.slot[i].at == 0)
            continue;
        const struct record *r = record_at(m, old.slot[i].at);
        uint64_t h = hash(m, (struct str){octets(r), r->key});
        place(s, old.slot[i], (uint32_t)(h >> 8));
    }
    free(old.slot);
}

/* A little table shall not cost a whole chunk: the first is small. */
static void add_chunk(struct memo *m)
{
    m->last = m->nchunk == 0 ? CHUNK_FIRST : CHUNK;
    m->chunk = mem_grow(m->chunk, m->nchunk + 1, sizeof *m->chunk);
    m->chunk[m->nchunk++] = mem_new(m->last);
    m->bytes += m->last + sizeof *m->chunk;
    m->used = 0;
}

static uint32_t new_record(struct memo *m, struct str key, struct str value)
{
    size_t need = (sizeof(struct record) + key.n + value.n + UNIT - 1) / UNIT * UNIT;
    if (m->used + need > m->last)
        add_chunk(m);
    uint8_t *p = m->chunk[m->nchunk - 1] + m->used;
    uint32_t at = (uint32_t)((m->nchunk - 1) * CHUNK_UNITS + m->used / UNIT) + 1;
    struct record *r = (struct record *)(void *)p;
    *r = (struct record){.key = (uint16_t)key.n, .value = (uint16_t)value.n};
    memcpy(r + 1, key.p, key.n);
    if (value.n > 0)
        memcpy((uint8_t *)(r + 1) + key.n, value.p, value.n);
    m->used += need;
    return at;
}

void memo_put(struct memo *m, struct str key, struct str value)
{
    if (key.n == 0 || key.n > KEY_MOST || value.n > VALUE_MOST)
        return;
    if (m->bytes + CHUNK > m->most || m->nchunk >= CHUNKS_MOST ||
        (value.n == 0 && m->absent >= m->absent_most))
        memo_clear(m);
    uint64_t h = hash(m, key);
    struct shard *s = &m->shard[h % SHARDS];
    make_room(m, s);
    struct slot slot = {.check = (uint32_t)(h >> 32), .at = new_record(m, key, value)};
    place(s, slot, (uint32_t)(h >> 8));
    s->n++;
    m->count++;
    m->absent += value.n == 0;
}
