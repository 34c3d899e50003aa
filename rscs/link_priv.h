/* rscs/link_priv.h -- what the files of the link ask of each other; nobody else includes it. What a
 * link keeps is in link_state.h.
 *
 *  link.c         the machine: states, timers, dialling and accepting, what the owner calls
 *  link_signon.c  OPEN, ACK, NAK; SOH ENQ and DLE ACK0; the I and J records
 *  link_line.c    blocks and records in; blocks gathered into TTBs out
 *  link_in.c      incoming files
 *  link_out.c     outgoing files, and all that waits to be sent
 *
 * Every event (input, timer, a call of the owner) runs between link_enter and link_leave; what it
 * gave cause to send goes out at the last leave, so that the answers of a turn share a TTB. A
 * callback may end the connection: whoever calls one looks at `gen` afterwards and unwinds when it
 * has changed. */
#ifndef RSCS_LINK_PRIV_H
#define RSCS_LINK_PRIV_H

#include "rscs/link_state.h"

#define LINK_TTB_MAX 8192u  /* bytes of one TTB we send: the TCP-SIZE of every peer's default */
#define LINK_OUT_MAX 65536u /* nothing more is produced while this waits for the socket */
#define LINK_MESSAGES 1000u /* messages that may wait */
#define LINK_REPLIES 8192u  /* answers (A0, B0, C0) that may wait */
/* Files ahead: what all together have sent whole or got whole and is not confirmed. A file counts
 * LINK_FILE_KEPT at most: more of it is on a disk. */
#define LINK_AHEAD_BYTES (512u << 10)
#define LINK_FILE_KEPT 65536u
#define LINK_UNSAFE_FILES 512u /* a peer that does not keep to the above is not listened to ... */
#define LINK_UNSAFE_BYTES (1u << 20) /* ... while so much of his is not safe */
#define LINK_BUFSIZE_LEAST 300u      /* a smaller offer is no usable statement ... */
#define LINK_BUFSIZE_SMALL 400u      /* ... and means this */

enum link_event {
    LINK_EV_START,
    LINK_EV_STOP,
    LINK_EV_DRAIN,
    LINK_EV_QUIET,  /* draining, and the last file is done */
    LINK_EV_RETRY,  /* timer: dial again */
    LINK_EV_LATE,   /* timer: not up in time */
    LINK_EV_SILENT, /* timer: nothing heard for too long */
    LINK_EV_STUCK,  /* timer: a file does not get on */
    LINK_EV_CONNECTED,
    LINK_EV_ACCEPTED, /* a caller's OPEN, answered with ACK */
    LINK_EV_ACK,
    LINK_EV_ENQ,     /* SOH ENQ: the peer wants our DLE ACK0 */
    LINK_EV_ACK0,    /* DLE ACK0 */
    LINK_EV_YOU_ENQ, /* SYN NAK: the peer wants our SOH ENQ */
    LINK_EV_I,
    LINK_EV_J,
    LINK_EV_SIGNOFF,
    LINK_EV_LOST, /* the connection is gone or of no use, as the why says */
};

/* link.c */
void link_step(struct link *k, enum link_event ev, const struct why *w);
void link_enter(struct link *k);
void link_leave(struct link *k);
/* Something waits to be sent; to be called outside of an event too. */
void link_later(struct link *k);
void link_wake(struct link *k, int64_t ms); /* from within an event: there is more to do then */
void link_tick(void *k);               /* every few seconds while a file is under way (out_watch) */
bool link_is_up(const struct link *k); /* with a connection: UP or DRAINING */

/* link_signon.c */
void signon_open(struct link *k);
/* Judge what came as answer to our OPEN: 1 ACK, 0 not all here, negative refused or nonsense. */
int signon_answer(struct link *k, struct cur in, struct why *w) MUST_CHECK;
void signon_reply(struct stream *s, const struct wire_ctl *open, uint8_t nak); /* nak 0: ACK */
void signon_enq(struct link *k);
void signon_ack0(struct link *k);
void signon_send(struct link *k, uint8_t srcb); /* I or J */
void signon_off(struct link *k);                /* B */
/* Is the I or J in k->theirs what it should be? Sets the agreed sizes. */
int signon_check(struct link *k, struct why *w) MUST_CHECK;

/* link_line.c */
void line_reset(struct link *k);
void line_input(struct link *k);
/* Append to the words the first of these bytes, in hex. */
void line_show(struct why *w, struct cur at);
/* Tell the owner of something that was dropped and is not worth the link. */
void line_odd(struct link *k, const char *what);
void line_control(struct link *k, uint8_t first, uint8_t second); /* a TTB of its own */
/* A block with room for `need` bytes of records at least; line_left: how many still fit. */
void line_begin(struct link *k, size_t need);
size_t line_left(const struct link *k);
void line_end(struct link *k, bool rcb_end);
void line_fast_open(struct link *k); /* for the block under way */
void line_end_ttb(struct link *k);
void line_alive(struct link *k);                  /* an empty TTB */
void line_flush(struct link *k);                  /* give it all to the stream */
bool line_held(const struct link *k);             /* the peer's FCS says wait-a-bit */
bool line_may(const struct link *k, uint8_t rcb); /* may records of this RCB be sent? */

/* link_in.c */
void in_init(struct link *k);
void in_request(struct link *k, uint8_t rcb, bool fast);
void in_record(struct link *k, const struct wire_record *rec);
void in_again(struct link *k);      /* open what was asked for while its stream was IN_DONE */
bool in_full(const struct link *k); /* nothing more is taken before some of it is safe */
void in_lost(struct link *k, const struct why *w);
unsigned in_count(const struct link *k);
/* The time since a file under way made progress, the longest; *what says what is missing. */
int64_t in_stuck(const struct link *k, const char **what);

/* link_out.c */
void out_reset(struct link *k); /* a connection begins */
void out_reply(struct link *k, uint8_t rcb, uint8_t srcb);
void out_answer(struct link *k, const struct wire_record *rec, struct why *w, int *err);
void out_pump(struct link *k);
void out_replies(struct link *k); /* only the answers, unless the peer says wait-a-bit */
void out_watch(struct link *k);   /* a file is under way: see to it that link_tick comes */
bool out_tick(struct link *k);    /* rests that end, requests never answered; true: go on */
void out_lost(struct link *k, const struct why *w);
unsigned out_count(const struct link *k);
unsigned out_usable(const struct link *k);
int64_t out_stuck(const struct link *k, const char **what); /* as in_stuck */

#endif
