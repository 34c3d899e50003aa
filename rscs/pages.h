/* rscs/pages.h -- the code page table behind rscs/ebcdic.h; only rscs/ebcdic.c and rscs/pages*.c
 * include it. */
#ifndef RSCS_PAGES_H
#define RSCS_PAGES_H

#include "rscs/ebcdic.h"

#define EBC_BLANK 0x40u
#define EBC_TAB 0x05u
#define EBC_QUESTION 0x6Fu /* '?', the same byte in every page */
#define EBC_SO 0x0Eu       /* from here on two bytes make a character... */
#define EBC_SI 0x0Fu       /* ...to here */
#define EBC_NONE 0xFFFDu   /* in `to`: no character is defined there */

struct ebc_page {
    unsigned number;
    const char *name;
    const uint16_t *to;  /* 256: byte to code point. NULL: a double-byte page */
    const uint8_t *from; /* Latin-1 to byte, for the pages of daily use; NULL: look it up in `to` */
    const char *charset; /* double-byte: iconv's name, else NULL */
    const char *exact; /* double-byte: characters and their bytes where iconv does not come back */
};

/* What each byte of a single-byte page is in ASCII, X'80' where that is nothing; line: as
 * ebc_line_to_utf8 has it. */
const uint8_t *pages_ascii(const struct ebc_page *page, bool line);
/* How a character no page has is best written: Latin-1 with an end, "" for nothing at all, NULL
 * when there is no way but '?'. `one` holds an answer of a single letter. */
const char *pages_nearest(uint32_t rune, char one[2]);

/* A record or line of a double-byte page to UTF-8 and back; ebc_to_utf8() and ebc_from_utf8() for
 * such pages. A line written ends shifted in. */
void double_to_utf8(struct buf *out, const struct ebc_page *page, struct cur bytes);
size_t double_from_utf8(struct buf *out, const struct ebc_page *page, struct str text);

#endif
