/* rscs/deck.c -- see deck.h */
#include "rscs/deck.h"

#include <stdio.h>
#include <string.h>

#include "rscs/wire.h"

#define BLANK 0x40u
#define CARD 80u
#define SPANNED_MAX 32760u /* the most one spanned record may be (IBM SA32-0988) */
#define SPAN_BITS 0x0Cu

int deck_kind(struct cur *deck, uint8_t *kind, struct why *w)
{
    uint8_t got = cur_u8(deck);
    if (cur_bad(deck) || (got != DECK_SYSOUT && got != DECK_SYSIN))
        return why_set(w, E_SYNTAX, 0, NULL, "this is no deck: it begins with X'%02X'", got);
    *kind = got;
    return OK;
}

int deck_next(struct cur *deck, struct deck_item *item, struct why *w)
{
    if (cur_left(deck) == 0)
        return 0;
    uint8_t srcb = cur_u8(deck);
    size_t n = (size_t)cur_u8(deck) << 16;
    n |= cur_be16(deck);
    size_t left = cur_left(deck);
    struct cur data = cur_sub(deck, n);
    if (cur_bad(deck))
        return why_set(w, E_SYNTAX, 0, NULL,
                       "a deck item of %zu bytes, but %zu are left in the deck", n, left);
    *item = (struct deck_item){.srcb = srcb, .data = data};
    return 1;
}

void deck_begin(struct buf *b, uint8_t kind)
{
    buf_u8(b, kind);
}

void deck_item_head(uint8_t out[4], uint8_t srcb, size_t length)
{
    out[0] = srcb;
    out[1] = (uint8_t)(length >> 16);
    out[2] = (uint8_t)(length >> 8);
    out[3] = (uint8_t)length;
}

void deck_add(struct buf *b, uint8_t srcb, struct cur data)
{
    uint8_t head[4];
    deck_item_head(head, srcb, cur_left(&data));
    buf_add(b, head, sizeof head);
    buf_add(b, data.p, cur_left(&data));
}

/* --- reading --- */

static bool is_blank(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != BLANK)
            return false;
    return true;
}

/* A job that only has its NJH goes where it executes. */
static void dsh_of_job(const struct njh *njh, struct dsh *dsh)
{
    *dsh = (struct dsh){.node = njh->exec_node, .user = njh->exec_user, .class = njh->job_class};
    memset(dsh->proc.e, BLANK, sizeof dsh->proc.e);
    memset(dsh->step.e, BLANK, sizeof dsh->step.e);
    memset(dsh->dist, BLANK, sizeof dsh->dist);
    memset(dsh->fn, BLANK, sizeof dsh->fn);
    memset(dsh->ft, BLANK, sizeof dsh->ft);
    dsh->form = njh->form;
    dsh->records = njh->records;
}

/* RSCS and UnixNJE call a file that came without a name by its job, type OUTPUT. */
static void name_by_job(const struct njh *njh, struct dsh *dsh)
{
    static const uint8_t output[6] = {0xD6, 0xE4, 0xE3, 0xD7, 0xE4, 0xE3};
    if (!is_blank(dsh->fn, sizeof dsh->fn) || !is_blank(dsh->ft, sizeof dsh->ft))
        return;
    memcpy(dsh->fn, njh->job_name.e, sizeof njh->job_name.e);
    memcpy(dsh->ft, output, sizeof output);
}

int deck_headers(struct cur deck, struct njh *njh, struct dsh *dsh, struct why *w)
{
    uint8_t kind = 0;
    struct deck_item item;
    bool have_njh = false, have_dsh = false;
    int err = deck_kind(&deck, &kind, w);
    while (err >= 0 && !(have_njh && have_dsh) && (err = deck_next(&deck, &item, w)) == 1) {
        if (item.srcb == SRCB_NJH && !have_njh) {
            err = njh_get(item.data, njh, w);
            have_njh = true;
        } else if (item.srcb == SRCB_DSH && !have_dsh) {
            err = dsh_get(item.data, dsh, w);
            have_dsh = true;
        }
    }
    if (err < 0)
        return err;
    if (!have_njh)
        return why_set(w, E_SYNTAX, 0, NULL, "the file has no job header (NJH)");
    if (!have_dsh && kind == DECK_SYSOUT)
        return why_set(w, E_SYNTAX, 0, NULL, "the file has no data set header (DSH)");
    if (!have_dsh)
        dsh_of_job(njh, dsh);
    name_by_job(njh, dsh);
    return OK;
}

/* Append what a record or piece holds, padded to what its length byte (less what was read) says. */
static void add_padded(struct buf *out, struct cur data, size_t length)
{
    size_t n = cur_left(&data);
    buf_add(out, data.p, n);
    if (n < length)
        buf_fill(out, BLANK, length - n);
}

static bool has_control(uint8_t srcb)
{
    return (srcb & 0xF0) == SRCB_MACHINE || (srcb & 0xF0) == SRCB_ASA;
}

int deck_data(const struct deck_item *item, struct buf *out, uint8_t *cc, struct why *w)
{
    struct cur data = item->data;
    if ((item->srcb & SPAN_BITS) != 0)
        return why_set(w, E_SYNTAX, 0, NULL, "a piece of a spanned record on its own");
    size_t length = cur_u8(&data), control = has_control(item->srcb) ? 1 : 0;
    uint8_t got = control > 0 ? cur_u8(&data) : 0;
    if (cur_bad(&data))
        return why_set(w, E_SYNTAX, 0, NULL, "a data record too short for its length byte");
    add_padded(out, data, length > control ? length - control : 0);
    if (out->over)
        return why_set(w, E_LIMIT, 0, NULL, "a data record of %zu bytes; the most accepted is %zu",
                       cur_left(&data), out->max);
    *cc = got;
    return OK;
}

int deck_reader_init(struct deck_reader *r, struct cur deck, struct why *w)
{
    *r = (struct deck_reader){.rest = deck};
    buf_init(&r->joined, SPANNED_MAX + 256); /* a last piece may be padded past the most */
    return deck_kind(&r->rest, &r->kind, w);
}

/* The pieces behind the first one, up to the last. */
static int join_pieces(struct deck_reader *r, uint8_t form, struct why *w)
{
    for (;;) {
        struct deck_item item;
        int more = deck_next(&r->rest, &item, w);
        if (more < 0)
            return more;
        uint8_t span = more == 0 ? 0 : item.srcb & SPAN_BITS;
        if (more == 0 || (item.srcb & 0xF0) != form ||
            (span != SRCB_SPAN_MIDDLE && span != SRCB_SPAN_LAST))
            return why_set(w, E_SYNTAX, 0, NULL,
                           "a spanned record breaks off before its last piece");
        size_t length = cur_u8(&item.data);
        if (cur_bad(&item.data))
            return why_set(w, E_SYNTAX, 0, NULL, "a piece of a spanned record without length byte");
        add_padded(&r->joined, item.data, length);
        if (r->joined.over || r->joined.n > SPANNED_MAX)
            return why_set(w, E_LIMIT, 0, NULL, "a spanned record longer than %u bytes",
                           SPANNED_MAX);
        if (span == SRCB_SPAN_LAST)
            return 1;
    }
}

static int spanned(struct deck_reader *r, struct deck_item *item, uint8_t *cc, struct why *w)
{
    if ((item->srcb & SPAN_BITS) != SRCB_SPAN_FIRST)
        return why_set(w, E_SYNTAX, 0, NULL, "a spanned record begins in its middle");
    uint8_t form = item->srcb & 0xF0;
    size_t length = cur_u8(&item->data), total = cur_be16(&item->data);
    bool control = has_control(form);
    uint8_t got = control ? cur_u8(&item->data) : 0;
    if (cur_bad(&item->data))
        return why_set(w, E_SYNTAX, 0, NULL,
                       "the first piece of a spanned record is too short for its lengths");
    size_t read = control ? 3 : 2; /* what the length byte counts and has been taken */
    add_padded(&r->joined, item->data, length > read ? length - read : 0);
    int err = join_pieces(r, form, w);
    if (err < 0)
        return err;
    if (total > SPANNED_MAX || r->joined.n + (control ? 1 : 0) > total)
        return why_set(w, E_SYNTAX, 0, NULL, "a spanned record of %zu bytes says it has %zu",
                       r->joined.n, total);
    buf_fill(&r->joined, BLANK, total - r->joined.n - (control ? 1 : 0));
    *cc = got;
    return 1;
}

/* A record that its length byte does not pad, and no longer than one may be. */
static bool as_it_lies(const struct deck_item *item, struct cur *record, uint8_t *cc)
{
    struct cur data = item->data;
    size_t length = cur_u8(&data), control = has_control(item->srcb) ? 1 : 0;
    *cc = control > 0 ? cur_u8(&data) : 0;
    *record = data;
    return !cur_bad(&data) && cur_left(&data) + control >= length && cur_left(&data) <= SPANNED_MAX;
}

int deck_reader_next(struct deck_reader *r, uint8_t *cc, struct why *w)
{
    struct deck_item item;
    int more;
    buf_reset(&r->joined);
    while ((more = deck_next(&r->rest, &item, w)) == 1) {
        if (item.srcb == SRCB_DSH) {
            r->dsh = item.data;
            r->data_set++;
        }
        if (item.srcb >= SRCB_NJH) /* headers and what is reserved */
            continue;
        if (item.srcb < SRCB_DATA)
            return why_set(w, E_SYNTAX, 0, NULL, "a data record of unknown kind X'%02X'",
                           item.srcb);
        bool span = (item.srcb & SPAN_BITS) != 0;
        if (!span && as_it_lies(&item, &r->data, cc))
            return 1;
        int err = span ? spanned(r, &item, cc, w) : deck_data(&item, &r->joined, cc, w);
        r->data = buf_cur(&r->joined);
        return err < 0 ? err : 1;
    }
    return more;
}

void deck_reader_done(struct deck_reader *r)
{
    buf_done(&r->joined);
}

/* --- writing --- */

static uint8_t letter(char c)
{
    return ebc_name_of((struct str){&c, 1}).e[0];
}

/* Up to 12 characters, blank padded. */
static void file_name(uint8_t out[12], struct str text)
{
    struct nje_name first = ebc_name_of(str_sub(text, 0, 8)),
                    rest = ebc_name_of(str_sub(text, 8, 4));
    memcpy(out, first.e, 8);
    memcpy(out + 8, rest.e, 4);
}

static void add_njh(struct buf *b, const struct deck_file *f, struct buf *header)
{
    char job[16];
    int n = snprintf(job, sizeof job, "RSCS%04u", (unsigned)f->spool_id);
    struct njh h = {
        .job_id = f->spool_id,
        .job_class = letter(f->class),
        .msg_class = letter(f->class),
        .flags = 0x0C, /* no messages about its way */
        .priority = 7,
        .job_name = ebc_name_of((struct str){job, (size_t)n}),
        .user = f->from_user,
        .entry_tod = tod_of_wall(f->entered),
        .origin_node = f->from_node,
        .origin_user = f->from_user,
        .exec_node = f->from_node,
        .exec_user = f->from_user,
        /* RSCS names the destination here, JES2 where output of the job would go. */
        .print_node = f->to_node,
        .print_user = f->to_user,
        .punch_node = f->to_node,
        .punch_user = f->to_user,
        .records = f->records,
    };
    buf_reset(header);
    njh_put(header, &h);
    deck_add(b, SRCB_NJH, buf_cur(header));
}

static void add_dsh(struct buf *b, const struct deck_file *f, struct buf *header)
{
    struct dsh h = {
        .node = f->to_node,
        .user = f->to_user,
        .proc = ebc_name_of(f->fn),
        .step = ebc_name_of(f->ft),
        .dsno = 1,
        .class = letter(f->class),
        .recfm = 0x80,
        .lrecl = CARD,
        .copies = 1,
        .form = ebc_name_of(f->form),
        .flags2 = 0x40,
        .records = f->records,
        .device = 0x82,
        .priority_rscs = 50,
    };
    struct nje_name dist = ebc_name_of(f->dist.n > 0 ? f->dist : STR("SYSTEM"));
    memcpy(h.dist, dist.e, sizeof h.dist);
    file_name(h.fn, f->fn);
    file_name(h.ft, f->ft);
    buf_reset(header);
    dsh_put(header, &h);
    deck_add(b, SRCB_DSH, buf_cur(header));
}

void deck_file_begin(struct buf *b, const struct deck_file *f)
{
    struct buf header;
    buf_init(&header, HEADER_MAX);
    deck_begin(b, DECK_SYSOUT);
    add_njh(b, f, &header);
    add_dsh(b, f, &header);
    buf_done(&header);
}

void deck_card(struct buf *b, struct cur card)
{
    uint8_t item[4 + 1 + CARD];
    size_t n = cur_left(&card) < CARD ? cur_left(&card) : CARD;
    while (n > 0 && card.p[n - 1] == BLANK)
        n--;
    item[5] = BLANK; /* an empty card must carry a blank: an empty string is the end of file */
    if (n > 0)
        memcpy(item + 5, card.p, n);
    else
        n = 1;
    deck_item_head(item, SRCB_DATA, n + 1);
    item[4] = CARD;
    buf_add(b, item, n + 5);
}

void deck_file_end(struct buf *b, const struct deck_file *f)
{
    struct buf trailer;
    uint64_t tod = tod_of_wall(f->entered);
    buf_init(&trailer, HEADER_MAX);
    njt_put(&trailer, f->records, tod, tod);
    deck_add(b, SRCB_NJT, buf_cur(&trailer));
    buf_done(&trailer);
}
