/* gateway/config/confrow.h -- what single statements of the configuration say: links, nodes, users,
 * hosts, filters, limits. gateway/config/conf.h holds them together. */
#ifndef GATEWAY_CONFIG_CONFROW_H
#define GATEWAY_CONFIG_CONFROW_H

#include "base/stream.h"
#include "rscs/ebcdic.h"

enum file_format { FORMAT_NETDATA, FORMAT_PUNCH };
enum mail_style { STYLE_NOTE, STYLE_RFC822, STYLE_PROFS };
enum file_coding { FILES_NETDATA, FILES_UU, FILES_XX }; /* how attachments that are no text go */

enum link_tls { LINK_TLS_NO, LINK_TLS_YES, LINK_TLS_VERIFY };
/* In the clear never with the last three: any certificate, one that is trusted and names the host,
 * one that matches its TLSA records. */
enum host_tls { HOST_TLS_MAY, HOST_TLS_NO, HOST_TLS_ENCRYPT, HOST_TLS_REQUIRED, HOST_TLS_DANE };

struct conf_listen {
    union endpoint at;
    bool tls;
    bool submission;  /* LISTENSMTP: clients sign on */
    bool proxy;       /* LISTENSMTP: a PROXY header comes first */
    int64_t starttls; /* LISTENSMTP: enum listen_starttls */
};
enum listen_starttls { LISTEN_STARTTLS_MAY, LISTEN_STARTTLS_NO, LISTEN_STARTTLS_REQUIRED };
/* LIMIT: as the statement names them. */
enum conf_limit_kind {
    LIMIT_CONNECTIONS,
    LIMIT_MESSAGES,
    LIMIT_RECIPIENTS,
    LIMIT_ERRORS,
    LIMIT_BYTES,
    LIMIT_RATES, /* those before it may be by time */
    LIMIT_JUNK = LIMIT_RATES,
    LIMIT_SESSIONS,
    LIMIT_RCPTS,
    LIMIT_HEADER,
    LIMIT_LINE,
    LIMIT_COMMAND,
    LIMIT_KINDS
};
struct conf_net {
    uint8_t addr[16]; /* IPv6 form; IPv4 mapped */
    unsigned bits;
};
struct conf_link {
    struct str name; /* link id, upper case */
    struct str node; /* the neighbour */
    bool defined;    /* by LINKDEFINE; else only a PARM names it */
    bool start;      /* AST */
    struct str host; /* "" only accepts */
    uint16_t port;
    uint16_t bufsize;
    uint8_t streams;
    struct str password, line_password;
    int64_t keepalive_s, retry_s;
    int64_t transfer_s;          /* a file without progress for so long restarts the link */
    const struct ebc_page *page; /* NULL: CODEPAGE */
    bool origin_any;
    bool ahead; /* files of a stream without waiting for X'C0', with a neighbour that does so too */
    enum link_tls tls;
};
struct conf_route {
    struct str pattern, link;
};
struct conf_node {
    struct str node;
    const struct ebc_page *page; /* NULL: not given */
    int format;                  /* enum file_format, -1 not given */
    int style;                   /* enum mail_style, -1 not given */
    struct str bsmtp;            /* userid that takes batch SMTP, "" none */
    bool snads;                  /* SCHEME=SNADS */
    int files;                   /* enum file_coding */
    int64_t file_max;            /* bytes of an attachment, 0 as large as a mail may be */
};
struct conf_user {
    struct str userid, mailbox;  /* mailbox "" none */
    const struct ebc_page *page; /* NULL: of the node */
};
/* CODEPAGE and STYLE with user@node: what one user has, whatever his node has. */
struct conf_person {
    struct str user, node;
    const struct ebc_page *page; /* NULL: not given */
    int style;                   /* enum mail_style, -1 not given */
};
enum tls_need { TLS_OFFERED, TLS_NEVER, TLS_NEEDED };
/* MAILER: a machine that takes mail as batch SMTP and carries it further. */
struct conf_mailer {
    struct str user, node; /* user "": none; node: LOCAL unless given */
    enum file_format format;
    bool local, rscs; /* what it gets */
};
struct conf_host {
    struct str domain; /* DESTINATION: "a.example" or ".a.example"; SMARTHOST: "" */
    struct str host;   /* name or address; or the path of a socket, that begins with '/' */
    struct str batch;  /* BATCHSMTP: the mailbox that takes the mail as batches, no host; "" none */
    uint16_t port;
    enum host_tls tls;
    bool lmtp;
    struct str user, password, password_file; /* to sign on with, "" not */
};
struct conf_tls_rule { /* TLSPOLICY */
    struct str domain; /* "a.example", ".a.example" or "*" */
    enum host_tls tls;
};
enum filter_absent { FILTER_DEFER, FILTER_ACCEPT, FILTER_REFUSE }; /* as enum chain_absent */
struct conf_milter {
    struct str name; /* the socket as written */
    struct str path; /* of a socket in the file system, "" none: at */
    union endpoint at;
    bool smtp, nje; /* the doors it looks at */
    bool reports;   /* and at what we write to the Internet ourselves */
    enum filter_absent absent;
    int64_t connect_s, answer_s, verdict_s;
};
enum exit_direction { EXIT_BOTH, EXIT_FROM_TCP, EXIT_FROM_NJE };

enum verify_client { VERIFY_NO, VERIFY_YES, VERIFY_EXIT };
/* HELOCHECK */
enum { HELO_SYNTAX = 1, HELO_OWNNAME = 2, HELO_RESOLVES = 4 };

#endif
