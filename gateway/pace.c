/* gateway/pace.c -- see pace.h */
#include "gateway/pace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct listener_of {
    struct listener_of *next;
    char user[9], node[9];
    unsigned room; /* lines that may go before the next time */
    char *line[PACE_KEPT];
    size_t first, n;
    unsigned lost;
};
struct pace {
    struct loop *loop;
    pace_fn *fn;
    void *arg;
    struct timer timer;
    struct listener_of *users;
    unsigned nusers;
};

struct pace *pace_new(struct loop *l, pace_fn *fn, void *arg)
{
    struct pace *p = mem_new(sizeof *p);
    *p = (struct pace){.loop = l, .fn = fn, .arg = arg};
    return p;
}

static void user_free(struct listener_of *u)
{
    for (size_t i = 0; i < u->n; i++)
        free(u->line[(u->first + i) % PACE_KEPT]);
    free(u);
}

void pace_free(struct pace **pp)
{
    struct pace *p = *pp;
    *pp = NULL;
    if (p == NULL)
        return;
    loop_disarm(p->loop, &p->timer);
    for (struct listener_of *u = p->users, *next; u != NULL; u = next) {
        next = u->next;
        user_free(u);
    }
    free(p);
}

static void give(struct pace *p, const struct listener_of *u, struct str line)
{
    p->fn(p->arg, str_of(u->user), str_of(u->node), line);
}

/* The next screen. False when nothing is left and he may be forgotten. */
static bool next_screen(struct pace *p, struct listener_of *u)
{
    if (u->n == 0 && u->lost == 0)
        return false;
    for (u->room = PACE_LINES; u->room > 0 && u->n > 0; u->room--, u->n--) {
        char *line = u->line[u->first];
        u->first = (u->first + 1) % PACE_KEPT;
        give(p, u, str_of(line));
        free(line);
    }
    if (u->n == 0 && u->lost > 0) {
        char text[80];
        snprintf(text, sizeof text, "and %u more lines", u->lost);
        u->lost = 0;
        give(p, u, str_of(text));
    }
    return true;
}

static void tick(void *arg)
{
    struct pace *p = arg;
    for (struct listener_of **at = &p->users, *u = *at; u != NULL; u = *at) {
        if (next_screen(p, u)) {
            at = &u->next;
            continue;
        }
        *at = u->next;
        p->nusers--;
        user_free(u);
    }
    if (p->users != NULL)
        loop_arm(p->loop, &p->timer, PACE_MS, tick, p);
}

static struct listener_of *find(struct pace *p, struct str user, struct str node)
{
    struct listener_of *u = p->users;
    while (u != NULL && !(str_is(user, u->user) && str_is(node, u->node)))
        u = u->next;
    if (u != NULL || p->nusers >= PACE_USERS)
        return u;
    u = mem_new(sizeof *u);
    str_copy(u->user, sizeof u->user, user);
    str_copy(u->node, sizeof u->node, node);
    u->room = PACE_LINES;
    u->next = p->users;
    p->users = u;
    if (p->nusers++ == 0)
        loop_arm(p->loop, &p->timer, PACE_MS, tick, p);
    return u;
}

void pace_say(struct pace *p, struct str user, struct str node, struct str line)
{
    struct listener_of *u = find(p, user, node);
    if (u == NULL) { /* more ask at once than there are operators */
        p->fn(p->arg, user, node, line);
    } else if (u->room > 0 && u->n == 0) {
        u->room--;
        give(p, u, line);
    } else if (u->n == PACE_KEPT) {
        u->lost++;
    } else {
        u->line[(u->first + u->n++) % PACE_KEPT] = mem_copy(line.p, line.n);
    }
}
