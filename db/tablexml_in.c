/* db/tablexml_in.c -- a document back into the tables. Its rows are gathered in temporary tables
 * while the reader holds them against the schema; only when all of it is good the real tables are
 * touched, in one transaction. */
#include <errno.h>
#include <fcntl.h>
#include <libxml/relaxng.h>
#include <libxml/xmlreader.h>
#include <libxml/xmlregexp.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "db/history.h"
#include "db/row.h"
#include "db/tablexml.h"
#include "db/tablexml_private.h"

#define FILE_MOST (1LL << 30)
#define ROWS_MOST 10000000u
#define REPORTS_MOST 100u
#define PROGRESS_STEP 50000u
#define VAGUE                                                                                      \
    "failed to validate attributes" /* libxml2's last word on a bad or missing attribute */

struct import {
    struct db *d;
    const struct tablexml_how *how;
    xmlTextReaderPtr reader;
    struct sqlite3_stmt **insert; /* by table */
    struct arena *row_arena;
    const struct xml_table *table;          /* of the row at hand */
    struct str value[TABLEXML_COLUMNS_MAX]; /* of its columns */
    bool given[TABLEXML_COLUMNS_MAX];
    size_t rows, problems;
    long vague; /* line of an element whose attributes the schema refused, 0 none */
    struct wall now;
};

/* --- problems --- */

static void problem(struct import *im, long line, const char *text)
{
    im->problems++;
    if (im->problems <= REPORTS_MOST)
        im->how->report(im->how->arg, line, text);
    else if (im->problems == REPORTS_MOST + 1)
        im->how->report(im->how->arg, 0, "and more problems");
}

/* Of the element at hand: the parser itself is already further. */
static long line_of(const struct import *im)
{
    return xmlGetLineNo(xmlTextReaderCurrentNode(im->reader));
}

/* libxml2's words end with a line feed and may follow one another for one fault. */
static void xml_problem(void *arg, xmlErrorPtr e)
{
    struct import *im = arg;
    struct str text = str_trim(str_of(e->message));
    char line[300];
    str_copy(line, sizeof line, text);
    for (char *p = line; *p != '\0'; p++)
        *p = (unsigned char)*p < ' ' ? ' ' : *p; /* one fault is one line */
    if (str_ends_nocase(text, VAGUE))
        im->vague = e->line; /* which attribute and why: told when its row is looked at */
    else
        problem(im, e->line, line);
}

/* No entity is ever fetched, from wherever. */
static xmlParserInputPtr no_entity(const char *url, const char *id, xmlParserCtxtPtr ctxt)
{
    (void)url, (void)id, (void)ctxt;
    return NULL;
}

/* --- a row --- */

static struct str mailbox_value(struct arena *a, struct str mailbox)
{
    struct row_key k;
    return row_mailbox(&k, mailbox) ? arena_str(a, k.s) : mailbox;
}

/* Of the form the schema has checked. */
static int64_t time_value(struct str s, struct wall now)
{
    struct tm tm = {0};
    char text[40];
    str_copy(text, sizeof text, s);
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (rest == NULL)
        return now.us;
    int64_t us = (int64_t)timegm(&tm) * 1000000, scale = 100000;
    for (rest += *rest == '.'; *rest >= '0' && *rest <= '9'; rest++, scale /= 10)
        us += (*rest - '0') * scale;
    return us;
}

static int action_value(struct str s)
{
    int v = 1;
    while (tablexml_action[v + 1] != NULL && !str_is(s, tablexml_action[v]))
        v++;
    return v;
}

static void bind_cell(struct import *im, struct sqlite3_stmt *st, size_t c)
{
    struct arena *a = im->row_arena;
    struct str v = im->value[c];
    int n = (int)c + 1;
    switch (im->table->column[c].kind) {
    case XML_NAME:
    case XML_NAME_ANY:
    case XML_NAME_STAR:
    case XML_OWNER:
    case XML_TRANSFER:
        v = arena_upper(a, v);
        break;
    case XML_MAILBOX:
    case XML_MAILBOX_OR_NONE:
        v = mailbox_value(a, v);
        break;
    case XML_FLAG:
        sqlite3_bind_int(st, n, str_is(v, "yes"));
        return;
    case XML_ACTION:
        sqlite3_bind_int(st, n, action_value(v));
        return;
    case XML_TIME:
        sqlite3_bind_int64(st, n, im->given[c] ? time_value(v, im->now) : im->now.us);
        return;
    case XML_BY:
        v = im->given[c] ? v : im->how->by;
        break;
    case XML_NICK:
    case XML_TEXT:
        break;
    }
    db_bind_str(st, n, v);
}

static void take_attributes(struct import *im)
{
    const struct xml_table *t = im->table;
    for (size_t c = 0; c < t->ncolumn; c++) {
        im->value[c] = STR("");
        im->given[c] = false;
    }
    while (xmlTextReaderMoveToNextAttribute(im->reader) == 1) {
        const char *name = (const char *)xmlTextReaderConstLocalName(im->reader);
        const char *value = (const char *)xmlTextReaderConstValue(im->reader);
        for (size_t c = 0; c < t->ncolumn; c++)
            if (strcmp(t->column[c].attribute, name) == 0) {
                im->value[c] = arena_str(im->row_arena, str_of(value));
                im->given[c] = true;
            }
    }
    xmlTextReaderMoveToElement(im->reader);
}

static struct str value_named(void *row, const char *name)
{
    struct import *im = row;
    for (size_t c = 0; c < im->table->ncolumn; c++)
        if (strcmp(im->table->column[c].attribute, name) == 0)
            return im->value[c];
    return STR("");
}

/* The keys of a row as a person finds it again. */
static void duplicate(struct import *im, const char *what)
{
    char text[300];
    struct buf b;
    buf_init(&b, sizeof text - 1);
    buf_printf(&b, "%s", im->table->element);
    for (size_t c = 0; c < im->table->ncolumn; c++)
        if (im->table->column[c].key)
            buf_printf(&b, " %.*s", STR_ARG(im->value[c]));
    buf_printf(&b, ": %s", what);
    str_copy(text, sizeof text, buf_text(&b));
    buf_done(&b);
    problem(im, line_of(im), text);
}

static bool fits(const struct xml_type *t, struct str v)
{
    const xmlChar *text = (const xmlChar *)v.p;
    if ((t->most > 0 && xmlUTF8Strlen(text) > t->most) || (t->form != NULL && !t->form(v)))
        return false;
    if (t->pattern == NULL)
        return true;
    xmlRegexpPtr r = xmlRegexpCompile((const xmlChar *)t->pattern);
    bool fit = r != NULL && xmlRegexpExec(r, text) == 1;
    xmlRegFreeRegexp(r);
    return fit;
}

static void must_be(struct import *im, long line, const struct xml_column *col, struct str value)
{
    char text[300];
    snprintf(text, sizeof text, "%s: %s=\"%.*s\" must be %s", im->table->element, col->attribute,
             STR_ARG(str_sub(value, 0, 80)), tablexml_type[col->kind].words);
    problem(im, line, text);
}

/* What the schema leaves to us. */
static void check_forms(struct import *im)
{
    for (size_t c = 0; c < im->table->ncolumn; c++) {
        const struct xml_column *col = &im->table->column[c];
        const struct xml_type *t = &tablexml_type[col->kind];
        if (im->given[c] && t->form != NULL && !t->form(im->value[c]))
            must_be(im, line_of(im), col, im->value[c]);
    }
}

/* The schema refused the attributes of this row: say which and what they must be. */
static void explain(struct import *im)
{
    size_t before = im->problems;
    char text[300];
    for (size_t c = 0; c < im->table->ncolumn; c++) {
        const struct xml_column *col = &im->table->column[c];
        const char *words = tablexml_type[col->kind].words;
        if (im->given[c] && !fits(&tablexml_type[col->kind], im->value[c]))
            must_be(im, im->vague, col, im->value[c]);
        if (im->given[c] || col->optional)
            continue;
        snprintf(text, sizeof text, "%s: %s is missing: %s", im->table->element, col->attribute,
                 words);
        problem(im, im->vague, text);
    }
    if (im->problems == before) /* an attribute that is none of ours */
        problem(im, im->vague, "an attribute that the schema does not know");
    im->vague = 0;
}

static int stage_row(struct import *im, size_t t, struct why *w)
{
    struct sqlite3_stmt *st = im->insert[t];
    struct why why;
    size_t before = im->problems;
    im->table = &tablexml_table[t];
    arena_reset(im->row_arena);
    take_attributes(im);
    if (im->vague != 0)
        explain(im);
    else
        check_forms(im);
    if (im->problems == before && im->how->check != NULL &&
        im->how->check(im->how->arg, im->table->element, value_named, im, &why) < 0)
        problem(im, line_of(im), why.text);
    if (im->problems > before) /* the schema's verdict on this row may come later */
        return OK;
    for (size_t c = 0; c < im->table->ncolumn; c++)
        bind_cell(im, st, c);
    int rc = db_step(st, &why);
    db_done(st);
    if (rc == E_DENIED) {
        duplicate(im, im->table->unique[0] != NULL ? "given twice, or a second primary row"
                                                   : "given twice");
    } else if (rc < 0) {
        *w = why;
        return rc;
    }
    if (++im->rows % PROGRESS_STEP == 0 && im->how->progress != NULL)
        im->how->progress(im->how->arg, im->rows);
    return OK;
}

/* --- the temporary tables --- */

static void put_columns(struct buf *b, const struct xml_table *t, bool keys, const char *each)
{
    const char *comma = "";
    for (size_t c = 0; c < t->ncolumn; c++) {
        if (keys && !t->column[c].key)
            continue;
        buf_printf(b, "%s%s%s", comma, t->column[c].column,
                   each != NULL && t->column[c].kind == XML_NICK ? each : "");
        comma = ", ";
    }
}

static int run_sql(struct import *im, struct buf *sql, struct why *w)
{
    int rc = sqlite3_exec(db_handle(im->d), buf_cstr(sql), NULL, NULL, NULL);
    buf_reset(sql);
    return rc == SQLITE_OK ? OK : db_fail(im->d, "import", w);
}

static int make_stage(struct import *im, size_t i, struct why *w)
{
    const struct xml_table *t = &tablexml_table[i];
    struct buf sql;
    buf_init(&sql, 4096);
    buf_printf(&sql, "DROP TABLE IF EXISTS temp.stage_%s; CREATE TEMP TABLE stage_%s (", t->element,
               t->element);
    put_columns(&sql, t, false, " COLLATE NOCASE");
    buf_z(&sql, ", PRIMARY KEY (");
    put_columns(&sql, t, true, NULL);
    buf_z(&sql, ")) WITHOUT ROWID;");
    for (size_t u = 0; u < 2 && t->unique[u] != NULL; u++)
        buf_printf(&sql, "CREATE UNIQUE INDEX temp.stage_%s_%zu ON stage_%s %s;", t->element, u,
                   t->element, t->unique[u]);
    int rc = run_sql(im, &sql, w);
    buf_printf(&sql, "INSERT INTO temp.stage_%s VALUES (?", t->element);
    for (size_t c = 1; c < t->ncolumn; c++)
        buf_z(&sql, ",?");
    buf_u8(&sql, ')');
    if (rc == OK &&
        sqlite3_prepare_v2(db_handle(im->d), buf_cstr(&sql), -1, &im->insert[i], NULL) != SQLITE_OK)
        rc = db_fail(im->d, "import", w);
    buf_done(&sql);
    return rc;
}

static void drop_stages(struct import *im)
{
    struct buf sql;
    struct why ignored;
    buf_init(&sql, 4096);
    for (size_t i = 0; i < tablexml_ntable; i++) {
        sqlite3_finalize(im->insert[i]);
        buf_printf(&sql, "DROP TABLE IF EXISTS temp.stage_%s;", tablexml_table[i].element);
    }
    if (run_sql(im, &sql, &ignored) < 0)
        im->problems++; /* they go with the connection */
    buf_done(&sql);
}

/* --- the real tables --- */

/* " WHERE [NOT] EXISTS (the staged row of the same keys": the caller closes it. */
static void put_staged(struct buf *b, const struct xml_table *t, const char *no)
{
    buf_printf(b, " WHERE %sEXISTS (SELECT 1 FROM temp.stage_%s s WHERE true", no, t->element);
    for (size_t c = 0; c < t->ncolumn; c++)
        if (t->column[c].key)
            buf_printf(b, " AND s.%s = %s.%s", t->column[c].column, t->table, t->column[c].column);
}

/* What the file does not have goes; the others stay, so that the history tells what became
 * different. */
static void put_drop_others(struct buf *b, const struct xml_table *t)
{
    buf_printf(b, "DELETE FROM main.%s", t->table);
    put_staged(b, t, "NOT ");
    buf_z(b, ");");
}

/* Rows that come again lose their flags first: a Y that moves from one to another is no conflict.
 */
static void put_lower_flags(struct buf *b, const struct xml_table *t)
{
    for (size_t c = 0; c < t->ncolumn; c++) {
        const char *flag = t->column[c].column;
        if (t->column[c].kind != XML_FLAG)
            continue;
        buf_printf(b, "UPDATE main.%s SET %s = 0", t->table, flag);
        put_staged(b, t, "");
        buf_printf(b, " AND s.%s < %s.%s);", flag, t->table, flag);
    }
}

static int move_rows(struct import *im, const struct xml_table *t, struct why *w)
{
    struct buf sql;
    buf_init(&sql, 8192);
    if (im->how->replace)
        put_drop_others(&sql, t);
    if (t->unique[0] != NULL)
        put_lower_flags(&sql, t);
    buf_printf(&sql, "INSERT INTO main.%s (", t->table);
    put_columns(&sql, t, false, NULL);
    buf_z(&sql, ") SELECT ");
    put_columns(&sql, t, false, NULL);
    buf_printf(&sql, " FROM temp.stage_%s WHERE true ON CONFLICT (", t->element);
    put_columns(&sql, t, true, NULL);
    buf_z(&sql, ") DO UPDATE SET ");
    const char *comma = "";
    for (size_t c = 0; c < t->ncolumn; c++) {
        const char *name = t->column[c].column;
        if (t->column[c].key)
            continue;
        buf_printf(&sql, "%s%s = excluded.%s", comma, name, name);
        comma = ", ";
    }
    int rc = run_sql(im, &sql, w);
    buf_done(&sql);
    if (rc == E_DENIED)
        why_prefix(
            w,
            "a <%s> row of the file collides with a row of the database that the file does not "
            "have (--replace would remove it)",
            t->element);
    return rc;
}

static int move_all(struct import *im, const char *path, struct why *w)
{
    char what[400];
    int rc = db_begin(im->d, w);
    if (rc < 0)
        return rc;
    snprintf(what, sizeof what, "%zu rows of %.200s%s", im->rows, path,
             im->how->replace ? ", in place of the tables" : "");
    rc = history_begin(im->d, im->how->by, HISTORY_IMPORT_ROOM, w);
    for (size_t i = 0; rc == OK && i < tablexml_ntable; i++)
        rc = move_rows(im, &tablexml_table[i], w);
    if (rc == OK)
        rc = history_end_import(im->d, STR(""), str_of(what), im->how->by, w);
    if (rc == OK)
        rc = db_commit(im->d, w);
    if (rc < 0)
        db_rollback(im->d);
    return rc;
}

/* --- reading --- */

static int take_node(struct import *im, struct why *w)
{
    int type = xmlTextReaderNodeType(im->reader);
    if (type == XML_READER_TYPE_DOCUMENT_TYPE)
        return why_set(w, E_DENIED, 0, NULL,
                       "line %ld: a DOCTYPE and entities are not taken in a table file",
                       line_of(im));
    if (type != XML_READER_TYPE_ELEMENT || xmlTextReaderDepth(im->reader) != 1)
        return OK;
    if (im->rows >= ROWS_MOST)
        return why_set(w, E_LIMIT, 0, NULL, "the file has more than %u rows", ROWS_MOST);
    const char *name = (const char *)xmlTextReaderConstLocalName(im->reader);
    for (size_t i = 0; i < tablexml_ntable; i++)
        if (strcmp(tablexml_table[i].element, name) == 0)
            return stage_row(im, i, w);
    return OK; /* the schema has told */
}

static int read_all(struct import *im, const char *path, struct why *w)
{
    int more, rc = OK;
    while (rc == OK && im->problems <= REPORTS_MOST && (more = xmlTextReaderRead(im->reader)) == 1)
        rc = take_node(im, w);
    if (rc == OK && im->problems == 0 && (more != 0 || xmlTextReaderIsValid(im->reader) != 1))
        problem(im, line_of(im), "the document is not complete");
    if (rc == OK && im->problems > 0)
        rc = why_set(w, E_SYNTAX, 0, NULL, "%s has %s%zu problem%s: nothing was changed", path,
                     im->problems > REPORTS_MOST ? "more than " : "",
                     im->problems > REPORTS_MOST ? REPORTS_MOST : im->problems,
                     im->problems == 1 ? "" : "s");
    return rc;
}

/* The schema is our own text: that it cannot be read is a matter of memory. */
static xmlRelaxNGPtr load_schema(struct buf *text)
{
    tablexml_schema(text);
    xmlRelaxNGParserCtxtPtr parser =
        xmlRelaxNGNewMemParserCtxt((const char *)text->p, (int)text->n);
    xmlRelaxNGPtr schema = parser != NULL ? xmlRelaxNGParse(parser) : NULL;
    xmlRelaxNGFreeParserCtxt(parser);
    return schema;
}

static int with_schema(struct import *im, int fd, const char *path, struct why *w)
{
    struct buf text;
    buf_init(&text, 1u << 20);
    xmlRelaxNGPtr schema = load_schema(&text);
    im->reader = xmlReaderForFd(fd, path, NULL, XML_PARSE_NONET | XML_PARSE_BIG_LINES);
    int rc = OK;
    if (schema == NULL || im->reader == NULL) {
        rc = why_set(w, E_TEMP, 0, NULL, "no memory for the schema");
    } else {
        xmlTextReaderSetStructuredErrorHandler(im->reader, xml_problem, im);
        if (xmlTextReaderRelaxNGSetSchema(im->reader, schema) != 0)
            rc = why_set(w, E_TEMP, 0, NULL, "no memory for the schema");
    }
    if (rc == OK)
        rc = read_all(im, path, w);
    xmlFreeTextReader(im->reader);
    xmlRelaxNGFree(schema);
    buf_done(&text);
    return rc;
}

static int open_file(const char *path, int *fd, struct why *w)
{
    struct stat st;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0 || fstat(*fd, &st) != 0)
        return why_set(w, E_ABSENT, 0, NULL, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return why_set(w, E_DENIED, 0, NULL, "%s is not a file", path);
    if (st.st_size > FILE_MOST)
        return why_set(w, E_LIMIT, 0, NULL, "%s is larger than %lld bytes", path, FILE_MOST);
    return OK;
}

static int import_file(struct import *im, int fd, const char *path, struct why *w)
{
    int rc = OK;
    for (size_t i = 0; rc == OK && i < tablexml_ntable; i++)
        rc = make_stage(im, i, w);
    if (rc == OK) {
        xmlExternalEntityLoader before = xmlGetExternalEntityLoader();
        xmlSetExternalEntityLoader(no_entity);
        rc = with_schema(im, fd, path, w);
        xmlSetExternalEntityLoader(before);
    }
    return rc == OK ? move_all(im, path, w) : rc;
}

int tablexml_import(struct db *d, const char *path, const struct tablexml_how *how, size_t *rows,
                    struct why *w)
{
    int fd;
    int rc = open_file(path, &fd, w);
    if (rc == OK) {
        struct sqlite3_stmt *insert[16] = {NULL};
        struct import im = {.d = d,
                            .how = how,
                            .insert = insert,
                            .row_arena = arena_new(1u << 20),
                            .now = wall_now()};
        rc = import_file(&im, fd, path, w);
        drop_stages(&im);
        arena_free(&im.row_arena);
        *rows = im.rows;
    }
    if (fd >= 0)
        close(fd);
    return rc;
}
