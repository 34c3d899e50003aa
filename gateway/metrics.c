/* gateway/metrics.c -- see metrics.h */
#include "gateway/metrics.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/mem.h"
#include "gateway/gate/filter.h"
#include "gateway/nje.h"

#define QUEUES_SHOWN 50u /* destinations with a line of their own */

/* Upper ends of the histogram, seconds. */
static const double ends[] = {0.05, 0.1, 0.5, 1, 5, 30, 60, 300, 1800, 3600, 21600, 86400};
#define NENDS (sizeof ends / sizeof ends[0])

struct metrics {
    struct gate *g;
    struct timer timer;
    struct metrics_sample sample[METRICS_SAMPLES];
    size_t nsample; /* ever taken */
    struct metrics_trouble trouble[METRICS_TROUBLES];
    size_t ntrouble;
    int64_t recent_ms[METRICS_RECENT];
    size_t nrecent;
    uint64_t bucket[NENDS + 1];
    uint64_t delays;
    double delay_sum;
};

struct metrics_sample metrics_now(const struct gate *g)
{
    const struct gate_stat *s = &g->stat;
    return (struct metrics_sample){.at = wall_now(),
                                   .taken = s->from_smtp + s->from_nje + s->from_local,
                                   .delivered = s->to_smtp + s->to_nje + s->to_reader,
                                   .trouble = s->deferred + s->returned + s->refused,
                                   .queued = store_queued(g->store)};
}

static void take_sample(void *arg)
{
    struct metrics *m = arg;
    m->sample[m->nsample++ % METRICS_SAMPLES] = metrics_now(m->g);
    loop_arm(m->g->loop, &m->timer, METRICS_SAMPLE_S * INT64_C(1000), take_sample, m);
}

struct metrics *metrics_new(struct gate *g)
{
    struct metrics *m = mem_new(sizeof *m);
    m->g = g;
    take_sample(m);
    return m;
}

void metrics_free(struct metrics **m)
{
    if (*m == NULL)
        return;
    loop_disarm((*m)->g->loop, &(*m)->timer);
    free(*m);
    *m = NULL;
}

void metrics_delivered(struct gate *g, struct wall accepted)
{
    struct metrics *m = g->metrics;
    int64_t us = wall_now().us - accepted.us;
    double s = us > 0 ? (double)us / (double)US_PER_S : 0; /* a clock may have been set back */
    size_t k = 0;
    while (k < NENDS && s > ends[k])
        k++;
    m->bucket[k]++;
    m->delays++;
    m->delay_sum += s;
    m->recent_ms[m->nrecent++ % METRICS_RECENT] = us > 0 ? us / 1000 : 0;
}

void metrics_trouble(struct gate *g, msg_id id, const char *event, struct str to,
                     const char *reason)
{
    struct metrics *m = g->metrics;
    struct metrics_trouble *t = &m->trouble[m->ntrouble++ % METRICS_TROUBLES];
    t->at = wall_now();
    t->id = id;
    t->event = event;
    snprintf(t->text, sizeof t->text, "%.*s: %s", STR_ARG(to), reason);
}

static int by_ms(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

int64_t metrics_delay_ms(const struct metrics *m, unsigned percent)
{
    int64_t sorted[METRICS_RECENT];
    size_t n = m->nrecent < METRICS_RECENT ? m->nrecent : METRICS_RECENT;
    if (n == 0)
        return -1;
    memcpy(sorted, m->recent_ms, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_ms);
    size_t at = n * percent / 100;
    return sorted[at < n ? at : n - 1];
}

const struct metrics_sample *metrics_sample(const struct metrics *m, size_t k)
{
    if (k >= m->nsample || k >= METRICS_SAMPLES)
        return NULL;
    return &m->sample[(m->nsample - 1 - k) % METRICS_SAMPLES];
}

const struct metrics_trouble *metrics_last(const struct metrics *m, size_t k)
{
    if (k >= m->ntrouble || k >= METRICS_TROUBLES)
        return NULL;
    return &m->trouble[(m->ntrouble - 1 - k) % METRICS_TROUBLES];
}

const struct metrics_sample *metrics_oldest(const struct metrics *m)
{
    return metrics_sample(m, (m->nsample < METRICS_SAMPLES ? m->nsample : METRICS_SAMPLES) - 1);
}

/* The sample of about that long ago, or the oldest there is. */
static const struct metrics_sample *sample_before(const struct metrics *m, size_t k)
{
    const struct metrics_sample *s = metrics_sample(m, k);
    return s != NULL ? s : metrics_oldest(m);
}

struct metrics_rates metrics_rates(const struct gate *g)
{
    struct metrics_sample now = metrics_now(g);
    const struct metrics_sample *minute = sample_before(g->metrics, 60 / METRICS_SAMPLE_S - 1),
                                *hour = sample_before(g->metrics, METRICS_SAMPLES - 1);
    return (struct metrics_rates){.taken_minute = now.taken - minute->taken,
                                  .delivered_minute = now.delivered - minute->delivered,
                                  .taken_hour = now.taken - hour->taken,
                                  .delivered_hour = now.delivered - hour->delivered};
}

static uint64_t file_size(const char *path, const char *end)
{
    char name[4096];
    struct stat st;
    snprintf(name, sizeof name, "%s%s", path, end);
    return stat(name, &st) == 0 ? (uint64_t)st.st_size : 0;
}

struct metrics_disk metrics_disk(const struct gate *g)
{
    struct metrics_disk d = {.database = file_size(g->conf->database.p, ""),
                             .wal = file_size(g->conf->database.p, "-wal")};
    struct statvfs fs;
    if (statvfs(g->conf->spooldir.p, &fs) == 0) {
        d.free = (uint64_t)fs.f_bavail * fs.f_frsize;
        d.size = (uint64_t)fs.f_blocks * fs.f_frsize;
    }
    return d;
}

/* --- queues --- */

struct longest {
    struct metrics_queue *q; /* longest first */
    size_t n, most;
    uint64_t others;
};

static void keep_longest(void *arg, struct str dest, uint64_t n)
{
    struct longest *l = arg;
    if (l->n == l->most && l->q[l->n - 1].n >= n) {
        l->others += n;
        return;
    }
    if (l->n == l->most) {
        l->others += l->q[--l->n].n;
        free(l->q[l->n].dest);
    }
    size_t at = l->n++;
    for (; at > 0 && l->q[at - 1].n < n; at--)
        l->q[at] = l->q[at - 1];
    l->q[at] = (struct metrics_queue){mem_copy(dest.n > 0 ? dest.p : "", dest.n), n};
}

struct metrics_queue *metrics_queues(const struct gate *g, size_t most, size_t *n, uint64_t *others)
{
    struct longest l = {.q = mem_new(most * sizeof *l.q), .most = most};
    store_queued_each(g->store, keep_longest, &l);
    *n = l.n;
    *others = l.others;
    return l.q;
}

void metrics_queues_free(struct metrics_queue *q, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(q[i].dest);
    free(q);
}

/* --- Prometheus --- */

static void head(struct buf *b, const char *name, const char *type, const char *help)
{
    buf_printf(b, "# HELP njegate_%s %s\n# TYPE njegate_%s %s\n", name, help, name, type);
}

static void one(struct buf *b, const char *name, const char *type, const char *help, uint64_t v)
{
    head(b, name, type, help);
    buf_printf(b, "njegate_%s %llu\n", name, (unsigned long long)v);
}

/* A label's value: backslash, quote and line feed escaped. */
static void label(struct buf *b, struct str value)
{
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        if (c == '\\' || c == '"')
            buf_u8(b, '\\');
        buf_u8(b, (uint8_t)(c == '\n' ? ' ' : c));
    }
}

static void doors(struct buf *b, const char *name, const char *const labels[3],
                  const uint64_t values[3])
{
    for (size_t i = 0; i < 3; i++)
        buf_printf(b, "njegate_%s{door=\"%s\"} %llu\n", name, labels[i],
                   (unsigned long long)values[i]);
}

static void put_counters(const struct gate *g, struct buf *b)
{
    const struct gate_stat *s = &g->stat;
    head(b, "messages_taken_total", "counter", "Mails and files taken.");
    doors(b, "messages_taken_total", (const char *const[]){"smtp", "nje", "local"},
          (const uint64_t[]){s->from_smtp, s->from_nje, s->from_local});
    head(b, "recipients_delivered_total", "counter", "Recipients served.");
    doors(b, "recipients_delivered_total", (const char *const[]){"smtp", "nje", "reader"},
          (const uint64_t[]){s->to_smtp, s->to_nje, s->to_reader});
    one(b, "recipients_deferred_total", "counter", "Attempts that were put off.", s->deferred);
    one(b, "recipients_returned_total", "counter", "Recipients given up.", s->returned);
    one(b, "refused_total", "counter", "Recipients and files refused at the door.", s->refused);
    one(b, "start_time_seconds", "gauge", "When the daemon started, Unix time.",
        (uint64_t)wall_s(g->started));
}

static void put_queue(const struct gate *g, struct buf *b)
{
    size_t n;
    uint64_t others;
    struct metrics_queue *q = metrics_queues(g, QUEUES_SHOWN, &n, &others);
    one(b, "queue_messages", "gauge", "Messages in the queue.", store_queued(g->store));
    head(b, "queue_recipients", "gauge", "Recipients that wait, by destination.");
    for (size_t i = 0; i < n; i++) {
        buf_z(b, "njegate_queue_recipients{destination=\"");
        label(b, str_of(q[i].dest));
        buf_printf(b, "\"} %llu\n", (unsigned long long)q[i].n);
    }
    if (others > 0)
        buf_printf(b, "njegate_queue_recipients{destination=\"(others)\"} %llu\n",
                   (unsigned long long)others);
    metrics_queues_free(q, n);
}

static void put_delays(const struct metrics *m, struct buf *b)
{
    uint64_t sum = 0;
    head(b, "delivery_delay_seconds", "histogram", "From the acceptance to the delivery.");
    for (size_t i = 0; i < NENDS; i++) {
        sum += m->bucket[i];
        buf_printf(b, "njegate_delivery_delay_seconds_bucket{le=\"%g\"} %llu\n", ends[i],
                   (unsigned long long)sum);
    }
    buf_printf(b,
               "njegate_delivery_delay_seconds_bucket{le=\"+Inf\"} %llu\n"
               "njegate_delivery_delay_seconds_sum %.3f\n"
               "njegate_delivery_delay_seconds_count %llu\n",
               (unsigned long long)m->delays, m->delay_sum, (unsigned long long)m->delays);
}

struct link_figure {
    struct buf *b;
    const char *name;
    int which;
};

static void link_figure(void *arg, const struct conf_link *c, enum link_state state,
                        const struct link_stat *st)
{
    const struct link_figure *f = arg;
    const uint64_t values[] = {state == LINK_UP, st->files_in, st->files_out, st->bytes_in,
                               st->bytes_out};
    buf_printf(f->b, "njegate_%s{link=\"%.*s\",node=\"%.*s\"} %llu\n", f->name, STR_ARG(c->name),
               STR_ARG(c->node), (unsigned long long)values[f->which]);
}

static void put_links(const struct gate *g, struct buf *b)
{
    static const char *const names[][3] = {
        {"link_up", "gauge", "Is the link signed on?"},
        {"link_files_in_total", "counter", "Files taken over the link."},
        {"link_files_out_total", "counter", "Files sent over the link."},
        {"link_bytes_in_total", "counter", "Bytes taken over the link."},
        {"link_bytes_out_total", "counter", "Bytes sent over the link."}};
    for (int k = 0; k < 5; k++) {
        struct link_figure f = {b, names[k][0], k};
        head(b, names[k][0], names[k][1], names[k][2]);
        nje_each(g->nje, link_figure, &f);
    }
}

struct filter_figures {
    struct buf *b;
    const char *name;
    int which;
};

static void filter_figure(void *arg, const struct conf_milter *c, const struct milter_stat *s)
{
    const struct filter_figures *f = arg;
    uint64_t v[] = {s->mails, s->refused, s->failed, !s->broken};
    buf_printf(f->b, "njegate_%s{filter=\"", f->name);
    label(f->b, c->name);
    if (f->which < 4)
        buf_printf(f->b, "\"} %llu\n", (unsigned long long)v[f->which]);
    else
        buf_printf(f->b, "\"} %.3f\n", (double)s->total_ms / 1000);
}

static void put_filters(const struct gate *g, struct buf *b)
{
    static const char *const names[][3] = {
        {"filter_mails_total", "counter", "Mails the filter has judged."},
        {"filter_refused_total", "counter", "Refusals of the filter."},
        {"filter_failed_total", "counter", "Conversations with the filter that failed."},
        {"filter_up", "gauge", "Did the last conversation with it go well?"},
        {"filter_wait_seconds_total", "counter", "Waits for its verdicts at the end of mails."}};
    for (int k = 0; k < 5 && g->filters != NULL; k++) {
        struct filter_figures f = {b, names[k][0], k};
        head(b, names[k][0], names[k][1], names[k][2]);
        filters_each(g->filters, filter_figure, &f);
    }
}

void metrics_text(const struct gate *g, struct buf *out)
{
    struct metrics_disk d = metrics_disk(g);
    put_counters(g, out);
    put_queue(g, out);
    put_delays(g->metrics, out);
    put_links(g, out);
    put_filters(g, out);
    one(out, "changes_pending", "gauge", "Changes given to the disk and not yet durable.",
        store_pending(g->store));
    one(out, "disk_free_bytes", "gauge", "Free space where the bodies are kept.", d.free);
    one(out, "disk_size_bytes", "gauge", "Size of that file system.", d.size);
    one(out, "database_bytes", "gauge", "Size of the database.", d.database);
    one(out, "database_wal_bytes", "gauge", "Size of its log.", d.wal);
}
