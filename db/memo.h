/* db/memo.h -- what a connection remembers of rows it has read: key to value, both bytes, in memory
 * that is given back as a whole. For connections that ask the same small questions again and again
 * and can tell when the answers changed (db_refresh). One thread. */
#ifndef DB_MEMO_H
#define DB_MEMO_H

#include "base/bytes.h"

struct memo;
/* most: octets; when they are used up everything is forgotten. absent_most: how many values of no
 * length (what is not there: peers can ask for any number of them). */
struct memo *memo_new(size_t most, size_t absent_most);
void memo_free(struct memo **m);
/* 1 and the value (lent until the next memo_put or memo_clear), 0 not known. */
int memo_get(const struct memo *m, struct str key, struct str *value);
/* key: 1 to 1000 octets, not known yet; value: up to 16,000 (larger ones are not kept). */
void memo_put(struct memo *m, struct str key, struct str value);
void memo_clear(struct memo *m);
size_t memo_count(const struct memo *m);
size_t memo_bytes(const struct memo *m); /* all memory it has */

#endif
