/* gateway/file/wholemail.h -- a mail as its own text for the NJE world: RFC 822, or batch SMTP for
 * a mailer. The lines are such that no record of the file can be taken for something else than it
 * was: nothing is longer than a record, and dots are doubled in what the code page makes of a line.
 */
#ifndef GATEWAY_FILE_WHOLEMAIL_H
#define GATEWAY_FILE_WHOLEMAIL_H

#include "base/arena.h"
#include "base/bytes.h"
#include "rscs/ebcdic.h"

struct wholemail {
    struct str content; /* RFC 5322 */
    struct str sender;  /* return path, without <> */
    struct str rcpt;    /* of a batch, USER@NODE; "": RFC 822 text with a Return-Path field */
    struct str host;    /* who sends the batch */
    const struct ebc_page *page;
    bool cards; /* records of 80 columns */
};
/* Append the lines (LF). 8-bit text becomes that of the page, its MIME label UTF-8 (relabel.h).
 * *replaced grows by the characters the page has not. E_LIMIT. */
int wholemail_put(struct arena *a, const struct wholemail *m, struct buf *lines, size_t *replaced,
                  struct why *w) MUST_CHECK;

#endif
