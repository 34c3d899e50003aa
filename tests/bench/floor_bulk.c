/* tests/bench/floor_bulk.c -- what this machine moves in bulk: one TCP connection on loopback, and
 * one file written and made durable.
 *
 *   floor_bulk DIR   prints "tcp N" and "disk N", megabytes a second */
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PIECE 65536u
#define TCP_BYTES (2000u << 20)
#define DISK_BYTES (512u << 20)

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *reader(void *arg)
{
    static char bytes[PIECE];
    int fd = *(int *)arg;
    while (read(fd, bytes, sizeof bytes) > 0)
        ;
    return NULL;
}

static double tcp(void)
{
    static char bytes[PIECE];
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int l = socket(AF_INET, SOCK_STREAM, 0), out = socket(AF_INET, SOCK_STREAM, 0), in;
    pthread_t thread;
    if (bind(l, (struct sockaddr *)&at, sizeof at) < 0 || listen(l, 1) < 0 ||
        getsockname(l, (struct sockaddr *)&at, &size) < 0 ||
        connect(out, (struct sockaddr *)&at, sizeof at) < 0 || (in = accept(l, NULL, NULL)) < 0 ||
        pthread_create(&thread, NULL, reader, &in) != 0)
        return -1;
    double start = now();
    for (size_t sent = 0; sent < TCP_BYTES; sent += sizeof bytes)
        if (write(out, bytes, sizeof bytes) != (ssize_t)sizeof bytes)
            return -1;
    close(out);
    pthread_join(thread, NULL);
    return TCP_BYTES / 1e6 / (now() - start);
}

static double disk(const char *dir)
{
    static char bytes[PIECE];
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s/floor.tmp", dir) >= sizeof path)
        return -1;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    memset(bytes, 'x', sizeof bytes);
    double start = now();
    for (size_t sent = 0; fd >= 0 && sent < DISK_BYTES; sent += sizeof bytes)
        if (write(fd, bytes, sizeof bytes) != (ssize_t)sizeof bytes)
            return -1;
    if (fd < 0 || fdatasync(fd) < 0)
        return -1;
    double rate = DISK_BYTES / 1e6 / (now() - start);
    close(fd);
    unlink(path);
    return rate;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    double net = tcp(), file = disk(argv[1]);
    if (net < 0 || file < 0) {
        perror("floor_bulk");
        return 1;
    }
    printf("tcp %.0f\ndisk %.0f\n", net, file);
    return 0;
}
