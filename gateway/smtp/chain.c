/* gateway/smtp/chain.c -- the filters of one client, asked one after the other. */
#include "gateway/smtp/chain.h"

#include <stdlib.h>

#include "base/mem.h"

struct member {
    struct chain *c;
    const struct chain_filter *filter;
    struct milter_talk *talk;
    enum milter_place
        told;     /* what it was told last or is being told; meaning nothing without talk */
    bool greeted; /* it was told of the connection */
    bool off;     /* it wants no more of this connection */
    bool past;    /* nor of this mail */
    bool broken;
};
struct chain {
    const struct chain_set *set;
    chain_fn *fn;
    void *arg;
    struct milter_facts facts;
    struct milter_mail *mail;
    enum milter_place place; /* what the owner asks about */
    size_t at;               /* the member being asked */
    bool discard;
    struct member member[];
};

static milter_fn said;

struct chain *chain_new(const struct chain_set *set, chain_fn *fn, void *arg)
{
    struct chain *c = mem_new(sizeof *c + set->n * sizeof c->member[0]);
    c->set = set;
    c->fn = fn;
    c->arg = arg;
    for (size_t i = 0; i < set->n; i++)
        c->member[i] = (struct member){.c = c, .filter = &set->filter[i]};
    return c;
}

void chain_free(struct chain **cp)
{
    struct chain *c = *cp;
    if (c == NULL)
        return;
    *cp = NULL;
    for (size_t i = 0; i < c->set->n; i++)
        milter_talk_free(&c->member[i].talk);
    free(c);
}

struct milter_facts *chain_facts(struct chain *c)
{
    return &c->facts;
}

bool chain_discards(const struct chain *c)
{
    return c->discard;
}

/* A mail begins: what filters were told of another is over, and those that failed are tried anew.
 */
static void new_mail(struct chain *c)
{
    c->discard = false;
    for (size_t i = 0; i < c->set->n; i++) {
        struct member *m = &c->member[i];
        m->past = false;
        if (m->broken) {
            milter_talk_free(&m->talk);
            m->broken = m->greeted = false;
        } else if (m->talk != NULL) {
            milter_abort(m->talk);
        }
    }
}

/* What this filter has to be told before the question at hand: one that is new to the session
 * learns of the connection and the HELO first. */
static enum milter_place next_place(const struct member *m)
{
    enum milter_place place = m->c->place;
    if (!m->greeted)
        return MILTER_AT_CONNECT;
    if (place != MILTER_AT_HELO && m->told == MILTER_AT_CONNECT && m->c->facts.helo.n > 0)
        return MILTER_AT_HELO;
    return place;
}

/* Ask this member as far as it goes without waiting. True: it answers later. */
static bool ask_member(struct member *m)
{
    struct chain *c = m->c;
    enum milter_place place;
    if (m->talk == NULL)
        m->talk = milter_talk_new(c->set->filter[c->at].milter, &c->facts, said, m);
    do {
        place = next_place(m);
        m->told = place;
        m->greeted = true;
        if (place == MILTER_AT_EOM ? milter_content(m->talk, c->mail) : milter_ask(m->talk, place))
            return true;
    } while (place != c->place);
    return false;
}

/* From the member at c->at on; true: one of them answers later. */
static bool ask_on(struct chain *c)
{
    for (; c->at < c->set->n && !c->discard; c->at++) {
        struct member *m = &c->member[c->at];
        if (!m->off && !m->past && !(m->broken && m->filter->absent == CHAIN_ACCEPT) &&
            ask_member(m))
            return true;
    }
    return false;
}

static void finish(struct chain *c, const struct why *w)
{
    c->fn(c->arg, w);
}

/* What is said for a filter that cannot be asked. */
static void absent(const struct member *m, struct why *w)
{
    bool at_connect = m->c->place == MILTER_AT_CONNECT;
    if (m->filter->absent == CHAIN_REFUSE)
        (void)why_set(w, E_DENIED, 554, "5.7.1", "The mail filter here is not available");
    else
        (void)why_set(w, E_TEMP, at_connect ? 421 : 451, "4.7.1",
                      "The mail filter here is not available, try again later");
}

static void said(void *arg, enum milter_verdict v, const struct why *w)
{
    struct member *m = arg;
    struct chain *c = m->c;
    struct why none;
    bool whole = m->told == MILTER_AT_CONNECT || m->told == MILTER_AT_HELO;
    bool refused = c->place == MILTER_AT_REFUSED || c->place == MILTER_AT_UNKNOWN;
    switch (v) {
    case MILTER_BROKEN:
        m->broken = true;
        if (c->set->failed != NULL)
            c->set->failed(c->set->arg, m->filter->name, w);
        if (m->filter->absent != CHAIN_ACCEPT && !refused) {
            absent(m, &none);
            finish(c, &none);
            return;
        }
        c->at++;
        break;
    case MILTER_REFUSE:
        if (m->told == MILTER_AT_REFUSED && why_smtp(w) != 421) {
            c->at++; /* it is refused anyway */
            break;
        }
        finish(c, w);
        return;
    case MILTER_ACCEPT:
        *(whole ? &m->off : &m->past) = true;
        c->at++;
        break;
    case MILTER_DISCARD:
        c->discard = true;
        break;
    case MILTER_GO_ON:
        if (m->told == c->place)
            c->at++;
        break;
    }
    if (!ask_on(c))
        finish(c, NULL);
}

bool chain_ask(struct chain *c, enum milter_place place)
{
    c->place = place;
    c->at = 0;
    if (place == MILTER_AT_MAIL)
        new_mail(c);
    return ask_on(c);
}

bool chain_content(struct chain *c, struct milter_mail *mail)
{
    c->mail = mail;
    c->place = MILTER_AT_EOM;
    c->at = 0;
    return ask_on(c);
}
