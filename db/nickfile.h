/* db/nickfile.h -- nickname rows with the further tags that a NAMES file gave them (column `tags`,
 * kept so that an export gives them back). */
#ifndef DB_NICKFILE_H
#define DB_NICKFILE_H

#include "db/nickrow.h"

/* Inside the caller's transaction: a new row, or the same nickname changed when replace is set or
 * its mailbox is the same. Else E_DENIED, naming the mailbox it has. Names as nickrow keeps them.
 */
int nickfile_put(struct db *d, const struct nick_row *row, struct str tags, bool replace,
                 struct why *w) MUST_CHECK;
int nickfile_each(struct db *d, int (*fn)(void *arg, const struct nick_row *r, struct str tags),
                  void *arg, struct why *w) MUST_CHECK;

#endif
