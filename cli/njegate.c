/* cli/njegate.c -- the administration and user commands: options, the table of verbs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"

/* A verb with its action; least and most words after them. */
static const struct verb {
    const char *verb, *action;
    int least, most;
    cli_fn *fn;
    const char *form;
} verbs[] = {
    {"nick", "list", 0, 1, cli_nick_list, "nick list [PATTERN]"},
    {"nick", "show", 1, 1, cli_nick_show, "nick show NICK"},
    {"nick", "add", 1, 2, cli_nick_add,
     "nick add NICK MAILBOX|--list MEMBER,... [--name TEXT] [--owner USER@NODE]"},
    {"nick", "change", 1, 2, cli_nick_change,
     "nick change NICK [MAILBOX|--list MEMBER,...] [--name TEXT] [--owner USER@NODE]"},
    {"nick", "delete", 1, 1, cli_nick_delete, "nick delete NICK"},
    {"nick", "import", 1, 1, cli_nick_import, "nick import FILE [--replace]"},
    {"nick", "export", 0, 0, cli_nick_export, "nick export"},
    {"alias", "list", 0, 0, cli_alias_list, "alias list"},
    {"alias", "add", 3, 3, cli_alias_add,
     "alias add USERID ADDRESS MAILBOX [--personal USER@NODE]"},
    {"alias", "delete", 2, 2, cli_alias_delete,
     "alias delete USERID ADDRESS [--personal USER@NODE]"},
    {"alias", "register", 1, 1, cli_alias_register, "alias register MAILBOX"},
    {"table", "export", 1, 1, cli_table_export, "table export FILE.xml"},
    {"table", "import", 1, 1, cli_table_import, "table import FILE.xml [--replace]"},
    {"access", "list", 0, 0, cli_access_list, "access list"},
    {"access", "deny", 1, 1, cli_access_set, "access deny USER@NODE"},
    {"access", "allow", 1, 1, cli_access_set, "access allow USER@NODE"},
    {"secure", "list", 0, 0, cli_secure_list, "secure list"},
    {"secure", "add", 2, 5, cli_secure_add, "secure add USER NODE [NICK Y|N Y|N]"},
    {"secure", "delete", 2, 3, cli_secure_delete, "secure delete USER NODE [NICK]"},
    {"secure", "import", 1, 1, cli_secure_import, "secure import FILE [--replace]"},
    {"secure", "export", 0, 0, cli_secure_export, "secure export"},
    {"secure", "check", 1, 1, cli_secure_check, "secure check FILE"},
    {"restrict", "list", 0, 0, cli_restrict_list, "restrict list"},
    {"restrict", "add", 2, 2, cli_restrict_add,
     "restrict add PURGE|RETURN|TRANSFERTO:USER USER@NODE"},
    {"restrict", "delete", 1, 1, cli_restrict_delete, "restrict delete USER@NODE"},
    {"history", NULL, 0, 2, cli_history, "history [TABLE [NAME]]"},
    {"queue", "list", 0, 0, cli_queue_list, "queue list [--to PATTERN]"},
    {"queue", "show", 1, 1, cli_queue_show, "queue show ID"},
    {"queue", "hold", 1, 1000, cli_queue_act, "queue hold ID ..."},
    {"queue", "release", 1, 1000, cli_queue_act, "queue release ID ..."},
    {"queue", "retry", 0, 1000, cli_queue_act, "queue retry [ID ... | DESTINATION]"},
    {"queue", "bounce", 1, 1000, cli_queue_act, "queue bounce ID ..."},
    {"queue", "delete", 1, 1000, cli_queue_act, "queue delete ID ..."},
    {"queue", "reroute", 2, 2, cli_queue_act, "queue reroute ID USER@NODE"},
    {"trace", NULL, 1, 1, cli_trace, "trace ID|ADDRESS"},
    {"accounting", NULL, 0, 1, cli_accounting, "accounting [YYYY-MM-DD]"},
    {"sts", "list", 0, 1, cli_sts_list, "sts list [PATTERN]"},
    {"link", "list", 0, 0, cli_link_list, "link list"},
    {"link", "start", 1, 1, cli_order, "link start LINK"},
    {"link", "stop", 1, 1, cli_order, "link stop LINK"},
    {"link", "drain", 1, 1, cli_order, "link drain LINK"},
    {"status", NULL, 0, 0, cli_status, "status [--watch]"},
    {"smsg", NULL, 1, 1, cli_smsg, "smsg 'COMMAND'"},
    {"resolve", NULL, 1, 1, cli_resolve, "resolve ADDRESS"},
    {"rules", "check", 1, 1, cli_rules_check, "rules check FILE"},
    {"rules", "explain", 1, 1, cli_rules_explain, "rules explain 'From: text'"},
    {"config", "check", 0, 1, cli_config_check, "config check [FILE]"},
    {"config", "show", 0, 0, cli_config_show, "config show"},
    {"config", "statements", 0, 0, cli_config_statements, "config statements"},
    {"reader", "list", 0, 1, cli_reader_list, "reader list [USER]"},
    {"reader", "show", 1, 1, cli_reader_show, "reader show N"},
    {"reader", "receive", 1, 2, cli_reader_receive, "reader receive N [DIR]"},
    {"reader", "purge", 1, 1, cli_reader_purge, "reader purge N"},
    {"sendfile", NULL, 2, 2, cli_sendfile,
     "sendfile FILE USER@NODE|MAILBOX [--from USER] [--punch]"},
    {"note", NULL, 1, 1, cli_note, "note USER@NODE|MAILBOX [--from USER] [--subject TEXT] < text"},
    {"tell", NULL, 2, 100, cli_tell, "tell USER@NODE TEXT [--from USER]"},
    {"backup", NULL, 1, 1, cli_backup, "backup FILE"},
    {"restore", NULL, 1, 1, cli_restore, "restore FILE [--replace]"},
    {"check", NULL, 0, 1, cli_check, "check [BACKUP]"},
    {"init", NULL, 0, 0, cli_init,
     "init [--node NODE --domain NAME [--neighbour NODE[=HOST[:PORT]]] [--smarthost HOST[:PORT]]] "
     "[--replace]"},
    {"shutdown", NULL, 0, 0, cli_shutdown, "shutdown"},
};
#define NVERBS (sizeof verbs / sizeof verbs[0])

static void print_usage(FILE *f, const char *verb)
{
    fputs("usage: njegate [-c FILE] [--json] VERB ...\n", f);
    for (size_t i = 0; i < NVERBS; i++)
        if (verb == NULL || strcmp(verb, verbs[i].verb) == 0)
            fprintf(f, "  njegate %s\n", verbs[i].form);
}

/* Options may stand anywhere; what is left are words. */
static int take_options(struct cli *c, int argc, char **argv)
{
    static const char *const names[] = {"--name",   "--owner",     "--from", "--subject",
                                        "--to",     "--personal",  "--node", "--neighbour",
                                        "--domain", "--smarthost", "--list", "-c"};
    const char **values[] = {&c->name,   &c->owner,     &c->from, &c->subject,
                             &c->to,     &c->personal,  &c->node, &c->neighbour,
                             &c->domain, &c->smarthost, &c->list, &c->config};
    const size_t nnames = sizeof names / sizeof names[0];
    bool words_only = false;
    for (int i = 1; i < argc; i++) {
        size_t k = 0;
        while (k < nnames && strcmp(argv[i], names[k]) != 0)
            k++;
        if (words_only || argv[i][0] != '-' || argv[i][1] == '\0') {
            c->word[c->nword++] = argv[i];
        } else if (strcmp(argv[i], "--") == 0) {
            words_only = true;
        } else if (k < nnames && i + 1 < argc) {
            *values[k] = argv[++i];
        } else if (k < nnames) {
            return cli_error(CLI_USAGE, "%s needs a value", argv[i]);
        } else if (strcmp(argv[i], "--json") == 0) {
            c->json = true;
        } else if (strcmp(argv[i], "--punch") == 0) {
            c->punch = true;
        } else if (strcmp(argv[i], "--watch") == 0) {
            c->watch = true;
        } else if (strcmp(argv[i], "--replace") == 0) {
            c->replace = true;
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_usage(stdout, NULL);
            exit(0);
        } else {
            return cli_error(CLI_USAGE, "unknown option %s", argv[i]);
        }
    }
    return CLI_DONE;
}

static int run(struct cli *c)
{
    if (c->nword == 0) {
        print_usage(stderr, NULL);
        return CLI_USAGE;
    }
    bool known = false;
    for (size_t i = 0; i < NVERBS; i++) {
        const struct verb *v = &verbs[i];
        if (strcmp(v->verb, c->word[0]) != 0)
            continue;
        known = true;
        int used = v->action != NULL ? 2 : 1;
        if (v->action != NULL && (c->nword < 2 || strcmp(v->action, c->word[1]) != 0))
            continue;
        if (c->nword - used < v->least || c->nword - used > v->most)
            return cli_error(CLI_USAGE, "the form is: njegate %s", v->form);
        return v->fn(c);
    }
    if (!known)
        return cli_error(CLI_USAGE, "unknown verb %s; njegate --help lists them", c->word[0]);
    if (c->nword > 1)
        cli_error(CLI_USAGE, "%s: unknown action %s", c->word[0], c->word[1]);
    print_usage(stderr, c->word[0]);
    return CLI_USAGE;
}

int main(int argc, char **argv)
{
    struct cli c = {.config = getenv("NJEGATE_CONFIG")};
    c.word = mem_new((size_t)(argc + 1) * sizeof(char *));
    if (c.config == NULL)
        c.config = "/etc/njegate/njegate.conf";
    int status = take_options(&c, argc, argv);
    if (status == CLI_DONE)
        status = run(&c);
    conf_free(&c.conf);
    free(c.word);
    return status;
}
