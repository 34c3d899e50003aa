/* tests/unit/db/power.c -- see power.h */
#include "power.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/disk.h"
#include "unit/unit.h"

#define SECTOR 512u
#define NAMES_MOST 4096

/* LOST: a sync that failed. The system then holds the pages for clean: only written again will they
 * reach the disk. */
enum kind { WRITE, TRUNCATE, SYNC, LOST, CREATE, MOVE, REMOVE, SYNC_FOLDER, MARK };

struct event {
    enum kind kind;
    unsigned inode;
    size_t off, n; /* TRUNCATE: off is the new size; MARK: n */
    bool durable;  /* for the image being made */
    uint8_t *data;
    char name[80], to[80];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct event *log_;
static size_t nlog, log_space, nbefore; /* nbefore: the entries of power_record itself */
static bool recording;
static char root[400];
static unsigned steps, fail_from, fail_count, kill_at;
static int fail_errno;
static const char *sync_part;
static unsigned sync_fails;

/* Names now, while recording: which inode each stands for. */
struct name {
    char name[80];
    unsigned inode;
};
static struct name live[NAMES_MOST], base[NAMES_MOST];
static size_t nlive, nbase;
static unsigned inodes;

/* --- steps, faults --- */

void power_reset(void)
{
    pthread_mutex_lock(&lock);
    steps = fail_from = fail_count = kill_at = 0;
    pthread_mutex_unlock(&lock);
}

unsigned power_steps(void)
{
    pthread_mutex_lock(&lock);
    unsigned n = steps;
    pthread_mutex_unlock(&lock);
    return n;
}

void power_fail(unsigned from, unsigned count, int no)
{
    pthread_mutex_lock(&lock);
    fail_from = from;
    fail_count = count;
    fail_errno = no;
    pthread_mutex_unlock(&lock);
}

void power_fail_sync(const char *part, unsigned count)
{
    pthread_mutex_lock(&lock);
    sync_part = part;
    sync_fails = count;
    pthread_mutex_unlock(&lock);
}

void power_kill(unsigned at)
{
    pthread_mutex_lock(&lock);
    kill_at = at;
    pthread_mutex_unlock(&lock);
}

/* 0, or the errno this step fails with. */
static int step(void)
{
    pthread_mutex_lock(&lock);
    steps++;
    if (steps == kill_at)
        raise(SIGKILL);
    int no =
        fail_count > 0 && steps >= fail_from && steps - fail_from < fail_count ? fail_errno : 0;
    pthread_mutex_unlock(&lock);
    return no;
}

static int sync_step(const char *path)
{
    int no = step();
    pthread_mutex_lock(&lock);
    if (no == 0 && sync_fails > 0 && strstr(path, sync_part) != NULL) {
        sync_fails--;
        no = EIO;
    }
    pthread_mutex_unlock(&lock);
    return no;
}

/* --- the log --- */

static const char *below_root(const char *path)
{
    size_t n = strlen(root);
    return strncmp(path, root, n) == 0 && path[n] == '/' ? path + n + 1 : path;
}

static unsigned find(struct name *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].name, name) == 0)
            return list[i].inode;
    return 0;
}

static void set(struct name *list, size_t *n, const char *name, unsigned inode)
{
    for (size_t i = 0; i < *n; i++)
        if (strcmp(list[i].name, name) == 0) {
            if (inode != 0)
                list[i].inode = inode;
            else
                list[i] = list[--*n];
            return;
        }
    if (inode == 0)
        return;
    ck_assert_uint_lt(*n, NAMES_MOST);
    snprintf(list[*n].name, sizeof list[*n].name, "%s", name);
    list[(*n)++].inode = inode;
}

static struct event *record(enum kind kind)
{
    if (nlog == log_space) {
        log_space = log_space == 0 ? 1024 : log_space * 2;
        log_ = realloc(log_, log_space * sizeof *log_);
    }
    log_[nlog] = (struct event){.kind = kind};
    return &log_[nlog++];
}

static void record_write(unsigned inode, const void *p, size_t n, size_t off)
{
    pthread_mutex_lock(&lock);
    if (recording) {
        struct event *e = record(WRITE);
        e->inode = inode;
        e->off = off;
        e->n = n;
        e->data = malloc(n + 1);
        memcpy(e->data, p, n);
    }
    pthread_mutex_unlock(&lock);
}

static void record_inode(enum kind kind, unsigned inode, size_t off)
{
    pthread_mutex_lock(&lock);
    if (recording) {
        struct event *e = record(kind);
        e->inode = inode;
        e->off = off;
    }
    pthread_mutex_unlock(&lock);
}

static unsigned record_create(const char *path)
{
    pthread_mutex_lock(&lock);
    unsigned inode = find(live, nlive, below_root(path));
    if (recording && inode == 0) {
        inode = ++inodes;
        set(live, &nlive, below_root(path), inode);
        struct event *e = record(CREATE);
        e->inode = inode;
        snprintf(e->name, sizeof e->name, "%s", below_root(path));
    }
    pthread_mutex_unlock(&lock);
    return inode;
}

static void record_names(enum kind kind, const char *name, const char *to)
{
    pthread_mutex_lock(&lock);
    if (recording) {
        struct event *e = record(kind);
        snprintf(e->name, sizeof e->name, "%s", below_root(name));
        snprintf(e->to, sizeof e->to, "%s", below_root(to));
        unsigned inode = find(live, nlive, e->name);
        if (kind == MOVE)
            set(live, &nlive, e->to, inode);
        if (kind != SYNC_FOLDER)
            set(live, &nlive, e->name, 0);
    }
    pthread_mutex_unlock(&lock);
}

/* --- under body files --- */

static unsigned inode_of_fd(int fd, char *path)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, PATH_MAX - 1);
    path[n > 0 ? n : 0] = '\0';
    pthread_mutex_lock(&lock);
    unsigned inode = find(live, nlive, below_root(path));
    pthread_mutex_unlock(&lock);
    return inode;
}

static int power_open(const char *path, int flags, mode_t mode)
{
    if ((flags & O_CREAT) != 0) {
        int no = step();
        if (no != 0) {
            errno = no;
            return -1;
        }
    }
    int fd = disk_system.open(path, flags, mode);
    if (fd >= 0 && (flags & O_CREAT) != 0)
        record_create(path);
    return fd;
}

static ssize_t power_write(int fd, const void *p, size_t n)
{
    int no = step();
    if (no != 0) {
        errno = no;
        return -1;
    }
    char path[PATH_MAX];
    unsigned inode = inode_of_fd(fd, path);
    off_t off = lseek(fd, 0, SEEK_CUR);
    ssize_t put = disk_system.write(fd, p, n);
    if (put > 0)
        record_write(inode, p, (size_t)put, (size_t)off);
    return put;
}

static int power_sync(int fd, int folder)
{
    char path[PATH_MAX];
    unsigned inode = inode_of_fd(fd, path);
    int no = sync_step(path);
    if (no != 0) {
        record_inode(LOST, inode, 0);
        errno = no;
        return -1;
    }
    if (folder)
        record_names(SYNC_FOLDER, path, "");
    else
        record_inode(SYNC, inode, 0);
    return 0; /* this disk is in our hands: no real sync */
}

static int power_move(const char *from, const char *to)
{
    int no = step();
    if (no == 0 && disk_system.move(from, to) == 0) {
        record_names(MOVE, from, to);
        return 0;
    }
    errno = no != 0 ? no : errno;
    return -1;
}

static int power_remove(const char *path)
{
    int no = step();
    if (no == 0 && disk_system.remove(path) == 0) {
        record_names(REMOVE, path, "");
        return 0;
    }
    errno = no != 0 ? no : errno;
    return -1;
}

/* Its disk takes nothing before a sync. */
static int power_begin(int fd, off_t from, off_t n)
{
    (void)fd, (void)from, (void)n;
    return 0;
}

static const struct disk power_disk = {.open = power_open,
                                       .write = power_write,
                                       .begin = power_begin,
                                       .sync = power_sync,
                                       .move = power_move,
                                       .remove = power_remove};

/* --- under SQLite --- */

struct vfile {
    sqlite3_file base;
    sqlite3_file *real;
    unsigned inode;
    bool counts, fresh; /* database or WAL; its name was never synced */
    char path[400];
};

static struct vfile *vf(sqlite3_file *f)
{
    return (struct vfile *)f;
}

static sqlite3_file *real(sqlite3_file *f)
{
    return ((struct vfile *)f)->real;
}

static int v_close(sqlite3_file *f)
{
    return real(f)->pMethods->xClose(real(f));
}

static int v_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return real(f)->pMethods->xRead(real(f), p, n, at);
}

static int v_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    int no = vf(f)->counts ? step() : 0;
    if (no != 0)
        return no == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    int rc = real(f)->pMethods->xWrite(real(f), p, n, at);
    if (rc == SQLITE_OK && vf(f)->counts)
        record_write(vf(f)->inode, p, (size_t)n, (size_t)at);
    return rc;
}

static int v_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    int no = vf(f)->counts ? step() : 0;
    if (no != 0)
        return SQLITE_IOERR_TRUNCATE;
    int rc = real(f)->pMethods->xTruncate(real(f), size);
    if (rc == SQLITE_OK && vf(f)->counts)
        record_inode(TRUNCATE, vf(f)->inode, (size_t)size);
    return rc;
}

static int v_sync(sqlite3_file *f, int flags)
{
    (void)flags;
    int no = vf(f)->counts ? sync_step(vf(f)->path) : 0;
    if (vf(f)->counts)
        record_inode(no != 0 ? LOST : SYNC, vf(f)->inode, 0);
    if (no != 0)
        return SQLITE_IOERR_FSYNC;
    if (vf(f)->counts && vf(f)->fresh) /* the unix VFS then syncs the folder as well */
        record_names(SYNC_FOLDER, root, "");
    vf(f)->fresh = false;
    return SQLITE_OK;
}

static int v_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return real(f)->pMethods->xFileSize(real(f), size);
}

static int v_lock(sqlite3_file *f, int level)
{
    return real(f)->pMethods->xLock(real(f), level);
}

static int v_unlock(sqlite3_file *f, int level)
{
    return real(f)->pMethods->xUnlock(real(f), level);
}

static int v_check(sqlite3_file *f, int *out)
{
    return real(f)->pMethods->xCheckReservedLock(real(f), out);
}

static int v_control(sqlite3_file *f, int op, void *arg)
{
    return real(f)->pMethods->xFileControl(real(f), op, arg);
}

static int v_sector(sqlite3_file *f)
{
    return real(f)->pMethods->xSectorSize(real(f));
}

static int v_traits(sqlite3_file *f)
{
    return real(f)->pMethods->xDeviceCharacteristics(real(f));
}

static int v_shm_map(sqlite3_file *f, int i, int size, int extend, void volatile **p)
{
    return real(f)->pMethods->xShmMap(real(f), i, size, extend, p);
}

static int v_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
    return real(f)->pMethods->xShmLock(real(f), at, n, flags);
}

static void v_shm_barrier(sqlite3_file *f)
{
    real(f)->pMethods->xShmBarrier(real(f));
}

static int v_shm_unmap(sqlite3_file *f, int remove)
{
    return real(f)->pMethods->xShmUnmap(real(f), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = v_close,
    .xRead = v_read,
    .xWrite = v_write,
    .xTruncate = v_truncate,
    .xSync = v_sync,
    .xFileSize = v_size,
    .xLock = v_lock,
    .xUnlock = v_unlock,
    .xCheckReservedLock = v_check,
    .xFileControl = v_control,
    .xSectorSize = v_sector,
    .xDeviceCharacteristics = v_traits,
    .xShmMap = v_shm_map,
    .xShmLock = v_shm_lock,
    .xShmBarrier = v_shm_barrier,
    .xShmUnmap = v_shm_unmap,
};

static sqlite3_vfs *under, vfs;

static int v_open(sqlite3_vfs *v, const char *path, sqlite3_file *f, int flags, int *out)
{
    (void)v;
    struct vfile *file = vf(f);
    *file = (struct vfile){.real = (sqlite3_file *)(file + 1)};
    int rc = under->xOpen(under, path, file->real, flags, out);
    if (rc != SQLITE_OK)
        return rc;
    file->base.pMethods = &methods;
    file->counts = (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) != 0 && path != NULL;
    if (!file->counts)
        return rc;
    snprintf(file->path, sizeof file->path, "%s", path);
    pthread_mutex_lock(&lock);
    file->fresh = find(live, nlive, below_root(path)) == 0;
    pthread_mutex_unlock(&lock);
    file->inode = record_create(path);
    return rc;
}

static int v_delete(sqlite3_vfs *v, const char *path, int sync_folder)
{
    (void)v;
    if (step() != 0)
        return SQLITE_IOERR_DELETE;
    int rc = under->xDelete(under, path, 0);
    if (rc == SQLITE_OK)
        record_names(REMOVE, path, "");
    if (rc == SQLITE_OK && sync_folder)
        record_names(SYNC_FOLDER, root, "");
    return rc;
}

void power_install(void)
{
    disk_set(&power_disk);
    if (under != NULL)
        return;
    under = sqlite3_vfs_find(NULL);
    vfs = *under;
    vfs.zName = "power";
    vfs.szOsFile = (int)sizeof(struct vfile) + under->szOsFile;
    vfs.xOpen = v_open;
    vfs.xDelete = v_delete;
    ck_assert_int_eq(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
}

/* --- recording: start, marks --- */

static void take_file(const char *name)
{
    char path[800];
    snprintf(path, sizeof path, "%s/%s", root, name);
    int fd = open(path, O_RDONLY);
    ck_assert_msg(fd >= 0, "%s", path);
    struct stat st;
    fstat(fd, &st);
    uint8_t *p = malloc((size_t)st.st_size + 1);
    ck_assert_int_eq(read(fd, p, (size_t)st.st_size), st.st_size);
    close(fd);
    set(live, &nlive, name, ++inodes);
    set(base, &nbase, name, inodes);
    record_write(inodes, p, (size_t)st.st_size, 0);
    record_inode(SYNC, inodes, 0);
    free(p);
}

static void take_folder(const char *sub)
{
    char path[500];
    snprintf(path, sizeof path, "%s%s%s", root, sub[0] != '\0' ? "/" : "", sub);
    DIR *d = opendir(path);
    ck_assert_msg(d != NULL, "%s", path);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_type != DT_REG || strcmp(e->d_name, "lock") == 0 ||
            strstr(e->d_name, "-shm") != NULL)
            continue;
        char name[300];
        snprintf(name, sizeof name, "%s%s%s", sub, sub[0] != '\0' ? "/" : "", e->d_name);
        take_file(name);
    }
    closedir(d);
}

void power_record(const char *folder)
{
    snprintf(root, sizeof root, "%s", folder);
    for (size_t i = 0; i < nlog; i++)
        free(log_[i].data);
    nlog = nlive = nbase = 0;
    inodes = 0;
    recording = true;
    take_folder("");
    take_folder("spool/body");
    nbefore = nlog;
}

void power_mark(unsigned n)
{
    pthread_mutex_lock(&lock);
    if (recording)
        record(MARK)->n = n;
    pthread_mutex_unlock(&lock);
}

void power_stop(void)
{
    pthread_mutex_lock(&lock);
    recording = false;
    pthread_mutex_unlock(&lock);
}

size_t power_points(void)
{
    return nlog;
}

bool power_worth(size_t point)
{
    if (point <= nbefore || point >= nlog)
        return point == nbefore || point == nlog;
    enum kind before = log_[point - 1].kind, next = log_[point].kind;
    return next == SYNC || next == SYNC_FOLDER || before == SYNC || before == SYNC_FOLDER ||
           before == MOVE || before == REMOVE;
}

unsigned power_marked(size_t point)
{
    unsigned most = 0;
    for (size_t i = 0; i < point; i++)
        if (log_[i].kind == MARK && log_[i].n > most)
            most = (unsigned)log_[i].n;
    return most;
}

void power_marks_before(size_t point, bool *marked, unsigned most)
{
    for (size_t i = 0; i < point; i++)
        if (log_[i].kind == MARK && log_[i].n <= most)
            marked[log_[i].n] = true;
}

/* --- what survives --- */

struct disk_file {
    uint8_t *p;
    size_t n, space;
    bool covered; /* going back in time: a sync came after */
};
static struct disk_file *content;
static unsigned lot; /* state of the draw */

static bool draw(unsigned variant)
{
    if (variant < 2)
        return variant == 1;
    lot = lot * 1103515245u + 12345u;
    return (lot >> 16 & 1) != 0;
}

static void put(struct disk_file *f, const uint8_t *p, size_t n, size_t off)
{
    if (off + n > f->space) {
        f->space = (off + n) * 2;
        f->p = realloc(f->p, f->space);
    }
    if (off > f->n)
        memset(f->p + f->n, 0, off - f->n);
    memcpy(f->p + off, p, n);
    f->n = off + n > f->n ? off + n : f->n;
}

static void put_torn(struct disk_file *f, const struct event *e, unsigned variant)
{
    for (size_t at = 0; at < e->n;) {
        size_t n = SECTOR - (e->off + at) % SECTOR;
        n = n < e->n - at ? n : e->n - at;
        if (draw(variant))
            put(f, e->data + at, n, e->off + at);
        at += n;
    }
}

static void mark_durable(size_t point)
{
    for (size_t i = point; i-- > 0;) {
        struct event *e = &log_[i];
        struct disk_file *f = &content[e->inode];
        if (e->kind == SYNC || e->kind == LOST)
            f->covered = e->kind == SYNC;
        e->durable = f->covered;
    }
}

static void replay_content(size_t point, unsigned variant)
{
    mark_durable(point);
    for (size_t i = 0; i < point; i++) {
        const struct event *e = &log_[i];
        struct disk_file *f = &content[e->inode];
        if (e->kind == WRITE && e->durable)
            put(f, e->data, e->n, e->off);
        else if (e->kind == WRITE)
            put_torn(f, e, variant);
        else if (e->kind == TRUNCATE && (e->durable || draw(variant)) && e->off < f->n)
            f->n = e->off;
    }
}

static bool in_folder(const char *name, const char *folder)
{
    size_t n = strlen(folder);
    if (strcmp(folder, root) == 0)
        return strchr(name, '/') == NULL;
    return strncmp(name, folder, n) == 0 && name[n] == '/';
}

static bool name_synced(size_t i, size_t point, const char *name)
{
    for (size_t k = i + 1; k < point; k++)
        if (log_[k].kind == SYNC_FOLDER && in_folder(name, log_[k].name))
            return true;
    return false;
}

static void replay_names(size_t point, unsigned variant, struct name *list, size_t *n)
{
    memcpy(list, base, nbase * sizeof *list);
    *n = nbase;
    for (size_t i = 0; i < point; i++) {
        const struct event *e = &log_[i];
        const char *where = e->kind == MOVE ? e->to : e->name;
        if (e->kind != CREATE && e->kind != MOVE && e->kind != REMOVE)
            continue;
        if (!name_synced(i, point, where) && !draw(variant))
            continue;
        if (e->kind == CREATE) {
            set(list, n, e->name, e->inode);
            continue;
        }
        /* The inode a move is about, whatever became of the old name. */
        unsigned inode = find(list, *n, e->name);
        for (size_t k = 0; k < i && inode == 0; k++)
            if (log_[k].kind == CREATE && strcmp(log_[k].name, e->name) == 0)
                inode = log_[k].inode;
        set(list, n, e->name, 0);
        if (e->kind == MOVE)
            set(list, n, e->to, inode);
    }
}

static void write_out(const char *folder, const struct name *name)
{
    char path[800];
    ck_assert_int_lt(snprintf(path, sizeof path, "%s/%s", folder, name->name), (int)sizeof path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_msg(fd >= 0, "%s", path);
    const struct disk_file *f = &content[name->inode];
    ck_assert_int_eq(write(fd, f->p, f->n), (ssize_t)f->n);
    close(fd);
}

void power_image(size_t point, unsigned variant, const char *folder)
{
    static struct name list[NAMES_MOST];
    size_t n;
    char command[1000];
    snprintf(command, sizeof command, "%s/spool", folder);
    mkdir(command, 0700);
    snprintf(command, sizeof command, "%s/spool/tmp", folder);
    mkdir(command, 0700);
    snprintf(command, sizeof command, "%s/spool/body", folder);
    mkdir(command, 0700);
    lot = (unsigned)point * 31 + variant;
    content = calloc(inodes + 1, sizeof *content);
    replay_content(point, variant);
    replay_names(point, variant, list, &n);
    for (size_t i = 0; i < n; i++)
        write_out(folder, &list[i]);
    for (unsigned i = 0; i <= inodes; i++)
        free(content[i].p);
    free(content);
}
