/* base/clock.h -- monotonic and wall time as different types, so that they cannot be mixed, and a
 * clock that tests can stop and step. Reads are cheap (vDSO). */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct mono {
    int64_t us; /* microseconds since some start; for intervals and timers */
};
struct wall {
    int64_t us; /* microseconds since 1970-01-01 UTC; for stamps and what is stored */
};

#define US_PER_S INT64_C(1000000)

struct mono mono_now(void);
struct mono mono_in(int64_t ms);                   /* ms milliseconds from now */
int64_t mono_ms(struct mono from, struct mono to); /* elapsed milliseconds */
struct wall wall_now(void);
int64_t wall_s(struct wall w); /* whole seconds since 1970 */

/* Tests: stop both clocks (wall at 2026-01-02 03:04:05 UTC, mono at 1 s), move them together. */
void clock_fake(bool on);
void clock_step(int64_t ms);
void clock_set(int64_t ms); /* the wall clock alone */
bool clock_is_fake(void);

#endif
