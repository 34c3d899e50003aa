/* tests/bench/nje_sink.c -- the NJE node the bench's mail goes to: permits every file, answers
 * X'C0' at once, keeps nothing.
 *
 *   nje_sink ADDR:PORT NODE GATENODE COUNT
 * Prints UP when the link is, and "DONE n" when COUNT files have come. */
#include "nje_end.h"

struct sink {
    struct end end; /* first: the link's argument */
    unsigned long count, todo;
};

static int open_file(void *arg, struct link_in *in, struct why *w)
{
    (void)arg;
    (void)in;
    (void)w;
    return 0;
}

static int record(void *arg, struct link_in *in, uint8_t srcb, struct cur data, struct why *w)
{
    (void)arg;
    (void)in;
    (void)srcb;
    (void)data;
    (void)w;
    return 0;
}

static void end_file(void *arg, struct link_in *in)
{
    struct sink *s = arg;
    link_in_done(s->end.link, in);
    if (++s->count == s->todo) {
        printf("DONE %lu\n", s->count);
        fflush(stdout);
    }
}

static void abort_file(void *arg, struct link_in *in, const struct why *w)
{
    (void)arg;
    (void)in;
    fprintf(stderr, "aborted: %s\n", w != NULL ? w->text : "");
}

static bool no_file(void *arg, struct link_out *out)
{
    (void)arg;
    (void)out;
    return false;
}

static void sent(void *arg, void *ref, const struct why *w)
{
    (void)arg;
    (void)ref;
    (void)w;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fputs("usage: nje_sink ADDR:PORT NODE GATENODE COUNT\n", stderr);
        return 2;
    }
    static const struct link_ops ops = {.dial = end_dial,
                                        .file_open = open_file,
                                        .file_record = record,
                                        .file_end = end_file,
                                        .file_abort = abort_file,
                                        .next_file = no_file,
                                        .sent = sent,
                                        .message = end_message,
                                        .state = end_state};
    struct sink s = {.todo = strtoul(argv[4], NULL, 10)};
    end_open(&s.end, argv + 1, 7, &ops);
    end_run(&s.end);
    return 0;
}
