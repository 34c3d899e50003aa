/* rscs/link_line.c -- a link's blocks and records in, and blocks gathered into TTBs out
 *
 *   TTB:   | 00 00 LL LL 00 00 00 00 | TTR | TTR | ... | 00 00 00 00 |
 *   TTR:   | FF 00 LL LL | block |                   FF X'80': fast open
 *   block: | DLE STX | BCB | FCS FCS | record | record ... | 00 |
 */
#include <stdio.h>
#include <string.h>

#include "rscs/link_priv.h"

static const uint8_t fcs_go[2] = {0x8F, 0xCF}; /* all streams and the console may send */

#define FCS_WAIT 0x40u    /* first byte: wait-a-bit */
#define FCS_CONSOLE 0x40u /* second byte: messages may be sent */

void line_reset(struct link *k)
{
    buf_reset(&k->out);
    k->ttb_open = false;
    k->farewell = false;
    k->bcb = BCB_RESET; /* the first block of all; it takes no number, so X'80' follows */
    k->bcb_due = 0;
    k->bcb_follows = false;
    k->fcs[0] = fcs_go[0];
    k->fcs[1] = fcs_go[1];
    k->bufsize = k->conf.bufsize;
    k->block_max = k->bufsize;
}

/* --- out --- */

void line_end_ttb(struct link *k)
{
    if (k->ttb_open)
        wire_ttb_end(&k->out, k->ttb_place);
    k->ttb_open = false;
}

/* Bytes that still fit into the TTB under way, its closing TTR apart. */
static size_t ttb_room(const struct link *k)
{
    return LINK_TTB_MAX - WIRE_TTR_SIZE - (k->out.n - k->ttb);
}

static void begin_ttr(struct link *k, size_t need)
{
    if (k->ttb_open && ttb_room(k) < WIRE_TTR_SIZE + need)
        line_end_ttb(k);
    if (!k->ttb_open) {
        k->ttb = k->out.n;
        k->ttb_place = wire_ttb_begin(&k->out);
        k->ttb_open = true;
    }
    k->ttr_place = wire_ttr_begin(&k->out, 0);
}

void line_fast_open(struct link *k)
{
    k->out.p[k->ttr_place - 2] |= WIRE_TTR_FAST_OPEN; /* the flags stand before the length */
}

void line_control(struct link *k, uint8_t first, uint8_t second)
{
    line_end_ttb(k);
    begin_ttr(k, 2);
    buf_u8(&k->out, first);
    buf_u8(&k->out, second);
    wire_ttr_end(&k->out, k->ttr_place);
    line_end_ttb(k);
}

void line_begin(struct link *k, size_t need)
{
    begin_ttr(k, need + 6); /* DLE STX BCB FCS FCS, and the closing RCB */
    k->block = k->out.n;
    wire_block_begin(&k->out, k->bcb, fcs_go);
    k->bcb = k->bcb >= BCB_RESET ? BCB_NORMAL : (uint8_t)(BCB_NORMAL | ((k->bcb + 1) & 0x0F));
}

size_t line_left(const struct link *k)
{
    size_t room = ttb_room(k), used = k->out.n - k->block;
    size_t left = k->block_max > used ? k->block_max - used : 0;
    if (left > room)
        left = room;
    return left > 1 ? left - 1 : 0; /* the closing RCB */
}

void line_end(struct link *k, bool rcb_end)
{
    if (rcb_end)
        wire_block_end(&k->out);
    wire_ttr_end(&k->out, k->ttr_place);
}

void line_alive(struct link *k)
{
    line_end_ttb(k);
    wire_ttb_empty(&k->out);
}

void line_flush(struct link *k)
{
    line_end_ttb(k);
    if (k->out.n == 0)
        return;
    stream_put(k->s, k->out.p, k->out.n);
    k->stat.bytes_out += k->out.n;
    buf_reset(&k->out);
    k->spoke = mono_now();
}

/* --- flow control --- */

bool line_held(const struct link *k)
{
    return (k->fcs[0] & FCS_WAIT) != 0;
}

/* The eight stream bits of the FCS: the low halves of its bytes put side by side have SYSOUT 1
 * lowest and SYSIN 1 highest (IBM SA32-0988, "FCS"). */
bool line_may(const struct link *k, uint8_t rcb)
{
    if (rcb == RCB_NMR)
        return (k->fcs[1] & FCS_CONSOLE) != 0;
    unsigned bits = (k->fcs[0] & 0x0Fu) << 4 | (k->fcs[1] & 0x0Fu);
    unsigned n = wire_rcb_stream(rcb);
    return (bits >> (rcb & 1 ? n - 1 : 8 - n) & 1) != 0;
}

static void take_fcs(struct link *k, const struct wire_block *blk)
{
    if ((blk->fcs[0] & blk->fcs[1] & 0x80) == 0)
        return; /* the bit that is always on is not: this is no FCS, the old one holds */
    k->fcs[0] = blk->fcs[0];
    k->fcs[1] = blk->fcs[1];
}

/* --- in --- */

/* No more of them than an I record has before its passwords: these are for nobody to see. */
#define SHOWN 20u

void line_show(struct why *w, struct cur at)
{
    char hex[3 * SHOWN + 60] = "";
    struct buf b;
    size_t all = cur_left(&at);
    if (all == 0)
        return;
    buf_init(&b, sizeof hex - 1);
    for (size_t i = 0; i < SHOWN && cur_left(&at) > 0; i++)
        buf_printf(&b, " %02X", cur_u8(&at));
    if (all > SHOWN)
        buf_printf(&b, " ... (%zu bytes)", all);
    str_copy(hex, sizeof hex, buf_text(&b));
    buf_done(&b);
    size_t room = sizeof w->text - 1 - strlen(hex) - 1, n = strlen(w->text);
    (void)snprintf(w->text + (n < room ? n : room), sizeof w->text - (n < room ? n : room), ":%s",
                   hex);
}

void line_odd(struct link *k, const char *what)
{
    struct why w = {0};
    if (k->ops.odd == NULL)
        return;
    why_set(&w, E_SYNTAX, 0, NULL, "%s sent %s", k->them, what);
    line_show(&w, k->at);
    k->ops.odd(k->arg, &w);
}

/* 1 go on with the block, 0 drop it, negative: the sequence is broken and the peer is told. */
static int take_bcb(struct link *k, uint8_t bcb, struct why *w)
{
    uint8_t count = bcb & 0x0F;
    if ((bcb & 0xF0) == BCB_BYPASS)
        return 1;
    if ((bcb & 0xF0) == BCB_RESET) {
        k->bcb_due = count;
        k->bcb_follows = false;
        return 1;
    }
    if (count == k->bcb_due) {
        k->bcb_due = (count + 1) & 0x0F;
        k->bcb_follows = true;
        return 1;
    }
    if (k->bcb_follows && count == ((k->bcb_due - 1) & 0x0F))
        return 0; /* the block before once more */
    line_begin(k, 4);
    wire_record_put(&k->out, RCB_BCB_ERROR, k->bcb_due, cur_of(NULL, 0));
    line_end(k, true);
    k->farewell = true;
    return why_set(w, E_SYNTAX, 0, NULL, "%s sent block %u where block %u was due", k->them, count,
                   k->bcb_due);
}

/* RCB F0. What only JES2 networks need (K, L, M, N) and what nobody knows is let pass, as UnixNJE
 * does; the latter is told. */
static int general(struct link *k, const struct wire_record *rec, struct why *w)
{
    if (rec->srcb == SIGNOFF_B) {
        link_step(k, LINK_EV_SIGNOFF, NULL);
    } else if (rec->srcb == SIGNON_I || rec->srcb == SIGNON_J) {
        int err = wire_signon_get(rec->data, &k->theirs, w);
        if (err < 0)
            return err;
        link_step(k, rec->srcb == SIGNON_I ? LINK_EV_I : LINK_EV_J, NULL);
    } else if (rec->srcb < SIGNON_K || rec->srcb > SIGNON_N) {
        line_odd(k, "a general record that nobody knows");
    }
    return OK;
}

/* A message that cannot be read is dropped: it is not worth the link. */
static void message(struct link *k, const struct wire_record *rec)
{
    struct nmr m;
    struct why w = {0};
    if (rec->abort || nmr_get(rec->data, &m, &w) < 0) {
        line_odd(k, rec->abort ? "a message broken off" : w.text);
        return;
    }
    k->stat.messages_in++;
    k->ops.message(k->arg, &m);
}

static int record(struct link *k, const struct wire_record *rec, bool fast, struct why *w)
{
    int err = OK;
    if (rec->rcb == RCB_GENERAL)
        return general(k, rec, w);
    if (!link_is_up(k))
        return why_set(w, E_SYNTAX, 0, NULL, "%s sent X'%02X' before the sign-on was complete",
                       k->them, rec->rcb);
    switch (rec->rcb) {
    case RCB_NMR:
        message(k, rec);
        break;
    case RCB_REQUEST:
        in_request(k, rec->srcb, fast);
        break;
    case RCB_PERMIT:
    case RCB_CANCEL:
    case RCB_COMPLETE:
    case RCB_READY:
        out_answer(k, rec, w, &err);
        break;
    case RCB_BCB_ERROR:
        return why_set(w, E_GONE, 0, NULL,
                       "%s reports a block out of sequence (X'E0', it waited for X'%02X')", k->them,
                       rec->srcb);
    default:
        if (!wire_rcb_is_stream(rec->rcb))
            return why_set(w, E_SYNTAX, 0, NULL, "%s sent the unknown record control byte X'%02X'",
                           k->them, rec->rcb);
        in_record(k, rec);
    }
    return err;
}

static int block(struct link *k, const struct wire_block *blk, bool fast, struct why *w)
{
    unsigned gen = k->gen;
    struct cur records = blk->records;
    struct wire_record rec;
    if (k->state < LINK_SIGNON)
        return why_set(w, E_SYNTAX, 0, NULL, "%s sent a data block without SOH ENQ", k->them);
    int r = take_bcb(k, blk->bcb, w);
    if (r <= 0)
        return r;
    if (link_is_up(k))
        take_fcs(k, blk);
    while (k->at = records, (r = wire_record_get(&records, &k->scratch, &rec, w)) > 0) {
        r = record(k, &rec, fast, w);
        if (r < 0 || k->gen != gen)
            return r;
    }
    if (r < 0)
        why_prefix(w, "%s sent a block that cannot be read", k->them);
    return r;
}

static int ttr(struct link *k, uint8_t flags, struct cur data, struct why *w)
{
    static const enum link_event events[] = {
        [WIRE_K_SOH_ENQ] = LINK_EV_ENQ,
        [WIRE_K_ACK0] = LINK_EV_ACK0,
        [WIRE_K_NAK] = LINK_EV_LOST,
        [WIRE_K_SYN_NAK] = LINK_EV_YOU_ENQ,
    };
    struct wire_block blk;
    k->at = data;
    int err = wire_block_get(data, &blk, w);
    if (err < 0) {
        why_prefix(w, "%s", k->them);
        return err;
    }
    if (blk.kind == WIRE_K_NAK)
        return why_set(w, E_GONE, 0, NULL, "%s answered with NAK", k->them);
    if (blk.kind == WIRE_K_BLOCK)
        return block(k, &blk, (flags & WIRE_TTR_FAST_OPEN) != 0, w);
    if (blk.kind != WIRE_K_EMPTY)
        link_step(k, events[blk.kind], NULL);
    return OK;
}

static int ttb(struct link *k, struct cur ttrs, struct why *w)
{
    unsigned gen = k->gen;
    uint8_t flags = 0;
    struct cur data;
    int r;
    while ((r = wire_ttr(&ttrs, &flags, &data, w)) > 0) {
        r = ttr(k, flags, data, w);
        if (r < 0 || k->gen != gen)
            return r;
    }
    if (r < 0)
        why_prefix(w, "%s", k->them);
    return r;
}

/* The answer to our OPEN comes bare, all else in TTBs. 1 with the bytes used, 0 not all here. */
static int piece(struct link *k, struct cur in, size_t *used, struct why *w)
{
    k->at = in;
    if (k->state == LINK_OPENING && k->primary) {
        int r = signon_answer(k, in, w);
        *used = WIRE_CTL_SIZE;
        if (r > 0)
            link_step(k, LINK_EV_ACK, NULL);
        return r;
    }
    struct cur ttrs;
    int r = wire_ttb(in, used, &ttrs, w);
    if (r < 0)
        why_prefix(w, "%s", k->them);
    if (r <= 0)
        return r;
    r = ttb(k, ttrs, w);
    return r < 0 ? r : 1;
}

/* All whole TTBs that are here; the stream's limit bounds how much one turn can bring. */
void line_input(struct link *k)
{
    unsigned gen = k->gen;
    struct why w = {0};
    int r = 1;
    k->in_paused = in_full(k);
    while (r > 0 && k->state > LINK_DIALLING && !k->in_paused) {
        size_t used = 0;
        r = piece(k, stream_in(k->s), &used, &w);
        if (r < 0)
            line_show(&w, k->at);
        k->at = cur_of(NULL, 0);
        if (k->gen != gen)
            return;
        if (r > 0) {
            stream_take(k->s, used);
            k->stat.bytes_in += used;
            k->in_paused = in_full(k);
        }
    }
    if (r >= 0 && k->replies.over)
        r = why_set(&w, E_LIMIT, 0, NULL, "%s sends requests, but does not take our answers",
                    k->them);
    if (r < 0)
        link_step(k, LINK_EV_LOST, &w);
}
