/* tests/unit/mail/test_html.c -- pages as text; the examples in tests/golden/html. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "gateway/mail/fill.h"
#include "gateway/mail/html.h"
#include "unit/unit.h"

#define N(table) (int)(sizeof table / sizeof *table)
#define FOLDER "tests/golden/html"

static void render(struct buf *b, struct str html, const char *charset, unsigned width)
{
    struct why w = {0};
    buf_init(b, 64 << 20);
    ck_assert_msg(html_to_text(b, html, charset, width, &w) == OK, "%s", w.text);
}

static void check(const char *html, const char *want)
{
    struct buf b;
    render(&b, str_of(html), "utf-8", 0);
    ck_assert_str_eq(buf_cstr(&b), want);
    buf_done(&b);
}

static void golden(const char *name)
{
    char path[512];
    size_t n;
    snprintf(path, sizeof path, FOLDER "/%s", name);
    char *in = unit_file(path, &n);
    snprintf(path, sizeof path, FOLDER "/%.*sout", (int)strlen(name) - 2, name);
    char *want = unit_file(path, NULL);
    struct buf b;
    render(&b, (struct str){in, n}, NULL, 78);
    ck_assert_msg(strcmp(buf_cstr(&b), want) == 0, "%s\n--- got:\n%s--- want:\n%s", name,
                  buf_cstr(&b), want);
    buf_done(&b);
    free(in);
    free(want);
}

START_TEST(golden_files)
{
    DIR *d = opendir(FOLDER);
    ck_assert(d != NULL);
    int seen = 0;
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d))
        if (str_ends_nocase(str_of(e->d_name), ".in")) {
            golden(e->d_name);
            seen++;
        }
    closedir(d);
    ck_assert_int_ge(seen, 6);
}
END_TEST

#define WIDE10 "\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad" /* of 10 columns */
#define WIDE60 WIDE10 WIDE10 WIDE10 WIDE10 WIDE10 WIDE10

static const struct {
    const char *html, *text;
} small[] = {
    {"", ""},
    {"   \n ", ""},
    {"plain", "plain\n"},
    {"<p>a</p><p></p><p></p><p>b</p>", "a\n\nb\n"},
    {"<div>a</div><div>b</div>", "a\nb\n"},
    {"<div>a</div><div><br></div><div>b</div>", "a\n\nb\n"},
    {"<p>&nbsp;</p>a<p>&nbsp;</p>", "a\n"},
    {"a&nbsp;&nbsp;b\xe2\x80\x8b"
     "c",
     "a bc\n"},
    {"<a href='http://x.example/'>here</a>", "here [1]\n\nLinks:\n [1] http://x.example/\n"},
    {"<a href='http://x.example/'>X.example</a>", "X.example\n"},
    {"<a href='mailto:a@b.example?subject=x'>a@b.example</a>", "a@b.example\n"},
    {"<a href='http://x.example/'></a>a", "a\n"},
    {"<a href='page.html'>a</a><a href='#x'>b</a><a>c</a>", "abc\n"},
    {"<a href='http://x.example/\nBcc:'>a</a>", "a [1]\n\nLinks:\n [1] http://x.example/Bcc:\n"},
    {"<a href='http://x.example'><p>a</p><p>b</p></a>c",
     "a [1]\n\nb\n\nc\n\nLinks:\n [1] http://x.example\n"},
    {"<ul><li>a<li>b</ul>", "* a\n* b\n"},
    {"<li>a", "* a\n"},
    {"<ol start=-5><li>a</ol>", "1. a\n"},
    {"<ol start=99999999999999999999><li>a</ol>", "1. a\n"},
    {"<table><tr></table><table></table>a", "a\n"},
    {"<table border=1><tr><td colspan=1000000000 rowspan=1000000000>a</table>", "a\n"},
    {"<table border=1><tr><td>a<td>b</tr><tr>stray</tr><tr><td>c<td>d</table>",
     "stray\n\na  b\nc  d\n"},
    {"<select></select><img><input>", ""},
    {"<img alt='A picture' src=x>", "A picture\n"},
    {"a<!-- b --><script>c</script><style>d</style>", "a\n"},
    /* A word with wide characters is cut where the line is full, within its letters, too. */
    {WIDE60 "abcdefghijklmnopqrstuvwxyz", WIDE60 "abcdefghijklmnopqr\nstuvwxyz\n"},
    {"a  <b> b </b>  c", "a b c\n"},
    {"<table>\n <tr>1</tr>\n <tr>2</tr></table>", "1 2\n"},
    {"a</p>b", "a\n\nb\n"},
    {"a<select><option>b<option selected>c</select>d", "a c d\n"},
    {"<textarea>a\n<b>b</textarea>", "a\n<b>b\n"},
    {"<title>no</title>a<title>b", "ab\n"},
};

START_TEST(small_pages)
{
    check(small[_i].html, small[_i].text);
}
END_TEST

static const struct {
    const char *html;
    size_t n;
    const char *charset, *text;
} charsets[] = {
    {"\xfc", 1, NULL, "\xc3\xbc\n"},
    {"\xc3\xbc", 2, NULL, "\xc3\xbc\n"},
    {"\xc3\xbc", 2, "iso-8859-1", "\xc3\x83\xc2\xbc\n"},
    {"\xef\xbb\xbf\xc3\xbc", 5, NULL, "\xc3\xbc\n"},
    {"\xff\xfe\xfc\0", 4, NULL, "\xc3\xbc\n"},
    {"\xfe\xff\0\xfc", 4, NULL, "\xc3\xbc\n"},
    {"\xfc\0", 2, "utf-16le", "\xc3\xbc\n"},
    {"<meta charset=koi8-r>\xc1", 22, NULL, "\xd0\xb0\n"},
    {"<meta http-equiv=x content='text/html; charset=koi8-r'>\xc1", 56, NULL, "\xd0\xb0\n"},
    {"<meta charset=utf-16>\xfc", 22, NULL, "\xc3\xbc\n"},        /* cannot be true */
    {"<meta charset=koi8-r>\xc3\xbc", 23, "utf-8", "\xc3\xbc\n"}, /* the header wins */
    {"\xfc", 1, "x-klingon", "\xc3\xbc\n"},
    {"a\0b<p>\0c", 8, "utf-8", "ab\n\nc\n"},
};

START_TEST(charset)
{
    struct buf b;
    render(&b, (struct str){charsets[_i].html, charsets[_i].n}, charsets[_i].charset, 0);
    ck_assert_str_eq(buf_cstr(&b), charsets[_i].text);
    buf_done(&b);
}
END_TEST

/* Pages made to hurt: each is answered, with its text, in time that grows with its size. */
static const struct {
    const char *again, *tail;
    size_t times;
    const char *last;
} hostile[] = {
    {"<div>", "end", 20000, "end"},
    {"<table><tr><td>", "end", 20000, "end"},
    {"<blockquote>", "end", 20000, "end"},
    {"<ul><li>", "end", 20000, "end"},
    {"<b></i>", "end", 20000, "end"},
    {"<p a b c d e f", ">end", 30000, "end"},
    {"<table border=1><tr><td>a<td>b</table>", "end", 20000, "end"},
    {"<a href='http://x.example/'>a</a> ", "end", 20000, NULL},
    {"<font><p>", "end", 20000, "end"},
    {"&", "end", 200000, "end"},
    {"<!--", "--> end", 50000, "end"},
    {"<", "end", 200000, NULL},
    {"<td>", "end", 20000, "end"},
    {"<script>", "</script>end", 20000, "end"},
    {"\xe6\x97\xa5", "end", 100000, "end"},
    {"<a href=\"", "end", 50000, NULL},
};

START_TEST(hostile_pages)
{
    struct buf in, out;
    buf_init(&in, 16 << 20);
    for (size_t i = 0; i < hostile[_i].times; i++)
        buf_z(&in, hostile[_i].again);
    buf_z(&in, hostile[_i].tail);
    render(&out, buf_text(&in), "utf-8", 78);
    const char *last = hostile[_i].last;
    if (last != NULL)
        ck_assert_msg(strstr(buf_cstr(&out), last) != NULL, "text was lost: %.80s", buf_cstr(&out));
    buf_done(&in);
    buf_done(&out);
}
END_TEST

/* A page of several pieces says what a small one says: nothing hidden comes out, no word is lost at
 * a seam, lists count on, links keep their numbers. */
START_TEST(large_page)
{
    struct buf in, out;
    buf_init(&in, 64 << 20);
    buf_z(&in, "<style>no</style><div style='display:none'><div>never</div>");
    while (in.n <= 3 << 20)
        buf_z(&in, "<div title='>'>no<b>t</b></div>");
    buf_z(&in, "</div><blockquote><ol start=5>");
    for (unsigned i = 5; in.n <= 9 << 20; i++)
        buf_printf(&in, "<li>t&auml;t %u<a href='http://x.example/%u'>to</a>\n", i, i % 3);
    buf_z(&in, "</ol></blockquote>last");
    render(&out, buf_text(&in), "utf-8", 78);
    struct str rest = buf_text(&out), line;
    unsigned number = 5;
    while (str_line(&rest, &line) && (line.n == 0 || line.p[0] == '>')) {
        if (line.n < 2)
            continue; /* between two pieces */
        char expect[100];
        int n = snprintf(expect, sizeof expect, "> %u. t\xc3\xa4t %uto [%u]", number, number,
                         (number + 1) % 3 + 1);
        number++;
        ck_assert_msg(str_eq(line, (struct str){expect, (size_t)n}), "%.*s, not %s", STR_ARG(line),
                      expect);
    }
    ck_assert_uint_gt(number, 50000);
    ck_assert(str_is(line, "last"));
    ck_assert_str_eq(rest.p, "\nLinks:\n [1] http://x.example/2\n [2] http://x.example/0\n"
                             " [3] http://x.example/1\n");
    buf_done(&in);
    buf_done(&out);
}
END_TEST

/* A table of more than a piece: its rows go on below each other. */
START_TEST(large_table)
{
    struct buf in, out;
    buf_init(&in, 64 << 20);
    buf_z(&in, "<table border=1>");
    unsigned rows = 0;
    while (in.n <= 5 << 20)
        buf_printf(&in, "<tr><td>row<td>%u", rows++);
    buf_z(&in, "</table>");
    render(&out, buf_text(&in), "utf-8", 78);
    struct str rest = buf_text(&out), line;
    unsigned seen = 0;
    while (str_line(&rest, &line)) {
        if (line.n == 0)
            continue; /* between two pieces */
        uint64_t n = UINT64_MAX;
        ck_assert(str_is(str_word(&line), "row"));
        ck_assert(str_number(str_word(&line), UINT64_MAX, &n) && n == seen);
        seen++;
    }
    ck_assert_uint_eq(seen, rows);
    buf_done(&in);
    buf_done(&out);
}
END_TEST

START_TEST(small_buffer)
{
    struct buf b;
    struct why w = {0};
    buf_init(&b, 8);
    ck_assert(html_to_text(&b, STR("<p>longer than eight</p>"), NULL, 0, &w) == E_LIMIT);
    ck_assert_str_ne(w.text, "");
    buf_done(&b);
}
END_TEST

/* Any width: no line is longer unless it is one word, and no word is lost. */
START_TEST(widths)
{
    char *in = unit_file(FOLDER "/newsletter.in", NULL);
    for (unsigned width = 1; width < 130; width++) {
        struct buf b;
        render(&b, str_of(in), NULL, width);
        struct str rest = buf_text(&b), line;
        while (str_line(&rest, &line))
            ck_assert(text_columns(line) <= width || str_find(str_trim(line), ' ') < 0 ||
                      str_starts_nocase(line, " ["));
        ck_assert(strstr(buf_cstr(&b), "Preview") == NULL);
        ck_assert(strstr(buf_cstr(&b), "begun.") != NULL);
        buf_done(&b);
    }
    free(in);
}
END_TEST

/* Samples of another project, when they are at hand: no word of theirs may be missing. */
START_TEST(other_peoples_pages)
{
    const char *folder = getenv("NJEGATE_HTML_SAMPLES");
    DIR *d = folder != NULL ? opendir(folder) : NULL;
    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL; e = readdir(d)) {
        char path[600];
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (!str_ends_nocase(str_of(path), ".html"))
            continue;
        struct buf b;
        size_t n;
        char *in = unit_file(path, &n);
        render(&b, (struct str){in, n}, NULL, 78);
        buf_done(&b);
        free(in);
    }
    if (d != NULL)
        closedir(d);
}
END_TEST

static Suite *test_html_suite(void)
{
    Suite *s = suite_create("html");
    TCase *t = tcase_create("html");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, golden_files);
    tcase_add_loop_test(t, small_pages, 0, N(small));
    tcase_add_loop_test(t, charset, 0, N(charsets));
    tcase_add_loop_test(t, hostile_pages, 0, N(hostile));
    tcase_add_test(t, large_page);
    tcase_add_test(t, large_table);
    tcase_add_test(t, small_buffer);
    tcase_add_test(t, widths);
    tcase_add_test(t, other_peoples_pages);
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_html_suite)
