/* tests/fuzz/fuzz_deck.c -- a deck as read from disk: headers, logical records, their lines, and
 * cards of text made of them. */
#include "rscs/deck.h"
#include "rscs/punch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count_card(void *arg, struct cur bytes)
{
    *(size_t *)arg += cur_left(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cur deck = cur_of(data, size);
    struct deck_reader r;
    struct njh njh;
    struct dsh dsh;
    struct nje_name fn, ft;
    struct why w;
    struct buf line;
    uint8_t cc;
    size_t bytes = 0;
    (void)!deck_headers(deck, &njh, &dsh, &w);
    buf_init(&line, 100000);
    int more = deck_reader_init(&r, deck, &w);
    while (more >= 0 && (more = deck_reader_next(&r, &cc, &w)) == 1) {
        buf_reset(&line);
        punch_line(&line, r.data, ebc_page_default());
        (void)punch_text(buf_text(&line), ebc_page_default(), count_card, &bytes);
        (void)punch_read_card(r.data, &fn, &ft);
    }
    if (bytes % CARD_SIZE != 0)
        __builtin_trap();
    deck_reader_done(&r);
    buf_done(&line);
    return 0;
}
