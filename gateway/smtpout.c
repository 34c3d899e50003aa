/* gateway/smtpout.c -- the SMTP side of the queue runner: where a destination's hosts are, and how
 * many conversations it is given. */
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/idn.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "gateway/relay_private.h"
#include "gateway/mail/mime.h"
#include "gateway/smtp/client.h"
#include "gateway/smtp/mx.h"
#include "gateway/sts.h"

#define TARGET_LIFE_MS 300000 /* looked-up hosts are used this long */
#define CONCURRENCY_START 4u
#define SEVEN_MOST 4194304u /* octets of a mail that is encoded for a host: the loop does it */
#define CONCURRENCY_MAX 20u

struct conversation {
    struct conversation *next;
    struct smtpout *out;
    struct smtpc *client;
    struct item *item; /* being sent */
    size_t smarthost;  /* which it is with */
    bool put_off;      /* by it, for all recipients of the last message */
    struct buf seven;  /* its content for a host without 8BITMIME; empty: as it is */
};
struct smtpout {
    struct dest *dest;
    struct mx_ask *ask;
    struct smtp_target *target;
    size_t ntarget, smarthost; /* smart hosts are looked up one after the other */
    bool sts;                  /* the domain's policy is in force: its hosts are those it names */
    bool testing;              /* it has one, and only wants to be told of */
    struct mono looked_up;
    struct conversation *first;
    unsigned concurrency;
};

/* --- where --- */

void smtpout_key(const struct conf *c, struct str domain, char *key, size_t size)
{
    char name[300], ascii[IDN_MAX];
    if (idn_ascii(domain, ascii)) /* one queue for both spellings; A-labels are looked up */
        domain = str_of(ascii);
    const struct conf_host *h = conf_route_of(c, domain);
    if (h != NULL) {
        conf_host_name(h, name, sizeof name);
        snprintf(key, size, "smtp @%s", name);
    } else if (c->nsmarthost > 0)
        snprintf(key, size, "smtp *");
    else
        snprintf(key, size, "smtp %.*s", STR_ARG(domain));
}

/* The statement that says where this destination is: what was looked up last says which smart host
 * it is. NULL: an MX destination, or a statement that is gone since a reload. */
static const struct conf_host *host_of(const struct smtpout *o)
{
    const struct conf *c = o->dest->relay->g->conf;
    const char *name = o->dest->name;
    char other[300];
    if (strcmp(name, "*") == 0)
        return c->nsmarthost > 0 ? &c->smarthost[o->smarthost % c->nsmarthost] : NULL;
    for (size_t i = 0; name[0] == '@' && i < c->ndestination; i++) {
        if (c->destination[i].batch.n > 0)
            continue;
        conf_host_name(&c->destination[i], other, sizeof other);
        if (strcmp(name + 1, other) == 0)
            return &c->destination[i];
    }
    return NULL;
}

static bool same_address(const struct sockaddr *a, const union endpoint *e)
{
    if (a == NULL || a->sa_family != e->any.sa_family)
        return false;
    const union endpoint *b = (const union endpoint *)(const void *)a;
    if (a->sa_family == AF_INET)
        return b->in4.sin_addr.s_addr == e->in4.sin_addr.s_addr;
    return memcmp(&b->in6.sin6_addr, &e->in6.sin6_addr, sizeof e->in6.sin6_addr) == 0;
}

/* Ourselves: by one of our names, or by one of this machine's addresses at a port where we take
 * mail. */
static bool is_self(void *arg, const struct smtp_target *t)
{
    const struct conf *c = ((struct relay *)arg)->g->conf;
    bool port = false, found = false;
    if (str_is(c->hostname, t->name))
        return true;
    for (size_t i = 0; i < c->nalt_host; i++)
        if (str_is(c->alt_host[i], t->name))
            return true;
    for (size_t i = 0; i < c->nlisten_smtp; i++)
        port = port || endpoint_port(&c->listen_smtp[i].at) == endpoint_port(&t->at);
    struct ifaddrs *all;
    if (!port || getifaddrs(&all) != 0)
        return false;
    for (const struct ifaddrs *i = all; i != NULL && !found; i = i->ifa_next)
        found = same_address(i->ifa_addr, &t->at);
    freeifaddrs(all);
    return found;
}

static enum smtpc_tls tls_policy(const struct smtpout *o, const struct conf_host *h)
{
    static const enum smtpc_tls policy[] = {[HOST_TLS_MAY] = SMTPC_TLS_MAY,
                                            [HOST_TLS_NO] = SMTPC_TLS_NO,
                                            [HOST_TLS_ENCRYPT] = SMTPC_TLS_ENCRYPT,
                                            [HOST_TLS_REQUIRED] = SMTPC_TLS_VERIFY,
                                            [HOST_TLS_DANE] = SMTPC_TLS_DANE};
    bool said;
    if (h != NULL)
        return policy[h->tls];
    enum host_tls tls = conf_tls_of(o->dest->relay->g->conf, str_of(o->dest->name), &said);
    return o->sts && !said ? SMTPC_TLS_STS : policy[tls];
}

/* --- MTA-STS: RFC 8461 --- */

static void tell_not_named(const struct smtpout *o, const struct smtp_target *t)
{
    log_event(LOG_INFO, 0, "mta-sts",
              "domain=%s mode=testing host=%s error=\"the policy does not "
              "name it\"",
              log_quote(str_of(o->dest->name)), log_quote(str_of(t->name)));
}

/* The hosts the domain's policy names; all when it has none, or a TLSPOLICY is coded. Those with
 * TLSA records stand by these (RFC 8461 2). Answers how many stay, at the front of kept. */
static size_t allowed(struct smtpout *o, const struct smtp_target *targets, size_t n,
                      struct smtp_target *kept)
{
    const struct gate *g = o->dest->relay->g;
    struct arena *a = arena_new(2u * STS_TEXT_MAX);
    struct sts_policy p;
    bool said = host_of(o) != NULL;
    if (!said)
        (void)conf_tls_of(g->conf, str_of(o->dest->name), &said);
    enum sts_mode mode = said ? STS_NONE : sts_find(g->sts, str_of(o->dest->name), a, &p);
    size_t nkept = 0;
    o->sts = mode == STS_ENFORCE;
    o->testing = mode == STS_TESTING;
    for (size_t i = 0; i < n; i++) {
        bool fits = mode == STS_NONE || targets[i].tlsa != NULL || sts_allows(&p, targets[i].name);
        if (!fits && mode == STS_TESTING)
            tell_not_named(o, &targets[i]);
        if (fits || mode == STS_TESTING)
            kept[nkept++] = targets[i];
    }
    arena_free(&a);
    return nkept;
}

static void looked_up(void *arg, const struct smtp_target *targets, size_t n, const struct why *w);

static void look_up(struct smtpout *o)
{
    struct relay *r = o->dest->relay;
    struct mx_set set = {.loop = r->g->loop,
                         .dns = r->g->dns,
                         .port = 25,
                         .is_self = is_self,
                         .arg = r,
                         .dane = tls_policy(o, host_of(o)) != SMTPC_TLS_NO};
    const struct conf_host *h = host_of(o);
    const char *name = o->dest->name;
    struct why w;
    if (h != NULL && h->host.p[0] == '/') {
        struct smtp_target t = {.name = ""};
        str_copy(t.name, sizeof t.name, h->host);
        str_copy(t.path, sizeof t.path, h->host);
        looked_up(o, &t, 1, NULL);
    } else if (h != NULL) {
        o->ask = mx_host(&set, h->host.p, h->port, looked_up, o);
    } else if (name[0] == '@' || name[0] == '*') {
        why_set(&w, E_TEMP, 451, "4.3.5", "the configuration names %s no more", name);
        relay_dest_failed(o->dest, &w);
    } else if (r->g->conf->resolver_off) {
        why_set(&w, E_PERM, 550, "5.4.4",
                "no way to %s: name servers are not asked (RESOLVERUSAGE NO), and no DESTINATION "
                "or SMARTHOST fits",
                name);
        relay_dest_failed(o->dest, &w);
    } else {
        o->ask = mx_find(&set, name, looked_up, o);
    }
}

static void forget_targets(struct smtpout *o)
{
    for (size_t i = 0; i < o->ntarget; i++)
        tlsa_drop(&o->target[i].tlsa);
    free(o->target);
    o->target = NULL;
    o->ntarget = 0;
}

/* The next smart host takes over when one fails; all failed: the destination has. */
static bool next_smarthost(struct smtpout *o)
{
    if (strcmp(o->dest->name, "*") != 0 || o->dest->relay->g->conf->nsmarthost == 0)
        return false;
    forget_targets(o);
    o->smarthost++;
    return o->smarthost % o->dest->relay->g->conf->nsmarthost != 0;
}

static void looked_up(void *arg, const struct smtp_target *targets, size_t n, const struct why *w)
{
    struct smtpout *o = arg;
    o->ask = NULL;
    if (n == 0) {
        if (next_smarthost(o))
            look_up(o);
        else
            relay_dest_failed(o->dest, w);
        return;
    }
    forget_targets(o);
    o->target = mem_new(n * sizeof *o->target);
    o->ntarget = allowed(o, targets, n, o->target);
    for (size_t i = 0; i < o->ntarget; i++)
        tlsa_ref(o->target[i].tlsa);
    if (o->ntarget == 0) {
        struct why not_named;
        why_set(&not_named, E_TEMP, 451, "4.7.5",
                "the MTA-STS policy of %s names none of its mail exchangers (%s)", o->dest->name,
                targets[0].name);
        relay_dest_failed(o->dest, &not_named);
        return;
    }
    o->looked_up = mono_now();
    smtpout_kick(o->dest);
}

/* --- conversations --- */

/* A mail that came as SMTPUTF8: does its header need it? */
static bool needs_utf8(const struct message *m, struct cur content)
{
    struct str t = cur_str(&content);
    const char *end = m->utf8 ? memmem(t.p, t.n, "\r\n\r\n", 4) : NULL;
    return m->utf8 && !text_is_ascii(end != NULL ? str_sub(t, 0, (size_t)(end - t.p)) : t);
}

/* What the senders of these recipients asked for; NULL: nothing. */
static struct smtpc_notify *notify_of(const struct item *it)
{
    struct smtpc_notify *all = NULL;
    for (size_t i = 0; i < it->n; i++) {
        const struct rcpt *to = &it->hand->m->rcpt[it->index[i]];
        if (to->notify == 0 && to->orcpt.n == 0)
            continue;
        if (all == NULL)
            all = mem_new(it->n * sizeof *all);
        all[i] = (struct smtpc_notify){.notify = to->notify, .orcpt = to->orcpt};
    }
    return all;
}

/* RFC 6152 3: a host that takes no 8-bit text gets the parts of a mail encoded. What cannot be is
 * refused by the client, which says why. */
static struct cur for_host(struct conversation *v, const struct smtpc *c, struct cur content)
{
    buf_done(&v->seven);
    if (smtpc_eightbit(c) || cur_left(&content) > SEVEN_MOST || text_is_ascii(cur_str(&content)))
        return content;
    buf_init(&v->seven, 2 * SEVEN_MOST);
    return mime_7bit(cur_str(&content), &v->seven) == 0 ? buf_cur(&v->seven) : content;
}

/* The content, as the host takes it. False: it cannot be read. */
static bool fit(struct conversation *v, struct smtpc *c, struct smtpc_job *job)
{
    struct item *it = job->ref;
    struct why w;
    struct cur content = relay_content(it, &w);
    if (cur_left(&content) == 0)
        return false;
    job->content = for_host(v, c, content);
    job->eightbit = !text_is_ascii(cur_str(&job->content));
    job->utf8 = needs_utf8(it->hand->m, job->content);
    return true;
}

/* It was read before: the body is open. */
static void fit_again(void *arg, struct smtpc *c, struct smtpc_job *job)
{
    (void)fit(arg, c, job);
}

static bool next_job(void *arg, struct smtpc *c, struct smtpc_job *job)
{
    struct conversation *v = arg;
    struct why w;
    for (;;) {
        struct item *it = relay_take(v->out->dest);
        if (it == NULL)
            return false;
        *job = (struct smtpc_job){.ref = it,
                                  .sender = it->hand->m->sender,
                                  .rcpt = it->rcpt,
                                  .nrcpt = it->n,
                                  .ret = it->hand->m->ret,
                                  .envid = it->hand->m->envid};
        if (fit(v, c, job)) {
            v->item = it;
            free(it->notify);
            job->notify = it->notify = notify_of(it);
            return true;
        }
        why_set(&w, E_IO, 451, "4.3.0", "the body of the mail cannot be read");
        for (size_t i = 0; i < it->n; i++)
            relay_result(it, i, &w);
        relay_finish(it);
    }
}

static void rcpt_verdict(void *arg, struct smtpc *c, void *ref, size_t index, const struct why *w)
{
    struct item *it = ref;
    (void)arg;
    if (w == NULL)
        it->dsn = smtpc_dsn(c);
    if (w == NULL && it->via[0] == '\0') {
        const char *tls = smtpc_tls_facts(c);
        snprintf(it->via, sizeof it->via, "%s%s%s%s", smtpc_peer(c), tls[0] != '\0' ? " (" : "",
                 tls, tls[0] != '\0' ? ")" : "");
    }
    relay_result(ref, index, w);
}

static void job_done(void *arg, struct smtpc *c, void *ref)
{
    struct conversation *v = arg;
    struct smtpout *o = v->out;
    v->item = NULL;
    buf_done(&v->seven);
    /* A host that answers for a recipient, yes or no, is alive; one that breaks off is not. */
    bool grows = relay_answered(ref) && o->concurrency < CONCURRENCY_MAX;
    if (relay_answered(ref)) {
        o->dest->failures = 0;
        o->dest->reason[0] = '\0';
        o->concurrency += grows;
    }
    v->put_off = !relay_answered(ref);
    if (v->put_off && strcmp(o->dest->name, "*") == 0 && o->dest->relay->g->conf->nsmarthost > 1)
        smtpc_quit(c); /* the next one has its turn */
    relay_finish(ref);
    if (grows && o->dest->head != NULL)
        smtpout_kick(o->dest); /* what waits need not wait for the next mail that comes */
}

static void conversation_closed(void *arg, struct smtpc *c, const struct why *w)
{
    struct conversation *v = arg;
    struct smtpout *o = v->out;
    struct conversation **p = &o->first;
    bool put_off = v->put_off && v->smarthost == o->smarthost;
    (void)c;
    while (*p != v)
        p = &(*p)->next;
    *p = v->next;
    buf_done(&v->seven);
    free(v);
    o->dest->open--;
    o->dest->relay->open_smtp--;
    if (w == NULL) {
        if (put_off)
            (void)next_smarthost(o);
        smtpout_kick(o->dest);
        return;
    }
    log_event(LOG_INFO, 0, "smtp-closed", "destination=%s reason=%s",
              log_quote(str_of(o->dest->name)), log_quote(str_of(w->text)));
    o->concurrency = o->concurrency > 1 ? o->concurrency / 2 : 1;
    forget_targets(o); /* looked up anew next time */
    if (o->dest->open > 0)
        return; /* others still talk to this destination: only this conversation was unlucky */
    if (next_smarthost(o))
        smtpout_kick(o->dest);
    else
        relay_dest_failed(o->dest, w);
}

static void tell_weak(void *arg, struct smtpc *c, const struct why *w)
{
    const struct conversation *v = arg;
    log_event(LOG_INFO, 0, "mta-sts", "domain=%s mode=testing host=%s error=%s",
              log_quote(str_of(v->out->dest->name)), log_quote(str_of(smtpc_peer(c))),
              log_quote(str_of(w->text)));
}

static const struct smtpc_ops ops = {.next = next_job,
                                     .fit = fit_again,
                                     .rcpt = rcpt_verdict,
                                     .done = job_done,
                                     .closed = conversation_closed,
                                     .weak = tell_weak};

static void open_conversation(struct smtpout *o)
{
    struct relay *r = o->dest->relay;
    const struct conf_host *h = host_of(o);
    bool signs_on = h != NULL && h->user.n > 0;
    struct conversation *v = mem_new(sizeof *v);
    struct smtpc_set set = {.loop = r->g->loop,
                            .helo = r->g->conf->hostname.p,
                            .connect_ms = r->g->conf->finish_open * 1000,
                            .command_ms = r->g->conf->inactive * 1000,
                            .data_ms = r->g->conf->send_data * 1000,
                            .block_ms = r->g->conf->send_block * 1000,
                            .dot_ms = r->g->conf->send_dot * 1000,
                            .tls = r->g->tls,
                            .tls_policy = tls_policy(o, h),
                            .look = o->testing,
                            .lmtp = h != NULL && h->lmtp,
                            .user = signs_on ? h->user.p : NULL,
                            .password = signs_on ? h->password.p : NULL,
                            .from = &r->g->conf->send_from,
                            .families = &r->families};
    v->out = o;
    v->smarthost = o->smarthost;
    v->next = o->first;
    o->first = v;
    o->dest->open++;
    r->open_smtp++;
    v->client = smtpc_new(&set, o->target, o->ntarget, &ops, v);
}

static void wake_idle(struct smtpout *o)
{
    /* A kick may run callbacks that open or close conversations: start over after each. */
    for (bool again = true; again && o->dest->head != NULL;) {
        again = false;
        for (struct conversation *v = o->first; v != NULL; v = v->next) {
            if (v->item == NULL && smtpc_idle(v->client)) {
                smtpc_kick(v->client);
                again = true;
                break;
            }
        }
    }
}

void smtpout_kick(struct dest *d)
{
    struct relay *r = d->relay;
    if (d->smtp == NULL) {
        d->smtp = mem_new(sizeof *d->smtp);
        d->smtp->dest = d;
        d->smtp->concurrency = CONCURRENCY_START;
    }
    struct smtpout *o = d->smtp;
    if (r->draining)
        return;
    wake_idle(o);
    if (d->head == NULL || o->ask != NULL)
        return;
    if (d->not_before.us > mono_now().us) {
        struct why w;
        why_set(&w, E_TEMP, 451, "4.4.1", "%s",
                d->reason[0] != '\0' ? d->reason : "tried recently");
        unsigned failures = d->failures;
        struct mono until = d->not_before;
        relay_dest_failed(d, &w);
        d->failures = failures, d->not_before = until; /* this was no attempt */
        return;
    }
    if (o->ntarget == 0 || mono_ms(o->looked_up, mono_now()) > TARGET_LIFE_MS) {
        forget_targets(o);
        look_up(o);
        return;
    }
    /* Conversations still opening will take what waits: no more of them than messages. */
    unsigned opening = 0;
    for (const struct conversation *v = o->first; v != NULL; v = v->next)
        opening += v->item == NULL;
    while (opening < d->waiting && d->open < o->concurrency &&
           r->open_smtp < (unsigned)r->g->conf->outbound_limit) {
        open_conversation(o);
        opening++;
    }
}

bool smtpout_expire(struct dest *d, struct str what)
{
    struct smtpout *o = d->smtp;
    bool found = str_is(what, d->name);
    char at[64];
    for (size_t i = 0; o != NULL && i < o->ntarget && !found; i++)
        found = str_is(what, endpoint_text(&o->target[i].at, false, at)) ||
                str_is(what, o->target[i].name);
    if (found && o != NULL)
        forget_targets(o);
    if (found)
        d->not_before.us = 0;
    return found;
}

void smtpout_quit(struct dest *d)
{
    if (d->smtp != NULL)
        for (struct conversation *v = d->smtp->first; v != NULL; v = v->next)
            smtpc_quit(v->client);
}

bool smtpout_is_stale(const struct dest *d)
{
    const struct smtpout *o = d->smtp;
    return o == NULL || (o->ask == NULL && o->first == NULL &&
                         mono_ms(o->looked_up, mono_now()) > TARGET_LIFE_MS);
}

void smtpout_free(struct dest *d)
{
    struct smtpout *o = d->smtp;
    if (o == NULL)
        return;
    mx_cancel(&o->ask);
    for (struct conversation *v = o->first, *next; v != NULL; v = next) {
        next = v->next;
        /* Its verdicts decide nothing any more (relay->stopped): the rows stand. */
        smtpc_free(&v->client);
        buf_done(&v->seven);
        free(v);
    }
    forget_targets(o);
    free(o);
    d->smtp = NULL;
}
