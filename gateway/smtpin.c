/* gateway/smtpin.c -- the SMTP door. */
#include "gateway/smtpin.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "gateway/intake.h"
#include "gateway/mail/date.h"
#include "gateway/mail/header.h"
#include "gateway/service.h"
#include "gateway/smtp/server.h"

#define PENDING_MAX 20000u /* changes given to the store and not yet durable */

struct smtpin {
    struct gate *g;
    struct smtpd *server;
    struct listener **listener;
    size_t nlistener;
    size_t undecided;
};
struct taking {
    struct smtpin *s;
    struct smtpd_mail *m;
    msg_id id;
    size_t size;
};

/* Any sender may knock: whether his mail has a way is decided for each recipient. */
static int on_mail(void *arg, struct smtpd_mail *m, struct why *w)
{
    const struct smtpin *s = arg;
    db_refresh(store_reader(s->g->store));
    if (store_pending(s->g->store) > PENDING_MAX)
        return why_set(w, E_TEMP, 451, "4.3.2", "The disk is slow just now; try again in a minute");
    if (s->g->conf->tls_need == TLS_NEEDED && m->tls[0] == '\0')
        return why_set(w, E_DENIED, 530, "5.7.0", "Must issue a STARTTLS command first");
    if (s->g->conf->secure && m->sender.route)
        return why_set(w, E_DENIED, 550, "5.1.7", "Source routes are not taken (SECURE)");
    return 0;
}

static int on_rcpt(void *arg, struct smtpd_mail *m, struct smtpd_rcpt *r, struct why *w)
{
    struct smtpin *s = arg;
    struct admitted *a = arena_alloc(m->arena, sizeof *a);
    if (a == NULL || arena_full(m->arena))
        return why_set(w, E_LIMIT, 452, "4.5.3", "Too many recipients");
    r->user = a;
    int v = 0;
    if (r->path.route && (!s->g->conf->source_routes || s->g->conf->secure))
        v = why_set(w, E_DENIED, 550, "5.1.3", "Source routes are not taken; write <%.*s>",
                    STR_ARG(r->path.text));
    else
        v = admit_mailbox(s->g, (struct asker){.source = FROM_INTERNET}, r->path.local,
                          r->path.domain, m->arena, a, w);
    if (v < 0) {
        char at[64];
        s->g->stat.refused++;
        log_event(LOG_INFO, 0, "refused", "peer=%s from=%s to=%s reason=%s",
                  endpoint_text(&m->peer, false, at), log_quote(m->sender.text),
                  log_quote(r->path.text), log_quote(str_of(w->text)));
    }
    return v;
}

/* RFC 3848: ESMTPS for ESMTP over TLS. */
static const char *protocol(const struct smtpd_mail *m)
{
    return !m->esmtp ? "SMTP" : m->tls[0] != '\0' ? "ESMTPS" : "ESMTP";
}

static void put_received(const struct smtpin *s, const struct smtpd_mail *m, msg_id id,
                         struct buf *b)
{
    char at[64];
    struct buf date;
    buf_init(&date, 100);
    date_put(&date, wall_now(), 0);
    hdr_put(b, "Received",
            arena_printf(m->arena,
                         "from %.*s ([%s])%s%s%s by %.*s (njegate) with %s id " MSG_ID_FMT "; %.*s",
                         STR_ARG(m->helo), endpoint_text(&m->peer, false, at),
                         m->tls[0] != '\0' ? " (using " : "", m->tls, m->tls[0] != '\0' ? ")" : "",
                         STR_ARG(s->g->names.hostname), protocol(m), MSG_ID_ARG(id),
                         STR_ARG(buf_text(&date))));
    buf_done(&date);
}

/* A mail that has been through too many hosts goes in a circle. */
static int check_loop(const struct smtpin *s, const struct smtpd_mail *m, struct cur content,
                      struct why *w)
{
    struct hdr h;
    int v = hdr_parse(m->arena, cur_str(&content), &h, w);
    if (v < 0) {
        w->smtp = 552;
        return v;
    }
    int64_t received = 0;
    for (size_t i = 0; i < h.n; i++)
        received += str_is(h.field[i].name, "Received");
    if (received > s->g->conf->hop_count)
        return why_set(w, E_PERM, 554, "5.4.6",
                       "The mail has %lld Received fields: it goes in a circle",
                       (long long)received);
    return 0;
}

static void taken(void *arg, const struct why *w)
{
    struct taking *t = arg;
    t->s->undecided--;
    if (w == NULL)
        t->s->g->stat.from_smtp++;
    else
        log_event(LOG_ERROR, t->id, "not-stored", "error=%s", log_quote(str_of(w->text)));
    smtpd_verdict(t->m, t->id, w);
    free(t);
}

/* One row for the usual mail with one recipient: a row is a part of what a mail costs. */
static void log_accepted(struct intake *in, const struct smtpd_mail *m, size_t size)
{
    char at[64];
    bool one = m->nrcpt == 1;
    endpoint_text(&m->peer, false, at);
    intake_journal(in, "accepted", "from=%.*s via=smtp peer=%s helo=%.*s size=%zu%s%.*s",
                   STR_ARG(m->sender.text), at, STR_ARG(m->helo), size, one ? " to=" : "",
                   STR_ARG(one ? m->rcpt[0].path.text : STR("")));
    for (size_t i = 0; i < m->nrcpt && !one; i++)
        intake_journal(in, "recipient", "to=%.*s", STR_ARG(m->rcpt[i].path.text));
    log_event(LOG_INFO, intake_id(in), "accepted", "from=%s via=smtp peer=%s size=%zu rcpts=%zu",
              log_quote(m->sender.text), at, size, m->nrcpt);
}

static int take(struct smtpin *s, struct smtpd_mail *m, struct body *body, struct intake *in,
                struct why *w)
{
    struct cur content = body_cur(body, w);
    if (body_size(body) > 0 && cur_left(&content) == 0)
        return w->err;
    int v = check_loop(s, m, content, w);
    if (v < 0)
        return v;
    struct admitted *rcpt = arena_alloc(m->arena, m->nrcpt * sizeof *rcpt);
    if (rcpt == NULL || arena_full(m->arena))
        return why_set(w, E_LIMIT, 452, "4.5.3", "Too many recipients");
    for (size_t i = 0; i < m->nrcpt; i++) {
        rcpt[i] = *(const struct admitted *)m->rcpt[i].user;
        rcpt[i].notify = m->rcpt[i].params.notify;
        rcpt[i].orcpt = m->rcpt[i].params.orcpt;
    }
    struct buf whole;
    buf_init(&whole, cur_left(&content) + 4096);
    put_received(s, m, intake_id(in), &whole);
    buf_add(&whole, content.p, cur_left(&content));
    struct mail mail = {.from = DOOR_SMTP,
                        .origin_sender = m->sender.text,
                        .sender = m->sender.text,
                        .content = buf_cur(&whole),
                        .rcpt = rcpt,
                        .nrcpt = m->nrcpt,
                        .ret = m->params.ret,
                        .envid = m->params.envid,
                        .utf8 = m->params.utf8};
    log_accepted(in, m, cur_left(&content));
    v = intake_mail(in, &mail, NULL, w);
    buf_done(&whole);
    return v;
}

static void on_data(void *arg, struct smtpd_mail *m)
{
    struct smtpin *s = arg;
    struct why w = {0};
    struct intake *in = intake_new(s->g);
    struct body *body = body_writer_end(&m->content, &w);
    int v = body != NULL ? take(s, m, body, in, &w) : w.err;
    body_free(&body);
    if (v < 0) {
        log_event(LOG_WARN, intake_id(in), "refused", "from=%s reason=%s",
                  log_quote(m->sender.text), log_quote(str_of(w.text)));
        intake_drop(&in);
        smtpd_verdict(m, 0, &w);
        return;
    }
    struct taking *t = mem_new(sizeof *t);
    *t = (struct taking){.s = s, .m = m, .id = intake_id(in)};
    s->undecided++;
    intake_commit(&in, taken, t);
}

static void on_event(void *arg, const union endpoint *peer, const char *event, const struct why *w)
{
    char at[64];
    (void)arg;
    log_event(w != NULL ? LOG_INFO : LOG_DEBUG, 0, "smtp", "peer=%s what=%s%s%s",
              endpoint_text(peer, true, at), event, w != NULL ? " reason=" : "",
              w != NULL ? log_quote(str_of(w->text)) : "");
}

static void on_connection(void *arg, int fd, const union endpoint *peer)
{
    struct smtpin *s = arg;
    (void)peer;
    smtpd_take(s->server, stream_new(s->g->loop, fd, NULL, NULL));
}

int smtpin_listen(struct smtpin **out, struct gate *g, struct why *w)
{
    const struct conf *c = g->conf;
    struct smtpin *s = mem_new(sizeof *s);
    s->g = g;
    *out = s;
    s->listener = mem_new((c->nlisten_smtp + 1) * sizeof(struct listener *));
    for (size_t i = 0; i < c->nlisten_smtp; i++) {
        int v = service_listen(g->service, &s->listener[i], g->loop, &c->listen_smtp[i].at,
                               on_connection, s, w);
        if (v < 0)
            return v;
        s->nlistener++;
    }
    return 0;
}

void smtpin_start(struct smtpin *s)
{
    static const struct smtpd_ops ops = {
        .mail = on_mail, .rcpt = on_rcpt, .data = on_data, .event = on_event};
    const struct conf *c = s->g->conf;
    struct smtpd_set set = {.loop = s->g->loop,
                            .store = s->g->store,
                            .hostname = c->hostname.p,
                            .max_size = (uint64_t)c->max_mail_bytes,
                            .max_sessions = (unsigned)c->inbound_limit,
                            .max_per_client = (unsigned)c->conn_per_site,
                            .idle_ms = c->inactive * 1000,
                            .disallow = (unsigned)c->disallow,
                            .tls = c->tls_need == TLS_NEVER ? NULL : s->g->tls};
    s->server = smtpd_new(&set, &ops, s);
}

void smtpin_drain(struct smtpin *s)
{
    for (size_t i = 0; i < s->nlistener; i++)
        listener_free(&s->listener[i]);
    s->nlistener = 0;
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
    free((*s)->listener);
    free(*s);
    *s = NULL;
}
