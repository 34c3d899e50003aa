/* gateway/gate/verified.c -- what our filters found out about a sender. */
#include "gateway/gate/verified.h"

#include "gateway/gate/filter.h"

#define TEXT_MAX 65536u

struct finding {
    bool dmarc, dkim, spf; /* passed, for the From domain */
    struct str failed;     /* DMARC's result when it is no pass */
    bool any;              /* our filters have said something */
};

/* The value without its comments; a quoted string keeps what is in it, but for its quotes. */
static struct str plain(struct arena *a, struct str value)
{
    struct buf b;
    size_t depth = 0;
    bool quoted = false;
    buf_init(&b, TEXT_MAX);
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        if (c == '\\' && (quoted || depth > 0))
            i++;
        else if (c == '"' && depth == 0)
            quoted = !quoted;
        else if (c == '(' && !quoted)
            depth++;
        else if (c == ')' && !quoted && depth > 0)
            depth--;
        else if (depth == 0)
            buf_u8(&b, quoted && (c == ';' || c == ' ') ? '_' : c == '\t' ? ' ' : (uint8_t)c);
    }
    struct str out = arena_str(a, buf_text(&b));
    buf_done(&b);
    return out;
}

static bool below(struct str name, struct str above)
{
    return str_find(above, '.') > 0 && name.n > above.n + 1 &&
           name.p[name.n - above.n - 1] == '.' &&
           str_eq_nocase(str_sub(name, name.n - above.n, above.n), above);
}

/* Is a result about this domain about the sender people see? */
static bool aligned(struct str about, struct str from)
{
    ptrdiff_t at = str_find_last(about, '@');
    struct str domain = at < 0 ? about : str_sub(about, (size_t)at + 1, about.n);
    return from.n > 0 && domain.n > 0 &&
           (str_eq_nocase(domain, from) || below(domain, from) || below(from, domain));
}

/* One "method=result property=value ...". */
static void read_result(struct str result, struct str from, struct finding *f)
{
    struct str word = str_word(&result), method, value = word;
    bool about = false;
    if (!str_split(&value, '=', &method) || value.p == NULL)
        return;
    for (struct str prop = str_word(&result); prop.n > 0; prop = str_word(&result)) {
        struct str what, of = prop;
        if (!str_split(&of, '=', &what) || of.p == NULL)
            continue;
        if (str_is(what, "header.d") || str_is(what, "header.i") || str_is(what, "header.from") ||
            str_is(what, "smtp.mailfrom") || str_is(what, "smtp.mfrom"))
            about = about || aligned(of, from);
    }
    bool pass = str_is(value, "pass");
    f->any = true;
    if (str_is(method, "dmarc") && pass)
        f->dmarc = f->dmarc || about;
    else if (str_is(method, "dmarc") && str_is(value, "fail"))
        f->failed = value;
    else if (str_is(method, "dkim"))
        f->dkim = f->dkim || (pass && about);
    else if (str_is(method, "spf"))
        f->spf = f->spf || (pass && about);
}

static void read_results(struct str value, struct str from, struct finding *f)
{
    struct str piece;
    (void)str_split(&value, ';', &piece); /* whose results they are */
    while (str_split(&value, ';', &piece))
        read_result(str_trim(piece), from, f);
}

/* "pass (comment) receiver=us; client-ip=...; envelope-from=joe@a.example;" */
static void read_spf(struct str value, struct str from, struct finding *f)
{
    struct str result = str_word(&value), piece;
    bool about = false;
    while (str_split(&value, ';', &piece))
        for (struct str word = str_word(&piece); word.n > 0; word = str_word(&piece))
            if (str_starts_nocase(word, "envelope-from="))
                about = aligned(str_sub(word, 14, word.n), from);
    f->any = true;
    f->spf = f->spf || (about && str_is(result, "pass"));
}

struct str verified_text(const struct gate *g, struct arena *a, const struct hdr *h,
                         struct str from)
{
    struct finding f = {.any = false};
    for (size_t i = 0; i < h->n; i++) {
        const struct hdr_field *field = &h->field[i];
        if (!filter_ours(g, field->name, field->value))
            continue;
        struct str value = plain(a, field->value);
        if (str_is(field->name, "Received-SPF"))
            read_spf(value, from, &f);
        else
            read_results(value, from, &f);
    }
    if (f.failed.n > 0 && !f.dmarc)
        return STR("NO (DMARC fail)");
    if (f.dmarc || f.dkim || f.spf)
        return arena_printf(a, "yes (%.*s:%s%s%s)", STR_ARG(from), f.dmarc ? " DMARC" : "",
                            f.dkim ? " DKIM" : "", f.spf ? " SPF" : "");
    return f.any ? STR("no (nothing vouches for it)") : STR("not known");
}
