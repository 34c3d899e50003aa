/* rscs/pages_double.c -- double-byte pages: SO, pairs of bytes, SI.
 *
 * The characters are the C library's (base/text.h); where they begin and end is decided here, for
 * iconv refuses a record at its first odd byte, and a mail must be read whatever is in it.
 */
#include "base/text.h"
#include "rscs/pages.h"

static const struct str so = {"\x0E", 1}, si = {"\x0F", 1};
static const struct str unknown = {"\xEF\xBF\xBD", 3}; /* U+FFFD */

/* Bytes until SO or SI, or the end. */
static struct cur take_run(struct cur *c)
{
    size_t n = 0;
    while (n < cur_left(c) && c->p[n] != EBC_SO && c->p[n] != EBC_SI)
        n++;
    return cur_sub(c, n);
}

/* Convert what can be, with U+FFFD for each unit of bytes that cannot. */
static void put_run(struct buf *out, struct text_iconv *ic, struct cur run, size_t unit)
{
    struct str s = cur_str(&run);
    while (s.n >= unit && !out->over) {
        s = str_sub(s, text_iconv_put(ic, out, str_sub(s, 0, s.n - s.n % unit)), s.n);
        if (s.n >= unit) {
            buf_str(out, unknown);
            s = str_sub(s, unit, s.n);
        }
    }
    if (s.n > 0)
        buf_str(out, unknown);
}

void double_to_utf8(struct buf *out, const struct ebc_page *page, struct cur bytes)
{
    struct text_iconv *ic = text_iconv_open("UTF-8", page->charset);
    bool shifted = false;
    while (ic != NULL && cur_left(&bytes) > 0) {
        put_run(out, ic, take_run(&bytes), shifted ? 2 : 1);
        bool turn = cur_left(&bytes) > 0 && (cur_u8(&bytes) == EBC_SO) != shifted;
        if (turn) {
            shifted = !shifted;
            (void)text_iconv_put(ic, out, shifted ? so : si);
        }
    }
    for (; cur_left(&bytes) > 0;
         cur_skip(&bytes, 1)) /* no conversion: the system is out of files */
        buf_str(out, unknown);
    text_iconv_close(&ic);
}

/* The byte of a character that iconv would not bring back, 0 for all others. */
static uint8_t exact_byte(const struct ebc_page *page, uint32_t rune)
{
    for (const char *p = page->exact; *p != '\0'; p += 2)
        if ((uint8_t)p[0] == rune)
            return (uint8_t)p[1];
    return 0;
}

/* What the conversion must not see: a control that would be a shift, the hard blank and hyphen (see
 * the single-byte pages), and the replacement character, which some pages "have". */
static bool is_special(const struct ebc_page *page, uint32_t rune)
{
    return rune == EBC_SO || rune == EBC_SI || rune == 0xA0 || rune == 0xAD || rune == EBC_NONE ||
           exact_byte(page, rune) != 0;
}

static struct str plain_run(const struct ebc_page *page, struct str text)
{
    struct str rest = text;
    while (rest.n > 0) {
        struct str before = rest;
        if (is_special(page, text_rune(&rest)))
            return str_sub(text, 0, text.n - before.n);
    }
    return text;
}

/* The nearest writing is Latin-1, of which such pages may have only ASCII. */
static void put_nearest(struct buf *out, struct text_iconv *ic, uint32_t rune)
{
    char one[2], again[2];
    const char *to = rune == EBC_SO || rune == EBC_SI ? " " : pages_nearest(rune, one);
    for (to = to != NULL ? to : "?"; *to != '\0'; to++) {
        uint8_t c = (uint8_t)*to;
        struct str s = {to, 1};
        if (c >= 0x80) {
            const char *ascii = pages_nearest(c, again);
            s = str_of(ascii != NULL ? ascii : "?");
        }
        if (text_iconv_put(ic, out, s) < s.n)
            (void)text_iconv_put(ic, out, STR("?"));
    }
}

/* One character that plain_run() or iconv stopped at; answers 1 when it is replaced. */
static size_t put_special(struct buf *out, const struct ebc_page *page, struct text_iconv *ic,
                          uint32_t rune)
{
    uint8_t byte = exact_byte(page, rune);
    if (byte == 0) {
        put_nearest(out, ic, rune);
        return 1;
    }
    text_iconv_end(ic, out); /* shifted in */
    buf_u8(out, byte);
    return 0;
}

size_t double_from_utf8(struct buf *out, const struct ebc_page *page, struct str text)
{
    struct text_iconv *ic = text_iconv_open(page->charset, "UTF-8");
    size_t replaced = 0;
    while (ic != NULL && text.n > 0 && !out->over) {
        size_t n = text_iconv_put(ic, out, plain_run(page, text));
        text = str_sub(text, n, text.n);
        if (text.n > 0)
            replaced += put_special(out, page, ic, text_rune(&text));
    }
    if (ic != NULL)
        text_iconv_end(ic, out);
    for (; ic == NULL && text.n > 0; replaced++) { /* as above */
        (void)text_rune(&text);
        buf_u8(out, EBC_QUESTION);
    }
    text_iconv_close(&ic);
    return replaced;
}

/* --- records --- */

void ebc_cut_begin(struct ebc_cut *k, const struct ebc_page *page, struct cur line)
{
    *k = (struct ebc_cut){.page = page, .rest = line, .first = true};
    buf_init(&k->record, cur_left(&line) + 4); /* SO, SI, the other half of a pair */
}

void ebc_cut_end(struct ebc_cut *k)
{
    buf_done(&k->record);
}

/* The pairs for which there is room beside the SI. */
static void cut_pairs(struct ebc_cut *k, size_t max)
{
    struct cur *c = &k->rest;
    while (cur_left(c) > 0 && cur_peek(c) != EBC_SI && k->record.n + 3 <= max) {
        uint8_t pair[2] = {cur_u8(c), EBC_BLANK};
        cur_copy(c, pair + 1, cur_left(c) > 0 ? 1 : 0);
        buf_add(&k->record, pair, sizeof pair);
    }
    if (cur_left(c) > 0 && cur_peek(c) == EBC_SI) {
        cur_skip(c, 1);
        k->shifted = false;
    }
    buf_u8(&k->record, EBC_SI);
}

static void cut_double(struct ebc_cut *k, size_t max)
{
    struct cur *c = &k->rest;
    buf_reset(&k->record);
    while (k->shifted || (cur_left(c) > 0 && k->record.n < max)) {
        if (!k->shifted && cur_peek(c) != EBC_SO) {
            buf_u8(&k->record, cur_u8(c));
            continue;
        }
        if (k->record.n + 4 > max)
            return; /* no room for SO, a pair and SI */
        if (!k->shifted)
            cur_skip(c, 1);
        k->shifted = true;
        buf_u8(&k->record, EBC_SO);
        cut_pairs(k, max);
        if (cur_left(c) == 0)
            k->shifted = false;
        if (k->shifted)
            return;
    }
}

bool ebc_cut_next(struct ebc_cut *k, size_t max, struct cur *record)
{
    size_t left = cur_left(&k->rest);
    if (left == 0 && !k->first)
        return false;
    k->first = false;
    max = max < 4 ? 4 : max;
    if (k->page->charset == NULL) {
        *record = cur_sub(&k->rest, left < max ? left : max);
    } else {
        cut_double(k, max);
        *record = buf_cur(&k->record);
    }
    return true;
}
