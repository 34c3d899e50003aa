/* gateway/config/conf_smtp.c -- the statements about SMTP clients: listeners and their options,
 * limits, who is trusted. */
#include <arpa/inet.h>
#include <string.h>

#include "gateway/config/conf_private.h"
#include "gateway/smtp/syntax.h"

static const char *const kinds[] = {
    [LIMIT_CONNECTIONS] = "CONNECTIONS",
    [LIMIT_MESSAGES] = "MESSAGES",
    [LIMIT_RECIPIENTS] = "RECIPIENTS",
    [LIMIT_ERRORS] = "ERRORS",
    [LIMIT_BYTES] = "BYTES",
    [LIMIT_JUNK] = "JUNK",
    [LIMIT_SESSIONS] = "SESSIONS",
    [LIMIT_RCPTS] = "RCPTS",
    [LIMIT_HEADER] = "HEADER",
    [LIMIT_LINE] = "LINE",
    [LIMIT_COMMAND] = "COMMAND",
};

const char *conf_limit_name(enum conf_limit_kind kind)
{
    return kinds[kind];
}

void conf_limit_defaults(struct conf *c)
{
    c->helo_check = HELO_SYNTAX | HELO_OWNNAME;
    c->limit[LIMIT_MESSAGES] = 100;
    c->limit[LIMIT_ERRORS] = 20;
    c->limit[LIMIT_JUNK] = 100;
    c->limit[LIMIT_RCPTS] = 1000;
    c->limit[LIMIT_HEADER] = 102400;
    c->limit[LIMIT_LINE] = 1048576;
    c->limit[LIMIT_COMMAND] = 2048;
    c->send_data = 120;
    c->send_block = 180;
    c->send_dot = 600;
}

void parse_limit(struct conf_reader *r, struct str rest)
{
    static const char form[] = "LIMIT kind n [PER seconds]";
    struct str kind = str_word(&rest), n = str_word(&rest), per = str_word(&rest),
               time = str_word(&rest);
    uint64_t most, seconds = 0;
    size_t k = 0;
    if (!conf_need(r, n, form))
        return;
    while (k < LIMIT_KINDS && !str_is(kind, kinds[k]))
        k++;
    if (k == LIMIT_KINDS)
        conf_error(r,
                   "LIMIT %.*s: the kinds are CONNECTIONS, MESSAGES, RECIPIENTS, ERRORS, JUNK, "
                   "BYTES, SESSIONS, RCPTS, HEADER, LINE and COMMAND",
                   STR_ARG(kind));
    else if (!str_number(n, INT64_MAX, &most) || most == 0)
        conf_error(r, "LIMIT %s %.*s: must be a number from 1", kinds[k], STR_ARG(n));
    else if (k == LIMIT_COMMAND && (most < 512 || most > SMTP_COMMAND_MAX))
        conf_error(r, "LIMIT COMMAND %.*s: must be from 512 to %u", STR_ARG(n), SMTP_COMMAND_MAX);
    else if (per.n > 0 && (!str_is(per, "PER") || !str_number(time, 31536000, &seconds) ||
                           seconds == 0 || str_trim(rest).n > 0))
        conf_error(r, "LIMIT: the form is: %s, with 1 to 31536000 seconds", form);
    else if (seconds > 0 && k >= LIMIT_RATES)
        conf_error(r, "LIMIT %s has no PER: it is no rate", kinds[k]);
    else if (seconds > 0)
        r->c->rate[k] = most, r->c->rate_seconds[k] = seconds;
    else
        r->c->limit[k] = most;
}

void parse_sendtime(struct conf_reader *r, struct str rest)
{
    struct str word, key;
    if (!conf_need(r, str_trim(rest), "SENDTIME [DATA=s] [BLOCK=s] [DOT=s]"))
        return;
    while ((word = str_word(&rest)).n > 0) {
        struct str value = word;
        uint64_t s = 0;
        bool whole = str_split(&value, '=', &key) && str_number(value, 86400, &s) && s > 0;
        int64_t *to = str_is(key, "DATA")    ? &r->c->send_data
                      : str_is(key, "BLOCK") ? &r->c->send_block
                      : str_is(key, "DOT")   ? &r->c->send_dot
                                             : NULL;
        if (to == NULL || !whole)
            conf_error(r, "SENDTIME \"%.*s\": must be DATA=s, BLOCK=s or DOT=s, 1 to 86400 seconds",
                       STR_ARG(word));
        else
            *to = (int64_t)s;
    }
}

static const struct {
    const char *name;
    unsigned bit;
} helo_checks[] = {{"SYNTAX", HELO_SYNTAX}, {"OWNNAME", HELO_OWNNAME}, {"RESOLVES", HELO_RESOLVES}};
#define NHELO (sizeof helo_checks / sizeof helo_checks[0])

void parse_helocheck(struct conf_reader *r, struct str rest)
{
    struct str word = str_word(&rest);
    unsigned checks = 0;
    bool none = str_is(word, "NONE") && str_trim(rest).n == 0;
    if (!none && !conf_need(r, word, "HELOCHECK SYNTAX|OWNNAME|RESOLVES ... | NONE"))
        return;
    for (; !none && word.n > 0; word = str_word(&rest)) {
        size_t i = 0;
        while (i < NHELO && !str_is(word, helo_checks[i].name))
            i++;
        if (i == NHELO)
            conf_error(r, "HELOCHECK %.*s: must be SYNTAX, OWNNAME or RESOLVES, or NONE alone",
                       STR_ARG(word));
        else
            checks |= helo_checks[i].bit;
    }
    r->c->helo_check = checks;
}

static void show_helocheck(const struct conf *c, struct buf *out)
{
    buf_z(out, "HELOCHECK");
    for (size_t i = 0; i < NHELO; i++)
        if ((c->helo_check & helo_checks[i].bit) != 0)
            buf_printf(out, " %s", helo_checks[i].name);
    buf_z(out, c->helo_check == 0 ? " NONE\n" : "\n");
}

/* "192.0.2.0/24", "2001:db8::/32", or one address. */
static bool net_of(struct str text, struct conf_net *out)
{
    struct str host = text, len;
    char z[64];
    uint64_t bits = 0;
    ptrdiff_t slash = str_find(text, '/');
    bool six = str_find(text, ':') >= 0;
    if (slash >= 0)
        host = str_sub(text, 0, (size_t)slash);
    len = slash >= 0 ? str_sub(text, (size_t)slash + 1, text.n) : six ? STR("128") : STR("32");
    if (host.n >= sizeof z || !str_number(len, six ? 128 : 32, &bits))
        return false;
    str_copy(z, sizeof z, host);
    *out = (struct conf_net){.addr = {[10] = 0xFF, [11] = 0xFF}, .bits = (unsigned)bits};
    if (!six)
        out->bits += 96;
    return inet_pton(six ? AF_INET6 : AF_INET, z, six ? out->addr : out->addr + 12) == 1;
}

void parse_trust(struct conf_reader *r, struct str rest)
{
    struct str word;
    bool first = !r->c->trust_said, none = false;
    r->c->trust_said = true;
    while ((word = str_word(&rest)).n > 0) {
        struct conf_net net;
        if (str_is(word, "NONE"))
            none = true;
        else if (net_of(word, &net))
            APPEND(r, r->c->trust, r->c->ntrust) = net;
        else
            conf_error(r, "TRUST \"%.*s\": must be an address or address/length", STR_ARG(word));
    }
    if (none ? !first || r->c->ntrust > 0 : r->c->ntrust == 0)
        conf_error(r, "TRUST: addresses, or NONE alone");
}

static bool in_nets(const struct conf_net *net, size_t count, const union endpoint *peer)
{
    uint8_t a[16] = {[10] = 0xFF, [11] = 0xFF};
    if (peer->any.sa_family == AF_INET)
        memcpy(a + 12, &peer->in4.sin_addr, 4);
    else if (peer->any.sa_family == AF_INET6)
        memcpy(a, &peer->in6.sin6_addr, 16);
    else
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct conf_net *n = &net[i];
        unsigned whole = n->bits / 8, part = n->bits % 8;
        unsigned mask = 0xFF00u >> part & 0xFFu;
        if (memcmp(a, n->addr, whole) == 0 &&
            (part == 0 || ((a[whole] ^ n->addr[whole]) & mask) == 0))
            return true;
    }
    return false;
}

bool conf_trusts(const struct conf *c, const union endpoint *peer)
{
    bool own = peer->any.sa_family != AF_INET && peer->any.sa_family != AF_INET6;
    return own || in_nets(c->trust, c->ntrust, peer); /* own: a socket of our machine */
}

void parse_batchsmtp(struct conf_reader *r, struct str rest)
{
    struct str word = str_word(&rest);
    if (!conf_need(r, word, "BATCHSMTP addr[/len]|USER=name ..."))
        return;
    for (; word.n > 0; word = str_word(&rest)) {
        struct conf_net net;
        if (str_starts_nocase(word, "USER=") && word.n > 5)
            APPEND(r, r->c->batch_user, r->c->nbatch_user) =
                arena_str(r->c->arena, str_sub(word, 5, word.n));
        else if (net_of(word, &net))
            APPEND(r, r->c->batch_net, r->c->nbatch_net) = net;
        else
            conf_error(r, "BATCHSMTP \"%.*s\": must be an address, address/length or USER=name",
                       STR_ARG(word));
    }
}

bool conf_batch_from(const struct conf *c, const union endpoint *peer, struct str login)
{
    for (size_t i = 0; i < c->nbatch_user && login.n > 0; i++)
        if (str_eq(c->batch_user[i], login))
            return true;
    return in_nets(c->batch_net, c->nbatch_net, peer);
}

void parse_submission(struct conf_reader *r, struct str rest)
{
    struct str word = str_word(&rest), value = word, key;
    bool whole = str_split(&value, '=', &key) && str_is(key, "AUTHFILE") && value.n > 0;
    if (!whole || str_trim(rest).n > 0)
        conf_error(r, "SUBMISSION: the form is: SUBMISSION AUTHFILE=path");
    else
        r->c->authfile = conf_path(r, value);
}

static void listen_word(struct conf_reader *r, struct conf_listen *ln, struct str word)
{
    struct str value = word, key;
    (void)str_split(&value, '=', &key);
    if (str_is(word, "TLS"))
        ln->tls = true;
    else if (str_is(word, "SUBMISSION"))
        ln->submission = true;
    else if (str_is(word, "PROXY"))
        ln->proxy = true;
    else if (str_is(key, "STARTTLS") && value.n > 0)
        ln->starttls = conf_one_of(r, "LISTENSMTP STARTTLS", value, "MAY|NO|REQUIRED");
    else
        conf_error(r, "LISTENSMTP: unknown word %.*s", STR_ARG(word));
}

void parse_listen_smtp(struct conf_reader *r, struct str rest)
{
    struct conf_listen ln = {.tls = false};
    struct str word;
    if (!conf_listener(r, &rest, 25, &ln))
        return;
    while ((word = str_word(&rest)).n > 0)
        listen_word(r, &ln, word);
    APPEND(r, r->c->listen_smtp, r->c->nlisten_smtp) = ln;
}

void finish_smtp(struct conf_reader *r)
{
    struct conf *c = r->c;
    static const struct conf_net loopback[] = {
        {.addr = {[10] = 0xFF, [11] = 0xFF, [12] = 127}, .bits = 104},
        {.addr = {[15] = 1}, .bits = 128}};
    for (size_t i = 0; i < 2 && !c->trust_said; i++)
        APPEND(r, c->trust, c->ntrust) = loopback[i];
    if (c->limit[LIMIT_CONNECTIONS] == 0)
        c->limit[LIMIT_CONNECTIONS] = (uint64_t)c->conn_per_site;
    if (c->limit[LIMIT_SESSIONS] == 0)
        c->limit[LIMIT_SESSIONS] = (uint64_t)c->inbound_limit;
    else
        c->inbound_limit = (int64_t)c->limit[LIMIT_SESSIONS];
    for (size_t i = 0; i < c->nlisten_smtp; i++) {
        const struct conf_listen *ln = &c->listen_smtp[i];
        if (ln->submission && c->authfile.n == 0)
            conf_error(r, "LISTENSMTP ... SUBMISSION needs SUBMISSION AUTHFILE=path");
        if (c->tls_cert.n == 0 &&
            (ln->tls || ln->submission || ln->starttls == LISTEN_STARTTLS_REQUIRED)) {
            conf_error(r, "LISTENSMTP ... TLS, SUBMISSION and STARTTLS=REQUIRED need a "
                          "certificate: TLSCERT and "
                          "TLSKEY");
            return;
        }
    }
}

static void show_nets(const struct conf_net *net, size_t count, struct buf *out)
{
    char at[64];
    for (size_t i = 0; i < count; i++) {
        const struct conf_net *n = &net[i];
        static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};
        bool four = n->bits >= 96 && memcmp(n->addr, mapped, 12) == 0;
        if (inet_ntop(four ? AF_INET : AF_INET6, four ? n->addr + 12 : n->addr, at, sizeof at) !=
            NULL)
            buf_printf(out, " %s/%u", at, four ? n->bits - 96 : n->bits);
    }
}

void conf_show_smtp(const struct conf *c, struct buf *out)
{
    static const char *const starttls[] = {"", " STARTTLS=NO", " STARTTLS=REQUIRED"};
    char at[64];
    for (size_t i = 0; i < c->nlisten_smtp; i++) {
        const struct conf_listen *ln = &c->listen_smtp[i];
        buf_printf(out, "LISTENSMTP %s%s%s%s%s\n", endpoint_text(&ln->at, true, at),
                   ln->tls ? " TLS" : "", starttls[ln->starttls], ln->proxy ? " PROXY" : "",
                   ln->submission ? " SUBMISSION" : "");
    }
    if (c->authfile.n > 0)
        buf_printf(out, "SUBMISSION AUTHFILE=%.*s\n", STR_ARG(c->authfile));
    for (size_t k = 0; k < LIMIT_KINDS; k++)
        if (c->limit[k] > 0)
            buf_printf(out, "LIMIT %s %llu\n", kinds[k], (unsigned long long)c->limit[k]);
    for (size_t k = 0; k < LIMIT_RATES; k++)
        if (c->rate[k] > 0)
            buf_printf(out, "LIMIT %s %llu PER %llu\n", kinds[k], (unsigned long long)c->rate[k],
                       (unsigned long long)c->rate_seconds[k]);
    buf_printf(out, "SENDTIME DATA=%lld BLOCK=%lld DOT=%lld\n", (long long)c->send_data,
               (long long)c->send_block, (long long)c->send_dot);
    show_helocheck(c, out);
    buf_z(out, "TRUST");
    show_nets(c->trust, c->ntrust, out);
    buf_z(out, c->ntrust == 0 ? " NONE\n" : "\n");
    if (c->nbatch_net + c->nbatch_user == 0)
        return;
    buf_z(out, "BATCHSMTP");
    show_nets(c->batch_net, c->nbatch_net, out);
    for (size_t i = 0; i < c->nbatch_user; i++)
        buf_printf(out, " USER=%.*s", STR_ARG(c->batch_user[i]));
    buf_z(out, "\n");
}
