/* gateway/fromnje.c -- a file from the NJE side becomes mail. */
#include "gateway/fromnje_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/idn.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "db/threadrow.h"
#include "gateway/dsn.h"
#include "gateway/gate/filter.h"
#include "gateway/origin.h"
#include "gateway/mail/date.h"
#include "gateway/mail/header.h"
#include "gateway/mail/note.h"
#include "gateway/mail/relabel.h"
#include "gateway/gate/snadsgate.h"
#include "gateway/smtp/bsmtp.h"

#define QUOTE_MAX 4096u
#define THREAD_RCPTS 20u /* of a reply, asked for what they wrote */

/* Who may not send is told so, and the file is done with: 0. 1: go on. */
static int job_allowed(struct job *j, struct why *w)
{
    return origin_check(j->g, j->in, j->deck, j->source, &j->file, w);
}

/* --- taking a file apart --- */

struct fromnje_read {
    struct work_job job;
    struct body *deck;
    struct arena *arena;
    const struct ebc_page *page;
    struct str atsign;
    struct njefile_in file;
    int v;
    struct why why;
    void (*fn)(void *arg, int v, const struct why *w);
    void *arg;
};

/* The sender decides the page: the headers come first. */
static struct fromnje_read *read_new(struct gate *g, struct body *deck)
{
    struct fromnje_read *r = mem_new(sizeof *r);
    r->deck = body_hold(deck);
    r->arena = arena_new((size_t)body_size(deck) * 16 + (8u << 20));
    r->atsign = g->conf->atsign; /* configurations stay until the end */
    struct cur bytes = body_cur(deck, &r->why);
    r->v = cur_left(&bytes) == 0 ? r->why.err
                                 : njefile_read_headers(r->arena, bytes, &r->file, &r->why);
    if (r->v == 0)
        r->page = conf_page_for(g->conf, r->file.from_user, r->file.from_node);
    return r;
}

void fromnje_read_free(struct fromnje_read **rp)
{
    struct fromnje_read *r = *rp;
    *rp = NULL;
    if (r == NULL)
        return;
    body_free(&r->deck);
    arena_free(&r->arena);
    free(r);
}

/* In a work thread, it may be. */
static void read_all(void *arg)
{
    struct fromnje_read *r = arg;
    struct cur bytes = r->v == 0 ? body_cur(r->deck, &r->why) : cur_of(NULL, 0);
    if (r->v == 0)
        r->v = cur_left(&bytes) == 0
                   ? r->why.err
                   : njefile_read(r->arena, bytes, r->page, r->atsign, &r->file, &r->why);
}

static void read_over(void *arg, bool ran)
{
    struct fromnje_read *r = arg;
    if (!ran)
        r->v = why_set(&r->why, E_TEMP, 421, "4.3.2", "The gateway is stopping");
    r->fn(r->arg, ran ? 0 : r->v, &r->why);
}

struct fromnje_read *fromnje_read_apart(struct gate *g, struct body *deck,
                                        void (*fn)(void *arg, int v, const struct why *w),
                                        void *arg)
{
    struct fromnje_read *r = read_new(g, deck);
    r->fn = fn;
    r->arg = arg;
    r->job =
        (struct work_job){.run = read_all, .done = read_over, .arg = r, .size = body_size(deck)};
    work_give(g->work, &r->job);
    return r;
}

/* --- the job --- */

struct job *job_hold(struct job *j)
{
    j->holders++;
    return j;
}

void job_free(struct job **jp)
{
    struct job *j = *jp;
    *jp = NULL;
    if (j == NULL || --j->holders > 0)
        return;
    for (size_t i = 0; i < j->nbeside; i++) {
        struct job *beside = j->beside[i];
        job_free(&beside);
    }
    body_free(&j->deck);
    arena_free(&j->arena);
    free(j);
}

void job_beside(struct job *j, struct job *const *beside, size_t n)
{
    struct job **all = arena_alloc(j->arena, (n + 1) * sizeof(void *));
    for (size_t i = 0; all != NULL && i < n; i++)
        all[i] = job_hold(beside[i]);
    j->beside = all;
    j->nbeside = all != NULL ? n : 0;
}

int job_open(struct job **out, struct gate *g, struct intake *in, struct body *deck,
             enum policy_source source, struct why *w)
{
    struct job *j = *out = mem_new(sizeof *j);
    struct fromnje_read *r = intake_read(in, deck);
    if (r == NULL) {
        r = read_new(g, deck);
        read_all(r);
    }
    *j = (struct job){.holders = 1,
                      .g = g,
                      .in = in,
                      .deck = body_hold(deck),
                      .source = source,
                      .arena = r->arena,
                      .file = r->file};
    int v = r->v;
    if (v < 0)
        *w = r->why;
    r->arena = NULL;
    fromnje_read_free(&r);
    j->asker = j->origin_sender =
        arena_printf(j->arena, "%.*s@%.*s", STR_ARG(j->file.from_user), STR_ARG(j->file.from_node));
    j->sender = admit_internet(g, j->arena, j->file.from_user, j->file.from_node);
    j->from = DOOR_NJE;
    return v;
}

struct njefile_item *job_text(struct job *j)
{
    for (size_t i = 0; i < j->file.nitem; i++)
        if (j->file.item[i].text && !j->file.item[i].ack && !j->file.item[i].member)
            return &j->file.item[i];
    return NULL;
}

/* Anything that came back to an address of ours which only announces: acknowledgements of NETDATA.
 */
static bool only_acks(const struct job *j)
{
    for (size_t i = 0; i < j->file.nitem; i++)
        if (!j->file.item[i].ack)
            return false;
    return j->file.nitem > 0;
}

/* What the sender wrote to his file (INMTERM before the data set), NULL nothing. */
struct njefile_item *job_message(struct job *j)
{
    return j->file.nitem > 1 && j->file.item[0].note ? &j->file.item[0] : NULL;
}

static struct str first_line(struct str text)
{
    struct str line = STR("");
    while (str_line(&text, &line) && str_trim(line).n == 0)
        ;
    return line;
}

/* --- building the mail --- */

static void put_received(struct job *j, struct buf *b, msg_id id)
{
    char job_name[9];
    struct buf date, class;
    buf_init(&date, 100);
    buf_init(&class, 16);
    ebc_to_utf8(&class, ebc_page_default(), cur_of(&j->file.dsh.class, 1));
    date_put(&date, wall_now(), 0);
    struct str value =
        arena_printf(j->arena,
                     "from %.*s (user %.*s, job %.*s %u, file %.*s %.*s, class %.*s) by %.*s "
                     "(njegate) with NJE id " MSG_ID_FMT "; %.*s",
                     STR_ARG(j->file.from_node), STR_ARG(j->file.from_user),
                     STR_ARG(ebc_name_text(&j->file.njh.job_name, job_name)), j->file.njh.job_id,
                     STR_ARG(j->file.fn), STR_ARG(j->file.ft), STR_ARG(str_trim(buf_text(&class))),
                     STR_ARG(j->g->names.hostname), MSG_ID_ARG(id), STR_ARG(buf_text(&date)));
    hdr_put(b, "Received", value);
    buf_done(&date);
    buf_done(&class);
}

static struct str message_id(struct job *j, msg_id id)
{
    return arena_printf(j->arena, "<" MSG_ID_FMT ".%lld@%.*s>", MSG_ID_ARG(id),
                        (long long)wall_now().us, STR_ARG(j->g->names.hostname));
}

/* A domain beyond ASCII has A-labels for those who need them. */
static bool goes_as_ascii(struct str mailbox)
{
    char z[1024];
    return text_is_ascii(mailbox) ||
           (idn_mailbox(mailbox, z, sizeof z) && text_is_ascii(str_of(z)));
}

/* Only such an envelope lets a header have addresses that are not ASCII. */
static bool needs_utf8(const struct job *j, const struct admitted *rcpt, size_t n)
{
    bool ascii = goes_as_ascii(j->sender);
    for (size_t i = 0; i < n; i++) {
        ascii = ascii && goes_as_ascii(rcpt[i].mailbox);
        for (size_t k = 0; k < rcpt[i].nmore; k++)
            ascii = ascii && goes_as_ascii(rcpt[i].more[k].mailbox);
    }
    return !ascii;
}

/* --- notes --- */

/* The rules as this mail sees them. */
static struct rules_use rules_here(struct job *j)
{
    j->about = (struct headrules){
        .conf = j->g->conf, .db = store_reader(j->g->store), .arena = j->arena, .asker = j->asker};
    j->ask = headrules_ask(&j->about);
    return (struct rules_use){
        .rules = j->g->conf->rules, .ask = &j->ask, .origin = j->file.from_node};
}

/* The Internet address that a note's header shows for an NJE user: what the rules make of
 * user@node. Where none applies the gateway's own form stands, for a note's user at node means
 * nothing outside. */
static struct str header_mailbox(struct job *j, const char *field, struct str user, struct str node)
{
    struct str mailbox = admit_internet(j->g, j->arena, user, node);
    bool own =
        !j->g->conf->secure && !str_eq(mailbox, addr_internet(j->arena, &j->g->names, user, node));
    if (j->g->conf->rules == NULL || own) /* own: his MBOX, his alias */
        return mailbox;
    struct rules_use use = rules_here(j);
    struct str address = arena_printf(j->arena, "%.*s@%.*s", STR_ARG(user), STR_ARG(node));
    struct buf b;
    struct why w;
    buf_init(&b, HDR_BYTES_MAX);
    if (rules_address(&use, str_of(field), address, &b, &w) > 0 && !b.over && b.n > 0)
        mailbox = arena_str(j->arena, buf_text(&b));
    buf_done(&b);
    return mailbox;
}

/* A recipient of a note as an Internet mailbox: host, nickname (this note's own first), or NJE
 * user. */
static struct str map_address(struct job *j, const struct note *n, const char *field,
                              const struct note_addr *a)
{
    for (size_t i = 0; i < n->nnick; i++)
        if (str_eq_nocase(n->nick[i].nick, a->user))
            return n->nick[i].mailbox;
    if (str_find(a->node, '.') >= 0)
        return arena_printf(j->arena, "%.*s@%.*s", STR_ARG(a->user), STR_ARG(a->node));
    struct nick_row row;
    struct why w;
    if (str_eq_nocase(a->node, j->g->conf->dim_node) && conf_user_of(j->g->conf, a->user) == NULL &&
        nick_mailbox(j->g->nicks, a->user, j->arena, &row, &w) == 0 && row.mailbox.n > 0)
        return row.mailbox;
    struct str alias;
    struct snads_world s = snadsgate_world(j->g);
    if (snads_outbound(&s, j->asker, a->user, a->node, j->arena, &alias, &w) > 0)
        return alias;
    return header_mailbox(j, field, a->user, a->node);
}

/* A reply on a 3270 says "Re:" and no more: which mail it answers is what its writer was given by
 * the first of its recipients under that subject. */
static void find_thread(struct job *j, const struct note *n, const struct note_mail_rcpt *to,
                        struct note_mail *m)
{
    struct thread_row row;
    struct why w;
    bool reply;
    struct str subject = threadrow_subject(n->subject, &reply);
    if (!reply || str_find(m->in_reply_to, '<') >= 0)
        return;
    for (size_t i = 0; i < n->nrcpt && i < THREAD_RCPTS; i++) {
        if (threadrow_find(store_reader(j->g->store), j->asker, to[i].mailbox, subject, j->arena,
                           &row, &w) <= 0)
            continue;
        m->in_reply_to = row.message_id;
        m->references = arena_printf(j->arena, "%.*s%s%.*s", STR_ARG(row.refs),
                                     row.refs.n > 0 ? " " : "", STR_ARG(row.message_id));
        return;
    }
}

static void build_note(struct job *j, const struct note *n, const struct njefile_item *text,
                       struct letter *l)
{
    msg_id id = intake_id(j->in);
    struct note_mail_rcpt *to = arena_alloc(j->arena, (n->nrcpt + 1) * sizeof *to);
    for (size_t i = 0; i < n->nrcpt; i++)
        to[i] = (struct note_mail_rcpt){
            n->rcpt[i].role, n->rcpt[i].addr.name,
            map_address(j, n, n->rcpt[i].role == NOTE_CC ? "Cc" : "To", &n->rcpt[i].addr)};
    bool own = str_eq_nocase(n->from.user, j->file.from_user);
    struct note_mail m = {.date = n->date.us != 0 ? n->date : wall_now(),
                          .offset = n->offset,
                          .from_name = n->has_from && own ? n->from.name : STR(""),
                          .from_mailbox =
                              header_mailbox(j, "From", j->file.from_user, j->file.from_node),
                          .rcpt = to,
                          .nrcpt = n->nrcpt,
                          .subject = n->subject,
                          .message_id = message_id(j, id),
                          .in_reply_to = n->in_reply_to,
                          .reply_to = n->reply_to,
                          .utf8 = j->utf8};
    find_thread(j, n, to, &m);
    put_received(j, &l->b, id);
    note_mail_header(&l->b, &m);
    l->form = LETTER_NOTE;
    l->text = n->text;
    l->item = text;
    l->seed = m.message_id;
}

static int post_note(struct job *j, const struct njefile_item *text, const struct note *n,
                     const struct admitted *rcpt, size_t nrcpt, struct why *w)
{
    j->utf8 = needs_utf8(j, rcpt, nrcpt);
    struct letter *l = letter_new(j, rcpt, nrcpt);
    build_note(j, n, text, l);
    uint64_t size = body_size(j->deck);
    for (size_t i = 0; i < j->nbeside; i++)
        size += body_size(j->beside[i]->deck);
    return letter_post(&l, size, w);
}

void job_refuse(struct job *j, struct str recipient, const struct why *why, struct str text)
{
    dsn_refused_file(j->g, j->in, j->file.from_user, j->file.from_node, STR("Undeliverable mail"),
                     recipient, why, str_sub(text, 0, QUOTE_MAX));
    intake_journal(j->in, "refused", "to=%.*s reason=%s", STR_ARG(recipient), why->text);
    j->g->stat.refused++;
}

/* A nickname the note itself gives, good for this note only; it comes before the table's. */
static const struct note_nick *temporary(const struct job *j, const struct note *n, struct str user,
                                         struct str node)
{
    for (size_t i = 0; i < n->nnick && str_eq_nocase(node, j->g->conf->dim_node); i++)
        if (str_eq_nocase(n->nick[i].nick, user))
            return &n->nick[i];
    return NULL;
}

/* A recipient as the file names him. Who is denied nicknames gets to nobody through one. */
int job_recipient(struct job *j, const struct note_nick *own, struct str local, struct str domain,
                  struct admitted *out, struct why *w)
{
    ptrdiff_t at = own != NULL ? str_find_last(own->mailbox, '@') : -1;
    if (at > 0) {
        local = str_sub(own->mailbox, 0, (size_t)at);
        domain = str_sub(own->mailbox, (size_t)at + 1, own->mailbox.n);
    }
    int v =
        admit_mailbox(j->g, (struct asker){j->source, j->asker}, local, domain, j->arena, out, w);
    if (v == 0 && (out->nick || own != NULL))
        v = admit_access(j->g, j->file.from_user, j->file.from_node, w);
    return v;
}

/* A note to the gateway itself: its Internet recipients are the To and cc entries with a dotted
 * host, and those by a nickname of its own. */
static int note_by_header(struct job *j, const struct njefile_item *text, const struct note *n,
                          struct why *w)
{
    struct admitted *rcpt = arena_alloc(j->arena, (n->nrcpt + 1) * sizeof *rcpt);
    size_t nrcpt = 0, seen = 0;
    for (size_t i = 0; i < n->nrcpt; i++) {
        struct why refusal;
        const struct note_addr *a = &n->rcpt[i].addr;
        const struct note_nick *own = temporary(j, n, a->user, a->node);
        if (str_find(a->node, '.') < 0 && own == NULL)
            continue;
        seen++;
        if (job_recipient(j, own, a->user, a->node, &rcpt[nrcpt], &refusal) == 0)
            nrcpt++;
        else
            job_refuse(j, arena_printf(j->arena, "%.*s@%.*s", STR_ARG(a->user), STR_ARG(a->node)),
                       &refusal, n->text);
    }
    if (seen == 0) {
        struct why none;
        why_set(&none, E_ABSENT, 554, "5.5.1",
                "the note names no Internet recipient: \"user at host.domain\" in To: or cc:");
        return fromnje_return(j->g, j->in, j->deck, &none, w);
    }
    return nrcpt > 0 ? post_note(j, text, n, rcpt, nrcpt, w) : 0;
}

/* --- RFC 822 text, files --- */

/* Address lists hold what RFC 5322 allows: letters outside ASCII are encoded, which only the names
 * and comments can be, so such a list is written anew. */
static struct str encode_addresses(struct job *j, struct str value)
{
    struct hdr_addr list[200];
    struct buf b;
    if (text_is_ascii(value))
        return value;
    size_t n = hdr_addrs(j->arena, value, list, 200);
    buf_init(&b, HDR_BYTES_MAX);
    for (size_t i = 0; i < n; i++) {
        buf_z(&b, i > 0 ? ", " : "");
        buf_str(&b, j->utf8 ? hdr_mailbox(j->arena, list[i].name, list[i].mailbox)
                            : hdr_mailbox_ascii(j->arena, list[i].name, list[i].mailbox));
    }
    struct str out = n > 0 && n < 200 && !b.over ? arena_str(j->arena, buf_text(&b)) : value;
    buf_done(&b);
    return out;
}

static bool is_address_field(struct str name)
{
    static const char *const fields[] = {"From",      "To",         "Cc",           "Bcc",
                                         "Reply-To",  "Sender",     "Resent-From",  "Resent-To",
                                         "Resent-Cc", "Resent-Bcc", "Resent-Sender"};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (str_is(name, fields[i]))
            return true;
    return false;
}

/* A field as it goes to the Internet. What the rules cannot read they leave alone. */
static struct str outward(struct job *j, const struct hdr_field *f)
{
    const struct rules *rules = j->g->conf->rules;
    bool ruled = rules != NULL && rules_covers(rules, f->name);
    struct str value = f->value;
    if (!ruled && !is_address_field(f->name))
        return hdr_encode(j->arena, value);
    if (ruled) {
        struct rules_use use = rules_here(j);
        struct buf b;
        struct why w;
        buf_init(&b, HDR_BYTES_MAX);
        int v = rules_field(&use, f->name, value, &b, &w);
        if (v < 0)
            log_event(LOG_WARN, intake_id(j->in), "not-rewritten", "field=%.*s reason=%s",
                      STR_ARG(f->name), log_quote(str_of(w.text)));
        else if (v > 0)
            value = arena_str(j->arena, buf_text(&b));
        buf_done(&b);
    }
    return encode_addresses(j, value);
}

/* What a code page had is UTF-8 now, whatever the labels of the mail's parts say. */
static struct str true_labels(struct job *j, struct str text)
{
    struct buf b;
    struct why ignored;
    if (text_is_ascii(text))
        return text;
    buf_init(&b, 2 * text.n + 65536);
    if (relabel_put(j->arena, text, true, &b, &ignored) == 0)
        text = arena_str(j->arena, buf_text(&b));
    buf_done(&b);
    return text;
}

/* A mail that has been through too many hosts goes in a circle, over whichever network. */
static int check_hops(const struct job *j, const struct hdr *h, struct why *w)
{
    int64_t hops = 0;
    for (size_t i = 0; i < h->n; i++)
        hops += str_is(h->field[i].name, "Received");
    if (hops <= j->g->conf->hop_count)
        return 0;
    return why_set(w, E_PERM, 554, "5.4.6",
                   "The mail has %lld Received fields: it goes in a circle", (long long)hops);
}

/* Write RFC 822 text as a mail of today: what is missing is added, EBCDIC's own characters are
 * declared. */
static int build_822(struct job *j, struct str text, struct letter *l, struct why *w)
{
    struct buf *b = &l->b;
    struct hdr h;
    msg_id id = intake_id(j->in);
    int v = hdr_parse(j->arena, text, &h, w);
    bool mime = v == 0 &&
                (hdr_get(&h, "Content-Type", 0) != NULL || hdr_get(&h, "MIME-Version", 0) != NULL);
    if (mime) {
        text = true_labels(j, text);
        v = hdr_parse(j->arena, text, &h, w);
    }
    if (v == 0)
        v = check_hops(j, &h, w);
    if (v < 0)
        return v;
    put_received(j, b, id);
    for (size_t i = 0; i < h.n; i++) {
        char name[80];
        str_copy(name, sizeof name, h.field[i].name);
        if (str_is(h.field[i].name, "Return-Path") ||
            filter_ours(j->g, h.field[i].name, h.field[i].value)) /* ours alone to say */
            continue;
        hdr_put(b, name, outward(j, &h.field[i]));
    }
    if (hdr_get(&h, "Date", 0) == NULL) {
        buf_z(b, "Date: ");
        date_put(b, wall_now(), 0);
        buf_crlf(b);
    }
    if (hdr_get(&h, "From", 0) == NULL)
        hdr_put(b, "From",
                j->sender.n > 0
                    ? j->sender
                    : admit_internet(j->g, j->arena, j->file.from_user, j->file.from_node));
    l->seed = message_id(j, id);
    if (hdr_get(&h, "Message-ID", 0) == NULL)
        hdr_put(b, "Message-ID", l->seed);
    l->form = mime ? LETTER_MIME : LETTER_PLAIN;
    l->text = str_sub(text, h.size, text.n);
    return 0;
}

static bool looks_822(struct job *j, const struct njefile_item *text)
{
    struct hdr h;
    struct why w;
    if (hdr_parse(j->arena, text->content, &h, &w) < 0)
        return false;
    return h.n >= 2 && hdr_get(&h, "From", 0) != NULL &&
           (hdr_get(&h, "To", 0) != NULL || hdr_get(&h, "Subject", 0) != NULL ||
            hdr_get(&h, "Date", 0) != NULL);
}

int job_post_822(struct job *j, struct str text, const struct admitted *rcpt, size_t nrcpt,
                 struct why *w)
{
    j->utf8 = needs_utf8(j, rcpt, nrcpt);
    struct letter *l = letter_new(j, rcpt, nrcpt);
    int v = build_822(j, text, l, w);
    if (v == 0)
        v = letter_post(&l, text.n, w);
    letter_drop(&l);
    return v;
}

/* The names of the data sets in the file. */
static struct str add_names(struct job *j, struct str names, struct job *from)
{
    for (size_t i = 0; i < from->file.nitem; i++)
        if (&from->file.item[i] != job_message(from) && !from->file.item[i].member &&
            !from->file.item[i].ack)
            names = arena_printf(j->arena, "%.*s%s%.*s", STR_ARG(names), names.n > 0 ? ", " : "",
                                 STR_ARG(from->file.item[i].name));
    return names;
}

/* What is said above files without a note: the messages that came with them, else their names; the
 * members of libraries. */
static struct str words_of(struct job *j, struct job *from, struct str words)
{
    const struct njefile_item *message = job_message(from);
    if (message != NULL)
        words = arena_printf(j->arena, "%.*s%s%.*s", STR_ARG(words), words.n > 0 ? "\n" : "",
                             STR_ARG(message->content));
    if (from->file.members.n > 0)
        words = arena_printf(j->arena, "%.*s\nMembers:\n%.*s", STR_ARG(words),
                             STR_ARG(from->file.members));
    return words;
}

/* Any other file is mail with the file attached. */
static int post_file(struct job *j, const struct admitted *rcpt, struct why *w)
{
    struct str names = add_names(j, STR(""), j), said = words_of(j, j, STR(""));
    for (size_t i = 0; i < j->nbeside; i++) {
        names = add_names(j, names, j->beside[i]);
        said = words_of(j, j->beside[i], said);
    }
    const char *files = j->nbeside > 0 ? "Files" : "File";
    struct note n = {.date = wall_now(),
                     .subject = arena_printf(j->arena, "%s %.*s", files, STR_ARG(names))};
    struct note_rcpt to = {.role = NOTE_TO};
    ptrdiff_t at = str_find_last(rcpt->mailbox, '@');
    to.addr.user = at > 0 ? str_sub(rcpt->mailbox, 0, (size_t)at) : rcpt->user;
    to.addr.node = at > 0 ? str_sub(rcpt->mailbox, (size_t)at + 1, rcpt->mailbox.n) : rcpt->node;
    n.rcpt = &to, n.nrcpt = 1;
    n.text =
        job_message(j) != NULL
            ? said
            : arena_printf(j->arena, "%s %.*s from %.*s at %.*s.\n%.*s", files, STR_ARG(names),
                           STR_ARG(j->file.from_user), STR_ARG(j->file.from_node), STR_ARG(said));
    return post_note(j, job_message(j), &n, rcpt, 1, w);
}

static bool is_found(const struct admitted *to)
{
    return to->list || to->mailbox.n > 0;
}

/* A note to a nickname: one it gives itself, or the one that was found (to->mailbox "": none was,
 * for that reason). */
static int take_note(struct job *j, const struct njefile_item *text, const struct admitted *to,
                     const struct why *reason, struct why *w)
{
    struct note n;
    struct why refusal;
    struct admitted rcpt = *to;
    int v = note_parse(j->arena, text->content, &n, w);
    if (v < 0)
        return v;
    const struct note_nick *own = temporary(j, &n, j->file.to_user, j->file.to_node);
    if (own == NULL && !is_found(to))
        return fromnje_return(j->g, j->in, j->deck, reason, w);
    if (own != NULL && job_recipient(j, own, STR(""), STR(""), &rcpt, &refusal) < 0)
        return fromnje_return(j->g, j->in, j->deck, &refusal, w);
    for (size_t i = 0; i < j->nbeside; i++)
        n.text = words_of(j, j->beside[i], n.text);
    return post_note(j, text, &n, &rcpt, 1, w);
}

int job_take(struct job *j, const struct admitted *to, const struct why *reason, struct why *w)
{
    struct why denied;
    const struct njefile_item *text = job_text(j);
    if (to->nick && admit_access(j->g, j->file.from_user, j->file.from_node, &denied) < 0)
        return fromnje_return(j->g, j->in, j->deck, &denied, w);
    if (text != NULL && note_looks(text->content))
        return take_note(j, text, to, reason, w);
    if (!is_found(to))
        return fromnje_return(j->g, j->in, j->deck, reason, w);
    if (text != NULL && j->file.nitem == 1 && looks_822(j, text))
        return job_post_822(j, text->content, to, 1, w);
    return post_file(j, to, w);
}

static int take_mailbox(struct gate *g, struct intake *in, struct body *deck,
                        enum policy_source source, const struct admitted *to,
                        const struct why *reason, struct why *w)
{
    struct job *j;
    int v = job_open(&j, g, in, deck, source, w);
    if (v == 0 && only_acks(j))
        intake_journal(in, "dropped", "from=%.*s a NETDATA acknowledgement",
                       STR_ARG(j->origin_sender));
    else if (v == 0 && (v = job_allowed(j, w)) > 0)
        v = job_take(j, to, reason, w);
    job_free(&j);
    return v;
}

int job_alone(struct job *j, const struct admitted *to, struct why *w)
{
    const struct njefile_item *text = job_text(j);
    if (only_acks(j)) {
        intake_journal(j->in, "dropped", "from=%.*s a NETDATA acknowledgement",
                       STR_ARG(j->origin_sender));
        return 0;
    }
    int v = job_allowed(j, w);
    if (v <= 0)
        return v;
    if (text == NULL || j->file.nitem > 1 || note_looks(text->content) || !looks_822(j, text))
        return 1;
    return job_take(j, to, NULL, w);
}

bool job_is_note(struct job *j)
{
    const struct njefile_item *text = job_text(j);
    return text != NULL && note_looks(text->content);
}

int fromnje_mailbox(struct gate *g, struct intake *in, struct body *deck, enum policy_source source,
                    const struct admitted *to, struct why *w)
{
    return take_mailbox(g, in, deck, source, to, NULL, w);
}

int fromnje_unknown(struct gate *g, struct intake *in, struct body *deck, enum policy_source source,
                    const struct why *reason, struct why *w)
{
    struct admitted none = {.to = DOOR_SMTP, .nick = true};
    return take_mailbox(g, in, deck, source, &none, reason, w);
}

/* --- to the gateway itself --- */

int fromnje_mailer(struct gate *g, struct intake *in, struct body *deck, enum policy_source source,
                   struct why *w)
{
    struct job *j;
    struct note n;
    int v = job_open(&j, g, in, deck, source, w);
    const struct njefile_item *text = v == 0 ? job_text(j) : NULL;
    if (v == 0 && only_acks(j)) {
        intake_journal(in, "dropped", "from=%.*s a NETDATA acknowledgement",
                       STR_ARG(j->origin_sender));
    } else if (v < 0 || (v = job_allowed(j, w)) <= 0) {
        text = NULL; /* v says what came of it */
    } else if (text != NULL && bsmtp_looks(first_line(text->content))) {
        job_batch(j, text);
        v = 0;
    } else if (text != NULL && note_looks(text->content)) {
        v = note_parse(j->arena, text->content, &n, w);
        if (v == 0)
            v = note_by_header(j, text, &n, w);
    } else {
        struct why neither;
        why_set(&neither, E_SYNTAX, 554, "5.6.0",
                "the file is neither batch SMTP nor a note with an Internet recipient");
        v = fromnje_return(g, in, deck, &neither, w);
    }
    job_free(&j);
    return v;
}

/* --- returned --- */

bool fromnje_way_back(const struct gate *g, struct str node)
{
    struct nje_name name;
    return admit_is_local_node(g, node) ||
           (ebc_name(&name, node) && routes_link(g->routes, &name) != NULL);
}

static bool is_return(const struct njefile_in *f)
{
    return str_eq_nocase(f->from_user, f->to_user) && str_eq_nocase(f->from_node, f->to_node);
}

bool fromnje_goes_home(struct gate *g, const struct njefile_in *f)
{
    char origin[20];
    if (!is_return(f) || admit_is_mailer(f->to_user))
        return false;
    if (admit_is_local_node(g, f->to_node))
        return conf_user_of(g->conf, f->to_user) != NULL;
    snprintf(origin, sizeof origin, "%.*s@%.*s", STR_ARG(f->from_user), STR_ARG(f->from_node));
    return !str_eq_nocase(f->to_node, g->conf->dim_node) &&
           !snadsgate_takes(g, str_of(origin), f->to_node);
}

static int send_back(struct gate *g, struct intake *in, struct cur deck,
                     const struct njefile_in *file, const struct why *reason, struct why *w)
{
    /* Its hops begin anew: one that had too many could not come home. */
    struct njefile_edit edit = {
        .to_user = file->from_user, .to_node = file->from_node, .set_hops = true};
    struct admitted to = {.to = admit_is_local_node(g, file->from_node) ? DOOR_LOCAL : DOOR_NJE,
                          .user = file->from_user,
                          .node = file->from_node};
    struct body *back;
    int v = njefile_copy(g->store, deck, &edit, &back, w);
    if (v < 0)
        return v;
    v = intake_deck(in, back, DOOR_LOCAL, STR(""), &to, w);
    body_free(&back);
    intake_journal(in, "returned", "to=%.*s@%.*s reason=%s", STR_ARG(to.user), STR_ARG(to.node),
                   reason->text);
    intake_tell(in, to.user, to.node, "File %.*s %.*s (%u) to %.*s at %.*s returned: %s",
                STR_ARG(file->fn), STR_ARG(file->ft), file->njh.job_id, STR_ARG(file->to_user),
                STR_ARG(file->to_node), reason->text);
    g->stat.returned++;
    return v;
}

int fromnje_return(struct gate *g, struct intake *in, struct body *deck, const struct why *reason,
                   struct why *w)
{
    struct arena *a = arena_new(1u << 20);
    struct njefile_in file;
    struct cur bytes = body_cur(deck, w);
    int v = njefile_read_headers(a, bytes, &file, w);
    bool ours = v == 0 && admit_is_local_node(g, file.from_node);
    if (v == 0 && ours && conf_user_of(g->conf, file.from_user) == NULL)
        /* It came from our own side, a notice or a nickname's note: there is no reader for it. */
        intake_journal(in, "dropped", "from=%.*s@%.*s reason=%s", STR_ARG(file.from_user),
                       STR_ARG(file.from_node), reason->text);
    else if (v == 0 && (!fromnje_way_back(g, file.from_node) ||
                        (!ours && is_return(&file)))) /* two nodes would play ping-pong */
        v = intake_hold(in, deck, &file, RCPT_HELD, reason);
    else if (v == 0)
        v = send_back(g, in, bytes, &file, reason, w);
    arena_free(&a);
    return v;
}
