/* tests/unit/security/test_policy.c -- every source, target, GATEWAY and neighbour. */
#include "security/policy.h"

#include <string.h>

#include "unit/unit.h"

/* One column for each target in the order of enum policy_target; '+' allowed, else the enhanced
 * code's last part: 1 no user, 2 no route, 7 denied. */
static const struct {
    enum policy_source source;
    bool gateway, local;
    const char *want;
} rows[] = {
    {FROM_INTERNET, true, false, "++2177"}, {FROM_INTERNET, false, false, "+77177"},
    {FROM_NJE, true, false, "++21++"},      {FROM_NJE, false, false, "+77177"},
    {FROM_NJE, true, true, "++21++"},       {FROM_NJE, false, true, "++21++"},
    {FROM_LOCAL, true, false, "++21++"},    {FROM_LOCAL, false, false, "++21++"},
    {FROM_INTERNET, false, true, "+77177"}, /* a flag that means nothing here changes nothing */
};

START_TEST(every_row)
{
    size_t i = (size_t)_i;
    for (int target = TO_LOCAL_USER; target <= TO_INTERNET; target++) {
        struct policy_facts f = {.source = rows[i].source,
                                 .target = (enum policy_target)target,
                                 .gateway = rows[i].gateway,
                                 .neighbour_is_local = rows[i].local,
                                 .recipient = STR("joe%vm1@gw.example")};
        struct why w;
        memset(&w, 0xA5, sizeof w);
        int rc = policy_rcpt(&f, &w);
        char want = rows[i].want[target];
        if (want == '+') {
            ck_assert_msg(rc == 0, "row %zu target %d: %s", i, target, w.text);
            ck_assert_int_eq((unsigned char)w.text[0], 0xA5); /* untouched */
            continue;
        }
        ck_assert_msg(rc == (want == '7' ? E_DENIED : E_ABSENT), "row %zu target %d: %d", i, target,
                      rc);
        ck_assert_int_eq(why_smtp(&w), 550);
        ck_assert_str_eq(why_enh(&w), want == '7' ? "5.7.1" : want == '2' ? "5.1.2" : "5.1.1");
        ck_assert_msg(strncmp(w.text, "joe%vm1@gw.example: ", 20) == 0, "%s", w.text);
    }
}
END_TEST

START_TEST(says_why)
{
    struct policy_facts f = {
        .source = FROM_INTERNET, .target = TO_INTERNET, .gateway = true, .recipient = STR("a@b.c")};
    struct why w;
    ck_assert_int_eq(policy_rcpt(&f, &w), E_DENIED);
    ck_assert_ptr_nonnull(strstr(w.text, "relaying denied"));
    f.target = TO_NICKNAME;
    ck_assert_int_eq(policy_rcpt(&f, &w), E_DENIED);
    ck_assert_ptr_nonnull(strstr(w.text, "nickname"));
    char huge[2000];
    memset(huge, 'x', sizeof huge);
    f.recipient = (struct str){huge, sizeof huge};
    ck_assert_int_eq(policy_rcpt(&f, &w), E_DENIED);
    ck_assert_ptr_nonnull(strstr(w.text, "nickname")); /* the reason is not pushed out */
}
END_TEST

static const struct {
    bool secure, registered, restricted;
    const char *want; /* NULL: he may */
} users[] = {
    {false, false, false, NULL},
    {false, true, false, NULL},
    {true, true, false, NULL},
    {true, false, false, "User 'JOE@VM1' is not a registered gateway user"},
    {false, false, true, "User 'JOE@VM1' may not use this gateway (RESTRICT)"},
    {true, true, true, "User 'JOE@VM1' may not use this gateway (RESTRICT)"},
    {true, false, true, "User 'JOE@VM1' may not use this gateway (RESTRICT)"},
};

START_TEST(who_may)
{
    struct policy_user u = {users[_i].secure, users[_i].registered, users[_i].restricted,
                            STR("JOE@VM1")};
    struct why w;
    memset(&w, 0xA5, sizeof w);
    int rc = policy_user(&u, &w);
    if (users[_i].want == NULL) {
        ck_assert_int_eq(rc, 0);
        ck_assert_int_eq((unsigned char)w.text[0], 0xA5);
        return;
    }
    ck_assert_int_eq(rc, E_DENIED);
    ck_assert_str_eq(w.text, users[_i].want);
    ck_assert(why_smtp(&w) == 550 && strcmp(why_enh(&w), "5.7.1") == 0);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *s = suite_create("security/policy");
    TCase *t = tcase_create("policy");
    tcase_add_loop_test(t, every_row, 0, sizeof rows / sizeof *rows);
    tcase_add_test(t, says_why);
    tcase_add_loop_test(t, who_may, 0, sizeof users / sizeof *users);
    suite_add_tcase(s, t);
    return s;
}
UNIT(make_suite)
