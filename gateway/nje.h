/* gateway/nje.h -- the NJE door: links (rscs/link) on one side, intake and queue on the other; what
 * arrives is sorted: files for local users, for other nodes, mail for the Internet; messages and
 * commands. */
#ifndef GATEWAY_NJE_H
#define GATEWAY_NJE_H

#include "gateway/gate/gate.h"
#include "rscs/link.h"

struct nje *nje_new(struct gate *g);
int nje_listen(struct nje *n, struct why *w) MUST_CHECK; /* opens the ports of LISTENNJE */
void nje_start(struct nje *n); /* the store is open now: the links begin */
/* Sign off everywhere. Then the store is closed (its callbacks may still ask), then nje_free. */
void nje_stop(struct nje *n);
void nje_free(struct nje **n);
/* Take over a changed configuration (g->conf): new links begin, changed ones restart, gone ones
 * stop. */
void nje_reload(struct nje *n);
void nje_drain(struct nje *n);
size_t nje_open(const struct nje *n); /* files under way in either direction */

/* Deliver a message to an NJE user here or elsewhere; from_user "" for no sender. False: no way to
 * him now. */
bool nje_tell(struct nje *n, struct str from_user, struct str from_node, struct str user,
              struct str node, struct str text);
/* A message or command for us, given to g->asked; borrowed. nje_reply answers it, now or later. */
struct nje_asked {
    struct str user, node; /* whose; user "": a console, or a program's notice */
    const char *link;      /* it came over that one */
    struct str to_user, to_node;
    struct str text;
    bool command;
};
/* Without sender user, so that nothing answers it; what is long comes a screen at a time. */
void nje_reply(struct nje *n, struct str user, struct str node, struct str line);
/* Hand a message or command on towards m->to_node (a message longer than NMR_TEXT_MAX in pieces),
 * but not over the link it came from ("" from here): two nodes with default routes would play
 * ping-pong. Negative with the words for its sender: E_ABSENT no way there, E_TEMP not now. */
int nje_route(struct nje *n, const struct nmr *m, const char *from_link, struct why *w) MUST_CHECK;
bool nje_link_is_up(struct nje *n, const char *link);
void nje_kick(struct nje *n, const char *link);

enum nje_action { NJE_START, NJE_STOP, NJE_DRAIN };
int nje_link_do(struct nje *n, struct str link, enum nje_action what, struct why *w) MUST_CHECK;
/* link, its node, its state and figures */
void nje_each(struct nje *n,
              void (*fn)(void *arg, const struct conf_link *c, enum link_state s,
                         const struct link_stat *st),
              void *arg);

/* A file made here by one of our users (njegate sendfile, note) goes the way of one that came from
 * outside, to its destination or, when net is given, to that Internet mailbox. fn is called when it
 * is durable or refused. */
typedef void nje_submit_fn(void *arg, const struct why *w);
struct admitted;
void nje_submit(struct nje *n, struct body *deck, const struct admitted *net, nje_submit_fn *fn,
                void *arg);

/* A held file was released (a DOOR_NONE message): it is sorted like one that has just arrived.
 * Takes m. */
void nje_resume(struct nje *n, struct message *m);
bool nje_resuming(const struct nje *n, msg_id id); /* and not yet decided, or not yet durable */
/* By the administrator: a queued file, held or not, goes to another user at another node instead.
 * The row is replaced within `in`. Negative, nothing done: it is no file, or there is no way to
 * that node. */
struct intake;
int nje_reroute(struct nje *n, struct intake *in, const struct message *m, struct str user,
                struct str node, struct why *w) MUST_CHECK;

#endif
