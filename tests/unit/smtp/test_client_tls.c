/* tests/unit/smtp/test_client_tls.c -- STARTTLS of the client: taken where offered, done without
 * where it fails and the policy allows, never without where it is required. */
#include <string.h>

#include "unit/cert.h"
#include "unit/smtp/script.h"
#include "unit/unit.h"

#define OFFER GREET "> 250-mx.example\n> 250-PIPELINING\n> 250 STARTTLS\n"
#define SEALED "< EHLO gw.example\nsecure\n> 250-mx.example\n> 250-PIPELINING\n> 250 SIZE 1000\n"
#define GO "< STARTTLS\nnone\n> 220 go\n"
#define LEAVE "< QUIT\nclose\n"

static struct world w;

static void set_up(void)
{
    struct why why = {0};
    struct cert c = cert_make(unit_tmp(), "mx", "DNS:other.example", 30);
    world_init(&w);
    w.tls = tls_new();
    ck_assert_int_eq(tls_load(w.tls, &(struct tls_files){.cert = c.cert, .key = c.key}, &why), 0);
}

static void tear_down(void)
{
    world_done(&w);
}

/* One message, one target: scripts of the first and second connection. */
static const struct {
    enum smtpc_tls policy;
    const char *first, *second, *log, *why;
} rows[] = {
    /* the name in the certificate does not matter: opportunistic */
    {SMTPC_TLS_MAY, OFFER GO "tls\n" SEALED ONE_OK BYE, "", "a0:ok adone closed:peace", ""},
    {SMTPC_TLS_ENCRYPT, OFFER GO "tls\n" SEALED ONE_OK BYE, "", "a0:ok adone closed:peace", ""},
    {SMTPC_TLS_NO,
     OFFER "< MAIL\n< RCPT\n< DATA\n> 250 ok\n> 250 ok\n> 354 go\n<. text\n> 250 ok\n" BYE, "",
     "a0:ok adone closed:peace", ""},
    {SMTPC_TLS_MAY, SERVE, "", "a0:ok adone closed:peace", ""},
    {SMTPC_TLS_ENCRYPT, PIPE LEAVE, "", "closed:why", "TLS is required, but host mx0.example["},
    /* HELO only: nothing can be offered */
    {SMTPC_TLS_ENCRYPT, GREET "> 500 what\n< HELO gw.example\n> 250 mx\n" LEAVE, "", "closed:why",
     "TLS is required, but host mx0.example["},
    /* what was offered in the clear is forgotten: no PIPELINING, no SIZE inside */
    {SMTPC_TLS_MAY,
     GREET
     "> 250-mx\n> 250-PIPELINING\n> 250-SIZE 3\n> 250 STARTTLS\n" GO
     "tls\n< EHLO gw.example\nsecure\n> 250 mx.example\n"
     "< MAIL FROM:<me@gw.example>\r\nnone\n> 250 ok\n< RCPT\nnone\n> 250 ok\n< DATA\n> 354 go\n<. "
     "text\n> 250 ok\n" BYE,
     "", "a0:ok adone closed:peace", ""},
    /* STARTTLS offered again inside is not taken */
    {SMTPC_TLS_MAY,
     OFFER GO "tls\n< EHLO gw.example\nsecure\n> 250-mx.example\n> 250 STARTTLS\n< MAIL\n> 250 "
              "ok\n< RCPT\n> "
              "250 ok\n< DATA\n> 354 go\n<. text\n> 250 ok\n" BYE,
     "", "a0:ok adone closed:peace", ""},
    /* refused with a reply: the same connection will do in the clear */
    {SMTPC_TLS_MAY,
     OFFER "< STARTTLS\n> 454 4.7.0 no\n< MAIL\n< RCPT\n< DATA\n> 250 ok\n> 250 ok\n> 354 go\n<. "
           "text\n> 250 ok\n" BYE,
     "", "a0:ok adone closed:peace", ""},
    {SMTPC_TLS_ENCRYPT, OFFER "< STARTTLS\n> 454 4.7.0 no key\n" LEAVE, "", "closed:why",
     "no TLS with host mx0.example["},
    /* the handshake fails, or the connection with it: once more without */
    {SMTPC_TLS_MAY, OFFER GO "any\n> this is no handshake\n",
     OFFER "< MAIL\n< RCPT\n< DATA\n> 250 ok\n> 250 ok\n> 354 go\n<. text\n> 250 ok\n" BYE,
     "a0:ok adone closed:peace", ""},
    {SMTPC_TLS_MAY, OFFER GO "close\n",
     OFFER "< MAIL\n< RCPT\n< DATA\n> 250 ok\n> 250 ok\n> 354 go\n<. text\n> 250 ok\n" BYE,
     "a0:ok adone closed:peace", ""},
    {SMTPC_TLS_MAY, OFFER "< STARTTLS\n> 421 4.3.2 bye\nclose\n", SERVE, "a0:ok adone closed:peace",
     ""},
    {SMTPC_TLS_MAY, OFFER GO "tls\n< EHLO\nclose\n", SERVE, "a0:ok adone closed:peace", ""},
    {SMTPC_TLS_ENCRYPT, OFFER GO "any\n> this is no handshake\n", SERVE, "closed:why",
     "TLS handshake failed"},
    {SMTPC_TLS_ENCRYPT, OFFER GO "close\n", SERVE, "closed:why", "TLS handshake failed"},
    {SMTPC_TLS_ENCRYPT, OFFER GO "tls\n< EHLO\nclose\n", SERVE, "closed:why", "connection to mx0"},
    /* and no third time */
    {SMTPC_TLS_MAY, OFFER GO "close\n", GREET "close\n", "closed:why", "connection to mx0"},
    /* words behind the 220, in the clear, are not answers to what is said inside */
    {SMTPC_TLS_MAY,
     OFFER "< STARTTLS\n> 220 go\n> 250-mx.example\n> 250 SIZE 3\ntls\n" SEALED ONE_OK BYE, "",
     "a0:ok adone closed:peace", ""},
};

START_TEST(every_policy)
{
    w.policy = rows[_i].policy;
    w.script[0] = rows[_i].first;
    w.script[1] = rows[_i].second;
    world_run(&w, 1);
    clock_step(5000);
    world_settle(&w);
    world_wants(&w, rows[_i].log);
    ck_assert_msg(strstr(w.why, rows[_i].why) != NULL, "'%s'", w.why);
    bool again = rows[_i].second[0] != '\0' && rows[_i].policy == SMTPC_TLS_MAY;
    ck_assert_uint_eq(w.nconn, again ? 2 : 1);
}
END_TEST

START_TEST(required_goes_to_the_next_target)
{
    w.policy = SMTPC_TLS_ENCRYPT;
    w.script[0] = PIPE LEAVE;
    w.script[1] = OFFER GO "close\n";
    w.script[2] = OFFER GO "tls\n" SEALED ONE_OK BYE;
    world_run(&w, 3);
    clock_step(5000);
    world_settle(&w);
    world_wants(&w, "a0:ok adone closed:peace");
    ck_assert_uint_eq(w.nconn, 3);
}
END_TEST

/* A target done without TLS does not mean that the next one is. */
START_TEST(each_target_gets_its_chance)
{
    w.policy = SMTPC_TLS_MAY;
    w.script[0] = OFFER GO "close\n";
    w.script[1] = "> 421 4.3.2 no\nclose\n";
    w.script[2] = OFFER GO "tls\n" SEALED ONE_OK BYE;
    world_run(&w, 2);
    clock_step(5000);
    world_settle(&w);
    world_wants(&w, "a0:ok adone closed:peace");
    ck_assert_uint_eq(w.nconn, 3);
}
END_TEST

START_TEST(a_handshake_that_hangs)
{
    w.policy = _i == 0 ? SMTPC_TLS_MAY : SMTPC_TLS_ENCRYPT;
    w.script[0] = OFFER GO;
    w.script[1] =
        OFFER "< MAIL\n< RCPT\n< DATA\n> 250 ok\n> 250 ok\n> 354 go\n<. text\n> 250 ok\n" BYE;
    world_run(&w, 1);
    clock_step(300000);
    world_settle(&w);
    if (_i == 0) {
        clock_step(5000);
        world_settle(&w);
    }
    world_wants(&w, _i == 0 ? "a0:ok adone closed:peace" : "closed:why");
    ck_assert_msg(_i == 0 || strstr(w.why, "no TLS handshake within") != NULL, "%s", w.why);
}
END_TEST

START_TEST(quit_or_freed_during_the_handshake)
{
    w.policy = SMTPC_TLS_MAY;
    w.script[0] = OFFER GO;
    world_run(&w, 1);
    if (_i == 0) {
        smtpc_quit(w.c);
        world_settle(&w);
        world_wants(&w, "closed:peace");
    } else {
        smtpc_free(&w.c);
        world_settle(&w);
        world_wants(&w, "");
    }
}
END_TEST

static Suite *test_client_tls_suite(void)
{
    Suite *s = suite_create("client_tls");
    TCase *t = tcase_create("tls");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, every_policy, 0, sizeof rows / sizeof *rows);
    tcase_add_test(t, required_goes_to_the_next_target);
    tcase_add_test(t, each_target_gets_its_chance);
    tcase_add_loop_test(t, a_handshake_that_hangs, 0, 2);
    tcase_add_loop_test(t, quit_or_freed_during_the_handshake, 0, 2);
    suite_add_tcase(s, t);
    return s;
}

UNIT(test_client_tls_suite)
