/* gateway/dsn.c -- the news that a mail could not be delivered, or is late. */
#include "gateway/dsn.h"

#include "gateway/ibmlog.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "db/queue.h"
#include "db/readerrow.h"
#include "gateway/file/njefile.h"
#include "gateway/filternje.h"
#include "gateway/gate/filter.h"
#include "gateway/mail/date.h"
#include "gateway/mail/header.h"
#include "gateway/mail/note.h"
#include "gateway/nje.h"
#include "gateway/ownmail.h"
#include "gateway/relay.h"

#define QUOTE_LINES 40u
#define NOTICE_MAX (256u << 10)
#define PART_RCPTS 64u /* named in one report: with their reasons they fit; more get another */

/* The mail itself, when it is at hand as one; else empty. */
static struct str whole_mail(struct gate *g, struct message *m)
{
    struct why w;
    if (m->form != BODY_MAIL)
        return STR("");
    if (m->body == NULL)
        m->body = queue_body(store_reader(g->store), g->store, m->id, &w);
    if (m->body == NULL)
        return STR("");
    struct cur c = body_cur(m->body, &w);
    return cur_str(&c);
}

/* The start of the original, for people: the header of the mail itself, or the block kept with the
 * message. */
static struct str original_start(struct gate *g, struct message *m, struct arena *a)
{
    struct why w;
    struct hdr h;
    struct str mail = whole_mail(g, m);
    if (mail.n > 0 && hdr_parse(a, mail, &h, &w) == 0)
        return str_sub(mail, 0, h.size);
    return m->head;
}

struct dsn_rcpt dsn_rcpt_of(const struct rcpt *to, const struct why *why)
{
    return (struct dsn_rcpt){.addr = to->original.n > 0 ? to->original : to->addr,
                             .why = why,
                             .notify = to->notify,
                             .orcpt = to->orcpt};
}

/* --- to the Internet: RFC 3464 --- */

static const struct {
    const char *action, *subject, *note, *human; /* note: the subject on a 3270 */
} kinds[] = {
    [DSN_FAILED] = {"failed", "Undelivered mail returned to sender", "Undeliverable mail",
                    "Your mail could not be delivered to:"},
    [DSN_DELAYED] = {"delayed", "Delayed mail", "Delayed mail",
                     "Your mail has not been delivered yet; you need not send it again. It waits "
                     "for:"},
    [DSN_DELIVERED] = {"delivered", "Delivered mail", "Delivered mail",
                       "Your mail has been delivered to:"},
    [DSN_RELAYED] = {"relayed", "Relayed mail", "Relayed mail",
                     "Your mail has been passed on, to where no more is heard of it, for:"},
    [DSN_EXPANDED] = {"expanded", "Mail sent on to a list", "Mail sent on to a list",
                      "Your mail has been sent on to the members of:"},
};

/* RFC 3461 4.1: who says nothing hears of failures and delays. */
static bool is_wanted(const struct dsn_rcpt *r, enum dsn_kind kind)
{
    static const unsigned bit[] = {[DSN_FAILED] = NOTIFY_FAILURE,
                                   [DSN_DELAYED] = NOTIFY_DELAY,
                                   [DSN_DELIVERED] = NOTIFY_SUCCESS,
                                   [DSN_RELAYED] = NOTIFY_SUCCESS,
                                   [DSN_EXPANDED] = NOTIFY_SUCCESS};
    unsigned asked = r->notify != 0 ? r->notify : NOTIFY_FAILURE | NOTIFY_DELAY;
    return (asked & bit[kind]) != 0;
}

static const char *status_of(const struct why *w, enum dsn_kind kind)
{
    const char *enh = why_enh(w);
    if (kind == DSN_DELAYED && enh[0] != '4')
        return "4.4.7";
    if (kind == DSN_FAILED && enh[0] != '5')
        return "5.4.7"; /* temporary for too long */
    return kind == DSN_FAILED || kind == DSN_DELAYED ? enh : "2.0.0";
}

static void put_human(struct gate *g, struct buf *b, enum dsn_kind kind,
                      const struct dsn_rcpt *rcpt, size_t n)
{
    bool reason = kind == DSN_FAILED || kind == DSN_DELAYED;
    buf_printf(b, "This is the mail gateway %.*s.\r\n\r\n%s\r\n\r\n", STR_ARG(g->names.hostname),
               kinds[kind].human);
    for (size_t i = 0; i < n; i++)
        buf_printf(b, "  %.*s\r\n%s%s%s", STR_ARG(rcpt[i].addr), reason ? "    " : "",
                   reason ? rcpt[i].why->text : "", reason ? "\r\n" : "");
    if (kind == DSN_DELAYED)
        buf_printf(b, "\r\nIt will be tried for %lld days in all.\r\n",
                   (long long)g->conf->retry_age);
}

/* RFC 6533 3: an address beyond ASCII has a type of its own. */
static const char *type_of(struct str addr)
{
    return text_is_ascii(addr) ? "rfc822" : "utf-8";
}

static void put_status(struct gate *g, struct buf *b, enum dsn_kind kind, const struct message *m,
                       const struct dsn_rcpt *rcpt, size_t n)
{
    if (m->envid.n > 0)
        buf_printf(b, "Original-Envelope-Id: %.*s\r\n", STR_ARG(m->envid));
    buf_printf(b, "Reporting-MTA: dns; %.*s\r\n", STR_ARG(g->names.hostname));
    buf_printf(b, "X-Njegate-Id: " MSG_ID_FMT "\r\n", MSG_ID_ARG(m->origin));
    buf_z(b, "Arrival-Date: ");
    date_put(b, m->accepted, 0);
    buf_crlf(b);
    for (size_t i = 0; i < n; i++) {
        struct str addr = rcpt[i].orcpt, type;
        buf_crlf(b);
        if (addr.n > 0 && str_split(&addr, ';', &type))
            buf_printf(b, "Original-Recipient: %.*s; %.*s\r\n", STR_ARG(type), STR_ARG(addr));
        buf_printf(b, "Final-Recipient: %s; %.*s\r\n", type_of(rcpt[i].addr),
                   STR_ARG(rcpt[i].addr));
        buf_printf(b, "Action: %s\r\n", kinds[kind].action);
        buf_printf(b, "Status: %s\r\n", status_of(rcpt[i].why, kind));
        if (rcpt[i].why->smtp >= 400)
            buf_printf(b, "Diagnostic-Code: smtp; %d %s %s\r\n", rcpt[i].why->smtp,
                       why_enh(rcpt[i].why), rcpt[i].why->text);
        if (kind == DSN_DELAYED) {
            struct wall until = {wall_now().us - relay_age_us(g, m) +
                                 g->conf->retry_age * 86400 * US_PER_S};
            buf_z(b, "Will-Retry-Until: ");
            date_put(b, until, 0);
            buf_crlf(b);
        }
    }
}

/* What comes back of the mail: all of it only to who asked for it (RET=FULL), when it failed and is
 * not large. */
static void put_original(struct gate *g, struct buf *b, enum dsn_kind kind, struct message *m,
                         struct arena *a)
{
    struct str mail = m->ret == RET_FULL && kind == DSN_FAILED ? whole_mail(g, m) : STR("");
    bool full = mail.n > 0 && mail.n <= (uint64_t)g->conf->return_bytes;
    const char *type = m->utf8 ? (full ? "message/global" : "message/global-headers")
                               : (full ? "message/rfc822" : "text/rfc822-headers");
    struct str text = full ? mail : original_start(g, m, a);
    buf_printf(b, "Content-Type: %s\r\n%s\r\n", type,
               text_is_ascii(text) ? "" : "Content-Transfer-Encoding: 8bit\r\n");
    buf_str(b, text);
}

static void put_fields(struct gate *g, struct buf *b, enum dsn_kind kind, const struct message *m,
                       msg_id id, struct str boundary, struct arena *a)
{
    int offset;
    char zone[8];
    zone_local(wall_now(), &offset, zone);
    struct ownmail own = {.host = g->names.hostname,
                          .to = m->origin_sender,
                          .subject = str_of(kinds[kind].subject),
                          .id = id,
                          .kind = "",
                          .automatic = "auto-replied",
                          .offset = offset};
    (void)ownmail_put(b, a, &own);
    hdr_put(b, "MIME-Version", STR("1.0"));
    hdr_put(b, "Content-Type",
            arena_printf(a, "multipart/report; report-type=%sdelivery-status; boundary=\"%.*s\"",
                         m->utf8 ? "global-" : "", STR_ARG(boundary)));
}

static void build_report(struct gate *g, struct buf *b, enum dsn_kind kind, struct message *m,
                         const struct dsn_rcpt *rcpt, size_t n, msg_id id, struct arena *a)
{
    const char *eight = m->utf8 ? "Content-Transfer-Encoding: 8bit\r\n" : "";
    struct str boundary =
        arena_printf(a, "=_njegate_" MSG_ID_FMT "_%lld", MSG_ID_ARG(id), (long long)wall_now().us);
    put_fields(g, b, kind, m, id, boundary, a);
    buf_printf(b, "\r\n--%.*s\r\nContent-Type: text/plain; charset=utf-8\r\n%s\r\n",
               STR_ARG(boundary), eight);
    put_human(g, b, kind, rcpt, n);
    buf_printf(b, "\r\n--%.*s\r\nContent-Type: message/%sdelivery-status\r\n%s\r\n",
               STR_ARG(boundary), m->utf8 ? "global-" : "", eight);
    put_status(g, b, kind, m, rcpt, n);
    buf_printf(b, "\r\n--%.*s\r\n", STR_ARG(boundary));
    put_original(g, b, kind, m, a);
    buf_printf(b, "\r\n--%.*s--\r\n", STR_ARG(boundary));
}

int dsn_take(struct gate *g, struct intake *in, const struct mail *report, const char *action,
             msg_id about, struct why *w)
{
    msg_id id;
    int v = intake_mail(in, report, &id, w);
    if (v < 0)
        return v;
    ibmlog_notice(g, id);
    change_journal(intake_change(in), about, "notice", "%s to=%.*s by=" MSG_ID_FMT, action,
                   STR_ARG(report->rcpt[0].mailbox), MSG_ID_ARG(id));
    return 0;
}

static int add_report(struct gate *g, struct intake *in, struct mail *report, const char *action,
                      msg_id about, struct why *w)
{
    if (!filters_at(g->filters, DOOR_LOCAL))
        return dsn_take(g, in, report, action, about, w);
    report->body = body_of(report->content);
    struct filternje_mail f = {.mail = report, .report = action, .about = about};
    int v = intake_filter(in, &f, w);
    body_free(&report->body);
    return v;
}

static void report_to_net(struct gate *g, struct intake *in, enum dsn_kind kind, struct message *m,
                          const struct dsn_rcpt *rcpt, size_t n)
{
    struct arena *a = arena_new(4u << 20);
    struct buf b;
    struct why w;
    buf_init(&b, NOTICE_MAX + (size_t)g->conf->return_bytes);
    build_report(g, &b, kind, m, rcpt, n, intake_id(in), a);
    struct admitted to = {.to = DOOR_SMTP,
                          .mailbox = m->origin_sender,
                          .original = m->origin_sender,
                          .notify = NOTIFY_NEVER};
    struct mail mail = {
        .from = DOOR_LOCAL, .content = buf_cur(&b), .rcpt = &to, .nrcpt = 1, .utf8 = m->utf8};
    if (add_report(g, in, &mail, kinds[kind].action, m->origin, &w) < 0)
        log_event(LOG_ERROR, m->origin, "notice", "error=%s", log_quote(str_of(w.text)));
    buf_done(&b);
    arena_free(&a);
}

/* --- to an NJE user: a note and a message --- */

static void quote_lines(struct buf *b, struct str text)
{
    struct str line;
    for (unsigned i = 0; i < QUOTE_LINES && str_line(&text, &line); i++)
        buf_printf(b, "> %.*s\n", STR_ARG(str_sub(line, 0, 200)));
    if (text.n > 0)
        buf_z(b, "> ...\n");
}

/* The mail, as much of it as its sender wants to see again (RET=FULL), or its start. */
static void quote_mail(struct gate *g, struct buf *b, enum dsn_kind kind, struct message *m)
{
    struct str mail = whole_mail(g, m), line;
    bool full = m->ret == RET_FULL && kind == DSN_FAILED && mail.n > 0 &&
                mail.n <= (uint64_t)g->conf->return_bytes && mail.n <= NOTICE_MAX / 2;
    if (!full) {
        buf_z(b, "\nThe start of it:\n\n");
        quote_lines(b, mail.n > 0 ? str_sub(mail, 0, 8192) : str_sub(m->head, 0, 8192));
        return;
    }
    buf_z(b, "\nAll of it:\n\n");
    while (str_line(&mail, &line))
        buf_printf(b, "> %.*s\n", STR_ARG(line));
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
    bool bad = kind == DSN_FAILED || kind == DSN_DELAYED;
    buf_printf(&text, "%s\n\n", kinds[kind].human);
    for (size_t i = 0; i < n; i++)
        buf_printf(&text, bad ? "  %.*s\n    %s\n" : "  %.*s\n", STR_ARG(rcpt[i].addr),
                   rcpt[i].why->text);
    if (m->envid.n > 0)
        buf_printf(&text, "\nYou call it %.*s.\n", STR_ARG(m->envid));
    quote_mail(g, &text, kind, m);
    dsn_note(g, in, user, node, str_of(kinds[kind].note), buf_text(&text));
    buf_done(&text);
    change_journal(intake_change(in), m->origin, "notice", "to=%.*s", STR_ARG(m->origin_sender));
    if (bad && (kind == DSN_FAILED ? g->conf->notify_failed : g->conf->notify_delayed))
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
    struct dsn_rcpt *wanted = mem_new((n > 0 ? n : 1) * sizeof *wanted);
    size_t nwanted = 0;
    for (size_t i = 0; i < n; i++)
        if (is_wanted(&rcpt[i], kind))
            wanted[nwanted++] = rcpt[i];
    if (nwanted == 0)
        change_journal(intake_change(in), m->origin, "notice", "none: the sender asked for none");
    for (size_t at = 0; at < nwanted; at += PART_RCPTS) {
        size_t part = nwanted - at < PART_RCPTS ? nwanted - at : PART_RCPTS;
        if (m->from == DOOR_SMTP)
            report_to_net(g, in, kind, m, wanted + at, part);
        else
            report_to_nje(g, in, kind, m, wanted + at, part);
    }
    free(wanted);
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
