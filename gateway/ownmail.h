/* gateway/ownmail.h -- the header that mails of the gateway itself have: reports, batches. */
#ifndef GATEWAY_OWNMAIL_H
#define GATEWAY_OWNMAIL_H

#include "base/arena.h"
#include "db/message.h"

struct ownmail {
    struct str host, to; /* ours; a mailbox without <> */
    struct str subject;  /* as it stands in a header */
    struct str about;    /* Message-ID of what it answers, "" nothing */
    msg_id id;
    const char *kind;      /* of its Message-ID: "", ".batch" */
    const char *automatic; /* Auto-Submitted (RFC 3834) */
    int offset;            /* minutes, of Date */
};
/* Append From, To, Date and the others, without those of MIME; its Message-ID, in the arena. */
struct str ownmail_put(struct buf *b, struct arena *a, const struct ownmail *m);

#endif
