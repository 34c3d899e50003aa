/* gateway/gate/filter.h -- the filters (MILTER) at both doors. A client's filters are asked at each
 * place of its SMTP session; mail from NJE on its way to the Internet is shown to its filters in a
 * session made up for it. Nothing is acknowledged before they have spoken. */
#ifndef GATEWAY_GATE_FILTER_H
#define GATEWAY_GATE_FILTER_H

#include "gateway/gate/gate.h"
#include "gateway/smtp/chain.h"
#include "gateway/smtp/server.h"

struct filters;
struct filters *filters_new(struct gate *g); /* of g->conf */
/* Take over a changed configuration; conversations under way go on with the old filters. */
void filters_reload(struct filters *f);
/* Whoever waits for a verdict is told to come again later; then the store is closed. */
void filters_close(struct filters *f);
void filters_free(struct filters **f);
/* STOPEXIT, STARTEXIT: mail goes on without any filter. */
void filters_stop(struct filters *f, bool stop);
bool filters_stopped(const struct filters *f);
/* Is anybody to be asked there? DOOR_LOCAL: about our own reports. */
bool filters_at(const struct filters *f, enum door door);
void filters_each(const struct filters *f,
                  void (*fn)(void *arg, const struct conf_milter *c, const struct milter_stat *st),
                  void *arg);

/* What a client may claim and only we may say: Authentication-Results with our own name and
 * Received-SPF that names us as receiver. Answers how many fields were taken out. */
size_t filter_strip(const struct gate *g, struct milter_mail *mail);
/* Is the value of such a field in our name? */
bool filter_ours(const struct gate *g, struct str field, struct str value);

/* --- the SMTP door */

/* For smtpd_ops. */
int filter_gate(struct filters *f, struct smtpd_session *s, enum smtpd_stage stage, struct why *w);
void filter_gone(struct filters *f, struct smtpd_session *s);

enum filter_answer { FILTER_GO_ON, FILTER_LATER, FILTER_DISCARDS };
/* w NULL: go on, or with discard: say yes and throw the mail away. */
typedef void filter_fn(void *arg, const struct why *w, bool discard);
/* Show the mail to the session's filters; with FILTER_LATER fn follows, whether the session lives
 * or not. */
enum filter_answer filter_content(struct filters *f, struct smtpd_mail *m, struct milter_mail *mail,
                                  msg_id id, filter_fn *fn, void *arg);

/* --- the NJE door */

struct filter_nje {
    struct milter_mail *mail; /* its sender and recipients set */
    struct str user;          /* "USER@NODE": as if he had authenticated */
    bool report;              /* it is ours: nobody's, and for the filters of REPORTS */
    msg_id id;
    /* A recipient refused for good; he is marked gone. */
    void (*refused)(void *arg, size_t rcpt, const struct why *w);
    filter_fn *fn; /* now or later */
    void *arg;
};
void filter_nje(struct filters *f, const struct filter_nje *n);

#endif
