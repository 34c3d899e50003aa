/* operator/ctlverbs.c -- the requests of the control socket: what needs the running daemon. The
 * words of a request are borrowed during ctl_dispatch only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "db/queue.h"
#include "operator/ctl.h"
#include "gateway/dsn.h"
#include "gateway/intake.h"
#include "gateway/mail/date.h"
#include "gateway/mail/note.h"
#include "gateway/nje.h"
#include "operator/oper.h"
#include "gateway/relay.h"
#include "operator/rscscmd.h"
#include "gateway/file/njefile.h"

#define IDS_MAX 1000u
#define MAIL_MAX (200u << 20)
#define RECEIPT_MAX 65536u

static struct str arg(const struct ctl_call *c, size_t i)
{
    return i < c->nword ? c->word[i] : STR("");
}

/* --- queue --- */

struct family {
    struct ctl_call *call;
    struct str action;
    struct change *change;
    struct intake *intake;
    struct str user, node; /* reroute: where to */
    unsigned found, busy;
    struct why why; /* reroute: why not, "" */
};

static void bounce_message(struct family *f, struct message *m)
{
    struct why w;
    struct dsn_rcpt *rcpt = mem_new((m->nrcpt + 1) * sizeof *rcpt);
    why_set(&w, E_PERM, 554, "5.0.0", "returned by the administrator");
    for (size_t i = 0; i < m->nrcpt; i++)
        rcpt[i] = dsn_rcpt_of(&m->rcpt[i], &w);
    dsn_add(f->call->g, f->intake, DSN_FAILED, m, rcpt, m->nrcpt);
    free(rcpt);
    change_remove(f->change, m->id);
    change_journal(f->change, m->origin, "bounced", "by the administrator");
}

static int act_on(void *arg_, struct message *m)
{
    struct family *f = arg_;
    f->found++;
    bool sending = !relay_let_go(f->call->g->relay, m->id);
    if (sending && (str_is(f->action, "bounce") || str_is(f->action, "reroute"))) {
        f->busy++; /* it may be delivered this very moment */
    } else if (str_is(f->action, "reroute")) {
        if (nje_reroute(f->call->g->nje, f->intake, m, f->user, f->node, &f->why) < 0)
            log_event(LOG_WARN, m->id, "not-rerouted", "error=%s", log_quote(str_of(f->why.text)));
    } else if (str_is(f->action, "hold")) {
        change_state(f->change, m->id, RCPT_HELD);
        change_journal(f->change, m->origin, "held", "by the administrator");
    } else if (str_is(f->action, "release") || str_is(f->action, "retry")) {
        change_state(f->change, m->id, RCPT_READY);
        change_journal(f->change, m->origin, "released", "by the administrator");
    } else if (str_is(f->action, "bounce")) {
        bounce_message(f, m);
    } else {
        change_remove(f->change, m->id);
        change_journal(f->change, m->origin, "deleted", "by the administrator");
    }
    message_free(&m);
    return 0;
}

struct waiting {
    struct ctl_call *call;
    unsigned found, busy;
    char last[16];
};

static void changed(void *arg_, const struct why *w)
{
    struct waiting *wt = arg_;
    struct ctl_call *c = wt->call;
    if (w == NULL)
        relay_rescan(c->g->relay);
    if (w != NULL)
        ctl_answer(c, 4, "%s", w->text);
    else if (wt->found == 0)
        ctl_answer(c, 1, "no message %s in the queue", wt->last);
    else if (wt->busy > 0)
        ctl_answer(c, 1, "message %s is being sent right now; try again in a moment", wt->last);
    else
        ctl_answer(c, 0, " ");
}

static void retry_destination(struct ctl_call *c, struct str pattern)
{
    struct waiting *wt = arena_alloc(c->arena, sizeof *wt);
    struct change *change = change_new(c->g->store);
    *wt = (struct waiting){.call = c, .found = 1};
    change_retry(change, DOOR_NONE, pattern.n > 0 ? pattern : STR("*"));
    change_commit(&change, changed, wt);
}

/* reroute ID USER@NODE */
static void reroute(struct ctl_call *c)
{
    struct family f = {.call = c, .action = STR("reroute")};
    struct waiting *wt = arena_alloc(c->arena, sizeof *wt);
    struct nje_name name;
    struct why w;
    uint64_t id;
    struct str to = arg(c, 3);
    ptrdiff_t at = str_find_last(to, '@');
    f.user = str_sub(to, 0, at < 0 ? to.n : (size_t)at);
    f.node = at < 0 ? STR("") : str_sub(to, (size_t)at + 1, to.n);
    if (!str_number(arg(c, 2), UINT64_MAX, &id) || !ebc_name(&name, f.user) ||
        !ebc_name(&name, f.node)) {
        ctl_answer(c, 1, "the form is: queue reroute ID USER@NODE");
        return;
    }
    f.intake = intake_new(c->g);
    f.change = intake_change(f.intake);
    int v = queue_family(store_reader(c->g->store), id, act_on, &f, &w);
    if (v < 0 || f.why.text[0] != '\0') {
        intake_drop(&f.intake);
        relay_rescan(c->g->relay); /* it was let go */
        ctl_answer(c, 1, "%s", v < 0 ? w.text : f.why.text);
        return;
    }
    *wt = (struct waiting){.call = c, .found = f.found, .busy = f.busy};
    str_copy(wt->last, sizeof wt->last, arg(c, 2));
    intake_commit(&f.intake, changed, wt);
}

static void queue_verb(struct ctl_call *c)
{
    uint64_t id;
    struct why w;
    struct str action = arg(c, 1);
    if (str_is(action, "retry") && (c->nword == 2 || !str_number(arg(c, 2), UINT64_MAX, &id))) {
        retry_destination(c, arg(c, 2));
        return;
    }
    if (str_is(action, "reroute")) {
        reroute(c);
        return;
    }
    struct family f = {.call = c, .action = action, .intake = intake_new(c->g)};
    f.change = intake_change(f.intake);
    struct waiting *wt = arena_alloc(c->arena, sizeof *wt);
    wt->call = c;
    for (size_t i = 2; i < c->nword && i < IDS_MAX; i++) {
        unsigned before = f.found, busy = f.busy;
        if (!str_number(arg(c, i), UINT64_MAX, &id)) {
            intake_drop(&f.intake);
            ctl_answer(c, 1, "\"%.*s\" is not a message number", STR_ARG(arg(c, i)));
            return;
        }
        int v = queue_family(store_reader(c->g->store), id, act_on, &f, &w);
        if (v < 0 || f.found == before || f.busy > busy)
            str_copy(wt->last, sizeof wt->last, arg(c, i));
        if (v >= 0 && f.found == before) {
            f.found = 0;
            break;
        }
    }
    wt->found = f.found;
    wt->busy = f.busy;
    intake_commit(&f.intake, changed, wt);
}

/* --- links, status, commands --- */

struct link_list {
    struct ctl_call *c;
    uint64_t *queued; /* by place in the configuration */
};

static uint64_t link_queued(const struct link_list *list, struct str name)
{
    const struct conf *conf = list->c->g->conf;
    for (size_t i = 0; i < conf->nlink; i++)
        if (str_eq(conf->link[i].name, name))
            return list->queued[i];
    return 0;
}

static void link_cells(void *arg_, const struct conf_link *conf, enum link_state s,
                       const struct link_stat *st)
{
    struct link_list *list = arg_;
    struct ctl_call *c = list->c;
    ctl_cell(c, "%.*s", STR_ARG(conf->name));
    ctl_cell(c, "%.*s", STR_ARG(conf->node));
    ctl_cell(c, "%s", link_state_name(s));
    ctl_cell(c, "%lld", (long long)wall_s(st->since));
    ctl_cell(c, "%u", st->bufsize);
    ctl_cell(c, "%u", st->streams);
    ctl_cell(c, "%llu", (unsigned long long)st->files_in);
    ctl_cell(c, "%llu", (unsigned long long)st->files_out);
    ctl_cell(c, "%llu", (unsigned long long)st->bytes_in);
    ctl_cell(c, "%llu", (unsigned long long)st->bytes_out);
    ctl_cell(c, "%llu", (unsigned long long)link_queued(list, conf->name));
    ctl_cell(c, "%s", st->reason);
}

static void link_verb(struct ctl_call *c)
{
    static const char *const names[] = {"start", "stop", "drain"};
    struct why w;
    if (str_is(arg(c, 1), "list")) {
        struct link_list list = {c, rscscmd_queued(c->g)};
        nje_each(c->g->nje, link_cells, &list);
        free(list.queued);
        ctl_answer(c, 0, " ");
        return;
    }
    for (int i = 0; i < 3; i++) {
        if (!str_is(arg(c, 1), names[i]))
            continue;
        if (nje_link_do(c->g->nje, arg(c, 2), (enum nje_action)i, &w) < 0)
            ctl_answer(c, 1, "%s", w.text);
        else
            ctl_answer(c, 0, " ");
        return;
    }
    ctl_answer(c, 2, "link: %.*s is none of list, start, stop, drain", STR_ARG(arg(c, 1)));
}

static void line_cell(void *arg_, struct str line)
{
    ctl_cell(arg_, "%.*s", STR_ARG(line));
}

static const struct oper_asker console = {{"", 0}, {"", 0}, ""};

static void smsg_verb(struct ctl_call *c)
{
    oper_smsg(c->g, &console, arg(c, 1), line_cell, c);
    ctl_answer(c, 0, " ");
}

/* --- what our own users send --- */

/* "USER@NODE", "user@host.domain" or a nickname, as our user `from` knows it. */
static int find_target(struct ctl_call *c, struct str to, struct str from, struct admitted *out,
                       struct why *w)
{
    const struct asker by = {
        FROM_LOCAL, arena_printf(c->arena, "%.*s@%.*s", STR_ARG(from), STR_ARG(c->g->conf->local))};
    ptrdiff_t at = str_find_last(to, '@');
    *out = (struct admitted){.original = to};
    int v = at < 0 ? admit_user(c->g, by, to, c->g->conf->dim_node, c->arena, out, w)
                   : admit_mailbox(c->g, by, str_sub(to, 0, (size_t)at),
                                   str_sub(to, (size_t)at + 1, to.n), c->arena, out, w);
    if (v == 0 && out->list) /* written to as an NJE user would: the nickname at DIMNODE */
        *out = (struct admitted){.to = DOOR_NJE,
                                 .original = to,
                                 .user = at < 0 ? to : str_sub(to, 0, (size_t)at),
                                 .node = c->g->conf->dim_node};
    return v;
}

static int find_from(struct ctl_call *c, struct str from, struct str *user, struct why *w)
{
    const struct conf *conf = c->g->conf;
    const struct conf_user *u = conf_user_of(conf, from);
    if (from.n == 0 && conf->nuser > 0)
        u = &conf->user[0];
    if (u == NULL)
        return why_set(w, E_ABSENT, 0, NULL, "%.*s is no LOCALUSER; say --from USER",
                       STR_ARG(from.n > 0 ? from : STR("(nobody)")));
    *user = u->userid;
    return 0;
}

static void sent(void *arg_, const struct why *w)
{
    if (w != NULL)
        ctl_answer(arg_, 1, "%s", w->text);
    else
        ctl_answer(arg_, 0, " ");
}

/* The words TO FROM of a request; false when it is answered, with what is wrong in them. */
static bool find_both(struct ctl_call *c, struct str *user, struct admitted *to)
{
    struct why w;
    if (find_from(c, arg(c, 2), user, &w) == 0 && find_target(c, arg(c, 1), *user, to, &w) == 0)
        return true;
    ctl_answer(c, 1, "%s", w.text);
    return false;
}

/* w: why there is no file, NULL when there is one. */
static void submit(struct ctl_call *c, const struct why *w, struct njefile_out *file,
                   const struct admitted *to)
{
    if (w != NULL) {
        ctl_answer(c, 1, "%s", w->text);
        return;
    }
    nje_submit(c->g->nje, file->deck, to->to == DOOR_SMTP ? to : NULL, sent, c);
    body_free(&file->deck);
}

static void fill_spec(struct ctl_call *c, struct njefile_spec *spec, struct str user,
                      const struct admitted *to)
{
    *spec = (struct njefile_spec){.from_user = user,
                                  .from_node = c->g->conf->local,
                                  .to_user = to->to == DOOR_SMTP ? STR("SMTP") : to->user,
                                  .to_node = to->to == DOOR_SMTP ? c->g->conf->local : to->node,
                                  .form = STR("STD"),
                                  .class = 'A',
                                  .page = conf_page_for(c->g->conf, to->user, to->node),
                                  .id = store_next_id(c->g->store),
                                  .now = wall_now()};
}

/* note TO FROM SUBJECT TEXT */
static void note_verb(struct ctl_call *c)
{
    struct admitted to;
    struct why w;
    struct str user;
    if (!find_both(c, &user, &to))
        return;
    struct note n = {.date = wall_now(), .has_from = true, .subject = arg(c, 3), .text = arg(c, 4)};
    struct note_rcpt rcpt = {.addr = {.user = to.user, .node = to.node}};
    ptrdiff_t at = str_find_last(to.mailbox, '@');
    if (to.to == DOOR_SMTP)
        rcpt.addr = (struct note_addr){.user = str_sub(to.mailbox, 0, (size_t)at),
                                       .node = str_sub(to.mailbox, (size_t)at + 1, to.mailbox.n)};
    n.from = (struct note_addr){.user = user, .node = c->g->conf->local};
    n.rcpt = &rcpt, n.nrcpt = 1;
    zone_local(n.date, &n.offset, n.zone);
    struct buf lines;
    buf_init(&lines, MAIL_MAX);
    note_write(&lines, &n, NOTE_CMS, 0);
    struct njefile_spec spec;
    struct njefile_out file = {.deck = NULL};
    fill_spec(c, &spec, user, &to);
    spec.fn = user, spec.ft = STR("NOTE"), spec.note = true;
    int v = njefile_text(c->g->store, &spec, buf_text(&lines), MAIL_MAX, &file, &w);
    buf_done(&lines);
    submit(c, v < 0 ? &w : NULL, &file, &to);
}

static bool is_text(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' && strchr("\t\n\r\f", s.p[i]) == NULL)
            return false;
    return text_is_utf8(s);
}

/* sendfile TO FROM FN FT FORMAT CONTENT */
static void sendfile_verb(struct ctl_call *c)
{
    struct admitted to;
    struct why w;
    struct str user;
    if (!find_both(c, &user, &to))
        return;
    struct njefile_spec spec;
    struct njefile_out file = {.deck = NULL};
    struct str content = arg(c, 6);
    bool text = is_text(content);
    fill_spec(c, &spec, user, &to);
    spec.fn = arg(c, 3), spec.ft = arg(c, 4);
    spec.format = str_is(arg(c, 5), "PUNCH") ? FORMAT_PUNCH : FORMAT_NETDATA;
    int v;
    if (spec.format == FORMAT_PUNCH && !text)
        v = why_set(&w, E_DENIED, 0, NULL,
                    "the file is not text: cards would change it; leave --punch out");
    else if (text)
        v = njefile_text(c->g->store, &spec, content, MAIL_MAX, &file, &w);
    else
        v = njefile_bytes(c->g->store, &spec, cur_of_str(content), MAIL_MAX, &file, &w);
    submit(c, v < 0 ? &w : NULL, &file, &to);
}

/* receipt TO FROM STAMP DSNAME MARK: a file of TO's was received (TSO and CMS RECEIVE send this) */
static void receipt_verb(struct ctl_call *c)
{
    struct admitted to;
    struct why w;
    struct str user;
    if (!find_both(c, &user, &to))
        return;
    struct nd_file f = {.stamp = arg(c, 3),
                        .dsname = arg(c, 4),
                        .ack = arg(c, 5),
                        .ack_wanted = true,
                        .note = arg(c, 4).n == 0};
    if (!ebc_name(&f.from_user, user) || !ebc_name(&f.from_node, c->g->conf->local) ||
        !ebc_name(&f.to_user, to.user) || !ebc_name(&f.to_node, to.node)) {
        ctl_answer(c, 1, "%.*s is no user of an NJE node", STR_ARG(arg(c, 1)));
        return;
    }
    static const struct filefact as_it_is = {.form = FACT_NETDATA};
    struct njefile_spec spec;
    struct njefile_out file = {.deck = NULL};
    struct buf transmission;
    buf_init(&transmission, RECEIPT_MAX);
    nd_ack(&transmission, &f, wall_now());
    fill_spec(c, &spec, user, &to);
    spec.fn = user, spec.ft = STR("ACK"), spec.fact = &as_it_is;
    int v = njefile_bytes(c->g->store, &spec, buf_cur(&transmission), RECEIPT_MAX, &file, &w);
    buf_done(&transmission);
    submit(c, v < 0 ? &w : NULL, &file, &to);
}

/* tell USER@NODE FROM TEXT */
static void tell_verb(struct ctl_call *c)
{
    struct why w;
    struct str user, to = arg(c, 1);
    ptrdiff_t at = str_find_last(to, '@');
    if (at <= 0) {
        ctl_answer(c, 1, "\"%.*s\" is not USER@NODE", STR_ARG(to));
    } else if (find_from(c, arg(c, 2), &user, &w) < 0) {
        ctl_answer(c, 1, "%s", w.text);
    } else if (!nje_tell(c->g->nje, user, c->g->conf->local, str_sub(to, 0, (size_t)at),
                         str_sub(to, (size_t)at + 1, to.n), arg(c, 3))) {
        ctl_answer(
            c, 1,
            "no way to %.*s now: his node is unknown, its link is down, or he is no user here",
            STR_ARG(to));
    } else {
        ctl_answer(c, 0, " ");
    }
}

static void resolve_cell(struct ctl_call *c, const char *door, enum policy_source source)
{
    struct admitted a;
    struct why w;
    struct str to = arg(c, 1);
    ptrdiff_t at = str_find_last(to, '@');
    struct str local = at < 0 ? to : str_sub(to, 0, (size_t)at);
    struct str domain = at < 0 ? STR("") : str_sub(to, (size_t)at + 1, to.n);
    struct buf steps;
    struct str rest, line;
    buf_init(&steps, 16384);
    int v = admit_explain(c->g, (struct asker){.source = source}, local, domain, c->arena, &a,
                          &steps, &w);
    rest = buf_text(&steps);
    while (str_line(&rest, &line)) {
        ctl_cell(c, "%s, looked up", door);
        ctl_cell(c, "%.*s", STR_ARG(line));
    }
    buf_done(&steps);
    ctl_cell(c, "%s", door);
    if (v < 0)
        ctl_cell(c, "refused: %d %s %s", why_smtp(&w), why_enh(&w), w.text);
    else if (a.list)
        ctl_cell(c, "list of %zu recipients: see the steps", a.nmore);
    else if (a.to == DOOR_SMTP)
        ctl_cell(c, "Internet mailbox %.*s", STR_ARG(a.mailbox));
    else if (a.to == DOOR_LOCAL)
        ctl_cell(c, "reader of our user %.*s%s%.*s", STR_ARG(a.user),
                 a.forward.n > 0 ? ", copy to " : "", STR_ARG(a.forward));
    else
        ctl_cell(c, "NJE user %.*s at %.*s", STR_ARG(a.user), STR_ARG(a.node));
}

/* resolve ADDRESS: what each door makes of it, and how the other side would see it. */
static void resolve_verb(struct ctl_call *c)
{
    struct str to = arg(c, 1);
    ptrdiff_t at = str_find_last(to, '@');
    resolve_cell(c, "from the Internet", FROM_INTERNET);
    resolve_cell(c, "from NJE", FROM_NJE);
    if (at > 0) {
        struct str user, node;
        bool nick;
        admit_nje_view(c->g, c->arena, str_sub(to, 0, (size_t)at),
                       str_sub(to, (size_t)at + 1, to.n), &user, &node, &nick);
        ctl_cell(c, "seen at a 3270");
        ctl_cell(c, "%.*s at %.*s", STR_ARG(user), STR_ARG(node));
        if (str_find(node, '.') < 0 && !nick) {
            ctl_cell(c, "seen from the Internet");
            ctl_cell(c, "%.*s", STR_ARG(admit_internet(c->g, c->arena, user, node)));
        }
    }
    ctl_answer(c, 0, " ");
}

static void ping_verb(struct ctl_call *c)
{
    ctl_answer(c, 0, " ");
}

static void shutdown_verb(struct ctl_call *c)
{
    oper_smsg(c->g, &console, STR("SHUTDOWN"), line_cell, c);
    ctl_answer(c, 0, " ");
}

void ctl_dispatch(struct ctl_call *c)
{
    db_refresh(store_reader(c->g->store));
    static const struct {
        const char *name;
        void (*fn)(struct ctl_call *c);
    } verbs[] = {
        {"queue", queue_verb},     {"link", link_verb},       {"smsg", smsg_verb},
        {"status", ctl_status},    {"note", note_verb},       {"sendfile", sendfile_verb},
        {"tell", tell_verb},       {"ping", ping_verb},       {"shutdown", shutdown_verb},
        {"resolve", resolve_verb}, {"receipt", receipt_verb},
    };
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (str_is(arg(c, 0), verbs[i].name)) {
            verbs[i].fn(c);
            return;
        }
    }
    ctl_answer(c, 2, "the daemon knows no verb %.*s", STR_ARG(str_sub(arg(c, 0), 0, 40)));
}
