/* tests/unit/rscs/scene.h -- one link, its owner and its peer, for the tests of one file */
#ifndef TESTS_SCENE_H
#define TESTS_SCENE_H

#include <check.h>
#include <string.h>

#include "base/clock.h"
#include "unit/rscs/node.h"

static struct loop *loop;
static struct node n;
static struct peer p;

__attribute__((unused)) static void begin(struct link_conf conf)
{
    clock_fake(true);
    loop = loop_new();
    node_init(&n, loop, &conf);
    peer_init(&p, &n);
}

__attribute__((unused)) static void end(void)
{
    node_free(&n);
    peer_free(&p);
    loop_free(&loop);
    clock_fake(false);
}

__attribute__((unused)) static struct link_conf dialling(void)
{
    struct link_conf c = node_conf("NODEA", "NODEB");
    c.dial = true;
    return c;
}

__attribute__((unused)) static const char *state(void)
{
    return link_state_name(link_state_of(n.link));
}

__attribute__((unused)) static void reason_has(const char *text)
{
    struct link_stat st;
    link_stat(n.link, &st);
    ck_assert_msg(strstr(st.reason, text) != NULL, "reason '%s' lacks '%s'", st.reason, text);
}

#endif
