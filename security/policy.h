/* security/policy.h -- who may: facts in, verdict out. Pure. */
#ifndef SECURITY_POLICY_H
#define SECURITY_POLICY_H

#include "base/bytes.h"

enum policy_source {
    FROM_INTERNET,
    FROM_NJE,
    FROM_LOCAL,  /* njegate itself */
    FROM_SIGNED, /* who signed on at a SUBMISSION listener */
};
enum policy_target {
    TO_LOCAL_USER, /* a LOCALUSER, postmaster */
    TO_NJE_USER,   /* a user at a node we have a route to */
    TO_UNKNOWN_NODE,
    TO_UNKNOWN_USER, /* a bare name or local node user we do not know */
    TO_NICKNAME,     /* a nickname whose target is an Internet mailbox */
    TO_INTERNET,
};
struct policy_facts {
    enum policy_source source;
    enum policy_target target;
    bool gateway;            /* GATEWAY is coded */
    bool neighbour_is_local; /* the NJE source is a user of our own node */
    struct str recipient;    /* for the text */
};
/* 0 allowed; E_DENIED or E_ABSENT with reply code, enhanced code and text. */
int policy_rcpt(const struct policy_facts *f, struct why *w) MUST_CHECK;

/* May an NJE user send or receive mail through the gateway at all? */
struct policy_user {
    bool secure;     /* SECURE is coded */
    bool registered; /* he is in the security table */
    bool restricted; /* RESTRICT names him */
    struct str user; /* for the text: USER@NODE, or the name that was tried */
};
/* 0, or E_DENIED 550 5.7.1. */
int policy_user(const struct policy_user *u, struct why *w) MUST_CHECK;

#endif
