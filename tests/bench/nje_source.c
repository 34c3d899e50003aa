/* tests/bench/nje_source.c -- the NJE node the bench's notes come from.
 *
 *   nje_source ADDR:PORT NODE GATENODE COUNT USER%d TONODE USERS SIZE STREAMS
 * Prints UP when the link is; after a line on its input sends COUNT CMS NOTEs of SIZE bytes over
 * STREAMS streams, to USER0 ... USER(USERS-1) at TONODE in turn, and prints "DONE n refused=m" when
 * each has been answered by X'C0'. The notes are made before UP: what is measured is not the making
 * of them. */
#include <string.h>
#include <unistd.h>

#include "nje_end.h"
#include "rscs/deck.h"
#include "rscs/netdata.h"

/* What goes to one user; only its header changes from file to file. */
struct deck {
    struct buf bytes;
    uint32_t records;
    bool under_way;
};

struct source {
    struct end end; /* first: the link's argument */
    struct watch *input;
    unsigned long todo, begun, done, refused, users;
    size_t size;
    const char *user, *node, *to;
    bool go;
    struct deck *deck; /* for each user */
};

static void put_line(struct buf *stream, const char *text)
{
    struct buf line;
    buf_init(&line, 256);
    (void)ebc_from_utf8(&line, ebc_page_default(), str_of(text));
    nd_record(stream, buf_cur(&line));
    buf_done(&line);
}

static void put_text(struct buf *stream, size_t size)
{
    static const char words[] =
        "All work and no play makes Jack a dull boy, said the line of text, 72 wide.";
    for (size_t n = 0; n < size; n += sizeof words)
        put_line(stream, words);
}

static void put_note(struct buf *stream, const struct source *s, const struct deck_file *f)
{
    char line[128], user[9], to[9];
    struct nd_file nd = {.from_node = f->from_node,
                         .from_user = f->from_user,
                         .to_node = f->to_node,
                         .to_user = f->to_user,
                         .utility = STR("INMCOPY"),
                         .recfm = ND_RECFM_SHORT,
                         .dsorg = 0x4000,
                         .lrecl = 80,
                         .note = true};
    nd_begin(stream, &nd, wall_now());
    put_line(stream, "Date: 8 February 1995, 15:49:33 EST");
    struct str from = ebc_name_text(&f->from_user, user), dest = ebc_name_text(&f->to_user, to);
    snprintf(line, sizeof line, "%-6s%-47s%-8.*s at %s", "From:", "Bench", STR_ARG(from), s->node);
    put_line(stream, line);
    snprintf(line, sizeof line, "%-6s%-47s%-8.*s at %s", "To:", "", STR_ARG(dest), s->to);
    put_line(stream, line);
    put_line(stream, "Subject: bench");
    put_line(stream, "");
    put_text(stream, s->size);
    nd_end(stream);
}

static struct deck_file file_for(const struct source *s, unsigned long user)
{
    char name[16];
    struct deck_file f = {.entered = wall_now(),
                          .spool_id = (uint16_t)(s->begun % 9999 + 1),
                          .class = 'A',
                          .fn = STR("BENCH"),
                          .ft = STR("NOTE"),
                          .form = STR("QUIET")};
    snprintf(name, sizeof name, "%s", s->user);
    char *mark = strstr(name, "%d");
    if (mark != NULL)
        snprintf(mark, sizeof name - (size_t)(mark - name), "%lu", user);
    f.from_node = ebc_name_of(str_of(s->node));
    f.from_user = ebc_name_of(STR("BOB"));
    f.to_node = ebc_name_of(str_of(s->to));
    f.to_user = ebc_name_of(str_of(name));
    return f;
}

static void make_deck(const struct source *s, unsigned long user)
{
    struct deck_file f = file_for(s, user);
    struct buf stream, *deck = &s->deck[user].bytes;
    buf_init(&stream, 1u << 24);
    put_note(&stream, s, &f);
    buf_fill(&stream, 0, (80 - stream.n % 80) % 80);
    f.records = s->deck[user].records = (uint32_t)(stream.n / 80);
    buf_init(deck, 1u << 25);
    deck_file_begin(deck, &f);
    for (size_t at = 0; at < stream.n; at += 80)
        deck_card(deck, cur_of(stream.p + at, 80));
    deck_file_end(deck, &f);
    buf_done(&stream);
}

static void make_decks(struct source *s)
{
    s->deck = calloc(s->users, sizeof *s->deck);
    if (s->deck == NULL)
        exit(1);
    for (unsigned long user = 0; user < s->users; user++)
        make_deck(s, user);
}

/* Another file: its number and time are others. */
static void renew(const struct source *s, unsigned long user)
{
    struct deck_file f = file_for(s, user);
    struct buf head;
    f.records = s->deck[user].records;
    buf_init(&head, 4096);
    deck_file_begin(&head, &f);
    memcpy(s->deck[user].bytes.p, head.p, head.n);
    buf_done(&head);
}

static bool next_file(void *arg, struct link_out *out)
{
    struct source *s = arg;
    struct deck *deck = &s->deck[s->begun % s->users];
    if (!s->go || s->begun == s->todo || deck->under_way)
        return false;
    renew(s, s->begun % s->users);
    deck->under_way = true;
    s->begun++;
    *out = (struct link_out){.ref = deck, .deck = buf_cur(&deck->bytes)};
    return true;
}

static void sent(void *arg, void *ref, const struct why *w)
{
    struct source *s = arg;
    struct deck *deck = ref;
    deck->under_way = false;
    s->refused += w != NULL;
    if (++s->done == s->todo) {
        printf("DONE %lu refused=%lu\n", s->done, s->refused);
        fflush(stdout);
    }
}

static void on_input(void *arg, unsigned events)
{
    (void)events;
    struct source *s = arg;
    char c[64];
    if (read(STDIN_FILENO, c, sizeof c) <= 0) {
        loop_stop(s->end.loop);
        return;
    }
    s->go = true;
    link_kick(s->end.link);
}

int main(int argc, char **argv)
{
    if (argc != 10) {
        fputs("usage: nje_source ADDR:PORT NODE GATENODE COUNT USER%d TONODE USERS SIZE STREAMS\n",
              stderr);
        return 2;
    }
    static const struct link_ops ops = {.dial = end_dial,
                                        .file_open = end_deny,
                                        .file_record = end_no_record,
                                        .file_end = end_no_end,
                                        .file_abort = end_no_abort,
                                        .next_file = next_file,
                                        .sent = sent,
                                        .message = end_message,
                                        .state = end_state};
    struct source s = {.todo = strtoul(argv[4], NULL, 10),
                       .user = argv[5],
                       .node = argv[2],
                       .to = argv[6],
                       .users = strtoul(argv[7], NULL, 10),
                       .size = strtoul(argv[8], NULL, 10)};
    if (s.users == 0)
        s.users = 1;
    make_decks(&s);
    end_open(&s.end, argv + 1, (uint8_t)strtoul(argv[9], NULL, 10), &ops);
    s.input = loop_watch(s.end.loop, STDIN_FILENO, LOOP_READ, on_input, &s);
    end_run(&s.end);
    return 0;
}
