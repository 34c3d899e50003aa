/* tests/unit/feed.h -- an incremental parser must answer the same whole, byte by byte and cut at
 * each offset. */
#ifndef TESTS_UNIT_FEED_H
#define TESTS_UNIT_FEED_H

#include "base/bytes.h"

/* Start a fresh parser, give it the pieces in order, write all it said into out. */
typedef void feed_fn(void *arg, const struct str *piece, size_t n, struct buf *out);
/* Runs fn over the input fed in all three manners; fails the test where an answer differs from the
 * first. Cuts at every offset up to `cuts` (0: every one). */
void feed_all(feed_fn *fn, void *arg, struct str input, size_t cuts);

#endif
