/* rscs/header.c -- see header.h */
#include "rscs/header.h"

#include <stdio.h>
#include <string.h>

#define PREFIX 4u
#define SECTION 4u /* head of a section: length, type, modifier */
#define SEGMENT_MAX 256u
#define SEQ_MORE 0x80u
#define BLANK 0x40u

#define SECTION_GENERAL 0x00u
#define SECTION_RSCS 0x87u

/* Least data of a section for it to be of use: NJH up to the origin user, DSH up to the class, the
 * RSCS section up to the file type, NJT up to the card count. Real ones vary at their ends. */
#define NJH_LEAST 76u
#define DSH_LEAST 44u
#define RSCS_LEAST 36u
#define NJT_LEAST 32u

/* 1900-01-01 to 1970-01-01 in microseconds, and where the 52-bit microsecond count wraps. */
#define TOD_UNIX (INT64_C(2208988800) * US_PER_S)
#define TOD_WRAP (INT64_C(1) << 52)

/* --- sections --- */

struct section {
    uint8_t type, modifier;
    struct cur data;
};

/* 1 the next section, 0 the end, negative when it does not fit. */
static int section_next(struct cur *c, struct section *s, struct why *w)
{
    if (cur_left(c) == 0)
        return 0;
    size_t n = cur_be16(c);
    s->type = cur_u8(c);
    s->modifier = cur_u8(c);
    size_t left = cur_left(c);
    if (cur_bad(c) || n < SECTION || n - SECTION > left)
        return why_set(w, E_SYNTAX, 0, NULL,
                       "a header section of %zu bytes, but %zu are left in the header", n, left);
    s->data = cur_sub(c, n - SECTION);
    return 1;
}

/* Find the first section of a type (modifier 00) of at least so many bytes of data. */
static int section_find(struct cur whole, uint8_t type, size_t least, struct cur *data,
                        struct why *w)
{
    cur_skip(&whole, PREFIX);
    if (cur_bad(&whole))
        return why_set(w, E_SYNTAX, 0, NULL, "a header shorter than its prefix");
    struct section s;
    int more;
    bool found = false;
    while ((more = section_next(&whole, &s, w)) == 1)
        if (!found && s.type == type && s.modifier == 0 && cur_left(&s.data) >= least) {
            *data = s.data;
            found = true;
        }
    if (more < 0)
        return more;
    return found ? 1 : 0;
}

static int general(struct cur whole, const char *what, size_t least, struct cur *data,
                   struct why *w)
{
    int found = section_find(whole, SECTION_GENERAL, least, data, w);
    if (found == 0)
        return why_set(w, E_SYNTAX, 0, NULL, "the %s has no general section of at least %zu bytes",
                       what, least + SECTION);
    if (found < 0)
        why_prefix(w, "%s", what);
    return found;
}

/* --- reading
 * --------------------------------------------------------------------------------------- A cursor
 * gives zeros past its end, so the fields a shorter section lacks come out as 0 and blanks. */

int njh_get(struct cur whole, struct njh *h, struct why *w)
{
    struct cur c;
    int err = general(whole, "job header (NJH)", NJH_LEAST, &c, w);
    if (err < 0)
        return err;
    struct njh got = {.job_id = cur_be16(&c)};
    got.job_class = cur_u8(&c);
    got.msg_class = cur_u8(&c);
    got.flags = cur_u8(&c);
    got.priority = cur_u8(&c);
    cur_skip(&c, 4); /* origin member, copies, lines a page, reserved */
    got.hops = cur_be16(&c);
    cur_skip(&c, 8); /* account */
    ebc_name_get(&c, &got.job_name);
    ebc_name_get(&c, &got.user);
    cur_skip(&c, 16); /* passwords */
    got.entry_tod = cur_be64(&c);
    ebc_name_get(&c, &got.origin_node);
    ebc_name_get(&c, &got.origin_user);
    ebc_name_get(&c, &got.exec_node);
    ebc_name_get(&c, &got.exec_user);
    ebc_name_get(&c, &got.print_node);
    ebc_name_get(&c, &got.print_user);
    ebc_name_get(&c, &got.punch_node);
    ebc_name_get(&c, &got.punch_user);
    ebc_name_get(&c, &got.form);
    cur_skip(&c, 16); /* estimates */
    ebc_name_get(&c, &got.programmer);
    cur_skip(&c, 36); /* rest of it, room, department, building */
    got.records = cur_be32(&c);
    if (ebc_name_empty(&got.origin_user))
        got.origin_user = got.user;
    *h = got;
    return OK;
}

static void dsh_general(struct cur c, struct dsh *d)
{
    struct nje_name writer;
    ebc_name_get(&c, &d->node);
    ebc_name_get(&c, &d->user);
    ebc_name_get(&c, &d->proc);
    ebc_name_get(&c, &d->step);
    cur_skip(&c, 8); /* DD name */
    d->dsno = cur_be16(&c);
    cur_skip(&c, 1);
    d->class = cur_u8(&c);
    d->records = cur_be32(&c);
    d->flags = cur_u8(&c);
    d->recfm = cur_u8(&c);
    d->lrecl = cur_be16(&c);
    d->copies = cur_u8(&c);
    cur_skip(&c, 3); /* FCB index, lines a page, reserved */
    ebc_name_get(&c, &d->form);
    cur_skip(&c, 16); /* FCB, UCS */
    ebc_name_get(&c, &writer);
    cur_skip(&c, 8);
    d->flags2 = cur_u8(&c);
    if (ebc_name_empty(&d->user))
        d->user = writer;
}

static void dsh_rscs(struct cur c, struct dsh *d)
{
    cur_skip(&c, 2); /* flags, spool class */
    d->device = cur_u8(&c);
    cur_skip(&c, 1);
    cur_copy(&c, d->dist, sizeof d->dist);
    cur_copy(&c, d->fn, sizeof d->fn);
    cur_copy(&c, d->ft, sizeof d->ft);
    d->priority_rscs = cur_be16(&c);
    d->rscs = true;
}

static void blank_nulls(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] == 0)
            p[i] = BLANK;
}

int dsh_get(struct cur whole, struct dsh *h, struct why *w)
{
    static const char what[] = "data set header (DSH)";
    struct cur c;
    int err = general(whole, what, DSH_LEAST, &c, w);
    if (err < 0)
        return err;
    struct dsh got = {0};
    dsh_general(c, &got);
    int found = section_find(whole, SECTION_RSCS, RSCS_LEAST, &c, w);
    if (found < 0)
        return found;
    if (found > 0) {
        dsh_rscs(c, &got);
    } else {
        memcpy(got.fn, got.proc.e, sizeof got.proc.e);
        memcpy(got.ft, got.step.e, sizeof got.step.e);
    }
    blank_nulls(got.fn, sizeof got.fn);
    blank_nulls(got.ft, sizeof got.ft);
    blank_nulls(got.dist, sizeof got.dist);
    *h = got;
    return OK;
}

int njt_get(struct cur whole, uint32_t *records, struct why *w)
{
    struct cur c;
    int err = general(whole, "job trailer (NJT)", NJT_LEAST, &c, w);
    if (err < 0)
        return err;
    cur_skip(&c, 24); /* flags, class, stamps, CPU time */
    uint32_t lines = cur_be32(&c), cards = cur_be32(&c);
    *records = cards > 0 ? cards : lines; /* RSCS counts only cards */
    return OK;
}

/* --- writing --- */

static void put_name(struct buf *b, const struct nje_name *name)
{
    struct nje_name blanked = *name;
    blank_nulls(blanked.e, sizeof blanked.e);
    buf_add(b, blanked.e, sizeof blanked.e);
}

static void put_section(struct buf *b, uint16_t n, uint8_t type)
{
    buf_be16(b, n);
    buf_u8(b, type);
    buf_u8(b, 0);
}

static void put_prefix(struct buf *b, uint16_t n)
{
    buf_be16(b, n);
    buf_be16(b, 0);
}

void njh_put(struct buf *b, const struct njh *h)
{
    put_prefix(b, 204);
    put_section(b, 200, SECTION_GENERAL);
    buf_be16(b, h->job_id);
    buf_u8(b, h->job_class);
    buf_u8(b, h->msg_class);
    buf_u8(b, h->flags);
    buf_u8(b, h->priority);
    buf_be16(b, 0x0101); /* origin member, copies */
    buf_be16(b, 0);      /* lines a page, reserved */
    buf_be16(b, h->hops);
    buf_fill(b, BLANK, 8); /* account */
    put_name(b, &h->job_name);
    put_name(b, &h->user);
    buf_fill(b, BLANK, 16); /* passwords */
    buf_be64(b, h->entry_tod);
    put_name(b, &h->origin_node);
    put_name(b, &h->origin_user);
    put_name(b, &h->exec_node);
    put_name(b, &h->exec_user);
    put_name(b, &h->print_node);
    put_name(b, &h->print_user);
    put_name(b, &h->punch_node);
    put_name(b, &h->punch_user);
    put_name(b, &h->form);
    buf_fill(b, 0, 16); /* input cards, time and estimates */
    put_name(b, &h->programmer);
    buf_fill(b, BLANK, 36); /* rest of it, room, department, building */
    buf_be32(b, h->records);
}

static void put_dsh_general(struct buf *b, const struct dsh *h)
{
    bool print = (h->flags2 & 0x80) != 0;
    put_section(b, 112, SECTION_GENERAL);
    put_name(b, &h->node);
    put_name(b, &h->user);
    put_name(b, &h->proc);
    put_name(b, &h->step);
    buf_fill(b, BLANK, 8); /* DD name */
    buf_be16(b, h->dsno);
    buf_u8(b, 0);
    buf_u8(b, h->class);
    buf_be32(b, h->records);
    buf_u8(b, h->flags);
    buf_u8(b, h->recfm);
    buf_be16(b, h->lrecl);
    buf_u8(b, h->copies);
    buf_fill(b, 0, 3); /* FCB index, lines a page, reserved */
    put_name(b, &h->form);
    buf_fill(b, BLANK, 16); /* FCB, UCS */
    if (print)
        buf_fill(b, 0, 8); /* a writer's name here would steal the file from its user */
    else
        put_name(b, &h->user);
    buf_fill(b, 0, 8); /* data set name */
    buf_u8(b, h->flags2);
    buf_fill(b, 0, 3);     /* UCS option, reserved */
    buf_fill(b, BLANK, 8); /* process mode */
}

/* "NODE     USER      50", in a field of 136. */
static void put_tag(struct buf *b, const struct dsh *h)
{
    char digits[8];
    int n = snprintf(digits, sizeof digits, "%u", (unsigned)h->priority_rscs);
    put_name(b, &h->node);
    buf_u8(b, BLANK);
    put_name(b, &h->user);
    buf_u8(b, BLANK);
    for (int i = 0; i < n; i++)
        buf_u8(b, (uint8_t)(0xF0 + digits[i] - '0'));
    buf_fill(b, BLANK, 136 - 18 - (size_t)n);
}

static void put_blanked(struct buf *b, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_u8(b, p[i] == 0 ? BLANK : p[i]);
}

static void put_dsh_rscs(struct buf *b, const struct dsh *h)
{
    put_section(b, 180, SECTION_RSCS);
    buf_u8(b, 0);
    buf_u8(b, h->class);
    buf_u8(b, h->device);
    buf_u8(b, 0);
    put_blanked(b, h->dist, sizeof h->dist);
    put_blanked(b, h->fn, sizeof h->fn);
    put_blanked(b, h->ft, sizeof h->ft);
    buf_be16(b, h->priority_rscs);
    buf_be16(b, 0x0201); /* RSCS version 2 release 1, which others claim too */
    put_tag(b, h);
}

void dsh_put(struct buf *b, const struct dsh *h)
{
    put_prefix(b, 296);
    put_dsh_general(b, h);
    put_dsh_rscs(b, h);
}

void njt_put(struct buf *b, uint32_t records, uint64_t start_tod, uint64_t stop_tod)
{
    put_prefix(b, 48);
    put_section(b, 44, SECTION_GENERAL);
    buf_u8(b, 0);
    buf_u8(b, 0xC1); /* class A */
    buf_be16(b, 0);
    buf_be64(b, start_tod);
    buf_be64(b, stop_tod);
    buf_be32(b, 0); /* CPU time */
    buf_be32(b, records);
    buf_be32(b, records);
    buf_fill(b, 0, 8); /* EXCPs, priorities */
}

bool njh_set_hops(uint8_t *whole, size_t n, uint16_t hops)
{
    struct cur c;
    struct why w;
    if (section_find(cur_of(whole, n), SECTION_GENERAL, NJH_LEAST, &c, &w) <= 0)
        return false;
    uint8_t *field = whole + (c.p - whole) + 10;
    field[0] = (uint8_t)(hops >> 8);
    field[1] = (uint8_t)hops;
    return true;
}

bool dsh_set_destination(uint8_t *whole, size_t n, const struct nje_name *node,
                         const struct nje_name *user)
{
    struct cur c;
    struct why w;
    if (section_find(cur_of(whole, n), SECTION_GENERAL, DSH_LEAST, &c, &w) <= 0)
        return false;
    uint8_t *field = whole + (c.p - whole);
    memcpy(field, node->e, sizeof node->e);
    memcpy(field + 8, user->e, sizeof user->e); /* NDHGRMT */
    if (cur_left(&c) >= 88)
        memcpy(field + 80, user->e, sizeof user->e); /* NDHGXWTR: the user again, for punch */
    return true;
}

/* --- segments
 * --------------------------------------------------------------------------------------- Each
 * segment has its own prefix. While more are to come the number of the last one stays in the prefix
 * gathered so far; in a whole header that byte is 0. */

int header_join(struct buf *out, struct cur segment, struct why *w)
{
    struct cur c = segment;
    size_t n = cur_be16(&c);
    cur_skip(&c, 1);
    uint8_t seq = cur_u8(&c);
    if (cur_bad(&c))
        return why_set(w, E_SYNTAX, 0, NULL, "a header segment shorter than its prefix");
    unsigned number = seq & 0x7Fu, expected = out->n == 0 ? 0 : (out->p[3] & 0x7Fu) + 1;
    if (number != expected)
        return why_set(w, E_SYNTAX, 0, NULL, "header segment %u came where %u was due", number,
                       expected);
    /* The length is of the segment in practice, of the whole header in IBM's table: it can only
     * shorten a record. */
    if (n >= PREFIX && n - PREFIX < cur_left(&c))
        c = cur_sub(&c, n - PREFIX);
    if (out->n + PREFIX + cur_left(&c) > HEADER_MAX)
        return why_set(w, E_LIMIT, 0, NULL, "a header longer than %u bytes", HEADER_MAX);
    if (out->n == 0)
        buf_add(out, segment.p, PREFIX);
    buf_add(out, c.p, cur_left(&c));
    if (out->over)
        return why_set(w, E_LIMIT, 0, NULL, "a header longer than %zu bytes", out->max);
    out->p[3] = seq;
    if ((seq & SEQ_MORE) != 0)
        return 0;
    if (out->n < PREFIX + SECTION)
        return why_set(w, E_SYNTAX, 0, NULL, "a header without any section");
    out->p[0] = (uint8_t)(out->n >> 8);
    out->p[1] = (uint8_t)out->n;
    out->p[3] = 0;
    return 1;
}

bool header_segment(struct cur whole, unsigned n, struct buf *out)
{
    size_t room = SEGMENT_MAX - PREFIX;
    buf_reset(out);
    cur_skip(&whole, 2);
    uint8_t flags = cur_u8(&whole);
    cur_skip(&whole, 1);
    cur_skip(&whole, n * room);
    if (cur_bad(&whole) || (n > 0 && cur_left(&whole) == 0))
        return false;
    size_t size = cur_left(&whole) < room ? cur_left(&whole) : room;
    buf_be16(out, (uint16_t)(size + PREFIX));
    buf_u8(out, flags);
    buf_u8(out, (uint8_t)(n | (cur_left(&whole) > size ? SEQ_MORE : 0)));
    buf_add(out, whole.p, size);
    return true;
}

/* --- time --- */

uint64_t tod_of_wall(struct wall t)
{
    return (uint64_t)(t.us + TOD_UNIX) << 12;
}

struct wall tod_wall(uint64_t tod)
{
    if (tod == 0)
        return (struct wall){0};
    int64_t us = (int64_t)(tod >> 12);
    if (us < TOD_WRAP / 2) /* before 1971: it is after the wrap of 2042 */
        us += TOD_WRAP;
    return (struct wall){us - TOD_UNIX};
}
