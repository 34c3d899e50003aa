/* tests/fuzz/fuzz_tnef.c -- winmail.dat and compressed RTF: any bytes. */
#include "gateway/mail/tnef.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct arena *a = arena_new(64u << 20);
    struct str bytes = {(const char *)p, n};
    struct tnef t;
    struct buf b;
    uint64_t sum = 0;
    if (tnef_read(a, bytes, &t))
        for (size_t i = 0; i < t.n; i++)
            for (size_t k = 0; k < t.item[i].content.n; k++)
                sum += (uint8_t)t.item[i].content.p[k];
    buf_init(&b, 40u << 20);
    if (tnef_rtf(bytes, &b))
        sum += b.n;
    buf_done(&b);
    arena_free(&a);
    return sum == 1 ? 0 : 0;
}
