/* gateway/mail/htmltree.c -- the elements of a page. */
#include "gateway/mail/htmltree.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/mail/htmlchar.h"

#define PIECE ((size_t)1 << 20)      /* bytes of the page before a piece may end at a seam */
#define PIECE_ROWS ((size_t)3 << 19) /* before it may end between rows or items */
#define PIECE_MOST ((size_t)2 << 20) /* before it ends wherever that is */
#define NODES_MOST ((size_t)24 << 20)
#define ARENA_MOST ((size_t)64 << 20) /* what one more token makes of it fits */

struct open {
    struct node *node, *last; /* its last child */
    struct str name;          /* of TAG_other */
};

struct htmltree {
    struct markup page;
    struct arena *a;
    struct open open[TREE_DEPTH]; /* [0] is the piece itself */
    size_t depth;
    unsigned count[TAG_COUNT]; /* of what is open */
    size_t over[TAG_COUNT];    /* too deep to be opened: end tags that end nothing */
    bool ended;
};

static struct open *top(struct htmltree *t)
{
    return &t->open[t->depth - 1];
}

static enum tag tag_at(const struct htmltree *t, size_t i)
{
    return t->open[i].node->tag;
}

static unsigned flags_at(const struct htmltree *t, size_t i)
{
    return markup_flags(tag_at(t, i));
}

/* --- growing --- */

static struct node *add(struct htmltree *t, enum tag tag)
{
    struct node *n = arena_alloc(t->a, sizeof *n);
    struct open *in = top(t);
    n->tag = tag;
    if (in->last != NULL)
        in->last->next = n;
    else
        in->node->first = n;
    in->last = n;
    return n;
}

static void open_node(struct htmltree *t, struct node *n, struct str name)
{
    if (t->depth == TREE_DEPTH) {
        t->over[n->tag]++;
        return;
    }
    t->open[t->depth++] = (struct open){n, NULL, name};
    t->count[n->tag]++;
}

/* End what is open from place i on. */
static void close_from(struct htmltree *t, size_t i)
{
    if (t->depth == TREE_DEPTH && i < t->depth)
        memset(t->over, 0, sizeof t->over);
    while (t->depth > i)
        t->count[tag_at(t, --t->depth)]--;
}

/* The place of the innermost open element of that tag, looking outwards no further than an element
 * with one of the flags; 0 none. */
static size_t find(const struct htmltree *t, enum tag tag, unsigned bounds)
{
    for (size_t i = t->count[tag] > 0 ? t->depth - 1 : 0; i > 0; i--) {
        if (tag_at(t, i) == tag)
            return i;
        if ((flags_at(t, i) & bounds) != 0)
            return 0;
    }
    return 0;
}

static void close_tag(struct htmltree *t, enum tag tag, unsigned bounds)
{
    size_t i = find(t, tag, bounds);
    if (i > 0)
        close_from(t, i);
}

/* --- start tags --- */

/* The place of the table we are directly in, not in one of its cells' tables; 0 none. */
static size_t table_place(const struct htmltree *t)
{
    size_t i = t->count[TAG_table] > 0 ? t->depth - 1 : 0;
    while (i > 0 && tag_at(t, i) != TAG_table && tag_at(t, i) != TAG_template)
        i--;
    return i > 0 && tag_at(t, i) == TAG_table ? i : 0;
}

static bool is_row_group(enum tag tag)
{
    return tag == TAG_tbody || tag == TAG_thead || tag == TAG_tfoot;
}

static bool is_cell(enum tag tag)
{
    return tag == TAG_td || tag == TAG_th;
}

/* End what a row, a cell, a group of rows ends; a cell gets the row it needs. */
static void make_table_room(struct htmltree *t, enum tag tag)
{
    size_t keep = table_place(t) + 1;
    if (keep == 1) { /* no table: rows and cells are blocks */
        close_tag(t, tag == TAG_th ? TAG_td : tag, 0);
        close_tag(t, tag == TAG_td ? TAG_th : tag, 0);
        return;
    }
    if (tag == TAG_tr || is_cell(tag))
        keep += keep < t->depth && is_row_group(tag_at(t, keep));
    if (is_cell(tag))
        keep += keep < t->depth && tag_at(t, keep) == TAG_tr;
    close_from(t, keep);
    if (is_cell(tag) && tag_at(t, keep - 1) != TAG_tr)
        open_node(t, add(t, TAG_tr), STR(""));
}

/* End the item before this one, of the same list. */
static void close_item(struct htmltree *t, enum tag tag, enum tag other)
{
    if (t->count[tag] + t->count[other] == 0)
        return;
    for (size_t i = t->depth - 1; i > 0; i--) {
        enum tag at = tag_at(t, i);
        if (at == tag || at == other) {
            close_from(t, i);
            return;
        }
        if ((flags_at(t, i) & INLINE) == 0 && at != TAG_address && at != TAG_div && at != TAG_p)
            return;
    }
}

/* End what cannot go on beside the element that begins now. */
static void make_room(struct htmltree *t, enum tag tag, unsigned flags)
{
    if ((flags & TABLE_PART) != 0)
        make_table_room(t, tag);
    if (tag == TAG_li)
        close_item(t, TAG_li, TAG_li);
    if (tag == TAG_dd || tag == TAG_dt)
        close_item(t, TAG_dd, TAG_dt);
    if ((flags & CLOSES_P) != 0) {
        close_tag(t, TAG_option, SCOPE);
        close_tag(t, TAG_select, SCOPE);
        close_tag(t, TAG_p, SCOPE);
    }
    if (tag == TAG_table && t->depth > 1 && table_place(t) > 0) {
        size_t last = t->depth - 1;
        if (tag_at(t, last) == TAG_table || tag_at(t, last) == TAG_tr ||
            is_row_group(tag_at(t, last)))
            close_from(t, table_place(t));
    }
    if (tag == TAG_optgroup)
        close_tag(t, TAG_optgroup, SCOPE);
    if (tag == TAG_option || tag == TAG_optgroup)
        close_tag(t, TAG_option, SCOPE);
    if ((flags & HEADING) != 0 && (flags_at(t, t->depth - 1) & HEADING) != 0)
        close_from(t, t->depth - 1);
    if (tag == TAG_a)
        for (size_t i = t->count[TAG_a] > 0 ? t->depth - 1 : 0;
             i > 0 && (flags_at(t, i) & INLINE) != 0; i--)
            if (tag_at(t, i) == TAG_a) {
                close_from(t, i);
                break;
            }
}

static void put_attributes(struct htmltree *t, struct node *n, const struct token *k)
{
    struct attr *attr = arena_alloc(t->a, k->n * sizeof *attr);
    for (size_t i = 0; i < k->n; i++)
        attr[i] = (struct attr){k->attr[i].name, htmlchar_undo(t->a, k->attr[i].value, true)};
    n->attr = attr;
    n->n = (uint8_t)k->n;
}

static bool is_table_frame(enum tag tag)
{
    return tag == TAG_table || tag == TAG_tr || is_row_group(tag);
}

static void start_tag(struct htmltree *t, const struct token *k)
{
    unsigned flags = markup_flags(k->tag);
    make_room(t, k->tag, flags);
    if (k->tag == TAG_table)
        for (size_t i = t->depth - 1; i > 0 && !t->open[i].node->holds_table; i--)
            t->open[i].node->holds_table = true;
    /* Between rows a form encloses nothing: its rows would not be the table's. */
    bool alone = (flags & EMPTY) != 0 || (k->tag == TAG_other && k->closed) ||
                 (k->tag == TAG_form && is_table_frame(top(t)->node->tag));
    struct node *n = add(t, k->tag);
    if (k->n > 0)
        put_attributes(t, n, k);
    if (!alone)
        open_node(t, n, k->text);
}

/* --- end tags --- */

/* The place of the element that an end tag ends, 0 none. */
static size_t ended_by(const struct htmltree *t, const struct token *k, unsigned flags)
{
    for (size_t i = t->depth - 1; i > 0; i--) {
        enum tag at = tag_at(t, i);
        unsigned is = markup_flags(at);
        if (at == k->tag && (at != TAG_other || str_eq_nocase(t->open[i].name, k->text)))
            return i;
        if ((flags & HEADING) != 0 && (is & HEADING) != 0)
            return i;
        bool bound = (flags & INLINE) != 0       ? (is & INLINE) == 0
                     : (flags & TABLE_PART) != 0 ? at == TAG_table
                     : k->tag == TAG_table       ? at == TAG_template
                     : k->tag == TAG_li          ? (is & (SCOPE | LIST)) != 0
                                                 : (is & SCOPE) != 0;
        if (bound)
            return 0;
    }
    return 0;
}

static void end_tag(struct htmltree *t, const struct token *k)
{
    unsigned flags = markup_flags(k->tag);
    if (k->tag == TAG_br)
        (void)add(t, TAG_br);
    if (t->over[k->tag] > 0) {
        t->over[k->tag]--;
        return;
    }
    bool is_open = t->count[k->tag] > 0 || (flags & HEADING) != 0;
    size_t i = is_open ? ended_by(t, k, flags) : 0;
    if (i > 0)
        close_from(t, i);
    else if (k->tag == TAG_p) /* a paragraph without its beginning is an empty one */
        (void)add(t, TAG_p);
}

/* --- pieces --- */

static void take(struct htmltree *t, const struct token *k)
{
    if (k->kind == TOKEN_TEXT) {
        struct node *n = add(t, TAG_other);
        n->is_text = true;
        n->text = htmlchar_undo(t->a, k->text, false);
    } else if ((markup_flags(k->tag) & IGNORED) == 0) {
        if (k->kind == TOKEN_START)
            start_tag(t, k);
        else
            end_tag(t, k);
    }
}

/* Is all that is open such that a reader does not see where it was divided? */
static bool is_seam(const struct htmltree *t)
{
    return t->count[TAG_table] + t->count[TAG_ol] + t->count[TAG_ul] + t->count[TAG_pre] +
                   t->count[TAG_p] + t->count[TAG_select] + t->count[TAG_dl] ==
               0 &&
           (t->depth == 1 || (flags_at(t, t->depth - 1) & INLINE) == 0);
}

/* Has a row or item just begun? An empty one is not shown. */
static bool is_between(const struct htmltree *t)
{
    const struct node *n = t->open[t->depth - 1].node;
    return (n->tag == TAG_tr || n->tag == TAG_li) && n->first == NULL;
}

static bool is_enough(const struct htmltree *t, size_t read)
{
    return read >= PIECE_MOST || arena_used(t->a) >= NODES_MOST || (read >= PIECE && is_seam(t)) ||
           (read >= PIECE_ROWS && is_between(t));
}

static struct node *open_root(struct htmltree *t)
{
    struct node *root = arena_alloc(t->a, sizeof *root);
    t->open[0] = (struct open){root, NULL, STR("")};
    return root;
}

/* Where the numbers of a list go on: as many items further, but for one that goes on itself. */
static void continue_list(struct htmltree *t, struct node *n, const struct node *old,
                          const struct node *within)
{
    struct attr *attr = arena_alloc(t->a, ((size_t)n->n + 1) * sizeof *attr);
    uint64_t start = 1;
    size_t to = 0;
    for (size_t i = 0; i < n->n; i++) {
        if (n->attr[i].name != AT_start)
            attr[to++] = n->attr[i];
        else if (!str_number(str_trim(n->attr[i].value), 1000000, &start))
            start = 1;
    }
    for (const struct node *c = old->first; c != NULL; c = c->next)
        start += c->tag == TAG_li && c != within;
    attr[to++] = (struct attr){AT_start, arena_printf(t->a, "%llu", (unsigned long long)start)};
    n->attr = attr;
    n->n = (uint8_t)to;
}

/* Begin the next piece with what is still open, in memory of its own. */
static struct node *go_on(struct htmltree *t)
{
    struct arena *old = t->a;
    size_t depth = t->depth;
    t->a = arena_new(ARENA_MOST);
    t->depth = 1;
    struct open *was = mem_new(depth * sizeof *was);
    memcpy(was, t->open, depth * sizeof *was);
    struct node *root = open_root(t);
    for (size_t i = 1; i < depth; i++) {
        struct node *n = add(t, was[i].node->tag);
        struct attr *attr = arena_alloc(t->a, was[i].node->n * sizeof *attr);
        for (size_t k = 0; k < was[i].node->n; k++)
            attr[k] = (struct attr){was[i].node->attr[k].name,
                                    arena_str(t->a, was[i].node->attr[k].value)};
        n->attr = attr;
        n->n = was[i].node->n;
        if (n->tag == TAG_ol)
            continue_list(t, n, was[i].node, i + 1 < depth ? was[i + 1].node : NULL);
        t->open[t->depth++] = (struct open){n, NULL, was[i].name};
    }
    free(was);
    arena_free(&old);
    return root;
}

struct htmltree *htmltree_new(struct str utf8)
{
    struct htmltree *t = mem_new(sizeof *t);
    markup_begin(&t->page, utf8);
    return t;
}

void htmltree_free(struct htmltree **t)
{
    if (*t == NULL)
        return;
    arena_free(&(*t)->a);
    free(*t);
    *t = NULL;
}

const struct node *htmltree_read(struct htmltree *t)
{
    struct token k = {.n = 0};
    struct node *root;
    if (t->ended)
        return NULL;
    if (t->a == NULL) {
        t->a = arena_new(ARENA_MOST);
        t->depth = 1;
        root = open_root(t);
    } else {
        root = go_on(t);
    }
    size_t from = t->page.rest.n;
    while (!is_enough(t, from - t->page.rest.n)) {
        if (!markup_next(&t->page, &k)) {
            t->ended = true;
            break;
        }
        take(t, &k);
    }
    return root;
}
