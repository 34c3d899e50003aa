/* gateway/gate/snadsgate.h -- the SNADS look-ups (aliases/snads.h) with this daemon's
 * configuration, routes and database. */
#ifndef GATEWAY_GATE_SNADSGATE_H
#define GATEWAY_GATE_SNADSGATE_H

#include "aliases/snads.h"
#include "gateway/gate/gate.h"

/* Good until the next reload. */
struct snads_world snadsgate_world(struct gate *g);
/* Is a file for this node ours to turn into mail: SNADSADDRESS, or a node without a link that the
 * alias tables speak for? */
bool snadsgate_takes(struct gate *g, struct str sender, struct str node);
/* Are messages of user at node for to_node ours to answer: our own node, DIMNODE, or such a node?
 */
bool snadsgate_here(struct gate *g, struct str user, struct str node, struct str to_node);

#endif
