/* gateway/mail/fill.c -- filling paragraphs. */
#include "gateway/mail/fill.h"

#include "base/text.h"

#define PARA_MAX ((size_t)64 << 20)
#define MARGIN_MAX 1024u

void fill_init(struct fill *f, struct buf *out, unsigned width)
{
    *f = (struct fill){.out = out, .width = width};
    buf_init(&f->para, PARA_MAX);
    buf_init(&f->margin, MARGIN_MAX);
    buf_init(&f->marker, MARGIN_MAX);
}

void fill_done(struct fill *f)
{
    fill_flush(f);
    f->out->over = f->out->over || f->para.over;
    buf_done(&f->para);
    buf_done(&f->margin);
    buf_done(&f->marker);
}

unsigned fill_room(const struct fill *f)
{
    return f->width > f->margin.n ? f->width - (unsigned)f->margin.n : 1;
}

/* --- one line --- */

/* How many bytes at the start are visible ASCII: a column each, never wide. Most text is. */
static size_t letters(struct str s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] > ' ' && s.p[n] < 0x7f)
        n++;
    return n;
}

/* Margin, marker, text. Margins are ASCII, so their bytes are columns. */
static void put_line(struct fill *f, struct str line)
{
    struct str margin = buf_text(&f->margin);
    line = str_trim_right(line);
    if (f->blank && f->lines > 0) {
        buf_str(f->out, str_trim_right(str_sub(margin, 0, f->blank_margin)));
        buf_u8(f->out, '\n');
    }
    f->blank = false;
    size_t marked = f->marker.n < margin.n ? f->marker.n : margin.n;
    buf_str(f->out, line.n == 0 && marked == 0 ? str_trim_right(margin)
                                               : str_sub(margin, 0, margin.n - marked));
    buf_str(f->out, str_sub(buf_text(&f->marker), 0, marked));
    buf_str(f->out, line);
    buf_u8(f->out, '\n');
    buf_reset(&f->marker);
    f->lines++;
    unsigned wide = (unsigned)text_columns(line);
    f->widest = wide > f->widest ? wide : f->widest;
}

/* Length of the next word of s (no blanks at its start) and its columns. East Asian text has no
 * blanks: a word with wide characters is cut where the line is full, any other stays whole. */
static size_t next_word(struct str s, unsigned room, size_t *columns)
{
    struct str rest = s;
    bool wide = false;
    *columns = 0;
    while (rest.n > 0 && rest.p[0] != ' ') {
        size_t plain = wide ? 0 : letters(rest);
        if (plain > 0) {
            *columns += plain;
            rest = str_sub(rest, plain, rest.n);
            continue;
        }
        struct str from = rest;
        (void)text_rune(&rest);
        size_t one = text_columns(str_sub(from, 0, from.n - rest.n));
        wide = wide || one > 1;
        if (wide && *columns > 0 && *columns + one > room)
            return s.n - from.n;
        *columns += one;
    }
    return s.n - rest.n;
}

static void put_wrapped(struct fill *f, struct str s)
{
    unsigned room = fill_room(f);
    while (s.n > 0) {
        size_t used = 0, end = 0; /* of the line, in columns and bytes */
        for (size_t i = 0; i < s.n;) {
            size_t blanks = i;
            while (i < s.n && s.p[i] == ' ')
                i++;
            blanks = i - blanks;
            size_t columns, n = next_word(str_sub(s, i, s.n), room, &columns);
            if (end > 0 && used + blanks + columns > room)
                break;
            used += blanks + columns;
            i += n;
            end = i;
        }
        put_line(f, str_sub(s, 0, end));
        s = str_trim(str_sub(s, end, s.n));
    }
}

/* --- paragraphs --- */

static void want_blank(struct fill *f)
{
    if (!f->blank || f->margin.n < f->blank_margin)
        f->blank_margin = f->margin.n;
    f->blank = true;
}

void fill_flush(struct fill *f)
{
    struct str rest = buf_text(&f->para), line;
    bool empty = str_trim(rest).n == 0;
    if (empty && (rest.n > 0 || f->spacer)) /* <div><br></div>, <p>&nbsp;</p> */
        want_blank(f);
    f->spacer = false;
    if (empty) {
        buf_reset(&f->para);
        return;
    }
    while (str_split(&rest, '\n', &line)) {
        line = str_trim(line);
        if (line.n > 0)
            put_wrapped(f, line);
        else if (rest.n > 0)
            want_blank(f); /* two breaks in a row; one at the end is the paragraph's own */
    }
    f->out->over = f->out->over || f->para.over;
    buf_reset(&f->para);
}

void fill_blank(struct fill *f)
{
    fill_flush(f);
    want_blank(f);
}

/* Drawn as nothing: soft hyphens, joiners, direction marks, the filler of hidden previews. */
static bool is_invisible(uint32_t r)
{
    return r == 0xad || r == 0x34f || r == 0x61c || (r >= 0x200b && r <= 0x200f) ||
           (r >= 0x202a && r <= 0x202e) || (r >= 0x2060 && r <= 0x206f) || r == 0xfeff ||
           (r >= 0xfe00 && r <= 0xfe0f) || (r >= 0xe0000 && r <= 0xe0fff);
}

static bool is_space(uint32_t r)
{
    return r == ' ' || (r >= '\t' && r <= '\r') || r == 0xa0 || r == 0x1680 ||
           (r >= 0x2000 && r <= 0x200a) || r == 0x2028 || r == 0x2029 || r == 0x202f ||
           r == 0x205f || r == 0x3000;
}

static bool ends_blank(const struct buf *b)
{
    return b->n == 0 || b->p[b->n - 1] == ' ' || b->p[b->n - 1] == '\n';
}

/* How many bytes at the start need no second look: words with one blank behind each. */
static size_t words(struct str s)
{
    size_t n = 0, more;
    while ((more = letters(str_sub(s, n, s.n))) > 0) {
        n += more;
        if (n < s.n && s.p[n] == ' ')
            n++;
    }
    return n;
}

void fill_text(struct fill *f, struct str s)
{
    while (s.n > 0) {
        size_t plain = words(s);
        buf_str(&f->para, str_sub(s, 0, plain));
        s = str_sub(s, plain, s.n);
        if (s.n == 0)
            break;
        uint32_t r = text_rune(&s);
        if (is_space(r)) {
            f->spacer = f->spacer || r == 0xa0;
            if (!ends_blank(&f->para))
                buf_u8(&f->para, ' ');
        } else if (r >= 0x20 && (r < 0x7f || r > 0x9f) && !is_invisible(r)) {
            text_put_rune(&f->para, r);
        }
    }
}

void fill_word(struct fill *f, struct str s)
{
    buf_str(&f->para, s);
}

void fill_break(struct fill *f)
{
    if (f->para.n > 0 && f->para.p[f->para.n - 1] == ' ')
        buf_trim(&f->para, f->para.n - 1);
    buf_u8(&f->para, '\n');
}

/* --- lines as they are --- */

static void put_pre_line(struct fill *f, struct str s)
{
    struct buf line;
    buf_init(&line, PARA_MAX);
    size_t column = 0;
    while (s.n > 0) {
        struct str from = s;
        uint32_t r = text_rune(&s);
        if (r == '\t') {
            buf_fill(&line, ' ', 8 - column % 8);
            column += 8 - column % 8;
        } else if (is_space(r)) {
            buf_u8(&line, ' ');
            column++;
        } else if (r >= 0x20 && (r < 0x7f || r > 0x9f) && !is_invisible(r)) {
            text_put_rune(&line, r);
            column += text_columns(str_sub(from, 0, from.n - s.n));
        }
    }
    if (str_trim(buf_text(&line)).n == 0)
        want_blank(f);
    else
        put_line(f, buf_text(&line));
    buf_done(&line);
}

void fill_pre(struct fill *f, struct str s)
{
    struct str line;
    fill_flush(f);
    while (str_line(&s, &line))
        put_pre_line(f, line);
}

void fill_lines(struct fill *f, struct str lines)
{
    struct str line;
    fill_flush(f);
    while (str_line(&lines, &line)) {
        if (line.n == 0)
            want_blank(f);
        else
            put_line(f, line);
    }
}

void fill_rule(struct fill *f, char c, unsigned columns)
{
    struct buf line;
    fill_flush(f);
    buf_init(&line, PARA_MAX);
    buf_fill(&line, (uint8_t)c, columns < fill_room(f) ? columns : fill_room(f));
    put_line(f, buf_text(&line));
    buf_done(&line);
}

/* --- margins --- */

size_t fill_push(struct fill *f, struct str margin)
{
    fill_flush(f);
    if ((f->margin.n + margin.n) * 2 > f->width)
        return 0;
    buf_str(&f->margin, margin);
    /* A marker not yet printed stays where it was; the new margin follows it. */
    if (f->marker.n > 0)
        buf_str(&f->marker, margin);
    return margin.n;
}

void fill_pop(struct fill *f, size_t pushed)
{
    fill_flush(f);
    buf_trim(&f->margin, f->margin.n - pushed);
    if (pushed > 0)
        buf_reset(&f->marker); /* an item without text needs no marker */
}

size_t fill_item(struct fill *f, struct str marker)
{
    fill_flush(f);
    if ((f->margin.n + marker.n) * 2 > f->width)
        return 0;
    buf_fill(&f->margin, ' ', marker.n);
    buf_str(&f->marker, marker);
    return marker.n;
}
