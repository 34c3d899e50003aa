/* db/restore.c -- putting a backup in the place of a queue: see backup.h. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "db/backup_private.h"
#include "db/spool.h"

#define PATH_SIZE 4096

struct work {
    const char *path, *database, *spooldir;
    char stamp[32]; /* of what is replaced */
    char new_db[PATH_SIZE], new_body[PATH_SIZE], body[PATH_SIZE];
};

/* Root restores for the user the daemon runs as: who owns the folder owns what is in it. */
static void give(const char *path, const char *folder)
{
    struct stat st;
    if (geteuid() == 0 && stat(folder, &st) == 0 && lchown(path, st.st_uid, st.st_gid) != 0)
        return; /* the daemon's start will tell */
}

static char *folder_of(const char *path)
{
    char *folder = mem_dup(path);
    char *slash = strrchr(folder, '/');
    if (slash == NULL) {
        free(folder);
        return mem_dup(".");
    }
    slash[slash == folder] = '\0';
    return folder;
}

/* --- the new files, beside the old --- */

static int new_database(const struct work *k, struct db *from, struct why *w)
{
    struct sqlite3 *to;
    char *folder = folder_of(k->database);
    int rc = backup_copy(db_handle(from), k->new_db, &to, w);
    if (rc == OK && sqlite3_table_column_metadata(to, NULL, "backup_body", NULL, NULL, NULL, NULL,
                                                  NULL, NULL) == SQLITE_OK)
        rc = backup_sql(to, k->new_db, "DROP TABLE backup_body; VACUUM", w);
    sqlite3_close_v2(to);
    if (rc == OK)
        rc = backup_sync(k->new_db, w);
    give(k->new_db, folder);
    free(folder);
    return rc;
}

static int empty_folder(const char *path, struct why *w)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return why_errno(w, path);
    return OK;
}

static int append(const char *path, const void *p, size_t n, int flags, struct why *w)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
    int rc = fd >= 0 && write(fd, p, n) == (ssize_t)n ? OK : why_errno(w, path);
    if (fd >= 0)
        close(fd);
    return rc;
}

static int end_body(const struct work *k, const char *path, struct why *w)
{
    give(path, k->spooldir);
    return backup_sync(path, w);
}

/* Chunks come in the order of their files, and of n within one. */
static int new_bodies(const struct work *k, struct db *from, struct why *w)
{
    struct sqlite3_stmt *st;
    struct sqlite3 *h = db_handle(from);
    char path[PATH_SIZE + 32] = "";
    int64_t last = -1;
    int rc = empty_folder(k->new_body, w), step = SQLITE_DONE;
    give(k->new_body, k->spooldir);
    if (rc < 0 || sqlite3_prepare_v2(h, "SELECT file, bytes FROM backup_body ORDER BY file, n", -1,
                                     &st, NULL) != SQLITE_OK)
        return rc; /* without that table: without large bodies */
    while (rc == OK && (step = sqlite3_step(st)) == SQLITE_ROW) {
        int64_t file = sqlite3_column_int64(st, 0);
        if (file != last && last >= 0)
            rc = end_body(k, path, w);
        snprintf(path, sizeof path, "%s/%010llu", k->new_body, (unsigned long long)file);
        if (rc == OK)
            rc = append(path, sqlite3_column_blob(st, 1), (size_t)sqlite3_column_bytes(st, 1),
                        file != last ? O_TRUNC : O_APPEND, w);
        last = file;
    }
    if (rc == OK && step != SQLITE_DONE)
        rc = backup_fail(h, k->path, w);
    if (rc == OK && last >= 0)
        rc = end_body(k, path, w);
    sqlite3_finalize(st);
    return rc == OK ? backup_sync(k->new_body, w) : rc;
}

/* --- exchanging --- */

/* Under the name with the stamp; nothing there is fine. */
static int aside(const char *path, const char *tail, const char *stamp, struct why *w)
{
    char from[PATH_SIZE + 16], to[PATH_SIZE + 64];
    snprintf(from, sizeof from, "%s%s", path, tail);
    snprintf(to, sizeof to, "%s.replaced-%s%s", path, stamp, tail);
    if (rename(from, to) == 0 || errno == ENOENT)
        return OK;
    return why_errno(w, from);
}

/* The database goes first and comes last: between the two store_open finds none where one was, and
 * refuses to make another. */
static int exchange(const struct work *k, struct why *w)
{
    static const char *const tails[] = {"-wal", "-shm", ""};
    int rc = OK;
    for (size_t i = 0; i < sizeof tails / sizeof tails[0] && rc == OK; i++)
        rc = aside(k->database, tails[i], k->stamp, w);
    if (rc == OK)
        rc = db_sync_folder(k->database, w);
    if (rc == OK)
        rc = aside(k->body, "", k->stamp, w);
    if (rc == OK && rename(k->new_body, k->body) != 0)
        rc = why_errno(w, k->body);
    if (rc == OK)
        rc = db_sync_folder(k->body, w);
    if (rc == OK && rename(k->new_db, k->database) != 0)
        rc = why_errno(w, k->database);
    return rc == OK ? db_sync_folder(k->database, w) : rc;
}

static int put_in_place(const struct work *k, struct why *w)
{
    struct db *from;
    int rc = db_open(&from, k->path, DB_READ, w);
    if (rc < 0)
        return rc;
    rc = new_database(k, from, w);
    if (rc == OK)
        rc = new_bodies(k, from, w);
    db_close(&from);
    return rc == OK ? exchange(k, w) : rc;
}

static void give_spool(const struct work *k)
{
    static const char *const names[] = {"lock", "tmp", "body"};
    char path[PATH_SIZE + 16];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", k->spooldir, names[i]);
        give(path, k->spooldir);
    }
}

int backup_restore(const char *path, const char *database, const char *spooldir, bool replace,
                   struct backup_sum *sum, struct why *w)
{
    struct work k = {.path = path, .database = database, .spooldir = spooldir};
    struct spool *lock = NULL;
    struct stat st;
    time_t now = (time_t)wall_s(wall_now());
    struct tm tm;
    if (strlen(database) + 64 > PATH_SIZE || strlen(spooldir) + 64 > PATH_SIZE)
        return why_set(w, E_LIMIT, 0, NULL, "the name of DATABASE or SPOOLDIR is too long");
    snprintf(k.new_db, sizeof k.new_db, "%s.restoring", database);
    snprintf(k.new_body, sizeof k.new_body, "%s/body.restoring", spooldir);
    snprintf(k.body, sizeof k.body, "%s/body", spooldir);
    if (gmtime_r(&now, &tm) == NULL ||
        strftime(k.stamp, sizeof k.stamp, "%Y%m%dT%H%M%SZ", &tm) == 0)
        return why_set(w, E_PERM, 0, NULL, "the clock makes no sense");
    int rc = backup_check(path, sum, w);
    if (rc < 0)
        return rc;
    rc = spool_open(&lock, spooldir, w);
    if (rc < 0)
        return rc;
    if (!replace && stat(database, &st) == 0 && st.st_size > 0)
        rc = why_set(w, E_DENIED, 0, NULL,
                     "%s is there already: --replace puts the backup in its place and keeps it "
                     "under another name",
                     database);
    if (rc == OK)
        rc = put_in_place(&k, w);
    if (rc == OK)
        spool_set_used(lock);
    give_spool(&k);
    spool_close(lock);
    spool_free(&lock);
    return rc;
}
