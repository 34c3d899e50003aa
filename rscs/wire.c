/* rscs/wire.c -- see wire.h */
#include "rscs/wire.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define DLE 0x10u
#define STX 0x02u
#define SOH 0x01u
#define ENQ 0x2Du
#define ACK0 0x70u
#define NAK 0x3Du
#define SYN 0x32u
#define ETB 0x26u
#define PAD 0xFFu
#define BLANK 0x40u

#define SCB_ABORT 0x40u
#define SCB_BLANKS 0x80u
#define SCB_REPEAT 0xA0u
#define SCB_LITERAL 0xC0u
#define RUN_MAX 31u     /* of blanks or of another byte in one SCB */
#define LITERAL_MAX 63u /* bytes in one SCB */

/* --- the control record --- */

static const uint8_t ctl_types[][8] = {
    [WIRE_OPEN] = {0xD6, 0xD7, 0xC5, 0xD5, 0x40, 0x40, 0x40, 0x40},
    [WIRE_ACK] = {0xC1, 0xC3, 0xD2, 0x40, 0x40, 0x40, 0x40, 0x40},
    [WIRE_NAK] = {0xD5, 0xC1, 0xD2, 0x40, 0x40, 0x40, 0x40, 0x40},
};

static bool ctl_type(const struct nje_name *name, enum wire_ctl_type *type)
{
    for (size_t i = 0; i < sizeof ctl_types / sizeof *ctl_types; i++)
        if (memcmp(name->e, ctl_types[i], sizeof name->e) == 0) {
            *type = (enum wire_ctl_type)i;
            return true;
        }
    return false;
}

int wire_ctl_get(struct cur *c, struct wire_ctl *ctl, struct why *w)
{
    struct wire_ctl got = {0};
    struct nje_name type;
    char text[9];
    ebc_name_get(c, &type);
    ebc_name_get(c, &got.rhost);
    got.rip = cur_be32(c);
    ebc_name_get(c, &got.ohost);
    got.oip = cur_be32(c);
    got.reason = cur_u8(c);
    if (cur_bad(c))
        return why_set(w, E_SYNTAX, 0, NULL, "the NJE control record is shorter than %u bytes",
                       WIRE_CTL_SIZE);
    if (!ctl_type(&type, &got.type))
        return why_set(w, E_SYNTAX, 0, NULL,
                       "this is no NJE control record: its type is '%s', not OPEN, ACK or NAK",
                       ebc_name_text(&type, text).p);
    *ctl = got;
    return OK;
}

void wire_ctl_put(struct buf *b, const struct wire_ctl *ctl)
{
    buf_add(b, ctl_types[ctl->type], sizeof ctl_types[0]);
    buf_add(b, ctl->rhost.e, sizeof ctl->rhost.e);
    buf_be32(b, ctl->rip);
    buf_add(b, ctl->ohost.e, sizeof ctl->ohost.e);
    buf_be32(b, ctl->oip);
    buf_u8(b, ctl->reason);
}

/* --- transmission blocks --- */

int wire_ttb(struct cur in, size_t *size, struct cur *ttrs, struct why *w)
{
    size_t have = cur_left(&in);
    if (have < 4)
        return 0;
    cur_skip(&in, 2);
    size_t n = cur_be16(&in);
    /* Judged before the rest is here: a wrong length would have us wait for ever. */
    if (n < WIRE_TTB_SIZE + WIRE_TTR_SIZE)
        return why_set(w, E_SYNTAX, 0, NULL,
                       "transmission block (TTB) of %zu bytes; the least possible is %u", n,
                       WIRE_TTB_SIZE + WIRE_TTR_SIZE);
    if (n > WIRE_TTB_MAX)
        return why_set(w, E_LIMIT, 0, NULL,
                       "transmission block (TTB) of %zu bytes; the most accepted is %u", n,
                       WIRE_TTB_MAX);
    if (have < n)
        return 0;
    cur_skip(&in, WIRE_TTB_SIZE - 4);
    *ttrs = cur_sub(&in, n - WIRE_TTB_SIZE);
    *size = n;
    return 1;
}

int wire_ttr(struct cur *ttrs, uint8_t *flags, struct cur *data, struct why *w)
{
    if (cur_left(ttrs) == 0)
        return 0;
    uint8_t got = cur_u8(ttrs);
    cur_skip(ttrs, 1);
    size_t n = cur_be16(ttrs);
    if (cur_bad(ttrs))
        return why_set(w, E_SYNTAX, 0, NULL, "the transmission block ends inside a TTR");
    if (n == 0)
        return 0;
    size_t left = cur_left(ttrs);
    struct cur part = cur_sub(ttrs, n);
    if (cur_bad(ttrs))
        return why_set(w, E_SYNTAX, 0, NULL,
                       "a TTR says %zu bytes, but %zu are left in its transmission block", n, left);
    *flags = got;
    *data = part;
    return 1;
}

size_t wire_ttb_begin(struct buf *b)
{
    buf_be16(b, 0);
    size_t place = buf_hole16(b);
    buf_be32(b, 0);
    return place;
}

size_t wire_ttr_begin(struct buf *b, uint8_t flags)
{
    buf_u8(b, flags);
    buf_u8(b, 0);
    return buf_hole16(b);
}

void wire_ttr_end(struct buf *b, size_t place)
{
    buf_fill16(b, place, b->n - place - 2); /* the data alone */
}

void wire_ttb_end(struct buf *b, size_t place)
{
    buf_be32(b, 0);                         /* closing TTR */
    buf_fill16(b, place, b->n - place + 2); /* from the flags on, closing TTR included */
}

void wire_ttb_empty(struct buf *b)
{
    wire_ttb_end(b, wire_ttb_begin(b));
}

/* --- blocks --- */

/* UnixNJE puts a pad behind its two-byte controls. */
static bool only_pads(struct cur c)
{
    while (cur_left(&c) > 0)
        if (cur_u8(&c) != PAD)
            return false;
    return true;
}

static int text_block(struct cur data, struct wire_block *blk, struct why *w)
{
    struct wire_block got = {.kind = WIRE_K_BLOCK};
    got.bcb = cur_u8(&data);
    got.fcs[0] = cur_u8(&data);
    got.fcs[1] = cur_u8(&data);
    if (cur_bad(&data))
        return why_set(w, E_SYNTAX, 0, NULL, "the block ends inside its prefix");
    if (got.bcb < BCB_NORMAL || got.bcb > (BCB_RESET | 0x0Fu))
        return why_set(w, E_SYNTAX, 0, NULL, "the block control byte X'%02X' is none", got.bcb);
    got.records = data;
    /* A trailing DLE ETB is no record: records end with an SCB 00, sign-on records are never so. */
    size_t n = cur_left(&data);
    if (n >= 2 && data.p[n - 2] == DLE && data.p[n - 1] == ETB)
        got.records = cur_sub(&data, n - 2);
    *blk = got;
    return OK;
}

int wire_block_get(struct cur data, struct wire_block *blk, struct why *w)
{
    bool syn = false;
    for (; cur_left(&data) > 0 && cur_peek(&data) == SYN; syn = true)
        cur_skip(&data, 1);
    if (cur_left(&data) == 0) {
        *blk = (struct wire_block){.kind = WIRE_K_EMPTY};
        return OK;
    }
    uint8_t first = cur_u8(&data);
    if (first == NAK && only_pads(data)) {
        *blk = (struct wire_block){.kind = syn ? WIRE_K_SYN_NAK : WIRE_K_NAK};
        return OK;
    }
    uint8_t second = cur_u8(&data);
    if (first == DLE && second == STX)
        return text_block(data, blk, w);
    if (first == SOH && second == ENQ && only_pads(data)) {
        *blk = (struct wire_block){.kind = WIRE_K_SOH_ENQ};
        return OK;
    }
    if (first == DLE && second == ACK0 && only_pads(data)) {
        *blk = (struct wire_block){.kind = WIRE_K_ACK0};
        return OK;
    }
    return why_set(w, E_SYNTAX, 0, NULL,
                   "a block begins with X'%02X%02X', which is no data and no known control", first,
                   second);
}

void wire_block_begin(struct buf *b, uint8_t bcb, const uint8_t fcs[2])
{
    const uint8_t head[5] = {DLE, STX, bcb, fcs[0], fcs[1]};
    buf_add(b, head, sizeof head);
}

void wire_block_end(struct buf *b)
{
    buf_u8(b, RCB_END);
}

/* --- records --- */

bool wire_rcb_is_stream(uint8_t rcb)
{
    return rcb >= 0x90 && ((rcb & 0x0F) == 8 || (rcb & 0x0F) == 9);
}

unsigned wire_rcb_stream(uint8_t rcb)
{
    return (rcb >> 4) - 8u;
}

uint8_t wire_rcb_sysout(unsigned stream)
{
    return (uint8_t)(0x99u + 0x10u * (stream - 1));
}

/* How long a string is when its SCBs are undone; leaves *c behind it. */
static int string_size(struct cur *c, size_t *size, bool *abort, struct why *w)
{
    size_t n = 0;
    for (;;) {
        uint8_t scb = cur_u8(c);
        if (scb >= SCB_LITERAL) {
            cur_skip(c, scb & LITERAL_MAX);
            n += scb & LITERAL_MAX;
        } else if (scb >= SCB_BLANKS) {
            cur_skip(c, scb >= SCB_REPEAT ? 1 : 0);
            n += scb & RUN_MAX;
        } else if (cur_bad(c) || (scb != 0 && scb != SCB_ABORT)) {
            break;
        } else {
            *size = n;
            *abort = scb == SCB_ABORT;
            return OK;
        }
    }
    if (cur_bad(c))
        return why_set(w, E_SYNTAX, 0, NULL, "the block ends inside a record");
    return why_set(w, E_SYNTAX, 0, NULL, "the string control byte X'%02X' is none", c->p[-1]);
}

/* The next n bytes, n at most LITERAL_MAX. A copy of a fixed size is a few instructions where one
 * of n bytes is a call: mostly there is room for the bytes behind them, which are written over. */
static void put_literal(struct buf *out, struct cur *c, size_t n)
{
    uint8_t *to = cur_left(c) > LITERAL_MAX ? buf_room(out, LITERAL_MAX + 1) : NULL;
    if (to != NULL) {
        memcpy(to, c->p, LITERAL_MAX + 1);
        buf_wrote(out, n);
    } else {
        buf_add(out, c->p, n);
    }
    c->p += n;
}

/* Undo the SCBs of a string; false: it breaks off, holds what is none, or is too long. */
static bool string_undo(struct cur *c, struct buf *out, bool *abort)
{
    while (cur_left(c) > 0) {
        uint8_t scb = *c->p++, byte = BLANK;
        if (scb >= SCB_LITERAL) {
            if ((scb & LITERAL_MAX) > cur_left(c))
                return false;
            put_literal(out, c, scb & LITERAL_MAX);
        } else if (scb >= SCB_BLANKS) {
            if (scb >= SCB_REPEAT && cur_left(c) == 0)
                return false;
            if (scb >= SCB_REPEAT)
                byte = *c->p++;
            buf_fill(out, byte, scb & RUN_MAX);
        } else {
            *abort = scb == SCB_ABORT;
            return !out->over && (scb == 0 || scb == SCB_ABORT);
        }
    }
    return false;
}

static int string_get(struct cur *c, struct buf *scratch, bool *abort, struct why *w)
{
    struct cur behind = *c;
    size_t n = 0;
    if (string_undo(&behind, scratch, abort)) {
        *c = behind;
        if (*abort)
            buf_reset(scratch);
        return OK;
    }
    buf_reset(scratch);
    int err = string_size(c, &n, abort, w);
    if (err < 0 || *abort)
        return err;
    return why_set(w, E_LIMIT, 0, NULL, "a record of %zu bytes; the most accepted is %zu", n,
                   scratch->max);
}

int wire_record_get(struct cur *records, struct buf *scratch, struct wire_record *rec,
                    struct why *w)
{
    buf_reset(scratch);
    struct cur whole = *records;
    if (cur_left(records) == 0)
        return 0;
    struct wire_record got = {.rcb = cur_u8(records)};
    if (got.rcb == RCB_END) {
        (void)cur_sub(records, cur_left(records));
        return 0;
    }
    got.srcb = cur_u8(records);
    if (cur_bad(records))
        return why_set(w, E_SYNTAX, 0, NULL,
                       "the block ends behind the record control byte X'%02X'", got.rcb);
    if (got.rcb == RCB_GENERAL) {
        got.data = whole;
        (void)cur_sub(records, cur_left(records));
        *rec = got;
        return 1;
    }
    /* The requests and answers carry nothing; some peers leave out even the empty string. */
    bool control = (got.rcb & 0x0F) == 0;
    if (!(control && cur_left(records) == 0)) {
        int err = string_get(records, scratch, &got.abort, w);
        if (err < 0)
            return err;
    }
    got.data = buf_cur(scratch);
    got.eof = wire_rcb_is_stream(got.rcb) && !got.abort && cur_left(&got.data) == 0;
    *rec = got;
    return 1;
}

/* --- compression
 * --------------------------------------------------------------------------------------- As RSCS
 * does: two blanks or more, or three of another byte, are worth an SCB of their own. */

static bool starts_run(const uint8_t *p, size_t i, size_t n)
{
    if (i + 1 >= n || p[i] != p[i + 1])
        return false;
    return p[i] == BLANK || (i + 2 < n && p[i] == p[i + 2]);
}

/* The high bit of each byte of x that is zero; bits above the lowest such may be wrong. */
static uint64_t zeros(uint64_t x)
{
    return (x - UINT64_C(0x0101010101010101)) & ~x & UINT64_C(0x8080808080808080);
}

/* Where the next run begins, n when there is none. Looks at eight places at once: equal neighbours
 * show as a zero byte in their exclusive or. */
static size_t find_run(const uint8_t *p, size_t i, size_t n)
{
    while (i + 10 <= n) {
        uint64_t here, next, third;
        memcpy(&here, p + i, sizeof here);
        memcpy(&next, p + i + 1, sizeof next);
        memcpy(&third, p + i + 2, sizeof third);
        uint64_t pair = here ^ next, blank = here ^ UINT64_C(0x4040404040404040);
        if ((zeros(pair) & (zeros(here ^ third) | zeros(blank))) == 0) {
            i += 8;
            continue;
        }
        for (size_t stop = i + 8; i < stop; i++)
            if (starts_run(p, i, n))
                return i;
    }
    for (; i < n; i++)
        if (starts_run(p, i, n))
            return i;
    return n;
}

static size_t run_length(const uint8_t *p, size_t i, size_t n)
{
    size_t from = i;
    uint64_t same = p[i] * UINT64_C(0x0101010101010101), eight = same;
    for (; i + 8 <= n; i += 8) {
        memcpy(&eight, p + i, sizeof eight);
        if (eight != same)
            break;
    }
    while (i < n && p[i] == p[from])
        i++;
    return i - from;
}

/* All that pack answers where the next byte goes. */
static uint8_t *pack_literal(uint8_t *to, const uint8_t *p, size_t n)
{
    for (; n > LITERAL_MAX; n -= LITERAL_MAX, p += LITERAL_MAX) {
        *to++ = SCB_LITERAL | LITERAL_MAX;
        memcpy(to, p, LITERAL_MAX); /* of a fixed size: some instructions, no call */
        to += LITERAL_MAX;
    }
    if (n > 0) {
        *to++ = (uint8_t)(SCB_LITERAL | n);
        memcpy(to, p, n);
    }
    return to + n;
}

/* Codes what is worth it of *n equal bytes and leaves in it how many are not. */
static uint8_t *pack_run(uint8_t *to, uint8_t byte, size_t *n)
{
    size_t least = byte == BLANK ? 2 : 3;
    while (*n >= least) {
        size_t part = *n < RUN_MAX ? *n : RUN_MAX;
        *to++ = (uint8_t)((byte == BLANK ? SCB_BLANKS : SCB_REPEAT) | part);
        if (byte != BLANK)
            *to++ = byte;
        *n -= part;
    }
    return to;
}

static uint8_t *pack(uint8_t *to, const uint8_t *p, size_t n)
{
    for (size_t from = 0; from < n;) {
        size_t run = find_run(p, from, n);
        to = pack_literal(to, p + from, run - from);
        from = run;
        if (run < n) {
            size_t length = run_length(p, run, n), left = length;
            to = pack_run(to, p[run], &left);
            from += length - left;
        }
    }
    *to++ = 0;
    return to;
}

void wire_record_put(struct buf *b, uint8_t rcb, uint8_t srcb, struct cur data)
{
    size_t n = cur_left(&data), most = wire_record_bound(n);
    uint8_t *room = buf_room(b, most), *apart = room == NULL ? mem_new(most) : NULL;
    uint8_t *to = room != NULL ? room : apart;
    to[0] = rcb;
    to[1] = srcb;
    size_t made = (size_t)(pack(to + 2, data.p, n) - to);
    if (room != NULL)
        buf_wrote(b, made);
    else
        buf_add(b, apart, made); /* it may be short enough all the same */
    free(apart);
}

size_t wire_record_bound(size_t n)
{
    return n + n / LITERAL_MAX + 4; /* an SCB more for the rest; RCB, SRCB, closing 00 */
}

/* --- sign-on --- */

int wire_signon_get(struct cur record, struct wire_signon *s, struct why *w)
{
    struct wire_signon got = {0};
    uint8_t rcb = cur_u8(&record);
    got.srcb = cur_u8(&record);
    cur_skip(&record, 1); /* NCCIDL: UnixNJE writes another length than it sends */
    ebc_name_get(&record, &got.node);
    got.member = cur_u8(&record);
    got.event = cur_be32(&record);
    got.resistance = cur_be16(&record);
    got.bufsize = cur_be16(&record);
    ebc_name_get(&record, &got.line_password);
    ebc_name_get(&record, &got.node_password);
    got.flags = cur_u8(&record);
    if (cur_bad(&record))
        return why_set(w, E_SYNTAX, 0, NULL, "the sign-on record is shorter than 37 bytes");
    if (rcb != RCB_GENERAL || (got.srcb != SIGNON_I && got.srcb != SIGNON_J))
        return why_set(w, E_SYNTAX, 0, NULL, "X'%02X%02X' is no sign-on record (I or J)", rcb,
                       got.srcb);
    if (cur_left(&record) >= 4)
        got.features = cur_be32(&record);
    *s = got;
    return OK;
}

void wire_signon_put(struct buf *b, const struct wire_signon *s)
{
    const uint8_t head[3] = {RCB_GENERAL, s->srcb, 41};
    buf_add(b, head, sizeof head);
    buf_add(b, s->node.e, sizeof s->node.e);
    buf_u8(b, s->member);
    buf_be32(b, s->event);
    buf_be16(b, s->resistance);
    buf_be16(b, s->bufsize);
    buf_add(b, s->line_password.e, sizeof s->line_password.e);
    buf_add(b, s->node_password.e, sizeof s->node_password.e);
    buf_u8(b, s->flags);
    buf_be32(b, s->features);
}

void wire_signoff_put(struct buf *b)
{
    const uint8_t record[2] = {RCB_GENERAL, SIGNOFF_B};
    buf_add(b, record, sizeof record);
}
