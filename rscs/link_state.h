/* rscs/link_state.h -- what a link keeps: of itself, of its connection, and of the files under way
 * on each stream. Only the files of the link (link_priv.h) include it. */
#ifndef RSCS_LINK_STATE_H
#define RSCS_LINK_STATE_H

#include "rscs/header.h"
#include "rscs/link.h"

#define LINK_STREAMS 7u
#define LINK_AHEAD 32u /* files of one stream that are sent whole and wait for X'C0' */

enum in_state {
    IN_IDLE,
    IN_OPEN,    /* permitted; its records come */
    IN_SWALLOW, /* cancelled; what is still under way is dropped up to its end */
};
/* From its request to our answer. The answers of a stream are given in the order of its files. */
struct in_file {
    struct link_in pub;
    struct in_file *next;
    uint8_t
        answer;  /* X'B0' or X'C0', when those before it have theirs; 0: the owner has the file */
    size_t kept; /* counted in link.in_kept */
};
struct in_slot {
    enum in_state state;
    uint8_t rcb;
    struct in_file *file;           /* IN_OPEN */
    struct in_file *first, **after; /* ended, the oldest first */
    bool again;                     /* asked for before the one before has its answer */
    struct mono since;              /* IN_OPEN: of its last record */
    bool njh, dsh, njt;             /* whole headers seen */
    uint8_t header_srcb;            /* the header whose segments come, 0: none */
    struct buf header;
    size_t bytes;
};

enum out_state {
    OUT_IDLE,
    OUT_CHECKING, /* can all of its deck be sent? */
    OUT_ASKED,    /* request sent */
    OUT_SENDING,  /* permitted */
    OUT_ENDED,    /* as much sent whole as may wait for its X'C0' */
    OUT_REFUSED,  /* left alone for a while after X'B0' */
    OUT_MUTE,     /* the peer does not answer requests here: not used on this connection */
};
struct out_slot {
    enum out_state state;
    uint8_t rcb;
    bool empty; /* the deck has no data record: a blank one is made up */
    void *ref;
    struct cur rest;       /* items still to come */
    uint8_t last;          /* OUT_CHECKING: kind of the record before, 0 none */
    const uint8_t *begin;  /* of the deck */
    const uint8_t *ready;  /* what is before can be read at once; NULL: not known */
    unsigned fetches;      /* how often what is behind could not */
    const uint8_t *passed; /* what is before is not needed for now */
    struct cur head;       /* header being cut into segments */
    uint8_t head_srcb;
    unsigned segment;  /* the next one of head; 0 with an empty head: none under way */
    struct mono since; /* of the state; OUT_SENDING: of the last block */
    struct out_ended { /* sent whole, X'C0' awaited, the oldest first */
        void *ref;
        uint8_t rcb;
        uint32_t kept; /* counted in link.out_kept */
        struct mono since;
    } ended[LINK_AHEAD];
    unsigned nended;
};

struct link {
    struct loop *loop;
    struct link_conf conf;
    struct link_ops ops;
    void *arg;
    char them[9];
    enum link_state state;
    struct wall since;
    char reason[400];
    struct stream *s;
    unsigned gen;     /* changes whenever a connection ends or the link is stopped */
    unsigned depth;   /* enters without their leave */
    int64_t retry_ms; /* the next interval */
    bool collision;   /* the last OPEN met NAK 3: dial again at a random time */
    struct timer phase, keepalive, dead, flush, streams;
    struct mono heard, spoke;

    /* sign-on */
    bool primary; /* we send SOH ENQ and I */
    bool i_sent;
    bool ahead;    /* both sides send files ahead */
    bool no_offer; /* the last sign-on failed behind our I: offer nothing in the next */
    unsigned enqs; /* SOH ENQ sent */
    struct wire_signon theirs;

    /* input */
    struct buf scratch;
    struct cur at;    /* what of the input is being read, innermost; empty outside of it */
    uint8_t bcb_due;  /* count the next block must have */
    bool bcb_follows; /* a counted block has come since the start or the last reset */
    uint8_t fcs[2];
    bool farewell; /* something was sent that the peer should get before we close */

    /* output */
    struct buf out; /* whole TTBs, and perhaps one under way */
    size_t ttb;     /* where it begins */
    size_t ttb_place, ttr_place, block;
    bool ttb_open;
    uint8_t bcb; /* of our next block */
    uint16_t bufsize;
    size_t block_max;
    struct buf replies;  /* RCB, SRCB each */
    struct buf messages; /* length(2), NMR each */
    unsigned nmessages;

    /* files */
    struct in_slot in[2 * LINK_STREAMS]; /* SYSIN and SYSOUT of each stream by turns */
    unsigned in_files;                   /* of all slots */
    size_t in_kept;                      /* bytes of those that wait for link_in_done */
    bool in_paused;                      /* input waits for them */
    struct out_slot slots[LINK_STREAMS];
    size_t out_kept;
    struct buf segment;
    unsigned turn;   /* slot whose block is sent next */
    bool dry;        /* next_file had nothing: not asked again before a kick or a freed stream */
    bool answered;   /* the peer has answered a request on this connection */
    bool many;       /* ... on a stream after the first */
    bool one_stream; /* learned: the peer knows one stream only */

    struct link_stat stat;
};

#endif
