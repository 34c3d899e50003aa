/* gateway/mail/header.c -- fields of a message header, RFC 2047 words, address lists, folding. */
#include "gateway/mail/header.h"

#include <string.h>

#include "base/idn.h"
#include "base/text.h"

#define MAILBOX_ROOM 1024u
#define LINE_FOLD 78  /* RFC 5322 2.1.1, the wish */
#define LINE_HARD 990 /* below the 998 of RFC 5322 2.1.1, the law */
#define WORD_PAYLOAD                                                                               \
    52u /* of an encoded word; with its frame 64, so that it fits behind "Subject: " */
#define VALUE_MAX ((size_t)4 * HDR_BYTES_MAX) /* of one decoded or encoded value */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

static struct str finish(struct arena *a, struct buf *b)
{
    struct str s = arena_str(a, buf_text(b));
    buf_done(b);
    return s;
}

/* --- fields --- */

/* Length of a field's name, 0 when the line does not start a field (RFC 5322 2.2; blanks before the
 * colon are the obsolete form of 4.5). *value: where the value begins. */
static size_t name_length(struct str line, size_t *value)
{
    size_t i = 0;
    while (i < line.n && line.p[i] > ' ' && line.p[i] < 0x7f && line.p[i] != ':')
        i++;
    size_t n = i;
    while (i < line.n && is_blank(line.p[i]))
        i++;
    if (n == 0 || i == line.n || line.p[i] != ':')
        return 0;
    *value = i + 1;
    return n;
}

/* Count the fields and measure the block. */
static int measure(struct str message, size_t *fields, size_t *size, struct why *w)
{
    struct str rest = message, line;
    size_t n = 0, end = 0, value;
    while (str_line(&rest, &line)) {
        size_t after = message.n - rest.n;
        if (after > HDR_BYTES_MAX && line.n > 0)
            return why_set(w, E_LIMIT, 552, "5.3.4", "message header is longer than %u bytes",
                           HDR_BYTES_MAX);
        if (line.n == 0) {
            end = n > 0 ? after : 0;
            break;
        }
        if (is_blank(line.p[0]) ? n == 0 : name_length(line, &value) == 0)
            break;
        if (!is_blank(line.p[0]) && ++n > HDR_FIELDS_MAX)
            return why_set(w, E_LIMIT, 552, "5.3.4", "message header has more than %u fields",
                           HDR_FIELDS_MAX);
        end = after;
    }
    *fields = n;
    *size = end;
    return OK;
}

int hdr_parse(struct arena *a, struct str message, struct hdr *h, struct why *w)
{
    *h = (struct hdr){.arena = a};
    size_t n = 0, size = 0;
    int rc = measure(message, &n, &size, w);
    if (rc != OK || n == 0)
        return rc;
    h->field = arena_alloc(a, n * sizeof *h->field);
    char *copy = arena_alloc(a, size);
    if (h->field == NULL || copy == NULL || arena_full(a))
        return why_set(w, E_LIMIT, 552, "5.3.4",
                       "message header does not fit in memory set for it");
    h->size = size;
    /* The copy is unfolded as it is made: it can only shrink, so it never overruns. */
    struct str rest = str_sub(message, 0, size), line;
    char *to = copy;
    while (str_line(&rest, &line) && line.n > 0) {
        size_t value = 0, length = is_blank(line.p[0]) ? 0 : name_length(line, &value);
        if (length > 0) {
            memcpy(to, line.p, length);
            h->field[h->n++] = (struct hdr_field){{to, length}, {to + length, 0}};
            to += length;
        }
        struct hdr_field *f = &h->field[h->n - 1];
        memcpy(to, line.p + value, line.n - value);
        to += line.n - value;
        f->value.n += line.n - value;
    }
    for (size_t i = 0; i < h->n; i++)
        h->field[i].value = str_trim(h->field[i].value);
    return OK;
}

const struct hdr_field *hdr_get(const struct hdr *h, const char *name, unsigned nth)
{
    for (size_t i = 0; i < h->n; i++)
        if (str_is(h->field[i].name, name) && nth-- == 0)
            return &h->field[i];
    return NULL;
}

struct str hdr_value(const struct hdr *h, const char *name)
{
    const struct hdr_field *f = hdr_get(h, name, 0);
    return f != NULL ? f->value : STR("");
}

/* --- RFC 2047, reading --- */

struct word {
    struct str charset;
    char encoding; /* 'b' or 'q' */
    struct str text;
};

/* Length of an encoded word at the start of s, 0 when there is none. */
static size_t word_at(struct str s, struct word *word)
{
    if (s.n < 8 || s.p[0] != '=' || s.p[1] != '?')
        return 0;
    size_t i = 2;
    while (i < s.n && s.p[i] > ' ' && s.p[i] < 0x7f && strchr("?=()<>@,;:\"/[]", s.p[i]) == NULL)
        i++;
    if (i == 2 || i + 3 >= s.n || s.p[i] != '?' || s.p[i + 2] != '?')
        return 0;
    word->charset = str_sub(s, 2, i - 2);
    ptrdiff_t language = str_find(word->charset, '*'); /* RFC 2231 5 */
    if (language >= 0)
        word->charset.n = (size_t)language;
    word->encoding = (char)(s.p[i + 1] | 0x20);
    size_t start = i + 3;
    for (i = start; i < s.n && s.p[i] != '?' && !is_control(s.p[i]); i++)
        continue;
    if (i + 1 >= s.n || s.p[i] != '?' || s.p[i + 1] != '=' ||
        (word->encoding != 'b' && word->encoding != 'q'))
        return 0;
    word->text = str_sub(s, start, i - start);
    return i + 2;
}

static void unquote_word(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        bool escape = s.p[i] == '=' && i + 2 < s.n;
        int hi = escape ? ascii_hex(s.p[i + 1]) : -1, lo = escape ? ascii_hex(s.p[i + 2]) : -1;
        if (hi >= 0 && lo >= 0) {
            buf_u8(b, (uint8_t)(hi * 16 + lo));
            i += 2;
        } else {
            buf_u8(b, s.p[i] == '_' ? ' ' : (uint8_t)s.p[i]);
        }
    }
}

/* Base64 as mailers really write it: padding may be missing or too much. */
static int unbase_word(struct buf *b, struct str s)
{
    while (s.n > 0 && s.p[s.n - 1] == '=')
        s.n--;
    if (s.n % 4 == 1)
        s.n--;
    struct buf padded;
    buf_init(&padded, s.n + 4);
    buf_str(&padded, s);
    buf_fill(&padded, '=', (4 - s.n % 4) % 4);
    int rc = text_unb64(b, buf_text(&padded));
    buf_done(&padded);
    return rc;
}

static bool is_printable(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (is_control(s.p[i]) || (unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

void hdr_clean(struct buf *b, struct str s)
{
    if (is_printable(s)) {
        buf_str(b, s);
        return;
    }
    while (s.n > 0) {
        uint32_t r = text_rune(&s);
        bool bad = r < 0x20 || (r >= 0x7f && r < 0xa0) || r == 0x2028 || r == 0x2029;
        text_put_rune(b, bad ? ' ' : r);
    }
}

/* Text outside encoded words: UTF-8, or windows-1252 when it cannot be UTF-8. */
static void put_raw(struct buf *b, struct str s)
{
    struct buf utf8;
    struct why w;
    buf_init(&utf8, VALUE_MAX);
    if (!text_is_utf8(s) && text_to_utf8(&utf8, "windows-1252", cur_of_str(s), NULL, &w) == OK)
        s = buf_text(&utf8);
    hdr_clean(b, s);
    buf_done(&utf8);
}

/* Adjacent words of one charset are joined as bytes before conversion: mailers cut inside
 * characters. */
struct run {
    struct str charset;
    struct str source; /* as written, shown when the charset is unknown */
    struct buf bytes;
};

static void run_end(struct run *r, struct buf *out)
{
    struct buf utf8;
    struct why w;
    if (r->source.n == 0)
        return;
    buf_init(&utf8, VALUE_MAX);
    char charset[64];
    str_copy(charset, sizeof charset, r->charset);
    if (text_to_utf8(&utf8, charset, buf_cur(&r->bytes), NULL, &w) == OK)
        hdr_clean(out, buf_text(&utf8));
    else
        put_raw(out, r->source);
    buf_done(&utf8);
    buf_reset(&r->bytes);
    r->source.n = 0;
}

/* Take one word into the run; false when its payload cannot be decoded. */
static bool run_take(struct run *r, struct buf *out, const struct word *word, struct str source)
{
    struct buf bytes;
    buf_init(&bytes, word->text.n + 4);
    bool good = true;
    if (word->encoding == 'q')
        unquote_word(&bytes, word->text);
    else
        good = unbase_word(&bytes, word->text) == OK;
    if (good) {
        if (r->source.n > 0 && !str_eq_nocase(r->charset, word->charset))
            run_end(r, out);
        r->charset = word->charset;
        r->source = r->source.n == 0
                        ? source
                        : (struct str){r->source.p, (size_t)(source.p + source.n - r->source.p)};
        buf_str(&r->bytes, buf_text(&bytes));
    }
    buf_done(&bytes);
    return good;
}

static void decode_to(struct buf *out, struct str s)
{
    struct run run = {.source = {NULL, 0}};
    buf_init(&run.bytes, VALUE_MAX);
    size_t plain = 0; /* where the text not yet written begins */
    for (size_t i = 0; i < s.n;) {
        struct word word;
        size_t n = s.p[i] == '=' ? word_at(str_sub(s, i, s.n), &word) : 0;
        if (n == 0) {
            i++;
            continue;
        }
        struct str before = str_sub(s, plain, i - plain);
        /* RFC 2047 6.2: blanks between two encoded words are not shown. */
        if (run.source.n == 0 || str_trim(before).n > 0) {
            run_end(&run, out);
            put_raw(out, before);
        }
        if (!run_take(&run, out, &word, str_sub(s, i, n))) {
            run_end(&run, out);
            put_raw(out, str_sub(s, i, n));
        }
        i += n;
        plain = i;
    }
    run_end(&run, out);
    put_raw(out, str_sub(s, plain, s.n));
    buf_done(&run.bytes);
}

struct str hdr_decode(struct arena *a, struct str value)
{
    if (is_printable(value) && str_find(value, '=') < 0)
        return value;
    struct buf b;
    buf_init(&b, VALUE_MAX);
    decode_to(&b, value);
    return finish(a, &b);
}

/* --- RFC 2047, writing --- */

/* RFC 2047 5 (3): what Q may leave as it is inside a phrase; fit everywhere else too. */
static bool q_plain(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr("!*+-/", c) != NULL);
}

static size_t q_size(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += q_plain((unsigned char)s.p[i]) || s.p[i] == ' ' ? 1 : 3;
    return n;
}

static void put_q(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (q_plain(c))
            buf_u8(b, c);
        else if (c == ' ')
            buf_u8(b, '_');
        else
            buf_printf(b, "=%02X", c);
    }
}

static size_t word_size(struct str s, bool q)
{
    return q ? q_size(s) : (s.n + 2) / 3 * 4;
}

/* The longest start of s, in whole characters, that fits one encoded word. */
static size_t chunk_length(struct str s, bool q)
{
    struct str rest = s;
    size_t n = 0;
    while (rest.n > 0) {
        (void)text_rune(&rest);
        if (word_size(str_sub(s, 0, s.n - rest.n), q) > WORD_PAYLOAD)
            break;
        n = s.n - rest.n;
    }
    return n;
}

static void put_words(struct buf *b, struct str s)
{
    bool q = q_size(s) <= (s.n + 2) / 3 * 4;
    for (bool first = true; s.n > 0; first = false) {
        size_t n = chunk_length(s, q);
        buf_z(b, first ? "=?UTF-8?" : " =?UTF-8?");
        buf_z(b, q ? "Q?" : "B?");
        if (q)
            put_q(b, str_sub(s, 0, n));
        else
            text_b64(b, cur_of_str(str_sub(s, 0, n)));
        buf_z(b, "?=");
        s = str_sub(s, n, s.n);
    }
}

static bool needs_word(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80 || (s.p[i] == '=' && i + 1 < s.n && s.p[i + 1] == '?'))
            return true;
    return false;
}

static size_t count_blanks(struct str s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] == ' ')
        n++;
    return n;
}

/* Blanks at the start of s and the word behind them. */
static size_t blanks_and_word(struct str s)
{
    size_t n = count_blanks(s);
    while (n < s.n && s.p[n] != ' ')
        n++;
    return n;
}

/* Adjacent words that need it are encoded together with the blanks between them. */
static void encode_to(struct buf *b, struct str s)
{
    while (s.n > 0) {
        size_t blanks = count_blanks(s), n = blanks_and_word(s), run = 0;
        for (struct str next = str_sub(s, 0, n); next.n > 0 && needs_word(next);
             next = str_sub(s, run, blanks_and_word(str_sub(s, run, s.n))))
            run += next.n;
        if (run == 0) {
            buf_str(b, str_sub(s, 0, n));
        } else {
            n = run;
            buf_str(b, str_sub(s, 0, blanks));
            put_words(b, str_sub(s, blanks, run - blanks));
        }
        s = str_sub(s, n, s.n);
    }
}

static void clean_to(struct buf *clean, struct str utf8)
{
    buf_init(clean, VALUE_MAX);
    hdr_clean(clean, utf8);
}

struct str hdr_encode(struct arena *a, struct str utf8)
{
    struct buf clean, out;
    clean_to(&clean, utf8);
    buf_init(&out, VALUE_MAX);
    encode_to(&out, str_trim(buf_text(&clean)));
    buf_done(&clean);
    return finish(a, &out);
}

/* A mailbox for between < and >: nothing that could end it early or hide another. */
static void put_mailbox(struct buf *b, struct str mailbox)
{
    bool quoted = false;
    for (size_t i = 0; i < mailbox.n; i++) {
        char c = mailbox.p[i];
        if (c == '"' && (i == 0 || mailbox.p[i - 1] != '\\'))
            quoted = !quoted;
        if (!is_control(c) && (quoted || strchr("<>() ,;", c) == NULL))
            buf_u8(b, (uint8_t)c);
    }
}

static void put_quoted(struct buf *b, struct str s)
{
    buf_u8(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            buf_u8(b, '\\');
        buf_u8(b, (uint8_t)s.p[i]);
    }
    buf_u8(b, '"');
}

struct str hdr_mailbox(struct arena *a, struct str name, struct str mailbox)
{
    struct buf clean, out;
    clean_to(&clean, name);
    name = str_trim(buf_text(&clean));
    buf_init(&out, VALUE_MAX);
    if (needs_word(name))
        put_words(&out, name);
    else if (name.n > 0)
        put_quoted(&out, name);
    buf_z(&out, name.n > 0 ? " <" : "");
    put_mailbox(&out, mailbox);
    buf_z(&out, name.n > 0 ? ">" : "");
    buf_done(&clean);
    return finish(a, &out);
}

struct str hdr_mailbox_ascii(struct arena *a, struct str name, struct str mailbox)
{
    struct buf clean, out;
    char z[MAILBOX_ROOM];
    if (!text_is_ascii(mailbox) && idn_mailbox(mailbox, z, sizeof z))
        mailbox = str_of(z);
    if (text_is_ascii(mailbox))
        return hdr_mailbox(a, name, mailbox);
    clean_to(&clean, name);
    buf_z(&clean, clean.n > 0 ? " " : "");
    buf_str(&clean, mailbox);
    buf_init(&out, VALUE_MAX);
    put_words(&out, str_trim(buf_text(&clean)));
    buf_z(&out, ":;");
    buf_done(&clean);
    return finish(a, &out);
}

/* --- writing fields --- */

static void put_value_bytes(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        buf_u8(b, is_control(s.p[i]) ? ' ' : (uint8_t)s.p[i]);
}

static bool is_gap(char c)
{
    return c == ' ' || is_control(c);
}

/* The blanks at the start of s and the word behind them; a word no line can hold is cut, between
 * characters. */
static size_t next_piece(struct str s, size_t *blanks)
{
    size_t n = 0;
    while (n < s.n && is_gap(s.p[n]))
        n++;
    *blanks = n;
    while (n < s.n && !is_gap(s.p[n]) && n - *blanks < LINE_HARD - 2 * LINE_FOLD)
        n++;
    while (n < s.n && n > *blanks + 1 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    return n;
}

void hdr_put(struct buf *b, const char *name, struct str value)
{
    buf_z(b, name);
    buf_z(b, ": ");
    size_t column = strlen(name) + 2;
    while (value.n > 0 && is_gap(value.p[0]))
        value = str_sub(value, 1, value.n);
    while (value.n > 0 && is_gap(value.p[value.n - 1]))
        value.n--;
    for (bool bare = true; value.n > 0; bare = false) { /* bare: nothing of the value on the line */
        size_t blanks, n = next_piece(value, &blanks);
        /* A long gap is kept short: a line of blanks alone would be an obsolete fold. */
        size_t drop = blanks > LINE_FOLD ? blanks - 1 : 0;
        value = str_sub(value, drop, value.n);
        n -= drop;
        if (!bare && column + n > LINE_FOLD) {
            buf_z(b, blanks > 0 ? "\r\n" : "\r\n ");
            column = blanks > 0 ? 0 : 1;
        }
        put_value_bytes(b, str_sub(value, 0, n));
        column += n;
        value = str_sub(value, n, value.n);
    }
    buf_crlf(b);
}

/* --- addresses --- */

/* What opened and never closed is an ordinary character from then on; this keeps the scan linear.
 */
struct scan {
    bool no_quote, no_comment, no_angle, no_literal;
};

/* Length of the quoted string at the start of s, 0 when it does not end. */
static size_t quoted_at(struct str s)
{
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] == '\\')
            i++;
        else if (s.p[i] == '"')
            return i + 1;
    }
    return 0;
}

static size_t comment_at(struct str s)
{
    size_t depth = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\')
            i++;
        else if (s.p[i] == '(')
            depth++;
        else if (s.p[i] == ')' && --depth == 0)
            return i + 1;
    }
    return 0;
}

static size_t literal_at(struct str s)
{
    ptrdiff_t end = str_find(s, ']');
    return end > 0 ? (size_t)end + 1 : 0;
}

static size_t angle_at(struct str s)
{
    bool no_quote = false;
    for (size_t i = 1; i < s.n; i++) {
        size_t n = s.p[i] == '"' && !no_quote ? quoted_at(str_sub(s, i, s.n)) : 0;
        no_quote = no_quote || (s.p[i] == '"' && n == 0);
        if (n > 0)
            i += n - 1;
        else if (s.p[i] == '>')
            return i + 1;
    }
    return 0;
}

static size_t element_length(size_t (*measure_it)(struct str), bool *never, struct str s)
{
    size_t n = *never ? 0 : measure_it(s);
    *never = n == 0;
    return n > 0 ? n : 1;
}

/* Length of the element at the start of s that hides separators; 1 for anything else. */
static size_t element(struct scan *k, struct str s)
{
    struct word word;
    size_t n;
    switch (s.p[0]) {
    case '"':
        return element_length(quoted_at, &k->no_quote, s);
    case '(':
        return element_length(comment_at, &k->no_comment, s);
    case '<':
        return element_length(angle_at, &k->no_angle, s);
    case '[':
        return element_length(literal_at, &k->no_literal, s);
    case '=':
        n = word_at(s, &word);
        return n > 0 ? n : 1;
    default:
        return 1;
    }
}

static void put_unquoted(struct buf *b, struct str quoted)
{
    for (size_t q = 1; q + 1 < quoted.n; q++) {
        q += quoted.p[q] == '\\' && q + 2 < quoted.n;
        buf_u8(b, (uint8_t)quoted.p[q]);
    }
}

static bool is_special(char c)
{
    return strchr("()<>[]:;@\\,\" ", c) != NULL; /* NUL too */
}

/* Can the local part stand without quotes (RFC 5322 3.2.3, dot-atom)? */
static bool is_dot_atom(struct str s)
{
    if (s.n == 0 || s.p[0] == '.' || s.p[s.n - 1] == '.')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (is_special(s.p[i]) || (s.p[i] == '.' && s.p[i - 1] == '.'))
            return false;
    return true;
}

static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (is_control(s.p[i]))
            return true;
    return false;
}

/* Taking an addr-spec apart: what is gathered, and what stood before the blank or comment. */
struct spec {
    struct buf text;
    size_t at; /* where the last bare @ stands in text, SIZE_MAX none */
    bool gap;
    char before;
};

/* Atoms side by side ("no address here") are no address; blanks around dots and @ are obsolete
 * form. */
static bool spec_take(struct spec *p, struct str piece)
{
    char c = piece.p[0];
    if (is_blank(c) || c == '\r' || c == '\n' || (c == '(' && piece.n > 1)) {
        p->gap = true;
        return true;
    }
    bool joint = c == '.' || c == '@' || p->before == '.' || p->before == '@';
    if (p->gap && !joint)
        return false;
    if (c == '@')
        p->at = p->text.n;
    if (c == '"' && piece.n > 1)
        put_unquoted(&p->text, piece);
    else
        buf_str(&p->text, piece);
    p->gap = false;
    p->before = c;
    return true;
}

/* local@domain with comments, blanks and quotes undone. */
static bool read_spec(struct arena *a, struct str s, struct hdr_addr *out)
{
    struct scan k = {0};
    struct spec p = {.at = SIZE_MAX, .before = '.'};
    buf_init(&p.text, HDR_BYTES_MAX);
    bool good = true;
    while (s.n > 0 && good) {
        size_t n = element(&k, s);
        good = spec_take(&p, str_sub(s, 0, n));
        s = str_sub(s, n, s.n);
    }
    struct str all = finish(a, &p.text);
    bool bare = p.at == SIZE_MAX;
    out->local = bare ? all : str_sub(all, 0, p.at);
    out->domain = bare ? STR("") : str_sub(all, p.at + 1, all.n);
    return good && out->local.n > 0 && (bare || out->domain.n > 0);
}

/* RFC 5322 4.4: "@one,@two:user@host"; the route is history. */
static struct str drop_route(struct str s)
{
    s = str_trim(s);
    ptrdiff_t colon = s.n > 0 && s.p[0] == '@' ? str_find(s, ':') : -1;
    return colon >= 0 ? str_sub(s, (size_t)colon + 1, s.n) : s;
}

/* A phrase without its quotes and comments, words decoded. *comment: the last comment in it. */
static struct str read_phrase(struct arena *a, struct str s, struct str *comment)
{
    struct scan k = {0};
    struct buf b;
    buf_init(&b, HDR_BYTES_MAX);
    while (s.n > 0) {
        size_t n = element(&k, s);
        if (s.p[0] == '(' && n > 1)
            *comment = str_sub(s, 1, n - 2);
        else if (s.p[0] == '"' && n > 1)
            put_unquoted(&b, str_sub(s, 0, n));
        else
            buf_str(&b, str_sub(s, 0, n));
        s = str_sub(s, n, s.n);
    }
    return str_trim(hdr_decode(a, finish(a, &b)));
}

static bool good_domain(struct str s)
{
    if (s.n > 0 && s.p[0] == '[')
        return s.n > 2 && str_find(s, ']') == (ptrdiff_t)s.n - 1;
    for (size_t i = 0; i < s.n; i++)
        if (is_special(s.p[i]))
            return false;
    return true;
}

static struct str write_spec(struct arena *a, const struct hdr_addr *x)
{
    struct buf b;
    buf_init(&b, HDR_BYTES_MAX);
    if (is_dot_atom(x->local))
        buf_str(&b, x->local);
    else
        put_quoted(&b, x->local);
    if (x->domain.n > 0) {
        buf_u8(&b, '@');
        buf_str(&b, x->domain);
    }
    return finish(a, &b);
}

/* One element of the list; angle: where its <...> begins, SIZE_MAX none. */
static bool read_addr(struct arena *a, struct str s, size_t angle, struct hdr_addr *out)
{
    struct str comment = STR(""), spec = s;
    *out = (struct hdr_addr){.name = STR("")};
    if (angle != SIZE_MAX) {
        struct str from = str_sub(s, angle, s.n);
        size_t n = angle_at(from);
        spec = str_sub(from, 1, n > 0 ? n - 2 : from.n);
        out->name = read_phrase(a, str_sub(s, 0, angle), &comment);
    } else {
        (void)read_phrase(a, s, &comment);
    }
    if (out->name.n == 0)
        out->name = str_trim(hdr_decode(a, comment)); /* user@host (Name), RFC 822's old habit */
    if (!read_spec(a, drop_route(spec), out) || has_control(out->local) ||
        has_control(out->domain) || !good_domain(out->domain) || !text_is_utf8(out->local) ||
        !text_is_utf8(out->domain))
        return false;
    out->mailbox = write_spec(a, out);
    return true;
}

size_t hdr_addrs(struct arena *a, struct str value, struct hdr_addr *out, size_t max)
{
    struct scan k = {0};
    size_t stored = 0, start = 0, angle = SIZE_MAX;
    for (size_t i = 0; i <= value.n && stored < max;) {
        char c = i < value.n ? value.p[i] : ',';
        if (c == ',' || c == ';') {
            struct str piece = str_sub(value, start, i - start);
            if (str_trim(piece).n > 0 &&
                read_addr(a, piece, angle == SIZE_MAX ? angle : angle - start, &out[stored]))
                stored++;
            start = ++i;
            angle = SIZE_MAX;
        } else if (c == ':' && angle == SIZE_MAX) {
            start = ++i; /* a group's name */
        } else {
            size_t n = element(&k, str_sub(value, i, value.n));
            if (c == '<' && angle == SIZE_MAX)
                angle = i;
            i += n;
        }
    }
    return arena_full(a) ? 0 : stored;
}

struct str hdr_message_id(struct str mail)
{
    struct str line;
    while (str_line(&mail, &line) && line.n > 0) {
        if (!str_starts_nocase(line, "Message-ID:"))
            continue;
        struct str value = str_trim(str_sub(line, 11, line.n));
        if (value.n == 0 && str_line(&mail, &line) && line.n > 0 &&
            (*line.p == ' ' || *line.p == '\t'))
            value = str_trim(line);
        return str_word(&value);
    }
    return STR("");
}
