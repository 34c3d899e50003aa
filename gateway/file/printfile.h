/* gateway/file/printfile.h -- a print file as text: its carriage control (ASA characters or machine
 * codes, IBM GA27-3056 and SC26-4922) becomes lines, blank lines and form feeds, and what is
 * printed over a line is put into it. Pure. */
#ifndef GATEWAY_FILE_PRINTFILE_H
#define GATEWAY_FILE_PRINTFILE_H

#include "rscs/ebcdic.h"

struct print {
    const struct ebc_page *page;
    struct buf line;    /* EBCDIC: what stands on the line not yet written */
    bool have;          /* there is one */
    bool page_due;      /* the next line begins a page */
    unsigned lines_due; /* how far below this one it stands; 0: over it */
};
void print_begin(struct print *p, const struct ebc_page *page);
/* One record behind its control: X'F1' and the like are ASA, which act before the line; odd codes
 * below X'E4' are the machine's, which act behind it. Appends lines that are complete to out. */
void print_record(struct print *p, struct buf *out, uint8_t control, struct cur record);
void print_end(struct print *p, struct buf *out);

#endif
