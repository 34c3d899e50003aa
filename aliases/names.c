/* aliases/names.c -- reads and writes CMS NAMES files. */
#include "aliases/names.h"

#include <string.h>

#include "base/text.h"

#define TAG_MAX 32u
#define LINE_WRAP 72u
#define ENTRIES_MAX 2000000u
#define TAGS_MAX 200u /* of one entry */
#define DEPTH_MAX 16u

/* --- text --- */

static int no_text(struct str bytes, size_t at, struct why *w)
{
    unsigned line = 1;
    for (size_t i = 0; i < at; i++)
        line += bytes.p[i] == '\n';
    return why_set(w, E_SYNTAX, 0, NULL, "line %u: X'%02X' is no text: this is no NAMES file", line,
                   (unsigned)(unsigned char)bytes.p[at]);
}

int names_text(struct buf *out, struct cur bytes, struct why *w)
{
    struct str s = cur_str(&bytes);
    ptrdiff_t end = str_find(s, 0x1A); /* DOS ends a text so */
    if (end >= 0)
        s = str_sub(s, 0, (size_t)end);
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' && strchr("\t\r\n\f", s.p[i]) == NULL)
            return no_text(s, i, w);
        else if (s.p[i] == '\0' || s.p[i] == 0x7F)
            return no_text(s, i, w);
    if (!text_is_utf8(s))
        return text_to_utf8(out, "CP850", cur_of_str(s), NULL, w);
    buf_str(out, s);
    return out->over ? why_set(w, E_LIMIT, 0, NULL, "the file is larger than %zu bytes", out->max)
                     : 0;
}

/* --- reading --- */

static bool tag_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '*';
}

/* Does ":tag." stand here? Its length, 0 when not. */
static size_t tag_at(struct str s)
{
    size_t i = 1;
    if (s.n < 3 || s.p[0] != ':')
        return 0;
    while (i < s.n && i <= TAG_MAX && tag_char(s.p[i]))
        i++;
    return i > 1 && i < s.n && s.p[i] == '.' ? i + 1 : 0;
}

/* Where the value ends: before a blank and the next tag. */
static size_t value_end(struct str s)
{
    for (size_t i = 1; i < s.n; i++)
        if (s.p[i] == ':' && (s.p[i - 1] == ' ' || s.p[i - 1] == '\t') &&
            tag_at(str_sub(s, i, s.n)) > 0)
            return i;
    return s.n;
}

struct reading {
    struct arena *arena;
    struct names_file *file;
    size_t entries, tags; /* room */
    unsigned line;
};

/* Room for one more in an array of the arena: doubled, the old one left behind. */
static void *grown(struct arena *a, void *old, size_t n, size_t *room, size_t size)
{
    if (n < *room)
        return old;
    *room = *room == 0 ? 8 : *room * 2;
    void *p = arena_alloc(a, *room * size);
    if (p != NULL && n > 0 && !arena_full(a))
        memcpy(p, old, n * size);
    return arena_full(a) ? NULL : p;
}

static struct names_entry *new_entry(struct reading *r)
{
    struct names_file *f = r->file;
    f->entry = grown(r->arena, f->entry, f->nentry, &r->entries, sizeof *f->entry);
    if (f->entry == NULL)
        return NULL;
    r->tags = 0;
    f->entry[f->nentry] = (struct names_entry){.line = r->line};
    return &f->entry[f->nentry++];
}

static int too_large(struct reading *r, struct why *w)
{
    return why_set(w, E_LIMIT, 0, NULL, "line %u: the file has too many entries or tags", r->line);
}

static int take_tag(struct reading *r, struct str tag, struct str value, struct why *w)
{
    struct names_file *f = r->file;
    struct names_entry *e = f->nentry > 0 ? &f->entry[f->nentry - 1] : NULL;
    if (str_eq(tag, STR("*")))
        return 0; /* a comment */
    if (str_eq(tag, STR("nick")))
        e = f->nentry < ENTRIES_MAX ? new_entry(r) : NULL;
    else if (e == NULL)
        return why_set(w, E_SYNTAX, 0, NULL,
                       "line %u: \":%.*s.\" before the first \":nick.\": this is no NAMES file",
                       r->line, STR_ARG(tag));
    if (e == NULL || e->ntag == TAGS_MAX)
        return too_large(r, w);
    e->tag = grown(r->arena, e->tag, e->ntag, &r->tags, sizeof *e->tag);
    if (e->tag == NULL)
        return too_large(r, w);
    e->tag[e->ntag++] = (struct names_tag){tag, arena_str(r->arena, value)};
    return 0;
}

/* What stands before the first tag of a line goes on with the value of the line before. */
static int take_rest(struct reading *r, struct str text, struct why *w)
{
    struct names_file *f = r->file;
    text = str_trim(text);
    if (text.n == 0)
        return 0;
    if (f->nentry == 0)
        return why_set(w, E_SYNTAX, 0, NULL,
                       "line %u: text before the first \":nick.\": this is no NAMES file", r->line);
    struct names_entry *e = &f->entry[f->nentry - 1];
    struct str *v = &e->tag[e->ntag - 1].value;
    *v = v->n == 0 ? arena_str(r->arena, text)
                   : arena_printf(r->arena, "%.*s %.*s", STR_ARG(*v), STR_ARG(text));
    return 0;
}

static int take_line(struct reading *r, struct str line, struct why *w)
{
    struct str rest = str_trim(line);
    if (str_starts_nocase(line, "*") || str_starts_nocase(line, ".*"))
        return 0; /* a comment */
    size_t tag = tag_at(rest), end = tag > 0 ? 0 : value_end(rest);
    int rc = take_rest(r, str_sub(rest, 0, end), w);
    rest = str_sub(rest, end, rest.n);
    while (rc == 0 && rest.n > 0) {
        tag = tag_at(rest);
        struct str name = arena_lower(r->arena, str_sub(rest, 1, tag - 2));
        end = tag + value_end(str_sub(rest, tag, rest.n));
        if (tag < rest.n && tag_at(str_sub(rest, tag, rest.n)) > 0)
            end = tag; /* ":a.:b.c": an empty value */
        rc = take_tag(r, name, str_trim(str_sub(rest, tag, end - tag)), w);
        rest = str_sub(rest, end, rest.n);
    }
    return rc;
}

int names_read(struct arena *a, struct str text, struct names_file *out, struct why *w)
{
    struct reading r = {.arena = a, .file = out};
    struct str line;
    int rc = 0;
    *out = (struct names_file){.nentry = 0};
    while (rc == 0 && text.p != NULL && str_line(&text, &line)) {
        r.line++;
        rc = take_line(&r, line, w);
        if (rc == 0 && arena_full(a))
            rc = too_large(&r, w);
    }
    return rc;
}

struct str names_value(const struct names_entry *e, const char *tag)
{
    for (size_t i = 0; i < e->ntag; i++)
        if (str_is(e->tag[i].tag, tag))
            return e->tag[i].value;
    return STR("");
}

const struct names_entry *names_find(const struct names_file *f, struct str nick)
{
    for (size_t i = 0; i < f->nentry; i++)
        if (str_eq_nocase(names_value(&f->entry[i], "nick"), nick))
            return &f->entry[i];
    return NULL;
}

static bool split(struct str s, struct str *user, struct str *node)
{
    ptrdiff_t at = str_find_last(s, '@');
    if (at <= 0 || (size_t)at + 1 == s.n)
        return false;
    *user = str_sub(s, 0, (size_t)at);
    *node = str_sub(s, (size_t)at + 1, s.n);
    return true;
}

bool names_address(const struct names_entry *e, struct str *user, struct str *node)
{
    *user = names_value(e, "userid");
    *node = names_value(e, "node");
    if (user->n > 0 && node->n > 0)
        return true;
    return split(*user, user, node);
}

/* --- lists --- */

/* The next word of a :list.: blanks or commas stand between them. */
static struct str list_word(struct str *rest)
{
    size_t i = 0, n = 0;
    while (i < rest->n && ((unsigned char)rest->p[i] <= ' ' || rest->p[i] == ','))
        i++;
    while (i + n < rest->n && (unsigned char)rest->p[i + n] > ' ' && rest->p[i + n] != ',')
        n++;
    struct str word = str_sub(*rest, i, n);
    *rest = str_sub(*rest, i + n, rest->n);
    return word;
}

struct expansion {
    struct arena *arena;
    const struct names_file *file;
    struct str *out;
    size_t n, most;
    const struct names_entry *open[DEPTH_MAX]; /* the lists we are in */
    size_t depth;
};

static int put_address(struct expansion *x, struct str user, struct str node, struct why *w)
{
    struct str all = arena_printf(x->arena, "%.*s@%.*s", STR_ARG(user), STR_ARG(node));
    for (size_t i = 0; i < x->n; i++)
        if (str_eq_nocase(x->out[i], all))
            return 0;
    if (x->n == x->most)
        return why_set(w, E_LIMIT, 0, NULL, "the list has more than %zu members", x->most);
    x->out[x->n++] = all;
    return 0;
}

static int expand_entry(struct expansion *x, const struct names_entry *e, struct why *w);

static int expand_member(struct expansion *x, struct str word, struct str *rest, struct why *w)
{
    struct str after = *rest, at = list_word(&after), user, node;
    if (str_is(at, "AT")) {
        node = list_word(&after);
        *rest = after;
        return node.n > 0 ? put_address(x, word, node, w)
                          : why_set(w, E_SYNTAX, 0, NULL, "%.*s AT: the node is missing",
                                    STR_ARG(str_sub(word, 0, 80)));
    }
    const struct names_entry *e = names_find(x->file, word);
    if (e != NULL)
        return expand_entry(x, e, w);
    if (split(word, &user, &node))
        return put_address(x, user, node, w);
    return why_set(w, E_ABSENT, 0, NULL, "the member %.*s is no nickname of the file",
                   STR_ARG(str_sub(word, 0, 80)));
}

static int expand_entry(struct expansion *x, const struct names_entry *e, struct why *w)
{
    struct str user, node, list = names_value(e, "list"), word;
    for (size_t i = 0; i < x->depth; i++)
        if (x->open[i] == e)
            return why_set(w, E_DENIED, 0, NULL, "the list %.*s holds itself",
                           STR_ARG(str_sub(names_value(e, "nick"), 0, 40)));
    if (x->depth == DEPTH_MAX)
        return why_set(w, E_LIMIT, 0, NULL, "lists within lists are deeper than %u", DEPTH_MAX);
    int rc = names_address(e, &user, &node) ? put_address(x, user, node, w) : 0;
    x->open[x->depth++] = e;
    while (rc == 0 && (word = list_word(&list)).n > 0)
        rc = expand_member(x, word, &list, w);
    x->depth--;
    return rc;
}

int names_expand(struct arena *a, const struct names_file *f, struct str nick, struct str *out,
                 size_t most, struct why *w)
{
    struct expansion x = {.arena = a, .file = f, .out = out, .most = most};
    const struct names_entry *e = names_find(f, nick);
    if (e == NULL)
        return why_set(w, E_ABSENT, 0, NULL, "there is no %.*s in the file",
                       STR_ARG(str_sub(nick, 0, 40)));
    int rc = expand_entry(&x, e, w);
    return rc < 0 ? rc : (int)x.n;
}

static struct str member_text(struct arena *a, const struct names_file *f, struct str word,
                              struct str *rest)
{
    struct str after = *rest, at = list_word(&after), user, node;
    if (str_is(at, "AT")) {
        node = list_word(&after);
        *rest = after;
        return arena_join(a, word, '@', node);
    }
    const struct names_entry *e = names_find(f, word);
    if (e == NULL)
        return word;
    bool only_nje =
        names_value(e, "list").n == 0 && names_address(e, &user, &node) && str_find(node, '.') < 0;
    return only_nje ? arena_upper(a, arena_join(a, user, '@', node)) : arena_upper(a, word);
}

struct str names_members(struct arena *a, const struct names_file *f, const struct names_entry *e)
{
    struct str list = names_value(e, "list"), word;
    struct buf b;
    buf_init(&b, 1u << 20);
    while ((word = list_word(&list)).n > 0) {
        buf_z(&b, b.n > 0 ? " " : "");
        buf_str(&b, member_text(a, f, word, &list));
    }
    struct str text = arena_str(a, buf_text(&b));
    buf_done(&b);
    return text;
}

/* --- writing --- */

static bool own_column(struct str tag)
{
    static const char *const word[] = {"nick", "userid", "node", "name", "owner", "list"};
    for (size_t i = 0; i < sizeof word / sizeof *word; i++)
        if (str_is(tag, word[i]))
            return true;
    return false;
}

/* A value on one line. What would read as a tag loses its colon. */
static void put_value(struct buf *b, struct str v)
{
    v = str_trim(v);
    for (size_t i = 0; i < v.n; i++) {
        bool blank = (unsigned char)v.p[i] <= ' ' || v.p[i] == 0x7F;
        bool first = i == 0 || (unsigned char)v.p[i - 1] <= ' ' || v.p[i - 1] == 0x7F;
        if (!first || tag_at(str_sub(v, i, v.n)) == 0)
            buf_u8(b, blank ? ' ' : (uint8_t)v.p[i]);
    }
}

struct str names_tags(struct arena *a, const struct names_entry *e)
{
    struct buf b;
    buf_init(&b, 1u << 16);
    for (size_t i = 0; i < e->ntag; i++) {
        if (own_column(e->tag[i].tag))
            continue;
        buf_printf(&b, "%s:%.*s.", b.n > 0 ? " " : "", STR_ARG(e->tag[i].tag));
        put_value(&b, e->tag[i].value);
    }
    struct str text = arena_str(a, buf_text(&b));
    buf_done(&b);
    return text;
}

/* A tag on this line, or on the next when it would be too long. */
static void put_tag(struct buf *b, size_t *column, struct str tag, struct str value)
{
    size_t n = tag.n + value.n + 1;
    if (value.n == 0)
        return;
    if (*column + n > LINE_WRAP) {
        buf_z(b, "\n         ");
        *column = 9;
    }
    buf_u8(b, ' ');
    buf_str(b, tag);
    put_value(b, value);
    *column += n;
}

/* Members over as many lines as they need. */
static void put_list(struct buf *b, size_t *column, struct str list)
{
    struct str word = list_word(&list);
    put_tag(b, column, STR(":list."), word);
    while ((word = list_word(&list)).n > 0)
        put_tag(b, column, STR(""), word);
}

void names_put(struct buf *b, const struct names_parts *p)
{
    struct str tags = p->tags;
    size_t column = p->nick.n + 6, from = b->n;
    buf_z(b, ":nick.");
    put_value(b, p->nick);
    while (b->n < from + 14)
        buf_u8(b, ' ');
    put_tag(b, &column, STR(":userid."), p->user);
    put_tag(b, &column, STR(":node."), p->node);
    put_tag(b, &column, STR(":name."), p->name);
    put_tag(b, &column, STR(":owner."), p->owner);
    put_list(b, &column, p->list);
    while (tags.n > 0) {
        size_t tag = tag_at(tags), end = tag + value_end(str_sub(tags, tag, tags.n));
        if (tag > 0)
            put_tag(b, &column, str_sub(tags, 0, tag), str_trim(str_sub(tags, tag, end - tag)));
        tags = str_sub(tags, end > 0 ? end : 1, tags.n);
    }
    buf_z(b, "\n");
}
