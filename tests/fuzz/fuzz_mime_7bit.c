/* tests/fuzz/fuzz_mime_7bit.c -- any mail for a host that takes seven bits: it stays as it was or
 * becomes ASCII in CRLF lines, and one that has been encoded can be taken again. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "gateway/mail/mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct buf once, twice;
    buf_init(&once, 8 * n + 4096);
    buf_init(&twice, 8 * n + 4096);
    if (mime_7bit((struct str){(const char *)data, n}, &once) == 0) {
        struct str text = buf_text(&once);
        if (!text_is_ascii(text) || str_find(text, '\0') >= 0)
            abort();
        for (size_t i = 0; i < text.n; i++)
            if ((text.p[i] == '\n' && (i == 0 || text.p[i - 1] != '\r')) ||
                (text.p[i] == '\r' && (i + 1 == text.n || text.p[i + 1] != '\n')))
                abort();
        if (mime_7bit(text, &twice) < 0)
            abort();
    }
    buf_done(&once);
    buf_done(&twice);
    return 0;
}
