/* gateway/smtp/milter_mail.c -- a mail in the hands of filters. */
#include "gateway/smtp/milter_mail.h"

#include <string.h>

#include "base/mem.h"

#define ARENA_MAX (16u << 20)

/* --- taking a mail apart --- */

static struct milter_field *field_space(struct milter_mail *m)
{
    if (m->nfield == m->field_space) {
        size_t more = m->field_space == 0 ? 32 : 2 * m->field_space;
        struct milter_field *f = arena_alloc(m->arena, more * sizeof *f);
        if (f == NULL || arena_full(m->arena))
            return NULL;
        if (m->nfield > 0)
            memcpy(f, m->field, m->nfield * sizeof *f);
        m->field = f;
        m->field_space = more;
    }
    return &m->field[m->nfield];
}

/* The length of the field at the start of the text, folds included; 0 when there is none. */
static size_t field_length(struct str t, struct str *name)
{
    size_t colon = 0, at;
    while (colon < t.n && t.p[colon] > ' ' && t.p[colon] < 0x7F && t.p[colon] != ':')
        colon++;
    *name = str_sub(t, 0, colon);
    for (at = colon; at < t.n && (t.p[at] == ' ' || t.p[at] == '\t'); at++)
        ; /* RFC 5322 4.5: blanks before the colon, of old */
    if (colon == 0 || at >= t.n || t.p[at] != ':')
        return 0;
    for (;;) {
        const char *lf = memchr(t.p + at, '\n', t.n - at);
        if (lf == NULL)
            return t.n;
        at = (size_t)(lf - t.p) + 1;
        if (at >= t.n || (t.p[at] != ' ' && t.p[at] != '\t'))
            return at;
    }
}

static struct str value_of(struct str raw)
{
    size_t colon = (size_t)str_find(raw, ':') + 1, n = raw.n;
    if (n > colon && raw.p[n - 1] == '\n')
        n--;
    if (n > colon && raw.p[n - 1] == '\r')
        n--;
    return str_sub(raw, colon, n - colon);
}

/* Fields off the front of *rest. */
static int split(struct milter_mail *m, struct str *rest, bool own, struct why *w)
{
    size_t n;
    struct str name;
    while (rest->n > 0 && (n = field_length(*rest, &name)) > 0) {
        struct milter_field *f = m->nfield < MILTER_FIELDS_MAX ? field_space(m) : NULL;
        if (f == NULL)
            return why_set(w, E_LIMIT, 552, "5.3.4", "Too many header fields: %u are allowed",
                           MILTER_FIELDS_MAX);
        struct str raw = str_sub(*rest, 0, n);
        if (raw.p[n - 1] != '\n') /* a mail that ends within its header */
            raw = arena_printf(m->arena, "%.*s\r\n", STR_ARG(raw));
        *f = (struct milter_field){.name = name, .value = value_of(raw), .raw = raw, .own = own};
        m->nfield++;
        *rest = str_sub(*rest, n, rest->n);
    }
    return 0;
}

int milter_mail_init(struct milter_mail *m, struct str own, struct str content, size_t max,
                     struct why *w)
{
    struct str rest = own;
    *m = (struct milter_mail){.arena = arena_new(ARENA_MAX), .max = max};
    buf_init(&m->fresh, max);
    int v = split(m, &rest, true, w);
    rest = content;
    if (v == 0)
        v = split(m, &rest, false, w);
    if (str_starts_nocase(rest, "\r\n"))
        m->gap = str_sub(rest, 0, 2);
    m->body = str_sub(rest, m->gap.n, rest.n);
    return v;
}

void milter_mail_done(struct milter_mail *m)
{
    arena_free(&m->arena);
    buf_done(&m->fresh);
}

static struct milter_rcpt *rcpt_space(struct milter_mail *m)
{
    if (m->nrcpt == m->rcpt_space) {
        size_t more = m->rcpt_space == 0 ? 8 : 2 * m->rcpt_space;
        struct milter_rcpt *r = arena_alloc(m->arena, more * sizeof *r);
        if (r == NULL || arena_full(m->arena))
            return NULL;
        if (m->nrcpt > 0)
            memcpy(r, m->rcpt, m->nrcpt * sizeof *r);
        m->rcpt = r;
        m->rcpt_space = more;
    }
    m->rcpt[m->nrcpt] = (struct milter_rcpt){.gone = false};
    return &m->rcpt[m->nrcpt++];
}

void milter_mail_rcpt(struct milter_mail *m, struct str addr)
{
    struct milter_rcpt *r = rcpt_space(m);
    if (r != NULL)
        r->addr = addr;
}

static void take_out(struct milter_mail *m, size_t i)
{
    memmove(&m->field[i], &m->field[i + 1], (m->nfield - i - 1) * sizeof *m->field);
    m->nfield--;
    m->changes++;
}

size_t milter_mail_strip(struct milter_mail *m, const char *name,
                         bool (*test)(const void *arg, struct str value), const void *arg)
{
    size_t n = 0;
    for (size_t i = m->nfield; i-- > 0;)
        if (!m->field[i].own && str_is(m->field[i].name, name) && test(arg, m->field[i].value)) {
            take_out(m, i);
            n++;
        }
    return n;
}

size_t milter_mail_size(const struct milter_mail *m)
{
    size_t n = m->gap.n + m->body.n;
    for (size_t i = 0; i < m->nfield; i++)
        n += m->field[i].raw.n;
    return n;
}

int milter_mail_put(const struct milter_mail *m, milter_put_fn *put, void *to, struct why *w)
{
    int v = 0;
    for (size_t i = 0; i < m->nfield && v == 0; i++)
        v = put(to, m->field[i].raw.p, m->field[i].raw.n, w);
    if (v == 0)
        v = put(to, m->gap.p, m->gap.n, w);
    return v == 0 ? put(to, m->body.p, m->body.n, w) : v;
}

/* --- what a filter asks for --- */

void milter_edits_init(struct milter_edits *e, size_t max)
{
    *e = (struct milter_edits){.arena = arena_new(4u << 20)};
    e->last = &e->first;
    buf_init(&e->body, max);
}

void milter_edits_done(struct milter_edits *e)
{
    arena_free(&e->arena);
    buf_done(&e->body);
}

int milter_edit_add(struct milter_edits *e, const struct milter_reply *r, struct why *w)
{
    if (r->letter == MILTER_REPLACE_BODY) {
        e->new_body = true;
        buf_add(&e->body, r->body.p, cur_left(&r->body));
        return e->body.over ? why_set(w, E_LIMIT, 0, NULL, "the new body is too large") : 0;
    }
    struct milter_edit *one = arena_alloc(e->arena, sizeof *one);
    if (++e->n > MILTER_EDITS_MAX || one == NULL)
        return why_set(w, E_LIMIT, 0, NULL, "more than %u changes", MILTER_EDITS_MAX);
    one->what = *r;
    one->what.name = arena_str(e->arena, r->name);
    one->what.value = arena_str(e->arena, r->value);
    if (arena_full(e->arena))
        return why_set(w, E_LIMIT, 0, NULL, "its changes are too large");
    *e->last = one;
    e->last = &one->next;
    return 0;
}

/* --- doing it --- */

static bool name_ok(struct str name)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || name.p[i] >= 0x7F || name.p[i] == ':')
            return false;
    return name.n > 0 && name.n < 256;
}

/* A field from its words: line ends become CRLF, and every line after the first begins with a
 * blank, so that a value cannot end its field. */
static struct str make_raw(struct arena *a, struct str name, struct str value, bool leading)
{
    struct buf b;
    buf_init(&b, 1u << 20);
    buf_str(&b, name);
    buf_z(&b, leading && value.n > 0 ? ":" : ": ");
    struct str line;
    value = str_trim_right(value);
    for (bool first = true; str_line(&value, &line); first = false) {
        if (!first && str_trim(line).n == 0)
            continue; /* an empty line would end the header */
        if (!first)
            buf_z(&b, line.p[0] == ' ' || line.p[0] == '\t' ? "\r\n" : "\r\n\t");
        for (size_t i = 0; i < line.n; i++)
            buf_u8(&b, line.p[i] == '\r' || line.p[i] == '\0' ? ' ' : (uint8_t)line.p[i]);
    }
    buf_crlf(&b);
    struct str raw = b.over ? STR("") : arena_str(a, buf_text(&b));
    buf_done(&b);
    return raw;
}

static bool make_field(struct milter_mail *m, struct milter_field *f, const struct milter_reply *r,
                       bool leading)
{
    if (!name_ok(r->name))
        return false;
    struct str raw = make_raw(m->arena, r->name, r->value, leading);
    *f = (struct milter_field){.name = str_sub(raw, 0, r->name.n),
                               .value = raw.n > 0 ? value_of(raw) : STR(""),
                               .raw = raw};
    return raw.n > 0;
}

static void insert(struct milter_mail *m, size_t at, const struct milter_reply *r, bool leading)
{
    struct milter_field f;
    if (m->nfield >= MILTER_FIELDS_MAX || !make_field(m, &f, r, leading) || field_space(m) == NULL)
        return;
    if (at > m->nfield)
        at = m->nfield;
    memmove(&m->field[at + 1], &m->field[at], (m->nfield - at) * sizeof f);
    m->field[at] = f;
    m->nfield++;
    if (m->gap.n == 0 && m->body.n > 0)
        m->gap = STR("\r\n"); /* text that had no header has one now */
    m->changes++;
}

/* The nth of that name, from 1; nfield when there are fewer. */
static size_t nth(const struct milter_mail *m, struct str name, uint32_t n)
{
    for (size_t i = 0; i < m->nfield; i++)
        if (!m->field[i].own && str_eq_nocase(m->field[i].name, name) && --n == 0)
            return i;
    return m->nfield;
}

/* An empty value deletes; a field that is not there is added, as Sendmail does. */
static void change(struct milter_mail *m, const struct milter_reply *r, bool leading)
{
    size_t i = nth(m, r->name, r->index > 0 ? r->index : 1);
    struct milter_field f;
    if (i == m->nfield && r->value.n > 0) {
        insert(m, m->nfield, r, leading);
    } else if (i < m->nfield && r->value.n == 0) {
        take_out(m, i);
    } else if (i < m->nfield && make_field(m, &f, r, leading)) {
        m->field[i] = f;
        m->changes++;
    }
}

/* "<user@host>" or "user@host" as it is in an envelope; 8-bit and controls are nobody's address. */
static bool address(struct str given, struct str *out)
{
    struct str a = str_trim(given);
    if (a.n >= 2 && a.p[0] == '<' && a.p[a.n - 1] == '>')
        a = str_sub(a, 1, a.n - 2);
    *out = a;
    for (size_t i = 0; i < a.n; i++)
        if ((unsigned char)a.p[i] < ' ' || a.p[i] == 0x7F || a.p[i] == '<' || a.p[i] == '>')
            return false;
    return a.n <= 1000;
}

static void add_rcpt(struct milter_mail *m, const struct milter_reply *r)
{
    struct str addr;
    if (!address(r->name, &addr) || addr.n == 0)
        return;
    for (size_t i = 0; i < m->nrcpt; i++)
        if (str_eq_nocase(m->rcpt[i].addr, addr)) {
            m->changes += m->rcpt[i].gone;
            m->rcpt[i].gone = false;
            return;
        }
    struct milter_rcpt *to = rcpt_space(m);
    if (to == NULL)
        return;
    *to = (struct milter_rcpt){
        .addr = arena_str(m->arena, addr), .args = arena_str(m->arena, r->value), .added = true};
    m->changes++;
}

static void delete_rcpt(struct milter_mail *m, struct str given)
{
    struct str addr;
    if (!address(given, &addr))
        return;
    for (size_t i = 0; i < m->nrcpt; i++)
        if (!m->rcpt[i].gone && str_eq_nocase(m->rcpt[i].addr, addr)) {
            m->rcpt[i].gone = true;
            m->changes++;
        }
}

static void edit(struct milter_mail *m, const struct milter_reply *r, bool leading)
{
    struct str addr;
    switch (r->letter) {
    case MILTER_ADD_HEADER:
        insert(m, m->nfield, r, leading);
        break;
    case MILTER_INSERT_HEADER:
        insert(m, r->index, r, leading);
        break;
    case MILTER_CHANGE_HEADER:
        change(m, r, leading);
        break;
    case MILTER_ADD_RCPT:
    case MILTER_ADD_RCPT_ARGS:
        add_rcpt(m, r);
        break;
    case MILTER_DEL_RCPT:
        delete_rcpt(m, r->name);
        break;
    case MILTER_CHANGE_SENDER:
        if (address(r->name, &addr)) {
            m->sender = arena_str(m->arena, addr);
            m->changes++;
        }
        break;
    case MILTER_QUARANTINE:
        m->held = true;
        m->hold = arena_str(m->arena, r->name.n > 0 ? r->name : STR("quarantined by a filter"));
        break;
    default:
        break;
    }
}

/* A filter's body as mail may be: bare CR and LF become CRLF. */
static void replace_body(struct milter_mail *m, const struct buf *given)
{
    struct buf b;
    buf_init(&b, m->max);
    for (size_t i = 0; i < given->n; i++) {
        uint8_t c = given->p[i];
        if (c != '\r' && c != '\n') {
            buf_u8(&b, c);
            continue;
        }
        buf_crlf(&b);
        if (c == '\r' && i + 1 < given->n && given->p[i + 1] == '\n')
            i++;
    }
    if (b.n > 0 && b.p[b.n - 1] != '\n')
        buf_crlf(&b);
    buf_done(&m->fresh);
    m->fresh = b;
    m->body = buf_text(&m->fresh);
    if (m->gap.n == 0)
        m->gap = STR("\r\n");
    m->changes++;
}

int milter_mail_apply(struct milter_mail *m, struct milter_edits *e, bool leading, struct why *w)
{
    for (const struct milter_edit *one = e->first; one != NULL; one = one->next)
        edit(m, &one->what, leading);
    if (e->new_body)
        replace_body(m, &e->body);
    if (arena_full(m->arena) || m->fresh.over)
        return why_set(w, E_LIMIT, 552, "5.3.4", "The filters make the mail too large");
    return 0;
}
