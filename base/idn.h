/* base/idn.h -- domain names beyond ASCII (IDNA 2008, RFC 5890 to 5892), through libidn2; the only
 * includer of idn2.h. */
#ifndef BASE_IDN_H
#define BASE_IDN_H

#include "base/bytes.h"

#define IDN_MAX 256u /* octets of a domain in A-labels with its NUL */

/* The domain with its U-labels as A-labels ("xn--..."), for look-ups and for those who take ASCII
 * only. One of ASCII is copied as it is. False, and out "", when it can be no name. */
bool idn_ascii(struct str domain, char out[IDN_MAX]);
/* The same of what follows the last @ of a mailbox; out holds size octets, 512 are enough. */
bool idn_mailbox(struct str mailbox, char *out, size_t size);

#endif
