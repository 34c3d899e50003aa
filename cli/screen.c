/* cli/screen.c -- see screen.h */
#include "cli/screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"

#define INDENT "  "
#define COLUMNS_LEAST 10u
#define TEXT_MOST (1u << 20)

bool screen_size(int fd, unsigned *columns, unsigned *rows)
{
    struct winsize size;
    if (!isatty(fd) || ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return false;
    *columns = size.ws_col;
    *rows = size.ws_row;
    return true;
}

/* Octets of the character at the front. */
static size_t character(struct str s)
{
    size_t n = 1;
    while (n < s.n && ((unsigned char)s.p[n] & 0xC0u) == 0x80u)
        n++;
    return n;
}

/* How much of it fits: up to a blank where there is one. */
static size_t piece(struct str s, size_t columns)
{
    size_t n = 0, used = 0;
    while (n < s.n) {
        struct str next = str_sub(s, n, s.n);
        next = str_sub(next, 0, character(next));
        used += text_columns(next);
        if (used > columns && n > 0)
            break;
        n += next.n;
    }
    ptrdiff_t blank = n < s.n ? str_find_last(str_sub(s, 0, n + 1), ' ') : -1;
    return blank > 0 ? (size_t)blank : n;
}

/* One blank for several. */
static void add_tight(struct buf *b, struct str line)
{
    struct str word;
    while ((word = str_word(&line)).n > 0) {
        if (b->n > 0)
            buf_u8(b, ' ');
        buf_str(b, word);
    }
}

static unsigned fold(struct buf *out, struct str line, unsigned columns)
{
    unsigned n = 0;
    struct buf tight;
    buf_init(&tight, TEXT_MOST);
    add_tight(&tight, line);
    for (struct str rest = buf_text(&tight); rest.n > 0; n++) {
        size_t take = piece(rest, n == 0 ? columns : columns - (sizeof INDENT - 1));
        buf_z(out, n == 0 ? "" : INDENT);
        buf_str(out, str_sub(rest, 0, take));
        buf_u8(out, '\n');
        rest = str_trim(str_sub(rest, take, rest.n));
    }
    buf_done(&tight);
    return n;
}

static void put_lines(FILE *f, struct str text, unsigned most)
{
    struct str line;
    for (unsigned n = 0; n < most && str_line(&text, &line); n++)
        fprintf(f, "%.*s\n", STR_ARG(line));
}

void screen_put(FILE *f, struct str text, unsigned columns, unsigned rows)
{
    struct buf out;
    struct str line;
    unsigned n = 0, most = rows > 2 ? rows - 1 : 1;
    buf_init(&out, TEXT_MOST);
    while (str_line(&text, &line)) {
        if (columns < COLUMNS_LEAST || text_columns(line) <= columns) {
            buf_str(&out, line);
            buf_u8(&out, '\n');
            n++;
        } else {
            n += fold(&out, line, columns);
        }
    }
    if (rows == 0 || n <= most) {
        put_lines(f, buf_text(&out), n);
    } else {
        put_lines(f, buf_text(&out), most - 1);
        fprintf(f, "and %u more lines\n", n - most + 1);
    }
    buf_done(&out);
}
