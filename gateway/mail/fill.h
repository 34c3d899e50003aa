/* gateway/mail/fill.h -- paragraphs filled to a width, with margins, list markers and single blank
 * lines: the typesetting below html. Pure; text is UTF-8, widths are columns. */
#ifndef GATEWAY_MAIL_FILL_H
#define GATEWAY_MAIL_FILL_H

#include "base/bytes.h"

struct fill {
    struct buf *out;
    unsigned width;
    unsigned widest;     /* columns of the widest line since it was set to 0, without margin */
    size_t lines;        /* written */
    struct buf para;     /* the paragraph so far: single blanks, LF where it breaks */
    struct buf margin;   /* before every line */
    struct buf marker;   /* takes the place of the margin's end before the next line: "* " */
    bool spacer;         /* a no-break space was in the paragraph: empty lines are made so */
    bool blank;          /* an empty line is due before the next one */
    size_t blank_margin; /* bytes of margin that belong before it */
};

void fill_init(struct fill *f, struct buf *out, unsigned width);
void fill_done(struct fill *f); /* flushes */
/* Running text: white space is one blank, invisible characters are dropped. */
void fill_text(struct fill *f, struct str s);
void fill_word(struct fill *f, struct str s); /* as it is, glued to what stands before */
void fill_break(struct fill *f);              /* a line break inside the paragraph */
void fill_flush(struct fill *f);              /* the paragraph ends */
void fill_blank(struct fill *f);              /* it ends, and an empty line comes before the next */
/* Preformatted text: its line breaks and blanks count, tabs are eight columns. Flushes first. */
void fill_pre(struct fill *f, struct str s);
/* Finished lines, put behind the margin as they are. Flushes first. */
void fill_lines(struct fill *f, struct str lines);
void fill_rule(struct fill *f, char c, unsigned columns);
/* Text before each line from now on; answers how much to give to fill_pop. A margin that would take
 * more than half the width is left out. Both flush. */
size_t fill_push(struct fill *f, struct str margin);
void fill_pop(struct fill *f, size_t pushed);
/* Push blanks as wide as the marker, the marker itself before the first line. */
size_t fill_item(struct fill *f, struct str marker);
unsigned fill_room(const struct fill *f); /* width less margin */

#endif
