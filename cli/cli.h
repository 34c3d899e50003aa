/* cli/cli.h -- njegate's verbs. Each answers the exit status: 0 done; 1 refused, not found or a
 * bad value; 2 wrong words; 3 daemon not reachable; 4 internal. Errors are one line on standard
 * error. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "db/db.h"
#include "gateway/config/conf.h"
#include "cli/table.h"

enum { CLI_DONE = 0, CLI_REFUSED = 1, CLI_USAGE = 2, CLI_NO_DAEMON = 3, CLI_INTERNAL = 4 };

struct cli {
    const char *config; /* path */
    struct conf *conf;  /* loaded on demand: cli_conf */
    bool json;
    char **word; /* verb and its words, options taken out */
    int nword;
    const char *name, *owner, *list, *from, *subject, *to, *personal; /* --name TEXT ... */
    const char *node, *neighbour, *domain, *smarthost;                /* of init */
    bool watch, punch, replace;
};
typedef int cli_fn(struct cli *c);

int cli_error(int status, const char *fmt, ...) PRINTF_LIKE(2, 3); /* prints, answers status */
int cli_conf(struct cli *c);                                       /* load c->conf; status */
int cli_db(struct cli *c, enum db_mode mode, struct db **d);       /* open its database; status */
/* Ask the daemon; on success the cells of the answer are in *cell (malloc'ed). */
struct cli_answer {
    struct str *cell;
    size_t ncell;
    struct arena *arena;
};
int cli_ask(struct cli *c, const struct str *word, size_t n, struct cli_answer *a);
/* The same with c->word as the request and no answer but its status. */
int cli_order(struct cli *c);
void cli_answer_free(struct cli_answer *a);
const char *cli_who(char out[64]);               /* for the "by" columns: the login name */
int cli_failed(const struct why *w);             /* prints why; status */
struct str cli_word(const struct cli *c, int i); /* "" when there is none */

/* A node nobody can reach is worth a word, but the route may come later. */
void cli_warn_node(const struct conf *conf, struct str node);

/* nick.c: nicknames and lists */
cli_fn cli_nick_list, cli_nick_show, cli_nick_add, cli_nick_change, cli_nick_delete;
/* tables.c: the database */
cli_fn cli_queue_list, cli_queue_show, cli_trace, cli_reader_list, cli_reader_show,
    cli_reader_receive, cli_reader_purge, cli_config_check, cli_config_show, cli_config_statements;
/* secure.c: the tables of who may */
cli_fn cli_secure_list, cli_secure_add, cli_secure_delete, cli_secure_import, cli_secure_export,
    cli_secure_check, cli_restrict_list, cli_restrict_add, cli_restrict_delete, cli_access_list,
    cli_access_set;
/* rules.c: the header rules */
cli_fn cli_rules_check, cli_rules_explain;
/* alias.c: SNADS aliases, NAMES files, XML */
cli_fn cli_alias_list, cli_alias_add, cli_alias_delete, cli_alias_register, cli_nick_import,
    cli_nick_export, cli_table_export, cli_table_import;
/* setup.c: a first configuration; the queue whole in one file, and back */
cli_fn cli_init, cli_backup, cli_restore, cli_check;
/* history.c: who changed what */
cli_fn cli_history;
cli_fn cli_sts_list;
/* account.c: what was settled on a day */
cli_fn cli_accounting;
/* live.c: the daemon */
cli_fn cli_queue_act, cli_resolve, cli_link_list, cli_status, cli_smsg, cli_note, cli_sendfile,
    cli_tell, cli_shutdown;

#endif
