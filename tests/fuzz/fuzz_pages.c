/* tests/fuzz/fuzz_pages.c -- the first byte chooses a code page; the others are a record of it,
 * then text for it: what a page makes of a record comes through it again, in records and on cards.
 */
#include <string.h>

#include "base/text.h"
#include "rscs/punch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"037", "273", "875", "420", "1160", "930", "933", "939"};

static void read_card(void *arg, struct cur bytes)
{
    const struct ebc_page *page = arg;
    struct buf line;
    buf_init(&line, 3 * CARD_SIZE);
    punch_line(&line, bytes, page);
    if (line.over || !text_is_utf8(buf_text(&line)))
        __builtin_trap();
    buf_done(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf line, bytes, back;
    struct ebc_cut k;
    struct cur record;
    const struct ebc_page *page =
        size > 0 ? ebc_page(str_of(names[data[0] % (sizeof names / sizeof *names)])) : NULL;
    if (page == NULL || size > 4096)
        return 0;
    buf_init(&line, 100000);
    buf_init(&bytes, 100000);
    buf_init(&back, 100000);
    punch_line(&line, cur_of(data + 1, size - 1), page);
    if (!text_is_utf8(buf_text(&line)))
        __builtin_trap();
    size_t replaced = ebc_from_utf8(&bytes, page, buf_text(&line));
    ebc_cut_begin(&k, page, buf_cur(&bytes));
    while (ebc_cut_next(&k, 4 + data[0] % 90u, &record))
        ebc_to_utf8(&back, page, record);
    ebc_cut_end(&k);
    if (replaced == 0 && !str_eq(buf_text(&back), buf_text(&line)))
        __builtin_trap();
    (void)punch_text((struct str){(const char *)data + 1, size - 1}, page, read_card,
                     (void *)(uintptr_t)page);
    buf_done(&line);
    buf_done(&bytes);
    buf_done(&back);
    return 0;
}
