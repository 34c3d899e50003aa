/* gateway/mail/grid.c -- aligned columns. */
#include "gateway/mail/grid.h"

#include "base/text.h"

#define GAP 2u
#define NARROWEST 10u  /* a column that has to be wrapped is not made narrower */
#define WIDEST 400u    /* enough to know that it will be wrapped */
#define SHORT_CELL 40u /* columns */
#define SHORT_LINES 3u
#define TALLEST 12u /* lines of a wrapped cell; more is no table to look at */

struct layout {
    unsigned width[GRID_COLUMNS_MAX];
    bool right[GRID_COLUMNS_MAX];
};

static unsigned widest_line(struct str text)
{
    struct str line;
    size_t most = 0;
    while (str_line(&text, &line)) {
        size_t n = text_columns(line);
        most = n > most ? n : most;
    }
    return most > WIDEST ? WIDEST : (unsigned)most;
}

/* Digits and what stands around them in amounts, rates and dates of the day. */
static bool is_number(struct str s)
{
    bool digit = false;
    s = str_trim(s);
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool extra =
            c == '.' || c == ',' || c == '%' || c == '$' || c == '+' || c == '-' || c == ' ';
        bool currency = (unsigned char)c >= 0x80;
        digit = digit || (c >= '0' && c <= '9');
        if (!extra && !currency && (c < '0' || c > '9'))
            return false;
    }
    return digit;
}

static void measure(const struct grid *g, struct layout *l)
{
    bool filled[GRID_COLUMNS_MAX] = {false};
    for (unsigned c = 0; c < g->columns; c++) {
        l->width[c] = 0;
        l->right[c] = true;
    }
    for (size_t r = 0; r < g->n; r++)
        for (size_t i = 0; i < g->row[r].n; i++) {
            const struct grid_cell *x = &g->row[r].cell[i];
            if (x->span > 1)
                continue;
            unsigned wide = widest_line(x->text);
            l->width[x->col] = wide > l->width[x->col] ? wide : l->width[x->col];
            if (x->head || str_trim(x->text).n == 0)
                continue;
            filled[x->col] = true;
            l->right[x->col] = l->right[x->col] && is_number(x->text);
        }
    for (unsigned c = 0; c < g->columns; c++)
        l->right[c] = l->right[c] && filled[c];
}

static unsigned total(const struct grid *g, const struct layout *l)
{
    unsigned sum = 0;
    for (unsigned c = 0; c < g->columns; c++)
        sum += l->width[c] + (l->width[c] > 0 ? GAP : 0);
    return sum > GAP ? sum - GAP : 0;
}

/* Take from the widest columns until the table fits. */
static bool shrink(const struct grid *g, struct layout *l, unsigned width)
{
    for (unsigned sum = total(g, l); sum > width; sum = total(g, l)) {
        unsigned widest = 0, second = 0, most = 0;
        for (unsigned c = 0; c < g->columns; c++)
            if (l->width[c] > l->width[widest])
                widest = c;
        most = l->width[widest];
        for (unsigned c = 0; c < g->columns; c++)
            if (c != widest && l->width[c] > second)
                second = l->width[c];
        unsigned give = sum - width;
        if (second < most && give > most - second && second >= NARROWEST)
            give = most - second;
        else if (second == most)
            give = 1;
        if (most < NARROWEST + give)
            return false;
        l->width[widest] = most - give;
    }
    return true;
}

/* Take the next line of at most `width` columns off *text; a word wider than that is cut. */
static struct str take_line(struct str *text, unsigned width)
{
    size_t fit = 0, blank = 0, used = 0; /* bytes that fit, the last blank among them, columns */
    bool over = false;
    struct str rest = *text;
    while (rest.n > 0 && rest.p[0] != '\n') {
        struct str from = rest;
        (void)text_rune(&rest);
        used += text_columns(str_sub(from, 0, from.n - rest.n));
        over = used > width && fit > 0;
        if (over)
            break;
        blank = from.p[0] == ' ' ? fit : blank;
        fit = text->n - rest.n;
    }
    size_t n = over && text->p[fit] != ' ' && blank > 0 ? blank : fit;
    struct str line = str_trim_right(str_sub(*text, 0, n));
    while (n < text->n && text->p[n] == ' ')
        n++;
    n += n < text->n && text->p[n] == '\n';
    *text = str_sub(*text, n, text->n);
    return line;
}

static unsigned span_width(const struct grid *g, const struct layout *l, const struct grid_cell *x)
{
    unsigned sum = 0;
    for (unsigned c = x->col; c < g->columns && c < x->col + x->span; c++)
        sum += l->width[c] + (l->width[c] > 0 ? GAP : 0);
    return sum > GAP ? sum - GAP : 1;
}

/* The most lines that a cell of the rows from `from` on takes, up to one over TALLEST. */
static unsigned tallest(const struct grid *g, const struct layout *l, size_t from)
{
    unsigned most = 0;
    for (size_t r = from; r < g->n && most <= TALLEST; r++)
        for (size_t i = 0; i < g->row[r].n; i++) {
            struct str rest = g->row[r].cell[i].text;
            unsigned lines = 0;
            for (; rest.n > 0 && lines <= TALLEST; lines++)
                (void)take_line(&rest, span_width(g, l, &g->row[r].cell[i]));
            most = lines > most ? lines : most;
        }
    return most;
}

/* One line of a row; answers whether any cell still has text. */
static bool put_row_line(struct buf *line, const struct grid *g, const struct layout *l,
                         const struct grid_row *row, struct str *rest)
{
    bool more = false;
    unsigned column = 0, at = 0; /* where we are, where the next grid column begins */
    size_t i = 0;
    for (unsigned c = 0; c < g->columns; c++) {
        if (i < row->n && row->cell[i].col == c) {
            const struct grid_cell *x = &row->cell[i];
            unsigned room = span_width(g, l, x);
            struct str piece = rest[i].n > 0 ? take_line(&rest[i], room) : STR("");
            unsigned wide = (unsigned)text_columns(piece);
            unsigned to = at + (l->right[c] && x->span == 1 && wide < room ? room - wide : 0);
            buf_fill(line, ' ', to > column ? to - column : 0);
            buf_str(line, piece);
            column = (to > column ? to : column) + wide;
            more = more || rest[i].n > 0;
            i++;
        }
        at += l->width[c] + (l->width[c] > 0 ? GAP : 0);
    }
    return more;
}

static void put_row(struct buf *out, const struct grid *g, const struct layout *l,
                    const struct grid_row *row)
{
    struct str rest[GRID_COLUMNS_MAX];
    struct buf line;
    for (size_t i = 0; i < row->n; i++)
        rest[i] = row->cell[i].text;
    buf_init(&line, 65536);
    bool more = true;
    while (more) {
        buf_reset(&line);
        more = put_row_line(&line, g, l, row, rest);
        struct str text = str_trim_right(buf_text(&line));
        if (text.n > 0) {
            buf_str(out, text);
            buf_u8(out, '\n');
        }
    }
    buf_done(&line);
}

static bool all_heads(const struct grid_row *row)
{
    for (size_t i = 0; i < row->n; i++)
        if (!row->cell[i].head)
            return false;
    return row->n > 0;
}

static void put_head_rule(struct buf *out, const struct grid *g, const struct layout *l)
{
    bool first = true;
    for (unsigned c = 0; c < g->columns; c++) {
        if (l->width[c] == 0)
            continue;
        buf_fill(out, ' ', first ? 0 : GAP);
        buf_fill(out, '-', l->width[c]);
        first = false;
    }
    buf_u8(out, '\n');
}

bool grid_put(struct buf *out, const struct grid *g, unsigned width)
{
    struct layout l;
    measure(g, &l);
    if (!shrink(g, &l, width) || tallest(g, &l, 0) > TALLEST)
        return false;
    bool headed = g->n > 1 && all_heads(&g->row[0]);
    bool apart = tallest(g, &l, headed) > 1; /* rows of several lines need air between them */
    for (size_t r = 0; r < g->n; r++) {
        if (apart && r > headed)
            buf_u8(out, '\n');
        put_row(out, g, &l, &g->row[r]);
        if (r == 0 && headed)
            put_head_rule(out, g, &l);
    }
    return true;
}

bool grid_short(const struct grid *g)
{
    for (size_t r = 0; r < g->n; r++)
        for (size_t i = 0; i < g->row[r].n; i++) {
            struct str rest = g->row[r].cell[i].text, line;
            unsigned lines = 0;
            while (str_line(&rest, &line))
                if (++lines > SHORT_LINES || text_columns(line) > SHORT_CELL)
                    return false;
        }
    return true;
}

static struct str head_of(const struct grid *g, unsigned col)
{
    for (size_t i = 0; i < g->row[0].n; i++)
        if (g->row[0].cell[i].col == col && g->row[0].cell[i].head)
            return g->row[0].cell[i].text;
    return STR("");
}

void grid_records(struct fill *f, const struct grid *g)
{
    bool headed = g->n > 1;
    for (size_t i = 0; headed && i < g->row[0].n; i++)
        headed = g->row[0].cell[i].head;
    for (size_t r = headed ? 1 : 0; r < g->n; r++) {
        fill_blank(f);
        for (size_t i = 0; i < g->row[r].n; i++) {
            const struct grid_cell *x = &g->row[r].cell[i];
            struct str head = headed ? head_of(g, x->col) : STR(""), rest = x->text, line;
            if (x->text.n == 0)
                continue;
            fill_text(f, head);
            fill_word(f, head.n > 0 ? STR(": ") : STR(""));
            while (str_line(&rest, &line)) {
                fill_text(f, line);
                if (rest.n > 0)
                    fill_break(f);
            }
            fill_flush(f);
        }
    }
    fill_blank(f);
}
