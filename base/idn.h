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
/* A mailbox as it is kept and compared: its local part as it is, its domain in lower case and
 * A-labels (one that can be no name: in lower case). Without an @ all of it is local part. False,
 * and out "", when size octets do not hold it, or it holds a NUL. */
bool idn_fold(struct str mailbox, char *out, size_t size);
/* The other way: A-labels of the domain become U-labels. False, and out "", when there are none. */
bool idn_unfold(struct str mailbox, char *out, size_t size);

#endif
