/* tests/unit/gateway/test_batch.c -- batches in mails (RFC 2442): what goes out in one comes in
 * again as the same mail, and what is none is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "gateway/batchin.h"
#include "gateway/batchout.h"
#include "gateway/config/conf.h"
#include "gateway/mail/header.h"
#include "gateway/mail/transfer.h"
#include "unit/gateway/cross.h"
#include "unit/unit.h"

static struct arena *a;
static union endpoint peer;

static void setup(void)
{
    cross_open("DESTINATION good.far.test 192.0.2.1\n"
               "DESTINATION .far.test BATCHSMTP=smtp@hub.test\n"
               "DESTINATION far.test BATCHSMTP=bsmtp@other.test\nBATCHSMTP 192.0.2.0/24 USER=anne");
    a = arena_new(64u << 20);
    peer = (union endpoint){.any.sa_family = AF_INET};
}

static void teardown(void)
{
    arena_free(&a);
    cross_close();
}

static void done(void *arg, const struct why *w)
{
    ck_assert_msg(w == NULL, "%s", w->text);
    *(bool *)arg = true;
}

static void settle(struct intake **in)
{
    bool ended = false;
    intake_commit(in, done, &ended);
    while (!ended)
        (void)loop_turn(cross.loop, true);
}

static int take(struct str mail, const char *login, struct why *w)
{
    struct batchin_client by = {.peer = &peer, .login = str_of(login)};
    struct mail outer = {.from = DOOR_SMTP,
                         .origin_sender = STR("steve@example.org"),
                         .sender = STR("steve@example.org"),
                         .content = cur_of_str(mail)};
    struct intake *in = intake_new(&cross);
    int v = batchin_take(&cross, in, &by, &outer, w);
    if (v < 0)
        intake_drop(&in);
    else
        settle(&in);
    return v;
}

static struct str batch_mail(const char *type, const char *coding, struct str batch)
{
    struct buf b;
    buf_init(&b, 1u << 20);
    buf_printf(&b, "Content-Type: %s\r\n%s\r\n", type, coding);
    buf_str(&b, batch);
    struct str s = arena_str(a, buf_text(&b));
    buf_done(&b);
    return s;
}

#define HEAD "EHLO x\r\nMAIL FROM:<joe@else.test>\r\n"
#define BODY "DATA\r\nSubject: inner\r\n\r\nhello\r\n.\r\nQUIT\r\n"

/* Whom the sender may reach is what he might in a session: others hosts only who signed on. */
START_TEST(rights_of_the_client)
{
    struct why w;
    struct message **list;
    struct str batch =
        STR(HEAD "RCPT TO:<bob%mvsa@gate.example.test>\r\n"
                 "RCPT TO:<far@internet.test>\r\nRCPT TO:<smtp@gate.example.test>\r\n"
                 "RCPT TO:<@relay.test:far2@internet.test>\r\n" BODY);
    struct str mail = batch_mail("application/batch-SMTP", "", batch);
    for (int signed_on = 0; signed_on < 2; signed_on++) {
        ck_assert_int_eq(take(mail, signed_on ? "anne" : "", &w), 0);
        size_t n = cross_taken(&list), net = 0, nje = 0, report = 0;
        for (size_t i = 0; i < n; i++) {
            struct message *m = list[i];
            nje += m->to == DOOR_NJE;
            report += m->to == DOOR_SMTP && str_is(m->rcpt[0].addr, "steve@example.org");
            net += m->to == DOOR_SMTP && str_is(m->rcpt[0].addr, "far@internet.test");
            ck_assert(m->sender.n == 0 || str_is(m->sender, "joe@else.test"));
            ck_assert_uint_eq(m->nrcpt, 1);
        }
        ck_assert_uint_eq(nje, 1);
        ck_assert_uint_eq(report, 1);
        ck_assert_uint_eq(net, (size_t)signed_on);
    }
}
END_TEST

/* Who is meant, and by whom. */
START_TEST(who_may)
{
    static const struct {
        const char *rcpt, *address, *login;
        bool meant;
    } t[] = {{"smtp@gate.example.test", "192.0.2.7", "", true},
             {"MAILER@GATE.example.test", "192.0.2.7", "", true},
             {"bsmtp@gate.example.test", "192.0.2.255", "", true},
             {"bob@gate.example.test", "192.0.2.7", "", false},
             {"smtp@example.test", "192.0.2.7", "", false},
             {"smtp@gate.example.test", "192.0.3.7", "", false},
             {"smtp@gate.example.test", "127.0.0.1", "", false},
             {"smtp@gate.example.test", "127.0.0.1", "anne", true},
             {"smtp@gate.example.test", "127.0.0.1", "ann", false},
             {"smtp@gate.example.test", "192.0.3.7", "ANNE", false}};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct why w;
        struct smtp_path p;
        union endpoint at;
        ck_assert_int_eq(smtp_parse_mailbox(str_of(t[i].rcpt), a, &p, &w), 0);
        ck_assert_int_eq(
            endpoint_parse(&at, str_of(arena_printf(a, "%s:25", t[i].address).p), 0, &w), 0);
        struct batchin_client by = {.peer = &at, .login = str_of(t[i].login)};
        ck_assert_msg(batchin_meant(&cross, &by, &p) == t[i].meant, "%s from %s %s", t[i].rcpt,
                      t[i].address, t[i].login);
    }
}
END_TEST

/* Encodings, parameters, and what is no batch. */
START_TEST(forms_of_the_mail)
{
    static const struct {
        const char *type, *coding, *body;
        int reply; /* 0: taken */
    } t[] = {
        {"application/batch-SMTP", "", NULL, 0},
        {"Application/Batch-smtp; x=\"a;b\"", "Content-Transfer-Encoding: 8bit\r\n", NULL, 0},
        {"application/batch-SMTP; required-extensions=\"DSN, 8bitmime\"", "", NULL, 0},
        {"application/batch-SMTP; required-extensions=SMTPUTF8", "", NULL, 0},
        {"application/batch-SMTP; required-extensions=\"DSN CHUNKING\"", "", NULL, 554},
        {"application/batch-SMTP;required-extensions=X-MINE", "", NULL, 554},
        {"text/plain", "", NULL, 554},
        {"application/batch-SMTPX", "", NULL, 554},
        {"multipart/mixed; boundary=x", "", NULL, 554},
        {"application/batch-SMTP", "Content-Transfer-Encoding: quoted-printable\r\n",
         "EHLO=20x\r\nMAIL FROM:<joe@else=\r\n.test>\r\nRCPT TO:<bob%mvsa@gate.example.test>\r\n"
         "DATA\r\n\r\nhello\r\n=2E\r\n",
         0},
    };
    struct str good = STR(HEAD "RCPT TO:<bob%mvsa@gate.example.test>\r\n" BODY);
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct why w = {.text = ""};
        struct message **list;
        struct str body = t[i].body != NULL ? str_of(t[i].body) : good;
        int v = take(batch_mail(t[i].type, t[i].coding, body), "", &w);
        ck_assert_msg(v < 0 ? w.smtp == t[i].reply : t[i].reply == 0, "%s: %d %s", t[i].type,
                      w.smtp, w.text);
        size_t n = cross_taken(&list);
        ck_assert_msg(n == (t[i].reply == 0 ? 1u : 0u), "%s: %zu", t[i].type, n);
        ck_assert(n == 0 || str_is(list[0]->sender, "joe@else.test"));
    }
}
END_TEST

/* A circle ends; lines and header have the limits of the door; others' words in our name go. */
START_TEST(limits_of_the_door)
{
    struct buf batch;
    struct why w;
    struct message **list;
    buf_init(&batch, 4u << 20);
    for (int k = 0; k < 3; k++) {
        buf_reset(&batch);
        buf_z(&batch, HEAD "RCPT TO:<bob%mvsa@gate.example.test>\r\nDATA\r\n");
        for (int i = 0; i < (k == 0 ? 31 : 30); i++)
            buf_z(&batch, "Received: from a by b\r\n");
        if (k == 1) {
            buf_z(&batch, "X: ");
            buf_fill(&batch, 'x', 110000);
            buf_crlf(&batch);
        }
        buf_z(&batch, "\r\nbody\r\n.\r\n");
        ck_assert_int_eq(take(batch_mail("application/batch-SMTP", "", buf_text(&batch)), "", &w),
                         0);
        size_t n = cross_taken(&list);
        ck_assert_uint_eq(n, 1); /* the report, or the mail */
        ck_assert_int_eq(list[0]->to, k < 2 ? DOOR_SMTP : DOOR_NJE);
    }
    buf_done(&batch);
}
END_TEST

/* --- out --- */

static struct str decoded(struct body *body)
{
    struct why w;
    struct hdr h;
    struct cur c = body_cur(body, &w);
    struct str mail = cur_str(&c);
    struct transfer t;
    struct buf out;
    ck_assert_int_eq(hdr_parse(a, mail, &h, &w), 0);
    ck_assert(str_starts_nocase(hdr_value(&h, "Content-Type"), "application/batch-SMTP"));
    ck_assert(str_is(hdr_value(&h, "Content-Transfer-Encoding"), "base64"));
    buf_init(&out, 64u << 20);
    transfer_begin(&t, MIME_BASE64);
    transfer_put(&t, str_sub(mail, h.size, mail.n), &out);
    transfer_end(&t, &out);
    struct str s = arena_str(a, buf_text(&out));
    buf_done(&out);
    return s;
}

static void send_mail(struct str content, const struct admitted *rcpt, size_t n)
{
    struct why w;
    struct mail m = {.from = DOOR_NJE,
                     .origin_sender = STR("BOB@MVSA"),
                     .sender = STR("bob%mvsa@gate.example.test"),
                     .content = cur_of_str(content),
                     .rcpt = rcpt,
                     .nrcpt = n,
                     .ret = RET_HDRS,
                     .envid = STR("QQ")};
    struct intake *in = intake_new(&cross);
    ck_assert_msg(intake_mail(in, &m, NULL, &w) == 0, "%s", w.text);
    settle(&in);
}

/* By destination: one mail for those of each mailbox, the others by the way they always go. */
START_TEST(sorted_by_destination)
{
    struct admitted rcpt[6];
    static const char *const to[] = {"a@x.far.test", "b@far.test", "c@good.far.test",
                                     "d@X.FAR.TEST", "e@else.test"};
    struct message **list;
    for (size_t i = 0; i < 5; i++)
        rcpt[i] =
            (struct admitted){.to = DOOR_SMTP, .mailbox = str_of(to[i]), .original = str_of(to[i])};
    rcpt[5] = (struct admitted){.to = DOOR_LOCAL, /* a copy is forwarded */
                                .user = STR("ANN"),
                                .node = STR("GATE"),
                                .forward = STR("f@x.far.test"),
                                .original = STR("ann"),
                                .notify = NOTIFY_SUCCESS | NOTIFY_FAILURE};
    rcpt[0].notify = NOTIFY_SUCCESS;
    rcpt[0].orcpt = STR("rfc822;a@b+c");
    rcpt[1].notify = NOTIFY_NEVER;
    send_mail(STR("Subject: x\r\n\r\n.dot\r\n"), rcpt, 6);
    ck_assert_uint_eq(cross_taken(&list), 4); /* the last tells that ann has it */
    ck_assert_uint_eq(list[0]->nrcpt, 2);
    ck_assert(str_is(list[0]->rcpt[0].addr, "c@good.far.test"));
    ck_assert_uint_eq(list[1]->nrcpt, 1);
    ck_assert(str_is(list[1]->rcpt[0].addr, "smtp@hub.test"));
    ck_assert(str_is(list[1]->rcpt[0].dest, "hub.test"));
    ck_assert(str_is(list[1]->sender, "bob%mvsa@gate.example.test"));
    ck_assert_uint_eq(list[1]->rcpt[0].notify, NOTIFY_FAILURE | NOTIFY_DELAY);
    ck_assert(str_is(list[2]->rcpt[0].addr, "bsmtp@other.test"));
    ck_assert_uint_eq(list[2]->rcpt[0].notify, NOTIFY_NEVER);
    ck_assert(str_is(list[2]->rcpt[0].original, "b@far.test"));
    struct str batch = decoded(list[1]->body);
    ck_assert_msg(str_eq(batch, STR("EHLO gate.example.test\r\n"
                                    "MAIL FROM:<bob%mvsa@gate.example.test> SIZE=20 RET=HDRS "
                                    "ENVID=QQ\r\nRCPT TO:<a@x.far.test> NOTIFY=SUCCESS "
                                    "ORCPT=rfc822;a@b+2Bc\r\nRCPT TO:<d@X.FAR.TEST>\r\n"
                                    "RCPT TO:<f@x.far.test> NOTIFY=FAILURE\r\nDATA\r\n"
                                    "Subject: x\r\n\r\n..dot\r\n.\r\nQUIT\r\n")),
                  "%.*s", STR_ARG(batch));
}
END_TEST

/* More recipients than RFC 821 lets one count on are several batches; nobody is twice in them. */
START_TEST(many_recipients)
{
    enum { MANY = 250 };
    struct admitted rcpt[MANY];
    struct message **list;
    for (size_t i = 0; i < MANY; i++) {
        struct str mailbox = arena_printf(a, "u%zu@x.far.test", i);
        rcpt[i] = (struct admitted){.to = DOOR_SMTP, .mailbox = mailbox, .original = mailbox};
    }
    send_mail(STR("Subject: x\r\n\r\nbody\r\n"), rcpt, MANY);
    ck_assert_uint_eq(cross_taken(&list), 3);
    size_t found = 0;
    for (size_t k = 0; k < 3; k++) {
        struct str batch = decoded(list[k]->body), line;
        size_t here = 0;
        while (str_line(&batch, &line))
            here += str_starts_nocase(line, "RCPT TO:<u");
        ck_assert_uint_le(here, BATCHOUT_RCPTS);
        found += here;
    }
    ck_assert_uint_eq(found, MANY);
}
END_TEST

/* Whatever the mail is, the other side reads the same; long lines and pieces included. */
START_TEST(there_and_back)
{
    static const size_t sizes[] = {0, 1, 55, 56, 57, 58, 58367, 58368, 58369, 200000, 1000000};
    struct message **list;
    struct why w;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct buf b;
        struct admitted rcpt = {
            .to = DOOR_SMTP, .mailbox = STR("bob%mvsa@gate.example.test"), .original = STR("x")};
        buf_init(&b, 4u << 20);
        buf_z(&b, "Subject: x\r\n\r\n");
        for (size_t k = 0; k < sizes[i]; k++)
            buf_u8(&b, (uint8_t)(k % 997 == 996 ? '.' : 'a' + k % 26));
        buf_z(&b, "\r\n.\r\n..\r\n");
        struct batchout one = {.mailbox = STR("smtp@hub.test"),
                               .rcpt = (const struct admitted *[]){&rcpt},
                               .nrcpt = 1};
        struct mail m = {.sender = STR("ann@else.test"), .content = buf_cur(&b)};
        ck_assert_int_eq(batchout_make(cross.conf, cross.store, &m, 1, &one, &w), 0);
        struct cur whole = body_cur(one.body, &w);
        ck_assert_int_eq(take(cur_str(&whole), "", &w), 0);
        ck_assert_uint_eq(cross_taken(&list), 1);
        struct cross_records r = cross_records(a, list[0]->body);
        size_t octets = 0;
        for (size_t k = 0; k < r.n; k++)
            octets += cur_left(&r.record[k]);
        ck_assert_uint_ge(octets, sizes[i]);
        struct str batch = decoded(one.body);
        const char *data = memmem(batch.p, batch.n, "DATA\r\n", 6);
        struct str head = STR("Subject: x\r\n\r\n");
        struct str run = str_sub(buf_text(&b), head.n, sizes[i]);
        struct str end = STR("\r\n..\r\n...\r\n.\r\nQUIT\r\n");
        ck_assert(data != NULL && memcmp(data + 6, head.p, head.n) == 0);
        data += 6 + head.n;
        ck_assert_uint_eq((size_t)(batch.p + batch.n - data), run.n + end.n);
        ck_assert(memcmp(data, run.p, run.n) == 0 && memcmp(data + run.n, end.p, end.n) == 0);
        body_free(&one.body);
        buf_done(&b);
    }
}
END_TEST

static Suite *batch_suite(void)
{
    Suite *s = suite_create("batch");
    TCase *t = tcase_create("batch");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, rights_of_the_client);
    tcase_add_test(t, who_may);
    tcase_add_test(t, forms_of_the_mail);
    tcase_add_test(t, limits_of_the_door);
    tcase_add_test(t, sorted_by_destination);
    tcase_add_test(t, many_recipients);
    tcase_add_test(t, there_and_back);
    suite_add_tcase(s, t);
    return s;
}
UNIT(batch_suite)
