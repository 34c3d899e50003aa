/* gateway/smtp/limits.h -- what each client may do in a time: a ledger by address, bounded, the
 * client not heard of for longest forgotten first. A rate of `most` in `per_ms` allows that many at
 * once when the client has been quiet, and as many again spread over each such time. Pure: the time
 * is given. */
#ifndef GATEWAY_SMTP_LIMITS_H
#define GATEWAY_SMTP_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

enum smtpd_kind {
    SMTPD_CONNECTIONS,
    SMTPD_MESSAGES,
    SMTPD_RECIPIENTS,
    SMTPD_ERRORS,
    SMTPD_BYTES,
    SMTPD_KINDS
};
struct smtpd_rate {
    uint64_t most; /* 0: no limit */
    int64_t per_ms;
};

struct ledger;
struct ledger *ledger_new(size_t clients); /* most clients remembered */
void ledger_free(struct ledger **l);
/* One more of this kind: counted, or false when the rate does not allow it now. */
bool ledger_take(struct ledger *l, const uint8_t client[16], enum smtpd_kind kind,
                 struct smtpd_rate rate, struct mono now);
/* n have happened: counted in any case. */
void ledger_add(struct ledger *l, const uint8_t client[16], enum smtpd_kind kind, uint64_t n,
                struct smtpd_rate rate, struct mono now);
/* Has more happened than the rate allows? */
bool ledger_over(const struct ledger *l, const uint8_t client[16], enum smtpd_kind kind,
                 struct smtpd_rate rate, struct mono now);
size_t ledger_clients(const struct ledger *l);

#endif
