/* tests/unit/db/power.h -- a disk that loses power, fails or kills: under SQLite as its VFS, under
 * body files as the seam of db/disk.h.
 *
 * Recording: every write, truncation, sync, creation, rename and unlink goes into a log, in order,
 * as do the test's own marks. power_image then writes what a disk could hold if the power had gone
 * at a point of that log. What was synced survives; of the rest, by variant: 0 nothing, 1
 * everything, 2 and on: each 512-byte sector and each name by the draw of a lot. */
#ifndef TESTS_DB_POWER_H
#define TESTS_DB_POWER_H

#include <stdbool.h>
#include <stddef.h>

void power_install(void); /* both layers; before the first database is opened */

/* What is in the folder now counts as durable; from here on everything is logged. */
void power_record(const char *folder);
void power_mark(unsigned n);
void power_stop(void);
size_t power_points(void);
/* Is there anything to lose or gain at this point (around a sync, rename or unlink)? */
bool power_worth(size_t point);
unsigned power_marked(size_t point); /* greatest mark before the point */
void power_marks_before(size_t point, bool *marked,
                        unsigned most); /* marked[n]: the mark was set */
void power_image(size_t point, unsigned variant, const char *folder);

/* Steps are the calls that change the disk, counted from power_reset. */
void power_reset(void);
unsigned power_steps(void);
void power_fail(unsigned from, unsigned count, int no); /* these steps fail with errno no */
void power_fail_sync(const char *part, unsigned count); /* next syncs of files so named fail, EIO */
void power_kill(unsigned at);                           /* SIGKILL instead of that step */

#endif
