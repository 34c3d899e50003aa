/* tests/unit/mail/test_header.c -- fields, encoded words, address lists, folding. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "gateway/mail/header.h"
#include "unit/unit.h"

#define N(table) (int)(sizeof table / sizeof *table)

static struct arena *a;

static void setup(void)
{
    a = arena_new(8 << 20);
}

static void teardown(void)
{
    arena_free(&a);
}

static void same(struct str got, const char *want)
{
    ck_assert_msg(str_eq(got, str_of(want)), "got \"%.*s\", want \"%s\"", STR_ARG(got), want);
}

/* --- fields --- */

static const struct {
    const char *message;
    size_t n, size;
    const char *shown; /* name=value; for each */
} blocks[] = {
    {"", 0, 0, ""},
    {"A: b\n\nbody", 1, 6, "A=b;"},
    {"A: b\r\nC:d\r\n\r\nbody", 2, 13, "A=b;C=d;"},
    {"A: b\n c\n\td \nE:\n\nbody", 2, 16, "A=b c\td;E=;"},
    {"A: b\r\n  folded\r\n\r\n", 1, 18, "A=b  folded;"},
    {"A : b\n\n", 1, 7, "A=b;"},
    {"A: b\nno field\nC: d\n\n", 1, 5, "A=b;"},
    {"no header at all\n", 0, 0, ""},
    {" A: b\n\n", 0, 0, ""},
    {"\nA: b\n\n", 0, 0, ""},
    {"A: b", 1, 4, "A=b;"},
    {"A: b\n \t\nC: d\n\n", 2, 14, "A=b;C=d;"}, /* obsolete: a line of blanks folds */
    {": b\n\n", 0, 0, ""},
    {"A b: c\n\n", 0, 0, ""},
};

START_TEST(fields)
{
    struct hdr h;
    struct why w;
    size_t n = strlen(blocks[_i].message);
    char *exact = malloc(n > 0 ? n : 1); /* ASan sees a look past the end */
    memcpy(exact, blocks[_i].message, n);
    ck_assert(hdr_parse(a, (struct str){exact, n}, &h, &w) == OK);
    free(exact); /* fields are copies */
    struct buf b;
    buf_init(&b, 1000);
    for (size_t i = 0; i < h.n; i++)
        buf_printf(&b, "%.*s=%.*s;", STR_ARG(h.field[i].name), STR_ARG(h.field[i].value));
    ck_assert_str_eq(buf_cstr(&b), blocks[_i].shown);
    ck_assert_int_eq(h.n, blocks[_i].n);
    ck_assert_int_eq(h.size, blocks[_i].size);
    buf_done(&b);
}
END_TEST

START_TEST(finding)
{
    struct hdr h;
    struct why w;
    ck_assert(hdr_parse(a, STR("To: a\nX: 1\nTO: b\n\n"), &h, &w) == OK);
    same(hdr_value(&h, "to"), "a");
    same(hdr_get(&h, "To", 1)->value, "b");
    ck_assert_ptr_null(hdr_get(&h, "To", 2));
    same(hdr_value(&h, "Cc"), "");
}
END_TEST

START_TEST(limits)
{
    struct buf b;
    struct hdr h;
    struct why w = {0};
    buf_init(&b, 1 << 20);
    for (unsigned i = 0; i < HDR_FIELDS_MAX; i++)
        buf_z(&b, "A: b\n");
    ck_assert(hdr_parse(a, buf_text(&b), &h, &w) == OK);
    ck_assert_int_eq(h.n, HDR_FIELDS_MAX);
    buf_z(&b, "A: b\n");
    ck_assert(hdr_parse(a, buf_text(&b), &h, &w) == E_LIMIT);
    ck_assert_int_eq(h.n, 0);
    ck_assert_str_ne(w.text, "");
    buf_reset(&b);
    buf_z(&b, "A: ");
    buf_fill(&b, 'x', HDR_BYTES_MAX - 5);
    buf_z(&b, "\n\n");
    ck_assert_int_eq(b.n, HDR_BYTES_MAX);
    ck_assert(hdr_parse(a, buf_text(&b), &h, &w) == OK);
    buf_reset(&b);
    buf_z(&b, "A: ");
    buf_fill(&b, 'x', HDR_BYTES_MAX);
    ck_assert(hdr_parse(a, buf_text(&b), &h, &w) == E_LIMIT);
    struct arena *small = arena_new(32);
    ck_assert(hdr_parse(small, STR("A: b\nC: d\nE: f\n\n"), &h, &w) == E_LIMIT);
    arena_free(&small);
    buf_done(&b);
}
END_TEST

/* --- RFC 2047 --- */

static const struct {
    const char *in, *out;
} words[] = {
    {"plain text", "plain text"},
    {"=?ISO-8859-1?Q?a?=", "a"}, /* the examples of RFC 2047 8 */
    {"=?ISO-8859-1?Q?a?= b", "a b"},
    {"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"},
    {"=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=", "ab"},
    {"=?ISO-8859-1?Q?a_b?=", "a b"},
    {"=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"},
    {"Gr=?utf-8?q?=C3=BC=C3=9Fe?= x", "Gr\xc3\xbc\xc3\x9f"
                                      "e x"},
    {"=?utf-8?B?w7w=?=", "\xc3\xbc"},
    {"=?utf-8?b?w7w?=", "\xc3\xbc"},                       /* padding lost */
    {"=?utf-8?B?w7w===?=", "\xc3\xbc"},                    /* padding too much */
    {"=?utf-8?B?4oI=?= =?utf-8?B?rA==?=", "\xe2\x82\xac"}, /* cut inside a character */
    {"=?utf-8*en?Q?x?=", "x"},                             /* RFC 2231 language */
    {"=?x-klingon?Q?abc?=", "=?x-klingon?Q?abc?="},        /* unknown charset */
    {"=?utf-8?X?abc?=", "=?utf-8?X?abc?="},                /* unknown encoding */
    {"=?utf-8?Q?abc", "=?utf-8?Q?abc"},                    /* unfinished */
    {"=?utf-8?Q?a?b?=", "=?utf-8?Q?a?b?="},
    {"=?utf-8?B?!!!!?=", "=?utf-8?B?!!!!?="},
    {"=?utf-8?Q?a=0D=0ABcc:_x=00=7F?=", "a  Bcc: x  "}, /* no control gets through */
    {"raw \xfc", "raw \xc3\xbc"},
    {"raw \xc3\xbc", "raw \xc3\xbc"},
    {"a\tb", "a b"},
    {"=?utf-8?Q?a=1B=C2=9Bb=E2=80=A8c?=", "a  b c"},
    {"a=b", "a=b"},
    {"=?utf-8?Q?=4?= =?utf-8?Q?=?=", "=4="},
};

START_TEST(decoding)
{
    same(hdr_decode(a, str_of(words[_i].in)), words[_i].out);
}
END_TEST

static const struct {
    const char *in, *out;
} encodings[] = {
    {"", ""},
    {"plain", "plain"},
    {"two  blanks", "two  blanks"},
    {"a\r\nBcc: x", "a  Bcc: x"},
    {"Gr\xc3\xbc\xc3\x9f"
     "e aus K\xc3\xb6ln",
     "=?UTF-8?B?R3LDvMOfZQ==?= aus =?UTF-8?B?S8O2bG4=?="},
    {"ein sehr langes Wort mit einem \xc3\xbc", "ein sehr langes Wort mit einem =?UTF-8?B?w7w=?="},
    {"Donaudampfschifffahrtsgesellschaft\xc3\xbc",
     "=?UTF-8?Q?Donaudampfschifffahrtsgesellschaft=C3=BC?="},
    {"not =?a word?=", "not =?UTF-8?Q?=3D=3Fa?= =?UTF-8?Q?word=3F=3D?="},
    {"bad \xff utf8", "bad =?UTF-8?B?77+9?= utf8"},
};

START_TEST(encoding)
{
    struct str got = hdr_encode(a, str_of(encodings[_i].in));
    if (_i == 7) /* only the oracle below: how it is cut is free */
        same(hdr_decode(a, got), encodings[_i].in);
    else
        same(got, encodings[_i].out);
}
END_TEST

/* The decoder undoes the encoder, for texts of every sort; no word is over 75. */
START_TEST(words_come_back)
{
    static const char *const pieces[] = {
        "a",  " ",  "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "=?", "?=", "_", "=", "word",
        "  ", "\"", ",",        "x.y"};
    unsigned r = 12345;
    for (int round = 0; round < 3000; round++) {
        struct buf b;
        buf_init(&b, 65536);
        buf_z(&b, "x");
        for (unsigned n = (r = r * 1103515245 + 12345) >> 16 & 63; n > 0; n--)
            buf_z(&b, pieces[((r = r * 1103515245 + 12345) >> 16) % N(pieces)]);
        buf_z(&b, "x");
        struct str coded = hdr_encode(a, buf_text(&b)), rest = coded;
        ck_assert(text_is_ascii(coded));
        same(hdr_decode(a, coded), buf_cstr(&b));
        for (struct str w = str_word(&rest); w.n > 0; w = str_word(&rest))
            ck_assert(!str_starts_nocase(w, "=?UTF-8?") || w.n <= 75);
        buf_done(&b);
        arena_reset(a);
    }
}
END_TEST

/* --- addresses --- */

static const struct {
    const char *in, *out; /* name|local|domain|mailbox; for each */
} lists[] = {
    {"", ""},
    {"a@b.example", "|a|b.example|a@b.example;"},
    {"Steve Hayes <steve@dsl.example>", "Steve Hayes|steve|dsl.example|steve@dsl.example;"},
    {"\"Hayes, Steve\" <steve@dsl.example>, x@y",
     "Hayes, Steve|steve|dsl.example|steve@dsl.example;"
     "|x|y|x@y;"},
    {"\"a \\\"b\\\" c\" <x@y>", "a \"b\" c|x|y|x@y;"},
    {"steve@dsl.example (Steve (the one) Hayes)", "Steve (the one) Hayes|steve|dsl.example|"
                                                  "steve@dsl.example;"},
    {"A group: a@b, C <c@d>;, e@f", "|a|b|a@b;C|c|d|c@d;|e|f|e@f;"},
    {"undisclosed-recipients:;", ""},
    {"<@one,@two:user@host>", "|user|host|user@host;"},
    {"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", "Pete|pete|silly.test|"
                                                                       "pete@silly.test;"},
    {"mary smith . jones @ host . example", ""}, /* two atoms side by side */
    {"smith . jones @ host . example", "|smith.jones|host.example|smith.jones@host.example;"},
    {"\"a b\"@c", "|a b|c|\"a b\"@c;"},
    {"\"a\\\"b\\\\\"@c", "|a\"b\\|c|\"a\\\"b\\\\\"@c;"},
    {"\"x@y\"@z", "|x@y|z|\"x@y\"@z;"},
    {"user@[192.0.2.1]", "|user|[192.0.2.1]|user@[192.0.2.1];"},
    {"user", "|user||user;"},
    {"no address here", ""},
    {"<>", ""},
    {"@b", ""},
    {"a@", ""},
    {",,, a@b ,,", "|a|b|a@b;"},
    {"a@b; c@d", "|a|b|a@b;|c|d|c@d;"},
    {"=?iso-8859-1?Q?J=FCrgen?= <j@k>", "J\xc3\xbcrgen|j|k|j@k;"},
    {"=?utf-8?Q?a,b?= <j@k>", "a,b|j|k|j@k;"},
    {"\"=?utf-8?Q?x?=\" <j@k>", "x|j|k|j@k;"},
    {"\"unclosed <a@b>, c@d", "\"unclosed|a|b|a@b;|c|d|c@d;"},
    {"(unclosed a@b", ""},
    {"<a@b, c@d", "|a|b|a@b;|c|d|c@d;"},
    {"J\xfcrgen <j@k>", "J\xc3\xbcrgen|j|k|j@k;"},
    {"j\xc3\xbc@k", "|j\xc3\xbc|k|j\xc3\xbc@k;"}, /* RFC 6532 */
    {"j\xfc@k", ""},
    {"\"a\x01"
     "b\"@c, =?utf-8?Q?x=0Ay?= <d@e>",
     "x y|d|e|d@e;"},
    {"a@b@c", "|a@b|c|\"a@b\"@c;"},
    {".a@b, a..b@c", "|.a|b|\".a\"@b;|a..b|c|\"a..b\"@c;"},
    {"a@b c", ""},
    {"a@b>c", ""},
};

START_TEST(address_lists)
{
    struct hdr_addr x[8];
    size_t n = strlen(lists[_i].in);
    char *exact = malloc(n > 0 ? n : 1);
    memcpy(exact, lists[_i].in, n);
    size_t got = hdr_addrs(a, (struct str){exact, n}, x, 8);
    struct buf b;
    buf_init(&b, 4096);
    for (size_t i = 0; i < got; i++)
        buf_printf(&b, "%.*s|%.*s|%.*s|%.*s;", STR_ARG(x[i].name), STR_ARG(x[i].local),
                   STR_ARG(x[i].domain), STR_ARG(x[i].mailbox));
    ck_assert_msg(strcmp(buf_cstr(&b), lists[_i].out) == 0, "%s\ngot  %s\nwant %s", lists[_i].in,
                  buf_cstr(&b), lists[_i].out);
    buf_done(&b);
    free(exact);
}
END_TEST

START_TEST(no_more_than_room)
{
    struct hdr_addr x[3] = {
        {.name = STR("poison")}, {.name = STR("poison")}, {.name = STR("poison")}};
    ck_assert_int_eq(hdr_addrs(a, STR("a@b, c@d, e@f"), x, 2), 2);
    same(x[2].name, "poison");
}
END_TEST

/* Pathological lists end soon: each of these was quadratic in some mailer. */
START_TEST(lists_are_linear)
{
    static const char *const evil[] = {"\"\\", "(",  "<",  "[",  "=?a?q?",
                                       "((a)", "\"", "a@", ":;", "<\""};
    struct buf b;
    struct hdr_addr x[4];
    buf_init(&b, 1 << 20);
    while (b.n < 250000)
        buf_z(&b, evil[_i]);
    (void)hdr_addrs(a, buf_text(&b), x, 4);
    (void)hdr_decode(a, buf_text(&b));
    buf_done(&b);
}
END_TEST

static const struct {
    const char *name, *mailbox, *out;
} mailboxes[] = {
    {"", "a@b", "a@b"},
    {"Steve Hayes", "HAYES@W.IBM.COM", "\"Steve Hayes\" <HAYES@W.IBM.COM>"},
    {"a \"b\" \\", "c@d", "\"a \\\"b\\\" \\\\\" <c@d>"},
    {"J\xc3\xbcrgen", "c@d", "=?UTF-8?Q?J=C3=BCrgen?= <c@d>"},
    {"x\r\nBcc: y", "c@d", "\"x  Bcc: y\" <c@d>"},
    {"x", "c@d>, <e@f\r\n", "\"x\" <c@de@f>"},
    {"x", "\"a b\"@c", "\"x\" <\"a b\"@c>"},
};

START_TEST(one_mailbox)
{
    same(hdr_mailbox(a, str_of(mailboxes[_i].name), str_of(mailboxes[_i].mailbox)),
         mailboxes[_i].out);
}
END_TEST

/* --- writing --- */

static void check_field(const char *value, const char *want)
{
    struct buf b;
    buf_init(&b, 65536);
    hdr_put(&b, "Subject", str_of(value));
    ck_assert_str_eq(buf_cstr(&b), want);
    buf_done(&b);
}

START_TEST(folding)
{
    check_field("x", "Subject: x\r\n");
    check_field("", "Subject: \r\n");
    check_field(" a\r\nBcc: b\r\n\r\nbody\n", "Subject: a  Bcc: b    body\r\n");
    check_field("a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f g h i j k l m",
                "Subject: a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f g h i\r\n"
                " j k l m\r\n");
    struct buf value, out;
    buf_init(&value, 65536);
    buf_init(&out, 65536);
    buf_fill(&value, 'x', 5000); /* one word longer than any line may be */
    hdr_put(&out, "X", buf_text(&value));
    size_t line = 0, letters = 0;
    for (size_t i = 0; i < out.n; i++) {
        letters += out.p[i] == 'x';
        line = out.p[i] == '\n' ? 0 : line + 1;
        ck_assert(line <= 999);
    }
    ck_assert_int_eq(letters, 5000);
    buf_done(&value);
    buf_done(&out);
}
END_TEST

/* A folded field unfolds to itself. */
START_TEST(fields_come_back)
{
    unsigned r = 99;
    for (int round = 0; round < 500; round++) {
        struct buf value, out;
        buf_init(&value, 65536);
        buf_init(&out, 65536);
        buf_z(&value, "x");
        for (int n = 0; n < 200; n++)
            buf_u8(&value, ((r = r * 1103515245 + 12345) >> 16 & 7) == 0 ? ' ' : 'y');
        buf_z(&value, "x");
        hdr_put(&out, "A", buf_text(&value));
        buf_crlf(&out);
        struct hdr h;
        struct why w;
        ck_assert(hdr_parse(a, buf_text(&out), &h, &w) == OK);
        ck_assert_int_eq(h.n, 1);
        same(h.field[0].value, buf_cstr(&value));
        buf_done(&value);
        buf_done(&out);
        arena_reset(a);
    }
}
END_TEST

static Suite *test_header_suite(void)
{
    Suite *s = suite_create("header");
    TCase *t = tcase_create("header");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, fields, 0, N(blocks));
    tcase_add_test(t, finding);
    tcase_add_test(t, limits);
    tcase_add_loop_test(t, decoding, 0, N(words));
    tcase_add_loop_test(t, encoding, 0, N(encodings));
    tcase_add_test(t, words_come_back);
    tcase_add_loop_test(t, address_lists, 0, N(lists));
    tcase_add_test(t, no_more_than_room);
    tcase_add_loop_test(t, lists_are_linear, 0, 10);
    tcase_add_loop_test(t, one_mailbox, 0, N(mailboxes));
    tcase_add_test(t, folding);
    tcase_add_test(t, fields_come_back);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_header_suite)
