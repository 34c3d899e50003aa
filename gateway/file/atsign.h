/* gateway/file/atsign.h -- X'7C' as '@' in mail from nodes whose code page has '@' elsewhere.
 * Programs that know no pages (CMS NOTE, RSCS mailers, typed by hand from a manual) write X'7C',
 * which 273 reads as a section sign and 297 as an a with grave: nobody has that in an address. */
#ifndef GATEWAY_FILE_ATSIGN_H
#define GATEWAY_FILE_ATSIGN_H

#include "rscs/ebcdic.h"

/* Where in a file the lines with addresses are. */
struct atsign {
    const struct ebc_page *page;
    bool wanted;       /* there is a byte that stands for '@' and is none in this page */
    uint8_t stands[2]; /* those bytes; '@' itself where there is none */
    bool begun;        /* the header has a field */
    bool header;       /* so far the lines are those of a header, or commands */
    bool address;      /* the field of the line before may hold addresses */
};
/* symbol: a further character that stands for '@' (ATSIGN), "" none. */
void atsign_begin(struct atsign *t, const struct ebc_page *page, struct str symbol);
/* Append the next record of the file as a line (punch_line), X'7C' or the
 * symbol as '@' where it joins an address
 * in a header field or a batch SMTP command; not in Subject, and never in text. */
void atsign_line(struct atsign *t, struct buf *out, struct cur record);

#endif
