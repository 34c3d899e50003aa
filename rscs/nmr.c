/* rscs/nmr.c -- see nmr.h */
#include "rscs/nmr.h"

#include <string.h>

#define FLAG_COMMAND 0x80u
#define FLAG_USER 0x20u /* NMROUT holds a userid */
#define LEVEL 0x77u     /* what RSCS and UnixNJE send */
#define TYPE_SENDER 0x08u
#define TYPE_NO_STAMP 0x04u
#define BLANK 0x40u
#define SO 0x0Eu
#define SI 0x0Fu
#define STAMP_SIZE 8u

/* A stamp is hh.mm.ss in characters. IBM lets one precede the text whenever type 04 is missing, but
 * NJElib leaves out both, so the text is looked at. */
static bool is_stamp(struct cur c)
{
    if (cur_left(&c) < STAMP_SIZE)
        return false;
    for (size_t i = 0; i < STAMP_SIZE; i++) {
        uint8_t e = cur_u8(&c);
        bool digit = e >= 0xF0 && e <= 0xF9;
        if (digit == (i == 2 || i == 5))
            return false;
    }
    return true;
}

int nmr_get(struct cur record, struct nmr *m, struct why *w)
{
    struct nmr got = {0};
    struct nje_name out;
    uint8_t flags = cur_u8(&record);
    cur_skip(&record, 1);
    uint8_t type = cur_u8(&record);
    size_t n = cur_u8(&record);
    ebc_name_get(&record, &got.to_node);
    cur_skip(&record, 1);
    ebc_name_get(&record, &out);
    ebc_name_get(&record, &got.from_node);
    cur_skip(&record, 1);
    if (cur_bad(&record))
        return why_set(w, E_SYNTAX, 0, NULL, "a nodal message record (NMR) shorter than 30 bytes");
    size_t left = cur_left(&record);
    struct cur text = cur_sub(&record, n);
    if (cur_bad(&record))
        return why_set(w, E_SYNTAX, 0, NULL,
                       "a nodal message record (NMR) says %zu bytes of text and has %zu", n, left);
    memset(got.from_user.e, BLANK, sizeof got.from_user.e);
    memset(got.to_user.e, BLANK, sizeof got.to_user.e);
    got.command = (flags & FLAG_COMMAND) != 0;
    if ((flags & FLAG_USER) != 0)
        *(got.command ? &got.from_user : &got.to_user) = out;
    if (!got.command && (type & TYPE_NO_STAMP) == 0 && is_stamp(text))
        cur_skip(&text, STAMP_SIZE);
    if (!got.command && (type & TYPE_SENDER) != 0)
        ebc_name_get(&text, &got.from_user);
    if (cur_bad(&text))
        return why_set(w, E_SYNTAX, 0, NULL,
                       "a nodal message record (NMR) too short for its sender's name");
    got.ntext = cur_left(&text);
    cur_copy(&text, got.text, got.ntext);
    *m = got;
    return OK;
}

static void put_name(struct buf *b, const struct nje_name *name)
{
    for (size_t i = 0; i < sizeof name->e; i++)
        buf_u8(b, name->e[i] == 0 ? BLANK : name->e[i]);
}

void nmr_put(struct buf *b, const struct nmr *m)
{
    bool sender = !m->command && !ebc_name_empty(&m->from_user);
    size_t most = m->command ? NMR_COMMAND_MAX : NMR_TEXT_MAX;
    size_t n = m->ntext < most ? m->ntext : most;
    buf_u8(b, FLAG_USER | (m->command ? FLAG_COMMAND : 0));
    buf_u8(b, LEVEL);
    if (m->command)
        buf_u8(b, 0);
    else
        buf_u8(b, TYPE_NO_STAMP | (sender ? TYPE_SENDER : 0));
    buf_u8(b, (uint8_t)(n + (sender ? sizeof m->from_user.e : 0)));
    put_name(b, &m->to_node);
    buf_u8(b, 0);
    put_name(b, m->command ? &m->from_user : &m->to_user);
    put_name(b, &m->from_node);
    buf_u8(b, 0);
    if (sender)
        put_name(b, &m->from_user);
    buf_add(b, m->text, n);
}

static uint8_t clean(const struct ebc_page *page, uint8_t e)
{
    bool shift = (e == SO || e == SI) && ebc_page_double(page);
    return (e < BLANK && !shift) || e == 0xFF ? BLANK : e;
}

void nmr_set_text(struct nmr *m, const struct ebc_page *page, struct str text)
{
    struct buf b;
    struct ebc_cut cut;
    struct cur record;
    buf_init(&b, 6 * text.n + 2); /* more than the bytes of any replacement and its shifts */
    (void)ebc_from_utf8(&b, page, text);
    ebc_cut_begin(&cut, page, buf_cur(&b));
    (void)ebc_cut_next(&cut, sizeof m->text, &record);
    m->ntext = 0;
    while (cur_left(&record) > 0)
        m->text[m->ntext++] = clean(page, cur_u8(&record));
    ebc_cut_end(&cut);
    buf_done(&b);
}

void nmr_text(const struct nmr *m, const struct ebc_page *page, struct buf *out)
{
    uint8_t text[sizeof m->text];
    size_t n = m->ntext < sizeof text ? m->ntext : sizeof text;
    for (size_t i = 0; i < n; i++)
        text[i] = clean(page, m->text[i]);
    while (n > 0 && text[n - 1] == BLANK)
        n--;
    ebc_to_utf8(out, page, cur_of(text, n));
}
