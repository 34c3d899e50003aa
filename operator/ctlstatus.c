/* operator/ctlstatus.c -- njegate status: one screen, whose cost does not depend on the queue. */
#include <string.h>
#include <time.h>

#include "gateway/gate/filter.h"
#include "gateway/metrics.h"
#include "gateway/nje.h"
#include "gateway/relay.h"
#include "operator/ctl.h"

#define QUEUES_SHOWN 8u
#define HOSTS_SHOWN 8u

static void put_link(void *arg, const struct conf_link *conf, enum link_state s,
                     const struct link_stat *st)
{
    ctl_cell(arg, "link %.*s", STR_ARG(conf->name));
    ctl_cell(arg, "%s to %.*s, files in %llu out %llu%s%s", link_state_name(s), STR_ARG(conf->node),
             (unsigned long long)st->files_in, (unsigned long long)st->files_out,
             st->reason[0] != '\0' ? ", " : "", st->reason);
}

/* How a filter does: what it has seen, what a mail costs there, its last failure while it lasts. */
static void put_filter(void *arg, const struct conf_milter *m, const struct milter_stat *st)
{
    ctl_cell(arg, "filter %.*s", STR_ARG(m->name));
    ctl_cell(arg, "%llu mails, %llu refused, %llu failures, %u open, %.1f ms a mail%s%s",
             (unsigned long long)st->mails, (unsigned long long)st->refused,
             (unsigned long long)st->failed, st->open,
             st->mails > 0 ? (double)st->total_ms / (double)st->mails : 0.0,
             st->broken ? ", now: " : "", st->broken ? st->why.text : "");
}

static void put_filters(struct ctl_call *c)
{
    if (filters_stopped(c->g->filters)) {
        ctl_cell(c, "filters");
        ctl_cell(c, "stopped by STOPEXIT: mail passes without them");
    }
    filters_each(c->g->filters, put_filter, c);
}

struct hosts {
    struct ctl_call *c;
    unsigned n;
};

/* A host that is being sent to, or that failed. */
static void put_host(void *arg, const struct relay_line *l)
{
    struct hosts *h = arg;
    if (strncmp(l->key, "smtp ", 5) != 0 || h->n++ >= HOSTS_SHOWN)
        return;
    ctl_cell(h->c, "host %s", l->key + 5);
    if (l->reason[0] != '\0')
        ctl_cell(h->c, "%zu in hand, %u connections, again in %lld s: %s", l->waiting, l->open,
                 (long long)l->retry_s, l->reason);
    else
        ctl_cell(h->c, "%zu in hand, %u connections", l->waiting, l->open);
}

static void put_queues(struct ctl_call *c)
{
    size_t n;
    uint64_t others;
    struct metrics_queue *q = metrics_queues(c->g, QUEUES_SHOWN, &n, &others);
    for (size_t i = 0; i < n; i++) {
        ctl_cell(c, "queue %s", q[i].dest[0] != '\0' ? q[i].dest : "(here)");
        ctl_cell(c, "%llu waiting", (unsigned long long)q[i].n);
    }
    if (others > 0) {
        ctl_cell(c, "queue (others)");
        ctl_cell(c, "%llu waiting", (unsigned long long)others);
    }
    metrics_queues_free(q, n);
}

static void put_troubles(struct ctl_call *c)
{
    const struct metrics_trouble *t;
    for (size_t k = 0; (t = metrics_last(c->g->metrics, k)) != NULL; k++) {
        time_t at = (time_t)wall_s(t->at);
        struct tm tm;
        char text[32];
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", localtime_r(&at, &tm));
        ctl_cell(c, "last %zu", k + 1);
        ctl_cell(c, "%s " MSG_ID_FMT " %s %s", text, MSG_ID_ARG(t->id), t->event, t->text);
    }
}

static void put_rates(struct ctl_call *c)
{
    struct metrics_rates r = metrics_rates(c->g);
    ctl_cell(c, "rate");
    ctl_cell(c, "%llu taken, %llu delivered in the last minute; %llu, %llu in the last hour",
             (unsigned long long)r.taken_minute, (unsigned long long)r.delivered_minute,
             (unsigned long long)r.taken_hour, (unsigned long long)r.delivered_hour);
    int64_t half = metrics_delay_ms(c->g->metrics, 50), most = metrics_delay_ms(c->g->metrics, 95);
    ctl_cell(c, "delay");
    if (half < 0)
        ctl_cell(c, "nothing was delivered yet");
    else
        ctl_cell(c, "half within %.3f s, 95 of 100 within %.3f s", (double)half / 1000,
                 (double)most / 1000);
}

static void put_disk(struct ctl_call *c)
{
    struct metrics_disk d = metrics_disk(c->g);
    ctl_cell(c, "disk");
    ctl_cell(c, "%llu MiB free of %llu, database %llu MiB, %zu changes pending",
             (unsigned long long)(d.free >> 20), (unsigned long long)(d.size >> 20),
             (unsigned long long)((d.database + d.wal) >> 20), store_pending(c->g->store));
}

void ctl_status(struct ctl_call *c)
{
    const struct gate_stat *s = &c->g->stat;
    struct hosts hosts = {.c = c};
    ctl_cell(c, "node");
    ctl_cell(c, "%.*s", STR_ARG(c->g->conf->local));
    ctl_cell(c, "host");
    ctl_cell(c, "%.*s", STR_ARG(c->g->names.hostname));
    ctl_cell(c, "up seconds");
    ctl_cell(c, "%lld", (long long)(wall_s(wall_now()) - wall_s(c->g->started)));
    ctl_cell(c, "queued");
    ctl_cell(c, "%llu", (unsigned long long)store_queued(c->g->store));
    ctl_cell(c, "taken");
    ctl_cell(c, "%llu by SMTP, %llu by NJE, %llu here", (unsigned long long)s->from_smtp,
             (unsigned long long)s->from_nje, (unsigned long long)s->from_local);
    ctl_cell(c, "delivered");
    ctl_cell(c, "%llu by SMTP, %llu by NJE, %llu to readers", (unsigned long long)s->to_smtp,
             (unsigned long long)s->to_nje, (unsigned long long)s->to_reader);
    ctl_cell(c, "trouble");
    ctl_cell(c, "%llu put off, %llu returned, %llu refused", (unsigned long long)s->deferred,
             (unsigned long long)s->returned, (unsigned long long)s->refused);
    put_rates(c);
    put_disk(c);
    nje_each(c->g->nje, put_link, c);
    put_queues(c);
    relay_each(c->g->relay, put_host, &hosts);
    put_filters(c);
    put_troubles(c);
    ctl_answer(c, 0, " ");
}
