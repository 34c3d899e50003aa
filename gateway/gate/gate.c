/* gateway/gate/gate.c -- see gate.h */
#include "gateway/gate/gate.h"

#include "base/log.h"

void gate_log_level(const struct gate *g)
{
    const struct conf *c = g->conf;
    log_open(2, g->debug || g->trace || c->debug || c->trace ? LOG_DEBUG
                : c->quiet                                   ? LOG_WARN
                                                             : LOG_INFO);
}
