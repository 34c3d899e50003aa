/* gateway/batchin.c -- see batchin.h */
#include "gateway/batchin.h"

#include "base/log.h"
#include "gateway/gate/filter.h"
#include "gateway/ibmlog.h"
#include "gateway/mail/date.h"
#include "gateway/mail/header.h"
#include "gateway/mail/mime.h"
#include "gateway/ownmail.h"
#include "gateway/smtp/bsmtp.h"

#define ARENA_MAX ((size_t)64 << 20)
#define REPORT_WORDS 1024u

struct batch {
    struct gate *g;
    struct intake *in;
    const struct batchin_client *by;
    const struct mail *outer;
    struct arena *arena;
    unsigned taken;
};

bool batchin_meant(const struct gate *g, const struct batchin_client *by,
                   const struct smtp_path *rcpt)
{
    return admit_is_mailer(rcpt->local) && addr_is_ours(&g->names, rcpt->domain) &&
           conf_batch_from(g->conf, by->peer, by->login);
}

/* --- what the batch asks for --- */

static int on_sender(void *arg, const struct smtp_path *p, struct why *w)
{
    const struct batch *b = arg;
    if (b->g->conf->secure && p->route)
        return why_set(w, E_DENIED, 550, "5.1.7", "Source routes are not taken (SECURE)");
    return 0;
}

static int on_rcpt(void *arg, const struct smtp_path *p, void **user, struct why *w)
{
    struct batch *b = arg;
    const struct conf *c = b->g->conf;
    struct admitted *a = arena_alloc(b->arena, sizeof *a);
    if (a == NULL || arena_full(b->arena))
        return why_set(w, E_LIMIT, 452, "4.5.3", "Too many recipients");
    *user = a;
    *a = (struct admitted){.to = DOOR_LOCAL};
    if (p->route && (!c->source_routes || c->secure))
        return why_set(w, E_DENIED, 550, "5.1.3", "Source routes are not taken; write <%.*s>",
                       STR_ARG(p->text));
    struct asker by = {.source = b->by->login.n > 0 ? FROM_SIGNED : FROM_INTERNET};
    return admit_mailbox(b->g, by, p->local, p->domain, b->arena, a, w);
}

static void put_received(struct batch *b, struct buf *out, msg_id id)
{
    char at[64];
    struct buf date;
    buf_init(&date, 100);
    date_put(&date, wall_now(), 0);
    hdr_put(out, "Received",
            arena_printf(b->arena,
                         "from a batch (RFC 2442) of <%.*s> (client [%s%s]) by %.*s (njegate) with "
                         "BSMTP id " MSG_ID_FMT "; %.*s",
                         STR_ARG(b->outer->sender),
                         b->by->peer->any.sa_family == AF_INET6 ? "IPv6:" : "",
                         endpoint_text(b->by->peer, false, at), STR_ARG(b->g->names.hostname),
                         MSG_ID_ARG(id), STR_ARG(buf_text(&date))));
    buf_done(&date);
}

static int check_line(const struct batch *b, struct str content, struct why *w)
{
    struct str line;
    uint64_t most = b->g->conf->limit[LIMIT_LINE];
    while (str_line(&content, &line))
        if (line.n > most)
            return why_set(w, E_LIMIT, 550, "5.6.0", "A line is longer than %llu octets",
                           (unsigned long long)most);
    return 0;
}

/* The mail as it goes on: our trace in front, without what others say in our name. */
static int build(struct batch *b, struct str content, struct buf *out, struct why *w)
{
    struct hdr h;
    int64_t hops = 0;
    bool forged = false;
    if (check_line(b, content, w) < 0 || hdr_parse(b->arena, content, &h, w) < 0)
        return w->err;
    for (size_t i = 0; i < h.n; i++) {
        hops += str_is(h.field[i].name, "Received");
        forged = forged || filter_ours(b->g, h.field[i].name, h.field[i].value);
    }
    if (h.size > b->g->conf->limit[LIMIT_HEADER])
        return why_set(w, E_LIMIT, 552, "5.3.4", "The header is larger than %llu octets",
                       (unsigned long long)b->g->conf->limit[LIMIT_HEADER]);
    if (hops > b->g->conf->hop_count)
        return why_set(w, E_PERM, 554, "5.4.6",
                       "The mail has %lld Received fields: it goes in a circle", (long long)hops);
    put_received(b, out, intake_id(b->in));
    if (!forged) {
        buf_str(out, content);
        return 0;
    }
    for (size_t i = 0; i < h.n; i++) {
        char name[80];
        str_copy(name, sizeof name, h.field[i].name);
        if (!filter_ours(b->g, h.field[i].name, h.field[i].value))
            hdr_put(out, name, h.field[i].value);
    }
    buf_crlf(out);
    buf_str(out, str_sub(content, h.size, content.n));
    return 0;
}

static void log_taken(struct batch *b, const struct mail *m, msg_id id)
{
    struct str msgid = hdr_message_id(cur_str(&m->content));
    b->taken++;
    b->g->stat.from_smtp++;
    change_journal(intake_change(b->in), id, "accepted", "from=%.*s via=batch size=%zu%s%.*s",
                   STR_ARG(m->sender), cur_left(&m->content), msgid.n > 0 ? " msgid=" : "",
                   STR_ARG(str_sub(msgid, 0, 250)));
    for (size_t i = 0; i < m->nrcpt; i++)
        change_journal(intake_change(b->in), id, "recipient", "to=%.*s",
                       STR_ARG(m->rcpt[i].original));
    log_event(LOG_INFO, id, "accepted", "from=%s via=batch size=%zu rcpts=%zu",
              log_quote(m->sender), cur_left(&m->content), m->nrcpt);
    ibmlog_received(b->g, id, true, m->sender, cur_left(&m->content));
}

static int on_mail(void *arg, const struct bsmtp_mail *bm, struct why *w)
{
    struct batch *b = arg;
    struct admitted *rcpt = arena_alloc(b->arena, (bm->nrcpt + 1) * sizeof *rcpt);
    struct buf content;
    msg_id id;
    if (rcpt == NULL)
        return why_set(w, E_LIMIT, 452, "4.5.3", "Too many recipients");
    for (size_t i = 0; i < bm->nrcpt; i++) {
        rcpt[i] = *(const struct admitted *)bm->rcpt_user[i];
        rcpt[i].notify = bm->rcpt_params[i].notify;
        rcpt[i].orcpt = bm->rcpt_params[i].orcpt;
    }
    buf_init(&content, bm->content.n + 65536);
    int v = build(b, bm->content, &content, w);
    struct mail m = {.from = DOOR_SMTP,
                     .origin_sender = bm->sender.text,
                     .sender = bm->sender.text,
                     .content = buf_cur(&content),
                     .rcpt = rcpt,
                     .nrcpt = bm->nrcpt,
                     .ret = bm->params.ret,
                     .envid = bm->params.envid,
                     .utf8 = bm->params.utf8};
    if (v == 0 && arena_full(b->arena))
        v = why_set(w, E_LIMIT, 452, "4.3.1", "The batch needs too much memory");
    if (v == 0)
        v = intake_mail(b->in, &m, &id, w);
    if (v == 0)
        log_taken(b, &m, id);
    buf_done(&content);
    return v;
}

/* --- the report --- */

static void report(struct batch *b, const struct bsmtp *s)
{
    unsigned errors = bsmtp_errors(s);
    struct str to = b->outer->sender, host = b->g->names.hostname;
    struct buf text, mail;
    struct why w;
    msg_id id;
    intake_journal(b->in, "batch", "mails=%u errors=%u", b->taken, errors);
    if (to.n == 0 || (errors == 0 && !bsmtp_verbose(s)))
        return;
    buf_init(&text, bsmtp_report(s).n + REPORT_WORDS);
    buf_init(&mail, 4 * text.max + 65536);
    buf_printf(&text,
               "This is the mail gateway %.*s.\n\nOf the batch you have sent %u mail%s taken; "
               "commands that failed: %u.\nThe commands and their replies:\n\n",
               STR_ARG(host), b->taken, b->taken == 1 ? " was" : "s were", errors);
    buf_str(&text, bsmtp_report(s));
    struct ownmail own = {.host = host,
                          .to = to,
                          .subject = errors > 0 ? STR("Errors in your batch SMTP mail")
                                                : STR("Batch SMTP replies"),
                          .about = hdr_message_id(cur_str(&b->outer->content)),
                          .id = intake_id(b->in),
                          .kind = ".replies",
                          .automatic = "auto-replied"};
    struct str mid = ownmail_put(&mail, b->arena, &own);
    mime_put_text(&mail, buf_text(&text), NULL, 0, mid);
    struct admitted rcpt = {.to = DOOR_SMTP, .mailbox = to, .original = to, .notify = NOTIFY_NEVER};
    struct mail m = {.from = DOOR_LOCAL,
                     .content = buf_cur(&mail),
                     .rcpt = &rcpt,
                     .nrcpt = 1,
                     .utf8 = b->outer->utf8};
    if (intake_mail(b->in, &m, &id, &w) < 0)
        log_event(LOG_ERROR, intake_id(b->in), "notice", "error=%s", log_quote(str_of(w.text)));
    buf_done(&text);
    buf_done(&mail);
}

/* --- the mail that holds it --- */

/* The value of a parameter in a field "type; name=value; name=\"value\"", "" absent. */
static struct str parameter(struct str field, const char *name)
{
    bool quoted = false;
    size_t from = 0;
    for (size_t i = 0; i <= field.n; i++) {
        if (i < field.n && field.p[i] == '"')
            quoted = !quoted;
        if (i < field.n && (quoted || field.p[i] != ';'))
            continue;
        struct str value = str_trim(str_sub(field, from, i - from)), key;
        from = i + 1;
        (void)str_split(&value, '=', &key);
        value = str_trim(value);
        if (!str_is(str_trim(key), name))
            continue;
        if (value.n > 1 && value.p[0] == '"' && value.p[value.n - 1] == '"')
            value = str_sub(value, 1, value.n - 2);
        return value;
    }
    return STR("");
}

/* RFC 2442: what the batch uses beyond what every processor takes. */
static int check_extensions(struct str list, struct why *w)
{
    static const char *const known[] = {"8BITMIME", "SIZE",     "DSN",
                                        "NOTARY",   "SMTPUTF8", "ENHANCEDSTATUSCODES"};
    struct str piece, word;
    while (str_split(&list, ',', &piece))
        while ((word = str_word(&piece)).n > 0) {
            bool found = false;
            for (size_t i = 0; i < sizeof known / sizeof *known; i++)
                found = found || str_is(word, known[i]);
            if (!found)
                return why_set(w, E_PERM, 554, "5.5.4",
                               "The batch needs %.*s, which is not had here",
                               STR_ARG(str_sub(word, 0, 60)));
        }
    return 0;
}

static int decode(struct str content, const struct hdr *h, struct buf *out, struct why *w)
{
    struct str how = hdr_value(h, "Content-Transfer-Encoding");
    struct transfer t;
    transfer_begin(&t, str_is(how, "base64")             ? MIME_BASE64
                       : str_is(how, "quoted-printable") ? MIME_QP
                                                         : MIME_PLAIN);
    transfer_put(&t, str_sub(content, h->size, content.n), out);
    transfer_end(&t, out);
    return out->over ? why_set(w, E_LIMIT, 552, "5.3.4", "A batch in a mail may have %u octets",
                               BATCHIN_MAX)
                     : 0;
}

static int open_batch(struct arena *a, const struct mail *outer, struct buf *text, struct why *w)
{
    struct hdr h;
    struct str content = cur_str(&outer->content), type, field;
    if (hdr_parse(a, content, &h, w) < 0)
        return w->err;
    type = field = hdr_value(&h, "Content-Type");
    (void)str_split(&field, ';', &type);
    if (!str_is(str_trim(type), "application/batch-SMTP"))
        return why_set(w, E_PERM, 554, "5.6.1",
                       "Mail to this address has to be of the type application/batch-SMTP");
    int v = check_extensions(parameter(hdr_value(&h, "Content-Type"), "required-extensions"), w);
    return v < 0 ? v : decode(content, &h, text, w);
}

static void run(struct batch *b, struct str rest)
{
    static const struct bsmtp_ops ops = {.sender = on_sender, .rcpt = on_rcpt, .mail = on_mail};
    const struct conf *c = b->g->conf;
    struct bsmtp_set set = {.hostname = b->g->names.hostname.p,
                            .max_size = (uint64_t)c->max_mail_bytes,
                            .max_rcpt = (unsigned)c->limit[LIMIT_RCPTS],
                            .disallow = (unsigned)c->disallow,
                            .strict = true};
    struct bsmtp *s = bsmtp_new(&set, &ops, b);
    struct str line;
    while (str_line(&rest, &line))
        bsmtp_line(s, line);
    bsmtp_end(s);
    report(b, s);
    bsmtp_free(&s);
}

int batchin_take(struct gate *g, struct intake *in, const struct batchin_client *by,
                 const struct mail *outer, struct why *w)
{
    struct batch b = {.g = g, .in = in, .by = by, .outer = outer, .arena = arena_new(ARENA_MAX)};
    struct buf text;
    buf_init(&text, BATCHIN_MAX);
    int v = open_batch(b.arena, outer, &text, w);
    if (v == 0)
        run(&b, buf_text(&text));
    buf_done(&text);
    arena_free(&b.arena);
    return v;
}
