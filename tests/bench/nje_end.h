/* tests/bench/nje_end.h -- what the two NJE ends of the bench share: one link that dials the
 * gateway. */
#ifndef TESTS_BENCH_NJE_END_H
#define TESTS_BENCH_NJE_END_H

#include <stdio.h>
#include <stdlib.h>

#include "base/loop.h"
#include "rscs/link.h"

struct end {
    struct loop *loop;
    struct link *link;
    union endpoint to;
};

static inline void end_fail(const struct why *w)
{
    fprintf(stderr, "%s\n", w->text);
    exit(1);
}

static inline struct stream *end_dial(void *arg, stream_fn *fn, void *fn_arg, struct why *w)
{
    (void)w;
    struct end *e = arg;
    return stream_connect(e->loop, &e->to, NULL, fn, fn_arg);
}

static inline void end_state(void *arg, enum link_state s, const struct why *w)
{
    (void)arg;
    if (s == LINK_UP)
        puts("UP");
    else if (w != NULL)
        fprintf(stderr, "%s: %s\n", link_state_name(s), w->text);
    fflush(stdout);
}

static inline void end_message(void *arg, const struct nmr *m)
{
    (void)arg;
    (void)m;
}

/* For an end that only sends. */
static inline int end_deny(void *arg, struct link_in *in, struct why *w)
{
    (void)arg;
    (void)in;
    return why_set(w, E_DENIED, 0, NULL, "the bench's source takes no files");
}

static inline int end_no_record(void *arg, struct link_in *in, uint8_t srcb, struct cur data,
                                struct why *w)
{
    (void)srcb;
    (void)data;
    return end_deny(arg, in, w);
}

static inline void end_no_end(void *arg, struct link_in *in)
{
    (void)arg;
    (void)in;
}

static inline void end_no_abort(void *arg, struct link_in *in, const struct why *w)
{
    (void)arg;
    (void)in;
    (void)w;
}

/* argv: addr:port, our node, the gateway's node. */
static inline void end_open(struct end *e, char **argv, uint8_t streams, const struct link_ops *ops)
{
    struct why w;
    struct link_conf conf = {.name = "BENCH",
                             .bufsize = 8192,
                             .streams = streams,
                             .dial = true,
                             .retry_ms = 200,
                             .retry_max_ms = 1000,
                             .keepalive_ms = 30000,
                             .signon_ms = 30000,
                             .file_max = 1u << 28};
    conf.line_password = conf.node_password = ebc_name_of(STR(""));
    if (endpoint_parse(&e->to, str_of(argv[0]), 0, &w) < 0)
        end_fail(&w);
    if (!ebc_name(&conf.us, str_of(argv[1])) || !ebc_name(&conf.them, str_of(argv[2]))) {
        fprintf(stderr, "not a node name: %s or %s\n", argv[1], argv[2]);
        exit(2);
    }
    e->loop = loop_new();
    e->link = link_new(e->loop, &conf, ops, e);
    link_start(e->link);
}

static inline void end_run(struct end *e)
{
    struct why w;
    if (loop_run(e->loop, &w) < 0)
        end_fail(&w);
    link_free(&e->link);
    loop_free(&e->loop);
}

#endif
