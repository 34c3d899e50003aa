/* rscs/port.h -- the passive side of NJE over TCP/IP: takes accepted connections, reads the 33-byte
 * OPEN within a time limit, finds the link it means and hands the connection over, or answers NAK.
 */
#ifndef RSCS_PORT_H
#define RSCS_PORT_H

#include "rscs/link.h"

struct port;
/* The link for a caller's node name (RHOST), NULL when there is none (NAK 1). */
typedef struct link *port_find_fn(void *arg, const struct nje_name *rhost,
                                  const struct nje_name *ohost);
typedef void port_refused_fn(void *arg, const union endpoint *peer,
                             const struct why *w); /* for the log */

struct port_set {
    struct loop *loop;
    struct nje_name us;   /* OHOST must be this */
    int64_t open_ms;      /* limit for the OPEN to arrive; default 30000 */
    unsigned max_waiting; /* connections without OPEN at once; more are closed; default 64 */
    port_find_fn *find;
    port_refused_fn *refused;
    void *arg;
};
struct port *port_new(const struct port_set *set);
void port_free(struct port **p);
void port_take(struct port *p, struct stream *s); /* takes s, plain or with TLS done */

#endif
