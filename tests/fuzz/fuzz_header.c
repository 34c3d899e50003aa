/* tests/fuzz/fuzz_header.c -- header segments, each behind a length byte (0: 256), joined and
 * decoded; what joins is cut again and must join to the same. */
#include <string.h>

#include "rscs/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again(const struct buf *whole)
{
    struct buf segment, joined;
    struct why w;
    int got = 0;
    buf_init(&segment, 256);
    buf_init(&joined, HEADER_MAX);
    for (unsigned i = 0; header_segment(buf_cur(whole), i, &segment); i++)
        got = header_join(&joined, buf_cur(&segment), &w);
    if (got != 1 || joined.n != whole->n || memcmp(joined.p, whole->p, whole->n) != 0)
        __builtin_trap();
    buf_done(&segment);
    buf_done(&joined);
}

static void decode(struct buf *whole)
{
    struct njh njh;
    struct dsh dsh;
    struct why w;
    uint32_t records;
    (void)!dsh_get(buf_cur(whole), &dsh, &w);
    (void)!njt_get(buf_cur(whole), &records, &w);
    if (njh_get(buf_cur(whole), &njh, &w) < 0)
        return;
    if (!njh_set_hops(whole->p, whole->n, 9) || njh_get(buf_cur(whole), &njh, &w) < 0 ||
        njh.hops != 9)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cur in = cur_of(data, size);
    struct buf whole;
    struct why w;
    int more = 0;
    buf_init(&whole, HEADER_MAX);
    while (more == 0 && cur_left(&in) > 0) {
        size_t n = cur_u8(&in);
        n = n == 0 ? 256 : n;
        more = header_join(&whole, cur_sub(&in, n < cur_left(&in) ? n : cur_left(&in)), &w);
    }
    if (more == 1) {
        again(&whole);
        decode(&whole);
    }
    buf_done(&whole);
    return 0;
}
