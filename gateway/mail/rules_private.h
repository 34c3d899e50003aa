/* gateway/mail/rules_private.h -- a rule set in memory: between rules_parse.c (makes it),
 * rules_match.c (applies it to an address) and rewrite.c (finds the addresses of a field). */
#ifndef GATEWAY_MAIL_RULES_PRIVATE_H
#define GATEWAY_MAIL_RULES_PRIVATE_H

#include "gateway/mail/rewrite.h"

#define RULES_ELEMS_MAX 64u /* of one side of a rule */
#define RULES_SLOTS 32u     /* wildcards and many-valued keywords of one left side */
#define RULES_ALIASES_MAX 64u
#define RULES_NAMES_MAX 256u /* fields of one alias */

/* Single-valued keywords are texts by the time a rule is stored. */
enum elem_kind { EL_TEXT, EL_WILD, EL_NODE, EL_DOMAIN, EL_ALT, EL_NICK_ADDR, EL_NICK_NAME };
struct elem {
    enum elem_kind kind;
    bool nocase;     /* EL_TEXT */
    struct str text; /* EL_TEXT; EL_WILD: its name */
    unsigned slot;   /* of what it stands for, all but EL_TEXT */
};
struct rule {
    unsigned line;
    struct str source;   /* as written, in one line */
    const char *ignored; /* the keyword without a value that makes it void, NULL: in force */
    size_t alias;        /* whose fields */
    struct elem *left, *right;
    size_t nleft, nright;
    size_t least;      /* shortest address that can match */
    bool nick_is_left; /* SecureNickName stands on the left, not SecureNickAddr */
};
struct field_set {
    struct str name;
    bool defined; /* by the file: not the built-in DefaultFields */
    struct str *field;
    size_t n;
};
struct rules {
    struct arena *arena;
    struct field_set alias[RULES_ALIASES_MAX]; /* 0: DefaultFields */
    size_t nalias;
    struct rule *rule;
    size_t nrule;
    struct str *alt_host;
    size_t nalt_host;
};

/* Is the field in alias k? */
bool rules_in_set(const struct field_set *set, struct str field);
/* rules_address for a field whose aliases are known: in[k] tells of alias k. */
int rules_apply(const struct rules_use *u, const bool *in, struct str address, struct buf *out,
                struct why *w);

#endif
