/* rscs/route.c -- see route.h
 *
 * Entries are kept sorted by pattern; a look-up asks for the name, then for each of its prefixes.
 */
#include "rscs/route.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct route {
    char pattern[10]; /* 8 and the star */
    char link[9];
};
struct routes {
    struct route *entry;
    size_t n, room;
};

struct routes *routes_new(void)
{
    return mem_new(sizeof(struct routes));
}

void routes_free(struct routes **r)
{
    if (*r == NULL)
        return;
    free((*r)->entry);
    free(*r);
    *r = NULL;
}

/* The place of a pattern, or where it belongs. */
static size_t place(const struct routes *r, const char *pattern, bool *found)
{
    size_t low = 0, high = r->n;
    *found = false;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int order = strcmp(r->entry[mid].pattern, pattern);
        if (order == 0) {
            *found = true;
            return mid;
        }
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Upper-cased text of a node name; false when it is none. */
static bool node_text(char out[9], struct str text)
{
    struct nje_name name;
    if (!ebc_name(&name, text))
        return false;
    (void)ebc_name_text(&name, out);
    return true;
}

static bool pattern_text(char out[10], struct str pattern)
{
    bool star = pattern.n > 0 && pattern.p[pattern.n - 1] == '*';
    struct str stem = str_sub(pattern, 0, pattern.n - (star ? 1 : 0));
    out[0] = '\0';
    if (!(star && stem.n == 0) && !node_text(out, stem))
        return false;
    size_t n = strlen(out);
    out[n] = star ? '*' : '\0';
    out[n + (star ? 1 : 0)] = '\0';
    return true;
}

int routes_add(struct routes *r, struct str pattern, struct str link, struct why *w)
{
    struct route e;
    bool found;
    if (!pattern_text(e.pattern, pattern))
        return why_set(w, E_SYNTAX, 0, NULL, "'%.*s' is no node name, prefix* or *",
                       STR_ARG(pattern));
    if (link.n == 0 || link.n >= sizeof e.link)
        return why_set(w, E_SYNTAX, 0, NULL, "'%.*s' is no link name", STR_ARG(link));
    str_copy(e.link, sizeof e.link, link);
    size_t at = place(r, e.pattern, &found);
    if (found && !str_is(link, r->entry[at].link))
        return why_set(w, E_DENIED, 0, NULL, "%s is already routed through link %s", e.pattern,
                       r->entry[at].link);
    if (found)
        return OK;
    if (r->n == ROUTE_MAX)
        return why_set(w, E_LIMIT, 0, NULL, "more than %u routes", ROUTE_MAX);
    if (r->n == r->room) {
        r->room = r->room == 0 ? 16 : 2 * r->room;
        r->entry = mem_grow(r->entry, r->room, sizeof *r->entry);
    }
    memmove(r->entry + at + 1, r->entry + at, (r->n - at) * sizeof *r->entry);
    r->entry[at] = e;
    r->n++;
    return OK;
}

const char *routes_link(const struct routes *r, const struct nje_name *node)
{
    char pattern[10];
    bool found;
    size_t n = ebc_name_text(node, pattern).n;
    size_t at = place(r, pattern, &found);
    for (size_t left = n + 1; !found && left > 0; left--) {
        pattern[left - 1] = '*';
        pattern[left] = '\0';
        at = place(r, pattern, &found);
    }
    return found ? r->entry[at].link : NULL;
}

void routes_each(const struct routes *r,
                 void (*fn)(void *arg, const char *pattern, const char *link), void *arg)
{
    for (size_t i = 0; i < r->n; i++)
        fn(arg, r->entry[i].pattern, r->entry[i].link);
}
