/* gateway/mail/markup.c -- tags and texts. */
#include "gateway/mail/markup.h"

#include <string.h>

/* --- names --- */

static const struct element {
    const char *name;
    size_t n;
    unsigned flags;
} elements[TAG_COUNT] = {
    [TAG_other] = {"", 0, INLINE},
#define ELEMENT(name, walk, flags) [TAG_##name] = {#name, sizeof #name - 1, flags},
#include "gateway/mail/element.def"
#undef ELEMENT
};

/* Where the names of a first letter begin. */
static const uint8_t first_of['z' - 'a' + 1] = {
    ['a' - 'a'] = TAG_a,        ['b' - 'a'] = TAG_b,      ['c' - 'a'] = TAG_canvas,
    ['d' - 'a'] = TAG_datalist, ['e' - 'a'] = TAG_embed,  ['f' - 'a'] = TAG_fieldset,
    ['h' - 'a'] = TAG_h1,       ['i' - 'a'] = TAG_iframe, ['l' - 'a'] = TAG_legend,
    ['m' - 'a'] = TAG_main,     ['n' - 'a'] = TAG_nav,    ['o' - 'a'] = TAG_object,
    ['p' - 'a'] = TAG_p,        ['q' - 'a'] = TAG_q,      ['s' - 'a'] = TAG_script,
    ['t' - 'a'] = TAG_table,    ['u' - 'a'] = TAG_ul,     ['v' - 'a'] = TAG_video,
    ['w' - 'a'] = TAG_wbr,      ['x' - 'a'] = TAG_xmp};

static const char *const attributes[AT_COUNT] = {
#define ATTRIBUTE(name) #name,
#include "gateway/mail/attribute.def"
#undef ATTRIBUTE
};

unsigned markup_flags(enum tag tag)
{
    return elements[tag].flags;
}

static bool is_letter(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* Kinds of bytes at which names and values end. */
enum { GAP = 1, SLASH = 2, EQUALS = 4, CLOSE = 8 };
static const uint8_t kind_of[256] = {
    ['\t'] = GAP, ['\n'] = GAP,  ['\v'] = GAP,   ['\f'] = GAP, ['\r'] = GAP,
    [' '] = GAP,  ['/'] = SLASH, ['='] = EQUALS, ['>'] = CLOSE};

static unsigned kind(const struct str *s, size_t at)
{
    return kind_of[(unsigned char)s->p[at]];
}

/* Without case; the lengths are the same. Digits have the bit of small letters set as it is. */
static bool same(const char *s, const char *lower, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((s[i] | 0x20) != lower[i])
            return false;
    return true;
}

static enum tag tag_of(struct str name)
{
    char c = (char)(name.p[0] | 0x20);
    unsigned tag = first_of[c - 'a'];
    for (; tag != TAG_other && tag < TAG_COUNT && elements[tag].name[0] == c; tag++)
        if (elements[tag].n == name.n && same(name.p, elements[tag].name, name.n))
            return (enum tag)tag;
    return TAG_other;
}

/* --- tags --- */

static void skip(struct str *s, size_t n)
{
    *s = (struct str){s->p + n, s->n - n};
}

/* Take a run of characters that are of none of the kinds off *s. */
static struct str take_run(struct str *s, unsigned stop)
{
    size_t n = 0;
    while (n < s->n && (kind(s, n) & stop) == 0)
        n++;
    struct str run = {s->p, n};
    skip(s, n);
    return run;
}

static void skip_gaps(struct str *s)
{
    while (s->n > 0 && kind(s, 0) == GAP)
        skip(s, 1);
}

/* The value behind an '='; a quote that never closes is part of an unquoted value. */
static struct str take_value(struct str *s)
{
    skip_gaps(s);
    char quote = s->n > 0 ? s->p[0] : '\0';
    const char *end = quote == '"' || quote == '\'' ? memchr(s->p + 1, quote, s->n - 1) : NULL;
    if (end == NULL)
        return take_run(s, GAP | CLOSE);
    struct str value = {s->p + 1, (size_t)(end - s->p) - 1};
    skip(s, value.n + 2);
    return value;
}

/* Take one attribute, and keep it when it is of use and new to its tag. */
static void take_attribute(struct token *t, struct str *s, uint32_t *seen)
{
    struct str from = *s, value = STR("");
    skip(s, 1); /* an '=' may begin a name, it cannot be a name's end */
    struct str name = {from.p, take_run(s, GAP | SLASH | CLOSE | EQUALS).n + 1};
    skip_gaps(s);
    if (s->n > 0 && s->p[0] == '=') {
        skip(s, 1);
        value = take_value(s);
    }
    char c = (char)(name.p[0] | 0x20);
    for (unsigned i = 0; i < AT_COUNT; i++)
        if (c == attributes[i][0] && (*seen & 1u << i) == 0 && value.n <= MARKUP_VALUE_MAX &&
            name.n == strlen(attributes[i]) && same(name.p, attributes[i], name.n)) {
            *seen |= 1u << i;
            t->attr[t->n++] = (struct attr){(enum attribute)i, value};
            return;
        }
}

/* The start or end tag that the rest begins with; false: it does not end before the page does. */
static bool take_tag(struct markup *m, struct token *t)
{
    struct str *s = &m->rest;
    uint32_t seen = 0;
    t->kind = s->p[1] == '/' ? TOKEN_END : TOKEN_START;
    t->closed = false;
    t->n = 0;
    skip(s, t->kind == TOKEN_END ? 2 : 1);
    t->text = take_run(s, GAP | SLASH | CLOSE);
    t->tag = tag_of(t->text);
    for (;;) {
        while (s->n > 0 && (kind(s, 0) & (GAP | SLASH)) != 0) {
            t->closed = s->p[0] == '/';
            skip(s, 1);
        }
        if (s->n == 0)
            return false;
        if (s->p[0] == '>')
            break;
        take_attribute(t, s, &seen);
    }
    skip(s, 1);
    if (t->kind == TOKEN_START && (markup_flags(t->tag) & RAW) != 0)
        m->within = t->tag;
    return true;
}

/* Past a comment, declaration or processing instruction. */
static void skip_comment(struct str *s)
{
    bool comment = s->n > 3 && memcmp(s->p, "<!--", 4) == 0;
    const char *end = comment ? memmem(s->p + 2, s->n - 2, "-->", 3) : memchr(s->p, '>', s->n);
    skip(s, end != NULL ? (size_t)(end - s->p) + (comment ? 3 : 1) : s->n);
}

/* --- texts --- */

/* How much of s, which is longer than may be, comes now: up to a blank, or a whole character. */
static size_t first_piece(struct str s)
{
    size_t n = MARKUP_TEXT_MAX;
    const char *blank = memrchr(s.p + n - 4096, ' ', 4096);
    if (blank != NULL)
        return (size_t)(blank - s.p);
    while (((unsigned char)s.p[n] & 0xc0) == 0x80 && n > MARKUP_TEXT_MAX - 3)
        n--;
    return n;
}

static void take_text(struct markup *m, struct token *t, size_t n)
{
    t->kind = TOKEN_TEXT;
    t->text = (struct str){m->rest.p, n};
    if (n > MARKUP_TEXT_MAX)
        t->text.n = first_piece(t->text);
    skip(&m->rest, t->text.n);
}

/* Where the end tag of the element is; at the end of the page when it has none. */
static size_t find_end_tag(const struct markup *m, enum tag tag)
{
    const struct element *e = &elements[tag];
    struct str s = m->rest;
    while (s.n > e->n + 2) {
        if (s.p[0] == '<' && s.p[1] == '/' && same(s.p + 2, e->name, e->n) &&
            !is_letter(s.p[2 + e->n]))
            return m->rest.n - s.n;
        const char *next = memchr(s.p + 1, '<', s.n - 1);
        skip(&s, next != NULL ? (size_t)(next - s.p) : s.n);
    }
    return m->rest.n;
}

/* The text of an element that only its end tag ends: nothing that anybody reads, but in a textarea.
 * A script without end tag is all that follows; a title without one has no text. */
static bool take_raw(struct markup *m, struct token *t)
{
    enum tag tag = m->within;
    m->within = TAG_other;
    size_t n = m->endless[tag] ? m->rest.n : find_end_tag(m, tag);
    m->endless[tag] = n == m->rest.n;
    if (m->endless[tag] && tag != TAG_script && tag != TAG_style)
        n = 0;
    if (tag == TAG_textarea && n > 0)
        take_text(m, t, n);
    else
        skip(&m->rest, n);
    return tag == TAG_textarea && n > 0;
}

/* How many bytes from the start of s are text: '<' alone is, too. */
static size_t text_length(struct str s)
{
    size_t from = 0;
    while (from < s.n) {
        const char *open = memchr(s.p + from, '<', s.n - from);
        if (open == NULL)
            break;
        size_t at = (size_t)(open - s.p);
        char next = at + 1 < s.n ? open[1] : ' ';
        if (is_letter(next) || next == '!' || next == '?' || next == '/')
            return at;
        from = at + 1;
    }
    return s.n;
}

void markup_begin(struct markup *m, struct str utf8)
{
    *m = (struct markup){.rest = utf8};
}

bool markup_next(struct markup *m, struct token *t)
{
    if (m->within != TAG_other && take_raw(m, t))
        return true;
    while (m->rest.n > 0) {
        size_t n = text_length(m->rest);
        if (n > 0) {
            take_text(m, t, n);
            return true;
        }
        char next = m->rest.p[1], third = m->rest.n > 2 ? m->rest.p[2] : ' ';
        if (is_letter(next) || (next == '/' && is_letter(third)))
            return take_tag(m, t);
        skip_comment(&m->rest);
    }
    return false;
}
