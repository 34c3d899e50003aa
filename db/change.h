/* db/change.h -- a change as the loop builds it and the writer thread reads it. Internal to db/.
 *
 * From change_commit until its callback a change belongs to the writer; nothing in it is shared
 * with the loop's thread but the bodies, which are counted. */
#ifndef DB_CHANGE_H
#define DB_CHANGE_H

#include "base/arena.h"
#include "db/accessrow.h"
#include "db/aliasrow.h"
#include "db/nickrow.h"
#include "db/readerrow.h"
#include "db/store.h"
#include "db/stsrow.h"
#include "db/threadrow.h"

enum op_kind {
    OP_ADD,
    OP_REMOVE,
    OP_RCPT_DONE,
    OP_RCPT,
    OP_JOURNAL,
    OP_NICK,
    OP_ALIAS,
    OP_NICK_EDIT,
    OP_ACCESS,
    OP_READER,
    OP_SEEN,
    OP_THREAD,
    OP_STS,
    OP_RETRY,
    OP_STATE
};

struct op_journal {
    struct wall at;
    struct str event, text;
};
struct op_reader {
    struct reader_row row;
    struct body *body;
};
struct op_seen {
    struct str key;
    struct wall until;
    struct op *next; /* in the store's list of keys not yet durable */
};

struct op_nick_edit {
    enum nick_edit edit;
    struct nick_row row;
    struct str owner;
};
struct op_retry {
    enum door to;
    struct str pattern;
};

struct op {
    struct op *next;
    enum op_kind kind;
    bool cancelled; /* undone by a later operation of the same batch, or undoing an earlier one */
    msg_id id;
    union {
        struct message *add; /* in the arena, its body held */
        unsigned n;          /* OP_RCPT_DONE */
        struct rcpt *rcpt;
        struct op_journal journal;
        struct nick_row *nick;
        struct alias_row *alias;
        struct op_nick_edit *nick_edit;
        struct access_row *access;
        struct op_reader *reader;
        struct op_seen seen;
        struct thread_row *thread;
        struct sts_row *sts;
        struct op_retry retry;
        enum rcpt_state state;
    };
};

enum verdict {
    CHANGE_WAITS,
    CHANGE_DURABLE,
    CHANGE_KEPT,    /* the disk failed; without callback, so it is tried again */
    CHANGE_REFUSED, /* for good, or told to its callback */
};

struct change {
    struct change *next;
    struct store *store;
    struct arena *arena;
    struct op *first, **last;
    change_fn *fn;
    void *arg;
    bool patient; /* nobody waits for it */
    enum verdict verdict;
    struct why why; /* when refused */
};

struct change_list {
    struct change *first, **last;
    size_t n;
};
void change_list_init(struct change_list *l);
void change_list_add(struct change_list *l, struct change *c);
void change_list_join(struct change_list *l, struct change_list *more); /* empties more */
void change_free(struct change *c);

/* What the modules of db/ may ask of a store. */
struct spool;
struct spool *store_spool(struct store *s);
size_t store_inline_max(const struct store *s);
bool store_has_journal(const struct store *s);
struct wall store_stamp(struct store *s); /* now; never the same twice in a row */
void store_give(struct store *s, struct change *c);

#endif
