/* gateway/smtp/bsmtp.c -- batch SMTP: a file of commands in, mails and a report of replies out */
#include "gateway/smtp/bsmtp.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define REPORT_MAX 65536u
#define TICK_MAX 80u
#define RCPT_ARENA 3072u  /* of the mail's arena for each recipient: a parse and what it keeps */
#define QUOTED_LINE 1024u /* of a command line in the report */

enum state {
    BATCH_IDLE, /* between mails */
    BATCH_MAIL, /* MAIL taken */
    BATCH_DATA, /* content is collected */
    BATCH_SKIP, /* DATA was refused: its content is passed over, or it would be read as commands */
    BATCH_QUIT, /* the rest of the file is not read */
};

struct bsmtp {
    struct bsmtp_set set;
    struct bsmtp_ops ops;
    void *arg;
    char *hostname;
    struct arena *arena; /* of the mail under way */
    struct bsmtp_mail mail;
    size_t cap;         /* of the recipient arrays */
    unsigned tried;     /* recipients of this mail, taken or not */
    struct buf content; /* CRLF lines */
    struct buf report;
    enum state state;
    bool verbose;
    unsigned errors, mails;
    char sender[SMTP_PATH_MAX];
    char tick[TICK_MAX];
};

struct batch_verb {
    const char *name;
    void (*run)(struct bsmtp *b, struct str rest);
};

static void set_state(struct bsmtp *b, enum state state)
{
    b->state = state;
}

bool bsmtp_looks(struct str first_line)
{
    static const char *const words[] = {"HELO", "EHLO", "TICK", "VERB", "MAIL"};
    struct str verb, rest;
    smtp_verb(first_line, &verb, &rest);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (str_is(verb, words[i]))
            return true;
    return false;
}

struct bsmtp *bsmtp_new(const struct bsmtp_set *set, const struct bsmtp_ops *ops, void *arg)
{
    struct bsmtp *b = mem_new(sizeof(*b));
    b->set = *set;
    b->set.max_rcpt = set->max_rcpt == 0 ? 1000 : set->max_rcpt;
    b->set.max_mails = set->max_mails == 0 ? 1000 : set->max_mails;
    b->set.max_size = set->max_size == 0 ? 104857600 : set->max_size;
    b->hostname = mem_dup(set->hostname);
    b->set.hostname = b->hostname;
    b->ops = *ops;
    b->arg = arg;
    b->arena = arena_new(65536 + (size_t)b->set.max_rcpt * RCPT_ARENA);
    buf_init(&b->content, b->set.max_size);
    buf_init(&b->report, REPORT_MAX);
    return b;
}

void bsmtp_free(struct bsmtp **bp)
{
    struct bsmtp *b = *bp;
    if (b == NULL)
        return;
    *bp = NULL;
    arena_free(&b->arena);
    buf_done(&b->content);
    buf_done(&b->report);
    free(b->mail.rcpt);
    free(b->mail.rcpt_user);
    free(b->mail.rcpt_params);
    free(b->hostname);
    free(b);
}

/* --- replies --- */

/* A whole line or none: the report never ends within one. */
static void report_line(struct bsmtp *b, struct str line)
{
    line = str_sub(line, 0, QUOTED_LINE);
    if (b->report.n + line.n + 1 > REPORT_MAX)
        return;
    buf_str(&b->report, line);
    buf_u8(&b->report, '\n');
}

static void reply(struct bsmtp *b, int code, const char *enh, struct str text)
{
    struct buf lines;
    struct str rest, line;
    buf_init(&lines, SMTP_REPLY_MAX);
    smtp_put_reply(&lines, code, enh, text);
    rest = buf_text(&lines);
    while (str_line(&rest, &line))
        report_line(b, line);
    buf_done(&lines);
    b->errors += code >= 400;
}

static void reply_why(struct bsmtp *b, const struct why *w)
{
    reply(b, why_smtp(w), why_enh(w), str_of(w->text));
}

/* --- one mail --- */

static void end_mail(struct bsmtp *b)
{
    b->mail.nrcpt = 0;
    b->mail.sender = (struct smtp_path){.text = STR("")};
    b->tried = 0;
    arena_reset(b->arena);
    buf_done(&b->content); /* a large mail's space is not kept for the next */
    set_state(b, BATCH_IDLE);
}

static void do_hello(struct bsmtp *b, struct str rest)
{
    if (rest.n == 0) {
        reply(b, 501, "5.5.4", STR("Syntax: HELO host"));
        return;
    }
    end_mail(b);
    reply(b, 250, "", str_of(b->hostname));
}

static void do_ehlo(struct bsmtp *b, struct str rest)
{
    struct buf text;
    if (rest.n == 0) {
        reply(b, 501, "5.5.4", STR("Syntax: EHLO host"));
        return;
    }
    end_mail(b);
    buf_init(&text, 1024);
    buf_printf(&text, "%s\n8BITMIME\nSIZE %llu\nDSN\nENHANCEDSTATUSCODES%s\nTICK%s", b->hostname,
               (unsigned long long)b->set.max_size,
               smtp_disallowed(b->set.disallow, STR("VERB")) ? "" : "\nVERB",
               smtp_disallowed(b->set.disallow, STR("HELP")) ? "" : "\nHELP");
    reply(b, 250, "", buf_text(&text));
    buf_done(&text);
}

static int take_sender(struct bsmtp *b, struct str rest, struct why *w)
{
    struct smtp_mail_params *params = &b->mail.params;
    if (b->mails >= b->set.max_mails)
        return why_set(w, E_LIMIT, 452, "4.5.3", "Too many mails in one file: %u allowed",
                       b->set.max_mails);
    int rc = smtp_parse_mail(rest, !b->set.strict, b->arena, &b->mail.sender, params, w);
    if (rc < 0)
        return rc;
    if (params->binary && b->set.strict)
        return why_set(w, E_SYNTAX, 501, "5.5.4", "BODY=BINARYMIME needs BDAT");
    if (params->size > b->set.max_size)
        return why_set(w, E_LIMIT, 552, "5.3.4", "Message too large: %llu octets allowed",
                       (unsigned long long)b->set.max_size);
    return b->ops.sender(b->arg, &b->mail.sender, w);
}

static void do_mail(struct bsmtp *b, struct str rest)
{
    struct why w;
    if (b->state == BATCH_MAIL) {
        /* Recipients to come may belong to either sender: neither mail goes to them. */
        end_mail(b);
        reply(b, 503, "5.5.1", STR("Sender already specified; this mail is dropped"));
        return;
    }
    end_mail(b);
    if (take_sender(b, rest, &w) < 0) {
        end_mail(b);
        reply_why(b, &w);
        return;
    }
    str_copy(b->sender, sizeof(b->sender), b->mail.sender.text);
    set_state(b, BATCH_MAIL);
    reply(b, 250, "2.1.0", STR("Sender OK"));
}

static int take_rcpt(struct bsmtp *b, struct str rest, struct why *w)
{
    struct bsmtp_mail *m = &b->mail;
    b->tried++;
    if (m->nrcpt >= b->set.max_rcpt)
        return why_set(w, E_LIMIT, 452, "4.5.3", "Too many recipients: %u allowed in one mail",
                       b->set.max_rcpt);
    if (m->nrcpt == b->cap) {
        b->cap = b->cap == 0 ? 8 : 2 * b->cap;
        m->rcpt = mem_grow(m->rcpt, b->cap, sizeof(*m->rcpt));
        m->rcpt_user = mem_grow(m->rcpt_user, b->cap, sizeof(*m->rcpt_user));
        m->rcpt_params = mem_grow(m->rcpt_params, b->cap, sizeof(*m->rcpt_params));
    }
    int rc = smtp_parse_rcpt(rest, !b->set.strict, m->params.utf8, b->arena, &m->rcpt[m->nrcpt],
                             &m->rcpt_params[m->nrcpt], w);
    if (rc < 0)
        return rc;
    m->rcpt_user[m->nrcpt] = NULL;
    return b->ops.rcpt(b->arg, &m->rcpt[m->nrcpt], &m->rcpt_user[m->nrcpt], w);
}

static void do_rcpt(struct bsmtp *b, struct str rest)
{
    struct why w;
    if (b->state != BATCH_MAIL) {
        reply(b, 503, "5.5.1", STR("Sender must be specified before recipients"));
    } else if (take_rcpt(b, rest, &w) < 0) {
        reply_why(b, &w);
    } else {
        b->mail.nrcpt++;
        reply(b, 250, "2.1.5", STR("Recipient OK"));
    }
}

static void do_data(struct bsmtp *b, struct str rest)
{
    bool sender = b->state == BATCH_MAIL;
    (void)rest;
    if (sender && b->mail.nrcpt > 0) {
        buf_init(&b->content, b->set.max_size);
        set_state(b, BATCH_DATA);
        reply(b, 354, "", STR("Enter mail body. End with a line of just a '.'"));
        return;
    }
    if (!sender)
        reply(b, 503, "5.5.1", STR("No sender specified"));
    else if (b->tried > 0)
        reply(b, 554, "5.5.1", STR("No valid recipients"));
    else
        reply(b, 503, "5.5.1", STR("No recipient specified"));
    end_mail(b);
    set_state(b, BATCH_SKIP);
}

static void end_data(struct bsmtp *b)
{
    struct why w;
    int rc;
    b->mail.content = buf_text(&b->content);
    b->mail.tick = str_of(b->tick);
    if (b->content.over)
        rc = why_set(&w, E_LIMIT, 552, "5.3.4", "Message too large: %llu octets allowed",
                     (unsigned long long)b->set.max_size);
    else
        rc = b->ops.mail(b->arg, &b->mail, &w);
    b->mails++;
    if (rc < 0)
        reply_why(b, &w);
    else
        reply(b, 250, "2.0.0", STR("Mail queued"));
    end_mail(b);
}

/* Records may hold what other code pages make CR, LF or NUL of: none of it may reach an SMTP peer.
 */
static void content_line(struct bsmtp *b, struct str line)
{
    if (line.n > 0 && line.p[0] == '.')
        line = str_sub(line, 1, line.n);
    size_t at = b->content.n;
    buf_str(&b->content, line);
    for (size_t i = at; i < b->content.n; i++)
        if (b->content.p[i] == '\r' || b->content.p[i] == '\n' || b->content.p[i] == '\0')
            b->content.p[i] = ' ';
    buf_crlf(&b->content);
}

/* --- the other verbs --- */

static void do_rset(struct bsmtp *b, struct str rest)
{
    (void)rest;
    end_mail(b);
    reply(b, 250, "2.0.0", STR("OK"));
}

static void do_noop(struct bsmtp *b, struct str rest)
{
    (void)rest;
    reply(b, 250, "2.0.0", STR("OK"));
}

static void do_quit(struct bsmtp *b, struct str rest)
{
    struct buf text;
    (void)rest;
    buf_init(&text, 512);
    buf_printf(&text, "%s closing connection", b->hostname);
    end_mail(b);
    set_state(b, BATCH_QUIT);
    reply(b, 221, "2.0.0", buf_text(&text));
    buf_done(&text);
}

/* "user", "user@host", "<user@host>": a bare name is one of ours. */
static int ask_who(struct bsmtp *b, struct str rest, struct buf *lines, struct why *w)
{
    struct smtp_path p;
    struct smtp_rcpt_params params;
    struct arena *a = arena_new(RCPT_ARENA);
    bool bracket = rest.n > 1 && rest.p[0] == '<' && rest.p[rest.n - 1] == '>';
    struct str name = bracket ? str_sub(rest, 1, rest.n - 2) : rest;
    struct str path =
        arena_printf(a, "TO:<%.*s%s%s>", STR_ARG(name), str_find(name, '@') < 0 ? "@" : "",
                     str_find(name, '@') < 0 ? b->hostname : "");
    int v = smtp_parse_rcpt(path, true, false, a, &p, &params, w);
    if (v >= 0)
        v = b->ops.who(b->arg, &p, lines, w);
    arena_free(&a);
    return v;
}

static void do_vrfy(struct bsmtp *b, struct str rest)
{
    struct why w;
    struct buf lines;
    if (b->ops.who == NULL) {
        reply(b, 252, "2.5.2", STR("Addresses are not verified here; RCPT tells"));
        return;
    }
    if (rest.n == 0) {
        reply(b, 501, "5.5.4", STR("Syntax: VRFY address, EXPN address"));
        return;
    }
    buf_init(&lines, SMTP_REPLY_MAX / 2);
    if (ask_who(b, rest, &lines, &w) < 0)
        reply_why(b, &w);
    else
        reply(b, 250, "2.1.5", str_trim(buf_text(&lines)));
    buf_done(&lines);
}

static void do_queu(struct bsmtp *b, struct str rest)
{
    struct buf lines;
    if (rest.n > 0 && !str_is(rest, "DATE")) {
        reply(b, 501, "5.5.4", STR("Syntax: QUEU or QUEU DATE"));
        return;
    }
    buf_init(&lines, SMTP_REPLY_MAX / 2);
    buf_printf(&lines, "%s: queues of mail\n", b->hostname);
    if (b->ops.queues != NULL)
        b->ops.queues(b->arg, rest.n > 0, &lines);
    reply(b, 250, "2.0.0", str_trim(buf_text(&lines)));
    buf_done(&lines);
}

static void do_verb(struct bsmtp *b, struct str rest)
{
    bool on = str_is(rest, "ON");
    if (!on && !str_is(rest, "OFF")) {
        reply(b, 501, "5.5.4", STR("Syntax: VERB ON or VERB OFF"));
        return;
    }
    b->verbose = on;
    reply(b, 250, "2.0.0", on ? STR("Replies are returned") : STR("Replies are not returned"));
}

static void do_tick(struct bsmtp *b, struct str rest)
{
    str_copy(b->tick, sizeof(b->tick), rest);
    reply(b, 250, "2.0.0", STR("OK"));
}

static void do_not(struct bsmtp *b, struct str rest)
{
    (void)rest;
    reply(b, 502, "5.5.1", STR("This command is not implemented here"));
}

static void do_help(struct bsmtp *b, struct str rest)
{
    (void)rest;
    reply(b, 214, "2.0.0",
          STR("HELO EHLO MAIL RCPT DATA RSET NOOP QUIT HELP VRFY EXPN VERB TICK QUEU are taken "
              "here"));
}

static const struct batch_verb verbs[] = {
    {"HELO", do_hello}, {"EHLO", do_ehlo}, {"MAIL", do_mail},    {"RCPT", do_rcpt},
    {"DATA", do_data},  {"RSET", do_rset}, {"NOOP", do_noop},    {"QUIT", do_quit},
    {"HELP", do_help},  {"VRFY", do_vrfy}, {"VERB", do_verb},    {"TICK", do_tick},
    {"QUEU", do_queu},  {"EXPN", do_vrfy}, {"SEND", do_not},     {"SOML", do_not},
    {"SAML", do_not},   {"TURN", do_not},  {"STARTTLS", do_not},
};

static bool has_control(struct str line)
{
    for (size_t i = 0; i < line.n; i++)
        if ((uint8_t)line.p[i] < ' ' && line.p[i] != '\t')
            return true;
    return false;
}

/* There is no continuation: what did not fit on a card was cut, or stands on the next as a command
 * nobody knows. A shorter address would be another one's. */
static bool is_cut(const struct bsmtp *b, struct str line)
{
    return b->set.columns > 0 && line.n >= b->set.columns && line.p[line.n - 1] != '>';
}

static const char cut_text[] = "The command fills its card: what does not fit on one cannot be "
                               "continued; send the batch as NETDATA";

/* A MAIL that is cut leaves no sender, a mail under way none of its recipients. */
static void refuse_cut(struct bsmtp *b, struct str verb)
{
    if (str_is(verb, "MAIL"))
        end_mail(b);
    else if (b->state == BATCH_MAIL)
        b->tried++;
    reply(b, 501, "5.5.2", str_of(cut_text));
}

static void command(struct bsmtp *b, struct str line)
{
    struct str verb, rest;
    smtp_verb(line, &verb, &rest);
    if (verb.n == 0)
        return; /* blank records between mails mean nothing */
    if (has_control(line)) {
        report_line(b, STR("(a line with control characters)"));
        reply(b, 500, "5.5.2", STR("Control character in a command"));
        return;
    }
    report_line(b, line);
    if (line.n > SMTP_LINE_MAX) {
        reply(b, 500, "5.5.2", STR("Command line too long"));
        return;
    }
    if (is_cut(b, line) && (str_is(verb, "MAIL") || str_is(verb, "RCPT"))) {
        refuse_cut(b, verb);
        return;
    }
    if (smtp_disallowed(b->set.disallow, verb)) {
        do_not(b, rest);
        return;
    }
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (str_is(verb, verbs[i].name)) {
            verbs[i].run(b, rest);
            return;
        }
    reply(b, 500, "5.5.2", STR("Command not recognized"));
}

void bsmtp_line(struct bsmtp *b, struct str line)
{
    bool dot = str_is(line, ".");
    switch (b->state) {
    case BATCH_DATA:
        if (dot) {
            report_line(b, line);
            end_data(b);
        } else {
            content_line(b, line);
        }
        break;
    case BATCH_SKIP:
        if (dot)
            set_state(b, BATCH_IDLE);
        break;
    case BATCH_IDLE:
    case BATCH_MAIL:
        command(b, line);
        break;
    case BATCH_QUIT:
        break;
    }
}

void bsmtp_end(struct bsmtp *b)
{
    if (b->state == BATCH_DATA) {
        end_data(b);
    } else if (b->state == BATCH_MAIL) {
        reply(b, 503, "5.5.1", STR("The file ends before DATA; this mail is dropped"));
        end_mail(b);
    }
    set_state(b, BATCH_QUIT);
}

bool bsmtp_verbose(const struct bsmtp *b)
{
    return b->verbose;
}

unsigned bsmtp_errors(const struct bsmtp *b)
{
    return b->errors;
}

struct str bsmtp_report(const struct bsmtp *b)
{
    return buf_text(&b->report);
}

struct str bsmtp_sender(const struct bsmtp *b)
{
    return str_of(b->sender);
}

/* --- writing --- */

struct writing {
    struct buf b; /* the line at hand */
    void (*line)(void *arg, struct str line);
    void *arg;
};

static void put(struct writing *to, const char *before, struct str text, const char *after)
{
    buf_reset(&to->b);
    buf_z(&to->b, before);
    buf_str(&to->b, text);
    buf_z(&to->b, after);
}

static void put_line(struct writing *to)
{
    to->line(to->arg, buf_text(&to->b));
}

static void put_envelope(struct writing *to, const struct bsmtp_out *out)
{
    put(to, out->extended ? "EHLO " : "HELO ", str_of(out->helo), "");
    put_line(to);
    put(to, "MAIL FROM:<", out->sender, ">");
    if (out->extended) {
        buf_printf(&to->b, " SIZE=%zu%s%s", out->content.n,
                   text_is_ascii(out->content) ? "" : " BODY=8BITMIME",
                   out->utf8 ? " SMTPUTF8" : "");
        smtp_put_mail_dsn(&to->b, out->ret, out->envid);
    }
    put_line(to);
    for (size_t i = 0; i < out->nrcpt; i++) {
        put(to, "RCPT TO:<", out->rcpt[i], ">");
        if (out->extended && out->rcpt_params != NULL)
            smtp_put_rcpt_dsn(&to->b, out->rcpt_params[i].notify, out->rcpt_params[i].orcpt);
        put_line(to);
    }
}

void bsmtp_write(const struct bsmtp_out *out, void (*line)(void *arg, struct str line), void *arg)
{
    struct writing to = {.line = line, .arg = arg};
    struct str content = out->content, text;
    buf_init(&to.b, content.n + 2 * SMTP_LINE_MAX);
    put_envelope(&to, out);
    line(arg, STR("DATA"));
    while (str_line(&content, &text)) {
        put(&to, text.n > 0 && text.p[0] == '.' ? "." : "", text, "");
        put_line(&to);
    }
    line(arg, STR("."));
    line(arg, STR("QUIT"));
    buf_done(&to.b);
}
