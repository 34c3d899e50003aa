/* security/cms.c -- see cms.h */
#include "security/cms.h"

#include <limits.h>
#include <openssl/cms.h>
#include <openssl/err.h>

bool cms_signed_content(struct str message, struct buf *out)
{
    const unsigned char *p = (const unsigned char *)message.p;
    CMS_ContentInfo *cms =
        message.n <= LONG_MAX ? d2i_CMS_ContentInfo(NULL, &p, (long)message.n) : NULL;
    bool ok = false;
    if (cms != NULL && OBJ_obj2nid(CMS_get0_type(cms)) == NID_pkcs7_signed) {
        ASN1_OCTET_STRING **content = CMS_get0_content(cms);
        ok = content != NULL && *content != NULL && ASN1_STRING_length(*content) > 0;
        if (ok)
            buf_add(out, ASN1_STRING_get0_data(*content), (size_t)ASN1_STRING_length(*content));
    }
    CMS_ContentInfo_free(cms);
    ERR_clear_error();
    return ok && !out->over;
}
