/* tests/fuzz/fuzz_sts.c -- MTA-STS from the Internet: a TXT record, an answer over HTTPS, the
 * policy in it; an answer cut short never says anything else than the whole one does at that place.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/smtp/httpsget.h"
#include "gateway/smtp/stspolicy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char id[STS_ID_MAX + 1], host[100];
    struct str all = {(const char *)data, n};
    struct sts_policy p;
    struct buf body;
    struct why w;
    if (sts_record(cur_of(data, n), id) > 0 && id[0] == '\0')
        abort();
    buf_init(&body, STS_TEXT_MAX);
    int whole = https_reply(all, false, &body, &w);
    for (size_t k = 0; whole == 0 && k < n && k < 200; k++)
        if (https_reply(str_sub(all, 0, k), false, &body, &w) > 0)
            abort();
    struct str text = https_reply(all, true, &body, &w) > 0 ? buf_text(&body) : all;
    if (sts_parse(text, &p, &w) == 0) {
        for (size_t i = 0; i < p.nmx; i++) {
            str_copy(host, sizeof host, p.mx[i]);
            if (p.mx[i].n < sizeof host && !sts_allows(&p, host))
                abort();
        }
        (void)sts_allows(&p, id);
    }
    buf_done(&body);
    return 0;
}
