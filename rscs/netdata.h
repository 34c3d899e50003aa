/* rscs/netdata.h -- NETDATA (TSO TRANSMIT, CMS SENDFILE): INMRnn control records, text units and
 * segments. Pure codec over a byte stream; card boundaries do not matter. IBM SA22-7536 "TRANSMIT". */
#ifndef RSCS_NETDATA_H
#define RSCS_NETDATA_H

#include "base/arena.h"
#include "base/clock.h"
#include "rscs/ebcdic.h"

enum { ND_RECFM_F = 0x8000, ND_RECFM_V = 0x4000, ND_RECFM_U = 0xC000, ND_RECFM_B = 0x1000,
       ND_RECFM_ASA = 0x0400, ND_RECFM_MACHINE = 0x0200, ND_RECFM_SHORT = 0x0002 };

/* One file in a transmission. Strings are UTF-8 (names converted as page 037). */
struct nd_file {
    struct nje_name from_node, from_user, to_node, to_user; /* of INMR01; not to be trusted */
    struct str dsname;    /* qualifiers joined by '.', "" when none; CMS: "A.FN.FT" */
    struct str utility;   /* "INMCOPY", "IEBCOPY"... of the last step */
    struct str stamp;     /* INMFTIME digits as given */
    struct str ack;       /* INMFACK value, "" none asked or empty */
    bool ack_wanted;      /* INMFACK present */
    uint16_t recfm, dsorg;
    uint32_t lrecl;
    uint64_t size;        /* INMSIZE, an estimate */
    bool note;            /* INMTERM: a message or a CMS NOTE */
    bool is_ack;          /* an INMR07 acknowledgement: there is no data */
    struct str error;     /* INMERRCD of an acknowledgement */
};

/* Reading. Feed bytes in any pieces; the reader keeps what it needs in the arena (bounded by it). */
struct nd_reader;
enum nd_item { ND_MORE, ND_FILE, ND_RECORD, ND_END }; /* ND_END: INMR06 (or INMR07's) seen */
struct nd_reader *nd_reader_new(struct arena *a);
bool nd_looks(struct cur first); /* do the first bytes open a NETDATA transmission? */
/* Take from *in until there is something to say. ND_FILE: *file describes the records that follow;
 * ND_RECORD: *record is one record, borrowed until the next call, split at LRECL for blocked F;
 * ND_MORE: all of *in is used; negative: malformed. */
int nd_reader_next(struct nd_reader *r, struct cur *in, struct nd_file *file, struct cur *record,
                   struct why *w) MUST_CHECK;

/* Writing, appended to b as one byte stream; the caller cuts it into cards, last one filled with X'00'.*/
void nd_begin(struct buf *b, const struct nd_file *f, struct wall now); /* INMR01, 02, 03 */
void nd_record(struct buf *b, struct cur record); /* an empty record is written as one blank */
void nd_end(struct buf *b);                       /* INMR06 */

#endif
