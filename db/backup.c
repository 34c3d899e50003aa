/* db/backup.c -- writing and checking backups: see backup.h. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "db/backup_private.h"

/* A row of backup_body; a body may be larger than what SQLite takes as one value. */
#define CHUNK 1048576u
/* Each time a body went while it was being held, the next snapshot has fewer that are not held. */
#define TRIES 100

char *backup_path(const char *folder, const char *sub, uint64_t file)
{
    size_t size = strlen(folder) + strlen(sub) + 32;
    char *path = mem_new(size);
    snprintf(path, size, "%s/%s/%010llu", folder, sub, (unsigned long long)file);
    return path;
}

int backup_fail(struct sqlite3 *h, const char *path, struct why *w)
{
    int no = sqlite3_system_errno(h);
    return why_set(w, sqlite3_errcode(h) == SQLITE_FULL ? E_TEMP : E_IO, 0, NULL, "%s: %s%s%s",
                   path, sqlite3_errmsg(h), no != 0 ? ": " : "", no != 0 ? strerror(no) : "");
}

int backup_sql(struct sqlite3 *h, const char *path, const char *sql, struct why *w)
{
    if (sqlite3_exec(h, sql, NULL, NULL, NULL) == SQLITE_OK)
        return OK;
    return backup_fail(h, path, w);
}

int backup_sync(const char *path, struct why *w)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = fd >= 0 && fsync(fd) == 0 ? OK : why_errno(w, path);
    if (fd >= 0)
        close(fd);
    return rc;
}

int backup_copy(struct sqlite3 *from, const char *path, struct sqlite3 **to, struct why *w)
{
    *to = NULL;
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return why_set(w, E_PERM, 0, NULL, "cannot create %s: %s", path, strerror(errno));
    close(fd);
    if (sqlite3_open_v2(path, to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return backup_fail(*to, path, w);
    struct sqlite3_backup *copy = sqlite3_backup_init(*to, "main", from, "main");
    if (copy != NULL) {
        sqlite3_backup_step(copy, -1);
        sqlite3_backup_finish(copy);
    }
    if (sqlite3_errcode(*to) != SQLITE_OK)
        return backup_fail(*to, path, w);
    /* Synced once, at the end. */
    return backup_sql(*to, path, "PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF", w);
}

/* --- holding the bodies of a snapshot --- */

struct work {
    struct db *from;
    const char *spooldir;
    char *part;         /* what is being written */
    struct sqlite3 *to; /* it */
    struct backup_sum *sum;
    uint64_t *held; /* bodies that have a second name in SPOOLDIR/tmp */
    size_t nheld;
};

/* The second name of a body, so that it stays while we copy; tmp/ is emptied at every start. */
static char *held_path(const struct work *k, uint64_t file)
{
    size_t size = strlen(k->spooldir) + 80;
    char *path = mem_new(size);
    snprintf(path, size, "%s/tmp/held-%ld-%010llu", k->spooldir, (long)getpid(),
             (unsigned long long)file);
    return path;
}

static void let_go(struct work *k)
{
    for (size_t i = 0; i < k->nheld; i++) {
        char *path = held_path(k, k->held[i]);
        unlink(path);
        free(path);
    }
    free(k->held);
}

/* 1 held, 0 it has gone. */
static int hold(struct work *k, uint64_t file, uint64_t size, struct why *w)
{
    (void)size;
    char *body = backup_path(k->spooldir, "body", file), *path = held_path(k, file);
    int rc = 1;
    if (link(body, path) == 0) {
        if ((k->nheld & (k->nheld - 1)) == 0)
            k->held = mem_grow(k->held, k->nheld == 0 ? 1 : k->nheld * 2, sizeof *k->held);
        k->held[k->nheld++] = file;
    } else if (errno == ENOENT) {
        why_set(w, E_IO, 0, NULL, "the body %s is not there", body);
        rc = 0;
    } else if (errno != EEXIST) { /* held by an earlier try */
        rc = why_errno(w, path);
    }
    free(body);
    free(path);
    return rc;
}

static int each_file(struct sqlite3 *h, const char *path,
                     int (*fn)(struct work *k, uint64_t file, uint64_t size, struct why *w),
                     struct work *k, struct why *w)
{
    struct sqlite3_stmt *st;
    if (sqlite3_prepare_v2(h, BACKUP_FILES, -1, &st, NULL) != SQLITE_OK)
        return backup_fail(h, path, w);
    int rc = 1, step = SQLITE_DONE;
    while (rc == 1 && (step = sqlite3_step(st)) == SQLITE_ROW)
        rc = fn(k, (uint64_t)sqlite3_column_int64(st, 0), (uint64_t)sqlite3_column_int64(st, 1), w);
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        rc = backup_fail(h, path, w);
    sqlite3_finalize(st);
    return rc;
}

/* Begin a read transaction and hold every body it sees. The rows stay as they are in it; a body
 * that went between the two means: look again. */
static int hold_all(struct work *k, struct why *w)
{
    struct sqlite3 *h = db_handle(k->from);
    int rc = 0;
    for (int i = 0; i < TRIES && rc == 0; i++) {
        rc = backup_sql(h, db_path(k->from), "BEGIN", w);
        if (rc == OK)
            rc = each_file(h, db_path(k->from), hold, k, w);
        if (rc <= 0)
            db_rollback(k->from);
    }
    return rc == 0 ? (int)w->err : rc;
}

/* --- writing --- */

static int put_chunks(struct work *k, struct sqlite3_stmt *st, int fd, uint64_t file,
                      uint64_t *total, struct why *w)
{
    uint8_t *bytes = mem_new(CHUNK);
    int rc = OK;
    for (ssize_t n; rc == OK && (n = read(fd, bytes, CHUNK)) != 0;) {
        if (n < 0) {
            rc = why_errno(w, "a body");
            break;
        }
        *total += (uint64_t)n;
        sqlite3_bind_int64(st, 1, (int64_t)file);
        sqlite3_bind_blob64(st, 2, bytes, (uint64_t)n, SQLITE_STATIC);
        if (sqlite3_step(st) != SQLITE_DONE)
            rc = backup_fail(k->to, k->part, w);
        sqlite3_reset(st);
    }
    free(bytes);
    return rc;
}

static int put_body(struct work *k, uint64_t file, uint64_t size, struct why *w)
{
    char *path = held_path(k, file);
    struct sqlite3_stmt *st = NULL;
    uint64_t total = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc;
    if (fd < 0)
        rc = errno == ENOENT ? why_set(w, E_TEMP, 0, NULL,
                                       "njegated was started while the backup was made: try again")
                             : why_errno(w, path);
    else if (sqlite3_prepare_v2(k->to, "INSERT INTO backup_body (file, bytes) VALUES (?, ?)", -1,
                                &st, NULL) != SQLITE_OK)
        rc = backup_fail(k->to, k->part, w);
    else
        rc = put_chunks(k, st, fd, file, &total, w);
    if (rc == OK && total != size)
        rc = why_set(w, E_IO, 0, NULL,
                     "the body %010llu in %s/body is damaged: it has %llu bytes of %llu",
                     (unsigned long long)file, k->spooldir, (unsigned long long)total,
                     (unsigned long long)size);
    sqlite3_finalize(st);
    if (fd >= 0)
        close(fd);
    free(path);
    k->sum->bodies++;
    k->sum->bytes += total;
    return rc == OK ? 1 : rc;
}

static int count(struct sqlite3 *h, const char *path, const char *sql, uint64_t *n, struct why *w)
{
    struct sqlite3_stmt *st;
    if (sqlite3_prepare_v2(h, sql, -1, &st, NULL) != SQLITE_OK)
        return backup_fail(h, path, w);
    int step = sqlite3_step(st);
    if (step == SQLITE_ROW)
        *n = (uint64_t)sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return step == SQLITE_ROW ? OK : backup_fail(h, path, w);
}

static int count_rows(struct sqlite3 *h, const char *path, struct backup_sum *sum, struct why *w)
{
    int rc = count(h, path, "SELECT count(*) FROM message", &sum->messages, w);
    return rc == OK ? count(h, path, "SELECT count(*) FROM reader", &sum->files, w) : rc;
}

static int has_files(struct sqlite3 *h, const char *path, bool *has, struct why *w)
{
    uint64_t n = 0;
    int rc = count(h, path, "SELECT count(*) FROM (" BACKUP_FILES " LIMIT 1)", &n, w);
    *has = n > 0;
    return rc;
}

static int write_bodies(struct work *k, struct why *w)
{
    bool some = false;
    int rc = has_files(k->to, k->part, &some, w);
    if (rc == OK && some)
        rc = backup_sql(k->to, k->part,
                        "BEGIN; CREATE TABLE backup_body (n INTEGER PRIMARY KEY,"
                        " file INTEGER NOT NULL, bytes BLOB NOT NULL)",
                        w);
    if (rc < 0 || !some)
        return rc;
    rc = each_file(k->to, k->part, put_body, k, w);
    if (rc < 0)
        return rc;
    return backup_sql(k->to, k->part, "CREATE INDEX backup_body_file ON backup_body (file); COMMIT",
                      w);
}

static int write_part(struct work *k, struct why *w)
{
    int rc = hold_all(k, w);
    if (rc < 0)
        return rc;
    rc = backup_copy(db_handle(k->from), k->part, &k->to, w);
    db_rollback(k->from); /* the write-ahead log is free again; the bodies are held */
    if (rc == OK)
        rc = count_rows(k->to, k->part, k->sum, w);
    return rc == OK ? write_bodies(k, w) : rc;
}

int backup_write(struct db *d, const char *spooldir, const char *path, struct backup_sum *sum,
                 struct why *w)
{
    size_t size = strlen(path) + sizeof ".part";
    struct work k = {.from = d, .spooldir = spooldir, .part = mem_new(size), .sum = sum};
    *sum = (struct backup_sum){0};
    snprintf(k.part, size, "%s.part", path);
    int rc = write_part(&k, w);
    sqlite3_close_v2(k.to);
    let_go(&k);
    /* A backup that broke off must not pass for one: the name appears when all is there. */
    if (rc == OK)
        rc = backup_sync(k.part, w);
    if (rc == OK && rename(k.part, path) != 0)
        rc = why_errno(w, path);
    if (rc == OK)
        rc = db_sync_folder(path, w);
    else
        unlink(k.part);
    free(k.part);
    return rc;
}

/* --- checking --- */

static int check_bodies(struct db *d, struct backup_sum *sum, struct why *w)
{
    static const char sql[] =
        "SELECT r.file, r.size, (SELECT ifnull(sum(length(b.bytes)), -1) FROM backup_body b"
        " WHERE b.file = r.file) FROM (" BACKUP_FILES ") r";
    struct sqlite3 *h = db_handle(d);
    struct sqlite3_stmt *st;
    bool some;
    int rc = has_files(h, db_path(d), &some, w);
    if (rc < 0 || !some)
        return rc;
    if (sqlite3_prepare_v2(h, sql, -1, &st, NULL) != SQLITE_OK)
        return why_set(w, E_PERM, 0, NULL, "%s is no whole backup: its large bodies are not in it",
                       db_path(d));
    int step;
    while (rc == OK && (step = sqlite3_step(st)) == SQLITE_ROW) {
        if (sqlite3_column_int64(st, 1) != sqlite3_column_int64(st, 2))
            rc = why_set(w, E_PERM, 0, NULL, "%s is damaged: the body %010lld is not whole in it",
                         db_path(d), (long long)sqlite3_column_int64(st, 0));
        sum->bodies++;
        sum->bytes += (uint64_t)sqlite3_column_int64(st, 1);
    }
    if (rc == OK && step != SQLITE_DONE)
        rc = backup_fail(h, db_path(d), w);
    sqlite3_finalize(st);
    return rc;
}

int backup_check(const char *path, struct backup_sum *sum, struct why *w)
{
    struct db *d;
    *sum = (struct backup_sum){0};
    int rc = db_open(&d, path, DB_READ, w);
    if (rc < 0)
        return rc;
    rc = db_walk(d, w);
    if (rc == OK)
        rc = count_rows(db_handle(d), path, sum, w);
    if (rc == OK)
        rc = check_bodies(d, sum, w);
    db_close(&d);
    return rc;
}

static int look_at_body(struct work *k, uint64_t file, uint64_t size, struct why *w)
{
    struct stat st;
    char *path = backup_path(k->spooldir, "body", file);
    int rc = 1;
    if (stat(path, &st) != 0)
        rc = why_set(w, E_PERM, 0, NULL, "the body %s cannot be had: %s", path, strerror(errno));
    else if ((uint64_t)st.st_size != size)
        rc = why_set(w, E_PERM, 0, NULL, "the body %s is damaged: it has %lld bytes of %llu", path,
                     (long long)st.st_size, (unsigned long long)size);
    k->sum->bodies++;
    k->sum->bytes += size;
    free(path);
    return rc;
}

/* Bodies are held as for a backup, so that one that is sent meanwhile is not taken for lost. */
int backup_check_live(struct db *d, const char *spooldir, struct backup_sum *sum, struct why *w)
{
    struct work k = {.from = d, .spooldir = spooldir, .sum = sum};
    *sum = (struct backup_sum){0};
    int rc = db_walk(d, w);
    if (rc == OK)
        rc = hold_all(&k, w);
    if (rc > 0)
        rc = count_rows(db_handle(d), db_path(d), sum, w);
    if (rc == OK)
        rc = each_file(db_handle(d), db_path(d), look_at_body, &k, w);
    db_rollback(d);
    let_go(&k);
    return rc < 0 ? rc : OK;
}
