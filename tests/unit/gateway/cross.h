/* tests/unit/gateway/cross.h -- a gateway in the test's own process: mail and files go in at its
 * doors behind the protocols, what they lead to comes out. Node GATE, host gate.example.test, a
 * link to MVSA that never is up. */
#ifndef TESTS_UNIT_GATEWAY_CROSS_H
#define TESTS_UNIT_GATEWAY_CROSS_H

#include "db/message.h"
#include "gateway/file/njefile.h"
#include "gateway/gate/gate.h"

extern struct gate cross;

/* More statements, "" none. */
void cross_open(const char *lines);
void cross_close(void);

/* A mail from the Internet for BOB at MVSA, as the SMTP door has it. 0, or the refusal. */
int cross_mail(struct str mail, struct why *w) MUST_CHECK;
/* The same for any of our addresses, up to 8. */
int cross_mail_to(struct str mail, const char *const *rcpt, struct why *w) MUST_CHECK;
/* A file from the NJE side for `to` at GATE, as the NJE door has it. */
int cross_file(struct cur deck, const char *to, struct why *w) MUST_CHECK;
/* The rows that the journal has of the file given last: what became of it, once it is durable. */
size_t cross_file_journal(void);
/* What came of all since the last call, durable, in order; valid until the next call. */
size_t cross_taken(struct message ***list);

/* The records of a deck's NETDATA, as njefile_cards and nd_reader have them, whole or the test
 * fails. They live in the arena. */
struct cross_records {
    struct cur *record;
    size_t n;
    bool note;
};
struct cross_records cross_records(struct arena *a, struct body *deck);
/* The deck as if BOB at MVSA had sent it to that user at GATE. In the arena. */
struct cur cross_sent_on(struct arena *a, struct body *deck, const char *to);

/* Every file below a folder, in the order of names; false when there is no such folder. */
typedef void cross_each_fn(void *arg, const char *path, struct str bytes);
bool cross_each(const char *folder, const char *ending, cross_each_fn *fn, void *arg);

#endif
