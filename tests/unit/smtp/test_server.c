/* tests/unit/smtp/test_server.c -- the SMTP server: dialogues in virtual time, smuggling
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
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "unit/smtp/served.h"
#include "unit/unit.h"

#define GOLDEN "tests/golden/smtp/"

/* --- dialogues --- */

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
        buf_crlf(&b);
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
    else if (str_is(key, "max_line"))
        w.set.max_line = (unsigned)v;
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
    else if (str_is(key, "refuse_connect"))
        w.refuse_connect = (int)v;
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
        served_verdicts();
    } else if (str_is(word, "@DROP")) {
        served_hang_up();
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
    served_settle();
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
    served_start();
    served_settle();
    if (w.distrust) {
        clock_step(1); /* the pause before the greeting */
        served_settle();
    }
    for (size_t i = 0; i <= d->n; i++) {
        const struct item *it = i < d->n ? &d->item[i] : NULL;
        bool turn = it == NULL || it->kind == '@' || (manner == PERSON && it->kind == 'C');
        if (turn && out.n > 0) {
            served_manner(buf_text(&out), manner, cut);
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
    served_stop();
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

/* --- smuggling --- */

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
    buf_z(
        &want,
        "250 2.1.0 Sender OK\r\n250 2.1.5 Recipient OK\r\n"
        "354 End data with <CR><LF>.<CR><LF>\r\n"
        "550 5.5.2 Bare CR, bare LF or NUL in message; lines must end in CRLF\r\n250 2.0.0 OK\r\n");
    for (size_t cut = data - 1; cut <= all.n; cut++) {
        served_start();
        served_manner(buf_text(&all), cut < all.n ? CUT : BYTES, cut);
        struct str got = buf_text(&w.got);
        const char *after = memmem(got.p, got.n, "250 ENHANCEDSTATUSCODES\r\n", 25);
        ck_assert_ptr_nonnull(after);
        got = str_sub(got, (size_t)(after + 25 - got.p), got.n);
        ck_assert_msg(str_eq(got, buf_text(&want)), "cut %zu: %.*s", cut, STR_ARG(got));
        ck_assert_uint_eq(w.mails.n, 0);
        served_stop();
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

static Suite *test_server_suite(void)
{
    char name[256];
    int n = dialogues(0, name);
    Suite *s = suite_create("server");
    TCase *t = tcase_create("server");
    tcase_add_checked_fixture(t, served_set_up, served_tear_down);
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, test_dialogue, 0, n > 0 ? n : 1);
    tcase_add_test(t, test_smuggling);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_server_suite)
