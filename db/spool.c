/* db/spool.c -- the files of large bodies: see spool.h and docs/QUEUE.md. */
#include "db/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "db/apply.h"
#include "db/disk.h"
#include "db/idmap.h"

#define PATH_SIZE 4096
#define TMP "tmp"
#define BODY "body"
#define REWRITE_CHUNK 65536
#define SEALERS 15             /* threads that help to sync a batch of files */
#define DEAD_MOST 256          /* descriptors and files waiting to be cleared away */
#define START_AT (1u << 20)    /* so much of a body at once goes on its way to the disk */
#define PASSING_AT (16u << 20) /* of one that will hardly stay */
#define LENT_MOST 24u          /* bodies in memory that would be files */

struct spool {
    pthread_mutex_t lock; /* everything below, and the flags of the bodies */
    unsigned holders;
    unsigned lent;
    char *folder;
    int lock_fd, body_fd;
    uint64_t last;      /* number last given */
    struct idmap alive; /* number to struct body */
    pthread_t keeper;
    bool threaded; /* it runs */
    pthread_cond_t work, buried;
    struct body *dead; /* let go of */
    size_t ndead;
    struct body *written; /* to be brought on its way; each is held */
};

static void path_of(char *to, const char *folder, const char *sub, uint64_t file)
{
    (void)snprintf(to, PATH_SIZE, "%s/%s/%010llu", folder, sub, (unsigned long long)file);
}

static int trouble(struct why *w, const char *what, const char *path)
{
    int no = errno;
    return why_set(w, E_TEMP, 452, "4.3.1", "cannot %s %s: %s", what, path, strerror(no));
}

static int make_folder(const char *path, struct why *w)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return OK;
    return why_set(w, E_PERM, 0, NULL, "cannot make the folder %s: %s", path, strerror(errno));
}

static int sync_path(const char *path, struct why *w)
{
    int fd = disk_get()->open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    int rc = fd >= 0 && disk_get()->sync(fd, 1) == 0 ? OK : trouble(w, "sync", path);
    if (fd >= 0)
        close(fd);
    return rc;
}

static int take_lock(struct spool *sp, struct why *w)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/lock", sp->folder);
    sp->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (sp->lock_fd < 0)
        return why_set(w, E_PERM, 0, NULL, "cannot open %s: %s", path, strerror(errno));
    if (flock(sp->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return OK;
    return why_set(w, E_DENIED, 0, NULL, "another njegated works in %s (it holds %s)", sp->folder,
                   path);
}

static int make_folders(struct spool *sp, struct why *w)
{
    char path[PATH_SIZE];
    int rc = make_folder(sp->folder, w);
    if (rc == OK)
        rc = take_lock(sp, w);
    (void)snprintf(path, sizeof path, "%s/" TMP, sp->folder);
    if (rc == OK)
        rc = make_folder(path, w);
    (void)snprintf(path, sizeof path, "%s/" BODY, sp->folder);
    if (rc == OK)
        rc = make_folder(path, w);
    if (rc < 0)
        return rc;
    sp->body_fd = disk_get()->open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (sp->body_fd < 0)
        return trouble(w, "open", path);
    return sync_path(sp->folder, w);
}

/* --- what nobody holds any more */

static void bury(struct body *b)
{
    struct spool *sp = b->spool;
    if (b->bytes != NULL)
        munmap(b->bytes, (size_t)b->size);
    if (b->fd >= 0)
        close(b->fd);
    if (!b->wanted) {
        char path[PATH_SIZE];
        path_of(path, sp->folder, b->sealed ? BODY : TMP, b->file);
        disk_get()->remove(path); /* a failure leaves it to the sweep of the next start */
    }
    free(b);
    spool_free(&sp);
}

/* Under the lock. */
static void add_dead(struct spool *sp, struct body *b)
{
    b->next = sp->dead;
    sp->dead = b;
    sp->ndead++;
    pthread_cond_signal(&sp->work);
}

/* Under the lock, as is bury_one. */
static void start_one(struct spool *sp)
{
    struct body *b = sp->written;
    uint64_t from = b->started, to = b->written;
    sp->written = b->next;
    b->started = to;
    pthread_mutex_unlock(&sp->lock);
    /* Only begun, and nothing rests on it: the sync before the seal does the rest and hears of what
     * fails. */
    (void)disk_get()->begin(b->fd, (off_t)from, (off_t)(to - from));
    (void)spool_release(b);
    pthread_mutex_lock(&sp->lock);
}

static void bury_one(struct spool *sp)
{
    struct body *b = sp->dead;
    sp->dead = b->next;
    pthread_mutex_unlock(&sp->lock);
    bury(b);
    pthread_mutex_lock(&sp->lock);
    sp->ndead--;
    pthread_cond_signal(&sp->buried);
}

static void *keep(void *arg)
{
    struct spool *sp = arg;
    pthread_mutex_lock(&sp->lock);
    while (sp->threaded || sp->dead != NULL || sp->written != NULL) {
        if (sp->written != NULL)
            start_one(sp);
        else if (sp->dead != NULL)
            bury_one(sp);
        else
            pthread_cond_wait(&sp->work, &sp->lock);
    }
    pthread_mutex_unlock(&sp->lock);
    return NULL;
}

/* Signals are the loop's. */
static int start_keeper(struct spool *sp, struct why *w)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    sp->threaded = true;
    int no = pthread_create(&sp->keeper, NULL, keep, sp);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (no == 0)
        return OK;
    sp->threaded = false;
    return why_set(w, E_PERM, 0, NULL, "no thread: %s", strerror(no));
}

/* --- open and close */

int spool_open(struct spool **out, const char *folder, struct why *w)
{
    *out = NULL;
    if (strlen(folder) > PATH_SIZE - 64)
        return why_set(w, E_LIMIT, 0, NULL, "the name of SPOOLDIR is too long");
    struct spool *sp = mem_new(sizeof *sp);
    sp->holders = 1;
    sp->folder = mem_dup(folder);
    sp->lock_fd = sp->body_fd = -1;
    pthread_mutex_init(&sp->lock, NULL);
    pthread_cond_init(&sp->work, NULL);
    pthread_cond_init(&sp->buried, NULL);
    int rc = make_folders(sp, w);
    if (rc == OK)
        rc = start_keeper(sp, w);
    if (rc == OK)
        *out = sp;
    else
        spool_free(&sp);
    return rc;
}

struct spool *spool_hold(struct spool *sp)
{
    pthread_mutex_lock(&sp->lock);
    sp->holders++;
    pthread_mutex_unlock(&sp->lock);
    return sp;
}

void spool_free(struct spool **spp)
{
    struct spool *sp = *spp;
    *spp = NULL;
    if (sp == NULL)
        return;
    pthread_mutex_lock(&sp->lock);
    unsigned left = --sp->holders;
    pthread_mutex_unlock(&sp->lock);
    if (left > 0)
        return;
    if (sp->lock_fd >= 0)
        close(sp->lock_fd);
    if (sp->body_fd >= 0)
        close(sp->body_fd);
    pthread_cond_destroy(&sp->work);
    pthread_cond_destroy(&sp->buried);
    pthread_mutex_destroy(&sp->lock);
    idmap_done(&sp->alive);
    free(sp->folder);
    free(sp);
}

/* The lock file is empty until a database was there. */
bool spool_used(const struct spool *sp)
{
    struct stat st;
    if (fstat(sp->lock_fd, &st) == 0 && st.st_size > 0)
        return true;
    char path[PATH_SIZE];
    uint64_t file;
    bool found = false;
    (void)snprintf(path, sizeof path, "%s/" BODY, sp->folder);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir != NULL && !found && (e = readdir(dir)) != NULL;)
        found = str_number(str_of(e->d_name), INT64_MAX, &file) && file > 0;
    if (dir != NULL)
        closedir(dir);
    return found;
}

void spool_set_used(struct spool *sp)
{
    static const char text[] = "a database has been kept with this folder\n";
    struct stat st;
    if (fstat(sp->lock_fd, &st) == 0 && st.st_size == 0 &&
        pwrite(sp->lock_fd, text, sizeof text - 1, 0) == (ssize_t)sizeof text - 1)
        (void)fsync(sp->lock_fd);
}

const char *spool_folder(const struct spool *sp)
{
    return sp->folder;
}

/* --- start --- */

/* tmp/: all goes. body/: our numbers without a row go; other names are not ours to judge. */
static int sweep_entry(struct spool *sp, struct db *d, const char *sub, const char *name,
                       struct why *w)
{
    uint64_t file = 0;
    bool named = false;
    if (d != NULL) {
        if (!str_number(str_of(name), INT64_MAX, &file) || file == 0)
            return OK;
        int rc = apply_file_named(d, file, w);
        if (rc < 0)
            return rc;
        named = rc > 0;
    }
    if (named) {
        sp->last = file > sp->last ? file : sp->last;
        return OK;
    }
    char path[PATH_SIZE];
    if ((size_t)snprintf(path, sizeof path, "%s/%s/%s", sp->folder, sub, name) >= sizeof path)
        return OK;
    return disk_get()->remove(path) == 0 || errno == ENOENT || errno == EISDIR
               ? OK
               : trouble(w, "sweep", path);
}

static int sweep_folder(struct spool *sp, struct db *d, const char *sub, struct why *w)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/%s", sp->folder, sub);
    DIR *dir = opendir(path);
    if (dir == NULL)
        return trouble(w, "read", path);
    int rc = OK;
    for (struct dirent *e; rc == OK && (e = readdir(dir)) != NULL;)
        if (e->d_name[0] != '.')
            rc = sweep_entry(sp, d, sub, e->d_name, w);
    closedir(dir);
    return rc;
}

/* The conditions let the indexes answer: without them every body would be read. */
int spool_sweep(struct spool *sp, struct db *d, struct why *w)
{
    struct sqlite3_stmt *st = db_stmt(d,
                                      "SELECT max(ifnull((SELECT max(file) FROM message WHERE"
                                      " file IS NOT NULL), 0), ifnull((SELECT max(file) FROM"
                                      " reader WHERE file IS NOT NULL), 0))",
                                      w);
    if (st == NULL)
        return (int)w->err;
    int rc = db_step(st, w);
    if (rc > 0)
        sp->last = (uint64_t)sqlite3_column_int64(st, 0);
    db_done(st);
    if (rc >= 0)
        rc = sweep_folder(sp, NULL, TMP, w);
    if (rc >= 0)
        rc = sweep_folder(sp, d, BODY, w);
    return rc < 0 ? rc : OK;
}

/* --- bodies --- */

static struct body *file_body(int fd, uint64_t file, uint64_t size)
{
    struct body *b = mem_new(sizeof *b);
    atomic_init(&b->holders, 1);
    b->fd = fd;
    b->file = file;
    b->size = size;
    return b;
}

struct body *spool_create(struct spool *sp, bool passing, struct why *w)
{
    char path[PATH_SIZE];
    pthread_mutex_lock(&sp->lock);
    uint64_t file = ++sp->last;
    pthread_mutex_unlock(&sp->lock);
    path_of(path, sp->folder, TMP, file);
    int fd = disk_get()->open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        trouble(w, "create", path);
        return NULL;
    }
    struct body *b = file_body(fd, file, 0);
    pthread_mutex_lock(&sp->lock);
    b->spool = sp;
    b->lot = passing ? PASSING_AT : START_AT;
    sp->holders++;
    idmap_put(&sp->alive, file, (uint64_t)(uintptr_t)b);
    pthread_mutex_unlock(&sp->lock);
    return b;
}

bool spool_lends(struct spool *sp)
{
    pthread_mutex_lock(&sp->lock);
    bool lends = sp->lent < LENT_MOST;
    sp->lent += lends;
    pthread_mutex_unlock(&sp->lock);
    return lends;
}

void spool_repaid(struct spool *sp)
{
    pthread_mutex_lock(&sp->lock);
    sp->lent--;
    pthread_mutex_unlock(&sp->lock);
}

void spool_written(struct spool *sp, struct body *b, uint64_t bytes)
{
    pthread_mutex_lock(&sp->lock);
    bool listed = b->written - b->started >= b->lot;
    b->written = bytes;
    if (!listed && bytes - b->started >= b->lot && sp->threaded) {
        body_hold(b);
        b->next = sp->written;
        sp->written = b;
        pthread_cond_signal(&sp->work);
    }
    pthread_mutex_unlock(&sp->lock);
}

struct body *spool_read(const char *folder, uint64_t file, uint64_t size, struct why *w)
{
    char path[PATH_SIZE];
    path_of(path, folder, BODY, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        why_set(w, E_IO, 451, "4.3.0", "cannot open the body %s: %s", path, strerror(errno));
    } else if ((uint64_t)st.st_size != size) {
        why_set(w, E_IO, 451, "4.3.0",
                "the body %s has %lld bytes, not the %llu it was sealed with", path,
                (long long)st.st_size, (unsigned long long)size);
    } else {
        struct body *b = file_body(fd, file, size);
        b->sealed = b->wanted = true;
        return b;
    }
    if (fd >= 0)
        close(fd);
    return NULL;
}

struct body *spool_load(struct spool *sp, uint64_t file, uint64_t size, struct why *w)
{
    pthread_mutex_lock(&sp->lock);
    struct body *b = (struct body *)(uintptr_t)idmap_get(&sp->alive, file);
    if (b != NULL) {
        body_hold(b);
    } else if ((b = spool_read(sp->folder, file, size, w)) != NULL) {
        b->spool = sp;
        sp->holders++;
        idmap_put(&sp->alive, file, (uint64_t)(uintptr_t)b);
    }
    pthread_mutex_unlock(&sp->lock);
    return b;
}

bool spool_release(struct body *b)
{
    struct spool *sp = b->spool;
    if (sp == NULL)
        return false;
    pthread_mutex_lock(&sp->lock);
    bool last = atomic_fetch_sub(&b->holders, 1) == 1, at_once = last && !sp->threaded;
    if (last) {
        idmap_drop(&sp->alive, b->file);
        if (!at_once)
            add_dead(sp, b);
    }
    pthread_mutex_unlock(&sp->lock);
    if (at_once)
        bury(b);
    return true;
}

void spool_breathe(struct spool *sp)
{
    pthread_mutex_lock(&sp->lock);
    while (sp->ndead > DEAD_MOST)
        pthread_cond_wait(&sp->buried, &sp->lock);
    pthread_mutex_unlock(&sp->lock);
}

void spool_close(struct spool *sp)
{
    pthread_mutex_lock(&sp->lock);
    bool threaded = sp->threaded;
    sp->threaded = false;
    pthread_cond_signal(&sp->work);
    pthread_mutex_unlock(&sp->lock);
    if (threaded)
        pthread_join(sp->keeper, NULL);
}

/* After a failed sync the system may hold the pages for clean: a second sync would then succeed
 * without having written them. Writing the same bytes again makes them dirty. */
static int rewrite(const struct body *b)
{
    static const size_t chunk = REWRITE_CHUNK;
    uint8_t *p = mem_new(chunk);
    int rc = lseek(b->fd, 0, SEEK_SET) == 0 ? 0 : -1;
    for (uint64_t at = 0; rc == 0 && at < b->size;) {
        ssize_t got = pread(b->fd, p, chunk, (off_t)at);
        if (got <= 0 || disk_get()->write(b->fd, p, (size_t)got) != got)
            rc = -1;
        at += got > 0 ? (uint64_t)got : 0;
    }
    free(p);
    return rc;
}

int spool_sync(struct body *b, struct why *w)
{
    char path[PATH_SIZE];
    path_of(path, b->spool->folder, TMP, b->file);
    if (b->stale && rewrite(b) != 0)
        return trouble(w, "write", path);
    b->stale = true;
    if (disk_get()->sync(b->fd, 0) != 0)
        return trouble(w, "sync", path);
    b->stale = false;
    b->synced = true;
    return OK;
}

int spool_seal(struct spool *sp, struct body *b, struct why *w)
{
    if (b->file == 0 || b->sealed)
        return OK;
    char from[PATH_SIZE], to[PATH_SIZE];
    path_of(from, sp->folder, TMP, b->file);
    path_of(to, sp->folder, BODY, b->file);
    int rc = b->synced ? OK : spool_sync(b, w);
    if (rc < 0)
        return rc;
    if (disk_get()->move(from, to) != 0)
        return trouble(w, "rename", from);
    b->sealed = true;
    return OK;
}

struct sealing {
    struct spool *sp;
    struct body **list;
    size_t n;
    atomic_size_t next;
};

static void *seal_some(void *arg)
{
    struct sealing *s = arg;
    for (size_t i; (i = atomic_fetch_add(&s->next, 1)) < s->n;) {
        struct why ignored;
        if (spool_seal(s->sp, s->list[i], &ignored) < 0)
            continue; /* tried again by itself */
    }
    return NULL;
}

void spool_seal_many(struct spool *sp, struct body **list, size_t n)
{
    struct sealing s = {.sp = sp, .list = list, .n = n};
    pthread_t thread[SEALERS];
    size_t threads = 0, waits = 0;
    atomic_init(&s.next, 0);
    for (size_t i = 0; i < n; i++)
        waits += !list[i]->synced;
    while (threads < SEALERS && threads + 1 < waits &&
           pthread_create(&thread[threads], NULL, seal_some, &s) == 0)
        threads++;
    seal_some(&s);
    while (threads > 0)
        pthread_join(thread[--threads], NULL);
}

int spool_sync_folder(struct spool *sp, struct why *w)
{
    if (disk_get()->sync(sp->body_fd, 1) == 0)
        return OK;
    return trouble(w, "sync the folder " BODY " in", sp->folder);
}

void spool_settle(struct spool *sp, uint64_t file, bool wanted)
{
    pthread_mutex_lock(&sp->lock);
    struct body *b = (struct body *)(uintptr_t)idmap_get(&sp->alive, file);
    if (b != NULL) {
        b->wanted = wanted;
    } else if (!wanted && sp->threaded) {
        b = file_body(-1, file, 0);
        b->sealed = true;
        b->spool = sp;
        sp->holders++;
        add_dead(sp, b);
    }
    pthread_mutex_unlock(&sp->lock);
}

void spool_unlink(const char *folder, uint64_t file)
{
    char path[PATH_SIZE];
    path_of(path, folder, BODY, file);
    disk_get()->remove(path);
}

/* The bytes of a file body, mapped at the first call. */
struct cur spool_map(struct body *b, struct why *w)
{
    if (b->spool != NULL)
        pthread_mutex_lock(&b->spool->lock);
    if (b->bytes == NULL && b->size > 0) {
        void *p = mmap(NULL, (size_t)b->size, PROT_READ, MAP_SHARED, b->fd, 0);
        if (p == MAP_FAILED)
            why_set(w, E_IO, 451, "4.3.0", "cannot map the body %010llu: %s",
                    (unsigned long long)b->file, strerror(errno));
        else
            b->bytes = p;
    }
    struct cur c = cur_of(b->bytes, b->bytes != NULL ? (size_t)b->size : 0);
    if (b->spool != NULL)
        pthread_mutex_unlock(&b->spool->lock);
    return c;
}
