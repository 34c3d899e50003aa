/* tests/fuzz/fuzz_mime.c -- any message ends as text and parts; a text that is written is read
 * back. */
#include <stdint.h>
#include <stdlib.h>

#include "base/text.h"
#include "gateway/mail/mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(struct arena *a, struct str text)
{
    struct buf b;
    struct mime_text back;
    struct why w;
    struct mime_file file = {
        .name = STR("x"), .type = STR("text/plain"), .content = cur_of_str(text), .text = true};
    buf_init(&b, 16 << 20);
    mime_put_text(&b, text, &file, 1, STR("seed"));
    if (mime_read(a, buf_text(&b), &back, &w) == OK && back.nparts == 1 && text_is_utf8(text) &&
        text.n > 0 && text.p[text.n - 1] == '\n' && str_find(text, '\r') < 0 && back.part[0].text &&
        !str_eq(back.part[0].content, text))
        abort();
    buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(16 << 20);
    struct mime_text m;
    struct why w;
    struct str in = {(const char *)data, size};
    if (mime_read(a, in, &m, &w) == OK) {
        if (!text_is_utf8(m.text))
            abort();
        for (size_t i = 0; i < m.nparts; i++)
            if (m.part[i].text && !text_is_utf8(m.part[i].content))
                abort();
    }
    if (str_find(in, '\0') < 0)
        round_trip(a, in);
    arena_free(&a);
    return 0;
}
