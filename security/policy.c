/* security/policy.c -- who may send where, as one table of source and target. */
#include "security/policy.h"

/* Facts that a refusal depends on. */
struct refusal {
    enum err err; /* OK: allowed */
    int smtp;
    const char *enh;
    const char *text; /* after the recipient */
};

static const struct refusal allowed = {.err = OK};
static const struct refusal relay = {E_DENIED, 550, "5.7.1",
                                     "relaying denied: this gateway passes mail to NJE users only"};
static const struct refusal nickname = {
    E_DENIED, 550, "5.7.1", "relaying denied: the nickname stands for an Internet mailbox"};
static const struct refusal not_gateway = {
    E_DENIED, 550, "5.7.1", "this system is no gateway between NJE and the Internet"};
static const struct refusal unknown_node = {E_ABSENT, 550, "5.1.2",
                                            "there is no route to the NJE node"};
static const struct refusal unknown_user = {E_ABSENT, 550, "5.1.1", "no such user here"};

/* Mail that crosses between the networks needs GATEWAY; a user of our own node is at home in both.
 */
static const struct refusal *judge(const struct policy_facts *f)
{
    bool outside = f->source == FROM_INTERNET;
    bool at_home = f->source == FROM_LOCAL || f->source == FROM_SIGNED ||
                   (f->source == FROM_NJE && f->neighbour_is_local);
    switch (f->target) {
    case TO_LOCAL_USER:
        return &allowed;
    case TO_UNKNOWN_USER:
        return &unknown_user;
    case TO_UNKNOWN_NODE:
        return f->gateway || at_home ? &unknown_node : &not_gateway;
    case TO_NJE_USER:
        return f->gateway || at_home ? &allowed : &not_gateway;
    case TO_NICKNAME:
        return outside ? &nickname : f->gateway || at_home ? &allowed : &not_gateway;
    case TO_INTERNET:
        return outside ? &relay : f->gateway || at_home ? &allowed : &not_gateway;
    }
    return &unknown_user;
}

int policy_rcpt(const struct policy_facts *f, struct why *w)
{
    const struct refusal *r = judge(f);
    if (r->err == OK)
        return 0;
    return why_set(w, r->err, r->smtp, r->enh, "%.*s: %s", STR_ARG(str_sub(f->recipient, 0, 200)),
                   r->text);
}

int policy_user(const struct policy_user *u, struct why *w)
{
    struct str user = str_sub(u->user, 0, 200);
    if (u->restricted)
        return why_set(w, E_DENIED, 550, "5.7.1", "User '%.*s' may not use this gateway (RESTRICT)",
                       STR_ARG(user));
    if (u->secure && !u->registered)
        return why_set(w, E_DENIED, 550, "5.7.1", "User '%.*s' is not a registered gateway user",
                       STR_ARG(user));
    return 0;
}
