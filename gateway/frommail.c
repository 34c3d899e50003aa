/* gateway/frommail.c -- a mail becomes files for an NJE user. */
#include "gateway/frommail.h"

#include <stdlib.h>
#include <string.h>

#include "aliases/snads.h"
#include "base/mem.h"
#include "base/text.h"
#include "db/readerrow.h"
#include "db/threadrow.h"
#include "gateway/file/partfile.h"
#include "gateway/file/wholemail.h"
#include "gateway/gate/verified.h"
#include "gateway/mail/date.h"
#include "gateway/mail/header.h"
#include "gateway/mail/mime.h"
#include "gateway/mail/note.h"
#include "gateway/mail/plain.h"

#define ADDRESSES_MAX 200u
#define NOTE_WIDTH 78u
#define HEAD_MAX 8192u
#define MORE_FIELDS 6u

struct frommail {
    struct gate *g;          /* the loop's thread's: for frommail_new alone */
    const struct conf *conf; /* the one it began with */
    struct store *store;
    const struct mail *mail;
    struct arena *arena;
    struct hdr hdr;
    struct mime_text text;
    bool read; /* text is there: read when the first note is made */
    struct partfile *file;
    size_t nfile;
    msg_id mail_id; /* of the first note: its files bear the number, too */
    struct hdr_addr from;
    struct note_addr sender; /* as the 3270 user sees it */
    struct note_rcpt *rcpt;  /* To and Cc, as they are seen there */
    size_t nrcpt;
    struct str verified;
    struct note_field more[MORE_FIELDS]; /* what a note shows besides */
    size_t nmore;
    struct str origin_user, origin_node; /* spool origin of notes */
    struct wall date;
    int offset;
    char zone[8];
};

/* Where a reply should go: the From mailbox, else the envelope sender. */
static void find_from(struct frommail *f)
{
    struct hdr_addr list[1];
    if (hdr_addrs(f->arena, hdr_value(&f->hdr, "From"), list, 1) == 1 && list[0].domain.n > 0) {
        f->from = list[0];
        return;
    }
    ptrdiff_t at = str_find_last(f->mail->sender, '@');
    if (at > 0)
        f->from =
            (struct hdr_addr){.local = str_sub(f->mail->sender, 0, (size_t)at),
                              .domain = str_sub(f->mail->sender, (size_t)at + 1, f->mail->sender.n),
                              .mailbox = f->mail->sender};
}

/* Somebody without a name on the NJE side gets one: an alias (SNADSADDRESS AUTOADD), else a
 * nickname at DIMNODE. */
static int new_name(struct frommail *f, struct change *c, struct str *user, struct str *node,
                    struct why *w)
{
    struct gate *g = f->g;
    struct str key = addr_mailbox_key(f->arena, f->from.local, f->from.domain);
    struct alias_row alias;
    struct nick_row row;
    bool is_alias = g->conf->snads.autoadd;
    int v = is_alias ? snads_register(g->snads, &g->conf->snads, key, c, f->arena, &alias, w)
                     : nick_for(g->nicks, key, f->from.name, c, f->arena, &row, w);
    if (v == 0) {
        *user = is_alias ? alias.userid : row.nick;
        *node = is_alias ? alias.address : g->conf->dim_node;
    }
    return v;
}

/* An NJE user who writes through us keeps his own name; everybody else is a nickname at DIMNODE. */
static int find_sender(struct frommail *f, struct change *c, struct why *w)
{
    struct gate *g = f->g;
    f->sender =
        (struct note_addr){.name = f->from.name, .user = STR("SMTP"), .node = g->conf->local};
    if (f->from.mailbox.n > 0) {
        struct str user, node;
        bool nick;
        admit_nje_view(g, f->arena, f->from.local, f->from.domain, &user, &node, &nick);
        if (!nick && str_find(node, '.') >= 0) {
            int v = new_name(f, c, &user, &node, w);
            if (v < 0)
                return v;
            nick = true;
        }
        f->sender =
            (struct note_addr){.name = f->from.name, .user = user, .node = node, .nick = nick};
    }
    f->origin_user = f->sender.user;
    f->origin_node = f->sender.node;
    return 0;
}

static void find_date(struct frommail *f)
{
    struct wall now = wall_now();
    char local_zone[8];
    int local_offset;
    zone_local(now, &local_offset, local_zone);
    if (!str_is(f->conf->timezone, "SYSTZ") && zone_offset(f->conf->timezone, &local_offset))
        str_copy(local_zone, sizeof local_zone, f->conf->timezone);
    if (date_parse(hdr_value(&f->hdr, "Date"), &f->date, &f->offset, NULL) < 0) {
        f->date = now;
        f->offset = local_offset;
    }
    const char *name = zone_name(f->offset, local_zone, local_offset);
    str_copy(f->zone, sizeof f->zone, str_of(name));
}

static void add_recipients(struct frommail *f, const char *field, enum note_role role)
{
    for (unsigned nth = 0;; nth++) {
        const struct hdr_field *hf = hdr_get(&f->hdr, field, nth);
        if (hf == NULL)
            return;
        struct hdr_addr list[ADDRESSES_MAX];
        size_t got = hdr_addrs(f->arena, hf->value, list, ADDRESSES_MAX);
        for (size_t i = 0; i < got && f->nrcpt < 2 * ADDRESSES_MAX; i++) {
            struct note_rcpt *r = &f->rcpt[f->nrcpt++];
            *r = (struct note_rcpt){.role = role, .addr.name = list[i].name};
            admit_nje_view(f->g, f->arena, list[i].local, list[i].domain, &r->addr.user,
                           &r->addr.node, &r->addr.nick);
        }
    }
}

/* Who has sent it again, which list it comes of, and that nobody wrote it. */
static void find_more(struct frommail *f)
{
    static const struct {
        const char *name, *tag;
    } shown[MORE_FIELDS] = {
        {"Resent-From", "Resent-From: "},           {"Resent-To", "Resent-To: "},
        {"Resent-Date", "Resent-Date: "},           {"List-Id", "List-Id: "},
        {"List-Unsubscribe", "List-Unsubscribe: "}, {"Auto-Submitted", "Auto-Submitted: "}};
    for (size_t i = 0; i < MORE_FIELDS; i++) {
        struct str value = str_trim(hdr_value(&f->hdr, shown[i].name));
        if (value.n > 0 && !str_is(value, "no"))
            f->more[f->nmore++] = (struct note_field){shown[i].tag, hdr_decode(f->arena, value)};
    }
}

static void find_recipients(struct frommail *f)
{
    f->rcpt = arena_alloc(f->arena, 2 * ADDRESSES_MAX * sizeof *f->rcpt);
    add_recipients(f, "To", NOTE_TO);
    add_recipients(f, "Cc", NOTE_CC);
}

struct frommail *frommail_new(struct gate *g, const struct mail *m, struct change *c, struct why *w)
{
    struct frommail *f = mem_new(sizeof *f);
    f->g = g;
    f->conf = g->conf;
    f->store = g->store;
    f->mail = m;
    f->arena = arena_new((size_t)g->conf->max_mail_bytes * 4 + (4u << 20));
    if (hdr_parse(f->arena, cur_str(&m->content), &f->hdr, w) < 0) {
        frommail_free(&f);
        return NULL;
    }
    find_from(f);
    find_date(f);
    find_recipients(f);
    find_more(f);
    if (g->conf->sender_verified && m->from == DOOR_SMTP)
        f->verified = verified_text(g, f->arena, &f->hdr, f->from.domain);
    if (find_sender(f, c, w) < 0)
        frommail_free(&f);
    return f;
}

void frommail_free(struct frommail **f)
{
    if (*f == NULL)
        return;
    arena_free(&(*f)->arena);
    free(*f);
    *f = NULL;
}

/* The last identifiers, as many as a row takes: the thread's beginning goes first (RFC 5322 3.6.4
 * lets nobody count on it). */
static struct str last_refs(struct str refs)
{
    while (refs.n > THREAD_TEXT_MAX) {
        ptrdiff_t next = str_find(str_sub(refs, 1, refs.n), '<');
        if (next < 0)
            return STR("");
        refs = str_sub(refs, (size_t)next + 1, refs.n);
    }
    return refs;
}

static bool is_message_id(struct str s)
{
    return s.n > 2 && s.p[0] == '<' && s.p[s.n - 1] == '>' && str_find(s, ' ') < 0 &&
           text_is_ascii(s);
}

void frommail_remember(struct frommail *f, const struct admitted *to, struct change *c)
{
    bool reply;
    struct str id = hdr_value(&f->hdr, "Message-ID"), refs = hdr_value(&f->hdr, "References");
    if (!is_message_id(id) || f->from.mailbox.n == 0)
        return;
    if (refs.n == 0)
        refs = hdr_value(&f->hdr, "In-Reply-To");
    struct thread_row row = {
        .who = arena_printf(f->arena, "%.*s@%.*s", STR_ARG(to->user), STR_ARG(to->node)),
        .peer = f->from.mailbox,
        .subject = threadrow_subject(frommail_subject(f), &reply),
        .message_id = id,
        .refs = text_is_ascii(refs) && str_find(refs, '<') >= 0 ? last_refs(refs) : STR(""),
        .at = wall_now()};
    change_thread(c, &row);
}

struct str frommail_subject(const struct frommail *f)
{
    return hdr_decode(f->arena, hdr_value(&f->hdr, "Subject"));
}

struct str frommail_head(const struct frommail *f)
{
    return str_sub(cur_str(&f->mail->content), 0, f->hdr.size < HEAD_MAX ? f->hdr.size : HEAD_MAX);
}

/* How this recipient wants his mail: his node's row, else what holds for all. */
static bool by_mailer(const struct conf *c, const struct admitted *to)
{
    const struct conf_node *n = conf_node_of(c, to->node);
    bool own = n != NULL && n->bsmtp.n > 0;
    return c->mailer.user.n > 0 && !own &&
           (to->to == DOOR_LOCAL ? c->mailer.local : c->mailer.rscs);
}

void frommail_way(const struct frommail *f, const struct admitted *to, struct admitted *way)
{
    const struct conf *c = f->conf;
    *way = *to;
    if (!by_mailer(c, to))
        return;
    way->user = c->mailer.user;
    way->node = c->mailer.node;
    way->to = str_eq_nocase(way->node, c->local) ? DOOR_LOCAL : DOOR_NJE;
}

static enum mail_style style_of(const struct frommail *f, const struct admitted *to,
                                struct str *bsmtp, enum file_format *format)
{
    const struct conf *c = f->conf;
    const struct conf_node *n = conf_node_of(c, to->node);
    *bsmtp = n != NULL ? n->bsmtp : STR("");
    *format = (enum file_format)(to->to == DOOR_LOCAL ? c->local_format : c->rscs_format);
    if (n != NULL && n->format >= 0)
        *format = (enum file_format)n->format;
    if (by_mailer(c, to)) {
        *bsmtp = c->mailer.user;
        *format = c->mailer.format;
    }
    return conf_style_for(c, to->user, to->node);
}

/* What nobody can take apart is a file, and a note that says so. */
static void show_nothing(struct frommail *f, const struct why *w)
{
    struct str whole = cur_str(&f->mail->content);
    bool text = !plain_is_binary(whole, STR(""));
    struct buf b;
    size_t replaced = 0;
    buf_init(&b, whole.n * 3 + 1024);
    if (text)
        plain_put(&b, whole, STR(""), &replaced);
    struct mime_part *part = arena_alloc(f->arena, sizeof *part);
    *part = (struct mime_part){.type = STR("message/rfc822"),
                               .name = STR("MESSAGE.MAIL"),
                               .content = text ? arena_str(f->arena, buf_text(&b)) : whole,
                               .text = text,
                               .size = text ? b.n : whole.n};
    buf_done(&b);
    f->text = (struct mime_text){
        .part = part,
        .nparts = 1,
        .replaced = replaced,
        .text = arena_printf(
            f->arena, "[This mail cannot be shown: %s. All of it comes as a file.]\n", w->text)};
}

static int read_text(struct frommail *f, struct why *w)
{
    if (f->read)
        return 0;
    int v = mime_read(f->arena, cur_str(&f->mail->content), &f->text, w);
    if (v == E_LIMIT && !arena_full(f->arena)) {
        show_nothing(f, w);
        v = 0;
    }
    f->read = v == 0;
    if (v == 0)
        f->file = partfile_all(f->arena, f->conf, &f->text, &f->nfile);
    return v == 0 && arena_full(f->arena)
               ? why_set(w, E_LIMIT, 552, "5.3.4", "The mail does not fit in the memory set for it")
               : v;
}

size_t frommail_count(const struct frommail *f, const struct admitted *to)
{
    struct str bsmtp;
    enum file_format format;
    struct why w;
    bool whole = style_of(f, to, &bsmtp, &format) == STYLE_RFC822 || bsmtp.n > 0;
    if (whole || read_text((struct frommail *)f, &w) < 0)
        return 1;
    return 1 + f->nfile;
}

/* --- the note --- */

/* The text as its reader will see it: what stands for a character that the page has not may be
 * wider, and lines are broken by what is seen. */
static struct str in_page(struct frommail *f, const struct njefile_spec *spec, struct str text,
                          size_t *replaced)
{
    struct buf bytes, seen;
    if (text_is_ascii(text))
        return text;
    buf_init(&bytes, 4 * text.n + 64);
    buf_init(&seen, 12 * text.n + 64);
    *replaced += ebc_from_utf8(&bytes, spec->page, text);
    ebc_to_utf8(&seen, spec->page, buf_cur(&bytes));
    text = arena_str(f->arena, buf_text(&seen));
    buf_done(&bytes);
    buf_done(&seen);
    return text;
}

/* Answers how many of its characters are not in the page. */
static size_t head_in_page(struct frommail *f, const struct njefile_spec *spec, struct note *n)
{
    size_t replaced = 0;
    n->subject = in_page(f, spec, n->subject, &replaced);
    n->reply_to = in_page(f, spec, n->reply_to, &replaced);
    n->return_path = in_page(f, spec, n->return_path, &replaced);
    n->from.name = in_page(f, spec, n->from.name, &replaced);
    for (size_t i = 0; i < n->nmore; i++)
        n->more[i].value = in_page(f, spec, n->more[i].value, &replaced);
    for (size_t i = 0; i < n->nrcpt; i++) {
        struct note_addr *r = &n->rcpt[i].addr;
        r->name = in_page(f, spec, r->name, &replaced);
        r->user = in_page(f, spec, r->user, &replaced);
        r->node = in_page(f, spec, r->node, &replaced);
    }
    return replaced;
}

static void fill_note(struct frommail *f, const struct admitted *to, struct note *n)
{
    *n = (struct note){.date = f->date, .offset = f->offset, .from = f->sender, .has_from = true};
    str_copy(n->zone, sizeof n->zone, str_of(f->zone));
    n->rcpt = arena_alloc(f->arena, (f->nrcpt + 1) * sizeof *n->rcpt); /* the page changes them */
    n->nrcpt = f->nrcpt;
    if (f->nrcpt > 0)
        memcpy(n->rcpt, f->rcpt, f->nrcpt * sizeof *n->rcpt);
    else
        n->rcpt[n->nrcpt++] = (struct note_rcpt){.addr = {.user = to->user, .node = to->node}};
    n->subject = frommail_subject(f);
    struct str reply_to = hdr_value(&f->hdr, "Reply-To");
    struct hdr_addr list[1];
    if (hdr_addrs(f->arena, reply_to, list, 1) == 1 &&
        !str_eq_nocase(list[0].mailbox, f->from.mailbox))
        n->reply_to = list[0].mailbox;
    n->return_path = arena_printf(f->arena, "<%.*s>", STR_ARG(f->mail->sender));
    n->verified = f->verified;
    n->more = arena_alloc(f->arena, sizeof f->more); /* the page changes them, too */
    n->nmore = n->more != NULL ? f->nmore : 0;
    if (n->nmore > 0)
        memcpy(n->more, f->more, sizeof f->more);
}

/* Below the text: what is missing of it and of the header, and where the rest is. */
static void add_remarks(struct frommail *f, const struct njefile_spec *spec, size_t replaced,
                        struct buf *text)
{
    if (f->text.replaced > 0)
        buf_printf(text, "\n[%zu characters of this mail could not be read]\n", f->text.replaced);
    if (replaced > 0)
        buf_printf(text, "\n[%zu character%s not in code page %s: what is nearest %s, or ?]\n",
                   replaced, replaced == 1 ? " is" : "s are", ebc_page_name(spec->page),
                   replaced == 1 ? "stands for it" : "stand for them");
    partfile_list(text, f->file, f->nfile, f->text.pictures,
                  partfile_dist(f->arena, (uint64_t)f->mail_id, 1, f->nfile));
}

static int note_file(struct frommail *f, const struct njefile_spec *spec, const struct admitted *to,
                     struct njefile_out *out, struct why *w)
{
    int v = read_text(f, w);
    if (v < 0)
        return v;
    struct note n;
    struct buf lines, text;
    fill_note(f, to, &n);
    size_t replaced = head_in_page(f, spec, &n);
    struct str shown = in_page(f, spec, f->text.text, &replaced);
    buf_init(&text, 2 * shown.n + (1u << 20));
    buf_str(&text, shown);
    add_remarks(f, spec, replaced, &text);
    n.text = buf_text(&text);
    size_t max = (size_t)f->conf->max_mail_bytes * 3 + (1u << 20);
    buf_init(&lines, max);
    bool profs = conf_style_for(f->conf, to->user, to->node) == STYLE_PROFS;
    enum note_style style = profs ? NOTE_PROFS : (enum note_style)f->conf->note_style;
    note_write(&lines, &n, style, NOTE_WIDTH);
    v = lines.over || text.over
            ? why_set(w, E_LIMIT, 552, "5.3.4", "The note would be larger than %zu bytes", max)
            : njefile_text(f->store, spec, buf_text(&lines), max, out, w);
    buf_done(&lines);
    buf_done(&text);
    return v;
}

/* --- the whole mail, as text or as a batch --- */

static int whole_file(struct frommail *f, const struct njefile_spec *spec,
                      const struct admitted *to, bool batch, struct njefile_out *out, struct why *w)
{
    struct buf lines;
    size_t replaced = 0;
    /* Inside the network its own form of address is the one mailers know. */
    struct wholemail m = {
        .content = cur_str(&f->mail->content),
        .sender = f->mail->sender,
        .rcpt = batch ? arena_printf(f->arena, "%.*s@%.*s", STR_ARG(to->user), STR_ARG(to->node))
                      : STR(""),
        .host = f->conf->hostname,
        .page = spec->page,
        .cards = spec->format == FORMAT_PUNCH};
    buf_init(&lines, m.content.n * 4 + (1u << 20));
    int v = wholemail_put(f->arena, &m, &lines, &replaced, w);
    if (v == 0)
        v = njefile_text(f->store, spec, buf_text(&lines), lines.max, out, w);
    out->replaced += replaced;
    buf_done(&lines);
    return v;
}

/* --- attachments --- */

static int next_piece(void *arg, bool first, struct cur *piece, struct why *w)
{
    struct mime_pieces *p = arg;
    (void)w;
    if (first) {
        const struct mime_part *part = p->part;
        mime_pieces_done(p);
        mime_pieces_begin(p, part);
    }
    return mime_pieces_next(p, piece);
}

/* Lines of letters that every page has where the others have them, or nearly. */
static int encoded_file(struct frommail *f, const struct njefile_spec *spec,
                        const struct partfile *file, enum mime_coding coding, size_t max,
                        struct njefile_out *out, struct why *w)
{
    struct buf bytes, lines;
    struct mime_pieces p;
    struct cur piece;
    buf_init(&bytes, max);
    buf_init(&lines, 2 * max);
    mime_pieces_begin(&p, file->part);
    while (mime_pieces_next(&p, &piece))
        buf_add(&bytes, piece.p, cur_left(&piece));
    mime_pieces_done(&p);
    transfer_encode(&lines, coding, file->part->name, buf_cur(&bytes));
    int v = bytes.over || lines.over
                ? why_set(w, E_LIMIT, 552, "5.3.4", "The file would be larger than %zu bytes", max)
                : njefile_text(f->store, spec, buf_text(&lines), 2 * max, out, w);
    buf_done(&bytes);
    buf_done(&lines);
    return v;
}

static int part_file(struct frommail *f, struct njefile_spec *spec, const struct admitted *to,
                     size_t k, struct njefile_out *out, struct why *w)
{
    const struct partfile *file = &f->file[k];
    const struct mime_part *part = file->part;
    const struct conf_node *node = conf_node_of(f->conf, to->node);
    int files = node != NULL ? node->files : FILES_NETDATA;
    size_t max = (size_t)part->size * 3 + (1u << 20);
    if (node != NULL && node->file_max > 0 && part->size > (uint64_t)node->file_max)
        return why_set(w, E_LIMIT, 552, "5.3.4",
                       "The attachment %.*s.%.*s has %llu bytes, %.*s takes %lld",
                       STR_ARG(file->fn), STR_ARG(file->ft), (unsigned long long)part->size,
                       STR_ARG(to->node), (long long)node->file_max);
    spec->fn = file->fn, spec->ft = file->ft;
    spec->dist = partfile_dist(f->arena, (uint64_t)f->mail_id, k + 1, f->nfile);
    spec->note = false;
    spec->fact = file->fact.form != FACT_NONE ? &file->fact : NULL;
    if (files != FILES_NETDATA && !part->text)
        return encoded_file(f, spec, file, files == FILES_UU ? MIME_UU : MIME_XX, max, out, w);
    if (files == FILES_NETDATA)
        spec->format = FORMAT_NETDATA; /* cards would change the bytes */
    struct mime_pieces p;
    mime_pieces_begin(&p, part);
    struct njefile_source from = {.arg = &p, .size = part->size, .next = next_piece};
    int v = part->text ? njefile_lines(f->store, spec, &from, max, out, w)
                       : njefile_stream(f->store, spec, &from, max, out, w);
    mime_pieces_done(&p);
    return v;
}

int frommail_file(struct frommail *f, const struct admitted *to, size_t k, msg_id id,
                  struct njefile_out *out, struct reader_row *row, struct why *w)
{
    const struct conf *c = f->conf;
    struct str class = to->to == DOOR_LOCAL ? c->local_class : c->rscs_class;
    struct str bsmtp;
    struct admitted way;
    frommail_way(f, to, &way);
    struct njefile_spec spec = {.from_user = f->origin_user,
                                .from_node = f->origin_node,
                                .to_user = to->user,
                                .to_node = to->node,
                                .fn = f->sender.user,
                                .ft = STR("NOTE"),
                                .form = STR("STD"),
                                .class = class.p[0],
                                .note = true,
                                .page = conf_page_for(c, to->user, to->node),
                                .id = id,
                                .now = wall_now()};
    bool whole = style_of(f, to, &bsmtp, &spec.format) == STYLE_RFC822 || bsmtp.n > 0;
    if (f->mail_id == 0)
        f->mail_id = id;
    if (whole) {
        spec.from_user = STR("SMTP"), spec.from_node = c->local;
        spec.fn = STR("SMTP"), spec.ft = STR("MAIL"), spec.form = STR("QUMAIL");
        spec.class = 'M', spec.note = false;
        spec.to_user = bsmtp.n > 0 ? bsmtp : to->user;
        spec.to_node = way.node;
    }
    int v;
    if (whole)
        v = whole_file(f, &spec, to, bsmtp.n > 0, out, w);
    else if (k == 0)
        v = note_file(f, &spec, to, out, w);
    else
        v = part_file(f, &spec, to, k - 1, out, w);
    if (v == 0)
        *row =
            (struct reader_row){.user = way.user,
                                .from = arena_printf(f->arena, "%.*s@%.*s", STR_ARG(spec.from_user),
                                                     STR_ARG(spec.from_node)),
                                .fn = spec.fn,
                                .ft = spec.ft,
                                .class = spec.class,
                                .records = out->records,
                                .date = spec.now,
                                .kind = whole    ? STR("MAIL")
                                        : k == 0 ? STR("NOTE")
                                                 : STR("FILE")};
    return v;
}
