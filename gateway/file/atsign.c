/* gateway/file/atsign.c -- see atsign.h */
#include "gateway/file/atsign.h"

#include <string.h>

#include "rscs/punch.h"

/* The page's byte for the symbol; '@' when it has none. */
static uint8_t symbol_byte(const struct ebc_page *page, struct str symbol)
{
    struct buf b;
    buf_init(&b, 8);
    bool found = symbol.n > 0 && ebc_from_utf8(&b, page, symbol) == 0 && b.n == 1;
    uint8_t byte = found ? b.p[0] : ebc_at_sign(page);
    buf_done(&b);
    return byte;
}

void atsign_begin(struct atsign *t, const struct ebc_page *page, struct str symbol)
{
    uint8_t at = ebc_at_sign(page), other = symbol_byte(page, symbol);
    *t = (struct atsign){
        .page = page,
        .wanted = at != EBC_AT || at != other,
        .stands = {EBC_AT, other},
        .header = true,
    };
}

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* The words before the colon of "Reply-To: ..." or "MAIL FROM:<...>"; "" when this is no field. */
static struct str field_name(struct str line)
{
    size_t n = 0;
    while (n < line.n && (is_letter(line.p[n]) || line.p[n] == '-' || (n > 0 && line.p[n] == ' ')))
        n++;
    bool is_field = n > 0 && n < line.n && line.p[n] == ':' && is_letter(line.p[0]);
    return is_field ? str_trim(str_sub(line, 0, n)) : STR("");
}

/* Commands of batch SMTP without a colon: what follows them is a command or a header again. */
static bool is_command(struct str line)
{
    static const char *const verbs[] = {"HELO", "EHLO", "TICK", "VERB", "DATA",
                                        "RSET", "NOOP", "QUIT", "VRFY", "EXPN"};
    struct str verb = str_word(&line);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (str_is(verb, verbs[i]))
            return true;
    return false;
}

static bool free_text(struct str field)
{
    return str_is(field, "Subject") || str_is(field, "Comments") || str_is(field, "Keywords");
}

static bool has_addresses(struct atsign *t, struct str line)
{
    struct str field = field_name(line);
    bool nickname = line.n > 1 && line.p[0] == '.' && is_letter(line.p[1]);
    if (line.n == 0) /* blank lines may stand before a note's header */
        t->header = t->header && !t->begun;
    if (str_is(line, ".")) { /* the end of one mail of a batch: commands follow */
        t->header = true;
        t->begun = false;
    }
    if (!t->header || line.n == 0 || nickname)
        return t->header && nickname;
    if (line.p[0] == ' ' || line.p[0] == '\t')
        return t->address;
    t->begun = field.n > 0;
    t->header = field.n > 0 || is_command(line) || str_is(line, ".");
    t->address = field.n > 0 && !free_text(field);
    return t->address;
}

/* Of what address tokens are made, in bytes that are the same in all these pages. */
static bool joins(const struct ebc_page *page, uint8_t e, const char *others)
{
    struct buf b;
    buf_init(&b, 4);
    ebc_to_utf8(&b, page, cur_of(&e, 1));
    char c = b.n == 1 ? (char)b.p[0] : '\0';
    buf_done(&b);
    return is_letter(c) || (c >= '0' && c <= '9') || (c != '\0' && strchr(others, c) != NULL);
}

static void put_with_at(const struct atsign *t, struct buf *out, struct cur record)
{
    struct buf b;
    buf_init(&b, cur_left(&record));
    buf_add(&b, record.p, cur_left(&record));
    for (size_t i = 1; i + 1 < b.n; i++)
        if ((b.p[i] == t->stands[0] || b.p[i] == t->stands[1]) &&
            joins(t->page, b.p[i - 1], "._-+=\"") && joins(t->page, b.p[i + 1], "["))
            b.p[i] = ebc_at_sign(t->page);
    punch_line(out, buf_cur(&b), t->page);
    buf_done(&b);
}

void atsign_line(struct atsign *t, struct buf *out, struct cur record)
{
    size_t start = out->n;
    punch_line(out, record, t->page);
    if (t->wanted && has_addresses(t, str_sub(buf_text(out), start, out->n))) {
        buf_trim(out, start);
        put_with_at(t, out, record);
    }
}
