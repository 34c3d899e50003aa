/* tests/fuzz/fuzz_text.c -- character sets, UTF-8, base64, xtext: what is decoded encodes to
 * itself. */
#include <stdlib.h>

#include "base/text.h"

static void must(bool good)
{
    if (!good)
        abort();
}

static void round_trips(struct str s, struct buf *b)
{
    struct buf back;
    buf_init(&back, 1 << 20);
    text_b64(b, cur_of_str(s));
    must(text_unb64(&back, buf_text(b)) == OK && str_eq(buf_text(&back), s));
    buf_reset(b);
    buf_reset(&back);
    text_xtext(b, s);
    must(text_unxtext(&back, buf_text(b)) == OK && str_eq(buf_text(&back), s));
    buf_reset(b);
    int rc = text_unb64(b, s); /* any verdict will do: it must only end well */
    rc = text_unxtext(b, s);
    (void)rc;
    text_quote(b, s);
    buf_reset(b);
    buf_done(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* The first line is the character set, and a glob. */
    struct str rest = {(const char *)data, size}, label = STR("");
    struct why w;
    struct buf b;
    char charset[80];
    size_t replaced = 0;
    (void)str_line(&rest, &label);
    str_copy(charset, sizeof charset, label);
    buf_init(&b, 1 << 20);
    round_trips(rest, &b);
    if (text_to_utf8(&b, charset, cur_of_str(rest), &replaced, &w) == OK) {
        must(text_is_utf8(buf_text(&b)));
        must(text_columns(buf_text(&b)) <= 2 * b.n);
    }
    (void)text_glob(str_sub(label, 0, 100), str_sub(rest, 0, 1000));
    buf_done(&b);
    return 0;
}
