/* db/tablexml.h -- the directory's tables (nicknames, access, security, restrictions, aliases) as
 * one XML document and back. libxml2's door here. One table of columns makes the document, its
 * RELAX NG schema (docs/njegate-tables.rng is that text) and the SQL. */
#ifndef DB_TABLEXML_H
#define DB_TABLEXML_H

#include <stdio.h>

#include "base/arena.h"
#include "base/clock.h"
#include "db/db.h"

/* All rows as they are at one moment. *rows: how many; *replaced: characters that XML cannot hold,
 * written as U+FFFD. */
int tablexml_export(struct db *d, FILE *f, size_t *rows, size_t *replaced,
                    struct why *w) MUST_CHECK;

struct tablexml_how {
    bool replace;  /* the tables hold the document's rows only; else rows of the same key are
                      changed, new  ones added */
    struct str by; /* who, for rows that do not say */
    /* Told of each problem, the first 100; line 0: of the document as a whole. */
    void (*report)(void *arg, long line, const char *text);
    /* More than the schema can say, may be NULL: value is of that attribute. 0 or negative. */
    int (*check)(void *arg, const char *element, struct str (*value)(void *row, const char *name),
                 void *row, struct why *w);
    void (*progress)(void *arg, size_t rows); /* each 50,000 rows, may be NULL */
    void *arg;
};
/* The file is read and checked whole (at most 1 GiB, no DOCTYPE, no entities) before a row is
 * touched; then all its rows come in one transaction, or none. E_SYNTAX after problems that were
 * reported. */
int tablexml_import(struct db *d, const char *path, const struct tablexml_how *how, size_t *rows,
                    struct why *w) MUST_CHECK;
/* The RELAX NG schema. */
void tablexml_schema(struct buf *out);

#endif
