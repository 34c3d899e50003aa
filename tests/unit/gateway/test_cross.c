/* tests/unit/gateway/test_cross.c -- what must hold of every mail that crosses, whatever is in it:
 * all samples of /work/shared (where they are at hand), the mails of tests/corpus, and mutilations
 * of both. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aliases/nick.h"
#include "base/text.h"
#include "gateway/config/conf.h"
#include "gateway/gate/admit.h"
#include "gateway/mail/header.h"
#include "gateway/mail/mime.h"
#include "gateway/mail/note.h"
#include "unit/gateway/cross.h"
#include "unit/unit.h"

#define SCREEN 80u
#define NOTE_RECORD 255u
#define LINE_MOST 998u

static const struct {
    const char *folder, *ending;
} corpora[] = {
    {"tests/corpus", ".eml"},
    {"../shared/samples/mime4j-testmsgs", ".msg"},
    {"../shared/samples/eai", ""},
};
#define CORPORA (int)(sizeof corpora / sizeof *corpora)

static struct arena *a;
static const char *at; /* the sample at hand, for messages */

static void setup(void)
{
    cross_open(
        "NODE WHOLE STYLE=RFC822\nNODE BATCH BSMTP=MAILER\nNODE CARDS FORMAT=PUNCH FILES=UU");
}

static void teardown(void)
{
    cross_close();
}

/* --- what holds of all that goes to NJE --- */

static struct str text_of(struct cur record)
{
    struct buf b;
    buf_init(&b, 1u << 20);
    ebc_to_utf8(&b, ebc_page_default(), record);
    struct str s = arena_str(a, buf_text(&b));
    buf_done(&b);
    return s;
}

/* Every octet of it can be shown: no control, nothing the page has not. */
static void check_printable(struct cur record)
{
    struct str s = text_of(record);
    for (struct str rest = s; rest.n > 0;) {
        uint32_t r = text_rune(&rest);
        ck_assert_msg(r >= 0x20 && (r < 0x7F || r > 0x9F) && r != 0xFFFD, "%s: U+%04X in %.*s", at,
                      r, STR_ARG(s));
    }
}

/* What is wider than a screen has no place to break it. */
static void check_width(struct cur record, bool header)
{
    struct str s = str_trim(text_of(record));
    ck_assert_msg(cur_left(&record) <= NOTE_RECORD, "%s: %zu columns: %.*s", at, cur_left(&record),
                  STR_ARG(s));
    while (s.n > 0 && (s.p[0] == '>' || s.p[0] == ' '))
        s = str_sub(s, 1, s.n);
    if (header) { /* one address that is long */
        ptrdiff_t mid = str_find(s, ' ');
        s = str_sub(s, mid < 0 ? 0 : (size_t)mid + 1, s.n);
        s = str_trim(s);
        for (size_t i = 0; i + 4 < s.n; i++)
            if (memcmp(s.p + i, " at ", 4) == 0 && str_find(str_sub(s, 0, i), ' ') < 0)
                s = str_sub(s, i + 4, s.n);
    }
    ck_assert_msg(cur_left(&record) <= SCREEN || str_find(s, ' ') < 0, "%s: %zu columns: %.*s", at,
                  cur_left(&record), STR_ARG(s));
}

static struct str note_text(const struct cross_records *r)
{
    struct buf b;
    buf_init(&b, 64u << 20);
    for (size_t i = 0; i < r->n; i++) {
        bool empty = cur_left(&r->record[i]) == 1 && *r->record[i].p == 0x40;
        buf_str(&b, empty ? STR("") : text_of(r->record[i])); /* an empty record is one blank */
        buf_u8(&b, '\n');
    }
    struct str s = arena_str(a, buf_text(&b));
    buf_done(&b);
    return s;
}

static struct str check_note(const struct message *m)
{
    struct cross_records r = cross_records(a, m->body);
    bool header = true;
    ck_assert_msg(r.note, "%s: the first file is no note", at);
    for (size_t i = 0; i < r.n; i++) {
        check_printable(r.record[i]);
        check_width(r.record[i], header);
        header = header && str_trim(text_of(r.record[i])).n > 0;
    }
    struct str text = note_text(&r);
    ck_assert_msg(note_looks(text), "%s: %.*s", at, STR_ARG(text));
    return text;
}

static void check_files(const struct message *const *m, size_t n, struct str note)
{
    char want[64];
    for (size_t i = 1; i < n; i++) {
        struct njefile_in f;
        struct why w;
        ck_assert_int_eq(njefile_read_headers(a, body_cur(m[i]->body, &w), &f, &w), 0);
        (void)cross_records(a, m[i]->body);
        snprintf(want, sizeof want, "\n%3zu %-8.*s %-8.*s ", i, STR_ARG(f.fn), STR_ARG(f.ft));
        ck_assert_msg(memmem(note.p, note.n, want, strlen(want)) != NULL,
                      "%s: the note does not name file%s\n%.*s", at, want, STR_ARG(note));
    }
}

/* --- the samples --- */

/* As SMTP carries it: every line ends in CRLF. */
static struct str with_crlf(struct str s)
{
    struct buf b;
    struct str line;
    buf_init(&b, 2 * s.n + 2);
    while (str_line(&s, &line)) {
        buf_str(&b, line);
        buf_crlf(&b);
    }
    struct str out = arena_str(a, buf_text(&b));
    buf_done(&b);
    return out;
}

static void each_sample(int corpus, cross_each_fn *fn)
{
    bool there = cross_each(corpora[corpus].folder, corpora[corpus].ending, fn, NULL);
    ck_assert(there || corpus > 0); /* ours is always there */
}

static size_t take(const struct message ***m)
{
    struct message **list;
    size_t n = cross_taken(&list);
    *m = (const struct message **)list;
    return n;
}

/* A sample, what MIME makes of it, and what it became; until arena_free. */
struct crossed {
    struct str mail;
    struct mime_text t;
    const struct message **m;
    size_t n;
};

static struct crossed cross_sample(const char *path, struct str bytes)
{
    struct why w = {.text = ""};
    struct crossed c;
    at = path;
    a = arena_new(256u << 20);
    c.mail = with_crlf(bytes);
    ck_assert_msg(mime_read(a, c.mail, &c.t, &w) == 0, "%s: %s", path, w.text);
    ck_assert_msg(cross_mail(c.mail, &w) == 0, "%s: %s", path, w.text);
    c.n = take(&c.m);
    ck_assert_msg(c.n > 0, "%s", path);
    return c;
}

static struct str first_note(const struct crossed *c)
{
    struct cross_records r = cross_records(a, c->m[0]->body);
    return note_text(&r);
}

static void cross_whole(void *arg, const char *path, struct str bytes)
{
    (void)arg;
    struct crossed c = cross_sample(path, bytes);
    check_files(c.m, c.n, check_note(c.m[0]));
    ck_assert_msg(c.t.nparts == c.n - 1, "%s: %zu parts, %zu files", path, c.t.nparts, c.n - 1);
    arena_free(&a);
}

START_TEST(every_mail_is_a_note_and_files)
{
    each_sample(_i, cross_whole);
}
END_TEST

/* --- words --- */

/* Every word of what MIME made of the mail stands in the note, in order (what the page has not is
 * another test's). */
static void same_words(void *arg, const char *path, struct str bytes)
{
    (void)arg;
    struct crossed c = cross_sample(path, bytes);
    struct str note = first_note(&c), word, line, text = c.t.text;
    while (str_line(&note, &line) && str_trim(line).n > 0) /* the header */
        ;
    while (str_line(&text, &line))
        while (text_is_ascii(line) && (word = str_word(&line)).n > 0) {
            if (word.n > SCREEN || memchr(word.p, '\f', word.n) != NULL ||
                memchr(word.p, '\x1b', word.n) != NULL)
                continue;
            const char *hit = memmem(note.p, note.n, word.p, word.n);
            ck_assert_msg(hit != NULL, "%s: \"%.*s\" is not in the rest of the note: %.*s", path,
                          STR_ARG(word), STR_ARG(note));
            note = str_sub(note, (size_t)(hit - note.p) + word.n, note.n);
        }
    arena_free(&a);
}

START_TEST(every_word_is_in_the_note)
{
    each_sample(_i, same_words);
}
END_TEST

/* --- what is substituted is said --- */

static size_t not_in_page(struct str s)
{
    struct buf b;
    buf_init(&b, 8 * s.n + 16);
    size_t n = ebc_from_utf8(&b, ebc_page_default(), s);
    buf_done(&b);
    return n;
}

static void count_said(void *arg, const char *path, struct str bytes)
{
    struct why w = {.text = ""};
    struct hdr h;
    (void)arg;
    struct crossed c = cross_sample(path, bytes);
    ck_assert_int_eq(hdr_parse(a, c.mail, &h, &w), 0);
    struct str note = first_note(&c);
    size_t least = not_in_page(c.t.text) + not_in_page(hdr_decode(a, hdr_value(&h, "Subject")));
    const char *said = memmem(note.p, note.n, " not in code page 037", 21);
    ck_assert_msg((said != NULL) == (least > 0) || (said != NULL), "%s: %zu characters, said: %.*s",
                  path, least, STR_ARG(note));
    if (least > 0) {
        while (said > note.p && *said != '[')
            said--;
        ck_assert_msg(strtoul(said + 1, NULL, 10) >= least, "%s: %zu, said: %.60s", path, least,
                      said);
    }
    ck_assert_msg(c.t.replaced == 0 || memmem(note.p, note.n, "could not be read]", 18) != NULL,
                  "%s", path);
    arena_free(&a);
}

START_TEST(what_is_substituted_is_counted)
{
    each_sample(_i, count_said);
}
END_TEST

/* --- mutilations --- */

static uint32_t seed;

static uint32_t any(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return below == 0 ? 0 : (seed >> 8) % below;
}

static void add_cut(struct buf *b, struct str s)
{
    buf_str(b, str_sub(s, 0, any((uint32_t)s.n)));
}

static void add_flipped(struct buf *b, struct str s)
{
    buf_str(b, s);
    for (uint32_t i = 0, n = 1 + any(20); i < n && b->n > 0; i++)
        b->p[any((uint32_t)b->n)] ^= (uint8_t)(1u << any(8));
}

static void add_dropped(struct buf *b, struct str s)
{
    struct str line;
    while (str_line(&s, &line))
        if (any(8) != 0) {
            buf_str(b, line);
            buf_crlf(b);
        }
}

static void add_doubled(struct buf *b, struct str s)
{
    struct str line;
    while (str_line(&s, &line))
        for (uint32_t i = 0, n = any(6) == 0 ? 2 + any(3) : 1; i < n; i++) {
            buf_str(b, line);
            buf_crlf(b);
        }
}

/* Without its boundary lines. */
static void add_unbound(struct buf *b, struct str s)
{
    struct str line;
    while (str_line(&s, &line))
        if (!str_starts_nocase(line, "--") || any(2) == 0) {
            buf_str(b, line);
            buf_crlf(b);
        }
}

static void add_nested(struct buf *b, struct str s)
{
    uint32_t depth = 1 + any(60);
    for (uint32_t i = 0; i < depth; i++)
        if (any(2) == 0)
            buf_z(b, "Content-Type: message/rfc822\r\n\r\n");
        else
            buf_printf(b, "Content-Type: multipart/mixed; boundary=n%u\r\n\r\n--n%u\r\n", i, i);
    buf_str(b, s);
}

static void add_huge_header(struct buf *b, struct str s)
{
    uint32_t n = any(4000), kind = any(3);
    buf_z(b, kind == 0 ? "Subject: " : kind == 1 ? "To: " : "Content-Type: multipart/mixed; x=");
    for (uint32_t i = 0; i < n; i++)
        buf_z(b, kind == 1     ? "\"N\" <n@example.org>,\r\n "
                 : any(3) == 0 ? "\r\n\tword"
                               : "=?utf-8?B?w4Q=?=");
    buf_crlf(b);
    buf_str(b, s);
}

static void add_noise(struct buf *b, struct str s)
{
    size_t where = any((uint32_t)s.n);
    buf_str(b, str_sub(s, 0, where));
    for (uint32_t i = 0, n = any(300); i < n; i++)
        buf_u8(b, (uint8_t)any(256));
    buf_str(b, str_sub(s, where, s.n));
}

static void (*const mutilate[])(struct buf *, struct str) = {
    add_cut,     add_flipped, add_dropped,     add_doubled,
    add_unbound, add_nested,  add_huge_header, add_noise,
};
#define WAYS (uint32_t)(sizeof mutilate / sizeof *mutilate)

/* It is taken, and then what holds of every mail holds; or it is refused for good, with the reason.
 */
static void cross_mutilated(void *arg, const char *path, struct str bytes)
{
    struct buf b;
    (void)arg;
    at = path;
    buf_init(&b, 16u << 20);
    for (uint32_t i = 0; i < 2 * WAYS; i++) {
        struct why w = {.text = ""};
        const struct message **m;
        a = arena_new(512u << 20);
        seed = (uint32_t)bytes.n * 31 + i;
        buf_reset(&b);
        mutilate[i % WAYS](&b, with_crlf(bytes));
        if (i >= WAYS) { /* and in a second way */
            struct str once = arena_str(a, buf_text(&b));
            buf_reset(&b);
            mutilate[any(WAYS)](&b, once);
        }
        char *exact = malloc(b.n > 0 ? b.n : 1); /* ASan sees a look past the end */
        if (b.n > 0)
            memcpy(exact, b.p, b.n);
        int v = cross_mail((struct str){exact, b.n}, &w);
        size_t n = take(&m);
        ck_assert_msg((v == 0) == (n > 0), "%s", path);
        ck_assert_msg(v == 0 || (why_smtp(&w) >= 500 && w.text[0] != '\0'), "%s: %d %s", path,
                      why_smtp(&w), w.text);
        if (v == 0)
            check_files(m, n, check_note(m[0]));
        free(exact);
        arena_free(&a);
    }
    buf_done(&b);
}

START_TEST(mutilated_mail_crosses_or_is_refused)
{
    each_sample(_i, cross_mutilated);
}
END_TEST

/* --- there and back --- */

static struct str through_page(struct str s)
{
    struct buf b, c;
    buf_init(&b, 8 * s.n + 16);
    buf_init(&c, 8 * s.n + 16);
    hdr_clean(&b, s);
    (void)ebc_from_utf8(&c, ebc_page_default(), buf_text(&b));
    s = text_of(buf_cur(&c));
    buf_done(&b);
    buf_done(&c);
    return str_trim(s);
}

/* The only mail that came of a file; what holds of every mail we send holds. */
static struct str one_mail(struct hdr *h)
{
    const struct message **m;
    struct why w;
    size_t n = take(&m);
    ck_assert_msg(n == 1 && m[0]->to == DOOR_SMTP, "%s: %zu messages", at, n);
    struct cur c = body_cur(m[0]->body, &w);
    struct str mail = arena_str(a, cur_str(&c)), rest = mail, line;
    bool eight = m[0]->utf8; /* its header may be UTF-8 then */
    ck_assert_int_eq(hdr_parse(a, mail, h, &w), 0);
    while (rest.n > 0) {
        const char *lf = memchr(rest.p, '\n', rest.n);
        ck_assert_msg(lf != NULL && lf > rest.p && lf[-1] == '\r', "%s: %.*s", at, STR_ARG(rest));
        line = str_sub(rest, 0, (size_t)(lf - rest.p) - 1);
        eight = eight && line.n > 0;
        ck_assert_msg(line.n <= LINE_MOST && (eight || text_is_ascii(line)) &&
                          memchr(line.p, '\r', line.n) == NULL && memchr(line.p, 0, line.n) == NULL,
                      "%s: %.*s", at, STR_ARG(line));
        rest = str_sub(rest, line.n + 2, rest.n);
    }
    static const char *const must[] = {"Received", "Date", "From", "Message-ID", "MIME-Version"};
    for (size_t i = 0; i < sizeof must / sizeof *must; i++)
        ck_assert_msg(hdr_get(h, must[i], 0) != NULL && hdr_get(h, must[i], 1) == NULL, "%s: %s",
                      at, must[i]);
    return mail;
}

/* The mailbox itself, or the same NJE user in another form of his address. */
static bool same_person(const struct hdr_addr *x, const struct hdr_addr *y)
{
    struct str user1, node1, user2, node2;
    return str_eq_nocase(x->mailbox, y->mailbox) ||
           (admit_owner(&cross, a, x->local, x->domain, &user1, &node1) &&
            admit_owner(&cross, a, y->local, y->domain, &user2, &node2) &&
            str_eq_nocase(user1, user2) && str_eq_nocase(node1, node2));
}

static void same_rcpts(const struct hdr *was, const struct hdr *is, const char *field)
{
    struct hdr_addr from[200], to[200];
    size_t n = hdr_addrs(a, hdr_value(was, field), from, 200);
    size_t got = hdr_addrs(a, hdr_value(is, field), to, 200);
    if (hdr_get(was, field, 1) != NULL)
        return; /* several fields of one name become one list */
    if (n > 12)
        n = 10; /* a long list is cut, and the note says so */
    for (size_t i = 0; i < n; i++) {
        if (from[i].domain.n == 0 || !text_is_ascii(from[i].mailbox))
            continue; /* nobody can reply to the first, the second is no address of the note's page
                       */
        bool found = false;
        for (size_t k = 0; k < got && !found; k++)
            found = same_person(&from[i], &to[k]);
        ck_assert_msg(found, "%s: %s: %.*s is not in %.*s", at, field, STR_ARG(from[i].mailbox),
                      STR_ARG(hdr_value(is, field)));
    }
}

/* Where it is folded one blank stands for several. */
static bool same_but_blanks(struct str x, struct str y)
{
    struct str l, r;
    do {
        l = str_word(&x);
        r = str_word(&y);
    } while (l.n > 0 && str_eq(l, r));
    return l.n == 0 && r.n == 0;
}

static void note_back(const struct hdr *was, const struct message *m, struct str nick)
{
    struct why w = {.text = ""};
    struct hdr h;
    struct wall d1, d2;
    int o1, o2;
    ck_assert_msg(cross_file(cross_sent_on(a, m->body, nick.p), nick.p, &w) == 0, "%s: %s", at,
                  w.text);
    (void)one_mail(&h);
    struct str want = through_page(hdr_decode(a, hdr_value(was, "Subject")));
    struct str got = hdr_decode(a, hdr_value(&h, "Subject"));
    ck_assert_msg(same_but_blanks(want, got), "%s: subject '%.*s' was '%.*s'", at, STR_ARG(got),
                  STR_ARG(want));
    if (date_parse(hdr_value(was, "Date"), &d1, &o1, NULL) == 0) {
        ck_assert_int_eq(date_parse(hdr_value(&h, "Date"), &d2, &o2, NULL), 0);
        ck_assert_msg(d1.us / 1000000 == d2.us / 1000000, "%s: %.*s was %.*s", at,
                      STR_ARG(hdr_value(&h, "Date")), STR_ARG(hdr_value(was, "Date")));
    }
    same_rcpts(was, &h, "To");
    same_rcpts(was, &h, "Cc");
}

static void same_text(struct str want, struct str got)
{
    struct str l1, l2;
    while (str_line(&want, &l1)) {
        ck_assert_msg(str_line(&got, &l2), "%s: %.*s is missing", at, STR_ARG(l1));
        l1 = through_page(l1);
        l2 = through_page(l2);
        ck_assert_msg(str_eq(l1, l2), "%s: '%.*s' was '%.*s'", at, STR_ARG(l2), STR_ARG(l1));
    }
}

static void file_back(const struct mime_part *was, const struct message *m, struct str nick)
{
    struct why w = {.text = ""};
    struct hdr h;
    struct mime_text t;
    struct mime_pieces p, q;
    struct cur x = {0}, y = {0};
    ck_assert_msg(cross_file(cross_sent_on(a, m->body, nick.p), nick.p, &w) == 0, "%s: %s", at,
                  w.text);
    ck_assert_int_eq(mime_read(a, one_mail(&h), &t, &w), 0);
    ck_assert_msg(t.nparts == 1, "%s: %zu parts", at, t.nparts);
    if (was->text) {
        same_text(was->content, t.part[0].content);
        return;
    }
    mime_pieces_begin(&p, was);
    mime_pieces_begin(&q, &t.part[0]);
    uint64_t n = 0;
    for (bool more = true; more;) {
        more = cur_left(&x) > 0 || mime_pieces_next(&p, &x);
        bool other = cur_left(&y) > 0 || mime_pieces_next(&q, &y);
        ck_assert_msg(more == other || was->size == 0, "%s: %.*s ends at %llu of %llu", at,
                      STR_ARG(was->name), (unsigned long long)n, (unsigned long long)was->size);
        for (; more && cur_left(&x) > 0 && cur_left(&y) > 0; n++)
            ck_assert_msg(cur_u8(&x) == cur_u8(&y), "%s: %.*s differs at %llu", at,
                          STR_ARG(was->name), (unsigned long long)n);
    }
    mime_pieces_done(&p);
    mime_pieces_done(&q);
}

static void there_and_back(void *arg, const char *path, struct str bytes)
{
    struct why w = {.text = ""};
    struct message **list, *m[64] = {NULL};
    struct hdr h;
    struct mime_text t;
    (void)arg;
    at = path;
    a = arena_new(512u << 20);
    struct str mail = with_crlf(bytes);
    ck_assert_int_eq(hdr_parse(a, mail, &h, &w), 0);
    ck_assert_int_eq(mime_read(a, mail, &t, &w), 0);
    ck_assert_msg(cross_mail(mail, &w) == 0, "%s: %s", path, w.text);
    size_t n = cross_taken(&list);
    ck_assert_msg(n > 0 && n <= 64 && n == t.nparts + 1, "%s: %zu files", path, n);
    for (size_t i = 0; i < n; i++) {
        m[i] = list[i];
        list[i] = message_new(); /* the next call lets go of the list */
    }
    /* From: the name that the note shows stands for the mailbox the mail came from. */
    struct njefile_in f;
    ck_assert_int_eq(njefile_read_headers(a, body_cur(m[0]->body, &w), &f, &w), 0);
    struct nick_row row;
    struct hdr_addr from[1];
    ck_assert_msg(nick_mailbox(cross.nicks, f.from_user, a, &row, &w) == 0, "%s: %.*s", path,
                  STR_ARG(f.from_user));
    if (hdr_addrs(a, hdr_value(&h, "From"), from, 1) == 1 && from[0].domain.n > 0)
        ck_assert_msg(str_eq_nocase(row.mailbox, from[0].mailbox), "%s: %.*s", path,
                      STR_ARG(row.mailbox));
    note_back(&h, m[0], f.from_user);
    for (size_t i = 1; i < n; i++)
        file_back(&t.part[i - 1], m[i], f.from_user);
    for (size_t i = 0; i < n; i++)
        message_free(&m[i]);
    arena_free(&a);
}

START_TEST(mail_there_and_back)
{
    each_sample(_i, there_and_back);
}
END_TEST

/* --- whole mails: RFC 822 text and batches --- */

/* Of a batch what stands between DATA and the dot. */
static struct str batch_data(struct str text)
{
    struct buf b;
    struct str line;
    const char *data = memmem(text.p, text.n, "\nDATA\n", 6);
    if (!str_starts_nocase(text, "HELO ") || data == NULL)
        return text;
    text = str_sub(text, (size_t)(data - text.p) + 6, text.n);
    buf_init(&b, text.n);
    bool ended = false;
    while (!ended && str_line(&text, &line)) {
        ended = str_eq(line, STR("."));
        line = str_sub(line, line.n > 0 && line.p[0] == '.', line.n);
        buf_str(&b, line);
        buf_z(&b, ended ? "" : "\n");
    }
    ck_assert_msg(ended && str_eq(text, STR("QUIT\n")), "%s: %.*s", at, STR_ARG(text));
    text = arena_str(a, buf_text(&b));
    buf_done(&b);
    return text;
}

static void whole_back(void *arg, const char *path, struct str bytes)
{
    const char *to = arg;
    struct why w = {.text = ""};
    struct message **list;
    struct mime_text t1, t2;
    struct hdr h1, h2;
    if (memchr(bytes.p, 0, bytes.n) != NULL)
        return; /* no text of any world has these */
    at = path;
    a = arena_new(512u << 20);
    struct str mail = with_crlf(bytes);
    ck_assert_int_eq(mime_read(a, mail, &t1, &w), 0);
    ck_assert_int_eq(hdr_parse(a, mail, &h1, &w), 0);
    ck_assert_msg(cross_mail_to(mail, (const char *const[]){to, NULL}, &w) == 0, "%s: %s", path,
                  w.text);
    ck_assert_uint_eq(cross_taken(&list), 1);
    struct body *deck = body_hold(list[0]->body);
    struct cross_records r = cross_records(a, deck);
    struct str text = note_text(&r);
    body_free(&deck);
    text = batch_data(text);
    ck_assert_int_eq(hdr_parse(a, text, &h2, &w), 0);
    ck_assert_int_eq(mime_read(a, text, &t2, &w), 0);
    ck_assert_msg(str_eq(through_page(hdr_decode(a, hdr_value(&h1, "Subject"))),
                         through_page(hdr_decode(a, hdr_value(&h2, "Subject")))),
                  "%s: %.*s", path, STR_ARG(hdr_value(&h2, "Subject")));
    ck_assert_msg(t1.nparts == t2.nparts, "%s: %zu parts, %zu before", path, t2.nparts, t1.nparts);
    for (size_t i = 0; i < t1.nparts; i++) {
        if (!str_eq(t1.part[i].content, t2.part[i].content)) /* lines have other ends */
            same_text(t1.part[i].content, t2.part[i].content);
    }
    same_text(t1.text, t2.text);
    arena_free(&a);
}

START_TEST(whole_mail_is_the_same_mail)
{
    cross_each(corpora[_i].folder, corpora[_i].ending, whole_back, "bob%whole@gate.example.test");
    cross_each(corpora[_i].folder, corpora[_i].ending, whole_back, "bob%batch@gate.example.test");
}
END_TEST

/* --- mutilated files --- */

/* It is refused with the reason, and nothing of it is made; or it is taken, and the journal says
 * what became of it: mail, a return, a report, kept, dropped. */

static void deck_mutilated(void *arg, const char *path, struct str bytes)
{
    struct why w = {.text = ""};
    struct message **list, *m;
    (void)arg;
    at = path;
    a = arena_new(512u << 20);
    ck_assert_int_eq(cross_mail(with_crlf(bytes), &w), 0);
    size_t n = cross_taken(&list);
    m = list[n - 1];
    list[n - 1] = message_new();
    struct njefile_in f;
    ck_assert_int_eq(njefile_read_headers(a, body_cur(m->body, &w), &f, &w), 0);
    struct cur whole = cross_sent_on(a, m->body, f.from_user.p);
    struct buf b;
    buf_init(&b, 16u << 20);
    for (uint32_t i = 0; i < 24; i++) {
        w = (struct why){.text = ""};
        seed = (uint32_t)bytes.n * 17 + i;
        buf_reset(&b);
        if (i % 3 == 0)
            add_cut(&b, cur_str(&whole));
        else
            add_flipped(&b, cur_str(&whole));
        char *exact = malloc(b.n > 0 ? b.n : 1);
        if (b.n > 0)
            memcpy(exact, b.p, b.n);
        int v = cross_file(cur_of(exact, b.n), i % 2 == 0 ? f.from_user.p : "SMTP", &w);
        size_t came = cross_taken(&list);
        ck_assert_msg(v == 0 || (w.err < 0 && w.text[0] != '\0' && came == 0), "%s", path);
        ck_assert_msg(v < 0 || cross_file_journal() > 0, "%s %u: taken, and nothing became of it",
                      path, i);
        free(exact);
    }
    buf_done(&b);
    message_free(&m);
    arena_free(&a);
}

START_TEST(mutilated_files_cross_or_are_refused)
{
    each_sample(_i, deck_mutilated);
}
END_TEST

static Suite *cross_suite(void)
{
    Suite *s = suite_create("cross");
    TCase *t = tcase_create("cross");
    tcase_set_timeout(t, 240); /* thousands of mails under sanitizers */
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, every_mail_is_a_note_and_files, 0, CORPORA);
    tcase_add_loop_test(t, every_word_is_in_the_note, 0, CORPORA);
    tcase_add_loop_test(t, what_is_substituted_is_counted, 0, CORPORA);
    tcase_add_loop_test(t, mutilated_mail_crosses_or_is_refused, 0, CORPORA);
    tcase_add_loop_test(t, mail_there_and_back, 0, CORPORA);
    tcase_add_loop_test(t, whole_mail_is_the_same_mail, 0, CORPORA);
    tcase_add_loop_test(t, mutilated_files_cross_or_are_refused, 0, CORPORA);
    suite_add_tcase(s, t);
    return s;
}
UNIT(cross_suite)
