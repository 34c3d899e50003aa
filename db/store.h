/* db/store.h -- the durable store: one writer thread with its own connection, one read connection
 * for the loop's thread.
 *
 * A change is a list of row operations that become durable together or not at all. Changes given in
 * one turn (and all that gather while a commit is under way) share one transaction and one sync:
 * group commit. change_commit's callback runs on the loop when the change is durable, or when it
 * failed. A reader sees a change only after its commit. State table: docs/QUEUE.md. */
#ifndef DB_STORE_H
#define DB_STORE_H

#include "base/loop.h"
#include "db/db.h"
#include "db/message.h"

struct store;
struct change;

/* What may be changed while it works. */
struct store_keep {
    size_t inline_max; /* larger bodies go to files; 0: 65536 */
    int journal_days;  /* older journal rows are dropped; 0: 60, negative: there is no journal */
    uint64_t journal_bytes; /* the oldest are dropped above about this; 0: no limit */
};
struct store_set {
    struct loop *loop;
    const char *path;     /* database file */
    const char *spooldir; /* large bodies; made when absent */
    struct store_keep keep;
    /* Told on the loop's thread, may be NULL: the disk failed (also changes with a callback are
     * told apart from this), or a change without callback was refused for good and is dropped. */
    void (*trouble)(void *arg, const struct why *w);
    void *trouble_arg;
};
/* E_DENIED: another process has the spool. E_PERM: see db_open. */
int store_open(struct store **out, const struct store_set *set, struct why *w) MUST_CHECK;
void store_close(struct store **s); /* commits what was given, joins the thread */
void store_keep(struct store *s, const struct store_keep *keep); /* from now on */
struct db *store_reader(struct store *s);
/* Never reused once it was durable anywhere. From any thread. */
msg_id store_next_id(struct store *s);
/* Messages in the queue, and the recipients that wait for each destination (a mail domain, a node,
 * "" none): what is durable, at no cost however long the queue is. fn may not call back. */
uint64_t store_queued(struct store *s);
void store_queued_each(struct store *s, void (*fn)(void *arg, struct str dest, uint64_t n),
                       void *arg);
/* Changes given and not yet durable; for backpressure. */
size_t store_pending(const struct store *s);

typedef void change_fn(void *arg, const struct why *w); /* w NULL: durable */
struct change *change_new(struct store *s);
void change_drop(struct change **c);
/* Takes the change. fn may be NULL: then the change may wait up to 50 ms for company, and when the
 * disk fails it is kept and tried again. With fn it is committed as soon as possible, and a failure
 * is told. */
void change_commit(struct change **c, change_fn *fn, void *arg);
/* Before change_commit with a fn: nobody waits for this one, it may wait up to 50 ms for company.
 */
void change_patient(struct change *c);

/* Operations; everything given is copied (bodies are held). */
void change_add(struct change *c, const struct message *m); /* message and recipients */
void change_remove(struct change *c, msg_id id);            /* message, its recipients, its body */
void change_rcpt_done(struct change *c, msg_id id, unsigned n); /* a recipient is settled; the */
                                                                /* message goes with the last one */
void change_rcpt(struct change *c, msg_id id, const struct rcpt *r); /* state, due, tries, reason */
void change_journal(struct change *c, msg_id id, const char *event, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
void change_vjournal(struct change *c, msg_id id, const char *event, const char *fmt, va_list ap)
    PRINTF_LIKE(4, 0);
struct nick_row;
void change_nick(struct change *c, const struct nick_row *row); /* an automatic nickname */
/* A nickname as a user asked for it (enum nick_edit of db/nickrow.h); E_DENIED and E_ABSENT come
 * with the callback. */
void change_nick_edit(struct change *c, int edit, const struct nick_row *row, struct str owner);
struct access_row;
void change_access(struct change *c, const struct access_row *row); /* who may use nicknames */
struct alias_row;
void change_alias(struct change *c, const struct alias_row *row); /* an automatic alias */
struct reader_row;
/* A file into a local reader; its number is given by the store. */
void change_reader(struct change *c, const struct reader_row *row, struct body *body);
/* READY recipients of messages to that door (DOOR_NONE: any) whose destination matches the pattern
 * ('*' wild) become due now. */
void change_retry(struct change *c, enum door to, struct str pattern);
/* Every recipient of the message: RCPT_READY (and due now), RCPT_HELD. */
void change_state(struct change *c, msg_id id, enum rcpt_state state);
struct thread_row;
/* Remember which mail somebody is given. */
void change_thread(struct change *c, const struct thread_row *row);
struct sts_row;
/* What a mail domain asks of those who send to it (db/stsrow.h). */
void change_sts(struct change *c, const struct sts_row *row);
/* Remember an incoming file for duplicate detection until `until`. */
void change_seen(struct change *c, struct str key, struct wall until);

bool store_seen(struct store *s, struct str key); /* also in changes not yet durable */

#endif
