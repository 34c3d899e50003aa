/* gateway/mail/calendar.c -- invitations. */
#include "gateway/mail/calendar.h"

#include <string.h>

#include "gateway/mail/date.h"
#include "gateway/mail/header.h"

#define LINE_BYTES 4096u /* of an unfolded property; a description can be long and is not shown */

struct property {
    struct str name, params, value;
};

/* Take the next property off *rest, unfolded (RFC 5545 3.1) into room. */
static bool next_property(struct str *rest, struct buf *room, struct property *p)
{
    struct str line;
    if (!str_line(rest, &line))
        return false;
    buf_reset(room);
    buf_str(room, str_trim_right(line));
    while (rest->n > 0 && (rest->p[0] == ' ' || rest->p[0] == '\t') && str_line(rest, &line))
        buf_str(room, str_sub(line, 1, line.n));
    struct str text = buf_text(room);
    bool quoted = false;
    size_t colon = 0;
    while (colon < text.n && (quoted || text.p[colon] != ':'))
        quoted ^= text.p[colon++] == '"';
    struct str head = str_sub(text, 0, colon);
    ptrdiff_t semicolon = str_find(head, ';');
    p->name = semicolon >= 0 ? str_sub(head, 0, (size_t)semicolon) : head;
    p->params = semicolon >= 0 ? str_sub(head, (size_t)semicolon + 1, head.n) : STR("");
    p->value = str_trim(str_sub(text, colon + 1, text.n));
    return true;
}

static struct str param(struct str params, const char *name)
{
    struct str piece;
    while (str_split(&params, ';', &piece))
        if (str_starts_nocase(piece, name)) {
            piece = str_sub(piece, strlen(name), piece.n);
            bool quoted = piece.n > 1 && piece.p[0] == '"';
            return quoted ? str_sub(piece, 1, piece.n - 2) : piece;
        }
    return STR("");
}

/* RFC 5545 3.3.11: a backslash before comma, semicolon, itself, or n for a line break. */
static void put_value(struct buf *b, struct str s)
{
    struct buf plain;
    buf_init(&plain, LINE_BYTES);
    for (size_t i = 0; i < s.n; i++) {
        bool escape = s.p[i] == '\\' && i + 1 < s.n;
        i += escape;
        buf_u8(&plain, escape && (s.p[i] | 0x20) == 'n' ? ' ' : (uint8_t)s.p[i]);
    }
    hdr_clean(b, buf_text(&plain));
    buf_done(&plain);
}

static bool digits(struct str s, size_t from, size_t n, int *value)
{
    uint64_t v;
    if (s.n < from + n || !str_number(str_sub(s, from, n), 9999, &v))
        return false;
    *value = (int)v;
    return true;
}

/* 19950208T150000Z as "8 February 1995, 15:00 UTC"; with_day false: the time alone. */
static void put_time(struct buf *b, const struct property *p, bool with_day)
{
    int year, month, day, hour, minute;
    if (!digits(p->value, 0, 4, &year) || !digits(p->value, 4, 2, &month) ||
        !digits(p->value, 6, 2, &day)) {
        put_value(b, p->value);
        return;
    }
    if (with_day)
        buf_printf(b, "%d %s %d", day, date_month(month), year);
    if (!digits(p->value, 9, 2, &hour) || !digits(p->value, 11, 2, &minute))
        return;
    buf_printf(b, "%s%02d:%02d", with_day ? ", " : "", hour, minute);
}

static void put_zone(struct buf *b, const struct property *p)
{
    struct str zone = param(p->params, "TZID=");
    if (p->value.n > 0 && p->value.p[p->value.n - 1] == 'Z')
        buf_z(b, " UTC");
    else if (zone.n > 0) {
        buf_z(b, " (");
        put_value(b, zone);
        buf_z(b, ")");
    }
}

enum { SUMMARY, START, END, PLACE, ORGANIZER, METHOD, KINDS };

struct event {
    struct buf line[KINDS]; /* the properties, each whole, as name:value lives in its own buffer */
    struct property have[KINDS];
};

static void read_event(struct str ics, struct event *e)
{
    static const char *const names[KINDS] = {"SUMMARY",  "DTSTART",   "DTEND",
                                             "LOCATION", "ORGANIZER", "METHOD"};
    struct buf room;
    struct property p;
    bool inside = false;
    buf_init(&room, LINE_BYTES);
    while (next_property(&ics, &room, &p)) {
        if (str_is(p.name, "END") && str_is(p.value, "VEVENT"))
            break;
        inside = inside || (str_is(p.name, "BEGIN") && str_is(p.value, "VEVENT"));
        for (size_t i = 0; i < KINDS; i++) {
            if ((!inside && i != METHOD) || !str_is(p.name, names[i]) || e->line[i].n > 0)
                continue;
            struct str rest = buf_text(&room);
            buf_init(&e->line[i], LINE_BYTES);
            (void)next_property(&rest, &e->line[i], &e->have[i]);
        }
    }
    buf_done(&room);
}

static void put_labelled(struct buf *b, const char *label, struct str value)
{
    if (value.n == 0)
        return;
    buf_z(b, label);
    put_value(b, value);
    buf_u8(b, '\n');
}

static void put_when(struct buf *b, const struct property *start, const struct property *end)
{
    if (start->value.n == 0)
        return;
    buf_z(b, "When:  ");
    put_time(b, start, true);
    if (end->value.n > 8 && start->value.n > 8) { /* both with a time of day */
        bool same_day = str_eq(str_sub(start->value, 0, 8), str_sub(end->value, 0, 8));
        buf_z(b, " - ");
        put_time(b, end, !same_day);
    }
    put_zone(b, start);
    buf_u8(b, '\n');
}

static const char *title(struct str method)
{
    static const char *const known[][2] = {{"CANCEL", "[meeting cancelled]"},
                                           {"REPLY", "[answer to an invitation]"},
                                           {"REQUEST", "[invitation]"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_is(method, known[i][0]))
            return known[i][1];
    return "[calendar entry]";
}

void calendar_put(struct buf *b, struct str ics)
{
    struct event e = {.have = {{.name = {NULL, 0}}}};
    read_event(ics, &e);
    struct str who = e.have[ORGANIZER].value, name = param(e.have[ORGANIZER].params, "CN=");
    if (str_starts_nocase(who, "mailto:"))
        who = str_sub(who, strlen("mailto:"), who.n);
    if (e.have[SUMMARY].value.n > 0 || e.have[START].value.n > 0) {
        buf_printf(b, "%s\n", title(e.have[METHOD].value));
        put_labelled(b, "What:  ", e.have[SUMMARY].value);
        put_when(b, &e.have[START], &e.have[END]);
        put_labelled(b, "Where: ", e.have[PLACE].value);
        put_labelled(b, "Who:   ", name.n > 0 ? name : who);
    }
    for (size_t i = 0; i < KINDS; i++)
        buf_done(&e.line[i]);
}
