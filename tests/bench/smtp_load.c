/* tests/bench/smtp_load.c -- how long a sender waits for the 250 behind its dot.
 *
 *   smtp_load ADDR PORT COUNT SESSIONS SIZE FROM TO
 * Sends COUNT messages of SIZE bytes over SESSIONS connections, each command after the answer to
 * the one before, and prints the microseconds from the last byte sent to the answer read: "p50 N",
 * "p99 N", "most N", and "failed N" of messages not taken. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct {
    struct sockaddr_in at;
    const char *from, *to;
    char *data;
    size_t size;
    unsigned long count;
    int64_t *us; /* of each message, -1 it failed */
    atomic_ulong next;
} load;

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int send_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return 0;
        p += sent;
        n -= (size_t)sent;
    }
    return 1;
}

/* The first digit of a whole reply, 0 when the connection broke. A reply ends at the line whose
 * fourth character is a blank. */
static int reply(int fd)
{
    char text[4096];
    size_t n = 0;
    while (n < sizeof text - 1) {
        ssize_t got = recv(fd, text + n, sizeof text - 1 - n, 0);
        if (got <= 0)
            return 0;
        n += (size_t)got;
        text[n] = '\0';
        if (text[n - 1] != '\n')
            continue;
        text[n - 1] = '\0';
        const char *last = strrchr(text, '\n');
        last = last != NULL ? last + 1 : text;
        if (strlen(last) >= 4 && last[3] == ' ')
            return last[0];
        text[n - 1] = '\n';
    }
    return 0;
}

static int command(int fd, const char *text, int want)
{
    return send_all(fd, text, strlen(text)) && reply(fd) == want;
}

static int64_t one_message(int fd)
{
    char mail[512], rcpt[512];
    snprintf(mail, sizeof mail, "MAIL FROM:<%s>\r\n", load.from);
    snprintf(rcpt, sizeof rcpt, "RCPT TO:<%s>\r\n", load.to);
    if (!command(fd, mail, '2') || !command(fd, rcpt, '2') || !command(fd, "DATA\r\n", '3') ||
        !send_all(fd, load.data, load.size))
        return -1;
    int64_t start = now_us();
    return reply(fd) == '2' ? now_us() - start : -1;
}

static void *session(void *arg)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    (void)arg;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (struct sockaddr *)&load.at, sizeof load.at) == 0 && reply(fd) == '2' &&
        command(fd, "EHLO load.test\r\n", '2')) {
        unsigned long n;
        while ((n = atomic_fetch_add(&load.next, 1)) < load.count)
            load.us[n] = one_message(fd);
        (void)command(fd, "QUIT\r\n", '2');
    }
    close(fd);
    return NULL;
}

static void fill(size_t size)
{
    static const char head[] = "From: <steve@example.org>\r\nSubject: load\r\n\r\n",
                      end[] = "\r\n.\r\n";
    load.data = malloc(size + sizeof head + sizeof end);
    memcpy(load.data, head, sizeof head - 1);
    load.size = sizeof head - 1;
    for (size_t i = 0; i < size; i++)
        load.data[load.size++] = i % 74 == 72 ? '\r' : i % 74 == 73 ? '\n' : 'x';
    memcpy(load.data + load.size, end, sizeof end - 1);
    load.size += sizeof end - 1;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void print(void)
{
    unsigned long failed = 0;
    qsort(load.us, load.count, sizeof *load.us, by_size);
    while (failed < load.count && load.us[failed] < 0)
        failed++;
    const int64_t *good = load.us + failed;
    unsigned long n = load.count - failed;
    if (n > 0)
        printf("p50 %lld\np99 %lld\nmost %lld\n", (long long)good[n / 2],
               (long long)good[n * 99 / 100], (long long)good[n - 1]);
    printf("failed %lu\n", failed);
}

int main(int argc, char **argv)
{
    if (argc != 8) {
        fputs("usage: smtp_load ADDR PORT COUNT SESSIONS SIZE FROM TO\n", stderr);
        return 2;
    }
    load.at = (struct sockaddr_in){.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10))};
    inet_pton(AF_INET, argv[1], &load.at.sin_addr);
    load.count = strtoul(argv[3], NULL, 10);
    size_t sessions = strtoul(argv[4], NULL, 10);
    load.from = argv[6];
    load.to = argv[7];
    load.us = malloc(load.count * sizeof *load.us);
    for (unsigned long i = 0; i < load.count; i++)
        load.us[i] = -1;
    fill(strtoul(argv[5], NULL, 10));
    pthread_t *thread = malloc(sessions * sizeof *thread);
    for (size_t i = 0; i < sessions; i++)
        pthread_create(&thread[i], NULL, session, NULL);
    for (size_t i = 0; i < sessions; i++)
        pthread_join(thread[i], NULL);
    print();
    free(thread);
    free(load.us);
    free(load.data);
    return 0;
}
