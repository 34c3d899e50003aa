/* gateway/gate/verified.h -- what our filters found out about the sender of a mail, in one line for
 * people (SENDERVERIFIED): from Authentication-Results and Received-SPF in our own name, which
 * nobody else can write (gateway/gate/filter.h). RFC 8601, RFC 7208 9.1. */
#ifndef GATEWAY_GATE_VERIFIED_H
#define GATEWAY_GATE_VERIFIED_H

#include "gateway/gate/gate.h"
#include "gateway/mail/header.h"

/* "yes (example.org: DMARC, DKIM)", "NO (DMARC fail)", "not known". from: domain of the From field,
 * which every result must be about: its own domain, one above or one below. */
struct str verified_text(const struct gate *g, struct arena *a, const struct hdr *h,
                         struct str from);

#endif
