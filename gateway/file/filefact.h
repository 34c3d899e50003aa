/* gateway/file/filefact.h -- what a file of the NJE world was, told in fields of the MIME part that
 * carries it through Internet mail, so that another gateway makes the same file of it, record for
 * record:
 *
 *   X-NJE-File: name=REPORT.LISTING; recfm=V; lrecl=80; records=120; form=text
 *   X-NJE-Records: 0*118 3 0
 *
 * form=text: a line is a record; the second field has the blanks at the end of each (none: no
 * blanks, or with recfm F as many as fill the record). form=bytes: the second field has the length
 * of each record. form=netdata: the content is a NETDATA transmission. shown=yes: this part is for
 * people, the next one is the same file exactly. Pure. docs/NOTE.md. */
#ifndef GATEWAY_FILE_FILEFACT_H
#define GATEWAY_FILE_FILEFACT_H

#include "base/arena.h"
#include "base/bytes.h"

#define FILEFACT_NAME_MAX 54u       /* 44 of a data set, 8 of a member, its parentheses */
#define FILEFACT_LENGTHS_MAX 16000u /* bytes of X-NJE-Records: a longer one is not written */

enum filefact_form { FACT_NONE, FACT_TEXT, FACT_BYTES, FACT_NETDATA };

struct filefact {
    struct str name; /* "FN.FT", or a data set name */
    uint16_t recfm;  /* as NETDATA has it (ND_RECFM_*) */
    uint32_t lrecl;
    uint64_t records;
    enum filefact_form form;
    bool shown;
    struct str lengths; /* value of X-NJE-Records, "" absent */
};

/* The value of X-NJE-File. */
void filefact_put(struct buf *value, const struct filefact *f);
/* Read both fields; false when they are not ours, or not to be believed. */
bool filefact_read(struct arena *a, struct str file, struct str records, struct filefact *f);

/* Numbers one after the other as "80*33 12": the same one counted. */
struct runs {
    struct buf text;
    uint32_t value;
    uint64_t count;
    bool any; /* a number other than 0 */
};
void runs_begin(struct runs *r);
void runs_add(struct runs *r, uint32_t value);
/* The text, "" when only 0 came; text.over when it would be longer than FILEFACT_LENGTHS_MAX. */
struct str runs_end(struct runs *r);
void runs_done(struct runs *r);

/* Reading it back. */
struct runs_reader {
    struct str rest;
    uint32_t value;
    uint64_t count;
    bool bad; /* it is none, or has ended: every further answer is 0 */
};
struct runs_reader runs_read(struct str text);
uint32_t runs_next(struct runs_reader *r);
bool runs_all_read(const struct runs_reader *r); /* every number was asked for, and no more */

#endif
