/* gateway/intake_private.h -- between intake.c (one change of all that a door takes) and
 * intake_mail.c (what a mail becomes). */
#ifndef GATEWAY_INTAKE_PRIVATE_H
#define GATEWAY_INTAKE_PRIVATE_H

#include "gateway/intake.h"

#define INTAKE_WRITE_OUT_MAX ((size_t)256 << 20) /* the doors' arenas bound what lists become */

struct reader_row;
struct carry; /* a mail being converted */

struct tell {
    struct tell *next;
    struct str user, node, text;
};
/* What an NJE file was when it came, for another time. */
struct origin {
    struct body *deck;
    struct str from, to_user, to_node;
    msg_id row;       /* it is kept as this message already, 0: it is not */
    msg_id *together; /* with it wait these */
    size_t ntogether;
    unsigned tries;
    struct wall accepted;
    struct str seen;
    struct wall seen_until;
};
struct intake {
    struct gate *g;
    struct change *change;
    struct arena *arena;
    struct message **message; /* for the queue runner once durable */
    size_t nmessage;
    struct tell *tell, **tell_end;
    unsigned mails; /* the first has the intake's own number */
    bool resumed;   /* which a row that goes away with this change still has */
    msg_id id;
    struct carry *carry, **carry_end;     /* mails to be converted beside the loop's thread */
    struct intake_task *task, **task_end; /* what is made beside it before them */
    size_t converting;                    /* how many of either have not come back */
    struct fromnje_read *read;            /* the file, taken apart */
    struct body *read_of;
    bool give_back, stopped;
    struct filternje *filtering; /* mails the filters have yet to see */
    struct origin origin;
    intake_fn *fn;
    void *arg;
};

/* Takes m: into the change, and to the queue runner once it is durable. */
void intake_keep(struct intake *in, struct message *m);
/* A message row for outputs that go on to another host or node. */
struct message *intake_output(const struct mail *m, msg_id origin, msg_id id);
void intake_notify(struct message *m, struct rcpt *to, const struct admitted *a, unsigned notify);
void intake_reader(struct intake *in, const struct reader_row *row, struct body *deck);

/* intake_mail.c */
/* Convert what waits in in->carry; fn(in, why) follows on a later turn, w NULL when all of it is in
 * the change. */
void intake_convert(struct intake *in, void (*fn)(struct intake *in, const struct why *w));
void intake_carry_free(struct intake *in);

#endif
