/* gateway/relay_private.h -- between the queue runner (relay.c) and the SMTP side of it
 * (smtpout.c). */
#ifndef GATEWAY_RELAY_PRIVATE_H
#define GATEWAY_RELAY_PRIVATE_H

#include "gateway/relay.h"

struct smtpout;

/* A message in memory. It stays in the table until what was decided about it is durable, so that
 * the database is never read behind a decision of ours. */
struct hand {
    struct hand *next; /* in its hash chain */
    struct message *m;
    unsigned items; /* queued or being sent */
    unsigned sending;
    unsigned changes; /* not yet durable */
    bool let_go;      /* taken away by hand while being sent: it is not sent again */
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
};
struct relay {
    struct gate *g;
    struct hand **hand_table;
    struct dest **dest_table;
    size_t nhand, hand_bytes;
    bool backlog; /* the database holds due messages that are not in memory */
    bool draining;
    bool stopped; /* nothing is decided any more: the rows stand as they are */
    unsigned open_smtp;
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

/* smtpout.c */
void smtpout_kick(struct dest *d);
void smtpout_free(struct dest *d);
void smtpout_quit(struct dest *d); /* let idle connections go */
/* The destination key for a mail domain by DESTINATION and SMARTHOST: "smtp example.com" (MX),
 * "smtp @host:port" and "smtp *" (smart hosts). */
void smtpout_key(const struct conf *c, struct str domain, char *key, size_t size);

#endif
