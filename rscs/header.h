/* rscs/header.h -- NJE headers: job header (NJH), data set header (DSH), job trailer (NJT), their
 * sections and their segments on the wire. Pure codec. IBM SA32-0988 chapters "Job Header" ff.
 *
 * A header here is whole: 4-byte prefix, then sections (length 2, type, modifier). header_segment
 * cuts it into records of at most 256, header_join puts it together. */
#ifndef RSCS_HEADER_H
#define RSCS_HEADER_H

#include "base/clock.h"
#include "rscs/ebcdic.h"

#define HEADER_MAX 8192u /* a header longer than this is refused */

struct njh {
    uint16_t job_id;
    uint8_t job_class, msg_class; /* EBCDIC */
    uint8_t flags;                /* 08 no forward messages, 04 no accept messages ... */
    uint8_t priority;
    uint16_t hops;
    struct nje_name job_name, user, origin_node, exec_node, exec_user;
    struct nje_name origin_user; /* njh_get: falls back to user */
    struct nje_name print_node, print_user, punch_node, punch_user, form;
    uint64_t entry_tod; /* TOD clock as on the wire */
    uint32_t records;
    struct nje_name programmer; /* first 8 of 20 */
};
struct dsh {
    struct nje_name node, user; /* destination; user falls back to the external writer */
    struct nje_name proc, step; /* general section names, used when no RSCS section */
    uint16_t dsno;
    uint8_t class; /* EBCDIC */
    uint8_t flags;
    uint8_t recfm; /* NDHGRCFM: 80 F, 40 V, C0 U, 10 blocked, 04 ASA, 02 machine */
    uint16_t lrecl;
    uint8_t copies;
    struct nje_name form;
    uint8_t flags2; /* 80 print, 40 punch */
    uint32_t records;
    bool rscs;              /* an RSCS section was there */
    uint8_t fn[12], ft[12]; /* EBCDIC, blank padded (from the general section when no RSCS) */
    uint8_t dist[8];
    uint8_t device; /* 82 punch, 41 print */
    uint16_t priority_rscs;
};

/* Decode a whole header (joined). Unknown sections are skipped. E_SYNTAX when it cannot be walked
 * or has no general section long enough for the fields a peer must give. */
int njh_get(struct cur whole, struct njh *h, struct why *w) MUST_CHECK;
int dsh_get(struct cur whole, struct dsh *h, struct why *w) MUST_CHECK;
int njt_get(struct cur whole, uint32_t *records, struct why *w) MUST_CHECK;
/* Write whole headers: NJH 204 bytes; DSH 116 + RSCS section with tag = 296; NJT 48. Empty names
 * and fields are written as blanks; the external writer is the user, nulls when flags2 says print.
 */
void njh_put(struct buf *b, const struct njh *h);
void dsh_put(struct buf *b, const struct dsh *h);
void njt_put(struct buf *b, uint32_t records, uint64_t start_tod, uint64_t stop_tod);
/* Change in place what a forwarding node may change: the hop count. False when there is none. */
bool njh_set_hops(uint8_t *whole, size_t n, uint16_t hops);

/* Change in place the destination of a data set header: a file that goes back to its origin. */
bool dsh_set_destination(uint8_t *whole, size_t n, const struct nje_name *node,
                         const struct nje_name *user);

/* Join segments: 1 whole header is in out (its prefix made over for the whole), 0 more segments
 * follow, negative out of order, too long or too short. Give the same out (an empty buf first) for
 * each segment; after a negative answer it must be reset. */
int header_join(struct buf *out, struct cur segment, struct why *w) MUST_CHECK;
/* n-th segment (from 0) of a whole header into out (reset first); false past the last. */
bool header_segment(struct cur whole, unsigned n, struct buf *out);

/* TOD clock: microseconds since 1900 UTC in bits 0-51; it wraps in 2042 and is read as 1971-2114. 0
 * (absent) gives 0. UnixNJE's stamps are hours off: not for a Date: line. */
uint64_t tod_of_wall(struct wall t);
struct wall tod_wall(uint64_t tod);

#endif
