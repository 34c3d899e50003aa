/* cli/table.c -- rows for people and for programs. The only includer of jansson. */
#include "cli/table.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"

struct table {
    const struct column *column;
    size_t ncolumn, ncell, space;
    struct str *cell;
    struct arena *arena;
    bool streamed; /* a part of the array is written */
};

struct table *table_new(const struct column *columns, size_t n)
{
    struct table *t = mem_new(sizeof *t);
    t->column = columns;
    t->ncolumn = n;
    t->arena = arena_new(SIZE_MAX / 2);
    return t;
}

void table_free(struct table **t)
{
    if (*t == NULL)
        return;
    arena_free(&(*t)->arena);
    free((*t)->cell);
    free(*t);
    *t = NULL;
}

void table_text(struct table *t, struct str s)
{
    if (t->ncell == t->space) {
        t->space = t->space == 0 ? 16 : t->space * 2;
        t->cell = mem_grow(t->cell, t->space, sizeof *t->cell);
    }
    struct buf clean;
    buf_init(&clean, s.n * 3 + 1);
    while (s.n > 0) {
        uint32_t rune = text_rune(&s);
        text_put_rune(&clean, rune < ' ' || rune == 0x7F ? ' ' : rune);
    }
    t->cell[t->ncell++] = arena_str(t->arena, buf_text(&clean));
    buf_done(&clean);
}

void table_number(struct table *t, int64_t v)
{
    table_text(t, arena_printf(t->arena, "%lld", (long long)v));
}

void table_time(struct table *t, int64_t seconds)
{
    table_number(t, seconds);
}

void table_bool(struct table *t, bool v)
{
    table_number(t, v);
}

size_t table_rows(const struct table *t)
{
    return t->ncolumn > 0 ? t->ncell / t->ncolumn : 0;
}

static struct str cell_of(const struct table *t, size_t row, size_t col)
{
    return t->cell[row * t->ncolumn + col];
}

static json_t *json_cell(const struct table *t, size_t row, size_t col)
{
    struct str s = cell_of(t, row, col);
    long long v = strtoll(s.p, NULL, 10);
    char text[40];
    time_t at = (time_t)v;
    struct tm tm;
    switch (t->column[col].kind) {
    case COL_NUMBER:
        return json_integer(v);
    case COL_BOOL:
        return json_boolean(v != 0);
    case COL_TIME:
        if (v == 0)
            return json_null();
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&at, &tm));
        return json_string(text);
    case COL_TEXT:
        break;
    }
    return json_stringn(s.p, s.n);
}

static json_t *json_row(const struct table *t, size_t row)
{
    json_t *o = json_object();
    for (size_t c = 0; c < t->ncolumn; c++)
        json_object_set_new(o, t->column[c].key, json_cell(t, row, c));
    return o;
}

void table_stream(struct table *t, FILE *f)
{
    for (size_t r = 0; r < table_rows(t); r++) {
        json_t *o = json_row(t, r);
        fputs(t->streamed ? ",\n" : "[\n", f);
        json_dumpf(o, f, JSON_REAL_PRECISION(6));
        json_decref(o);
        t->streamed = true;
    }
    t->ncell = 0;
    arena_reset(t->arena);
}

void table_stream_end(struct table *t, FILE *f)
{
    table_stream(t, f);
    fputs(t->streamed ? "\n]\n" : "[]\n", f);
    t->streamed = false;
}

static void print_json(const struct table *t, FILE *f, bool one)
{
    json_t *all = json_array();
    for (size_t r = 0; r < table_rows(t); r++)
        json_array_append_new(all, json_row(t, r));
    json_t *what = one && json_array_size(all) > 0 ? json_array_get(all, 0) : all;
    json_dumpf(what, f, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    fputc('\n', f);
    json_decref(all);
}

static struct str shown(const struct table *t, size_t row, size_t col, char out[40])
{
    struct str s = cell_of(t, row, col);
    time_t at = (time_t)strtoll(s.p, NULL, 10);
    struct tm tm;
    if (t->column[col].kind == COL_BOOL)
        return str_of(at != 0 ? "yes" : "");
    if (t->column[col].kind != COL_TIME)
        return s;
    if (at == 0)
        return STR("-");
    strftime(out, 40, "%Y-%m-%d %H:%M:%S", localtime_r(&at, &tm));
    return str_of(out);
}

static void print_padded(FILE *f, struct str s, size_t width, bool right, bool last)
{
    size_t columns = text_columns(s), pad = columns < width ? width - columns : 0;
    if (right)
        fprintf(f, "%*s%.*s", (int)pad, "", STR_ARG(s));
    else
        fprintf(f, "%.*s%*s", STR_ARG(s), last ? 0 : (int)pad, "");
    fputs(last ? "\n" : "  ", f);
}

static void print_aligned(const struct table *t, FILE *f)
{
    size_t *width = mem_new(t->ncolumn * sizeof *width);
    char text[40];
    for (size_t c = 0; c < t->ncolumn; c++) {
        width[c] = strlen(t->column[c].key);
        for (size_t r = 0; r < table_rows(t); r++) {
            size_t w = text_columns(shown(t, r, c, text));
            width[c] = w > width[c] ? w : width[c];
        }
    }
    for (size_t c = 0; c < t->ncolumn; c++) {
        char heading[40];
        str_copy(heading, sizeof heading, str_of(t->column[c].key));
        for (char *p = heading; *p != '\0'; p++)
            *p = (char)(*p == '_' ? ' ' : toupper((unsigned char)*p));
        print_padded(f, str_of(heading), width[c], t->column[c].kind == COL_NUMBER,
                     c + 1 == t->ncolumn);
    }
    for (size_t r = 0; r < table_rows(t); r++)
        for (size_t c = 0; c < t->ncolumn; c++)
            print_padded(f, shown(t, r, c, text), width[c], t->column[c].kind == COL_NUMBER,
                         c + 1 == t->ncolumn);
    free(width);
}

static void print_lines(const struct table *t, FILE *f)
{
    char text[40];
    size_t width = 0;
    for (size_t c = 0; c < t->ncolumn; c++)
        width = strlen(t->column[c].key) > width ? strlen(t->column[c].key) : width;
    for (size_t r = 0; r < table_rows(t); r++)
        for (size_t c = 0; c < t->ncolumn; c++)
            fprintf(f, "%-*s  %.*s\n", (int)width, t->column[c].key, STR_ARG(shown(t, r, c, text)));
}

void table_print(const struct table *t, FILE *f, bool json, bool one)
{
    if (json)
        print_json(t, f, one);
    else if (one)
        print_lines(t, f);
    else if (table_rows(t) > 0)
        print_aligned(t, f);
}
