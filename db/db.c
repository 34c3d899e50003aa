/* db/db.c -- one SQLite connection: see db.h */
#include "db/db.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "db/memo.h"
#include "schema_sql.h"

/* "NJEg": tells our files from other people's SQLite databases. */
#define APPLICATION_ID 0x4e4a4567
#define BUSY_MS 5000
/* Statements of one connection; a power of two well over what db/ has. */
#define CACHE_SLOTS 128
/* Walking takes 1 ms a MiB. Databases up to this many pages are walked whole at opening; of larger
 * ones only tables of up to so many rows are (and SQLite sees when the end is cut off), which
 * leaves out the queue of a busy day: each of its messages is read by itself later, and damage then
 * stops that one. */
#define CHECK_PAGES 16384
#define CHECK_ROWS 5000
/* Names that are not there, kept by a connection: an entry is some 60 octets. */
#define ABSENT_MOST ((size_t)2 << 20)

/* Step i brings version i to i + 1. Each runs inside the one transaction of the migration. */
static const char *const migration[] = {schema_sql, schema_2_sql, schema_3_sql};

struct cached {
    const char *sql;
    struct sqlite3_stmt *st;
};

struct db {
    struct sqlite3 *h;
    char *path;
    struct memo *memo;       /* rows read, NULL: nothing is kept */
    int64_t generation;      /* of the tables they were read from */
    const char *const *step; /* migration */
    int version;             /* after the last of them */
    struct cached cache[CACHE_SLOTS];
};

static pthread_once_t configured = PTHREAD_ONCE_INIT;

/* The allocation statistics cost a global lock for each allocation of two busy threads. Refused,
 * harmlessly, when someone used the library before. */
static void configure(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

/* A full disk, an I/O error or a lock passes: the peer is asked to come again (RFC 3463 4.3.1). */
static int disk_trouble(struct sqlite3 *h, const char *path, const char *what, struct why *w)
{
    int no = sqlite3_system_errno(h), code = sqlite3_errcode(h);
    if (code == SQLITE_FULL)
        return why_set(w, E_TEMP, 452, "4.3.1", "%s: the disk of %s is full", what, path);
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return why_set(w, E_TEMP, 452, "4.3.1", "%s: another program holds %s", what, path);
    return why_set(w, E_TEMP, 452, "4.3.1", "%s: %s: %s%s%s", what, path, sqlite3_errmsg(h),
                   no != 0 ? ": " : "", no != 0 ? strerror(no) : "");
}

static int fail(struct sqlite3 *h, const char *path, const char *what, struct why *w)
{
    switch (sqlite3_errcode(h)) {
    case SQLITE_CONSTRAINT:
        return why_set(w, E_DENIED, 0, NULL, "%s: %s", what, sqlite3_errmsg(h));
    case SQLITE_TOOBIG:
        return why_set(w, E_LIMIT, 0, NULL, "%s: %s", what, sqlite3_errmsg(h));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return why_set(w, E_IO, 451, "4.3.0", "%s: %s is damaged (%s)", what, path,
                       sqlite3_errmsg(h));
    default:
        return disk_trouble(h, path, what, w);
    }
}

int db_fail(struct db *d, const char *what, struct why *w)
{
    return fail(d->h, d->path, what, w);
}

static int exec(struct db *d, const char *sql, const char *what, struct why *w)
{
    if (sqlite3_exec(d->h, sql, NULL, NULL, NULL) == SQLITE_OK)
        return OK;
    return db_fail(d, what, w);
}

/* The one integer a statement answers. */
static int ask(struct db *d, const char *sql, int64_t *value, struct why *w)
{
    struct sqlite3_stmt *st;
    if (sqlite3_prepare_v2(d->h, sql, -1, &st, NULL) != SQLITE_OK)
        return db_fail(d, "open", w);
    int rc = sqlite3_step(st);
    *value = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    sqlite3_finalize(st);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? OK : db_fail(d, "open", w);
}

static int refuse(struct db *d, struct why *w, const char *text)
{
    return why_set(w, E_PERM, 0, NULL, "%s %s", d->path, text);
}

/* What passes (busy, full) keeps its class; anything else about an unreadable file is for good. */
static int unreadable(struct db *d, struct why *w)
{
    int code = sqlite3_errcode(d->h);
    if (code == SQLITE_NOTADB)
        return refuse(d, w, "is damaged or no njegate database: its header cannot be read");
    if (code == SQLITE_CORRUPT)
        return refuse(
            d, w, "is damaged: restore a backup (njegate restore), or see `sqlite3 FILE .recover`");
    if (code == SQLITE_CANTOPEN || code == SQLITE_READONLY || code == SQLITE_PERM ||
        code == SQLITE_AUTH) {
        int no = sqlite3_system_errno(d->h);
        return why_set(w, E_PERM, 0, NULL, "cannot open %s: %s", d->path,
                       no != 0 ? strerror(no) : sqlite3_errmsg(d->h));
    }
    return disk_trouble(d->h, d->path, "open", w);
}

/* Whose file is it, and of which version? Version 0 is an empty file, ours to fill. */
static int identify(struct db *d, int64_t *version, struct why *w)
{
    int64_t app = 0, tables = 0;
    if (ask(d, "PRAGMA application_id", &app, w) < 0 ||
        ask(d, "PRAGMA user_version", version, w) < 0 ||
        ask(d, "SELECT count(*) FROM sqlite_schema", &tables, w) < 0)
        return unreadable(d, w);
    if (app != APPLICATION_ID && (app != 0 || *version != 0 || tables != 0))
        return refuse(d, w, "is a database, but not one of njegate's");
    if (*version > d->version)
        return why_set(
            w, E_PERM, 0, NULL,
            "%s was made by a newer njegate (schema %d; this one knows up to %d): install "
            "that version again, or restore a backup from before the upgrade",
            d->path, (int)*version, d->version);
    return OK;
}

static int steps(struct db *d, int64_t from, struct why *w)
{
    for (int64_t v = from; v < d->version; v++)
        if (exec(d, d->step[v], "migrate", w) < 0)
            return (int)w->err;
    char sql[96];
    snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d",
             APPLICATION_ID, d->version);
    return exec(d, sql, "migrate", w);
}

static int migrate(struct db *d, struct why *w)
{
    int rc = db_begin(d, w);
    if (rc < 0)
        return rc;
    int64_t version = 0; /* another program may have migrated while we waited for the lock */
    rc = identify(d, &version, w);
    if (rc == OK && version < d->version)
        rc = steps(d, version, w);
    if (rc == OK)
        rc = db_commit(d, w);
    if (rc < 0)
        db_rollback(d);
    return rc;
}

static int walk(struct db *d, const char *sql, struct why *w)
{
    struct sqlite3_stmt *st;
    if (sqlite3_prepare_v2(d->h, sql, -1, &st, NULL) != SQLITE_OK)
        return unreadable(d, w);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW && strcmp((const char *)sqlite3_column_text(st, 0), "ok") != 0)
        why_set(w, E_PERM, 0, NULL, "%s is damaged: %s; restore a backup (njegate restore)",
                d->path, sqlite3_column_text(st, 0));
    else if (rc == SQLITE_ROW)
        rc = SQLITE_DONE;
    else
        unreadable(d, w);
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? OK : (int)w->err;
}

int db_walk(struct db *d, struct why *w)
{
    return walk(d, "PRAGMA quick_check(1)", w);
}

/* The tables of up to CHECK_ROWS rows, one by one. A row of message is as large as a mail, so these
 * are counted by their recipients, of whom each has at least one. */
static int walk_small(struct db *d, struct why *w)
{
    struct sqlite3_stmt *st;
    char sql[200];
    int64_t rows = 0;
    int rc = OK;
    if (sqlite3_prepare_v2(d->h, "SELECT name FROM sqlite_schema WHERE type = 'table'", -1, &st,
                           NULL) != SQLITE_OK)
        return unreadable(d, w);
    while (rc == OK && sqlite3_step(st) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(st, 0);
        snprintf(sql, sizeof sql, "SELECT count(*) FROM (SELECT 1 FROM \"%s\" LIMIT %d)",
                 strcmp(name, "message") == 0 ? "rcpt" : name, CHECK_ROWS + 1);
        if (ask(d, sql, &rows, w) < 0) {
            rc = unreadable(d, w);
        } else if (rows <= CHECK_ROWS) {
            snprintf(sql, sizeof sql, "PRAGMA quick_check(\"%s\")", name);
            rc = walk(d, sql, w);
        }
    }
    sqlite3_finalize(st);
    return rc;
}

static int damage(struct db *d, struct why *w)
{
    int64_t pages = 0;
    if (ask(d, "PRAGMA page_count", &pages, w) < 0)
        return unreadable(d, w);
    return pages <= CHECK_PAGES ? db_walk(d, w) : walk_small(d, w);
}

/* Bodies in a table: a backup, whose files must be put back first. */
static int plain(struct db *d, struct why *w)
{
    int64_t tables = 0;
    if (ask(d, "SELECT count(*) FROM sqlite_schema WHERE name = 'backup_body'", &tables, w) < 0)
        return unreadable(d, w);
    return tables == 0 ? OK : refuse(d, w, "is a backup: put it in its place with njegate restore");
}

/* Deleted mail need not be overwritten in the file (Debian's SQLite does so by default): on a
 * journal and copy-on-write disk that erases nothing and costs a write for each removed body. */
static int tune(struct db *d, struct why *w)
{
    return exec(d,
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                "PRAGMA secure_delete = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8000",
                "open", w);
}

static int prepare_file(struct db *d, enum db_mode mode, struct why *w)
{
    int64_t version = 0;
    int rc = identify(d, &version, w);
    if (rc < 0)
        return rc;
    if (mode == DB_READ)
        return version != 0 ? OK : refuse(d, w, "is empty, no njegate database");
    if (mode == DB_WRITE && version == 0)
        return refuse(d, w, "is empty, no njegate database");
    if ((version != 0 && ((rc = damage(d, w)) < 0 || (rc = plain(d, w)) < 0)) ||
        (rc = tune(d, w)) < 0)
        return rc;
    return version < d->version ? migrate(d, w) : OK;
}

int db_sync_folder(const char *path, struct why *w)
{
    char *folder = mem_dup(path);
    char *slash = strrchr(folder, '/');
    if (slash != NULL)
        slash[slash == folder] = '\0';
    int fd = open(slash != NULL ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd >= 0 && fsync(fd) == 0 ? OK : why_errno(w, path);
    if (fd >= 0)
        close(fd);
    free(folder);
    return rc;
}

/* Mail is private: the file is ours alone from its first moment. -wal and -shm follow its mode. */
static int make_file(const char *path, struct why *w)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    bool made = fd < 0 && errno == ENOENT;
    if (made)
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return why_set(w, E_PERM, 0, NULL, "cannot create %s: %s", path, strerror(errno));
    close(fd);
    return made ? db_sync_folder(path, w) : OK;
}

int db_open(struct db **out, const char *path, enum db_mode mode, struct why *w)
{
    return db_open_steps(out, path, mode, migration, (int)(sizeof migration / sizeof migration[0]),
                         w);
}

int db_open_steps(struct db **out, const char *path, enum db_mode mode, const char *const *step,
                  int n, struct why *w)
{
    *out = NULL;
    pthread_once(&configured, configure);
    int rc = mode == DB_CREATE ? make_file(path, w) : OK;
    if (rc < 0)
        return rc;
    struct db *d = mem_new(sizeof *d);
    d->path = mem_dup(path);
    d->step = step;
    d->version = n;
    int flags = mode == DB_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    if (sqlite3_open_v2(path, &d->h, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        rc = unreadable(d, w);
    } else {
        sqlite3_busy_timeout(d->h, BUSY_MS);
        rc = prepare_file(d, mode, w);
    }
    if (rc == OK) {
        *out = d;
        return OK;
    }
    /* What is refused stays untouched: no checkpoint of a WAL we do not understand. */
    if (d->h != NULL)
        sqlite3_db_config(d->h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    db_close(&d);
    return rc;
}

void db_close(struct db **d)
{
    if (*d == NULL)
        return;
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        sqlite3_finalize((*d)->cache[i].st);
    sqlite3_close_v2((*d)->h);
    memo_free(&(*d)->memo);
    free((*d)->path);
    free(*d);
    *d = NULL;
}

const char *db_path(const struct db *d)
{
    return d->path;
}

struct sqlite3 *db_handle(struct db *d)
{
    return d->h;
}

static struct cached *slot_of(struct db *d, const char *sql)
{
    uintptr_t at = (uintptr_t)sql;
    size_t i = (size_t)((at ^ at >> 7 ^ at >> 14) % CACHE_SLOTS);
    for (size_t seen = 0; seen < CACHE_SLOTS; seen++, i = (i + 1) % CACHE_SLOTS)
        if (d->cache[i].sql == sql || d->cache[i].sql == NULL)
            return &d->cache[i];
    return NULL;
}

struct sqlite3_stmt *db_stmt(struct db *d, const char *sql, struct why *w)
{
    struct cached *c = slot_of(d, sql);
    if (c == NULL) {
        why_set(w, E_PERM, 0, NULL, "more statements than a connection keeps");
        return NULL;
    }
    if (c->st == NULL) {
        if (sqlite3_prepare_v3(d->h, sql, -1, SQLITE_PREPARE_PERSISTENT, &c->st, NULL) !=
            SQLITE_OK) {
            db_fail(d, "prepare", w);
            return NULL;
        }
        c->sql = sql;
    }
    return c->st;
}

void db_done(struct sqlite3_stmt *st)
{
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
}

int db_step(struct sqlite3_stmt *st, struct why *w)
{
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        return 1;
    if (rc == SQLITE_DONE)
        return 0;
    struct sqlite3 *h = sqlite3_db_handle(st);
    const char *path = sqlite3_db_filename(h, NULL);
    return fail(h, path != NULL ? path : "the database", "database", w);
}

static int simple(struct db *d, const char *sql, const char *what, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(d, sql, w);
    if (st == NULL)
        return (int)w->err;
    int rc = sqlite3_step(st);
    if (rc != SQLITE_DONE)
        rc = db_fail(d, what, w);
    else
        rc = OK;
    sqlite3_reset(st);
    return rc;
}

int db_begin(struct db *d, struct why *w)
{
    return simple(d, "BEGIN IMMEDIATE", "begin", w);
}

int db_snapshot(struct db *d, struct why *w)
{
    return simple(d, "BEGIN", "begin", w);
}

int db_commit(struct db *d, struct why *w)
{
    return simple(d, "COMMIT", "commit", w);
}

void db_rollback(struct db *d)
{
    struct why ignored;
    /* SQLite rolls back by itself after some errors; then there is nothing left to do. */
    if (sqlite3_get_autocommit(d->h) == 0 && simple(d, "ROLLBACK", "rollback", &ignored) < 0)
        return;
}

int db_pair(struct db *d, const char *sql, uint64_t *first, uint64_t *second, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(d, sql, w);
    if (st == NULL)
        return (int)w->err;
    int rc = db_step(st, w);
    if (rc > 0) {
        *first = (uint64_t)sqlite3_column_int64(st, 0);
        *second = (uint64_t)sqlite3_column_int64(st, 1);
    }
    db_done(st);
    return rc < 0 ? rc : OK;
}

void db_bind_str(struct sqlite3_stmt *st, int n, struct str s)
{
    sqlite3_bind_text64(st, n, s.n > 0 ? s.p : "", s.n, SQLITE_STATIC, SQLITE_UTF8);
}

struct str db_col_str(struct sqlite3_stmt *st, int n)
{
    const char *p = (const char *)sqlite3_column_text(st, n);
    return (struct str){p, p != NULL ? (size_t)sqlite3_column_bytes(st, n) : 0};
}

/* --- what is kept of the directory --- */

void db_remember(struct db *d, size_t most)
{
    memo_free(&d->memo);
    d->memo = memo_new(most, ABSENT_MOST);
    db_refresh(d);
}

void db_refresh(struct db *d)
{
    struct why w;
    if (d->memo == NULL)
        return;
    struct sqlite3_stmt *st = db_stmt(d, "SELECT value FROM counter WHERE name = 'directory'", &w);
    int64_t now = -1;
    if (st != NULL && db_step(st, &w) > 0)
        now = sqlite3_column_int64(st, 0);
    if (st != NULL)
        db_done(st);
    if (now < 0 || now != d->generation)
        memo_clear(d->memo);
    d->generation = now;
}

struct memo *db_memo(struct db *d)
{
    return d->generation >= 0 ? d->memo : NULL;
}
