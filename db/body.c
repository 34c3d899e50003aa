/* db/body.c -- bodies in memory, the writer that turns to a file when it grows: see body.h */
#include "db/body.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "db/change.h"
#include "db/disk.h"
#include "db/spool.h"

#define FIRST 4096u  /* most mail fits */
#define CHUNK 65536u /* gathered before each write to a file */
#define DIRECT_MOST (16 * CHUNK)
#define READY_PAGES 256u
#define LENT (3u << 19) /* bytes of a passing one that need no file */

struct body_writer {
    struct spool *spool;
    size_t inline_max;
    uint64_t limit, size, filed; /* of size, what is in the file */
    uint8_t *p;                  /* all of it, or what is not yet written to the file */
    size_t n, cap;
    bool passing;      /* something made of it stays */
    bool lent;         /* the spool lets it be larger in memory */
    struct body *file; /* once larger than inline_max */
    struct why why;    /* sticky */
};

struct body_writer *body_writer_new(struct store *s)
{
    struct body_writer *bw = mem_new(sizeof *bw);
    bw->spool = spool_hold(store_spool(s));
    bw->inline_max = store_inline_max(s);
    bw->limit = UINT64_MAX;
    return bw;
}

void body_writer_limit(struct body_writer *bw, uint64_t bytes)
{
    bw->limit = bytes;
}

void body_writer_passing(struct body_writer *bw)
{
    bw->passing = true;
}

uint64_t body_writer_size(const struct body_writer *bw)
{
    return bw->size;
}

/* To the file, behind what is there. */
static int file_bytes(struct body_writer *bw, const uint8_t *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t put = disk_get()->write(bw->file->fd, p + at, n - at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return why_set(&bw->why, E_IO, 452, "4.3.1", "cannot write a body under %s: %s",
                           spool_folder(bw->spool), strerror(put < 0 ? errno : ENOSPC));
        at += (size_t)put;
    }
    bw->filed += n;
    spool_written(bw->spool, bw->file, bw->filed);
    return OK;
}

static int flush(struct body_writer *bw)
{
    int rc = file_bytes(bw, bw->p, bw->n);
    if (rc == OK)
        bw->n = 0;
    return rc;
}

static void put(struct body_writer *bw, const uint8_t *p, size_t n)
{
    if (n > bw->cap - bw->n) {
        size_t cap = bw->cap == 0 ? FIRST : bw->cap;
        while (cap - bw->n < n)
            cap *= 2;
        bw->p = mem_grow(bw->p, cap, 1);
        bw->cap = cap;
    }
    memcpy(bw->p + bw->n, p, n);
    bw->n += n;
}

/* From here on the bytes go to a file; what was gathered in memory first. */
static int spill(struct body_writer *bw)
{
    bw->file = spool_create(bw->spool, bw->passing, &bw->why);
    if (bw->file == NULL || flush(bw) < 0)
        return (int)bw->why.err;
    if (bw->lent) {
        spool_repaid(bw->spool);
        bw->lent = false;
        free(bw->p);
        bw->p = NULL;
        bw->cap = 0;
    }
    return OK;
}

static bool borrow(struct body_writer *bw)
{
    if (!spool_lends(bw->spool))
        return false;
    uint8_t *p = realloc(bw->p, LENT);
    if (p == NULL) {
        spool_repaid(bw->spool);
        return false;
    }
    bw->p = p;
    bw->cap = LENT;
    return true;
}

/* May n bytes more stay in memory? */
static bool stays(struct body_writer *bw, size_t n)
{
    if (n <= bw->inline_max && bw->size + n <= bw->inline_max)
        return true;
    if (!bw->passing || n > LENT || bw->size + n > LENT)
        return false;
    bw->lent = bw->lent || borrow(bw);
    return bw->lent;
}

static int take(struct body_writer *bw, const uint8_t *p, size_t n)
{
    if (bw->file == NULL) {
        if (stays(bw, n)) {
            put(bw, p, n);
            return OK;
        }
        if (spill(bw) < 0)
            return (int)bw->why.err;
    }
    while (n > 0) {
        if (bw->n == 0 && n >= CHUNK) { /* nothing to gather: as it lies there */
            size_t whole = n < DIRECT_MOST ? n - n % CHUNK : DIRECT_MOST;
            if (file_bytes(bw, p, whole) < 0)
                return (int)bw->why.err;
            p += whole, n -= whole;
            continue;
        }
        size_t piece = n < CHUNK - bw->n ? n : CHUNK - bw->n;
        put(bw, p, piece);
        p += piece, n -= piece;
        if (bw->n == CHUNK && flush(bw) < 0)
            return (int)bw->why.err;
    }
    return OK;
}

int body_write(struct body_writer *bw, const void *p, size_t n, struct why *w)
{
    if (bw->why.err == OK && n > 0) {
        if (n > bw->limit || bw->size > bw->limit - n)
            why_set(&bw->why, E_LIMIT, 552, "5.3.4", "the message is larger than %llu bytes",
                    (unsigned long long)bw->limit);
        else if (take(bw, p, n) == OK)
            bw->size += n;
    }
    if (bw->why.err != OK)
        *w = bw->why;
    return (int)bw->why.err;
}

uint8_t *body_room(struct body_writer *bw, size_t n)
{
    bool good = bw->why.err == OK && n <= bw->limit && bw->size <= bw->limit - n;
    bool here = bw->file != NULL ? bw->n + n < CHUNK : stays(bw, n);
    return good && here && n <= bw->cap - bw->n ? bw->p + bw->n : NULL;
}

void body_wrote(struct body_writer *bw, size_t n)
{
    bw->n += n;
    bw->size += n;
}

static struct body *memory_body(uint8_t *p, size_t n)
{
    struct body *b = mem_new(sizeof *b);
    atomic_init(&b->holders, 1);
    b->bytes = p;
    b->size = n;
    b->fd = -1;
    return b;
}

struct body *body_writer_end(struct body_writer **bwp, struct why *w)
{
    struct body_writer *bw = *bwp;
    struct body *b = NULL;
    if (bw->why.err == OK && bw->file != NULL)
        flush(bw);
    if (bw->why.err != OK) {
        *w = bw->why;
    } else if (bw->file != NULL) {
        b = bw->file;
        b->size = bw->size;
        bw->file = NULL;
    } else {
        b = memory_body(bw->p, bw->n);
        b->lender = bw->lent ? spool_hold(bw->spool) : NULL;
        bw->lent = false;
        bw->p = NULL;
    }
    body_writer_drop(bwp);
    return b;
}

void body_writer_drop(struct body_writer **bwp)
{
    struct body_writer *bw = *bwp;
    *bwp = NULL;
    if (bw == NULL)
        return;
    body_free(&bw->file);
    if (bw->lent)
        spool_repaid(bw->spool);
    spool_free(&bw->spool);
    free(bw->p);
    free(bw);
}

struct body *body_of(struct cur bytes)
{
    size_t n = cur_left(&bytes);
    return memory_body((uint8_t *)mem_copy(bytes.p, n), n);
}

struct body *body_lasting(struct body *b, struct store *s, struct why *w)
{
    if (b->lender == NULL || b->size <= store_inline_max(s))
        return body_hold(b);
    struct body_writer *bw = body_writer_new(s);
    if (body_write(bw, b->bytes, (size_t)b->size, w) < 0) {
        body_writer_drop(&bw);
        return NULL;
    }
    return body_writer_end(&bw, w);
}

struct body *body_hold(struct body *b)
{
    atomic_fetch_add(&b->holders, 1);
    return b;
}

void body_free(struct body **bp)
{
    struct body *b = *bp;
    *bp = NULL;
    if (b == NULL || spool_release(b) || atomic_fetch_sub(&b->holders, 1) != 1)
        return;
    if (b->file == 0) {
        free(b->bytes);
        if (b->lender != NULL)
            spool_repaid(b->lender);
        spool_free(&b->lender);
    } else { /* read apart from a store */
        if (b->bytes != NULL)
            munmap(b->bytes, (size_t)b->size);
        close(b->fd);
    }
    free(b);
}

uint64_t body_size(const struct body *b)
{
    return b->size;
}

struct cur body_cur(struct body *b, struct why *w)
{
    if (b->file != 0)
        return spool_map(b, w);
    return cur_of(b->bytes, (size_t)b->size);
}

int body_sync(struct body *b, struct why *w)
{
    return b->file != 0 && !b->sealed ? spool_sync(b, w) : OK;
}

static bool in_memory(uint8_t *from, size_t n, size_t page)
{
    unsigned char is[READY_PAGES];
    for (size_t at = 0; at < n; at += READY_PAGES * page) {
        size_t piece = n - at < READY_PAGES * page ? n - at : READY_PAGES * page;
        if (mincore(from + at, piece, is) != 0)
            return true; /* nobody can tell */
        for (size_t i = 0; i < (piece + page - 1) / page; i++)
            if ((is[i] & 1) == 0)
                return false;
    }
    return true;
}

bool body_ready(const struct body *b, struct cur part)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (b->file == 0)
        return true;
    size_t from = (size_t)(part.p - b->bytes) & ~(page - 1), to = (size_t)(part.end - b->bytes);
    bool there = in_memory(b->bytes + from, to - from, page);
    size_t most = b->size - from < 2 * (to - from) ? (size_t)b->size - from : 2 * (to - from);
    (void)madvise(b->bytes + from, most, MADV_WILLNEED);
    return there;
}

void body_passed(const struct body *b, struct cur part)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = (uintptr_t)part.p, to = (uintptr_t)part.end & ~(page - 1);
    if (b->file == 0)
        return;          /* in memory: there is nowhere to read it from again */
    from &= ~(page - 1); /* its page may hold the end of the part before */
    if (from < to)
        (void)madvise((void *)from, to - from, MADV_DONTNEED);
}
