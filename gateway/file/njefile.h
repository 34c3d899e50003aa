/* gateway/file/njefile.h -- files of ours for the NJE world: text or bytes to a deck (rscs/deck.h),
 * as NETDATA or cards; and decks of theirs to text and bytes. */
#ifndef GATEWAY_FILE_NJEFILE_H
#define GATEWAY_FILE_NJEFILE_H

#include "base/arena.h"
#include "db/store.h"
#include "gateway/config/conf.h"
#include "gateway/file/filefact.h"
#include "rscs/deck.h"
#include "rscs/netdata.h"

/* --- writing --- */

struct njefile_spec {
    struct str from_user, from_node, to_user, to_node;
    struct str fn, ft; /* 1-8 characters */
    struct str form;   /* "STD"; "QU..." asks for quiet */
    struct str dist;   /* distribution code, "" is SYSTEM */
    char class;
    enum file_format format;
    bool note; /* NETDATA as a NOTE: INMTERM instead of a name */
    const struct ebc_page *page;
    msg_id id; /* gives the spool id */
    struct wall now;
    const struct filefact *fact; /* the file it was before, NULL: nothing is known */
};
struct njefile_out {
    struct body *deck; /* the caller's to free */
    uint32_t records;
    size_t replaced; /* characters the page has not */
};
/* Bytes that come in pieces, asked for several times: first begins anew. 1 a piece, 0 the end,
 * negative. */
struct njefile_source {
    void *arg;
    uint64_t size; /* of all, an estimate */
    int (*next)(void *arg, bool first, struct cur *piece, struct why *w);
};
/* UTF-8 text with LF lines, one record a line (a line of more than 128,000 bytes is broken). PUNCH
 * cuts at 80. E_LIMIT when larger than max bytes. With a fact (form=text) that fits the lines the
 * records are as they were. Memory does not grow with the size. */
int njefile_lines(struct store *s, const struct njefile_spec *spec,
                  const struct njefile_source *from, size_t max, struct njefile_out *out,
                  struct why *w) MUST_CHECK;
int njefile_text(struct store *s, const struct njefile_spec *spec, struct str text, size_t max,
                 struct njefile_out *out, struct why *w) MUST_CHECK;
/* Bytes as V records of up to 8192 that give the same bytes one after the other, or in the records
 * they had by the fact; form=netdata: the content is the transmission. Always NETDATA. Memory does
 * not grow with the size. */
int njefile_stream(struct store *s, const struct njefile_spec *spec,
                   const struct njefile_source *from, size_t max, struct njefile_out *out,
                   struct why *w) MUST_CHECK;
int njefile_bytes(struct store *s, const struct njefile_spec *spec, struct cur bytes, size_t max,
                  struct njefile_out *out, struct why *w) MUST_CHECK;

/* --- reading --- */

/* One file of a deck: a CMS NOTE or message, or a file. */
struct njefile_item {
    bool note;       /* NETDATA with INMTERM */
    bool ack;        /* a NETDATA acknowledgement: no content */
    bool member;     /* of a partitioned data set, which is another item, whole, as it came */
    struct str name; /* "FN.FT" or data set name */
    bool text;
    struct str
        content; /* UTF-8 with LF lines when text, else the records' bytes one after the other */
    bool print;  /* text was made of carriage control */
    struct filefact fact; /* form FACT_NONE: only its transmission, or nothing, is the same file */
};
struct njefile_in {
    uint8_t kind; /* DECK_SYSOUT, or DECK_SYSIN: a job to be run */
    bool raised;  /* the hop count in njh already counts this node */
    struct njh njh;
    struct dsh dsh;
    struct str from_user, from_node, to_user, to_node, fn, ft; /* UTF-8 */
    bool netdata;
    bool headed;                 /* a :READ card came first; it is in no item */
    struct str nd_user, nd_node; /* origin as the NETDATA has it, "" when it has none: a claim */
    /* The sender asks to be told when it is received (INMFACK), and by what he knows it then. */
    bool receipt;
    struct str nd_stamp, nd_dsname, nd_ack; /* nd_dsname "": a note */
    struct njefile_item *item;
    size_t nitem;
    struct str members; /* a line for each member of partitioned data sets, "" none */
};
/* Everything is in the arena, whose limit bounds it (E_LIMIT). atsign: see atsign_begin. E_SYNTAX:
 * headers or NETDATA malformed. */
int njefile_read(struct arena *a, struct cur deck, const struct ebc_page *page, struct str atsign,
                 struct njefile_in *in, struct why *w) MUST_CHECK;
/* The records as they came, one after the other: a NETDATA transmission, or cards. */
int njefile_cards(struct cur deck, struct buf *out, struct why *w) MUST_CHECK;
/* Only the headers, for routing. */
int njefile_read_headers(struct arena *a, struct cur deck, struct njefile_in *in,
                         struct why *w) MUST_CHECK;
/* Is a record with these bytes, the only one of its file, text in that page? 95 of 100 bytes can be
 * printed, there are no nulls but at its end, and not all its letters are accented ones: bytes of
 * ASCII are that. */
bool njefile_looks_text(const struct ebc_page *page, struct cur bytes);

/* --- copying --- */

struct njefile_edit {
    bool set_hops; /* of the job header */
    uint16_t hops;
    struct str to_user, to_node; /* new destination, "" as it is; a job becomes a file */
};
/* The same deck with that changed in its headers, everything else byte for byte. A job (SYSIN) sent
 * to a new destination is a punch file there: nobody's job is to run again because it was returned.
 */
int njefile_copy(struct store *s, struct cur deck, const struct njefile_edit *edit,
                 struct body **out, struct why *w) MUST_CHECK;

#endif
