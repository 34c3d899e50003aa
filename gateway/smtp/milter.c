/* gateway/smtp/milter.c -- a filter and conversations with it. */
#include "gateway/smtp/milter.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define QUEUED_MAX 262144u /* octets of a mail on their way to a filter */
#define PATIENCE 4         /* progress prolongs a wait to so many times its limit */
/* A filter that took too long to connect to is left alone for so long, twice that each time it
 * happens again, so that mail does not wait for it one by one. */
#define REST_FIRST_MS 10000
#define REST_MOST_MS 120000
#define FIELD_MAX 60000u /* a longer field is cut: libmilter takes no more than 64 KiB at once */

enum state {
    CLOSED,   /* no connection yet */
    OPENING,  /* connecting, then agreeing on options */
    READY,    /* nothing is asked */
    ASKED,    /* an answer is awaited */
    FEEDING,  /* the mail goes to the filter, no answer to a single packet is awaited */
    STEPPING, /* an answer to one packet of the mail is awaited */
    ENDING,   /* the verdict on the mail is awaited */
    DEAD,     /* t->why tells */
};
enum step { STEP_HEADER, STEP_EOH, STEP_BODY, STEP_EOM };

struct milter {
    struct milter_set set;
    struct milter_stat stat;
    struct buf out;    /* packets on their way to a stream */
    struct buf value;  /* of one field */
    struct buf packet; /* the data of the one at hand */
    int64_t rest_ms;   /* 0: it is not left alone */
    struct mono rest_until;
    const struct milter_talk *probe; /* finds out whether it is back; others do not wait for that */
};
struct milter_talk {
    struct milter *m;
    const struct milter_facts *facts;
    milter_fn *fn;
    void *arg;
    struct stream *stream;
    struct timer timer;
    struct arena *macros; /* holds the names of opt.macros */
    struct milter_options opt;
    enum state state;
    enum milter_place place; /* asked about, or to be asked when the connection stands */
    struct mono patience;    /* progress prolongs nothing past this */
    struct mono since;       /* the end of the mail was told */
    bool in_mail;            /* the filter was told of a mail and has not yet seen its end */
    bool busy;               /* its input is being handled: */
    bool freed;              /* the rest of it goes when that is done */
    /* the mail */
    struct milter_mail *mail;
    struct milter_edits edits;
    enum step step;
    size_t at; /* field, or octet of the body */
    struct why why;
};

static stream_fn on_stream;
static void begin(struct milter_talk *t);

/* --- a filter --- */

struct milter *milter_new(const struct milter_set *set)
{
    struct milter *m = mem_new(sizeof *m);
    m->set = *set;
    if (m->set.connect_ms == 0)
        m->set.connect_ms = 30000;
    if (m->set.command_ms == 0)
        m->set.command_ms = 30000;
    if (m->set.content_ms == 0)
        m->set.content_ms = 300000;
    buf_init(&m->out, 2u << 20);
    buf_init(&m->value, FIELD_MAX);
    buf_init(&m->packet, MILTER_PACKET_MAX);
    return m;
}

void milter_free(struct milter **mp)
{
    struct milter *m = *mp;
    if (m == NULL)
        return;
    *mp = NULL;
    buf_done(&m->out);
    buf_done(&m->value);
    buf_done(&m->packet);
    free(m);
}

const struct milter_stat *milter_stat(const struct milter *m)
{
    return &m->stat;
}

/* --- macros --- */

void milter_macro_set(struct milter_facts *f, const char *name, struct str value)
{
    size_t i = 0;
    while (i < f->nmacro && !str_eq(f->macro[i].name, str_of(name)))
        i++;
    if (i == MILTER_MACROS_MAX)
        return;
    f->macro[i].name = str_of(name);
    f->macro[i].value = value;
    f->nmacro = i == f->nmacro ? i + 1 : f->nmacro;
}

/* What filters that do not choose are told, as Sendmail and Postfix do by default. */
static const char *const usual[MILTER_PLACES] = {
    [MILTER_AT_CONNECT] = "j _ v {daemon_name} {daemon_addr} {daemon_port} {if_name} {if_addr} "
                          "{client_addr} {client_name} {client_port} {client_ptr} {client_resolve}",
    [MILTER_AT_HELO] = "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}",
    [MILTER_AT_MAIL] = "i {auth_type} {auth_authen} {auth_author} {auth_ssf} {mail_addr} "
                       "{mail_host} {mail_mailer}",
    [MILTER_AT_RCPT] = "i {rcpt_addr} {rcpt_host} {rcpt_mailer}",
    [MILTER_AT_DATA] = "i {nrcpts}",
    [MILTER_AT_EOH] = "i",
    [MILTER_AT_EOM] = "i {msg_id} {nrcpts}",
};
static const char command_of[MILTER_QUESTIONS] = {
    [MILTER_AT_CONNECT] = 'C', [MILTER_AT_HELO] = 'H',    [MILTER_AT_MAIL] = 'M',
    [MILTER_AT_RCPT] = 'R',    [MILTER_AT_DATA] = 'T',    [MILTER_AT_EOM] = 'E',
    [MILTER_AT_EOH] = 'N',     [MILTER_AT_REFUSED] = 'R', [MILTER_AT_UNKNOWN] = 'U',
};

/* A filter may name a macro of several letters with its braces or without. */
static bool same_macro(struct str known, struct str asked)
{
    if (known.n > 2 && known.p[0] == '{' && asked.n > 0 && asked.p[0] != '{')
        known = str_sub(known, 1, known.n - 2);
    return str_eq(known, asked);
}

static void put_macros(struct milter_talk *t, enum milter_place place)
{
    const struct milter_facts *f = t->facts;
    struct buf *b = &t->m->out;
    if (place == MILTER_AT_UNKNOWN)
        return; /* has none */
    if (place == MILTER_AT_REFUSED)
        place = MILTER_AT_RCPT;
    struct str names = t->opt.chosen[place] ? t->opt.macros[place] : str_of(usual[place]);
    size_t begun = SIZE_MAX;
    for (struct str name = str_word(&names); name.n > 0; name = str_word(&names))
        for (size_t i = 0; i < f->nmacro; i++) {
            if (!same_macro(f->macro[i].name, name) || f->macro[i].value.n == 0)
                continue;
            if (begun == SIZE_MAX)
                begun = milter_macros_begin(b, command_of[place]);
            milter_macro(b, name, f->macro[i].value);
        }
    if (begun != SIZE_MAX)
        milter_macros_end(b, begun);
}

/* --- the state of a conversation --- */

static void on_time(void *arg);
static void end_probe(const struct milter_talk *t);

static void wait_for(struct milter_talk *t, int64_t ms)
{
    loop_arm(t->m->set.loop, &t->timer, ms, on_time, t);
}

/* An answer is awaited from now on. */
static void await(struct milter_talk *t, enum state state, int64_t ms)
{
    t->state = state;
    t->patience = mono_in(PATIENCE * ms);
    wait_for(t, ms);
}

static int64_t limit_of(const struct milter_talk *t)
{
    return t->state == OPENING  ? t->m->set.connect_ms
           : t->state == ENDING ? t->m->set.content_ms
                                : t->m->set.command_ms;
}

static void drop_mail(struct milter_talk *t)
{
    if (t->mail != NULL)
        milter_edits_done(&t->edits);
    t->mail = NULL;
}

static void count(struct milter_talk *t, enum milter_verdict v, const struct why *w)
{
    struct milter_stat *s = &t->m->stat;
    s->refused += v == MILTER_REFUSE;
    s->failed += v == MILTER_BROKEN;
    s->broken = v == MILTER_BROKEN;
    if (v == MILTER_BROKEN)
        s->why = *w;
}

/* The verdict; the conversation may be gone afterwards. */
static void tell(struct milter_talk *t, enum milter_verdict v, const struct why *w)
{
    count(t, v, w);
    t->fn(t->arg, v, w);
}

static void answer(struct milter_talk *t, enum milter_verdict v, const struct why *w)
{
    loop_disarm(t->m->set.loop, &t->timer);
    drop_mail(t);
    t->state = READY;
    tell(t, v, w);
}

static void die(struct milter_talk *t, const struct why *w)
{
    t->why = *w;
    t->state = DEAD;
    end_probe(t);
    drop_mail(t);
    loop_disarm(t->m->set.loop, &t->timer);
    if (t->stream != NULL)
        stream_free(&t->stream);
}

/* It is over, and somebody waits for an answer. */
static void fail(struct milter_talk *t, const struct why *w)
{
    bool waited = t->state != READY && t->state != DEAD;
    struct why why = *w;
    die(t, w);
    if (waited)
        tell(t, MILTER_BROKEN, &why);
}

static void fail_text(struct milter_talk *t, const char *text)
{
    struct why w;
    (void)why_set(&w, E_TEMP, 451, "4.7.1", "%s", text);
    fail(t, &w);
}

static void say_dead(void *arg)
{
    struct milter_talk *t = arg;
    struct why why = t->why;
    tell(t, MILTER_BROKEN, &why);
}

/* --- a filter that is left alone --- */

static void rest(struct milter *m)
{
    m->rest_ms = m->rest_ms == 0 ? REST_FIRST_MS : 2 * m->rest_ms;
    if (m->rest_ms > REST_MOST_MS)
        m->rest_ms = REST_MOST_MS;
    m->rest_until = mono_in(m->rest_ms);
}

static bool rests(const struct milter *m)
{
    return m->rest_ms > 0 && (m->probe != NULL || mono_now().us < m->rest_until.us);
}

static void end_probe(const struct milter_talk *t)
{
    if (t->m->probe == t)
        t->m->probe = NULL;
}

static void on_time(void *arg)
{
    struct milter_talk *t = arg;
    if (t->state == OPENING)
        rest(t->m);
    fail_text(t, t->state == OPENING ? "no connection in time" : "no answer in time");
}

static void send_out(struct milter_talk *t)
{
    stream_puts(t->stream, buf_text(&t->m->out));
    buf_reset(&t->m->out);
}

/* --- the connection --- */

static void connect_to(struct milter_talk *t)
{
    struct milter *m = t->m;
    if (rests(m)) {
        (void)why_set(&t->why, E_TEMP, 451, "4.7.1", "it did not connect in time lately");
        t->state = DEAD;
        loop_arm(m->set.loop, &t->timer, 0, say_dead, t);
        return;
    }
    m->probe = m->rest_ms > 0 ? t : NULL;
    t->stream = m->set.path.n > 0
                    ? stream_connect_unix(m->set.loop, m->set.path.p, on_stream, t, &t->why)
                    : stream_connect(m->set.loop, &m->set.at, NULL, on_stream, t);
    if (t->stream == NULL) {
        end_probe(t);
        t->state = DEAD;
        loop_arm(m->set.loop, &t->timer, 0, say_dead, t);
        return;
    }
    stream_limit(t->stream, MILTER_PACKET_MAX + 4);
    await(t, OPENING, m->set.connect_ms);
}

static void offer_options(struct milter_talk *t)
{
    milter_put_options(&t->m->out, MILTER_VERSION, MILTER_MAY_ALL, MILTER_STEPS_OFFERED);
    send_out(t);
}

static void take_options(struct milter_talk *t, char letter, struct cur data)
{
    struct why w;
    if (letter != 'O') {
        fail_text(t, "it does not agree on options: no milter?");
        return;
    }
    if (milter_read_options(data, &t->opt, &w) < 0) {
        fail(t, &w);
        return;
    }
    t->opt.actions &= MILTER_MAY_ALL;
    t->opt.steps &= MILTER_STEPS_OFFERED;
    if (t->macros == NULL)
        t->macros = arena_new(MILTER_PACKET_MAX);
    for (size_t i = 0; i < MILTER_PLACES; i++)
        t->opt.macros[i] = arena_str(t->macros, t->opt.macros[i]);
    loop_disarm(t->m->set.loop, &t->timer);
    end_probe(t);
    t->m->rest_ms = 0;
    begin(t);
}

/* --- questions --- */

struct milter_talk *milter_talk_new(struct milter *m, const struct milter_facts *f, milter_fn *fn,
                                    void *arg)
{
    struct milter_talk *t = mem_new(sizeof *t);
    t->m = m;
    t->facts = f;
    t->fn = fn;
    t->arg = arg;
    m->stat.open++;
    return t;
}

void milter_talk_free(struct milter_talk **tp)
{
    struct milter_talk *t = *tp;
    if (t == NULL)
        return;
    *tp = NULL;
    end_probe(t);
    drop_mail(t);
    loop_disarm(t->m->set.loop, &t->timer);
    if (t->stream != NULL && t->state == READY) {
        milter_put_empty(&t->m->out, 'Q');
        send_out(t);
        stream_finish(&t->stream);
    } else if (t->stream != NULL) {
        stream_free(&t->stream);
    }
    arena_free(&t->macros);
    t->m->stat.open--;
    t->freed = true;
    if (!t->busy)
        free(t);
}

/* Does the filter want to be told, and will it answer? */
static const struct {
    uint32_t unwanted, unanswered;
} terms[MILTER_QUESTIONS] = {
    [MILTER_AT_CONNECT] = {MILTER_NO_CONNECT, MILTER_NR_CONNECT},
    [MILTER_AT_HELO] = {MILTER_NO_HELO, MILTER_NR_HELO},
    [MILTER_AT_MAIL] = {MILTER_NO_MAIL, MILTER_NR_MAIL},
    [MILTER_AT_RCPT] = {MILTER_NO_RCPT, MILTER_NR_RCPT},
    [MILTER_AT_DATA] = {MILTER_NO_DATA, MILTER_NR_DATA},
    [MILTER_AT_EOH] = {MILTER_NO_EOH, MILTER_NR_EOH},
    [MILTER_AT_REFUSED] = {MILTER_NO_RCPT, MILTER_NR_RCPT},
    [MILTER_AT_UNKNOWN] = {MILTER_NO_UNKNOWN, MILTER_NR_UNKNOWN},
};

static bool wanted(const struct milter_talk *t, enum milter_place place)
{
    return (t->opt.steps & terms[place].unwanted) == 0 &&
           (place != MILTER_AT_DATA || t->opt.version >= 4) &&
           (place != MILTER_AT_UNKNOWN || t->opt.version >= 3) &&
           (place != MILTER_AT_REFUSED || (t->opt.steps & MILTER_WANTS_REFUSED) != 0);
}

static void put_question(struct milter_talk *t)
{
    const struct milter_facts *f = t->facts;
    struct buf *b = &t->m->out;
    put_macros(t, t->place);
    switch (t->place) {
    case MILTER_AT_CONNECT:
        milter_put_connect(b, f->client_name, &f->peer);
        break;
    case MILTER_AT_HELO:
        milter_put_helo(b, f->helo);
        break;
    case MILTER_AT_MAIL:
        milter_put_path(b, 'M', f->sender, f->sender_params);
        break;
    case MILTER_AT_RCPT:
    case MILTER_AT_REFUSED:
        milter_put_path(b, 'R', f->rcpt, f->rcpt_params);
        break;
    case MILTER_AT_UNKNOWN:
        milter_put_unknown(b, f->command);
        break;
    default:
        milter_put_empty(b, command_of[t->place]);
        break;
    }
    send_out(t);
}

/* Ask what t->place says, the connection standing. False: no answer will come. */
static bool put_and_wait(struct milter_talk *t)
{
    t->in_mail = t->in_mail || t->place == MILTER_AT_MAIL;
    t->state = READY;
    if (!wanted(t, t->place))
        return false;
    put_question(t);
    if ((t->opt.steps & terms[t->place].unanswered) != 0)
        return false;
    await(t, ASKED, t->m->set.command_ms);
    return true;
}

/* The connection has come to stand for a question. */
static void begin(struct milter_talk *t)
{
    if (!put_and_wait(t))
        answer(t, MILTER_GO_ON, NULL);
}

bool milter_ask(struct milter_talk *t, enum milter_place place)
{
    t->place = place;
    if (t->state == DEAD) {
        loop_arm(t->m->set.loop, &t->timer, 0, say_dead, t);
        return true;
    }
    if (t->state == CLOSED) {
        connect_to(t);
        return true;
    }
    return put_and_wait(t);
}

void milter_abort(struct milter_talk *t)
{
    if (t->in_mail && t->state == READY) {
        milter_put_empty(&t->m->out, 'A');
        send_out(t);
    }
    t->in_mail = false;
}

/* --- content --- */

/* Unfolded as the protocol wants it: line ends inside are LF, and blanks before it only where
 * agreed. */
static void put_field(struct milter_talk *t, const struct milter_field *f)
{
    struct buf *v = &t->m->value;
    struct str value = f->value;
    buf_reset(v);
    if ((t->opt.steps & MILTER_LEADING_SPACE) == 0)
        while (value.n > 0 && (value.p[0] == ' ' || value.p[0] == '\t'))
            value = str_sub(value, 1, value.n);
    for (size_t i = 0; i < value.n && v->n < FIELD_MAX; i++)
        if (value.p[i] != '\r' || i + 1 >= value.n || value.p[i + 1] != '\n')
            buf_u8(v, (uint8_t)value.p[i]);
    milter_put_header(&t->m->out, f->name, buf_text(v));
}

static void put_step(struct milter_talk *t, uint32_t unanswered)
{
    send_out(t);
    if ((t->opt.steps & unanswered) == 0)
        await(t, STEPPING, t->m->set.command_ms);
}

static void next_field(struct milter_talk *t)
{
    const struct milter_mail *m = t->mail;
    while (t->at < m->nfield && m->field[t->at].own)
        t->at++;
    if (t->at == m->nfield || (t->opt.steps & MILTER_NO_HEADERS) != 0) {
        t->step = STEP_EOH;
        t->at = 0;
        return;
    }
    put_field(t, &m->field[t->at++]);
    put_step(t, MILTER_NR_HEADER);
}

static void end_header(struct milter_talk *t)
{
    t->step = STEP_BODY;
    if (wanted(t, MILTER_AT_EOH)) {
        put_macros(t, MILTER_AT_EOH);
        milter_put_empty(&t->m->out, 'N');
        put_step(t, MILTER_NR_EOH);
    }
}

static void next_piece(struct milter_talk *t)
{
    struct str piece = str_sub(t->mail->body, t->at, MILTER_CHUNK);
    if (piece.n == 0 || (t->opt.steps & MILTER_NO_BODY) != 0) {
        t->step = STEP_EOM;
        return;
    }
    t->at += piece.n;
    milter_put_body(&t->m->out, cur_of_str(piece));
    put_step(t, MILTER_NR_BODY);
}

static void end_mail(struct milter_talk *t)
{
    put_macros(t, MILTER_AT_EOM);
    milter_put_empty(&t->m->out, 'E');
    send_out(t);
    t->since = mono_now();
    t->place = MILTER_AT_EOM;
    await(t, ENDING, t->m->set.content_ms);
}

/* As much of the mail as goes out now; the rest follows STREAM_DRAINED or an answer. */
static void feed(struct milter_talk *t)
{
    static void (*const steps[])(struct milter_talk *) = {[STEP_HEADER] = next_field,
                                                          [STEP_EOH] = end_header,
                                                          [STEP_BODY] = next_piece,
                                                          [STEP_EOM] = end_mail};
    while (t->state == FEEDING && stream_queued(t->stream) < QUEUED_MAX)
        steps[t->step](t);
    if (t->state == FEEDING)
        wait_for(t, t->m->set.command_ms); /* to take some of it */
}

bool milter_content(struct milter_talk *t, struct milter_mail *mail)
{
    t->place = MILTER_AT_EOM;
    if (t->state == DEAD) {
        loop_arm(t->m->set.loop, &t->timer, 0, say_dead, t);
        return true;
    }
    t->mail = mail;
    milter_edits_init(&t->edits, mail->max);
    t->step = STEP_HEADER;
    t->at = 0;
    t->state = FEEDING;
    t->m->stat.mails++;
    feed(t);
    return true;
}

/* The filter is content with the mail: now its changes count. */
static void end_content(struct milter_talk *t, enum milter_verdict v)
{
    struct why w;
    t->in_mail = false;
    t->m->stat.total_ms += mono_ms(t->since, mono_now());
    if (milter_mail_apply(t->mail, &t->edits, (t->opt.steps & MILTER_LEADING_SPACE) != 0, &w) < 0)
        answer(t, MILTER_REFUSE, &w);
    else
        answer(t, v, NULL);
}

static void prolong(struct milter_talk *t)
{
    int64_t ms = limit_of(t), left = mono_ms(mono_now(), t->patience);
    wait_for(t, left <= 0 ? 0 : left < ms ? left : ms);
}

static void take_edit(struct milter_talk *t, const struct milter_reply *r)
{
    struct why w;
    uint32_t needs = milter_needs(r->letter);
    if (t->state != ENDING)
        fail_text(t, "it changes a mail before its end");
    else if ((t->opt.actions & needs) == 0)
        fail_text(t, "it makes a change it did not ask to be allowed");
    else if (milter_edit_add(&t->edits, r, &w) < 0)
        fail(t, &w);
    else
        prolong(t);
}

/* --- answers --- */

static void go_on(struct milter_talk *t)
{
    if (t->state == STEPPING) {
        t->state = FEEDING;
        feed(t);
    } else if (t->state == ENDING) {
        end_content(t, MILTER_GO_ON);
    } else {
        answer(t, MILTER_GO_ON, NULL);
    }
}

static void refuse(struct milter_talk *t, int code, const char *text)
{
    struct why w;
    (void)why_set(&w, code < 500 ? E_TEMP : E_DENIED, code, code < 500 ? "4.7.1" : "5.7.1", "%s",
                  text);
    if (t->state == ENDING)
        t->in_mail = false;
    answer(t, MILTER_REFUSE, &w);
}

static void take_skip(struct milter_talk *t)
{
    if (t->state != STEPPING || t->step != STEP_BODY) {
        fail_text(t, "it skips what is no body");
        return;
    }
    t->step = STEP_EOM;
    go_on(t);
}

static void take_reply(struct milter_talk *t, const struct milter_reply *r, const struct why *said)
{
    switch (r->letter) {
    case MILTER_CONTINUES:
        go_on(t);
        break;
    case MILTER_ACCEPTS:
        if (t->state == ENDING)
            end_content(t, MILTER_ACCEPT);
        else
            answer(t, MILTER_ACCEPT, NULL);
        break;
    case MILTER_DISCARDS:
        t->in_mail = t->in_mail && t->state != ENDING;
        answer(t, MILTER_DISCARD, NULL);
        break;
    case MILTER_REJECTS:
        refuse(t, 550,
               t->place == MILTER_AT_RCPT ? "Recipient refused by a filter"
                                          : "Refused by a filter");
        break;
    case MILTER_TEMPFAIL:
        refuse(t, 451, "A filter asks to try again later");
        break;
    case MILTER_CONN_FAIL:
        refuse(t, 421, "A filter ends this connection, try again later");
        break;
    case MILTER_REPLY:
        t->in_mail = t->in_mail && t->state != ENDING;
        answer(t, MILTER_REFUSE, said);
        break;
    case MILTER_PROGRESS:
        prolong(t);
        break;
    case MILTER_SKIP:
        take_skip(t);
        break;
    case MILTER_SHUTDOWN:
        fail_text(t, "it is shutting down");
        break;
    default:
        take_edit(t, r);
        break;
    }
}

static bool awaiting(const struct milter_talk *t)
{
    return t->state == ASKED || t->state == STEPPING || t->state == ENDING;
}

/* One whole packet off the stream into the filter's buffer: handling it may use the stream. */
static bool take_packet(struct milter_talk *t, char *letter, struct why *bad)
{
    struct cur in = stream_in(t->stream), data;
    size_t had = cur_left(&in);
    bad->err = OK;
    int v = milter_packet(&in, letter, &data, bad);
    if (v <= 0)
        return v < 0;
    buf_reset(&t->m->packet);
    buf_add(&t->m->packet, data.p, cur_left(&data));
    stream_take(t->stream, had - cur_left(&in));
    return true;
}

static void handle(struct milter_talk *t, char letter)
{
    struct why w, said;
    struct milter_reply r;
    struct cur data = buf_cur(&t->m->packet);
    if (t->state == OPENING)
        take_options(t, letter, data);
    else if (milter_read_reply(letter, data, &r, &said, &w) < 0)
        fail(t, &w);
    else if (!awaiting(t))
        fail_text(t, "it speaks unasked");
    else
        take_reply(t, &r, &said);
}

static void take_input(struct milter_talk *t)
{
    char letter;
    struct why bad;
    t->busy = true;
    while (!t->freed && t->stream != NULL && take_packet(t, &letter, &bad)) {
        if (bad.err != OK)
            fail(t, &bad);
        else
            handle(t, letter);
    }
    t->busy = false;
    if (t->freed)
        free(t);
}

static void on_stream(struct stream *s, enum stream_event ev, void *arg)
{
    struct milter_talk *t = arg;
    struct why w;
    switch (ev) {
    case STREAM_OPEN:
        offer_options(t);
        break;
    case STREAM_DATA:
        take_input(t);
        break;
    case STREAM_DRAINED:
        if (t->state == FEEDING)
            feed(t);
        break;
    case STREAM_EOF:
        (void)why_set(&w, E_GONE, 451, "4.7.1", "it has closed the connection");
        fail(t, &w);
        break;
    case STREAM_FAIL:
        w = *stream_why(s);
        fail(t, &w);
        break;
    case STREAM_SECURE:
    case STREAM_TIMEOUT:
        break;
    }
}
