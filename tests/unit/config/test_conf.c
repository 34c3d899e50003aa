/* tests/unit/config/test_conf.c -- the configuration: values, every problem with its line, IBM's
 * manners. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/config/conf.h"
#include "unit/unit.h"

struct heard {
    char text[4096];
    unsigned errors, warnings;
};

static void hear(void *arg, const char *file, unsigned line, bool error, const char *text)
{
    struct heard *h = arg;
    size_t n = strlen(h->text);
    const char *base = strrchr(file, '/') != NULL ? strrchr(file, '/') + 1 : file;
    snprintf(h->text + n, sizeof h->text - n, "%s:%u: %s\n", base, line, text);
    *(error ? &h->errors : &h->warnings) += 1;
}

static const char *write_file(const char *name, const char *text)
{
    static char path[400];
    static const char *folder;
    if (folder == NULL || strcmp(name, "conf") == 0)
        folder = folder != NULL ? folder : unit_tmp();
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    ck_assert(f != NULL);
    fputs(text, f);
    fclose(f);
    return path;
}

static struct conf *load(const char *text, struct heard *h)
{
    *h = (struct heard){0};
    return conf_load(write_file("conf", text), hear, h);
}

#define LEAST "LOCAL GATE\nHOSTNAME gw.example\nLISTENSMTP 2525\n"

static bool says(struct str s, const char *z)
{
    return str_eq(s, str_of(z));
}

START_TEST(values_and_defaults)
{
    struct heard h;
    struct conf *c =
        load("; a comment\n* another\n" LEAST "gateway ; on\nRscsDomain net.example\nRETRYAGE 3\n"
             "linkdefine vm1 type tcpnje node vmhost ast\n"
             "PARM VM1 HOST=192.0.2.1 PORT=1750 STREAMS=2\nPARM VM1 BUFF=4096\n"
             "ROUTE AB* TO VM1\nNODE MVS38 FORMAT=PUNCH CODEPAGE=1047\n"
             "LOCALUSER hayes MBOX=Hayes@Example.ORG\nDESTINATION .a.example [::1]:26\n",
             &h);
    ck_assert_msg(c != NULL, "%s", h.text);
    ck_assert_str_eq(h.text, "");
    ck_assert(c->gateway && c->retry_age == 3 && c->retry_int == 20 &&
              c->max_mail_bytes == 104857600);
    ck_assert(says(c->local, "GATE") && says(c->dim_node, "GATE") &&
              says(c->rscs_domain, "net.example"));
    ck_assert_uint_eq(c->nlink, 1);
    ck_assert(says(c->link[0].name, "VM1") && says(c->link[0].node, "VMHOST") && c->link[0].start);
    ck_assert(c->link[0].port == 1750 && c->link[0].streams == 2 && c->link[0].bufsize == 4096);
    ck_assert(says(c->route[0].pattern, "AB*") && says(c->route[0].link, "VM1"));
    ck_assert_int_eq(conf_node_of(c, STR("mvs38"))->format, FORMAT_PUNCH);
    ck_assert_str_eq(ebc_page_name(conf_page_of(c, STR("MVS38"))), "1047");
    ck_assert_str_eq(ebc_page_name(conf_page_of(c, STR("OTHER"))), "037");
    ck_assert(says(conf_user_of(c, STR("Hayes"))->mailbox, "Hayes@Example.ORG"));
    ck_assert(says(c->destination[0].host, "::1") && c->destination[0].port == 26);
    conf_free(&c);
    ck_assert_ptr_null(c);
}
END_TEST

/* A user's own page, wherever he is, goes before his node's, that before its link's and the
 * default.
 */
START_TEST(code_pages_of_users)
{
    struct heard h;
    struct conf *c = load(LEAST "CODEPAGE 273 hans@vmde KLAUS@VMDE\nCODEPAGE 500\n"
                                "CODEPAGE 278 LARS@GATE\nNODE VMDE CODEPAGE=1141\n"
                                "LINKDEFINE FR TYPE TCPNJE NODE VMFR\nPARM FR CODEPAGE=297\n"
                                "LOCALUSER OLE CODEPAGE=277\nLOCALUSER LARS CODEPAGE=277\n",
                          &h);
    static const struct {
        const char *user, *node, *page;
    } want[] = {
        {"HANS", "VMDE", "273"}, {"Klaus", "vmde", "273"}, {"ANNA", "VMDE", "1141"},
        {"HANS", "VMFR", "297"}, {"HANS", "OTHER", "500"}, {"OLE", "GATE", "277"},
        {"LARS", "GATE", "278"}, {"OLE", "VMDE", "1141"},
    };
    ck_assert_msg(c != NULL, "%s", h.text);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        ck_assert_str_eq(
            ebc_page_name(conf_page_for(c, str_of(want[i].user), str_of(want[i].node))),
            want[i].page);
    /* In a reader: the sender's, and where that is just the default, the reader's. */
    ck_assert_str_eq(ebc_page_name(conf_page_here(c, STR("OLE"), STR("HANS"), STR("VMDE"))), "273");
    ck_assert_str_eq(ebc_page_name(conf_page_here(c, STR("OLE"), STR("X"), STR("OTHER"))), "277");
    struct buf shown;
    buf_init(&shown, 1 << 16);
    conf_show(c, &shown);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&shown), "\nCODEPAGE 273 HANS@VMDE\n"));
    ck_assert_ptr_nonnull(strstr(buf_cstr(&shown), "\nCODEPAGE 500\n"));
    buf_done(&shown);
    conf_free(&c);
    c = load(LEAST "CODEPAGE 273 HANS@VMDE\nDBCS SJISKANJI\n", &h); /* the default is still free */
    if (c != NULL)
        ck_assert_str_eq(h.text, "");
    conf_free(&c);
}
END_TEST

/* One statement added to the least file: what is said of it. line 4 is the statement. */
static const struct {
    const char *statement, *want;
    bool error;
} problems[] = {
    {"GATEWEY", "conf:4: unknown statement GATEWEY, did you mean GATEWAY?\n", true},
    {"XYZZY 1", "conf:4: unknown statement XYZZY\n", true},
    {"MAXHOPS 0", "conf:4: MAXHOPS 0: must be a number from 1 to 255\n", true},
    {"RETRYAGE 999", "conf:4: RETRYAGE 999: not a number from 0 to 365, the default 5 is used\n",
     false},
    {"RETRYINT soon",
     "conf:4: RETRYINT soon: not a number from 0 to 1440, the default 20 is used\n", false},
    {"RSCSFORMAT PAPER", "conf:4: RSCSFORMAT PAPER: must be one of NETDATA|PUNCH\n", true},
    {"HOSTNAME b\xc3\xbc\x63her..example",
     "conf:4: \"b\xc3\xbc\x63her..example\" can be no domain name: a label between its dots is "
     "empty\n",
     true},
    {"DESTINATION ..example mx.example",
     "conf:4: \"..example\" can be no domain name: a label between its dots is empty\n", true},
    {"RSCSDOMAIN", "conf:4: RSCSDOMAIN: a value is missing\n", true},
    {"RSCSDOMAIN a b", "conf:4: RSCSDOMAIN: one value is enough, \"b\" is too much\n", true},
    {"LISTENSMTP nowhere:x", NULL, true},
    {"LOCALUSER TOOLONGNAME",
     "conf:4: LOCALUSER \"TOOLONGNAME\" must be 1 to 8 characters of A-Z 0-9 $ # @ _ - + :\n",
     true},
    {"LOCALUSER SMTP", "conf:4: LOCALUSER SMTP: the name is kept for the gateway itself\n", true},
    {"LOCALUSER QSM01", "conf:4: LOCALUSER QSM01: the name is kept for the gateway itself\n", true},
    {"LOCALUSER A MBOX=@example.org", "conf:4: LOCALUSER A: MBOX must be user@host\n", true},
    {"LOCALUSER A MBOX=a@", "conf:4: LOCALUSER A: MBOX must be user@host\n", true},
    {"LOCALUSER A MBOX=a@b\xc3\xbc\x63her..example",
     "conf:4: \"b\xc3\xbc\x63her..example\" can be no domain name: a label between its dots is "
     "empty\n",
     true},
    {"LOCALUSER A MBOX=nobody", "conf:4: LOCALUSER A: MBOX must be user@host\n", true},
    {"PARM VM1 HOST=a HOST=b", NULL, true},
    {"PARM VM1 BUFF=40000", NULL, true},
    {"LINKDEFINE VM1 TYPE SNANJE NODE VM1", "conf:4: LINKDEFINE VM1: TYPE must be TCPNJE\n", true},
    {"LINKDEFINE VM1 TYPE TCPNJE", NULL, true},
    {"ROUTE X TO NOLINK", "conf: ROUTE X TO NOLINK: there is no such link\n", true},
    {"CODEPAGE 4711", "conf:4: code page \"4711\" is not known\n", true},
    {"CODEPAGE 273 HANS", "conf:4: CODEPAGE: \"HANS\" must be user@node\n", true},
    {"CODEPAGE 273 @VMDE", "conf:4: CODEPAGE: \"@VMDE\" must be user@node\n", true},
    {"CODEPAGE 273 A@B a@b", "conf:4: CODEPAGE: a@b has one already\n", true},
    {"CODEPAGE 273 A@TOOLONGNODE", NULL, true},
    {"SECURE LOOSE", "conf:4: SECURE: \"LOOSE\" must be STRICT, or nothing\n", true},
    {"RESTRICT KEEP A@B ENDRESTRICT",
     "conf:4: RESTRICT \"KEEP\": must be PURGE, RETURN or TRANSFERTO userid\n", true},
    {"RESTRICT PURGE A ENDRESTRICT",
     "conf:4: RESTRICT \"A\": must be user@node, *@node or user@*\n", true},
    {"RESTRICT PURGE ENDRESTRICT", "conf:4: RESTRICT: nobody is named\n", true},
    {"RESTRICT PURGE A@B", "conf:4: ENDRESTRICT is missing\n", true},
    {"RESTRICT TRANSFER NOUSER *@B ENDRESTRICT",
     "conf: RESTRICT TRANSFERTO NOUSER: there is no LOCALUSER NOUSER\n", true},
    {"TLSCERT a.pem",
     "conf: TLSCERT without TLSKEY: the private key of the certificate is missing\n", true},
    {"TLSKEY a.key", "conf: TLSKEY without TLSCERT: the certificate of the key is missing\n", true},
    {"LISTENNJE 2252 TLS", "conf: LISTENNJE ... TLS needs a certificate: TLSCERT and TLSKEY\n",
     true},
    {"LISTENNJE 2252 SSL", "conf:4: LISTENNJE: \"SSL\" is too much\n", true},
    {"LISTENNJE 2252 TLS now", NULL, true},
    {"PARM VM1 TLS=MAYBE", "conf:4: PARM TLS=MAYBE: must be one of NO|YES|VERIFY\n", true},
    {"SMARTHOST mx.example TLS=MAYBE",
     "conf:4: SMARTHOST TLS=MAYBE: must be one of MAY|NO|ENCRYPT|REQUIRED|DANE|VERIFY\n", true},
    {"TLSPOLICY \xe2\x98\xba.example MAY",
     "conf:4: \"\xe2\x98\xba.example\" can be no domain name\n", true},
    {"SMARTHOST mx.example LMTP", "conf:4: SMARTHOST: \"LMTP\" is not known\n", true},
    {"SMARTHOST mx.example USER=a PASSWORDFILE=none", NULL, true},
    {"DESTINATION a.example /run/x",
     "conf:4: DESTINATION a.example: a socket in the file system is "
     "for LMTP\n",
     true},
    {"DESTINATION a.example /run/x LMTP TLS=REQUIRED", NULL, true},
    {"DESTINATION a.example", NULL, true},
    {"TLSPOLICY a.example", NULL, true},
    {"TLSPOLICY a.example MAY NOT", "conf:4: \"NOT\" is too much\n", true},
    {"SMARTHOST mx.example USER=a", NULL, true},
    {"TLS MAYBE", NULL, true},
    {"TLS REQUIRED", "conf: TLS REQUIRED needs a certificate: TLSCERT and TLSKEY\n", true},
    {"MAILER XMAILER RSCS", NULL, true},
    {"BADSPOOLFILEID NOBODY", NULL, false},
    {"ATSIGN ab", "conf:4: ATSIGN: must be one character\n", true},
    {"REWRITE822HEADER MAYBE", "conf:4: REWRITE822HEADER: the form is YES [PRINT|NOPRINT] or NO\n",
     true},
    {"REWRITE822HEADER NO PRINT", NULL, true},
    {"RULES /nowhere/smtp.rules", "conf: RULES: /nowhere/smtp.rules: No such file or directory\n",
     true},
    {"REWRITE822HEADER NO\nRULES x.rules",
     "conf: warning: RULES x.rules is not read: REWRITE822HEADER NO\n", false},
    {"CHECKSPOOLSIZE", NULL, false},
    {"INCLUDE missing", NULL, true},
    {"SMSGAUTHLIST A", "conf:4: ENDSMSGAUTHLIST is missing\n", true},
};

START_TEST(each_problem_is_told)
{
    struct heard h;
    char text[400];
    snprintf(text, sizeof text, LEAST "%s\n", problems[_i].statement);
    struct conf *c = load(text, &h);
    ck_assert_msg((c == NULL) == problems[_i].error, "%s: %s", problems[_i].statement, h.text);
    ck_assert_msg(h.errors + h.warnings >= 1, "%s", problems[_i].statement);
    if (problems[_i].want != NULL && strncmp(problems[_i].want, "conf: ", 6) != 0)
        ck_assert_msg(strncmp(h.text, problems[_i].want, strlen(problems[_i].want)) == 0, "%s",
                      h.text); /* what follows from it may come after */
    conf_free(&c);
}
END_TEST

START_TEST(all_problems_not_only_the_first)
{
    struct heard h;
    struct conf *c = load("LOCAL TOOLONGNODE\nBAD1\nBAD2\nPORT 99999\nMAXHOPS x\n", &h);
    ck_assert_ptr_null(c);
    ck_assert_uint_eq(h.errors, 5);
    ck_assert_uint_eq(h.warnings, 2); /* the port, and that nothing can arrive */
}
END_TEST

START_TEST(include_and_relative_paths)
{
    struct heard h;
    write_file("ibm", "* IBM's own file\nRETRYAGE 2\nMAILFILEDSPREFIX SMTP\nNJEDOMAIN old.example\n"
                      "SMSGAUTHLIST\n  OPERATOR\n MAINT@VM1 ENDSMSGAUTHLIST\n");
    struct conf *c = load(LEAST "INCLUDE ibm\nDATABASE sub/x.db\n", &h);
    ck_assert_msg(c != NULL, "%s", h.text);
    ck_assert_str_eq(
        h.text,
        "ibm:3: MAILFILEDSPREFIX has no effect: queue files are in the DATABASE and SPOOLDIR\n");
    ck_assert(c->retry_age == 2 && says(c->rscs_domain, "old.example"));
    ck_assert_uint_eq(c->nsmsg_auth, 2);
    ck_assert(says(c->smsg_auth[1], "MAINT@VM1"));
    ck_assert(c->database.p[0] == '/' && str_ends_nocase(c->database, "/sub/x.db"));
    ck_assert(str_ends_nocase(c->spooldir, "/sub"));
    conf_free(&c);
    c = load(LEAST "INCLUDE conf\n", &h); /* itself, for ever */
    ck_assert_ptr_null(c);
}
END_TEST

START_TEST(what_is_shown_can_be_read_again)
{
    struct heard h;
    bool said;
    struct conf *c =
        load(LEAST "GATEWAY\nLINKDEFINE L TYPE TCPNJE NODE N\nROUTE * TO L\nLOCALUSER A\n"
                   "SECURE STRICT\nMEMO conf\nRESTRICT TRANSFER a\n  *@x\n u@* ENDRESTRICT\n"
                   "RESTRICT PURGE b@y ENDRESTRICT\n"
                   "DIMNODE DIM CLOSED\nSMARTHOST relay.example:26\n"
                   "SMARTHOST other.example TLS=REQUIRED\nSMARTHOST third.example tls=no\n"
                   "DESTINATION pop.example /run/dovecot/lmtp LMTP\n"
                   "DESTINATION .imap.example [::1] LMTP TLS=VERIFY\n"
                   "TLSPOLICY .bank.example DANE\nTLSPOLICY * ENCRYPT\n"
                   "TLSCERT a.pem\nTLSKEY /b.key\nTLSCA ca.pem\nLISTENNJE 2252 TLS\n"
                   "LINKDEFINE M TYPE TCPNJE NODE O\nPARM M HOST=vm.example TLS=VERIFY\n",
             &h);
    ck_assert_ptr_nonnull(c);
    ck_assert(c->secure && c->secure_strict && c->nrestricted == 3);
    ck_assert(says(c->restricted[1].user, "U") && says(c->restricted[1].node, "*") &&
              says(c->restricted[1].transfer, "A"));
    ck_assert(str_ends_nocase(c->tls_cert, "/a.pem") && says(c->tls_key, "/b.key"));
    ck_assert(c->smarthost[0].tls == HOST_TLS_MAY && c->smarthost[1].tls == HOST_TLS_REQUIRED &&
              c->smarthost[2].tls == HOST_TLS_NO);
    ck_assert(c->destination[0].lmtp && says(c->destination[0].host, "/run/dovecot/lmtp"));
    ck_assert(c->destination[1].port == 24 && c->destination[1].tls == HOST_TLS_REQUIRED &&
              says(c->destination[1].host, "::1"));
    ck_assert(conf_tls_of(c, STR("a.Bank.example"), &said) == HOST_TLS_DANE && said);
    ck_assert(conf_tls_of(c, STR("bank.example"), &said) == HOST_TLS_ENCRYPT);
    ck_assert_ptr_eq(conf_route_of(c, STR("x.IMAP.example")), &c->destination[1]);
    ck_assert_ptr_null(conf_route_of(c, STR("imap.example")));
    ck_assert(c->link[0].tls == LINK_TLS_NO && c->link[1].tls == LINK_TLS_VERIFY &&
              c->link[1].port == 2252 && c->listen_nje[0].tls);
    struct buf first, second;
    buf_init(&first, 1 << 20);
    buf_init(&second, 1 << 20);
    conf_show(c, &first);
    conf_free(&c);
    c = load(buf_cstr(&first), &h);
    ck_assert_msg(c != NULL, "%s", h.text);
    conf_show(c, &second);
    ck_assert_str_eq(buf_cstr(&first), buf_cstr(&second));
    conf_free(&c);
    buf_done(&first);
    buf_done(&second);
}
END_TEST

/* However a domain is written here or on the wire: A-labels are compared. */
START_TEST(domains_in_u_labels)
{
    struct heard h;
    bool said;
    struct conf *c = load(LEAST "DESTINATION .m\xc3\xbcnchen.example mx.k\xc3\xb6ln.example\n"
                                "TLSPOLICY B\xc3\x9c\x63her.example DANE\n"
                                "ALTTCPHOSTNAME g\xc3\xa4te.example\n"
                                "LOCALUSER A MBOX=j\xc3\xb6@B\xc3\x9c\x63her.Example\n"
                                "SMARTHOST stra\xc3\x9f\x65.example:26\n",
                          &h);
    ck_assert_msg(c != NULL, "%s", h.text);
    ck_assert(says(c->destination[0].domain, ".xn--mnchen-3ya.example"));
    ck_assert(says(c->destination[0].host, "mx.xn--kln-sna.example"));
    ck_assert_ptr_nonnull(conf_route_of(c, STR("a.XN--mnchen-3ya.example")));
    ck_assert(conf_tls_of(c, STR("xn--bcher-kva.example"), &said) == HOST_TLS_DANE && said);
    ck_assert(says(c->user[0].mailbox, "j\xc3\xb6@xn--bcher-kva.example"));
    ck_assert(says(c->alt_host[0], "xn--gte-qla.example"));
    ck_assert(says(c->smarthost[0].host, "xn--strae-oqa.example") && c->smarthost[0].port == 26);
    conf_free(&c);
}
END_TEST

static Suite *conf_suite(void)
{
    Suite *s = suite_create("conf");
    TCase *t = tcase_create("conf");
    tcase_add_test(t, values_and_defaults);
    tcase_add_test(t, code_pages_of_users);
    tcase_add_test(t, domains_in_u_labels);
    tcase_add_loop_test(t, each_problem_is_told, 0, (int)(sizeof problems / sizeof problems[0]));
    tcase_add_test(t, all_problems_not_only_the_first);
    tcase_add_test(t, include_and_relative_paths);
    tcase_add_test(t, what_is_shown_can_be_read_again);
    suite_add_tcase(s, t);
    return s;
}
UNIT(conf_suite)
