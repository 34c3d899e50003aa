/* gateway/smtp/client_private.h -- a conversation's insides, shared by client.c (the machine) and
 * client_mail.c (one message: envelope, content, verdicts), client_state.c (what a state waits for,
 * what a server offers, what the TLS policy says). */
#ifndef GATEWAY_SMTP_CLIENT_PRIVATE_H
#define GATEWAY_SMTP_CLIENT_PRIVATE_H

#include "gateway/smtp/auth.h"
#include "gateway/smtp/client.h"

#define SMTPC_PIECE 65536u /* content is dotted and queued in pieces of this */

enum state {
    CONNECT,
    GREETING,
    EHLO,
    HELO,
    STARTTLS,
    HANDSHAKE, /* of TLS; then EHLO again */
    AUTH,
    ASK, /* next() is being asked */
    IDLE,
    RSET,
    MAIL,
    RCPT,
    DATA,
    CONTENT, /* 354 was given, content is left to be queued */
    DOT,     /* all is queued, the final dot too */
    QUIT,
    OVER, /* closed() follows by the timer */
};
/* LATER: in the next transaction of the message. PUT_OFF: this target will not take it now (4xx),
 * the next one is asked. */
enum fate { WAITING, TAKEN, LATER, PUT_OFF, TOLD };

struct smtpc {
    struct smtpc_set set;
    const struct smtpc_ops *ops;
    void *arg;
    char helo[256];
    struct smtp_target *targets;
    size_t ntargets, target;
    bool unreached; /* the target before this one could not be connected */
    char peer[352];

    struct stream *s;
    struct timer timer;
    enum state state;
    struct smtp_reply reply;
    struct buf out;
    struct arena *arena; /* for checking addresses */
    bool pipelining, eightbit, size_known, starttls, smtputf8, dsn;
    unsigned mechanisms; /* offered, enum smtp_auth_how bits */
    struct smtp_auth *auth;
    bool signed_on;
    char tls_facts[160];
    bool secure;       /* TLS is on */
    bool plain;        /* this target's TLS has failed: it is tried without */
    uint64_t size_max; /* 0: no limit told */
    unsigned answered; /* messages over this connection */
    unsigned mail_max; /* RFC 9422 MAILMAX, RCPTMAX, RCPTDOMAINMAX: what this host takes */
    unsigned rcpt_max; /* 0: not told */
    unsigned domain_max;
    bool need_rset; /* a transaction was left open */
    bool quitting;

    struct smtpc_job job;
    bool active;       /* job holds a message */
    unsigned passed;   /* targets that would not take it now */
    uint8_t *fate;     /* of each recipient */
    size_t fates;      /* room there */
    size_t at, ntaken; /* recipient whose reply is awaited; how many were taken */
    bool mail_ok;
    struct why refused; /* MAIL's refusal */
    struct why put_off; /* what the last of those heard */
    struct cur left;    /* content not yet queued */
    struct smtp_dot dot;
    size_t queued; /* when the timer was set: progress is measured against it */

    bool has_why;
    struct why why;      /* for closed(); until then the last target's */
    unsigned connection; /* counts them: a freed stream's place may be a new one's */
    unsigned depth;      /* entries from the loop or the owner under way */
    bool dead;           /* freed at the end of the outermost */
};

/* RET and ENVID behind MAIL, NOTIFY and ORCPT behind the i-th RCPT, as far as they are for this
 * host. */
void smtpc_put_envelope_notify(struct smtpc *c);
void smtpc_put_notify(struct smtpc *c, size_t i);
void smtpc_defaults(struct smtpc_set *set);
int64_t smtpc_time(const struct smtpc *c);        /* milliseconds the state may last, 0: for ever */
const char *smtpc_awaited(const struct smtpc *c); /* "answer to MAIL" */
void smtpc_learn(struct smtpc *c, struct str line); /* a line of the answer to EHLO */
/* What the policy and its TLSA records ask of the present target. */
enum smtpc_tls smtpc_need(const struct smtpc *c);
/* Begin TLS on the stream. */
int smtpc_begin_tls(struct smtpc *c, struct why *w) MUST_CHECK;
bool smtpc_is_here(const struct smtp_target *t); /* on our own machine: nothing travels */
/* What VERIFY would have refused, for who wants to know. */
void smtpc_look(struct smtpc *c);
void smtpc_note_tls(struct smtpc *c); /* the handshake is done: tls_facts */
/* Behind EHLO or HELO: 1 begin TLS, 0 go on without (more), negative: not without, *w tells. */
int smtpc_wants_tls(const struct smtpc *c, struct why *w) MUST_CHECK;
/* The connection was lost for this reason: may the same target be tried again without TLS? */
bool smtpc_may_go_plain(const struct smtpc *c, const struct why *w);
/* A failure of TLS where the policy does not do without, as a temporary reason. */
void smtpc_tls_why(const struct smtpc *c, const char *what, struct why *w);

void smtpc_order_families(struct smtpc *c);
void smtpc_connected(struct smtpc *c); /* learn which family works */

/* client.c */
void smtpc_await(struct smtpc *c, enum state next);
void smtpc_server_why(const struct smtpc *c, struct why *w);
void smtpc_tell(struct smtpc *c, size_t i, const struct why *w);
void smtpc_tell_rest(struct smtpc *c, const struct why *w);
void smtpc_job_done(struct smtpc *c);
/* Nothing of the message has been answered but its envelope, and there is another target for it. */
bool smtpc_may_pass_on(const struct smtpc *c);
/* QUIT, and on to the next target with whoever has no verdict. */
void smtpc_pass_on(struct smtpc *c, const struct why *w);
/* QUIT, and on to the next target if there is one. */
void smtpc_leave_target(struct smtpc *c, const struct why *w);
void smtpc_lose(struct smtpc *c, const struct why *w);
void smtpc_lose_confused(struct smtpc *c, const char *what);
void smtpc_lose_refused(struct smtpc *c);
void smtpc_command(struct smtpc *c, enum state next, const char *verb, const char *rest);

/* client_mail.c */
void smtpc_ask(struct smtpc *c);           /* between messages: the next, or idle, or QUIT */
bool smtpc_send_envelope(struct smtpc *c); /* false: the message is settled unsent */
void smtpc_send_content(struct smtpc *c);
void smtpc_rset_reply(struct smtpc *c);
void smtpc_mail_reply(struct smtpc *c);
void smtpc_rcpt_reply(struct smtpc *c);
void smtpc_data_reply(struct smtpc *c);
void smtpc_early_reply(struct smtpc *c);
void smtpc_dot_reply(struct smtpc *c);

#endif
