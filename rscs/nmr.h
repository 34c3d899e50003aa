/* rscs/nmr.h -- nodal message records (RCB X'9A'): interactive messages and commands. Pure codec.
 *
 *  0 flags | 1 level | 2 type | 3 text length | 4 to node(8) | 12 | 13 NMROUT(8) | 21 from node(8)
 *  29 | 30 text: first 8 the sender's user when type 08; an 8-byte stamp first unless type 04 */
#ifndef RSCS_NMR_H
#define RSCS_NMR_H

#include "rscs/ebcdic.h"

/* Bytes of text we send in one record; longer text is split by the caller. UnixNJE overruns its
 * stack beyond 140. */
#define NMR_TEXT_MAX 120u
#define NMR_COMMAND_MAX                                                                            \
    140u /* of a command, which cannot be split: no sender's name is before it */

struct nmr {
    bool command;                         /* a command for to_node; else a message */
    struct nje_name from_node, from_user; /* from_user empty: no sender (answers, system notices) */
    struct nje_name to_node, to_user;     /* command: to_user is empty, from_user the issuer */
    uint8_t text[256];                    /* EBCDIC, in the page of whoever wrote it */
    size_t ntext;
};
int nmr_get(struct cur record, struct nmr *m, struct why *w) MUST_CHECK;
/* Text over NMR_TEXT_MAX, a command over NMR_COMMAND_MAX, is cut. */
void nmr_put(struct buf *b, const struct nmr *m);
/* Text helpers: controls become blanks (SO and SI of a double-byte page stay), trailing blanks are
 * cut from what is read, text over 256 bytes from what is set. */
void nmr_set_text(struct nmr *m, const struct ebc_page *page, struct str text);
void nmr_text(const struct nmr *m, const struct ebc_page *page, struct buf *out);

#endif
