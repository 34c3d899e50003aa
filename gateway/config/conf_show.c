/* gateway/config/conf_show.c -- the effective configuration: the statements whose value is not one
 * field (the others: conf.c). What is shown can be read again, but for passwords. */
#include <string.h>

#include "gateway/config/conf_private.h"

static const char *const styles[] = {
    [STYLE_NOTE] = "NOTE", [STYLE_RFC822] = "RFC822", [STYLE_PROFS] = "PROFS"};

static void show_node(const struct conf_node *n, struct buf *out)
{
    static const char *const files[] = {
        [FILES_NETDATA] = "", [FILES_UU] = " FILES=UU", [FILES_XX] = " FILES=XX"};
    buf_printf(out, "NODE %.*s", STR_ARG(n->node));
    if (n->page != NULL)
        buf_printf(out, " CODEPAGE=%s", ebc_page_name(n->page));
    if (n->format >= 0)
        buf_printf(out, " FORMAT=%s", n->format == FORMAT_PUNCH ? "PUNCH" : "NETDATA");
    if (n->style >= 0)
        buf_printf(out, " STYLE=%s", styles[n->style]);
    if (n->bsmtp.n > 0)
        buf_printf(out, " BSMTP=%.*s", STR_ARG(n->bsmtp));
    if (n->file_max > 0)
        buf_printf(out, " MAXFILE=%lld", (long long)n->file_max);
    buf_printf(out, "%s SCHEME=%s\n", files[n->files], n->snads ? "SNADS" : "RSCS");
}

static void show_links(const struct conf *c, struct buf *out)
{
    static const char *const link_tls[] = {
        [LINK_TLS_NO] = "NO", [LINK_TLS_YES] = "YES", [LINK_TLS_VERIFY] = "VERIFY"};
    char at[64];
    for (size_t i = 0; i < c->nlisten_nje; i++)
        buf_printf(out, "LISTENNJE %s%s\n", endpoint_text(&c->listen_nje[i].at, true, at),
                   c->listen_nje[i].tls ? " TLS" : "");
    for (size_t i = 0; i < c->nlink; i++) {
        const struct conf_link *k = &c->link[i];
        buf_printf(out, "LINKDEFINE %.*s TYPE TCPNJE NODE %.*s%s\n", STR_ARG(k->name),
                   STR_ARG(k->node), k->start ? " AST" : "");
        buf_printf(out, "PARM %.*s", STR_ARG(k->name));
        if (k->host.n > 0)
            buf_printf(out, " HOST=%.*s PORT=%u", STR_ARG(k->host), k->port);
        buf_printf(out,
                   " BUFF=%u STREAMS=%u AHEAD=%s KEEPALIVE=%lld RETRY=%lld TRANSFER=%lld ORIGIN=%s"
                   " TLS=%s\n",
                   k->bufsize, k->streams, k->ahead ? "YES" : "NO", (long long)k->keepalive_s,
                   (long long)k->retry_s, (long long)k->transfer_s,
                   k->origin_any ? "ANY" : "VERIFY", link_tls[k->tls]);
    }
    for (size_t i = 0; i < c->nroute; i++)
        buf_printf(out, "ROUTE %.*s TO %.*s\n", STR_ARG(c->route[i].pattern),
                   STR_ARG(c->route[i].link));
    for (size_t i = 0; i < c->nuser; i++)
        buf_printf(out, "LOCALUSER %.*s%s%.*s%s%s\n", STR_ARG(c->user[i].userid),
                   c->user[i].mailbox.n > 0 ? " MBOX=" : "", STR_ARG(c->user[i].mailbox),
                   c->user[i].page != NULL ? " CODEPAGE=" : "",
                   c->user[i].page != NULL ? ebc_page_name(c->user[i].page) : "");
    for (size_t i = 0; i < c->nperson; i++) {
        const struct conf_person *p = &c->person[i];
        if (p->page != NULL)
            buf_printf(out, "CODEPAGE %s %.*s@%.*s\n", ebc_page_name(p->page), STR_ARG(p->user),
                       STR_ARG(p->node));
        if (p->style >= 0)
            buf_printf(out, "STYLE %s %.*s@%.*s\n", styles[p->style], STR_ARG(p->user),
                       STR_ARG(p->node));
    }
    for (size_t i = 0; i < c->nnode; i++)
        show_node(&c->node[i], out);
}

/* Who may: the statements whose value is not one field. */
static void show_who(const struct conf *c, struct buf *out)
{
    if (c->secure)
        buf_printf(out, "SECURE%s\n", c->secure_strict ? " STRICT" : "");
    for (size_t i = 0; i < c->nrestricted; i++) {
        const struct restrict_row *r = &c->restricted[i];
        buf_printf(out, "RESTRICT %s %.*s%s%.*s@%.*s ENDRESTRICT\n", restrictrow_name(r->action),
                   STR_ARG(r->transfer), r->transfer.n > 0 ? " " : "", STR_ARG(r->user),
                   STR_ARG(r->node));
    }
    if (c->nsmsg_auth > 0)
        buf_z(out, "SMSGAUTHLIST");
    for (size_t i = 0; i < c->nsmsg_auth; i++)
        buf_printf(out, " %.*s", STR_ARG(c->smsg_auth[i]));
    buf_z(out, c->nsmsg_auth > 0 ? " ENDSMSGAUTHLIST\n" : "");
    if (c->verify_batch_sender)
        buf_z(out, "VERIFYBATCHSMTPSENDER");
    for (size_t i = 0; i < c->nexempt_mailer; i++)
        buf_printf(out, " %.*s", STR_ARG(c->exempt_mailer[i]));
    buf_z(out, c->verify_batch_sender ? "\n" : "");
    if (c->run_user.n > 0)
        buf_printf(out, "USER %.*s %.*s\n", STR_ARG(c->run_user), STR_ARG(c->run_group));
}

/* IBM's statements as they are taken here. */
static void show_ibm(const struct conf *c, struct buf *out)
{
    static const char *const needs[] = {
        [TLS_OFFERED] = "ALLOWED", [TLS_NEVER] = "NEVER", [TLS_NEEDED] = "REQUIRED"};
    const struct conf_mailer *m = &c->mailer;
    for (size_t i = 0; i < c->nalt_host; i++)
        buf_printf(out, "ALTTCPHOSTNAME %.*s\n", STR_ARG(c->alt_host[i]));
    if (c->atsign.n > 0)
        buf_printf(out, "ATSIGN %.*s\n", STR_ARG(c->atsign));
    if (c->bad_spool.n > 0)
        buf_printf(out, "BADSPOOLFILEID %.*s\n", STR_ARG(c->bad_spool));
    if (m->user.n > 0)
        buf_printf(out, "MAILER %.*s@%.*s %s %s %s\n", STR_ARG(m->user), STR_ARG(m->node),
                   m->format == FORMAT_PUNCH ? "PUNCH" : "NETDATA", m->local ? "LOCAL" : "NOLOCAL",
                   m->rscs ? "RSCS" : "NORSCS");
    buf_printf(out, "TLS %s\n", needs[c->tls_need]);
    bool any = c->notify_arrived || c->notify_delivered || c->notify_delayed || c->notify_failed;
    buf_printf(out, "NOTIFY%s%s%s%s%s\n", any ? "" : " NONE", c->notify_arrived ? " ARRIVED" : "",
               c->notify_delivered ? " DELIVERED" : "", c->notify_delayed ? " DELAYED" : "",
               c->notify_failed ? " FAILED" : "");
}

void conf_show_own_forms(const struct conf *c, struct buf *out)
{
    char at[64];
    buf_printf(out, "REWRITE822HEADER %s%s\n", c->rewrite_off ? "NO" : "YES",
               c->rewrite_print && !c->rewrite_off ? " PRINT" : "");
    buf_printf(out, "DIMNODE %.*s %s\nCODEPAGE %s\n", STR_ARG(c->dim_node),
               c->dim_closed ? "CLOSED" : "OPEN", ebc_page_name(c->page));
    if (c->snads.address.n > 0)
        buf_printf(out, "SNADSADDRESS %.*s%s PREFIX=%.*s DELIMITER=%c%s%.*s\n",
                   STR_ARG(c->snads.address), c->snads.autoadd ? " AUTOADD" : "",
                   STR_ARG(c->snads.prefix), c->snads.delimiter,
                   c->snads.router.n > 0 ? " ROUTER=" : "", STR_ARG(c->snads.router));
    show_who(c, out);
    conf_show_smtp(c, out);
    conf_show_hosts(c, out);
    show_filters(c, out);
    show_ibm(c, out);
    for (size_t i = 0; i < c->nresolver; i++) {
        struct str at_sign = str_of(c->resolver[i]);
        ptrdiff_t k = str_find_last(at_sign, '@');
        bool v6 = str_find(at_sign, ':') >= 0;
        buf_printf(out, "RESOLVER %s%.*s%s:%s\n", v6 ? "[" : "", (int)k, at_sign.p, v6 ? "]" : "",
                   at_sign.p + k + 1);
    }
    for (size_t i = 0; i < c->nmetrics; i++)
        buf_printf(out, "METRICS %s\n", endpoint_text(&c->metrics[i].at, true, at));
    show_links(c, out);
}
