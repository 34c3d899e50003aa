/* db/disk.h -- the seam under body files: the calls of the system that a crash or a full disk
 * can spoil. SQLite's own files have SQLite's VFS for the same purpose. Internal to db/ and its
 * tests. */
#ifndef DB_DISK_H
#define DB_DISK_H

#include <stddef.h>
#include <sys/types.h>

/* Each as its system call: -1 with errno on failure. sync is fdatasync for files, fsync for
 * folders. begin only has the system begin to write that part; it may do nothing. */
struct disk {
    int (*open)(const char *path, int flags, mode_t mode);
    ssize_t (*write)(int fd, const void *p, size_t n);
    int (*begin)(int fd, off_t from, off_t n);
    int (*sync)(int fd, int folder);
    int (*move)(const char *from, const char *to);
    int (*remove)(const char *path);
};

extern const struct disk disk_system;
const struct disk *disk_get(void);
/* Tests only, before a store is opened; NULL: the system's again. */
void disk_set(const struct disk *d);

#endif
