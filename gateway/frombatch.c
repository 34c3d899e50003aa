/* gateway/frombatch.c -- batch SMTP in a file from the NJE side: what its commands may do. */
#include "db/secrow.h"
#include "gateway/dsn.h"
#include "gateway/fromnje_private.h"
#include "gateway/relay.h"
#include "gateway/smtp/bsmtp.h"
#include "rscs/punch.h"

#define RCPTS_MAX 1000u

static bool exempt_mailer(const struct job *j)
{
    for (size_t i = 0; i < j->g->conf->nexempt_mailer; i++)
        if (str_eq_nocase(j->g->conf->exempt_mailer[i], j->file.from_user))
            return true;
    return false;
}

/* Which NJE user does MAIL FROM name? user "": none of ours. */
static void batch_user(struct job *j, const struct smtp_path *p, struct str *user, struct str *node)
{
    struct why bad;
    struct addr a = {.kind = ADDR_NET, .mailbox = p->text};
    *user = *node = STR("");
    if (p->text.n == 0)
        return;
    if (p->domain.n > 0 && str_find(p->domain, '.') < 0 && !addr_is_ours(&j->g->names, p->domain))
        a = (struct addr){.kind = ADDR_NJE, .user = p->local, .node = p->domain};
    else
        a = addr_read(j->arena, &j->g->names, p->local, p->domain, &bad);
    if (j->g->conf->secure && a.kind == ADDR_BARE && p->domain.n > 0) {
        /* One of his own nicknames, though mail to it may lead to somebody else. */
        if (secrow_has_nick(store_reader(j->g->store), j->file.from_user, j->file.from_node, a.user,
                            &bad) > 0)
            *user = j->file.from_user, *node = j->file.from_node;
        else if (!admit_owner(j->g, j->arena, p->local, p->domain, user, node))
            *user = p->local, *node = j->g->conf->local;
        return;
    }
    if (a.kind == ADDR_BARE || p->domain.n == 0)
        a = (struct addr){.kind = ADDR_NJE, .user = p->local, .node = j->g->conf->local};
    if (a.kind == ADDR_NJE)
        *user = a.user, *node = a.node;
}

/* VERIFYBATCHSMTPSENDER and SECURE: the envelope's sender is the file's origin. The mailers named
 * may speak for others: under SECURE for other registered users. */
static int check_batch_sender(struct job *j, const struct smtp_path *p, struct str user,
                              struct str node, struct why *w)
{
    const struct conf *c = j->g->conf;
    bool same = str_eq_nocase(user, j->file.from_user) && str_eq_nocase(node, j->file.from_node);
    if (c->secure && p->route)
        return why_set(w, E_DENIED, 550, "5.1.7", "Source routes are not taken (SECURE)");
    if ((!c->verify_batch_sender && !c->secure) || p->text.n == 0 || same)
        return 0;
    if (c->verify_batch_sender && exempt_mailer(j))
        return c->secure && user.n > 0 ? admit_sender(j->g, user, node, w) : 0;
    return why_set(w, E_DENIED, 550, "5.7.1",
                   "Spool File Origin: <%.*s@%.*s> does not match Sender's Address: %.*s",
                   STR_ARG(j->file.from_user), STR_ARG(j->file.from_node), STR_ARG(p->text));
}

/* MAIL FROM: an NJE user is mapped to his Internet address; another domain passes. */
static int batch_sender(void *arg, const struct smtp_path *p, struct why *w)
{
    struct job *j = arg;
    struct str user, node;
    j->from = DOOR_NJE;
    batch_user(j, p, &user, &node);
    int v = check_batch_sender(j, p, user, node, w);
    if (v < 0)
        return v;
    if (user.n > 0) {
        j->sender = admit_internet(j->g, j->arena, user, node);
        j->origin_sender = arena_printf(j->arena, "%.*s@%.*s", STR_ARG(user), STR_ARG(node));
    } else {
        j->sender = j->origin_sender = arena_str(j->arena, p->text);
        if (p->text.n > 0)
            j->from = DOOR_SMTP; /* news of it goes to that mailbox */
    }
    return 0;
}

static int batch_rcpt(void *arg, const struct smtp_path *p, void **user, struct why *w)
{
    struct job *j = arg;
    struct admitted *a = arena_alloc(j->arena, sizeof *a);
    if (a == NULL || arena_full(j->arena))
        return why_set(w, E_LIMIT, 452, "4.5.3", "Too many recipients");
    *user = a;
    if (p->route && (!j->g->conf->source_routes || j->g->conf->secure))
        return why_set(w, E_DENIED, 550, "5.1.3", "Source routes are not taken");
    return job_recipient(j, NULL, p->local, p->domain, a, w);
}

static int batch_mail(void *arg, const struct bsmtp_mail *m, struct why *w)
{
    struct job *j = arg;
    struct admitted *rcpt = arena_alloc(j->arena, (m->nrcpt + 1) * sizeof *rcpt);
    if (rcpt == NULL)
        return why_set(w, E_LIMIT, 452, "4.5.3", "Too many recipients");
    for (size_t i = 0; i < m->nrcpt; i++) {
        rcpt[i] = *(const struct admitted *)m->rcpt_user[i];
        rcpt[i].notify = m->rcpt_params[i].notify;
        rcpt[i].orcpt = m->rcpt_params[i].orcpt;
    }
    j->ret = m->params.ret;
    j->envid = m->params.envid;
    /* What is made later must not be gone by then. */
    struct str text =
        intake_apart(j->g, m->content.n) ? arena_str(j->arena, m->content) : m->content;
    return job_post_822(j, text, rcpt, m->nrcpt, w);
}

static int batch_who(void *arg, const struct smtp_path *p, struct buf *lines, struct why *w)
{
    struct job *j = arg;
    struct admitted a = {.to = DOOR_SMTP};
    int v = job_recipient(j, NULL, p->local, p->domain, &a, w);
    if (v < 0)
        return v;
    if (a.to == DOOR_SMTP)
        buf_printf(lines, "<%.*s>\n", STR_ARG(a.mailbox));
    else
        buf_printf(lines, "<%.*s@%.*s>\n", STR_ARG(a.user), STR_ARG(a.node));
    if (a.forward.n > 0)
        buf_printf(lines, "<%.*s>\n", STR_ARG(a.forward));
    return 0;
}

struct queue_lines {
    struct buf *out;
    bool date;
};

static void queue_line(void *arg, const struct relay_line *l)
{
    struct queue_lines *q = arg;
    buf_printf(q->out, "%s: %zu waiting, %u active", l->key, l->waiting, l->open);
    if (q->date && l->waiting > 0)
        buf_printf(q->out, ", next try in %lld s", (long long)l->retry_s);
    if (l->reason[0] != '\0')
        buf_printf(q->out, ", %s", l->reason);
    buf_u8(q->out, '\n');
}

static void batch_queues(void *arg, bool date, struct buf *lines)
{
    struct job *j = arg;
    struct queue_lines q = {lines, date};
    relay_each(j->g->relay, queue_line, &q);
    buf_printf(lines, "%llu mails queued\n", (unsigned long long)store_queued(j->g->store));
}

/* Errors are told the last sender who was accepted, as far as he is in the network (a report to any
 * address somebody writes into a file would be no report); replies that were asked for go to the
 * file's origin. */
static void batch_report(struct job *j, const struct bsmtp *b)
{
    bool errors = bsmtp_errors(b) > 0;
    struct str user = j->file.from_user, node = j->file.from_node;
    ptrdiff_t at = str_find_last(j->origin_sender, '@');
    if (errors && bsmtp_sender(b).n > 0 && j->from == DOOR_NJE && at > 0) {
        user = str_sub(j->origin_sender, 0, (size_t)at);
        node = str_sub(j->origin_sender, (size_t)at + 1, j->origin_sender.n);
    }
    struct str subject = errors ? STR("Errors in your batch SMTP file") : STR("Batch SMTP replies");
    dsn_note(j->g, j->in, user, node, subject, bsmtp_report(b));
    intake_journal(j->in, "batch", "errors=%u replies sent to %.*s@%.*s", bsmtp_errors(b),
                   STR_ARG(user), STR_ARG(node));
    bool same = str_eq_nocase(user, j->file.from_user) && str_eq_nocase(node, j->file.from_node);
    if (bsmtp_verbose(b) && !same)
        dsn_note(j->g, j->in, j->file.from_user, j->file.from_node, STR("Batch SMTP replies"),
                 bsmtp_report(b));
}

void job_batch(struct job *j, const struct njefile_item *text)
{
    static const struct bsmtp_ops ops = {.sender = batch_sender,
                                         .rcpt = batch_rcpt,
                                         .mail = batch_mail,
                                         .who = batch_who,
                                         .queues = batch_queues};
    struct bsmtp_set set = {.hostname = j->g->names.hostname.p,
                            .max_size = (uint64_t)j->g->conf->max_mail_bytes,
                            .max_rcpt = RCPTS_MAX,
                            .columns = j->file.netdata ? 0 : CARD_SIZE,
                            .disallow = (unsigned)j->g->conf->disallow};
    j->batch = true;
    struct bsmtp *b = bsmtp_new(&set, &ops, j);
    struct str rest = text->content, line;
    while (str_line(&rest, &line))
        bsmtp_line(b, line);
    bsmtp_end(b);
    if (bsmtp_errors(b) > 0 || bsmtp_verbose(b))
        batch_report(j, b);
    bsmtp_free(&b);
}
