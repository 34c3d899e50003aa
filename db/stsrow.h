/* db/stsrow.h -- the policies of MTA-STS (RFC 8461) that are known, one row a mail domain. At most
 * STS_ROWS_MAX; those whose time is over, then those that end first go (apply_prune). */
#ifndef DB_STSROW_H
#define DB_STSROW_H

#include "base/arena.h"
#include "base/clock.h"
#include "db/db.h"

#define STS_ROWS_MAX 5000u

struct sts_row {
    struct str domain; /* any case; kept in lower case */
    struct str id;     /* of the TXT record the policy was fetched for */
    struct str policy; /* its text */
    struct wall fetched, until;
};
int stsrow_put(struct db *d, const struct sts_row *row, struct why *w) MUST_CHECK;
/* 1 found, 0 not, negative. Whether its time is over the caller sees. */
int stsrow_find(struct db *d, struct str domain, struct arena *a, struct sts_row *row,
                struct why *w) MUST_CHECK;
/* Every row by domain; texts are lent during the call. Not 0 from fn ends the walk. */
int stsrow_each(struct db *d, int (*fn)(void *arg, const struct sts_row *row), void *arg,
                struct why *w) MUST_CHECK;
/* Drop up to `most` rows that are over or too many. How many, or negative. */
int stsrow_prune(struct db *d, struct wall now, int most, struct why *w) MUST_CHECK;

#endif
