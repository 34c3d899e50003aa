/* gateway/relay.c -- the queue runner: a bounded window of the queue in memory, sorted by
 * destination. */
#include "gateway/relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "db/queue.h"
#include "gateway/clockwatch.h"
#include "gateway/dsn.h"
#include "gateway/ibmlog.h"
#include "gateway/metrics.h"
#include "gateway/nje.h"
#include "gateway/relay_private.h"
#include "rscs/link.h"

#define HAND_BYTES (16u << 20) /* of their bodies */
#define SWEEP_MS 15000
#define LINK_PATIENCE_MS 60000 /* files wait this long in memory for a link that is down */
#define SCAN_AGAIN_MS 1000
#define TRIES_LEAST 4u         /* before a mail is too old */
#define REASON_LIFE_MS 3600000 /* how long the last failure of an idle destination is shown */

/* --- tables --- */

static struct hand **hand_slot(struct relay *r, msg_id id)
{
    struct hand **h = &r->hand_table[id & (RELAY_TABLE_SIZE - 1)];
    while (*h != NULL && (*h)->m->id != id)
        h = &(*h)->next;
    return h;
}

struct hand *relay_hand(struct relay *r, msg_id id)
{
    return *hand_slot(r, id);
}

static struct dest *dest_of(struct relay *r, enum door door, const char *key)
{
    uint32_t hash = 2166136261u;
    for (const char *p = key; *p != '\0'; p++)
        hash = (hash ^ (uint8_t)*p) * 16777619u;
    struct dest **d = &r->dest_table[hash & (RELAY_TABLE_SIZE - 1)];
    while (*d != NULL && strcmp((*d)->key, key) != 0)
        d = &(*d)->next;
    if (*d == NULL) {
        *d = mem_new(sizeof **d);
        (*d)->relay = r;
        (*d)->door = door;
        snprintf((*d)->key, sizeof(*d)->key, "%s", key);
        (*d)->name = strchr((*d)->key, ' ') + 1;
        (*d)->tail = &(*d)->head;
    }
    return *d;
}

struct dest *relay_dest_for(struct relay *r, enum door door, struct str dest)
{
    char key[280];
    if (door == DOOR_SMTP) {
        smtpout_key(r->g->conf, dest, key, sizeof key);
        return dest_of(r, DOOR_SMTP, key);
    }
    struct nje_name node;
    const char *link = ebc_name(&node, dest) ? routes_link(r->g->routes, &node) : NULL;
    /* A node that lost its route waits under a name no link has, until it has one or the mail is
     * too old. */
    snprintf(key, sizeof key, "nje %s%.*s", link != NULL ? link : "no route to ",
             link != NULL ? 0 : (int)dest.n, dest.p);
    return dest_of(r, DOOR_NJE, key);
}

static struct dest *dest_for(struct relay *r, const struct message *m, const struct rcpt *to)
{
    return relay_dest_for(r, m->to, to->dest);
}

static void kick(struct dest *d)
{
    if (d->relay->draining)
        return;
    if (d->door == DOOR_SMTP)
        smtpout_kick(d);
    else
        nje_kick(d->relay->g->nje, d->name);
}

/* --- the window --- */

static void hand_forget(struct relay *r, struct hand *h)
{
    struct hand **slot = hand_slot(r, h->m->id);
    *slot = h->next;
    r->nhand--;
    r->hand_bytes -= h->bytes;
    message_free(&h->m);
    relay_hand_gone(r, h);
    free(h);
}

static void hand_check(struct relay *r, struct hand *h)
{
    if (h->items == 0 && h->changes == 0)
        hand_forget(r, h);
}

static void item_free(struct item *it)
{
    for (size_t i = 0; i < it->n; i++)
        free(it->result[i]);
    free(it->result);
    free(it->known);
    free(it->notify);
    free(it->index);
    free(it->rcpt);
    free(it);
}

static struct item *item_new(struct hand *h, struct dest *d)
{
    struct item *it = mem_new(sizeof *it);
    size_t most = h->m->nrcpt;
    it->hand = h;
    it->dest = d;
    it->rcpt = mem_new(most * sizeof *it->rcpt);
    it->index = mem_new(most * sizeof *it->index);
    it->result = mem_new(most * sizeof(struct why *));
    it->known = mem_new(most * sizeof *it->known);
    it->since = mono_now();
    h->items++;
    return it;
}

static void append(struct item *it)
{
    struct dest *d = it->dest;
    it->next = NULL;
    *d->tail = it;
    d->tail = &it->next;
    d->waiting++;
}

static struct queue_at place_of(const struct message *m, const struct rcpt *to)
{
    return (struct queue_at){.due = to->due, .msg = m->id, .n = to->n};
}

/* Sort the recipients that are due by destination: one item each. */
static void make_items(struct relay *r, struct hand *h)
{
    struct wall now = h->seen = wall_now();
    struct item *made[16];
    size_t nmade = 0;
    for (unsigned i = 0; i < h->m->nrcpt; i++) {
        const struct rcpt *to = &h->m->rcpt[i];
        if (to->state != RCPT_READY || to->due.us > now.us)
            continue;
        struct dest *d = dest_for(r, h->m, to);
        if (relay_resting(d)) {
            relay_pass(d, place_of(h->m, to));
            continue;
        }
        size_t k = 0;
        while (k < nmade && made[k]->dest != d)
            k++;
        if (k == nmade && nmade == sizeof made / sizeof made[0]) {
            append(made[0]); /* many destinations: the oldest is complete enough, a second item may
                                follow */
            kick(made[0]->dest);
            memmove(made, made + 1, --nmade * sizeof(struct item *));
            k = nmade;
        }
        if (k == nmade)
            made[nmade++] = item_new(h, d);
        made[k]->index[made[k]->n] = i;
        made[k]->rcpt[made[k]->n++] = to->addr;
    }
    for (size_t k = 0; k < nmade; k++) {
        append(made[k]);
        kick(made[k]->dest);
    }
}

void relay_take_in(struct relay *r, struct message *m)
{
    if (m->to == DOOR_NONE) { /* a held file that was released */
        if (m->nrcpt > 0 && m->rcpt[0].state == RCPT_READY && m->rcpt[0].due.us <= wall_now().us)
            nje_resume(r->g->nje, m);
        else
            message_free(&m);
        return;
    }
    struct hand *h = mem_new(sizeof *h);
    /* Too many bodies: this one is read again when its turn comes. */
    if (m->body != NULL && r->hand_bytes + m->size > HAND_BYTES)
        body_free(&m->body);
    h->m = m;
    h->bytes = m->body != NULL ? m->size : 0;
    r->nhand++;
    r->hand_bytes += h->bytes;
    *hand_slot(r, m->id) = h;
    make_items(r, h);
    hand_check(r, h);
}

/* Has one of its destinations room? Else all of it stays in the database, and they know. */
static bool is_welcome(struct relay *r, const struct message *m)
{
    bool any = m->to == DOOR_NONE;
    for (size_t i = 0; i < m->nrcpt && !any; i++) {
        const struct dest *d = dest_for(r, m, &m->rcpt[i]);
        any = m->rcpt[i].state == RCPT_READY && !relay_resting(d) && relay_has_room(d);
    }
    for (size_t i = 0; i < m->nrcpt && !any; i++)
        if (m->rcpt[i].state == RCPT_READY)
            relay_pass(dest_for(r, m, &m->rcpt[i]), place_of(m, &m->rcpt[i]));
    return any;
}

static void add(struct relay *r, struct message *m)
{
    if (!r->draining && *hand_slot(r, m->id) == NULL && is_welcome(r, m))
        relay_take_in(r, m);
    else
        message_free(&m);
}

static void add_fresh(void *arg)
{
    struct relay *r = arg;
    struct message **fresh = r->fresh; /* what is begun may come back as a report: a list anew */
    size_t n = r->nfresh;
    loop_disarm(r->g->loop, &r->fresh_at);
    r->fresh = NULL;
    r->nfresh = r->fresh_space = 0;
    for (size_t i = 0; i < n; i++)
        add(r, fresh[i]);
    free(fresh);
}

void relay_add(struct relay *r, struct message *m)
{
    if (r->nfresh == r->fresh_space) {
        r->fresh_space = r->fresh_space == 0 ? 64 : r->fresh_space * 2;
        r->fresh = mem_grow(r->fresh, r->fresh_space, sizeof(struct message *));
    }
    r->fresh[r->nfresh++] = m;
    if (r->nfresh == 1 && !r->stopped)
        loop_arm(r->g->loop, &r->fresh_at, 0, add_fresh, r);
}

/* Take the waiting items of a message out of a destination's queue. */
static void drop_items(struct dest *d, struct hand *h)
{
    d->tail = &d->head;
    for (struct item **p = &d->head, *it = *p; it != NULL; it = *p) {
        if (it->hand == h) {
            *p = it->next;
            d->waiting--;
            h->items--;
            item_free(it);
        } else {
            p = &it->next;
        }
        d->tail = p;
    }
}

bool relay_let_go(struct relay *r, msg_id id)
{
    add_fresh(r);
    struct hand *h = *hand_slot(r, id);
    if (h == NULL)
        return !nje_resuming(r->g->nje, id);
    for (size_t i = 0; i < RELAY_TABLE_SIZE; i++)
        for (struct dest *d = r->dest_table[i]; d != NULL; d = d->next)
            drop_items(d, h);
    bool sending = h->sending > 0;
    h->let_go = sending;
    hand_check(r, h);
    return !sending;
}

/* --- the queue was changed by hand --- */

void relay_due(struct relay *r, struct wall due)
{
    int64_t ms = (due.us - wall_now().us) / 1000 + 1;
    relay_scan_soon(r, ms > 1 ? ms : 1);
}

void relay_again(struct relay *r)
{
    relay_walk_anew(r);
    relay_scan_soon(r, SCAN_AGAIN_MS);
}

void relay_rescan(struct relay *r)
{
    for (size_t i = 0; i < RELAY_TABLE_SIZE; i++)
        for (struct dest *d = r->dest_table[i]; d != NULL; d = d->next)
            d->not_before.us = 0;
    relay_walk_anew(r);
    relay_scan_soon(r, 0);
}

unsigned relay_expire(struct relay *r, struct str what)
{
    unsigned n = 0;
    for (size_t i = 0; i < RELAY_TABLE_SIZE; i++)
        for (struct dest *d = r->dest_table[i]; d != NULL; d = d->next)
            n += d->door == DOOR_SMTP && smtpout_expire(d, what);
    relay_rescan(r);
    return n;
}

/* --- what the senders do --- */

struct item *relay_take(struct dest *d)
{
    struct item *it = d->head;
    if (it == NULL || d->relay->draining)
        return NULL;
    d->head = it->next;
    if (d->head == NULL)
        d->tail = &d->head;
    d->waiting--;
    it->hand->sending++;
    d->relay->busy++;
    relay_taken(d);
    return it;
}

void relay_put_back(struct item *it)
{
    struct dest *d = it->dest;
    if (it->hand->let_go) {
        struct hand *h = it->hand;
        h->sending--;
        h->items--;
        d->relay->busy--;
        item_free(it);
        hand_check(d->relay, h);
        return;
    }
    it->next = d->head;
    if (d->head == NULL)
        d->tail = &it->next;
    d->head = it;
    d->waiting++;
    it->hand->sending--;
    d->relay->busy--;
}

struct cur relay_content(struct item *it, struct why *w)
{
    struct message *m = it->hand->m;
    struct gate *g = it->dest->relay->g;
    if (m->body == NULL)
        m->body = queue_body(store_reader(g->store), g->store, m->id, w);
    if (m->body == NULL)
        return cur_of(NULL, 0);
    return body_cur(m->body, w);
}

void relay_result(struct item *it, size_t i, const struct why *w)
{
    if (it->known[i])
        return;
    it->known[i] = true;
    if (w != NULL) {
        it->result[i] = mem_new(sizeof *w);
        *it->result[i] = *w;
    }
}

bool relay_answered(const struct item *it)
{
    for (size_t i = 0; i < it->n; i++)
        if (it->known[i] && (it->result[i] == NULL || !why_is_temp(it->result[i])))
            return true;
    return false;
}

/* Back-off: from the smaller of 5 minutes and RETRYINT, doubling to RETRYINT, a tenth either way.
 */
int64_t relay_backoff_us(const struct conf *c, unsigned tries)
{
    int64_t most = (c->retry_int > 0 ? c->retry_int : 1) * 60 * US_PER_S;
    int64_t wait = 5 * 60 * US_PER_S;
    for (unsigned i = 1; i < tries && wait < most; i++)
        wait *= 2;
    if (wait > most)
        wait = most;
    return wait - wait / 10 + (int64_t)((uint64_t)random() % (uint64_t)(wait / 5));
}

struct verdicts {
    struct dsn_rcpt *failed, *late, *relayed;
    size_t nfailed, nlate, nrelayed;
};

static void note_delivered(struct gate *g, struct intake *in, const struct item *it,
                           const struct rcpt *to)
{
    const struct message *m = it->hand->m;
    bool known = it->via[0] != '\0';
    change_journal(intake_change(in), m->origin, "delivered", "to=%.*s via=%s%s%s",
                   STR_ARG(to->addr), it->dest->name, known ? " host=" : "", it->via);
    log_event(LOG_INFO, m->origin, "delivered", "to=%s via=%s%s%s delay_ms=%lld",
              log_quote(to->addr), log_quote(str_of(it->dest->name)), known ? " host=" : "",
              known ? log_quote(str_of(it->via)) : "",
              (long long)((wall_now().us - m->accepted.us) / 1000));
    metrics_delivered(g, m->accepted);
    ibmlog_delivered(g, m->origin, m->to, to->addr);
    *(m->to == DOOR_SMTP ? &g->stat.to_smtp : &g->stat.to_nje) += 1;
    ptrdiff_t node = str_find_last(to->addr, '@');
    if (g->conf->notify_arrived && m->from == DOOR_SMTP && m->to == DOOR_NJE && node > 0)
        intake_tell(in, str_sub(to->addr, 0, (size_t)node),
                    str_sub(to->addr, (size_t)node + 1, to->addr.n),
                    "Mail " MSG_ID_FMT " from %.*s has arrived: %.*s", MSG_ID_ARG(m->origin),
                    STR_ARG(m->origin_sender), STR_ARG(m->subject));
    if (g->conf->notify_delivered && m->from == DOOR_NJE) {
        ptrdiff_t at = str_find_last(m->origin_sender, '@');
        if (at > 0)
            intake_tell(in, str_sub(m->origin_sender, 0, (size_t)at),
                        str_sub(m->origin_sender, (size_t)at + 1, m->origin_sender.n),
                        "Mail " MSG_ID_FMT " delivered to %.*s", MSG_ID_ARG(m->origin),
                        STR_ARG(to->addr));
    }
}

int64_t relay_age_us(const struct gate *g, const struct message *m)
{
    return wall_now().us - m->accepted.us - clockwatch_set_us(g->clock, m->accepted);
}

/* Nor is it given up before a few tries: it may have got old while nobody ran, or by a clock that
 * was set meanwhile. */
bool relay_too_old(const struct gate *g, const struct message *m, const struct rcpt *to)
{
    const struct conf *c = g->conf;
    if (c->temp_retries > 0 && to->tries >= (unsigned)c->temp_retries)
        return true;
    return c->retry_age <= 0 ||
           (to->tries >= TRIES_LEAST && relay_age_us(g, m) >= c->retry_age * 86400 * US_PER_S);
}

static void defer_rcpt(struct gate *g, struct change *c, const struct item *it, struct rcpt *to,
                       const struct why *w, struct verdicts *v)
{
    const struct message *m = it->hand->m;
    /* What waits for a name server may have a time of its own. */
    bool names = g->conf->resolver_retry > 0 && strcmp(why_enh(w), "4.4.3") == 0;
    to->due.us = wall_now().us + (names ? g->conf->resolver_retry * 60 * US_PER_S
                                        : relay_backoff_us(g->conf, to->tries));
    to->reason = arena_str(m->arena, str_of(w->text));
    if (!to->warned && g->conf->warning_age > 0 &&
        relay_age_us(g, m) >= g->conf->warning_age * 86400 * US_PER_S) {
        to->warned = true;
        v->late[v->nlate++] = dsn_rcpt_of(to, w);
    }
    change_rcpt(c, m->id, to);
    change_journal(c, m->origin, "deferred", "to=%.*s reason=%s", STR_ARG(to->addr), w->text);
    log_event(LOG_INFO, m->origin, "deferred", "to=%s tries=%u next_s=%lld reason=%s",
              log_quote(to->addr), to->tries, (long long)((to->due.us - wall_now().us) / US_PER_S),
              log_quote(str_of(w->text)));
    g->stat.deferred++;
    metrics_trouble(g, m->origin, "put off", to->addr, w->text);
    relay_scan_soon(it->dest->relay, (to->due.us - wall_now().us) / 1000 + 1);
}

static void settle_rcpt(struct gate *g, struct intake *in, const struct item *it, size_t i,
                        struct verdicts *v)
{
    const struct message *m = it->hand->m;
    struct rcpt *to = &m->rcpt[it->index[i]];
    const struct why *w = it->result[i];
    struct change *c = intake_change(in);
    if (w == NULL) {
        static const struct why ok = {.smtp = 250, .enh = "2.0.0"};
        note_delivered(g, in, it, to);
        if (!it->dsn && (to->notify & NOTIFY_SUCCESS) != 0)
            v->relayed[v->nrelayed++] = dsn_rcpt_of(to, &ok);
        change_rcpt_done(c, m->id, to->n);
        return;
    }
    to->tries++;
    if (it->hand->let_go)
        return; /* its row is as the administrator left it */
    if (why_is_temp(w) && !relay_too_old(g, m, to)) {
        defer_rcpt(g, c, it, to, w, v);
        return;
    }
    v->failed[v->nfailed++] = dsn_rcpt_of(to, w);
    change_rcpt_done(c, m->id, to->n);
    change_journal(c, m->origin, "failed", "to=%.*s reason=%s", STR_ARG(to->addr), w->text);
    log_event(LOG_WARN, m->origin, "failed", "to=%s reason=%s", log_quote(to->addr),
              log_quote(str_of(w->text)));
    g->stat.returned++;
    metrics_trouble(g, m->origin, "returned", to->addr, w->text);
}

struct settled {
    struct relay *relay;
    struct hand *hand;
};

static void settled(void *arg, const struct why *w)
{
    struct settled *s = arg;
    if (w != NULL) /* the rows stand as they were: the message is sent again, never lost */
        log_event(LOG_ERROR, s->hand->m->origin, "store", "error=%s", log_quote(str_of(w->text)));
    s->hand->changes--;
    if (w != NULL) {
        relay_again(s->relay);
    }
    hand_check(s->relay, s->hand);
    free(s);
}

static void decide(struct item *it)
{
    struct relay *r = it->dest->relay;
    struct hand *h = it->hand;
    struct intake *in = intake_new(r->g);
    struct verdicts v = {.failed = mem_new(it->n * sizeof *v.failed),
                         .late = mem_new(it->n * sizeof *v.late),
                         .relayed = mem_new(it->n * sizeof *v.relayed)};
    for (size_t i = 0; i < it->n; i++)
        settle_rcpt(r->g, in, it, i, &v);
    if (v.nfailed > 0)
        dsn_add(r->g, in, DSN_FAILED, h->m, v.failed, v.nfailed);
    if (v.nlate > 0)
        dsn_add(r->g, in, DSN_DELAYED, h->m, v.late, v.nlate);
    if (v.nrelayed > 0)
        dsn_add(r->g, in, DSN_RELAYED, h->m, v.relayed, v.nrelayed);
    struct settled *s = mem_new(sizeof *s);
    *s = (struct settled){r, h};
    h->changes++;
    h->items--;
    if (v.nfailed + v.nlate + v.nrelayed == 0)
        change_patient(intake_change(in));
    item_free(it);
    intake_commit(&in, settled, s);
    free(v.failed);
    free(v.late);
    free(v.relayed);
}

void relay_finish(struct item *it)
{
    it->hand->sending--;
    it->dest->relay->busy--;
    if (it->dest->relay->stopped) {
        it->hand->items--;
        item_free(it);
        return;
    }
    decide(it);
}

void relay_dest_failed(struct dest *d, const struct why *w)
{
    d->failures++;
    snprintf(d->reason, sizeof d->reason, "%s", w->text);
    int64_t wait = INT64_C(30000) << (d->failures < 5 ? d->failures : 5);
    d->not_before = mono_in(wait);
    struct item *it = d->head;
    d->head = NULL;
    d->tail = &d->head;
    d->waiting = 0;
    while (it != NULL) {
        struct item *next = it->next;
        for (size_t i = 0; i < it->n; i++)
            relay_result(it, i, w);
        decide(it);
        it = next;
    }
}

/* --- NJE --- */

static struct dest *nje_dest(struct relay *r, const char *link)
{
    char key[280];
    snprintf(key, sizeof key, "nje %s", link);
    return dest_of(r, DOOR_NJE, key);
}

/* Its body cannot be read: our disk's fault, so it is put off like any other temporary trouble. */
static void unreadable(struct item *it)
{
    struct why w;
    why_set(&w, E_IO, 451, "4.3.0", "the file's body cannot be read");
    for (size_t i = 0; i < it->n; i++)
        relay_result(it, i, &w);
    relay_finish(it);
}

bool relay_next_file(struct relay *r, const char *link, struct link_out *out)
{
    struct dest *d = nje_dest(r, link);
    for (struct item *it = relay_take(d); it != NULL; it = relay_take(d)) {
        struct why w;
        out->ref = it;
        out->deck = relay_content(it, &w);
        if (cur_left(&out->deck) > 0) {
            d->open++;
            return true;
        }
        unreadable(it);
    }
    return false;
}

void relay_file_sent(struct relay *r, void *ref, const struct why *w)
{
    struct item *it = ref;
    struct dest *d = it->dest;
    (void)r;
    d->open--;
    if (w != NULL && w->err == E_GONE) {
        relay_put_back(it); /* the link broke: it goes again when the link is back */
        return;
    }
    for (size_t i = 0; i < it->n; i++)
        relay_result(it, i, w);
    relay_finish(it);
}

void relay_file_passed(void *ref, struct cur part)
{
    const struct item *it = ref;
    if (it->hand->m->body != NULL)
        body_passed(it->hand->m->body, part);
}

bool relay_file_ready(void *ref, struct cur part)
{
    const struct item *it = ref;
    return it->hand->m->body == NULL || body_ready(it->hand->m->body, part);
}

static void retried(void *arg, const struct why *w)
{
    (void)w; /* when the disk failed the files are due at their own time */
    relay_rescan(arg);
}

void relay_link_up(struct relay *r, const char *link)
{
    struct dest *d = nje_dest(r, link);
    d->failures = 0;
    d->reason[0] = '\0';
    /* What was put off while the link was down is due now. */
    struct change *c = change_new(r->g->store);
    change_retry(c, DOOR_NJE, STR("*"));
    change_commit(&c, retried, r);
}

/* Files for a link that stays down leave memory: the database keeps them, and their age is looked
 * at. */
static void free_dest(struct dest *d)
{
    for (struct item *it = d->head, *next; it != NULL; it = next) {
        next = it->next;
        item_free(it);
    }
    free(d);
}

/* Nothing waits for it, nothing is under way, and what is known of it is old. */
static bool is_forgotten(const struct dest *d, struct mono now)
{
    bool idle = d->head == NULL && d->open == 0 && !d->missed && !d->hungry;
    bool troubled = d->failures > 0 && mono_ms(d->not_before, now) < REASON_LIFE_MS;
    return idle && !troubled && d->door == DOOR_SMTP && smtpout_is_stale(d);
}

static void forget_dests(struct relay *r)
{
    struct mono now = mono_now();
    for (size_t i = 0; i < RELAY_TABLE_SIZE; i++) {
        for (struct dest **d = &r->dest_table[i], *gone; (gone = *d) != NULL;) {
            if (!is_forgotten(gone, now)) {
                d = &gone->next;
                continue;
            }
            *d = gone->next;
            smtpout_free(gone);
            free_dest(gone);
        }
    }
}

static void sweep(void *arg)
{
    struct relay *r = arg;
    struct mono now = mono_now();
    for (size_t i = 0; i < RELAY_TABLE_SIZE; i++) {
        for (struct dest *d = r->dest_table[i]; d != NULL; d = d->next) {
            if (d->door != DOOR_NJE || d->head == NULL || nje_link_is_up(r->g->nje, d->name))
                continue;
            if (mono_ms(d->head->since, now) < LINK_PATIENCE_MS)
                continue;
            struct why w;
            why_set(&w, E_TEMP, 451, "4.4.1", "link %s is down", d->name);
            relay_dest_failed(d, &w);
        }
    }
    forget_dests(r);
    if (!LIST_EMPTY(&r->missed))
        relay_scan_soon(r, 0);
    loop_arm(r->g->loop, &r->sweep, SWEEP_MS, sweep, r);
}

/* --- life --- */

struct relay *relay_new(struct gate *g)
{
    struct relay *r = mem_new(sizeof *r);
    r->g = g;
    r->hand_table = mem_new(RELAY_TABLE_SIZE * sizeof(struct hand *));
    r->dest_table = mem_new(RELAY_TABLE_SIZE * sizeof(struct dest *));
    return r;
}

void relay_start(struct relay *r)
{
    relay_scan_soon(r, 0);
    loop_arm(r->g->loop, &r->sweep, SWEEP_MS, sweep, r);
}

void relay_stop(struct relay *r)
{
    r->draining = r->stopped = true;
    loop_disarm(r->g->loop, &r->scan);
    loop_disarm(r->g->loop, &r->fresh_at);
    loop_disarm(r->g->loop, &r->sweep);
    for (size_t i = 0; i < RELAY_TABLE_SIZE; i++)
        for (struct dest *d = r->dest_table[i]; d != NULL; d = d->next)
            smtpout_free(d);
}

void relay_free(struct relay **r)
{
    if (*r == NULL)
        return;
    for (size_t i = 0; i < RELAY_TABLE_SIZE; i++) {
        for (struct dest *d = (*r)->dest_table[i], *next; d != NULL; d = next) {
            next = d->next;
            free_dest(d);
        }
        for (struct hand *h = (*r)->hand_table[i], *next; h != NULL; h = next) {
            next = h->next;
            message_free(&h->m);
            free(h);
        }
    }
    for (size_t i = 0; i < (*r)->nfresh; i++)
        message_free(&(*r)->fresh[i]);
    free((*r)->fresh);
    free((*r)->hand_table);
    free((*r)->dest_table);
    free(*r);
    *r = NULL;
}

void relay_drain(struct relay *r)
{
    r->draining = true;
    for (size_t i = 0; i < RELAY_TABLE_SIZE; i++)
        for (struct dest *d = r->dest_table[i]; d != NULL; d = d->next)
            if (d->door == DOOR_SMTP)
                smtpout_quit(d);
}

size_t relay_busy(const struct relay *r)
{
    return r->busy;
}

void relay_each(const struct relay *r, void (*fn)(void *arg, const struct relay_line *l), void *arg)
{
    for (size_t i = 0; i < RELAY_TABLE_SIZE; i++) {
        for (const struct dest *d = r->dest_table[i]; d != NULL; d = d->next) {
            struct relay_line l = {d->key, d->waiting, d->open, 0, d->reason};
            int64_t wait = mono_ms(mono_now(), d->not_before);
            l.retry_s = d->not_before.us > 0 && wait > 0 ? wait / 1000 : 0;
            if (d->waiting > 0 || d->open > 0 || d->reason[0] != '\0')
                fn(arg, &l);
        }
    }
}
