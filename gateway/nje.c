/* gateway/nje.c -- the NJE door: links, arriving files and messages. */
#include "gateway/nje_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "gateway/fromnje.h"
#include "gateway/gather.h"
#include "gateway/relay.h"
#include "gateway/listening.h"
#include "gateway/gate/snadsgate.h"
#include "rscs/deck.h"
#include "rscs/port.h"

#define SEEN_HOURS 24
#define DEAD_SILENCE_MS 240000

/* A file being received. */
struct arriving {
    struct nje *nje;
    struct link *link;
    struct link_in *in; /* NULL: the connection was lost after its end, link may be gone too */
    struct body_writer *content;
    /* Kind, job header and first data set header are kept until they say where the file goes: the
     * hop count of one that only passes is raised then, so that it need not be copied at its end.
     */
    struct buf head;
    bool headed, raised;
    char name[9]; /* of the link */
    /* One that takes its time to become mail: by what it is known when it comes again meanwhile,
     * and those that came so. */
    char *key;
    struct arriving *next, *behind;
};

static const struct link_ops link_ops;

struct line *nje_line_named(struct nje *n, const char *name)
{
    for (struct line *l = n->line; l != NULL; l = l->next)
        if (strcmp(l->name, name) == 0)
            return l;
    return NULL;
}

struct line *nje_line_to(struct nje *n, struct str node)
{
    struct nje_name name;
    const char *link = ebc_name(&name, node) ? routes_link(n->g->routes, &name) : NULL;
    return link != NULL ? nje_line_named(n, link) : NULL;
}

bool nje_origin_ok(struct line *l, struct str node)
{
    struct nje_name name;
    if (node.n == 0)
        return false; /* nobody's word; an empty node is our own operator elsewhere */
    if (l->conf.origin_any)
        return true;
    if (admit_is_local_node(l->nje->g, node) || !ebc_name(&name, node))
        return false;
    const char *link = routes_link(l->nje->g->routes, &name);
    return link != NULL && strcmp(link, l->name) == 0;
}

/* --- arriving files --- */

static int file_open(void *arg, struct link_in *in, struct why *w)
{
    struct line *l = arg;
    struct gate *g = l->nje->g;
    uint8_t kind = (in->rcb & 1) != 0 ? DECK_SYSOUT : DECK_SYSIN;
    struct arriving *ar = mem_new(sizeof *ar);
    ar->nje = l->nje;
    ar->link = l->link;
    ar->in = in;
    memcpy(ar->name, l->name, sizeof ar->name);
    ar->content = body_writer_new(g->store);
    buf_init(&ar->head, 3 * HEADER_MAX);
    buf_u8(&ar->head, kind);
    (void)w;
    in->user = ar;
    l->nje->open++;
    return 0;
}

/* Where the file goes is known; what was kept is written. */
static int head_known(const struct line *l, struct arriving *ar, struct why *w)
{
    struct njefile_in f;
    struct why unread;
    struct arena *a = arena_new(65536);
    struct deck_item njh;
    struct cur deck = buf_cur(&ar->head);
    bool known = njefile_read_headers(a, deck, &f, &unread) == 0,
         ours = known && nje_is_ours(l->nje, a, &f);
    if (ours) /* mail is made of most */
        body_writer_passing(ar->content);
    if (known && !ours && f.njh.hops < UINT16_MAX) {
        cur_skip(&deck, 1);
        ar->raised = deck_next(&deck, &njh, &unread) == 1 && njh.srcb == SRCB_NJH &&
                     njh_set_hops(ar->head.p + (njh.data.p - ar->head.p), cur_left(&njh.data),
                                  (uint16_t)(f.njh.hops + 1));
    }
    arena_free(&a);
    ar->headed = true;
    int v = body_write(ar->content, ar->head.p, ar->head.n, w);
    buf_done(&ar->head);
    return v;
}

static int file_record(void *arg, struct link_in *in, uint8_t srcb, struct cur data, struct why *w)
{
    struct arriving *ar = in->user;
    uint8_t head[4];
    deck_item_head(head, srcb, cur_left(&data));
    if (!ar->headed && (srcb == SRCB_NJH || srcb == SRCB_DSH)) {
        buf_add(&ar->head, head, sizeof head);
        buf_add(&ar->head, data.p, cur_left(&data));
        return srcb == SRCB_DSH ? head_known(arg, ar, w) : 0;
    }
    int v = ar->headed ? 0 : head_known(arg, ar, w);
    size_t n = cur_left(&data);
    uint8_t *to = v >= 0 ? body_room(ar->content, sizeof head + n) : NULL;
    if (to != NULL) {
        memcpy(to, head, sizeof head);
        memcpy(to + sizeof head, data.p, n);
        body_wrote(ar->content, sizeof head + n);
        return 0;
    }
    if (v >= 0)
        v = body_write(ar->content, head, sizeof head, w);
    return v < 0 ? v : body_write(ar->content, data.p, n, w);
}

static void arriving_free(struct arriving *ar)
{
    ar->nje->open--;
    body_writer_drop(&ar->content);
    buf_done(&ar->head);
    free(ar->key);
    free(ar);
}

static void file_abort(void *arg, struct link_in *in, const struct why *w)
{
    struct line *l = arg;
    struct arriving *ar = in->user;
    log_event(LOG_WARN, 0, "file-broken-off", "link=%s reason=%s", l->name,
              log_quote(str_of(w != NULL ? w->text : "")));
    if (ar->content == NULL)
        ar->in = NULL; /* it is on its way into the store: only nobody waits for our answer now */
    else
        arriving_free(ar);
}

static void answer_file(struct arriving *ar, const struct why *w)
{
    if (w != NULL)
        log_event(LOG_ERROR, 0, "file-not-stored", "link=%s error=%s", ar->name,
                  log_quote(str_of(w->text)));
    if (ar->in != NULL && w == NULL) {
        link_in_done(ar->link, ar->in);
    } else if (ar->in != NULL) {
        /* No yes without durability: dropping the link makes the neighbour keep the file and come
         * again. */
        link_stop(ar->link, "the disk failed while storing a file");
        link_start(ar->link);
    }
    arriving_free(ar);
}

static void file_durable(void *arg, const struct why *w)
{
    struct arriving *ar = arg, **p = &ar->nje->converting;
    while (*p != NULL && *p != ar)
        p = &(*p)->next;
    if (*p != NULL)
        *p = ar->next;
    for (struct arriving *behind; ar != NULL; ar = behind) {
        behind = ar->behind;
        answer_file(ar, w);
    }
}

/* The same file again, because our acknowledgement was lost: origin, job, time, count, destination
 * agree. */
static struct str seen_key(struct arena *a, const struct njefile_in *f)
{
    return arena_printf(a, "%.*s %.*s %u %llx %u %u %.*s %.*s", STR_ARG(f->from_node),
                        STR_ARG(f->from_user), f->njh.job_id, (unsigned long long)f->njh.entry_tod,
                        f->dsh.dsno, f->dsh.records, STR_ARG(f->to_node), STR_ARG(f->to_user));
}

/* The same file while the one before is still becoming mail: its answer is theirs, too. */
static bool is_converting(struct nje *n, struct arriving *ar, struct str key)
{
    for (struct arriving *first = n->converting; first != NULL; first = first->next)
        if (str_eq(str_of(first->key), key)) {
            ar->behind = first->behind;
            first->behind = ar;
            return true;
        }
    return false;
}

enum take {
    TAKE_DONE,  /* the intake has all there is to do */
    TAKE_SORT,  /* it is to be sorted */
    TAKE_AGAIN, /* we have it */
    TAKE_BEHIND /* we may soon: is_converting */
};

/* One of these, or negative. */
static int take_file(struct line *l, struct sorting *s, struct arriving *ar, struct why *w)
{
    struct nje *n = l->nje;
    struct njefile_in *f = &s->f;
    struct why reason;
    struct cur bytes = body_cur(s->deck, w);
    if (cur_left(&bytes) == 0)
        return w->err;
    if (njefile_read_headers(s->a, bytes, f, &reason) < 0) {
        /* Kept for the administrator: its bytes are evidence. */
        *f = (struct njefile_in){.from_user = STR("UNKNOWN"),
                                 .from_node = str_of(l->name),
                                 .to_user = STR("UNKNOWN"),
                                 .to_node = STR("UNKNOWN")};
        return intake_hold(s->in, s->deck, f, RCPT_HELD, &reason);
    }
    f->raised = ar->raised;
    struct str key = seen_key(s->a, f);
    bool behind = is_converting(n, ar, key);
    if (behind || store_seen(n->g->store, key)) {
        log_event(LOG_INFO, 0, "duplicate", "link=%s file=%s", l->name, log_quote(key));
        return behind ? TAKE_BEHIND : TAKE_AGAIN;
    }
    intake_seen(s->in, key, (struct wall){wall_now().us + SEEN_HOURS * 3600 * US_PER_S});
    if (intake_apart(n->g, body_size(s->deck))) {
        ar->key = mem_copy(key.p, key.n);
        ar->next = n->converting;
        n->converting = ar;
    }
    if (!nje_origin_ok(l, f->from_node) && !fromnje_goes_home(n->g, f)) {
        why_set(&reason, E_DENIED, 0, NULL, "node %.*s does not lie behind link %s (ORIGIN=VERIFY)",
                STR_ARG(f->from_node), l->name);
        return intake_hold(s->in, s->deck, f, RCPT_HELD_ORIGIN, &reason);
    }
    return TAKE_SORT;
}

static void file_sorted(struct sorting *s, int v, struct why *w)
{
    struct arriving *ar = s->arg;
    if (v < 0 && !why_is_temp(w)) { /* its inside is malformed or too large: back with the reason */
        struct why reason = *w;
        v = fromnje_return(s->n->g, s->in, s->deck, &reason, w);
    }
    if (v < 0) {
        file_durable(ar, w);
    } else {
        intake_give_back(s->in);
        intake_commit(&s->in, file_durable, ar);
    }
    nje_sorting_free(&s);
}

static void file_end(void *arg, struct link_in *in)
{
    struct line *l = arg;
    struct arriving *ar = in->user;
    struct why w = {0};
    struct body *deck = body_writer_end(&ar->content, &w);
    if (deck == NULL) {
        file_durable(ar, &w);
        return;
    }
    struct sorting *s = nje_sorting(l->nje, deck, FROM_NJE, file_sorted, ar);
    str_copy(s->from_link, sizeof s->from_link, str_of(l->name));
    body_free(&deck);
    int v = take_file(l, s, ar, &w);
    if (v == TAKE_SORT) {
        nje_sort(s);
        return;
    }
    if (v == TAKE_DONE)
        intake_commit(&s->in, file_durable, ar);
    else if (v != TAKE_BEHIND)
        file_durable(ar, v == TAKE_AGAIN ? NULL : &w);
    nje_sorting_free(&s);
}

/* --- leaving files --- */

static bool next_file(void *arg, struct link_out *out)
{
    struct line *l = arg;
    if (!relay_next_file(l->nje->g->relay, l->name, out))
        return false;
    l->nje->open++;
    return true;
}

static void file_sent(void *arg, void *ref, const struct why *w)
{
    struct line *l = arg;
    l->nje->open--;
    relay_file_sent(l->nje->g->relay, ref, w);
}

static void file_passed(void *arg, void *ref, struct cur part)
{
    (void)arg;
    relay_file_passed(ref, part);
}

static bool file_ready(void *arg, void *ref, struct cur part)
{
    (void)arg;
    return relay_file_ready(ref, part);
}

void nje_kick(struct nje *n, const char *link)
{
    struct line *l = nje_line_named(n, link);
    if (l != NULL && link_state_of(l->link) == LINK_UP)
        link_kick(l->link);
}

bool nje_link_is_up(struct nje *n, const char *link)
{
    struct line *l = nje_line_named(n, link);
    return l != NULL && link_state_of(l->link) == LINK_UP;
}

/* --- links --- */

static void link_changed(void *arg, enum link_state s, const struct why *w)
{
    struct line *l = arg;
    enum log_level level = s == LINK_UP || w != NULL ? LOG_INFO : LOG_DEBUG;
    struct link_stat st;
    link_stat(l->link, &st);
    log_event(level, 0, "link", "link=%s state=%s%s%s%s", l->name, link_state_name(s),
              st.ahead ? " ahead=yes" : "", w != NULL ? " reason=" : "",
              w != NULL ? log_quote(str_of(w->text)) : "");
    if (s == LINK_UP)
        relay_link_up(l->nje->g->relay, l->name);
}

/* A peer can cause any number of these: one a second is told, and how many were not. */
static void link_odd(void *arg, const struct why *w)
{
    struct line *l = arg;
    struct mono now = mono_now();
    if (l->odd_told && mono_ms(l->odd, now) < 1000) {
        l->odd_more++;
        return;
    }
    log_event(LOG_WARN, 0, "link-odd", "link=%s reason=%s untold=%u", l->name,
              log_quote(str_of(w->text)), l->odd_more);
    l->odd = now;
    l->odd_told = true;
    l->odd_more = 0;
}

/* PARM HOST may be a name: it is looked up when the link dials, and the link dials again with the
 * answer. */
static void host_found(const struct dns_reply *r, void *arg)
{
    struct line *l = arg;
    l->ask = NULL;
    if (r->status != DNS_FOUND || r->n == 0) {
        log_event(LOG_WARN, 0, "link", "link=%s reason=%s", l->name,
                  log_quote(STR("its HOST cannot be found in the DNS")));
        return;
    }
    bool first = !l->resolved;
    l->resolved = true;
    l->at = (union endpoint){.in4 = {.sin_family = AF_INET}};
    memcpy(&l->at.in4.sin_addr, r->rr[0].addr, 4);
    if (first && link_state_of(l->link) == LINK_WAITING)
        link_start(l->link);
}

static struct stream *dial(void *arg, stream_fn *fn, void *fn_arg, struct why *w)
{
    struct line *l = arg;
    struct gate *g = l->nje->g;
    union endpoint at;
    struct str host = str_is(l->conf.host, "localhost") ? STR("127.0.0.1") : l->conf.host;
    char text[80];
    snprintf(text, sizeof text, str_find(host, ':') >= 0 ? "[%.*s]:%u" : "%.*s:%u", STR_ARG(host),
             l->conf.port);
    struct why not_address;
    if (endpoint_parse(&at, str_of(text), l->conf.port, &not_address) < 0) {
        if (l->ask == NULL)
            l->ask = dns_query(g->dns, l->conf.host.p, DNS_A, host_found, l);
        if (!l->resolved) {
            why_set(w, E_TEMP, 0, NULL, "looking up %.*s", STR_ARG(l->conf.host));
            return NULL;
        }
        at = l->at;
        endpoint_set_port(&at, l->conf.port);
    }
    if (l->conf.tls == LINK_TLS_NO)
        return stream_connect(g->loop, &at, NULL, fn, fn_arg);
    return njetls_dial(&l->call, g->loop, &at, g->tls, l->conf.tls, l->conf.host.p, fn, fn_arg);
}

static const struct link_ops link_ops = {
    .dial = dial,
    .file_open = file_open,
    .file_record = file_record,
    .file_end = file_end,
    .file_abort = file_abort,
    .next_file = next_file,
    .sent = file_sent,
    .passed = file_passed,
    .ready = file_ready,
    .message = nje_got_message,
    .odd = link_odd,
    .state = link_changed,
};

static void fill_link_conf(const struct line *l, struct link_conf *c)
{
    const struct gate *g = l->nje->g;
    *c = (struct link_conf){.us = ebc_name_of(g->conf->local),
                            .them = ebc_name_of(l->conf.node),
                            .bufsize = l->conf.bufsize,
                            .streams = l->conf.streams,
                            .ahead = l->conf.ahead,
                            .line_password = ebc_name_of(l->conf.line_password),
                            .node_password = ebc_name_of(l->conf.password),
                            .dial = l->conf.start && l->conf.host.n > 0,
                            .retry_ms = l->conf.retry_s * 1000,
                            .retry_max_ms = 900000,
                            .keepalive_ms = l->conf.keepalive_s * 1000,
                            .dead_ms = DEAD_SILENCE_MS > l->conf.keepalive_s * 4000
                                           ? DEAD_SILENCE_MS
                                           : l->conf.keepalive_s * 4000,
                            .signon_ms = 60000,
                            .transfer_ms = l->conf.transfer_s * 1000,
                            .file_max = (size_t)g->conf->max_mail_bytes * 2};
    str_copy(c->name, sizeof c->name, l->conf.name);
}

static struct line *line_new(struct nje *n, const struct conf_link *c)
{
    struct line *l = mem_new(sizeof *l);
    struct link_conf lc;
    l->nje = n;
    l->arena = arena_new(65536);
    l->conf = *c;
    l->conf.name = arena_str(l->arena, c->name);
    l->conf.node = arena_str(l->arena, c->node);
    l->conf.host = arena_str(l->arena, c->host);
    l->conf.password = arena_str(l->arena, c->password);
    l->conf.line_password = arena_str(l->arena, c->line_password);
    str_copy(l->name, sizeof l->name, c->name);
    fill_link_conf(l, &lc);
    l->link = link_new(n->g->loop, &lc, &link_ops, l);
    l->next = n->line;
    n->line = l;
    return l;
}

static void line_free(struct nje *n, struct line *gone)
{
    struct line **p = &n->line;
    while (*p != gone)
        p = &(*p)->next;
    *p = gone->next;
    dns_cancel(&gone->ask);
    link_free(&gone->link);
    arena_free(&gone->arena);
    free(gone);
}

/* s NULL: a connection without TLS. */
static struct link *link_of(void *arg, const struct nje_name *rhost, const struct stream *s)
{
    struct nje *n = arg;
    char text[9];
    struct str node = ebc_name_text(rhost, text);
    n->unfit.text[0] = '\0';
    for (struct line *l = n->line; l != NULL; l = l->next) {
        if (!str_eq_nocase(l->conf.node, node))
            continue;
        if (njetls_fits(l->conf.tls, l->conf.host.p, s, &n->unfit) == 0)
            return l->link;
        why_prefix(&n->unfit, "link %s", l->name);
        return NULL;
    }
    return NULL;
}

static struct link *find_link(void *arg, const struct nje_name *rhost, const struct nje_name *ohost)
{
    (void)ohost;
    return link_of(arg, rhost, NULL);
}

static void refused(void *arg, const union endpoint *peer, const struct why *w)
{
    struct nje *n = arg;
    char at[64];
    const char *reason = n->unfit.text[0] != '\0' ? n->unfit.text : w->text;
    log_event(LOG_WARN, 0, "nje-refused", "peer=%s reason=%s", endpoint_text(peer, true, at),
              log_quote(str_of(reason)));
    n->unfit.text[0] = '\0';
}

static void nje_connection(void *arg, int fd, const union endpoint *peer,
                           const struct conf_listen *at)
{
    struct nje *n = arg;
    if (at->tls)
        njetls_take(n->tls, fd, peer);
    else
        port_take(n->port, stream_new(n->g->loop, fd, NULL, NULL));
}

struct nje *nje_new(struct gate *g)
{
    struct nje *n = mem_new(sizeof *n);
    n->g = g;
    struct port_set set = {.loop = g->loop,
                           .us = ebc_name_of(g->conf->local),
                           .find = find_link,
                           .refused = refused,
                           .arg = n};
    n->gather = gather_new(g);
    n->pace = pace_new(g->loop, nje_answer, n);
    n->port = port_new(&set);
    struct njetls_set tls = {.loop = g->loop,
                             .tls = g->tls,
                             .us = ebc_name_of(g->conf->local),
                             .find = link_of,
                             .refused = refused,
                             .arg = n};
    n->tls = njetls_new(&tls);
    return n;
}

int nje_listen(struct nje *n, struct why *w)
{
    const struct conf *c = n->g->conf;
    n->ports = listening_new(n->g, "LISTENNJE", nje_connection, n);
    return listening_follow(n->ports, c->listen_nje, c->nlisten_nje, w);
}

void nje_start(struct nje *n)
{
    const struct conf *c = n->g->conf;
    for (size_t i = 0; i < c->nlink; i++)
        link_start(line_new(n, &c->link[i])->link);
}

static bool same_link(const struct conf_link *a, const struct conf_link *b)
{
    return str_eq(a->node, b->node) && str_eq(a->host, b->host) && a->port == b->port &&
           a->bufsize == b->bufsize && a->streams == b->streams && a->ahead == b->ahead &&
           a->start == b->start && str_eq(a->password, b->password) &&
           str_eq(a->line_password, b->line_password) && a->keepalive_s == b->keepalive_s &&
           a->retry_s == b->retry_s && a->transfer_s == b->transfer_s && a->tls == b->tls;
}

void nje_reload(struct nje *n)
{
    const struct conf *c = n->g->conf;
    for (struct line *l = n->line, *next; l != NULL; l = next) {
        next = l->next;
        const struct conf_link *now = NULL;
        for (size_t i = 0; i < c->nlink; i++)
            if (str_eq(c->link[i].name, l->conf.name))
                now = &c->link[i];
        if (now == NULL || !same_link(now, &l->conf)) {
            link_stop(l->link, "the configuration was changed");
            line_free(n, l);
        } else {
            l->conf.page = now->page;
            l->conf.origin_any = now->origin_any;
        }
    }
    for (size_t i = 0; i < c->nlink; i++) {
        char name[9];
        str_copy(name, sizeof name, c->link[i].name);
        if (nje_line_named(n, name) == NULL)
            link_start(line_new(n, &c->link[i])->link);
    }
    struct why w;
    if (listening_follow(n->ports, c->listen_nje, c->nlisten_nje, &w) < 0)
        log_event(LOG_ERROR, 0, "reload", "text=%s", log_quote(str_of(w.text)));
}

void nje_drain(struct nje *n)
{
    if (n->ports != NULL)
        listening_close(n->ports);
    for (struct line *l = n->line; l != NULL; l = l->next)
        link_drain(l->link);
}

size_t nje_open(const struct nje *n)
{
    return n->open;
}

void nje_stop(struct nje *n)
{
    if (n->ports != NULL)
        listening_close(n->ports);
    for (struct line *l = n->line; l != NULL; l = l->next)
        link_stop(l->link, "the gateway stops");
}

void nje_free(struct nje **n)
{
    if (*n == NULL)
        return;
    nje_stop(*n);
    listening_free(&(*n)->ports);
    while ((*n)->line != NULL)
        line_free(*n, (*n)->line);
    pace_free(&(*n)->pace);
    gather_free(&(*n)->gather);
    njetls_free(&(*n)->tls);
    port_free(&(*n)->port);
    free(*n);
    *n = NULL;
}

int nje_link_do(struct nje *n, struct str link, enum nje_action what, struct why *w)
{
    char name[9];
    str_copy(name, sizeof name, link);
    for (char *p = name; *p != '\0'; p++)
        *p = ascii_upper(*p);
    struct line *l = nje_line_named(n, name);
    if (l == NULL)
        return why_set(w, E_ABSENT, 0, NULL, "there is no link %s", name);
    if (what == NJE_START) {
        link_dials(l->link, l->conf.host.n > 0); /* AST or not: now it is wanted */
        link_start(l->link);
    } else if (what == NJE_STOP) {
        link_stop(l->link, "stopped by the operator");
    } else {
        link_drain(l->link);
    }
    return 0;
}

void nje_each(struct nje *n,
              void (*fn)(void *arg, const struct conf_link *c, enum link_state s,
                         const struct link_stat *st),
              void *arg)
{
    for (struct line *l = n->line; l != NULL; l = l->next) {
        struct link_stat st;
        link_stat(l->link, &st);
        fn(arg, &l->conf, link_state_of(l->link), &st);
    }
}
