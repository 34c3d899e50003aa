/* gateway/dsn.h -- the news that a mail could not be delivered, or is late, to its sender in his
 * own world: RFC 3464 to the Internet, a note and a one-line message to an NJE user. Notices have
 * no sender: nothing comes back for them. */
#ifndef GATEWAY_DSN_H
#define GATEWAY_DSN_H

#include "gateway/intake.h"

/* RELAYED: taken by a host or network that does not report itself. EXPANDED: a list, sent on to its
 * members. */
enum dsn_kind { DSN_FAILED, DSN_DELAYED, DSN_DELIVERED, DSN_RELAYED, DSN_EXPANDED };
struct dsn_rcpt {
    struct str addr; /* as the sender knows it */
    const struct why *why;
    unsigned notify; /* NOTIFY_ bits: who did not ask for this kind is left out (RFC 3461) */
    struct str orcpt;
};
struct dsn_rcpt dsn_rcpt_of(const struct rcpt *to, const struct why *why);
/* Add the notice to an intake; one to the Internet that filters are to see (MILTER .. REPORTS)
 * when it is committed. A message without sender gets none (a journal row says so). */
void dsn_add(struct gate *g, struct intake *in, enum dsn_kind kind, struct message *m,
             const struct dsn_rcpt *rcpt, size_t n);
/* Take a report as it is now: `action` ("failed") of the message `about`. */
int dsn_take(struct gate *g, struct intake *in, const struct mail *report, const char *action,
             msg_id about, struct why *w) MUST_CHECK;
/* A refusal at the NJE door: a file of this user was not taken. Note and message. quote: the start
 * of its text. */
void dsn_refused_file(struct gate *g, struct intake *in, struct str user, struct str node,
                      struct str subject, struct str recipient, const struct why *why,
                      struct str quote);

/* A note from SMTP at LOCAL with this text. */
void dsn_note(struct gate *g, struct intake *in, struct str user, struct str node,
              struct str subject, struct str text);

#endif
