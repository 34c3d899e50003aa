/* tests/unit/rscs/node.h -- a link under test in virtual time: an owner who writes down all that
 * the link tells him, and a hand-played peer whose view of the wire is a transcript in text.
 *
 * Transcript, a line each:  OPEN US THEM 0 | ACK .. | NAK US THEM 3 | ENQ | ACK0 | NAK | empty |
 * closed block:  BCB, then the records:  A0 I NODEA 8192 | 80 90-99 | 81 99-C0/204 | 82 99-80/5
 * 99-80/7 messages: 83 msg(USER text) cmd(text); sign-off: 84 B; features of a sign-on, when there
 * are some, behind its size; "fast " before a block with FAST OPEN */
#ifndef TESTS_NODE_H
#define TESTS_NODE_H

#include "rscs/deck.h"
#include "rscs/link.h"
#include "rscs/port.h"

#define FILES_MAX 4096
#define HELD_MAX 1024

struct node {
    struct loop *loop;
    struct link *link;
    struct buf log; /* what the owner was told, a line each */
    /* outgoing */
    struct buf deck[FILES_MAX];
    int ndecks, next;
    int sent_ok, sent_why;
    size_t passed, passed_most; /* bytes of decks gone through, the largest piece of them */
    int absent;                 /* the first deck: its bytes have to be fetched so many times */
    bool retry;                 /* a file not sent is offered again */
    int again[FILES_MAX], nagain;
    /* incoming */
    bool hold_done; /* link_in_done only by node_done */
    struct link_in *done[HELD_MAX];
    int ndone;
    int refuse_open; /* deny this many requests */
    int fail_record; /* refuse the nth record of a file, 0 none */
    int nrecords;
    struct buf *in[FILES_MAX]; /* whole files received, as decks */
    int nin, aborted;
    bool quiet;                                     /* no log of records */
    void (*hook)(struct node *n, const char *what); /* called in each callback */
    /* dialling */
    int dials;
    bool no_dial;     /* dial answers NULL */
    bool manual_open; /* the connection stands only by node_connected */
    struct stream *dialled;
    stream_fn *fn;
    void *fn_arg;
    int peer_fd; /* the other end of the connection dialled last */
};

/* The hand-played peer. */
struct peer {
    struct node *n;
    int fd;
    struct buf rx;   /* bytes not yet decoded */
    struct buf seen; /* transcript since the last peer_expect */
    uint8_t bcb;
    uint32_t features; /* of its sign-on records */
    bool ctl;          /* control records come before TTBs */
    bool closed;
    size_t ttb_most; /* largest TTB and block seen */
    size_t block_most;
};

struct link_conf node_conf(const char *us, const char *them);
void node_init(struct node *n, struct loop *l, const struct link_conf *conf);
void node_done(struct node *n);
void node_free(struct node *n);
void node_connected(struct node *n);
void turns(struct loop *l); /* until nothing more happens */
struct nje_name name_of(const char *z);

/* A deck with `cards` data records of `size` bytes each (its length byte counts); marked by id. */
void deck_make(struct buf *b, uint8_t kind, unsigned id, unsigned cards, unsigned size);
int node_queue(struct node *n, uint8_t kind, unsigned cards, unsigned size); /* its number */

/* Begin with the caller's or the called side. */
void peer_init(struct peer *p, struct node *n);
void peer_free(struct peer *p);
void peer_attach(struct peer *p, int fd);
void peer_call(struct peer *p);      /* connect to the link as a caller through link_accept */
void peer_up_called(struct peer *p); /* sign on; we called */
void peer_up_caller(struct peer *p); /* sign on; the link dials */
void peer_bytes(struct peer *p, const void *bytes, size_t n);
void peer_ttr(struct peer *p, uint8_t flags, const void *data, size_t n);
void peer_ctl(struct peer *p, enum wire_ctl_type type, const char *rhost, const char *ohost,
              uint8_t reason);
void peer_control(struct peer *p, const char *hex); /* a TTB with these bytes */
void peer_signon(struct peer *p, uint8_t srcb, const char *node, uint16_t bufsize);
/* A block, its records in hex: "90 99 00 00". Counts the BCB; peer_block_as gives it. */
void peer_block(struct peer *p, const char *hex);
void peer_block_as(struct peer *p, uint8_t bcb, uint8_t fcs1, uint8_t fcs2, uint8_t flags,
                   const char *hex);
void peer_record(struct peer *p, uint8_t rcb, uint8_t srcb, struct cur data); /* in a block */
void peer_file(struct peer *p, uint8_t rcb, struct cur deck); /* all after the permission */
void peer_close(struct peer *p);
void peer_settle(struct peer *p); /* let everything happen, take what is written */
/* Let everything happen; the transcript since the last call must be this. */
void peer_expect(struct peer *p, const char *text);
const char *peer_seen(struct peer *p); /* the same, given; valid until the next call */

/* The owner's log since the last call must be this / must have this in it. */
void log_expect(struct node *n, const char *text);
void log_has(struct node *n, const char *text);
void log_reset(struct node *n);

#endif
