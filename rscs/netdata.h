/* rscs/netdata.h -- NETDATA (TSO TRANSMIT, CMS SENDFILE): INMRnn control records, text units and
 * segments. Pure codec over a byte stream; card boundaries do not matter. IBM SA22-7536 "TRANSMIT".
 */
#ifndef RSCS_NETDATA_H
#define RSCS_NETDATA_H

#include "base/arena.h"
#include "base/clock.h"
#include "rscs/ebcdic.h"

enum {
    ND_RECFM_F = 0x8000,
    ND_RECFM_V = 0x4000,
    ND_RECFM_U = 0xC000,
    ND_RECFM_B = 0x1000,
    ND_RECFM_ASA = 0x0400,
    ND_RECFM_MACHINE = 0x0200,
    ND_RECFM_SHORT = 0x0002, /* records come without 4-byte lengths */
};

/* One file in a transmission. Strings are UTF-8 (names converted as page 037). */
struct nd_file {
    struct nje_name from_node, from_user, to_node, to_user; /* of INMR01; not to be trusted */
    struct str dsname;  /* qualifiers joined by '.', "" when none; CMS: "A.FN.FT" */
    struct str utility; /* "INMCOPY": the data records are the file's; else what shaped them before
                           INMCOPY carried them: "IEBCOPY" a partitioned data set unloaded (then
                           recfm and lrecl are the carrier's), "AMSCIPHR" encrypted */
    struct str stamp;   /* INMFTIME digits as given; in an acknowledgement those of its file */
    struct str ack;     /* INMFACK value, "" none asked or empty */
    bool ack_wanted;    /* INMFACK present */
    uint16_t recfm, dsorg;
    uint32_t lrecl;
    uint64_t size;    /* INMSIZE, an estimate */
    bool note;        /* INMTERM: a message or a CMS NOTE */
    bool is_ack;      /* an INMR07 acknowledgement: there is no data */
    struct str error; /* INMERRCD of an acknowledgement */
};

/* Reading. Feed bytes in any pieces; the reader keeps what it needs in the arena (bounded by it: 8
 * KiB and the names, and 64 KiB for records of more than one segment). NULL when the arena has no
 * room. */
struct nd_reader;
enum nd_item { ND_MORE, ND_FILE, ND_RECORD, ND_END }; /* ND_END: INMR06 (or INMR07's) seen */
struct nd_reader *nd_reader_new(struct arena *a);
bool nd_looks(struct cur first); /* do the first bytes open a NETDATA transmission? */
/* Take from *in until there is something to say. ND_FILE: *file describes the records that follow
 * (its strings live as long as the arena); ND_RECORD: *record is one record, borrowed from *in or
 * the reader until the next call, split at LRECL for F with longer records; ND_MORE: all of *in is
 * used, also what follows the end; negative: malformed, too long (65535 bytes a record, 16 files),
 * for good. A transmission that stops short gives no error: it is complete only when ND_END has
 * come. */
int nd_reader_next(struct nd_reader *r, struct cur *in, struct nd_file *file, struct cur *record,
                   struct why *w) MUST_CHECK;

/* Writing, appended to b as one byte stream; the caller cuts it into cards, last one filled with
 * X'00'. INMR01, 02, 03: of f the names, dsname or note, recfm, lrecl, size, ack_wanted and ack are
 * written. Text as CMS sends it: recfm V|SHORT, lrecl the longest line, dsname "A.FN.FT". */
void nd_begin(struct buf *b, const struct nd_file *f, struct wall now);
void nd_record(struct buf *b, struct cur record); /* an empty record is written as one blank */
void nd_end(struct buf *b);                       /* INMR06 */
/* A whole acknowledgement (INMR01, 07, 06): f is the file acknowledged with from and to exchanged;
 * its stamp, dsname or note, ack and error ("" or what went wrong with it) are written. */
void nd_ack(struct buf *b, const struct nd_file *f, struct wall now);

#endif
