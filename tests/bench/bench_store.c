/* tests/bench/bench_store.c -- messages a second and CPU a message through the store alone.
 *
 *   bench_store DIR [-n messages] [-s sessions] [-b body bytes] [-r recipients] [-t]
 *
 * Each session does what one SMTP client does to the store: give a message with its journal row,
 * wait until it is durable, then settle it with another journal row, and begin the next without
 * waiting for that. -t: a gateway's life instead: the durable input is replaced by its output in
 * one change, and that is settled when durable. The line printed at the end: store sessions=20
 * body=2048 messages=100000 per_s=... cpu_us=... p50_us=... p99_us=... */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/mem.h"
#include "db/store.h"

struct bench {
    struct loop *loop;
    struct store *store;
    const char *bytes;
    size_t size, todo, begun, done, rcpts, commits;
    bool transform;
    uint32_t *latency; /* microseconds from giving to durable, one a message */
};
struct session {
    struct bench *b;
    msg_id id;
    int64_t began;
};

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void die(const struct why *w)
{
    fprintf(stderr, "%s\n", w->text);
    exit(1);
}

/* Written as a session does: large ones to a file. */
static struct body *new_body(struct bench *b)
{
    struct why w;
    struct body_writer *bw = body_writer_new(b->store);
    for (size_t at = 0; at < b->size; at += 16384) {
        size_t n = b->size - at < 16384 ? b->size - at : 16384;
        if (body_write(bw, b->bytes + at, n, &w) < 0)
            die(&w);
    }
    struct body *body = body_writer_end(&bw, &w);
    if (body == NULL)
        die(&w);
    return body;
}

static void add(struct change *c, struct bench *b, msg_id id, msg_id origin)
{
    struct message *m = message_new();
    m->id = id;
    m->origin = origin;
    m->from = DOOR_SMTP;
    m->to = DOOR_NJE;
    m->form = BODY_MAIL;
    m->origin_sender = STR("somebody.of.some.length@mail.example.com");
    m->sender = m->origin_sender;
    m->subject = STR("The usual subject of a usual message");
    m->head = STR("Received: from mail.example.com (192.0.2.7) by gateway.example.net\n"
                  "From: Some Body <somebody.of.some.length@mail.example.com>\n"
                  "To: MAINT@VM1\nSubject: The usual subject of a usual message\n");
    m->accepted = wall_now();
    m->body = new_body(b);
    for (size_t i = 0; i < b->rcpts; i++)
        message_add_rcpt(m, STR("MAINT@VM1"), STR("VM1"));
    change_add(c, m);
    message_free(&m);
}

static void next(struct session *s);

static void durable(void *arg, const struct why *w)
{
    struct session *s = arg;
    struct bench *b = s->b;
    if (w != NULL)
        die(w);
    b->latency[b->done++] = (uint32_t)(now_us() - s->began);
    struct change *c = change_new(b->store);
    for (unsigned i = 0; i < b->rcpts; i++)
        change_rcpt_done(c, s->id, i);
    change_journal(c, s->id, "sent", "to=<MAINT@VM1> link=VM1 status=2.0.0");
    change_commit(&c, NULL, NULL);
    if (b->done == b->todo)
        loop_stop(b->loop);
    else
        next(s);
}

static void accepted(void *arg, const struct why *w)
{
    struct session *s = arg;
    if (w != NULL || !s->b->transform) {
        durable(arg, w);
        return;
    }
    msg_id out = store_next_id(s->b->store);
    struct change *c = change_new(s->b->store);
    change_remove(c, s->id);
    add(c, s->b, out, s->id);
    change_journal(c, s->id, "converted", "form=NOTE records=25 replaced=0");
    s->id = out;
    change_commit(&c, durable, s);
}

static void next(struct session *s)
{
    struct bench *b = s->b;
    if (b->begun == b->todo)
        return;
    b->begun++;
    s->began = now_us();
    s->id = store_next_id(b->store);
    struct change *c = change_new(b->store);
    add(c, b, s->id, s->id);
    change_journal(c, s->id, "accepted",
                   "from=<somebody.of.some.length@mail.example.com> to=<MAINT@VM1> size=2048");
    change_commit(&c, accepted, s);
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static double cpu_s(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
           (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static void run(struct bench *b, size_t sessions)
{
    struct session *s = calloc(sessions, sizeof *s);
    b->latency = calloc(b->todo, sizeof *b->latency);
    double cpu = cpu_s();
    int64_t start = now_us();
    for (size_t i = 0; i < sessions; i++) {
        s[i].b = b;
        next(&s[i]);
    }
    struct why w;
    if (loop_run(b->loop, &w) < 0)
        die(&w);
    store_close(&b->store);
    double took = (double)(now_us() - start) / 1e6;
    cpu = cpu_s() - cpu;
    qsort(b->latency, b->todo, sizeof *b->latency, by_size);
    printf("store sessions=%zu body=%zu messages=%zu per_s=%.0f cpu_us=%.1f p50_us=%u p99_us=%u\n",
           sessions, b->size, b->todo, (double)b->todo / took, cpu / (double)b->todo * 1e6,
           b->latency[b->todo / 2], b->latency[b->todo * 99 / 100]);
    free(b->latency);
    free(s);
}

int main(int argc, char **argv)
{
    struct bench b = {.todo = 50000, .rcpts = 1};
    size_t sessions = 20, size = 2048;
    for (int o; (o = getopt(argc, argv, "n:s:b:r:t")) != -1;) {
        if (o == 'n')
            b.todo = strtoul(optarg, NULL, 10);
        else if (o == 's')
            sessions = strtoul(optarg, NULL, 10);
        else if (o == 'b')
            size = strtoul(optarg, NULL, 10);
        else if (o == 'r')
            b.rcpts = strtoul(optarg, NULL, 10);
        else if (o == 't')
            b.transform = true;
        else
            return 2;
    }
    if (optind >= argc || b.todo == 0) {
        fprintf(stderr, "usage: bench_store [-n N] [-s N] [-b N] [-r N] [-t] DIR\n");
        return 2;
    }
    char path[4000], spool[4000];
    mkdir(argv[optind], 0700);
    snprintf(path, sizeof path, "%s/njegate.db", argv[optind]);
    snprintf(spool, sizeof spool, "%s/spool", argv[optind]);
    char *bytes = mem_new(size + 1);
    memset(bytes, 'x', size);
    b.loop = loop_new();
    b.bytes = bytes;
    b.size = size;
    struct why w;
    struct store_set set = {.loop = b.loop, .path = path, .spooldir = spool};
    if (store_open(&b.store, &set, &w) < 0)
        die(&w);
    run(&b, sessions);
    free(bytes);
    loop_free(&b.loop);
    return 0;
}
