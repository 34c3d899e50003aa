/* gateway/smtp/httpsget.h -- one small text over HTTPS, beside everything else: the policies of
 * MTA-STS are had so. HTTP/1.1 (RFC 9112) with one request a connection; the certificate must be
 * good and name the host; nothing is followed (RFC 8461 3.3: no redirects). */
#ifndef GATEWAY_SMTP_HTTPSGET_H
#define GATEWAY_SMTP_HTTPSGET_H

#include "base/dns.h"
#include "base/stream.h"
#include "security/tls.h"

struct https_get;
struct https_set {
    struct loop *loop;
    struct dns *dns;
    const struct tls *tls;      /* TLS_SMTP_VERIFY of it */
    const union endpoint *from; /* as smtpc_set's; NULL: the system's choice */
    int64_t connect_ms, all_ms; /* for each address, for everything */
    size_t most;                /* octets of the text; 16 KiB of header come on top */
};
/* Exactly once, never inside https_get; the get is gone after it. body is lent; w is NULL when
 * there is one, which is 200 text/plain. */
typedef void https_fn(void *arg, struct str body, const struct why *w);
struct https_get *https_get(const struct https_set *set, const char *host, const char *path,
                            https_fn *fn, void *arg);
void https_cancel(struct https_get **get); /* no callback; NULL inside is fine */

/* An answer as far as it has come, eof when no more does. 1: *body is the text (an empty buf with
 * its limit, ready); 0: more must come; negative: it is no 200, no text/plain, broken or too long.
 */
int https_reply(struct str in, bool eof, struct buf *body, struct why *w) MUST_CHECK;

#endif
