/* tests/fuzz/fuzz_smtp_line.c -- one line as command, mailbox and reply, all of it as content. What
 * is written canonically must read back as the same, and what is dotted must come back undotted. */
#include <stdlib.h>

#include "gateway/smtp/params.h"

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void paths(struct str line, struct arena *a)
{
    struct smtp_path p, again;
    struct smtp_mail_params mail;
    struct smtp_rcpt_params rcpt;
    struct str verb, rest;
    struct why w;
    smtp_verb(line, &verb, &rest);
    for (int batch = 0; batch < 2; batch++) {
        if (smtp_parse_mail(rest, batch, a, &p, &mail, &w) == 0 && p.text.n > 0 && !batch) {
            must(smtp_parse_mailbox(p.text, a, &again, &w) == 0);
            must(str_eq(p.text, again.text) && str_eq(p.local, again.local));
        }
        (void)!smtp_parse_rcpt(rest, batch, !batch, a, &p, &rcpt, &w);
    }
    if (smtp_parse_mailbox(line, a, &p, &w) == 0)
        must(smtp_parse_mailbox(p.text, a, &again, &w) == 0 && str_eq(p.text, again.text));
}

static void content(struct str all)
{
    struct smtp_dot d = {0};
    struct smtp_undot u = {0};
    struct buf wire, back;
    buf_init(&wire, 4 * all.n + 64);
    buf_init(&back, 4 * all.n + 64);
    smtp_dot(&d, str_sub(all, 0, all.n / 2), &wire);
    smtp_dot(&d, str_sub(all, all.n / 2, all.n), &wire);
    smtp_dot_end(&d, &wire);
    struct cur c = buf_cur(&wire);
    int rc = smtp_undot(&u, &c, &back);
    must(rc == 1 || str_find(all, '\0') >= 0); /* a NUL alone is refused by the reader */
    must(cur_end(&c));
    buf_done(&wire);
    buf_done(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str all = {(const char *)data, n}, rest = all, line;
    struct arena *a = arena_new(65536);
    struct smtp_reply r;
    struct why w;
    smtp_reply_init(&r);
    while (str_line(&rest, &line)) {
        paths(line, a);
        if (smtp_reply_line(&r, line, &w) == 1)
            smtp_reply_why(&r, &w);
    }
    content(all);
    smtp_reply_done(&r);
    arena_free(&a);
    return 0;
}
