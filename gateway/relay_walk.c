/* gateway/relay_walk.c -- which of the queue's rows are in memory: a window that no destination can
 * fill, over a queue of any length.
 *
 * The front is a place in the queue's order (by time due). What lies before it is in memory, or it
 * was passed by, because its destination had its share of the window or rests after a failure; then
 * the destination remembers the first such place (missed). What lies beyond the front has not been
 * looked at. When a destination has room again a walk begins at its place and ends as soon as those
 * it was begun for are full again, or at the front. So each row is looked at a few times, however
 * long the queue is and whatever stands before it. The front rests while the tally of the queue
 * names no destination but those that rows were passed by of: a million for one host are not looked
 * through for the sake of others that are not there. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "gateway/nje.h"
#include "gateway/relay_private.h"

#define SLICE_ROWS 4000u /* looked at in one turn */
#define SLICE_LOADS 100u /* of them taken */
#define SCAN_AGAIN_MS 1000
#define FULL (HAND_MAX + HAND_SPARE)

/* --- room --- */

static size_t room(const struct relay *r)
{
    return r->nhand < HAND_MAX ? HAND_MAX - r->nhand : 0;
}

bool relay_resting(const struct dest *d)
{
    return d->not_before.us > mono_now().us;
}

/* Each may have in memory as much as is left free: one destination half of the window, two that are
 * stuck a third each, and whoever comes next always finds some. The first item of a destination
 * finds a place that is kept for such. */
bool relay_has_room(const struct dest *d)
{
    const struct relay *r = d->relay;
    if (d->waiting == 0 && d->open == 0)
        return r->nhand < FULL;
    return d->waiting < room(r);
}

static bool is_hungry(const struct dest *d)
{
    bool first = d->waiting == 0 && d->open == 0 && d->relay->nhand < FULL;
    return !relay_resting(d) && (first || d->waiting * 2 < room(d->relay));
}

/* --- places --- */

static bool is_before(struct queue_at a, struct queue_at b)
{
    if (a.due.us != b.due.us)
        return a.due.us < b.due.us;
    return a.msg != b.msg ? a.msg < b.msg : a.n < b.n;
}

/* A walk begins behind a place: the one that has this row next. */
static struct queue_at just_before(struct queue_at at)
{
    at.msg = at.msg > 0 ? at.msg - 1 : 0;
    at.n = UINT32_MAX;
    return at;
}

void relay_pass(struct dest *d, struct queue_at at)
{
    struct queue_at place = just_before(at);
    if (d->hungry) {
        d->hungry = false;
        d->relay->nhungry--;
    }
    if (!d->missed) {
        d->missed = true;
        d->missed_at = place;
        LIST_INSERT_HEAD(&d->relay->missed, d, missed_link);
    } else if (is_before(place, d->missed_at)) {
        d->missed_at = place;
    }
}

/* A row of a message in memory that became due since: it is looked at again when the message goes.
 */
void relay_look_again(struct hand *h, struct queue_at at)
{
    struct queue_at place = just_before(at);
    if (!h->again || is_before(place, h->again_at))
        h->again_at = place;
    h->again = true;
}

void relay_hand_gone(struct relay *r, const struct hand *h)
{
    if (h->again && is_before(h->again_at, r->front)) {
        r->front = h->again_at;
        relay_scan_soon(r, 0);
    }
    if (r->stalled && r->nhand < HAND_MAX / 4 * 3)
        relay_scan_soon(r, 0);
    if (!LIST_EMPTY(&r->missed) && r->nhand < HAND_MAX && r->nhand % 64 == 0)
        relay_scan_soon(r, 0);
}

void relay_taken(struct dest *d)
{
    if (d->missed && is_hungry(d))
        relay_scan_soon(d->relay, 0);
}

void relay_walk_anew(struct relay *r)
{
    for (struct dest *d; (d = LIST_FIRST(&r->missed)) != NULL;) {
        LIST_REMOVE(d, missed_link);
        d->missed = false;
    }
    for (size_t i = 0; i < RELAY_TABLE_SIZE; i++)
        for (struct dest *d = r->dest_table[i]; d != NULL; d = d->next)
            d->hungry = false;
    r->nhungry = 0;
    r->filling = false;
    r->front = (struct queue_at){.msg = 0};
}

/* --- walking --- */

struct slice {
    struct relay *relay;
    struct db *reader;
    unsigned loads;
    bool more; /* it was left before its end */
    struct why *w;
    struct dest *dest; /* of the row before, which was for: */
    enum door door;
    char name[256];
};

/* Neighbours in the queue are often for the same destination. */
static struct dest *dest_of_row(struct slice *s, const struct queue_row *row)
{
    if (s->dest != NULL && s->door == row->door && str_eq(row->dest, str_of(s->name)))
        return s->dest;
    s->dest = relay_dest_for(s->relay, row->door, row->dest);
    s->door = row->door;
    if (row->dest.n < sizeof s->name)
        str_copy(s->name, sizeof s->name, row->dest);
    else
        s->name[0] = '\0';
    return s->dest;
}

/* 0 to go on, 1 to stop, negative on failure. */
static int take(struct slice *s, const struct queue_row *row)
{
    struct message *m;
    int rc = queue_load(s->reader, row->at.msg, &m, s->w);
    if (rc == E_ABSENT) /* settled since the walk began */
        return 0;
    if (rc < 0)
        return rc;
    relay_take_in(s->relay, m);
    return 0;
}

static int one_row(void *arg, const struct queue_row *row)
{
    struct slice *s = arg;
    struct relay *r = s->relay;
    struct hand *h = relay_hand(r, row->at.msg);
    int rc = 0;
    s->more = s->loads >= SLICE_LOADS || r->nhand >= FULL;
    r->stalled = r->nhand >= FULL;
    if (s->more)
        return 1;
    if (h != NULL) {
        if (row->at.due.us > h->seen.us)
            relay_look_again(h, row->at);
    } else if (row->door == DOOR_NONE) {
        rc = nje_resuming(r->g->nje, row->at.msg) ? 0 : take(s, row);
    } else {
        struct dest *d = dest_of_row(s, row);
        if (relay_resting(d) || !relay_has_room(d)) {
            relay_pass(d, row->at);
        } else {
            s->loads++;
            rc = take(s, row);
        }
    }
    if (rc < 0)
        return rc;
    *(r->filling ? &r->fill : &r->front) = row->at;
    return rc != 0 || (r->filling && r->nhungry == 0);
}

/* Whose turn it is, and from where. */
static void begin_fill(struct relay *r)
{
    struct dest *next;
    for (struct dest *d = LIST_FIRST(&r->missed); d != NULL; d = next) {
        next = LIST_NEXT(d, missed_link);
        if (!is_hungry(d))
            continue;
        LIST_REMOVE(d, missed_link);
        d->missed = false;
        d->hungry = true;
        if (r->nhungry++ == 0 || is_before(d->missed_at, r->fill))
            r->fill = d->missed_at;
    }
    r->filling = r->nhungry > 0;
}

static void end_fill(struct relay *r)
{
    for (size_t i = 0; r->nhungry > 0 && i < RELAY_TABLE_SIZE; i++) {
        for (struct dest *d = r->dest_table[i]; d != NULL; d = d->next) {
            r->nhungry -= d->hungry;
            d->hungry = false;
        }
    }
    r->filling = false;
}

/* Nothing that was due until then is left to do: when is there? */
static void wait_for_next(struct relay *r, struct db *reader, struct wall until)
{
    struct wall due;
    if (queue_next_due(reader, until, &due)) {
        int64_t ms = (due.us - wall_now().us) / 1000 + 1;
        relay_scan_soon(r, ms > 1 ? ms : 1); /* it may have become due since */
    }
    for (const struct dest *d = LIST_FIRST(&r->missed); d != NULL; d = LIST_NEXT(d, missed_link))
        if (relay_resting(d))
            relay_scan_soon(r, mono_ms(mono_now(), d->not_before) + 1);
}

#define OTHERS_MOST 64u /* destinations: of more some has room anyway */

struct others {
    struct str dest[OTHERS_MOST];
    size_t n;
    bool many;
    struct arena *arena;
};

static void note_other(void *arg, struct str dest, uint64_t n)
{
    struct others *o = arg;
    (void)n;
    o->many = o->many || o->n == OTHERS_MOST;
    if (!o->many)
        o->dest[o->n++] = arena_str(o->arena, dest);
}

/* Does all that waits wait for destinations that rows were passed by of? A mail domain has a dot, a
 * node has none. */
static bool only_missed(struct relay *r)
{
    if (LIST_EMPTY(&r->missed))
        return false;
    struct others o = {.arena = arena_new(OTHERS_MOST * 512u)};
    store_queued_each(r->g->store, note_other, &o);
    bool all = !o.many && !arena_full(o.arena);
    for (size_t i = 0; i < o.n && all; i++) {
        enum door door = str_find(o.dest[i], '.') >= 0 ? DOOR_SMTP : DOOR_NJE;
        all = o.dest[i].n > 0 && relay_dest_for(r, door, o.dest[i])->missed;
    }
    arena_free(&o.arena);
    return all;
}

static void scan(void *arg)
{
    struct relay *r = arg;
    struct why w;
    struct slice s = {.relay = r, .reader = store_reader(r->g->store), .w = &w};
    r->scan_at.us = 0;
    if (r->draining)
        return;
    if (!r->filling)
        begin_fill(r);
    bool filling = r->filling;
    if (!filling && only_missed(r)) {
        wait_for_next(r, s.reader, wall_now());
        return;
    }
    struct queue_at now = {.due = wall_now(), .msg = INT64_MAX, .n = UINT32_MAX};
    int n = queue_walk(s.reader, filling ? r->fill : r->front, filling ? r->front : now, SLICE_ROWS,
                       one_row, &s, &w);
    if (n < 0) {
        log_event(LOG_ERROR, 0, "queue", "error=%s", log_quote(str_of(w.text)));
        relay_scan_soon(r, SCAN_AGAIN_MS);
        return;
    }
    s.more = s.more || n == (int)SLICE_ROWS;
    if (r->filling && (r->nhungry == 0 || !s.more))
        end_fill(r);
    if (r->stalled) /* somebody has to go first */
        wait_for_next(r, s.reader, wall_now());
    else if (s.more || filling)
        relay_scan_soon(r, 0);
    else
        wait_for_next(r, s.reader, now.due);
}

void relay_scan_soon(struct relay *r, int64_t ms)
{
    struct mono at = mono_in(ms);
    if (r->stopped)
        return;
    if (r->scan_at.us != 0 && r->scan_at.us <= at.us)
        return;
    r->scan_at = at;
    loop_arm(r->g->loop, &r->scan, ms, scan, r);
}
