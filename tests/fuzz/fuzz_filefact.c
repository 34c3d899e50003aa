/* tests/fuzz/fuzz_filefact.c -- X-NJE-File and X-NJE-Records as a stranger writes them: what is
 * believed can be written again and means the same. First line: the one, the rest: the other. */
#include <stdlib.h>

#include "gateway/file/filefact.h"

#define ASKED 10000u

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct arena *a = arena_new(8u << 20);
    struct str rest = {(const char *)p, n}, first = {(const char *)p, 0};
    struct filefact f, again;
    struct buf b;
    struct runs r;
    (void)str_line(&rest, &first);
    if (filefact_read(a, first, rest, &f)) {
        buf_init(&b, 4096);
        filefact_put(&b, &f);
        if (!filefact_read(a, buf_text(&b), rest, &again) || !str_eq(f.name, again.name) ||
            f.recfm != again.recfm || f.lrecl != again.lrecl || f.records != again.records ||
            f.form != again.form || f.shown != again.shown)
            abort();
        buf_done(&b);
    }
    struct runs_reader in = runs_read(rest);
    runs_begin(&r);
    for (unsigned i = 0; i < ASKED && !in.bad; i++)
        runs_add(&r, runs_next(&in));
    (void)runs_all_read(&in);
    struct str text = runs_end(&r);
    in = runs_read(text);
    for (unsigned i = 0; i < ASKED; i++)
        (void)runs_next(&in);
    runs_done(&r);
    arena_free(&a);
    return 0;
}
