/* gateway/mail/mime.c -- the text and the files of a MIME message.
 *
 * The tree is walked here over slices of the message, so that depth and number of parts are bounded
 * before anything is built for them; GMime reads the fields with parameters (RFC 2231 and its
 * broken dialects). */
#include "gateway/mail/mime.h"

#include <gmime/gmime.h>
#include <pthread.h>
#include <string.h>

#include "base/text.h"
#include "gateway/mail/calendar.h"
#include "gateway/mail/flowed.h"
#include "gateway/mail/header.h"
#include "gateway/mail/html.h"
#include "gateway/mail/mime_private.h"
#include "gateway/mail/plain.h"

#define FIELD_BYTES 8192u /* of a Content-Type or -Disposition that are looked at */
#define BOUNDARY_MAX 200u /* RFC 2046 5.1.1 says 70 */
#define HTML_WIDTH 78u
#define STUB_WORDS 3u /* a plain alternative with fewer words is "see the HTML" */
#define SHORT_RULE "--------\n"

int mime_limit(struct walk *k, const char *what, unsigned most)
{
    return why_set(k->w, E_LIMIT, 554, "5.6.0", "MIME message has more than %u %s", most, what);
}

int mime_no_room(struct walk *k)
{
    return why_set(k->w, E_LIMIT, 552, "5.3.4",
                   "MIME message does not fit in the memory set for it");
}

/* --- one entity --- */

static void start_gmime(void)
{
    g_mime_init();
}

/* Lazily and once: work threads come here too. */
static void need_gmime(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, start_gmime);
}

static struct str parameter(struct arena *a, GMimeParamList *list, const char *name)
{
    GMimeParam *p = g_mime_param_list_get_parameter(list, name);
    return p != NULL ? arena_str(a, str_of(g_mime_param_get_value(p))) : STR("");
}

/* What stands before the parameters, when it has the form type/subtype (RFC 2045 5.2: else
 * text/plain). */
static struct str bare_type(struct arena *a, struct str value, const char *otherwise)
{
    ptrdiff_t semicolon = str_find(value, ';');
    struct str t = str_trim(semicolon >= 0 ? str_sub(value, 0, (size_t)semicolon) : value);
    ptrdiff_t slash = str_find(t, '/'), blank = str_find(t, ' ');
    if (blank > slash && slash > 0)
        t = str_sub(t, 0, (size_t)blank);
    bool good = slash > 0 && (size_t)slash + 1 < t.n && blank != 0 && text_is_ascii(t);
    return good ? arena_lower(a, t) : str_of(value.n == 0 ? otherwise : "text/plain");
}

static void read_type(struct arena *a, struct entity *e, const char *default_type)
{
    struct str value = str_sub(hdr_value(&e->h, "Content-Type"), 0, FIELD_BYTES);
    e->type = bare_type(a, value, default_type);
    if (str_find(value, ';') < 0)
        return;
    need_gmime();
    const char *text = arena_cstr(a, value);
    GMimeContentType *ct = text != NULL ? g_mime_content_type_parse(NULL, text) : NULL;
    if (ct == NULL)
        return;
    GMimeParamList *list = g_mime_content_type_get_parameters(ct);
    e->charset = parameter(a, list, "charset");
    e->boundary = str_trim_right(parameter(a, list, "boundary"));
    e->start = parameter(a, list, "start");
    e->name = parameter(a, list, "name");
    e->protocol = parameter(a, list, "protocol");
    e->smime = parameter(a, list, "smime-type");
    e->flowed = str_is(parameter(a, list, "format"), "flowed");
    e->delsp = str_is(parameter(a, list, "delsp"), "yes");
    g_object_unref(ct);
}

static void read_disposition(struct arena *a, struct entity *e)
{
    struct str value = str_sub(hdr_value(&e->h, "Content-Disposition"), 0, FIELD_BYTES);
    e->attachment = str_starts_nocase(value, "attachment");
    if (str_find(value, ';') < 0)
        return;
    need_gmime();
    const char *text = arena_cstr(a, value);
    GMimeContentDisposition *d = text != NULL ? g_mime_content_disposition_parse(NULL, text) : NULL;
    if (d == NULL)
        return;
    struct str name = parameter(a, g_mime_content_disposition_get_parameters(d), "filename");
    if (name.n > 0)
        e->name = name;
    g_object_unref(d);
}

static enum mime_coding read_coding(const struct hdr *h)
{
    static const struct {
        const char *name;
        enum mime_coding coding;
    } known[] = {
        {"quoted-printable", MIME_QP}, {"base64", MIME_BASE64}, {"x-uuencode", MIME_UU},
        {"uuencode", MIME_UU},         {"x-uue", MIME_UU},      {"x-xxencode", MIME_XX},
    };
    struct str value = hdr_value(h, "Content-Transfer-Encoding");
    ptrdiff_t end = str_find(value, ';');
    value = str_trim(end >= 0 ? str_sub(value, 0, (size_t)end) : value);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_is(value, known[i].name))
            return known[i].coding;
    return MIME_PLAIN;
}

static struct str after_blank_line(struct str s)
{
    if (s.n > 0 && s.p[0] == '\n')
        return str_sub(s, 1, s.n);
    return s.n > 1 && s.p[0] == '\r' && s.p[1] == '\n' ? str_sub(s, 2, s.n) : s;
}

int mime_read_entity(struct arena *a, struct str raw, const char *default_type, struct entity *e,
                     struct why *w)
{
    *e = (struct entity){.coding = MIME_PLAIN};
    int rc = hdr_parse(a, raw, &e->h, w);
    if (rc != OK)
        return rc;
    e->body = e->h.n > 0 ? str_sub(raw, e->h.size, raw.n) : after_blank_line(raw);
    read_type(a, e, default_type);
    read_disposition(a, e);
    e->name = hdr_decode(a, e->name); /* many mailers put RFC 2047 words there */
    e->coding = read_coding(&e->h);
    e->has_id = hdr_get(&e->h, "Content-ID", 0) != NULL;
    return OK;
}

bool mime_is_type(const struct entity *e, const char *type)
{
    size_t n = strlen(type);
    bool family = type[n - 1] == '/';
    return family ? str_starts_nocase(e->type, type) : str_is(e->type, type);
}

int mime_decode(struct walk *k, const struct entity *e, struct str *out)
{
    struct transfer t;
    struct buf b;
    *out = e->body;
    if (e->coding == MIME_PLAIN || e->body.n == 0)
        return OK;
    buf_init(&b, e->body.n + 64); /* no encoding is shorter than what it encodes */
    transfer_begin(&t, e->coding);
    transfer_put(&t, e->body, &b);
    transfer_end(&t, &b);
    *out = arena_str(k->a, buf_text(&b));
    buf_done(&b);
    return arena_full(k->a) ? mime_no_room(k) : OK;
}

/* --- text --- */

static bool ends_with_newline(const struct buf *b)
{
    return b->n == 0 || b->p[b->n - 1] == '\n';
}

/* A further piece of text begins on its own line. */
static void new_line(struct walk *k)
{
    if (!ends_with_newline(&k->text))
        buf_u8(&k->text, '\n');
}

static void trim_end(struct walk *k)
{
    while (k->text.n > 0 && (k->text.p[k->text.n - 1] == '\n' || k->text.p[k->text.n - 1] == ' '))
        buf_trim(&k->text, k->text.n - 1);
}

/* A blank line between what stands there and what comes. */
void mime_new_paragraph(struct walk *k)
{
    trim_end(k);
    if (k->text.n > 0)
        buf_z(&k->text, "\n\n");
}

/* Render one text entity (plain, HTML, enriched) into b. */
static int render(struct walk *k, const struct entity *e, struct buf *b)
{
    struct str bytes;
    int rc = mime_decode(k, e, &bytes);
    if (rc != OK)
        return rc;
    if (mime_is_type(e, "text/html") || mime_is_type(e, "text/enriched") ||
        mime_is_type(e, "text/richtext")) {
        char label[64];
        str_copy(label, sizeof label, e->charset);
        rc = html_to_text(b, bytes, label[0] != '\0' ? label : NULL, HTML_WIDTH, k->w);
        return rc == E_LIMIT ? mime_no_room(k) : rc;
    }
    if (!e->flowed) {
        plain_put(b, bytes, e->charset, &k->out->replaced);
    } else {
        struct buf lines;
        buf_init(&lines, b->max);
        plain_put(&lines, bytes, e->charset, &k->out->replaced);
        flowed_join(b, buf_text(&lines), e->delsp);
        buf_done(&lines);
    }
    return b->over ? mime_no_room(k) : OK;
}

void mime_show_line(struct walk *k, const char *line)
{
    if (k->files_only)
        return;
    mime_new_paragraph(k);
    buf_z(&k->text, line);
    buf_u8(&k->text, '\n');
}

/* --- text that is shown --- */

/* Text, with the uuencoded files in it taken out. */
static int put_shown(struct walk *k, struct str text)
{
    struct plain_uu uu;
    size_t at = 0;
    while (plain_find_uu(text, at, &uu)) {
        struct entity e = {.type = STR("application/octet-stream"),
                           .name = arena_str(k->a, uu.name),
                           .body = str_sub(text, uu.start, uu.end - uu.start),
                           .coding = uu.coding};
        struct str bytes;
        if (++k->parts > PARTS_MAX)
            return mime_limit(k, "parts", PARTS_MAX);
        int rc = mime_decode(k, &e, &bytes);
        if (rc == OK)
            rc = mime_attach_bytes(k, &e, bytes);
        if (rc != OK)
            return rc;
        buf_str(&k->text, str_sub(text, at, uu.start - at));
        buf_z(&k->text, "[");
        hdr_clean(&k->text, uu.name);
        buf_printf(&k->text, ", %zu bytes]\n", bytes.n);
        at = uu.end;
    }
    buf_str(&k->text, str_sub(text, at, text.n));
    return OK;
}

int mime_show_text(struct walk *k, const struct entity *e)
{
    if (k->files_only)
        return OK;
    struct buf b;
    buf_init(&b, k->text.max);
    int rc = render(k, e, &b);
    if (rc == OK && str_trim(buf_text(&b)).n > 0) {
        if (k->text.n > 0) {
            mime_new_paragraph(k);
            buf_z(&k->text, SHORT_RULE);
        }
        rc = put_shown(k, buf_text(&b));
        new_line(k);
    } else if (rc == OK && mime_is_type(e, "text/html") && e->body.n > 0) {
        k->only_pictures = true;
    }
    buf_done(&b);
    return rc;
}

/* What an invitation says, once; the calendar itself goes on as a file. */
static int show_calendar(struct walk *k, struct entity *e)
{
    struct str bytes;
    struct buf ics, b;
    int rc = mime_decode(k, e, &bytes);
    if (rc != OK)
        return rc;
    buf_init(&ics, k->text.max);
    buf_init(&b, k->text.max);
    plain_put(&ics, bytes, e->charset.n > 0 ? e->charset : STR("utf-8"), &k->out->replaced);
    calendar_put(&b, buf_text(&ics));
    if (b.n > 0) {
        mime_new_paragraph(k);
        buf_str(&k->text, buf_text(&b));
    }
    buf_done(&b);
    buf_done(&ics);
    if (e->name.n == 0)
        e->name = STR("invite.ics");
    return mime_attach_bytes(k, e, bytes);
}

/* --- multiparts --- */

/* The next delimiter line of the boundary (RFC 2046 5.1.1) at or after `from`, a line's start:
 * where it starts, where the next line starts, and whether it is the closing one. `needle` is
 * "--boundary". */
static bool find_delimiter(struct str s, size_t from, struct str needle, size_t *start,
                           size_t *next, bool *closing)
{
    while (from < s.n) {
        const char *hit = memmem(s.p + from, s.n - from, needle.p, needle.n);
        if (hit == NULL)
            return false;
        size_t at = (size_t)(hit - s.p), i = at + needle.n;
        *closing = i + 1 < s.n && s.p[i] == '-' && s.p[i + 1] == '-';
        i += *closing ? 2 : 0;
        while (i < s.n && (s.p[i] == ' ' || s.p[i] == '\t' || s.p[i] == '\r'))
            i++;
        if ((at == 0 || s.p[at - 1] == '\n') && (i == s.n || s.p[i] == '\n')) {
            *start = at;
            *next = i < s.n ? i + 1 : i;
            return true;
        }
        const char *line = memchr(hit, '\n', s.n - at); /* only a line's start can be one */
        from = line != NULL ? (size_t)(line - s.p) + 1 : s.n;
    }
    return false;
}

/* The line break before a delimiter belongs to it. */
static size_t before_break(struct str s, size_t from, size_t at)
{
    if (at > from && s.p[at - 1] == '\n')
        at--;
    return at > from && s.p[at - 1] == '\r' ? at - 1 : at;
}

int mime_split(struct walk *k, const struct entity *e, struct children *c)
{
    *c = (struct children){0};
    if (e->boundary.n == 0 || e->boundary.n > BOUNDARY_MAX)
        return OK;
    if (e->body.n > k->scan_left)
        return why_set(k->w, E_LIMIT, 554, "5.6.0",
                       "MIME message is nested too deeply for its size");
    k->scan_left -= e->body.n;
    struct str needle = arena_printf(k->a, "--%.*s", STR_ARG(e->boundary));
    size_t room = 0, start, next, from = 0;
    bool closing = false, more = find_delimiter(e->body, 0, needle, &start, &next, &closing);
    while (more && !closing && next < e->body.n) {
        from = next;
        more = find_delimiter(e->body, from, needle, &start, &next, &closing);
        size_t end = more ? before_break(e->body, from, start) : e->body.n;
        if (c->n == room) {
            room = room == 0 ? 4 : room * 2;
            struct str *grown = arena_alloc(k->a, room * sizeof *grown);
            if (grown == NULL || arena_full(k->a))
                return mime_no_room(k);
            if (c->n > 0)
                memcpy(grown, c->raw, c->n * sizeof *grown);
            c->raw = grown;
        }
        c->raw[c->n++] = str_sub(e->body, from, end - from);
        if (++k->parts > PARTS_MAX)
            return mime_limit(k, "parts", PARTS_MAX);
    }
    return OK;
}

static int walk_all(struct walk *k, const struct children *c, size_t from, const char *type,
                    unsigned depth)
{
    int rc = OK;
    for (size_t i = from; rc == OK && i < c->n; i++)
        rc = mime_walk(k, c->raw[i], type, depth + 1);
    return rc;
}

static size_t count_words(struct str s, size_t enough)
{
    size_t n = 0;
    while (n < enough && str_word(&s).n > 0)
        n++;
    return n;
}

/* A plain text that only says that there is HTML. */
static int is_stub(struct walk *k, const struct entity *e, bool *stub)
{
    struct buf b;
    struct entity first = mime_beginning(e);
    buf_init(&b, k->text.max);
    int rc = render(k, &first, &b);
    struct str text = str_trim(buf_text(&b));
    for (size_t i = 0; i < text.n; i++)
        if (b.p[i] == '\n')
            b.p[i] = ' ';
    *stub = count_words(text, STUB_WORDS) < STUB_WORDS;
    buf_done(&b);
    return rc;
}

/* RFC 2046 5.1.4, for people at text screens: the last plain text, else the last HTML (alone or as
 * related), else the last of all. Answers its index. */
static int choose(struct walk *k, const struct children *c, size_t *chosen)
{
    size_t plain = SIZE_MAX, rich = SIZE_MAX;
    struct entity e, plain_entity = {.body = {NULL, 0}};
    for (size_t i = 0; i < c->n; i++) {
        int rc = mime_read_entity(k->a, c->raw[i], "text/plain", &e, k->w);
        if (rc != OK)
            return rc;
        if (e.attachment)
            continue;
        if (mime_is_type(&e, "text/plain")) {
            plain = i;
            plain_entity = e;
        } else if (mime_is_type(&e, "text/html") || mime_is_type(&e, "multipart/") ||
                   mime_is_type(&e, "text/enriched") || mime_is_type(&e, "text/richtext")) {
            rich = i;
        }
    }
    bool stub = false;
    int rc = plain != SIZE_MAX && rich != SIZE_MAX ? is_stub(k, &plain_entity, &stub) : OK;
    *chosen = plain != SIZE_MAX && !stub ? plain : rich != SIZE_MAX ? rich : c->n - 1;
    return rc;
}

static int walk_alternative(struct walk *k, const struct children *c, unsigned depth)
{
    size_t chosen;
    int rc = choose(k, c, &chosen);
    bool outer = k->files_only;
    for (size_t i = 0; rc == OK && i < c->n; i++) {
        k->files_only = outer || i != chosen;
        rc = mime_walk(k, c->raw[i], "text/plain", depth + 1);
    }
    k->files_only = outer;
    return rc;
}

/* RFC 2387: the root is shown, embedded pictures are counted, other parts are files. */
static int walk_related(struct walk *k, const struct entity *e, const struct children *c,
                        unsigned depth)
{
    size_t root = 0;
    struct entity child;
    int rc = OK;
    for (size_t i = 0; rc == OK && e->start.n > 0 && i < c->n; i++) {
        rc = mime_read_entity(k->a, c->raw[i], "text/plain", &child, k->w);
        if (rc == OK && str_eq(str_trim(hdr_value(&child.h, "Content-ID")), str_trim(e->start)))
            root = i;
    }
    if (rc == OK)
        rc = mime_walk(k, c->raw[root], "text/plain", depth + 1);
    for (size_t i = 0; rc == OK && i < c->n; i++) {
        if (i == root)
            continue;
        rc = mime_read_entity(k->a, c->raw[i], "text/plain", &child, k->w);
        if (rc == OK && mime_is_type(&child, "image/") && child.has_id && !child.attachment)
            k->out->pictures++;
        else if (rc == OK)
            rc = mime_walk(k, c->raw[i], "text/plain", depth + 1);
    }
    return rc;
}

static int walk_signed(struct walk *k, const struct entity *e, const struct children *c,
                       unsigned depth)
{
    int rc = mime_walk(k, c->raw[0], "text/plain", depth + 1);
    bool pgp = str_is(e->protocol, "application/pgp-signature");
    if (rc == OK)
        mime_show_line(k, pgp ? "[signed message, PGP, not verified]"
                              : "[signed message, S/MIME, not verified]");
    return rc;
}

/* The second part is the message itself (RFC 1847 2.2); it goes on as a file for who can open it.
 */
static int walk_encrypted(struct walk *k, const struct children *c)
{
    struct entity e;
    mime_show_line(k, "[encrypted message, cannot be shown]");
    int rc = mime_read_entity(k->a, c->raw[c->n - 1], "application/octet-stream", &e, k->w);
    return rc == OK ? mime_attach(k, &e) : rc;
}

/* --- messages in messages --- */

static int walk_message(struct walk *k, const struct entity *e, unsigned depth)
{
    struct str raw;
    struct hdr h;
    int rc = mime_decode(k, e, &raw); /* against RFC 2046 5.2.1, but it is done */
    if (rc == OK)
        rc = hdr_parse(k->a, raw, &h, k->w);
    if (rc != OK)
        return rc;
    mime_show_envelope(k, &h, "-------- Forwarded message --------");
    /* The text follows its own header without a rule. */
    struct buf outer = k->text;
    buf_init(&k->text, outer.max);
    rc = mime_walk(k, raw, "text/plain", depth + 1);
    buf_str(&outer, buf_text(&k->text));
    buf_done(&k->text);
    k->text = outer;
    if (rc == OK && !k->files_only) {
        trim_end(k);
        buf_z(&k->text, "\n-------- End of forwarded message --------\n");
    }
    return rc;
}

/* RFC 6522: what people read, the status, and of the returned message only the header. */
static int walk_report(struct walk *k, const struct children *c, unsigned depth)
{
    int rc = mime_walk(k, c->raw[0], "text/plain", depth + 1);
    for (size_t i = 1; rc == OK && i < c->n; i++) {
        struct entity e;
        struct hdr h;
        struct str raw;
        rc = mime_read_entity(k->a, c->raw[i], "text/plain", &e, k->w);
        if (rc != OK)
            break;
        bool returned = mime_is_type(&e, "message/rfc822") ||
                        mime_is_type(&e, "text/rfc822-headers") ||
                        mime_is_type(&e, "message/global");
        if (!returned) {
            rc = mime_walk(k, c->raw[i], "text/plain", depth + 1);
            continue;
        }
        rc = mime_decode(k, &e, &raw);
        if (rc == OK)
            rc = hdr_parse(k->a, raw, &h, k->w);
        if (rc == OK)
            mime_show_envelope(k, &h, "-------- Returned message --------");
    }
    return rc;
}

/* --- the walk --- */

static int walk_multipart(struct walk *k, const struct entity *e, unsigned depth)
{
    struct children c;
    int rc = mime_split(k, e, &c);
    if (rc != OK)
        return rc;
    if (c.n == 0) { /* the boundary lies: better as it is than not at all */
        struct entity plain = *e;
        plain.type = STR("text/plain");
        return mime_show_text(k, &plain);
    }
    if (mime_is_type(e, "multipart/alternative"))
        return walk_alternative(k, &c, depth);
    if (mime_is_type(e, "multipart/related"))
        return walk_related(k, e, &c, depth);
    if (mime_is_type(e, "multipart/report"))
        return walk_report(k, &c, depth);
    if (mime_is_type(e, "multipart/signed"))
        return walk_signed(k, e, &c, depth);
    if (mime_is_type(e, "multipart/encrypted"))
        return walk_encrypted(k, &c);
    bool digest = mime_is_type(e, "multipart/digest");
    return walk_all(k, &c, 0, digest ? "message/rfc822" : "text/plain", depth);
}

static bool is_readable(const struct entity *e)
{
    return mime_is_type(e, "text/plain") || mime_is_type(e, "text/html") ||
           mime_is_type(e, "text/enriched") || mime_is_type(e, "text/richtext") ||
           mime_is_type(e, "text/rfc822-headers");
}

int mime_walk(struct walk *k, struct str raw, const char *default_type, unsigned depth)
{
    struct entity e;
    if (depth > MIME_DEPTH_MAX)
        return mime_limit(k, "levels", MIME_DEPTH_MAX);
    int rc = mime_read_entity(k->a, raw, default_type, &e, k->w);
    if (rc != OK)
        return rc;
    if (arena_full(k->a))
        return mime_no_room(k);
    if (mime_is_type(&e, "multipart/"))
        return walk_multipart(k, &e, depth);
    if (mime_is_type(&e, "message/rfc822") || mime_is_type(&e, "message/global"))
        return walk_message(k, &e, depth);
    if (mime_is_type(&e, "message/delivery-status") ||
        mime_is_type(&e, "message/global-delivery-status"))
        return mime_show_status(k, &e);
    if (is_readable(&e) && !e.attachment)
        return e.body.n > SHOWN_MAX ? mime_show_beginning(k, &e) : mime_show_text(k, &e);
    if (mime_is_type(&e, "application/pkcs7-mime") || mime_is_type(&e, "application/x-pkcs7-mime"))
        return mime_open_smime(k, &e, depth);
    if (mime_is_type(&e, "application/ms-tnef") || mime_is_type(&e, "application/vnd.ms-tnef") ||
        (str_is(e.name, "winmail.dat") && mime_is_type(&e, "application/octet-stream")))
        return mime_open_tnef(k, &e);
    if (mime_is_type(&e, "text/calendar"))
        return show_calendar(k, &e);
    if (k->files_only && !e.attachment && e.name.n == 0)
        return OK;
    return mime_attach(k, &e);
}

/* --- the door --- */

static bool is_bare_text(const struct hdr *h)
{
    static const char *const plain[] = {
        "text/plain", "text/plain; charset=us-ascii", "text/plain; charset=utf-8",
        "text/plain; charset=\"us-ascii\"", "text/plain; charset=\"utf-8\""};
    struct str type = hdr_value(h, "Content-Type"), cte = hdr_value(h, "Content-Transfer-Encoding");
    struct str disposition = hdr_value(h, "Content-Disposition");
    bool is_plain = type.n == 0;
    for (size_t i = 0; i < sizeof plain / sizeof *plain && !is_plain; i++)
        is_plain = str_is(type, plain[i]);
    bool bare = cte.n == 0 || str_is(cte, "7bit") || str_is(cte, "8bit") || str_is(cte, "binary");
    return is_plain && bare && (disposition.n == 0 || str_is(disposition, "inline"));
}

/* Most mail is one plain text: no tree, no GMime. */
static int read_plain(struct walk *k, struct str message, const struct hdr *h)
{
    struct str body = h->n > 0 ? str_sub(message, h->size, message.n) : after_blank_line(message);
    plain_put(&k->text, body, STR(""), &k->out->replaced);
    struct plain_uu uu;
    if (!plain_find_uu(buf_text(&k->text), 0, &uu))
        return OK;
    struct buf text = k->text;
    buf_init(&k->text, text.max);
    int rc = put_shown(k, buf_text(&text));
    buf_done(&text);
    return rc;
}

int mime_read(struct arena *a, struct str message, struct mime_text *out, struct why *w)
{
    *out = (struct mime_text){.text = STR("")};
    struct walk k = {.a = a, .out = out, .w = w, .parts = 1, .scan_left = MIME_SCAN(message.n)};
    struct hdr h;
    int rc = hdr_parse(a, message, &h, w);
    if (rc != OK)
        return rc;
    /* Conversion to UTF-8 can triple a byte, rendering adds rules, links and lists. */
    buf_init(&k.text, message.n * 8 + 65536);
    if (message.n <= SHOWN_MAX && is_bare_text(&h)) {
        rc = read_plain(&k, message, &h);
    } else {
        rc = mime_walk(&k, message, "text/plain", 0);
        if (rc == OK && k.text.n == 0 && k.only_pictures)
            buf_z(&k.text, "[message has only pictures]\n");
    }
    if (rc == OK && k.text.over)
        rc = mime_no_room(&k);
    if (rc == OK) {
        out->text = arena_str(a, buf_text(&k.text));
        rc = arena_full(a) ? mime_no_room(&k) : OK;
    }
    buf_done(&k.text);
    return rc;
}

/* --- for hosts without 8BITMIME --- */

#define ENCODE_DEPTH_MAX 50u /* parts within parts; deeper ones stay as they are */

static void encode_part(GMimePart *part)
{
    GMimeContentEncoding now = g_mime_part_get_content_encoding(part);
    if (now != GMIME_CONTENT_ENCODING_BINARY && now != GMIME_CONTENT_ENCODING_8BIT &&
        now != GMIME_CONTENT_ENCODING_7BIT && now != GMIME_CONTENT_ENCODING_DEFAULT)
        return;
    g_mime_part_set_content_encoding(
        part, g_mime_part_get_best_content_encoding(part, GMIME_ENCODING_CONSTRAINT_7BIT));
}

/* Encode what stands in the clear and needs it. What a signature covers stays; what holds other
 * parts is encoded by them alone (RFC 2045 6.4), and no longer says that it is of eight bits. */
static void encode(GMimeObject *o, unsigned depth)
{
    if (o == NULL || GMIME_IS_MULTIPART_SIGNED(o) || depth > ENCODE_DEPTH_MAX)
        return;
    if (GMIME_IS_PART(o)) {
        encode_part(GMIME_PART(o));
        return;
    }
    if (g_mime_object_get_header(o, "Content-Transfer-Encoding") != NULL)
        g_mime_object_set_header(o, "Content-Transfer-Encoding", "7bit", NULL);
    if (GMIME_IS_MULTIPART(o)) {
        for (int i = 0; i < g_mime_multipart_get_count(GMIME_MULTIPART(o)); i++)
            encode(g_mime_multipart_get_part(GMIME_MULTIPART(o), i), depth + 1);
    } else if (GMIME_IS_MESSAGE_PART(o)) {
        GMimeMessage *m = g_mime_message_part_get_message(GMIME_MESSAGE_PART(o));
        encode(m != NULL ? g_mime_message_get_mime_part(m) : NULL, depth + 1);
    }
}

/* A text without a word about itself needs some to be read encoded (RFC 2045 4, RFC 1428). */
static void label(GMimeMessage *m, struct str mail)
{
    GMimeObject *o = GMIME_OBJECT(m), *part = g_mime_message_get_mime_part(m);
    if (part == NULL || g_mime_object_get_header(o, "MIME-Version") != NULL)
        return;
    g_mime_object_set_header(o, "MIME-Version", "1.0", NULL);
    if (GMIME_IS_PART(part) && g_mime_object_get_header(part, "Content-Type") == NULL)
        g_mime_object_set_header(part, "Content-Type",
                                 g_utf8_validate(mail.p, (gssize)mail.n, NULL)
                                     ? "text/plain; charset=utf-8"
                                     : "text/plain; charset=unknown-8bit",
                                 NULL);
}

/* Lines end in CRLF, whatever they ended in where nothing was to be encoded. */
static void put_lines(struct buf *out, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool cr = p[i] == '\r', lf = p[i] == '\n';
        if (cr && i + 1 < n && p[i + 1] == '\n')
            continue;
        if (cr || lf)
            buf_u8(out, '\r');
        buf_u8(out, cr ? '\n' : p[i]);
    }
    if (n > 0 && p[n - 1] != '\n' && p[n - 1] != '\r')
        buf_crlf(out);
}

/* The library ends a field at a NUL, and would join it with the next. */
static bool nul_in_header(struct str mail)
{
    const char *end = memmem(mail.p, mail.n, "\r\n\r\n", 4);
    return str_find(end != NULL ? str_sub(mail, 0, (size_t)(end - mail.p)) : mail, '\0') >= 0;
}

int mime_7bit(struct str mail, struct buf *out)
{
    if (nul_in_header(mail))
        return E_PERM;
    need_gmime();
    GMimeStream *in = g_mime_stream_mem_new_with_buffer(mail.p, mail.n);
    GMimeParser *parser = g_mime_parser_new_with_stream(in);
    GMimeMessage *m = g_mime_parser_construct_message(parser, NULL);
    GMimeStream *to = g_mime_stream_mem_new();
    if (m != NULL) {
        label(m, mail);
        encode(g_mime_message_get_mime_part(m), 0);
        (void)g_mime_object_write_to_stream(GMIME_OBJECT(m), NULL, to);
        const GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(to));
        put_lines(out, bytes->data, bytes->len);
        g_object_unref(m);
    }
    g_object_unref(to);
    g_object_unref(parser);
    g_object_unref(in);
    struct str text = buf_text(out);
    bool ok = out->n > 0 && !out->over && text_is_ascii(text) && str_find(text, '\0') < 0;
    return ok ? 0 : E_PERM;
}
