/* tests/fuzz/fuzz_bsmtp.c -- a batch of any records; each mail it gives is written and read again.
 */
#include <stdlib.h>

#include "gateway/smtp/bsmtp.h"

static unsigned depth;
static bool strict;

static int take(void *arg, const struct smtp_path *p, struct why *w)
{
    (void)arg;
    return p->local.n == 3 ? why_set(w, E_DENIED, 550, "5.7.1", "no") : 0;
}

static int take_rcpt(void *arg, const struct smtp_path *p, void **user, struct why *w)
{
    *user = arg;
    return take(arg, p, w);
}

static void run(struct str text, struct buf *content);

static void add_line(void *arg, struct str line)
{
    buf_str(arg, line);
    buf_u8(arg, '\n');
}

/* Again as a batch of its own: the same content must come out. */
static int mail(void *arg, const struct bsmtp_mail *m, struct why *w)
{
    struct buf file, content;
    (void)w;
    if (m->nrcpt == 0 || m->rcpt_user[0] != arg)
        abort();
    struct str rcpt = m->rcpt[0].text;
    if (depth == 1)
        buf_str(arg, m->content);
    if (depth > 0 || m->sender.local.n == 3 || str_find(m->content, '\r') < 0)
        return 0;
    buf_init(&file, 1 << 20);
    buf_init(&content, 1 << 20);
    struct bsmtp_out out = {.helo = "h",
                            .sender = m->sender.text,
                            .rcpt = &rcpt,
                            .nrcpt = 1,
                            .content = m->content,
                            .extended = strict || m->content.n % 2 == 1,
                            .utf8 = m->params.utf8,
                            .ret = m->params.ret,
                            .envid = m->params.envid,
                            .rcpt_params = m->rcpt_params};
    bsmtp_write(&out, add_line, &file);
    depth = 1;
    run(buf_text(&file), &content);
    depth = 0;
    if (!file.over && !str_eq(buf_text(&content), m->content))
        abort();
    buf_done(&file);
    buf_done(&content);
    return 0;
}

static void run(struct str text, struct buf *content)
{
    static const struct bsmtp_ops ops = {.sender = take, .rcpt = take_rcpt, .mail = mail};
    /* As cards, or as a batch in a mail, which is written again as one. */
    struct bsmtp_set set = {.hostname = "gw.example",
                            .max_size = 10000,
                            .max_rcpt = 20,
                            .columns = depth == 0 && text.n % 3 == 0 ? 80 : 0,
                            .strict = depth == 0 ? text.n % 2 == 0 : strict};
    strict = set.strict;
    struct bsmtp *b = bsmtp_new(&set, &ops, content);
    struct str line;
    while (str_line(&text, &line))
        bsmtp_line(b, line);
    bsmtp_end(b);
    if (bsmtp_report(b).n > 65536)
        abort();
    bsmtp_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct buf none;
    buf_init(&none, 1 << 20);
    run((struct str){(const char *)data, n}, &none);
    buf_done(&none);
    return 0;
}
