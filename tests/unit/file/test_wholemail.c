/* tests/unit/file/test_wholemail.c -- mail as RFC 822 text and as a batch: what reads it again
 * line by line finds one mail and all of it. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "gateway/file/wholemail.h"
#include "rscs/punch.h"
#include "unit/unit.h"

static struct arena *a;

static void setup(void)
{
    a = arena_new(64u << 20);
}

static void teardown(void)
{
    arena_free(&a);
}

static struct str put(const char *content, bool batch, bool cards, size_t *replaced)
{
    struct wholemail m = {.content = str_of(content),
                          .sender = STR("steve@example.org"),
                          .rcpt = batch ? STR("BOB@MVSA") : STR(""),
                          .host = STR("gate.example.org"),
                          .page = ebc_page_default(),
                          .cards = cards};
    struct why w = {.text = ""};
    struct buf b;
    *replaced = 0;
    buf_init(&b, 1u << 20);
    ck_assert_msg(wholemail_put(a, &m, &b, replaced, &w) == 0, "%s", w.text);
    struct str s = arena_str(a, buf_text(&b));
    buf_done(&b);
    return s;
}

static void card(void *arg, struct cur bytes)
{
    struct buf *out = arg;
    struct buf line;
    buf_init(&line, 4096);
    punch_line(&line, bytes, ebc_page_default());
    buf_str(out, buf_text(&line));
    buf_u8(out, '\n');
    buf_done(&line);
}

/* What the other side reads: the lines as cards, or as records of NETDATA without blanks behind. */
static struct str as_read(struct str text, bool cards)
{
    struct buf out, e;
    struct str line;
    buf_init(&out, 1u << 20);
    buf_init(&e, 1u << 20);
    while (str_line(&text, &line)) {
        buf_reset(&e);
        if (cards) {
            (void)punch_text(line, ebc_page_default(), card, &out);
            continue;
        }
        (void)ebc_from_utf8(&e, ebc_page_default(), line);
        card(&out, buf_cur(&e));
    }
    struct str s = arena_str(a, buf_text(&out));
    buf_done(&out);
    buf_done(&e);
    return s;
}

#define X10 "xxxxxxxxxx"
#define X70 X10 X10 X10 X10 X10 X10 X10
static const char *const hidden[] = {
    "\xE2\x80\xA4", /* ONE DOT LEADER, which no page has: a dot */
    "\f.",          /* form feeds vanish on cards */
    "\v.",
    ".\f",
    X70 "xxxxxxxxx.", /* the dot begins the next card */
    X70 "xxxxxxxxxx.",
    X70 "xxxxxxxxxxx.",
    "xxx\t\t\t\t\t\t\t\t\t\t.",
    X70 "\xE2\x80\xA6\xE2\x80\xA6\xE2\x80\xA6\xE2\x80\xA6", /* ellipses: three dots each */
    "xx\xC2\x85.\xC2\x85",
};

/* Nothing in a mail ends it before its end: there is one line with a dot alone, and QUIT behind it.
 */
START_TEST(no_line_is_a_false_end)
{
    size_t replaced;
    char mail[1000];
    bool cards = _i % 2 == 1;
    snprintf(mail, sizeof mail,
             "From: a@b.example\r\n\r\nfirst\r\n%s\r\nMAIL FROM:<evil@x.example>\r\n",
             hidden[_i / 2]);
    struct str read = as_read(put(mail, true, cards, &replaced), cards), line;
    unsigned ends = 0;
    bool ended = false;
    while (str_line(&read, &line)) {
        ck_assert_msg(!ended || str_eq(line, STR("QUIT")), "%.*s", STR_ARG(line));
        ended = str_eq(str_trim_right(line), STR("."));
        ends += ended;
    }
    ck_assert_uint_eq(ends, 1);
}
END_TEST

/* Header lines of a card file are folded, not cut: a cut one would end the header. */
START_TEST(header_fits_on_cards)
{
    size_t replaced;
    struct str read =
        as_read(put("Subject: " X70 " " X70 " word\r\nX: y\r\n  \r\n z\r\n\r\nbody\r\n", false,
                    true, &replaced),
                true);
    ck_assert_msg(str_eq(read, STR("Return-Path: <steve@example.org>\nSubject: " X70 "\n " X70
                                   " word\nX: y   z\n\nbody\n")),
                  "%.*s", STR_ARG(read));
}
END_TEST

/* 8-bit text becomes that of the page, and what says which charset it was says UTF-8. */
START_TEST(labels_of_8_bit_text)
{
    size_t replaced;
    struct str s = put("From: J\xF8rgen <j@b.example>\r\nMIME-Version: 1.0\r\n"
                       "Content-Type: text/plain; charset=iso-8859-15; format=flowed\r\n"
                       "Content-Transfer-Encoding: 8bit\r\n\r\n\xE5 \xA4\r\n",
                       false, false, &replaced);
    ck_assert_msg(
        str_eq(s, STR("Return-Path: <steve@example.org>\nFrom: J\xC3\xB8rgen <j@b.example>\n"
                      "MIME-Version: 1.0\nContent-Type: text/plain; format=flowed; "
                      "charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n\xC3\xA5 EUR\n")),
        "%.*s", STR_ARG(s));
    ck_assert_uint_eq(replaced, 1);
    s = put(
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; "
        "boundary=b\r\n\r\npre\r\n--b\r\n\r\n\xFC"
        "\r\n--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: 8bit\r\n"
        "\r\n\xFF\xFE\r\n--b\r\nContent-Type: text/plain\r\n\r\nascii\r\n--b--\r\npost\r\n",
        false, false, &replaced);
    ck_assert_msg(
        str_eq(
            s,
            STR("Return-Path: <steve@example.org>\nMIME-Version: 1.0\n"
                "Content-Type: multipart/mixed; boundary=b\n\npre\n--b\n"
                "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: "
                "8bit\n\n\xC3\xBC"
                "\n--b\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n"
                "\n//4=\n\n--b\nContent-Type: text/plain\n\nascii\n--b--\npost\n")),
        "%.*s", STR_ARG(s));
}
END_TEST

#define X60 X10 X10 X10 X10 X10 X10

/* A word that no card has room for is folded within, for a header must not end there. */
START_TEST(long_words_stay_in_the_header)
{
    size_t replaced;
    struct wholemail m = {.content =
                              STR("Message-ID: <" X70 X70 "@h.example>\r\nX: y\r\n\r\nbody\r\n"),
                          .sender = STR(X60 "@" X10 X10 ".example"),
                          .host = STR("gate.example.org"),
                          .page = ebc_page_default(),
                          .cards = true};
    struct why w = {.text = ""};
    struct buf b;
    buf_init(&b, 1u << 20);
    replaced = 0;
    ck_assert_msg(wholemail_put(a, &m, &b, &replaced, &w) == 0, "%s", w.text);
    struct str read = as_read(buf_text(&b), true), line;
    unsigned fields = 0;
    while (str_line(&read, &line) && line.n > 0) {
        ck_assert_msg(line.p[0] == ' ' || str_find(line, ':') > 0, "%.*s", STR_ARG(line));
        ck_assert_uint_le(line.n, 80);
        fields += line.p[0] != ' ';
    }
    ck_assert_uint_eq(fields, 3);
    ck_assert_msg(str_eq(read, STR("body\n")), "%.*s", STR_ARG(read));
    buf_done(&b);
}
END_TEST

/* Batch SMTP has no continuation: an envelope that no card has room for is refused, for a cut
 * address would be another one; one that fits to the last column goes, and NETDATA takes both. */
START_TEST(long_senders)
{
    static const char path[] = X60 "@a.example"; /* 70 with the domain */
    for (size_t n = 60; n <= 70; n++) {
        for (int cards = 0; cards < 2; cards++) {
            struct str sender = str_sub(str_of(path), 70 - n, n);
            struct wholemail m = {.content = STR("Subject: x\r\n\r\nbody\r\n"),
                                  .sender = sender,
                                  .rcpt = STR("BOB@MVSA"),
                                  .host = STR("gate.example.org"),
                                  .page = ebc_page_default(),
                                  .cards = cards};
            struct why w = {.text = ""};
            struct buf b, want;
            size_t replaced = 0;
            buf_init(&b, 1u << 20);
            buf_init(&want, 200);
            int v = wholemail_put(a, &m, &b, &replaced, &w);
            ck_assert_int_eq(v, cards && n > 68 ? E_LIMIT : 0);
            buf_printf(&want, "\nMAIL FROM:<%.*s>\n", STR_ARG(sender));
            if (v == 0)
                ck_assert_ptr_nonnull(strstr(as_read(buf_text(&b), cards).p, buf_cstr(&want)));
            else
                ck_assert_msg(w.smtp == 550 && strstr(w.text, "room for 68") != NULL, "%d %s",
                              w.smtp, w.text);
            buf_done(&b);
            buf_done(&want);
        }
    }
}
END_TEST

static Suite *wholemail_suite(void)
{
    Suite *s = suite_create("wholemail");
    TCase *t = tcase_create("wholemail");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, no_line_is_a_false_end, 0, 2 * (int)(sizeof hidden / sizeof *hidden));
    tcase_add_test(t, header_fits_on_cards);
    tcase_add_test(t, labels_of_8_bit_text);
    tcase_add_test(t, long_words_stay_in_the_header);
    tcase_add_test(t, long_senders);
    suite_add_tcase(s, t);
    return s;
}
UNIT(wholemail_suite)
