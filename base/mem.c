/* base/mem.c -- allocation that does not fail. */
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

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
