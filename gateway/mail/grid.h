/* gateway/mail/grid.h -- a table of texts as aligned columns. Pure; text is UTF-8, widths are
 * columns. */
#ifndef GATEWAY_MAIL_GRID_H
#define GATEWAY_MAIL_GRID_H

#include "base/bytes.h"
#include "gateway/mail/fill.h"

#define GRID_COLUMNS_MAX 60u

struct grid_cell {
    struct str text;    /* LF lines, not wrapped */
    unsigned col, span; /* first column, number of columns */
    bool head;
};
struct grid_row {
    struct grid_cell *cell; /* by col */
    size_t n;
};
struct grid {
    struct grid_row *row;
    size_t n;
    unsigned columns; /* at most GRID_COLUMNS_MAX */
};
/* Append the table in at most `width` columns: two blanks between columns, columns of numbers to
 * the right, a rule of dashes under a first row of heads, long cells wrapped. False, and nothing
 * written, when the columns would become too narrow to read. */
bool grid_put(struct buf *out, const struct grid *g, unsigned width);
/* Are all cells so short that they look like data, not like the layout of a page? */
bool grid_short(const struct grid *g);
/* The table as a block for each row, a line "Head: text" for each cell: when it is too wide for
 * columns. */
void grid_records(struct fill *f, const struct grid *g);

#endif
