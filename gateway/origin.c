/* gateway/origin.c -- RESTRICT and SECURE at the NJE door. */
#include "gateway/origin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "gateway/dsn.h"
#include "gateway/fromnje.h"
#include "gateway/ibmlog.h"

#define MEMO_MAX 65536u
#define QUOTE_MAX_ORIGIN 65536u /* a longer text comes back as the file it was */

struct origin {
    struct gate *g;
    struct intake *in;
    struct body *deck;
    const struct njefile_in *file;
};

bool origin_may(struct gate *g, struct str user, struct str node)
{
    struct restrict_row row;
    struct why w;
    struct arena *a = arena_new(65536);
    bool may =
        admit_restricted(g, user, node, a, &row, &w) == 0 && admit_sender(g, user, node, &w) == 0;
    arena_free(&a);
    return may;
}

/* --- RESTRICT --- */

static int transfer(const struct origin *o, struct str to, struct why *w)
{
    struct gate *g = o->g;
    struct why gone;
    if (conf_transfer(g->conf, to, &gone) < 0)
        return fromnje_return(g, o->in, o->deck, &gone, w);
    ptrdiff_t at = str_find(to, '@');
    struct admitted dest = {.user = at < 0 ? to : str_sub(to, 0, (size_t)at),
                            .node = at < 0 ? g->conf->local : str_sub(to, (size_t)at + 1, to.n)};
    dest.to = admit_is_local_node(g, dest.node) ? DOOR_LOCAL : DOOR_NJE;
    struct njefile_edit edit = {.to_user = dest.user, .to_node = dest.node};
    struct body *copy;
    struct cur bytes = body_cur(o->deck, w);
    int v = cur_left(&bytes) > 0 ? njefile_copy(g->store, bytes, &edit, &copy, w) : w->err;
    if (v < 0)
        return v;
    v = intake_deck(o->in, copy, DOOR_LOCAL, STR(""), &dest, w);
    body_free(&copy);
    return v;
}

static int restricted(const struct origin *o, const struct restrict_row *row, struct why *w)
{
    struct why reason;
    const struct njefile_in *f = o->file;
    why_set(&reason, E_DENIED, 550, "5.7.1", "User '%.*s@%.*s' may not use this gateway (RESTRICT)",
            STR_ARG(f->from_user), STR_ARG(f->from_node));
    intake_journal(o->in, "restricted", "from=%.*s@%.*s action=%s %.*s", STR_ARG(f->from_user),
                   STR_ARG(f->from_node), restrictrow_name(row->action), STR_ARG(row->transfer));
    log_event(LOG_INFO, intake_id(o->in), "restricted", "from=%.*s@%.*s action=%s",
              STR_ARG(f->from_user), STR_ARG(f->from_node), restrictrow_name(row->action));
    o->g->stat.refused++;
    if (row->action == RESTRICT_RETURN)
        return fromnje_return(o->g, o->in, o->deck, &reason, w);
    return row->action == RESTRICT_TRANSFER ? transfer(o, row->transfer, w) : 0;
}

/* --- SECURE --- */

/* NETDATA only, and its origin is the file's: cards name nobody, and a NETDATA that names somebody
 * else is made by hand. Both are claims; the file's own origin was held against its link. */
static int check_secure(const struct origin *o, enum policy_source source, struct why *w)
{
    const struct njefile_in *f = o->file;
    if (!f->netdata && source != FROM_LOCAL)
        return why_set(w, E_DENIED, 550, "5.7.1",
                       "User '@' is not a registered gateway user: the file is not in NETDATA, "
                       "which a secure gateway asks for");
    if (f->netdata && f->nd_user.n > 0 &&
        (!str_eq_nocase(f->nd_user, f->from_user) || !str_eq_nocase(f->nd_node, f->from_node)))
        return why_set(w, E_DENIED, 550, "5.7.1",
                       "Spool File Origin: <%.*s@%.*s> does not match Sender's Address: %.*s@%.*s",
                       STR_ARG(f->from_user), STR_ARG(f->from_node), STR_ARG(f->nd_user),
                       STR_ARG(f->nd_node));
    return admit_sender(o->g, f->from_user, f->from_node, w);
}

/* The text of MEMO as it is now: it is read each time, so that a new one needs no restart. */
static void put_memo(struct gate *g, struct buf *b)
{
    const char *path = g->conf->memo.p;
    if (g->conf->memo.n == 0) {
        buf_z(b, "You are not registered with this gateway, so your mail was not delivered.\n"
                 "Ask its administrator to be registered.\n");
        return;
    }
    FILE *f = fopen(path, "r");
    if (f == NULL) {
        log_event(LOG_ERROR, 0, "memo", "file=%s error=%s", log_quote(g->conf->memo),
                  strerror(errno));
        return;
    }
    char piece[1024];
    size_t total = 0;
    for (size_t n; (n = fread(piece, 1, sizeof piece, f)) > 0 && total < MEMO_MAX; total += n)
        buf_add(b, piece, n);
    fclose(f);
    if (b->n > 0 && b->p[b->n - 1] != '\n')
        buf_u8(b, '\n');
}

static struct str text_of(const struct njefile_in *f)
{
    if (f->nitem == 1 && f->item[0].text && f->item[0].content.n <= QUOTE_MAX_ORIGIN)
        return f->item[0].content;
    return STR("");
}

static void send_memo(const struct origin *o, const struct why *reason, struct str text)
{
    struct buf b;
    struct gate *g = o->g;
    const struct njefile_in *f = o->file;
    struct str host = g->names.hostname;
    buf_init(&b, MEMO_MAX + QUOTE_MAX_ORIGIN + 4096);
    buf_printf(&b, "%.*s unable to deliver following mail to recipient(s):\n    %.*s@%.*s\n",
               STR_ARG(host), STR_ARG(f->to_user), STR_ARG(f->to_node));
    buf_printf(&b, "%.*s received negative reply:\n%d %s\n\n", STR_ARG(host), why_smtp(reason),
               reason->text);
    put_memo(g, &b);
    if (text.n > 0) {
        buf_z(&b, "\n          ** Text of Mail follows **\n");
        buf_str(&b, text);
    }
    dsn_note(g, o->in, f->from_user, f->from_node, STR("Undeliverable Mail"), buf_text(&b));
    buf_done(&b);
    if (g->conf->notify_failed)
        intake_tell(o->in, f->from_user, f->from_node, "File %.*s %.*s (%u) was not taken: %s",
                    STR_ARG(f->fn), STR_ARG(f->ft), f->njh.job_id, reason->text);
}

static int unregistered(const struct origin *o, const struct why *reason, struct why *w)
{
    const struct njefile_in *f = o->file;
    struct str text = text_of(f);
    bool ours = admit_is_local_node(o->g, f->from_node);
    intake_journal(o->in, "refused", "from=%.*s@%.*s reason=%s", STR_ARG(f->from_user),
                   STR_ARG(f->from_node), reason->text);
    log_event(LOG_INFO, intake_id(o->in), "refused", "from=%.*s@%.*s reason=%s",
              STR_ARG(f->from_user), STR_ARG(f->from_node), log_quote(str_of(reason->text)));
    ibmlog_unregistered(o->g, f->from_user, f->from_node);
    o->g->stat.refused++;
    bool reader = ours && conf_user_of(o->g->conf, f->from_user) != NULL;
    if (reader || (!ours && fromnje_way_back(o->g, f->from_node))) {
        send_memo(o, reason, text);
        if (text.n > 0)
            return 0;
    }
    return fromnje_return(o->g, o->in, o->deck, reason, w);
}

int origin_check(struct gate *g, struct intake *in, struct body *deck, enum policy_source source,
                 const struct njefile_in *file, struct why *w)
{
    struct origin o = {.g = g, .in = in, .deck = deck, .file = file};
    struct restrict_row row;
    struct why reason;
    struct arena *a = arena_new(65536);
    int v = admit_restricted(g, file->from_user, file->from_node, a, &row, w);
    if (v > 0) {
        v = restricted(&o, &row, w);
    } else if (v == 0) {
        v = 1;
        if (g->conf->secure && check_secure(&o, source, &reason) < 0) {
            v = reason.err == E_DENIED ? unregistered(&o, &reason, w) : reason.err;
            if (reason.err != E_DENIED)
                *w = reason;
        }
    }
    arena_free(&a);
    return v;
}
