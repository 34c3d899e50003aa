/* operator/oper.c -- operator commands by interactive message. */
#include "operator/oper.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "db/queue.h"
#include "gateway/gate/filter.h"
#include "gateway/metrics.h"
#include "gateway/gate/admit.h"
#include "gateway/nje.h"
#include "gateway/relay.h"

#define QUEUE_LINES 100u       /* as on MVS */
#define QUEUE_LINES_MOST 2000u /* of MAX=*: anybody may ask */

struct command_call {
    struct gate *g;
    struct oper_reply to;
    const struct oper_asker *who;
    const struct command *command;
    struct str operand; /* "" none was given */
    unsigned lines;     /* given so far, where a list is bounded */
    unsigned found;     /* messages acted on */
    enum rcpt_state state;
    struct change *change;
};
typedef void command_fn(struct command_call *c);

void oper_say(const struct oper_reply *to, const char *fmt, ...)
{
    char text[240];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    to->fn(to->arg, str_of(text));
}

static command_fn help, queues, numqueue, stats, links, start_link, stop_link, drain_link, hold,
    release, retry, expire, debug_on, debug_off, trace_on, trace_off, start_exit, stop_exit,
    close_console, reboot, shutdown_gateway;

static const struct command {
    const char *name;
    size_t shortest;
    bool privileged;
    command_fn *fn;
    const char *operands, *sentence;
} commands[] = {
#define COMMAND(n, s, p, f, o, t) {#n, s, p, f, o, t},
#include "operator/oper.def"
#undef COMMAND
};
#define NCOMMANDS (sizeof commands / sizeof commands[0])

static const struct command *command_named(struct str word)
{
    for (size_t i = 0; i < NCOMMANDS; i++) {
        const struct command *k = &commands[i];
        if (str_is_short(word, k->name, k->shortest))
            return k;
    }
    return NULL;
}

static void say_form(struct command_call *c, const struct command *k)
{
    oper_say(&c->to, "The form is: %s%s%s -- %s%s", k->name, k->operands[0] != '\0' ? " " : "",
             k->operands, k->sentence, k->privileged ? " (privileged)" : "");
    if (k->shortest < strlen(k->name))
        oper_say(&c->to, "%s may be shortened to %.*s", k->name, (int)k->shortest, k->name);
}

static void help(struct command_call *c)
{
    const struct command *k = command_named(c->operand);
    if (k != NULL) {
        say_form(c, k);
        return;
    }
    if (c->operand.n > 0) {
        oper_say(&c->to, "Unknown command %.*s; HELP lists the commands",
                 STR_ARG(str_sub(c->operand, 0, 20)));
        return;
    }
    for (k = commands; k < commands + NCOMMANDS; k++)
        oper_say(&c->to, "%-9s %s%s%s%s", k->name, k->operands, k->operands[0] != '\0' ? ": " : "",
                 k->sentence, k->privileged ? " (privileged)" : "");
}

/* --- the queue --- */

static bool queue_most(const struct command_call *c, uint64_t *most)
{
    struct str value = c->operand;
    *most = QUEUE_LINES;
    if (value.n == 0)
        return true;
    if (str_starts_nocase(value, "MAX="))
        value = str_sub(value, 4, value.n);
    if (!str_is(value, "*"))
        return str_number(value, QUEUE_LINES_MOST, most) && *most > 0;
    *most = QUEUE_LINES_MOST;
    return true;
}

static void queue_host(void *arg, const struct relay_line *l)
{
    struct command_call *c = arg;
    if (l->reason[0] != '\0' && c->lines++ < QUEUE_LINES)
        oper_say(&c->to, "%s failed, again in %lld s: %s", l->key, (long long)l->retry_s,
                 l->reason);
}

static void queues(struct command_call *c)
{
    uint64_t most, others;
    size_t n;
    if (!queue_most(c, &most)) {
        say_form(c, c->command);
        return;
    }
    struct metrics_queue *q = metrics_queues(c->g, (size_t)most, &n, &others);
    oper_say(&c->to, "%llu mails queued", (unsigned long long)store_queued(c->g->store));
    for (size_t i = 0; i < n; i++)
        oper_say(&c->to, "%s: %llu waiting", q[i].dest[0] != '\0' ? q[i].dest : "held here",
                 (unsigned long long)q[i].n);
    if (others > 0)
        oper_say(&c->to, "and %llu for other destinations", (unsigned long long)others);
    metrics_queues_free(q, n);
    relay_each(c->g->relay, queue_host, c);
}

static void numqueue(struct command_call *c)
{
    oper_say(&c->to, "%llu mails queued", (unsigned long long)store_queued(c->g->store));
}

static int act(void *arg, struct message *m)
{
    struct command_call *c = arg;
    (void)relay_let_go(c->g->relay, m->id); /* what is sent this moment arrives all the same */
    change_state(c->change, m->id, c->state);
    change_journal(c->change, m->origin, c->state == RCPT_HELD ? "held" : "released",
                   "by %.*s@%.*s", STR_ARG(c->who->user), STR_ARG(c->who->node));
    c->found++;
    message_free(&m);
    return 0;
}

static void acted(void *arg, const struct why *w)
{
    (void)w; /* when the disk failed the rows stand, and the log says so */
    relay_rescan(arg);
}

static void set_state(struct command_call *c, enum rcpt_state state)
{
    uint64_t id;
    struct why w;
    if (!str_number(c->operand, UINT64_MAX, &id)) {
        say_form(c, c->command);
        return;
    }
    c->state = state;
    c->change = change_new(c->g->store);
    int v = queue_family(store_reader(c->g->store), id, act, c, &w);
    if (v < 0)
        oper_say(&c->to, "The queue cannot be read now: %s", w.text);
    else if (c->found == 0)
        oper_say(&c->to, "There is no mail " MSG_ID_FMT " in the queue", MSG_ID_ARG(id));
    if (v < 0 || c->found == 0) {
        change_drop(&c->change);
        return;
    }
    oper_say(&c->to, "Mail " MSG_ID_FMT " is %s", MSG_ID_ARG(id),
             state == RCPT_HELD ? "held" : "released");
    change_commit(&c->change, acted, c->g->relay);
}

static void hold(struct command_call *c)
{
    set_state(c, RCPT_HELD);
}

static void release(struct command_call *c)
{
    set_state(c, RCPT_READY);
}

static void retry(struct command_call *c)
{
    struct change *change = change_new(c->g->store);
    change_retry(change, DOOR_NONE, c->operand.n > 0 ? c->operand : STR("*"));
    change_commit(&change, acted, c->g->relay);
    oper_say(&c->to, "What waits for %.*s is tried again",
             STR_ARG(c->operand.n > 0 ? str_sub(c->operand, 0, 100) : STR("any destination")));
}

static void expire(struct command_call *c)
{
    unsigned n = relay_expire(c->g->relay, c->operand);
    oper_say(&c->to, "%u destination%s by way of %.*s expired", n, n == 1 ? "" : "s",
             STR_ARG(str_sub(c->operand, 0, 100)));
}

/* --- what was carried, links --- */

static void stats(struct command_call *c)
{
    const struct gate_stat *s = &c->g->stat;
    int64_t up = wall_s(wall_now()) - wall_s(c->g->started);
    oper_say(&c->to, "njegate at %.*s, up %lld d %02lld:%02lld:%02lld", STR_ARG(c->g->conf->local),
             (long long)(up / 86400), (long long)(up / 3600 % 24), (long long)(up / 60 % 60),
             (long long)(up % 60));
    oper_say(&c->to, "taken: %llu by SMTP, %llu by NJE, %llu here",
             (unsigned long long)s->from_smtp, (unsigned long long)s->from_nje,
             (unsigned long long)s->from_local);
    oper_say(&c->to, "delivered: %llu by SMTP, %llu by NJE, %llu to readers",
             (unsigned long long)s->to_smtp, (unsigned long long)s->to_nje,
             (unsigned long long)s->to_reader);
    oper_say(&c->to, "put off: %llu, returned: %llu, refused: %llu",
             (unsigned long long)s->deferred, (unsigned long long)s->returned,
             (unsigned long long)s->refused);
    struct metrics_rates r = metrics_rates(c->g);
    oper_say(&c->to, "last minute: %llu taken, %llu delivered", (unsigned long long)r.taken_minute,
             (unsigned long long)r.delivered_minute);
}

static void link_line(void *arg, const struct conf_link *conf, enum link_state s,
                      const struct link_stat *st)
{
    oper_say(arg, "%-8.*s to %-8.*s %s%s%s", STR_ARG(conf->name), STR_ARG(conf->node),
             link_state_name(s), st->reason[0] != '\0' ? ": " : "", st->reason);
}

static void links(struct command_call *c)
{
    nje_each(c->g->nje, link_line, &c->to);
}

static void link_do(struct command_call *c, enum nje_action what, const char *words)
{
    struct why w;
    if (nje_link_do(c->g->nje, c->operand, what, &w) < 0)
        oper_say(&c->to, "%s", w.text);
    else
        oper_say(&c->to, "Link %.*s %s", STR_ARG(c->operand), words);
}

static void start_link(struct command_call *c)
{
    link_do(c, NJE_START, "is started");
}

static void stop_link(struct command_call *c)
{
    link_do(c, NJE_STOP, "is stopped");
}

static void drain_link(struct command_call *c)
{
    link_do(c, NJE_DRAIN, "finishes its files and signs off");
}

/* --- the daemon --- */

static void set_log(struct command_call *c, bool *flag, bool on)
{
    *flag = on;
    gate_log_level(c->g);
    oper_say(&c->to, "%s: done", c->command->name);
}

static void debug_on(struct command_call *c)
{
    set_log(c, &c->g->debug, true);
}

static void debug_off(struct command_call *c)
{
    set_log(c, &c->g->debug, false);
}

static void trace_on(struct command_call *c)
{
    set_log(c, &c->g->trace, true);
}

static void trace_off(struct command_call *c)
{
    set_log(c, &c->g->trace, false);
}

static void filter_line(void *arg, const struct conf_milter *m, const struct milter_stat *st)
{
    oper_say(arg, "%.*s: %llu mails, %llu refused, %llu failures%s%s", STR_ARG(m->name),
             (unsigned long long)st->mails, (unsigned long long)st->refused,
             (unsigned long long)st->failed, st->broken ? ": " : "",
             st->broken ? st->why.text : "");
}

static void turn_filters(struct command_call *c, bool stop)
{
    if (filters_stopped(c->g->filters) == stop && !stop) {
        oper_say(&c->to, "EZA5695I Exit previously started");
    } else {
        filters_stop(c->g->filters, stop);
        log_event(LOG_WARN, 0, "filters", "state=%s", stop ? "stopped" : "started");
        oper_say(&c->to, stop ? "Filters are stopped: mail passes without them until STARTEXIT"
                              : "Filters are started");
    }
    filters_each(c->g->filters, filter_line, &c->to);
}

static void start_exit(struct command_call *c)
{
    turn_filters(c, false);
}

static void stop_exit(struct command_call *c)
{
    turn_filters(c, true);
}

static void close_console(struct command_call *c)
{
    log_flush(NULL);
    oper_say(&c->to,
             "The log is written; it is the service manager's, there is no console to close");
}

static void reboot(struct command_call *c)
{
    oper_say(&c->to, "The configuration is read again; the log tells what comes of it");
    kill(getpid(), SIGHUP); /* the same way as any other reload */
}

static void shutdown_gateway(struct command_call *c)
{
    oper_say(&c->to, "The gateway stops");
    kill(getpid(), SIGTERM); /* the same way as any other stop: transfers are waited for */
}

static bool is_listed(const struct gate *g, struct str user, struct str node)
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

/* Over a link with ORIGIN=ANY anybody may claim any node. */
static bool came_its_way(const struct gate *g, const struct oper_asker *who)
{
    struct nje_name name;
    if (who->node.n == 0 || who->link[0] == '\0')
        return true;
    const char *link = ebc_name(&name, who->node) ? routes_link(g->routes, &name) : NULL;
    return link != NULL && strcmp(link, who->link) == 0;
}

bool oper_privileged(const struct gate *g, const struct oper_asker *who)
{
    return is_listed(g, who->user, who->node) && came_its_way(g, who);
}

static bool may(struct command_call *c, const struct command *k)
{
    const struct oper_asker *who = c->who;
    bool named = !k->privileged || is_listed(c->g, who->user, who->node);
    if (!k->privileged || (named && came_its_way(c->g, who)))
        return true;
    log_event(LOG_WARN, 0, "command-refused", "from=%.*s@%.*s link=%s command=%s",
              STR_ARG(who->user), STR_ARG(who->node), who->link, k->name);
    if (named)
        oper_say(&c->to, "%s: not authorised: node %.*s does not lie behind link %s", k->name,
                 STR_ARG(who->node), who->link);
    else
        oper_say(&c->to, "%s: not authorised (SMSGAUTHLIST)", k->name);
    return false;
}

static bool parts(char c)
{
    return c == ' ' || c == ',' || c == '\t';
}

/* Commas part words as blanks do. */
static struct str next_word(struct str *text)
{
    size_t from = 0;
    while (from < text->n && parts(text->p[from]))
        from++;
    size_t to = from;
    while (to < text->n && !parts(text->p[to]))
        to++;
    struct str word = str_sub(*text, from, to);
    *text = str_sub(*text, to, text->n);
    return word;
}

void oper_smsg(struct gate *g, const struct oper_asker *who, struct str text, oper_reply_fn *fn,
               void *arg)
{
    struct command_call c = {.g = g, .to = {fn, arg}, .who = who};
    struct str word = next_word(&text);
    const struct command *k = c.command = command_named(word);
    if (k == NULL) {
        oper_say(&c.to, "Unknown command %.*s; HELP lists the commands",
                 STR_ARG(str_sub(word, 0, 20)));
        return;
    }
    if (!may(&c, k))
        return;
    c.operand = next_word(&text);
    bool none = k->operands[0] == '\0', must = !none && k->operands[0] != '[';
    if ((none && c.operand.n > 0) || (must && c.operand.n == 0) || next_word(&text).n > 0)
        say_form(&c, k);
    else
        k->fn(&c);
}
