/* db/nickrow.h -- rows of the nickname table (RSCS DIM): nickname to mailbox. Each change records
 * who and when. Nicknames are upper case here; a mailbox keeps its local part's case, its domain is
 * folded. */
#ifndef DB_NICKROW_H
#define DB_NICKROW_H

#include "base/arena.h"
#include "base/clock.h"
#include "db/db.h"

struct nick_row {
    struct str nick;    /* 1-8, upper case */
    struct str mailbox; /* local@domain, domain lower case; "": a list that is nobody itself */
    struct str members; /* of a list: nicknames and addresses, a blank between; "" no list */
    struct str name;    /* real name, may be "" */
    struct str owner;   /* "USER@NODE" or "" */
    bool automatic;
    bool preferred; /* the one given for its mailbox in the reverse direction */
    struct wall changed;
    struct str by;
};
/* E_ABSENT when there is none. Strings are copied into the arena. */
int nickrow_get(struct db *d, struct str nick, struct arena *a, struct nick_row *row,
                struct why *w) MUST_CHECK;
/* The preferred (else any hand-made, else automatic) nickname of a mailbox. */
int nickrow_of_mailbox(struct db *d, struct str mailbox, struct arena *a, struct nick_row *row,
                       struct why *w) MUST_CHECK;
/* E_DENIED when it exists already. Own transaction each. */
int nickrow_add(struct db *d, const struct nick_row *row, struct why *w) MUST_CHECK;
int nickrow_change(struct db *d, const struct nick_row *row,
                   struct why *w) MUST_CHECK; /* E_ABSENT */
int nickrow_delete(struct db *d, struct str nick, struct str by,
                   struct why *w) MUST_CHECK; /* E_ABSENT */
int nickrow_each(struct db *d, struct str pattern, int (*fn)(void *arg, const struct nick_row *r),
                 void *arg, struct why *w) MUST_CHECK;
/* As nickrow_add and nickrow_change, inside the caller's transaction; for the store. */
int nickrow_insert(struct db *d, const struct nick_row *row, struct why *w) MUST_CHECK;
int nickrow_update(struct db *d, const struct nick_row *row,
                   struct why *w) MUST_CHECK; /* E_ABSENT */
/* What a user asks of the nickname service, inside the caller's transaction; for the store. owner:
 * only when the row there is his ("" any): E_DENIED names its owner. NICK_SET keeps the row's real
 * name, owner and the rest and gives it row->mailbox (and row->name unless ""); it is no list then.
 */
enum nick_edit { NICK_ADD, NICK_SET, NICK_DELETE };
int nickrow_edit(struct db *d, enum nick_edit edit, const struct nick_row *row, struct str owner,
                 struct why *w) MUST_CHECK;
/* Largest number used by an automatic nickname of this prefix ("QSM"), 0 when none. */
unsigned nickrow_last_auto(struct db *d, struct str prefix);

#endif
