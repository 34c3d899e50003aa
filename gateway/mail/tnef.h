/* gateway/mail/tnef.h -- what Outlook puts into winmail.dat (application/ms-tnef; [MS-OXTNEF]): the
 * text of the message and its files. A bounded reader of an attribute stream; pure. */
#ifndef GATEWAY_MAIL_TNEF_H
#define GATEWAY_MAIL_TNEF_H

#include "base/arena.h"
#include "base/bytes.h"

#define TNEF_ITEMS_MAX 1000u

enum tnef_kind { TNEF_FILE, TNEF_TEXT, TNEF_HTML, TNEF_RTF };
struct tnef_item {
    enum tnef_kind kind;
    struct str name;    /* of a file, UTF-8; "" none */
    struct str type;    /* what the sender called it, "" not said */
    struct str content; /* TEXT: UTF-8; HTML: bytes of the charset it names itself; RTF: expanded */
};
struct tnef {
    struct tnef_item *item;
    size_t n;
};
/* In the arena; contents of files borrow from bytes. Messages within the message are opened, at
 * most 8 deep. False: it is no such stream, or it is broken anywhere: then nothing of it is to be
 * used, and it is better kept as it is. */
bool tnef_read(struct arena *a, struct str bytes, struct tnef *out);

/* Compressed RTF ([MS-OXRTFCP]) appended to out; false when malformed. */
bool tnef_rtf(struct str compressed, struct buf *out);

#endif
