/* gateway/smtp/server.h -- the SMTP server: sessions on accepted streams, their limits, the order
 * of replies. What a recipient means and what becomes of a message is asked of the owner (struct
 * smtpd_ops). RFC 5321, 2920 (PIPELINING), 1870 (SIZE), 6152 (8BITMIME), 6531 (SMTPUTF8), 3461
 * (DSN), 9422 (LIMITS), 4954 (AUTH), 3030 (CHUNKING, BINARYMIME), 2034 (ENHANCEDSTATUSCODES), 3207
 * (STARTTLS). */
#ifndef GATEWAY_SMTP_SERVER_H
#define GATEWAY_SMTP_SERVER_H

#include "base/arena.h"
#include "base/stream.h"
#include "db/store.h"
#include "gateway/smtp/limits.h"
#include "gateway/smtp/params.h"
#include "gateway/smtp/rdns.h"
#include "security/tls.h"

struct smtpd;

struct smtpd_rcpt {
    struct smtp_path path;
    struct smtp_rcpt_params params;
    void *user; /* the owner's, from the transaction's arena */
};
/* One mail transaction, from MAIL to the verdict on its data. */
struct smtpd_mail {
    struct arena *arena; /* freed with the transaction */
    union endpoint peer;
    struct str client; /* name of the peer, confirmed; "" none */
    enum rdns_status client_status, helo_status;
    struct str helo;
    bool esmtp;
    const char *tls;         /* facts for Received, "" without TLS */
    struct smtp_path sender; /* null path: empty */
    struct smtp_mail_params params;
    struct smtpd_rcpt *rcpt;
    size_t nrcpt;
    /* What the owner puts in front (ops->begin), then what came: CRLF lines, dots removed; with
     * params.binary the octets as sent. */
    struct body_writer *content;
    size_t front;     /* octets of that */
    bool passing;     /* the owner's, at ops->begin: see body_writer_passing */
    void *user;       /* the owner's */
    struct str login; /* who signed on (AUTH), "" nobody */
    struct smtpd_session *session;
};
/* Where the owner may have others (filters) look before the client is answered. */
enum smtpd_stage {
    SMTPD_AT_CONNECT,
    SMTPD_AT_HELO,
    SMTPD_AT_MAIL,
    SMTPD_AT_RCPT,
    SMTPD_AT_DATA,
    SMTPD_AT_REFUSED, /* a recipient was refused: only a 421 makes a difference */
    SMTPD_AT_UNKNOWN, /* so was a command; a no is said instead of ours */
    SMTPD_AT_LOGIN    /* never asked of gate */
};
#define SMTPD_LATER 1
/* What is known of a session at such a place; borrowed until the return to the loop. */
struct smtpd_facts {
    const union endpoint *peer, *local; /* as the PROXY header says */
    bool trusted, submission;
    const struct rdns_result *client; /* what the DNS says of it, as far as is known */
    struct str helo;                  /* "" before HELO */
    bool esmtp;
    const char *tls;               /* "" without TLS */
    const char *login;             /* who signed on, NULL nobody */
    struct smtpd_mail *mail;       /* from SMTPD_AT_MAIL on */
    const struct smtpd_rcpt *rcpt; /* at SMTPD_AT_RCPT and _REFUSED: not (yet) one of mail->rcpt */
    const struct why *refusal;     /* at SMTPD_AT_REFUSED */
    struct str command;            /* at SMTPD_AT_UNKNOWN: the line */
};
struct smtpd_ops {
    /* Verdict on MAIL and RCPT: 0 to accept, else negative with *w (code and text of the reply). */
    int (*mail)(void *arg, struct smtpd_mail *m, struct why *w);
    int (*rcpt)(void *arg, struct smtpd_mail *m, struct smtpd_rcpt *r, struct why *w);
    /* Content is about to come: answers what is to stand in front of it (our trace), which counts
     * for no limit. May be NULL. */
    struct str (*begin)(void *arg, struct smtpd_mail *m);
    /* End of data. The owner answers once, now or later, with smtpd_verdict(m, ...). It may take
     * m->content (setting it NULL); everything else in m is freed after the verdict. When the
     * session dies first, m stays until the verdict is given. */
    void (*data)(void *arg, struct smtpd_mail *m);
    /* For the log: a session's notable event ("refused", "closed", "limit"); may be NULL. */
    void (*event)(void *arg, const union endpoint *peer, const char *event, const struct why *w);
    /* The client is here, its address known; the greeting comes later. May be NULL. */
    void (*arrived)(void *arg, struct smtpd_session *s);
    /* Asked, unless NULL, where the answer would be yes: 0 it is; negative: no, with *w (421 ends
     * the session, at SMTPD_AT_CONNECT every no does); SMTPD_LATER: the client waits, and nothing
     * it sends is read, until smtpd_answer. */
    int (*gate)(void *arg, struct smtpd_session *s, enum smtpd_stage stage, struct why *w);
    /* Is this the user's password? As gate; NULL: nobody signs on. Borrowed for the call. */
    int (*login)(void *arg, struct smtpd_session *s, struct str user, struct str password,
                 struct why *w);
    /* The session ends, a question not yet answered with it; may be NULL. A mail already given to
     * `data` lives on, with its session NULL. */
    void (*gone)(void *arg, struct smtpd_session *s);
    /* Is this client exempt from the limits a client has and the greeting's pause? NULL: loopback
     * is. */
    bool (*trusted)(void *arg, const union endpoint *peer);
};
/* What is particular to one listener; must outlive its sessions. */
struct smtpd_door {
    bool submission; /* AUTH is offered within TLS, and no MAIL is taken before it (RFC 6409) */
    bool proxy;      /* a PROXY header comes first, and tells who the client is */
    bool tls;        /* TLS from the first byte */
    bool no_tls;     /* STARTTLS is not offered */
    bool must_tls;   /* 530 to all but what begins TLS (RFC 3207 4) */
};
struct smtpd_set {
    struct loop *loop;
    struct store *store;
    const char *hostname;
    uint64_t max_size;       /* MAXMAILBYTES, 0: 104857600 */
    unsigned max_rcpt;       /* per message, 0: 1000 */
    unsigned max_sessions;   /* in all, 0: 12000; more get 421 */
    unsigned max_per_client; /* 0: 50; trusted clients are exempt */
    unsigned max_errors;     /* wrong commands before 421, 0: 20 */
    unsigned max_line;       /* octets of a command line with CRLF, 0: 2048; to SMTP_COMMAND_MAX */
    unsigned max_junk; /* NOOP, RSET, VRFY and the like between two mails, 0: 100; each more is
                          an error */
    /* Of one session and, by time, of one client; 0: no limit. Trusted clients are exempt. */
    uint64_t max_messages, max_recipients, max_bytes;
    struct smtpd_rate rate[SMTPD_KINDS];
    int64_t tarpit_ms;   /* a pause behind each error once half of max_errors were made; 0: none */
    uint64_t least_rate; /* octets a second that content must come with on the whole, 0: 500 */
    int64_t session_ms;  /* life of a session between two mails, 0: 3600000 */
    unsigned disallow;   /* DISALLOWCMD: SMTP_NO_... */
    int64_t idle_ms;     /* INACTIVE, 0: 300000 */
    const struct tls *tls; /* STARTTLS is offered while it has a certificate; NULL: never */
    int64_t greet_ms;      /* GREETPAUSE: who speaks before the greeting is refused; 0: one turn */
};
struct smtpd *smtpd_new(const struct smtpd_set *set, const struct smtpd_ops *ops, void *arg);
/* At once, sessions and all; not from within an op. Mails given to the owner stay until his
 * verdict. */
void smtpd_free(struct smtpd **d);
/* Other limits and times from now on; loop and store stay. */
void smtpd_configure(struct smtpd *d, const struct smtpd_set *set);
/* A new connection; takes it. door NULL: nothing particular. */
void smtpd_take(struct smtpd *d, struct stream *s, const struct smtpd_door *door);
/* The answer to a gate that said SMTPD_LATER, once, from a later turn; w NULL: yes. The session may
 * be gone afterwards. */
void smtpd_answer(struct smtpd_session *s, const struct why *w);
void smtpd_facts(const struct smtpd_session *s, struct smtpd_facts *out);
/* What the DNS says of the client; of the name it gave at the last HELO. */
void smtpd_know_client(struct smtpd_session *s, const struct rdns_result *r);
void smtpd_know_helo(struct smtpd_session *s, enum rdns_status status);
/* Places for the owner's own, NULL at first. */
enum smtpd_slot { SMTPD_CALLER, SMTPD_FILTERS, SMTPD_SLOTS };
void **smtpd_user(struct smtpd_session *s, enum smtpd_slot slot);
/* Verdict on the data: w NULL accepts and says "2.0.0 Queued as <id>". */
void smtpd_verdict(struct smtpd_mail *m, msg_id id, const struct why *w);
/* Stop taking: new sessions and new MAIL get 421; open transactions go on. */
void smtpd_drain(struct smtpd *d);
unsigned smtpd_sessions(const struct smtpd *d);

#endif
