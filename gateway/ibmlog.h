/* gateway/ibmlog.h -- LOGFORMAT IBM: the lines of the MVS server's LOGFILE that programs for
 * statistics read. Nothing is written unless it is coded. */
#ifndef GATEWAY_IBMLOG_H
#define GATEWAY_IBMLOG_H

#include "gateway/gate/gate.h"

/* EZA5475I, over TCP, or EZA5474I, from the NJE side. */
void ibmlog_received(const struct gate *g, msg_id id, bool tcp, struct str from, uint64_t bytes);
/* EZA5476I: "user at node", or a mailbox. */
void ibmlog_delivered(const struct gate *g, msg_id id, enum door to, struct str addr);
void ibmlog_notice(const struct gate *g, msg_id id);                        /* EZA5472I */
void ibmlog_rejected(const struct gate *g, struct str from, struct str to); /* EZA5550I */
/* EZA5463E: SECURE. */
void ibmlog_unregistered(const struct gate *g, struct str user, struct str node);

#endif
