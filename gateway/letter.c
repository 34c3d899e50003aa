/* gateway/letter.c -- a mail made of an NJE file: its content, and its way into the intake. The
 * header is there already: that needed the tables. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/filternje.h"
#include "gateway/fromnje_private.h"
#include "gateway/gate/filter.h"
#include "gateway/mail/mime.h"
#include "rscs/punch.h"

/* --- files that go along --- */

static struct str fact_field(struct job *j, const struct filefact *f)
{
    struct buf b;
    buf_init(&b, 1024);
    filefact_put(&b, f);
    struct str value = arena_str(j->arena, buf_text(&b));
    buf_done(&b);
    return value;
}

static void add_file(struct job *j, struct mime_file *to, const struct njefile_item *it)
{
    *to = (struct mime_file){
        .name = it->name, .type = STR(""), .content = cur_of_str(it->content), .text = it->text};
    if (it->fact.form == FACT_NONE)
        return;
    to->nje_file = fact_field(j, &it->fact);
    to->nje_records = it->fact.lengths;
}

/* What the text shows of a file is not all there was (controls, carriage control), or its records
 * are too many to tell: the transmission itself, or the cards, go along. */
static bool add_exact(struct job *j, struct mime_file *to, const struct njefile_item *it)
{
    struct why w;
    struct buf cards;
    struct filefact f = it->fact;
    struct cur deck = body_cur(j->deck, &w);
    if (!j->file.netdata && (it->print || !it->text))
        return false;
    buf_init(&cards, cur_left(&deck) * 16 + 65536);
    bool ok = njefile_cards(deck, &cards, &w) == 0;
    struct str bytes = arena_str(j->arena, buf_text(&cards));
    buf_done(&cards);
    f.form = j->file.netdata ? FACT_NETDATA : FACT_BYTES;
    if (!j->file.netdata) {
        bytes = str_sub(bytes, j->file.headed ? CARD_SIZE : 0, bytes.n);
        f.lengths = arena_printf(j->arena, "%u*%llu", CARD_SIZE, (unsigned long long)f.records);
        ok = ok && bytes.n == f.records * CARD_SIZE;
    }
    *to = (struct mime_file){.name = arena_printf(j->arena, "%.*s.%s", STR_ARG(it->name),
                                                  j->file.netdata ? "xmi" : "cards"),
                             .type = STR("application/octet-stream"),
                             .content = cur_of_str(bytes),
                             .nje_file = fact_field(j, &f),
                             .nje_records = j->file.netdata ? STR("") : f.lengths};
    return ok;
}

/* Attachments: every item of the file but the one that is the text. */
static size_t collect_files(struct job *j, const struct njefile_item *text,
                            struct mime_file **files)
{
    size_t n = 0;
    bool whole = false; /* the transmission is there already */
    for (size_t i = 0; i < j->file.nitem; i++)
        whole = whole || j->file.item[i].fact.form == FACT_NETDATA;
    bool parts = whole; /* all else is only shown */
    *files = arena_alloc(j->arena, (2 * j->file.nitem + 2) * sizeof **files);
    for (size_t i = 0; i < j->file.nitem; i++) {
        struct njefile_item *it = &j->file.item[i];
        if (it == text || it->ack)
            continue;
        struct mime_file *file = &(*files)[n];
        it->fact.shown = parts && it->fact.form != FACT_NETDATA;
        add_file(j, file, it);
        bool exact = it->fact.form == FACT_NONE && !whole && add_exact(j, &file[1], it);
        if (exact && it->text) { /* to be read, and behind it to be used */
            struct filefact f = it->fact;
            f.form = FACT_TEXT;
            f.shown = true;
            file->nje_file = fact_field(j, &f);
        } else if (exact) {
            file[0] = file[1];
        }
        bool in_whole = !exact && whole && !it->text && it->fact.form == FACT_NONE;
        n += exact && it->text ? 2 : in_whole ? 0 : 1;
        whole = whole || (exact && j->file.netdata);
    }
    return n;
}

/* The same of this file and of those that go along. */
static size_t all_files(struct job *j, const struct njefile_item *text, struct mime_file **files)
{
    size_t n = collect_files(j, text, files);
    for (size_t i = 0; i < j->nbeside; i++) {
        struct mime_file *more, *all;
        size_t nmore = collect_files(j->beside[i], job_message(j->beside[i]), &more);
        all = arena_alloc(j->arena, (n + nmore + 1) * sizeof *all);
        if (all == NULL)
            return n;
        if (n > 0)
            memcpy(all, *files, n * sizeof *all);
        if (nmore > 0)
            memcpy(all + n, more, nmore * sizeof *all);
        *files = all;
        n += nmore;
    }
    return n;
}

/* --- the content --- */

static void put_content(struct letter *l)
{
    struct mime_file *files;
    if (l->form == LETTER_NOTE) {
        size_t n = all_files(l->j, l->item, &files);
        mime_put_text(&l->b, l->text, files, n, l->seed);
    } else if (l->form == LETTER_MIME) {
        buf_crlf(&l->b);
        buf_crlf_lines(&l->b, l->text);
    } else {
        mime_put_text(&l->b, l->text, NULL, 0, l->seed);
    }
}

static int too_large(const struct letter *l, struct why *w)
{
    return why_set(w, E_LIMIT, 552, "5.3.4", "The mail would be larger than %lld bytes",
                   (long long)l->most);
}

/* In a work thread, it may be. */
static void make(struct letter *l)
{
    struct job *j = l->j;
    put_content(l);
    if (l->b.over || arena_full(j->arena)) {
        l->v = too_large(l, &l->why);
        return;
    }
    struct body_writer *bw = body_writer_new(j->g->store);
    l->v = body_write(bw, l->b.p, l->b.n, &l->why);
    if (l->v == 0 && (l->body = body_writer_end(&bw, &l->why)) == NULL)
        l->v = l->why.err;
    body_writer_drop(&bw);
}

static bool goes_out(const struct admitted *rcpt, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (rcpt[i].to == DOOR_SMTP)
            return true;
    return false;
}

/* The files beside the text. */
static size_t attachments(struct job *j)
{
    size_t n = 0;
    for (size_t i = 0; i < j->file.nitem; i++)
        n += !j->file.item[i].ack;
    return (n > 0 && job_text(j) != NULL ? n - 1 : n) + j->nbeside;
}

static int take(struct letter *l, struct intake *in, bool apart, struct why *w)
{
    struct job *j = l->j;
    bool filters = goes_out(l->rcpt, l->nrcpt) && filters_at(j->g->filters, DOOR_NJE);
    struct mail m = {.from = l->from,
                     .origin_sender = l->origin_sender,
                     .sender = l->sender,
                     .content = apart ? body_cur(l->body, w) : buf_cur(&l->b),
                     .body = l->body,
                     .rcpt = l->rcpt,
                     .nrcpt = l->nrcpt,
                     .ret = l->ret,
                     .envid = l->envid,
                     .utf8 = l->utf8,
                     .apart = apart && !filters};
    struct filternje_mail f = {.mail = &m,
                               .user = j->file.from_user,
                               .node = j->file.from_node,
                               .facts =
                                   arena_printf(j->arena, "file=%.*s.%.*s attachments=%zu job=%u",
                                                STR_ARG(j->file.fn), STR_ARG(j->file.ft),
                                                attachments(j), j->file.njh.job_id)};
    if (cur_left(&m.content) == 0)
        return w->err;
    return filters ? intake_filter(in, &f, w) : filternje_take(j->g, in, &f, w);
}

/* --- beside the loop's thread --- */

/* It is on the disk before it is committed: nobody else waits for it there. */
static void run(struct intake_task *t)
{
    struct letter *l = (struct letter *)t; /* its first member */
    make(l);
    if (l->v == 0)
        l->v = body_sync(l->body, &l->why);
    buf_done(&l->b);
}

static int finish(struct intake_task *t, struct intake *in, struct why *w)
{
    struct letter *l = (struct letter *)t;
    struct why why = l->why;
    int v = l->v < 0 ? l->v : take(l, in, true, &why);
    if (v < 0 && l->j->batch &&
        !why_is_temp(&why)) { /* the others of the file are as good as ever */
        for (size_t i = 0; i < l->nrcpt; i++)
            job_refuse(l->j, l->rcpt[i].original, &why, l->text);
        v = 0;
    }
    if (v < 0)
        *w = why;
    return v;
}

static void letter_free(struct intake_task *t)
{
    struct letter *l = (struct letter *)t;
    body_free(&l->body);
    buf_done(&l->b);
    job_free(&l->j);
    free(l);
}

/* --- from its beginning to its end --- */

struct letter *letter_new(struct job *j, const struct admitted *rcpt, size_t nrcpt)
{
    struct letter *l = mem_new(sizeof *l);
    l->j = job_hold(j);
    l->rcpt = rcpt;
    l->nrcpt = nrcpt;
    l->sender = j->sender;
    l->origin_sender = j->origin_sender;
    l->from = j->from;
    l->ret = j->ret;
    l->envid = j->envid;
    l->utf8 = j->utf8;
    l->most = j->g->conf->max_mail_bytes;
    buf_init(&l->b, (size_t)l->most * 2 + (1u << 20));
    return l;
}

/* The caller's are gone when the letter is finished. */
static void keep_rcpt(struct letter *l)
{
    struct admitted *kept = arena_alloc(l->j->arena, l->nrcpt * sizeof *kept);
    for (size_t i = 0; kept != NULL && i < l->nrcpt; i++)
        admit_copy(l->j->arena, &kept[i], &l->rcpt[i]);
    l->envid = arena_str(l->j->arena, l->envid);
    if (kept != NULL)
        l->rcpt = kept;
    else
        l->nrcpt = 0; /* the arena is full, and the letter too large */
}

int letter_post(struct letter **lp, uint64_t size, struct why *w)
{
    struct letter *l = *lp;
    struct job *j = l->j;
    int v = 0;
    *lp = NULL;
    l->nrcpt = admit_write_out(j->arena, l->rcpt, l->nrcpt, &l->rcpt);
    if (l->nrcpt == 0 || arena_full(j->arena)) {
        v = too_large(l, w);
    } else if (intake_apart(j->g, size)) {
        keep_rcpt(l);
        l->task =
            (struct intake_task){.run = run, .finish = finish, .free = letter_free, .size = size};
        intake_task(j->in, &l->task);
        return 0;
    } else {
        make(l);
        *w = l->why;
        v = l->v < 0 ? l->v : take(l, j->in, false, w);
    }
    letter_free(&l->task);
    return v;
}

void letter_drop(struct letter **l)
{
    if (*l != NULL)
        letter_free(&(*l)->task);
    *l = NULL;
}
