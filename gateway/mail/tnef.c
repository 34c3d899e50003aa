/* gateway/mail/tnef.c -- see tnef.h */
#include "gateway/mail/tnef.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define SIGNATURE 0x223E9F78u
#define DEPTH_MAX 8u
#define PROPS_MAX 4096u
#define VALUES_MAX 4096u
#define RTF_MAX ((size_t)32 << 20)

enum { /* attributes */
       ATT_BODY = 0x0002800C,
       ATT_MAPI = 0x00069003,
       ATT_CODEPAGE = 0x00069007,
       ATT_RENDER = 0x00069002, /* a file begins */
       ATT_TITLE = 0x00018010,
       ATT_DATA = 0x0006800F,
       ATT_FILE = 0x00069005 /* its properties */
};
enum { /* properties */
       P_BODY = 0x1000,
       P_RTF = 0x1009,
       P_HTML = 0x1013,
       P_DATA = 0x3701,
       P_SHORT_NAME = 0x3704,
       P_LONG_NAME = 0x3707,
       P_TYPE = 0x370E
};
enum { T_OBJECT = 0x0D, T_STRING = 0x1E, T_UNICODE = 0x1F, T_BINARY = 0x102, T_MANY = 0x1000 };

struct reader {
    struct arena *a;
    struct tnef *out;
    size_t room;
    unsigned codepage;
    size_t file; /* at hand: its place + 1, 0 none */
    bool titled; /* by its long name */
    unsigned depth;
};

static bool read_stream(struct reader *r, struct str bytes);

static uint16_t le16(struct cur *c)
{
    uint16_t low = cur_u8(c);
    return (uint16_t)(low | cur_u8(c) << 8);
}

static uint32_t le32(struct cur *c)
{
    uint32_t low = le16(c);
    return low | (uint32_t)le16(c) << 16;
}

static struct tnef_item *add(struct reader *r, enum tnef_kind kind)
{
    struct tnef *t = r->out;
    if (t->n == TNEF_ITEMS_MAX)
        return NULL;
    if (t->n == r->room) {
        size_t room = r->room == 0 ? 8 : r->room * 2;
        struct tnef_item *more = arena_alloc(r->a, room * sizeof *more);
        if (more == NULL || arena_full(r->a))
            return NULL;
        if (t->n > 0)
            memcpy(more, t->item, t->n * sizeof *more);
        t->item = more;
        r->room = room;
    }
    struct tnef_item *item = &t->item[t->n++];
    *item = (struct tnef_item){.kind = kind};
    return item;
}

static struct tnef_item *at_hand(struct reader *r)
{
    return r->file > 0 ? &r->out->item[r->file - 1] : NULL;
}

/* --- text --- */

static struct str as_text(struct reader *r, struct cur bytes, bool wide)
{
    struct buf b;
    struct why ignored;
    char charset[32];
    snprintf(charset, sizeof charset, wide ? "utf-16le" : "windows-%u", r->codepage);
    buf_init(&b, 4 * cur_left(&bytes) + 16);
    if (text_to_utf8(&b, charset, bytes, NULL, &ignored) < 0) {
        buf_reset(&b);
        if (text_to_utf8(&b, "windows-1252", bytes, NULL, &ignored) < 0)
            buf_reset(&b);
    }
    while (b.n > 0 && b.p[b.n - 1] == '\0')
        buf_trim(&b, b.n - 1);
    struct str s = arena_str(r->a, buf_text(&b));
    buf_done(&b);
    return s;
}

/* --- compressed RTF ([MS-OXRTFCP] 2.1.2, 2.2) --- */

static const char rtf_begins[] =
    "{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern "
    "\\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0"
    "\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";
#define RTF_WINDOW 4096u
_Static_assert(sizeof rtf_begins - 1 == 207, "the dictionary begins with 207 characters");

static bool expand(struct cur in, size_t size, struct buf *out)
{
    char window[RTF_WINDOW] = {0};
    size_t at = sizeof rtf_begins - 1, start = out->n;
    memcpy(window, rtf_begins, at);
    while (!cur_bad(&in) && cur_left(&in) > 0) {
        unsigned control = cur_u8(&in);
        for (unsigned bit = 0; bit < 8 && cur_left(&in) > 0; bit++) {
            if ((control >> bit & 1) == 0) {
                window[at++ % RTF_WINDOW] = (char)cur_peek(&in);
                buf_u8(out, cur_u8(&in));
                continue;
            }
            unsigned pair = cur_be16(&in), from = pair >> 4, n = (pair & 15) + 2;
            if (cur_bad(&in) || from == at % RTF_WINDOW)
                return !cur_bad(&in) && out->n - start >= size;
            for (unsigned i = 0; i < n; i++) {
                char c = window[(from + i) % RTF_WINDOW];
                window[at++ % RTF_WINDOW] = c;
                buf_u8(out, (uint8_t)c);
            }
        }
        if (out->over || out->n - start > RTF_MAX)
            return false;
    }
    return out->n - start >= size;
}

bool tnef_rtf(struct str compressed, struct buf *out)
{
    struct cur in = cur_of_str(compressed);
    uint32_t packed = le32(&in), size = le32(&in), kind = le32(&in);
    (void)le32(&in); /* CRC: what is wrong shows in the text */
    (void)packed;
    if (cur_bad(&in) || size > RTF_MAX)
        return false;
    size_t start = out->n;
    if (kind == 0x414C454D) /* "MELA": not compressed */
        buf_add(out, in.p, cur_left(&in));
    else if (kind != 0x75465A4C || !expand(in, size, out)) /* "LZFu" */
        return false;
    if (out->n - start > size)
        buf_trim(out, start + size);
    return true;
}

/* --- properties --- */

static size_t fixed_size(unsigned type)
{
    switch (type) {
    case 0x02: /* two bytes, padded */
    case 0x03:
    case 0x04:
    case 0x0A:
    case 0x0B:
        return 4;
    case 0x05:
    case 0x06:
    case 0x07:
    case 0x14:
    case 0x40:
        return 8;
    case 0x48:
        return 16;
    default:
        return 0;
    }
}

static bool take_object(struct reader *r, struct cur value)
{
    cur_skip(&value, 16); /* the class of the object */
    struct str bytes = cur_str(&value);
    struct cur head = value;
    if (cur_bad(&value))
        return false;
    if (le32(&head) != SIGNATURE || cur_bad(&head)) {
        at_hand(r)->content = bytes;
        return true;
    }
    r->out->n -= r->file == r->out->n; /* in its place what is in it */
    r->file = 0;
    return r->depth < DEPTH_MAX && read_stream(r, bytes);
}

static bool take_rtf(struct reader *r, struct cur value)
{
    struct buf b;
    buf_init(&b, RTF_MAX + 65536);
    bool good = tnef_rtf(cur_str(&value), &b);
    struct tnef_item *item = good ? add(r, TNEF_RTF) : NULL;
    if (item != NULL)
        item->content = arena_str(r->a, buf_text(&b));
    buf_done(&b);
    return item != NULL;
}

static bool take_body(struct reader *r, enum tnef_kind kind, struct str text)
{
    struct tnef_item *item = add(r, kind);
    if (item != NULL)
        item->content = text;
    return item != NULL;
}

static bool take_property(struct reader *r, unsigned id, unsigned type, struct cur value)
{
    bool wide = type == T_UNICODE, text = wide || type == T_STRING;
    if (id == P_BODY && text)
        return take_body(r, TNEF_TEXT, as_text(r, value, wide));
    if (id == P_HTML && (text || type == T_BINARY))
        return take_body(r, TNEF_HTML, wide ? as_text(r, value, wide) : cur_str(&value));
    if (id == P_RTF && type == T_BINARY)
        return take_rtf(r, value);
    struct tnef_item *file = at_hand(r);
    if (file == NULL)
        return true;
    if (id == P_LONG_NAME && text) {
        file->name = as_text(r, value, wide);
        r->titled = true;
    } else if (id == P_SHORT_NAME && text && !r->titled) {
        file->name = as_text(r, value, wide);
    } else if (id == P_TYPE && text) {
        file->type = as_text(r, value, wide);
    } else if (id == P_DATA && type == T_OBJECT) {
        return take_object(r, value);
    } else if (id == P_DATA && type == T_BINARY) {
        file->content = cur_str(&value);
    }
    return true;
}

static bool read_values(struct reader *r, struct cur *c, unsigned id, unsigned type)
{
    bool many = (type & T_MANY) != 0;
    unsigned base = type & ~(unsigned)T_MANY;
    size_t size = fixed_size(base);
    bool known = base == T_STRING || base == T_UNICODE || base == T_BINARY || base == T_OBJECT;
    uint32_t n = many || size == 0 ? le32(c) : 1;
    if (n > VALUES_MAX || (size == 0 && !known))
        return false;
    for (uint32_t i = 0; i < n && !cur_bad(c); i++) {
        size_t length = size > 0 ? size : le32(c);
        struct cur value = cur_sub(c, length);
        if (size == 0 && length % 4 != 0)
            cur_skip(c, 4 - length % 4);
        if (cur_bad(&value) || (i == 0 && !many && !take_property(r, id, base, value)))
            return false;
    }
    return !cur_bad(c);
}

static bool read_properties(struct reader *r, struct cur c)
{
    uint32_t n = le32(&c);
    if (n > PROPS_MAX)
        return false;
    for (uint32_t i = 0; i < n && !cur_bad(&c); i++) {
        unsigned type = le16(&c), id = le16(&c);
        if (id >= 0x8000) { /* named: a GUID, then a number or a name */
            cur_skip(&c, 16);
            uint32_t by_name = le32(&c), length = by_name != 0 ? le32(&c) : 4;
            cur_skip(&c, length);
            if (by_name != 0 && length % 4 != 0)
                cur_skip(&c, 4 - length % 4);
        }
        if (cur_bad(&c) || !read_values(r, &c, id, type))
            return false;
    }
    return !cur_bad(&c);
}

/* --- the stream --- */

static bool take_attribute(struct reader *r, uint32_t id, struct cur value)
{
    switch (id) {
    case ATT_CODEPAGE:
        r->codepage = le32(&value) % 100000;
        return true;
    case ATT_BODY:
        return take_body(r, TNEF_TEXT, as_text(r, value, false));
    case ATT_MAPI:
    case ATT_FILE:
        return read_properties(r, value);
    case ATT_RENDER:
        r->titled = false;
        r->file = add(r, TNEF_FILE) != NULL ? r->out->n : 0;
        return r->file > 0;
    case ATT_TITLE:
        if (r->file > 0 && !r->titled)
            at_hand(r)->name = as_text(r, value, false);
        return true;
    case ATT_DATA:
        if (r->file > 0)
            at_hand(r)->content = cur_str(&value);
        return r->file > 0;
    default:
        return true;
    }
}

static uint16_t checksum(struct cur value)
{
    uint16_t sum = 0;
    while (cur_left(&value) > 0)
        sum = (uint16_t)(sum + cur_u8(&value));
    return sum;
}

static bool read_stream(struct reader *r, struct str bytes)
{
    struct cur c = cur_of_str(bytes);
    unsigned codepage = r->codepage;
    if (le32(&c) != SIGNATURE)
        return false;
    (void)le16(&c); /* key */
    r->depth++;
    r->file = 0;
    while (cur_left(&c) > 0) {
        uint8_t level = cur_u8(&c);
        uint32_t id = le32(&c), length = le32(&c);
        struct cur value = cur_sub(&c, length);
        uint16_t sum = le16(&c);
        if (cur_bad(&c) || (level != 1 && level != 2) || sum != checksum(value) ||
            !take_attribute(r, id, value))
            return false;
    }
    r->depth--;
    r->file = 0;
    r->codepage = codepage;
    return !cur_bad(&c);
}

bool tnef_read(struct arena *a, struct str bytes, struct tnef *out)
{
    struct reader r = {.a = a, .out = out, .codepage = 1252};
    *out = (struct tnef){.n = 0};
    return read_stream(&r, bytes) && !arena_full(a);
}
