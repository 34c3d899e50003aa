/* tests/unit/operator/test_rscscmd.c -- commands from the network: words and their short forms,
 * answers, who may see the names of a queued file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/nje_private.h"
#include "operator/asked.h"
#include "operator/rscscmd.h"
#include "db/readerrow.h"
#include "rscs/deck.h"
#include "unit/unit.h"

#define REPLIES_MAX 64u

static struct conf_link links[] = {
    {.name = {"FAR", 3}, .node = {"MVSB", 4}, .bufsize = 8192, .streams = 1, .retry_s = 60},
    {.name = {"N", 1},
     .node = {"MVSN", 4},
     .bufsize = 8192,
     .streams = 1,
     .retry_s = 60,
     .origin_any = true}};
static struct conf_user users[] = {{.userid = {"OPER", 4}}, {.userid = {"ALICE", 5}}};
static struct str authorised[] = {{"ROOT@MVSA", 9}};
static struct conf conf;
static struct gate g;
static char reply[REPLIES_MAX][260];
static size_t nreply;

static void keep(void *arg, struct str line)
{
    ck_assert_ptr_eq(arg, &g);
    ck_assert_uint_lt(nreply, REPLIES_MAX);
    snprintf(reply[nreply++], sizeof reply[0], "%.*s", STR_ARG(line));
}

static void route(const char *pattern, const char *link)
{
    struct why w;
    ck_assert_int_eq(routes_add(g.routes, str_of(pattern), str_of(link), &w), 0);
}

static void open_gate(void)
{
    struct why w = {.text = "?"};
    char path[300], spool[300];
    snprintf(path, sizeof path, "%s/rscscmd.db", unit_tmp());
    snprintf(spool, sizeof spool, "%s/spool", unit_tmp());
    conf = (struct conf){.local = STR("GATE"),
                         .link = links,
                         .nlink = 2,
                         .user = users,
                         .nuser = 2,
                         .smsg_auth = authorised,
                         .nsmsg_auth = 1,
                         .page = ebc_page_default(),
                         .max_mail_bytes = 1 << 20};
    g = (struct gate){
        .loop = loop_new(), .conf = &conf, .routes = routes_new(), .asked = asked_by_message};
    struct store_set set = {.loop = g.loop, .path = path, .spooldir = spool};
    ck_assert_msg(store_open(&g.store, &set, &w) == 0, "%s", w.text);
    route("MVSB", "FAR");
    route("MVSN", "N");
    route("MVSA", "N");
    route("MVSC", "FAR");
    g.nje = nje_new(&g);
    nje_start(g.nje);
}

static void close_gate(void)
{
    nje_stop(g.nje);
    store_close(&g.store);
    nje_free(&g.nje);
    routes_free(&g.routes);
    loop_free(&g.loop);
}

static const char *over = "N"; /* the link the commands come over */

static void ask(const char *user, const char *text)
{
    struct oper_asker who = {str_of(user), STR("MVSA"), over};
    nreply = 0;
    rscscmd_run(&g, &who, str_of(text), keep, &g);
}

static const struct {
    const char *command;
    size_t lines;       /* 0: any number but none */
    const char *answer; /* in the first line */
} cases[] = {
    {"QUERY SYSTEM", 4, "Node GATE: njegate"},
    {"q sy", 4, "Node GATE: njegate"},
    {"Q", 4, "Node GATE: njegate"},
    {"QUERY GATE", 4, "Node GATE: njegate"},
    {"QUERYX SYSTEM", 1, "Command QUERYX not recognised"},
    {"Q S", 1, "Node S not recognised."},
    {"Q STAT", 3, "njegate mail gateway at GATE, up "},
    {"Q FAR", 1, "Link FAR      waiting  node MVSB     0 queued, 0 in, 0 out"},
    {"Q LINK far", 1, "Link FAR "},
    {"Q N", 1, "Link N "},
    {"Q LINK NONE", 1, "Link NONE not recognised."},
    {"Q FAR QUE", 1, "0 files queued for link FAR"},
    {"Q FAR X", 1, "The form is: QUERY link [QUEUE]"},
    {"Q MVSB", 1, "Node MVSB is at the end of link FAR, which is not up"},
    {"Q NODE MVSC", 1, "Node MVSC is routed over link FAR, which is not up"},
    {"Q NODE", 1, "The form is: QUERY node"},
    {"Q AVERYLONGNAMETHATISNONODE", 1, "Node AVERYLONGNAMETHATISN not recognised."},
    {"Q FILE", 1, "The form is: QUERY FILE spoolid"},
    {"Q FILE -1", 1, "The form is: QUERY FILE spoolid"},
    {"Q FILE 99999999999999999999", 1, "The form is: QUERY FILE spoolid"},
    {"Q F 77", 1, "File 77 not found"},
    {"CPQ", 1, "TIME IS "},
    {"CPQ T", 1, "TIME IS "},
    {"CPQUERY NAMES", 2, "SMTP     - DSC"},
    {"CPQ USER", 1, "3 USERS, 0 LOGGED ON"},
    {"CPQ USER alice", 1, "alice    - DSC"},
    {"CPQ U EVE", 1, "EVE NOT LOGGED ON"},
    {"CPQ LOG", 1, "njegate mail gateway at GATE, up "},
    {"CPQ CPU", 1, "CPUID: none"},
    {"CPQ CP", 1, "The form is: CPQ TIME|NAMES|USER|LOG|CPU"},
    {"MSG", 1, "The form is: MSG node user text"},
    {"MSG GATE OPER", 1, "The form is: MSG node user text"},
    {"MSG GATE NOBODY hello", 1, "USER NOBODY NOT LOGGED ON"},
    {"MSG NOWHERE BOB hello", 1, "Node NOWHERE not recognised."},
    {"MSG TOOLONGNODE BOB hello", 1, "Node TOOLONGNODE not recognised."},
    {"MSG MVSB BOB hello", 1, "Node MVSB cannot be reached now: link FAR is not up"},
    {"MSG MVSN BOB over the link it came from", 1, "Node MVSN not recognised."},
    {"CMD MVSN Q SYS", 1, "Node MVSN not recognised."},
    {"CMD MVSB Q SYS", 1, "Node MVSB cannot be reached now"},
    {"CMD GATE CMD GATE CPQ TIME", 1, "TIME IS "},
    {"CMD GATE", 1, "The form is: CMD node text"},
    {"HELP", 9, "QUERY SYSTEM "},
    {"", 1, "Command  not recognised"},
    {"FORCE EVERYBODY", 1, "Command FORCE not recognised; HELP lists the commands"},
};

START_TEST(words_and_answers)
{
    ask("BOB", cases[_i].command);
    ck_assert_msg(nreply == cases[_i].lines, "%s: %zu lines", cases[_i].command, nreply);
    ck_assert_msg(strncmp(reply[0], cases[_i].answer, strlen(cases[_i].answer)) == 0, "%s: %s",
                  cases[_i].command, reply[0]);
}
END_TEST

/* Every form of the table, and a command that is not it; NULL: whatever follows is left aside. */
static const struct {
    const char *form, *wrong;
} mistakes[] = {{"QUERY SYSTEM", NULL},
                {"QUERY STATUS", NULL},
                {"QUERY node", "QUERY NODE"},
                {"QUERY link [QUEUE]", "QUERY LINK"},
                {"QUERY FILE spoolid", "QUERY FILE ABC"},
                {"CPQ TIME|NAMES|USER|LOG|CPU", "CPQUERY FROB"},
                {"MSG node user text", "MSG MVSB BOB"},
                {"CMD node text", "CMD MVSB"},
                {"HELP", NULL}};

START_TEST(wrong_words_are_answered_by_the_form)
{
    static const char *const form[] = {
#define RSCS_COMMAND(n, s, f, form, sentence) form,
#include "operator/rscscmd.def"
    };
    char want[100];
    ck_assert_uint_eq(sizeof form / sizeof *form, sizeof mistakes / sizeof *mistakes);
    for (size_t i = 0; i < sizeof form / sizeof *form; i++) {
        ck_assert_str_eq(form[i], mistakes[i].form);
        if (mistakes[i].wrong == NULL)
            continue;
        ask("EVE", mistakes[i].wrong);
        snprintf(want, sizeof want, "The form is: %s", form[i]);
        ck_assert_msg(nreply == 1, "%s: %zu lines", mistakes[i].wrong, nreply);
        ck_assert_str_eq(reply[0], want);
    }
}
END_TEST

static void committed(void *arg, const struct why *w)
{
    ck_assert_ptr_null(w);
    *(bool *)arg = true;
}

static void queue_file(msg_id id, const char *to, const char *dest)
{
    struct message *m = message_new();
    struct change *c = change_new(g.store);
    bool done = false;
    m->id = m->origin = id;
    m->from = m->to = DOOR_NJE;
    m->form = BODY_DECK;
    m->body = body_of(cur_of("deck", 4));
    m->size = 4;
    m->origin_sender = STR("BOB@MVSA");
    message_add_rcpt(m, str_of(to), str_of(dest));
    change_add(c, m);
    message_free(&m);
    change_commit(&c, committed, &done);
    while (!done)
        loop_turn(g.loop, true);
}

START_TEST(names_are_for_who_they_concern)
{
    static const struct {
        const char *user;
        bool sees;
    } who[] = {{"BOB", true}, {"CAROL", true}, {"ROOT", true}, {"EVE", false}, {"", false}};
    queue_file(12, "CAROL@MVSA", "MVSC");
    queue_file(13, "X@MVSN", "MVSN");
    for (size_t i = 0; i < sizeof who / sizeof who[0]; i++) {
        ask(who[i].user, "Q FAR Q");
        ck_assert_uint_eq(nreply, 2);
        ck_assert_str_eq(reply[0],
                         who[i].sees ? "File 00000012 from BOB@MVSA to CAROL@MVSA, 4 bytes, waiting"
                                     : "File 00000012 for the network, 4 bytes, waiting");
        ck_assert_str_eq(reply[1], "1 files queued for link FAR");
        ask(who[i].user, "Q FILE 12");
        ck_assert_uint_eq(nreply, 1);
        ck_assert_int_eq(strstr(reply[0], "CAROL") != NULL, who[i].sees);
    }
    uint64_t *queued = rscscmd_queued(&g);
    ck_assert_uint_eq(queued[0], 1);
    ck_assert_uint_eq(queued[1], 1);
    free(queued);
    over = "FAR"; /* where MVSA does not lie: anybody may have made this ROOT up */
    ask("ROOT", "Q FILE 12");
    ck_assert_str_eq(reply[0], "File 00000012 for the network, 4 bytes, waiting");
    over = "N";
}
END_TEST

/* A deck in transit, with the spool id of its origin. */
static void queue_deck(msg_id id, uint16_t spool_id)
{
    struct message *m = message_new();
    struct change *c = change_new(g.store);
    struct buf deck;
    bool done = false;
    struct deck_file f = {.from_node = ebc_name_of(STR("MVSA")),
                          .from_user = ebc_name_of(STR("BOB")),
                          .to_node = ebc_name_of(STR("MVSC")),
                          .to_user = ebc_name_of(STR("CAROL")),
                          .spool_id = spool_id,
                          .fn = STR("A"),
                          .ft = STR("B"),
                          .form = STR("STD"),
                          .records = 1};
    buf_init(&deck, 4096);
    deck_file_begin(&deck, &f);
    deck_card(&deck, cur_of("\xC1", 1));
    deck_file_end(&deck, &f);
    m->id = m->origin = id;
    m->from = m->to = DOOR_NJE;
    m->form = BODY_DECK;
    m->body = body_of(buf_cur(&deck));
    m->size = deck.n;
    m->origin_sender = STR("BOB@MVSA");
    message_add_rcpt(m, STR("CAROL@MVSC"), STR("MVSC"));
    struct reader_row row = {.user = STR("OPER"),
                             .from = STR("BOB@MVSA"),
                             .fn = STR("A"),
                             .ft = STR("B"),
                             .class = 'A',
                             .records = 1,
                             .kind = STR("FILE")};
    change_add(c, m);
    change_reader(c, &row, m->body);
    message_free(&m);
    buf_done(&deck);
    change_commit(&c, committed, &done);
    while (!done)
        loop_turn(g.loop, true);
}

START_TEST(by_the_number_of_its_origin)
{
    queue_file(40, "CAROL@MVSC", "MVSC"); /* no deck: never mind */
    queue_deck(41, 1234);
    ask("BOB", "Q FILE 1234");
    ck_assert_uint_eq(nreply, 2);
    ck_assert_msg(strncmp(reply[0], "File 00000041 from BOB@MVSA to CAROL@MVSC, ", 43) == 0, "%s",
                  reply[0]);
    ck_assert_str_eq(reply[1], "File (1234) A B from BOB@MVSA is in the reader of OPER");
    ask("CAROL", "Q FILE 1234");
    ck_assert_uint_eq(nreply, 1);
    ask("EVE", "Q FILE 1234"); /* no business of hers */
    ck_assert_str_eq(reply[0], "File 1234 not found");
    ask("", "Q FILE 1234");
    ck_assert_str_eq(reply[0], "File 1234 not found");
    ask("BOB", "Q FILE 1235");
    ck_assert_str_eq(reply[0], "File 1235 not found");
}
END_TEST

START_TEST(a_long_queue_has_a_bounded_answer)
{
    for (msg_id id = 100; id < 130; id++)
        queue_file(id, "CAROL@MVSC", "MVSC");
    ask("EVE", "Q FAR Q");
    ck_assert_uint_eq(nreply, 21);
    ck_assert_str_eq(reply[20], "30 files queued for link FAR");
}
END_TEST

/* A message of ALICE, who is ours: what she is answered goes to her reader. */
static void message(bool command, const char *to, const char *text)
{
    struct nmr m = {.command = command,
                    .from_node = ebc_name_of(STR("GATE")),
                    .from_user = ebc_name_of(STR("ALICE")),
                    .to_node = ebc_name_of(STR("GATE")),
                    .to_user = ebc_name_of(str_of(to))};
    nmr_set_text(&m, conf.page, str_of(text));
    nje_got_message(nje_line_named(g.nje, "N"), &m);
}

static int count_file(void *arg, const struct reader_row *r)
{
    (void)r;
    ++*(unsigned *)arg;
    return 0;
}

/* Lines ALICE has been answered, so many milliseconds later. */
static unsigned answered(int64_t ms)
{
    struct why w = {.text = "?"};
    unsigned n = 0;
    for (int64_t gone = 0; gone < ms; gone += 100) {
        clock_step(100);
        loop_turn(g.loop, false);
    }
    /* What was given last waits for company by the same clock: that hardly moves meanwhile. */
    for (unsigned turns = 1; store_pending(g.store) > 0; turns++) {
        loop_turn(g.loop, false);
        if (turns % 4096 == 0)
            clock_step(5);
    }
    ck_assert_msg(readerrow_each(store_reader(g.store), STR("ALICE"), count_file, &n, &w) == OK,
                  "%s", w.text);
    return n;
}

/* Answers to commands of RSCS, of the nickname service and of the mail operator come a screen at a
 * time, whichever they are. */
START_TEST(answers_come_by_screens)
{
    static const struct {
        bool command;
        const char *to, *text;
    } asks[] = {{true, "", "HELP"}, {false, "DIM", "HELP"}, {false, "SMTP", "HELP"}};
    clock_fake(true);
    for (unsigned i = 0; i < PACE_LINES; i++)
        message(asks[_i].command, asks[_i].to, asks[_i].text);
    ck_assert_uint_eq(answered(1000), PACE_LINES);
    ck_assert_uint_eq(answered(PACE_MS - 1500), PACE_LINES);
    ck_assert_uint_eq(answered(1000), 2 * PACE_LINES);
    ck_assert_uint_eq(answered(PACE_MS), 3 * PACE_LINES);
    clock_fake(false);
}
END_TEST

static Suite *rscscmd_suite(void)
{
    Suite *s = suite_create("rscscmd");
    TCase *t = tcase_create("commands");
    tcase_add_checked_fixture(t, open_gate, close_gate);
    tcase_add_loop_test(t, words_and_answers, 0, sizeof cases / sizeof cases[0]);
    tcase_add_test(t, wrong_words_are_answered_by_the_form);
    tcase_add_test(t, names_are_for_who_they_concern);
    tcase_add_test(t, by_the_number_of_its_origin);
    tcase_add_test(t, a_long_queue_has_a_bounded_answer);
    tcase_add_loop_test(t, answers_come_by_screens, 0, 3);
    suite_add_tcase(s, t);
    return s;
}
UNIT(rscscmd_suite)
