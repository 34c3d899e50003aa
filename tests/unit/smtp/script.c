/* tests/unit/smtp/script.c -- see script.h */
#include "unit/smtp/script.h"

#include <check.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

const struct str joe[1] = {{"joe@a.example", 13}};
const struct str three[3] = {{"r0@a.example", 12}, {"r1@a.example", 12}, {"r2@a.example", 12}};

static bool read_line(struct conn *n, struct str *line)
{
    struct cur in = stream_in(n->s);
    struct str t = cur_str(&in);
    ptrdiff_t lf = str_find(t, '\n');
    if (lf < 0)
        return false;
    *line = str_sub(t, 0, (size_t)lf + 1);
    return true;
}

static bool expect_line(struct conn *n, struct str want)
{
    struct str line;
    if (!read_line(n, &line))
        return false;
    char z[80];
    str_copy(z, sizeof z, want);
    ck_assert_msg(str_starts_nocase(line, z), "server expected '%s', got '%.*s'", z, STR_ARG(line));
    ck_assert_msg(line.n >= 2 && line.p[line.n - 2] == '\r', "a line without CR");
    stream_take(n->s, line.n);
    return true;
}

static bool expect_content(struct conn *n, struct str want)
{
    struct cur in = stream_in(n->s);
    size_t before = cur_left(&in);
    int rc = smtp_undot(&n->undot, &in, &n->content);
    stream_take(n->s, before - cur_left(&in));
    if (rc == 0)
        return false;
    ck_assert_int_eq(rc, 1);
    n->total = n->content.n;
    if (!str_is(want, "-"))
        ck_assert_msg(str_eq(str_trim_right(buf_text(&n->content)), want),
                      "content is '%.*s', not '%.*s'", STR_ARG(buf_text(&n->content)),
                      STR_ARG(want));
    buf_reset(&n->content);
    n->undot = (struct smtp_undot){.state = 0};
    return true;
}

static void expect_batch(struct conn *n)
{
    struct cur in = stream_in(n->s);
    struct str t = str_trim_right(cur_str(&in));
    ck_assert_msg(str_ends_nocase(t, "DATA"), "no batch: '%.*s'", STR_ARG(t));
}

/* The server stops playing here. */
static void stop_now(struct conn *n)
{
    n->script = str_of(n->w->stop);
    n->w->stop_after = SIZE_MAX;
    server_step(n);
}

static bool do_step(struct conn *n, struct str step)
{
    struct str word = str_word(&step);
    step = str_trim(step);
    if (str_is(word, ">")) {
        if (n->w->said++ == n->w->stop_after) {
            stop_now(n);
            return false;
        }
        stream_puts(n->s, step);
        stream_puts(n->s, STR("\r\n"));
    } else if (str_is(word, "<")) {
        return expect_line(n, step);
    } else if (str_is(word, "<.")) {
        return expect_content(n, step);
    } else if (str_is(word, "batch")) {
        expect_batch(n);
    } else if (str_is(word, "none")) {
        struct cur in = stream_in(n->s);
        ck_assert_uint_eq(cur_left(&in), 0);
    } else if (str_is(word, "hold")) {
        stream_hold(n->s, true);
        return false;
    } else if (str_is(word, "tls")) {
        struct why why;
        ck_assert_int_eq(stream_secure(n->s, tls_context(n->w->tls, TLS_SMTP_IN), true, NULL, &why),
                         0);
    } else if (str_is(word, "any")) {
        struct cur in = stream_in(n->s);
        size_t left = cur_left(&in);
        stream_take(n->s, left);
        return left > 0;
    } else if (str_is(word, "secure")) {
        ck_assert(stream_is_secure(n->s));
    } else if (str_is(word, "close")) {
        stream_finish(&n->s);
        return false;
    } else {
        ck_abort_msg("bad step '%.*s'", STR_ARG(word));
    }
    return true;
}

void server_step(struct conn *n)
{
    struct str rest = n->script, step;
    while (n->s != NULL && str_line(&rest, &step)) {
        struct str was = n->script;
        if (!do_step(n, step)) {
            /* A read that waits is done again; "stop" has put another script in place. */
            if (n->script.p == was.p && (step.p[0] == 'h' || step.p[0] == 'c'))
                n->script = rest;
            return;
        }
        n->script = rest;
    }
}

static void on_server(struct stream *s, enum stream_event ev, void *arg)
{
    struct conn *n = arg;
    (void)s;
    if (ev == STREAM_DATA || ev == STREAM_SECURE)
        server_step(n);
    if (ev == STREAM_EOF || ev == STREAM_FAIL) {
        stream_free(&n->s);
    }
}

static void on_accept(void *arg, int fd, const union endpoint *peer)
{
    struct world *w = arg;
    (void)peer;
    ck_assert_uint_lt(w->nconn, CONNS_MAX);
    struct conn *n = &w->conn[w->nconn];
    *n = (struct conn){.w = w, .script = str_of(w->script[w->nconn])};
    w->nconn++;
    buf_init(&n->content, 64u << 20);
    n->s = stream_new(w->loop, fd, on_server, n);
    server_step(n);
}

/* --- the owner --- */

static bool next(void *arg, struct smtpc *c, struct smtpc_job *job)
{
    struct world *w = arg;
    ck_assert_ptr_eq(c, w->c);
    ck_assert_int_eq(w->open_jobs, 0);
    if (w->quit_in_next)
        smtpc_quit(c);
    if (w->given == w->njobs)
        return false;
    *job = w->jobs[w->given++];
    w->open_jobs = 1;
    return true;
}

static void fit(void *arg, struct smtpc *c, struct smtpc_job *job)
{
    const struct world *w = arg;
    ck_assert_ptr_eq(c, w->c);
    ck_assert_int_eq(w->open_jobs, 1);
    if (w->fitted == NULL)
        return;
    job->content = cur_of_str(str_of(w->fitted));
    job->eightbit = false;
}

static void verdict(void *arg, struct smtpc *c, void *ref, size_t index, const struct why *why)
{
    struct world *w = arg;
    (void)c;
    ck_assert_int_eq(w->open_jobs, 1);
    ck_assert_uint_lt(index, w->jobs[w->given - 1].nrcpt);
    buf_printf(&w->log, "%s%zu:", (const char *)ref, index);
    if (why == NULL)
        buf_z(&w->log, "ok ");
    else
        buf_printf(&w->log, "%c%d/%s ", why_is_temp(why) ? 't' : 'p', why_smtp(why), why_enh(why));
    if (++w->verdicts == w->free_at)
        smtpc_free(&w->c);
}

static void done(void *arg, struct smtpc *c, void *ref)
{
    struct world *w = arg;
    (void)c;
    ck_assert_int_eq(w->open_jobs, 1);
    w->open_jobs = 0;
    buf_printf(&w->log, "%sdone ", (const char *)ref);
}

void world_closed(void *arg, struct smtpc *c, const struct why *why)
{
    struct world *w = arg;
    (void)c;
    ck_assert_int_eq(w->open_jobs, 0);
    w->closed++;
    w->c = NULL;
    snprintf(w->why, sizeof w->why, "%s", why != NULL ? why->text : "");
    ck_assert(why == NULL || why_is_temp(why));
    buf_printf(&w->log, "closed:%s", why != NULL ? "why" : "peace");
}

static const struct smtpc_ops ops = {next, fit, verdict, done, world_closed, NULL};

void world_init(struct world *w)
{
    struct why why;
    clock_fake(true);
    *w = (struct world){.loop = loop_new(), .stop_after = SIZE_MAX};
    buf_init(&w->log, 1u << 20);
    union endpoint at;
    ck_assert_int_eq(endpoint_parse(&at, STR("127.0.0.1:0"), 0, &why), 0);
    ck_assert_int_eq(listener_new(&w->ln, w->loop, &at, on_accept, w, &why), 0);
    endpoint_set_port(&at, listener_port(w->ln));
    for (size_t i = 0; i < 4; i++) {
        w->targets[i].at = at;
        snprintf(w->targets[i].name, sizeof w->targets[i].name, "mx%zu.example", i);
    }
    w->ntargets = 1;
    for (size_t i = 0; i < CONNS_MAX; i++)
        w->script[i] = "";
}

void world_done(struct world *w)
{
    smtpc_free(&w->c);
    for (size_t i = 0; i < w->nconn; i++) {
        if (w->conn[i].s != NULL)
            stream_free(&w->conn[i].s);
        buf_done(&w->conn[i].content);
    }
    listener_free(&w->ln);
    tls_free(&w->tls);
    while (loop_turn(w->loop, false))
        ;
    loop_free(&w->loop);
    buf_done(&w->log);
}

void world_start(struct world *w)
{
    struct smtpc_set set = {.loop = w->loop,
                            .helo = "gw.example",
                            .max_messages = w->max_messages,
                            .tls = w->tls,
                            .tls_policy = w->policy,
                            .lmtp = w->lmtp,
                            .user = w->user,
                            .password = w->password,
                            .families = &w->families};
    w->c = smtpc_new(&set, w->targets, w->ntargets, &ops, w);
}

/* Until nothing moves. Loopback delivers at once; a few idle turns let a busy machine catch up. */
void world_settle(struct world *w)
{
    for (int idle = 0; idle < 60;) {
        idle = loop_turn(w->loop, false) ? 0 : idle + 1;
        if (idle > 10)
            sched_yield();
    }
}

void world_add(struct world *w, const char *ref, const char *sender, const struct str *rcpt,
               size_t n, const char *content)
{
    w->jobs[w->njobs++] = (struct smtpc_job){.ref = (void *)(uintptr_t)ref,
                                             .sender = str_of(sender),
                                             .rcpt = rcpt,
                                             .nrcpt = n,
                                             .content = cur_of_str(str_of(content))};
}

void world_run(struct world *w, size_t ntargets)
{
    world_add(w, "a", "me@gw.example", joe, 1, "text\r\n");
    w->ntargets = ntargets;
    world_start(w);
    world_settle(w);
}

void world_play(struct world *w)
{
    world_start(w);
    world_settle(w);
    clock_step(5000);
    world_settle(w);
}

void world_wants(struct world *w, const char *want)
{
    ck_assert_msg(str_eq(str_trim(buf_text(&w->log)), str_of(want)), "log is\n%s\nnot\n%s\n%s",
                  buf_cstr(&w->log), want, w->why);
}
