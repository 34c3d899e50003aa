/* gateway/smtp/login.c -- AUTH of the server (RFC 4954): PLAIN (4616) and LOGIN, at a SUBMISSION
 * listener and within TLS only */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "gateway/smtp/session.h"

#define SECRET_MAX 1024u

bool smtpd_offers_login(const struct smtpd_session *s)
{
    return s->door->submission && stream_is_secure(s->stream) && s->d->ops.login != NULL;
}

static void fail(struct smtpd_session *s, int code, const char *enh, const char *text)
{
    smtpd_set_state(s, SMTPD_READY);
    free(s->account);
    s->account = NULL;
    smtpd_wrong(s, code, enh, text);
}

void smtpd_finish_login(struct smtpd_session *s, const struct why *w)
{
    smtpd_set_state(s, SMTPD_READY);
    if (w == NULL) {
        s->authed = true;
        smtpd_say(s, 235, "2.7.0", STR("Welcome"));
        return;
    }
    s->errors++;
    smtpd_refuse(s, w);
    free(s->account);
    s->account = NULL;
}

static void check(struct smtpd_session *s, struct str user, struct str password)
{
    struct why w;
    if (user.n == 0 || !text_is_utf8(user) || str_find(user, '\0') >= 0) {
        fail(s, 535, "5.7.8", "User name or password is wrong");
        return;
    }
    char *name = mem_copy(user.p, user.n); /* user may be s->account */
    free(s->account);
    s->account = name;
    int v = s->d->ops.login(s->d->arg, s, str_of(name), password, &w);
    smtpd_asked(s, SMTPD_AT_LOGIN, v, &w);
}

/* "[authzid] NUL authcid NUL password": to act for another is not offered. */
static void plain(struct smtpd_session *s, struct str message)
{
    struct str rest = message, act, user;
    bool whole = str_split(&rest, '\0', &act) && str_split(&rest, '\0', &user) && rest.p != NULL;
    if (!whole || (act.n > 0 && !str_eq(act, user)))
        fail(s, 535, "5.7.8", "User name or password is wrong");
    else
        check(s, user, rest);
}

static void prompt(struct smtpd_session *s, enum smtpd_login asked, const char *text)
{
    struct buf b;
    s->login = asked;
    smtpd_set_state(s, SMTPD_LOGIN);
    buf_init(&b, 128);
    text_b64(&b, cur_of_str(str_of(text)));
    smtpd_say(s, 334, "", buf_text(&b));
    buf_done(&b);
}

void smtpd_login_line(struct smtpd_session *s, struct str line)
{
    struct buf b;
    if (str_eq(line, STR("*"))) {
        fail(s, 501, "5.7.0", "Cancelled");
        return;
    }
    buf_init(&b, SECRET_MAX);
    if (text_unb64(&b, str_eq(line, STR("=")) ? STR("") : line) < 0 || b.over) {
        fail(s, 501, "5.5.2", "That is not base64");
    } else if (s->login == SMTPD_LOGIN_PLAIN) {
        plain(s, buf_text(&b));
    } else if (s->login == SMTPD_LOGIN_USER) {
        free(s->account);
        s->account = mem_copy(b.p != NULL ? (const char *)b.p : "", b.n);
        prompt(s, SMTPD_LOGIN_PASSWORD, "Password:");
    } else {
        check(s, str_of(s->account), buf_text(&b));
    }
    if (b.p != NULL)
        explicit_bzero(b.p, b.n);
    buf_done(&b);
}

void smtpd_do_auth(struct smtpd_session *s, struct str rest)
{
    struct str how = str_word(&rest), initial = str_trim(rest);
    bool is_plain = str_is(how, "PLAIN");
    if (s->door->submission && !stream_is_secure(s->stream))
        smtpd_wrong(s, 538, "5.7.11", "Encryption is required: STARTTLS first");
    else if (!smtpd_offers_login(s))
        smtpd_wrong(s, 502, "5.5.1", "This command is not implemented here");
    else if (s->authed || s->tx != NULL || !s->esmtp)
        smtpd_wrong(s, 503, "5.5.1", "AUTH once, after EHLO, and not within a mail");
    else if (how.n == 0)
        smtpd_wrong(s, 501, "5.5.4", "Syntax: AUTH mechanism [initial-response]");
    else if (!is_plain && !str_is(how, "LOGIN"))
        smtpd_wrong(s, 504, "5.5.4", "The mechanisms are PLAIN and LOGIN");
    else if (initial.n == 0)
        prompt(s, is_plain ? SMTPD_LOGIN_PLAIN : SMTPD_LOGIN_USER, is_plain ? "" : "Username:");
    else {
        s->login = is_plain ? SMTPD_LOGIN_PLAIN : SMTPD_LOGIN_USER;
        smtpd_login_line(s, initial);
    }
}
