/* gateway/listening.c -- see listening.h */
#include "gateway/listening.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "gateway/service.h"

struct socket_of {
    struct socket_of *next;
    struct listening *owner;
    struct listener *listener;
    const struct conf_listen *at;
    bool coded;
};
struct listening {
    struct gate *g;
    const char *statement;
    listening_fn *fn;
    void *arg;
    struct socket_of *first;
};

struct listening *listening_new(struct gate *g, const char *statement, listening_fn *fn, void *arg)
{
    struct listening *l = mem_new(sizeof *l);
    *l = (struct listening){.g = g, .statement = statement, .fn = fn, .arg = arg};
    return l;
}

static void on_connect(void *arg, int fd, const union endpoint *peer)
{
    const struct socket_of *s = arg;
    s->owner->fn(s->owner->arg, fd, peer, s->at);
}

static struct socket_of *socket_at(struct listening *l, const union endpoint *at)
{
    char want[64], have[64];
    endpoint_text(at, true, want);
    for (struct socket_of *s = l->first; s != NULL; s = s->next)
        if (strcmp(endpoint_text(&s->at->at, true, have), want) == 0)
            return s;
    return NULL;
}

static void close_uncoded(struct listening *l)
{
    for (struct socket_of **p = &l->first; *p != NULL;) {
        struct socket_of *s = *p;
        if (s->coded) {
            p = &s->next;
            continue;
        }
        *p = s->next;
        listener_free(&s->listener);
        free(s);
    }
}

static int open_one(struct listening *l, const struct conf_listen *at, struct why *w)
{
    struct socket_of *s = mem_new(sizeof *s);
    *s = (struct socket_of){.owner = l, .at = at, .coded = true};
    int v = service_listen(l->g->service, &s->listener, l->g->loop, &at->at, on_connect, s, w);
    if (v < 0) {
        why_prefix(w, "%s", l->statement);
        free(s);
        return v;
    }
    s->next = l->first;
    l->first = s;
    return OK;
}

int listening_follow(struct listening *l, const struct conf_listen *at, size_t n, struct why *w)
{
    int rc = OK;
    for (struct socket_of *s = l->first; s != NULL; s = s->next)
        s->coded = false;
    for (size_t i = 0; i < n; i++) {
        struct socket_of *s = socket_at(l, &at[i].at);
        if (s != NULL) {
            s->at = &at[i];
            s->coded = true;
        }
    }
    close_uncoded(l); /* first: another address of the same port may follow */
    for (size_t i = 0; i < n; i++) {
        struct why one;
        struct socket_of *s = socket_at(l, &at[i].at);
        if (s != NULL && s->at == &at[i])
            continue;
        if (open_one(l, &at[i], &one) < 0 && rc == OK) {
            *w = one;
            rc = (int)one.err;
        }
    }
    return rc;
}

void listening_close(struct listening *l)
{
    for (struct socket_of *s = l->first; s != NULL; s = s->next)
        s->coded = false;
    close_uncoded(l);
}

void listening_free(struct listening **l)
{
    if (*l == NULL)
        return;
    listening_close(*l);
    free(*l);
    *l = NULL;
}
