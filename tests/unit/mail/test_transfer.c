/* tests/unit/mail/test_transfer.c -- transfer encodings, whole and in every two pieces. */
#include <stdlib.h>
#include <string.h>

#include "gateway/mail/plain.h"
#include "gateway/mail/transfer.h"
#include "unit/unit.h"

static const struct {
    enum mime_coding coding;
    const char *in, *want;
} cases[] = {
    {MIME_PLAIN, "a=3D\r\n", "a=3D\r\n"},
    {MIME_BASE64, "YWJjZGVm", "abcdef"},
    {MIME_BASE64, "YW Jj\r\nZ*GVm\r\n", "abcdef"},
    {MIME_BASE64, "YWI=\r\nYw==\r\n", "abc"},
    {MIME_BASE64, "YWJjZA", "abcd"},
    {MIME_BASE64, "", ""},
    {MIME_BASE64, "=", ""},
    {MIME_BASE64, "Y", ""},
    {MIME_QP, "a=3Db=20", "a=b "},
    {MIME_QP, "a =\r\n b=\nc", "a  bc"},
    {MIME_QP, "a  \t\r\nb \n\n c ", "a\r\nb\n\n c"},
    {MIME_QP, "a=  \r\nb", "ab"},
    {MIME_QP, "1=2, x=zz =4", "1=2, x=zz =4"},
    {MIME_QP, "==41=", "=A"},
    {MIME_QP, "a\rb \rc", "a\rb \rc"},
    {MIME_QP, "=E4=f6", "\xe4\xf6"},
    {MIME_UU, "text\nbegin 644 a b\n#86)C\n`\nend\n#86)C\n", "abc"},
    {MIME_UU, "begin 644 x\r\n$86)C9```\r\n`\r\nend\r\n", "abcd"},
    {MIME_UU, "begin 644 x\n#86)C*\n$86)C9\n \nend", "abcabcd"},
    {MIME_UU, "begin 644 x\n#  \nend\n", "\x01"},
    {MIME_XX, "begin 644 x\n1MK7X\n+\nend\n", "abc"},
};

static void decode(struct buf *out, enum mime_coding coding, struct str in, size_t cut)
{
    struct transfer t;
    transfer_begin(&t, coding);
    transfer_put(&t, str_sub(in, 0, cut), out);
    transfer_put(&t, str_sub(in, cut, in.n), out);
    transfer_end(&t, out);
}

START_TEST(decoded)
{
    struct str in = str_of(cases[_i].in);
    for (size_t cut = 0; cut <= in.n; cut++) {
        struct buf out;
        buf_init(&out, 1000);
        decode(&out, cases[_i].coding, in, cut);
        bool nuls = strcmp(cases[_i].want, "\x01") == 0; /* a line cut short is filled with zeros */
        if (nuls)
            ck_assert_uint_eq(out.n, 3);
        else
            ck_assert_msg(strcmp(buf_cstr(&out), cases[_i].want) == 0, "%s cut at %zu: \"%s\"",
                          in.p, cut, buf_cstr(&out));
        buf_done(&out);
    }
}
END_TEST

/* What we write is found in a text and gives the same bytes. */
START_TEST(encoded_and_back)
{
    enum mime_coding coding = _i % 2 == 0 ? MIME_UU : MIME_XX;
    uint8_t bytes[300];
    size_t n = (size_t)_i;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 151 + (size_t)_i);
    struct buf text, back;
    struct plain_uu uu;
    buf_init(&text, 2000);
    buf_init(&back, 2000);
    buf_z(&text, "Before.\n");
    transfer_encode(&text, coding, STR("a name.bin"), cur_of(bytes, n));
    buf_z(&text, "After.\n");
    for (size_t i = 0; i < text.n; i++)
        ck_assert(text.p[i] == '\n' || (text.p[i] >= ' ' && text.p[i] < 0x7f));
    ck_assert(plain_find_uu(buf_text(&text), 0, &uu));
    ck_assert(str_eq(uu.name, STR("a_name.bin")));
    ck_assert(n == 0 || uu.coding == coding);
    decode(&back, uu.coding, str_sub(buf_text(&text), uu.start, uu.end - uu.start), 40);
    ck_assert_uint_eq(back.n, n);
    ck_assert(n == 0 || memcmp(back.p, bytes, n) == 0);
    ck_assert(str_eq(str_sub(buf_text(&text), uu.end, text.n), STR("After.\n")));
    buf_done(&text);
    buf_done(&back);
}
END_TEST

static const struct {
    const char *charset, *in;
    size_t n;
} texts[] = {
#define TEXT(charset, in)                                                                          \
    {                                                                                              \
        charset, in, sizeof(in) - 1                                                                \
    }
    TEXT("", "plain\r\nlines\n\rof\r\rall\r\n\nkinds\r"),
    TEXT("", "a\r\0\nb\n\0c\r\0"),
    TEXT("us-ascii", "gr\xc3\xbc\xc3\x9f\x65 \xe2\x82\xac\n"),
    TEXT("", "gr\xfc\xdf\x65 \x80\r\n"),
    TEXT("utf-8", "\xf0\x9f\x98\x80 \xc3 \xe2\x82 \xf0\x9f\x98"),
    TEXT("no-such-charset", "gr\xc3\xbc\xc3\x9f\x65\r\n"),
    TEXT("iso-2022-jp", "a\x1b$BF|K\\\x1b(B\r\nb"),
    TEXT("utf-16le", "a\0\r\0\n\0b\0"),
    TEXT("utf-8", "a\x01\x02\x03 binary"),
    TEXT("", ""),
};

/* A text in pieces of every size becomes what it becomes whole. */
START_TEST(texts_in_pieces)
{
    struct str in = {texts[_i].in, texts[_i].n}, charset = str_of(texts[_i].charset);
    struct buf want;
    size_t bad = 0;
    buf_init(&want, 1000);
    plain_put(&want, in, charset, &bad);
    for (size_t size = 1; size <= in.n + 1; size++) {
        struct plain_judge j;
        struct plain_flow f;
        struct buf got;
        char label[64];
        size_t lost = 0;
        buf_init(&got, 1000);
        plain_judge_begin(&j, charset);
        for (size_t at = 0; at < in.n; at += size)
            plain_judge_put(&j, cur_of_str(str_sub(in, at, size)));
        ck_assert(plain_judge_end(&j, label) == plain_is_binary(in, charset));
        plain_flow_begin(&f, label);
        for (size_t at = 0; at < in.n; at += size)
            lost += plain_flow_put(&f, &got, cur_of_str(str_sub(in, at, size)), false);
        lost += plain_flow_put(&f, &got, cur_of(NULL, 0), true);
        plain_flow_done(&f);
        ck_assert_msg(str_eq(buf_text(&got), buf_text(&want)), "by %zu: %.*s", size,
                      STR_ARG(buf_text(&got)));
        ck_assert_uint_eq(lost, bad);
        buf_done(&got);
    }
    buf_done(&want);
}
END_TEST

static Suite *transfer_suite(void)
{
    Suite *s = suite_create("transfer");
    TCase *t = tcase_create("codings");
    tcase_add_loop_test(t, decoded, 0, (int)(sizeof cases / sizeof *cases));
    tcase_add_loop_test(t, encoded_and_back, 0, 140);
    tcase_add_loop_test(t, texts_in_pieces, 0, (int)(sizeof texts / sizeof *texts));
    suite_add_tcase(s, t);
    return s;
}
UNIT(transfer_suite)
