/* aliases/addr.h -- one address in its forms: Internet mailbox, user at NJE node, bare name. The
 * gateway's address forms both ways (`user%node@gateway`...). Pure. */
#ifndef ALIASES_ADDR_H
#define ALIASES_ADDR_H

#include "base/arena.h"
#include "base/bytes.h"

/* The names by which this gateway is known; borrowed. */
struct addr_names {
    struct str hostname;   /* TCPHostName */
    const struct str *alt; /* ALTTCPHOSTNAME */
    size_t nalt;
    struct str local_node;                   /* our NJE node */
    struct str rscs_domain, alt_rscs_domain; /* "" none */
    struct str dim_node;
};
enum addr_kind {
    ADDR_BAD,  /* *w tells */
    ADDR_BARE, /* one of our own names: user in `user` */
    ADDR_NJE,  /* user at node */
    ADDR_NET,  /* an Internet mailbox elsewhere */
};
struct addr {
    enum addr_kind kind;
    struct str user;    /* ADDR_NJE: upper case 1-8; ADDR_BARE: the local part as written */
    struct str node;    /* ADDR_NJE: upper case 1-8 */
    struct str mailbox; /* ADDR_NET: local@domain, domain lower case */
};
/* Read a mailbox (local part and domain apart, unquoted) as this gateway understands it:
 * user@gateway, user%node@gateway, user%node.DOMAIN@gateway, user@node.DOMAIN, anything else
 * Internet. Right-most % counts, repeatedly, after our own host is stripped. A node or user that
 * cannot be one is ADDR_BAD with 550 5.1.1. */
struct addr addr_read(struct arena *a, const struct addr_names *names, struct str local,
                      struct str domain, struct why *w);
/* The Internet form of user at node (addressing.md "Sender address made for TCP", non-secure). */
struct str addr_internet(struct arena *a, const struct addr_names *names, struct str user,
                         struct str node);
bool addr_is_ours(const struct addr_names *names, struct str domain); /* gateway or RSCS domain */
bool addr_userid_ok(struct str s);     /* 1-8 of A-Z 0-9 $ # @ _ - + :, any case */
bool addr_reserved(struct str userid); /* SMTP MAILER BSMTP DIM POSTMASTER, QSM with digits */
/* local part by case, domain without and in A-labels (base/idn.h): the form kept in tables. */
struct str addr_mailbox_key(struct arena *a, struct str local, struct str domain);
/* The same of a whole mailbox; what has no domain stays as it is. */
struct str addr_fold_domain(struct arena *a, struct str mailbox);
struct str addr_domain(struct str mailbox); /* behind the last '@', "" none */

#endif
