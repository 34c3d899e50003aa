/* tests/unit/mail/test_seven.c -- mime_7bit: what becomes of a mail for a host without 8BITMIME. */
#include "base/arena.h"
#include "gateway/mail/mime.h"
#include "unit/unit.h"

static struct buf out;

static void setup(void)
{
    buf_init(&out, 1u << 20);
}

static void teardown(void)
{
    buf_done(&out);
}

struct seven {
    const char *in, *out; /* NULL: it cannot be done */
};

#define TEXT "Content-Type: text/plain; charset=utf-8\r\n"
#define EIGHT "Content-Transfer-Encoding: 8bit\r\n"
#define BINARY "Content-Transfer-Encoding: binary\r\n"
#define SEVEN "Content-Transfer-Encoding: 7bit\r\n"
#define QP "Content-Transfer-Encoding: quoted-printable\r\n"
#define BASE64 "Content-Transfer-Encoding: base64\r\n"
#define MIME "MIME-Version: 1.0\r\n"
#define FEW "The quick brown fox jumps over the lazy dog; na\xc3\xafve."
#define FEW_QP "The quick brown fox jumps over the lazy dog; na=C3=AFve."
#define SIGNED(body)                                                                               \
    "Content-Type: multipart/signed; protocol=\"application/pgp-signature\"; boundary=s\r\n\r\n"   \
    "--s\r\n" TEXT EIGHT "\r\n" body "\r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\n"  \
    "xx\r\n--s--\r\n"

static const struct seven cases[] = {
    /* one text: few octets beyond ASCII, many, none that need it */
    {MIME TEXT EIGHT "\r\n" FEW "\r\n", MIME TEXT QP "\r\n" FEW_QP "\r\n"},
    {MIME TEXT EIGHT "\r\n\xc3\xa4\xc3\xb6\xc3\xbc\r\n", MIME TEXT BASE64 "\r\nw6TDtsO8DQo=\r\n"},
    {MIME TEXT BINARY "\r\n" FEW "\r\n", MIME TEXT QP "\r\n" FEW_QP "\r\n"},
    {MIME TEXT EIGHT "\r\nplain\r\n", MIME TEXT "\r\nplain\r\n"},
    {MIME TEXT "\r\nplain\r\n", MIME TEXT "\r\nplain\r\n"},
    /* a label that was wrong */
    {MIME TEXT SEVEN "\r\n" FEW "\r\n", MIME TEXT QP "\r\n" FEW_QP "\r\n"},
    {MIME TEXT "\r\n" FEW "\r\n", MIME TEXT QP "\r\n" FEW_QP "\r\n"},
    /* what is encoded already stays so */
    {MIME TEXT QP "\r\n=C3=AF=\r\nx\r\n", MIME TEXT QP "\r\n=C3=AF=\r\nx\r\n"},
    {MIME TEXT BASE64 "\r\nw6Q=\r\n", MIME TEXT BASE64 "\r\nw6Q=\r\n"},
    {MIME "Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 a\r\n#0V%T\r\n`\r\nend\r\n",
     MIME "Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 a\r\n#0V%T\r\n`\r\nend\r\n"},
    {MIME "Content-Transfer-Encoding: x-uuencode\r\n\r\n\xc3\xa4\r\n", NULL},
    /* a mail of old, without MIME */
    {"Subject: x\r\n\r\n" FEW "\r\n", "Subject: x\r\n" MIME TEXT QP "\r\n" FEW_QP "\r\n"},
    {"Subject: x\r\n\r\nthe quick brown fox, na\xefve\r\n",
     "Subject: x\r\n" MIME "Content-Type: text/plain; charset=unknown-8bit\r\n" QP
     "\r\nthe quick brown fox, na=EFve\r\n"},
    {"Content-Type: text/plain; charset=iso-8859-1\r\n" EIGHT
     "\r\nthe quick brown fox, na\xefve\r\n",
     MIME "Content-Type: text/plain; charset=iso-8859-1\r\n" QP
          "\r\nthe quick brown fox, na=EFve\r\n"},
    /* octets that are no text */
    {MIME "Content-Type: application/octet-stream\r\n" BINARY "\r\n\x01\r\xff\n",
     MIME "Content-Type: application/octet-stream\r\n" BASE64 "\r\nAQ3/Cg==\r\n"},
    /* parts, each by itself; what holds them no longer says that it is of eight bits */
    {MIME "Content-Type: multipart/mixed; boundary=b\r\n" EIGHT "\r\nbefore\r\n--b\r\n" TEXT EIGHT
          "\r\n" FEW "\r\n--b\r\nContent-Type: image/png\r\n" BASE64
          "\r\niVBORw0K\r\n--b--\r\nbehind\r\n",
     MIME "Content-Type: multipart/mixed; boundary=b\r\n" SEVEN "\r\nbefore\r\n--b\r\n" TEXT QP
          "\r\n" FEW_QP "\r\n--b\r\nContent-Type: image/png\r\n" BASE64
          "\r\niVBORw0K\r\n--b--\r\nbehind\r\n"},
    {MIME "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: "
          "multipart/mixed; boundary=c\r\n\r\n--c\r\n" TEXT BINARY "\r\n" FEW
          "\r\n--c--\r\n\r\n--a--\r\n",
     MIME "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: "
          "multipart/mixed; boundary=c\r\n\r\n--c\r\n" TEXT QP "\r\n" FEW_QP
          "\r\n--c--\r\n\r\n--a--\r\n"},
    /* a mail in a mail */
    {MIME "Content-Type: message/rfc822\r\n" EIGHT "\r\nSubject: inner\r\n" MIME TEXT EIGHT
          "\r\n" FEW "\r\n",
     MIME "Content-Type: message/rfc822\r\n" SEVEN "\r\nSubject: inner\r\n" MIME TEXT QP
          "\r\n" FEW_QP "\r\n"},
    {MIME "Content-Type: message/rfc822\r\n\r\nSubject: na\xc3\xafve\r\n\r\nx\r\n", NULL},
    /* beyond ASCII where nothing can be encoded: header, what stands before and behind the parts */
    {"Subject: na\xc3\xafve\r\n\r\nx\r\n", NULL},
    {MIME
     "Content-Type: multipart/mixed; boundary=b\r\n\r\nna\xc3\xafve\r\n--b\r\n\r\nx\r\n--b--\r\n",
     NULL},
    /* a signature would be broken; one over ASCII stays as it is beside what is encoded */
    {MIME SIGNED(FEW), NULL},
    {MIME "Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n" SIGNED(
         "as it is, =41  ") "\r\n"
                            "--m\r\n" TEXT EIGHT "\r\n" FEW "\r\n--m--\r\n",
     MIME "Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n" SIGNED(
         "as it is, =41  ") "\r\n"
                            "--m\r\n" TEXT QP "\r\n" FEW_QP "\r\n--m--\r\n"},
    /* line ends that are none */
    {MIME
     "Content-Type: multipart/mixed; boundary=b\r\n\r\nbefore\nthe\rparts\r\n--b\r\n" TEXT EIGHT
     "\r\n" FEW "\r\n--b--\r\nbehind",
     MIME
     "Content-Type: multipart/mixed; boundary=b\r\n\r\nbefore\r\nthe\r\nparts\r\n--b\r\n" TEXT QP
     "\r\n" FEW_QP "\r\n--b--\r\nbehind\r\n"},
    {"", NULL},
};

START_TEST(test_seven_bits)
{
    const struct seven *c = &cases[_i];
    int v = mime_7bit(str_of(c->in), &out);
    if (c->out == NULL) {
        ck_assert_int_eq(v, E_PERM);
    } else {
        ck_assert_str_eq(buf_cstr(&out), c->out);
        ck_assert_int_eq(v, 0);
    }
}
END_TEST

/* A line longer than SMTP takes is no longer one, and a NUL has no place in a mail. */
START_TEST(test_seven_long_and_nul)
{
    struct buf in;
    struct str text, line;
    buf_init(&in, 100000);
    buf_z(&in, MIME TEXT EIGHT "\r\n");
    for (int i = 0; i < 5000; i++)
        buf_u8(&in, 'x');
    buf_crlf(&in);
    ck_assert_int_eq(mime_7bit(buf_text(&in), &out), 0);
    for (text = buf_text(&out); str_line(&text, &line);)
        ck_assert_uint_le(line.n, 78);
    buf_reset(&in);
    buf_reset(&out);
    buf_z(&in, "Subject: x");
    buf_u8(&in, 0);
    buf_z(&in, "y\r\n" MIME TEXT EIGHT "\r\n" FEW "\r\n");
    ck_assert_int_eq(mime_7bit(buf_text(&in), &out), E_PERM);
    buf_done(&in);
}
END_TEST

static void nested(struct buf *in, unsigned depth)
{
    buf_reset(in);
    for (unsigned i = 0; i < depth; i++)
        buf_printf(in, "%sContent-Type: multipart/mixed; boundary=b%u\r\n\r\n--b%u\r\n",
                   i == 0 ? MIME : "", i, i);
    buf_z(in, TEXT EIGHT "\r\n" FEW "\r\n");
    for (unsigned i = depth; i > 0; i--)
        buf_printf(in, "--b%u--\r\n", i - 1);
}

/* As deep as anybody may nest it; deeper it is not looked into. */
START_TEST(test_seven_depth)
{
    struct buf in;
    buf_init(&in, 100000);
    nested(&in, 50);
    ck_assert_int_eq(mime_7bit(buf_text(&in), &out), 0);
    nested(&in, 51);
    buf_reset(&out);
    ck_assert_int_eq(mime_7bit(buf_text(&in), &out), E_PERM);
    buf_done(&in);
}
END_TEST

START_TEST(test_seven_room)
{
    struct buf small;
    buf_init(&small, 100);
    ck_assert_int_eq(mime_7bit(STR(MIME TEXT EIGHT "\r\n" FEW "\r\n"), &small), E_PERM);
    buf_done(&small);
}
END_TEST

/* Who reads it reads the same. */
START_TEST(test_seven_reads_the_same)
{
    static const char mail[] =
        MIME "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" TEXT EIGHT "\r\n" FEW
             "\r\n--b\r\nContent-Type: application/x-thing; name=a.bin\r\n" BINARY
             "Content-Disposition: attachment; filename=a.bin\r\n\r\n\xff\xfe\r\n\x01\r\n"
             "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n" TEXT EIGHT "\r\n" FEW
             "\r\n--b--\r\n";
    struct arena *a = arena_new(4u << 20);
    struct mime_text before, after;
    struct why w;
    ck_assert_int_eq(mime_read(a, str_of(mail), &before, &w), 0);
    ck_assert_int_eq(mime_7bit(str_of(mail), &out), 0);
    ck_assert_int_eq(mime_read(a, buf_text(&out), &after, &w), 0);
    ck_assert(before.text.n > 2 * sizeof FEW);
    ck_assert(str_eq(before.text, after.text));
    arena_free(&a);
}
END_TEST

static Suite *test_seven_suite(void)
{
    Suite *s = suite_create("seven");
    TCase *t = tcase_create("seven");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, test_seven_bits, 0, sizeof cases / sizeof cases[0]);
    tcase_add_test(t, test_seven_long_and_nul);
    tcase_add_test(t, test_seven_depth);
    tcase_add_test(t, test_seven_room);
    tcase_add_test(t, test_seven_reads_the_same);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_seven_suite)
