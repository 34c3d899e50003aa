/* gateway/mail/mimeshow.c -- messages within a message, as its reader sees them: a header in short,
 * a delivery report. */
#include "gateway/mail/mime_private.h"

#define RCPT_LINES_MAX 100u /* of a delivery report */

static void show_field(struct walk *k, const struct hdr *h, const char *name)
{
    struct str value = hdr_decode(k->a, hdr_value(h, name));
    if (value.n == 0)
        return;
    buf_printf(&k->text, "%s: ", name);
    hdr_clean(&k->text, value);
    buf_u8(&k->text, '\n');
}

void mime_show_envelope(struct walk *k, const struct hdr *h, const char *title)
{
    if (k->files_only)
        return;
    mime_new_paragraph(k);
    buf_printf(&k->text, "%s\n", title);
    static const char *const names[] = {"From", "Date", "To", "Cc", "Subject"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        show_field(k, h, names[i]);
    buf_u8(&k->text, '\n');
}

/* "rfc822; user@host" without its type */
static struct str after_semicolon(struct str s)
{
    ptrdiff_t i = str_find(s, ';');
    return str_trim(i >= 0 ? str_sub(s, (size_t)i + 1, s.n) : s);
}

/* RFC 3464: one line for each recipient: who, what, the code and the far server's words. */
int mime_show_status(struct walk *k, const struct entity *e)
{
    struct str rest, line;
    int rc = mime_decode(k, e, &rest);
    if (rc != OK || k->files_only)
        return rc;
    mime_new_paragraph(k);
    for (unsigned n = 0; rest.n > 0 && n < RCPT_LINES_MAX; n++) {
        struct hdr h;
        rc = hdr_parse(k->a, rest, &h, k->w);
        if (rc != OK)
            return rc;
        struct str who = hdr_value(&h, "Final-Recipient");
        if (who.n == 0)
            who = hdr_value(&h, "Original-Recipient");
        if (who.n > 0) {
            hdr_clean(&k->text, after_semicolon(who));
            static const char *const names[] = {"Action", "Status", "Diagnostic-Code"};
            for (size_t i = 0; i < 3; i++) {
                struct str value = after_semicolon(hdr_value(&h, names[i]));
                buf_z(&k->text, value.n == 0 ? "" : i == 0 ? ": " : ", ");
                hdr_clean(&k->text, value);
            }
            buf_u8(&k->text, '\n');
        }
        rest = str_sub(rest, h.size, rest.n);
        if (h.n == 0 && !str_line(&rest, &line))
            break;
    }
    return OK;
}

struct entity mime_beginning(const struct entity *e)
{
    struct entity first = *e;
    first.body = str_sub(e->body, 0, SHOWN_START);
    ptrdiff_t end = first.body.n < e->body.n ? str_find_last(first.body, '\n') : -1;
    if (end >= 0)
        first.body.n = (size_t)end + 1;
    while (end < 0 && first.body.n > 0 && first.body.n < e->body.n &&
           ((unsigned char)e->body.p[first.body.n] & 0xc0) == 0x80)
        first.body.n--; /* not within a character */
    return first;
}

int mime_show_beginning(struct walk *k, const struct entity *e)
{
    struct entity first = mime_beginning(e), whole = *e;
    if (k->files_only)
        return OK;
    if (whole.name.n == 0)
        whole.name = mime_is_type(e, "text/html") ? STR("page.html") : STR("text.txt");
    int rc = mime_show_text(k, &first);
    if (rc == OK)
        rc = mime_attach(k, &whole);
    if (rc != OK)
        return rc;
    mime_new_paragraph(k);
    buf_printf(&k->text,
               "[only the beginning of a text of %zu bytes is shown; all of it is the file ",
               e->body.n);
    hdr_clean(&k->text, whole.name);
    buf_z(&k->text, "]\n");
    return rc;
}
