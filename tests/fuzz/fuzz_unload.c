/* tests/fuzz/fuzz_unload.c -- an unloaded data set: its records, each behind a two-byte length.
 * Members are no more than the directory has names, records lie within what was given. */
#include <stdlib.h>

#include "rscs/unload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(1 << 20);
    struct unload *u = unload_new(a);
    struct cur in = cur_of(data, size);
    size_t members = 0;
    int what = UNLOAD_MORE;
    while (what >= 0 && cur_left(&in) > 2) {
        size_t n = cur_be16(&in), left = cur_left(&in);
        struct cur record = cur_sub(&in, n < left ? n : left), got;
        struct unload_member m;
        struct why w = {.text = ""};
        const uint8_t *from = record.p, *to = record.end;
        unload_give(u, record);
        while ((what = unload_next(u, &m, &got, &w)) > 0) {
            if (what == UNLOAD_MEMBER && ++members > UNLOAD_MEMBERS_MAX)
                abort();
            if (what == UNLOAD_RECORD && (got.p < from || got.end > to || got.end < got.p))
                abort();
        }
        if (what < 0 && w.text[0] == '\0')
            abort();
    }
    arena_free(&a);
    return 0;
}
