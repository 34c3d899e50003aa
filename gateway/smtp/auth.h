/* gateway/smtp/auth.h -- signing on at another's server: RFC 4954 with SCRAM (RFC 5802, 7677),
 * PLAIN (RFC 4616) and LOGIN. No network here: words in, words out. The only includer of gsasl.h.
 *
 * SCRAM proves the password without showing it, and the server must prove that it knows it, too; a
 * server may ask for no more hashing than AUTH_ROUNDS_MAX, for it is our thread that hashes. */
#ifndef GATEWAY_SMTP_AUTH_H
#define GATEWAY_SMTP_AUTH_H

#include "base/bytes.h"

#define AUTH_ROUNDS_MAX 250000u

enum smtp_auth_how { /* the best last */
                     AUTH_LOGIN = 1,
                     AUTH_PLAIN = 2,
                     AUTH_SCRAM_SHA_1 = 4,
                     AUTH_SCRAM_SHA_256 = 8
};
struct smtp_auth;
struct smtp_auth_set {
    const char *user, *password, *host; /* copied */
    unsigned offered;                   /* bits of enum smtp_auth_how */
    bool sealed;                        /* nobody listens: the password itself may be sent */
};

/* The mechanisms in the words of an EHLO line behind AUTH. */
unsigned smtp_auth_offered(struct str words);
/* Takes the best mechanism; what follows "AUTH " goes to out. NULL with *w when none will do. */
struct smtp_auth *smtp_auth_new(const struct smtp_auth_set *set, struct buf *out, struct why *w);
/* The text of a 334 reply; our answer goes to out. */
int smtp_auth_step(struct smtp_auth *a, struct str challenge, struct buf *out,
                   struct why *w) MUST_CHECK;
/* The server says yes (235): has it shown what it owes? */
int smtp_auth_end(struct smtp_auth *a, struct why *w) MUST_CHECK;
void smtp_auth_free(struct smtp_auth **a);

#endif
