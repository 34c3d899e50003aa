/* db/disk.c -- the system's own calls behind the seam. */
#include "db/disk.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int system_open(const char *path, int flags, mode_t mode)
{
    return open(path, flags, mode);
}

static int system_sync(int fd, int folder)
{
    return folder ? fsync(fd) : fdatasync(fd);
}

static int system_begin(int fd, off_t from, off_t n)
{
    return sync_file_range(fd, from, n, SYNC_FILE_RANGE_WRITE);
}

const struct disk disk_system = {.open = system_open,
                                 .write = write,
                                 .begin = system_begin,
                                 .sync = system_sync,
                                 .move = rename,
                                 .remove = unlink};

static const struct disk *current = &disk_system;

const struct disk *disk_get(void)
{
    return current;
}

void disk_set(const struct disk *d)
{
    current = d != NULL ? d : &disk_system;
}
