/* base/listener.c -- listening sockets, TCP and in the file system (declared in base/stream.h). */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/stream.h"

#define BACKLOG 1024
#define ACCEPT_MOST 64 /* connections in one turn: those that are open have work, too */
#define PAUSE_MS 200   /* without descriptors or memory, before the next try */

struct listener {
    struct loop *loop;
    struct watch *watch;
    struct timer pause;
    int fd;
    listen_fn *fn;
    void *arg;
    char *path;  /* of a socket in the file system */
    bool paused; /* by its owner */
    bool calling, dead;
};

static void update_want(struct listener *ln)
{
    loop_want(ln->watch, ln->paused || ln->pause.slot != 0 ? 0 : LOOP_READ);
}

static void on_pause_end(void *arg)
{
    update_want(arg);
}

/* One connection; false when there is none, or none that can be taken now. */
static bool accept_one(struct listener *ln)
{
    union endpoint peer = {0};
    socklen_t n = sizeof peer;
    int fd = accept4(ln->fd, &peer.any, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        ln->fn(ln->arg, fd, &peer);
        return true;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        /* The connection stays in the backlog and the descriptor ready: looking again at once would
         * only burn the CPU that must finish something first. */
        loop_arm(ln->loop, &ln->pause, PAUSE_MS, on_pause_end, ln);
        update_want(ln);
        return false;
    }
    /* A connection that went away while it waited (ECONNABORTED and the like, accept(2)) is no
     * reason to stop. */
    return errno != EAGAIN && errno != EBADF && errno != EINVAL;
}

static void on_ready(void *arg, unsigned events)
{
    struct listener *ln = arg;
    (void)events;
    ln->calling = true;
    for (int i = 0; i < ACCEPT_MOST && !ln->dead && !ln->paused; i++)
        if (!accept_one(ln))
            break;
    ln->calling = false;
    if (ln->dead)
        free(ln);
}

struct listener *listener_of_fd(struct loop *l, int fd, listen_fn *fn, void *arg)
{
    struct listener *ln = mem_new(sizeof *ln);
    ln->loop = l;
    ln->fd = fd;
    ln->fn = fn;
    ln->arg = arg;
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0)
        (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    ln->watch = loop_watch(l, fd, LOOP_READ, on_ready, ln);
    return ln;
}

int listener_new(struct listener **out, struct loop *l, const union endpoint *at, listen_fn *fn,
                 void *arg, struct why *w)
{
    int on = 1, family = at->any.sa_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0;
    /* [::]:25 leaves 0.0.0.0:25 to another listener, as people configure them. */
    if (good && family == AF_INET6)
        good = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0;
    if (!good || bind(fd, &at->any, endpoint_len(at)) != 0 || listen(fd, BACKLOG) != 0) {
        char text[64];
        int r = why_errno(w, "cannot listen");
        why_prefix(w, "%s", endpoint_text(at, true, text));
        if (fd >= 0)
            (void)close(fd);
        return r;
    }
    *out = listener_of_fd(l, fd, fn, arg);
    return OK;
}

/* Make way for a socket at the path: a socket file nobody answers on is left over from a crash. */
static int clear_path(const struct sockaddr_un *at, struct why *w)
{
    struct stat st;
    if (lstat(at->sun_path, &st) != 0)
        return errno == ENOENT ? OK : why_errno(w, at->sun_path);
    if (!S_ISSOCK(st.st_mode))
        return why_set(w, E_PERM, 0, NULL, "%s: exists and is not a socket", at->sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return why_errno(w, at->sun_path);
    bool stale = connect(fd, (const struct sockaddr *)at, sizeof *at) != 0 && errno == ECONNREFUSED;
    (void)close(fd);
    if (!stale)
        return why_set(w, E_TEMP, 0, NULL, "%s: another process listens here", at->sun_path);
    return unlink(at->sun_path) == 0 ? OK : why_errno(w, at->sun_path);
}

int listener_unix(struct listener **out, struct loop *l, const char *path, mode_t mode,
                  listen_fn *fn, void *arg, struct why *w)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof at.sun_path)
        return why_set(w, E_LIMIT, 0, NULL, "%s: a socket's path may have %zu bytes", path,
                       sizeof at.sun_path - 1);
    memcpy(at.sun_path, path, strlen(path));
    int r = clear_path(&at, w);
    if (r < 0)
        return r;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool bound = fd >= 0 && bind(fd, (const struct sockaddr *)&at, sizeof at) == 0;
    /* Nobody can connect before listen, so the mode is in force in time. */
    if (!bound || chmod(path, mode) != 0 || listen(fd, BACKLOG) != 0) {
        r = why_errno(w, path);
        if (bound)
            (void)unlink(path);
        if (fd >= 0)
            (void)close(fd);
        return r;
    }
    *out = listener_of_fd(l, fd, fn, arg);
    (*out)->path = mem_dup(path);
    return OK;
}

void listener_free(struct listener **lp)
{
    struct listener *ln = *lp;
    *lp = NULL;
    if (ln == NULL)
        return;
    loop_unwatch(&ln->watch);
    loop_disarm(ln->loop, &ln->pause);
    (void)close(ln->fd);
    if (ln->path != NULL)
        (void)unlink(ln->path);
    free(ln->path);
    ln->path = NULL;
    ln->dead = true;
    if (!ln->calling)
        free(ln);
}

uint16_t listener_port(const struct listener *ln)
{
    union endpoint at = {0};
    socklen_t n = sizeof at;
    return getsockname(ln->fd, &at.any, &n) == 0 ? endpoint_port(&at) : 0;
}

void listener_pause(struct listener *ln, bool pause)
{
    ln->paused = pause;
    update_want(ln);
}
