/* gateway/mail/links.c -- the numbered link targets of a page. */
#include "gateway/mail/links.h"

#include <string.h>

bool links_wants(struct str href)
{
    static const char *const known[] = {
        "http:", "https:", "ftp:", "mailto:", "news:", "//", "www."};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_starts_nocase(href, known[i]))
            return href.n > strlen(known[i]);
    return false;
}

/* The address as people write it: no scheme, no slash at the end. */
static struct str bare_address(struct str s)
{
    static const char *const schemes[] = {"mailto:", "https://", "http://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (str_starts_nocase(s, schemes[i])) {
            ptrdiff_t query = i == 0 ? str_find(s, '?') : -1;
            s = str_sub(s, 0, query >= 0 ? (size_t)query : s.n);
            s = str_sub(s, strlen(schemes[i]), s.n);
            break;
        }
    while (s.n > 0 && s.p[s.n - 1] == '/')
        s.n--;
    return s;
}

bool links_same(struct str text, struct str href)
{
    return str_eq_nocase(bare_address(text), bare_address(href));
}

size_t links_number(struct links *l, struct str href)
{
    for (size_t i = 0; i < l->n; i++)
        if (str_eq(l->link[i], href))
            return i + 1;
    if (l->n == LINKS_MAX)
        return 0;
    l->link[l->n++] = arena_str(l->a, href);
    return l->n;
}

void links_put(const struct links *l, struct fill *f)
{
    if (l->n == 0)
        return;
    fill_blank(f);
    fill_lines(f, STR("Links:"));
    for (size_t i = 0; i < l->n; i++) {
        struct buf line;
        buf_init(&line, l->link[i].n + 64);
        buf_printf(&line, " [%zu] ", i + 1);
        for (size_t n = 0; n < l->link[i].n;
             n++) /* folded in the page's source, or meant to forge */
            if ((unsigned char)l->link[i].p[n] > ' ' && l->link[i].p[n] != 0x7f)
                buf_u8(&line, (uint8_t)l->link[i].p[n]);
        fill_lines(f, buf_text(&line));
        buf_done(&line);
    }
}
