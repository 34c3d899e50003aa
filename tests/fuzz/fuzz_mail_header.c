/* tests/fuzz/fuzz_mail_header.c -- fields, words, addresses, dates; what is written is read back.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/text.h"
#include "gateway/mail/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void no_controls(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(4 << 20);
    struct hdr h;
    struct why w;
    struct buf out;
    buf_init(&out, 4 << 20);
    if (hdr_parse(a, (struct str){(const char *)data, size}, &h, &w) == OK)
        for (size_t i = 0; i < h.n; i++) {
            struct hdr_addr x[16];
            struct wall t;
            int offset;
            size_t n = hdr_addrs(a, h.field[i].value, x, 16);
            for (size_t k = 0; k < n; k++) {
                no_controls(x[k].name);
                no_controls(x[k].mailbox);
                hdr_put(&out, "To", hdr_mailbox(a, x[k].name, x[k].mailbox));
            }
            struct str text = hdr_decode(a, h.field[i].value), coded = hdr_encode(a, text);
            no_controls(text);
            if (!arena_full(a) && (!text_is_utf8(text) || !text_is_ascii(coded) ||
                                   !str_eq(hdr_decode(a, coded), str_trim(text))))
                if (!arena_full(a))
                    abort();
            hdr_put(&out, "Subject", coded);
            if (date_parse(h.field[i].value, &t, &offset, NULL) == OK)
                date_put(&out, t, offset);
        }
    buf_done(&out);
    arena_free(&a);
    return 0;
}
