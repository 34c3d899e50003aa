/* gateway/file/wholemail.c -- see wholemail.h */
#include "gateway/file/wholemail.h"

#include <string.h>

#include "base/text.h"
#include "gateway/mail/header.h"
#include "gateway/mail/relabel.h"
#include "gateway/smtp/bsmtp.h"
#include "rscs/punch.h"

#define CARD_COLUMNS 79u    /* one is left for the dot that is doubled */
#define NETDATA_BYTES 8000u /* far below what a record of text may have */
#define SHIFTED 4u          /* octets of a character between SO and SI, at most */
#define TAB 8u

struct lines {
    const struct wholemail *m;
    struct buf *out;
    size_t most; /* octets of a record */
    bool header; /* what goes on in a further record begins with a blank: it is folded */
};

static void add_line(void *arg, struct str line)
{
    buf_str(arg, line);
    buf_u8(arg, '\n');
}

/* Controls that some system takes for a line's end, or leaves out, are blanks: a line of a form
 * feed and a dot would be the end of the mail. */
static bool breaks(uint32_t r)
{
    return (r >= 0x0A && r <= 0x0D) || r == 0 || r == 0x85 || r == 0x2028 || r == 0x2029;
}

static void put_piece(struct lines *l, const struct buf *piece)
{
    add_line(l->out, buf_text(piece));
}

/* A line, in pieces of at most one record. */
static void put_long_line(struct lines *l, struct str line)
{
    struct buf piece;
    size_t columns = 0;
    bool shifts = ebc_page_double(l->m->page) && !text_is_ascii(line);
    if (line.n * (shifts ? SHIFTED : 1) <= l->most && text_is_ascii(line) &&
        memchr(line.p, '\f', line.n) == NULL && memchr(line.p, '\t', line.n) == NULL &&
        memchr(line.p, '\r', line.n) == NULL && memchr(line.p, '\v', line.n) == NULL) {
        add_line(l->out, line);
        return;
    }
    buf_init(&piece, 4 * l->most + TAB);
    while (line.n > 0) {
        uint32_t r = text_rune(&line);
        size_t wide = shifts ? SHIFTED : 1;
        if (r == '\t' && l->m->cards)
            wide = TAB - columns % TAB;
        if (columns + wide > l->most) {
            put_piece(l, &piece);
            buf_reset(&piece);
            buf_z(&piece, l->header ? " " : "");
            columns = piece.n;
            wide = r == '\t' && l->m->cards ? TAB : wide;
        }
        if (breaks(r) || (r == '\t' && l->m->cards))
            buf_fill(&piece, ' ', wide);
        else
            text_put_rune(&piece, r);
        columns += wide;
    }
    put_piece(l, &piece);
    buf_done(&piece);
}

/* Is a line of the header nothing but blanks? Where these are cut it would end the header. */
static bool has_blank_fold(struct str head)
{
    struct str line;
    while (str_line(&head, &line))
        if (line.n > 0 && str_trim(line).n == 0)
            return true;
    return false;
}

static void put_header(struct lines *l, const struct hdr *h, struct str head)
{
    struct buf folded;
    struct str line;
    buf_init(&folded, 4 * head.n + 4096);
    for (size_t i = 0; i < h->n; i++) {
        char name[80];
        str_copy(name, sizeof name, h->field[i].name);
        hdr_put(&folded, name, h->field[i].value);
    }
    if (l->m->cards || has_blank_fold(head))
        head = buf_text(&folded);
    while (str_line(&head, &line) && line.n > 0)
        put_long_line(l, line);
    buf_done(&folded);
}

/* Through the code page and back: what stands for a character that is not in it is what counts. */
static struct str as_seen(struct arena *a, const struct wholemail *m, struct str text,
                          size_t *replaced)
{
    struct buf bytes, seen;
    buf_init(&bytes, 4 * text.n + 64);
    buf_init(&seen, 12 * text.n + 64);
    *replaced += ebc_from_utf8(&bytes, m->page, text);
    ebc_to_utf8(&seen, m->page, buf_cur(&bytes));
    text = arena_str(a, buf_text(&seen));
    buf_done(&bytes);
    buf_done(&seen);
    return text;
}

/* A command of a batch must stand on one card: there is no continuation, and what is cut off an
 * address makes another of it. */
static int check_envelope(const struct wholemail *m, struct why *w)
{
    size_t columns = sizeof "MAIL FROM:<>" - 1 + m->sender.n;
    if (!m->cards || m->rcpt.n == 0)
        return OK;
    if (columns > CARD_SIZE)
        return why_set(w, E_LIMIT, 550, "5.1.7",
                       "The sender's address has %zu characters, and a batch on cards for %.*s has "
                       "room for %zu",
                       m->sender.n, STR_ARG(m->rcpt), m->sender.n - (columns - CARD_SIZE));
    return OK;
}

int wholemail_put(struct arena *a, const struct wholemail *m, struct buf *lines, size_t *replaced,
                  struct why *w)
{
    struct str text = m->content, line;
    struct buf utf8, pieces;
    struct lines l = {m, &pieces, m->cards ? CARD_COLUMNS : NETDATA_BYTES, true};
    struct hdr h;
    int v = check_envelope(m, w);
    if (v == OK && !text_is_ascii(text)) {
        buf_init(&utf8, 4 * text.n + 65536);
        v = relabel_put(a, text, false, &utf8, w);
        bool whole = v == E_LIMIT && !arena_full(a) && !utf8.over; /* it cannot be taken apart */
        if (whole || v == OK)
            text = as_seen(a, m, whole ? text : buf_text(&utf8), replaced);
        v = whole ? OK : v;
        buf_done(&utf8);
    }
    if (v == OK)
        v = hdr_parse(a, text, &h, w);
    if (v != OK)
        return v;
    buf_init(&pieces, lines->max);
    if (m->rcpt.n == 0)
        put_long_line(&l, arena_printf(a, "Return-Path: <%.*s>", STR_ARG(m->sender)));
    put_header(&l, &h, str_sub(text, 0, h.size));
    text = str_sub(text, h.size, text.n);
    add_line(&pieces, STR(""));
    l.header = false;
    while (str_line(&text, &line))
        put_long_line(&l, line);
    if (m->rcpt.n > 0)
        bsmtp_write(&(struct bsmtp_out){.helo = m->host.p,
                                        .sender = m->sender,
                                        .rcpt = &m->rcpt,
                                        .nrcpt = 1,
                                        .content = buf_text(&pieces)},
                    add_line, lines);
    else
        buf_str(lines, buf_text(&pieces));
    lines->over = lines->over || pieces.over;
    buf_done(&pieces);
    return arena_full(a) || lines->over
               ? why_set(w, E_LIMIT, 552, "5.3.4", "The mail does not fit in the memory set for it")
               : OK;
}
