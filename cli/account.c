/* cli/account.c -- njegate accounting: what was settled on one day, a line a recipient,
 * from the journal. CSV (RFC 4180) or JSON. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "db/journal.h"
#include "cli/cli.h"

static const struct column columns[] = {
    {"time", COL_TIME},          {"id", COL_TEXT},      {"direction", COL_TEXT},
    {"from", COL_TEXT},          {"to", COL_TEXT},      {"bytes", COL_NUMBER},
    {"attachments", COL_NUMBER}, {"delay", COL_NUMBER}, {"result", COL_TEXT}};
#define NCOLUMNS (sizeof columns / sizeof columns[0])

struct outcome {
    struct str to;
    const char *result;
    struct wall at;
    unsigned n; /* files, when it has several */
};
/* One message, gathered from its rows. */
struct account {
    struct table *t; /* JSON; NULL: CSV at once */
    FILE *json;      /* gathered here: a failure prints nothing */
    struct wall from_time, to_time;
    struct arena *arena;
    msg_id id;
    struct wall accepted;
    const char *direction;
    struct str from, size, attachments;
    struct outcome *out;
    size_t nout, space;
};

/* The value behind "key=" in a row's text, "" when it is not there. */
static struct str value_of(struct str text, const char *key)
{
    struct str word;
    while ((word = str_word(&text)).n > 0)
        if (str_starts_nocase(word, key))
            return str_sub(word, strlen(key), word.n);
    return STR("");
}

static void put_field(struct str s, bool last)
{
    bool quote = false;
    for (size_t i = 0; i < s.n; i++)
        quote = quote || s.p[i] == ',' || s.p[i] == '"' || s.p[i] == '\n' || s.p[i] == '\r';
    if (quote)
        putchar('"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            putchar('"');
        putchar(s.p[i]);
    }
    fputs(quote ? "\"" : "", stdout);
    fputs(last ? "\r\n" : ",", stdout);
}

static void put_csv(const struct account *k, const struct outcome *o, struct str id,
                    struct str attachments, int64_t delay)
{
    time_t at = (time_t)wall_s(o->at);
    struct tm tm;
    char time_text[32], delay_text[24];
    strftime(time_text, sizeof time_text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&at, &tm));
    snprintf(delay_text, sizeof delay_text, "%lld", (long long)delay);
    put_field(str_of(time_text), false);
    put_field(id, false);
    put_field(str_of(k->direction), false);
    put_field(k->from, false);
    put_field(o->to, false);
    put_field(k->size, false);
    put_field(attachments, false);
    put_field(str_of(delay_text), false);
    put_field(str_of(o->result), true);
}

static void put_row(struct account *k, const struct outcome *o)
{
    char id[24], files[24];
    struct str attachments = k->attachments;
    int64_t delay = k->accepted.us > 0 ? (o->at.us - k->accepted.us) / US_PER_S : 0;
    snprintf(id, sizeof id, MSG_ID_FMT, MSG_ID_ARG(k->id));
    snprintf(files, sizeof files, "%u", o->n - 1);
    if (attachments.n == 0)
        attachments = str_of(files); /* towards NJE each is a file of its own */
    delay = delay > 0 ? delay : 0;
    if (k->t == NULL) {
        put_csv(k, o, str_of(id), attachments, delay);
        return;
    }
    table_time(k->t, wall_s(o->at));
    table_text(k->t, str_of(id));
    table_text(k->t, str_of(k->direction));
    table_text(k->t, k->from);
    table_text(k->t, o->to);
    table_text(k->t, k->size.n > 0 ? k->size : STR("0"));
    table_text(k->t, attachments);
    table_number(k->t, delay);
    table_text(k->t, str_of(o->result));
}

static void flush_message(struct account *k)
{
    for (size_t i = 0; i < k->nout; i++)
        if (k->out[i].at.us >= k->from_time.us && k->out[i].at.us < k->to_time.us)
            put_row(k, &k->out[i]);
    if (k->t != NULL)
        table_stream(k->t, k->json);
    arena_reset(k->arena);
    k->nout = 0;
    k->accepted.us = 0;
    k->direction = "transit";
    k->from = k->size = k->attachments = STR("");
}

/* Rows of an event that settles a recipient; the words for it. */
static const char *settles(struct str event)
{
    static const char *const events[][2] = {
        {"delivered", "delivered"},    {"failed", "returned"},    {"bounced", "returned"},
        {"returned", "returned"},      {"deleted", "deleted"},    {"refused", "refused"},
        {"dropped", "dropped"},        {"restricted", "refused"}, {"discarded", "discarded"},
        {"transferred", "transferred"}};
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (str_is(event, events[i][0]))
            return events[i][1];
    return NULL;
}

static void add_outcome(struct account *k, const struct journal_row *r, const char *result)
{
    struct str to = value_of(r->text, "to=");
    for (size_t i = 0; i < k->nout; i++) {
        if (str_eq_nocase(k->out[i].to, to) && strcmp(k->out[i].result, result) == 0) {
            k->out[i].at = r->at;
            k->out[i].n++;
            return;
        }
    }
    if (k->nout == k->space) {
        k->space = k->space == 0 ? 16 : k->space * 2;
        k->out = mem_grow(k->out, k->space, sizeof *k->out);
    }
    k->out[k->nout++] = (struct outcome){arena_str(k->arena, to), result, r->at, 1};
}

static int gather(void *arg, const struct journal_row *r)
{
    struct account *k = arg;
    const char *result = settles(r->event);
    if (r->id != k->id)
        flush_message(k);
    k->id = r->id;
    struct str from = value_of(r->text, "from=");
    if (k->from.n == 0)
        k->from = arena_str(k->arena, from);
    if (str_is(r->event, "accepted")) {
        k->accepted = r->at;
        k->direction = str_is(value_of(r->text, "via="), "smtp") ? "inbound" : "outbound";
        k->size = arena_str(k->arena, value_of(r->text, "size="));
        k->attachments = arena_str(k->arena, value_of(r->text, "attachments="));
    } else if (result != NULL) {
        add_outcome(k, r, result);
    }
    return 0;
}

/* The day of YYYY-MM-DD in local time; without a word today. */
static bool day_of(const char *word, struct wall *from, struct wall *to)
{
    time_t now = time(NULL);
    struct tm tm;
    localtime_r(&now, &tm);
    if (word != NULL) {
        const char *end = strptime(word, "%Y-%m-%d", &tm);
        if (end == NULL || *end != '\0')
            return false;
    }
    tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
    tm.tm_isdst = -1;
    struct tm next = tm;
    next.tm_mday++;
    from->us = (int64_t)mktime(&tm) * US_PER_S;
    to->us = (int64_t)mktime(&next) * US_PER_S;
    return true;
}

static void show_gathered(struct account *k)
{
    char piece[8192];
    table_stream_end(k->t, k->json);
    rewind(k->json);
    for (size_t n; (n = fread(piece, 1, sizeof piece, k->json)) > 0;)
        fwrite(piece, 1, n, stdout);
}

int cli_accounting(struct cli *c)
{
    struct db *d;
    struct why w;
    struct account k = {.direction = "transit"};
    if (!day_of(c->nword > 1 ? c->word[1] : NULL, &k.from_time, &k.to_time))
        return cli_error(CLI_REFUSED, "\"%s\" is not a day: YYYY-MM-DD", c->word[1]);
    int status = cli_db(c, DB_READ, &d);
    if (status != CLI_DONE)
        return status;
    if (c->json && (k.json = tmpfile()) == NULL) {
        db_close(&d);
        return cli_error(CLI_INTERNAL, "no temporary file: %s", strerror(errno));
    }
    k.arena = arena_new(64u << 20);
    flush_message(&k);
    if (c->json)
        k.t = table_new(columns, NCOLUMNS);
    else
        fputs("time,id,direction,from,to,bytes,attachments,delay,result\r\n", stdout);
    int v = journal_range(d, k.from_time, k.to_time, gather, &k, &w);
    flush_message(&k);
    if (k.t != NULL && v == 0)
        show_gathered(&k);
    table_free(&k.t);
    if (k.json != NULL)
        fclose(k.json);
    free(k.out);
    arena_free(&k.arena);
    db_close(&d);
    return v < 0 ? cli_error(CLI_INTERNAL, "%s", w.text) : CLI_DONE;
}
