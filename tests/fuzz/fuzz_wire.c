/* tests/fuzz/fuzz_wire.c -- an NJE peer's bytes: control record, then transmission blocks to the
 * last record; every record read is written and must read back the same. */
#include <string.h>

#include "rscs/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
    if (!good)
        __builtin_trap();
}

static void again(const struct wire_record *rec, struct buf *packed, struct buf *scratch)
{
    struct wire_record back;
    struct why w;
    size_t n = cur_left(&rec->data);
    buf_reset(packed);
    wire_record_put(packed, rec->rcb, rec->srcb, rec->data);
    check(packed->n <= wire_record_bound(n));
    struct cur c = buf_cur(packed);
    check(wire_record_get(&c, scratch, &back, &w) == 1 && cur_end(&c));
    check(cur_left(&back.data) == n && (n == 0 || memcmp(back.data.p, rec->data.p, n) == 0));
}

static void block(struct cur data, struct buf bufs[3])
{
    struct wire_block blk;
    struct wire_record rec;
    struct wire_signon s;
    struct why w;
    if (wire_block_get(data, &blk, &w) < 0 || blk.kind != WIRE_K_BLOCK)
        return;
    while (wire_record_get(&blk.records, &bufs[0], &rec, &w) == 1) {
        if (rec.rcb == RCB_GENERAL)
            (void)!wire_signon_get(rec.data, &s, &w);
        else if (!rec.abort)
            again(&rec, &bufs[1], &bufs[2]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cur in = cur_of(data, size), ttrs, part;
    struct wire_ctl ctl;
    struct why w;
    struct buf bufs[3];
    uint8_t flags;
    size_t n;
    for (size_t i = 0; i < 3; i++)
        buf_init(&bufs[i], WIRE_RECORD_MAX + WIRE_RECORD_MAX / 32);
    if (size > 0 && data[0] != 0)
        (void)!wire_ctl_get(&in, &ctl, &w);
    while (wire_ttb(in, &n, &ttrs, &w) == 1) {
        cur_skip(&in, n);
        while (wire_ttr(&ttrs, &flags, &part, &w) == 1)
            block(part, bufs);
    }
    for (size_t i = 0; i < 3; i++)
        buf_done(&bufs[i]);
    return 0;
}
