/* gateway/config/headrules.h -- REWRITE822HEADER and RULES: the rule set of a configuration, and
 * what the rules' keywords stand for in this gateway (gateway/mail/rewrite.h). */
#ifndef GATEWAY_CONFIG_HEADRULES_H
#define GATEWAY_CONFIG_HEADRULES_H

#include "db/db.h"
#include "gateway/config/conf.h"
#include "gateway/mail/rewrite.h"

/* What struct rules_ask answers from; its arg. Borrowed. */
struct headrules {
    const struct conf *conf;
    struct db *db; /* nicknames and the security table; NULL: none known */
    struct arena *arena;
    struct str asker; /* "USER@NODE" whose personal aliases count, "" nobody */
};
struct rules_ask headrules_ask(struct headrules *h);
/* What the single-valued keywords stand for. Borrows from c. */
struct rules_env headrules_env(const struct conf *c);
/* The text of a rules file; E_IO, E_ABSENT or E_LIMIT. */
int headrules_read(const char *path, struct buf *text, struct why *w) MUST_CHECK;
/* REWRITE822HEADER YES PRINT: the rule set goes to the log. */
void headrules_print(const struct conf *c);

#endif
