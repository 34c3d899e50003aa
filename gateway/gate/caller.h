/* gateway/gate/caller.h -- who an SMTP client is: its name by the DNS (CLIENTLOOKUP), and what it
 * calls itself (HELOCHECK, VERIFYCLIENT). Stands before the filters' gate. */
#ifndef GATEWAY_GATE_CALLER_H
#define GATEWAY_GATE_CALLER_H

#include "gateway/gate/gate.h"
#include "gateway/smtp/server.h"

void caller_came(struct gate *g, struct smtpd_session *s); /* look-ups begin */
/* smtpd_ops.gate; the filters are asked from here. */
int caller_gate(struct gate *g, struct smtpd_session *s, enum smtpd_stage stage, struct why *w);
void caller_gone(struct smtpd_session *s);

#endif
