/* base/stream_open.c -- how a stream comes about, and who it is with. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/stream_private.h"
#include "base/tlsio.h"

#define LIMIT_DEFAULT 65536u /* unread input */

static struct streams *streams_of(struct loop *l)
{
    struct streams *all = loop_attached(l);
    if (all == NULL) {
        all = mem_new(sizeof *all);
        TAILQ_INIT(&all->dirty);
        TAILQ_INIT(&all->kicked);
        LIST_INIT(&all->finishing);
        LIST_INIT(&all->dead);
        loop_attach(l, &stream_part, all);
    }
    return all;
}

static struct stream *make(struct loop *l, int fd, enum phase phase, stream_fn *fn, void *arg)
{
    struct stream *s = mem_new(sizeof *s);
    s->loop = l;
    s->all = streams_of(l);
    s->fd = fd;
    s->phase = phase;
    s->fn = fn;
    s->arg = arg;
    s->limit = LIMIT_DEFAULT;
    buf_init(&s->in, SIZE_MAX / 2);
    buf_init(&s->out, SIZE_MAX / 2); /* owners look at stream_queued before they put more */
    return s;
}

static void no_delay(int fd)
{
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

struct stream *stream_new(struct loop *l, int fd, stream_fn *fn, void *arg)
{
    struct stream *s = make(l, fd, OPEN, fn, arg);
    socklen_t n = sizeof s->peer;
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && (flags & O_NONBLOCK) == 0)
        (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    if (getpeername(fd, &s->peer.any, &n) != 0)
        s->peer.any.sa_family = AF_UNSPEC;
    if (s->peer.any.sa_family == AF_INET || s->peer.any.sa_family == AF_INET6)
        no_delay(fd);
    s->watch = loop_watch(l, fd, LOOP_READ, stream_on_event, s);
    return s;
}

/* The connection stands, is on its way, or has failed already; told in a later turn. */
static void begin_connect(struct stream *s, const struct sockaddr *to, socklen_t n)
{
    if (s->fd >= 0 && connect(s->fd, to, n) == 0) {
        s->unsaid_open = true;
    } else if (s->fd < 0 || errno != EINPROGRESS) {
        char at[64];
        (void)why_errno(stream_why_of(s), "cannot connect");
        why_prefix(s->why, "%s", endpoint_text(&s->peer, true, at));
        stream_fail_later(s);
    }
    if (s->unsaid_open)
        stream_kick(s);
    if (s->fd >= 0 && !s->unsaid_fail)
        s->watch = loop_watch(s->loop, s->fd, s->unsaid_open ? 0 : LOOP_WRITE, stream_on_event, s);
}

struct stream *stream_connect(struct loop *l, const union endpoint *to, const union endpoint *from,
                              stream_fn *fn, void *arg)
{
    int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct stream *s = make(l, fd, CONNECTING, fn, arg);
    s->peer = *to;
    if (fd >= 0)
        no_delay(fd);
    if (fd >= 0 && from != NULL && bind(fd, &from->any, endpoint_len(from)) != 0) {
        char at[64];
        (void)why_errno(stream_why_of(s), "cannot use as local address");
        why_prefix(s->why, "%s", endpoint_text(from, false, at));
        stream_fail_later(s);
        return s;
    }
    begin_connect(s, &to->any, endpoint_len(to));
    return s;
}

struct stream *stream_connect_unix(struct loop *l, const char *path, stream_fn *fn, void *arg,
                                   struct why *w)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof at.sun_path) {
        (void)why_set(w, E_LIMIT, 0, NULL, "%s: a socket's path may have %zu bytes", path,
                      sizeof at.sun_path - 1);
        return NULL;
    }
    memcpy(at.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&at, sizeof at) != 0) {
        (void)why_errno(w, path);
        if (fd >= 0)
            (void)close(fd);
        return NULL;
    }
    struct stream *s = make(l, fd, CONNECTING, fn, arg);
    s->peer.any.sa_family = AF_UNIX;
    s->unsaid_open = true;
    s->watch = loop_watch(l, fd, 0, stream_on_event, s);
    stream_kick(s);
    return s;
}

const union endpoint *stream_peer(const struct stream *s)
{
    return &s->peer;
}

const union endpoint *stream_local(const struct stream *s)
{
    struct stream *cache = (struct stream *)(uintptr_t)s; /* asked once, then remembered */
    socklen_t n = sizeof s->local;
    if (s->local.any.sa_family == AF_UNSPEC && s->fd >= 0)
        (void)getsockname(s->fd, &cache->local.any, &n);
    return &s->local;
}

bool stream_peer_uid(const struct stream *s, uid_t *uid)
{
    struct ucred who;
    socklen_t n = sizeof who;
    if (s->peer.any.sa_family != AF_UNIX || s->fd < 0 ||
        getsockopt(s->fd, SOL_SOCKET, SO_PEERCRED, &who, &n) != 0)
        return false;
    *uid = who.uid;
    return true;
}

int stream_secure(struct stream *s, struct ssl_ctx_st *ctx, bool server, const char *name,
                  struct why *w)
{
    if (s->phase != OPEN || s->tls != NULL || s->eof || s->write_broken)
        return why_set(w, E_GONE, 0, NULL, "TLS cannot be begun: the connection is not open");
    struct ssl_st *tls = NULL;
    int r = tlsio_new(&tls, ctx, s->fd, server, name, w);
    if (r < 0)
        return r;
    s->tls = tls;
    buf_done(&s->in);
    s->in_at = 0;
    s->fresh = STR("");
    s->phase = HANDSHAKE;
    s->plain_left = stream_queued(s);
    if (s->plain_left > 0 && !s->write_blocked)
        stream_mark_dirty(s);
    else if (s->plain_left == 0)
        stream_kick(s);
    stream_restart_timer(s);
    stream_update_wants(s);
    return OK;
}

int stream_dane(struct stream *s, const char *name, const char *also, const struct stream_tlsa *rr,
                size_t n, struct why *w)
{
    if (s->tls == NULL || s->phase != HANDSHAKE)
        return why_set(w, E_GONE, 0, NULL, "TLS cannot be begun: the connection is not open");
    return tlsio_dane(s->tls, name, also, rr, n, w);
}

bool stream_is_secure(const struct stream *s)
{
    return s->facts != NULL;
}

int stream_check_peer(const struct stream *s, const char *name, struct why *w)
{
    if (s->facts == NULL || s->tls == NULL)
        return why_set(w, E_DENIED, 0, "4.7.5", "the connection has no TLS");
    return tlsio_check_peer(s->tls, name, w);
}

const char *stream_tls_facts(const struct stream *s)
{
    return s->facts != NULL ? s->facts : "";
}
