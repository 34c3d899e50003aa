/* gateway/config/conf_private.h -- between conf.c (reading, table) and conf_parse.c (statements
 * with a form of their own). */
#ifndef GATEWAY_CONFIG_CONF_PRIVATE_H
#define GATEWAY_CONFIG_CONF_PRIVATE_H

#include "gateway/config/conf.h"

struct conf_reader {
    struct conf *c;
    conf_report_fn *report;
    void *arg;
    const char *file; /* of the line being read */
    unsigned line;
    unsigned depth; /* of INCLUDE */
    bool *seen;     /* per row of the table */
};

/* Append an item to a counted array of the configuration, in its arena. */
void *conf_append(struct arena *a, void **array, size_t *count, size_t size);
#define APPEND(r, array, count)                                                                    \
    (*(__typeof__((array)))conf_append((r)->c->arena, (void **)&(array), &(count), sizeof *(array)))

/* A statement's parser: words left on its line (block statements: on all lines of the block). */
typedef void conf_parser(struct conf_reader *r, struct str rest);

void conf_error(struct conf_reader *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
void conf_warn(struct conf_reader *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool conf_seen(const struct conf_reader *r, const char *name); /* a statement, in any spelling */
/* Is there a word? Reports the form the statement has. */
/* "[addr:]port" off *rest. */
bool conf_listener(struct conf_reader *r, struct str *rest, uint16_t port, struct conf_listen *ln);
bool conf_need(struct conf_reader *r, struct str word, const char *form);
/* A domain, or with a dot before it those below it, in A-labels, however it is written: that is how
 * domains are compared. "" when it can be none (told). */
struct str conf_domain(struct conf_reader *r, struct str word);
/* The place of word in "A|B|C"; reports and answers 0 when it is none of them. */
int conf_one_of(struct conf_reader *r, const char *what, struct str word, const char *list);
/* A path relative to the file being read. */
struct str conf_path(struct conf_reader *r, struct str word);
struct str conf_upper(struct conf_reader *r, struct str word);
/* A 1-8 character node or user name, upper case; reports and answers "" when it is none. */
struct str conf_name(struct conf_reader *r, struct str word, const char *what);

conf_parser parse_local, parse_listen_nje, parse_linkdefine, parse_parm, parse_route, parse_node,
    parse_localuser, parse_rename_types, parse_verify_batch, parse_smsg_auth, parse_secure,
    parse_restrict, parse_hostname, parse_domain_origin, parse_alt_host, parse_listen_smtp,
    parse_limit, parse_batchsmtp, parse_sendtime, parse_helocheck, parse_submission, parse_trust,
    parse_resolver, parse_atsign, parse_badspool, parse_dbcs, parse_mailer, parse_metrics,
    parse_suppress, parse_tls, parse_dimnode, parse_snads, parse_style, parse_codepage,
    parse_notify, parse_user;

/* The sentences after the whole file is read: names, routes to links that exist, defaults that
 * depend. */
void conf_finish(struct conf_reader *r);
void finish_ibm(struct conf_reader *r); /* conf_ibm.c */
/* conf_show.c: the statements whose value is not one field. */
void conf_show_own_forms(const struct conf *c, struct buf *out);
/* gateway/config/conf_host.c */
conf_parser parse_smarthost, parse_destination, parse_tlspolicy;
void conf_show_hosts(const struct conf *c, struct buf *out);
/* gateway/config/conf_filter.c */
conf_parser parse_milter, parse_exitdirection;
void finish_filters(struct conf_reader *r);
void show_filters(const struct conf *c, struct buf *out);
/* gateway/config/conf_smtp.c */
void conf_limit_defaults(struct conf *c);
void conf_show_smtp(const struct conf *c, struct buf *out);
void finish_smtp(struct conf_reader *r);
/* gateway/config/headrules.c */
conf_parser parse_rewrite;
void finish_rules(struct conf_reader *r);

#endif
