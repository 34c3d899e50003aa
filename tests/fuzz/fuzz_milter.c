/* tests/fuzz/fuzz_milter.c -- what a filter says: its options, then replies, done to a mail as the
 * machine does. Whatever it asks for, the mail stays a mail: CRLF lines, a header that ends where
 * it should. */
#include <stdlib.h>
#include <string.h>

#include "gateway/smtp/milter_mail.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OWN "Received: from x\r\n\tby y\r\n"
#define MAIL "From: a@b\r\nSubject: one\r\n two\r\nX-A:first\r\nX-A: second\r\n\r\nBody\r\n"

static void check_line_ends(struct str t)
{
    for (size_t i = 0; i < t.n; i++)
        if ((t.p[i] == '\n' && (i == 0 || t.p[i - 1] != '\r')) ||
            (t.p[i] == '\r' && (i + 1 == t.n || t.p[i + 1] != '\n')))
            abort();
}

static int put(void *to, const void *p, size_t n, struct why *w)
{
    (void)w;
    buf_add(to, p, n);
    return 0;
}

/* Written and read again it has the same fields and the same body. */
static void check_mail(const struct milter_mail *m)
{
    struct milter_mail again;
    struct buf b;
    struct why w;
    buf_init(&b, 16u << 20);
    if (milter_mail_put(m, put, &b, &w) < 0 || b.n != milter_mail_size(m))
        abort();
    check_line_ends(buf_text(&b));
    if (milter_mail_init(&again, STR(""), buf_text(&b), 1u << 20, &w) == 0 &&
        (again.nfield != m->nfield || !str_eq(again.body, m->body)))
        abort();
    for (size_t i = 0; i < m->nrcpt; i++)
        if (memchr(m->rcpt[i].addr.p, '\n', m->rcpt[i].addr.n) != NULL)
            abort();
    milter_mail_done(&again);
    buf_done(&b);
}

static void take(struct milter_edits *e, struct cur in)
{
    struct cur body;
    char letter;
    struct why w, said = {0};
    struct milter_options o;
    bool options = true;
    while (milter_packet(&in, &letter, &body, &w) > 0) {
        struct milter_reply r;
        if (options && milter_read_options(body, &o, &w) < 0)
            options = false;
        if (milter_read_reply(letter, body, &r, &said, &w) < 0)
            continue;
        if (r.letter == MILTER_REPLY && (why_smtp(&said) < 400 || why_smtp(&said) > 599))
            abort();
        if (milter_needs(r.letter) != 0 && milter_edit_add(e, &r, &w) < 0)
            break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct milter_mail m;
    struct milter_edits e;
    struct why w;
    if (milter_mail_init(&m, STR(OWN), STR(MAIL), 1u << 20, &w) < 0)
        abort();
    milter_mail_rcpt(&m, STR("ann@b.example"));
    milter_edits_init(&e, 1u << 20);
    take(&e, cur_of(data, size));
    if (milter_mail_apply(&m, &e, size % 2 == 0, &w) == 0)
        check_mail(&m);
    milter_edits_done(&e);
    milter_mail_done(&m);
    return 0;
}
