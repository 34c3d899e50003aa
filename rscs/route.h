/* rscs/route.h -- which link leads to a node: exact names, prefixes ("AB*") and a default ("*");
 * the longest match wins. Holds at most ROUTE_MAX entries. */
#ifndef RSCS_ROUTE_H
#define RSCS_ROUTE_H

#include "rscs/ebcdic.h"

#define ROUTE_MAX 4096u

struct routes;
struct routes *routes_new(void);
void routes_free(struct routes **r);
/* pattern: node, prefix* or *; link: its name. E_SYNTAX for a bad pattern or link name, E_DENIED
 * for a second entry of the same pattern to another link (to the same: nothing changes), E_LIMIT
 * past ROUTE_MAX. Case does not matter. */
int routes_add(struct routes *r, struct str pattern, struct str link, struct why *w) MUST_CHECK;
/* The link's name for a node, NULL when it is unknown. Borrowed from r. */
const char *routes_link(const struct routes *r, const struct nje_name *node);
/* Sorted by pattern. */
void routes_each(const struct routes *r,
                 void (*fn)(void *arg, const char *pattern, const char *link), void *arg);

#endif
