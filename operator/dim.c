/* operator/dim.c -- nickname commands by interactive message. */
#include "operator/dim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "db/accessrow.h"
#include "db/history.h"
#include "db/nickrow.h"
#include "gateway/gate/admit.h"
#include "gateway/smtp/syntax.h"
#include "operator/oper.h"

#define QUERY_LINES 20u
#define LINE_MAX_DIM 240u

/* One command; its strings live until the change it makes is durable. */
struct dim {
    struct gate *g;
    struct arena *arena;
    struct str user, node, who; /* who: USER@NODE */
    bool privileged;
    dim_reply_fn *reply;
    unsigned lines;  /* QUERY: found */
    struct str done; /* answered when durable */
};
typedef bool verb_fn(struct dim *d, struct str rest); /* true: an answer follows later */

static void say(struct dim *d, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void say(struct dim *d, const char *fmt, ...)
{
    char text[LINE_MAX_DIM];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    d->reply(d->g, d->user, d->node, str_of(text));
}

static void dim_free(struct dim *d)
{
    arena_free(&d->arena);
    free(d);
}

static void durable(void *arg, const struct why *w)
{
    struct dim *d = arg;
    /* While the store closes there is no way left for messages. */
    if (d->g->store != NULL && w != NULL)
        say(d, "Not done: %s", w->text);
    else if (d->g->store != NULL)
        say(d, "%.*s", STR_ARG(d->done));
    log_event(LOG_INFO, 0, "nickname-command", "from=%.*s result=%s", STR_ARG(d->who),
              log_quote(w != NULL ? str_of(w->text) : d->done));
    dim_free(d);
}

/* --- ADD, CHANGE, DELETE --- */

static bool good_nick(struct dim *d, struct str nick)
{
    const struct conf *c = d->g->conf;
    struct why w;
    if (nick_check(nick, &w) < 0)
        say(d, "%s", w.text);
    else if (str_eq_nocase(c->dim_node, c->local) && conf_user_of(c, nick) != NULL)
        say(d, "%.*s is a user of this node and can be no nickname", STR_ARG(nick));
    else
        return true;
    return false;
}

/* A mailbox outside: a nickname for one of our own addresses would send mail in a circle. */
static bool good_mailbox(struct dim *d, struct str word, struct str *mailbox)
{
    struct smtp_path p;
    struct why w;
    bool ok = smtp_parse_mailbox(word, d->arena, &p, &w) == 0 && str_find(p.domain, '.') >= 0;
    struct str key = ok ? addr_mailbox_key(d->arena, p.local, p.domain) : STR("");
    if (!ok || !text_is_ascii(addr_domain(key)))
        say(d, "\"%.*s\" is no mailbox: user@host.domain", STR_ARG(str_sub(word, 0, 100)));
    else if (addr_is_ours(&d->g->names, addr_domain(key)))
        say(d, "%.*s is an address of this gateway; a nickname stands for one elsewhere",
            STR_ARG(str_sub(word, 0, 100)));
    else {
        *mailbox = key;
        return true;
    }
    return false;
}

static bool edit(struct dim *d, enum nick_edit what, struct str rest, const char *form,
                 const char *past)
{
    struct str nick = arena_upper(d->arena, str_word(&rest)), word = STR("");
    struct nick_row row = {.nick = nick, .owner = d->who, .by = d->who, .changed = wall_now()};
    if (what != NICK_DELETE)
        word = str_word(&rest);
    if (nick.n == 0 || (what != NICK_DELETE && word.n == 0)) {
        say(d, "The form is: %s", form);
        return false;
    }
    if (what != NICK_DELETE && (!good_nick(d, nick) || !good_mailbox(d, word, &row.mailbox)))
        return false;
    row.name = str_trim(rest);
    row.preferred = what == NICK_ADD;
    d->done = what == NICK_DELETE ? arena_printf(d->arena, "Nickname %.*s %s", STR_ARG(nick), past)
                                  : arena_printf(d->arena, "Nickname %.*s %s: %.*s", STR_ARG(nick),
                                                 past, STR_ARG(row.mailbox));
    struct change *c = change_new(d->g->store);
    change_nick_edit(c, (int)what, &row, d->privileged ? STR("") : d->who);
    change_commit(&c, durable, d);
    return true;
}

static bool closed(struct dim *d)
{
    if (!d->g->conf->dim_closed || d->privileged)
        return false;
    say(d, "Nicknames are kept by the administrator here (DIMNODE CLOSED)");
    return true;
}

static bool add(struct dim *d, struct str rest)
{
    return !closed(d) && edit(d, NICK_ADD, rest, "ADD nick user@host.domain [real name]", "added");
}

static bool change(struct dim *d, struct str rest)
{
    return !closed(d) &&
           edit(d, NICK_SET, rest, "CHANGE nick user@host.domain [real name]", "changed");
}

static bool delete (struct dim *d, struct str rest)
{
    return !closed(d) && edit(d, NICK_DELETE, rest, "DELETE nick", "deleted");
}

/* --- QUERY, HELP --- */

static int query_line(void *arg, const struct nick_row *r)
{
    struct dim *d = arg;
    if (d->lines++ < QUERY_LINES)
        say(d, "%-8.*s %.*s%s%.*s%s%.*s", STR_ARG(r->nick),
            STR_ARG(r->mailbox.n > 0 ? r->mailbox : r->members), r->name.n > 0 ? " " : "",
            STR_ARG(r->name), r->owner.n > 0 ? " of " : "", STR_ARG(r->owner));
    return 0;
}

static int change_line(void *arg, const struct history_row *r)
{
    struct dim *d = arg;
    char when[32];
    time_t at = (time_t)wall_s(r->at);
    struct tm tm;
    strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", localtime_r(&at, &tm));
    d->lines++;
    say(d, "%s %.*s by %.*s%s%.*s", when, STR_ARG(r->action),
        STR_ARG(r->by.n > 0 ? r->by : STR("?")), r->now.n > 0 ? ": " : "", STR_ARG(r->now));
    return 0;
}

/* QUERY nick HISTORY: its latest changes, also when it is gone. */
static bool query_history(struct dim *d, struct str nick)
{
    struct why w;
    if (history_of(store_reader(d->g->store), STR("nick"), arena_upper(d->arena, nick), QUERY_LINES,
                   change_line, d, &w) < 0)
        say(d, "%s", w.text);
    else if (d->lines == 0)
        say(d, "No change of %.*s is known", STR_ARG(str_sub(nick, 0, 40)));
    return false;
}

static bool query(struct dim *d, struct str rest)
{
    struct why w;
    struct str pattern = str_word(&rest), word = str_word(&rest);
    if (word.n > 0 && (word.n > 7 || !str_eq_nocase(word, str_sub(STR("HISTORY"), 0, word.n)))) {
        say(d, "The form is: QUERY [pattern], or QUERY nick HISTORY");
        return false;
    }
    if (word.n > 0)
        return query_history(d, pattern);
    if (nickrow_each(store_reader(d->g->store), pattern.n > 0 ? pattern : STR("*"), query_line, d,
                     &w) < 0)
        say(d, "%s", w.text);
    else if (d->lines == 0)
        say(d, "No nickname matches %.*s", STR_ARG(str_sub(pattern, 0, 40)));
    else if (d->lines > QUERY_LINES)
        say(d, "and %u more", d->lines - QUERY_LINES);
    return false;
}

/* --- DENY, ALLOW --- */

/* "user AT node" or "user@node". */
static bool read_user(struct str rest, struct str *user, struct str *node)
{
    *user = str_word(&rest);
    ptrdiff_t at = str_find(*user, '@');
    if (at >= 0) {
        *node = str_sub(*user, (size_t)at + 1, user->n);
        *user = str_sub(*user, 0, (size_t)at);
    } else {
        struct str word = str_word(&rest);
        *node = str_is(word, "AT") ? str_word(&rest) : STR("");
    }
    return (str_is(*user, "*") || addr_userid_ok(*user)) &&
           (str_is(*node, "*") || addr_userid_ok(*node)) && str_trim(rest).n == 0;
}

static bool set_access(struct dim *d, struct str rest, bool allowed)
{
    struct access_row row = {.allowed = allowed, .by = d->who, .changed = wall_now()};
    if (!read_user(rest, &row.user, &row.node)) {
        say(d, "The form is: %s user AT node", allowed ? "ALLOW" : "DENY");
        return false;
    }
    struct str user = arena_upper(d->arena, row.user), node = arena_upper(d->arena, row.node);
    d->done = arena_printf(d->arena, "%.*s at %.*s %s use nicknames", STR_ARG(user), STR_ARG(node),
                           allowed ? "may" : "may not");
    struct change *c = change_new(d->g->store);
    change_access(c, &row);
    change_commit(&c, durable, d);
    return true;
}

static bool deny(struct dim *d, struct str rest)
{
    return set_access(d, rest, false);
}

static bool allow(struct dim *d, struct str rest)
{
    return set_access(d, rest, true);
}

static verb_fn help;

static const struct verb {
    const char *name;
    size_t shortest;
    bool privileged;
    verb_fn *fn;
    const char *form, *sentence;
} verbs[] = {
    {"ADD", 1, false, add, "ADD nick user@host.domain [real name]", "a nickname for a mailbox"},
    {"CHANGE", 1, false, change, "CHANGE nick user@host.domain", "give yours another mailbox"},
    {"DELETE", 3, false, delete, "DELETE nick", "take yours away"},
    {"QUERY", 1, false, query, "QUERY [pattern]", "nicknames; * stands for any characters"},
    {"QUERY", 1, false, query, "QUERY nick HISTORY", "who changed it, and when"},
    {"HELP", 1, false, help, "HELP", "these lines"},
    {"DENY", 3, true, deny, "DENY user AT node", "no nicknames for him"},
    {"ALLOW", 2, true, allow, "ALLOW user AT node", "nicknames for him again"},
};
#define NVERBS (sizeof verbs / sizeof verbs[0])

static bool help(struct dim *d, struct str rest)
{
    (void)rest;
    for (size_t i = 0; i < NVERBS; i++)
        if (!verbs[i].privileged || d->privileged)
            say(d, "%-38s %s", verbs[i].form, verbs[i].sentence);
    return false;
}

static bool dispatch(struct dim *d, struct str text)
{
    struct why w;
    struct str word = str_word(&text);
    if (!d->privileged && admit_access(d->g, d->user, d->node, &w) < 0) {
        say(d, "%s", w.text);
        return false;
    }
    for (size_t i = 0; i < NVERBS; i++) {
        const struct verb *v = &verbs[i];
        if (!str_is_short(word, v->name, v->shortest))
            continue;
        if (!v->privileged || d->privileged)
            return v->fn(d, str_trim(text));
        say(d, "%s: not authorised (SMSGAUTHLIST)", v->name);
        return false;
    }
    say(d, "Unknown command %.*s; HELP lists the commands", STR_ARG(str_sub(word, 0, 20)));
    return false;
}

void dim_command(struct gate *g, const struct oper_asker *who, struct str text, dim_reply_fn *reply)
{
    struct dim *d = mem_new(sizeof *d);
    d->g = g;
    d->arena = arena_new(65536);
    d->user = arena_upper(d->arena, who->user);
    d->node = arena_upper(d->arena, who->node);
    d->who = arena_printf(d->arena, "%.*s@%.*s", STR_ARG(d->user), STR_ARG(d->node));
    d->privileged = oper_privileged(g, who);
    d->reply = reply;
    if (!dispatch(d, text))
        dim_free(d);
}

void dim_absent(struct gate *g, struct str user, struct str node, struct str to_user,
                struct str to_node, dim_reply_fn *reply)
{
    struct admitted to = {.original = to_user};
    struct why w;
    struct arena *a = arena_new(65536);
    const struct asker by = {FROM_NJE, arena_printf(a, "%.*s@%.*s", STR_ARG(user), STR_ARG(node))};
    struct str line = arena_printf(a, "USER %.*s NOT LOGGED ON", STR_ARG(to_user));
    if (admit_user(g, by, to_user, to_node, a, &to, &w) == 0 && (to.list || to.to == DOOR_SMTP))
        line = arena_printf(a, "%.*s at %.*s is %.*s: send mail, messages cannot go there",
                            STR_ARG(to_user), STR_ARG(to_node),
                            STR_ARG(to.list ? STR("a list") : to.mailbox));
    reply(g, user, node, line);
    arena_free(&a);
}
