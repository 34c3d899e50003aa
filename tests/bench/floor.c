/* tests/bench/floor.c -- what the disk can do: records of 2048 bytes appended and made durable, one
 * at a time and in groups, for two seconds each.
 *
 *   floor DIR   prints "commit_1 N per second", "commit_20 ..." */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int measure(int fd, unsigned group)
{
    char record[2048];
    memset(record, 'x', sizeof record);
    double start = now(), spent;
    unsigned long n = 0;
    do {
        for (unsigned i = 0; i < group; i++)
            if (write(fd, record, sizeof record) != (ssize_t)sizeof record)
                return -1;
        if (fdatasync(fd) < 0)
            return -1;
        n += group;
        spent = now() - start;
    } while (spent < 2.0);
    printf("commit_%u %.0f\n", group, (double)n / spent);
    return 0;
}

int main(int argc, char **argv)
{
    char path[4096];
    if (argc != 2 || (size_t)snprintf(path, sizeof path, "%s/floor.tmp", argv[1]) >= sizeof path)
        return 2;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    int rc = fd < 0 || measure(fd, 1) < 0 || measure(fd, 20) < 0;
    if (rc != 0)
        perror(path);
    unlink(path);
    return rc;
}
