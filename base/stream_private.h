/* base/stream_private.h -- a stream's insides, shared by base/stream.c (what happens on it) and
 * base/stream_open.c (how it comes about and what it is); nobody else includes this. */
#ifndef BASE_STREAM_PRIVATE_H
#define BASE_STREAM_PRIVATE_H

#include <sys/queue.h>

#include "base/loop_private.h"
#include "base/stream.h"

#define STREAM_READ_MOST 65536u /* bytes of one stream in a turn: no peer starves another */

enum phase {
    CONNECTING,
    HANDSHAKE, /* TLS; plain output from before it goes out first */
    OPEN,
    LINGER, /* stream_finish: our side is shut, the peer's end is awaited */
    FAILED,
    DEAD, /* freed by its owner, memory kept to the end of the turn */
};

struct stream {
    TAILQ_ENTRY(stream) dirty_link, kick_link;
    LIST_ENTRY(stream) life_link; /* finishing or dead: ours alone */
    struct loop *loop;
    struct streams *all;
    stream_fn *fn;
    void *arg;
    int fd;
    enum phase phase;
    bool dirty, kicked, calling, finishing;
    bool held, eof;
    bool unsaid_open;  /* to be told in the next turn: OPEN, */
    bool unsaid_fail;  /* FAIL, */
    bool unsaid_data;  /* DATA for input already read */
    bool unsaid_drain; /* output has been queued since the last DRAINED */
    bool write_blocked;
    bool write_broken; /* the peer takes no more; its last words are still read */
    bool server;
    struct watch *watch;
    struct timer timer;
    int64_t timeout_ms;
    struct mono deadline; /* the timer may stand earlier; it is moved when it runs out */
    struct buf in, out;
    size_t in_at, out_at; /* used up at the front */
    struct str fresh;     /* input that lies in the scratch space yet: `in` is empty */
    size_t limit, lingered;
    struct ssl_st *tls;
    size_t plain_left; /* output from before TLS */
    char *facts;
    struct why *why; /* only once there is one: a why is large */
    union endpoint peer, local;
};

TAILQ_HEAD(stream_tail, stream);
LIST_HEAD(stream_list, stream);

/* What the streams of one loop share. */
struct streams {
    struct stream_tail dirty;  /* output or DRAINED at the end of this turn */
    struct stream_tail kicked; /* work without a descriptor event in the next one */
    struct stream_list finishing, dead;
    size_t ndirty, nkicked;
    bool called;
    uint8_t scratch[STREAM_READ_MOST];
};

extern const struct loop_part stream_part;

void stream_on_event(void *arg, unsigned events); /* the descriptor's callback */
void stream_mark_dirty(struct stream *s);         /* write at the end of this turn */
void stream_kick(struct stream *s);               /* look at what is unsaid in the next turn */
void stream_fail_later(struct stream *s);         /* broken, *s->why is filled */
void stream_update_wants(struct stream *s); /* the state has changed: watch what it asks for */
void stream_restart_timer(struct stream *s);
struct why *stream_why_of(struct stream *s); /* to be filled */

#endif
