/* tests/unit/smtp/script.h -- a scripted SMTP server on loopback and an owner of the client that
 * notes all it is told, in virtual time.
 *
 * A script has one step a line:
 *   > text       send the line
 *   < prefix     read a line that starts so
 *   <. text      read content up to the lone dot; it must be the text ("-": anything)
 *   batch        what is unread now ends with DATA: the envelope came in one piece
 *   none         nothing is unread now
 *   any          read something, whatever it is
 *   tls          begin TLS
 *   secure       TLS is on
 *   close        close the connection
 *   hold         stop reading and stop here, until the test calls server_step
 * A script for each connection in order. At the end of its script a server is silent. */
#ifndef TESTS_UNIT_SMTP_SCRIPT_H
#define TESTS_UNIT_SMTP_SCRIPT_H

#include "gateway/smtp/client.h"

#define CONNS_MAX 8

struct conn {
    struct world *w;
    struct stream *s;
    struct str script; /* the rest */
    struct buf content;
    struct smtp_undot undot;
    size_t total; /* bytes of the last content */
};
struct world {
    struct loop *loop;
    struct listener *ln;
    struct conn conn[CONNS_MAX];
    size_t nconn;
    const char *script[CONNS_MAX];
    size_t stop_after; /* this many server lines in all, then the script becomes `stop`; SIZE_MAX
                          never */
    const char *stop;
    size_t said;

    struct smtpc *c;
    struct smtpc_job jobs[8];
    size_t njobs, given;
    const char *fitted;            /* the content for another connection; NULL: the same */
    struct smtp_target targets[4]; /* all at the one listener, named mx0.example and so on */
    size_t ntargets;               /* world_init: 1 */
    unsigned max_messages;
    struct tls *tls; /* of both sides; freed by world_done */
    enum smtpc_tls policy;
    bool lmtp;
    const char *user, *password;
    struct smtp_families families;
    int open_jobs, closed;
    size_t verdicts;
    size_t free_at; /* smtpc_free inside the nth verdict, 0: no */
    bool quit_in_next;
    struct buf log; /* "a0:ok a1:p550/5.1.1 adone closed:peace" */
    char why[400];  /* closed() was told */
};

void world_init(struct world *w); /* stops the clock */
void world_done(struct world *w);
void world_add(struct world *w, const char *ref, const char *sender, const struct str *rcpt,
               size_t n, const char *content);
void world_start(struct world *w);
void world_run(struct world *w, size_t ntargets); /* one job "a" to joe, start, settle */
void world_play(struct world *w);                 /* start, settle, past the lingering, settle */
void world_settle(struct world *w);               /* turn until nothing moves */
void world_wants(struct world *w, const char *log);
void server_step(struct conn *n);
void world_closed(void *arg, struct smtpc *c, const struct why *why); /* the owner's closed() */

extern const struct str joe[1], three[3];

#define GREET "> 220 hi\n< EHLO gw.example\n"
#define PIPE GREET "> 250-mx.example\n> 250-PIPELINING\n> 250 SIZE 1000\n"
#define PLAIN GREET "> 250 mx.example\n"
#define BYE "< QUIT\n> 221 bye\nclose\n"
#define ONE_ENVELOPE                                                                               \
    "< MAIL FROM:<me@gw.example> SIZE=6\nbatch\n< RCPT TO:<joe@a.example>\n< DATA\nnone\n"
#define THREE_ENVELOPE                                                                             \
    "< MAIL\nbatch\n< RCPT TO:<r0@\n< RCPT TO:<r1@\n< RCPT TO:<r2@\n< DATA\nnone\n"
#define ONE_OK ONE_ENVELOPE "> 250 ok\n> 250 ok\n> 354 go\n<. text\n> 250 took it\n"
#define SERVE PIPE ONE_OK BYE

#endif
