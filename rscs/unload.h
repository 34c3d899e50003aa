/* rscs/unload.h -- a partitioned data set (PDS) as IEBCOPY unloads it: the records of a NETDATA
 * file whose utility is IEBCOPY, to its members and their records. Pure codec. IBM SC26-7414
 * (DFSMSdfp Utilities), "IEBCOPY", unload data set format:
 *
 *   COPYR1     00 CA6D0F | dsorg(2) blksize(2) lrecl(2) recfm(1) ... device: tracks a cylinder at
 * 26 COPYR2     16 bytes, then 16 extents of 16: .. 6 start CC HH, 10 end CC HH, 14 tracks
 *   directory  blocks with key: 256 bytes of entries, name(8) TTR(3) C(1) and 2*(C & 1F) more
 *   members    blocks; each member ends with one of length 0
 * block: flag(1) M(1) BB(2) CC(2) HH(2) R(1) key length(1) data length(2) | key | data */
#ifndef RSCS_UNLOAD_H
#define RSCS_UNLOAD_H

#include "base/arena.h"

#define UNLOAD_MEMBERS_MAX 4096u

struct unload;
enum unload_item { UNLOAD_MORE, UNLOAD_MEMBER, UNLOAD_RECORD };
struct unload_member {
    uint8_t name[8];  /* EBCDIC, padded with blanks */
    unsigned aliases; /* further names of the same */
};

/* NULL when the arena has no room; 80 KiB at most are taken from it. */
struct unload *unload_new(struct arena *a);
/* Does the first record open an unloaded data set? */
bool unload_looks(struct cur first);
/* The next record of the unload; borrowed until unload_next has answered UNLOAD_MORE. */
void unload_give(struct unload *u, struct cur record);
/* UNLOAD_MEMBER: *m begins, its records follow; UNLOAD_RECORD: one of them (F split at LRECL, V
 * without its lengths), borrowed; UNLOAD_MORE: give the next; negative: malformed (E_SYNTAX) or
 * more than UNLOAD_MEMBERS_MAX names (E_LIMIT), for good. */
int unload_next(struct unload *u, struct unload_member *m, struct cur *record,
                struct why *w) MUST_CHECK;
/* Record format and length of the members, once COPYR1 is read; netdata.h's ND_RECFM bits. */
void unload_format(const struct unload *u, uint16_t *recfm, uint32_t *lrecl);

#endif
