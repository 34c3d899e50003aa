/* gateway/service.h -- the service manager (systemd's sd_notify and socket activation): tells it
 * how we are, feeds its watchdog from the loop, takes listening sockets from it. Without one all
 * of this does nothing. The only includer of libsystemd. */
#ifndef GATEWAY_SERVICE_H
#define GATEWAY_SERVICE_H

#include "base/stream.h"

struct service;

/* Takes the sockets we were started with; before anything else opens a descriptor. */
struct service *service_new(void);
void service_free(struct service **s);
/* Listen at an address: on the socket we were given for it, else on one of our own. A socket fits
 * when its port is the same and its address, too, or one of both is any address. */
int service_listen(struct service *s, struct listener **out, struct loop *l,
                   const union endpoint *at, listen_fn *fn, void *arg, struct why *w) MUST_CHECK;
/* All is open: closes the sockets nobody asked for, says so; the watchdog is fed from now on. */
void service_ready(struct service *s, struct loop *l);
void service_reloading(void);
void service_reloaded(void);
void service_stopping(int64_t drain_s); /* it may take this long, and a little */

#endif
