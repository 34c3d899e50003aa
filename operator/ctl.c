/* operator/ctl.c -- the control socket: frames, connections, answers. */
#include "operator/ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/stream.h"

#define CLIENT_MS 60000
#define CLIENTS_MAX 64u

struct ctl {
    struct gate *g;
    struct listener *listener;
    struct ctl_conn *first;
    unsigned clients;
};
struct ctl_conn {
    struct ctl_conn *next;
    struct ctl *ctl;
    struct stream *stream;
    struct buf in;
    struct ctl_call *call; /* being answered */
};

void ctl_put(struct buf *b, const struct str *word, size_t n)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += 4 + word[i].n;
    buf_be32(b, (uint32_t)total);
    for (size_t i = 0; i < n; i++) {
        buf_be32(b, (uint32_t)word[i].n);
        buf_str(b, word[i]);
    }
}

int ctl_get(struct cur in, struct arena *a, struct str **word, size_t *n, size_t *used,
            struct why *w)
{
    if (cur_left(&in) < 4)
        return 0;
    size_t total = cur_be32(&in);
    if (total > CTL_FRAME_MAX)
        return why_set(w, E_LIMIT, 0, NULL, "a request of %zu bytes", total);
    if (cur_left(&in) < total)
        return 0;
    struct cur frame = cur_sub(&in, total), count = frame;
    *n = 0;
    while (cur_left(&count) > 0 && !cur_bad(&count) && *n <= CTL_WORDS_MAX) {
        cur_skip(&count, cur_be32(&count));
        ++*n;
    }
    if (cur_bad(&count) || *n == 0 || *n > CTL_WORDS_MAX)
        return why_set(w, E_SYNTAX, 0, NULL, "a malformed request");
    *word = arena_alloc(a, *n * sizeof **word);
    if (*word == NULL || arena_full(a))
        return why_set(w, E_LIMIT, 0, NULL, "a request of %zu words", *n);
    for (size_t i = 0; i < *n; i++) {
        struct cur item = cur_sub(&frame, cur_be32(&frame));
        (*word)[i] = cur_str(&item);
    }
    *used = 4 + total;
    return 1;
}

static void conn_free(struct ctl_conn *k)
{
    struct ctl_conn **p = &k->ctl->first;
    while (*p != k)
        p = &(*p)->next;
    *p = k->next;
    k->ctl->clients--;
    if (k->call != NULL)
        k->call->conn = NULL; /* the answer will find nobody */
    stream_free(&k->stream);
    buf_done(&k->in);
    free(k);
}

void ctl_cell(struct ctl_call *c, const char *fmt, ...)
{
    char text[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (c->ncell + 3 >= CTL_WORDS_MAX)
        return;
    if ((c->ncell & (c->ncell - 1)) == 0)
        c->cell = mem_grow(c->cell, c->ncell == 0 ? 1 : c->ncell * 2, sizeof *c->cell);
    c->cell[c->ncell++] = arena_str(c->arena, str_of(text));
}

static void send_answer(struct ctl_call *c, int status, struct str text)
{
    char number[12];
    snprintf(number, sizeof number, "%d", status);
    struct str *word = mem_new((c->ncell + 2) * sizeof *word);
    word[0] = str_of(number);
    word[1] = text;
    if (c->ncell > 0)
        memcpy(word + 2, c->cell, c->ncell * sizeof *word);
    struct buf frame;
    buf_init(&frame, CTL_FRAME_MAX);
    ctl_put(&frame, word, c->ncell + 2);
    stream_put(c->conn->stream, frame.p, frame.n);
    buf_done(&frame);
    free(word);
}

void ctl_answer(struct ctl_call *c, int status, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    struct ctl_conn *k = c->conn;
    if (k != NULL) {
        send_answer(c, status, str_of(text));
        k->call = NULL;
        buf_reset(&k->in); /* the words were borrowed from it; a client asks one thing at a time */
        stream_hold(k->stream, false);
    }
    free(c->cell);
    arena_free(&c->arena);
    free(c);
}

static void next_call(struct ctl_conn *k)
{
    struct why w;
    size_t used;
    struct ctl_call *c = mem_new(sizeof *c);
    c->g = k->ctl->g;
    c->arena = arena_new(64u << 20);
    struct str *borrowed;
    int v = ctl_get(buf_cur(&k->in), c->arena, &borrowed, &c->nword, &used, &w);
    if (v <= 0) {
        arena_free(&c->arena);
        free(c);
        if (v < 0)
            conn_free(k);
        return;
    }
    c->word = borrowed;
    c->conn = k;
    k->call = c;
    stream_hold(k->stream, true); /* one at a time; the words stay in k->in until then */
    ctl_dispatch(c);
}

static void on_stream(struct stream *s, enum stream_event ev, void *arg)
{
    struct ctl_conn *k = arg;
    if (ev == STREAM_DATA) {
        struct cur in = stream_in(s);
        if (k->call != NULL)
            return;
        buf_add(&k->in, in.p, cur_left(&in));
        stream_take(s, cur_left(&in));
        next_call(k);
    } else if (ev == STREAM_EOF || ev == STREAM_FAIL || ev == STREAM_TIMEOUT) {
        conn_free(k);
    }
}

static void on_connect(void *arg, int fd, const union endpoint *peer)
{
    struct ctl *c = arg;
    (void)peer;
    struct stream *s = stream_new(c->g->loop, fd, NULL, NULL);
    if (c->clients >= CLIENTS_MAX) {
        stream_free(&s);
        return;
    }
    struct ctl_conn *k = mem_new(sizeof *k);
    k->ctl = c;
    k->stream = s;
    k->next = c->first;
    c->first = k;
    c->clients++;
    buf_init(&k->in, CTL_FRAME_MAX + 4);
    stream_timeout(s, CLIENT_MS);
    stream_owner(s, on_stream, k);
}

int ctl_open(struct ctl **out, struct gate *g, const char *path, struct why *w)
{
    struct ctl *c = mem_new(sizeof *c);
    c->g = g;
    int v = listener_unix(&c->listener, g->loop, path, 0660, on_connect, c, w);
    if (v < 0) {
        free(c);
        return v;
    }
    *out = c;
    return 0;
}

void ctl_close(struct ctl **c)
{
    if (*c == NULL)
        return;
    listener_free(&(*c)->listener);
    while ((*c)->first != NULL)
        conn_free((*c)->first);
    free(*c);
    *c = NULL;
}
