/* gateway/mail/tags.c -- HTML as bytes, before or instead of its parser. */
#include "gateway/mail/tags.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define VALUE_MAX 2048u /* of an attribute; pictures in the text are longer */
#define NAME_BYTES 20u  /* of a tag */
#define HEAD_SCAN 2048u /* bytes in which a page names its charset */

/* The attributes that anything here looks at. */
static const char *const kept[] = {"alt",   "border",   "class", "colspan", "height",   "hidden",
                                   "href",  "reversed", "role",  "rowspan", "selected", "start",
                                   "style", "type",     "value", "width"};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_gap(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* What an attribute's character must be written as, NULL when as it is. */
static const char *escape(char c)
{
    switch (c) {
    case '"':
        return "&quot;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    default:
        return (unsigned char)c < ' ' ? " " : NULL;
    }
}

static void put_escaped(struct buf *out, struct str value)
{
    size_t from = 0; /* of what is copied whole */
    for (size_t i = 0; i < value.n; i++) {
        const char *other = escape(value.p[i]);
        if (other == NULL)
            continue;
        buf_str(out, str_sub(value, from, i - from));
        buf_z(out, other);
        from = i + 1;
    }
    buf_str(out, str_sub(value, from, value.n));
}

/* Without case, the first letter first: names are looked up in lists, and most differ there. */
static bool is_name(struct str s, const char *lower)
{
    return s.n > 0 && (s.p[0] | 0x20) == lower[0] && str_is(s, lower);
}

/* Take a run of characters off *s that are neither gaps nor in `stop`, which has no letters. */
static struct str take_run(struct str *s, const char *stop)
{
    size_t n = 0;
    while (n < s->n && (is_letter(s->p[n]) || (!is_gap(s->p[n]) && strchr(stop, s->p[n]) == NULL)))
        n++;
    struct str run = str_sub(*s, 0, n);
    *s = str_sub(*s, n, s->n);
    return run;
}

static void skip_gaps(struct str *s)
{
    while (s->n > 0 && is_gap(s->p[0]))
        *s = str_sub(*s, 1, s->n);
}

/* The value behind an '='; a quote that never closes is part of an unquoted value. */
static struct str take_value(struct str *s)
{
    skip_gaps(s);
    char quote = s->n > 0 ? s->p[0] : '\0';
    struct str rest = str_sub(*s, 1, s->n);
    ptrdiff_t end = quote == '"' || quote == '\'' ? str_find(rest, quote) : -1;
    if (end < 0)
        return take_run(s, ">");
    *s = str_sub(rest, (size_t)end + 1, rest.n);
    return str_sub(rest, 0, (size_t)end);
}

/* Copy one attribute when it is of use and new to its tag. */
static void copy_attribute(struct buf *out, struct str *s, uint32_t *seen)
{
    struct str first = str_sub(*s, 0, 1); /* an '=' may begin a name, it cannot be a name's end */
    *s = str_sub(*s, 1, s->n);
    struct str tail = take_run(s, "/>="), name = {first.p, first.n + tail.n}, value = STR("");
    skip_gaps(s);
    if (s->n > 0 && s->p[0] == '=') {
        *s = str_sub(*s, 1, s->n);
        value = take_value(s);
    }
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (is_name(name, kept[i]) && (*seen & 1u << i) == 0 && value.n <= VALUE_MAX) {
            *seen |= 1u << i;
            buf_z(out, " ");
            buf_z(out, kept[i]);
            buf_z(out, "=\"");
            put_escaped(out, value);
            buf_z(out, "\"");
        }
}

/* From the end tag of script or style on. */
static struct str from_end_tag(struct str s, const char *end_tag)
{
    while (s.n > 0 && !str_starts_nocase(s, end_tag)) {
        ptrdiff_t open = str_find(str_sub(s, 1, s.n), '<');
        s = open < 0 ? str_sub(s, s.n, 0) : str_sub(s, (size_t)open + 1, s.n);
    }
    return s;
}

/* Copy the start or end tag that s begins with; answers what follows. A tag that does not end is
 * dropped, and with a script or style goes its text. */
static struct str copy_tag(struct buf *out, struct str s)
{
    size_t undo = out->n;
    uint32_t seen = 0;
    bool closing = s.p[1] == '/';
    s = str_sub(s, closing ? 2 : 1, s.n);
    struct str name = str_sub(take_run(&s, "/>"), 0, NAME_BYTES);
    char spelled[NAME_BYTES]; /* the parser would drop the prefix of Office's empty <o:p> */
    for (size_t i = 0; i < name.n; i++)
        spelled[i] = name.p[i] == ':' ? '-' : name.p[i];
    buf_z(out, closing ? "</" : "<");
    buf_add(out, spelled, name.n);
    for (;;) {
        while (s.n > 0 && (is_gap(s.p[0]) || s.p[0] == '/'))
            s = str_sub(s, 1, s.n);
        if (s.n == 0) {
            buf_trim(out, undo);
            return s;
        }
        if (s.p[0] == '>')
            break;
        copy_attribute(out, &s, &seen);
    }
    buf_z(out, ">");
    s = str_sub(s, 1, s.n);
    if (!closing && str_is(name, "script"))
        return from_end_tag(s, "</script");
    return !closing && str_is(name, "style") ? from_end_tag(s, "</style") : s;
}

/* Past a comment, declaration or processing instruction. */
static struct str after_comment(struct str s)
{
    bool comment = s.n > 3 && memcmp(s.p, "<!--", 4) == 0;
    const char *end = comment ? memmem(s.p + 4, s.n - 4, "-->", 3) : memchr(s.p, '>', s.n);
    size_t n = end != NULL ? (size_t)(end - s.p) + (comment ? 3 : 1) : s.n;
    return str_sub(s, n, s.n);
}

void tags_clean(struct buf *out, struct str s)
{
    while (s.n > 0) {
        ptrdiff_t open = str_find(s, '<');
        buf_str(out, str_sub(s, 0, open < 0 ? s.n : (size_t)open));
        if (open < 0)
            return;
        s = str_sub(s, (size_t)open, s.n);
        char next = s.n > 1 ? s.p[1] : ' ';
        if (is_letter(next) || (next == '/' && s.n > 2 && is_letter(s.p[2]))) {
            s = copy_tag(out, s);
        } else if (next == '!' || next == '?' || next == '/') {
            s = after_comment(s);
        } else {
            buf_z(out, "&lt;");
            s = str_sub(s, 1, s.n);
        }
    }
}

/* The name of a start or end tag, "" when nothing ends it. */
static struct str name_of(struct str tag)
{
    size_t n = 0;
    tag = str_sub(tag, tag.n > 1 && tag.p[1] == '/' ? 2 : 1, tag.n);
    while (n < tag.n && (is_letter(tag.p[n]) || strchr(" \t\r\n/>", tag.p[n]) == NULL))
        n++;
    return n < tag.n ? str_sub(tag, 0, n) : STR("");
}

/* The character that a reference ("amp", "#160", "#xA0") stands for, 0 when it is none we know. */
static uint32_t reference(const char *name)
{
    static const struct {
        const char *name;
        uint32_t rune;
    } known[] = {{"amp", '&'},     {"lt", '<'},       {"gt", '>'},       {"quot", '"'},
                 {"apos", '\''},   {"nbsp", 0xa0},    {"copy", 0xa9},    {"auml", 0xe4},
                 {"ouml", 0xf6},   {"uuml", 0xfc},    {"Auml", 0xc4},    {"Ouml", 0xd6},
                 {"Uuml", 0xdc},   {"szlig", 0xdf},   {"eacute", 0xe9},  {"egrave", 0xe8},
                 {"euro", 0x20ac}, {"ndash", 0x2013}, {"mdash", 0x2014}, {"hellip", 0x2026}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i].name) == 0)
            return known[i].rune;
    bool hex = name[0] == '#' && (name[1] | 0x20) == 'x';
    unsigned long r = name[0] == '#' ? strtoul(name + (hex ? 2 : 1), NULL, hex ? 16 : 10) : 0;
    return r <= 0x10ffff && (r < 0xd800 || r > 0xdfff) ? (uint32_t)r : 0;
}

/* Text with its character references undone. */
static void strip_text(struct fill *f, struct str s)
{
    while (s.n > 0) {
        ptrdiff_t amp = str_find(s, '&');
        fill_text(f, str_sub(s, 0, amp < 0 ? s.n : (size_t)amp));
        if (amp < 0)
            return;
        s = str_sub(s, (size_t)amp, s.n);
        ptrdiff_t end = str_find(str_sub(s, 0, 12), ';');
        char name[16];
        str_copy(name, sizeof name, str_sub(s, 1, end > 0 ? (size_t)end - 1 : 0));
        uint32_t r = reference(name);
        struct buf b;
        buf_init(&b, 8);
        text_put_rune(&b, r > 0 ? r : '&');
        fill_text(f, buf_text(&b));
        s = str_sub(s, r > 0 ? (size_t)end + 1 : 1, s.n);
        buf_done(&b);
    }
}

void tags_strip(struct fill *f, struct str s)
{
    static const char *const blocks[] = {"p",  "div", "tr", "li", "table", "h1", "h2",
                                         "h3", "h4",  "h5", "h6", "ul",    "ol", "blockquote"};
    while (s.n > 0) {
        ptrdiff_t open = str_find(s, '<');
        strip_text(f, str_sub(s, 0, open < 0 ? s.n : (size_t)open));
        if (open < 0)
            return;
        s = str_sub(s, (size_t)open, s.n);
        ptrdiff_t end = str_find(s, '>'); /* quoted ones were escaped */
        struct str tag = str_sub(s, 0, end < 0 ? s.n : (size_t)end + 1);
        s = str_sub(s, tag.n, s.n);
        struct str name = name_of(tag);
        if (is_name(name, "br"))
            fill_break(f);
        for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
            if (is_name(name, blocks[i]))
                fill_flush(f);
    }
}

/* The charset a page claims for itself in its first bytes; "" none. */
static struct str claimed_charset(struct str html)
{
    struct str head = str_sub(html, 0, HEAD_SCAN);
    if (str_starts_nocase(head, "\xef\xbb\xbf"))
        return STR("utf-8");
    if (head.n > 1 && memcmp(head.p, "\xff\xfe", 2) == 0)
        return STR("utf-16le");
    if (head.n > 1 && memcmp(head.p, "\xfe\xff", 2) == 0)
        return STR("utf-16be");
    for (size_t i = 0; i < head.n; i++) {
        struct str rest = str_sub(head, i, head.n);
        if (!str_starts_nocase(rest, "charset"))
            continue;
        size_t at = strlen("charset");
        while (at < rest.n && strchr("= \"'", rest.p[at]) != NULL && rest.p[at] != '\0')
            at++;
        size_t n = 0;
        while (at + n < rest.n && strchr(" \"'/>;", rest.p[at + n]) == NULL)
            n++;
        struct str name = str_sub(rest, at, n);
        /* A page read so far as ASCII cannot be UTF-16, whatever its <meta> says. */
        return str_starts_nocase(name, "utf-16") ? STR("") : name;
    }
    return STR("");
}

void tags_convert(struct buf *utf8, struct str html, const char *charset)
{
    struct why ignored;
    char label[64];
    str_copy(label, sizeof label, charset != NULL ? str_of(charset) : claimed_charset(html));
    if (label[0] == '\0' || text_to_utf8(utf8, label, cur_of_str(html), NULL, &ignored) != OK) {
        buf_reset(utf8);
        if (text_to_utf8(utf8, "us-ascii", cur_of_str(html), NULL, &ignored) != OK)
            buf_reset(utf8);
    }
    const uint8_t *nul = utf8->n > 0 ? memchr(utf8->p, '\0', utf8->n) : NULL;
    size_t n = nul != NULL ? (size_t)(nul - utf8->p) : utf8->n;
    for (size_t i = n; i < utf8->n; i++)
        if (utf8->p[i] != '\0')
            utf8->p[n++] = utf8->p[i];
    buf_trim(utf8, n);
}
