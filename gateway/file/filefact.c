/* gateway/file/filefact.c -- see filefact.h */
#include "gateway/file/filefact.h"

#include <string.h>

#include "rscs/netdata.h"

#define RECORD_MAX 65535u

/* --- runs of numbers --- */

void runs_begin(struct runs *r)
{
    *r = (struct runs){.count = 0};
    buf_init(&r->text, FILEFACT_LENGTHS_MAX);
}

static void put_run(struct runs *r)
{
    if (r->count == 0)
        return;
    buf_printf(&r->text, "%s%u", r->text.n > 0 ? " " : "", r->value);
    if (r->count > 1)
        buf_printf(&r->text, "*%llu", (unsigned long long)r->count);
}

void runs_add(struct runs *r, uint32_t value)
{
    r->any = r->any || value != 0;
    if (r->count > 0 && value == r->value) {
        r->count++;
        return;
    }
    put_run(r);
    r->value = value;
    r->count = 1;
}

struct str runs_end(struct runs *r)
{
    put_run(r);
    r->count = 0;
    return r->any ? buf_text(&r->text) : STR("");
}

void runs_done(struct runs *r)
{
    buf_done(&r->text);
}

struct runs_reader runs_read(struct str text)
{
    return (struct runs_reader){.rest = text};
}

uint32_t runs_next(struct runs_reader *r)
{
    uint64_t value, count = 1;
    if (!r->bad && r->count == 0) {
        struct str word = str_word(&r->rest);
        ptrdiff_t star = str_find(word, '*');
        if (star >= 0 && !str_number(str_sub(word, (size_t)star + 1, word.n), UINT32_MAX, &count))
            count = 0;
        word = star >= 0 ? str_sub(word, 0, (size_t)star) : word;
        r->bad = count == 0 || !str_number(word, RECORD_MAX, &value);
        r->value = r->bad ? 0 : (uint32_t)value;
        r->count = r->bad ? 0 : count;
    }
    if (r->bad)
        return 0;
    r->count--;
    return r->value;
}

bool runs_all_read(const struct runs_reader *r)
{
    return !r->bad && r->count == 0 && str_trim(r->rest).n == 0;
}

/* --- the field --- */

static const struct {
    enum filefact_form form;
    const char *name;
} forms[] = {{FACT_TEXT, "text"}, {FACT_BYTES, "bytes"}, {FACT_NETDATA, "netdata"}};

static char recfm_letter(uint16_t recfm)
{
    unsigned kind = recfm & ND_RECFM_U;
    return kind == ND_RECFM_U ? 'U' : kind == ND_RECFM_F ? 'F' : 'V';
}

void filefact_put(struct buf *value, const struct filefact *f)
{
    buf_printf(value, "name=%.*s; recfm=%c%s%s; lrecl=%u; records=%llu", STR_ARG(f->name),
               recfm_letter(f->recfm), (f->recfm & ND_RECFM_ASA) != 0 ? "A" : "",
               (f->recfm & ND_RECFM_MACHINE) != 0 ? "M" : "", f->lrecl,
               (unsigned long long)f->records);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (forms[i].form == f->form)
            buf_printf(value, "; form=%s", forms[i].name);
    if (f->shown)
        buf_z(value, "; shown=yes");
}

static bool read_recfm(struct str s, uint16_t *recfm)
{
    static const struct {
        char letter;
        uint16_t bits;
    } letters[] = {{'F', ND_RECFM_F},      {'V', ND_RECFM_V},       {'U', ND_RECFM_U},
                   {'A', ND_RECFM_ASA},    {'M', ND_RECFM_MACHINE}, {'f', ND_RECFM_F},
                   {'v', ND_RECFM_V},      {'u', ND_RECFM_U},       {'a', ND_RECFM_ASA},
                   {'m', ND_RECFM_MACHINE}};
    *recfm = 0;
    for (size_t i = 0; i < s.n; i++) {
        uint16_t bits = 0;
        for (size_t k = 0; k < sizeof letters / sizeof *letters; k++)
            if (letters[k].letter == s.p[i])
                bits = letters[k].bits;
        if (bits == 0 || (i == 0) != ((bits & ND_RECFM_U) != 0))
            return false;
        *recfm = (uint16_t)(*recfm | bits);
    }
    return s.n > 0 && s.n <= 2;
}

/* Words and periods as names of files and data sets have them. */
static bool name_ok(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || strchr("$#@+-:_.()", c) == NULL))
            return false;
    }
    return s.n > 0 && s.n <= FILEFACT_NAME_MAX;
}

static bool read_word(struct filefact *f, struct str key, struct str value)
{
    uint64_t number = 0;
    if (str_is(key, "name")) {
        f->name = value;
        return name_ok(value);
    }
    if (str_is(key, "recfm"))
        return read_recfm(value, &f->recfm);
    if (str_is(key, "lrecl")) {
        bool ok = str_number(value, RECORD_MAX, &number);
        f->lrecl = (uint32_t)number;
        return ok;
    }
    if (str_is(key, "records"))
        return str_number(value, UINT32_MAX, &f->records);
    for (size_t i = 0; str_is(key, "form") && i < sizeof forms / sizeof *forms; i++)
        if (str_is(value, forms[i].name))
            f->form = forms[i].form;
    f->shown = f->shown || (str_is(key, "shown") && str_is(value, "yes"));
    return true; /* what a later version adds is no reason to doubt the rest */
}

bool filefact_read(struct arena *a, struct str file, struct str records, struct filefact *f)
{
    struct str word;
    *f = (struct filefact){.form = FACT_NONE};
    while (file.n > 0 && str_split(&file, ';', &word)) {
        word = str_trim(word);
        ptrdiff_t eq = str_find(word, '=');
        if (eq <= 0 ||
            !read_word(f, str_sub(word, 0, (size_t)eq), str_sub(word, (size_t)eq + 1, word.n)))
            return false;
    }
    f->name = arena_str(a, f->name);
    f->lengths = arena_str(a, records);
    return f->name.n > 0 && f->recfm != 0 && f->form != FACT_NONE;
}
