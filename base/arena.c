/* base/arena.c -- memory by region: a chain of pages freed together. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define PAGE_FIRST 1000u /* an SMTP transaction of a few recipients needs no second page */
#define PAGE_MOST 65536u

struct page {
    struct page *older;
    size_t used, size;
    alignas(max_align_t) uint8_t data[];
};

/* Memory that was not allocated here. */
struct kept {
    struct kept *older;
    void *p;
};

struct arena {
    struct page *page; /* the newest; its end is where the next allocation goes */
    struct kept *kept;
    struct page *spare; /* pages whose content nobody will read: see arena_alloc */
    size_t limit, used, next_size;
    bool full;
};

static struct page *page_new(size_t size, struct page *older)
{
    struct page *p = malloc(sizeof *p + size);
    if (p != NULL) {
        p->older = older;
        p->used = 0;
        p->size = size;
    }
    return p;
}

/* Free the chain down to, not including, `keep`. */
static void pages_free(struct page *p, const struct page *keep)
{
    while (p != keep) {
        struct page *older = p->older;
        free(p);
        p = older;
    }
}

/* Before the pages, in which the list lies. */
static void kept_free(struct arena *a)
{
    for (struct kept *k = a->kept; k != NULL; k = k->older)
        free(k->p);
    a->kept = NULL;
}

struct arena *arena_new(size_t limit)
{
    struct arena *a = mem_new(sizeof *a);
    a->limit = limit;
    a->next_size = PAGE_FIRST;
    return a;
}

void arena_free(struct arena **a)
{
    if (*a == NULL)
        return;
    kept_free(*a);
    pages_free((*a)->page, NULL);
    pages_free((*a)->spare, NULL);
    free(*a);
    *a = NULL;
}

void arena_reset(struct arena *a)
{
    struct page *first = a->page;
    kept_free(a);
    while (first != NULL && first->older != NULL)
        first = first->older;
    pages_free(a->page, first);
    pages_free(a->spare, NULL);
    if (first != NULL)
        first->used = 0;
    a->page = first;
    a->spare = NULL;
    a->used = 0;
    a->full = false;
    a->next_size = PAGE_FIRST;
}

bool arena_full(const struct arena *a)
{
    return a->full;
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}

static bool add_page(struct arena *a, size_t need)
{
    size_t size = a->next_size < need ? need : a->next_size;
    if (size > a->limit - a->used)
        size = a->limit - a->used;
    struct page *p = page_new(size, a->page);
    if (p == NULL)
        return false;
    a->page = p;
    if (a->next_size < PAGE_MOST)
        a->next_size *= 2;
    return true;
}

/* Past the limit every answer is the same spare memory again. It is never given back before the
 * arena is reset, for earlier answers point into it; growing by doubling keeps the sum bounded. */
static void *from_spare(struct arena *a, size_t n)
{
    a->full = true;
    if (n > a->limit)
        return NULL;
    if (a->spare == NULL || a->spare->size < n) {
        size_t size = a->spare == NULL ? PAGE_FIRST : a->spare->size * 2;
        struct page *p = page_new(size < n ? n : size, a->spare);
        if (p == NULL)
            return NULL;
        a->spare = p;
    }
    memset(a->spare->data, 0, n);
    return a->spare->data;
}

void *arena_alloc(struct arena *a, size_t n)
{
    const size_t align = alignof(max_align_t);
    if (n > a->limit || n > SIZE_MAX / 2)
        return from_spare(a, n);
    size_t need = n == 0 ? align : (n + align - 1) / align * align;
    if (a->full || need > a->limit - a->used)
        return from_spare(a, n);
    if ((a->page == NULL || need > a->page->size - a->page->used) && !add_page(a, need))
        return from_spare(a, n);
    void *p = a->page->data + a->page->used;
    a->page->used += need;
    a->used += need;
    memset(p, 0, need);
    return p;
}

/* n bytes and a NUL; a text that cannot fit becomes "" and the arena full. */
static char *text_space(struct arena *a, size_t *n)
{
    char *p = *n < SIZE_MAX ? arena_alloc(a, *n + 1) : NULL;
    if (p != NULL)
        return p;
    static char empty[1];
    a->full = true;
    *n = 0;
    p = from_spare(a, 1);
    return p != NULL ? p : empty;
}

struct str arena_str(struct arena *a, struct str s)
{
    size_t n = s.n;
    char *p = text_space(a, &n);
    if (n > 0)
        memcpy(p, s.p, n);
    return (struct str){p, n};
}

struct str arena_keep(struct arena *a, struct buf *b)
{
    struct str text = buf_text(b);
    struct kept *k = arena_alloc(a, sizeof *k);
    char *p =
        !b->over && !a->full && text.n < a->limit - a->used ? realloc(b->p, text.n + 1) : NULL;
    if (p == NULL) {
        text = arena_str(a, text); /* there is no room for it: so it tells */
        buf_done(b);
        return text;
    }
    p[text.n] = '\0';
    *k = (struct kept){.older = a->kept, .p = p};
    a->kept = k;
    a->used += text.n + 1;
    *b = (struct buf){.max = b->max};
    return (struct str){p, text.n};
}

static struct str mapped(struct arena *a, struct str s, char (*letter)(char))
{
    size_t n = s.n;
    char *p = text_space(a, &n);
    for (size_t i = 0; i < n; i++)
        p[i] = letter(s.p[i]);
    return (struct str){p, n};
}

struct str arena_upper(struct arena *a, struct str s)
{
    return mapped(a, s, ascii_upper);
}

struct str arena_lower(struct arena *a, struct str s)
{
    return mapped(a, s, ascii_lower);
}

char *arena_cstr(struct arena *a, struct str s)
{
    size_t n = s.n;
    char *p = text_space(a, &n);
    if (n > 0)
        memcpy(p, s.p, n);
    return p;
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
    char small[256];
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int len = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    size_t n = len < 0 ? 0 : (size_t)len;
    char *p = text_space(a, &n);
    if (n > 0)
        (void)vsnprintf(p, n + 1, fmt, again);
    va_end(again);
    return (struct str){p, n};
}

struct str arena_join(struct arena *a, struct str left, char mid, struct str right)
{
    size_t n = left.n + 1 + right.n;
    char *p = arena_alloc(a, n + 1);
    if (p == NULL)
        return STR("");
    if (left.n > 0)
        memcpy(p, left.p, left.n);
    p[left.n] = mid;
    if (right.n > 0)
        memcpy(p + left.n + 1, right.p, right.n);
    return (struct str){p, n};
}
