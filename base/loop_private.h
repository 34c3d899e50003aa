/* base/loop_private.h -- base/stream.c's part in a turn of the loop; nobody else includes this. */
#ifndef BASE_LOOP_PRIVATE_H
#define BASE_LOOP_PRIVATE_H

#include "base/loop.h"

/* What the streams of a loop do once a turn. */
struct loop_part {
    bool (*start)(void *state); /* first of all; whether the turn has work and shall not wait */
    bool (*flush)(void *state); /* after the barriers; whether anybody was called */
    void (*done)(void *state);  /* the loop is freed */
};
void loop_attach(struct loop *l, const struct loop_part *part, void *state);
void *loop_attached(const struct loop *l); /* the state, NULL before loop_attach */

#endif
