/* db/writer.c -- group commit: see writer.h and docs/QUEUE.md, whose step numbers stand here. */
#include "db/writer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "db/idmap.h"

#define WAL_PAGES 4096  /* 16 MiB: then a checkpoint comes between two batches */
#define WAL_MORE 1024   /* after a checkpoint that readers held up, the next so much later */
#define SETTLE_MS 200   /* of rest before the WAL is copied back */
#define REST_MS 60000   /* look for something to tidy at least so often */
#define PRUNE_MS 600000 /* between rounds over old rows */
/* From this time on a batch is one of a slow disk; most time spent in gathering the next. */
#define SLOW_BATCH_US 1500
#define GATHER_MOST_US 4000
#define PRUNE_ROUNDS 20
/* Rows of the journal are taken to their places so many at a time, when there is rest; when there
 * is none, before who reads it has to walk too many of them. */
#define SETTLE_ROUND 2048
#define YOUNG_MOST 32768

enum outcome { DONE, ONE_BY_ONE, DISK };

struct writer {
    pthread_t thread;
    pthread_mutex_t lock; /* guards the first group below */
    pthread_cond_t cond;
    struct change_list ready;
    struct writer_news news;
    bool stop, retry;
    bool kept_anew;          /* what is kept was changed: */
    struct writer_keep keep; /* now this */

    struct writer_set set; /* from here on the thread's own */
    struct change_list kept;
    struct idmap adds;      /* message number to its op, within a batch */
    struct idmap files;     /* message number to body file, for rows with one */
    struct idmap touched;   /* files to look at after the next commit */
    struct body **unsealed; /* of a batch */
    size_t nunsealed, unsealed_space;
    bool folder_dirty; /* a rename in body/ is not yet synced */
    int wal_pages, checkpoint_at;
    int64_t pruned_ms;
    int64_t batch_us; /* the last batch took this long */
    size_t released;  /* waiters it let go, */
    size_t expected;  /* and how many may wait again soon: they and who came meanwhile */
};

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t now_ms(void)
{
    return now_us() / 1000;
}

static struct timespec time_in(int64_t us)
{
    int64_t at = now_us() + us;
    return (struct timespec){.tv_sec = at / 1000000, .tv_nsec = at % 1000000 * 1000};
}

static size_t waiters(const struct change_list *l)
{
    size_t n = 0;
    for (const struct change *c = l->first; c != NULL; c = c->next)
        n += c->fn != NULL && !c->patient;
    return n;
}

/* --- what cancels out --- */

static struct op *added(const struct writer *wr, msg_id id)
{
    return (struct op *)(uintptr_t)idmap_get(&wr->adds, id);
}

static bool ends(const struct op *add, const struct op *o)
{
    if (o->kind == OP_REMOVE)
        return true;
    return o->kind == OP_RCPT_DONE && add->add->nrcpt == 1 && add->add->rcpt[0].n == o->n;
}

static void cancel_in(struct writer *wr, struct change *c)
{
    for (struct op *o = c->first; o != NULL; o = o->next) {
        o->cancelled = false;
        if (o->kind == OP_ADD) {
            idmap_put(&wr->adds, o->id, (uint64_t)(uintptr_t)o);
        } else if (o->kind == OP_REMOVE || o->kind == OP_RCPT_DONE) {
            struct op *add = added(wr, o->id);
            if (add == NULL || !ends(add, o))
                continue;
            add->cancelled = o->cancelled = true;
            idmap_drop(&wr->adds, o->id);
        }
    }
}

static void cancel_none(struct change *c)
{
    for (struct op *o = c->first; o != NULL; o = o->next)
        o->cancelled = false;
}

static void mark_cancelled(struct writer *wr, const struct change_list *l, bool cancel)
{
    idmap_clear(&wr->adds);
    for (struct change *c = l->first; c != NULL; c = c->next) {
        if (c->verdict == CHANGE_WAITS && cancel)
            cancel_in(wr, c);
        else
            cancel_none(c);
    }
}

/* --- large bodies: steps 1 and 2, and step 5 --- */

static struct body *file_of(const struct op *o)
{
    struct body *b = o->cancelled           ? NULL
                     : o->kind == OP_ADD    ? o->add->body
                     : o->kind == OP_READER ? o->reader->body
                                            : NULL;
    return b != NULL && b->file != 0 ? b : NULL;
}

static void refuse(struct change *c, const struct why *w)
{
    c->verdict = c->fn != NULL && !c->patient ? CHANGE_REFUSED : CHANGE_KEPT;
    c->why = *w;
}

static int seal_change(struct writer *wr, const struct change *c, struct why *w)
{
    for (const struct op *o = c->first; o != NULL; o = o->next) {
        struct body *b = file_of(o);
        if (b == NULL)
            continue;
        int rc = spool_seal(wr->set.spool, b, w);
        if (rc < 0)
            return rc;
        idmap_put(&wr->touched, b->file, o->kind == OP_ADD ? o->id : 0);
    }
    return OK;
}

static void list_unsealed(struct writer *wr, const struct change *c)
{
    for (const struct op *o = c->first; o != NULL; o = o->next) {
        struct body *b = file_of(o);
        if (b == NULL || b->sealed || b->listed)
            continue;
        if (wr->nunsealed == wr->unsealed_space) {
            wr->unsealed_space = wr->unsealed_space == 0 ? 64 : wr->unsealed_space * 2;
            wr->unsealed = mem_grow(wr->unsealed, wr->unsealed_space, sizeof(void *));
        }
        b->listed = true;
        wr->unsealed[wr->nunsealed++] = b;
    }
}

/* Several files are synced side by side; one is left to seal_change. */
static void seal_together(struct writer *wr, const struct change_list *l)
{
    wr->nunsealed = 0;
    for (const struct change *c = l->first; c != NULL; c = c->next)
        if (c->verdict == CHANGE_WAITS)
            list_unsealed(wr, c);
    wr->folder_dirty = wr->folder_dirty || wr->nunsealed > 0;
    if (wr->nunsealed > 1)
        spool_seal_many(wr->set.spool, wr->unsealed, wr->nunsealed);
    for (size_t i = 0; i < wr->nunsealed; i++)
        wr->unsealed[i]->listed = false;
}

/* A change that is kept for later would come after those that follow it: then all wait or are told.
 */
static enum outcome seal_all(struct writer *wr, const struct change_list *l, struct why *w)
{
    enum outcome out = DONE;
    seal_together(wr, l);
    for (struct change *c = l->first; c != NULL; c = c->next) {
        if (c->verdict != CHANGE_WAITS || seal_change(wr, c, w) == OK)
            continue;
        refuse(c, w);
        if (c->verdict == CHANGE_KEPT)
            return DISK;
        out = ONE_BY_ONE; /* another change may have been cancelled against this one */
    }
    if (wr->folder_dirty) {
        if (spool_sync_folder(wr->set.spool, w) < 0)
            return DISK;
        wr->folder_dirty = false;
    }
    return out;
}

/* Before the loop hears of the batch, for it may let go of a body at once. After a failed COMMIT
 * the frames may be on the disk all the same until the next one overwrites them: its files stay. */
static void note_files(struct writer *wr, const struct change *c, bool durable)
{
    for (const struct op *o = c->first; o != NULL; o = o->next) {
        struct body *b = file_of(o);
        if (b != NULL && b->sealed)
            spool_settle(wr->set.spool, b->file, true);
        if (!durable || o->cancelled)
            continue;
        uint64_t file = idmap_get(&wr->files, o->id);
        if (o->kind == OP_ADD && b != NULL)
            idmap_put(&wr->files, o->id, b->file);
        else if ((o->kind == OP_REMOVE || o->kind == OP_RCPT_DONE) && file != 0)
            idmap_put(&wr->touched, file, o->id);
    }
}

/* Step 5: the tables tell which files of the batch are still wanted. */
static void settle_files(struct writer *wr)
{
    size_t at = 0;
    uint64_t file, id;
    while (idmap_each(&wr->touched, &at, &file, &id)) {
        struct why w;
        int named = apply_file_named(wr->set.db, file, &w);
        if (named < 0)
            return; /* asked again after the next commit */
        spool_settle(wr->set.spool, file, named > 0);
        if (named == 0 && idmap_get(&wr->files, id) == file)
            idmap_drop(&wr->files, id);
    }
    idmap_clear(&wr->touched);
}

/* --- the transaction: step 3 --- */

static int simple(struct writer *wr, const char *sql, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(wr->set.db, sql, w);
    if (st == NULL)
        return (int)w->err;
    int rc = db_step(st, w);
    db_done(st);
    return rc;
}

/* Else the change itself is at fault, and the others can go on. */
static bool disk_failed(const struct why *w)
{
    return w->err == E_TEMP || w->err == E_IO;
}

/* One change in a savepoint; refused alone when the fault is its own. */
static enum outcome apply_alone(struct writer *wr, struct change *c, struct why *w)
{
    struct apply before = wr->set.apply;
    if (simple(wr, "SAVEPOINT change", w) < 0)
        return DISK;
    if (apply_change(&wr->set.apply, c, w) < 0) {
        if (disk_failed(w))
            return DISK;
        c->verdict = CHANGE_REFUSED;
        c->why = *w;
        wr->set.apply = before;
        if (simple(wr, "ROLLBACK TO change", w) < 0)
            return DISK;
    }
    return simple(wr, "RELEASE change", w) < 0 ? DISK : DONE;
}

static enum outcome apply_all(struct writer *wr, const struct change_list *l, bool together,
                              struct why *w)
{
    for (struct change *c = l->first; c != NULL; c = c->next) {
        if (c->verdict != CHANGE_WAITS)
            continue;
        if (!together) {
            if (apply_alone(wr, c, w) != DONE)
                return DISK;
        } else if (apply_change(&wr->set.apply, c, w) < 0) {
            return disk_failed(w) ? DISK : ONE_BY_ONE;
        }
    }
    return DONE;
}

/* together: without savepoints, which cost a copy of each page touched, and with cancelling. */
static enum outcome attempt(struct writer *wr, const struct change_list *l, bool together,
                            struct why *w)
{
    mark_cancelled(wr, l, together);
    enum outcome out = seal_all(wr, l, w);
    if (out == DISK || (out == ONE_BY_ONE && together))
        return out;
    if (db_begin(wr->set.db, w) < 0)
        return DISK;
    struct apply before = wr->set.apply;
    out = apply_all(wr, l, together, w);
    if (out == DONE && (apply_end(&wr->set.apply, l, w) < 0 || db_commit(wr->set.db, w) < 0))
        out = DISK;
    if (out == DONE) {
        tally_settle(wr->set.tally, wr->set.apply.log, &wr->set.apply.mark);
        return DONE;
    }
    db_rollback(wr->set.db);
    wr->set.apply = before;
    return out;
}

/* --- a batch: steps 1 to 5 --- */

static void wake(struct writer *wr)
{
    uint64_t one = 1;
    while (write(wr->set.wake_fd, &one, sizeof one) < 0 && errno == EINTR)
        continue;
}

/* Step 4. */
static void deliver(struct writer *wr, struct change_list *done, const struct why *failed)
{
    pthread_mutex_lock(&wr->lock);
    change_list_join(&wr->news.done, done);
    wr->news.kept = wr->kept.n;
    if (failed != NULL) {
        wr->news.failed = true;
        wr->news.why = *failed;
    }
    pthread_mutex_unlock(&wr->lock);
    wake(wr);
}

/* Nothing may overtake a change that is kept: while there is one, all fail as it did. */
static enum outcome try_batch(struct writer *wr, const struct change_list *l, struct why *w)
{
    if (wr->kept.first != NULL) {
        *w = wr->kept.first->why;
        return DISK;
    }
    enum outcome out = attempt(wr, l, true, w);
    return out == ONE_BY_ONE ? attempt(wr, l, false, w) : out;
}

static void batch(struct writer *wr, struct change_list *l)
{
    struct why w;
    enum outcome out = try_batch(wr, l, &w);
    struct change_list done;
    change_list_init(&done);
    for (struct change *c = l->first, *next; c != NULL; c = next) {
        next = c->next;
        if (c->verdict == CHANGE_WAITS && out == DONE)
            c->verdict = CHANGE_DURABLE;
        else if (c->verdict == CHANGE_WAITS)
            refuse(c, &w);
        note_files(wr, c, c->verdict == CHANGE_DURABLE);
        if (c->verdict == CHANGE_KEPT) {
            c->verdict = CHANGE_WAITS;
            change_list_add(&wr->kept, c);
        } else {
            change_list_add(&done, c);
        }
    }
    deliver(wr, &done, out == DONE ? NULL : &w);
    if (out == DONE)
        settle_files(wr);
    spool_breathe(wr->set.spool);
}

/* --- rest --- */

static int wal_grew(void *arg, struct sqlite3 *h, const char *name, int pages)
{
    struct writer *wr = arg;
    (void)h, (void)name;
    wr->wal_pages = pages;
    return SQLITE_OK;
}

static void checkpoint(struct writer *wr)
{
    int in_log = 0, copied = 0;
    int rc = sqlite3_wal_checkpoint_v2(db_handle(wr->set.db), NULL, SQLITE_CHECKPOINT_PASSIVE,
                                       &in_log, &copied);
    if (rc == SQLITE_OK && in_log == copied) {
        wr->wal_pages = 0;
        wr->checkpoint_at = WAL_PAGES;
    } else {
        wr->checkpoint_at = wr->wal_pages + WAL_MORE;
    }
}

/* A failure is no harm: they are read where they are. */
static void settle(struct writer *wr)
{
    struct why w;
    if (apply_settle(&wr->set.apply, SETTLE_ROUND, &w) < 0)
        wr->set.apply.young = 0; /* not at once again: the disk has other troubles */
}

/* Old rows go when there is nothing better to do; they go from their places. */
static void prune(struct writer *wr, int rounds)
{
    struct wall now = wall_now(), before = {now.us - wr->set.keep.journal_us};
    struct why w;
    wr->pruned_ms = now_ms();
    for (int i = 0; i < rounds && wr->set.apply.young > 0; i++)
        settle(wr);
    for (int i = 0; i < rounds; i++)
        if (apply_prune(&wr->set.apply, before, wr->set.keep.journal_bytes, now, &w) <= 0)
            return;
    wr->pruned_ms -= PRUNE_MS - REST_MS / 60; /* there is more: go on in a second */
}

static void tidy(struct writer *wr)
{
    if (wr->set.apply.young >= SETTLE_ROUND)
        settle(wr);
    if (now_ms() - wr->pruned_ms >= PRUNE_MS)
        prune(wr, PRUNE_ROUNDS);
    if (wr->wal_pages > 0)
        checkpoint(wr);
}

/* Under the lock. False when it is time to tidy. */
static bool wait_for_work(struct writer *wr)
{
    struct timespec until = time_in((wr->wal_pages > 0 ? SETTLE_MS : REST_MS) * INT64_C(1000));
    while (wr->ready.first == NULL && !wr->stop && !wr->retry && !wr->kept_anew)
        if (pthread_cond_timedwait(&wr->cond, &wr->lock, &until) != 0)
            return false;
    return wr->ready.first != NULL || wr->stop || wr->retry;
}

/* Under the lock. On a slow disk the clients fall into two groups, each waiting out the other's
 * sync. So a batch waits a part of a sync for those the last one released: then they share the
 * next. */
static void gather(struct writer *wr)
{
    if (wr->batch_us < SLOW_BATCH_US)
        return;
    int64_t us = wr->batch_us / 2;
    struct timespec until = time_in(us < GATHER_MOST_US ? us : GATHER_MOST_US);
    while (waiters(&wr->ready) < wr->expected && !wr->stop)
        if (pthread_cond_timedwait(&wr->cond, &wr->lock, &until) != 0)
            return;
}

static void timed_batch(struct writer *wr, struct change_list *l)
{
    int64_t start = now_us();
    wr->released = waiters(l);
    batch(wr, l);
    wr->batch_us = now_us() - start;
}

/* Under the lock. What is too old by it goes at the next chance. */
static void take_keep(struct writer *wr)
{
    if (!wr->kept_anew)
        return;
    wr->set.keep = wr->keep;
    wr->kept_anew = false;
    wr->pruned_ms = now_ms() - 2 * PRUNE_MS;
}

static bool turn(struct writer *wr)
{
    struct change_list l, again;
    change_list_init(&l);
    change_list_init(&again);
    pthread_mutex_lock(&wr->lock);
    wr->expected = wr->released + waiters(&wr->ready);
    bool work = wait_for_work(wr);
    if (work)
        gather(wr);
    bool stop = wr->stop;
    take_keep(wr);
    change_list_join(&l, &wr->ready);
    wr->retry = false;
    pthread_mutex_unlock(&wr->lock);
    if (work && wr->kept.first != NULL) {
        change_list_join(&again, &wr->kept);
        batch(wr, &again);
    }
    if (l.first != NULL)
        timed_batch(wr, &l);
    if (!work)
        tidy(wr);
    else if (wr->set.apply.young >= YOUNG_MOST)
        settle(wr);
    else if (wr->wal_pages >= wr->checkpoint_at)
        checkpoint(wr);
    else if (now_ms() - wr->pruned_ms >= 2 * PRUNE_MS)
        prune(wr, 1); /* there was no rest for so long */
    return !stop;
}

static void *thread_main(void *arg)
{
    struct writer *wr = arg;
    while (turn(wr))
        continue;
    return NULL;
}

/* --- the loop's side --- */

static int load_files(struct writer *wr, struct why *w)
{
    struct sqlite3_stmt *st =
        db_stmt(wr->set.db, "SELECT id, file FROM message WHERE file IS NOT NULL", w);
    if (st == NULL)
        return (int)w->err;
    int rc;
    while ((rc = db_step(st, w)) > 0)
        idmap_put(&wr->files, (uint64_t)sqlite3_column_int64(st, 0),
                  (uint64_t)sqlite3_column_int64(st, 1));
    db_done(st);
    return rc;
}

static void free_writer(struct writer *wr)
{
    pthread_cond_destroy(&wr->cond);
    pthread_mutex_destroy(&wr->lock);
    idmap_done(&wr->adds);
    idmap_done(&wr->files);
    idmap_done(&wr->touched);
    free(wr->unsealed);
    free(wr);
}

/* Signals are the loop's. */
static int launch(struct writer *wr, struct why *w)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int no = pthread_create(&wr->thread, NULL, thread_main, wr);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return no == 0 ? OK : why_set(w, E_PERM, 0, NULL, "no thread: %s", strerror(no));
}

int writer_start(struct writer **out, const struct writer_set *set, struct why *w)
{
    struct writer *wr = mem_new(sizeof *wr);
    wr->set = *set;
    wr->checkpoint_at = WAL_PAGES;
    wr->pruned_ms = now_ms();
    change_list_init(&wr->ready);
    change_list_init(&wr->kept);
    change_list_init(&wr->news.done);
    pthread_mutex_init(&wr->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&wr->cond, &attr);
    pthread_condattr_destroy(&attr);
    sqlite3_wal_hook(db_handle(set->db), wal_grew, wr);
    int rc = load_files(wr, w);
    if (rc == OK)
        rc = launch(wr, w);
    if (rc < 0)
        free_writer(wr);
    else
        *out = wr;
    return rc;
}

void writer_give(struct writer *wr, struct change_list *l)
{
    pthread_mutex_lock(&wr->lock);
    change_list_join(&wr->ready, l);
    pthread_cond_signal(&wr->cond);
    pthread_mutex_unlock(&wr->lock);
}

void writer_keep(struct writer *wr, const struct writer_keep *keep)
{
    pthread_mutex_lock(&wr->lock);
    wr->keep = *keep;
    wr->kept_anew = true;
    pthread_cond_signal(&wr->cond);
    pthread_mutex_unlock(&wr->lock);
}

void writer_retry(struct writer *wr)
{
    pthread_mutex_lock(&wr->lock);
    wr->retry = true;
    pthread_cond_signal(&wr->cond);
    pthread_mutex_unlock(&wr->lock);
}

void writer_news(struct writer *wr, struct writer_news *n)
{
    pthread_mutex_lock(&wr->lock);
    *n = wr->news;
    change_list_init(&n->done);
    change_list_join(&n->done, &wr->news.done);
    wr->news.failed = false;
    pthread_mutex_unlock(&wr->lock);
}

void writer_stop(struct writer **wrp, struct writer_news *n)
{
    struct writer *wr = *wrp;
    *wrp = NULL;
    pthread_mutex_lock(&wr->lock);
    wr->stop = true;
    pthread_cond_signal(&wr->cond);
    pthread_mutex_unlock(&wr->lock);
    pthread_join(wr->thread, NULL);
    for (struct change *c = wr->kept.first; c != NULL; c = c->next)
        c->verdict = CHANGE_REFUSED;
    change_list_join(&wr->news.done, &wr->kept);
    wr->news.kept = 0;
    writer_news(wr, n);
    sqlite3_wal_hook(db_handle(wr->set.db), NULL, NULL);
    free_writer(wr);
}
