/* db/tablexml_private.h -- the columns of each table: between tablexml.c (writing, schema) and
 * tablexml_in.c (reading). */
#ifndef DB_TABLEXML_PRIVATE_H
#define DB_TABLEXML_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

#define TABLEXML_COLUMNS_MAX 10

enum xml_kind {
    XML_NAME,      /* 1-8 characters of a user ID, folded to upper case */
    XML_NAME_ANY,  /* the same or *ANY */
    XML_NAME_STAR, /* the same or * */
    XML_OWNER,     /* USER@NODE or nothing */
    XML_NICK,      /* nickname of the security table, compared without case */
    XML_MAILBOX,   /* the domain is folded to lower case */
    XML_MAILBOX_OR_NONE,
    XML_TRANSFER, /* USER, USER@NODE or nothing */
    XML_TEXT,
    XML_FLAG,   /* yes or no */
    XML_ACTION, /* purge, return, transfer */
    XML_TIME,   /* ISO 8601 UTC; absent: now */
    XML_BY,     /* absent: who imports */
};
struct xml_type {
    const char *pattern;            /* XML Schema's; NULL none */
    int most;                       /* characters, 0: as the pattern says */
    const char *words;              /* the same for a person */
    bool (*form)(struct str value); /* looked at beside the schema, NULL nothing: libxml2 takes
                                       microseconds for a pattern of such length */
};
extern const struct xml_type tablexml_type[]; /* by kind */
struct xml_column {
    const char *column, *attribute;
    enum xml_kind kind;
    bool key, optional;
};
struct xml_table {
    const char *element, *table, *what;
    const char *unique[2]; /* partial indexes beside the key */
    struct xml_column column[TABLEXML_COLUMNS_MAX];
    size_t ncolumn;
};
extern const struct xml_table tablexml_table[];
extern const size_t tablexml_ntable;
extern const char *const tablexml_action[]; /* by the number kept, from 1; NULL ends */

#endif
