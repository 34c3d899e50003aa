/* gateway/oper.c -- operator commands by interactive message. */
#include "gateway/oper.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "db/queue.h"
#include "base/log.h"
#include "gateway/admit.h"
#include "gateway/filter.h"
#include "gateway/nje.h"
#include "gateway/relay.h"

#define QUEUE_LINES 20u

struct command_call {
    struct gate *g;
    oper_reply_fn *fn;
    void *arg;
    unsigned lines; /* given so far, where a list is bounded */
};
typedef void command_fn(struct command_call *c);

static void say(struct command_call *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void say(struct command_call *c, const char *fmt, ...)
{
    char text[240];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    c->fn(c->arg, str_of(text));
}

static command_fn help, queues, numqueue, stats, links, shutdown_gateway, start_filters,
    stop_filters;

static const struct command {
    const char *name;
    size_t shortest;
    bool privileged;
    command_fn *fn;
    const char *sentence;
} commands[] = {
#define COMMAND(n, s, p, f, t) {#n, s, p, f, t},
#include "gateway/oper.def"
#undef COMMAND
};
#define NCOMMANDS (sizeof commands / sizeof commands[0])

static void help(struct command_call *c)
{
    for (size_t i = 0; i < NCOMMANDS; i++)
        say(c, "%-9s %s%s", commands[i].name, commands[i].sentence,
            commands[i].privileged ? " (privileged)" : "");
}

static void queue_line(void *arg, const struct relay_line *l)
{
    struct command_call *c = arg;
    if (++c->lines > QUEUE_LINES)
        return;
    say(c, "%s: %zu waiting, %u active%s%s", l->key, l->waiting, l->open,
        l->reason[0] != '\0' ? ", " : "", l->reason);
}

static void queues(struct command_call *c)
{
    say(c, "%llu mails queued", (unsigned long long)store_queued(c->g->store));
    relay_each(c->g->relay, queue_line, c);
    if (c->lines > QUEUE_LINES)
        say(c, "and %u more", c->lines - QUEUE_LINES);
}

static void numqueue(struct command_call *c)
{
    say(c, "%llu mails queued", (unsigned long long)store_queued(c->g->store));
}

static void stats(struct command_call *c)
{
    const struct gate_stat *s = &c->g->stat;
    int64_t up = wall_s(wall_now()) - wall_s(c->g->started);
    say(c, "njegate at %.*s, up %lld d %02lld:%02lld:%02lld", STR_ARG(c->g->conf->local),
        (long long)(up / 86400), (long long)(up / 3600 % 24), (long long)(up / 60 % 60),
        (long long)(up % 60));
    say(c, "taken: %llu by SMTP, %llu by NJE, %llu here", (unsigned long long)s->from_smtp,
        (unsigned long long)s->from_nje, (unsigned long long)s->from_local);
    say(c, "delivered: %llu by SMTP, %llu by NJE, %llu to readers", (unsigned long long)s->to_smtp,
        (unsigned long long)s->to_nje, (unsigned long long)s->to_reader);
    say(c, "put off: %llu, returned: %llu, refused: %llu", (unsigned long long)s->deferred,
        (unsigned long long)s->returned, (unsigned long long)s->refused);
}

static void link_line(void *arg, const struct conf_link *conf, enum link_state s,
                      const struct link_stat *st)
{
    say(arg, "%-8.*s to %-8.*s %s%s%s", STR_ARG(conf->name), STR_ARG(conf->node),
        link_state_name(s), st->reason[0] != '\0' ? ": " : "", st->reason);
}

static void links(struct command_call *c)
{
    nje_each(c->g->nje, link_line, c);
}

static void shutdown_gateway(struct command_call *c)
{
    say(c, "The gateway stops");
    kill(getpid(), SIGTERM); /* the same way as any other stop: transfers are waited for */
}

static void filter_line(void *arg, const struct conf_milter *m, const struct milter_stat *st)
{
    say(arg, "%.*s: %llu mails, %llu refused, %llu failures%s%s", STR_ARG(m->name),
        (unsigned long long)st->mails, (unsigned long long)st->refused,
        (unsigned long long)st->failed, st->broken ? ": " : "", st->broken ? st->why.text : "");
}

static void turn_filters(struct command_call *c, bool stop)
{
    filters_stop(c->g->filters, stop);
    log_event(LOG_WARN, 0, "filters", "state=%s", stop ? "stopped" : "started");
    say(c, stop ? "Filters are stopped: mail passes without them until STARTEXIT"
                : "Filters are started");
    filters_each(c->g->filters, filter_line, c);
}

static void start_filters(struct command_call *c)
{
    turn_filters(c, false);
}

static void stop_filters(struct command_call *c)
{
    turn_filters(c, true);
}

bool oper_privileged(const struct gate *g, struct str user, struct str node)
{
    if (node.n == 0)
        return true; /* the control socket, whose permissions are the check */
    for (size_t i = 0; i < g->conf->nsmsg_auth; i++) {
        struct str who = g->conf->smsg_auth[i];
        ptrdiff_t at = str_find(who, '@');
        /* Without a node a name in the list is a user of ours. */
        struct str of = at >= 0 ? str_sub(who, (size_t)at + 1, who.n) : g->conf->local;
        if (str_eq_nocase(at >= 0 ? str_sub(who, 0, (size_t)at) : who, user) &&
            str_eq_nocase(of, node))
            return true;
    }
    return false;
}

void oper_smsg(struct gate *g, struct str user, struct str node, struct str text, oper_reply_fn *fn,
               void *arg)
{
    struct command_call c = {.g = g, .fn = fn, .arg = arg};
    struct str word = str_word(&text);
    for (size_t i = 0; i < NCOMMANDS; i++) {
        const struct command *k = &commands[i];
        if (word.n < k->shortest || word.n > strlen(k->name) ||
            !str_eq_nocase(word, str_sub(str_of(k->name), 0, word.n)))
            continue;
        if (k->privileged && !oper_privileged(g, user, node))
            say(&c, "%s: not authorised (SMSGAUTHLIST)", k->name);
        else
            k->fn(&c);
        return;
    }
    say(&c, "Unknown command %.*s; HELP lists the commands", STR_ARG(str_sub(word, 0, 20)));
}
