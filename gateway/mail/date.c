/* gateway/mail/date.c -- dates of mail and notes, time zones by name. */
#include "gateway/mail/date.h"

#include <string.h>
#include <time.h>

#define S_PER_DAY 86400
#define ZONE_MOST (24 * 60) /* minutes; no zone is a day away */

static const char *const months[12] = {"January",   "February", "March",    "April",
                                       "May",       "June",     "July",     "August",
                                       "September", "October",  "November", "December"};
static const char *const days[7] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

/* The first name of an offset among those marked `back` is the one a note shows for it. */
static const struct zone {
    const char *name;
    int offset;
    bool back;
} zones[] = {
    {"EST", -300, true},  {"EDT", -240, true},  {"CST", -360, true},   {"CDT", -300, false},
    {"MST", -420, true},  {"MDT", -360, false}, {"PST", -480, true},   {"PDT", -420, false},
    {"GMT", 0, true},     {"UTC", 0, false},    {"UT", 0, false},      {"Z", 0, false},
    {"AKST", -540, true}, {"HST", -600, true},  {"AKDT", -480, false}, {"AST", -240, false},
    {"ADT", -180, false}, {"NST", -210, false}, {"NDT", -150, false},  {"WET", 0, false},
    {"WEST", 60, false},  {"BST", 60, false},   {"IST", 330, false},   {"CET", 60, false},
    {"CEST", 120, false}, {"MET", 60, false},   {"MEST", 120, false},  {"MEZ", 60, false},
    {"MESZ", 120, false}, {"EET", 120, false},  {"EEST", 180, false},  {"MSK", 180, false},
    {"MSD", 240, false},  {"TRT", 180, false},  {"SAST", 120, false},  {"HKT", 480, false},
    {"SGT", 480, false},  {"AWST", 480, false}, {"JST", 540, false},   {"KST", 540, false},
    {"ACST", 570, false}, {"AEST", 600, false}, {"AEDT", 660, false},  {"ACDT", 630, false},
    {"NZST", 720, false}, {"NZDT", 780, false}, {"BRT", -180, false},  {"ART", -180, false},
};

/* Days since 1970-01-01 of a day of the Gregorian calendar; the year is counted from March so that
 * the leap day comes last. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t in_era = y - era * 400;
    int64_t in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

struct date_civil date_civil(struct wall t, int offset)
{
    int64_t s = t.us / US_PER_S - (t.us % US_PER_S < 0) + (int64_t)offset * 60;
    int64_t day = s / S_PER_DAY - (s % S_PER_DAY < 0);
    int64_t in_day = s - day * S_PER_DAY;
    int64_t z = day + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    int month = (int)(mp < 10 ? mp + 3 : mp - 9);
    return (struct date_civil){.year = (int)(yoe + era * 400 + (month <= 2)),
                               .month = month,
                               .day = (int)(doy - (153 * mp + 2) / 5 + 1),
                               .hour = (int)(in_day / 3600),
                               .minute = (int)(in_day / 60 % 60),
                               .second = (int)(in_day % 60),
                               .weekday = (int)(((day + 4) % 7 + 7) % 7)};
}

const char *date_month(int month)
{
    return month >= 1 && month <= 12 ? months[month - 1] : "";
}

void date_put(struct buf *b, struct wall t, int offset)
{
    struct date_civil c = date_civil(t, offset);
    int away = offset < 0 ? -offset : offset;
    buf_printf(b, "%s, %d %.3s %04d %02d:%02d:%02d %c%02d%02d", days[c.weekday], c.day,
               date_month(c.month), c.year, c.hour, c.minute, c.second, offset < 0 ? '-' : '+',
               away / 60, away % 60);
}

/* --- reading --- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool numeric_zone(struct str name, int *offset)
{
    uint64_t v;
    if (name.n != 5 || (name.p[0] != '+' && name.p[0] != '-') ||
        !str_number(str_sub(name, 1, 4), 9999, &v) || v % 100 > 59 || v / 100 >= ZONE_MOST / 60)
        return false;
    int minutes = (int)(v / 100 * 60 + v % 100);
    *offset = name.p[0] == '-' ? -minutes : minutes;
    return true;
}

bool zone_offset(struct str name, int *offset)
{
    if (numeric_zone(name, offset))
        return true;
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++)
        if (str_is(name, zones[i].name)) {
            *offset = zones[i].offset;
            return true;
        }
    return false;
}

const char *zone_name(int offset, const char *local_name, int local_offset)
{
    if (local_name != NULL && local_name[0] != '\0' && offset == local_offset)
        return local_name;
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++)
        if (zones[i].back && zones[i].offset == offset)
            return zones[i].name;
    return NULL;
}

void zone_local(struct wall t, int *offset, char name[8])
{
    time_t s = (time_t)(t.us / US_PER_S);
    struct tm tm;
    *offset = 0;
    name[0] = '\0';
    if (localtime_r(&s, &tm) == NULL)
        return;
    *offset = (int)(tm.tm_gmtoff / 60);
    struct str z = str_of(tm.tm_zone);
    if (z.n >= 1 && z.n <= 5 && is_letter(z.p[0]))
        str_copy(name, 8, z);
}

/* The next word of a date: blanks, commas and comments separate. */
static struct str next_word(struct str *s)
{
    int depth = 0;
    size_t i = 0;
    for (; i < s->n; i++) {
        char c = s->p[i];
        if (c == '(')
            depth++;
        else if (c == ')' && depth > 0)
            depth--;
        else if (depth == 0 && c != ' ' && c != '\t' && c != ',' && c != '\r' && c != '\n')
            break;
    }
    size_t start = i;
    while (i < s->n && strchr(" \t,(\r\n", s->p[i]) == NULL)
        i++;
    struct str word = str_sub(*s, start, i - start);
    *s = str_sub(*s, i, s->n);
    return word;
}

/* A month by at least three letters of its name; 0 when it is none. */
static int month_of(struct str word)
{
    if (word.n > 0 && word.p[word.n - 1] == '.')
        word.n--;
    for (int m = 0; m < 12; m++)
        if (word.n >= 3 && word.n <= strlen(months[m]) &&
            str_eq_nocase(word, str_sub(str_of(months[m]), 0, word.n)))
            return m + 1;
    return 0;
}

struct draft {
    int year, month, day, hour, minute, second;
    bool has_time, has_year;
    struct str zone;
};

static bool small_number(struct str s, int *out)
{
    uint64_t v;
    if (s.n == 0 || s.n > 4 || !str_number(s, 9999, &v))
        return false;
    *out = (int)v;
    return true;
}

/* hh:mm or hh:mm:ss, a fraction of a second is dropped. */
static bool take_time(struct draft *d, struct str word)
{
    struct str piece;
    int *const part[3] = {&d->hour, &d->minute, &d->second};
    size_t n = 0;
    for (; str_split(&word, ':', &piece); n++) {
        ptrdiff_t dot = str_find(piece, '.');
        if (n == 2 && dot > 0)
            piece = str_sub(piece, 0, (size_t)dot);
        if (n == 3 || piece.n > 2 || !small_number(piece, part[n]))
            return false;
    }
    d->has_time = n >= 2;
    return d->has_time;
}

/* RFC 5322 4.3: two digits below 50 are of this century, three digits count from 1900. */
static bool take_year(struct draft *d, struct str word)
{
    if (word.n < 2 || !small_number(word, &d->year))
        return false;
    if (word.n == 2)
        d->year += d->year < 50 ? 2000 : 1900;
    else if (word.n == 3)
        d->year += 1900;
    d->has_year = true;
    return true;
}

/* mm/dd/yy, as PROFS and CP write it */
static bool take_slashed(struct draft *d, struct str word)
{
    struct str piece[3];
    size_t n = 0;
    while (n < 3 && str_split(&word, '/', &piece[n]))
        n++;
    return n == 3 && small_number(piece[0], &d->month) && small_number(piece[1], &d->day) &&
           take_year(d, piece[2]);
}

static bool take_word(struct draft *d, struct str word)
{
    if (str_find(word, ':') > 0)
        return !d->has_time && take_time(d, word);
    if (str_find(word, '/') > 0)
        return d->month == 0 && take_slashed(d, word);
    if (word.p[0] == '+' || word.p[0] == '-' || (is_letter(word.p[0]) && d->has_time)) {
        if (d->zone.n == 0 && d->has_time)
            d->zone = word;
        return true;
    }
    if (is_letter(word.p[0])) {
        int m = d->month == 0 ? month_of(word) : 0;
        if (m != 0)
            d->month = m;
        return true; /* else the day of the week, in whatever language */
    }
    if (!is_digit(word.p[0]))
        return false;
    if (d->day == 0)
        return word.n <= 2 && small_number(word, &d->day);
    return d->has_year || take_year(d, word);
}

static bool plausible(const struct draft *d)
{
    static const int lengths[12] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return d->has_year && d->has_time && d->year >= 1900 && d->month >= 1 && d->month <= 12 &&
           d->day >= 1 && d->day <= lengths[d->month - 1] && d->hour < 24 && d->minute < 60 &&
           d->second <= 60;
}

int date_parse(struct str value, struct wall *t, int *offset, struct str *zone)
{
    struct draft d = {0};
    value = str_sub(value, 0, 200); /* no date is longer; a comment could be */
    for (struct str word = next_word(&value); word.n > 0; word = next_word(&value))
        if (!take_word(&d, word))
            return E_SYNTAX;
    if (!plausible(&d))
        return E_SYNTAX;
    int away = 0;
    if (!zone_offset(d.zone, &away))
        away = 0;
    int64_t s =
        days_of(d.year, d.month, d.day) * S_PER_DAY + d.hour * 3600 + d.minute * 60 + d.second;
    t->us = (s - (int64_t)away * 60) * US_PER_S;
    *offset = away;
    if (zone != NULL)
        *zone = d.zone;
    return OK;
}
