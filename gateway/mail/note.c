/* gateway/mail/note.c -- CMS and PROFS notes: reading them, writing them. */
#include "gateway/mail/note.h"

#include <string.h>

#include "base/text.h"
#include "gateway/mail/date.h"
#include "gateway/mail/header.h"

#define LOOK_LINES 5        /* header lines and leading blank lines that note_looks allows */
#define ADDR_BYTES 1024u    /* most of one address with its name; more is text that holds commas */
#define WORD_BYTES 255u     /* most of a user or node; RFC 5321 4.5.3.1 */
#define SUBJECT_BYTES 8192u /* of a subject of several lines; what is more is no subject */
#define LINE_BYTES 65536u   /* of a header line that are looked at */
#define NAME_WIDTH 46u      /* columns 7-52 */
#define NAME_BYTES 200u     /* combining marks take no column */
#define SCREEN 80u          /* columns, and those of a card */
#define TAG_WIDTH 6u        /* "From: " */
#define NAME_LEAST 4u       /* a name cut to fewer columns says nothing */
#define COL_USER_FROM 50u   /* a userid of a continuation line begins about column 54 */
#define COL_USER_TO 58u

enum tag {
    TAG_NONE,
    TAG_DATE,
    TAG_FROM,
    TAG_NAME,
    TAG_TO,
    TAG_CC,
    TAG_SUBJECT,
    TAG_IN_REPLY_TO,
    TAG_REPLY_TO,
    TAG_RETURN_PATH,
    TAG_OPTIONS,
    TAG_MESSAGE, /* PROFS: sender, addressee and time in one line */
    TAG_OTHER,   /* known, and not for a note */
};

static const struct {
    const char *text;
    enum tag tag;
} tags[] = {
    {"Date:", TAG_DATE},
    {"From:", TAG_FROM},
    {"To:", TAG_TO},
    {"cc:", TAG_CC},
    {"Subject:", TAG_SUBJECT},
    {"Re:", TAG_SUBJECT},
    {"In-Reply-To:", TAG_IN_REPLY_TO},
    {"Reply-To:", TAG_REPLY_TO},
    {"Return-Path:", TAG_RETURN_PATH},
    {"OPTIONS:", TAG_OPTIONS},
    {"MSG:FROM:", TAG_MESSAGE},
    {"MSG FROM:", TAG_MESSAGE},
    {"NOTE FROM:", TAG_NAME},
    {"bcc:", TAG_OTHER},
    {"Sender:", TAG_OTHER},
    {"Received:", TAG_OTHER},
};

/* RFC 822 writers add fields of their own; a hyphen inside the word tells one from text. */
static bool is_foreign_field(struct str line)
{
    size_t i = 0;
    bool hyphen = false;
    for (; i < line.n && line.p[i] != ':'; i++) {
        char c = line.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && (c != '-' || i == 0))
            return false;
        hyphen = hyphen || c == '-';
    }
    return hyphen && i < line.n && i < 40;
}

static enum tag tag_of(struct str line, struct str *value)
{
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        if (str_starts_nocase(line, tags[i].text)) {
            *value = str_trim(str_sub(line, strlen(tags[i].text), line.n));
            return tags[i].tag;
        }
    *value = STR("");
    return is_foreign_field(line) ? TAG_OTHER : TAG_NONE;
}

/* --- addresses --- */

static struct str last_word(struct str *s)
{
    *s = str_trim_right(*s);
    size_t i = s->n;
    while (i > 0 && s->p[i - 1] != ' ' && s->p[i - 1] != '\t')
        i--;
    struct str word = str_sub(*s, i, s->n);
    s->n = i;
    return word;
}

/* Can it stand in a header line as one word, unchanged? */
static bool is_word(struct str s)
{
    for (struct str rest = s; rest.n > 0;) {
        uint32_t r = text_rune(&rest);
        if (r <= ' ' || (r >= 0x7f && r <= 0xa0) || r == 0x2028 || r == 0x2029 || r == 0xfffd ||
            (r < 0x80 && strchr("<>(),;\"", (int)r) != NULL))
            return false;
    }
    return s.n > 0;
}

static bool set_addr(struct note_addr *out, struct str name, struct str user, struct str node)
{
    if (user.n > WORD_BYTES || node.n > WORD_BYTES || !is_word(user) || !is_word(node))
        return false;
    *out = (struct note_addr){.name = str_trim(name), .user = user, .node = node};
    return true;
}

/* user@host, the local part by the last @ (it may be a userid with @ in it) */
static bool mailbox_form(struct str s, struct str name, struct note_addr *out)
{
    ptrdiff_t at = str_find_last(s, '@');
    return at > 0 &&
           set_addr(out, name, str_sub(s, 0, (size_t)at), str_sub(s, (size_t)at + 1, s.n));
}

/* USERID--NODE and NODE(USERID) */
static bool profs_form(struct str s, struct str name, struct note_addr *out)
{
    if (str_find(s, '@') >= 0) /* a host may be "xn--..." */
        return false;
    for (size_t i = 1; i + 2 < s.n; i++)
        if (s.p[i] == '-' && s.p[i + 1] == '-')
            return set_addr(out, name, str_sub(s, 0, i), str_sub(s, i + 2, s.n));
    ptrdiff_t open = str_find(s, '(');
    return open > 0 && s.p[s.n - 1] == ')' &&
           set_addr(out, name, str_sub(s, (size_t)open + 1, s.n - (size_t)open - 2),
                    str_sub(s, 0, (size_t)open));
}

static bool angle_form(struct str s, struct note_addr *out)
{
    ptrdiff_t open = s.n > 0 && s.p[s.n - 1] == '>' ? str_find_last(s, '<') : -1;
    if (open < 0)
        return false;
    struct str inside = str_trim(str_sub(s, (size_t)open + 1, s.n - (size_t)open - 2));
    return mailbox_form(inside, str_sub(s, 0, (size_t)open), out);
}

/* user@host (Name) */
static bool comment_form(struct str s, struct note_addr *out)
{
    ptrdiff_t open = s.n > 0 && s.p[s.n - 1] == ')' ? str_find_last(s, '(') : -1;
    if (open <= 0)
        return false;
    struct str name = str_sub(s, (size_t)open + 1, s.n - (size_t)open - 2);
    return mailbox_form(str_trim(str_sub(s, 0, (size_t)open)), name, out);
}

/* An address with its name before it: read from the right, since userids are not always padded. */
static bool right_form(struct str s, struct note_addr *out)
{
    struct str rest = s, last = last_word(&rest);
    struct str before = rest, at = last_word(&before);
    if (str_is(at, "at")) {
        struct str user = last_word(&before);
        if (set_addr(out, before, user, last))
            return true;
    }
    if (last.n > 2 && last.p[0] == '-' && last.p[1] == '-') /* USERID   --NODE */
        return set_addr(out, before, at, str_sub(last, 2, last.n));
    return mailbox_form(last, rest, out) || profs_form(last, rest, out);
}

/* PROFS: the address, then perhaps a name. */
static bool left_form(struct str s, struct note_addr *out)
{
    struct str rest = s, first = str_word(&rest), after = rest, second = str_word(&after);
    if (second.n > 2 && second.p[0] == '-' && second.p[1] == '-')
        return set_addr(out, after, first, str_sub(second, 2, second.n));
    return mailbox_form(first, rest, out) || profs_form(first, rest, out);
}

static bool read_addr(struct str s, struct note_addr *out)
{
    s = str_trim(s);
    return s.n <= ADDR_BYTES &&
           (angle_form(s, out) || right_form(s, out) || comment_form(s, out) || left_form(s, out));
}

/* A name as a person would write it: quotes off, runs of blanks (a phone number's column) as one.
 */
static struct str tidy_name(struct arena *a, struct str s)
{
    s = str_trim(s);
    if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
        s = str_trim(str_sub(s, 1, s.n - 2));
    char *to = arena_alloc(a, s.n + 1);
    if (to == NULL)
        return STR("");
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        bool blank = (unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f;
        if (!blank || (n > 0 && to[n - 1] != ' '))
            to[n++] = blank ? ' ' : s.p[i];
    }
    return (struct str){to, n};
}

/* --- the header --- */

struct reader {
    struct arena *arena;
    struct note *note;
    size_t rcpt_room;
    enum tag last;
    bool comma;           /* the recipient line before ended in a comma: the list goes on */
    struct str addressee; /* of a PROFS MSG line; counts when there is no To: */
    char *subject;        /* SUBJECT_BYTES, once it has several lines */
};

static int add_rcpt(struct reader *r, enum note_role role, const struct note_addr *addr,
                    struct why *w)
{
    struct note *n = r->note;
    if (n->nrcpt == NOTE_RCPTS_MAX)
        return why_set(w, E_LIMIT, 452, "4.5.3", "note has more than %u recipients",
                       NOTE_RCPTS_MAX);
    if (n->nrcpt == r->rcpt_room) {
        size_t room = r->rcpt_room == 0 ? 8 : r->rcpt_room * 2;
        struct note_rcpt *more = arena_alloc(r->arena, room * sizeof *more);
        if (more == NULL || arena_full(r->arena))
            return why_set(w, E_LIMIT, 452, "4.3.1", "note header does not fit in its memory");
        if (n->nrcpt > 0)
            memcpy(more, n->rcpt, n->nrcpt * sizeof *more);
        n->rcpt = more;
        r->rcpt_room = room;
    }
    n->rcpt[n->nrcpt] = (struct note_rcpt){role, *addr};
    n->rcpt[n->nrcpt++].addr.name = tidy_name(r->arena, addr->name);
    return OK;
}

/* Is it one address in its columns, whatever commas its name holds? A name that fills its columns
 * leaves one blank before the userid, and so does a list: that is read as a list. */
static bool is_columnar(struct str value, struct note_addr *addr)
{
    if (!read_addr(value, addr) || addr->name.n == 0 || addr->user.p < value.p + 2)
        return false;
    struct str before = str_sub(value, 0, (size_t)(addr->user.p - value.p));
    return str_ends_nocase(before, "  ") && text_columns(before) == NAME_WIDTH + 1;
}

/* Addresses with commas between them; a comma may also stand in a name ("Hayes, Steve"), so a piece
 * that is no address is tried together with the next. */
static int take_list(struct reader *r, enum note_role role, struct str list, struct why *w)
{
    struct note_addr addr;
    r->comma = list.n > 0 && list.p[list.n - 1] == ',';
    if (is_columnar(list, &addr))
        return add_rcpt(r, role, &addr, w);
    size_t start = 0;
    int rc = OK;
    for (size_t i = 0; rc == OK && i <= list.n; i++) {
        if (i < list.n && list.p[i] != ',' && list.p[i] != ';')
            continue;
        struct str piece = str_sub(list, start, i - start);
        bool good = read_addr(piece, &addr);
        if (good)
            rc = add_rcpt(r, role, &addr, w);
        if (good || piece.n > ADDR_BYTES)
            start = i + 1;
    }
    return rc;
}

/* The LONG form of NOTE puts a postal address below the name: "IBM Corp at Poughkeepsie" is none of
 * ours, so a continuation has its userid where one belongs. */
static bool continues_list(const struct reader *r, struct str line)
{
    struct note_addr addr;
    if (r->comma || str_find(line, ',') >= 0 || str_find(line, '<') >= 0)
        return true;
    if (!read_addr(line, &addr))
        return false;
    struct str before = str_sub(line, 0, (size_t)(addr.user.p - line.p));
    bool leads = str_trim(before).n == 0;
    size_t column = text_columns(before);
    /* An Internet host stands further left when it is long. */
    return leads || (column >= COL_USER_FROM && column <= COL_USER_TO) ||
           str_find(addr.node, '.') > 0;
}

static void take_date(struct note *n, struct str value)
{
    struct wall t;
    int offset, known;
    struct str zone;
    if (n->date.us != 0 || date_parse(value, &t, &offset, &zone) != OK)
        return;
    if (!zone_offset(zone, &known)) { /* written by a clock near ours */
        zone_local(t, &offset, n->zone);
        t.us -= (int64_t)offset * 60 * US_PER_S;
    } else if (zone.p[0] != '+' && zone.p[0] != '-') {
        str_copy(n->zone, sizeof n->zone, zone);
    }
    n->date = t;
    n->offset = offset;
}

/* "Date and time   02/08/95 15:49:33" at the end of a PROFS line; answers what stands before it. */
static struct str cut_time(struct note *n, struct str value)
{
    for (size_t i = 0; i < value.n; i++)
        if (str_starts_nocase(str_sub(value, i, value.n), "Date and time")) {
            take_date(n, str_sub(value, i + strlen("Date and time"), value.n));
            return str_trim(str_sub(value, 0, i));
        }
    return value;
}

static void take_from(struct reader *r, struct str value)
{
    struct note *n = r->note;
    struct note_addr addr;
    value = cut_time(n, value);
    if (read_addr(value, &addr)) {
        n->from = addr;
        n->from.name = tidy_name(r->arena, addr.name);
        n->has_from = true;
    } else if (n->has_from && n->from.name.n == 0) {
        n->from.name = tidy_name(r->arena, value); /* PROFS: the second From: is the name */
    }
}

/* MSG FROM: HAYES   --WTSCPOK   TO: ENDERS   --WTSCPOK   02/08/95 15:49:33 */
static void take_message(struct reader *r, struct str value)
{
    size_t to = 0;
    while (to < value.n && !str_starts_nocase(str_sub(value, to, value.n), " to:"))
        to++;
    take_from(r, str_sub(value, 0, to));
    struct str rest = str_sub(value, to + strlen(" to:"), value.n);
    struct str time = rest;
    while (time.n > 0 && (str_find(str_sub(time, 0, 3), '/') < 0 || time.p[0] == ' '))
        time = str_sub(time, 1, time.n);
    take_date(r->note, time);
    r->addressee = str_trim(str_sub(rest, 0, rest.n - time.n));
}

static int take_tag(struct reader *r, enum tag tag, struct str value, struct why *w)
{
    struct note *n = r->note;
    switch (tag) {
    case TAG_DATE:
        take_date(n, value);
        return OK;
    case TAG_FROM:
        take_from(r, value);
        return OK;
    case TAG_NAME:
        n->from.name = tidy_name(r->arena, value);
        return OK;
    case TAG_TO:
        return take_list(r, NOTE_TO, value, w);
    case TAG_CC:
        return take_list(r, NOTE_CC, value, w);
    case TAG_SUBJECT:
        n->subject = value;
        return OK;
    case TAG_IN_REPLY_TO:
        n->in_reply_to = value;
        return OK;
    case TAG_REPLY_TO:
        n->reply_to = value;
        return OK;
    case TAG_RETURN_PATH:
        n->return_path = value;
        return OK;
    case TAG_MESSAGE:
        take_message(r, value);
        return OK;
    case TAG_NONE:
    case TAG_OPTIONS:
    case TAG_OTHER:
        return OK;
    }
    return OK;
}

static void continue_subject(struct reader *r, struct str value)
{
    struct str *subject = &r->note->subject;
    if (subject->n == 0 || subject->n + value.n >= SUBJECT_BYTES)
        return;
    if (r->subject == NULL && (r->subject = arena_alloc(r->arena, SUBJECT_BYTES)) == NULL)
        return;
    if (subject->p != r->subject)
        memcpy(r->subject, subject->p, subject->n);
    r->subject[subject->n] = ' ';
    memcpy(r->subject + subject->n + 1, value.p, value.n);
    *subject = (struct str){r->subject, subject->n + 1 + value.n};
}

static int take_continuation(struct reader *r, struct str line, struct why *w)
{
    struct str value = str_trim(line);
    if (r->last == TAG_SUBJECT)
        continue_subject(r, value);
    if ((r->last == TAG_TO || r->last == TAG_CC) && continues_list(r, line))
        return take_list(r, r->last == TAG_TO ? NOTE_TO : NOTE_CC, value, w);
    return OK;
}

/* ".STEVE = steve@host" or ":nick.STEVE :mbox.steve@host" */
static bool nick_line(struct str line, struct note_nick *out)
{
    struct str rest = line, name = str_word(&rest), second = str_word(&rest);
    if (str_starts_nocase(name, ":nick.")) {
        name = str_sub(name, 6, name.n);
        if (!str_starts_nocase(second, ":mbox."))
            return false;
        second = str_sub(second, 6, second.n);
    } else if (name.n > 1 && name.p[0] == '.' && str_is(second, "=")) {
        name = str_sub(name, 1, name.n);
        second = str_word(&rest);
    } else {
        return false;
    }
    *out = (struct note_nick){name, second};
    return name.n > 0 && name.n <= 8 && is_word(name) && str_find(second, '@') > 0 &&
           is_word(second) && str_trim(rest).n == 0;
}

static bool take_nick(struct reader *r, struct str line)
{
    struct note_nick nick;
    if (!nick_line(line, &nick) || r->note->nnick == NOTE_NICKS_MAX)
        return false;
    if (r->note->nick == NULL)
        r->note->nick = arena_alloc(r->arena, NOTE_NICKS_MAX * sizeof nick);
    if (r->note->nick == NULL)
        return false;
    r->note->nick[r->note->nnick++] = nick;
    return true;
}

static bool is_continuation(const struct reader *r, struct str line)
{
    return r->last != TAG_NONE && r->last != TAG_OPTIONS && (line.p[0] == ' ' || line.p[0] == '\t');
}

static bool is_reply_line(struct str line) /* PROFS */
{
    return str_starts_nocase(line, "*** Reply to note of") ||
           str_starts_nocase(line, "***Reply to note of");
}

/* Takes the header lines off *rest. */
static int read_header(struct reader *r, struct str *rest, struct why *w)
{
    struct str line, value, before = *rest;
    bool begun = false;
    for (; str_line(rest, &line); before = *rest) {
        line = str_trim_right(str_sub(line, 0, LINE_BYTES));
        if (line.n == 0 && begun && !str_starts_nocase(*rest, "NOTE FROM:"))
            break;
        if (line.n == 0)
            continue;
        int rc = OK;
        enum tag tag = tag_of(line, &value);
        if (tag != TAG_NONE) {
            rc = take_tag(r, tag, value, w);
            r->last = tag;
        } else if (is_continuation(r, line)) {
            rc = take_continuation(r, line, w);
        } else if (!begun || (!take_nick(r, line) && !is_reply_line(line))) {
            *rest = before;
            break;
        }
        if (rc != OK)
            return rc;
        begun = begun || (tag != TAG_OPTIONS && tag != TAG_NONE);
    }
    return OK;
}

int note_parse(struct arena *a, struct str lines, struct note *n, struct why *w)
{
    *n = (struct note){.date = {0}};
    struct reader r = {.arena = a, .note = n, .last = TAG_NONE};
    struct str rest = lines, line;
    int rc = read_header(&r, &rest, w);
    if (rc == OK && n->nrcpt == 0)
        rc = take_list(&r, NOTE_TO, r.addressee, w);
    for (n->text = rest; str_line(&rest, &line) && take_nick(&r, str_trim_right(line));)
        n->text = rest;
    if (rc == OK && arena_full(a))
        return why_set(w, E_LIMIT, 452, "4.3.1", "note header does not fit in its memory");
    return rc;
}

/* Does this header line prove a note? *dated: a readable Date: was seen on the way. */
static bool proves(enum tag tag, struct str value, bool *dated)
{
    struct note scratch = {.date = {0}};
    struct note_addr addr;
    switch (tag) {
    case TAG_DATE:
        take_date(&scratch, value);
        *dated = *dated || scratch.date.us != 0;
        return false;
    case TAG_FROM:
        return read_addr(cut_time(&scratch, value), &addr);
    case TAG_MESSAGE:
        return true;
    case TAG_TO:
    case TAG_CC:
        return *dated && read_addr(value, &addr);
    default:
        return false;
    }
}

bool note_looks(struct str lines)
{
    struct str line, value;
    bool dated = false;
    unsigned blanks = 0, heads = 0;
    while (heads < LOOK_LINES && str_line(&lines, &line)) {
        line = str_trim_right(str_sub(line, 0, LINE_BYTES));
        enum tag tag = tag_of(line, &value);
        if (tag == TAG_OPTIONS || (line.n == 0 && heads == 0 && blanks++ < LOOK_LINES))
            continue;
        if (line.n == 0 || (tag == TAG_NONE && (heads == 0 || line.p[0] != ' ')))
            return false;
        heads++;
        if (proves(tag, value, &dated))
            return true;
    }
    return false;
}

/* --- writing --- */

#define USER_WIDTH 8u
#define RCPTS_SHOWN 10u
#define HANGING_MAX 24u /* an indent wider than this is not repeated on wrapped lines */
#define PROFS_TIME 49u  /* 0-based column of "Date and time" */

/* The start of s that fits in `columns`. */
static struct str cut_columns(struct str s, size_t columns)
{
    struct str rest = s;
    size_t used = 0, n = 0;
    if (s.n <= columns) /* no character is wider than its bytes are many */
        return s;
    while (rest.n > 0) {
        struct str from = rest;
        (void)text_rune(&rest);
        used += text_columns(str_sub(from, 0, from.n - rest.n));
        if (used > columns)
            break;
        n = s.n - rest.n;
    }
    return str_sub(s, 0, n);
}

/* Where to break a line too long for `columns`: after the last blank that fits, else before the
 * first blank; line.n when there is none. */
static size_t break_at(struct str line, size_t from, size_t columns)
{
    size_t fit = cut_columns(line, columns).n, at = 0;
    if (fit == line.n)
        return fit;
    for (size_t i = from; i < line.n && (i <= fit || at == 0); i++)
        if (line.p[i] == ' ' && i > from && line.p[i - 1] != ' ')
            at = i;
    return at > 0 ? at : line.n;
}

static void put_padded(struct buf *b, struct str s, size_t columns)
{
    size_t used = text_columns(s);
    hdr_clean(b, s);
    buf_fill(b, ' ', used < columns ? columns - used : 0);
}

/* The name in as many columns as a long address leaves it. Outside its own columns only commas
 * would tell it from a list, and a period in the host the address from one of a street. */
static void put_cut_name(struct buf *b, const struct note_addr *x)
{
    size_t used = TAG_WIDTH + 1 + text_columns(x->user) + strlen(" at ") + text_columns(x->node);
    size_t start = b->n;
    if (used + NAME_LEAST > SCREEN || str_find(x->node, '.') < 0)
        return;
    hdr_clean(b, str_trim_right(cut_columns(str_sub(x->name, 0, NAME_BYTES), SCREEN - used)));
    for (size_t i = start; i < b->n; i++)
        if (b->p[i] == ',' || b->p[i] == ';')
            b->p[i] = ' ';
    buf_u8(b, ' ');
}

/* name, userid, at, node from column 7 on; without a name the userid stands in its place. */
static void put_cms_addr(struct buf *b, const struct note_addr *x, enum note_style style)
{
    bool padded = x->name.n > 0 && (style == NOTE_CMS || !x->nick);
    size_t user = text_columns(x->user), host = strlen(" at ") + text_columns(x->node);
    if (padded && user < USER_WIDTH)
        user = USER_WIDTH;
    if (x->name.n > 0 && TAG_WIDTH + NAME_WIDTH + 1 + user + host > SCREEN) {
        put_cut_name(b, x);
        padded = false;
    } else if (x->name.n > 0)
        put_padded(b, cut_columns(str_sub(x->name, 0, NAME_BYTES), NAME_WIDTH), NAME_WIDTH + 1);
    put_padded(b, x->user, padded ? USER_WIDTH : 0);
    buf_z(b, " at ");
    hdr_clean(b, x->node);
    buf_u8(b, '\n');
}

static void put_profs_addr(struct buf *b, const struct note_addr *x)
{
    if (str_find(x->node, '.') >= 0) {
        hdr_clean(b, x->user);
        buf_u8(b, '@');
    } else {
        put_padded(b, x->user, USER_WIDTH);
        buf_z(b, "--");
    }
    hdr_clean(b, x->node);
}

static void put_profs_rcpt(struct buf *b, const struct note_addr *x)
{
    size_t start = b->n;
    put_profs_addr(b, x);
    size_t used = TAG_WIDTH + 2 + text_columns(str_sub(buf_text(b), start, b->n));
    if (x->name.n > 0 && used + NAME_LEAST <= SCREEN) {
        buf_z(b, "  ");
        hdr_clean(b, str_trim_right(cut_columns(str_sub(x->name, 0, NAME_BYTES), SCREEN - used)));
    }
    buf_u8(b, '\n');
}

static void put_zone(struct buf *b, const struct note *n)
{
    int away = n->offset < 0 ? -n->offset : n->offset;
    if (n->zone[0] != '\0')
        buf_z(b, n->zone);
    else
        buf_printf(b, "%c%02d%02d", n->offset < 0 ? '-' : '+', away / 60, away % 60);
}

static void put_cms_date(struct buf *b, const struct note *n, enum note_style style)
{
    if (n->date.us == 0)
        return;
    struct date_civil c = date_civil(n->date, n->offset);
    buf_printf(b, "Date: %d %s ", c.day, date_month(c.month));
    if (style == NOTE_SEED)
        buf_printf(b, "%02d", c.year % 100);
    else
        buf_printf(b, "%04d", c.year);
    buf_printf(b, ", %02d:%02d:%02d ", c.hour, c.minute, c.second);
    put_zone(b, n);
    buf_u8(b, '\n');
}

static void put_tagged(struct buf *b, const char *tag, struct str value)
{
    if (value.n == 0)
        return;
    buf_z(b, tag);
    hdr_clean(b, value);
    buf_u8(b, '\n');
}

/* A value of words, folded below itself: a continuation begins with blanks. */
static void put_folded(struct buf *b, const char *tag, struct str value)
{
    struct buf clean;
    size_t room = SCREEN - strlen(tag);
    if (value.n == 0)
        return;
    buf_init(&clean, 3 * value.n + 16);
    hdr_clean(&clean, value);
    struct str rest = str_trim(buf_text(&clean));
    buf_z(b, tag);
    while (rest.n > 0) {
        size_t n = break_at(rest, 0, room);
        buf_str(b, str_trim_right(str_sub(rest, 0, n)));
        buf_u8(b, '\n');
        rest = str_trim(str_sub(rest, n, rest.n));
        if (rest.n > 0)
            buf_fill(b, ' ', strlen(tag));
    }
    buf_done(&clean);
}

/* One recipient a line, the first with the tag, the others below it; of a long list only the first,
 * so that the text begins on the first screen. */
static void put_rcpts(struct buf *b, const struct note *n, enum note_role role,
                      enum note_style style)
{
    const char *tag = role == NOTE_TO ? "To:   " : "cc:   ";
    size_t all = 0, shown = 0;
    for (size_t i = 0; i < n->nrcpt; i++)
        all += n->rcpt[i].role == role;
    size_t most = all > RCPTS_SHOWN + 2 ? RCPTS_SHOWN : all; /* "and 1 more" would save no line */
    for (size_t i = 0; i < n->nrcpt && shown < most; i++) {
        if (n->rcpt[i].role != role)
            continue;
        shown++;
        buf_z(b, tag);
        tag = "      ";
        if (style != NOTE_PROFS) {
            put_cms_addr(b, &n->rcpt[i].addr, style);
            continue;
        }
        put_profs_rcpt(b, &n->rcpt[i].addr);
    }
    if (all > most)
        buf_printf(b, "      ... and %zu more\n", all - most);
}

static void put_profs_from(struct buf *b, const struct note *n)
{
    size_t start = b->n;
    buf_z(b, "From: ");
    put_profs_addr(b, &n->from);
    if (n->date.us != 0) {
        struct date_civil c = date_civil(n->date, n->offset);
        size_t used = b->n - start;
        buf_fill(b, ' ', used < PROFS_TIME - 1 ? PROFS_TIME - used : 1);
        buf_printf(b, "Date and time   %02d/%02d/%02d %02d:%02d:%02d", c.month, c.day, c.year % 100,
                   c.hour, c.minute, c.second);
    }
    buf_u8(b, '\n');
}

static void put_return_path(struct buf *b, struct str path)
{
    bool bare = path.n > 0 && path.p[0] != '<';
    if (path.n == 0)
        return;
    buf_z(b, bare ? "Return-Path: <" : "Return-Path: ");
    hdr_clean(b, path);
    buf_z(b, bare ? ">\n" : "\n");
}

/* Length of the quoting at the start of a line: "> > ". */
static size_t quote_length(struct str line)
{
    size_t n = 0, i = 0;
    while (i < line.n && (line.p[i] == '>' || line.p[i] == ' '))
        n = line.p[i++] == '>' ? i : n;
    return n > 0 && n < line.n && line.p[n] == ' ' ? n + 1 : n;
}

static void put_wrapped(struct buf *b, struct str line, size_t columns)
{
    struct str quote = str_sub(line, 0, quote_length(line));
    struct str rest = str_sub(line, quote.n, line.n);
    if (columns == 0 || quote.n + 20 > columns)
        columns = SIZE_MAX;
    else
        columns -= quote.n;
    size_t indent = 0;
    while (indent < rest.n && rest.p[indent] == ' ')
        indent++;
    size_t hanging = indent <= HANGING_MAX && columns > indent + 20 ? indent : 0, before = 0;
    do {
        size_t n = break_at(rest, before == 0 ? indent : 0, columns - before);
        buf_str(b, quote);
        buf_fill(b, ' ', before);
        buf_str(b, str_trim_right(str_sub(rest, 0, n)));
        buf_u8(b, '\n');
        rest = str_sub(rest, n, rest.n);
        while (rest.n > 0 && rest.p[0] == ' ')
            rest = str_sub(rest, 1, rest.n);
        before = hanging;
        indent = 0;
    } while (rest.n > 0);
}

/* Tabs to the next multiple of eight columns: an EBCDIC screen has none. */
static struct str expand_tabs(struct buf *scratch, struct str line)
{
    if (str_find(line, '\t') < 0)
        return line;
    buf_reset(scratch);
    size_t column = 0;
    while (line.n > 0) {
        struct str from = line;
        uint32_t r = text_rune(&line);
        size_t wide = r == '\t' ? 8 - column % 8 : text_columns(str_sub(from, 0, from.n - line.n));
        if (r == '\t')
            buf_fill(scratch, ' ', wide);
        else
            text_put_rune(scratch, r);
        column += wide;
    }
    return buf_text(scratch);
}

static void put_text(struct buf *b, struct str text, unsigned width)
{
    struct buf scratch, clean;
    buf_init(&scratch, b->max);
    buf_init(&clean, b->max);
    struct str line;
    while (str_line(&text, &line)) {
        buf_reset(&clean);
        hdr_clean(&clean, expand_tabs(&scratch, line)); /* a control is a place to break, too */
        put_wrapped(b, buf_text(&clean), width);
    }
    buf_done(&scratch);
    buf_done(&clean);
}

static void put_cms_from(struct buf *b, const struct note *n, enum note_style style)
{
    if (!n->has_from)
        return;
    buf_z(b, "From: ");
    put_cms_addr(b, &n->from, style);
}

void note_write(struct buf *b, const struct note *n, enum note_style style, unsigned width)
{
    if (style == NOTE_PROFS) {
        put_profs_from(b, n);
    } else {
        put_cms_date(b, n, style);
        put_cms_from(b, n, style);
    }
    put_rcpts(b, n, NOTE_TO, style);
    put_rcpts(b, n, NOTE_CC, style);
    if (style == NOTE_PROFS)
        put_tagged(b, "From: ", n->from.name);
    put_folded(b, "Subject: ", n->subject);
    put_tagged(b, "In-Reply-To: ", n->in_reply_to);
    put_tagged(b, "Reply-To: ", n->reply_to);
    for (size_t i = 0; i < n->nmore; i++)
        put_folded(b, n->more[i].tag, n->more[i].value);
    put_tagged(b, "Sender-verified: ", n->verified);
    put_return_path(b, n->return_path);
    buf_u8(b, '\n');
    put_text(b, n->text, width);
}
