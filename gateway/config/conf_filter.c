/* gateway/config/conf_filter.c -- the statements about filters. */
#include <string.h>
#include <sys/un.h>

#include "gateway/config/conf_private.h"

#define SECONDS_MAX 3600

/* "host" as it stands before or behind a port: an address, or localhost. */
static bool milter_address(struct conf_reader *r, struct str host, struct str port,
                           struct conf_milter *m)
{
    struct why w;
    char text[160];
    if (host.n == 0 || str_is(host, "localhost"))
        host = STR("127.0.0.1");
    if (host.n > 2 && host.p[0] == '[')
        host = str_sub(host, 1, host.n - 2);
    struct buf b;
    buf_init(&b, sizeof text);
    buf_printf(&b, str_find(host, ':') >= 0 ? "[%.*s]:%.*s" : "%.*s:%.*s", STR_ARG(host),
               STR_ARG(port));
    str_copy(text, sizeof text, buf_text(&b));
    buf_done(&b);
    if (endpoint_parse(&m->at, str_of(text), 0, &w) < 0 || endpoint_port(&m->at) == 0) {
        conf_error(r,
                   "MILTER: \"%.*s\" port \"%.*s\" is no address: it is a path, host:port or "
                   "inet:port@host, the host an IP address or localhost",
                   STR_ARG(host), STR_ARG(port));
        return false;
    }
    return true;
}

/* The spellings of Sendmail (inet:8891@localhost, local:/path), of Postfix (inet:localhost:8891,
 * unix:/path) and the bare ones. */
static bool milter_socket(struct conf_reader *r, struct str word, struct conf_milter *m)
{
    struct str s = word;
    bool path = s.n > 0 && s.p[0] == '/', net = false;
    static const char *const schemes[] = {"unix:", "local:", "inet:", "inet6:"};
    for (size_t i = 0; i < 4; i++)
        if (str_starts_nocase(s, schemes[i])) {
            s = str_sub(s, strlen(schemes[i]), s.n);
            path = i < 2;
            net = i >= 2;
        }
    m->name = word;
    if (path) {
        m->path = conf_path(r, s);
        if (m->path.n >= sizeof((struct sockaddr_un *)0)->sun_path)
            conf_error(r, "MILTER: a socket's path may have %zu bytes",
                       sizeof((struct sockaddr_un *)0)->sun_path - 1);
        return true;
    }
    ptrdiff_t at = str_find(s, '@'), colon = str_find_last(s, ':');
    if (net && at >= 0)
        return milter_address(r, str_sub(s, (size_t)at + 1, s.n), str_sub(s, 0, (size_t)at), m);
    if (colon < 0)
        return milter_address(r, STR(""), s, m);
    return milter_address(r, str_sub(s, 0, (size_t)colon), str_sub(s, (size_t)colon + 1, s.n), m);
}

static void seconds(struct conf_reader *r, struct str key, struct str value, int64_t *out)
{
    uint64_t n = 0;
    if (!str_number(value, SECONDS_MAX, &n) || n == 0)
        conf_error(r, "MILTER: %.*s must be 1 to %d seconds", STR_ARG(key), SECONDS_MAX);
    else
        *out = (int64_t)n;
}

static void milter_option(struct conf_reader *r, struct str word, struct conf_milter *m)
{
    static const char *const absent[] = {
        [FILTER_DEFER] = "DEFER", [FILTER_ACCEPT] = "ACCEPT", [FILTER_REFUSE] = "REFUSE"};
    struct str value = word, key;
    (void)str_split(&value, '=', &key);
    if (str_is(word, "SMTP")) {
        m->smtp = true;
    } else if (str_is(word, "NJE")) {
        m->nje = true;
    } else if (str_is(word, "REPORTS")) {
        m->reports = true;
    } else if (str_is(key, "ABSENT")) {
        size_t i = 0;
        while (i < 3 && !str_is(value, absent[i]))
            i++;
        if (i == 3)
            conf_error(r, "MILTER: ABSENT=ACCEPT, DEFER or REFUSE, not \"%.*s\"", STR_ARG(value));
        else
            m->absent = (enum filter_absent)i;
    } else if (str_is(key, "CONNECT")) {
        seconds(r, key, value, &m->connect_s);
    } else if (str_is(key, "ANSWER")) {
        seconds(r, key, value, &m->answer_s);
    } else if (str_is(key, "VERDICT")) {
        seconds(r, key, value, &m->verdict_s);
    } else {
        conf_error(r,
                   "MILTER: \"%.*s\" is not understood; the form is: MILTER socket [SMTP] [NJE] "
                   "[REPORTS] [ABSENT=ACCEPT|DEFER|REFUSE] [CONNECT=s] [ANSWER=s] [VERDICT=s]",
                   STR_ARG(word));
    }
}

void parse_milter(struct conf_reader *r, struct str rest)
{
    struct conf_milter m = {.connect_s = 30, .answer_s = 30, .verdict_s = 300};
    struct str word = str_word(&rest);
    if (word.n == 0) {
        conf_error(r, "MILTER: a word is missing; the form is: MILTER socket [SMTP] [NJE]");
        return;
    }
    if (!milter_socket(r, arena_str(r->c->arena, word), &m))
        return;
    for (word = str_word(&rest); word.n > 0; word = str_word(&rest))
        milter_option(r, word, &m);
    APPEND(r, r->c->milter, r->c->nmilter) = m;
}

/* IBM's word for where its exit is called is the default for filters that do not say. */
void parse_exitdirection(struct conf_reader *r, struct str rest)
{
    struct str word = str_word(&rest), saf = str_word(&rest);
    if (str_is(word, "FROMTCP"))
        r->c->exit_direction = EXIT_FROM_TCP;
    else if (str_is(word, "FROMJES"))
        r->c->exit_direction = EXIT_FROM_NJE;
    else if (str_is(word, "BOTH"))
        r->c->exit_direction = EXIT_BOTH;
    else
        conf_warn(r, "EXITDIRECTION: \"%.*s\" is none of FROMTCP, FROMJES, BOTH; BOTH holds",
                  STR_ARG(word));
    if (saf.n > 0 && !str_is(saf, "SAFYES") && !str_is(saf, "SAFNO"))
        conf_warn(r, "EXITDIRECTION: \"%.*s\" is neither SAFYES nor SAFNO", STR_ARG(saf));
    else if (str_is(saf, "SAFYES"))
        conf_warn(r, "EXITDIRECTION: SAFYES has no effect, there is no SAF here to ask");
}

void finish_filters(struct conf_reader *r)
{
    struct conf *c = r->c;
    for (size_t i = 0; i < c->nmilter; i++) {
        struct conf_milter *m = &c->milter[i];
        if (m->smtp || m->nje || m->reports)
            continue;
        m->smtp = c->exit_direction != EXIT_FROM_NJE;
        m->nje = c->exit_direction != EXIT_FROM_TCP;
    }
}

void show_filters(const struct conf *c, struct buf *out)
{
    static const char *const absent[] = {
        [FILTER_DEFER] = "DEFER", [FILTER_ACCEPT] = "ACCEPT", [FILTER_REFUSE] = "REFUSE"};
    static const char *const directions[] = {
        [EXIT_BOTH] = "BOTH", [EXIT_FROM_TCP] = "FROMTCP", [EXIT_FROM_NJE] = "FROMJES"};
    buf_printf(out, "EXITDIRECTION %s\n", directions[c->exit_direction]);
    for (size_t i = 0; i < c->nmilter; i++) {
        const struct conf_milter *m = &c->milter[i];
        buf_printf(out, "MILTER %.*s%s%s%s ABSENT=%s CONNECT=%lld ANSWER=%lld VERDICT=%lld\n",
                   STR_ARG(m->name), m->smtp ? " SMTP" : "", m->nje ? " NJE" : "",
                   m->reports ? " REPORTS" : "", absent[m->absent], (long long)m->connect_s,
                   (long long)m->answer_s, (long long)m->verdict_s);
    }
}
