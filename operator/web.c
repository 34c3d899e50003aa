/* operator/web.c -- see web.h */
#include "operator/web.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/stream.h"
#include "gateway/listening.h"
#include "gateway/metrics.h"
#include "operator/page.h"

#define CLIENT_MS 10000
#define PAGE_MAX (4u << 20)

struct web {
    struct gate *g;
    struct listening *ports;
    struct web_client *first;
    unsigned clients;
    bool started;
};
struct web_client {
    struct web_client *next;
    struct web *web;
    struct stream *stream;
};

/* Is the empty line there that ends the head? */
static bool head_ends(struct cur in)
{
    size_t n = cur_left(&in);
    for (size_t i = 0; i + 1 < n; i++)
        if (in.p[i] == '\n' &&
            (in.p[i + 1] == '\n' || (in.p[i + 1] == '\r' && i + 2 < n && in.p[i + 2] == '\n')))
            return true;
    return false;
}

static void read_target(struct web_request *r, struct str target)
{
    ptrdiff_t query = str_find(target, '?');
    if (query >= 0)
        target = str_sub(target, 0, (size_t)query);
    r->status = 200;
    if (str_eq(target, STR("/metrics")))
        r->page = WEB_METRICS;
    else if (str_eq(target, STR("/")))
        r->page = WEB_STATUS;
    else
        r->status = 404;
}

int web_request(struct cur in, struct web_request *r)
{
    *r = (struct web_request){.status = 400};
    if (!head_ends(in)) {
        r->status = 431;
        return cur_left(&in) >= WEB_REQUEST_MAX;
    }
    struct str text = cur_str(&in), line;
    if (!str_line(&text, &line))
        return 1;
    struct str method = str_word(&line), target = str_word(&line), version = str_word(&line);
    bool form = method.n > 0 && target.n > 0 && *target.p == '/' && str_sub(version, 0, 5).n == 5 &&
                str_eq(str_sub(version, 0, 5), STR("HTTP/")) && str_trim(line).n == 0;
    r->head = str_eq(method, STR("HEAD"));
    if (!form)
        r->status = 400;
    else if (!str_eq(version, STR("HTTP/1.0")) && !str_eq(version, STR("HTTP/1.1")))
        r->status = 505;
    else if (!r->head && !str_eq(method, STR("GET")))
        r->status = 405;
    else
        read_target(r, target);
    return 1;
}

static const char *phrase(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 431:
        return "Request Header Fields Too Large";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "Bad Request";
    }
}

static void client_free(struct web_client *k)
{
    struct web_client **p = &k->web->first;
    while (*p != k)
        p = &(*p)->next;
    *p = k->next;
    k->web->clients--;
    stream_free(&k->stream);
    free(k);
}

static void answer(struct web_client *k, const struct web_request *r)
{
    struct buf body;
    buf_init(&body, PAGE_MAX);
    const char *type = "text/plain; charset=utf-8";
    if (r->status != 200) {
        buf_printf(&body, "%d %s: / is the status page, /metrics the figures\n", r->status,
                   phrase(r->status));
    } else if (r->page == WEB_METRICS) {
        type = "text/plain; version=0.0.4; charset=utf-8";
        metrics_text(k->web->g, &body);
    } else {
        type = "text/html; charset=utf-8";
        page_status(k->web->g, &body);
    }
    stream_printf(
        k->stream,
        "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
        "Connection: close\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
        "Referrer-Policy: no-referrer\r\n"
        "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n%s\r\n",
        r->status, phrase(r->status), type, body.n, r->status == 405 ? "Allow: GET, HEAD\r\n" : "");
    if (!r->head)
        stream_puts(k->stream, buf_text(&body));
    buf_done(&body);
    stream_finish(&k->stream);
    client_free(k);
}

static void on_stream(struct stream *s, enum stream_event ev, void *arg)
{
    struct web_client *k = arg;
    struct web_request r;
    if (ev == STREAM_DATA) {
        if (web_request(stream_in(s), &r) > 0)
            answer(k, &r);
    } else if (ev == STREAM_EOF || ev == STREAM_FAIL || ev == STREAM_TIMEOUT) {
        client_free(k);
    }
}

static void on_connect(void *arg, int fd, const union endpoint *peer, const struct conf_listen *at)
{
    struct web *web = arg;
    (void)peer;
    (void)at;
    struct stream *s = stream_new(web->g->loop, fd, NULL, NULL);
    if (!web->started || web->clients >= WEB_CLIENTS_MAX) {
        stream_free(&s);
        return;
    }
    struct web_client *k = mem_new(sizeof *k);
    *k = (struct web_client){.next = web->first, .web = web, .stream = s};
    web->first = k;
    web->clients++;
    stream_limit(s, WEB_REQUEST_MAX);
    stream_timeout(s, CLIENT_MS);
    stream_owner(s, on_stream, k);
}

int web_listen(struct web **out, struct gate *g, struct why *w)
{
    struct web *web = *out = mem_new(sizeof *web);
    web->g = g;
    web->ports = listening_new(g, "METRICS", on_connect, web);
    return listening_follow(web->ports, g->conf->metrics, g->conf->nmetrics, w);
}

void web_reload(struct web *web)
{
    struct why w;
    const struct conf *c = web->g->conf;
    if (listening_follow(web->ports, c->metrics, c->nmetrics, &w) < 0)
        log_event(LOG_ERROR, 0, "reload", "text=%s", log_quote(str_of(w.text)));
}

void web_start(struct web *web)
{
    web->started = true;
}

void web_free(struct web **web)
{
    if (*web == NULL)
        return;
    listening_free(&(*web)->ports);
    while ((*web)->first != NULL)
        client_free((*web)->first);
    free(*web);
    *web = NULL;
}
