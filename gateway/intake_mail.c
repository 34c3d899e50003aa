/* gateway/intake_mail.c -- what a mail becomes: files for its NJE users, a message for the
 * Internet.
 *
 * Three steps: what needs the tables and the change (begin), the content (convert: touches nothing
 * but the mail and its results, so that a large one can be converted in a work thread), and the
 * rows (finish). */
#include <stdlib.h>
#include <string.h>

#include "aliases/addr.h"
#include "base/mem.h"
#include "db/readerrow.h"
#include "gateway/batchout.h"
#include "gateway/dsn.h"
#include "gateway/file/njefile.h"
#include "gateway/frommail.h"
#include "gateway/ibmlog.h"
#include "gateway/intake_private.h"

#define THREADS_A_MAIL 20u /* recipients whose replies will know what they answer */

/* One file made for one recipient, not yet part of the change. */
struct made {
    const struct admitted *to;
    struct njefile_out file;
    struct reader_row row;
    msg_id id;
    bool first; /* of its recipient's */
};
struct made_list {
    struct made *item;
    size_t n;
};

/* A recipient who cannot have the mail, when others can. */
struct refusal {
    const struct admitted *to;
    struct why why;
};
struct refusals {
    struct refusal *item;
    size_t n;
};
/* One mail on its way. */
struct carry {
    struct carry *next;
    struct intake *in;
    const struct conf *conf; /* the one it began with: a reload may come while it is converted */
    struct store *store;
    struct mail asked, mail; /* as it was given; with its lists written out */
    struct arena *members;
    struct body *body; /* held while it is converted apart */
    msg_id origin;
    bool net, nje; /* somebody of the Internet, not in a batch; of NJE or a reader */
    struct batchout *batch;
    size_t nbatch;
    struct frommail *from; /* NULL: nobody of NJE is meant */
    struct made_list made;
    struct refusals refused;
    int v;
    struct why why;
    struct work_job job;
    void (*fn)(struct intake *in, const struct why *w);
};

/* All Internet recipients share one message, but for those who get a batch. */
static void add_net(struct carry *c, struct message *out)
{
    struct intake *in = c->in;
    const struct mail *m = &c->mail;
    out->to = DOOR_SMTP;
    out->form = BODY_MAIL;
    out->body = m->body != NULL ? body_hold(m->body) : body_of(m->content);
    out->size = body_size(out->body);
    for (size_t i = 0; i < m->nrcpt; i++) {
        const struct admitted *r = &m->rcpt[i];
        struct str mailbox = batchout_mailbox(r);
        if (mailbox.n == 0 || batchout_of(c->conf, mailbox).n > 0)
            continue;
        struct rcpt *to = message_add_rcpt(out, arena_str(out->arena, mailbox),
                                           arena_str(out->arena, addr_domain(mailbox)));
        intake_notify(out, to, r, batchout_notify(r));
    }
    intake_keep(in, out);
}

static void free_made(struct made_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        body_free(&l->item[i].file.deck);
    free(l->item);
}

/* The first row of a mail bears the number its sender is told. */
static msg_id row_id(struct intake *in, msg_id origin, bool first)
{
    return first && !in->resumed ? origin : store_next_id(in->g->store);
}

/* All files of a mail are made before the first is added: a mail is taken whole or refused whole.
 */
static int make_files(struct intake *in, struct frommail *f, const struct admitted *to,
                      msg_id origin, struct made_list *l, struct why *w)
{
    size_t count = frommail_count(f, to);
    for (size_t k = 0; k < count; k++) {
        l->item = mem_grow(l->item, l->n + 1, sizeof *l->item);
        struct made *made = &l->item[l->n];
        *made = (struct made){.to = to, .id = row_id(in, origin, l->n == 0), .first = k == 0};
        int v = frommail_file(f, to, k, made->id, &made->file, &made->row, w);
        if (v < 0)
            return v;
        l->n++;
    }
    return 0;
}

static void add_made(struct intake *in, const struct mail *m, const struct frommail *f,
                     msg_id origin, struct made *made)
{
    const struct admitted *to = made->to;
    struct admitted way;
    frommail_way(f, to, &way);
    if (way.to == DOOR_LOCAL) {
        intake_reader(in, &made->row, made->file.deck);
        change_journal(in->change, origin, "delivered", "to=%.*s@%.*s reader", STR_ARG(to->user),
                       STR_ARG(to->node));
        if (made->first)
            ibmlog_delivered(
                in->g, origin, DOOR_NJE,
                arena_printf(in->arena, "%.*s@%.*s", STR_ARG(to->user), STR_ARG(to->node)));
    } else {
        struct message *out = intake_output(m, origin, made->id);
        out->to = DOOR_NJE;
        out->form = BODY_DECK;
        out->body = body_hold(made->file.deck);
        out->size = body_size(out->body);
        out->subject = arena_str(out->arena, frommail_subject(f));
        out->head = arena_str(out->arena, frommail_head(f));
        struct rcpt *r = message_add_rcpt(
            out, arena_printf(out->arena, "%.*s@%.*s", STR_ARG(to->user), STR_ARG(to->node)),
            arena_str(out->arena, way.node));
        intake_notify(out, r, to, made->first ? to->notify : admit_without_success(to->notify));
        intake_keep(in, out);
    }
    if (made->file.replaced > 0)
        change_journal(in->change, origin, "replaced",
                       made->file.replaced == 1 ? "%zu character is not in the code page of %.*s"
                                                : "%zu characters are not in the code page of %.*s",
                       made->file.replaced, STR_ARG(to->node));
}

static bool is_refused(const struct refusals *refused, const struct admitted *to)
{
    for (size_t i = 0; i < refused->n; i++)
        if (refused->item[i].to == to)
            return true;
    return false;
}

static void tell_refused(struct intake *in, const struct mail *m, const struct frommail *f,
                         msg_id origin, const struct refusals *refused)
{
    struct message *of = intake_output(m, origin, origin);
    struct dsn_rcpt *list = mem_new((refused->n + 1) * sizeof *list);
    for (size_t i = 0; i < refused->n; i++) {
        const struct admitted *to = refused->item[i].to;
        list[i] = (struct dsn_rcpt){.addr = to->original,
                                    .why = &refused->item[i].why,
                                    .notify = to->notify,
                                    .orcpt = to->orcpt};
        change_journal(in->change, origin, "returned", "to=%.*s reason=%s", STR_ARG(to->original),
                       refused->item[i].why.text);
    }
    of->subject = arena_str(of->arena, frommail_subject(f));
    of->head = arena_str(of->arena, frommail_head(f));
    if (refused->n > 0)
        dsn_add(in->g, in, DSN_FAILED, of, list, refused->n);
    in->g->stat.returned += refused->n;
    free(list);
    message_free(&of);
}

/* Tell the sender who asked for it of the recipients who have the mail in their readers now. */
static void tell_delivered(struct intake *in, const struct mail *m, const struct frommail *f,
                           msg_id origin, const struct refusals *refused)
{
    struct why ok;
    struct message *of = intake_output(m, origin, origin);
    struct dsn_rcpt *list = mem_new(m->nrcpt * sizeof *list);
    size_t n = 0;
    why_set(&ok, OK, 250, "2.0.0", "in the reader");
    for (size_t i = 0; i < m->nrcpt; i++) {
        struct admitted way;
        frommail_way(f, &m->rcpt[i], &way);
        if (way.to == DOOR_LOCAL && (m->rcpt[i].notify & NOTIFY_SUCCESS) != 0 &&
            !is_refused(refused, &m->rcpt[i]))
            list[n++] = (struct dsn_rcpt){.addr = m->rcpt[i].original,
                                          .why = &ok,
                                          .notify = m->rcpt[i].notify,
                                          .orcpt = m->rcpt[i].orcpt};
    }
    of->head = arena_str(of->arena, frommail_head(f));
    if (n > 0)
        dsn_add(in->g, in, DSN_DELIVERED, of, list, n);
    free(list);
    message_free(&of);
}

/* Tell the sender who asked for it of the lists: what becomes of their members is not success of
 * his, and failures they report themselves. */
static void tell_expanded(struct intake *in, const struct mail *m, msg_id origin)
{
    struct why ok;
    struct dsn_rcpt *list = mem_new((m->nrcpt + 1) * sizeof *list);
    size_t n = 0;
    why_set(&ok, OK, 250, "2.0.0", "written out to its members");
    for (size_t i = 0; i < m->nrcpt; i++)
        if (m->rcpt[i].list && (m->rcpt[i].notify & NOTIFY_SUCCESS) != 0)
            list[n++] = (struct dsn_rcpt){.addr = m->rcpt[i].original,
                                          .why = &ok,
                                          .notify = m->rcpt[i].notify,
                                          .orcpt = m->rcpt[i].orcpt};
    if (n > 0) {
        struct message *of = intake_output(m, origin, origin);
        of->form = BODY_MAIL;
        of->body = m->body != NULL ? body_hold(m->body) : body_of(m->content);
        dsn_add(in->g, in, DSN_EXPANDED, of, list, n);
        message_free(&of);
    }
    free(list);
}

/* --- the three steps --- */

static int begin(struct carry *c, struct intake *in, const struct mail *m, struct why *w)
{
    *c = (struct carry){.in = in,
                        .conf = in->g->conf,
                        .store = in->g->store,
                        .asked = *m,
                        .mail = *m,
                        .members = arena_new(INTAKE_WRITE_OUT_MAX)};
    c->origin = in->mails++ == 0 ? intake_id(in) : store_next_id(in->g->store);
    c->mail.nrcpt = admit_write_out(c->members, m->rcpt, m->nrcpt, &c->mail.rcpt);
    if (arena_full(c->members))
        return why_set(w, E_LIMIT, 452, "4.5.3", "Too many recipients");
    for (size_t i = 0; i < c->mail.nrcpt; i++) {
        const struct admitted *r = &c->mail.rcpt[i];
        struct str mailbox = batchout_mailbox(r);
        c->net = c->net || (mailbox.n > 0 && batchout_of(c->conf, mailbox).n == 0);
        c->nje = c->nje || r->to != DOOR_SMTP;
    }
    int n = batchout_sort(c->conf, c->members, &c->mail, &c->batch, w);
    if (n < 0)
        return n;
    c->nbatch = (size_t)n;
    c->from = c->nje ? frommail_new(in->g, &c->mail, in->change, w) : NULL;
    return c->nje && c->from == NULL ? w->err : 0;
}

/* Without those of a recipient who does not take them all. */
static void refuse(struct carry *c, const struct admitted *to, size_t before, const struct why *why)
{
    struct refusals *r = &c->refused;
    for (; c->made.n > before; c->made.n--)
        body_free(&c->made.item[c->made.n - 1].file.deck);
    r->item = mem_grow(r->item, r->n + 1, sizeof *r->item);
    r->item[r->n++] = (struct refusal){to, *why};
}

/* In a work thread, it may be: see convert_apart. What one node does not take (MAXFILE) is no
 * reason to keep the mail from the others; when nobody is left it is refused. */
static void convert(void *arg)
{
    struct carry *c = arg;
    const struct mail *m = &c->mail;
    for (size_t i = 0; i < m->nrcpt && c->v == 0; i++) {
        size_t before = c->made.n;
        struct why why;
        if (m->rcpt[i].to == DOOR_SMTP)
            continue;
        int v = make_files(c->in, c->from, &m->rcpt[i], c->origin, &c->made, &why);
        if (v == E_LIMIT)
            refuse(c, &m->rcpt[i], before, &why);
        else if (v < 0)
            c->why = why;
        c->v = v == E_LIMIT ? 0 : v;
    }
    if (c->v == 0 && c->refused.n > 0 && c->made.n == 0 && !c->net && c->nbatch == 0) {
        c->why = c->refused.item[0].why;
        c->v = c->why.err;
    }
    for (size_t i = 0; i < c->nbatch && c->v == 0; i++)
        c->v = batchout_make(c->conf, c->store, m, c->origin, &c->batch[i], &c->why);
}

/* What is large is on the disk before it is committed: nobody else waits for it there. */
static void convert_apart(void *arg)
{
    struct carry *c = arg;
    convert(c);
    for (size_t i = 0; i < c->made.n && c->v == 0; i++)
        c->v = body_sync(c->made.item[i].file.deck, &c->why);
    for (size_t i = 0; i < c->nbatch && c->v == 0; i++)
        c->v = body_sync(c->batch[i].body, &c->why);
    if (c->v == 0 && c->net)
        c->v = body_sync(c->body, &c->why);
}

static void add_batch(struct carry *c, size_t i)
{
    struct intake *in = c->in;
    bool first = i == 0 && c->made.n == 0 && !c->net;
    struct message *out = intake_output(&c->mail, c->origin, row_id(in, c->origin, first));
    batchout_row(&c->batch[i], out);
    intake_keep(in, out);
    change_journal(in->change, c->origin, "batch", "to=%.*s recipients=%zu",
                   STR_ARG(c->batch[i].mailbox), c->batch[i].nrcpt);
}

static bool asks_success(const struct mail *m)
{
    for (size_t i = 0; i < m->nrcpt; i++)
        if ((m->rcpt[i].notify & NOTIFY_SUCCESS) != 0)
            return true;
    return false;
}

static int finish(struct carry *c, struct why *w)
{
    struct intake *in = c->in;
    const struct mail *m = &c->mail;
    if (c->v < 0) {
        *w = c->why;
        return c->v;
    }
    for (size_t i = 0; i < c->made.n; i++)
        add_made(in, m, c->from, c->origin, &c->made.item[i]);
    for (size_t i = 0, n = 0; i < m->nrcpt && n < THREADS_A_MAIL && c->nje; i++)
        if (m->rcpt[i].to != DOOR_SMTP && !is_refused(&c->refused, &m->rcpt[i]) && ++n > 0)
            frommail_remember(c->from, &m->rcpt[i], in->change);
    if (c->net)
        add_net(c, intake_output(m, c->origin, row_id(in, c->origin, c->made.n == 0)));
    for (size_t i = 0; i < c->nbatch; i++)
        add_batch(c, i);
    if (c->nje && asks_success(m))
        tell_delivered(in, m, c->from, c->origin, &c->refused);
    if (c->refused.n > 0)
        tell_refused(in, m, c->from, c->origin, &c->refused);
    if (asks_success(&c->asked))
        tell_expanded(in, &c->asked, c->origin);
    return 0;
}

static void carry_done(struct carry *c)
{
    free_made(&c->made);
    free(c->refused.item);
    frommail_free(&c->from);
    for (size_t i = 0; i < c->nbatch; i++)
        body_free(&c->batch[i].body);
    arena_free(&c->members);
    body_free(&c->body);
}

int intake_mail(struct intake *in, const struct mail *m, msg_id *id, struct why *w)
{
    struct carry here, *c = &here;
    bool apart = m->apart && m->body != NULL && body_size(m->body) > INTAKE_LARGE;
    if (apart)
        c = mem_new(sizeof *c);
    int v = begin(c, in, m, w);
    if (id != NULL)
        *id = c->origin;
    if (v == 0 && apart && (c->nje || c->nbatch > 0)) {
        c->body = body_hold(m->body);
        *in->carry_end = c;
        in->carry_end = &c->next;
        return 0;
    }
    if (v == 0) {
        convert(c);
        v = finish(c, w);
    }
    carry_done(c);
    if (apart)
        free(c);
    return v;
}

/* --- beside the loop's thread --- */

void intake_carry_free(struct intake *in)
{
    for (struct carry *c = in->carry, *next; c != NULL; c = next) {
        next = c->next;
        carry_done(c);
        free(c);
    }
    in->carry = NULL;
    in->carry_end = &in->carry;
}

/* The last one back brings all of them into the change, in the order they came. */
static void converted(void *arg, bool ran)
{
    struct carry *c = arg;
    struct intake *in = c->in;
    void (*fn)(struct intake *, const struct why *) = c->fn;
    struct why w;
    int v = 0;
    if (!ran)
        c->v = why_set(&c->why, E_TEMP, 421, "4.3.2", "The gateway is stopping, try again later");
    if (--in->converting > 0)
        return;
    for (c = in->carry; c != NULL && v == 0; c = c->next)
        v = finish(c, &w);
    intake_carry_free(in);
    fn(in, v < 0 ? &w : NULL);
}

void intake_convert(struct intake *in, void (*fn)(struct intake *in, const struct why *w))
{
    for (struct carry *c = in->carry; c != NULL; c = c->next)
        in->converting++;
    for (struct carry *c = in->carry; c != NULL; c = c->next) {
        c->fn = fn;
        c->job = (struct work_job){
            .run = convert_apart, .done = converted, .arg = c, .size = body_size(c->body)};
        work_give(in->g->work, &c->job);
    }
}
