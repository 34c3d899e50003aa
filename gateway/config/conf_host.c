/* gateway/config/conf_host.c -- the statements that say which host gets mail, and how: SMARTHOST,
 * DESTINATION, TLSPOLICY. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "gateway/config/conf_private.h"

#define PASSWORD_MAX 1024u
#define PORT_SMTP 25
#define PORT_LMTP 24
/* VERIFY is another word for REQUIRED and comes last, so that it is never shown. */
#define TLS_WORDS "MAY|NO|ENCRYPT|REQUIRED|DANE|VERIFY"

static const char *const tls_word[] = {[HOST_TLS_MAY] = "MAY",
                                       [HOST_TLS_NO] = "NO",
                                       [HOST_TLS_ENCRYPT] = "ENCRYPT",
                                       [HOST_TLS_REQUIRED] = "REQUIRED",
                                       [HOST_TLS_DANE] = "DANE"};

static enum host_tls tls_of(struct conf_reader *r, const char *statement, struct str word)
{
    char what[40];
    (void)snprintf(what, sizeof what, "%s TLS", statement);
    int i = conf_one_of(r, what, word, TLS_WORDS);
    return i > (int)HOST_TLS_DANE ? HOST_TLS_REQUIRED : (enum host_tls)i;
}

/* host, host:port, [v6]:port, /path; port 0 when not given */
static bool host_port(struct conf_reader *r, struct str word, struct conf_host *h)
{
    h->host = word;
    ptrdiff_t colon = str_find_last(word, ':');
    ptrdiff_t bracket = str_find_last(word, ']');
    bool plain_v6 = bracket < 0 && colon >= 0 && str_find(word, ':') != colon;
    if (colon > bracket && !plain_v6) {
        uint64_t port;
        if (!str_number(str_sub(word, (size_t)colon + 1, word.n), 65535, &port) || port == 0) {
            conf_error(r, "\"%.*s\": the port is not a number from 1 to 65535", STR_ARG(word));
            return false;
        }
        h->port = (uint16_t)port;
        h->host = str_sub(word, 0, (size_t)colon);
    }
    if (h->host.n > 1 && h->host.p[0] == '[' && h->host.p[h->host.n - 1] == ']')
        h->host = str_sub(h->host, 1, h->host.n - 2);
    bool named = h->host.n > 0;
    h->host = conf_domain(r, h->host);
    if (!named)
        conf_error(r, "\"%.*s\": the host is missing", STR_ARG(word));
    return h->host.n > 0;
}

static bool socket_path(struct conf_reader *r, struct str word, struct conf_host *h)
{
    struct sockaddr_un at;
    h->host = arena_str(r->c->arena, word);
    if (word.n < sizeof at.sun_path)
        return true;
    conf_error(r, "\"%.*s\": a socket's path may have %zu bytes", STR_ARG(word),
               sizeof at.sun_path - 1);
    return false;
}

static int read_some(const char *path, char *to, size_t size, struct stat *st)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return -1;
    ssize_t n = fstat(fd, st) == 0 ? read(fd, to, size - 1) : -1;
    int saved = errno;
    (void)close(fd);
    errno = saved;
    if (n >= 0)
        to[n] = '\0';
    return (int)n;
}

/* The first line. Read here: later the daemon may not have the right to. */
static void read_password(struct conf_reader *r, struct conf_host *h)
{
    char text[PASSWORD_MAX];
    struct stat st;
    const char *path = h->password_file.p;
    if (read_some(path, text, sizeof text, &st) < 0) {
        conf_error(r, "PASSWORDFILE %s: %s", path, strerror(errno));
        return;
    }
    if ((st.st_mode & S_IROTH) != 0)
        conf_warn(r, "PASSWORDFILE %s: everybody may read it", path);
    struct str all = str_of(text), line = {NULL, 0};
    (void)str_line(&all, &line);
    h->password = arena_str(r->c->arena, line);
    if (line.n == 0)
        conf_error(r, "PASSWORDFILE %s: its first line is empty", path);
    explicit_bzero(text, sizeof text);
}

/* The words behind the host. */
static void host_words(struct conf_reader *r, struct str rest, const char *statement,
                       struct conf_host *h)
{
    bool tls_said = false, destination = h->domain.n > 0;
    for (struct str word; (word = str_word(&rest)).n > 0;) {
        struct str value = str_sub(word, (size_t)(str_find(word, '=') + 1), word.n);
        if (str_starts_nocase(word, "TLS=")) {
            h->tls = tls_of(r, statement, value);
            tls_said = true;
        } else if (str_starts_nocase(word, "USER=")) {
            h->user = arena_str(r->c->arena, value);
        } else if (str_starts_nocase(word, "PASSWORDFILE=") && value.n > 0) {
            h->password_file = conf_path(r, value);
        } else if (destination && str_is(word, "LMTP")) {
            h->lmtp = true;
        } else if (destination || !str_is(word, "ALL")) {
            conf_error(r, "%s: \"%.*s\" is not known", statement, STR_ARG(word));
        }
    }
    if ((h->user.n > 0) != (h->password_file.n > 0))
        conf_error(r, "%s: USER and PASSWORDFILE come together", statement);
    else if (h->user.n > 0)
        read_password(r, h);
    if (h->user.n > 0 && !tls_said)
        h->tls = HOST_TLS_REQUIRED;
    if (h->port == 0)
        h->port = h->lmtp ? PORT_LMTP : PORT_SMTP;
}

void parse_smarthost(struct conf_reader *r, struct str rest)
{
    struct conf_host h = {.domain = STR("")};
    struct str word = str_word(&rest);
    if (!conf_need(r, word,
                   "SMARTHOST host[:port] [TLS=NO|MAY|ENCRYPT|REQUIRED|DANE]"
                   " [USER=name PASSWORDFILE=path]") ||
        !host_port(r, word, &h))
        return;
    host_words(r, rest, "SMARTHOST", &h);
    APPEND(r, r->c->smarthost, r->c->nsmarthost) = h;
}

/* DESTINATION domain BATCHSMTP=user@host */
static void batch_destination(struct conf_reader *r, struct conf_host *h, struct str mailbox,
                              struct str rest)
{
    ptrdiff_t at = str_find_last(mailbox, '@');
    h->batch = arena_str(r->c->arena, mailbox);
    if (at <= 0 || !text_is_ascii(mailbox) ||
        str_find(str_sub(mailbox, (size_t)at + 1, mailbox.n), '.') < 0)
        conf_error(r, "DESTINATION %.*s BATCHSMTP=%.*s: must be user@host.domain",
                   STR_ARG(h->domain), STR_ARG(mailbox));
    else if (str_trim(rest).n > 0)
        conf_error(r,
                   "DESTINATION %.*s: nothing stands behind BATCHSMTP=, its mail goes as mail for "
                   "%.*s does",
                   STR_ARG(h->domain), STR_ARG(str_sub(mailbox, (size_t)at + 1, mailbox.n)));
    else
        APPEND(r, r->c->destination, r->c->ndestination) = *h;
}

void parse_destination(struct conf_reader *r, struct str rest)
{
    struct str domain = str_word(&rest), word = str_word(&rest);
    struct conf_host h = {.domain = conf_domain(r, domain)};
    if (!conf_need(r, word,
                   "DESTINATION domain host[:port]|/path [LMTP] [TLS=...]"
                   " [USER=name PASSWORDFILE=path], or domain BATCHSMTP=user@host"))
        return;
    if (str_starts_nocase(word, "BATCHSMTP=")) {
        batch_destination(r, &h, str_sub(word, 10, word.n), rest);
        return;
    }
    bool path = word.p[0] == '/';
    if (!(path ? socket_path(r, word, &h) : host_port(r, word, &h)))
        return;
    host_words(r, rest, "DESTINATION", &h);
    if (path && !h.lmtp)
        conf_error(r, "DESTINATION %.*s: a socket in the file system is for LMTP", STR_ARG(domain));
    if (path && h.tls > HOST_TLS_NO && h.user.n == 0)
        conf_error(r, "DESTINATION %.*s: there is no TLS at a socket in the file system",
                   STR_ARG(domain));
    if (path)
        h.tls = HOST_TLS_NO;
    APPEND(r, r->c->destination, r->c->ndestination) = h;
}

void parse_tlspolicy(struct conf_reader *r, struct str rest)
{
    struct str domain = str_word(&rest), word = str_word(&rest);
    if (!conf_need(r, word, "TLSPOLICY domain|.domain|* NO|MAY|ENCRYPT|REQUIRED|DANE"))
        return;
    struct conf_tls_rule rule = {.domain = conf_domain(r, domain),
                                 .tls = tls_of(r, "TLSPOLICY", word)};
    if (str_trim(rest).n > 0)
        conf_error(r, "\"%.*s\" is too much", STR_ARG(str_trim(rest)));
    APPEND(r, r->c->tls_rule, r->c->ntls_rule) = rule;
}

/* --- asking --- */

static bool fits(struct str pattern, struct str domain)
{
    if (pattern.n > 0 && pattern.p[0] == '.')
        return str_ends_nocase(domain, pattern.p);
    return str_is(pattern, "*") || str_eq_nocase(domain, pattern);
}

const struct conf_host *conf_route_of(const struct conf *c, struct str domain)
{
    for (size_t i = 0; i < c->ndestination; i++)
        if (c->destination[i].batch.n == 0 && fits(c->destination[i].domain, domain))
            return &c->destination[i];
    return NULL;
}

/* The first that fits, as for hosts: one with a host before it comes first. */
struct str conf_batch_of(const struct conf *c, struct str domain)
{
    for (size_t i = 0; i < c->ndestination; i++)
        if (fits(c->destination[i].domain, domain))
            return c->destination[i].batch;
    return STR("");
}

enum host_tls conf_tls_of(const struct conf *c, struct str domain, bool *said)
{
    *said = true;
    for (size_t i = 0; i < c->ntls_rule; i++)
        if (fits(c->tls_rule[i].domain, domain))
            return c->tls_rule[i].tls;
    *said = false;
    return HOST_TLS_MAY;
}

static void put_port(const struct conf_host *h, struct buf *b)
{
    bool six = str_find(h->host, ':') >= 0;
    buf_printf(b, six ? "[%.*s]" : "%.*s", STR_ARG(h->host));
    if (h->host.p[0] != '/')
        buf_printf(b, ":%u", h->port);
}

void conf_host_name(const struct conf_host *h, char *out, size_t size)
{
    struct buf b;
    buf_init(&b, 2048);
    put_port(h, &b);
    buf_z(&b, h->lmtp ? "/lmtp" : "");
    if (h->tls != HOST_TLS_MAY && h->host.p[0] != '/')
        buf_printf(&b, "/tls=%s", tls_word[h->tls]);
    if (h->user.n > 0)
        buf_printf(&b, "/user=%.*s", STR_ARG(h->user));
    str_copy(out, size, buf_text(&b));
    buf_done(&b);
}

static void show_host(const struct conf_host *h, struct buf *out)
{
    put_port(h, out);
    buf_z(out, h->lmtp ? " LMTP" : "");
    if (h->host.p[0] != '/')
        buf_printf(out, " TLS=%s", tls_word[h->tls]);
    if (h->user.n > 0)
        buf_printf(out, " USER=%.*s PASSWORDFILE=%.*s", STR_ARG(h->user),
                   STR_ARG(h->password_file));
    buf_z(out, "\n");
}

void conf_show_hosts(const struct conf *c, struct buf *out)
{
    for (size_t i = 0; i < c->nsmarthost; i++) {
        buf_z(out, "SMARTHOST ");
        show_host(&c->smarthost[i], out);
    }
    for (size_t i = 0; i < c->ndestination; i++) {
        const struct conf_host *h = &c->destination[i];
        buf_printf(out, "DESTINATION %.*s ", STR_ARG(h->domain));
        if (h->batch.n > 0)
            buf_printf(out, "BATCHSMTP=%.*s\n", STR_ARG(h->batch));
        else
            show_host(h, out);
    }
    for (size_t i = 0; i < c->ntls_rule; i++)
        buf_printf(out, "TLSPOLICY %.*s %s\n", STR_ARG(c->tls_rule[i].domain),
                   tls_word[c->tls_rule[i].tls]);
}
