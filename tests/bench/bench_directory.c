/* tests/bench/bench_directory.c -- what it costs to say who is meant.
 *
 *   bench_directory CONFIG KIND NAMES
 *
 * Opens the database of the configuration as the daemon does and admits NAMES addresses of one
 * KIND, each once and in no order, again and again: batch (nickname@gateway from NJE), file
 * (nickname at DIMNODE as a file's destination), alias (user ID at REEF), secure (nickname@gateway
 * from the Internet under SECURE). The line printed: kind=batch names=1000000 cold_ns=...
 * warm_ns=... refresh_ns=... entries=... bytes=... where an entry's bytes are all that is kept for
 * it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "db/memo.h"
#include "gateway/gate/admit.h"
#include "rscs/ebcdic.h"

#define WARM_PASSES 3
#define MOST ((size_t)1 << 30)

struct bench {
    struct gate g;
    struct arena *arena;
    const char *kind;
    uint32_t *order;
    size_t n;
};

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* what others on the machine do is not counted */
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void die(const char *text)
{
    fprintf(stderr, "bench_directory: %s\n", text);
    exit(1);
}

static void report(void *arg, const char *file, unsigned line, bool error, const char *text)
{
    (void)arg;
    if (error)
        fprintf(stderr, "%s:%u: %s\n", file, line, text);
}

static void open_gate(struct bench *b, const char *path)
{
    struct why w;
    struct conf *c = conf_load(path, report, NULL);
    if (c == NULL)
        die("the configuration has errors");
    b->g.loop = loop_new();
    struct store_set set = {.loop = b->g.loop, .path = c->database.p, .spooldir = c->spooldir.p};
    if (store_open(&b->g.store, &set, &w) < 0)
        die(w.text);
    b->g.conf = c;
    b->g.routes = routes_new();
    for (size_t i = 0; i < c->nlink; i++)
        if (routes_add(b->g.routes, c->link[i].node, c->link[i].name, &w) < 0)
            die(w.text);
    b->g.names = (struct addr_names){.hostname = c->hostname,
                                     .local_node = c->local,
                                     .rscs_domain = c->rscs_domain,
                                     .alt_rscs_domain = c->alt_rscs_domain,
                                     .dim_node = c->dim_node};
    b->g.nicks = nicks_new(b->g.store);
    db_remember(store_reader(b->g.store), MOST);
}

/* The names the tables were filled with (directory.py). */
static int admit_one(struct bench *b, uint32_t i, struct admitted *out, struct why *w)
{
    char name[16];
    const struct asker nje = {FROM_NJE, STR("BOB@MVSA")};
    arena_reset(b->arena);
    if (strcmp(b->kind, "secure") == 0) {
        snprintf(name, sizeof name, "sec%05u", i);
        return admit_mailbox(&b->g, (struct asker){.source = FROM_INTERNET}, str_of(name),
                             b->g.names.hostname, b->arena, out, w);
    }
    snprintf(name, sizeof name, "%c%06u", strcmp(b->kind, "alias") == 0 ? 'U' : 'N', i);
    if (strcmp(b->kind, "batch") == 0)
        return admit_mailbox(&b->g, nje, str_of(name), b->g.names.hostname, b->arena, out, w);
    *out = (struct admitted){.original = STR("")};
    return admit_user(&b->g, nje, str_of(name),
                      strcmp(b->kind, "alias") == 0 ? STR("REEF") : b->g.conf->dim_node, b->arena,
                      out, w);
}

static double pass(struct bench *b)
{
    struct admitted out;
    struct why w;
    double began = now_ns();
    for (size_t i = 0; i < b->n; i++)
        if (admit_one(b, b->order[i], &out, &w) < 0)
            die(w.text);
    return (now_ns() - began) / (double)b->n;
}

static double refresh(struct bench *b)
{
    double began = now_ns();
    for (size_t i = 0; i < 100000; i++)
        db_refresh(store_reader(b->g.store));
    return (now_ns() - began) / 100000;
}

static void shuffle(struct bench *b, size_t n)
{
    uint64_t seed = 88172645463325252u;
    b->n = n;
    b->order = calloc(n, sizeof *b->order);
    for (size_t i = 0; i < n; i++) {
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        size_t j = seed % (i + 1);
        b->order[i] = b->order[j];
        b->order[j] = (uint32_t)i;
    }
}

int main(int argc, char **argv)
{
    struct bench b = {.arena = arena_new(65536)};
    if (argc != 4)
        die("usage: bench_directory CONFIG KIND NAMES");
    log_open(2, LOG_WARN);
    open_gate(&b, argv[1]);
    b.kind = argv[2];
    shuffle(&b, strtoul(argv[3], NULL, 10));
    double cold = pass(&b), warm = pass(&b);
    for (int i = 1; i < WARM_PASSES; i++) {
        double again = pass(&b);
        warm = again < warm ? again : warm;
    }
    const struct memo *m = db_memo(store_reader(b.g.store));
    printf("kind=%s names=%zu cold_ns=%.0f warm_ns=%.0f refresh_ns=%.0f entries=%zu bytes=%.0f\n",
           b.kind, b.n, cold, warm, refresh(&b), memo_count(m),
           (double)memo_bytes(m) / (double)memo_count(m));
    return 0;
}
