/* tests/unit/smtp/test_client_lmtp.c -- LMTP (RFC 2033): an answer for each recipient behind the
 * dot; signing on (RFC 4954). */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/smtp/auth.h"
#include "unit/smtp/script.h"
#include "unit/unit.h"

#define LGREET "> 220 hi\n< LHLO gw.example\n> 250-store\n> 250 PIPELINING\n"
#define LSLOW "> 220 hi\n< LHLO gw.example\n> 250 store\n"
#define TAKES_ALL "> 250 ok\n> 250 ok\n> 250 ok\n> 250 ok\n> 354 go\n<. text\n"
#define ONE "< MAIL\n< RCPT\n< DATA\n> 250 ok\n> 250 ok\n> 354 go\n<. text\n> 250 ok\n"

static const struct {
    const char *jobs, *script, *log;
} rows[] = {
    {"31", LGREET THREE_ENVELOPE TAKES_ALL "> 250 one\n> 250 two\n> 250 three\n" ONE BYE,
     "a0:ok a1:ok a2:ok adone b0:ok bdone closed:peace"},
    {"31",
     LGREET THREE_ENVELOPE TAKES_ALL "> 250 one\n> 552 5.2.2 full\n> 451 4.3.0 later\n" ONE BYE,
     "a0:ok a1:p552/5.2.2 a2:t451/4.3.0 adone b0:ok bdone closed:peace"},
    /* only who was taken has an answer */
    {"31",
     LGREET THREE_ENVELOPE "> 250 ok\n> 250 ok\n> 550 5.1.1 no\n> 250 ok\n> 354 go\n<. text\n> 250 "
                           "one\n> 250 three\n" ONE BYE,
     "a1:p550/5.1.1 a0:ok a2:ok adone b0:ok bdone closed:peace"},
    {"31",
     LGREET THREE_ENVELOPE
     "> 250 ok\n> 550 no\n> 550 no\n> 550 no\n> 503 5.5.1 nobody\n< RSET\n"
     "< MAIL\n< RCPT\n< DATA\n> 250 ok\n> 250 ok\n> 250 ok\n> 354 go\n<. text\n> "
     "250 ok\n" BYE,
     "a0:p550/5.0.0 a1:p550/5.0.0 a2:p550/5.0.0 adone b0:ok bdone closed:peace"},
    /* a store that takes a message for nobody would say nothing to its dot */
    {"3", LGREET THREE_ENVELOPE "> 250 ok\n> 550 no\n> 550 no\n> 550 no\n> 354 go\n",
     "a0:p550/5.0.0 a1:p550/5.0.0 a2:p550/5.0.0 adone closed:why"},
    /* it dies between two answers: who has none is tried again */
    {"3", LGREET THREE_ENVELOPE TAKES_ALL "> 250 one\nclose\n",
     "a0:ok a1:t421/4.4.2 a2:t421/4.4.2 adone closed:why"},
    {"3", LGREET THREE_ENVELOPE TAKES_ALL "> 250 one\n> 421 4.3.2 going down\nclose\n",
     "a0:ok a1:t421/4.3.2 a2:t421/4.3.2 adone closed:why"},
    /* one answer too many is no answer to what comes next */
    {"31", LGREET THREE_ENVELOPE TAKES_ALL "> 250 1\n> 250 2\n> 250 3\n> 250 4\n",
     "a0:ok a1:ok a2:ok adone closed:peace"},
    {"3",
     LSLOW
     "< MAIL\n> 250 ok\n< RCPT\n> 250 ok\n< RCPT\n> 250 ok\n< RCPT\n> 250 ok\n< DATA\n> 354 go\n<. "
     "text\n> 250 a\n> 250 b\n> 250 c\n" BYE,
     "a0:ok a1:ok a2:ok adone closed:peace"},
    /* no HELO: an SMTP server is no LMTP server */
    {"1", "> 220 hi\n< LHLO gw.example\n> 500 what\n< QUIT\nclose\n", "closed:why"},
};

START_TEST(lmtp)
{
    static const char *const ref[] = {"a", "b"};
    struct world w;
    world_init(&w);
    w.lmtp = true;
    for (const char *j = rows[_i].jobs; *j != '\0'; j++)
        world_add(&w, ref[j - rows[_i].jobs], "me@gw.example", *j == '1' ? joe : three,
                  *j == '1' ? 1 : 3, "text\r\n");
    w.script[0] = rows[_i].script;
    world_start(&w);
    world_settle(&w);
    clock_step(5000);
    world_settle(&w);
    world_wants(&w, rows[_i].log);
    world_done(&w);
}
END_TEST

/* --- a socket in the file system --- */

static void taken(void *arg, int fd, const union endpoint *peer)
{
    int *count = arg;
    (void)peer;
    ++*count;
    ck_assert_int_eq(write(fd, "421 no\r\n", 8), 8);
    (void)close(fd);
}

START_TEST(at_a_path)
{
    struct world w;
    struct why why;
    struct listener *ln;
    int count = 0;
    world_init(&w);
    w.lmtp = true;
    snprintf(w.targets[0].path, sizeof w.targets[0].path, "%s/none", unit_tmp());
    snprintf(w.targets[1].path, sizeof w.targets[1].path, "%s/lmtp", unit_tmp());
    ck_assert_int_eq(listener_unix(&ln, w.loop, w.targets[1].path, 0600, taken, &count, &why), 0);
    w.script[0] = LGREET ONE BYE;
    world_run(&w, 3); /* nobody listens; one is busy; the third takes it */
    clock_step(5000);
    world_settle(&w);
    world_wants(&w, "a0:ok adone closed:peace");
    ck_assert_int_eq(count, 1);
    listener_free(&ln);
    world_done(&w);
}
END_TEST

/* --- signing on --- */

#define AGREET "> 220 hi\n< EHLO gw.example\n> 250-mx\n"
#define PASSED "< MAIL\n> 250 ok\n< RCPT\n> 250 ok\n< DATA\n> 354 go\n<. text\n> 250 ok\n" BYE

static const struct {
    const char *script, *log, *why;
} auth_rows[] = {
    /* AHVzZXIAcGVuY2ls: NUL user NUL pencil. Loopback is as good as TLS. */
    {AGREET "> 250 AUTH LOGIN PLAIN\n< AUTH PLAIN AHVzZXIAcGVuY2ls\n> 235 2.7.0 in\n" PASSED,
     "a0:ok adone closed:peace", ""},
    {AGREET "> 250 AUTH=LOGIN\n< AUTH LOGIN\n> 334 VXNlcm5hbWU6\n< dXNlcg==\n> 334 UGFzc3dvcmQ6\n< "
            "cGVuY2ls\n> 235 in\n" PASSED,
     "a0:ok adone closed:peace", ""},
    {AGREET "> 250 AUTH PLAIN\n< AUTH PLAIN\n> 535 5.7.8 who are you\n< QUIT\nclose\n",
     "closed:why", "cannot sign on at host mx0.example[127.0.0.1]"},
    {AGREET "> 250 AUTH GSSAPI\n< QUIT\nclose\n", "closed:why", "it offers none of SCRAM-SHA-256"},
    {AGREET "> 250 SIZE\n< QUIT\nclose\n", "closed:why", "it offers none of SCRAM-SHA-256"},
    {AGREET "> 250 AUTH PLAIN\n< AUTH PLAIN\n> 334 more?\n< *\n< QUIT\nclose\n", "closed:why",
     "it asks for more than PLAIN has"},
    {AGREET "> 250 AUTH SCRAM-SHA-1\n< AUTH SCRAM-SHA-1 biws\n> 334 !!!\n< *\n< QUIT\nclose\n",
     "closed:why", "no base64"},
    /* a server that does not show that it knows the password */
    {AGREET
     "> 250 AUTH PLAIN SCRAM-SHA-256\n< AUTH SCRAM-SHA-256 biws\n> 235 come in\n< QUIT\nclose\n",
     "closed:why", "without having shown that it knows us"},
    /* r=x,s=c2FsdA==,i=4294967295 */
    {AGREET
     "> 250 AUTH SCRAM-SHA-1\n< AUTH SCRAM-SHA-1\n> 334 cj14LHM9YzJGc2RBPT0saT00Mjk0OTY3Mjk1\n< "
     "*\n< QUIT\nclose\n",
     "closed:why", "it asks for 4294967295 rounds"},
    {AGREET "> 250 AUTH PLAIN\n< AUTH PLAIN\nclose\n", "closed:why",
     "waiting for the answer to AUTH"},
};

START_TEST(sign_on)
{
    struct world w;
    world_init(&w);
    w.user = "user";
    w.password = "pencil";
    w.script[0] = auth_rows[_i].script;
    world_run(&w, 1);
    clock_step(5000);
    world_settle(&w);
    world_wants(&w, auth_rows[_i].log);
    ck_assert_msg(strstr(w.why, auth_rows[_i].why) != NULL, "'%s'", w.why);
    world_done(&w);
}
END_TEST

START_TEST(the_password_is_not_shown)
{
    struct buf out;
    struct why why = {0};
    struct smtp_auth_set set = {.user = "user",
                                .password = "pencil",
                                .host = "mx",
                                .offered = smtp_auth_offered(STR("login PLAIN DIGEST-MD5"))};
    buf_init(&out, 1000);
    ck_assert_uint_eq(set.offered, AUTH_LOGIN | AUTH_PLAIN);
    ck_assert_ptr_null(smtp_auth_new(&set, &out, &why));
    ck_assert_ptr_nonnull(strstr(why.text, "there is no TLS"));
    ck_assert_uint_eq(out.n, 0);
    set.offered |= smtp_auth_offered(STR("SCRAM-SHA-1 SCRAM-SHA-256-PLUS SCRAM-SHA-256"));
    struct smtp_auth *a = smtp_auth_new(&set, &out, &why);
    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&out), "SCRAM-SHA-256 "));
    smtp_auth_free(&a);
    buf_done(&out);
}
END_TEST

static Suite *test_client_lmtp_suite(void)
{
    Suite *s = suite_create("client_lmtp");
    TCase *t = tcase_create("client_lmtp");
    tcase_add_loop_test(t, lmtp, 0, sizeof rows / sizeof *rows);
    tcase_add_test(t, at_a_path);
    tcase_add_loop_test(t, sign_on, 0, sizeof auth_rows / sizeof *auth_rows);
    tcase_add_test(t, the_password_is_not_shown);
    suite_add_tcase(s, t);
    return s;
}

UNIT(test_client_lmtp_suite)
