/* gateway/mail/tags.c -- HTML as bytes, before or instead of its parser. */
#include "gateway/mail/tags.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define ATTRIBUTES_MAX 300u /* of one tag */
#define PREFIX_MAX 8u       /* letters before a colon in a tag's name */
#define HEAD_SCAN 2048u     /* bytes in which a page names its charset */

/* Length of the tag or comment at the start of s (a '<'), 0 when it does not end; words: of the
 * tag, outside quotes. */
static size_t tag_length(struct str s, unsigned *words)
{
    char quote = '\0';
    *words = 0;
    if (s.n > 3 && memcmp(s.p, "<!--", 4) == 0) {
        const char *end = memmem(s.p + 4, s.n - 4, "-->", 3);
        return end != NULL ? (size_t)(end - s.p) + 3 : 0;
    }
    for (size_t i = 1; i < s.n; i++) {
        char c = s.p[i];
        if (quote != '\0')
            quote = c == quote ? '\0' : quote;
        else if (c == '>')
            return i + 1;
        else if (c == '"' || c == '\'')
            quote = c;
        else
            *words += (unsigned char)c <= ' ' || c == '/';
    }
    return 0;
}

/* The parser compares each attribute of a tag with each: a page could buy hours with one tag. */
bool tags_tame(struct str html)
{
    if (html.n > TAGS_PAGE_MAX)
        return false;
    for (size_t i = 0; i < html.n; i++) {
        unsigned words = 0;
        if (html.p[i] != '<')
            continue;
        size_t n = tag_length(str_sub(html, i, html.n), &words);
        if (words > ATTRIBUTES_MAX)
            return false;
        if (n == 0)
            break;
        i += n - 1;
    }
    return true;
}

static bool is_tag(struct str tag, const char *name)
{
    size_t n = strlen(name);
    tag = str_sub(tag, tag.n > 1 && tag.p[1] == '/' ? 2 : 1, tag.n);
    return str_starts_nocase(tag, name) && tag.n > n && strchr(" \t\r\n/>", tag.p[n]) != NULL;
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

/* Past the end tag of script or style. */
static size_t skip_element(struct str s, const char *end_tag)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '<' && str_starts_nocase(str_sub(s, i, s.n), end_tag))
            return i;
    return s.n;
}

/* Tags away, lines where blocks were: for pages too large or too strange to be parsed. */
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
        unsigned words;
        size_t n = tag_length(s, &words);
        if (n == 0)
            return;
        struct str tag = str_sub(s, 0, n);
        s = str_sub(s, n, s.n);
        if (is_tag(tag, "br"))
            fill_break(f);
        for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
            if (is_tag(tag, blocks[i]))
                fill_flush(f);
        if (tag.p[1] == '/')
            continue;
        if (is_tag(tag, "script"))
            s = str_sub(s, skip_element(s, "</script"), s.n);
        else if (is_tag(tag, "style"))
            s = str_sub(s, skip_element(s, "</style"), s.n);
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

/* The parser drops prefixes: Office's empty <o:p> would be a paragraph. <o-p> is nothing to it. */
static void hide_prefixes(struct buf *page)
{
    for (size_t i = 0; i < page->n; i++) {
        if (page->p[i] != '<')
            continue;
        size_t at = i + 1 + (i + 1 < page->n && page->p[i + 1] == '/');
        size_t end = at;
        while (end < page->n && end - at < PREFIX_MAX && (page->p[end] | 0x20) >= 'a' &&
               (page->p[end] | 0x20) <= 'z')
            end++;
        if (end > at && end < page->n && page->p[end] == ':')
            page->p[end] = '-';
    }
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
    size_t n = 0;
    for (size_t i = 0; i < utf8->n; i++)
        if (utf8->p[i] != '\0')
            utf8->p[n++] = utf8->p[i];
    buf_trim(utf8, n);
    hide_prefixes(utf8);
}
