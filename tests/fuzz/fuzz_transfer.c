/* tests/fuzz/fuzz_transfer.c -- transfer encodings: in pieces of any size the same octets come out
 * as at once, and what is uuencoded or xxencoded by us comes back. */
#include <stdlib.h>
#include <string.h>

#include "gateway/mail/transfer.h"

static void decode(struct buf *out, enum mime_coding coding, struct str in, size_t piece)
{
    struct transfer t;
    transfer_begin(&t, coding);
    for (size_t at = 0; at < in.n; at += piece)
        transfer_put(&t, str_sub(in, at, piece), out);
    transfer_end(&t, out);
}

static void there_and_back(enum mime_coding coding, struct str bytes)
{
    struct buf text, back;
    buf_init(&text, 2 * bytes.n + 4096);
    buf_init(&back, 2 * bytes.n + 4096);
    transfer_encode(&text, coding, STR("name"), cur_of_str(bytes));
    decode(&back, coding, buf_text(&text), 7);
    if (!str_eq(buf_text(&back), bytes))
        abort();
    buf_done(&text);
    buf_done(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static const enum mime_coding all[] = {MIME_PLAIN, MIME_QP, MIME_BASE64, MIME_UU, MIME_XX};
    struct buf whole, pieces;
    if (n < 2)
        return 0;
    enum mime_coding coding = all[p[0] % 5];
    struct str in = {(const char *)p + 2, n - 2};
    buf_init(&whole, 2 * n + 4096);
    buf_init(&pieces, 2 * n + 4096);
    decode(&whole, coding, in, n);
    decode(&pieces, coding, in, 1 + p[1] % 80);
    if (!str_eq(buf_text(&whole), buf_text(&pieces)))
        abort();
    there_and_back(MIME_UU, in);
    there_and_back(MIME_XX, in);
    buf_done(&whole);
    buf_done(&pieces);
    return 0;
}
