/* gateway/smtp/passcheck.c -- passwords checked beside the loop's thread: see passcheck.h */
#include "gateway/smtp/passcheck.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/mem.h"

#define AT_ONCE 2u   /* threads */
#define WAITING 100u /* questions; more are put off */

struct question {
    TAILQ_ENTRY(question) link;
    struct passcheck *p;
    struct smtpd_session *session; /* NULL: it has gone */
    pthread_t thread;
    char hash[AUTH_HASH_MAX], password[AUTH_PASSWORD_MAX + 1];
    bool known, good;
};
TAILQ_HEAD(questions, question);
struct passcheck {
    struct loop *loop;
    struct authfile *users;
    struct questions waiting, running;
    size_t nwaiting, nrunning;
};

struct passcheck *passcheck_new(struct loop *l)
{
    struct passcheck *p = mem_new(sizeof *p);
    p->loop = l;
    TAILQ_INIT(&p->waiting);
    TAILQ_INIT(&p->running);
    return p;
}

static void question_free(struct question *q)
{
    explicit_bzero(q->password, sizeof q->password);
    free(q);
}

void passcheck_free(struct passcheck **pp)
{
    struct passcheck *p = *pp;
    struct question *q;
    if (p == NULL)
        return;
    while ((q = TAILQ_FIRST(&p->running)) != NULL) {
        TAILQ_REMOVE(&p->running, q, link);
        pthread_join(q->thread, NULL);
        question_free(q);
    }
    while ((q = TAILQ_FIRST(&p->waiting)) != NULL) {
        TAILQ_REMOVE(&p->waiting, q, link);
        question_free(q);
    }
    authfile_free(&p->users);
    free(p);
    *pp = NULL;
}

void passcheck_users(struct passcheck *p, struct authfile *users)
{
    authfile_free(&p->users);
    p->users = users;
}

static void begin(struct passcheck *p);

static void done(void *arg)
{
    struct question *q = arg;
    struct passcheck *p = q->p;
    struct smtpd_session *s = q->session;
    struct why w;
    bool good = q->good && q->known;
    pthread_join(q->thread, NULL);
    TAILQ_REMOVE(&p->running, q, link);
    p->nrunning--;
    question_free(q);
    begin(p);
    why_set(&w, E_DENIED, 535, "5.7.8", "User name or password is wrong");
    if (s != NULL)
        smtpd_answer(s, good ? NULL : &w);
}

static void *check(void *arg)
{
    struct question *q = arg;
    q->good = authfile_check(q->hash, q->password);
    loop_post(q->p->loop, done, q);
    return NULL;
}

static void begin(struct passcheck *p)
{
    while (p->nrunning < AT_ONCE && p->nwaiting > 0) {
        struct question *q = TAILQ_FIRST(&p->waiting);
        if (pthread_create(&q->thread, NULL, check, q) != 0)
            return; /* those that run begin it when they are done, or its session goes */
        TAILQ_REMOVE(&p->waiting, q, link);
        p->nwaiting--;
        TAILQ_INSERT_TAIL(&p->running, q, link);
        p->nrunning++;
    }
}

int passcheck_ask(struct passcheck *p, struct smtpd_session *s, struct str user,
                  struct str password, struct why *w)
{
    if (p->users == NULL || p->nwaiting >= WAITING)
        return why_set(w, E_TEMP, 454, "4.7.0", "Passwords cannot be checked now, try again later");
    if (password.n > AUTH_PASSWORD_MAX || str_find(password, '\0') >= 0)
        return why_set(w, E_DENIED, 535, "5.7.8", "User name or password is wrong");
    struct question *q = mem_new(sizeof *q);
    q->p = p;
    q->session = s;
    q->known = authfile_hash(p->users, user, q->hash);
    str_copy(q->password, sizeof q->password, password);
    TAILQ_INSERT_TAIL(&p->waiting, q, link);
    p->nwaiting++;
    begin(p);
    if (p->nrunning > 0)
        return SMTPD_LATER;
    TAILQ_REMOVE(&p->waiting, q, link);
    p->nwaiting--;
    question_free(q);
    return why_set(w, E_TEMP, 454, "4.7.0", "Passwords cannot be checked now, try again later");
}

void passcheck_gone(struct passcheck *p, const struct smtpd_session *s)
{
    struct question *q, *next;
    for (q = TAILQ_FIRST(&p->running); q != NULL; q = TAILQ_NEXT(q, link))
        if (q->session == s)
            q->session = NULL;
    for (q = TAILQ_FIRST(&p->waiting); q != NULL; q = next) {
        next = TAILQ_NEXT(q, link);
        if (q->session != s)
            continue;
        TAILQ_REMOVE(&p->waiting, q, link);
        p->nwaiting--;
        question_free(q);
    }
}
