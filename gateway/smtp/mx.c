/* gateway/smtp/mx.c -- from a mail domain to the addresses to try, in order. RFC 5321 5.1, RFC
 * 7505. */
#include "gateway/smtp/mx.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define HOSTS_MAX MX_TARGETS_MAX
#define ADDRS_MAX 8u /* of each family and host */
#define PORT_SMTP 25u

/* One host whose addresses are looked up, A and AAAA at the same time. */
struct host {
    struct mx_ask *ask;
    char name[256];
    uint16_t pref;
    struct dns_ask *four, *six; /* NULL when answered */
    union endpoint at4[ADDRS_MAX], at6[ADDRS_MAX];
    size_t n4, n6;
    bool temporary;  /* an answer is missing */
    bool secure;     /* its addresses are vouched for */
    char canon[256]; /* its name behind CNAMEs, when it is another; "" not */
    struct dns_ask *keys;
    struct tlsa *tlsa;
    bool barred; /* whether there are TLSA records cannot be told */
};
struct mx_ask {
    struct mx_set set;
    char domain[256];
    uint16_t port;
    bool fixed; /* mx_host */
    mx_fn *fn;
    void *arg;
    struct timer timer; /* answers that need no look-up */
    struct dns_ask *mx;
    bool has_mx, telling;
    bool secure; /* the way from the domain to the hosts is vouched for */
    size_t keep; /* hosts that may be used */
    struct host *host;
    size_t nhost, open; /* open: look-ups not yet answered */
    struct smtp_target target[MX_TARGETS_MAX];
    size_t ntarget;
};

/* --- the answer --- */

static void ask_free(struct mx_ask *k)
{
    loop_disarm(k->set.loop, &k->timer);
    dns_cancel(&k->mx);
    for (size_t i = 0; i < k->nhost; i++) {
        dns_cancel(&k->host[i].four);
        dns_cancel(&k->host[i].six);
        dns_cancel(&k->host[i].keys);
        tlsa_drop(&k->host[i].tlsa);
    }
    free(k->host);
    free(k);
}

static void answer(struct mx_ask *k, const struct why *w)
{
    k->telling = true;
    k->fn(k->arg, k->target, w != NULL ? 0 : k->ntarget, w);
    ask_free(k);
}

static void dns_trouble(const char *name, const struct dns_reply *r, struct why *w)
{
    why_set(w, E_TEMP, 451, "4.4.3", "cannot look up '%s' now: %s", name,
            r->status == DNS_BOGUS ? "the answer fails DNSSEC validation"
                                   : "the name service fails");
}

static void unknown_host(const struct mx_ask *k, struct why *w)
{
    if (k->fixed)
        why_set(w, E_TEMP, 451, "4.4.4", "Host '%s', named in the configuration, unknown",
                k->domain);
    else
        why_set(w, E_ABSENT, 550, "5.1.2", "Host '%s' unknown", k->domain);
}

/* --- targets --- */

static bool same_place(const union endpoint *a, const union endpoint *b)
{
    if (a->any.sa_family != b->any.sa_family || endpoint_port(a) != endpoint_port(b))
        return false;
    return a->any.sa_family == AF_INET
               ? a->in4.sin_addr.s_addr == b->in4.sin_addr.s_addr
               : memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof a->in6.sin6_addr) == 0;
}

/* Can a host be reached there? Records of others lead to 0.0.0.0 and :: (which is this machine), to
 * groups of hosts, and to IPv4 in the clothes of IPv6, past who looks for its own addresses. */
static bool is_a_host(const union endpoint *e)
{
    const struct in6_addr *six = &e->in6.sin6_addr;
    uint32_t four = ntohl(e->in4.sin_addr.s_addr) >> 24;
    if (e->any.sa_family == AF_INET)
        return four > 0 && four < 224;
    return !IN6_IS_ADDR_UNSPECIFIED(six) && !IN6_IS_ADDR_MULTICAST(six) &&
           !IN6_IS_ADDR_V4MAPPED(six) && !IN6_IS_ADDR_V4COMPAT(six);
}

/* Two names for one address are one target. */
static void add_target(struct mx_ask *k, const char *name, const union endpoint *at,
                       struct tlsa *tlsa)
{
    for (size_t i = 0; i < k->ntarget; i++)
        if (same_place(&k->target[i].at, at))
            return;
    if (k->ntarget == MX_TARGETS_MAX)
        return;
    struct smtp_target *t = &k->target[k->ntarget++];
    t->at = *at;
    t->tlsa = tlsa;
    str_copy(t->name, sizeof t->name, str_of(name));
}

/* The families take turns, IPv6 first, as RFC 8305 4 has it: neither is left to the end of a long
 * list of the other. Which one does not work from here the client finds out (smtp_families). */
static void add_host(struct mx_ask *k, const struct host *h)
{
    for (size_t i = 0; i < h->n4 || i < h->n6; i++) {
        if (i < h->n6)
            add_target(k, h->name, &h->at6[i], h->tlsa);
        if (i < h->n4)
            add_target(k, h->name, &h->at4[i], h->tlsa);
    }
}

static bool host_is_self(const struct mx_ask *k, const struct host *h)
{
    struct smtp_target t = {.name = ""};
    str_copy(t.name, sizeof t.name, str_of(h->name));
    for (size_t i = 0; i < h->n4 + h->n6; i++) {
        t.at = i < h->n4 ? h->at4[i] : h->at6[i - h->n4];
        if (k->set.is_self(k->set.arg, &t))
            return true;
    }
    return false;
}

/* When we are an exchange ourselves only better ones may be used, or mail would go in circles.
 * Answers how many hosts stay. */
static size_t before_self(const struct mx_ask *k)
{
    size_t i = 0;
    if (k->fixed || k->set.is_self == NULL)
        return k->nhost;
    while (i < k->nhost && !host_is_self(k, &k->host[i]))
        i++;
    if (i == k->nhost)
        return i;
    uint16_t own = k->host[i].pref;
    while (i > 0 && k->host[i - 1].pref == own)
        i--;
    return i;
}

static void no_addresses(const struct mx_ask *k, struct why *w)
{
    for (size_t i = 0; i < k->keep; i++) {
        if (k->host[i].barred) {
            why_set(w, E_TEMP, 451, "4.7.5", "the TLSA records of '%s' cannot be had now",
                    k->host[i].name);
            return;
        }
    }
    for (size_t i = 0; i < k->nhost; i++) {
        if (k->host[i].temporary) {
            why_set(w, E_TEMP, 451, "4.4.3", "cannot look up the addresses of '%s' now",
                    k->host[i].name);
            return;
        }
    }
    if (k->has_mx)
        why_set(w, E_PERM, 550, "5.4.4", "no mail exchanger of '%s' has an address (%s)", k->domain,
                k->host[0].name);
    else
        unknown_host(k, w);
}

static void finish(struct mx_ask *k)
{
    struct why w;
    size_t keep = k->keep;
    for (size_t i = 0; i < keep; i++)
        if (!k->host[i].barred)
            add_host(k, &k->host[i]);
    if (k->ntarget > 0) {
        answer(k, NULL);
        return;
    }
    if (keep < k->nhost && keep == 0)
        why_set(&w, E_PERM, 554, "5.4.6",
                "mail for '%s' loops back to this host: it is its own best mail exchanger",
                k->domain);
    else
        no_addresses(k, &w);
    answer(k, &w);
}

/* --- TLSA --- */

static void on_keys(const struct dns_reply *r, void *arg);

static void ask_keys(struct host *h, const char *base)
{
    char name[300];
    (void)snprintf(name, sizeof name, "_%u._tcp.%s", h->ask->port, base);
    h->keys = dns_query(h->ask->set.dns, name, DNS_TLSA, on_keys, h);
}

/* Only what is vouched for counts. No records, said securely or by a zone that is not signed: no
 * DANE. An answer that is missing or forged: the host cannot be used (RFC 7672 2.1.1, 2.2). */
static void on_keys(const struct dns_reply *r, void *arg)
{
    struct host *h = arg;
    struct mx_ask *k = h->ask;
    bool aliased = h->canon[0] != '\0';
    const char *base = aliased ? h->canon : h->name;
    h->keys = NULL;
    h->barred = r->status == DNS_TEMPORARY || r->status == DNS_BOGUS;
    if (r->status == DNS_FOUND && r->secure) {
        h->tlsa = tlsa_new(base, k->fixed ? "" : k->domain);
        for (size_t i = 0; i < r->n; i++)
            (void)tlsa_add(h->tlsa, r->rr[i].data);
    } else if (!h->barred && aliased) { /* RFC 7672 2.2.2: the name itself is asked second */
        h->canon[0] = '\0';
        ask_keys(h, h->name);
        return;
    }
    if (--k->open == 0)
        finish(k);
}

static void look_up_keys(struct mx_ask *k)
{
    k->keep = before_self(k);
    k->open = 1;
    for (size_t i = 0; i < k->keep; i++) {
        struct host *h = &k->host[i];
        if (!k->set.dane || !k->secure || !h->secure)
            continue;
        k->open++;
        ask_keys(h, h->canon[0] != '\0' ? h->canon : h->name);
    }
    if (--k->open == 0)
        finish(k);
}

/* --- addresses --- */

static union endpoint place(const struct mx_ask *k, sa_family_t family, const uint8_t *addr)
{
    union endpoint e = {0};
    e.any.sa_family = family;
    if (family == AF_INET)
        memcpy(&e.in4.sin_addr, addr, 4);
    else
        memcpy(&e.in6.sin6_addr, addr, 16);
    endpoint_set_port(&e, k->port);
    return e;
}

static void addresses(struct host *h, const struct dns_reply *r, sa_family_t family)
{
    struct mx_ask *k = h->ask;
    union endpoint *at = family == AF_INET ? h->at4 : h->at6;
    size_t *n = family == AF_INET ? &h->n4 : &h->n6;
    for (size_t i = 0; r->status == DNS_FOUND && i < r->n && *n < ADDRS_MAX; i++) {
        at[*n] = place(k, family, r->rr[i].addr);
        *n += k->fixed || is_a_host(&at[*n]);
    }
    if (r->status == DNS_FOUND && r->secure) {
        h->secure = true;
        if (!str_is(str_of(r->canon), h->name))
            str_copy(h->canon, sizeof h->canon, str_of(r->canon));
    }
    h->temporary = h->temporary || r->status == DNS_TEMPORARY || r->status == DNS_BOGUS;
    if (--k->open == 0)
        look_up_keys(k);
}

static void on_four(const struct dns_reply *r, void *arg)
{
    struct host *h = arg;
    h->four = NULL;
    addresses(h, r, AF_INET);
}

static void on_six(const struct dns_reply *r, void *arg)
{
    struct host *h = arg;
    h->six = NULL;
    addresses(h, r, AF_INET6);
}

static void look_up_hosts(struct mx_ask *k)
{
    k->open = 2 * k->nhost;
    for (size_t i = 0; i < k->nhost; i++) {
        struct host *h = &k->host[i];
        h->four = dns_query(k->set.dns, h->name, DNS_A, on_four, h);
        h->six = dns_query(k->set.dns, h->name, DNS_AAAA, on_six, h);
    }
}

/* --- exchanges --- */

static void add_exchange(struct mx_ask *k, const char *name, uint16_t pref)
{
    for (size_t i = 0; i < k->nhost;
         i++) /* twice the same host: the better preference came first */
        if (str_is(str_of(k->host[i].name), name))
            return;
    struct host *h = &k->host[k->nhost++];
    *h = (struct host){.ask = k, .pref = pref};
    str_copy(h->name, sizeof h->name, str_of(name));
}

/* By preference, equal ones in random order, so that they share the load (RFC 5321 5.1). The order
 * in which records of a reply come is not relied on. */
static void order(size_t *place_of, const struct dns_rr *rr, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t j = arc4random_uniform((uint32_t)i + 1);
        place_of[i] = place_of[j];
        place_of[j] = i;
    }
    for (size_t i = 1; i < n; i++) { /* stable, so chance decides among equals */
        size_t one = place_of[i], j = i;
        for (; j > 0 && rr[place_of[j - 1]].pref > rr[one].pref; j--)
            place_of[j] = place_of[j - 1];
        place_of[j] = one;
    }
}

static void take_exchanges(struct mx_ask *k, const struct dns_reply *r)
{
    size_t *at = mem_new((r->n + 1) * sizeof *at);
    order(at, r->rr, r->n);
    for (size_t i = 0; i < r->n && k->nhost < HOSTS_MAX; i++)
        if (r->rr[at[i]].name[0] != '\0') /* a null MX among others means nothing */
            add_exchange(k, r->rr[at[i]].name, r->rr[at[i]].pref);
    free(at);
}

static void on_mx(const struct dns_reply *r, void *arg)
{
    struct mx_ask *k = arg;
    struct why w;
    k->mx = NULL;
    if (r->status == DNS_NXDOMAIN) {
        unknown_host(k, &w);
        answer(k, &w);
        return;
    }
    if (r->status != DNS_FOUND && r->status != DNS_NODATA) {
        dns_trouble(k->domain, r, &w);
        answer(k, &w);
        return;
    }
    k->has_mx = r->status == DNS_FOUND;
    k->secure = r->secure;
    k->host = mem_new(HOSTS_MAX * sizeof *k->host);
    if (k->has_mx)
        take_exchanges(k, r);
    else
        add_exchange(k, k->domain, 0);
    if (k->nhost > 0) {
        look_up_hosts(k);
        return;
    }
    why_set(&w, E_PERM, 556, "5.1.10", "'%s' accepts no mail (null MX)", k->domain);
    answer(k, &w);
}

/* --- asking --- */

static bool address(const char *text, size_t n, sa_family_t family, union endpoint *e)
{
    char z[64];
    *e = (union endpoint){0};
    if (n >= sizeof z)
        return false;
    str_copy(z, sizeof z, (struct str){text, n});
    e->any.sa_family = family;
    return inet_pton(family, z, family == AF_INET ? (void *)&e->in4.sin_addr : &e->in6.sin6_addr) ==
           1;
}

/* "[192.0.2.1]", "[IPv6:...]", "[2001:db8::1]"; bare addresses where a configuration names a host.
 */
static bool literal(const struct mx_ask *k, union endpoint *e)
{
    const char *t = k->domain;
    size_t n = strlen(t);
    bool brackets = n > 2 && t[0] == '[' && t[n - 1] == ']';
    if (!brackets && !k->fixed)
        return false;
    t += brackets ? 1 : 0;
    n -= brackets ? 2 : 0;
    if (brackets && str_starts_nocase((struct str){t, n}, "IPv6:"))
        return address(t + 5, n - 5, AF_INET6, e);
    return address(t, n, AF_INET, e) || address(t, n, AF_INET6, e);
}

static void on_literal(void *arg)
{
    struct mx_ask *k = arg;
    const struct smtp_target *t = k->target;
    struct why w;
    if (k->ntarget == 0) {
        why_set(&w, E_SYNTAX, 550, "5.1.2", "'%s' is no mail domain and no address", k->domain);
        answer(k, &w);
    } else if (!k->fixed && k->set.is_self != NULL && k->set.is_self(k->set.arg, t)) {
        why_set(&w, E_PERM, 554, "5.4.6", "mail for '%s' loops back to this host", k->domain);
        answer(k, &w);
    } else {
        answer(k, NULL);
    }
}

static struct mx_ask *ask_new(const struct mx_set *set, const char *name, mx_fn *fn, void *arg)
{
    struct mx_ask *k = mem_new(sizeof *k);
    k->set = *set;
    k->port = set->port != 0 ? set->port : PORT_SMTP;
    k->fn = fn;
    k->arg = arg;
    str_copy(k->domain, sizeof k->domain, str_of(name));
    return k;
}

static bool nameless(const char *name)
{
    return name[0] == '\0' || name[0] == '[' || strlen(name) > 255;
}

/* Answers that need no look-up come by a timer, for the callback never runs inside. */
static bool at_once(struct mx_ask *k, const char *name)
{
    union endpoint e;
    bool is_address = literal(k, &e);
    if (!is_address && !nameless(name))
        return false;
    if (is_address && (k->fixed || is_a_host(&e))) {
        endpoint_set_port(&e, k->port);
        add_target(k, k->domain, &e, NULL);
    }
    loop_arm(k->set.loop, &k->timer, 0, on_literal, k);
    return true;
}

struct mx_ask *mx_find(const struct mx_set *set, const char *domain, mx_fn *fn, void *arg)
{
    struct mx_ask *k = ask_new(set, domain, fn, arg);
    if (!at_once(k, domain))
        k->mx = dns_query(set->dns, k->domain, DNS_MX, on_mx, k);
    return k;
}

struct mx_ask *mx_host(const struct mx_set *set, const char *host, uint16_t port, mx_fn *fn,
                       void *arg)
{
    struct mx_ask *k = ask_new(set, host, fn, arg);
    k->fixed = true;
    k->port = port != 0 ? port : PORT_SMTP;
    if (at_once(k, host))
        return k;
    k->secure = true; /* the configuration vouches */
    k->host = mem_new(sizeof *k->host);
    add_exchange(k, k->domain, 0);
    look_up_hosts(k);
    return k;
}

void mx_cancel(struct mx_ask **ask)
{
    struct mx_ask *k = *ask;
    *ask = NULL;
    if (k != NULL && !k->telling)
        ask_free(k);
}
