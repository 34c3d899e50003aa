/* gateway/mail/flowed.c -- format=flowed (RFC 3676 4). */
#include "gateway/mail/flowed.h"

static size_t quote_depth(struct str line)
{
    size_t n = 0;
    while (n < line.n && line.p[n] == '>')
        n++;
    return n;
}

static void put_quote(struct buf *b, size_t depth)
{
    for (size_t i = 0; i < depth; i++)
        buf_u8(b, '>');
    if (depth > 0)
        buf_u8(b, ' ');
}

void flowed_join(struct buf *b, struct str text, bool delsp)
{
    struct str line;
    bool open = false; /* a paragraph waits for its next line */
    size_t depth = 0;
    while (str_line(&text, &line)) {
        size_t level = quote_depth(line);
        line = str_sub(line, level, line.n);
        if (line.n > 0 && line.p[0] == ' ')
            line = str_sub(line, 1, line.n); /* stuffed, RFC 3676 4.4 */
        bool signature = str_eq(line, STR("-- "));
        bool flows = line.n > 0 && line.p[line.n - 1] == ' ' && !signature;
        /* RFC 3676 4.5: a change of depth, or the signature, ends a paragraph that wants to go on.
         */
        if (open && (level != depth || signature)) {
            buf_u8(b, '\n');
            open = false;
        }
        if (!open)
            put_quote(b, level);
        depth = level;
        buf_str(b, flows && delsp ? str_sub(line, 0, line.n - 1) : line);
        open = flows;
        if (!flows)
            buf_u8(b, '\n');
    }
    if (open)
        buf_u8(b, '\n');
}
