/* gateway/njemsg.c -- messages and commands (NMR): ours, those for us, and those handed on. */
#include <string.h>

#include "base/log.h"
#include "db/readerrow.h"
#include "gateway/file/njefile.h"
#include "gateway/gate/admit.h"
#include "gateway/gate/snadsgate.h"
#include "gateway/intake.h"
#include "gateway/nje_private.h"

#define NO_BLANK 40u /* a piece of a long text this short is not ended at its blank */

/* A message for one of our own users goes to his reader: nobody is logged on here. */
static bool tell_local(struct nje *n, struct str from_user, struct str from_node, struct str user,
                       struct str text)
{
    struct gate *g = n->g;
    const struct conf_user *u = conf_user_of(g->conf, user);
    if (u == NULL)
        return false;
    struct reader_row row = {.user = u->userid,
                             .fn = STR("MESSAGE"),
                             .ft = STR("MSG"),
                             .class = 'A',
                             .records = 1,
                             .date = wall_now(),
                             .kind = STR("MSG")};
    struct njefile_spec spec = {.from_user = from_user.n > 0 ? from_user : STR("RSCS"),
                                .from_node = from_node,
                                .to_user = u->userid,
                                .to_node = g->conf->local,
                                .fn = row.fn,
                                .ft = row.ft,
                                .form = STR("QUMSG"),
                                .class = 'A',
                                .format = FORMAT_PUNCH,
                                .page = conf_page_here(g->conf, u->userid, from_user, from_node),
                                .id = 0,
                                .now = row.date};
    struct njefile_out out;
    struct why w;
    struct arena *a = arena_new(8192);
    row.from = arena_printf(a, "%.*s@%.*s", STR_ARG(from_user), STR_ARG(from_node));
    bool ok = njefile_text(g->store, &spec, text, 65536, &out, &w) == 0;
    if (ok) {
        struct change *c = change_new(g->store);
        change_reader(c, &row, out.deck);
        change_commit(&c, NULL, NULL);
        body_free(&out.deck);
    }
    arena_free(&a);
    return ok;
}

/* As much of the text as one message holds, cut at a blank where there is one. Taken off *text. */
static void next_piece(struct nmr *m, const struct ebc_page *page, struct str *text)
{
    size_t take = text->n < NMR_TEXT_MAX ? text->n : NMR_TEXT_MAX;
    do {
        while (take > 1 && take < text->n && ((unsigned char)text->p[take] & 0xC0u) == 0x80u)
            take--; /* within a character */
        ptrdiff_t blank = take < text->n ? str_find_last(str_sub(*text, 0, take + 1), ' ') : -1;
        if (blank > (ptrdiff_t)NO_BLANK)
            take = (size_t)blank;
        nmr_set_text(m, page, str_sub(*text, 0, take));
        if (m->ntext <= NMR_TEXT_MAX || take < 8)
            break;
        take -= take / 4; /* shifts and replacements have made it longer */
    } while (true);
    *text = str_trim(str_sub(*text, take, text->n));
}

bool nje_tell(struct nje *n, struct str from_user, struct str from_node, struct str user,
              struct str node, struct str text)
{
    if (admit_is_local_node(n->g, node))
        return tell_local(n, from_user, from_node, user, text);
    struct line *l = nje_line_to(n, node);
    if (l == NULL)
        return false;
    const struct ebc_page *page = conf_page_for(n->g->conf, user, node);
    struct nmr m = {.from_node = ebc_name_of(from_node),
                    .from_user = ebc_name_of(from_user),
                    .to_node = ebc_name_of(node),
                    .to_user = ebc_name_of(user)};
    bool ok = true;
    while (text.n > 0 && ok) {
        next_piece(&m, page, &text);
        ok = link_message(l->link, &m);
    }
    return ok;
}

static bool send_pieces(struct link *link, const struct nmr *m, const struct ebc_page *page)
{
    struct ebc_cut cut;
    struct cur record;
    struct nmr piece = *m;
    bool ok = true;
    ebc_cut_begin(&cut, page, cur_of(m->text, m->ntext));
    while (ok && ebc_cut_next(&cut, NMR_TEXT_MAX, &record)) {
        piece.ntext = cur_left(&record);
        memcpy(piece.text, record.p, piece.ntext);
        ok = link_message(link, &piece);
    }
    ebc_cut_end(&cut);
    return ok;
}

int nje_route(struct nje *n, const struct nmr *m, const char *from_link, struct why *w)
{
    char text[9], name[9];
    struct str node = ebc_name_text(&m->to_node, text), user = ebc_name_text(&m->to_user, name);
    const struct line *out = nje_line_to(n, node);
    if (out == NULL || strcmp(out->name, from_link) == 0)
        return why_set(w, E_ABSENT, 0, NULL, "Node %.*s not recognised.", STR_ARG(node));
    if (m->command && m->ntext > NMR_COMMAND_MAX)
        return why_set(w, E_LIMIT, 0, NULL,
                       "The command for node %.*s has %zu characters, %u can be sent",
                       STR_ARG(node), m->ntext, NMR_COMMAND_MAX);
    bool ok = m->command ? link_message(out->link, m)
                         : send_pieces(out->link, m, conf_page_for(n->g->conf, user, node));
    if (!ok)
        return why_set(w, E_TEMP, 0, NULL, "Node %.*s cannot be reached now: link %s is not up",
                       STR_ARG(node), out->name);
    return 0;
}

/* --- what comes --- */

void nje_answer(void *arg, struct str user, struct str node, struct str line)
{
    struct nje *n = arg;
    (void)nje_tell(n, STR(""), n->g->conf->local, user, node, line);
}

void nje_reply(struct nje *n, struct str user, struct str node, struct str line)
{
    pace_say(n->pace, user, node, line);
}

void nje_got_message(void *arg, const struct nmr *m)
{
    struct line *l = arg;
    struct nje *n = l->nje;
    char fu[9], fn[9], tu[9], tn[9];
    struct str user = ebc_name_text(&m->from_user, fu);
    struct str from_node = ebc_name_text(&m->from_node, fn),
               to_node = ebc_name_text(&m->to_node, tn);
    struct str to_user = ebc_name_text(&m->to_user, tu);
    struct buf text;
    db_refresh(store_reader(n->g->store));
    buf_init(&text, 1024);
    nmr_text(m, conf_page_for(n->g->conf, user, from_node), &text);
    if (!nje_origin_ok(l, from_node)) {
        log_event(LOG_WARN, 0, "message-dropped", "link=%s from=%.*s@%.*s reason=%s", l->name,
                  STR_ARG(user), STR_ARG(from_node),
                  log_quote(STR("its node does not lie behind this link (ORIGIN=VERIFY)")));
    } else if (snadsgate_here(n->g, user, from_node, to_node)) {
        log_event(LOG_DEBUG, 0, "message", "link=%s from=%.*s@%.*s to=%.*s text=%s", l->name,
                  STR_ARG(user), STR_ARG(from_node), STR_ARG(to_user), log_quote(buf_text(&text)));
        const struct nje_asked q = {.user = user,
                                    .node = from_node,
                                    .link = l->name,
                                    .to_user = to_user,
                                    .to_node = to_node,
                                    .text = buf_text(&text),
                                    .command = m->command};
        n->g->asked(n->g, &q);
    } else {
        struct why w;
        if (nje_route(n, m, l->name, &w) < 0 && user.n > 0 && (text.n == 0 || text.p[0] != '*'))
            nje_reply(n, user, from_node, str_of(w.text));
    }
    buf_done(&text);
}
