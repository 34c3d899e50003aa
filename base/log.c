/* base/log.c -- event lines, gathered and written once a turn. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

#define STORE_SIZE 65536u
#define LINE_MOST 8192u /* a longer line is cut */
#define QUOTES 8
#define QUOTE_MOST 512u

static struct {
    int fd;
    enum log_level most;
    size_t n;
    uint64_t lost;  /* lines that found the store full: the reader of our pipe sleeps */
    int64_t second; /* the one that `stamp` spells */
    char stamp[20]; /* 2026-11-21T23:30:44 */
    struct buf quote[QUOTES];
    unsigned next_quote;
    char store[STORE_SIZE];
} out = {.fd = STDERR_FILENO, .most = LOG_INFO, .second = -1};

void log_open(int fd, enum log_level most)
{
    log_flush(NULL);
    out.fd = fd;
    out.most = most;
}

bool log_wants(enum log_level level)
{
    return level <= out.most;
}

/* All that is in the store, or as much as the descriptor takes without waiting. */
static void write_out(void)
{
    size_t done = 0;
    while (done < out.n) {
        ssize_t r = write(out.fd, out.store + done, out.n - done);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0 && errno == EAGAIN)
            break;
        /* A descriptor that is closed or broken for good: nothing can be told to anybody. */
        done = r < 0 ? out.n : done + (size_t)r;
    }
    memmove(out.store, out.store + done, out.n - done);
    out.n -= done;
}

/* Date, level and id in front of the line; its length. */
static size_t head(char *line, size_t size, enum log_level level, uint64_t id, const char *event)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    struct wall now = wall_now();
    int64_t s = wall_s(now);
    if (s != out.second) {
        time_t t = (time_t)s;
        struct tm tm;
        if (gmtime_r(&t, &tm) != NULL)
            (void)strftime(out.stamp, sizeof out.stamp, "%Y-%m-%dT%H:%M:%S", &tm);
        out.second = s;
    }
    char tag[32] = "";
    if (id != 0)
        (void)snprintf(tag, sizeof tag, " id=%08llu", (unsigned long long)id);
    int n = snprintf(line, size, "%s.%03dZ %s%s event=%s", out.stamp,
                     (int)((now.us - s * US_PER_S) / 1000), names[level], tag, event);
    return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

/* Nothing that came from a peer may start a line of its own. */
static void put_line(char *line, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((uint8_t)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[n++] = '\n';
    if (n > STORE_SIZE - out.n)
        write_out();
    if (n > STORE_SIZE - out.n) {
        out.lost++;
        return;
    }
    memcpy(out.store + out.n, line, n);
    out.n += n;
}

static void tell_lost(void)
{
    if (out.lost > 0 && STORE_SIZE - out.n < 256)
        write_out();
    if (out.lost == 0 || STORE_SIZE - out.n < 256)
        return;
    char line[256];
    size_t n = head(line, sizeof line - 64, LOG_WARN, 0, "log-lost");
    int more = snprintf(line + n, sizeof line - n - 1, " lines=%llu", (unsigned long long)out.lost);
    out.lost = 0;
    put_line(line, n + (more > 0 ? (size_t)more : 0));
}

static void event(enum log_level level, uint64_t id, const char *name, const char *fmt, va_list ap)
    __attribute__((format(printf, 4, 0)));

static void event(enum log_level level, uint64_t id, const char *name, const char *fmt, va_list ap)
{
    char line[LINE_MOST + 1]; /* and the line feed */
    size_t n = head(line, LINE_MOST - 1, level, id, name);
    if (fmt[0] != '\0')
        line[n++] = ' ';
    int more = vsnprintf(line + n, LINE_MOST - n, fmt, ap);
    if (more > 0)
        n = (size_t)more < LINE_MOST - n ? n + (size_t)more : LINE_MOST - 1;
    tell_lost();
    put_line(line, n);
    if (level <= LOG_WARN || out.n > STORE_SIZE / 2)
        write_out();
}

void log_event(enum log_level level, uint64_t id, const char *name, const char *fmt, ...)
{
    if (!log_wants(level))
        return;
    va_list ap;
    va_start(ap, fmt);
    event(level, id, name, fmt, ap);
    va_end(ap);
}

void log_line(const char *fmt, ...)
{
    char line[LINE_MOST + 1];
    va_list ap;
    if (!log_wants(LOG_INFO))
        return;
    va_start(ap, fmt);
    int n = vsnprintf(line, LINE_MOST, fmt, ap);
    va_end(ap);
    tell_lost();
    put_line(line, n < 0 ? 0 : (size_t)n < LINE_MOST ? (size_t)n : LINE_MOST - 1);
    if (out.n > STORE_SIZE / 2)
        write_out();
}

void log_flush(void *unused)
{
    (void)unused;
    tell_lost();
    if (out.n > 0)
        write_out();
}

const char *log_quote(struct str s)
{
    struct buf *b = &out.quote[out.next_quote++ % QUOTES];
    if (b->max == 0)
        buf_init(b, QUOTE_MOST - 1);
    buf_reset(b);
    text_quote(b, s);
    if (b->over) {
        b->over = false;
        buf_trim(b, b->max - 4);
        buf_z(b, "...\"");
    }
    return buf_cstr(b);
}

void log_die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    event(LOG_ERROR, 0, "bug", fmt, ap);
    va_end(ap);
    abort();
}
