/* gateway/batchout.c -- see batchout.h */
#include "gateway/batchout.h"

#include <string.h>

#include "aliases/addr.h"
#include "base/idn.h"
#include "base/text.h"
#include "gateway/mail/header.h"
#include "gateway/ownmail.h"
#include "gateway/smtp/bsmtp.h"

#define GROUP 57u             /* octets in a line of base64 */
#define PIECE (GROUP * 1024u) /* written at once */
#define SUBJECT_NAMES 3u      /* recipients a subject shows */

/* A body being written in base64. */
struct encoder {
    struct body_writer *to;
    struct buf plain, lines;
    int v;
    struct why why;
};

struct str batchout_mailbox(const struct admitted *r)
{
    return r->to == DOOR_SMTP ? r->mailbox : r->to == DOOR_NJE ? STR("") : r->forward;
}

unsigned batchout_notify(const struct admitted *r)
{
    return r->to == DOOR_SMTP ? r->notify : admit_without_success(r->notify);
}

struct str batchout_of(const struct conf *c, struct str mailbox)
{
    char ascii[IDN_MAX];
    struct str domain = addr_domain(mailbox);
    if (domain.n > 0 && idn_ascii(domain, ascii))
        domain = str_of(ascii);
    return conf_batch_of(c, domain);
}

static struct batchout *batch_for(struct batchout *list, size_t n, struct str mailbox)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].nrcpt < BATCHOUT_RCPTS && str_eq(list[i].mailbox, mailbox))
            return &list[i];
    return NULL;
}

static bool any_batch(const struct conf *c)
{
    for (size_t i = 0; i < c->ndestination; i++)
        if (c->destination[i].batch.n > 0)
            return true;
    return false;
}

int batchout_sort(const struct conf *c, struct arena *a, const struct mail *m,
                  struct batchout **list, struct why *w)
{
    size_t n = 0;
    *list = NULL;
    if (!any_batch(c))
        return 0;
    for (size_t i = 0; i < m->nrcpt; i++) {
        struct str mailbox = batchout_mailbox(&m->rcpt[i]);
        struct str to = mailbox.n > 0 ? batchout_of(c, mailbox) : STR("");
        if (to.n == 0)
            continue;
        if (*list == NULL)
            *list = arena_alloc(a, m->nrcpt * sizeof **list);
        struct batchout *b = *list != NULL ? batch_for(*list, n, to) : NULL;
        if (b == NULL && *list != NULL) {
            b = &(*list)[n++];
            *b = (struct batchout){
                .mailbox = to, .rcpt = arena_alloc(a, BATCHOUT_RCPTS * sizeof(struct admitted *))};
        }
        if (b == NULL || b->rcpt == NULL)
            return why_set(w, E_LIMIT, 452, "4.5.3", "Too many recipients");
        b->rcpt[b->nrcpt++] = &m->rcpt[i];
    }
    return (int)n;
}

/* --- the mail --- */

/* Whole lines; at the end what is left. */
static void encode(struct encoder *e, bool last)
{
    struct cur in = buf_cur(&e->plain);
    size_t taken = 0;
    buf_reset(&e->lines);
    while (cur_left(&in) >= GROUP || (last && cur_left(&in) > 0)) {
        size_t n = cur_left(&in) < GROUP ? cur_left(&in) : GROUP;
        text_b64(&e->lines, cur_sub(&in, n));
        buf_crlf(&e->lines);
        taken += n;
    }
    buf_take(&e->plain, taken);
    if (e->v == 0)
        e->v = body_write(e->to, e->lines.p, e->lines.n, &e->why);
}

static void batch_line(void *arg, struct str line)
{
    struct encoder *e = arg;
    while (e->v == 0) { /* a line may be as long as a mail */
        size_t n = line.n < PIECE ? line.n : PIECE;
        buf_str(&e->plain, str_sub(line, 0, n));
        line = str_sub(line, n, line.n);
        if (line.n == 0)
            break;
        encode(e, false);
    }
    buf_crlf(&e->plain);
    if (e->plain.n >= PIECE)
        encode(e, false);
}

static struct str subject_of(struct arena *a, const struct mail *m, const struct batchout *b)
{
    struct buf s;
    buf_init(&s, 4096);
    buf_printf(&s, "Mail of <%.*s> for", STR_ARG(m->sender));
    for (size_t i = 0; i < b->nrcpt && i < SUBJECT_NAMES; i++)
        buf_printf(&s, "%s <%.*s>", i > 0 ? "," : "", STR_ARG(batchout_mailbox(b->rcpt[i])));
    if (b->nrcpt > SUBJECT_NAMES)
        buf_printf(&s, " and %zu more", b->nrcpt - SUBJECT_NAMES);
    struct str out = hdr_encode(a, buf_text(&s));
    buf_done(&s);
    return out;
}

static void put_header(struct buf *h, const struct conf *c, struct arena *a, const struct mail *m,
                       msg_id id, const struct batchout *b)
{
    struct ownmail own = {.host = c->hostname,
                          .to = b->mailbox,
                          .subject = subject_of(a, m, b),
                          .id = id,
                          .kind = ".batch",
                          .automatic = "auto-generated"};
    (void)ownmail_put(h, a, &own);
    hdr_put(h, "MIME-Version", STR("1.0"));
    hdr_put(h, "Content-Type",
            m->utf8 ? STR("application/batch-SMTP; required-extensions=SMTPUTF8")
                    : STR("application/batch-SMTP"));
    hdr_put(h, "Content-Transfer-Encoding", STR("base64"));
    buf_crlf(h);
}

static void put_batch(struct encoder *e, const struct conf *c, struct arena *a,
                      const struct mail *m, const struct batchout *b)
{
    struct str *rcpt = arena_alloc(a, b->nrcpt * sizeof *rcpt);
    struct smtp_rcpt_params *params = arena_alloc(a, b->nrcpt * sizeof *params);
    for (size_t i = 0; i < b->nrcpt; i++) {
        rcpt[i] = batchout_mailbox(b->rcpt[i]);
        params[i] = (struct smtp_rcpt_params){batchout_notify(b->rcpt[i]), b->rcpt[i]->orcpt};
    }
    struct bsmtp_out out = {.helo = c->hostname.p,
                            .sender = m->sender,
                            .rcpt = rcpt,
                            .nrcpt = b->nrcpt,
                            .content = cur_str(&m->content),
                            .extended = true,
                            .utf8 = m->utf8,
                            .ret = m->ret,
                            .envid = m->envid,
                            .rcpt_params = params};
    bsmtp_write(&out, batch_line, e);
    encode(e, true);
}

int batchout_make(const struct conf *c, struct store *s, const struct mail *m, msg_id id,
                  struct batchout *b, struct why *w)
{
    struct arena *a = arena_new(1u << 20);
    struct encoder e = {.to = body_writer_new(s)};
    struct buf head;
    buf_init(&head, 65536);
    buf_init(&e.plain, 4 * PIECE);
    buf_init(&e.lines, 8 * PIECE);
    put_header(&head, c, a, m, id, b);
    e.v = body_write(e.to, head.p, head.n, &e.why);
    put_batch(&e, c, a, m, b);
    if (e.v == 0 && (b->body = body_writer_end(&e.to, &e.why)) == NULL)
        e.v = e.why.err;
    body_writer_drop(&e.to);
    buf_done(&head);
    buf_done(&e.plain);
    buf_done(&e.lines);
    arena_free(&a);
    if (e.v < 0)
        *w = e.why;
    return e.v;
}

/* --- its row --- */

void batchout_row(const struct batchout *b, struct message *out)
{
    unsigned notify = 0;
    bool never = true;
    out->to = DOOR_SMTP;
    out->form = BODY_MAIL;
    out->body = body_hold(b->body);
    out->size = body_size(b->body);
    out->utf8 = out->utf8 && !text_is_ascii(out->sender);
    struct rcpt *to = message_add_rcpt(out, arena_str(out->arena, b->mailbox),
                                       arena_str(out->arena, addr_domain(b->mailbox)));
    for (size_t i = 0; i < b->nrcpt; i++) {
        never = never && b->rcpt[i]->notify == NOTIFY_NEVER;
        notify |= b->rcpt[i]->notify != 0 ? b->rcpt[i]->notify : NOTIFY_FAILURE | NOTIFY_DELAY;
    }
    to->notify = never ? NOTIFY_NEVER : admit_without_success(notify & ~(unsigned)NOTIFY_NEVER);
    if (b->nrcpt == 1) {
        to->original = arena_str(out->arena, b->rcpt[0]->original);
        to->orcpt = arena_str(out->arena, b->rcpt[0]->orcpt);
    }
}
