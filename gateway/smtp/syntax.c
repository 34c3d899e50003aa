/* gateway/smtp/syntax.c -- command lines, paths, replies, dot transparency and chunks of SMTP */
#include "gateway/smtp/syntax.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/text.h"

#define LABEL_MAX 63u         /* RFC 1035 2.3.4 */
#define REPLY_LINES_MAX 256u  /* no honest reply has more */
#define REPLY_TEXT_MAX 16384u /* of one reply, all lines */

bool smtp_disallowed(unsigned disallow, struct str verb)
{
    static const struct {
        const char *verb;
        unsigned bit;
    } bits[] = {{"VERB", SMTP_NO_VERB},
                {"QUEU", SMTP_NO_QUEU},
                {"HELP", SMTP_NO_HELP},
                {"VRFY", SMTP_NO_VRFY},
                {"EXPN", SMTP_NO_EXPN}};
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
        if ((disallow & bits[i].bit) != 0 && str_is(verb, bits[i].verb))
            return true;
    return false;
}

void smtp_verb(struct str line, struct str *verb, struct str *rest)
{
    struct str r = line;
    *verb = str_word(&r);
    *rest = str_trim(r);
}

/* --- paths: RFC 5321 4.1.2 --- */

struct scan {
    struct cur c;
    struct arena *a;
    struct why *w;
    const char *enh; /* 5.1.7 sender, 5.1.3 recipient */
    bool batch;
    bool utf8; /* RFC 6531 3.3: what is beyond ASCII is atext, qtext and part of a label */
};

static bool blank(uint8_t ch)
{
    return ch == ' ' || ch == '\t';
}

static bool alnum(uint8_t ch)
{
    return (ch >= '0' && ch <= '9') || (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z');
}

static bool atext(uint8_t ch)
{
    return alnum(ch) || (ch != 0 && strchr("!#$%&'*+-/=?^_`{|}~", ch) != NULL);
}

static size_t digits(struct str t, size_t from)
{
    size_t n = 0;
    while (from + n < t.n && t.p[from + n] >= '0' && t.p[from + n] <= '9')
        n++;
    return n;
}

static bool next_is(const struct scan *s, uint8_t ch)
{
    return cur_left(&s->c) > 0 && cur_peek(&s->c) == ch;
}

static void skip_blanks(struct scan *s)
{
    while (cur_left(&s->c) > 0 && blank(cur_peek(&s->c)))
        cur_skip(&s->c, 1);
}

static int bad_path(const struct scan *s, const char *what)
{
    return why_set(s->w, E_SYNTAX, 501, s->enh, "Bad address: %s", what);
}

/* A part of a character beyond ASCII; that they are well-formed is checked for the whole line. */
static bool wide(uint8_t ch)
{
    return ch >= 0x80;
}

/* Is the unquoted local part a Dot-string, so that it needs no quotes? */
static bool dot_string(struct str t)
{
    uint8_t before = '.';
    for (size_t i = 0; i < t.n; i++) {
        uint8_t ch = (uint8_t)t.p[i];
        if (ch == '.' ? before == '.' : !atext(ch) && !wide(ch))
            return false;
        before = ch;
    }
    return before != '.';
}

static int scan_quoted(struct scan *s, char *to, size_t *n)
{
    cur_skip(&s->c, 1);
    while (cur_left(&s->c) > 0) {
        uint8_t ch = cur_u8(&s->c);
        if (ch == '"')
            return 0;
        if (ch == '\\')
            ch = cur_u8(&s->c);
        if (ch < ' ' || ch == 0x7F || (wide(ch) && !s->utf8))
            return bad_path(s, "control or 8-bit character in a quoted local part");
        to[(*n)++] = (char)ch;
    }
    return bad_path(s, "the quoted local part has no end");
}

static int scan_local(struct scan *s, struct str *local)
{
    char *to = arena_alloc(s->a, cur_left(&s->c) + 1);
    size_t n = 0;
    if (to == NULL)
        return why_set(s->w, E_LIMIT, 501, s->enh, "Address too long");
    if (next_is(s, '"')) {
        if (scan_quoted(s, to, &n) < 0)
            return E_SYNTAX;
        *local = (struct str){to, n};
        return 0;
    }
    for (uint8_t ch; cur_left(&s->c) > 0 &&
                     (ch = cur_peek(&s->c), atext(ch) || ch == '.' || (s->utf8 && wide(ch)));)
        to[n++] = (char)cur_u8(&s->c);
    *local = (struct str){to, n};
    if (n == 0)
        return bad_path(s, "there is no local part before the @");
    if (!dot_string(*local))
        return bad_path(s,
                        "a dot at the start, at the end, or two dots together in the local part");
    return 0;
}

static bool literal_ok(struct str d)
{
    char host[64];
    uint8_t binary[16];
    struct str inner = str_sub(d, 1, d.n - 2);
    int family = AF_INET;
    if (str_starts_nocase(inner, "IPv6:")) {
        family = AF_INET6;
        inner = str_sub(inner, 5, inner.n);
    }
    if (inner.n >= sizeof(host) || str_find(inner, '\0') >= 0)
        return false;
    str_copy(host, sizeof(host), inner);
    return inet_pton(family, host, binary) == 1;
}

/* A label of letters, digits and hyphens. Underscores are in use; `extra` are the further
 * characters of NJE node names; utf8: U-labels, too (RFC 5890). */
static bool label_ok(struct str label, const char *extra, bool utf8)
{
    if (label.n == 0 || label.n > LABEL_MAX || label.p[0] == '-' || label.p[label.n - 1] == '-')
        return false;
    for (size_t i = 0; i < label.n; i++) {
        uint8_t ch = (uint8_t)label.p[i];
        if (!alnum(ch) && ch != '-' && ch != '_' && !(utf8 && wide(ch)) &&
            (ch == 0 || strchr(extra, ch) == NULL))
            return false;
    }
    return true;
}

static bool domain_ok(struct str d, const char *extra, bool utf8)
{
    struct str label;
    if (d.n == 0 || d.n > SMTP_DOMAIN_MAX)
        return false;
    if (d.p[0] == '[')
        return d.n > 2 && d.p[d.n - 1] == ']' && literal_ok(d);
    if (d.p[d.n - 1] == '.')
        return false;
    while (str_split(&d, '.', &label))
        if (!label_ok(label, extra, utf8))
            return false;
    return true;
}

bool smtp_domain_ok(struct str domain)
{
    return domain_ok(domain, "", false);
}

/* A domain ends at its ']' or before what cannot stand in one. */
static int scan_domain(struct scan *s, struct str *domain)
{
    struct cur start = s->c;
    bool literal = next_is(s, '[');
    size_t n = 0;
    while (cur_left(&s->c) > 0) {
        uint8_t ch = cur_peek(&s->c);
        if (literal ? n > 0 && cur_str(&start).p[n - 1] == ']' : strchr(">,: \t", ch) != NULL)
            break;
        cur_skip(&s->c, 1);
        n++;
    }
    *domain = str_sub(cur_str(&start), 0, n);
    if (domain_ok(*domain, s->batch ? "$#" : "", s->utf8))
        return 0;
    if (n == 0)
        return bad_path(s, "there is no domain after the @");
    return why_set(s->w, E_SYNTAX, 501, s->enh, "Bad address: '%.*s' is not a domain name",
                   (int)(n < 80 ? n : 80), domain->p);
}

/* "@one,@two:" before the mailbox: read and dropped (RFC 5321 C). */
static int scan_route(struct scan *s)
{
    struct str domain;
    while (next_is(s, '@')) {
        cur_skip(&s->c, 1);
        if (scan_domain(s, &domain) < 0)
            return E_SYNTAX;
        if (next_is(s, ','))
            cur_skip(&s->c, 1);
        else if (!next_is(s, ':'))
            return bad_path(s, "a source route ends with a colon");
    }
    if (!next_is(s, ':'))
        return bad_path(s, "a source route is @host,@host:user@host");
    cur_skip(&s->c, 1);
    return 0;
}

/* local@domain again, quoted where needed. */
static int make_text(const struct scan *s, struct smtp_path *p)
{
    bool quote = !dot_string(p->local);
    size_t n = 0;
    char *to = arena_alloc(s->a, 2 * p->local.n + p->domain.n + 4);
    if (to == NULL)
        return why_set(s->w, E_LIMIT, 501, s->enh, "Address too long");
    if (quote)
        to[n++] = '"';
    for (size_t i = 0; i < p->local.n; i++) {
        if (quote && (p->local.p[i] == '"' || p->local.p[i] == '\\'))
            to[n++] = '\\';
        to[n++] = p->local.p[i];
    }
    if (quote)
        to[n++] = '"';
    if (p->domain.n > 0) {
        to[n++] = '@';
        memcpy(to + n, p->domain.p, p->domain.n);
        n += p->domain.n;
    }
    p->text = (struct str){to, n};
    if (n + 2 > SMTP_PATH_MAX) /* RFC 5321 4.5.3.1.3 counts the <> */
        return why_set(s->w, E_LIMIT, 501, s->enh, "Address too long: %zu characters, %u allowed",
                       n, SMTP_PATH_MAX - 2);
    return 0;
}

static int scan_mailbox(struct scan *s, struct smtp_path *p)
{
    if (next_is(s, '@')) {
        p->route = true;
        if (scan_route(s) < 0)
            return E_SYNTAX;
    }
    int rc = scan_local(s, &p->local);
    if (rc < 0)
        return rc;
    if (next_is(s, '@')) {
        struct str domain;
        cur_skip(&s->c, 1);
        if (scan_domain(s, &domain) < 0)
            return E_SYNTAX;
        p->domain = arena_str(s->a, domain);
    }
    return make_text(s, p);
}

static int scan_path(struct scan *s, struct smtp_path *p)
{
    *p = (struct smtp_path){.text = STR("")};
    skip_blanks(s);
    bool angle = next_is(s, '<');
    if (!angle && !s->batch)
        return why_set(s->w, E_SYNTAX, 501, s->enh, "The address must stand in <>");
    if (angle)
        cur_skip(&s->c, 1);
    if (angle && next_is(s, '>')) {
        cur_skip(&s->c, 1);
        return 0;
    }
    int rc = scan_mailbox(s, p);
    if (rc < 0)
        return rc;
    if (angle && !next_is(s, '>'))
        return bad_path(s, "it is not closed by >");
    if (angle)
        cur_skip(&s->c, 1);
    if (cur_left(&s->c) > 0 && !blank(cur_peek(&s->c)))
        return bad_path(s, "there is text after its end");
    if (p->domain.n == 0 && !str_is(p->local, "postmaster"))
        return why_set(s->w, E_SYNTAX, 553, s->enh, "The address needs a domain: %.*s@domain",
                       STR_ARG(str_sub(p->text, 0, 80)));
    return 0;
}

int smtp_parse_path(struct str rest, const char *word, bool batch, struct arena *a,
                    struct smtp_path *p, struct str *params, struct why *w)
{
    size_t n = strlen(word);
    struct scan s = {.a = a, .w = w, .enh = n > 3 ? "5.1.7" : "5.1.3", .batch = batch};
    bool ascii = text_is_ascii(rest);
    if (!str_starts_nocase(rest, word))
        return why_set(w, E_SYNTAX, 501, "5.5.4", "Syntax: %s<address>", word);
    if (!ascii && (batch || !text_is_utf8(rest)))
        return why_set(w, E_SYNTAX, 553, "5.6.7",
                       batch ? "Addresses beyond ASCII (SMTPUTF8) are not supported in a batch"
                             : "The command line is not UTF-8");
    s.utf8 = !ascii;
    s.c = cur_of_str(str_sub(rest, n, rest.n));
    int rc = scan_path(&s, p);
    if (rc < 0)
        return rc;
    if (arena_full(a))
        return why_set(w, E_LIMIT, 452, "4.3.1", "Too much memory used by this transaction");
    p->utf8 = !text_is_ascii(p->text);
    *params = cur_str(&s.c);
    return 0;
}

int smtp_parse_mailbox(struct str text, struct arena *a, struct smtp_path *path, struct why *w)
{
    struct scan s = {.a = a,
                     .w = w,
                     .enh = "5.1.3",
                     .utf8 = !text_is_ascii(text) && text_is_utf8(text),
                     .c = cur_of_str(text)};
    *path = (struct smtp_path){.text = STR("")};
    if (next_is(&s, '@'))
        return bad_path(&s, "there is no local part before the @");
    int rc = scan_mailbox(&s, path);
    if (rc < 0)
        return rc;
    if (cur_left(&s.c) > 0)
        return bad_path(&s, "there is text after its end");
    if (path->domain.n == 0)
        return bad_path(&s, "it needs a domain: user@domain");
    if (arena_full(a))
        return why_set(w, E_LIMIT, 0, NULL, "Address too long");
    path->utf8 = s.utf8;
    return 0;
}

/* --- replies: RFC 5321 4.2, 2034 --- */

static void put_reply_line(struct buf *b, int code, char sep, const char *enh, struct str line)
{
    char head[4] = {(char)('0' + code / 100 % 10), (char)('0' + code / 10 % 10),
                    (char)('0' + code % 10), sep};
    buf_add(b, head, sizeof(head));
    if (enh != NULL && enh[0] != '\0') {
        buf_z(b, enh);
        buf_u8(b, ' ');
    }
    buf_str(b, line);
    buf_crlf(b);
}

void smtp_put_reply(struct buf *b, int code, const char *enh, struct str text)
{
    struct str line = {"", 0}, next;
    (void)str_line(&text, &line);
    while (str_line(&text, &next)) {
        put_reply_line(b, code, '-', enh, line);
        line = next;
    }
    put_reply_line(b, code, ' ', enh, line);
}

void smtp_put_why(struct buf *b, const struct why *w)
{
    smtp_put_reply(b, why_smtp(w), why_enh(w), str_of(w->text));
}

void smtp_reply_init(struct smtp_reply *r)
{
    *r = (struct smtp_reply){.code = 0};
    buf_init(&r->text, REPLY_TEXT_MAX);
}

void smtp_reply_done(struct smtp_reply *r)
{
    buf_done(&r->text);
}

/* Length of an enhanced code "5.1.1" at the start of the text that fits the reply's class, else 0.
 */
static size_t enh_len(struct str t, int code)
{
    size_t subject = digits(t, 2), dot = 2 + subject;
    if (t.n <= dot || t.p[0] != (char)('0' + code / 100) || t.p[1] != '.' || t.p[dot] != '.')
        return 0;
    size_t detail = digits(t, dot + 1), n = dot + 1 + detail;
    bool sized = subject >= 1 && subject <= 3 && detail >= 1 && detail <= 3;
    return sized && (n == t.n || t.p[n] == ' ') ? n : 0;
}

int smtp_reply_line(struct smtp_reply *r, struct str line, struct why *w)
{
    struct cur c = cur_of_str(line);
    uint8_t d1 = cur_u8(&c), d2 = cur_u8(&c), d3 = cur_u8(&c);
    bool last = cur_left(&c) == 0 || cur_peek(&c) == ' ';
    int code = (d1 - '0') * 100 + (d2 - '0') * 10 + (d3 - '0');
    if (cur_bad(&c) || d1 < '2' || d1 > '5' || d2 < '0' || d2 > '9' || d3 < '0' || d3 > '9' ||
        (!last && cur_peek(&c) != '-'))
        return why_set(w, E_SYNTAX, 0, NULL, "Not a reply line: '%.*s'",
                       STR_ARG(str_sub(line, 0, 80)));
    if (r->lines > 0 && code != r->code)
        return why_set(w, E_SYNTAX, 0, NULL, "Reply lines with different codes, %d and %d", r->code,
                       code);
    if (r->lines++ >= REPLY_LINES_MAX)
        return why_set(w, E_LIMIT, 0, NULL, "Reply of more than %u lines", REPLY_LINES_MAX);
    r->code = code;
    if (cur_left(&c) > 0)
        cur_skip(&c, 1);
    struct str text = cur_str(&c);
    size_t n = enh_len(text, code);
    if (r->lines == 1)
        str_copy(r->enh, sizeof(r->enh), str_sub(text, 0, n));
    else
        buf_u8(&r->text, '\n');
    buf_str(&r->text, n == 0 ? text : str_sub(text, n + 1, text.n));
    return last;
}

void smtp_reply_why(const struct smtp_reply *r, struct why *w)
{
    struct str text = buf_text(&r->text);
    if (r->code < 400) {
        why_set(w, E_TEMP, 0, NULL, "Unexpected reply %d %.*s", r->code, STR_ARG(text));
        return;
    }
    why_set(w, r->code < 500 ? E_TEMP : E_PERM, r->code, r->enh, "%.*s",
            STR_ARG(text.n == 0 ? STR("(no text)") : text));
}

/* --- dot transparency: RFC 5321 4.5.2 --- */

/* Only CRLF.CRLF ends a message. A bare CR or LF never begins a line, so nothing after one can be
 * taken for the end of data here that the next host would not take for it, or the reverse
 * (smuggling). */
enum undot_state {
    UNDOT_START,  /* at the start of a line */
    UNDOT_MID,    /* within a line */
    UNDOT_CR,     /* behind a CR, which is not written yet */
    UNDOT_DOT,    /* behind a dot at the start of a line, which is not written */
    UNDOT_DOT_CR, /* behind the CR of ".CR" */
};

static void undot_put(const struct smtp_undot *u, struct buf *out, const char *p, size_t n)
{
    if (!u->broken && n > 0)
        buf_add(out, p, n);
}

/* A number known to the compiler, which looks at many bytes at once then. */
#define BLOCK 128

/* Each CR before a LF, each LF behind a CR, no NUL, no dot behind a LF; one byte behind the block
 * is looked at, too. */
static bool block_is_clean(const char *p)
{
    unsigned char odd = 0;
    for (size_t i = 0; i < BLOCK; i++) {
        bool apart = (p[i] == '\r') ^ (p[i + 1] == '\n');
        bool dot = (p[i] == '\n') & (p[i + 1] == '.');
        odd |= (unsigned char)(apart | dot | (p[i] == '\0'));
    }
    return odd == 0;
}

/* The lines that end within clean blocks. */
static size_t clean_blocks(struct str t)
{
    size_t n = 0;
    if (t.n == 0 || t.p[0] == '.' || t.p[0] == '\n')
        return 0;
    while (t.n - n > BLOCK && block_is_clean(t.p + n))
        n += BLOCK;
    const char *lf = n > 0 ? memrchr(t.p, '\n', n + 1) : NULL;
    return lf != NULL ? (size_t)(lf - t.p) + 1 : 0;
}

/* Whole lines at the start of t that hold no dot in front and nothing broken: their length. */
static size_t clean_lines(struct str t)
{
    size_t at = clean_blocks(t);
    while (at < t.n && t.p[at] != '.') {
        const char *line = t.p + at, *lf = memchr(line, '\n', t.n - at);
        if (lf == NULL)
            break;
        size_t n = (size_t)(lf - line);
        if (n == 0 || memchr(line, '\r', n) != lf - 1 || memchr(line, '\0', n) != NULL)
            break;
        at += n + 1;
    }
    return at;
}

/* One byte by the table of states; answers true at the end of data. */
static bool undot_byte(struct smtp_undot *u, char ch, struct buf *out)
{
    enum undot_state st = u->state;
    if (st == UNDOT_CR && ch == '\n') {
        undot_put(u, out, "\r\n", 2);
        u->state = UNDOT_START;
        return false;
    }
    if (st == UNDOT_DOT_CR && ch == '\n') {
        u->state = UNDOT_START;
        return true;
    }
    if (ch == '\n' || ch == '\0' || st == UNDOT_CR || st == UNDOT_DOT_CR)
        u->broken = true;
    if (ch == '\r') {
        u->state = st == UNDOT_DOT ? UNDOT_DOT_CR : UNDOT_CR;
    } else if (ch == '.' && st == UNDOT_START) {
        u->state = UNDOT_DOT;
    } else {
        undot_put(u, out, &ch, 1);
        u->state = UNDOT_MID;
    }
    return false;
}

/* The text of a line up to the next CR, LF or NUL, in one piece. */
static size_t plain_run(struct str t)
{
    const char *stop = memchr(t.p, '\r', t.n);
    size_t n = stop != NULL ? (size_t)(stop - t.p) : t.n;
    stop = memchr(t.p, '\n', n);
    n = stop != NULL ? (size_t)(stop - t.p) : n;
    stop = memchr(t.p, '\0', n);
    return stop != NULL ? (size_t)(stop - t.p) : n;
}

int smtp_undot(struct smtp_undot *u, struct cur *in, struct buf *out)
{
    while (cur_left(in) > 0) {
        struct str t = cur_str(in);
        size_t n = 0;
        if (u->state == UNDOT_START)
            n = clean_lines(t);
        else if (u->state == UNDOT_MID)
            n = plain_run(t);
        if (n > 0) {
            undot_put(u, out, t.p, n);
            cur_skip(in, n);
        } else if (undot_byte(u, (char)cur_u8(in), out)) {
            return u->broken ? E_SYNTAX : 1;
        }
    }
    return 0;
}

int smtp_chunk(struct smtp_undot *u, struct cur *in, struct buf *out)
{
    while (cur_left(in) > 0) {
        struct str t = cur_str(in);
        size_t n = u->state == UNDOT_CR ? 0 : plain_run(t);
        if (n > 0) {
            undot_put(u, out, t.p, n);
            u->state = UNDOT_MID;
            cur_skip(in, n);
            continue;
        }
        char ch = (char)cur_u8(in);
        if (u->state == UNDOT_CR ? ch != '\n' : ch != '\r')
            u->broken = true;
        if (ch == '\n')
            undot_put(u, out, "\r\n", 2);
        u->state = ch == '\r' ? UNDOT_CR : ch == '\n' ? UNDOT_START : UNDOT_MID;
    }
    return u->broken ? E_SYNTAX : 0;
}

int smtp_chunk_end(struct smtp_undot *u, struct buf *out)
{
    u->broken = u->broken || u->state == UNDOT_CR;
    if (u->state == UNDOT_MID)
        undot_put(u, out, "\r\n", 2);
    u->state = UNDOT_START;
    return u->broken ? E_SYNTAX : 0;
}

/* What is sent holds no bare CR or LF, whatever the content holds: each becomes a CRLF. */
enum dot_state {
    DOT_START, /* at the start of a line */
    DOT_MID,   /* within a line */
    DOT_CR,    /* behind a CR, which is written: a LF must follow */
};

void smtp_dot(struct smtp_dot *d, struct str in, struct buf *out)
{
    while (in.n > 0) {
        size_t n = 1;
        if (d->state == DOT_CR) {
            buf_u8(out, '\n');
            d->state = DOT_START;
            if (in.p[0] != '\n')
                continue;
        } else if (d->state == DOT_START && in.p[0] == '.') {
            buf_add(out, "..", 2);
            d->state = DOT_MID;
        } else if (d->state == DOT_START && (n = clean_lines(in)) > 0) {
            buf_add(out, in.p, n);
        } else if (in.p[0] == '\r') {
            n = 1;
            buf_u8(out, '\r');
            d->state = DOT_CR;
        } else if (in.p[0] == '\n') {
            n = 1;
            buf_crlf(out);
            d->state = DOT_START;
        } else {
            n = plain_run(in);
            n = n > 0 ? n : 1; /* a NUL is content here */
            buf_add(out, in.p, n);
            d->state = DOT_MID;
        }
        in = str_sub(in, n, in.n);
    }
}

void smtp_dot_end(struct smtp_dot *d, struct buf *out)
{
    if (d->state == DOT_CR)
        buf_u8(out, '\n');
    else if (d->state == DOT_MID)
        buf_crlf(out);
    buf_add(out, ".\r\n", 3);
    d->state = DOT_START;
}
