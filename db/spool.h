/* db/spool.h -- SPOOLDIR: large bodies as files, and which of them are alive. Internal to db/.
 *
 * tmp/N is a body being written, body/N a sealed one (docs/QUEUE.md). A file is unlinked when no
 * row names it and nobody in the process holds its body. Counted: the store holds its spool, each
 * file body too, so that a body may outlive the store. Safe for two threads. */
#ifndef DB_SPOOL_H
#define DB_SPOOL_H

#include <stdatomic.h>

#include "db/body.h"
#include "db/db.h"

struct spool;

struct body {
    atomic_uint holders;
    uint64_t size;
    uint8_t *bytes;       /* in memory, or the file's mapping once asked for */
    struct spool *spool;  /* of a file body; NULL when it is in memory or read apart from a store */
    struct spool *lender; /* spool_repaid when it goes; held */
    uint64_t file;        /* number of the file; 0: in memory */
    int fd;               /* of a file body, open while it lives */
    bool sealed;          /* under body/ */
    bool stale;           /* a sync failed: write the bytes again before the next */
    bool synced;          /* all of it is on the disk */
    bool wanted;          /* a durable row names it */
    bool listed;          /* the writer's own, while it gathers what to seal */
    uint64_t written;     /* bytes under way to the disk may be all of these, */
    uint64_t started;     /* and are these */
    uint64_t lot;         /* so many at once */
    struct body *next;    /* in one of the spool's lists */
};

/* Makes the folders; E_DENIED when another process has it (its lock is held until the end). */
int spool_open(struct spool **out, const char *folder, struct why *w) MUST_CHECK;
struct spool *spool_hold(struct spool *sp);
void spool_free(struct spool **sp);
const char *spool_folder(const struct spool *sp);
/* Has a database been kept with this spool? Then one that is absent or empty was lost, and making
 * another would sweep its bodies away. True, too, when there are bodies. */
bool spool_used(const struct spool *sp);
void spool_set_used(struct spool *sp); /* from now on */
/* Empties tmp/, unlinks what has no row in d, and starts the numbers after the last. */
int spool_sweep(struct spool *sp, struct db *d, struct why *w) MUST_CHECK;

/* A new file body under tmp/, empty, one holder. passing: see body_writer_passing. NULL with *w. */
struct body *spool_create(struct spool *sp, bool passing, struct why *w);
/* May one more large body stay in memory? Twenty-four may; each ends with spool_repaid. */
bool spool_lends(struct spool *sp);
void spool_repaid(struct spool *sp);
/* So much of b is written: another thread has the system begin to bring it to the disk, so that
 * little is left to do when it is sealed. */
void spool_written(struct spool *sp, struct body *b, uint64_t bytes);
/* The sealed body of a row: the living one or its file opened. NULL with *w. */
struct body *spool_load(struct spool *sp, uint64_t file, uint64_t size, struct why *w);
/* Sync and rename one body (nothing to do for others); spool_sync_folder makes the renames durable.
 */
int spool_seal(struct spool *sp, struct body *b, struct why *w) MUST_CHECK;
/* The same for several at once, in parallel: disks and file systems join syncs that wait side by
 * side. What failed is not sealed; spool_seal then tries again and tells why. */
void spool_seal_many(struct spool *sp, struct body **list, size_t n);
/* The first half of it: the bytes of one that is not sealed. */
int spool_sync(struct body *b, struct why *w) MUST_CHECK;
int spool_sync_folder(struct spool *sp, struct why *w) MUST_CHECK;
/* What the tables say of a file now; unlinks it when unwanted and not held by anyone. */
void spool_settle(struct spool *sp, uint64_t file, bool wanted);
/* One holder of b less; false when b belongs to no spool. What the last one leaves (mapping,
 * descriptor, perhaps a file to unlink) is cleared away by a thread of the spool's own: an unlink
 * may take as long as a sync. */
bool spool_release(struct body *b);
void spool_breathe(struct spool *sp); /* waits while that thread is far behind */
void spool_close(struct spool *sp);   /* ends it when all is cleared; from now on at once */
/* The bytes of a file body; empty with *w filled when they cannot be had. */
struct cur spool_map(struct body *b, struct why *w);

/* Open body/N under a folder, apart from any spool. NULL with *w. */
struct body *spool_read(const char *folder, uint64_t file, uint64_t size, struct why *w);
void spool_unlink(const char *folder, uint64_t file);

#endif
