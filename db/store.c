/* db/store.c -- the loop's side of the durable store: gathers changes, hands them to the writer
 * thread once a turn, runs their callbacks when it answers. */
#include <errno.h>
#include <stdatomic.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "db/change.h"
#include "db/spool.h"
#include "db/writer.h"

#define INLINE_MAX 65536
#define COMPANY_MS 50 /* how long a change without callback waits for others */
#define RETRY_MS 1000
#define JOURNAL_DAYS 60
#define US_PER_DAY (INT64_C(86400) * US_PER_S)

struct store {
    struct store_set set;
    struct spool *spool;
    struct db *writing, *reading;
    struct writer *writer;
    struct tally *tally;
    struct tally_log *log;
    int wake_fd;
    struct watch *watch;
    struct timer flush, retry;
    bool urgent;
    struct change_list filling; /* given, not yet with the writer */
    size_t pending;
    struct op *seen; /* keys in changes not yet durable */
    _Atomic msg_id next_id;
    struct wall stamp;
};

struct spool *store_spool(struct store *s)
{
    return s->spool;
}

size_t store_inline_max(const struct store *s)
{
    return s->set.keep.inline_max;
}

struct db *store_reader(struct store *s)
{
    return s->reading;
}

msg_id store_next_id(struct store *s)
{
    return atomic_fetch_add(&s->next_id, 1);
}

bool store_has_journal(const struct store *s)
{
    return s->set.keep.journal_days > 0;
}

uint64_t store_queued(struct store *s)
{
    return tally_messages(s->tally);
}

void store_queued_each(struct store *s, void (*fn)(void *arg, struct str dest, uint64_t n),
                       void *arg)
{
    tally_each(s->tally, fn, arg);
}

size_t store_pending(const struct store *s)
{
    return s->pending;
}

/* Two events of one microsecond get different stamps; a clock that was set back is believed. */
struct wall store_stamp(struct store *s)
{
    struct wall now = wall_now();
    if (now.us <= s->stamp.us && now.us > s->stamp.us - US_PER_S)
        now.us = s->stamp.us + 1;
    s->stamp = now;
    return now;
}

/* --- giving --- */

static void hand_over(void *arg)
{
    struct store *s = arg;
    loop_disarm(s->set.loop, &s->flush);
    s->urgent = false;
    if (s->filling.first != NULL)
        writer_give(s->writer, &s->filling);
}

static void list_seen(struct store *s, struct change *c)
{
    for (struct op *o = c->first; o != NULL; o = o->next) {
        if (o->kind != OP_SEEN)
            continue;
        o->seen.next = s->seen;
        s->seen = o;
    }
}

static void unlist_seen(struct store *s, const struct change *c)
{
    for (const struct op *o = c->first; o != NULL; o = o->next) {
        if (o->kind != OP_SEEN)
            continue;
        struct op **at = &s->seen;
        while (*at != NULL && *at != o)
            at = &(*at)->seen.next;
        if (*at != NULL)
            *at = o->seen.next;
    }
}

/* An urgent change goes when the turn's callbacks have run: a timer of no time, so that all changes
 * of the turn go together. */
void store_give(struct store *s, struct change *c)
{
    s->pending++;
    list_seen(s, c);
    change_list_add(&s->filling, c);
    if (c->fn != NULL && !c->patient && !s->urgent) {
        s->urgent = true;
        loop_disarm(s->set.loop, &s->flush);
        loop_arm(s->set.loop, &s->flush, 0, hand_over, s);
    } else if (s->flush.slot == 0) {
        loop_arm(s->set.loop, &s->flush, COMPANY_MS, hand_over, s);
    }
}

/* --- hearing --- */

static void tell(struct store *s, struct change *c)
{
    unlist_seen(s, c);
    s->pending--;
    bool refused = c->verdict == CHANGE_REFUSED;
    if (c->fn != NULL)
        c->fn(c->arg, refused ? &c->why : NULL);
    else if (refused && s->set.trouble != NULL)
        s->set.trouble(s->set.trouble_arg, &c->why);
    change_free(c);
}

static void tell_all(struct store *s, struct change_list *done)
{
    for (struct change *c = done->first, *next; c != NULL; c = next) {
        next = c->next;
        tell(s, c);
    }
}

static void retry(void *arg)
{
    struct store *s = arg;
    writer_retry(s->writer);
}

static void hear(void *arg, unsigned events)
{
    struct store *s = arg;
    (void)events;
    uint64_t count;
    if (read(s->wake_fd, &count, sizeof count) < 0 && errno == EAGAIN)
        return;
    struct writer_news news;
    writer_news(s->writer, &news);
    if (news.failed && s->set.trouble != NULL)
        s->set.trouble(s->set.trouble_arg, &news.why);
    if (news.kept > 0 && s->retry.slot == 0)
        loop_arm(s->set.loop, &s->retry, RETRY_MS, retry, s);
    tell_all(s, &news.done);
}

bool store_seen(struct store *s, struct str key)
{
    for (const struct op *o = s->seen; o != NULL; o = o->seen.next)
        if (str_eq(o->seen.key, key))
            return true;
    struct why w;
    struct sqlite3_stmt *st =
        db_stmt(s->reading, "SELECT 1 FROM seen WHERE key = ? AND until > ?", &w);
    if (st == NULL)
        return false;
    db_bind_str(st, 1, key);
    sqlite3_bind_int64(st, 2, wall_now().us);
    bool seen = db_step(st, &w) > 0;
    db_done(st);
    return seen;
}

/* --- opening and closing --- */

/* A checkpoint would sync in the middle of a turn or of a batch: the writer makes them in its
 * rests. */
static int open_connections(struct store *s, struct why *w)
{
    int rc = db_open(&s->writing, s->set.path, DB_CREATE, w);
    if (rc == OK)
        rc = db_open(&s->reading, s->set.path, DB_WRITE, w);
    if (rc < 0)
        return rc;
    sqlite3_wal_autocheckpoint(db_handle(s->writing), 0);
    sqlite3_wal_autocheckpoint(db_handle(s->reading), 0);
    return OK;
}

static void set_keep(struct store *s, const struct store_keep *keep)
{
    s->set.keep = *keep;
    if (keep->inline_max == 0)
        s->set.keep.inline_max = INLINE_MAX;
    if (keep->journal_days == 0)
        s->set.keep.journal_days = JOURNAL_DAYS;
}

/* Without a journal the rows of an earlier one go, too: all are older than tomorrow. */
static struct writer_keep writers_keep(const struct store_keep *keep)
{
    return (struct writer_keep){keep->journal_days * US_PER_DAY, keep->journal_bytes};
}

void store_keep(struct store *s, const struct store_keep *keep)
{
    set_keep(s, keep);
    struct writer_keep writers = writers_keep(&s->set.keep);
    writer_keep(s->writer, &writers);
}

static int start_writer(struct store *s, struct why *w)
{
    s->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (s->wake_fd < 0)
        return why_set(w, E_PERM, 0, NULL, "no eventfd: %s", strerror(errno));
    struct writer_set set = {.db = s->writing,
                             .spool = s->spool,
                             .wake_fd = s->wake_fd,
                             .tally = s->tally = tally_new(),
                             .keep = writers_keep(&s->set.keep)};
    msg_id next = 0;
    int rc = apply_start(&set.apply, s->writing, &next, w);
    atomic_init(&s->next_id, next);
    set.apply.log = s->log = tally_log_new();
    if (rc == OK)
        rc = tally_load(s->tally, s->reading, w);
    if (rc == OK)
        rc = spool_sweep(s->spool, s->writing, w);
    if (rc == OK)
        rc = writer_start(&s->writer, &set, w);
    if (rc == OK)
        s->watch = loop_watch(s->set.loop, s->wake_fd, LOOP_READ, hear, s);
    return rc;
}

static void free_store(struct store *s)
{
    if (s->watch != NULL)
        loop_unwatch(&s->watch);
    if (s->wake_fd >= 0)
        close(s->wake_fd);
    if (s->spool != NULL)
        spool_close(s->spool);
    db_close(&s->reading);
    db_close(&s->writing);
    tally_free(&s->tally);
    tally_log_free(&s->log);
    spool_free(&s->spool);
    free(s);
}

static bool holds_something(const char *path, const char *tail)
{
    struct stat st;
    size_t size = strlen(path) + strlen(tail) + 1;
    char *name = mem_new(size);
    (void)snprintf(name, size, "%s%s", path, tail);
    bool some = stat(name, &st) == 0 ? st.st_size > 0 : errno != ENOENT;
    free(name);
    return some;
}

/* A database that is not where it was is not made anew: that would lose the queue for good. */
static int not_lost(const struct store *s, struct why *w)
{
    const char *path = s->set.path;
    bool file = holds_something(path, ""), wal = holds_something(path, "-wal");
    if (file || (!wal && !spool_used(s->spool)))
        return OK;
    return why_set(w, E_PERM, 0, NULL,
                   "the database %s is gone, but %s was used with one: put it back (njegate "
                   "restore), or, to give up the queue, move that folder away",
                   path, spool_folder(s->spool));
}

int store_open(struct store **out, const struct store_set *set, struct why *w)
{
    *out = NULL;
    struct store *s = mem_new(sizeof *s);
    s->set = *set;
    s->wake_fd = -1;
    set_keep(s, &set->keep);
    change_list_init(&s->filling);
    /* The lock comes first: nothing is opened, migrated or swept under another daemon's hands. */
    int rc = spool_open(&s->spool, set->spooldir, w);
    if (rc == OK)
        rc = not_lost(s, w);
    if (rc == OK)
        rc = open_connections(s, w);
    if (rc == OK)
        rc = start_writer(s, w);
    if (rc == OK)
        spool_set_used(s->spool);
    if (rc < 0)
        free_store(s);
    else
        *out = s;
    return rc;
}

/* A callback may give further changes; the writer has gone, so they are refused. */
static void refuse_rest(struct store *s)
{
    while (s->filling.first != NULL) {
        struct change_list rest;
        change_list_init(&rest);
        change_list_join(&rest, &s->filling);
        for (struct change *c = rest.first; c != NULL; c = c->next) {
            c->verdict = CHANGE_REFUSED;
            why_set(&c->why, E_TEMP, 451, "4.3.2", "njegate is stopping");
        }
        tell_all(s, &rest);
    }
}

void store_close(struct store **sp)
{
    struct store *s = *sp;
    *sp = NULL;
    if (s == NULL)
        return;
    hand_over(s);
    struct writer_news news;
    writer_stop(&s->writer, &news);
    tell_all(s, &news.done);
    refuse_rest(s);
    loop_disarm(s->set.loop, &s->flush);
    loop_disarm(s->set.loop, &s->retry);
    free_store(s);
}
