/* base/mem.h -- allocation that does not fail. Our own small allocations abort when memory is gone:
 * the queue is crash-safe. Whatever a peer can size goes through a buf or arena with a limit. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

/* Zeroed memory; free() releases it. n may not be 0. */
void *mem_new(size_t n) __attribute__((malloc, returns_nonnull, alloc_size(1)));
/* realloc to n items of the given size, overflow checked; new space is not cleared. */
void *mem_grow(void *p, size_t n, size_t size) __attribute__((returns_nonnull));
/* Copy n bytes and add a NUL. */
char *mem_copy(const void *p, size_t n) __attribute__((malloc, returns_nonnull));
char *mem_dup(const char *s) __attribute__((malloc, returns_nonnull));

/* For a daemon: what large messages needed stays with the process, up to some megabytes, instead of
 * going back to the kernel and being cleared again for the next. Before the first thread. */
void mem_keep(void);

#endif
