/* gateway/smtp/passcheck.h -- passwords of SUBMISSION clients, checked beside the loop's thread: a
 * good hash takes milliseconds. A few at a time, the others wait their turn; a session that ends
 * takes its question with it. */
#ifndef GATEWAY_SMTP_PASSCHECK_H
#define GATEWAY_SMTP_PASSCHECK_H

#include "base/loop.h"
#include "gateway/smtp/server.h"
#include "security/authfile.h"

struct passcheck;
struct passcheck *passcheck_new(struct loop *l);
/* Waits for what is being checked; nobody is answered any more. */
void passcheck_free(struct passcheck **p);
/* Takes the users of from now on (NULL: nobody). */
void passcheck_users(struct passcheck *p, struct authfile *users);
/* As smtpd_ops.login: answers SMTPD_LATER, or negative with *w. */
int passcheck_ask(struct passcheck *p, struct smtpd_session *s, struct str user,
                  struct str password, struct why *w);
void passcheck_gone(struct passcheck *p, const struct smtpd_session *s);

#endif
