/* rscs/link.h -- one adjacent node: the link machine (open, sign-on, keep-alive, sign-off,
 * reconnect) and the file streams on it. IBM SA32-0988; RSCS TCPNJE manner; quirks of peers in
 * docs/NJE.md.
 *
 * The owner gives callbacks; the link never touches disk or queue itself. Callbacks may call every
 * function here but link_free. Timers run on base/clock. */
#ifndef RSCS_LINK_H
#define RSCS_LINK_H

#include "base/stream.h"
#include "rscs/nmr.h"
#include "rscs/wire.h"

struct link;

enum link_state {
    LINK_STOPPED,  /* neither dials nor accepts */
    LINK_WAITING,  /* accepts; dials again when its retry timer runs out, if it dials at all */
    LINK_DIALLING, /* TCP connection asked for */
    LINK_OPENING,  /* OPEN sent or received, waiting for ACK or SOH ENQ */
    LINK_SIGNON,   /* I and J records under way */
    LINK_UP,
    LINK_DRAINING, /* no new files; signs off when the open ones are done */
};
const char *link_state_name(enum link_state s); /* "stopped", "waiting", ... */

struct link_conf {
    char name[9];             /* link id, for logs */
    struct nje_name us, them; /* node names; `them` must sign on */
    uint16_t bufsize;         /* offered in I/J, 400..32000; default 8192 */
    uint8_t streams; /* 1..7 that we send on; all of the peer's are open to him (docs/NJE.md) */
    struct nje_name line_password, node_password; /* blank: none; both sent and demanded */
    bool dial;                                    /* we connect; otherwise only accept */
    int64_t retry_ms, retry_max_ms; /* first and largest interval between dials; 0: 5 s, 900 s */
    int64_t keepalive_ms;           /* empty TTB after this much silence of ours; 0: never */
    int64_t dead_ms;     /* restart after this much silence of theirs, once up; 0: never */
    int64_t signon_ms;   /* limit for the TCP connection, and from there to UP; 0: 60 s */
    int64_t transfer_ms; /* restart when a file begun makes no progress for so long; 0: never */
    size_t file_max;     /* most bytes of one incoming file; 0: no limit */
    /* Files of a stream follow each other without waiting for X'C0', both ways, when the peer's
     * sign-on says that he does the same (docs/NJE.md, "Files ahead"). */
    bool ahead;
};

/* An incoming file, kept by the link from request to complete; `user` is the owner's. With files
 * ahead there are several of one stream between file_end and link_in_done. */
struct link_in {
    struct link *link;
    unsigned stream;
    uint8_t rcb; /* X'9n' ...: SYSOUT or SYSIN stream */
    void *user;
};
/* An outgoing file: a deck (rscs/deck.h) that stays valid until sent() is called. */
struct link_out {
    void *ref; /* the owner's */
    struct cur deck;
};
struct link_ops {
    /* Start a TCP (or TLS) connection for the link; NULL with *w when it cannot even begin. The
     * link goes on at STREAM_OPEN or STREAM_SECURE, whichever its fn gets first. So for TLS the
     * owner connects with a callback of his own, and when the handshake is done hands the stream
     * over (stream_owner) and calls fn with STREAM_SECURE; a failure before he passes on too. The
     * link may free the stream at any time: his callback then hears no more of it. */
    struct stream *(*dial)(void *arg, stream_fn *fn, void *fn_arg, struct why *w);
    /* A peer asks to send a file: 0 to permit (set in->user), negative to deny with X'B0'. */
    int (*file_open)(void *arg, struct link_in *in, struct why *w);
    /* One record, headers joined; srcb as in rscs/deck.h. Negative: the file is cancelled (X'B0')
     * and file_abort follows. A small file's end is under way by then, and UnixNJE does not
     * survive that: what can be taken and returned to its sender should be. */
    int (*file_record)(void *arg, struct link_in *in, uint8_t srcb, struct cur data, struct why *w);
    /* The whole file has come. X'C0' is sent only when the owner calls link_in_done(). */
    void (*file_end)(void *arg, struct link_in *in);
    /* The file will not be completed (cut, abort, cancel): forget it. in is invalid afterwards.
     * After file_end: the connection was lost before link_in_done; the owner must not call it. */
    void (*file_abort)(void *arg, struct link_in *in, const struct why *w);
    /* The next file for this link, or false. Asked while a stream is free and the link is up. */
    bool (*next_file)(void *arg, struct link_out *out);
    /* The fate of an outgoing file: NULL taken by the peer; E_GONE nothing was decided (the link
     * went down, a request stayed unanswered): offer it again (the peer may have all of it, and
     * will know it again); else it was refused, for a time or for good. */
    void (*sent)(void *arg, void *ref, const struct why *w);
    /* Optional: this part of its deck, a megabyte or so, has been gone through and is not needed
     * for now; the memory behind a mapped file may be given back. It may be read again. */
    void (*passed)(void *arg, void *ref, struct cur part);
    /* Optional: can this part of its deck be read without waiting for a disk? When not, have it
     * fetched; the link asks again. */
    bool (*ready)(void *arg, void *ref, struct cur part);
    void (*message)(void *arg, const struct nmr *m);
    /* Optional: the peer sent something that cannot be read or stands where it cannot, and was
     * dropped; the link goes on. The words show its bytes. A peer can cause any number of these. */
    void (*odd)(void *arg, const struct why *w);
    void (*state)(void *arg, enum link_state s, const struct why *w); /* w NULL: nothing wrong */
};

struct link *link_new(struct loop *l, const struct link_conf *conf, const struct link_ops *ops,
                      void *arg);
void link_free(struct link **k); /* open files: file_abort and sent(E_GONE) first; no sign-off */
void link_start(struct link *k);
void link_dials(struct link *k, bool dial); /* conf.dial, from the next link_start or loss on */
void link_stop(struct link *k, const char *reason); /* sign off and close now */
void link_drain(struct link *k);
/* An incoming connection whose OPEN names this link; takes the stream. The link answers ACK, or NAK
 * with the proper reason (2 active, 3 dialling ourselves, 1 stopped) and closes. */
void link_accept(struct link *k, struct stream **s, const struct wire_ctl *open);
void link_kick(struct link *k);                        /* a file is waiting: ask next_file */
void link_in_done(struct link *k, struct link_in *in); /* durable: send X'C0'; in is invalid then */
/* Queue a message record; false when the link is not up or too many wait. */
bool link_message(struct link *k, const struct nmr *m) MUST_CHECK;

enum link_state link_state_of(const struct link *k);
struct link_stat {
    struct wall since; /* of the present state */
    uint64_t files_in, files_out, bytes_in, bytes_out, messages_in, messages_out;
    uint16_t bufsize;           /* agreed */
    uint8_t streams;            /* usable now, after fall-back */
    bool ahead;                 /* both ends send files ahead */
    unsigned open_in, open_out; /* files under way */
    char reason[400];           /* why it is not up, "" */
};
void link_stat(const struct link *k, struct link_stat *st);

#endif
