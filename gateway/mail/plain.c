/* gateway/mail/plain.c -- text parts as text. */
#include "gateway/mail/plain.h"

#include <string.h>

#include "base/text.h"

/* Lines end in LF; a bare CR is one too; NUL is nothing. */
static void put_lines(struct buf *b, struct str s)
{
    size_t start = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '\r' && s.p[i] != '\0')
            continue;
        buf_str(b, str_sub(s, start, i - start));
        if (s.p[i] == '\r' && (i + 1 == s.n || s.p[i + 1] != '\n'))
            buf_u8(b, '\n');
        start = i + 1;
    }
    buf_str(b, str_sub(s, start, s.n));
}

void plain_put(struct buf *b, struct str bytes, struct str charset, size_t *replaced)
{
    if (text_is_ascii(bytes) && charset.n == 0) {
        put_lines(b, bytes);
        return;
    }
    char label[64];
    str_copy(label, sizeof label, charset.n > 0 ? charset : STR("us-ascii"));
    struct buf utf8;
    struct why ignored;
    size_t bad = 0;
    buf_init(&utf8, b->max);
    if (text_to_utf8(&utf8, label, cur_of_str(bytes), &bad, &ignored) != OK) {
        buf_reset(&utf8);
        bad = 0;
        if (text_to_utf8(&utf8, "us-ascii", cur_of_str(bytes), &bad, &ignored) != OK)
            buf_reset(&utf8);
    }
    *replaced += bad;
    put_lines(b, buf_text(&utf8));
    b->over = b->over || utf8.over;
    buf_done(&utf8);
}

bool plain_is_binary(struct str bytes, struct str charset)
{
    size_t controls = 0;
    if (str_starts_nocase(charset, "utf-16") || str_starts_nocase(charset, "utf-32") ||
        str_starts_nocase(charset, "ucs"))
        return false;
    for (size_t i = 0; i < bytes.n; i++) {
        if (bytes.p[i] == '\0')
            return true;
        controls += (unsigned char)bytes.p[i] < 0x20 && strchr("\t\n\r\f\x1b", bytes.p[i]) == NULL;
    }
    return controls * 20 > bytes.n;
}

/* "begin 644 name": three or four octal digits and a name. */
static bool is_begin(struct str line, struct str *name)
{
    struct str rest = line, word = str_word(&rest), mode = str_word(&rest);
    bool good = str_eq(word, STR("begin")) && line.p[0] == 'b' && (mode.n == 3 || mode.n == 4);
    for (size_t i = 0; good && i < mode.n; i++)
        good = mode.p[i] >= '0' && mode.p[i] <= '7';
    *name = str_trim(rest);
    return good && name->n > 0;
}

/* A line of the encoding: its first character counts the bytes, four characters stand for three;
 * some writers leave blanks at the end out or add a check character. */
static bool is_data(enum mime_coding coding, struct str line)
{
    unsigned bytes, ignored;
    if (line.n == 0 || !transfer_count(coding, line.p[0], &bytes))
        return false;
    size_t want = (bytes + 2) / 3 * 4 + 1;
    for (size_t i = 0; i < line.n; i++)
        if (!transfer_count(coding, line.p[i], &ignored))
            return false;
    return bytes > 0 && (line.n == want || line.n == want + 1);
}

static bool is_last(enum mime_coding coding, struct str line)
{
    if (coding == MIME_XX)
        return str_eq(line, STR("+"));
    return line.n == 0 || str_eq(line, STR("`")) || str_eq(line, STR(" "));
}

static bool read_uu(struct str text, size_t at, enum mime_coding coding, struct plain_uu *out)
{
    struct str rest = str_sub(text, at, text.n), line;
    (void)str_line(&rest, &line); /* begin */
    size_t lines = 0;
    out->start = at;
    out->coding = coding;
    out->data = rest;
    while (str_line(&rest, &line)) {
        if (str_eq(line, STR("end")) && lines > 0) {
            out->data.n = (size_t)(line.p - out->data.p);
            out->end = text.n - rest.n;
            return true;
        }
        if (!is_last(coding, line) && !is_data(coding, line))
            return false;
        lines++;
    }
    return false;
}

bool plain_find_uu(struct str text, size_t from, struct plain_uu *out)
{
    struct str rest = str_sub(text, from, text.n), line;
    while (rest.n > 0) {
        size_t at = text.n - rest.n;
        (void)str_line(&rest, &line);
        if (line.n > 6 && line.p[0] == 'b' && is_begin(line, &out->name) &&
            (read_uu(text, at, MIME_UU, out) || read_uu(text, at, MIME_XX, out)))
            return true;
    }
    return false;
}
