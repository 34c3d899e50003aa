/* security/sectab.c -- IBM's security table: see sectab.h */
#include "security/sectab.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define REPORT_MAX 300u /* octets of a problem's text */

/* --- one row --- */

static bool name_ok(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || strchr("$#@_-+:", c) == NULL))
            return false;
    }
    return s.n >= 1 && s.n <= 8;
}

/* The first character a nickname may not have, '\0' when it is good. The manual forbids the
 * specials of RFC 822; % and ! would make an address of another form. */
static char bad_char(struct str nick)
{
    for (size_t i = 0; i < nick.n; i++)
        if (nick.p[i] <= ' ' || nick.p[i] > '~' || strchr("<>()[]\\.,;:@\"%!", nick.p[i]) != NULL)
            return nick.p[i] > ' ' && nick.p[i] <= '~' ? nick.p[i] : '?';
    return '\0';
}

int sectab_check(const struct sec_row *row, struct why *w)
{
    struct str shown = str_sub(row->nick, 0, 80);
    if (!name_ok(row->user))
        return why_set(w, E_SYNTAX, 0, NULL,
                       "the userid \"%.*s\" is not 1 to 8 of A-Z 0-9 $ # @ _ - + :",
                       STR_ARG(str_sub(row->user, 0, 40)));
    if (!name_ok(row->node))
        return why_set(w, E_SYNTAX, 0, NULL,
                       "the node \"%.*s\" is not 1 to 8 of A-Z 0-9 $ # @ _ - + :",
                       STR_ARG(str_sub(row->node, 0, 40)));
    if (row->nick.n == 0 && (row->primary_nick || row->primary_mbox))
        return why_set(w, E_SYNTAX, 0, NULL, "a row without a nickname cannot be primary");
    if (row->nick.n > SECTAB_NICK_MAX)
        return why_set(w, E_SYNTAX, 0, NULL, "the nickname \"%.*s\" is longer than %u characters",
                       STR_ARG(shown), SECTAB_NICK_MAX);
    char bad = bad_char(row->nick);
    if (bad != '\0')
        return why_set(w, E_SYNTAX, 0, NULL,
                       "the nickname \"%.*s\" holds a forbidden character (%c): none of "
                       "<>()[]\\.,;:@\"%%! nor blanks",
                       STR_ARG(shown), bad);
    return 0;
}

/* --- the file --- */

struct reading {
    struct arena *arena;
    struct sectab *table;
    sectab_report_fn *report;
    void *arg;
    unsigned problems;
    size_t space;
};

static void problem(struct reading *r, unsigned line, const char *text)
{
    r->problems++;
    if (r->report != NULL)
        r->report(r->arg, line, text);
}

static bool yes_or_no(struct str word, bool *yes)
{
    *yes = str_is(word, "Y");
    return *yes || str_is(word, "N");
}

static int read_record(struct reading *r, struct str line, struct sec_row *row, struct why *w)
{
    struct str word[6];
    size_t n = 0;
    while (n < 6 && (word[n] = str_word(&line)).n > 0)
        n++;
    if (n == 6)
        return why_set(w, E_SYNTAX, 0, NULL, "more than five words: \"%.*s\" is too much",
                       STR_ARG(str_sub(word[5], 0, 40)));
    if (n == 1)
        return why_set(w, E_SYNTAX, 0, NULL, "a node is missing after the userid \"%.*s\"",
                       STR_ARG(str_sub(word[0], 0, 40)));
    if (n == 3 || n == 4)
        return why_set(w, E_SYNTAX, 0, NULL,
                       "nickname, primary_nick? and primary_mbox? go together: all three or none");
    *row = (struct sec_row){.user = arena_upper(r->arena, word[0]),
                            .node = arena_upper(r->arena, word[1])};
    if (n == 5) {
        row->nick = arena_str(r->arena, word[2]);
        for (size_t i = 3; i < 5; i++)
            if (!yes_or_no(word[i], i == 3 ? &row->primary_nick : &row->primary_mbox))
                return why_set(w, E_SYNTAX, 0, NULL, "\"%.*s\" must be Y or N",
                               STR_ARG(str_sub(word[i], 0, 40)));
    }
    return sectab_check(row, w);
}

static void keep(struct reading *r, const struct sec_row *row, unsigned line)
{
    struct sectab *t = r->table;
    if (t->n == r->space) {
        size_t space = r->space == 0 ? 256 : r->space * 2;
        struct sec_row *rows = arena_alloc(r->arena, space * sizeof *rows);
        unsigned *lines = arena_alloc(r->arena, space * sizeof *lines);
        if (arena_full(r->arena))
            return;
        if (t->n > 0) {
            memcpy(rows, t->row, t->n * sizeof *rows);
            memcpy(lines, t->line, t->n * sizeof *lines);
        }
        t->row = rows, t->line = lines, r->space = space;
    }
    t->row[t->n] = *row;
    t->line[t->n++] = line;
}

static void read_lines(struct reading *r, struct str text)
{
    struct str line;
    for (unsigned number = 1; str_line(&text, &line); number++) {
        struct sec_row row;
        struct why w;
        struct str s = str_trim(line);
        if (s.n == 0 || s.p[0] == '*')
            continue;
        if (line.n > SECTAB_LINE_MAX)
            problem(r, number, "the line is longer than 255 characters");
        else if (read_record(r, s, &row, &w) < 0)
            problem(r, number, w.text);
        else
            keep(r, &row, number);
    }
}

/* --- what concerns several rows --- */

/* Rows in an order that brings together what must be compared; equal ones as in the file. */
struct place {
    const struct sec_row *row;
    unsigned line;
};

static int compare(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    for (size_t i = 0; i < n; i++) {
        char x = ascii_upper(a.p[i]), y = ascii_upper(b.p[i]);
        if (x != y)
            return x < y ? -1 : 1;
    }
    return a.n == b.n ? 0 : a.n < b.n ? -1 : 1;
}

static int by_line(const struct place *a, const struct place *b)
{
    return a->line < b->line ? -1 : a->line > b->line;
}

static int by_pair(const void *va, const void *vb)
{
    const struct place *a = va, *b = vb;
    int c = compare(a->row->user, b->row->user);
    if (c == 0)
        c = compare(a->row->node, b->row->node);
    if (c == 0)
        c = (int)b->row->primary_mbox - (int)a->row->primary_mbox;
    return c != 0 ? c : by_line(a, b);
}

static int by_nick(const void *va, const void *vb)
{
    const struct place *a = va, *b = vb;
    int c = compare(a->row->nick, b->row->nick);
    if (c == 0)
        c = (int)b->row->primary_nick - (int)a->row->primary_nick;
    return c != 0 ? c : by_line(a, b);
}

static int by_record(const void *va, const void *vb)
{
    const struct place *a = va, *b = vb;
    int c = compare(a->row->user, b->row->user);
    if (c == 0)
        c = compare(a->row->node, b->row->node);
    if (c == 0)
        c = compare(a->row->nick, b->row->nick);
    return c != 0 ? c : by_line(a, b);
}

static void clash(struct reading *r, const struct place *first, const struct place *second,
                  const char *what)
{
    char text[REPORT_MAX];
    struct buf b;
    const struct sec_row *row = second->row;
    buf_init(&b, sizeof text);
    buf_printf(&b, "%.*s %.*s %.*s: %s in line %u", STR_ARG(row->user), STR_ARG(row->node),
               STR_ARG(row->nick), what, first->line);
    str_copy(text, sizeof text, buf_text(&b));
    buf_done(&b);
    problem(r, second->line, text);
}

static bool same_pair(const struct sec_row *a, const struct sec_row *b)
{
    return str_eq_nocase(a->user, b->user) && str_eq_nocase(a->node, b->node);
}

/* Primary rows come first among their like: a second one has a primary one before it. */
static void check_rows(struct reading *r, struct place *p, size_t n)
{
    qsort(p, n, sizeof *p, by_record);
    for (size_t i = 1; i < n; i++)
        if (same_pair(p[i - 1].row, p[i].row) && str_eq_nocase(p[i - 1].row->nick, p[i].row->nick))
            clash(r, &p[i - 1], &p[i], "the same record is");
    qsort(p, n, sizeof *p, by_pair);
    for (size_t i = 1; i < n; i++)
        if (same_pair(p[i - 1].row, p[i].row) && p[i].row->primary_mbox)
            clash(r, &p[i - 1], &p[i], "a primary_mbox=Y row of this user is");
    qsort(p, n, sizeof *p, by_nick);
    for (size_t i = 1; i < n; i++)
        if (str_eq_nocase(p[i - 1].row->nick, p[i].row->nick) && p[i].row->primary_nick)
            clash(r, &p[i - 1], &p[i], "a primary_nick=Y row of this nickname is");
}

static void check_table(struct reading *r)
{
    const struct sectab *t = r->table;
    struct place *p = arena_alloc(r->arena, (t->n + 1) * sizeof *p);
    if (arena_full(r->arena)) {
        problem(r, 0, "the table is too large");
        return;
    }
    for (size_t i = 0; i < t->n; i++)
        p[i] = (struct place){&t->row[i], t->line[i]};
    if (t->n > 1)
        check_rows(r, p, t->n);
}

unsigned sectab_read(struct arena *a, struct str text, struct sectab *t, sectab_report_fn *report,
                     void *arg)
{
    struct reading r = {.arena = a, .table = t, .report = report, .arg = arg};
    *t = (struct sectab){0};
    if (!text_is_utf8(text) || (text.n > 0 && memchr(text.p, 0, text.n) != NULL)) {
        problem(&r, 0, "the file is not text (a table still in EBCDIC must be converted first)");
        return r.problems;
    }
    read_lines(&r, text);
    check_table(&r);
    return r.problems;
}

void sectab_write(struct buf *b, const struct sec_row *row)
{
    buf_printf(b, "  %-8.*s       %.*s", STR_ARG(row->user), STR_ARG(row->node));
    if (row->nick.n > 0) {
        buf_fill(b, ' ', row->node.n < 8 ? 8 - row->node.n : 0);
        buf_printf(b, " %-8.*s %c %c", STR_ARG(row->nick), row->primary_nick ? 'Y' : 'N',
                   row->primary_mbox ? 'Y' : 'N');
    }
    buf_u8(b, '\n');
}

/* --- what it says --- */

int sectab_inbound(struct db *d, struct str nick, bool strict, struct arena *a, struct sec_row *row,
                   struct why *w)
{
    unsigned count = 0;
    int rc = secrow_of_nick(d, nick, a, row, &count, w);
    if (rc < 0 || row->primary_nick || (count == 1 && !strict))
        return rc;
    return why_set(w, E_DENIED, 0, NULL, "no row of the nickname %.*s is primary",
                   STR_ARG(str_sub(nick, 0, 80)));
}

int sectab_outbound(struct db *d, struct str user, struct str node, struct arena *a,
                    struct sec_row *row, struct why *w)
{
    return secrow_primary_mbox(d, user, node, a, row, w);
}
