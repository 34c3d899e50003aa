/* gateway/smtpin.c -- the SMTP door. */
#include "gateway/smtpin.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/log.h"
#include "base/mem.h"
#include "gateway/batchin.h"
#include "gateway/gate/caller.h"
#include "gateway/gate/filter.h"
#include "gateway/ibmlog.h"
#include "gateway/intake.h"
#include "gateway/listening.h"
#include "gateway/mail/date.h"
#include "gateway/mail/header.h"
#include "gateway/mail/mime.h"
#include "gateway/smtp/passcheck.h"
#include "gateway/smtp/server.h"

#define PENDING_MAX 20000u /* changes given to the store and not yet durable */
#define LARGE 262144u      /* octets: a mail that must be written anew is, apart */

/* What LISTENSMTP can say of a port; sessions borrow it, so all that ever were coded stay. */
struct kind_of_door {
    struct kind_of_door *next;
    struct smtpd_door door;
};
struct smtpin {
    struct gate *g;
    struct kind_of_door *doors;
    struct passcheck *passwords;
    struct smtpd *server;
    struct listening *ports;
    size_t undecided;
    uint64_t room; /* free on the disk, and when that was so */
    struct mono room_at;
};
/* What stands in front of a mail in its body: known before the content comes. */
struct front {
    msg_id id;
    struct str received; /* our own field */
};
/* A mail between its last dot and our answer. */
struct taking {
    struct smtpin *s;
    struct smtpd_mail *m;
    msg_id id;
    struct intake *in;
    struct body *body;  /* the mail as it came, our field in front */
    struct body *fresh; /* and as it has become, when it was written anew */
    struct str added;   /* fields that belong behind ours */
    bool edited;        /* mail holds it: it has been shown to filters, or something taken out */
    struct milter_mail mail; /* lends from body */
    struct work_job job;     /* writing it anew */
    int v;
    struct why why;
};

/* Room on the disk for half as much again as the mail says it needs, and some for all else. Asked
 * once a second. */
static int check_room(struct smtpin *s, const struct smtpd_mail *m, struct why *w)
{
    struct statvfs fs;
    if (mono_ms(s->room_at, mono_now()) > 1000 || s->room_at.us == 0) {
        if (statvfs(s->g->conf->spooldir.p, &fs) != 0)
            return 0; /* the store says what is wrong with it */
        s->room = (uint64_t)fs.f_bavail * fs.f_frsize;
        s->room_at = mono_now();
    }
    uint64_t size = m->params.size < UINT64_MAX / 2 ? m->params.size : 0;
    if (s->room >= (uint64_t)s->g->conf->min_free + size + size / 2)
        return 0;
    return why_set(w, E_LIMIT, 452, "4.3.1", "Not enough room on the disk, try again later");
}

/* Any sender may knock: whether his mail has a way is decided for each recipient. */
static int on_mail(void *arg, struct smtpd_mail *m, struct why *w)
{
    struct smtpin *s = arg;
    db_refresh(store_reader(s->g->store));
    if (store_pending(s->g->store) > PENDING_MAX)
        return why_set(w, E_TEMP, 451, "4.3.2", "The disk is slow just now; try again in a minute");
    int v = check_room(s, m, w);
    if (v < 0)
        return v;
    if (s->g->conf->tls_need == TLS_NEEDED && m->tls[0] == '\0')
        return why_set(w, E_DENIED, 530, "5.7.0", "Must issue a STARTTLS command first");
    if (s->g->conf->secure && m->sender.route)
        return why_set(w, E_DENIED, 550, "5.1.7", "Source routes are not taken (SECURE)");
    return 0;
}

/* Some host on the way takes no BODY=BINARYMIME. */
static bool leaves_us(const struct admitted *a)
{
    bool leaves = a->to == DOOR_SMTP || a->forward.n > 0;
    for (size_t i = 0; i < a->nmore; i++)
        leaves = leaves || a->more[i].to == DOOR_SMTP || a->more[i].forward.n > 0;
    return leaves;
}

static struct batchin_client client_of(const struct smtpd_mail *m)
{
    return (struct batchin_client){.peer = &m->peer, .login = m->login};
}

static int on_rcpt(void *arg, struct smtpd_mail *m, struct smtpd_rcpt *r, struct why *w)
{
    struct smtpin *s = arg;
    struct admitted *a = arena_alloc(m->arena, sizeof *a);
    if (a == NULL || arena_full(m->arena))
        return why_set(w, E_LIMIT, 452, "4.5.3", "Too many recipients");
    struct batchin_client client = client_of(m);
    r->user = a;
    int v = 0;
    if (!r->path.route && batchin_meant(s->g, &client, &r->path))
        *a = (struct admitted){.to = DOOR_LOCAL, .batch = true, .original = r->path.text};
    else if (r->path.route && (!s->g->conf->source_routes || s->g->conf->secure))
        v = why_set(w, E_DENIED, 550, "5.1.3", "Source routes are not taken; write <%.*s>",
                    STR_ARG(r->path.text));
    else
        v = admit_mailbox(s->g,
                          (struct asker){.source = m->login.n > 0 ? FROM_SIGNED : FROM_INTERNET},
                          r->path.local, r->path.domain, m->arena, a, w);
    if (v < 0) {
        char at[64];
        s->g->stat.refused++;
        log_event(LOG_INFO, 0, "refused", "peer=%s from=%s to=%s reason=%s",
                  endpoint_text(&m->peer, false, at), log_quote(m->sender.text),
                  log_quote(r->path.text), log_quote(str_of(w->text)));
        ibmlog_rejected(s->g, m->sender.text, r->path.text);
    }
    return v;
}

/* RFC 3848: ESMTPS for ESMTP over TLS, A for a client that signed on; RFC 6531 4.3. */
static const char *protocol(const struct smtpd_mail *m)
{
    if (m->params.utf8)
        return m->login.n > 0 ? "UTF8SMTPSA" : m->tls[0] != '\0' ? "UTF8SMTPS" : "UTF8SMTP";
    return !m->esmtp ? "SMTP" : m->login.n > 0 ? "ESMTPSA" : m->tls[0] != '\0' ? "ESMTPS" : "ESMTP";
}

/* RFC 5321 4.4: what the DNS has told of the address stands beside it. */
static const char *client_name(const struct smtpd_mail *m)
{
    if (m->client.n > 0)
        return arena_printf(m->arena, "%.*s ", STR_ARG(m->client)).p;
    return m->client_status == RDNS_UNASKED ? "" : "unknown ";
}

/* VERIFYCLIENT */
static const char *helo_facts(const struct smtpd_mail *m)
{
    static const char *const said[] = {[RDNS_UNASKED] = "",
                                       [RDNS_CONFIRMED] = " (HELO verified)",
                                       [RDNS_NONE] = " (HELO not verified: no such name)",
                                       [RDNS_OTHER] = " (HELO not verified: it is another host)",
                                       [RDNS_FAILED] =
                                           " (HELO not verified: name servers did not answer)"};
    return said[m->helo_status];
}

static struct str received(const struct smtpin *s, const struct smtpd_mail *m, msg_id id)
{
    char at[64];
    struct buf date, field;
    buf_init(&date, 100);
    buf_init(&field, 4096);
    date_put(&date, wall_now(), 0);
    hdr_put(&field, "Received",
            arena_printf(
                m->arena,
                "from %.*s (%s[%s%s])%s%s%s%s by %.*s (njegate) with %s id " MSG_ID_FMT "; %.*s",
                STR_ARG(m->helo), client_name(m), m->peer.any.sa_family == AF_INET6 ? "IPv6:" : "",
                endpoint_text(&m->peer, false, at), helo_facts(m),
                m->tls[0] != '\0' ? " (using " : "", m->tls, m->tls[0] != '\0' ? ")" : "",
                STR_ARG(s->g->names.hostname), protocol(m), MSG_ID_ARG(id),
                STR_ARG(buf_text(&date))));
    struct str out = arena_str(m->arena, buf_text(&field));
    buf_done(&date);
    buf_done(&field);
    return out;
}

/* Nobody gets the mail as it is. */
static bool only_nje(const struct smtpd_mail *m)
{
    for (size_t i = 0; i < m->nrcpt; i++) {
        const struct admitted *to = m->rcpt[i].user;
        if (to->to == DOOR_SMTP || to->list || to->forward.n > 0)
            return false;
    }
    return true;
}

static struct str on_begin(void *arg, struct smtpd_mail *m)
{
    const struct smtpin *s = arg;
    struct front *f = arena_alloc(m->arena, sizeof *f);
    if (f == NULL)
        return STR("");
    f->id = store_next_id(s->g->store);
    f->received = received(s, m, f->id);
    m->user = f;
    m->passing = only_nje(m);
    return f->received;
}

/* RFC 6409 8.2, 8.3: what a client that signed on has left out. */
static struct str left_out(const struct smtpin *s, const struct smtpd_mail *m, struct cur content,
                           msg_id id)
{
    struct hdr h;
    struct why w;
    struct buf b, date;
    if (m->login.n == 0 || hdr_parse(m->arena, cur_str(&content), &h, &w) < 0)
        return STR("");
    buf_init(&b, 4096);
    buf_init(&date, 100);
    date_put(&date, wall_now(), 0);
    if (hdr_get(&h, "Date", 0) == NULL)
        hdr_put(&b, "Date", buf_text(&date));
    if (hdr_get(&h, "Message-ID", 0) == NULL)
        hdr_put(&b, "Message-ID",
                arena_printf(m->arena, "<" MSG_ID_FMT ".%lld@%.*s>", MSG_ID_ARG(id),
                             (long long)wall_now().us, STR_ARG(s->g->names.hostname)));
    struct str out = arena_str(m->arena, buf_text(&b));
    buf_done(&date);
    buf_done(&b);
    return out;
}

static int check_lines(const struct smtpin *s, struct str content, struct why *w)
{
    uint64_t most = s->g->conf->limit[LIMIT_LINE];
    while (content.n > most) { /* what is left may hold a line that is too long */
        const char *last = memrchr(content.p, '\n', (size_t)most + 1);
        if (last == NULL)
            return why_set(w, E_LIMIT, 550, "5.6.0", "A line is longer than %llu octets",
                           (unsigned long long)most);
        content = str_sub(content, (size_t)(last - content.p) + 1, content.n);
    }
    return 0;
}

/* A mail that has been through too many hosts goes in a circle. 1: it holds fields in our name. */
static int check_header(const struct smtpin *s, const struct smtpd_mail *m, struct cur content,
                        struct why *w)
{
    struct hdr h;
    int v = hdr_parse(m->arena, cur_str(&content), &h, w);
    if (v < 0) {
        w->smtp = 552;
        return v;
    }
    if (h.size > s->g->conf->limit[LIMIT_HEADER])
        return why_set(w, E_LIMIT, 552, "5.3.4", "The header is larger than %llu octets",
                       (unsigned long long)s->g->conf->limit[LIMIT_HEADER]);
    int64_t hops = 0;
    bool forged = false;
    for (size_t i = 0; i < h.n; i++) {
        hops += str_is(h.field[i].name, "Received");
        forged = forged || filter_ours(s->g, h.field[i].name, h.field[i].value);
    }
    if (hops > s->g->conf->hop_count)
        return why_set(w, E_PERM, 554, "5.4.6",
                       "The mail has %lld Received fields: it goes in a circle", (long long)hops);
    return forged;
}

static void taking_free(struct taking *t)
{
    t->s->undecided--;
    body_free(&t->body);
    body_free(&t->fresh);
    if (t->edited)
        milter_mail_done(&t->mail);
    free(t);
}

static void log_refused(const struct taking *t, const struct why *w)
{
    log_event(LOG_WARN, t->id, "refused", "from=%s reason=%s", log_quote(t->m->sender.text),
              log_quote(str_of(w->text)));
}

static void taken(void *arg, const struct why *w)
{
    struct taking *t = arg;
    if (w == NULL)
        t->s->g->stat.from_smtp++;
    else if (w->smtp >= 500) /* it cannot be what it should become */
        log_refused(t, w);
    else
        log_event(LOG_ERROR, t->id, "not-stored", "error=%s", log_quote(str_of(w->text)));
    smtpd_verdict(t->m, t->id, w);
    taking_free(t);
}

/* One row for the usual mail with one recipient: a row is a part of what a mail costs. */
static void log_accepted(const struct taking *t, struct cur whole)
{
    const struct gate *g = t->s->g;
    const struct smtpd_mail *m = t->m;
    struct intake *in = t->in;
    size_t size = (size_t)body_size(t->body) - m->front;
    struct str id = hdr_message_id(cur_str(&whole));
    char at[64];
    bool one = m->nrcpt == 1;
    endpoint_text(&m->peer, false, at);
    intake_journal(in, "accepted", "from=%.*s via=smtp peer=%s helo=%.*s size=%zu%s%.*s%s%.*s",
                   STR_ARG(m->sender.text), at, STR_ARG(m->helo), size, id.n > 0 ? " msgid=" : "",
                   STR_ARG(str_sub(id, 0, 250)), one ? " to=" : "",
                   STR_ARG(one ? m->rcpt[0].path.text : STR("")));
    for (size_t i = 0; i < m->nrcpt && !one; i++)
        intake_journal(in, "recipient", "to=%.*s", STR_ARG(m->rcpt[i].path.text));
    log_event(LOG_INFO, intake_id(in), "accepted", "from=%s via=smtp peer=%s size=%zu rcpts=%zu",
              log_quote(m->sender.text), at, size, m->nrcpt);
    ibmlog_received(g, intake_id(in), true, m->sender.text, size);
}

/* The recipients; those a filter has added may be anywhere. */
static struct admitted *recipients(const struct taking *t, size_t *n, struct why *w)
{
    const struct smtpd_mail *m = t->m;
    size_t most = t->edited ? t->mail.nrcpt : m->nrcpt;
    struct admitted *rcpt = arena_alloc(m->arena, (most + 1) * sizeof *rcpt);
    *n = 0;
    if (rcpt == NULL || arena_full(m->arena)) {
        (void)why_set(w, E_LIMIT, 452, "4.5.3", "Too many recipients");
        return NULL;
    }
    for (size_t i = 0; i < m->nrcpt; i++)
        if (!t->edited || !t->mail.rcpt[i].gone) {
            struct admitted *r = &rcpt[(*n)++];
            *r = *(const struct admitted *)m->rcpt[i].user;
            r->notify = m->rcpt[i].params.notify;
            r->orcpt = m->rcpt[i].params.orcpt;
        }
    for (size_t i = m->nrcpt; i < most; i++) {
        struct str addr = t->mail.rcpt[i].addr;
        ptrdiff_t at = str_find_last(addr, '@');
        struct str local = str_sub(addr, 0, at < 0 ? addr.n : (size_t)at);
        struct str domain = at < 0 ? STR("") : str_sub(addr, (size_t)at + 1, addr.n);
        struct why bad;
        if (t->mail.rcpt[i].gone)
            continue;
        if (admit_mailbox(t->s->g, (struct asker){.source = FROM_LOCAL}, local, domain, m->arena,
                          &rcpt[*n], &bad) == 0)
            ++*n;
        else
            log_event(LOG_WARN, t->id, "filter", "to=%s reason=%s", log_quote(addr),
                      log_quote(str_of(bad.text)));
    }
    return rcpt;
}

/* The gateway itself is no recipient as others are: taken out, and whether it was one. */
static bool take_out_batch(struct admitted *rcpt, size_t *n)
{
    size_t kept = 0, all = *n;
    for (size_t i = 0; i < all; i++)
        if (!rcpt[i].batch)
            rcpt[kept++] = rcpt[i];
    *n = kept;
    return kept < all;
}

static int take_batch(struct taking *t, const struct mail *mail, struct why *w)
{
    struct batchin_client client = client_of(t->m);
    if (t->edited && t->mail.held)
        return why_set(w, E_DENIED, 554, "5.7.1",
                       "A filter holds the mail, and a batch is not held");
    return batchin_take(t->s->g, t->in, &client, mail, w);
}

static int take(struct taking *t, struct why *w)
{
    const struct smtpd_mail *m = t->m;
    struct body *body = t->fresh != NULL ? t->fresh : t->body;
    struct cur whole = body_cur(body, w);
    size_t n;
    struct admitted *rcpt = recipients(t, &n, w);
    if (rcpt == NULL)
        return w->err;
    if (n == 0) {
        intake_journal(t->in, "discarded", "from=%.*s no recipient is left",
                       STR_ARG(m->sender.text));
        return 0;
    }
    struct str sender = t->edited ? t->mail.sender : m->sender.text;
    struct mail mail = {.from = DOOR_SMTP,
                        .origin_sender = sender,
                        .sender = sender,
                        .content = whole,
                        .body = body,
                        .rcpt = rcpt,
                        .nrcpt = n,
                        .ret = m->params.ret,
                        .envid = m->params.envid,
                        .utf8 = m->params.utf8,
                        .apart = true};
    log_accepted(t, whole);
    int v = take_out_batch(rcpt, &mail.nrcpt) ? take_batch(t, &mail, w) : 0;
    if (v < 0 || mail.nrcpt == 0)
        return v;
    return t->edited && t->mail.held ? intake_hold_mail(t->in, &mail, t->mail.hold)
                                     : intake_mail(t->in, &mail, NULL, w);
}

/* The end of it but for the disk. */
static void settle(struct taking *t, int v, struct why *w)
{
    if (v == 0)
        v = take(t, w);
    if (v == 0) {
        intake_commit(&t->in, taken, t);
        return;
    }
    log_refused(t, w);
    intake_drop(&t->in);
    smtpd_verdict(t->m, 0, w);
    taking_free(t);
}

/* RFC 3030 3: hosts further on that take no BODY=BINARYMIME get its parts encoded. */
static bool must_encode(const struct taking *t)
{
    bool leaves = false;
    for (size_t i = 0; i < t->m->nrcpt; i++)
        leaves = leaves || leaves_us(t->m->rcpt[i].user);
    return t->m->params.binary && leaves;
}

static void encode(struct taking *t)
{
    struct body *old = t->fresh;
    struct cur whole = body_cur(old, &t->why);
    struct body_writer *bw = body_writer_new(t->s->g->store);
    struct buf b;
    t->fresh = NULL;
    buf_init(&b, 2 * body_size(old) + 65536);
    if (mime_7bit(cur_str(&whole), &b) < 0)
        t->v = why_set(&t->why, E_PERM, 554, "5.6.3",
                       "The mail cannot be encoded for hosts that take no BODY=BINARYMIME");
    else
        t->v = body_write(bw, b.p, b.n, &t->why);
    if (t->v == 0 && (t->fresh = body_writer_end(&bw, &t->why)) == NULL)
        t->v = t->why.err;
    body_writer_drop(&bw);
    buf_done(&b);
    body_free(&old);
}

static int put_piece(void *to, const void *p, size_t n, struct why *w)
{
    return body_write(to, p, n, w);
}

/* The mail as it stands now, as a body: with what was added to it, and as the filters left it. */
static void write_anew(void *arg)
{
    struct taking *t = arg;
    struct why *w = &t->why;
    struct body_writer *bw = body_writer_new(t->s->g->store);
    struct cur content = body_cur(t->body, w);
    if (t->edited) {
        t->v = milter_mail_put(&t->mail, put_piece, bw, w);
    } else {
        struct cur front = cur_sub(&content, t->m->front);
        t->v = body_write(bw, front.p, cur_left(&front), w);
        if (t->v == 0)
            t->v = body_write(bw, t->added.p, t->added.n, w);
        if (t->v == 0)
            t->v = body_write(bw, content.p, cur_left(&content), w);
    }
    struct body *fresh = t->v == 0 ? body_writer_end(&bw, w) : NULL;
    body_writer_drop(&bw);
    if (fresh == NULL)
        t->v = w->err;
    else
        t->fresh = fresh;
    if (fresh != NULL && must_encode(t))
        encode(t);
}

static void written_anew(void *arg, bool ran)
{
    struct taking *t = arg;
    if (!ran)
        t->v = why_set(&t->why, E_TEMP, 421, "4.3.2", "The gateway is stopping, try again later");
    settle(t, t->v, &t->why);
}

/* Nothing stands in the way any more, or something does. */
static void decide(void *arg, const struct why *reason, bool discard)
{
    struct taking *t = arg;
    if (reason != NULL) {
        t->why = *reason;
        settle(t, reason->err, &t->why);
    } else if (discard) {
        intake_journal(t->in, "discarded", "from=%.*s by a filter", STR_ARG(t->m->sender.text));
        log_event(LOG_INFO, t->id, "discarded", "from=%s", log_quote(t->m->sender.text));
        intake_commit(&t->in, taken, t);
    } else if (!t->edited && t->added.n == 0 && !must_encode(t)) {
        settle(t, 0, &t->why);
    } else if (body_size(t->body) > LARGE) {
        t->job = (struct work_job){
            .run = write_anew, .done = written_anew, .arg = t, .size = body_size(t->body)};
        work_give(t->s->g->work, &t->job);
    } else {
        write_anew(t);
        settle(t, t->v, &t->why);
    }
}

/* What came, ready to be shown to the filters where there are any. */
static int prepare(struct taking *t, struct why *w)
{
    struct smtpin *s = t->s;
    struct smtpd_mail *m = t->m;
    t->body = body_writer_end(&m->content, w);
    if (t->body == NULL)
        return w->err;
    struct cur content = body_cur(t->body, w);
    if (body_size(t->body) > 0 && cur_left(&content) == 0)
        return w->err;
    struct cur own = cur_sub(&content, m->front);
    int forged = check_header(s, m, content, w);
    if (forged < 0 || check_lines(s, cur_str(&content), w) < 0)
        return w->err;
    t->added = left_out(s, m, content, t->id);
    if (forged == 0 && !filters_at(s->g->filters, DOOR_SMTP))
        return 0;
    t->edited = true;
    struct str trace =
        arena_printf(m->arena, "%.*s%.*s", STR_ARG(cur_str(&own)), STR_ARG(t->added));
    int v =
        milter_mail_init(&t->mail, trace, cur_str(&content), (size_t)s->g->conf->max_mail_bytes, w);
    for (size_t i = 1; i < t->mail.nfield; i++)
        t->mail.field[i].own = false; /* filters may see what was left out */
    t->mail.sender = m->sender.text;
    for (size_t i = 0; i < m->nrcpt && v == 0; i++)
        milter_mail_rcpt(&t->mail, m->rcpt[i].path.text);
    if (v == 0 && forged > 0)
        log_event(LOG_INFO, t->id, "forged", "fields=%zu text=%s", filter_strip(s->g, &t->mail),
                  log_quote(STR("results of filters in our name were taken out")));
    return v;
}

static void on_data(void *arg, struct smtpd_mail *m)
{
    struct smtpin *s = arg;
    const struct front *front = m->user;
    struct why w = {0};
    struct taking *t = mem_new(sizeof *t);
    *t = (struct taking){
        .s = s, .m = m, .id = front != NULL ? front->id : 0, .in = intake_new(s->g)};
    intake_number(t->in, t->id);
    s->undecided++;
    int v = front == NULL || arena_full(m->arena)
                ? why_set(&w, E_LIMIT, 452, "4.5.3", "Too many recipients")
                : prepare(t, &w);
    enum filter_answer a = v == 0 && t->edited
                               ? filter_content(s->g->filters, m, &t->mail, t->id, decide, t)
                               : FILTER_GO_ON;
    if (a != FILTER_LATER)
        decide(t, v < 0 ? &w : NULL, a == FILTER_DISCARDS);
}

static void on_event(void *arg, const union endpoint *peer, const char *event, const struct why *w)
{
    char at[64];
    (void)arg;
    log_event(w != NULL ? LOG_INFO : LOG_DEBUG, 0, "smtp", "peer=%s what=%s%s%s",
              endpoint_text(peer, true, at), event, w != NULL ? " reason=" : "",
              w != NULL ? log_quote(str_of(w->text)) : "");
}

static int on_gate(void *arg, struct smtpd_session *session, enum smtpd_stage stage, struct why *w)
{
    const struct smtpin *s = arg;
    return caller_gate(s->g, session, stage, w);
}

static void on_arrived(void *arg, struct smtpd_session *session)
{
    const struct smtpin *s = arg;
    caller_came(s->g, session);
}

static void on_gone(void *arg, struct smtpd_session *session)
{
    const struct smtpin *s = arg;
    caller_gone(session);
    filter_gone(s->g->filters, session);
    passcheck_gone(s->passwords, session);
}

static int on_login(void *arg, struct smtpd_session *session, struct str user, struct str password,
                    struct why *w)
{
    const struct smtpin *s = arg;
    return passcheck_ask(s->passwords, session, user, password, w);
}

/* A bad file leaves those who signed on before. */
static int read_users(struct smtpin *s, struct why *w)
{
    const struct conf *c = s->g->conf;
    struct authfile *users = c->authfile.n > 0 ? authfile_read(c->authfile.p, w) : NULL;
    if (c->authfile.n > 0 && users == NULL)
        return w->err;
    passcheck_users(s->passwords, users);
    return 0;
}

static bool same_door(const struct smtpd_door *a, const struct smtpd_door *b)
{
    return a->submission == b->submission && a->proxy == b->proxy && a->tls == b->tls &&
           a->no_tls == b->no_tls && a->must_tls == b->must_tls;
}

static const struct smtpd_door *door_of(struct smtpin *s, const struct conf_listen *ln)
{
    struct smtpd_door door = {.submission = ln->submission,
                              .proxy = ln->proxy,
                              .tls = ln->tls,
                              .no_tls = ln->starttls == LISTEN_STARTTLS_NO,
                              .must_tls = ln->starttls == LISTEN_STARTTLS_REQUIRED};
    struct kind_of_door *k = s->doors;
    while (k != NULL && !same_door(&k->door, &door))
        k = k->next;
    if (k == NULL) {
        k = mem_new(sizeof *k);
        *k = (struct kind_of_door){s->doors, door};
        s->doors = k;
    }
    return &k->door;
}

static void on_connection(void *arg, int fd, const union endpoint *peer,
                          const struct conf_listen *at)
{
    struct smtpin *s = arg;
    (void)peer;
    smtpd_take(s->server, stream_new(s->g->loop, fd, NULL, NULL), door_of(s, at));
}

static bool on_trusted(void *arg, const union endpoint *peer)
{
    const struct smtpin *s = arg;
    return conf_trusts(s->g->conf, peer);
}

int smtpin_listen(struct smtpin **out, struct gate *g, struct why *w)
{
    const struct conf *c = g->conf;
    struct smtpin *s = mem_new(sizeof *s);
    s->g = g;
    *out = s;
    s->passwords = passcheck_new(g->loop);
    if (read_users(s, w) < 0)
        return w->err;
    s->ports = listening_new(g, "LISTENSMTP", on_connection, s);
    return listening_follow(s->ports, c->listen_smtp, c->nlisten_smtp, w);
}

static void fill_set(const struct smtpin *s, struct smtpd_set *set)
{
    const struct conf *c = s->g->conf;
    *set = (struct smtpd_set){.loop = s->g->loop,
                              .store = s->g->store,
                              .hostname = c->hostname.p,
                              .max_size = (uint64_t)c->max_mail_bytes,
                              .max_rcpt = (unsigned)c->limit[LIMIT_RCPTS],
                              .max_sessions = (unsigned)c->limit[LIMIT_SESSIONS],
                              .max_per_client = (unsigned)c->limit[LIMIT_CONNECTIONS],
                              .max_errors = (unsigned)c->limit[LIMIT_ERRORS],
                              .max_line = (unsigned)c->limit[LIMIT_COMMAND],
                              .max_junk = (unsigned)c->limit[LIMIT_JUNK],
                              .max_messages = c->limit[LIMIT_MESSAGES],
                              .max_recipients = c->limit[LIMIT_RECIPIENTS],
                              .max_bytes = c->limit[LIMIT_BYTES],
                              .tarpit_ms = c->tarpit * 1000,
                              .least_rate = (uint64_t)c->least_rate,
                              .session_ms = c->session_time * 1000,
                              .idle_ms = c->inactive * 1000,
                              .greet_ms = c->greet_pause * 1000,
                              .disallow = (unsigned)c->disallow,
                              .tls = c->tls_need == TLS_NEVER ? NULL : s->g->tls};
    for (size_t k = 0; k < SMTPD_KINDS; k++)
        set->rate[k] = (struct smtpd_rate){c->rate[k], (int64_t)c->rate_seconds[k] * 1000};
}

void smtpin_reload(struct smtpin *s)
{
    struct smtpd_set set;
    fill_set(s, &set);
    smtpd_configure(s->server, &set);
    struct why w;
    if (read_users(s, &w) < 0)
        log_event(LOG_ERROR, 0, "config", "text=%s", log_quote(str_of(w.text)));
    const struct conf *c = s->g->conf;
    if (listening_follow(s->ports, c->listen_smtp, c->nlisten_smtp, &w) < 0)
        log_event(LOG_ERROR, 0, "reload", "text=%s", log_quote(str_of(w.text)));
}

void smtpin_start(struct smtpin *s)
{
    static const struct smtpd_ops ops = {.mail = on_mail,
                                         .rcpt = on_rcpt,
                                         .begin = on_begin,
                                         .data = on_data,
                                         .event = on_event,
                                         .arrived = on_arrived,
                                         .gate = on_gate,
                                         .gone = on_gone,
                                         .login = on_login,
                                         .trusted = on_trusted};
    struct smtpd_set set;
    fill_set(s, &set);
    s->server = smtpd_new(&set, &ops, s);
}

void smtpin_drain(struct smtpin *s)
{
    if (s->ports != NULL)
        listening_close(s->ports);
    if (s->server != NULL)
        smtpd_drain(s->server);
}

unsigned smtpin_sessions(const struct smtpin *s)
{
    return smtpd_sessions(s->server);
}

size_t smtpin_undecided(const struct smtpin *s)
{
    return s->undecided;
}

void smtpin_free(struct smtpin **s)
{
    if (*s == NULL)
        return;
    smtpin_drain(*s);
    smtpd_free(&(*s)->server);
    listening_free(&(*s)->ports);
    for (struct kind_of_door *k = (*s)->doors, *next; k != NULL; k = next) {
        next = k->next;
        free(k);
    }
    passcheck_free(&(*s)->passwords);
    free(*s);
    *s = NULL;
}
