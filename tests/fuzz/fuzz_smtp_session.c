/* tests/fuzz/fuzz_smtp_session.c -- a whole session: the first octet says in what pieces the rest
 * comes, whether verdicts are given at once, later or after the client has gone (bits 0 and 1), and
 * at which door: SUBMISSION (bit 6), behind a balancer (bit 7). */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/smtp/server.h"

static struct loop *loop;
static struct store *store;
static struct smtpd_mail *held;
static bool at_once;

static int on_mail(void *arg, struct smtpd_mail *m, struct why *w)
{
    (void)arg;
    return m->sender.local.n == 3 ? why_set(w, E_DENIED, 550, "5.7.1", "no") : 0;
}

static int on_rcpt(void *arg, struct smtpd_mail *m, struct smtpd_rcpt *r, struct why *w)
{
    (void)arg, (void)m;
    return r->path.local.n == 3 ? why_set(w, E_DENIED, 550, "5.1.1", "no") : 0;
}

static int on_login(void *arg, struct smtpd_session *s, struct str user, struct str password,
                    struct why *w)
{
    (void)arg, (void)s, (void)password;
    return user.n == 3 ? why_set(w, E_DENIED, 535, "5.7.8", "no") : 0;
}

static void verdict(void)
{
    struct smtpd_mail *m = held;
    held = NULL;
    if (m != NULL)
        smtpd_verdict(m, 1, NULL);
}

static void on_data(void *arg, struct smtpd_mail *m)
{
    (void)arg;
    if (m->nrcpt == 0 || m->content == NULL || held != NULL)
        abort();
    held = m;
    if (at_once)
        verdict();
}

static char dir[] = "/tmp/njegate-fuzz-XXXXXX";

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static void stop(void)
{
    store_close(&store);
    loop_free(&loop);
    nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void start(void)
{
    char path[64];
    struct why w;
    if (mkdtemp(dir) == NULL)
        abort();
    clock_fake(true);
    loop = loop_new();
    snprintf(path, sizeof path, "%s/db", dir);
    struct store_set set = {.loop = loop, .path = path, .spooldir = dir};
    if (store_open(&store, &set, &w) < 0)
        abort();
    atexit(stop);
}

static void turns(void)
{
    while (loop_turn(loop, false))
        ;
}

static void session(struct smtpd *d, const uint8_t *data, size_t n, uint8_t how)
{
    static char sink[65536];
    int fds[2];
    size_t n4 = how >> 2 & 15, piece = 1 + n4 * n4;
    struct smtpd_door door = {.submission = (how & 64) != 0, .proxy = (how & 128) != 0};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) != 0)
        abort();
    smtpd_take(d, stream_new(loop, fds[0], NULL, NULL), &door);
    for (size_t at = 0; at < n; at += piece) {
        ssize_t sent = send(fds[1], data + at, n - at < piece ? n - at : piece, MSG_NOSIGNAL);
        turns();
        if (door.proxy) {
            clock_step(1); /* the pause before the greeting: this client is not ours */
            turns();
        }
        if ((how & 2) == 0)
            verdict();
        if (sent < 0 || recv(fds[1], sink, sizeof sink, 0) == 0)
            break;
    }
    turns();
    close(fds[1]);
    turns();
    while (held != NULL) {
        verdict();
        turns();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (loop == NULL)
        start();
    if (n < 1 || n > 65536)
        return 0;
    static const struct smtpd_ops ops = {
        .mail = on_mail, .rcpt = on_rcpt, .data = on_data, .login = on_login};
    struct smtpd_set set = {
        .loop = loop, .store = store, .hostname = "gw.example", .max_size = 2000};
    struct smtpd *d = smtpd_new(&set, &ops, NULL);
    at_once = data[0] & 1;
    session(d, data + 1, n - 1, data[0]);
    if (smtpd_sessions(d) != 0)
        abort();
    smtpd_free(&d);
    return 0;
}
