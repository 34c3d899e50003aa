/* gateway/mail/rewrite.h -- header rewriting: the SMTP RULES language (docs/REWRITE.md) and its use
 * on the address fields of a header. Pure: no log, no file; the gateway reads the file and answers
 * what only it knows through struct rules_ask. */
#ifndef GATEWAY_MAIL_REWRITE_H
#define GATEWAY_MAIL_REWRITE_H

#include "base/arena.h"
#include "base/bytes.h"

#define RULES_TEXT_MAX (1u << 20)  /* bytes of a rules file */
#define RULES_MAX 2000u            /* rules in it */
#define RULES_ADDRESS_MAX 1000u    /* bytes of an address that is looked at */
#define RULES_FIELD_MAX (1u << 20) /* bytes of a rewritten field */

/* What the single-valued keywords stand for; "" is IBM's null. Copied by rules_parse. */
struct rules_env {
    struct str host;                         /* TCPHostName; ShortTCPHostName is its first label */
    struct str domain;                       /* TCPHostNameDomain */
    struct str node;                         /* RSCSHostName, NJEHostName */
    struct str rscs_domain, alt_rscs_domain; /* RSCSDOMAIN, ALTRSCSDOMAIN */
    const struct str *alt_host;              /* ALTTCPHOSTNAME */
    size_t nalt_host;
    bool secure; /* SecureNickAddr and SecureNickName have values: rules_ask answers them */
};

/* What the keywords with many values match. A NULL member matches nothing. Strings that an answer
 * points to must live until the next question. */
struct rules_ask {
    void *arg;
    /* AnyRSCSHostName: is this unqualified name a node? */
    bool (*is_node)(void *arg, struct str name);
    /* SecureNickAddr: the nickname of user@node (his primary_mbox row); false without one. */
    bool (*nick_of)(void *arg, struct str user, struct str node, struct str *nick);
    /* SecureNickName: whose nickname it is. */
    bool (*addr_of)(void *arg, struct str nick, struct str *user, struct str *node);
    /* An address that has an Internet mailbox of its own whatever the rules say (LOCALUSER MBOX, a
     * nickname); asked before the first rule. */
    bool (*mailbox)(void *arg, struct str local, struct str domain, struct str *mailbox);
};

struct rules;
/* Told of each error of a rules file. */
typedef void rules_report_fn(void *arg, unsigned line, const char *text);
/* Read a rules file. Every error goes to report (may be NULL), the first one also to *w with its
 * line. NULL when there was any. */
struct rules *rules_parse(const struct rules_env *env, struct str text, rules_report_fn *report,
                          void *arg, struct why *w);
/* How many rules, and how many of them (*ignored, may be NULL) a keyword without value makes void.
 */
size_t rules_count(const struct rules *r, size_t *ignored);
void rules_free(struct rules **r); /* accepts NULL inside, clears the pointer */
/* The rule set in force when no file is named. */
const char *rules_default(bool secure);

/* Told of each rule that was tried on an address, in order. line 0: rules_ask.mailbox answered. The
 * rule is in one line, comments left out; result is "" unless it matched. */
typedef void rules_trace_fn(void *arg, struct str address, unsigned line, struct str rule,
                            bool matched, struct str result);

/* One use of the rules: whose mail it is, and who looks on. */
struct rules_use {
    const struct rules *rules;
    const struct rules_ask *ask; /* NULL: the keywords with many values match nothing */
    struct str origin;           /* node that completes an address without one; "" leaves it */
    rules_trace_fn *trace;       /* NULL: none */
    void *trace_arg;
};

/* Is this field in the fields of any rule? */
bool rules_covers(const struct rules *r, struct str field);
/* Rewrite one address, local@domain without blanks and comments, as it stands in the named field.
 * 1: a rule applied, its result appended to out (perhaps the same text); 0: none, nothing appended;
 * E_LIMIT: too long, or too many ways to match. */
int rules_address(const struct rules_use *u, struct str field, struct str address, struct buf *out,
                  struct why *w) MUST_CHECK;
/* Append the field's value (folded or not) with its addresses rewritten; all around them stays byte
 * for byte. 1: changed; 0: appended as it was; E_SYNTAX: the value is no address list, E_LIMIT: as
 * above: nothing appended, leave the field alone. */
int rules_field(const struct rules_use *u, struct str field, struct str value, struct buf *out,
                struct why *w) MUST_CHECK;

/* The parsed rule set for people: aliases with their fields, rules with their lines, a line each
 * (LF). */
void rules_print(const struct rules *r, struct buf *out);

#endif
