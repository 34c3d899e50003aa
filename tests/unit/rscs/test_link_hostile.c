/* tests/unit/rscs/test_link_hostile.c -- every kind of record, whole, cut short at many places,
 * made longer than it may be, twice and in a wrong state: whatever comes, each file of ours and
 * theirs has one end and none is half, the link is up or tells why not and shows the bytes, memory
 * is bounded, it comes up again, and another link does not notice. */
#include <stdio.h>

#include "unit/rscs/node.h"
#include "unit/rscs/scene.h"
#include "unit/unit.h"

static struct node other;
static struct peer far;

/* --- states in which it comes --- */

static void called(void)
{
    link_start(n.link);
    peer_call(&p);
}

static void called_enq(void)
{
    called();
    peer_control(&p, "01 2D");
}

static void calling(void)
{
    link_start(n.link);
    turns(loop);
    peer_attach(&p, n.peer_fd);
    node_connected(&n);
    turns(loop);
}

static void calling_ack(void)
{
    calling();
    peer_ctl(&p, WIRE_ACK, "NODEB", "NODEA", 0);
}

static void calling_enq(void)
{
    calling_ack();
    peer_settle(&p);
    peer_control(&p, "10 70");
}

static void up(void)
{
    peer_up_called(&p);
}

static void asked_for(void)
{
    up();
    peer_block(&p, "90 99 00 00");
}

static void file_begun(void)
{
    struct buf deck, segment;
    struct deck_item item;
    struct why w;
    asked_for();
    buf_init(&deck, 1 << 20);
    buf_init(&segment, 1000);
    deck_make(&deck, DECK_SYSOUT, 1, 3, 81);
    struct cur c = buf_cur(&deck);
    cur_skip(&c, 1);
    for (int i = 0; i < 2 && deck_next(&c, &item, &w) > 0; i++)
        for (unsigned k = 0; header_segment(item.data, k, &segment); k++) {
            peer_record(&p, 0x99, item.srcb, buf_cur(&segment));
            buf_reset(&segment);
        }
    buf_done(&segment);
    buf_done(&deck);
}

static void file_behind_trailer(void)
{
    file_begun();
    struct buf njt;
    buf_init(&njt, 200);
    njt_put(&njt, 3, 0, 0);
    peer_record(&p, 0x99, SRCB_DATA, cur_of("\x50\xC1", 2));
    peer_record(&p, 0x99, SRCB_NJT, buf_cur(&njt));
    buf_done(&njt);
}

static void file_not_safe(void)
{
    n.hold_done = true;
    file_behind_trailer();
    peer_block(&p, "99 80 00");
}

static void file_cancelled(void)
{
    n.fail_record = 3;
    file_begun();
    peer_record(&p, 0x99, SRCB_DATA, cur_of("\x50\xC1", 2));
}

/* The first segment of two of a job header. */
static void within_a_header(void)
{
    static const uint8_t segment[100] = {0, 100, 0, 0x80, 0, 96};
    asked_for();
    peer_record(&p, 0x99, SRCB_NJH, cur_of(segment, sizeof segment));
}

static void we_asked(void)
{
    up();
    node_queue(&n, DECK_SYSOUT, 3, 81);
    link_kick(n.link);
    turns(loop);
}

static void we_sent(void)
{
    we_asked();
    peer_block(&p, "A0 99 00 00");
}

static void draining(void)
{
    file_begun();
    link_drain(n.link);
}

static const struct {
    const char *name;
    void (*reach)(void);
    bool dials;
} states[] = {
    {"called", called, false},
    {"called, ENQ sent", called_enq, false},
    {"calling", calling, true},
    {"calling, ACK sent", calling_ack, true},
    {"calling, ACK0", calling_enq, true},
    {"up", up, false},
    {"file asked for", asked_for, false},
    {"within a header", within_a_header, false},
    {"file begun", file_begun, false},
    {"behind the trailer", file_behind_trailer, false},
    {"file not yet safe", file_not_safe, false},
    {"file cancelled", file_cancelled, false},
    {"we asked", we_asked, false},
    {"we sent all", we_sent, false},
    {"draining", draining, false},
};

/* --- what comes --- */

static struct buf attack[6000];
static size_t nattack;

static struct buf *next(void)
{
    ck_assert_uint_lt(nattack, sizeof attack / sizeof *attack);
    buf_init(&attack[nattack], 1 << 17);
    return &attack[nattack++];
}

/* A TTB around one TTR. */
static void framed(const void *bytes, size_t size)
{
    struct buf *b = next();
    size_t ttb = wire_ttb_begin(b), ttr = wire_ttr_begin(b, 0);
    buf_add(b, bytes, size);
    wire_ttr_end(b, ttr);
    wire_ttb_end(b, ttb);
}

/* A block whose count is not looked at. */
static void block(const void *records, size_t size)
{
    static const uint8_t fcs[2] = {0x8F, 0xCF};
    struct buf b;
    buf_init(&b, 1 << 17);
    wire_block_begin(&b, BCB_BYPASS, fcs);
    buf_add(&b, records, size);
    framed(b.p, b.n);
    buf_done(&b);
}

/* Whole, cut at some dozen places, twice, and with each of its first bytes at its most. */
static void bend(const struct buf *record)
{
    struct buf b;
    buf_init(&b, 1 << 17);
    size_t step = record->n / 12 + 1;
    for (size_t cut = 0; cut < record->n; cut += step)
        block(record->p, cut);
    buf_add(&b, record->p, record->n);
    buf_add(&b, record->p, record->n);
    block(b.p, b.n);
    buf_u8(&b, 0);
    block(b.p, b.n);
    for (size_t at = 0; at < record->n && at < 40; at++) {
        buf_reset(&b);
        buf_add(&b, record->p, record->n);
        b.p[at] = 0xFF;
        block(b.p, b.n);
        b.p[at] = (uint8_t)(record->p[at] ^ 0x40);
        if (at < 8)
            block(b.p, b.n);
    }
    buf_done(&b);
}

static void record(uint8_t rcb, uint8_t srcb, const void *data, size_t size)
{
    struct buf b;
    buf_init(&b, 1 << 17);
    wire_record_put(&b, rcb, srcb, cur_of(data, size));
    bend(&b);
    buf_done(&b);
}

static void raw(const char *bytes, size_t size)
{
    struct buf b;
    buf_init(&b, 1000);
    buf_add(&b, bytes, size);
    bend(&b);
    buf_done(&b);
}

static void of_files(void)
{
    static uint8_t card[256] = {80};
    struct buf deck, segment;
    struct deck_item item;
    struct why w;
    buf_init(&deck, 1 << 20);
    buf_init(&segment, 1000);
    deck_make(&deck, DECK_SYSOUT, 1, 1, 81);
    struct cur c = buf_cur(&deck);
    cur_skip(&c, 1);
    while (deck_next(&c, &item, &w) > 0) {
        if ((item.srcb & 0xF0) < 0xC0)
            continue;
        (void)header_segment(item.data, 0, &segment);
        record(0x99, item.srcb, segment.p, segment.n);
        record(0x98, item.srcb, segment.p, segment.n);
        buf_reset(&segment);
    }
    for (unsigned kind = 0x80; kind <= 0xF0; kind += 0x10)
        record(0x99, (uint8_t)(kind | 8), card, 81);
    record(0xF9, SRCB_DATA, card, sizeof card);
    record(0x99, SRCB_DATA, "", 0);
    buf_done(&segment);
    buf_done(&deck);
}

static void of_control(void)
{
    static const uint8_t rcbs[] = {0x90, 0xA0, 0xB0, 0xC0, 0xD0, 0xE0};
    static const uint8_t streams[] = {0x99, 0xF9, 0x98, 0x89, 0x00, 0xFF};
    for (size_t i = 0; i < sizeof rcbs; i++)
        for (size_t k = 0; k < sizeof streams; k++) {
            const char bytes[] = {(char)rcbs[i], (char)streams[k], 0, 0};
            raw(bytes, i % 2 == 0 ? 4 : 3);
        }
}

static void of_signon(void)
{
    struct wire_signon s = {.srcb = SIGNON_I, .node = name_of("NODEB"), .bufsize = 8192};
    struct buf b;
    buf_init(&b, 1000);
    for (unsigned i = 0; i < 2; i++) {
        s.srcb = i == 0 ? SIGNON_I : SIGNON_J;
        s.line_password = s.node_password = name_of("");
        buf_reset(&b);
        wire_signon_put(&b, &s);
        bend(&b);
    }
    for (unsigned letter = SIGNOFF_B; letter <= SIGNON_N; letter++)
        raw((const char[]){(char)0xF0, (char)letter, 0x1B, 0, 0}, 5);
    buf_done(&b);
}

static void of_messages(void)
{
    struct nmr m = {.from_node = name_of("NODEB"),
                    .from_user = name_of("BOB"),
                    .to_node = name_of("NODEA"),
                    .to_user = name_of("ALICE")};
    struct buf b;
    buf_init(&b, 1000);
    nmr_set_text(&m, ebc_page_default(), STR("HELLO OUT THERE"));
    nmr_put(&b, &m);
    record(RCB_NMR, SRCB_DATA, b.p, b.n);
    m.command = true;
    buf_reset(&b);
    nmr_put(&b, &m);
    record(RCB_NMR, SRCB_DATA, b.p, b.n);
    buf_done(&b);
}

/* Strings that never end, that say more than there is, with control bytes of no meaning. */
static void of_strings(void)
{
    struct buf b;
    buf_init(&b, 1 << 17);
    for (unsigned scb = 0x20; scb < 0x100; scb += 0x10) {
        buf_reset(&b);
        buf_be16(&b, 0x9980);
        buf_fill(&b, (uint8_t)(scb | 0xF), 300);
        bend(&b);
    }
    buf_reset(&b);
    buf_be16(&b, 0x9980);
    for (int i = 0; i < 2000; i++) /* 62 KB of blanks in 2 KB */
        buf_u8(&b, 0x9F);
    buf_be16(&b, 0);
    block(b.p, b.n);
    buf_done(&b);
}

static void of_frames(void)
{
    static const char *const controls[] = {
        "\x01\x2D", "\x10\x70", "\x01\x2D\xFF", "\x10\x70\xFF", "\x32\x3D",         "\x3D",
        "\x10",     "\x10\x02", "\x10\x02\xB0", "\x10\x02\x8F", "\x10\x02\x90\x01", "\x32\x32\x32"};
    for (size_t i = 0; i < sizeof controls / sizeof *controls; i++)
        framed(controls[i], strlen(controls[i]));
    for (unsigned v = 0; v < 256; v += 5) { /* a length of any size, and bytes of any kind */
        struct buf *b = next();
        buf_be16(b, (uint16_t)(v % 3));
        buf_be16(b, (uint16_t)(v * 257));
        buf_fill(b, (uint8_t)v, v * 3);
    }
    for (unsigned kind = WIRE_OPEN; kind <= WIRE_NAK; kind++) {
        struct wire_ctl ctl = {.type = (enum wire_ctl_type)kind,
                               .rhost = name_of("NODEB"),
                               .ohost = name_of("NODEA"),
                               .reason = 3};
        wire_ctl_put(next(), &ctl);
    }
}

static void make_attacks(void)
{
    of_frames();
    of_control();
    of_signon();
    of_messages();
    of_strings();
    of_files();
}

/* --- judging --- */

static unsigned told(const char *word)
{
    unsigned count = 0;
    size_t n_ = strlen(word);
    const char *text = buf_cstr(&n.log);
    for (const char *at = text; (at = strstr(at, word)) != NULL; at += n_)
        count += at == text || at[-1] == '\n';
    return count;
}

/* The bytes at the end of the words, " 10 02 97 ..." behind a colon, must be some of those that
 * came. */
static void shows_bytes(const char *name, const char *text, const struct buf *bytes)
{
    uint8_t shown[32];
    size_t count = 0;
    const char *at = strrchr(text, ':');
    for (at = at != NULL ? at + 1 : ""; count < sizeof shown; at += 3) {
        unsigned v;
        if (at[0] != ' ' || sscanf(at, " %2X", &v) != 1)
            break;
        shown[count++] = (uint8_t)v;
    }
    ck_assert_msg(count > 0 && bytes->n >= count &&
                      memmem(bytes->p, bytes->n, shown, count) != NULL,
                  "%s: '%s' does not show what came", name, text);
}

/* Reasons of a peer's that are no malformed bytes. */
static bool is_decision(const char *reason)
{
    static const char *const words[] = {
        "signed off",        "NODEB closed", "refuses the link", "node that signs",
        "answered with NAK", "password",     "reports a block",  "drained"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(reason, words[i]) != NULL)
            return true;
    return false;
}

static void judge_words(const char *name, const char *reason, const struct buf *bytes)
{
    struct str log = buf_text(&n.log), line;
    if (p.closed && reason[0] != '\0' && !is_decision(reason))
        shows_bytes(name, reason, bytes);
    while (str_line(&log, &line))
        if (str_starts_nocase(line, "odd: ")) {
            char text[500];
            str_copy(text, sizeof text, line);
            shows_bytes(name, text, bytes);
        }
}

/* What the program has allocated, when a sanitizer counts it. */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));
#define MEMORY_MOST 524288u /* of a link, its owner and its peer here, whatever comes */
static size_t memory;       /* before it came */
static size_t allocated(void)
{
    return __sanitizer_get_current_allocated_bytes != NULL
               ? __sanitizer_get_current_allocated_bytes()
               : 0;
}

/* Whole files only: a header first, the trailer last. */
static void whole_files(const char *name)
{
    for (int i = 0; i < n.nin; i++) {
        struct cur c = buf_cur(n.in[i]);
        struct deck_item item = {0};
        struct why w;
        uint8_t kind, first = 0;
        int r;
        ck_assert_int_eq(deck_kind(&c, &kind, &w), 0);
        while ((r = deck_next(&c, &item, &w)) > 0)
            first = first == 0 ? item.srcb : first;
        ck_assert_msg(r == 0 && first == SRCB_NJH && item.srcb == SRCB_NJT, "%s: half a file",
                      name);
    }
}

static void judge(const char *name, const struct buf *bytes)
{
    struct link_stat st;
    link_stat(n.link, &st);
    enum link_state s = link_state_of(n.link);
    unsigned opened = told("open "), aborted = told("abort ");
    ck_assert_msg(opened == (unsigned)n.nin + aborted + st.open_in,
                  "%s: %u files begun, %d taken, %u given up, %u open", name, opened, n.nin,
                  aborted, st.open_in);
    ck_assert_int_le(n.nin, (int)told("end "));
    ck_assert_msg(allocated() < memory + MEMORY_MOST, "%s: %zu bytes of memory more", name,
                  allocated() - memory);
    judge_words(name, st.reason, bytes);
    whole_files(name);
    ck_assert_int_eq(n.sent_ok + n.sent_why + (int)st.open_out, n.next);
    if ((s == LINK_WAITING || s == LINK_STOPPED) && p.closed)
        ck_assert_msg(st.reason[0] != '\0', "%s: ended by %zu bytes without a word", name,
                      bytes->n);
}

/* Down, however it stands; then it must come up and carry a file. */
static void comes_back(void)
{
    struct buf deck;
    peer_close(&p);
    peer_settle(&p);
    link_stop(n.link, "the test begins anew");
    link_dials(n.link, false);
    int had = n.nin;
    n.hold_done = false;
    n.fail_record = 0;
    buf_reset(&p.seen);
    peer_up_called(&p);
    buf_init(&deck, 1 << 20);
    deck_make(&deck, DECK_SYSOUT, 2, 3, 81);
    peer_block(&p, "90 99 00 00");
    peer_file(&p, 0x99, buf_cur(&deck));
    peer_settle(&p);
    ck_assert_int_eq(n.nin, had + 1);
    buf_done(&deck);
}

static void one(int state, const struct buf *bytes)
{
    struct link_conf c = node_conf("NODEA", "NODEB");
    memory = allocated();
    c.dial = states[state].dials;
    node_init(&n, loop, &c);
    peer_init(&p, &n);
    states[state].reach();
    turns(loop);
    peer_bytes(&p, bytes->p, bytes->n);
    peer_settle(&p);
    judge(states[state].name, bytes);
    node_done(&n);
    comes_back();
    node_free(&n);
    peer_free(&p);
}

START_TEST(each_in_each_state)
{
    struct link_conf c = node_conf("NODEA", "NODEB");
    struct buf deck;
    clock_fake(true);
    loop = loop_new();
    node_init(&other, loop, &c);
    peer_init(&far, &other);
    peer_up_called(&far);
    make_attacks();
    ck_assert_uint_gt(nattack, 2000);
    buf_init(&deck, 1 << 20);
    deck_make(&deck, DECK_SYSOUT, 3, 3, 81);
    for (size_t i = 0; i < nattack; i++) {
        one(_i, &attack[i]);
        if (i % 100 != 0)
            continue;
        peer_block(&far, "90 99 00 00");
        peer_file(&far, 0x99, buf_cur(&deck));
        peer_settle(&far);
        ck_assert_int_eq(other.nin, (int)(i / 100) + 1);
    }
    ck_assert_int_eq(link_state_of(other.link), LINK_UP);
    while (nattack > 0)
        buf_done(&attack[--nattack]);
    buf_done(&deck);
    node_free(&other);
    peer_free(&far);
    loop_free(&loop);
    clock_fake(false);
}
END_TEST

static Suite *hostile_suite(void)
{
    Suite *s = suite_create("link_hostile");
    TCase *t = tcase_create("each state");
    tcase_set_timeout(t, 240);
    tcase_add_loop_test(t, each_in_each_state, 0, sizeof states / sizeof states[0]);
    suite_add_tcase(s, t);
    return s;
}
UNIT(hostile_suite)
