/* tests/fuzz/fuzz_web.c -- any bytes to the HTTP server of METRICS: judged without harm, and a
 * whole head stays whole when more follows it. */
#include <stdlib.h>

#include "operator/web.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct web_request r, longer;
    int whole = web_request(cur_of(data, size), &r);
    if (whole == 1 && r.status != 200 && r.status < 400)
        abort();
    if (size > 0 && web_request(cur_of(data, size - 1), &longer) > whole)
        abort();
    return 0;
}
