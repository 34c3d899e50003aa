/* tests/unit/smtp/served.c -- see served.h */
#include "unit/smtp/served.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "unit/unit.h"

struct served w;

static int on_mail(void *arg, struct smtpd_mail *m, struct why *why)
{
    (void)arg;
    if (str_is(m->sender.local, "refused"))
        return why_set(why, E_DENIED, 550, "5.7.1", "Sender refused");
    return 0;
}

static int on_rcpt(void *arg, struct smtpd_mail *m, struct smtpd_rcpt *r, struct why *why)
{
    (void)arg;
    if (str_is(r->path.local, "nobody"))
        return why_set(why, E_DENIED, 550, "5.1.1", "No such user");
    if (str_is(r->path.local, "later"))
        return why_set(why, E_TEMP, 451, "4.3.0", "Not now");
    if (r->path.route)
        return why_set(why, E_DENIED, 550, "5.7.1", "No source routes");
    r->user = arena_cstr(m->arena, r->path.text);
    return 0;
}

static void log_mail(struct smtpd_mail *m)
{
    struct why why;
    struct str rest, line;
    buf_printf(&w.mails, "%.*s >", STR_ARG(m->sender.text));
    for (size_t i = 0; i < m->nrcpt; i++) {
        ck_assert(str_eq(str_of(m->rcpt[i].user), m->rcpt[i].path.text));
        buf_printf(&w.mails, " %.*s", STR_ARG(m->rcpt[i].path.text));
    }
    buf_printf(&w.mails, "%s%s\n", m->esmtp ? "" : " (HELO)", m->params.eightbit ? " (8BIT)" : "");
    struct body *body = body_writer_end(&m->content, &why);
    ck_assert_ptr_nonnull(body);
    struct cur c = body_cur(body, &why);
    rest = cur_str(&c);
    while (str_line(&rest, &line))
        buf_printf(&w.mails, "|%s%.*s\n", line.n > 0 ? " " : "", STR_ARG(line));
    body_free(&body);
}

/* Content may ask for its own refusal. */
static void give_verdict(struct smtpd_mail *m)
{
    struct why why;
    size_t from = w.mails.n;
    log_mail(m);
    struct str text = str_sub(buf_text(&w.mails), from, w.mails.n);
    if (memmem(text.p, text.n, "X-Refuse", 8) != NULL) {
        why_set(&why, E_DENIED, 554, "5.6.0", "Content refused");
        buf_trim(&w.mails, from);
        smtpd_verdict(m, 0, &why);
    } else {
        smtpd_verdict(m, ++w.id, NULL);
    }
}

static void on_data(void *arg, struct smtpd_mail *m)
{
    (void)arg;
    if (w.verdicts == NOW) {
        give_verdict(m);
        return;
    }
    ck_assert_uint_lt(w.nheld, HELD_MAX);
    w.held[w.nheld++] = m;
}

static void on_event(void *arg, const union endpoint *peer, const char *event,
                     const struct why *why)
{
    (void)arg, (void)peer;
    ck_assert_ptr_nonnull(event);
    ck_assert_ptr_nonnull(why);
    w.events++;
}

static bool on_trusted(void *arg, const union endpoint *peer)
{
    (void)arg, (void)peer;
    return !w.distrust;
}

/* What is refused here at each place, for the dialogues. */
static int judge(struct smtpd_session *s, enum smtpd_stage stage, struct why *why)
{
    struct smtpd_facts f;
    smtpd_facts(s, &f);
    ck_assert_ptr_nonnull(f.local);
    switch (stage) {
    case SMTPD_AT_LOGIN:
        return 0;
    case SMTPD_AT_CONNECT:
        return w.refuse_connect > 0 ? why_set(why, w.refuse_connect < 500 ? E_TEMP : E_DENIED,
                                              w.refuse_connect, NULL, "You are not welcome")
                                    : 0;
    case SMTPD_AT_HELO:
        if (str_is(f.helo, "unwelcome.example"))
            return why_set(why, E_DENIED, 550, "5.7.1", "Not you");
        return str_is(f.helo, "banned.example") ? why_set(why, E_TEMP, 421, "4.7.1", "Go away") : 0;
    case SMTPD_AT_MAIL:
        return str_is(f.mail->sender.local, "gated")
                   ? why_set(why, E_DENIED, 550, "5.7.1", "Gate closed to sender")
                   : 0;
    case SMTPD_AT_RCPT:
        return str_is(f.rcpt->path.local, "gated")
                   ? why_set(why, E_TEMP, 451, "4.7.1", "Gate closed to recipient")
                   : 0;
    case SMTPD_AT_DATA:
        return str_is(f.mail->sender.local, "nodata")
                   ? why_set(why, E_DENIED, 554, "5.7.1", "Gate closed to data")
                   : 0;
    case SMTPD_AT_REFUSED:
        ck_assert_ptr_nonnull(f.rcpt);
        ck_assert_int_ge(why_smtp(f.refusal), 400);
        return str_is(f.rcpt->path.local, "trap")
                   ? why_set(why, E_TEMP, 421, "4.7.1", "That was a trap")
                   : 0;
    case SMTPD_AT_UNKNOWN:
        return str_is(f.command, "WIZ now") ? why_set(why, E_DENIED, 554, "5.7.0", "No wizards")
                                            : 0;
    }
    return 0;
}

static int on_gate(void *arg, struct smtpd_session *s, enum smtpd_stage stage, struct why *why)
{
    (void)arg;
    int v = judge(s, stage, why);
    if (!w.slow_gate)
        return v;
    ck_assert_ptr_null(w.asked);
    w.asked = s;
    w.gate_failed = v < 0;
    if (v < 0)
        w.gate_why = *why;
    return SMTPD_LATER;
}

static void on_gone(void *arg, struct smtpd_session *s)
{
    (void)arg;
    if (w.asked == s)
        w.asked = NULL;
}

static void open_gate(void)
{
    struct smtpd_session *s = w.asked;
    w.asked = NULL;
    smtpd_answer(s, w.gate_failed ? &w.gate_why : NULL);
}

void served_verdicts(void)
{
    size_t n = w.nheld;
    struct smtpd_mail *due[HELD_MAX];
    memcpy(due, w.held, sizeof due);
    w.nheld = 0;
    for (size_t i = 0; i < n; i++)
        give_verdict(due[i]);
}

/* Read what the server has said; false at its end. */
bool served_hear(int fd, struct buf *to)
{
    char chunk[65536];
    ssize_t n;
    while ((n = recv(fd, chunk, sizeof chunk, MSG_DONTWAIT)) > 0)
        buf_add(to, chunk, (size_t)n);
    return n < 0;
}

/* Turns until nothing happens any more. */
void served_settle(void)
{
    do {
        while (loop_turn(w.loop, false))
            ;
        if (w.asked != NULL)
            open_gate();
        else if (w.verdicts == LATER && w.nheld > 0)
            served_verdicts();
        else if (!loop_turn(w.loop, false))
            break;
    } while (true);
    if (w.fd >= 0)
        served_hear(w.fd, &w.got);
}

int served_pair(void)
{
    int fds[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    smtpd_take(w.d, stream_new(w.loop, fds[0], NULL, NULL), NULL);
    return fds[1];
}

static const struct smtpd_ops ops = {.mail = on_mail,
                                     .rcpt = on_rcpt,
                                     .data = on_data,
                                     .event = on_event,
                                     .gate = on_gate,
                                     .gone = on_gone,
                                     .trusted = on_trusted};

void served_start(void)
{
    w.set.loop = w.loop;
    w.set.store = w.store;
    w.set.hostname = "gw.example";
    w.d = smtpd_new(&w.set, &ops, NULL);
    w.id = 0;
    w.nheld = 0;
    w.verdicts = LATER;
    buf_reset(&w.got);
    buf_reset(&w.mails);
    w.fd = served_pair();
}

void served_hang_up(void)
{
    if (w.fd >= 0)
        close(w.fd);
    w.fd = -1;
}

void served_stop(void)
{
    served_hang_up();
    smtpd_free(&w.d);
    while (loop_turn(w.loop, false))
        ;
    w.distrust = false;
    w.set = (struct smtpd_set){.max_size = 0};
}

void served_set_up(void)
{
    struct why why;
    char path[400];
    const char *dir = unit_tmp();
    clock_fake(true);
    w = (struct served){.fd = -1};
    w.loop = loop_new();
    snprintf(path, sizeof path, "%s/db", dir);
    struct store_set set = {.loop = w.loop, .path = path, .spooldir = dir};
    if (store_open(&w.store, &set, &why) < 0)
        ck_abort_msg("store: %s", why.text);
    buf_init(&w.got, SIZE_MAX / 2);
    buf_init(&w.mails, SIZE_MAX / 2);
}

void served_tear_down(void)
{
    store_close(&w.store);
    loop_free(&w.loop);
    buf_done(&w.got);
    buf_done(&w.mails);
    clock_fake(false);
}

/* All of it, with turns between while the socket is full. */
void served_send(const void *p, size_t n)
{
    const char *at = p;
    while (n > 0) {
        ssize_t k = send(w.fd, at, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (k < 0 && errno != EAGAIN)
            return; /* the server has closed */
        if (k < 0) {
            served_settle();
            continue;
        }
        at += k;
        n -= (size_t)k;
    }
}

void served_manner(struct str all, enum manner manner, size_t cut)
{
    size_t first = manner == CUT && cut < all.n ? cut : all.n;
    if (manner == BYTES)
        for (size_t i = 0; i < all.n; i++) {
            served_send(all.p + i, 1);
            served_settle();
        }
    else
        served_send(all.p, first);
    served_settle();
    if (first < all.n && manner == CUT)
        served_send(all.p + first, all.n - first);
    served_settle();
}

void served_expect(int fd, const char *start)
{
    struct buf b;
    buf_init(&b, 65536);
    served_settle();
    served_hear(fd, &b);
    ck_assert_msg(str_starts_nocase(buf_text(&b), start), "not %s but %s", start, buf_cstr(&b));
    buf_done(&b);
}
