/* aliases/nick.h -- RSCS DIM nicknames: 1-8 characters to a mailbox and back, automatic ones for
 * unknown correspondents (QSMnn, two digits growing to five, never reused while live). */
#ifndef ALIASES_NICK_H
#define ALIASES_NICK_H

#include "db/nickrow.h"
#include "db/store.h"

struct nicks;
struct nicks *nicks_new(struct store *s);
void nicks_free(struct nicks **n);
/* Nickname to mailbox; E_ABSENT. Sees automatic ones at once, also before they are durable, and
 * changes made by njegate in the database on the next call. */
int nick_mailbox(struct nicks *n, struct str nick, struct arena *a, struct nick_row *row,
                 struct why *w) MUST_CHECK;
/* Mailbox to its nickname; when it has none, a new automatic one is made and its row added to *c.
 * The real name is kept with a new row. E_LIMIT when all numbers are used. */
int nick_for(struct nicks *n, struct str mailbox, struct str name, struct change *c,
             struct arena *a, struct nick_row *row, struct why *w) MUST_CHECK;
/* The same without making one; E_ABSENT. */
int nick_of(struct nicks *n, struct str mailbox, struct arena *a, struct nick_row *row,
            struct why *w) MUST_CHECK;
/* Is the word a legal nickname (1-8 of the userid characters, not reserved)? */
int nick_check(struct str nick, struct why *w) MUST_CHECK;

#endif
