/* gateway/smtp/proxy.h -- the header a load balancer puts before a connection's first byte: PROXY
 * protocol version 1 (a line) and 2 (binary). Pure codec. */
#ifndef GATEWAY_SMTP_PROXY_H
#define GATEWAY_SMTP_PROXY_H

#include "base/bytes.h"
#include "base/stream.h"

#define PROXY_MAX 536u /* octets: version 2 with the longest addresses, and some values behind */

/* Reads the header at the start of in. >0: its octets; *peer and *local are the client's address
 * and the one it called, or left alone when the balancer speaks for itself (LOCAL, UNKNOWN). 0:
 * more octets must come. E_SYNTAX: that is no such header, or one longer than PROXY_MAX. */
int proxy_read(struct str in, union endpoint *peer, union endpoint *local,
               struct why *w) MUST_CHECK;

#endif
