/* gateway/smtp/client_mail.c -- one message over an open conversation: envelope, content, verdicts.
 */
#include <string.h>

#include "base/mem.h"
#include "base/idn.h"
#include "base/text.h"
#include "gateway/smtp/client_private.h"

#define QUEUE_MOST 262144u /* no more than about this waits for the kernel */
/* Recipients of one transaction: every server takes 100 (RFC 5321 4.5.3.1.8), most take 1000; who
 * takes fewer says so with 452 and gets the rest in the next. */
#define RCPT_MOST 1000u
#define MAILBOX_ROOM 1024u
#define COMMANDS_MOST 32768u /* commands gathered before they go to the stream */

/* --- the envelope --- */

/* As this host may see an address: one whose domain alone is beyond ASCII has A-labels for those
 * without SMTPUTF8 (RFC 6531 3.2). z holds MAILBOX_ROOM octets. */
static struct str wire_address(const struct smtpc *c, struct str address, char *z)
{
    if (!c->smtputf8 && !text_is_ascii(address) && idn_mailbox(address, z, MAILBOX_ROOM))
        return str_of(z);
    return address;
}

static int check_address(struct smtpc *c, struct str address, struct why *w)
{
    struct smtp_path path;
    char z[MAILBOX_ROOM];
    struct str wire = wire_address(c, address, z);
    if (!c->smtputf8 && !text_is_ascii(wire))
        return why_set(w, E_PERM, 553, "5.6.7",
                       "'%.*s' is beyond ASCII, and host %s does not offer SMTPUTF8",
                       STR_ARG(str_sub(address, 0, 100)), c->peer);
    arena_reset(c->arena);
    return smtp_parse_mailbox(wire, c->arena, &path, w);
}

/* Can the message as a whole go to this server? */
static int check_message(struct smtpc *c, struct why *w)
{
    size_t size = cur_left(&c->job.content);
    if (c->size_max > 0 && size > c->size_max)
        return why_set(w, E_PERM, 552, "5.3.4",
                       "the message of %zu bytes is larger than host %s takes (%llu bytes)", size,
                       c->peer, (unsigned long long)c->size_max);
    if (c->job.utf8 && !c->smtputf8)
        return why_set(w, E_PERM, 554, "5.6.9",
                       "the header is beyond ASCII, and host %s does not offer SMTPUTF8", c->peer);
    if (c->job.eightbit && !c->eightbit)
        return why_set(w, E_PERM, 554, "5.6.3",
                       "the message holds 8-bit text, which host %s does not take", c->peer);
    return c->job.sender.n == 0 ? 0 : check_address(c, c->job.sender, w);
}

/* Does the envelope need SMTPUTF8 (RFC 6531 3.4)? */
static bool is_international(const struct smtpc *c)
{
    bool plain = !c->job.utf8 && text_is_ascii(c->job.sender);
    for (size_t i = 0; i < c->job.nrcpt && plain; i++)
        plain = c->fate[i] != WAITING || text_is_ascii(c->job.rcpt[i]);
    return !plain;
}

static struct str domain_of(struct str mailbox)
{
    ptrdiff_t at = str_find_last(mailbox, '@');
    return at < 0 ? STR("") : str_sub(mailbox, (size_t)at + 1, mailbox.n);
}

/* Is nobody before the i-th recipient in his domain? */
static bool is_new_domain(const struct smtpc *c, size_t i)
{
    struct str domain = domain_of(c->job.rcpt[i]);
    for (size_t k = 0; k < i; k++)
        if (c->fate[k] == WAITING && str_eq_nocase(domain_of(c->job.rcpt[k]), domain))
            return false;
    return true;
}

/* Verdicts of what cannot be sent at all; whether a recipient is left. */
static bool weed(struct smtpc *c)
{
    struct why w;
    size_t left = 0, domains = 0, most = RCPT_MOST;
    if (c->rcpt_max > 0 && c->rcpt_max < most)
        most = c->rcpt_max;
    if (check_message(c, &w) < 0) {
        smtpc_tell_rest(c, &w);
        return false;
    }
    for (size_t i = 0; i < c->job.nrcpt && !c->dead; i++) {
        if (c->fate[i] != WAITING)
            continue;
        bool fresh = c->domain_max > 0 && is_new_domain(c, i);
        if (check_address(c, c->job.rcpt[i], &w) < 0) {
            smtpc_tell(c, i, &w);
        } else if (left == most || (fresh && domains == c->domain_max)) {
            c->fate[i] = LATER;
        } else {
            left++;
            domains += fresh;
        }
    }
    return left > 0;
}

static size_t next_waiting(const struct smtpc *c, size_t from)
{
    while (from < c->job.nrcpt && c->fate[from] != WAITING)
        from++;
    return from;
}

static void flush(struct smtpc *c)
{
    stream_puts(c->s, buf_text(&c->out));
    buf_reset(&c->out);
}

static void put_mail(struct smtpc *c)
{
    char z[MAILBOX_ROOM];
    buf_z(&c->out, "MAIL FROM:<");
    buf_str(&c->out, wire_address(c, c->job.sender, z));
    buf_u8(&c->out, '>');
    if (c->size_known)
        buf_printf(&c->out, " SIZE=%zu", cur_left(&c->job.content));
    if (c->job.eightbit && c->eightbit)
        buf_z(&c->out, " BODY=8BITMIME");
    if (c->smtputf8 && is_international(c))
        buf_z(&c->out, " SMTPUTF8");
    smtpc_put_envelope_notify(c);
    buf_crlf(&c->out);
}

static void put_rcpt(struct smtpc *c, size_t i)
{
    char z[MAILBOX_ROOM];
    buf_z(&c->out, "RCPT TO:<");
    buf_str(&c->out, wire_address(c, c->job.rcpt[i], z));
    buf_u8(&c->out, '>');
    smtpc_put_notify(c, i);
    buf_crlf(&c->out);
    if (c->out.n > COMMANDS_MOST)
        flush(c);
}

/* With PIPELINING (RFC 2920) the whole envelope and DATA go in one write; the last message's RSET,
 * when it needs one, before them. Else one command for each reply. False: the message is settled
 * unsent. */
bool smtpc_send_envelope(struct smtpc *c)
{
    if (!weed(c)) {
        smtpc_job_done(c);
        return false;
    }
    bool rset = c->need_rset;
    c->mail_ok = c->need_rset = false;
    c->ntaken = c->queued = 0;
    c->at = next_waiting(c, 0);
    if (rset)
        buf_z(&c->out, "RSET\r\n");
    if (!rset || c->pipelining)
        put_mail(c);
    for (size_t i = c->at; c->pipelining && i < c->job.nrcpt; i = next_waiting(c, i + 1))
        put_rcpt(c, i);
    if (c->pipelining)
        buf_z(&c->out, "DATA\r\n");
    flush(c);
    smtpc_await(c, rset ? RSET : MAIL);
    return true;
}

static void begin(struct smtpc *c, const struct smtpc_job *job)
{
    c->job = *job;
    c->active = true;
    c->passed = 0;
    if (job->nrcpt > c->fates) {
        c->fate = mem_grow(c->fate, job->nrcpt, 1);
        c->fates = job->nrcpt;
    }
    if (job->nrcpt > 0)
        memset(c->fate, WAITING, job->nrcpt);
}

static bool enough(const struct smtpc *c)
{
    return c->quitting || c->answered >= c->set.max_messages ||
           (c->mail_max > 0 && c->answered >= c->mail_max);
}

/* Between messages. A loop, for any number of messages may be settled without being sent. */
void smtpc_ask(struct smtpc *c)
{
    while (!c->dead) {
        struct smtpc_job job = {.ref = NULL};
        c->state = ASK;
        bool more = !enough(c) && c->ops->next(c->arg, c, &job);
        if (c->dead)
            return;
        if (!more) {
            if (enough(c))
                smtpc_command(c, QUIT, "QUIT", "");
            else
                smtpc_await(c, IDLE);
            return;
        }
        begin(c, &job);
        if (smtpc_send_envelope(c))
            return;
    }
}

/* --- replies of a transaction --- */

/* Recipients the server did not want all at once. */
static bool take_up_rest(struct smtpc *c)
{
    bool found = false;
    for (size_t i = 0; i < c->job.nrcpt; i++) {
        if (c->fate[i] != LATER)
            continue;
        c->fate[i] = WAITING;
        found = true;
    }
    return found;
}

/* The transaction has its answers: on to the rest of the message or to the next, in the same turn.
 */
static void message_over(struct smtpc *c)
{
    c->answered++;
    bool again = take_up_rest(c);
    if (!again && memchr(c->fate, PUT_OFF, c->job.nrcpt) != NULL) {
        smtpc_pass_on(c, &c->put_off);
        return;
    }
    if (!again)
        smtpc_job_done(c);
    if (c->dead)
        return;
    c->state = ASK;
    struct cur in = stream_in(c->s);
    if (cur_left(&in) > 0) /* else it would be taken for answers to what we send next */
        smtpc_lose_confused(c, "it says more than it was asked");
    else if (!(again && smtpc_send_envelope(c)) && !c->dead)
        smtpc_ask(c);
}

void smtpc_rset_reply(struct smtpc *c)
{
    if (c->reply.code / 100 != 2) {
        smtpc_lose_refused(c);
        return;
    }
    if (!c->pipelining) {
        put_mail(c);
        flush(c);
    }
    smtpc_await(c, MAIL);
}

void smtpc_mail_reply(struct smtpc *c)
{
    c->mail_ok = c->reply.code / 100 == 2;
    if (!c->mail_ok)
        smtpc_server_why(c, &c->refused);
    if (c->reply.code / 100 == 4 && smtpc_may_pass_on(c)) {
        smtpc_leave_target(c, &c->refused);
        return;
    }
    if (!c->mail_ok && !c->pipelining) {
        smtpc_tell_rest(c, &c->refused);
        message_over(c);
        return;
    }
    if (!c->pipelining) {
        put_rcpt(c, c->at);
        flush(c);
    }
    smtpc_await(c, RCPT);
}

/* RFC 5321 4.5.3.1.10: 452 to RCPT, and once 552, means too many recipients when no enhanced code
 * says otherwise: what was taken is sent, then the rest. */
static bool is_too_many(const struct smtp_reply *r)
{
    return r->enh[0] == '\0' ? r->code == 452 || r->code == 552 : strcmp(r->enh, "4.5.3") == 0;
}

static void rcpt_why(struct smtpc *c, struct why *w)
{
    smtpc_server_why(c, w);
    if (is_too_many(&c->reply))
        why_set(w, E_TEMP, 452, "4.5.3", "%s", w->text);
}

/* A host that puts a recipient off may have a neighbour that does not (RFC 5321 5.1); his mailbox
 * (X.2, RFC 3463) is the same there. */
static bool next_may_take_it(const struct smtpc *c)
{
    return c->reply.code / 100 == 4 && strncmp(c->reply.enh, "4.2.", 4) != 0 &&
           smtpc_may_pass_on(c);
}

void smtpc_rcpt_reply(struct smtpc *c)
{
    struct why w;
    if (c->mail_ok && c->reply.code / 100 == 2) {
        c->fate[c->at] = TAKEN;
        c->ntaken++;
    } else if (c->mail_ok && c->ntaken > 0 && is_too_many(&c->reply)) {
        c->fate[c->at] = LATER;
    } else if (c->mail_ok && next_may_take_it(c)) {
        c->fate[c->at] = PUT_OFF;
        rcpt_why(c, &c->put_off);
    } else if (c->mail_ok) {
        rcpt_why(c, &w);
        smtpc_tell(c, c->at, &w);
        if (c->dead)
            return;
    }
    c->at = next_waiting(c, c->at + 1);
    bool last = c->at >= c->job.nrcpt;
    if (!c->pipelining && last && c->ntaken == 0) {
        c->need_rset = true;
        message_over(c);
        return;
    }
    if (!c->pipelining && last)
        buf_z(&c->out, "DATA\r\n");
    else if (!c->pipelining)
        put_rcpt(c, c->at);
    flush(c);
    smtpc_await(c, last ? DATA : RCPT);
}

void smtpc_send_content(struct smtpc *c)
{
    enum state next = CONTENT;
    while (next == CONTENT && stream_queued(c->s) < QUEUE_MOST) {
        struct buf *out = stream_put_begin(c->s);
        if (out == NULL)
            break; /* why it broke is still to be heard */
        size_t n = cur_left(&c->left);
        struct cur piece = cur_sub(&c->left, n < SMTPC_PIECE ? n : SMTPC_PIECE);
        smtp_dot(&c->dot, cur_str(&piece), out);
        if (cur_left(&c->left) == 0) {
            smtp_dot_end(&c->dot, out);
            next = DOT;
        }
        stream_put_end(c->s);
    }
    c->queued = stream_queued(c->s);
    smtpc_await(c, next);
}

void smtpc_data_reply(struct smtpc *c)
{
    struct why w;
    if (!c->mail_ok) {
        smtpc_tell_rest(c, &c->refused);
    } else if (c->reply.code != 354 && c->ntaken > 0) {
        smtpc_server_why(c, &w);
        smtpc_tell_rest(c, &w);
    }
    if (c->dead)
        return;
    if (c->reply.code != 354) {
        c->need_rset = c->mail_ok; /* a transaction without data may still be open */
        message_over(c);
    } else if (c->mail_ok && c->ntaken > 0) {
        c->left = c->job.content;
        c->dot = (struct smtp_dot){.state = 0};
        smtpc_send_content(c);
    } else if (c->set
                   .lmtp) { /* RFC 2033 4.2: it had to say 503, and would say nothing to the dot */
        smtpc_lose_confused(c, "it takes a message for nobody");
    } else { /* RFC 2920 3.1: no recipient, and yet it waits for content */
        stream_puts(c->s, STR(".\r\n"));
        c->queued = stream_queued(c->s);
        smtpc_await(c, DOT);
    }
}

/* An answer while we still send: a refusal is one, then the connection is of no use (RFC
 * 5321 4.1.1.4 has no other way to stop the content). */
void smtpc_early_reply(struct smtpc *c)
{
    struct why w;
    if (c->reply.code < 400) {
        smtpc_lose_confused(c, "it answers before the message has ended");
        return;
    }
    smtpc_server_why(c, &w);
    c->answered++;
    smtpc_lose(c, &w);
}

static size_t next_taken(const struct smtpc *c, size_t from)
{
    while (from < c->job.nrcpt && c->fate[from] != TAKEN)
        from++;
    return from;
}

/* One answer for all who were taken, or in LMTP one for each, in order (RFC 2033 4.2). */
void smtpc_dot_reply(struct smtpc *c)
{
    struct why w;
    bool ok = c->reply.code / 100 == 2;
    size_t i = next_taken(c, 0);
    if (stream_queued(c->s) > 0) {
        smtpc_early_reply(c);
        return;
    }
    if (!ok)
        smtpc_server_why(c, &w);
    do {
        if (i < c->job.nrcpt)
            smtpc_tell(c, i, ok ? NULL : &w);
        if (c->dead)
            return;
        i = next_taken(c, i);
    } while (i < c->job.nrcpt && !c->set.lmtp);
    if (i < c->job.nrcpt)
        smtpc_await(c, DOT);
    else
        message_over(c);
}
