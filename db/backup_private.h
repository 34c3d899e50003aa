/* db/backup_private.h -- between backup.c and restore.c. */
#ifndef DB_BACKUP_PRIVATE_H
#define DB_BACKUP_PRIVATE_H

#include "db/backup.h"

struct sqlite3;
struct sqlite3_stmt;

/* Every large body a row names, and its size. */
#define BACKUP_FILES                                                                               \
    "SELECT file, size FROM message WHERE file IS NOT NULL"                                        \
    " UNION SELECT file, size FROM reader WHERE file IS NOT NULL"

/* "<folder>/<sub>/<number>", from mem_new. */
char *backup_path(const char *folder, const char *sub, uint64_t file);
/* The whole database of `from` as its open read transaction sees it (or as it is now) into a new
 * file of ours alone, which is left open in *to: a plain file without a write-ahead log. */
int backup_copy(struct sqlite3 *from, const char *path, struct sqlite3 **to,
                struct why *w) MUST_CHECK;
int backup_sync(const char *path, struct why *w) MUST_CHECK; /* a file or folder */
int backup_sql(struct sqlite3 *h, const char *path, const char *sql, struct why *w) MUST_CHECK;
int backup_fail(struct sqlite3 *h, const char *path, struct why *w);

#endif
