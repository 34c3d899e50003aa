/* tests/unit/smtp/test_milter.c -- conversations with scripted filters in virtual time: what they
 * are told, what each answer does, what becomes of a mail when they fail.
 *
 * A filter's rules are "LETTER=answers" words: to that command it answers with these packets,
 * divided by ';'; '|' is NUL, '_' a blank, '~' a line feed, "\NN" an octet. Without a rule it says
 * "c". "-" no answer, "!" it closes, "#text" raw bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "gateway/smtp/chain.h"
#include "unit/unit.h"

#define FILTERS_MAX 3

struct filter {
    const char *rules;   /* of every connection but */
    const char *rules_2; /* of all but the first, NULL the same */
    uint32_t version, actions, steps;
    const char *chosen; /* macro names it wants at EOM, NULL: the usual */
    enum chain_absent absent;
    struct listener *ln;
    struct milter *milter;
    unsigned conns;
    struct buf log; /* "C host|4..." a packet each line */
};
struct conn {
    struct filter *f;
    struct stream *s;
    const char *rules;
};
static struct world {
    struct loop *loop;
    struct filter filter[FILTERS_MAX];
    struct chain_filter cf[FILTERS_MAX];
    struct chain_set set;
    struct chain *chain;
    struct buf log; /* verdicts */
    struct milter_mail mail;
    bool waiting;
    struct conn *conn[16];
    size_t nconn;
} w;

/* --- the filter's side --- */

static void log_packet(struct buf *log, char letter, struct cur data)
{
    buf_printf(log, "%c ", letter);
    while (cur_left(&data) > 0) {
        uint8_t c = cur_u8(&data);
        if (c == 0)
            buf_u8(log, '|');
        else if (c == '\n')
            buf_u8(log, '~');
        else if (c < ' ' || c >= 0x7F)
            buf_printf(log, "\\%02x", c);
        else
            buf_u8(log, c);
    }
    buf_u8(log, '\n');
}

static void put_answer(struct conn *n, struct str a)
{
    struct buf b;
    buf_init(&b, 1 << 21);
    bool raw = a.n > 0 && a.p[0] == '#';
    if (!raw)
        buf_be32(&b, 0);
    for (size_t i = raw; i < a.n; i++) {
        char c = a.p[i];
        if (c == '\\' && i + 2 < a.n) {
            char hex[3] = {a.p[i + 1], a.p[i + 2], 0};
            buf_u8(&b, (uint8_t)strtoul(hex, NULL, 16));
            i += 2;
        } else {
            buf_u8(&b, c == '|' ? 0 : c == '_' ? ' ' : c == '~' ? '\n' : (uint8_t)c);
        }
    }
    for (int i = 0; i < 4 && !raw; i++)
        b.p[i] = (uint8_t)((b.n - 4) >> (24 - 8 * i));
    stream_puts(n->s, buf_text(&b));
    buf_done(&b);
}

static struct str rule_for(const struct conn *n, char letter)
{
    struct str rest = str_of(n->rules);
    for (struct str word = str_word(&rest); word.n > 0; word = str_word(&rest))
        if (word.n > 1 && word.p[0] == letter && word.p[1] == '=')
            return str_sub(word, 2, word.n);
    return STR("c");
}

static void agree(struct conn *n)
{
    struct buf b;
    buf_init(&b, 1000);
    buf_be32(&b, 0);
    buf_u8(&b, 'O');
    buf_be32(&b, n->f->version);
    buf_be32(&b, n->f->actions);
    buf_be32(&b, n->f->steps);
    if (n->f->chosen != NULL) {
        buf_be32(&b, MILTER_AT_EOM);
        buf_add(&b, n->f->chosen, strlen(n->f->chosen) + 1);
    }
    b.p[3] = (uint8_t)(b.n - 4);
    stream_puts(n->s, buf_text(&b));
    buf_done(&b);
}

static bool unanswered(const struct filter *f, char letter)
{
    static const struct {
        char letter;
        uint32_t bit;
    } nr[] = {{'L', MILTER_NR_HEADER}, {'C', MILTER_NR_CONNECT}, {'H', MILTER_NR_HELO},
              {'M', MILTER_NR_MAIL},   {'R', MILTER_NR_RCPT},    {'T', MILTER_NR_DATA},
              {'N', MILTER_NR_EOH},    {'B', MILTER_NR_BODY},    {'U', MILTER_NR_UNKNOWN}};
    for (size_t i = 0; i < sizeof nr / sizeof nr[0]; i++)
        if (nr[i].letter == letter)
            return (f->steps & nr[i].bit) != 0;
    return letter == 'D' || letter == 'A' || letter == 'Q' || letter == 'K';
}

static void answer(struct conn *n, char letter)
{
    struct str rule = rule_for(n, letter), one;
    if (letter == 'O' && str_is(rule, "c")) {
        agree(n);
        return;
    }
    while (str_split(&rule, ';', &one))
        if (str_is(one, "!")) {
            stream_finish(&n->s);
            return;
        } else if (!str_is(one, "-")) {
            put_answer(n, one);
        }
}

static void on_filter(struct stream *s, enum stream_event ev, void *arg)
{
    struct conn *n = arg;
    if (ev == STREAM_EOF || ev == STREAM_FAIL) {
        stream_free(&n->s);
        return;
    }
    while (n->s != NULL && ev == STREAM_DATA) {
        struct cur in = stream_in(s), data;
        size_t had = cur_left(&in);
        char letter;
        struct why why;
        if (milter_packet(&in, &letter, &data, &why) != 1)
            return;
        log_packet(&n->f->log, letter, data);
        stream_take(s, had - cur_left(&in));
        if (!unanswered(n->f, letter))
            answer(n, letter);
    }
}

static void on_connection(void *arg, int fd, const union endpoint *peer)
{
    struct filter *f = arg;
    struct conn *n = calloc(1, sizeof *n);
    (void)peer;
    ck_assert_uint_lt(w.nconn, 16);
    w.conn[w.nconn++] = n;
    n->f = f;
    n->rules = f->conns++ > 0 && f->rules_2 != NULL ? f->rules_2 : f->rules;
    n->s = stream_new(w.loop, fd, on_filter, n);
    stream_limit(n->s, 1 << 21);
}

/* --- our side --- */

static void verdict(const struct why *why)
{
    if (why != NULL)
        buf_printf(&w.log, "%d %s %s", why_smtp(why), why_enh(why), why->text);
    else
        buf_z(&w.log, chain_discards(w.chain) ? "discard" : "ok");
    buf_u8(&w.log, '\n');
}

static void on_verdict(void *arg, const struct why *why)
{
    (void)arg;
    ck_assert(w.waiting);
    w.waiting = false;
    verdict(why);
}

static void on_failed(void *arg, struct str name, const struct why *why)
{
    (void)arg;
    buf_printf(&w.log, "(%.*s: %s) ", STR_ARG(name), why->text);
}

static void setup(void)
{
    clock_fake(true);
    w = (struct world){.loop = loop_new()};
    buf_init(&w.log, 1 << 20);
    for (size_t i = 0; i < FILTERS_MAX; i++) {
        w.filter[i] = (struct filter){
            .rules = "", .version = 6, .actions = MILTER_MAY_ALL, .absent = CHAIN_DEFER};
        buf_init(&w.filter[i].log, 1 << 24);
    }
}

static void teardown(void)
{
    chain_free(&w.chain);
    for (size_t i = 0; i < FILTERS_MAX; i++) {
        milter_free(&w.filter[i].milter);
        listener_free(&w.filter[i].ln);
        buf_done(&w.filter[i].log);
    }
    for (size_t i = 0; i < w.nconn; i++) {
        if (w.conn[i]->s != NULL)
            stream_free(&w.conn[i]->s);
        free(w.conn[i]);
    }
    if (w.mail.arena != NULL)
        milter_mail_done(&w.mail);
    buf_done(&w.log);
    loop_free(&w.loop);
    clock_fake(false);
}

/* Sockets of one process: what was sent is there at once, but the kernel may take its turn. */
static void settle(void)
{
    for (int quiet = 0; quiet < 3;)
        quiet = loop_turn(w.loop, false) ? 0 : quiet + 1;
}

static void ask(enum milter_place place, const char *name)
{
    buf_printf(&w.log, "%s: ", name);
    w.waiting =
        place == MILTER_AT_EOM ? chain_content(w.chain, &w.mail) : chain_ask(w.chain, place);
    if (!w.waiting)
        verdict(NULL);
    settle();
}

static void know(void)
{
    struct milter_facts *f = chain_facts(w.chain);
    struct why why;
    ck_assert_int_eq(endpoint_parse(&f->peer, STR("192.0.2.7:4242"), 0, &why), 0);
    f->client_name = STR("mx.a.example");
    f->helo = STR("helo.a.example");
    f->sender = STR("joe@a.example");
    f->sender_params = STR("SIZE=10 BODY=8BITMIME");
    f->rcpt = STR("ann@b.example");
    f->command = STR("WIZ now");
    milter_macro_set(f, "j", STR("gw.example"));
    milter_macro_set(f, "i", STR("00000007"));
    milter_macro_set(f, "{mail_addr}", STR("joe@a.example"));
    milter_macro_set(f, "{auth_authen}", STR(""));
    milter_macro_set(f, "{rcpt_addr}", STR("ann@b.example"));
}

#define OWN "Received: from here\r\n\tby us\r\n"
#define MAIL                                                                                       \
    "Received: from there\r\nSubject: one\r\n two\r\nX-A:first\r\nX-A:  second\r\n\r\nBody\r\n"

static void new_mail(const char *text)
{
    struct why why;
    if (w.mail.arena != NULL)
        milter_mail_done(&w.mail);
    ck_assert_int_eq(milter_mail_init(&w.mail, STR(OWN), str_of(text), 1 << 20, &why), 0);
    w.mail.sender = STR("joe@a.example");
    milter_mail_rcpt(&w.mail, STR("ann@b.example"));
    milter_mail_rcpt(&w.mail, STR("bob@b.example"));
}

/* The first n filters, and a session with a mail for them. */
static void start(size_t n)
{
    static const char *const names[] = {"one", "two", "three"};
    for (size_t i = 0; i < n; i++) {
        struct filter *f = &w.filter[i];
        struct milter_set set = {.loop = w.loop};
        struct why why;
        ck_assert_int_eq(endpoint_parse(&set.at, STR("127.0.0.1:0"), 0, &why), 0);
        if (f->rules != NULL) {
            ck_assert_int_eq(listener_new(&f->ln, w.loop, &set.at, on_connection, f, &why), 0);
            endpoint_set_port(&set.at, listener_port(f->ln));
        } else {
            set.path = STR("/nonexistent/milter"); /* nobody listens */
        }
        f->milter = milter_new(&set);
        w.cf[i] = (struct chain_filter){
            .milter = f->milter, .absent = f->absent, .name = str_of(names[i])};
    }
    w.set = (struct chain_set){.filter = w.cf, .n = n, .failed = on_failed};
    w.chain = chain_new(&w.set, on_verdict, NULL);
    know();
    new_mail(MAIL);
}

static void envelope(void)
{
    ask(MILTER_AT_MAIL, "mail");
    ask(MILTER_AT_RCPT, "rcpt");
    ask(MILTER_AT_DATA, "data");
}

static void session(const char *text)
{
    new_mail(text);
    ask(MILTER_AT_CONNECT, "connect");
    ask(MILTER_AT_HELO, "helo");
    envelope();
    ask(MILTER_AT_EOM, "content");
}

static void wants(struct buf *log, const char *what)
{
    ck_assert_str_eq(buf_cstr(log), what);
    buf_reset(log);
}

static int put(void *to, const void *p, size_t n, struct why *why)
{
    (void)why;
    buf_add(to, p, n);
    return 0;
}

static void mail_is(const char *want)
{
    struct buf b;
    struct why why;
    buf_init(&b, 1 << 21);
    ck_assert_int_eq(milter_mail_put(&w.mail, put, &b, &why), 0);
    ck_assert_str_eq(buf_cstr(&b), want);
    ck_assert_uint_eq(milter_mail_size(&w.mail), b.n);
    buf_done(&b);
}

#define ALL_OK "connect: ok\nhelo: ok\nmail: ok\nrcpt: ok\ndata: ok\n"

/* --- what a filter is told --- */

START_TEST(test_told)
{
    start(1);
    session(MAIL);
    wants(&w.log, ALL_OK "content: ok\n");
    wants(&w.filter[0].log,
          "O |||\\06||\\01\\ff|\\1f\\ff\\ff\n"
          "D Cj|gw.example|\nC mx.a.example|4\\10\\92192.0.2.7|\n"
          "H helo.a.example|\n"
          "D Mi|00000007|{mail_addr}|joe@a.example|\nM <joe@a.example>|SIZE=10|BODY=8BITMIME|\n"
          "D Ri|00000007|{rcpt_addr}|ann@b.example|\nR <ann@b.example>|\n"
          "D Ti|00000007|\nT \n"
          "L Received|from there|\nL Subject|one~ two|\nL X-A|first|\nL X-A|second|\n"
          "D Ni|00000007|\nN \nB Body\\0d~\nD Ei|00000007|\nE \n");
    mail_is(OWN MAIL);
    ck_assert_uint_eq(w.mail.changes, 0);
    chain_free(&w.chain);
    settle();
    wants(&w.filter[0].log, "Q \n");
    ck_assert_uint_eq(milter_stat(w.filter[0].milter)->mails, 1);
}
END_TEST

/* Nothing of what it does not want, no wait for what it does not answer, blanks as they are. */
START_TEST(test_terms)
{
    w.filter[0].steps = MILTER_NO_CONNECT | MILTER_NO_HELO | MILTER_NR_MAIL | MILTER_NO_RCPT |
                        MILTER_NO_DATA | MILTER_NR_HEADER | MILTER_NO_EOH | MILTER_NR_BODY |
                        MILTER_LEADING_SPACE;
    w.filter[0].chosen = "j mail_addr";
    w.filter[0].rules = "E=hX-B|v|;hX-C|_w|;c";
    start(1);
    session(MAIL);
    wants(&w.log, ALL_OK "content: ok\n");
    wants(&w.filter[0].log,
          "O |||\\06||\\01\\ff|\\1f\\ff\\ff\n"
          "D Mi|00000007|{mail_addr}|joe@a.example|\nM <joe@a.example>|SIZE=10|BODY=8BITMIME|\n"
          "L Received| from there|\nL Subject| one~ two|\nL X-A|first|\nL X-A|  second|\n"
          "B Body\\0d~\nD Ej|gw.example|mail_addr|joe@a.example|\nE \n");
    mail_is(OWN "Received: from there\r\nSubject: one\r\n two\r\nX-A:first\r\nX-A:  second\r\n"
                "X-B:v\r\nX-C: w\r\n\r\nBody\r\n");
}
END_TEST

/* A filter of old: no DATA. */
START_TEST(test_version_2)
{
    w.filter[0].version = 2;
    w.filter[0].actions = 0x1F;
    start(1);
    session("Subject: x\r\n\r\n");
    wants(&w.log, ALL_OK "content: ok\n");
    ck_assert_ptr_null(strstr(buf_cstr(&w.filter[0].log), "\nT"));
    ask(MILTER_AT_UNKNOWN, "unknown");
    wants(&w.log, "unknown: ok\n");
    ck_assert_ptr_null(strstr(buf_cstr(&w.filter[0].log), "\nU"));
    chain_free(&w.chain);
    settle();
    ck_assert_ptr_nonnull(strstr(buf_cstr(&w.filter[0].log), "\nQ"));
}
END_TEST

/* Recipients refused already are told to those who agreed to that, wherever they stand in the
 * chain; their yes or no changes nothing, but 421 ends the session. */
START_TEST(test_refused_recipients)
{
    w.filter[1].steps = w.filter[2].steps = MILTER_WANTS_REFUSED;
    w.filter[2].rules = "R=y550_5.7.1_Spam_trap|";
    w.filter[0].chosen = NULL;
    start(3);
    ask(MILTER_AT_CONNECT, "connect");
    ask(MILTER_AT_MAIL, "mail");
    for (size_t i = 0; i < 3; i++)
        buf_reset(&w.filter[i].log);
    milter_macro_set(chain_facts(w.chain), "{rcpt_mailer}", STR("error"));
    ask(MILTER_AT_REFUSED, "refused");
    wants(&w.log, "connect: ok\nmail: ok\nrefused: ok\n");
    wants(&w.filter[0].log, "");
    wants(&w.filter[1].log,
          "D Ri|00000007|{rcpt_addr}|ann@b.example|{rcpt_mailer}|error|\nR <ann@b.example>|\n");
    ck_assert_ptr_nonnull(strstr(buf_cstr(&w.filter[2].log), "R <ann@b.example>|\n"));
    ask(MILTER_AT_RCPT, "rcpt");
    wants(&w.log, "rcpt: 550 5.7.1 Spam trap\n");
    w.conn[2]->rules = "R=f";
    ask(MILTER_AT_REFUSED, "refused");
    wants(&w.log, "refused: 421 4.7.1 A filter ends this connection, try again later\n");
}
END_TEST

/* One that fails over a recipient who is refused anyway is missed at the next question. */
START_TEST(test_failing_over_the_refused)
{
    w.filter[0].steps = MILTER_WANTS_REFUSED;
    w.filter[0].rules = "R=!";
    start(1);
    ask(MILTER_AT_MAIL, "mail");
    ask(MILTER_AT_REFUSED, "refused");
    wants(&w.log, "mail: ok\nrefused: (one: it has closed the connection) ok\n");
    ask(MILTER_AT_RCPT, "rcpt");
    wants(&w.log, "rcpt: (one: it has closed the connection) 451 4.7.1 The mail filter here is not "
                  "available, try again later\n");
}
END_TEST

/* An unknown command is told as it came, and a no of a filter is said instead of ours. */
START_TEST(test_unknown_command)
{
    w.filter[0].steps = MILTER_NO_UNKNOWN;
    w.filter[1].steps = MILTER_NR_UNKNOWN;
    w.filter[2].rules = "U=y554_5.7.0_No_wizards|";
    start(3);
    ask(MILTER_AT_UNKNOWN, "unknown");
    wants(&w.log, "unknown: 554 5.7.0 No wizards\n");
    ck_assert_ptr_null(strstr(buf_cstr(&w.filter[0].log), "U "));
    for (size_t i = 1; i < 3; i++)
        ck_assert_ptr_nonnull(
            strstr(buf_cstr(&w.filter[i].log), "H helo.a.example|\nU WIZ now|\n"));
    w.conn[2]->rules = "U=t";
    ask(MILTER_AT_UNKNOWN, "unknown");
    wants(&w.log, "unknown: 451 4.7.1 A filter asks to try again later\n");
    w.conn[2]->rules = "U=!";
    ask(MILTER_AT_UNKNOWN, "unknown");
    wants(&w.log, "unknown: (three: it has closed the connection) ok\n");
}
END_TEST

/* --- what it may change --- */

START_TEST(test_header_changes)
{
    w.filter[0].rules = "E=hX-New|a~b~_c|;i\\00\\00\\00\\00Top|0|;i\\00\\00\\00\\02Below|1|;"
                        "i\\00\\00\\03\\00Far|9|;m\\00\\00\\00\\02x-a||;m\\00\\00\\00\\01Received|"
                        "mine|;m\\00\\00\\00\\05Y|added|;m\\00\\00\\00\\05Z||;c";
    start(1);
    session(MAIL);
    wants(&w.log, ALL_OK "content: ok\n");
    mail_is("Top: 0\r\n" OWN "Below: 1\r\nReceived: mine\r\nSubject: one\r\n two\r\nX-A:first\r\n"
            "X-New: a\r\n\tb\r\n c\r\nFar: 9\r\nY: added\r\n\r\nBody\r\n");
}
END_TEST

/* No value ends its field, no name is more than one. */
START_TEST(test_header_forgery)
{
    w.filter[0].rules = "E=hX-A|v\\0d\\0aBcc:_x\\0d\\0a\\0d\\0aBody|;hBad_Name|v|;hBad:Name|v|;"
                        "h\\e9|v|;c";
    start(1);
    session("Subject: x\r\n\r\nt\r\n");
    mail_is(OWN "Subject: x\r\nX-A: v\r\n\tBcc: x\r\n\tBody\r\n\r\nt\r\n");
}
END_TEST

START_TEST(test_body_and_envelope)
{
    w.filter[0].rules = "E=bNew~bo;bdy\\0d\\0aend;+<new@c.example>|;-<ANN@b.example>|;"
                        "2<odd@c.example>|NOTIFY=NEVER|;e<vip@a.example>|SIZE=1|;qlooks_odd|;c";
    start(1);
    session(MAIL);
    wants(&w.log, ALL_OK "content: ok\n");
    mail_is(OWN "Received: from there\r\nSubject: one\r\n two\r\nX-A:first\r\nX-A:  second\r\n\r\n"
                "New\r\nbody\r\nend\r\n");
    ck_assert(str_is(w.mail.sender, "vip@a.example"));
    ck_assert_uint_eq(w.mail.nrcpt, 4);
    ck_assert(w.mail.rcpt[0].gone && !w.mail.rcpt[1].gone);
    ck_assert(str_is(w.mail.rcpt[2].addr, "new@c.example") && w.mail.rcpt[2].added);
    ck_assert(str_is(w.mail.rcpt[3].args, "NOTIFY=NEVER"));
    ck_assert(w.mail.held && str_is(w.mail.hold, "looks odd"));
}
END_TEST

/* The next filter sees what the first has made; a refusal leaves nothing of what went before. */
START_TEST(test_chain_order)
{
    w.filter[0].rules = "E=hX-One|1|;c";
    w.filter[1].rules = "E=hX-Two|2|;r";
    start(2);
    session("Subject: x\r\n\r\nt\r\n");
    wants(&w.log, ALL_OK "content: 550 5.7.1 Refused by a filter\n");
    ck_assert_ptr_nonnull(strstr(buf_cstr(&w.filter[1].log), "L X-One|1|\n"));
    mail_is(OWN "Subject: x\r\nX-One: 1\r\n\r\nt\r\n");
    /* and a mail follows in the same session */
    w.conn[1]->rules = "";
    buf_reset(&w.filter[0].log);
    buf_reset(&w.filter[1].log);
    new_mail("Subject: y\r\n\r\nt\r\n");
    envelope();
    ask(MILTER_AT_EOM, "content");
    wants(&w.log, "mail: ok\nrcpt: ok\ndata: ok\ncontent: ok\n");
    ck_assert_ptr_null(strstr(buf_cstr(&w.filter[0].log), "A \n")); /* the verdict ended the mail */
}
END_TEST

/* --- verdicts --- */

struct verdict_case {
    const char *rules, *log;
};
static const struct verdict_case verdicts[] = {
    {"C=r", "connect: 550 5.7.1 Refused by a filter\n"},
    {"C=t", "connect: 451 4.7.1 A filter asks to try again later\n"},
    {"C=f", "connect: 421 4.7.1 A filter ends this connection, try again later\n"},
    {"H=y554_5.7.0_Not_with_that_name|", "helo: 554 5.7.0 Not with that name\n"},
    {"M=y450_4.2.0_Grey|", "mail: 450 4.2.0 Grey\n"},
    {"M=y550-5.1.8_Two\\0d\\0a550_5.1.8_lines|", "mail: 550 5.1.8 Two lines\n"},
    {"M=y550_4.1.8_Odd_class|", "mail: 550 5.7.1 Odd class\n"},
    {"M=y550|", "mail: 550 5.7.1 Refused\n"},
    {"R=r", "rcpt: 550 5.7.1 Recipient refused by a filter\n"},
    {"T=t", "data: 451 4.7.1 A filter asks to try again later\n"},
    {"L=r", "content: 550 5.7.1 Refused by a filter\n"},
    {"N=t", "content: 451 4.7.1 A filter asks to try again later\n"},
    {"B=y552_5.7.0_Virus|", "content: 552 5.7.0 Virus\n"},
    {"B=s", "content: ok\n"},
    {"E=d", "content: discard\n"},
    {"M=d", "mail: discard\n"},
    {"E=p;p;a", "content: ok\n"},
    {"M=a R=r E=r", "content: ok\n"},
    {"C=a M=r", "content: ok\n"},
    {"L=a E=r", "content: ok\n"},
    {"M=p;c", "content: ok\n"},
};
START_TEST(test_verdicts)
{
    const struct verdict_case *v = &verdicts[_i];
    w.filter[0].rules = v->rules;
    start(1);
    session(MAIL);
    ck_assert_msg(strstr(buf_cstr(&w.log), v->log) != NULL, "%s:\n%s", v->rules, buf_cstr(&w.log));
    /* After any of them another mail may come; what it was told of is over. */
    w.conn[0]->rules = "";
    buf_reset(&w.log);
    envelope();
    ask(MILTER_AT_EOM, "content");
    wants(&w.log, "mail: ok\nrcpt: ok\ndata: ok\ncontent: ok\n");
    mail_is(OWN MAIL);
}
END_TEST

/* --- filters that fail --- */

static const struct verdict_case failures[] = {
    {"O=!", "(one: it has closed the connection) "},
    {"O=c", ""}, /* in order: the scripted filter agrees */
    {"O=Oxx", "(one: malformed options) "},
    {"O=x", "(one: it does not agree on options: no milter?) "},
    {"C=!", "(one: it has closed the connection) "},
    {"M=!", "(one: it has closed the connection) "},
    {"M=4", "(one: it is shutting down) "},
    {"M=Z", "(one: unknown reply 0x5a) "},
    {"M=y55", "(one: malformed reply \"y\") "},
    {"M=y250_OK|", "(one: a reply code that is neither 4xx nor 5xx) "},
    {"M=hX|y|", "(one: it changes a mail before its end) "},
    {"M=#\\00\\00\\00\\00", "(one: a packet of 0 bytes) "},
    {"M=#\\7f\\ff\\ff\\ff", "(one: a packet of 2147483647 bytes) "},
    {"M=#HTTP/1.1_400", "(one: a packet of 1213486160 bytes) "},
    {"M=s", "(one: it skips what is no body) "},
    {"R=!", "(one: it has closed the connection) "},
    {"T=!", "(one: it has closed the connection) "},
    {"B=!", "(one: it has closed the connection) "},
    {"E=hX-Half|done|;!", "(one: it has closed the connection) "},
    {"E=h|x|;c", "(one: malformed reply \"h\") "},
    {"E=hno-nul", "(one: malformed reply \"h\") "},
    {"E=m\\00|", "(one: malformed reply \"m\") "},
    {"M=-", "(one: no answer in time) "},
    {"C=-", "(one: no answer in time) "},
    {"E=-", "(one: no answer in time) "},
    {"O=-", "(one: no connection in time) "},
    {"E=p;-", "(one: no answer in time) "},
};

static void pass_time(int64_t ms)
{
    for (int64_t gone = 0; w.waiting && gone < ms; gone += 10000) {
        clock_step(10000);
        settle();
    }
}

static void slow_ask(enum milter_place place, const char *name)
{
    ask(place, name);
    pass_time(2000000);
    ck_assert(!w.waiting);
}

static void slow_session(void)
{
    slow_ask(MILTER_AT_CONNECT, "connect");
    slow_ask(MILTER_AT_HELO, "helo");
    clock_step(10000); /* one that did not connect in time is left alone so long */
    slow_ask(MILTER_AT_MAIL, "mail");
    slow_ask(MILTER_AT_RCPT, "rcpt");
    slow_ask(MILTER_AT_DATA, "data");
    slow_ask(MILTER_AT_EOM, "content");
}

/* Its way of failing is told once; then what is configured holds, and the next mail finds it well
 * again, learning of the connection anew. */
static void play_failure(const struct verdict_case *v, enum chain_absent absent)
{
    w.filter[0].absent = absent;
    w.filter[0].rules = v->rules;
    w.filter[0].rules_2 = "";
    start(1);
    slow_session();
    const char *log = buf_cstr(&w.log);
    bool fails = v->log[0] != '\0';
    ck_assert_msg(!fails || strstr(log, v->log) != NULL, "%s:\n%s", v->rules, log);
    if (absent == CHAIN_ACCEPT)
        ck_assert_ptr_nonnull(strstr(log, "content: "));
    ck_assert_int_eq(strstr(log, "ok\n") != NULL, true);
    ck_assert_int_eq(strstr(log, "not available, try again later") != NULL,
                     fails && absent == CHAIN_DEFER);
    ck_assert_int_eq(strstr(log, "554 5.7.1 The mail filter") != NULL,
                     fails && absent == CHAIN_REFUSE);
    mail_is(OWN MAIL);
    buf_reset(&w.log);
    buf_reset(&w.filter[0].log);
    envelope();
    ask(MILTER_AT_EOM, "content");
    wants(&w.log, "mail: ok\nrcpt: ok\ndata: ok\ncontent: ok\n");
    ck_assert_uint_eq(w.filter[0].conns, fails ? 2 : 1);
}

START_TEST(test_failures_defer)
{
    play_failure(&failures[_i], CHAIN_DEFER);
}
END_TEST
START_TEST(test_failures_accept)
{
    play_failure(&failures[_i], CHAIN_ACCEPT);
}
END_TEST
START_TEST(test_failures_refuse)
{
    play_failure(&failures[_i], CHAIN_REFUSE);
}
END_TEST

/* Nobody listens at the path. */
START_TEST(test_absent)
{
    w.filter[0].rules = NULL;
    w.filter[0].absent = CHAIN_ACCEPT;
    start(2);
    session(MAIL);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&w.log), "(one: /nonexistent/milter: "));
    ck_assert_ptr_nonnull(strstr(buf_cstr(&w.log), "content: ok\n"));
    ck_assert_ptr_nonnull(strstr(buf_cstr(&w.filter[1].log), "E \n"));
    ck_assert(milter_stat(w.filter[0].milter)->broken);
    ck_assert(!milter_stat(w.filter[1].milter)->broken);
}
END_TEST

static struct milter_facts other_facts;
static struct why other_why;

static void on_other(void *arg, enum milter_verdict v, const struct why *why)
{
    ck_assert_int_eq(v, MILTER_BROKEN);
    other_why = *why;
    *(bool *)arg = true;
}

/* A filter that does not connect in time costs one mail that time, not every mail; one at a time
 * finds out whether it is back. */
START_TEST(test_left_alone)
{
    w.filter[0].rules = w.filter[0].rules_2 = "O=-";
    w.filter[0].absent = CHAIN_ACCEPT;
    start(1);
    slow_ask(MILTER_AT_MAIL, "mail");
    wants(&w.log, "mail: (one: no connection in time) ok\n");
    for (int i = 0; i < 3; i++) {
        ask(MILTER_AT_MAIL, "mail");
        wants(&w.log, "mail: (one: it did not connect in time lately) ok\n");
    }
    ck_assert_uint_eq(w.filter[0].conns, 1);
    clock_step(10000);
    ask(MILTER_AT_MAIL, "mail");
    ck_assert(w.waiting); /* this one tries, others do not wait with it */
    ck_assert_uint_eq(w.filter[0].conns, 2);
    bool told = false;
    struct milter_talk *other = milter_talk_new(w.filter[0].milter, &other_facts, on_other, &told);
    ck_assert(milter_ask(other, MILTER_AT_MAIL));
    settle();
    ck_assert(told);
    ck_assert_str_eq(other_why.text, "it did not connect in time lately");
    milter_talk_free(&other);
    ck_assert_uint_eq(w.filter[0].conns, 2);
    pass_time(2000000);
    buf_reset(&w.log);
    clock_step(19999); /* twice as long now */
    ask(MILTER_AT_MAIL, "mail");
    wants(&w.log, "mail: (one: it did not connect in time lately) ok\n");
    clock_step(1);
    w.filter[0].rules_2 = "";
    ask(MILTER_AT_MAIL, "mail");
    wants(&w.log, "mail: ok\n");
    ck_assert_uint_eq(w.filter[0].conns, 3);
    ck_assert(!milter_stat(w.filter[0].milter)->broken);
}
END_TEST

/* Progress prolongs a wait, but not for ever. */
START_TEST(test_progress)
{
    w.filter[0].rules = "E=-";
    start(1);
    session(MAIL);
    int said = 0;
    for (; w.waiting && said < 100; said++) {
        clock_step(200000); /* of the 300 s a verdict may take */
        settle();
        if (w.waiting && w.conn[0]->s != NULL)
            put_answer(w.conn[0], STR("p"));
        settle();
    }
    ck_assert_int_ge(said, 5);
    ck_assert_int_le(said, 8);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&w.log), "(one: no answer in time)"));
}
END_TEST

/* It may only do what it asked to be allowed. */
START_TEST(test_not_allowed)
{
    w.filter[0].actions = MILTER_MAY_ADD_HEADER;
    w.filter[0].rules = "E=+x@y|;c";
    start(1);
    session(MAIL);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&w.log), "a change it did not ask to be allowed"));
}
END_TEST

/* More than it may ask for: refused, not swallowed. */
START_TEST(test_too_much)
{
    struct buf rules;
    buf_init(&rules, 1 << 22);
    buf_z(&rules, "E=");
    for (int i = 0; i < 10001; i++)
        buf_z(&rules, "hX|y|;");
    buf_z(&rules, "c");
    w.filter[0].rules = buf_cstr(&rules);
    start(1);
    session(MAIL);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&w.log), "more than 10000 changes"));
    mail_is(OWN MAIL);
    buf_done(&rules);
}
END_TEST

/* A large mail goes in pieces, without being queued whole, and comes back large. */
START_TEST(test_large)
{
    struct buf text;
    buf_init(&text, 1 << 21);
    buf_z(&text, "Subject: big\r\n\r\n");
    while (text.n < 1000000)
        buf_z(&text, "0123456789012345678901234567890123456789012345678901234567890123456789\r\n");
    w.filter[0].steps = MILTER_NR_BODY;
    start(2);
    session(buf_cstr(&text));
    wants(&w.log, ALL_OK "content: ok\n");
    for (size_t i = 0; i < 2; i++) {
        size_t pieces = 0;
        for (const char *p = buf_cstr(&w.filter[i].log); (p = strstr(p, "\nB ")) != NULL; p++)
            pieces++;
        ck_assert_uint_eq(pieces, (text.n - 16 + 65534) / 65535);
    }
    buf_done(&text);
}
END_TEST

/* Ended anywhere, nothing stays behind. */
START_TEST(test_free_anywhere)
{
    for (int turns = 0; turns < 60; turns++) {
        teardown();
        setup();
        start(2);
        for (enum milter_place p = MILTER_AT_CONNECT; p <= MILTER_AT_EOM && !w.waiting; p++) {
            w.waiting =
                p == MILTER_AT_EOM ? chain_content(w.chain, &w.mail) : chain_ask(w.chain, p);
            for (int i = 0; i < turns && w.waiting; i++)
                loop_turn(w.loop, false);
        }
        chain_free(&w.chain);
        settle();
        ck_assert_uint_eq(milter_stat(w.filter[0].milter)->open, 0);
    }
}
END_TEST

START_TEST(test_strip)
{
    struct why why;
    struct milter_mail m;
    ck_assert_int_eq(milter_mail_init(&m, STR(""), STR("No header here\r\nat all"), 100, &why), 0);
    ck_assert_uint_eq(m.nfield, 0);
    ck_assert(str_is(m.body, "No header here\r\nat all"));
    milter_mail_done(&m);
    ck_assert_int_eq(milter_mail_init(&m, STR(""), STR("A : b"), 100, &why), 0);
    ck_assert_uint_eq(m.nfield, 1);
    ck_assert(str_is(m.field[0].name, "A") && str_is(m.field[0].value, " b"));
    milter_mail_done(&m);
}
END_TEST

static Suite *test_milter_suite(void)
{
    Suite *s = suite_create("milter");
    TCase *t = tcase_create("milter");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, test_told);
    tcase_add_test(t, test_terms);
    tcase_add_test(t, test_version_2);
    tcase_add_test(t, test_refused_recipients);
    tcase_add_test(t, test_failing_over_the_refused);
    tcase_add_test(t, test_unknown_command);
    tcase_add_test(t, test_header_changes);
    tcase_add_test(t, test_header_forgery);
    tcase_add_test(t, test_body_and_envelope);
    tcase_add_test(t, test_chain_order);
    tcase_add_loop_test(t, test_verdicts, 0, sizeof verdicts / sizeof verdicts[0]);
    tcase_add_loop_test(t, test_failures_defer, 0, sizeof failures / sizeof failures[0]);
    tcase_add_loop_test(t, test_failures_accept, 0, sizeof failures / sizeof failures[0]);
    tcase_add_loop_test(t, test_failures_refuse, 0, sizeof failures / sizeof failures[0]);
    tcase_add_test(t, test_absent);
    tcase_add_test(t, test_left_alone);
    tcase_add_test(t, test_progress);
    tcase_add_test(t, test_not_allowed);
    tcase_add_test(t, test_too_much);
    tcase_add_test(t, test_large);
    tcase_add_test(t, test_free_anywhere);
    tcase_add_test(t, test_strip);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_milter_suite)
