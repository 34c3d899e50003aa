/* gateway/config/conf.c -- reads the configuration: lines, the table of statements, values with one
 * form.
 */
#include "gateway/config/conf_private.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aliases/addr.h"
#include "base/mem.h"
#include "gateway/config/conf.h"
#include "gateway/mail/rewrite.h"

#define INCLUDE_DEPTH 8u
#define FILE_MAX (4u << 20)

enum row_kind {
    K_FLAG,
    K_CLEAR,
    K_NUM,
    K_WORD,
    K_UPPER,
    K_PATH,
    K_ENUM,
    K_CALL,
    K_SAME,
    K_WARN,
    K_REFUSE
};
struct row {
    const char *name;
    enum row_kind kind;
    size_t field; /* offset in struct conf */
    int64_t min, max, def;
    bool ibm;
    const char *text; /* WORD...: default; ENUM: "A|B"; CALL: form; SAME: the other name */
    conf_parser *parser;
    const char *sentence;
};

static const struct row rows[] = {
#define FLAG(n, f, s)                                                                              \
    {.name = #n, .kind = K_FLAG, .field = offsetof(struct conf, f), .sentence = s},
#define CLEAR(n, f, s)                                                                             \
    {.name = #n, .kind = K_CLEAR, .field = offsetof(struct conf, f), .sentence = s},
#define NUM(n, f, lo, hi, d, i, s)                                                                 \
    {.name = #n,                                                                                   \
     .kind = K_NUM,                                                                                \
     .field = offsetof(struct conf, f),                                                            \
     .min = lo,                                                                                    \
     .max = hi,                                                                                    \
     .def = d,                                                                                     \
     .ibm = i,                                                                                     \
     .sentence = s},
#define WORD(n, f, d, s)                                                                           \
    {.name = #n, .kind = K_WORD, .field = offsetof(struct conf, f), .text = d, .sentence = s},
#define UPPER(n, f, d, s)                                                                          \
    {.name = #n, .kind = K_UPPER, .field = offsetof(struct conf, f), .text = d, .sentence = s},
#define PATH(n, f, d, s)                                                                           \
    {.name = #n, .kind = K_PATH, .field = offsetof(struct conf, f), .text = d, .sentence = s},
#define ENUM(n, f, d, t, s)                                                                        \
    {.name = #n,                                                                                   \
     .kind = K_ENUM,                                                                               \
     .field = offsetof(struct conf, f),                                                            \
     .def = d,                                                                                     \
     .text = t,                                                                                    \
     .sentence = s},
#define CALL(n, p, t, s) {.name = #n, .kind = K_CALL, .parser = p, .text = t, .sentence = s},
#define SAME(n, o) {.name = #n, .kind = K_SAME, .text = #o},
#define WARN(n, s) {.name = #n, .kind = K_WARN, .sentence = s},
#define REFUSE(n, s) {.name = #n, .kind = K_REFUSE, .sentence = s},
#include "gateway/config/conf.def"
#undef FLAG
#undef CLEAR
#undef NUM
#undef WORD
#undef UPPER
#undef PATH
#undef ENUM
#undef CALL
#undef SAME
#undef WARN
#undef REFUSE
};
#define NROWS (sizeof rows / sizeof rows[0])

/* What a reload does not take. LOCAL: links, nicknames and files on their way bear it. */
static const char *const at_start[] = {"LOCAL", "DATABASE", "SPOOLDIR", "CONTROL", "USER"};
#define NAT_START (sizeof at_start / sizeof at_start[0])

static void report(struct conf_reader *r, bool error, const char *fmt, va_list ap)
{
    char text[600];
    vsnprintf(text, sizeof text, fmt, ap);
    if (error)
        r->c->errors++;
    else
        r->c->warnings++;
    if (r->report != NULL)
        r->report(r->arg, r->file, r->line, error, text);
}

void conf_error(struct conf_reader *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    report(r, true, fmt, ap);
    va_end(ap);
}

void conf_warn(struct conf_reader *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    report(r, false, fmt, ap);
    va_end(ap);
}

struct str conf_upper(struct conf_reader *r, struct str word)
{
    return arena_upper(r->c->arena, word);
}

/* Grown by doubling; the old copies stay in the arena until the configuration goes. */
static void remember_path(struct conf *c, struct str path)
{
    if ((c->npath & (c->npath - 1)) == 0) {
        struct str *more = arena_alloc(c->arena, (c->npath == 0 ? 1 : c->npath * 2) * sizeof *more);
        if (c->npath > 0)
            memcpy(more, c->paths, c->npath * sizeof *more);
        c->paths = more;
    }
    c->paths[c->npath++] = path;
}

struct str conf_path(struct conf_reader *r, struct str word)
{
    const char *slash = strrchr(r->file, '/');
    struct str path;
    if (word.n == 0 || word.p[0] == '/' || slash == NULL)
        path = arena_str(r->c->arena, word);
    else
        path =
            arena_printf(r->c->arena, "%.*s/%.*s", (int)(slash - r->file), r->file, STR_ARG(word));
    remember_path(r->c, path);
    return path;
}

/* Levenshtein distance of two short words, for "did you mean". */
static size_t distance(const char *a, const char *b)
{
    size_t row[40];
    size_t nb = strlen(b);
    if (strlen(a) >= 39 || nb >= 39)
        return SIZE_MAX;
    for (size_t j = 0; j <= nb; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[nb];
}

static const char *nearest(const char *word)
{
    const char *best = NULL;
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < NROWS; i++) {
        size_t d = distance(word, rows[i].name);
        if (d < least)
            least = d, best = rows[i].name;
    }
    return least <= 1 + strlen(word) / 3 ? best : NULL;
}

static const struct row *row_named(struct str name)
{
    for (size_t i = 0; i < NROWS; i++)
        if (str_is(name, rows[i].name))
            return rows[i].kind == K_SAME ? row_named(str_of(rows[i].text)) : &rows[i];
    return NULL;
}

bool conf_seen(const struct conf_reader *r, const char *name)
{
    const struct row *row = row_named(str_of(name));
    return row != NULL && r->seen[row - rows];
}

static void *field_of(struct conf *c, const struct row *row)
{
    return (char *)c + row->field;
}

static void set_number(struct conf_reader *r, const struct row *row, struct str word)
{
    uint64_t v;
    int64_t *field = field_of(r->c, row);
    if (str_number(word, INT64_MAX, &v) && (int64_t)v >= row->min && (int64_t)v <= row->max) {
        *field = (int64_t)v;
    } else if (row->ibm) {
        /* IBM's server never failed on a bad number: it said so and took the default. */
        conf_warn(r, "%s %.*s: not a number from %lld to %lld, the default %lld is used", row->name,
                  STR_ARG(word), (long long)row->min, (long long)row->max, (long long)row->def);
        *field = row->def;
    } else {
        conf_error(r, "%s %.*s: must be a number from %lld to %lld", row->name, STR_ARG(word),
                   (long long)row->min, (long long)row->max);
    }
}

static void set_enum(struct conf_reader *r, const struct row *row, struct str word)
{
    struct str rest = str_of(row->text), name;
    for (int64_t i = 0; str_split(&rest, '|', &name); i++) {
        if (str_eq_nocase(name, word)) {
            *(int64_t *)field_of(r->c, row) = i;
            return;
        }
    }
    conf_error(r, "%s %.*s: must be one of %s", row->name, STR_ARG(word), row->text);
}

/* The statements whose value is one word. */
static void set_word(struct conf_reader *r, const struct row *row, struct str rest)
{
    struct str word = str_word(&rest);
    if (word.n == 0) {
        conf_error(r, "%s: a value is missing", row->name);
        return;
    }
    if (str_trim(rest).n > 0) {
        conf_error(r, "%s: one value is enough, \"%.*s\" is too much", row->name,
                   STR_ARG(str_trim(rest)));
        return;
    }
    if (row->kind == K_NUM)
        set_number(r, row, word);
    else if (row->kind == K_ENUM)
        set_enum(r, row, word);
    else if (row->kind == K_UPPER)
        *(struct str *)field_of(r->c, row) = conf_upper(r, word);
    else if (row->kind == K_PATH)
        *(struct str *)field_of(r->c, row) = conf_path(r, word);
    else
        *(struct str *)field_of(r->c, row) = arena_str(r->c->arena, word);
}

static void statement(struct conf_reader *r, struct str name, struct str rest)
{
    const struct row *row = row_named(name);
    if (row == NULL) {
        char upper[40];
        str_copy(upper, sizeof upper, conf_upper(r, name));
        const char *near = nearest(upper);
        if (near != NULL)
            conf_error(r, "unknown statement %s, did you mean %s?", upper, near);
        else
            conf_error(r, "unknown statement %s", upper);
        return;
    }
    r->seen[row - rows] = true;
    if (row->kind == K_FLAG || row->kind == K_CLEAR)
        *(bool *)field_of(r->c, row) = row->kind == K_FLAG;
    else if (row->kind == K_CALL)
        row->parser(r, rest);
    else if (row->kind == K_WARN)
        conf_warn(r, "%s has no effect: %s", row->name, row->sentence);
    else if (row->kind == K_REFUSE)
        conf_error(r, "%s: %s", row->name, row->sentence);
    else
        set_word(r, row, rest);
}

static void read_file(struct conf_reader *r, const char *path);

static void include(struct conf_reader *r, struct str rest)
{
    struct str word = str_word(&rest);
    if (word.n == 0) {
        conf_error(r, "INCLUDE: a path is missing");
        return;
    }
    if (r->depth >= INCLUDE_DEPTH) {
        conf_error(r, "INCLUDE %.*s: files are nested deeper than %u", STR_ARG(word),
                   INCLUDE_DEPTH);
        return;
    }
    const char *file = r->file;
    unsigned line = r->line;
    r->depth++;
    read_file(r, conf_path(r, word).p);
    r->depth--;
    r->file = file;
    r->line = line;
}

static struct str strip(struct str line)
{
    if (line.n > 0 && line.p[0] == '*')
        return STR("");
    ptrdiff_t comment = str_find(line, ';');
    if (comment >= 0)
        line.n = (size_t)comment;
    return str_trim(line);
}

/* A block statement: its words up to the END word, which may stand lines below. */
static struct str gather_block(struct conf_reader *r, struct str first, const char *end,
                               struct str *text)
{
    struct buf all;
    buf_init(&all, FILE_MAX);
    unsigned start = r->line;
    bool closed = false;
    for (struct str line = first;; line = strip(line)) {
        struct str rest = line, word;
        while ((word = str_word(&rest)).n > 0 && !closed) {
            closed = str_is(word, end);
            if (!closed) {
                buf_str(&all, word);
                buf_u8(&all, ' ');
            }
        }
        if (closed || !str_line(text, &line))
            break;
        r->line++;
    }
    if (!closed) {
        r->line = start;
        conf_error(r, "%s is missing", end);
    }
    struct str words = arena_str(r->c->arena, buf_text(&all));
    buf_done(&all);
    return words;
}

static void read_lines(struct conf_reader *r, struct str text)
{
    struct str line;
    while (str_line(&text, &line)) {
        r->line++;
        struct str rest = strip(line);
        struct str name = str_word(&rest);
        if (name.n == 0)
            continue;
        if (str_is(name, "INCLUDE"))
            include(r, rest);
        else if (str_is(name, "SMSGAUTHLIST"))
            statement(r, name, gather_block(r, rest, "ENDSMSGAUTHLIST", &text));
        else if (str_is(name, "RESTRICT"))
            statement(r, name, gather_block(r, rest, "ENDRESTRICT", &text));
        else
            statement(r, name, rest);
    }
}

static void read_file(struct conf_reader *r, const char *path)
{
    FILE *f = fopen(path, "r");
    if (f == NULL) {
        conf_error(r, "cannot read %s: %s", path, strerror(errno));
        return;
    }
    struct buf text;
    buf_init(&text, FILE_MAX);
    char piece[4096];
    for (size_t n = fread(piece, 1, sizeof piece, f); n > 0; n = fread(piece, 1, sizeof piece, f))
        buf_add(&text, piece, n);
    bool failed = ferror(f) != 0;
    fclose(f);
    r->file = arena_cstr(r->c->arena, str_of(path));
    r->line = 0;
    if (failed)
        conf_error(r, "cannot read %s", path);
    else if (text.over)
        conf_error(r, "%s is larger than %u bytes", path, FILE_MAX);
    else
        read_lines(r, arena_str(r->c->arena, buf_text(&text)));
    buf_done(&text);
}

static void set_defaults(struct conf *c)
{
    for (size_t i = 0; i < NROWS; i++) {
        const struct row *row = &rows[i];
        if (row->kind == K_NUM || row->kind == K_ENUM)
            *(int64_t *)field_of(c, row) = row->def;
        else if (row->kind == K_WORD || row->kind == K_UPPER || row->kind == K_PATH)
            *(struct str *)field_of(c, row) = str_of(row->text);
    }
    c->page = ebc_page_default();
    c->notify_delayed = c->notify_failed = true;
}

void conf_report_stderr(void *arg, const char *file, unsigned line, bool error, const char *text)
{
    (void)arg;
    if (line > 0)
        fprintf(stderr, "%s:%u: %s%s\n", file, line, error ? "" : "warning: ", text);
    else
        fprintf(stderr, "%s: %s%s\n", file, error ? "" : "warning: ", text);
}

struct conf *conf_load(const char *path, conf_report_fn *report_fn, void *arg)
{
    struct conf *c = mem_new(sizeof *c);
    c->arena = arena_new(64u << 20);
    c->path = arena_str(c->arena, str_of(path));
    set_defaults(c);
    conf_limit_defaults(c);
    bool seen[NROWS] = {false};
    struct conf_reader r = {.c = c, .report = report_fn, .arg = arg, .file = path, .seen = seen};
    read_file(&r, path);
    r.file = c->path.p;
    r.line = 0;
    conf_finish(&r);
    if (c->errors > 0)
        conf_free(&c);
    return c;
}

void conf_free(struct conf **c)
{
    if (*c == NULL)
        return;
    rules_free(&(*c)->rules);
    arena_free(&(*c)->arena);
    free(*c);
    *c = NULL;
}

struct addr_names conf_names(const struct conf *c)
{
    return (struct addr_names){.hostname = c->hostname,
                               .alt = c->alt_host,
                               .nalt = c->nalt_host,
                               .local_node = c->local,
                               .rscs_domain = c->rscs_domain,
                               .alt_rscs_domain = c->alt_rscs_domain,
                               .dim_node = c->dim_node};
}

const struct conf_user *conf_user_of(const struct conf *c, struct str userid)
{
    for (size_t i = 0; i < c->nuser; i++)
        if (str_eq_nocase(c->user[i].userid, userid))
            return &c->user[i];
    return NULL;
}

int conf_transfer(const struct conf *c, struct str to, struct why *w)
{
    ptrdiff_t at = str_find(to, '@');
    struct str user = at < 0 ? to : str_sub(to, 0, (size_t)at);
    struct str node = at < 0 ? c->local : str_sub(to, (size_t)at + 1, to.n);
    if (!addr_userid_ok(user) || !addr_userid_ok(node))
        return why_set(w, E_SYNTAX, 0, NULL, "\"%.*s\": must be a LOCALUSER or user@node",
                       STR_ARG(to));
    if (str_eq_nocase(node, c->local) && conf_user_of(c, user) == NULL)
        return why_set(w, E_ABSENT, 0, NULL, "%.*s: there is no LOCALUSER %.*s", STR_ARG(to),
                       STR_ARG(user));
    return 0;
}

const struct conf_node *conf_node_of(const struct conf *c, struct str node)
{
    for (size_t i = 0; i < c->nnode; i++)
        if (str_eq_nocase(c->node[i].node, node))
            return &c->node[i];
    return NULL;
}

const struct ebc_page *conf_page_of(const struct conf *c, struct str node)
{
    const struct conf_node *n = conf_node_of(c, node);
    if (n != NULL && n->page != NULL)
        return n->page;
    for (size_t i = 0; i < c->nlink; i++)
        if (str_eq_nocase(c->link[i].node, node) && c->link[i].page != NULL)
            return c->link[i].page;
    return c->page;
}

static const struct conf_person *person_of(const struct conf *c, struct str user, struct str node)
{
    for (size_t i = 0; i < c->nperson; i++)
        if (str_eq_nocase(c->person[i].user, user) && str_eq_nocase(c->person[i].node, node))
            return &c->person[i];
    return NULL;
}

const struct ebc_page *conf_page_for(const struct conf *c, struct str user, struct str node)
{
    const struct conf_person *p = person_of(c, user, node);
    if (p != NULL && p->page != NULL)
        return p->page;
    const struct conf_user *u = str_eq_nocase(node, c->local) ? conf_user_of(c, user) : NULL;
    return u != NULL && u->page != NULL ? u->page : conf_page_of(c, node);
}

enum mail_style conf_style_for(const struct conf *c, struct str user, struct str node)
{
    const struct conf_person *p = person_of(c, user, node);
    if (p != NULL && p->style >= 0)
        return (enum mail_style)p->style;
    const struct conf_node *n = conf_node_of(c, node);
    return n != NULL && n->style >= 0 ? (enum mail_style)n->style : STYLE_NOTE;
}

const struct ebc_page *conf_page_here(const struct conf *c, struct str user, struct str from_user,
                                      struct str from_node)
{
    const struct ebc_page *page = conf_page_for(c, from_user, from_node);
    return page == c->page ? conf_page_for(c, user, c->local) : page;
}

static const char *form_of(const struct row *row)
{
    static const char *const forms[] = {
        [K_NUM] = "number", [K_WORD] = "word", [K_UPPER] = "word", [K_PATH] = "path"};
    if (row->kind == K_CALL || row->kind == K_ENUM)
        return row->text;
    return row->kind == K_NUM || row->kind == K_WORD || row->kind == K_UPPER || row->kind == K_PATH
               ? forms[row->kind]
               : "";
}

bool conf_needs_restart(const char *statement)
{
    const struct row *row = row_named(str_of(statement));
    for (size_t i = 0; row != NULL && i < NAT_START; i++)
        if (strcmp(row->name, at_start[i]) == 0)
            return true;
    return false;
}

static void describe(const struct row *row, struct buf *out)
{
    if (row->kind == K_SAME)
        buf_printf(out, "The same as %s.", row->text);
    else if (row->kind == K_WARN)
        buf_printf(out, "Accepted with a warning: %s.", row->sentence);
    else if (row->kind == K_REFUSE)
        buf_printf(out, "Refused: %s.", row->sentence);
    else
        buf_z(out, row->sentence);
    if (row->kind == K_NUM && row->max > 0)
        buf_printf(out, " From %lld to %lld, default %lld.", (long long)row->min,
                   (long long)row->max, (long long)row->def);
    else if ((row->kind == K_PATH || row->kind == K_WORD || row->kind == K_UPPER) &&
             row->text[0] != '\0')
        buf_printf(out, " Default %s.", row->text);
    if (row->kind != K_SAME && conf_needs_restart(row->name))
        buf_z(out, " A change needs a restart.");
}

bool conf_row(size_t i, const char **name, const char **form, struct buf *what)
{
    if (i >= NROWS)
        return false;
    *name = rows[i].name;
    *form = form_of(&rows[i]);
    buf_reset(what);
    describe(&rows[i], what);
    return true;
}

static void show_row(const struct conf *c, const struct row *row, struct buf *out)
{
    const void *field = (const char *)c + row->field;
    if (row->kind == K_FLAG && *(const bool *)field) {
        buf_printf(out, "%s\n", row->name);
    } else if (row->kind == K_NUM && (row->def != 0 || *(const int64_t *)field != 0)) {
        buf_printf(out, "%s %lld\n", row->name, (long long)*(const int64_t *)field);
    } else if (row->kind == K_ENUM) {
        struct str rest = str_of(row->text), name = STR("");
        for (int64_t k = 0; k <= *(const int64_t *)field && str_split(&rest, '|', &name); k++)
            ;
        buf_printf(out, "%s %.*s\n", row->name, STR_ARG(name));
    } else if (row->kind == K_WORD || row->kind == K_UPPER || row->kind == K_PATH) {
        const struct str *s = field;
        if (s->n > 0)
            buf_printf(out, "%s %.*s\n", row->name, STR_ARG(*s));
    }
}

void conf_show(const struct conf *c, struct buf *out)
{
    buf_printf(out, "LOCAL %.*s\nHOSTNAME %.*s\n", STR_ARG(c->local), STR_ARG(c->hostname));
    for (size_t i = 0; i < NROWS; i++)
        show_row(c, &rows[i], out);
    conf_show_own_forms(c, out);
}

/* The lines of one statement in what conf_show made. */
static struct str shown_as(const struct buf *all, const char *statement, struct arena *a)
{
    struct buf found;
    struct str rest = buf_text(all), line;
    buf_init(&found, 1u << 20);
    while (str_line(&rest, &line)) {
        struct str words = line;
        if (str_is(str_word(&words), statement)) {
            buf_str(&found, line);
            buf_u8(&found, '\n');
        }
    }
    struct str text = arena_str(a, buf_text(&found));
    buf_done(&found);
    return text;
}

void conf_changed_at_start(const struct conf *was, const struct conf *is,
                           void (*fn)(void *arg, const char *statement), void *arg)
{
    struct arena *a = arena_new(4u << 20);
    struct buf before, after;
    buf_init(&before, 1u << 20);
    buf_init(&after, 1u << 20);
    conf_show(was, &before);
    conf_show(is, &after);
    for (size_t i = 0; i < NAT_START; i++)
        if (!str_eq(shown_as(&before, at_start[i], a), shown_as(&after, at_start[i], a)))
            fn(arg, at_start[i]);
    buf_done(&before);
    buf_done(&after);
    arena_free(&a);
}
