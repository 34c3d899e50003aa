/* gateway/filternje.c -- mail from NJE before the filters of that door. */
#include "gateway/filternje.h"
#include "gateway/ibmlog.h"
#include "gateway/mail/header.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "gateway/dsn.h"
#include "gateway/gate/filter.h"

#define QUOTE_MAX 4096u
#define ARENA_MAX (8u << 20)

struct waiting {
    struct waiting *next;
    struct arena *arena;
    struct mail mail;
    struct str user, node, facts;
    const char *report;
    msg_id about;
    struct milter_mail text; /* while it is asked about */
};
struct filternje {
    struct waiting *first, **last;
    struct gate *g;
    struct intake *in;
    intake_fn *fn;
    void *arg;
    struct waiting *at; /* being asked about */
    bool asking, again, over;
    bool failed;
    struct why why;
};

/* --- taking --- */

int filternje_take(struct gate *g, struct intake *in, const struct filternje_mail *f, struct why *w)
{
    const struct mail *m = f->mail;
    size_t size = cur_left(&m->content);
    struct str msgid = hdr_message_id(cur_str(&m->content));
    msg_id id;
    int v = intake_mail(in, m, &id, w);
    if (v < 0)
        return v;
    change_journal(intake_change(in), id, "accepted", "from=%.*s via=nje size=%zu%s%.*s %.*s",
                   STR_ARG(m->origin_sender), size, msgid.n > 0 ? " msgid=" : "",
                   STR_ARG(str_sub(msgid, 0, 250)), STR_ARG(f->facts));
    ibmlog_received(g, id, false, m->sender, size);
    for (size_t i = 0; i < m->nrcpt; i++)
        change_journal(intake_change(in), id, "recipient", "to=%.*s%s%.*s",
                       STR_ARG(m->rcpt[i].original), m->rcpt[i].to == DOOR_SMTP ? " mailbox=" : "",
                       STR_ARG(m->rcpt[i].mailbox));
    log_event(LOG_INFO, id, "accepted", "from=%s via=nje size=%zu rcpts=%zu",
              log_quote(m->origin_sender), size, m->nrcpt);
    ptrdiff_t at = str_find_last(m->origin_sender, '@');
    struct str node = str_sub(m->origin_sender, (size_t)(at + 1), m->origin_sender.n);
    g->stat.from_nje += !admit_is_local_node(g, node); /* our own users' are counted as such */
    return v;
}

/* --- waiting --- */

int filternje_add(struct filternje **list, const struct filternje_mail *m, struct why *w)
{
    struct arena *a = arena_new(ARENA_MAX);
    struct waiting *one = arena_alloc(a, sizeof *one);
    struct admitted *rcpt = arena_alloc(a, (m->mail->nrcpt + 1) * sizeof *rcpt);
    if (rcpt == NULL) {
        arena_free(&a);
        return why_set(w, E_LIMIT, 452, "4.5.3", "Too many recipients");
    }
    *one = (struct waiting){.arena = a, .mail = *m->mail};
    one->mail.origin_sender = arena_str(a, m->mail->origin_sender);
    one->mail.sender = arena_str(a, m->mail->sender);
    one->mail.envid = arena_str(a, m->mail->envid);
    one->mail.rcpt = rcpt;
    for (size_t i = 0; i < m->mail->nrcpt; i++)
        admit_copy(a, &rcpt[i], &m->mail->rcpt[i]);
    one->mail.body = body_hold(m->mail->body);
    one->user = arena_str(a, m->user);
    one->node = arena_str(a, m->node);
    one->facts = arena_str(a, m->facts);
    one->report = m->report;
    one->about = m->about;
    if (*list == NULL) {
        *list = mem_new(sizeof **list);
        (*list)->last = &(*list)->first;
    }
    *(*list)->last = one;
    (*list)->last = &one->next;
    return arena_full(a) ? why_set(w, E_LIMIT, 452, "4.5.3", "Too many recipients") : 0;
}

void filternje_free(struct filternje **list)
{
    struct filternje *f = *list;
    if (f == NULL)
        return;
    *list = NULL;
    for (struct waiting *one = f->first, *next; one != NULL; one = next) {
        next = one->next;
        body_free(&one->mail.body);
        struct arena *a = one->arena;
        arena_free(&a);
    }
    free(f);
}

/* --- asking --- */

static void refuse(struct filternje *f, const struct waiting *one, struct str to,
                   const struct why *w)
{
    dsn_refused_file(f->g, f->in, one->user, one->node, STR("Undeliverable mail"), to, w,
                     str_sub(one->text.body, 0, QUOTE_MAX));
    intake_journal(f->in, "refused", "to=%.*s reason=%s", STR_ARG(to), w->text);
    f->g->stat.refused++;
}

/* Nobody is told that a report was refused. 0: it is settled. */
static int report_refused(struct filternje *f, struct waiting *one, struct why *w)
{
    log_event(LOG_WARN, one->about, "filter", "report=%s to=%s reason=%s", one->report,
              log_quote(one->mail.rcpt[0].mailbox), log_quote(str_of(w->text)));
    if (why_is_temp(w)) { /* as it was, then */
        struct mail m = one->mail;
        m.content = body_cur(m.body, w);
        return dsn_take(f->g, f->in, &m, one->report, one->about, w);
    }
    change_journal(intake_change(f->in), one->about, "notice", "%s to=%.*s refused: %s",
                   one->report, STR_ARG(one->mail.rcpt[0].mailbox), w->text);
    return 0;
}

static void on_refused(void *arg, size_t rcpt, const struct why *w)
{
    struct filternje *f = arg;
    if (f->at->report != NULL) {
        struct why why = *w;
        (void)report_refused(f, f->at, &why);
        return;
    }
    refuse(f, f->at, f->at->mail.rcpt[rcpt].original, w);
}

static void refuse_all(struct filternje *f, const struct waiting *one, const struct why *w)
{
    for (size_t i = 0; i < one->mail.nrcpt; i++)
        if (!one->text.rcpt[i].gone)
            refuse(f, one, one->mail.rcpt[i].original, w);
}

/* Who is left, and whom the filters have added. */
static size_t recipients(struct filternje *f, struct waiting *one, struct admitted *out)
{
    size_t n = 0;
    for (size_t i = 0; i < one->text.nrcpt; i++) {
        struct str addr = one->text.rcpt[i].addr;
        ptrdiff_t at = str_find_last(addr, '@');
        struct why bad;
        if (one->text.rcpt[i].gone)
            continue;
        if (i < one->mail.nrcpt)
            out[n++] = one->mail.rcpt[i];
        else if (at > 0 &&
                 admit_mailbox(f->g, (struct asker){.source = FROM_LOCAL},
                               str_sub(addr, 0, (size_t)at), str_sub(addr, (size_t)at + 1, addr.n),
                               one->arena, &out[n], &bad) == 0)
            n++;
        else
            log_event(LOG_WARN, 0, "filter", "to=%s reason=%s", log_quote(addr),
                      log_quote(STR("the address a filter added leads nowhere")));
    }
    return n;
}

static int put_body(void *to, const void *p, size_t n, struct why *w)
{
    return body_write(to, p, n, w);
}

/* The text as the filters left it, kept as a body. */
static struct body *new_body(struct filternje *f, const struct milter_mail *text, struct why *w)
{
    struct body_writer *bw = body_writer_new(f->g->store);
    struct body *out = milter_mail_put(text, put_body, bw, w) == 0 ? body_writer_end(&bw, w) : NULL;
    body_writer_drop(&bw);
    return out;
}

static int take(struct filternje *f, struct waiting *one, struct why *w)
{
    struct mail m = one->mail;
    struct admitted *rcpt = arena_alloc(one->arena, (one->text.nrcpt + 1) * sizeof *rcpt);
    if (rcpt == NULL)
        return why_set(w, E_LIMIT, 452, "4.5.3", "Too many recipients");
    m.rcpt = rcpt;
    m.nrcpt = recipients(f, one, rcpt);
    m.sender = one->text.sender;
    if (m.nrcpt == 0)
        return 0;
    if (one->text.changes > 0)
        m.body = new_body(f, &one->text, w);
    else
        m.body = body_hold(one->mail.body);
    if (m.body == NULL)
        return w->err;
    m.content = body_cur(m.body, w);
    struct filternje_mail whole = {
        .mail = &m, .user = one->user, .node = one->node, .facts = one->facts};
    int v = one->text.held        ? intake_hold_mail(f->in, &m, one->text.hold)
            : one->report != NULL ? dsn_take(f->g, f->in, &m, one->report, one->about, w)
                                  : filternje_take(f->g, f->in, &whole, w);
    body_free(&m.body);
    return v;
}

static void ask(struct filternje *f);

/* Filters that answer at once are not asked from within one another. */
static void go_on(struct filternje *f)
{
    f->again = true;
    if (f->asking)
        return;
    f->asking = true;
    while (f->again && !f->over) {
        f->again = false;
        ask(f);
    }
    f->asking = false;
    if (f->over) {
        intake_fn *fn = f->fn;
        void *arg = f->arg;
        struct why w = f->why;
        bool failed = f->failed;
        filternje_free(&f);
        fn(arg, failed ? &w : NULL);
    }
}

static void on_verdict(void *arg, const struct why *said, bool discard)
{
    struct filternje *f = arg;
    struct waiting *one = f->at;
    struct why w;
    int v = 0;
    if (said != NULL && one->report != NULL) {
        w = *said;
        v = report_refused(f, one, &w);
    } else if (said != NULL) {
        w = *said;
        v = w.err;
    } else if (discard) {
        change_journal(intake_change(f->in), one->report != NULL ? one->about : intake_id(f->in),
                       "discarded", "from=%.*s by a filter", STR_ARG(one->mail.origin_sender));
    } else {
        v = take(f, one, &w);
    }
    if (v < 0 && one->report != NULL) {
        log_event(LOG_ERROR, one->about, "notice", "error=%s", log_quote(str_of(w.text)));
    } else if (v < 0 && why_is_temp(&w)) {
        f->failed = f->over = true;
        f->why = w;
    } else if (v < 0) {
        refuse_all(f, one, &w);
    }
    milter_mail_done(&one->text);
    f->at = one->next;
    go_on(f);
}

/* How the filters are to know a recipient: he may be an NJE user, too. */
static struct str shown(struct gate *g, struct arena *a, const struct admitted *to)
{
    return to->to == DOOR_SMTP ? to->mailbox : admit_internet(g, a, to->user, to->node);
}

static void ask(struct filternje *f)
{
    struct waiting *one = f->at;
    struct why w;
    if (one == NULL) {
        f->over = true;
        return;
    }
    struct cur content = body_cur(one->mail.body, &w);
    int v = milter_mail_init(&one->text, STR(""), cur_str(&content),
                             (size_t)f->g->conf->max_mail_bytes * 2, &w);
    if (one->text.nfield > 0 && str_is(one->text.field[0].name, "Received"))
        one->text.field[0].own = true;
    one->text.sender = one->mail.sender;
    for (size_t i = 0; i < one->mail.nrcpt; i++)
        milter_mail_rcpt(&one->text, shown(f->g, one->arena, &one->mail.rcpt[i]));
    struct filter_nje n = {
        .mail = &one->text,
        .user = one->report != NULL
                    ? STR("")
                    : arena_printf(one->arena, "%.*s@%.*s", STR_ARG(one->user), STR_ARG(one->node)),
        .report = one->report != NULL,
        .id = intake_id(f->in),
        .refused = on_refused,
        .fn = on_verdict,
        .arg = f};
    if (v < 0)
        on_verdict(f, &w, false);
    else
        filter_nje(f->g->filters, &n);
}

void filternje_run(struct filternje **list, struct gate *g, struct intake *in, intake_fn *fn,
                   void *arg)
{
    struct filternje *f = *list;
    *list = NULL;
    f->g = g;
    f->in = in;
    f->fn = fn;
    f->arg = arg;
    f->at = f->first;
    go_on(f);
}
