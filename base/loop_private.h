/* base/loop_private.h -- base/stream.c's part in a turn of the loop; nobody else includes this. */
#ifndef BASE_LOOP_PRIVATE_H
#define BASE_LOOP_PRIVATE_H

#include "base/loop.h"

/* What the streams of a loop do once a turn. Each answers whether it called anybody. */
struct loop_part {
    bool (*start)(void *state); /* before waiting */
    bool (*flush)(void *state); /* after the barriers */
    void (*done)(void *state);  /* the loop is freed */
};
void loop_attach(struct loop *l, const struct loop_part *part, void *state);
void *loop_attached(const struct loop *l); /* the state, NULL before loop_attach */
void loop_again(struct loop *l);           /* the next turn shall not wait */

#endif
