/* db/tablexml.c -- the table of columns; what is written from it: the document and its schema. */
#include "db/tablexml.h"

#include <sqlite3.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "db/tablexml_private.h"

#define US 1000000
#define NAME_CLASS "[A-Za-z0-9$#@_+:\\-]{1,8}"
#define STAMP                                                                                      \
    {"changed", "changed", XML_TIME, false, true},                                                 \
    {                                                                                              \
        "by", "by", XML_BY, false, true                                                            \
    }

const char *const tablexml_action[] = {"", "purge", "return", "transfer", NULL};

const struct xml_table tablexml_table[] = {
    {.element = "nick",
     .table = "nick",
     .what = "A nickname, and the mailbox it stands for; list: the names and addresses of a list.",
     .column = {{"nick", "nick", XML_NAME, true, false},
                {"mailbox", "mailbox", XML_MAILBOX_OR_NONE, false, false},
                {"name", "name", XML_TEXT, false, true},
                {"owner", "owner", XML_OWNER, false, true},
                {"automatic", "auto", XML_FLAG, false, true},
                {"preferred", "preferred", XML_FLAG, false, true},
                {"tags", "tags", XML_TEXT, false, true},
                {"members", "list", XML_TEXT, false, true},
                STAMP},
     .ncolumn = 10},
    {.element = "access",
     .table = "access",
     .what = "Who may use the nickname service.",
     .column = {{"user", "user", XML_NAME_STAR, true, false},
                {"node", "node", XML_NAME_STAR, true, false},
                {"allowed", "allowed", XML_FLAG, false, false},
                STAMP},
     .ncolumn = 5},
    {.element = "secure",
     .table = "secure",
     .what = "A row of the security table.",
     .unique = {"(nick) WHERE primary_nick", "(user, node) WHERE primary_mbox"},
     .column = {{"user", "user", XML_NAME, true, false},
                {"node", "node", XML_NAME, true, false},
                {"nick", "nick", XML_NICK, true, true},
                {"primary_nick", "primary_nick", XML_FLAG, false, true},
                {"primary_mbox", "primary_mbox", XML_FLAG, false, true},
                STAMP},
     .ncolumn = 7},
    {.element = "restrict",
     .table = "restriction",
     .what = "Who may neither send nor receive.",
     .column = {{"user", "user", XML_NAME_STAR, true, false},
                {"node", "node", XML_NAME_STAR, true, false},
                {"action", "action", XML_ACTION, false, false},
                {"transfer", "transfer", XML_TRANSFER, false, true},
                STAMP},
     .ncolumn = 6},
    {.element = "alias",
     .table = "alias",
     .what = "A SNADS user ID and address, and the mailbox they stand for; personal: whose.",
     .column = {{"owner", "personal", XML_OWNER, true, true},
                {"address", "address", XML_NAME_ANY, true, false},
                {"userid", "userid", XML_NAME_ANY, true, false},
                {"mailbox", "mailbox", XML_MAILBOX, false, false},
                {"automatic", "auto", XML_FLAG, false, true},
                STAMP},
     .ncolumn = 7},
};
const size_t tablexml_ntable = sizeof tablexml_table / sizeof tablexml_table[0];

/* --- the schema --- */

static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || strchr("$#@_+:-", c) == NULL))
            return false;
    }
    return s.n >= 1 && s.n <= 8;
}

/* A user ID may hold an @, too: the last one parts them, or one before it. */
static bool is_owner(struct str s)
{
    for (size_t at = 1; at < s.n; at++)
        if (s.p[at] == '@' && is_name(str_sub(s, 0, at)) && is_name(str_sub(s, at + 1, s.n)))
            return true;
    return s.n == 0;
}

/* Something, an @, and a host without blanks. */
static bool is_mailbox(struct str s)
{
    ptrdiff_t at = str_find_last(s, '@');
    for (size_t i = (size_t)(at + 1); i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ')
            return false;
    return at > 0 && (size_t)at + 1 < s.n;
}

static bool is_mailbox_or_none(struct str s)
{
    return s.n == 0 || is_mailbox(s);
}

/* Patterns are XML Schema's. */
const struct xml_type tablexml_type[] = {
    [XML_NAME] = {NAME_CLASS, 0, "1 to 8 of A-Z 0-9 $ # @ _ + : -", NULL},
    [XML_NAME_ANY] = {"\\*[Aa][Nn][Yy]|" NAME_CLASS, 0, "1 to 8 of A-Z 0-9 $ # @ _ + : -, or *ANY",
                      NULL},
    [XML_NAME_STAR] = {"\\*|" NAME_CLASS, 0, "1 to 8 of A-Z 0-9 $ # @ _ + : -, or *", NULL},
    [XML_OWNER] = {NULL, 17, "USER@NODE", is_owner},
    [XML_NICK] = {"[^\\s<>()\\[\\]\\\\.,;:@\"%!]{0,64}", 0,
                  "without blanks and < > ( ) [ ] \\ . , ; : @ \" % !", NULL},
    [XML_MAILBOX] = {NULL, 320, "user@host.domain", is_mailbox},
    [XML_MAILBOX_OR_NONE] = {NULL, 320, "user@host.domain", is_mailbox_or_none},
    [XML_TRANSFER] = {"(" NAME_CLASS "(@" NAME_CLASS ")?)?", 0, "USER or USER@NODE", NULL},
    [XML_TEXT] = {NULL, 8192, "at most 8192 characters", NULL},
    [XML_FLAG] = {"yes|no", 0, "yes or no", NULL},
    [XML_ACTION] = {"purge|return|transfer", 0, "purge, return or transfer", NULL},
    [XML_TIME] = {"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T"
                  "([01][0-9]|2[0-3])(:[0-5][0-9]){2}(\\.[0-9]{1,6})?Z",
                  0, "2026-11-21T23:30:44Z", NULL},
    [XML_BY] = {NULL, 80, "at most 80 characters", NULL},
};

static void put_pattern(struct buf *b, const char *pattern)
{
    for (const char *p = pattern; *p != '\0'; p++)
        if (*p == '<' || *p == '>')
            buf_z(b, *p == '<' ? "&lt;" : "&gt;");
        else
            buf_u8(b, (uint8_t)*p);
}

static void schema_column(struct buf *b, const struct xml_column *c)
{
    buf_printf(b, "        %s<attribute name=\"%s\">\n", c->optional ? "<optional>" : "",
               c->attribute);
    const struct xml_type *t = &tablexml_type[c->kind];
    buf_z(b, "          <data type=\"string\">");
    if (t->pattern != NULL) {
        buf_z(b, "<param name=\"pattern\">");
        put_pattern(b, t->pattern);
        buf_z(b, "</param>");
    }
    if (t->most > 0)
        buf_printf(b, "<param name=\"maxLength\">%d</param>", t->most);
    buf_z(b, "</data>\n");
    buf_printf(b, "        </attribute>%s\n", c->optional ? "</optional>" : "");
}

void tablexml_schema(struct buf *b)
{
    buf_z(b,
          "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
          "<!-- njegate-tables.rng: what `njegate table export` writes and `njegate table import`\n"
          "     takes. The same text is built into njegate. -->\n"
          "<grammar xmlns=\"http://relaxng.org/ns/structure/1.0\"\n"
          "    datatypeLibrary=\"http://www.w3.org/2001/XMLSchema-datatypes\">\n"
          "  <start>\n    <element name=\"njegate-tables\">\n"
          "      <attribute name=\"version\"><value>1</value></attribute>\n"
          "      <zeroOrMore>\n        <choice>\n");
    for (size_t i = 0; i < tablexml_ntable; i++)
        buf_printf(b, "          <ref name=\"%s\"/>\n", tablexml_table[i].element);
    buf_z(b, "        </choice>\n      </zeroOrMore>\n    </element>\n  </start>\n");
    for (size_t i = 0; i < tablexml_ntable; i++) {
        const struct xml_table *t = &tablexml_table[i];
        buf_printf(b, "  <!-- %s -->\n  <define name=\"%s\">\n      <element name=\"%s\">\n",
                   t->what, t->element, t->element);
        for (size_t c = 0; c < t->ncolumn; c++)
            schema_column(b, &t->column[c]);
        buf_z(b, "      </element>\n  </define>\n");
    }
    buf_z(b, "</grammar>\n");
}

/* --- the document --- */

/* XML 1.0 2.2 Char */
static bool xml_char(uint32_t rune)
{
    return rune == 9 || rune == 10 || rune == 13 || (rune >= 0x20 && rune <= 0xD7FF) ||
           (rune >= 0xE000 && rune <= 0xFFFD) || (rune >= 0x10000 && rune <= 0x10FFFF);
}

static size_t put_value(struct buf *b, struct str s)
{
    size_t replaced = 0;
    while (s.n > 0) {
        struct str before = s;
        uint32_t rune = text_rune(&s);
        bool broken = rune == 0xFFFD && before.n - s.n != 3;
        if (!xml_char(rune) || broken) {
            text_put_rune(b, 0xFFFD);
            replaced++;
        } else if (rune == '&' || rune == '<' || rune == '>' || rune == '"' || rune < ' ') {
            buf_printf(b, "&#%u;", rune); /* line ends too: an attribute would lose them */
        } else {
            buf_add(b, before.p, before.n - s.n);
        }
    }
    return replaced;
}

static void put_time(struct buf *b, int64_t us)
{
    struct tm tm;
    char text[40] = "1970-01-01T00:00:00";
    time_t at = (time_t)(us / US);
    if (us >= 0 && gmtime_r(&at, &tm) != NULL && tm.tm_year < 8100)
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    buf_printf(b, "%s.%06dZ", text, us >= 0 ? (int)(us % US) : 0);
}

static size_t put_cell(struct buf *b, struct sqlite3_stmt *st, int n, enum xml_kind kind)
{
    int v = sqlite3_column_int(st, n);
    if (kind == XML_FLAG)
        buf_z(b, v != 0 ? "yes" : "no");
    else if (kind == XML_ACTION)
        buf_z(b, v >= 1 && v <= 3 ? tablexml_action[v] : "purge");
    else if (kind == XML_TIME)
        put_time(b, sqlite3_column_int64(st, n));
    else
        return put_value(b, db_col_str(st, n));
    return 0;
}

static bool write_out(struct buf *b, FILE *f)
{
    bool good = !b->over && fwrite(b->p, 1, b->n, f) == b->n;
    buf_reset(b);
    return good;
}

static int write_failed(struct db *d, struct why *w)
{
    (void)d;
    return why_errno(w, "cannot write the tables");
}

static struct sqlite3_stmt *select_all(struct db *d, const struct xml_table *t, struct why *w)
{
    struct sqlite3_stmt *st = NULL;
    struct buf sql;
    buf_init(&sql, 4096);
    buf_z(&sql, "SELECT ");
    for (size_t c = 0; c < t->ncolumn; c++)
        buf_printf(&sql, "%s%s", c > 0 ? ", " : "", t->column[c].column);
    buf_printf(&sql, " FROM %s ORDER BY 1, 2, 3", t->table);
    if (sqlite3_prepare_v2(db_handle(d), buf_cstr(&sql), -1, &st, NULL) != SQLITE_OK)
        db_fail(d, "export", w);
    buf_done(&sql);
    return st;
}

static int export_table(struct db *d, const struct xml_table *t, FILE *f, size_t *rows,
                        size_t *replaced, struct why *w)
{
    struct sqlite3_stmt *st = select_all(d, t, w);
    if (st == NULL)
        return (int)w->err;
    struct buf line;
    buf_init(&line, 1u << 20);
    int rc;
    while ((rc = db_step(st, w)) > 0) {
        buf_printf(&line, "  <%s", t->element);
        for (size_t c = 0; c < t->ncolumn; c++) {
            buf_printf(&line, " %s=\"", t->column[c].attribute);
            *replaced += put_cell(&line, st, (int)c, t->column[c].kind);
            buf_u8(&line, '"');
        }
        buf_z(&line, "/>\n");
        if (!write_out(&line, f)) {
            rc = write_failed(d, w);
            break;
        }
        ++*rows;
    }
    sqlite3_finalize(st);
    buf_done(&line);
    return rc;
}

/* One transaction: the tables fit together. */
static int all_tables(struct db *d, FILE *f, size_t *rows, size_t *replaced, struct why *w)
{
    int rc =
        fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<njegate-tables version=\"1\">\n", f) < 0
            ? write_failed(d, w)
            : OK;
    for (size_t i = 0; rc == OK && i < tablexml_ntable; i++)
        rc = export_table(d, &tablexml_table[i], f, rows, replaced, w);
    if (rc == OK && (fputs("</njegate-tables>\n", f) < 0 || fflush(f) != 0))
        rc = write_failed(d, w);
    return rc;
}

int tablexml_export(struct db *d, FILE *f, size_t *rows, size_t *replaced, struct why *w)
{
    *rows = *replaced = 0;
    if (sqlite3_exec(db_handle(d), "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
        return db_fail(d, "export", w);
    int rc = all_tables(d, f, rows, replaced, w);
    db_rollback(d); /* nothing was changed */
    return rc;
}
