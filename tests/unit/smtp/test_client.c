/* tests/unit/smtp/test_client.c -- dialogues of the client with scripted servers: every mix of
 * verdicts, the walk along the targets, connections used again; and each dialogue broken off at
 * each line in each manner. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "unit/smtp/script.h"
#include "unit/unit.h"

/* --- dialogues --- */

/* Jobs by letter: 1 one recipient, 3 three, each content "text". */
struct dialogue {
    const char *name, *jobs, *script, *log;
};

static const struct dialogue dialogues[] = {
    {"pipelined", "1", PIPE ONE_OK BYE, "a0:ok adone closed:peace"},
    {"two messages", "11", PIPE ONE_OK ONE_OK BYE, "a0:ok adone b0:ok bdone closed:peace"},
    {"many recipients", "3",
     PIPE THREE_ENVELOPE
     "> 250 ok\n> 250 ok\n> 251 ok\n> 250 ok\n> 354 go\n<. text\n> 250 ok\n" BYE,
     "a0:ok a1:ok a2:ok adone closed:peace"},
    {"some refused", "3",
     PIPE THREE_ENVELOPE
     "> 250 ok\n> 550 5.1.1 who?\n> 250 ok\n> 450 4.2.1 later\n> 354 go\n<. text\n"
     "> 250 ok\n" BYE,
     "a0:p550/5.1.1 a2:t450/4.2.1 a1:ok adone closed:peace"},
    {"all refused, 354 all the same", "31",
     PIPE THREE_ENVELOPE
     "> 250 ok\n> 550 no\n> 550 no\n> 451 no\n> 354 go\n< .\n> 554 no one\n" ONE_OK BYE,
     "a0:p550/5.0.0 a1:p550/5.0.0 a2:t451/4.3.0 adone b0:ok bdone closed:peace"},
    {"all refused, DATA too", "31",
     PIPE THREE_ENVELOPE "> 250 ok\n> 550 no\n> 550 no\n> 451 no\n> 503 no\n< RSET\n" ONE_ENVELOPE
                         "> 250 reset\n> 250 ok\n> 250 ok\n> 354 go\n<. text\n> 250 ok\n" BYE,
     "a0:p550/5.0.0 a1:p550/5.0.0 a2:t451/4.3.0 adone b0:ok bdone closed:peace"},
    {"MAIL refused", "31",
     PIPE THREE_ENVELOPE "> 550 5.7.1 not you\n> 503 no\n> 503 no\n> 503 no\n> 503 no\n" ONE_OK BYE,
     "a0:p550/5.7.1 a1:p550/5.7.1 a2:p550/5.7.1 adone b0:ok bdone closed:peace"},
    {"MAIL refused, the rest accepted", "31",
     PIPE THREE_ENVELOPE
     "> 450 4.7.1 wait\n> 250 ok\n> 250 ok\n> 250 ok\n> 354 go\n< .\n> 250 what\n" ONE_OK BYE,
     "a0:t450/4.7.1 a1:t450/4.7.1 a2:t450/4.7.1 adone b0:ok bdone closed:peace"},
    {"DATA refused", "31",
     PIPE THREE_ENVELOPE
     "> 250 ok\n> 250 ok\n> 550 no\n> 250 ok\n> 451 4.3.0 disk\n< RSET\n" ONE_ENVELOPE
     "> 250 reset\n> 250 ok\n> 250 ok\n> 354 go\n<. text\n> 250 ok\n" BYE,
     "a1:p550/5.0.0 a0:t451/4.3.0 a2:t451/4.3.0 adone b0:ok bdone closed:peace"},
    {"content refused", "11",
     PIPE ONE_ENVELOPE "> 250 ok\n> 250 ok\n> 354 go\n<. text\n> 554 5.6.0 no\n" ONE_OK BYE,
     "a0:p554/5.6.0 adone b0:ok bdone closed:peace"},
    {"content put off, of several", "3",
     PIPE THREE_ENVELOPE
     "> 250 ok\n> 250 ok\n> 550 5.1.1 no\n> 250 ok\n> 354 go\n<. text\n> 451-4.3.0 not\n"
     "> 451 4.3.0 now\n" BYE,
     "a1:p550/5.1.1 a0:t451/4.3.0 a2:t451/4.3.0 adone closed:peace"},
    {"too many: the rest behind it", "31",
     PIPE THREE_ENVELOPE
     "> 250 ok\n> 250 ok\n> 552 many\n> 552 5.2.2 full\n> 354 go\n<. text\n> 250 ok\n"
     "< MAIL\nbatch\n< RCPT TO:<r1@\n< DATA\nnone\n> 250 ok\n> 250 ok\n> 354 go\n<. text\n> 250 "
     "ok\n" ONE_OK BYE,
     "a2:p552/5.2.2 a0:ok a1:ok adone b0:ok bdone closed:peace"},
    {"one at a time", "3",
     PLAIN
     "< MAIL\n> 250 ok\n< RCPT TO:<r0@\n> 250 ok\n< RCPT TO:<r1@\n> 452 4.5.3 one only\n< RCPT "
     "TO:<r2@\n> 452 one only\n< DATA\n> 354 go\n<. text\n> 250 ok\n"
     "< MAIL\n> 250 ok\n< RCPT TO:<r1@\n> 250 ok\n< RCPT TO:<r2@\n> 452 one only\n< DATA\n> 354 "
     "go\n<. text\n> 554 5.6.0 no\n"
     "< MAIL\n> 250 ok\n< RCPT TO:<r2@\n> 452 4.5.3 none at all\n" BYE,
     "a0:ok a1:p554/5.6.0 a2:t452/4.5.3 adone closed:peace"},
    {"step by step", "3",
     PLAIN "< MAIL FROM:<me@gw.example>\r\nnone\n> 250 ok\n< RCPT TO:<r0@\nnone\n> 250 ok\n< RCPT "
           "TO:<r1@\nnone\n"
           "> 550 5.1.1 no\n< RCPT TO:<r2@\nnone\n> 250 ok\n< DATA\nnone\n> 354 go\n<. text\n> 250 "
           "ok\n" BYE,
     "a1:p550/5.1.1 a0:ok a2:ok adone closed:peace"},
    {"step by step, MAIL refused", "11",
     PLAIN "< MAIL\nnone\n> 550 no\n< MAIL\nnone\n> 250 ok\n< RCPT\n> 250 ok\n< DATA\n> 354 go\n<. "
           "text\n> 250 ok\n" BYE,
     "a0:p550/5.0.0 adone b0:ok bdone closed:peace"},
    {"step by step, all refused", "31",
     PLAIN "< MAIL\n> 250 ok\n< RCPT\n> 550 no\n< RCPT\n> 550 no\n< RCPT\n> 550 no\n< "
           "RSET\nnone\n> 250 ok\n"
           "< MAIL\n> 250 ok\n< RCPT\n> 250 ok\n< DATA\n> 354 go\n<. text\n> 250 ok\n" BYE,
     "a0:p550/5.0.0 a1:p550/5.0.0 a2:p550/5.0.0 adone b0:ok bdone closed:peace"},
    {"step by step, DATA refused", "11",
     PLAIN "< MAIL\n> 250 ok\n< RCPT\n> 250 ok\n< DATA\n> 451 no\n< RSET\nnone\n> 250 ok\n"
           "< MAIL\n> 250 ok\n< RCPT\n> 250 ok\n< DATA\n> 354 go\n<. text\n> 250 ok\n" BYE,
     "a0:t451/4.3.0 adone b0:ok bdone closed:peace"},
    {"no EHLO", "1",
     GREET "> 502 what\n< HELO gw.example\n> 250-mx\n> 250 PIPELINING\n< MAIL "
           "FROM:<me@gw.example>\r\nnone\n> 250 ok\n"
           "< RCPT\n> 250 ok\n< DATA\n> 354 go\n<. text\n> 250 ok\n" BYE,
     "a0:ok adone closed:peace"},
    {"long replies", "1",
     "> 220-hi\n> 220-there\n> 220 you\n< EHLO\n> 250-mx\n> 250-AUTH PLAIN\n> 250-pipelining\n> "
     "250-size 99\n> 250 HELP\n" ONE_ENVELOPE "> 250-2.1.0 a\n> 250 2.1.0 b\n> 250 ok\n> 354-go\n> "
     "354 on\n<. text\n> 250-a\n> 250-\n> 250\n" BYE,
     "a0:ok adone closed:peace"},
    {"nothing to do", "", PIPE BYE, "closed:peace"},
};

static void play(struct world *w, const struct dialogue *d)
{
    for (const char *j = d->jobs; *j != '\0'; j++) {
        static const char *const ref[] = {"a", "b", "c"};
        world_add(w, ref[j - d->jobs], "me@gw.example", *j == '1' ? joe : three, *j == '1' ? 1 : 3,
                  "text\r\n");
    }
    w->script[0] = d->script;
    world_start(w);
    world_settle(w);
}

START_TEST(dialogue)
{
    const struct dialogue *d = &dialogues[_i];
    struct world w;
    world_init(&w);
    play(&w, d);
    ck_assert_msg(w.c != NULL && smtpc_idle(w.c), "%s: not idle: %s", d->name, buf_cstr(&w.log));
    clock_step(4999);
    world_settle(&w);
    ck_assert_msg(w.c != NULL && smtpc_idle(w.c), "%s: did not linger", d->name);
    clock_step(1);
    world_settle(&w);
    world_wants(&w, d->log);
    ck_assert_uint_eq(w.nconn, 1);
    ck_assert_msg(w.conn[0].script.n == 0, "%s: left '%.*s'", d->name, STR_ARG(w.conn[0].script));
    world_done(&w);
}
END_TEST

/* Whatever the server does instead of its nth line, each message given gets one verdict a
 * recipient, then done(), and closed() comes once: the owner's callbacks check that. Nothing is
 * taken without an answer to its dot. */
static const char *const stops[] = {
    "close\n",
    "> 421 4.3.2 going down\nclose\n",
    "> 421 going down, but staying\n",
    "",                     /* silence */
    "> what do you mean\n", /* no reply */
    "> 250-x\n> 550 y\n",   /* codes that differ */
    "> 199 odd\n",
    "> 354 what\n",
    "> 550 no\n> 550 no\n> 550 no\n> 550 no\n> 550 no\n> 550 no\n> 550 no\n> 550 no\n> 550 no\n> "
    "550 no\nclose\n",
    "> 250 yes\n> 250 yes\n> 250 yes\n> 250 yes\n> 250 yes\n> 250 yes\n> 250 yes\n> 250 yes\n> 250 "
    "yes\nclose\n",
};

static size_t server_lines(const char *script)
{
    size_t n = 0;
    struct str rest = str_of(script), line;
    while (str_line(&rest, &line))
        n += line.n > 0 && line.p[0] == '>';
    return n;
}

static void stop_at(const struct dialogue *d, size_t after, const char *stop)
{
    struct world w;
    world_init(&w);
    w.stop_after = after;
    w.stop = stop;
    play(&w, d);
    for (int i = 0; i < 40 && w.c != NULL; i++) {
        clock_step(600000);
        world_settle(&w);
    }
    ck_assert_msg(w.c == NULL && w.closed == 1, "%s stopped after %zu by %s: never closed: %s",
                  d->name, after, stop, buf_cstr(&w.log));
    size_t want = 0;
    for (size_t i = 0; i < w.given; i++)
        want += w.jobs[i].nrcpt;
    ck_assert_msg(w.verdicts == want, "%s stopped after %zu by %s: %zu verdicts, not %zu: %s",
                  d->name, after, stop, w.verdicts, want, buf_cstr(&w.log));
    world_done(&w);
}

START_TEST(stopped_anywhere)
{
    const struct dialogue *d = &dialogues[_i];
    for (size_t s = 0; s < sizeof stops / sizeof *stops; s++)
        for (size_t n = 0; n < server_lines(d->script); n++)
            stop_at(d, n, stops[s]);
}
END_TEST

/* --- targets --- */

static void take_nothing(void *arg, int fd, const union endpoint *peer)
{
    (void)arg, (void)peer;
    close(fd);
}

static uint16_t dead_port(struct loop *l)
{
    struct why why;
    union endpoint at;
    struct listener *ln;
    ck_assert_int_eq(endpoint_parse(&at, STR("127.0.0.1:0"), 0, &why), 0);
    ck_assert_int_eq(listener_new(&ln, l, &at, take_nothing, NULL, &why), 0);
    uint16_t port = listener_port(ln);
    listener_free(&ln);
    return port;
}

START_TEST(walks_targets)
{
    static const char *const bad[] = {"> 554 5.7.1 not you\n< QUIT\n",
                                      "> 421 busy\n",
                                      "> 450 busy\n< QUIT\n",
                                      "close\n",
                                      "> noise\n",
                                      GREET "> 450 no\n< QUIT\n",
                                      GREET "> 421 no\n",
                                      GREET "close\n",
                                      GREET "> 500 no\n< HELO\n> 550 no\n< QUIT\n",
                                      GREET "> 502 no\n< HELO\nclose\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct world w;
        world_init(&w);
        w.script[0] = bad[i];
        w.script[1] = SERVE;
        world_run(&w, 3);
        clock_step(5000);
        world_settle(&w);
        world_wants(&w, "a0:ok adone closed:peace");
        ck_assert_uint_eq(w.nconn, 2);
        ck_assert_msg(w.conn[0].script.n == 0, "%s left %.*s", bad[i], STR_ARG(w.conn[0].script));
        world_done(&w);
    }
}
END_TEST

/* A target that will not have the message now leaves it to the next one (RFC 5321 5.1); one that
 * has begun to read it, or has said no for good, does not. */
START_TEST(passed_on)
{
    static const struct {
        const char *first, *log;
        size_t nconn;
    } c[] = {
        {"< MAIL\n> 421 4.3.2 busy\n", "a0:ok adone closed:peace", 2},
        {"< MAIL\nclose\n", "a0:ok adone closed:peace", 2},
        {"< MAIL\n> 452 4.3.1 full\n", "a0:ok adone closed:peace", 2},
        {"< MAIL\n> 250-a\n> 451 b\n", "a0:ok adone closed:peace", 2},
        {ONE_ENVELOPE "> 250 ok\n> 421 busy\n", "a0:ok adone closed:peace", 2},
        {ONE_ENVELOPE "> 250 ok\n> 250 ok\nclose\n", "a0:ok adone closed:peace", 2},
        {ONE_ENVELOPE "> 250 ok\n> 250 ok\n> 421 busy\nclose\n", "a0:ok adone closed:peace", 2},
        {ONE_ENVELOPE "> 250 ok\n> 550 5.1.1 no\n> 421 busy\n", "a0:p550/5.1.1 adone closed:why",
         1},
        {ONE_ENVELOPE "> 250 ok\n> 451 4.7.1 wait\n> 503 no\n< QUIT\n", "a0:ok adone closed:peace",
         2},
        {ONE_ENVELOPE "> 250 ok\n> 451 4.7.1 wait\n> 354 go\n<. \n> 554 nobody\n< QUIT\n",
         "a0:ok adone closed:peace", 2},
        {ONE_ENVELOPE "> 250 ok\n> 452 4.2.2 full\n> 503 no\n" BYE,
         "a0:t452/4.2.2 adone closed:peace", 1},
        {ONE_ENVELOPE "> 550 5.7.1 no\n> 503 no\n> 503 no\n" BYE,
         "a0:p550/5.7.1 adone closed:peace", 1},
        {ONE_ENVELOPE "> 250 ok\n> 250 ok\n> 354 go\n<. text\nclose\n",
         "a0:t421/4.4.2 adone closed:why", 1},
        {ONE_ENVELOPE "> 250 ok\n> 250 ok\n> 354 go\n<. text\n> 421 4.3.2 busy\n",
         "a0:t421/4.3.2 adone closed:why", 1},
    };
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        char first[1000];
        snprintf(first, sizeof first, "%s%s", PIPE, c[i].first);
        struct world w;
        world_init(&w);
        w.script[0] = first;
        w.script[1] = SERVE;
        world_run(&w, 3);
        clock_step(5000);
        world_settle(&w);
        world_wants(&w, c[i].log);
        ck_assert_msg(w.nconn == c[i].nconn, "%s: %zu", c[i].first, (size_t)w.nconn);
        world_done(&w);
    }
}
END_TEST

/* Only those without an answer go on. */
START_TEST(passed_on_in_part)
{
    struct world w;
    world_init(&w);
    world_add(&w, "a", "me@gw.example", three, 3, "text\r\n");
    w.script[0] = PIPE THREE_ENVELOPE "> 250 ok\n> 250 ok\n> 550 5.1.1 no\n> 421 busy\n";
    w.script[1] = PIPE "< MAIL\nbatch\n< RCPT TO:<r0@\n< RCPT TO:<r2@\n< DATA\nnone\n> 250 ok\n"
                       "> 250 ok\n> 250 ok\n> 354 go\n<. text\n> 250 ok\n" BYE;
    w.ntargets = 2;
    world_play(&w);
    world_wants(&w, "a1:p550/5.1.1 a0:ok a2:ok adone closed:peace");
    world_done(&w);
}
END_TEST

/* Those whom the first puts off go on, whatever becomes of the others. */
START_TEST(passed_on_one_by_one)
{
    struct world w;
    world_init(&w);
    world_add(&w, "a", "me@gw.example", three, 3, "text\r\n");
    world_add(&w, "b", "me@gw.example", joe, 1, "text\r\n");
    w.script[0] = PIPE THREE_ENVELOPE "> 250 ok\n> 250 ok\n> 451 4.7.1 wait\n> 550 5.1.1 no\n"
                                      "> 354 go\n<. text\n> 250 ok\n< QUIT\n";
    w.script[1] = PIPE "< MAIL\nbatch\n< RCPT TO:<r1@\n< DATA\nnone\n"
                       "> 250 ok\n> 450 4.7.1 wait\n> 503 no\n< QUIT\n";
    w.script[2] = PIPE "< MAIL\nbatch\n< RCPT TO:<r1@\n< DATA\nnone\n"
                       "> 250 ok\n> 450 4.7.1 wait\n> 503 no\n< RSET\n" ONE_ENVELOPE
                       "> 250 ok\n> 250 ok\n> 450 4.7.1 wait\n> 503 no\n" BYE;
    w.ntargets = 4;
    world_play(&w);
    world_wants(&w, "a2:p550/5.1.1 a0:ok a1:t450/4.7.1 adone b0:t450/4.7.1 bdone closed:peace");
    world_done(&w);
}
END_TEST

/* What the content is refused for is not about them. */
START_TEST(put_off_beside_a_refusal)
{
    struct world w;
    world_init(&w);
    world_add(&w, "a", "me@gw.example", three, 3, "text\r\n");
    w.script[0] = PIPE THREE_ENVELOPE "> 250 ok\n> 250 ok\n> 451 4.7.1 wait\n> 250 ok\n"
                                      "> 554 5.7.1 no\n" BYE;
    w.ntargets = 2;
    world_play(&w);
    world_wants(&w, "a0:p554/5.7.1 a1:t451/4.7.1 a2:p554/5.7.1 adone closed:peace");
    world_done(&w);
}
END_TEST

/* What was made for a host with 8BITMIME is made again for one without. */
START_TEST(content_fits_the_next_host)
{
    struct world w;
    world_init(&w);
    world_add(&w, "a", "me@gw.example", joe, 1, "\303\244\r\n");
    w.jobs[0].eightbit = true;
    w.fitted = "=C3=A4\r\n";
    w.script[0] = GREET "> 250-mx.example\n> 250 8BITMIME\n< MAIL\n> 452 4.3.1 full\n< QUIT\n";
    w.script[1] = GREET "> 250 mx.example\n< MAIL FROM:<me@gw.example>\n> 250 ok\n< RCPT\n"
                        "> 250 ok\n< DATA\n> 354 go\n<. =C3=A4\n> 250 ok\n" BYE;
    w.ntargets = 2;
    world_play(&w);
    world_wants(&w, "a0:ok adone closed:peace");
    world_done(&w);
}
END_TEST

/* A domain has any number of exchanges. */
START_TEST(passed_on_so_often)
{
    struct world w;
    world_init(&w);
    for (size_t i = 0; i < 4; i++)
        w.script[i] = PIPE "< MAIL\n> 421 4.3.2 busy\n";
    world_run(&w, 4);
    world_wants(&w, "a0:t421/4.3.2 adone closed:why");
    ck_assert_uint_eq(w.nconn, 3);
    world_done(&w);
}
END_TEST

START_TEST(refused_connection_is_passed_over)
{
    struct world w;
    world_init(&w);
    endpoint_set_port(&w.targets[0].at, dead_port(w.loop));
    w.script[0] = SERVE;
    world_run(&w, 2);
    ck_assert_ptr_nonnull(strstr(smtpc_peer(w.c), "mx1.example[127.0.0.1]:"));
    clock_step(5000);
    world_settle(&w);
    world_wants(&w, "a0:ok adone closed:peace");
    world_done(&w);
}
END_TEST

START_TEST(all_targets_fail)
{
    struct world w;
    world_init(&w);
    w.script[0] = "> 554 5.7.1 first\n";
    w.script[1] = "> 554 5.7.1 second\n";
    world_run(&w, 2);
    world_wants(&w, "closed:why");
    ck_assert_uint_eq(w.given, 0); /* the message stays with its owner */
    ck_assert_msg(strstr(w.why, "host mx1.example[127.0.0.1]:") != NULL &&
                      strstr(w.why, "said: 554 5.7.1 second") != NULL,
                  "%s", w.why);
    world_done(&w);

    world_init(&w);
    endpoint_set_port(&w.targets[0].at, dead_port(w.loop));
    world_run(&w, 1);
    world_wants(&w, "closed:why");
    ck_assert_ptr_nonnull(strstr(w.why, "cannot connect to mx0.example[127.0.0.1]:"));
    world_done(&w);

    world_init(&w);
    world_run(&w, 0);
    world_wants(&w, "closed:why");
    world_done(&w);
}
END_TEST

/* --- reuse --- */

START_TEST(kicked_while_idle)
{
    struct world w;
    world_init(&w);
    w.script[0] = PIPE ONE_OK ONE_OK BYE;
    world_run(&w, 1);
    clock_step(4000);
    world_settle(&w);
    smtpc_kick(w.c); /* nothing there */
    ck_assert(smtpc_idle(w.c));
    world_add(&w, "b", "me@gw.example", joe, 1, "text\r\n");
    smtpc_kick(w.c);
    ck_assert(!smtpc_idle(w.c));
    world_settle(&w);
    world_wants(&w, "a0:ok adone b0:ok bdone");
    clock_step(5000);
    world_settle(&w);
    world_wants(&w, "a0:ok adone b0:ok bdone closed:peace");
    ck_assert_uint_eq(w.nconn, 1);
    world_done(&w);
}
END_TEST

START_TEST(idle_connection_closed_by_server)
{
    static const char *const ends[] = {"close\n", "> 421 idle\nclose\n", "> 421 idle\n",
                                       "> 250 noise\n"};
    for (size_t i = 0; i < 4; i++) {
        struct world w;
        world_init(&w);
        w.script[0] = PIPE ONE_OK;
        world_run(&w, 1);
        ck_assert(smtpc_idle(w.c));
        w.conn[0].script = str_of(ends[i]);
        server_step(&w.conn[0]);
        world_settle(&w);
        world_wants(&w, "a0:ok adone closed:peace");
        world_done(&w);
    }
}
END_TEST

START_TEST(stale_connection_is_opened_anew)
{
    static const char *const ends[] = {"< MAIL\nclose\n", "< MAIL\n> 421 enough\n",
                                       "< MAIL\n> 421 enough\nclose\n"};
    for (size_t i = 0; i < 3; i++) {
        char first[1000];
        snprintf(first, sizeof first, "%s%s", PIPE ONE_OK, ends[i]);
        struct world w;
        world_init(&w);
        world_add(&w, "b", "me@gw.example", joe, 1, "text\r\n");
        w.script[0] = first;
        w.script[1] = SERVE;
        world_run(&w, 1);
        clock_step(5000);
        world_settle(&w);
        world_wants(&w, "b0:ok bdone a0:ok adone closed:peace");
        ck_assert_uint_eq(w.nconn, 2);
        world_done(&w);
    }
}
END_TEST

/* Once for a message: a server that always closes there does not make us turn in circles. */
START_TEST(stale_only_once)
{
    struct world w;
    world_init(&w);
    world_add(&w, "b", "me@gw.example", joe, 1, "text\r\n");
    w.script[0] = PIPE ONE_OK "< MAIL\nclose\n";
    w.script[1] = PIPE "< MAIL\nclose\n";
    world_run(&w, 1);
    world_wants(&w, "b0:ok bdone a0:t421/4.4.2 adone closed:why");
    ck_assert_uint_eq(w.nconn, 2);
    world_done(&w);

    world_init(&w); /* and nobody is there any more */
    world_add(&w, "b", "me@gw.example", joe, 1, "text\r\n");
    w.script[0] = PIPE ONE_OK "< MAIL\nclose\n";
    w.script[1] = "> 554 go away\n";
    world_run(&w, 1);
    world_wants(&w, "b0:ok bdone a0:t451/4.4.0 adone closed:why");
    world_done(&w);
}
END_TEST

/* After the first reply to the message the connection is not stale: a second one is not tried. */
START_TEST(broken_later_is_told)
{
    static const struct {
        const char *end, *log;
    } c[] = {
        {"< MAIL\n> 250 ok\nclose\n", "a0:t421/4.4.2 adone closed:peace"},
        {"< MAIL\n> 250 ok\n> 421 4.3.2 down\n", "a0:t421/4.3.2 adone closed:peace"},
        {ONE_ENVELOPE "> 250 ok\n> 250 ok\n> 354 ok\nclose\n", "a0:t421/4.4.2 adone closed:peace"},
        {ONE_ENVELOPE "> 250 ok\n> 250 ok\n> 354 ok\n<. text\nclose\n",
         "a0:t421/4.4.2 adone closed:peace"},
    };
    for (size_t i = 0; i < 4; i++) {
        char first[1000], want[200];
        snprintf(first, sizeof first, "%s%s", PIPE ONE_OK, c[i].end);
        snprintf(want, sizeof want, "b0:ok bdone %s", c[i].log);
        struct world w;
        world_init(&w);
        world_add(&w, "b", "me@gw.example", joe, 1, "text\r\n");
        w.script[0] = first;
        world_run(&w, 1);
        world_wants(&w, want);
        ck_assert_uint_eq(w.nconn, 1);
        world_done(&w);
    }
}
END_TEST

START_TEST(max_messages)
{
    struct world w;
    world_init(&w);
    for (int i = 0; i < 3; i++)
        world_add(&w, i == 0 ? "x" : i == 1 ? "y" : "z", "me@gw.example", joe, 1, "text\r\n");
    w.script[0] = PIPE ONE_OK ONE_OK BYE;
    w.max_messages = 2;
    world_start(&w);
    world_settle(&w);
    world_wants(&w, "x0:ok xdone y0:ok ydone closed:peace");
    world_done(&w);
}
END_TEST

/* RFC 9422: what a host says it takes it is not asked to refuse. */
START_TEST(limits_are_kept)
{
    struct world w;
    world_init(&w);
    world_add(&w, "a", "me@gw.example", three, 3, "text\r\n");
    world_add(&w, "b", "me@gw.example", joe, 1, "text\r\n");
    world_add(&w, "c", "me@gw.example", joe, 1, "text\r\n");
    w.script[0] =
        GREET "> 250-mx.example\n> 250-limits mailmax=3 RCPTDOMAINMAX=9 RCPTMAX=2 MAILMAX=x\n"
              "> 250 HELP\n"
              "< MAIL\n> 250 ok\n< RCPT TO:<r0@\n> 250 ok\n< RCPT TO:<r1@\n> 250 ok\n"
              "< DATA\n> 354 go\n<. text\n> 250 ok\n"
              "< MAIL\n> 250 ok\n< RCPT TO:<r2@\n> 250 ok\n< DATA\n> 354 go\n<. text\n"
              "> 250 ok\n"
              "< MAIL\n> 250 ok\n< RCPT\n> 250 ok\n< DATA\n> 354 go\n<. text\n> 250 ok\n" BYE;
    world_start(&w);
    world_settle(&w);
    world_wants(&w, "a0:ok a1:ok a2:ok adone b0:ok bdone closed:peace");
    world_done(&w);
}
END_TEST

START_TEST(limit_of_domains_is_kept)
{
    static const struct str to[] = {STR("x@a.example"), STR("y@b.example"), STR("z@A.EXAMPLE")};
    struct world w;
    world_init(&w);
    world_add(&w, "a", "me@gw.example", to, 3, "text\r\n");
    w.script[0] = GREET "> 250-mx.example\n> 250 LIMITS RCPTDOMAINMAX=1\n"
                        "< MAIL\n> 250 ok\n< RCPT TO:<x@\n> 250 ok\n< RCPT TO:<z@\n> 250 ok\n"
                        "< DATA\n> 354 go\n<. text\n> 250 ok\n"
                        "< MAIL\n> 250 ok\n< RCPT TO:<y@\n> 250 ok\n"
                        "< DATA\n> 354 go\n<. text\n> 250 ok\n" BYE;
    world_play(&w);
    world_wants(&w, "a0:ok a2:ok a1:ok adone closed:peace");
    world_done(&w);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *s = suite_create("smtp/client");
    TCase *t = tcase_create("client");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, dialogue, 0, sizeof dialogues / sizeof *dialogues);
    tcase_add_loop_test(t, stopped_anywhere, 0, sizeof dialogues / sizeof *dialogues);
    tcase_add_test(t, walks_targets);
    tcase_add_test(t, passed_on);
    tcase_add_test(t, passed_on_in_part);
    tcase_add_test(t, passed_on_one_by_one);
    tcase_add_test(t, put_off_beside_a_refusal);
    tcase_add_test(t, content_fits_the_next_host);
    tcase_add_test(t, passed_on_so_often);
    tcase_add_test(t, limits_are_kept);
    tcase_add_test(t, limit_of_domains_is_kept);
    tcase_add_test(t, refused_connection_is_passed_over);
    tcase_add_test(t, all_targets_fail);
    tcase_add_test(t, kicked_while_idle);
    tcase_add_test(t, idle_connection_closed_by_server);
    tcase_add_test(t, stale_connection_is_opened_anew);
    tcase_add_test(t, stale_only_once);
    tcase_add_test(t, broken_later_is_told);
    tcase_add_test(t, max_messages);
    suite_add_tcase(s, t);
    return s;
}
UNIT(make_suite)
