/* gateway/mail/plain.c -- text parts as text. */
#include "gateway/mail/plain.h"

#include <string.h>

#include "base/text.h"

/* Lines end in LF; a bare CR is one too; NUL is nothing. *cr: the text before ended in one, and
 * this does. */
static void put_some_lines(struct buf *b, struct str s, bool *cr)
{
    size_t start = 0;
    if (*cr && s.n > 0 && s.p[0] != '\n')
        buf_u8(b, '\n');
    *cr = *cr && s.n == 0;
    bool nul = s.n > 0 && memchr(s.p, '\0', s.n) != NULL;
    for (size_t i = 0; i < s.n; i++) {
        const char *cr_at = nul ? s.p + i : memchr(s.p + i, '\r', s.n - i);
        if (cr_at == NULL)
            break;
        i = (size_t)(cr_at - s.p);
        if (s.p[i] != '\r' && s.p[i] != '\0')
            continue;
        buf_str(b, str_sub(s, start, i - start));
        if (s.p[i] == '\r' && i + 1 == s.n)
            *cr = true;
        else if (s.p[i] == '\r' && s.p[i + 1] != '\n')
            buf_u8(b, '\n');
        start = i + 1;
    }
    buf_str(b, str_sub(s, start, s.n));
}

static void put_lines(struct buf *b, struct str s)
{
    bool cr = false;
    put_some_lines(b, s, &cr);
    if (cr)
        buf_u8(b, '\n');
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

static bool is_wide(struct str charset)
{
    return str_starts_nocase(charset, "utf-16") || str_starts_nocase(charset, "utf-32") ||
           str_starts_nocase(charset, "ucs");
}

static size_t count_controls(struct str bytes)
{
    size_t n = 0;
    for (size_t i = 0; i < bytes.n; i++)
        n += (unsigned char)bytes.p[i] < 0x20 && strchr("\t\n\r\f\x1b", bytes.p[i]) == NULL;
    return n;
}

bool plain_is_binary(struct str bytes, struct str charset)
{
    if (is_wide(charset))
        return false;
    return (bytes.n > 0 && memchr(bytes.p, '\0', bytes.n) != NULL) ||
           count_controls(bytes) * 20 > bytes.n;
}

/* --- in pieces */

void plain_judge_begin(struct plain_judge *j, struct str charset)
{
    *j = (struct plain_judge){.charset = charset, .utf8 = text_flow_new("utf-8")};
    buf_init(&j->room, SIZE_MAX / 4);
}

void plain_judge_put(struct plain_judge *j, struct cur piece)
{
    struct str s = cur_str(&piece);
    j->bytes += s.n;
    j->controls += count_controls(s);
    j->nul = j->nul || (s.n > 0 && memchr(s.p, '\0', s.n) != NULL);
    buf_reset(&j->room);
    j->bad += text_flow_put(j->utf8, &j->room, piece, false);
}

bool plain_judge_end(struct plain_judge *j, char charset[64])
{
    buf_reset(&j->room);
    j->bad += text_flow_put(j->utf8, &j->room, cur_of(NULL, 0), true);
    text_flow_free(&j->utf8);
    buf_done(&j->room);
    str_copy(charset, 64, j->charset.n > 0 ? j->charset : STR("us-ascii"));
    struct text_flow *known = text_is_guessed(charset) ? NULL : text_flow_new(charset);
    if (known == NULL)
        str_copy(charset, 64, j->bad == 0 ? STR("utf-8") : STR("windows-1252"));
    text_flow_free(&known);
    return !is_wide(j->charset) && (j->nul || j->controls * 20 > j->bytes);
}

void plain_flow_begin(struct plain_flow *f, const char *charset)
{
    *f = (struct plain_flow){.flow = text_flow_new(charset)};
    buf_init(&f->utf8, SIZE_MAX / 4);
}

size_t plain_flow_put(struct plain_flow *f, struct buf *b, struct cur piece, bool last)
{
    buf_reset(&f->utf8);
    size_t bad = text_flow_put(f->flow, &f->utf8, piece, last);
    put_some_lines(b, buf_text(&f->utf8), &f->cr);
    if (last && f->cr)
        buf_u8(b, '\n');
    return bad;
}

void plain_flow_done(struct plain_flow *f)
{
    text_flow_free(&f->flow);
    buf_done(&f->utf8);
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
