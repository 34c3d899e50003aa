/* base/idn.c -- see idn.h */
#include "base/idn.h"

#include <idn2.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* The library lets labels between two dots be nothing. */
static bool has_empty_label(const char *domain)
{
    return domain[0] == '.' || strstr(domain, "..") != NULL;
}

bool idn_ascii(struct str domain, char out[IDN_MAX])
{
    char utf8[1024];
    char *ascii = NULL;
    out[0] = '\0';
    if (domain.n >= IDN_MAX * 3 || memchr(domain.p != NULL ? domain.p : "", 0, domain.n) != NULL)
        return false;
    if (text_is_ascii(domain)) {
        if (domain.n >= IDN_MAX)
            return false;
        str_copy(out, IDN_MAX, domain);
        return true;
    }
    str_copy(utf8, sizeof utf8, domain);
    /* As browsers and mailers do: case and width folded (UTS 46), sharp s and final sigma kept. */
    bool done = text_is_utf8(domain) &&
                idn2_to_ascii_8z(utf8, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK &&
                strlen(ascii) < IDN_MAX && !has_empty_label(ascii);
    if (done)
        str_copy(out, IDN_MAX, str_of(ascii));
    idn2_free(ascii);
    return done;
}

bool idn_mailbox(struct str mailbox, char *out, size_t size)
{
    char domain[IDN_MAX];
    ptrdiff_t at = str_find_last(mailbox, '@');
    size_t local = at < 0 ? mailbox.n : (size_t)at + 1;
    out[0] = '\0';
    if (!idn_ascii(str_sub(mailbox, local, mailbox.n), domain) || local + strlen(domain) >= size)
        return false;
    str_copy(out, size, str_sub(mailbox, 0, local));
    str_copy(out + local, size - local, str_of(domain));
    return true;
}

bool idn_fold(struct str mailbox, char *out, size_t size)
{
    ptrdiff_t at = str_find_last(mailbox, '@');
    bool wide = at >= 0 && !text_is_ascii(str_sub(mailbox, (size_t)at + 1, mailbox.n));
    out[0] = '\0';
    if (memchr(mailbox.p != NULL ? mailbox.p : "", 0, mailbox.n) != NULL)
        return false;
    if (!wide || !idn_mailbox(mailbox, out, size)) {
        if (mailbox.n >= size)
            return false;
        str_copy(out, size, mailbox);
    }
    for (char *p = at >= 0 ? out + at : out + strlen(out); *p != '\0'; p++)
        *p = ascii_lower(*p);
    return true;
}

bool idn_unfold(struct str mailbox, char *out, size_t size)
{
    char *utf8 = NULL;
    ptrdiff_t at = str_find_last(mailbox, '@');
    size_t local = (size_t)(at + 1);
    out[0] = '\0';
    if (at < 0 || mailbox.n >= size)
        return false;
    str_copy(out, size, mailbox);
    bool done = strstr(out + local, "xn--") != NULL &&
                idn2_to_unicode_8z8z(out + local, &utf8, 0) == IDN2_OK &&
                strcmp(utf8, out + local) != 0 && local + strlen(utf8) < size;
    if (done)
        str_copy(out + local, size - local, str_of(utf8));
    else
        out[0] = '\0';
    idn2_free(utf8);
    return done;
}
