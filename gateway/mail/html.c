/* gateway/mail/html.c -- a web page as text for a screen of 80 columns. */
#include "gateway/mail/html.h"

#include <libxml/HTMLparser.h>
#include <libxml/HTMLtree.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "gateway/mail/fill.h"
#include "gateway/mail/grid.h"
#include "gateway/mail/links.h"
#include "gateway/mail/tags.h"

#define WIDTH_DEFAULT 78u
#define PAGE_MAX ((size_t)1 << 20) /* of a clean page; larger ones are only stripped of tags */
#define CELL_BYTES (8 * PAGE_MAX)  /* text of a cell or block */
#define DEPTH_MAX 300u             /* the parser itself stops at 256 */
#define CELL_WIDTH 10000u /* so wide that a cell is not wrapped before its column is known */
#define RULE_COLUMNS 58u

struct list {
    bool ordered, bare;
    int next, step;
    char type; /* '1', 'a', 'A', 'i', 'I' */
    const char *bullet;
};

struct page {
    struct arena *a;
    struct links *links;
    struct str href;  /* of the <a> we are in, "" none worth showing */
    bool marked;      /* its number stands in the text */
    size_t link_from; /* where its text begins in the paragraph */
    struct list *list;
    unsigned list_depth, bullet_depth; /* of all lists, of those with bullets */
};

static void walk(struct page *p, struct fill *f, const xmlNode *node, unsigned depth);
static bool is_skipped(const xmlNode *node);

/* --- elements and attributes --- */

/* The first letter first: most names differ there. */
static bool is_name(const xmlChar *s, const char *name)
{
    return s[0] == (xmlChar)name[0] && strcmp((const char *)s, name) == 0;
}

static bool is_element(const xmlNode *node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && is_name(node->name, name);
}

static struct str content_of(const xmlNode *node)
{
    return str_of((const char *)node->content);
}

/* An attribute's value, p NULL when there is none. */
static struct str attribute(const xmlNode *node, const char *name)
{
    for (const xmlAttr *a = node->properties; a != NULL; a = a->next)
        if (is_name(a->name, name))
            return a->children != NULL ? content_of(a->children) : STR("");
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
static struct str style_of(const xmlNode *node, char room[1001])
{
    struct str s = attribute(node, "style");
    size_t n = 0;
    for (size_t i = 0; i < s.n && n < 1000; i++)
        if ((unsigned char)s.p[i] > ' ')
            room[n++] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] + 32 : s.p[i]);
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
static bool is_hidden(const xmlNode *node)
{
    static const char *const hiding[] = {"display:none", "visibility:hidden", "max-height:0",
                                         "mso-hide:all", "font-size:0",       "opacity:0"};
    char room[1001];
    if (node->properties == NULL)
        return false;
    if (attribute(node, "hidden").p != NULL)
        return true;
    struct str style = style_of(node, room);
    for (size_t i = 0; style.n > 0 && i < sizeof hiding / sizeof *hiding; i++)
        if (style_says(style, hiding[i]))
            return true;
    return false;
}

static void walk_children(struct page *p, struct fill *f, const xmlNode *node, unsigned depth)
{
    for (const xmlNode *c = node->children; c != NULL; c = c->next)
        walk(p, f, c, depth + 1);
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
    struct str mark = arena_printf(p->a, " [%zu]%s", n, blank ? " " : "");
    fill_word(f, mark);
}

static void walk_link(struct page *p, struct fill *f, const xmlNode *node, unsigned depth)
{
    struct str outer = p->href, href = str_trim(attribute(node, "href"));
    bool outer_marked = p->marked;
    size_t outer_from = p->link_from;
    p->href = links_wants(href) ? href : STR("");
    p->marked = false;
    p->link_from = f->para.n;
    walk_children(p, f, node, depth);
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
static bool is_tight(const xmlNode *node)
{
    char room[1001];
    struct str class = attribute(node, "class"), style = style_of(node, room);
    return str_starts_nocase(class, "MsoNormal") || str_starts_nocase(class, "MsoPlainText") ||
           str_starts_nocase(class, "MsoListParagraph") || style_says(style, "margin:0") ||
           (style_says(style, "margin-top:0") && style_says(style, "margin-bottom:0"));
}

static void walk_block(struct page *p, struct fill *f, const xmlNode *node, unsigned depth)
{
    new_line(p, f);
    walk_children(p, f, node, depth);
    new_line(p, f);
}

static void walk_paragraph(struct page *p, struct fill *f, const xmlNode *node, unsigned depth)
{
    if (is_tight(node)) {
        walk_block(p, f, node, depth);
        return;
    }
    new_paragraph(p, f);
    walk_children(p, f, node, depth);
    new_paragraph(p, f);
}

/* The two great headings are underlined, the others stand alone. */
static void walk_heading(struct page *p, struct fill *f, const xmlNode *node, unsigned depth)
{
    new_paragraph(p, f);
    f->widest = 0;
    walk_children(p, f, node, depth);
    new_line(p, f);
    char level = (char)node->name[1];
    if (f->widest > 0 && level <= '2')
        fill_rule(f, level == '1' ? '=' : '-', f->widest);
    new_paragraph(p, f);
}

static void walk_quote(struct page *p, struct fill *f, const xmlNode *node, unsigned depth)
{
    char room[1001];
    struct str style = style_of(node, room);
    /* Web mail indents by a quote without a bar. */
    bool indent = style_says(style, "border:none") && strstr(style.p, "border-left:") == NULL;
    new_paragraph(p, f);
    size_t pushed = fill_push(f, indent ? STR("    ") : STR("> "));
    walk_children(p, f, node, depth);
    new_line(p, f);
    fill_pop(f, pushed);
    fill_blank(f);
}

static void walk_definition(struct page *p, struct fill *f, const xmlNode *node, unsigned depth)
{
    new_line(p, f);
    size_t pushed = fill_push(f, STR("    "));
    walk_children(p, f, node, depth);
    new_line(p, f);
    fill_pop(f, pushed);
}

static void gather_pre(struct buf *b, const xmlNode *node, unsigned depth)
{
    for (const xmlNode *c = node->children; c != NULL && depth < DEPTH_MAX; c = c->next) {
        if (c->type == XML_TEXT_NODE || c->type == XML_CDATA_SECTION_NODE)
            buf_str(b, content_of(c));
        else if (is_element(c, "br"))
            buf_u8(b, '\n');
        else if (c->type == XML_ELEMENT_NODE && !is_skipped(c) && !is_hidden(c))
            gather_pre(b, c, depth + 1);
    }
}

static void walk_pre(struct page *p, struct fill *f, const xmlNode *node, unsigned depth)
{
    struct buf b;
    buf_init(&b, CELL_BYTES);
    gather_pre(&b, node, depth);
    new_paragraph(p, f);
    fill_pre(f, buf_text(&b));
    fill_blank(f);
    buf_done(&b);
}

static void walk_rule(struct page *p, struct fill *f, const xmlNode *node, unsigned depth)
{
    (void)node, (void)depth;
    new_paragraph(p, f);
    fill_rule(f, '-', RULE_COLUMNS);
    fill_blank(f);
}

/* --- lists --- */

static int count_items(const xmlNode *list)
{
    int n = 0;
    for (const xmlNode *c = list->children; c != NULL; c = c->next)
        n += is_element(c, "li");
    return n;
}

static void walk_list(struct page *p, struct fill *f, const xmlNode *node, unsigned depth)
{
    static const char *const bullets[] = {"* ", "- ", "+ "};
    char room[1001];
    struct str type = attribute(node, "type"), style = style_of(node, room);
    struct list list = {.ordered = is_element(node, "ol"),
                        .bare = style_says(style, "list-style:none") ||
                                style_says(style, "list-style-type:none"),
                        .step = 1,
                        .type = type.n == 1 ? type.p[0] : '1',
                        .bullet = bullets[p->bullet_depth % 3]};
    bool reversed = attribute(node, "reversed").p != NULL;
    list.step = reversed ? -1 : 1;
    list.next = number(attribute(node, "start"), reversed ? count_items(node) : 1, 1000000);
    struct list *outer = p->list;
    bool top = p->list_depth == 0;
    p->list = &list;
    p->list_depth++;
    p->bullet_depth += !list.ordered;
    if (top)
        new_paragraph(p, f);
    walk_block(p, f, node, depth);
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

static void walk_item(struct page *p, struct fill *f, const xmlNode *node, unsigned depth)
{
    struct list alone = {.bullet = "* "}, *list = p->list != NULL ? p->list : &alone;
    struct buf marker;
    buf_init(&marker, 64);
    if (list->ordered) {
        list->next = number(attribute(node, "value"), list->next, 1000000);
        put_number(&marker, list->type, list->next);
        list->next += list->step;
    } else {
        buf_z(&marker, list->bare ? "" : list->bullet);
    }
    new_line(p, f);
    size_t pushed = fill_item(f, buf_text(&marker));
    walk_children(p, f, node, depth);
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
static void walk_image(struct page *p, struct fill *f, const xmlNode *node, unsigned depth)
{
    (void)p, (void)depth;
    bool dot = number(attribute(node, "width"), 3, 10000) < 3 ||
               number(attribute(node, "height"), 3, 10000) < 3;
    struct str alt = str_trim(attribute(node, "alt"));
    if (!dot && alt.n > 0 && !is_file_name(alt))
        fill_text(f, alt);
}

static void walk_input(struct page *p, struct fill *f, const xmlNode *node, unsigned depth)
{
    (void)p, (void)depth;
    struct str type = attribute(node, "type"), value = str_trim(attribute(node, "value"));
    if ((!str_is(type, "submit") && !str_is(type, "button")) || value.n == 0)
        return;
    fill_text(f, STR(" ["));
    fill_text(f, value);
    fill_text(f, STR("] "));
}

/* Of a choice what is chosen, else its first option. */
static void walk_select(struct page *p, struct fill *f, const xmlNode *node, unsigned depth)
{
    const xmlNode *chosen = NULL;
    for (const xmlNode *c = node->children; c != NULL; c = c->next)
        if (is_element(c, "option") &&
            (chosen == NULL ||
             (attribute(c, "selected").p != NULL && attribute(chosen, "selected").p == NULL)))
            chosen = c;
    fill_text(f, STR(" "));
    if (chosen != NULL)
        walk_children(p, f, chosen, depth);
    fill_text(f, STR(" "));
}

/* 10<sup>6</sup> must not become 106. */
static void walk_super(struct page *p, struct fill *f, const xmlNode *node, unsigned depth)
{
    const xmlNode *only = node->children;
    struct str s =
        only != NULL && only->type == XML_TEXT_NODE ? str_trim(content_of(only)) : STR("");
    uint64_t v;
    if (s.n > 0 && s.n < 10 && str_number(s.p[0] == '-' ? str_sub(s, 1, s.n) : s, UINT64_MAX, &v))
        fill_word(f, STR("^"));
    walk_children(p, f, node, depth);
}

static void walk_quoted(struct page *p, struct fill *f, const xmlNode *node, unsigned depth)
{
    fill_word(f, STR("\""));
    walk_children(p, f, node, depth);
    fill_word(f, STR("\""));
}

/* --- tables --- */

struct table_row {
    const xmlNode *tr;
};
struct table {
    struct table_row *row;
    size_t n, room;
    unsigned columns;
    bool has_head, has_border, has_table, is_layout;
};

static bool is_cell(const xmlNode *node)
{
    return is_element(node, "td") || is_element(node, "th");
}

static bool is_row_group(const xmlNode *node)
{
    return is_element(node, "thead") || is_element(node, "tbody") || is_element(node, "tfoot");
}

static bool holds_table(const xmlNode *node, unsigned depth)
{
    for (const xmlNode *c = node->children; c != NULL && depth < DEPTH_MAX; c = c->next)
        if (c->type == XML_ELEMENT_NODE && (is_element(c, "table") || holds_table(c, depth + 1)))
            return true;
    return false;
}

static unsigned span_of(const xmlNode *cell, const char *name)
{
    int n = number(attribute(cell, name), 1, 1000);
    return n < 1 ? 1 : (unsigned)n;
}

static void add_row(struct page *p, struct table *t, const xmlNode *row)
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
    for (const xmlNode *c = row->children; c != NULL; c = c->next) {
        if (!is_cell(c))
            continue;
        columns += span_of(c, "colspan");
        t->has_head = t->has_head || is_element(c, "th");
        t->has_table = t->has_table || holds_table(c, 0);
    }
    t->columns = columns > t->columns ? columns : t->columns;
}

static void add_rows(struct page *p, struct table *t, const xmlNode *node)
{
    for (const xmlNode *c = node->children; c != NULL; c = c->next) {
        if (is_element(c, "tr") && !is_hidden(c))
            add_row(p, t, c);
        else if (is_row_group(c) && !is_hidden(c))
            add_rows(p, t, c);
    }
}

static struct table read_table(struct page *p, const xmlNode *node)
{
    struct table t = {.n = 0};
    struct str role = attribute(node, "role"), border = attribute(node, "border");
    add_rows(p, &t, node);
    t.has_border = number(border, border.p != NULL ? 1 : 0, 1000) > 0;
    t.is_layout = str_is(role, "presentation") || str_is(role, "none") || t.has_table ||
                  t.columns < 2 || t.columns > GRID_COLUMNS_MAX ||
                  (t.n < 2 && !t.has_head && !t.has_border);
    return t;
}

/* A cell's text, lines of at most `width`, in the arena. */
static struct str cell_text(struct page *p, const xmlNode *cell, unsigned width, unsigned depth)
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
    walk_children(p, &f, cell, depth);
    mark_link(p, &f);
    fill_done(&f);
    p->link_from = from;
    p->list = outer;
    p->list_depth = outer_depth;
    struct str text = arena_str(p->a, str_trim_right(buf_text(&b)));
    buf_done(&b);
    return text;
}

/* Cells into their columns; a cell that reaches down keeps its column from the rows below. False:
 * there are more than fit. */
static bool read_row(struct page *p, const xmlNode *row, unsigned *busy, struct grid_row *out,
                     unsigned depth)
{
    unsigned col = 0;
    out->cell = arena_alloc(p->a, GRID_COLUMNS_MAX * sizeof *out->cell);
    for (const xmlNode *c = row->children; c != NULL && out->cell != NULL; c = c->next) {
        if (!is_cell(c) || is_hidden(c))
            continue;
        while (col < GRID_COLUMNS_MAX && busy[col] > 0)
            col++;
        if (col == GRID_COLUMNS_MAX)
            return false;
        unsigned span = span_of(c, "colspan"), down = span_of(c, "rowspan");
        span = span < GRID_COLUMNS_MAX - col ? span : GRID_COLUMNS_MAX - col;
        out->cell[out->n++] = (struct grid_cell){.text = cell_text(p, c, CELL_WIDTH, depth),
                                                 .col = col,
                                                 .span = span,
                                                 .head = is_element(c, "th")};
        for (unsigned i = 0; i < span; i++)
            busy[col + i] = down;
        col += span;
    }
    for (unsigned i = 0; i < GRID_COLUMNS_MAX; i++)
        busy[i] -= busy[i] > 0;
    return true;
}

static bool read_grid(struct page *p, const struct table *t, struct grid *g, unsigned depth)
{
    unsigned busy[GRID_COLUMNS_MAX] = {0};
    *g = (struct grid){.row = arena_alloc(p->a, t->n * sizeof *g->row), .columns = 0};
    if (g->row == NULL)
        return false;
    for (size_t r = 0; r < t->n; r++) {
        struct grid_row *row = &g->row[g->n];
        if (!read_row(p, t->row[r].tr, busy, row, depth))
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
static void put_layout_row(struct page *p, struct fill *f, const xmlNode *row, unsigned depth)
{
    struct str cell[GRID_COLUMNS_MAX];
    size_t n = 0, columns = 0;
    bool flat = true;
    struct buf line;
    for (const xmlNode *c = row->children; c != NULL && n < GRID_COLUMNS_MAX; c = c->next) {
        if (!is_cell(c) || is_hidden(c))
            continue;
        cell[n] = cell_text(p, c, fill_room(f), depth);
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
}

static unsigned count_cells(const xmlNode *row)
{
    unsigned n = 0;
    for (const xmlNode *c = row->children; c != NULL; c = c->next)
        n += is_cell(c) && !is_hidden(c);
    return n;
}

static void walk_cells(struct page *p, struct fill *f, const xmlNode *row, unsigned depth)
{
    new_line(p, f);
    for (const xmlNode *c = row->children; c != NULL; c = c->next)
        if (is_cell(c))
            walk(p, f, c, depth + 1);
    new_line(p, f);
}

static void put_layout(struct page *p, struct fill *f, const struct table *t, unsigned depth)
{
    for (size_t r = 0; r < t->n; r++) {
        unsigned n = count_cells(t->row[r].tr);
        if (n >= 2 && n <= GRID_COLUMNS_MAX)
            put_layout_row(p, f, t->row[r].tr, depth);
        else
            walk_cells(p, f, t->row[r].tr, depth);
    }
}

/* What stands in a table and in none of its cells: a caption, or text where none may be. Browsers
 * show it above the table. */
static void walk_strays(struct page *p, struct fill *f, const xmlNode *node, unsigned depth)
{
    for (const xmlNode *c = node->children; c != NULL; c = c->next) {
        bool row = is_element(c, "tr"), cell = is_element(node, "tr") && is_cell(c);
        if ((row || is_row_group(c)) && !is_hidden(c))
            walk_strays(p, f, c, depth + 1);
        else if (!row && !is_row_group(c) && !cell)
            walk(p, f, c, depth + 1);
    }
}

static void walk_table(struct page *p, struct fill *f, const xmlNode *node, unsigned depth)
{
    struct table t = read_table(p, node);
    struct grid g;
    struct buf b;
    new_line(p, f);
    walk_strays(p, f, node, depth);
    new_line(p, f);
    if (t.is_layout || !read_grid(p, &t, &g, depth) ||
        (!t.has_head && !t.has_border && !grid_short(&g))) {
        put_layout(p, f, &t, depth);
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
    buf_done(&b);
}

/* --- the walk --- */

static void walk_nothing(struct page *p, struct fill *f, const xmlNode *node, unsigned depth)
{
    (void)p, (void)f, (void)node, (void)depth;
}

static void walk_break(struct page *p, struct fill *f, const xmlNode *node, unsigned depth)
{
    (void)p, (void)node, (void)depth;
    fill_break(f);
}

/* Sorted by name; what is not here is inline. A cell or row outside a table is a block. */
static const struct element {
    const char *name;
    void (*walk)(struct page *p, struct fill *f, const xmlNode *node, unsigned depth);
} elements[] = {
    {"a", walk_link},
    {"address", walk_block},
    {"applet", walk_nothing},
    {"area", walk_nothing},
    {"article", walk_block},
    {"aside", walk_block},
    {"audio", walk_nothing},
    {"base", walk_nothing},
    {"blockquote", walk_quote},
    {"body", walk_block},
    {"br", walk_break},
    {"canvas", walk_nothing},
    {"caption", walk_block},
    {"center", walk_block},
    {"datalist", walk_nothing},
    {"dd", walk_definition},
    {"details", walk_block},
    {"dir", walk_list},
    {"div", walk_block},
    {"dl", walk_paragraph},
    {"dt", walk_block},
    {"embed", walk_nothing},
    {"fieldset", walk_paragraph},
    {"figcaption", walk_block},
    {"figure", walk_paragraph},
    {"footer", walk_block},
    {"form", walk_block},
    {"h1", walk_heading},
    {"h2", walk_heading},
    {"h3", walk_heading},
    {"h4", walk_heading},
    {"h5", walk_heading},
    {"h6", walk_heading},
    {"head", walk_nothing},
    {"header", walk_block},
    {"hr", walk_rule},
    {"iframe", walk_nothing},
    {"img", walk_image},
    {"input", walk_input},
    {"legend", walk_block},
    {"li", walk_item},
    {"link", walk_nothing},
    {"listing", walk_pre},
    {"main", walk_block},
    {"map", walk_nothing},
    {"menu", walk_list},
    {"meta", walk_nothing},
    {"nav", walk_block},
    {"object", walk_nothing},
    {"ol", walk_list},
    {"optgroup", walk_nothing},
    {"option", walk_nothing},
    {"p", walk_paragraph},
    {"param", walk_nothing},
    {"plaintext", walk_pre},
    {"pre", walk_pre},
    {"q", walk_quoted},
    {"script", walk_nothing},
    {"section", walk_block},
    {"select", walk_select},
    {"style", walk_nothing},
    {"summary", walk_block},
    {"sup", walk_super},
    {"svg", walk_nothing},
    {"table", walk_table},
    {"tbody", walk_block},
    {"td", walk_block},
    {"template", walk_nothing},
    {"textarea", walk_pre},
    {"tfoot", walk_block},
    {"th", walk_block},
    {"thead", walk_block},
    {"title", walk_nothing},
    {"tr", walk_block},
    {"ul", walk_list},
    {"video", walk_nothing},
    {"xmp", walk_pre},
};

static int by_name(const void *key, const void *item)
{
    const char *name = ((const struct element *)item)->name;
    int d = *(const unsigned char *)key - (unsigned char)name[0];
    return d != 0 ? d : strcmp(key, name);
}

static const struct element *element_of(const xmlNode *node)
{
    return bsearch(node->name, elements, sizeof elements / sizeof *elements, sizeof *elements,
                   by_name);
}

static bool is_skipped(const xmlNode *node)
{
    const struct element *e = element_of(node);
    return e != NULL && e->walk == walk_nothing;
}

static void walk(struct page *p, struct fill *f, const xmlNode *node, unsigned depth)
{
    if (depth > DEPTH_MAX)
        return;
    if (node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE)
        fill_text(f, content_of(node));
    if (node->type != XML_ELEMENT_NODE || is_hidden(node))
        return;
    const struct element *e = element_of(node);
    if (e != NULL)
        e->walk(p, f, node, depth);
    else
        walk_children(p, f, node, depth);
}

/* --- the door --- */

/* Parse; NULL when the parser gave up before the end of the page. */
static htmlDocPtr parse(struct str html)
{
    htmlParserCtxtPtr ctxt = htmlNewParserCtxt();
    if (ctxt == NULL)
        return NULL;
    htmlDocPtr doc =
        htmlCtxtReadMemory(ctxt, html.p, (int)html.n, NULL, "UTF-8",
                           HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING |
                               HTML_PARSE_NONET | HTML_PARSE_COMPACT);
    bool stopped = ctxt->disableSAX != 0 || ctxt->instate == XML_PARSER_EOF;
    htmlFreeParserCtxt(ctxt);
    if (doc != NULL && stopped) {
        xmlFreeDoc(doc);
        doc = NULL;
    }
    return doc;
}

static void start_libxml(void)
{
    xmlInitParser();
}

static void render(struct fill *f, struct str html)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, start_libxml);
    struct page p = {.a = arena_new(html.n * 32 + 65536), .links = mem_new(sizeof *p.links)};
    htmlDocPtr doc = html.n > 0 && html.n <= PAGE_MAX ? parse(html) : NULL;
    if (doc != NULL) {
        for (const xmlNode *c = doc->children; c != NULL; c = c->next)
            walk(&p, f, c, 0);
        new_line(&p, f);
        links_put(p.links, f);
        xmlFreeDoc(doc);
    } else {
        tags_strip(f, html);
    }
    free(p.links);
    arena_free(&p.a);
}

int html_to_text(struct buf *utf8, struct str html, const char *charset, unsigned width,
                 struct why *w)
{
    struct buf page, clean;
    struct fill f;
    buf_init(&page, html.n * 4 + 64);
    buf_init(&clean, html.n * 24 + 64);
    tags_convert(&page, html, charset);
    tags_clean(&clean, buf_text(&page));
    buf_done(&page);
    fill_init(&f, utf8, width > 0 ? width : WIDTH_DEFAULT);
    render(&f, buf_text(&clean));
    fill_done(&f);
    buf_done(&clean);
    return utf8->over ? why_set(w, E_LIMIT, 552, "5.3.4", "text of an HTML page is too long") : OK;
}
