/* gateway/mail/mimeput.c -- mime_put_text: a text and files as a MIME body, 7-bit. */
#include "gateway/mail/mime.h"

#include <string.h>

#include "base/text.h"
#include "gateway/mail/header.h"

#define LINE_MAX_7BIT 998u /* RFC 5322 2.1.1 */
#define QP_LINE 76u        /* RFC 2045 6.7 (5) */
#define B64_LINE_BYTES 57u /* 76 columns */
#define NAME_MAX_BYTES 255u
#define BOUNDARY_SEED_MAX 40u

enum coding { CODING_7BIT, CODING_QP, CODING_BASE64 };

/* Eight bytes of ' ' to '~' without '_': none of them needs a look of its own. */
static bool eight_plain(const char *p)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    uint64_t v;
    memcpy(&v, p, sizeof v);
    uint64_t del = v ^ ones * 0x7f, under = v ^ ones * '_';
    /* With no high bit anywhere a byte below the one taken away leaves one in the difference. */
    return ((v | (v - ones * ' ') | (del - ones) | (under - ones)) & high) == 0;
}

/* RFC 2045 2.7: plain ASCII, no NUL, no CR outside CRLF, no line over 998; other controls than the
 * tab are better off in quoted-printable, and for "=_" see make_boundary. */
static bool is_7bit(struct str line)
{
    if (line.n > LINE_MAX_7BIT)
        return false;
    for (size_t i = 0; i < line.n; i++) {
        for (; i + 8 < line.n && eight_plain(line.p + i); i += 8)
            ;
        unsigned char c = (unsigned char)line.p[i];
        if (c >= 0x7f || (c < 0x20 && c != '\t') || (c == '_' && i > 0 && line.p[i - 1] == '='))
            return false;
    }
    return true;
}

/* Of what cannot go as it is: mostly foreign letters are shorter and no less legible in base64. */
static enum coding coding_of(struct str text)
{
    size_t foreign = 0;
    for (size_t i = 0; i < text.n; i++)
        foreign += (unsigned char)text.p[i] >= 0x80;
    return foreign * 2 > text.n ? CODING_BASE64 : CODING_QP;
}

static void put_qp_line(struct buf *b, struct str line)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t column = 0;
    for (size_t i = 0; i < line.n; i++) {
        unsigned char c = (unsigned char)line.p[i];
        bool last = i + 1 == line.n;
        bool plain = (c > ' ' && c < 0x7f && c != '=') || ((c == ' ' || c == '\t') && !last);
        size_t need = plain ? 1 : 3;
        if (column + need + !last > QP_LINE) { /* the soft break's = needs a column too */
            buf_z(b, "=\r\n");
            column = 0;
        }
        if (plain) {
            buf_u8(b, c);
        } else {
            buf_u8(b, '=');
            buf_u8(b, (uint8_t)digits[c >> 4]);
            buf_u8(b, (uint8_t)digits[c & 15]);
        }
        column += need;
    }
    buf_crlf(b);
}

static void put_qp(struct buf *b, struct str text)
{
    struct str line;
    while (str_line(&text, &line))
        put_qp_line(b, line);
}

static void put_base64(struct buf *b, struct cur bytes)
{
    while (cur_left(&bytes) > 0) {
        size_t n = cur_left(&bytes) < B64_LINE_BYTES ? cur_left(&bytes) : B64_LINE_BYTES;
        text_b64(b, cur_sub(&bytes, n));
        buf_crlf(b);
    }
}

/* Well-formed UTF-8 whatever came in; scratch holds it when it had to be repaired. */
static struct str repaired(struct str text, struct buf *scratch)
{
    if (text_is_utf8(text))
        return text;
    buf_reset(scratch);
    while (text.n > 0)
        text_put_rune(scratch, text_rune(&text));
    return buf_text(scratch);
}

static void put_encoding(struct buf *b, enum coding coding)
{
    static const char *const names[] = {"7bit", "quoted-printable", "base64"};
    buf_printf(b, "Content-Transfer-Encoding: %s\r\n", names[coding]);
}

/* False: a line of it cannot go so. */
static bool put_7bit_body(struct buf *b, struct str text)
{
    struct str line;
    buf_crlf(b);
    while (str_line(&text, &line)) {
        if (!is_7bit(line))
            return false;
        buf_str(b, line);
        buf_crlf(b);
    }
    return true;
}

static void put_coded_body(struct buf *b, struct str text, enum coding coding)
{
    struct buf lines;
    buf_crlf(b);
    if (coding == CODING_QP) {
        put_qp(b, text);
    } else { /* RFC 2045 6.8: line breaks are CRLF before they are encoded */
        buf_init(&lines, b->max);
        buf_crlf_lines(&lines, text);
        put_base64(b, buf_cur(&lines));
        buf_done(&lines);
    }
}

static void put_nje(struct buf *b, const struct mime_file *f)
{
    if (f != NULL && f->nje_file.n > 0)
        hdr_put(b, "X-NJE-File", f->nje_file);
    if (f != NULL && f->nje_records.n > 0)
        hdr_put(b, "X-NJE-Records", f->nje_records);
}

static void put_text_fields(struct buf *b, const char *type, const char *charset, struct str params,
                            const struct mime_file *f, enum coding coding)
{
    struct buf value;
    buf_init(&value, 4096);
    buf_printf(&value, "%s; charset=%s", type, charset);
    hdr_put(b, "Content-Type", buf_text(&value));
    buf_done(&value);
    if (params.n > 0)
        hdr_put(b, "Content-Disposition", params);
    put_nje(b, f);
    put_encoding(b, coding);
}

/* The fields and body of one text; f NULL: it is no file. Most go as they are: that is tried, for a
 * text is looked at as it is copied. */
static void put_text(struct buf *b, const char *type, struct str params, struct str text,
                     const struct mime_file *f)
{
    struct buf scratch;
    size_t start = b->n;
    (void)buf_room(b, text.n + text.n / 32 + 1024);
    put_text_fields(b, type, "us-ascii", params, f, CODING_7BIT);
    if (put_7bit_body(b, text))
        return;
    buf_trim(b, start);
    buf_init(&scratch, b->max);
    text = repaired(text, &scratch);
    enum coding coding = coding_of(text);
    put_text_fields(b, type, text_is_ascii(text) ? "us-ascii" : "utf-8", params, f, coding);
    put_coded_body(b, text, coding);
    buf_done(&scratch);
}

/* attachment; filename="x", or RFC 2231 when the name is not ASCII. */
static void put_disposition(struct buf *value, struct str name)
{
    name = str_sub(name, 0, NAME_MAX_BYTES);
    buf_z(value, "attachment");
    if (name.n == 0)
        return;
    bool ascii = text_is_ascii(name);
    buf_z(value, ascii ? "; filename=\"" : "; filename*=UTF-8''");
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        bool token = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     c == '.' || c == '-' || c == '_';
        if (ascii && (c == '"' || c == '\\'))
            buf_u8(value, '\\');
        if (ascii)
            buf_u8(value, c < 0x20 || c == 0x7f ? ' ' : c);
        else if (token)
            buf_u8(value, c);
        else
            buf_printf(value, "%%%02X", c);
    }
    buf_z(value, ascii ? "\"" : "");
}

/* A media type as a token of its own; anything doubtful is bytes. */
static const char *media_type(const struct mime_file *f, char type[128])
{
    bool good = f->type.n < 128 && str_find(f->type, '/') > 0;
    for (size_t i = 0; good && i < f->type.n; i++)
        good = f->type.p[i] > ' ' && f->type.p[i] < 0x7f &&
               strchr("()<>@,;:\\\"[]?=", f->type.p[i]) == NULL;
    if (!good)
        return f->text ? "text/plain" : "application/octet-stream";
    str_copy(type, 128, f->type);
    return type;
}

static void put_file(struct buf *b, const struct mime_file *f)
{
    char room[128];
    struct buf disposition;
    buf_init(&disposition, 4096);
    put_disposition(&disposition, f->name);
    const char *type = media_type(f, room);
    if (f->text) {
        put_text(b, type, buf_text(&disposition), cur_str(&f->content), f);
    } else {
        hdr_put(b, "Content-Type", str_of(type));
        hdr_put(b, "Content-Disposition", buf_text(&disposition));
        put_nje(b, f);
        put_encoding(b, CODING_BASE64);
        buf_crlf(b);
        put_base64(b, f->content);
    }
    buf_done(&disposition);
}

/* RFC 2045 6.7 and 6.8: "=_" can stand in neither quoted-printable nor base64, and a text that
 * holds it goes as quoted-printable: no boundary of ours can occur in a part, without a search for
 * a free one. */
static struct str make_boundary(struct buf *room, struct str seed)
{
    buf_z(room, "=_");
    for (size_t i = 0; i < seed.n && i < BOUNDARY_SEED_MAX; i++) {
        char c = seed.p[i];
        bool good = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        buf_u8(room, good ? (uint8_t)c : '_');
    }
    return buf_text(room);
}

/* RFC 2046 5.1.1: the line break before a delimiter belongs to it, so that a text keeps its own
 * last one. */
static void put_delimiter(struct buf *b, struct str boundary, const char *end)
{
    buf_printf(b, "\r\n--%.*s%s\r\n", STR_ARG(boundary), end);
}

void mime_put_text(struct buf *b, struct str text, const struct mime_file *file, size_t nfiles,
                   struct str boundary_seed)
{
    buf_z(b, "MIME-Version: 1.0\r\n");
    if (nfiles == 0) {
        put_text(b, "text/plain", STR(""), text, NULL);
        return;
    }
    struct buf room;
    buf_init(&room, 128);
    struct str boundary = make_boundary(&room, boundary_seed);
    buf_printf(b, "Content-Type: multipart/mixed; boundary=\"%.*s\"\r\n", STR_ARG(boundary));
    if (text.n > 0) {
        put_delimiter(b, boundary, "");
        put_text(b, "text/plain", STR(""), text, NULL);
    }
    for (size_t i = 0; i < nfiles; i++) {
        put_delimiter(b, boundary, "");
        put_file(b, &file[i]);
    }
    put_delimiter(b, boundary, "--");
    buf_done(&room);
}
