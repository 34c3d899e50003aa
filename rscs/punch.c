/* rscs/punch.c -- see punch.h */
#include "rscs/punch.h"

#include <string.h>

#define BLANK 0x40u
#define TAB 0x05u
#define FORM_FEED 0x0Cu
#define TAB_STOP 8u

/* EBCDIC keeps its controls in one place, whatever the page. */
static bool is_control(uint8_t e)
{
    return e < BLANK || e == 0xFF;
}

/* A control in a record ends no line and says nothing to a reader of mail; a tab stays one. */
static void clean_to_utf8(struct buf *line, struct cur bytes, const struct ebc_page *page)
{
    uint8_t clean[256];
    while (cur_left(&bytes) > 0) {
        size_t n = cur_left(&bytes) < sizeof clean ? cur_left(&bytes) : sizeof clean;
        cur_copy(&bytes, clean, n);
        for (size_t i = 0; i < n; i++)
            if (is_control(clean[i]) && clean[i] != TAB)
                clean[i] = BLANK;
        ebc_to_utf8(line, page, cur_of(clean, n));
    }
}

void punch_line(struct buf *line, struct cur card, const struct ebc_page *page)
{
    size_t n = cur_left(&card);
    while (n > 0 && (card.p[n - 1] == BLANK || card.p[n - 1] == 0))
        n--;
    clean_to_utf8(line, cur_sub(&card, n), page);
}

/* Where a card is filled, column by column. */
struct puncher {
    void (*card)(void *arg, struct cur bytes);
    void *arg;
    uint8_t bytes[CARD_SIZE];
    size_t n;
};

static void punch_card(struct puncher *k)
{
    memset(k->bytes + k->n, BLANK, sizeof k->bytes - k->n);
    k->card(k->arg, cur_of(k->bytes, sizeof k->bytes));
    k->n = 0;
}

static void punch_byte(struct puncher *k, uint8_t e)
{
    if (k->n == sizeof k->bytes)
        punch_card(k);
    k->bytes[k->n++] = e;
}

size_t punch_text(struct str line, const struct ebc_page *page,
                  void (*card)(void *arg, struct cur bytes), void *arg)
{
    struct puncher k = {.card = card, .arg = arg};
    struct buf b;
    buf_init(&b, 4 * line.n); /* no replacement is longer than four for each byte of UTF-8 */
    size_t replaced = ebc_from_utf8(&b, page, line);
    while (b.n > 0 && b.p[b.n - 1] == BLANK)
        buf_trim(&b, b.n - 1);
    for (size_t i = 0; i < b.n; i++) {
        uint8_t e = b.p[i];
        if (e == TAB) {
            do
                punch_byte(&k, BLANK);
            while (k.n % TAB_STOP != 0); /* a card's width is a multiple of it */
        } else if (is_control(e)) {
            replaced++;
            if (e != FORM_FEED)
                punch_byte(&k, BLANK);
        } else {
            punch_byte(&k, e);
        }
    }
    punch_card(&k); /* the rest of the line, or the blank card of an empty one */
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
        if (n == sizeof name->e || is_control(e))
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
    if (card.bad || memcmp(head, read, sizeof head) != 0)
        return false;
    if (!take_word(&card, &name) || !take_word(&card, &type))
        return false;
    *fn = name;
    *ft = type;
    return true;
}
