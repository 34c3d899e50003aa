/* gateway/dsn.c -- the news that a mail could not be delivered, or is late. */
#include "gateway/dsn.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "db/readerrow.h"
#include "gateway/mail/date.h"
#include "gateway/mail/header.h"
#include "gateway/mail/note.h"
#include "gateway/nje.h"
#include "gateway/njefile.h"

#define QUOTE_LINES 40u
#define NOTICE_MAX (256u << 10)

static void now_date(struct buf *b)
{
    int offset;
    char zone[8];
    struct wall now = wall_now();
    zone_local(now, &offset, zone);
    date_put(b, now, offset);
}

/* The start of the original, for people: the header block kept with the message, or the mail
 * itself. */
static struct str original_start(struct message *m, struct arena *a)
{
    struct why w;
    if (m->form == BODY_MAIL && m->body != NULL) {
        struct cur c = body_cur(m->body, &w);
        struct hdr h;
        if (hdr_parse(a, cur_str(&c), &h, &w) == 0)
            return str_sub(cur_str(&c), 0, h.size);
    }
    return m->head;
}

/* --- to the Internet: RFC 3464
 * ------------------------------------------------------------------------------ */

static const char *status_of(const struct why *w, enum dsn_kind kind)
{
    const char *enh = why_enh(w);
    if (kind == DSN_DELAYED && enh[0] != '4')
        return "4.4.7";
    if (kind == DSN_FAILED && enh[0] != '5')
        return "5.4.7"; /* temporary for too long */
    return enh;
}

static void put_human(struct gate *g, struct buf *b, enum dsn_kind kind,
                      const struct dsn_rcpt *rcpt, size_t n)
{
    buf_printf(b, "This is the mail gateway %.*s.\r\n\r\n", STR_ARG(g->names.hostname));
    if (kind == DSN_FAILED)
        buf_z(b, "Your mail could not be delivered to:\r\n\r\n");
    else
        buf_printf(
            b,
            "Your mail has not been delivered yet. It will be tried for %lld days in all;\r\n"
            "you need not send it again. It waits for:\r\n\r\n",
            (long long)g->conf->retry_age);
    for (size_t i = 0; i < n; i++)
        buf_printf(b, "  %.*s\r\n    %s\r\n", STR_ARG(rcpt[i].addr), rcpt[i].why->text);
    buf_z(b, "\r\nThe header of your mail follows.\r\n");
}

static void put_status(struct gate *g, struct buf *b, enum dsn_kind kind, const struct message *m,
                       const struct dsn_rcpt *rcpt, size_t n)
{
    buf_printf(b, "Reporting-MTA: dns; %.*s\r\n", STR_ARG(g->names.hostname));
    buf_printf(b, "X-Njegate-Id: " MSG_ID_FMT "\r\n", MSG_ID_ARG(m->origin));
    buf_z(b, "Arrival-Date: ");
    date_put(b, m->accepted, 0);
    buf_z(b, "\r\n");
    for (size_t i = 0; i < n; i++) {
        buf_printf(b, "\r\nFinal-Recipient: rfc822; %.*s\r\n", STR_ARG(rcpt[i].addr));
        buf_printf(b, "Action: %s\r\n", kind == DSN_FAILED ? "failed" : "delayed");
        buf_printf(b, "Status: %s\r\n", status_of(rcpt[i].why, kind));
        if (rcpt[i].why->smtp >= 400)
            buf_printf(b, "Diagnostic-Code: smtp; %d %s %s\r\n", rcpt[i].why->smtp,
                       why_enh(rcpt[i].why), rcpt[i].why->text);
    }
}

static void build_report(struct gate *g, struct buf *b, enum dsn_kind kind, struct message *m,
                         const struct dsn_rcpt *rcpt, size_t n, msg_id id, struct arena *a)
{
    struct buf date;
    buf_init(&date, 100);
    now_date(&date);
    struct str boundary =
        arena_printf(a, "=_njegate_" MSG_ID_FMT "_%lld", MSG_ID_ARG(id), (long long)wall_now().us);
    hdr_put(b, "Date", buf_text(&date));
    buf_done(&date);
    hdr_put(b, "From",
            arena_printf(a, "Mail gateway <MAILER-DAEMON@%.*s>", STR_ARG(g->names.hostname)));
    hdr_put(b, "To", arena_printf(a, "<%.*s>", STR_ARG(m->origin_sender)));
    hdr_put(b, "Subject",
            kind == DSN_FAILED ? STR("Undelivered mail returned to sender") : STR("Delayed mail"));
    hdr_put(b, "Message-ID",
            arena_printf(a, "<" MSG_ID_FMT ".%lld@%.*s>", MSG_ID_ARG(id), (long long)wall_now().us,
                         STR_ARG(g->names.hostname)));
    hdr_put(b, "Auto-Submitted", STR("auto-replied"));
    hdr_put(b, "MIME-Version", STR("1.0"));
    hdr_put(b, "Content-Type",
            arena_printf(a, "multipart/report; report-type=delivery-status; boundary=\"%.*s\"",
                         STR_ARG(boundary)));
    buf_printf(b, "\r\n--%.*s\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n",
               STR_ARG(boundary));
    put_human(g, b, kind, rcpt, n);
    buf_printf(b, "\r\n--%.*s\r\nContent-Type: message/delivery-status\r\n\r\n", STR_ARG(boundary));
    put_status(g, b, kind, m, rcpt, n);
    buf_printf(b, "\r\n--%.*s\r\nContent-Type: text/rfc822-headers\r\n\r\n", STR_ARG(boundary));
    buf_str(b, original_start(m, a));
    buf_printf(b, "\r\n--%.*s--\r\n", STR_ARG(boundary));
}

static void report_to_net(struct gate *g, struct intake *in, enum dsn_kind kind, struct message *m,
                          const struct dsn_rcpt *rcpt, size_t n)
{
    struct arena *a = arena_new(4u << 20);
    struct buf b;
    struct why w;
    buf_init(&b, NOTICE_MAX);
    build_report(g, &b, kind, m, rcpt, n, intake_id(in), a);
    struct admitted to = {
        .to = DOOR_SMTP, .mailbox = m->origin_sender, .original = m->origin_sender};
    struct mail mail = {.from = DOOR_LOCAL, .content = buf_cur(&b), .rcpt = &to, .nrcpt = 1};
    msg_id id;
    if (intake_mail(in, &mail, &id, &w) < 0)
        log_event(LOG_ERROR, m->origin, "notice", "error=%s", log_quote(str_of(w.text)));
    else
        change_journal(intake_change(in), m->origin, "notice", "to=%.*s by=" MSG_ID_FMT,
                       STR_ARG(m->origin_sender), MSG_ID_ARG(id));
    buf_done(&b);
    arena_free(&a);
}

/* --- to an NJE user: a note and a message
 * --------------------------------------------------------------------- */

static void quote_lines(struct buf *b, struct str text)
{
    struct str line;
    for (unsigned i = 0; i < QUOTE_LINES && str_line(&text, &line); i++)
        buf_printf(b, "> %.*s\n", STR_ARG(str_sub(line, 0, 200)));
    if (text.n > 0)
        buf_z(b, "> ...\n");
}

void dsn_note(struct gate *g, struct intake *in, struct str user, struct str node,
              struct str subject, struct str text)
{
    struct note n = {.date = wall_now(), .has_from = true};
    struct note_rcpt to = {.role = NOTE_TO, .addr = {.user = user, .node = node}};
    zone_local(n.date, &n.offset, n.zone);
    n.from = (struct note_addr){
        .name = STR("Mail gateway"), .user = STR("SMTP"), .node = g->conf->local};
    n.rcpt = &to, n.nrcpt = 1;
    n.subject = subject;
    n.text = text;
    struct buf lines;
    buf_init(&lines, NOTICE_MAX);
    note_write(&lines, &n, (enum note_style)g->conf->note_style, 78);
    struct njefile_spec spec = {.from_user = STR("SMTP"),
                                .from_node = g->conf->local,
                                .to_user = user,
                                .to_node = node,
                                .fn = STR("SMTP"),
                                .ft = STR("NOTE"),
                                .form = STR("QUNOTE"),
                                .class = 'A',
                                .format = FORMAT_NETDATA,
                                .note = true,
                                .page = conf_page_for(g->conf, user, node),
                                .id = intake_id(in),
                                .now = n.date};
    struct njefile_out out = {0};
    struct why w = {0};
    struct admitted dest = {
        .to = admit_is_local_node(g, node) ? DOOR_LOCAL : DOOR_NJE, .user = user, .node = node};
    if (njefile_text(g->store, &spec, buf_text(&lines), NOTICE_MAX, &out, &w) < 0 ||
        intake_deck(in, out.deck, DOOR_LOCAL, STR(""), &dest, &w) < 0)
        log_event(LOG_ERROR, intake_id(in), "notice", "error=%s", log_quote(str_of(w.text)));
    body_free(&out.deck);
    buf_done(&lines);
}

static void report_to_nje(struct gate *g, struct intake *in, enum dsn_kind kind, struct message *m,
                          const struct dsn_rcpt *rcpt, size_t n)
{
    struct arena *a = arena_new(4u << 20);
    ptrdiff_t at = str_find_last(m->origin_sender, '@');
    struct str user = str_sub(m->origin_sender, 0, (size_t)(at < 0 ? 0 : at));
    struct str node = str_sub(m->origin_sender, (size_t)(at + 1), m->origin_sender.n);
    struct buf text;
    buf_init(&text, NOTICE_MAX);
    buf_z(&text,
          kind == DSN_FAILED
              ? "Your mail could not be delivered to:\n\n"
              : "Your mail has not been delivered yet; it is still being tried. It waits for:\n\n");
    for (size_t i = 0; i < n; i++)
        buf_printf(&text, "  %.*s\n    %s\n", STR_ARG(rcpt[i].addr), rcpt[i].why->text);
    buf_z(&text, "\nThe start of it:\n\n");
    struct why w;
    struct cur whole =
        m->form == BODY_MAIL && m->body != NULL ? body_cur(m->body, &w) : cur_of_str(m->head);
    quote_lines(&text, str_sub(cur_str(&whole), 0, 8192));
    dsn_note(g, in, user, node,
             kind == DSN_FAILED ? STR("Undeliverable mail") : STR("Delayed mail"), buf_text(&text));
    buf_done(&text);
    change_journal(intake_change(in), m->origin, "notice", "to=%.*s", STR_ARG(m->origin_sender));
    if (kind == DSN_FAILED ? g->conf->notify_failed : g->conf->notify_delayed)
        intake_tell(in, user, node, "Mail " MSG_ID_FMT " to %.*s %s: %s", MSG_ID_ARG(m->origin),
                    STR_ARG(rcpt[0].addr), kind == DSN_FAILED ? "failed" : "is delayed",
                    rcpt[0].why->text);
    arena_free(&a);
}

void dsn_add(struct gate *g, struct intake *in, enum dsn_kind kind, struct message *m,
             const struct dsn_rcpt *rcpt, size_t n)
{
    if (m->origin_sender.n == 0 || str_find_last(m->origin_sender, '@') < 0) {
        change_journal(intake_change(in), m->origin, "notice", "none: the mail has no sender");
        return;
    }
    if (m->from == DOOR_SMTP)
        report_to_net(g, in, kind, m, rcpt, n);
    else
        report_to_nje(g, in, kind, m, rcpt, n);
}

void dsn_refused_file(struct gate *g, struct intake *in, struct str user, struct str node,
                      struct str subject, struct str recipient, const struct why *why,
                      struct str quote)
{
    struct buf text;
    buf_init(&text, NOTICE_MAX);
    if (recipient.n > 0)
        buf_printf(&text, "Your mail could not be delivered to:\n\n  %.*s\n    %s\n",
                   STR_ARG(recipient), why->text);
    else
        buf_printf(&text, "Your file could not be taken:\n\n    %s\n", why->text);
    if (quote.n > 0) {
        buf_z(&text, "\nThe start of it:\n\n");
        quote_lines(&text, quote);
    }
    dsn_note(g, in, user, node, subject, buf_text(&text));
    buf_done(&text);
    if (g->conf->notify_failed)
        intake_tell(in, user, node, "%.*s: %s", STR_ARG(recipient.n > 0 ? recipient : subject),
                    why->text);
}
