/* db/change.c -- building changes; everything given is copied into the change's arena. */
#include "db/change.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

/* A change holds the outputs of one message; each message's own arena is limited to 4 MiB. */
#define ARENA_MOST ((size_t)256 << 20)

void change_list_init(struct change_list *l)
{
    *l = (struct change_list){.last = &l->first};
}

void change_list_add(struct change_list *l, struct change *c)
{
    c->next = NULL;
    *l->last = c;
    l->last = &c->next;
    l->n++;
}

void change_list_join(struct change_list *l, struct change_list *more)
{
    if (more->first != NULL) {
        *l->last = more->first;
        l->last = more->last;
        l->n += more->n;
    }
    change_list_init(more);
}

struct change *change_new(struct store *s)
{
    struct change *c = mem_new(sizeof *c);
    c->store = s;
    c->arena = arena_new(ARENA_MOST);
    c->last = &c->first;
    return c;
}

void change_free(struct change *c)
{
    for (struct op *o = c->first; o != NULL; o = o->next) {
        if (o->kind == OP_ADD)
            body_free(&o->add->body);
        else if (o->kind == OP_READER)
            body_free(&o->reader->body);
    }
    arena_free(&c->arena);
    free(c);
}

void change_drop(struct change **c)
{
    if (*c != NULL)
        change_free(*c);
    *c = NULL;
}

void change_commit(struct change **cp, change_fn *fn, void *arg)
{
    struct change *c = *cp;
    *cp = NULL;
    c->fn = fn;
    c->arg = arg;
    if (c->verdict == CHANGE_WAITS && arena_full(c->arena)) {
        why_set(&c->why, E_LIMIT, 0, NULL, "the change is larger than the store takes at once");
        c->verdict = CHANGE_REFUSED;
    }
    store_give(c->store, c);
}

void change_patient(struct change *c)
{
    c->patient = true;
}

/* An operation and its payload in one piece. An operation that does not fit the arena is left out;
 * change_commit then refuses the change as a whole. */
static struct op *op_new(struct change *c, enum op_kind kind, msg_id id, size_t extra)
{
    struct op *o = arena_alloc(c->arena, sizeof *o + extra);
    o->kind = kind;
    o->id = id;
    if (arena_full(c->arena))
        return o;
    *c->last = o;
    c->last = &o->next;
    return o;
}

static void refuse(struct change *c, const char *text)
{
    why_set(&c->why, E_PERM, 0, NULL, "%s", text);
    c->verdict = CHANGE_REFUSED;
}

/* NULL: the change is refused. */
static struct body *lasting(struct change *c, struct body *b)
{
    struct body *stays = body_lasting(b, c->store, &c->why);
    if (stays == NULL)
        c->verdict = CHANGE_REFUSED;
    return stays;
}

static struct rcpt rcpt_copy(struct arena *a, const struct rcpt *r)
{
    struct rcpt copy = *r;
    copy.addr = arena_str(a, r->addr);
    copy.dest = arena_str(a, r->dest);
    copy.original = arena_str(a, r->original);
    copy.reason = arena_str(a, r->reason);
    copy.orcpt = arena_str(a, r->orcpt);
    return copy;
}

void change_add(struct change *c, const struct message *m)
{
    if (m->id == 0 || m->body == NULL || m->nrcpt == 0) {
        refuse(c, "a queued message needs a number, a body and a recipient");
        return;
    }
    struct op *o = op_new(c, OP_ADD, m->id, sizeof *m + m->nrcpt * sizeof *m->rcpt);
    if (arena_full(c->arena))
        return;
    struct message *copy = o->add = (struct message *)(o + 1);
    *copy = *m;
    copy->arena = NULL;
    copy->origin_sender = arena_str(c->arena, m->origin_sender);
    copy->sender = arena_str(c->arena, m->sender);
    copy->subject = arena_str(c->arena, m->subject);
    copy->head = arena_str(c->arena, m->head);
    copy->envid = arena_str(c->arena, m->envid);
    copy->rcpt = (struct rcpt *)(copy + 1);
    for (size_t i = 0; i < m->nrcpt; i++)
        copy->rcpt[i] = rcpt_copy(c->arena, &m->rcpt[i]);
    copy->body = lasting(c, m->body);
}

void change_remove(struct change *c, msg_id id)
{
    op_new(c, OP_REMOVE, id, 0);
}

void change_rcpt_done(struct change *c, msg_id id, unsigned n)
{
    op_new(c, OP_RCPT_DONE, id, 0)->n = n;
}

void change_rcpt(struct change *c, msg_id id, const struct rcpt *r)
{
    struct op *o = op_new(c, OP_RCPT, id, sizeof *r);
    o->rcpt = (struct rcpt *)(o + 1);
    *o->rcpt = rcpt_copy(c->arena, r);
}

void change_journal(struct change *c, msg_id id, const char *event, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    change_vjournal(c, id, event, fmt, ap);
    va_end(ap);
}

void change_vjournal(struct change *c, msg_id id, const char *event, const char *fmt, va_list ap)
{
    if (!store_has_journal(c->store))
        return;
    struct op *o = op_new(c, OP_JOURNAL, id, 0);
    char small[512];
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    struct str text = {small, n < 0 ? 0 : (size_t)n};
    if (text.n >= sizeof small) {
        char *large = arena_alloc(c->arena, text.n + 1);
        if (large != NULL)
            (void)vsnprintf(large, text.n + 1, fmt, again);
        text = large != NULL ? (struct str){large, text.n} : (struct str){small, sizeof small - 1};
    } else {
        text = arena_str(c->arena, text);
    }
    va_end(again);
    o->journal = (struct op_journal){
        .at = store_stamp(c->store), .event = arena_str(c->arena, str_of(event)), .text = text};
}

static struct nick_row nick_copy(struct arena *a, const struct nick_row *row)
{
    struct nick_row copy = *row;
    copy.nick = arena_str(a, row->nick);
    copy.mailbox = arena_str(a, row->mailbox);
    copy.name = arena_str(a, row->name);
    copy.owner = arena_str(a, row->owner);
    copy.by = arena_str(a, row->by);
    copy.members = arena_str(a, row->members);
    return copy;
}

void change_nick(struct change *c, const struct nick_row *row)
{
    struct op *o = op_new(c, OP_NICK, 0, sizeof *row);
    o->nick = (struct nick_row *)(o + 1);
    *o->nick = nick_copy(c->arena, row);
}

void change_nick_edit(struct change *c, int edit, const struct nick_row *row, struct str owner)
{
    struct op *o = op_new(c, OP_NICK_EDIT, 0, sizeof *o->nick_edit);
    o->nick_edit = (struct op_nick_edit *)(o + 1);
    *o->nick_edit = (struct op_nick_edit){.edit = (enum nick_edit)edit,
                                          .row = nick_copy(c->arena, row),
                                          .owner = arena_str(c->arena, owner)};
}

void change_access(struct change *c, const struct access_row *row)
{
    struct op *o = op_new(c, OP_ACCESS, 0, sizeof *row);
    o->access = (struct access_row *)(o + 1);
    *o->access = *row;
    o->access->user = arena_str(c->arena, row->user);
    o->access->node = arena_str(c->arena, row->node);
    o->access->by = arena_str(c->arena, row->by);
}

void change_alias(struct change *c, const struct alias_row *row)
{
    struct op *o = op_new(c, OP_ALIAS, 0, sizeof *row);
    struct alias_row *copy = o->alias = (struct alias_row *)(o + 1);
    *copy = *row;
    copy->owner = arena_str(c->arena, row->owner);
    copy->userid = arena_str(c->arena, row->userid);
    copy->address = arena_str(c->arena, row->address);
    copy->mailbox = arena_str(c->arena, row->mailbox);
    copy->by = arena_str(c->arena, row->by);
}

void change_reader(struct change *c, const struct reader_row *row, struct body *body)
{
    struct op *o = op_new(c, OP_READER, 0, sizeof *o->reader);
    if (arena_full(c->arena))
        return;
    o->reader = (struct op_reader *)(o + 1);
    struct reader_row *copy = &o->reader->row;
    *copy = *row;
    copy->user = arena_str(c->arena, row->user);
    copy->from = arena_str(c->arena, row->from);
    copy->fn = arena_str(c->arena, row->fn);
    copy->ft = arena_str(c->arena, row->ft);
    copy->kind = arena_str(c->arena, row->kind);
    o->reader->body = lasting(c, body);
}

void change_retry(struct change *c, enum door to, struct str pattern)
{
    struct op *o = op_new(c, OP_RETRY, 0, 0);
    o->retry = (struct op_retry){.to = to, .pattern = arena_str(c->arena, pattern)};
}

void change_state(struct change *c, msg_id id, enum rcpt_state state)
{
    op_new(c, OP_STATE, id, 0)->state = state;
}

void change_thread(struct change *c, const struct thread_row *row)
{
    struct thread_row *copy = arena_alloc(c->arena, sizeof *copy);
    *copy = (struct thread_row){.who = arena_str(c->arena, row->who),
                                .peer = arena_str(c->arena, row->peer),
                                .subject = arena_str(c->arena, row->subject),
                                .message_id = arena_str(c->arena, row->message_id),
                                .refs = arena_str(c->arena, row->refs),
                                .at = row->at};
    op_new(c, OP_THREAD, 0, 0)->thread = copy;
}

void change_sts(struct change *c, const struct sts_row *row)
{
    struct sts_row *copy = arena_alloc(c->arena, sizeof *copy);
    *copy = (struct sts_row){.domain = arena_str(c->arena, row->domain),
                             .id = arena_str(c->arena, row->id),
                             .policy = arena_str(c->arena, row->policy),
                             .fetched = row->fetched,
                             .until = row->until};
    op_new(c, OP_STS, 0, 0)->sts = copy;
}

void change_seen(struct change *c, struct str key, struct wall until)
{
    struct op *o = op_new(c, OP_SEEN, 0, 0);
    o->seen = (struct op_seen){.key = arena_str(c->arena, key), .until = until};
}
