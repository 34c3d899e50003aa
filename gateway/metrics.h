/* gateway/metrics.h -- what the gateway remembers of its own work: delays, samples of the counters
 * for the last hour, the last troubles; and the figures in Prometheus' text (exposition format
 * 0.0.4). Shown by njegate status and the pages of METRICS. */
#ifndef GATEWAY_METRICS_H
#define GATEWAY_METRICS_H

#include "gateway/gate/gate.h"

#define METRICS_SAMPLE_S 10
#define METRICS_SAMPLES 360u /* an hour */
#define METRICS_TROUBLES 10u
#define METRICS_RECENT 500u /* delays that percentiles are made of */

struct metrics_sample {
    struct wall at;
    uint64_t taken, delivered, trouble, queued; /* trouble: put off, returned, refused */
};
struct metrics_trouble {
    struct wall at;
    msg_id id; /* 0 none */
    const char *event;
    char text[300]; /* who, and why */
};

struct metrics *metrics_new(struct gate *g); /* takes a sample every METRICS_SAMPLE_S */
void metrics_free(struct metrics **m);
/* A recipient was served: accepted then, now delivered. */
void metrics_delivered(struct gate *g, struct wall accepted);
/* A recipient was put off or given up, for the list of last troubles. event is a literal. */
void metrics_trouble(struct gate *g, msg_id id, const char *event, struct str to,
                     const char *reason);

/* Milliseconds within which that many of 100 of the last METRICS_RECENT were delivered; negative
 * when there was none. */
int64_t metrics_delay_ms(const struct metrics *m, unsigned percent);
/* The k-th sample back from the newest, NULL past the oldest. */
const struct metrics_sample *metrics_sample(const struct metrics *m, size_t k);
const struct metrics_sample *metrics_oldest(const struct metrics *m);
struct metrics_sample metrics_now(const struct gate *g);
/* The k-th trouble back from the newest, NULL past the oldest. */
const struct metrics_trouble *metrics_last(const struct metrics *m, size_t k);
/* A minute's and an hour's mails, from the counters now and the samples. */
struct metrics_rates {
    uint64_t taken_minute, delivered_minute, taken_hour, delivered_hour;
};
struct metrics_rates metrics_rates(const struct gate *g);

struct metrics_disk {
    uint64_t free, size;    /* bytes, of the file system that holds SPOOLDIR */
    uint64_t database, wal; /* bytes of the files */
};
struct metrics_disk metrics_disk(const struct gate *g);

/* The `most` longest queues, longest first; n answers how many. The caller frees the array and, by
 * metrics_queues_free, the names. */
struct metrics_queue {
    char *dest; /* mail domain or node, "" held files */
    uint64_t n;
};
struct metrics_queue *metrics_queues(const struct gate *g, size_t most, size_t *n,
                                     uint64_t *others);
void metrics_queues_free(struct metrics_queue *q, size_t n);

void metrics_text(const struct gate *g, struct buf *out);

#endif
