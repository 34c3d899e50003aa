/* gateway/smtp/session.h -- one SMTP session and its transaction; private to server.c (sessions and
 * transactions), session.c (the machine: input, replies, states), verbs.c (commands) and bdat.c
 * (content by its length).
 *
 * A session is small while idle; all that belongs to a mail is in its transaction. A transaction
 * that was given to the owner (ops->data) is finished by the owner's verdict, whether its session
 * lives or not. */
#ifndef GATEWAY_SMTP_SESSION_H
#define GATEWAY_SMTP_SESSION_H

#include "gateway/smtp/server.h"

#define SMTPD_BUCKETS 1024u
#define SMTPD_CHUNK 32768u /* octets of content taken in one step */
/* Octets of a message that is too large are read on, unkept, this far beyond the limit: who has
 * sent all of it hears why. */
#define SMTPD_SWALLOW_MAX (UINT64_C(1) << 30)

enum smtpd_state {
    SMTPD_PROXY, /* the balancer's header comes in */
    SMTPD_PAUSE, /* a client that speaks now, before the greeting, is refused */
    SMTPD_START, /* greeting given, HELO not yet seen */
    SMTPD_READY, /* HELO seen, no transaction */
    SMTPD_MAIL,  /* MAIL taken, recipients may follow */
    SMTPD_LOGIN, /* AUTH goes on: a line of it comes in */
    SMTPD_DATA,  /* content comes in */
    SMTPD_BDAT,  /* a chunk of content comes in */
    SMTPD_ASK,   /* the owner's answer about a command is awaited */
    SMTPD_TLS,   /* STARTTLS answered, the handshake goes on */
    SMTPD_WAIT,  /* content complete, the owner's verdict is awaited */
    SMTPD_OVER,  /* freed at the end of the step */
};
enum smtpd_input {
    SMTPD_IN_DATA,    /* input has come, or room for output */
    SMTPD_IN_SECURE,  /* the TLS handshake is done */
    SMTPD_IN_TIMER,   /* a pause is over */
    SMTPD_IN_VERDICT, /* the owner has spoken */
    SMTPD_IN_ANSWER,  /* and to a question about a command */
    SMTPD_IN_TIMEOUT,
    SMTPD_IN_EOF,
    SMTPD_IN_FAIL,
    SMTPD_IN_DRAIN, /* the server stops taking mail */
};

enum smtpd_login { SMTPD_LOGIN_PLAIN, SMTPD_LOGIN_USER, SMTPD_LOGIN_PASSWORD }; /* awaited */

/* A mail and what the owner does not see of it. */
struct smtpd_tx {
    struct smtpd_mail m;          /* first: smtpd_tx_of relies on it */
    struct smtpd *d;              /* NULL when the server was freed before the verdict */
    struct smtpd_tx *next, *prev; /* those given to the owner */
    size_t rcpt_cap;
    unsigned refused; /* recipients */
    struct smtp_undot undot;
    uint64_t taken; /* octets of content read */
    bool chunks;    /* BDAT was used: DATA and RCPT are out of order now */
    bool handed;    /* given to the owner */
    bool decided;   /* the verdict is here: why (when failed) or id */
    bool failed;
    struct why why; /* while a refused recipient is told to filters: his */
    msg_id id;
};

struct smtpd_session {
    struct smtpd *d;
    struct stream *stream;
    struct smtpd_session *next, *prev; /* in its bucket */
    const struct smtpd_door *door;
    union endpoint peer, local;
    uint8_t client[16]; /* address, IPv6 form; IPv6 clients count by /64 */
    struct timer pause; /* before the greeting, behind an error */
    struct mono born;
    struct mono since; /* the command line or the content that comes in has begun; 0: none has */
    char *account;     /* of AUTH; he signed on when authed is set */
    enum smtpd_login login;
    char *helo; /* NULL before HELO */
    struct smtpd_tx *tx;
    uint64_t chunk, chunk_left; /* octets of a BDAT, and those still to come */
    void *user[SMTPD_SLOTS];    /* the owner's */
    struct rdns_result *names;  /* NULL: not known (yet) */
    enum rdns_status helo_status;
    const struct why *answer; /* within smtpd_answer: NULL yes */
    enum smtpd_stage asked;   /* while in SMTPD_ASK, and where it came from */
    enum smtpd_state back;
    unsigned errors, refused, junk;
    unsigned counted_errors; /* of errors, those in the ledger */
    uint64_t messages, recipients, bytes;
    enum smtpd_state state;
    bool counted;  /* towards max_per_client; not trusted */
    bool esmtp;    /* EHLO, not HELO */
    bool fresh;    /* nothing was read yet */
    bool shut;     /* refused at the greeting: only QUIT is heard */
    bool overlong; /* swallowing a command line that is too long */
    bool last;     /* BDAT LAST */
    bool bare;     /* behind a bare LF: nothing is executed before the next CRLF */
    bool authed;
    bool slow;   /* tarpit: nothing is read until the timer */
    bool in_tls; /* TLS from the first byte: its handshake goes on */
    bool eof;
    bool busy; /* inside its step */
};

struct smtpd {
    struct smtpd_set set;
    struct smtpd_ops ops;
    void *arg;
    char *hostname;
    struct arena *scratch; /* for one command */
    struct str unknown;    /* while the owner is asked about it */
    struct buf reply;      /* one reply on its way to the stream */
    struct buf content;    /* one chunk of content on its way to the body */
    struct ledger *ledger;
    unsigned sessions;
    bool draining;
    bool stress; /* most sessions are taken: shares and patience are smaller */
    struct smtpd_tx *handed;
    struct smtpd_session *bucket[SMTPD_BUCKETS];
};

/* session.c: the machine. The session may be gone after a step. */
void smtpd_session_step(struct smtpd_session *s, enum smtpd_input in);
void smtpd_session_start(struct smtpd_session *s); /* from the first byte on */
/* The only place that writes the state. */
void smtpd_set_state(struct smtpd_session *s, enum smtpd_state state);
/* With DEBUG, for the log: a command or a reply. */
void smtpd_debug(const struct smtpd_session *s, const char *who, struct str text);
void smtpd_say(struct smtpd_session *s, int code, const char *enh, struct str text);
void smtpd_say_why(struct smtpd_session *s, const struct why *w);
/* A command the client should not have given: an error of his. */
void smtpd_wrong(struct smtpd_session *s, int code, const char *enh, const char *text);
void smtpd_refuse(struct smtpd_session *s, const struct why *w); /* said and logged */
/* 421 and the end of the session, noted for the log. */
void smtpd_hang_up(struct smtpd_session *s, const char *event, const char *enh, const char *text);
/* Ask the owner's gate; smtpd_finish_...(s, NULL or his refusal) follows, now or later. */
void smtpd_ask(struct smtpd_session *s, enum smtpd_stage stage);
/* The same when the owner has been asked, and said v. */
void smtpd_asked(struct smtpd_session *s, enum smtpd_stage stage, int v, const struct why *w);
/* Content: kept, unless the mail has failed already; the end of it; the end of the transaction. */
void smtpd_begin_content(struct smtpd_tx *tx);
void smtpd_write_content(struct smtpd_tx *tx, const struct buf *b);
void smtpd_end_content(struct smtpd_session *s);
void smtpd_content_came(struct smtpd_session *s, size_t n); /* octets, for the limits */
/* Has the content taken too long on the whole? Then the session is over. */
bool smtpd_chunk_dribbles(struct smtpd_session *s);
void smtpd_end_tx(struct smtpd_session *s);

/* verbs.c */
void smtpd_command(struct smtpd_session *s, struct str line);
void smtpd_finish_helo(struct smtpd_session *s, const struct why *w);
void smtpd_finish_mail(struct smtpd_session *s, const struct why *w);
void smtpd_finish_rcpt(struct smtpd_session *s, const struct why *w);
void smtpd_finish_data(struct smtpd_session *s, const struct why *w);
void smtpd_finish_refused(struct smtpd_session *s, const struct why *w);
void smtpd_finish_unknown(struct smtpd_session *s, const struct why *w);

/* login.c */
bool smtpd_offers_login(const struct smtpd_session *s);
void smtpd_do_auth(struct smtpd_session *s, struct str rest);
void smtpd_login_line(struct smtpd_session *s, struct str line);
void smtpd_finish_login(struct smtpd_session *s, const struct why *w);

/* bdat.c */
void smtpd_bdat(struct smtpd_session *s, struct str rest);
void smtpd_begin_chunks(struct smtpd_session *s, const struct why *w); /* finish_data's */
bool smtpd_take_chunk(struct smtpd_session *s); /* false: nothing more to go on with */

/* server.c */
/* Who the client is is known: may he have the session? Else *w is the 421 to give. */
int smtpd_admit(struct smtpd_session *s, struct why *w);
int64_t smtpd_idle(const struct smtpd_session *s); /* milliseconds of silence it has */
/* Is one more allowed to this client? Counted when it is. */
bool smtpd_may(struct smtpd_session *s, enum smtpd_kind kind);
void smtpd_count(struct smtpd_session *s, enum smtpd_kind kind, uint64_t n);
bool smtpd_over(const struct smtpd_session *s, enum smtpd_kind kind);
void smtpd_session_free(struct smtpd_session *s); /* at once; also from its bucket */
struct smtpd_tx *smtpd_tx_new(struct smtpd_session *s);
struct smtpd_tx *smtpd_tx_of(struct smtpd_mail *m);
void smtpd_tx_hand(struct smtpd_tx *tx);  /* give it to the owner */
void smtpd_tx_free(struct smtpd_tx **tx); /* not while the owner has it */
/* The session lets go of it: freed now, or by the verdict. */
void smtpd_tx_leave(struct smtpd_tx **tx);
void smtpd_event(struct smtpd_session *s, const char *event, const struct why *w);

#endif
