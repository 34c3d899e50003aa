/* daemon/rights.h -- with which rights the daemon runs once its ports are open: the USER of the
 * configuration, and nothing but the paths it works with (security/jail). */
#ifndef DAEMON_RIGHTS_H
#define DAEMON_RIGHTS_H

#include "gateway/config/conf.h"

/* Before any thread is started. Fails when the USER does not exist or cannot be become; a kernel
 * without Landlock is only logged. */
int rights_drop(const struct conf *c, struct why *w) MUST_CHECK;

#endif
