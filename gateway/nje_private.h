/* gateway/nje_private.h -- what the files of the NJE door share; nobody else includes it.
 *
 *  nje.c     links and their configuration; files in and out
 *  njesort.c what becomes of a file
 *  njemsg.c  messages and commands (NMR) */
#ifndef GATEWAY_NJE_PRIVATE_H
#define GATEWAY_NJE_PRIVATE_H

#include "gateway/fromnje.h"
#include "gateway/nje.h"
#include "gateway/pace.h"
#include "gateway/njetls.h"

/* A link of the configuration. */
struct line {
    struct line *next;
    struct nje *nje;
    struct link *link;
    struct conf_link conf; /* strings in `arena` */
    struct arena *arena;
    char name[9];
    struct dns_ask *ask; /* for a HOST that is a name */
    union endpoint at;   /* what it was last */
    bool resolved;
    struct njetls_call call;
    struct mono odd; /* when something odd of the peer's was told last */
    bool odd_told;
    unsigned odd_more; /* ... and how many times since it was not */
};
struct nje {
    struct gate *g;
    struct line *line;
    struct port *port;
    struct njetls *tls;
    struct pace *pace; /* answers to whoever asks by message */
    struct why unfit;  /* why find_link refused the call it was last asked about, "" it did not */
    struct listening *ports;
    size_t open;
    struct resumed *resumed;
    struct gather *gather;       /* WAITFILES */
    struct arriving *converting; /* files that are becoming mail in a work thread */
};
/* A held, deferred or waiting file that is being sorted anew, or several that become one mail. */
struct resumed {
    struct resumed *next;
    struct nje *nje;
    size_t n;
    msg_id id[];
};

struct line *nje_line_named(struct nje *n, const char *name); /* NULL: none */
struct line *nje_line_to(struct nje *n, struct str node);     /* the route's; NULL: none */
/* Does the node that a message or file claims to come from lie behind this link? */
bool nje_origin_ok(struct line *l, struct str node);
/* Is the file for us, or does it only pass? */
bool nje_is_ours(struct nje *n, struct arena *a, const struct njefile_in *f);

/* A file that is being sorted. fn is called once, now or later: v negative with *w, or all of it is
 * in `in`, to be committed; then it is the owner's to free. */
struct sorting;
typedef void nje_sorted_fn(struct sorting *s, int v, struct why *w);
struct sorting {
    struct nje *n;
    struct intake *in;
    struct body *deck;
    struct arena *a;
    struct njefile_in f; /* the headers, in a */
    char from_link[9];   /* "": it is from here */
    enum policy_source source;
    struct fromnje_read *read;
    nje_sorted_fn *fn;
    void *arg;
};
/* deck is held; may be NULL when nothing is to be sorted. */
struct sorting *nje_sorting(struct nje *n, struct body *deck, enum policy_source source,
                            nje_sorted_fn *fn, void *arg);
void nje_sorting_free(struct sorting **s);
void nje_sort(struct sorting *s);

void nje_got_message(void *arg, const struct nmr *m); /* link_ops.message; arg is the line */

/* A pace_fn: a line without sender user, so that nothing answers it. */
void nje_answer(void *arg, struct str user, struct str node, struct str line);

#endif
