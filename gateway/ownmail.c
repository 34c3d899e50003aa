/* gateway/ownmail.c -- see ownmail.h */
#include "gateway/ownmail.h"

#include "gateway/mail/date.h"
#include "gateway/mail/header.h"

struct str ownmail_put(struct buf *b, struct arena *a, const struct ownmail *m)
{
    struct wall now = wall_now();
    struct buf date;
    buf_init(&date, 100);
    date_put(&date, now, m->offset);
    hdr_put(b, "Date", buf_text(&date));
    buf_done(&date);
    hdr_put(b, "From", arena_printf(a, "Mail gateway <MAILER-DAEMON@%.*s>", STR_ARG(m->host)));
    hdr_put(b, "To", arena_printf(a, "<%.*s>", STR_ARG(m->to)));
    hdr_put(b, "Subject", m->subject);
    struct str id = arena_printf(a, "<" MSG_ID_FMT ".%lld%s@%.*s>", MSG_ID_ARG(m->id),
                                 (long long)now.us, m->kind, STR_ARG(m->host));
    hdr_put(b, "Message-ID", id);
    if (m->about.n > 0)
        hdr_put(b, "In-Reply-To", m->about);
    hdr_put(b, "Auto-Submitted", str_of(m->automatic));
    return id;
}
