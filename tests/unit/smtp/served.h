/* tests/unit/smtp/served.h -- one SMTP server with one client, and what the owner saw, in virtual
 * time. The owner refuses the sender refused@, the recipients nobody@ and later@, content with
 * X-Refuse, and at his gate what judge() in served.c says. */
#ifndef TESTS_UNIT_SMTP_SERVED_H
#define TESTS_UNIT_SMTP_SERVED_H

#include "gateway/smtp/server.h"

#define HELD_MAX 16

enum verdicts { LATER, HOLD, NOW };

/* One server with one client, and what the owner saw. */
struct served {
    struct loop *loop;
    struct store *store;
    struct smtpd *d;
    struct smtpd_set set;
    int fd;
    struct buf got, mails;
    enum verdicts verdicts;
    struct smtpd_mail *held[HELD_MAX];
    size_t nheld;
    msg_id id;
    unsigned events;
    bool distrust;
    int refuse_connect; /* with this code, 0: not */
    bool slow_gate;     /* the owner answers at gates in a later turn */
    struct smtpd_session *asked;
    bool gate_failed;
    struct why gate_why;
};
extern struct served w;

enum manner { PERSON, AT_ONCE, BYTES, CUT };

void served_set_up(void); /* fixture: the store, the clock stopped */
void served_tear_down(void);
void served_start(void); /* the server as w.set says, and its first client w.fd */
void served_stop(void);
int served_pair(void);      /* a further client's socket */
void served_settle(void);   /* turns until nothing happens; what was said is in w.got */
void served_verdicts(void); /* those held are given */
void served_hang_up(void);
/* Read what the server has said; false at its end. */
bool served_hear(int fd, struct buf *to);
/* All of it, with turns between while the socket is full. */
void served_send(const void *p, size_t n);
/* The same byte by byte (BYTES), cut in two (CUT), else at once. */
void served_manner(struct str all, enum manner manner, size_t cut);
void served_expect(int fd, const char *start); /* the next that is said there starts so */

#endif
