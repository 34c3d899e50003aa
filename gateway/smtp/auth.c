/* gateway/smtp/auth.c -- signing on: see auth.h */
#include "gateway/smtp/auth.h"

#include <gsasl.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define CHALLENGE_MAX 2048u

static const struct mechanism {
    enum smtp_auth_how how;
    const char *name;
    bool open;  /* the password itself is sent */
    bool first; /* we speak first */
} mechanisms[] = {
    {AUTH_SCRAM_SHA_256, "SCRAM-SHA-256", false, true},
    {AUTH_SCRAM_SHA_1, "SCRAM-SHA-1", false, true},
    {AUTH_PLAIN, "PLAIN", true, true},
    {AUTH_LOGIN, "LOGIN", true, false},
};
#define NMECHANISMS (sizeof mechanisms / sizeof *mechanisms)

struct smtp_auth {
    const struct mechanism *m;
    Gsasl *lib;
    Gsasl_session *session;
    bool complete; /* the mechanism has said and heard all */
};

unsigned smtp_auth_offered(struct str words)
{
    unsigned all = 0;
    for (struct str word; (word = str_word(&words)).n > 0;)
        for (size_t i = 0; i < NMECHANISMS; i++)
            if (str_is(word, mechanisms[i].name))
                all |= (unsigned)mechanisms[i].how;
    return all;
}

static const struct mechanism *choose(const struct smtp_auth_set *set, struct why *w)
{
    bool shows = false;
    for (size_t i = 0; i < NMECHANISMS; i++) {
        const struct mechanism *m = &mechanisms[i];
        if ((set->offered & (unsigned)m->how) == 0)
            continue;
        if (!m->open || set->sealed)
            return m;
        shows = true;
    }
    why_set(w, E_TEMP, 454, "4.7.0", "%s",
            shows ? "it offers only ways that show the password, and there is no TLS"
                  : "it offers none of SCRAM-SHA-256, SCRAM-SHA-1, PLAIN, LOGIN");
    return NULL;
}

static int failed(int code, struct why *w)
{
    return why_set(w, E_TEMP, 454, "4.7.0", "%s",
                   code == GSASL_BASE64_ERROR ? "its words are no base64" : gsasl_strerror(code));
}

static int set_up(struct smtp_auth *a, const struct smtp_auth_set *set)
{
    int r = gsasl_init(&a->lib);
    if (r == GSASL_OK)
        r = gsasl_client_start(a->lib, a->m->name, &a->session);
    if (r == GSASL_OK)
        r = gsasl_property_set(a->session, GSASL_AUTHID, set->user);
    if (r == GSASL_OK)
        r = gsasl_property_set(a->session, GSASL_PASSWORD, set->password);
    if (r == GSASL_OK)
        r = gsasl_property_set(a->session, GSASL_SERVICE, "smtp");
    if (r == GSASL_OK)
        r = gsasl_property_set(a->session, GSASL_HOSTNAME, set->host);
    return r;
}

/* What the mechanism says to `in` (base64). */
static int say(struct smtp_auth *a, const char *in, struct buf *out, struct why *w)
{
    char *words = NULL;
    int r = gsasl_step64(a->session, in, &words);
    if (r != GSASL_OK && r != GSASL_NEEDS_MORE)
        return failed(r, w);
    a->complete = r == GSASL_OK;
    buf_z(out, words != NULL ? words : "");
    gsasl_free(words);
    return OK;
}

struct smtp_auth *smtp_auth_new(const struct smtp_auth_set *set, struct buf *out, struct why *w)
{
    const struct mechanism *m = choose(set, w);
    if (m == NULL)
        return NULL;
    struct smtp_auth *a = mem_new(sizeof *a);
    a->m = m;
    int r = set_up(a, set);
    if (r != GSASL_OK)
        (void)failed(r, w);
    buf_z(out, m->name);
    if (r == GSASL_OK && m->first) {
        buf_z(out, " ");
        r = say(a, NULL, out, w);
    }
    if (r != OK) {
        buf_reset(out);
        smtp_auth_free(&a);
    }
    return a;
}

/* "r=nonce,s=salt,i=4096": how often the server wants the password hashed. */
static int check_rounds(struct str text, struct why *w)
{
    uint64_t rounds;
    for (struct str piece; str_split(&text, ',', &piece);)
        if (str_starts_nocase(piece, "i=") &&
            (!str_number(str_sub(piece, 2, piece.n), UINT32_MAX, &rounds) ||
             rounds > AUTH_ROUNDS_MAX))
            return why_set(w, E_TEMP, 454, "4.7.0",
                           "it asks for %.*s rounds of hashing, %u are the most",
                           STR_ARG(str_sub(piece, 2, 20)), AUTH_ROUNDS_MAX);
    return OK;
}

static int check_challenge(const struct smtp_auth *a, const char *base64, struct why *w)
{
    char *plain = NULL;
    size_t n = 0;
    if (a->m->open)
        return OK;
    int r = gsasl_base64_from(base64, strlen(base64), &plain, &n);
    if (r != GSASL_OK)
        return failed(r, w);
    int v = check_rounds((struct str){plain, n}, w);
    gsasl_free(plain);
    return v;
}

int smtp_auth_step(struct smtp_auth *a, struct str challenge, struct buf *out, struct why *w)
{
    char z[CHALLENGE_MAX];
    if (challenge.n >= sizeof z)
        return why_set(w, E_TEMP, 454, "4.7.0", "its challenge is too long");
    str_copy(z, sizeof z, str_trim(challenge));
    if (a->complete)
        return why_set(w, E_TEMP, 454, "4.7.0", "it asks for more than %s has", a->m->name);
    int v = check_challenge(a, z, w);
    return v < 0 ? v : say(a, z, out, w);
}

int smtp_auth_end(struct smtp_auth *a, struct why *w)
{
    if (a->complete || a->m->open)
        return OK;
    return why_set(w, E_TEMP, 454, "4.7.0", "it lets us in without having shown that it knows us");
}

void smtp_auth_free(struct smtp_auth **ap)
{
    struct smtp_auth *a = *ap;
    *ap = NULL;
    if (a == NULL)
        return;
    if (a->session != NULL)
        gsasl_finish(a->session);
    if (a->lib != NULL)
        gsasl_done(a->lib);
    free(a);
}
