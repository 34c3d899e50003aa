/* tests/unit/db/script.c -- see script.h */
#include "script.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/journal.h"
#include "db/nickrow.h"
#include "db/queue.h"
#include "db/readerrow.h"
#include "unit/unit.h"

#define JOURNAL_BASE 1000000u /* message number of a change's own journal row */

/* The model: what the rows are after some changes. */
struct model_message {
    bool there;
    unsigned left; /* recipients not settled, a bit each */
    unsigned tries;
    msg_id origin;
};
struct model {
    struct model_message m[SCRIPT_MOST * 2];
    msg_id last; /* number last used */
    unsigned nicks, readers, seen;
};

enum step_kind { ACCEPT, TRANSFORM, RETRY, SETTLE, PASS_THROUGH, READER, NICK, STEP_KINDS };
struct step {
    enum step_kind kind;
    msg_id id;
    unsigned n;
    bool lazy;
};

static unsigned draw(unsigned *lot, unsigned most)
{
    *lot = *lot * 1103515245u + 12345u;
    return (*lot >> 16) % most;
}

static size_t size_of(msg_id id)
{
    return id % 4 == 0 ? SCRIPT_INLINE + 1 + id % 5000 : id % (SCRIPT_INLINE - 1);
}

static unsigned rcpts_of(msg_id id)
{
    return 1 + (unsigned)(id % 3);
}

static msg_id pick(const struct model *m, unsigned *lot)
{
    msg_id from = m->last > 12 ? m->last - 12 : 0;
    for (unsigned i = 0; i < 8; i++) {
        msg_id id = from + 1 + draw(lot, 12);
        if (id <= m->last && m->m[id].there)
            return id;
    }
    return 0;
}

/* The next change, from the model alone: the same lot gives the same script. */
static struct step next_step(const struct model *m, unsigned *lot)
{
    struct step s = {.kind = (enum step_kind)draw(lot, STEP_KINDS)};
    s.lazy = draw(lot, 3) == 0;
    if (s.kind == TRANSFORM || s.kind == RETRY || s.kind == SETTLE) {
        s.id = pick(m, lot);
        if (s.id == 0)
            s.kind = ACCEPT;
    }
    if (s.kind == SETTLE)
        for (s.n = 0; (m->m[s.id].left >> s.n & 1) == 0;)
            s.n++;
    return s;
}

static void model_add(struct model *m, msg_id id, msg_id origin)
{
    m->m[id] =
        (struct model_message){.there = true, .left = (1u << rcpts_of(id)) - 1, .origin = origin};
    m->last = id > m->last ? id : m->last;
}

static void model_step(struct model *m, const struct step *s)
{
    switch (s->kind) {
    case ACCEPT:
        model_add(m, m->last + 1, m->last + 1);
        break;
    case TRANSFORM: {
        msg_id origin = m->m[s->id].origin;
        m->m[s->id].there = false;
        model_add(m, m->last + 1, origin);
        model_add(m, m->last + 1, origin);
        break;
    }
    case RETRY:
        m->m[s->id].tries++;
        break;
    case SETTLE:
        m->m[s->id].left &= ~(1u << s->n);
        m->m[s->id].there = m->m[s->id].left != 0;
        break;
    case PASS_THROUGH:
        m->last++; /* added and removed in one change */
        break;
    case READER:
        m->readers++;
        m->seen++;
        break;
    default:
        m->nicks++;
        break;
    }
}

static void op_add(struct script *s, struct change *c, msg_id id, msg_id origin)
{
    struct message *msg = fix_message(s->f, id, size_of(id), rcpts_of(id));
    msg->origin = origin;
    change_add(c, msg);
    message_free(&msg);
}

static void op_reader(struct script *s, struct change *c, const struct model *m)
{
    struct reader_row r = {.user = STR("U"),
                           .from = STR("A@B"),
                           .fn = STR("F"),
                           .ft = STR("T"),
                           .class = 'A',
                           .kind = STR("FILE")};
    struct body *b = fix_body(s->f, m->readers + 1, size_of(m->readers + 1));
    change_reader(c, &r, b);
    body_free(&b);
    char key[16];
    snprintf(key, sizeof key, "key%u", m->seen + 1);
    struct wall until = {INT64_MAX / 2};
    change_seen(c, str_of(key), until);
}

static void op_nick(struct change *c, const struct model *m)
{
    char nick[9];
    snprintf(nick, sizeof nick, "N%u", m->nicks + 1);
    struct nick_row r = {.nick = str_of(nick),
                         .mailbox = STR("a@b"),
                         .name = STR(""),
                         .owner = STR(""),
                         .by = STR("")};
    change_nick(c, &r);
}

static void real_step(struct script *s, struct change *c, const struct model *m,
                      const struct step *st)
{
    struct rcpt r = {.n = 0, .tries = m->m[st->id].tries + 1, .due = {5}};
    switch (st->kind) {
    case ACCEPT:
        op_add(s, c, m->last + 1, m->last + 1);
        break;
    case TRANSFORM:
        change_remove(c, st->id);
        op_add(s, c, m->last + 1, m->m[st->id].origin);
        op_add(s, c, m->last + 2, m->m[st->id].origin);
        break;
    case RETRY:
        while ((m->m[st->id].left >> r.n & 1) == 0)
            r.n++;
        change_rcpt(c, st->id, &r);
        break;
    case SETTLE:
        change_rcpt_done(c, st->id, st->n);
        break;
    case PASS_THROUGH:
        op_add(s, c, m->last + 1, m->last + 1);
        change_remove(c, m->last + 1);
        break;
    case READER:
        op_reader(s, c, m);
        break;
    default:
        op_nick(c, m);
        break;
    }
}

/* --- running --- */

static struct model running;

struct token {
    struct script *s;
    unsigned number;
};

static void on_told(void *arg, const struct why *w)
{
    struct token *t = arg;
    struct script *s = t->s;
    s->told++;
    if (w != NULL) {
        s->refused++;
    } else {
        s->sure = t->number > s->sure ? t->number : s->sure;
        if (s->on_durable != NULL)
            s->on_durable(t->number);
    }
    free(t);
}

void script_begin(struct script *s, struct fix *f, unsigned lot)
{
    *s = (struct script){.f = f, .lot = lot};
    memset(&running, 0, sizeof running);
}

static struct change *next_change(struct script *s, bool *lazy)
{
    struct step st = next_step(&running, &s->lot);
    *lazy = st.lazy;
    struct change *c = change_new(s->f->store);
    real_step(s, c, &running, &st);
    s->given++;
    change_journal(c, JOURNAL_BASE + s->given, "change", "x");
    model_step(&running, &st);
    return c;
}

static void checkpoint(struct script *s)
{
    sqlite3_wal_checkpoint_v2(db_handle(s->f->reader), NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

void script_run(struct script *s, unsigned n)
{
    unsigned mood = s->lot;
    for (unsigned i = 0; i < n; i++) {
        bool lazy;
        struct change *c = next_change(s, &lazy);
        if (lazy && i + 1 < n) {
            change_commit(&c, NULL, NULL);
        } else {
            struct token *t = malloc(sizeof *t);
            *t = (struct token){s, s->given};
            change_commit(&c, on_told, t);
            s->asked++;
        }
        /* Batches of one, of a few, and of what gathers while one is under way. */
        bool wait = draw(&mood, 3) == 0;
        if (!wait && draw(&mood, 2) == 0)
            loop_turn(s->f->loop, false);
        while (wait && s->told < s->asked)
            loop_turn(s->f->loop, true);
        if (draw(&mood, 25) == 0 && !s->no_checkpoints)
            checkpoint(s);
    }
    while (store_pending(s->f->store) > 0)
        loop_turn(s->f->loop, true);
}

int script_one(struct script *s, struct why *w)
{
    bool lazy;
    struct change *c = next_change(s, &lazy);
    return fix_commit(s->f, &c, w);
}

/* --- checking --- */

static unsigned number(struct fix *f, const char *sql, uint64_t arg)
{
    char text[200];
    snprintf(text, sizeof text, sql, (unsigned long long)arg);
    return fix_count_sql(f, text);
}

struct durable {
    unsigned n;
    msg_id most;
};

static int count_durable(void *arg, const struct journal_row *r)
{
    struct durable *k = arg;
    k->n += r->id > JOURNAL_BASE;
    k->most = r->id > JOURNAL_BASE && r->id > k->most ? r->id : k->most;
    return 0;
}

unsigned script_durable(struct fix *f)
{
    struct durable k = {.n = 0};
    struct wall always = {INT64_MAX};
    struct why w = {.text = "?"};
    ck_assert_msg(journal_range(f->reader, (struct wall){0}, always, count_durable, &k, &w) == OK,
                  "%s", w.text);
    ck_assert_msg(k.n == 0 ? k.most == 0 : k.most == JOURNAL_BASE + k.n,
                  "%u changes are durable, but the last of them is number %u", k.n,
                  (unsigned)(k.most - JOURNAL_BASE));
    return k.n;
}

static unsigned check_message(struct fix *f, const struct model *m, msg_id id)
{
    const struct model_message *want = &m->m[id];
    struct message *got = NULL;
    struct why w = {.text = "?"};
    int rc = queue_get(f->reader, f->store, id, &got, &w);
    ck_assert_msg(rc == (want->there ? OK : E_ABSENT), "message %u: %s", (unsigned)id,
                  rc == OK ? "is there" : w.text);
    if (rc != OK)
        return 0;
    fix_check_body(got->body, id, size_of(id));
    ck_assert_uint_eq(got->origin, want->origin);
    unsigned left = 0, tries = 0;
    for (size_t i = 0; i < got->nrcpt; i++) {
        left |= 1u << got->rcpt[i].n;
        tries = got->rcpt[i].tries > tries ? got->rcpt[i].tries : tries;
    }
    ck_assert_uint_eq(left, want->left);
    ck_assert_uint_le(tries, want->tries);
    message_free(&got);
    return size_of(id) > SCRIPT_INLINE;
}

static unsigned check_readers(struct fix *f, const struct model *m)
{
    unsigned large = 0;
    struct arena *a = arena_new(1 << 20);
    ck_assert_uint_eq(number(f, "SELECT count(*) FROM reader", 0), m->readers);
    for (unsigned i = 1; i <= m->readers; i++) {
        struct reader_row r;
        struct body *b;
        struct why w = {.text = "?"};
        ck_assert_msg(readerrow_get(f->reader, f->spool, i, a, &r, &b, &w) == OK, "%s", w.text);
        fix_check_body(b, i, size_of(i));
        body_free(&b);
        large += size_of(i) > SCRIPT_INLINE;
    }
    arena_free(&a);
    return large;
}

void script_check(struct fix *f, unsigned lot, unsigned p, bool fresh)
{
    static struct model m;
    memset(&m, 0, sizeof m);
    for (unsigned i = 0; i < p; i++) {
        struct step st = next_step(&m, &lot);
        model_step(&m, &st);
    }
    unsigned there = 0, left = 0, large = check_readers(f, &m);
    for (msg_id id = 1; id <= m.last + 10; id++) {
        large += check_message(f, &m, id);
        there += m.m[id].there;
        left += m.m[id].there ? (unsigned)__builtin_popcount(m.m[id].left) : 0;
    }
    ck_assert_uint_eq(number(f, "SELECT count(*) FROM message", 0), there);
    ck_assert_uint_eq(number(f, "SELECT count(*) FROM rcpt", 0), left);
    ck_assert_uint_eq(number(f, "SELECT count(*) FROM nick", 0), m.nicks);
    ck_assert_uint_eq(number(f, "SELECT count(*) FROM seen", 0), m.seen);
    if (fresh) {
        ck_assert_uint_eq(fix_files(f->spool, "body"), large);
        ck_assert_uint_eq(fix_files(f->spool, "tmp"), 0);
    }
}
