/* base/clock.c -- the two clocks, and the fake one of tests. */
#include "base/clock.h"

#include <time.h>

#define FAKE_MONO US_PER_S                         /* 1 s */
#define FAKE_WALL (INT64_C(1767323045) * US_PER_S) /* 2026-01-02 03:04:05 UTC */

/* Set only by tests. */
static struct {
    bool on;
    int64_t moved_us, set_us;
} fake;

static int64_t read_us(clockid_t id)
{
    struct timespec t;
    (void)clock_gettime(id, &t); /* cannot fail for these two clocks */
    return (int64_t)t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

struct mono mono_now(void)
{
    return (struct mono){fake.on ? FAKE_MONO + fake.moved_us : read_us(CLOCK_MONOTONIC)};
}

struct mono mono_in(int64_t ms)
{
    return (struct mono){mono_now().us + ms * 1000};
}

int64_t mono_ms(struct mono from, struct mono to)
{
    return (to.us - from.us) / 1000;
}

struct wall wall_now(void)
{
    return (struct wall){fake.on ? FAKE_WALL + fake.moved_us + fake.set_us
                                 : read_us(CLOCK_REALTIME)};
}

int64_t wall_s(struct wall w)
{
    /* Rounded down before 1970 as well. */
    return w.us >= 0 ? w.us / US_PER_S : -((-w.us + US_PER_S - 1) / US_PER_S);
}

void clock_fake(bool on)
{
    fake.on = on;
    fake.moved_us = fake.set_us = 0;
}

void clock_step(int64_t ms)
{
    fake.moved_us += ms * 1000;
}

void clock_set(int64_t ms)
{
    fake.set_us += ms * 1000;
}

bool clock_is_fake(void)
{
    return fake.on;
}
