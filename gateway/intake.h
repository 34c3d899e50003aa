/* gateway/intake.h -- taking responsibility. One intake is what one door accepts at once: a mail
 * from SMTP, a file from NJE with all the mails in it, a notice of our own. Everything it leads to
 * (mails for the Internet, files for NJE users, files in local readers, journal rows, new
 * nicknames) becomes durable in one change or not at all; then the door is told, and the queue
 * runner has the messages. */
#ifndef GATEWAY_INTAKE_H
#define GATEWAY_INTAKE_H

#include "gateway/gate/admit.h"
#include "gateway/gate/gate.h"

#define INTAKE_LARGE 262144u /* octets: more is converted in a work thread; 4 ms */

struct intake;
struct njefile_in;
struct fromnje_read;

/* A mail in Internet form, from any door. Borrowed during the call. */
struct mail {
    enum door from;           /* DOOR_LOCAL: made here (notices, njegate note) */
    struct str origin_sender; /* in its own world; "" for notices: nothing comes back to them */
    struct str sender;        /* return path mailbox, "" null */
    struct cur content;       /* RFC 5322, CRLF lines */
    struct body *body;        /* the same content as a stored body, or NULL */
    const struct admitted *rcpt;
    size_t nrcpt;
    enum ret ret; /* what its sender wants to hear of it: db/message.h */
    struct str envid;
    bool utf8; /* it needs SMTPUTF8 */
    /* A large one may be converted beside the loop's thread: it stays, and all it lends, until the
     * intake's callback, which says what stands in its way. */
    bool apart;
};
typedef void intake_fn(void *arg, const struct why *w); /* w NULL: durable */

struct intake *intake_new(struct gate *g);
void intake_drop(struct intake **in);
msg_id intake_id(struct intake *in); /* of the first message: what the sender is told */
void intake_number(struct intake *in, msg_id id); /* it has one already, from store_next_id */
/* Add a mail: outputs for every recipient. What it leads to belongs to message *id (may be NULL).
 */
int intake_mail(struct intake *in, const struct mail *m, msg_id *id, struct why *w) MUST_CHECK;
/* Is so much better not converted in the loop's thread? */
bool intake_apart(const struct gate *g, uint64_t size);
/* Something that is made in a work thread before the intake is committed, embedded in its owner. */
struct intake_task {
    struct intake_task *next; /* this and the next two are the intake's */
    struct intake *in;
    struct work_job job;
    void (*run)(struct intake_task *t); /* in the work thread: see base/work.h */
    /* On the loop's thread, when all of the intake have run, in the order they were given: negative
     * and nothing of the intake is taken. */
    int (*finish)(struct intake_task *t, struct intake *in, struct why *w);
    void (*free)(struct intake_task *t); /* the last of it */
    uint64_t size;
};
void intake_task(struct intake *in, struct intake_task *t);
/* The file it comes from was taken apart beforehand: the intake's from here on, and asked for when
 * the file (deck) becomes mail; then the caller's. NULL: it was not. */
void intake_set_read(struct intake *in, struct fromnje_read *r, struct body *deck);
struct fromnje_read *intake_read(struct intake *in, const struct body *deck);
/* Add a deck as it stands for a local reader or another NJE node. */
int intake_deck(struct intake *in, struct body *deck, enum door from, struct str origin_sender,
                const struct admitted *to, struct why *w) MUST_CHECK;
/* Keep a deck that has no way on for the administrator, in that state; `queue release` sorts it
 * anew. */
int intake_hold(struct intake *in, struct body *deck, const struct njefile_in *file,
                enum rcpt_state state, const struct why *reason);
/* Add a mail that the filters of the NJE door are to see first: intake_commit waits for them. */
struct filternje_mail;
int intake_filter(struct intake *in, const struct filternje_mail *m, struct why *w) MUST_CHECK;
/* The file all of it comes from: while the filters cannot decide, the file is kept instead of what
 * it leads to, and sorted anew later (nje_resume). */
void intake_origin(struct intake *in, struct body *deck, const struct njefile_in *file);
/* Keep a file in the queue until then; the runner has it sorted (nje_resume). */
void intake_wait(struct intake *in, struct body *deck, const struct njefile_in *file,
                 struct wall due, const char *reason);
/* When a task of it fails for good the file goes back instead. */
void intake_give_back(struct intake *in);
/* It is kept so already, as this message. */
void intake_again(struct intake *in, const struct message *row);
/* ... and it is one of several that become one mail: these rows are kept as it is. Borrowed until
 * the intake ends: from its arena. */
void intake_together(struct intake *in, const msg_id *rows, size_t n);
/* Keep a mail whole, as it would be taken, for the administrator: `queue release` takes it
 * (intake_resume). */
int intake_hold_mail(struct intake *in, const struct mail *m, struct str reason);
/* Take a mail that was kept so (its body loaded) after all. E_PERM and others: for no recipient
 * there is a way. */
int intake_resume(struct intake *in, const struct message *m, struct why *w) MUST_CHECK;
/* Say this to an NJE user once the intake is durable (page 037 text, split by the caller at 120).
 */
void intake_tell(struct intake *in, struct str user, struct str node, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* Tell the sender of this file that it is in the reader of `user`, as RSCS does; a form beginning
 * with QU asks for quiet. */
void intake_spooled(struct intake *in, const struct njefile_in *file, struct str user);
void intake_journal(struct intake *in, const char *event, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Remember an incoming file (duplicates). */
void intake_seen(struct intake *in, struct str key, struct wall until);
struct change *intake_change(struct intake *in);
/* Takes the intake. fn is called once, on a later turn. */
void intake_commit(struct intake **in, intake_fn *fn, void *arg);

#endif
