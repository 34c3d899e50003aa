/* gateway/njesort.c -- what becomes of a file: it goes on, into a reader, becomes mail, or goes
 * back. Those that arrive, our own, and held ones set free. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "db/queue.h"
#include "gateway/fromnje.h"
#include "gateway/gate/snadsgate.h"
#include "gateway/gather.h"
#include "gateway/nje_private.h"
#include "gateway/origin.h"
#include "gateway/relay.h"

static struct str origin_text(struct arena *a, const struct njefile_in *f)
{
    return arena_printf(a, "%.*s@%.*s", STR_ARG(f->from_user), STR_ARG(f->from_node));
}

bool nje_is_ours(struct nje *n, struct arena *a, const struct njefile_in *f)
{
    return admit_is_local_node(n->g, f->to_node) ||
           str_eq_nocase(f->to_node, n->g->conf->dim_node) ||
           snadsgate_takes(n->g, origin_text(a, f), f->to_node);
}

/* On its way to another node: the same deck, the hop count one higher. */
static int forward_copy(struct gate *g, struct intake *in, struct body *deck,
                        const struct njefile_in *f, const struct admitted *to, struct arena *a,
                        struct why *w)
{
    struct body *copy;
    struct njefile_edit edit = {.set_hops = true, .hops = (uint16_t)(f->njh.hops + 1)};
    if (f->raised)
        return intake_deck(in, deck, DOOR_NJE, origin_text(a, f), to, w);
    struct cur bytes = body_cur(deck, w);
    int v = cur_left(&bytes) > 0 ? njefile_copy(g->store, bytes, &edit, &copy, w) : w->err;
    if (v < 0)
        return v;
    v = intake_deck(in, copy, DOOR_NJE, origin_text(a, f), to, w);
    body_free(&copy);
    return v;
}

static int forward_file(struct nje *n, struct intake *in, struct body *deck,
                        const struct njefile_in *f, const char *from_link, struct arena *a,
                        struct why *w)
{
    struct why reason;
    struct line *l = nje_line_to(n, f->to_node);
    struct admitted to = {.to = DOOR_NJE, .user = f->to_user, .node = f->to_node};
    unsigned crossed = f->njh.hops - (f->raised ? 1u : 0u);
    if (l == NULL)
        why_set(&reason, E_ABSENT, 550, "5.1.2", "node %.*s is not known here",
                STR_ARG(f->to_node));
    else if (from_link != NULL && strcmp(l->name, from_link) == 0)
        why_set(&reason, E_PERM, 554, "5.4.6",
                "node %.*s lies where the file came from (routing loop)", STR_ARG(f->to_node));
    else if (crossed >= n->g->conf->maxhops)
        why_set(&reason, E_PERM, 554, "5.4.6", "the file has crossed %u nodes (routing loop)",
                crossed);
    else
        return forward_copy(n->g, in, deck, f, &to, a, w);
    return fromnje_return(n->g, in, deck, &reason, w);
}

static int local_file(struct nje *n, struct intake *in, struct body *deck,
                      const struct njefile_in *f, bool fresh, enum policy_source source,
                      struct arena *a, struct why *w)
{
    struct gate *g = n->g;
    struct admitted to = {.original = f->to_user};
    struct why reason;
    if (admit_is_mailer(f->to_user))
        return fromnje_mailer(g, in, deck, source, w);
    int known = admit_user(g, (struct asker){source, origin_text(a, f)}, f->to_user, f->to_node, a,
                           &to, &reason);
    if (f->kind == DECK_SYSIN && (known < 0 || to.to != DOOR_LOCAL)) {
        why_set(&reason, E_DENIED, 554, "5.3.2", "node %.*s is a mail gateway and runs no jobs",
                STR_ARG(f->to_node));
        return fromnje_return(g, in, deck, &reason, w);
    }
    if (known < 0)
        return str_eq_nocase(f->to_node, g->conf->dim_node) && reason.err == E_ABSENT
                   ? fromnje_unknown(g, in, deck, source, &reason, w)
                   : fromnje_return(g, in, deck, &reason, w);
    if ((to.to == DOOR_SMTP || to.list) && fresh && g->conf->wait_files > 0) {
        gather_keep(n->gather, in, deck, f);
        return 0;
    }
    if (to.to == DOOR_SMTP || to.list)
        return fromnje_mailbox(g, in, deck, source, &to, w);
    int v = intake_deck(in, deck, DOOR_NJE, origin_text(a, f), &to, w);
    if (v == 0 && to.to == DOOR_LOCAL && source == FROM_NJE)
        intake_spooled(in, f, to.user);
    if (v == 0 && to.forward.n > 0 && origin_may(g, f->from_user, f->from_node)) {
        struct admitted net = {.to = DOOR_SMTP, .mailbox = to.forward, .original = to.forward};
        v = fromnje_mailbox(g, in, deck, source, &net, w);
    }
    return v;
}

/* What the file is and where it goes; everything into the intake. */
static int sort_file(struct nje *n, struct intake *in, struct body *deck,
                     const struct njefile_in *f, const char *from_link, enum policy_source source,
                     struct arena *a, struct why *w)
{
    db_refresh(store_reader(n->g->store));
    bool ours = nje_is_ours(n, a, f);
    intake_journal(in, "received",
                   "from=%.*s@%.*s to=%.*s@%.*s file=%.*s.%.*s job=%u size=%llu link=%s",
                   STR_ARG(f->from_user), STR_ARG(f->from_node), STR_ARG(f->to_user),
                   STR_ARG(f->to_node), STR_ARG(f->fn), STR_ARG(f->ft), f->njh.job_id,
                   (unsigned long long)body_size(deck), from_link != NULL ? from_link : "here");
    intake_origin(in, deck, f);
    bool fresh = from_link != NULL; /* not one that waited, was held or deferred */
    return ours ? local_file(n, in, deck, f, fresh, source, a, w)
                : forward_file(n, in, deck, f, from_link, a, w);
}

/* --- large ones that become mail are taken apart beside the loop's thread --- */

static bool becomes_mail(struct sorting *s)
{
    struct gate *g = s->n->g;
    const struct njefile_in *f = &s->f;
    struct admitted to = {.original = f->to_user};
    struct why w;
    db_refresh(store_reader(g->store));
    if (!nje_is_ours(s->n, s->a, f))
        return false;
    if (admit_is_mailer(f->to_user))
        return true;
    int v = admit_user(g, (struct asker){s->source, origin_text(s->a, f)}, f->to_user, f->to_node,
                       s->a, &to, &w);
    if (v < 0)
        return str_eq_nocase(f->to_node, g->conf->dim_node) && w.err == E_ABSENT;
    bool waits = s->from_link[0] != '\0' && g->conf->wait_files > 0; /* for others, as a file */
    return ((to.to == DOOR_SMTP || to.list) && !waits) || to.forward.n > 0;
}

struct sorting *nje_sorting(struct nje *n, struct body *deck, enum policy_source source,
                            nje_sorted_fn *fn, void *arg)
{
    struct sorting *s = mem_new(sizeof *s);
    s->n = n;
    s->in = intake_new(n->g);
    s->deck = deck != NULL ? body_hold(deck) : NULL;
    s->a = arena_new(4u << 20);
    s->source = source;
    s->fn = fn;
    s->arg = arg;
    return s;
}

void nje_sorting_free(struct sorting **sp)
{
    struct sorting *s = *sp;
    *sp = NULL;
    intake_drop(&s->in);
    fromnje_read_free(&s->read);
    body_free(&s->deck);
    arena_free(&s->a);
    free(s);
}

static void sort_now(struct sorting *s)
{
    struct why w = {0};
    const char *link = s->from_link[0] != '\0' ? s->from_link : NULL;
    int v = sort_file(s->n, s->in, s->deck, &s->f, link, s->source, s->a, &w);
    s->fn(s, v, &w);
}

static void taken_apart(void *arg, int v, const struct why *why)
{
    struct sorting *s = arg;
    struct why w = *why;
    if (v < 0) {
        s->fn(s, v, &w);
        return;
    }
    intake_set_read(s->in, s->read, s->deck);
    s->read = NULL;
    sort_now(s);
}

void nje_sort(struct sorting *s)
{
    if (!intake_apart(s->n->g, body_size(s->deck)) || !becomes_mail(s)) {
        sort_now(s);
        return;
    }
    log_event(LOG_INFO, intake_id(s->in), "converting", "from=%s size=%llu",
              log_quote(origin_text(s->a, &s->f)), (unsigned long long)body_size(s->deck));
    s->read = fromnje_read_apart(s->n->g, s->deck, taken_apart, s);
}

/* --- our own files, and held ones set free --- */

struct submitting {
    nje_submit_fn *fn;
    void *arg;
};

static void submitted(void *arg, const struct why *w)
{
    struct submitting *s = arg;
    s->fn(s->arg, w);
    free(s);
}

static void submit_sorted(struct sorting *s, int v, struct why *w)
{
    if (v < 0) {
        submitted(s->arg, w);
    } else {
        s->n->g->stat.from_local++;
        intake_commit(&s->in, submitted, s->arg);
    }
    nje_sorting_free(&s);
}

void nje_submit(struct nje *n, struct body *deck, const struct admitted *net, nje_submit_fn *fn,
                void *arg)
{
    struct why w = {0};
    struct submitting *sub = mem_new(sizeof *sub);
    struct sorting *s = nje_sorting(n, deck, FROM_LOCAL, submit_sorted, sub);
    *sub = (struct submitting){fn, arg};
    int v = njefile_read_headers(s->a, body_cur(deck, &w), &s->f, &w);
    if (v == 0 && net == NULL) {
        nje_sort(s);
        return;
    }
    if (v == 0)
        v = fromnje_mailbox(n->g, s->in, deck, FROM_LOCAL, net, &w);
    submit_sorted(s, v, &w);
}

bool nje_resuming(const struct nje *n, msg_id id)
{
    for (const struct resumed *r = n->resumed; r != NULL; r = r->next)
        for (size_t i = 0; i < r->n; i++)
            if (r->id[i] == id)
                return true;
    return false;
}

static void hold_again(struct nje *n, msg_id id)
{
    struct change *c = change_new(n->g->store);
    change_state(c, id, RCPT_HELD);
    change_commit(&c, NULL, NULL);
}

static void resumed_free(struct resumed *gone)
{
    struct resumed **p = &gone->nje->resumed;
    while (*p != gone)
        p = &(*p)->next;
    *p = gone->next;
    free(gone);
}

static void resumed_done(void *arg, const struct why *w)
{
    struct resumed *gone = arg;
    if (w != NULL) {
        log_event(LOG_ERROR, gone->id[0], "held", "error=%s", log_quote(str_of(w->text)));
        if (w->smtp >= 500) /* the mail cannot be what it should become */
            for (size_t i = 0; i < gone->n; i++)
                hold_again(gone->nje, gone->id[i]);
        else
            relay_again(gone->nje->g->relay);
    }
    resumed_free(gone);
}

static struct resumed *resumed_new(struct nje *n, const msg_id *id, size_t count)
{
    struct resumed *r = mem_new(sizeof *r + count * sizeof *id);
    r->next = n->resumed;
    r->nje = n;
    r->n = count;
    memcpy(r->id, id, count * sizeof *id);
    n->resumed = r;
    return r;
}

static void resume_sorted(struct sorting *s, int v, struct why *w)
{
    struct resumed *r = s->arg;
    if (v < 0) {
        log_event(LOG_ERROR, r->id[0], "held", "error=%s", log_quote(str_of(w->text)));
        hold_again(s->n, r->id[0]);
        resumed_free(r);
    } else {
        intake_commit(&s->in, resumed_done, r);
    }
    nje_sorting_free(&s);
}

static void resume_one(struct nje *n, struct message *m)
{
    struct why w = {0};
    struct body *deck = queue_body(store_reader(n->g->store), n->g->store, m->id, &w);
    struct sorting *s = nje_sorting(n, deck, FROM_NJE, resume_sorted, resumed_new(n, &m->id, 1));
    struct cur bytes = deck != NULL ? body_cur(deck, &w) : cur_of(NULL, 0);
    int v = deck == NULL           ? w.err
            : m->form == BODY_MAIL ? 0
                                   : njefile_read_headers(s->a, bytes, &s->f, &w);
    if (v == 0 && m->form == BODY_MAIL) {
        m->body = body_hold(deck);
        v = intake_resume(s->in, m, &w);
        resume_sorted(s, v, &w);
    } else if (v == 0) {
        change_remove(intake_change(s->in), m->id);
        intake_again(s->in, m);
        nje_sort(s);
    } else {
        resume_sorted(s, v, &w);
    }
    body_free(&deck);
}

/* The files that waited with it, as one mail with it; false: there are none, or they cannot be. */
static bool resume_together(struct nje *n, const struct message *m)
{
    struct why w = {0};
    msg_id id[GATHER_MOST];
    int count = m->form == BODY_DECK
                    ? queue_companions(store_reader(n->g->store), m, id, GATHER_MOST, &w)
                    : 0;
    int kept = 0; /* one that goes alone now may still be seen */
    for (int i = 0; i < count; i++)
        if (!nje_resuming(n, id[i]))
            id[kept++] = id[i];
    count = kept;
    if (count < 2)
        return false;
    struct intake *in = intake_new(n->g);
    if (gather_join(n->g, in, m, id, (size_t)count, &w) < 0) {
        log_event(LOG_WARN, m->id, "not-joined", "reason=%s", log_quote(str_of(w.text)));
        intake_drop(&in);
        return false;
    }
    intake_commit(&in, resumed_done, resumed_new(n, id, (size_t)count));
    return true;
}

void nje_resume(struct nje *n, struct message *m)
{
    if (!nje_resuming(n, m->id) && !resume_together(n, m))
        resume_one(n, m);
    message_free(&m);
}

int nje_reroute(struct nje *n, struct intake *in, const struct message *m, struct str user,
                struct str node, struct why *w)
{
    struct njefile_in f;
    struct njefile_edit edit = {.to_user = user, .to_node = node};
    struct body *copy = NULL;
    if (m->form != BODY_DECK)
        return why_set(w, E_DENIED, 0, NULL,
                       "message " MSG_ID_FMT " is mail for the Internet, no NJE file",
                       MSG_ID_ARG(m->id));
    if (!admit_is_local_node(n->g, node) && nje_line_to(n, node) == NULL)
        return why_set(w, E_ABSENT, 0, NULL, "node %.*s is not known here", STR_ARG(node));
    struct body *deck = queue_body(store_reader(n->g->store), n->g->store, m->id, w);
    if (deck == NULL)
        return w->err;
    struct arena *a = arena_new(4u << 20);
    struct cur bytes = body_cur(deck, w);
    int v = cur_left(&bytes) > 0 ? njefile_copy(n->g->store, bytes, &edit, &copy, w) : w->err;
    if (v == 0)
        v = njefile_read_headers(a, body_cur(copy, w), &f, w);
    if (v == 0) {
        change_remove(intake_change(in), m->id);
        change_journal(intake_change(in), m->origin, "rerouted", "to=%.*s@%.*s", STR_ARG(user),
                       STR_ARG(node));
        v = sort_file(n, in, copy, &f, NULL, FROM_LOCAL, a, w);
    }
    body_free(&copy);
    body_free(&deck);
    arena_free(&a);
    return v;
}
