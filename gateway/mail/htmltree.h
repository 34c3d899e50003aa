/* gateway/mail/htmltree.h -- a web page as a tree of its elements and texts, in pieces of bounded
 * size, with the repairs that browsers make (HTML Living Standard 13.2.6, as far as text shows
 * them): end tags that are left out, cells without rows, tags that close too much or nothing.
 * Pure. */
#ifndef GATEWAY_MAIL_HTMLTREE_H
#define GATEWAY_MAIL_HTMLTREE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "gateway/mail/markup.h"

#define TREE_DEPTH 200u /* of elements in each other; what is deeper belongs to the deepest */

struct node {
    enum tag tag;
    bool is_text;
    bool holds_table; /* somewhere within */
    uint8_t n;        /* attributes */
    union {
        struct str text; /* of a text, its character references undone */
        struct {
            const struct attr *attr; /* values with their references undone */
            struct node *first;      /* what is in it, in order */
        };
    };
    struct node *next;
};

struct htmltree;

/* The page is borrowed until the tree is freed. */
struct htmltree *htmltree_new(struct str utf8);
void htmltree_free(struct htmltree **t);
/* Read on; answers an element without name that holds the next piece, NULL at the end. A page of up
 * to a megabyte is one piece; a larger one is divided where little is open, and what is open there
 * is opened again in the next. A piece is gone when the next is read. */
const struct node *htmltree_read(struct htmltree *t);

#endif
