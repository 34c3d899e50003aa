/* base/why.c -- the failure value: filling, prefixing, and the SMTP words each class defaults to.
 */
#include "base/why.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"

struct class_words {
    short smtp;
    const char *enh;
};

static struct class_words class_words(enum err err)
{
    switch (err) {
    case OK:
        return (struct class_words){250, "2.0.0"};
    case E_SYNTAX:
        return (struct class_words){501, "5.5.2"};
    case E_LIMIT:
        return (struct class_words){552, "5.3.4"};
    case E_DENIED:
        return (struct class_words){550, "5.7.1"};
    case E_ABSENT:
        return (struct class_words){550, "5.1.1"};
    case E_TEMP:
    case E_IO:
        return (struct class_words){451, "4.3.0"};
    case E_GONE:
        return (struct class_words){421, "4.4.2"};
    case E_PERM:
        break;
    }
    return (struct class_words){554, "5.0.0"};
}

/* Copy into w->text: one line of well-formed UTF-8. Controls (C0, DEL, C1) become blanks, a byte
 * that is not UTF-8 becomes '?', and what does not fit is cut between characters. */
static void put_text(struct why *w, const char *from)
{
    struct str rest = str_of(from);
    size_t n = 0;
    while (rest.n > 0) {
        struct str before = rest;
        uint32_t rune = text_rune(&rest);
        size_t len = before.n - rest.n;
        if (n + len >= sizeof w->text)
            break;
        if (rune < 0x20 || (rune >= 0x7f && rune <= 0x9f))
            w->text[n++] = ' ';
        else if (rune == 0xfffd && len == 1)
            w->text[n++] = '?';
        else {
            memcpy(w->text + n, before.p, len);
            n += len;
        }
    }
    w->text[n] = '\0';
}

int why_set(struct why *w, enum err err, int smtp, const char *enh, const char *fmt, ...)
{
    /* The arguments may lie in *w itself (a text given a better class): format before filling. */
    char text[sizeof w->text + 4]; /* so that the cut between characters is put_text's */
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    char code[sizeof w->enh];
    str_copy(code, sizeof code, str_of(enh));

    w->err = err;
    w->smtp = (short)smtp;
    memcpy(w->enh, code, sizeof code);
    put_text(w, text);
    return err;
}

int why_errno(struct why *w, const char *what)
{
    int e = errno;
    enum err err = E_PERM;
    switch (e) {
    case EINTR:
    case EAGAIN:
    case ENOMEM:
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case EBUSY:
    case EIO:
    case ECONNREFUSED:
    case ECONNRESET:
    case ECONNABORTED:
    case ENOTCONN:
    case EPIPE:
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETUNREACH:
    case ENETDOWN:
    case EADDRINUSE:
    case EADDRNOTAVAIL:
        err = E_TEMP;
        break;
    default:
        break;
    }
    return why_set(w, err, 0, NULL, "%s: %s", what, strerror(e));
}

void why_prefix(struct why *w, const char *fmt, ...)
{
    char text[2 * sizeof w->text];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof w->text, fmt, ap);
    va_end(ap);
    size_t at = n < 0 ? 0 : (size_t)n;
    if (at >= sizeof w->text)
        at = sizeof w->text - 1;
    (void)snprintf(text + at, sizeof text - at, ": %s", w->text);
    put_text(w, text);
}

bool why_is_temp(const struct why *w)
{
    int smtp = why_smtp(w);
    return smtp >= 400 && smtp < 500;
}

int why_smtp(const struct why *w)
{
    if (w->smtp != 0)
        return w->smtp;
    short smtp = class_words(w->err).smtp;
    /* An enhanced code of the other kind wins over the class: "4.2.1" is never a 5xx reply. */
    if (w->enh[0] == '4' && smtp / 100 != 4)
        return 450;
    if (w->enh[0] == '5' && smtp / 100 != 5)
        return 554;
    return smtp;
}

const char *why_enh(const struct why *w)
{
    if (w->enh[0] != '\0')
        return w->enh;
    const char *enh = class_words(w->err).enh;
    int kind = why_smtp(w) / 100;
    if (enh[0] - '0' == kind)
        return enh;
    return kind == 4 ? "4.0.0" : kind == 5 ? "5.0.0" : "2.0.0";
}
