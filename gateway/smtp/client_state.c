/* gateway/smtp/client_state.c -- what a state of the client waits for, what a server offers, what
 * the TLS policy says. */
#include "gateway/smtp/client_private.h"

#define QUIT_MS 5000 /* the answer to QUIT is a courtesy */

void smtpc_defaults(struct smtpc_set *set)
{
    struct {
        int64_t *at, value;
    } const row[] = {{&set->connect_ms, 30000}, {&set->command_ms, 300000},
                     {&set->data_ms, 120000},   {&set->block_ms, 180000},
                     {&set->dot_ms, 600000},    {&set->linger_ms, 5000}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (*row[i].at == 0)
            *row[i].at = row[i].value;
    if (set->max_messages == 0)
        set->max_messages = 1000;
}

/* RFC 5321 4.5.3.2 */
int64_t smtpc_time(const struct smtpc *c)
{
    switch (c->state) {
    case CONNECT:
        return c->set.connect_ms;
    case IDLE:
        return c->set.linger_ms;
    case DATA:
        return c->set.data_ms;
    case CONTENT:
        return c->set.block_ms;
    case DOT:
        return c->queued > 0 ? c->set.block_ms : c->set.dot_ms;
    case QUIT:
        return QUIT_MS;
    case ASK:
    case OVER:
        return 0;
    default:
        return c->set.command_ms;
    }
}

const char *smtpc_awaited(const struct smtpc *c)
{
    static const char *const word[] = {[CONNECT] = "connection",
                                       [GREETING] = "greeting",
                                       [EHLO] = "answer to EHLO",
                                       [HELO] = "answer to HELO",
                                       [STARTTLS] = "answer to STARTTLS",
                                       [HANDSHAKE] = "TLS handshake",
                                       [ASK] = "next message",
                                       [IDLE] = "next message",
                                       [RSET] = "answer to RSET",
                                       [MAIL] = "answer to MAIL",
                                       [RCPT] = "answer to RCPT",
                                       [DATA] = "answer to DATA",
                                       [CONTENT] = "sending of the message",
                                       [DOT] = "answer to the end of the message",
                                       [QUIT] = "answer to QUIT",
                                       [OVER] = "end"};
    return word[c->state];
}

void smtpc_learn(struct smtpc *c, struct str line)
{
    struct str word = str_word(&line);
    if (str_is(word, "PIPELINING"))
        c->pipelining = true;
    else if (str_is(word, "8BITMIME"))
        c->eightbit = true;
    else if (str_is(word, "STARTTLS"))
        c->starttls = true;
    else if (str_is(word, "SIZE")) {
        c->size_known = true;
        if (!str_number(str_word(&line), UINT64_MAX, &c->size_max))
            c->size_max = 0;
    }
}

/* --- TLS ---------------------------------------------------------------------------------------
 */

int smtpc_wants_tls(const struct smtpc *c, struct why *w)
{
    if (c->secure || c->set.tls_policy == SMTPC_TLS_NO)
        return 0;
    if (c->starttls && !c->plain && tls_context(c->set.tls, TLS_SMTP_OUT) != NULL)
        return 1;
    if (c->set.tls_policy != SMTPC_TLS_REQUIRED)
        return 0;
    return why_set(w, E_TEMP, 451, "4.7.4", "TLS is required, but host %s does not offer it",
                   c->peer);
}

/* A handshake that is refused in TLS 1.3 shows itself only when the server closes, behind our EHLO.
 */
bool smtpc_may_go_plain(const struct smtpc *c, const struct why *w)
{
    bool failed = c->state == STARTTLS || c->state == HANDSHAKE ||
                  (c->state == EHLO && c->secure && w->err == E_GONE);
    return failed && c->set.tls_policy == SMTPC_TLS_MAY && !c->plain;
}

void smtpc_tls_why(const struct smtpc *c, const char *what, struct why *w)
{
    why_set(w, E_TEMP, 454, "4.7.5", "no TLS with host %s: %s", c->peer, what);
}
