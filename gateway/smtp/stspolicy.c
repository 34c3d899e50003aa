/* gateway/smtp/stspolicy.c -- see stspolicy.h */
#include "gateway/smtp/stspolicy.h"

#include <string.h>

#define TXT_MAX 1024u
#define AGE_MAX_S 31557600
#define HOST_MAX 253u

/* --- the record: RFC 8461 3.1 --- */

static bool is_id(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (strchr("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", s.p[i]) ==
                NULL ||
            s.p[i] == '\0')
            return false;
    return s.n >= 1 && s.n <= STS_ID_MAX;
}

/* The strings of a record are one text. */
static struct str text_of(struct cur rdata, char text[TXT_MAX])
{
    size_t n = 0;
    while (cur_left(&rdata) > 0) {
        struct cur piece = cur_sub(&rdata, cur_u8(&rdata));
        size_t more = cur_left(&piece);
        if (cur_bad(&rdata) || more > TXT_MAX - n)
            return STR("");
        cur_copy(&piece, text + n, more);
        n += more;
    }
    return (struct str){text, n};
}

int sts_record(struct cur rdata, char id[STS_ID_MAX + 1])
{
    char text[TXT_MAX];
    struct str all = text_of(rdata, text), field;
    id[0] = '\0';
    if (!str_split(&all, ';', &field) || !str_eq(str_trim_right(field), STR("v=STSv1")))
        return 0;
    while (str_split(&all, ';', &field)) {
        field = str_trim(field);
        if (id[0] != '\0' || field.n < 3 || memcmp(field.p, "id=", 3) != 0)
            continue;
        if (!is_id(str_sub(field, 3, field.n)))
            return E_SYNTAX;
        str_copy(id, STS_ID_MAX + 1, str_sub(field, 3, field.n));
    }
    return id[0] != '\0' ? 1 : E_SYNTAX;
}

/* --- the policy: RFC 8461 3.2 --- */

static bool is_pattern(struct str s)
{
    if (s.n > 2 && s.p[0] == '*' && s.p[1] == '.')
        s = str_sub(s, 2, s.n);
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                    c == '-' || c == '_';
        bool dot = c == '.' && i > 0 && s.p[i - 1] != '.';
        if (!word && !dot)
            return false;
    }
    return s.n > 0 && s.n <= HOST_MAX;
}

const char *sts_mode_name(enum sts_mode m)
{
    static const char *const name[] = {
        [STS_NONE] = "none", [STS_TESTING] = "testing", [STS_ENFORCE] = "enforce"};
    return name[m];
}

struct reading {
    struct sts_policy *p;
    bool version, mode, age;
};

static int mode_of(struct reading *r, struct str value, struct why *w)
{
    for (enum sts_mode m = STS_NONE; m <= STS_ENFORCE; m++) {
        if (str_eq(value, str_of(sts_mode_name(m)))) {
            r->p->mode = m;
            r->mode = true;
            return OK;
        }
    }
    return why_set(w, E_SYNTAX, 0, NULL, "mode: %.*s", STR_ARG(str_sub(value, 0, 80)));
}

/* Of what occurs twice the first counts, but for mx; what is not known is passed over. */
static int policy_field(struct reading *r, struct str key, struct str value, struct why *w)
{
    uint64_t age;
    if (str_eq(key, STR("version")) && !r->version) {
        r->version = str_eq(value, STR("STSv1"));
        if (!r->version)
            return why_set(w, E_SYNTAX, 0, NULL, "version: %.*s", STR_ARG(str_sub(value, 0, 80)));
    } else if (str_eq(key, STR("mode")) && !r->mode) {
        return mode_of(r, value, w);
    } else if (str_eq(key, STR("max_age")) && !r->age) {
        if (value.n > 10 || !str_number(value, UINT64_MAX, &age))
            return why_set(w, E_SYNTAX, 0, NULL, "max_age: %.*s", STR_ARG(str_sub(value, 0, 80)));
        r->p->max_age_s = age < AGE_MAX_S ? (int64_t)age : AGE_MAX_S;
        r->age = true;
    } else if (str_eq(key, STR("mx"))) {
        if (!is_pattern(value) || r->p->nmx == STS_MX_MAX)
            return why_set(w, E_SYNTAX, 0, NULL, "mx: %.*s", STR_ARG(str_sub(value, 0, 80)));
        r->p->mx[r->p->nmx++] = value;
    }
    return OK;
}

int sts_parse(struct str text, struct sts_policy *p, struct why *w)
{
    struct reading r = {.p = p};
    struct str line, key;
    *p = (struct sts_policy){.mode = STS_NONE};
    while (str_line(&text, &line)) {
        if (str_trim(line).n == 0)
            continue;
        if (!str_split(&line, ':', &key) || line.p == NULL)
            return why_set(w, E_SYNTAX, 0, NULL, "a line without a colon");
        int rc = policy_field(&r, str_trim(key), str_trim(line), w);
        if (rc < 0)
            return rc;
    }
    if (!r.version || !r.mode || !r.age)
        return why_set(w, E_SYNTAX, 0, NULL, "no %s",
                       !r.version ? "version"
                       : !r.mode  ? "mode"
                                  : "max_age");
    if (p->mode != STS_NONE && p->nmx == 0)
        return why_set(w, E_SYNTAX, 0, NULL, "no mx");
    return OK;
}

bool sts_allows(const struct sts_policy *p, const char *host)
{
    struct str h = str_of(host), first, rest = h;
    if (h.n > 0 && h.p[h.n - 1] == '.')
        h.n--, rest = h;
    bool labels = str_split(&rest, '.', &first) && rest.p != NULL && first.n > 0;
    for (size_t i = 0; i < p->nmx; i++) {
        struct str mx = p->mx[i];
        if (mx.p[mx.n - 1] == '.')
            mx.n--;
        if (mx.n > 2 && mx.p[0] == '*' && labels && str_eq_nocase(str_sub(mx, 2, mx.n), rest))
            return true;
        if (str_eq_nocase(mx, h))
            return true;
    }
    return false;
}
