/* rscs/wire.h -- the bytes of NJE over TCP/IP: control records, TTB and TTR framing, block prefix
 * (DLE STX BCB FCS), record control bytes and SCB string compression. Pure codec: no sockets, no
 * state but its arguments. IBM SA32-0988; z/VM RSCS "TCPNJE". All numbers big-endian. */
#ifndef RSCS_WIRE_H
#define RSCS_WIRE_H

#include "rscs/ebcdic.h"

#define WIRE_CTL_SIZE 33u
#define WIRE_TTB_SIZE 8u
#define WIRE_TTR_SIZE 4u
#define WIRE_TTB_MAX 32768u    /* most we accept in one transmission block */
#define WIRE_RECORD_MAX 32768u /* most one record may decompress to */

/*  The 33-byte OPEN, ACK or NAK record
 *   0        8        16   20       28   32
 *  | TYPE(8) | RHOST(8) | RIP(4) | OHOST(8) | OIP(4) | R(1) |
 * RHOST is its sender's node, OHOST its receiver's. */
enum wire_ctl_type { WIRE_OPEN, WIRE_ACK, WIRE_NAK };
struct wire_ctl {
    enum wire_ctl_type type;
    struct nje_name rhost, ohost;
    uint32_t rip, oip;
    uint8_t reason; /* NAK: 1 link unknown, 2 already active, 3 we dial ourselves, 4 temporary */
};
int wire_ctl_get(struct cur *c, struct wire_ctl *ctl, struct why *w) MUST_CHECK;
void wire_ctl_put(struct buf *b, const struct wire_ctl *ctl);

/* Framing. wire_ttb looks at the input's front: 1 a whole TTB of *size bytes is there and *ttrs
 * reads its TTRs; 0 more bytes are needed; negative it cannot be one (length under 12 or over the
 * most). */
int wire_ttb(struct cur in, size_t *size, struct cur *ttrs, struct why *w) MUST_CHECK;
/* Next TTR: 1 with its data and flags, 0 the closing TTR of length 0 (or an empty TTB), negative
 * when a length does not fit. */
int wire_ttr(struct cur *ttrs, uint8_t *flags, struct cur *data, struct why *w) MUST_CHECK;
#define WIRE_TTR_FAST_OPEN 0x80u

/* Writing a TTB into b: begin, then for each TTR begin/end around its data, then end. */
size_t wire_ttb_begin(struct buf *b);
size_t wire_ttr_begin(struct buf *b, uint8_t flags);
void wire_ttr_end(struct buf *b, size_t place);
void wire_ttb_end(struct buf *b, size_t place);
void wire_ttb_empty(struct buf *b); /* the 12-byte keep-alive */

/* What one TTR holds. */
enum wire_kind {
    WIRE_K_SOH_ENQ,
    WIRE_K_ACK0,
    WIRE_K_NAK,
    WIRE_K_SYN_NAK,
    WIRE_K_BLOCK,
    WIRE_K_EMPTY
};
struct wire_block {
    enum wire_kind kind;
    uint8_t bcb; /* for WIRE_K_BLOCK: 8n, 9n, An */
    uint8_t fcs[2];
    struct cur records; /* from the first RCB on */
};
int wire_block_get(struct cur data, struct wire_block *blk, struct why *w) MUST_CHECK;

#define BCB_NORMAL 0x80u
#define BCB_BYPASS 0x90u
#define BCB_RESET 0xA0u

/* Record control bytes. Streams 1..7: RCB 0x98 + 0x10*(n-1) SYSIN, | 1 for SYSOUT. */
enum {
    RCB_END = 0x00,
    RCB_REQUEST = 0x90,
    RCB_PERMIT = 0xA0,
    RCB_CANCEL = 0xB0, /* permission denied, or receiver cancel */
    RCB_COMPLETE = 0xC0,
    RCB_READY = 0xD0,
    RCB_BCB_ERROR = 0xE0,
    RCB_GENERAL = 0xF0, /* sign-on family, SRCB is its letter */
    RCB_NMR = 0x9A,
};
enum {
    SRCB_NJH = 0xC0,
    SRCB_DSH = 0xE0,
    SRCB_NJT = 0xD0,
    SRCB_DATA = 0x80,    /* no carriage control */
    SRCB_MACHINE = 0x90, /* machine carriage control byte first */
    SRCB_ASA = 0xA0,     /* ASA carriage control byte first */
    SRCB_SPAN_FIRST = 0x08,
    SRCB_SPAN_MIDDLE = 0x04,
    SRCB_SPAN_LAST = 0x0C,
    SIGNON_I = 0xC9,
    SIGNON_J = 0xD1,
    SIGNON_K = 0xD2,
    SIGNON_L = 0xD3,
    SIGNON_M = 0xD4,
    SIGNON_N = 0xD5,
    SIGNOFF_B = 0xC2,
};
bool wire_rcb_is_stream(uint8_t rcb);
unsigned wire_rcb_stream(uint8_t rcb); /* 1..7 */
uint8_t wire_rcb_sysout(unsigned stream);

/* One record out of a block. data points into scratch (decompressed) or, for F0, into the block:
 * there it is the whole record from its RCB on, as wire_signon_get wants it, and takes the block's
 * rest. */
struct wire_record {
    uint8_t rcb, srcb;
    bool abort; /* the string was ended by SCB X'40' */
    bool eof;   /* stream record with an empty string */
    struct cur data;
};
/* 1 a record, 0 end of block (RCB 00 or no bytes left), negative malformed (E_SYNTAX) or longer
 * than scratch's max (E_LIMIT). scratch is reset first. An aborted string has no data. */
int wire_record_get(struct cur *records, struct buf *scratch, struct wire_record *rec,
                    struct why *w) MUST_CHECK;
/* Append RCB, SRCB and the compressed string. Not for F0 records, which are never compressed. */
void wire_record_put(struct buf *b, uint8_t rcb, uint8_t srcb, struct cur data);
/* Upper bound of what wire_record_put adds for n bytes. */
size_t wire_record_bound(size_t n);
/* DLE STX BCB FCS FCS; the records follow, then wire_block_end writes RCB 00. */
void wire_block_begin(struct buf *b, uint8_t bcb, const uint8_t fcs[2]);
void wire_block_end(struct buf *b);

/* The sign-on records I and J: 37 or 41 bytes are read, trailing pads ignored; 41 are written. The
 * record is given from its RCB on (wire_record.data). */
struct wire_signon {
    uint8_t srcb; /* SIGNON_I or SIGNON_J */
    struct nje_name node;
    uint8_t member;
    uint32_t event;
    uint16_t resistance, bufsize;
    struct nje_name line_password, node_password; /* EBCDIC, blank: none */
    uint8_t flags;
    uint32_t features;
};
int wire_signon_get(struct cur record, struct wire_signon *s, struct why *w) MUST_CHECK;
void wire_signon_put(struct buf *b, const struct wire_signon *s);
/* The B sign-off. */
void wire_signoff_put(struct buf *b);

#endif
