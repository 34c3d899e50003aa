/* gateway/smtp/httpsget.c -- see httpsget.h */
#include "gateway/smtp/httpsget.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/smtp/mx.h"

#define HEAD_MAX 16384u
#define PORT_HTTPS 443u

struct https_get {
    struct https_set set;
    char host[256], path[256];
    https_fn *fn;
    void *arg;
    struct mx_ask *ask;
    struct smtp_target *target;
    size_t ntarget, at;
    struct stream *s;
    struct timer timer; /* of everything */
    bool over;
};

/* --- the answer: RFC 9112 --- */

struct head {
    bool chunked, has_length, text;
    uint64_t length;
};

static int head_field(struct head *h, struct str line, struct why *w)
{
    struct str name, rest = line;
    if (!str_split(&rest, ':', &name) || rest.p == NULL)
        return why_set(w, E_SYNTAX, 0, NULL, "a field without a colon");
    rest = str_trim(rest);
    if (str_is(name, "Content-Length")) {
        if (h->has_length || !str_number(rest, UINT32_MAX, &h->length))
            return why_set(w, E_SYNTAX, 0, NULL, "a bad Content-Length");
        h->has_length = true;
    } else if (str_is(name, "Transfer-Encoding")) {
        h->chunked = str_is(rest, "chunked");
        if (!h->chunked)
            return why_set(w, E_SYNTAX, 0, NULL, "Transfer-Encoding %.*s",
                           STR_ARG(str_sub(rest, 0, 80)));
    } else if (str_is(name, "Content-Type")) {
        struct str type;
        h->text = str_split(&rest, ';', &type) && str_is(str_trim(type), "text/plain");
    }
    return OK;
}

static int head_lines(struct str lines, struct head *h, struct why *w)
{
    struct str line;
    uint64_t code = 0;
    *h = (struct head){.chunked = false};
    if (!str_line(&lines, &line) || !str_starts_nocase(line, "HTTP/1.") ||
        !str_number(str_sub(line, 9, 3), 999, &code))
        return why_set(w, E_SYNTAX, 0, NULL, "the answer is not HTTP/1");
    if (code != 200)
        return why_set(w, E_ABSENT, 0, NULL, "the answer is %u", (unsigned)code);
    while (str_line(&lines, &line))
        if (line.n > 0 && head_field(h, line, w) < 0)
            return (int)w->err;
    if (!h->text)
        return why_set(w, E_SYNTAX, 0, NULL, "the answer is not text/plain");
    return OK;
}

static int too_long(struct why *w)
{
    return why_set(w, E_LIMIT, 0, NULL, "the answer is too long");
}

static bool hex(struct str s, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < s.n; i++) {
        int digit = ascii_hex(s.p[i]);
        if (digit < 0 || i == 8)
            return false;
        *value = *value * 16 + (uint64_t)digit;
    }
    return s.n > 0;
}

/* Chunks up to the one of size 0; what follows it is nothing to us. */
static int chunks(struct str in, struct buf *body, struct why *w)
{
    for (;;) {
        ptrdiff_t lf = str_find(in, '\n');
        uint64_t n;
        if (lf < 0)
            return in.n > 1024 ? why_set(w, E_SYNTAX, 0, NULL, "a bad chunk") : 0;
        struct str line = str_sub(in, 0, (size_t)lf), size;
        (void)str_split(&line, ';', &size);
        if (!hex(str_trim(size), &n))
            return why_set(w, E_SYNTAX, 0, NULL, "a bad chunk");
        in = str_sub(in, (size_t)lf + 1, in.n);
        if (n == 0)
            return 1;
        if (n > body->max - body->n)
            return too_long(w);
        if (in.n < n + 2)
            return 0;
        buf_str(body, str_sub(in, 0, n));
        if (memcmp(in.p + n, "\r\n", 2) != 0)
            return why_set(w, E_SYNTAX, 0, NULL, "a bad chunk");
        in = str_sub(in, n + 2, in.n);
    }
}

int https_reply(struct str in, bool eof, struct buf *body, struct why *w)
{
    const char *end = in.n > 0 ? memmem(in.p, in.n, "\r\n\r\n", 4) : NULL;
    struct head h;
    buf_reset(body);
    if (end == NULL && in.n > HEAD_MAX)
        return too_long(w);
    if (end == NULL)
        return eof ? why_set(w, E_GONE, 0, NULL, "the answer breaks off") : 0;
    size_t head = (size_t)(end - in.p);
    int rc = head_lines(str_sub(in, 0, head), &h, w);
    if (rc < 0)
        return rc;
    struct str rest = str_sub(in, head + 4, in.n);
    if (h.chunked) {
        rc = chunks(rest, body, w);
    } else if ((h.has_length ? h.length : rest.n) > body->max) {
        rc = too_long(w);
    } else {
        rc = h.has_length ? rest.n >= h.length : eof;
        buf_str(body, h.has_length ? str_sub(rest, 0, h.length) : rest);
    }
    return rc == 0 && eof ? why_set(w, E_GONE, 0, NULL, "the answer breaks off") : rc;
}

/* --- the way there --- */

static void get_free(struct https_get *g)
{
    loop_disarm(g->set.loop, &g->timer);
    mx_cancel(&g->ask);
    if (g->s != NULL)
        stream_free(&g->s);
    free(g->target);
    free(g);
}

static void answer(struct https_get *g, struct str body, const struct why *w)
{
    g->over = true;
    g->fn(g->arg, body, w);
    get_free(g);
}

static void next_target(struct https_get *g, const struct why *w);

static int begin_tls(struct https_get *g, struct why *w)
{
    struct ssl_ctx_st *ctx = tls_context(g->set.tls, TLS_SMTP_VERIFY);
    if (ctx == NULL)
        return why_set(w, E_TEMP, 0, NULL, "there is no TLS");
    return stream_secure(g->s, ctx, false, g->host, w);
}

static void read_answer(struct https_get *g, bool eof)
{
    struct cur in = stream_in(g->s);
    struct buf body;
    struct why w;
    buf_init(&body, g->set.most);
    int rc = https_reply(cur_str(&in), eof, &body, &w);
    if (rc == 0 && cur_left(&in) >= g->set.most + HEAD_MAX)
        rc = too_long(&w);
    if (rc != 0)
        answer(g, buf_text(&body), rc < 0 ? &w : NULL);
    buf_done(&body);
}

static void on_stream(struct stream *s, enum stream_event ev, void *arg)
{
    struct https_get *g = arg;
    struct why w;
    if (ev == STREAM_OPEN) {
        if (begin_tls(g, &w) < 0)
            next_target(g, &w);
    } else if (ev == STREAM_SECURE) {
        stream_printf(s,
                      "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: njegate\r\nAccept: "
                      "text/plain\r\nConnection: close\r\n\r\n",
                      g->path, g->host);
    } else if (ev == STREAM_DATA || ev == STREAM_EOF) {
        if (!stream_is_secure(s)) {
            why_set(&w, E_GONE, 0, NULL, "%s speaks no TLS", g->host);
            next_target(g, &w);
        } else {
            read_answer(g, ev == STREAM_EOF);
        }
    } else if (ev == STREAM_FAIL || ev == STREAM_TIMEOUT) {
        if (ev == STREAM_FAIL)
            w = *stream_why(s);
        else
            why_set(&w, E_TEMP, 0, NULL, "%s does not answer in time", g->host);
        next_target(g, &w);
    }
}

static void next_target(struct https_get *g, const struct why *w)
{
    if (g->s != NULL)
        stream_free(&g->s);
    if (g->at >= g->ntarget) {
        struct why last = *w; /* it may be the stream's that has gone */
        answer(g, STR(""), &last);
        return;
    }
    const union endpoint *to = &g->target[g->at++].at, *from = g->set.from;
    if (from != NULL && from->any.sa_family != to->any.sa_family)
        from = NULL;
    g->s = stream_connect(g->set.loop, to, from, on_stream, g);
    stream_timeout(g->s, g->set.connect_ms);
    stream_limit(g->s, g->set.most + HEAD_MAX);
}

static void found(void *arg, const struct smtp_target *targets, size_t n, const struct why *w)
{
    struct https_get *g = arg;
    g->ask = NULL;
    g->target = mem_new((n > 0 ? n : 1) * sizeof *g->target);
    if (n > 0)
        memcpy(g->target, targets, n * sizeof *targets);
    g->ntarget = n;
    next_target(g, w);
}

static void late(void *arg)
{
    struct why w;
    struct https_get *g = arg;
    why_set(&w, E_TEMP, 0, NULL, "%s does not answer in time", g->host);
    answer(g, STR(""), &w);
}

struct https_get *https_get(const struct https_set *set, const char *host, const char *path,
                            https_fn *fn, void *arg)
{
    struct https_get *g = mem_new(sizeof *g);
    g->set = *set;
    g->fn = fn;
    g->arg = arg;
    str_copy(g->host, sizeof g->host, str_of(host));
    str_copy(g->path, sizeof g->path, str_of(path));
    loop_arm(set->loop, &g->timer, set->all_ms, late, g);
    struct mx_set mx = {.loop = set->loop, .dns = set->dns};
    g->ask = mx_host(&mx, g->host, PORT_HTTPS, found, g);
    return g;
}

void https_cancel(struct https_get **gp)
{
    struct https_get *g = *gp;
    *gp = NULL;
    if (g != NULL && !g->over)
        get_free(g);
}
