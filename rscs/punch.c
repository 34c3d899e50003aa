/* rscs/punch.c -- see punch.h */
#include "rscs/punch.h"

#include <string.h>

#include "rscs/pages.h"

#define BLANK 0x40u
#define SO 0x0Eu
#define SI 0x0Fu
#define FORM_FEED 0x0Cu
#define TAB_STOP 8u

/* Between SO and SI every byte is half a character; X'4040' there is a blank of its own. */
static void double_line(struct buf *line, struct cur card, const struct ebc_page *page)
{
    struct buf record;
    bool shifted = false;
    size_t used = 0; /* up to the last byte that says something */
    buf_init(&record, cur_left(&card));
    while (cur_left(&card) > 0) {
        uint8_t e = cur_u8(&card);
        bool shift = e == SO || e == SI, fill = e == BLANK || e == 0;
        shifted = shift ? e == SO : shifted;
        buf_u8(&record, shifted || shift ? e : ebc_as_shown(e));
        used = shifted || !fill ? record.n : used;
    }
    ebc_to_utf8(line, page, cur_of(record.p, used));
    buf_done(&record);
}

void punch_line(struct buf *line, struct cur card, const struct ebc_page *page)
{
    size_t n = cur_left(&card);
    if (ebc_page_double(page)) {
        double_line(line, card, page);
        return;
    }
    while (n > 0 && (card.p[n - 1] == BLANK || card.p[n - 1] == 0))
        n--;
    ebc_line_to_utf8(line, page, cur_sub(&card, n));
}

/* --- lines to cards --- */

/* How many bytes stay as they are: up to a control, but over SO, its pairs and SI. */
static size_t plain_run(const struct cur *c, bool pairs)
{
    size_t n = 0;
    bool shifted = false;
    for (; n < cur_left(c); n++) {
        uint8_t e = c->p[n];
        if (pairs && (e == SO || e == SI))
            shifted = e == SO;
        else if (!shifted && ebc_is_control(e))
            break;
    }
    return n;
}

/* Tabs go to the next stop of the line, which is one of the card, for a card's width is a multiple
 * of it; other controls are blanks, a form feed nothing. */
static size_t expand_controls(struct buf *out, struct cur line, bool pairs)
{
    size_t replaced = 0;
    while (cur_left(&line) > 0) {
        size_t run = plain_run(&line, pairs);
        buf_add(out, line.p, run);
        cur_skip(&line, run);
        if (cur_left(&line) == 0)
            break;
        uint8_t e = cur_u8(&line);
        if (e == EBC_TAB)
            buf_fill(out, BLANK, TAB_STOP - out->n % TAB_STOP);
        else if (e != FORM_FEED)
            buf_u8(out, BLANK);
        replaced += e != EBC_TAB;
    }
    return replaced;
}

size_t punch_text(struct str line, const struct ebc_page *page,
                  void (*card)(void *arg, struct cur bytes), void *arg)
{
    bool pairs = ebc_page_double(page);
    struct buf b, plain;
    struct ebc_cut cut;
    struct cur record;
    buf_init(&b, 4 * line.n); /* no replacement is longer than four for each byte of UTF-8 */
    size_t replaced = ebc_from_utf8(&b, page, line);
    while (b.n > 0 && b.p[b.n - 1] == BLANK)
        buf_trim(&b, b.n - 1);
    buf_init(&plain, TAB_STOP * b.n);
    replaced += expand_controls(&plain, buf_cur(&b), pairs);
    ebc_cut_begin(&cut, page, buf_cur(&plain));
    while (ebc_cut_next(&cut, CARD_SIZE, &record)) {
        uint8_t bytes[CARD_SIZE];
        size_t n = cur_left(&record);
        cur_copy(&record, bytes, n);
        memset(bytes + n, BLANK, sizeof bytes - n);
        card(arg, cur_of(bytes, sizeof bytes));
    }
    ebc_cut_end(&cut);
    buf_done(&plain);
    buf_done(&b);
    return replaced;
}

/* Take a word of 1-8 bytes behind blanks. */
static bool take_word(struct cur *c, struct nje_name *name)
{
    size_t n = 0;
    memset(name->e, BLANK, sizeof name->e);
    while (cur_left(c) > 0 && cur_peek(c) == BLANK)
        cur_skip(c, 1);
    for (; cur_left(c) > 0 && cur_peek(c) != BLANK; n++) {
        uint8_t e = cur_u8(c);
        if (n == sizeof name->e || ebc_is_control(e))
            return false;
        name->e[n] = e;
    }
    return n > 0;
}

bool punch_read_card(struct cur card, struct nje_name *fn, struct nje_name *ft)
{
    static const uint8_t read[6] = {0x7A, 0xD9, 0xC5, 0xC1, 0xC4, BLANK}; /* ":READ " */
    uint8_t head[sizeof read];
    struct nje_name name, type;
    cur_copy(&card, head, sizeof head);
    if (cur_bad(&card) || memcmp(head, read, sizeof head) != 0)
        return false;
    if (!take_word(&card, &name) || !take_word(&card, &type))
        return false;
    *fn = name;
    *ft = type;
    return true;
}
