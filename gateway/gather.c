/* gateway/gather.c -- several files, one mail. */
#include "gateway/gather.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "db/queue.h"
#include "gateway/fromnje_private.h"

#define GROUPS_MOST 1000u /* open at a time; of more each file goes alone */

/* What a user sends to a mailbox, from the first file until it is due. */
struct group {
    char from[20], to[20]; /* USER@NODE */
    struct wall due;
    size_t files;
    uint64_t bytes;
};
struct gather {
    struct gate *g;
    struct group group[GROUPS_MOST];
    size_t n;
};

struct gather *gather_new(struct gate *g)
{
    struct gather *x = mem_new(sizeof *x);
    x->g = g;
    return x;
}

void gather_free(struct gather **x)
{
    free(*x);
    *x = NULL;
}

/* --- waiting --- */

static void name_user(char to[20], struct str user, struct str node)
{
    char room[20];
    str_copy(room, 9, user);
    size_t n = strlen(room);
    room[n] = '@';
    str_copy(room + n + 1, 9, node);
    memcpy(to, room, sizeof room);
}

static void drop_old(struct gather *x, struct wall now)
{
    size_t kept = 0;
    for (size_t i = 0; i < x->n; i++)
        if (x->group[i].due.us > now.us)
            x->group[kept++] = x->group[i];
    x->n = kept;
}

/* The group the file belongs to, a new one when the old is full; NULL: there are too many. */
static struct group *group_of(struct gather *x, const char *from, const char *to, uint64_t size)
{
    const struct conf *c = x->g->conf;
    struct wall now = wall_now();
    struct group *found = NULL;
    drop_old(x, now);
    for (size_t i = 0; i < x->n && found == NULL; i++)
        if (strcmp(x->group[i].from, from) == 0 && strcmp(x->group[i].to, to) == 0)
            found = &x->group[i];
    if (found != NULL && found->files < GATHER_MOST &&
        found->bytes + size <= (uint64_t)c->max_mail_bytes / 2)
        return found;
    if (found == NULL && x->n == GROUPS_MOST)
        return NULL;
    found = found != NULL ? found : &x->group[x->n++];
    *found = (struct group){.due = {now.us + c->wait_files * US_PER_S}};
    memcpy(found->from, from, sizeof found->from);
    memcpy(found->to, to, sizeof found->to);
    return found;
}

void gather_keep(struct gather *x, struct intake *in, struct body *deck,
                 const struct njefile_in *file)
{
    char from[20] = "", to[20] = "";
    name_user(from, file->from_user, file->from_node);
    name_user(to, file->to_user, file->to_node);
    struct group *group = group_of(x, from, to, body_size(deck));
    struct wall due = wall_now();
    if (group != NULL) {
        group->files++;
        group->bytes += body_size(deck);
        due = group->due;
    }
    intake_wait(in, deck, file, due, "waits for more files of its sender (WAITFILES)");
}

/* --- one mail --- */

/* The note leads, else the first of them. */
static int take_set(struct job **set, size_t n, const struct admitted *to, struct why *w)
{
    size_t lead = 0;
    while (lead < n && !job_is_note(set[lead]))
        lead++;
    lead = lead < n ? lead : 0;
    struct job *first = set[lead];
    memmove(set + 1, set, lead * sizeof(struct job *));
    set[0] = first;
    job_beside(first, set + 1, n - 1);
    if (n > 1)
        intake_journal(first->in, "joined", "from=%.*s files=%zu", STR_ARG(first->origin_sender),
                       n);
    return job_take(first, to, NULL, w);
}

/* A second note begins a second mail. */
static int take_files(struct gate *g, struct intake *in, struct body *const *deck, size_t n,
                      const struct admitted *to, struct why *w)
{
    struct job *all[GATHER_MOST] = {NULL}, *set[GATHER_MOST];
    size_t nset = 0, opened = 0;
    bool noted = false;
    int v = 0;
    for (; opened < n && v >= 0; opened++) {
        v = job_open(&all[opened], g, in, deck[opened], FROM_NJE, w);
        struct job *j = all[opened];
        if (v < 0 || (v = job_alone(j, to, w)) <= 0)
            continue;
        if (job_is_note(j) && noted) {
            v = take_set(set, nset, to, w);
            nset = 0;
        }
        noted = noted || job_is_note(j);
        set[nset++] = j;
    }
    if (v >= 0 && nset > 0)
        v = take_set(set, nset, to, w);
    for (size_t i = 0; i < opened; i++)
        job_free(&all[i]);
    return v < 0 ? v : 0;
}

/* Where the files go, if that is still a mailbox. */
static int find_mailbox(struct gate *g, struct intake *in, const struct message *row,
                        struct body *deck, struct arena *a, struct admitted *to, struct why *w)
{
    struct njefile_in f;
    struct cur bytes = body_cur(deck, w);
    int v = cur_left(&bytes) > 0 ? njefile_read_headers(a, bytes, &f, w) : w->err;
    if (v < 0)
        return v;
    *to = (struct admitted){.original = f.to_user};
    v = admit_user(g, (struct asker){FROM_NJE, row->origin_sender}, f.to_user, f.to_node, a, to, w);
    if (v < 0 || (to->to != DOOR_SMTP && !to->list))
        return v < 0 ? v : why_set(w, E_ABSENT, 0, NULL, "no mailbox any more");
    intake_origin(in, deck, &f);
    return 0;
}

int gather_join(struct gate *g, struct intake *in, const struct message *row, const msg_id *rows,
                size_t n, struct why *w)
{
    struct body *deck[GATHER_MOST] = {NULL};
    struct arena *a = arena_new(4u << 20);
    struct admitted to;
    size_t loaded = 0;
    bool whole = true;
    db_refresh(store_reader(g->store)); /* nicknames may have changed meanwhile */
    for (; whole && loaded < n; loaded += whole) {
        deck[loaded] = queue_body(store_reader(g->store), g->store, rows[loaded], w);
        whole = deck[loaded] != NULL;
    }
    int v = whole ? find_mailbox(g, in, row, deck[0], a, &to, w) : w->err;
    if (v == 0) {
        for (size_t i = 0; i < n; i++)
            change_remove(intake_change(in), rows[i]);
        intake_again(in, row);
        intake_together(in, rows, n);
        v = take_files(g, in, deck, n, &to, w);
    }
    for (size_t i = 0; i < loaded; i++)
        body_free(&deck[i]);
    arena_free(&a);
    return v;
}
