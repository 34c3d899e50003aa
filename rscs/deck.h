/* rscs/deck.h -- an NJE file at rest: the stream records of one file as they travel, with headers
 * joined and strings decompressed, so that it can be sent on byte for byte.
 *
 *   byte 0      kind: X'99' SYSOUT, X'98' SYSIN
 *   then items  srcb(1) length(3, big-endian) data(length)
 * srcb C0 NJH, E0 DSH, D0 NJT (whole headers, prefix included); 8x 9x Ax data records exactly as
 * received (first byte the length byte of SYSOUT data). */
#ifndef RSCS_DECK_H
#define RSCS_DECK_H

#include "rscs/header.h"

#define DECK_SYSOUT 0x99u
#define DECK_SYSIN 0x98u

struct deck_item {
    uint8_t srcb;
    struct cur data;
};
/* Take the kind byte; negative when it is none. */
int deck_kind(struct cur *deck, uint8_t *kind, struct why *w) MUST_CHECK;
/* 1 an item, 0 the end, negative truncated. */
int deck_next(struct cur *deck, struct deck_item *item, struct why *w) MUST_CHECK;
void deck_begin(struct buf *b, uint8_t kind);
void deck_add(struct buf *b, uint8_t srcb, struct cur data);
/* The 4 bytes in front of an item's data, for writers that do not keep the deck in memory. */
void deck_item_head(uint8_t out[4], uint8_t srcb, size_t length);

/* Read the first NJH and DSH of a deck. A file without name gets the job's name and type OUTPUT; a
 * SYSIN job without DSH gets one that names its execution node and user. */
int deck_headers(struct cur deck, struct njh *njh, struct dsh *dsh, struct why *w) MUST_CHECK;
/* The text of a data record appended to out: length byte and carriage control removed, padded with
 * X'40' to the length byte when the record is shorter. *cc gets the control byte or 0. E_SYNTAX for
 * a spanned piece (deck_reader joins them), E_LIMIT when out is full. */
int deck_data(const struct deck_item *item, struct buf *out, uint8_t *cc, struct why *w) MUST_CHECK;

/* Logical data records one after the other, spanned pieces joined. */
struct deck_reader {
    struct cur rest;
    uint8_t kind;
    struct cur data; /* the record given last: in the deck as it lies there, or joined */
    struct buf joined;
    struct cur dsh;    /* the data set header before it; none for a job's own data */
    unsigned data_set; /* how many of them were met */
};
int deck_reader_init(struct deck_reader *r, struct cur deck, struct why *w) MUST_CHECK;
/* 1 a data record (r->data, valid until the next; *cc its control or 0), 0 the end, negative
 * malformed. */
int deck_reader_next(struct deck_reader *r, uint8_t *cc, struct why *w) MUST_CHECK;
void deck_reader_done(struct deck_reader *r);

/* What we need to write a file of our own. fn and ft are text of 1-8 (12 at most) characters. */
struct deck_file {
    struct nje_name from_node, from_user, to_node, to_user;
    uint16_t spool_id; /* 1..9999: job id, job name RSCSnnnn */
    struct wall entered;
    char class;        /* ASCII */
    struct str fn, ft; /* file name and type */
    struct str form;   /* "STD", "QU..." */
    struct str dist;   /* distribution code, "" is SYSTEM */
    uint32_t records;  /* data records that will follow */
};
/* NJH and DSH for a punch deck (80-byte cards) into b, kind byte included; then deck_card for each
 * card; then deck_end writes the NJT. At least one card must be written. */
void deck_file_begin(struct buf *b, const struct deck_file *f);
/* Up to 80 bytes, more is cut; trailing blanks are not kept, the length byte says 80. */
void deck_card(struct buf *b, struct cur card);
void deck_file_end(struct buf *b, const struct deck_file *f);

#endif
