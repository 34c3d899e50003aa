/* gateway/clockwatch.h -- notices that the machine's clock was set, and says so. Mail keeps its
 * times of day: after a clock that went forward it is due sooner, but no older (RETRYAGE,
 * WARNINGAGE); after one that went back it would wait as much longer, so what waits is tried at
 * once, and from then on by the new time. */
#ifndef GATEWAY_CLOCKWATCH_H
#define GATEWAY_CLOCKWATCH_H

#include "gateway/gate/gate.h"

#define CLOCK_LOOK_MS 2000
#define CLOCK_SET_S 30  /* less is what time servers mend */
#define CLOCK_JUMPS 16u /* so many are remembered, the latest */

struct clockwatch;
struct clockwatch *clockwatch_new(struct gate *g);
void clockwatch_free(struct clockwatch **c);
/* Microseconds by which the clock has been set forward since what is stamped `then`: they did not
 * pass. Looks at the clock first. 0 for NULL. */
int64_t clockwatch_set_us(struct clockwatch *c, struct wall then);

#endif
