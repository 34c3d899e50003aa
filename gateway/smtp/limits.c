/* gateway/smtp/limits.c -- what each client may do in a time: see limits.h
 *
 * Of each kind one time is kept: when all that was counted will have been worked off at the rate
 * (the generic cell rate algorithm). It may lie as far ahead as the rate's own time. */
#include "gateway/smtp/limits.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/mem.h"

#define BUCKETS 4096u

struct entry {
    LIST_ENTRY(entry) in_bucket;
    TAILQ_ENTRY(entry) by_use; /* heard of last at the head */
    uint8_t client[16];
    int64_t until_us[SMTPD_KINDS];
};
LIST_HEAD(bucket, entry);
TAILQ_HEAD(uses, entry);
struct ledger {
    struct bucket bucket[BUCKETS];
    struct uses uses;
    size_t n, most;
};

struct ledger *ledger_new(size_t clients)
{
    struct ledger *l = mem_new(sizeof *l);
    l->most = clients > 0 ? clients : 1;
    TAILQ_INIT(&l->uses);
    return l;
}

void ledger_free(struct ledger **l)
{
    struct entry *e;
    if (*l == NULL)
        return;
    while ((e = TAILQ_FIRST(&(*l)->uses)) != NULL) {
        TAILQ_REMOVE(&(*l)->uses, e, by_use);
        free(e);
    }
    free(*l);
    *l = NULL;
}

size_t ledger_clients(const struct ledger *l)
{
    return l->n;
}

static size_t bucket_of(const uint8_t client[16])
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < 16; i++)
        h = (h ^ client[i]) * 16777619u;
    return (h ^ h >> 16) % BUCKETS;
}

static struct entry *find(const struct ledger *l, const uint8_t client[16])
{
    struct entry *e;
    LIST_FOREACH(e, &l->bucket[bucket_of(client)], in_bucket)
    if (memcmp(e->client, client, 16) == 0)
        return e;
    return NULL;
}

static struct entry *entry_of(struct ledger *l, const uint8_t client[16])
{
    struct entry *e = find(l, client);
    if (e != NULL) {
        TAILQ_REMOVE(&l->uses, e, by_use);
    } else if (l->n >= l->most) {
        e = TAILQ_LAST(&l->uses, uses);
        TAILQ_REMOVE(&l->uses, e, by_use);
        LIST_REMOVE(e, in_bucket);
        memset(e->until_us, 0, sizeof e->until_us);
        memcpy(e->client, client, 16);
        LIST_INSERT_HEAD(&l->bucket[bucket_of(client)], e, in_bucket);
    } else {
        e = mem_new(sizeof *e);
        memcpy(e->client, client, 16);
        LIST_INSERT_HEAD(&l->bucket[bucket_of(client)], e, in_bucket);
        l->n++;
    }
    TAILQ_INSERT_HEAD(&l->uses, e, by_use);
    return e;
}

/* The time that n of this kind take to work off, never more than twice the rate's own. */
static int64_t cost_us(struct smtpd_rate rate, uint64_t n)
{
    double us = (double)n * (double)rate.per_ms * 1000.0 / (double)rate.most;
    double most = 2000.0 * (double)rate.per_ms;
    return (int64_t)(us < most ? us : most);
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

bool ledger_take(struct ledger *l, const uint8_t client[16], enum smtpd_kind kind,
                 struct smtpd_rate rate, struct mono now)
{
    if (rate.most == 0)
        return true;
    int64_t *until = &entry_of(l, client)->until_us[kind];
    int64_t next = later(*until, now.us) + cost_us(rate, 1);
    if (next - now.us > rate.per_ms * 1000)
        return false;
    *until = next;
    return true;
}

void ledger_add(struct ledger *l, const uint8_t client[16], enum smtpd_kind kind, uint64_t n,
                struct smtpd_rate rate, struct mono now)
{
    if (rate.most == 0)
        return;
    int64_t *until = &entry_of(l, client)->until_us[kind];
    int64_t next = later(*until, now.us) + cost_us(rate, n),
            furthest = now.us + cost_us(rate, UINT64_MAX);
    *until = next < furthest ? next : furthest;
}

bool ledger_over(const struct ledger *l, const uint8_t client[16], enum smtpd_kind kind,
                 struct smtpd_rate rate, struct mono now)
{
    const struct entry *e = rate.most > 0 ? find(l, client) : NULL;
    return e != NULL && e->until_us[kind] - now.us > rate.per_ms * 1000;
}
