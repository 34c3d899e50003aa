/* gateway/config/conf_parse.c -- the configuration statements with a form of their own, and the
 * final checks. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "aliases/addr.h"
#include "base/idn.h"
#include "base/mem.h"
#include "base/text.h"
#include "gateway/config/conf_private.h"

void *conf_append(struct arena *a, void **array, size_t *count, size_t size)
{
    /* Grown by doubling; the old copy stays in the arena until the configuration goes. */
    if ((*count & (*count - 1)) == 0) {
        void *bigger = arena_alloc(a, size * (*count == 0 ? 1 : *count * 2));
        if (*count > 0)
            memcpy(bigger, *array, *count * size);
        *array = bigger;
    }
    return (char *)*array + size * (*count)++;
}

bool conf_need(struct conf_reader *r, struct str word, const char *form)
{
    if (word.n == 0)
        conf_error(r, "a word is missing; the form is: %s", form);
    return word.n > 0;
}

static void no_more(struct conf_reader *r, struct str rest)
{
    struct str left = str_trim(rest);
    if (left.n > 0)
        conf_error(r, "\"%.*s\" is too much", STR_ARG(left));
}

struct str conf_name(struct conf_reader *r, struct str word, const char *what)
{
    struct str name = conf_upper(r, word);
    if (addr_userid_ok(name))
        return name;
    conf_error(r, "%s \"%.*s\" must be 1 to 8 characters of A-Z 0-9 $ # @ _ - + :", what,
               STR_ARG(word));
    return STR("");
}

void parse_local(struct conf_reader *r, struct str rest)
{
    struct str word = str_word(&rest);
    if (conf_need(r, word, "LOCAL nodeid"))
        r->c->local = conf_name(r, word, "LOCAL");
    /* RSCS's own form goes on with operands that say nothing here: LOCAL nodeid [*|link] ... */
}

bool conf_listener(struct conf_reader *r, struct str *rest, uint16_t port, struct conf_listen *out)
{
    struct why w;
    struct str word = str_word(rest);
    if (!conf_need(r, word, "[addr:]port"))
        return false;
    if (endpoint_parse(&out->at, word, port, &w) < 0) {
        conf_error(r, "\"%.*s\": %s", STR_ARG(word), w.text);
        return false;
    }
    return true;
}

void parse_listen_nje(struct conf_reader *r, struct str rest)
{
    struct conf_listen ln = {.tls = false};
    if (!conf_listener(r, &rest, 175, &ln))
        return;
    struct str word = str_word(&rest);
    ln.tls = str_is(word, "TLS");
    if (word.n > 0 && !ln.tls)
        conf_error(r, "LISTENNJE: \"%.*s\" is too much", STR_ARG(word));
    else
        APPEND(r, r->c->listen_nje, r->c->nlisten_nje) = ln;
    no_more(r, rest);
}

static struct conf_link *link_named(struct conf *c, struct str name)
{
    for (size_t i = 0; i < c->nlink; i++)
        if (str_eq(c->link[i].name, name))
            return &c->link[i];
    return NULL;
}

/* LINKDEFINE and PARM may come in either order: the first makes the link. */
static struct conf_link *link_make(struct conf_reader *r, struct str name)
{
    struct conf_link *k = link_named(r->c, name);
    if (k != NULL)
        return k;
    k = &APPEND(r, r->c->link, r->c->nlink);
    *k = (struct conf_link){.name = name,
                            .bufsize = 8192,
                            .streams = 7,
                            .ahead = true,
                            .keepalive_s = 60,
                            .retry_s = 5,
                            .transfer_s = 600};
    return k;
}

void parse_linkdefine(struct conf_reader *r, struct str rest)
{
    static const char form[] = "LINKDEFINE linkid TYPE TCPNJE NODE nodeid [AST]";
    struct str name = str_word(&rest), word;
    if (!conf_need(r, name, form) || (name = conf_name(r, name, "link")).n == 0)
        return;
    struct conf_link *k = link_make(r, name);
    if (k->defined) {
        conf_error(r, "LINKDEFINE %.*s: defined twice", STR_ARG(name));
        return;
    }
    k->defined = true;
    while ((word = str_word(&rest)).n > 0) {
        if (str_is(word, "TYPE")) {
            word = str_word(&rest);
            if (!str_is(word, "TCPNJE"))
                conf_error(r, "LINKDEFINE %.*s: TYPE must be TCPNJE", STR_ARG(name));
        } else if (str_is(word, "NODE")) {
            k->node = conf_name(r, str_word(&rest), "node");
        } else if (str_is(word, "AST")) {
            k->start = true;
        } else {
            conf_error(r, "LINKDEFINE %.*s: unknown word %.*s; the form is: %s", STR_ARG(name),
                       STR_ARG(word), form);
        }
    }
    if (k->node.n == 0)
        conf_error(r, "LINKDEFINE %.*s: NODE is missing; the form is: %s", STR_ARG(name), form);
}

static int64_t parm_number(struct conf_reader *r, struct str key, struct str value, int64_t min,
                           int64_t max)
{
    uint64_t v;
    if (str_number(value, (uint64_t)max, &v) && (int64_t)v >= min)
        return (int64_t)v;
    conf_error(r, "PARM %.*s=%.*s: must be a number from %lld to %lld", STR_ARG(key),
               STR_ARG(value), (long long)min, (long long)max);
    return min;
}

static const struct ebc_page *page_named(struct conf_reader *r, struct str name)
{
    const struct ebc_page *page = ebc_page(name);
    if (page == NULL)
        conf_error(r, "code page \"%.*s\" is not known", STR_ARG(name));
    return page;
}

/* The place of a word in a list, 0 when it is not there (and that is said). */
int conf_one_of(struct conf_reader *r, const char *what, struct str word, const char *list)
{
    struct str rest = str_of(list), name;
    for (int i = 0; str_split(&rest, '|', &name); i++)
        if (str_eq_nocase(name, word))
            return i;
    conf_error(r, "%s=%.*s: must be one of %s", what, STR_ARG(word), list);
    return 0;
}

static void parm(struct conf_reader *r, struct conf_link *k, struct str key, struct str value)
{
    if (str_is(key, "HOST"))
        k->host = arena_str(r->c->arena, value);
    else if (str_is(key, "PORT"))
        k->port = (uint16_t)parm_number(r, key, value, 1, 65535);
    else if (str_is(key, "BUFF"))
        k->bufsize = (uint16_t)parm_number(r, key, value, 400, 32000);
    else if (str_is(key, "STREAMS"))
        k->streams = (uint8_t)parm_number(r, key, value, 1, 7);
    else if (str_is(key, "PASSWORD"))
        k->password = conf_name(r, value, "PASSWORD");
    else if (str_is(key, "LPASSWORD"))
        k->line_password = conf_name(r, value, "LPASSWORD");
    else if (str_is(key, "KEEPALIVE"))
        k->keepalive_s = parm_number(r, key, value, 1, 86400);
    else if (str_is(key, "RETRY"))
        k->retry_s = parm_number(r, key, value, 1, 900);
    else if (str_is(key, "TRANSFER"))
        k->transfer_s = parm_number(r, key, value, 10, 86400);
    else if (str_is(key, "CODEPAGE"))
        k->page = page_named(r, value);
    else if (str_is(key, "ORIGIN") && (str_is(value, "VERIFY") || str_is(value, "ANY")))
        k->origin_any = str_is(value, "ANY");
    else if (str_is(key, "AHEAD"))
        k->ahead = conf_one_of(r, "PARM AHEAD", value, "NO|YES") == 1;
    else if (str_is(key, "TLS"))
        k->tls = (enum link_tls)conf_one_of(r, "PARM TLS", value, "NO|YES|VERIFY");
    else
        conf_error(r, "PARM: unknown word %.*s=%.*s", STR_ARG(key), STR_ARG(value));
}

void parse_parm(struct conf_reader *r, struct str rest)
{
    static const char form[] = "PARM linkid HOST=host PORT=port [word=value ...]";
    struct str name = str_word(&rest), word, first = rest;
    if (!conf_need(r, name, form) || (name = conf_name(r, name, "link")).n == 0)
        return;
    struct conf_link *k = link_make(r, name);
    while ((word = str_word(&rest)).n > 0) {
        ptrdiff_t eq = str_find(word, '=');
        if (eq <= 0) {
            conf_error(r, "PARM %.*s: \"%.*s\" is not word=value", STR_ARG(name), STR_ARG(word));
            continue;
        }
        struct str key = str_sub(word, 0, (size_t)eq);
        struct str before = str_sub(first, 0, (size_t)(word.p - first.p)), earlier;
        while ((earlier = str_word(&before)).n > 0)
            if (earlier.n > key.n && earlier.p[key.n] == '=' &&
                str_eq_nocase(str_sub(earlier, 0, key.n), key))
                conf_error(r, "PARM %.*s: %.*s is given twice", STR_ARG(name), STR_ARG(key));
        parm(r, k, key, str_sub(word, (size_t)eq + 1, word.n));
    }
}

void parse_route(struct conf_reader *r, struct str rest)
{
    static const char form[] = "ROUTE nodeid|prefix*|* TO linkid";
    struct str pattern = str_word(&rest), to = str_word(&rest), link = str_word(&rest);
    if (!conf_need(r, link, form))
        return;
    if (!str_is(to, "TO")) {
        conf_error(r, "ROUTE: the form is: %s", form);
        return;
    }
    no_more(r, rest);
    APPEND(r, r->c->route, r->c->nroute) =
        (struct conf_route){conf_upper(r, pattern), conf_name(r, link, "link")};
}

static void node_word(struct conf_reader *r, struct conf_node *n, struct str key, struct str value)
{
    uint64_t bytes;
    if (str_is(key, "CODEPAGE"))
        n->page = page_named(r, value);
    else if (str_is(key, "FORMAT") && (str_is(value, "NETDATA") || str_is(value, "PUNCH")))
        n->format = str_is(value, "PUNCH") ? FORMAT_PUNCH : FORMAT_NETDATA;
    else if (str_is(key, "BSMTP"))
        n->bsmtp = conf_name(r, value, "BSMTP");
    else if (str_is(key, "STYLE") && (str_is(value, "NOTE") || str_is(value, "RFC822")))
        n->style = str_is(value, "NOTE") ? STYLE_NOTE : STYLE_RFC822;
    else if (str_is(key, "STYLE") && str_is(value, "PROFS"))
        n->style = STYLE_PROFS;
    else if (str_is(key, "FILES"))
        n->files = conf_one_of(r, "NODE FILES", value, "NETDATA|UU|XX");
    else if (str_is(key, "MAXFILE") && str_number(value, INT32_MAX, &bytes))
        n->file_max = (int64_t)bytes;
    else if (str_is(key, "SCHEME") && (str_is(value, "RSCS") || str_is(value, "SNADS")))
        n->snads = str_is(value, "SNADS");
    else
        conf_error(r, "NODE: unknown word %.*s=%.*s", STR_ARG(key), STR_ARG(value));
}

void parse_node(struct conf_reader *r, struct str rest)
{
    struct str name = str_word(&rest), word;
    if (!conf_need(r, name, "NODE nodeid [word=value ...]") ||
        (name = conf_name(r, name, "NODE")).n == 0)
        return;
    struct conf_node *n = &APPEND(r, r->c->node, r->c->nnode);
    *n = (struct conf_node){.node = name, .format = -1, .style = -1};
    while ((word = str_word(&rest)).n > 0) {
        ptrdiff_t eq = str_find(word, '=');
        if (eq <= 0)
            conf_error(r, "NODE %.*s: \"%.*s\" is not word=value", STR_ARG(name), STR_ARG(word));
        else
            node_word(r, n, str_sub(word, 0, (size_t)eq), str_sub(word, (size_t)eq + 1, word.n));
    }
}

static void user_word(struct conf_reader *r, struct conf_user *u, struct str word)
{
    if (str_starts_nocase(word, "MBOX=")) {
        struct str box = str_sub(word, 5, word.n), domain = addr_domain(box);
        if (domain.n == 0 || box.n < domain.n + 2)
            conf_error(r, "LOCALUSER %.*s: MBOX must be user@host", STR_ARG(u->userid));
        else if ((domain = conf_domain(r, domain)).n > 0)
            u->mailbox = arena_join(r->c->arena, str_sub(box, 0, box.n - addr_domain(box).n - 1),
                                    '@', domain);
    } else if (str_starts_nocase(word, "CODEPAGE=")) {
        u->page = page_named(r, str_sub(word, 9, word.n));
    } else {
        conf_error(r, "LOCALUSER %.*s: unknown word %.*s", STR_ARG(u->userid), STR_ARG(word));
    }
}

void parse_localuser(struct conf_reader *r, struct str rest)
{
    struct str name = str_word(&rest), word = str_word(&rest);
    if (!conf_need(r, name, "LOCALUSER userid [MBOX=user@host] [CODEPAGE=page]") ||
        (name = conf_name(r, name, "LOCALUSER")).n == 0)
        return;
    if (addr_reserved(name)) {
        conf_error(r, "LOCALUSER %.*s: the name is kept for the gateway itself", STR_ARG(name));
        return;
    }
    if (conf_user_of(r->c, name) != NULL) {
        conf_error(r, "LOCALUSER %.*s: defined twice", STR_ARG(name));
        return;
    }
    struct conf_user u = {.userid = name};
    for (; word.n > 0; word = str_word(&rest))
        user_word(r, &u, word);
    APPEND(r, r->c->user, r->c->nuser) = u;
}

void parse_verify_batch(struct conf_reader *r, struct str rest)
{
    struct str word;
    r->c->verify_batch_sender = true;
    while ((word = str_word(&rest)).n > 0)
        APPEND(r, r->c->exempt_mailer, r->c->nexempt_mailer) = conf_upper(r, word);
}

void parse_rename_types(struct conf_reader *r, struct str rest)
{
    struct str word;
    static const char form[] = "RENAMETYPES type ... | NONE";
    if (!conf_need(r, str_trim(rest), form))
        return;
    while ((word = str_word(&rest)).n > 0)
        APPEND(r, r->c->unsafe_type, r->c->nunsafe_type) = conf_upper(r, word);
}

void parse_smsg_auth(struct conf_reader *r, struct str rest)
{
    struct str word;
    while ((word = str_word(&rest)).n > 0)
        APPEND(r, r->c->smsg_auth, r->c->nsmsg_auth) = conf_upper(r, word);
}

void parse_secure(struct conf_reader *r, struct str rest)
{
    struct str word = str_word(&rest);
    r->c->secure = true;
    r->c->secure_strict = r->c->secure_strict || str_is(word, "STRICT");
    if (word.n > 0 && !str_is(word, "STRICT"))
        conf_error(r, "SECURE: \"%.*s\" must be STRICT, or nothing", STR_ARG(word));
    no_more(r, rest);
}

/* "user@node", each part a name or "*". */
static bool restrict_who(struct conf_reader *r, struct str word, struct restrict_row *row)
{
    ptrdiff_t at = str_find(word, '@');
    if (at <= 0 || (size_t)at + 1 >= word.n) {
        conf_error(r, "RESTRICT \"%.*s\": must be user@node, *@node or user@*", STR_ARG(word));
        return false;
    }
    struct str user = str_sub(word, 0, (size_t)at), node = str_sub(word, (size_t)at + 1, word.n);
    row->user = str_is(user, "*") ? STR("*") : conf_name(r, user, "RESTRICT user");
    row->node = str_is(node, "*") ? STR("*") : conf_name(r, node, "RESTRICT node");
    return row->user.n > 0 && row->node.n > 0;
}

/* Whether a TRANSFERTO's user exists is known at the end: finish_restrict. */
void parse_restrict(struct conf_reader *r, struct str rest)
{
    struct str word = str_word(&rest);
    struct restrict_row row = {.action = RESTRICT_NONE, .by = STR("configuration")};
    if (str_is(word, "PURGE"))
        row.action = RESTRICT_PURGE;
    else if (str_is(word, "RETURN"))
        row.action = RESTRICT_RETURN;
    else if (str_is(word, "TRANSFERTO") || str_is(word, "TRANSFER"))
        row.action = RESTRICT_TRANSFER;
    else
        conf_error(r, "RESTRICT \"%.*s\": must be PURGE, RETURN or TRANSFERTO userid",
                   STR_ARG(word));
    if (row.action == RESTRICT_TRANSFER)
        row.transfer = conf_upper(r, str_word(&rest));
    if (row.action == RESTRICT_NONE)
        return;
    if (str_trim(rest).n == 0)
        conf_error(r, "RESTRICT: nobody is named");
    while ((word = str_word(&rest)).n > 0)
        if (restrict_who(r, word, &row))
            APPEND(r, r->c->restricted, r->c->nrestricted) = row;
}

static bool has_empty_label(struct str name)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] == '.' && (i == 0 || name.p[i - 1] == '.'))
            return true;
    return false;
}

struct str conf_domain(struct conf_reader *r, struct str word)
{
    char ascii[IDN_MAX];
    size_t dot = word.n > 0 && word.p[0] == '.';
    struct str name = str_sub(word, dot, word.n);
    if (has_empty_label(name))
        conf_error(r, "\"%.*s\" can be no domain name: a label between its dots is empty",
                   STR_ARG(word));
    else if (text_is_ascii(word))
        return arena_str(r->c->arena, word);
    else if (idn_ascii(name, ascii))
        return arena_printf(r->c->arena, "%s%s", dot > 0 ? "." : "", ascii);
    else
        conf_error(r, "\"%.*s\" can be no domain name", STR_ARG(word));
    return STR("");
}

static struct str domain_word(struct conf_reader *r, struct str rest, const char *what)
{
    struct str word = str_word(&rest);
    if (!conf_need(r, word, what))
        return STR("");
    no_more(r, rest);
    struct str name = conf_domain(r, word);
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '.' || c == '_';
        if (!ok) {
            conf_error(r, "%s \"%.*s\" is not a host name", what, STR_ARG(word));
            return STR("");
        }
    }
    return name;
}

void parse_hostname(struct conf_reader *r, struct str rest)
{
    r->c->hostname = domain_word(r, rest, "HOSTNAME");
}

void parse_domain_origin(struct conf_reader *r, struct str rest)
{
    r->c->domain_origin = domain_word(r, rest, "DOMAINORIGIN");
}

void parse_alt_host(struct conf_reader *r, struct str rest)
{
    APPEND(r, r->c->alt_host, r->c->nalt_host) = domain_word(r, rest, "ALTTCPHOSTNAME");
}

void parse_resolver(struct conf_reader *r, struct str rest)
{
    union endpoint e;
    struct why w;
    struct str word = str_word(&rest);
    if (!conf_need(r, word, "RESOLVER addr[:port]"))
        return;
    if (str_find(word, '.') >= 0 && str_find(word, ':') < 0)
        word = arena_printf(r->c->arena, "%.*s:53", STR_ARG(word));
    if (endpoint_parse(&e, word, 53, &w) < 0) {
        conf_error(r, "RESOLVER \"%.*s\": %s", STR_ARG(word), w.text);
        return;
    }
    no_more(r, rest);
    char at[64];
    struct str text =
        arena_printf(r->c->arena, "%s@%u", endpoint_text(&e, false, at), endpoint_port(&e));
    if (r->c->resolver == NULL)
        r->c->resolver = arena_alloc(r->c->arena, 9 * sizeof *r->c->resolver);
    if (r->c->nresolver < 8)
        r->c->resolver[r->c->nresolver++] = text.p;
    else
        conf_error(r, "RESOLVER: at most 8");
}

static void snads_word(struct conf_reader *r, struct snads_set *s, struct str key, struct str value)
{
    if (str_is(key, "PREFIX") && value.n <= 3 && addr_userid_ok(value))
        s->prefix = conf_upper(r, value);
    else if (str_is(key, "PREFIX"))
        conf_error(r, "SNADSADDRESS PREFIX: \"%.*s\" must be 1 to 3 characters of a user ID",
                   STR_ARG(value));
    else if (str_is(key, "DELIMITER") && value.n == 1 &&
             str_find(STR(SNADS_DELIMITERS), *value.p) >= 0)
        s->delimiter = *value.p;
    else if (str_is(key, "DELIMITER"))
        conf_error(r, "SNADSADDRESS DELIMITER: \"%.*s\" must be one of %s", STR_ARG(value),
                   SNADS_DELIMITERS);
    else if (str_is(key, "ROUTER") && str_find(value, '.') > 0)
        s->router = arena_str(r->c->arena, value);
    else if (str_is(key, "ROUTER"))
        conf_error(r, "SNADSADDRESS ROUTER: \"%.*s\" must be a host with its domain",
                   STR_ARG(value));
    else
        conf_error(r, "SNADSADDRESS: unknown word %.*s", STR_ARG(key));
}

void parse_snads(struct conf_reader *r, struct str rest)
{
    struct snads_set *s = &r->c->snads;
    struct str word = STR("");
    *s = (struct snads_set){
        .address = STR("QSMRMTAD"), .prefix = STR("QSM"), .router = STR(""), .delimiter = '?'};
    for (bool first = true; (word = str_word(&rest)).n > 0; first = false) {
        ptrdiff_t eq = str_find(word, '=');
        if (str_is(word, "AUTOADD"))
            s->autoadd = true;
        else if (eq > 0)
            snads_word(r, s, str_sub(word, 0, (size_t)eq), str_sub(word, (size_t)eq + 1, word.n));
        else if (first)
            s->address = conf_name(r, word, "SNADSADDRESS");
        else
            conf_error(r, "SNADSADDRESS: unknown word %.*s", STR_ARG(word));
    }
}

void parse_dimnode(struct conf_reader *r, struct str rest)
{
    struct str name = str_word(&rest), word = str_word(&rest);
    if (!conf_need(r, name, "DIMNODE nodeid [OPEN|CLOSED]"))
        return;
    r->c->dim_node = conf_name(r, name, "DIMNODE");
    r->c->dim_closed = str_is(word, "CLOSED");
    if (word.n > 0 && !r->c->dim_closed && !str_is(word, "OPEN"))
        conf_error(r, "DIMNODE: \"%.*s\" must be OPEN or CLOSED", STR_ARG(word));
}

/* The row of user@node, a new one when nothing has been said of him; NULL: it is none. */
static struct conf_person *person(struct conf_reader *r, const char *statement, struct str word)
{
    struct conf *c = r->c;
    struct conf_person p = {.style = -1};
    ptrdiff_t at = str_find_last(word, '@');
    if (at <= 0 || (size_t)at + 1 >= word.n) {
        conf_error(r, "%s: \"%.*s\" must be user@node", statement, STR_ARG(word));
        return NULL;
    }
    p.user = conf_name(r, str_sub(word, 0, (size_t)at), statement);
    p.node = conf_name(r, str_sub(word, (size_t)at + 1, word.n), statement);
    for (size_t i = 0; i < c->nperson; i++)
        if (str_eq(c->person[i].user, p.user) && str_eq(c->person[i].node, p.node))
            return &c->person[i];
    APPEND(r, c->person, c->nperson) = p;
    return &c->person[c->nperson - 1];
}

void parse_style(struct conf_reader *r, struct str rest)
{
    struct str style = str_word(&rest), word = str_word(&rest);
    if (!conf_need(r, word, "STYLE NOTE|RFC822|PROFS user@node ..."))
        return;
    int is = conf_one_of(r, "STYLE", style, "NOTE|RFC822|PROFS");
    for (; word.n > 0; word = str_word(&rest)) {
        struct conf_person *p = person(r, "STYLE", word);
        if (p != NULL && p->style >= 0)
            conf_error(r, "STYLE: %.*s has one already", STR_ARG(word));
        if (p != NULL)
            p->style = is;
    }
}

void parse_codepage(struct conf_reader *r, struct str rest)
{
    struct str word = str_word(&rest);
    if (!conf_need(r, word, "CODEPAGE page [user@node ...]"))
        return;
    const struct ebc_page *page = page_named(r, word);
    if (str_trim(rest).n == 0)
        r->c->page_given = (r->c->page = page) != NULL;
    while (page != NULL && (word = str_word(&rest)).n > 0) {
        struct conf_person *p = person(r, "CODEPAGE", word);
        if (p != NULL && p->page != NULL)
            conf_error(r, "CODEPAGE: %.*s has one already", STR_ARG(word));
        if (p != NULL)
            p->page = page;
    }
}

void parse_notify(struct conf_reader *r, struct str rest)
{
    struct conf *c = r->c;
    struct str word = str_word(&rest);
    c->notify_arrived = c->notify_delivered = c->notify_delayed = c->notify_failed = false;
    if (!conf_need(r, word, "NOTIFY ARRIVED|DELIVERED|DELAYED|FAILED ... | NONE") ||
        str_is(word, "NONE"))
        return;
    for (; word.n > 0; word = str_word(&rest)) {
        if (str_is(word, "ARRIVED"))
            c->notify_arrived = true;
        else if (str_is(word, "DELIVERED"))
            c->notify_delivered = true;
        else if (str_is(word, "DELAYED"))
            c->notify_delayed = true;
        else if (str_is(word, "FAILED"))
            c->notify_failed = true;
        else
            conf_error(r, "NOTIFY: \"%.*s\" must be ARRIVED, DELIVERED, DELAYED, FAILED or NONE",
                       STR_ARG(word));
    }
}

void parse_user(struct conf_reader *r, struct str rest)
{
    r->c->run_user = arena_str(r->c->arena, str_word(&rest));
    r->c->run_group = arena_str(r->c->arena, str_word(&rest));
    conf_need(r, r->c->run_user, "USER name [GROUP]");
}

/* --- after the whole file --- */

/* IBM's spelling of one listener; mail is also sent from its address. */
static void finish_listener(struct conf_reader *r)
{
    struct conf *c = r->c;
    struct why w;
    struct conf_listen ln = {.tls = false};
    if (c->port == 0 && (c->listen_address.n == 0 || c->nlisten_smtp > 0))
        ln.at.any.sa_family = AF_UNSPEC;
    else if (endpoint_parse(&ln.at,
                            arena_printf(c->arena, "%.*s%s%lld", STR_ARG(c->listen_address),
                                         c->listen_address.n > 0 ? ":" : "",
                                         (long long)(c->port > 0 ? c->port : 25)),
                            25, &w) < 0)
        conf_error(r, "LISTENONADDRESS \"%.*s\": %s", STR_ARG(c->listen_address), w.text);
    else
        APPEND(r, c->listen_smtp, c->nlisten_smtp) = ln;
    c->port = 0; /* now a listener like the others */
    if (c->listen_address.n > 0 &&
        endpoint_parse(&c->send_from, arena_printf(c->arena, "%.*s:0", STR_ARG(c->listen_address)),
                       0, &w) < 0)
        c->send_from.any.sa_family = AF_UNSPEC;
}

static void finish_names(struct conf_reader *r)
{
    struct conf *c = r->c;
    /* One that is there and wrong was told in its line. */
    if (c->local.n == 0 && !conf_seen(r, "LOCAL"))
        conf_error(r, "LOCAL is missing: our NJE node name");
    if (c->hostname.n == 0 && !conf_seen(r, "HOSTNAME"))
        conf_error(r, "HOSTNAME is missing: our Internet name");
    else if (c->domain_origin.n > 0 && !str_ends_nocase(c->hostname, c->domain_origin.p))
        c->hostname =
            arena_printf(c->arena, "%.*s.%.*s", STR_ARG(c->hostname), STR_ARG(c->domain_origin));
    if (c->dim_node.n == 0)
        c->dim_node = c->local;
    if (c->spooldir.n == 0) {
        ptrdiff_t slash = str_find_last(c->database, '/');
        c->spooldir =
            slash > 0 ? arena_str(c->arena, str_sub(c->database, 0, (size_t)slash)) : STR(".");
    }
    finish_listener(r);
}

static void finish_links(struct conf_reader *r)
{
    struct conf *c = r->c;
    for (size_t i = 0; i < c->nlink; i++) {
        struct conf_link *k = &c->link[i];
        if (!k->defined)
            conf_error(r, "PARM %.*s: there is no LINKDEFINE %.*s", STR_ARG(k->name),
                       STR_ARG(k->name));
        else if (k->node.n > 0 && str_eq(k->node, c->local))
            conf_error(r, "LINKDEFINE %.*s: NODE %.*s is our own name", STR_ARG(k->name),
                       STR_ARG(k->node));
        else if (k->host.n > 0 && k->port == 0)
            k->port = k->tls == LINK_TLS_NO ? 175 : 2252;
        if (k->start && k->host.n == 0)
            conf_warn(
                r,
                "LINKDEFINE %.*s AST: without HOST in its PARM nothing is dialled, it only accepts",
                STR_ARG(k->name));
    }
    for (size_t i = 0; i < c->nroute; i++)
        if (c->route[i].link.n > 0 && link_named(c, c->route[i].link) == NULL)
            conf_error(r, "ROUTE %.*s TO %.*s: there is no such link", STR_ARG(c->route[i].pattern),
                       STR_ARG(c->route[i].link));
}

static void finish_secure(struct conf_reader *r)
{
    struct conf *c = r->c;
    for (size_t i = 0; i < c->nrestricted; i++) {
        struct str to = c->restricted[i].transfer;
        struct why w;
        if (c->restricted[i].action == RESTRICT_TRANSFER && conf_transfer(c, to, &w) < 0 &&
            (i == 0 || !str_eq(c->restricted[i - 1].transfer, to)))
            conf_error(r, "RESTRICT TRANSFERTO %s", w.text);
    }
    if (c->secure && !c->gateway)
        conf_warn(r, "SECURE without GATEWAY: only local users have mail");
    if (c->memo.n > 0 && !c->secure)
        conf_warn(r, "MEMO is used only with SECURE");
    if (c->memo.n > 0 && access(c->memo.p, R_OK) < 0)
        conf_warn(r, "MEMO %.*s: %s", STR_ARG(c->memo), strerror(errno));
}

static void finish_tls(struct conf_reader *r)
{
    const struct conf *c = r->c;
    if (c->tls_cert.n > 0 && c->tls_key.n == 0)
        conf_error(r, "TLSCERT without TLSKEY: the private key of the certificate is missing");
    if (c->tls_key.n > 0 && c->tls_cert.n == 0)
        conf_error(r, "TLSKEY without TLSCERT: the certificate of the key is missing");
    for (size_t i = 0; i < c->nlisten_nje; i++)
        if (c->listen_nje[i].tls && c->tls_cert.n == 0) {
            conf_error(r, "LISTENNJE ... TLS needs a certificate: TLSCERT and TLSKEY");
            return;
        }
}

void conf_finish(struct conf_reader *r)
{
    finish_tls(r);
    finish_names(r);
    finish_smtp(r);
    finish_secure(r);
    finish_links(r);
    finish_ibm(r);
    finish_filters(r);
    finish_rules(r);
    if (r->c->nlisten_smtp == 0 && r->c->nlisten_nje == 0 && r->c->nlink == 0)
        conf_warn(r, "neither LISTENSMTP nor LISTENNJE nor a link: nothing can arrive");
}
