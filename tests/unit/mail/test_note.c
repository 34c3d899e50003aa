/* tests/unit/mail/test_note.c -- notes both ways; the examples in tests/golden/note. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/mail/header.h"
#include "gateway/mail/note.h"
#include "unit/unit.h"

#define FOLDER "tests/golden/note"

/* Who is who in the golden files. */
static const struct person {
    const char *user, *node, *mailbox;
    bool nick;
} people[] = {
    {"HAYES", "WTSCPOK", "HAYES@WTSCPOK.ITSC.POK.IBM.COM", false},
    {"ENDERS", "WTSCPOK", "ENDERS@WTSCPOK.ITSC.POK.IBM.COM", false},
    {"STEVE", "SMTPGATE", "steve@dsl.example", true},
};

static struct str mailbox_of(struct arena *a, const struct note *n, const struct note_addr *x)
{
    for (size_t i = 0; i < n->nnick; i++)
        if (str_eq_nocase(n->nick[i].nick, x->user))
            return n->nick[i].mailbox;
    for (size_t i = 0; i < sizeof people / sizeof *people; i++)
        if (str_is(x->user, people[i].user) && str_is(x->node, people[i].node))
            return str_of(people[i].mailbox);
    return arena_printf(a, "%.*s@%.*s", STR_ARG(x->user), STR_ARG(x->node));
}

static void to_mail(struct arena *a, struct str in, struct buf *out)
{
    struct note n;
    struct why w = {0};
    ck_assert_msg(note_parse(a, in, &n, &w) == OK, "%s", w.text);
    struct note_mail_rcpt rcpt[16];
    ck_assert(n.nrcpt <= 16);
    for (size_t i = 0; i < n.nrcpt; i++)
        rcpt[i] = (struct note_mail_rcpt){n.rcpt[i].role, n.rcpt[i].addr.name,
                                          mailbox_of(a, &n, &n.rcpt[i].addr)};
    struct note_mail m = {.date = n.date,
                          .offset = n.offset,
                          .from_name = n.from.name,
                          .rcpt = rcpt,
                          .nrcpt = n.nrcpt,
                          .subject = n.subject,
                          .in_reply_to = n.in_reply_to,
                          .reply_to = n.reply_to};
    if (n.has_from)
        m.from_mailbox = mailbox_of(a, &n, &n.from);
    struct buf header;
    buf_init(&header, 1 << 20);
    note_mail_header(&header, &m);
    for (size_t i = 0; i < header.n; i++) {
        bool bare = header.p[i] == '\n' && (i == 0 || header.p[i - 1] != '\r');
        ck_assert_msg(!bare, "a header line ends in LF alone");
        if (header.p[i] != '\r')
            buf_u8(out, header.p[i]);
    }
    buf_u8(out, '\n');
    buf_str(out, n.text);
    buf_done(&header);
}

static struct note_addr note_addr_of(const struct hdr_addr *x)
{
    for (size_t i = 0; i < sizeof people / sizeof *people; i++)
        if (str_is(x->mailbox, people[i].mailbox))
            return (struct note_addr){x->name, str_of(people[i].user), str_of(people[i].node),
                                      people[i].nick};
    return (struct note_addr){x->name, x->local, x->domain, false};
}

static void add_rcpts(struct arena *a, const struct hdr *h, const char *field, enum note_role role,
                      struct note *n)
{
    struct hdr_addr list[20];
    size_t got = hdr_addrs(a, hdr_value(h, field), list, 20);
    for (size_t i = 0; i < got; i++)
        n->rcpt[n->nrcpt++] = (struct note_rcpt){role, note_addr_of(&list[i])};
}

static void to_note(struct arena *a, struct str in, enum note_style style, struct buf *out)
{
    struct hdr h;
    struct why w = {0};
    ck_assert(hdr_parse(a, in, &h, &w) == OK);
    struct note_rcpt rcpt[40];
    struct note n = {.rcpt = rcpt, .has_from = true, .text = str_sub(in, h.size, in.n)};
    ck_assert(date_parse(hdr_value(&h, "Date"), &n.date, &n.offset, NULL) == OK);
    const char *zone = zone_name(n.offset, "", 0);
    str_copy(n.zone, sizeof n.zone, str_of(zone));
    struct hdr_addr from;
    ck_assert(hdr_addrs(a, hdr_value(&h, "From"), &from, 1) == 1);
    n.from = note_addr_of(&from);
    add_rcpts(a, &h, "To", NOTE_TO, &n);
    add_rcpts(a, &h, "Cc", NOTE_CC, &n);
    n.subject = hdr_decode(a, hdr_value(&h, "Subject"));
    n.in_reply_to = hdr_value(&h, "In-Reply-To");
    n.reply_to = hdr_value(&h, "Reply-To");
    n.return_path = hdr_value(&h, "Return-Path");
    note_write(out, &n, style, 78);
}

static void golden(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, FOLDER "/%s", name);
    size_t n;
    char *in = unit_file(path, &n);
    snprintf(path, sizeof path, FOLDER "/%.*sout", (int)strlen(name) - 2, name);
    char *want = unit_file(path, NULL);
    struct arena *a = arena_new(1 << 20);
    struct buf out;
    buf_init(&out, 1 << 20);
    if (strncmp(name, "mail-", 5) == 0)
        to_mail(a, (struct str){in, n}, &out);
    else if (strncmp(name, "note-seed-", 10) == 0)
        to_note(a, (struct str){in, n}, NOTE_SEED, &out);
    else if (strncmp(name, "note-profs-", 11) == 0)
        to_note(a, (struct str){in, n}, NOTE_PROFS, &out);
    else
        to_note(a, (struct str){in, n}, NOTE_CMS, &out);
    ck_assert_msg(strcmp(buf_cstr(&out), want) == 0, "%s\n--- got:\n%s--- want:\n%s", name,
                  buf_cstr(&out), want);
    buf_done(&out);
    arena_free(&a);
    free(in);
    free(want);
}

static void use_zone(const char *tz)
{
    setenv("TZ", tz, 1);
    tzset();
}

START_TEST(golden_files)
{
    use_zone("EST5EDT");
    DIR *d = opendir(FOLDER);
    ck_assert(d != NULL);
    int seen = 0;
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d))
        if (str_ends_nocase(str_of(e->d_name), ".in")) {
            golden(e->d_name);
            seen++;
        }
    closedir(d);
    ck_assert_int_ge(seen, 12);
}
END_TEST

/* The address forms, alone on a To: line: user, node, name. */
static const struct {
    const char *line, *user, *node, *name;
} forms[] = {
    {"Matthias Enders                                ENDERS   at WTSCPOK", "ENDERS", "WTSCPOK",
     "Matthias Enders"},
    {"Steve Hayes                                    STEVE at SMTPGATE", "STEVE", "SMTPGATE",
     "Steve Hayes"},
    {"TSGSH at dsl.example", "TSGSH", "dsl.example", ""},
    {"TSGSH AT dsl.example", "TSGSH", "dsl.example", ""},
    {"steve.hayes@dsl.example", "steve.hayes", "dsl.example", ""},
    {"Steve Hayes steve@dsl.example", "steve", "dsl.example", "Steve Hayes"},
    {"Steve Hayes <steve@dsl.example>", "steve", "dsl.example", "Steve Hayes"},
    {"\"Hayes, Steve\" <steve@dsl.example>", "steve", "dsl.example", "Hayes, Steve"},
    {"steve@dsl.example (Steve Hayes)", "steve", "dsl.example", "Steve Hayes"},
    {"HAYES--WTSCPOK", "HAYES", "WTSCPOK", ""},
    {"HAYES   --WTSCPOK", "HAYES", "WTSCPOK", ""},
    {"HAYES   --WTSCPOK Steve Hayes", "HAYES", "WTSCPOK", "Steve Hayes"},
    {"WTSCPOK(HAYES)", "HAYES", "WTSCPOK", ""},
    {"Steve Hayes WTSCPOK(HAYES)", "HAYES", "WTSCPOK", "Steve Hayes"},
    {"steve@xn--dsl-abc.example", "steve", "xn--dsl-abc.example", ""},
    {"A@B#$ at N@DE", "A@B#$", "N@DE", ""},
    {"steve@home.example   HAYES at WTSCPOK", "HAYES", "WTSCPOK", "steve@home.example"},
    {"Steve at Home   HAYES at WTSCPOK", "HAYES", "WTSCPOK", "Steve at Home"},
};

START_TEST(address_forms)
{
    struct arena *a = arena_new(65536);
    struct note n;
    struct why w;
    struct str text =
        arena_printf(a, "Date: 8 February 1995, 15:49:33 EST\nTo:   %s\n\nx\n", forms[_i].line);
    ck_assert(note_parse(a, text, &n, &w) == OK);
    ck_assert_int_eq(n.nrcpt, 1);
    ck_assert_msg(str_eq(n.rcpt[0].addr.user, str_of(forms[_i].user)), "user %.*s",
                  STR_ARG(n.rcpt[0].addr.user));
    ck_assert_msg(str_eq(n.rcpt[0].addr.node, str_of(forms[_i].node)), "node %.*s",
                  STR_ARG(n.rcpt[0].addr.node));
    ck_assert_msg(str_eq(n.rcpt[0].addr.name, str_of(forms[_i].name)), "name %.*s",
                  STR_ARG(n.rcpt[0].addr.name));
    ck_assert(note_looks(text));
    arena_free(&a);
}
END_TEST

static const struct {
    const char *lines;
    bool note;
} looks[] = {
    {"Date: 8 February 1995, 15:49:33 EST\nFrom: Steve Hayes   HAYES at WTSCPOK\n", true},
    {"OPTIONS: NOACK\n\n\nFrom: HAYES at WTSCPOK\n", true},
    {"From: HAYES--WTSCPOK     Date and time   02/08/95 15:49:33\n", true},
    {"From: WTSCPOK(HAYES)\n", true},
    {"From: hayes@wtscpok.example\n", true},
    {"MSG FROM: HAYES   --WTSCPOK  TO: ENDERS  --WTSCPOK   02/08/95 15:49:33\n", true},
    {"Date: 8 February 1995, 15:49:33 EST\nSubject: x\nTo: TSGSH at dsl.example\n", true},
    {"", false},
    {"\n\n\n\n\n\n\n\n", false},
    {"Date: tomorrow\n\nLet us meet.\n", false},
    {"Date: 8 February 1995, 15:49:33 EST\n\nText.\n", false},
    {"Minutes of the meeting\nFrom: HAYES at WTSCPOK\n", false},
    {"From: the beginning\nTo: the end\n", false},
    {"HELO WTSCPOK\nMAIL FROM:<HAYES@WTSCPOK>\n", false},
    {"To: A at B\nTo: C at D\nTo: E at F\nTo: G at H\nTo: I at J\nFrom: K at L\n", false},
};

START_TEST(note_or_not)
{
    ck_assert(note_looks(str_of(looks[_i].lines)) == looks[_i].note);
}
END_TEST

START_TEST(message_line_of_profs)
{
    use_zone("EST5EDT");
    struct arena *a = arena_new(65536);
    struct note n;
    struct why w;
    ck_assert(note_parse(a,
                         STR("MSG FROM: HAYES   --WTSCPOK  TO: ENDERS  --WTSCPOK   "
                             "02/08/95 15:49:33\nSubject: x\n\ntext"),
                         &n, &w) == OK);
    ck_assert(str_is(n.from.user, "HAYES") && str_is(n.from.node, "WTSCPOK"));
    ck_assert_int_eq(n.nrcpt, 1);
    ck_assert(str_is(n.rcpt[0].addr.user, "ENDERS") && str_is(n.rcpt[0].addr.node, "WTSCPOK"));
    ck_assert_int_eq(wall_s(n.date), 792276573);
    ck_assert(str_eq(n.text, STR("text")));
    arena_free(&a);
}
END_TEST

/* What is written is read back: every address form by both column styles. */
START_TEST(written_is_read)
{
    use_zone("EST5EDT");
    struct arena *a = arena_new(65536);
    struct note_rcpt rcpt[] = {
        {NOTE_TO, {STR("Matthias Enders"), STR("ENDERS"), STR("WTSCPOK"), false}},
        {NOTE_TO, {STR(""), STR("TSGSH"), STR("a.long.host.dsl.example"), false}},
        {NOTE_CC, {STR("Steve Hayes"), STR("STEVE"), STR("SMTPGATE"), true}},
        {NOTE_CC, {STR("A at B, Hayes"), STR("a.long.part"), STR("dsl.example"), false}},
        {NOTE_CC,
         {STR("\xce\xa3\xcf\x84\xce\xb9\xce\xb2 \xce\xa7\xce\xad\xce\xb9\xce\xb6"), STR("STIV"),
          STR("WTSCPOK"), false}},
    };
    struct note n = {.date = {INT64_C(792276573) * US_PER_S},
                     .offset = -300,
                     .zone = "EST",
                     .from = {STR("Steve Hayes"), STR("HAYES"), STR("WTSCPOK"), false},
                     .has_from = true,
                     .rcpt = rcpt,
                     .nrcpt = 5,
                     .subject = STR("Subject"),
                     .in_reply_to = STR("<a@b.example>"),
                     .reply_to = STR("c@d.example"),
                     .return_path = STR("<e@f.example>"),
                     .text = STR("Text.\n")};
    enum note_style styles[] = {NOTE_CMS, NOTE_SEED, NOTE_PROFS};
    if (styles[_i] == NOTE_PROFS) /* only columns tell such a name from a list */
        rcpt[3].addr.name = STR("J\xc3\xbcrgen");
    struct buf out;
    buf_init(&out, 65536);
    note_write(&out, &n, styles[_i], 78);
    struct note back;
    struct why w;
    ck_assert(note_looks(buf_text(&out)));
    ck_assert(note_parse(a, buf_text(&out), &back, &w) == OK);
    ck_assert_int_eq(back.nrcpt, 5);
    for (size_t i = 0; i < 5; i++) {
        ck_assert(back.rcpt[i].role == rcpt[i].role);
        ck_assert(str_eq(back.rcpt[i].addr.user, rcpt[i].addr.user));
        ck_assert(str_eq(back.rcpt[i].addr.node, rcpt[i].addr.node));
        ck_assert(str_eq(back.rcpt[i].addr.name, rcpt[i].addr.name));
    }
    ck_assert(str_eq(back.from.name, n.from.name) && str_eq(back.from.user, n.from.user));
    ck_assert_int_eq(wall_s(back.date), wall_s(n.date));
    ck_assert(str_eq(back.subject, n.subject) && str_eq(back.reply_to, n.reply_to));
    ck_assert(str_eq(back.in_reply_to, n.in_reply_to));
    ck_assert(str_eq(back.return_path, n.return_path));
    ck_assert(str_eq(back.text, n.text));
    buf_done(&out);
    arena_free(&a);
}
END_TEST

/* An address that leaves its name too few columns: the line still fits, and is one address. */
START_TEST(long_addresses)
{
    struct arena *a = arena_new(65536);
    struct note_rcpt rcpt[] = {
        {NOTE_TO,
         {STR("Steve, evil at x.example; Hayes"), STR("a.long.local.part"),
          STR("host.of.dsl.example"), false}},
        {NOTE_TO,
         {STR("Mary"), STR("an.even.longer.local.part.of.mary"),
          STR("a.host.with.a.very.long.name.dsl.example"), false}},
        {NOTE_TO,
         {STR("Ann Otter"), STR("a.local.part.too.long.for.its.column"), STR("localhost"), false}},
        {NOTE_CC, {STR("Bob"), STR("BOB"), STR("MVSA"), false}},
    };
    struct note n = {.rcpt = rcpt, .nrcpt = 4, .text = STR("x\n")}, back;
    struct buf out;
    struct why w;
    struct str rest, line;
    buf_init(&out, 65536);
    note_write(&out, &n, NOTE_CMS, 78);
    rest = buf_text(&out);
    for (unsigned i = 0; str_line(&rest, &line); i++)
        ck_assert_msg(line.n <= 80 || i == 1, "%.*s", STR_ARG(line));
    ck_assert(note_parse(a, buf_text(&out), &back, &w) == OK);
    ck_assert_int_eq(back.nrcpt, 4);
    for (size_t i = 0; i < 4; i++) {
        ck_assert(str_eq(back.rcpt[i].addr.user, rcpt[i].addr.user));
        ck_assert(str_eq(back.rcpt[i].addr.node, rcpt[i].addr.node));
    }
    ck_assert(str_starts_nocase(back.rcpt[0].addr.name, "Steve "));
    buf_done(&out);
    arena_free(&a);
}
END_TEST

/* A subject longer than a line is folded, and read as one. */
START_TEST(long_subject)
{
    struct arena *a = arena_new(65536);
    struct buf out, want;
    struct note n = {.has_from = true, .from = {STR(""), STR("A"), STR("B"), false}}, back;
    struct why w;
    struct str rest, line;
    buf_init(&out, 65536);
    buf_init(&want, 65536);
    for (int i = 0; i < 400; i++)
        buf_printf(&want, "%sword%d", i > 0 ? " " : "", i);
    n.subject = buf_text(&want);
    note_write(&out, &n, NOTE_CMS, 78);
    rest = buf_text(&out);
    while (str_line(&rest, &line))
        ck_assert_msg(line.n <= 80, "%.*s", STR_ARG(line));
    ck_assert(note_parse(a, buf_text(&out), &back, &w) == OK);
    ck_assert_msg(str_eq(back.subject, n.subject), "%.*s", STR_ARG(back.subject));
    buf_done(&out);
    buf_done(&want);
    arena_free(&a);
}
END_TEST

START_TEST(no_field_adds_a_line)
{
    struct note_rcpt to = {NOTE_TO, {STR("x\nTo: y"), STR("A\nB"), STR("C\r\nD"), false}};
    struct note n = {.from = {STR("a\nb"), STR("C"), STR("D"), false},
                     .has_from = true,
                     .rcpt = &to,
                     .nrcpt = 1,
                     .subject = STR("one\r\nTo: two at three\x0b\xc2\x85\xe2\x80\xa8"),
                     .return_path = STR("<a\n>")};
    struct buf out;
    buf_init(&out, 65536);
    note_write(&out, &n, NOTE_CMS, 78);
    int lines = 0;
    for (size_t i = 0; i < out.n; i++) {
        lines += out.p[i] == '\n';
        ck_assert(out.p[i] == '\n' || out.p[i] >= ' ');
    }
    ck_assert_int_eq(lines, 5); /* From, To, Subject, Return-Path, blank */
    buf_done(&out);
}
END_TEST

START_TEST(too_many_recipients)
{
    struct arena *a = arena_new(1 << 20);
    struct buf in;
    buf_init(&in, 1 << 20);
    buf_z(&in, "From: A at B\nTo: ");
    for (int i = 0; i < 1000; i++)
        buf_printf(&in, "U%d at N,", i);
    struct note n;
    struct why w = {0};
    ck_assert(note_parse(a, buf_text(&in), &n, &w) == OK);
    ck_assert_int_eq(n.nrcpt, 1000);
    buf_z(&in, "\n      ONE at MORE\n");
    ck_assert(note_parse(a, buf_text(&in), &n, &w) == E_LIMIT);
    ck_assert_str_ne(w.text, "");
    buf_done(&in);
    arena_free(&a);
}
END_TEST

/* A subject that never ends is cut, in time that grows with it. */
START_TEST(endless_subject)
{
    struct arena *a = arena_new(1 << 20);
    struct buf in;
    buf_init(&in, 16 << 20);
    buf_z(&in, "From: A at B\nSubject: x\n");
    for (int i = 0; i < 500000; i++)
        buf_z(&in, " more\n");
    struct note n;
    struct why w;
    ck_assert(note_parse(a, buf_text(&in), &n, &w) == OK);
    ck_assert(str_starts_nocase(n.subject, "x more more ") && n.subject.n < 8192);
    buf_done(&in);
    arena_free(&a);
}
END_TEST

/* A date without a zone is of the local zone; an arena too small is told, never overrun. */
START_TEST(local_zone_and_small_arena)
{
    use_zone("CET-1CEST,M3.5.0,M10.5.0/3");
    struct arena *a = arena_new(65536), *small = arena_new(64);
    struct note n;
    struct why w = {0};
    struct str text = STR("Date: 8 July 1995, 15:49:33\nFrom: Steve Hayes  A at B\nTo: A at B\n\n");
    ck_assert(note_parse(a, text, &n, &w) == OK);
    ck_assert_int_eq(n.offset, 120);
    ck_assert_str_eq(n.zone, "CEST");
    ck_assert_int_eq(wall_s(n.date), 805211373);
    ck_assert(note_parse(small, text, &n, &w) == E_LIMIT);
    arena_free(&small);
    arena_free(&a);
}
END_TEST

#define N(table) (int)(sizeof table / sizeof *table)

static Suite *test_note_suite(void)
{
    Suite *s = suite_create("note");
    TCase *t = tcase_create("note");
    tcase_add_test(t, golden_files);
    tcase_add_loop_test(t, address_forms, 0, N(forms));
    tcase_add_loop_test(t, note_or_not, 0, N(looks));
    tcase_add_test(t, message_line_of_profs);
    tcase_add_loop_test(t, written_is_read, 0, 3);
    tcase_add_test(t, long_addresses);
    tcase_add_test(t, long_subject);
    tcase_add_test(t, no_field_adds_a_line);
    tcase_add_test(t, too_many_recipients);
    tcase_add_test(t, endless_subject);
    tcase_add_test(t, local_zone_and_small_arena);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_note_suite)
