/* gateway/mail/notemail.c -- a note's header for the Internet: see note.h */
#include "gateway/mail/header.h"
#include "gateway/mail/note.h"

#define MAIL_HEADER_MAX ((size_t)4 << 20)

static struct str mail_address(struct arena *a, const struct note_mail *m, struct str name,
                               struct str mailbox)
{
    return m->utf8 ? hdr_mailbox(a, name, mailbox) : hdr_mailbox_ascii(a, name, mailbox);
}

/* All recipients of one role as one field. */
static void put_mail_rcpts(struct buf *out, struct arena *a, const struct note_mail *m,
                           enum note_role role)
{
    struct buf list;
    buf_init(&list, MAIL_HEADER_MAX);
    for (size_t i = 0; i < m->nrcpt; i++) {
        if (m->rcpt[i].role != role || m->rcpt[i].mailbox.n == 0)
            continue;
        buf_z(&list, list.n > 0 ? ", " : "");
        buf_str(&list, mail_address(a, m, m->rcpt[i].name, m->rcpt[i].mailbox));
    }
    if (list.n > 0)
        hdr_put(out, role == NOTE_TO ? "To" : "Cc", buf_text(&list));
    buf_done(&list);
}

static void put_mail_field(struct buf *out, const char *name, struct str value)
{
    if (value.n > 0)
        hdr_put(out, name, value);
}

void note_mail_header(struct buf *out, const struct note_mail *m)
{
    struct arena *a = arena_new(MAIL_HEADER_MAX);
    if (m->date.us != 0) {
        buf_z(out, "Date: ");
        date_put(out, m->date, m->offset);
        buf_crlf(out);
    }
    if (m->from_mailbox.n > 0)
        hdr_put(out, "From", mail_address(a, m, m->from_name, m->from_mailbox));
    put_mail_rcpts(out, a, m, NOTE_TO);
    put_mail_rcpts(out, a, m, NOTE_CC);
    put_mail_field(out, "Subject", hdr_encode(a, m->subject));
    put_mail_field(out, "In-Reply-To", hdr_encode(a, m->in_reply_to));
    put_mail_field(out, "References", m->references);
    if (m->reply_to.n > 0)
        hdr_put(out, "Reply-To", mail_address(a, m, STR(""), m->reply_to));
    put_mail_field(out, "Message-ID", m->message_id);
    arena_free(&a);
}
