/* tests/unit/mail/test_mime.c -- reading MIME messages and writing them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "gateway/mail/calendar.h"
#include "gateway/mail/flowed.h"
#include "gateway/mail/header.h"
#include "gateway/mail/mime.h"
#include "unit/unit.h"

#define N(table) (int)(sizeof table / sizeof *table)

static struct arena *a;

static void setup(void)
{
    a = arena_new(64 << 20);
}

static void teardown(void)
{
    arena_free(&a);
}

static struct mime_text read_message(struct str message)
{
    struct mime_text m = {.nparts = 99, .replaced = 99};
    struct why w = {0};
    char *exact = malloc(message.n > 0 ? message.n : 1); /* ASan sees a look past the end */
    memcpy(exact, message.p, message.n);
    ck_assert_msg(mime_read(a, (struct str){exact, message.n}, &m, &w) == OK, "%s", w.text);
    free(exact); /* text and parts are copies */
    return m;
}

#define CT "Content-Type: "
#define CTE "Content-Transfer-Encoding: "
#define MIXED CT "multipart/mixed; boundary=b\n\n"

static const struct {
    const char *message, *text;
} texts[] = {
    {"Subject: x\n\nplain\r\ntext\n", "plain\ntext\n"},
    {"", ""},
    {"\nbody only\n", "body only\n"},
    {"Subject: x\n\nraw \xfc\n", "raw \xc3\xbc\n"},
    {"Subject: x\n\nraw \xc3\xbc\n", "raw \xc3\xbc\n"},
    {CT "text/plain; charset=utf-8\n" CTE "8bit\n\n\xc3\xbc\n", "\xc3\xbc\n"},
    {CT "text/plain; charset=us-ascii\n\n\xfc\n", "\xc3\xbc\n"},
    {CT "text/plain; charset=iso-8859-15\n\n\xa4\n", "\xe2\x82\xac\n"},
    {CT "text/plain; charset=x-klingon\n\n\xfc\n", "\xc3\xbc\n"},
    {CT "text/plain; charset=utf-16le\n" CTE "base64\n\n/ADkAA==\n", "\xc3\xbc\xc3\xa4\n"},
    {CT "text/plain\n" CTE "quoted-printable\n\na=3Db=\nc =\n d\n", "a=bc  d\n"},
    {CT "text/plain\n" CTE "BASE64 \n\nYWJj\nZGVm\n", "abcdef\n"},
    {CT "text/plain; format=flowed\n\none \ntwo\n> q \n> r\n  stuffed\n-- \nsig \n",
     "one two\n> q r\n stuffed\n-- \nsig \n"},
    {CT "text/plain; format=flowed; delsp=yes\n\none \ntwo\n", "onetwo\n"},
    {CT "text\n\nplain all the same\n", "plain all the same\n"},
    {CT "text/html\n\n<p>a<p>b", "a\n\nb\n"},
    {CT "text/html; charset=iso-8859-1\n" CTE "quoted-printable\n\n<p>=FC", "\xc3\xbc\n"},
    {CT "multipart/alternative; boundary=\"b\"\n\npreamble\n--b\n\nplain, enough of it\n--b\n" CT
        "text/html\n\n<p>html\n--b--\nepilogue",
     "plain, enough of it\n"},
    {CT "multipart/alternative; boundary=b\n\n--b\n" CT
        "text/html\n\n<p>html\n--b\n\nlast plain text"
        "\n--b--\n",
     "last plain text\n"},
    {CT "multipart/alternative; boundary=b\n\n--b\n\n \n--b\n" CT
        "text/html\n\n<p>only html\n--b--\n",
     "only html\n"},
    {MIXED "--b\n\none\n--b\n\ntwo\n--b--\n", "one\n\n--------\ntwo\n"},
    {MIXED "--b\n\none\n", "one\n"}, /* never closed */
    {MIXED "--b \t\n\none\n--bb\ninside\n--b--\n", "one\n--bb\ninside\n"},
    {MIXED "--b\r\n\r\none\r\n--b--\r\n", "one\n"},
    {CT "multipart/mixed\n\n--b\n\none\n--b--\n", "--b\n\none\n--b--\n"}, /* no boundary named */
    {MIXED "no delimiter\n", "no delimiter\n"},
    {MIXED "--b--\n", "--b--\n"},
    {MIXED "--b\n" CT "message/rfc822\n\nFrom: a@b\nSubject: =?utf-8?Q?=C3=BC?=\n\ninner\n--b--\n",
     "-------- Forwarded message --------\nFrom: a@b\nSubject: \xc3\xbc\n\ninner\n"
     "-------- End of forwarded message --------\n"},
    {CT "multipart/digest; boundary=b\n\n--b\n\nFrom: a@b\n\none\n--b--\n",
     "-------- Forwarded message --------\nFrom: a@b\n\none\n"
     "-------- End of forwarded message --------\n"},
    {CT "multipart/related; start=\"<r>\"; boundary=b\n\n--b\n" CT
        "image/png\nContent-ID: <i>\n\nx\n--b\n" CT
        "text/html\nContent-ID: <r>\n\n<p>root\n--b--\n",
     "root\n"},
    {CT "multipart/signed; protocol=\"application/pgp-signature\"; "
        "boundary=b\n\n--b\n\nsigned\n--b\n" CT "application/pgp-signature\n\nxx\n--b--\n",
     "signed\n\n[signed message, PGP, not verified]\n"},
    {CT
     "multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nhuman words\n--b\n" CT
     "message/delivery-status\n\nReporting-MTA: dns; m.example\n\nFinal-Recipient: rfc822; x@y\n"
     "Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 no such user\n\nFinal-Recipient: "
     "rfc822; z@y\nAction: delayed\n--b\n" CT
     "message/rfc822\n\nSubject: lost\nX: y\n\nbody\n--b--\n",
     "human words\n\nx@y: failed, 5.1.1, 550 no such user\nz@y: delayed\n\n"
     "-------- Returned message --------\nSubject: lost\n\n"},
    {CT "multipart/alternative; boundary=b\n\n--b\n\nplain, enough of it\n--b\n" CT
        "multipart/mixed; boundary=c\n\n--c\n" CT "text/html\n\n<p>h\n--c\n" CT
        "application/pdf; name=x.pdf\n\nP\n--c--\n--b--\n",
     "plain, enough of it\n"},
    {CT "multipart/alternative; boundary=b\n\n--b\n\nplease do come\n--b\n" CT
        "text/calendar\n\nBEGIN:VEVENT\nSUMMARY:x\n--b--\n",
     "please do come\n\n[calendar entry]\nWhat:  x\n"},
    {MIXED "--b\n" CT "text/html\n\n<img src=x>\n--b--\n", "[message has only pictures]\n"},
};

START_TEST(readable_text)
{
    struct mime_text m = read_message(str_of(texts[_i].message));
    ck_assert_msg(str_eq(m.text, str_of(texts[_i].text)), "%s\n--- got:\n%.*s--- want:\n%s",
                  texts[_i].message, STR_ARG(m.text), texts[_i].text);
    ck_assert(m.replaced != 99);
}
END_TEST

/* name, type, size or text, of one attachment */
static const struct {
    const char *head, *body, *name, *type, *content;
    bool text;
} files[] = {
    {CT "application/pdf; name=a.pdf\n", "abc", "a.pdf", "application/pdf", "abc", false},
    {CT "Application/PDF\nContent-Disposition: attachment; filename=\"a b.pdf\"\n" CTE "base64\n",
     "YWJj", "a b.pdf", "application/pdf", "abc", false},
    {CT "x/y\nContent-Disposition: attachment; filename*=UTF-8''J%C3%BCrgen.txt\n", "",
     "J\xc3\xbcrgen.txt", "x/y", "", false},
    {CT "x/y\nContent-Disposition: attachment; filename*0=\"a\"; filename*1=\"b.c\"\n", "", "ab.c",
     "x/y", "", false},
    {CT "x/y\nContent-Disposition: attachment; filename=\"=?utf-8?Q?=C3=BC?=.c\"\n", "",
     "\xc3\xbc.c", "x/y", "", false},
    {CT "x/y\nContent-Disposition: attachment; filename=\xfc.c\n", "", "\xc3\xbc.c", "x/y", "",
     false},
    {CT "text/plain; charset=iso-8859-1; name=t.txt\nContent-Disposition: attachment\n",
     "\xfc\r\nx", "t.txt", "text/plain", "\xc3\xbc\nx", true},
    {CT "text/x-log; name=t.log\n", "a\x01\x02\x03\x04", "t.log", "text/x-log", "a\x01\x02\x03\x04",
     false},
    {CT "text/calendar; name=i.ics\n", "BEGIN:VCALENDAR\n", "i.ics", "text/calendar",
     "BEGIN:VCALENDAR\n", true},
    {CT "image/png\n", "x", "", "image/png", "x", false},
    {CT "x/y; name=u\n" CTE "x-uuencode\n", "begin 644 u\n#86)C\n`\nend\n", "u", "x/y", "abc",
     false},
    {CT "application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\n", "x", "smime.p7m",
     "application/pkcs7-mime", "x", false},
};

static const struct {
    const char *in, *text, *name, *content;
} encoded[] = {
    {"see:\nbegin 644 a b.txt\n#86)C\n`\nend\nafter\n", "see:\n[a b.txt, 3 bytes]\nafter\n",
     "a b.txt", "abc"},
    {"begin 600 x\n$86)C9```\nend\n", "[x, 4 bytes]\n", "x", "abcd"},
    {"begin with a word\nend\n", "begin with a word\nend\n", NULL, NULL},
    {"begin 644 x\nthis is no data\nend\n", "begin 644 x\nthis is no data\nend\n", NULL, NULL},
    {"begin 644 x\n#86)C\nno end\n", "begin 644 x\n#86)C\nno end\n", NULL, NULL},
};

START_TEST(uuencoded_in_text)
{
    static const char *const heads[] = {CT "text/plain; charset=iso-8859-1\n", "Subject: x\n"};
    struct mime_text m = read_message(arena_printf(a, "%s\n%s", heads[_i % 2], encoded[_i / 2].in));
    _i /= 2;
    ck_assert_msg(str_eq(m.text, str_of(encoded[_i].text)), "got %.*s", STR_ARG(m.text));
    ck_assert_int_eq(m.nparts, encoded[_i].name != NULL);
    if (m.nparts > 0) {
        ck_assert(str_eq(m.part[0].name, str_of(encoded[_i].name)));
        ck_assert(str_eq(m.part[0].content, str_of(encoded[_i].content)));
    }
}
END_TEST

static const struct {
    const char *ics, *text;
} invitations[] = {
    {"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VTIMEZONE\r\nDTSTART:16010101T000000\r\nEND:"
     "VTIMEZONE\r\n"
     "BEGIN:VEVENT\r\nDTSTART;TZID=\"Europe/"
     "Berlin\":20260108T090000\r\nDTEND;TZID=x:20260108T100000\r\n"
     "SUMMARY:Plans\\, and\r\n  more\r\nLOCATION:Room 5\\nfirst floor\r\n"
     "ORGANIZER;CN=\"Hayes: Steve\":MAILTO:steve@dsl.example\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
     "[invitation]\nWhat:  Plans, and more\nWhen:  8 January 2026, 09:00 - 10:00 (Europe/Berlin)\n"
     "Where: Room 5 first floor\nWho:   Hayes: Steve\n"},
    {"METHOD:CANCEL\nBEGIN:VEVENT\nDTSTART:20260108T230000Z\nDTEND:20260109T010000Z\n"
     "ORGANIZER:mailto:steve@dsl.example\n",
     "[meeting cancelled]\nWhen:  8 January 2026, 23:00 - 9 January 2026, 01:00 UTC\n"
     "Who:   steve@dsl.example\n"},
    {"BEGIN:VEVENT\nDTSTART;VALUE=DATE:20260108\nDTEND;VALUE=DATE:20260109\nSUMMARY:All day\n",
     "[calendar entry]\nWhat:  All day\nWhen:  8 January 2026\n"},
    {"BEGIN:VEVENT\nSUMMARY:a\x1b\\\nDTSTART:tomorrow\n",
     "[calendar entry]\nWhat:  a \\\nWhen:  tomorrow\n"},
    {"BEGIN:VCALENDAR\nSUMMARY:outside\n", ""},
    {"", ""},
};

START_TEST(invitation)
{
    struct buf b;
    buf_init(&b, 4096);
    calendar_put(&b, str_of(invitations[_i].ics));
    ck_assert_str_eq(buf_cstr(&b), invitations[_i].text);
    buf_done(&b);
}
END_TEST

START_TEST(one_attachment)
{
    struct str in = arena_printf(a, MIXED "--b\n\nsee the file\n--b\n%s\n%s\n--b--\n",
                                 files[_i].head, files[_i].body);
    struct mime_text m = read_message(in);
    ck_assert_int_eq(m.nparts, 1);
    const struct mime_part *p = &m.part[0];
    ck_assert_msg(str_eq(p->name, str_of(files[_i].name)), "name %.*s", STR_ARG(p->name));
    ck_assert_msg(str_eq(p->type, str_of(files[_i].type)), "type %.*s", STR_ARG(p->type));
    ck_assert_msg(str_eq(p->content, str_of(files[_i].content)), "content %.*s",
                  STR_ARG(p->content));
    ck_assert(p->text == files[_i].text);
    ck_assert(str_starts_nocase(m.text, "see the file\n"));
    ck_assert_uint_eq(p->size, p->content.n);
}
END_TEST

/* A large text stays in the message and comes in pieces: the same as one that is kept, and so does
 * what says that it is text and is not. */
START_TEST(large_attachments)
{
    static const struct {
        const char *charset, *piece, *want;
        bool text;
    } large[] = {
        {"; charset=iso-8859-1", "Gr\xfc\xdf\x65\r\n", "Gr\u00FC\u00DFe\n", true},
        {"", "Gr\u00FC\u00DFe\r\n", "Gr\u00FC\u00DFe\n", true},
        {"", "\x80uro\n", "\u20ACuro\n", true},
        {"; charset=utf-8", "\x01\x02\x03\n", "\x01\x02\x03\n", false},
    };
    enum { TIMES = 100000 };
    struct buf bytes, in, got, want;
    struct cur piece;
    buf_init(&bytes, 4 << 20), buf_init(&in, 8 << 20);
    buf_init(&got, 4 << 20), buf_init(&want, 4 << 20);
    for (size_t i = 0; i < TIMES; i++) {
        buf_z(&bytes, large[_i].piece);
        buf_z(&want, large[_i].want);
    }
    buf_printf(&in,
               MIXED "--b\n\nsee\n--b\nContent-Type: text/csv%s\n"
                     "Content-Disposition: attachment\nContent-Transfer-Encoding: base64\n\n",
               large[_i].charset);
    text_b64(&in, buf_cur(&bytes));
    buf_z(&in, "\n--b--\n");
    struct mime_text m;
    struct why w;
    ck_assert_int_eq(mime_read(a, buf_text(&in), &m, &w), OK);
    ck_assert_uint_eq(m.nparts, 1);
    ck_assert(m.part[0].text == large[_i].text);
    ck_assert_uint_eq(m.part[0].size, want.n);
    ck_assert_uint_eq(m.part[0].content.n, 0);
    ck_assert_uint_lt(arena_used(a), 65536);
    for (int again = 0; again < 2; again++) {
        struct mime_pieces p;
        buf_reset(&got);
        mime_pieces_begin(&p, &m.part[0]);
        while (mime_pieces_next(&p, &piece))
            buf_add(&got, piece.p, cur_left(&piece));
        mime_pieces_done(&p);
        ck_assert(str_eq(buf_text(&got), buf_text(&want)));
    }
    buf_done(&bytes), buf_done(&in), buf_done(&got), buf_done(&want);
}
END_TEST

/* Many small attachments are not all kept, but all there. */
/* A text of more than two megabytes: the note has its beginning and says so, the file has it all.
 */
static const struct {
    const char *head, *line, *name, *shown;
} large_texts[] = {
    {"", "a line of words", "text.txt", "a line of words\n"},
    {"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8; name=log.txt\r\n"
     "Content-Transfer-Encoding: 8bit\r\n",
     "gr\xc3\xbc\xc3\x9f", "log.txt", "gr\xc3\xbc\xc3\x9f\n"},
    {"MIME-Version: 1.0\r\nContent-Type: text/html\r\n", "<p>one</p>", "page.html", "one\n\n"},
};

START_TEST(large_text_is_a_file)
{
    struct buf b;
    struct mime_text m;
    struct why w = {0};
    buf_init(&b, 16u << 20);
    buf_printf(&b, "Subject: x\r\n%s\r\n", large_texts[_i].head);
    size_t from = b.n, lines = 0;
    for (; b.n <= (3u << 20); lines++)
        buf_printf(&b, "%s\r\n", large_texts[_i].line);
    size_t all = b.n - from;
    ck_assert_int_eq(mime_read(a, buf_text(&b), &m, &w), OK);
    ck_assert(str_starts_nocase(m.text, large_texts[_i].shown));
    ck_assert_uint_lt(m.text.n, 70000);
    char says[200];
    snprintf(says, sizeof says,
             "\n[only the beginning of a text of %zu bytes is shown; all of it is the file %s]\n",
             all, large_texts[_i].name);
    ck_assert_msg(str_ends_nocase(m.text, says), "%.*s",
                  STR_ARG(str_sub(m.text, m.text.n - 200, 200)));
    ck_assert_uint_eq(m.nparts, 1);
    ck_assert(str_is(m.part[0].name, large_texts[_i].name) && m.part[0].text);
    ck_assert_uint_eq(m.part[0].size, lines * (strlen(large_texts[_i].line) + 1));
    ck_assert_uint_eq(m.part[0].content.n, 0); /* it is not kept */
    ck_assert_uint_lt(arena_used(a), 1u << 20);
    buf_done(&b);
}
END_TEST

START_TEST(many_attachments)
{
    enum { FILES = 90, SIZE = 100000 };
    struct buf in, got;
    struct cur piece;
    buf_init(&in, 16 << 20), buf_init(&got, 1 << 20);
    buf_z(&in, MIXED);
    for (int i = 0; i < FILES; i++) {
        buf_z(&in, "--b\nContent-Type: application/octet-stream\n\n");
        buf_fill(&in, (uint8_t)(32 + i), SIZE);
        buf_z(&in, "\n");
    }
    buf_z(&in, "--b--\n");
    struct mime_text m;
    struct why w;
    ck_assert_int_eq(mime_read(a, buf_text(&in), &m, &w), OK);
    ck_assert_uint_eq(m.nparts, FILES);
    ck_assert_uint_lt(arena_used(a), 5 << 20);
    for (int i = 0; i < FILES; i++) {
        struct mime_pieces p;
        buf_reset(&got);
        mime_pieces_begin(&p, &m.part[i]);
        while (mime_pieces_next(&p, &piece))
            buf_add(&got, piece.p, cur_left(&piece));
        mime_pieces_done(&p);
        ck_assert_uint_eq(got.n, SIZE);
        ck_assert(got.p[0] == 32 + i && got.p[SIZE - 1] == 32 + i);
    }
    buf_done(&in), buf_done(&got);
}
END_TEST

static int read_error(struct buf *in, struct arena *where)
{
    struct mime_text m;
    struct why w = {0};
    int rc = mime_read(where, buf_text(in), &m, &w);
    ck_assert(rc == OK || w.text[0] != '\0');
    return rc;
}

START_TEST(limits)
{
    struct buf in;
    buf_init(&in, 16 << 20);
    for (int depth = 0; depth < 49; depth++) /* the last is level 49 and holds a text */
        buf_printf(&in, CT "multipart/mixed; boundary=x%d\n\n--x%d\n", depth, depth);
    buf_z(&in, "\ndeep\n");
    ck_assert_int_eq(read_error(&in, a), OK);
    buf_reset(&in);
    for (int depth = 0; depth < 60; depth++)
        buf_printf(&in, CT "multipart/mixed; boundary=x%d\n\n--x%d\n", depth, depth);
    ck_assert_int_eq(read_error(&in, a), E_LIMIT);
    buf_reset(&in);
    for (int depth = 0; depth < 60; depth++)
        buf_z(&in, CT "message/rfc822\n\n");
    ck_assert_int_eq(read_error(&in, a), E_LIMIT);
    buf_reset(&in);
    buf_z(&in, MIXED);
    for (int i = 0; i < 998; i++)
        buf_z(&in, "--b\n\n");
    ck_assert_int_eq(read_error(&in, a), OK);
    for (int i = 0; i < 100000; i++)
        buf_z(&in, "--b\n\n");
    ck_assert_int_eq(read_error(&in, a), E_LIMIT);
    buf_reset(&in);
    for (int depth = 0; depth < 40; depth++)
        buf_printf(&in, CT "multipart/mixed; boundary=x%d\n\n--x%d\n", depth, depth);
    buf_fill(&in, '\n', 1 << 20); /* 40 levels of a megabyte: too much to search */
    ck_assert_int_eq(read_error(&in, a), E_LIMIT);
    struct arena *small = arena_new(20000);
    buf_reset(&in);
    buf_z(&in, CT "x/y\n" CTE "base64\n\n");
    buf_fill(&in, 'A', 40000);
    ck_assert_int_eq(read_error(&in, small), E_LIMIT);
    arena_free(&small);
    small = arena_new(20000);
    buf_reset(&in);
    buf_z(&in, "A: b\n\n");
    buf_fill(&in, 'A', 40000);
    ck_assert_int_eq(read_error(&in, small), E_LIMIT);
    arena_free(&small);
    buf_done(&in);
}
END_TEST

/* --- writing --- */

static void seven_bit_lines(const struct buf *b)
{
    size_t line = 0;
    for (size_t i = 0; i < b->n; i++) {
        ck_assert_msg(b->p[i] < 0x80 && b->p[i] != 0, "byte %02x at %zu", b->p[i], i);
        if (b->p[i] == '\n')
            ck_assert(i > 0 && b->p[i - 1] == '\r');
        line = b->p[i] == '\n' ? 0 : line + 1;
        ck_assert_int_le(line, 999);
    }
}

static const struct {
    const char *text, *encoding;
} bodies[] = {
    {"", "7bit"},
    {"plain\n\ttext\n", "7bit"},
    {"Gr\xc3\xbc\xc3\x9f"
     "e und viele weitere Zeichen\n",
     "quoted-printable"},
    {"\xd0\xb0\xd0\xb1\xd0\xb2 \xd0\xb3\xd0\xb4\n", "base64"},
    {"control \x1b here\n", "quoted-printable"},
    {"trailing blank \nand = and \xc3\xa4 and more letters to be many \n.\nFrom x\n",
     "quoted-printable"},
    {"a boundary --=_seed\n", "quoted-printable"},
    {"malformed \xff here\n", "quoted-printable"},
};

/* What is written is read back, alone and with files. */
START_TEST(text_comes_back)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_z(&b, "Subject: x\r\n");
    mime_put_text(&b, str_of(bodies[_i].text), NULL, 0, STR("seed"));
    seven_bit_lines(&b);
    struct hdr h;
    struct why w;
    ck_assert(hdr_parse(a, buf_text(&b), &h, &w) == OK);
    ck_assert(str_is(hdr_value(&h, "MIME-Version"), "1.0"));
    ck_assert(str_is(hdr_value(&h, "Content-Transfer-Encoding"), bodies[_i].encoding));
    struct mime_text m = read_message(buf_text(&b));
    bool bad = strchr(bodies[_i].text, '\xff') != NULL;
    ck_assert(str_eq(m.text, str_of(bad ? "malformed \xef\xbf\xbd here\n" : bodies[_i].text)));
    buf_done(&b);
}
END_TEST

START_TEST(files_come_back)
{
    uint8_t bytes[1000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    struct mime_file file[] = {
        {STR("report \"x\".pdf"), STR("application/pdf"), cur_of(bytes, sizeof bytes), false,
         STR(""), STR("")},
        {STR("J\xc3\xbcrgen.txt"), STR(""),
         cur_of_str(STR("Gr\xc3\xbc\xc3\x9f"
                        "e\n")),
         true, STR("name=X.Y; recfm=V; lrecl=80; records=1; form=text"), STR("3")},
        {STR(""), STR("bad\r\nX: y/z"), cur_of_str(STR("")), false, STR(""), STR("")},
        {STR("seed"), STR("text/x-c"), cur_of_str(STR("--=_seed--\n")), true, STR(""), STR("")},
    };
    struct buf b;
    buf_init(&b, 1 << 20);
    mime_put_text(&b, STR("Text.\n--=_seed--\n"), file, 4, STR("seed"));
    seven_bit_lines(&b);
    struct mime_text m = read_message(buf_text(&b));
    ck_assert(str_starts_nocase(m.text, "Text.\n--=_seed--\n"));
    ck_assert_int_eq(m.nparts, 4);
    ck_assert(str_eq(m.part[0].name, file[0].name) && str_is(m.part[0].type, "application/pdf"));
    ck_assert(str_eq(m.part[0].content, (struct str){(char *)bytes, sizeof bytes}));
    ck_assert(str_eq(m.part[1].name, file[1].name) && m.part[1].text);
    ck_assert(str_eq(m.part[1].content, cur_str(&file[1].content)));
    ck_assert(str_is(m.part[2].type, "application/octet-stream") && m.part[2].content.n == 0);
    ck_assert(str_eq(m.part[3].content, STR("--=_seed--\n")) && str_is(m.part[3].type, "text/x-c"));
    buf_done(&b);
}
END_TEST

/* Random texts of every sort come back whole from all three encodings. */
START_TEST(random_texts)
{
    static const char *const pieces[] = {
        "a",  " ", "\n", "=", "\xc3\xbc", "\xe6\x97\xa5", ".", "From ", "word word word word word",
        "\t", "_", "--", "=_"};
    unsigned r = 7;
    for (int round = 0; round < 400; round++) {
        struct buf text, b;
        buf_init(&text, 1 << 16);
        buf_init(&b, 1 << 18);
        for (unsigned n = (r = r * 1103515245 + 12345) >> 16 & 255; n > 0; n--)
            buf_z(&text, pieces[((r = r * 1103515245 + 12345) >> 16) % N(pieces)]);
        buf_z(&text, "x\n");
        mime_put_text(&b, buf_text(&text), NULL, 0, STR("s"));
        seven_bit_lines(&b);
        struct mime_text m;
        struct why w;
        ck_assert(mime_read(a, buf_text(&b), &m, &w) == OK);
        ck_assert(str_eq(m.text, buf_text(&text)));
        buf_done(&text);
        buf_done(&b);
        arena_reset(a);
    }
}
END_TEST

static bool goes_as(const char *encoding, const struct buf *text)
{
    struct buf b;
    struct hdr h;
    struct why w;
    buf_init(&b, 1 << 16);
    buf_z(&b, "Subject: x\r\n");
    mime_put_text(&b, buf_text(text), NULL, 0, STR("seed"));
    ck_assert(hdr_parse(a, buf_text(&b), &h, &w) == OK);
    bool is = str_is(hdr_value(&h, "Content-Transfer-Encoding"), encoding);
    buf_done(&b);
    return is;
}

/* What plain text may not have is found wherever it stands. */
START_TEST(seven_bit_or_not)
{
    static const char *const unsafe[] = {"\x1f", "\x01", "\x7f", "=_", "\x80", "\xc3\xbc"};
    struct buf text;
    buf_init(&text, 4096);
    for (size_t i = 0; i < N(unsafe) * 24; i++) {
        buf_reset(&text);
        buf_fill(&text, i % 2 != 0 ? '~' : ' ', i % 24);
        buf_z(&text, unsafe[i / 24]);
        buf_z(&text, "aaaaaaaaaaaaaaaaaaaaaaaaa\n");
        ck_assert_msg(goes_as("quoted-printable", &text), "%zu", i);
    }
    buf_reset(&text);
    buf_z(&text, "lines of a batch\r\nend in both\r\n");
    ck_assert(goes_as("7bit", &text));
    buf_z(&text, "but not\rso\r\n");
    ck_assert(goes_as("quoted-printable", &text));
    for (size_t n = 980; n < 1020; n++) {
        buf_reset(&text);
        buf_z(&text, "short\n");
        buf_fill(&text, 'a', n);
        buf_z(&text, "\nshort again, and then some\n");
        ck_assert_msg(goes_as(n <= 998 ? "7bit" : "quoted-printable", &text), "%zu", n);
    }
    buf_done(&text);
}
END_TEST

static const struct {
    const char *in, *out;
    bool delsp;
} flows[] = {
    {"", "", false},
    {"a \n", "a \n", false},
    {"a \nb \nc\nd\n", "a b c\nd\n", false},
    {"a \n> b\n", "a \n> b\n", false}, /* a change of depth ends it */
    {">> a \n>> b\n> c\n", ">> a b\n> c\n", false},
    {" >not a quote\n From\n", ">not a quote\nFrom\n", false},
    {"a \n-- \nb\n", "a \n-- \nb\n", false},
    {"a \n\nb\n", "a \nb\n", false}, /* an empty line is fixed: it ends the paragraph */
    {"a  \nb", "a b\n", true},
    {"> a \nb\n", "> a \nb\n", false},
};

START_TEST(flowed)
{
    struct buf b;
    buf_init(&b, 4096);
    flowed_join(&b, str_of(flows[_i].in), flows[_i].delsp);
    ck_assert_str_eq(buf_cstr(&b), flows[_i].out);
    buf_done(&b);
}
END_TEST

static Suite *test_mime_suite(void)
{
    Suite *s = suite_create("mime");
    TCase *t = tcase_create("mime");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, readable_text, 0, N(texts));
    tcase_add_loop_test(t, one_attachment, 0, N(files));
    tcase_add_loop_test(t, large_attachments, 0, 4);
    tcase_add_loop_test(t, large_text_is_a_file, 0, 3);
    tcase_add_test(t, many_attachments);
    tcase_add_loop_test(t, uuencoded_in_text, 0, 2 * N(encoded));
    tcase_add_loop_test(t, invitation, 0, N(invitations));
    tcase_add_test(t, limits);
    tcase_add_loop_test(t, text_comes_back, 0, N(bodies));
    tcase_add_test(t, files_come_back);
    tcase_add_test(t, random_texts);
    tcase_add_test(t, seven_bit_or_not);
    tcase_add_loop_test(t, flowed, 0, N(flows));
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_mime_suite)
