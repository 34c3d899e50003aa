/* tests/unit/smtp/test_server.c -- the SMTP server: dialogues in virtual time, smuggling, limits,
 * deaths
 *
 * A dialogue (tests/golden/smtp/NAME.dialog) is a file of lines:
 *   C: text      the client sends this line; escapes \r \n \0 \\ \xNN \{n}c (c n times); a last \c:
 * no CRLF S: text      the server answers this line M: text      the owner gets a mail: "sender >
 * rcpt rcpt", then its lines as "M: | text" C*n: S*n:    the same n times
 *   @SET k=v     limits, before anything else      @STEP ms     time passes
 *   @HOLD        verdicts wait                     @VERDICT     they are given, oldest first
 *   @NOW         verdicts are given inside the call
 *   @DROP        the client closes                 @SHUT        the client closes its sending side
 *   @DRAIN       the server stops taking mail      @CLOSED      the server has closed
 *   @ONCE        too long to be cut at each offset
 * It is played as a person would, then with everything between two @ lines sent at once, byte by
 * byte, and cut at each offset: the answers must be the same. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/smtp/server.h"
#include "unit/unit.h"

#define GOLDEN "tests/golden/smtp/"
#define HELD_MAX 16

enum verdicts { LATER, HOLD, NOW };

/* One server with one client, and what the owner saw. */
struct world {
    struct loop *loop;
    struct store *store;
    struct smtpd *d;
    struct smtpd_set set;
    int fd;
    struct buf got, mails;
    enum verdicts verdicts;
    struct smtpd_mail *held[HELD_MAX];
    size_t nheld;
    msg_id id;
    unsigned events;
    bool distrust;
    bool slow_gate; /* the owner answers at gates in a later turn */
    struct smtpd_session *asked;
    bool gate_failed;
    struct why gate_why;
};

static struct world w;

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
    case SMTPD_AT_CONNECT:
        return 0;
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

static void verdicts_due(void)
{
    size_t n = w.nheld;
    struct smtpd_mail *due[HELD_MAX];
    memcpy(due, w.held, sizeof due);
    w.nheld = 0;
    for (size_t i = 0; i < n; i++)
        give_verdict(due[i]);
}

/* Read what the server has said; false at its end. */
static bool hear(int fd, struct buf *to)
{
    char chunk[65536];
    ssize_t n;
    while ((n = recv(fd, chunk, sizeof chunk, MSG_DONTWAIT)) > 0)
        buf_add(to, chunk, (size_t)n);
    return n < 0;
}

/* Turns until nothing happens any more. */
static void settle(void)
{
    do {
        while (loop_turn(w.loop, false))
            ;
        if (w.asked != NULL)
            open_gate();
        else if (w.verdicts == LATER && w.nheld > 0)
            verdicts_due();
        else if (!loop_turn(w.loop, false))
            break;
    } while (true);
    if (w.fd >= 0)
        hear(w.fd, &w.got);
}

static int connect_pair(void)
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

static void world_start(void)
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
    w.fd = connect_pair();
}

static void hang_up(void)
{
    if (w.fd >= 0)
        close(w.fd);
    w.fd = -1;
}

static void world_stop(void)
{
    hang_up();
    smtpd_free(&w.d);
    while (loop_turn(w.loop, false))
        ;
    w.distrust = false;
    w.set = (struct smtpd_set){.max_size = 0};
}

static void setup(void)
{
    struct why why;
    char path[400];
    const char *dir = unit_tmp();
    clock_fake(true);
    w = (struct world){.fd = -1};
    w.loop = loop_new();
    snprintf(path, sizeof path, "%s/db", dir);
    struct store_set set = {.loop = w.loop, .path = path, .spooldir = dir};
    if (store_open(&w.store, &set, &why) < 0)
        ck_abort_msg("store: %s", why.text);
    buf_init(&w.got, SIZE_MAX / 2);
    buf_init(&w.mails, SIZE_MAX / 2);
}

static void teardown(void)
{
    store_close(&w.store);
    loop_free(&w.loop);
    buf_done(&w.got);
    buf_done(&w.mails);
    clock_fake(false);
}

/* All of it, with turns between while the socket is full. */
static void send_all(const void *p, size_t n)
{
    const char *at = p;
    while (n > 0) {
        ssize_t k = send(w.fd, at, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (k < 0 && errno != EAGAIN)
            return; /* the server has closed */
        if (k < 0) {
            settle();
            continue;
        }
        at += k;
        n -= (size_t)k;
    }
}

/* --- dialogues ------------------------------------------------------------- */

enum manner { PERSON, AT_ONCE, BYTES, CUT };

struct item {
    char kind;       /* C S M @ */
    struct str text; /* decoded, CRLF included for C and S */
};
struct dialogue {
    char *file;
    struct arena *arena;
    struct item item[512];
    size_t n;
    bool once;
    size_t longest; /* of what lies between two @ lines */
};

static int hex(char c)
{
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* One escape behind its backslash; p is moved behind it. False for \c. */
static bool unescape(struct buf *b, const char **p, const char *end)
{
    size_t n = 1;
    if (**p == '{') {
        n = strtoul(*p + 1, NULL, 10);
        *p = strchr(*p, '}') + 1;
        buf_fill(b, (uint8_t) * (*p)++, n);
        return true;
    }
    char c = *(*p)++;
    if (c == 'x' && *p + 2 <= end) {
        buf_u8(b, (uint8_t)(hex((*p)[0]) << 4 | hex((*p)[1])));
        *p += 2;
    } else if (c != 'c') {
        buf_u8(b, c == 'r' ? '\r' : c == 'n' ? '\n' : c == '0' ? '\0' : (uint8_t)c);
    }
    return c != 'c';
}

static struct str decode(struct arena *a, struct str line, bool escapes)
{
    struct buf b;
    bool crlf = true;
    buf_init(&b, 1 << 20);
    for (const char *p = line.p, *end = line.p + line.n; p < end;) {
        if (*p == '\\' && escapes) {
            p++;
            crlf = unescape(&b, &p, end);
        } else {
            buf_u8(&b, (uint8_t)*p++);
        }
    }
    if (crlf)
        buf_add(&b, "\r\n", 2);
    struct str out = arena_str(a, buf_text(&b));
    buf_done(&b);
    return out;
}

static void parse_line(struct dialogue *d, struct str line)
{
    if (line.n == 0 || line.p[0] == '#')
        return;
    ck_assert_uint_lt(d->n, 512);
    struct item it = {line.p[0], line};
    if (it.kind != '@') {
        ptrdiff_t colon = str_find(line, ':');
        ck_assert_msg(strchr("CSM", it.kind) != NULL && colon > 0, "not understood: %.*s",
                      STR_ARG(line));
        size_t times = line.p[1] == '*' ? strtoul(line.p + 2, NULL, 10) : 1;
        struct str one = decode(d->arena, str_sub(line, (size_t)colon + 2, line.n), it.kind == 'C');
        struct buf b;
        buf_init(&b, 1 << 24);
        while (times-- > 0)
            buf_str(&b, one);
        it.text = arena_str(d->arena, buf_text(&b));
        buf_done(&b);
    }
    d->once |= str_is(line, "@ONCE");
    d->item[d->n++] = it;
}

static void dialogue_read(struct dialogue *d, const char *name)
{
    char path[300];
    snprintf(path, sizeof path, GOLDEN "%s", name);
    d->file = unit_file(path, NULL);
    d->arena = arena_new(1 << 25);
    d->n = 0;
    struct str rest = str_of(d->file), line;
    while (str_line(&rest, &line))
        parse_line(d, line);
    d->longest = 0;
    for (size_t i = 0, sum = 0; i < d->n; i++) {
        sum = d->item[i].kind == '@' ? 0 : sum + (d->item[i].kind == 'C' ? d->item[i].text.n : 0);
        d->longest = sum > d->longest ? sum : d->longest;
    }
}

static void set_limit(struct str text)
{
    struct str key;
    uint64_t v = 0;
    str_split(&text, '=', &key);
    ck_assert(str_number(text, UINT64_MAX, &v));
    if (str_is(key, "max_size"))
        w.set.max_size = v;
    else if (str_is(key, "max_rcpt"))
        w.set.max_rcpt = (unsigned)v;
    else if (str_is(key, "max_errors"))
        w.set.max_errors = (unsigned)v;
    else if (str_is(key, "idle_ms"))
        w.set.idle_ms = (int64_t)v;
    else if (str_is(key, "max_messages"))
        w.set.max_messages = v;
    else if (str_is(key, "max_recipients"))
        w.set.max_recipients = v;
    else if (str_is(key, "max_bytes"))
        w.set.max_bytes = v;
    else if (str_is(key, "max_junk"))
        w.set.max_junk = (unsigned)v;
    else if (str_is(key, "tarpit_ms"))
        w.set.tarpit_ms = (int64_t)v;
    else if (str_is(key, "session_ms"))
        w.set.session_ms = (int64_t)v;
    else if (str_is(key, "minute_messages"))
        w.set.rate[SMTPD_MESSAGES] = (struct smtpd_rate){v, 60000};
    else if (str_is(key, "minute_recipients"))
        w.set.rate[SMTPD_RECIPIENTS] = (struct smtpd_rate){v, 60000};
    else if (str_is(key, "minute_bytes"))
        w.set.rate[SMTPD_BYTES] = (struct smtpd_rate){v, 60000};
    else if (str_is(key, "minute_errors"))
        w.set.rate[SMTPD_ERRORS] = (struct smtpd_rate){v, 60000};
    else if (str_is(key, "distrust"))
        w.distrust = v != 0;
    else
        ck_abort_msg("no such limit: %.*s", STR_ARG(key));
}

static void obey(struct str line, bool *closed)
{
    struct str word = str_word(&line), rest = str_trim(line);
    uint64_t ms = 0;
    if (str_is(word, "@STEP")) {
        ck_assert(str_number(rest, UINT64_MAX, &ms));
        clock_step((int64_t)ms);
    } else if (str_is(word, "@HOLD")) {
        w.verdicts = HOLD;
    } else if (str_is(word, "@NOW")) {
        w.verdicts = NOW;
    } else if (str_is(word, "@VERDICT")) {
        verdicts_due();
    } else if (str_is(word, "@DROP")) {
        hang_up();
        *closed = true;
    } else if (str_is(word, "@SHUT")) {
        shutdown(w.fd, SHUT_WR);
        *closed = true;
    } else if (str_is(word, "@DRAIN")) {
        smtpd_drain(w.d);
    } else if (str_is(word, "@CLOSED")) {
        *closed = true;
    } else {
        ck_assert_msg(str_is(word, "@ONCE") || str_is(word, "@SET"), "%.*s?", STR_ARG(word));
    }
    settle();
}

static void send_manner(struct str all, enum manner manner, size_t cut)
{
    size_t first = manner == CUT && cut < all.n ? cut : all.n;
    if (manner == BYTES)
        for (size_t i = 0; i < all.n; i++) {
            send_all(all.p + i, 1);
            settle();
        }
    else
        send_all(all.p, first);
    settle();
    if (first < all.n && manner == CUT)
        send_all(all.p + first, all.n - first);
    settle();
}

static void compare(const char *name, const char *what, enum manner manner, size_t cut,
                    struct buf *want, struct buf *got)
{
    static const char *const manners[] = {"as a person", "all at once", "byte by byte", "cut"};
    ck_assert_msg(str_eq(buf_text(want), buf_text(got)),
                  "%s, %s (%zu): %s expected\n%s\nbut there is\n%s", name, manners[manner], cut,
                  what, buf_cstr(want), buf_cstr(got));
}

static void play(const struct dialogue *d, const char *name, enum manner manner, size_t cut)
{
    struct buf out, want, mails;
    bool closed = false;
    buf_init(&out, 1 << 25);
    buf_init(&want, 1 << 25);
    buf_init(&mails, 1 << 25);
    for (size_t i = 0; i < d->n; i++)
        if (d->item[i].kind == '@' && str_starts_nocase(d->item[i].text, "@SET "))
            set_limit(str_sub(d->item[i].text, 5, SIZE_MAX));
    world_start();
    settle();
    if (w.distrust) {
        clock_step(1); /* the pause before the greeting */
        settle();
    }
    for (size_t i = 0; i <= d->n; i++) {
        const struct item *it = i < d->n ? &d->item[i] : NULL;
        bool turn = it == NULL || it->kind == '@' || (manner == PERSON && it->kind == 'C');
        if (turn && out.n > 0) {
            send_manner(buf_text(&out), manner, cut);
            buf_reset(&out);
        }
        if (turn && want.n > 0)
            compare(name, "answers", manner, cut, &want, &w.got);
        if (it == NULL)
            break;
        if (it->kind == 'C')
            buf_str(&out, it->text);
        else if (it->kind == 'S')
            buf_str(&want, it->text);
        else if (it->kind == 'M')
            buf_printf(&mails, "%.*s\n", STR_ARG(str_sub(it->text, 0, it->text.n - 2)));
        else
            obey(it->text, &closed);
    }
    compare(name, "mails", manner, cut, &mails, &w.mails);
    ck_assert_msg(smtpd_sessions(w.d) == (closed ? 0 : 1), "%s: %u sessions at the end", name,
                  smtpd_sessions(w.d));
    world_stop();
    buf_done(&out);
    buf_done(&want);
    buf_done(&mails);
}

static int only_dialogues(const struct dirent *e)
{
    const char *dot = strrchr(e->d_name, '.');
    return dot != NULL && strcmp(dot, ".dialog") == 0;
}

/* How many there are; the name of the one at `at`. */
static int dialogues(int at, char name[256])
{
    struct dirent **list;
    int n = scandir(GOLDEN, &list, only_dialogues, alphasort);
    name[0] = '\0';
    for (int i = 0; i < n; i++) {
        if (i == at)
            str_copy(name, 256, str_of(list[i]->d_name));
        free(list[i]);
    }
    if (n >= 0)
        free(list);
    return n;
}

START_TEST(test_dialogue)
{
    struct dialogue *d = calloc(1, sizeof *d);
    char name[256];
    ck_assert_int_gt(dialogues(_i, name), 20);
    dialogue_read(d, name);
    play(d, name, PERSON, 0);
    play(d, name, AT_ONCE, 0);
    if (!d->once)
        play(d, name, BYTES, 0);
    for (size_t cut = 1; cut < d->longest && !d->once; cut++)
        play(d, name, CUT, cut);
    w.slow_gate = true; /* nothing changes when the owner takes his time */
    play(d, name, PERSON, 0);
    play(d, name, AT_ONCE, 0);
    arena_free(&d->arena);
    free(d->file);
    free(d);
}
END_TEST

/* --- smuggling ------------------------------------------------------------- */

/* Neither ends data nor lets the commands behind it be heard, however it comes over the wire. */
static void smuggle(struct str before, struct str sequence)
{
    struct buf all, want;
    buf_init(&all, 4096);
    buf_init(&want, 4096);
    buf_z(&all, "EHLO c.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n");
    size_t data = all.n;
    buf_str(&all, before);
    buf_str(&all, sequence);
    buf_z(&all,
          "MAIL FROM:<smuggled@b.example>\r\nRCPT TO:<victim@d.example>\r\nDATA\r\nHello\r\n");
    buf_z(&all, ".\r\nNOOP\r\n");
    buf_z(&want, "250 2.1.0 Sender OK\r\n250 2.1.5 Recipient OK\r\n"
                 "354 End data with <CR><LF>.<CR><LF>\r\n"
                 "550 5.5.2 Bare CR or LF in message; lines must end in CRLF\r\n250 2.0.0 OK\r\n");
    for (size_t cut = data - 1; cut <= all.n; cut++) {
        world_start();
        send_manner(buf_text(&all), cut < all.n ? CUT : BYTES, cut);
        struct str got = buf_text(&w.got);
        const char *after = memmem(got.p, got.n, "250 ENHANCEDSTATUSCODES\r\n", 25);
        ck_assert_ptr_nonnull(after);
        got = str_sub(got, (size_t)(after + 25 - got.p), got.n);
        ck_assert_msg(str_eq(got, buf_text(&want)), "cut %zu: %.*s", cut, STR_ARG(got));
        ck_assert_uint_eq(w.mails.n, 0);
        world_stop();
    }
    buf_done(&all);
    buf_done(&want);
}

START_TEST(test_smuggling)
{
    static const char *const befores[] = {"", "Subject: x\r\n\r\ntext", "text\r\n"};
    struct arena *a = arena_new(65536);
    char *file = unit_file(GOLDEN "smuggling.txt", NULL);
    struct str rest = str_of(file), line;
    int n = 0;
    while (str_line(&rest, &line)) {
        if (line.n == 0 || line.p[0] == '#')
            continue;
        struct str sequence = decode(a, line, true);
        sequence.n -= 2;
        for (size_t i = 0; i < 3; i++)
            smuggle(str_of(befores[i]), sequence);
        n++;
    }
    ck_assert_int_ge(n, 11);
    free(file);
    arena_free(&a);
}
END_TEST

/* --- limits ---------------------------------------------------------------- */

static void expect_line(int fd, const char *start)
{
    struct buf b;
    buf_init(&b, 65536);
    settle();
    hear(fd, &b);
    ck_assert_msg(str_starts_nocase(buf_text(&b), start), "not %s but %s", start, buf_cstr(&b));
    buf_done(&b);
}

START_TEST(test_sessions_in_all)
{
    int fd[3];
    w.set.max_sessions = 2;
    world_start();
    for (int i = 0; i < 3; i++)
        fd[i] = i == 0 ? w.fd : connect_pair();
    w.fd = -1;
    expect_line(fd[0], "220 gw.example ESMTP njegate\r\n");
    expect_line(fd[1], "220 ");
    expect_line(fd[2], "421 4.3.2 gw.example has too many sessions");
    ck_assert_uint_eq(smtpd_sessions(w.d), 2);
    ck_assert_uint_eq(w.events, 1);
    close(fd[0]);
    settle();
    ck_assert_uint_eq(smtpd_sessions(w.d), 1);
    fd[0] = connect_pair();
    expect_line(fd[0], "220 ");
    for (int i = 0; i < 3; i++)
        close(fd[i]);
    world_stop();
}
END_TEST

static void taken(void *arg, int fd, const union endpoint *peer)
{
    (void)arg, (void)peer;
    smtpd_take(w.d, stream_new(w.loop, fd, NULL, NULL), NULL);
}

static int connect_to(const struct listener *ln)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(listener_port(ln))};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    while (loop_turn(w.loop, false))
        ;
    return fd;
}

static struct listener *listen_here(void)
{
    struct listener *ln;
    union endpoint at;
    struct why why;
    ck_assert_int_eq(endpoint_parse(&at, STR("127.0.0.1:0"), 0, &why), 0);
    ck_assert_int_eq(listener_new(&ln, w.loop, &at, taken, NULL, &why), 0);
    return ln;
}

/* Loopback counts as any client once it is not trusted. */
START_TEST(test_sessions_per_client)
{
    int fd[4];
    w.set.max_per_client = 2;
    world_start();
    struct listener *ln = listen_here();
    w.distrust = true;
    for (int i = 0; i < 3; i++)
        fd[i] = connect_to(ln);
    clock_step(1);
    expect_line(fd[0], "220 ");
    expect_line(fd[1], "220 ");
    expect_line(fd[2], "421 4.7.0 gw.example: too many sessions from your address (2 allowed)");
    close(fd[0]);
    settle();
    fd[0] = connect_to(ln);
    clock_step(1);
    expect_line(fd[0], "220 ");
    w.distrust = false;
    fd[3] = connect_to(ln);
    expect_line(fd[3], "220 ");
    for (int i = 0; i < 4; i++)
        close(fd[i]);
    listener_free(&ln);
    world_stop();
}
END_TEST

START_TEST(test_early_talker)
{
    w.set.greet_ms = 5000;
    world_start();
    w.distrust = true;
    int early = connect_pair(), patient = connect_pair();
    clock_step(4999);
    settle();
    ck_assert_int_eq(send(early, "EHLO x\r\n", 8, 0), 8);
    expect_line(early, "554 5.5.0 gw.example: you spoke before the greeting\r\n");
    expect_line(patient, "");
    clock_step(1);
    expect_line(patient, "220 ");
    close(early);
    close(patient);
    settle();
    ck_assert_uint_eq(smtpd_sessions(w.d), 1);
    world_stop();
}
END_TEST

START_TEST(test_pause_ends)
{
    world_start();
    w.distrust = true;
    w.set.greet_ms = 5000;
    int fd = connect_pair();
    close(fd); /* goes before the greeting */
    fd = connect_pair();
    smtpd_drain(w.d); /* the server stops before it */
    expect_line(fd, "421 4.3.2 ");
    ck_assert_uint_eq(smtpd_sessions(w.d), 0);
    int late = connect_pair();
    expect_line(late, "421 4.3.2 gw.example is shutting down");
    close(fd);
    close(late);
    world_stop();
}
END_TEST

/* A client that sends and never reads is not served without end, and loses nothing when it reads.
 */
START_TEST(test_unread_replies)
{
    enum { N = 200000 };
    struct buf all;
    size_t sent = 0;
    buf_init(&all, 1 << 21);
    for (int i = 0; i < N; i++)
        buf_z(&all, "NOOP\r\n");
    w.set.max_junk = N;
    world_start();
    settle();
    for (int idle = 0; idle < 3 && sent < all.n;) {
        ssize_t k = send(w.fd, all.p + sent, all.n - sent, MSG_DONTWAIT);
        idle = k < 0 ? idle + 1 : 0;
        sent += k > 0 ? (size_t)k : 0;
        while (loop_turn(w.loop, false))
            ;
    }
    ck_assert_uint_lt(sent, all.n); /* it was held up */
    buf_reset(&w.got);
    send_all(all.p + sent, all.n - sent);
    for (int i = 0; i < 1000; i++)
        settle();
    ck_assert_uint_eq(w.got.n % 14, 0);
    ck_assert_uint_eq(w.got.n / 14, N);
    buf_done(&all);
    world_stop();
}
END_TEST

/* --- deaths ---------------------------------------------------------------- */

static void send_mail(void)
{
    static const char text[] =
        "EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nHello\r\n.\r\n";
    settle();
    send_all(text, sizeof text - 1);
    settle();
}

static const char one_mail[] = "a@b > c@d\n| Hello\n";

START_TEST(test_session_dies_before_verdict)
{
    world_start();
    w.verdicts = HOLD;
    send_mail();
    ck_assert_uint_eq(w.nheld, 1);
    struct linger hard = {1, 0};
    (void)setsockopt(w.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    hang_up();
    settle();
    ck_assert_ptr_nonnull(w.held[0]);
    verdicts_due();
    settle();
    ck_assert_str_eq(buf_cstr(&w.mails), one_mail);
    ck_assert_uint_eq(smtpd_sessions(w.d), 0);
    world_stop();
}
END_TEST

/* A session that ends while the owner is asked about it takes the question with it. */
START_TEST(test_server_dies_at_gate)
{
    static const char *const until[] = {"", "HELO c\r\n", "HELO c\r\nMAIL FROM:<a@b>\r\n"};
    for (size_t i = 0; i < 3; i++) {
        w.slow_gate = true;
        world_start();
        settle();
        send_all(until[i], strlen(until[i]));
        settle();
        send_all("RSET\r\nHELO c\r\n", 14);
        while (w.asked == NULL)
            ck_assert(loop_turn(w.loop, false));
        smtpd_free(&w.d);
        ck_assert_ptr_null(w.asked);
        world_stop();
    }
}
END_TEST

START_TEST(test_server_dies_before_verdict)
{
    world_start();
    w.verdicts = HOLD;
    send_mail();
    int first = w.fd;
    w.fd = connect_pair();
    send_mail();
    ck_assert_uint_eq(w.nheld, 2);
    struct smtpd_mail *two[2] = {w.held[0], w.held[1]};
    world_stop();
    close(first);
    ck_assert_ptr_null(two[0]->session);
    ck_assert_ptr_null(two[1]->session);
    w.nheld = 2;
    verdicts_due();
    ck_assert_str_eq(buf_cstr(&w.mails), "a@b > c@d\n| Hello\na@b > c@d\n| Hello\n");
}
END_TEST

/* Large content goes through whole, in any pieces; too large is refused when it ends. */
START_TEST(test_large)
{
    enum { LINES = 40000 };
    struct buf all, want;
    world_start();
    settle();
    buf_init(&all, 1 << 24);
    buf_init(&want, 1 << 24);
    buf_z(&want, "a@b > c@d\n");
    buf_z(&all, "EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
    for (int i = 0; i < LINES; i++) {
        const char *dot = i % 7 == 0 ? "." : "";
        buf_printf(&all, "%s%sLine %d of a long message%s\r\n", dot, dot, i,
                   i % 3 == 0 ? " and more" : "");
        buf_printf(&want, "| %sLine %d of a long message%s\n", dot, i,
                   i % 3 == 0 ? " and more" : "");
    }
    buf_printf(&all, "%0100000d\r\n", 0); /* one line of 100 kB */
    buf_printf(&want, "| %0100000d\n", 0);
    buf_z(&all, ".\r\nQUIT\r\n");
    send_all(all.p, all.n);
    settle();
    ck_assert(str_eq(buf_text(&want), buf_text(&w.mails)));
    ck_assert_uint_eq(smtpd_sessions(w.d), 0);
    buf_done(&all);
    buf_done(&want);
    world_stop();
}
END_TEST

static Suite *test_server_suite(void)
{
    char name[256];
    int n = dialogues(0, name);
    Suite *s = suite_create("server");
    TCase *t = tcase_create("server");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, test_dialogue, 0, n > 0 ? n : 1);
    tcase_add_test(t, test_smuggling);
    tcase_add_test(t, test_sessions_in_all);
    tcase_add_test(t, test_sessions_per_client);
    tcase_add_test(t, test_early_talker);
    tcase_add_test(t, test_pause_ends);
    tcase_add_test(t, test_unread_replies);
    tcase_add_test(t, test_session_dies_before_verdict);
    tcase_add_test(t, test_server_dies_at_gate);
    tcase_add_test(t, test_server_dies_before_verdict);
    tcase_add_test(t, test_large);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_server_suite)
