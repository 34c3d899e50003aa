/* aliases/nicklist.c -- expands nicknames that are lists. */
#include "aliases/nicklist.h"

struct expansion {
    struct nicks *nicks; /* or, without them, */
    struct db *d;
    struct arena *arena;
    struct str *out;
    size_t n, most;
    struct str open[NICKLIST_DEPTH]; /* the lists we are in */
    size_t depth;
};

static int put(struct expansion *x, struct str address, struct why *w)
{
    for (size_t i = 0; i < x->n; i++)
        if (str_eq_nocase(x->out[i], address))
            return 0;
    if (x->n == x->most)
        return why_set(w, E_LIMIT, 550, "5.5.3", "the list %.*s has more than %zu members",
                       STR_ARG(x->open[0]), x->most);
    x->out[x->n++] = address;
    return 0;
}

static int enter(struct expansion *x, struct str nick, struct why *w)
{
    for (size_t i = 0; i < x->depth; i++)
        if (str_eq_nocase(x->open[i], nick))
            return why_set(w, E_DENIED, 550, "5.4.6", "the list %.*s holds itself", STR_ARG(nick));
    if (x->depth == NICKLIST_DEPTH)
        return why_set(w, E_LIMIT, 550, "5.4.6",
                       "the list %.*s: lists within lists are deeper "
                       "than %u",
                       STR_ARG(x->open[0]), NICKLIST_DEPTH);
    x->open[x->depth++] = nick;
    return 0;
}

static int expand(struct expansion *x, const struct nick_row *row, struct why *w);

static int member(struct expansion *x, struct str word, struct why *w)
{
    struct nick_row row;
    if (str_find(word, '@') >= 0)
        return put(x, word, w);
    int rc = x->nicks != NULL ? nick_mailbox(x->nicks, word, x->arena, &row, w)
                              : nickrow_get(x->d, word, x->arena, &row, w);
    if (rc == E_ABSENT)
        return why_set(w, E_ABSENT, 550, "5.1.1", "the list %.*s names %.*s, which is no nickname",
                       STR_ARG(x->open[x->depth - 1]), STR_ARG(str_sub(word, 0, 80)));
    return rc < 0 ? rc : expand(x, &row, w);
}

static int expand(struct expansion *x, const struct nick_row *row, struct why *w)
{
    struct str members = row->members, word;
    int rc = enter(x, row->nick, w);
    if (rc < 0)
        return rc;
    if (row->mailbox.n > 0)
        rc = put(x, row->mailbox, w);
    while (rc == 0 && (word = str_word(&members)).n > 0)
        rc = member(x, word, w);
    x->depth--;
    return rc;
}

int nicklist_expand(struct nicks *n, const struct nick_row *list, struct arena *a, struct str *out,
                    size_t most, struct why *w)
{
    struct expansion x = {.nicks = n, .arena = a, .out = out, .most = most};
    int rc = expand(&x, list, w);
    return rc < 0 ? rc : (int)x.n;
}

int nicklist_check(struct db *d, const struct nick_row *list, struct why *w)
{
    struct arena *a = arena_new(16u << 20);
    struct expansion x = {.d = d,
                          .arena = a,
                          .out = arena_alloc(a, NICKLIST_MOST * sizeof(struct str)),
                          .most = NICKLIST_MOST};
    int rc = expand(&x, list, w);
    if (rc == 0 && x.n == 0)
        rc = why_set(w, E_SYNTAX, 0, NULL, "the list %.*s has no member", STR_ARG(list->nick));
    arena_free(&a);
    return rc;
}
