/* tests/bench/slowsync.c -- a disk with slow syncs: LD_PRELOAD this and each fsync and fdatasync
 * takes $SLOWSYNC_US microseconds more.
 *
 *   gcc -O2 -shared -fPIC tests/bench/slowsync.c -o build/slowsync.so -ldl
 *   SLOWSYNC_US=5000 LD_PRELOAD=build/slowsync.so build/njegated ... */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

int fsync(int fd);
int fdatasync(int fd);

static void delay(void)
{
    static long us = -1;
    if (us < 0) {
        const char *text = getenv("SLOWSYNC_US");
        us = text != NULL ? strtol(text, NULL, 10) : 0;
    }
    struct timespec t = {us / 1000000, us % 1000000 * 1000};
    if (us > 0)
        nanosleep(&t, NULL);
}

static int call(const char *name, int fd)
{
    int (*real)(int);
    *(void **)&real = dlsym(RTLD_NEXT, name);
    int rc = real(fd);
    delay();
    return rc;
}

int fsync(int fd)
{
    return call("fsync", fd);
}

int fdatasync(int fd)
{
    return call("fdatasync", fd);
}
