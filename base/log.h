/* base/log.h -- one line per event on standard error: time, level, message id first, then
 * key=value.
 *
 *   2026-11-21T23:30:44.123Z info id=00000012 event=accepted from=<a@b.example> size=2048
 *
 * Lines are gathered and written once a turn by log_flush (register it as a barrier); warnings and
 * errors at once. Only gateway/ and the programs log above debug. The one mutable global of base/.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_open(int fd, enum log_level most); /* fd is not taken; default: stderr, LOG_INFO */
bool log_wants(enum log_level level);
/* id 0: no id= field. The format holds the key=value pairs after event=. */
void log_event(enum log_level level, uint64_t id, const char *event, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
void log_flush(void *unused);
/* A line of another form, as it is, at INFO; control characters are replaced as ever. */
void log_line(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* "%s" value quoted for a log line; a ring of 8 buffers of 512, so use at once. */
const char *log_quote(struct str s);
/* A violated invariant of ours; never reachable from input. Logs and aborts. */
void log_die(const char *fmt, ...) PRINTF_LIKE(1, 2) __attribute__((noreturn));

#endif
