/* tests/fuzz/fuzz_proxy.c -- the header of a load balancer: whole, and a shorter piece of it never
 * says anything else than that more must come. */
#include <stdlib.h>

#include "gateway/smtp/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str all = {(const char *)data, n};
    union endpoint peer = {.in4 = {.sin_family = AF_INET}}, local = peer;
    struct why w;
    int rc = proxy_read(all, &peer, &local, &w);
    if (rc > 0 && ((size_t)rc > n || (size_t)rc > PROXY_MAX))
        abort();
    for (size_t k = 0; rc > 0 && k < (size_t)rc; k++)
        if (proxy_read(str_sub(all, 0, k), &peer, &local, &w) != 0)
            abort();
    char at[64];
    (void)endpoint_text(&peer, true, at);
    return 0;
}
