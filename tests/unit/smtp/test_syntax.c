/* tests/unit/smtp/test_syntax.c -- paths, parameters, replies and dot transparency */
#include <stdlib.h>
#include <string.h>

#include "gateway/smtp/params.h"
#include "unit/feed.h"
#include "unit/unit.h"

#define L16 "abcdefghijklmnop"
#define L64 L16 L16 L16 L16

static struct arena *arena;

static void setup(void)
{
    arena = arena_new(1 << 20);
}

static void teardown(void)
{
    arena_free(&arena);
}

/* "text" or "text ROUTE SIZE=n 8BIT", or the reply when refused. */
static void show_mail(const char *line, bool batch, struct buf *out)
{
    struct smtp_path path;
    struct smtp_mail_params p;
    struct why w;
    memset(&path, 0xA5, sizeof path);
    memset(&p, 0xA5, sizeof p);
    memset(&w, 0xA5, sizeof w);
    buf_reset(out);
    if (smtp_parse_mail(str_of(line), batch, arena, &path, &p, &w) < 0) {
        buf_printf(out, "%d %s", why_smtp(&w), why_enh(&w));
        return;
    }
    buf_printf(out, "%.*s", STR_ARG(path.text));
    if (path.route)
        buf_z(out, " ROUTE");
    if (p.size != 0)
        buf_printf(out, " SIZE=%llu", (unsigned long long)p.size);
    if (p.eightbit)
        buf_z(out, " 8BIT");
    buf_printf(out, "%s%s%s%s", p.binary ? " BINARY" : "", p.utf8 ? " UTF8" : "",
               p.auth ? " AUTH" : "",
               p.ret == RET_FULL   ? " FULL"
               : p.ret == RET_HDRS ? " HDRS"
                                   : "");
    if (p.envid.n > 0)
        buf_printf(out, " ENVID=%.*s", STR_ARG(p.envid));
}

static const struct {
    const char *line, *strict, *batch; /* batch NULL: the same */
} mails[] = {
    {"FROM:<a@b.example>", "a@b.example", NULL},
    {"from:<A@B.Example>", "A@B.Example", NULL},
    {"FROM:<>", "", NULL},
    {"FROM: <a@b>", "a@b", NULL},
    {"FROM:<a@b> SIZE=1000 BODY=8BITMIME", "a@b SIZE=1000 8BIT", NULL},
    {"FROM:<a@b> body=7bit  size=7", "a@b SIZE=7", NULL},
    {"FROM:<a@b> SIZE=99999999999999999999", "a@b SIZE=18446744073709551615", NULL},
    {"FROM:<> SIZE=1", " SIZE=1", NULL},
    {"FROM:<a%b@c.example>", "a%b@c.example", NULL},
    {"FROM:<u?addr@c.example>", "u?addr@c.example", NULL},
    {"FROM:<!#$%&'*+-/=?^_`{|}~@c>", "!#$%&'*+-/=?^_`{|}~@c", NULL},
    {"FROM:<\"a b\"@c>", "\"a b\"@c", NULL},
    {"FROM:<\"ab\"@c>", "ab@c", NULL}, /* quotes that were not needed */
    {"FROM:<\"a\\\"b\\\\\"@c>", "\"a\\\"b\\\\\"@c", NULL},
    {"FROM:<\"a>b@c\"@d>", "\"a>b@c\"@d", NULL},
    {"FROM:<\"\"@c>", "\"\"@c", NULL},
    {"FROM:<a@[192.0.2.1]>", "a@[192.0.2.1]", NULL},
    {"FROM:<a@[IPv6:2001:db8::1]>", "a@[IPv6:2001:db8::1]", NULL},
    {"FROM:<@x.example,@y:a@b>", "a@b ROUTE", NULL},
    {"FROM:<@[192.0.2.1]:a@b>", "a@b ROUTE", NULL},
    {"FROM:<a@my_host.example>", "a@my_host.example", NULL},
    {"FROM:<" L64 L64 "@c.example>", L64 L64 "@c.example", NULL},
    /* batch is looser */
    {"FROM:a@b", "501 5.1.7", "a@b"},
    {"FROM: a@b SIZE=4", "501 5.1.7", "a@b SIZE=4"},
    {"FROM:<a@NODE$1.RSCS>", "501 5.1.7", "a@NODE$1.RSCS"},
    {"FROM:<a@b> AUTH=<>", "a@b AUTH", NULL},
    {"FROM:<a@b> AUTH=e+3Dmc2@c", "a@b AUTH", NULL},
    {"FROM:<a@b> SMTPUTF8", "a@b UTF8", NULL},
    {"FROM:<a@b> BODY=BINARYMIME", "a@b BINARY", NULL},
    {"FROM:<a@b> RET=full ENVID=QQ+2B1", "a@b FULL ENVID=QQ+1", NULL},
    {"FROM:<a@b> ret=HDRS", "a@b HDRS", NULL},
    {"FROM:<\303\251@b\374> SMTPUTF8", "553 5.6.7", NULL},
    {"FROM:<\303\251@b> SMTPUTF8", "\303\251@b UTF8", "553 5.6.7"},
    {"FROM:<\"\303\251 x\"@b\303\274cher.de> SMTPUTF8", "\"\303\251 x\"@b\303\274cher.de UTF8",
     "553 5.6.7"},
    {"FROM:<a@b> FOO=1", "555 5.5.4", "a@b"},
    {"FROM:<a@b> NOTIFY=NEVER", "555 5.5.4", "a@b"},
    {"FROM:<a@b> RET=", "501 5.5.4", "a@b"},
    {"FROM:<a@b> RET=HDRS RET=FULL", "501 5.5.4", "a@b HDRS"},
    {"FROM:<a@b> SMTPUTF8=1", "501 5.5.4", "a@b UTF8"},
    {"FROM:<a@b> ENVID=", "501 5.5.4", "a@b"},
    {"FROM:<a@b> ENVID=a=b", "501 5.5.4", "a@b"},
    {"FROM:<a@b> ENVID=a+0D+0ATo:x", "501 5.5.4", "a@b"},
    {"FROM:<a@b> ENVID=" L64 L64, "501 5.5.4", "a@b"},
    {"FROM:<a@b> BODY=MIME", "501 5.5.4", "a@b"},
    {"FROM:<a@b> SIZE=x", "501 5.5.4", "a@b"},
    {"FROM:<a@b> SIZE=", "501 5.5.4", "a@b"},
    {"FROM:<a@b> SIZE", "501 5.5.4", "a@b"},
    /* refused by both */
    {"", "501 5.5.4", NULL},
    {"FROM", "501 5.5.4", NULL},
    {"FROM :<a@b>", "501 5.5.4", NULL},
    {"TO:<a@b>", "501 5.5.4", NULL},
    {"FROM:", "501 5.1.7", NULL},
    {"FROM:<", "501 5.1.7", NULL},
    {"FROM:<a@b", "501 5.1.7", NULL},
    {"FROM:<a@b>x", "501 5.1.7", NULL},
    {"FROM:<a@>", "501 5.1.7", NULL},
    {"FROM:<@b>", "501 5.1.7", NULL},
    {"FROM:<a b@c>", "501 5.1.7", NULL},
    {"FROM:<a@b c>", "501 5.1.7", NULL},
    {"FROM:<.a@b>", "501 5.1.7", NULL},
    {"FROM:<a.@b>", "501 5.1.7", NULL},
    {"FROM:<a..b@c>", "501 5.1.7", NULL},
    {"FROM:<a@b..c>", "501 5.1.7", NULL},
    {"FROM:<a@.b>", "501 5.1.7", NULL},
    {"FROM:<a@b.>", "501 5.1.7", NULL},
    {"FROM:<a@-b>", "501 5.1.7", NULL},
    {"FROM:<a@b->", "501 5.1.7", NULL},
    {"FROM:<a@b@c>", "501 5.1.7", NULL},
    {"FROM:<a@" L64 ".example>", "501 5.1.7", NULL},
    {"FROM:<\"a@b>", "501 5.1.7", NULL},
    {"FROM:<\"a\\", "501 5.1.7", NULL},
    {"FROM:<\"a\"b@c>", "501 5.1.7", NULL},
    {"FROM:<a@[192.0.2]>", "501 5.1.7", NULL},
    {"FROM:<a@[]>", "501 5.1.7", NULL},
    {"FROM:<a@[192.0.2.1>", "501 5.1.7", NULL},
    {"FROM:<a@[IPv6:192.0.2.1]>", "501 5.1.7", NULL},
    {"FROM:<@a>", "501 5.1.7", NULL},
    {"FROM:<@a:>", "501 5.1.7", NULL},
    {"FROM:<@a,b:c@d>", "501 5.1.7", NULL},
    {"FROM:<" L64 L64 L64 L64 "@c>", "501 5.1.7", NULL},
    {"FROM:<bob>", "553 5.1.7", NULL},
    {"FROM:<postmaster>", "553 5.1.7", NULL},
    {"FROM:<\303\251@b>", "553 5.6.7", NULL},
    {"FROM:<a@b\374cher.example>", "553 5.6.7", NULL},
};

START_TEST(test_mail)
{
    struct buf out;
    buf_init(&out, 4096);
    show_mail(mails[_i].line, false, &out);
    ck_assert_str_eq(buf_cstr(&out), mails[_i].strict);
    show_mail(mails[_i].line, true, &out);
    ck_assert_str_eq(buf_cstr(&out), mails[_i].batch != NULL ? mails[_i].batch : mails[_i].strict);
    buf_done(&out);
}
END_TEST

static const struct {
    const char *line, *want; /* "local|domain notify orcpt", or the reply */
} rcpts[] = {
    {"TO:<a@b>", "a|b"},
    {"TO:<postmaster>", "postmaster|"},
    {"TO:<PostMaster>", "PostMaster|"},
    {"TO:<\"a b\"@c>", "a b|c"},
    {"TO:<\"a\\b\"@c>", "ab|c"},
    {"TO:<@gw:user%node@c>", "user%node|c"},
    {"TO:<bob>", "553 5.1.3"},
    {"TO:<>", "501 5.1.3"},
    {"TO:<a@b> NOTIFY=NEVER", "a|b 1"},
    {"TO:<a@b> notify=success,Delay ORCPT=rfc822;Bob+20B@c", "a|b 10 rfc822;Bob B@c"},
    {"TO:<a@b> NOTIFY=FAILURE", "a|b 4"},
    {"TO:<a@b> NOTIFY=NEVER,DELAY", "501 5.5.4"},
    {"TO:<a@b> NOTIFY=", "501 5.5.4"},
    {"TO:<a@b> NOTIFY=DELAY,", "501 5.5.4"},
    {"TO:<a@b> ORCPT=a@b", "501 5.5.4"},
    {"TO:<a@b> ORCPT=rfc822;", "501 5.5.4"},
    {"TO:<a@b> ORCPT=rfc 822;a", "501 5.5.4"},
    {"TO:<a@b> ORCPT=rfc822;a+0Ab", "501 5.5.4"},
    {"TO:<a@b> ORCPT=rfc822;a ORCPT=rfc822;b", "501 5.5.4"},
    {"TO:<a@b> RET=HDRS", "555 5.5.4"},
    {"TO:<\303\251@b>", "553 5.6.7"},
    {"TO:<\"a\tb\"@c>", "501 5.1.3"},
    {"TO:a@b", "501 5.1.3"},
    {"FROM:<a@b>", "501 5.5.4"},
};

START_TEST(test_rcpt)
{
    struct smtp_path path;
    struct smtp_rcpt_params p;
    struct why w;
    struct buf out;
    memset(&path, 0xA5, sizeof path);
    buf_init(&out, 4096);
    if (smtp_parse_rcpt(str_of(rcpts[_i].line), false, false, arena, &path, &p, &w) < 0)
        buf_printf(&out, "%d %s", why_smtp(&w), why_enh(&w));
    else
        buf_printf(&out, "%.*s|%.*s", STR_ARG(path.local), STR_ARG(path.domain));
    if (out.n > 0 && out.p[0] > '9' && p.notify != 0)
        buf_printf(&out, " %u%s%.*s", p.notify, p.orcpt.n > 0 ? " " : "", STR_ARG(p.orcpt));
    ck_assert_str_eq(buf_cstr(&out), rcpts[_i].want);
    buf_done(&out);
}
END_TEST

/* What is written canonically reads back as the same. */
START_TEST(test_mailbox_again)
{
    static const char *const locals[] = {"a", "a.b", "a b", ".a", "a\"b\\c", "", "@", "x%y", ">"};
    for (size_t i = 0; i < sizeof locals / sizeof locals[0]; i++) {
        struct smtp_path once, twice;
        struct why w;
        struct buf b;
        buf_init(&b, 200);
        buf_u8(&b, '"');
        for (const char *p = locals[i]; *p != '\0'; p++)
            buf_printf(&b, "\\%c", *p); /* every character may be quoted */
        buf_z(&b, "\"@host.example");
        ck_assert_int_eq(smtp_parse_mailbox(buf_text(&b), arena, &once, &w), 0);
        ck_assert(str_eq(once.local, str_of(locals[i])));
        ck_assert_int_eq(smtp_parse_mailbox(once.text, arena, &twice, &w), 0);
        ck_assert(str_eq(once.text, twice.text));
        ck_assert(str_eq(once.local, twice.local));
        buf_done(&b);
    }
}
END_TEST

START_TEST(test_mailbox_bad)
{
    static const char *const bad[] = {"",     "a",    "@b",          "<a@b>",   "a@b ",
                                      "a@b,", "a@b>", "@x:a@b",      "\"\"",    "\"a\377\"@b",
                                      "a@",   "a b",  "a@b\r\nRCPT", "a@b@c.d", "a\351@b"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct smtp_path p;
        struct why w;
        ck_assert_msg(smtp_parse_mailbox(str_of(bad[i]), arena, &p, &w) < 0, "taken: %s", bad[i]);
    }
}
END_TEST

START_TEST(test_arena_full)
{
    struct arena *small = arena_new(64);
    struct smtp_path p;
    struct smtp_mail_params params;
    struct why w;
    ck_assert_int_eq(
        smtp_parse_mail(STR("FROM:<" L64 "@" L16 "." L16 ">"), false, small, &p, &params, &w),
        E_LIMIT);
    arena_free(&small);
}
END_TEST

START_TEST(test_domain)
{
    static const struct {
        const char *domain;
        bool ok;
    } t[] = {{"a", true},         {"a.b-c.d1", true}, {"[127.0.0.1]", true}, {"[IPv6:::1]", true},
             {"", false},         {"a b", false},     {"a..b", false},       {"[::1]", false},
             {"[1.2.3.4", false}, {"a.", false},      {"ex\351", false},     {"a$b", false}};
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
        ck_assert_msg(smtp_domain_ok(str_of(t[i].domain)) == t[i].ok, "%s", t[i].domain);
}
END_TEST

START_TEST(test_verb)
{
    static const struct {
        const char *line, *verb, *rest;
    } t[] = {{"MAIL FROM:<a@b> ", "MAIL", "FROM:<a@b>"},
             {"quit", "quit", ""},
             {"", "", ""},
             {"  noop\t x", "noop", "x"},
             {" ", "", ""}};
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct str verb, rest;
        smtp_verb(str_of(t[i].line), &verb, &rest);
        ck_assert(str_eq(verb, str_of(t[i].verb)));
        ck_assert(str_eq(rest, str_of(t[i].rest)));
    }
}
END_TEST

/* --- replies --- */

START_TEST(test_reply_there_and_back)
{
    static const struct {
        int code;
        const char *enh, *text;
    } t[] = {{250, "2.0.0", "OK"},    {250, "", "host\n8BITMIME\nSIZE 1000"},
             {354, "", ""},           {421, "4.7.0", "go\naway"},
             {550, "5.1.1", "5.1.1"}, {220, "", "2.0 is no code"}};
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct buf b;
        struct smtp_reply r;
        struct why w;
        buf_init(&b, 4096);
        smtp_put_reply(&b, t[i].code, t[i].enh, str_of(t[i].text));
        smtp_reply_init(&r);
        struct str rest = buf_text(&b), line;
        int rc = 0;
        while (str_line(&rest, &line)) {
            ck_assert_int_eq(rc, 0);
            rc = smtp_reply_line(&r, line, &w);
        }
        ck_assert_int_eq(rc, 1);
        ck_assert_int_eq(r.code, t[i].code);
        ck_assert_str_eq(r.enh, t[i].enh);
        ck_assert_str_eq(buf_cstr(&r.text), t[i].text);
        smtp_reply_done(&r);
        buf_done(&b);
    }
}
END_TEST

START_TEST(test_reply_lines)
{
    static const struct {
        const char *line;
        int rc, code;
        const char *enh, *text;
    } t[] = {
        {"250", 1, 250, "", ""},
        {"250 ", 1, 250, "", ""},
        {"250-x", 0, 250, "", "x"},
        {"550 5.1.1 no", 1, 550, "5.1.1", "no"},
        {"550 5.1.1", 1, 550, "5.1.1", ""},
        {"550 4.1.1 no", 1, 550, "", "4.1.1 no"}, /* not of the reply's class */
        {"250 2.1.1x", 1, 250, "", "2.1.1x"},
        {"450 4.333.1234 x", 1, 450, "", "4.333.1234 x"},
        {"250 2.100", 1, 250, "", "2.100"},
        {"250 2.1.", 1, 250, "", "2.1."},
        {"250 2", 1, 250, "", "2"},
        {"25", E_SYNTAX, 0, "", ""},
        {"", E_SYNTAX, 0, "", ""},
        {"x50 OK", E_SYNTAX, 0, "", ""},
        {"150 OK", E_SYNTAX, 0, "", ""},
        {"650 OK", E_SYNTAX, 0, "", ""},
        {"2500 OK", E_SYNTAX, 0, "", ""},
        {"250_OK", E_SYNTAX, 0, "", ""},
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct smtp_reply r;
        struct why w;
        smtp_reply_init(&r);
        ck_assert_msg(smtp_reply_line(&r, str_of(t[i].line), &w) == t[i].rc, "%s", t[i].line);
        ck_assert_int_eq(r.code, t[i].code);
        ck_assert_str_eq(r.enh, t[i].enh);
        ck_assert_str_eq(buf_cstr(&r.text), t[i].text);
        smtp_reply_done(&r);
    }
}
END_TEST

START_TEST(test_reply_bounds)
{
    struct smtp_reply r;
    struct why w;
    smtp_reply_init(&r);
    ck_assert_int_eq(smtp_reply_line(&r, STR("250-a"), &w), 0);
    ck_assert_int_eq(smtp_reply_line(&r, STR("550 b"), &w), E_SYNTAX);
    smtp_reply_done(&r);
    smtp_reply_init(&r);
    int rc = 0, lines = 0;
    while (rc == 0 && lines++ < 100000)
        rc = smtp_reply_line(&r, STR("250-" L64 L64 L64 L64), &w);
    ck_assert_int_eq(rc, E_LIMIT);
    ck_assert_uint_le(r.text.n, 65536);
    smtp_reply_done(&r);
}
END_TEST

START_TEST(test_reply_why)
{
    static const struct {
        const char *line, *text;
        int err, smtp;
    } t[] = {{"450 4.2.0 busy", "busy", E_TEMP, 450},
             {"550 no", "no", E_PERM, 550},
             {"554", "(no text)", E_PERM, 554},
             {"250 OK", "Unexpected reply 250 OK", E_TEMP, 451}};
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct smtp_reply r;
        struct why w;
        smtp_reply_init(&r);
        ck_assert_int_eq(smtp_reply_line(&r, str_of(t[i].line), &w), 1);
        smtp_reply_why(&r, &w);
        ck_assert_int_eq(w.err, t[i].err);
        ck_assert_int_eq(why_smtp(&w), t[i].smtp);
        ck_assert_str_eq(w.text, t[i].text);
        smtp_reply_done(&r);
    }
}
END_TEST

/* --- dots --- */

/* Says the content, then how it ended and what was left unread. */
static void feed_undot(void *arg, const struct str *piece, size_t n, struct buf *out)
{
    struct smtp_undot u = {0};
    struct buf left;
    int rc = 0;
    (void)arg;
    buf_init(&left, 1 << 20);
    for (size_t i = 0; i < n; i++) {
        struct cur c = cur_of_str(piece[i]);
        if (rc == 0)
            rc = smtp_undot(&u, &c, out);
        buf_str(&left, cur_str(&c));
    }
    if (u.broken) /* what was written before it was broken may differ by the cut: it is refused
                     anyway */
        buf_reset(out);
    buf_printf(out, "|%s|%.*s",
               rc == 0   ? "more"
               : rc == 1 ? "end"
                         : "broken",
               STR_ARG(buf_text(&left)));
    buf_done(&left);
}

static const struct {
    const char *in, *want;
    size_t n; /* 0: strlen */
} undots[] = {
    {".\r\n", "|end|", 0},
    {".\r\nQUIT\r\n", "|end|QUIT\r\n", 0},
    {"a\r\nb\r\n.\r\n", "a\r\nb\r\n|end|", 0},
    {"a\r\nb\r\n.\r\nMAIL\r\n.\r\n", "a\r\nb\r\n|end|MAIL\r\n.\r\n", 0},
    {"\r\n\r\n.\r\n", "\r\n\r\n|end|", 0},
    {"..\r\n.a\r\n...\r\n.\r\n", ".\r\na\r\n..\r\n|end|", 0},
    {"a.\r\n.\r\n", "a.\r\n|end|", 0},
    {"a\r\n.", "a\r\n|more|", 0},
    {"a\r\n.\r", "a\r\n|more|", 0},
    {"a\r", "a|more|", 0},
    {"a\r\n", "a\r\n|more|", 0},
    {". \r\n.\r\n", " \r\n|end|", 0},
    {"\n.\r\n", "|more|", 0},
    {"a\n.\r\nb\r\n.\r\nX", "|broken|X", 0},
    {"a\r.\r\nb\r\n.\r\n", "|broken|", 0},
    {"a\r\n.\nb\r\n.\r\n", "|broken|", 0},
    {"a\r\n.\rb\r\n.\r\n", "|broken|", 0},
    {"a\r\r\n.\r\r\nb\r\n.\r\n", "|broken|", 0},
    {"a\r\n\0.\r\nb\r\n.\r\n", "|broken|", 13},
    {"a\0b\r\n.\r\n", "|broken|", 8},
    {"\377\200 8-bit\r\n.\r\n", "\377\200 8-bit\r\n|end|", 0},
};

START_TEST(test_undot)
{
    size_t n = undots[_i].n != 0 ? undots[_i].n : strlen(undots[_i].in);
    struct str in = {undots[_i].in, n};
    struct buf out;
    buf_init(&out, 4096);
    feed_undot(NULL, &in, 1, &out);
    ck_assert_str_eq(buf_cstr(&out), undots[_i].want);
    feed_all(feed_undot, NULL, in, 0);
    buf_done(&out);
}
END_TEST

#define CLEAN 300u /* more than two of the blocks that are looked at at once */

static void put_clean(struct buf *b, size_t n)
{
    static const char line[] = "Thirty-five octets and then an end.\r\n";
    for (size_t i = 0; i < n; i++)
        buf_u8(b, (uint8_t)line[i % (sizeof line - 1)]);
}

/* What is odd in the midst of much that is not, at each place of a block: the same as octet by
 * octet. */
static void within_much(feed_fn *feed, struct str odd)
{
    static struct str piece[2 * CLEAN + 64];
    struct buf in, whole, apart;
    buf_init(&in, sizeof piece);
    buf_init(&whole, 4 * CLEAN);
    buf_init(&apart, 4 * CLEAN);
    for (size_t before = 0; before <= CLEAN; before++) {
        buf_reset(&in), buf_reset(&whole), buf_reset(&apart);
        put_clean(&in, before);
        buf_str(&in, odd);
        put_clean(&in, CLEAN);
        struct str all = buf_text(&in);
        for (size_t i = 0; i < all.n; i++)
            piece[i] = str_sub(all, i, 1);
        feed(NULL, &all, 1, &whole);
        feed(NULL, piece, all.n, &apart);
        ck_assert_msg(str_eq(buf_text(&whole), buf_text(&apart)), "behind %zu", before);
    }
    buf_done(&in);
    buf_done(&whole);
    buf_done(&apart);
}

static uint32_t seed = 1;

static uint32_t random_next(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 16;
}

/* Dot and undot are each other's oracle: any content of CRLF lines comes back. */
START_TEST(test_dot_and_back)
{
    static const char *const words[] = {".",     "..", "a", "\r\n",    "\r\n",
                                        "\r\n.", "b.", " ", "\r\n\r\n"};
    for (int round = 0; round < 2000; round++) {
        struct buf content, wire, back;
        struct smtp_dot d = {0};
        struct smtp_undot u = {0};
        buf_init(&content, 4096);
        buf_init(&wire, 16384);
        buf_init(&back, 16384);
        for (uint32_t i = random_next() % 20; i > 0; i--)
            buf_z(&content, words[random_next() % 9]);
        if (content.n > 0)
            buf_crlf(&content);
        struct str rest = buf_text(&content);
        while (rest.n > 0) {
            size_t n = 1 + random_next() % 7;
            smtp_dot(&d, str_sub(rest, 0, n), &wire);
            rest = str_sub(rest, n, rest.n);
        }
        smtp_dot_end(&d, &wire);
        struct cur c = buf_cur(&wire);
        ck_assert_int_eq(smtp_undot(&u, &c, &back), 1);
        ck_assert(cur_end(&c));
        ck_assert(str_eq(buf_text(&content), buf_text(&back)));
        buf_done(&content);
        buf_done(&wire);
        buf_done(&back);
    }
}
END_TEST

START_TEST(test_undot_within_much)
{
    size_t n = undots[_i].n != 0 ? undots[_i].n : strlen(undots[_i].in);
    within_much(feed_undot, (struct str){undots[_i].in, n});
}
END_TEST

static void feed_dot(void *arg, const struct str *piece, size_t n, struct buf *out)
{
    struct smtp_dot d = {0};
    (void)arg;
    for (size_t i = 0; i < n; i++)
        smtp_dot(&d, piece[i], out);
    smtp_dot_end(&d, out);
}

static const struct {
    const char *in, *want;
} dots[] = {
    {"", ".\r\n"},
    {"a", "a\r\n.\r\n"},
    {"a\r\n", "a\r\n.\r\n"},
    {"a\r", "a\r\n.\r\n"},
    {".", "..\r\n.\r\n"},
    {".\r\n", "..\r\n.\r\n"},
    {"a\r\n.\r\nb", "a\r\n..\r\nb\r\n.\r\n"},
    {"a\n.\nb", "a\r\n..\r\nb\r\n.\r\n"},
    {"a\r.\rb", "a\r\n..\r\nb\r\n.\r\n"},
    {"a\r\r\n.\r\r\n", "a\r\n\r\n..\r\n\r\n.\r\n"},
    {"a\n\r.b", "a\r\n\r\n..b\r\n.\r\n"},
};

START_TEST(test_dot)
{
    struct str in = str_of(dots[_i].in);
    struct buf out;
    buf_init(&out, 4096);
    feed_dot(NULL, &in, 1, &out);
    ck_assert_str_eq(buf_cstr(&out), dots[_i].want);
    feed_all(feed_dot, NULL, in, 0);
    buf_done(&out);
}
END_TEST

START_TEST(test_dot_within_much)
{
    within_much(feed_dot, str_of(dots[_i].in));
}
END_TEST

/* Whatever the content holds, the wire has one end of data and no bare CR or LF. */
START_TEST(test_dot_of_anything)
{
    static const char bytes[] = "\r\n.a\0";
    for (int round = 0; round < 20000; round++) {
        struct buf in, wire, back;
        struct smtp_undot u = {0};
        buf_init(&in, 64);
        buf_init(&wire, 256);
        buf_init(&back, 256);
        for (uint32_t i = random_next() % 12; i > 0; i--)
            buf_u8(&in, (uint8_t)bytes[random_next() % 4]);
        struct str all = buf_text(&in);
        feed_dot(NULL, &all, 1, &wire);
        struct cur c = buf_cur(&wire);
        ck_assert_int_eq(smtp_undot(&u, &c, &back), 1);
        ck_assert(cur_end(&c));
        ck_assert_uint_le(wire.n, 2 * in.n + 1 + 5);
        buf_done(&in);
        buf_done(&wire);
        buf_done(&back);
    }
}
END_TEST

#define COUNT(t) (int)(sizeof(t) / sizeof(t[0]))

static Suite *test_syntax_suite(void)
{
    Suite *s = suite_create("syntax");
    TCase *t = tcase_create("syntax");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, test_mail, 0, COUNT(mails));
    tcase_add_loop_test(t, test_rcpt, 0, COUNT(rcpts));
    tcase_add_test(t, test_mailbox_again);
    tcase_add_test(t, test_mailbox_bad);
    tcase_add_test(t, test_arena_full);
    tcase_add_test(t, test_domain);
    tcase_add_test(t, test_verb);
    tcase_add_test(t, test_reply_there_and_back);
    tcase_add_test(t, test_reply_lines);
    tcase_add_test(t, test_reply_bounds);
    tcase_add_test(t, test_reply_why);
    tcase_add_loop_test(t, test_undot, 0, COUNT(undots));
    tcase_add_loop_test(t, test_undot_within_much, 0, COUNT(undots));
    tcase_add_loop_test(t, test_dot_within_much, 0, COUNT(dots));
    tcase_add_test(t, test_dot_and_back);
    tcase_add_loop_test(t, test_dot, 0, COUNT(dots));
    tcase_add_test(t, test_dot_of_anything);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_syntax_suite)
