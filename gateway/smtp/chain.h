/* gateway/smtp/chain.h -- the filters of one client, asked one after the other: each sees the mail
 * as those before it left it; the first refusal ends the question. What is said while a filter is
 * absent, slow or mad is configured for each. */
#ifndef GATEWAY_SMTP_CHAIN_H
#define GATEWAY_SMTP_CHAIN_H

#include "gateway/smtp/milter.h"

enum chain_absent {
    CHAIN_DEFER,  /* 4xx: try again later */
    CHAIN_ACCEPT, /* go on without it; it is tried again with the next mail */
    CHAIN_REFUSE, /* 5xx */
};
struct chain_filter {
    struct milter *milter;
    enum chain_absent absent;
    struct str name;
};
struct chain_set { /* lives as long as its chains */
    const struct chain_filter *filter;
    size_t n;
    /* For the log: that filter failed, w tells. */
    void (*failed)(void *arg, struct str name, const struct why *w);
    void *arg;
};
/* w NULL: go on. */
typedef void chain_fn(void *arg, const struct why *w);

struct chain;
struct chain *chain_new(const struct chain_set *set, chain_fn *fn, void *arg);
void chain_free(struct chain **c); /* at any time, also in its callback */
/* To be filled before the question they belong to. */
struct milter_facts *chain_facts(struct chain *c);
/* As milter_ask: true: the verdict comes in a later turn; false: go on. MILTER_AT_MAIL begins a
 * mail; an earlier one not seen to its end is given up. MILTER_AT_REFUSED and MILTER_AT_UNKNOWN
 * tell of a no that is certain: a filter that fails there makes no difference yet. */
bool chain_ask(struct chain *c, enum milter_place place) MUST_CHECK;
bool chain_content(struct chain *c, struct milter_mail *mail) MUST_CHECK;
bool chain_discards(const struct chain *c); /* the mail at hand is to be thrown away unsaid */

#endif
