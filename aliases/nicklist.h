/* aliases/nicklist.h -- nicknames that are lists (NAMES files' :list.): every address behind one.
 */
#ifndef ALIASES_NICKLIST_H
#define ALIASES_NICKLIST_H

#include "aliases/nick.h"

#define NICKLIST_MOST 1000u /* addresses of one list */
#define NICKLIST_DEPTH 16u  /* lists within lists */
#define NICKLIST_TEXT 8192u /* characters of its members as written */

/* The list's own mailbox, if it has one, and those of its members, lists within lists included,
 * each once: user@host.domain or USER@NODE in out[most]. The count, or E_ABSENT 550 for a member
 * that is no nickname (any more), E_DENIED 550 5.4.6 for a list that holds itself, E_LIMIT
 * 550 5.5.3. */
int nicklist_expand(struct nicks *n, const struct nick_row *list, struct arena *a, struct str *out,
                    size_t most, struct why *w) MUST_CHECK;
/* The same on njegate's own connection: is the list, as it is to be, one that can be written to? */
int nicklist_check(struct db *d, const struct nick_row *list, struct why *w) MUST_CHECK;

#endif
