/* daemon/daemon.h -- the daemon: wires the parts, opens the doors, reloads, stops. */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "gateway/config/conf.h"

/* Run until told to stop; the exit status. Takes the configuration. */
int daemon_run(struct conf *c);

#endif
