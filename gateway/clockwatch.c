/* gateway/clockwatch.c -- see clockwatch.h */
#include "gateway/clockwatch.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "gateway/metrics.h"
#include "gateway/relay.h"

struct clockwatch {
    struct gate *g;
    struct timer timer;
    int64_t apart_us; /* time of day before the clock that only runs */
};

static int64_t apart(void)
{
    return wall_now().us - mono_now().us;
}

static void tried_anew(void *arg, const struct why *w)
{
    struct gate *g = arg;
    if (w == NULL)
        relay_rescan(g->relay);
}

static void look(void *arg)
{
    struct clockwatch *c = arg;
    int64_t now = apart(), set_s = (now - c->apart_us) / US_PER_S;
    c->apart_us = now;
    loop_arm(c->g->loop, &c->timer, CLOCK_LOOK_MS, look, c);
    if (set_s > -CLOCK_SET_S && set_s < CLOCK_SET_S)
        return;
    char text[100];
    snprintf(text, sizeof text, "the machine's clock was set %s by %lld seconds",
             set_s < 0 ? "back" : "forward", (long long)(set_s < 0 ? -set_s : set_s));
    log_event(LOG_WARN, 0, "clock", "text=%s", log_quote(str_of(text)));
    metrics_trouble(c->g, 0, "clock", STR("clock"), text);
    if (set_s < 0) {
        struct change *change = change_new(c->g->store);
        change_retry(change, DOOR_NONE, STR("*"));
        change_commit(&change, tried_anew, c->g);
    }
}

struct clockwatch *clockwatch_new(struct gate *g)
{
    struct clockwatch *c = mem_new(sizeof *c);
    c->g = g;
    c->apart_us = apart();
    loop_arm(g->loop, &c->timer, CLOCK_LOOK_MS, look, c);
    return c;
}

void clockwatch_free(struct clockwatch **c)
{
    if (*c == NULL)
        return;
    loop_disarm((*c)->g->loop, &(*c)->timer);
    free(*c);
    *c = NULL;
}
