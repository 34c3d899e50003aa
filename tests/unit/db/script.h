/* tests/unit/db/script.h -- a busy life for a store, drawn by lot, and the means to tell afterwards
 * whether what is on the disk is the state after exactly the first p of its changes.
 *
 * Each change writes a journal row with its own number, so that p is known; changes become durable
 * in the order they were given, so that everything else must agree with p. */
#ifndef TESTS_DB_SCRIPT_H
#define TESTS_DB_SCRIPT_H

#include "fixture.h"

#define SCRIPT_INLINE 3000u /* larger bodies are files here */
#define SCRIPT_MOST 2000u

struct script {
    struct fix *f;
    unsigned lot;
    unsigned given, asked, told, refused; /* changes; asked: with callback; told: called back */
    unsigned sure;                        /* greatest change told durable */
    void (*on_durable)(unsigned change);
    bool no_checkpoints;
};

void script_begin(struct script *s, struct fix *f, unsigned lot);
/* Give n changes, turning the loop now and then; then wait until all are told. */
void script_run(struct script *s, unsigned n);
/* Give one change of a kind that needs nothing before it, and wait: OK or the error. */
int script_one(struct script *s, struct why *w);

/* Which of the first n changes are on the disk, when they need not be the first p (after refusals).
 */
unsigned script_durable(struct fix *f);
/* The test fails unless the store holds the state after the first p changes. fresh: just opened, so
 * that no file waits to be unlinked. */
void script_check(struct fix *f, unsigned lot, unsigned p, bool fresh);

#endif
