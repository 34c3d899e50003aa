/* db/db.h -- one SQLite connection: opening with the pragmas the Law asks for (WAL,
 * synchronous=FULL), schema versions and migrations, a cache of prepared statements, backup. db/ is
 * the only includer of sqlite3.h; SQL is always bound, never pasted. A connection belongs to one
 * thread. */
#ifndef DB_DB_H
#define DB_DB_H

#include <stdint.h>

#include "base/bytes.h"

struct db;
struct sqlite3;
struct sqlite3_stmt;

enum db_mode {
    DB_READ,   /* must exist; our or an older schema that is readable */
    DB_WRITE,  /* must exist; migrated when older */
    DB_CREATE, /* made when absent */
};
/* A newer schema, a damaged file, a backup with bodies in it (db/backup.h) or one that is no
 * njegate database is refused (E_PERM), untouched. Small databases are walked whole, of large ones
 * what can be looked at in some hundred milliseconds: see damage() in db.c. */
int db_open(struct db **out, const char *path, enum db_mode mode, struct why *w) MUST_CHECK;
/* The same with other steps than ours: step[i] brings version i to i + 1. For the tests of what a
 * later version will do. */
int db_open_steps(struct db **out, const char *path, enum db_mode mode, const char *const *step,
                  int n, struct why *w) MUST_CHECK;
void db_close(struct db **d);
int db_begin(struct db *d, struct why *w) MUST_CHECK; /* BEGIN IMMEDIATE */
/* What is read from now on, to db_rollback, is of one moment. */
int db_snapshot(struct db *d, struct why *w) MUST_CHECK;
int db_commit(struct db *d, struct why *w) MUST_CHECK;
void db_rollback(struct db *d);
int db_walk(struct db *d, struct why *w) MUST_CHECK; /* all pages; E_PERM: damaged */
const char *db_path(const struct db *d);

/* Keep in memory what this connection reads of the directory's tables. What others change there is
 * seen after the next db_refresh only: call it where a message begins. It reads one small row, and
 * forgets everything when the tables have changed. An error forgets, too: then the look-ups tell.
 */
void db_remember(struct db *d, size_t most); /* octets */
void db_refresh(struct db *d);
struct memo;
struct memo *db_memo(struct db *d); /* NULL: nothing is kept */

/* For the modules of db/ only. sql must be a literal: the cache is keyed by its address. The
 * statement comes reset and without bindings; reset it after use with db_done. */
struct sqlite3_stmt *db_stmt(struct db *d, const char *sql, struct why *w);
void db_done(struct sqlite3_stmt *st);
int db_step(struct sqlite3_stmt *st, struct why *w) MUST_CHECK; /* 1 row, 0 done, negative */
int db_fail(struct db *d, const char *what, struct why *w); /* why from the connection's error */
/* The two numbers of a query's first row; they stay when it has none. */
int db_pair(struct db *d, const char *sql, uint64_t *first, uint64_t *second,
            struct why *w) MUST_CHECK;
void db_bind_str(struct sqlite3_stmt *st, int n, struct str s);
struct str db_col_str(struct sqlite3_stmt *st, int n); /* borrowed until the next step */
struct sqlite3 *db_handle(struct db *d);
/* Sync the folder that holds path, so that its name is durable. */
int db_sync_folder(const char *path, struct why *w) MUST_CHECK;

#endif
