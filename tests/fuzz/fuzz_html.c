/* tests/fuzz/fuzz_html.c -- any page ends as well-formed text, in any width. */
#include <stdint.h>
#include <stdlib.h>

#include "base/text.h"
#include "gateway/mail/html.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf out;
    struct why w;
    buf_init(&out, 16 << 20);
    unsigned width = size > 0 ? data[0] % 100u : 0;
    if (html_to_text(&out, (struct str){(const char *)data, size}, width & 1 ? "utf-8" : NULL,
                     width, &w) == OK &&
        !text_is_utf8(buf_text(&out)))
        abort();
    buf_done(&out);
    return 0;
}
