/* tests/bench/bench_content.c -- what mail costs where nothing is sent or stored: microseconds of
 * CPU a mail, megabytes a second, addresses a second. One line a figure: name value unit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/mail/header.h"
#include "gateway/mail/html.h"
#include "gateway/mail/mime.h"
#include "gateway/mail/note.h"
#include "gateway/mail/rewrite.h"
#include "rscs/netdata.h"

#define LEAST 0.5 /* seconds of CPU a figure */

static double cpu(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Seconds that one call takes. */
static double each(void (*fn)(void))
{
    unsigned n = 0;
    fn();
    double start = cpu(), now;
    do {
        fn();
        n++;
        now = cpu();
    } while (now - start < LEAST);
    return (now - start) / n;
}

static struct buf mail, page, cards;

static void mail_to_note(void)
{
    struct arena *a = arena_new(64u << 20);
    struct mime_text m;
    struct why w;
    struct hdr h;
    struct buf lines, e;
    struct note n = {.has_from = true, .from = {.user = STR("STEVE"), .node = STR("GATE")}};
    buf_init(&lines, 4u << 20);
    buf_init(&e, 8u << 20);
    if (hdr_parse(a, buf_text(&mail), &h, &w) < 0 || mime_read(a, buf_text(&mail), &m, &w) < 0)
        abort();
    n.subject = hdr_decode(a, hdr_value(&h, "Subject"));
    n.text = m.text;
    note_write(&lines, &n, NOTE_CMS, 78);
    (void)ebc_from_utf8(&e, ebc_page_default(), buf_text(&lines));
    for (size_t i = 0; i < m.nparts; i++) {
        struct mime_pieces p;
        struct cur piece;
        mime_pieces_begin(&p, &m.part[i]);
        while (mime_pieces_next(&p, &piece))
            nd_record(&e, piece);
        mime_pieces_done(&p);
    }
    buf_done(&lines);
    buf_done(&e);
    arena_free(&a);
}

static void words(struct buf *b, size_t n)
{
    for (size_t i = 0; b->n < n; i++)
        buf_printf(b, "word%zu of a line of mail%s", i % 97, i % 9 == 8 ? "\r\n" : " ");
}

static void text_mail(size_t size)
{
    buf_reset(&mail);
    buf_z(&mail, "From: Steve <steve@example.org>\r\nTo: bob@gate.example\r\nSubject: A test\r\n"
                 "Message-ID: <1@example.org>\r\nDate: Wed, 8 Feb 1995 15:49:33 -0500\r\n\r\n");
    words(&mail, size);
}

static void multipart_mail(void)
{
    struct buf text, bytes;
    buf_init(&text, 1u << 20);
    buf_init(&bytes, 1u << 20);
    words(&text, 4000);
    for (size_t i = 0; i < 11000; i++)
        buf_u8(&bytes, (uint8_t)(i * 31 >> 2));
    struct mime_file file = {
        .name = STR("report.pdf"), .type = STR("application/pdf"), .content = buf_cur(&bytes)};
    buf_reset(&mail);
    buf_z(&mail, "From: Steve <steve@example.org>\r\nSubject: A test\r\n");
    mime_put_text(&mail, buf_text(&text), &file, 1, STR("bench"));
    buf_done(&text);
    buf_done(&bytes);
}

/* A page of the size and at most a paragraph more. */
static void html_page(size_t size)
{
    buf_reset(&page);
    buf_z(&page, "<html><body>");
    while (page.n < size)
        buf_printf(&page,
                   "<p>Some words of <b>paragraph</b> %zu, <a href='https://a.example/%zu'>a link"
                   "</a> and more words after it.</p>\n<ul><li>one<li>two</ul>\n",
                   page.n, page.n % 7);
}

static void html(void)
{
    struct buf out;
    struct why w;
    buf_init(&out, 64u << 20);
    if (html_to_text(&out, buf_text(&page), "utf-8", 78, &w) < 0)
        abort();
    buf_done(&out);
}

static uint8_t record[8192];
#define RECORDS 4000u

static void netdata_write(void)
{
    buf_reset(&cards);
    for (unsigned i = 0; i < RECORDS; i++)
        nd_record(&cards, cur_of(record, sizeof record));
}

static void netdata_read(void)
{
    struct arena *a = arena_new(1u << 20);
    struct nd_reader *r = nd_reader_new(a);
    struct nd_file f;
    struct cur in = buf_cur(&cards), rec;
    struct why w;
    unsigned n = 0;
    for (int what; (what = nd_reader_next(r, &in, &f, &rec, &w)) != ND_END && what != ND_MORE;) {
        if (what < 0)
            abort();
        n += what == ND_RECORD;
    }
    if (n != RECORDS)
        abort();
    arena_free(&a);
}

static struct rules *rules;

static bool is_node(void *arg, struct str name)
{
    (void)arg;
    return str_is(name, "BIRD") || str_is(name, "IRON");
}

static void addresses(void)
{
    static const char *const list[] = {"abc@mvs1", "def@bird", "ghi@iron.acmenet",
                                       "k@host.example.org"};
    struct rules_ask ask = {.is_node = is_node};
    struct rules_use use = {.rules = rules, .ask = &ask, .origin = STR("MVS1")};
    struct buf out;
    struct why w;
    buf_init(&out, 4096);
    for (unsigned i = 0; i < 4000; i++) {
        buf_reset(&out);
        if (rules_address(&use, STR("To"), str_of(list[i % 4]), &out, &w) < 0)
            abort();
    }
    buf_done(&out);
}

int main(void)
{
    struct why w;
    struct nd_file f = {.dsname = STR("A.FN.FT"),
                        .utility = STR("INMCOPY"),
                        .recfm = ND_RECFM_V,
                        .dsorg = 0x4000,
                        .lrecl = 8192};
    struct rules_env env = {.host = STR("mvs1.acme.com"),
                            .domain = STR("acme.com"),
                            .node = STR("MVS1"),
                            .rscs_domain = STR("acmenet")};
    buf_init(&mail, 1u << 20);
    buf_init(&page, 9u << 20);
    buf_init(&cards, 64u << 20);
    text_mail(2048);
    printf("text_2k %.1f us\n", each(mail_to_note) * 1e6);
    multipart_mail();
    printf("multipart_%zuk %.1f us\n", mail.n / 1024, each(mail_to_note) * 1e6);
    html_page(1000 * 1000);
    printf("html %.1f MB/s\n", (double)page.n / each(html) / 1e6);
    html_page(8u << 20); /* in several pieces */
    printf("html_large %.1f MB/s\n", (double)page.n / each(html) / 1e6);
    printf("netdata_write %.0f MB/s\n", sizeof record * RECORDS / each(netdata_write) / 1e6);
    buf_reset(&cards);
    nd_begin(&cards, &f, (struct wall){1});
    for (unsigned i = 0; i < RECORDS; i++)
        nd_record(&cards, cur_of(record, sizeof record));
    nd_end(&cards);
    printf("netdata_read %.0f MB/s\n", sizeof record * RECORDS / each(netdata_read) / 1e6);
    rules = rules_parse(&env, str_of(rules_default(false)), NULL, NULL, &w);
    if (rules == NULL)
        abort();
    printf("rules %.0f addresses/s\n", 4000 / each(addresses));
    rules_free(&rules);
    return 0;
}
