/* tests/unit/aliases/test_addr.c -- address forms, read and written. */
#include "aliases/addr.h"

#include <string.h>

#include "unit/unit.h"

static const struct str alts[] = {{"mail.example.org", 16}, {"old.example.org", 15}};
static const struct addr_names plain = {.hostname = {"gw.example.org", 14},
                                        .alt = alts,
                                        .nalt = 2,
                                        .local_node = {"OURNODE", 7},
                                        .rscs_domain = {"", 0},
                                        .dim_node = {"SMTPGATE", 8}};

static struct addr_names with_net(const char *net, const char *alt)
{
    struct addr_names n = plain;
    n.rscs_domain = str_of(net);
    n.alt_rscs_domain = str_of(alt);
    return n;
}

/* "bare user", "nje user node", "net mailbox", "bad enh" */
static struct str shown(struct arena *a, const struct addr_names *n, const char *local,
                        const char *domain)
{
    struct why w;
    memset(&w, 0xA5, sizeof w);
    struct addr r = addr_read(a, n, str_of(local), str_of(domain), &w);
    switch (r.kind) {
    case ADDR_BARE:
        return arena_printf(a, "bare %.*s", STR_ARG(r.user));
    case ADDR_NJE:
        return arena_printf(a, "nje %.*s %.*s", STR_ARG(r.user), STR_ARG(r.node));
    case ADDR_NET:
        return arena_printf(a, "net %.*s", STR_ARG(r.mailbox));
    case ADDR_BAD:
        ck_assert_int_eq(why_smtp(&w), 550);
        ck_assert_uint_gt(strlen(w.text), 10);
        return arena_printf(a, "bad %s", why_enh(&w));
    }
    return STR("?");
}

struct read_case {
    const char *local, *domain, *want;
};

static void check_reads(const struct addr_names *n, const struct read_case *c, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct arena *a = arena_new(65536);
        struct str got = shown(a, n, c[i].local, c[i].domain);
        ck_assert_msg(str_eq(got, str_of(c[i].want)), "%s@%s: got %.*s, want %s", c[i].local,
                      c[i].domain, STR_ARG(got), c[i].want);
        arena_free(&a);
    }
}
#define CHECK_READS(names, cases) check_reads(names, cases, sizeof cases / sizeof *cases)

START_TEST(reads_without_a_net)
{
    static const struct read_case c[] = {
        {"maint", "gw.example.org", "bare maint"},
        {"Fred.Smith", "GW.Example.ORG", "bare Fred.Smith"},
        {"maint", "gw.example.org.", "bare maint"},
        {"maint", "old.example.org", "bare maint"},
        {"Postmaster", "", "bare Postmaster"},
        {"maint%vm1", "gw.example.org", "nje MAINT VM1"},
        {"ma$#@_-1%v$#@1", "mail.example.org", "nje MA$#@_-1 V$#@1"},
        {"maint%ournode", "gw.example.org", "nje MAINT OURNODE"},
        {"maint%vm1%ournode", "gw.example.org", "nje MAINT VM1"},
        {"maint%vm1%gw.example.org", "gw.example.org", "nje MAINT VM1"},
        {"maint%vm1%old.example.org%OurNode", "gw.example.org", "nje MAINT VM1"},
        {"maint%gw.example.org", "gw.example.org", "bare maint"},
        {"maint%n1%n2", "gw.example.org", "bad 5.1.1"},
        {"maint123x%vm1", "gw.example.org", "bad 5.1.1"},
        {"maint%vm1234567", "gw.example.org", "bad 5.1.1"},
        {"12345678%12345678", "gw.example.org", "nje 12345678 12345678"},
        {"%vm1", "gw.example.org", "bad 5.1.1"},
        {"maint%", "gw.example.org", "bad 5.1.1"},
        {"first.last%vm1", "gw.example.org", "bad 5.1.1"},
        {"joe%example.com", "gw.example.org", "net joe@example.com"},
        {"joe%vm1", "example.com", "net joe%vm1@example.com"},
        {"Joe", "EXAMPLE.com", "net Joe@example.com"},
        {"joe", "sub.gw.example.org", "net joe@sub.gw.example.org"},
        {"joe", "vm1", "net joe@vm1"},
        {"joe", "ournode", "net joe@ournode"},
        {"joe blow", "example.com", "net \"joe blow\"@example.com"},
        {"a\"b\\c", "example.com", "net \"a\\\"b\\\\c\"@example.com"},
        {"joe..", "example.com", "net \"joe..\"@example.com"},
        {"joe", "[192.0.2.1]", "net joe@[192.0.2.1]"},
        {"", "example.com", "bad 5.1.3"},
        {"joe\r\nRCPT", "example.com", "bad 5.1.3"},
        {"joe", "exam\nple.com", "bad 5.1.3"},
        {"x", ".", "bare x"},
    };
    CHECK_READS(&plain, c);
}
END_TEST

START_TEST(reads_with_an_undotted_net)
{
    static const struct read_case c[] = {
        {"maint%vm1.rscsnet", "gw.example.org", "nje MAINT VM1"},
        {"maint%vm1.BITNET", "gw.example.org", "nje MAINT VM1"},
        {"maint%vm1", "gw.example.org", "nje MAINT VM1"},
        {"maint", "vm1.RSCSNET", "nje MAINT VM1"},
        {"maint", "ournode.RSCSNET", "nje MAINT OURNODE"},
        {"maint%vm2", "ournode.RSCSNET", "nje MAINT VM2"},
        {"maint%vm2", "vm1.RSCSNET", "bad 5.1.1"},
        {"maint", "rscsnet", "bad 5.1.2"},
        {"maint%bitnet", "gw.example.org", "bad 5.1.2"},
        {"maint", ".rscsnet", "net maint@.rscsnet"},
        {"maint", "x.y.rscsnet", "bad 5.1.1"},
        {"maint", "xrscsnet", "net maint@xrscsnet"},
    };
    struct addr_names n = with_net("RSCSNET", "bitnet");
    CHECK_READS(&n, c);
}
END_TEST

START_TEST(reads_with_a_dotted_net)
{
    static const struct read_case c[] = {
        {"maint", "vm1.nje.example.org", "nje MAINT VM1"},
        {"maint", "VM1.NJE.example.org.", "nje MAINT VM1"},
        {"first.last", "vm1.nje.example.org", "bad 5.1.1"},
        {"maint", "longnodename.nje.example.org", "bad 5.1.1"},
        {"maint", "nje.example.org", "bad 5.1.2"},
        {"maint", "vm1.alt.example", "nje MAINT VM1"},
        {"maint%vm1.nje.example.org", "gw.example.org", "nje MAINT VM1"},
        {"maint%vm1", "example.org", "net maint%vm1@example.org"},
    };
    struct addr_names n = with_net("nje.example.org", "alt.example");
    CHECK_READS(&n, c);
}
END_TEST

/* The gateway's own name may lie within the network's domain: it stays the gateway. */
START_TEST(host_within_the_net)
{
    static const struct read_case c[] = {
        {"maint", "gw.example.org", "bare maint"},
        {"maint%vm1", "gw.example.org", "nje MAINT VM1"},
        {"maint", "vm1.example.org", "nje MAINT VM1"},
    };
    struct addr_names n = with_net("example.org", "");
    CHECK_READS(&n, c);
}
END_TEST

START_TEST(long_mailbox_is_refused)
{
    char local[300];
    memset(local, 'a', sizeof local - 1);
    local[sizeof local - 1] = '\0';
    struct read_case c[] = {{local, "example.com", "bad 5.1.3"}};
    CHECK_READS(&plain, c);
    local[254 - 12] = '\0';
    struct arena *a = arena_new(65536);
    struct why w;
    ck_assert_int_eq(addr_read(a, &plain, str_of(local), STR("example.com"), &w).kind, ADDR_NET);
    arena_free(&a);
}
END_TEST

START_TEST(writes_the_senders_table)
{
    static const struct {
        const char *net, *user, *node, *want;
    } c[] = {
        {"", "HAYES", "OURNODE", "HAYES@gw.example.org"},
        {"RSCSNET", "HAYES", "ournode", "HAYES@gw.example.org"},
        {"nje.example.org", "HAYES", "OURNODE", "HAYES@gw.example.org"},
        {"", "HAYES", "WTSCPOK", "HAYES%WTSCPOK@gw.example.org"},
        {"RSCSNET", "HAYES", "WTSCPOK", "HAYES%WTSCPOK.RSCSNET@gw.example.org"},
        {"nje.example.org", "HAYES", "WTSCPOK", "HAYES@WTSCPOK.nje.example.org"},
        {"nje.example.org", "HAYES", "WT$CPOK", "HAYES%WT$CPOK.nje.example.org@gw.example.org"},
        {"nje.example.org", "HA@ES", "WTSCPOK", "\"HA@ES\"@WTSCPOK.nje.example.org"},
        {"", "HA:ES", "VM1", "\"HA:ES%VM1\"@gw.example.org"},
        {"", "A@B", "OURNODE", "\"A@B\"@gw.example.org"},
    };
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        struct arena *a = arena_new(65536);
        struct addr_names n = with_net(c[i].net, "");
        struct str got = addr_internet(a, &n, str_of(c[i].user), str_of(c[i].node));
        ck_assert_msg(str_eq(got, str_of(c[i].want)), "%s at %s: %.*s, want %s", c[i].user,
                      c[i].node, STR_ARG(got), c[i].want);
        arena_free(&a);
    }
}
END_TEST

/* What is written is read as the same user: the writer is the reader's oracle. Own users come back
 * bare. */
START_TEST(writes_what_it_reads)
{
    static const char *const nets[] = {"", "RSCSNET", "nje.example.org"};
    static const char *const users[] = {"A", "HAYES", "$#_-+", "ABCDEFGH", "12345678"};
    static const char *const nodes[] = {"V", "WTSCPOK", "A$B#C_-D", "12345678", "-A", "A-"};
    for (size_t i = 0; i < 3 * 5 * 6; i++) {
        struct addr_names n = with_net(nets[i % 3], "");
        const char *user = users[i / 3 % 5], *node = nodes[i / 15];
        struct arena *a = arena_new(65536);
        struct why w;
        struct str box = addr_internet(a, &n, str_of(user), str_of(node));
        ptrdiff_t at = str_find_last(box, '@');
        struct addr r =
            addr_read(a, &n, str_sub(box, 0, (size_t)at), str_sub(box, (size_t)at + 1, box.n), &w);
        ck_assert_msg(r.kind == ADDR_NJE && str_is(r.user, user) && str_is(r.node, node),
                      "%s at %s became %.*s", user, node, STR_ARG(box));
        arena_free(&a);
    }
}
END_TEST

START_TEST(knows_what_is_ours)
{
    struct addr_names n = with_net("RSCSNET", "alt.example");
    static const char *const ours[] = {"gw.example.org", "OLD.example.org", "rscsnet",
                                       "vm1.rscsnet",    "vm1.ALT.example", "alt.example"};
    static const char *const not [] = {"",    "example.org", "rscsnet.org",
                                       "vm1", ".rscsnet",    "sub.gw.example.org"};
    for (size_t i = 0; i < 6; i++) {
        ck_assert_msg(addr_is_ours(&n, str_of(ours[i])), "%s", ours[i]);
        ck_assert_msg(!addr_is_ours(&n, str_of(not [i])), "%s", not [i]);
    }
    ck_assert(!addr_is_ours(&plain, STR("rscsnet")));
}
END_TEST

START_TEST(userids_and_reserved_words)
{
    static const char *const good[] = {"a", "A1$#@_-+", ":", "ABCDEFGH"};
    static const char *const wrong[] = {"", "ABCDEFGHI", "A.B", "A B", "A%B", "\xC3\xA4", "A!"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_msg(addr_userid_ok(str_of(good[i])), "%s", good[i]);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!addr_userid_ok(str_of(wrong[i])), "%s", wrong[i]);
    ck_assert(!addr_userid_ok((struct str){"A\0B", 3}));
    static const char *const taken[] = {"SMTP",       "mailer", "BSMTP",   "DIM",
                                        "PostMaster", "QSM1",   "qsm99999"};
    static const char *const open[] = {"", "SMTPX", "SMT", "QSM", "QSM1X", "QSMX", "DIM1", "QS1"};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        ck_assert_msg(addr_reserved(str_of(taken[i])), "%s", taken[i]);
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        ck_assert_msg(!addr_reserved(str_of(open[i])), "%s", open[i]);
}
END_TEST

START_TEST(keys_fold_the_domain_only)
{
    struct arena *a = arena_new(4096);
    struct str k = addr_mailbox_key(a, STR("Joe.Blow"), STR("Example.COM"));
    ck_assert_msg(str_eq(k, STR("Joe.Blow@example.com")), "%.*s", STR_ARG(k));
    ck_assert(str_eq(addr_fold_domain(a, STR("\"A@B\"@Example.COM")), STR("\"A@B\"@example.com")));
    ck_assert(str_eq(addr_fold_domain(a, STR("Joe.Blow")), STR("Joe.Blow")));
    k = addr_mailbox_key(a, STR("a b"), STR("B\xc3\x9c\x63her.example"));
    ck_assert_msg(str_eq(k, STR("\"a b\"@xn--bcher-kva.example")), "%.*s", STR_ARG(k));
    k = addr_mailbox_key(a, STR("a b"), STR("X"));
    ck_assert_msg(str_eq(k, STR("\"a b\"@x")), "%.*s", STR_ARG(k));
    arena_free(&a);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *s = suite_create("aliases/addr");
    TCase *t = tcase_create("addr");
    tcase_add_test(t, reads_without_a_net);
    tcase_add_test(t, reads_with_an_undotted_net);
    tcase_add_test(t, reads_with_a_dotted_net);
    tcase_add_test(t, host_within_the_net);
    tcase_add_test(t, long_mailbox_is_refused);
    tcase_add_test(t, writes_the_senders_table);
    tcase_add_test(t, writes_what_it_reads);
    tcase_add_test(t, knows_what_is_ours);
    tcase_add_test(t, userids_and_reserved_words);
    tcase_add_test(t, keys_fold_the_domain_only);
    suite_add_tcase(s, t);
    return s;
}
UNIT(make_suite)
