/* rscs/link_out.c -- a link's outgoing files, and the order in which all that waits is sent
 *
 * First the answers the peer waits for (A0, B0, C0, each alone in its block: UnixNJE does not look
 * behind them), then messages, requests for new files, and the files' data, a block of each stream
 * by turns. Nothing is produced while the peer says wait-a-bit or while LINK_OUT_MAX bytes wait for
 * the socket; STREAM_DRAINED goes on.
 *
 * Files ahead: the request says fast open, the file follows at once, and the next one after it,
 * while up to LINK_AHEAD of a stream wait for their X'C0'. The peer answers each file of a stream
 * once, in their order, so an answer is that of the oldest. Without, the most is one.
 *
 * A deck is checked whole before its request is sent, a piece a turn: a file begun can always be
 * ended. So we never send the sender's abort, which UnixNJE takes for a broken line. */
#include <string.h>

#include "rscs/deck.h"
#include "rscs/link_priv.h"

#define TICK_MS 5000
#define UNANSWERED_MS 20000 /* a request, while other streams are answered */
#define REFUSED_MS 60000    /* a stream rests after X'B0' */
#define BLOCK_FRAME 6u      /* DLE STX BCB FCS FCS, and the closing RCB */
#define HEADER_LEAST 8u     /* its prefix and the head of a section */
#define PASSED_PIECE (1u << 20)
#define CHECK_PIECE (1u << 18) /* of a deck looked at in one turn */
#define READY_PIECE (1u << 20) /* of a deck that is to be in memory ... */
#define READY_LEAST (3u << 17) /* ... when less than this is known to be */
#define FETCH_MS 1
#define FETCHES 2000u
#define BAD_DECKS 64u /* decks not fit to be sent that one turn gives back */

void out_watch(struct link *k)
{
    if (k->streams.slot == 0)
        loop_arm(k->loop, &k->streams, TICK_MS, link_tick, k);
}

static void set_slot(struct link *k, struct out_slot *o, enum out_state state)
{
    o->state = state;
    o->since = mono_now();
    if (state != OUT_IDLE && state != OUT_MUTE)
        out_watch(k);
}

void out_reset(struct link *k)
{
    buf_reset(&k->replies);
    buf_reset(&k->messages);
    k->nmessages = 0;
    k->dry = k->answered = k->many = false;
    k->turn = 0;
    k->out_kept = 0;
    for (size_t i = 0; i < LINK_STREAMS; i++)
        k->slots[i] = (struct out_slot){.state = OUT_IDLE};
}

/* Does the peer know of its file, and has not got all of it? */
static bool begun(const struct out_slot *o)
{
    return o->state == OUT_ASKED || o->state == OUT_SENDING;
}

/* Has it a file that is not sent whole? */
static bool busy(const struct out_slot *o)
{
    return o->state == OUT_CHECKING || begun(o);
}

unsigned out_count(const struct link *k)
{
    unsigned n = 0;
    for (size_t i = 0; i < LINK_STREAMS; i++)
        n += busy(&k->slots[i]) + k->slots[i].nended;
    return n;
}

/* Of a slot without a file under way. */
static enum out_state at_rest(const struct link *k, const struct out_slot *o)
{
    return o->nended < (k->ahead ? LINK_AHEAD : 1) ? OUT_IDLE : OUT_ENDED;
}

static unsigned streams(const struct link *k)
{
    return k->one_stream ? 1 : k->conf.streams;
}

unsigned out_usable(const struct link *k)
{
    unsigned n = 0;
    for (size_t i = 0; i < streams(k); i++)
        n += k->slots[i].state != OUT_MUTE;
    return n;
}

/* The file of a slot is done with; the slot is free for the callback to see. */
static void give_back(struct link *k, struct out_slot *o, enum out_state next, const struct why *w)
{
    void *ref = o->ref;
    o->ref = NULL;
    set_slot(k, o, next);
    k->dry = false;
    k->ops.sent(k->arg, ref, w);
}

void out_lost(struct link *k, const struct why *why)
{
    struct why w = {0};
    why_set(&w, E_GONE, 0, NULL, "%s", why->text);
    buf_reset(&k->replies);
    buf_reset(&k->messages);
    k->nmessages = 0;
    k->out_kept = 0;
    for (size_t i = 0; i < LINK_STREAMS; i++) {
        struct out_slot o = k->slots[i];
        k->slots[i] = (struct out_slot){.state = OUT_IDLE};
        if (busy(&o))
            k->ops.sent(k->arg, o.ref, &w);
        while (o.nended > 0) /* the oldest last: so it is the first that is offered again */
            k->ops.sent(k->arg, o.ended[--o.nended].ref, &w);
    }
}

/* All of the file has been sent; whether it arrived is the peer's to say. */
static void ended(struct link *k, struct out_slot *o)
{
    size_t n = (size_t)(o->rest.end - o->begin);
    uint32_t kept = n < LINK_FILE_KEPT ? (uint32_t)n : LINK_FILE_KEPT;
    o->ended[o->nended++] =
        (struct out_ended){.ref = o->ref, .rcb = o->rcb, .kept = kept, .since = mono_now()};
    o->ref = NULL;
    k->out_kept += kept;
    set_slot(k, o, at_rest(k, o));
}

/* The oldest of that kind that awaits its answer; nended: none. */
static unsigned oldest(const struct out_slot *o, uint8_t rcb)
{
    unsigned i = 0;
    while (i < o->nended && o->ended[i].rcb != rcb)
        i++;
    return i;
}

/* The answer to a file sent whole. */
static void settle(struct link *k, struct out_slot *o, unsigned i, const struct why *w)
{
    void *ref = o->ended[i].ref;
    k->out_kept -= o->ended[i].kept;
    memmove(&o->ended[i], &o->ended[i + 1], (--o->nended - i) * sizeof o->ended[0]);
    if (o->state == OUT_ENDED || o->state == OUT_IDLE)
        set_slot(k, o, w == NULL ? at_rest(k, o) : OUT_REFUSED);
    k->dry = false;
    k->ops.sent(k->arg, ref, w);
}

/* --- answers to our requests --- */

/* Reason bytes some peers put into X'B0': C1 rr, or C2 rr ss (IBM SA32-0988, "Receiver cancel"). */
static const char *cancel_reason(struct cur c)
{
    static const struct {
        uint8_t major, minor; /* minor 0: any */
        const char *text;
    } reasons[] = {
        {0x04, 0, "it answers an abort"},
        {0x08, 0, "it is shutting down"},
        {0x0C, 0x04, "it does not support such a file"},
        {0x0C, 0x08, "the stream is drained"},
        {0x10, 0x08, "it has no storage"},
        {0x10, 0x0C, "it has no spool space"},
        {0x14, 0x04, "an operator holds it"},
        {0x14, 0x0C, "an operator flushed it"},
        {0x18, 0, "a protocol error"},
        {0x1C, 0, "the data is at fault"},
        {0x20, 0, "security or an installation exit"},
    };
    uint8_t length = cur_u8(&c), major = cur_u8(&c);
    uint8_t minor = length == 0xC2 ? cur_u8(&c) : 0;
    if (cur_bad(&c) || (length != 0xC1 && length != 0xC2))
        return "no reason given";
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].major == major && (reasons[i].minor == 0 || reasons[i].minor == minor))
            return reasons[i].text;
    return "a reason we do not know";
}

static void cancelled(struct link *k, struct out_slot *o, const struct wire_record *rec)
{
    struct why w = {0};
    const char *reason = cancel_reason(rec->data);
    unsigned i = oldest(o, rec->srcb);
    if (i < o->nended) {
        why_set(&w, E_TEMP, 0, NULL, "%s gave the file back after its end: %s", k->them, reason);
        settle(k, o, i, &w);
    } else if (begun(o) && o->rcb == rec->srcb) {
        why_set(&w, E_TEMP, 0, NULL, "%s %s: %s", k->them,
                o->state == OUT_ASKED ? "does not take the file" : "broke off the file", reason);
        give_back(k, o, OUT_REFUSED, &w);
    }
}

static int completed(struct link *k, struct out_slot *o, const struct wire_record *rec,
                     struct why *w)
{
    unsigned i = oldest(o, rec->srcb);
    if (i < o->nended) {
        k->stat.files_out++;
        settle(k, o, i, NULL);
    } else if (o->state == OUT_SENDING && o->rcb == rec->srcb) {
        return why_set(w, E_SYNTAX, 0, NULL, "%s confirms a file before its end was sent", k->them);
    }
    return OK;
}

void out_answer(struct link *k, const struct wire_record *rec, struct why *w, int *err)
{
    if (!wire_rcb_is_stream(rec->srcb))
        return;
    struct out_slot *o = &k->slots[wire_rcb_stream(rec->srcb) - 1];
    bool asked = o->state == OUT_ASKED && o->rcb == rec->srcb;
    if (asked && (rec->rcb == RCB_PERMIT || rec->rcb == RCB_CANCEL)) {
        k->answered = true;
        k->many |= o != k->slots;
    }
    if (rec->rcb == RCB_PERMIT && asked) {
        set_slot(k, o, OUT_SENDING);
    } else if (rec->rcb == RCB_CANCEL) {
        cancelled(k, o, rec);
    } else if (rec->rcb == RCB_COMPLETE) {
        *err = completed(k, o, rec, w);
    } else if (rec->rcb == RCB_READY && o->state == OUT_REFUSED && o->rcb == rec->srcb) {
        set_slot(k, o, at_rest(k, o));
        k->dry = false;
    }
}

/* NJE38 knows one stream only and is silent about requests on others: when one is not answered
 * while the rest of the link works, its file goes back and the stream is not used again. */
static void unanswered(struct link *k, struct out_slot *o)
{
    struct why w = {0};
    if (!k->many && o != k->slots)
        k->one_stream = true;
    why_set(&w, E_GONE, 0, NULL, "%s does not answer requests on stream %u", k->them,
            wire_rcb_stream(o->rcb));
    give_back(k, o, OUT_MUTE, &w);
}

bool out_tick(struct link *k)
{
    unsigned gen = k->gen;
    struct mono now = mono_now();
    bool wait = false;
    for (size_t i = 0; i < LINK_STREAMS && k->gen == gen; i++) {
        struct out_slot *o = &k->slots[i];
        int64_t age = mono_ms(o->since, now);
        if (o->state == OUT_REFUSED && age >= REFUSED_MS) {
            set_slot(k, o, at_rest(k, o));
            k->dry = false;
        } else if (o->state == OUT_ASKED && age >= UNANSWERED_MS && k->answered) {
            unanswered(k, o);
        }
        wait |= o->state == OUT_REFUSED || busy(o) || o->nended > 0;
    }
    return wait && k->gen == gen;
}

int64_t out_stuck(const struct link *k, const char **what)
{
    struct mono now = mono_now();
    int64_t most = 0;
    for (size_t i = 0; i < LINK_STREAMS; i++) {
        const struct out_slot *o = &k->slots[i];
        int64_t age = begun(o) ? mono_ms(o->since, now) : 0;
        int64_t unconfirmed = o->nended > 0 ? mono_ms(o->ended[0].since, now) : 0;
        if (age > most) {
            most = age;
            *what = o->state == OUT_ASKED ? "answered the request for a file"
                                          : "let us send on a file begun";
        }
        if (unconfirmed > most) {
            most = unconfirmed;
            *what = "confirmed the end of a file";
        }
    }
    return most;
}

/* --- sending --- */

static bool room(const struct link *k)
{
    return stream_queued(k->s) + k->out.n < LINK_OUT_MAX;
}

void out_reply(struct link *k, uint8_t rcb, uint8_t srcb)
{
    buf_u8(&k->replies, rcb);
    buf_u8(&k->replies, srcb);
}

static void one_record(struct link *k, uint8_t rcb, uint8_t srcb, struct cur data)
{
    line_begin(k, wire_record_bound(cur_left(&data)));
    wire_record_put(&k->out, rcb, srcb, data);
    line_end(k, true);
}

void out_replies(struct link *k)
{
    if (line_held(k))
        return;
    struct cur c = buf_cur(&k->replies);
    while (cur_left(&c) > 0 && room(k)) {
        uint8_t rcb = cur_u8(&c), srcb = cur_u8(&c);
        one_record(k, rcb, srcb, cur_of(NULL, 0));
    }
    buf_take(&k->replies, k->replies.n - cur_left(&c));
}

/* As many messages as fit share a block. */
static void messages(struct link *k)
{
    struct cur c = buf_cur(&k->messages);
    while (cur_left(&c) > 0 && room(k) && line_may(k, RCB_NMR)) {
        line_begin(k, wire_record_bound(256));
        for (struct cur next = c; cur_left(&next) > 0; c = next) {
            struct cur m = cur_sub(&next, cur_be16(&next));
            if (wire_record_bound(cur_left(&m)) > line_left(k))
                break;
            wire_record_put(&k->out, RCB_NMR, SRCB_DATA, m);
            k->nmessages--;
            k->stat.messages_out++;
        }
        line_end(k, true);
    }
    buf_take(&k->messages, k->messages.n - cur_left(&c));
}

/* The owner is told of what lies behind us, a piece at a time. */
static void passed(const struct link *k, void *ref, const uint8_t **from, const uint8_t *to)
{
    if ((size_t)(to - *from) < PASSED_PIECE || k->ops.passed == NULL)
        return;
    k->ops.passed(k->arg, ref, cur_of(*from, (size_t)(to - *from)));
    *from = to;
}

/* Is what comes next of the deck in memory? Else the owner fetches it, and we look again in a
 * moment: to touch it now would stop the whole loop for the disk. */
static bool ready(struct link *k, struct out_slot *o)
{
    size_t left = cur_left(&o->rest);
    if (k->ops.ready == NULL || left == 0)
        return true;
    if (o->ready != NULL && o->ready >= o->rest.p + (left < READY_LEAST ? left : READY_LEAST))
        return true;
    struct cur part = cur_of(o->rest.p, left < READY_PIECE ? left : READY_PIECE);
    bool there = k->ops.ready(k->arg, o->ref, part);
    if (!there && ++o->fetches < FETCHES) {
        link_wake(k, FETCH_MS);
        return false;
    }
    o->fetches = 0; /* there, or it cannot be kept there: then by waiting */
    o->ready = part.end;
    return true;
}

/* Can this record of a deck be sent over this link, behind the one before? */
static int check_item(const struct link *k, struct out_slot *o, const struct deck_item *item,
                      struct why *w)
{
    size_t n = cur_left(&item->data);
    bool head = item->srcb == SRCB_NJH || item->srcb == SRCB_DSH || item->srcb == SRCB_NJT;
    if ((o->last == 0) != (item->srcb == SRCB_NJH) || o->last == SRCB_NJT || n == 0)
        return why_set(w, E_PERM, 0, NULL, "the file's records are not in the order of NJE");
    if (head && (n < HEADER_LEAST || n > HEADER_MAX))
        return why_set(w, E_PERM, 0, NULL, "the file has a header of %zu bytes", n);
    if (!head && wire_record_bound(n) + BLOCK_FRAME > k->block_max)
        return why_set(w, E_PERM, 0, NULL,
                       "a record of %zu bytes does not fit the %u-byte buffers agreed with %s", n,
                       k->bufsize, k->them);
    o->empty = o->empty && head;
    o->last = item->srcb;
    return OK;
}

/* 1 all of the deck can be sent, 0 there is more to look at than one turn should, negative not. */
static int check_some(struct link *k, struct out_slot *o, struct why *w)
{
    struct deck_item item;
    size_t before = cur_left(&o->rest);
    uint8_t kind = 0;
    int r = 1;
    if (!ready(k, o))
        return 0;
    if (o->rest.p == o->begin) {
        if (deck_kind(&o->rest, &kind, w) < 0)
            return (int)w->err;
        o->rcb = (uint8_t)(kind + 0x10 * (o - k->slots));
    }
    while (r > 0 && before - cur_left(&o->rest) < CHECK_PIECE)
        if ((r = deck_next(&o->rest, &item, w)) > 0 && check_item(k, o, &item, w) < 0)
            return (int)w->err;
    passed(k, o->ref, &o->passed, o->rest.p);
    if (r > 0) {
        link_wake(k, 0);
        return 0;
    }
    if (r == 0 && o->last != SRCB_NJT)
        return why_set(w, E_PERM, 0, NULL, "the file has no job trailer");
    return r < 0 ? r : 1;
}

static void begin_deck(struct out_slot *o, struct cur deck)
{
    o->rest = deck;
    o->begin = o->passed = deck.p;
    o->ready = NULL;
    o->fetches = 0;
    o->head = cur_of(NULL, 0);
}

/* Look on at the deck of slot i; when all of it can be sent, ask for permission. */
static void look(struct link *k, unsigned i)
{
    struct out_slot *o = &k->slots[i];
    struct why w = {0};
    int r = check_some(k, o, &w);
    if (r == 0)
        return;
    if (r < 0) {
        w.err = E_PERM;
        give_back(k, o, at_rest(k, o), &w);
        return;
    }
    begin_deck(o, cur_of(o->begin, (size_t)(o->rest.end - o->begin)));
    cur_skip(&o->rest, 1); /* its kind */
    set_slot(k, o, k->ahead ? OUT_SENDING : OUT_ASKED);
    one_record(k, RCB_REQUEST, o->rcb, cur_of(NULL, 0));
    if (k->ahead)
        line_fast_open(k);
}

static void take_up(struct link *k, unsigned i, const struct link_out *file)
{
    struct out_slot *o = &k->slots[i];
    o->ref = file->ref;
    o->last = 0;
    o->empty = true;
    begin_deck(o, file->deck);
    set_slot(k, o, OUT_CHECKING);
    look(k, i);
}

/* Whatever there is to offer on the streams before it, a deck that was begun is looked on at. */
static void look_on(struct link *k)
{
    unsigned gen = k->gen;
    for (unsigned i = 0; i < LINK_STREAMS && room(k) && k->gen == gen; i++)
        if (k->slots[i].state == OUT_CHECKING)
            look(k, i);
}

/* Offer a file on each free stream. Until the peer has answered on a second one, only one is tried
 * beside the first, so that a peer with a single stream lets no more than one file wait. */
static void offer(struct link *k)
{
    unsigned gen = k->gen, tries = BAD_DECKS;
    unsigned n = streams(k);
    for (unsigned i = 0; i < n && room(k); i++) {
        while ((i < 2 || k->many || k->ahead) && k->slots[i].state == OUT_IDLE) {
            struct link_out file = {0};
            if (k->dry || tries-- == 0 || k->state != LINK_UP || k->out_kept >= LINK_AHEAD_BYTES)
                return;
            k->dry = !k->ops.next_file(k->arg, &file);
            if (k->gen != gen) {
                struct why w = {0};
                why_set(&w, E_GONE, 0, NULL, "the link went down");
                if (!k->dry)
                    k->ops.sent(k->arg, file.ref, &w);
                return;
            }
            if (!k->dry)
                take_up(k, i, &file);
            if (k->gen != gen)
                return;
        }
    }
}

/* The next segment of the header under way, alone in its block; false when there is none. */
static bool header_block(struct link *k, struct out_slot *o)
{
    if (cur_left(&o->head) == 0)
        return false;
    if (!header_segment(o->head, o->segment++, &k->segment)) {
        o->head = cur_of(NULL, 0);
        return false;
    }
    one_record(k, o->rcb, o->head_srcb, buf_cur(&k->segment));
    return true;
}

/* Data records, as many as fit; the first fits (check_item). */
static void data_block(struct link *k, struct out_slot *o, struct deck_item item)
{
    struct why w = {0};
    struct cur next = o->rest;
    line_begin(k, wire_record_bound(cur_left(&item.data)));
    do {
        wire_record_put(&k->out, o->rcb, item.srcb, item.data);
        o->rest = next;
    } while (deck_next(&next, &item, &w) > 0 && item.srcb != SRCB_DSH && item.srcb != SRCB_NJT &&
             wire_record_bound(cur_left(&item.data)) <= line_left(k));
    line_end(k, true);
}

/* UnixNJE drops the link over a file without a data record: it gets one blank one. */
static void blank_block(struct link *k, struct out_slot *o)
{
    static const uint8_t blank[2] = {80, 0x40};
    one_record(k, o->rcb, SRCB_DATA, cur_of(blank, sizeof blank));
    o->empty = false;
}

static void send_block(struct link *k, struct out_slot *o)
{
    struct why w = {0};
    struct deck_item item;
    if (header_block(k, o))
        return;
    struct cur rest = o->rest;
    if (deck_next(&rest, &item, &w) <= 0) {
        one_record(k, o->rcb, SRCB_DATA, cur_of(NULL, 0)); /* end of file */
        ended(k, o);
        return;
    }
    if (item.srcb == SRCB_NJT && o->empty) {
        blank_block(k, o);
        return;
    }
    o->rest = rest;
    if (item.srcb == SRCB_NJH || item.srcb == SRCB_DSH || item.srcb == SRCB_NJT) {
        o->head = item.data;
        o->head_srcb = item.srcb;
        o->segment = 0;
        (void)header_block(k, o);
    } else {
        data_block(k, o, item);
    }
}

/* True when a stream has become free for another. */
static bool files(struct link *k)
{
    unsigned idle = 0;
    bool freed = false;
    struct mono now = mono_now();
    while (idle < LINK_STREAMS && room(k)) {
        struct out_slot *o = &k->slots[k->turn];
        k->turn = (k->turn + 1) % LINK_STREAMS;
        idle++;
        if (o->state == OUT_SENDING && line_may(k, o->rcb) && ready(k, o)) {
            send_block(k, o);
            o->since = now;
            idle = 0;
            if (busy(o))
                passed(k, o->ref, &o->passed, o->rest.p);
            else
                freed |= o->state == OUT_IDLE;
        }
    }
    return freed;
}

void out_pump(struct link *k)
{
    in_again(k);
    if (!link_is_up(k) || line_held(k))
        return;
    out_replies(k);
    messages(k);
    do {
        look_on(k);
        if (!link_is_up(k))
            return;
        offer(k);
        if (!link_is_up(k))
            return;
    } while (files(k) && room(k) && !k->dry);
}
