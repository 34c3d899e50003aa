/* gateway/gate/snadsgate.c -- what the SNADS look-ups ask of the daemon. */
#include "gateway/gate/snadsgate.h"

#include <stdio.h>

static bool is_scheme(void *arg, struct str node)
{
    const struct gate *g = arg;
    const struct conf_node *n = conf_node_of(g->conf, node);
    return n != NULL && n->snads;
}

static bool is_routed(void *arg, struct str node)
{
    const struct gate *g = arg;
    struct nje_name name;
    return ebc_name(&name, node) && routes_link(g->routes, &name) != NULL;
}

static bool is_user(void *arg, struct str user)
{
    const struct gate *g = arg;
    return conf_user_of(g->conf, user) != NULL;
}

struct snads_world snadsgate_world(struct gate *g)
{
    return (struct snads_world){.d = store_reader(g->store),
                                .set = &g->conf->snads,
                                .names = &g->names,
                                .is_scheme = is_scheme,
                                .is_routed = is_routed,
                                .is_user = is_user,
                                .arg = g};
}

bool snadsgate_takes(struct gate *g, struct str sender, struct str node)
{
    struct snads_world s = snadsgate_world(g);
    if (s.set->address.n > 0 && str_eq_nocase(node, s.set->address))
        return true;
    return !is_routed(g, node) && snads_takes(&s, sender, node);
}

bool snadsgate_here(struct gate *g, struct str user, struct str node, struct str to_node)
{
    char sender[20];
    snprintf(sender, sizeof sender, "%.*s@%.*s", STR_ARG(user), STR_ARG(node));
    return str_eq_nocase(to_node, g->conf->local) || str_eq_nocase(to_node, g->conf->dim_node) ||
           snadsgate_takes(g, str_of(sender), to_node);
}
