/* cli/table.h -- what njegate prints: rows with named columns, aligned for people or as JSON
 * for programs. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdio.h>

#include "base/bytes.h"

enum column_kind {
    COL_TEXT,
    COL_NUMBER,
    COL_TIME, /* seconds since 1970: "2026-11-21 23:30:44" local, ISO 8601 UTC in JSON; 0: none */
    COL_BOOL, /* "1" or "0": yes or "" */
};
struct column {
    const char *key; /* lower case, JSON's; upper case is the heading */
    enum column_kind kind;
};

struct table;
struct table *table_new(const struct column *columns, size_t n);
void table_free(struct table **t);
/* The next cell, row after row. */
void table_text(struct table *t, struct str s);
void table_number(struct table *t, int64_t v);
void table_time(struct table *t, int64_t seconds);
void table_bool(struct table *t, bool v);
size_t table_rows(const struct table *t);
/* json: an array of objects, or with one the single row's object. Text: headings and aligned
 * columns (with `one`: "key: value" lines). Bytes that are no UTF-8 are replaced. */
void table_print(const struct table *t, FILE *f, bool json, bool one);

/* For tables of any length, JSON only: writes the rows there are as a part of the array and forgets
 * them; the end closes it. */
void table_stream(struct table *t, FILE *f);
void table_stream_end(struct table *t, FILE *f);

#endif
