/* base/why.h -- one failure value, from the first socket error to the reply, the log, the bounce,
 * the NJE message and the journal.
 *
 * A function that can fail takes a `struct why *` as its last argument, fills it once when it fails
 * and leaves it untouched when it succeeds. It returns 0 (or a positive result) or a negative enum
 * err. The text is one line of UTF-8 without a final period, fit to be shown to a person. */
#ifndef BASE_WHY_H
#define BASE_WHY_H

#include <stdbool.h>

#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define MUST_CHECK __attribute__((warn_unused_result))

enum err {
    OK = 0,
    E_SYNTAX = -1, /* the peer's or the file's words are malformed */
    E_LIMIT = -2,  /* larger, longer or more than a limit allows */
    E_DENIED = -3, /* understood and refused */
    E_ABSENT = -4, /* no such thing */
    E_TEMP = -5,   /* may succeed later */
    E_PERM = -6,   /* will not succeed later */
    E_IO = -7,     /* our disk or database failed */
    E_GONE = -8,   /* the peer has gone */
};

struct why {
    enum err err;
    short smtp;     /* SMTP reply code, 0 when the text has none of its own */
    char enh[12];   /* enhanced status code "5.1.1" (RFC 3463), "" when none */
    char text[400]; /* one line, always terminated */
};

/* Fill *w and return err. smtp 0 and enh NULL take the defaults of the class (why_smtp). Control
 * characters in the text become blanks, so that no text can forge a line. */
int why_set(struct why *w, enum err err, int smtp, const char *enh, const char *fmt, ...)
    PRINTF_LIKE(5, 6);
/* The same from errno: E_TEMP for what passes (EINTR, ENOSPC, EMFILE, ECONNREFUSED...), else
 * E_PERM. */
int why_errno(struct why *w, const char *what);
/* Put "prefix: " before the text already there. */
void why_prefix(struct why *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* May the same thing succeed later? E_TEMP, E_IO, E_GONE and 4xx replies. */
bool why_is_temp(const struct why *w);
/* The reply code and enhanced code to give for w, with the defaults of its class filled in. */
int why_smtp(const struct why *w);
const char *why_enh(const struct why *w);

#endif
