/* gateway/pace.h -- answers to NJE users a screen at a time: who sits before a 3270 cannot read a
 * hundred messages that come at once. The first PACE_LINES of a user go at once, then so many
 * every PACE_MS. Bounded in users and in lines; what is over is counted and said. */
#ifndef GATEWAY_PACE_H
#define GATEWAY_PACE_H

#include "base/loop.h"
#include "base/bytes.h"

#define PACE_LINES 20u
#define PACE_MS 10000
#define PACE_KEPT 400u /* lines that may wait for one user */
#define PACE_USERS 64u

struct pace;
typedef void pace_fn(void *arg, struct str user, struct str node, struct str line);
struct pace *pace_new(struct loop *l, pace_fn *fn, void *arg);
void pace_free(struct pace **p);
/* Calls fn, now or later. */
void pace_say(struct pace *p, struct str user, struct str node, struct str line);

#endif
