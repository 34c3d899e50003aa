/* tests/fuzz/fuzz_smtp_reply.c -- replies of a server as the client reads them; what was understood
 * is written again and must be understood the same. */
#include <stdlib.h>

#include "gateway/smtp/syntax.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int feed(struct smtp_reply *r, struct str *rest)
{
    struct why w;
    struct str line;
    int rc = 0;
    while (rc == 0 && str_line(rest, &line))
        rc = smtp_reply_line(r, str_trim_right(str_sub(line, 0, SMTP_REPLY_MAX)), &w);
    return rc;
}

static void again(const struct smtp_reply *r)
{
    struct smtp_reply copy;
    struct buf b;
    smtp_reply_init(&copy);
    buf_init(&b, 1u << 20);
    smtp_put_reply(&b, r->code, r->enh, buf_text(&r->text));
    struct str text = buf_text(&b);
    if (feed(&copy, &text) != 1 || copy.code != r->code)
        abort();
    if (r->enh[0] != '\0' && !str_eq(str_of(copy.enh), str_of(r->enh)))
        abort();
    buf_done(&b);
    smtp_reply_done(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size};
    int rc = 1;
    while (rc == 1) {
        struct smtp_reply r;
        struct why w;
        smtp_reply_init(&r);
        rc = feed(&r, &rest);
        if (rc == 1) {
            smtp_reply_why(&r, &w);
            if (r.code >= 400 && why_is_temp(&w) != (r.code < 500))
                abort();
            again(&r);
        }
        smtp_reply_done(&r);
    }
    return 0;
}
