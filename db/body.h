/* db/body.h -- the bytes of a message: immutable once ended, in memory when small, in a sealed file
 * when large (over the store's limit, 64 KiB by default).
 *
 * A file body is written under SPOOLDIR/tmp, and sealed (synced, renamed to SPOOLDIR/body/,
 * directory synced) by the store's writer before the commit that mentions it. A file without a row
 * is swept at start. Bodies are shared between the queue runner and the store's writer thread: they
 * are counted (atomically) and freed with the last holder. */
#ifndef DB_BODY_H
#define DB_BODY_H

#include "base/bytes.h"

struct body;
struct body_writer;
struct store;

struct body_writer *body_writer_new(struct store *s);
/* E_LIMIT past the writer's limit (body_writer_limit), E_IO when the disk fails; sticky. */
int body_write(struct body_writer *bw, const void *p, size_t n, struct why *w) MUST_CHECK;
/* Room for the next n bytes, for the caller to fill and to tell of by body_wrote before all else.
 * NULL: body_write takes them. For many small pieces. */
uint8_t *body_room(struct body_writer *bw, size_t n);
void body_wrote(struct body_writer *bw, size_t n);
void body_writer_limit(struct body_writer *bw, uint64_t bytes);
/* Only something made of it is likely to stay: up to 1.5 MiB it stays in memory while not too many
 * others do (spool_lends), and the bytes of a file are not brought on their way to the disk before
 * it is known that they must, or are very many. Before the first write. */
void body_writer_passing(struct body_writer *bw);
uint64_t body_writer_size(const struct body_writer *bw);
struct body *body_writer_end(struct body_writer **bw,
                             struct why *w); /* NULL when the disk failed */
void body_writer_drop(struct body_writer **bw);

struct body *body_of(struct cur bytes); /* copies; always in memory */
struct body *body_hold(struct body *b); /* one more holder */
/* What a row may name: b itself, held, or its copy in a file when it was too large to be in memory
 * but for passing. NULL: the disk failed. */
struct body *body_lasting(struct body *b, struct store *s, struct why *w);
void body_free(struct body **b);
uint64_t body_size(const struct body *b);
/* All of it, contiguous (a file is mapped). Empty with *w filled when the file cannot be read. */
struct cur body_cur(struct body *b, struct why *w);
/* Bring a large body's bytes to the disk now, in a thread that may wait for it: the commit that
 * mentions it, and all that commit with it, then need not. Before the body is given to a change.
 * E_TEMP: the disk failed. */
int body_sync(struct body *b, struct why *w) MUST_CHECK;
/* This part of what body_cur gave is not needed for now: the memory of a mapped file is given back;
 * it is read again when it is touched. */
void body_passed(const struct body *b, struct cur part);
/* Can this part of what body_cur gave be read without waiting for the disk? When not, the system
 * begins to fetch it; so it does with what follows it. */
bool body_ready(const struct body *b, struct cur part);

#endif
