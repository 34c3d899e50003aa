/* base/mem.c -- allocation that does not fail. */
#include "base/mem.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define KEEP_PIECE (8 << 20) /* larger ones are mapped each for itself, and go at once */
#define KEEP_MOST (16 << 20) /* free at the end of the heap */
#define KEEP_STEP (1 << 20)

void mem_keep(void)
{
    mallopt(M_MMAP_THRESHOLD, KEEP_PIECE);
    mallopt(M_TRIM_THRESHOLD, KEEP_MOST);
    mallopt(M_TOP_PAD, KEEP_STEP);
}

void *mem_new(size_t n)
{
    void *p = calloc(1, n);
    if (p == NULL)
        log_die("no memory for %zu bytes", n);
    return p;
}

void *mem_grow(void *p, size_t n, size_t size)
{
    void *q = reallocarray(p, n, size);
    if (q == NULL)
        log_die("no memory for %zu items of %zu bytes", n, size);
    return q;
}

char *mem_copy(const void *p, size_t n)
{
    if (n == SIZE_MAX)
        log_die("no memory for a text without end");
    char *q = mem_new(n + 1);
    if (n > 0)
        memcpy(q, p, n);
    return q;
}

char *mem_dup(const char *s)
{
    return mem_copy(s, strlen(s));
}
