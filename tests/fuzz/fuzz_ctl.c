/* tests/fuzz/fuzz_ctl.c -- any bytes on the control socket: a frame that is accepted is written
 * back the same. */
#include <stdlib.h>

#include "operator/ctl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(16u << 20);
    struct str *word;
    size_t n, used;
    struct why w;
    if (ctl_get(cur_of(data, size), a, &word, &n, &used, &w) == 1) {
        struct buf b;
        buf_init(&b, size + 16);
        ctl_put(&b, word, n);
        if (!str_eq(buf_text(&b), (struct str){(const char *)data, used}))
            abort();
        buf_done(&b);
    }
    arena_free(&a);
    return 0;
}
