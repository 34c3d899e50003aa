/* gateway/smtp/stspolicy.h -- MTA-STS on paper (RFC 8461): the TXT record that says that a domain
 * has a policy, the policy, and whether it allows a host. Bytes in, values out. */
#ifndef GATEWAY_SMTP_STSPOLICY_H
#define GATEWAY_SMTP_STSPOLICY_H

#include "base/bytes.h"

#define STS_ID_MAX 32u
#define STS_MX_MAX 64u      /* patterns of a policy */
#define STS_TEXT_MAX 65536u /* octets of a policy (RFC 8461 10.2 asks for a limit) */

enum sts_mode { STS_NONE, STS_TESTING, STS_ENFORCE };
struct sts_policy {
    enum sts_mode mode;
    int64_t max_age_s;         /* RFC 8461 3.2: a year and a leap day at most */
    struct str mx[STS_MX_MAX]; /* "mx.example", "*.mx.example"; borrowed from the text */
    size_t nmx;
};

/* rdata of a TXT record. 1: *id is that of the policy; 0: not about MTA-STS; negative: it is, and
 * is broken. */
int sts_record(struct cur rdata, char id[STS_ID_MAX + 1]);
int sts_parse(struct str text, struct sts_policy *p, struct why *w) MUST_CHECK;
/* RFC 8461 4.1: "*." stands for exactly one label. */
bool sts_allows(const struct sts_policy *p, const char *host);
const char *sts_mode_name(enum sts_mode m);

#endif
