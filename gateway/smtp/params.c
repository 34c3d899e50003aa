/* gateway/smtp/params.c -- MAIL and RCPT with their parameters */
#include "gateway/smtp/params.h"

#include "base/text.h"

/* One command's parameters being read. */
struct reader {
    struct arena *a;
    bool batch;
    unsigned seen; /* bits by the row of the table */
    struct smtp_mail_params *mail;
    struct smtp_rcpt_params *rcpt;
    struct why *w;
};
struct row {
    const char *key;
    bool mail; /* else of RCPT */
    int (*read)(struct reader *r, struct str value);
};

static int bad(const struct reader *r, const char *text)
{
    return why_set(r->w, E_SYNTAX, 501, "5.5.4", "%s", text);
}

static int read_size(struct reader *r, struct str value)
{
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] < '0' || value.p[i] > '9')
            return bad(r, "SIZE takes a number of octets");
    if (value.n == 0 || value.n > 20)
        return bad(r, "SIZE takes a number of octets");
    if (!str_number(value, UINT64_MAX, &r->mail->size))
        r->mail->size = UINT64_MAX; /* 20 digits may exceed 64 bits: too large in any case */
    return 0;
}

static int read_body(struct reader *r, struct str value)
{
    r->mail->eightbit = str_is(value, "8BITMIME");
    r->mail->binary = str_is(value, "BINARYMIME");
    if (r->mail->eightbit || r->mail->binary || str_is(value, "7BIT"))
        return 0;
    return bad(r, "BODY is 7BIT, 8BITMIME or BINARYMIME");
}

static int read_utf8(struct reader *r, struct str value)
{
    r->mail->utf8 = true;
    return value.n == 0 ? 0 : bad(r, "SMTPUTF8 has no value");
}

static int read_ret(struct reader *r, struct str value)
{
    r->mail->ret = str_is(value, "FULL") ? RET_FULL : str_is(value, "HDRS") ? RET_HDRS : RET_NONE;
    return r->mail->ret != RET_NONE ? 0 : bad(r, "RET is FULL or HDRS");
}

/* xtext that stands for printable text; a control would end a line of a report. */
static int decode(struct reader *r, struct str xtext, struct str *out)
{
    struct buf b;
    buf_init(&b, SMTP_LINE_MAX);
    int rc = text_unxtext(&b, xtext);
    struct str t = buf_text(&b);
    for (size_t i = 0; rc == 0 && i < t.n; i++)
        if ((uint8_t)t.p[i] < ' ' || t.p[i] == 0x7F)
            rc = E_SYNTAX;
    if (rc == 0 && text_is_utf8(t))
        *out = arena_str(r->a, t);
    else
        rc = E_SYNTAX;
    buf_done(&b);
    return rc;
}

static int read_envid(struct reader *r, struct str value)
{
    if (value.n == 0 || value.n > SMTP_ENVID_MAX || decode(r, value, &r->mail->envid) < 0)
        return bad(r, "ENVID takes xtext of at most 100 characters");
    return 0;
}

/* RFC 4954 5: who says he is somebody need not be believed, and is not. */
static int read_auth(struct reader *r, struct str value)
{
    struct str whom;
    r->mail->auth = true;
    return value.n > 0 && decode(r, value, &whom) == 0 ? 0 : bad(r, "AUTH takes xtext");
}

/* By the bits NOTIFY_. */
static const char *const notify_words[] = {"NEVER", "SUCCESS", "FAILURE", "DELAY"};
#define NNOTIFY 4u

static int read_notify(struct reader *r, struct str value)
{
    struct str word;
    while (str_split(&value, ',', &word)) {
        unsigned bit = 0;
        for (unsigned i = 0; i < NNOTIFY; i++)
            if (str_is(word, notify_words[i]))
                bit = 1u << i;
        if (bit == 0)
            return bad(r, "NOTIFY is NEVER, or some of SUCCESS,FAILURE,DELAY");
        r->rcpt->notify |= bit;
    }
    if ((r->rcpt->notify & NOTIFY_NEVER) != 0 && r->rcpt->notify != NOTIFY_NEVER)
        return bad(r, "NOTIFY=NEVER stands alone");
    return 0;
}

static bool is_atom(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '-')
            return false;
    }
    return s.n > 0;
}

static int read_orcpt(struct reader *r, struct str value)
{
    struct str type, xtext = value, addr;
    bool whole = str_split(&xtext, ';', &type) && xtext.n > 0;
    if (!whole || value.n > SMTP_ORCPT_MAX || !is_atom(type) || decode(r, xtext, &addr) < 0)
        return bad(r, "ORCPT is address-type;address in xtext, at most 500 characters");
    r->rcpt->orcpt = arena_printf(r->a, "%.*s;%.*s", STR_ARG(type), STR_ARG(addr));
    return 0;
}

static const struct row rows[] = {
    {"SIZE", true, read_size},      {"BODY", true, read_body},    {"SMTPUTF8", true, read_utf8},
    {"RET", true, read_ret},        {"ENVID", true, read_envid},  {"AUTH", true, read_auth},
    {"NOTIFY", false, read_notify}, {"ORCPT", false, read_orcpt},
};
#define NROWS (sizeof rows / sizeof rows[0])

static int one(struct reader *r, struct str word)
{
    struct str key, value = word;
    (void)str_split(&value, '=', &key);
    for (unsigned i = 0; i < NROWS; i++) {
        if (!str_is(key, rows[i].key) || rows[i].mail != (r->mail != NULL))
            continue;
        if ((r->seen & 1u << i) != 0)
            return why_set(r->w, E_SYNTAX, 501, "5.5.4", "%s is given twice", rows[i].key);
        r->seen |= 1u << i;
        return rows[i].read(r, value);
    }
    return why_set(r->w, E_SYNTAX, 555, "5.5.4", "Parameter %.*s is not supported",
                   STR_ARG(str_sub(key, 0, 40)));
}

static int read_all(struct reader *r, struct str words)
{
    for (struct str word = str_word(&words); word.n > 0; word = str_word(&words)) {
        int rc = one(r, word);
        if (rc < 0 && !r->batch)
            return rc;
    }
    if (arena_full(r->a))
        return why_set(r->w, E_LIMIT, 452, "4.3.1", "Too much memory used by this transaction");
    return 0;
}

int smtp_parse_mail(struct str rest, bool batch, struct arena *a, struct smtp_path *path,
                    struct smtp_mail_params *p, struct why *w)
{
    struct str words;
    struct reader r = {.a = a, .batch = batch, .mail = p, .w = w};
    *p = (struct smtp_mail_params){.size = 0};
    int rc = smtp_parse_path(rest, "FROM:", batch, a, path, &words, w);
    if (rc < 0)
        return rc;
    if (path->text.n > 0 && path->domain.n == 0)
        return why_set(w, E_SYNTAX, 553, "5.1.7", "The sender's address needs a domain");
    rc = read_all(&r, words);
    if (rc == 0 && path->utf8 && !p->utf8)
        rc = why_set(w, E_SYNTAX, 553, "5.6.7",
                     "The sender's address is beyond ASCII: say SMTPUTF8");
    return rc;
}

int smtp_parse_rcpt(struct str rest, bool batch, bool utf8, struct arena *a, struct smtp_path *path,
                    struct smtp_rcpt_params *p, struct why *w)
{
    struct str words;
    struct reader r = {.a = a, .batch = batch, .rcpt = p, .w = w};
    *p = (struct smtp_rcpt_params){.notify = 0};
    int rc = smtp_parse_path(rest, "TO:", batch, a, path, &words, w);
    if (rc < 0)
        return rc;
    if (path->text.n == 0)
        return why_set(w, E_SYNTAX, 501, "5.1.3", "The null path <> cannot be a recipient");
    rc = read_all(&r, words);
    if (rc == 0 && path->utf8 && !utf8)
        rc = why_set(w, E_SYNTAX, 553, "5.6.7",
                     "The recipient's address is beyond ASCII: MAIL did not say SMTPUTF8");
    return rc;
}

void smtp_put_mail_dsn(struct buf *b, enum ret ret, struct str envid)
{
    static const char *const words[] = {
        [RET_NONE] = "", [RET_FULL] = " RET=FULL", [RET_HDRS] = " RET=HDRS"};
    buf_z(b, words[ret]);
    if (envid.n > 0) {
        buf_z(b, " ENVID=");
        text_xtext(b, envid);
    }
}

void smtp_put_rcpt_dsn(struct buf *b, unsigned notify, struct str orcpt)
{
    const char *before = " NOTIFY=";
    struct str type;
    for (unsigned i = 0; i < NNOTIFY; i++)
        if ((notify & 1u << i) != 0) {
            buf_printf(b, "%s%s", before, notify_words[i]);
            before = ",";
        }
    if (orcpt.n > 0 && str_split(&orcpt, ';', &type)) {
        buf_printf(b, " ORCPT=%.*s;", STR_ARG(type));
        text_xtext(b, orcpt);
    }
}
