/* security/cms.h -- what an opaque signed message (RFC 8551 3.5.2) holds. Nothing is verified: the
 * text is shown as that of any mail, and said to be so. Pure. */
#ifndef SECURITY_CMS_H
#define SECURITY_CMS_H

#include "base/bytes.h"

/* Append the content of a CMS SignedData (RFC 5652 5; DER or BER); false when it is none, or has
 * its content elsewhere. */
bool cms_signed_content(struct str message, struct buf *out);

#endif
