/* gateway/config/conf_ibm.c -- statements of the VM and MVS SMTP CONFIG file that are another thing
 * here, and those of the running daemon: METRICS. */
#include <string.h>

#include "aliases/addr.h"
#include "base/text.h"
#include "gateway/config/conf_private.h"

void parse_atsign(struct conf_reader *r, struct str rest)
{
    struct str word = str_word(&rest), left = word;
    bool one = word.n > 0 && text_rune(&left) > ' ' && left.n == 0 && str_trim(rest).n == 0;
    if (!one)
        conf_error(r, "ATSIGN: must be one character");
    else
        r->c->atsign = arena_str(r->c->arena, word);
}

void parse_badspool(struct conf_reader *r, struct str rest)
{
    struct str word = str_word(&rest);
    if (word.n == 0)
        conf_error(r, "BADSPOOLFILEID: a value is missing");
    r->c->bad_spool = conf_upper(r, word);
}

/* Names of IBM's translation tables (LOADDBCSTABLES). */
static const struct {
    const char *name, *page;
} dbcs_sets[] = {{"SJISKANJI", "939"}, {"EUCKANJI", "939"}, {"JIS78KJ", "939"}, {"JIS83KJ", "939"},
                 {"DECKANJI", "939"},  {"HANGEUL", "933"},  {"KSC5601", "933"}, {"SCHINESE", "935"},
                 {"TCHINESE", "937"},  {"BIG5", "937"}};

void parse_dbcs(struct conf_reader *r, struct str rest)
{
    struct str word;
    bool any = false;
    while ((word = str_word(&rest)).n > 0) {
        size_t i = 0, n = sizeof dbcs_sets / sizeof *dbcs_sets;
        while (i < n && !str_is(word, dbcs_sets[i].name))
            i++;
        any = true;
        if (i == n)
            conf_warn(r, "DBCS %.*s is no character set that is known here: use CODEPAGE",
                      STR_ARG(word));
        else if (r->c->dbcs == NULL)
            r->c->dbcs = ebc_page(str_of(dbcs_sets[i].page));
    }
    if (!any)
        conf_warn(r, "DBCS without a character set has no effect: use CODEPAGE");
}

static void mailer_who(struct conf_reader *r, struct conf_mailer *m, struct str word)
{
    ptrdiff_t at = str_find(word, '@');
    m->user = conf_name(r, at < 0 ? word : str_sub(word, 0, (size_t)at), "MAILER");
    if (at >= 0)
        m->node = conf_name(r, str_sub(word, (size_t)at + 1, word.n), "MAILER");
}

void parse_mailer(struct conf_reader *r, struct str rest)
{
    struct conf_mailer m = {.format = FORMAT_PUNCH};
    struct str word = str_word(&rest);
    if (word.n == 0) {
        conf_error(r, "MAILER: the form is: MAILER userid[@node] [NETDATA|PUNCH] [LOCAL] [RSCS]");
        return;
    }
    mailer_who(r, &m, word);
    while ((word = str_word(&rest)).n > 0) {
        if (str_is(word, "LOCAL") || str_is(word, "NOLOCAL"))
            m.local = str_is(word, "LOCAL");
        else if (str_is(word, "RSCS") || str_is(word, "NJE"))
            m.rscs = true;
        else if (str_is(word, "NORSCS") || str_is(word, "NONJE"))
            m.rscs = false;
        else if (str_is(word, "NETDATA") || str_is(word, "PUNCH"))
            m.format = str_is(word, "NETDATA") ? FORMAT_NETDATA : FORMAT_PUNCH;
        else if (str_is(word, "UNKNOWN"))
            conf_warn(r, "MAILER UNKNOWN has no effect: mail for a host that cannot be found is "
                         "returned to its sender");
        else if (str_is(word, "SOURCEROUTE"))
            conf_warn(r, "MAILER SOURCEROUTE has no effect: addresses are written without routes");
        else if (!str_is(word, "NOUNKNOWN") && !str_is(word, "NOSOURCEROUTE"))
            conf_error(r, "MAILER: unknown word %.*s", STR_ARG(word));
    }
    r->c->mailer = m;
}

void parse_metrics(struct conf_reader *r, struct str rest)
{
    struct why w;
    struct conf_listen ln = {.tls = false};
    struct str word = str_word(&rest);
    uint64_t port;
    if (str_number(word, 65535, &port))
        word = arena_printf(r->c->arena, "127.0.0.1:%.*s", STR_ARG(word));
    if (word.n == 0 || str_trim(rest).n > 0)
        conf_error(r, "METRICS: the form is: METRICS [addr:]port");
    else if (endpoint_parse(&ln.at, word, 0, &w) < 0)
        conf_error(r, "METRICS \"%.*s\": %s", STR_ARG(word), w.text);
    else if (endpoint_port(&ln.at) == 0)
        conf_error(r, "METRICS \"%.*s\": the port is missing", STR_ARG(word));
    else
        APPEND(r, r->c->metrics, r->c->nmetrics) = ln;
}

void parse_suppress(struct conf_reader *r, struct str rest)
{
    struct conf *c = r->c;
    struct str word = str_word(&rest);
    if (word.n == 0)
        c->suppress_arrived = c->suppress_delivered = c->suppress_delayed = c->suppress_failed =
            true;
    for (; word.n > 0; word = str_word(&rest)) {
        if (str_is(word, "ARRIVED"))
            c->suppress_arrived = true;
        else if (str_is(word, "DELIVERED"))
            c->suppress_delivered = true;
        else if (str_is(word, "DELAYED"))
            c->suppress_delayed = true;
        else if (str_is(word, "FAILED"))
            c->suppress_failed = true;
        else
            conf_warn(r, "SUPPRESSNOTIFICATION %.*s has no effect: use NOTIFY", STR_ARG(word));
    }
}

void parse_tls(struct conf_reader *r, struct str rest)
{
    struct str word = str_word(&rest);
    if (str_is(word, "NEVER"))
        r->c->tls_need = TLS_NEVER;
    else if (str_is(word, "REQUIRED"))
        r->c->tls_need = TLS_NEEDED;
    else if (str_is(word, "ALLOWED") || str_is(word, "PREFERRED"))
        r->c->tls_need = TLS_OFFERED;
    else
        conf_error(r, "TLS: \"%.*s\" must be NEVER, ALLOWED, PREFERRED or REQUIRED", STR_ARG(word));
}

/* --- after the whole file --- */

static void finish_mailer(struct conf_reader *r)
{
    struct conf *c = r->c;
    struct conf_mailer *m = &c->mailer;
    if (m->user.n == 0)
        return;
    if (m->node.n == 0)
        m->node = c->local;
    if (!m->local && !m->rscs)
        conf_warn(r, "MAILER %.*s without LOCAL or RSCS gets nothing", STR_ARG(m->user));
    if (str_eq_nocase(m->node, c->local) && conf_user_of(c, m->user) == NULL &&
        (m->local || m->rscs))
        conf_error(r, "MAILER %.*s: there is no LOCALUSER %.*s; say userid@node of a neighbour",
                   STR_ARG(m->user), STR_ARG(m->user));
}

void finish_ibm(struct conf_reader *r)
{
    struct conf *c = r->c;
    struct why w;
    finish_mailer(r);
    if (c->bad_spool.n > 0 && conf_transfer(c, c->bad_spool, &w) < 0) {
        conf_warn(r, "BADSPOOLFILEID %s: bad files are held in the queue", w.text);
        c->bad_spool = STR("");
    }
    if (c->dbcs != NULL && c->page_given)
        conf_warn(r, "DBCS has no effect: CODEPAGE is given");
    else if (c->dbcs != NULL)
        c->page = c->dbcs;
    c->notify_arrived = c->notify_arrived && !c->suppress_arrived;
    c->notify_delivered = c->notify_delivered && !c->suppress_delivered;
    c->notify_delayed = c->notify_delayed && !c->suppress_delayed;
    c->notify_failed = c->notify_failed && !c->suppress_failed;
    if (c->resolver_off && c->nsmarthost == 0 && c->ndestination == 0)
        conf_warn(r, "RESOLVERUSAGE NO without IPMAILERADDRESS, SMARTHOST or DESTINATION: no mail "
                     "goes to the Internet");
    if (c->tls_need == TLS_NEEDED && c->tls_cert.n == 0)
        conf_error(r, "TLS REQUIRED needs a certificate: TLSCERT and TLSKEY");
}
