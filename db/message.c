/* db/message.c -- a message as a value: see message.h */
#include "db/message.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define ARENA_MOST ((size_t)4 << 20)
#define RCPTS_FIRST 4u

struct message *message_new(void)
{
    struct message *m = mem_new(sizeof *m);
    m->arena = arena_new(ARENA_MOST);
    return m;
}

void message_free(struct message **m)
{
    if (*m == NULL)
        return;
    body_free(&(*m)->body);
    arena_free(&(*m)->arena);
    free(*m);
    *m = NULL;
}

/* The array doubles inside the arena: the old one stays until the arena goes. */
static bool make_space(struct message *m)
{
    size_t space = m->nrcpt < RCPTS_FIRST ? RCPTS_FIRST : m->nrcpt * 2;
    struct rcpt *more = arena_alloc(m->arena, space * sizeof *more);
    if (more == NULL || arena_full(m->arena))
        return false;
    if (m->nrcpt > 0)
        memcpy(more, m->rcpt, m->nrcpt * sizeof *more);
    m->rcpt = more;
    m->rcpt_space = space;
    return true;
}

struct rcpt *message_add_rcpt(struct message *m, struct str addr, struct str dest)
{
    if (m->nrcpt >= m->rcpt_space && !make_space(m))
        return arena_alloc(m->arena, sizeof *m->rcpt); /* the spare page of a full arena */
    struct rcpt *r = &m->rcpt[m->nrcpt];
    *r = (struct rcpt){.n = (unsigned)m->nrcpt,
                       .addr = arena_str(m->arena, addr),
                       .dest = arena_str(m->arena, dest),
                       .due = wall_now()};
    m->nrcpt++;
    return r;
}
