/* gateway/file/printfile.c -- see printfile.h */
#include "gateway/file/printfile.h"

#include "rscs/punch.h"

#define BLANK 0x40u
#define UNDERSCORE 0x6Du
#define FORM_FEED 0x0Cu
#define LINE_MAX_BYTES 32760u /* of one record */

/* Machine codes: bit 0 is set in all, bit 1: only move, 0x80: to a channel, else over lines. */
enum {
    MACHINE_BIT = 0x01,
    MACHINE_ONLY = 0x02,
    MACHINE_SKIP = 0x80,
    CHANNEL_ONE = 0x88,
};

struct motion {
    bool machine, only; /* only: nothing is printed */
    bool page;
    unsigned lines;
};

static struct motion motion_of(uint8_t control)
{
    switch (control) {
    case 0x40: /* blank */
        return (struct motion){.lines = 1};
    case 0xF0: /* 0 */
        return (struct motion){.lines = 2};
    case 0x60: /* - */
        return (struct motion){.lines = 3};
    case 0x4E: /* + */
        return (struct motion){.lines = 0};
    case 0xF1: /* 1 */
        return (struct motion){.page = true};
    default:
        break;
    }
    if (control >= 0xE4 || (control & MACHINE_BIT) == 0)
        return (struct motion){.lines = 1}; /* another channel of ASA, or nothing known */
    struct motion m = {.machine = true, .only = (control & MACHINE_ONLY) != 0};
    if ((control & MACHINE_SKIP) != 0) {
        m.page = (control & 0xF8u) == CHANNEL_ONE;
        m.lines = 1;
    } else {
        m.lines = (control >> 3) & 3u;
    }
    return m;
}

void print_begin(struct print *p, const struct ebc_page *page)
{
    *p = (struct print){.page = page};
    buf_init(&p->line, LINE_MAX_BYTES);
}

static void write_line(struct print *p, struct buf *out)
{
    if (p->have) {
        punch_line(out, buf_cur(&p->line), p->page);
        buf_u8(out, '\n');
    }
    buf_reset(&p->line);
    p->have = false;
}

static void move(struct print *p, bool page, unsigned lines)
{
    p->page_due = p->page_due || page;
    p->lines_due += lines;
}

/* Where a letter stands already it stays; what is underlined is no longer. */
static void over(struct buf *line, struct cur record)
{
    for (size_t i = 0; cur_left(&record) > 0; i++) {
        uint8_t e = cur_u8(&record);
        if (i == line->n)
            buf_u8(line, BLANK);
        if (i < line->n && e != BLANK && e != 0 &&
            (line->p[i] == BLANK || (line->p[i] == UNDERSCORE && e != UNDERSCORE)))
            line->p[i] = e;
    }
}

static void print(struct print *p, struct buf *out, struct cur record)
{
    if (p->have && (p->page_due || p->lines_due > 0))
        write_line(p, out);
    if (p->page_due && out->n > 0)
        buf_u8(out, FORM_FEED);
    for (unsigned i = 1; !p->page_due && i < p->lines_due && out->n > 0; i++)
        buf_u8(out, '\n');
    p->page_due = false;
    p->lines_due = 0;
    over(&p->line, record);
    p->have = true;
}

void print_record(struct print *p, struct buf *out, uint8_t control, struct cur record)
{
    struct motion m = motion_of(control);
    if (!m.machine)
        move(p, m.page, m.lines);
    if (!m.only)
        print(p, out, record);
    if (m.machine)
        move(p, m.page, m.lines);
}

void print_end(struct print *p, struct buf *out)
{
    write_line(p, out);
    buf_done(&p->line);
}
