/* tests/unit/smtp/test_bsmtp.c -- batch SMTP: NAME.in gives NAME.out, limits, and the writer as
 * oracle */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/smtp/bsmtp.h"
#include "unit/unit.h"

#define GOLDEN "tests/golden/bsmtp/"

static struct buf mails;

static int on_sender(void *arg, const struct smtp_path *p, struct why *w)
{
    (void)arg;
    if (str_is(p->local, "refused"))
        return why_set(w, E_DENIED, 550, "5.7.1", "Sender refused");
    return 0;
}

static int on_rcpt(void *arg, const struct smtp_path *p, void **user, struct why *w)
{
    ck_assert_ptr_null(*user);
    if (str_is(p->local, "nobody"))
        return why_set(w, E_DENIED, 550, "5.1.1", "No such user");
    if (str_is(p->local, "later"))
        return why_set(w, E_TEMP, 451, "4.3.0", "Not now");
    *user = arg;
    return 0;
}

static int on_mail(void *arg, const struct bsmtp_mail *m, struct why *w)
{
    struct str rest = m->content, line;
    if (memmem(rest.p, rest.n, "X-Refuse", 8) != NULL)
        return why_set(w, E_DENIED, 554, "5.6.0", "Content refused");
    buf_printf(&mails, "mail %.*s >", STR_ARG(m->sender.text));
    for (size_t i = 0; i < m->nrcpt; i++) {
        ck_assert_ptr_eq(m->rcpt_user[i], arg);
        buf_printf(&mails, " %.*s%s", STR_ARG(m->rcpt[i].text), m->rcpt[i].route ? " (route)" : "");
    }
    if (m->tick.n > 0)
        buf_printf(&mails, ", tick %.*s", STR_ARG(m->tick));
    buf_z(&mails, "\n");
    while (str_split(&rest, '\n', &line))
        if (line.n > 0) {
            ck_assert(line.p[line.n - 1] == '\r');
            buf_printf(&mails, "|%s%.*s\n", line.n > 1 ? " " : "", STR_ARG(str_trim_right(line)));
        }
    return 0;
}

static const struct bsmtp_ops ops = {.sender = on_sender, .rcpt = on_rcpt, .mail = on_mail};
static const struct bsmtp_set defaults = {.hostname = "gw.example"};

static void setup(void)
{
    buf_init(&mails, SIZE_MAX / 2);
}

static void teardown(void)
{
    buf_done(&mails);
}

static struct bsmtp *fresh(const struct bsmtp_set *set)
{
    buf_reset(&mails);
    return bsmtp_new(set, &ops, &mails);
}

static bool says(const struct bsmtp *b, const char *text)
{
    struct str report = bsmtp_report(b);
    return memmem(report.p, report.n, text, strlen(text)) != NULL;
}

static void feed(struct bsmtp *b, const char *text)
{
    struct str rest = str_of(text), line;
    while (str_line(&rest, &line))
        bsmtp_line(b, line);
}

static int only_in(const struct dirent *e)
{
    const char *dot = strrchr(e->d_name, '.');
    return dot != NULL && strcmp(dot, ".in") == 0;
}

static int cases(int at, char name[256])
{
    struct dirent **list;
    int n = scandir(GOLDEN, &list, only_in, alphasort);
    name[0] = '\0';
    for (int i = 0; i < n; i++) {
        if (i == at)
            str_copy(name, 256, str_sub(str_of(list[i]->d_name), 0, strlen(list[i]->d_name) - 3));
        free(list[i]);
    }
    if (n >= 0)
        free(list);
    return n;
}

START_TEST(test_golden)
{
    char name[256], path[600];
    ck_assert_int_gt(cases(_i, name), _i);
    snprintf(path, sizeof path, GOLDEN "%s.in", name);
    char *in = unit_file(path, NULL);
    snprintf(path, sizeof path, GOLDEN "%s.out", name);
    struct bsmtp *b = fresh(&defaults);
    feed(b, in);
    bsmtp_end(b);
    buf_printf(&mails, "%.*serrors %u, sender %.*s%s\n", STR_ARG(bsmtp_report(b)), bsmtp_errors(b),
               STR_ARG(bsmtp_sender(b)), bsmtp_verbose(b) ? ", verbose" : "");
    char *want = unit_file(path, NULL);
    ck_assert_msg(strcmp(want, buf_cstr(&mails)) == 0, "%s: there is\n%s", name, buf_cstr(&mails));
    bsmtp_free(&b);
    ck_assert_ptr_null(b);
    free(in);
    free(want);
}
END_TEST

START_TEST(test_looks)
{
    static const struct {
        const char *line;
        bool batch;
    } t[] = {{"HELO X", true},         {"ehlo x", true},          {"Tick 1", true},
             {"VERB ON", true},        {"mail from:<a@b>", true}, {"", false},
             {"HELO", true},           {"Date: today", false},    {"MAILER", false},
             {"RCPT TO:<a@b>", false}, {"From: MAIL", false}};
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
        ck_assert_msg(bsmtp_looks(str_of(t[i].line)) == t[i].batch, "%s", t[i].line);
}
END_TEST

#define ENVELOPE "MAIL FROM:<a@b>\nRCPT TO:<c@d>\nDATA\n"

START_TEST(test_max_size)
{
    struct bsmtp_set set = {.hostname = "h", .max_size = 10};
    struct bsmtp *b = fresh(&set);
    feed(b, "MAIL FROM:<a@b> SIZE=11\n" ENVELOPE "passed over\n.\n");
    feed(b, ENVELOPE "12345678\n.\n" ENVELOPE "123456789\n.\n" ENVELOPE "1\n2\n3\n4\n.\n");
    bsmtp_end(b);
    ck_assert_str_eq(buf_cstr(&mails), "mail a@b > c@d\n| 12345678\n");
    ck_assert(says(b, "552 5.3.4 Message too large: 10 octets allowed"));
    bsmtp_free(&b);
}
END_TEST

START_TEST(test_max_mails_and_rcpts)
{
    struct bsmtp_set set = {.hostname = "h", .max_mails = 2, .max_rcpt = 2};
    struct bsmtp *b = fresh(&set);
    feed(b, "MAIL FROM:<a@b>\nRCPT TO:<c@d>\nRCPT TO:<e@f>\nRCPT TO:<g@h>\nDATA\nx\n.\n");
    feed(b, ENVELOPE "y\n.\n" ENVELOPE "z\n.\n");
    bsmtp_end(b);
    ck_assert_str_eq(buf_cstr(&mails), "mail a@b > c@d e@f\n| x\nmail a@b > c@d\n| y\n");
    ck_assert_uint_eq(bsmtp_errors(b), 4); /* RCPT; MAIL, RCPT, DATA */
    bsmtp_free(&b);
}
END_TEST

/* However long the file, the report is bounded and ends with a whole line. */
START_TEST(test_report_bounded)
{
    struct bsmtp *b = fresh(&defaults);
    char line[3001];
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    for (int i = 0; i < 10000; i++) {
        bsmtp_line(b, str_of(line));
        bsmtp_line(b, STR("FOO"));
    }
    bsmtp_end(b);
    struct str report = bsmtp_report(b);
    ck_assert_uint_le(report.n, 65536);
    ck_assert_uint_gt(report.n, 60000);
    ck_assert(report.p[report.n - 1] == '\n');
    struct str said;
    while (str_line(&report, &said))
        ck_assert(said.n == 1024 || str_is(said, "FOO") ||
                  str_starts_nocase(said, "500 5.5.2 Command"));
    ck_assert_uint_eq(bsmtp_errors(b), 20000);
    bsmtp_free(&b);
}
END_TEST

/* Records may hold what other code pages make line ends of. */
START_TEST(test_control_characters)
{
    struct bsmtp *b = fresh(&defaults);
    static const char text[] = "a\r\n.\r\nb\0c";
    bsmtp_line(b, STR("NOOP\r\nMAIL FROM:<a@b>"));
    ck_assert_uint_eq(bsmtp_errors(b), 1);
    feed(b, ENVELOPE);
    bsmtp_line(b, (struct str){text, sizeof text - 1});
    bsmtp_end(b);
    ck_assert_str_eq(buf_cstr(&mails), "mail a@b > c@d\n| a  .  b c\n");
    ck_assert_ptr_null(memchr(bsmtp_report(b).p, '\r', bsmtp_report(b).n));
    bsmtp_free(&b);
}
END_TEST

static void pass_on(void *arg, struct str line)
{
    bsmtp_line(arg, line);
}

static uint32_t seed = 7;

static uint32_t random_next(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 16;
}

/* What is written reads back as the same mail. */
START_TEST(test_write_and_read)
{
    static const char *const words[] = {".", "..", "a", "\r\n", "\r\n.", "QUIT", " b", "\r\n.\r\n"};
    static const struct str rcpt[] = {{"c@d", 3}, {"\"e f\"@g", 7}};
    for (int round = 0; round < 500; round++) {
        struct buf content, want;
        struct bsmtp *b = fresh(&defaults);
        buf_init(&content, 4096);
        buf_init(&want, 8192);
        for (uint32_t i = random_next() % 20; i > 0; i--)
            buf_z(&content, words[random_next() % 8]);
        if (content.n > 0)
            buf_crlf(&content);
        buf_z(&want, "mail a@b > c@d \"e f\"@g\n");
        struct str rest = buf_text(&content), line;
        while (str_line(&rest, &line))
            buf_printf(&want, "|%s%.*s\n", line.n > 0 ? " " : "", STR_ARG(line));
        struct bsmtp_out out = {.helo = "gw.example",
                                .sender = STR("a@b"),
                                .rcpt = rcpt,
                                .nrcpt = 2,
                                .content = buf_text(&content)};
        bsmtp_write(&out, pass_on, b);
        ck_assert_str_eq(buf_cstr(&mails), buf_cstr(&want));
        ck_assert_uint_eq(bsmtp_errors(b), 0);
        bsmtp_free(&b);
        buf_done(&content);
        buf_done(&want);
    }
}
END_TEST

/* A command that fills its card may be cut: it is refused, and no mail goes to or comes from half
 * an address; what is left of it on the next card is no command. */
START_TEST(test_cut_commands)
{
    static const char ten[] = "xxxxxxxxxx";
    struct bsmtp_set set = {.hostname = "h", .columns = 80};
    for (int bracket = 0; bracket < 2; bracket++) {
        struct bsmtp *b = fresh(&set);
        struct buf line;
        buf_init(&line, 200);
        buf_z(&line, bracket ? "MAIL FROM:<" : "MAIL FROM:");
        for (int i = 0; i < 6; i++)
            buf_z(&line, ten);
        buf_z(&line, "@far.example.org>");
        bsmtp_line(b, str_sub(buf_text(&line), 0, 80));
        bsmtp_line(b, str_sub(buf_text(&line), 80, 80));
        feed(b, "RCPT TO:<c@d>\nDATA\nlost\n.\n");
        ck_assert(says(b, "501 5.5.2 The command fills its card"));
        ck_assert_uint_ge(bsmtp_errors(b), 3);
        feed(b, "MAIL FROM:<a@b>\nRCPT TO:<c@d>\n");
        buf_reset(&line);
        buf_z(&line, "RCPT TO:xxxxxxxxxxx@");
        for (int i = 0; i < 6; i++)
            buf_z(&line, ten);
        bsmtp_line(b, buf_text(&line));
        feed(b, "DATA\ngoes\n.\n");
        bsmtp_end(b);
        ck_assert_str_eq(buf_cstr(&mails), "mail a@b > c@d\n| goes\n");
        buf_done(&line);
        bsmtp_free(&b);
    }
    struct bsmtp *b = fresh(&set); /* it fills the card, and is whole */
    char whole[81];
    snprintf(whole, sizeof whole, "MAIL FROM:<%s%s%s%s%s%sx@b.org>", ten, ten, ten, ten, ten, ten);
    while (strlen(whole) < 80)
        memmove(whole + 12, whole + 11, strlen(whole + 11) + 1);
    bsmtp_line(b, str_of(whole));
    ck_assert_uint_eq(bsmtp_errors(b), 0);
    bsmtp_free(&b);
}
END_TEST

/* DISALLOWCMD: each of them alone, and in what EHLO tells. */
START_TEST(test_disallowed)
{
    static const struct {
        const char *line;
        unsigned bit;
    } t[] = {{"VERB ON", SMTP_NO_VERB},
             {"QUEU", SMTP_NO_QUEU},
             {"HELP", SMTP_NO_HELP},
             {"VRFY a", SMTP_NO_VRFY},
             {"EXPN a", SMTP_NO_EXPN}};
    for (unsigned off = 0; off < 32; off++) {
        struct bsmtp_set set = {.hostname = "h", .disallow = off};
        struct bsmtp *b = fresh(&set);
        unsigned errors = 0;
        feed(b, "EHLO x\n");
        ck_assert(says(b, "VERB") == ((off & SMTP_NO_VERB) == 0));
        ck_assert(says(b, "HELP") == ((off & SMTP_NO_HELP) == 0));
        for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
            bsmtp_line(b, str_of(t[i].line));
            errors += (off & t[i].bit) != 0;
            ck_assert_msg(bsmtp_errors(b) == errors, "%u %s", off, t[i].line);
        }
        ck_assert(bsmtp_verbose(b) == ((off & SMTP_NO_VERB) == 0));
        bsmtp_free(&b);
    }
}
END_TEST

static unsigned seen_notify;
static enum ret seen_ret;
static char seen[200];
static struct bsmtp_out again;

static int on_dsn_mail(void *arg, const struct bsmtp_mail *m, struct why *w)
{
    (void)arg;
    (void)w;
    seen_notify = m->rcpt_params[m->nrcpt - 1].notify;
    seen_ret = m->params.ret;
    snprintf(seen, sizeof seen, "%.*s %.*s %s%zu", STR_ARG(m->params.envid),
             STR_ARG(m->rcpt_params[m->nrcpt - 1].orcpt), m->params.utf8 ? "utf8 " : "", m->nrcpt);
    if (again.helo == NULL)
        return 0;
    struct str *rcpt = malloc(m->nrcpt * sizeof *rcpt);
    for (size_t i = 0; i < m->nrcpt; i++)
        rcpt[i] = m->rcpt[i].text;
    again = (struct bsmtp_out){.helo = "h",
                               .sender = m->sender.text,
                               .rcpt = rcpt,
                               .nrcpt = m->nrcpt,
                               .content = m->content,
                               .extended = true,
                               .utf8 = m->params.utf8,
                               .ret = m->params.ret,
                               .envid = m->params.envid,
                               .rcpt_params = m->rcpt_params};
    static const struct bsmtp_ops inner = {
        .sender = on_sender, .rcpt = on_rcpt, .mail = on_dsn_mail};
    struct bsmtp_set set = {.hostname = "h", .strict = true};
    struct bsmtp *b = bsmtp_new(&set, &inner, &mails);
    struct bsmtp_out out = again;
    again.helo = NULL;
    bsmtp_write(&out, pass_on, b);
    bsmtp_end(b);
    ck_assert_msg(bsmtp_errors(b) == 0, "%.*s", STR_ARG(bsmtp_report(b)));
    ck_assert(says(b, "EHLO h\n"));
    bsmtp_free(&b);
    free(rcpt);
    return 0;
}

/* RFC 3461: what the sender wants to hear of it is read, and comes through a batch of ours. */
START_TEST(test_dsn)
{
    static const struct bsmtp_ops dsn = {.sender = on_sender, .rcpt = on_rcpt, .mail = on_dsn_mail};
    for (int round = 0; round < 2; round++) {
        struct bsmtp *b = bsmtp_new(&defaults, &dsn, &mails);
        again.helo = round == 0 ? NULL : "h";
        seen[0] = '\0';
        feed(b, "EHLO x\nMAIL FROM:<a@b> RET=HDRS ENVID=QQ+2B314 SIZE=20 BODY=8BITMIME\n"
                "RCPT TO:<e@f>\n"
                "RCPT TO:<c@d> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Bob+40c.d\nDATA\n\xC3\xA4\n.\n");
        ck_assert_uint_eq(bsmtp_errors(b), 0);
        ck_assert(says(b, "250-DSN\n"));
        ck_assert_str_eq(seen, "QQ+314 rfc822;Bob@c.d 2");
        ck_assert_uint_eq(seen_notify, NOTIFY_SUCCESS | NOTIFY_DELAY);
        ck_assert_int_eq(seen_ret, RET_HDRS);
        /* The next mail has nothing of it. */
        feed(b, ENVELOPE "x\n.\n");
        bsmtp_end(b);
        ck_assert_str_eq(seen, "  1");
        ck_assert(seen_notify == 0 && seen_ret == RET_NONE);
        bsmtp_free(&b);
    }
}
END_TEST

/* A batch in a mail (RFC 2442) is held to what a session is. */
START_TEST(test_strict)
{
    static const struct {
        const char *line;
        bool good;
    } t[] = {{"MAIL FROM:<a@b>", true},          {"MAIL FROM:a@b", false},
             {"MAIL FROM:<a@b$c>", false},       {"MAIL FROM:<a@b> RET=MUCH", false},
             {"MAIL FROM:<a@b> X-OTHER", false}, {"MAIL FROM:<a@b> BODY=BINARYMIME", false},
             {"MAIL FROM:<\xC3\xA4@b>", false},  {"MAIL FROM:<\xC3\xA4@b> SMTPUTF8", true}};
    for (size_t i = 0; i < 2 * (sizeof t / sizeof *t); i++) {
        struct bsmtp_set set = {.hostname = "h", .strict = i % 2 == 0};
        struct bsmtp *b = fresh(&set);
        bsmtp_line(b, str_of(t[i / 2].line));
        bool lax = (uint8_t)t[i / 2].line[11] < 0x80; /* addresses of NJE are ASCII */
        ck_assert_msg((bsmtp_errors(b) == 0) == (set.strict ? t[i / 2].good : lax), "%s: %.*s",
                      t[i / 2].line, STR_ARG(bsmtp_report(b)));
        bsmtp_free(&b);
    }
}
END_TEST

static Suite *test_bsmtp_suite(void)
{
    char name[256];
    int n = cases(0, name);
    Suite *s = suite_create("bsmtp");
    TCase *t = tcase_create("bsmtp");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, test_golden, 0, n > 0 ? n : 1);
    tcase_add_test(t, test_looks);
    tcase_add_test(t, test_max_size);
    tcase_add_test(t, test_max_mails_and_rcpts);
    tcase_add_test(t, test_report_bounded);
    tcase_add_test(t, test_control_characters);
    tcase_add_test(t, test_write_and_read);
    tcase_add_test(t, test_cut_commands);
    tcase_add_test(t, test_disallowed);
    tcase_add_test(t, test_dsn);
    tcase_add_test(t, test_strict);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_bsmtp_suite)
