/* gateway/listening.h -- the listening sockets of one statement (LISTENSMTP, LISTENNJE, METRICS),
 * as the configuration says, also after a reload: sockets that stay coded stay open, with what is
 * coded for them now. */
#ifndef GATEWAY_LISTENING_H
#define GATEWAY_LISTENING_H

#include "gateway/gate/gate.h"

struct listening;
/* A connection at a socket that is coded so; at lives as long as the configuration. */
typedef void listening_fn(void *arg, int fd, const union endpoint *peer,
                          const struct conf_listen *at);

struct listening *listening_new(struct gate *g, const char *statement, listening_fn *fn, void *arg);
void listening_free(struct listening **l);
/* Closes what is no longer coded and opens what is new. The first that cannot be opened is told in
 * *w; the others are open nevertheless. at is borrowed from the configuration. */
int listening_follow(struct listening *l, const struct conf_listen *at, size_t n,
                     struct why *w) MUST_CHECK;
void listening_close(struct listening *l); /* all; none is opened again but by listening_follow */

#endif
