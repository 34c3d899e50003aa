/* gateway/smtp/rdns.c -- look-ups about a client, one after the other. */
#include "gateway/smtp/rdns.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct rdns {
    struct dns *dns;
    struct dns_ask *ask;
    rdns_fn *fn;
    void *arg;
    uint8_t addr[16]; /* the first 4 bytes with four */
    bool four, helo;
    bool failed, other; /* of the look-ups so far: one did not come; one leads elsewhere */
    enum dns_type type; /* asked now */
    size_t n, at;
    char names[RDNS_NAMES_MAX][256];
    struct rdns_result result;
};

/* --- addresses --- */

/* The octets of an address, 4 or 16 of them; false: another family. */
static bool octets(const union endpoint *e, uint8_t out[16], bool *four)
{
    static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};
    *four = e->any.sa_family == AF_INET;
    memset(out, 0, 16);
    if (*four) {
        memcpy(out, &e->in4.sin_addr, 4);
    } else if (e->any.sa_family == AF_INET6) {
        memcpy(out, &e->in6.sin6_addr, 16);
        if (memcmp(out, mapped, sizeof mapped) == 0) {
            *four = true;
            memmove(out, out + 12, 4);
            memset(out + 4, 0, 12);
        }
    } else {
        return false;
    }
    return true;
}

bool rdns_same_address(const union endpoint *a, const union endpoint *b)
{
    uint8_t x[16], y[16];
    bool x4, y4;
    return octets(a, x, &x4) && octets(b, y, &y4) && x4 == y4 && memcmp(x, y, 16) == 0;
}

bool rdns_literal(struct str text, union endpoint *out)
{
    char z[64];
    if (text.n < 3 || text.n >= sizeof z || text.p[0] != '[' || text.p[text.n - 1] != ']')
        return false;
    text = str_sub(text, 1, text.n - 2);
    bool six = str_starts_nocase(text, "IPv6:");
    str_copy(z, sizeof z, six ? str_sub(text, 5, text.n) : text);
    *out = (union endpoint){.any = {.sa_family = six ? AF_INET6 : AF_INET}};
    return six ? inet_pton(AF_INET6, z, &out->in6.sin6_addr) == 1
               : inet_pton(AF_INET, z, &out->in4.sin_addr) == 1;
}

/* "1.2.0.192.in-addr.arpa" (RFC 1035 3.5), the nibbles under ip6.arpa (RFC 3596 2.5). */
static void reverse_name(const struct rdns *r, char *out, size_t size)
{
    struct buf b;
    buf_init(&b, size);
    if (r->four) {
        for (int i = 3; i >= 0; i--)
            buf_printf(&b, "%u.", r->addr[i]);
        buf_z(&b, "in-addr.arpa");
    } else {
        for (int i = 15; i >= 0; i--)
            buf_printf(&b, "%x.%x.", r->addr[i] & 0xFu, r->addr[i] >> 4 & 0xFu);
        buf_z(&b, "ip6.arpa");
    }
    str_copy(out, size, buf_text(&b));
    buf_done(&b);
}

/* What stands in trace fields and in the log is a host name and nothing else. */
static bool host_name(const char *z)
{
    size_t n = strspn(z, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._");
    return n > 0 && z[n] == '\0';
}

/* --- the look-ups --- */

static void on_reply(const struct dns_reply *reply, void *arg);

static void done(struct rdns *r, enum rdns_status status)
{
    r->result.status = status;
    r->fn(r->arg, &r->result); /* frees it, or does later */
}

static void ask(struct rdns *r, const char *name, enum dns_type type)
{
    r->type = type;
    r->ask = dns_query(r->dns, name, type, on_reply, r);
}

static enum dns_type own_type(const struct rdns *r)
{
    return r->four ? DNS_A : DNS_AAAA;
}

static bool leads_here(const struct rdns *r, const struct dns_reply *reply)
{
    for (size_t i = 0; i < reply->n; i++)
        if (memcmp(reply->rr[i].addr, r->addr, r->four ? 4 : 16) == 0)
            return true;
    return false;
}

static void take_names(struct rdns *r, const struct dns_reply *reply)
{
    for (size_t i = 0; i < reply->n && r->n < RDNS_NAMES_MAX; i++)
        if (host_name(reply->rr[i].name))
            str_copy(r->names[r->n++], sizeof r->names[0], str_of(reply->rr[i].name));
    if (r->n > 0)
        memcpy(r->result.ptr, r->names[0], sizeof r->result.ptr);
}

/* On to the next name of the address, or to the end. */
static void next_name(struct rdns *r)
{
    if (r->at < r->n)
        ask(r, r->names[r->at], own_type(r));
    else
        done(r, r->failed ? RDNS_FAILED : r->n > 0 ? RDNS_OTHER : RDNS_NONE);
}

/* A name given at HELO: addresses of the client's kind, of the other, then MX, until one tells. */
static void next_type(struct rdns *r)
{
    enum dns_type other = r->four ? DNS_AAAA : DNS_A;
    if (r->other)
        done(r, RDNS_OTHER);
    else if (r->type == own_type(r))
        ask(r, r->names[0], other);
    else if (r->type == other)
        ask(r, r->names[0], DNS_MX);
    else
        done(r, r->failed ? RDNS_FAILED : RDNS_NONE);
}

static void on_reply(const struct dns_reply *reply, void *arg)
{
    struct rdns *r = arg;
    r->ask = NULL;
    r->failed = r->failed || reply->status == DNS_TEMPORARY || reply->status == DNS_BOGUS;
    if (r->type == DNS_PTR) {
        take_names(r, reply);
        next_name(r);
    } else if (r->type == own_type(r) && leads_here(r, reply)) {
        memcpy(r->result.name, r->names[r->at], sizeof r->result.name);
        done(r, RDNS_CONFIRMED);
    } else if (r->helo) {
        r->other = reply->n > 0;
        next_type(r);
    } else {
        r->at++;
        next_name(r);
    }
}

static struct rdns *make(struct dns *d, const union endpoint *addr, rdns_fn *fn, void *arg)
{
    struct rdns *r = mem_new(sizeof *r);
    r->dns = d;
    r->fn = fn;
    r->arg = arg;
    (void)octets(addr, r->addr, &r->four);
    return r;
}

struct rdns *rdns_client(struct dns *d, const union endpoint *addr, rdns_fn *fn, void *arg)
{
    char name[80];
    struct rdns *r = make(d, addr, fn, arg);
    reverse_name(r, name, sizeof name);
    ask(r, name, DNS_PTR);
    return r;
}

struct rdns *rdns_helo(struct dns *d, struct str helo, const union endpoint *addr, rdns_fn *fn,
                       void *arg)
{
    struct rdns *r = make(d, addr, fn, arg);
    r->helo = true;
    r->n = 1;
    str_copy(r->names[0], sizeof r->names[0], helo);
    ask(r, r->names[0], own_type(r));
    return r;
}

void rdns_free(struct rdns **rp)
{
    struct rdns *r = *rp;
    if (r == NULL)
        return;
    *rp = NULL;
    dns_cancel(&r->ask);
    free(r);
}
