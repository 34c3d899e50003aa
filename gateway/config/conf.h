/* gateway/config/conf.h -- the configuration file: the statements of the VM/MVS SMTP CONFIG file,
 * the node and link statements of RSCS, and njegate's own. Each statement is a row of
 * gateway/config/conf.def; docs/man/njegate.conf.5 describes them. A loaded configuration is
 * constant; a reload makes a new one. */
#ifndef GATEWAY_CONFIG_CONF_H
#define GATEWAY_CONFIG_CONF_H

#include "aliases/snads.h"
#include "base/arena.h"
#include "db/restrictrow.h"
#include "gateway/config/confrow.h"

struct conf {
    struct arena *arena;
    struct str path;
    struct str *paths; /* each that a statement names, INCLUDE too */
    size_t npath;
    unsigned errors, warnings;

    /* node and links */
    struct str local;
    struct conf_listen *listen_nje;
    size_t nlisten_nje;
    struct conf_link *link;
    size_t nlink;
    struct conf_route *route;
    size_t nroute;
    struct conf_node *node;
    size_t nnode;
    struct conf_user *user;
    size_t nuser;
    struct conf_person *person;
    size_t nperson;
    int64_t maxhops;

    /* gateway */
    bool gateway;
    struct str rscs_domain, alt_rscs_domain;
    int64_t local_format, rscs_format; /* enum file_format */
    struct str local_class, rscs_class;
    struct str postmaster;
    int64_t max_mail_bytes, retry_int, retry_age, warning_age, inactive, finish_open;
    int64_t inbound_limit, outbound_limit, conn_per_site, hop_count, temp_retries;
    bool secure, secure_strict;
    struct str memo;                 /* path of the text for unregistered users, "" none */
    struct restrict_row *restricted; /* RESTRICT; transfer "USER" or "USER@NODE" */
    size_t nrestricted;
    bool rewrite_off, rewrite_print; /* REWRITE822HEADER NO; YES PRINT */
    struct str rules_path;
    struct rules *rules;     /* gateway/mail/rewrite.h; NULL: REWRITE822HEADER NO */
    struct str *unsafe_type; /* RENAMETYPES: file types that attachments do not get */
    size_t nunsafe_type;
    bool verify_batch_sender;
    struct str *exempt_mailer;
    size_t nexempt_mailer;
    struct str *smsg_auth;
    size_t nsmsg_auth;

    /* njegate's own */
    struct str hostname, domain_origin;
    struct str *alt_host;
    size_t nalt_host;
    struct conf_listen *listen_smtp;
    size_t nlisten_smtp;
    struct str listen_address; /* IBM spelling: LISTENONADDRESS, PORT */
    int64_t port;
    uint64_t limit[LIMIT_KINDS];                           /* 0: none */
    uint64_t rate[LIMIT_RATES], rate_seconds[LIMIT_RATES]; /* 0: none */
    struct str authfile;                                   /* SUBMISSION; "" none */
    struct conf_net *trust;
    size_t ntrust;
    bool trust_said;
    struct conf_net *batch_net; /* BATCHSMTP */
    size_t nbatch_net;
    struct str *batch_user;
    size_t nbatch_user;
    int64_t verify_client;                   /* enum verify_client */
    unsigned helo_check;                     /* HELO_... */
    int64_t client_lookup;                   /* seconds, 0: names of clients are not asked for */
    int64_t return_bytes;                    /* RETURNBYTES */
    int64_t send_data, send_block, send_dot; /* SENDTIME, seconds */
    int64_t greet_pause, tarpit, least_rate, session_time, min_free;
    union endpoint send_from; /* LISTENONADDRESS; AF_UNSPEC: as the system likes */
    struct conf_host *smarthost;
    size_t nsmarthost;
    struct conf_host *destination;
    size_t ndestination;
    struct conf_tls_rule *tls_rule;
    size_t ntls_rule;
    struct str trust_anchor; /* path, "" none */
    const char **resolver;   /* NULL-terminated "addr@port", NULL: the system's */
    size_t nresolver;
    struct str database, spooldir, control;
    struct str tls_cert, tls_key, tls_ca; /* paths, "" none */
    struct str dim_node;
    bool dim_closed;
    struct snads_set snads; /* SNADSADDRESS; address "": not coded */
    const struct ebc_page *page;
    bool page_given; /* by CODEPAGE */
    struct str timezone;
    int64_t note_style; /* enum note_style */
    int64_t drain_time, inline_max;
    int64_t wait_files; /* seconds, 0: files are not gathered */
    bool notify_arrived, notify_delivered, notify_delayed, notify_failed;
    struct str run_user, run_group;
    bool debug, trace, quiet;

    /* IBM's, as they are taken here */
    struct str atsign;           /* one character, "" none but @ itself */
    struct str bad_spool;        /* BADSPOOLFILEID: "USER" or "USER@NODE", "" none */
    const struct ebc_page *dbcs; /* NULL: not given */
    struct conf_mailer mailer;
    bool suppress_arrived, suppress_delivered, suppress_delayed, suppress_failed;
    int64_t disallow; /* SMTP_NO_... bits of gateway/smtp/syntax.h */
    int64_t resolver_retry, resolver_off, source_routes, mta_sts_off;
    enum tls_need tls_need;

    struct conf_milter *milter; /* in the order they are asked */
    size_t nmilter;
    enum exit_direction exit_direction; /* doors of a MILTER that names none */
    bool sender_verified;               /* SENDERVERIFIED */

    struct conf_listen *metrics;
    size_t nmetrics;
    int64_t log_ibm, journal_days, journal_mb;
};

/* Told of each problem: an error, or a warning, with file, line and text. */
typedef void conf_report_fn(void *arg, const char *file, unsigned line, bool error,
                            const char *text);
/* To standard error: "file:line: text". */
void conf_report_stderr(void *arg, const char *file, unsigned line, bool error, const char *text);

/* Read and check path; every problem is reported. NULL when the file cannot be read or holds an
 * error. */
struct conf *conf_load(const char *path, conf_report_fn *report, void *arg);
void conf_free(struct conf **c);
/* Effective values, one statement a line, as they could stand in the file. */
void conf_show(const struct conf *c, struct buf *out);

/* The names this gateway has. Borrows from c. */
struct addr_names conf_names(const struct conf *c);
/* Does TRUST name this client? */
bool conf_trusts(const struct conf *c, const union endpoint *peer);
const char *conf_limit_name(enum conf_limit_kind kind);
const struct conf_user *conf_user_of(const struct conf *c, struct str userid);
const struct conf_node *conf_node_of(const struct conf *c,
                                     struct str node); /* NULL: not described */
/* Is this where RESTRICT TRANSFERTO may send files: a LOCALUSER's name, or user@node? */
int conf_transfer(const struct conf *c, struct str to, struct why *w) MUST_CHECK;
const struct ebc_page *conf_page_of(const struct conf *c, struct str node);
/* Of one user: his own (CODEPAGE page user@node, LOCALUSER), else his node's. */
const struct ebc_page *conf_page_for(const struct conf *c, struct str user, struct str node);
/* How a user wants his mail: his own STYLE, else his node's, else a note. */
enum mail_style conf_style_for(const struct conf *c, struct str user, struct str node);
/* The page of a file in this user's reader from that sender: the sender's own, else his. */
const struct ebc_page *conf_page_here(const struct conf *c, struct str user, struct str from_user,
                                      struct str from_node);
/* The mailbox of DESTINATION ... BATCHSMTP= for a mail domain, "" none. */
struct str conf_batch_of(const struct conf *c, struct str domain);
/* May this client, or who signed on under that name ("" nobody), send batches: BATCHSMTP? */
bool conf_batch_from(const struct conf *c, const union endpoint *peer, struct str login);
/* The first DESTINATION for a mail domain with a host, NULL none. */
const struct conf_host *conf_route_of(const struct conf *c, struct str domain);
/* TLSPOLICY of a mail domain that is reached by its MX: the first that fits, else MAY. *said: one
 * did. */
enum host_tls conf_tls_of(const struct conf *c, struct str domain, bool *said);
/* "host:25", "host:24/lmtp", "host:587/tls=required/user=me": what tells one host row from others.
 */
void conf_host_name(const struct conf_host *h, char *out, size_t size);
/* The rows of the statement table, for the manual page and tests: name, form of its words,
 * sentences (in what, whose capacity bounds them). False past the end. */
bool conf_row(size_t i, const char **name, const char **form, struct buf *what);
/* Does a reload not take this statement? fn is told of those of them that differ. */
bool conf_needs_restart(const char *statement);
void conf_changed_at_start(const struct conf *was, const struct conf *is,
                           void (*fn)(void *arg, const char *statement), void *arg);

#endif
