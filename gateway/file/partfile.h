/* gateway/file/partfile.h -- the attachments of a mail as files of the NJE world: what each is
 * called, which records it has, and the list of them that stands under the note. */
#ifndef GATEWAY_FILE_PARTFILE_H
#define GATEWAY_FILE_PARTFILE_H

#include "gateway/config/conf.h"
#include "gateway/file/filefact.h"
#include "gateway/mail/mime.h"

struct partfile {
    const struct mime_part *part;
    struct str fn, ft;    /* 1-8 characters that CMS takes; no two files of a mail have the same */
    struct filefact fact; /* form FACT_NONE: nothing is known of what it was */
};
/* All files of a mail, in order, in the arena. A part that only shows what the next one is exactly
 * is none. A type of RENAMETYPES becomes DATA, whoever says that the file had it. */
struct partfile *partfile_all(struct arena *a, const struct conf *c, const struct mime_text *text,
                              size_t *n);
/* Append the list for people: number, name, size, and what the sender called it; dist is the first
 * one's code. */
void partfile_list(struct buf *b, const struct partfile *f, size_t n, unsigned pictures,
                   struct str dist);
/* The distribution code of file k (from 1) of n: what Q RDR shows beside it. */
struct str partfile_dist(struct arena *a, uint64_t mail, size_t k, size_t n);

#endif
