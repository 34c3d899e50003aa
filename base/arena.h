/* base/arena.h -- memory by region: one arena per connection, transaction, file; freed whole.
 * Nothing in an arena is freed alone and nothing outlives it. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

struct arena;

/* limit: most bytes it will ever hold. Past it arena_full is set and the allocations answer from a
 * spare page that is thrown away: callers of peer-sized data test arena_full once at the end. */
struct arena *arena_new(size_t limit);
void arena_free(struct arena **a); /* accepts NULL inside, clears the pointer */
void arena_reset(struct arena *a); /* empty; keeps its first page */
bool arena_full(const struct arena *a);
size_t arena_used(const struct arena *a);
/* Zeroed, aligned for any object. A single request of more than the limit answers NULL. */
void *arena_alloc(struct arena *a, size_t n);
struct str arena_str(struct arena *a, struct str s);   /* a copy, NUL-terminated */
struct str arena_keep(struct arena *a, struct buf *b); /* the same of its text; takes its memory */
char *arena_cstr(struct arena *a, struct str s);       /* the same as a C string */
struct str arena_upper(struct arena *a, struct str s); /* a copy with other letters, ASCII only */
struct str arena_lower(struct arena *a, struct str s);
struct str arena_join(struct arena *a, struct str left, char mid, struct str right);
struct str arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
