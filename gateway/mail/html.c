/* gateway/mail/html.c -- a web page as text for a screen of 80 columns. */
#include "gateway/mail/html.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "gateway/mail/fill.h"
#include "gateway/mail/grid.h"
#include "gateway/mail/htmlchar.h"
#include "gateway/mail/htmltree.h"
#include "gateway/mail/links.h"

#define WIDTH_DEFAULT 78u
#define CELL_BYTES ((size_t)8 << 20)   /* text of a cell or block; a piece of the page has 2 MiB */
#define TABLE_BYTES ((size_t)32 << 20) /* a table's rows and the texts of its cells */
#define CELL_WIDTH 10000u /* so wide that a cell is not wrapped before its column is known */
#define RULE_COLUMNS 58u

struct list {
    bool ordered, bare;
    int next, step;
    char type; /* '1', 'a', 'A', 'i', 'I' */
    const char *bullet;
};

struct page {
    struct arena *a; /* of the table or row we are in */
    bool over;       /* some text had no room */
    struct links *links;
    struct str href;  /* of the <a> we are in, "" none worth showing */
    bool marked;      /* its number stands in the text */
    size_t link_from; /* where its text begins in the paragraph */
    struct list *list;
    unsigned list_depth, bullet_depth; /* of all lists, of those with bullets */
};

static void walk(struct page *p, struct fill *f, const struct node *node);
static bool is_skipped(const struct node *node);

/* --- elements and attributes --- */

/* An attribute's value, p NULL when there is none. */
static struct str attribute(const struct node *node, enum attribute name)
{
    for (size_t i = 0; i < node->n; i++)
        if (node->attr[i].name == name)
            return node->attr[i].value;
    return (struct str){NULL, 0};
}

static int number(struct str s, int otherwise, int most)
{
    uint64_t v;
    size_t digits = 0;
    s = str_trim(s);
    while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
        digits++;
    return digits > 0 && str_number(str_sub(s, 0, digits), (uint64_t)most, &v) ? (int)v : otherwise;
}

/* The style attribute in lower case without blanks, cut at 1000 bytes. */
static struct str style_of(const struct node *node, char room[1001])
{
    struct str s = attribute(node, AT_style);
    size_t n = 0;
    for (size_t i = 0; i < s.n && n < 1000; i++)
        if ((unsigned char)s.p[i] > ' ')
            room[n++] = ascii_lower(s.p[i]);
    room[n] = '\0';
    return (struct str){room, n};
}

/* Does the style hold the property with that value, the number 0 not being the start of 0.5? */
static bool style_says(struct str style, const char *what)
{
    size_t n = strlen(what);
    bool zero = what[n - 1] == '0';
    const char *at = style.p;
    while ((at = strstr(at, what)) != NULL) {
        bool begins = at == style.p || at[-1] == ';' || at[-1] == '{';
        bool ends = !zero || (at[n] != '.' && (at[n] < '0' || at[n] > '9'));
        if (begins && ends)
            return true;
        at += n;
    }
    return false;
}

/* What a browser would not draw: above all the preview text of newsletters. */
static bool is_hidden(const struct node *node)
{
    static const char *const hiding[] = {"display:none", "visibility:hidden", "max-height:0",
                                         "mso-hide:all", "font-size:0",       "opacity:0"};
    char room[1001];
    if (node->n == 0)
        return false;
    if (attribute(node, AT_hidden).p != NULL)
        return true;
    struct str style = style_of(node, room);
    for (size_t i = 0; style.n > 0 && i < sizeof hiding / sizeof *hiding; i++)
        if (style_says(style, hiding[i]))
            return true;
    return false;
}

static void walk_children(struct page *p, struct fill *f, const struct node *node)
{
    for (const struct node *c = node->first; c != NULL; c = c->next)
        walk(p, f, c);
}

/* --- links --- */

/* Put the number of the open link behind its text, once, before a line ends. */
static void mark_link(struct page *p, struct fill *f)
{
    struct str para = buf_text(&f->para);
    struct str text = str_trim(str_sub(para, p->link_from, para.n));
    if (p->href.n == 0 || p->marked || text.n == 0)
        return;
    p->marked = true;
    if (links_same(text, p->href))
        return;
    size_t n = links_number(p->links, p->href);
    if (n == 0)
        return;
    bool blank = f->para.p[f->para.n - 1] == ' ';
    buf_trim(&f->para, f->para.n - blank);
    char mark[32];
    (void)snprintf(mark, sizeof mark, " [%zu]%s", n, blank ? " " : "");
    fill_word(f, str_of(mark));
}

static void walk_link(struct page *p, struct fill *f, const struct node *node)
{
    struct str outer = p->href, href = str_trim(attribute(node, AT_href));
    bool outer_marked = p->marked;
    size_t outer_from = p->link_from;
    p->href = links_wants(href) ? href : STR("");
    p->marked = false;
    p->link_from = f->para.n;
    walk_children(p, f, node);
    mark_link(p, f);
    p->href = outer;
    p->marked = outer_marked;
    p->link_from = outer_from <= f->para.n ? outer_from : 0;
}

/* --- blocks --- */

static void new_line(struct page *p, struct fill *f)
{
    mark_link(p, f);
    fill_flush(f);
    p->link_from = 0;
}

static void new_paragraph(struct page *p, struct fill *f)
{
    new_line(p, f);
    fill_blank(f);
}

/* Outlook and others write every line as a paragraph without margins. */
static bool is_tight(const struct node *node)
{
    char room[1001];
    struct str class = attribute(node, AT_class), style = style_of(node, room);
    return str_starts_nocase(class, "MsoNormal") || str_starts_nocase(class, "MsoPlainText") ||
           str_starts_nocase(class, "MsoListParagraph") || style_says(style, "margin:0") ||
           (style_says(style, "margin-top:0") && style_says(style, "margin-bottom:0"));
}

static void walk_block(struct page *p, struct fill *f, const struct node *node)
{
    new_line(p, f);
    walk_children(p, f, node);
    new_line(p, f);
}

static void walk_paragraph(struct page *p, struct fill *f, const struct node *node)
{
    if (is_tight(node)) {
        walk_block(p, f, node);
        return;
    }
    new_paragraph(p, f);
    walk_children(p, f, node);
    new_paragraph(p, f);
}

/* The two great headings are underlined, the others stand alone. */
static void walk_heading(struct page *p, struct fill *f, const struct node *node)
{
    new_paragraph(p, f);
    f->widest = 0;
    walk_children(p, f, node);
    new_line(p, f);
    if (f->widest > 0 && (node->tag == TAG_h1 || node->tag == TAG_h2))
        fill_rule(f, node->tag == TAG_h1 ? '=' : '-', f->widest);
    new_paragraph(p, f);
}

static void walk_quote(struct page *p, struct fill *f, const struct node *node)
{
    char room[1001];
    struct str style = style_of(node, room);
    /* Web mail indents by a quote without a bar. */
    bool indent = style_says(style, "border:none") && strstr(style.p, "border-left:") == NULL;
    new_paragraph(p, f);
    size_t pushed = fill_push(f, indent ? STR("    ") : STR("> "));
    walk_children(p, f, node);
    new_line(p, f);
    fill_pop(f, pushed);
    fill_blank(f);
}

static void walk_definition(struct page *p, struct fill *f, const struct node *node)
{
    new_line(p, f);
    size_t pushed = fill_push(f, STR("    "));
    walk_children(p, f, node);
    new_line(p, f);
    fill_pop(f, pushed);
}

static void gather_pre(struct buf *b, const struct node *node)
{
    for (const struct node *c = node->first; c != NULL; c = c->next) {
        if (c->is_text)
            buf_str(b, c->text);
        else if (c->tag == TAG_br)
            buf_u8(b, '\n');
        else if (!is_skipped(c) && !is_hidden(c))
            gather_pre(b, c);
    }
}

static void walk_pre(struct page *p, struct fill *f, const struct node *node)
{
    struct buf b;
    buf_init(&b, CELL_BYTES);
    gather_pre(&b, node);
    new_paragraph(p, f);
    fill_pre(f, buf_text(&b));
    fill_blank(f);
    buf_done(&b);
}

static void walk_rule(struct page *p, struct fill *f, const struct node *node)
{
    (void)node;
    new_paragraph(p, f);
    fill_rule(f, '-', RULE_COLUMNS);
    fill_blank(f);
}

/* --- lists --- */

static int count_items(const struct node *list)
{
    int n = 0;
    for (const struct node *c = list->first; c != NULL; c = c->next)
        n += c->tag == TAG_li;
    return n;
}

static void walk_list(struct page *p, struct fill *f, const struct node *node)
{
    static const char *const bullets[] = {"* ", "- ", "+ "};
    char room[1001];
    struct str type = attribute(node, AT_type), style = style_of(node, room);
    struct list list = {.ordered = node->tag == TAG_ol,
                        .bare = style_says(style, "list-style:none") ||
                                style_says(style, "list-style-type:none"),
                        .step = 1,
                        .type = type.n == 1 ? type.p[0] : '1',
                        .bullet = bullets[p->bullet_depth % 3]};
    bool reversed = attribute(node, AT_reversed).p != NULL;
    list.step = reversed ? -1 : 1;
    list.next = number(attribute(node, AT_start), reversed ? count_items(node) : 1, 1000000);
    struct list *outer = p->list;
    bool top = p->list_depth == 0;
    p->list = &list;
    p->list_depth++;
    p->bullet_depth += !list.ordered;
    if (top)
        new_paragraph(p, f);
    walk_block(p, f, node);
    if (top)
        new_paragraph(p, f);
    p->list_depth--;
    p->bullet_depth -= !list.ordered;
    p->list = outer;
}

static void put_roman(struct buf *b, int n, bool upper)
{
    static const struct {
        int value;
        const char *letters;
    } steps[] = {{1000, "m"}, {900, "cm"}, {500, "d"}, {400, "cd"}, {100, "c"},
                 {90, "xc"},  {50, "l"},   {40, "xl"}, {10, "x"},   {9, "ix"},
                 {5, "v"},    {4, "iv"},   {1, "i"}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        for (; n >= steps[i].value; n -= steps[i].value)
            for (const char *c = steps[i].letters; *c != '\0'; c++)
                buf_u8(b, (uint8_t)(upper ? *c - 32 : *c));
}

static void put_number(struct buf *b, char type, int n)
{
    bool letter = (type == 'a' || type == 'A') && n >= 1 && n <= 26;
    bool roman = (type == 'i' || type == 'I') && n >= 1 && n < 4000;
    if (letter)
        buf_u8(b, (uint8_t)(type + n - 1));
    else if (roman)
        put_roman(b, n, type == 'I');
    else
        buf_printf(b, "%d", n);
    buf_z(b, ". ");
}

static void walk_item(struct page *p, struct fill *f, const struct node *node)
{
    struct list alone = {.bullet = "* "}, *list = p->list != NULL ? p->list : &alone;
    struct buf marker;
    buf_init(&marker, 64);
    if (list->ordered) {
        list->next = number(attribute(node, AT_value), list->next, 1000000);
        put_number(&marker, list->type, list->next);
        list->next += list->step;
    } else {
        buf_z(&marker, list->bare ? "" : list->bullet);
    }
    new_line(p, f);
    size_t pushed = fill_item(f, buf_text(&marker));
    walk_children(p, f, node);
    new_line(p, f);
    fill_pop(f, pushed);
    buf_done(&marker);
}

/* --- small things inside a line --- */

static bool is_file_name(struct str s)
{
    static const char *const ends[] = {".png", ".gif", ".jpg", ".jpeg", ".svg", ".webp", ".bmp"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (str_ends_nocase(s, ends[i]))
            return true;
    return false;
}

/* The alternative text; tracking pixels and file names given as text say nothing. */
static void walk_image(struct page *p, struct fill *f, const struct node *node)
{
    (void)p;
    bool dot = number(attribute(node, AT_width), 3, 10000) < 3 ||
               number(attribute(node, AT_height), 3, 10000) < 3;
    struct str alt = str_trim(attribute(node, AT_alt));
    if (!dot && alt.n > 0 && !is_file_name(alt))
        fill_text(f, alt);
}

static void walk_input(struct page *p, struct fill *f, const struct node *node)
{
    (void)p;
    struct str type = attribute(node, AT_type), value = str_trim(attribute(node, AT_value));
    if ((!str_is(type, "submit") && !str_is(type, "button")) || value.n == 0)
        return;
    fill_text(f, STR(" ["));
    fill_text(f, value);
    fill_text(f, STR("] "));
}

/* Of a choice what is chosen, else its first option. */
static void walk_select(struct page *p, struct fill *f, const struct node *node)
{
    const struct node *chosen = NULL;
    for (const struct node *c = node->first; c != NULL; c = c->next)
        if (c->tag == TAG_option && (chosen == NULL || (attribute(c, AT_selected).p != NULL &&
                                                        attribute(chosen, AT_selected).p == NULL)))
            chosen = c;
    fill_text(f, STR(" "));
    if (chosen != NULL)
        walk_children(p, f, chosen);
    fill_text(f, STR(" "));
}

/* 10<sup>6</sup> must not become 106. */
static void walk_super(struct page *p, struct fill *f, const struct node *node)
{
    const struct node *only = node->first;
    struct str s = only != NULL && only->is_text ? str_trim(only->text) : STR("");
    uint64_t v;
    if (s.n > 0 && s.n < 10 && str_number(s.p[0] == '-' ? str_sub(s, 1, s.n) : s, UINT64_MAX, &v))
        fill_word(f, STR("^"));
    walk_children(p, f, node);
}

static void walk_quoted(struct page *p, struct fill *f, const struct node *node)
{
    fill_word(f, STR("\""));
    walk_children(p, f, node);
    fill_word(f, STR("\""));
}

/* --- tables --- */

struct table_row {
    const struct node *tr;
};
struct table {
    struct table_row *row;
    size_t n, room;
    unsigned columns;
    bool has_head, has_border, has_table, is_layout;
};

static bool is_cell(const struct node *node)
{
    return node->tag == TAG_td || node->tag == TAG_th;
}

static bool is_row_group(const struct node *node)
{
    return node->tag == TAG_thead || node->tag == TAG_tbody || node->tag == TAG_tfoot;
}

static unsigned span_of(const struct node *cell, enum attribute name)
{
    int n = number(attribute(cell, name), 1, 1000);
    return n < 1 ? 1 : (unsigned)n;
}

static void add_row(struct page *p, struct table *t, const struct node *row)
{
    if (t->n == t->room) {
        size_t room = t->room == 0 ? 8 : t->room * 2;
        struct table_row *more = arena_alloc(p->a, room * sizeof *more);
        if (more == NULL || arena_full(p->a))
            return;
        if (t->n > 0)
            memcpy(more, t->row, t->n * sizeof *more);
        t->row = more;
        t->room = room;
    }
    t->row[t->n++].tr = row;
    unsigned columns = 0;
    for (const struct node *c = row->first; c != NULL; c = c->next) {
        if (!is_cell(c))
            continue;
        columns += span_of(c, AT_colspan);
        t->has_head = t->has_head || c->tag == TAG_th;
        t->has_table = t->has_table || c->holds_table;
    }
    t->columns = columns > t->columns ? columns : t->columns;
}

static void add_rows(struct page *p, struct table *t, const struct node *node)
{
    for (const struct node *c = node->first; c != NULL; c = c->next) {
        if (c->tag == TAG_tr && !is_hidden(c))
            add_row(p, t, c);
        else if (is_row_group(c) && !is_hidden(c))
            add_rows(p, t, c);
    }
}

static struct table read_table(struct page *p, const struct node *node)
{
    struct table t = {.n = 0};
    struct str role = attribute(node, AT_role), border = attribute(node, AT_border);
    add_rows(p, &t, node);
    t.has_border = number(border, border.p != NULL ? 1 : 0, 1000) > 0;
    t.is_layout = str_is(role, "presentation") || str_is(role, "none") || t.has_table ||
                  t.columns < 2 || t.columns > GRID_COLUMNS_MAX ||
                  (t.n < 2 && !t.has_head && !t.has_border);
    return t;
}

/* A cell's text, lines of at most `width`, in the arena. */
static struct str cell_text(struct page *p, const struct node *cell, unsigned width)
{
    struct buf b;
    struct fill f;
    struct list *outer = p->list;
    unsigned outer_depth = p->list_depth;
    buf_init(&b, CELL_BYTES);
    fill_init(&f, &b, width);
    size_t from = p->link_from;
    p->list = NULL;
    p->list_depth = 0;
    p->link_from = 0;
    walk_children(p, &f, cell);
    mark_link(p, &f);
    fill_done(&f);
    p->link_from = from;
    p->list = outer;
    p->list_depth = outer_depth;
    p->over = p->over || b.over;
    struct str text = arena_str(p->a, str_trim_right(buf_text(&b)));
    buf_done(&b);
    return text;
}

static unsigned count_cells(const struct node *row)
{
    unsigned n = 0;
    for (const struct node *c = row->first; c != NULL; c = c->next)
        n += is_cell(c) && !is_hidden(c);
    return n;
}

/* Cells into their columns; a cell that reaches down keeps its column from the rows below. False:
 * there are more than fit. */
static bool read_row(struct page *p, const struct node *row, unsigned *busy, struct grid_row *out)
{
    unsigned col = 0;
    out->cell = arena_alloc(p->a, count_cells(row) * sizeof *out->cell);
    for (const struct node *c = row->first; c != NULL && out->cell != NULL; c = c->next) {
        if (!is_cell(c) || is_hidden(c))
            continue;
        while (col < GRID_COLUMNS_MAX && busy[col] > 0)
            col++;
        if (col == GRID_COLUMNS_MAX)
            return false;
        unsigned span = span_of(c, AT_colspan), down = span_of(c, AT_rowspan);
        span = span < GRID_COLUMNS_MAX - col ? span : GRID_COLUMNS_MAX - col;
        out->cell[out->n++] = (struct grid_cell){.text = cell_text(p, c, CELL_WIDTH),
                                                 .col = col,
                                                 .span = span,
                                                 .head = c->tag == TAG_th};
        for (unsigned i = 0; i < span; i++)
            busy[col + i] = down;
        col += span;
    }
    for (unsigned i = 0; i < GRID_COLUMNS_MAX; i++)
        busy[i] -= busy[i] > 0;
    return true;
}

static bool read_grid(struct page *p, const struct table *t, struct grid *g)
{
    unsigned busy[GRID_COLUMNS_MAX] = {0};
    *g = (struct grid){.row = arena_alloc(p->a, t->n * sizeof *g->row), .columns = 0};
    if (g->row == NULL)
        return false;
    for (size_t r = 0; r < t->n; r++) {
        struct grid_row *row = &g->row[g->n];
        if (!read_row(p, t->row[r].tr, busy, row))
            return false;
        bool empty = true;
        for (size_t i = 0; i < row->n; i++) {
            unsigned end = row->cell[i].col + row->cell[i].span;
            g->columns = end > g->columns ? end : g->columns;
            empty = empty && row->cell[i].text.n == 0;
        }
        g->n += !empty;
        if (empty)
            *row = (struct grid_row){NULL, 0};
    }
    return !arena_full(p->a);
}

/* Several cells side by side in one line when they fit, else one below the other. */
static void put_layout_row(struct page *p, struct fill *f, const struct node *row)
{
    struct str cell[GRID_COLUMNS_MAX];
    size_t n = 0, columns = 0;
    bool flat = true;
    struct buf line;
    struct arena *outer = p->a;
    p->a = arena_new(TABLE_BYTES);
    for (const struct node *c = row->first; c != NULL && n < GRID_COLUMNS_MAX; c = c->next) {
        if (!is_cell(c) || is_hidden(c))
            continue;
        cell[n] = cell_text(p, c, fill_room(f));
        if (cell[n].n == 0)
            continue;
        flat = flat && str_find(cell[n], '\n') < 0;
        columns += text_columns(cell[n++]) + 2;
    }
    flat = flat && n > 0 && columns - 2 <= fill_room(f);
    buf_init(&line, CELL_BYTES);
    for (size_t i = 0; i < n; i++) {
        if (flat) {
            buf_z(&line, i > 0 ? "  " : "");
            buf_str(&line, cell[i]);
            continue;
        }
        bool tall = str_find(cell[i], '\n') >= 0;
        if (tall)
            fill_blank(f);
        fill_lines(f, cell[i]);
        if (tall)
            fill_blank(f);
    }
    fill_lines(f, buf_text(&line));
    buf_done(&line);
    p->over = p->over || arena_full(p->a);
    arena_free(&p->a);
    p->a = outer;
}

static void walk_cells(struct page *p, struct fill *f, const struct node *row)
{
    new_line(p, f);
    for (const struct node *c = row->first; c != NULL; c = c->next)
        if (is_cell(c))
            walk(p, f, c);
    new_line(p, f);
}

static void put_layout(struct page *p, struct fill *f, const struct table *t)
{
    for (size_t r = 0; r < t->n; r++) {
        unsigned n = count_cells(t->row[r].tr);
        if (n >= 2 && n <= GRID_COLUMNS_MAX)
            put_layout_row(p, f, t->row[r].tr);
        else
            walk_cells(p, f, t->row[r].tr);
    }
}

/* What stands in a table and in none of its cells: a caption, or text where none may be. Browsers
 * show it above the table. */
static void walk_strays(struct page *p, struct fill *f, const struct node *node)
{
    for (const struct node *c = node->first; c != NULL; c = c->next) {
        bool row = c->tag == TAG_tr, cell = node->tag == TAG_tr && is_cell(c);
        if ((row || is_row_group(c)) && !is_hidden(c))
            walk_strays(p, f, c);
        else if (!row && !is_row_group(c) && !cell)
            walk(p, f, c);
    }
}

/* As columns, as a block for each row, or, when it only arranges the page, cell by cell. */
static void put_table(struct page *p, struct fill *f, const struct table *t)
{
    struct grid g;
    struct buf b;
    if (t->is_layout || !read_grid(p, t, &g) ||
        (!t->has_head && !t->has_border && !grid_short(&g))) {
        put_layout(p, f, t);
        return;
    }
    buf_init(&b, CELL_BYTES);
    if (grid_put(&b, &g, fill_room(f))) {
        fill_blank(f);
        fill_lines(f, buf_text(&b));
        fill_blank(f);
    } else {
        grid_records(f, &g);
    }
    p->over = p->over || b.over;
    buf_done(&b);
}

static void walk_table(struct page *p, struct fill *f, const struct node *node)
{
    struct arena *outer = p->a;
    p->a = arena_new(TABLE_BYTES);
    struct table t = read_table(p, node);
    new_line(p, f);
    walk_strays(p, f, node);
    new_line(p, f);
    put_table(p, f, &t);
    arena_free(&p->a);
    p->a = outer;
}

/* --- the walk --- */

static void walk_nothing(struct page *p, struct fill *f, const struct node *node)
{
    (void)p, (void)f, (void)node;
}

static void walk_break(struct page *p, struct fill *f, const struct node *node)
{
    (void)p, (void)node;
    fill_break(f);
}

static void (*const walks[TAG_COUNT])(struct page *p, struct fill *f, const struct node *node) = {
    [TAG_other] = walk_children,
#define ELEMENT(name, walk, flags) [TAG_##name] = walk_##walk,
#include "gateway/mail/element.def"
#undef ELEMENT
};

static bool is_skipped(const struct node *node)
{
    return walks[node->tag] == walk_nothing;
}

static void walk(struct page *p, struct fill *f, const struct node *node)
{
    if (node->is_text)
        fill_text(f, node->text);
    else if (!is_hidden(node))
        walks[node->tag](p, f, node);
}

/* --- the door --- */

static void render(struct fill *f, struct str html)
{
    struct page p = {.links = mem_new(sizeof *p.links)};
    p.links->a = arena_new(LINKS_BYTES);
    struct htmltree *tree = htmltree_new(html);
    const struct node *piece;
    while ((piece = htmltree_read(tree)) != NULL) {
        walk_children(&p, f, piece);
        new_line(&p, f);
    }
    f->out->over = f->out->over || p.over;
    links_put(p.links, f);
    htmltree_free(&tree);
    arena_free(&p.links->a);
    free(p.links);
}

int html_to_text(struct buf *utf8, struct str html, const char *charset, unsigned width,
                 struct why *w)
{
    struct buf page;
    struct fill f;
    buf_init(&page, html.n * 4 + 64);
    htmlchar_convert(&page, html, charset);
    fill_init(&f, utf8, width > 0 ? width : WIDTH_DEFAULT);
    render(&f, buf_text(&page));
    fill_done(&f);
    buf_done(&page);
    return utf8->over ? why_set(w, E_LIMIT, 552, "5.3.4", "text of an HTML page is too long") : OK;
}
