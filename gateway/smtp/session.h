/* gateway/smtp/session.h -- one SMTP session and its transaction; private to server.c and
 * session.c.
 *
 * A session is small while idle; all that belongs to a mail is in its transaction. A transaction
 * that was given to the owner (ops->data) is finished by the owner's verdict, whether its session
 * lives or not. */
#ifndef GATEWAY_SMTP_SESSION_H
#define GATEWAY_SMTP_SESSION_H

#include "gateway/smtp/server.h"

#define SMTPD_BUCKETS 1024u
#define SMTPD_CHUNK 32768u /* octets of content taken in one step */

enum smtpd_state {
    SMTPD_PAUSE, /* a client that speaks now, before the greeting, is refused */
    SMTPD_START, /* greeting given, HELO not yet seen */
    SMTPD_READY, /* HELO seen, no transaction */
    SMTPD_MAIL,  /* MAIL taken, recipients may follow */
    SMTPD_DATA,  /* content comes in */
    SMTPD_ASK,   /* the owner's answer about a command is awaited */
    SMTPD_TLS,   /* STARTTLS answered, the handshake goes on */
    SMTPD_WAIT,  /* content complete, the owner's verdict is awaited */
    SMTPD_OVER,  /* freed at the end of the step */
};
enum smtpd_input {
    SMTPD_IN_DATA,    /* input has come, or room for output */
    SMTPD_IN_SECURE,  /* the TLS handshake is done */
    SMTPD_IN_GREET,   /* the pause is over */
    SMTPD_IN_VERDICT, /* the owner has spoken */
    SMTPD_IN_ANSWER,  /* and to a question about a command */
    SMTPD_IN_TIMEOUT,
    SMTPD_IN_EOF,
    SMTPD_IN_FAIL,
    SMTPD_IN_DRAIN, /* the server stops taking mail */
};

/* A mail and what the owner does not see of it. */
struct smtpd_tx {
    struct smtpd_mail m;          /* first: smtpd_tx_of relies on it */
    struct smtpd *d;              /* NULL when the server was freed before the verdict */
    struct smtpd_tx *next, *prev; /* those given to the owner */
    size_t rcpt_cap;
    unsigned refused; /* recipients */
    struct smtp_undot undot;
    bool handed;  /* given to the owner */
    bool decided; /* the verdict is here: why (when failed) or id */
    bool failed;
    struct why why;
    msg_id id;
};

struct smtpd_session {
    struct smtpd *d;
    struct stream *stream;
    struct smtpd_session *next, *prev; /* in its bucket */
    uint8_t client[16];                /* address, IPv6 form; IPv6 clients count by /64 */
    struct timer pause;                /* before the greeting */
    char *helo;                        /* NULL before HELO */
    struct smtpd_tx *tx;
    void *user;               /* the owner's */
    const struct why *answer; /* within smtpd_answer: NULL yes */
    enum smtpd_stage asked;   /* while in SMTPD_ASK, and where it came from */
    enum smtpd_state back;
    unsigned errors, refused;
    enum smtpd_state state;
    bool counted;  /* towards max_per_client; not trusted */
    bool esmtp;    /* EHLO, not HELO */
    bool fresh;    /* nothing was read yet */
    bool overlong; /* swallowing a command line that is too long */
    bool bare;     /* behind a bare LF: nothing is executed before the next CRLF */
    bool eof;
    bool busy; /* inside its step */
};

struct smtpd {
    struct smtpd_set set;
    struct smtpd_ops ops;
    void *arg;
    char *hostname;
    struct arena *scratch; /* for one command */
    struct buf reply;      /* one reply on its way to the stream */
    struct buf content;    /* one chunk of content on its way to the body */
    unsigned sessions;
    bool draining;
    struct smtpd_tx *handed;
    struct smtpd_session *bucket[SMTPD_BUCKETS];
};

/* The machine. The session may be gone afterwards. */
void smtpd_session_step(struct smtpd_session *s, enum smtpd_input in);
void smtpd_session_start(struct smtpd_session *s); /* greet, now or after the pause */
void smtpd_session_free(struct smtpd_session *s);  /* at once; also from its bucket */

struct smtpd_tx *smtpd_tx_new(struct smtpd_session *s);
struct smtpd_tx *smtpd_tx_of(struct smtpd_mail *m);
void smtpd_tx_hand(struct smtpd_tx *tx);  /* give it to the owner */
void smtpd_tx_free(struct smtpd_tx **tx); /* not while the owner has it */
/* The session lets go of it: freed now, or by the verdict. */
void smtpd_tx_leave(struct smtpd_tx **tx);
void smtpd_event(struct smtpd_session *s, const char *event, const struct why *w);

#endif
