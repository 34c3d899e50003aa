/* operator/rscscmd.c -- the RSCS commands that other nodes may give ours. */
#include "operator/rscscmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "db/queue.h"
#include "db/readerrow.h"
#include "gateway/file/njefile.h"
#include "gateway/gate/admit.h"
#include "gateway/nje.h"

/* Anyone may ask, so an answer and the work for it have bounds. */
#define LINES_MAX 20u
#define LOOK_MAX 2000u /* messages read for one list */
#define OPEN_MAX 200u  /* files whose job header is read for one answer */
#define NAMES_A_LINE 4u

struct call {
    struct gate *g;
    const struct oper_asker *who;
    struct oper_reply to;
    struct str rest; /* operands not yet read */
};
typedef void call_fn(struct call *c);

struct verb {
    const char *name;
    size_t shortest;
    call_fn *fn;
};

/* RSCS takes each word cut short, down to its shortest form. */
static const struct verb *find(const struct verb *v, size_t n, struct str word)
{
    for (size_t i = 0; i < n; i++)
        if (str_is_short(word, v[i].name, v[i].shortest))
            return &v[i];
    return NULL;
}

/* What an answer repeats of a word: its beginning, whole characters. */
static struct str shown(struct str word)
{
    size_t n = word.n < 20 ? word.n : 20;
    while (n > 0 && n < word.n && ((unsigned char)word.p[n] & 0xC0u) == 0x80u)
        n--;
    return str_sub(word, 0, n);
}

static void unknown(struct call *c, const char *what, struct str word)
{
    oper_say(&c->to, "%s %.*s not recognised; HELP lists the commands", what, STR_ARG(shown(word)));
}

static const struct {
    const char *form, *sentence;
} forms[] = {
#define RSCS_COMMAND(n, s, f, form, sentence) {form, sentence},
#include "operator/rscscmd.def"
};
#define NFORMS (sizeof forms / sizeof forms[0])

/* What he meant: the form that begins so. */
static void wrong(struct call *c, const char *begin)
{
    size_t i = 0;
    while (i < NFORMS - 1 && !str_starts_nocase(str_of(forms[i].form), begin))
        i++;
    oper_say(&c->to, "The form is: %s", forms[i].form);
}

/* --- links and nodes --- */

/* The place of the link to that node in the configuration; nlink: there is none. */
static size_t link_index(const struct gate *g, struct str node)
{
    struct nje_name name;
    const char *link = ebc_name(&name, node) ? routes_link(g->routes, &name) : NULL;
    size_t i = 0;
    while (i < g->conf->nlink && (link == NULL || !str_is(g->conf->link[i].name, link)))
        i++;
    return i;
}

struct counting {
    struct gate *g;
    uint64_t *n;
};

static void count_dest(void *arg, struct str dest, uint64_t n)
{
    const struct counting *k = arg;
    if (str_find(dest, '.') >= 0)
        return; /* a mail domain */
    k->n[link_index(k->g, dest)] += n;
}

uint64_t *rscscmd_queued(struct gate *g)
{
    struct counting k = {g, mem_new((g->conf->nlink + 1) * sizeof *k.n)};
    store_queued_each(g->store, count_dest, &k);
    return k.n;
}

static uint64_t queued_for(const struct gate *g, const uint64_t *queued, struct str link)
{
    for (size_t i = 0; i < g->conf->nlink; i++)
        if (str_eq(g->conf->link[i].name, link))
            return queued[i];
    return 0; /* a link that is about to go: the configuration has changed */
}

struct link_walk {
    struct call *c;
    uint64_t *queued;
    struct str only; /* one link, "" all */
    unsigned links, up;
};

static void link_line(void *arg, const struct conf_link *conf, enum link_state s,
                      const struct link_stat *st)
{
    struct link_walk *walk = arg;
    if (walk->only.n > 0 && !str_eq_nocase(walk->only, conf->name))
        return;
    walk->up += s == LINK_UP;
    if (++walk->links > LINES_MAX)
        return;
    oper_say(&walk->c->to, "Link %-8.*s %-8s node %-8.*s %llu queued, %llu in, %llu out",
             STR_ARG(conf->name), link_state_name(s), STR_ARG(conf->node),
             (unsigned long long)queued_for(walk->c->g, walk->queued, conf->name),
             (unsigned long long)st->files_in, (unsigned long long)st->files_out);
    if (walk->only.n > 0 && s != LINK_UP && st->reason[0] != '\0')
        oper_say(&walk->c->to, "Link %.*s: %s", STR_ARG(conf->name), st->reason);
}

static struct link_walk show_links(struct call *c, struct str only)
{
    struct link_walk walk = {.c = c, .queued = rscscmd_queued(c->g), .only = only};
    nje_each(c->g->nje, link_line, &walk);
    free(walk.queued);
    return walk;
}

static void query_system(struct call *c)
{
    oper_say(&c->to, "Node %.*s: njegate mail gateway", STR_ARG(c->g->conf->local));
    struct link_walk walk = show_links(c, STR(""));
    if (walk.links > LINES_MAX)
        oper_say(&c->to, "and %u more links", walk.links - LINES_MAX);
    oper_say(&c->to, "%u links, %u up", walk.links, walk.up);
}

static void say_uptime(struct call *c)
{
    int64_t up = wall_s(wall_now()) - wall_s(c->g->started);
    oper_say(&c->to, "njegate mail gateway at %.*s, up %lld d %02lld:%02lld:%02lld",
             STR_ARG(c->g->conf->local), (long long)(up / 86400), (long long)(up / 3600 % 24),
             (long long)(up / 60 % 60), (long long)(up % 60));
}

static void query_status(struct call *c)
{
    const struct gate_stat *s = &c->g->stat;
    say_uptime(c);
    oper_say(&c->to, "taken: %llu by NJE, %llu by SMTP, %llu here", (unsigned long long)s->from_nje,
             (unsigned long long)s->from_smtp, (unsigned long long)s->from_local);
    oper_say(&c->to, "delivered: %llu by NJE, %llu by SMTP, %llu to readers",
             (unsigned long long)s->to_nje, (unsigned long long)s->to_smtp,
             (unsigned long long)s->to_reader);
}

static void node_line(struct call *c, struct str node)
{
    size_t i = link_index(c->g, node);
    if (admit_is_local_node(c->g, node)) {
        query_system(c);
    } else if (i == c->g->conf->nlink) {
        oper_say(&c->to, "Node %.*s not recognised.", STR_ARG(shown(node)));
    } else {
        const struct conf_link *l = &c->g->conf->link[i];
        char name[9];
        str_copy(name, sizeof name, l->name);
        oper_say(&c->to, "Node %.*s %s link %s, which is %s", STR_ARG(node),
                 str_eq_nocase(l->node, node) ? "is at the end of" : "is routed over", name,
                 nje_link_is_up(c->g->nje, name) ? "up" : "not up");
    }
}

static void query_node(struct call *c)
{
    struct str node = str_word(&c->rest);
    if (node.n > 0)
        node_line(c, node);
    else
        wrong(c, "QUERY node");
}

/* --- files --- */

static bool sees_all(const struct call *c)
{
    return oper_privileged(c->g, c->who);
}

/* Whose mail waits is for himself and the operators to know. */
static bool may_see(const struct call *c, const struct message *m)
{
    char self[20];
    snprintf(self, sizeof self, "%.*s@%.*s", STR_ARG(c->who->user), STR_ARG(c->who->node));
    bool yes = c->who->user.n > 0 && (str_is(m->origin_sender, self) || sees_all(c));
    for (size_t i = 0; i < m->nrcpt && c->who->user.n > 0 && !yes; i++)
        yes = str_is(m->rcpt[i].addr, self);
    return yes;
}

static const char *state_of(const struct rcpt *r)
{
    return r->state != RCPT_READY ? "held" : r->tries > 0 ? "put off" : "waiting";
}

static void file_lines(struct call *c, const struct message *m)
{
    bool see = may_see(c, m);
    for (size_t i = 0; i < m->nrcpt && i < LINES_MAX; i++) {
        const struct rcpt *r = &m->rcpt[i];
        if (see)
            oper_say(&c->to, "File " MSG_ID_FMT " from %.*s to %.*s, %llu bytes, %s%s%.*s",
                     MSG_ID_ARG(m->id), STR_ARG(m->origin_sender), STR_ARG(r->addr),
                     (unsigned long long)m->size, state_of(r), r->reason.n > 0 ? ": " : "",
                     STR_ARG(r->reason));
        else
            oper_say(&c->to, "File " MSG_ID_FMT " for %s, %llu bytes, %s", MSG_ID_ARG(m->id),
                     m->to == DOOR_SMTP ? "the Internet" : "the network",
                     (unsigned long long)m->size, state_of(r));
    }
}

struct file_walk {
    struct call *c;
    size_t link; /* place in the configuration */
    unsigned met, shown;
};

static int link_file(void *arg, struct message *m)
{
    struct file_walk *walk = arg;
    bool ours =
        m->to == DOOR_NJE && m->nrcpt > 0 && link_index(walk->c->g, m->rcpt[0].dest) == walk->link;
    if (ours && walk->shown < LINES_MAX) {
        walk->shown++;
        file_lines(walk->c, m);
    }
    message_free(&m);
    return ++walk->met >= LOOK_MAX || walk->shown >= LINES_MAX;
}

static void link_queue(struct call *c, size_t link)
{
    struct file_walk walk = {.c = c, .link = link};
    struct why w;
    uint64_t *queued = rscscmd_queued(c->g);
    if (queue_list(store_reader(c->g->store), STR(""), link_file, &walk, &w) < 0)
        oper_say(&c->to, "The queue cannot be read now");
    oper_say(&c->to, "%llu files queued for link %.*s", (unsigned long long)queued[link],
             STR_ARG(c->g->conf->link[link].name));
    free(queued);
}

static int any_file(void *arg, struct message *m)
{
    struct file_walk *walk = arg;
    file_lines(walk->c, m);
    message_free(&m);
    return ++walk->met >= LINES_MAX;
}

/* By the number the file has at its origin, or the one its receiver sees: both are in the job
 * header. Who may not see whose a file is does not learn by this way that it is here. */
struct spool_walk {
    struct call *c;
    uint64_t spool_id;
    unsigned met, opened, shown;
};

static bool is_job(struct spool_walk *walk, struct body **deck)
{
    struct njefile_in f;
    struct why w;
    struct arena *a = arena_new(65536);
    struct cur bytes = *deck != NULL ? body_cur(*deck, &w) : cur_of(NULL, 0);
    bool same = cur_left(&bytes) > 0 && njefile_read_headers(a, bytes, &f, &w) == 0 &&
                f.njh.job_id == walk->spool_id;
    walk->opened++;
    arena_free(&a);
    body_free(deck);
    return same;
}

static int spool_message(void *arg, struct message *m)
{
    struct spool_walk *walk = arg;
    struct gate *g = walk->c->g;
    struct why w;
    if (m->form == BODY_DECK && walk->opened < OPEN_MAX && may_see(walk->c, m)) {
        struct body *deck = queue_body(store_reader(g->store), g->store, m->id, &w);
        if (is_job(walk, &deck)) {
            walk->shown++;
            file_lines(walk->c, m);
        }
    }
    message_free(&m);
    return ++walk->met >= LOOK_MAX || walk->shown >= LINES_MAX;
}

static int spool_reader(void *arg, const struct reader_row *r)
{
    struct spool_walk *walk = arg;
    struct call *c = walk->c;
    struct reader_row row;
    struct body *deck = NULL;
    struct why w;
    char self[20];
    snprintf(self, sizeof self, "%.*s@%.*s", STR_ARG(c->who->user), STR_ARG(c->who->node));
    if (walk->opened < OPEN_MAX && c->who->user.n > 0 && (str_is(r->from, self) || sees_all(c))) {
        struct arena *a = arena_new(65536);
        int v = readerrow_get(store_reader(c->g->store), c->g->conf->spooldir.p, r->number, a, &row,
                              &deck, &w);
        if (v == 0 && is_job(walk, &deck)) {
            walk->shown++;
            oper_say(&c->to, "File (%04llu) %.*s %.*s from %.*s is in the reader of %.*s",
                     (unsigned long long)walk->spool_id, STR_ARG(r->fn), STR_ARG(r->ft),
                     STR_ARG(r->from), STR_ARG(r->user));
        }
        body_free(&deck);
        arena_free(&a);
    }
    return ++walk->met >= LOOK_MAX || walk->shown >= LINES_MAX;
}

static unsigned by_spool_id(struct call *c, uint64_t id)
{
    struct spool_walk walk = {.c = c, .spool_id = id};
    struct why w;
    struct db *d = store_reader(c->g->store);
    if (id > UINT16_MAX)
        return 0;
    if (queue_list(d, STR(""), spool_message, &walk, &w) < 0)
        oper_say(&c->to, "The queue cannot be read now");
    walk.met = 0;
    if (readerrow_each(d, STR(""), spool_reader, &walk, &w) < 0)
        oper_say(&c->to, "The readers cannot be read now");
    return walk.shown;
}

static void query_file(struct call *c)
{
    struct str word = str_word(&c->rest);
    struct file_walk walk = {.c = c};
    struct why w;
    uint64_t id;
    if (!str_number(word, INT64_MAX, &id))
        wrong(c, "QUERY FILE");
    else if (queue_family(store_reader(c->g->store), id, any_file, &walk, &w) < 0 ||
             (walk.met == 0 && by_spool_id(c, id) == 0))
        oper_say(&c->to, "File %.*s not found", STR_ARG(shown(word)));
}

/* --- QUERY --- */

static size_t link_called(const struct gate *g, struct str name)
{
    size_t i = 0;
    while (i < g->conf->nlink && !str_eq_nocase(g->conf->link[i].name, name))
        i++;
    return i;
}

static void link_form(struct call *c, size_t link)
{
    static const struct verb queue[] = {{"QUEUE", 1, NULL}};
    struct str word = str_word(&c->rest);
    if (find(queue, 1, word) != NULL)
        link_queue(c, link);
    else if (word.n > 0)
        wrong(c, "QUERY link");
    else
        (void)show_links(c, c->g->conf->link[link].name);
}

static void query_link(struct call *c)
{
    struct str name = str_word(&c->rest);
    size_t link = link_called(c->g, name);
    if (link < c->g->conf->nlink)
        link_form(c, link);
    else if (name.n == 0)
        wrong(c, "QUERY link");
    else
        oper_say(&c->to, "Link %.*s not recognised.", STR_ARG(shown(name)));
}

static void query(struct call *c)
{
    static const struct verb queries[] = {
#define RSCS_QUERY(n, s, f) {#n, s, f},
#include "operator/rscscmd.def"
    };
    struct str word = str_word(&c->rest);
    const struct verb *v = find(queries, sizeof queries / sizeof queries[0], word);
    size_t link = link_called(c->g, word);
    if (word.n == 0)
        query_system(c);
    else if (link < c->g->conf->nlink) /* before the words: a link may well be called N */
        link_form(c, link);
    else if (v != NULL)
        v->fn(c);
    else
        node_line(c, word);
}

/* --- CPQ: what VM's CP would say of its users --- */

static void cpq_time(struct call *c)
{
    char now[64];
    time_t t = (time_t)wall_s(wall_now());
    struct tm tm;
    strftime(now, sizeof now, "%H:%M:%S %Z %A %m/%d/%y", localtime_r(&t, &tm));
    oper_say(&c->to, "TIME IS %s", now);
}

/* Nobody is ever logged on here: to CP our users would be disconnected ones. */
static void cpq_names(struct call *c)
{
    const struct conf *conf = c->g->conf;
    char line[NAMES_A_LINE * 16 + 1];
    size_t shown = conf->nuser < LINES_MAX * NAMES_A_LINE ? conf->nuser : LINES_MAX * NAMES_A_LINE;
    oper_say(&c->to, "SMTP     - DSC");
    for (size_t i = 0; i < shown;) {
        size_t at = 0;
        for (size_t k = 0; k < NAMES_A_LINE && i < shown; k++, i++)
            at += (size_t)snprintf(line + at, sizeof line - at, "%s%-8.*s - DSC", k > 0 ? ", " : "",
                                   STR_ARG(str_sub(conf->user[i].userid, 0, 8)));
        oper_say(&c->to, "%s", line);
    }
    if (conf->nuser > shown)
        oper_say(&c->to, "and %zu more", conf->nuser - shown);
}

static void cpq_user(struct call *c)
{
    struct str user = str_word(&c->rest);
    if (user.n == 0)
        oper_say(&c->to, "%zu USERS, 0 LOGGED ON", c->g->conf->nuser + 1);
    else if (admit_is_mailer(user) || conf_user_of(c->g->conf, user) != NULL)
        oper_say(&c->to, "%-8.*s - DSC", STR_ARG(user));
    else
        oper_say(&c->to, "%.*s NOT LOGGED ON", STR_ARG(shown(user)));
}

static void cpq_log(struct call *c)
{
    say_uptime(c);
}

static void cpq_cpu(struct call *c)
{
    oper_say(&c->to, "CPUID: none, node %.*s is the program njegate", STR_ARG(c->g->conf->local));
}

static void cpquery(struct call *c)
{
    static const struct verb queries[] = {
#define RSCS_CPQ(n, s, f) {#n, s, f},
#include "operator/rscscmd.def"
    };
    struct str word = str_word(&c->rest);
    const struct verb *v = find(queries, sizeof queries / sizeof queries[0], word);
    if (word.n == 0)
        cpq_time(c);
    else if (v != NULL)
        v->fn(c);
    else
        wrong(c, "CPQ");
}

/* --- MSG and CMD: handed on in the asker's name --- */

static void hand_on(struct call *c, struct nmr *m, struct str node, struct str text)
{
    struct why w;
    m->from_node = ebc_name_of(c->who->node);
    m->from_user = ebc_name_of(c->who->user);
    char user[9];
    struct str to = ebc_name_text(&m->to_user, user);
    nmr_set_text(m, conf_page_for(c->g->conf, to, node), text);
    if (!ebc_name(&m->to_node, node))
        oper_say(&c->to, "Node %.*s not recognised.", STR_ARG(shown(node)));
    else if (nje_route(c->g->nje, m, c->who->link, &w) < 0)
        oper_say(&c->to, "%s", w.text);
}

static void message(struct call *c)
{
    struct str node = str_word(&c->rest), user = str_word(&c->rest), text = str_trim(c->rest);
    struct nmr m = {0};
    if (text.n == 0 || !ebc_name(&m.to_user, user))
        wrong(c, "MSG");
    else if (!admit_is_local_node(c->g, node))
        hand_on(c, &m, node, text);
    else if (!nje_tell(c->g->nje, c->who->user, c->who->node, user, node, text))
        oper_say(&c->to, "USER %.*s NOT LOGGED ON", STR_ARG(shown(user)));
}

static void command(struct call *c)
{
    struct str node = str_word(&c->rest), text = str_trim(c->rest);
    struct nmr m = {.command = true};
    if (text.n == 0)
        wrong(c, "CMD");
    else if (admit_is_local_node(c->g, node)) /* ends: the text is shorter each time */
        rscscmd_run(c->g, c->who, text, c->to.fn, c->to.arg);
    else
        hand_on(c, &m, node, text);
}

static void help(struct call *c)
{
    for (size_t i = 0; i < NFORMS; i++)
        oper_say(&c->to, "%-27s %s", forms[i].form, forms[i].sentence);
}

void rscscmd_run(struct gate *g, const struct oper_asker *who, struct str text, oper_reply_fn *fn,
                 void *arg)
{
    static const struct verb commands[] = {
#define RSCS_COMMAND(n, s, f, form, sentence) {#n, s, f},
#include "operator/rscscmd.def"
    };
    struct call c = {.g = g, .who = who, .to = {fn, arg}, .rest = text};
    struct str word = str_word(&c.rest);
    const struct verb *v = find(commands, sizeof commands / sizeof commands[0], word);
    if (v != NULL)
        v->fn(&c);
    else
        unknown(&c, "Command", word);
}
