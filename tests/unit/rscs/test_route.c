/* tests/unit/rscs/test_route.c -- rscs/route: which link leads to a node. */
#include <stdio.h>
#include <string.h>

#include "rscs/route.h"
#include "unit/unit.h"

static const char *link_of(const struct routes *r, const char *node)
{
    struct nje_name name = ebc_name_of(str_of(node));
    return routes_link(r, &name);
}

static void add(struct routes *r, const char *pattern, const char *link)
{
    struct why w;
    ck_assert_int_eq(routes_add(r, str_of(pattern), str_of(link), &w), OK);
}

START_TEST(longest_match)
{
    static const struct {
        const char *node, *link;
    } t[] = {
        {"NODEA", "EXACT"},      {"NODEAB", "PREFIX5"}, {"NODEB", "PREFIX4"}, {"NODE", "PREFIX4"},
        {"NODEACBD", "PREFIX5"}, {"NOD", "STAR"},       {"X", "STAR"},        {"", "STAR"},
        {"ABCDEFGH", "FULL"},    {"nodea", "EXACT"},
    };
    struct routes *r = routes_new();
    ck_assert_ptr_null(link_of(r, "NODEA"));
    add(r, "node*", "PREFIX4");
    add(r, "NODEA", "EXACT");
    add(r, "NODEA*", "PREFIX5");
    add(r, "ABCDEFGH*", "FULL");
    ck_assert_ptr_null(link_of(r, "X"));
    ck_assert_ptr_null(link_of(r, "ABCDEFG"));
    add(r, "*", "STAR");
    for (size_t i = 0; i < sizeof t / sizeof *t; i++)
        ck_assert_pstr_eq(link_of(r, t[i].node), t[i].link);
    routes_free(&r);
    ck_assert_ptr_null(r);
    routes_free(&r);
}
END_TEST

START_TEST(nulls_match_blanks)
{
    struct routes *r = routes_new();
    struct nje_name node = {{0xC1, 0xC2, 0, 0, 0, 0, 0, 0}};
    add(r, "AB", "L1");
    ck_assert_pstr_eq(routes_link(r, &node), "L1");
    routes_free(&r);
}
END_TEST

START_TEST(refusals)
{
    static const struct {
        const char *pattern, *link;
        int want;
        const char *text;
    } t[] = {
        {"", "L", E_SYNTAX, "'' is no node name, prefix* or *"},
        {"A*B", "L", E_SYNTAX, NULL},
        {"**", "L", E_SYNTAX, NULL},
        {"A B", "L", E_SYNTAX, NULL},
        {"NINECHARS", "L", E_SYNTAX, NULL},
        {"NINECHARS*", "L", E_SYNTAX, NULL},
        {"NODEB", "", E_SYNTAX, "'' is no link name"},
        {"NODEB", "NINECHARS", E_SYNTAX, NULL},
        {"NODEA", "other", E_DENIED, "NODEA is already routed through link L1"},
        {"nodea", "l1", OK, NULL},
        {"*", "L1", OK, NULL},
        {"*", "L2", E_DENIED, "* is already routed through link L1"},
    };
    struct routes *r = routes_new();
    add(r, "NODEA", "L1");
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct why w;
        ck_assert_msg(routes_add(r, str_of(t[i].pattern), str_of(t[i].link), &w) == t[i].want,
                      "row %zu", i);
        if (t[i].text != NULL)
            ck_assert_str_eq(w.text, t[i].text);
    }
    routes_free(&r);
}
END_TEST

static void count(void *arg, const char *pattern, const char *link)
{
    struct buf *b = arg;
    buf_printf(b, "%s=%s ", pattern, link);
}

START_TEST(in_order)
{
    struct routes *r = routes_new();
    struct buf b;
    buf_init(&b, 200);
    add(r, "ZULU", "L1");
    add(r, "*", "L2");
    add(r, "ALFA", "L3");
    add(r, "AL*", "L4");
    add(r, "ALFA", "L3");
    routes_each(r, count, &b);
    ck_assert_str_eq(buf_cstr(&b), "*=L2 AL*=L4 ALFA=L3 ZULU=L1 ");
    buf_done(&b);
    routes_free(&r);
}
END_TEST

START_TEST(as_many_as_may_be)
{
    struct routes *r = routes_new();
    char node[9], link[9];
    for (unsigned i = 0; i < ROUTE_MAX; i++) {
        snprintf(node, sizeof node, "N%u", i * 7919 % ROUTE_MAX);
        snprintf(link, sizeof link, "L%u", i * 7919 % ROUTE_MAX);
        add(r, node, link);
    }
    struct why w;
    ck_assert_int_eq(routes_add(r, STR("ONE"), STR("MORE"), &w), E_LIMIT);
    for (unsigned i = 0; i < ROUTE_MAX; i++) {
        snprintf(node, sizeof node, "N%u", i);
        snprintf(link, sizeof link, "L%u", i);
        ck_assert_pstr_eq(link_of(r, node), link);
    }
    routes_free(&r);
}
END_TEST

static Suite *test_route_suite(void)
{
    Suite *s = suite_create("route");
    TCase *t = tcase_create("all");
    tcase_add_test(t, longest_match);
    tcase_add_test(t, nulls_match_blanks);
    tcase_add_test(t, refusals);
    tcase_add_test(t, in_order);
    tcase_add_test(t, as_many_as_may_be);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_route_suite)
