/* gateway/clockwatch.c -- see clockwatch.h */
#include "gateway/clockwatch.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "gateway/metrics.h"
#include "gateway/relay.h"

struct jump {          /* forward */
    struct wall until; /* stamps up to this one are of the clock before it */
    int64_t us;
};
struct clockwatch {
    struct gate *g;
    struct timer timer;
    int64_t apart_us; /* time of day before the clock that only runs */
    struct jump jump[CLOCK_JUMPS];
    size_t njump;
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

static void tell(struct clockwatch *c, int64_t set_s)
{
    char text[100];
    snprintf(text, sizeof text, "the machine's clock was set %s by %lld seconds",
             set_s < 0 ? "back" : "forward", (long long)(set_s < 0 ? -set_s : set_s));
    log_event(LOG_WARN, 0, "clock", "text=%s", log_quote(str_of(text)));
    metrics_trouble(c->g, 0, "clock", STR("clock"), text);
}

/* The jump before the latest k. */
static struct jump *jump_back(struct clockwatch *c, size_t k)
{
    return k < c->njump && k < CLOCK_JUMPS ? &c->jump[(c->njump - 1 - k) % CLOCK_JUMPS] : NULL;
}

/* Set right again: what had not passed is less. */
static void take_back(struct clockwatch *c, int64_t us)
{
    struct jump *j;
    for (size_t k = 0; us > 0 && (j = jump_back(c, k)) != NULL; k++) {
        int64_t part = j->us < us ? j->us : us;
        j->us -= part;
        us -= part;
    }
}

static void check(struct clockwatch *c)
{
    int64_t now = apart(), set_us = now - c->apart_us, set_s = set_us / US_PER_S;
    c->apart_us = now;
    if (set_s > -CLOCK_SET_S && set_s < CLOCK_SET_S)
        return;
    if (set_us > 0)
        c->jump[c->njump++ % CLOCK_JUMPS] = (struct jump){{wall_now().us - set_us}, set_us};
    else
        take_back(c, -set_us);
    tell(c, set_s);
    if (set_s < 0) {
        struct change *change = change_new(c->g->store);
        change_retry(change, DOOR_NONE, STR("*"));
        change_commit(&change, tried_anew, c->g);
    }
}

static void look(void *arg)
{
    struct clockwatch *c = arg;
    check(c);
    loop_arm(c->g->loop, &c->timer, CLOCK_LOOK_MS, look, c);
}

int64_t clockwatch_set_us(struct clockwatch *c, struct wall then)
{
    if (c == NULL)
        return 0;
    check(c);
    int64_t sum = 0;
    struct jump *j;
    for (size_t k = 0; (j = jump_back(c, k)) != NULL; k++)
        sum += then.us <= j->until.us ? j->us : 0;
    return sum;
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
