/* operator/asked.h -- messages and commands (NMR) for us: who answers what. Commands go to RSCS
 * (rscscmd.h), messages to DIM to the nickname service (dim.h), those to SMTP to the mail operator
 * (oper.h), others to the reader of the user they are for. */
#ifndef OPERATOR_ASKED_H
#define OPERATOR_ASKED_H

#include "gateway/nje.h"

/* As g->asked. */
void asked_by_message(struct gate *g, const struct nje_asked *q);

#endif
