/* db/message.h -- a message in the queue and its recipients, as values. */
#ifndef DB_MESSAGE_H
#define DB_MESSAGE_H

#include "base/arena.h"
#include "base/clock.h"
#include "db/body.h"

typedef uint64_t msg_id;
#define MSG_ID_FMT "%08llu"
#define MSG_ID_ARG(id) (unsigned long long)(id)

enum door { DOOR_NONE, DOOR_SMTP, DOOR_NJE, DOOR_LOCAL };
enum rcpt_state { RCPT_READY, RCPT_HELD, RCPT_HELD_ORIGIN };
enum body_form {
    BODY_MAIL = 1, /* RFC 5322, lines end in CRLF */
    BODY_DECK
}; /* rscs/deck.h */

struct rcpt {
    unsigned n; /* 0.. within its message */
    enum rcpt_state state;
    struct str addr;     /* to SMTP: mailbox; to NJE and LOCAL: "USER@NODE" */
    struct str dest;     /* where it is queued for: mail domain, link name, or "" local */
    struct str original; /* as the sender wrote it; "" the same */
    struct wall due;     /* next attempt */
    unsigned tries;
    bool warned;       /* the sender was told of the delay */
    struct str reason; /* why it still waits */
    unsigned notify;   /* NOTIFY_ bits; 0: the sender said nothing */
    struct str orcpt;  /* ORCPT decoded, "rfc822;user@host"; "" none */
};
/* What the sender of a mail wants to hear of it (RFC 3461). */
#define NOTIFY_NEVER 1u
#define NOTIFY_SUCCESS 2u
#define NOTIFY_FAILURE 4u
#define NOTIFY_DELAY 8u
enum ret { RET_NONE, RET_FULL, RET_HDRS };
struct message {
    msg_id id;      /* of this row */
    msg_id origin;  /* the message as its sender knows it; the same for its first output */
    enum door from; /* the world it came from */
    enum door to;   /* the world of its recipients; DOOR_NONE: accepted, not yet transformed */
    enum body_form form;
    struct str origin_sender; /* in its own world: mailbox or "USER@NODE"; "" none (a notice) */
    struct str sender;        /* return path towards `to` */
    struct str subject;       /* for lists and notices: subject or file name, one line */
    struct str head;  /* start of the original (header, first lines) quoted in notices; may be "" */
    enum ret ret;     /* how much of it a report of failure returns */
    struct str envid; /* the sender's name for it, decoded; "" none */
    bool utf8;        /* it needs SMTPUTF8 (RFC 6531) */
    struct wall accepted;
    uint64_t size;     /* of the body, when it is not loaded */
    struct body *body; /* held; NULL when not loaded */
    struct rcpt *rcpt;
    size_t nrcpt, rcpt_space; /* space: message_add_rcpt's own */
    struct arena *arena;      /* owns the strings and rcpt */
};

struct message *message_new(void);     /* empty, with an arena of 4 MiB */
void message_free(struct message **m); /* lets go of the body */
/* READY, due now, n its place. Strings are copied; past the arena's limit arena_full(m->arena) is
 * set and the recipient is not part of the message. Earlier rcpt pointers move. */
struct rcpt *message_add_rcpt(struct message *m, struct str addr, struct str dest);

#endif
