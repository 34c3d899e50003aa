/* gateway/relay_private.h -- between the queue runner (relay.c) and the SMTP side of it
 * (smtpout.c). */
#ifndef GATEWAY_RELAY_PRIVATE_H
#define GATEWAY_RELAY_PRIVATE_H

#include "gateway/relay.h"

#include <sys/queue.h>

#include "db/queue.h"
#include "gateway/smtp/client.h"

#define RELAY_TABLE_SIZE 4096u /* hash chains, a power of two */
#define HAND_MAX 4000u         /* messages in memory */
#define HAND_SPARE 1000u       /* and so many more: the first ones of their destinations */

struct smtpout;

/* A message in memory. It stays in the table until what was decided about it is durable, so that
 * the database is never read behind a decision of ours. */
struct hand {
    struct hand *next; /* in its hash chain */
    struct message *m;
    size_t bytes;   /* of its body, when that was in memory from the beginning */
    unsigned items; /* queued or being sent */
    unsigned sending;
    unsigned changes; /* not yet durable */
    struct wall seen; /* recipients due by then were looked at */
    bool again;       /* others have become due since, the first of them at: */
    struct queue_at again_at;
    bool let_go; /* taken away by hand while being sent: it is not sent again */
};
/* The recipients of one message for one destination. */
struct item {
    struct item *next;
    struct hand *hand;
    struct dest *dest;
    struct str *rcpt;    /* addresses, for the client */
    unsigned *index;     /* of each in message->rcpt */
    struct why **result; /* per recipient: NULL delivered or not known yet */
    bool *known;
    struct smtpc_notify *notify; /* for the client; NULL: nobody asked for anything */
    bool dsn;                    /* who took it reports himself */
    size_t n;
    char via[320];     /* the host that took it, and how: for log and journal; "" not known */
    struct mono since; /* in memory */
};
struct dest {
    struct dest *next; /* in its hash chain */
    struct relay *relay;
    enum door door;
    char key[280];    /* "smtp example.com", "smtp host:port", "nje LINK" */
    const char *name; /* key without the door */
    struct item *head, **tail;
    size_t waiting;
    unsigned open;          /* connections, or files under way */
    struct mono not_before; /* after a failure */
    unsigned failures;      /* in a row */
    char reason[400];
    struct smtpout *smtp;
    bool missed; /* rows of it were passed by, the first behind this place (relay_walk.c) */
    struct queue_at missed_at;
    LIST_ENTRY(dest) missed_link;
    bool hungry; /* the walk under way is for it, too */
};
struct relay {
    struct gate *g;
    struct hand **hand_table;
    struct dest **dest_table;
    size_t nhand, hand_bytes;
    struct queue_at front, fill; /* relay_walk.c */
    bool filling, stalled;
    unsigned nhungry;
    LIST_HEAD(missed_list, dest) missed;
    bool draining;
    bool stopped; /* nothing is decided any more: the rows stand as they are */
    unsigned open_smtp;
    struct smtp_families families; /* IPv6, IPv4: what works from here */
    size_t busy;
    struct message **fresh; /* durable, waiting for those who wait for the commit to be answered */
    size_t nfresh, fresh_space;
    struct timer scan, sweep, fresh_at;
    struct mono scan_at;
};

struct item *relay_take(struct dest *d); /* the next item, or NULL */
void relay_put_back(struct item *it);    /* at the front: it was not sent, nothing is decided */
struct cur relay_content(struct item *it, struct why *w); /* empty with *w when it cannot be read */
void relay_result(struct item *it, size_t i, const struct why *w); /* w NULL: delivered */
bool relay_answered(
    const struct item *it);         /* taken or refused for good by the peer, at least one */
void relay_finish(struct item *it); /* all results are known: make them durable; frees the item */
/* The destination cannot be reached: everything waiting for it is deferred (or returned when w is
 * permanent). */
void relay_dest_failed(struct dest *d, const struct why *w);

struct hand *relay_hand(struct relay *r, msg_id id); /* NULL: not in memory */
struct dest *relay_dest_for(struct relay *r, enum door door, struct str dest);
void relay_take_in(struct relay *r, struct message *m); /* takes it, its destination has room */

/* relay_walk.c */
void relay_scan_soon(struct relay *r, int64_t ms);
void relay_walk_anew(
    struct relay *r); /* from the beginning of the queue: rows were changed by hand */
bool relay_resting(const struct dest *d);
bool relay_has_room(const struct dest *d);
void relay_pass(struct dest *d, struct queue_at at); /* this row stays in the database for now */
void relay_look_again(struct hand *h, struct queue_at at);
void relay_hand_gone(struct relay *r, const struct hand *h); /* it has left the window */
void relay_taken(struct dest *d);                            /* one item fewer waits */

/* smtpout.c */
bool smtpout_is_stale(const struct dest *d); /* nothing is known of it that is worth to be kept */
void smtpout_kick(struct dest *d);
void smtpout_free(struct dest *d);
/* Does this destination go to that address, or have that name? Then it is looked up anew. */
bool smtpout_expire(struct dest *d, struct str what);
void smtpout_quit(struct dest *d); /* let idle connections go */
/* The destination key for a mail domain by DESTINATION and SMARTHOST: "smtp example.com" (MX),
 * "smtp @host:port" and "smtp *" (smart hosts). */
void smtpout_key(const struct conf *c, struct str domain, char *key, size_t size);

#endif
