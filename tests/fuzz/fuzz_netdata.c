/* tests/fuzz/fuzz_netdata.c -- a NETDATA transmission, whole and in pieces of a size the last byte
 * says: both must tell the same. */
#include <string.h>

#include "base/arena.h"
#include "rscs/netdata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void tell(struct buf *out, int item, const struct nd_file *f, struct cur record)
{
    buf_u8(out, (uint8_t)item);
    if (item == ND_FILE) {
        buf_str(out, f->dsname);
        buf_str(out, f->utility);
        buf_str(out, f->stamp);
        buf_str(out, f->ack);
        buf_str(out, f->error);
        buf_be32(out, f->lrecl);
        buf_u8(out, (uint8_t)(f->note + 2 * f->is_ack + 4 * f->ack_wanted));
    }
    if (item == ND_RECORD)
        buf_add(out, record.p, cur_left(&record));
}

static void read_in(struct cur in, size_t piece, struct buf *out)
{
    struct arena *a = arena_new(200000);
    struct nd_reader *r = nd_reader_new(a);
    struct why w;
    while (cur_left(&in) > 0) {
        struct cur part = cur_sub(&in, piece < cur_left(&in) ? piece : cur_left(&in));
        struct cur record = {0};
        struct nd_file f;
        int item;
        while ((item = nd_reader_next(r, &part, &f, &record, &w)) > ND_MORE)
            tell(out, item, &f, record);
        if (item < 0) {
            tell(out, item, &f, record);
            break;
        }
        if (cur_left(&part) > 0)
            __builtin_trap();
    }
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole, pieces;
    if (size < 2)
        return 0;
    buf_init(&whole, 1 << 22);
    buf_init(&pieces, 1 << 22);
    (void)nd_looks(cur_of(data, size - 1));
    read_in(cur_of(data, size - 1), size, &whole);
    read_in(cur_of(data, size - 1), 1u + data[size - 1], &pieces);
    if (whole.n != pieces.n || (whole.n > 0 && memcmp(whole.p, pieces.p, whole.n) != 0))
        __builtin_trap();
    buf_done(&whole);
    buf_done(&pieces);
    return 0;
}
