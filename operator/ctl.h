/* operator/ctl.h -- the control socket: one request of words, one reply of words, both
 * length-prefixed:
 *
 *   total(4, big-endian, of what follows) then for each word length(4) bytes
 *
 * Request: the verb and its arguments. Reply: exit status ("0"...), error text, then the rows'
 * cells, so many in a row as the verb's table has columns (cli/table.h). */
#ifndef OPERATOR_CTL_H
#define OPERATOR_CTL_H

#include "base/arena.h"
#include "base/bytes.h"
#include "gateway/gate/gate.h"

#define CTL_FRAME_MAX (300u << 20) /* a file given to sendfile */
#define CTL_WORDS_MAX 100000u

void ctl_put(struct buf *b, const struct str *word, size_t n);
/* 1 a whole frame: words (borrowed from in, the array in the arena) and the bytes used; 0 more
 * needed; negative malformed or too large. */
int ctl_get(struct cur in, struct arena *a, struct str **word, size_t *n, size_t *used,
            struct why *w) MUST_CHECK;

struct ctl;
int ctl_open(struct ctl **out, struct gate *g, const char *path, struct why *w) MUST_CHECK;
void ctl_close(struct ctl **c);

/* One request being answered; verbs (ctlverbs.c) answer once, now or later. */
struct ctl_call {
    struct gate *g;
    struct ctl_conn *conn; /* NULL: the client has gone */
    struct arena *arena;
    struct str *word;
    size_t nword;
    struct str *cell;
    size_t ncell;
};
void ctl_cell(struct ctl_call *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
void ctl_answer(struct ctl_call *c, int status, const char *fmt, ...)
    PRINTF_LIKE(3, 4);               /* frees c */
void ctl_status(struct ctl_call *c); /* ctlstatus.c: pairs of a key and its text */
/* ctlverbs.c */
void ctl_dispatch(struct ctl_call *c);

#endif
