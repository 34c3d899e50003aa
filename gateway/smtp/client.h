/* gateway/smtp/client.h -- one SMTP or LMTP conversation after another with one destination:
 * connects to the first of its targets that answers, sends message after message over the
 * connection (pull model: the owner is asked for the next), one verdict for each recipient, lingers
 * a little, says QUIT. RFC 5321; RFC 2033 (LMTP: each recipient has an answer of his own behind the
 * dot).
 *
 * Targets are walked in order (those of one host with the address family last that failed lately):
 * when one cannot be connected, greets with 4xx or 5xx, refuses both
 * EHLO and HELO or is lost before the first message, the next is tried. An idle connection that the
 * server closed just as the next message began (closed, or 421 to MAIL) is opened anew, once for a
 * message. */
#ifndef GATEWAY_SMTP_CLIENT_H
#define GATEWAY_SMTP_CLIENT_H

#include "base/stream.h"
#include "db/message.h"
#include "gateway/smtp/syntax.h"
#include "security/tls.h"
#include "security/tlsa.h"

struct smtpc;

struct smtp_target {
    union endpoint at;
    char name[256];    /* the host's name for logs and TLS */
    char path[108];    /* a socket in the file system instead of `at`; "" none */
    struct tlsa *tlsa; /* DANE: what its certificate must match; NULL: no such record */
};
/* Everything it points to is borrowed until done(). */
struct smtpc_job {
    void *ref;         /* the owner's */
    struct str sender; /* mailbox or "" */
    const struct str *rcpt;
    size_t nrcpt;
    struct cur content; /* RFC 5322 with CRLF lines; valid until done() */
    bool eightbit;      /* holds bytes over 127 */
    bool utf8;          /* its header holds them as RFC 6532 says: only for hosts with SMTPUTF8 */
    /* Of the recipients, given to hosts that offer DSN (RFC 3461) with ret and envid; NULL: their
     * sender asked for nothing. */
    const struct smtpc_notify *notify;
    enum ret ret;
    struct str envid;
};
struct smtpc_notify {
    unsigned notify;  /* NOTIFY_ bits, 0 none */
    struct str orcpt; /* "rfc822;user@host" decoded, "" none */
};
/* A message that a target puts off before its content is under way (4xx to MAIL, 421, a broken
 * connection) goes on to the next targets, two at most (RFC 5321 5.1); so do single recipients
 * (4xx to RCPT) of the first message over a connection, but for what is their mailbox's own (4.2).
 * From within these, smtpc_quit is allowed, and smtpc_free but for next() when it gives a message.
 */
struct smtpc_ops {
    /* The next message for this destination; false: none now. */
    bool (*next)(void *arg, struct smtpc *c, struct smtpc_job *job);
    /* The message goes over another connection: its content as that host takes it. NULL: as it
     * is. */
    void (*fit)(void *arg, struct smtpc *c, struct smtpc_job *job);
    /* Verdict for one recipient: w NULL taken. why_is_temp tells what may be tried again. The text
     * begins "host mx.example[192.0.2.1]:25 said: " when it is the server's own. */
    void (*rcpt)(void *arg, struct smtpc *c, void *ref, size_t index, const struct why *w);
    /* All recipients of the job have their verdict; the content is not used any more. */
    void (*done)(void *arg, struct smtpc *c, void *ref);
    /* The conversation is over and freed after this call. Every job given has had its verdicts and
     * done() before. w not NULL is a reason to leave the destination alone for a while: no target
     * could be used (always temporary, also after 5xx greetings; the last target's reason), or the
     * connection broke, timed out, lost its order or was ended with 421 before it answered for a
     * single message. NULL: in peace, or at least one message was answered over the last connection
     * (what then broke has told its recipients), or an idle connection was closed by the server. */
    void (*closed)(void *arg, struct smtpc *c, const struct why *w);
    /* With set->look, else NULL: VERIFY would not have sent over this connection, for this reason.
     */
    void (*weak)(void *arg, struct smtpc *c, const struct why *w);
};
/* MAY: where it is offered; when it then fails the target is tried once more in the clear.
 * ENCRYPT: never in the clear; a target without it is none (4.7.4, 4.7.5). Certificates are not
 * checked: this keeps listeners out, not those who pose as the target. VERIFY: the certificate must
 * be trusted and name the target. DANE: the target must have TLSA records.
 * A target with TLSA records is used by them whatever the policy says, but for NO (RFC 7672 2.2):
 * its certificate must match one; when none of them is usable it must encrypt, or more when the
 * policy says so. */
enum smtpc_tls {
    SMTPC_TLS_NO,
    SMTPC_TLS_MAY,
    SMTPC_TLS_ENCRYPT,
    SMTPC_TLS_STS, /* as VERIFY, by the domain's own policy (RFC 8461) */
    SMTPC_TLS_VERIFY,
    SMTPC_TLS_DANE
};
/* A family of addresses at which a host could not be reached that was reached at the other: until
 * then it is tried last. One for all conversations, all zero at birth. */
struct smtp_families {
    struct mono six_last, four_last;
};
struct smtpc_set {
    struct loop *loop;
    const char *helo;
    int64_t connect_ms;    /* per address, 0: 30000; 5000 at most where the other family follows */
    int64_t command_ms;    /* greeting HELO MAIL RCPT RSET, 0: 300000 */
    int64_t data_ms;       /* DATA 354, 0: 120000 */
    int64_t block_ms;      /* progress of content, 0: 180000 */
    int64_t dot_ms;        /* answer to the dot, 0: 600000 */
    int64_t linger_ms;     /* idle connection kept for more, 0: 5000 */
    const struct tls *tls; /* NULL: no STARTTLS */
    enum smtpc_tls tls_policy;
    bool look; /* with MAY and ENCRYPT: tell ops->weak */
    bool lmtp;
    /* Sign on (RFC 4954) with the best of SCRAM-SHA-256, SCRAM-SHA-1, PLAIN, LOGIN, the last two
     * only within TLS or to our own machine. A target that does not let us in is none. NULL: do
     * not. Borrowed until the conversation is over. */
    const char *user, *password;
    unsigned max_messages; /* per connection, 0: 1000 */
    /* Local address to send from; any other family and the null pointer: the system's choice. */
    const union endpoint *from;
    struct smtp_families *families; /* borrowed; NULL: nothing is remembered */
};
/* targets are copied, their tlsa too, in order of preference. No callback runs inside. */
struct smtpc *smtpc_new(const struct smtpc_set *set, const struct smtp_target *targets,
                        size_t ntargets, const struct smtpc_ops *ops, void *arg);
/* More is there for this destination: ask next() if idle. next(), and the verdicts of a message
 * that cannot be sent here, may run inside. */
void smtpc_kick(struct smtpc *c);
bool smtpc_eightbit(const struct smtpc *c);    /* this host takes 8-bit text (8BITMIME) */
bool smtpc_dsn(const struct smtpc *c);         /* this host reports itself (DSN) */
bool smtpc_idle(const struct smtpc *c);        /* connected and lingering */
const char *smtpc_peer(const struct smtpc *c); /* "mx.example[192.0.2.1]:25" for logs */
/* "TLSv1.3 TLS_AES_256_GCM_SHA384 verified" (dane, unverified) of the connection, "" in the clear.
 */
const char *smtpc_tls_facts(const struct smtpc *c);
/* Finish the message under way, then QUIT. closed() comes later, never inside. */
void smtpc_quit(struct smtpc *c);
void smtpc_free(struct smtpc **c); /* at once: verdicts E_GONE, done(), no closed() */

#endif
