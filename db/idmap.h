/* db/idmap.h -- a small hash table from a number (never 0) to a number. Internal to db/. */
#ifndef DB_IDMAP_H
#define DB_IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct idmap {
    struct idmap_slot *slot;
    size_t size, n; /* slots, a power of two or 0; entries */
};

/* A zeroed idmap is an empty one. */
void idmap_put(struct idmap *m, uint64_t id, uint64_t value); /* replaces */
uint64_t idmap_get(const struct idmap *m, uint64_t id);       /* 0 when there is none */
void idmap_drop(struct idmap *m, uint64_t id);
/* Walk: start with *at 0; false at the end. The map must not change meanwhile. */
bool idmap_each(const struct idmap *m, size_t *at, uint64_t *id, uint64_t *value);
void idmap_clear(struct idmap *m); /* empty, space kept unless it is large */
void idmap_done(struct idmap *m);

#endif
