/* gateway/smtp/server.c -- the SMTP server: sessions and their limits, transactions and their
 * verdicts */
#include "gateway/smtp/server.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/smtp/session.h"

#define SCRATCH_MAX 65536u
#define CLIENTS_MAX 16384u /* in the ledger */
#define RCPT_ARENA                                                                                 \
    3072u /* of a transaction's arena for each recipient, the owner's part included */

static void set_defaults(struct smtpd_set *set)
{
    if (set->max_size == 0)
        set->max_size = 104857600;
    if (set->max_rcpt == 0)
        set->max_rcpt = 1000;
    if (set->max_sessions == 0)
        set->max_sessions = 12000;
    if (set->max_per_client == 0)
        set->max_per_client = 50;
    if (set->max_errors == 0)
        set->max_errors = 20;
    if (set->max_line == 0 || set->max_line > SMTP_COMMAND_MAX)
        set->max_line = SMTP_LINE_MAX;
    if (set->max_junk == 0)
        set->max_junk = 100;
    if (set->idle_ms == 0)
        set->idle_ms = 300000;
    if (set->session_ms == 0)
        set->session_ms = 3600000;
    if (set->least_rate == 0)
        set->least_rate = 500;
}

void smtpd_configure(struct smtpd *d, const struct smtpd_set *set)
{
    char *name = mem_dup(set->hostname);
    free(d->hostname);
    d->set = *set;
    set_defaults(&d->set);
    d->set.hostname = d->hostname = name;
}

struct smtpd *smtpd_new(const struct smtpd_set *set, const struct smtpd_ops *ops, void *arg)
{
    struct smtpd *d = mem_new(sizeof(*d));
    smtpd_configure(d, set);
    d->ledger = ledger_new(CLIENTS_MAX);
    d->ops = *ops;
    d->arg = arg;
    d->scratch = arena_new(SCRATCH_MAX);
    buf_init(&d->reply, SMTP_REPLY_MAX);
    buf_init(&d->content, SMTPD_CHUNK + 16);
    return d;
}

void smtpd_free(struct smtpd **dp)
{
    struct smtpd *d = *dp;
    if (d == NULL)
        return;
    *dp = NULL;
    for (size_t i = 0; i < SMTPD_BUCKETS; i++)
        while (d->bucket[i] != NULL)
            smtpd_session_free(d->bucket[i]);
    for (struct smtpd_tx *tx = d->handed; tx != NULL; tx = tx->next)
        tx->d = NULL;
    arena_free(&d->scratch);
    buf_done(&d->reply);
    buf_done(&d->content);
    ledger_free(&d->ledger);
    free(d->hostname);
    free(d);
}

/* --- sessions --- */

/* The address a client is counted by, in IPv6 form: IPv6 clients by their /64, for who has one
 * address of it has them all. */
static void client_key(const union endpoint *peer, uint8_t key[16])
{
    static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF}, loopback[16] = {[15] = 1};
    memset(key, 0, 16);
    if (peer->any.sa_family == AF_INET) {
        memcpy(key, mapped, sizeof(mapped));
        memcpy(key + 12, &peer->in4.sin_addr, 4);
    } else if (peer->any.sa_family == AF_INET6) {
        memcpy(key, &peer->in6.sin6_addr, 16);
        if (memcmp(key, mapped, sizeof(mapped)) != 0 &&
            memcmp(key, loopback, sizeof(loopback)) != 0)
            memset(key + 8, 0, 8);
    }
}

static bool trusted(const struct smtpd *d, const union endpoint *peer)
{
    static const uint8_t loop4[13] = {[10] = 0xFF, [11] = 0xFF, [12] = 127}, loop6[16] = {[15] = 1};
    uint8_t key[16];
    if (d->ops.trusted != NULL)
        return d->ops.trusted(d->arg, peer);
    client_key(peer, key);
    return (peer->any.sa_family != AF_INET && peer->any.sa_family != AF_INET6) ||
           memcmp(key, loop4, sizeof(loop4)) == 0 || memcmp(key, loop6, sizeof(loop6)) == 0;
}

static size_t bucket_of(const uint8_t key[16])
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < 16; i++)
        h = (h ^ key[i]) * 16777619u;
    return (h ^ h >> 16) % SMTPD_BUCKETS;
}

static unsigned sessions_of(const struct smtpd *d, const uint8_t key[16])
{
    unsigned n = 0;
    for (struct smtpd_session *s = d->bucket[bucket_of(key)]; s != NULL; s = s->next)
        n += s->counted && memcmp(s->client, key, 16) == 0;
    return n;
}

/* Sessions one client may have at once: a tenth of it while most sessions are taken, so that many
 * find room. */
static unsigned share(const struct smtpd *d)
{
    unsigned tenth = d->set.max_per_client / 10;
    return !d->stress ? d->set.max_per_client : tenth > 0 ? tenth : 1;
}

/* The last few sessions are kept for those we trust. */
static bool is_full(const struct smtpd *d, bool counted)
{
    unsigned most = d->set.max_sessions;
    return d->sessions > (counted ? most - most / 16 : most);
}

static bool is_unwelcome(struct smtpd_session *s)
{
    return s->counted && (smtpd_over(s, SMTPD_ERRORS) || !smtpd_may(s, SMTPD_CONNECTIONS));
}

static void bucket_add(struct smtpd_session *s)
{
    struct smtpd_session **head = &s->d->bucket[bucket_of(s->client)];
    s->prev = NULL;
    s->next = *head;
    if (s->next != NULL)
        s->next->prev = s;
    *head = s;
}

static void bucket_remove(struct smtpd_session *s)
{
    if (s->prev != NULL)
        s->prev->next = s->next;
    else
        s->d->bucket[bucket_of(s->client)] = s->next;
    if (s->next != NULL)
        s->next->prev = s->prev;
}

int smtpd_admit(struct smtpd_session *s, struct why *w)
{
    struct smtpd *d = s->d;
    uint8_t key[16];
    bucket_remove(s);
    s->counted = !trusted(d, &s->peer);
    client_key(&s->peer, key);
    memcpy(s->client, key, sizeof(s->client));
    bucket_add(s);
    if (d->draining)
        return why_set(w, E_TEMP, 421, "4.3.2", "%s is shutting down, try again later",
                       d->hostname);
    if (is_full(d, s->counted))
        return why_set(w, E_LIMIT, 421, "4.3.2", "%s has too many sessions, try again later",
                       d->hostname);
    if (s->counted && sessions_of(d, key) > share(d))
        return why_set(w, E_LIMIT, 421, "4.7.0",
                       "%s: too many sessions from your address (%u allowed)", d->hostname,
                       share(d));
    if (is_unwelcome(s))
        return why_set(w, E_LIMIT, 421, "4.7.0",
                       "%s: too many connections or errors from your address, try again later",
                       d->hostname);
    return 0;
}

/* --- what a client may do in a time --- */

bool smtpd_may(struct smtpd_session *s, enum smtpd_kind kind)
{
    return !s->counted ||
           ledger_take(s->d->ledger, s->client, kind, s->d->set.rate[kind], mono_now());
}

void smtpd_count(struct smtpd_session *s, enum smtpd_kind kind, uint64_t n)
{
    if (s->counted)
        ledger_add(s->d->ledger, s->client, kind, n, s->d->set.rate[kind], mono_now());
}

bool smtpd_over(const struct smtpd_session *s, enum smtpd_kind kind)
{
    return s->counted &&
           ledger_over(s->d->ledger, s->client, kind, s->d->set.rate[kind], mono_now());
}

int64_t smtpd_idle(const struct smtpd_session *s)
{
    return s->counted && s->d->stress ? s->d->set.idle_ms / 10 : s->d->set.idle_ms;
}

/* Three quarters of the sessions are taken, or no more than half of them again: those that are open
 * hear of it, too. */
static void look_at_stress(struct smtpd *d)
{
    uint64_t taken = d->sessions, most = d->set.max_sessions;
    bool stress = d->stress ? taken * 2 > most : taken * 4 >= most * 3 && most >= 16;
    if (stress == d->stress)
        return;
    d->stress = stress;
    for (size_t i = 0; i < SMTPD_BUCKETS; i++)
        for (struct smtpd_session *s = d->bucket[i]; s != NULL; s = s->next)
            if (s->counted && s->stream != NULL)
                stream_timeout(s->stream, smtpd_idle(s));
}

static void on_stream(struct stream *st, enum stream_event ev, void *arg)
{
    static const enum smtpd_input inputs[] = {
        [STREAM_OPEN] = SMTPD_IN_DATA,       [STREAM_SECURE] = SMTPD_IN_SECURE,
        [STREAM_DATA] = SMTPD_IN_DATA,       [STREAM_DRAINED] = SMTPD_IN_DATA,
        [STREAM_TIMEOUT] = SMTPD_IN_TIMEOUT, [STREAM_EOF] = SMTPD_IN_EOF,
        [STREAM_FAIL] = SMTPD_IN_FAIL,
    };
    (void)st;
    smtpd_session_step(arg, inputs[ev]);
}

void smtpd_take(struct smtpd *d, struct stream *st, const struct smtpd_door *door)
{
    static const struct smtpd_door plain = {.proxy = false};
    struct smtpd_session *s = mem_new(sizeof(*s));
    s->d = d;
    s->stream = st;
    s->door = door != NULL ? door : &plain;
    s->peer = *stream_peer(st);
    s->local = *stream_local(st);
    s->fresh = true;
    s->born = mono_now();
    client_key(&s->peer, s->client);
    bucket_add(s);
    d->sessions++;
    stream_owner(st, on_stream, s);
    look_at_stress(d);
    smtpd_session_start(s);
}

void smtpd_session_free(struct smtpd_session *s)
{
    struct smtpd *d = s->d;
    bucket_remove(s);
    d->sessions--;
    look_at_stress(d);
    if (d->ops.gone != NULL)
        d->ops.gone(d->arg, s);
    loop_disarm(d->set.loop, &s->pause);
    smtpd_tx_leave(&s->tx);
    if (s->stream != NULL)
        stream_free(&s->stream);
    free(s->account);
    free(s->helo);
    free(s->names);
    free(s);
}

void smtpd_drain(struct smtpd *d)
{
    d->draining = true;
    for (size_t i = 0; i < SMTPD_BUCKETS; i++)
        for (struct smtpd_session *s = d->bucket[i], *next; s != NULL; s = next) {
            next = s->next;
            smtpd_session_step(s, SMTPD_IN_DRAIN);
        }
}

unsigned smtpd_sessions(const struct smtpd *d)
{
    return d->sessions;
}

void smtpd_event(struct smtpd_session *s, const char *event, const struct why *w)
{
    if (s->d->ops.event != NULL)
        s->d->ops.event(s->d->arg, &s->peer, event, w);
}

void smtpd_facts(const struct smtpd_session *s, struct smtpd_facts *out)
{
    static const struct rdns_result unknown = {.status = RDNS_UNASKED};
    struct smtpd_tx *tx = s->tx;
    *out = (struct smtpd_facts){
        .peer = &s->peer,
        .local = &s->local,
        .trusted = !s->counted,
        .submission = s->door->submission,
        .client = s->names != NULL ? s->names : &unknown,
        .login = s->authed ? s->account : NULL,
        .helo = str_of(s->helo),
        .esmtp = s->esmtp,
        .tls = stream_tls_facts(s->stream),
        .mail = tx != NULL ? &tx->m : NULL,
        .refusal = tx != NULL ? &tx->why : NULL,
        .command = s->d->unknown,
        .rcpt = tx != NULL && tx->m.nrcpt < tx->rcpt_cap ? &tx->m.rcpt[tx->m.nrcpt] : NULL,
    };
}

void smtpd_know_client(struct smtpd_session *s, const struct rdns_result *r)
{
    if (s->names == NULL)
        s->names = mem_new(sizeof *s->names);
    *s->names = *r;
}

void smtpd_know_helo(struct smtpd_session *s, enum rdns_status status)
{
    s->helo_status = status;
}

void **smtpd_user(struct smtpd_session *s, enum smtpd_slot slot)
{
    return &s->user[slot];
}

void smtpd_answer(struct smtpd_session *s, const struct why *w)
{
    s->answer = w;
    smtpd_session_step(s, SMTPD_IN_ANSWER);
}

/* --- transactions --- */

struct smtpd_tx *smtpd_tx_new(struct smtpd_session *s)
{
    struct smtpd_tx *tx = mem_new(sizeof(*tx));
    struct arena *a = arena_new(65536 + (size_t)s->d->set.max_rcpt * RCPT_ARENA);
    tx->d = s->d;
    tx->m = (struct smtpd_mail){
        .arena = a,
        .peer = s->peer,
        .client = arena_str(a, str_of(s->names != NULL ? s->names->name : "")),
        .client_status = s->names != NULL ? s->names->status : RDNS_UNASKED,
        .helo_status = s->helo_status,
        .helo = arena_str(a, str_of(s->helo)),
        .esmtp = s->esmtp,
        .tls = arena_cstr(a, str_of(stream_tls_facts(s->stream))),
        .login = arena_str(a, str_of(s->authed ? s->account : "")),
        .session = s,
    };
    return tx;
}

struct smtpd_tx *smtpd_tx_of(struct smtpd_mail *m)
{
    return (struct smtpd_tx *)m;
}

void smtpd_tx_hand(struct smtpd_tx *tx)
{
    tx->handed = true;
    tx->next = tx->d->handed;
    if (tx->next != NULL)
        tx->next->prev = tx;
    tx->d->handed = tx;
}

static void unlink_tx(struct smtpd_tx *tx)
{
    if (tx->prev != NULL)
        tx->prev->next = tx->next;
    else if (tx->d != NULL)
        tx->d->handed = tx->next;
    if (tx->next != NULL)
        tx->next->prev = tx->prev;
}

void smtpd_tx_free(struct smtpd_tx **txp)
{
    struct smtpd_tx *tx = *txp;
    if (tx == NULL)
        return;
    *txp = NULL;
    if (tx->handed)
        unlink_tx(tx);
    if (tx->m.content != NULL)
        body_writer_drop(&tx->m.content);
    arena_free(&tx->m.arena);
    free(tx->m.rcpt);
    free(tx);
}

void smtpd_tx_leave(struct smtpd_tx **txp)
{
    struct smtpd_tx *tx = *txp;
    if (tx != NULL && tx->handed && !tx->decided) {
        tx->m.session = NULL;
        *txp = NULL;
    } else {
        smtpd_tx_free(txp);
    }
}

void smtpd_verdict(struct smtpd_mail *m, msg_id id, const struct why *w)
{
    struct smtpd_tx *tx = smtpd_tx_of(m);
    tx->decided = true;
    tx->id = id;
    tx->failed = w != NULL;
    if (w != NULL)
        tx->why = *w;
    if (m->session != NULL)
        smtpd_session_step(m->session, SMTPD_IN_VERDICT);
    else
        smtpd_tx_free(&tx);
}
