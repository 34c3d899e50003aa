/* tests/unit/mail/test_htmltree.c -- tags, elements and characters of a page. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/mail/htmlchar.h"
#include "gateway/mail/htmltree.h"
#include "unit/unit.h"

#define N(table) (int)(sizeof table / sizeof *table)

static const char *const tag_names[TAG_COUNT] = {
    [TAG_other] = "?",
#define ELEMENT(name, walk, flags) [TAG_##name] = #name,
#include "gateway/mail/element.def"
#undef ELEMENT
};
static const char *const attribute_names[AT_COUNT] = {
#define ATTRIBUTE(name) #name,
#include "gateway/mail/attribute.def"
#undef ATTRIBUTE
};

/* (div class=x 'text' (b 'more')) */
static void dump(struct buf *b, const struct node *node)
{
    for (const struct node *c = node->first; c != NULL; c = c->next) {
        buf_z(b, c == node->first && node->n == 0 && b->n == 0 ? "" : " ");
        if (c->is_text) {
            buf_printf(b, "'%.*s'", STR_ARG(c->text));
            continue;
        }
        buf_printf(b, "(%s", tag_names[c->tag]);
        for (size_t i = 0; i < c->n; i++)
            buf_printf(b, " %s=%.*s", attribute_names[c->attr[i].name], STR_ARG(c->attr[i].value));
        dump(b, c);
        buf_z(b, ")");
    }
}

/* In memory of just its size, so that a read past its end is seen. */
static void check(const char *html, const char *want)
{
    struct buf b;
    size_t n = strlen(html);
    char *exact = malloc(n);
    memcpy(exact, html, n);
    struct htmltree *t = htmltree_new((struct str){exact, n});
    buf_init(&b, 1 << 20);
    const struct node *piece = htmltree_read(t);
    ck_assert(piece != NULL);
    dump(&b, piece);
    ck_assert(htmltree_read(t) == NULL);
    ck_assert_str_eq(buf_cstr(&b), want);
    buf_done(&b);
    htmltree_free(&t);
    free(exact);
}

static const struct {
    const char *html, *tree;
} tags[] = {
    {"a<b>c</b>", "'a' (b 'c')"},
    {"<a href=x onclick=y>", "(a href=x)"},
    {"<a href='\"<>' HREF=z>", "(a href=\"<>)"},
    {"<a  href = \"a b\"/>", "(a href=a b)"},
    {"<a \"=\" x href=y>", "(a href=y)"},
    {"<a =href href>", "(a href=)"},
    {"<a href=\"unclosed>text", "(a href=\"unclosed 'text')"},
    {"<a href=x\nclass=y\tid=z>", "(a href=x class=y)"},
    {"<o:p>x</o:p>y", "(? 'x') 'y'"},
    {"<x-y/>a", "(?) 'a'"},
    {"<DIV>a</dIv>b", "(div 'a') 'b'"},
    {"a<!-- <b> -->c<!DOCTYPE x><?xml y?></ z>d", "'a' 'c' 'd'"},
    {"a<!-->b", "'a' 'b'"},
    {"a<!-- never closed <b>", "'a'"},
    {"1 < 2 <3 <", "'1 < 2 <3 <'"},
    {"<script>a<b></script>c<STYLE>d</sTyLe >e", "(script) 'c' (style) 'e'"},
    {"<script>a</scripts></script>b", "(script) 'b'"},
    {"<script>a", "(script)"},
    {"<script>", "(script)"},
    {"<title>a<b></title>c", "(title) 'c'"},
    {"<title>a<b>c", "(title) 'a' (b 'c')"},
    {"<textarea>a<b>&amp;</textarea>c", "(textarea 'a<b>&') 'c'"},
    {"a<b", "'a'"},
    {"a<b c=\"", "'a'"},
    {"</p class=x>", "(p)"},
    {"a</", "'a'"},
    {"a<", "'a<'"},
};

START_TEST(tags_read)
{
    check(tags[_i].html, tags[_i].tree);
}
END_TEST

static const struct {
    const char *html, *tree;
} repairs[] = {
    {"<html><head><title>x</title></head><body>a</body></html>b", "(title) 'a' 'b'"},
    {"<p>a<p>b<div>c</div>", "(p 'a') (p 'b') (div 'c')"},
    {"<p>a<b>b<div>c</div>d", "(p 'a' (b 'b')) (div 'c') 'd'"},
    {"<div>a<p>b</div>c", "(div 'a' (p 'b')) 'c'"},
    {"<b><div>a</b>b</div>c</b>d", "(b (div 'a' 'b') 'c') 'd'"},
    {"<b><i>a</b>b</i>c", "(b (? 'a')) 'b' 'c'"},
    {"<a>a<a>b</a>", "(a 'a') (a 'b')"},
    {"<a><div><a>b</a></div></a>", "(a (div (a 'b')))"},
    {"a</div></b></table>b", "'a' 'b'"},
    {"a</br>b", "'a' (br) 'b'"},
    {"<h1>a</h2>b<h3>c<h4>d", "(h1 'a') 'b' (h3 'c') (h4 'd')"},
    {"<ul><li>a<li>b<ul><li>c</ul><li>d</ul>e",
     "(ul (li 'a') (li 'b' (ul (li 'c'))) (li 'd')) 'e'"},
    {"<ul><li><div>a<li>b</ul>", "(ul (li (div 'a')) (li 'b'))"},
    {"<ul><li>a</ul><ol></li><li>b</ol>", "(ul (li 'a')) (ol (li 'b'))"},
    {"<dl><dt>a<dd>b<dt>c</dl>", "(dl (dt 'a') (dd 'b') (dt 'c'))"},
    {"<table><td>a<td>b<tr><th>c</table>d", "(table (tr (td 'a') (td 'b')) (tr (th 'c'))) 'd'"},
    {"<table><thead><tr><td>a<tbody><tr><td>b</table>",
     "(table (thead (tr (td 'a'))) (tbody (tr (td 'b'))))"},
    {"<table><tr><td><table><tr><td>a</table>b<td>c</table>",
     "(table (tr (td (table (tr (td 'a'))) 'b') (td 'c')))"},
    {"<table><tr><td><div>a</table>b", "(table (tr (td (div 'a')))) 'b'"},
    {"<div><table><tr><td>a</div>b</table>c", "(div (table (tr (td 'a' 'b'))) 'c')"},
    {"<table><caption>a<tr><td>b</table>", "(table (caption 'a') (tr (td 'b')))"},
    {"<table><form><tr><td>a</form></table>", "(table (form) (tr (td 'a')))"},
    {"<table><tr><table><tr><td>a", "(table (tr)) (table (tr (td 'a')))"},
    {"<center><table><tr><td>a</center>b</table>", "(center (table (tr (td 'a' 'b'))))"},
    {"<td>a<td>b<tr>c", "(td 'a') (td 'b' (tr 'c'))"},
    {"<select><option>a<option>b</select>c", "(select (option 'a') (option 'b')) 'c'"},
    {"<select><option>a<p>b", "(select (option 'a')) (p 'b')"},
    {"<option>a<div>b", "(option 'a') (div 'b')"},
    {"<svg><path/><path/><g>a</svg>b", "(svg (?) (?) (? 'a')) 'b'"},
    {"<br>a</br>", "(br) 'a' (br)"},
};

START_TEST(repairs_made)
{
    check(repairs[_i].html, repairs[_i].tree);
}
END_TEST

/* Every element by its name, whatever its case, and nothing that only begins like one. */
START_TEST(elements_known)
{
    for (unsigned tag = TAG_other + 1; tag < TAG_COUNT; tag++) {
        char upper[40], page[100];
        size_t i = 0;
        for (; tag_names[tag][i] != '\0'; i++)
            upper[i] = (char)(tag_names[tag][i] & (tag_names[tag][i] >= 'a' ? ~0x20 : ~0));
        upper[i] = '\0';
        snprintf(page, sizeof page, "<%s><%sX>", upper, upper);
        struct markup m;
        struct token t;
        markup_begin(&m, str_of(page));
        ck_assert(markup_next(&m, &t));
        ck_assert_msg(t.tag == tag, "%s", page);
        m.within = TAG_other;
        ck_assert(markup_next(&m, &t));
        ck_assert_msg(t.tag != tag, "%s", page);
    }
}
END_TEST

/* Deeper than TREE_DEPTH nothing is lost, and what was opened first is closed as it should be. */
START_TEST(depth)
{
    struct buf in, b;
    buf_init(&in, 1 << 20);
    buf_init(&b, 1 << 20);
    for (unsigned i = 0; i < 500; i++)
        buf_z(&in, "<div>");
    buf_z(&in, "<b>deep</b>");
    for (unsigned i = 0; i < 500; i++)
        buf_z(&in, "</div>");
    buf_z(&in, "out");
    struct htmltree *t = htmltree_new(buf_text(&in));
    const struct node *piece = htmltree_read(t);
    dump(&b, piece);
    ck_assert(strstr(buf_cstr(&b), "'deep'") != NULL);
    ck_assert(piece->first->next != NULL && piece->first->next->is_text);
    ck_assert(str_eq(piece->first->next->text, STR("out")));
    htmltree_free(&t);
    buf_done(&in);
    buf_done(&b);
}
END_TEST

static const struct {
    const char *in, *text, *value; /* NULL: the same */
} references[] = {
    {"plain", "plain", NULL},
    {"&lt;&gt;&amp;&quot;&apos;", "<>&\"'", NULL},
    {"a&nbsp;b",
     "a\xc2\xa0"
     "b",
     NULL},
    {"&auml;&Auml;&szlig;&euro;", "\xc3\xa4\xc3\x84\xc3\x9f\xe2\x82\xac", NULL},
    {"&#228;&#xe4;&#XE4;&#228", "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", NULL},
    {"&#150;&#x80;", "\xe2\x80\x93\xe2\x82\xac", NULL},
    {"&#0;&#xd800;&#x110000;&#99999999999999;", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
     NULL},
    {"&#x1f600;", "\xf0\x9f\x98\x80", NULL},
    {"&bad; & &; &# &#x &#;", "&bad; & &; &# &#x &#;", NULL},
    {"&ampamp; &lt", "&amp; <", "&ampamp; <"},
    {"?a=1&copy=2&reg", "?a=1\xc2\xa9=2\xc2\xae", "?a=1&copy=2\xc2\xae"},
    {"&notit;", "\xc2\xacit;", "&notit;"},
    {"&ndash;&mdash;&hellip;&rsquo;&bull;",
     "\xe2\x80\x93\xe2\x80\x94\xe2\x80\xa6\xe2\x80\x99\xe2\x80\xa2", NULL},
    {"&scaron;&Omega;&zwnj;&rarr;&lsqb;&NewLine;", "\xc5\xa1\xce\xa9\xe2\x80\x8c\xe2\x86\x92[\n",
     NULL},
    {"&AMP;&amp;&Ampamp;", "&&&Ampamp;", NULL},
};

START_TEST(references_undone)
{
    struct arena *a = arena_new(1 << 20);
    const char *value = references[_i].value != NULL ? references[_i].value : references[_i].text;
    struct str in = str_of(references[_i].in), got = htmlchar_undo(a, in, false);
    ck_assert_msg(str_eq(got, str_of(references[_i].text)), "%.*s", STR_ARG(got));
    got = htmlchar_undo(a, in, true);
    ck_assert_msg(str_eq(got, str_of(value)), "%.*s", STR_ARG(got));
    arena_free(&a);
}
END_TEST

static Suite *test_htmltree_suite(void)
{
    Suite *s = suite_create("htmltree");
    TCase *t = tcase_create("htmltree");
    tcase_add_loop_test(t, tags_read, 0, N(tags));
    tcase_add_loop_test(t, repairs_made, 0, N(repairs));
    tcase_add_test(t, elements_known);
    tcase_add_test(t, depth);
    tcase_add_loop_test(t, references_undone, 0, N(references));
    suite_add_tcase(s, t);
    return s;
}
UNIT(test_htmltree_suite)
