/* tests/fuzz/fuzz_sectab.c -- the security table's file: what is accepted is written and read back
 * the same. */
#include <stdlib.h>

#include "security/sectab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(64u << 20);
    struct sectab t, again;
    struct buf out;
    buf_init(&out, 64u << 20);
    if (sectab_read(a, (struct str){(const char *)data, size}, &t, NULL, NULL) == 0) {
        for (size_t i = 0; i < t.n; i++)
            sectab_write(&out, &t.row[i]);
        if (sectab_read(a, buf_text(&out), &again, NULL, NULL) != 0 || again.n != t.n)
            abort();
        for (size_t i = 0; i < t.n; i++)
            if (!str_eq(t.row[i].nick, again.row[i].nick) ||
                !str_eq(t.row[i].user, again.row[i].user) ||
                t.row[i].primary_mbox != again.row[i].primary_mbox)
                abort();
    }
    buf_done(&out);
    arena_free(&a);
    return 0;
}
