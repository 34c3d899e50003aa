/* tests/bench/nje_bulk.c -- one large NJE file: written to disk as a deck, mapped, sent over a
 * link.
 *
 *   nje_bulk ADDR:PORT NODE GATENODE MEGABYTES RECORD USER TONODE FILE
 * RECORD is the size of a data record (80: cards, 255: the longest unspanned one). Prints UP when
 * the link is; after a line on its input sends the file and prints "DONE refused=n". */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nje_end.h"
#include "rscs/deck.h"

struct bulk {
    struct end end; /* first: the link's argument */
    struct watch *input;
    struct cur deck;
    bool go, begun;
};

/* Bytes without runs, so that what goes over the wire is as long as the file. */
static void fill(uint8_t *p, size_t n, uint32_t *seed)
{
    for (size_t i = 0; i < n; i++) {
        *seed = *seed * 1664525u + 1013904223u;
        p[i] = (uint8_t)(*seed >> 24);
    }
}

static int write_deck(const char *path, char **argv)
{
    struct deck_file f = {.from_node = ebc_name_of(str_of(argv[2])),
                          .from_user = ebc_name_of(STR("BOB")),
                          .to_node = ebc_name_of(str_of(argv[7])),
                          .to_user = ebc_name_of(str_of(argv[6])),
                          .spool_id = (uint16_t)(getpid() % 9999 + 1),
                          .entered = wall_now(),
                          .class = 'N',
                          .fn = STR("BULK"),
                          .ft = STR("DATA"),
                          .form = STR("QUIET")};
    size_t size = strtoul(argv[5], NULL, 10);
    unsigned long records = (strtoul(argv[4], NULL, 10) << 20) / size;
    uint8_t data[1 + 255] = {(uint8_t)size};
    uint32_t seed = 1;
    struct buf b;
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || size == 0 || size > 255)
        return -1;
    buf_init(&b, 1u << 22);
    deck_file_begin(&b, &f);
    for (unsigned long i = 0; i < records; i++) {
        fill(data + 1, size, &seed);
        deck_add(&b, SRCB_DATA, cur_of(data, 1 + size));
        if (b.n < (1u << 20) && i + 1 < records)
            continue;
        if (write(fd, b.p, b.n) != (ssize_t)b.n)
            return -1;
        buf_reset(&b);
    }
    deck_file_end(&b, &f);
    bool ok = write(fd, b.p, b.n) == (ssize_t)b.n;
    buf_done(&b);
    return ok ? fd : -1;
}

static bool next_file(void *arg, struct link_out *out)
{
    struct bulk *s = arg;
    if (!s->go || s->begun)
        return false;
    s->begun = true;
    *out = (struct link_out){.ref = s, .deck = s->deck};
    return true;
}

static void sent(void *arg, void *ref, const struct why *w)
{
    (void)arg;
    (void)ref;
    if (w != NULL)
        fprintf(stderr, "refused: %s\n", w->text);
    printf("DONE refused=%d\n", w != NULL);
    fflush(stdout);
}

static void on_input(void *arg, unsigned events)
{
    struct bulk *s = arg;
    char c[64];
    (void)events;
    if (read(STDIN_FILENO, c, sizeof c) <= 0) {
        loop_stop(s->end.loop);
        return;
    }
    s->go = true;
    link_kick(s->end.link);
}

int main(int argc, char **argv)
{
    if (argc != 9) {
        fputs("usage: nje_bulk ADDR:PORT NODE GATENODE MEGABYTES RECORD USER TONODE FILE\n",
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
    struct bulk s = {.go = false};
    int fd = write_deck(argv[8], argv);
    off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    void *map = size <= 0 ? MAP_FAILED : mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        perror(argv[8]);
        return 1;
    }
    s.deck = cur_of(map, (size_t)size);
    end_open(&s.end, argv + 1, 7, &ops);
    s.input = loop_watch(s.end.loop, STDIN_FILENO, LOOP_READ, on_input, &s);
    end_run(&s.end);
    return 0;
}
