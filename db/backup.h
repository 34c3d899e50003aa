/* db/backup.h -- the queue whole in one file, and back.
 *
 * A backup is a database of the present schema. Large bodies, in the live queue files beside the
 * database, are in its table backup_body, so that nothing need be copied besides; db_open refuses
 * it as a live database. Taken while the daemon runs: the rows as they are at one moment, and the
 * bodies of just these rows. */
#ifndef DB_BACKUP_H
#define DB_BACKUP_H

#include "db/db.h"

struct backup_sum {
    uint64_t messages, files; /* queued messages, files in readers */
    uint64_t bodies, bytes;   /* large ones among them */
};

/* d is open for reading. The file appears under its name when all of it is on disk; it is its
 * maker's alone (0600). */
int backup_write(struct db *d, const char *spooldir, const char *path, struct backup_sum *sum,
                 struct why *w) MUST_CHECK;
/* Is a backup whole: every page, every body its rows name? */
int backup_check(const char *path, struct backup_sum *sum, struct why *w) MUST_CHECK;
/* The same of a live queue; the first thing found wrong. */
int backup_check_live(struct db *d, const char *spooldir, struct backup_sum *sum,
                      struct why *w) MUST_CHECK;
/* Check path and put it in the place of database and spooldir. E_DENIED: a daemon works there, or a
 * database is there and replace is false. What is replaced is kept under names that end in
 * ".replaced-<time>". A crash leaves the old, the new, or what store_open refuses to begin anew
 * with; then restoring again helps. Run by root, the files are given to the owner of their folder.
 */
int backup_restore(const char *path, const char *database, const char *spooldir, bool replace,
                   struct backup_sum *sum, struct why *w) MUST_CHECK;

#endif
