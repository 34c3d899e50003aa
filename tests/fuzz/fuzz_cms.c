/* tests/fuzz/fuzz_cms.c -- messages signed as a whole: any bytes. */
#include "security/cms.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct buf b;
    buf_init(&b, n + 64);
    (void)cms_signed_content((struct str){(const char *)p, n}, &b);
    buf_done(&b);
    return 0;
}
