/* gateway/service.c -- readiness, watchdog and sockets of the service manager: see service.h. */
#include "gateway/service.h"

#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

/* What stopping takes besides the drain: the last commit, a checkpoint of the database. */
#define STOP_SPARE_S 30

struct given {
    int fd; /* -1: taken */
    union endpoint at;
};
struct service {
    struct loop *loop; /* once ready, of the watchdog */
    struct given *given;
    size_t n;
    struct timer feed;
    int64_t feed_ms;
};

struct service *service_new(void)
{
    struct service *s = mem_new(sizeof *s);
    int n = sd_listen_fds(1);
    if (n > 0)
        s->given = mem_new((size_t)n * sizeof *s->given);
    for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + n; fd++) {
        struct given *g = &s->given[s->n++];
        socklen_t size = sizeof g->at;
        g->fd = fd;
        if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0 ||
            getsockname(fd, &g->at.any, &size) != 0)
            memset(&g->at, 0, sizeof g->at); /* fits no address: closed when we are ready */
    }
    return s;
}

void service_free(struct service **sp)
{
    struct service *s = *sp;
    *sp = NULL;
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n; i++)
        if (s->given[i].fd >= 0)
            close(s->given[i].fd);
    if (s->loop != NULL)
        loop_disarm(s->loop, &s->feed);
    free(s->given);
    free(s);
}

static bool any_address(const union endpoint *e)
{
    return e->any.sa_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&e->in6.sin6_addr)
                                        : e->in4.sin_addr.s_addr == htonl(INADDR_ANY);
}

static bool same_address(const union endpoint *a, const union endpoint *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return false;
    return a->any.sa_family == AF_INET6 ? IN6_ARE_ADDR_EQUAL(&a->in6.sin6_addr, &b->in6.sin6_addr)
                                        : a->in4.sin_addr.s_addr == b->in4.sin_addr.s_addr;
}

static struct given *given_for(struct service *s, const union endpoint *at)
{
    struct given *wide = NULL;
    for (size_t i = 0; i < s->n; i++) {
        struct given *g = &s->given[i];
        if (g->fd < 0 || endpoint_port(&g->at) == 0 || endpoint_port(&g->at) != endpoint_port(at))
            continue;
        if (same_address(&g->at, at))
            return g;
        if (any_address(&g->at) || any_address(at))
            wide = g;
    }
    return wide;
}

int service_listen(struct service *s, struct listener **out, struct loop *l,
                   const union endpoint *at, listen_fn *fn, void *arg, struct why *w)
{
    struct given *g = given_for(s, at);
    if (g == NULL)
        return listener_new(out, l, at, fn, arg, w);
    *out = listener_of_fd(l, g->fd, fn, arg);
    g->fd = -1;
    return OK;
}

static void feed(void *arg)
{
    struct service *s = arg;
    sd_notify(0, "WATCHDOG=1");
    loop_arm(s->loop, &s->feed, s->feed_ms, feed, s);
}

void service_ready(struct service *s, struct loop *l)
{
    char at[64];
    uint64_t us = 0;
    for (size_t i = 0; i < s->n; i++) {
        struct given *g = &s->given[i];
        if (g->fd < 0)
            continue;
        bool tcp = endpoint_port(&g->at) != 0;
        log_event(LOG_WARN, 0, "start", "socket=%s text=%s",
                  tcp ? endpoint_text(&g->at, true, at) : "?",
                  log_quote(STR("the service manager gave us a socket that no LISTENSMTP or "
                                "LISTENNJE asks for: closed")));
        close(g->fd);
        g->fd = -1;
    }
    sd_notify(0, "READY=1");
    if (sd_watchdog_enabled(0, &us) > 0 && us >= 2000) {
        s->loop = l;
        s->feed_ms = (int64_t)(us / 2000); /* twice in its time */
        feed(s);
    }
}

void service_reloading(void)
{
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)mono_now().us);
}

void service_reloaded(void)
{
    sd_notify(0, "READY=1");
}

void service_stopping(int64_t drain_s)
{
    sd_notifyf(0, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%lld",
               (long long)(drain_s + STOP_SPARE_S) * US_PER_S);
}
