/* tests/fuzz/fuzz_nmr.c -- a nodal message record; what is read is written and must read back. */
#include <string.h>

#include "rscs/nmr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nmr m, back;
    struct why w;
    struct buf b;
    buf_init(&b, 1000);
    if (nmr_get(cur_of(data, size), &m, &w) == OK) {
        nmr_text(&m, ebc_page_default(), &b);
        size_t most = m.command ? NMR_COMMAND_MAX : NMR_TEXT_MAX;
        buf_reset(&b);
        nmr_put(&b, &m);
        if (nmr_get(buf_cur(&b), &back, &w) != OK || back.command != m.command ||
            !ebc_name_eq(&back.from_user, &m.from_user) ||
            !ebc_name_eq(&back.to_user, &m.to_user) ||
            back.ntext != (m.ntext < most ? m.ntext : most) ||
            memcmp(back.text, m.text, back.ntext) != 0)
            __builtin_trap();
    }
    nmr_set_text(&m, ebc_page_default(), (struct str){(const char *)data, size});
    buf_done(&b);
    return 0;
}
