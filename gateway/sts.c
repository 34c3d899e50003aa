/* gateway/sts.c -- see sts.h. One ask a domain: its TXT record, then, when that names a policy we
 * do not have, the policy. What is known stays in force until its max_age is over, whatever fails
 * meanwhile (RFC 8461 5.1); one that is used is had anew when half of its time is over. */
#include "gateway/sts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/log.h"
#include "base/mem.h"
#include "db/stsrow.h"
#include "gateway/smtp/httpsget.h"

#define LOOK_AGAIN_MS 300000 /* RFC 8461 3.3: five minutes or more */
#define LOOKED_SLOTS 1024u   /* domains remembered as looked at lately, a power of two */
#define ASKS_MAX 20u         /* at once */
#define CONNECT_MS 10000
#define ALL_MS 60000

struct ask {
    LIST_ENTRY(ask) link;
    struct sts *sts;
    char domain[256];
    char known[STS_ID_MAX + 1]; /* the id of what we have, "" nothing */
    bool stale;                 /* half of its time is over */
    char id[STS_ID_MAX + 1];
    struct dns_ask *record;
    struct https_get *get;
};
struct sts {
    struct gate *g;
    LIST_HEAD(ask_list, ask) asks;
    unsigned nask;
    bool closed;
    struct looked {
        uint64_t hash;
        struct mono until;
    } looked[LOOKED_SLOTS];
};

static void ask_free(struct ask *a)
{
    LIST_REMOVE(a, link);
    a->sts->nask--;
    dns_cancel(&a->record);
    https_cancel(&a->get);
    free(a);
}

static void failed(struct ask *a, const char *why)
{
    log_event(LOG_INFO, 0, "mta-sts", "domain=%s error=%s", log_quote(str_of(a->domain)),
              log_quote(str_of(why)));
    ask_free(a);
}

static void stored(void *arg, const struct why *w)
{
    (void)arg;
    if (w != NULL)
        log_event(LOG_ERROR, 0, "store", "error=%s", log_quote(str_of(w->text)));
}

static void keep(struct ask *a, struct str text, const struct sts_policy *p)
{
    struct change *c = change_new(a->sts->g->store);
    struct wall now = wall_now(), until = {now.us + p->max_age_s * US_PER_S};
    struct sts_row row = {.domain = str_of(a->domain),
                          .id = str_of(a->id),
                          .policy = text,
                          .fetched = now,
                          .until = until};
    change_sts(c, &row);
    change_commit(&c, stored, NULL);
    log_event(LOG_INFO, 0, "mta-sts", "domain=%s id=%s mode=%s hosts=%zu max_age=%lld",
              log_quote(str_of(a->domain)), a->id, sts_mode_name(p->mode), p->nmx,
              (long long)p->max_age_s);
}

static void on_policy(void *arg, struct str body, const struct why *w)
{
    struct ask *a = arg;
    struct sts_policy p;
    struct why bad;
    a->get = NULL;
    if (w != NULL) {
        failed(a, w->text);
    } else if (sts_parse(body, &p, &bad) < 0) {
        failed(a, bad.text);
    } else {
        keep(a, body, &p);
        ask_free(a);
    }
}

static void fetch(struct ask *a)
{
    struct gate *g = a->sts->g;
    char host[280];
    struct https_set set = {.loop = g->loop,
                            .dns = g->dns,
                            .tls = g->tls,
                            .from = &g->conf->send_from,
                            .connect_ms = CONNECT_MS,
                            .all_ms = ALL_MS,
                            .most = STS_TEXT_MAX};
    (void)snprintf(host, sizeof host, "mta-sts.%s", a->domain);
    a->get = https_get(&set, host, "/.well-known/mta-sts.txt", on_policy, a);
}

/* RFC 8461 3.1: exactly one record that is ours, or there is none. */
static int only_record(const struct dns_reply *r, char id[STS_ID_MAX + 1])
{
    int found = 0;
    char one[STS_ID_MAX + 1];
    for (size_t i = 0; i < r->n; i++) {
        int rc = sts_record(r->rr[i].data, one);
        if (rc == 0)
            continue;
        if (rc < 0 || found > 0)
            return E_SYNTAX;
        found = 1;
        memcpy(id, one, sizeof one);
    }
    return found;
}

static void on_record(const struct dns_reply *r, void *arg)
{
    struct ask *a = arg;
    a->record = NULL;
    int rc = r->status == DNS_FOUND ? only_record(r, a->id) : 0;
    if (rc < 0)
        failed(a, "the TXT record is not as RFC 8461 3.1 says");
    else if (rc == 0 || (strcmp(a->id, a->known) == 0 && !a->stale))
        ask_free(a);
    else
        fetch(a);
}

/* A place that two domains share lets one of them look a little more often. */
static bool looked_lately(struct sts *s, const char *domain)
{
    uint64_t hash = str_hash(str_of(domain));
    struct looked *l = &s->looked[hash & (LOOKED_SLOTS - 1)];
    if (l->hash == hash && mono_ms(mono_now(), l->until) > 0)
        return true;
    *l = (struct looked){hash, mono_in(LOOK_AGAIN_MS)};
    return false;
}

static void learn(struct sts *s, struct str domain, const struct sts_row *row)
{
    char name[280];
    if (s->closed || s->nask >= ASKS_MAX || domain.n > 240)
        return;
    struct ask *a = mem_new(sizeof *a);
    a->sts = s;
    for (size_t i = 0; i < domain.n; i++)
        a->domain[i] = ascii_lower(domain.p[i]);
    if (looked_lately(s, a->domain)) {
        free(a);
        return;
    }
    if (row != NULL) {
        str_copy(a->known, sizeof a->known, row->id);
        a->stale = wall_now().us > row->fetched.us + (row->until.us - row->fetched.us) / 2;
    }
    LIST_INSERT_HEAD(&s->asks, a, link);
    s->nask++;
    (void)snprintf(name, sizeof name, "_mta-sts.%s", a->domain);
    a->record = dns_query(s->g->dns, name, DNS_TXT, on_record, a);
}

enum sts_mode sts_find(struct sts *s, struct str domain, struct arena *a, struct sts_policy *p)
{
    struct sts_row row;
    struct why w;
    *p = (struct sts_policy){.mode = STS_NONE};
    if (s->g->conf->mta_sts_off || domain.n == 0 || domain.p[0] == '[')
        return STS_NONE;
    int rc = stsrow_find(store_reader(s->g->store), domain, a, &row, &w);
    bool lives = rc > 0 && row.until.us > wall_now().us;
    if (rc < 0)
        log_event(LOG_ERROR, 0, "mta-sts", "error=%s", log_quote(str_of(w.text)));
    learn(s, domain, lives ? &row : NULL);
    if (!lives || sts_parse(row.policy, p, &w) < 0)
        p->mode = STS_NONE;
    return p->mode;
}

struct sts *sts_new(struct gate *g)
{
    struct sts *s = mem_new(sizeof *s);
    s->g = g;
    LIST_INIT(&s->asks);
    return s;
}

void sts_close(struct sts *s)
{
    if (s == NULL)
        return;
    s->closed = true;
    for (struct ask *a; (a = LIST_FIRST(&s->asks)) != NULL;)
        ask_free(a);
}

void sts_free(struct sts **s)
{
    sts_close(*s);
    free(*s);
    *s = NULL;
}
