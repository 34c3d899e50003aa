/* gateway/mail/links.h -- the numbered link targets of a page. Pure. */
#ifndef GATEWAY_MAIL_LINKS_H
#define GATEWAY_MAIL_LINKS_H

#include "base/arena.h"
#include "base/bytes.h"
#include "gateway/mail/fill.h"

#define LINKS_MAX 1000u
#define LINKS_BYTES                                                                                \
    ((size_t)4 << 20) /* enough for that many, each with a value of MARKUP_VALUE_MAX */

struct links {
    struct arena *a;            /* holds them */
    struct str link[LINKS_MAX]; /* distinct, in order */
    size_t n;
};
/* Does it lead anywhere a reader could go? Not "#here", scripts, embedded data, telephone numbers.
 */
bool links_wants(struct str href);
/* Is the text the target itself, but for scheme and final slash? */
bool links_same(struct str text, struct str href);
/* Its number from 1, the old one when it is known; 0 when the list is full. A new one is
 * copied. */
size_t links_number(struct links *l, struct str href);
/* "Links:" and a line for each target; nothing when there are none. */
void links_put(const struct links *l, struct fill *f);

#endif
