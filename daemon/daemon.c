/* daemon/daemon.c -- wires the parts of the daemon, opens the doors, reloads, stops. */
#include "daemon/daemon.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "daemon/rights.h"
#include "gateway/clockwatch.h"
#include "gateway/config/headrules.h"
#include "gateway/gate/filter.h"
#include "gateway/gate/gate.h"
#include "gateway/metrics.h"
#include "gateway/nje.h"
#include "gateway/relay.h"
#include "gateway/service.h"
#include "gateway/smtpin.h"
#include "gateway/sts.h"
#include "operator/asked.h"
#include "operator/ctl.h"
#include "operator/web.h"

/* What the look-ups keep of the tables of names: some 110 octets a row that was asked for. */
#define DIRECTORY_MOST ((size_t)512 << 20)

#define DRAIN_LOOK_MS 20
#define WORK_THREADS 2u
#define WORK_LIGHT ((uint64_t)8 << 20) /* octets: who brings more waits for the first thread */

struct daemon {
    struct gate gate;
    struct smtpin *smtpin;
    struct ctl *ctl;
    struct web *web;
    struct conf **conf; /* the present one last; earlier ones may still be borrowed from */
    size_t nconf;
    struct dns **dns; /* the present one last; look-ups may be under way in earlier ones */
    size_t ndns;
    char *zone; /* TZ as we were started with, NULL none */
    struct timer drain;
    struct mono deadline;
    bool stopping;
};

/* --- the configuration in use --- */

static int make_routes(const struct conf *c, struct routes **out, struct why *w)
{
    struct routes *r = routes_new();
    int v = 0;
    /* A neighbour is reached over its own link unless a ROUTE says otherwise. */
    for (size_t i = 0; i < c->nroute && v == 0; i++)
        v = routes_add(r, c->route[i].pattern, c->route[i].link, w);
    for (size_t i = 0; i < c->nlink && v == 0; i++) {
        struct why twice;
        if (routes_add(r, c->link[i].node, c->link[i].name, &twice) < 0 && twice.err != E_DENIED) {
            *w = twice;
            v = w->err;
        }
    }
    if (v < 0)
        routes_free(&r);
    *out = r;
    return v;
}

/* As IBM's server lists them on OUTPUT: one event a statement. */
static void log_effective(const struct conf *c)
{
    struct buf all;
    struct str rest, line;
    buf_init(&all, 1u << 20);
    conf_show(c, &all);
    rest = buf_text(&all);
    while (str_line(&rest, &line))
        log_event(LOG_INFO, 0, "config", "value=%s", log_quote(line));
    buf_done(&all);
}

static void set_zone(const struct daemon *d, const struct conf *c)
{
    if (!str_is(c->timezone, "SYSTZ"))
        setenv("TZ", c->timezone.p, 1);
    else if (d->zone != NULL)
        setenv("TZ", d->zone, 1);
    else
        unsetenv("TZ");
    tzset(); /* localtime_r reads the zone only then */
}

static int adopt(struct daemon *d, struct conf *c, struct why *w)
{
    struct routes *routes;
    int v = make_routes(c, &routes, w);
    if (v < 0)
        return v;
    routes_free(&d->gate.routes);
    d->gate.routes = routes;
    d->gate.conf = c;
    gate_log_level(&d->gate);
    d->gate.names = conf_names(c);
    set_zone(d, c);
    d->conf = mem_grow(d->conf, d->nconf + 1, sizeof(struct conf *));
    d->conf[d->nconf++] = c;
    headrules_print(c);
    log_effective(c);
    return 0;
}

/* The files are read with the rights the daemon has at that moment. */
static int load_tls(struct daemon *d, struct why *w)
{
    const struct conf *c = d->gate.conf;
    struct tls_files files = {.cert = c->tls_cert.p, .key = c->tls_key.p, .ca = c->tls_ca.p};
    int v = tls_load(d->gate.tls, &files, w);
    if (v == 0 && c->tls_cert.n > 0)
        log_event(strstr(tls_facts(d->gate.tls), "(expired)") != NULL ? LOG_WARN : LOG_INFO, 0,
                  "tls", "certificate=%s", log_quote(str_of(tls_facts(d->gate.tls))));
    return v;
}

static void log_problem(void *arg, const char *file, unsigned line, bool error, const char *text)
{
    (void)arg;
    log_event(error ? LOG_ERROR : LOG_WARN, 0, "config", "at=%s:%u text=%s", file, line,
              log_quote(str_of(text)));
}

/* Links, nicknames and files on their way bear our node's name. */
static int same_node(const struct conf *old, const struct conf *c, struct why *w)
{
    if (str_eq(old->local, c->local))
        return OK;
    return why_set(w, E_DENIED, 0, NULL, "LOCAL %.*s was %.*s: a restart is needed",
                   STR_ARG(c->local), STR_ARG(old->local));
}

static void tell_restart(void *arg, const char *statement)
{
    (void)arg;
    log_event(LOG_WARN, 0, "reload", "statement=%s text=%s", statement,
              log_quote(STR("was changed: that needs a restart")));
}

static bool take_new(struct daemon *d)
{
    struct why w;
    char path[4096];
    str_copy(path, sizeof path, d->gate.conf->path);
    const struct conf *old = d->gate.conf;
    struct conf *c = conf_load(path, log_problem, NULL);
    if (c != NULL && (same_node(old, c, &w) < 0 || adopt(d, c, &w) < 0)) {
        log_event(LOG_ERROR, 0, "config", "text=%s", log_quote(str_of(w.text)));
        conf_free(&c);
    }
    return c != NULL;
}

static struct store_keep what_is_kept(const struct conf *c)
{
    return (struct store_keep){.inline_max = (size_t)c->inline_max,
                               .journal_days = c->journal_days > 0 ? (int)c->journal_days : -1,
                               .journal_bytes = (uint64_t)c->journal_mb << 20};
}

/* A processor is left to the loop. */
static unsigned work_at_once(void)
{
    return sysconf(_SC_NPROCESSORS_ONLN) > (long)WORK_THREADS ? WORK_THREADS : 1;
}

static struct dns *resolver_of(struct daemon *d, const struct conf *c)
{
    struct dns_set set = {.forward = c->resolver,
                          .trust_anchor_file = c->trust_anchor.n > 0 ? c->trust_anchor.p : NULL};
    d->dns = mem_grow(d->dns, d->ndns + 1, sizeof(struct dns *));
    return d->dns[d->ndns++] = dns_new(d->gate.loop, &set);
}

static bool same_resolver(const struct conf *a, const struct conf *b)
{
    bool same = str_eq(a->trust_anchor, b->trust_anchor) && a->nresolver == b->nresolver;
    for (size_t i = 0; same && i < a->nresolver; i++)
        same = strcmp(a->resolver[i], b->resolver[i]) == 0;
    return same;
}

static void reload_parts(struct daemon *d, const struct conf *old)
{
    struct gate *g = &d->gate;
    struct store_keep keep = what_is_kept(g->conf);
    store_keep(g->store, &keep);
    if (!same_resolver(old, g->conf))
        g->dns = resolver_of(d, g->conf);
    filters_reload(g->filters);
    nje_reload(g->nje);
    smtpin_reload(d->smtpin);
    web_reload(d->web);
    relay_rescan(g->relay);
    conf_changed_at_start(d->conf[0], g->conf, tell_restart, NULL);
}

static void reload(void *arg)
{
    struct daemon *d = arg;
    struct why w;
    const struct conf *old = d->gate.conf;
    service_reloading();
    if (!take_new(d)) {
        log_event(LOG_ERROR, 0, "reload", "result=failed text=%s",
                  log_quote(STR("the configuration has errors, the old one stays in force")));
    } else {
        if (load_tls(d, &w) < 0)
            log_event(LOG_ERROR, 0, "tls", "error=%s text=%s", log_quote(str_of(w.text)),
                      log_quote(STR("the old certificate stays in force")));
        reload_parts(d, old);
        log_event(LOG_INFO, 0, "reload", "result=done file=%s", log_quote(d->gate.conf->path));
    }
    service_reloaded();
}

/* --- stopping --- */

static bool quiet(const struct daemon *d)
{
    return relay_busy(d->gate.relay) == 0 && nje_open(d->gate.nje) == 0 &&
           smtpin_undecided(d->smtpin) == 0 && work_left(d->gate.work) == 0 &&
           store_pending(d->gate.store) == 0;
}

static void look_at_drain(void *arg)
{
    struct daemon *d = arg;
    if (quiet(d) || mono_now().us >= d->deadline.us)
        loop_stop(d->gate.loop);
    else
        loop_arm(d->gate.loop, &d->drain, DRAIN_LOOK_MS, look_at_drain, d);
}

static void stop(void *arg)
{
    struct daemon *d = arg;
    if (d->stopping) {
        loop_stop(d->gate.loop); /* asked twice: at once */
        return;
    }
    d->stopping = true;
    service_stopping(d->gate.conf->drain_time);
    log_event(LOG_INFO, 0, "stopping", "drain_s=%lld", (long long)d->gate.conf->drain_time);
    smtpin_drain(d->smtpin);
    relay_drain(d->gate.relay);
    nje_drain(d->gate.nje);
    d->deadline = mono_in(d->gate.conf->drain_time * 1000);
    look_at_drain(d);
}

/* --- starting --- */

static void store_trouble(void *arg, const struct why *w)
{
    struct daemon *d = arg;
    if (d->gate.metrics != NULL)
        metrics_trouble(&d->gate, 0, "disk", STR("database"), w->text);
    log_event(LOG_ERROR, 0, "store", "error=%s", log_quote(str_of(w->text)));
}

/* The ports need the rights we start with; the files are made with those we keep. */
static int open_parts(struct daemon *d, struct why *w)
{
    struct gate *g = &d->gate;
    const struct conf *c = g->conf;
    struct store_set set = {.loop = g->loop,
                            .path = c->database.p,
                            .spooldir = c->spooldir.p,
                            .keep = what_is_kept(c),
                            .trouble = store_trouble,
                            .trouble_arg = d};
    g->tls = tls_new();
    g->asked = asked_by_message;
    g->nje = nje_new(g);
    int v = load_tls(d, w);
    if (v == 0)
        v = nje_listen(g->nje, w);
    if (v == 0)
        v = smtpin_listen(&d->smtpin, g, w);
    if (v == 0)
        v = web_listen(&d->web, g, w);
    if (v == 0)
        v = rights_drop(c, w);
    if (v == 0)
        v = store_open(&g->store, &set, w);
    if (v < 0)
        return v;
    g->work = work_new(g->loop, WORK_THREADS, WORK_LIGHT, work_at_once());
    db_remember(store_reader(g->store), DIRECTORY_MOST);
    g->nicks = nicks_new(g->store);
    g->snads = snads_new(g->store);
    g->dns = resolver_of(d, c);
    g->sts = sts_new(g);
    g->relay = relay_new(g);
    g->metrics = metrics_new(g);
    g->clock = clockwatch_new(g);
    g->filters = filters_new(g);
    smtpin_start(d->smtpin);
    nje_start(g->nje);
    relay_start(g->relay);
    web_start(d->web);
    return ctl_open(&d->ctl, g, c->control.p, w);
}

/* Callbacks of the store may still ask the parts: they are freed after it. */
static void close_parts(struct daemon *d)
{
    struct gate *g = &d->gate;
    ctl_close(&d->ctl);
    web_free(&d->web);
    clockwatch_free(&g->clock);
    if (g->relay != NULL)
        relay_stop(g->relay);
    if (g->nje != NULL)
        nje_stop(g->nje);
    filters_close(g->filters);
    sts_close(g->sts);
    work_free(&g->work); /* what is done by now is still committed */
    store_close(&g->store);
    smtpin_free(&d->smtpin);
    nje_free(&g->nje);
    filters_free(&g->filters);
    relay_free(&g->relay);
    metrics_free(&g->metrics);
    nicks_free(&g->nicks);
    snads_free(&g->snads);
    sts_free(&g->sts);
    for (size_t i = 0; i < d->ndns; i++)
        dns_free(&d->dns[i]);
    free(d->dns);
    tls_free(&g->tls);
    routes_free(&g->routes);
    service_free(&g->service);
    for (size_t i = 0; i < d->nconf; i++)
        conf_free(&d->conf[i]);
    free(d->conf);
}

int daemon_run(struct conf *c)
{
    struct why w = {0};
    struct daemon *d = mem_new(sizeof *d);
    d->gate.started = wall_now();
    d->zone = getenv("TZ") != NULL ? mem_dup(getenv("TZ")) : NULL;
    d->gate.debug = log_wants(LOG_DEBUG); /* -v */
    d->gate.service = service_new();
    d->gate.loop = loop_new();
    loop_signal(d->gate.loop, SIGTERM, stop, d);
    loop_signal(d->gate.loop, SIGINT, stop, d);
    loop_signal(d->gate.loop, SIGHUP, reload, d);
    int v = adopt(d, c, &w);
    if (v < 0)
        conf_free(&c);
    if (v == 0)
        v = open_parts(d, &w);
    loop_barrier(d->gate.loop, log_flush, NULL);
    if (v == 0) {
        service_ready(d->gate.service, d->gate.loop);
        log_event(LOG_INFO, 0, "started", "node=%.*s host=%.*s", STR_ARG(c->local),
                  STR_ARG(c->hostname));
        v = loop_run(d->gate.loop, &w);
    }
    if (v < 0)
        log_event(LOG_ERROR, 0, "failed", "error=%s", log_quote(str_of(w.text)));
    close_parts(d);
    log_event(LOG_INFO, 0, "stopped", "status=%d", v < 0);
    log_flush(NULL);
    loop_free(&d->gate.loop);
    free(d->zone);
    free(d);
    return v < 0 ? 1 : 0;
}
