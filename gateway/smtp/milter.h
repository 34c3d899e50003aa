/* gateway/smtp/milter.h -- the mail server's side of the milter protocol (Sendmail's, version 6),
 * as an incremental machine over a stream: a filter, and conversations with it.
 *
 * A conversation is about one client: its connection, then any number of mails. The connection to
 * the filter is made with the first question and serves all of them. A filter that does not connect
 * in time is left alone for a while (10 s, doubling to 2 minutes): conversations fail at once then,
 * but for one that tries. Nothing here waits: a question is answered through milter_fn. */
#ifndef GATEWAY_SMTP_MILTER_H
#define GATEWAY_SMTP_MILTER_H

#include "base/loop.h"
#include "base/stream.h"
#include "gateway/smtp/milter_mail.h"
#include "gateway/smtp/milter_wire.h"

struct milter_set {
    struct loop *loop;
    struct str path;    /* of a socket in the file system, NUL-terminated; "" none: */
    union endpoint at;  /* the filter's address */
    int64_t connect_ms; /* to connect and agree on options, 0: 30000 */
    int64_t command_ms; /* for the answer to one command, and to take what is sent, 0: 30000 */
    int64_t content_ms; /* for the verdict at the end of a mail, 0: 300000; progress told prolongs
                         * a wait, to four times as long at most */
};
struct milter_stat {
    unsigned open; /* conversations */
    uint64_t mails, refused, failed;
    struct why why;   /* of the last failure; text "" none yet */
    bool broken;      /* the last conversation failed */
    int64_t total_ms; /* waits at the end of mails */
};
/* A filter. The strings of the set are borrowed. */
struct milter;
struct milter *milter_new(const struct milter_set *set);
void milter_free(struct milter **m); /* when the last of its conversations is freed */
const struct milter_stat *milter_stat(const struct milter *m);

/* What is known of the client and its mail, as the conversations about it find it when they are
 * asked: it is kept up to date and outlives them. Strings are borrowed. */
#define MILTER_MACROS_MAX 48
struct milter_facts {
    struct str client_name; /* "[192.0.2.1]" when it has none */
    union endpoint peer;    /* family AF_UNSPEC: not from the net */
    struct str helo;
    struct str sender, sender_params; /* without <>; ESMTP words */
    struct str rcpt, rcpt_params;     /* the one asked about */
    struct str command;               /* the unknown one */
    struct {
        struct str name, value;
    } macro[MILTER_MACROS_MAX];
    size_t nmacro;
};
/* Set or replace a macro; "{client_addr}", "j". One of value "" is not sent. */
void milter_macro_set(struct milter_facts *f, const char *name, struct str value);

enum milter_verdict {
    MILTER_GO_ON,
    MILTER_ACCEPT,  /* this connection, mail or recipient needs no further look by this filter */
    MILTER_DISCARD, /* say yes and throw the mail away */
    MILTER_REFUSE,  /* say *w: 4xx or 5xx; 421 ends the session */
    MILTER_BROKEN, /* the filter is absent, slow or talks nonsense (*w): the conversation is over */
};
/* May free the conversation, or ask again. */
typedef void milter_fn(void *arg, enum milter_verdict v, const struct why *w);

struct milter_talk;
struct milter_talk *milter_talk_new(struct milter *m, const struct milter_facts *f, milter_fn *fn,
                                    void *arg);
/* Tell the filter of the next thing: connection, HELO, sender, a recipient, DATA, the content, or
 * anywhere of an unknown command. One question at a time, in the protocol's order. True: the
 * verdict comes in a later turn. False: it need not be asked, or does not answer to this: go on. */
bool milter_ask(struct milter_talk *t, enum milter_place place) MUST_CHECK;
/* The header, the body and the end (MILTER_AT_EOM) of a mail, which stays as it is until the
 * verdict; with MILTER_GO_ON and MILTER_ACCEPT the filter's changes are done to it. */
bool milter_content(struct milter_talk *t, struct milter_mail *mail) MUST_CHECK;
/* The mail it was told of goes no further: what comes next is another MAIL. No question may be
 * open. */
void milter_abort(struct milter_talk *t);
void milter_talk_free(struct milter_talk **t); /* at any time */

#endif
