/* base/dns.c -- look-ups through libunbound, whose own thread resolves; answers come by its pipe.
 */
#include "base/dns.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unbound.h>

#include "base/mem.h"

#define RR_MOST 64
#define RCODE_NXDOMAIN 3
#define CLASS_IN 1

struct dns_ask {
    LIST_ENTRY(dns_ask) link;         /* all of a resolver */
    TAILQ_ENTRY(dns_ask) answer_link; /* answered, to be told */
    struct dns *dns;
    char *name;
    enum dns_type type;
    dns_fn *fn;
    void *arg;
    int id; /* libunbound's */
    bool asked, answered, telling;
    int err; /* libunbound's, when result is NULL */
    struct ub_result *result;
};

struct dns {
    struct loop *loop;
    struct ub_ctx *ctx; /* NULL until the first look-up */
    struct watch *watch;
    struct timer soon; /* to tell answers that did not come through the pipe */
    char **forward, **local;
    char *trust_anchor_file;
    LIST_HEAD(ask_list, dns_ask) asks;
    TAILQ_HEAD(ask_tail, dns_ask) answers;
    bool telling, dead;
};

/* --- rdata --- */

/* A name as labels (libunbound has undone compression) to dotted text. False for what is no host
 * name to anybody: bytes that are not printable, dots within labels. */
static bool get_name(struct cur *c, char name[256])
{
    size_t n = 0;
    for (uint8_t len; (len = cur_u8(c)) != 0;) {
        struct cur label = cur_sub(c, len);
        if (cur_bad(c) || len > 63 || n + len + 2 > 255)
            return false;
        if (n > 0)
            name[n++] = '.';
        while (cur_left(&label) > 0) {
            uint8_t b = cur_u8(&label);
            if (b <= 0x20 || b >= 0x7f || b == '.' || b == '\\')
                return false;
            name[n++] = (char)b;
        }
    }
    name[n] = '\0';
    return !cur_bad(c);
}

static bool get_rr(struct dns_rr *rr, enum dns_type type, struct cur data)
{
    struct cur c = data;
    rr->data = data;
    switch (type) {
    case DNS_A:
        cur_copy(&c, rr->addr, 4);
        return cur_end(&c);
    case DNS_AAAA:
        cur_copy(&c, rr->addr, 16);
        return cur_end(&c);
    case DNS_MX:
        rr->pref = cur_be16(&c);
        return get_name(&c, rr->name) && cur_end(&c);
    case DNS_PTR:
        return get_name(&c, rr->name) && cur_end(&c);
    case DNS_TXT:
    case DNS_TLSA:
        break;
    }
    return true;
}

/* By preference; equal ones stay as they came. Others than MX have preference 0 and stay, too. */
static void insert_rr(struct dns_rr *rr, size_t n, const struct dns_rr *one)
{
    for (; n > 0 && rr[n - 1].pref > one->pref; n--)
        rr[n] = rr[n - 1];
    rr[n] = *one;
}

static size_t get_all(struct dns_rr *rr, size_t most, const struct dns_ask *a)
{
    size_t n = 0;
    const struct ub_result *u = a->result;
    for (size_t i = 0; n < most && u->data[i] != NULL; i++) {
        struct dns_rr one = {0};
        if (u->len[i] >= 0 && get_rr(&one, a->type, cur_of(u->data[i], (size_t)u->len[i])))
            insert_rr(rr, n++, &one);
    }
    return n;
}

/* --- telling --- */

static enum dns_status status_of(const struct dns_ask *a)
{
    const struct ub_result *u = a->result;
    if (u == NULL)
        return a->err == UB_SYNTAX ? DNS_NXDOMAIN : DNS_TEMPORARY;
    if (u->bogus)
        return DNS_BOGUS;
    if (u->rcode == RCODE_NXDOMAIN)
        return DNS_NXDOMAIN;
    if (u->rcode != 0)
        return DNS_TEMPORARY;
    return u->havedata ? DNS_FOUND : DNS_NODATA;
}

static void ask_free(struct dns_ask *a)
{
    if (a->answered && !a->telling)
        TAILQ_REMOVE(&a->dns->answers, a, answer_link);
    else if (a->asked && !a->answered)
        (void)ub_cancel(a->dns->ctx, a->id);
    LIST_REMOVE(a, link);
    if (a->result != NULL)
        ub_resolve_free(a->result);
    free(a->name);
    free(a);
}

static void tell(struct dns_ask *a)
{
    struct dns_reply r = {.status = status_of(a)};
    struct dns_rr *rr = NULL;
    str_copy(r.canon, sizeof r.canon, str_of(a->name));
    if (a->result != NULL) {
        r.secure = a->result->secure != 0;
        r.ttl = a->result->ttl > 0 ? (uint32_t)a->result->ttl : 0;
        if (a->result->canonname != NULL)
            str_copy(r.canon, sizeof r.canon, str_of(a->result->canonname));
    }
    size_t n = strlen(r.canon);
    if (n > 0 && r.canon[n - 1] == '.')
        r.canon[n - 1] = '\0';
    if (r.status == DNS_FOUND) {
        rr = mem_new(RR_MOST * sizeof *rr);
        r.rr = rr;
        r.n = get_all(rr, RR_MOST, a);
        if (r.n == 0) /* records, but none that means anything: a broken server */
            r.status = DNS_TEMPORARY;
    }
    a->fn(&r, a->arg);
    free(rr);
}

static void destroy(struct dns *d)
{
    for (struct dns_ask *a = LIST_FIRST(&d->asks), *next; a != NULL; a = next) {
        next = LIST_NEXT(a, link);
        ask_free(a);
    }
    loop_disarm(d->loop, &d->soon);
    loop_unwatch(&d->watch);
    if (d->ctx != NULL)
        ub_ctx_delete(d->ctx);
    for (char **s = d->forward; s != NULL && *s != NULL; s++)
        free(*s);
    for (char **s = d->local; s != NULL && *s != NULL; s++)
        free(*s);
    free(d->forward);
    free(d->local);
    free(d->trust_anchor_file);
    free(d);
}

/* Callbacks run here only, outside of libunbound, so that they may do anything: ask, cancel, free.
 */
static void tell_all(void *arg)
{
    struct dns *d = arg;
    d->telling = true;
    for (struct dns_ask *a; !d->dead && (a = TAILQ_FIRST(&d->answers)) != NULL;) {
        TAILQ_REMOVE(&d->answers, a, answer_link);
        a->telling = true;
        tell(a);
        ask_free(a);
    }
    d->telling = false;
    if (d->dead)
        destroy(d);
}

static void answered(struct dns_ask *a, int err, struct ub_result *result)
{
    a->answered = true;
    a->err = err;
    a->result = result;
    TAILQ_INSERT_TAIL(&a->dns->answers, a, answer_link);
}

static void on_answer(void *arg, int err, struct ub_result *result)
{
    answered(arg, err, result);
}

static void on_pipe(void *arg, unsigned events)
{
    struct dns *d = arg;
    (void)events;
    (void)ub_process(d->ctx); /* what failed in it comes as each look-up's error */
    tell_all(d);
}

/* --- asking --- */

static int set_up(const struct dns *d, struct ub_ctx *ctx)
{
    int r = ub_ctx_async(ctx, 1); /* a thread: a process would be a copy of all our memory */
    if (d->local != NULL) {
        r = r != 0 ? r : ub_ctx_zone_add(ctx, ".", "static"); /* what is not said does not exist */
        for (char **s = d->local; r == 0 && *s != NULL; s++)
            r = ub_ctx_data_add(ctx, *s);
        return r;
    }
    /* Private reverse zones are asked like any other: our peers live there. */
    r = r != 0 ? r : ub_ctx_set_option(ctx, "unblock-lan-zones:", "yes");
    /* The usual resolver of a machine is one on the machine itself. */
    r = r != 0 ? r : ub_ctx_set_option(ctx, "do-not-query-localhost:", "no");
    for (char **s = d->forward; r == 0 && s != NULL && *s != NULL; s++)
        r = ub_ctx_set_fwd(ctx, *s);
    if (r == 0 && d->forward == NULL) {
        /* A machine without these files asks the root servers itself. */
        (void)ub_ctx_resolvconf(ctx, NULL);
        (void)ub_ctx_hosts(ctx, NULL);
    }
    if (r == 0 && d->trust_anchor_file != NULL)
        r = ub_ctx_add_ta_file(ctx, d->trust_anchor_file);
    /* A configured resolver knows better than the library what is below "test". This comes last:
     * the library takes no other setting after it. */
    if (r == 0 && d->forward != NULL)
        r = ub_ctx_zone_add(ctx, "test.", "nodefault");
    return r;
}

static int ready(struct dns *d)
{
    if (d->ctx != NULL)
        return 0;
    struct ub_ctx *ctx = ub_ctx_create();
    if (ctx == NULL)
        return UB_NOMEM;
    int r = set_up(d, ctx);
    if (r != 0) {
        ub_ctx_delete(ctx);
        return r;
    }
    d->ctx = ctx;
    d->watch = loop_watch(d->loop, ub_fd(ctx), LOOP_READ, on_pipe, d);
    return 0;
}

static bool fails_for_a_time(const struct dns *d, const char *name)
{
    struct str s = str_of(name);
    if (s.n > 0 && s.p[s.n - 1] == '.')
        s.n--;
    return d->local != NULL && (str_is(s, "tempfail.test") || str_ends_nocase(s, ".tempfail.test"));
}

struct dns_ask *dns_query(struct dns *d, const char *name, enum dns_type type, dns_fn *fn,
                          void *arg)
{
    struct dns_ask *a = mem_new(sizeof *a);
    *a = (struct dns_ask){.dns = d, .name = mem_dup(name), .type = type, .fn = fn, .arg = arg};
    LIST_INSERT_HEAD(&d->asks, a, link);
    /* A resolver that cannot be set up says nothing about the name. */
    int r = fails_for_a_time(d, name) || ready(d) != 0 ? UB_SERVFAIL : 0;
    if (r == 0)
        r = ub_resolve_async(d->ctx, name, (int)type, CLASS_IN, a, on_answer, &a->id);
    a->asked = r == 0;
    if (r != 0) {
        answered(a, r, NULL);
        loop_arm(d->loop, &d->soon, 0, tell_all, d);
    }
    return a;
}

void dns_cancel(struct dns_ask **ask)
{
    struct dns_ask *a = *ask;
    *ask = NULL;
    if (a != NULL && !a->telling) /* one whose callback runs is on its way out */
        ask_free(a);
}

static char **copy_list(const char *const *from)
{
    if (from == NULL)
        return NULL;
    size_t n = 0;
    while (from[n] != NULL)
        n++;
    char **to = mem_new((n + 1) * sizeof *to);
    for (size_t i = 0; i < n; i++)
        to[i] = mem_dup(from[i]);
    return to;
}

struct dns *dns_new(struct loop *l, const struct dns_set *set)
{
    struct dns *d = mem_new(sizeof *d);
    d->loop = l;
    d->forward = copy_list(set->forward);
    d->local = copy_list(set->local);
    d->trust_anchor_file = set->trust_anchor_file != NULL ? mem_dup(set->trust_anchor_file) : NULL;
    LIST_INIT(&d->asks);
    TAILQ_INIT(&d->answers);
    return d;
}

void dns_free(struct dns **dp)
{
    struct dns *d = *dp;
    *dp = NULL;
    if (d == NULL)
        return;
    d->dead = true;
    if (!d->telling)
        destroy(d);
}
