/* gateway/intake.c -- taking responsibility: everything one door accepts at once becomes durable in
 * one change. */
#include "gateway/intake_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "db/readerrow.h"
#include "gateway/dsn.h"
#include "gateway/filternje.h"
#include "gateway/fromnje.h"
#include "gateway/frommail.h"
#include "gateway/ibmlog.h"
#include "gateway/file/njefile.h"
#include "gateway/nje.h"
#include "gateway/relay.h"

struct intake *intake_new(struct gate *g)
{
    struct intake *in = mem_new(sizeof *in);
    in->g = g;
    in->change = change_new(g->store);
    in->arena = arena_new(1u << 20);
    in->tell_end = &in->tell;
    in->carry_end = &in->carry;
    in->task_end = &in->task;
    return in;
}

static void free_tasks(struct intake *in)
{
    for (struct intake_task *t = in->task, *next; t != NULL; t = next) {
        next = t->next;
        t->free(t);
    }
    in->task = NULL;
    in->task_end = &in->task;
}

static void intake_free(struct intake *in)
{
    free_tasks(in);
    fromnje_read_free(&in->read);
    body_free(&in->read_of);
    intake_carry_free(in);
    filternje_free(&in->filtering);
    body_free(&in->origin.deck);
    for (size_t i = 0; i < in->nmessage; i++)
        message_free(&in->message[i]);
    free(in->message);
    arena_free(&in->arena);
    free(in);
}

void intake_drop(struct intake **in)
{
    if (*in == NULL)
        return;
    change_drop(&(*in)->change);
    intake_free(*in);
    *in = NULL;
}

struct change *intake_change(struct intake *in)
{
    return in->change;
}

msg_id intake_id(struct intake *in)
{
    if (in->id == 0)
        in->id = store_next_id(in->g->store);
    return in->id;
}

void intake_number(struct intake *in, msg_id id)
{
    in->id = id;
}

void intake_journal(struct intake *in, const char *event, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    change_vjournal(in->change, intake_id(in), event, fmt, ap);
    va_end(ap);
}

void intake_seen(struct intake *in, struct str key, struct wall until)
{
    change_seen(in->change, key, until);
    in->origin.seen = arena_str(in->arena, key);
    in->origin.seen_until = until;
}

void intake_tell(struct intake *in, struct str user, struct str node, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    struct tell *t = arena_alloc(in->arena, sizeof *t);
    t->user = arena_str(in->arena, user);
    t->node = arena_str(in->arena, node);
    t->text = arena_str(in->arena, str_of(text));
    *in->tell_end = t;
    in->tell_end = &t->next;
}

void intake_spooled(struct intake *in, const struct njefile_in *file, struct str user)
{
    char date[32], form[9];
    uint64_t tod = file->njh.entry_tod; /* the file's own time, as far as it has one */
    time_t t = (time_t)wall_s(tod != 0 ? tod_wall(tod) : wall_now());
    struct tm tm;
    if (file->from_user.n == 0 || str_starts_nocase(ebc_name_text(&file->dsh.form, form), "QU"))
        return;
    strftime(date, sizeof date, "%m/%d/%y %H:%M:%S %Z", localtime_r(&t, &tm));
    intake_tell(in, file->from_user, file->from_node,
                "FILE (%04u) SPOOLED TO %.*s -- ORIGIN %.*s(%.*s) %s", file->njh.job_id,
                STR_ARG(user), STR_ARG(file->from_node), STR_ARG(file->from_user), date);
}

void intake_keep(struct intake *in, struct message *m)
{
    in->message = mem_grow(in->message, in->nmessage + 1, sizeof(struct message *));
    in->message[in->nmessage++] = m;
    change_add(in->change, m);
}

/* A message row for outputs that go on to another host or node. */
struct message *intake_output(const struct mail *m, msg_id origin, msg_id id)
{
    struct message *out = message_new();
    out->id = id;
    out->origin = origin;
    out->from = m->from;
    out->accepted = wall_now();
    out->origin_sender = arena_str(out->arena, m->origin_sender);
    out->sender = arena_str(out->arena, m->sender);
    out->ret = m->ret;
    out->envid = arena_str(out->arena, m->envid);
    out->utf8 = m->utf8;
    return out;
}

void intake_notify(struct message *m, struct rcpt *to, const struct admitted *a, unsigned notify)
{
    to->original = arena_str(m->arena, a->original);
    to->notify = notify;
    to->orcpt = arena_str(m->arena, a->orcpt);
}

void intake_reader(struct intake *in, const struct reader_row *row, struct body *deck)
{
    change_reader(in->change, row, deck);
    in->g->stat.to_reader++;
}

static struct reader_row deck_row(struct arena *a, struct body *deck, struct str user)
{
    struct njefile_in file;
    struct why w;
    struct reader_row row = {.user = user, .date = wall_now(), .kind = STR("FILE"), .class = 'A'};
    struct cur bytes = body_cur(deck, &w);
    if (njefile_read_headers(a, bytes, &file, &w) < 0)
        return row;
    row.from = arena_printf(a, "%.*s@%.*s", STR_ARG(file.from_user), STR_ARG(file.from_node));
    row.fn = file.fn;
    row.ft = file.ft;
    row.records = file.dsh.records > 0 ? file.dsh.records : file.njh.records;
    struct buf class;
    buf_init(&class, 8);
    ebc_to_utf8(&class, ebc_page_default(), cur_of(&file.dsh.class, 1));
    if (class.n == 1)
        row.class = (char)class.p[0];
    buf_done(&class);
    if (str_is(file.ft, "NOTE"))
        row.kind = STR("NOTE");
    return row;
}

int intake_deck(struct intake *in, struct body *deck, enum door from, struct str origin_sender,
                const struct admitted *to, struct why *w)
{
    (void)w;
    if (to->to == DOOR_LOCAL) {
        struct reader_row row = deck_row(in->arena, deck, to->user);
        intake_reader(in, &row, deck);
        intake_journal(in, "delivered", "to=%.*s@%.*s reader", STR_ARG(to->user),
                       STR_ARG(to->node));
        return 0;
    }
    struct mail m = {.from = from, .origin_sender = origin_sender};
    msg_id id = in->mails++ == 0 ? intake_id(in) : store_next_id(in->g->store);
    struct message *out = intake_output(&m, intake_id(in), id);
    out->to = DOOR_NJE;
    out->form = BODY_DECK;
    out->body = body_hold(deck);
    out->size = body_size(deck);
    message_add_rcpt(out,
                     arena_printf(out->arena, "%.*s@%.*s", STR_ARG(to->user), STR_ARG(to->node)),
                     arena_str(out->arena, to->node));
    intake_keep(in, out);
    return 0;
}

/* BADSPOOLFILEID: he looks after what nobody else can take. */
static int give_to_keeper(struct intake *in, struct body *deck, const struct njefile_in *file,
                          const struct why *reason)
{
    const struct conf *c = in->g->conf;
    struct why w;
    ptrdiff_t at = str_find(c->bad_spool, '@');
    struct admitted to = {.user = at < 0 ? c->bad_spool : str_sub(c->bad_spool, 0, (size_t)at),
                          .node = at < 0 ? c->local
                                         : str_sub(c->bad_spool, (size_t)at + 1, c->bad_spool.n)};
    to.to = admit_is_local_node(in->g, to.node) ? DOOR_LOCAL : DOOR_NJE;
    struct njefile_edit edit = {.to_user = to.user, .to_node = to.node, .set_hops = true};
    struct body *copy;
    struct cur bytes = body_cur(deck, &w);
    int v = cur_left(&bytes) > 0 ? njefile_copy(in->g->store, bytes, &edit, &copy, &w) : w.err;
    if (v < 0)
        return v;
    v = intake_deck(in, copy, DOOR_LOCAL, STR(""), &to, &w);
    body_free(&copy);
    intake_journal(in, "transferred", "from=%.*s@%.*s to=%.*s@%.*s reason=%s",
                   STR_ARG(file->from_user), STR_ARG(file->from_node), STR_ARG(to.user),
                   STR_ARG(to.node), reason->text);
    log_event(LOG_WARN, intake_id(in), "transferred", "from=%.*s@%.*s to=%.*s@%.*s reason=%s",
              STR_ARG(file->from_user), STR_ARG(file->from_node), STR_ARG(to.user),
              STR_ARG(to.node), log_quote(str_of(reason->text)));
    return v;
}

/* The file itself as a message of the queue, not yet sorted. */
static struct message *unsorted(struct intake *in, struct body *deck, const struct njefile_in *file)
{
    struct message *m = message_new();
    m->id = m->origin = in->mails++ == 0 ? intake_id(in) : store_next_id(in->g->store);
    m->from = DOOR_NJE;
    m->form = BODY_DECK;
    m->accepted = wall_now();
    m->body = body_hold(deck);
    m->size = body_size(deck);
    m->origin_sender =
        arena_printf(m->arena, "%.*s@%.*s", STR_ARG(file->from_user), STR_ARG(file->from_node));
    message_add_rcpt(
        m, arena_printf(m->arena, "%.*s@%.*s", STR_ARG(file->to_user), STR_ARG(file->to_node)),
        file->to_node);
    return m;
}

void intake_wait(struct intake *in, struct body *deck, const struct njefile_in *file,
                 struct wall due, const char *reason)
{
    struct message *m = unsorted(in, deck, file);
    m->rcpt[0].due = due;
    m->rcpt[0].reason = arena_str(m->arena, str_of(reason));
    m->subject = arena_printf(m->arena, "%.*s %.*s", STR_ARG(file->fn), STR_ARG(file->ft));
    change_add(in->change, m);
    change_journal(in->change, m->id, "waiting", "from=%.*s to=%.*s file=%.*s.%.*s",
                   STR_ARG(m->origin_sender), STR_ARG(m->rcpt[0].addr), STR_ARG(file->fn),
                   STR_ARG(file->ft));
    relay_due(in->g->relay, due);
    message_free(&m);
}

int intake_hold(struct intake *in, struct body *deck, const struct njefile_in *file,
                enum rcpt_state state, const struct why *reason)
{
    /* What the origin check held is not bad, but doubtful: it stays for the administrator. */
    if (state == RCPT_HELD && in->g->conf->bad_spool.n > 0 &&
        give_to_keeper(in, deck, file, reason) == 0)
        return 0;
    struct message *m = unsorted(in, deck, file);
    struct rcpt *r = &m->rcpt[0];
    r->state = state;
    r->reason = arena_str(m->arena, str_of(reason->text));
    change_add(in->change, m);
    change_journal(in->change, m->id, "held", "from=%.*s to=%.*s reason=%s",
                   STR_ARG(m->origin_sender), STR_ARG(r->addr), reason->text);
    log_event(LOG_WARN, m->id, "held", "from=%s to=%s reason=%s", log_quote(m->origin_sender),
              log_quote(r->addr), log_quote(str_of(reason->text)));
    message_free(&m);
    return 0;
}

int intake_hold_mail(struct intake *in, const struct mail *m, struct str reason)
{
    msg_id id = in->mails++ == 0 ? intake_id(in) : store_next_id(in->g->store);
    struct message *out = intake_output(m, id, id);
    out->form = BODY_MAIL;
    out->body = m->body != NULL ? body_hold(m->body) : body_of(m->content);
    out->size = body_size(out->body);
    const struct admitted *all;
    struct arena *list = arena_new(INTAKE_WRITE_OUT_MAX);
    size_t n = admit_write_out(list, m->rcpt, m->nrcpt, &all);
    for (size_t i = 0; i < n; i++) {
        const struct admitted *a = &all[i];
        struct str addr = a->to == DOOR_SMTP ? a->mailbox
                                             : arena_printf(out->arena, "%.*s@%.*s",
                                                            STR_ARG(a->user), STR_ARG(a->node));
        struct rcpt *r = message_add_rcpt(out, addr, a->to == DOOR_SMTP ? STR("") : a->node);
        intake_notify(out, r, a, a->notify);
        r->state = RCPT_HELD;
        r->original = arena_str(out->arena, a->original);
        r->reason = arena_str(out->arena, reason);
    }
    arena_free(&list);
    change_add(in->change, out);
    change_journal(in->change, id, "held", "from=%.*s reason=%.*s", STR_ARG(m->origin_sender),
                   STR_ARG(reason));
    log_event(LOG_WARN, id, "held", "from=%s reason=%s", log_quote(m->origin_sender),
              log_quote(reason));
    message_free(&out);
    return 0;
}

int intake_resume(struct intake *in, const struct message *m, struct why *w)
{
    struct admitted *rcpt = arena_alloc(in->arena, (m->nrcpt + 1) * sizeof *rcpt);
    size_t n = 0;
    if (rcpt == NULL)
        return why_set(w, E_LIMIT, 0, NULL, "too many recipients");
    for (size_t i = 0; i < m->nrcpt; i++) {
        struct str addr = m->rcpt[i].addr;
        ptrdiff_t at = str_find_last(addr, '@');
        struct str local = str_sub(addr, 0, at < 0 ? 0 : (size_t)at);
        struct str domain = str_sub(addr, (size_t)(at + 1), addr.n);
        rcpt[n] = (struct admitted){.original = m->rcpt[i].original};
        int v = m->rcpt[i].dest.n > 0 ? admit_user(in->g, (struct asker){.source = FROM_LOCAL},
                                                   local, domain, in->arena, &rcpt[n], w)
                                      : admit_mailbox(in->g, (struct asker){.source = FROM_LOCAL},
                                                      local, domain, in->arena, &rcpt[n], w);
        n += v == 0;
    }
    if (n == 0)
        return w->err;
    struct mail mail = {.from = m->from,
                        .origin_sender = arena_str(in->arena, m->origin_sender),
                        .sender = arena_str(in->arena, m->sender),
                        .content = body_cur(m->body, w),
                        .body = m->body,
                        .rcpt = rcpt,
                        .nrcpt = n,
                        .ret = m->ret,
                        .envid = arena_str(in->arena, m->envid),
                        .utf8 = m->utf8,
                        .apart = true};
    in->id = m->origin; /* it keeps the number its sender was told */
    in->resumed = true;
    change_remove(in->change, m->id);
    return intake_mail(in, &mail, NULL, w);
}

static void durable(void *arg, const struct why *w)
{
    struct intake *in = arg;
    if (w == NULL) {
        for (size_t i = 0; i < in->nmessage; i++)
            relay_add(in->g->relay, in->message[i]);
        in->nmessage = 0;
        /* While the store closes there is no way left for messages. */
        for (const struct tell *t = in->g->store != NULL ? in->tell : NULL; t != NULL; t = t->next)
            (void)nje_tell(in->g->nje, STR(""), in->g->conf->local, t->user, t->node, t->text);
    }
    if (in->fn != NULL)
        in->fn(in->arg, w);
    intake_free(in);
}

/* --- filters of the NJE door --- */

int intake_filter(struct intake *in, const struct filternje_mail *m, struct why *w)
{
    return filternje_add(&in->filtering, m, w);
}

void intake_origin(struct intake *in, struct body *deck, const struct njefile_in *file)
{
    struct origin *o = &in->origin;
    body_free(&o->deck);
    o->deck = body_hold(deck);
    o->from =
        arena_printf(in->arena, "%.*s@%.*s", STR_ARG(file->from_user), STR_ARG(file->from_node));
    o->to_user = arena_str(in->arena, file->to_user);
    o->to_node = arena_str(in->arena, file->to_node);
}

void intake_give_back(struct intake *in)
{
    in->give_back = true;
}

void intake_again(struct intake *in, const struct message *row)
{
    in->origin.row = row->id;
    in->origin.tries = row->nrcpt > 0 ? row->rcpt[0].tries : 0;
    in->origin.accepted = row->accepted;
}

void intake_together(struct intake *in, const msg_id *rows, size_t n)
{
    in->origin.together = arena_alloc(in->arena, n * sizeof *rows);
    if (in->origin.together == NULL)
        return;
    memcpy(in->origin.together, rows, n * sizeof *rows);
    in->origin.ntogether = n;
}

/* As if nothing had been added yet. */
static void begin_anew(struct intake *in)
{
    change_drop(&in->change);
    in->change = change_new(in->g->store);
    for (size_t i = 0; i < in->nmessage; i++)
        message_free(&in->message[i]);
    in->nmessage = 0;
    in->tell = NULL;
    in->tell_end = &in->tell;
    in->mails = 0;
    if (in->origin.seen.n > 0)
        change_seen(in->change, in->origin.seen, in->origin.seen_until);
}

/* The file stays as it is until then. */
static void keep_file(struct intake *in, const struct why *w)
{
    const struct origin *o = &in->origin;
    struct message *m = message_new();
    m->id = m->origin = o->row != 0 ? o->row : intake_id(in);
    m->from = DOOR_NJE;
    m->form = BODY_DECK;
    m->accepted = o->row != 0 ? o->accepted : wall_now();
    m->body = body_hold(o->deck);
    m->size = body_size(m->body);
    m->origin_sender = arena_str(m->arena, o->from);
    struct rcpt *r = message_add_rcpt(
        m, arena_printf(m->arena, "%.*s@%.*s", STR_ARG(o->to_user), STR_ARG(o->to_node)),
        o->to_node);
    r->tries = o->tries + 1;
    r->due.us = wall_now().us + relay_backoff_us(in->g->conf, r->tries);
    r->reason = arena_str(m->arena, str_of(w->text));
    struct why back;
    if (o->row != 0 && relay_too_old(in->g, m, r)) {
        change_remove(in->change, o->row);
        if (fromnje_return(in->g, in, o->deck, w, &back) < 0)
            log_event(LOG_ERROR, o->row, "filter", "error=%s", log_quote(str_of(back.text)));
    } else if (o->row != 0) {
        change_rcpt(in->change, o->row, r);
        for (size_t i = 0; i < o->ntogether; i++)
            if (o->together[i] != o->row)
                change_rcpt(in->change, o->together[i], r);
    } else {
        change_add(in->change, m);
    }
    change_journal(in->change, m->id, "deferred", "to=%.*s reason=%s", STR_ARG(r->addr), w->text);
    log_event(LOG_WARN, m->id, "deferred", "from=%s to=%s reason=%s", log_quote(o->from),
              log_quote(r->addr), log_quote(str_of(w->text)));
    in->g->stat.deferred++;
    relay_due(in->g->relay, r->due);
    message_free(&m);
}

static void filtered(void *arg, const struct why *w)
{
    struct intake *in = arg;
    if (w != NULL) {
        begin_anew(in);
        keep_file(in, w);
    }
    change_commit(&in->change, durable, in);
}

static void commit(struct intake *in)
{
    if (in->filtering != NULL)
        filternje_run(&in->filtering, in->g, in, filtered, in);
    else
        change_commit(&in->change, durable, in);
}

static void converted(struct intake *in, const struct why *w)
{
    if (w == NULL) {
        commit(in);
        return;
    }
    change_drop(&in->change);
    if (in->fn != NULL)
        in->fn(in->arg, w);
    intake_free(in);
}

static void convert(struct intake *in)
{
    if (in->carry != NULL)
        intake_convert(in, converted);
    else
        commit(in);
}

/* --- what is made beside the loop's thread --- */

bool intake_apart(const struct gate *g, uint64_t size)
{
    return g->work != NULL && size > INTAKE_LARGE;
}

void intake_task(struct intake *in, struct intake_task *t)
{
    t->in = in;
    *in->task_end = t;
    in->task_end = &t->next;
}

void intake_set_read(struct intake *in, struct fromnje_read *r, struct body *deck)
{
    in->read = r;
    in->read_of = body_hold(deck);
}

struct fromnje_read *intake_read(struct intake *in, const struct body *deck)
{
    struct fromnje_read *r = in->read_of == deck ? in->read : NULL;
    if (r != NULL)
        in->read = NULL;
    return r;
}

static void run_task(void *arg)
{
    struct intake_task *t = arg;
    t->run(t);
}

/* The last one back brings all of them into the change. */
static void task_over(void *arg, bool ran)
{
    struct intake_task *t = arg;
    struct intake *in = t->in;
    struct why w;
    int v = 0;
    in->stopped = in->stopped || !ran;
    if (--in->converting > 0)
        return;
    if (in->stopped)
        v = why_set(&w, E_TEMP, 421, "4.3.2", "The gateway is stopping, try again later");
    for (t = in->task; t != NULL && v == 0; t = t->next)
        v = t->finish(t, in, &w);
    if (v < 0 && in->give_back && !why_is_temp(&w)) {
        struct why reason = w;
        v = fromnje_return(in->g, in, in->origin.deck, &reason, &w);
    }
    if (in->carry == NULL) /* else what they lend is needed on */
        free_tasks(in);
    if (v < 0)
        converted(in, &w);
    else
        convert(in);
}

void intake_commit(struct intake **in, intake_fn *fn, void *arg)
{
    struct intake *unit = *in;
    *in = NULL;
    unit->fn = fn;
    unit->arg = arg;
    if (unit->task == NULL) {
        convert(unit);
        return;
    }
    for (struct intake_task *t = unit->task; t != NULL; t = t->next)
        unit->converting++;
    for (struct intake_task *t = unit->task; t != NULL; t = t->next) {
        t->job = (struct work_job){
            .run = run_task, .done = task_over, .arg = t, .size = t->size, .soon = true};
        work_give(unit->g->work, &t->job);
    }
}
