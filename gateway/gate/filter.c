/* gateway/gate/filter.c -- the filters at both doors. */
#include "gateway/gate/filter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

/* The filters of one configuration; they live until the last conversation with them is over. */
struct generation {
    unsigned refs;
    const struct conf *conf; /* kept by the daemon to the end */
    struct milter **milter;  /* one for each conf->milter */
    struct chain_filter *smtp, *nje, *reports;
    struct chain_set smtp_set, nje_set, report_set;
};
enum doing { DOING_NOTHING, DOING_GATE, DOING_CONTENT };

/* A conversation with the filters: of an SMTP session, or of one mail from NJE. */
struct talk {
    struct talk *next, *prev; /* of all */
    struct filters *f;
    struct generation *gen;
    struct chain *chain;
    struct smtpd_session *s; /* NULL: gone, or none */
    enum doing doing;
    filter_fn *fn;
    void *arg;
    /* NJE */
    struct filter_nje nje;
    enum milter_place place;
    size_t rcpt;
    /* what the facts point to */
    char addr[64], client[256], ptr[256], both[330], port[8], local[64], helo[SMTP_DOMAIN_MAX + 1];
    char tls[80], cipher[80], bits[4], id[24], nrcpts[24], params[120], user[20];
    char enh[12], text[sizeof((struct why *)0)->text];
    char *command;
};
struct filters {
    struct gate *g;
    struct generation *gen;
    struct talk *talk;
    bool stopped;
};

/* --- generations --- */

static void failed(void *arg, struct str name, const struct why *w)
{
    (void)arg;
    log_event(LOG_WARN, 0, "filter", "filter=%s error=%s", log_quote(name),
              log_quote(str_of(w->text)));
}

static struct generation *generation_new(struct gate *g)
{
    const struct conf *c = g->conf;
    struct generation *gen = mem_new(sizeof *gen);
    gen->refs = 1;
    gen->conf = c;
    gen->milter = mem_new((c->nmilter + 1) * sizeof(struct milter *));
    gen->smtp = mem_new((c->nmilter + 1) * sizeof *gen->smtp);
    gen->nje = mem_new((c->nmilter + 1) * sizeof *gen->nje);
    gen->reports = mem_new((c->nmilter + 1) * sizeof *gen->reports);
    gen->smtp_set = (struct chain_set){.filter = gen->smtp, .failed = failed};
    gen->nje_set = (struct chain_set){.filter = gen->nje, .failed = failed};
    gen->report_set = (struct chain_set){.filter = gen->reports, .failed = failed};
    for (size_t i = 0; i < c->nmilter; i++) {
        const struct conf_milter *m = &c->milter[i];
        struct milter_set set = {.loop = g->loop,
                                 .path = m->path,
                                 .at = m->at,
                                 .connect_ms = m->connect_s * 1000,
                                 .command_ms = m->answer_s * 1000,
                                 .content_ms = m->verdict_s * 1000};
        gen->milter[i] = milter_new(&set);
        static const enum chain_absent absent[] = {[FILTER_DEFER] = CHAIN_DEFER,
                                                   [FILTER_ACCEPT] = CHAIN_ACCEPT,
                                                   [FILTER_REFUSE] = CHAIN_REFUSE};
        struct chain_filter cf = {
            .milter = gen->milter[i], .absent = absent[m->absent], .name = m->name};
        if (m->smtp)
            gen->smtp[gen->smtp_set.n++] = cf;
        if (m->nje)
            gen->nje[gen->nje_set.n++] = cf;
        cf.absent = CHAIN_ACCEPT; /* nobody would hear of a report that waits or is refused */
        if (m->reports)
            gen->reports[gen->report_set.n++] = cf;
    }
    return gen;
}

static void generation_leave(struct generation **gp)
{
    struct generation *gen = *gp;
    *gp = NULL;
    if (gen == NULL || --gen->refs > 0)
        return;
    for (size_t i = 0; i < gen->conf->nmilter; i++)
        milter_free(&gen->milter[i]);
    free(gen->milter);
    free(gen->smtp);
    free(gen->nje);
    free(gen->reports);
    free(gen);
}

struct filters *filters_new(struct gate *g)
{
    struct filters *f = mem_new(sizeof *f);
    f->g = g;
    f->gen = generation_new(g);
    return f;
}

static bool same_filters(const struct conf *a, const struct conf *b)
{
    bool same = a->nmilter == b->nmilter;
    for (size_t i = 0; same && i < a->nmilter; i++) {
        const struct conf_milter *x = &a->milter[i], *y = &b->milter[i];
        same = str_eq(x->name, y->name) && str_eq(x->path, y->path) && x->smtp == y->smtp &&
               x->nje == y->nje && x->reports == y->reports && x->absent == y->absent &&
               x->connect_s == y->connect_s && x->answer_s == y->answer_s &&
               x->verdict_s == y->verdict_s;
    }
    return same;
}

void filters_reload(struct filters *f)
{
    if (same_filters(f->gen->conf, f->g->conf))
        return;
    generation_leave(&f->gen);
    f->gen = generation_new(f->g);
}

void filters_stop(struct filters *f, bool stop)
{
    f->stopped = stop;
}

bool filters_stopped(const struct filters *f)
{
    return f->stopped;
}

bool filters_at(const struct filters *f, enum door door)
{
    size_t n = 0;
    if (f != NULL && !f->stopped)
        n = door == DOOR_SMTP  ? f->gen->smtp_set.n
            : door == DOOR_NJE ? f->gen->nje_set.n
                               : f->gen->report_set.n;
    return n > 0;
}

void filters_each(const struct filters *f,
                  void (*fn)(void *arg, const struct conf_milter *c, const struct milter_stat *st),
                  void *arg)
{
    for (size_t i = 0; i < f->gen->conf->nmilter; i++)
        fn(arg, &f->gen->conf->milter[i], milter_stat(f->gen->milter[i]));
}

/* --- what is ours to say --- */

static struct str skip_comments(struct str s)
{
    size_t i = 0, depth = 0;
    for (; i < s.n; i++) {
        char c = s.p[i];
        if (c == '(')
            depth++;
        else if (c == ')' && depth > 0)
            depth--;
        else if (c == '\\' && depth > 0)
            i++;
        else if (depth == 0 && c != ' ' && c != '\t' && c != '\r' && c != '\n')
            break;
    }
    return str_sub(s, i, s.n);
}

static bool our_name(const struct gate *g, struct str name)
{
    if (name.n > 1 && name.p[0] == '"' && name.p[name.n - 1] == '"')
        name = str_sub(name, 1, name.n - 2);
    if (name.n > 1 && name.p[name.n - 1] == '.')
        name.n--;
    bool ours = str_eq_nocase(name, g->names.hostname);
    for (size_t i = 0; i < g->names.nalt; i++)
        ours = ours || str_eq_nocase(name, g->names.alt[i]);
    return ours;
}

static struct str up_to(struct str s, const char *ends)
{
    size_t n = 0;
    while (n < s.n && strchr(ends, s.p[n]) == NULL && s.p[n] != '\0')
        n++;
    return str_sub(s, 0, n);
}

bool filter_ours(const struct gate *g, struct str field, struct str value)
{
    if (str_is(field, "Authentication-Results")) /* RFC 8601 2.2: the authserv-id comes first */
        return our_name(g, up_to(skip_comments(value), " \t\r\n;("));
    if (!str_is(field, "Received-SPF"))
        return false;
    for (size_t i = 0; i + 9 <= value.n; i++) /* RFC 7208 9.1: receiver=name among its pairs */
        if (str_is(str_sub(value, i, 8), "receiver")) {
            struct str rest = skip_comments(str_sub(value, i + 8, value.n));
            if (rest.n > 0 && rest.p[0] == '=' &&
                our_name(g, up_to(skip_comments(str_sub(rest, 1, rest.n)), " \t\r\n;(")))
                return true;
        }
    return false;
}

static bool forged_results(const void *g, struct str value)
{
    return filter_ours(g, STR("Authentication-Results"), value);
}

static bool forged_spf(const void *g, struct str value)
{
    return filter_ours(g, STR("Received-SPF"), value);
}

size_t filter_strip(const struct gate *g, struct milter_mail *mail)
{
    return milter_mail_strip(mail, "Authentication-Results", forged_results, g) +
           milter_mail_strip(mail, "Received-SPF", forged_spf, g);
}

/* --- conversations --- */

static void on_verdict(void *arg, const struct why *w);

static struct talk *talk_new(struct filters *f, const struct chain_set *set)
{
    struct talk *t = mem_new(sizeof *t);
    t->f = f;
    t->gen = f->gen;
    t->gen->refs++;
    t->chain = chain_new(set, on_verdict, t);
    t->next = f->talk;
    if (t->next != NULL)
        t->next->prev = t;
    f->talk = t;
    struct milter_facts *facts = chain_facts(t->chain);
    milter_macro_set(facts, "j", f->g->conf->hostname);
    milter_macro_set(facts, "v", STR("njegate"));
    return t;
}

static void talk_free(struct talk *t)
{
    if (t->prev != NULL)
        t->prev->next = t->next;
    else
        t->f->talk = t->next;
    if (t->next != NULL)
        t->next->prev = t->prev;
    chain_free(&t->chain);
    generation_leave(&t->gen);
    free(t->command);
    free(t);
}

/* The verdict on a mail's content. What is left of a conversation nobody has any more goes. */
static void end_content(struct talk *t, const struct why *w)
{
    filter_fn *fn = t->fn;
    void *arg = t->arg;
    bool discard = w == NULL && chain_discards(t->chain);
    struct why copy;
    if (w != NULL)
        copy = *w;
    t->doing = DOING_NOTHING;
    if (t->s == NULL)
        talk_free(t);
    fn(arg, w != NULL ? &copy : NULL, discard);
}

static void nje_verdict(struct talk *t, const struct why *w);

static void on_verdict(void *arg, const struct why *w)
{
    struct talk *t = arg;
    if (t->nje.mail != NULL) {
        nje_verdict(t, w);
    } else if (t->doing == DOING_GATE) {
        t->doing = DOING_NOTHING;
        smtpd_answer(t->s, w);
    } else {
        end_content(t, w);
    }
}

void filters_close(struct filters *f)
{
    struct why w;
    if (f == NULL)
        return;
    (void)why_set(&w, E_TEMP, 421, "4.3.2", "%.*s is shutting down, try again later",
                  STR_ARG(f->g->conf->hostname));
    for (struct talk *t = f->talk; t != NULL;) {
        if (t->doing == DOING_CONTENT) {
            filter_fn *fn = t->fn;
            void *arg = t->arg;
            if (t->s != NULL)
                *smtpd_user(t->s, SMTPD_FILTERS) = NULL;
            talk_free(t);
            fn(arg, &w, false);
            t = f->talk; /* anything may have gone with it */
        } else {
            t = t->next;
        }
    }
}

void filters_free(struct filters **f)
{
    if (*f == NULL)
        return;
    filters_close(*f);
    while ((*f)->talk != NULL)
        talk_free((*f)->talk);
    generation_leave(&(*f)->gen);
    free(*f);
    *f = NULL;
}

/* --- the SMTP door --- */

static void set_text(char *to, size_t size, struct milter_facts *facts, const char *macro,
                     struct str value)
{
    str_copy(to, size, value);
    if (macro != NULL)
        milter_macro_set(facts, macro, str_of(to));
}

static void know_client(struct talk *t, const struct smtpd_facts *s)
{
    static const char *const resolved[] = {[RDNS_UNASKED] = "FAIL",
                                           [RDNS_CONFIRMED] = "OK",
                                           [RDNS_NONE] = "FAIL",
                                           [RDNS_OTHER] = "FORGED",
                                           [RDNS_FAILED] = "TEMP"};
    struct milter_facts *facts = chain_facts(t->chain);
    facts->peer = *s->peer;
    endpoint_text(s->peer, false, t->addr);
    endpoint_text(s->local, false, t->local);
    if (s->client->name[0] != '\0') {
        str_copy(t->client, sizeof t->client, str_of(s->client->name));
        snprintf(t->both, sizeof t->both, "%s [%s]", t->client, t->addr);
    } else {
        snprintf(t->client, sizeof t->client, "[%s]", t->addr);
        str_copy(t->both, sizeof t->both, str_of(t->client));
    }
    str_copy(t->ptr, sizeof t->ptr,
             s->client->ptr[0] != '\0' ? str_of(s->client->ptr) : STR("unknown"));
    snprintf(t->port, sizeof t->port, "%u", endpoint_port(s->peer));
    facts->client_name = str_of(t->client);
    milter_macro_set(facts, "{daemon_name}", STR("SMTP"));
    milter_macro_set(facts, "{daemon_addr}", str_of(t->local));
    milter_macro_set(facts, "{if_addr}", str_of(t->local));
    milter_macro_set(facts, "{client_addr}", str_of(t->addr));
    milter_macro_set(facts, "{client_name}", str_of(t->client));
    milter_macro_set(facts, "{client_port}", str_of(t->port));
    milter_macro_set(facts, "{client_ptr}", str_of(t->ptr));
    milter_macro_set(facts, "{client_resolve}", str_of(resolved[s->client->status]));
    milter_macro_set(facts, "_", str_of(t->both));
}

static void know_helo(struct talk *t, const struct smtpd_facts *s)
{
    struct milter_facts *facts = chain_facts(t->chain);
    struct str rest = str_of(s->tls), version = str_word(&rest), cipher = str_word(&rest);
    str_copy(t->helo, sizeof t->helo, s->helo);
    facts->helo = str_of(t->helo);
    set_text(t->tls, sizeof t->tls, facts, "{tls_version}", version);
    set_text(t->cipher, sizeof t->cipher, facts, "{cipher}", cipher);
    bool strong = strstr(t->cipher, "256") != NULL || strstr(t->cipher, "CHACHA") != NULL;
    set_text(t->bits, sizeof t->bits, facts, "{cipher_bits}",
             cipher.n == 0 ? STR("")
             : strong      ? STR("256")
                           : STR("128"));
}

/* What belonged to an earlier mail went with it. */
static void forget_mail(struct talk *t)
{
    static const char *const gone[] = {"{mail_addr}", "{mail_host}", "{auth_authen}", "{rcpt_addr}",
                                       "{rcpt_host}"};
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++)
        milter_macro_set(chain_facts(t->chain), gone[i], STR(""));
}

static void know_mail(struct talk *t, const struct smtpd_mail *m)
{
    struct milter_facts *facts = chain_facts(t->chain);
    struct buf b;
    facts->sender = m->sender.text;
    buf_init(&b, sizeof t->params);
    if (m->params.size > 0)
        buf_printf(&b, "SIZE=%llu", (unsigned long long)m->params.size);
    if (m->params.eightbit)
        buf_printf(&b, "%sBODY=8BITMIME", b.n > 0 ? " " : "");
    str_copy(t->params, sizeof t->params, buf_text(&b));
    buf_done(&b);
    facts->sender_params = str_of(t->params);
    milter_macro_set(facts, "{mail_addr}", m->sender.text);
    milter_macro_set(facts, "{mail_host}", m->sender.domain);
    milter_macro_set(facts, "{mail_mailer}", STR("esmtp"));
    milter_macro_set(facts, "{auth_type}", m->login.n > 0 ? STR("PLAIN") : STR(""));
    milter_macro_set(facts, "{auth_authen}", m->login);
    milter_macro_set(facts, "i", STR(""));
    milter_macro_set(facts, "{nrcpts}", STR(""));
}

static void know_rcpt(struct talk *t, const struct smtpd_rcpt *r)
{
    struct milter_facts *facts = chain_facts(t->chain);
    facts->rcpt = r->path.text;
    milter_macro_set(facts, "{rcpt_addr}", r->path.text);
    milter_macro_set(facts, "{rcpt_host}", r->path.domain);
    milter_macro_set(facts, "{rcpt_mailer}", STR("nje"));
}

/* As Sendmail tells it: the mailer "error", the status for a host and the words for an address. */
static void know_refused(struct talk *t, const struct smtpd_facts *s)
{
    struct milter_facts *facts = chain_facts(t->chain);
    facts->rcpt = s->rcpt != NULL ? s->rcpt->path.text : STR("");
    milter_macro_set(facts, "{rcpt_mailer}", STR("error"));
    set_text(t->enh, sizeof t->enh, facts, "{rcpt_host}", str_of(why_enh(s->refusal)));
    set_text(t->text, sizeof t->text, facts, "{rcpt_addr}", str_of(s->refusal->text));
}

/* The line is gone before a filter that has yet to be connected to hears of it. */
static void know_command(struct talk *t, struct str line)
{
    free(t->command);
    t->command = mem_copy(line.p, line.n);
    chain_facts(t->chain)->command = str_of(t->command);
}

static void know(struct talk *t, struct smtpd_session *s, enum smtpd_stage stage)
{
    struct smtpd_facts now;
    smtpd_facts(s, &now);
    if (chain_facts(t->chain)->client_name.n == 0)
        know_client(t, &now);
    if (stage == SMTPD_AT_HELO || stage == SMTPD_AT_MAIL)
        forget_mail(t);
    if (stage != SMTPD_AT_CONNECT)
        know_helo(t, &now);
    if (stage == SMTPD_AT_MAIL)
        know_mail(t, now.mail);
    if (stage == SMTPD_AT_RCPT)
        know_rcpt(t, now.rcpt);
    if (stage == SMTPD_AT_REFUSED)
        know_refused(t, &now);
    if (stage == SMTPD_AT_UNKNOWN)
        know_command(t, now.command);
}

int filter_gate(struct filters *f, struct smtpd_session *s, enum smtpd_stage stage, struct why *w)
{
    static const enum milter_place places[] = {
        [SMTPD_AT_CONNECT] = MILTER_AT_CONNECT, [SMTPD_AT_HELO] = MILTER_AT_HELO,
        [SMTPD_AT_MAIL] = MILTER_AT_MAIL,       [SMTPD_AT_RCPT] = MILTER_AT_RCPT,
        [SMTPD_AT_DATA] = MILTER_AT_DATA,       [SMTPD_AT_REFUSED] = MILTER_AT_REFUSED,
        [SMTPD_AT_UNKNOWN] = MILTER_AT_UNKNOWN};
    struct talk *t = *smtpd_user(s, SMTPD_FILTERS);
    (void)w;
    if (f == NULL || f->stopped)
        return 0;
    if (t == NULL && (f->gen->smtp_set.n == 0 || stage > SMTPD_AT_MAIL))
        return 0;
    if (t == NULL) {
        t = talk_new(f, &f->gen->smtp_set);
        t->s = s;
        *smtpd_user(s, SMTPD_FILTERS) = t;
    }
    know(t, s, stage);
    if (!chain_ask(t->chain, places[stage]))
        return 0;
    t->doing = DOING_GATE;
    return SMTPD_LATER;
}

void filter_gone(struct filters *f, struct smtpd_session *s)
{
    struct talk *t = *smtpd_user(s, SMTPD_FILTERS);
    (void)f;
    if (t == NULL)
        return;
    *smtpd_user(s, SMTPD_FILTERS) = NULL;
    t->s = NULL;
    if (t->doing != DOING_CONTENT) /* else the verdict on its mail still counts */
        talk_free(t);
}

enum filter_answer filter_content(struct filters *f, struct smtpd_mail *m, struct milter_mail *mail,
                                  msg_id id, filter_fn *fn, void *arg)
{
    struct talk *t = m->session != NULL ? *smtpd_user(m->session, SMTPD_FILTERS) : NULL;
    if (t == NULL || f == NULL || f->stopped)
        return FILTER_GO_ON;
    struct milter_facts *facts = chain_facts(t->chain);
    snprintf(t->id, sizeof t->id, MSG_ID_FMT, MSG_ID_ARG(id));
    snprintf(t->nrcpts, sizeof t->nrcpts, "%zu", m->nrcpt);
    milter_macro_set(facts, "i", str_of(t->id));
    milter_macro_set(facts, "{nrcpts}", str_of(t->nrcpts));
    t->fn = fn;
    t->arg = arg;
    if (!chain_content(t->chain, mail))
        return chain_discards(t->chain) ? FILTER_DISCARDS : FILTER_GO_ON;
    t->doing = DOING_CONTENT;
    return FILTER_LATER;
}

/* --- the NJE door --- */

static void know_nje(struct talk *t)
{
    const struct gate *g = t->f->g;
    struct milter_facts *facts = chain_facts(t->chain);
    const struct milter_mail *m = t->nje.mail;
    ptrdiff_t at = str_find_last(m->sender, '@');
    facts->peer = (union endpoint){.in4 = {.sin_family = AF_INET}};
    facts->peer.in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    facts->client_name = STR("localhost");
    facts->helo = g->conf->hostname;
    facts->sender = m->sender;
    snprintf(t->id, sizeof t->id, MSG_ID_FMT, MSG_ID_ARG(t->nje.id));
    snprintf(t->nrcpts, sizeof t->nrcpts, "%zu", m->nrcpt);
    str_copy(t->user, sizeof t->user, t->nje.user);
    milter_macro_set(facts, "{daemon_name}", t->nje.report ? STR("REPORTS") : STR("NJE"));
    milter_macro_set(facts, "{client_addr}", STR("127.0.0.1"));
    milter_macro_set(facts, "{client_name}", STR("localhost"));
    milter_macro_set(facts, "{client_ptr}", STR("localhost"));
    milter_macro_set(facts, "{client_resolve}", STR("OK"));
    milter_macro_set(facts, "_", STR("localhost [127.0.0.1]"));
    milter_macro_set(facts, "{auth_type}", t->nje.report ? STR("") : STR("NJE"));
    milter_macro_set(facts, "{auth_authen}", str_of(t->user));
    milter_macro_set(facts, "{mail_addr}", m->sender);
    milter_macro_set(facts, "{mail_host}",
                     at < 0 ? STR("") : str_sub(m->sender, (size_t)at + 1, m->sender.n));
    milter_macro_set(facts, "{mail_mailer}", STR("nje"));
    milter_macro_set(facts, "i", str_of(t->id));
    milter_macro_set(facts, "{nrcpts}", str_of(t->nrcpts));
}

static void know_nje_rcpt(struct talk *t)
{
    struct milter_facts *facts = chain_facts(t->chain);
    struct str addr = t->nje.mail->rcpt[t->rcpt].addr;
    ptrdiff_t at = str_find_last(addr, '@');
    facts->rcpt = addr;
    milter_macro_set(facts, "{rcpt_addr}", addr);
    milter_macro_set(facts, "{rcpt_host}",
                     at < 0 ? STR("") : str_sub(addr, (size_t)at + 1, addr.n));
    milter_macro_set(facts, "{rcpt_mailer}", STR("esmtp"));
}

/* To the next place; false when the mail has been through all. */
static bool nje_advance(struct talk *t)
{
    if (t->place == MILTER_AT_RCPT && ++t->rcpt < t->nje.mail->nrcpt)
        return true;
    if (t->place == MILTER_AT_EOM)
        return false;
    t->place++;
    return true;
}

static bool nje_left(const struct milter_mail *m)
{
    for (size_t i = 0; i < m->nrcpt; i++)
        if (!m->rcpt[i].gone)
            return true;
    return false;
}

/* On to the first place where an answer has to be awaited. */
static void nje_go_on(struct talk *t)
{
    do {
        if (chain_discards(t->chain) || (t->place == MILTER_AT_DATA && !nje_left(t->nje.mail)))
            break;
        if (t->place == MILTER_AT_RCPT)
            know_nje_rcpt(t);
        if (t->place == MILTER_AT_EOM ? chain_content(t->chain, t->nje.mail)
                                      : chain_ask(t->chain, t->place))
            return;
    } while (nje_advance(t));
    end_content(t, NULL);
}

static void nje_verdict(struct talk *t, const struct why *w)
{
    if (w != NULL && t->place == MILTER_AT_RCPT && !why_is_temp(w)) {
        t->nje.mail->rcpt[t->rcpt].gone = true;
        t->nje.refused(t->arg, t->rcpt, w);
        w = NULL;
    }
    if (w == NULL && nje_advance(t))
        nje_go_on(t);
    else
        end_content(t, w);
}

void filter_nje(struct filters *f, const struct filter_nje *n)
{
    struct talk *t = talk_new(f, n->report ? &f->gen->report_set : &f->gen->nje_set);
    t->nje = *n;
    t->fn = n->fn;
    t->arg = n->arg;
    t->doing = DOING_CONTENT;
    t->place = MILTER_AT_CONNECT;
    know_nje(t);
    nje_go_on(t);
}
