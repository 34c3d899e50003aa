/* gateway/file/partfile.c -- see partfile.h */
#include "gateway/file/partfile.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "gateway/mail/header.h"
#include "rscs/netdata.h"

#define WORD_MAX 8u
#define NAME_SHOWN 40u /* bytes of a name in the list */
#define UNIQUE_TRIED 50u
#define CHECK_ARENA (1u << 20)

/* --- names --- */

/* The upper-case form CMS takes of one character of UTF-8, '\0' for what it leaves out. */
static char cms_char(char c)
{
    c = ascii_upper(c);
    bool good =
        (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '$' || c == '#' || c == '@';
    return good ? c : '\0';
}

/* Letters lose their accents by the way of a page that has none of them, that of Cyrillic. */
static struct str plain_letters(struct arena *a, struct str s)
{
    struct buf e, t;
    if (text_is_ascii(s))
        return s;
    buf_init(&e, 8 * s.n + 16);
    buf_init(&t, 32 * s.n + 64);
    for (struct str rest = s; rest.n > 0;) {
        struct str from = rest;
        buf_reset(&e);
        (void)text_rune(&rest);
        struct str one = str_sub(from, 0, from.n - rest.n);
        if (one.n > 1)
            (void)ebc_from_utf8(&e, ebc_page(STR("1025")), one);
        if (one.n == 1)
            buf_str(&t, one);
        else
            ebc_to_utf8(&t, ebc_page(STR("1025")), buf_cur(&e));
    }
    s = arena_str(a, buf_text(&t));
    buf_done(&e);
    buf_done(&t);
    return s;
}

/* Up to 8 characters; letters come first as far as there are too many. */
static struct str cms_word(struct arena *a, struct str s, const char *empty)
{
    char word[WORD_MAX];
    size_t n = 0;
    s = plain_letters(a, s);
    for (size_t i = 0; i < s.n && n < WORD_MAX; i++) {
        char c = cms_char(s.p[i]);
        if (c != '\0')
            word[n++] = c;
    }
    return n > 0 ? arena_str(a, (struct str){word, n}) : str_of(empty);
}

/* What follows the last / or \, for some send the whole path. */
static struct str last_piece(struct str name)
{
    ptrdiff_t slash = str_find_last(name, '/'), back = str_find_last(name, '\\');
    ptrdiff_t at = slash > back ? slash : back;
    return at >= 0 ? str_sub(name, (size_t)at + 1, name.n) : name;
}

static const char *type_by_media(struct str type, bool text)
{
    static const struct {
        const char *media, *ft;
    } known[] = {
        {"text/plain", "TEXT"},
        {"text/html", "HTML"},
        {"text/calendar", "ICS"},
        {"text/csv", "CSV"},
        {"application/pdf", "PDF"},
        {"application/zip", "ZIP"},
        {"image/png", "PNG"},
        {"image/jpeg", "JPG"},
        {"application/msword", "DOC"},
        {"message/rfc822", "MAIL"},
        {"message/global", "MAIL"},
        {"application/json", "JSON"},
        {"application/xml", "XML"},
        {"text/xml", "XML"},
        {"application/pkcs7-mime", "P7M"},
        {"application/pgp-encrypted", "PGP"},
        {"application/octet-stream", "BIN"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_is(type, known[i].media))
            return known[i].ft;
    return text ? "TEXT" : "DATA";
}

/* Base name and extension; of a.tar.gz the type is TARGZ. */
static void by_name(struct arena *a, const struct mime_part *part, size_t number,
                    struct partfile *f)
{
    struct str name = last_piece(part->name), ext = STR("");
    char empty[WORD_MAX + 1];
    ptrdiff_t dot = str_find_last(name, '.');
    if (dot >= 0) {
        ext = str_sub(name, (size_t)dot + 1, name.n);
        name = str_sub(name, 0, (size_t)dot);
        if (str_ends_nocase(name, ".tar")) {
            ext = arena_printf(a, "TAR%.*s", STR_ARG(ext));
            name.n -= 4;
        }
    }
    snprintf(empty, sizeof empty, "ATT%05zu", number % 100000);
    f->fn = arena_str(a, cms_word(a, name, empty));
    f->ft = cms_word(a, ext, type_by_media(part->type, part->text));
}

/* The last two qualifiers of "USER.LIB.SOURCE", or LIB's member; "FN.FT" as it is. */
static void by_fact(struct arena *a, struct partfile *f)
{
    struct str name = f->fact.name, member = STR("");
    ptrdiff_t open = str_find(name, '(');
    if (open >= 0) {
        member = str_sub(name, (size_t)open + 1, name.n);
        name = str_sub(name, 0, (size_t)open);
    }
    ptrdiff_t dot = str_find_last(name, '.');
    struct str ft = dot >= 0 ? str_sub(name, (size_t)dot + 1, name.n) : STR("");
    struct str fn = dot >= 0 ? str_sub(name, 0, (size_t)dot) : name;
    ptrdiff_t before = str_find_last(fn, '.');
    fn = before >= 0 ? str_sub(fn, (size_t)before + 1, fn.n) : fn;
    f->fn = arena_str(a, cms_word(a, member.n > 0 ? member : fn, "FILE"));
    f->ft = cms_word(a, ft, "DATA");
}

static bool is_unsafe(const struct conf *c, struct str type)
{
    static const char *const usual[] = {"EXEC", "REXX", "MODULE", "XEDIT", "PROFILE", "SYNONYM"};
    for (size_t i = 0; c->nunsafe_type == 0 && i < sizeof usual / sizeof *usual; i++)
        if (str_is(type, usual[i]))
            return true;
    for (size_t i = 0; i < c->nunsafe_type; i++)
        if (str_eq_nocase(c->unsafe_type[i], type) && !str_is(type, "NONE"))
            return true;
    return false;
}

/* A received program must not run by being received: it gets a type that nothing executes. */
static void make_safe(const struct conf *c, struct arena *a, struct partfile *f)
{
    if (!is_unsafe(c, f->ft))
        return;
    f->ft = STR("DATA");
    f->fact.name = arena_printf(a, "%.*s.DATA", STR_ARG(f->fn));
}

/* The last characters of a name that is there already make room for a number. */
static void make_unique(struct arena *a, struct partfile *list, size_t n)
{
    struct partfile *f = &list[n];
    struct str base = f->fn;
    /* Among hundreds of one name the small numbers are taken. */
    for (unsigned number = n > UNIQUE_TRIED ? (unsigned)n : 1;; number++) {
        bool taken = false;
        for (size_t i = 0; i < n && !taken; i++)
            taken = str_eq(list[i].fn, f->fn) && str_eq(list[i].ft, f->ft);
        if (!taken)
            return;
        char digits[12];
        int wide = snprintf(digits, sizeof digits, "%u", number);
        f->fn =
            arena_printf(a, "%.*s%s", STR_ARG(str_sub(base, 0, WORD_MAX - (size_t)wide)), digits);
    }
}

/* --- what it was --- */

/* A transmission from outside is passed on as one only when it is whole and what it would make has
 * a safe type; else it is a file with bytes. */
static bool transmission_ok(const struct conf *c, const struct mime_part *part)
{
    struct arena *a = arena_new(CHECK_ARENA);
    struct nd_reader *nd = nd_reader_new(a);
    struct mime_pieces p;
    struct cur piece;
    bool ok = true, ended = false;
    mime_pieces_begin(&p, part);
    while (ok && !ended && mime_pieces_next(&p, &piece)) {
        struct nd_file file;
        struct cur record;
        struct why w;
        int what;
        while (ok && (what = nd_reader_next(nd, &piece, &file, &record, &w)) != ND_MORE) {
            ended = what == ND_END;
            ok = what >= 0;
            ptrdiff_t dot = what == ND_FILE ? str_find_last(file.dsname, '.') : -1;
            if (dot >= 0)
                ok = !is_unsafe(c, str_sub(file.dsname, (size_t)dot + 1, file.dsname.n));
            if (ended)
                break;
        }
    }
    mime_pieces_done(&p);
    arena_free(&a);
    return ok && ended;
}

/* Tools that unpack these insist on records of that length. */
static void usual_records(struct arena *a, struct partfile *f)
{
    static const struct {
        const char *ft;
        uint32_t lrecl;
    } known[] = {{"XMI", 80}, {"XMIT", 80}, {"OBJ", 80}, {"TRS", 1024}, {"TERSE", 1024}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint64_t n = f->part->size, lrecl = known[i].lrecl;
        if (!str_is(f->ft, known[i].ft) || f->part->text || n == 0 || n % lrecl != 0)
            continue;
        f->fact =
            (struct filefact){.recfm = ND_RECFM_F,
                              .lrecl = (uint32_t)lrecl,
                              .records = n / lrecl,
                              .form = FACT_BYTES,
                              .name = arena_printf(a, "%.*s.%.*s", STR_ARG(f->fn), STR_ARG(f->ft)),
                              .lengths = arena_printf(a, "%llu*%llu", (unsigned long long)lrecl,
                                                      (unsigned long long)(n / lrecl))};
        return;
    }
}

/* Is there a transmission that all parts which are shown only are in? */
static bool has_transmission(struct arena *a, const struct conf *c, const struct mime_text *text)
{
    struct filefact f;
    for (size_t i = 0; i < text->nparts; i++)
        if (text->part[i].nje_file.n > 0 && !text->part[i].text &&
            filefact_read(a, text->part[i].nje_file, STR(""), &f) && f.form == FACT_NETDATA &&
            transmission_ok(c, &text->part[i]))
            return true;
    return false;
}

struct partfile *partfile_all(struct arena *a, const struct conf *c, const struct mime_text *text,
                              size_t *n)
{
    struct partfile *list = arena_alloc(a, (text->nparts + 1) * sizeof *list);
    bool whole = has_transmission(a, c, text);
    *n = 0;
    for (size_t i = 0; list != NULL && i < text->nparts; i++) {
        const struct mime_part *part = &text->part[i];
        struct partfile *f = &list[*n];
        *f = (struct partfile){.part = part};
        bool told =
            part->nje_file.n > 0 && filefact_read(a, part->nje_file, part->nje_records, &f->fact);
        if (told && f->fact.shown && (whole || (i + 1 < text->nparts && part[1].nje_file.n > 0)))
            continue;
        if (told && f->fact.form == FACT_NETDATA && !transmission_ok(c, part))
            told = false;
        if (!told)
            f->fact = (struct filefact){.form = FACT_NONE};
        if (told)
            by_fact(a, f);
        else
            by_name(a, part, *n + 1, f);
        make_safe(c, a, f); /* first: it may make two of one name */
        make_unique(a, list, *n);
        if (!told)
            usual_records(a, f);
        (*n)++;
    }
    return list;
}

/* --- the list --- */

static void put_size(struct buf *b, uint64_t n)
{
    if (n < 10000)
        buf_printf(b, "%5llu    ", (unsigned long long)n);
    else if (n < (uint64_t)10000 << 10)
        buf_printf(b, "%5llu KB ", (unsigned long long)(n + 512) >> 10);
    else
        buf_printf(b, "%5llu MB ", (unsigned long long)(n + 524288) >> 20);
}

void partfile_list(struct buf *b, const struct partfile *f, size_t n, unsigned pictures,
                   struct str dist)
{
    if (n == 0 && pictures == 0)
        return;
    buf_z(b, "\n----------------------------------------------------------\n");
    if (n > 0)
        buf_printf(b, "Attachments (files of their own, distribution code %.*s%s):\n",
                   STR_ARG(dist), n > 1 ? " and so on" : "");
    for (size_t i = 0; i < n; i++) {
        struct str name = str_sub(f[i].part->name, 0, NAME_SHOWN);
        buf_printf(b, "%3zu %-8.*s %-8.*s ", i + 1, STR_ARG(f[i].fn), STR_ARG(f[i].ft));
        put_size(b, f[i].part->size);
        hdr_clean(b, name.n > 0 ? name : f[i].part->type);
        buf_u8(b, '\n');
    }
    if (pictures > 0)
        buf_printf(b, "[%u embedded picture%s not shown]\n", pictures, pictures == 1 ? "" : "s");
}

struct str partfile_dist(struct arena *a, uint64_t mail, size_t k, size_t n)
{
    struct str full = arena_printf(a, "%03u-%zuOF%zu", (unsigned)(mail % 1000), k, n);
    return full.n <= WORD_MAX ? full : arena_printf(a, "%zuOF%zu", k % 1000, n % 1000);
}
