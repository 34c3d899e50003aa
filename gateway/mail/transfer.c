/* gateway/mail/transfer.c -- see transfer.h */
#include "gateway/mail/transfer.h"

#include <string.h>

#define LINE_BYTES 45u /* of a uuencoded line */
#define NONE 0xFFu

static const char xx_letters[] = "+-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* --- base64 --- */

static uint8_t base64_value(unsigned char c)
{
    static const uint8_t values[128] = {
        ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,
        ['H'] = 8,  ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14,
        ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21,
        ['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28,
        ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35,
        ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42,
        ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49,
        ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
        ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63,
        ['/'] = 64};
    return c < 128 && values[c] != 0 ? (uint8_t)(values[c] - 1) : NONE;
}

/* Whole groups without anything between them. Answers the characters taken. */
static size_t base64_groups(struct str in, struct buf *out)
{
    uint8_t room[3 * 256];
    size_t taken = 0, n = 0;
    for (; taken + 4 <= in.n; taken += 4) {
        const unsigned char *p = (const unsigned char *)in.p + taken;
        uint8_t a = base64_value(p[0]), b = base64_value(p[1]), c = base64_value(p[2]),
                d = base64_value(p[3]);
        if ((a | b | c | d) & 0xC0)
            break;
        room[n++] = (uint8_t)(a << 2 | b >> 4);
        room[n++] = (uint8_t)(b << 4 | c >> 2);
        room[n++] = (uint8_t)(c << 6 | d);
        if (n == sizeof room) {
            buf_add(out, room, n);
            n = 0;
        }
    }
    buf_add(out, room, n);
    return taken;
}

static void base64_char(struct transfer *t, char c, struct buf *out)
{
    uint8_t v = base64_value((unsigned char)c);
    if (c == '=') { /* the end of a group; of several joined objects each has its own */
        t->bits = 0;
        t->nbits = 0;
    }
    if (v == NONE)
        return;
    t->bits = t->bits << 6 | v;
    t->nbits += 6;
    if (t->nbits >= 8) {
        t->nbits -= 8;
        buf_u8(out, (uint8_t)(t->bits >> t->nbits));
        t->bits &= (1u << t->nbits) - 1;
    }
}

static void base64_put(struct transfer *t, struct str in, struct buf *out)
{
    for (size_t i = 0; i < in.n; i++) {
        if (t->nbits == 0) {
            i += base64_groups(str_sub(in, i, in.n), out);
            if (i == in.n)
                return;
        }
        base64_char(t, in.p[i], out);
    }
}

/* --- quoted-printable --- */

static void qp_flush(struct transfer *t, struct buf *out)
{
    buf_add(out, t->held, t->nheld);
    t->nheld = 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Behind a '=': two hexadecimal digits, or blanks and the end of the line. Held is "=...". */
static void qp_escape(struct transfer *t, char c, struct buf *out)
{
    bool soft = t->nheld == 1 || is_blank(t->held[1]) || t->held[1] == '\r';
    if (soft && c == '\n') {
        t->nheld = 0;
        return;
    }
    int first = t->nheld == 2 ? ascii_hex(t->held[1]) : -1, second = ascii_hex(c);
    if (first >= 0 && second >= 0) {
        buf_u8(out, (uint8_t)(first << 4 | second));
        t->nheld = 0;
        return;
    }
    bool more = (soft && (is_blank(c) || c == '\r')) || (t->nheld == 1 && second >= 0);
    if (!more || t->nheld == sizeof t->held) {
        qp_flush(t, out);
        if (c == '=')
            t->held[t->nheld++] = c;
        else
            buf_u8(out, (uint8_t)c);
        return;
    }
    t->held[t->nheld++] = c;
}

/* Blanks at the end of a line are none of the text (RFC 2045 6.7 (3)). */
static void qp_char(struct transfer *t, char c, struct buf *out)
{
    if (t->nheld > 0 && t->held[0] == '=') {
        qp_escape(t, c, out);
        return;
    }
    bool end = c == '\n' || (c == '\r' && t->nheld > 0);
    if (c == '\n') {
        bool cr = t->nheld > 0 && t->held[t->nheld - 1] == '\r';
        t->nheld = 0;
        buf_z(out, cr ? "\r\n" : "\n");
        return;
    }
    if (!is_blank(c) && !end)
        qp_flush(t, out);
    if (t->nheld == sizeof t->held)
        qp_flush(t, out);
    if (is_blank(c) || c == '=' || end)
        t->held[t->nheld++] = c;
    else
        buf_u8(out, (uint8_t)c);
}

static void qp_put(struct transfer *t, struct str in, struct buf *out)
{
    for (size_t i = 0; i < in.n; i++) {
        size_t plain = 0;
        while (t->nheld == 0 && i + plain < in.n && (unsigned char)in.p[i + plain] > ' ' &&
               in.p[i + plain] != '=')
            plain++;
        buf_add(out, in.p + i, plain);
        i += plain;
        if (i < in.n)
            qp_char(t, in.p[i], out);
    }
}

/* --- uuencode, xxencode --- */

static uint8_t uu_value(enum mime_coding coding, char c)
{
    if (coding == MIME_UU)
        return c >= ' ' && c <= '`' ? (uint8_t)((c - ' ') & 63) : NONE;
    const char *at = c != '\0' ? strchr(xx_letters, c) : NULL;
    return at != NULL ? (uint8_t)(at - xx_letters) : NONE;
}

bool transfer_count(enum mime_coding coding, char c, unsigned *bytes)
{
    uint8_t v = uu_value(coding, c);
    *bytes = v == NONE ? 0 : v;
    return v != NONE;
}

/* Blanks that were zero bits may have been cut from the end of the line. */
static void uu_line(struct transfer *t, struct str line, struct buf *out)
{
    unsigned left;
    if (line.n == 0 || !transfer_count(t->coding, line.p[0], &left))
        return;
    for (size_t i = 1; left > 0; i += 4) {
        uint32_t group = 0;
        for (size_t k = 0; k < 4; k++) {
            uint8_t v = i + k < line.n ? uu_value(t->coding, line.p[i + k]) : 0;
            group = group << 6 | (v == NONE ? 0 : v);
        }
        for (unsigned k = 0; k < 3 && left > 0; k++, left--)
            buf_u8(out, (uint8_t)(group >> (16 - 8 * k)));
    }
}

static void uu_held(struct transfer *t, struct buf *out)
{
    struct str line = {t->held, t->nheld};
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    if (t->ended || t->lost)
        return;
    if (!t->begun)
        t->begun = line.n > 6 && memcmp(line.p, "begin ", 6) == 0;
    else if (str_eq(line, STR("end")))
        t->ended = true;
    else
        uu_line(t, line, out);
}

static void uu_put(struct transfer *t, struct str in, struct buf *out)
{
    for (size_t i = 0; i < in.n; i++) {
        if (in.p[i] == '\n') {
            uu_held(t, out);
            t->nheld = 0;
            t->lost = false;
        } else if (t->nheld < sizeof t->held) {
            t->held[t->nheld++] = in.p[i];
        } else {
            t->lost = t->begun; /* a long name is only cut */
        }
    }
}

static void put_group(struct buf *out, enum mime_coding coding, const uint8_t three[3])
{
    uint32_t group = (uint32_t)three[0] << 16 | (uint32_t)three[1] << 8 | three[2];
    for (int shift = 18; shift >= 0; shift -= 6) {
        unsigned v = group >> shift & 63;
        char c = coding == MIME_XX ? xx_letters[v] : v == 0 ? '`' : (char)(v + ' ');
        buf_u8(out, (uint8_t)c);
    }
}

static void put_count(struct buf *out, enum mime_coding coding, size_t n)
{
    buf_u8(out, (uint8_t)(coding == MIME_XX ? xx_letters[n] : n == 0 ? '`' : (char)(n + ' ')));
}

void transfer_encode(struct buf *out, enum mime_coding coding, struct str name, struct cur bytes)
{
    buf_z(out, "begin 644 ");
    for (size_t i = 0; i < name.n && i < 60; i++)
        buf_u8(out, name.p[i] > ' ' && name.p[i] < 0x7f ? (uint8_t)name.p[i] : '_');
    buf_z(out, name.n == 0 ? "file\n" : "\n");
    while (cur_left(&bytes) > 0) {
        size_t n = cur_left(&bytes) < LINE_BYTES ? cur_left(&bytes) : LINE_BYTES;
        put_count(out, coding, n);
        for (size_t i = 0; i < n; i += 3) {
            uint8_t three[3];
            cur_copy(&bytes, three, n - i < 3 ? n - i : 3);
            for (size_t k = n - i; k < 3; k++)
                three[k] = 0;
            put_group(out, coding, three);
        }
        buf_u8(out, '\n');
    }
    put_count(out, coding, 0);
    buf_z(out, "\nend\n");
}

/* --- all --- */

void transfer_begin(struct transfer *t, enum mime_coding coding)
{
    *t = (struct transfer){.coding = coding};
}

void transfer_put(struct transfer *t, struct str in, struct buf *out)
{
    switch (t->coding) {
    case MIME_PLAIN:
        buf_str(out, in);
        break;
    case MIME_QP:
        qp_put(t, in, out);
        break;
    case MIME_BASE64:
        base64_put(t, in, out);
        break;
    case MIME_UU:
    case MIME_XX:
        uu_put(t, in, out);
        break;
    }
}

void transfer_end(struct transfer *t, struct buf *out)
{
    if (t->coding == MIME_QP && t->nheld > 0 && !is_blank(t->held[0])) {
        bool soft = t->held[0] == '=' && (t->nheld == 1 || ascii_hex(t->held[1]) < 0);
        if (!soft)
            qp_flush(t, out);
    } else if ((t->coding == MIME_UU || t->coding == MIME_XX) && t->nheld > 0) {
        uu_held(t, out);
    }
    t->nheld = 0;
}
